//! Pixel work, one file a kind of layer. Plain loops that vectorise; the only place where `unsafe` may appear.
//!
//! No fused multiply-add anywhere: it is not on every machine, and with it the bits would differ.

pub mod arithmetic;
pub mod digitise;
pub mod shift;
pub mod tiles;
