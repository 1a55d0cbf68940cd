//! What an analysis found, from a numpy archive (`.npz`) or a zarr group: arrays A, C, S, shifts, displacement and z.

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
    /// Displacement where it differs over the field of view.
    pub displacement: Option<DisplacementFile>,
    /// The depth that is in focus (frame), in any unit.
    pub z: Option<Numbers>,
}

/// Displacements of patches as they are stored.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct DisplacementFile {
    /// Displacement (dy, dx) of the content, px: (frame, 2, patch row, patch column).
    pub shifts: Numbers,
    /// Rows that the patches are centred on (px).
    pub rows: Vec<f64>,
    /// Columns that the patches are centred on (px).
    pub cols: Vec<f64>,
}

/// Reads an estimate: a `.npz` or a zarr group with the arrays
///
/// - `A` (or `footprints`), (unit, height, width): the only one that is needed;
/// - `C` (`traces`) and `S` (`activity`), (unit, frame);
/// - `shifts` (`motion`), (frame, 2): the rigid motion *correction* (dy, dx) in px;
/// - `displacement`, (frame, 2, patch row, patch column): how far the content is displaced (dy, dx) in px, rigid motion included,
///   where the middles of patches lie: `displacement_rows` (patch row) and `displacement_cols` (patch column) in px. Without these
///   two there must be one patch a pixel;
/// - `z`, (frame): the depth that is in focus, in any unit and of either sign.
///
/// # Errors
/// When the file is not there, is of another kind, or an array has the wrong number of axes or does not fit the others.
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
    let displacement = match one(["displacement"; 2], 4)? {
        None => None,
        Some(shifts) => {
            let centres = [one(["displacement_rows"; 2], 1)?, one(["displacement_cols"; 2], 1)?];
            Some(patches(shifts, centres, &footprints.shape).map_err(|why| IoError::unsupported(path, why))?)
        }
    };
    Ok(EstimateFile {
        footprints,
        traces: one(["C", "traces"], 2)?,
        activity: one(["S", "activity"], 2)?,
        shifts: one(["shifts", "motion"], 2)?,
        displacement,
        z: one(["z"; 2], 1)?,
    })
}

/// Displacements with the middles of their patches; says what does not fit.
fn patches(shifts: Numbers, centres: [Option<Numbers>; 2], footprints: &[usize]) -> Result<DisplacementFile, String> {
    if shifts.shape[1] != 2 {
        return Err(format!(
            "its array displacement has the shape {:?}; give (frame, 2, patch row, patch column), (dy, dx) on the second axis",
            shifts.shape
        ));
    }
    let [n_rows, n_cols] = [shifts.shape[2], shifts.shape[3]];
    let [rows, cols] = match centres {
        [Some(rows), Some(cols)] if rows.values.len() == n_rows && cols.values.len() == n_cols => {
            [rows.values, cols.values]
        }
        [Some(rows), Some(cols)] => {
            return Err(format!(
                "its array displacement has {n_rows} × {n_cols} patches, but there are {} displacement_rows and {} \
                 displacement_cols; give the place (px) of each row and column of patches",
                rows.values.len(),
                cols.values.len()
            ));
        }
        [None, None] if footprints[1..] == shifts.shape[2..] => {
            [n_rows, n_cols].map(|n| (0..n).map(|px| px as f64).collect())
        }
        _ => {
            return Err(format!(
                "its array displacement has {n_rows} × {n_cols} patches for {} × {} px; say where they lie: add \
                 displacement_rows and displacement_cols, the middles of the patches in px",
                footprints[1], footprints[2]
            ));
        }
    };
    Ok(DisplacementFile { shifts, rows, cols })
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
