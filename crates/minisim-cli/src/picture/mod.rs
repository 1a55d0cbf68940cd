//! `minisim picture`: a labelled contact sheet of a recording, or of what a spec would give.

mod axes;
pub(crate) mod contour;
mod draw;
pub(crate) mod figure;
pub(crate) mod scale;
mod sheet;
mod watch;

use std::path::{Path, PathBuf};

use minisim::{GroundTruth, Scene, Spec, plan::Warp, recording::Content, render};
use minisim_io::Reader;
use rayon::prelude::*;
use serde_json::json;

pub(crate) use watch::Watched;

use crate::{exit::Failure, input, talk::Talk};

/// Frames looked at, evenly over the film: enough for a projection, few enough for an hour of film.
const MAX_FRAMES: usize = 120;
/// Pixel values kept for the histogram.
const MAX_VALUES: usize = 2_000_000;
/// Arrows of a deformation along the longer side of the field of view.
const ARROWS: usize = 13;

/// Arguments of `minisim picture`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minisim picture v4-ca1.zarr -o v4-ca1.png
  minisim picture mine.json -o preview.png       what the spec would give; no recording is written

The sheet shows a frame, the maximum projection with the outlines of the true cells, the traces of the most active cells with
their spikes, the path of the brain, its deformation as arrows over the frame that is deformed most, the static fields, what changes
over time for all cells alike, and a histogram of the pixel values. The projection and the histogram
are made from up to 120 frames, evenly over the film.")]
pub(crate) struct Args {
    /// A recording (.zarr) or a spec (.json, .toml, .yaml).
    source: PathBuf,
    /// The picture to write (.png); by default named after the source.
    #[arg(short, long, value_name = "OUT.png")]
    output: Option<PathBuf>,
    /// Replace an existing picture.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    talk: Talk,
}

/// Runs the subcommand.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let output = args.output.clone().unwrap_or_else(|| args.source.with_extension("png"));
    if !output.extension().is_some_and(|e| e.eq_ignore_ascii_case("png")) {
        return Err(Failure::Input(format!("output {}: its name must end in .png", output.display())));
    }
    if args.source.is_dir() || args.source.extension().is_some_and(|e| e == "zarr") {
        draw_recording(&args.source, &output, args.force)?;
    } else {
        draw_spec(&args.source, &output, args.force)?;
    }
    args.talk.say(|| format!("{}\n", output.display()), || json!({ "output": output }))
}

/// Draws the recording at `recording`.
pub(crate) fn draw_recording(recording: &Path, output: &Path, force: bool) -> Result<(), Failure> {
    let reader = Reader::open(recording).map_err(Failure::run)?;
    reader.warnings().iter().for_each(|w| eprintln!("warning: {w}"));
    let truth = reader.ground_truth().map_err(Failure::run)?;
    SheetFilm::of_recording(&reader, recording, truth)?.write(output, force)
}

fn draw_spec(path: &Path, output: &Path, force: bool) -> Result<(), Failure> {
    let spec = input::read_spec(path)?;
    if let Some(limit) = minisim_io::available_memory_bytes() {
        spec.cost().check(limit).map_err(Failure::input)?;
    }
    let scene = Scene::new(&spec).map_err(Failure::input)?;
    scene.warnings.iter().for_each(|w| eprintln!("warning: {w}"));
    let stages = !scene.plan.stages.is_empty();
    let [height, width] = spec.acquisition.fov_px();
    let shape = [if stages { scene.n_frames } else { 0 }, height, width];
    let film = SheetFilm::gather(title(path), spec.clone(), &scene.content(), scene.ground_truth(None), shape, |t| {
        let pixels = render(&scene, t..t + 1, None).map_err(Failure::run)?;
        Ok(pixels.to_f32(0..pixels.len()))
    })?;
    film.write(output, force)
}

fn title(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// What the sheet shows.
pub(crate) struct SheetFilm {
    title: String,
    spec: Spec,
    truth: GroundTruth,
    /// (frame, height, width) of the film.
    shape: [usize; 3],
    /// The frame shown, and when it is; `None` where the film has no frame.
    frame: Option<(usize, Vec<f32>)>,
    /// Brightest value of every pixel over the frames looked at, after undoing the true motion.
    projection: Vec<f32>,
    /// Frames looked at.
    n_seen: usize,
    /// Some of the pixel values of those frames.
    values: Vec<f32>,
    /// Largest count of the sensor; `None` for a film of intensities.
    max_count: Option<u64>,
    /// Spikes of each cell.
    n_spikes: Vec<u32>,
    /// The frame in which the tissue is deformed most, of those looked at; `None` where it is not deformed.
    bent: Option<Bent>,
}

/// A frame, and how it is deformed.
#[derive(Debug)]
struct Bent {
    /// Its number.
    t: usize,
    pixels: Vec<f32>,
    /// Places (y, x) and what each is displaced by beyond the frame as a whole (dy, dx), px.
    arrows: Vec<[[f64; 2]; 2]>,
}

impl SheetFilm {
    /// Looks at the film of a recording; `truth` is its own.
    pub(crate) fn of_recording(reader: &Reader, path: &Path, truth: GroundTruth) -> Result<Self, Failure> {
        let content = reader.content().map_err(Failure::run)?;
        Self::gather(title(path), reader.spec().clone(), &content, truth, reader.shape(), |t| {
            Ok(reader.frames(t..t + 1).map_err(Failure::run)?.frame(0))
        })
    }

    /// The maximum projection as a grey PNG, one pixel a pixel, and its (height, width).
    pub(crate) fn projection_png(&self) -> Result<(Vec<u8>, [usize; 2]), String> {
        let [_, height, width] = self.shape;
        Ok((sheet::grey_png(&self.projection, [height, width])?, [height, width]))
    }

    /// Looks at a film through `fetch`, which yields one frame; several at a time.
    fn gather(
        title: String,
        spec: Spec,
        content: &Content,
        truth: GroundTruth,
        shape: [usize; 3],
        fetch: impl Fn(usize) -> Result<Vec<f32>, Failure> + Sync,
    ) -> Result<Self, Failure> {
        let mut looking = Looking::new(&truth, shape);
        let seen = looking.seen.clone();
        for frames in seen.chunks(4 * rayon::current_num_threads()) {
            let fetched: Vec<Result<Vec<f32>, Failure>> = frames.par_iter().map(|t| fetch(*t)).collect();
            for (t, pixels) in frames.iter().zip(fetched) {
                looking.take(*t, pixels?);
            }
        }
        Ok(looking.film(title, spec, content, truth))
    }

    fn write(&self, output: &Path, force: bool) -> Result<(), Failure> {
        let png = sheet::draw(self).map_err(Failure::Run)?;
        minisim_io::write_file(output, &png, force).map_err(Failure::run)?;
        Ok(())
    }
}

/// What has been seen of a film so far.
#[derive(Debug)]
pub(crate) struct Looking {
    shape: [usize; 3],
    /// The frames to look at, in order.
    seen: Vec<usize>,
    /// The one of them to show.
    liveliest: Option<usize>,
    /// The true path of the brain in those frames, in whole pixels: finer would blur the noise.
    shifts_px: Vec<[isize; 2]>,
    frame: Option<(usize, Vec<f32>)>,
    projection: Vec<f32>,
    values: Vec<f32>,
    stride: usize,
    n_spikes: Vec<u32>,
    /// The frame that is deformed most, how, and its pixels once they are known.
    bent: Option<Bent>,
}

impl Looking {
    /// Nothing so far of a film of this shape.
    fn new(truth: &GroundTruth, shape: [usize; 3]) -> Self {
        let [_, height, width] = shape;
        let seen = frames_to_look_at(shape);
        let n_seen = seen.len();
        let (light, n_spikes) = activity(truth, &seen);
        let shifts = truth.f64s("shifts").unwrap_or_default();
        let shift = |t: usize, axis: usize| shifts.get(2 * t + axis).map_or(0, |s| s.round() as isize);
        Self {
            shape,
            liveliest: (0..n_seen).max_by(|a, b| light[*a].total_cmp(&light[*b])).map(|i| seen[i]),
            n_spikes,
            bent: most_bent(truth, &seen),
            shifts_px: seen.iter().map(|t| [shift(*t, 0), shift(*t, 1)]).collect(),
            seen,
            frame: None,
            projection: vec![f32::NAN; height * width],
            values: Vec::new(),
            stride: (n_seen * height * width / MAX_VALUES).max(1),
        }
    }

    /// Takes frame `t` in, if it is one of those to look at.
    fn take(&mut self, t: usize, pixels: Vec<f32>) {
        let Ok(i) = self.seen.binary_search(&t) else { return };
        let [_, height, width] = self.shape;
        // Content moved by (dy, dx) is brought back.
        let [dy, dx] = self.shifts_px[i];
        let (to, from) = (0.max(-dx) as usize, 0.max(dx) as usize);
        let shared = width.saturating_sub(dx.unsigned_abs());
        for (r, row) in self.projection.chunks_exact_mut(width).enumerate() {
            if let Some(above) = r.checked_add_signed(dy).filter(|r| *r < height && shared > 0) {
                let moved = &pixels[above * width + from..][..shared];
                row[to..to + shared].iter_mut().zip(moved).for_each(|(out, v)| *out = out.max(*v));
            }
        }
        // Another offset in every frame, so that no column is favoured.
        self.values.extend(pixels.iter().skip(t % self.stride).step_by(self.stride));
        if let Some(bent) = self.bent.as_mut().filter(|bent| bent.t == t) {
            bent.pixels.clone_from(&pixels);
        }
        if Some(t) == self.liveliest {
            self.frame = Some((t, pixels));
        }
    }

    /// All that a sheet shows.
    fn film(self, title: String, spec: Spec, content: &Content, truth: GroundTruth) -> SheetFilm {
        SheetFilm {
            title,
            spec,
            truth,
            shape: self.shape,
            frame: self.frame,
            projection: self.projection,
            n_seen: self.seen.len(),
            values: self.values,
            max_count: content.max_count,
            n_spikes: self.n_spikes,
            bent: self.bent.filter(|bent| !bent.pixels.is_empty()),
        }
    }
}

/// Numbers of the frames that are looked at, evenly spread over a film of this shape.
fn frames_to_look_at([n_frames, ..]: [usize; 3]) -> Vec<usize> {
    let n_seen = n_frames.min(MAX_FRAMES);
    (0..n_seen).map(|i| (2 * i + 1) * n_frames / (2 * n_seen)).collect()
}

/// Of some frames, the one in which the tissue is deformed most, and how.
fn most_bent(truth: &GroundTruth, frames: &[usize]) -> Option<Bent> {
    let Some(Warp::NonRigid(deformation)) = truth.warp() else { return None };
    let fov = truth.planted.fov_shape;
    let spacing = fov[0].max(fov[1]) as f64 / ARROWS as f64;
    let axis = |n: usize| {
        let places = (n as f64 / spacing).round().max(1.0);
        (0..places as usize).map(move |i| (i as f64 + 0.5) * n as f64 / places - 0.5)
    };
    let places: Vec<[f64; 2]> = axis(fov[0]).flat_map(|y| axis(fov[1]).map(move |x| [y, x])).collect();
    let arrows = |t: usize| -> Vec<[[f64; 2]; 2]> {
        let frame = deformation.frame(fov, t);
        places.iter().map(|place| [*place, frame.local_px(place[0], place[1])]).collect()
    };
    let square = |arrows: &[[[f64; 2]; 2]]| arrows.iter().map(|[_, [dy, dx]]| dy * dy + dx * dx).sum::<f64>();
    let known = frames.iter().filter(|t| **t < deformation.rotation_rad.len());
    let of = |t: &usize| (*t, arrows(*t));
    let (t, arrows) = known.map(of).max_by(|(_, a), (_, b)| square(a).total_cmp(&square(b)))?;
    Some(Bent { t, pixels: Vec::new(), arrows })
}

/// Sum of the traces of the detectable cells in some frames, and the spikes of each cell. A long recording's traces are computed
/// cell by cell, so they are gone through once.
fn activity(truth: &GroundTruth, frames: &[usize]) -> (Vec<f64>, Vec<u32>) {
    let cell = |unit: usize| {
        let trace = truth.trace(unit);
        let there: Vec<f64> = frames.iter().map(|t| trace.get(*t).copied().unwrap_or(0.0)).collect();
        (there, truth.spikes(unit).iter().sum())
    };
    let cells: Vec<(Vec<f64>, u32)> = (0..truth.n_units()).into_par_iter().map(cell).collect();
    let detectable = |unit: usize| truth.detectable().get(unit).copied().unwrap_or(true);
    let mut light = vec![0.0; frames.len()];
    for (_, (there, _)) in cells.iter().enumerate().filter(|(unit, _)| detectable(*unit)) {
        light.iter_mut().zip(there).for_each(|(sum, c)| *sum += c);
    }
    (light, cells.into_iter().map(|(_, n)| n).collect())
}
