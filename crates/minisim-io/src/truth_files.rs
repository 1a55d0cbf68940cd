//! The truth alone, in the arrays of other programs: minian's `A`, `C`, `S`; numpy's and scipy's files with a table of the cells.

use std::{
    fmt::Write as _,
    fs,
    io::Write,
    iter::once,
    ops::Range,
    path::{Path, PathBuf},
};

use minisim::{
    GroundTruth, Sink,
    sink::{Block, Header, SinkError},
    truth::{Dim, TruthData},
};
use serde_json::{Map, Value, json};
use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{
    FileOptions, Written,
    atomic::{Pending, write},
    daq::refuse_folder,
    error::IoError,
    zarr::{Chunks, Dtype, Element, Layout, write_json},
};

/// Bytes of a chunk of footprints.
const CHUNK_BYTES: usize = 12 << 20;

/// A folder that holds no film: what both kinds have in common.
#[derive(Debug)]
struct Folder {
    target: PathBuf,
    overwrite: bool,
    pending: Pending,
    header: Option<Header>,
    bytes: u64,
}

impl Folder {
    fn create(path: &Path, options: &FileOptions, mark: &str, what: &'static str) -> Result<Self, IoError> {
        refuse_folder(path, options.overwrite, mark, what)?;
        let pending = Pending::new(path)?;
        fs::create_dir(pending.path()).map_err(IoError::system("create", path))?;
        Ok(Self { target: path.to_owned(), overwrite: options.overwrite, pending, header: None, bytes: 0 })
    }

    fn put(&mut self, name: &str, bytes: &[u8]) -> Result<(), IoError> {
        write(&self.pending.path().join(name), bytes)?;
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn complete(mut self) -> Result<Written, IoError> {
        if let Some(header) = self.header.take() {
            self.put("spec.json", header.spec.pretty_json().as_bytes())?;
        }
        self.pending.commit(self.overwrite)?;
        Ok(Written { path: self.target, bytes: self.bytes })
    }
}

/// Frames of a truth array `(unit, frame)`, and what gives the values of a unit as bytes of real numbers.
fn time_courses<'a>(truth: &'a GroundTruth, name: &str) -> (usize, impl Fn(usize) -> Vec<u8> + 'a) {
    let array = truth.array(name);
    let n_frames = array.and_then(|a| a.shape.get(1).copied()).unwrap_or(0);
    let row = move |unit: usize| array.map_or_else(Vec::new, |a| Element::to_bytes(&a.data.range_f64(a.row(unit))));
    (n_frames, row)
}

/// Writes minian's arrays, one store each, as `minian.utilities.open_minian` opens them.
#[derive(Debug)]
pub(crate) struct MinianSink(Folder);

impl MinianSink {
    pub(crate) fn create(path: &Path, options: &FileOptions) -> Result<Self, IoError> {
        Folder::create(path, options, "A.zarr/.zattrs", "minian's truth").map(Self)
    }

    /// One store with the array `name` and its coordinates; `row` yields the values of a unit.
    fn store(
        &mut self,
        name: &str,
        dims: &[&str],
        shape: &[usize],
        dtype: Dtype,
        row: impl Fn(usize) -> Vec<u8>,
    ) -> Result<(), IoError> {
        let chunks = Chunks::default();
        let dir = self.0.pending.path().join(format!("{name}.zarr"));
        fs::create_dir(&dir).map_err(IoError::system("create", &dir))?;
        let mut metadata = Map::new();
        let group = json!({ "zarr_format": 2 });
        let attributes = json!({});
        for (file, value) in [(".zgroup", &group), (".zattrs", &attributes)] {
            self.0.bytes += write_json(&dir.join(file), value)?;
            metadata.insert(file.into(), value.clone());
        }
        // xarray takes values equal to the fill value for missing ones; here zero is a value.
        let mut note = |dir: &Path, array: &str, layout: &Layout| {
            let mut zarray = layout.zarray();
            zarray["fill_value"] = Value::Null;
            write_json(&dir.join(array).join(".zarray"), &zarray)?;
            metadata.insert(format!("{array}/.zarray"), zarray);
            metadata.insert(format!("{array}/.zattrs"), layout.zattrs());
            Ok::<(), IoError>(())
        };
        let layout = Layout::in_rows(shape, dtype, dims, CHUNK_BYTES);
        let at = dir.join(name);
        self.0.bytes += layout.create(&at)?;
        note(&dir, name, &layout)?;
        let per_chunk = layout.chunks[0].max(1);
        for (i, first) in (0..shape[0]).step_by(per_chunk).enumerate() {
            let chunk: Vec<u8> = (first..(first + per_chunk).min(shape[0])).flat_map(&row).collect();
            let start = layout.elements(i).start;
            self.0.bytes += layout.write_chunk(&chunks, &at, i, |range, out| {
                let at = |element: usize| (element - start) * dtype.bytes();
                out.copy_from_slice(&chunk[at(range.start)..at(range.end)]);
            })?;
        }
        for (dim, n) in dims.iter().zip(shape) {
            let layout = Layout::in_rows(&[*n], Dtype::I4, &[dim], CHUNK_BYTES);
            let at = dir.join(dim);
            self.0.bytes += layout.create(&at)?;
            note(&dir, dim, &layout)?;
            let values: Vec<i32> = (0..*n as i32).collect();
            for i in 0..layout.n_chunks() {
                let put = |range: Range<usize>, out: &mut [u8]| Element::put(&values[range], out);
                self.0.bytes += layout.write_chunk(&chunks, &at, i, put)?;
            }
        }
        chunks.finish()?;
        let consolidated = json!({ "metadata": Value::Object(metadata), "zarr_consolidated_format": 1 });
        self.0.bytes += write_json(&dir.join(".zmetadata"), &consolidated)?;
        Ok(())
    }

    fn complete(mut self, truth: &GroundTruth) -> Result<Written, IoError> {
        let observed = truth.observed_footprints();
        let [h, w] = observed.fov_shape;
        let n = truth.n_units();
        self.store("A", &["unit_id", "height", "width"], &[n, h, w], Dtype::F4, |unit| {
            Element::to_bytes(&observed.dense_in_fov(&observed.patches[unit]))
        })?;
        for name in ["C", "S"] {
            let (t, row) = time_courses(truth, name);
            self.store(name, &["unit_id", "frame"], &[n, t], Dtype::F8, row)?;
        }
        self.0.complete()
    }
}

/// Writes `footprints_sparse.npz` (scipy's CSR matrix), `cells.npz`, `traces.npz` and `cells.csv`.
#[derive(Debug)]
pub(crate) struct NumpySink(Folder);

impl NumpySink {
    pub(crate) fn create(path: &Path, options: &FileOptions) -> Result<Self, IoError> {
        Folder::create(path, options, "cells.npz", "a folder of truth files").map(Self)
    }

    /// Writes arrays, each a name and the parts of its file.
    fn archive<'a, P: Iterator<Item = Vec<u8>>>(
        &mut self,
        name: &str,
        arrays: impl IntoIterator<Item = (&'a str, P)>,
    ) -> Result<(), IoError> {
        let path = self.0.pending.path().join(name);
        let file = fs::File::create(&path).map_err(IoError::system("create", &path))?;
        let mut zip = ZipWriter::new(file);
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default())
            .large_file(true);
        for (array, mut parts) in arrays {
            zip.start_file(format!("{array}.npy"), options)
                .map_err(std::io::Error::from)
                .and_then(|()| parts.try_for_each(|part| zip.write_all(&part)))
                .map_err(IoError::system("write", &path))?;
        }
        let file = zip.finish().map_err(std::io::Error::from).map_err(IoError::system("write", &path))?;
        self.0.bytes += file.metadata().map_err(IoError::system("read", &path))?.len();
        Ok(())
    }

    fn complete(mut self, truth: &GroundTruth) -> Result<Written, IoError> {
        let observed = truth.observed_footprints();
        let [h, w] = observed.fov_shape;
        let n = truth.n_units();
        // Rows are cells, columns the pixels of the field, row by row.
        let (mut data, mut indices, mut indptr) = (Vec::<f32>::new(), Vec::<i32>::new(), vec![0_i64]);
        for patch in &observed.patches {
            let patch = observed.in_fov(patch);
            for r in 0..patch.height {
                for (c, value) in patch.row_weights(r).iter().enumerate().filter(|(_, v)| **v != 0.0) {
                    data.push(*value);
                    indices.push(((patch.row as usize + r) * w + patch.col as usize + c) as i32);
                }
            }
            indptr.push(data.len() as i64);
        }
        self.archive(
            "footprints_sparse.npz",
            [
                ("data", npy("<f4", &[data.len()], &Element::to_bytes(&data))),
                ("indices", npy("<i4", &[indices.len()], &Element::to_bytes(&indices))),
                (
                    "indptr",
                    npy("<i8", &[indptr.len()], &indptr.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>()),
                ),
                ("shape", npy("<i8", &[2], &[n as i64, (h * w) as i64].map(i64::to_le_bytes).concat())),
                ("format", npy("|S3", &[], b"csr")),
            ]
            .map(|(array, bytes)| (array, once(bytes))),
        )?;
        let mut traces: Vec<(&str, ArrayParts<'_>)> = Vec::new();
        for name in ["C", "S"] {
            let (t, row) = time_courses(truth, name);
            traces.push((name, Box::new(once(npy_head("<f8", &[n, t])).chain((0..n).map(row)))));
        }
        if let Some(shifts) = truth.f64s("shifts") {
            traces.push(("shifts", Box::new(once(npy("<f8", &[shifts.len() / 2, 2], &Element::to_bytes(shifts))))));
        }
        self.archive("traces.npz", traces)?;

        // Everything that is one number a cell.
        let pixel_um = self.0.header.as_ref().map_or(1.0, |h| h.spec.acquisition.pixel_size_um());
        let places = truth.centers_px(pixel_um);
        let mut columns: Vec<(String, Vec<f64>, bool)> = Vec::new();
        for (i, axis) in ["z_um", "y_um", "x_um"].into_iter().enumerate() {
            let values = truth.centers_um().iter().skip(i).step_by(3).copied().collect();
            columns.push((axis.to_owned(), values, false));
        }
        columns.push(("row_px".to_owned(), places.iter().map(|p| p[0]).collect(), false));
        columns.push(("col_px".to_owned(), places.iter().map(|p| p[1]).collect(), false));
        for array in truth.arrays.iter().filter(|a| a.declared.dims == [Dim::Unit]) {
            let flag = matches!(array.data, TruthData::Bool(_));
            columns.push((array.declared.name.to_owned(), array.data.to_f64(), flag));
        }
        let cells: Vec<(&str, Vec<u8>)> = columns
            .iter()
            .map(|(name, values, flag)| {
                let bytes = if *flag {
                    npy("|b1", &[n], &values.iter().map(|v| u8::from(*v != 0.0)).collect::<Vec<u8>>())
                } else {
                    npy("<f8", &[n], &Element::to_bytes(values))
                };
                (name.as_str(), bytes)
            })
            .collect();
        self.archive("cells.npz", cells.into_iter().map(|(array, bytes)| (array, once(bytes))))?;
        let mut table = String::from("unit");
        for (name, ..) in &columns {
            let _ = write!(table, ",{name}");
        }
        for unit in 0..n {
            let _ = write!(table, "\n{unit}");
            for (_, values, flag) in &columns {
                let _ = match (flag, values[unit]) {
                    (true, v) => write!(table, ",{}", v != 0.0),
                    (false, v) => write!(table, ",{v}"),
                };
            }
        }
        table.push('\n');
        self.0.put("cells.csv", table.as_bytes())?;
        self.0.complete()
    }
}

/// The parts of an array's file, one after the other.
type ArrayParts<'a> = Box<dyn Iterator<Item = Vec<u8>> + 'a>;

/// A numpy file.
fn npy(descr: &str, shape: &[usize], bytes: &[u8]) -> Vec<u8> {
    let mut out = npy_head(descr, shape);
    out.extend(bytes);
    out
}

/// The head of a numpy file, which its elements follow. Source: NEP 1.
fn npy_head(descr: &str, shape: &[usize]) -> Vec<u8> {
    let mut dims = shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if shape.len() == 1 {
        dims.push(',');
    }
    let mut head = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({dims}), }}");
    // The data begin at a multiple of 64.
    while !(10 + head.len() + 1).is_multiple_of(64) {
        head.push(' ');
    }
    head.push('\n');
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend((head.len() as u16).to_le_bytes());
    out.extend(head.as_bytes());
    out
}

macro_rules! truth_sink {
    ($name:ident) => {
        impl Sink for $name {
            type Output = Written;

            fn begin(&mut self, header: &Header) -> Result<(), SinkError> {
                self.0.header = Some(header.clone());
                Ok(())
            }

            fn block(&mut self, _: &Block<'_>) -> Result<(), SinkError> {
                Ok(())
            }

            fn finish(self, truth: GroundTruth) -> Result<Written, SinkError> {
                Ok(self.complete(&truth)?)
            }
        }
    };
}

truth_sink!(MinianSink);
truth_sink!(NumpySink);
