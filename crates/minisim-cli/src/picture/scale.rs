//! From numbers to marks: value windows, axis ticks, short number texts, resampled images.

/// The values that an image shows between its darkest and its brightest shade.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Window {
    /// Shown darkest.
    pub(crate) low: f64,
    /// Shown brightest; equal to `low` where all values are equal.
    pub(crate) high: f64,
}

impl Window {
    /// Where a value lies in the window, 0 to 1; 0 for values that are not numbers.
    pub(crate) fn share(&self, value: f64) -> f64 {
        let span = self.high - self.low;
        if span > 0.0 && value.is_finite() { ((value - self.low) / span).clamp(0.0, 1.0) } else { 0.0 }
    }

    /// The window between two percentiles (0 to 100) of the finite values; 0 to 0 where there is none.
    pub(crate) fn percentiles(values: &[f32], low: f64, high: f64) -> Self {
        let mut finite: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
        Self { low: percentile(&mut finite, low), high: percentile(&mut finite, high) }
    }

    /// The window from the least to the greatest finite value; 0 to 0 where there is none.
    pub(crate) fn range(values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = values
            .into_iter()
            .filter(|v| v.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low <= high { Self { low, high } } else { Self { low: 0.0, high: 0.0 } }
    }
}

/// The `q`-th percentile (0 to 100), interpolated between the two nearest values; 0 for no values. Reorders `values`.
fn percentile(values: &mut [f32], q: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let at = (q / 100.0).clamp(0.0, 1.0) * (values.len() - 1) as f64;
    let (_, below, above) = values.select_nth_unstable_by(at.floor() as usize, f32::total_cmp);
    let below = f64::from(*below);
    let next = above.iter().copied().min_by(f32::total_cmp).map_or(below, f64::from);
    below + (next - below) * at.fract()
}

/// Round numbers between `low` and `high`, `most` of them at most, and how many decimals they need. Both ends are included
/// where they are round.
pub(crate) fn ticks(low: f64, high: f64, most: usize) -> (Vec<f64>, usize) {
    let span = high - low;
    if !span.is_finite() || span <= 0.0 || most == 0 {
        return (Vec::new(), 0);
    }
    let mut magnitude = 10_f64.powf((span / most as f64).log10().floor());
    let mut steps = [1.0, 2.0, 5.0].into_iter().cycle();
    let mut factor = steps.next().unwrap_or(1.0);
    // Three rounds of 1, 2, 5 pass any step that can be needed.
    for _ in 0..9 {
        let step = factor * magnitude;
        let (first, last) = ((low / step - 1e-6).ceil(), (high / step + 1e-6).floor());
        if last - first + 1.0 <= most as f64 {
            let decimals = (-magnitude.log10()).ceil().clamp(0.0, 12.0) as usize;
            let n = (last - first + 1.0).max(0.0) as usize;
            return ((0..n).map(|i| (first + i as f64) * step).collect(), decimals);
        }
        factor = steps.next().unwrap_or(1.0);
        if factor == 1.0 {
            magnitude *= 10.0;
        }
    }
    (Vec::new(), 0)
}

/// The largest of 1, 2, 5 times a power of ten that is at most `limit`; 1 where `limit` is not a positive number.
pub(crate) fn round_length(limit: f64) -> f64 {
    if !limit.is_finite() || limit <= 0.0 {
        return 1.0;
    }
    let magnitude = 10_f64.powf(limit.log10().floor());
    // A hair of room: 10^log10(x) need not be x.
    [5.0, 2.0, 1.0].into_iter().map(|f| f * magnitude).find(|l| *l <= limit * (1.0 + 1e-9)).unwrap_or(magnitude)
}

/// A number with `decimals` decimals and a true minus sign.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        // −0 is 0.
        Some(digits) if digits.chars().all(|c| c == '0' || c == '.') => digits.to_owned(),
        Some(digits) => format!("−{digits}"),
        None => text,
    }
}

/// A number in about three significant figures.
pub(crate) fn short(value: f64) -> String {
    if !value.is_finite() {
        return "not a number".to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let exponent = value.abs().log10().floor() as i32;
    if !(-3..6).contains(&exponent) {
        let mantissa = value / 10_f64.powi(exponent);
        return format!("{}×10{}", trimmed(&fixed(mantissa, 1)), superscript(exponent));
    }
    trimmed(&fixed(value, usize::try_from(2 - exponent).unwrap_or(0)))
}

fn trimmed(text: &str) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
}

/// An integer as superscript.
pub(crate) fn superscript(n: i32) -> String {
    const SIGNS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    n.to_string().chars().map(|c| c.to_digit(10).and_then(|d| SIGNS.get(d as usize).copied()).unwrap_or('⁻')).collect()
}

/// An image of `height * width` values, row-major, at another size. Enlarged threefold or more its pixels stay square;
/// otherwise it is filtered (Mitchell and Netravali's cubic), widened when shrinking so that no pixel is skipped. Values that
/// are not finite count as `instead`.
pub(crate) fn resampled(
    values: &[f32],
    [height, width]: [usize; 2],
    [to_height, to_width]: [usize; 2],
    instead: f32,
) -> Vec<f32> {
    let (rows, columns) = (taps(height, to_height), taps(width, to_width));
    let finite = |v: f32| if v.is_finite() { v } else { instead };
    let mut narrow = Vec::with_capacity(height * to_width);
    for row in values.chunks_exact(width.max(1)) {
        for (first, weights) in &columns {
            narrow.push(weights.iter().zip(&row[*first..]).map(|(w, v)| w * finite(*v)).sum::<f32>());
        }
    }
    let mut out = Vec::with_capacity(to_height * to_width);
    for (first, weights) in &rows {
        for c in 0..to_width {
            out.push(weights.iter().enumerate().map(|(i, w)| w * narrow[(first + i) * to_width + c]).sum());
        }
    }
    out
}

/// For every target pixel of an axis, the first source pixel it takes from and the weights, which sum to 1.
fn taps(from: usize, to: usize) -> Vec<(usize, Vec<f32>)> {
    let scale = from as f64 / to as f64;
    (0..to)
        .map(|i| {
            if from == to {
                return (i, vec![1.0]);
            }
            let centre = (i as f64 + 0.5) * scale - 0.5;
            let reach = if scale * 3.0 <= 1.0 { 0.5 + scale / 2.0 } else { 2.0 * scale.max(1.0) };
            let first = (centre - reach).ceil().max(0.0) as usize;
            let last = ((centre + reach).floor().max(0.0) as usize).min(from - 1);
            let first = first.min(last);
            let mut weights: Vec<f64> = (first..=last)
                .map(|j| {
                    let away = (j as f64 - centre).abs();
                    if scale * 3.0 <= 1.0 {
                        // How much of the target pixel lies on this source pixel.
                        (reach - away).clamp(0.0, scale)
                    } else {
                        mitchell(away / scale.max(1.0))
                    }
                })
                .collect();
            let sum: f64 = weights.iter().sum();
            if sum.abs() < 1e-12 {
                weights.fill(1.0 / (last - first + 1) as f64);
            } else {
                weights.iter_mut().for_each(|w| *w /= sum);
            }
            (first, weights.into_iter().map(|w| w as f32).collect())
        })
        .collect()
}

/// Mitchell and Netravali's filter (1988) with B = C = 1/3.
fn mitchell(x: f64) -> f64 {
    if x < 1.0 {
        (7.0 * x * x * x - 12.0 * x * x + 16.0 / 3.0) / 6.0
    } else if x < 2.0 {
        (-7.0 / 3.0 * x * x * x + 12.0 * x * x - 20.0 * x + 32.0 / 3.0) / 6.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate() {
        let values: Vec<f32> = (0..=100).rev().map(|i| i as f32).collect();
        let window = Window::percentiles(&values, 0.5, 99.8);
        assert!((window.low - 0.5).abs() < 1e-9 && (window.high - 99.8).abs() < 1e-9, "{window:?}");
        assert_eq!(Window::percentiles(&[4.0, 1.0], 0.0, 50.0), Window { low: 1.0, high: 2.5 });
        assert_eq!(Window::percentiles(&[7.0], 0.5, 99.8), Window { low: 7.0, high: 7.0 });
    }

    #[test]
    fn windows_bear_what_is_not_a_number() {
        assert_eq!(Window::percentiles(&[f32::NAN, f32::INFINITY], 0.5, 99.8), Window { low: 0.0, high: 0.0 });
        assert_eq!(Window::percentiles(&[f32::NAN, 3.0, 5.0], 0.0, 100.0), Window { low: 3.0, high: 5.0 });
        assert_eq!(Window::range([f64::NAN, 2.0, -1.0]), Window { low: -1.0, high: 2.0 });
        let flat = Window { low: 5.0, high: 5.0 };
        assert_eq!((flat.share(5.0), flat.share(f64::NAN)), (0.0, 0.0));
    }

    #[test]
    fn ticks_are_round_few_and_inside() {
        for (low, high) in
            [(0.0, 1.0), (0.0, 20.6), (-3.3, 4.1), (0.0, 4095.0), (1e-7, 3e-7), (999.0, 1001.5), (-5e8, 5e8)]
        {
            for most in 2..9 {
                let (marks, _) = ticks(low, high, most);
                assert!(!marks.is_empty() && marks.len() <= most, "{low}..{high}, {most}: {marks:?}");
                let slack = 1e-5 * (high - low);
                assert!(marks.iter().all(|t| (low - slack..=high + slack).contains(t)), "{low}..{high}: {marks:?}");
            }
        }
        assert_eq!(ticks(0.0, 30.0, 7).0, [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
        assert_eq!(ticks(0.0, 0.4, 5), (vec![0.0, 0.1, 0.2, 0.30000000000000004, 0.4], 1));
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            assert!(ticks(low, high, 5).0.is_empty());
        }
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (1.0, "1"),
            (-0.5, "−0.5"),
            (4095.0, "4095"),
            (212.4, "212"),
            (0.0123, "0.0123"),
            (0.000123, "1.2×10⁻⁴"),
            (3e8, "3×10⁸"),
        ] {
            assert_eq!(short(value), text);
        }
        assert_eq!(fixed(-0.001, 1), "0.0");
        assert_eq!(fixed(-2.5, 1), "−2.5");
        for (limit, length) in
            [(130.0, 100.0), (99.0, 50.0), (49.0, 20.0), (0.6, 0.5), (1000.0, 1000.0), (f64::NAN, 1.0)]
        {
            assert!((round_length(limit) / length - 1.0).abs() < 1e-9, "{limit}");
        }
    }

    #[test]
    fn resampling_keeps_constants_and_means() {
        let noise: Vec<f32> = (0..40 * 30).map(|i| ((i * 7919) % 1000) as f32).collect();
        let mean = |v: &[f32]| v.iter().sum::<f32>() / v.len() as f32;
        for to in [[40, 30], [20, 15], [33, 29], [50, 37], [160, 120], [1, 1], [7, 300]] {
            let flat = resampled(&vec![3.0; 40 * 30], [40, 30], to, 0.0);
            assert_eq!(flat.len(), to[0] * to[1]);
            assert!(flat.iter().all(|v| (v - 3.0).abs() < 1e-4), "{to:?}");
            let out = resampled(&noise, [40, 30], to, 0.0);
            assert!((mean(&out) / mean(&noise) - 1.0).abs() < 0.05, "{to:?}: {} {}", mean(&out), mean(&noise));
        }
        assert_eq!(resampled(&noise, [40, 30], [40, 30], 0.0), noise);
    }

    #[test]
    fn large_pixels_stay_square() {
        let out = resampled(&[1.0, 2.0, 3.0, f32::NAN], [2, 2], [8, 8], 9.0);
        for (i, v) in out.iter().enumerate() {
            let want = [1.0, 2.0, 3.0, 9.0][(i / 32) * 2 + (i % 8) / 4];
            assert_eq!(*v, want, "pixel {i}");
        }
    }
}
