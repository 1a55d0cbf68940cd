//! `minisim picture`: a labelled contact sheet of a recording, or of what a spec would give.

mod axes;
pub(crate) mod contour;
mod draw;
pub(crate) mod figure;
pub(crate) mod scale;
mod sheet;

use std::path::{Path, PathBuf};

use minisim::{GroundTruth, Scene, Spec, render};
use minisim_io::Reader;

use crate::{
    exit::{Failure, print},
    input,
};

/// Frames looked at, evenly over the film: enough for a projection, few enough for an hour of film.
const MAX_FRAMES: usize = 120;
/// Pixel values kept for the histogram.
const MAX_VALUES: usize = 2_000_000;

/// Arguments of `minisim picture`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minisim picture v4-ca1.zarr -o v4-ca1.png
  minisim picture mine.json -o preview.png       what the spec would give; no recording is written

The sheet shows a frame, the maximum projection with the outlines of the true cells, the traces of the most active cells with
their spikes, the path of the brain, the static fields and a histogram of the pixel values. The projection and the histogram
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
    print(&format!("{}\n", output.display()))
}

/// Draws the recording at `recording`.
pub(crate) fn draw_recording(recording: &Path, output: &Path, force: bool) -> Result<(), Failure> {
    let reader = Reader::open(recording).map_err(Failure::run)?;
    reader.warnings().iter().for_each(|w| eprintln!("warning: {w}"));
    let truth = reader.ground_truth().map_err(Failure::run)?;
    Film::of_recording(&reader, recording, truth)?.write(output, force)
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
    let film = Film::gather(title(path), spec.clone(), scene.ground_truth(None), shape, |t| {
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
pub(crate) struct Film {
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
}

impl Film {
    /// Looks at the film of a recording; `truth` is its own.
    pub(crate) fn of_recording(reader: &Reader, path: &Path, truth: GroundTruth) -> Result<Self, Failure> {
        Self::gather(title(path), reader.spec().clone(), truth, reader.shape(), |t| {
            Ok(reader.frames(t..t + 1).map_err(Failure::run)?.frame(0))
        })
    }

    /// The maximum projection as a grey PNG, one pixel a pixel, and its (height, width).
    pub(crate) fn projection_png(&self) -> Result<(Vec<u8>, [usize; 2]), String> {
        let [_, height, width] = self.shape;
        Ok((sheet::grey_png(&self.projection, [height, width])?, [height, width]))
    }

    /// Looks at a film through `fetch`, which yields one frame.
    fn gather(
        title: String,
        spec: Spec,
        truth: GroundTruth,
        shape: [usize; 3],
        mut fetch: impl FnMut(usize) -> Result<Vec<f32>, Failure>,
    ) -> Result<Self, Failure> {
        let [n_frames, height, width] = shape;
        let n_seen = n_frames.min(MAX_FRAMES);
        let seen: Vec<usize> = (0..n_seen).map(|i| (2 * i + 1) * n_frames / (2 * n_seen)).collect();
        let liveliest = seen.iter().copied().max_by(|a, b| light_at(&truth, *a).total_cmp(&light_at(&truth, *b)));
        let shifts = truth.f64s("shifts").unwrap_or_default();
        let mut projection = vec![f32::NAN; height * width];
        let mut frame = None;
        let mut values: Vec<f32> = Vec::new();
        let stride = (n_seen * height * width / MAX_VALUES).max(1);
        for t in seen {
            let pixels = fetch(t)?;
            // Content moved by (dy, dx) is brought back by whole pixels; finer would blur the noise.
            let shift = |axis: usize| shifts.get(2 * t + axis).map_or(0, |s| s.round() as isize);
            let (dy, dx) = (shift(0), shift(1));
            for (r, row) in projection.chunks_exact_mut(width).enumerate() {
                let Some(from) = r.checked_add_signed(dy).filter(|r| *r < height) else { continue };
                for (c, out) in row.iter_mut().enumerate() {
                    if let Some(c) = c.checked_add_signed(dx).filter(|c| *c < width) {
                        *out = out.max(pixels[from * width + c]);
                    }
                }
            }
            // Another offset in every frame, so that no column is favoured.
            values.extend(pixels.iter().skip(t % stride).step_by(stride));
            if Some(t) == liveliest {
                frame = Some((t, pixels));
            }
        }
        // A run may have stopped before its sensor; counts are whole, intensities are not.
        let digitised = spec.has("sensor") && values.iter().all(|v| v.fract() == 0.0) && !values.is_empty();
        let max_count = digitised.then(|| spec.acquisition.image_sensor.max_count());
        Ok(Self { title, spec, truth, shape, frame, projection, n_seen, values, max_count })
    }

    fn write(&self, output: &Path, force: bool) -> Result<(), Failure> {
        let png = sheet::draw(self).map_err(Failure::Run)?;
        minisim_io::write_file(output, &png, force).map_err(Failure::run)?;
        Ok(())
    }
}

/// Sum of the traces of the detectable cells in a frame.
fn light_at(truth: &GroundTruth, t: usize) -> f64 {
    let n = truth.array("C").map_or(0, |c| c.shape[1]);
    if t >= n {
        return 0.0;
    }
    let detectable = truth.detectable().iter().chain(std::iter::repeat(&true));
    truth.c().chunks_exact(n).zip(detectable).filter(|(_, d)| **d).map(|(c, _)| c[t]).sum()
}
