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
    /// `table[index[i]]` for sixteen indices.
    ///
    /// # Safety
    /// The indices must be inside the table, which has fewer than 2³¹ entries; the machine must have the level.
    unsafe fn gather(table: &[u32], index: &[u32; 16]) -> [u32; 16];
}

pub(crate) struct BaselineLanes;

impl Lanes for BaselineLanes {
    #[inline(always)]
    unsafe fn gather(table: &[u32], index: &[u32; 16]) -> [u32; 16] {
        // SAFETY: the caller's promise.
        index.map(|i| unsafe { *table.get_unchecked(i as usize) })
    }
}

#[cfg(target_arch = "x86_64")]
struct Avx2Lanes;

#[cfg(target_arch = "x86_64")]
impl Lanes for Avx2Lanes {
    #[inline(always)]
    unsafe fn gather(table: &[u32], index: &[u32; 16]) -> [u32; 16] {
        use std::arch::x86_64::{_mm256_i32gather_epi32, _mm256_loadu_si256, _mm256_storeu_si256};
        let mut out = [0; 16];
        for (index, out) in index.as_chunks::<8>().0.iter().zip(out.as_chunks_mut::<8>().0) {
            // SAFETY: eight indices are read, eight entries inside the table by the caller's promise, eight values written.
            unsafe {
                let index = _mm256_loadu_si256(index.as_ptr().cast());
                _mm256_storeu_si256(out.as_mut_ptr().cast(), _mm256_i32gather_epi32::<4>(table.as_ptr().cast(), index));
            }
        }
        out
    }
}

#[cfg(target_arch = "x86_64")]
struct Avx512Lanes;

#[cfg(target_arch = "x86_64")]
impl Lanes for Avx512Lanes {
    #[inline(always)]
    unsafe fn gather(table: &[u32], index: &[u32; 16]) -> [u32; 16] {
        use std::arch::x86_64::{_mm512_i32gather_epi32, _mm512_loadu_si512, _mm512_storeu_si512};
        let mut out = [0; 16];
        // SAFETY: sixteen indices are read, sixteen entries inside the table by the caller's promise, sixteen values written.
        unsafe {
            let index = _mm512_loadu_si512(index.as_ptr().cast());
            _mm512_storeu_si512(out.as_mut_ptr().cast(), _mm512_i32gather_epi32::<4>(index, table.as_ptr().cast()));
        }
        out
    }
}

/// Declares an element-wise kernel on rows: `Name(changed: read, …; parameter, …) |old| new`, pixel by pixel.
macro_rules! row_kernel {
    ($name:ident($pixel:ident: $($row:ident),+; $($parameter:ident),*) $value:expr) => {
        struct $name<'a> {
            $pixel: &'a mut [f32],
            $($row: &'a [f32],)+
            $($parameter: f32,)*
        }

        impl $crate::level::Kernel for $name<'_> {
            type Output = ();

            #[inline(always)]
            fn run<L: $crate::level::Lanes>(self) {
                let n = self.$pixel.len()$(.min(self.$row.len()))+;
                let $pixel = &mut self.$pixel[..n];
                $(let $row = &self.$row[..n];)+
                $(let $parameter = self.$parameter;)*
                for i in 0..n {
                    $(let $row = $row[i];)+
                    let old = $pixel[i];
                    $pixel[i] = $value(old);
                }
            }
        }
    };
}

pub(crate) use row_kernel;
