//! The anatomy panel: cells over the picture, readouts, the side view.

use minisim::{
    Scene,
    effects::{TimeCourse, time_courses},
    footprint::{FootprintStack, OUTLINE_SHARE, Patch},
    physics::optics::OpticalModel,
    plan::Warp,
    spec::Spec,
    steps::{BrainMotion, PlaceNeurons, Vasculature},
};
use rayon::prelude::*;

use super::film::StageFilm;
use crate::messages::{Cell, CourseFacts, DisplacementFacts, SceneFacts};

/// Directions in which a cell's outline is measured.
const DIRECTIONS: usize = 24;
/// Points of the curves in the side view.
const CURVE: usize = 41;
/// Places along the longer side of the picture whose displacement is shown.
const ARROWS: usize = 11;

/// Cells, readouts and the side view of a scene, and the motion during the film that is shown.
pub(super) fn facts(scene: &Scene, spec: &Spec, film: &StageFilm, seq: u64) -> SceneFacts {
    let truth = scene.recorded();
    let stack = &truth.planted;
    let model = OpticalModel::new(&spec.acquisition);
    let n = truth.n_units();
    let centers = truth.centers_um();
    let round = |v: f64, digits: i32| (v * 10_f64.powi(digits)).round() / 10_f64.powi(digits);
    let snr = truth.f64s("peak_snr");
    let cells: Vec<Cell> = stack
        .patches
        .par_iter()
        .zip(0..n)
        .map(|(patch, i)| {
            let [z, y, x] = [centers[3 * i], centers[3 * i + 1], centers[3 * i + 2]];
            let [row, col] = scene.canvas.fov_px_from_um(y, x);
            Cell {
                row: round(row, 1),
                col: round(col, 1),
                depth_um: round(z, 1),
                detectable: truth.detectable().get(i).copied().unwrap_or_default(),
                in_focus: truth.in_focus().get(i).copied().unwrap_or(true),
                snr: snr.map(|v| round(v[i], 2)),
                outline: outline(scene, stack, patch, &centers[3 * i..3 * i + 3]),
            }
        })
        .collect();
    let field_um = spec.acquisition.fov_um();
    let populations = spec.step::<PlaceNeurons>().map(|p| p.all_populations());
    let populations = || populations.iter().flatten();
    let focal = truth.focal_depth_um;
    let curve = |focal: f64| {
        let lateral = (0..CURVE).map(|i| round((i as f64 / (CURVE - 1) as f64 - 0.5) * field_um[1], 1));
        lateral.map(|x| [x, round(model.local_focal_depth_um([0.0, 0.0, x], focal), 2)]).collect()
    };
    let vessels = spec.step::<Vasculature>().filter(|v| v.enabled);
    let moves = spec.step::<BrainMotion>().is_some();
    SceneFacts {
        seq,
        fov_um: field_um,
        fov_px: scene.canvas.fov,
        pixel_um: spec.acquisition.pixel_size_um(),
        expected_cells: populations().map(|p| p.expected_cells(field_um[0] * field_um[1])).sum(),
        placed: n,
        detectable: truth.detectable().iter().filter(|d| **d).count(),
        in_focus: truth.in_focus().iter().filter(|d| **d).count(),
        focal_depth_um: focal,
        depth_of_field_um: model.depth_of_field_um,
        focal_curve: focal.map(curve),
        bands_um: populations().map(|p| p.depth_extent_um()).collect(),
        vessels_um: vessels
            .iter()
            .flat_map(|v| v.layers.iter())
            .map(|l| [l.depth_um.get(), l.root_radius_um.get()])
            .collect(),
        vessel_edge: truth.f64s("vasculature_mask").map(|mask| vessel_edge(mask, scene.canvas.fov)),
        path_px: film.path_px().filter(|_| moves).map(|px| px.iter().map(|v| round(*v, 2)).collect()),
        displacement: displacement(film),
        courses: courses(film),
        stages: scene.plan.stages.iter().map(|s| s.name.to_owned()).collect(),
        cells,
        warnings: scene.warnings.iter().map(Into::into).collect(),
    }
}

/// How the tissue is displaced during the film; none if it is at rest.
fn displacement(film: &StageFilm) -> Option<DisplacementFacts> {
    let truth = film.truth();
    let warp = truth.warp()?;
    if matches!(warp, Warp::Still) {
        return None;
    }
    let fov = truth.planted.fov_shape;
    let spacing = fov[0].max(fov[1]) as f64 / ARROWS as f64;
    let axis = |n: usize| {
        let places = (n as f64 / spacing).round().max(1.0);
        (0..places as usize).map(move |i| (i as f64 + 0.5) * n as f64 / places - 0.5)
    };
    let places: Vec<[f64; 2]> = axis(fov[0]).flat_map(|y| axis(fov[1]).map(move |x| [y, x])).collect();
    let hundredths = |px: f64| ((px * 100.0).round() / 100.0) as f32;
    let beyond = match &warp {
        Warp::NonRigid(deformation) => Some(
            film.frames()
                .flat_map(|t| {
                    let frame = deformation.frame(fov, t);
                    places.iter().flat_map(move |place| frame.local_px(place[0], place[1])).collect::<Vec<_>>()
                })
                .map(hundredths)
                .collect(),
        ),
        Warp::Still | Warp::Rigid(_) => None,
    };
    Some(DisplacementFacts {
        at_px: places.iter().flatten().copied().map(hundredths).collect(),
        whole_px: film.frames().flat_map(|t| warp.shift_px(t)).map(hundredths).collect(),
        beyond_px: beyond,
    })
}

/// What changes over time for all cells alike, during the film.
fn courses(film: &StageFilm) -> Vec<CourseFacts> {
    let shown = |curve: &&[f64]| curve.get(film.frames()).map(|values| values.iter().map(|v| *v as f32).collect());
    let facts = |course: TimeCourse<'_>| CourseFacts {
        label: course.label,
        unit: course.unit.to_owned(),
        about: course.about.to_owned(),
        curves: course.curves.iter().filter_map(shown).collect(),
    };
    time_courses(film.truth()).into_iter().map(facts).collect()
}

/// Distance of a cell's outline from its centre in tenths of a pixel, direction by direction from the right, clockwise on
/// the screen.
fn outline(scene: &Scene, stack: &FootprintStack, patch: &Patch, center_um: &[f64]) -> Vec<u16> {
    let peak = patch.data.iter().copied().fold(0.0, f32::max);
    let [row, col] = scene.canvas.fov_px_from_um(center_um[1], center_um[2]);
    let [row, col] = [row + stack.fov_offset[0] as f64, col + stack.fov_offset[1] as f64];
    let value = |r: f64, c: f64| {
        // Canvas coordinates are not negative, so cutting the fraction rounds.
        let (r, c) = ((r + 0.5) as i32 - patch.row, (c + 0.5) as i32 - patch.col);
        let inside = r >= 0 && c >= 0 && (r as usize) < patch.height && (c as usize) < patch.width;
        if inside { patch.data[r as usize * patch.width + c as usize] } else { 0.0 }
    };
    let most = 0.75 * (patch.height.max(patch.width) as f64);
    (0..DIRECTIONS)
        .map(|d| {
            let angle = d as f64 / DIRECTIONS as f64 * std::f64::consts::TAU;
            let (sin, cos) = angle.sin_cos();
            let mut r = 0.0;
            while r < most && value(row + r * sin, col + r * cos) >= OUTLINE_SHARE * peak {
                r += 0.5;
            }
            ((r + 0.25) * 10.0) as u16
        })
        .collect()
}

/// Share of light that a vessel lets through at its drawn edge.
const VESSEL_EDGE: f64 = 0.75;

/// Pixels where the vessels begin to take a quarter of the light ([`VESSEL_EDGE`]): row, column, row, column, …
fn vessel_edge(mask: &[f64], [h, w]: [usize; 2]) -> Vec<u16> {
    let dark = |r: usize, c: usize| mask[r * w + c] < VESSEL_EDGE;
    let mut edge = Vec::new();
    for r in 1..h.saturating_sub(1) {
        for c in 1..w.saturating_sub(1) {
            if dark(r, c) && !(dark(r - 1, c) && dark(r + 1, c) && dark(r, c - 1) && dark(r, c + 1)) {
                edge.extend([r as u16, c as u16]);
            }
        }
    }
    edge
}
