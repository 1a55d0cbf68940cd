//! Kernels are compiled for several levels of vector instructions; the best one that the machine has is taken when it runs.
//!
//! The loops are plain ones, and all arithmetic is IEEE with separate multiplications and additions, so every level gives the
//! same bits.
#![expect(unsafe_code, reason = "functions with target features are called after asking for these features")]

use std::sync::OnceLock;

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

impl Level {
    /// The levels that this machine has, best first.
    pub(crate) fn available() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let levels = [
            (is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl"))
            .then_some(Self::Avx512),
            is_x86_feature_detected!("avx2").then_some(Self::Avx2),
            Some(Self::Baseline),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let levels = [Some(Self::Baseline)];
        levels.into_iter().flatten()
    }

    /// The best level of this machine.
    pub(crate) fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().next().unwrap_or(Self::Baseline))
    }

    /// Runs a kernel, compiled for this level.
    #[inline(always)]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        {
            #[target_feature(enable = "avx2")]
            fn avx2<K: Kernel>(kernel: K) -> K::Output {
                kernel.run::<Avx2Lanes>()
            }

            #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
            fn avx512<K: Kernel>(kernel: K) -> K::Output {
                kernel.run::<Avx512Lanes>()
            }

            match self {
                Self::Baseline => kernel.run::<BaselineLanes>(),
                // SAFETY: levels come from `available`, which found these features on this machine.
                Self::Avx2 => unsafe { avx2(kernel) },
                // SAFETY: as above.
                Self::Avx512 => unsafe { avx512(kernel) },
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        match self {
            Self::Baseline => kernel.run::<BaselineLanes>(),
        }
    }
}

/// Work that is compiled for several levels. Its `run`, and what that calls, must be `#[inline(always)]`: a function that is not
/// inlined is compiled for the baseline. (So it is a trait: a closure cannot be told.)
pub(crate) trait Kernel {
    type Output;
    fn run<L: Lanes>(self) -> Self::Output;
}

/// What the levels do in ways that plain loops do not find.
pub(crate) trait Lanes {
    /// Pixels in a register, for what compilers do not promote to registers by themselves.
    type Vector: Vector;

    /// `table[index[i]]` for sixteen indices.
    ///
    /// # Safety
    /// The indices must be inside the table, which has fewer than 2³¹ entries; the machine must have the level.
    unsafe fn gather(table: &[u32], index: &[u32; 16]) -> [u32; 16];
}

/// Some pixels. Every operation rounds once.
pub(crate) trait Vector: Copy {
    const LANES: usize;
    fn splat(value: f32) -> Self;
    /// The first [`Self::LANES`] values.
    fn load(values: &[f32]) -> Self;
    fn store(self, values: &mut [f32]);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
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
        [self[0] + other[0], self[1] + other[1], self[2] + other[2], self[3] + other[3]]
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        [self[0] - other[0], self[1] - other[1], self[2] - other[2], self[3] - other[3]]
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        [self[0] * other[0], self[1] * other[1], self[2] * other[2], self[3] * other[3]]
    }
}

pub(crate) struct BaselineLanes;

impl Lanes for BaselineLanes {
    type Vector = [f32; 4];

    #[inline(always)]
    unsafe fn gather(table: &[u32], index: &[u32; 16]) -> [u32; 16] {
        // SAFETY: the caller's promise.
        index.map(|i| unsafe { *table.get_unchecked(i as usize) })
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2Lanes, Avx512Lanes};

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! The levels of x86-64. They are used on machines that have them only.

    use std::arch::x86_64::*;

    use super::{Lanes, Vector};

    macro_rules! vector {
        ($name:ident, $register:ident, $lanes:literal, $set:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $mul:ident) => {
            #[derive(Clone, Copy)]
            pub(crate) struct $name($register);

            impl Vector for $name {
                const LANES: usize = $lanes;

                #[inline(always)]
                fn splat(value: f32) -> Self {
                    // SAFETY: the level has this register.
                    Self(unsafe { $set(value) })
                }

                #[inline(always)]
                fn load(values: &[f32]) -> Self {
                    let values = &values[..$lanes];
                    // SAFETY: the level has this register, and the slice is as long.
                    Self(unsafe { $load(values.as_ptr()) })
                }

                #[inline(always)]
                fn store(self, values: &mut [f32]) {
                    let values = &mut values[..$lanes];
                    // SAFETY: as above.
                    unsafe { $store(values.as_mut_ptr(), self.0) }
                }

                #[inline(always)]
                fn add(self, other: Self) -> Self {
                    // SAFETY: the level has this register.
                    Self(unsafe { $add(self.0, other.0) })
                }

                #[inline(always)]
                fn sub(self, other: Self) -> Self {
                    // SAFETY: the level has this register.
                    Self(unsafe { $sub(self.0, other.0) })
                }

                #[inline(always)]
                fn mul(self, other: Self) -> Self {
                    // SAFETY: the level has this register.
                    Self(unsafe { $mul(self.0, other.0) })
                }
            }
        };
    }

    vector!(
        Eight,
        __m256,
        8,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps
    );
    vector!(
        Sixteen,
        __m512,
        16,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps
    );

    pub(crate) struct Avx2Lanes;

    impl Lanes for Avx2Lanes {
        type Vector = Eight;

        #[inline(always)]
        unsafe fn gather(table: &[u32], index: &[u32; 16]) -> [u32; 16] {
            let mut out = [0; 16];
            for (index, out) in index.as_chunks::<8>().0.iter().zip(out.as_chunks_mut::<8>().0) {
                // SAFETY: eight indices are read, eight entries inside the table by the caller's promise, eight values
                // written.
                unsafe {
                    let index = _mm256_loadu_si256(index.as_ptr().cast());
                    let entries = _mm256_i32gather_epi32::<4>(table.as_ptr().cast(), index);
                    _mm256_storeu_si256(out.as_mut_ptr().cast(), entries);
                }
            }
            out
        }
    }

    pub(crate) struct Avx512Lanes;

    impl Lanes for Avx512Lanes {
        type Vector = Sixteen;

        #[inline(always)]
        unsafe fn gather(table: &[u32], index: &[u32; 16]) -> [u32; 16] {
            let mut out = [0; 16];
            // SAFETY: sixteen indices are read, sixteen entries inside the table by the caller's promise, sixteen values
            // written.
            unsafe {
                let index = _mm512_loadu_si512(index.as_ptr().cast());
                let entries = _mm512_i32gather_epi32::<4>(index, table.as_ptr().cast());
                _mm512_storeu_si512(out.as_mut_ptr().cast(), entries);
            }
            out
        }
    }
}
