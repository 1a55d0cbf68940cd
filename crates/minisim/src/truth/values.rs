//! Numbers of the truth: held in memory, or computed when somebody asks for them.

use std::{
    borrow::Cow,
    fmt,
    ops::{Deref, Range},
    sync::{Arc, OnceLock},
};

use rayon::prelude::*;

/// Computes the rows of an array whose values are too many to be held, such as cells × frames.
pub trait Rows<T>: fmt::Debug + Send + Sync {
    /// Rows and columns.
    fn shape(&self) -> [usize; 2];
    /// Writes the values of `row` in `columns`.
    fn fill(&self, row: usize, columns: Range<usize>, out: &mut [T]);
    /// Only the rows whose flag is set.
    fn picked(&self, keep: &[bool]) -> Arc<dyn Rows<T>>;
}

/// The values of an array, row-major. They can be read like a slice; values that are computed are held from then on, so who
/// can do with a part of them asks for [`Values::range`].
pub struct Values<T>(Kind<T>);

enum Kind<T> {
    Held(Arc<Vec<T>>),
    Computed(Arc<Computed<T>>),
}

struct Computed<T> {
    rows: Arc<dyn Rows<T>>,
    /// All of them, once somebody has read them like a slice.
    whole: OnceLock<Vec<T>>,
}

impl<T: Copy + Default + Send + Sync> Values<T> {
    /// Values that are computed when they are asked for.
    #[must_use]
    pub fn computed(rows: Arc<dyn Rows<T>>) -> Self {
        Self(Kind::Computed(Arc::new(Computed { rows, whole: OnceLock::new() })))
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Kind::Held(values) => values.len(),
            Kind::Computed(computed) => computed.rows.shape().iter().product(),
        }
    }

    /// True when there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Part of the values, as numbered in the whole.
    #[must_use]
    pub fn range(&self, range: Range<usize>) -> Cow<'_, [T]> {
        let computed = match &self.0 {
            Kind::Held(values) => return Cow::Borrowed(&values[range]),
            Kind::Computed(computed) => computed,
        };
        match computed.whole.get() {
            Some(whole) => Cow::Borrowed(&whole[range]),
            None => Cow::Owned(computed.range(range)),
        }
    }

    /// The values, copied where somebody else needs them, too.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        match self.0 {
            Kind::Held(values) => Arc::unwrap_or_clone(values),
            Kind::Computed(computed) => match Arc::try_unwrap(computed) {
                Ok(mut own) => own.whole.take().unwrap_or_else(|| own.rows_as_vec()),
                Err(shared) => shared.whole().to_vec(),
            },
        }
    }

    /// The values of the rows whose flag is set, each of `stride` values.
    #[must_use]
    pub(super) fn picked(self, stride: usize, keep: &[bool]) -> Self {
        match self.0 {
            Kind::Computed(computed) => Self::computed(computed.rows.picked(keep)),
            Kind::Held(values) => match Arc::try_unwrap(values) {
                // In place, where nobody else needs the others.
                Ok(mut values) => {
                    let mut end = 0;
                    for (unit, _) in keep.iter().enumerate().filter(|(_, k)| **k) {
                        if end < unit * stride {
                            values.copy_within(unit * stride..(unit + 1) * stride, end);
                        }
                        end += stride;
                    }
                    values.truncate(end);
                    values.shrink_to_fit();
                    values.into()
                }
                Err(shared) => {
                    let kept = shared.chunks(stride.max(1)).zip(keep).filter(|(_, k)| **k);
                    kept.flat_map(|(row, _)| row.iter().copied()).collect::<Vec<T>>().into()
                }
            },
        }
    }
}

impl<T: Copy + Default + fmt::Debug + Send + Sync + 'static> Values<T> {
    /// The values with these of `n_columns` columns, ascending, in each row. `stride` values belong to a column; where they are
    /// computed, one does.
    #[must_use]
    pub(super) fn with_columns(self, n_columns: usize, stride: usize, columns: &Arc<Vec<u32>>) -> Self {
        match self.0 {
            Kind::Computed(computed) => {
                Self::computed(Arc::new(Columns { rows: Arc::clone(&computed.rows), columns: Arc::clone(columns) }))
            }
            Kind::Held(values) => {
                let rows = values.chunks_exact((n_columns * stride).max(1));
                let kept = |row: &[T], column: u32| row[column as usize * stride..][..stride].to_vec();
                rows.flat_map(|row| columns.iter().flat_map(move |column| kept(row, *column))).collect()
            }
        }
    }
}

/// Some columns of an array, ascending; a column may be there several times.
#[derive(Debug)]
struct Columns<T> {
    rows: Arc<dyn Rows<T>>,
    columns: Arc<Vec<u32>>,
}

impl<T: Copy + Default + fmt::Debug + Send + Sync + 'static> Rows<T> for Columns<T> {
    fn shape(&self) -> [usize; 2] {
        [self.rows.shape()[0], self.columns.len()]
    }

    fn fill(&self, row: usize, columns: Range<usize>, out: &mut [T]) {
        let columns = &self.columns[columns];
        let (Some(first), Some(last)) = (columns.first(), columns.last()) else { return };
        let mut values = vec![T::default(); (last - first + 1) as usize];
        self.rows.fill(row, *first as usize..*last as usize + 1, &mut values);
        out.iter_mut().zip(columns).for_each(|(out, column)| *out = values[(column - first) as usize]);
    }

    fn picked(&self, keep: &[bool]) -> Arc<dyn Rows<T>> {
        Arc::new(Self { rows: self.rows.picked(keep), columns: Arc::clone(&self.columns) })
    }
}

impl<T: Copy + Default + Send + Sync> Computed<T> {
    fn range(&self, range: Range<usize>) -> Vec<T> {
        let [_, columns] = self.rows.shape();
        let mut out = vec![T::default(); range.len()];
        if out.is_empty() {
            return out;
        }
        // The parts of rows that the range consists of.
        let first = columns - range.start % columns;
        let (head, rest) = out.split_at_mut(first.min(range.len()));
        let start = range.start % columns;
        self.rows.fill(range.start / columns, start..start + head.len(), head);
        let next = range.start / columns + 1;
        rest.par_chunks_mut(columns).enumerate().for_each(|(i, out)| self.rows.fill(next + i, 0..out.len(), out));
        out
    }

    fn rows_as_vec(&self) -> Vec<T> {
        self.range(0..self.rows.shape().iter().product())
    }

    fn whole(&self) -> &[T] {
        if let Some(whole) = self.whole.get() {
            return whole;
        }
        // Computed before the lock is taken: a thread of the pool that waits for others may come here again meanwhile.
        let whole = self.rows_as_vec();
        self.whole.get_or_init(|| whole)
    }
}

impl<T: Copy + Default + Send + Sync> Deref for Values<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            Kind::Held(values) => values,
            Kind::Computed(computed) => computed.whole(),
        }
    }
}

impl<T> From<Vec<T>> for Values<T> {
    fn from(values: Vec<T>) -> Self {
        Self(Kind::Held(Arc::new(values)))
    }
}

impl<T> From<Arc<Vec<T>>> for Values<T> {
    fn from(values: Arc<Vec<T>>) -> Self {
        Self(Kind::Held(values))
    }
}

impl<T> FromIterator<T> for Values<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        values.into_iter().collect::<Vec<T>>().into()
    }
}

impl<T> Clone for Values<T> {
    fn clone(&self) -> Self {
        Self(match &self.0 {
            Kind::Held(values) => Kind::Held(Arc::clone(values)),
            Kind::Computed(computed) => Kind::Computed(Arc::clone(computed)),
        })
    }
}

impl<T: Copy + Default + PartialEq + Send + Sync> PartialEq for Values<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T> fmt::Debug for Values<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Held(values) => write!(f, "{} values", values.len()),
            Kind::Computed(computed) => write!(f, "{:?} values, computed", computed.rows.shape()),
        }
    }
}

/// One value everywhere, however many there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Constant<T> {
    pub(crate) value: T,
    pub(crate) shape: [usize; 2],
}

impl<T: Copy + fmt::Debug + Send + Sync + 'static> Rows<T> for Constant<T> {
    fn shape(&self) -> [usize; 2] {
        self.shape
    }

    fn fill(&self, _: usize, _: Range<usize>, out: &mut [T]) {
        out.fill(self.value);
    }

    fn picked(&self, keep: &[bool]) -> Arc<dyn Rows<T>> {
        Arc::new(Self { shape: [keep.iter().filter(|k| **k).count(), self.shape[1]], ..*self })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Value `10 row + column` of some rows.
    #[derive(Debug)]
    struct Grid(Vec<usize>);

    impl Rows<u32> for Grid {
        fn shape(&self) -> [usize; 2] {
            [self.0.len(), 4]
        }

        fn fill(&self, row: usize, columns: Range<usize>, out: &mut [u32]) {
            assert_eq!(columns.len(), out.len());
            out.iter_mut().zip(columns).for_each(|(o, c)| *o = (10 * self.0[row] + c) as u32);
        }

        fn picked(&self, keep: &[bool]) -> Arc<dyn Rows<u32>> {
            Arc::new(Self(self.0.iter().zip(keep).filter(|(_, k)| **k).map(|(r, _)| *r).collect()))
        }
    }

    #[test]
    fn computed_values_are_those_that_are_held() {
        let computed = || Values::computed(Arc::new(Grid((0..5).collect())));
        let held: Values<u32> = (0..5).flat_map(|r| (0..4).map(move |c| 10 * r + c)).collect();
        for from in 0..=20 {
            for to in from..=20 {
                assert_eq!(computed().range(from..to), held.range(from..to), "{from}..{to}");
            }
        }
        assert!(computed() == held);
        let read = computed();
        assert_eq!((read.len(), read[7]), (20, 13));
        assert_eq!(read.range(3..9), held.range(3..9));
        assert_eq!(read.clone().into_vec(), held.clone().into_vec());
        let keep = [true, false, false, true, true];
        assert_eq!(computed().picked(4, &keep), held.clone().picked(4, &keep));
        assert_eq!(held.clone().picked(4, &keep).into_vec(), [0, 1, 2, 3, 30, 31, 32, 33, 40, 41, 42, 43]);
        let columns = Arc::new(vec![0, 2, 2, 3]);
        let some = computed().with_columns(4, 1, &columns);
        assert_eq!(some.range(3..9).as_ref(), [3, 10, 12, 12, 13, 20]);
        assert_eq!(some, held.clone().with_columns(4, 1, &columns));
        assert_eq!(some.picked(4, &keep), held.clone().with_columns(4, 1, &columns).picked(4, &keep));
        // Two values a column.
        let pairs = held.with_columns(2, 2, &Arc::new(vec![1]));
        assert_eq!(pairs.into_vec(), [2, 3, 12, 13, 22, 23, 32, 33, 42, 43]);
    }
}
