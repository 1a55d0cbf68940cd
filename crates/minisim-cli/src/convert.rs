//! `minisim convert`: a recording on disk in another format.

use std::path::PathBuf;

use minisim_io::{IoError, Reader, convert};
use serde_json::json;

use crate::{
    exit::Failure,
    interrupt,
    output::{self, OutputArgs},
    talk::Talk,
    text,
};

/// Arguments of `minisim convert`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minisim convert mine.zarr -o mine.tif                     for Fiji, suite2p, CaImAn
  minisim convert mine.zarr -o film.avi --codec FFV1        lossless, a third smaller
  minisim convert mine.zarr -o session --format daq         the folder that the Miniscope's software records
  minisim convert mine.zarr -o mine.nwb                     the film and its truth
  minisim convert mine.zarr -o mine.truth                   footprints, traces and cells as npz and csv")]
pub(crate) struct Args {
    /// The recording (.zarr).
    recording: PathBuf,
    /// What to write; its ending names the format.
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    #[command(flatten)]
    format: OutputArgs,
    /// Replace what is there, once the new one is complete.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    talk: Talk,
}

/// Runs the subcommand.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let format = args.format.format(&args.output)?;
    let options = args.format.options(format, args.force)?;
    let reader = Reader::open(&args.recording).map_err(Failure::input)?;
    reader.warnings().iter().for_each(|w| eprintln!("warning: {w}"));
    let cancel = interrupt::cancel_on_signal(interrupt::NOTHING_WRITTEN)?;
    let written = convert(&reader, &args.output, &options, &mut |_| !cancel.is_cancelled()).map_err(|e| match e {
        _ if cancel.is_cancelled() => Failure::Interrupted(interrupt::NOTHING_WRITTEN),
        IoError::UnknownFormat { .. } => Failure::input(e),
        e => Failure::run(e),
    })?;
    let words = || {
        let next = output::next(format, &written.path, None);
        format!("{}\n  {}\n{next}", written.path.display(), text::bytes(written.bytes))
    };
    args.talk.say(words, || json!({ "output": written.path, "format": format.name(), "bytes": written.bytes }))
}
