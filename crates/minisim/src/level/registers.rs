//! Vectors out of a processor's registers: each carries the token that proves its instructions.

use super::{Ints, Mask, TokenOf, Vector, Wide};

/// What a level's instructions do with registers of floats, words and answers. Implemented by its token, so only a machine that
/// has them comes to call them.
pub(super) trait Instructions: Copy {
    type Floats: Copy;
    type Words: Copy;
    type Answers: Copy;
    const LANES: usize;

    fn splat(self, value: f32) -> Self::Floats;
    fn load(self, values: &[f32]) -> Self::Floats;
    fn store(self, a: Self::Floats, values: &mut [f32]) -> ();
    fn add(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn sub(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn mul(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn mul_add(self, a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats;
    fn followed_by(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn at_least(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn at_most(self, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    fn less(self, a: Self::Floats, b: Self::Floats) -> Self::Answers;
    fn truncated(self, a: Self::Floats) -> Self::Words;
    fn select_floats(self, yes: Self::Floats, mask: Self::Answers, no: Self::Floats) -> Self::Floats;

    fn splat_word(self, value: u32) -> Self::Words;
    fn load_words(self, words: &[u32]) -> Self::Words;
    fn store_words(self, a: Self::Words, words: &mut [u32]) -> ();
    fn add_words(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn and(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn or(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn xor(self, a: Self::Words, b: Self::Words) -> Self::Words;
    fn shl<const N: u32>(self, a: Self::Words) -> Self::Words;
    fn shr<const N: u32>(self, a: Self::Words) -> Self::Words;
    fn greater(self, a: Self::Words, b: Self::Words) -> Self::Answers;
    fn select(self, yes: Self::Words, mask: Self::Answers, no: Self::Words) -> Self::Words;
    fn count(self, a: Self::Words, mask: Self::Answers, one: Self::Words) -> Self::Words;
    fn to_floats(self, a: Self::Words) -> Self::Floats;
    fn gather(self, a: Self::Words, table: &[u32], mask: u32) -> Self::Words;

    fn nowhere(self) -> Self::Answers;
    fn either(self, a: Self::Answers, b: Self::Answers) -> Self::Answers;
    fn any(self, a: Self::Answers) -> bool;
}

/// A level: its token, which proves that this machine has some features, for it is made after asking for all of them and in no
/// other way; and its instructions, one line each, compiled for just these features. The compiler checks each line: what is not
/// among the features, or touches memory by a pointer, is not safe to call there.
macro_rules! level {
    (
        $(#[$doc:meta])*
        $token:ident: $features:tt, $lanes:literal,
        Floats $floats:ty, Words $words:ty, Answers $answers:ty;
        $(fn $name:ident $(<const $n:ident>)? ($($inputs:tt)*) -> $out:ty $body:block)*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(crate) struct $token(());

        impl $token {
            /// The token, if this machine has all the features.
            pub(super) fn ask() -> Option<Self> {
                features_detected!($features).then_some(Self(()))
            }

            /// Runs a kernel, compiled for the features.
            #[inline(always)]
            pub(super) fn run<K: Kernel>(self, kernel: K) -> K::Output {
                compiled! { $features
                    fn compiled<K: Kernel>(kernel: K, token: $token) -> K::Output {
                        kernel.run::<Floats<$token>>(token)
                    }
                }
                // SAFETY: `compiled` needs the features in the list that this macro was given. Only `ask` makes tokens, and it
                // found every feature of that list on this machine.
                unsafe { compiled(kernel, self) }
            }
        }

        impl Instructions for $token {
            type Floats = $floats;
            type Words = $words;
            type Answers = $answers;
            const LANES: usize = $lanes;

            $(instruction! { $features $name [$($n)?] ($($inputs)*) $out $body })*
        }
    };
}

/// Whether this machine has all of some features.
macro_rules! features_detected {
    (($detected:ident $($feature:tt)*)) => { $(std::arch::$detected!($feature))&&* };
}

/// A function that is compiled for some features.
macro_rules! compiled {
    (($detected:ident $($feature:tt)*) $($function:tt)*) => {
        #[inline]
        $(#[target_feature(enable = $feature)])*
        $($function)*
    };
}

/// An instruction as a method of the token that proves it.
macro_rules! instruction {
    ($features:tt $name:ident [$($n:ident)?] ($($x:ident: $in:ty),*) $out:ty $body:block) => {
        #[inline(always)]
        fn $name $(<const $n: u32>)? (self, $($x: $in),*) -> $out {
            compiled! { $features
                fn compiled $(<const $n: u32>)? ($($x: $in),*) -> $out $body
            }
            // SAFETY: as in `run` of the token: it proves the features that `compiled` needs.
            unsafe { compiled $(::<$n>)? ($($x),*) }
        }
    };
}

pub(super) use {compiled, features_detected, instruction, level};

/// A register of floats.
#[derive(Clone, Copy)]
pub(crate) struct Floats<T: Instructions>(T::Floats, T);

/// A register of words.
#[derive(Clone, Copy)]
pub(crate) struct Words<T: Instructions>(T::Words, T);

/// A register, or some bits, of answers.
#[derive(Clone, Copy)]
pub(crate) struct Answers<T: Instructions>(T::Answers, T);

impl<T: Instructions> Vector for Floats<T> {
    type Token = T;
    const LANES: usize = T::LANES;

    #[inline(always)]
    fn token(self) -> T {
        self.1
    }

    #[inline(always)]
    fn splat(token: T, value: f32) -> Self {
        Self(token.splat(value), token)
    }

    #[inline(always)]
    fn load(token: T, values: &[f32]) -> Self {
        Self(token.load(values), token)
    }

    #[inline(always)]
    fn store(self, values: &mut [f32]) {
        self.1.store(self.0, values);
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.1.add(self.0, other.0), self.1)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Self(self.1.sub(self.0, other.0), self.1)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Self(self.1.mul(self.0, other.0), self.1)
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(self.1.mul_add(self.0, factor.0, term.0), self.1)
    }

    #[inline(always)]
    fn followed_by(self, next: Self) -> Self {
        Self(self.1.followed_by(self.0, next.0), self.1)
    }
}

impl<T: Instructions> Wide for Floats<T> {
    type Ints = Words<T>;

    #[inline(always)]
    fn at_least(self, floor: Self) -> Self {
        Self(self.1.at_least(self.0, floor.0), self.1)
    }

    #[inline(always)]
    fn at_most(self, cap: Self) -> Self {
        Self(self.1.at_most(self.0, cap.0), self.1)
    }

    #[inline(always)]
    fn less(self, other: Self) -> Answers<T> {
        Answers(self.1.less(self.0, other.0), self.1)
    }

    #[inline(always)]
    fn truncated(self) -> Words<T> {
        Words(self.1.truncated(self.0), self.1)
    }

    #[inline(always)]
    fn select(self, mask: Answers<T>, other: Self) -> Self {
        Self(self.1.select_floats(self.0, mask.0, other.0), self.1)
    }
}

impl<T: Instructions> Ints for Words<T> {
    type Floats = Floats<T>;
    type Mask = Answers<T>;

    #[inline(always)]
    fn splat(token: TokenOf<Self>, value: u32) -> Self {
        Self(token.splat_word(value), token)
    }

    #[inline(always)]
    fn load(token: TokenOf<Self>, words: &[u32]) -> Self {
        Self(token.load_words(words), token)
    }

    #[inline(always)]
    fn store(self, words: &mut [u32]) {
        self.1.store_words(self.0, words);
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(self.1.add_words(self.0, other.0), self.1)
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Self(self.1.and(self.0, other.0), self.1)
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Self(self.1.or(self.0, other.0), self.1)
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(self.1.xor(self.0, other.0), self.1)
    }

    #[inline(always)]
    fn shl<const N: u32>(self) -> Self {
        Self(self.1.shl::<N>(self.0), self.1)
    }

    #[inline(always)]
    fn shr<const N: u32>(self) -> Self {
        Self(self.1.shr::<N>(self.0), self.1)
    }

    #[inline(always)]
    fn greater(self, other: Self) -> Answers<T> {
        Answers(self.1.greater(self.0, other.0), self.1)
    }

    #[inline(always)]
    fn nowhere(token: TokenOf<Self>) -> Answers<T> {
        Answers(token.nowhere(), token)
    }

    #[inline(always)]
    fn select(self, mask: Answers<T>, other: Self) -> Self {
        Self(self.1.select(self.0, mask.0, other.0), self.1)
    }

    #[inline(always)]
    fn count(self, mask: Answers<T>, one: Self) -> Self {
        Self(self.1.count(self.0, mask.0, one.0), self.1)
    }

    #[inline(always)]
    fn to_floats(self) -> Floats<T> {
        Floats(self.1.to_floats(self.0), self.1)
    }

    #[inline(always)]
    fn gather(self, table: &[u32], mask: u32) -> Self {
        Self(self.1.gather(self.0, table, mask), self.1)
    }
}

impl<T: Instructions> Mask for Answers<T> {
    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Self(self.1.either(self.0, other.0), self.1)
    }

    #[inline(always)]
    fn any(self) -> bool {
        self.1.any(self.0)
    }
}
