//! Light that comes into and out of focus: each cell as patches at several levels of blur, whose shares in its light vary.

use std::{ops::Range, sync::Arc};

use super::time_courses::Compute;
use crate::physics::defocus::Defocus;

/// A cell's blur, and the levels that it has patches at, one each.
#[derive(Clone, Debug, PartialEq)]
pub struct Leveled {
    /// How its blur changes.
    pub defocus: Defocus,
    /// Their σ² (px²), ascending.
    pub levels_px2: Vec<f64>,
}

/// The brightness of patches at levels of blur, cell by cell, level by level: the cell's brightness times the level's weight.
#[derive(Debug)]
pub struct Refocused {
    brightness: Arc<dyn Compute>,
    /// How much deeper than at rest the focal surface lies in each frame (µm).
    shift_um: Arc<Vec<f64>>,
    cells: Vec<Leveled>,
    /// Each cell's first patch; and the end of the last one's.
    starts: Vec<usize>,
}

impl Refocused {
    /// The cells' own brightness, the focal surface's shift in each frame (µm), and the cells' levels.
    #[must_use]
    pub fn new(brightness: Arc<dyn Compute>, shift_um: Arc<Vec<f64>>, cells: Vec<Leveled>) -> Self {
        let ends = cells.iter().scan(0, |end, cell| {
            *end += cell.levels_px2.len();
            Some(*end)
        });
        let starts = std::iter::once(0).chain(ends).collect();
        Self { brightness, shift_um, cells, starts }
    }

    /// Each cell's first patch, and the end of the last one's.
    #[must_use]
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }
}

impl Compute for Refocused {
    fn n_courses(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    fn n_frames(&self) -> usize {
        self.brightness.n_frames().min(self.shift_um.len())
    }

    fn block_frames(&self) -> usize {
        self.brightness.block_frames()
    }

    fn fill(&self, block: usize, patches: Range<usize>, out: &mut [f32]) {
        let first_frame = block * self.block_frames();
        let n = (first_frame + self.block_frames()).min(self.n_frames()) - first_frame;
        let shifts = &self.shift_um[first_frame..first_frame + n];
        let (mut own, mut weights) = (vec![0.0; n], Vec::new());
        let mut unit = self.starts.partition_point(|start| *start <= patches.start) - 1;
        let mut patch = patches.start;
        while patch < patches.end {
            let (cell, start) = (&self.cells[unit], self.starts[unit]);
            let here = patch..self.starts[unit + 1].min(patches.end);
            if !here.is_empty() {
                self.brightness.fill(block, unit..unit + 1, &mut own);
                weights.resize(cell.levels_px2.len(), 0.0);
                let rows = &mut out[(here.start - patches.start) * n..(here.end - patches.start) * n];
                for (t, (own, shift_um)) in own.iter().zip(shifts).enumerate() {
                    cell.defocus.weigh(&cell.levels_px2, *shift_um, &mut weights);
                    for (row, weight) in rows.chunks_exact_mut(n).zip(&weights[here.start - start..]) {
                        row[t] = own * weight;
                    }
                }
            }
            patch = here.end;
            unit += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Held, TimeCourses};

    #[test]
    fn the_patches_of_a_cell_share_its_brightness() {
        let n = 40;
        let own: Vec<f32> = (0..60 * n).map(|i| 1.0 + (i % 7) as f32).collect();
        let shifts: Vec<f64> = (0..n).map(|t| (t as f64 * 0.31).sin() * 9.0).collect();
        let cells: Vec<Leveled> = (0..60)
            .map(|i| {
                let defocus = Defocus::new(f64::from(i) - 30.0, 0.8, 0.3);
                Leveled { defocus, levels_px2: defocus.levels_px2([-9.0, 9.0]) }
            })
            .collect();
        let n_patches: usize = cells.iter().map(|c| c.levels_px2.len()).sum();
        // More than are computed together.
        assert!(n_patches > 130);
        let brightness = Arc::new(Held::new(n, own.clone()));
        let courses = TimeCourses::new(Arc::new(Refocused::new(brightness, Arc::new(shifts.clone()), cells.clone())));
        assert_eq!((courses.len(), courses.n_frames()), (n_patches, n));
        let values = courses.at::<8>(21);
        let mut first = 0;
        for (i, cell) in cells.iter().enumerate() {
            for f in 0..8 {
                let mut weights = vec![0.0; cell.levels_px2.len()];
                cell.defocus.weigh(&cell.levels_px2, shifts[21 + f], &mut weights);
                for (k, weight) in weights.iter().enumerate() {
                    assert_eq!(values[first + k][f], own[i * n + 21 + f] * weight, "cell {i}, level {k}, frame {f}");
                }
            }
            first += cell.levels_px2.len();
        }
    }
}
