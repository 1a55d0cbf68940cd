//! From exposures to stored frames: what arrives of what the camera has counted, and when.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

/// Exposures that are rendered without need, at most, so that those around them are rendered together.
const SKIPPED_AT_MOST: usize = 4;

/// What is wrong with some rows of a stored frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// They show the exposure before that of the frame.
    Torn,
    /// They are rolled to the right by so many columns; what leaves on the right comes in on the left.
    Shifted(usize),
    /// They are zero.
    Blank,
}

/// Damaged rows of a stored frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Rows of the field of view.
    pub rows: Range<usize>,
    /// What is wrong with them.
    pub damage: Damage,
}

/// What the acquisition delivers: the exposure that each stored frame shows, what is wrong with it, and its time stamp.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The exposure that each stored frame shows; never an earlier one than the frame before.
    pub exposures: Arc<Vec<u32>>,
    /// Damaged rows, by stored frame.
    pub faults: BTreeMap<usize, Fault>,
    /// Factor on the values of each stored frame; counts are rounded and clipped again.
    pub factors: Vec<f32>,
    /// Time stamp of each stored frame (s).
    pub timestamps_s: Arc<Vec<f64>>,
}

impl Delivery {
    /// Frames that are stored.
    #[must_use]
    pub fn n_frames(&self) -> usize {
        self.exposures.len()
    }

    /// The exposures that stored frames consist of, ascending, in stretches that do not touch.
    #[must_use]
    pub fn needed(&self, frames: Range<usize>) -> Vec<Range<usize>> {
        let mut stretches: Vec<Range<usize>> = Vec::new();
        for frame in frames {
            let last = self.exposures[frame] as usize;
            let torn = self.faults.get(&frame).is_some_and(|fault| fault.damage == Damage::Torn);
            let first = last - usize::from(torn);
            match stretches.last_mut() {
                Some(stretch) if first <= stretch.end + SKIPPED_AT_MOST => stretch.end = stretch.end.max(last + 1),
                _ => stretches.push(first..last + 1),
            }
        }
        stretches
    }

    /// Says what keeps a renderer from delivering so many exposures of so many (rows, columns) in this way.
    pub(super) fn fault(&self, [height, width]: [usize; 2], n_exposures: usize) -> Option<String> {
        let n = self.n_frames();
        let unknown = self.exposures.iter().find(|e| **e as usize >= n_exposures);
        let damaged = self.faults.iter().find(|(frame, Fault { rows, damage })| {
            let possible = match damage {
                Damage::Torn => self.exposures.get(**frame).is_some_and(|e| *e > 0),
                Damage::Shifted(columns) => *columns < width,
                Damage::Blank => true,
            };
            **frame >= n || rows.end > height || !possible
        });
        if n == 0 && n_exposures > 0 {
            Some("no exposure is stored".to_owned())
        } else if self.factors.len() != n || self.timestamps_s.len() != n {
            let (factors, stamps) = (self.factors.len(), self.timestamps_s.len());
            Some(format!("{n} frames have {factors} factors and {stamps} time stamps"))
        } else if let Some(exposure) = unknown {
            Some(format!("a frame shows exposure {exposure} of {n_exposures}"))
        } else if !self.exposures.is_sorted() {
            Some("frames go back to earlier exposures".to_owned())
        } else if let Some((frame, fault)) = damaged {
            Some(format!("frame {frame} of {n} cannot have {fault:?} in an image of {height} × {width} px"))
        } else if self.factors.iter().any(|f| !(f.is_finite() && *f >= 0.0)) {
            Some("a factor on a frame is negative or not finite".to_owned())
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(exposures: &[u32]) -> Delivery {
        let n = exposures.len();
        Delivery {
            exposures: Arc::new(exposures.to_vec()),
            faults: BTreeMap::new(),
            factors: vec![1.0; n],
            timestamps_s: Arc::new((0..n).map(|t| t as f64).collect()),
        }
    }

    #[test]
    fn only_what_is_shown_is_rendered() {
        let mut some = delivery(&[0, 1, 1, 4, 20, 21, 40]);
        assert_eq!(some.needed(0..7), [0..5, 20..22, 40..41]);
        some.faults.insert(4, Fault { rows: 1..2, damage: Damage::Torn });
        assert_eq!(some.needed(2..5), [1..5, 19..21]);
        assert_eq!(some.needed(5..5), []);
    }

    #[test]
    fn what_cannot_be_delivered_is_said_in_words() {
        let fault = |change: &dyn Fn(&mut Delivery)| {
            let mut some = delivery(&[0, 2, 2, 3]);
            change(&mut some);
            some.fault([10, 12], 5).unwrap_or_default()
        };
        let rows = |rows, damage| Fault { rows, damage };
        assert_eq!(fault(&|_| {}), "");
        assert!(fault(&|d| *d = delivery(&[])).contains("no exposure"));
        assert!(fault(&|d| *d = delivery(&[0, 5])).contains("exposure 5 of 5"));
        assert!(fault(&|d| *d = delivery(&[3, 2])).contains("earlier"));
        assert!(fault(&|d| d.factors[1] = -1.0).contains("negative"));
        assert!(fault(&|d| d.factors.truncate(3)).contains("3 factors"));
        for (frame, wrong) in [
            (0, rows(0..4, Damage::Torn)),
            (1, rows(0..11, Damage::Blank)),
            (1, rows(0..4, Damage::Shifted(12))),
            (4, rows(0..4, Damage::Blank)),
        ] {
            let said = fault(&|d| d.faults.extend([(frame, wrong.clone())]));
            assert!(said.contains("cannot have"), "{wrong:?}");
        }
    }
}
