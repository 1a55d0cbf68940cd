//! Sets of recordings that pipelines are compared on, the same ones for everybody.
//!
//! A set is frozen: its base is a whole spec in a file (`base.json`), what differs is written down here with every value, and
//! `tests/benchmark.rs` holds the cache key of each recording. A set that must change gets a new name, such as `standard-2`.

mod hard;
mod standard;

use serde_json::Value as Json;

use crate::{
    bounds::Bounds,
    spec::{Finding, Report, Spec, record::unknown_name_remedy},
    truth::GroundTruth,
};

/// The spec that all recordings start from: CA1 through a Miniscope V4, whose brain moves.
const BASE: &str = include_str!("base.json");

/// A set of recordings.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Set {
    /// Its name; what it holds never changes under this name.
    pub name: &'static str,
    /// One line for people.
    pub description: &'static str,
    levels: &'static [Level],
}

/// The sets.
pub const SETS: &[Set] = &[
    Set {
        name: "standard-1",
        description: "24 recordings over scope, region, density, light, motion and haze, each one factor away from a base",
        levels: standard::LEVELS,
    },
    Set {
        name: "hard-1",
        description: "what makes real films hard, one effect at a time and all together: motion in depth, deformation, blood, lamp, \
                      indicator, synchrony, camera, cable",
        levels: hard::LEVELS,
    },
];

/// How large the recordings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 256 × 256 px, 60 s: minutes for a pipeline.
    Small,
    /// 608 × 608 px, 300 s.
    Full,
}

impl Size {
    /// All sizes.
    pub const ALL: [Self; 2] = [Self::Small, Self::Full];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Full => "full",
        }
    }

    /// The size of this name.
    ///
    /// # Errors
    /// When there is none; the message lists them.
    pub fn named(name: &str) -> Result<Self, Report> {
        Self::ALL
            .into_iter()
            .find(|s| s.name() == name)
            .ok_or_else(|| unknown("size", name, &["small", "full"], "sizes"))
    }

    /// Side of the square field (px).
    #[must_use]
    pub fn side_px(self) -> u32 {
        match self {
            Self::Small => 256,
            Self::Full => 608,
        }
    }

    /// Length of a recording (s).
    #[must_use]
    pub fn duration_s(self) -> f64 {
        match self {
            Self::Small => 60.0,
            Self::Full => 300.0,
        }
    }
}

/// One recording of a set.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Its name in the set.
    pub name: &'static str,
    /// What makes it differ from the base, such as `density`; `base` where nothing does.
    pub factor: &'static str,
    /// The value of that factor.
    pub level: f64,
    /// Its spec.
    pub spec: Spec,
}

/// A factor's name, its unit, and where the base stands.
pub type Factor = (&'static str, &'static str, f64);

/// Factors with numbers, whose levels lie on an axis: name, unit, and the base's level.
pub const FACTORS: &[Factor] = &[
    ("density", "cells/mm³", 45000.0),
    ("light", "photons per unit", 600.0),
    ("motion", "µm", 5.0),
    ("haze", "share of a cell's light", 0.4),
];

/// What a recording of a set is.
struct Level {
    name: &'static str,
    factor: &'static str,
    level: f64,
    changes: &'static [Change],
}

impl std::fmt::Debug for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// How a recording differs from the base; values are JSON.
enum Change {
    /// A field has another value.
    Set(&'static str, &'static str),
    /// A step is there that the base has not.
    Step(&'static str),
    /// A step of the base is not there.
    Without(&'static str),
}

/// The set of this name.
///
/// # Errors
/// When there is none; the message lists them.
pub fn set(name: &str) -> Result<Set, Report> {
    let names: Vec<&str> = SETS.iter().map(|s| s.name).collect();
    SETS.iter().find(|s| s.name == name).copied().ok_or_else(|| unknown("set", name, &names, "sets"))
}

fn unknown(what: &str, name: &str, known: &[&str], plural: &str) -> Report {
    let remedy = unknown_name_remedy(name, known, plural);
    Finding::error(what, format!("{name:?}"), format!("is no {what} of the benchmark"), remedy).into()
}

impl Set {
    /// Its recordings, in the order of the report.
    ///
    /// # Errors
    /// Never, unless a set here is wrong.
    pub fn recordings(&self, size: Size) -> Result<Vec<Recording>, Report> {
        self.levels
            .iter()
            .map(|l| {
                let spec = spec_of(l.changes, size)?;
                Ok(Recording { name: l.name, factor: l.factor, level: l.level, spec })
            })
            .collect()
    }
}

fn spec_of(changes: &[Change], size: Size) -> Result<Spec, Report> {
    let bad =
        |e: serde_json::Error| Report::from(Finding::error("benchmark", e.to_string(), "must be JSON", "correct it"));
    let mut tree: Json = serde_json::from_str(BASE).map_err(bad)?;
    let mut fields: Vec<(&str, Json)> = Vec::new();
    for change in changes {
        match change {
            Change::Set(path, value) => fields.push((path, serde_json::from_str(value).map_err(bad)?)),
            Change::Step(step) => {
                if let Some(steps) = tree["steps"].as_array_mut() {
                    steps.push(serde_json::from_str(step).map_err(bad)?);
                }
            }
            Change::Without(kind) => {
                if let Some(steps) = tree["steps"].as_array_mut() {
                    steps.retain(|s| s["kind"] != **kind);
                }
            }
        }
    }
    // The size comes last: a change may give the whole sensor.
    fields.extend([
        ("acquisition.image_sensor.n_px_height", size.side_px().into()),
        ("acquisition.image_sensor.n_px_width", size.side_px().into()),
        ("acquisition.duration_s", size.duration_s().into()),
    ]);
    Ok(Spec::from_json(&tree.to_string())?.spec.set_all(fields)?.spec)
}

/// What an ideal observer, who knows every footprint, the background and the noise, reaches on a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Ideal {
    /// Correlation of each cell's trace, estimated frame by frame as well as the light allows, with the true one.
    pub trace_corr: Vec<f64>,
    /// RMS error of the motion (px).
    pub motion_rmse_px: f64,
}

/// What an ideal observer reaches; `None` where the truth holds no bounds.
#[must_use]
pub fn ideal(truth: &GroundTruth) -> Option<Ideal> {
    let bounds = Bounds::of_truth(truth)?;
    let corr = |(unit, bound): (usize, &f64)| {
        let trace = truth.trace(unit);
        let n = trace.len().max(1) as f64;
        let mean = trace.iter().sum::<f64>() / n;
        let variance = trace.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
        // The error is noise that has nothing to do with the trace.
        (variance / (variance + bound * bound)).sqrt()
    };
    let [dy, dx] = bounds.shift_sd_bound_px;
    Some(Ideal {
        trace_corr: bounds.trace_sd_bound.iter().enumerate().map(corr).collect(),
        motion_rmse_px: ((dy * dy + dx * dx) / 2.0).sqrt(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::spec::diff;

    #[test]
    fn unknown_names_are_refused() {
        assert!(set("standard-9").is_err_and(|e| e.to_string().contains("standard-1")));
        assert!(Size::named("medium").is_err_and(|e| e.to_string().contains("small")));
        assert_eq!(Size::named("full").ok(), Some(Size::Full));
    }

    #[test]
    fn names_are_files_names_and_no_two_specs_are_alike() {
        for set in SETS {
            for size in Size::ALL {
                let recordings = set.recordings(size).expect("valid");
                let names: BTreeSet<&str> = recordings.iter().map(|r| r.name).collect();
                let keys: BTreeSet<String> = recordings.iter().map(|r| r.spec.cache_key()).collect();
                assert_eq!((names.len(), keys.len()), (recordings.len(), recordings.len()), "{}", set.name);
                assert!(names.iter().all(|n| n.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c))));
                for r in &recordings {
                    assert_eq!(r.spec.acquisition.fov_px(), [size.side_px() as usize; 2], "{}", r.name);
                }
            }
        }
        assert_eq!(set("standard-1").expect("known").levels.len(), 24);
    }

    #[test]
    fn levels_of_the_standard_set_are_one_factor_away_from_the_base() {
        let recordings = set("standard-1").expect("known").recordings(Size::Small).expect("valid");
        let (base, others) = recordings.split_first().expect("not empty");
        for (name, _, level) in FACTORS {
            let path = match *name {
                "density" => "density_per_mm3",
                "light" => "photons_per_unit",
                "motion" => "brain_motion",
                _ => "neuropil",
            };
            let of_factor: Vec<&Recording> = others.iter().filter(|r| r.factor == *name).collect();
            assert!(of_factor.len() >= 4, "{name}");
            for r in of_factor {
                let differences = diff(&base.spec, &r.spec);
                assert!(!differences.is_empty(), "{}", r.name);
                assert!(differences.iter().all(|d| d.path.contains(path)), "{}: {differences:?}", r.name);
                assert!(r.level != *level, "{}", r.name);
            }
        }
    }
}
