//! Numbers and tables for people.

use minisim::recording::SampleType;

/// How a pixel is held, in words.
pub(crate) fn sample(sample: SampleType) -> &'static str {
    match sample {
        SampleType::F32 => "32-bit floats",
        SampleType::F64 => "64-bit floats",
        SampleType::U8 => "8-bit integers",
        SampleType::U16 => "16-bit integers",
    }
}
/// A byte count such as `12.3 MB` (decimal units).
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{n} B") } else { format!("{value:.*} {}", if value < 9.95 { 1 } else { 0 }, UNITS[unit]) }
}

/// Seconds such as `2.31 s` or `4 min 10 s`.
pub(crate) fn seconds(s: f64) -> String {
    if s < 1.0 {
        format!("{:.0} ms", s * 1e3)
    } else if s < 60.0 {
        format!("{s:.2} s")
    } else {
        format!("{} min {} s", (s / 60.0) as u64, (s % 60.0) as u64)
    }
}

/// Rows of label and value, aligned.
pub(crate) fn table(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
    rows.iter()
        .map(|(label, value)| format!("  {label}{}  {value}\n", " ".repeat(width - label.chars().count())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_well() {
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1500), "1.5 kB");
        assert_eq!(bytes(123_456_789), "123 MB");
        assert_eq!(bytes(u64::MAX), "18447 PB");
    }
}
