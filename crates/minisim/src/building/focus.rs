//! Where the focal plane lies.

use super::Builder;
use crate::{
    physics::focus::{Voter, best_yield_depth_um, median_effective_depth_um},
    spec::Auto,
    steps::{CellOptics, Step},
};

impl Builder<'_> {
    /// Depth of the focal plane on the axis (µm): the user's number, else the plane with the highest yield of detectable
    /// cells, else (no sensor or no activity) the median of the cells' effective depths. Only cells of the field of view
    /// count, so that motion does not refocus.
    pub fn focal_depth_um(&mut self) -> f64 {
        if let Auto::Value(depth) = self.spec.acquisition.focal_depth_in_tissue_um {
            return depth.get();
        }
        if let Some(depth) = self.focal_depth_um {
            self.couple("optics");
            return depth;
        }
        let noise = self.noise_floor();
        let _ = self.cells();
        let voters = self.cells.units_in_fov();
        let fields: Vec<f64> = voters
            .iter()
            .map(|i| {
                let [_, y, x] = self.cells.centers_um[*i];
                self.scope_transmission_at(y, x)
            })
            .collect();
        let by_yield = match (noise, &self.cells.traces) {
            // The search by yield belongs to the optics step; without it only geometry counts.
            (Some(noise), Some(traces)) if self.step == CellOptics::KIND => {
                let voters: Vec<Voter> = voters
                    .iter()
                    .zip(&fields)
                    .map(|(i, field)| {
                        let [low, high] = traces.calibration_range[*i];
                        Voter {
                            center_um: self.cells.centers_um[*i],
                            peak_dff: high - low,
                            baseline: low,
                            field: *field,
                        }
                    })
                    .collect();
                best_yield_depth_um(&self.optical, &voters, noise)
            }
            _ => None,
        };
        by_yield.unwrap_or_else(|| {
            median_effective_depth_um(&self.optical, voters.iter().map(|i| self.cells.centers_um[*i]))
        })
    }

    /// Fixes the focal plane, for all who ask later and for the ground truth.
    pub fn set_focal_depth_um(&mut self, depth: f64) {
        self.focal_depth_um = Some(depth);
    }
}
