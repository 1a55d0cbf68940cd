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

/// The modules of the core, in the order in which they know each other: a module knows those before it and those of its own room.
const ROOMS: &[&[&str]] = &[
    &["level"],
    &["math"],
    &["progress"],
    &["memo"],
    &["rng"],
    &["fields"],
    &["footprint"],
    &["physics"],
    &["truth"],
    &["plan"],
    &["timeline"],
    &["cells"],
    // What a user may write, the steps that it consists of, and what they are built with.
    &["spec", "steps", "building"],
    &["recording"],
    &["kernels"],
    &["scene"],
    &["bounds"],
    &["sink"],
    &["render"],
    &["run"],
    &["effects", "emva", "metrics", "pair", "presets", "sweep", "benchmark"],
];

#[test]
fn modules_of_the_core_come_in_order() {
    let dir = root().join("crates/minisim/src");
    let room = |module: &str| ROOMS.iter().position(|room| room.contains(&module));
    let mut seen = 0;
    for file in rust_files(&dir) {
        let path = file.strip_prefix(&dir).expect("inside");
        let own = path.components().next().expect("a name").as_os_str().to_string_lossy();
        let own = own.trim_end_matches(".rs");
        if own == "lib" {
            continue;
        }
        let home = room(own).unwrap_or_else(|| panic!("{own} stands in no room of tests/tidy.rs"));
        for known in known_modules(&fs::read_to_string(&file).expect("readable")) {
            let other = room(&known).unwrap_or_else(|| panic!("{}: crate::{known} is no module", path.display()));
            seen += 1;
            assert!(other <= home, "{} knows {known}, which comes after {own}", path.display());
        }
    }
    assert!(seen > 100, "only {seen} uses of modules were found");
}

/// The modules of its crate that a source names, without its tests.
fn known_modules(text: &str) -> Vec<String> {
    let code: String = text
        .split("#[cfg(test)]\nmod tests")
        .next()
        .unwrap_or_default()
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::").filter(|(at, _)| !code[..*at].ends_with('$')) {
        let rest = &code[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.push(name(rest));
            continue;
        };
        // Of a group, what stands at its first level.
        let (mut depth, mut starts) = (0, true);
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => starts = true,
                c if starts && (c.is_alphabetic() || c == '_') => {
                    found.push(name(&group[i..]));
                    starts = false;
                }
                _ => {}
            }
        }
    }
    // Types and functions of the crate's root are re-exports of modules.
    found.retain(|name| name.starts_with(char::is_lowercase));
    found
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
