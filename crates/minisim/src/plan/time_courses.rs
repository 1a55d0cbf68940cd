//! Time courses of many things, such as the brightness of all cells: computed block of frames by block of frames, and never
//! held for a whole recording.

use std::{
    collections::VecDeque,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use rayon::prelude::*;

/// Rows that one thread computes together. Threads that need the same block share its rows.
const ROWS_PER_PART: usize = 64;

/// What computes time courses.
pub trait Compute: fmt::Debug + Send + Sync {
    /// How many time courses.
    fn n_courses(&self) -> usize;
    /// Frames that they are known for.
    fn n_frames(&self) -> usize;
    /// Frames of a block. Any block can be computed without those before it.
    fn block_frames(&self) -> usize;
    /// Writes the values of some of them in the frames of a block, `(course, frame)`.
    fn fill(&self, block: usize, courses: Range<usize>, out: &mut [f32]);
}

/// Time courses, and the blocks of them that were asked for last.
#[derive(Debug)]
pub struct TimeCourses {
    compute: Arc<dyn Compute>,
    recent: Mutex<VecDeque<Arc<Block>>>,
}

/// Values of all time courses in the frames of a block.
#[derive(Debug)]
struct Block {
    number: usize,
    frames: Range<usize>,
    /// `(course, frame)`, for [`ROWS_PER_PART`] time courses each.
    parts: Vec<OnceLock<Vec<f32>>>,
}

impl TimeCourses {
    /// What `compute` computes.
    #[must_use]
    pub fn new(compute: Arc<dyn Compute>) -> Self {
        Self { compute, recent: Mutex::default() }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.compute.n_courses()
    }

    /// True when there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Frames that they are known for.
    #[must_use]
    pub fn n_frames(&self) -> usize {
        self.compute.n_frames()
    }

    /// The values of each in the `F` frames from `start` on.
    #[must_use]
    pub fn at<const F: usize>(&self, start: usize) -> Vec<[f32; F]> {
        let mut values = vec![[0.0; F]; self.len()];
        if values.is_empty() {
            return values;
        }
        let mut done = 0;
        while done < F {
            let block = self.block((start + done) / self.compute.block_frames());
            let first = start + done - block.frames.start;
            let n = (F - done).min(block.frames.len() - first);
            let rows = (0..block.parts.len()).flat_map(|part| self.part(&block, part).chunks_exact(block.frames.len()));
            for (values, row) in values.iter_mut().zip(rows) {
                values[done..done + n].copy_from_slice(&row[first..first + n]);
            }
            done += n;
        }
        values
    }

    /// The mean of each over the first `n_frames` frames.
    #[must_use]
    pub fn means(&self, n_frames: usize) -> Vec<f64> {
        let mut sums = vec![0.0; self.len()];
        let size = self.compute.block_frames();
        sums.par_chunks_mut(ROWS_PER_PART).enumerate().for_each(|(part, sums)| {
            let courses = part * ROWS_PER_PART..part * ROWS_PER_PART + sums.len();
            for block in 0..n_frames.div_ceil(size.max(1)) {
                let frames = ((block + 1) * size).min(self.n_frames()) - block * size;
                let mut values = vec![0.0; courses.len() * frames];
                self.compute.fill(block, courses.clone(), &mut values);
                let shown = frames.min(n_frames - block * size);
                for (sum, row) in sums.iter_mut().zip(values.chunks_exact(frames)) {
                    *sum += row[..shown].iter().map(|v| f64::from(*v)).sum::<f64>();
                }
            }
            sums.iter_mut().for_each(|sum| *sum /= n_frames.max(1) as f64);
        });
        sums
    }

    /// A block with all its values. Threads that come for the same block compute some parts of it each.
    fn block(&self, number: usize) -> Arc<Block> {
        let block = self.recent_block(number);
        let n = block.parts.len();
        // Each thread begins somewhere else, so that none waits for another before all parts are begun.
        let turn = rayon::current_thread_index().unwrap_or(0) * n / rayon::current_num_threads().max(1);
        for i in 0..n {
            self.part(&block, (turn + i) % n);
        }
        block
    }

    /// The block, whose parts may be yet to come.
    fn recent_block(&self, number: usize) -> Arc<Block> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = recent.iter().find(|block| block.number == number) {
            return Arc::clone(block);
        }
        let size = self.compute.block_frames();
        let frames = number * size..((number + 1) * size).min(self.n_frames());
        let parts = (0..self.len().div_ceil(ROWS_PER_PART)).map(|_| OnceLock::new()).collect();
        let block = Arc::new(Block { number, frames, parts });
        // As many as the passes in flight may ask for.
        let most = 2 + rayon::current_num_threads() / 4;
        recent.truncate(most - 1);
        recent.push_front(Arc::clone(&block));
        block
    }

    fn part<'b>(&self, block: &'b Block, part: usize) -> &'b [f32] {
        // The one who computes does so alone and never waits for the pool, so whoever waits here waits for a moment only.
        block.parts[part].get_or_init(|| {
            let courses = part * ROWS_PER_PART..((part + 1) * ROWS_PER_PART).min(self.len());
            let mut values = vec![0.0; courses.len() * block.frames.len()];
            self.compute.fill(block.number, courses, &mut values);
            values
        })
    }
}

/// Time courses that are held, `(course, frame)`.
#[derive(Debug)]
pub struct Held {
    n_frames: usize,
    values: Vec<f32>,
}

impl Held {
    /// `values` of `n_frames` frames each.
    #[must_use]
    pub fn new(n_frames: usize, values: Vec<f32>) -> Self {
        Self { n_frames, values }
    }
}

impl Compute for Held {
    fn n_courses(&self) -> usize {
        self.values.len() / self.n_frames.max(1)
    }

    fn n_frames(&self) -> usize {
        self.n_frames
    }

    fn block_frames(&self) -> usize {
        self.n_frames.max(1)
    }

    fn fill(&self, _: usize, courses: Range<usize>, out: &mut [f32]) {
        out.copy_from_slice(&self.values[courses.start * self.n_frames..courses.end * self.n_frames]);
    }
}

#[cfg(test)]
mod tests {
    use rayon::prelude::*;

    use super::*;

    /// Value `1000 course + frame`, in blocks of 10 frames.
    #[derive(Debug)]
    struct Ramp;

    impl Compute for Ramp {
        fn n_courses(&self) -> usize {
            150
        }

        fn n_frames(&self) -> usize {
            73
        }

        fn block_frames(&self) -> usize {
            10
        }

        fn fill(&self, block: usize, courses: Range<usize>, out: &mut [f32]) {
            let n = 10.min(73 - 10 * block);
            assert_eq!(out.len(), n * courses.len());
            for (course, row) in courses.zip(out.chunks_exact_mut(n)) {
                row.iter_mut().enumerate().for_each(|(i, v)| *v = (1000 * course + 10 * block + i) as f32);
            }
        }
    }

    #[test]
    fn any_frames_in_any_order_from_any_thread() {
        let courses = TimeCourses::new(Arc::new(Ramp));
        let starts: Vec<usize> = (0..500).map(|i| i * 37 % 66).collect();
        starts.par_iter().for_each(|start| {
            let values = courses.at::<8>(*start);
            assert_eq!(values.len(), 150);
            for (course, values) in values.iter().enumerate() {
                let want: [f32; 8] = std::array::from_fn(|f| (1000 * course + start + f) as f32);
                assert_eq!(*values, want);
            }
        });
        // Frames 0 to 72, and those of the first block and a half.
        for n in [73, 15] {
            let expected = (0..150).map(|course| f64::from(1000 * course) + (n - 1) as f64 / 2.0);
            assert!(courses.means(n).into_iter().zip(expected).all(|(mean, expected)| (mean - expected).abs() < 1e-9));
        }
    }
}
