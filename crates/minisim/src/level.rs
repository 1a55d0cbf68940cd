//! Kernels are compiled for several levels of vector instructions; the best one that the machine has is taken when it runs.
//!
//! Kernels are plain loops, or are written in vectors of the level's width. All arithmetic is IEEE, rounded where the source says
//! so: every level gives the same bits.
#![expect(unsafe_code, reason = "functions with target features are called after asking for these features")]

use std::sync::atomic::{AtomicUsize, Ordering};

/// A level of vector instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// What every machine of the target has: SSE2 on x86-64, NEON on AArch64.
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// The level that [`Level::best`] gives; 0 until it is known.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// Runs `f` with each level that this machine has, the best one last; for tests of what must not depend on it. The level is
/// that of all threads.
#[doc(hidden)]
pub fn at_every_level(mut f: impl FnMut(&str)) {
    let levels: Vec<_> = Level::available().collect();
    for level in levels.into_iter().rev() {
        level.take();
        f(&format!("{level:?}"));
    }
}

impl Level {
    /// The levels that this machine has, best first.
    pub(crate) fn available() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let counts_bits = is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("popcnt");
        #[cfg(target_arch = "x86_64")]
        let levels = [
            (counts_bits
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl"))
            .then_some(Self::Avx512),
            (counts_bits && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self::Avx2),
            Some(Self::Baseline),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let levels = [Some(Self::Baseline)];
        levels.into_iter().flatten()
    }

    /// The best level of this machine.
    pub(crate) fn best() -> Self {
        match TAKEN.load(Ordering::Relaxed) {
            #[cfg(target_arch = "x86_64")]
            3 => Self::Avx512,
            #[cfg(target_arch = "x86_64")]
            2 => Self::Avx2,
            1 => Self::Baseline,
            _ => {
                let best = Self::available().next().unwrap_or(Self::Baseline);
                best.take();
                best
            }
        }
    }

    /// From now on this is the best one.
    fn take(self) {
        let code = match self {
            Self::Baseline => 1,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => 2,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => 3,
        };
        TAKEN.store(code, Ordering::Relaxed);
    }

    /// Runs a kernel, compiled for this level.
    #[inline(always)]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2,fma,bmi1,popcnt")]
            fn avx2<K: Kernel>(kernel: K) -> K::Output {
                kernel.run::<Eight>()
            }

            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,popcnt")]
            fn avx512<K: Kernel>(kernel: K) -> K::Output {
                kernel.run::<Sixteen>()
            }

            match self {
                Self::Baseline => kernel.run::<[f32; 4]>(),
                // SAFETY: levels come from `available`, which found these features on this machine.
                Self::Avx2 => unsafe { avx2(kernel) },
                // SAFETY: as above.
                Self::Avx512 => unsafe { avx512(kernel) },
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        match self {
            Self::Baseline => kernel.run::<[f32; 4]>(),
        }
    }
}

/// Work that is compiled for several levels, whose widest vector is `V`. Its `run`, and what that calls, must be
/// `#[inline(always)]`: a function that is not inlined is compiled for the baseline. (So it is a trait: a closure cannot be told.)
pub(crate) trait Kernel {
    type Output;
    fn run<V: Wide>(self) -> Self::Output;
}

/// Work in plain loops, compiled for several levels by [`at_best_level`]. Its `run`, and what that calls, must be
/// `#[inline(always)]`: a function that is not inlined is compiled for the baseline.
pub trait Loops {
    /// What the work yields; the same at every level.
    type Output;
    /// Does the work.
    fn run(self) -> Self::Output;
}

/// Runs loops, compiled for the best level of vector instructions that this machine has.
#[inline(always)]
pub fn at_best_level<L: Loops>(loops: L) -> L::Output {
    struct Plain<L>(L);

    impl<L: Loops> Kernel for Plain<L> {
        type Output = L::Output;

        #[inline(always)]
        fn run<V: Wide>(self) -> L::Output {
            self.0.run()
        }
    }

    Level::best().run(Plain(loops))
}

/// Some pixels.
pub(crate) trait Vector: Copy {
    const LANES: usize;
    fn splat(value: f32) -> Self;
    /// The first [`Self::LANES`] values.
    fn load(values: &[f32]) -> Self;
    fn store(self, values: &mut [f32]);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// `self * factor + term`, rounded once.
    fn mul_add(self, factor: Self, term: Self) -> Self;
    /// Its pixels from the second on, then the first of `next`.
    fn followed_by(self, next: Self) -> Self;
}

/// Pixels of a level's width, with what decisions need.
pub(crate) trait Wide: Vector {
    type Ints: Ints<Floats = Self>;
    /// `self` where that is greater, else `floor`; so not a number becomes `floor`.
    fn at_least(self, floor: Self) -> Self;
    /// `self` where that is less, else `cap`.
    fn at_most(self, cap: Self) -> Self;
    fn less(self, other: Self) -> <Self::Ints as Ints>::Mask;
    /// Its integer parts.
    ///
    /// # Safety
    /// They must be less than 2³¹ and not negative.
    unsafe fn truncated(self) -> Self::Ints;
}

/// Words, or signed numbers, as wide as [`Wide`].
pub(crate) trait Ints: Copy {
    type Floats: Wide<Ints = Self>;
    type Mask: Mask;
    fn splat(value: u32) -> Self;
    /// The first words.
    fn load(words: &[u32]) -> Self;
    fn store(self, words: &mut [u32]);
    /// Wraps.
    fn add(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    fn shl<const N: u32>(self) -> Self;
    /// Zeros come in.
    fn shr<const N: u32>(self) -> Self;
    /// As signed numbers.
    fn greater(self, other: Self) -> Self::Mask;
    /// `self` where the mask is set, else `other`.
    fn select(self, mask: Self::Mask, other: Self) -> Self;
    /// One more where the mask is set. `one` is 1 everywhere, from where the compiler cannot see it: then it takes one instruction
    /// instead of two, where there is one.
    fn count(self, mask: Self::Mask, one: Self) -> Self;
    /// Of signed numbers.
    fn to_floats(self) -> Self::Floats;
    /// `table[self]`.
    ///
    /// # Safety
    /// The indices must be inside the table, which has fewer than 2³¹ entries; the machine must have the level.
    unsafe fn gather(table: &[u32], index: Self) -> Self;

    #[inline(always)]
    fn rotate_left<const N: u32, const REST: u32>(self) -> Self {
        const { assert!(N + REST == 32) };
        self.shl::<N>().or(self.shr::<REST>())
    }
}

/// A yes or no for each pixel.
pub(crate) trait Mask: Copy {
    fn none() -> Self;
    fn or(self, other: Self) -> Self;
    fn any(self) -> bool;
}

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
    const LANES: usize = 1;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        value
    }

    #[inline(always)]
    fn load(values: &[f32]) -> Self {
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

/// What every machine has, in plain code.
mod baseline {
    use super::{Ints, Mask, Vector, Wide, mul_add};

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
        const LANES: usize = 4;

        #[inline(always)]
        fn splat(value: f32) -> Self {
            [value; 4]
        }

        #[inline(always)]
        fn load(values: &[f32]) -> Self {
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
        unsafe fn truncated(self) -> [u32; 4] {
            // SAFETY: the caller's promise. By way of i32, for which every machine has a conversion.
            each!(i => unsafe { self[i].to_int_unchecked::<i32>() } as u32)
        }
    }

    impl Ints for [u32; 4] {
        type Floats = [f32; 4];
        type Mask = [bool; 4];

        #[inline(always)]
        fn splat(value: u32) -> Self {
            [value; 4]
        }

        #[inline(always)]
        fn load(words: &[u32]) -> Self {
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
        unsafe fn gather(table: &[u32], index: Self) -> Self {
            // SAFETY: the caller's promise.
            each!(i => unsafe { *table.get_unchecked(index[i] as usize) })
        }
    }

    impl Mask for [bool; 4] {
        #[inline(always)]
        fn none() -> Self {
            [false; 4]
        }

        #[inline(always)]
        fn or(self, other: Self) -> Self {
            each!(i => self[i] | other[i])
        }

        #[inline(always)]
        fn any(self) -> bool {
            self[0] | self[1] | self[2] | self[3]
        }
    }
}

#[cfg(target_arch = "x86_64")]
use x86::{Eight, Sixteen};

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! The levels of x86-64. They are used on machines that have them only, and loads and stores check the length of their slices:
    //! that is why the intrinsics here are sound.

    use std::arch::x86_64::*;

    use super::{Ints, Mask, Vector, Wide};

    /// What the levels differ in by names alone.
    macro_rules! vector {
        (
            $floats:ident($f:ident), $ints:ident($i:ident), $lanes:literal, $mask:ty;
            $set_f:ident $load_f:ident $store_f:ident $add_f:ident $sub_f:ident $mul_f:ident $fma:ident $max:ident $min:ident
            $to_i:ident;
            $set_i:ident $load_i:ident $store_i:ident $add_i:ident $and:ident $or:ident $xor:ident $shl:ident $shr:ident $to_f:ident;
            followed_by($these:ident, $next:ident) $followed_by:expr;
            less($a:ident, $b:ident) $less:expr;
            greater($c:ident, $d:ident) $greater:expr;
            select($yes:ident, $choice:ident, $no:ident) $select:expr;
            count($n:ident, $counted:ident, $one:ident) $count:expr;
            gather($table:ident, $index:ident) $gather:expr
        ) => {
            #[derive(Clone, Copy)]
            pub(crate) struct $floats($f);

            #[derive(Clone, Copy)]
            pub(crate) struct $ints($i);

            impl Vector for $floats {
                const LANES: usize = $lanes;

                #[inline(always)]
                fn splat(value: f32) -> Self {
                    // SAFETY: see the module.
                    Self(unsafe { $set_f(value) })
                }

                #[inline(always)]
                fn load(values: &[f32]) -> Self {
                    let values = &values[..$lanes];
                    // SAFETY: see the module.
                    Self(unsafe { $load_f(values.as_ptr()) })
                }

                #[inline(always)]
                fn store(self, values: &mut [f32]) {
                    let values = &mut values[..$lanes];
                    // SAFETY: see the module.
                    unsafe { $store_f(values.as_mut_ptr(), self.0) }
                }

                #[inline(always)]
                fn add(self, other: Self) -> Self {
                    // SAFETY: see the module.
                    Self(unsafe { $add_f(self.0, other.0) })
                }

                #[inline(always)]
                fn sub(self, other: Self) -> Self {
                    // SAFETY: see the module.
                    Self(unsafe { $sub_f(self.0, other.0) })
                }

                #[inline(always)]
                fn mul(self, other: Self) -> Self {
                    // SAFETY: see the module.
                    Self(unsafe { $mul_f(self.0, other.0) })
                }

                #[inline(always)]
                fn mul_add(self, factor: Self, term: Self) -> Self {
                    // SAFETY: see the module.
                    Self(unsafe { $fma(self.0, factor.0, term.0) })
                }

                #[inline(always)]
                fn followed_by(self, next: Self) -> Self {
                    let ($these, $next) = (self.0, next.0);
                    // SAFETY: see the module.
                    Self(unsafe { $followed_by })
                }
            }

            impl Wide for $floats {
                type Ints = $ints;

                // The machine's maximum and minimum yield their second operand where they cannot tell.
                #[inline(always)]
                fn at_least(self, floor: Self) -> Self {
                    // SAFETY: see the module.
                    Self(unsafe { $max(self.0, floor.0) })
                }

                #[inline(always)]
                fn at_most(self, cap: Self) -> Self {
                    // SAFETY: see the module.
                    Self(unsafe { $min(self.0, cap.0) })
                }

                #[inline(always)]
                fn less(self, other: Self) -> $mask {
                    let ($a, $b) = (self.0, other.0);
                    // SAFETY: see the module.
                    unsafe { $less }
                }

                #[inline(always)]
                unsafe fn truncated(self) -> $ints {
                    // SAFETY: see the module.
                    $ints(unsafe { $to_i(self.0) })
                }
            }

            impl Ints for $ints {
                type Floats = $floats;
                type Mask = $mask;

                #[inline(always)]
                fn splat(value: u32) -> Self {
                    // SAFETY: see the module.
                    Self(unsafe { $set_i(value as i32) })
                }

                #[inline(always)]
                fn load(words: &[u32]) -> Self {
                    let words = &words[..$lanes];
                    // SAFETY: see the module.
                    Self(unsafe { $load_i(words.as_ptr().cast()) })
                }

                #[inline(always)]
                fn store(self, words: &mut [u32]) {
                    let words = &mut words[..$lanes];
                    // SAFETY: see the module.
                    unsafe { $store_i(words.as_mut_ptr().cast(), self.0) }
                }

                #[inline(always)]
                fn add(self, other: Self) -> Self {
                    // SAFETY: see the module.
                    Self(unsafe { $add_i(self.0, other.0) })
                }

                #[inline(always)]
                fn and(self, other: Self) -> Self {
                    // SAFETY: see the module.
                    Self(unsafe { $and(self.0, other.0) })
                }

                #[inline(always)]
                fn or(self, other: Self) -> Self {
                    // SAFETY: see the module.
                    Self(unsafe { $or(self.0, other.0) })
                }

                #[inline(always)]
                fn xor(self, other: Self) -> Self {
                    // SAFETY: see the module.
                    Self(unsafe { $xor(self.0, other.0) })
                }

                #[inline(always)]
                fn shl<const N: u32>(self) -> Self {
                    // SAFETY: see the module.
                    Self(unsafe { $shl(self.0, $set_i(N as i32)) })
                }

                #[inline(always)]
                fn shr<const N: u32>(self) -> Self {
                    // SAFETY: see the module.
                    Self(unsafe { $shr(self.0, $set_i(N as i32)) })
                }

                #[inline(always)]
                fn greater(self, other: Self) -> $mask {
                    let ($c, $d) = (self.0, other.0);
                    // SAFETY: see the module.
                    unsafe { $greater }
                }

                #[inline(always)]
                fn select(self, mask: $mask, other: Self) -> Self {
                    let ($yes, $choice, $no) = (self.0, mask.0, other.0);
                    // SAFETY: see the module.
                    Self(unsafe { $select })
                }

                #[inline(always)]
                fn count(self, mask: $mask, one: Self) -> Self {
                    let ($n, $counted, $one) = (self.0, mask.0, one.0);
                    // SAFETY: see the module.
                    Self(unsafe { $count })
                }

                #[inline(always)]
                fn to_floats(self) -> $floats {
                    // SAFETY: see the module.
                    $floats(unsafe { $to_f(self.0) })
                }

                #[inline(always)]
                unsafe fn gather(table: &[u32], index: Self) -> Self {
                    let ($table, $index) = (table.as_ptr().cast(), index.0);
                    // SAFETY: the caller's promise.
                    Self(unsafe { $gather })
                }
            }
        };
    }

    vector! {
        Eight(__m256), EightInts(__m256i), 8, Mask8;
        _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_fmadd_ps
        _mm256_max_ps _mm256_min_ps _mm256_cvttps_epi32;
        _mm256_set1_epi32 _mm256_loadu_si256 _mm256_storeu_si256 _mm256_add_epi32 _mm256_and_si256 _mm256_or_si256
        _mm256_xor_si256 _mm256_sllv_epi32 _mm256_srlv_epi32 _mm256_cvtepi32_ps;
        followed_by(these, next) {
            // The upper half of these and the lower one of the next; then each half goes on one pixel.
            let middle = _mm256_permute2f128_ps::<0x21>(these, next);
            _mm256_castsi256_ps(_mm256_alignr_epi8::<4>(_mm256_castps_si256(middle), _mm256_castps_si256(these)))
        };
        less(a, b) Mask8(_mm256_castps_si256(_mm256_cmp_ps::<_CMP_LT_OQ>(a, b)));
        greater(a, b) Mask8(_mm256_cmpgt_epi32(a, b));
        select(yes, mask, no) _mm256_blendv_epi8(no, yes, mask);
        count(n, mask, _one) _mm256_sub_epi32(n, mask);
        gather(table, index) _mm256_i32gather_epi32::<4>(table, index)
    }

    vector! {
        Sixteen(__m512), SixteenInts(__m512i), 16, Mask16;
        _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_fmadd_ps
        _mm512_max_ps _mm512_min_ps _mm512_cvttps_epi32;
        _mm512_set1_epi32 _mm512_loadu_si512 _mm512_storeu_si512 _mm512_add_epi32 _mm512_and_si512 _mm512_or_si512
        _mm512_xor_si512 _mm512_sllv_epi32 _mm512_srlv_epi32 _mm512_cvtepi32_ps;
        followed_by(these, next) {
            _mm512_castsi512_ps(_mm512_alignr_epi32::<1>(_mm512_castps_si512(next), _mm512_castps_si512(these)))
        };
        less(a, b) Mask16(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b));
        greater(a, b) Mask16(_mm512_cmpgt_epi32_mask(a, b));
        select(yes, mask, no) _mm512_mask_mov_epi32(no, mask, yes);
        count(n, mask, one) _mm512_mask_add_epi32(n, mask, n, one);
        gather(table, index) _mm512_i32gather_epi32::<4>(index, table)
    }

    /// All bits of a lane are set, or none.
    #[derive(Clone, Copy)]
    pub(crate) struct Mask8(__m256i);

    impl Mask for Mask8 {
        #[inline(always)]
        fn none() -> Self {
            // SAFETY: see the module.
            Self(unsafe { _mm256_setzero_si256() })
        }

        #[inline(always)]
        fn or(self, other: Self) -> Self {
            // SAFETY: see the module.
            Self(unsafe { _mm256_or_si256(self.0, other.0) })
        }

        #[inline(always)]
        fn any(self) -> bool {
            // SAFETY: see the module.
            unsafe { _mm256_testz_si256(self.0, self.0) == 0 }
        }
    }

    /// A bit a lane.
    #[derive(Clone, Copy)]
    pub(crate) struct Mask16(__mmask16);

    impl Mask for Mask16 {
        #[inline(always)]
        fn none() -> Self {
            Self(0)
        }

        #[inline(always)]
        fn or(self, other: Self) -> Self {
            Self(self.0 | other.0)
        }

        #[inline(always)]
        fn any(self) -> bool {
            self.0 != 0
        }
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
