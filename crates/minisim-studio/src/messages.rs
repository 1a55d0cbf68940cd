//! Everything that the page and the engine say to each other.
//!
//! This file is the only declaration of these messages: `cargo xtask codegen` writes `web/src/messages.ts` from it. It therefore
//! uses plain forms only: structs with named fields, enums whose variants are empty, wrap one struct, or have named fields, and
//! the serde attributes `tag`, `rename_all = "snake_case"`, `default`, `flatten` and `deny_unknown_fields`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// A JSON object, such as a spec.
pub(crate) type Dict = Map<String, Json>;
/// A JSON schema with the parts that the page reads.
pub(crate) type Schema = Json;

/// What a page asks for.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    /// Show this configuration.
    Show { seq: u64, spec: Json, view: View },
    /// Everything about a cell of the scene that is shown.
    Cell { unit: usize },
    /// The figure of a chapter of the tour for these values of its sliders.
    Tour { seq: u64, chapter: String, values: Vec<f64> },
    /// Decay and rise times with this time to peak and width.
    Kinetics { t_peak_s: f64, fwhm_s: f64 },
    /// Write a recording.
    Generate { spec: Json, order: Order },
    /// Give a recording up.
    Cancel { job: u64 },
    /// Forget finished recordings.
    Tidy,
}

/// What the page looks at.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct View {
    /// The stage shown; the observed film if none.
    #[serde(default)]
    pub stage: Option<String>,
    /// Where in the recording the film shown begins (s).
    #[serde(default)]
    pub from_s: f64,
    /// Length of the film shown (s).
    #[serde(default)]
    pub seconds: f64,
    /// The panel in front: `anatomy`, `activity` or `generate`.
    #[serde(default)]
    pub panel: String,
    /// Whether single frames are wanted besides the projection.
    #[serde(default)]
    pub frames: bool,
    /// Whether it is wanted how well the best method could tell the cells apart.
    #[serde(default)]
    pub bounds: bool,
}

/// Where to write a recording, and how.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// Folder below the studio's own; empty for that one.
    #[serde(default)]
    pub folder: String,
    /// Name without its ending.
    pub name: String,
    /// Name of a format.
    pub format: String,
    /// Replace what is there.
    #[serde(default)]
    pub overwrite: bool,
}

/// A text message to the page.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Answer {
    /// The first message.
    Hello(Box<Hello>),
    /// The configuration can be simulated.
    Valid(Valid),
    /// The configuration cannot be simulated.
    Invalid(Invalid),
    /// Cells, readouts and the side view.
    Scene(SceneFacts),
    /// How well the best method could tell the cells of that scene apart.
    Bounds(BoundsFacts),
    /// The activity panel.
    Activity(ActivityFacts),
    /// The cell that was asked for.
    Cell(CellFacts),
    /// Values of fields that give the kinetics that were asked for.
    Kinetics(Kinetics),
    /// All recordings that are written, wait, or are done.
    Jobs(JobList),
    /// A request could not be carried out.
    Error(Complaint),
}

/// The header of a binary message, whose pixels follow it.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum PictureHeader {
    /// Followed by the largest value of each pixel, 32-bit floats.
    Projection(ProjectionHeader),
    /// Followed by one byte a pixel.
    Frame(FrameHeader),
    /// Followed by the pixels of its pictures one after the other, 32-bit floats.
    Tour(FigureHeader),
}

/// What a page must know before it can show anything.
#[derive(Debug, Serialize)]
pub(crate) struct Hello {
    pub version: String,
    /// The schema of a spec.
    pub schema: Schema,
    pub presets: Vec<Preset>,
    /// From sparse to dense.
    pub activity_levels: Vec<ActivityLevel>,
    /// The chapters of the tour, without their figures.
    pub tour: Vec<Chapter>,
    /// The configuration that a page shows first.
    pub spec: Dict,
    /// The folder that recordings are written to.
    pub folder: String,
    /// The first is the usual one.
    pub formats: Vec<FileFormat>,
    pub threads: usize,
    /// Free memory, where the system says so.
    pub memory_bytes: Option<f64>,
    /// What "detectable" says, and what it does not.
    pub detectable_means: String,
}

/// A configuration to start from.
#[derive(Debug, Serialize)]
pub(crate) struct Preset {
    pub title: String,
    pub spec: Dict,
}

/// A level of neural activity: values of fields of a step.
#[derive(Debug, Serialize)]
pub(crate) struct ActivityLevel {
    pub name: String,
    /// The step's kind.
    pub step: String,
    pub values: BTreeMap<String, f64>,
}

/// A slider of the tour.
#[derive(Debug, Serialize)]
pub(crate) struct Knob {
    pub label: String,
    pub unit: String,
    pub min: f64,
    pub max: f64,
    pub step: f64,
    pub start: f64,
}

/// A chapter of the tour: one effect, explained.
#[derive(Debug, Serialize)]
pub(crate) struct Chapter {
    pub name: String,
    pub title: String,
    pub text: String,
    pub question: String,
    pub answer: String,
    pub knobs: Vec<Knob>,
}

/// A format that recordings can be written in.
#[derive(Debug, Serialize)]
pub(crate) struct FileFormat {
    pub name: String,
    /// What it is for.
    pub about: String,
    /// Ending of its files, without the point.
    pub suffix: String,
    /// Whether the ground truth is in it.
    pub has_truth: bool,
}

/// A configuration that can be simulated.
#[derive(Debug, Serialize)]
pub(crate) struct Valid {
    pub seq: u64,
    /// The configuration in its canonical form.
    pub spec: Dict,
    pub cache_key: String,
    pub warnings: Vec<SpecFinding>,
    pub cost: RecordingCost,
}

/// What is wrong with a configuration.
#[derive(Debug, Serialize)]
pub(crate) struct Invalid {
    pub seq: u64,
    pub findings: Vec<SpecFinding>,
}

/// An error or a warning about a field.
#[derive(Debug, Serialize)]
pub(crate) struct SpecFinding {
    /// `error` or `warning`.
    pub severity: String,
    /// Where the field is in the spec.
    pub path: String,
    pub rule: String,
    pub remedy: String,
    /// All of it in a sentence.
    pub message: String,
}

/// What writing the recording takes.
#[derive(Debug, Serialize)]
pub(crate) struct RecordingCost {
    pub n_frames: f64,
    pub n_cells: f64,
    pub memory_bytes: f64,
    /// The film as an array in memory.
    pub movie_bytes: f64,
    pub disk_bytes: f64,
    /// The most that each format takes on the disk, by its name.
    pub bytes_by_format: BTreeMap<String, f64>,
}

/// A projection of the film, and what was measured on the way.
#[derive(Debug, Serialize)]
pub(crate) struct ProjectionHeader {
    pub seq: u64,
    /// Of the first frames only; the whole one follows.
    pub partial: bool,
    /// (height, width) px.
    pub shape: [usize; 2],
    /// Frames of the film shown.
    pub n_frames: usize,
    /// The first of them in the recording.
    pub first_frame: usize,
    /// Frames of the whole recording.
    pub recording_frames: usize,
    pub fps: f64,
    pub stage: Option<String>,
    pub low: f32,
    pub high: f32,
    /// The largest count that the sensor can give; none if the stage has no counts.
    pub max_count: Option<u64>,
    /// Share of all pixels with the largest count.
    pub saturated: Option<f64>,
    pub histogram: Option<Histogram>,
    pub frames_per_s: f64,
    /// Time since the request came (ms).
    pub engine_ms: f64,
    /// Time that building the scene took (ms).
    pub scene_ms: f64,
}

/// Pixels of the first frame shown, in equal bins from `low` to `high`.
#[derive(Debug, Serialize)]
pub(crate) struct Histogram {
    pub low: f32,
    pub high: f32,
    pub bins: Vec<u32>,
}

/// A frame of the film shown.
#[derive(Debug, Serialize)]
pub(crate) struct FrameHeader {
    pub seq: u64,
    /// Its number within the film shown.
    pub t: usize,
    /// (height, width) px.
    pub shape: [usize; 2],
    /// Value of byte 0.
    pub low: f32,
    /// Value of byte 255.
    pub high: f32,
}

/// Cells, readouts and the side view. Detectability is that of the first minute.
#[derive(Debug, Serialize)]
pub(crate) struct SceneFacts {
    pub seq: u64,
    pub fov_um: [f64; 2],
    pub fov_px: [usize; 2],
    pub pixel_um: f64,
    pub expected_cells: f64,
    pub placed: usize,
    pub detectable: usize,
    pub in_focus: usize,
    pub focal_depth_um: Option<f64>,
    pub depth_of_field_um: f64,
    /// Points (lateral position, depth) of the focal surface (µm).
    pub focal_curve: Option<Vec<[f64; 2]>>,
    /// Depths from which to which the populations reach (µm).
    pub bands_um: Vec<[f64; 2]>,
    /// Depth and radius of the root of each layer of vessels (µm).
    pub vessels_um: Vec<[f64; 2]>,
    /// Pixels at the vessels' edge: row, column, row, column, …
    pub vessel_edge: Option<Vec<u16>>,
    /// Shifts of the film shown: down, right, down, right, … (px).
    pub path_px: Option<Vec<f64>>,
    /// How the tissue is displaced during the film shown; none if it is at rest.
    pub displacement: Option<DisplacementFacts>,
    /// What changes over time for all cells alike.
    pub courses: Vec<CourseFacts>,
    pub stages: Vec<String>,
    pub cells: Vec<Cell>,
    pub warnings: Vec<SpecFinding>,
}

/// Displacements of some places of the picture during the film shown: to where they are seen from where they lie at rest.
#[derive(Debug, Serialize)]
pub(crate) struct DisplacementFacts {
    /// The places: row, column, row, column, … (px)
    pub at_px: Vec<f32>,
    /// The displacement of the picture as a whole, frame by frame: down, right, down, right, … (px)
    pub whole_px: Vec<f32>,
    /// What each place is displaced by beyond that, place by place within each frame: down, right, … (px); none where that is nothing.
    pub beyond_px: Option<Vec<f32>>,
}

/// Something that changes over time, during the film shown.
#[derive(Debug, Serialize)]
pub(crate) struct CourseFacts {
    pub label: String,
    /// Empty for a number without one.
    pub unit: String,
    /// A sentence about it.
    pub about: String,
    /// One or several curves, of one value a frame each.
    pub curves: Vec<Vec<f32>>,
}

/// How well the best method could tell the cells apart, in the first minute.
#[derive(Debug, Serialize)]
pub(crate) struct BoundsFacts {
    pub seq: u64,
    /// Cell by cell, its largest transient over the least error that its trace can have in a frame.
    pub demixing_snr: Vec<f64>,
    /// From here on a cell can be told from its neighbours.
    pub snr_needed: f64,
    /// How many can.
    pub demixable: usize,
}

/// A cell in the picture.
#[derive(Debug, Serialize)]
pub(crate) struct Cell {
    /// Its centre on the field of view (px).
    pub row: f64,
    pub col: f64,
    pub depth_um: f64,
    pub detectable: bool,
    pub in_focus: bool,
    pub snr: Option<f64>,
    /// Distance of its outline from its centre in tenths of a pixel, direction by direction from the right, clockwise.
    pub outline: Vec<u16>,
}

/// A cell's clean trace and its spikes.
#[derive(Debug, Serialize)]
pub(crate) struct Trace {
    pub unit: usize,
    /// Fluorescence, frame by frame.
    pub c: Vec<f32>,
    /// Frames with spikes, and how many.
    pub spikes: Vec<[u32; 2]>,
}

/// The activity panel: the busiest cells of the first minute, and the calcium kernel.
#[derive(Debug, Serialize)]
pub(crate) struct ActivityFacts {
    pub seq: u64,
    pub fps: f64,
    pub n_frames: usize,
    pub n_cells: usize,
    pub cells: Vec<Trace>,
    pub kernel: Vec<f32>,
    /// Points of the kernel a second.
    pub kernel_hz: f64,
    pub t_peak_s: f64,
    pub fwhm_s: f64,
    pub spikes_per_cell_min: f64,
    pub bursts_per_cell_min: f64,
    pub engine_ms: f64,
}

/// Everything about a cell, over the first minute.
#[derive(Debug, Serialize)]
pub(crate) struct CellFacts {
    #[serde(flatten)]
    pub trace: Trace,
    pub depth_um: f64,
    pub sigma_px: Option<f64>,
    pub gain: Option<f64>,
    pub snr: Option<f64>,
    pub snr_needed: f64,
    pub vessel_share: Option<f64>,
    pub amplitude: Option<f64>,
    pub detectable: bool,
    pub in_focus: bool,
    /// Why it is, or is not, detectable; in words.
    pub why: String,
    pub fps: f64,
}

/// Values of fields by name.
#[derive(Debug, Serialize)]
pub(crate) struct Kinetics {
    pub values: BTreeMap<String, f64>,
}

/// Recordings, the oldest first.
#[derive(Debug, Serialize)]
pub(crate) struct JobList {
    pub jobs: Vec<JobFacts>,
}

/// A recording that was ordered.
#[derive(Debug, Serialize)]
pub(crate) struct JobFacts {
    pub id: u64,
    pub path: String,
    pub format: String,
    pub duration_s: f64,
    #[serde(flatten)]
    pub state: JobState,
}

/// How far a recording has come.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum JobState {
    Waiting,
    Running(Progress),
    Done { result: WrittenFacts },
    Failed { message: String },
    Cancelled,
}

/// A recording that is being written.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Progress {
    pub phase: Phase,
    pub done: usize,
    pub n_frames: usize,
    pub frames_per_s: f64,
    pub left_s: Option<f64>,
}

/// What is being done for a recording.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    Building,
    Frames,
    Finishing,
}

/// A recording that was written.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct WrittenFacts {
    pub path: String,
    pub bytes: u64,
    pub n_cells: usize,
    pub n_detectable: usize,
    pub seconds: f64,
    /// A line of Python that opens it.
    pub python: String,
}

/// Why a request could not be carried out.
#[derive(Debug, Serialize)]
pub(crate) struct Complaint {
    pub message: String,
}

/// A chapter's figure.
#[derive(Debug, Serialize)]
pub(crate) struct FigureHeader {
    pub seq: u64,
    pub chapter: String,
    pub caption: String,
    pub panels: Vec<FigurePanel>,
    pub quantities: Vec<NamedQuantity>,
}

/// A picture or a plot.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum FigurePanel {
    Image(ImagePanel),
    Plot(PlotPanel),
}

/// A picture of the tour.
#[derive(Debug, Serialize)]
pub(crate) struct ImagePanel {
    pub title: String,
    /// (height, width) px.
    pub shape: [usize; 2],
    /// Value shown as black.
    pub low: f32,
    /// Value shown as white.
    pub high: f32,
    pub pixel_um: f64,
    pub marks: Vec<Circle>,
}

/// A circle over a picture.
#[derive(Debug, Serialize)]
pub(crate) struct Circle {
    pub row: f64,
    pub col: f64,
    pub radius: f64,
    pub label: String,
}

/// Curves over a common axis.
#[derive(Debug, Serialize)]
pub(crate) struct PlotPanel {
    pub title: String,
    /// What runs along, with its unit.
    pub x: String,
    /// What runs up, with its unit.
    pub y: String,
    pub series: Vec<Curve>,
}

/// A curve.
#[derive(Debug, Serialize)]
pub(crate) struct Curve {
    pub label: String,
    /// Points (x, y).
    pub points: Vec<[f32; 2]>,
}

/// What a number is, and the number with its unit.
#[derive(Debug, Serialize)]
pub(crate) struct NamedQuantity {
    pub label: String,
    pub text: String,
}

impl From<&minisim::Finding> for SpecFinding {
    fn from(f: &minisim::Finding) -> Self {
        Self {
            severity: f.severity.name().to_owned(),
            path: f.path.clone(),
            rule: f.rule.clone(),
            remedy: f.remedy.clone(),
            message: f.message.clone(),
        }
    }
}
