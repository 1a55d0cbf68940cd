//! Pixel work, one file a kind of work: cells onto the canvas (`tiles`), operations on pixels (`arithmetic`), the canvas under the
//! scope (`shift`, `warp`), counts (`digitise`).
//!
//! Kernels are written in the vectors of `level`, or in plain loops, and compiled for each level of vector instructions
//! that machines have. They give the same bits at every level: additions and products are rounded one by one, except where the
//! source says `mul_add`, which is rounded once everywhere. None holds unsafe code.

pub mod arithmetic;
pub mod digitise;
pub mod shift;
pub mod tiles;
pub mod warp;
