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
        let [height, width] = self.planted.fov_shape;
        let at = |name: &str, n: usize| self.f64s(name).map(|v| v.get(frame * n..(frame + 1) * n));
        let path_px = match at("shifts", 2) {
            None => [0.0; 2],
            Some(shift) => *shift?.first_chunk()?,
        };
        let turned = match at("rotation_rad", 1) {
            None => None,
            Some(angle) => Some(*angle?.first()?),
        };
        let (Some(angle), Some(modes), Some(rows), Some(courses)) = (
            turned,
            self.array("deformation_modes"),
            self.f64s("deformation_rows_px"),
            self.array("deformation_course"),
        ) else {
            return Some(path_px.iter().flat_map(|px| std::iter::repeat_n(*px, height * width)).collect());
        };
        let (&[_, _, n_rows, n_cols], &[first, second, ..]) = (modes.shape.as_slice(), rows) else { return None };
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
        if deformation.fault([height, width], 1).is_some() {
            return None;
        }
        let displaced = deformation.frame([height, width], 0);
        let mut both = vec![0.0; 2 * height * width];
        let (dy, dx) = both.split_at_mut(height * width);
        for (i, (dy, dx)) in dy.iter_mut().zip(dx).enumerate() {
            let local = displaced.local_px((i / width) as f64, (i % width) as f64);
            (*dy, *dx) = (path_px[0] + local[0], path_px[1] + local[1]);
        }
        Some(both)
    }
}
