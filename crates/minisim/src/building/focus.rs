//! Where the focal plane lies.

use std::sync::Arc;

use rayon::prelude::*;

use super::Builder;
use crate::{
    footprint::Patch,
    math::range_of,
    physics::{
        blur::degrade_footprint,
        focus::{Voter, best_yield_depth_um, median_effective_depth_um},
        optics::PointSpread,
    },
    plan::{Emitters, Leveled, Refocused},
    spec::Auto,
    steps::{AxialMotion, CellOptics, Step},
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

    /// Says how much deeper than at rest the focal surface lies in the tissue in each frame (µm).
    pub fn set_axial_shift_um(&mut self, shift_um: Arc<Vec<f64>>) {
        self.axial_shift_um = Some(shift_um);
    }

    /// How much deeper than at rest the focal surface lies in the tissue in each frame (µm), with the smallest and the largest
    /// of all frames; `None` where it stays.
    pub fn axial_shift_um(&mut self) -> Option<(Arc<Vec<f64>>, [f64; 2])> {
        let shift_um = Arc::clone(self.axial_shift_um.as_ref()?);
        self.couple(AxialMotion::KIND);
        let range_um = range_of(&shift_um);
        Some((shift_um, range_um))
    }

    /// The cells' light, in and out of focus; `None` without activity, as a cell without a trace is dark.
    pub fn emitters(&mut self) -> Option<Emitters> {
        let axial = self.axial_shift_um();
        let (Some((shift_um, range_um)), Some(spread)) = (axial, self.cells.spread.clone()) else {
            let patches = self.observed_footprints();
            return Some(Emitters::new(patches, self.timeline()?));
        };
        let timeline = self.timeline()?;
        self.couple(CellOptics::KIND);
        let (focal, model, canvas) = (self.focal_depth_um(), self.optical, self.canvas.shape());
        let leveled = |center: &[f64; 3]| {
            let defocus = model.defocus(center[0], model.local_focal_depth_um(*center, focal));
            Leveled { defocus, levels_px2: defocus.levels_px2(range_um) }
        };
        let cells: Vec<Leveled> = self.cells.centers_um.iter().map(leveled).collect();
        let planted = &self.cells.planted;
        // The sharp footprints are kept with the blurred ones, so that their address stands for them.
        let made = self.part("footprints in depth", 0, &(Arc::as_ptr(planted), &spread, &cells), || {
            let blurred = |((patch, spread), cell): ((&Patch, &PointSpread), &Leveled)| -> Vec<Patch> {
                let at = |px2: &f64| degrade_footprint(patch, px2.sqrt(), spread.footprint_gain, canvas);
                cell.levels_px2.iter().map(at).collect()
            };
            let patches: Vec<Vec<Patch>> = planted.par_iter().zip(&spread).zip(&cells).map(blurred).collect();
            (Arc::clone(planted), Arc::new(patches.concat()))
        });
        Some(Emitters::new(Arc::clone(&made.1), Arc::new(Refocused::new(timeline, shift_um, cells))))
    }

    /// Fixes the focal plane, for all who ask later and for the ground truth.
    pub fn set_focal_depth_um(&mut self, depth: f64) {
        self.focal_depth_um = Some(depth);
    }
}
