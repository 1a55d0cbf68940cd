//! Growing blood vessels and the shadow they cast.

use std::f64::consts::TAU;

use rayon::prelude::*;

use crate::{math, physics::branching::murray_children, rng::Key, steps::VesselLayer};

/// Segments after which a tree stops growing.
const MAX_SEGMENTS: usize = 2000;
/// Rows of pixels whose blood is summed up together.
const BAND: usize = 32;
/// Spread of a root's heading around the inward normal: top and bottom edges, left and right edges (rad).
const ROOT_SPREAD_RAD: [f64; 2] = [TAU / 8.0, TAU / 5.0];

/// A straight piece of vessel, ends in µm from the optical axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// (y, x) of the upstream end (µm).
    pub from_um: [f64; 2],
    /// (y, x) of the downstream end (µm).
    pub to_um: [f64; 2],
    /// Radius (µm).
    pub radius_um: f64,
}

/// Grows one tree from a random edge of the rectangle of half sizes `half_um` (y, x) around the axis.
#[must_use]
pub fn grow_tree(key: Key, root: u64, layer: &VesselLayer, half_um: [f64; 2]) -> Vec<Segment> {
    let mut next = 0;
    let mut draw = || {
        next += 1;
        next
    };
    let mut uniform = {
        let mut index = 0;
        move || {
            index += 1;
            key.uniform(root, index << 1)
        }
    };
    let mut normal = || key.normal(root, (draw() << 1) | 1);
    let along = 2.0 * uniform() - 1.0;
    let spread = 2.0 * uniform() - 1.0;
    // Headings: 0 points to +x, a quarter turn to +y (down).
    let (start, inward, lean) = match (uniform() * 4.0) as u32 {
        0 => ([-half_um[0], along * half_um[1]], TAU / 4.0, ROOT_SPREAD_RAD[0]),
        1 => ([half_um[0], along * half_um[1]], -TAU / 4.0, ROOT_SPREAD_RAD[0]),
        2 => ([along * half_um[0], -half_um[1]], 0.0, ROOT_SPREAD_RAD[1]),
        _ => ([along * half_um[0], half_um[1]], TAU / 2.0, ROOT_SPREAD_RAD[1]),
    };
    let tortuosity = layer.tortuosity_deg.get().to_radians();
    let turn = layer.branch_angle_deg.get().to_radians();
    let mut segments = Vec::new();
    let mut waiting = vec![(start, inward + spread * lean, layer.root_radius_um.get())];
    while let Some((mut at, mut heading, mut radius)) = waiting.pop() {
        while radius >= layer.min_radius_um.get() && segments.len() < MAX_SEGMENTS {
            heading += tortuosity * normal();
            let step = layer.step_per_radius.get() * radius;
            let to = [at[0] + step * math::sin(heading), at[1] + step * math::cos(heading)];
            segments.push(Segment { from_um: at, to_um: to, radius_um: radius });
            at = to;
            if at[0].abs() > half_um[0] || at[1].abs() > half_um[1] {
                break;
            }
            if uniform() < layer.branch_prob.get() {
                let (main, side) = murray_children(radius, layer.branch_area_main.get());
                let sign = if uniform() < 0.5 { -1.0 } else { 1.0 };
                waiting.push((at, heading + sign * turn * radius / side, side));
                heading -= sign * turn * radius / main;
                radius = main;
            }
        }
    }
    segments
}

/// Length of blood in the light's way (µm) at each crossing of `rows_um` and `cols_um` (ascending): `2 sqrt(r² - d²)` at
/// distance d from a segment's axis, summed over segments.
#[must_use]
pub fn blood_path_um(segments: &[Segment], rows_um: &[f64], cols_um: &[f64]) -> Vec<f64> {
    let width = cols_um.len();
    let mut path = vec![0.0; rows_um.len() * width];
    // Segments with the pixels they may reach.
    let reach = |s: &Segment| {
        let span = |axis: usize, at: &[f64]| {
            let (a, b) = (s.from_um[axis], s.to_um[axis]);
            let (low, high) = (a.min(b) - s.radius_um, a.max(b) + s.radius_um);
            at.partition_point(|v| *v < low)..at.partition_point(|v| *v <= high)
        };
        (*s, span(0, rows_um), span(1, cols_um))
    };
    let segments: Vec<_> = segments.iter().map(reach).filter(|(_, rows, cols)| !rows.is_empty() && !cols.is_empty()).collect();
    path.par_chunks_mut((BAND * width).max(1)).enumerate().for_each(|(band, path)| {
        // Memory that is read before it is written costs twice: the page of zeros, then one's own.
        path.fill(0.0);
        let band = band * BAND..band * BAND + path.len() / width;
        for (s, rows, cols) in &segments {
            let d = [s.to_um[0] - s.from_um[0], s.to_um[1] - s.from_um[1]];
            let length2 = d[0] * d[0] + d[1] * d[1];
            for row in rows.start.max(band.start)..rows.end.min(band.end) {
                for col in cols.clone() {
                    let v = [rows_um[row] - s.from_um[0], cols_um[col] - s.from_um[1]];
                    let along =
                        if length2 > 0.0 { ((v[0] * d[0] + v[1] * d[1]) / length2).clamp(0.0, 1.0) } else { 0.0 };
                    let off = [v[0] - along * d[0], v[1] - along * d[1]];
                    let gap2 = s.radius_um * s.radius_um - (off[0] * off[0] + off[1] * off[1]);
                    if gap2 > 0.0 {
                        path[(row - band.start) * width + col] += 2.0 * gap2.sqrt();
                    }
                }
            }
        }
    });
    path
}

/// Share of light that passes: `1 - opacity * (1 - exp(-k * path))`.
#[must_use]
pub fn transmission(path_um: &[f64], opacity: f64, absorption_per_um: f64) -> Vec<f64> {
    path_um.par_iter().map(|p| 1.0 - opacity * (1.0 - math::exp(-absorption_per_um * p))).collect()
}
