//! What the page shows, computed from the recording's own scene and frames.
//!
//! The scene is that of the spec itself, cut to its first minute: a recording is a function of time, so its beginning does not
//! depend on how long it goes on. Parts that a change does not touch are kept from the scene before.

use std::{sync::Arc, time::Instant};

use minisim::{
    GroundTruth, Scene,
    footprint::{FootprintStack, OUTLINE_SHARE, Patch},
    memo::Memo,
    physics::optics::OpticalModel,
    recording::Pixels,
    spec::{Report, Spec},
    steps::{
        BrainMotion, CellActivity, PlaceNeurons, Vasculature,
        cell_activity::{calcium_kernel, kernel_timing},
    },
};
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::session::{Outgoing, binary};

/// Length of the scene that is shown (s).
const SCENE_S: f64 = 60.0;
/// Most frames that are shown as a film.
const MAX_FRAMES: usize = 600;
/// Frames rendered between two looks at whether the answer is still wanted.
const BATCH: usize = 16;
/// Directions in which a cell's outline is measured.
const DIRECTIONS: usize = 24;
/// Cells whose traces the activity panel stacks.
const BUSIEST: usize = 14;
/// Points of the curves in the side view.
const CURVE: usize = 41;

/// What the page looks at.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct View {
    /// The stage shown; the observed film if none.
    #[serde(default)]
    stage: Option<String>,
    /// Length of the film shown (s).
    #[serde(default)]
    seconds: f64,
    /// The panel in front: `anatomy`, `activity` or `generate`.
    #[serde(default)]
    panel: String,
    /// Whether single frames are wanted besides the projection.
    #[serde(default)]
    frames: bool,
}

/// The engine of a session.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    memo: Memo,
    activity_memo: Memo,
    scene: Option<Arc<Scene>>,
    /// The film that is shown.
    film: Option<Film>,
}

type Send<'a> = &'a dyn Fn(Outgoing) -> bool;

impl Engine {
    /// Shows a configuration: cells, readouts, the projection, then frame by frame. Gives up when `stale` says so.
    pub(crate) fn show(
        &mut self,
        spec: &Spec,
        view: &View,
        seq: u64,
        stale: &dyn Fn() -> bool,
        send: Send<'_>,
    ) -> Result<(), Report> {
        let start = Instant::now();
        let text = |value: &Json| send(Outgoing::Text(value.to_string()));
        let short = first_minute(spec);
        if view.panel == "activity" {
            let mut answer = self.activity(&short)?;
            answer["seq"] = json!(seq);
            answer["engine_ms"] = json!(start.elapsed().as_secs_f64() * 1e3);
            text(&answer);
            if stale() {
                return Ok(());
            }
        }
        if let Some(limit) = minisim_io::available_memory_bytes() {
            short.cost().check(limit)?;
        }
        let scene = match &self.scene {
            Some(scene) if scene.spec == short => Arc::clone(scene),
            _ => Arc::new(Scene::with_memo(&short, &self.memo)?),
        };
        self.scene = Some(Arc::clone(&scene));
        let built_ms = start.elapsed().as_secs_f64() * 1e3;
        if stale() {
            return Ok(());
        }
        let fps = short.acquisition.fps.get();
        let n = ((view.seconds.clamp(0.0, SCENE_S) * fps).round() as usize).clamp(1, MAX_FRAMES).min(scene.n_frames);
        let stage = view.stage.as_deref().filter(|name| scene.plan.stages.iter().any(|s| s.name == *name));
        let mut film = match self.film.take() {
            Some(film)
                if Arc::ptr_eq(&film.scene, &scene)
                    && film.stage.as_deref() == stage
                    && film.n_frames == n
                    && (film.keep || !view.frames) =>
            {
                film
            }
            _ => Film::new(&scene, stage, view.frames),
        };
        let is_counts =
            scene.plan.stages.last().is_some_and(|s| s.name == "sensor" && stage.is_none_or(|name| name == s.name));
        let max_count = is_counts.then(|| short.acquisition.image_sensor.max_count());
        let picture = |film: &Film| {
            let header = json!({
                "type": "projection",
                "seq": seq,
                "partial": film.n_frames < n,
                "shape": film.shape,
                "n_frames": n,
                "fps": fps,
                "stage": stage,
                "low": film.low,
                "high": film.high,
                "max_count": max_count,
                "saturated": is_counts.then(|| film.saturated as f64 / (film.n_frames * film.projection.len()).max(1) as f64),
                "histogram": film.histogram(max_count.map(|m| m as f32)),
                "frames_per_s": film.n_frames as f64 / film.seconds.max(1e-9),
                "engine_ms": start.elapsed().as_secs_f64() * 1e3,
                "scene_ms": built_ms,
            });
            send(binary(&header, film.projection.iter().flat_map(|v| v.to_le_bytes())))
        };
        while film.n_frames < n {
            film.render((n - film.n_frames).min(BATCH));
            if stale() {
                return Ok(());
            }
            // A first picture of a few frames at once, so that dragging a slider feels direct; the whole one follows.
            if film.n_frames == BATCH && n > BATCH && !picture(&film) {
                return Ok(());
            }
        }
        let film = self.film.insert(film);
        if !picture(film) || stale() {
            return Ok(());
        }
        let mut answer = describe(&scene, spec, n);
        answer["seq"] = json!(seq);
        if !text(&answer) {
            return Ok(());
        }
        if view.frames {
            for t in 0..n {
                if stale() {
                    return Ok(());
                }
                let header = json!({ "type": "frame", "seq": seq, "t": t, "shape": film.shape, "low": film.low, "high": film.high });
                if !send(binary(&header, film.frame(t).into_iter())) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The busiest cells' traces and spikes. Only what they depend on is simulated.
    fn activity(&self, spec: &Spec) -> Result<Json, Report> {
        let activity = Scene::activity(spec, &self.activity_memo, BUSIEST)?;
        let Some(step) = spec.step::<CellActivity>().filter(|_| !activity.s.is_empty()) else {
            // No cell is active.
            return Ok(json!({
                "type": "activity",
                "fps": spec.acquisition.fps.get(),
                "n_frames": activity.n_frames,
                "n_cells": activity.n_units,
                "cells": [],
                "kernel": [],
                "kernel_hz": 1.0,
                "t_peak_s": 0.0,
                "fwhm_s": 0.0,
                "spikes_per_cell_min": 0.0,
                "bursts_per_cell_min": 0.0,
            }));
        };
        let (n, t) = (activity.n_units, activity.n_frames);
        let fps = spec.acquisition.fps.get();
        let minutes = n as f64 * t as f64 / fps / 60.0;
        let per_minute = |count: f64| if minutes > 0.0 { count / minutes } else { 0.0 };
        // A burst begins with a spike after half a second without one.
        let quiet = (0.5 * fps).ceil() as usize;
        let bursts: usize = activity.s.par_chunks(t.max(1)).map(|s| bursts(s, quiet)).sum();
        let shown: Vec<Json> = activity
            .busiest
            .iter()
            .map(|(unit, c)| {
                let s = &activity.s[unit * t..(unit + 1) * t];
                let spikes: Vec<[u32; 2]> =
                    s.iter().enumerate().filter(|(_, n)| **n > 0).map(|(f, n)| [f as u32, *n]).collect();
                let c: Vec<f32> = c.iter().map(|v| (*v * 1e4).round() as f32 / 1e4).collect();
                json!({ "unit": unit, "c": c, "spikes": spikes })
            })
            .collect();
        let (rise, decay) = (step.tau_rise_s.get(), step.tau_decay_s.get());
        let (t_peak_s, fwhm_s) = kernel_timing(rise, decay);
        let hz = 400.0 / (6.0 * decay);
        let kernel: Vec<f32> = calcium_kernel(rise, decay, hz).iter().take(401).map(|v| *v as f32).collect();
        Ok(json!({
            "type": "activity",
            "fps": fps,
            "n_frames": t,
            "n_cells": n,
            "cells": shown,
            "kernel": kernel,
            "kernel_hz": hz,
            "t_peak_s": t_peak_s,
            "fwhm_s": fwhm_s,
            "spikes_per_cell_min": per_minute(activity.n_spikes as f64),
            "bursts_per_cell_min": per_minute(bursts as f64),
        }))
    }

    /// Everything about a cell of the scene that is shown.
    pub(crate) fn cell(&self, unit: usize) -> Json {
        let Some(scene) = self.scene.as_ref().filter(|s| unit < s.recorded().n_units()) else {
            return json!({ "type": "error", "message": format!("there is no cell {unit} in the picture") });
        };
        let truth = scene.recorded();
        let t = scene.n_frames;
        let of = |name: &str| truth.f64s(name).and_then(|v| v.get(unit).copied());
        let trace = |v: Vec<f64>| v.iter().map(|v| *v as f32).collect::<Vec<f32>>();
        let c = truth.c().get(unit * t..(unit + 1) * t).unwrap_or_default().to_vec();
        let spikes: Vec<[u32; 2]> = truth
            .array("S")
            .map(|_| truth.s())
            .and_then(|s| s.get(unit * t..(unit + 1) * t))
            .unwrap_or_default()
            .iter()
            .enumerate()
            .filter(|(_, n)| **n > 0)
            .map(|(f, n)| [f as u32, *n])
            .collect();
        let depth = truth.centers_um().get(3 * unit).copied().unwrap_or_default();
        let detectable = truth.detectable().get(unit).copied().unwrap_or_default();
        let in_focus = truth.in_focus().get(unit).copied().unwrap_or(true);
        json!({
            "type": "cell",
            "unit": unit,
            "depth_um": depth,
            "sigma_px": of("observed_sigma_px"),
            "gain": of("observed_gain"),
            "snr": of("peak_snr"),
            "snr_needed": minisim::DETECT_SNR_THRESHOLD,
            "vessel_share": of("vessel_overlap_fraction"),
            "amplitude": of("amplitude_per_cell"),
            "detectable": detectable,
            "in_focus": in_focus,
            "why": why(scene, truth, unit, detectable, in_focus),
            "c": trace(c),
            "spikes": spikes,
            "fps": scene.spec.acquisition.fps.get(),
        })
    }
}

/// The spec of the recording's first minute.
fn first_minute(spec: &Spec) -> Spec {
    if spec.acquisition.duration_s.get() <= SCENE_S {
        return spec.clone();
    }
    // An explicit path has one entry a frame; then the recording is taken whole.
    spec.set_all([("acquisition.duration_s", SCENE_S.into())]).map_or_else(|_| spec.clone(), |checked| checked.spec)
}

fn bursts(spikes: &[u32], quiet: usize) -> usize {
    let mut since = usize::MAX;
    let mut n = 0;
    for s in spikes {
        since = since.saturating_add(1);
        if *s > 0 {
            n += usize::from(since > quiet);
            since = 0;
        }
    }
    n
}

/// A film of one stage, as far as it is rendered.
#[derive(Debug)]
struct Film {
    scene: Arc<Scene>,
    stage: Option<String>,
    shape: [usize; 2],
    n_frames: usize,
    /// Time that rendering took (s).
    seconds: f64,
    /// Whether all frames are kept, or only the first.
    keep: bool,
    movie: Option<Pixels>,
    /// Largest value of each pixel.
    projection: Vec<f32>,
    low: f32,
    high: f32,
    /// The largest count, and how many pixels of all frames have it.
    full: f32,
    saturated: usize,
}

/// What a part of some frames adds to the film.
#[derive(Clone, Copy)]
struct Found {
    low: f32,
    high: f32,
    saturated: usize,
}

impl Found {
    const NOTHING: Self = Self { low: f32::INFINITY, high: f32::NEG_INFINITY, saturated: 0 };

    fn and(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            saturated: self.saturated + other.saturated,
        }
    }
}

impl Film {
    fn new(scene: &Arc<Scene>, stage: Option<&str>, keep: bool) -> Self {
        // Single frames are on the field of view, whatever the stage.
        let shape = scene.canvas.fov;
        Self {
            scene: Arc::clone(scene),
            stage: stage.map(str::to_owned),
            shape,
            n_frames: 0,
            seconds: 0.0,
            keep,
            movie: None,
            projection: vec![f32::NEG_INFINITY; shape[0] * shape[1]],
            low: f32::INFINITY,
            high: f32::NEG_INFINITY,
            full: scene.spec.acquisition.image_sensor.max_count() as f32,
            saturated: 0,
        }
    }

    fn render(&mut self, n: usize) {
        // The stage is one of the scene's, so this does not fail.
        let start = Instant::now();
        let frames = self.n_frames..self.n_frames + n;
        let Ok(pixels) = minisim::render(&self.scene, frames, self.stage.as_deref()) else { return };
        self.seconds += start.elapsed().as_secs_f64();
        let size = self.projection.len().max(1);
        let rows = self.shape[1].max(1) * self.shape[0].div_ceil(2 * rayon::current_num_threads()).max(1);
        let full = self.full;
        let found = self
            .projection
            .par_chunks_mut(rows)
            .enumerate()
            .map(|(i, part)| {
                let (at, length) = (i * rows, part.len());
                let frame = |t: usize| t * size + at..t * size + at + length;
                match &pixels {
                    Pixels::U8(v) => raise_bytes(part, (0..n).map(|t| &v[frame(t)]), full),
                    Pixels::U16(v) => raise(part, (0..n).map(|t| &v[frame(t)]), full, f32::from),
                    Pixels::F32(v) => raise(part, (0..n).map(|t| &v[frame(t)]), full, |v| v),
                    Pixels::F64(v) => raise(part, (0..n).map(|t| &v[frame(t)]), full, |v| v as f32),
                }
            })
            .reduce(|| Found::NOTHING, Found::and);
        self.low = self.low.min(found.low);
        self.high = self.high.max(found.high);
        self.saturated += found.saturated;
        self.n_frames += n;
        match &mut self.movie {
            None => {
                let mut first = Pixels::with_capacity(pixels.sample(), 0);
                first.extend_from(&pixels, 0..if self.keep { pixels.len() } else { size });
                self.movie = Some(first);
            }
            Some(movie) if self.keep => movie.extend(&pixels),
            Some(_) => {}
        }
    }

    /// A frame in 8 bits between the film's lowest and highest value; counts up to 255 as they are.
    fn frame(&self, t: usize) -> Vec<u8> {
        let size = self.projection.len();
        let range = t * size..(t + 1) * size;
        let scale = if self.high > self.low { 255.0 / (self.high - self.low) } else { 0.0 };
        let level = |v: f32| ((v - self.low) * scale).round() as u8;
        match &self.movie {
            Some(Pixels::U8(v)) => v[range].iter().map(|v| level(f32::from(*v))).collect(),
            Some(Pixels::U16(v)) => v[range].iter().map(|v| level(f32::from(*v))).collect(),
            Some(Pixels::F32(v)) => v[range].iter().map(|v| level(*v)).collect(),
            Some(Pixels::F64(v)) => v[range].iter().map(|v| level(*v as f32)).collect(),
            None => Vec::new(),
        }
    }

    /// Pixels of the first frame in 128 equal bins from 0 or the lowest value to the largest count or value.
    fn histogram(&self, full: Option<f32>) -> Json {
        let Some(movie) = &self.movie else { return Json::Null };
        let low = if full.is_some() { 0.0 } else { self.low };
        let high = full.map_or(self.high, |f| f + 1.0);
        let mut bins = [0_u32; 128];
        let scale = if high > low { 128.0 / (high - low) } else { 0.0 };
        for v in movie.to_f32(0..self.projection.len()) {
            bins[(((v - low) * scale) as usize).min(127)] += 1;
        }
        json!({ "low": low, "high": high, "bins": bins.to_vec() })
    }
}

/// Raises a part of the projection to the values of frames. In this form the loop vectorises.
fn raise<'f, T: Copy + 'f>(
    part: &mut [f32],
    frames: impl Iterator<Item = &'f [T]>,
    full: f32,
    value: impl Fn(T) -> f32,
) -> Found {
    let mut found = Found::NOTHING;
    for frame in frames {
        let (mut low, mut high, mut saturated) = (found.low, found.high, 0_u32);
        for (p, v) in part.iter_mut().zip(frame) {
            let v = value(*v);
            *p = if v > *p { v } else { *p };
            low = if v < low { v } else { low };
            high = if v > high { v } else { high };
            saturated += u32::from(v >= full);
        }
        found = Found { low, high, saturated: found.saturated + saturated as usize };
    }
    found
}

/// The same for bytes, which need no conversion on the way.
fn raise_bytes<'f>(part: &mut [f32], frames: impl Iterator<Item = &'f [u8]>, full: f32) -> Found {
    let mut most = vec![0_u8; part.len()];
    let (mut low, mut saturated) = (u8::MAX, 0);
    let full = full.min(255.0) as u8;
    for frame in frames {
        for (pixels, most) in frame.chunks(128).zip(most.chunks_mut(128)) {
            let (mut least, mut n) = (u8::MAX, 0_u8);
            for (m, v) in most.iter_mut().zip(pixels) {
                *m = (*m).max(*v);
                least = least.min(*v);
                n += u8::from(*v >= full);
            }
            low = low.min(least);
            saturated += usize::from(n);
        }
    }
    let high = most.iter().copied().max().unwrap_or_default();
    for (p, m) in part.iter_mut().zip(&most) {
        *p = p.max(f32::from(*m));
    }
    Found { low: f32::from(low), high: f32::from(high), saturated }
}

/// Cells, readouts and the side view.
fn describe(scene: &Scene, spec: &Spec, n_frames: usize) -> Json {
    let truth = scene.recorded();
    let stack = &truth.planted;
    let model = OpticalModel::new(&spec.acquisition);
    let n = truth.n_units();
    let centers = truth.centers_um();
    let round = |v: f64, digits: i32| (v * 10_f64.powi(digits)).round() / 10_f64.powi(digits);
    let snr = truth.f64s("peak_snr");
    let sigma = truth.f64s("observed_sigma_px");
    let outlines: Vec<Vec<u16>> =
        stack.patches.par_iter().zip(0..n).map(|(p, i)| outline(scene, stack, p, &centers[3 * i..3 * i + 3])).collect();
    let cells: Vec<Json> = (0..n)
        .map(|i| {
            let [z, y, x] = [centers[3 * i], centers[3 * i + 1], centers[3 * i + 2]];
            let [row, col] = scene.canvas.fov_px_from_um(y, x);
            json!([
                round(row, 1),
                round(col, 1),
                round(z, 1),
                truth.detectable().get(i).copied().unwrap_or_default() as u8,
                truth.in_focus().get(i).copied().unwrap_or(true) as u8,
                snr.map(|v| round(v[i], 2)),
                sigma.map(|v| round(v[i], 2)),
                outlines[i],
            ])
        })
        .collect();
    let field_um = spec.acquisition.fov_um();
    let expected: f64 = spec
        .step::<PlaceNeurons>()
        .map_or(0.0, |p| p.all_populations().iter().map(|p| p.expected_cells(field_um[0] * field_um[1])).sum());
    let bands: Vec<[f64; 2]> = spec
        .step::<PlaceNeurons>()
        .map_or_else(Vec::new, |p| p.all_populations().iter().map(|p| p.depth_extent_um()).collect());
    let focal = truth.focal_depth_um;
    let curve: Option<Vec<[f64; 2]>> = focal.map(|focal| {
        (0..CURVE)
            .map(|i| {
                let x = (i as f64 / (CURVE - 1) as f64 - 0.5) * field_um[1];
                [round(x, 1), round(model.local_focal_depth_um([0.0, 0.0, x], focal), 2)]
            })
            .collect()
    });
    let vessels: Vec<[f64; 2]> = spec
        .step::<Vasculature>()
        .filter(|v| v.enabled)
        .map_or_else(Vec::new, |v| v.layers.iter().map(|l| [l.depth_um.get(), l.root_radius_um.get()]).collect());
    let path: Option<Vec<f64>> = spec
        .step::<BrainMotion>()
        .and_then(|_| truth.f64s("shifts"))
        .map(|px| px.iter().take(2 * n_frames).map(|v| round(*v, 2)).collect());
    let mask = truth.f64s("vasculature_mask").map(|mask| vessel_edge(mask, scene.canvas.fov));
    let warnings: Vec<Json> = scene.warnings.iter().map(minisim::Finding::to_json).collect();
    json!({
        "type": "scene",
        "fov_um": field_um,
        "fov_px": scene.canvas.fov,
        "pixel_um": spec.acquisition.pixel_size_um(),
        "expected_cells": expected,
        "placed": n,
        "detectable": truth.detectable().iter().filter(|d| **d).count(),
        "in_focus": truth.in_focus().iter().filter(|d| **d).count(),
        "focal_depth_um": focal,
        "depth_of_field_um": model.depth_of_field_um,
        "focal_curve": curve,
        "bands_um": bands,
        "vessels_um": vessels,
        "vessel_edge": mask,
        "path_px": path,
        "stages": scene.plan.stages.iter().map(|s| s.name).collect::<Vec<_>>(),
        "cells": cells,
        "warnings": warnings,
    })
}

/// Distance of a cell's outline from its centre in tenths of a pixel, direction by direction from the right, clockwise on
/// the screen.
fn outline(scene: &Scene, stack: &FootprintStack, patch: &Patch, center_um: &[f64]) -> Vec<u16> {
    let peak = patch.data.iter().copied().fold(0.0, f32::max);
    let [row, col] = scene.canvas.fov_px_from_um(center_um[1], center_um[2]);
    let [row, col] = [row + stack.fov_offset[0] as f64, col + stack.fov_offset[1] as f64];
    let value = |r: f64, c: f64| {
        // Canvas coordinates are not negative, so cutting the fraction rounds.
        let (r, c) = ((r + 0.5) as i32 - patch.row, (c + 0.5) as i32 - patch.col);
        let inside = r >= 0 && c >= 0 && (r as usize) < patch.height && (c as usize) < patch.width;
        if inside { patch.data[r as usize * patch.width + c as usize] } else { 0.0 }
    };
    let most = 0.75 * (patch.height.max(patch.width) as f64);
    (0..DIRECTIONS)
        .map(|d| {
            let angle = d as f64 / DIRECTIONS as f64 * std::f64::consts::TAU;
            let (sin, cos) = angle.sin_cos();
            let mut r = 0.0;
            while r < most && value(row + r * sin, col + r * cos) >= OUTLINE_SHARE * peak {
                r += 0.5;
            }
            ((r + 0.25) * 10.0) as u16
        })
        .collect()
}

/// Share of light that a vessel lets through at its drawn edge.
const VESSEL_EDGE: f64 = 0.75;

/// Pixels where the vessels begin to take a quarter of the light ([`VESSEL_EDGE`]): pairs (row, col).
fn vessel_edge(mask: &[f64], [h, w]: [usize; 2]) -> Vec<u16> {
    let dark = |r: usize, c: usize| mask[r * w + c] < VESSEL_EDGE;
    let mut edge = Vec::new();
    for r in 1..h.saturating_sub(1) {
        for c in 1..w.saturating_sub(1) {
            if dark(r, c) && !(dark(r - 1, c) && dark(r + 1, c) && dark(r, c - 1) && dark(r, c + 1)) {
                edge.extend([r as u16, c as u16]);
            }
        }
    }
    edge
}

/// Why a cell is, or is not, detectable; in words.
fn why(scene: &Scene, truth: &GroundTruth, unit: usize, detectable: bool, in_focus: bool) -> String {
    let of = |name: &str| truth.f64s(name).and_then(|v| v.get(unit).copied());
    let needed = minisim::DETECT_SNR_THRESHOLD;
    if truth.array("S").is_none() {
        return "There is no neural activity, so nothing of it can be detected.".to_owned();
    }
    let Some(snr) = of("peak_snr") else {
        return if in_focus {
            "Without a sensor there is no noise; it is in focus."
        } else {
            "Without a sensor there is no noise; it is out of focus."
        }
        .to_owned();
    };
    let mut text = if detectable {
        format!(
            "Detectable: its largest transient is {snr:.1} × the noise of its brightest pixel, {needed:.0} are needed."
        )
    } else {
        format!(
            "Not detectable: its largest transient is {snr:.1} × the noise of its brightest pixel, {needed:.0} are needed."
        )
    };
    if !detectable {
        let mut reasons = Vec::new();
        if !in_focus {
            let depth = truth.centers_um().get(3 * unit).copied().unwrap_or_default();
            let off = (depth - truth.focal_depth_um.unwrap_or(depth)).abs();
            reasons.push(format!("it lies {off:.0} µm from the focal plane, which spreads its light"));
        }
        if let Some(share) = of("vessel_overlap_fraction").filter(|v| *v > 0.2) {
            reasons.push(format!("vessels take {:.0} % of its light", share * 100.0));
        }
        if truth.s().get(unit * scene.n_frames..(unit + 1) * scene.n_frames).is_some_and(|s| s.iter().sum::<u32>() < 3)
        {
            reasons.push("it hardly fires in the first minute".to_owned());
        }
        if !reasons.is_empty() {
            text += &format!(" {}.", capital(&reasons.join("; ")));
        }
    }
    text
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
