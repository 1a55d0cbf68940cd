//! Alias tables: a Poisson count, or one with read noise, from one word.

use super::words::GROUP;
use crate::{
    level::{Ints, Wide},
    math,
};

/// Alias tables of Poisson distributions whose means are `digit << SHIFT`, `digit` in 0..`ROWS`.
///
/// Each has `1 << BITS` columns: column c of a row stands for the count `mean - BELOW + c`. The low bits of a word choose a
/// column; its upper bits, compared with those of the entry, decide between the column and the alias in the entry's low
/// bits. So each count has a whole number of the 2³² words. Both are compared as signed numbers, as all machines can.
#[derive(Clone, Debug)]
pub(super) struct Tables<const SHIFT: u32, const BITS: u32> {
    entries: Box<[u32]>,
}

/// `[row << BITS | column]`, 256 means from 0 to 255.
pub(super) type Units = Tables<0, 8>;
pub(super) type Digits8 = Tables<8, 10>;
pub(super) type Digits12 = Tables<12, 12>;
pub(super) type Digits16 = Tables<16, 14>;

impl<const SHIFT: u32, const BITS: u32> Tables<SHIFT, BITS> {
    /// The units are one digit of 8 bits, the others have 4.
    pub(super) const ROWS: u32 = if SHIFT == 0 { 256 } else { 16 };
    const COLUMNS: u32 = 1 << BITS;
    /// The last entry.
    const LAST: u32 = (Self::ROWS << BITS) - 1;
    /// The bits that choose a column.
    const COLUMN: u32 = Self::COLUMNS - 1;
    /// Columns below the mean. Seven and a half standard deviations of the row with the widest Poisson distribution; more
    /// remain above, where its tail is longer. What lies outside has less than half of a word of probability.
    const BELOW: u32 = Self::COLUMNS / 32 * 15;

    /// Whether there is room for normal noise as well: 6.4 standard deviations leave half a word outside.
    pub(super) fn hold(noise_e: f64) -> bool {
        let largest_mean = f64::from((Self::ROWS - 1) << SHIFT);
        6.5 * (largest_mean + noise_e * noise_e).sqrt() < f64::from(Self::BELOW)
    }

    /// Tables of the digits that occur up to λ = `largest`. With `noise_e`, the rows are of counts plus normal noise of that
    /// standard deviation, floored.
    pub(super) fn new(largest: u32, noise_e: f64) -> Self {
        let rows = Self::ROWS.min((largest >> SHIFT) + 1);
        let noise = floored_normal(noise_e, Self::COLUMNS as usize);
        let mut entries = Vec::with_capacity(Self::LAST as usize + 1);
        let (mut poisson, mut noisy) = (vec![0.0; Self::COLUMNS as usize], vec![0.0; Self::COLUMNS as usize]);
        for row in 0..rows {
            poisson_terms(row << SHIFT, Self::BELOW, &mut poisson);
            convolve(&poisson, &noise, &mut noisy);
            alias_row(&mut masses(&noisy), BITS, &mut entries);
        }
        // A digit without a row is never drawn; with room for it, any digit is inside the tables.
        entries.resize(Self::LAST as usize + 1, 0);
        Self { entries: entries.into_boxed_slice() }
    }

    /// Adds a count with the mean of the digit of each `lambda` to `counts`; no λ is larger than what the tables were made for.
    #[inline(always)]
    pub(super) fn add<V: Wide>(
        &self,
        token: V::Token,
        words: &[u32; GROUP],
        lambda: &[u32; GROUP],
        counts: &mut [u32; GROUP],
    ) {
        for at in (0..GROUP).step_by(V::LANES) {
            let drawn = self.draw::<V>(token, Ints::load(token, &words[at..]), Ints::load(token, &lambda[at..]));
            drawn.add(Ints::load(token, &counts[at..])).store(&mut counts[at..]);
        }
    }

    /// A count with the mean of the digit of each `lambda`; no λ is larger than what the tables were made for.
    #[inline(always)]
    pub(super) fn draw<V: Wide>(&self, token: V::Token, words: V::Ints, lambda: V::Ints) -> V::Ints {
        let splat = |value| <V::Ints as Ints>::splat(token, value);
        let column = splat(Self::COLUMN);
        let digit = lambda.shr::<SHIFT>().and(splat(Self::ROWS - 1));
        let entry = digit.shl::<BITS>().or(words.and(column)).gather(&self.entries, Self::LAST);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::digitise::sampler::TABLE_LIMIT;

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
}
