//! What CaImAn's `cnm.save(…)` writes: an HDF5 file with the group `estimates`.

use std::path::Path;

use hdf5_pure::{DType, Error, File, FormatError, Group};

use super::{chosen, dark};
use crate::{
    error::IoError,
    estimate::{EstimateFile, Numbers},
};

fn open(path: &Path) -> Result<File, IoError> {
    File::open_streaming(path).map_err(|e| IoError::unsupported(path, format!("it is no HDF5 file ({e})")))
}

/// Whether a file is one of CaImAn's results.
pub(super) fn is_one(path: &Path) -> bool {
    open(path).is_ok_and(|file| file.group("estimates/A").is_ok())
}

/// The dataset `name` as numbers; `None` if there is none, or it holds something else (CaImAn writes texts for what is missing).
/// Says why numbers that are there cannot be read.
pub(super) fn numbers(group: &Group, name: &str) -> Result<Option<Numbers>, String> {
    let broken = |e: Error| format!("its {name} cannot be read ({e})");
    let set = match group.dataset(name) {
        Err(Error::Format(FormatError::PathNotFound(_)) | Error::NotADataset(_)) => return Ok(None),
        set => set.map_err(broken)?,
    };
    let kind = set.dtype().map_err(broken)?;
    if matches!(kind, DType::String | DType::VariableLengthString | DType::ObjectReference | DType::Compound(_)) {
        return Ok(None);
    }
    let shape = set.shape().map_err(broken)?.iter().map(|n| *n as usize).collect();
    Ok(Some(Numbers { shape, values: set.read_f64().map_err(broken)? }))
}

/// Reads the accepted components, or all where none were chosen. Its motion is saved elsewhere.
pub(super) fn read(path: &Path) -> Result<EstimateFile, IoError> {
    let file = open(path)?;
    let missing = |what: &str| IoError::unsupported(path, format!("it holds no {what}; give what cnm.save(…) wrote"));
    let estimates = file.group("estimates").map_err(|_| missing("estimates"))?;
    let matrix = file.group("estimates/A").map_err(|_| missing("estimates/A"))?;
    let of = |group: &Group, name: &str| numbers(group, name).map_err(|why| IoError::unsupported(path, why));
    let dims = match of(&file.root(), "dims")? {
        Some(dims) => dims,
        None => of(&estimates, "dims")?.ok_or_else(|| missing("dims"))?,
    };
    let [height, width, ..] = dims.values[..] else { return Err(missing("dims of two axes")) };
    let (height, width) = (height as usize, width as usize);
    // A sparse matrix by columns, (pixel, component), pixels counted down the columns of the image.
    let part = |name: &str| of(&matrix, name)?.ok_or_else(|| missing(&format!("estimates/A/{name}")));
    let (data, indices, starts) = (part("data")?.values, part("indices")?.values, part("indptr")?.values);
    let n = starts.len().saturating_sub(1);
    let keep: Vec<usize> = match of(&estimates, "idx_components")? {
        Some(found) if found.shape.len() == 1 => found.values.iter().map(|i| *i as usize).filter(|i| *i < n).collect(),
        _ => (0..n).collect(),
    };
    let mut footprints = dark(path, [keep.len(), height, width])?;
    for (k, component) in keep.iter().enumerate() {
        for at in starts[*component] as usize..starts[component + 1] as usize {
            let (Some(pixel), Some(weight)) = (indices.get(at), data.get(at)) else {
                return Err(IoError::damaged(path, "the parts of estimates/A do not fit together"));
            };
            let (row, col) = (*pixel as usize % height.max(1), *pixel as usize / height.max(1));
            if col >= width {
                return Err(IoError::damaged(path, format!("a footprint leaves the {height} × {width} px")));
            }
            footprints.values[(k * height + row) * width + col] = *weight;
        }
    }
    let rows = |name: &str| -> Result<Option<Numbers>, IoError> {
        Ok(of(&estimates, name)?.and_then(|table| chosen(&table, &keep)))
    };
    Ok(EstimateFile { footprints, traces: rows("C")?, activity: rows("S")?, ..EstimateFile::default() })
}
