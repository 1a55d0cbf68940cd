//! Writing a spec in Rust.

use super::{Acquisition, Auto, Checked, Count, Finding, OutOfBounds, Output, Report, Spec, StoreDtype};
use crate::steps::AnyStep;

/// Collects the parts of a spec; what is wrong is said by [`build`](Self::build), all at once.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct SpecBuilder {
    acquisition: Acquisition,
    seed: u64,
    steps: Vec<AnyStep>,
    output: Output,
    findings: Vec<Finding>,
}

impl Spec {
    /// Starts a spec with the default acquisition and no step.
    pub fn builder() -> SpecBuilder {
        SpecBuilder {
            acquisition: Acquisition::default(),
            seed: super::DEFAULT_SEED,
            steps: Vec::new(),
            output: Output::default(),
            findings: Vec::new(),
        }
    }

    /// A builder that starts from this spec.
    pub fn to_builder(&self) -> SpecBuilder {
        SpecBuilder {
            acquisition: self.acquisition.clone(),
            seed: self.seed,
            steps: self.steps.clone(),
            output: self.output.clone(),
            findings: Vec::new(),
        }
    }
}

impl SpecBuilder {
    /// Replaces the whole acquisition.
    pub fn acquisition(self, acquisition: Acquisition) -> Self {
        Self { acquisition, ..self }
    }

    /// Seed of all randomness.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Frames per second.
    pub fn fps(mut self, fps: f64) -> Self {
        if let Some(fps) = self.take("acquisition.fps", fps.try_into()) {
            self.acquisition.fps = fps;
        }
        self
    }

    /// Length of the recording (s).
    pub fn duration_s(mut self, duration_s: f64) -> Self {
        if let Some(duration_s) = self.take("acquisition.duration_s", duration_s.try_into()) {
            self.acquisition.duration_s = duration_s;
        }
        self
    }

    /// Size of the sensor (px).
    pub fn field_px(mut self, height: u32, width: u32) -> Self {
        if let Some(n) = self.take("acquisition.image_sensor.n_px_height", Count::try_from(height)) {
            self.acquisition.image_sensor.n_px_height = n;
        }
        if let Some(n) = self.take("acquisition.image_sensor.n_px_width", Count::try_from(width)) {
            self.acquisition.image_sensor.n_px_width = n;
        }
        self
    }

    /// Depth of the focal plane below the tissue surface (µm), instead of auto focus.
    pub fn focal_depth_um(mut self, depth_um: f64) -> Self {
        if let Some(depth) = self.take("acquisition.focal_depth_in_tissue_um", depth_um.try_into()) {
            self.acquisition.focal_depth_in_tissue_um = Auto::Value(depth);
        }
        self
    }

    /// Adds a step; one of the same kind is replaced. The order does not matter.
    pub fn step(mut self, step: impl Into<AnyStep>) -> Self {
        let step = step.into();
        self.steps.retain(|s| s.kind() != step.kind());
        self.steps.push(step);
        self
    }

    /// Adds several steps.
    pub fn steps(self, steps: impl IntoIterator<Item = AnyStep>) -> Self {
        steps.into_iter().fold(self, Self::step)
    }

    /// Removes the step of this kind, if it is there.
    pub fn without(mut self, kind: &str) -> Self {
        self.steps.retain(|s| s.kind() != kind);
        self
    }

    /// Keeps the movie after every movie step.
    pub fn save_intermediates(mut self, yes: bool) -> Self {
        self.output.save_intermediates = yes;
        self
    }

    /// The container of the stored counts.
    pub fn store_dtype(mut self, dtype: StoreDtype) -> Self {
        self.output.store_dtype = dtype;
        self
    }

    /// Checks everything and makes the spec.
    ///
    /// # Errors
    /// Everything that is wrong; paths count the steps in the order they were added.
    pub fn build(self) -> Result<Checked, Report> {
        let mut findings = self.findings;
        match Spec::new(self.acquisition, self.seed, self.steps, self.output) {
            Ok(checked) if findings.is_empty() => Ok(checked),
            Ok(_) => Err(Report { findings }),
            Err(report) => {
                findings.extend(report.findings);
                Err(Report { findings })
            }
        }
    }

    fn take<T>(&mut self, path: &str, value: Result<T, OutOfBounds>) -> Option<T> {
        match value {
            Ok(value) => Some(value),
            Err(e) => {
                let rule = format!("must be {}", e.rule);
                self.findings.push(Finding::error(path, e.value.to_string(), rule, "change the number"));
                None
            }
        }
    }
}
