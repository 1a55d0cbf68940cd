//! Where the cells are.

use std::collections::HashMap;

use crate::{rng::Key, plan::Canvas, steps::NeuronPopulation};

/// Cells of one region of one population, in drawing order.
#[derive(Debug, Default)]
pub(super) struct Placed {
    pub(super) ids: Vec<u64>,
    pub(super) centers_um: Vec<[f64; 3]>,
    /// How many were asked for.
    pub(super) wanted: usize,
}

/// The first number of a cell's identity: unchanged by density, duration and margin.
pub(super) fn cell_id(population: usize, in_margin: bool, draw: u64) -> u64 {
    ((population as u64) << 40) | (u64::from(in_margin) << 39) | draw
}

/// Draws a population's cells: those of the field of view and those of the margin, each from their own stream.
pub(super) fn scatter(key: Key, canvas: Canvas, index: usize, population: &NeuronPopulation) -> [Placed; 2] {
    let [fov_h, fov_w] = canvas.fov_um();
    let [h, w] = canvas.shape().map(|n| n as f64 * canvas.pixel_um);
    let margin_um = canvas.margin as f64 * canvas.pixel_um;
    let mut spacing = Spacing::new(population.min_distance_um.get());
    let expected = |area_um2: f64| population.expected_cells(area_um2) as usize;
    let fov = throw(key, cell_id(index, false, 0), expected(fov_h * fov_w), population, &mut spacing, |u| {
        [(u[0] - 0.5) * fov_h, (u[1] - 0.5) * fov_w]
    });
    let margin_area = h * w - fov_h * fov_w;
    let in_margin = |u: [f64; 2]| {
        // The margin unrolled into a band as long as its area over its width: above and below (full width), left and right.
        let band = 2.0 * margin_um * w;
        let at = u[0] * margin_area;
        if at < band {
            let y = at / w;
            let y = if y < margin_um { y - h / 2.0 } else { y - margin_um + fov_h / 2.0 };
            [y, (u[1] - 0.5) * w]
        } else {
            let x = (at - band) / fov_h;
            let x = if x < margin_um { x - w / 2.0 } else { x - margin_um + fov_w / 2.0 };
            [(u[1] - 0.5) * fov_h, x]
        }
    };
    let n_margin = if canvas.margin == 0 { 0 } else { expected(margin_area) };
    let margin = throw(key, cell_id(index, true, 0), n_margin, population, &mut spacing, in_margin);
    [fov, margin]
}

fn throw(
    key: Key,
    first_id: u64,
    wanted: usize,
    population: &NeuronPopulation,
    spacing: &mut Spacing,
    lateral: impl Fn([f64; 2]) -> [f64; 2],
) -> Placed {
    let mut placed = Placed { wanted, ..Placed::default() };
    // Without a minimum distance every throw lands.
    let attempts = if spacing.distance_um > 0.0 { wanted.saturating_mul(100).max(1000) } else { wanted };
    let [top, bottom] = population.depth_range_um;
    for attempt in 0..attempts as u64 {
        if placed.ids.len() == wanted {
            break;
        }
        let id = first_id + attempt;
        let z = top + (bottom - top) * key.uniform(id, 0);
        let [y, x] = lateral([key.uniform(id, 1), key.uniform(id, 2)]);
        if spacing.take([z, y, x]) {
            placed.ids.push(id);
            placed.centers_um.push([z, y, x]);
        }
    }
    placed
}

/// Keeps centres apart. Neighbours are found on a grid as coarse as the distance, so the cost does not grow with the number
/// of pairs.
#[derive(Debug)]
struct Spacing {
    distance_um: f64,
    grid: HashMap<[i64; 3], Vec<[f64; 3]>>,
}

impl Spacing {
    fn new(distance_um: f64) -> Self {
        Self { distance_um, grid: HashMap::new() }
    }

    /// Takes the place if no other centre is too close.
    fn take(&mut self, at: [f64; 3]) -> bool {
        if self.distance_um <= 0.0 {
            return true;
        }
        let cell = at.map(|v| (v / self.distance_um).floor() as i64);
        let limit = self.distance_um * self.distance_um;
        for dz in -1..=1 {
            for dy in -1..=1 {
                for dx in -1..=1 {
                    let neighbours = self.grid.get(&[cell[0] + dz, cell[1] + dy, cell[2] + dx]);
                    let too_close = |other: &[f64; 3]| {
                        let d = [at[0] - other[0], at[1] - other[1], at[2] - other[2]];
                        d[0] * d[0] + d[1] * d[1] + d[2] * d[2] < limit
                    };
                    if neighbours.is_some_and(|n| n.iter().any(too_close)) {
                        return false;
                    }
                }
            }
        }
        self.grid.entry(cell).or_default().push(at);
        true
    }
}
