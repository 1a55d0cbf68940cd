//! Arrays as numpy writes them (`.npy`): a header that is a Python dict, then the numbers.
//!
//! Source: NEP 1, "A Simple File Format for NumPy Arrays"; versions 1 to 3.

use std::io::{self, Read};

/// An array of any kind of number.
#[derive(Debug, PartialEq)]
pub(crate) struct Npy {
    /// Length of each axis.
    pub(crate) shape: Vec<usize>,
    /// The numbers, row-major.
    pub(crate) values: Vec<f64>,
}

/// Why an array cannot be read.
#[derive(Debug)]
pub(crate) enum NpyError {
    /// The file is damaged, or not of this format.
    Damaged(io::Error),
    /// It has more than the numbers allowed.
    TooLarge,
    /// Its elements are of another type than numbers and truth values.
    Type(String),
}

impl From<io::Error> for NpyError {
    fn from(e: io::Error) -> Self {
        Self::Damaged(e)
    }
}

/// Reads an array of at most `most` numbers.
pub(crate) fn read(mut file: impl Read, most: usize) -> Result<Npy, NpyError> {
    let mut start = [0; 8];
    file.read_exact(&mut start)?;
    let [magic @ .., version, _] = start;
    if magic != *b"\x93NUMPY" || !(1..=3).contains(&version) {
        return Err(damaged("it does not begin as numpy's arrays do").into());
    }
    let mut length = [0; 4];
    file.read_exact(if version == 1 { &mut length[..2] } else { &mut length })?;
    let mut header = Vec::new();
    let length = u32::from_le_bytes(length);
    file.by_ref().take(length.into()).read_to_end(&mut header)?;
    let header = String::from_utf8(header).map_err(|_| damaged("its header is no text"))?;
    let missing = |key: &str| damaged(&format!("its header has no {key}"));

    let fortran = value_of(&header, "fortran_order").ok_or_else(|| missing("fortran_order"))?.starts_with("True");
    let shape = shape(value_of(&header, "shape").ok_or_else(|| missing("shape"))?)?;
    let n = shape.iter().try_fold(1_usize, |n, side| n.checked_mul(*side)).filter(|n| *n <= most);
    let Some(n) = n else { return Err(NpyError::TooLarge) };
    let descr = value_of(&header, "descr").ok_or_else(|| missing("descr"))?;
    let quoted = descr.strip_prefix(['\'', '"']).and_then(|d| d.split(['\'', '"']).next());
    let mut values = Vec::new();
    macro_rules! read_as {
        ($($name:literal => $element:ty),*) => {
            match quoted {
                $(Some($name) => {
                    let size = size_of::<$element>();
                    let mut bytes = Vec::new();
                    // What the header promises is not reserved before it is there.
                    file.take((n * size) as u64).read_to_end(&mut bytes)?;
                    let numbers = bytes.as_chunks().0.iter().map(|b| <$element>::from_le_bytes(*b) as f64);
                    values.extend(numbers);
                })*
                Some("|b1") => {
                    let mut bytes = Vec::new();
                    file.take(n as u64).read_to_end(&mut bytes)?;
                    values.extend(bytes.iter().map(|b| f64::from(u8::from(*b != 0))));
                }
                _ => return Err(NpyError::Type(quoted.unwrap_or(descr).to_owned())),
            }
        };
    }
    read_as!(
        "<f8" => f64, "<f4" => f32, "|u1" => u8, "|i1" => i8, "<u2" => u16, "<u4" => u32, "<u8" => u64, "<i2" => i16,
        "<i4" => i32, "<i8" => i64
    );
    if values.len() != n {
        return Err(damaged("it ends early").into());
    }
    if fortran {
        values = by_rows(&values, &shape);
    }
    Ok(Npy { shape, values })
}

/// Numbers that were stored by columns (the first axis varies fastest), by rows.
pub(crate) fn by_rows(values: &[f64], shape: &[usize]) -> Vec<f64> {
    let mut out = Vec::with_capacity(values.len());
    let mut at = vec![0; shape.len()];
    for _ in 0..values.len() {
        let (mut from, mut step) = (0, 1);
        for (i, side) in at.iter().zip(shape) {
            from += i * step;
            step *= side;
        }
        out.push(values[from]);
        for (i, side) in at.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < *side {
                break;
            }
            *i = 0;
        }
    }
    out
}

/// What follows the header of an array, such as the pickle of an array of objects; `None` if this is no array.
pub(crate) fn body(bytes: &[u8]) -> Option<&[u8]> {
    let [_, _, _, _, _, _, version, _] = bytes.get(..8)?.try_into().ok()?;
    let wide = if version == 1 { 2 } else { 4 };
    let length = bytes.get(8..8 + wide)?.iter().rev().fold(0_usize, |n, b| n << 8 | usize::from(*b));
    bytes.strip_prefix(b"\x93NUMPY")?.get(2 + wide + length..)
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// What follows a key of the header.
fn value_of<'h>(header: &'h str, key: &str) -> Option<&'h str> {
    let at = ['\'', '"'].iter().find_map(|quote| {
        let quoted = format!("{quote}{key}{quote}");
        header.find(&quoted).map(|at| at + quoted.len())
    })?;
    header[at..].trim_start().strip_prefix(':').map(str::trim_start)
}

/// The numbers of a tuple such as `(3, 4)`, `(3,)` or `()`.
fn shape(tuple: &str) -> io::Result<Vec<usize>> {
    let unclear = || damaged("the shape in its header is unclear");
    let inside = tuple.strip_prefix('(').and_then(|t| t.split(')').next()).ok_or_else(unclear)?;
    let sides = inside.split(',').map(str::trim).filter(|side| !side.is_empty());
    sides.map(|side| side.parse().map_err(|_| unclear())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut out = b"\x93NUMPY".to_vec();
        out.extend([version, 0]);
        let length = (header.len() as u32).to_le_bytes();
        out.extend(if version == 1 { &length[..2] } else { &length });
        out.extend(header.as_bytes());
        out.extend(data);
        out
    }

    #[test]
    fn arrays_of_each_type_and_version() {
        let data: Vec<u8> = [1.5_f32, -2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        for version in 1..=3 {
            let bytes = file(version, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }  \n", &data);
            let array = read(bytes.as_slice(), 2).expect("readable");
            assert_eq!(array, Npy { shape: vec![2, 1], values: vec![1.5, -2.0] });
        }
        let bytes = file(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", &[0, 1, 2]);
        assert_eq!(read(bytes.as_slice(), 3).expect("readable").values, [0.0, 1.0, 1.0]);
        let bytes = file(1, "{'descr': '<i8', 'fortran_order': False, 'shape': (), }", &(-7_i64).to_le_bytes());
        assert_eq!(read(bytes.as_slice(), 1).expect("readable"), Npy { shape: vec![], values: vec![-7.0] });
    }

    #[test]
    fn what_is_stored_by_columns_is_turned() {
        assert_eq!(by_rows(&[1.0, 4.0, 2.0, 5.0, 3.0, 6.0], &[2, 3]), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let bytes = file(1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2), }", &[1, 2, 3, 4]);
        assert_eq!(read(bytes.as_slice(), 4).expect("readable").values, [1.0, 3.0, 2.0, 4.0]);
    }

    #[test]
    fn bad_ones_are_refused() {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }";
        let good = file(1, header, &[0; 16]);
        for length in 0..good.len() {
            assert!(matches!(read(&good[..length], 9), Err(NpyError::Damaged(_))), "{length} bytes");
        }
        assert!(matches!(read(good.as_slice(), 1), Err(NpyError::TooLarge)));
        let with = |from: &str, to: &str| read(file(1, &header.replace(from, to), &[0; 16]).as_slice(), 1 << 33);
        assert!(matches!(with("(2,)", "(99999999999, 99999999999)"), Err(NpyError::TooLarge)));
        assert!(matches!(with("(2,)", "(8000000000,)"), Err(NpyError::Damaged(_))));
        assert!(matches!(with("(2,)", "(-2,)"), Err(NpyError::Damaged(_))));
        assert!(matches!(with("(2,)", "2"), Err(NpyError::Damaged(_))));
        assert!(matches!(with("shape", "shapes"), Err(NpyError::Damaged(_))));
        assert!(matches!(with("<f8", "<c16"), Err(NpyError::Type(t)) if t == "<c16"));
        assert!(matches!(with("'<f8'", "[('a', '<f8')]"), Err(NpyError::Type(_))));
    }
}
