//! From what the steps asked for to a scene.

use std::sync::Arc;

use super::Scene;
use crate::{
    building::{Builder, OverTime},
    footprint::FootprintStack,
    kernels::{digitise::Digitiser, tiles::Tiles},
    plan::{Asked, Plan, Sizes},
    spec::Report,
    steps::{AnyStep, Domain},
    truth::{GroundTruth, TruthArray},
};

impl Builder<'_> {
    /// Puts the scene together; nothing changes from then on.
    pub(super) fn freeze(mut self) -> Result<Scene, Report> {
        if !self.errors.is_empty() {
            return Err(Report { findings: self.errors });
        }
        let n_frames = self.spec.acquisition.n_frames();
        let mut acts = std::mem::take(&mut self.acts);
        let asked = self.spec.steps.iter().filter_map(|step| {
            let of_step = acts.extract_if(.., |(kind, _)| *kind == step.kind()).map(|(_, act)| act).collect::<Vec<_>>();
            let in_scope = match step.domain() {
                // The cell steps have no movie; what they ask for all the same comes too early, and is seen there.
                Domain::Cell if of_step.is_empty() => return None,
                Domain::Cell | Domain::Tissue => false,
                Domain::Motion | Domain::Scope | Domain::Delivery => true,
            };
            Some(Asked { kind: step.kind(), stage: step.stage(), rank: step.rank(), in_scope, acts: of_step })
        });
        let sizes = Sizes { canvas: self.canvas.shape(), fov: self.canvas.fov, n_frames };
        let plan = Plan::new(asked.collect(), sizes)?;
        let tiles = plan.cells.as_ref().map(|cells| {
            let patches = &cells.patches;
            let made = self.part("tiles", 0, &Arc::as_ptr(patches), || {
                (Arc::clone(patches), Arc::new(Tiles::new(self.canvas.shape(), patches)))
            });
            Arc::clone(&made.1)
        });
        let digitiser = plan.camera.as_ref().map(|camera| {
            // The digitiser holds the pixels' maps, so that their address stands for them.
            let inputs = (camera.model, camera.key, camera.pixels.as_ref().map(Arc::as_ptr));
            self.part("camera", 0, &inputs, || Digitiser::of(camera))
        });
        let stack = FootprintStack {
            canvas_shape: self.canvas.shape(),
            fov_offset: [self.canvas.margin; 2],
            fov_shape: self.canvas.fov,
            patches: Vec::new(),
        };
        // Cells whose footprint lies wholly in the margin emit light, but no analysis could find them.
        let shown: Vec<bool> = self.cells.planted.iter().map(|p| !stack.in_fov(p).is_dark()).collect();
        let planted = FootprintStack {
            patches: self.cells.planted.iter().zip(&shown).filter(|(_, s)| **s).map(|(p, _)| p.clone()).collect(),
            ..stack
        };
        let (mut ranks, mut arrays) = (Vec::new(), Vec::new());
        let mut truth = self.truth;
        if let Some(timeline) = &self.timeline {
            let shape = [self.cells.len(), n_frames];
            truth.extend(self.over_time.iter().map(|OverTime { rank, declared, values }| {
                (*rank, TruthArray { declared, shape: shape.to_vec(), data: values(timeline) })
            }));
        }
        // Arrays of the steps before the delivery have a column for each exposure, those of recordings one for each stored frame.
        let stored = plan.delivery.as_ref().map(|delivery| Arc::clone(&delivery.exposures));
        let delivering = self.spec.steps.iter().find(|s| s.domain() == Domain::Delivery).map(AnyStep::rank);
        for (rank, array) in truth {
            ranks.push(rank);
            let array = array.with_units(&shown);
            arrays.push(match &stored {
                Some(stored) if Some(rank) != delivering => array.with_frames(stored),
                _ => array,
            });
        }
        Ok(Scene {
            n_frames: stored.map_or(n_frames, |stored| stored.len()),
            spec: self.spec.clone(),
            canvas: self.canvas,
            plan,
            warnings: self.warnings,
            couplings: self.couplings.into_inner(),
            shown,
            activity: self.cells.traces.map(|traces| traces.activity),
            truth: GroundTruth { planted, focal_depth_um: self.focal_depth_um, arrays },
            ranks,
            tiles,
            digitiser,
        })
    }
}
