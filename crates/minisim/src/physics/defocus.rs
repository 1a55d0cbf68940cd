//! Defocus that changes over time: levels of blur, between which images are interpolated.
//!
//! An image blurred by σ is interpolated between the images at two fixed levels of σ², a geometric grid, linearly in 1/σ².
//! In that variable a point's peak is exact, and all objects wider than a pixel are within 1 % of their peak everywhere. Weights add
//! up to 1, so no light is made or lost.

use crate::math;

/// Ratio of σ² from a level to the next. The image of a point is u exp(-r² u / 2) with u = 1/σ²; its second derivative by u is
/// 0.46/u of its peak at most, so the error of a linear interpolation over Δu is at most 0.058 (Δu/u)² of the peak: 0.5 % at this
/// ratio. Rings and what is hardly wider than a pixel come nearer to 1 %.
pub const LEVEL_RATIO: f64 = 1.35;

/// The smallest σ² that is told from none (px²): a Gaussian of σ = 0.2 px leaves the pixel next to it 4e-6 of its light.
const SMALLEST_PX2: f64 = 0.04;

/// The blur of one object while its distance to the focal surface changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Defocus {
    /// Distance to the focal surface at rest; positive below it (µm).
    pub distance_um: f64,
    /// σ² in focus (px²).
    focused_px2: f64,
    /// σ per distance to the focal surface (px/µm).
    px_per_um: f64,
}

impl Defocus {
    /// An object `distance_um` below the focal surface, whose σ is `focused_px` in focus and grows by `px_per_um` with the distance.
    #[must_use]
    pub fn new(distance_um: f64, focused_px: f64, px_per_um: f64) -> Self {
        Self { distance_um, focused_px2: (focused_px * focused_px).max(SMALLEST_PX2), px_per_um }
    }

    /// σ² (px²) when the focal surface lies `shift_um` deeper in the tissue than at rest.
    #[must_use]
    pub fn blur_px2(&self, shift_um: f64) -> f64 {
        let sigma = self.px_per_um * (self.distance_um - shift_um);
        self.focused_px2 + sigma * sigma
    }

    /// σ² (px²) of the levels between which the images at all shifts within `shifts_um` (smallest and largest) lie, ascending. They
    /// belong to a grid in which the blur at rest lies in the middle between two, so small shifts need no third one.
    #[must_use]
    pub fn levels_px2(&self, shifts_um: [f64; 2]) -> Vec<f64> {
        let [first, last] = shifts_um;
        let nearest = self.distance_um.clamp(first, last);
        let farthest = if self.distance_um - first > last - self.distance_um { first } else { last };
        let rest_px2 = self.blur_px2(0.0);
        let level_px2 = |level: i32| rest_px2 * math::pow(LEVEL_RATIO, f64::from(level) - 0.5);
        let below = |shift_um: f64| {
            let px2 = self.blur_px2(shift_um);
            // The logarithm says about where; it may be rounded to either side of a level.
            let mut level = (math::ln(px2 / rest_px2) / math::ln(LEVEL_RATIO)).floor() as i32 - 1;
            while level_px2(level + 1) <= px2 {
                level += 1;
            }
            level
        };
        (below(nearest)..below(farthest) + 2).map(level_px2).collect()
    }

    /// The weights of levels at a shift that lies within theirs; they add up to 1, and two of them at most are not 0.
    pub fn weigh(&self, levels_px2: &[f64], shift_um: f64, weights: &mut [f32]) {
        weights.fill(0.0);
        let px2 = self.blur_px2(shift_um);
        let mut at = 0;
        while at + 2 < levels_px2.len() && levels_px2[at + 1] <= px2 {
            at += 1;
        }
        if let ([below, above], [lower, upper]) = (&levels_px2[at..at + 2], &mut weights[at..at + 2]) {
            let share = ((px2 - below) * above / ((above - below) * px2)).clamp(0.0, 1.0) as f32;
            (*lower, *upper) = (1.0 - share, share);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{footprint::Patch, physics::blur::degrade_footprint};

    /// The largest error of the interpolated images of `object` between σ = `focused_px` and some 30 times that, as a share of the
    /// true image's peak.
    fn largest_error(object: &Patch, focused_px: f64, canvas: [usize; 2]) -> f64 {
        let defocus = Defocus::new(0.0, focused_px, 1.0);
        let mut largest = 0.0_f64;
        for step in 0..60 {
            let shift_um = focused_px * 0.02 * 1.11_f64.powi(step);
            let levels = defocus.levels_px2([shift_um; 2]);
            let mut weights = vec![0.0; levels.len()];
            defocus.weigh(&levels, shift_um, &mut weights);
            let image = |sigma_px| degrade_footprint(object, sigma_px, 1.0, canvas).cropped(0, 0, canvas[0], canvas[1]);
            let full = |p: Patch| {
                let mut image = vec![0.0_f32; canvas[0] * canvas[1]];
                for r in 0..p.height {
                    let at = (p.row as usize + r) * canvas[1] + p.col as usize;
                    image[at..at + p.width].copy_from_slice(p.row_weights(r));
                }
                image
            };
            let [lower, upper] = [levels[0], levels[1]].map(|px2| full(image(px2.sqrt())));
            let truth = full(image(defocus.blur_px2(shift_um).sqrt()));
            let peak = truth.iter().copied().fold(0.0, f32::max);
            for ((a, b), truth) in lower.iter().zip(&upper).zip(&truth) {
                largest = largest.max(f64::from((a * weights[0] + b * weights[1] - truth).abs() / peak));
            }
        }
        largest
    }

    fn disc(radius_px: f64, hole_px: f64, canvas: [usize; 2]) -> Patch {
        let inside = |i: usize| {
            let [y, x] = [(i / canvas[1]) as f64 - 80.0, (i % canvas[1]) as f64 - 80.0];
            let r = y.hypot(x);
            if r <= radius_px && r >= hole_px { 1.0 } else { 0.0 }
        };
        Patch {
            row: 0,
            col: 0,
            height: canvas[0],
            width: canvas[1],
            data: (0..canvas[0] * canvas[1]).map(inside).collect(),
        }
    }

    #[test]
    fn interpolated_images_are_within_one_percent_of_the_peak() {
        let canvas = [161, 161];
        for (radius, hole) in [(1.2, 0.0), (2.0, 0.0), (6.0, 0.0), (9.0, 5.0)] {
            for focused in [0.2, 0.7, 1.5] {
                let error = largest_error(&disc(radius, hole, canvas), focused, canvas);
                assert!(error < 0.01, "radius {radius}, hole {hole}, focused {focused}: {error}");
                // An interpolation without any error would not be one.
                assert!(error > 1e-4, "radius {radius}, hole {hole}, focused {focused}: {error}");
            }
        }
    }

    #[test]
    fn weights_are_shares_of_neighbouring_levels() {
        let defocus = Defocus::new(-12.0, 0.8, 0.3);
        let levels = defocus.levels_px2([-3.0, 40.0]);
        assert!(
            levels.len() > 4 && levels.windows(2).all(|w| (w[1] / w[0] / LEVEL_RATIO - 1.0).abs() < 1e-12),
            "{levels:?}"
        );
        assert_eq!(defocus.levels_px2([-0.1, 0.1]).len(), 2);
        let mut weights = vec![0.0; levels.len()];
        for i in 0..=430 {
            let shift_um = -3.0 + 0.1 * f64::from(i);
            defocus.weigh(&levels, shift_um, &mut weights);
            let lit: Vec<usize> = (0..levels.len()).filter(|k| weights[*k] > 0.0).collect();
            assert!(
                (1..=2).contains(&lit.len()) && lit.windows(2).all(|w| w[1] == w[0] + 1),
                "{shift_um}: {weights:?}"
            );
            assert_eq!(weights.iter().sum::<f32>(), 1.0);
            // What lies between two levels of σ² is a mean of their 1/σ².
            let mean: f64 = lit.iter().map(|k| f64::from(weights[*k]) / levels[*k]).sum();
            assert!((mean * defocus.blur_px2(shift_um) - 1.0).abs() < 1e-6, "{shift_um}");
        }
    }

    #[test]
    fn levels_that_are_needed_do_not_move_those_that_were() {
        let defocus = Defocus::new(25.0, 0.8, 0.3);
        let (few, many) = (defocus.levels_px2([-1.0, 4.0]), defocus.levels_px2([-9.0, 30.0]));
        let at = many.windows(few.len()).position(|levels| levels == few).expect("among them");
        assert!(at > 0 && at + few.len() < many.len());
        let (mut a, mut b) = (vec![0.0; few.len()], vec![0.0; many.len()]);
        for shift_um in [-1.0, -0.3, 0.0, 0.99, 4.0] {
            defocus.weigh(&few, shift_um, &mut a);
            defocus.weigh(&many, shift_um, &mut b);
            assert_eq!(a, b[at..][..few.len()], "{shift_um}");
        }
    }
}
