//! The camera: light to counts.
//!
//! A pixel of intensity x detects λ = max(x, 0) · electrons_per_unit electrons on average. It holds
//! Poisson(λ) + N(0, read_noise_e²) electrons, and reads `clip(floor(electrons · gain), 0, max_count)`. The Poisson count
//! is a true one at every λ: no normal approximation, only the resolution of the 32-bit words it is drawn from.
//!
//! # Method
//! Poisson counts add: a Poisson(λ) is the sum of independent ones of means λ₁ + λ₂ + … = λ. So λ is written as an integer
//! and a remainder in [0, 1), and the integer in digits: its low 8 bits, then 4 bits at a time up to 2²⁰. Each digit's
//! Poisson comes from one word by an alias table with integer masses (Walker, "An efficient method for generating discrete
//! random variables with general distributions", ACM Trans. Math. Softw. 3, 1977), the remainder's by inversion. A digit
//! that no pixel of a group has is not drawn. From λ = 2²⁰ on, [`Key::poisson`](crate::rng::Key::poisson) draws by rejection. Where a pixel
//! saturates with a probability above 1 - 10⁻³⁰, λ is lowered to where that begins, so any intensity is cheap.
//!
//! Read noise is drawn with the units: floor(n + x) = n + floor(x) for whole n, so where whole electrons are enough to tell
//! the count (a gain of 1, ½, ¼, …), the units' tables hold Poisson(units) + N(0, read_noise_e²), floored, to the same
//! 32 bits. With another gain, or more noise than the tables have room for, it is a normal number of its own by Box and
//! Muller's transform, in single precision, reaching 6.6 standard deviations.
//!
//! # Which words a pixel gets
//! Pixels go in blocks of 1024, and blocks in groups of 64. A block has 16 generators xoshiro128++ (Blackman and Vigna,
//! "Scrambled linear pseudorandom number generators", ACM Trans. Math. Softw. 47, 2021) for each stream; the state of
//! generator l of stream s is the Philox block at entity t (the frame), index `(block * 8 + s) * 16 + l`. Pixel i of the frame
//! is number `i % 64 = 16 q + l` of its group and draws from generator l. From the main stream a group takes eight words of
//! each generator: four (for q = 0 to 3) for the remainders, four for the units; from the stream of the noise, where that is
//! drawn by itself, and from the streams of the higher digits four each. They are taken whether needed or not, so a pixel's
//! words depend on its place alone. A normal number takes the noise words of two pixels, 32 apart, and serves both: one has
//! its cosine, the other its sine. This map does not depend on the width of the machine's vectors, nor on how an image is
//!
//! # Sensors whose pixels differ
//! With a [`PixelModel`](crate::plan::PixelModel), each pixel has its own mean, `λ = max(x, 0) · electrons_per_unit + dark_e`, and its
//! electrons are drawn as above, so their law stays exact. What follows is arithmetic in double precision: the response, the gain, the
//! read noise (always a normal number of its own, for offsets are no whole electrons), the offset, and the noise of its row and its
//! column, which an [`Exposure`] holds for a frame. A plain sensor takes none of this.
//!
//! What every pixel needs is written in vectors; the rest is plain loops over a group, compiled for several levels of vector
//! instructions.

mod exposure;
mod normal;
mod remainder;
mod sampler;
mod tables;
mod words;

pub use crate::plan::DigitiseModel;
pub use exposure::Exposure;
pub use sampler::Digitiser;

/// A sample type that counts are stored in.
pub trait Count: Copy + Default + Send + Sync {
    /// The count, or the type's largest value if that is less.
    fn from_count(count: u32) -> Self;
}

impl Count for u8 {
    #[inline(always)]
    fn from_count(count: u32) -> Self {
        count.min(0xff) as u8
    }
}

impl Count for u16 {
    #[inline(always)]
    fn from_count(count: u32) -> Self {
        count.min(0xffff) as u16
    }
}

/// Exact up to 2²⁴.
impl Count for f32 {
    #[inline(always)]
    fn from_count(count: u32) -> Self {
        // By way of i32, for which every machine has a conversion; counts stay below 2³¹.
        count as i32 as f32
    }
}
