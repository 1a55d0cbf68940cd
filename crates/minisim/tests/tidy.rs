//! The shape of the repository: which crate may know which, and that steps do not know each other.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "only the library itself is pure")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use minisim::steps::KINDS;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("a source folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

#[test]
fn dependencies_point_one_way() {
    let allowed: [(&str, &[&str]); 6] = [
        ("minisim", &[]),
        ("minisim-io", &["minisim"]),
        ("minisim-tour", &["minisim"]),
        ("minisim-studio", &["minisim", "minisim-io", "minisim-tour"]),
        ("minisim-cli", &["minisim", "minisim-io", "minisim-tour", "minisim-studio"]),
        ("minisim-py", &["minisim", "minisim-io", "minisim-studio", "minisim-cli"]),
    ];
    for (name, may_use) in allowed {
        let manifest = read(format!("crates/{name}/Cargo.toml"));
        for other in ["minisim", "minisim-io", "minisim-tour", "minisim-cli", "minisim-studio", "minisim-py", "xtask"] {
            let uses = manifest.lines().any(|l| {
                let dependency = l.split([' ', '.', '=']).next().unwrap_or_default();
                dependency == other
            });
            assert!(!uses || may_use.contains(&other), "{name} must not depend on {other}");
        }
    }
}

#[test]
fn steps_do_not_import_each_other() {
    let dir = root().join("crates/minisim/src/steps");
    for file in rust_files(&dir) {
        let own = file.strip_prefix(&dir).expect("inside").components().next().expect("a name");
        let own = own.as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned();
        if own == "mod" {
            continue;
        }
        let text = fs::read_to_string(&file).expect("readable");
        for kind in KINDS.iter().filter(|k| **k != own) {
            let imports =
                text.lines().any(|l| l.contains(&format!("steps::{kind}")) || l.contains(&format!("super::{kind}")));
            assert!(!imports, "{} imports {kind}", file.display());
        }
    }
}

#[test]
fn every_kind_has_its_file_with_the_fixed_headings() {
    for kind in KINDS {
        let text = read(format!("crates/minisim/src/steps/{kind}.rs"));
        for heading in ["What it models", "Model", "Sources", "Leaves out", "Records"] {
            assert!(text.contains(&format!("//! # {heading}\n")), "{kind}.rs has no heading {heading}");
        }
    }
}

#[test]
fn unsafe_code_stays_with_the_vector_instructions() {
    let crates = ["minisim", "minisim-io", "minisim-tour", "minisim-studio", "minisim-cli"];
    for file in crates.iter().flat_map(|c| rust_files(&root().join("crates").join(c).join("src"))) {
        let name = file.to_string_lossy().replace('\\', "/");
        let inside = name.contains("minisim/src/level/");
        let text = fs::read_to_string(&file).expect("readable");
        let uses = text.lines().any(|l| l.trim_start().starts_with("unsafe ") || l.contains(" unsafe {"));
        assert!(inside || !uses, "{} uses unsafe code", file.display());
    }
}

#[test]
fn nothing_is_left_undone() {
    let marks = [concat!("to", "do!("), concat!("unimple", "mented!("), concat!("FIX", "ME")];
    for file in rust_files(&root().join("crates")).into_iter().chain(rust_files(&root().join("xtask"))) {
        let text = fs::read_to_string(&file).expect("readable");
        for mark in marks {
            assert!(!text.contains(mark), "{} holds {mark}", file.display());
        }
    }
}
