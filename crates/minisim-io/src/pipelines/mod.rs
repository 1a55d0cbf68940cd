//! What analysis pipelines leave on disk, as estimates: suite2p, minian, CaImAn, EXTRACT, CNMF-E, and the plain archive.
//!
//! Nothing here runs what it reads: Python's pickles are taken apart, not executed.

mod caiman;
mod mat5;
mod matlab;
mod minian;
mod pickle;
mod suite2p;

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    error::IoError,
    estimate::{EstimateFile, Numbers, read_estimate},
};

/// Most numbers that the footprints of an estimate may hold.
const MAX_NUMBERS: usize = 1 << 33;
/// How deep a folder is looked through.
const DEPTH: usize = 3;

/// What can be read, for messages.
const KNOWN: &str = "estimate.npz with the array A (numpy), stat.npy (suite2p), A.zarr (minian), an .hdf5 with estimates (CaImAn), \
                     a .mat with spatial_weights (EXTRACT) or with A, C and the size (CNMF-E)";

/// Reads what a pipeline left in a folder, or one file of it: `estimate.npz` or a zarr group as [`read_estimate`] takes it, or
/// the output of suite2p, minian, CaImAn, EXTRACT or CNMF-E, which may lie up to three folders deep. The first of these that is there
/// counts; of files that are nothing of the kind nothing is said.
///
/// # Errors
/// When there is none of these, or it cannot be read.
pub fn read_left(path: impl AsRef<Path>) -> Result<EstimateFile, IoError> {
    let path = path.as_ref();
    let mut places = vec![path.to_owned()];
    if path.is_dir() {
        let mut begin = 0;
        for _ in 0..DEPTH {
            let end = places.len();
            for i in begin..end {
                places.extend(children(&places[i])?);
            }
            begin = end;
        }
    }
    let file_name = |p: &Path| p.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let ending = |p: &Path| p.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let first = |is: &dyn Fn(&Path) -> bool| places.iter().find(|p| is(p));
    if let Some(archive) = first(&|p| ending(p) == "npz" && (p == path || file_name(p) == "estimate.npz")) {
        return read_estimate(archive);
    }
    if let Some(folder) = first(&|p| p.join(suite2p::CELLS).is_file()) {
        return suite2p::read(folder);
    }
    if let Some(folder) = first(&minian::is_there) {
        return minian::read(folder);
    }
    if let Some(file) = first(&|p| matches!(ending(p).as_str(), "hdf5" | "h5") && p.is_file() && caiman::is_one(p)) {
        return caiman::read(file);
    }
    if let Some(file) = first(&|p| ending(p) == "mat" && p.is_file()) {
        return matlab::read(file);
    }
    let names: Vec<String> = places.iter().skip(1).take(20).map(|p| file_name(p)).collect();
    let holds = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    Err(IoError::unsupported(path, format!("it holds {holds}; what is read is one of: {KNOWN}")))
}

/// What lies in a folder, by name; nothing for files and for the insides of zarr arrays.
fn children(path: &Path) -> Result<Vec<PathBuf>, IoError> {
    if !path.is_dir() || path.join(".zarray").is_file() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(path).map_err(IoError::system("read", path))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
    paths.sort();
    Ok(paths)
}

/// Footprints of which nothing is lit yet.
fn dark(path: &Path, [n, height, width]: [usize; 3]) -> Result<Numbers, IoError> {
    let size = n.checked_mul(height).and_then(|s| s.checked_mul(width)).filter(|s| *s <= MAX_NUMBERS);
    let Some(size) = size else {
        let why = format!("{n} footprints of {height} × {width} px are too many");
        return Err(IoError::unsupported(path, why));
    };
    Ok(Numbers { shape: vec![n, height, width], values: vec![0.0; size] })
}

/// The rows of a table that are wanted.
fn chosen(numbers: &Numbers, keep: &[usize]) -> Option<Numbers> {
    let [_, n] = numbers.shape[..] else { return None };
    let mut values = Vec::with_capacity(keep.len() * n);
    for row in keep {
        values.extend_from_slice(numbers.values.get(row * n..(row + 1) * n)?);
    }
    Some(Numbers { shape: vec![keep.len(), n], values })
}
