//! The films of a set: made once and kept, or made for one run and removed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use minisim::{Cancel, Options, RunError, benchmark::Recording, simulate_into, truth::BOUNDS};
use minisim_io::{
    FileOptions, Format, IoError, Reader, ZarrOptions, ZarrSink, available_memory_bytes, convert, may_be_running,
    process_name,
};

use super::STOPPED;
use crate::exit::Failure;

/// Formats of films that pipelines may be given: those that hold the film and nothing of the truth.
pub(super) const FORMATS: [Format; 4] = [Format::Tiff, Format::Avi, Format::Mkv, Format::Hdf5];

/// Folder of the films that are kept.
const FILMS: &str = "films";
/// Folder of what is there only while a recording is worked on.
const WORK: &str = "work";

/// A recording on disk, and its film as pipelines get it.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) recording: PathBuf,
    pub(super) film: PathBuf,
}

/// Where a recording and its film are kept.
fn place(folder: &Path, format: Format) -> Made {
    // In a folder of its own: many programs look at what lies beside a film, or write there.
    Made {
        recording: folder.join("recording.zarr"),
        film: folder.join("film").join(format!("film.{}", format.suffix())),
    }
}

/// The recording that is kept, if it is whole and of this very spec.
fn kept(root: &Path, recording: &Recording, format: Format) -> Option<Made> {
    let made = place(&root.join(FILMS).join(recording.name), format);
    is_whole(&made.recording, recording).then_some(made)
}

fn is_whole(path: &Path, recording: &Recording) -> bool {
    // Bounds are asked for separately, so a recording of this spec may have none.
    let bounded = |r: &Reader| r.truth_array(BOUNDS[0].name).is_ok_and(|array| array.is_some());
    Reader::open(path).is_ok_and(|r| r.spec().cache_key() == recording.spec.cache_key() && bounded(&r))
}

/// Makes what is not there yet of a recording that is kept; whether there was anything to do.
pub(super) fn make(root: &Path, recording: &Recording, format: Format, cancel: &Cancel) -> Result<bool, Failure> {
    let folder = root.join(FILMS).join(recording.name);
    let made = place(&folder, format);
    let whole = is_whole(&made.recording, recording);
    if whole && made.film.exists() {
        return Ok(false);
    }
    create(&folder)?;
    if !whole {
        simulate(recording, &made.recording, cancel)?;
        // It was another recording's.
        remove(&folder.join("film"))?;
    }
    write_film(&made, format, cancel)?;
    Ok(true)
}

/// What a pipeline works on and in; removed when dropped.
#[derive(Debug)]
pub(super) struct Work {
    folder: PathBuf,
    pub(super) made: Made,
}

impl Work {
    /// The film for one run of a pipeline: the one that is kept, or one made now.
    pub(super) fn begin(root: &Path, recording: &Recording, format: Format, cancel: &Cancel) -> Result<Self, Failure> {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static COUNTER: AtomicUsize = AtomicUsize::new(0);
        let n = COUNTER.fetch_add(1, Ordering::Relaxed);
        let folder = root.join(WORK).join(process_name()).join(format!("{}-{n}", recording.name));
        create(&folder.join("out"))?;
        let folder = fs::canonicalize(&folder).map_err(|e| Failure::run(format!("{}: {e}", folder.display())))?;
        let mut work = Self { made: place(&folder, format), folder };
        match kept(root, recording, format) {
            Some(kept) if kept.film.exists() => {
                create(&work.folder.join("film"))?;
                // A second name for the file, where the disk can do that: a pipeline that writes beside its film spoils nothing.
                fs::hard_link(&kept.film, &work.made.film)
                    .or_else(|_| fs::copy(&kept.film, &work.made.film).map(|_| ()))
                    .map_err(|e| Failure::run(format!("could not give {}: {e}", kept.film.display())))?;
                work.made.recording = kept.recording;
            }
            Some(kept) => {
                work.made.recording = kept.recording;
                write_film(&work.made, format, cancel)?;
            }
            None => {
                simulate(recording, &work.made.recording, cancel)?;
                write_film(&work.made, format, cancel)?;
            }
        }
        Ok(work)
    }

    /// The folder that the pipeline writes into.
    pub(super) fn out(&self) -> PathBuf {
        self.folder.join("out")
    }

    /// What the pipeline prints.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("log.txt")
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run.
        let _ = fs::remove_dir_all(&self.folder);
        // The folder of this process once nothing is in it, and then the folder of all.
        for folder in self.folder.ancestors().skip(1).take(2) {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Removes what runs left that were killed.
pub(super) fn remove_leftovers(root: &Path) {
    let Ok(entries) = fs::read_dir(root.join(WORK)) else { return };
    for entry in entries.flatten().filter(|e| !may_be_running(&e.file_name().to_string_lossy())) {
        // Another run may be at it, too.
        let _ = fs::remove_dir_all(entry.path());
    }
}

fn create(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder)
        .map_err(|e| Failure::Run(format!("could not create {}: {e}; write elsewhere (-o)", folder.display())))
}

fn remove(folder: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::Run(format!("could not remove {}: {e}", folder.display())))
        }
        _ => Ok(()),
    }
}

fn simulate(recording: &Recording, path: &Path, cancel: &Cancel) -> Result<(), Failure> {
    let sink = ZarrSink::create(path, ZarrOptions { overwrite: true }).map_err(Failure::run)?;
    let options = Options {
        bounds: true,
        cancel: cancel.clone(),
        memory_limit_bytes: available_memory_bytes(),
        ..Options::default()
    };
    let done = simulate_into(&recording.spec, sink, options);
    done.map(|_| ()).map_err(|e| match e {
        RunError::Cancelled => Failure::Interrupted(STOPPED),
        _ if cancel.is_cancelled() => Failure::Interrupted(STOPPED),
        e => Failure::Run(format!("{}: {e}", recording.name)),
    })
}

/// Writes the film, and nothing that says what is true.
fn write_film(made: &Made, format: Format, cancel: &Cancel) -> Result<(), Failure> {
    let Some(folder) = made.film.parent() else { return Ok(()) };
    let reader = Reader::open(&made.recording).map_err(Failure::run)?;
    // Writers put the spec, which is the truth, beside the film: made elsewhere, only the film comes along.
    let aside = folder.with_file_name(format!("film-{}", process_name()));
    remove(&aside)?;
    create(&aside)?;
    create(folder)?;
    let options = FileOptions { format: Some(format), overwrite: true, ..FileOptions::default() };
    let name = made.film.file_name().unwrap_or_default();
    let written =
        convert(&reader, aside.join(name), &options, &mut |_| !cancel.is_cancelled()).map_err(|e| match e {
            IoError::Stopped { .. } => Failure::Interrupted(STOPPED),
            _ if cancel.is_cancelled() => Failure::Interrupted(STOPPED),
            e => Failure::run(e),
        })?;
    fs::rename(&written.path, &made.film)
        .map_err(|e| Failure::Run(format!("could not write {}: {e}", made.film.display())))?;
    remove(&aside)
}
