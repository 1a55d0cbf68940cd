//! Where the cells are and what each would look like in perfect focus.
//!
//! # What it models
//! Cells scattered in a slab of tissue, each with a sharp footprint: a lumpy soma, on request with proximal dendrites. There
//! is one population, described by the step's own fields, or several in `populations`.
//!
//! # Model
//! `round(density * area * thickness)` centres, uniform in depth over `depth_range_um` and laterally over the canvas; the
//! thickness counts at least one soma diameter. With `min_distance_um` centres are drawn by dart throwing with at most
//! `max(1000, 100 * count)` attempts, and a density that does not fit gives fewer cells and a warning. `positions_um` places
//! the cells explicitly instead.
//!
//! A footprint peaks at 1. The soma is every pixel whose distance to the centre is at most `r * (1 + irregularity * n)`, with
//! `n` white noise low-passed at `max(r_px / 2, 1 px)` and scaled to [-1, 1]; a soma smaller than a pixel lights its nearest
//! pixel. Dendrites (morphology `cytosolic`): Poisson(5) of them, 2 to 9, launched at jittered even angles, walked in steps of
//! 1 px with a wandering heading, tapering to a thread, branching by Murray's law, dimmer than the soma.
//!
//! # Sources
//! Murray's law: C. D. Murray, PNAS 12:207 (1926). The shape parameters describe GCaMP-expressing pyramidal cells as seen by
//! one-photon miniscopes; they are conventions, not fits.
//!
//! # Leaves out
//! Distal dendrites and axons (see `neuropil`), cell-size distributions within a population, nuclei without label, layering
//! other than by several populations.
//!
//! # Records
//! `centers_um`.

mod centers;
mod morphology;

use std::sync::Arc;

use rayon::prelude::*;

use super::{Domain, Part, Step};
use crate::{
    cells::Cells,
    footprint::Patch,
    rng::Key,
    building::Builder, plan::Canvas,
    spec::{
        Auto, Checker, Fraction, NonNegative, Positive,
        record::{choices, record},
    },
    truth::{Declared, Dim, Fill, Stored, TruthData},
};

choices! {
    /// What part of a cell is labelled.
    pub enum Morphology {
        /// The body only.
        Soma = "soma";
        /// The body with its proximal dendrites.
        Cytosolic = "cytosolic";
    }
}

/// The step has the fields of a population and more; they are declared once.
macro_rules! populations {
    ($($fields:tt)*) => {
        record! {
            /// Cells of one kind: how dense, how large, how deep.
            pub struct NeuronPopulation { $($fields)* }
        }

        record! {
            /// Places cells: one population described by the fields here, or several in `populations`.
            pub struct PlaceNeurons: step before populations, panel("anatomy", "Cells", 4) {
                $($fields)*
                /// Several populations, instead of the one described by the other fields.
                populations: Option<Vec<NeuronPopulation>> => None, "";
            }
        }
    };
}

populations! {
    /// Cells per mm³ of tissue.
    density_per_mm3: Positive = 25000.0, "1/mm³", slider(2000.0, 120_000.0, 1000.0);
    /// Radius of the cell body.
    soma_radius_um: Positive = 7.0, "µm", slider(2.0, 12.0, 0.5);
    /// How much the outline wobbles, as a share of the radius; 0 = a disk.
    irregularity: Fraction = 0.3, "", slider(0.0, 1.0, 0.05);
    /// "soma" = body only, "cytosolic" = with proximal dendrites.
    morphology: Morphology => Morphology::Soma, "", prominent();
    /// Nominal reach of a dendrite (cytosolic).
    dendrite_length_um: Positive = 24.0, "µm", slider(5.0, 60.0, 1.0);
    /// Diameter of a dendrite at its base (cytosolic); it tapers to a thread.
    dendrite_width_um: Positive = 3.0, "µm", slider(1.0, 6.0, 0.5);
    /// Smallest and largest depth of a centre below the tissue surface.
    depth_range_um: [f64; 2] => [0.0, 200.0], "µm", slider(0.0, 400.0, 5.0);
    /// Smallest distance between two centres of the population; 0 = none.
    min_distance_um: NonNegative = 0.0, "µm", slider(0.0, 40.0, 1.0);
    /// Explicit centres (z, y, x); density, depth range and distance are then ignored.
    positions_um: Option<Vec<[f64; 3]>> => None, "µm";
}

impl PlaceNeurons {
    /// The population described by the step's own fields.
    #[must_use]
    pub fn own_population(&self) -> NeuronPopulation {
        NeuronPopulation {
            density_per_mm3: self.density_per_mm3,
            soma_radius_um: self.soma_radius_um,
            irregularity: self.irregularity,
            morphology: self.morphology,
            dendrite_length_um: self.dendrite_length_um,
            dendrite_width_um: self.dendrite_width_um,
            depth_range_um: self.depth_range_um,
            min_distance_um: self.min_distance_um,
            positions_um: self.positions_um.clone(),
        }
    }

    /// The populations to place: those of the list, else the one described by the step's own fields.
    #[must_use]
    pub fn all_populations(&self) -> Vec<NeuronPopulation> {
        self.populations.clone().unwrap_or_else(|| vec![self.own_population()])
    }
}

impl NeuronPopulation {
    /// Cells over an area (µm²): density × area × thickness rounded, the thickness at least one soma; or as many as have a place.
    #[must_use]
    pub fn expected_cells(&self, area_um2: f64) -> f64 {
        if let Some(positions) = &self.positions_um {
            return positions.len() as f64;
        }
        let [top, bottom] = self.depth_range_um;
        let thickness_um = (bottom - top).max(2.0 * self.soma_radius_um.get());
        (self.density_per_mm3.get() * (area_um2 / 1e6) * (thickness_um / 1e3)).round_ties_even()
    }

    /// Side of a square (px) that every sharp footprint of the population fits in.
    #[must_use]
    pub fn footprint_side_px(&self, pixel_um: f64) -> f64 {
        let soma_um = self.soma_radius_um.get() * (1.0 + self.irregularity.get());
        let reach_um = match self.morphology {
            Morphology::Soma => soma_um,
            Morphology::Cytosolic => soma_um + morphology::LENGTH_SHARE[1] * self.dendrite_length_um.get(),
        };
        2.0 * reach_um / pixel_um + 3.0
    }

    /// Smallest and largest depth of a cell (µm): of the explicit centres, else the depth range.
    #[must_use]
    pub fn depth_extent_um(&self) -> [f64; 2] {
        match self.positions_um.as_deref() {
            None | Some([]) => self.depth_range_um,
            Some(positions) => positions
                .iter()
                .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], p| [low.min(p[0]), high.max(p[0])]),
        }
    }

    fn check(&self, at: &str, cx: &mut Checker<'_>) {
        let [top, bottom] = self.depth_range_um;
        let field = format!("{at}depth_range_um");
        if !(top.is_finite() && bottom.is_finite()) {
            cx.error(&field, format!("[{top}, {bottom}]"), "both depths must be finite", "write ordinary numbers");
        } else if top < 0.0 || bottom < top {
            cx.error(
                &field,
                format!("[{top:?}, {bottom:?}]"),
                "must be [min, max] with 0 <= min <= max, depths below the tissue surface in µm",
                if top < 0.0 { "start at 0 or deeper" } else { "swap the two" },
            );
        }
        let positions = self.positions_um.as_deref().unwrap_or_default();
        for (i, p) in positions.iter().enumerate().filter(|(_, p)| !p.iter().all(|v| v.is_finite())).take(10) {
            cx.error(&format!("{at}positions_um[{i}]"), format!("{p:?}"), "must be finite", "write ordinary numbers");
        }
        if let Some((i, p)) = positions.iter().enumerate().find(|(_, p)| p[0] < 0.0) {
            cx.warn(
                &format!("{at}positions_um[{i}]"),
                format!("{p:?}"),
                "z, the first of (z, y, x), is the depth below the tissue surface; this cell is above it",
                "write depths as positive numbers",
            );
        }
        if let Some(acquisition) = cx.acquisition() {
            let diameter_um = 2.0 * self.soma_radius_um.get();
            let fov_um = acquisition.fov_um();
            let side_um = fov_um[0].min(fov_um[1]);
            if diameter_um > side_um {
                cx.error(
                    &format!("{at}soma_radius_um"),
                    format!("{:?}", self.soma_radius_um.get()),
                    format!(
                        "the soma diameter ({diameter_um} µm) must not exceed the smaller side of the field of view (FOV) \
                         ({side_um:.1} µm)"
                    ),
                    "make the cells smaller, or the field of view larger (more or larger pixels, less magnification)",
                );
            }
        }
    }
}

impl Step for PlaceNeurons {
    const KIND: &'static str = "place_neurons";
    const DOMAIN: Domain = Domain::Cell;
    const PART: Part = Part::Signal;
    const LISTS: &'static [(&'static str, &'static str)] = &[("NeuronPopulation", "populations")];
    const RECORDS: &'static [Declared] = &[Declared {
        name: "centers_um",
        dims: &[Dim::Unit, Dim::Zyx],
        unit: "µm",
        doc: "Centre of each cell as (z, y, x): z below the tissue surface, y and x from the optical axis.",
        stored: Stored::Always(Fill::Real(0.0)),
    }];

    fn example() -> Self {
        Self {
            density_per_mm3: Positive::lit(60_000.0),
            soma_radius_um: Positive::lit(5.0),
            morphology: Morphology::Cytosolic,
            depth_range_um: [40.0, 140.0],
            ..Self::default()
        }
    }

    fn check(&self, cx: &mut Checker<'_>) {
        match &self.populations {
            None => self.own_population().check("", cx),
            Some(populations) => {
                if populations.is_empty() {
                    cx.error(
                        "populations",
                        "[]",
                        "must hold at least one population",
                        "add one, or write null to use the step's own fields",
                    );
                }
                if self.own_population() != NeuronPopulation::default() {
                    cx.error(
                        "populations",
                        format!("{} populations", populations.len()),
                        "cannot be combined with population fields of the step itself, which would be ignored",
                        "move those fields (density_per_mm3, soma_radius_um, …) into an entry of populations, or remove \
                         populations",
                    );
                }
                for (i, population) in populations.iter().enumerate() {
                    population.check(&format!("populations[{i}]."), cx);
                }
            }
        }
        let focal = cx.acquisition().map(|a| a.focal_depth_in_tissue_um);
        if let Some(Auto::Value(focal)) = focal {
            let extents: Vec<_> = self.all_populations().iter().map(NeuronPopulation::depth_extent_um).collect();
            let low = extents.iter().map(|e| e[0]).fold(f64::INFINITY, f64::min);
            let high = extents.iter().map(|e| e[1]).fold(f64::NEG_INFINITY, f64::max);
            if focal.get() < low || focal.get() > high {
                cx.warn_at(
                    "acquisition.focal_depth_in_tissue_um",
                    format!("{:?}", focal.get()),
                    format!("the focal plane lies outside the depths of the cells, {low} to {high} µm"),
                    "write \"auto\" or a depth within them if the cells should be in focus",
                );
            }
        }
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let canvas = scene.canvas();
        let populations = self.all_populations();
        let (outline, dendrites, place) = (scene.key("outline"), scene.key("dendrites"), scene.key("centers"));
        let keys = morphology::Keys { outline, dendrites };
        let placed = scene.part("neurons", 0, &populations, || Placed::new(canvas, &populations, keys, place));
        for (index, got, wanted) in &placed.short {
            scene.warn(
                "min_distance_um",
                format!("{} µm", populations[*index].min_distance_um.get()),
                format!("leaves room for {got} of the {wanted} cells that the density asks for"),
                "lower density_per_mm3 or min_distance_um, or accept fewer cells".to_owned(),
            );
        }
        let [half_y, half_x] = canvas.fov_um().map(|v| v / 2.0);
        let centers_um = placed.centers_um.clone();
        scene.record("centers_um", &[centers_um.len(), 3], TruthData::F64(centers_um.concat().into()));
        scene.place(Cells {
            ids: placed.ids.clone(),
            in_fov: centers_um.iter().map(|[_, y, x]| y.abs() <= half_y && x.abs() <= half_x).collect(),
            centers_um,
            planted: Arc::clone(&placed.planted),
            ..Cells::default()
        });
    }
}

/// Cells as they were drawn: the field of view's first, those of the margin after them.
struct Placed {
    ids: Vec<u64>,
    centers_um: Vec<[f64; 3]>,
    planted: Arc<Vec<Patch>>,
    /// Populations that found too little room: index, cells placed, cells wanted.
    short: Vec<(usize, usize, usize)>,
}

impl Placed {
    fn new(canvas: Canvas, populations: &[NeuronPopulation], keys: morphology::Keys, place: Key) -> Self {
        // (identity, centre, population).
        let mut drawn: [Vec<(u64, [f64; 3], usize)>; 2] = [Vec::new(), Vec::new()];
        let mut short = Vec::new();
        for (index, population) in populations.iter().enumerate() {
            if let Some(positions) = &population.positions_um {
                let cells = positions.iter().enumerate();
                drawn[0].extend(cells.map(|(i, at)| (centers::cell_id(index, false, i as u64), *at, index)));
                continue;
            }
            let regions = centers::scatter(place, canvas, index, population);
            let (got, wanted) = (regions[0].ids.len(), regions[0].wanted);
            if got < wanted {
                short.push((index, got, wanted));
            }
            for (to, region) in drawn.iter_mut().zip(regions) {
                to.extend(region.ids.into_iter().zip(region.centers_um).map(|(id, at)| (id, at, index)));
            }
        }
        let cells: Vec<(u64, [f64; 3], usize)> = drawn.concat();
        let [height, width] = canvas.shape();
        let margin = canvas.margin as i32;
        let planted = cells
            .par_iter()
            .map(|(id, [_, y, x], population)| {
                let center = canvas.fov_px_from_um(*y, *x);
                morphology::footprint(keys, *id, center, &populations[*population], canvas.pixel_um)
                    .cropped(-margin, -margin, height, width)
            })
            .collect();
        Self {
            ids: cells.iter().map(|c| c.0).collect(),
            centers_um: cells.iter().map(|c| c.1).collect(),
            planted: Arc::new(planted),
            short,
        }
    }
}
