//! A benchmark's folder: of one set in one size.

use std::{
    fs,
    path::{Path, PathBuf},
};

use minisim::benchmark::{Recording, Set, Size};
use minisim_io::{Format, write_file};
use serde_json::{Value as Json, json};

use super::films::FORMATS;
use crate::exit::Failure;

/// The file that says what a folder is for.
const NOTE: &str = "benchmark.json";

pub(super) struct Folder {
    pub(super) root: PathBuf,
}

impl Folder {
    /// The folder for a set, made if it is not there; refused if it is another set's.
    pub(super) fn open(path: Option<&Path>, set: &Set, size: Size) -> Result<Self, Failure> {
        let default = || PathBuf::from(format!("benchmark-{}-{}", set.name, size.name()));
        let root = path.map_or_else(default, Path::to_owned);
        fs::create_dir_all(&root)
            .map_err(|e| Failure::Run(format!("could not create {}: {e}; write elsewhere (-o)", root.display())))?;
        let note = root.join(NOTE);
        match fs::read_to_string(&note) {
            Ok(text) => {
                let said: Json = serde_json::from_str(&text).unwrap_or_default();
                if said["set"] != set.name || said["size"] != size.name() {
                    return Err(Failure::Input(format!(
                        "{} holds {} in the size {}; use another folder (-o) for {} in the size {}",
                        root.display(),
                        said["set"],
                        said["size"],
                        set.name,
                        size.name()
                    )));
                }
            }
            Err(_) => {
                let text = format!("{:#}\n", json!({ "set": set.name, "size": size.name() }));
                write_file(&note, text.as_bytes(), true).map_err(Failure::run)?;
            }
        }
        Ok(Self { root })
    }

    /// The folder of a benchmark that was begun, and its set.
    pub(super) fn existing(root: &Path) -> Result<(Set, Size), Failure> {
        let note = root.join(NOTE);
        let text = fs::read_to_string(&note).map_err(|e| {
            Failure::Input(format!("{}: {e}; give the folder that `minisim benchmark run` wrote into", note.display()))
        })?;
        let said: Json = serde_json::from_str(&text).map_err(|e| Failure::Input(format!("{}: {e}", note.display())))?;
        let word = |key: &str| said[key].as_str().unwrap_or_default().to_owned();
        let set = minisim::benchmark::set(&word("set")).map_err(Failure::input)?;
        Ok((set, Size::named(&word("size")).map_err(Failure::input)?))
    }
}

/// The recordings of a set, or those of these names.
pub(super) fn chosen(set: &Set, size: Size, only: &[String]) -> Result<Vec<Recording>, Failure> {
    let all = set.recordings(size).map_err(Failure::run)?;
    if let Some(name) = only.iter().find(|name| !all.iter().any(|r| r.name == name.as_str())) {
        let names: Vec<&str> = all.iter().map(|r| r.name).collect();
        return Err(Failure::Input(format!("--only {name}: {} has {}", set.name, names.join(", "))));
    }
    Ok(all.into_iter().filter(|r| only.is_empty() || only.iter().any(|name| name == r.name)).collect())
}

/// The format of this name, if pipelines may be given it.
pub(super) fn film_format(name: &str) -> Result<Format, Failure> {
    FORMATS.into_iter().find(|f| f.name() == name).ok_or_else(|| {
        let names: Vec<&str> = FORMATS.iter().map(|f| f.name()).collect();
        Failure::Input(format!(
            "--film-format {name}: it must be one of {} (formats without the truth)",
            names.join(", ")
        ))
    })
}
