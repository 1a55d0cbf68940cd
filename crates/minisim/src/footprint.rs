//! Cell footprints as small patches: what a cell looks like on the canvas, without the empty pixels around it.

/// Share of a footprint's peak at which pictures outline a cell.
pub const OUTLINE_SHARE: f32 = 0.4;

/// One footprint, cropped to its bounding box.
///
/// `row`, `col` place the patch's first pixel on the canvas; `data` is row-major, `height * width` long.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Patch {
    /// Canvas row of the first patch row (px).
    pub row: i32,
    /// Canvas column of the first patch column (px).
    pub col: i32,
    /// Rows in the patch (px).
    pub height: usize,
    /// Columns in the patch (px).
    pub width: usize,
    /// Weights, row-major; a sharp footprint peaks at 1.
    pub data: Vec<f32>,
}

impl Patch {
    /// The weights of patch row `r`.
    #[must_use]
    pub fn row_weights(&self, r: usize) -> &[f32] {
        &self.data[r * self.width..(r + 1) * self.width]
    }

    /// Sum of all weights.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.data.iter().map(|v| f64::from(*v)).sum()
    }

    /// The part of the patch inside the rectangle of `height * width` pixels whose first pixel is (`row`, `col`), in that
    /// rectangle's coordinates. An empty patch (no pixels) when they do not meet.
    #[must_use]
    pub fn cropped(&self, row: i32, col: i32, height: usize, width: usize) -> Self {
        let top = self.row.max(row);
        let left = self.col.max(col);
        let bottom = (self.row + self.height as i32).min(row + height as i32);
        let right = (self.col + self.width as i32).min(col + width as i32);
        if top >= bottom || left >= right {
            return Self { row: 0, col: 0, height: 0, width: 0, data: Vec::new() };
        }
        let (h, w) = ((bottom - top) as usize, (right - left) as usize);
        let mut data = Vec::with_capacity(h * w);
        for r in 0..h {
            let from = (top - self.row) as usize + r;
            let c = (left - self.col) as usize;
            data.extend_from_slice(&self.row_weights(from)[c..c + w]);
        }
        Self { row: top - row, col: left - col, height: h, width: w, data }
    }

    /// True when no pixel is lit.
    #[must_use]
    pub fn is_dark(&self) -> bool {
        self.data.iter().all(|v| *v == 0.0)
    }
}

/// The footprints of all cells of a recording, sparse, in canvas coordinates.
///
/// The canvas is the sensor's field of view plus the motion margin; `fov_offset` and `fov_shape` say where the field of
/// view lies on it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct FootprintStack {
    /// Canvas (height, width) in px.
    pub canvas_shape: [usize; 2],
    /// Canvas (row, col) of the field of view's first pixel.
    pub fov_offset: [usize; 2],
    /// Field of view (height, width) in px.
    pub fov_shape: [usize; 2],
    /// One patch a cell.
    pub patches: Vec<Patch>,
}

impl FootprintStack {
    /// The geometry without the cells.
    #[must_use]
    pub fn clone_without_patches(&self) -> Self {
        Self { patches: Vec::new(), ..*self }
    }

    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.patches.len()
    }

    /// True when there is no cell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patches.is_empty()
    }

    /// Patch `unit` cropped to the field of view, in field-of-view coordinates.
    #[must_use]
    pub fn in_fov(&self, patch: &Patch) -> Patch {
        patch.cropped(self.fov_offset[0] as i32, self.fov_offset[1] as i32, self.fov_shape[0], self.fov_shape[1])
    }

    /// Footprint of one cell as a dense `(height, width)` image over the field of view, row-major.
    #[must_use]
    pub fn dense_in_fov(&self, patch: &Patch) -> Vec<f32> {
        let mut image = vec![0.0; self.fov_shape[0] * self.fov_shape[1]];
        let patch = self.in_fov(patch);
        for r in 0..patch.height {
            let at = (patch.row as usize + r) * self.fov_shape[1] + patch.col as usize;
            image[at..at + patch.width].copy_from_slice(patch.row_weights(r));
        }
        image
    }
}
