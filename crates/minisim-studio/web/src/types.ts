// Messages between the page and an engine, and the parts of a JSON schema that the page reads.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Dict = { [key: string]: Json };
/** Where a value is in the spec. */
export type Path = (string | number)[];

export interface Hint {
  min?: number;
  max?: number;
  step?: number;
  start?: number;
  group?: string;
  label?: string;
  /** Shown among the first, not under "more". */
  prominent?: boolean;
  panel?: string;
  title?: string;
  order?: number;
  /** The field that switches a step. */
  switch?: string;
  /** A list that must not be empty for a step to show anything. */
  list?: string;
}

export interface Schema {
  title?: string;
  description?: string;
  type?: string;
  $ref?: string;
  const?: Json;
  enum?: Json[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  minItems?: number;
  maxItems?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  default?: Json;
  "x-unit"?: string;
  "x-ui"?: Hint;
  $defs?: Record<string, Schema>;
}

export interface Preset {
  title: string;
  spec: Dict;
}

export interface ActivityLevel {
  name: string;
  step: string;
  values: Record<string, number>;
}

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

export interface ImagePanel {
  kind: "image";
  title: string;
  shape: [number, number];
  low: number;
  high: number;
  pixel_um: number;
  marks: { row: number; col: number; radius: number; label: string }[];
  data: Float32Array;
}

export interface PlotPanel {
  kind: "plot";
  title: string;
  x: string;
  y: string;
  series: { label: string; points: [number, number][] }[];
}

export interface Figure {
  seq: number;
  chapter: string;
  caption: string;
  panels: (ImagePanel | PlotPanel)[];
  /** What it is, and the number with its unit. */
  quantities: [string, string][];
}

export interface Hello {
  version: string;
  schema: Schema;
  presets: Preset[];
  activity_levels: ActivityLevel[];
  tour: Chapter[];
  spec: Dict;
  folder: string;
  /** Name, description, ending, whether the truth is in it. */
  formats: [string, string, string, boolean][];
  threads: number;
  memory_bytes: number | null;
  /** What "detectable" says, and what it does not. */
  detectable_means: string;
}

export interface View {
  stage: string | null;
  seconds: number;
  panel: string;
  frames: boolean;
}

export interface Finding {
  path: string;
  message: string;
  rule: string;
  remedy: string;
  severity: string;
}

export interface Cost {
  n_frames: number;
  n_cells: number;
  memory_bytes: number;
  movie_bytes: number;
  disk_bytes: number;
  /** The most that each format takes on the disk. */
  bytes_by_format: Record<string, number>;
}

export interface Histogram {
  low: number;
  high: number;
  bins: number[];
}

export interface Projection {
  seq: number;
  /** Of the first frames only; the whole one follows. */
  partial: boolean;
  shape: [number, number];
  n_frames: number;
  fps: number;
  stage: string | null;
  low: number;
  high: number;
  max_count: number | null;
  saturated: number | null;
  histogram: Histogram | null;
  frames_per_s: number;
  engine_ms: number;
  scene_ms: number;
  data: Float32Array;
}

export interface Frame {
  seq: number;
  t: number;
  shape: [number, number];
  low: number;
  high: number;
  data: Uint8Array;
}

/** Row, column, depth (µm), detectable, in focus, SNR, blur (px), outline (tenths of a pixel). */
export type Cell = [number, number, number, number, number, number | null, number | null, number[]];

export interface Scene {
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
  focal_curve: [number, number][] | null;
  bands_um: [number, number][];
  vessels_um: [number, number][];
  vessel_edge: number[] | null;
  path_px: number[] | null;
  stages: string[];
  cells: Cell[];
  warnings: Finding[];
}

export interface Trace {
  unit: number;
  c: number[];
  spikes: [number, number][];
}

export interface Activity {
  seq: number;
  fps: number;
  n_frames: number;
  n_cells: number;
  cells: Trace[];
  kernel: number[];
  kernel_hz: number;
  t_peak_s: number;
  fwhm_s: number;
  spikes_per_cell_min: number;
  bursts_per_cell_min: number;
  engine_ms: number;
}

export interface CellInfo extends Trace {
  depth_um: number;
  sigma_px: number | null;
  gain: number | null;
  snr: number | null;
  vessel_share: number | null;
  amplitude: number | null;
  detectable: boolean;
  in_focus: boolean;
  why: string;
  fps: number;
}

export interface Job {
  id: number;
  path: string;
  format: string;
  duration_s: number;
  state: "waiting" | "running" | "done" | "failed" | "cancelled";
  phase?: string;
  done?: number;
  n_frames?: number;
  frames_per_s?: number;
  left_s?: number | null;
  message?: string;
  result?: { path: string; bytes: number; n_cells: number; n_detectable: number; seconds: number; python: string };
}

export interface Order {
  folder: string;
  name: string;
  format: string;
  overwrite: boolean;
}

/** What an engine tells the page. */
export interface Events {
  hello(hello: Hello): void;
  valid(seq: number, spec: Dict, warnings: Finding[], cost: Cost): void;
  invalid(seq: number, findings: Finding[]): void;
  projection(projection: Projection): void;
  frame(frame: Frame): void;
  scene(scene: Scene): void;
  activity(activity: Activity): void;
  cell(cell: CellInfo): void;
  /** Values of fields that give the kinetics that were asked for. */
  kinetics(values: Record<string, number>): void;
  tour(figure: Figure): void;
  jobs(jobs: Job[]): void;
  error(message: string): void;
  /** The engine went away, or came back. */
  connected(yes: boolean): void;
}

/** Whoever simulates for the page: a server, or the page itself. */
export interface Engine {
  show(seq: number, spec: Dict, view: View): void;
  cell(unit: number): void;
  tour(seq: number, chapter: string, values: number[]): void;
  kinetics(t_peak_s: number, fwhm_s: number): void;
  generate(spec: Dict, order: Order): void;
  cancel(job: number): void;
  tidy(): void;
}
