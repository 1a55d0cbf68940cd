//! What a film's pixels tell of the brightness of its cells in one frame: `F = Aᵀ diag(information) A`.

use rayon::prelude::*;

use super::{
    dense::{Factor, Matrix, Part},
    inverse::Sparse,
    light::Light,
};
use crate::{
    footprint::Patch,
    level::{Loops, at_best_level},
};

/// What is added to the diagonal of the scaled matrix, so that cells that cannot be told apart have a finite, huge bound and
/// spoil no others: knowing each trace beforehand to a million times what it could be told to if the cell were alone.
const RIDGE: f64 = 1e-12;
/// Pixels that are multiplied at once.
const LANES: usize = 8;

/// A cell's light on the sensor in units of the noise, per unit of its brightness.
struct Seen {
    row: usize,
    col: usize,
    height: usize,
    width: usize,
    values: Vec<f32>,
}

/// How well each of some traces can be told.
pub(super) struct Told {
    /// Least standard deviation in one frame, per unit of brightness.
    pub(super) sd: f64,
    /// How many times larger that is than if the other cells were known.
    pub(super) crosstalk: f64,
}

/// The bound of each footprint, which are on the field of view.
pub(super) fn told(footprints: &[Patch], light: &Light) -> Vec<Told> {
    let [_, width] = light.canvas.fov;
    let noise = |information: &f64| information.sqrt();
    let whitened: Vec<f64> = light.cells_e.iter().zip(&light.information).map(|(e, i)| e * noise(i)).collect();
    let seen: Vec<Seen> = footprints.par_iter().map(|patch| Seen::new(patch, &whitened, width)).collect();
    let shared: Vec<Vec<f64>> = light
        .varying_e
        .iter()
        .map(|map| map.iter().zip(&light.information).map(|(e, i)| e * noise(i)).collect())
        .collect();
    let square: Vec<f64> = seen.par_iter().map(|a| a.dot(a)).collect();
    // Cells that no pixel shows take no part.
    let lit: Vec<usize> = (0..seen.len()).filter(|i| square[*i] > 0.0).collect();
    let shared_square: Vec<f64> = shared.iter().map(|map| map.iter().map(|v| v * v).sum()).collect();
    let shown: Vec<usize> = (0..shared.len()).filter(|k| shared_square[*k] > 0.0).collect();

    let n = lit.len();
    let mut rows: Vec<Vec<(u32, f64)>> = vec![Vec::new(); n + shown.len()];
    // From top to bottom, so that neighbours follow each other soon.
    let mut by_row: Vec<usize> = (0..n).collect();
    by_row.sort_by_key(|i| (seen[lit[*i]].row, *i));
    let below: Vec<Vec<(u32, f64)>> = (0..n)
        .into_par_iter()
        .map(|k| {
            let i = lit[by_row[k]];
            let reached = by_row[k + 1..].iter().take_while(|j| seen[lit[**j]].row < seen[i].row + seen[i].height);
            let met = reached.filter_map(|j| {
                let other = lit[*j];
                let value = seen[i].dot(&seen[other]) / (square[i] * square[other]).sqrt();
                (value != 0.0).then_some((*j as u32, value))
            });
            met.collect()
        })
        .collect();
    for (i, met) in by_row.iter().zip(below) {
        for (j, value) in met {
            rows[*i].push((j, value));
            rows[j as usize].push((*i as u32, value));
        }
    }
    let against: Vec<Vec<f64>> = lit
        .par_iter()
        .map(|i| {
            shown.iter().map(|k| seen[*i].on(&shared[*k], width) / (square[*i] * shared_square[*k]).sqrt()).collect()
        })
        .collect();
    for (i, with) in against.iter().enumerate() {
        for (k, value) in with.iter().enumerate() {
            rows[i].push(((n + k) as u32, *value));
            rows[n + k].push((i as u32, *value));
        }
    }
    let mut between = Matrix::zeros(shown.len(), shown.len());
    for (a, k) in shown.iter().enumerate() {
        for (b, l) in shown.iter().enumerate() {
            let product: f64 = shared[*k].iter().zip(&shared[*l]).map(|(x, y)| x * y).sum();
            let value = product / (shared_square[*k] * shared_square[*l]).sqrt();
            between.values[a * shown.len() + b] = if a == b { 1.0 + RIDGE } else { value };
            if a != b {
                rows[n + a].push(((n + b) as u32, value));
            }
        }
    }
    let places = lit.iter().map(|i| seen[*i].center()).collect();
    let diagonal = Sparse { rows, places }.inverse_diagonal(RIDGE);

    let whitener = between.inverse_cholesky(RIDGE);
    let mut told: Vec<Told> = square.iter().map(|_| Told { sd: f64::INFINITY, crosstalk: f64::NAN }).collect();
    for ((i, inverse), with) in lit.iter().zip(&diagonal).zip(against) {
        // Alone with the light that varies, all other cells known.
        let with = Matrix { rows: shown.len(), cols: 1, values: with };
        let explained = Matrix::product(1.0, Factor::As(&whitener), Factor::As(&with), Part::Whole);
        let left = 1.0 + RIDGE - explained.values.iter().map(|v| v * v).sum::<f64>();
        told[*i] = Told { sd: (inverse / square[*i]).sqrt(), crosstalk: (inverse * left.max(RIDGE)).sqrt() };
    }
    told
}

impl Seen {
    fn new(patch: &Patch, whitened: &[f64], fov_width: usize) -> Self {
        let (row, col) = (patch.row as usize, patch.col as usize);
        let values = (0..patch.height).flat_map(|r| {
            let at = (row + r) * fov_width + col;
            patch.row_weights(r).iter().zip(&whitened[at..]).map(|(a, w)| (f64::from(*a) * w) as f32)
        });
        Self { row, col, height: patch.height, width: patch.width, values: values.collect() }
    }

    fn center(&self) -> [f64; 2] {
        [self.row as f64 + 0.5 * self.height as f64, self.col as f64 + 0.5 * self.width as f64]
    }

    /// The sum of products of what both show.
    fn dot(&self, other: &Self) -> f64 {
        let (top, left) = (self.row.max(other.row), self.col.max(other.col));
        let bottom = (self.row + self.height).min(other.row + other.height);
        let right = (self.col + self.width).min(other.col + other.width);
        if top >= bottom || left >= right {
            return 0.0;
        }
        let from = |seen: &Self| (top - seen.row) * seen.width + left - seen.col;
        at_best_level(Overlap {
            a: &self.values[from(self)..],
            b: &other.values[from(other)..],
            strides: [self.width, other.width],
            shape: [bottom - top, right - left],
        })
    }

    /// The sum of products with a map of the field of view.
    fn on(&self, map: &[f64], fov_width: usize) -> f64 {
        let rows = self.values.chunks_exact(self.width.max(1)).enumerate();
        let product = |(r, row): (usize, &[f32])| -> f64 {
            let at = (self.row + r) * fov_width + self.col;
            row.iter().zip(&map[at..]).map(|(a, m)| f64::from(*a) * m).sum()
        };
        rows.map(product).sum()
    }
}

/// `Σ a b` over a rectangle that both have.
struct Overlap<'a> {
    a: &'a [f32],
    b: &'a [f32],
    strides: [usize; 2],
    shape: [usize; 2],
}

impl Loops for Overlap<'_> {
    type Output = f64;

    #[inline(always)]
    fn run(self) -> f64 {
        let [rows, cols] = self.shape;
        let mut sums = [0.0; LANES];
        for r in 0..rows {
            let (a, b) = (&self.a[r * self.strides[0]..][..cols], &self.b[r * self.strides[1]..][..cols]);
            let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
            for (a, b) in a.iter().zip(b) {
                for i in 0..LANES {
                    sums[i] += f64::from(a[i]) * f64::from(b[i]);
                }
            }
            for (sum, (a, b)) in sums.iter_mut().zip(rest_a.iter().zip(rest_b)) {
                *sum += f64::from(*a) * f64::from(*b);
            }
        }
        sums.iter().sum()
    }
}
