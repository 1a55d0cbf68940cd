// Written by `cargo xtask codegen` from `crates/minisim-studio/src/messages.rs`: do not edit.

import type { Dict, Json, Schema } from "./types";

/** What a page asks for. */
export type Request =
  /** Show this configuration. */
  | { type: "show"; seq: number; spec: Json; view: View }
  /** Everything about a cell of the scene that is shown. */
  | { type: "cell"; unit: number }
  /** The figure of a chapter of the tour for these values of its sliders. */
  | { type: "tour"; seq: number; chapter: string; values: number[] }
  /** Decay and rise times with this time to peak and width. */
  | { type: "kinetics"; t_peak_s: number; fwhm_s: number }
  /** Write a recording. */
  | { type: "generate"; spec: Json; order: Order }
  /** Give a recording up. */
  | { type: "cancel"; job: number }
  /** Forget finished recordings. */
  | { type: "tidy" };

/** What the page looks at. */
export interface View {
  /** The stage shown; the observed film if none. */
  stage: string | null;
  /** Where in the recording the film shown begins (s). */
  from_s: number;
  /** Length of the film shown (s). */
  seconds: number;
  /** The panel in front: `anatomy`, `activity` or `generate`. */
  panel: string;
  /** Whether single frames are wanted besides the projection. */
  frames: boolean;
  /** Whether it is wanted how well the best method could tell the cells apart. */
  bounds: boolean;
}

/** Where to write a recording, and how. */
export interface Order {
  /** Folder below the studio's own; empty for that one. */
  folder: string;
  /** Name without its ending. */
  name: string;
  /** Name of a format. */
  format: string;
  /** Replace what is there. */
  overwrite: boolean;
}

/** A text message to the page. */
export type Answer =
  /** The first message. */
  | ({ type: "hello" } & Hello)
  /** The configuration can be simulated. */
  | ({ type: "valid" } & Valid)
  /** The configuration cannot be simulated. */
  | ({ type: "invalid" } & Invalid)
  /** Cells, readouts and the side view. */
  | ({ type: "scene" } & SceneFacts)
  /** How well the best method could tell the cells of that scene apart. */
  | ({ type: "bounds" } & BoundsFacts)
  /** The activity panel. */
  | ({ type: "activity" } & ActivityFacts)
  /** The cell that was asked for. */
  | ({ type: "cell" } & CellFacts)
  /** Values of fields that give the kinetics that were asked for. */
  | ({ type: "kinetics" } & Kinetics)
  /** All recordings that are written, wait, or are done. */
  | ({ type: "jobs" } & JobList)
  /** A request could not be carried out. */
  | ({ type: "error" } & Complaint);

/** The header of a binary message, whose pixels follow it. */
export type PictureHeader =
  /** Followed by the largest value of each pixel, 32-bit floats. */
  | ({ type: "projection" } & ProjectionHeader)
  /** Followed by one byte a pixel. */
  | ({ type: "frame" } & FrameHeader)
  /** Followed by the pixels of its pictures one after the other, 32-bit floats. */
  | ({ type: "tour" } & FigureHeader);

/** What a page must know before it can show anything. */
export interface Hello {
  version: string;
  /** The schema of a spec. */
  schema: Schema;
  presets: Preset[];
  /** From sparse to dense. */
  activity_levels: ActivityLevel[];
  /** The chapters of the tour, without their figures. */
  tour: Chapter[];
  /** The configuration that a page shows first. */
  spec: Dict;
  /** The folder that recordings are written to. */
  folder: string;
  /** The first is the usual one. */
  formats: FileFormat[];
  threads: number;
  /** Free memory, where the system says so. */
  memory_bytes: number | null;
  /** What "detectable" says, and what it does not. */
  detectable_means: string;
}

/** A configuration to start from. */
export interface Preset {
  title: string;
  spec: Dict;
}

/** A level of neural activity: values of fields of a step. */
export interface ActivityLevel {
  name: string;
  /** The step's kind. */
  step: string;
  values: Record<string, number>;
}

/** A slider of the tour. */
export interface Knob {
  label: string;
  unit: string;
  min: number;
  max: number;
  step: number;
  start: number;
}

/** A chapter of the tour: one effect, explained. */
export interface Chapter {
  name: string;
  title: string;
  text: string;
  question: string;
  answer: string;
  knobs: Knob[];
}

/** A format that recordings can be written in. */
export interface FileFormat {
  name: string;
  /** What it is for. */
  about: string;
  /** Ending of its files, without the point. */
  suffix: string;
  /** Whether the ground truth is in it. */
  has_truth: boolean;
}

/** A configuration that can be simulated. */
export interface Valid {
  seq: number;
  /** The configuration in its canonical form. */
  spec: Dict;
  cache_key: string;
  warnings: SpecFinding[];
  cost: RecordingCost;
}

/** What is wrong with a configuration. */
export interface Invalid {
  seq: number;
  findings: SpecFinding[];
}

/** An error or a warning about a field. */
export interface SpecFinding {
  /** `error` or `warning`. */
  severity: string;
  /** Where the field is in the spec. */
  path: string;
  rule: string;
  remedy: string;
  /** All of it in a sentence. */
  message: string;
}

/** What writing the recording takes. */
export interface RecordingCost {
  n_frames: number;
  n_cells: number;
  memory_bytes: number;
  /** The film as an array in memory. */
  movie_bytes: number;
  disk_bytes: number;
  /** The most that each format takes on the disk, by its name. */
  bytes_by_format: Record<string, number>;
}

/** A projection of the film, and what was measured on the way. */
export interface ProjectionHeader {
  seq: number;
  /** Of the first frames only; the whole one follows. */
  partial: boolean;
  /** (height, width) px. */
  shape: [number, number];
  /** Frames of the film shown. */
  n_frames: number;
  /** The first of them in the recording. */
  first_frame: number;
  /** Frames of the whole recording. */
  recording_frames: number;
  fps: number;
  stage: string | null;
  low: number;
  high: number;
  /** The largest count that the sensor can give; none if the stage has no counts. */
  max_count: number | null;
  /** Share of all pixels with the largest count. */
  saturated: number | null;
  histogram: Histogram | null;
  frames_per_s: number;
  /** Time since the request came (ms). */
  engine_ms: number;
  /** Time that building the scene took (ms). */
  scene_ms: number;
}

/** Pixels of the first frame shown, in equal bins from `low` to `high`. */
export interface Histogram {
  low: number;
  high: number;
  bins: number[];
}

/** A frame of the film shown. */
export interface FrameHeader {
  seq: number;
  /** Its number within the film shown. */
  t: number;
  /** (height, width) px. */
  shape: [number, number];
  /** Value of byte 0. */
  low: number;
  /** Value of byte 255. */
  high: number;
}

/** Cells, readouts and the side view. Detectability is that of the first minute. */
export interface SceneFacts {
  seq: number;
  fov_um: [number, number];
  fov_px: [number, number];
  pixel_um: number;
  expected_cells: number;
  placed: number;
  detectable: number;
  in_focus: number;
  focal_depth_um: number | null;
  depth_of_field_um: number;
  /** Points (lateral position, depth) of the focal surface (µm). */
  focal_curve: [number, number][] | null;
  /** Depths from which to which the populations reach (µm). */
  bands_um: [number, number][];
  /** Depth and radius of the root of each layer of vessels (µm). */
  vessels_um: [number, number][];
  /** Pixels at the vessels' edge: row, column, row, column, … */
  vessel_edge: number[] | null;
  /** Shifts of the film shown: down, right, down, right, … (px). */
  path_px: number[] | null;
  /** How the tissue is displaced during the film shown; none if it is at rest. */
  displacement: DisplacementFacts | null;
  /** What changes over time for all cells alike. */
  courses: CourseFacts[];
  stages: string[];
  cells: Cell[];
  warnings: SpecFinding[];
}

/** Displacements of some places of the picture during the film shown: to where they are seen from where they lie at rest. */
export interface DisplacementFacts {
  /** The places: row, column, row, column, … (px) */
  at_px: number[];
  /** The displacement of the picture as a whole, frame by frame: down, right, down, right, … (px) */
  whole_px: number[];
  /** What each place is displaced by beyond that, place by place within each frame: down, right, … (px); none where that is nothing. */
  beyond_px: number[] | null;
}

/** Something that changes over time, during the film shown. */
export interface CourseFacts {
  label: string;
  /** Empty for a number without one. */
  unit: string;
  /** A sentence about it. */
  about: string;
  /** One or several curves, of one value a frame each. */
  curves: number[][];
}

/** How well the best method could tell the cells apart, in the first minute. */
export interface BoundsFacts {
  seq: number;
  /** Cell by cell, its largest transient over the least error that its trace can have in a frame. */
  demixing_snr: number[];
  /** From here on a cell can be told from its neighbours. */
  snr_needed: number;
  /** How many can. */
  demixable: number;
}

/** A cell in the picture. */
export interface Cell {
  /** Its centre on the field of view (px). */
  row: number;
  col: number;
  depth_um: number;
  detectable: boolean;
  in_focus: boolean;
  snr: number | null;
  /** Distance of its outline from its centre in tenths of a pixel, direction by direction from the right, clockwise. */
  outline: number[];
}

/** A cell's clean trace and its spikes. */
export interface Trace {
  unit: number;
  /** Fluorescence, frame by frame. */
  c: number[];
  /** Frames with spikes, and how many. */
  spikes: [number, number][];
}

/** The activity panel: the busiest cells of the first minute, and the calcium kernel. */
export interface ActivityFacts {
  seq: number;
  fps: number;
  n_frames: number;
  n_cells: number;
  cells: Trace[];
  kernel: number[];
  /** Points of the kernel a second. */
  kernel_hz: number;
  t_peak_s: number;
  fwhm_s: number;
  spikes_per_cell_min: number;
  bursts_per_cell_min: number;
  engine_ms: number;
}

/** Everything about a cell, over the first minute. */
export type CellFacts = Trace & {
  depth_um: number;
  sigma_px: number | null;
  gain: number | null;
  snr: number | null;
  snr_needed: number;
  vessel_share: number | null;
  amplitude: number | null;
  detectable: boolean;
  in_focus: boolean;
  /** Why it is, or is not, detectable; in words. */
  why: string;
  fps: number;
};

/** Values of fields by name. */
export interface Kinetics {
  values: Record<string, number>;
}

/** Recordings, the oldest first. */
export interface JobList {
  jobs: JobFacts[];
}

/** A recording that was ordered. */
export type JobFacts = JobState & {
  id: number;
  path: string;
  format: string;
  duration_s: number;
};

/** How far a recording has come. */
export type JobState =
  | { state: "waiting" }
  | ({ state: "running" } & Progress)
  | { state: "done"; result: WrittenFacts }
  | { state: "failed"; message: string }
  | { state: "cancelled" };

/** A recording that is being written. */
export interface Progress {
  phase: Phase;
  done: number;
  n_frames: number;
  frames_per_s: number;
  left_s: number | null;
}

/** What is being done for a recording. */
export type Phase =
  | "building"
  | "frames"
  | "finishing";

/** A recording that was written. */
export interface WrittenFacts {
  path: string;
  bytes: number;
  n_cells: number;
  n_detectable: number;
  seconds: number;
  /** A line of Python that opens it. */
  python: string;
}

/** Why a request could not be carried out. */
export interface Complaint {
  message: string;
}

/** A chapter's figure. */
export interface FigureHeader {
  seq: number;
  chapter: string;
  caption: string;
  panels: FigurePanel[];
  quantities: NamedQuantity[];
}

/** A picture or a plot. */
export type FigurePanel =
  | ({ kind: "image" } & ImagePanel)
  | ({ kind: "plot" } & PlotPanel);

/** A picture of the tour. */
export interface ImagePanel {
  title: string;
  /** (height, width) px. */
  shape: [number, number];
  /** Value shown as black. */
  low: number;
  /** Value shown as white. */
  high: number;
  pixel_um: number;
  marks: Circle[];
}

/** A circle over a picture. */
export interface Circle {
  row: number;
  col: number;
  radius: number;
  label: string;
}

/** Curves over a common axis. */
export interface PlotPanel {
  title: string;
  /** What runs along, with its unit. */
  x: string;
  /** What runs up, with its unit. */
  y: string;
  series: Curve[];
}

/** A curve. */
export interface Curve {
  label: string;
  /** Points (x, y). */
  points: [number, number][];
}

/** What a number is, and the number with its unit. */
export interface NamedQuantity {
  label: string;
  text: string;
}
