//! Dense matrices: products, and the inverse of a Cholesky factor. Plain loops whose sums have a fixed order, so that every
//! machine gives the same bits.

use rayon::prelude::*;

use crate::level::{Loops, at_best_level};

/// Rows and columns of a product that are summed in registers.
const MR: usize = 6;
const NR: usize = 8;
/// Terms that are summed before they are added to the result, so that what is read stays in the caches.
const DEPTH: usize = 256;
/// Rows that one thread works on at once.
const STRIP: usize = 16 * MR;
/// Multiplications from which on threads share a product.
const SHARED_WORK: usize = 1 << 21;
/// Size of a matrix from which on it is halved to be factored.
const HALVED: usize = 48;

/// A matrix, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Matrix {
    pub(super) rows: usize,
    pub(super) cols: usize,
    pub(super) values: Vec<f64>,
}

/// A factor of a product: a matrix as it is, or transposed.
#[derive(Clone, Copy)]
pub(super) enum Factor<'a> {
    As(&'a Matrix),
    Transposed(&'a Matrix),
}

impl Factor<'_> {
    fn shape(&self) -> [usize; 2] {
        match self {
            Self::As(m) => [m.rows, m.cols],
            Self::Transposed(m) => [m.cols, m.rows],
        }
    }

    /// Writes `out[k * N + i] = self[first_row + i][first_term + k]`, with zeros past the last row.
    fn pack<const N: usize>(&self, first_row: usize, first_term: usize, out: &mut [f64]) {
        let n = N.min(self.shape()[0] - first_row);
        if n < N {
            out.fill(0.0);
        }
        match self {
            Self::As(m) => {
                for i in 0..n {
                    let row = &m.values[(first_row + i) * m.cols + first_term..];
                    out.iter_mut().skip(i).step_by(N).zip(row).for_each(|(out, v)| *out = *v);
                }
            }
            Self::Transposed(m) => {
                for (k, out) in out.chunks_exact_mut(N).enumerate() {
                    let at = (first_term + k) * m.cols + first_row;
                    out[..n].copy_from_slice(&m.values[at..at + n]);
                }
            }
        }
    }

    fn transposed(self) -> Self {
        match self {
            Self::As(m) => Self::Transposed(m),
            Self::Transposed(m) => Self::As(m),
        }
    }
}

/// What of a product is needed.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Part {
    Whole,
    /// Where the row is not less than the column; the rest is left in any state.
    Lower,
}

impl Matrix {
    pub(super) fn zeros(rows: usize, cols: usize) -> Self {
        Self { rows, cols, values: vec![0.0; rows * cols] }
    }

    /// `sign · a · b`.
    pub(super) fn product(sign: f64, a: Factor<'_>, b: Factor<'_>, part: Part) -> Self {
        let mut c = Self::zeros(a.shape()[0], b.shape()[1]);
        c.add_product(sign, a, b, part);
        c
    }

    /// `self += sign · a · b`.
    pub(super) fn add_product(&mut self, sign: f64, a: Factor<'_>, b: Factor<'_>, part: Part) {
        let ([rows, terms], cols) = (a.shape(), b.shape()[1]);
        if rows * cols == 0 {
            return;
        }
        let columns = b.transposed();
        let mut packed = Vec::new();
        for first in (0..terms).step_by(DEPTH) {
            let depth = DEPTH.min(terms - first);
            packed.resize(cols.div_ceil(NR) * depth * NR, 0.0);
            let pack = |(p, out): (usize, &mut [f64])| columns.pack::<NR>(p * NR, first, out);
            let strip = |(s, c): (usize, &mut [f64]), packed: &[f64]| {
                let first_row = s * STRIP;
                let n = c.len() / cols;
                let mut rows = vec![0.0; n.div_ceil(MR) * depth * MR];
                let panels = rows.chunks_exact_mut(depth * MR).enumerate();
                panels.for_each(|(q, out)| a.pack::<MR>(first_row + q * MR, first, out));
                let lower = part == Part::Lower;
                at_best_level(Strip { a: &rows, b: packed, c, cols, depth, first_row, sign, lower });
            };
            if rows * cols * depth < SHARED_WORK {
                packed.chunks_exact_mut(depth * NR).enumerate().for_each(pack);
                self.values.chunks_mut(STRIP * cols).enumerate().for_each(|part| strip(part, &packed));
            } else {
                packed.par_chunks_exact_mut(depth * NR).enumerate().for_each(pack);
                self.values.par_chunks_mut(STRIP * cols).enumerate().for_each(|part| strip(part, &packed));
            }
        }
    }

    /// Copies what is below the diagonal to above it.
    pub(super) fn mirror(&mut self) {
        let n = self.cols;
        for i in 0..n {
            for j in 0..i {
                self.values[j * n + i] = self.values[i * n + j];
            }
        }
    }

    /// Rows and columns from these on, of that many.
    fn part(&self, [row, col]: [usize; 2], [rows, cols]: [usize; 2]) -> Self {
        let values = (row..row + rows).flat_map(|r| &self.values[r * self.cols + col..][..cols]).copied().collect();
        Self { rows, cols, values }
    }

    fn put(&mut self, [row, col]: [usize; 2], part: &Self) {
        for (r, values) in part.values.chunks_exact(part.cols.max(1)).enumerate() {
            let at = (row + r) * self.cols + col;
            self.values[at..at + part.cols].copy_from_slice(values);
        }
    }

    /// The inverse of the lower Cholesky factor, for a symmetric matrix of which what is below the diagonal is read. Squares of
    /// pivots that rounding has brought below `least` are taken for that.
    pub(super) fn inverse_cholesky(&self, least: f64) -> Self {
        let n = self.rows;
        if n <= HALVED {
            return self.inverse_cholesky_at_once(least);
        }
        let (top, rest) = (n / 2, n - n / 2);
        let upper = self.part([0, 0], [top, top]).inverse_cholesky(least);
        let below = self.part([top, 0], [rest, top]);
        let below = Self::product(1.0, Factor::As(&below), Factor::Transposed(&upper), Part::Whole);
        let mut left = self.part([top, top], [rest, rest]);
        left.add_product(-1.0, Factor::As(&below), Factor::Transposed(&below), Part::Lower);
        let lower = left.inverse_cholesky(least);
        let across = Self::product(1.0, Factor::As(&below), Factor::As(&upper), Part::Whole);
        let across = Self::product(-1.0, Factor::As(&lower), Factor::As(&across), Part::Whole);
        let mut whole = Self::zeros(n, n);
        whole.put([0, 0], &upper);
        whole.put([top, 0], &across);
        whole.put([top, top], &lower);
        whole
    }

    fn inverse_cholesky_at_once(&self, least: f64) -> Self {
        let n = self.rows;
        let mut l = self.values.clone();
        for j in 0..n {
            for k in 0..j {
                let factor = l[j * n + k];
                for i in j..n {
                    l[i * n + j] -= l[i * n + k] * factor;
                }
            }
            let pivot = l[j * n + j].max(least).sqrt();
            l[j * n + j] = pivot;
            (j + 1..n).for_each(|i| l[i * n + j] /= pivot);
        }
        let mut inverse = Self::zeros(n, n);
        for j in 0..n {
            for i in j..n {
                let mut sum = if i == j { 1.0 } else { 0.0 };
                for k in j..i {
                    sum -= l[i * n + k] * inverse.values[k * n + j];
                }
                inverse.values[i * n + j] = sum / l[i * n + i];
            }
        }
        inverse
    }
}

/// Rows of a product: `c += sign · a · b`, of packed factors.
struct Strip<'a> {
    a: &'a [f64],
    b: &'a [f64],
    c: &'a mut [f64],
    cols: usize,
    depth: usize,
    first_row: usize,
    sign: f64,
    lower: bool,
}

impl Loops for Strip<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let rows = self.c.len() / self.cols;
        for (p, b) in self.b.chunks_exact(self.depth * NR).enumerate() {
            let (col, width) = (p * NR, NR.min(self.cols - p * NR));
            for (q, a) in self.a.chunks_exact(self.depth * MR).enumerate() {
                let (row, height) = (q * MR, MR.min(rows - q * MR));
                if self.lower && col >= self.first_row + row + height {
                    continue;
                }
                let mut sums = [[0.0; NR]; MR];
                for (a, b) in a.as_chunks::<MR>().0.iter().zip(b.as_chunks::<NR>().0) {
                    for i in 0..MR {
                        for j in 0..NR {
                            sums[i][j] += a[i] * b[j];
                        }
                    }
                }
                for (i, sums) in sums.iter().enumerate().take(height) {
                    let at = (row + i) * self.cols + col;
                    self.c[at..at + width].iter_mut().zip(sums).for_each(|(c, sum)| *c += self.sign * sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Key;

    fn random(rows: usize, cols: usize, entity: u64) -> Matrix {
        let key = Key::new(3, "test", "matrix");
        let values = (0..rows * cols).map(|i| key.normal(entity, i as u64)).collect();
        Matrix { rows, cols, values }
    }

    #[test]
    fn products_are_sums_of_products() {
        for (m, k, n) in [(1, 1, 1), (7, 5, 9), (103, 300, 61), (200, 270, 210)] {
            let (a, b) = (random(m, k, 0), random(k, n, 1));
            let turned = |m: &Matrix| {
                let mut t = Matrix::zeros(m.cols, m.rows);
                for i in 0..m.rows {
                    for j in 0..m.cols {
                        t.values[j * m.rows + i] = m.values[i * m.cols + j];
                    }
                }
                t
            };
            let (at, bt) = (turned(&a), turned(&b));
            let exact = |i: usize, j: usize| -> f64 { (0..k).map(|l| a.values[i * k + l] * b.values[l * n + j]).sum() };
            for (fa, fb) in [
                (Factor::As(&a), Factor::As(&b)),
                (Factor::As(&a), Factor::Transposed(&bt)),
                (Factor::Transposed(&at), Factor::As(&b)),
            ] {
                let c = Matrix::product(-1.0, fa, fb, Part::Whole);
                let lower = Matrix::product(-1.0, fa, fb, Part::Lower);
                for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    assert!((c.values[i * n + j] + exact(i, j)).abs() < 1e-10, "{m} {k} {n}: ({i}, {j})");
                    assert!(j > i || lower.values[i * n + j] == c.values[i * n + j]);
                }
            }
        }
    }

    #[test]
    fn the_inverse_factor_whitens() {
        for n in [1, 30, 49, 150] {
            let x = random(n, n + 20, 2);
            let a = Matrix::product(1.0, Factor::As(&x), Factor::Transposed(&x), Part::Lower);
            let inverse = a.inverse_cholesky(1e-12);
            let mut whole = a.clone();
            whole.mirror();
            let half = Matrix::product(1.0, Factor::As(&inverse), Factor::As(&whole), Part::Whole);
            let one = Matrix::product(1.0, Factor::As(&half), Factor::Transposed(&inverse), Part::Whole);
            for (i, v) in one.values.iter().enumerate() {
                let expected = if i / n == i % n { 1.0 } else { 0.0 };
                assert!((v - expected).abs() < 1e-9, "{n}: {i}: {v}");
            }
            assert!((0..n).all(|i| (i + 1..n).all(|j| inverse.values[i * n + j] == 0.0)));
        }
    }
}
