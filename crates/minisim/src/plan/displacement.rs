//! Where things are seen: the displacement of every pixel, out of the truth.

use std::sync::Arc;

use super::{Course, Deformation, Grid, Mode, Warp};
use crate::truth::GroundTruth;

impl GroundTruth {
    /// How the tissue lies under the scope in each frame: rigid motion, rotation and deformation together. `None` where the
    /// arrays that tell it do not fit together.
    #[must_use]
    pub fn warp(&self) -> Option<Warp> {
        let path_px = self.f64s("shifts").map(|px| px.chunks_exact(2).map(|s| [s[0], s[1]]).collect::<Vec<[f64; 2]>>());
        let (Some(angles), Some(modes), Some(rows), Some(courses)) = (
            self.f64s("rotation_rad"),
            self.array("deformation_modes"),
            self.f64s("deformation_rows_px"),
            self.array("deformation_course"),
        ) else {
            return Some(path_px.map_or(Warp::Still, Warp::Rigid));
        };
        let (&[_, _, n_rows, n_cols], &[first, second, ..]) = (modes.shape.as_slice(), rows) else { return None };
        let (vectors, factors) = (self.f64s("deformation_modes")?, self.f64s("deformation_course")?);
        let n_nodes = n_rows * n_cols;
        let mode = |(k, field): (usize, &[f64])| {
            let (dy, dx) = field.split_at(n_nodes);
            let factors = factors.get(courses.row(k))?.iter().map(|q| *q as f32).collect();
            let course = Course::Varying { factors: Arc::new(factors), expected: 0.0 };
            Some(Mode { vectors_px: Arc::new(dy.iter().zip(dx).map(|(dy, dx)| [*dy, *dx]).collect()), course })
        };
        let deformation = Deformation {
            path_px: path_px.unwrap_or_else(|| vec![[0.0; 2]; angles.len()]),
            rotation_rad: angles.to_vec(),
            grid: Grid { shape: [n_rows, n_cols], spacing_px: second - first },
            modes: vectors.chunks_exact((2 * n_nodes).max(1)).enumerate().map(mode).collect::<Option<_>>()?,
        };
        let whole = deformation.fault(self.planted.fov_shape, angles.len()).is_none();
        whole.then_some(Warp::NonRigid(deformation))
    }

    /// How far what each pixel of the field of view shows in a frame is from where it lies at rest: (dy, dx) px,
    /// `(yx, height, width)`, rigid motion, rotation and deformation together. Pixel `p` shows the tissue at
    /// `p - displacement(p)`. Zero where nothing moves; `None` for a frame that the recording does not have.
    #[must_use]
    pub fn displacement(&self, frame: usize) -> Option<Vec<f64>> {
        let fov = self.planted.fov_shape;
        let [rows, cols] = fov.map(|n| (0..n).map(|px| px as f64).collect::<Vec<f64>>());
        self.warp()?.displacements_px(fov, frame, &rows, &cols)
    }
}

impl Warp {
    /// The displacement in frame `t` where some rows and columns (px) of a field of view of (height, width) px meet: (dy, dx) px,
    /// `(yx, row, column)`. `None` for a frame that is not known.
    #[must_use]
    pub fn displacements_px(&self, fov: [usize; 2], t: usize, rows: &[f64], cols: &[f64]) -> Option<Vec<f64>> {
        let n = rows.len() * cols.len();
        let whole = |px: [f64; 2]| px.iter().flat_map(|px| std::iter::repeat_n(*px, n)).collect();
        let deformation = match self {
            Self::Still => return Some(whole([0.0; 2])),
            Self::Rigid(path_px) => return path_px.get(t).copied().map(whole),
            Self::NonRigid(deformation) => deformation,
        };
        if t >= deformation.rotation_rad.len() {
            return None;
        }
        let displaced = deformation.frame(fov, t);
        let mut both = vec![0.0; 2 * n];
        let (dy, dx) = both.split_at_mut(n);
        for (i, (dy, dx)) in dy.iter_mut().zip(dx).enumerate() {
            let local = displaced.local_px(rows[i / cols.len()], cols[i % cols.len()]);
            (*dy, *dx) = (displaced.path_px[0] + local[0], displaced.path_px[1] + local[1]);
        }
        Some(both)
    }
}
