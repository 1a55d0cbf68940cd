//! Small recordings that chapters look at.

use minisim::{
    GroundTruth, Scene,
    footprint::{FootprintStack, Patch},
    spec::{Report, Spec},
    steps::{AnyStep, Part},
};
use rayon::prelude::*;
use serde_json::{Value as Json, json};

use crate::{figure::Image, linear::quantile};

/// Pixels a side of the usual field: about 400 µm.
pub(crate) const SIDE_PX: u32 = 240;
/// Frames per second.
pub(crate) const FPS: f64 = 20.0;

/// The Miniscope V4's optics over a field of about 400 µm of cortex: cytosolic GCaMP in a slab around the focal plane at 120 µm.
/// No effect is on but activity and the optics themselves. `changes` replace fields; the engine checks the result.
pub(crate) fn field<'v>(steps: &[&str], changes: impl IntoIterator<Item = (&'v str, Json)>) -> Result<Spec, Report> {
    let mut spec = minisim::presets::preset("v4-cortex-l23")?;
    let own: Vec<&str> = spec.steps.iter().filter(|s| s.part() != Part::Signal).map(AnyStep::kind).collect();
    for kind in own.iter().filter(|kind| !steps.contains(kind)) {
        spec = spec.without_step(kind)?.spec;
    }
    for kind in steps {
        spec = spec.with_step(kind)?.spec;
    }
    let own = [
        ("acquisition.image_sensor.n_px_height", json!(SIDE_PX)),
        ("acquisition.image_sensor.n_px_width", json!(SIDE_PX)),
        ("acquisition.fps", json!(FPS)),
        ("acquisition.duration_s", json!(10.0)),
        ("acquisition.focal_depth_in_tissue_um", json!(120.0)),
        ("acquisition.optics.field_curvature_radius_um", Json::Null),
        ("steps.place_neurons.populations.0.density_per_mm3", json!(9000.0)),
        ("steps.place_neurons.populations.0.depth_range_um", json!([40.0, 240.0])),
        ("steps.cell_activity.p_quiescent_to_active", json!(0.01)),
        ("seed", json!(7)),
    ];
    let all: Vec<(&str, Json)> = own.into_iter().chain(changes).collect();
    spec.set_all(all).map(|checked| checked.spec)
}

/// A scene and what is true about it.
pub(crate) struct SceneFilm {
    pub(crate) scene: Scene,
    pub(crate) truth: GroundTruth,
}

impl SceneFilm {
    pub(crate) fn new(spec: &Spec) -> Result<Self, Report> {
        let scene = Scene::new(spec)?;
        let truth = scene.ground_truth(None);
        Ok(Self { scene, truth })
    }

    pub(crate) fn shape(&self) -> [usize; 2] {
        self.scene.canvas.fov
    }

    pub(crate) fn n_frames(&self) -> usize {
        self.scene.n_frames
    }

    pub(crate) fn pixel_um(&self) -> f64 {
        self.scene.canvas.pixel_um
    }

    /// The trace of a cell.
    pub(crate) fn c(&self, unit: usize) -> &[f64] {
        let t = self.n_frames();
        &self.truth.c()[unit * t..(unit + 1) * t]
    }

    /// Frame `t` after `stage`; chapters name stages that their specs have.
    pub(crate) fn frame(&self, t: usize, stage: Option<&str>) -> Vec<f32> {
        match minisim::render(&self.scene, t..t + 1, stage) {
            Ok(pixels) => pixels.to_f32(0..pixels.len()),
            Err(_) => vec![0.0; self.shape().iter().product()],
        }
    }

    /// All frames after `stage`, one after the other.
    pub(crate) fn frames(&self, stage: Option<&str>) -> Vec<f32> {
        match minisim::render(&self.scene, 0..self.n_frames(), stage) {
            Ok(pixels) => pixels.to_f32(0..pixels.len()),
            Err(_) => vec![0.0; self.n_frames() * self.shape().iter().product::<usize>()],
        }
    }

    /// The film's average over time.
    pub(crate) fn average(&self, stage: Option<&str>) -> Vec<f32> {
        let frames = self.frames(stage);
        let size = self.shape().iter().product::<usize>().max(1);
        let n = self.n_frames().max(1) as f64;
        (0..size)
            .into_par_iter()
            .map(|i| (frames[i..].iter().step_by(size).map(|v| f64::from(*v)).sum::<f64>() / n) as f32)
            .collect()
    }

    /// The frame in which the cells shine most.
    pub(crate) fn liveliest(&self) -> usize {
        let t = self.n_frames().max(1);
        let light = |f: &usize| self.truth.c().iter().skip(*f).step_by(t).sum::<f64>();
        (0..t).max_by(|a, b| light(a).total_cmp(&light(b))).unwrap_or(0)
    }

    /// The light of the cells that `keep` names, `Σ A_i c_i(t)`, with these footprints.
    pub(crate) fn light_of(&self, footprints: &FootprintStack, t: usize, keep: impl Fn(usize) -> bool) -> Vec<f32> {
        let mut out = vec![0.0_f32; self.shape().iter().product()];
        for (unit, patch) in footprints.patches.iter().enumerate().filter(|(i, _)| keep(*i)) {
            add(&mut out, self.shape(), &footprints.in_fov(patch), self.c(unit)[t] as f32);
        }
        out
    }

    /// A picture of the field, from its darkest to nearly its brightest value.
    pub(crate) fn image(&self, title: impl Into<String>, data: Vec<f32>) -> Image {
        picture(title, self.shape(), data, self.pixel_um())
    }
}

/// Adds a footprint of brightness `scale` to an image.
pub(crate) fn add(out: &mut [f32], shape: [usize; 2], patch: &Patch, scale: f32) {
    for r in 0..patch.height {
        let at = (patch.row as usize + r) * shape[1] + patch.col as usize;
        out[at..].iter_mut().zip(patch.row_weights(r)).for_each(|(o, w)| *o += scale * w);
    }
}

/// A picture between its 1st and 99.8th percentile.
pub(crate) fn picture(title: impl Into<String>, shape: [usize; 2], data: Vec<f32>, pixel_um: f64) -> Image {
    let at = |share: f64| quantile(data.iter().map(|v| f64::from(*v)), share) as f32;
    let (low, high) = (at(0.01), at(0.998));
    Image { title: title.into(), shape, low, high, data, pixel_um, marks: Vec::new() }.between(low, high)
}

/// A trace over time.
pub(crate) fn over_time(values: &[f64], fps: f64) -> impl Iterator<Item = [f64; 2]> {
    values.iter().enumerate().map(move |(t, v)| [t as f64 / fps, *v])
}

/// Mean of an image.
pub(crate) fn mean_of(image: &[f32]) -> f64 {
    image.iter().map(|v| f64::from(*v)).sum::<f64>() / image.len().max(1) as f64
}

/// The sharp footprint of a cell with soma and dendrites that lies wholly in the field, its soma's centre moved to `at`.
pub(crate) fn typical_cell(film: &SceneFilm, at: [usize; 2]) -> Patch {
    let [h, w] = film.shape();
    let stack = &film.truth.planted;
    let centers = film.truth.centers_px(film.pixel_um());
    let inside = |p: &Patch| {
        let p = stack.in_fov(p);
        p.row > 0 && p.col > 0 && p.row as usize + p.height < h && p.col as usize + p.width < w
    };
    let largest =
        stack.patches.iter().zip(centers).filter(|(p, _)| inside(p)).max_by(|a, b| a.0.sum().total_cmp(&b.0.sum()));
    let Some((patch, center)) = largest else { return Patch::default() };
    let move_by = |axis: usize| at[axis] as i32 - (center[axis].round() as i32 + stack.fov_offset[axis] as i32);
    Patch { row: patch.row + move_by(0), col: patch.col + move_by(1), ..patch.clone() }
}
