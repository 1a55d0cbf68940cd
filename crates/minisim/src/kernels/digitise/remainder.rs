//! Poisson counts of means below 1, by inversion.

use super::words::{GROUP, STEP};
use crate::level::{Ints, Wide};

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
pub(super) struct Remainder<V> {
    pub(super) x: V,
    /// T₀ to T₃.
    tails: [V; 4],
}

impl<V: Wide> Remainder<V> {
    #[inline(always)]
    pub(super) fn new(words: V::Ints, mean: V) -> Self {
        /// T₃ / mean⁴ = Σ meanⁱ/(i + 4)!, the polynomial of least relative error on [0, 1] (2e-7).
        const QUARTIC: [f32; 5] = [4.166_667e-2, 8.332_999e-3, 1.391_571_4e-3, 1.909_999_6e-4, 3.291_01e-5];
        let token = mean.token();
        let mean2 = mean.mul(mean);
        let mut quartic = V::splat(token, QUARTIC[4]);
        for k in [3, 2, 1, 0] {
            quartic = quartic.mul_add(mean, V::splat(token, QUARTIC[k]));
        }
        let t3 = quartic.mul(mean2.mul(mean2));
        let t2 = mean2.mul(mean).mul_add(V::splat(token, TERMS[3]), t3);
        let t1 = mean2.mul_add(V::splat(token, TERMS[2]), t2);
        let t0 = t1.add(mean);
        // A number in (0, 1) of the word's upper 31 bits.
        let u = words.shr::<1>().to_floats().mul_add(V::splat(token, STEP), V::splat(token, 0.5 * STEP));
        Self { x: u.mul_add(t0, u), tails: [t0, t1, t2, t3] }
    }

    /// Adds the counts, but 4 at most, to `counts`. For `one` see [`Ints::count`].
    #[inline(always)]
    pub(super) fn add(&self, counts: V::Ints, one: V::Ints) -> V::Ints {
        let mut counts = counts;
        for tail in self.tails {
            counts = counts.count(self.x.less(tail), one);
        }
        counts
    }

    /// Where the count may exceed 4.
    #[inline(always)]
    pub(super) fn seldom(&self) -> <V::Ints as Ints>::Mask {
        // T₄ / T₃ at a mean of 1, where it is largest, and a little.
        self.x.less(self.tails[3].mul(V::splat(self.x.token(), 0.193)))
    }
}

/// Adds what the counts exceed 4 by.
#[cold]
#[inline(never)]
pub(super) fn add_rare_remainder(x: &[f32; GROUP], mean: &[f32; GROUP], counts: &mut [u32; GROUP]) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{level::Mask, math};

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
}
