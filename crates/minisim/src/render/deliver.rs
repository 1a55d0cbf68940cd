//! From exposures to stored frames, as the plan's delivery says: the one place where that is carried out.

use std::ops::Range;

use super::{Rendered, Renderer, lock};
use crate::{
    plan::{Damage, Delivery, Fault},
    recording::Pixels,
};

/// What is done to a stored frame's values.
struct Change<'d> {
    /// Rows of the field of view that the values are of, and their length.
    rows: Range<usize>,
    width: usize,
    fault: Option<&'d Fault>,
    factor: f32,
    /// Largest count, where the values are counts.
    max_count: Option<u32>,
}

impl Renderer<'_> {
    /// Renders `rows` of the field of view in the stored frames `frames`.
    pub(super) fn delivered(&self, delivery: &Delivery, frames: Range<usize>, rows: Range<usize>) -> Rendered {
        let stretches = delivery.needed(frames.clone());
        let exposed: Vec<Rendered> = stretches.iter().map(|s| self.exposures(s.clone(), rows.clone())).collect();
        // The stretch that an exposure lies in, and its place there.
        let place = |exposure: usize| {
            let stretch = stretches.partition_point(|stretch| stretch.end <= exposure);
            (stretch, exposure - stretches[stretch].start)
        };
        let max_count = self.scene.digitiser().filter(|_| self.reached.exposed).map(|d| d.model().max_count);
        let delivered = std::iter::once(self.reached.delivered).chain(self.stages.iter().map(|s| s.reached.delivered));
        let mut movies = Vec::new();
        for (i, (track, delivered)) in self.tracks().iter().zip(delivered).enumerate() {
            let n = if i == 0 { rows.len() * track.width } else { track.height * track.width };
            // The observed movie's buffer comes back once it is stored, so it is taken from those.
            let spent = if i == 0 { lock(&self.spent).pop() } else { None };
            let mut movie = spent
                .filter(|pixels| pixels.sample() == track.rendered)
                .map_or_else(|| Pixels::with_capacity(track.rendered, n * frames.len()), Pixels::emptied);
            for frame in frames.clone() {
                let exposure = delivery.exposures[frame] as usize;
                let (stretch, at) = place(exposure);
                movie.extend_from(&exposed[stretch][i], at * n..(at + 1) * n);
                if delivered {
                    let (stretch, at) = place(exposure.saturating_sub(1).max(stretches[stretch].start));
                    let change = Change {
                        rows: rows.clone(),
                        width: track.width,
                        fault: delivery.faults.get(&frame),
                        factor: delivery.factors[frame],
                        max_count,
                    };
                    change.apply(&mut movie, &exposed[stretch][i], at * n..(at + 1) * n);
                }
            }
            movies.push(movie);
        }
        exposed.into_iter().for_each(|movies| self.recycle(movies));
        movies
    }
}

impl Change<'_> {
    /// Changes the last frame of `movie`; the exposure before it lies at `before` in `exposed`.
    fn apply(&self, movie: &mut Pixels, exposed: &Pixels, before: Range<usize>) {
        let max = self.max_count.unwrap_or(u32::MAX);
        let count = |value: f32| ((value * self.factor + 0.5) as u32).min(max);
        match (movie, exposed) {
            (Pixels::U8(movie), Pixels::U8(exposed)) => {
                self.change(movie, &exposed[before], |v| count(f32::from(v)) as u8);
            }
            (Pixels::U16(movie), Pixels::U16(exposed)) => {
                self.change(movie, &exposed[before], |v| count(f32::from(v)) as u16);
            }
            (Pixels::F32(movie), Pixels::F32(exposed)) if self.max_count.is_some() => {
                self.change(movie, &exposed[before], |v| count(v) as f32);
            }
            (Pixels::F32(movie), Pixels::F32(exposed)) => self.change(movie, &exposed[before], |v| v * self.factor),
            // Movies are kept as they are rendered, which is in one of these types.
            _ => {}
        }
    }

    fn change<T: Copy + Default>(&self, movie: &mut [T], before: &[T], scaled: impl Fn(T) -> T) {
        let start = movie.len() - before.len();
        let frame = &mut movie[start..];
        if let Some(Fault { rows, damage }) = self.fault {
            let here = rows.start.max(self.rows.start)..rows.end.min(self.rows.end);
            for row in here {
                let at = (row - self.rows.start) * self.width;
                let row = &mut frame[at..at + self.width];
                match damage {
                    Damage::Torn => row.copy_from_slice(&before[at..at + self.width]),
                    Damage::Shifted(columns) => row.rotate_right(*columns),
                    Damage::Blank => row.fill(T::default()),
                }
            }
        }
        if self.factor != 1.0 {
            frame.iter_mut().for_each(|value| *value = scaled(*value));
        }
    }
}
