//! The diagonal of the inverse of a sparse, symmetric, positive matrix, exactly, without making the inverse.
//!
//! The unknowns lie in a plane and only neighbours are coupled, so a set of them is cut by a line into halves that meet only in
//! the unknowns along the line (nested dissection: George, SIAM J Numer Anal 10:345 (1973)). Halves are eliminated before what
//! separates them, each with a small dense matrix (multifrontal method: Duff & Reid, ACM TOMS 9:302 (1983)). The same matrices,
//! taken from the last to the first, give those elements of the inverse that stand where the factor has any (Takahashi et al.,
//! 8th PICA Conf (1973); Erisman & Tinney, Commun ACM 18:177 (1975)), the diagonal among them.

use std::ops::Range;

use super::dense::{Factor, Matrix, Part};

/// Unknowns that are not worth dividing.
const UNDIVIDED: usize = 48;

/// A symmetric matrix with ones on its diagonal.
#[derive(Clone, Debug)]
pub(super) struct Sparse {
    /// Unknown by unknown, those coupled to it and the element; each pair stands in both rows.
    pub(super) rows: Vec<Vec<(u32, f64)>>,
    /// Where the unknowns lie; those that have no place come last and may be coupled to all.
    pub(super) places: Vec<[f64; 2]>,
}

/// Unknowns that are eliminated together, after those that they separate.
#[derive(Debug)]
struct Node {
    /// Theirs, in the order of elimination.
    own: Range<usize>,
    children: Vec<Node>,
}

/// The order of elimination.
struct Order {
    /// Turn by turn, the unknown.
    unknown: Vec<u32>,
    root: Node,
}

/// What is kept of a node to come back to.
struct Front {
    own: Range<usize>,
    /// The later unknowns that it is coupled to, by turn.
    boundary: Vec<usize>,
    children: Vec<Front>,
    /// `L21 L11⁻¹`, (boundary, own).
    across: Matrix,
    /// `L11⁻ᵀ L11⁻¹`, (own, own): the inverse if all later unknowns were known.
    alone: Matrix,
}

impl Sparse {
    /// The diagonal of the inverse of the matrix with `ridge` added to its diagonal.
    pub(super) fn inverse_diagonal(&self, ridge: f64) -> Vec<f64> {
        let n = self.rows.len();
        let order = self.order();
        let mut turn = vec![0; n];
        order.unknown.iter().enumerate().for_each(|(t, u)| turn[*u as usize] = t);
        let later = |t: usize| -> Vec<(usize, f64)> {
            let row = self.rows[order.unknown[t] as usize].iter();
            row.map(|(u, v)| (turn[*u as usize], *v)).filter(|(other, _)| *other > t).collect()
        };
        let later: Vec<Vec<(usize, f64)>> = (0..n).map(later).collect();
        let (front, _) = eliminate(&order.root, &later, ridge);
        let mut by_turn = vec![0.0; n];
        front.come_back(&Matrix::zeros(0, 0), 0, &mut by_turn);
        let mut diagonal = vec![0.0; n];
        by_turn.iter().zip(&order.unknown).for_each(|(v, u)| diagonal[*u as usize] = *v);
        diagonal
    }

    fn order(&self) -> Order {
        let n_placed = self.places.len();
        let mut unknown = Vec::with_capacity(self.rows.len());
        let mut side = vec![0; n_placed];
        let mut root = self.divide((0..n_placed as u32).collect(), &mut side, &mut 0, &mut unknown);
        unknown.extend(n_placed as u32..self.rows.len() as u32);
        root.own.end = unknown.len();
        Order { unknown, root }
    }

    /// Divides a set of unknowns; `side` and `n_sides` number the halves of all divisions.
    fn divide(&self, mut set: Vec<u32>, side: &mut [u32], n_sides: &mut u32, order: &mut Vec<u32>) -> Node {
        let mut children = Vec::new();
        if set.len() > UNDIVIDED {
            let extent = |axis: usize| {
                let at = set.iter().map(|u| self.places[*u as usize][axis]);
                at.clone().fold(f64::NEG_INFINITY, f64::max) - at.fold(f64::INFINITY, f64::min)
            };
            let axis = usize::from(extent(1) > extent(0));
            let place = |u: &u32| self.places[*u as usize][axis];
            set.sort_by(|a, b| place(a).total_cmp(&place(b)).then(a.cmp(b)));
            let (left, right) = set.split_at(set.len() / 2);
            let sides = [*n_sides + 1, *n_sides + 2];
            *n_sides += 2;
            left.iter().for_each(|u| side[*u as usize] = sides[0]);
            right.iter().for_each(|u| side[*u as usize] = sides[1]);
            let touches =
                |u: &u32, other: u32| self.rows[*u as usize].iter().any(|(v, _)| side.get(*v as usize) == Some(&other));
            let divided = |half: &[u32], other: u32| half.iter().partition::<Vec<u32>, _>(|u| touches(u, other));
            let (cut_left, rest_left) = divided(left, sides[1]);
            let (cut_right, rest_right) = divided(right, sides[0]);
            let (cut, halves) = if cut_left.len() <= cut_right.len() {
                (cut_left, [rest_left, right.to_vec()])
            } else {
                (cut_right, [left.to_vec(), rest_right])
            };
            // Where nearly all are neighbours, there is nothing to gain.
            if 2 * cut.len() < set.len() {
                for half in halves.into_iter().filter(|half| !half.is_empty()) {
                    children.push(self.divide(half, side, n_sides, order));
                }
                set = cut;
            }
        }
        let first = order.len();
        order.extend(set);
        Node { own: first..order.len(), children }
    }
}

/// Eliminates a node's unknowns and all before; what is left to add to the matrix of its boundary.
fn eliminate(node: &Node, later: &[Vec<(usize, f64)>], ridge: f64) -> (Front, Matrix) {
    let done: Vec<(Front, Matrix)> = match node.children.as_slice() {
        [a, b] => {
            let (a, b) = rayon::join(|| eliminate(a, later, ridge), || eliminate(b, later, ridge));
            vec![a, b]
        }
        children => children.iter().map(|child| eliminate(child, later, ridge)).collect(),
    };
    let end = node.own.end;
    let coupled = node.own.clone().flat_map(|t| later[t].iter().map(|(other, _)| *other));
    let mut boundary: Vec<usize> = coupled
        .chain(done.iter().flat_map(|(child, _)| child.boundary.iter().copied()))
        .filter(|t| *t >= end)
        .collect();
    boundary.sort_unstable();
    boundary.dedup();
    let (n_own, n_boundary) = (node.own.len(), boundary.len());
    let mut own = Matrix::zeros(n_own, n_own);
    let mut across = Matrix::zeros(n_boundary, n_own);
    let mut left = Matrix::zeros(n_boundary, n_boundary);
    let mut add = |row: usize, col: usize, value: f64| {
        let (to, row, col) = match (row < n_own, col < n_own) {
            (true, _) => (&mut own, row, col),
            (false, true) => (&mut across, row - n_own, col),
            (false, false) => (&mut left, row - n_own, col - n_own),
        };
        to.values[row * to.cols + col] += value;
    };
    let within = |t: usize| place_in(&node.own, &boundary, t);
    for t in node.own.clone() {
        let col = t - node.own.start;
        add(col, col, 1.0 + ridge);
        later[t].iter().for_each(|(other, value)| add(within(*other), col, *value));
    }
    for (child, part) in &done {
        let places: Vec<usize> = child.boundary.iter().map(|t| within(*t)).collect();
        for (i, row) in places.iter().enumerate() {
            for (j, col) in places.iter().enumerate().take(i + 1) {
                add(*row, *col, part.values[i * part.cols + j]);
            }
        }
    }
    let inverse = own.inverse_cholesky(ridge);
    let across = Matrix::product(1.0, Factor::As(&across), Factor::Transposed(&inverse), Part::Whole);
    left.add_product(-1.0, Factor::As(&across), Factor::Transposed(&across), Part::Lower);
    let across = Matrix::product(1.0, Factor::As(&across), Factor::As(&inverse), Part::Whole);
    let alone = Matrix::product(1.0, Factor::Transposed(&inverse), Factor::As(&inverse), Part::Lower);
    let children = done.into_iter().map(|(child, _)| child).collect();
    (Front { own: node.own.clone(), boundary, children, across, alone }, left)
}

/// The row of a front that an unknown has, by its turn.
fn place_in(own: &Range<usize>, boundary: &[usize], turn: usize) -> usize {
    if turn < own.end { turn - own.start } else { own.len() + boundary.partition_point(|b| *b < turn) }
}

impl Front {
    /// Writes the diagonal of the inverse for the node's unknowns and all before, which begin with turn `first`; `outer` is the
    /// inverse's part between its boundary's unknowns.
    fn come_back(self, outer: &Matrix, first: usize, diagonal: &mut [f64]) {
        let n_own = self.own.len();
        let mut inner = self.alone;
        let weighed = Matrix::product(1.0, Factor::As(outer), Factor::As(&self.across), Part::Whole);
        inner.add_product(1.0, Factor::Transposed(&self.across), Factor::As(&weighed), Part::Lower);
        inner.mirror();
        let own = self.own.start - first;
        (0..n_own).for_each(|i| diagonal[own + i] = inner.values[i * n_own + i]);
        // The inverse between unknowns of the front: its own come first, then those of its boundary.
        let element = |i: usize, j: usize| match (i < n_own, j < n_own) {
            (true, true) => inner.values[i * n_own + j],
            (false, true) => -weighed.values[(i - n_own) * n_own + j],
            (true, false) => -weighed.values[(j - n_own) * n_own + i],
            (false, false) => outer.values[(i - n_own) * outer.cols + j - n_own],
        };
        let start = |child: &Self| {
            let mut node = child;
            while let Some(before) = node.children.first() {
                node = before;
            }
            node.own.start
        };
        let task = |child: Self, diagonal: &mut [f64]| {
            let places: Vec<usize> = child.boundary.iter().map(|t| place_in(&self.own, &self.boundary, *t)).collect();
            let n = places.len();
            let values = places.iter().flat_map(|i| places.iter().map(|j| element(*i, *j))).collect();
            let (first, outer) = (start(&child), Matrix { rows: n, cols: n, values });
            child.come_back(&outer, first, diagonal);
        };
        let mut children = self.children.into_iter();
        match (children.next(), children.next()) {
            (Some(a), Some(b)) => {
                let (to_a, to_b) = diagonal.split_at_mut(a.own.end - first);
                rayon::join(|| task(a, to_a), || task(b, to_b));
            }
            (Some(a), None) => task(a, diagonal),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Key;

    /// Blobs at random places, coupled as far as they overlap, and two unknowns that are coupled to all.
    fn blobs(n: usize, reach: f64) -> Sparse {
        let key = Key::new(1, "test", "blobs");
        let places: Vec<[f64; 2]> =
            (0..n as u64).map(|i| [100.0 * key.uniform(i, 0), 60.0 * key.uniform(i, 1)]).collect();
        let mut rows = vec![Vec::new(); n + 2];
        let mut couple = |i: usize, j: usize, v: f64| {
            rows[i].push((j as u32, v));
            rows[j].push((i as u32, v));
        };
        for i in 0..n {
            for j in 0..i {
                let (dy, dx) = (places[i][0] - places[j][0], places[i][1] - places[j][1]);
                let near = (1.0 - dy.abs() / reach).max(0.0) * (1.0 - dx.abs() / reach).max(0.0);
                if near > 0.0 {
                    couple(i, j, near);
                }
            }
            couple(i, n, 0.02 + 0.01 * key.uniform(i as u64, 2) / (n as f64).sqrt());
            couple(i, n + 1, 0.03 * key.uniform(i as u64, 3) / (n as f64).sqrt());
        }
        Sparse { rows, places }
    }

    #[test]
    fn it_is_the_diagonal_of_the_dense_inverse() {
        for (n, reach) in [(0, 1.0), (1, 1.0), (40, 8.0), (300, 6.0), (700, 3.0), (300, 90.0)] {
            let sparse = blobs(n, reach);
            let size = n + 2;
            let mut dense = Matrix::zeros(size, size);
            for (i, row) in sparse.rows.iter().enumerate() {
                dense.values[i * size + i] = 1.0 + 1e-9;
                row.iter().for_each(|(j, v)| dense.values[i * size + *j as usize] = *v);
            }
            let half = dense.inverse_cholesky(1e-9);
            let exact = Matrix::product(1.0, Factor::Transposed(&half), Factor::As(&half), Part::Whole);
            let fast = sparse.inverse_diagonal(1e-9);
            for (i, v) in fast.iter().enumerate() {
                let exact = exact.values[i * size + i];
                assert!((v / exact - 1.0).abs() < 1e-6, "{n} unknowns, {reach}: {i}: {v}, not {exact}");
            }
        }
    }

    #[test]
    fn unknowns_that_cannot_be_told_apart_spoil_no_others() {
        let mut sparse = blobs(200, 4.0);
        let free = sparse.inverse_diagonal(1e-12);
        // A twin of the first unknown.
        let twin = sparse.places.len() as u32;
        let renamed = |u: u32| if u >= twin { u + 1 } else { u };
        for row in &mut sparse.rows {
            row.iter_mut().for_each(|(u, _)| *u = renamed(*u));
        }
        let mut row = sparse.rows[0].clone();
        for (u, v) in &row {
            let at = if *u > twin { *u as usize - 1 } else { *u as usize };
            sparse.rows[at].push((twin, *v));
        }
        row.push((0, 1.0));
        sparse.rows[0].push((twin, 1.0));
        sparse.rows.insert(twin as usize, row);
        sparse.places.push(sparse.places[0]);
        let with = sparse.inverse_diagonal(1e-12);
        assert!(with[0] > 1e10 && with[twin as usize] > 1e10, "{} {}", with[0], with[twin as usize]);
        for (i, v) in free.iter().enumerate().skip(1) {
            let now = with[renamed(i as u32) as usize];
            assert!((now / v - 1.0).abs() < 1e-3, "{i}: {now}, not {v}");
        }
    }
}
