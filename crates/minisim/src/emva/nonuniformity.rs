//! Spatial nonuniformity: how much the pixels of a sensor differ, whole rows and columns apart, and over spatial frequency.

use rayon::prelude::*;

use crate::math;

/// Lines that a spectrogram is averaged over at most, spread evenly.
const MAX_LINES: usize = 256;

/// Standard deviations of what differs in space, without temporal noise. Their squares add up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nonuniformity {
    /// All of it: DSNU1288 or PRNU1288.
    pub total: f64,
    /// Of rows.
    pub row: f64,
    /// Of columns.
    pub column: f64,
    /// Of single pixels: the rest.
    pub pixel: f64,
}

/// Mean power of the lines of an image over spatial frequency, from 1 cycle a line on. Of white noise, each is its variance.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrogram {
    /// Along rows (the standard's horizontal one), number k at (k + 1) / width cycles a pixel.
    pub horizontal: Vec<f64>,
    /// Along columns, number k at (k + 1) / height cycles a pixel.
    pub vertical: Vec<f64>,
}

/// Images of a scene that stands still.
pub(super) struct Stack {
    shape: [usize; 2],
    n: f64,
    sum: Vec<f64>,
    squares: Vec<f64>,
}

/// Each pixel's mean over a stack, with the temporal noise that is left in it.
pub(super) struct SpatialMap {
    shape: [usize; 2],
    values: Vec<f64>,
    /// Temporal variance of a value.
    variance: f64,
}

impl Stack {
    pub(super) fn new(shape: [usize; 2]) -> Self {
        let zeros = vec![0.0; shape[0] * shape[1]];
        Self { shape, n: 0.0, sum: zeros.clone(), squares: zeros }
    }

    pub(super) fn add(&mut self, image: &[f32]) {
        self.n += 1.0;
        for ((sum, squares), value) in self.sum.iter_mut().zip(&mut self.squares).zip(image) {
            let value = f64::from(*value);
            *sum += value;
            *squares += value * value;
        }
    }

    /// Its mean image.
    fn map(&self) -> SpatialMap {
        let n = self.n;
        let temporal = self.sum.iter().zip(&self.squares).map(|(sum, squares)| (squares - sum * sum / n) / (n - 1.0));
        let variance = temporal.sum::<f64>() / self.sum.len() as f64 / n;
        SpatialMap { shape: self.shape, values: self.sum.iter().map(|sum| sum / n).collect(), variance }
    }

    /// Its mean image, times a factor.
    pub(super) fn scaled(&self, factor: f64) -> SpatialMap {
        self.map().scaled(factor)
    }

    /// Its mean image less that of the same camera in the dark.
    pub(super) fn without(&self, dark: &Self) -> SpatialMap {
        let (mut map, dark) = (self.map(), dark.map());
        map.values.iter_mut().zip(&dark.values).for_each(|(value, dark)| *value -= dark);
        map.variance += dark.variance;
        map
    }
}

impl SpatialMap {
    fn scaled(mut self, factor: f64) -> Self {
        self.values.iter_mut().for_each(|value| *value *= factor);
        self.variance *= factor * factor;
        self
    }

    fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    /// Relative to its mean.
    pub(super) fn relative(self) -> Self {
        let mean = self.mean();
        self.scaled(1.0 / mean)
    }

    /// The standard's split: with M rows and N columns, the variance of column means is s²_column + s²_pixel / M, that of row means
    /// s²_row + s²_pixel / N, that of all pixels the sum of the three.
    pub(super) fn nonuniformity(&self) -> Nonuniformity {
        let [height, width] = self.shape;
        let (m, n) = (height as f64, width as f64);
        let mut columns = vec![0.0; width];
        let mut rows = Vec::with_capacity(height);
        for line in self.values.chunks_exact(width) {
            rows.push(line.iter().sum::<f64>() / n);
            columns.iter_mut().zip(line).for_each(|(column, value)| *column += value / m);
        }
        let total = variance(&self.values) - self.variance;
        let column = variance(&columns) - self.variance / m;
        let row = variance(&rows) - self.variance / n;
        let pixel = (total - column - row) / (1.0 - 1.0 / m - 1.0 / n);
        let root = |variance: f64| variance.max(0.0).sqrt();
        Nonuniformity {
            total: root(total),
            row: root(row - pixel / n),
            column: root(column - pixel / m),
            pixel: root(pixel),
        }
    }

    /// Power over spatial frequency, along rows and along columns; temporal noise that is left in the map is subtracted.
    pub(super) fn spectrogram(&self) -> Spectrogram {
        let [height, width] = self.shape;
        let mean = self.mean();
        let at = |row: usize, col: usize| self.values[row * width + col] - mean;
        let row = |row: usize| (0..width).map(|col| at(row, col)).collect();
        let column = |col: usize| (0..height).map(|row| at(row, col)).collect();
        let without_noise = |mut power: Vec<f64>| {
            power.iter_mut().for_each(|p| *p = (*p - self.variance).max(0.0));
            power
        };
        Spectrogram {
            horizontal: without_noise(mean_power(height, width, &row)),
            vertical: without_noise(mean_power(width, height, &column)),
        }
    }
}

fn variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n
}

/// Mean of |DFT|² / n over lines of n pixels, at 1 to n / 2 cycles a line.
fn mean_power(n_lines: usize, n: usize, line: &(dyn Fn(usize) -> Vec<f64> + Sync)) -> Vec<f64> {
    let used = n_lines.min(MAX_LINES);
    let lines: Vec<Vec<f64>> = (0..used).map(|i| line(i * n_lines / used)).collect();
    let turn = |i: usize| std::f64::consts::TAU * i as f64 / n as f64;
    let (cos, sin): (Vec<f64>, Vec<f64>) = (0..n).map(|i| (math::cos(turn(i)), math::sin(turn(i)))).unzip();
    (1..=n / 2)
        .into_par_iter()
        .map(|cycles| {
            let power = |line: &Vec<f64>| {
                let (mut re, mut im, mut at) = (0.0, 0.0, 0);
                for value in line {
                    re += value * cos[at];
                    im += value * sin[at];
                    at += cycles;
                    if at >= n {
                        at -= n;
                    }
                }
                (re * re + im * im) / n as f64
            };
            lines.iter().map(power).sum::<f64>() / used as f64
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Key;

    #[test]
    fn rows_columns_and_pixels_are_told_apart() {
        let shape = [300, 400];
        let [rows, columns, pixels] = ["rows", "columns", "pixels"].map(|purpose| Key::new(1, "test", purpose));
        let values = (0..300_u64)
            .flat_map(|r| (0..400_u64).map(move |c| (r, c)))
            .map(|(r, c)| 2.0 * rows.normal(r, 0) + 3.0 * columns.normal(c, 0) + 5.0 * pixels.normal(r, c))
            .collect();
        let found = SpatialMap { shape, values, variance: 0.0 }.nonuniformity();
        // Of n draws, a standard deviation is known to 1 / √(2n).
        assert!((found.row / 2.0 - 1.0).abs() < 3.0 / 600.0_f64.sqrt(), "{found:?}");
        assert!((found.column / 3.0 - 1.0).abs() < 3.0 / 800.0_f64.sqrt(), "{found:?}");
        assert!((found.pixel / 5.0 - 1.0).abs() < 0.01, "{found:?}");
        let sum = found.row.powi(2) + found.column.powi(2) + found.pixel.powi(2);
        assert!((found.total.powi(2) / sum - 1.0).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn spectrograms_show_waves_and_white_noise() {
        let shape = [60, 90];
        let key = Key::new(2, "test", "pixels");
        let values: Vec<f64> = (0..5400)
            .map(|i| {
                let (r, c) = (i / 90, i % 90);
                let wave = math::cos(std::f64::consts::TAU * 9.0 * c as f64 / 90.0);
                4.0 * wave + 2.0 * key.normal(r, c)
            })
            .collect();
        let found = SpatialMap { shape, values, variance: 0.0 }.spectrogram();
        assert_eq!((found.horizontal.len(), found.vertical.len()), (45, 30));
        // A wave of amplitude a has a² / 4 · n in its own frequency, and white noise its variance in all.
        let other: f64 = found.horizontal.iter().enumerate().filter(|(k, _)| *k != 8).map(|(_, p)| p / 44.0).sum();
        assert!((found.horizontal[8] / (16.0 / 4.0 * 90.0 + 4.0) - 1.0).abs() < 0.1, "{:?}", found.horizontal[8]);
        assert!((other / 4.0 - 1.0).abs() < 0.1, "{other}");
        let vertical = found.vertical.iter().sum::<f64>() / 30.0;
        assert!((vertical / 4.0 - 1.0).abs() < 0.15, "{vertical}");
        // Noise that is known to be temporal is taken out.
        let still = SpatialMap { shape, values: vec![1.0; 5400], variance: 3.0 };
        assert!(still.spectrogram().vertical.iter().all(|p| *p == 0.0) && still.nonuniformity().total == 0.0);
    }

    #[test]
    fn a_stack_knows_its_temporal_noise() {
        let key = Key::new(3, "test", "noise");
        let mut stack = Stack::new([50, 60]);
        for image in 0..40 {
            let pixels: Vec<f32> =
                (0..3000).map(|i| (f64::from(i as u32 % 7) + 3.0 * key.normal(image, i)) as f32).collect();
            stack.add(&pixels);
        }
        let map = stack.scaled(2.0);
        assert!((map.variance / (4.0 * 9.0 / 40.0) - 1.0).abs() < 0.03, "{}", map.variance);
        // Of the numbers 0 to 6, the standard deviation is 2.
        assert!((map.nonuniformity().total / 4.0 - 1.0).abs() < 0.01);
    }
}
