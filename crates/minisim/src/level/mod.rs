//! Kernels are compiled for several levels of vector instructions; the best one that the machine has is taken when it runs.
//!
//! Kernels are plain loops, or are written in vectors of the level's width. All arithmetic is IEEE, rounded where the source says
//! so: every level gives the same bits.
//!
//! A vector can be made only with the token of its level, and a token only after the machine was asked for the level's
//! instructions. So the types say what may run where, and whoever writes a kernel needs no `unsafe` and can break no promise.
#![cfg_attr(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    expect(
        unsafe_code,
        reason = "functions with target features are called by what proves that the machine has these"
    )
)]

#[cfg(target_arch = "aarch64")]
mod neon;
mod plain;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod registers;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::{
    fmt,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A level of vector instructions that this machine has.
#[derive(Clone, Copy)]
pub(crate) enum Level {
    /// Plain code for four pixels, compiled for what every machine of the target has: SSE2 on x86-64.
    Baseline,
    /// AVX2 with fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2(x86::Avx2),
    /// AVX-512 as servers and newer laptops have it (F, BW, DQ, VL).
    #[cfg(target_arch = "x86_64")]
    Avx512(x86::Avx512),
    /// NEON, which all 64-bit ARM processors have that run an operating system.
    #[cfg(target_arch = "aarch64")]
    Neon(neon::Neon),
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Baseline => "Baseline",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "Avx2",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "Avx512",
            #[cfg(target_arch = "aarch64")]
            Self::Neon(_) => "Neon",
        })
    }
}

/// The machine's best level, once it is known.
static BEST: OnceLock<Level> = OnceLock::new();

/// What a test wants instead: the number of the level in [`Level::available`] plus 1; 0 for the best one.
static FORCED: AtomicUsize = AtomicUsize::new(0);

/// Runs `f` with each level that this machine has, the best one last; for tests of what must not depend on it. The level is
/// that of all threads.
#[doc(hidden)]
pub fn at_every_level(mut f: impl FnMut(&str)) {
    let levels: Vec<_> = Level::available().collect();
    for (number, level) in levels.into_iter().enumerate().rev() {
        FORCED.store(number + 1, Ordering::Relaxed);
        f(&format!("{level:?}"));
    }
    FORCED.store(0, Ordering::Relaxed);
}

impl Level {
    /// The levels that this machine has, best first.
    pub(crate) fn available() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let better = [x86::Avx512::ask().map(Self::Avx512), x86::Avx2::ask().map(Self::Avx2)];
        #[cfg(target_arch = "aarch64")]
        let better = [neon::Neon::ask().map(Self::Neon)];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let better: [Option<Self>; 0] = [];
        better.into_iter().flatten().chain([Self::Baseline])
    }

    /// The best level of this machine.
    #[inline]
    pub(crate) fn best() -> Self {
        match FORCED.load(Ordering::Relaxed) {
            0 => *BEST.get_or_init(|| Self::available().next().unwrap_or(Self::Baseline)),
            number => Self::available().nth(number - 1).unwrap_or(Self::Baseline),
        }
    }

    /// Runs a kernel, compiled for this level.
    #[inline(always)]
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            Self::Baseline => kernel.run::<[f32; 4]>(()),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(token) => token.run(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(token) => token.run(kernel),
            #[cfg(target_arch = "aarch64")]
            Self::Neon(token) => token.run(kernel),
        }
    }
}

/// Work that is compiled for several levels, whose widest vector is `V`. Its `run`, and what that calls, must be
/// `#[inline(always)]`: a function that is not inlined is compiled for the baseline, which is slow but right. (So it is a trait:
/// a closure cannot be marked so.)
pub(crate) trait Kernel {
    type Output;
    fn run<V: Wide>(self, token: V::Token) -> Self::Output;
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
        fn run<V: Wide>(self, _token: V::Token) -> L::Output {
            self.0.run()
        }
    }

    Level::best().run(Plain(loops))
}

/// Some pixels.
pub(crate) trait Vector: Copy {
    /// Proof that this machine has the instructions that the vector needs.
    type Token: Copy;
    const LANES: usize;
    /// What it was made with.
    fn token(self) -> Self::Token;
    fn splat(token: Self::Token, value: f32) -> Self;
    /// The first [`Self::LANES`] values.
    fn load(token: Self::Token, values: &[f32]) -> Self;
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
    /// Its integer parts as signed numbers, rounded towards 0; beyond ±2³¹, words that differ between levels.
    fn truncated(self) -> Self::Ints;
    /// `self` where the mask is set, else `other`.
    fn select(self, mask: <Self::Ints as Ints>::Mask, other: Self) -> Self;
}

/// The token of words.
pub(crate) type TokenOf<I> = <<I as Ints>::Floats as Vector>::Token;

/// Words, or signed numbers, as wide as [`Wide`].
pub(crate) trait Ints: Copy {
    type Floats: Wide<Ints = Self>;
    type Mask: Mask;
    fn splat(token: TokenOf<Self>, value: u32) -> Self;
    /// The first words.
    fn load(token: TokenOf<Self>, words: &[u32]) -> Self;
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
    /// A mask that is set nowhere.
    fn nowhere(token: TokenOf<Self>) -> Self::Mask;
    /// `self` where the mask is set, else `other`.
    fn select(self, mask: Self::Mask, other: Self) -> Self;
    /// One more where the mask is set. `one` is 1 everywhere, from where the compiler cannot see it: then it takes one instruction
    /// instead of two, where there is one.
    fn count(self, mask: Self::Mask, one: Self) -> Self;
    /// Of signed numbers.
    fn to_floats(self) -> Self::Floats;
    /// `table[self & mask]`; it is a fault of the program if the table ends before `mask`. Where the compiler knows that the index
    /// has no other bits, the mask costs nothing.
    fn gather(self, table: &[u32], mask: u32) -> Self;

    #[inline(always)]
    fn rotate_left<const N: u32, const REST: u32>(self) -> Self {
        const { assert!(N + REST == 32) };
        self.shl::<N>().or(self.shr::<REST>())
    }
}

/// A yes or no for each pixel.
pub(crate) trait Mask: Copy {
    fn or(self, other: Self) -> Self;
    fn any(self) -> bool;
}

/// Holds when all of `index & mask` are inside the table, as signed numbers too.
#[inline(always)]
fn assert_within(table: &[u32], mask: u32) {
    assert!((mask as usize) < table.len() && mask <= i32::MAX as u32, "a table ends before its mask");
}
