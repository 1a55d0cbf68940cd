//! The random words of pixels: which generator gives which pixel its words, as the folder's page says.

use crate::{
    level::{Ints, Wide},
    rng::{Key, LANES},
};

/// Pixels in a group.
pub(super) const GROUP: usize = 64;

/// Pixels in a block: those that share generators.
pub(super) const BLOCK: u64 = 1024;

/// Streams that the word map has room for.
const STREAMS: u64 = 8;

/// What a word's upper 31 bits count.
pub(super) const STEP: f32 = 1.0 / 2_147_483_648.0;

/// The generators of a block, by what their words are for; part of the word map.
#[derive(Clone, Copy)]
pub(super) enum Stream {
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
pub(super) struct Group<T>(pub(super) [T; GROUP]);

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
pub(super) struct Generators {
    state: [[u32; LANES]; 4],
}

impl Generators {
    /// The generators of a block at its first pixel.
    #[inline(always)]
    fn new(key: Key, frame: u64, block: u64, stream: Stream) -> Self {
        let index = block.wrapping_mul(STREAMS).wrapping_add(stream as u64).wrapping_mul(LANES as u64);
        Self { state: key.lanes(frame, index) }
    }

    /// Words for each pixel of a group, `N` times: that of pixel `16 q + l` is the q-th next of generator l.
    #[inline(always)]
    pub(super) fn next<V: Wide, const N: usize>(&mut self, token: V::Token) -> [Group<u32>; N] {
        let mut words = [Group([0; GROUP]); N];
        for at in (0..LANES).step_by(V::LANES) {
            let [mut s0, mut s1, mut s2, mut s3] = [
                <V::Ints as Ints>::load(token, &self.state[0][at..]),
                <V::Ints as Ints>::load(token, &self.state[1][at..]),
                <V::Ints as Ints>::load(token, &self.state[2][at..]),
                <V::Ints as Ints>::load(token, &self.state[3][at..]),
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
    fn skip<V: Wide>(&mut self, token: V::Token, n: u64, per_group: u64) {
        for _ in 0..n * per_group {
            self.next::<V, 1>(token);
        }
    }
}

/// The random words of a block.
pub(super) struct Streams<V: Wide> {
    token: V::Token,
    key: Key,
    pub(super) frame: u64,
    block: u64,
    pub(super) main: Generators,
    /// By stream; those that some group has needed, and the group that their next words are for.
    others: [Option<(Generators, u64)>; STREAMS as usize],
    /// See [`Ints::count`].
    pub(super) one: V::Ints,
}

impl<V: Wide> Streams<V> {
    /// The words of a block of frame `frame`, addressed by `key`; the main ones from the group on that holds `first_pixel`.
    #[inline(always)]
    pub(super) fn new(token: V::Token, key: Key, frame: u64, first_pixel: u64) -> Self {
        let block = first_pixel / BLOCK;
        let mut main = Generators::new(key, frame, block, Stream::Main);
        main.skip::<V>(token, first_pixel % BLOCK / GROUP as u64, 2);
        let one = Ints::splat(token, std::hint::black_box(1));
        Self { token, key, frame, block, main, others: [const { None }; STREAMS as usize], one }
    }

    /// The words of another stream than the main one for the group that begins with pixel `first`.
    #[inline(always)]
    pub(super) fn of(&mut self, stream: Stream, first: u64) -> Group<u32> {
        let group = first % BLOCK / GROUP as u64;
        let other = &mut self.others[stream as usize];
        let (mut generators, next) = match other {
            Some(known) => *known,
            None => (Generators::new(self.key, self.frame, self.block, stream), 0),
        };
        generators.skip::<V>(self.token, group - next, 1);
        let [words] = generators.next::<V, 1>(self.token);
        *other = Some((generators, group + 1));
        words
    }
}
