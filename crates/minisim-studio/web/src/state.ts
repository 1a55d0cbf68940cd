// One configuration, read and written by all panels, and what the engine last said of it.

import { batch, createEffect, createMemo, createRoot, createSignal, on } from "solid-js";
import { fromLink, toLink } from "./link";
import { get, groups, initial, pathText, place, resolver, set, type Group } from "./schema";
import { connect } from "./server";
import type { ActivityFacts, BoundsFacts, CellFacts, Hello, JobFacts, RecordingCost, SceneFacts, SpecFinding, View } from "./messages";
import type { Dict, Figure, Frame, Json, Path, Projection } from "./types";

/** Changes of one field within this time are one step of undo (ms). */
const ONE_CHANGE_MS = 700;
const MAX_UNDO = 200;
/** Begins the path of a step that is not in the spec. */
export const OFF = "off:";

export interface Pinned {
  projection: Projection;
  spec: Dict;
}

export const state = createRoot(() => {
  const [hello, setHello] = createSignal<Hello>();
  const [spec, setSpec] = createSignal<Dict>({ steps: [] });
  const [view, setView] = createSignal<View>({ stage: null, from_s: 0, seconds: 3, panel: new URLSearchParams(location.search).get("panel") ?? "anatomy", frames: false, bounds: false });
  const [connected, setConnected] = createSignal(true);
  const [findings, setFindings] = createSignal<SpecFinding[]>([]);
  const [warnings, setWarnings] = createSignal<SpecFinding[]>([]);
  const [cost, setCost] = createSignal<RecordingCost>();
  const [projection, setProjection] = createSignal<Projection>();
  const [scene, setScene] = createSignal<SceneFacts>();
  const [bounds, setBounds] = createSignal<BoundsFacts>();
  const [activity, setActivity] = createSignal<ActivityFacts>();
  const [cell, setCell] = createSignal<CellFacts>();
  const [selected, setSelected] = createSignal<number>();
  const [jobs, setJobs] = createSignal<JobFacts[]>([]);
  const [figure, setFigure] = createSignal<Figure>();
  const [message, setMessage] = createSignal("");
  const [pinned, setPinned] = createSignal<Pinned>();
  const [busy, setBusy] = createSignal(false);
  const [latency, setLatency] = createSignal<number>();
  const [frameCount, setFrameCount] = createSignal(0);
  /** Frames of the film; those of an older setting stay until the new ones come. */
  const frames: Frame[] = [];

  let seq = 0;
  let changedAt = 0;
  let timedSeq = 0;
  let requested = false;

  const engine = connect({
    connected: setConnected,
    hello: async (hello) => {
      const linked = await fromLink(location.hash);
      batch(() => {
        setHello(hello);
        // After a lost connection the page's own configuration is the newest.
        if ((spec().steps as Json[]).length === 0) setSpec(linked ?? hello.spec);
      });
      request();
    },
    valid: (answer) => {
      if (answer.seq !== seq) return;
      batch(() => {
        setSpec(answer.spec);
        setFindings([]);
        setWarnings(answer.warnings);
        setCost(answer.cost);
      });
    },
    invalid: (answer) => {
      if (answer.seq !== seq) return;
      batch(() => {
        setFindings(answer.findings);
        setBusy(false);
      });
    },
    projection: (p) => {
      if (p.seq !== seq) return;
      batch(() => {
        setProjection(p);
        if (!p.partial) setBusy(false);
        // How long the change took to show, first picture counted.
        if (seq !== timedSeq) setLatency(performance.now() - changedAt);
        timedSeq = seq;
      });
    },
    frame: (frame) => {
      if (frame.seq !== seq) return;
      frames[frame.t] = frame;
      setFrameCount((n) => n + 1);
    },
    scene: (s) => {
      if (s.seq !== seq) return;
      setScene(s);
      const unit = selected();
      if (unit !== undefined && unit < s.placed) engine.ask({ type: "cell", unit });
      else if (unit !== undefined) select(undefined);
    },
    bounds: (b) => b.seq === seq && setBounds(b),
    activity: (a) => a.seq === seq && setActivity(a),
    cell: (c) => c.unit === selected() && setCell(c),
    kinetics: ({ values }) => kineticsWanted?.(values),
    tour: setFigure,
    jobs: ({ jobs }) => setJobs(jobs),
    error: ({ message }) => setMessage(message),
  });
  let kineticsWanted: ((values: Record<string, number>) => void) | undefined;

  /** Asks for the picture of the current configuration; at most once a screen refresh. */
  function request() {
    // The tour shows settings of its own.
    if (requested || view().panel === "tour") return;
    requested = true;
    changedAt = performance.now();
    setBusy(true);
    queueMicrotask(() => {
      requested = false;
      seq += 1;
      engine.ask({ type: "show", seq, spec: spec(), view: view() });
    });
  }

  // Undo and redo.
  const [past, setPast] = createSignal<Dict[]>([]);
  const [future, setFuture] = createSignal<Dict[]>([]);
  let last = { field: "", at: 0 };

  /** Replaces the configuration; `field` tells which changes belong together. */
  function change(next: Dict, field = "") {
    const now = performance.now();
    batch(() => {
      if (!(field && field === last.field && now - last.at < ONE_CHANGE_MS)) {
        setPast((p) => [...p.slice(-MAX_UNDO), spec()]);
      }
      setFuture([]);
      setSpec(next);
      setMessage("");
    });
    last = { field, at: now };
    request();
  }

  function step(from: () => Dict[], setFrom: (v: Dict[]) => void, to: () => Dict[], setTo: (v: Dict[]) => void) {
    const target = from().at(-1);
    if (!target) return;
    batch(() => {
      setFrom(from().slice(0, -1));
      setTo([...to(), spec()]);
      setSpec(target);
    });
    last = { field: "", at: 0 };
    request();
  }

  function select(unit: number | undefined) {
    batch(() => {
      setSelected(unit);
      if (unit === undefined) setCell(undefined);
    });
    if (unit !== undefined) engine.ask({ type: "cell", unit });
  }

  /** Steps that were taken away, by kind, so that they come back as they were. */
  const removed = new Map<string, Dict>();

  /** What a step that is off would be. */
  function ghost(kind: string): Json {
    const def = allGroups().find((g) => g.kind === kind)?.def;
    return removed.get(kind) ?? (def ? initial(def, resolve()) : null);
  }

  const schema = createMemo(() => hello()?.schema ?? {});
  const resolve = createMemo(() => resolver(schema()));
  const allGroups = createMemo<Group[]>(() => (hello() ? groups(schema()) : []));

  createEffect(on(view, () => hello() && request(), { defer: true }));
  // The address follows, a little later.
  let timer = 0;
  createEffect(
    on(spec, (spec) => {
      clearTimeout(timer);
      timer = window.setTimeout(async () => {
        if ((spec.steps as Json[]).length > 0) history.replaceState(null, "", location.pathname + location.search + (await toLink(spec)));
      }, 300);
    }),
  );

  return {
    engine, figure, hello, spec, view, setView, connected, findings, warnings, cost, projection, scene, bounds, activity, cell, selected, select,
    jobs, message, setMessage, pinned, setPinned, busy, latency, frames, frameCount, resolve, allGroups, schema,
    change,
    canUndo: () => past().length > 0,
    canRedo: () => future().length > 0,
    undo: () => step(past, setPast, future, setFuture),
    redo: () => step(future, setFuture, past, setPast),
    /** The value at a place in the spec; of a step that is off, what it would be (see `ghost`). */
    value: (path: Path) => (path[0] === OFF ? get(ghost(String(path[1])), path.slice(2)) : get(spec(), path)),
    removed,
    assign: (path: Path, value: Json) => change(set(spec(), path, value), pathText(path)),
    finding: (path: Path) => findings().find((f) => f.path === pathText(path)),
    at: (group: Group) => place(group, spec()),
    kinetics(t_peak_s: number, fwhm_s: number, then: (values: Record<string, number>) => void) {
      kineticsWanted = then;
      engine.ask({ type: "kinetics", t_peak_s, fwhm_s });
    },
  };
});
