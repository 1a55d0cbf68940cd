//! The assignment of largest total similarity, over pairs that are similar at all.

use std::{cmp::Reverse, collections::BinaryHeap};

/// Pairs each row with at most one column so that the sum of `weights` (row → (column, positive weight)) is largest. Pairs
/// in order of rows.
///
/// Shortest augmenting paths with potentials (Kuhn 1955; Jonker and Volgenant 1987) on the sparse graph: each row may stay
/// alone at weight 0.
pub(super) fn largest_total(weights: &[Vec<(usize, f64)>], n_columns: usize) -> Vec<(usize, usize)> {
    let n_rows = weights.len();
    let largest = weights.iter().flatten().map(|(_, w)| *w).fold(0.0, f64::max);
    // Columns n_columns.. are the rows' own places to stay alone. Costs are not negative.
    let edges = |row: usize| {
        let real = weights[row].iter().map(move |(column, w)| (*column, largest - w));
        real.chain(std::iter::once((n_columns + row, largest)))
    };
    let total = n_columns + n_rows;
    let mut row_of: Vec<Option<usize>> = vec![None; total];
    let mut column_of: Vec<Option<usize>> = vec![None; n_rows];
    let (mut row_price, mut column_price) = (vec![0.0_f64; n_rows], vec![0.0_f64; total]);
    let mut distance = vec![f64::INFINITY; total];
    let mut via = vec![usize::MAX; total];
    let mut done = vec![false; total];
    for start in 0..n_rows {
        let mut touched = Vec::new();
        let mut heap = BinaryHeap::new();
        let (mut row, mut base) = (start, 0.0);
        let (end, length) = loop {
            for (column, cost) in edges(row) {
                let far = base + cost - row_price[row] - column_price[column];
                if !done[column] && far < distance[column] {
                    if distance[column] == f64::INFINITY {
                        touched.push(column);
                    }
                    distance[column] = far;
                    via[column] = row;
                    heap.push(Reverse((Length(far), column)));
                }
            }
            // The nearest column that is not done; entries that a shorter way has overtaken are passed over.
            let nearest = std::iter::from_fn(|| heap.pop())
                .find(|Reverse((Length(far), column))| !done[*column] && *far <= distance[*column]);
            let Some(Reverse((Length(far), column))) = nearest else { break (None, 0.0) };
            done[column] = true;
            match row_of[column] {
                None => break (Some(column), far),
                Some(owner) => (row, base) = (owner, far),
            }
        };
        // A row can always stay alone, so there is always an end.
        let Some(end) = end else { continue };
        // Prices keep every reduced cost at or above zero.
        for column in touched.iter().copied().filter(|c| done[*c]) {
            let gain = length - distance[column];
            column_price[column] -= gain;
            if let Some(owner) = row_of[column] {
                row_price[owner] += gain;
            }
        }
        row_price[start] += length;
        let mut column = end;
        loop {
            let row = via[column];
            let before = column_of[row].replace(column);
            row_of[column] = Some(row);
            match before {
                Some(previous) if row != start => column = previous,
                _ => break,
            }
        }
        for column in touched {
            distance[column] = f64::INFINITY;
            done[column] = false;
        }
    }
    let pairs = column_of.into_iter().enumerate().filter_map(|(row, column)| Some((row, column?)));
    pairs.filter(|(_, column)| *column < n_columns).collect()
}

/// A path length, ordered; never NaN.
#[derive(Clone, Copy, PartialEq)]
struct Length(f64);

impl Eq for Length {}

impl PartialOrd for Length {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Length {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Key;

    /// The best total by trying everything.
    fn by_force(weights: &[Vec<f64>], row: usize, used: u32) -> f64 {
        if row == weights.len() {
            return 0.0;
        }
        let alone = by_force(weights, row + 1, used);
        (0..weights[row].len())
            .filter(|c| used & (1 << c) == 0)
            .map(|c| weights[row][c] + by_force(weights, row + 1, used | (1 << c)))
            .fold(alone, f64::max)
    }

    #[test]
    fn the_total_is_the_largest_there_is() {
        for case in 0..400_u64 {
            let key = Key::new(case, "test", "assignment");
            let number = |i: u64| key.uniform(i, 0);
            let (n, m) = (1 + (number(0) * 6.0) as usize, 1 + (number(1) * 6.0) as usize);
            let dense: Vec<Vec<f64>> = (0..n)
                .map(|r| {
                    (0..m)
                        .map(|c| {
                            let v = number(2 + (r * m + c) as u64);
                            // Some pairs are not similar at all, and some exactly alike.
                            if v < 0.4 { 0.0 } else { (v * 8.0).round() / 8.0 }
                        })
                        .collect()
                })
                .collect();
            let sparse: Vec<Vec<(usize, f64)>> =
                dense.iter().map(|row| row.iter().copied().enumerate().filter(|(_, w)| *w > 0.0).collect()).collect();
            let pairs = largest_total(&sparse, m);
            let total: f64 = pairs.iter().map(|(r, c)| dense[*r][*c]).sum();
            assert!((total - by_force(&dense, 0, 0)).abs() < 1e-12, "case {case}: {total} of {dense:?}");
            let mut columns: Vec<usize> = pairs.iter().map(|(_, c)| *c).collect();
            columns.sort_unstable();
            columns.dedup();
            assert_eq!(columns.len(), pairs.len(), "a column was given twice");
            assert!(pairs.iter().all(|(r, c)| dense[*r][*c] > 0.0));
        }
        assert!(largest_total(&[], 3).is_empty());
        assert!(largest_total(&[vec![], vec![]], 0).is_empty());
    }
}
