//! Reading specs, and telling a spec from a recording.

use std::path::Path;

use minisim::spec::{Checked, Format, Report, Spec};

use crate::exit::Failure;

/// Largest spec file read; an explicit hour-long trajectory takes about 4 MB.
const MAX_SPEC_BYTES: u64 = 256 << 20;

/// Reads a spec from a file; `-` is standard input (JSON). Warnings go to standard error.
pub(crate) fn read_spec(path: &Path) -> Result<Spec, Failure> {
    let checked = check_spec(path)?;
    print_warnings(&checked, path);
    Ok(checked.spec)
}

/// Reads and checks a spec, without printing.
pub(crate) fn check_spec(path: &Path) -> Result<Checked, Failure> {
    let text = read_text(path)?;
    let format = Format::from_path(path);
    Spec::from_text(&text, format).map_err(|report| Failure::Input(located(&report, path)))
}

/// A report's findings, each with the file in front, one a line.
pub(crate) fn located(report: &Report, path: &Path) -> String {
    let lines: Vec<String> = report.findings.iter().map(|f| format!("{}:{f}", path.display())).collect();
    let n = lines.len();
    format!("{} finding{} in {}\n{}", n, if n == 1 { "" } else { "s" }, path.display(), lines.join("\n"))
}

pub(crate) fn print_warnings(checked: &Checked, path: &Path) {
    for warning in &checked.warnings {
        eprintln!("warning: {}:{warning}", path.display());
    }
}

fn read_text(path: &Path) -> Result<String, Failure> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let fail = |e: std::io::Error| {
        let remedy = match e.kind() {
            std::io::ErrorKind::NotFound => "; check the path, or start from `minisim presets v4-ca1 > my.json`",
            _ => "",
        };
        Failure::Input(format!("could not read the spec {}: {e}{remedy}", path.display()))
    };
    if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_SPEC_BYTES + 1).read_to_end(&mut bytes).map_err(fail)?;
    } else {
        if path.is_dir() {
            return Err(Failure::Input(format!(
                "{} is a directory, not a spec; a recording's spec is in {}",
                path.display(),
                path.join("spec.json").display()
            )));
        }
        std::fs::File::open(path).and_then(|f| f.take(MAX_SPEC_BYTES + 1).read_to_end(&mut bytes)).map_err(fail)?;
    }
    if bytes.len() as u64 > MAX_SPEC_BYTES {
        return Err(Failure::Input(format!(
            "{} is larger than {MAX_SPEC_BYTES} bytes; that is no spec",
            path.display()
        )));
    }
    String::from_utf8(bytes).map_err(|e| Failure::Input(format!("{} is not UTF-8 text: {e}", path.display())))
}
