//! Where the focal plane lies.

use super::{Builder, Question};
use crate::{
    physics::focus::{Voter, best_yield_depth_um, median_effective_depth_um},
    spec::Auto,
};

impl Builder<'_> {
    /// Depth of the focal plane on the axis (µm): the user's number, else what was fixed, else the median of the cells' effective
    /// depths. Only cells of the field of view count, so that motion does not refocus.
    #[must_use]
    pub fn focal_depth_um(&self) -> f64 {
        if let Auto::Value(depth) = self.spec.acquisition.focal_depth_in_tissue_um {
            return depth.get();
        }
        if let Some(depth) = self.focal_depth_um {
            self.ask(Question::Focus);
            return depth;
        }
        self.ask(Question::Cells);
        let voters = self.cells.units_in_fov();
        median_effective_depth_um(&self.optical, voters.into_iter().map(|i| self.cells.centers_um[i]))
    }

    /// Depth of the focal plane on the axis (µm) for the most cells: the user's number, else the plane with the highest yield of
    /// detectable cells, else (no sensor or no activity) as [`Builder::focal_depth_um`].
    #[must_use]
    pub fn best_focal_depth_um(&self) -> f64 {
        if let Auto::Value(depth) = self.spec.acquisition.focal_depth_in_tissue_um {
            return depth.get();
        }
        let noise = self.noise_floor();
        self.ask(Question::Cells);
        let by_yield = noise.zip(self.cells.traces.as_ref()).and_then(|(noise, traces)| {
            let voter = |i: usize| {
                let center_um = self.cells.centers_um[i];
                let [low, high] = traces.calibration_range[i];
                let field = self.scope_transmission_at(center_um[1], center_um[2]);
                Voter { center_um, peak_dff: high - low, baseline: low, field }
            };
            let voters: Vec<Voter> = self.cells.units_in_fov().into_iter().map(voter).collect();
            best_yield_depth_um(&self.optical, &voters, noise)
        });
        by_yield.unwrap_or_else(|| self.focal_depth_um())
    }

    /// Fixes the focal plane, for all who ask later and for the ground truth.
    pub fn set_focal_depth_um(&mut self, depth: f64) {
        self.answer(Question::Focus);
        self.focal_depth_um = Some(depth);
    }
}
