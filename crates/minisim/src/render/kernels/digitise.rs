//! The camera: light to counts.
//!
//! A pixel of intensity x detects λ = max(x, 0) · electrons_per_unit electrons on average. It holds
//! Poisson(λ) + N(0, read_noise_e²) electrons, and reads `clip(floor(electrons · gain), 0, max_count)`. The Poisson count
//! is a true one at every λ: no normal approximation, only the resolution of the 32-bit words it is drawn from.
//!
//! # Method
//! Poisson counts add: a Poisson(λ) is the sum of independent ones of means λ₁ + λ₂ + … = λ. So λ is written as an integer
//! and a remainder in [0, 1), and the integer in digits: its low 8 bits, then 4 bits at a time up to 2²⁰. Each digit's
//! Poisson comes from one word by an alias table with integer masses (Walker, "An efficient method for generating discrete
//! random variables with general distributions", ACM Trans. Math. Softw. 3, 1977), the remainder's by inversion. A digit
//! that no pixel of a group has is not drawn. From λ = 2²⁰ on, [`Key::poisson`] draws by rejection. Where a pixel
//! saturates with a probability above 1 - 10⁻³⁰, λ is lowered to where that begins, so any intensity is cheap.
//!
//! Read noise is drawn with the units: floor(n + x) = n + floor(x) for whole n, so where whole electrons are enough to tell
//! the count (a gain of 1, ½, ¼, …), the units' tables hold Poisson(units) + N(0, read_noise_e²), floored, to the same
//! 32 bits. With another gain, or more noise than the tables have room for, it is a normal number of its own by Box and
//! Muller's transform, in single precision, reaching 6.6 standard deviations.
//!
//! # Which words a pixel gets
//! Pixels go in blocks of 1024, and blocks in groups of 64. A block has 16 generators xoshiro128++ (Blackman and Vigna,
//! "Scrambled linear pseudorandom number generators", ACM Trans. Math. Softw. 47, 2021) for each stream; the state of
//! generator l of stream s is the Philox block at entity t (the frame), index `(block * 8 + s) * 16 + l`. Pixel i of the frame
//! is number `i % 64 = 16 q + l` of its group and draws from generator l. From the main stream a group takes eight words of
//! each generator: four (for q = 0 to 3) for the remainders, four for the units; from the stream of the noise, where that is
//! drawn by itself, and from the streams of the higher digits four each. They are taken whether needed or not, so a pixel's
//! words depend on its place alone. A normal number takes the noise words of two pixels, 32 apart, and serves both: one has
//! its cosine, the other its sine. This map does not depend on the width of the machine's vectors, nor on how an image is
//! cut up, and is fixed for ever.
//!
//! What every pixel needs is written in vectors; the rest is plain loops over a group, compiled for several levels of vector
//! instructions.
#![expect(unsafe_code, reason = "conversions to integers that vectorise")]

pub use crate::plan::DigitiseModel;
use crate::{
    level::{Ints, Kernel, Level, Mask, Wide},
    math,
    rng::{Key, LANES},
};

/// Pixels in a group.
const GROUP: usize = 64;

/// Pixels in a block: those that share generators.
const BLOCK: u64 = 1024;

/// Streams that the word map has room for.
const STREAMS: u64 = 8;

/// The generators of a block, by what their words are for; part of the word map.
#[derive(Clone, Copy)]
enum Stream {
    /// The fraction of λ, and its units (the integer part modulo 256).
    Main = 0,
    /// The multiples of 2⁸ in λ, below 2¹².
    Digit8 = 1,
    /// The multiples of 2¹² in λ, below 2¹⁶.
    Digit12 = 2,
    /// The multiples of 2¹⁶ in λ, below 2²⁰.
    Digit16 = 3,
    /// Read noise that is not in the tables.
    Noise = 4,
}

/// A value for each pixel of a group. Aligned, for a vector that lies on two cache lines costs twice.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Group<T>([T; GROUP]);

impl<T> std::ops::Deref for Group<T> {
    type Target = [T; GROUP];

    #[inline(always)]
    fn deref(&self) -> &[T; GROUP] {
        &self.0
    }
}

impl<T> std::ops::DerefMut for Group<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T; GROUP] {
        &mut self.0
    }
}

/// Sixteen generators xoshiro128++ side by side: `state[w][l]` is word w of generator l.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Generators {
    state: [[u32; LANES]; 4],
}

impl Generators {
    /// Words for each pixel of a group, `N` times: that of pixel `16 q + l` is the q-th next of generator l.
    #[inline(always)]
    fn next<V: Wide, const N: usize>(&mut self) -> [Group<u32>; N] {
        let mut words = [Group([0; GROUP]); N];
        for at in (0..LANES).step_by(V::LANES) {
            let [mut s0, mut s1, mut s2, mut s3] = [
                <V::Ints as Ints>::load(&self.state[0][at..]),
                <V::Ints as Ints>::load(&self.state[1][at..]),
                <V::Ints as Ints>::load(&self.state[2][at..]),
                <V::Ints as Ints>::load(&self.state[3][at..]),
            ];
            for words in &mut words {
                for q in 0..GROUP / LANES {
                    s0.add(s3).rotate_left::<7, 25>().add(s0).store(&mut words[q * LANES + at..]);
                    let t = s1.shl::<9>();
                    s2 = s2.xor(s0);
                    s3 = s3.xor(s1);
                    s1 = s1.xor(s2);
                    s0 = s0.xor(s3);
                    s2 = s2.xor(t);
                    s3 = s3.rotate_left::<11, 21>();
                }
            }
            for (state, s) in self.state.iter_mut().zip([s0, s1, s2, s3]) {
                s.store(&mut state[at..]);
            }
        }
        words
    }

    /// Leaves out the words of `n` groups that take `per_group` words a pixel.
    #[inline(always)]
    fn skip<V: Wide>(&mut self, n: u64, per_group: u64) {
        for _ in 0..n * per_group {
            self.next::<V, 1>();
        }
    }
}

/// λ (e⁻) from which counts are drawn by rejection.
const TABLE_LIMIT: f32 = 1_048_576.0;

impl DigitiseModel {
    /// λ beyond which a pixel reads `max_count` with a probability above 1 - 10⁻³⁰: even 12 standard deviations below the
    /// mean, of either noise, clip.
    fn saturation_e(&self) -> f32 {
        let clip_e = (f64::from(self.max_count) + 1.0) / self.gain_adu_per_e + 12.0 * self.read_noise_e.abs();
        let root = 6.0 + (36.0 + clip_e).sqrt();
        let lambda = (root * root).ceil() as f32;
        // Not a number or infinite for a senseless gain; then nothing saturates.
        if lambda < f32::MAX { lambda } else { f32::MAX }
    }
}

/// A sample type that counts are stored in.
pub trait Count: Copy + Default + Send + Sync {
    /// The count, or the type's largest value if that is less.
    fn from_count(count: u32) -> Self;
}

impl Count for u8 {
    #[inline(always)]
    fn from_count(count: u32) -> Self {
        count.min(0xff) as u8
    }
}

impl Count for u16 {
    #[inline(always)]
    fn from_count(count: u32) -> Self {
        count.min(0xffff) as u16
    }
}

/// Exact up to 2²⁴.
impl Count for f32 {
    #[inline(always)]
    fn from_count(count: u32) -> Self {
        // By way of i32, for which every machine has a conversion; counts stay below 2³¹.
        count as i32 as f32
    }
}

/// Alias tables of Poisson distributions whose means are `digit << SHIFT`, `digit` in 0..`ROWS`.
///
/// Each has `1 << BITS` columns: column c of a row stands for the count `mean - BELOW + c`. The low bits of a word choose a
/// column; its upper bits, compared with those of the entry, decide between the column and the alias in the entry's low
/// bits. So each count has a whole number of the 2³² words. Both are compared as signed numbers, as all machines can.
#[derive(Clone, Debug)]
struct Tables<const SHIFT: u32, const BITS: u32> {
    entries: Box<[u32]>,
}

/// `[row << BITS | column]`, 256 means from 0 to 255.
type Units = Tables<0, 8>;
type Digits8 = Tables<8, 10>;
type Digits12 = Tables<12, 12>;
type Digits16 = Tables<16, 14>;

impl<const SHIFT: u32, const BITS: u32> Tables<SHIFT, BITS> {
    /// The units are one digit of 8 bits, the others have 4.
    const ROWS: u32 = if SHIFT == 0 { 256 } else { 16 };
    const COLUMNS: u32 = 1 << BITS;
    /// The bits that choose a column.
    const COLUMN: u32 = Self::COLUMNS - 1;
    /// Columns below the mean. Seven and a half standard deviations of the row with the widest Poisson distribution; more
    /// remain above, where its tail is longer. What lies outside has less than half of a word of probability.
    const BELOW: u32 = Self::COLUMNS / 32 * 15;

    /// Whether there is room for normal noise as well: 6.4 standard deviations leave half a word outside.
    fn hold(noise_e: f64) -> bool {
        let largest_mean = f64::from((Self::ROWS - 1) << SHIFT);
        6.5 * (largest_mean + noise_e * noise_e).sqrt() < f64::from(Self::BELOW)
    }

    /// Tables of the digits that occur up to λ = `largest`. With `noise_e`, the rows are of counts plus normal noise of that
    /// standard deviation, floored.
    fn new(largest: u32, noise_e: f64) -> Self {
        let rows = Self::ROWS.min((largest >> SHIFT) + 1);
        let noise = floored_normal(noise_e, Self::COLUMNS as usize);
        let mut entries = Vec::with_capacity((rows << BITS) as usize);
        let (mut poisson, mut noisy) = (vec![0.0; Self::COLUMNS as usize], vec![0.0; Self::COLUMNS as usize]);
        for row in 0..rows {
            poisson_terms(row << SHIFT, Self::BELOW, &mut poisson);
            convolve(&poisson, &noise, &mut noisy);
            alias_row(&mut masses(&noisy), BITS, &mut entries);
        }
        Self { entries: entries.into_boxed_slice() }
    }

    /// Adds a count with the mean of the digit of each `lambda` to `counts`.
    ///
    /// # Safety
    /// The machine must have the level, and no λ may be larger than what the tables were made for.
    #[inline(always)]
    unsafe fn add<V: Wide>(&self, words: &[u32; GROUP], lambda: &[u32; GROUP], counts: &mut [u32; GROUP]) {
        for at in (0..GROUP).step_by(V::LANES) {
            // SAFETY: the caller's promise.
            let drawn = unsafe { self.draw::<V>(Ints::load(&words[at..]), Ints::load(&lambda[at..])) };
            drawn.add(Ints::load(&counts[at..])).store(&mut counts[at..]);
        }
    }

    /// A count with the mean of the digit of each `lambda`.
    ///
    /// # Safety
    /// As of [`Self::add`].
    #[inline(always)]
    unsafe fn draw<V: Wide>(&self, words: V::Ints, lambda: V::Ints) -> V::Ints {
        let splat = <V::Ints as Ints>::splat;
        let column = splat(Self::COLUMN);
        let digit = lambda.shr::<SHIFT>().and(splat(Self::ROWS - 1));
        // SAFETY: `new` made a row for each digit that λ can have.
        let entry = unsafe { Ints::gather(&self.entries, digit.shl::<BITS>().or(words.and(column))) };
        // With its low bits set, a word is below an entry only if its upper bits are.
        let within = entry.greater(words.or(column));
        let chosen = words.select(within, entry).and(column);
        digit.shl::<SHIFT>().add(chosen).add(splat(Self::BELOW.wrapping_neg()))
    }
}

/// Terms proportional to the Poisson probabilities of the counts from `mean - below` on; 0 for negative ones.
fn poisson_terms(mean: u32, below: u32, terms: &mut [f64]) {
    // The mode is the mean; from there the terms fall on either side by ratios.
    let mode = below as usize;
    let mean = f64::from(mean);
    let count = |c: usize| mean + c as f64 - f64::from(below);
    terms[mode] = 1.0;
    for c in mode + 1..terms.len() {
        terms[c] = terms[c - 1] * mean / count(c);
    }
    for c in (0..mode).rev() {
        // From 0 down, the factor is 0.
        terms[c] = if mean > 0.0 { terms[c + 1] * count(c + 1).max(0.0) / mean } else { 0.0 };
    }
}

/// The distribution of a normal number of standard deviation `sd`, floored: shifts and their probabilities, as far as they
/// matter and no farther than `most` either way.
fn floored_normal(sd: f64, most: usize) -> Vec<(isize, f64)> {
    if sd == 0.0 {
        return vec![(0, 1.0)];
    }
    // Beyond 7 standard deviations lie 10⁻¹², far less than a word.
    let reach = ((7.0 * sd).ceil() as isize).min(most as isize);
    // Measured from the nearer tail, so the far ones keep their digits.
    let upper = |x: f64| 0.5 * math::erfc(x / (sd * std::f64::consts::SQRT_2));
    let mass = |k: isize| {
        let (low, high) = (k as f64, (k + 1) as f64);
        if k >= 0 { upper(low) - upper(high) } else { upper(-high) - upper(-low) }
    };
    (-reach..reach).map(|k| (k, mass(k))).collect()
}

/// `out[c] = Σ shares[k] · terms[c - k]`.
fn convolve(terms: &[f64], shares: &[(isize, f64)], out: &mut [f64]) {
    out.fill(0.0);
    for &(shift, share) in shares {
        let (from, to) = (shift.min(0).unsigned_abs().min(terms.len()), shift.max(0) as usize);
        for (out, term) in out.iter_mut().skip(to).zip(&terms[from..]) {
            *out += share * term;
        }
    }
}

/// Probabilities proportional to `terms`, as whole numbers of 2⁻³² that sum to 2³².
fn masses(terms: &[f64]) -> Vec<u64> {
    const WHOLE: f64 = 4_294_967_296.0;
    let total: f64 = terms.iter().sum();
    // Rounding the distribution function, not its steps, leaves no rest: it is right to half a word everywhere.
    let (mut sum, mut assigned) = (0.0, 0);
    let mass = |term: &f64| {
        sum += term;
        let upto = (sum / total * WHOLE).round() as u64;
        let mass = upto - assigned;
        assigned = upto;
        mass
    };
    terms.iter().map(mass).collect()
}

/// Appends the alias table of `1 << bits` masses that sum to 2³² (Vose's construction, in integers, so exact). Thresholds are
/// counted from the least signed number.
fn alias_row(masses: &mut [u64], bits: u32, entries: &mut Vec<u32>) {
    let full = 1_u64 << (32 - bits);
    let start = entries.len();
    let entry = |threshold: u64, alias: usize| ((threshold as u32) << bits | alias as u32) ^ 1 << 31;
    // A column that is full is its own alias, whatever its threshold.
    entries.extend((0..masses.len()).map(|column| entry(0, column)));
    let (mut small, mut large): (Vec<_>, Vec<_>) = (0..masses.len()).partition(|&c| masses[c] < full);
    while let (Some(column), Some(&donor)) = (small.pop(), large.last()) {
        entries[start + column] = entry(masses[column], donor);
        masses[donor] -= full - masses[column];
        if masses[donor] < full {
            large.pop();
            small.push(donor);
        }
    }
}

/// Reciprocal factorials 1/0! to 1/12!.
const TERMS: [f32; 13] = {
    let (mut terms, mut factorial, mut i) = ([1.0; 13], 1.0, 1);
    while i < 13 {
        factorial *= i as f64;
        terms[i] = (1.0 / factorial) as f32;
        i += 1;
    }
    terms
};

/// The remainders' Poisson counts, of means in [0, 1): inversion from the far tail.
///
/// With tails Tⱼ = Σ_{i>j} meanⁱ/i!, the count exceeds j when x = u · e^mean < Tⱼ, and e^mean = 1 + T₀. Summed from the
/// smallest term up, all are accurate to a few units in the last place, the rare counts too.
struct Remainder<V> {
    x: V,
    /// T₀ to T₃.
    tails: [V; 4],
}

impl<V: Wide> Remainder<V> {
    #[inline(always)]
    fn new(words: V::Ints, mean: V) -> Self {
        /// T₃ / mean⁴ = Σ meanⁱ/(i + 4)!, the polynomial of least relative error on [0, 1] (2e-7).
        const QUARTIC: [f32; 5] = [4.166_667e-2, 8.332_999e-3, 1.391_571_4e-3, 1.909_999_6e-4, 3.291_01e-5];
        let mean2 = mean.mul(mean);
        let mut quartic = V::splat(QUARTIC[4]);
        for k in [3, 2, 1, 0] {
            quartic = quartic.mul_add(mean, V::splat(QUARTIC[k]));
        }
        let t3 = quartic.mul(mean2.mul(mean2));
        let t2 = mean2.mul(mean).mul_add(V::splat(TERMS[3]), t3);
        let t1 = mean2.mul_add(V::splat(TERMS[2]), t2);
        let t0 = t1.add(mean);
        // A number in (0, 1) of the word's upper 31 bits.
        let u = words.shr::<1>().to_floats().mul_add(V::splat(STEP), V::splat(0.5 * STEP));
        Self { x: u.mul_add(t0, u), tails: [t0, t1, t2, t3] }
    }

    /// Adds the counts, but 4 at most, to `counts`. For `one` see [`Ints::count`].
    #[inline(always)]
    fn add(&self, counts: V::Ints, one: V::Ints) -> V::Ints {
        let mut counts = counts;
        for tail in self.tails {
            counts = counts.count(self.x.less(tail), one);
        }
        counts
    }

    /// Where the count may exceed 4.
    #[inline(always)]
    fn seldom(&self) -> <V::Ints as Ints>::Mask {
        // T₄ / T₃ at a mean of 1, where it is largest, and a little.
        self.x.less(self.tails[3].mul(V::splat(0.193)))
    }
}

/// Adds what the counts exceed 4 by.
#[cold]
#[inline(never)]
fn add_rare_remainder(x: &[f32; GROUP], mean: &[f32; GROUP], counts: &mut [u32; GROUP]) {
    let mut rare = [false; GROUP];
    for i in 0..GROUP {
        // T₄ / mean⁵ at a mean of 1, where it is largest, and a little.
        let mean2 = mean[i] * mean[i];
        rare[i] = x[i] < 0.009_95 * (mean2 * mean2 * mean[i]);
    }
    for i in (0..GROUP).filter(|i| rare[*i]) {
        // From the smallest tail up; beyond the last term lies less than one word of probability.
        let (mut tail, mut power) = (0.0, [1.0_f32; TERMS.len()]);
        for k in 1..TERMS.len() {
            power[k] = power[k - 1] * mean[i];
        }
        for k in (5..TERMS.len()).rev() {
            tail += TERMS[k] * power[k];
            counts[i] = counts[i].wrapping_add(u32::from(x[i] < tail));
        }
    }
}

/// What a word's upper 31 bits count.
const STEP: f32 = 1.0 / 2_147_483_648.0;

/// Number in (0, 1] of a word's upper 31 bits; the conversion from i32 is one that every machine has.
#[inline(always)]
fn open_unit(word: u32) -> f32 {
    ((word >> 1) as i32 as f32 + 0.5) * STEP
}

/// Natural logarithm of a normal number `x` in (0, 1], to 1 unit in the last place (Cephes' `logf` polynomial).
#[inline(always)]
fn ln_unit(x: f32) -> f32 {
    /// Bits of sqrt(1/2).
    const ROOT_HALF: i32 = 0x3f35_04f3;
    /// ln 2 in two parts, the larger exact in few bits.
    const LN_2_UPPER: f32 = 355.0 / 512.0;
    const LN_2_EXCESS: f32 = 2.121_944_4e-4;
    let bits = x.to_bits() as i32;
    let exponent = (bits - ROOT_HALF) >> 23;
    let f = f32::from_bits((bits - (exponent << 23)) as u32) - 1.0;
    let e = exponent as f32;
    let square = f * f;
    let mut p = 7.037_683_6e-2;
    p = p * f - 1.151_461e-1;
    p = p * f + 1.167_699_84e-1;
    p = p * f - 1.242_014_1e-1;
    p = p * f + 1.424_932_3e-1;
    p = p * f - 1.666_805_8e-1;
    p = p * f + 2.000_071_4e-1;
    p = p * f - 2.499_999_4e-1;
    p = p * f + 3.333_333e-1;
    f + ((p * f * square - e * LN_2_EXCESS) - 0.5 * square) + e * LN_2_UPPER
}

/// Cosine and sine of a word's share of the circle, to 1 unit in the last place (Cephes' `sinf` and `cosf` polynomials).
#[inline(always)]
fn cos_sin_of_turn(word: u32) -> [f32; 2] {
    // The top two bits choose the quarter, centred on an axis; the others the angle from that axis, within ±π/4.
    let x = ((word << 2) as i32 as f32) * (std::f32::consts::FRAC_PI_4 / 2_147_483_648.0);
    let z = x * x;
    let sin = ((-1.951_529_6e-4 * z + 8.332_161e-3) * z - 1.666_665_5e-1) * z * x + x;
    let cos = ((2.443_315_7e-5 * z - 1.388_731_6e-3) * z + 4.166_664_6e-2) * z * z - 0.5 * z + 1.0;
    let odd = word & 0x4000_0000 != 0;
    let [cos, sin] = if odd { [sin, cos] } else { [cos, sin] };
    let negative = 0x8000_0000;
    [
        f32::from_bits(cos.to_bits() ^ (word.wrapping_add(0x4000_0000) & negative)),
        f32::from_bits(sin.to_bits() ^ (word & negative)),
    ]
}

/// Standard normal numbers (Box and Muller): pixel i is paired with pixel i + 32.
#[inline(always)]
fn normals(words: &[u32; GROUP]) -> [f32; GROUP] {
    let mut normals = [0.0; GROUP];
    for i in 0..GROUP / 2 {
        let radius = (-2.0 * ln_unit(open_unit(words[i]))).sqrt();
        let [cos, sin] = cos_sin_of_turn(words[i + GROUP / 2]);
        normals[i] = radius * cos;
        normals[i + GROUP / 2] = radius * sin;
    }
    normals
}

/// The arguments of [`Digitiser::digitise`].
struct Digitise<'a, T> {
    camera: &'a Digitiser,
    frame: u64,
    first_pixel: u64,
    intensity: &'a [f32],
    out: &'a mut [T],
}

impl<T: Count> Kernel for Digitise<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Wide>(self) {
        self.camera.digitise_inline::<V, T>(self.frame, self.first_pixel, self.intensity, self.out);
    }
}

/// The random words of a block.
struct Streams {
    frame: u64,
    block: u64,
    main: Generators,
    /// By stream; those that some group has needed, and the group that their next words are for.
    others: [Option<(Generators, u64)>; STREAMS as usize],
    /// See [`Ints::count`].
    one: u32,
}

impl Streams {
    #[inline(always)]
    fn new(camera: &Digitiser, frame: u64, block: u64) -> Self {
        let main = camera.generators(frame, block, Stream::Main);
        Self { frame, block, main, others: [const { None }; STREAMS as usize], one: std::hint::black_box(1) }
    }

    /// The words of another stream than the main one for the group that begins with pixel `first`.
    #[inline(always)]
    fn of<V: Wide>(&mut self, camera: &Digitiser, stream: Stream, first: u64) -> Group<u32> {
        let group = first % BLOCK / GROUP as u64;
        let other = &mut self.others[stream as usize];
        let (mut generators, next) = match other {
            Some(known) => *known,
            None => (camera.generators(self.frame, self.block, stream), 0),
        };
        generators.skip::<V>(group - next, 1);
        let [words] = generators.next::<V, 1>();
        *other = Some((generators, group + 1));
        words
    }
}

/// A camera: its model, its key and the tables prepared for them.
#[derive(Clone, Debug)]
pub struct Digitiser {
    model: DigitiseModel,
    key: Key,
    /// For λ from [`TABLE_LIMIT`] on.
    bright_key: Key,
    /// λ that intensities are lowered to, see [`DigitiseModel::saturation_e`].
    saturation_e: f32,
    /// Standard deviation (e⁻) of the read noise that the units' tables do not hold.
    noise_e: f32,
    /// If the gain is a power of two and tables hold all noise: whole electrons become counts when shifted by this.
    shift: Option<u32>,
    units: Units,
    /// Tables of higher digits, as far as λ can reach.
    digits8: Option<Digits8>,
    digits12: Option<Digits12>,
    digits16: Option<Digits16>,
}

impl Digitiser {
    /// Prepares the tables: a few milliseconds and 0.3 MB for 8-bit sensors, 1.6 MB at most.
    #[must_use]
    pub fn new(model: DigitiseModel, key: Key) -> Self {
        let model = DigitiseModel { max_count: model.max_count.min(i32::MAX as u32), ..model };
        let saturation_e = model.saturation_e();
        let largest = saturation_e.min(TABLE_LIMIT - 1.0) as u32;
        let read_noise_e = model.read_noise_e.abs();
        let halvings = (0..31).find(|n| model.gain_adu_per_e * f64::from(1_u32 << n) == 1.0);
        let shift = halvings.filter(|_| Units::hold(read_noise_e));
        let (in_tables_e, noise_e) = if shift.is_some() { (read_noise_e, 0.0) } else { (0.0, read_noise_e as f32) };
        Self {
            model,
            key,
            bright_key: key.derive("bright"),
            saturation_e,
            noise_e,
            shift,
            units: Units::new(largest, in_tables_e),
            digits8: (largest >= 1 << 8).then(|| Digits8::new(largest, 0.0)),
            digits12: (largest >= 1 << 12).then(|| Digits12::new(largest, 0.0)),
            digits16: (largest >= 1 << 16).then(|| Digits16::new(largest, 0.0)),
        }
    }

    /// The model it was made for.
    #[must_use]
    pub fn model(&self) -> &DigitiseModel {
        &self.model
    }

    /// The address of its draws.
    #[must_use]
    pub fn key(&self) -> Key {
        self.key
    }

    /// Digitises consecutive pixels of a frame: `out[i]` is the count of pixel `first_pixel + i` (row-major) of frame
    /// `frame` at `intensity[i]` (fluorescence units; NaN and negative ones are darkness).
    ///
    /// A count depends on the key, the frame, the pixel and its intensity alone. Pixels are worked on in groups of 64 from
    /// pixel 0 on, so cuts between groups cost nothing. If the slices differ in length, the excess is left alone.
    pub fn digitise<T: Count>(&self, frame: u64, first_pixel: u64, intensity: &[f32], out: &mut [T]) {
        self.digitise_at(Level::best(), frame, first_pixel, intensity, out);
    }

    fn digitise_at<T: Count>(&self, level: Level, frame: u64, first_pixel: u64, intensity: &[f32], out: &mut [T]) {
        level.run(Digitise { camera: self, frame, first_pixel, intensity, out });
    }

    #[inline(always)]
    fn digitise_inline<V: Wide, T: Count>(&self, frame: u64, first_pixel: u64, intensity: &[f32], out: &mut [T]) {
        let n = intensity.len().min(out.len());
        let (mut intensity, mut out) = (&intensity[..n], &mut out[..n]);
        let mut pixel = first_pixel;
        while !intensity.is_empty() {
            let n = intensity.len().min((BLOCK - pixel % BLOCK) as usize);
            self.block::<V, T>(frame, pixel, &intensity[..n], &mut out[..n]);
            (intensity, out) = (&intensity[n..], &mut out[n..]);
            pixel = pixel.wrapping_add(n as u64);
        }
    }

    /// Digitises pixels of one block.
    #[inline(always)]
    fn block<V: Wide, T: Count>(&self, frame: u64, first_pixel: u64, mut intensity: &[f32], mut out: &mut [T]) {
        let mut streams = Streams::new(self, frame, first_pixel / BLOCK);
        streams.main.skip::<V>(first_pixel % BLOCK / GROUP as u64, 2);
        let lane = (first_pixel % GROUP as u64) as usize;
        let mut first = first_pixel - lane as u64;
        if lane > 0 {
            let n = intensity.len().min(GROUP - lane);
            self.part_of_group::<V, T>(first, lane, &intensity[..n], &mut out[..n], &mut streams);
            (intensity, out) = (&intensity[n..], &mut out[n..]);
            first = first.wrapping_add(GROUP as u64);
        }
        let (groups, rest) = intensity.as_chunks::<GROUP>();
        let (out_groups, out_rest) = out.as_chunks_mut::<GROUP>();
        for (intensity, out) in groups.iter().zip(out_groups) {
            let counts = self.group::<V>(first, intensity, &mut streams);
            for i in 0..GROUP {
                out[i] = T::from_count(counts[i]);
            }
            first = first.wrapping_add(GROUP as u64);
        }
        if !rest.is_empty() {
            self.part_of_group::<V, T>(first, 0, rest, out_rest, &mut streams);
        }
    }

    /// Digitises the pixels of a group from number `lane` on.
    #[inline(always)]
    fn part_of_group<V: Wide, T: Count>(
        &self,
        first: u64,
        lane: usize,
        intensity: &[f32],
        out: &mut [T],
        streams: &mut Streams,
    ) {
        let mut group = [0.0; GROUP];
        group[lane..lane + intensity.len()].copy_from_slice(intensity);
        let counts = self.group::<V>(first, &group, streams);
        for (out, count) in out.iter_mut().zip(&counts[lane..]) {
            *out = T::from_count(*count);
        }
    }

    /// The generators of a block at its first pixel.
    #[inline(always)]
    fn generators(&self, frame: u64, block: u64, stream: Stream) -> Generators {
        let index = block.wrapping_mul(STREAMS).wrapping_add(stream as u64).wrapping_mul(LANES as u64);
        Generators { state: self.key.lanes(frame, index) }
    }

    /// The counts of the group of pixels that begins with `first`.
    #[inline(always)]
    fn group<V: Wide>(&self, first: u64, intensity: &[f32; GROUP], streams: &mut Streams) -> [u32; GROUP] {
        let mut scale = self.model.electrons_per_unit as f32;
        let mut intensity = intensity;
        let bright =
            if self.saturation_e < TABLE_LIMIT { None } else { self.take_bright(streams.frame, first, intensity) };
        if let Some((lambda, _)) = &bright {
            (intensity, scale) = (lambda, 1.0);
        }
        let [remainder_words, unit_words] = streams.main.next::<V, 2>();
        let one = Ints::splat(streams.one);
        let mut electrons = Group([0; GROUP]);
        let (mut more_digits, mut seldom) = (Mask::none(), <V::Ints as Ints>::Mask::none());
        for at in (0..GROUP).step_by(V::LANES) {
            // SAFETY: `take_bright` took what is beyond the tables.
            let (units, mean) = unsafe { self.lambda::<V>(&intensity[at..], scale) };
            more_digits = units.greater(<V::Ints as Ints>::splat(Units::ROWS - 1)).or(more_digits);
            // SAFETY: no level runs where it is missing, and `largest` was at least the saturation or the limit.
            let counts = unsafe { self.units.draw::<V>(Ints::load(&unit_words[at..]), units) };
            let remainder = Remainder::<V>::new(Ints::load(&remainder_words[at..]), mean);
            seldom = remainder.seldom().or(seldom);
            remainder.add(counts, one).store(&mut electrons[at..]);
        }
        if seldom.any() {
            let (mut x, mut means) = (Group([0.0; GROUP]), Group([0.0; GROUP]));
            for at in (0..GROUP).step_by(V::LANES) {
                // SAFETY: as above.
                let (_, mean) = unsafe { self.lambda::<V>(&intensity[at..], scale) };
                Remainder::<V>::new(Ints::load(&remainder_words[at..]), mean).x.store(&mut x[at..]);
                mean.store(&mut means[at..]);
            }
            add_rare_remainder(&x, &means, &mut electrons);
        }
        if more_digits.any() {
            let mut whole = Group([0; GROUP]);
            for at in (0..GROUP).step_by(V::LANES) {
                // SAFETY: as above.
                let (units, _) = unsafe { self.lambda::<V>(&intensity[at..], scale) };
                units.store(&mut whole[at..]);
            }
            self.add_digits::<V>(first, &whole, &mut electrons, streams);
        }
        if let (Some(shift), None) = (self.shift, &bright) {
            let max_count = self.model.max_count as i32;
            let mut counts = [0; GROUP];
            for i in 0..GROUP {
                counts[i] = (electrons[i] as i32 >> shift).max(0).min(max_count) as u32;
            }
            return counts;
        }
        let normals =
            if self.noise_e == 0.0 { None } else { Some(normals(&streams.of::<V>(self, Stream::Noise, first))) };
        self.amplify(&electrons, bright.as_ref().map(|(_, electrons)| electrons), normals.as_ref())
    }

    /// The integer part and the fraction of λ at the first intensities.
    ///
    /// # Safety
    /// λ must be less than [`TABLE_LIMIT`].
    #[inline(always)]
    unsafe fn lambda<V: Wide>(&self, intensity: &[f32], scale: f32) -> (V::Ints, V) {
        let lambda = V::load(intensity).mul(V::splat(scale));
        // Darkness if it is not a number.
        let lambda = lambda.at_least(V::splat(0.0)).at_most(V::splat(self.saturation_e));
        // SAFETY: neither negative nor not a number, and less than 2³¹ by the caller's promise.
        let units = unsafe { lambda.truncated() };
        (units, lambda.sub(units.to_floats()))
    }

    /// Adds the counts of the digits above the units.
    #[inline(always)]
    fn add_digits<V: Wide>(
        &self,
        first: u64,
        whole: &[u32; GROUP],
        electrons: &mut [u32; GROUP],
        streams: &mut Streams,
    ) {
        let mut bits = 0;
        for whole in whole {
            bits |= whole;
        }
        // SAFETY: no level runs where it is missing, and `largest` was at least the saturation or the limit.
        unsafe {
            if let Some(tables) = &self.digits8 {
                tables.add::<V>(&streams.of::<V>(self, Stream::Digit8, first), whole, electrons);
            }
            if let Some(tables) = self.digits12.as_ref().filter(|_| bits >= 1 << 12) {
                tables.add::<V>(&streams.of::<V>(self, Stream::Digit12, first), whole, electrons);
            }
            if let Some(tables) = self.digits16.as_ref().filter(|_| bits >= 1 << 16) {
                tables.add::<V>(&streams.of::<V>(self, Stream::Digit16, first), whole, electrons);
            }
        }
    }

    /// Counts of electrons, where a shift does not give them.
    #[inline(always)]
    fn amplify(
        &self,
        tabled: &[u32; GROUP],
        bright: Option<&[f64; GROUP]>,
        normals: Option<&[f32; GROUP]>,
    ) -> [u32; GROUP] {
        let mut electrons = [0.0; GROUP];
        for i in 0..GROUP {
            electrons[i] = f64::from(tabled[i] as i32);
        }
        if let Some(bright) = bright {
            for i in 0..GROUP {
                electrons[i] += bright[i];
            }
        }
        if let Some(normals) = normals {
            for i in 0..GROUP {
                electrons[i] += f64::from(self.noise_e * normals[i]);
            }
        }
        let (gain, max_count) = (self.model.gain_adu_per_e, f64::from(self.model.max_count));
        let mut counts = [0; GROUP];
        for i in 0..GROUP {
            let count = electrons[i] * gain;
            let count = if count > 0.0 { count } else { 0.0 };
            let count = if count < max_count { count } else { max_count };
            // SAFETY: between 0 and 2³¹ - 1, and not NaN. Not negative, so the fraction is cut as `floor` does.
            let count: i32 = unsafe { count.to_int_unchecked() };
            counts[i] = count as u32;
        }
        counts
    }

    /// If there are pixels whose λ is beyond the tables: λ of all of them, 0 for those; and the electrons of those.
    #[inline(never)]
    fn take_bright(&self, frame: u64, first: u64, intensity: &[f32; GROUP]) -> Option<([f32; GROUP], [f64; GROUP])> {
        let mut lambda = intensity.map(|intensity| intensity * self.model.electrons_per_unit as f32);
        if !lambda.iter().any(|lambda| *lambda >= TABLE_LIMIT) {
            return None;
        }
        let mut electrons = [0.0; GROUP];
        for (i, lambda) in lambda.iter_mut().enumerate().filter(|(_, lambda)| **lambda >= TABLE_LIMIT) {
            let pixel = first.wrapping_add(i as u64);
            electrons[i] = self.bright_key.poisson(frame, pixel, f64::from(lambda.min(self.saturation_e))) as f64;
            *lambda = 0.0;
        }
        Some((lambda, electrons))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math;

    /// Reads every word's worth of an alias table back and compares it with the distribution.
    fn check_tables<const SHIFT: u32, const BITS: u32>(noise_e: f64) {
        let tables = Tables::<SHIFT, BITS>::new(TABLE_LIMIT as u32 - 1, noise_e);
        let full = 1_u64 << (32 - BITS);
        for (row, entries) in tables.entries.chunks_exact(1 << BITS).enumerate() {
            let mean = f64::from((row as u32) << SHIFT);
            let first = mean - f64::from(Tables::<SHIFT, BITS>::BELOW);
            let mut masses = vec![0_u64; entries.len()];
            for (column, entry) in entries.iter().enumerate() {
                let threshold = u64::from((entry ^ 1 << 31) >> BITS);
                masses[column] += threshold;
                masses[(entry & ((1 << BITS) - 1)) as usize] += full - threshold;
            }
            assert_eq!(masses.iter().sum::<u64>(), 1 << 32);
            let poisson = |k: f64| {
                if k < 0.0 || mean == 0.0 {
                    return f64::from(u8::from(k == 0.0));
                }
                math::exp(k * math::ln(mean) - mean - math::ln_gamma(k + 1.0))
            };
            let (mut held, mut exact) = (0.0, 0.0);
            for (column, mass) in masses.iter().enumerate() {
                let k = first + column as f64;
                // Up to the count k of the sum, floored: the noise must stay below k + 1 - n if there are n electrons.
                exact = if noise_e == 0.0 {
                    exact + poisson(k)
                } else {
                    let below = |n: f64| 0.5 * math::erfc((n - k - 1.0) / (noise_e * std::f64::consts::SQRT_2));
                    (0..entries.len()).map(|c| first + c as f64).map(|n| poisson(n) * below(n)).sum()
                };
                held += *mass as f64 / 4_294_967_296.0;
                // Half a word, what the reference itself loses to cancellation, and the noise beyond 7 standard deviations.
                let beyond = if noise_e == 0.0 { 0.0 } else { 2e-12 };
                let tolerance = 0.51 / 4_294_967_296.0 + 1e-15 * mean * math::ln(mean + 2.0) + beyond;
                assert!((held - exact).abs() < tolerance, "mean {mean}: {held} up to {k}, not {exact}");
            }
        }
    }

    #[test]
    fn alias_tables_hold_the_distribution_to_the_last_word() {
        check_tables::<0, 8>(0.0);
        check_tables::<8, 10>(0.0);
        check_tables::<12, 12>(0.0);
        check_tables::<16, 14>(0.0);
        for noise_e in [0.01, 0.5, 2.0, 9.2] {
            assert!(Units::hold(noise_e));
            check_tables::<0, 8>(noise_e);
        }
        assert!(!Units::hold(9.3));
    }

    #[test]
    fn remainders_are_poisson_into_the_far_tail() {
        let count = |word: u32, mean: f32| {
            let remainder = Remainder::new([word; 4], [mean; 4]);
            let mut counts = [remainder.add([0; 4], [1; 4])[0]; GROUP];
            if remainder.seldom().any() {
                add_rare_remainder(&[remainder.x[0]; GROUP], &[mean; GROUP], &mut counts);
            }
            counts[0]
        };
        assert_eq!(count(0, 0.0), 0, "a mean of 0 at the rarest word");
        for mean in [1e-7, 1e-3, 0.1, 0.5, 0.9, 0.999_999_94_f32] {
            let mut tail = 1.0;
            for exceeded in 0..11 {
                let k = f64::from(exceeded);
                tail -= math::exp(k * math::ln(f64::from(mean)) - f64::from(mean) - math::ln_gamma(k + 1.0));
                if tail < 1e-8 {
                    break;
                }
                // Words just within and just without the tail, a millionth and two words to either side.
                let words = tail * 4_294_967_296.0;
                for (factor, above) in [(1.0 - 1e-6, 1), (1.0 + 1e-6, 0)] {
                    let offset = if above == 1 { -3.0 } else { 3.0 };
                    let word = (words * factor + offset).clamp(0.0, 4_294_967_295.0) as u32;
                    assert_eq!(
                        u32::from(count(word, mean) > exceeded),
                        above,
                        "mean {mean}, count over {exceeded}, word {word}"
                    );
                }
            }
        }
    }

    #[test]
    fn normals_are_box_and_muller_in_single_precision() {
        let key = Key::new(1, "test", "normals");
        let mut largest = 0.0_f64;
        for i in 0..2000 {
            let mut words = [0; GROUP];
            key.fill_words(0, i * 16, &mut words);
            // The ends of the range too.
            let n = i as usize;
            if n < 8 {
                words[..4].copy_from_slice(&[0, u32::MAX, 1 << n, !0 >> n]);
                words[32..36].copy_from_slice(&[0, u32::MAX, 1 << (31 - n), 0x2000_0000 * n as u32]);
            }
            let made = normals(&words);
            for l in 0..32 {
                let u = (f64::from(words[l] >> 1) + 0.5) / 2_147_483_648.0;
                let radius = (-2.0 * math::ln(u)).sqrt();
                let turn = f64::from(words[l + 32]) / 4_294_967_296.0;
                // The lower 30 bits are signed: from their upper half on, the angle is behind its axis.
                let behind = if words[l + 32] & 0x2000_0000 == 0 { 0.0 } else { 0.25 };
                let angle = std::f64::consts::TAU * (turn - behind);
                for (made, exact) in [(made[l], radius * math::cos(angle)), (made[l + 32], radius * math::sin(angle))] {
                    // Near u = 1 single precision has steps of 2⁻²⁴, so of sqrt(2⁻²³) in the radius.
                    let tolerance = if radius < 0.02 { 5e-4 } else { 3e-7 / radius + 1e-6 };
                    assert!((f64::from(made) - exact).abs() < tolerance, "{made} is not {exact} at {:x?}", words[l]);
                    largest = largest.max(exact.abs());
                }
            }
        }
        assert!(largest > 6.6, "the tails reach {largest} only");
    }

    #[test]
    fn every_feature_level_gives_the_same_counts() {
        let models = [
            (1.0, 2.0, 1.0, 255),
            (1.0, 2.0, 0.25, 63),
            (33.0, 0.0, 0.3, 4095),
            (700.0, 5.5, 2.2, 65535),
            (3e5, 1.0, 1.0, (1 << 24) - 1),
        ];
        for (electrons_per_unit, read_noise_e, gain_adu_per_e, max_count) in models {
            let model = DigitiseModel { electrons_per_unit, read_noise_e, gain_adu_per_e, max_count };
            let camera = Digitiser::new(model, Key::new(9, "test", "levels"));
            let intensity: Vec<f32> = (0..20_011).map(|i| (i % 307) as f32 * (i % 11) as f32 * 0.1 - 2.0).collect();
            let counts = |level| {
                let mut counts = vec![0.0_f32; intensity.len()];
                camera.digitise_at(level, 3, 17, &intensity, &mut counts);
                counts
            };
            let baseline = counts(Level::Baseline);
            assert!(baseline.iter().any(|&c| c > 0.0));
            for level in Level::available() {
                assert_eq!(counts(level), baseline, "{level:?}, {model:?}");
            }
        }
    }
}
