//! What CaImAn's `cnm.save(…)` writes: an HDF5 file with the group `estimates`.

use std::path::Path;

use hdf5_pure::{File, Group};

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
pub(super) fn numbers(group: &Group, name: &str) -> Option<Numbers> {
    let set = group.dataset(name).ok()?;
    let shape = set.shape().ok()?.iter().map(|n| *n as usize).collect();
    let values = set.read_f64().ok()?;
    Some(Numbers { shape, values })
}

/// Reads the accepted components, or all where none were chosen. Its motion is saved elsewhere.
pub(super) fn read(path: &Path) -> Result<EstimateFile, IoError> {
    let file = open(path)?;
    let missing = |what: &str| IoError::unsupported(path, format!("it holds no {what}; give what cnm.save(…) wrote"));
    let estimates = file.group("estimates").map_err(|_| missing("estimates"))?;
    let matrix = file.group("estimates/A").map_err(|_| missing("estimates/A"))?;
    let dims = numbers(&file.root(), "dims").or_else(|| numbers(&estimates, "dims")).ok_or_else(|| missing("dims"))?;
    let [height, width, ..] = dims.values[..] else { return Err(missing("dims of two axes")) };
    let (height, width) = (height as usize, width as usize);
    // A sparse matrix by columns, (pixel, component), pixels counted down the columns of the image.
    let part = |name: &str| numbers(&matrix, name).ok_or_else(|| missing(&format!("estimates/A/{name}")));
    let (data, indices, starts) = (part("data")?.values, part("indices")?.values, part("indptr")?.values);
    let n = starts.len().saturating_sub(1);
    let keep: Vec<usize> = match numbers(&estimates, "idx_components") {
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
    let rows = |name: &str| numbers(&estimates, name).and_then(|table| chosen(&table, &keep));
    Ok(EstimateFile { footprints, traces: rows("C"), activity: rows("S"), ..EstimateFile::default() })
}
