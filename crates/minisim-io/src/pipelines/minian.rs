//! A folder of minian's: `A.zarr`, `C.zarr`, `S.zarr` and `motion.zarr`, or one zarr group with these arrays.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    error::IoError,
    estimate::{EstimateFile, Numbers},
    zarr::read_plain_array,
};

/// Whether a folder is one: other programs have arrays of these names, too, but not in folders so called.
pub(super) fn is_there(folder: &Path) -> bool {
    places(folder, "A").iter().any(|place| place.join(".zarray").is_file())
}

fn places(folder: &Path, name: &str) -> [PathBuf; 3] {
    [folder.join(name), folder.join(name).join(name), folder.join(format!("{name}.zarr")).join(name)]
}

/// Reads the folder. Its motion is what it moves each frame by: a correction, as an estimate takes it.
pub(super) fn read(folder: &Path) -> Result<EstimateFile, IoError> {
    let Some(footprints) = array(folder, "A", &["unit_id", "height", "width"])? else {
        return Err(IoError::unsupported(folder, "it holds no A"));
    };
    Ok(EstimateFile {
        footprints,
        traces: array(folder, "C", &["unit_id", "frame"])?,
        activity: array(folder, "S", &["unit_id", "frame"])?,
        shifts: array(folder, "motion", &["frame", "shift_dim"])?,
        ..EstimateFile::default()
    })
}

/// The array `name` with its axes in this order; xarray notes which is which, without a note they are taken to be so.
fn array(folder: &Path, name: &str, axes: &[&str]) -> Result<Option<Numbers>, IoError> {
    let Some(numbers) = read_plain_array(folder, name)? else { return Ok(None) };
    let note = places(folder, name).iter().find_map(|place| fs::read_to_string(place.join(".zattrs")).ok());
    let note: Value = note.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let noted: Vec<&str> = match note["_ARRAY_DIMENSIONS"].as_array() {
        Some(names) => names.iter().filter_map(Value::as_str).collect(),
        None => axes.to_vec(),
    };
    let order: Option<Vec<usize>> = axes.iter().map(|axis| noted.iter().position(|n| n == axis)).collect();
    match order {
        Some(order) if noted.len() == axes.len() && numbers.shape.len() == axes.len() => {
            Ok(Some(transposed(&numbers, &order)))
        }
        _ => {
            let why = format!("its array {name} has the axes {}, minian's are {}", noted.join(", "), axes.join(", "));
            Err(IoError::unsupported(folder, why))
        }
    }
}

/// An array with its axes in another order.
pub(super) fn transposed(numbers: &Numbers, order: &[usize]) -> Numbers {
    if order.is_sorted() {
        return numbers.clone();
    }
    let mut strides = vec![1; order.len()];
    for i in (0..order.len().saturating_sub(1)).rev() {
        strides[i] = strides[i + 1] * numbers.shape[i + 1];
    }
    let shape: Vec<usize> = order.iter().map(|i| numbers.shape[*i]).collect();
    let steps: Vec<usize> = order.iter().map(|i| strides[*i]).collect();
    let mut at = vec![0; shape.len()];
    let mut values = Vec::with_capacity(numbers.values.len());
    for _ in 0..numbers.values.len() {
        values.push(numbers.values[at.iter().zip(&steps).map(|(i, s)| i * s).sum::<usize>()]);
        for (i, side) in at.iter_mut().zip(&shape).rev() {
            *i += 1;
            if *i < *side {
                break;
            }
            *i = 0;
        }
    }
    Numbers { shape, values }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_put_in_order() {
        let numbers = Numbers { shape: vec![2, 3, 2], values: (0..12).map(f64::from).collect() };
        let turned = transposed(&numbers, &[2, 0, 1]);
        assert_eq!(turned.shape, [2, 2, 3]);
        assert_eq!(turned.values, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 1.0, 3.0, 5.0, 7.0, 9.0, 11.0]);
        assert_eq!(transposed(&numbers, &[0, 1, 2]), numbers);
    }
}
