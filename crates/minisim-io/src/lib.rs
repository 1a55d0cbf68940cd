//! Files in and out: one file a format. Bytes, paths and the machine's limits live here and no physics does.
//!
//! Every output is atomic: it grows under a temporary name beside its place and is renamed into it once it is complete.
//! Whatever ends a run early (an error, a full disk, Ctrl-C) leaves nothing that looks like a recording.

mod atomic;
mod avi;
mod caiman;
mod codec;
mod daq;
mod disk;
mod error;
mod estimate;
mod ffv1;
mod film;
mod format;
mod hdf5;
mod live;
mod machine;
mod mkv;
#[cfg(feature = "mp4")]
mod mp4;
mod npy;
mod nwb;
mod pace;
mod pipe;
mod pipelines;
mod tiff;
mod truth_files;
mod zarr;

pub use atomic::{remove_unfinished, write_file};
pub use avi::{AviOptions, AviSink, save_avi};
pub use codec::{Codec, MJPG_QUALITY};
pub use error::IoError;
pub use estimate::{DisplacementFile, EstimateFile, Numbers, read_estimate};
pub use format::{FileOptions, FileSink, Format, convert, export};
pub use live::{Live, LiveFrame, LiveOptions, Next, Pictures, raw_bytes, raw_type};
pub use machine::{Machine, available_memory_bytes, may_be_running, process_name};
pub use pace::{Clock, Lateness, Pace, SystemClock};
pub use pipe::{PipeFormat, PipeOptions, PipeSink, Piped, widen_pipe};
pub use pipelines::read_left;
pub use zarr::{Loaded, Reader, ZarrOptions, ZarrSink, load, save};

/// What a finished file sink reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The output.
    pub path: std::path::PathBuf,
    /// Bytes on disk.
    pub bytes: u64,
}
