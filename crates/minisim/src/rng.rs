//! Randomness with an address: every draw is a pure function of (seed, step name, purpose, entity, index).
//!
//! Nothing is consumed, so no draw depends on how many came before it: any frame can be rendered alone, in any order and
//! on any machine, and adding a step moves no draw of another. The generator is Philox4x32-10 (Salmon, Moraes, Dror and
//! Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011). Its 64-bit key is a hash of the seed and the names, its
//! 128-bit counter is (index, entity), and each counter yields a block of four 32-bit words.
//!
//! The draws at one address share their block: ask for a uniform *or* a normal at an address, and take another purpose,
//! entity or index for an independent one.

use crate::{
    level::{Loops, at_best_level},
    math,
};

/// Philox round multipliers and key increments, from the paper.
const MULTIPLIER: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: u32 = 10;

/// Blocks that [`Key::lanes`] makes at a time.
pub(crate) const LANES: usize = 16;

/// The key of a purpose: two words of a Philox key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key([u32; 2]);

/// What [`Key::derive`] tells purposes apart by: a name or a number.
pub trait Label {
    /// Mixes the label into a hash.
    fn absorb(&self, hash: u64) -> u64;
}

impl Label for str {
    fn absorb(&self, hash: u64) -> u64 {
        // The length comes first, so "ab" + "c" and "a" + "bc" differ.
        let hash = absorb_word(hash, self.len() as u64);
        self.as_bytes().chunks(8).fold(hash, |hash, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            absorb_word(hash, u64::from_le_bytes(word))
        })
    }
}

impl Label for u64 {
    fn absorb(&self, hash: u64) -> u64 {
        // No string is this long, so a number never equals a name.
        absorb_word(absorb_word(hash, u64::MAX), *self)
    }
}

impl<L: Label + ?Sized> Label for &L {
    fn absorb(&self, hash: u64) -> u64 {
        (**self).absorb(hash)
    }
}

/// The finaliser of SplitMix64 (Stafford's variant 13): a bijection in which each input bit flips half the output bits.
const fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// One step of the key hash: a bijection of the hash for a given word, and of the word for a given hash.
const fn absorb_word(hash: u64, word: u64) -> u64 {
    mix(hash.rotate_left(29).wrapping_add(0x9E37_79B9_7F4A_7C15) ^ mix(word.wrapping_add(0xD1B5_4A32_D192_ED03)))
}

impl Key {
    /// The key of a purpose within a step, by name: no key depends on the order or the number of steps.
    ///
    /// The hash is fixed for ever, for recordings are made from it: seed, then for each name its length and its bytes in
    /// little-endian groups of eight, zero-padded, go through `absorb_word` in turn, from 0.
    #[must_use]
    pub fn new(seed: u64, step: &str, purpose: &str) -> Self {
        Self::from_u64(purpose.absorb(step.absorb(absorb_word(0, seed))))
    }

    /// The key of a sub-purpose: a name (`&str`) or a number (`u64`).
    #[must_use]
    pub fn derive(self, label: impl Label) -> Self {
        Self::from_u64(label.absorb(self.to_u64()))
    }

    const fn from_u64(hash: u64) -> Self {
        Self([hash as u32, (hash >> 32) as u32])
    }

    const fn to_u64(self) -> u64 {
        self.0[0] as u64 | (self.0[1] as u64) << 32
    }

    /// The four random words at an address: Philox4x32-10 of the counter (index low, index high, entity low, entity high).
    #[must_use]
    pub const fn block(self, entity: u64, index: u64) -> [u32; 4] {
        let mut counter = [index as u32, (index >> 32) as u32, entity as u32, (entity >> 32) as u32];
        let mut key = self.0;
        let mut round = 0;
        while round < ROUNDS {
            let a = MULTIPLIER[0] * counter[0] as u64;
            let b = MULTIPLIER[1] * counter[2] as u64;
            counter =
                [(b >> 32) as u32 ^ counter[1] ^ key[0], b as u32, (a >> 32) as u32 ^ counter[3] ^ key[1], a as u32];
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
            round += 1;
        }
        counter
    }

    /// The blocks of [`LANES`] consecutive indices from `first_block` on, word by word: `lanes[w][l]` is word `w` of block
    /// `first_block + l`. Words are held in 64-bit lanes, the width of their products, which vectorises everywhere.
    #[inline(always)]
    pub(crate) fn lanes(self, entity: u64, first_block: u64) -> [[u32; LANES]; 4] {
        const LOW: u64 = 0xFFFF_FFFF;
        let (mut c0, mut c1) = ([0_u64; LANES], [0_u64; LANES]);
        let (mut c2, mut c3) = ([entity & LOW; LANES], [entity >> 32; LANES]);
        for lane in 0..LANES {
            let index = first_block.wrapping_add(lane as u64);
            c0[lane] = index & LOW;
            c1[lane] = index >> 32;
        }
        let mut key = self.0;
        for _ in 0..ROUNDS {
            let (k0, k1) = (u64::from(key[0]), u64::from(key[1]));
            for lane in 0..LANES {
                // Upper halves of c1 and c3 hold rubbish from the products; only lower halves are ever multiplied.
                let a = MULTIPLIER[0] * (c0[lane] & LOW);
                let b = MULTIPLIER[1] * (c2[lane] & LOW);
                c0[lane] = (b >> 32) ^ c1[lane] ^ k0;
                c1[lane] = b;
                c2[lane] = (a >> 32) ^ c3[lane] ^ k1;
                c3[lane] = a;
            }
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let mut words = [[0; LANES]; 4];
        for lane in 0..LANES {
            words[0][lane] = c0[lane] as u32;
            words[1][lane] = c1[lane] as u32;
            words[2][lane] = c2[lane] as u32;
            words[3][lane] = c3[lane] as u32;
        }
        words
    }

    /// Fills `out` with the words of consecutive blocks: `out[4 * b + w]` is word `w` of block `first_block + b`.
    pub fn fill_words(self, entity: u64, first_block: u64, out: &mut [u32]) {
        at_best_level(FillWords { key: self, entity, first_block, out });
    }

    /// A uniform number in [0, 1), a multiple of 2⁻⁵³.
    #[must_use]
    pub fn uniform(self, entity: u64, index: u64) -> f64 {
        let [a, b, ..] = self.block(entity, index);
        unit(a, b)
    }

    /// A uniform number in (0, 1): an odd multiple of 2⁻⁵³.
    #[must_use]
    pub fn uniform_open(self, entity: u64, index: u64) -> f64 {
        let [a, b, ..] = self.block(entity, index);
        open_unit(a, b)
    }

    /// A standard normal number: the first of [`Key::normal_pair`].
    #[must_use]
    pub fn normal(self, entity: u64, index: u64) -> f64 {
        let (radius, angle) = self.polar(entity, index);
        radius * math::cos(angle)
    }

    /// Two independent standard normal numbers (Box and Muller's transform; reaches 8.5 standard deviations).
    #[must_use]
    pub fn normal_pair(self, entity: u64, index: u64) -> [f64; 2] {
        let (radius, angle) = self.polar(entity, index);
        [radius * math::cos(angle), radius * math::sin(angle)]
    }

    /// Length and direction (rad) of a pair of standard normal numbers.
    fn polar(self, entity: u64, index: u64) -> (f64, f64) {
        let [a, b, c, d] = self.block(entity, index);
        ((-2.0 * math::ln(open_unit(a, b))).sqrt(), std::f64::consts::TAU * unit(c, d))
    }

    /// A uniform integer below `n`, each within 2⁻⁶⁴ of its share; 0 when `n` is 0.
    #[must_use]
    pub fn below(self, entity: u64, index: u64, n: u64) -> u64 {
        let [a, b, ..] = self.block(entity, index);
        let word = u64::from(b) << 32 | u64::from(a);
        ((u128::from(word) * u128::from(n)) >> 64) as u64
    }

    /// A Poisson count of the given mean: exact to the 53 bits of its uniforms at every mean, 0 when the mean is not
    /// positive (or NaN), saturated at `u64::MAX`.
    #[must_use]
    pub fn poisson(self, entity: u64, index: u64, mean: f64) -> u64 {
        if mean >= POISSON_REJECTION_FROM {
            poisson_by_rejection(self.derive(index), entity, mean)
        } else if mean > 0.0 {
            poisson_by_inversion(self.uniform(entity, index), mean)
        } else {
            0
        }
    }
}

/// 2⁻⁵³.
const PART_OF_53_BITS: f64 = 1.0 / (1_u64 << 53) as f64;

/// 53 bits of two words as a number in [0, 1).
fn unit(low: u32, high: u32) -> f64 {
    ((u64::from(high) << 32 | u64::from(low)) >> 11) as f64 * PART_OF_53_BITS
}

/// 52 bits of two words as the middle of one of 2⁵² equal parts of (0, 1).
fn open_unit(low: u32, high: u32) -> f64 {
    (((u64::from(high) << 32 | u64::from(low)) >> 12) as f64 + 0.5) * (2.0 * PART_OF_53_BITS)
}

/// Mean from which rejection is used: its method needs 10 or more.
const POISSON_REJECTION_FROM: f64 = 10.0;

/// Means beyond this saturate: a count would not fit 64 bits.
const POISSON_LARGEST_MEAN: f64 = 1.8e19;

/// Walks up the distribution function until it passes `u`.
fn poisson_by_inversion(u: f64, mean: f64) -> u64 {
    let mut probability = math::exp(-mean);
    let mut below = probability;
    let mut count = 0;
    // The terms vanish long before 200 at these means; the bound guards against `below` rounding to less than `u`.
    while u >= below && count < 200 {
        count += 1;
        probability *= mean / count as f64;
        below += probability;
    }
    count
}

/// Transformed rejection with squeeze (Hörmann, "The transformed rejection method for generating Poisson random variables",
/// Insurance: Mathematics and Economics 12, 1993, algorithm PTRS). Attempt `n` uses the block at (`entity`, n) of `key`.
fn poisson_by_rejection(key: Key, entity: u64, mean: f64) -> u64 {
    if mean > POISSON_LARGEST_MEAN {
        return u64::MAX;
    }
    let b = 0.931 + 2.53 * mean.sqrt();
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let v_r = 0.9277 - 3.6224 / (b - 2.0);
    for attempt in 0.. {
        let [w0, w1, w2, w3] = key.block(entity, attempt);
        let u = open_unit(w0, w1) - 0.5;
        let v = open_unit(w2, w3);
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
        if us >= 0.07 && v <= v_r {
            return k as u64;
        }
        if k < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        if math::ln(v * inverse_alpha / (a / (us * us) + b)) <= ln_poisson_pmf(k, mean) {
            return k as u64;
        }
    }
    // Each attempt succeeds with more than even odds, so 2⁶⁴ of them never pass.
    u64::MAX
}

/// Log of the Poisson probability of `k`, without the cancellation of `k ln μ - μ - ln k!`, which would spoil the
/// rejection at large means (Loader's saddle-point form, "Fast and accurate computation of binomial probabilities", 2000).
fn ln_poisson_pmf(k: f64, mean: f64) -> f64 {
    if k == 0.0 {
        return -mean;
    }
    -stirling_error(k) - deviance(k, mean) - 0.5 * math::ln(std::f64::consts::TAU * k)
}

/// `ln k! - (k + 1/2) ln k + k - ln sqrt(2π)`.
fn stirling_error(k: f64) -> f64 {
    if k < 16.0 {
        let half_ln_tau = 0.918_938_533_204_672_8;
        math::ln_gamma(k + 1.0) - (k + 0.5) * math::ln(k) + k - half_ln_tau
    } else {
        let s = 1.0 / (k * k);
        (1.0 / 12.0 - s * (1.0 / 360.0 - s * (1.0 / 1260.0 - s * (1.0 / 1680.0 - s / 1188.0)))) / k
    }
}

/// `k ln(k / μ) + μ - k`.
fn deviance(k: f64, mean: f64) -> f64 {
    let difference = k - mean;
    let v = difference / (k + mean);
    if v.abs() >= 0.1 {
        return k * math::ln(k / mean) - difference;
    }
    // With v = (k - μ)/(k + μ): ln(k/μ) = 2 artanh v, summed so that the leading terms cancel by algebra.
    let mut sum = difference * v;
    let mut term = 2.0 * k * v;
    for j in 1..100 {
        term *= v * v;
        let next = sum + term / f64::from(2 * j + 1);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

/// The arguments of [`Key::fill_words`].
struct FillWords<'a> {
    key: Key,
    entity: u64,
    first_block: u64,
    out: &'a mut [u32],
}

impl Loops for FillWords<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (group, words) in self.out.chunks_mut(4 * LANES).enumerate() {
            let lanes = self.key.lanes(self.entity, self.first_block.wrapping_add((group * LANES) as u64));
            for (i, word) in words.iter_mut().enumerate() {
                *word = lanes[i % 4][i / 4];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_known_answers() {
        // Random123, file kat_vectors, "philox4x32 10".
        let zero = Key([0, 0]).block(0, 0);
        assert_eq!(zero, [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        let ones = Key([u32::MAX; 2]).block(u64::MAX, u64::MAX);
        assert_eq!(ones, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let pi = Key([0xa409_3822, 0x299f_31d0]).block(0x0370_7344_1319_8a2e, 0x85a3_08d3_243f_6a88);
        assert_eq!(pi, [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn bulk_words_are_the_words_of_the_blocks() {
        let key = Key::new(1, "test", "words");
        // The indices run over a carry into the high word, and the length is no multiple of anything.
        let first = u64::from(u32::MAX) - 20;
        for (entity, length) in [(0, 0), (7, 1), (1 << 40, 64), (u64::MAX, 203)] {
            let mut words = vec![0; length];
            key.fill_words(entity, first, &mut words);
            for (i, &word) in words.iter().enumerate() {
                assert_eq!(word, key.block(entity, first + i as u64 / 4)[i % 4], "word {i}");
            }
        }
    }

    #[test]
    fn keys_are_frozen_and_tell_every_part_apart() {
        // Recordings are made from these: a change here changes all of them.
        assert_eq!(Key::new(42, "sensor", "photons"), Key([3_994_326_229, 3_171_111_914]));
        assert_eq!(Key::new(42, "sensor", "photons").derive("bright").derive(3), Key([1_479_275_515, 4_085_606_247]));
        let base = Key::new(42, "sensor", "photons");
        let keys = [
            base,
            Key::new(43, "sensor", "photons"),
            Key::new(42, "sensorp", "hotons"),
            Key::new(42, "photons", "sensor"),
            Key::new(42, "sensor", "photons\0"),
            Key::new(42, "", ""),
            Key::new(42, "", "\0"),
            base.derive(""),
            base.derive("x"),
            base.derive(0),
            base.derive(1),
            base.derive(1).derive(0),
        ];
        for (i, a) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(a), "key {i} repeats");
        }
    }

    #[test]
    fn neighbouring_seeds_give_unrelated_keys() {
        // Each of the 64 key bits flips for half of the seed steps: 4.5 standard deviations of Binomial(4096, 1/2).
        let mut flips = [0_i32; 64];
        for seed in 0..4096 {
            let changed = Key::new(seed, "s", "p").to_u64() ^ Key::new(seed + 1, "s", "p").to_u64();
            for (bit, count) in flips.iter_mut().enumerate() {
                *count += i32::from((changed >> bit) & 1 == 1);
            }
        }
        assert!(flips.iter().all(|&n| (n - 2048).abs() < 4 * 32 + 16), "{flips:?}");
    }

    #[test]
    fn uniforms_fill_the_unit_interval_evenly() {
        const BINS: usize = 1000;
        const DRAWS: u64 = 1_000_000;
        let key = Key::new(2, "test", "uniform");
        let mut counts = [[0_u32; BINS]; 2];
        for i in 0..DRAWS {
            let (u, v) = (key.uniform(3, i), key.uniform_open(i, 4));
            assert!((0.0..1.0).contains(&u) && v > 0.0 && v < 1.0);
            counts[0][(u * BINS as f64) as usize] += 1;
            counts[1][(v * BINS as f64) as usize] += 1;
        }
        let expected = DRAWS as f64 / BINS as f64;
        for counts in counts {
            let square = |x: f64| x * x;
            let chi2: f64 = counts.iter().map(|&n| square(f64::from(n) - expected) / expected).sum();
            let z = (chi2 - (BINS - 1) as f64) / (2.0 * (BINS - 1) as f64).sqrt();
            assert!(z.abs() < 4.0, "chi-square {chi2} with {} degrees of freedom", BINS - 1);
        }
    }

    #[test]
    fn normals_have_the_moments_and_tails_of_the_normal_distribution() {
        const DRAWS: u64 = 1_000_000;
        let key = Key::new(3, "test", "normal");
        let (mut moments, mut product, mut beyond_3) = ([0.0; 4], 0.0, 0_u32);
        for i in 0..DRAWS {
            let [x, y] = key.normal_pair(i % 7, i);
            assert_eq!(x, key.normal(i % 7, i));
            for (m, power) in moments.iter_mut().zip([x, x * x, x * x * x, x * x * x * x]) {
                *m += power / DRAWS as f64;
            }
            product += x * y / DRAWS as f64;
            beyond_3 += u32::from(y.abs() > 3.0);
        }
        // Variances of the sample moments of a standard normal: 1, 2, 15, 96 over n.
        for ((m, expected), variance) in moments.iter().zip([0.0, 1.0, 0.0, 3.0]).zip([1.0, 2.0, 15.0, 96.0]) {
            let z = (m - expected) / f64::sqrt(variance / DRAWS as f64);
            assert!(z.abs() < 4.0, "moments {moments:?}");
        }
        assert!(product.abs() * f64::sqrt(DRAWS as f64) < 4.0, "correlation {product}");
        let tail = DRAWS as f64 * math::erfc(3.0 / std::f64::consts::SQRT_2);
        assert!((f64::from(beyond_3) - tail).abs() < 4.0 * tail.sqrt(), "{beyond_3} beyond 3, {tail} expected");
    }

    #[test]
    fn integers_below_a_limit_are_even() {
        const DRAWS: u64 = 700_000;
        let key = Key::new(4, "test", "below");
        let mut counts = [0_i64; 7];
        for i in 0..DRAWS {
            counts[key.below(i, 0, 7) as usize] += 1;
        }
        // Standard deviation 293 of Binomial(700 000, 1/7).
        assert!(counts.iter().all(|n| (n - 100_000).abs() < 4 * 293), "{counts:?}");
        assert_eq!((key.below(0, 0, 1), key.below(0, 0, 0)), (0, 0));
        assert!(key.below(0, 0, u64::MAX) > u64::MAX >> 20);
    }

    #[test]
    fn poisson_counts_follow_their_distribution() {
        // Six chi-square tests at |z| < 4 with the Wilson-Hilferty normal score: a false alarm in 3000 seeds.
        for (j, mean) in [0.3, 5.0, 9.99, 10.0, 40.0, 1000.0].into_iter().enumerate() {
            const DRAWS: u64 = 300_000;
            let key = Key::new(5, "test", "poisson");
            let top = (mean + 12.0 * f64::sqrt(mean) + 20.0) as usize;
            let mut counts = vec![0_u32; top];
            for i in 0..DRAWS {
                counts[key.poisson(j as u64, i, mean) as usize] += 1;
            }
            let (mut chi2, mut bins, mut observed, mut expected) = (0.0, 0.0, 0.0, 0.0);
            for (k, &n) in counts.iter().enumerate() {
                let k = k as f64;
                observed += f64::from(n);
                expected += DRAWS as f64 * math::exp(k * math::ln(mean) - mean - math::ln_gamma(k + 1.0));
                if expected >= 10.0 {
                    chi2 += (observed - expected) * (observed - expected) / expected;
                    (bins, observed, expected) = (bins + 1.0, 0.0, 0.0);
                }
            }
            let spread = 2.0 / (9.0 * (bins - 1.0));
            let z = (math::cbrt(chi2 / (bins - 1.0)) - 1.0 + spread) / spread.sqrt();
            assert!(z.abs() < 4.0, "mean {mean}: chi-square {chi2} in {bins} bins");
        }
    }

    #[test]
    fn poisson_takes_any_mean() {
        let key = Key::new(6, "test", "poisson");
        for mean in [0.0, -0.0, -1.0, f64::NEG_INFINITY, f64::NAN, 1e-300] {
            assert_eq!(key.poisson(0, 0, mean), 0, "{mean}");
        }
        for mean in [1e30, f64::MAX, f64::INFINITY] {
            assert_eq!(key.poisson(0, 0, mean), u64::MAX);
        }
        for mean in [1e6, 1e12, 1e15] {
            let n = 1000;
            let z: Vec<f64> = (0..n).map(|i| (key.poisson(1, i, mean) as f64 - mean) / f64::sqrt(mean)).collect();
            let average = z.iter().sum::<f64>() / n as f64;
            let variance = z.iter().map(|z| z * z).sum::<f64>() / n as f64;
            assert!(average.abs() < 4.0 / f64::sqrt(n as f64), "{mean}: {average}");
            assert!((variance - 1.0).abs() < 4.0 * f64::sqrt(2.0 / n as f64), "{mean}: {variance}");
        }
    }
}
