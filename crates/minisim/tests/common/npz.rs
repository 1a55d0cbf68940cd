//! Reads the numpy archives of the test data.

use std::{collections::HashMap, fs::File, io::Read, path::Path};

/// All arrays of a `.npz` file by name, with their shapes, as f64; flags become 0 and 1.
pub(crate) fn npz(path: &Path) -> HashMap<String, (Vec<usize>, Vec<f64>)> {
    let file = File::open(path).expect("test data is in the repository");
    let mut archive = zip::ZipArchive::new(file).expect("test data is an npz");
    (0..archive.len())
        .map(|i| {
            let mut entry = archive.by_index(i).expect("listed");
            let name = entry.name().expect("a name").strip_suffix(".npy").expect("an array").to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).expect("readable");
            let array = npy(&bytes).unwrap_or_else(|| panic!("{name} is no array that the tests read"));
            (name, array)
        })
        .collect()
}

/// An array as numpy writes it: a header that is a Python dict, then the numbers.
fn npy(bytes: &[u8]) -> Option<(Vec<usize>, Vec<f64>)> {
    let rest = bytes.strip_prefix(b"\x93NUMPY\x01\x00")?;
    let length = usize::from(u16::from_le_bytes([rest[0], rest[1]]));
    let (header, data) = rest[2..].split_at(length);
    let header = std::str::from_utf8(header).ok()?;
    let after = |key: &str| header.split_once(key).map(|(_, value)| value);
    if !after("'fortran_order': ")?.starts_with("False") {
        return None;
    }
    let sides = after("'shape': (")?.split(')').next()?.split(',').map(str::trim).filter(|side| !side.is_empty());
    let shape: Vec<usize> = sides.map(|side| side.parse().ok()).collect::<Option<_>>()?;
    let values: Vec<f64> = match after("'descr': '")?.split('\'').next()? {
        "<f8" => data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        "<f4" => data.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        "|b1" => data.iter().map(|b| f64::from(*b)).collect(),
        _ => return None,
    };
    (values.len() == shape.iter().product::<usize>()).then_some((shape, values))
}
