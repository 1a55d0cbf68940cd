//! The spec that a command works on: a file or a preset, and what the command line changes in it.

use std::path::PathBuf;

use minisim::{
    presets::{preset, starting_points},
    spec::{Checked, Spec},
};
use serde_json::Value as Json;

use crate::{exit::Failure, input, output::finite};

/// What a recording is called that has no better name.
const DEFAULT_NAME: &str = "recording";
/// Length of a recording that is made from no spec of the user's.
const DEFAULT_DURATION_S: f64 = 30.0;

/// Options that say what is simulated.
#[derive(Debug, clap::Args)]
pub(crate) struct SpecArgs {
    /// The spec: .json, .toml or .yaml; `-` reads JSON from standard input.
    spec: Option<PathBuf>,
    /// Start from a preset instead (`minisim presets` lists them).
    #[arg(long, conflicts_with = "spec", value_name = "NAME")]
    preset: Option<String>,
    /// Change one field, e.g. `steps.neuropil.amplitude=0.8`; may be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Length of the recording (s).
    #[arg(long, value_name = "S", value_parser = finite)]
    duration: Option<f64>,
    /// Frames per second.
    #[arg(long, value_name = "F", value_parser = finite)]
    fps: Option<f64>,
    /// Seed of all randomness.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Leave a step out, e.g. `neuropil`; may be repeated.
    #[arg(long, value_name = "STEP")]
    without: Vec<String>,
    /// Add a step with its defaults, e.g. `brain_motion`; may be repeated.
    #[arg(long, value_name = "STEP")]
    with: Vec<String>,
}

impl SpecArgs {
    /// The spec to simulate and a name for it.
    pub(crate) fn assemble(&self) -> Result<(Spec, String), Failure> {
        let (mut checked, name, from) = match &self.spec {
            Some(path) => {
                let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or(DEFAULT_NAME);
                let stem = if stem == "-" { DEFAULT_NAME } else { stem.trim_end_matches(".spec") };
                (input::check_spec(path)?, stem.to_owned(), Some(path))
            }
            None => {
                let (spec, name) = match &self.preset {
                    Some(name) => (preset(name).map_err(Failure::input)?, name.clone()),
                    // What the studio begins with, too: every real film moves.
                    None => {
                        let start = starting_points().map_err(Failure::input)?.swap_remove(0);
                        (start.spec, start.preset.unwrap_or(DEFAULT_NAME).to_owned())
                    }
                };
                (Checked { spec, warnings: Vec::new() }, name, None)
            }
        };
        for kind in &self.with {
            checked = checked.spec.with_step(kind).map_err(Failure::input)?;
        }
        for kind in &self.without {
            checked = checked.spec.without_step(kind).map_err(Failure::input)?;
        }
        let mut changes: Vec<(&str, Json)> = Vec::new();
        let default_duration = from.is_none().then_some(DEFAULT_DURATION_S);
        for (path, value) in
            [("acquisition.duration_s", self.duration.or(default_duration)), ("acquisition.fps", self.fps)]
        {
            changes.extend(value.map(|v| (path, v.into())));
        }
        changes.extend(self.seed.map(|seed| ("seed", seed.into())));
        for assignment in &self.set {
            let (path, value) = assignment.split_once('=').ok_or_else(|| {
                Failure::Input(format!("--set {assignment}: write PATH=VALUE, e.g. --set acquisition.optics.na=0.3"))
            })?;
            let value = value.trim();
            changes.push((path.trim(), serde_json::from_str(value).unwrap_or_else(|_| value.into())));
        }
        let changed = !(self.with.is_empty() && self.without.is_empty() && changes.is_empty());
        if !changes.is_empty() {
            checked = checked.spec.set_all(changes).map_err(Failure::input)?;
        }
        match from {
            Some(path) if !changed => input::print_warnings(&checked, path),
            _ => checked.warnings.iter().for_each(|w| eprintln!("warning: {w}")),
        }
        Ok((checked.spec, name))
    }
}
