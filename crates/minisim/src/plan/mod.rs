//! The closed vocabulary between physics and pixels: what happens to light on its way to the counts, with every number known.
//!
//! Steps write a plan; the renderer carries it out and knows no effect by name. The plan follows the light: cells shine,
//! fields of the tissue add to their light and take from it, the tissue moves under the scope, fields of the scope follow, and
//! a camera counts, and what it counted is delivered. What lies on the tissue and what is fixed to the scope are distinct types,
//! so that they cannot be mixed.
//!
//! Whatever a step asks for is in the plan or refused in words; nothing is dropped.

mod camera;
mod canvas;
mod delivery;
mod displacement;
mod field;
mod refocused;
mod time_courses;
mod warp;

pub use camera::{Camera, Conversion, DigitiseModel, PixelModel};
pub use canvas::Canvas;
pub use delivery::{Damage, Delivery, Fault};
pub use field::{Component, Course, Emitters, Field, Map, Scope, Spread, Tissue};
pub use refocused::{Leveled, Refocused};
pub use time_courses::{Compute, Held, TimeCourses};
pub(crate) use warp::{Curve, Stretch};
pub use warp::{Deformation, Displacement, Grid, LEAST_JACOBIAN, Mode, Warp};

use crate::fields::finding::{Finding, Report};

/// The way of light that a factor acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// From the LED to the cell: bleaching feels it.
    Excitation,
    /// From the cell to the sensor.
    Emission,
}

/// What is done to every pixel of an image.
#[derive(Clone, Debug)]
pub enum Op<F> {
    /// `+ field`
    Add(Field<F>),
    /// `× field`
    Multiply(Field<F>, Leg),
}

impl<F> Op<F> {
    /// The field that is added or multiplied by.
    #[must_use]
    pub fn field(&self) -> &Field<F> {
        match self {
            Self::Add(field) | Self::Multiply(field, _) => field,
        }
    }
}

/// What a step adds to the plan.
#[derive(Clone, Debug)]
pub enum Act {
    /// The cells shine.
    Shine(Emitters),
    /// Something happens to light in the tissue.
    Tissue(Op<Tissue>),
    /// The tissue moves.
    Move(Warp),
    /// Something happens to light in the scope.
    Scope(Op<Scope>),
    /// The camera counts.
    Expose(Camera),
    /// Exposures become stored frames.
    Deliver(Delivery),
}

impl From<Emitters> for Act {
    fn from(cells: Emitters) -> Self {
        Self::Shine(cells)
    }
}

impl From<Warp> for Act {
    fn from(warp: Warp) -> Self {
        Self::Move(warp)
    }
}

impl From<Op<Tissue>> for Act {
    fn from(op: Op<Tissue>) -> Self {
        Self::Tissue(op)
    }
}

impl From<Op<Scope>> for Act {
    fn from(op: Op<Scope>) -> Self {
        Self::Scope(op)
    }
}

impl From<Camera> for Act {
    fn from(camera: Camera) -> Self {
        Self::Expose(camera)
    }
}

impl From<Delivery> for Act {
    fn from(delivery: Delivery) -> Self {
        Self::Deliver(delivery)
    }
}

/// How far along the plan the light is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// The cells have shone.
    pub cells: bool,
    /// Operations of the tissue that are done.
    pub tissue: usize,
    /// Motions of the tissue that have come so far.
    pub motions: usize,
    /// The image is what the scope sees, not the tissue's canvas.
    pub in_scope: bool,
    /// Operations of the scope that are done.
    pub scope: usize,
    /// The camera has counted.
    pub exposed: bool,
    /// Exposures have become stored frames.
    pub delivered: bool,
}

/// A mark in the plan: the movie after a step.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Stage name (`cells_only` for composite, else the step's kind).
    pub name: &'static str,
    /// Position of the step in the chain.
    pub rank: usize,
    /// What has been done by then.
    pub reached: Reached,
}

/// All that happens to light, in its order.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The cells' light, which comes first.
    pub cells: Option<Emitters>,
    /// What happens to it in the tissue, on the canvas.
    pub tissue: Vec<Op<Tissue>>,
    /// How the tissue lies under the scope after each motion that steps ask for: each together with those before.
    pub warps: Vec<Warp>,
    /// What happens to it in the scope, on the field of view.
    pub scope: Vec<Op<Scope>>,
    /// What counts it.
    pub camera: Option<Camera>,
    /// What is stored of it; every exposure, once and whole, if `None`.
    pub delivery: Option<Delivery>,
    /// The movies on the way, in the order of light.
    pub stages: Vec<Stage>,
}

/// A step whose movie is a stage, and what it asks for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) kind: &'static str,
    pub(crate) stage: &'static str,
    pub(crate) rank: usize,
    /// Fixed to the scope: its movie is what the scope sees, even if it does nothing else.
    pub(crate) in_scope: bool,
    pub(crate) acts: Vec<Act>,
}

/// The sizes that a plan's parts must have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) canvas: [usize; 2],
    pub(crate) fov: [usize; 2],
    pub(crate) n_frames: usize,
}

impl Plan {
    /// Puts together what the steps ask for, which come in the order of light.
    ///
    /// # Errors
    /// When no renderer could carry it out: what a step asks for comes too late, comes twice, or has another size.
    pub(crate) fn new(asked: Vec<Asked>, sizes: Sizes) -> Result<Self, Report> {
        let mut plan = Self {
            cells: None,
            tissue: Vec::new(),
            warps: Vec::new(),
            scope: Vec::new(),
            camera: None,
            delivery: None,
            stages: Vec::new(),
        };
        let mut reached = Reached::default();
        let mut findings = Vec::new();
        for step in asked {
            for act in step.acts {
                if let Err((value, rule)) = plan.take(act, &mut reached, sizes) {
                    let remedy = "leave the step out; that it cannot be rendered is a fault of the program";
                    findings.push(Finding::error(format!("steps.{}", step.kind), value.to_owned(), rule, remedy));
                }
            }
            reached.in_scope |= step.in_scope;
            plan.stages.push(Stage { name: step.stage, rank: step.rank, reached });
        }
        if findings.is_empty() { Ok(plan) } else { Err(Report { findings }) }
    }

    /// Adds what a step asks for, or says what that is and why it cannot be done.
    fn take(&mut self, act: Act, reached: &mut Reached, sizes: Sizes) -> Result<(), (&'static str, String)> {
        let Sizes { canvas, fov, n_frames } = sizes;
        let past = |what: &'static str, past: bool, where_to: &str| {
            if past { Err((what, format!("comes after the light has {where_to}"))) } else { Ok(()) }
        };
        let fits = |what: &'static str, fault: Option<String>| fault.map_or(Ok(()), |fault| Err((what, fault)));
        match act {
            Act::Shine(cells) => {
                let what = "light of cells";
                past(what, reached.in_scope, "left the tissue")?;
                past(what, reached.cells || reached.tissue > 0, "been given its cells, or passed through tissue")?;
                fits(what, cells.fault(n_frames))?;
                self.cells = Some(cells);
                reached.cells = true;
            }
            Act::Tissue(op) => {
                let what = "a field of the tissue";
                past(what, reached.in_scope, "left the tissue")?;
                fits(what, op.field().fault(canvas, n_frames))?;
                self.tissue.push(op);
                reached.tissue = self.tissue.len();
            }
            Act::Move(warp) => {
                let what = "motion of the tissue";
                past(what, reached.delivered, "been delivered")?;
                past(what, reached.scope > 0 || reached.exposed, "passed through the scope")?;
                fits(what, warp.fault(fov, n_frames))?;
                let moved = self.warps.last().map_or(Ok(warp.clone()), |before| before.and(&warp));
                self.warps.push(moved.map_err(|fault| (what, fault))?);
                reached.motions = self.warps.len();
                reached.in_scope = true;
            }
            Act::Scope(op) => {
                let what = "a field of the scope";
                past(what, reached.delivered, "been delivered")?;
                past(what, reached.exposed, "been counted")?;
                fits(what, op.field().fault(fov, n_frames))?;
                self.scope.push(op);
                reached.scope = self.scope.len();
                reached.in_scope = true;
            }
            Act::Expose(camera) => {
                let what = "a camera";
                past(what, reached.delivered, "been delivered")?;
                past(what, reached.exposed, "been counted")?;
                fits(what, camera.fault(fov))?;
                self.camera = Some(camera);
                reached.exposed = true;
                reached.in_scope = true;
            }
            Act::Deliver(delivery) => {
                let what = "delivery of frames";
                past(what, reached.delivered, "been delivered")?;
                fits(what, delivery.fault(fov, n_frames))?;
                self.delivery = Some(delivery);
                reached.delivered = true;
                reached.in_scope = true;
            }
        }
        Ok(())
    }

    /// How the tissue lies under the scope when light has come that far.
    #[must_use]
    pub fn warp(&self, reached: Reached) -> &Warp {
        reached.motions.checked_sub(1).map_or(&Warp::Still, |last| &self.warps[last])
    }

    /// What is done by the end of the first `n_stages` stages.
    #[must_use]
    pub fn reached(&self, n_stages: usize) -> Reached {
        n_stages.checked_sub(1).map_or_else(Reached::default, |last| self.stages[last].reached)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::footprint::Patch;

    const SIZES: Sizes = Sizes { canvas: [4, 5], fov: [2, 3], n_frames: 7 };

    fn step(kind: &'static str, acts: Vec<Act>) -> Asked {
        Asked { kind, stage: kind, rank: 0, in_scope: false, acts }
    }

    fn still<F>(shape: [usize; 2]) -> Field<F> {
        Field::still(Arc::new(Map::from_fn(shape, |_| 1.0)))
    }

    fn haze() -> Act {
        Op::<Tissue>::Add(still([4, 5])).into()
    }

    fn glow() -> Act {
        Op::<Scope>::Add(still([2, 3])).into()
    }

    fn camera() -> Act {
        let model = DigitiseModel { electrons_per_unit: 1.0, read_noise_e: 0.0, gain_adu_per_e: 1.0, max_count: 255 };
        Camera::plain(model, crate::rng::Key::new(0, "test", "noise")).into()
    }

    fn stored(n: u32) -> Act {
        Delivery {
            exposures: Arc::new((0..n).collect()),
            faults: std::collections::BTreeMap::new(),
            factors: vec![1.0; n as usize],
            timestamps_s: Arc::new((0..n).map(f64::from).collect()),
        }
        .into()
    }

    fn cells() -> Act {
        Emitters::new(Arc::new(vec![Patch::default()]), Arc::new(Held::new(7, vec![1.0; 7]))).into()
    }

    fn refused(asked: Vec<Asked>) -> String {
        Plan::new(asked, SIZES).expect_err("cannot be carried out").to_string()
    }

    #[test]
    fn a_step_may_ask_for_several_things() {
        let asked = vec![
            step("composite", vec![cells()]),
            step("haze", vec![haze(), Op::<Tissue>::Multiply(still([4, 5]), Leg::Emission).into(), haze()]),
            Asked { in_scope: true, ..step("nothing", vec![]) },
            step("scope", vec![glow(), camera()]),
        ];
        let plan = Plan::new(asked, SIZES).expect("can be carried out");
        assert_eq!((plan.tissue.len(), plan.scope.len()), (3, 1));
        let reached = |cells, tissue, in_scope, scope, exposed| Reached {
            cells,
            tissue,
            in_scope,
            scope,
            exposed,
            ..Reached::default()
        };
        let marks: Vec<Reached> = plan.stages.iter().map(|s| s.reached).collect();
        assert_eq!(
            marks,
            [
                reached(true, 0, false, 0, false),
                reached(true, 3, false, 0, false),
                reached(true, 3, true, 0, false),
                reached(true, 3, true, 1, true)
            ]
        );
    }

    #[test]
    fn what_cannot_be_carried_out_is_refused_in_words() {
        let text = refused(vec![step("a", vec![cells()]), step("b", vec![cells()])]);
        assert!(text.contains("steps.b") && text.contains("light of cells"), "{text}");
        let text = refused(vec![step("a", vec![haze()]), step("b", vec![cells()])]);
        assert!(text.contains("passed through tissue"), "{text}");
        let text = refused(vec![step("a", vec![Act::Move(vec![[0.0; 2]; 7].into())]), step("b", vec![haze()])]);
        assert!(text.contains("left the tissue"), "{text}");
        let text = refused(vec![step("a", vec![glow()]), step("b", vec![Act::Move(vec![[0.0; 2]; 7].into())])]);
        assert!(text.contains("motion of the tissue") && text.contains("passed through the scope"), "{text}");
        let text = refused(vec![step("a", vec![camera()]), step("b", vec![glow()]), step("c", vec![camera()])]);
        assert!(text.contains("steps.b") && text.contains("steps.c") && text.contains("been counted"), "{text}");
        let text = refused(vec![step("a", vec![stored(7)]), step("b", vec![camera()]), step("c", vec![stored(7)])]);
        assert!(text.contains("steps.b") && text.contains("steps.c") && text.contains("been delivered"), "{text}");
        assert!(refused(vec![step("a", vec![stored(0)])]).contains("no exposure is stored"));
        assert!(refused(vec![step("a", vec![stored(8)])]).contains("exposure 7 of 7"));
    }

    #[test]
    fn motions_add_up_and_each_has_its_mark() {
        let bent = |spacing_px| {
            Act::from(Warp::from(Deformation {
                path_px: vec![[0.5, 0.0]; 7],
                rotation_rad: vec![0.01; 7],
                grid: Grid { shape: [2, 2], spacing_px },
                modes: vec![Mode { vectors_px: Arc::new(vec![[0.25, -0.5]; 4]), course: Course::Still }],
            }))
        };
        let rigid = || Act::Move(vec![[1.0, -2.0]; 7].into());
        let asked = vec![step("a", vec![rigid()]), step("b", vec![bent(4.0)]), step("c", vec![bent(4.0), rigid()])];
        let plan = Plan::new(asked, SIZES).expect("can be carried out");
        let moved = |n_stages| {
            let reached = plan.reached(n_stages);
            (reached.motions, plan.warp(reached).displacement_px(SIZES.fov, 3, [0.5, 1.0]))
        };
        assert_eq!(moved(0), (0, [0.0; 2]));
        assert_eq!(moved(1), (1, [1.0, -2.0]));
        // In the middle of the field, rotation displaces nothing.
        assert_eq!(moved(2), (2, [1.75, -2.5]));
        assert_eq!(moved(3), (4, [3.5, -5.0]));
        let Warp::NonRigid(both) = plan.warp(plan.reached(3)) else { panic!("it is deformed") };
        assert_eq!((both.rotation_rad[6], both.modes.len()), (0.02, 2));
        let text = refused(vec![step("a", vec![bent(4.0)]), step("b", vec![bent(5.0)])]);
        assert!(text.contains("steps.b") && text.contains("another grid"), "{text}");
    }

    #[test]
    fn what_has_another_size_is_refused() {
        let text = refused(vec![step("a", vec![Op::<Tissue>::Add(still([2, 3])).into()])]);
        assert!(text.contains("[2, 3]") && text.contains("[4, 5]"), "{text}");
        let short = Course::Varying { factors: Arc::new(vec![1.0; 6]), expected: 1.0 };
        let text = refused(vec![step("a", vec![Op::<Scope>::Multiply(Field::even(short), Leg::Excitation).into()])]);
        assert!(text.contains("6 of 7 frames"), "{text}");
        let text = refused(vec![step("a", vec![Act::Move(vec![[0.0; 2]; 6].into())])]);
        assert!(text.contains("6 of 7 frames"), "{text}");
        let map = vec![0.0; 6];
        let pixels = PixelModel {
            shape: [2, 3],
            electrons_per_unit: map.clone(),
            dark_e: map.clone(),
            offset_adu: map,
            row_noise_adu: 0.0,
            column_noise_adu: 0.0,
            response: crate::physics::camera::Response::straight(1e4),
            adc_max: 255,
            conversion: Conversion::Shift(0),
        };
        let with = |pixels: PixelModel| {
            let Act::Expose(plain) = camera() else { panic!("it is a camera") };
            vec![step("a", vec![Camera { pixels: Some(Arc::new(pixels)), ..plain }.into()])]
        };
        assert!(Plan::new(with(pixels.clone()), SIZES).is_ok());
        assert!(refused(with(PixelModel { shape: [3, 2], ..pixels.clone() })).contains("[3, 2] px"));
        assert!(refused(with(PixelModel { dark_e: vec![0.0; 5], ..pixels })).contains("a camera"));
        let dark = Emitters::new(Arc::new(vec![Patch::default()]), Arc::new(Held::new(6, vec![1.0; 6])));
        assert!(refused(vec![step("a", vec![dark.into()])]).contains("7 frames"));
    }
}
