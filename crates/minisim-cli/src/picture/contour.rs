//! Contour lines of a sampled field, by marching squares with linear interpolation.

use minisim::footprint::Patch;

/// One contour line. Points are (x, y) in px, where a pixel's centre is at whole numbers.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct Line {
    /// The corners, in order.
    pub(crate) points: Vec<[f64; 2]>,
    /// Whether the last corner joins the first; a line that leaves the field is open.
    pub(crate) closed: bool,
}

#[cfg(test)]
impl Line {
    /// Area inside the line (px²); positive around high ground, negative around a hole.
    pub(crate) fn area_px2(&self) -> f64 {
        let n = self.points.len();
        (0..n)
            .map(|i| {
                let ([x0, y0], [x1, y1]) = (self.points[i], self.points[(i + 1) % n]);
                (x0 * y1 - x1 * y0) / 2.0
            })
            .sum()
    }
}

/// The lines along which a field of `height * width` values, row-major, crosses `level`. Empty when the sizes do not fit.
///
/// Lines run with the high ground on their right as seen on the page (y down). Where opposite corners of a square are
/// high, the mean of the four decides whether the high ground is joined.
pub(crate) fn marching_squares(field: &[f32], height: usize, width: usize, level: f32) -> Vec<Line> {
    if height < 2 || width < 2 || field.len() != height * width {
        return Vec::new();
    }
    let high = |r: usize, c: usize| field[r * width + c] >= level;
    // Every crossed edge of the pixel grid is left by one line at most: `next` holds where that line goes. Edges along rows
    // come first, then edges along columns; each is named by its first pixel.
    let n = height * width;
    let (along, across) = (|r: usize, c: usize| r * width + c, |r: usize, c: usize| n + r * width + c);
    let mut next: Vec<Option<usize>> = vec![None; 2 * n];
    let mut reached = vec![false; 2 * n];
    for r in 0..height - 1 {
        for c in 0..width - 1 {
            let corners = [high(r, c), high(r, c + 1), high(r + 1, c + 1), high(r + 1, c)];
            let edges = [along(r, c), across(r, c + 1), along(r + 1, c), across(r, c)];
            // Going round the square, an edge from a high to a low corner lets the line in, the other way lets it out.
            let enters = (0..4).filter(|&i| corners[i] && !corners[(i + 1) % 4]);
            let leaves: Vec<usize> = (0..4).filter(|&i| !corners[i] && corners[(i + 1) % 4]).collect();
            let joined = || {
                let sum =
                    field[along(r, c)] + field[along(r, c + 1)] + field[along(r + 1, c)] + field[along(r + 1, c + 1)];
                sum / 4.0 >= level
            };
            for enter in enters {
                // A saddle has two ways out: the edge after the one we came by cuts off a low corner, the one before a high one.
                let leave = match leaves.as_slice() {
                    [only] => *only,
                    _ if joined() => (enter + 1) % 4,
                    _ => (enter + 3) % 4,
                };
                next[edges[enter]] = Some(edges[leave]);
                reached[edges[leave]] = true;
            }
        }
    }
    let point = |edge: usize| {
        let (row_wise, at) = (edge < n, edge % n);
        let other = if row_wise { at + 1 } else { at + width };
        let (a, b) = (f64::from(field[at]), f64::from(field[other]));
        let share = ((f64::from(level) - a) / (b - a)).clamp(0.0, 1.0);
        // An infinite neighbour gives no share; the middle is as good as any place.
        let share = if share.is_finite() { share } else { 0.5 };
        let (y, x) = ((at / width) as f64, (at % width) as f64);
        if row_wise { [x + share, y] } else { [x, y + share] }
    };
    let mut lines = Vec::new();
    let mut follow = |start: usize, closed: bool, next: &mut Vec<Option<usize>>| {
        let mut points = Vec::new();
        let mut edge = start;
        loop {
            points.push(point(edge));
            match next[edge].take() {
                Some(onward) if onward != start => edge = onward,
                _ => break,
            }
        }
        lines.push(Line { points, closed });
    };
    // Open lines start where no other segment ends; what is left afterwards are loops.
    for edge in 0..2 * n {
        if next[edge].is_some() && !reached[edge] {
            follow(edge, false, &mut next);
        }
    }
    for edge in 0..2 * n {
        if next[edge].is_some() {
            follow(edge, true, &mut next);
        }
    }
    lines
}

/// The outline of a footprint at a share of its peak, in the coordinates of the patch's canvas (px). Lightly smoothed, so that
/// a footprint of few pixels gets a round outline. Empty for a dark footprint.
pub(crate) fn outline(patch: &Patch, share: f32) -> Vec<Line> {
    // Two dark pixels around: one for the smoothing to reach into, one for the line to close around it.
    const RIM: usize = 2;
    let (h, w) = (patch.height + 2 * RIM, patch.width + 2 * RIM);
    let mut padded = vec![0.0_f32; h * w];
    for r in 0..patch.height {
        for (c, v) in patch.row_weights(r).iter().enumerate() {
            padded[(r + RIM) * w + c + RIM] = if v.is_finite() { v.max(0.0) } else { 0.0 };
        }
    }
    let smooth = binomial(&binomial(&padded, h, w, 1, w), w, h, w, 1);
    let peak = smooth.iter().copied().fold(0.0, f32::max);
    if peak <= 0.0 {
        return Vec::new();
    }
    let mut lines = marching_squares(&smooth, h, w, share * peak);
    let (dx, dy) = (f64::from(patch.col) - RIM as f64, f64::from(patch.row) - RIM as f64);
    for [x, y] in lines.iter_mut().flat_map(|l| &mut l.points) {
        *x += dx;
        *y += dy;
    }
    lines
}

/// Each value averaged with its two neighbours, with weights ¼ ½ ¼, along the axis whose values are `step` apart.
fn binomial(field: &[f32], lines: usize, length: usize, step: usize, stride: usize) -> Vec<f32> {
    // `lines` runs of `length` values, `stride` apart.
    let mut out = vec![0.0; field.len()];
    for line in 0..lines {
        for i in 0..length {
            let at = line * stride + i * step;
            let before = if i > 0 { field[at - step] } else { 0.0 };
            let after = if i + 1 < length { field[at + step] } else { 0.0 };
            out[at] = 0.25 * before + 0.5 * field[at] + 0.25 * after;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cone(n: usize, centre: [f64; 2]) -> Vec<f32> {
        (0..n * n)
            .map(|i| {
                let (y, x) = ((i / n) as f64 - centre[0], (i % n) as f64 - centre[1]);
                -(x * x + y * y).sqrt() as f32
            })
            .collect()
    }

    #[test]
    fn a_disc_has_the_area_of_a_disc() {
        for radius in [2.5_f64, 7.3, 14.0] {
            let lines = marching_squares(&cone(41, [20.3, 19.6]), 41, 41, -radius as f32);
            assert_eq!(lines.len(), 1);
            assert!(lines[0].closed);
            let (area, want) = (lines[0].area_px2(), std::f64::consts::PI * radius * radius);
            // A polygon of straight pieces inside the circle is a little smaller.
            assert!((area / want - 1.0).abs() < 0.3 / (radius * radius) + 0.01, "area {area}, not {want}");
            let mean = |i: usize| lines[0].points.iter().map(|p| p[i]).sum::<f64>() / lines[0].points.len() as f64;
            assert!((mean(0) - 19.6).abs() < 0.2 && (mean(1) - 20.3).abs() < 0.2);
        }
    }

    #[test]
    fn a_ring_has_two_lines_whose_areas_subtract() {
        let ring: Vec<f32> = cone(41, [20.0, 20.0]).iter().map(|v| -(v.abs() - 10.0).abs()).collect();
        let lines = marching_squares(&ring, 41, 41, -3.0);
        let area: f64 = lines.iter().map(Line::area_px2).sum();
        let want = std::f64::consts::PI * (13.0 * 13.0 - 7.0 * 7.0);
        assert_eq!(lines.len(), 2);
        assert!((area / want - 1.0).abs() < 0.02, "area {area}, not {want}");
    }

    #[test]
    fn lines_that_leave_the_field_are_open() {
        let slope: Vec<f32> = (0..20).map(|i| (i % 5) as f32).collect();
        let lines = marching_squares(&slope, 4, 5, 2.5);
        assert_eq!(lines.len(), 1);
        assert!(!lines[0].closed);
        assert_eq!(lines[0].points.len(), 4);
        assert!(lines[0].points.iter().all(|p| p[0] == 2.5));
    }

    #[test]
    fn a_saddle_is_joined_by_its_mean() {
        // Two high corners of four, and a rim of low ground around them.
        let field = |low: f32| {
            let mut f = vec![low; 16];
            (f[5], f[10]) = (1.0, 1.0);
            f
        };
        assert_eq!(marching_squares(&field(0.2), 4, 4, 0.5).len(), 1, "mean 0.6 joins");
        assert_eq!(marching_squares(&field(-0.2), 4, 4, 0.5).len(), 2, "mean 0.4 parts");
    }

    #[test]
    fn outlines_close_around_every_footprint() {
        let one = Patch { row: 3, col: -2, height: 1, width: 1, data: vec![1.0] };
        let lines = outline(&one, 0.4);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].closed && lines[0].area_px2() > 0.5);
        assert!(lines[0].points.iter().all(|p| (p[0] + 2.0).abs() < 1.5 && (p[1] - 3.0).abs() < 1.5));
        for data in [vec![0.0; 4], vec![f32::NAN; 4]] {
            assert!(outline(&Patch { row: 0, col: 0, height: 2, width: 2, data }, 0.4).is_empty());
        }
        assert!(outline(&Patch::default(), 0.4).is_empty());
    }

    #[test]
    fn the_outline_of_a_gaussian_is_where_it_falls_to_the_level() {
        let sigma = 4.0_f64;
        let data = (0..33 * 33)
            .map(|i| {
                let (y, x) = ((i / 33) as f64 - 16.0, (i % 33) as f64 - 16.0);
                (-(x * x + y * y) / (2.0 * sigma * sigma)).exp() as f32
            })
            .collect();
        let lines = outline(&Patch { row: 0, col: 0, height: 33, width: 33, data }, 0.4);
        let radius = sigma * (2.0 * 2.5_f64.ln()).sqrt();
        for p in &lines[0].points {
            let r = (p[0] - 16.0).hypot(p[1] - 16.0);
            // The smoothing widens the Gaussian by half a pixel² of variance: 1.6 %.
            assert!((r / radius - 1.0).abs() < 0.03, "radius {r}, not {radius}");
        }
    }
}
