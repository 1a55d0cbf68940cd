//! What happens to pixels on their way: operations on registers, carried out by one interpreter wherever the pixels come from.

use crate::level::{Kernel, Level, Vector, Wide};

/// What happens to an image in `F` frames. Maps are whole images; a place in them is that of a pixel in the image.
#[derive(Clone, Copy, Debug)]
pub enum Op<'a, const F: usize> {
    /// `+ map`
    Add(&'a [f32]),
    /// `+ map * scale`, with the scale of each frame.
    AddScaled(&'a [f32], [f32; F]),
    /// `+ level`, with the level of each frame.
    AddEven([f32; F]),
    /// `* map`
    Multiply(&'a [f32]),
    /// `* scale`, with the scale of each frame.
    Scale([f32; F]),
    /// Collects `+ map * scale` in a sum of its own, which begins at 0.
    Collect(&'a [f32], [f32; F]),
    /// Collects `+ level`.
    CollectEven([f32; F]),
    /// `* what was collected`; collecting begins anew.
    MultiplyCollected,
}

/// A register of pixels of a map from `at` on; beyond its end there is nothing.
#[inline(always)]
fn load<V: Vector>(token: V::Token, map: &[f32], at: usize) -> V {
    if at + V::LANES <= map.len() {
        return V::load(token, &map[at..]);
    }
    let mut part = [0.0; super::tiles::STRIP];
    let rest = &map[at.min(map.len())..];
    part[..rest.len()].copy_from_slice(rest);
    V::load(token, &part)
}

/// Carries out `ops` on `R` registers of pixels, from pixel `at` of the image on, in each of `F` frames. Each pixel sees the
/// operations in their order, each rounded once, whatever the width of a register.
#[inline(always)]
pub(crate) fn apply<V: Vector, const F: usize, const R: usize>(
    token: V::Token,
    ops: &[Op<'_, F>],
    at: usize,
    x: &mut [[V; R]; F],
) {
    let mut collected = [[V::splat(token, 0.0); R]; F];
    for op in ops {
        match op {
            Op::Add(map) => {
                for i in 0..R {
                    let map = load::<V>(token, map, at + i * V::LANES);
                    for frame in x.iter_mut() {
                        frame[i] = frame[i].add(map);
                    }
                }
            }
            Op::AddScaled(map, scales) => add_scaled(token, x, map, scales, at),
            Op::AddEven(levels) => {
                for (frame, level) in x.iter_mut().zip(levels) {
                    let level = V::splat(token, *level);
                    frame.iter_mut().for_each(|x| *x = x.add(level));
                }
            }
            Op::Multiply(map) => {
                for i in 0..R {
                    let map = load::<V>(token, map, at + i * V::LANES);
                    for frame in x.iter_mut() {
                        frame[i] = frame[i].mul(map);
                    }
                }
            }
            Op::Scale(scales) => {
                for (frame, scale) in x.iter_mut().zip(scales) {
                    let scale = V::splat(token, *scale);
                    frame.iter_mut().for_each(|x| *x = x.mul(scale));
                }
            }
            Op::Collect(map, scales) => add_scaled(token, &mut collected, map, scales, at),
            Op::CollectEven(levels) => {
                for (sum, level) in collected.iter_mut().zip(levels) {
                    let level = V::splat(token, *level);
                    sum.iter_mut().for_each(|sum| *sum = sum.add(level));
                }
            }
            Op::MultiplyCollected => {
                for (frame, sum) in x.iter_mut().zip(&mut collected) {
                    for i in 0..R {
                        frame[i] = frame[i].mul(sum[i]);
                        sum[i] = V::splat(token, 0.0);
                    }
                }
            }
        }
    }
}

/// `x += map * scale`.
#[inline(always)]
fn add_scaled<V: Vector, const F: usize, const R: usize>(
    token: V::Token,
    x: &mut [[V; R]; F],
    map: &[f32],
    scales: &[f32; F],
    at: usize,
) {
    for i in 0..R {
        let map = load::<V>(token, map, at + i * V::LANES);
        for (frame, scale) in x.iter_mut().zip(scales) {
            frame[i] = V::splat(token, *scale).mul_add(map, frame[i]);
        }
    }
}

/// Four neighbours of each pixel of a row, and where it lies between them.
#[derive(Clone, Copy, Debug)]
pub struct Between<'a> {
    /// The row above and the one below, one pixel longer than the row.
    pub upper: &'a [f32],
    /// See `upper`.
    pub lower: &'a [f32],
    /// Distance from the left neighbours and from the upper ones (px).
    pub right: f32,
    /// See `right`.
    pub below: f32,
}

/// Carries out `ops` on a row of an image, whose first pixel is pixel `first` of the image. The row's pixels are those of
/// `line`, or come from between those of `from`.
pub fn run_row(from: Option<Between<'_>>, ops: &[Op<'_, 1>], first: usize, line: &mut [f32]) {
    run_row_at(Level::best(), from, ops, first, line);
}

fn run_row_at(level: Level, from: Option<Between<'_>>, ops: &[Op<'_, 1>], first: usize, line: &mut [f32]) {
    if from.is_some() || !ops.is_empty() {
        level.run(Row { from, ops, first, line });
    }
}

/// Registers that a row is worked on in.
const REGISTERS: usize = 4;

struct Row<'a> {
    from: Option<Between<'a>>,
    ops: &'a [Op<'a, 1>],
    first: usize,
    line: &'a mut [f32],
}

impl Kernel for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Wide>(mut self, token: V::Token) {
        let n = self.line.len();
        let mut at = 0;
        while at + REGISTERS * V::LANES <= n {
            self.pixels::<V, REGISTERS>(token, at);
            at += REGISTERS * V::LANES;
        }
        while at + V::LANES <= n {
            self.pixels::<V, 1>(token, at);
            at += V::LANES;
        }
        while at < n {
            self.pixels::<f32, 1>((), at);
            at += 1;
        }
    }
}

impl Row<'_> {
    /// `R` registers of pixels, from pixel `at` of the row on.
    #[inline(always)]
    fn pixels<V: Vector, const R: usize>(&mut self, token: V::Token, at: usize) {
        let here = at..at + R * V::LANES;
        let mut x = [V::splat(token, 0.0); R];
        match &self.from {
            None => {
                let line = &self.line[here.clone()];
                for i in 0..R {
                    x[i] = V::load(token, &line[i * V::LANES..]);
                }
            }
            Some(from) => {
                let (right, below) = (V::splat(token, from.right), V::splat(token, from.below));
                let (upper, lower) = (&from.upper[at..=here.end], &from.lower[at..=here.end]);
                for i in 0..R {
                    x[i] =
                        between(V::load(token, &upper[i * V::LANES..]), V::load(token, &lower[i * V::LANES..]), below);
                }
                let n = R * V::LANES;
                let mut right_of = V::splat(token, between(upper[n], lower[n], from.below));
                for i in (0..R).rev() {
                    let left = x[i];
                    x[i] = between(left, left.followed_by(right_of), right);
                    right_of = left;
                }
            }
        }
        let mut frames = [x];
        apply(token, self.ops, self.first + at, &mut frames);
        let line = &mut self.line[here];
        for i in 0..R {
            frames[0][i].store(&mut line[i * V::LANES..]);
        }
    }
}

/// `a + (b - a) * part`.
#[inline(always)]
pub(super) fn between<V: Vector>(a: V, b: V, part: V) -> V {
    b.sub(a).mul_add(part, a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_goes_through_its_operations_in_order_at_every_level() {
        let value = |seed: usize, i: usize| ((i * 37 + seed * 101) % 97) as f32 * 0.37 - 9.0;
        let row = |seed: usize, n: usize| (0..n).map(|i| value(seed, i)).collect::<Vec<f32>>();
        // The row's first pixel is not the image's.
        let first = 29;
        for n in [0, 1, 15, 64, 203] {
            let (upper, lower) = (row(1, n + 1), row(2, n + 1));
            let maps = [3, 4, 5].map(|seed| row(seed, first + n));
            let from = Between { upper: &upper, lower: &lower, right: 0.3, below: 0.85 };
            let ops = [
                Op::AddScaled(&maps[0], [1.7]),
                Op::Multiply(&maps[1]),
                Op::Add(&maps[2]),
                Op::Scale([0.3]),
                Op::Collect(&maps[0], [0.2]),
                Op::CollectEven([0.5]),
                Op::Collect(&maps[2], [-0.4]),
                Op::MultiplyCollected,
                Op::AddEven([2.0]),
            ];
            let by_hand = |from: bool| -> Vec<f32> {
                let start = |i: usize| {
                    let between = |a: f32, b: f32, part: f32| (b - a).mul_add(part, a);
                    let column = |i: usize| between(upper[i], lower[i], 0.85);
                    if from { between(column(i), column(i + 1), 0.3) } else { value(6, i) }
                };
                let cycle = |x: f32, i: usize| {
                    let [a, b, c] = [0, 1, 2].map(|k: usize| maps[k][first + i]);
                    let collected = (-0.4_f32).mul_add(c, 0.2_f32.mul_add(a, 0.0) + 0.5);
                    (1.7_f32.mul_add(a, x) * b + c) * 0.3 * collected + 2.0
                };
                (0..n).map(|i| (0..2).fold(start(i), |x, _| cycle(x, i))).collect()
            };
            let twice: Vec<Op<'_, 1>> = ops.iter().chain(&ops).copied().collect();
            for level in Level::available() {
                for between in [None, Some(from)] {
                    let mut line = row(6, n);
                    run_row_at(level, between, &twice, first, &mut line);
                    assert_eq!(line, by_hand(between.is_some()), "{level:?}, {n} px");
                }
            }
        }
    }
}
