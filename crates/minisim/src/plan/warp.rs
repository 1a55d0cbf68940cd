//! How the tissue lies under the scope: at rest, displaced as a whole, or turned and deformed as well.
//!
//! A displacement is that of the content: what a pixel `p` of the field of view shows lies at `p - displacement(p)` on the tissue,
//! so content moves towards higher indices where the displacement is positive.

use std::{ops::Range, sync::Arc};

use super::Course;
use crate::math;

/// How the tissue lies under the scope.
#[derive(Clone, Debug)]
pub enum Warp {
    /// At rest in every frame.
    Still,
    /// Displaced by (dy, dx) px, one pair a frame; the content moves towards higher indices for positive numbers.
    Rigid(Vec<[f64; 2]>),
    /// Displaced, turned and deformed.
    NonRigid(Deformation),
}

impl From<Vec<[f64; 2]>> for Warp {
    fn from(path_px: Vec<[f64; 2]>) -> Self {
        Self::Rigid(path_px)
    }
}

impl From<Deformation> for Warp {
    fn from(deformation: Deformation) -> Self {
        Self::NonRigid(deformation)
    }
}

impl Warp {
    /// The displacement of the content as a whole in frame `t` (dy, dx), px.
    #[must_use]
    pub fn shift_px(&self, t: usize) -> [f64; 2] {
        match self {
            Self::Still => [0.0; 2],
            Self::Rigid(path_px) => path_px[t],
            Self::NonRigid(deformation) => deformation.path_px[t],
        }
    }

    /// The displacement (dy, dx), px, of what pixel (y, x) of a field of view of (height, width) px shows in frame `t`.
    #[must_use]
    pub fn displacement_px(&self, fov: [usize; 2], t: usize, [y, x]: [f64; 2]) -> [f64; 2] {
        match self {
            Self::Still | Self::Rigid(_) => self.shift_px(t),
            Self::NonRigid(deformation) => {
                let frame = deformation.frame(fov, t);
                let local = frame.local_px(y, x);
                [frame.path_px[0] + local[0], frame.path_px[1] + local[1]]
            }
        }
    }

    /// Both motions at once: their displacements add up. Says why if they cannot.
    pub(super) fn and(&self, other: &Self) -> Result<Self, String> {
        let sums = |a: &[[f64; 2]], b: &[[f64; 2]]| a.iter().zip(b).map(|(a, b)| [a[0] + b[0], a[1] + b[1]]).collect();
        Ok(match (self, other) {
            (Self::Still, warp) | (warp, Self::Still) => warp.clone(),
            (Self::Rigid(a), Self::Rigid(b)) => Self::Rigid(sums(a, b)),
            (Self::Rigid(path_px), Self::NonRigid(deformation))
            | (Self::NonRigid(deformation), Self::Rigid(path_px)) => {
                Self::NonRigid(Deformation { path_px: sums(path_px, &deformation.path_px), ..deformation.clone() })
            }
            (Self::NonRigid(a), Self::NonRigid(b)) if a.grid == b.grid => Self::NonRigid(Deformation {
                path_px: sums(&a.path_px, &b.path_px),
                rotation_rad: a.rotation_rad.iter().zip(&b.rotation_rad).map(|(a, b)| a + b).collect(),
                grid: a.grid,
                modes: a.modes.iter().chain(&b.modes).cloned().collect(),
            }),
            (Self::NonRigid(_), Self::NonRigid(_)) => {
                return Err("stands on another grid than the deformation before".to_owned());
            }
        })
    }

    /// Says what keeps a renderer from using it for films of that many frames.
    pub(super) fn fault(&self, fov: [usize; 2], n_frames: usize) -> Option<String> {
        match self {
            Self::Still => None,
            Self::Rigid(path_px) => unknown("the displacement", path_px.len(), n_frames),
            Self::NonRigid(deformation) => deformation.fault(fov, n_frames),
        }
    }
}

/// Says if fewer frames are known than there are.
fn unknown(what: &str, known: usize, n_frames: usize) -> Option<String> {
    (known < n_frames).then(|| format!("{what}: {known} of {n_frames} frames are known"))
}

/// Motion that is not that of a rigid image in its plane:
/// `displacement(y, x, t) = path(t) + rotation about the field's centre + Σ_k U_k(y, x) · q_k(t)`.
#[derive(Clone, Debug)]
pub struct Deformation {
    /// Displacement as a whole (dy, dx), px, one pair a frame.
    pub path_px: Vec<[f64; 2]>,
    /// Angle (rad) that the content is turned by about the centre of the field of view (the optical axis), one a frame; a small
    /// positive one moves what lies to the right of the centre down.
    pub rotation_rad: Vec<f64>,
    /// Where the vectors of the modes stand.
    pub grid: Grid,
    /// Displacement fields, added up.
    pub modes: Vec<Mode>,
}

/// A coarse grid on the field of view, whose first node is the middle of the first pixel. Between nodes vectors are
/// interpolated by Catmull and Rom's cubic, which has no kinks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Rows and columns of nodes, at least 2.
    pub shape: [usize; 2],
    /// Distance between nodes (px).
    pub spacing_px: f64,
}

/// A displacement field whose size changes in time.
#[derive(Clone, Debug)]
pub struct Mode {
    /// Displacement (dy, dx), px, at each node, row-major.
    pub vectors_px: Arc<Vec<[f64; 2]>>,
    /// The factor in each frame.
    pub course: Course,
}

/// What a pixel shows must be more than this share of its area on the tissue: less than 0 is a fold, and tissue that is stretched
/// to twice its area is no tissue any more.
pub const LEAST_JACOBIAN: f64 = 0.5;

impl Deformation {
    /// The displacements of one frame, seen in a field of view of (height, width) px.
    #[must_use]
    pub fn frame(&self, fov: [usize; 2], t: usize) -> Displacement {
        let [rows, cols] = self.grid.shape;
        let mut nodes = vec![[0.0; 2]; (rows + 2) * (cols + 2)];
        for mode in &self.modes {
            let [q] = mode.course.block::<1>(t).map(f64::from);
            for (line, vectors) in nodes[cols + 2..].chunks_exact_mut(cols + 2).zip(mode.vectors_px.chunks_exact(cols))
            {
                for (node, vector) in line[1..].iter_mut().zip(vectors) {
                    *node = [node[0] + q * vector[0], node[1] + q * vector[1]];
                }
            }
        }
        // One more node around, so that displacements go on as they come.
        let beyond = |a: [f64; 2], b: [f64; 2]| [2.0 * a[0] - b[0], 2.0 * a[1] - b[1]];
        for line in nodes.chunks_exact_mut(cols + 2) {
            line[0] = beyond(line[1], line[2]);
            line[cols + 1] = beyond(line[cols], line[cols - 1]);
        }
        let n = cols + 2;
        for c in 0..n {
            nodes[c] = beyond(nodes[n + c], nodes[2 * n + c]);
            nodes[(rows + 1) * n + c] = beyond(nodes[rows * n + c], nodes[(rows - 1) * n + c]);
        }
        let angle = self.rotation_rad[t];
        Displacement {
            path_px: self.path_px[t],
            sin: math::sin(angle),
            // 1 - cos, without cancellation.
            versed: 2.0 * math::sin(0.5 * angle) * math::sin(0.5 * angle),
            centre: fov.map(|n| (n as f64 - 1.0) / 2.0),
            grid: self.grid,
            nodes,
        }
    }

    /// How far any pixel of a field of view of (height, width) px is displaced down or up, and to the right or left, at most,
    /// in `frames` (px): what a margin must have room for. To the grid's resolution.
    #[must_use]
    pub fn reach_px(&self, fov: [usize; 2], frames: Range<usize>) -> [f64; 2] {
        let mut reach = [0.0_f64; 2];
        for t in frames {
            let frame = self.frame(fov, t);
            for place in self.grid.places(fov) {
                let local = frame.local_px(place[0], place[1]);
                for k in 0..2 {
                    reach[k] = reach[k].max((frame.path_px[k] + local[k]).abs());
                }
            }
        }
        reach
    }

    /// Says where, in `frames`, the tissue would fold or be stretched to twice its area; nothing if nowhere. Looked at
    /// are the nodes of the grid and the middles between them.
    #[must_use]
    pub fn fold(&self, fov: [usize; 2], mut frames: Range<usize>) -> Option<String> {
        frames.find_map(|t| {
            let frame = self.frame(fov, t);
            self.grid.places(fov).find_map(|[y, x]| {
                let jacobian = frame.jacobian(y, x);
                // Not a number is refused, too.
                let fine = jacobian > LEAST_JACOBIAN;
                (!fine).then(|| {
                    format!(
                        "frame {t}, row {y:.0}, column {x:.0}: the Jacobian is {jacobian:.2} and must be greater than \
                         {LEAST_JACOBIAN}"
                    )
                })
            })
        })
    }

    pub(super) fn fault(&self, fov: [usize; 2], n_frames: usize) -> Option<String> {
        let Grid { shape: [rows, cols], spacing_px } = self.grid;
        if rows < 2 || cols < 2 || !(spacing_px.is_finite() && spacing_px > 0.0) {
            return Some(format!(
                "the grid has {rows} × {cols} nodes, {spacing_px} px apart; it needs 2 × 2 and a positive distance"
            ));
        }
        let reach = [rows, cols].map(|n| (n - 1) as f64 * spacing_px);
        if (0..2).any(|k| reach[k] < fov[k] as f64 - 1.0) {
            return Some(format!("the grid reaches over {reach:?} px, the field of view has {fov:?}"));
        }
        for (k, mode) in self.modes.iter().enumerate() {
            if mode.vectors_px.len() != rows * cols {
                let n = mode.vectors_px.len();
                return Some(format!("mode {k} has {n} vectors, the grid has {} nodes", rows * cols));
            }
            if mode.vectors_px.iter().flatten().any(|v| !v.is_finite()) {
                return Some(format!("mode {k} has a vector that is not finite"));
            }
            let short = mode.course.n_frames().and_then(|known| unknown(&format!("mode {k}"), known, n_frames));
            if short.is_some() {
                return short;
            }
        }
        let finite = self.path_px.iter().flatten().chain(&self.rotation_rad).all(|v| v.is_finite());
        unknown("the displacement", self.path_px.len(), n_frames)
            .or_else(|| unknown("the rotation", self.rotation_rad.len(), n_frames))
            .or_else(|| (!finite).then(|| "the displacement or the rotation is not finite in some frame".to_owned()))
    }
}

impl Grid {
    /// The nodes and the middles between them, as far as a field of view of (height, width) px reaches: (y, x), px.
    pub fn places(self, fov: [usize; 2]) -> impl Iterator<Item = [f64; 2]> {
        let axis = move |k: usize| {
            let last = fov[k] as f64 - 1.0;
            (0..2 * self.shape[k] - 1).map(move |i| (0.5 * i as f64 * self.spacing_px).min(last.max(0.0)))
        };
        axis(0).flat_map(move |y| axis(1).map(move |x| [y, x]))
    }
}

/// The displacements of one frame.
#[derive(Clone, Debug)]
pub struct Displacement {
    /// Displacement as a whole (dy, dx), px.
    pub path_px: [f64; 2],
    sin: f64,
    /// One minus the rotation's cosine.
    versed: f64,
    /// The middle of the field of view (px).
    centre: [f64; 2],
    grid: Grid,
    /// Displacement at each node, with one more node around the grid, row-major.
    nodes: Vec<[f64; 2]>,
}

impl Displacement {
    /// The displacement (dy, dx), px, at pixel (y, x) of the field of view, less that of the whole.
    #[must_use]
    pub fn local_px(&self, y: f64, x: f64) -> [f64; 2] {
        let ((i, u), (j, v)) = (self.cell(0, y), self.cell(1, x));
        let [dy, dx] = self.sum(i, j, weights(u), weights(v));
        let (y, x) = (y - self.centre[0], x - self.centre[1]);
        [dy + y * self.versed + x * self.sin, dx + x * self.versed - y * self.sin]
    }

    /// What the local displacement lies between, everywhere on the grid: least and greatest (dy, dx), px. A little wider than it is.
    #[must_use]
    pub fn local_range_px(&self) -> [[f64; 2]; 2] {
        let [rows, cols] = self.grid.shape;
        let third = self.grid.spacing_px / 3.0;
        let mut range = [[f64::INFINITY; 2], [f64::NEG_INFINITY; 2]];
        // Within a cell, a cubic lies between its least and its greatest Bézier point; straight fields are their own points.
        let mut lines = [const { Vec::new() }; 4];
        for i in 0..rows - 1 {
            for (k, line) in lines.iter_mut().enumerate() {
                if i > 0 && k < 3 {
                    continue;
                }
                let node = |c: usize| self.nodes[(i + k) * (cols + 2) + c];
                line.clear();
                for j in 0..cols - 1 {
                    let [a, b, c, d] = [node(j), node(j + 1), node(j + 2), node(j + 3)];
                    line.extend(bezier(a, b, c, d));
                }
            }
            let [above, upper, lower, below] = &lines;
            for (p, (above, (upper, (lower, below)))) in
                above.iter().zip(upper.iter().zip(lower.iter().zip(below))).enumerate()
            {
                let x = (p / 4 * 3 + p % 4) as f64 * third - self.centre[1];
                let down = bezier(*above, *upper, *lower, *below);
                for (q, [dy, dx]) in down.into_iter().enumerate() {
                    let y = (3 * i + q) as f64 * third - self.centre[0];
                    let there = [dy + y * self.versed + x * self.sin, dx + x * self.versed - y * self.sin];
                    for axis in 0..2 {
                        range[0][axis] = range[0][axis].min(there[axis]);
                        range[1][axis] = range[1][axis].max(there[axis]);
                    }
                }
            }
            lines.rotate_left(1);
        }
        range
    }

    /// What no slope of the displacement fields exceeds, up or down, anywhere on the grid (px per px); without the rotation.
    #[must_use]
    pub fn slope_bound(&self) -> f64 {
        let [rows, cols] = self.grid.shape;
        let mut steepest = 0.0_f64;
        for (i, j) in (0..rows - 1).flat_map(|i| (0..cols - 1).map(move |j| (i, j))) {
            let node = |k: usize, l: usize| self.nodes[(i + k) * (cols + 2) + j + l];
            let across = [0, 1, 2, 3].map(|k: usize| bezier(node(k, 0), node(k, 1), node(k, 2), node(k, 3)));
            let points = [0, 1, 2, 3].map(|l: usize| bezier(across[0][l], across[1][l], across[2][l], across[3][l]));
            // The slope of a cubic lies between the steps from one of its points to the next, in thirds of the way.
            for (k, l) in (0..4).flat_map(|k| (0..3).map(move |l| (k, l))) {
                for (from, to) in [(points[k][l], points[k][l + 1]), (points[l][k], points[l + 1][k])] {
                    let step = (to[0] - from[0]).abs().max((to[1] - from[1]).abs());
                    steepest = steepest.max(3.0 * step / self.grid.spacing_px);
                }
            }
        }
        steepest
    }

    /// By what factor a small area of the image grows when it is traced back to the tissue.
    fn jacobian(&self, y: f64, x: f64) -> f64 {
        let ((i, u), (j, v)) = (self.cell(0, y), self.cell(1, x));
        let per_px = |slopes: [f64; 4]| slopes.map(|s| s / self.grid.spacing_px);
        let along_y = self.sum(i, j, per_px(slopes(u)), weights(v));
        let along_x = self.sum(i, j, weights(u), per_px(slopes(v)));
        let (yy, yx) = (1.0 - along_y[0] - self.versed, -along_x[0] - self.sin);
        let (xy, xx) = (-along_y[1] + self.sin, 1.0 - along_x[1] - self.versed);
        yy * xx - yx * xy
    }

    /// The cell of an axis that a pixel lies in, and how far in it, from 0 to 1.
    fn cell(&self, axis: usize, px: f64) -> (usize, f64) {
        let at = px / self.grid.spacing_px;
        let cell = (at.max(0.0) as usize).min(self.grid.shape[axis] - 2);
        (cell, at - cell as f64)
    }

    /// `Σ down[k] · across[l]` of the vectors around a cell.
    fn sum(&self, i: usize, j: usize, down: [f64; 4], across: [f64; 4]) -> [f64; 2] {
        let n = self.grid.shape[1] + 2;
        let mut sum = [0.0; 2];
        for (k, down) in down.iter().enumerate() {
            for (l, across) in across.iter().enumerate() {
                let node = self.nodes[(i + k) * n + j + l];
                sum = [sum[0] + down * across * node[0], sum[1] + down * across * node[1]];
            }
        }
        sum
    }

    /// What lies in each column of the grid's cells in a row of a field of view that is `width` px wide.
    pub(crate) fn stretches(&self, width: usize) -> Vec<Stretch> {
        let n = self.grid.shape[1] - 1;
        let mut from = 0;
        let stretch = |j: usize| {
            let left_px = j as f64 * self.grid.spacing_px;
            let end = if j + 1 == n { width } else { width.min((left_px + self.grid.spacing_px).ceil() as usize) };
            let cols = from..end;
            from = end;
            Stretch { cols, left_px, origin: left_px as usize, part: (left_px - left_px.floor()) as f32 }
        };
        (0..n).map(stretch).collect()
    }

    /// Cells of the grid per pixel, in single precision.
    pub(crate) fn cells_per_px(&self) -> f32 {
        (1.0 / self.grid.spacing_px) as f32
    }

    /// The local displacements of row `y` of the field of view, stretch by stretch: (dy, dx). `nodes` is scratch. Inlined and in
    /// plain loops, so that it is compiled for the level of whoever calls it.
    #[inline(always)]
    pub(crate) fn curves(&self, y: f64, stretches: &[Stretch], nodes: &mut Vec<[f64; 2]>, out: &mut Vec<[Curve; 2]>) {
        let (i, u) = self.cell(0, y);
        let (down, n) = (weights(u), self.grid.shape[1] + 2);
        let around = &self.nodes[i * n..(i + 4) * n];
        nodes.clear();
        nodes.resize(n, [0.0; 2]);
        for (weight, line) in down.iter().zip(around.chunks_exact(n)) {
            for (node, above) in nodes.iter_mut().zip(line) {
                *node = [node[0] + weight * above[0], node[1] + weight * above[1]];
            }
        }
        // What rotation adds to a column, and how much more with each pixel.
        let turned = y - self.centre[0];
        let starts =
            [turned * self.versed - self.centre[1] * self.sin, -turned * self.sin - self.centre[1] * self.versed];
        let steps = [self.sin, self.versed];
        out.clear();
        out.resize(stretches.len(), [Curve::default(); 2]);
        for ((curves, stretch), near) in out.iter_mut().zip(stretches).zip(nodes.windows(4)) {
            for k in 0..2 {
                let [a, b, c, d] = polynomial([near[0][k], near[1][k], near[2][k], near[3][k]]);
                let start = starts[k] + stretch.left_px * steps[k];
                curves[k] =
                    Curve { cubic: [a as f32, b as f32, c as f32, d as f32], line: [start as f32, steps[k] as f32] };
            }
        }
    }
}

/// Pixels of a row that lie in one cell of the grid.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    /// Columns of the field of view.
    pub(crate) cols: Range<usize>,
    /// Where the cell's left side lies (px): at column `origin + part`.
    left_px: f64,
    pub(crate) origin: usize,
    pub(crate) part: f32,
}

/// The local displacement (px) in a stretch along one axis, in single precision. With `px` the distance from the cell's left side,
/// so that the numbers stay small, it is a cubic of `px · cells_per_px` and a straight line of `px`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Curve {
    /// Coefficients from the constant one up (px).
    pub(crate) cubic: [f32; 4],
    /// The value at the cell's left side (px), and what is added with each pixel.
    pub(crate) line: [f32; 2],
}

/// Coefficients of Catmull and Rom's cubic between the middle two of four values, from the constant one up.
#[inline(always)]
fn polynomial([a, b, c, d]: [f64; 4]) -> [f64; 4] {
    [b, 0.5 * (c - a), a - 2.5 * b + 2.0 * c - 0.5 * d, 0.5 * (d - a) + 1.5 * (b - c)]
}

/// The Bézier points of that cubic.
fn bezier(a: [f64; 2], b: [f64; 2], c: [f64; 2], d: [f64; 2]) -> [[f64; 2]; 4] {
    let toward = |from: [f64; 2], to: [f64; 2], at: [f64; 2]| std::array::from_fn(|k| at[k] + (to[k] - from[k]) / 6.0);
    [b, toward(a, c, b), toward(d, b, c), c]
}

/// The weights of four nodes at `u` between the middle two.
#[inline(always)]
fn weights(u: f64) -> [f64; 4] {
    [
        ((-0.5 * u + 1.0) * u - 0.5) * u,
        (1.5 * u - 2.5) * u * u + 1.0,
        ((-1.5 * u + 2.0) * u + 0.5) * u,
        (0.5 * u - 0.5) * u * u,
    ]
}

/// How fast these weights change with `u`.
fn slopes(u: f64) -> [f64; 4] {
    [(-1.5 * u + 2.0) * u - 0.5, (4.5 * u - 5.0) * u, (-4.5 * u + 4.0) * u + 0.5, (1.5 * u - 1.0) * u]
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOV: [usize; 2] = [40, 61];

    fn deformation(rotation_rad: f64, vector: impl Fn(usize, usize) -> [f64; 2]) -> Deformation {
        let grid = Grid { shape: [4, 6], spacing_px: 13.0 };
        let nodes = (0..24).map(|n| vector(n / 6, n % 6)).collect();
        let course = Course::Varying { factors: Arc::new(vec![1.0, -0.5]), expected: 1.0 };
        Deformation {
            path_px: vec![[1.5, -2.0], [0.25, 3.0]],
            rotation_rad: vec![rotation_rad; 2],
            grid,
            modes: vec![Mode { vectors_px: Arc::new(nodes), course }],
        }
    }

    fn wavy(i: usize, j: usize) -> [f64; 2] {
        [0.3 * ((i * 7 + j * 5) % 11) as f64 - 1.5, 0.3 * ((i * 3 + j * 4) % 7) as f64 - 0.9]
    }

    #[test]
    fn nodes_have_their_vectors_and_straight_fields_stay_straight() {
        let frame = deformation(0.0, wavy).frame(FOV, 1);
        let [dy, dx] = wavy(2, 3);
        let at_node = frame.local_px(26.0, 39.0);
        assert!((at_node[0] + 0.5 * dy).abs() < 1e-12 && (at_node[1] + 0.5 * dx).abs() < 1e-12, "{at_node:?}");
        let frame = deformation(0.0, |i, j| [0.1 * i as f64, -0.2 * j as f64]).frame(FOV, 0);
        for (y, x) in [(0.0, 0.0), (5.25, 60.0), (38.5, 17.75)] {
            let [dy, dx] = frame.local_px(y, x);
            assert!((dy - 0.1 * y / 13.0).abs() < 1e-12 && (dx + 0.2 * x / 13.0).abs() < 1e-12);
        }
    }

    #[test]
    fn a_rotation_traces_back_to_the_turned_place() {
        let mut warp = deformation(0.1, wavy);
        warp.modes.clear();
        let frame = warp.frame(FOV, 0);
        // Ten pixels to the right of the centre, the tissue from there before it turned.
        let centre = [19.5, 30.0];
        let [dy, dx] = frame.local_px(centre[0], centre[1] + 10.0);
        assert!((10.0 - dx - 10.0 * math::cos(0.1)).abs() < 1e-12 && (dy - 10.0 * math::sin(0.1)).abs() < 1e-12);
        assert!((frame.jacobian(3.0, 50.0) - 1.0).abs() < 1e-12, "a rotation keeps areas");
    }

    #[test]
    fn folds_are_found_and_named() {
        assert_eq!(deformation(0.0, wavy).fold(FOV, 0..2), None);
        // Each column of nodes is moved by more than the distance to the next one.
        let folded = deformation(0.0, |_, j| [0.0, if j == 2 { 14.0 } else { 0.0 }]);
        let text = folded.fold(FOV, 0..2).expect("it folds");
        assert!(text.contains("frame 0") && text.contains("Jacobian"), "{text}");
    }

    #[test]
    fn the_jacobian_is_that_of_differences() {
        let frame = deformation(0.03, wavy).frame(FOV, 0);
        let h = 1e-5;
        for (y, x) in [(4.0, 7.0), (19.3, 33.1), (30.0, 55.0)] {
            let back = |y: f64, x: f64| {
                let [dy, dx] = frame.local_px(y, x);
                [y - dy, x - dx]
            };
            let half = |a: [f64; 2], b: [f64; 2]| [(a[0] - b[0]) / (2.0 * h), (a[1] - b[1]) / (2.0 * h)];
            let (down, right) = (half(back(y + h, x), back(y - h, x)), half(back(y, x + h), back(y, x - h)));
            let by_differences = down[0] * right[1] - right[0] * down[1];
            assert!((frame.jacobian(y, x) - by_differences).abs() < 1e-8);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let fault = |change: &dyn Fn(&mut Deformation), n_frames| {
            let mut warp = deformation(0.0, wavy);
            change(&mut warp);
            Warp::from(warp).fault(FOV, n_frames).unwrap_or_default()
        };
        assert_eq!(fault(&|_| {}, 2), "");
        assert!(fault(&|_| {}, 3).contains("mode 0: 2 of 3 frames"));
        assert!(fault(&|w| w.rotation_rad.truncate(1), 2).contains("the rotation: 1 of 2"));
        assert!(fault(&|w| w.path_px[1][0] = f64::NAN, 2).contains("not finite"));
        assert!(fault(&|w| w.grid.spacing_px = 5.0, 2).contains("reaches over [15.0, 25.0]"));
        assert!(fault(&|w| w.grid.shape = [1, 24], 2).contains("1 × 24"));
        assert!(fault(&|w| w.grid.shape = [4, 7], 2).contains("24 vectors"));
    }

    #[test]
    fn bounds_hold_everywhere_and_are_close() {
        for rotation_rad in [0.0, 0.03] {
            let frame = deformation(rotation_rad, wavy).frame([40, 66], 0);
            let [low, high] = frame.local_range_px();
            let (mut least, mut most, mut steepest) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2], 0.0_f64);
            for (y, x) in (0..156).flat_map(|y| (0..260).map(move |x| (0.25 * f64::from(y), 0.25 * f64::from(x)))) {
                let here = frame.local_px(y, x);
                for near in [frame.local_px(y + 1e-4, x), frame.local_px(y, x + 1e-4)] {
                    steepest = (0..2).fold(steepest, |most, k| most.max((near[k] - here[k]).abs() / 1e-4));
                }
                for k in 0..2 {
                    (least[k], most[k]) = (least[k].min(here[k]), most[k].max(here[k]));
                }
            }
            for k in 0..2 {
                assert!(low[k] <= least[k] && most[k] <= high[k]);
                assert!(high[k] - low[k] < 1.15 * (most[k] - least[k]), "{low:?} {least:?} {most:?} {high:?}");
            }
            let bound = frame.slope_bound() + rotation_rad;
            // Bézier points of fields that go to and fro from node to node lie far out.
            assert!(steepest <= bound && bound < 2.5 * steepest + rotation_rad, "{steepest}, at most {bound}");
        }
    }

    #[test]
    fn the_reach_is_that_of_the_farthest_pixel() {
        let reach = deformation(0.0, |_, _| [2.0, -1.0]).reach_px(FOV, 0..2);
        assert!(reach.iter().all(|px| (px - 3.5).abs() < 1e-12), "{reach:?}");
    }
}
