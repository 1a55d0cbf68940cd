//! Vectors in plain code, which need no instructions beyond those of the target: one pixel, and four.

use super::{Ints, Mask, Vector, Wide, assert_within};

/// `a * b + c`, rounded once, of as many lanes.
///
/// Without an instruction for it the library's function takes long, so it is kept for where it is needed: in double precision the
/// product is exact, and the sum's second rounding does no harm but where the first one made a tie.
#[inline(always)]
fn mul_add<const N: usize>(a: [f32; N], b: [f32; N], c: [f32; N]) -> [f32; N] {
    let mut out = c;
    if cfg!(all(target_arch = "x86_64", not(target_feature = "fma"))) {
        /// The digits that single precision has not, and what they are halfway between two numbers.
        const ROUNDED: u64 = (1 << 29) - 1;
        const TIE: u64 = 1 << 28;
        let mut doubtful = false;
        for i in 0..N {
            let sum = f64::from(a[i]) * f64::from(b[i]) + f64::from(c[i]);
            out[i] = sum as f32;
            // Near the lower end of the range single precision has fewer digits.
            let small = out[i].to_bits() << 1 < 2 << 24;
            doubtful |= (sum.to_bits() & ROUNDED == TIE) | (small & (sum != 0.0));
        }
        if !doubtful {
            return out;
        }
    }
    for i in 0..N {
        #[expect(clippy::disallowed_methods, reason = "always fused: every level yields the same bits")]
        let fused = a[i].mul_add(b[i], c[i]);
        out[i] = fused;
    }
    out
}

/// One pixel, for the ends of rows.
impl Vector for f32 {
    type Token = ();
    const LANES: usize = 1;

    #[inline(always)]
    fn token(self) {}

    #[inline(always)]
    fn splat((): (), value: f32) -> Self {
        value
    }

    #[inline(always)]
    fn load((): (), values: &[f32]) -> Self {
        values[0]
    }

    #[inline(always)]
    fn store(self, values: &mut [f32]) {
        values[0] = self;
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self + other
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self - other
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self * other
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        let [fused] = mul_add([self], [factor], [term]);
        fused
    }

    #[inline(always)]
    fn followed_by(self, next: Self) -> Self {
        next
    }
}

/// `f` of each lane.
macro_rules! each {
    ($i:ident => $value:expr) => {{
        let lane = {
            #[inline(always)]
            |$i: usize| $value
        };
        [lane(0), lane(1), lane(2), lane(3)]
    }};
}

impl Vector for [f32; 4] {
    type Token = ();
    const LANES: usize = 4;

    #[inline(always)]
    fn token(self) {}

    #[inline(always)]
    fn splat((): (), value: f32) -> Self {
        [value; 4]
    }

    #[inline(always)]
    fn load((): (), values: &[f32]) -> Self {
        [values[0], values[1], values[2], values[3]]
    }

    #[inline(always)]
    fn store(self, values: &mut [f32]) {
        values[..4].copy_from_slice(&self);
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        each!(i => self[i] + other[i])
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        each!(i => self[i] - other[i])
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        each!(i => self[i] * other[i])
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        mul_add(self, factor, term)
    }

    #[inline(always)]
    fn followed_by(self, next: Self) -> Self {
        [self[1], self[2], self[3], next[0]]
    }
}

impl Wide for [f32; 4] {
    type Ints = [u32; 4];

    #[inline(always)]
    fn at_least(self, floor: Self) -> Self {
        each!(i => if self[i] > floor[i] { self[i] } else { floor[i] })
    }

    #[inline(always)]
    fn at_most(self, cap: Self) -> Self {
        each!(i => if self[i] < cap[i] { self[i] } else { cap[i] })
    }

    #[inline(always)]
    fn less(self, other: Self) -> [bool; 4] {
        each!(i => self[i] < other[i])
    }

    #[inline(always)]
    fn truncated(self) -> [u32; 4] {
        // By way of i32, for which every machine has a conversion.
        each!(i => self[i] as i32 as u32)
    }

    #[inline(always)]
    fn select(self, mask: [bool; 4], other: Self) -> Self {
        each!(i => if mask[i] { self[i] } else { other[i] })
    }
}

impl Ints for [u32; 4] {
    type Floats = [f32; 4];
    type Mask = [bool; 4];

    #[inline(always)]
    fn splat((): (), value: u32) -> Self {
        [value; 4]
    }

    #[inline(always)]
    fn load((): (), words: &[u32]) -> Self {
        [words[0], words[1], words[2], words[3]]
    }

    #[inline(always)]
    fn store(self, words: &mut [u32]) {
        words[..4].copy_from_slice(&self);
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        each!(i => self[i].wrapping_add(other[i]))
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        each!(i => self[i] & other[i])
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        each!(i => self[i] | other[i])
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        each!(i => self[i] ^ other[i])
    }

    #[inline(always)]
    fn shl<const N: u32>(self) -> Self {
        each!(i => self[i] << N)
    }

    #[inline(always)]
    fn shr<const N: u32>(self) -> Self {
        each!(i => self[i] >> N)
    }

    #[inline(always)]
    fn greater(self, other: Self) -> [bool; 4] {
        each!(i => self[i] as i32 > other[i] as i32)
    }

    #[inline(always)]
    fn nowhere((): ()) -> [bool; 4] {
        [false; 4]
    }

    #[inline(always)]
    fn select(self, mask: [bool; 4], other: Self) -> Self {
        each!(i => if mask[i] { self[i] } else { other[i] })
    }

    #[inline(always)]
    fn count(self, mask: [bool; 4], _one: Self) -> Self {
        each!(i => self[i].wrapping_add(u32::from(mask[i])))
    }

    #[inline(always)]
    fn to_floats(self) -> [f32; 4] {
        each!(i => self[i] as i32 as f32)
    }

    #[inline(always)]
    fn gather(self, table: &[u32], mask: u32) -> Self {
        assert_within(table, mask);
        each!(i => table[(self[i] & mask) as usize])
    }
}

impl Mask for [bool; 4] {
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        each!(i => self[i] | other[i])
    }

    #[inline(always)]
    fn any(self) -> bool {
        self[0] | self[1] | self[2] | self[3]
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "the library's own, to compare with")]
mod tests {
    use super::*;

    #[test]
    fn products_and_sums_are_rounded_once() {
        let value = |bits: u32| f32::from_bits(bits);
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state ^ state >> 15
        };
        let check = |a: f32, b: f32, c: f32| {
            let ([made], exact) = (mul_add([a], [b], [c]), a.mul_add(b, c));
            assert!(
                made.to_bits() == exact.to_bits() || made.is_nan() && exact.is_nan(),
                "{a:e} * {b:e} + {c:e}: {made:e}"
            );
        };
        for _ in 0..200_000 {
            check(value(next()), value(next()), value(next()));
            // Of a size, so that they meet; few bits, so that there are ties.
            let near = |word: u32, bits: u32| value(0x3f80_0000 | (word >> 9 & !0 << bits) | (word & 1) << 31);
            check(near(next(), 12), near(next(), 12), near(next(), 0));
            check(near(next(), 11), near(next(), 12), near(next(), 20) * f32::EPSILON);
            // At the lower end of the range.
            check(near(next(), 0) * 1e-20, near(next(), 3) * 1e-18, near(next(), 0) * 1e-38);
        }
    }
}
