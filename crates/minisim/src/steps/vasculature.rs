//! Blood vessels shade what lies below them.
//!
//! # What it models
//! Dark, branching shadows of vessels between the cells and the lens, out of focus according to their depth.
//!
//! # Model
//! Trees grow from random edges of the field inwards: a branch advances `step_per_radius * r`, its heading drifts by
//! N(0, `tortuosity_deg`), with `branch_prob` per step it splits by Murray's law, and it ends below `min_radius_um` or outside
//! the field. A segment's blood path at distance d is `2 sqrt(r² - d²)` µm; paths add. A layer lets through
//! `1 - opacity * (1 - exp(-absorption_per_um * path))`, blurred by diffraction, scatter and defocus at its depth; layers
//! multiply.
//!
//! # Sources
//! Murray's law: C. D. Murray, PNAS 12:207 (1926). Absorption: Beer-Lambert.
//!
//! # Leaves out
//! Vessel pulsation and dilation, blood flow, the third dimension within a layer.
//!
//! # Records
//! `vasculature_mask`, `vessel_overlap_fraction`.

mod tree;

pub use tree::{Segment, blood_path_um, grow_tree, transmission};
use std::sync::Arc;

use rayon::prelude::*;

use super::{Domain, Part, Step};
use crate::{
    footprint::Patch,
    level::{Loops, at_best_level},
    physics::{
        blur::{Border, blur_field},
        defocus::Defocus,
    },
    plan::{Course, Field, Leg, Map, Op, Tissue},
    rng::Key,
    building::Builder, plan::Canvas,
    spec::{Checker, Count, Extent, FractionBelowOne, MajorShare, Needs, NonNegative, Positive, PositiveFraction, record::record},
    truth::{Declared, Dim, Stored, TruthData},
};

/// How far outside the field of view vessels exist (µm), unless the motion margin reaches farther.
const WORLD_MARGIN_UM: f64 = 25.0;

record! {
    /// One sheet of vessels at one depth.
    pub struct VesselLayer {
        /// Depth below the tissue surface.
        depth_um: NonNegative = 30.0, "µm", slider(0.0, 200.0, 5.0);
        /// Vessels that enter the field.
        n_roots: Count = 4, "", slider(1.0, 10.0, 1.0), label("Roots");
        /// Radius of an entering vessel.
        root_radius_um: Positive = 22.0, "µm", slider(3.0, 40.0, 1.0), label("Trunk radius");
        /// Radius at which a branch ends.
        min_radius_um: Positive = 2.0, "µm";
        /// Largest share of light that a vessel takes.
        opacity: PositiveFraction = 0.85, "", slider(0.1, 1.0, 0.05);
        /// Absorption of blood per µm of path.
        absorption_per_um: Positive = 0.04, "1/µm";
        /// Chance per step that a branch splits.
        branch_prob: FractionBelowOne = 0.2, "", slider(0.0, 0.5, 0.02), label("Branchiness");
        /// Standard deviation of the heading's drift per step.
        tortuosity_deg: NonNegative = 8.0, "deg", slider(0.0, 25.0, 1.0), label("Waviness");
        /// Angle between the children of a branch point.
        branch_angle_deg: NonNegative = 30.0, "deg";
        /// Share of the blood flow that the larger child keeps.
        branch_area_main: MajorShare = 0.7, "";
        /// Length of a step in radii.
        step_per_radius: Positive = 1.5, "";
    }
}

record! {
    /// Casts the shadows of blood vessels.
    pub struct Vasculature: step, panel("anatomy", "Vasculature", 7), switch("enabled", "layers") {
        /// Whether the vessels are there.
        enabled: bool => false, "";
        /// The sheets of vessels; an empty list = none.
        layers: Vec<VesselLayer> => Vec::new(), "";
    }
}

impl Step for Vasculature {
    const KIND: &'static str = "vasculature";
    const DOMAIN: Domain = Domain::Tissue;
    const PART: Part = Part::Background;
    const LISTS: &'static [(&'static str, &'static str)] = &[("VesselLayer", "layers")];
    const RECORDS: &'static [Declared] = &[
        Declared {
            name: "vasculature_mask",
            dims: &[Dim::Height, Dim::Width],
            unit: "",
            doc: "Share of light that the vessels let through, over the field of view at rest.",
            stored: Stored::WhenPresent,
        },
        Declared {
            name: "vessel_overlap_fraction",
            dims: &[Dim::Unit],
            unit: "",
            doc: "Share of each cell's light that the vessels take.",
            stored: Stored::WhenPresent,
        },
    ];

    fn example() -> Self {
        let layer = VesselLayer {
            depth_um: NonNegative::lit(20.0),
            root_radius_um: Positive::lit(9.0),
            ..VesselLayer::default()
        };
        Self { enabled: true, layers: vec![layer] }
    }

    fn cost(&self, extent: &Extent) -> Needs {
        if !self.enabled || self.layers.is_empty() {
            return Needs::default();
        }
        // One more field of 8 bytes a pixel: the vessels in focus.
        let sharp = Needs { map_bytes: 8.0 * extent.canvas_px, ..Needs::default() };
        Needs::map(extent.canvas_px, extent.fov_px) + sharp
    }

    fn check(&self, cx: &mut Checker<'_>) {
        for (i, layer) in self.layers.iter().enumerate() {
            let (min, root) = (layer.min_radius_um.get(), layer.root_radius_um.get());
            if min >= root {
                cx.error(
                    &format!("layers[{i}].min_radius_um"),
                    format!("{min:?}"),
                    format!("must be less than root_radius_um ({root} µm), else no vessel grows"),
                    "make the thinnest vessel thinner or the roots wider",
                );
            }
        }
    }

    fn build(&self, scene: &mut Builder<'_>) {
        if !self.enabled || self.layers.is_empty() {
            return;
        }
        let canvas = scene.canvas();
        let focal = scene.focal_depth_um();
        let model = *scene.optical();
        let sigmas: Vec<f64> =
            self.layers.iter().map(|layer| model.point_spread(layer.depth_um.get(), focal).sigma_px).collect();
        let key = scene.key("tree");
        // The vessels themselves do not depend on the focus; their blur does.
        let sharp = scene.part("sharp vessels", 0, self, || self.sharp(key, canvas));
        let made = scene.part("vessels", 0, &(self, &sigmas), || {
            let mask = sharp.blurred(canvas, &sigmas);
            let shown = Arc::new(canvas.crop(&mask));
            (Arc::new(Map::<Tissue>::new(canvas.shape(), &mask)), mask, shown)
        });
        let (map, mask, shown) = &*made;
        scene.record("vasculature_mask", &canvas.fov, TruthData::F64(Arc::clone(shown).into()));
        let footprints = scene.observed_footprints();
        let width = canvas.shape()[1];
        let overlap: Vec<f64> = footprints.par_iter().map(|patch| overlap_fraction(patch, mask, width)).collect();
        if !overlap.is_empty() {
            scene.record("vessel_overlap_fraction", &[overlap.len()], TruthData::F64(overlap.into()));
        }
        scene.set_tissue_transmission(Arc::clone(map));
        let Some((shift_um, range_um)) = scene.axial_shift_um() else {
            scene.push(Op::Multiply(Field::still(Arc::clone(map)), Leg::Emission));
            return;
        };
        for (i, layer) in self.layers.iter().enumerate() {
            let defocus = model.defocus(layer.depth_um.get(), focal);
            let levels_px2 = defocus.levels_px2(range_um);
            let maps = scene.part("vessels in depth", i, &(self, &levels_px2), || {
                let map = |px2: &f64| sharp.layer(canvas, i, px2.sqrt());
                levels_px2.iter().map(|px2| Arc::new(Map::<Tissue>::new(canvas.shape(), &map(px2)))).collect::<Vec<_>>()
            });
            let field = Field::sum(maps.iter().cloned().zip(shares(&defocus, &levels_px2, &shift_um)));
            scene.push(Op::Multiply(field, Leg::Emission));
        }
    }
}

/// The share of each level in the image of a layer, frame by frame.
fn shares(defocus: &Defocus, levels_px2: &[f64], shift_um: &[f64]) -> Vec<Course> {
    let mut factors = vec![Vec::with_capacity(shift_um.len()); levels_px2.len()];
    let mut weights = vec![0.0; levels_px2.len()];
    for shift_um in shift_um {
        defocus.weigh(levels_px2, *shift_um, &mut weights);
        factors.iter_mut().zip(&weights).for_each(|(factors, weight)| factors.push(*weight));
    }
    // At rest.
    defocus.weigh(levels_px2, 0.0, &mut weights);
    let course = |(factors, weight): (Vec<f32>, &f32)| Course::Varying { factors: Arc::new(factors), expected: f64::from(*weight) };
    factors.into_iter().zip(&weights).map(course).collect()
}

impl Vasculature {
    /// The vessels in focus.
    fn sharp(&self, key: Key, canvas: Canvas) -> SharpVessels {
        // The vessels' world ends a fixed way outside the field of view, so the motion margin moves none of them.
        let margin = canvas.margin.max((WORLD_MARGIN_UM / canvas.pixel_um).ceil() as usize);
        let world = Canvas { margin, ..canvas };
        let beyond_um = WORLD_MARGIN_UM.max(canvas.margin as f64 * canvas.pixel_um);
        let half_um = canvas.fov_um().map(|v| v / 2.0 + beyond_um);
        let [rows, cols] = world.places_um();
        let layer = |(index, layer): (usize, &VesselLayer)| {
            let key = key.derive(index as u64);
            let segments: Vec<Segment> =
                (0..u64::from(layer.n_roots.get())).flat_map(|root| grow_tree(key, root, layer, half_um)).collect();
            let path = blood_path_um(&segments, &rows, &cols);
            transmission(&path, layer.opacity.get(), layer.absorption_per_um.get())
        };
        SharpVessels { world, layers: self.layers.iter().enumerate().map(layer).collect() }
    }
}

/// Share of light that each layer of vessels lets through, before any blur.
struct SharpVessels {
    world: Canvas,
    layers: Vec<Vec<f64>>,
}

impl SharpVessels {
    /// Share of light that all layers let through, over the canvas, each blurred by its σ (px).
    fn blurred(&self, canvas: Canvas, sigmas_px: &[f64]) -> Vec<f64> {
        let mut mask = vec![1.0; canvas.shape().iter().product()];
        for (index, sigma_px) in sigmas_px.iter().enumerate() {
            let blurred = self.layer(canvas, index, *sigma_px);
            mask.par_iter_mut().zip(&blurred).for_each(|(m, b)| *m *= b);
        }
        mask
    }

    /// Share of light that one layer lets through, over the canvas, blurred by σ (px).
    fn layer(&self, canvas: Canvas, index: usize, sigma_px: f64) -> Vec<f64> {
        let cut = Canvas { margin: self.world.margin - canvas.margin, fov: canvas.shape(), ..canvas };
        cut.crop(&blur_field(&self.layers[index], self.world.shape(), sigma_px, Border::Replicate))
    }
}

/// Share of a footprint's light that the vessels take: `1 - Σ(A M)/Σ(A)`.
fn overlap_fraction(patch: &Patch, mask: &[f64], width: usize) -> f64 {
    at_best_level(Overlap { patch, mask, width })
}

struct Overlap<'a> {
    patch: &'a Patch,
    mask: &'a [f64],
    width: usize,
}

impl Loops for Overlap<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let Self { patch, mask, width } = self;
        // Several sums side by side, which need not wait for each other.
        let (mut all, mut passed) = ([0.0; 8], [0.0; 8]);
        for r in 0..patch.height {
            let at = (patch.row as usize + r) * width + patch.col as usize;
            let (weights, rest) = patch.row_weights(r).as_chunks::<8>();
            let (masks, mask_rest) = mask[at..at + patch.width].as_chunks::<8>();
            for (weights, mask) in weights.iter().zip(masks) {
                for i in 0..8 {
                    all[i] += f64::from(weights[i]);
                    passed[i] += f64::from(weights[i]) * mask[i];
                }
            }
            for (i, (weight, m)) in rest.iter().zip(mask_rest).enumerate() {
                all[i] += f64::from(*weight);
                passed[i] += f64::from(*weight) * m;
            }
        }
        let all = all.iter().sum::<f64>();
        if all > 0.0 { 1.0 - passed.iter().sum::<f64>() / all } else { 0.0 }
    }
}
