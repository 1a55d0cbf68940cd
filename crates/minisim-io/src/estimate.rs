//! What an analysis found, from a numpy archive (`.npz`) or a zarr group: arrays A, C, S and shifts.

use std::{fs::File, path::Path};

use npyz::NpyFile;
use zip::{ZipArchive, result::ZipError};

use crate::{error::IoError, zarr::read_plain_array};

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
    let array = NpyFile::new(entry)
        .map_err(|e| IoError::unsupported(path, format!("its array {name} cannot be read ({e})")))?;
    numbers(array, path, name).map(Some)
}

fn numbers<R: std::io::Read>(array: NpyFile<R>, path: &Path, name: &str) -> Result<Numbers, IoError> {
    let shape: Vec<usize> = array.shape().iter().map(|n| *n as usize).collect();
    let n = shape.iter().try_fold(1_usize, |n, side| n.checked_mul(*side)).filter(|n| *n <= MAX_NUMBERS);
    if n.is_none() || array.order() != npyz::Order::C {
        let why = format!("its array {name} is too large or in Fortran order; save numpy.ascontiguousarray({name})");
        return Err(IoError::unsupported(path, why));
    }
    let damaged = |e: std::io::Error| IoError::unsupported(path, format!("its array {name} cannot be read ({e})"));
    let dtype = array.dtype().descr();
    macro_rules! read_as {
        ($($descr:literal => $element:ty),*) => {
            match dtype.trim_matches('\'') {
                $($descr => array.into_vec::<$element>().map_err(damaged)?.into_iter().map(|v| v as f64).collect(),)*
                "|b1" => array.into_vec::<bool>().map_err(damaged)?.into_iter().map(|v| f64::from(u8::from(v))).collect(),
                other => {
                    let why = format!("its array {name} is of type {other}; save it as float64 or float32");
                    return Err(IoError::unsupported(path, why));
                }
            }
        };
    }
    let values: Vec<f64> = read_as!(
        "<f8" => f64, "<f4" => f32, "|u1" => u8, "<u2" => u16, "<u4" => u32, "<i2" => i16, "<i4" => i32, "<i8" => i64
    );
    Ok(Numbers { shape, values })
}
