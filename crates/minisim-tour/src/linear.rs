//! Least squares, for regression and for demixing with known footprints.

/// A symmetric matrix, row-major, with the factor `L` of `L Lᵀ`.
#[derive(Clone, Debug)]
pub(crate) struct Cholesky {
    n: usize,
    l: Vec<f64>,
}

impl Cholesky {
    /// Factors a symmetric positive matrix; directions that the data hardly see are damped.
    pub(crate) fn new(matrix: &[f64], n: usize) -> Self {
        let scale = (0..n).map(|i| matrix[i * n + i]).fold(0.0, f64::max);
        let mut l = matrix.to_vec();
        for i in 0..n {
            for j in 0..=i {
                let sum: f64 = (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum();
                let rest = l[i * n + j] - sum;
                l[i * n + j] =
                    if i == j { rest.max(1e-12 * scale).sqrt().max(f64::MIN_POSITIVE) } else { rest / l[j * n + j] };
            }
        }
        Self { n, l }
    }

    /// `x` with `A x = b`.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let (n, l) = (self.n, &self.l);
        let mut x = b.to_vec();
        for i in 0..n {
            let sum: f64 = (0..i).map(|k| l[i * n + k] * x[k]).sum();
            x[i] = (x[i] - sum) / l[i * n + i];
        }
        for i in (0..n).rev() {
            let sum: f64 = (i + 1..n).map(|k| l[k * n + i] * x[k]).sum();
            x[i] = (x[i] - sum) / l[i * n + i];
        }
        x
    }
}

/// `Aᵀ A` of columns that are given as rows.
pub(crate) fn gram(columns: &[Vec<f64>]) -> Vec<f64> {
    columns.iter().flat_map(|a| columns.iter().map(|b| dot(a, b))).collect()
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(crate) fn mean(v: &[f64]) -> f64 {
    v.iter().sum::<f64>() / v.len().max(1) as f64
}

/// Deviations from the mean.
pub(crate) fn centred(v: &[f64]) -> Vec<f64> {
    let mean = mean(v);
    v.iter().map(|x| x - mean).collect()
}

/// Standard deviation.
pub(crate) fn sd(v: &[f64]) -> f64 {
    let c = centred(v);
    (dot(&c, &c) / v.len().max(1) as f64).sqrt()
}

/// The value below which `share` of the values lie.
pub(crate) fn quantile(values: impl IntoIterator<Item = f64>, share: f64) -> f64 {
    let mut v: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
    v.sort_by(f64::total_cmp);
    v.get(((v.len().max(1) - 1) as f64 * share).round() as usize).copied().unwrap_or(0.0)
}

/// Shares of the variance of `y` that regressors explain in ordinary least squares: `β_k cov(x_k, y) / var(y)`. They sum to R².
pub(crate) fn attribution(y: &[f64], regressors: &[Vec<f64>]) -> Vec<f64> {
    let y = centred(y);
    let x: Vec<Vec<f64>> = regressors.iter().map(|r| centred(r)).collect();
    let right: Vec<f64> = x.iter().map(|x| dot(x, &y)).collect();
    let beta = Cholesky::new(&gram(&x), x.len()).solve(&right);
    let variance = dot(&y, &y).max(f64::MIN_POSITIVE);
    beta.iter().zip(&right).map(|(b, r)| b * r / variance).collect()
}

/// Ratio of the largest to the smallest singular value of the matrix whose columns have this Gram matrix.
pub(crate) fn condition(gram: &[f64], n: usize) -> f64 {
    if n == 0 {
        return 1.0;
    }
    let factor = Cholesky::new(gram, n);
    let times = |v: &[f64]| (0..n).map(|i| dot(&gram[i * n..(i + 1) * n], v)).collect::<Vec<f64>>();
    let largest = power(n, times);
    let smallest = 1.0 / power(n, |v| factor.solve(v));
    (largest / smallest).max(1.0).sqrt()
}

/// Largest eigenvalue of a symmetric positive map.
fn power(n: usize, map: impl Fn(&[f64]) -> Vec<f64>) -> f64 {
    // Any start will do that no eigenvector of a real problem is orthogonal to.
    let mut v: Vec<f64> = (0..n).map(|i| 1.0 + 0.37 * (i as f64 * 1.7).sin()).collect();
    let mut value = 0.0;
    for _ in 0..200 {
        let length = dot(&v, &v).sqrt().max(f64::MIN_POSITIVE);
        v.iter_mut().for_each(|x| *x /= length);
        let next = map(&v);
        value = dot(&v, &next);
        v = next;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cholesky_solves() {
        let a = [4.0, 2.0, 0.5, 2.0, 3.0, 0.2, 0.5, 0.2, 2.0];
        let x = Cholesky::new(&a, 3).solve(&[7.0, 5.4, 4.9]);
        for i in 0..3 {
            assert!((dot(&a[3 * i..3 * i + 3], &x) - [7.0, 5.4, 4.9][i]).abs() < 1e-12);
        }
    }

    #[test]
    fn attribution_sums_to_one_when_all_is_explained() {
        let a: Vec<f64> = (0..100).map(|i| (f64::from(i) * 0.7).sin()).collect();
        let b: Vec<f64> = (0..100).map(|i| (f64::from(i) * 0.13).cos()).collect();
        let y: Vec<f64> = a.iter().zip(&b).map(|(a, b)| 2.0 * a + 0.5 * b + 3.0).collect();
        let shares = attribution(&y, &[a, b]);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9 && shares[0] > shares[1], "{shares:?}");
    }

    #[test]
    fn condition_of_a_diagonal() {
        assert!((condition(&[9.0, 0.0, 0.0, 0.25], 2) - 6.0).abs() < 1e-6);
    }
}
