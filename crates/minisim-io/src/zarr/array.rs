//! One Zarr v2 array: a `.zarray` file and its chunks.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use minisim::{
    Loops, at_best_level,
    recording::{Pixels, SampleType},
};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::{
    blosc::{self, Planes, ZeroPlanes},
    chunks::Chunks,
};
use crate::error::IoError;

/// Most bytes a file of metadata may have.
const MAX_METADATA_BYTES: u64 = 1 << 20;
/// No chunk unpacks to more than this many times its file.
const MAX_RATIO: u64 = 260;
/// Most bytes that an array may be said to hold; more fits no memory.
const MAX_ARRAY_BYTES: usize = 1 << 46;

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

    pub(crate) fn name(self) -> &'static str {
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

/// A number that arrays hold.
pub(crate) trait Element: Copy + Default + Send + Sync {
    /// Fills `out` with the little-endian bytes of as many elements.
    fn put(values: &[Self], out: &mut [u8]);

    /// Little-endian bytes of `values`.
    fn to_bytes(values: &[Self]) -> Vec<u8> {
        let mut out = vec![0; size_of_val(values)];
        Self::put(values, &mut out);
        out
    }

    /// Fills `out` from as many elements' little-endian bytes.
    fn from_bytes(bytes: &[u8], out: &mut [Self]);
}

macro_rules! element {
    ($($name:ident)*) => {$(
        impl Element for $name {
            fn put(values: &[Self], out: &mut [u8]) {
                out.as_chunks_mut().0.iter_mut().zip(values).for_each(|(o, v)| *o = v.to_le_bytes());
            }

            fn from_bytes(bytes: &[u8], out: &mut [Self]) {
                for (b, o) in bytes.as_chunks().0.iter().zip(out) {
                    *o = Self::from_le_bytes(*b);
                }
            }
        }
    )*};
}

element! { u8 u16 i32 f32 f64 }

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
    /// An array cut along its first axis only, into chunks of about `bytes` at most and one row at least.
    pub(crate) fn in_rows(shape: &[usize], dtype: Dtype, dims: &[&str], bytes: usize) -> Self {
        let mut chunks: Vec<usize> = shape.iter().map(|n| (*n).max(1)).collect();
        if let [rows, rest @ ..] = chunks.as_mut_slice() {
            let row_bytes = rest.iter().product::<usize>() * dtype.bytes();
            *rows = (bytes / row_bytes).clamp(1, *rows);
        }
        Self { shape: shape.to_vec(), chunks, dtype, dims: dims.iter().map(|d| (*d).to_owned()).collect() }
    }

    /// Bytes of a chunk before compression.
    pub(crate) fn chunk_bytes(&self) -> usize {
        self.chunks.iter().product::<usize>() * self.dtype.bytes()
    }

    /// Chunks, of arrays that are cut along their first axis only.
    pub(crate) fn n_chunks(&self) -> usize {
        if self.shape.contains(&0) { 0 } else { self.shape[0].div_ceil(self.chunks[0]) }
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

    /// Writes the metadata into `dir`, which is created. Returns bytes written.
    pub(crate) fn create(&self, dir: &Path) -> Result<u64, IoError> {
        if self.chunk_bytes() > blosc::MAX_BYTES {
            let why = format!("its rows of {} bytes are more than a chunk can hold", self.chunk_bytes());
            return Err(IoError::unsuitable(dir, why));
        }
        fs::create_dir(dir).map_err(IoError::system("create", dir))?;
        Ok(write_json(&dir.join(".zarray"), &self.zarray())? + write_json(&dir.join(".zattrs"), &self.zattrs())?)
    }

    /// The file of the chunk with this index along the first axis, the others being whole.
    pub(crate) fn chunk_path(&self, dir: &Path, index: usize) -> PathBuf {
        dir.join(format!("{index}{}", ".0".repeat(self.shape.len().saturating_sub(1))))
    }

    /// Compresses and sends a chunk, whose elements `fill` writes, range by range as numbered in the array; a short last chunk is
    /// filled up. Returns bytes written.
    pub(crate) fn write_chunk(
        &self,
        chunks: &Chunks,
        dir: &Path,
        index: usize,
        fill: impl Fn(Range<usize>, &mut [u8]),
    ) -> Result<u64, IoError> {
        let packed = chunks.pack(|packer, packed| {
            packer.compress(self.elements(index), self.chunk_bytes(), self.dtype.bytes(), packed, fill);
        });
        chunks.write(self.chunk_path(dir, index), packed)
    }

    /// The elements of a chunk, as numbered in the array; fewer where that ends.
    pub(crate) fn elements(&self, index: usize) -> Range<usize> {
        let size: usize = self.chunks.iter().product();
        index * size..((index + 1) * size).min(self.shape.iter().product())
    }
}

/// Writes a file of metadata. Returns bytes written.
pub(crate) fn write_json(path: &Path, value: &Value) -> Result<u64, IoError> {
    let text = format!("{value:#}");
    crate::atomic::write(path, text.as_bytes())?;
    Ok(text.len() as u64)
}

/// Reads a small file, refusing a large one before memory is taken for it.
pub(crate) fn read_small(path: &Path, most_bytes: u64) -> Result<Vec<u8>, IoError> {
    let missing = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::NotFound => IoError::damaged(path, "the file is missing"),
        _ => IoError::system("read", path)(e),
    };
    let length = fs::metadata(path).map_err(missing)?.len();
    if length > most_bytes {
        return Err(IoError::damaged(path, format!("{length} bytes are more than it can rightly have")));
    }
    fs::read(path).map_err(IoError::system("read", path))
}

/// Reads a file of metadata.
pub(crate) fn read_json(path: &Path) -> Result<Value, IoError> {
    let text = read_small(path, MAX_METADATA_BYTES)?;
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
        if meta["zarr_format"] != json!(2) || meta["order"] != json!("C") || !meta["filters"].is_null() {
            return Err(IoError::unsupported(&path, "only zarr format 2 in C order without filters is read"));
        }
        if meta["dimension_separator"].as_str().is_some_and(|s| s != ".") {
            return Err(IoError::unsupported(&path, "only chunk files named with dots are read"));
        }
        let name = meta["dtype"].as_str().unwrap_or("missing");
        let Some((dtype, ..)) = Dtype::ALL.iter().find(|d| d.1 == name) else {
            let known = Dtype::ALL.map(|d| d.1).join(", ");
            return Err(IoError::unsupported(&path, format!("its element type is {name}; recordings use {known}")));
        };
        let sizes = |key: &str| -> Result<Vec<usize>, IoError> {
            let list = meta[key].as_array().ok_or_else(|| IoError::damaged(&path, format!("{key} is no list")))?;
            let number = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok());
            list.iter().map(|v| number(v).ok_or_else(|| IoError::damaged(&path, format!("{key} holds {v}")))).collect()
        };
        let (shape, chunks) = (sizes("shape")?, sizes("chunks")?);
        let fits = |sizes: &[usize]| {
            let bytes = sizes.iter().try_fold(dtype.bytes(), |n, size| n.checked_mul((*size).max(1)));
            bytes.is_some_and(|n| n <= MAX_ARRAY_BYTES)
        };
        if shape.is_empty() || chunks.len() != shape.len() || chunks.contains(&0) || !fits(&shape) || !fits(&chunks) {
            return Err(IoError::damaged(&path, format!("its shape is {shape:?}, in chunks of {chunks:?}")));
        }
        let compressed = match &meta["compressor"] {
            Value::Null => false,
            c if c["id"] == json!("blosc") => true,
            c => return Err(IoError::unsupported(&path, format!("its compressor is {}; only blosc is read", c["id"]))),
        };
        Ok(Self { dir: dir.to_owned(), layout: Layout { shape, chunks, dtype: *dtype, dims: Vec::new() }, compressed })
    }

    /// All elements, row-major. `T` must be as wide as the array's type.
    pub(crate) fn read<T: Element>(&self) -> Result<Vec<T>, IoError> {
        self.read_rows(0..self.layout.shape[0])
    }

    /// The elements whose first index lies in `rows`; only the chunks that hold them are read. `T` must be as wide as the
    /// array's type.
    pub(crate) fn read_rows<T: Element>(&self, rows: Range<usize>) -> Result<Vec<T>, IoError> {
        let l = &self.layout;
        if size_of::<T>() != l.dtype.bytes() {
            return Err(IoError::damaged(&self.dir, format!("its elements are of type {}", l.dtype.name())));
        }
        if l.shape.contains(&0) || rows.is_empty() {
            return Ok(Vec::new());
        }
        let (first, last) = (rows.start / l.chunks[0], (rows.end - 1) / l.chunks[0]);
        let mut counts: Vec<usize> = l.shape.iter().zip(&l.chunks).map(|(n, c)| n.div_ceil(*c)).collect();
        counts[0] = last - first + 1;
        let n_chunks: usize = counts.iter().product();
        let index = |mut i: usize| {
            let mut index = vec![0; counts.len()];
            for (axis, count) in counts.iter().enumerate().rev() {
                index[axis] = i % count;
                i /= count;
            }
            index[0] += first;
            index
        };
        // The files must be there, and large enough to hold what they are said to hold, before memory is taken for it.
        (0..n_chunks).try_for_each(|i| self.check_size(&self.path_of(&index(i))))?;
        let row = l.shape[1..].iter().product::<usize>();
        let mut out = Vec::new();
        out.try_reserve_exact(rows.len() * row).map_err(|_| {
            IoError::unsuitable(&self.dir, "there is not enough memory to read it at once; read fewer frames at a time")
        })?;
        out.resize(rows.len() * row, T::default());
        if l.chunks[1..] == l.shape[1..] {
            // Each chunk is a range of rows, so that they can be unpacked side by side.
            let mut parts = Vec::with_capacity(n_chunks);
            let mut rest = out.as_mut_slice();
            for chunk in first..=last {
                let begin = chunk * l.chunks[0];
                let (from, to) = (rows.start.max(begin), rows.end.min(begin + l.chunks[0]));
                let (part, more) = rest.split_at_mut((to - from) * row);
                parts.push((chunk, (from - begin) * row, part));
                rest = more;
            }
            parts.into_par_iter().try_for_each(|(chunk, skip, part)| {
                let mut path = vec![0; l.shape.len()];
                path[0] = chunk;
                let bytes = self.read_chunk(&self.path_of(&path))?;
                T::from_bytes(&bytes[skip * size_of::<T>()..][..size_of_val(part)], part);
                Ok(())
            })?;
        } else {
            for i in 0..n_chunks {
                let index = index(i);
                let chunk = self.read_chunk(&self.path_of(&index))?;
                self.place(&chunk, &index, &rows, &mut out);
            }
        }
        Ok(out)
    }

    fn path_of(&self, index: &[usize]) -> PathBuf {
        self.dir.join(index.iter().map(ToString::to_string).collect::<Vec<_>>().join("."))
    }

    /// Fails unless the file of a chunk is there and has a length that a chunk can have. Zarr reads a missing chunk as zeros,
    /// but no writer of recordings leaves one out, so here it is a loss.
    fn check_size(&self, path: &Path) -> Result<(), IoError> {
        let expected = self.layout.chunk_bytes() as u64;
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
        Ok(())
    }

    fn read_chunk(&self, path: &Path) -> Result<Vec<u8>, IoError> {
        let bytes = fs::read(path).map_err(IoError::system("read", path))?;
        let expected = self.layout.chunk_bytes();
        if self.compressed {
            blosc::decompress(&bytes, expected).map_err(|why| IoError::damaged(path, why))
        } else if bytes.len() == expected {
            Ok(bytes)
        } else {
            Err(IoError::damaged(path, format!("{} bytes where {expected} are due", bytes.len())))
        }
    }

    /// Copies a chunk's part of `rows` into `out`.
    fn place<T: Element>(&self, chunk: &[u8], index: &[usize], rows: &Range<usize>, out: &mut [T]) {
        let l = &self.layout;
        let item = size_of::<T>();
        let rank = l.shape.len();
        // Where the chunk begins and how much of it lies inside the array, per axis.
        let begin: Vec<usize> = index.iter().zip(&l.chunks).map(|(i, c)| i * c).collect();
        let mut low = vec![0; rank];
        let mut high: Vec<usize> = (0..rank).map(|a| l.chunks[a].min(l.shape[a] - begin[a])).collect();
        low[0] = rows.start.saturating_sub(begin[0]);
        high[0] = high[0].min(rows.end - begin[0]);
        let run = high[rank - 1] - low[rank - 1];
        let mut at = low.clone();
        loop {
            let (mut from, mut to) = (0, 0);
            for axis in 0..rank {
                from = from * l.chunks[axis] + at[axis];
                let (size, offset) = if axis == 0 { (rows.len(), rows.start) } else { (l.shape[axis], 0) };
                to = to * size + begin[axis] + at[axis] - offset;
            }
            T::from_bytes(&chunk[from * item..][..run * item], &mut out[to..to + run]);
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

    /// The elements as real numbers; `None` where they are none.
    pub(crate) fn read_f64(&self) -> Result<Option<Vec<f64>>, IoError> {
        Ok(match self.layout.dtype {
            Dtype::F8 => Some(self.read()?),
            Dtype::F4 => Some(self.read::<f32>()?.into_iter().map(f64::from).collect()),
            _ => None,
        })
    }
}

/// Which planes of 8-bit counts as 32-bit floats are 0: the lower two.
pub(crate) const ZERO_PLANES_OF_COUNTS: ZeroPlanes = [true, true, false, false, false, false, false, false];

/// Writes the other two.
pub(crate) fn fill_planes(counts: &[u8], planes: &mut Planes<'_>) -> ZeroPlanes {
    let [_, _, third, fourth, ..] = planes;
    let held = counts.len().min(third.len());
    at_best_level(UpperPlanes { counts, third: &mut third[..held], fourth: &mut fourth[..held] });
    // A short last chunk is filled up.
    third[held..].fill(0);
    fourth[held..].fill(0);
    ZeroPlanes::default()
}

struct UpperPlanes<'a> {
    counts: &'a [u8],
    third: &'a mut [u8],
    fourth: &'a mut [u8],
}

impl Loops for UpperPlanes<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for ((count, third), fourth) in self.counts.iter().zip(self.third).zip(self.fourth) {
            (*third, *fourth) = upper_bytes(*count);
        }
    }
}

/// The upper two bytes of a count as a 32-bit float, from bytes alone: four times as many fit into a vector as of floats.
#[inline(always)]
fn upper_bytes(count: u8) -> (u8, u8) {
    // The fraction begins after the highest bit, which gives way to the exponent's lowest bit: 1 after an odd number of places.
    let four = if count < 1 << 4 { count << 4 } else { count };
    let six = if four < 1 << 6 { four << 2 } else { four };
    let third = if six < 1 << 7 { six << 1 } else { six ^ 1 << 7 };
    // The exponent's upper bits change with every second power of 2.
    let of_one = if count > 0 { 0x3f } else { 0 };
    let above = |least: u8| u8::from(count >= least);
    (third, of_one + above(2) + above(8) + above(32) + above(128))
}

/// Writes pixels as little-endian bytes of an array's type, which can hold them.
pub(crate) fn fill_from_pixels(pixels: &Pixels, range: Range<usize>, dtype: Dtype, out: &mut [u8]) {
    fn fill<S: Copy, const N: usize>(pixels: &[S], out: &mut [u8], bytes: impl Fn(S) -> [u8; N]) {
        out.as_chunks_mut().0.iter_mut().zip(pixels).for_each(|(o, p)| *o = bytes(*p));
    }
    match (pixels, dtype) {
        (Pixels::U8(v), Dtype::U1) => out.copy_from_slice(&v[range]),
        (Pixels::U8(v), Dtype::U2) => fill(&v[range], out, |p| u16::from(p).to_le_bytes()),
        (Pixels::U8(v), Dtype::F4) => fill(&v[range], out, |p| f32::from(p).to_le_bytes()),
        (Pixels::U16(v), Dtype::U2) => fill(&v[range], out, u16::to_le_bytes),
        (Pixels::U16(v), Dtype::F4) => fill(&v[range], out, |p| f32::from(p).to_le_bytes()),
        (Pixels::F32(v), Dtype::F4) => fill(&v[range], out, f32::to_le_bytes),
        (Pixels::F64(v), Dtype::F8) => fill(&v[range], out, f64::to_le_bytes),
        (_, Dtype::F4) => fill(&pixels.to_f32(range), out, f32::to_le_bytes),
        // Movies have one of these types; no narrower one is asked to hold a wider.
        _ => range.zip(out.as_chunks_mut().0).for_each(|(i, o)| *o = pixels.get(i).to_le_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes an uncompressed array of `shape` holding 0, 1, 2, … by hand, chunked as asked.
    fn ramp(dir: &Path, shape: [usize; 3], chunks: [usize; 3]) -> Array {
        let layout = Layout { shape: shape.to_vec(), chunks: chunks.to_vec(), dtype: Dtype::F8, dims: Vec::new() };
        let mut meta = layout.zarray();
        meta["compressor"] = Value::Null;
        write_json(&dir.join(".zarray"), &meta).expect("written");
        let counts: Vec<usize> = shape.iter().zip(chunks).map(|(n, c)| n.div_ceil(c)).collect();
        for i in 0..counts[0] {
            for j in 0..counts[1] {
                for k in 0..counts[2] {
                    let mut raw = Vec::new();
                    for a in 0..chunks[0] {
                        for b in 0..chunks[1] {
                            for c in 0..chunks[2] {
                                let at = [i * chunks[0] + a, j * chunks[1] + b, k * chunks[2] + c];
                                let inside = at.iter().zip(shape).all(|(p, n)| *p < n);
                                let value = if inside { (at[0] * shape[1] + at[1]) * shape[2] + at[2] } else { 9999 };
                                raw.extend((value as f64).to_le_bytes());
                            }
                        }
                    }
                    fs::write(dir.join(format!("{i}.{j}.{k}")), raw).expect("written");
                }
            }
        }
        Array::open(dir).expect("an array")
    }

    #[test]
    fn any_chunking_reads_the_same() {
        for chunks in
            [[1, 4, 5], [2, 4, 5], [3, 4, 5], [7, 4, 5], [9, 4, 5], [2, 3, 2], [7, 1, 5], [3, 8, 8], [1, 1, 1]]
        {
            let dir = tempfile::tempdir().expect("a folder");
            let array = ramp(dir.path(), [7, 4, 5], chunks);
            for from in 0..7 {
                for to in from..=7 {
                    let want: Vec<f64> = (from * 20..to * 20).map(|i| i as f64).collect();
                    assert_eq!(array.read_rows::<f64>(from..to).expect("read"), want, "{chunks:?} {from}..{to}");
                }
            }
        }
    }

    #[test]
    fn upper_bytes_are_those_of_the_float() {
        for count in 0..=u8::MAX {
            let [first, second, third, fourth] = f32::from(count).to_le_bytes();
            assert_eq!(([first, second], upper_bytes(count)), ([0, 0], (third, fourth)), "{count}");
        }
    }

    #[test]
    fn claims_are_checked_before_memory_is_taken() {
        let dir = tempfile::tempdir().expect("a folder");
        ramp(dir.path(), [7, 4, 5], [2, 4, 5]);
        let path = dir.path().join(".zarray");
        let good = read_json(&path).expect("metadata");
        let with = |key: &str, value: Value| {
            let mut meta = good.clone();
            meta[key] = value;
            write_json(&path, &meta).expect("written");
            Array::open(dir.path()).and_then(|a| a.read::<f64>())
        };
        assert!(with("shape", json!([7, 4, 5])).is_ok());
        for shape in
            [json!([1_u64 << 40, 4, 5]), json!([1_u64 << 62, 4, 5]), json!([u64::MAX, 4, 5]), json!([-1, 4, 5])]
        {
            assert!(with("shape", shape.clone()).is_err(), "{shape}");
        }
        for shape in [json!([7, 4]), json!([7, 4, 5, 1]), json!([]), json!("7"), json!([7.5, 4, 5]), Value::Null] {
            assert!(with("shape", shape.clone()).is_err(), "{shape}");
        }
        for chunks in
            [json!([0, 4, 5]), json!([1_u64 << 40, 4, 5]), json!([u64::MAX, 4, 5]), json!([3, 4, 5]), json!([2])]
        {
            assert!(with("chunks", chunks.clone()).is_err(), "{chunks}");
        }
        for (key, value) in [
            ("dtype", json!(">f8")),
            ("dtype", json!("<f4")),
            ("dtype", json!([["a", "<f8"]])),
            ("order", json!("F")),
            ("filters", json!([{"id": "delta"}])),
            ("zarr_format", json!(3)),
            ("compressor", json!({"id": "zlib", "level": 1})),
            ("compressor", json!({"id": "blosc"})),
            ("dimension_separator", json!("/")),
        ] {
            let open = with(key, value.clone());
            assert!(open.is_err(), "{key} {value}");
        }
        fs::remove_file(dir.path().join("3.0.0")).expect("removed");
        let error = with("shape", json!([7, 4, 5])).expect_err("a chunk is gone").to_string();
        assert!(error.contains("3.0.0") && error.contains("missing"), "{error}");
    }
}
