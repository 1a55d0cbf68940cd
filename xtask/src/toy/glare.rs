//! A reflex of the light source that comes and goes.
//!
//! # What it models
//! Light that is brighter at one side of the image and swells and fades periodically.
//!
//! # Model
//! `movie += level * (x / width) * (1 + sin(2π rate t)) / 2`.
//!
//! # Sources
//! None: this step exists only while a test runs.
//!
//! # Leaves out
//! Everything else.
//!
//! # Records
//! `glare`.

use std::sync::Arc;

use super::{Domain, Part, Step};
use crate::{
    math,
    plan::{Course, Field, Map, Op, Scope},
    building::Builder,
    spec::{Extent, Needs, NonNegative, Positive, record::record},
    truth::{Declared, Dim, Stored, TruthData},
};

record! {
    /// Adds a reflex that swells and fades.
    pub struct Glare: step, panel("anatomy", "Glare", 10), since("0.2") {
        /// Brightness at the bright side when it is strongest.
        level: NonNegative = 0.1, "fluorescence units", slider(0.0, 2.0, 0.05), label("Glare strength");
        /// How often it swells.
        rate_hz: Positive = 1.0, "Hz", slider(0.1, 5.0, 0.1), since("0.2");
    }
}

impl Step for Glare {
    const KIND: &'static str = "glare";
    const DOMAIN: Domain = Domain::Scope;
    const PART: Part = Part::Background;
    const RECORDS: &'static [Declared] = &[Declared {
        name: "glare",
        dims: &[Dim::Frame],
        unit: "fluorescence units",
        doc: "Brightness of the reflex at the bright side in each frame.",
        stored: Stored::Extra,
    }];

    fn example() -> Self {
        Self { level: NonNegative::lit(1.5), rate_hz: Positive::lit(2.0) }
    }

    fn cost(&self, extent: &Extent) -> Needs {
        Needs::map(extent.fov_px, 0.0) + Needs::course(extent.n_frames)
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let fov = scene.canvas().fov;
        let turn = 2.0 * std::f64::consts::PI * self.rate_hz.get() / scene.fps();
        let course: Vec<f64> = (0..scene.n_frames())
            .map(|t| self.level.get() * 0.5 * (1.0 + math::sin(turn * t as f64)))
            .collect();
        let map = Map::<Scope>::from_fn(fov, |i| (i % fov[1]) as f64 / fov[1] as f64);
        let factors = Arc::new(course.iter().map(|v| *v as f32).collect());
        scene.record("glare", &[course.len()], TruthData::F64(course.into()));
        let course = Course::Varying { factors, expected: 0.5 * self.level.get() };
        scene.push(Op::Add(Field::sum([(Arc::new(map), course)])));
    }
}
