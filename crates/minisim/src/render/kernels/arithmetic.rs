//! What happens to a row of pixels on its way: one pass over it, whatever its layers are.

use crate::level::{Kernel, Level, Vector, Wide};

/// What a layer does to a row in `F` frames.
#[derive(Clone, Copy, Debug)]
pub enum Op<'a, const F: usize> {
    /// `+ map * scale`, with the scale of each frame.
    AddScaled(&'a [f32], [f32; F]),
    /// `+ map`.
    Add(&'a [f32]),
    /// `* map`.
    Multiply(&'a [f32]),
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

/// Operations in one pass; more take another one.
const MOST: usize = 12;

/// Operations that wait to be done together.
#[derive(Debug)]
pub struct Program<'a> {
    from: Option<Between<'a>>,
    ops: [Op<'a, 1>; MOST],
    len: usize,
}

impl<'a> Program<'a> {
    /// Starts with the pixels of the line itself, or from the pixels around each.
    #[must_use]
    pub fn new(from: Option<Between<'a>>) -> Self {
        Self { from, ops: [Op::Add(&[]); MOST], len: 0 }
    }

    /// Adds an operation. Its map must be as long as the line.
    pub fn push(&mut self, op: Op<'a, 1>, line: &mut [f32]) {
        if self.len == MOST {
            self.run(line);
        }
        self.ops[self.len] = op;
        self.len += 1;
    }

    /// Does what waits. Each pixel sees the operations in their order, each rounded, whatever runs together.
    pub fn run(&mut self, line: &mut [f32]) {
        self.run_at(Level::best(), line);
    }

    fn run_at(&mut self, level: Level, line: &mut [f32]) {
        if self.from.is_some() || self.len > 0 {
            level.run(Pass { from: self.from, ops: &self.ops[..self.len], line });
        }
        (self.from, self.len) = (None, 0);
    }
}

/// Registers that a row is worked on in.
const REGISTERS: usize = 4;

struct Pass<'a> {
    from: Option<Between<'a>>,
    ops: &'a [Op<'a, 1>],
    line: &'a mut [f32],
}

impl Kernel for Pass<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Wide>(mut self) {
        let n = self.line.len();
        let mut at = 0;
        while at + REGISTERS * V::LANES <= n {
            self.pixels::<V, REGISTERS>(at);
            at += REGISTERS * V::LANES;
        }
        while at + V::LANES <= n {
            self.pixels::<V, 1>(at);
            at += V::LANES;
        }
        while at < n {
            self.pixels::<f32, 1>(at);
            at += 1;
        }
    }
}

impl Pass<'_> {
    /// `R` registers of pixels, from pixel `at` on.
    #[inline(always)]
    fn pixels<V: Vector, const R: usize>(&mut self, at: usize) {
        let here = at..at + R * V::LANES;
        let mut x = [V::splat(0.0); R];
        match &self.from {
            None => {
                let line = &self.line[here.clone()];
                for i in 0..R {
                    x[i] = V::load(&line[i * V::LANES..]);
                }
            }
            Some(from) => {
                let (right, below) = (V::splat(from.right), V::splat(from.below));
                let (upper, lower) = (&from.upper[at..=here.end], &from.lower[at..=here.end]);
                for i in 0..R {
                    x[i] = between(V::load(&upper[i * V::LANES..]), V::load(&lower[i * V::LANES..]), below);
                }
                let n = R * V::LANES;
                let mut right_of = V::splat(between(upper[n], lower[n], from.below));
                for i in (0..R).rev() {
                    let left = x[i];
                    x[i] = between(left, left.followed_by(right_of), right);
                    right_of = left;
                }
            }
        }
        for op in self.ops {
            match op {
                Op::AddScaled(map, [scale]) => {
                    let (map, scale) = (&map[here.clone()], V::splat(*scale));
                    for i in 0..R {
                        x[i] = scale.mul_add(V::load(&map[i * V::LANES..]), x[i]);
                    }
                }
                Op::Add(map) => {
                    let map = &map[here.clone()];
                    for i in 0..R {
                        x[i] = x[i].add(V::load(&map[i * V::LANES..]));
                    }
                }
                Op::Multiply(map) => {
                    let map = &map[here.clone()];
                    for i in 0..R {
                        x[i] = x[i].mul(V::load(&map[i * V::LANES..]));
                    }
                }
            }
        }
        let line = &mut self.line[here];
        for i in 0..R {
            x[i].store(&mut line[i * V::LANES..]);
        }
    }
}

/// `a + (b - a) * part`.
#[inline(always)]
fn between<V: Vector>(a: V, b: V, part: V) -> V {
    b.sub(a).mul_add(part, a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_does_its_operations_in_order_at_every_level() {
        let value = |seed: usize, i: usize| ((i * 37 + seed * 101) % 97) as f32 * 0.37 - 9.0;
        let row = |seed: usize, n: usize| (0..n).map(|i| value(seed, i)).collect::<Vec<f32>>();
        for n in [0, 1, 15, 64, 203] {
            let (upper, lower, maps) = (row(1, n + 1), row(2, n + 1), [row(3, n), row(4, n), row(5, n)]);
            let from = Between { upper: &upper, lower: &lower, right: 0.3, below: 0.85 };
            let ops = [Op::AddScaled(&maps[0], [1.7]), Op::Multiply(&maps[1]), Op::Add(&maps[2])];
            let by_hand = |from: bool| -> Vec<f32> {
                let start = |i: usize| {
                    let between = |a: f32, b: f32, part: f32| (b - a).mul_add(part, a);
                    let column = |i: usize| between(upper[i], lower[i], 0.85);
                    if from { between(column(i), column(i + 1), 0.3) } else { value(6, i) }
                };
                let cycle = |x: f32, i: usize| 1.7_f32.mul_add(maps[0][i], x) * maps[1][i] + maps[2][i];
                (0..n).map(|i| (0..5).fold(start(i), |x, _| cycle(x, i))).collect()
            };
            for level in Level::available() {
                for between in [None, Some(from)] {
                    // More operations than one pass holds.
                    let (mut line, mut program) = (row(6, n), Program::new(between));
                    for op in ops.iter().cycle().take(15) {
                        if program.len == MOST {
                            program.run_at(level, &mut line);
                        }
                        program.push(*op, &mut line);
                    }
                    program.run_at(level, &mut line);
                    assert_eq!(line, by_hand(between.is_some()), "{level:?}, {n} px");
                }
            }
        }
    }
}
