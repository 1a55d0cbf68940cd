//! One Zarr v2 array: a `.zarray` file and its chunks.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use minisim::recording::{Pixels, SampleType};
use serde_json::{Value, json};

use super::blosc;
use crate::error::IoError;

/// Most bytes a file of metadata may have.
const MAX_METADATA_BYTES: u64 = 1 << 20;
/// No chunk unpacks to more than this many times its file.
const MAX_RATIO: u64 = 260;

/// Element types that recordings use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dtype {
    U1,
    U2,
    I4,
    F4,
    F8,
    Bool,
}

impl Dtype {
    const ALL: [(Self, &'static str, usize); 6] = [
        (Self::U1, "|u1", 1),
        (Self::U2, "<u2", 2),
        (Self::I4, "<i4", 4),
        (Self::F4, "<f4", 4),
        (Self::F8, "<f8", 8),
        (Self::Bool, "|b1", 1),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|d| d.0 == self).map_or("", |d| d.1)
    }

    pub(crate) fn bytes(self) -> usize {
        Self::ALL.iter().find(|d| d.0 == self).map_or(1, |d| d.2)
    }

    pub(crate) fn of(sample: SampleType) -> Self {
        match sample {
            SampleType::U8 => Self::U1,
            SampleType::U16 => Self::U2,
            SampleType::F32 => Self::F4,
            SampleType::F64 => Self::F8,
        }
    }
}

/// Shape, chunking and type of an array.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) shape: Vec<usize>,
    pub(crate) chunks: Vec<usize>,
    pub(crate) dtype: Dtype,
    /// Names of the axes, for xarray.
    pub(crate) dims: Vec<String>,
}

impl Layout {
    /// An array that is one chunk.
    pub(crate) fn whole(shape: &[usize], dtype: Dtype, dims: &[&str]) -> Self {
        let chunks = shape.iter().map(|n| (*n).max(1)).collect();
        Self { shape: shape.to_vec(), chunks, dtype, dims: dims.iter().map(|d| (*d).to_owned()).collect() }
    }

    fn chunk_len(&self) -> usize {
        self.chunks.iter().product()
    }

    pub(crate) fn zarray(&self) -> Value {
        let fill = match self.dtype {
            Dtype::Bool => json!(false),
            Dtype::F4 | Dtype::F8 => json!(0.0),
            _ => json!(0),
        };
        json!({
            "chunks": self.chunks,
            "compressor": { "blocksize": 0, "clevel": 5, "cname": "lz4", "id": "blosc", "shuffle": 1 },
            "dtype": self.dtype.name(),
            "fill_value": fill,
            "filters": null,
            "order": "C",
            "shape": self.shape,
            "zarr_format": 2,
        })
    }

    pub(crate) fn zattrs(&self) -> Value {
        json!({ "_ARRAY_DIMENSIONS": self.dims })
    }

    /// Writes the metadata into `dir`, which is created.
    pub(crate) fn create(&self, dir: &Path) -> Result<(), IoError> {
        fs::create_dir_all(dir).map_err(IoError::system("create", dir))?;
        write_json(&dir.join(".zarray"), &self.zarray())?;
        write_json(&dir.join(".zattrs"), &self.zattrs())
    }

    /// The file of the chunk with this index along the first axis, the others being whole.
    fn chunk_path(&self, dir: &Path, index: usize) -> PathBuf {
        let rest = ".0".repeat(self.shape.len().saturating_sub(1));
        dir.join(format!("{index}{rest}"))
    }

    /// Compresses and writes one chunk, cut along the first axis; a short last chunk is filled up. Returns bytes written.
    pub(crate) fn write_chunk(&self, dir: &Path, index: usize, mut raw: Vec<u8>) -> Result<u64, IoError> {
        raw.resize(self.chunk_len() * self.dtype.bytes(), 0);
        let packed = blosc::compress(&raw, self.dtype.bytes());
        let path = self.chunk_path(dir, index);
        let mut file = fs::File::create(&path).map_err(IoError::system("create", &path))?;
        file.write_all(&packed).map_err(IoError::system("write", &path))?;
        Ok(packed.len() as u64)
    }

    /// Creates an array of one chunk with this content (little-endian bytes).
    pub(crate) fn write_all(&self, dir: &Path, raw: Vec<u8>) -> Result<u64, IoError> {
        self.create(dir)?;
        if self.shape.contains(&0) { Ok(0) } else { self.write_chunk(dir, 0, raw) }
    }
}

pub(crate) fn write_json(path: &Path, value: &Value) -> Result<(), IoError> {
    crate::atomic::write(path, format!("{value:#}").as_bytes())
}

/// Reads a file of metadata.
pub(crate) fn read_json(path: &Path) -> Result<Value, IoError> {
    let length = fs::metadata(path).map_err(IoError::system("read", path))?.len();
    if length > MAX_METADATA_BYTES {
        return Err(IoError::damaged(path, format!("{length} bytes are too many for metadata")));
    }
    let text = fs::read(path).map_err(IoError::system("read", path))?;
    serde_json::from_slice(&text).map_err(|e| IoError::damaged(path, format!("it is not JSON ({e})")))
}

/// An array of a stored recording.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    dir: PathBuf,
    pub(crate) layout: Layout,
    compressed: bool,
}

impl Array {
    /// Opens the array in `dir`; everything its metadata claims is checked before it is believed.
    pub(crate) fn open(dir: &Path) -> Result<Self, IoError> {
        let path = dir.join(".zarray");
        let meta = read_json(&path)?;
        let sizes = |key: &str| -> Result<Vec<usize>, IoError> {
            let list = meta[key].as_array().ok_or_else(|| IoError::damaged(&path, format!("{key} is no list")))?;
            list.iter()
                .map(|v| {
                    v.as_u64()
                        .and_then(|n| usize::try_from(n).ok())
                        .filter(|n| *n <= 1 << 40)
                        .ok_or_else(|| IoError::damaged(&path, format!("{key} holds {v}")))
                })
                .collect()
        };
        let (shape, chunks) = (sizes("shape")?, sizes("chunks")?);
        let counts_fit = chunks.iter().chain(&shape).try_fold(8_usize, |n, c| n.checked_mul((*c).max(1))).is_some();
        if shape.is_empty() || chunks.len() != shape.len() || chunks.contains(&0) || !counts_fit {
            return Err(IoError::damaged(&path, format!("shape {shape:?} with chunks {chunks:?}")));
        }
        if meta["zarr_format"] != json!(2) || meta["order"] != json!("C") || !meta["filters"].is_null() {
            return Err(IoError::unsupported(&path, "only zarr format 2 in C order without filters is read"));
        }
        let name = meta["dtype"].as_str().unwrap_or("missing");
        let Some((dtype, ..)) = Dtype::ALL.iter().find(|d| d.1 == name) else {
            return Err(IoError::unsupported(&path, format!("element type {name} is not one that recordings use")));
        };
        let compressed = match &meta["compressor"] {
            Value::Null => false,
            c if c["id"] == json!("blosc") => true,
            c => return Err(IoError::unsupported(&path, format!("compressor {} is not read; only Blosc is", c["id"]))),
        };
        let layout = Layout { shape, chunks, dtype: *dtype, dims: Vec::new() };
        Ok(Self { dir: dir.to_owned(), layout, compressed })
    }

    /// All elements, as little-endian bytes.
    pub(crate) fn read(&self) -> Result<Vec<u8>, IoError> {
        self.read_rows(0..self.layout.shape[0])
    }

    /// The elements whose first index lies in `rows`; only the chunks that hold them are read.
    pub(crate) fn read_rows(&self, rows: std::ops::Range<usize>) -> Result<Vec<u8>, IoError> {
        let l = &self.layout;
        let rank = l.shape.len();
        let item = l.dtype.bytes();
        if l.shape.contains(&0) || rows.is_empty() {
            return Ok(Vec::new());
        }
        let counts: Vec<usize> = l.shape.iter().zip(&l.chunks).map(|(n, c)| n.div_ceil(*c)).collect();
        let (first, last) = (rows.start / l.chunks[0], (rows.end - 1) / l.chunks[0]);
        // The files must be there, and large enough to hold what they are said to hold, before memory is taken for it.
        let mut indices = vec![vec![]];
        for (axis, count) in counts.iter().enumerate() {
            let range = if axis == 0 { first..last + 1 } else { 0..*count };
            let mut more = Vec::new();
            for index in indices {
                for i in range.clone() {
                    let mut index: Vec<usize> = index.clone();
                    index.push(i);
                    if axis + 1 == rank {
                        self.check_size(&self.path_of(&index))?;
                    }
                    more.push(index);
                }
            }
            indices = more;
        }
        let row_bytes = l.shape[1..].iter().product::<usize>() * item;
        let mut out = vec![0; rows.len() * row_bytes];
        for index in indices {
            let chunk = self.read_chunk(&self.path_of(&index))?;
            self.place(&chunk, &index, &rows, &mut out);
        }
        Ok(out)
    }

    fn path_of(&self, index: &[usize]) -> PathBuf {
        self.dir.join(index.iter().map(ToString::to_string).collect::<Vec<_>>().join("."))
    }

    fn check_size(&self, path: &Path) -> Result<u64, IoError> {
        let expected = (self.layout.chunk_len() * self.layout.dtype.bytes()) as u64;
        let length = match fs::metadata(path) {
            Ok(meta) => meta.len(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(IoError::damaged(path, "the file is missing"));
            }
            Err(e) => return Err(IoError::system("read", path)(e)),
        };
        let least = if self.compressed { expected / MAX_RATIO } else { expected };
        if length < least || length > expected + 1024 {
            return Err(IoError::damaged(path, format!("{length} bytes cannot hold a chunk of {expected} bytes")));
        }
        Ok(length)
    }

    fn read_chunk(&self, path: &Path) -> Result<Vec<u8>, IoError> {
        self.check_size(path)?;
        let bytes = fs::read(path).map_err(IoError::system("read", path))?;
        let expected = self.layout.chunk_len() * self.layout.dtype.bytes();
        if self.compressed {
            blosc::decompress(&bytes, expected).map_err(|why| IoError::damaged(path, why))
        } else if bytes.len() == expected {
            Ok(bytes)
        } else {
            Err(IoError::damaged(path, format!("{} bytes where {expected} are due", bytes.len())))
        }
    }

    /// Copies a chunk's part of `rows` into `out`.
    fn place(&self, chunk: &[u8], index: &[usize], rows: &std::ops::Range<usize>, out: &mut [u8]) {
        let l = &self.layout;
        let item = l.dtype.bytes();
        let rank = l.shape.len();
        // Where the chunk begins and how much of it lies inside the array, per axis.
        let begin: Vec<usize> = index.iter().zip(&l.chunks).map(|(i, c)| i * c).collect();
        let mut low = vec![0; rank];
        let mut high: Vec<usize> = (0..rank).map(|a| l.chunks[a].min(l.shape[a] - begin[a])).collect();
        low[0] = rows.start.saturating_sub(begin[0]);
        high[0] = high[0].min(rows.end - begin[0]);
        let run = (high[rank - 1] - low[rank - 1]) * item;
        let mut at = low.clone();
        loop {
            let (mut from, mut to) = (0, 0);
            for axis in 0..rank {
                from = from * l.chunks[axis] + at[axis];
                let (size, offset) = if axis == 0 { (rows.len(), rows.start) } else { (l.shape[axis], 0) };
                to = to * size + begin[axis] + at[axis] - offset;
            }
            out[to * item..][..run].copy_from_slice(&chunk[from * item..][..run]);
            // The next run: all axes but the last count up like an odometer.
            let mut axis = rank - 1;
            loop {
                if axis == 0 {
                    return;
                }
                axis -= 1;
                at[axis] += 1;
                if at[axis] < high[axis] {
                    break;
                }
                at[axis] = low[axis];
            }
        }
    }

    /// The elements as real numbers.
    pub(crate) fn read_f64(&self) -> Result<Vec<f64>, IoError> {
        let bytes = self.read()?;
        Ok(match pixels(self.layout.dtype, &bytes) {
            Some(p) => (0..p.len()).map(|i| p.get(i)).collect(),
            None if self.layout.dtype == Dtype::I4 => ints(&bytes).into_iter().map(f64::from).collect(),
            None => bytes.iter().map(|b| f64::from(u8::from(*b != 0))).collect(),
        })
    }
}

/// Little-endian bytes as pixels, for the types that pixels have.
pub(crate) fn pixels(dtype: Dtype, bytes: &[u8]) -> Option<Pixels> {
    Some(match dtype {
        Dtype::U1 => Pixels::U8(bytes.to_vec()),
        Dtype::U2 => Pixels::U16(bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]])).collect()),
        Dtype::F4 => Pixels::F32(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()),
        Dtype::F8 => Pixels::F64(
            bytes
                .chunks_exact(8)
                .map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
                .collect(),
        ),
        Dtype::I4 | Dtype::Bool => return None,
    })
}

/// Pixels as little-endian bytes.
pub(crate) fn pixel_bytes(pixels: &Pixels, range: std::ops::Range<usize>) -> Vec<u8> {
    match pixels {
        Pixels::U8(v) => v[range].to_vec(),
        Pixels::U16(v) => v[range].iter().flat_map(|x| x.to_le_bytes()).collect(),
        Pixels::F32(v) => v[range].iter().flat_map(|x| x.to_le_bytes()).collect(),
        Pixels::F64(v) => v[range].iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

pub(crate) fn ints(bytes: &[u8]) -> Vec<i32> {
    bytes.chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}
