//! What an analysis found, from a numpy archive (`.npz`) or a zarr group: arrays A, C, S and shifts.

use std::{fs::File, path::Path};

use zip::{ZipArchive, result::ZipError};

use crate::{
    error::IoError,
    npy::{self, NpyError},
    zarr::read_plain_array,
};

/// Most numbers that one array of an estimate may hold.
const MAX_NUMBERS: usize = 1 << 33;

/// Numbers and their shape, row-major.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Numbers {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The numbers.
    pub values: Vec<f64>,
}

/// An estimate as it is stored.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct EstimateFile {
    /// Footprints (unit, height, width).
    pub footprints: Numbers,
    /// Traces (unit, frame).
    pub traces: Option<Numbers>,
    /// Activity (unit, frame).
    pub activity: Option<Numbers>,
    /// Motion correction (frame, 2) as (dy, dx), px.
    pub shifts: Option<Numbers>,
}

/// Reads an estimate: a `.npz` with arrays `A`, `C`, `S`, `shifts` (or `footprints`, `traces`, `activity`), or a zarr group with
/// arrays of these names. Only the footprints are needed.
///
/// # Errors
/// When the file is not there, is of another kind, or an array has the wrong number of axes.
pub fn read_estimate(path: impl AsRef<Path>) -> Result<EstimateFile, IoError> {
    let path = path.as_ref();
    let group = path.is_dir();
    let read = |name: &str| if group { read_plain_array(path, name) } else { from_npz(path, name) };
    let one = |names: [&str; 2], rank: usize| -> Result<Option<Numbers>, IoError> {
        for name in names {
            if let Some(numbers) = read(name)? {
                if numbers.shape.len() != rank {
                    let why = format!("its array {name} has the shape {:?}, it must have {rank} axes", numbers.shape);
                    return Err(IoError::unsupported(path, why));
                }
                return Ok(Some(numbers));
            }
        }
        Ok(None)
    };
    let Some(footprints) = one(["A", "footprints"], 3)? else {
        return Err(IoError::unsupported(
            path,
            "it holds no footprints: save them as the array A, (unit, height, width); in Python \
             numpy.savez(\"estimate.npz\", A=A, C=C, S=S)",
        ));
    };
    Ok(EstimateFile {
        footprints,
        traces: one(["C", "traces"], 2)?,
        activity: one(["S", "activity"], 2)?,
        shifts: one(["shifts", "motion"], 2)?,
    })
}

/// The array `name` of a numpy archive.
fn from_npz(path: &Path, name: &str) -> Result<Option<Numbers>, IoError> {
    let file = File::open(path).map_err(IoError::system("read", path))?;
    let broken = |e: ZipError| IoError::unsupported(path, format!("it is no numpy archive ({e})"));
    let mut archive = ZipArchive::new(file).map_err(broken)?;
    let entry = match archive.by_name(&format!("{name}.npy")) {
        Err(ZipError::FileNotFound) => return Ok(None),
        entry => entry.map_err(broken)?,
    };
    let array = npy::read(entry, MAX_NUMBERS).map_err(|e| {
        let why = match e {
            NpyError::Damaged(e) => format!("its array {name} cannot be read ({e})"),
            NpyError::TooLarge => format!("its array {name} is too large; save less of it"),
            NpyError::Type(other) => {
                format!("its array {name} is of type {other}; save it as float64 or float32")
            }
        };
        IoError::unsupported(path, why)
    })?;
    Ok(Some(Numbers { shape: array.shape, values: array.values }))
}
