//! Results in MATLAB's files, of version 5 or 7.3 (HDF5): EXTRACT's `spatial_weights` and `temporal_weights`; CNMF-E's `A`, `C`, `S`.
//!
//! EXTRACT saves the structure `output`; of CNMF-E one saves `results = neuron.obj2struct()`, or its fields alone. An object as MATLAB
//! saves it (the `neuron` itself) can be read by MATLAB only.

use std::{collections::BTreeMap, fs, path::Path};

use hdf5_pure::{AttrValue, File, Group};

use super::{caiman::numbers, dark, mat5};
use crate::{
    error::IoError,
    estimate::{EstimateFile, Numbers},
};

/// What MATLAB calls a variable, or a field of a structure.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mat {
    /// Numbers by columns: the first index varies fastest.
    Full { shape: Vec<usize>, values: Vec<f64> },
    /// A sparse matrix by columns: which row each number is in, and where each column begins.
    Sparse { shape: [usize; 2], rows: Vec<usize>, starts: Vec<usize>, values: Vec<f64> },
    /// A structure.
    Struct(BTreeMap<String, Mat>),
    /// Texts, cells, objects.
    Other,
}

/// How deep structures are read.
const DEPTH: usize = 3;

/// Reads the results in the file.
pub(super) fn read(path: &Path) -> Result<EstimateFile, IoError> {
    let start = {
        use std::io::Read;
        let mut start = Vec::new();
        let file = fs::File::open(path).map_err(IoError::system("read", path))?;
        file.take(520).read_to_end(&mut start).map_err(IoError::system("read", path))?;
        start
    };
    let hdf5 = b"\x89HDF";
    let all = if start.starts_with(hdf5) || start.get(512..).is_some_and(|s| s.starts_with(hdf5)) {
        let file = File::open_streaming(path).map_err(|e| IoError::unsupported(path, e.to_string()))?;
        structure(&file.root(), DEPTH).map_err(|why| IoError::unsupported(path, why))?
    } else {
        let bytes = fs::read(path).map_err(IoError::system("read", path))?;
        mat5::read(&bytes).map_err(|why| IoError::unsupported(path, why))?
    };
    let mut places = vec![&all];
    places.extend(all.values().filter_map(|v| if let Mat::Struct(fields) = v { Some(fields) } else { None }));
    if let Some(place) = places.iter().find(|p| p.contains_key("spatial_weights")) {
        return extract(path, place);
    }
    if let Some(place) = places.iter().find(|p| p.contains_key("A")) {
        return cnmfe(path, place, &all);
    }
    let names: Vec<&str> = all.keys().map(String::as_str).collect();
    Err(IoError::unsupported(
        path,
        format!(
            "it holds {}; EXTRACT's results have spatial_weights, CNMF-E's A and C (save the fields: results = neuron.obj2struct(); \
             save('results.mat', 'results'))",
            if names.is_empty() { "nothing that can be read".to_owned() } else { names.join(", ") }
        ),
    ))
}

/// A group of an HDF5 file as a structure; what begins with # is MATLAB's own.
fn structure(group: &Group, depth: usize) -> Result<BTreeMap<String, Mat>, String> {
    let mut found = BTreeMap::new();
    for name in group.datasets().unwrap_or_default().into_iter().filter(|n| !n.starts_with('#')) {
        let class =
            group.dataset(&name).ok().and_then(|set| set.attrs().ok()).and_then(|mut a| a.remove("MATLAB_class"));
        let class = match class {
            Some(AttrValue::String(class) | AttrValue::AsciiString(class)) => class,
            _ => String::new(),
        };
        let mat = match numbers(group, &name)? {
            // Texts are numbers, too; cells refer to others.
            Some(n) if !matches!(class.as_str(), "char" | "cell") => {
                // HDF5 counts by rows what MATLAB counts by columns.
                Mat::Full { shape: n.shape.into_iter().rev().collect(), values: n.values }
            }
            _ => Mat::Other,
        };
        found.insert(name, mat);
    }
    for name in group.groups().unwrap_or_default().into_iter().filter(|n| !n.starts_with('#')) {
        let Ok(inner) = group.group(&name) else { continue };
        let n_rows = inner.attrs().ok().and_then(|mut a| a.remove("MATLAB_sparse")).and_then(|v| whole(&v));
        let mat = match n_rows {
            Some(n_rows) => sparse(&inner, n_rows)?,
            None if depth > 0 => Mat::Struct(structure(&inner, depth - 1)?),
            None => Mat::Other,
        };
        found.insert(name, mat);
    }
    Ok(found)
}

fn whole(value: &AttrValue) -> Option<usize> {
    match value {
        AttrValue::U64(v) => usize::try_from(*v).ok(),
        AttrValue::I64(v) => usize::try_from(*v).ok(),
        AttrValue::U32(v) => usize::try_from(*v).ok(),
        AttrValue::I32(v) => usize::try_from(*v).ok(),
        AttrValue::F64(v) => Some(*v as usize),
        _ => None,
    }
}

fn sparse(group: &Group, n_rows: usize) -> Result<Mat, String> {
    let list = |name: &str| Ok::<_, String>(numbers(group, name)?.map(|n| n.values));
    let whole = |v: Vec<f64>| v.iter().map(|v| *v as usize).collect::<Vec<_>>();
    let starts = whole(list("jc")?.ok_or("a sparse matrix of it has no jc")?);
    // Without a number that is not zero these two are left out.
    let rows = whole(list("ir")?.unwrap_or_default());
    let values = list("data")?.unwrap_or_default();
    Ok(Mat::Sparse { shape: [n_rows, starts.len().saturating_sub(1)], rows, starts, values })
}

/// A matrix of (row, column) by rows; with `turned`, of (column, row).
fn table(mat: Option<&Mat>, turned: bool) -> Option<Numbers> {
    let full;
    let (shape, values) = match mat? {
        Mat::Full { shape, values } => (<[usize; 2]>::try_from(shape.as_slice()).ok()?, values),
        Mat::Sparse { shape, rows, starts, values } => {
            let mut all = vec![0.0; shape[0].checked_mul(shape[1])?];
            for (col, window) in starts.windows(2).enumerate() {
                for at in window[0]..window[1] {
                    *all.get_mut(col * shape[0] + rows.get(at)?)? = *values.get(at)?;
                }
            }
            full = all;
            (*shape, &full)
        }
        _ => return None,
    };
    let [n_rows, n_cols] = shape;
    if values.len() != n_rows * n_cols {
        return None;
    }
    // By columns, (row, column) is (column, row) by rows.
    if turned {
        return Some(Numbers { shape: vec![n_cols, n_rows], values: values.clone() });
    }
    let by_rows = (0..n_rows).flat_map(|r| (0..n_cols).map(move |c| values[c * n_rows + r])).collect();
    Some(Numbers { shape: vec![n_rows, n_cols], values: by_rows })
}

/// EXTRACT: spatial_weights (height, width, cell), temporal_weights (frame, cell).
fn extract(path: &Path, place: &BTreeMap<String, Mat>) -> Result<EstimateFile, IoError> {
    let Some(Mat::Full { shape, values }) = place.get("spatial_weights") else {
        return Err(IoError::unsupported(
            path,
            "its spatial_weights are no array of numbers; save full(output.spatial_weights)",
        ));
    };
    let [height, width, n] = match shape[..] {
        [height, width, n] => [height, width, n],
        // MATLAB leaves out a last axis of 1.
        [height, width] => [height, width, 1],
        _ => return Err(IoError::unsupported(path, "its spatial_weights are not (height, width, cell)")),
    };
    let mut footprints = dark(path, [n, height, width])?;
    for (at, value) in values.iter().enumerate() {
        let (row, col, k) = (at % height, at / height % width, at / (height * width));
        footprints.values[(k * height + row) * width + col] = *value;
    }
    let traces = table(place.get("temporal_weights"), true);
    Ok(EstimateFile { footprints, traces, ..EstimateFile::default() })
}

/// CNMF-E: A (pixel, cell) with pixels counted down the columns of the image, C and S (cell, frame).
fn cnmfe(path: &Path, place: &BTreeMap<String, Mat>, all: &BTreeMap<String, Mat>) -> Result<EstimateFile, IoError> {
    let Some(pixels) = table(place.get("A"), true) else {
        return Err(IoError::unsupported(path, "its A is no matrix of (pixel, cell)"));
    };
    let [n, n_pixels] = pixels.shape[..] else { return Err(IoError::unsupported(path, "its A is no matrix")) };
    let number = |fields: &BTreeMap<String, Mat>, name: &str| match fields.get(name) {
        Some(Mat::Full { values, .. }) => values.first().map(|v| *v as usize),
        _ => None,
    };
    let size = |fields: &BTreeMap<String, Mat>| Some([number(fields, "d1")?, number(fields, "d2")?]);
    let options = match place.get("options") {
        Some(Mat::Struct(fields)) => size(fields),
        _ => None,
    };
    // The correlation image has the size of the film.
    let image = match place.get("Cn") {
        Some(Mat::Full { shape, .. }) => <[usize; 2]>::try_from(shape.as_slice()).ok(),
        _ => None,
    };
    let found = options.or_else(|| size(place)).or_else(|| size(all)).or(image);
    let Some([height, width]) = found.filter(|[h, w]| h * w == n_pixels) else {
        return Err(IoError::unsupported(
            path,
            format!(
                "it does not say the size of the frames, of {n_pixels} px; save options.d1 and options.d2, or d1 and d2, with it"
            ),
        ));
    };
    let mut footprints = dark(path, [n, height, width])?;
    for k in 0..n {
        for p in 0..n_pixels {
            footprints.values[(k * height + p % height) * width + p / height] = pixels.values[k * n_pixels + p];
        }
    }
    let traces = table(place.get("C"), false).or_else(|| table(place.get("C_raw"), false));
    Ok(EstimateFile { footprints, traces, activity: table(place.get("S"), false), ..EstimateFile::default() })
}
