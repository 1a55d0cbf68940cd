//! Where things are seen: the displacement of every pixel, out of the truth.

use std::sync::Arc;

use super::{Course, Deformation, Grid, Mode};
use crate::truth::GroundTruth;

impl GroundTruth {
    /// How far what each pixel of the field of view shows in a frame is from where it lies at rest: (dy, dx) px,
    /// `(yx, height, width)`, rigid motion, rotation and deformation together. Pixel `p` shows the tissue at
    /// `p - displacement(p)`. Zero where nothing moves; `None` for a frame that the recording does not have.
    #[must_use]
    pub fn displacement(&self, frame: usize) -> Option<Vec<f64>> {
        let [rows, cols] = self.planted.fov_shape.map(|n| (0..n).map(|px| px as f64).collect::<Vec<f64>>());
        self.displacement_at(frame, &rows, &cols)
    }

    /// [`GroundTruth::displacement`] where some rows and columns (px) meet, `(yx, row, column)`.
    #[must_use]
    pub fn displacement_at(&self, frame: usize, rows: &[f64], cols: &[f64]) -> Option<Vec<f64>> {
        let fov = self.planted.fov_shape;
        let n = rows.len() * cols.len();
        let at = |name: &str, n: usize| self.f64s(name).map(|v| v.get(frame * n..(frame + 1) * n));
        let path_px = match at("shifts", 2) {
            None => [0.0; 2],
            Some(shift) => *shift?.first_chunk()?,
        };
        let turned = match at("rotation_rad", 1) {
            None => None,
            Some(angle) => Some(*angle?.first()?),
        };
        let (Some(angle), Some(modes), Some(nodes), Some(courses)) = (
            turned,
            self.array("deformation_modes"),
            self.f64s("deformation_rows_px"),
            self.array("deformation_course"),
        ) else {
            return Some(path_px.iter().flat_map(|px| std::iter::repeat_n(*px, n)).collect());
        };
        let (&[_, _, n_rows, n_cols], &[first, second, ..]) = (modes.shape.as_slice(), nodes) else { return None };
        let (vectors, factors) = (self.f64s("deformation_modes")?, self.f64s("deformation_course")?);
        let n_nodes = n_rows * n_cols;
        let mode = |(k, field): (usize, &[f64])| {
            let (dy, dx) = field.split_at(n_nodes);
            let factor = factors.get(courses.row(k))?.get(frame)?;
            let course = Course::Varying { factors: Arc::new(vec![*factor as f32]), expected: 0.0 };
            Some(Mode { vectors_px: Arc::new(dy.iter().zip(dx).map(|(dy, dx)| [*dy, *dx]).collect()), course })
        };
        let deformation = Deformation {
            path_px: vec![path_px],
            rotation_rad: vec![angle],
            grid: Grid { shape: [n_rows, n_cols], spacing_px: second - first },
            modes: vectors.chunks_exact((2 * n_nodes).max(1)).enumerate().map(mode).collect::<Option<_>>()?,
        };
        if deformation.fault(fov, 1).is_some() {
            return None;
        }
        let displaced = deformation.frame(fov, 0);
        let mut both = vec![0.0; 2 * n];
        let (dy, dx) = both.split_at_mut(n);
        for (i, (dy, dx)) in dy.iter_mut().zip(dx).enumerate() {
            let local = displaced.local_px(rows[i / cols.len()], cols[i % cols.len()]);
            (*dy, *dx) = (path_px[0] + local[0], path_px[1] + local[1]);
        }
        Some(both)
    }
}
