//! Where the focal plane lies.

use std::sync::Arc;

use rayon::prelude::*;

use super::{Builder, Question};
use crate::{
    footprint::Patch,
    math::range_of,
    physics::{
        focus::{Voter, best_yield_depth_um, median_effective_depth_um},
        optics::PointSpread,
    },
    plan::{Emitters, Leveled, Refocused},
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

    /// Says how much deeper than at rest the focal surface lies in the tissue in each frame (µm).
    pub fn set_axial_shift_um(&mut self, shift_um: Arc<Vec<f64>>) {
        self.answer(Question::AxialShift);
        self.axial_shift_um = Some(shift_um);
    }

    /// How much deeper than at rest the focal surface lies in the tissue in each frame (µm), with the smallest and the largest
    /// of all frames; `None` where it stays.
    #[must_use]
    pub fn axial_shift_um(&self) -> Option<(Arc<Vec<f64>>, [f64; 2])> {
        self.ask(Question::AxialShift);
        let shift_um = Arc::clone(self.axial_shift_um.as_ref()?);
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
        self.ask(Question::Spread);
        let (focal, model, canvas) = (self.focal_depth_um(), self.optical, self.canvas.shape());
        let leveled = |center: &[f64; 3]| {
            let defocus = model.defocus(center[0], model.local_focal_depth_um(*center, focal));
            Leveled { defocus, levels_px2: defocus.levels_px2(range_um) }
        };
        let cells: Vec<Leveled> = self.cells.centers_um.iter().map(leveled).collect();
        let planted = &self.cells.planted;
        // The sharp footprints are kept with the blurred ones, so that their address stands for them.
        let inputs = (Arc::as_ptr(planted), &spread, &self.cells.aberration, &cells);
        let made = self.part("footprints in depth", 0, &inputs, || {
            let blurred = |(unit, (spread, cell)): (usize, (&PointSpread, &Leveled))| -> Vec<Patch> {
                let at = |px2: &f64| self.cells.degraded(unit, px2.sqrt(), spread.footprint_gain, canvas);
                cell.levels_px2.iter().map(at).collect()
            };
            let patches: Vec<Vec<Patch>> = spread.par_iter().zip(&cells).enumerate().map(blurred).collect();
            (Arc::clone(planted), Arc::new(patches.concat()))
        });
        Some(Emitters::refocused(Arc::clone(&made.1), Refocused::new(timeline, shift_um, cells)))
    }

    /// Fixes the focal plane, for all who ask later and for the ground truth.
    pub fn set_focal_depth_um(&mut self, depth: f64) {
        self.answer(Question::Focus);
        self.focal_depth_um = Some(depth);
    }
}
