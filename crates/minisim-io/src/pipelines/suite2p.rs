//! A folder of suite2p's: `stat.npy`, `iscell.npy`, `F.npy`, `Fneu.npy`, `spks.npy`, and `ops.npy` or what newer versions have.

use std::{collections::BTreeMap, fs, path::Path};

use super::{
    chosen, dark,
    pickle::{self, Value},
};
use crate::{
    error::IoError,
    estimate::{EstimateFile, Numbers},
    npy,
};

/// The file that such a folder is known by.
pub(super) const CELLS: &str = "stat.npy";
/// Share of the light around a cell that is taken off its trace, where the folder does not say.
const NEUROPIL: f64 = 0.7;
/// Most numbers of one array.
const MAX_NUMBERS: usize = 1 << 33;

/// Reads the folder: the weights of the cells that its classifier calls cells, `F − coefficient · Fneu`, and `spks`.
pub(super) fn read(folder: &Path) -> Result<EstimateFile, IoError> {
    let settings = settings(folder)?;
    let number = |key: &str| if let Some(Value::Number(v)) = settings.get(key) { Some(*v) } else { None };
    let (Some(height), Some(width)) = (number("Ly"), number("Lx")) else {
        return Err(IoError::unsupported(
            folder,
            "it does not say how large the frames are; it needs ops.npy with Ly and Lx",
        ));
    };
    let (height, width) = (height as usize, width as usize);
    let path = folder.join(CELLS);
    let cells = match objects(&path)? {
        Value::Objects(cells) => cells,
        other => return Err(IoError::damaged(&path, format!("it holds {}, not a list of cells", kind(&other)))),
    };
    let is_cell = table(folder, "iscell.npy")?;
    let keep: Vec<usize> = match &is_cell {
        // (cell, [is one, probability])
        Some(Numbers { shape, values }) if shape.len() == 2 && shape[0] == cells.len() && shape[1] > 0 => {
            (0..cells.len()).filter(|i| values[i * shape[1]] != 0.0).collect()
        }
        _ => (0..cells.len()).collect(),
    };
    let mut footprints = dark(folder, [keep.len(), height, width])?;
    for (i, cell) in keep.iter().enumerate() {
        let Value::Dict(cell) = &cells[*cell] else {
            return Err(IoError::damaged(&path, "a cell of it is no dictionary"));
        };
        let array = |key: &str| if let Some(Value::Array(_, values)) = cell.get(key) { Some(values) } else { None };
        let (Some(rows), Some(cols), Some(weights)) = (array("ypix"), array("xpix"), array("lam")) else {
            return Err(IoError::damaged(&path, "a cell of it lacks ypix, xpix or lam"));
        };
        for ((row, col), weight) in rows.iter().zip(cols).zip(weights) {
            let (row, col) = (*row as usize, *col as usize);
            if row >= height || col >= width {
                return Err(IoError::damaged(&path, format!("pixel ({row}, {col}) is not on {height} × {width} px")));
            }
            footprints.values[(i * height + row) * width + col] += weight;
        }
    }
    let rows = |name: &str| -> Result<Option<Numbers>, IoError> {
        Ok(table(folder, name)?.and_then(|numbers| chosen(&numbers, &keep)))
    };
    let mut traces = rows("F.npy")?;
    if let (Some(traces), Some(around)) = (&mut traces, rows("Fneu.npy")?)
        && traces.shape == around.shape
    {
        let share = number("neucoeff").or_else(|| number("neuropil_coefficient")).unwrap_or(NEUROPIL);
        traces.values.iter_mut().zip(&around.values).for_each(|(f, n)| *f -= share * n);
    }
    // yoff and xoff are what a frame is rolled back by, so the content's displacement; an estimate holds the correction.
    let shifts = match (settings.get("yoff"), settings.get("xoff")) {
        (Some(Value::Array(_, dy)), Some(Value::Array(_, dx))) if dy.len() == dx.len() => {
            let values = dy.iter().zip(dx).flat_map(|(y, x)| [-y, -x]).collect();
            Some(Numbers { shape: vec![dy.len(), 2], values })
        }
        _ => None,
    };
    Ok(EstimateFile { footprints, traces, activity: rows("spks.npy")?, shifts, ..EstimateFile::default() })
}

/// Sizes, coefficients and shifts, wherever this version of suite2p keeps them.
fn settings(folder: &Path) -> Result<BTreeMap<String, Value>, IoError> {
    let mut all = BTreeMap::new();
    for name in ["db.npy", "settings.npy", "reg_outputs.npy", "ops.npy"] {
        let path = folder.join(name);
        if !path.is_file() {
            continue;
        }
        // An array of one object, or a scalar of one.
        let part = match objects(&path)? {
            Value::Objects(mut one) if one.len() == 1 => one.swap_remove(0),
            other => other,
        };
        if let Value::Dict(part) = part {
            for (key, value) in part {
                match value {
                    Value::Dict(inner) => all.extend(
                        inner.into_iter().filter(|(k, _)| matches!(k.as_str(), "neucoeff" | "neuropil_coefficient")),
                    ),
                    value => {
                        all.insert(key, value);
                    }
                }
            }
        }
    }
    Ok(all)
}

/// The pickle in a `.npy` of objects.
fn objects(path: &Path) -> Result<Value, IoError> {
    let bytes = fs::read(path).map_err(IoError::system("read", path))?;
    let damaged = |why: &str| IoError::damaged(path, why.to_owned());
    let body = npy::body(&bytes).ok_or_else(|| damaged("it is no array of numpy's"))?;
    pickle::read(body).map_err(|why| damaged(&why))
}

/// A table of numbers; `None` where the file is not there.
fn table(folder: &Path, name: &str) -> Result<Option<Numbers>, IoError> {
    let path = folder.join(name);
    if !path.is_file() {
        return Ok(None);
    }
    let file = fs::File::open(&path).map_err(IoError::system("read", &path))?;
    let array =
        npy::read(std::io::BufReader::new(file), MAX_NUMBERS).map_err(|e| IoError::damaged(&path, format!("{e:?}")))?;
    Ok(Some(Numbers { shape: array.shape, values: array.values }))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Dict(_) => "a dictionary",
        Value::Array(..) => "numbers",
        Value::List(_) => "a list",
        _ => "something else",
    }
}
