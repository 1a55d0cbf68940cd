//! AVI films: 8-bit grey, uncompressed or coded, with the OpenDML index that lets them grow beyond 1 GiB.

mod riff;
mod sink;

pub(crate) use riff::{PipedAvi, Rate, Shape, Writer, bitmap_header};
pub use sink::{AviOptions, AviSink, save_avi};
