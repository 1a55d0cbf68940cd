//! MATLAB's files of version 5 (`save -v6` and `-v7`), as far as numbers, sparse matrices and structures go.
//!
//! Source: MathWorks, "MAT-File Format", Level 5.

use std::{collections::BTreeMap, io::Read};

use flate2::read::ZlibDecoder;

use super::matlab::Mat;

/// Why a file cannot be read.
type Why = String;

/// Most bytes that a compressed variable may unfold to.
const MAX_BYTES: u64 = 1 << 36;

// Types of data elements.
const COMPRESSED: u32 = 15;
const MATRIX: u32 = 14;
// Classes of arrays.
const STRUCT: u8 = 2;
const SPARSE: u8 = 5;
const FIRST_NUMBER: u8 = 6;
const LAST_NUMBER: u8 = 15;

/// The variables of a file.
pub(super) fn read(bytes: &[u8]) -> Result<BTreeMap<String, Mat>, Why> {
    if !bytes.starts_with(b"MATLAB 5.0") || bytes.len() < 128 {
        return Err("it is no MATLAB file of version 5 or 7.3; save it with save(…, '-v7.3')".to_owned());
    }
    // The order of bytes: "IM" as little-endian machines write "MI".
    if &bytes[126..128] != b"IM" {
        return Err("it was written on a big-endian machine; save it again with save(…, '-v7.3')".to_owned());
    }
    let mut rest = &bytes[128..];
    let mut found = BTreeMap::new();
    while !rest.is_empty() {
        let (kind, data) = element(&mut rest, true)?;
        let unfolded;
        let matrix = match kind {
            COMPRESSED => {
                let mut out = Vec::new();
                ZlibDecoder::new(data)
                    .take(MAX_BYTES)
                    .read_to_end(&mut out)
                    .map_err(|e| format!("a variable of it cannot be unpacked ({e})"))?;
                unfolded = out;
                let mut inner = unfolded.as_slice();
                match element(&mut inner, false)? {
                    (MATRIX, data) => data,
                    _ => continue,
                }
            }
            MATRIX => data,
            _ => continue,
        };
        let (name, mat) = array(matrix)?;
        if !name.is_empty() {
            found.insert(name, mat);
        }
    }
    Ok(found)
}

/// The next element: its type and its bytes. Compressed ones are not padded.
fn element<'b>(rest: &mut &'b [u8], top: bool) -> Result<(u32, &'b [u8]), Why> {
    let early = || "it ends early".to_owned();
    let word = |at: usize| -> Result<u32, Why> {
        let bytes = rest.get(at..at + 4).ok_or_else(early)?;
        Ok(u32::from_le_bytes(bytes.try_into().unwrap_or_default()))
    };
    let tag = word(0)?;
    if tag >> 16 != 0 {
        // A small element: its length and its bytes are in the tag.
        let data = rest.get(4..4 + (tag >> 16) as usize).filter(|d| d.len() <= 4).ok_or_else(early)?;
        *rest = rest.get(8..).unwrap_or_default();
        return Ok((tag & 0xffff, data));
    }
    let n = word(4)? as usize;
    let data = rest.get(8..8 + n).ok_or_else(early)?;
    let padded = if top && tag == COMPRESSED { n } else { n.next_multiple_of(8) };
    *rest = rest.get(8 + padded..).unwrap_or_default();
    Ok((tag, data))
}

/// The numbers of an element.
fn numbers(rest: &mut &[u8]) -> Result<Vec<f64>, Why> {
    let (kind, data) = element(rest, false)?;
    macro_rules! each {
        ($number:ty) => {
            data.as_chunks().0.iter().map(|b| <$number>::from_le_bytes(*b) as f64).collect()
        };
    }
    Ok(match kind {
        1 => each!(i8),
        2 => each!(u8),
        3 => each!(i16),
        4 => each!(u16),
        5 => each!(i32),
        6 => each!(u32),
        7 => each!(f32),
        9 => each!(f64),
        12 => each!(i64),
        13 => each!(u64),
        other => return Err(format!("it has numbers of the type {other}, which is not known")),
    })
}

/// An array: its name, and what it is.
fn array(mut rest: &[u8]) -> Result<(String, Mat), Why> {
    if rest.is_empty() {
        return Ok((String::new(), Mat::Full { shape: vec![0, 0], values: Vec::new() }));
    }
    let (_, flags) = element(&mut rest, false)?;
    let class = *flags.first().ok_or("an array of it has no flags")?;
    if !matches!(class, STRUCT | SPARSE | FIRST_NUMBER..=LAST_NUMBER) {
        // Objects have other parts; the others are not wanted. Only the name is.
        let name = numbers(&mut rest).and_then(|_| element(&mut rest, false)).map(|(_, n)| text(n)).unwrap_or_default();
        return Ok((name, Mat::Other));
    }
    let shape: Vec<usize> = numbers(&mut rest)?.iter().map(|n| *n as usize).collect();
    let (_, name) = element(&mut rest, false)?;
    let name = text(name);
    let mat = match class {
        STRUCT => {
            let length = numbers(&mut rest)?.first().copied().unwrap_or(0.0) as usize;
            let (_, names) = element(&mut rest, false)?;
            let mut fields = BTreeMap::new();
            // Of an array of structures, the first.
            if shape.iter().product::<usize>() >= 1 && length > 0 {
                for field in names.chunks(length) {
                    let (_, data) = element(&mut rest, false)?;
                    fields.insert(text(field), array(data)?.1);
                }
            }
            Mat::Struct(fields)
        }
        SPARSE => {
            let whole = |v: Vec<f64>| v.into_iter().map(|v| v as usize).collect::<Vec<_>>();
            let rows = whole(numbers(&mut rest)?);
            let starts = whole(numbers(&mut rest)?);
            let values = numbers(&mut rest)?;
            let [n_rows, n_cols] = shape[..] else { return Err("a sparse matrix of it has an odd shape".to_owned()) };
            if starts.len() != n_cols + 1 || starts[n_cols] > rows.len().min(values.len()) {
                return Err("the parts of a sparse matrix of it do not fit together".to_owned());
            }
            Mat::Sparse { shape: [n_rows, n_cols], rows, starts, values }
        }
        _ => {
            let values = numbers(&mut rest)?;
            if values.len() != shape.iter().product::<usize>() {
                return Err(format!("its variable {name} has another length than its shape says"));
            }
            Mat::Full { shape, values }
        }
    };
    Ok((name, mat))
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
