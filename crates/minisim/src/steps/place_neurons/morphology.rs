//! What a cell looks like in perfect focus: a lumpy soma, on request with proximal dendrites.

use crate::{
    footprint::Patch,
    math,
    physics::{
        blur::{Border, blur_field},
        branching::murray_children,
    },
    rng::Key,
    steps::{Morphology, NeuronPopulation},
};

/// Mean number of primary dendrites, and the limits it is clamped to.
const MEAN_PRIMARIES: f64 = 5.0;
const PRIMARIES: std::ops::RangeInclusive<u64> = 2..=9;
/// Spread of the launch angles around even spacing (rad).
const LAUNCH_JITTER_RAD: f64 = 0.4;
/// Dendrites start inside the soma, at this share of its radius.
const LAUNCH_RADIUS: f64 = 0.8;
/// Length of a primary as a share of the nominal reach.
pub(super) const LENGTH_SHARE: [f64; 2] = [0.6, 1.25];
/// Heading noise per step of one pixel (rad).
const HEADING_NOISE_RAD: f64 = 0.16;
/// Thinnest drawn radius (px).
const MIN_RADIUS_PX: f64 = 0.5;
/// Brightness of a thread and of a full-width dendrite, relative to the soma.
const INTENSITY: [f64; 2] = [0.05, 0.55];
/// Chance of a branch per step, branch generations, Murray share of the main child, turn of the side child (rad), length of
/// the side child as a share of what remains.
const BRANCH_PROBABILITY: f64 = 0.06;
const BRANCH_GENERATIONS: u32 = 2;
const MAIN_SHARE: f64 = 0.62;
const SIDE_TURN_RAD: f64 = 0.7;
const SIDE_LENGTH_SHARE: f64 = 0.8;

/// The random addresses a footprint is drawn from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    pub(super) outline: Key,
    pub(super) dendrites: Key,
}

/// A cell's sharp footprint, peak 1, on an unbounded grid of pixels; `center_px` (row, col) and the patch are in the same
/// coordinates.
pub(super) fn footprint(keys: Keys, id: u64, center_px: [f64; 2], population: &NeuronPopulation, pixel_um: f64) -> Patch {
    let radius_px = population.soma_radius_um.get() / pixel_um;
    let irregularity = population.irregularity.get();
    let soma = soma(keys.outline, id, center_px, radius_px, irregularity);
    match population.morphology {
        Morphology::Soma => soma,
        Morphology::Cytosolic => {
            let length_px = population.dendrite_length_um.get() / pixel_um;
            let base_px = 0.5 * population.dendrite_width_um.get() / pixel_um;
            let reach = LAUNCH_RADIUS * radius_px + LENGTH_SHARE[1] * length_px + base_px.max(1.0) + 2.0;
            let half = reach.max(radius_px * (1.0 + irregularity) + 2.0).ceil() as i32;
            let mut drawing = Drawing::new(center_px, half);
            drawing.dendrites(keys.dendrites, id, radius_px, length_px, base_px);
            drawing.combine(&soma);
            drawing.trimmed()
        }
    }
}

/// The soma: all pixels whose centre lies within the wobbling outline.
fn soma(key: Key, id: u64, center_px: [f64; 2], radius_px: f64, irregularity: f64) -> Patch {
    let nearest = center_px.map(|v| v.round_ties_even() as i32);
    let half = (radius_px * (1.0 + irregularity)).ceil() as i32 + 1;
    let side = (2 * half + 1) as usize;
    let offsets: Vec<f64> = (-half..=half).map(f64::from).collect();
    let wobble = if irregularity > 0.0 {
        // The noise belongs to the cell, not to the tissue: it is drawn around the cell's nearest pixel.
        let white: Vec<f64> = (0..side * side).map(|i| key.normal(id, i as u64)).collect();
        let noise = blur_field(&white, [side, side], (radius_px / 2.0).max(1.0), Border::Mirror);
        let peak = noise.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        noise.into_iter().map(|v| if peak > 0.0 { v / peak } else { 0.0 }).collect()
    } else {
        vec![0.0; side * side]
    };
    let mut drawing = Drawing::new(center_px, half);
    for (i, n) in wobble.iter().enumerate() {
        let dy = f64::from(nearest[0]) + offsets[i / side] - center_px[0];
        let dx = f64::from(nearest[1]) + offsets[i % side] - center_px[1];
        if math::hypot(dy, dx) <= radius_px * (1.0 + irregularity * n) {
            drawing.patch.data[i] = 1.0;
        }
    }
    if drawing.patch.is_dark() {
        drawing.patch.data[side * side / 2] = 1.0;
    }
    drawing.trimmed()
}

/// A square patch around a cell that is being drawn.
#[derive(Debug)]
struct Drawing {
    patch: Patch,
    center_px: [f64; 2],
}

impl Drawing {
    fn new(center_px: [f64; 2], half: i32) -> Self {
        let side = (2 * half + 1) as usize;
        let [row, col] = center_px.map(|v| v.round_ties_even() as i32 - half);
        Self { patch: Patch { row, col, height: side, width: side, data: vec![0.0; side * side] }, center_px }
    }

    /// Keeps the brighter of the drawing and `other`.
    fn combine(&mut self, other: &Patch) {
        let inside = other.cropped(self.patch.row, self.patch.col, self.patch.height, self.patch.width);
        for r in 0..inside.height {
            let at = (inside.row as usize + r) * self.patch.width + inside.col as usize;
            let line = &mut self.patch.data[at..at + inside.width];
            line.iter_mut().zip(inside.row_weights(r)).for_each(|(a, b)| *a = a.max(*b));
        }
    }

    fn disc(&mut self, y: f64, x: f64, radius: f64, intensity: f64) {
        let (y, x) = (y - f64::from(self.patch.row), x - f64::from(self.patch.col));
        let span = |v: f64, n: usize| {
            let first = (v - radius).ceil().max(0.0) as usize;
            let last = (v + radius).floor().min(n as f64 - 1.0);
            if last < 0.0 { 0..0 } else { first..last as usize + 1 }
        };
        for row in span(y, self.patch.height) {
            for col in span(x, self.patch.width) {
                let (dy, dx) = (row as f64 - y, col as f64 - x);
                if dy * dy + dx * dx <= radius * radius {
                    let pixel = &mut self.patch.data[row * self.patch.width + col];
                    *pixel = pixel.max(intensity as f32);
                }
            }
        }
    }

    fn dendrites(&mut self, key: Key, id: u64, radius_px: f64, length_px: f64, base_px: f64) {
        let mut draws = Draws { key, id, next: 0 };
        let n = draws.key.poisson(id, u64::MAX, MEAN_PRIMARIES).clamp(*PRIMARIES.start(), *PRIMARIES.end());
        let start = std::f64::consts::TAU * draws.uniform();
        for primary in 0..n {
            let even = std::f64::consts::TAU * primary as f64 / n as f64;
            let heading = start + even + LAUNCH_JITTER_RAD * draws.normal();
            let share = LENGTH_SHARE[0] + (LENGTH_SHARE[1] - LENGTH_SHARE[0]) * draws.uniform();
            let branch = Branch {
                y: self.center_px[0] + LAUNCH_RADIUS * radius_px * math::sin(heading),
                x: self.center_px[1] + LAUNCH_RADIUS * radius_px * math::cos(heading),
                heading,
                length_px: share * length_px,
                radius_px: base_px,
                generations: BRANCH_GENERATIONS,
            };
            self.branch(branch, base_px, &mut draws);
        }
    }

    /// Walks a branch and everything that grows out of it.
    fn branch(&mut self, first: Branch, base_px: f64, draws: &mut Draws) {
        let mut waiting = vec![first];
        while let Some(mut b) = waiting.pop() {
            let n_steps = (b.length_px as usize).max(1);
            for step in 0..n_steps {
                let radius = (b.radius_px * (1.0 - step as f64 / n_steps as f64)).max(MIN_RADIUS_PX);
                let thickness = if base_px > 0.0 { (radius / base_px).min(1.0) } else { 1.0 };
                self.disc(b.y, b.x, radius, INTENSITY[0] + thickness * (INTENSITY[1] - INTENSITY[0]));
                b.heading += HEADING_NOISE_RAD * draws.normal();
                b.y += math::sin(b.heading);
                b.x += math::cos(b.heading);
                let branches = draws.uniform() < BRANCH_PROBABILITY;
                if branches && b.generations > 0 && step + 2 < n_steps {
                    let side = if draws.uniform() < 0.5 { -1.0 } else { 1.0 };
                    let (main, thin) = murray_children(b.radius_px, MAIN_SHARE);
                    waiting.push(Branch {
                        heading: b.heading + side * SIDE_TURN_RAD,
                        length_px: SIDE_LENGTH_SHARE * (n_steps - step) as f64,
                        radius_px: thin,
                        generations: b.generations - 1,
                        ..b
                    });
                    b.radius_px = main;
                    b.generations -= 1;
                    b.heading -= side * 0.5 * SIDE_TURN_RAD;
                }
            }
        }
    }

    /// The patch without dark borders.
    fn trimmed(self) -> Patch {
        let p = &self.patch;
        let lit = |r: usize, c: usize| p.data[r * p.width + c] > 0.0;
        let rows: Vec<usize> = (0..p.height).filter(|r| (0..p.width).any(|c| lit(*r, c))).collect();
        let cols: Vec<usize> = (0..p.width).filter(|c| (0..p.height).any(|r| lit(r, *c))).collect();
        let (Some(top), Some(left), Some(bottom), Some(right)) = (rows.first(), cols.first(), rows.last(), cols.last())
        else {
            return Patch::default();
        };
        let cut = p.cropped(p.row + *top as i32, p.col + *left as i32, bottom - top + 1, right - left + 1);
        Patch { row: p.row + *top as i32, col: p.col + *left as i32, ..cut }
    }
}

#[derive(Clone, Copy, Debug)]
struct Branch {
    y: f64,
    x: f64,
    heading: f64,
    length_px: f64,
    radius_px: f64,
    generations: u32,
}

/// A cell's own row of draws.
#[derive(Debug)]
struct Draws {
    key: Key,
    id: u64,
    next: u64,
}

impl Draws {
    fn uniform(&mut self) -> f64 {
        self.next += 1;
        self.key.uniform(self.id, self.next)
    }

    fn normal(&mut self) -> f64 {
        self.next += 1;
        self.key.normal(self.id, self.next)
    }
}
