// Neural activity: levels, kinetics, traces.

import { For, Show, createEffect, createSignal } from "solid-js";
import { GroupPanel } from "./controls";
import { css, screen, watchSize } from "./screen";
import { state } from "./state";
import { drawTraces } from "./traces";
import type { Dict, Path } from "./types";

/** The step that the levels of activity belong to, in this spec. */
function stepPath(): Path | undefined {
  const kind = state.hello()?.activity_levels[0]?.step;
  const index = (state.spec().steps as Dict[]).findIndex((s) => s.kind === kind);
  return index < 0 ? undefined : ["steps", index];
}

function apply(values: Record<string, number>, field = "") {
  const at = stepPath();
  if (!at) return;
  const steps = [...(state.spec().steps as Dict[])];
  steps[at[1] as number] = { ...steps[at[1] as number]!, ...values };
  state.change({ ...state.spec(), steps }, field);
}

export function ActivityControls() {
  const levels = () => state.hello()?.activity_levels ?? [];
  const group = () => state.allGroups().find((g) => g.kind === levels()[0]?.step);
  const [dense, setDense] = createSignal(1);
  /** Between two levels the values change by equal factors. */
  const between = (at: number) => {
    const list = levels();
    const k = Math.min(Math.floor(at), list.length - 2);
    const [a, b] = [list[k]!.values, list[k + 1]!.values];
    const share = at - k;
    return Object.fromEntries(Object.keys(a).map((f) => [f, Number((a[f]! ** (1 - share) * b[f]! ** share).toPrecision(3))]));
  };
  const timing = (which: "t_peak_s" | "fwhm_s", input: HTMLInputElement) => {
    const now = state.activity();
    const value = Number(input.value);
    if (!now || !(value > 0)) return;
    const wanted = { t_peak_s: now.t_peak_s, fwhm_s: now.fwhm_s, [which]: value };
    state.kinetics(wanted.t_peak_s, wanted.fwhm_s, (values) =>
      apply(Object.fromEntries(Object.entries(values).map(([field, v]) => [field, Number(v.toPrecision(6))]))),
    );
  };
  return (
    <Show when={group()}>
      {(group) => (
        <GroupPanel group={group()}>
          <div class="presets" role="group" aria-label="Levels of activity">
            <For each={levels()}>
              {(level, i) => (
                <button type="button" onClick={() => (setDense(i()), apply(level.values))}>
                  {level.name}
                </button>
              )}
            </For>
          </div>
          <div class="row">
            <label for="dense">Activity</label>
            <div class="number">
              <input id="dense" type="range" min="0" max={levels().length - 1} step="0.05" value={dense()} style={{ "--at": `${(50 * dense()).toFixed(0)}%` }} onInput={(e) => (setDense(Number(e.currentTarget.value)), apply(between(dense()), "activity"))} />
              <output>{["sparse", "moderate", "dense"][Math.round(dense())]}</output>
            </div>
          </div>
          <div class="row pair">
            <label for="t-peak">
              Time to peak <span class="unit">s</span>
            </label>
            <input id="t-peak" type="text" inputmode="decimal" value={state.activity()?.t_peak_s.toFixed(3) ?? ""} onChange={(e) => timing("t_peak_s", e.currentTarget)} />
            <label for="fwhm">
              FWHM <span class="unit">s</span>
            </label>
            <input id="fwhm" type="text" inputmode="decimal" value={state.activity()?.fwhm_s.toFixed(3) ?? ""} onChange={(e) => timing("fwhm_s", e.currentTarget)} />
          </div>
        </GroupPanel>
      )}
    </Show>
  );
}

export function ActivityView() {
  let canvas!: HTMLCanvasElement;
  let kernel!: HTMLCanvasElement;
  const [span, setSpan] = createSignal<[number, number]>([0, 60]);
  const length = () => (state.activity() ? state.activity()!.n_frames / state.activity()!.fps : 60);
  const shown = (): [number, number] => [Math.max(span()[0], 0), Math.min(span()[1], Math.max(length(), 0.5))];

  const draw = () => {
    const a = state.activity();
    const on = a && screen(canvas);
    if (a && on) drawTraces(on, a.cells, a.fps, shown(), true);
  };
  const drawKernel = () => {
    const a = state.activity();
    const on = a && screen(kernel);
    if (!a || !on) return;
    const { g, w, h } = on;
    const top = Math.max(...a.kernel);
    const x = (i: number) => (i / (a.kernel.length - 1)) * w;
    g.strokeStyle = css("--accent");
    g.lineWidth = 1.6;
    g.beginPath();
    a.kernel.forEach((v, i) => g.lineTo(x(i), h - 18 - (v / top) * (h - 26)));
    g.stroke();
    g.fillStyle = css("--faint");
    g.font = "11px system-ui, sans-serif";
    g.fillRect(a.t_peak_s * a.kernel_hz * (w / (a.kernel.length - 1)), 4, 1, h - 20);
    g.textAlign = "right";
    g.fillText(`${(a.kernel.length / a.kernel_hz).toFixed(1)} s`, w, h - 3);
    g.textAlign = "left";
    g.fillText(`peak after ${a.t_peak_s.toFixed(2)} s, ${a.fwhm_s.toFixed(2)} s wide`, 0, h - 3);
  };
  createEffect(draw);
  createEffect(drawKernel);
  watchSize(() => canvas, draw);
  watchSize(() => kernel, drawKernel);

  const zoom = (factor: number, at = 0.5) => {
    const [a, b] = shown();
    const centre = a + (b - a) * at;
    const half = Math.min(Math.max((b - a) * factor, 0.5), length());
    const from = Math.min(Math.max(centre - half * at, 0), length() - half);
    setSpan([from, from + half]);
  };
  const pan = (share: number) => {
    const [a, b] = shown();
    const by = Math.min(Math.max(share * (b - a), -a), length() - b);
    setSpan([a + by, b + by]);
  };
  return (
    <section class="activity" aria-label="Traces">
      <div class="stage-bar">
        <h2>The busiest cells</h2>
        <span class="hint">clean calcium traces C with spikes S below; wheel zooms, drag moves</span>
        <span class="spring" />
        <button type="button" class="quiet" onClick={() => zoom(0.5)} aria-label="Zoom in">
          +
        </button>
        <button type="button" class="quiet" onClick={() => zoom(2)} aria-label="Zoom out">
          −
        </button>
        <button type="button" class="quiet" onClick={() => pan(-0.5)} aria-label="Earlier">
          ←
        </button>
        <button type="button" class="quiet" onClick={() => pan(0.5)} aria-label="Later">
          →
        </button>
        <button type="button" class="quiet" onClick={() => setSpan([0, 60])}>
          All
        </button>
      </div>
      <canvas
        ref={canvas}
        class="plot traces"
        role="img"
        aria-label="Stacked calcium traces of the busiest cells"
        onWheel={(e) => {
          e.preventDefault();
          zoom(e.deltaY > 0 ? 1.25 : 0.8, Math.min(Math.max((e.offsetX - 44) / (canvas.clientWidth - 48), 0), 1));
        }}
        onPointerMove={(e) => e.buttons === 1 && pan(-e.movementX / (canvas.clientWidth - 48))}
        onPointerDown={(e) => canvas.setPointerCapture(e.pointerId)}
      />
      <div class="below">
        <section class="box">
          <h3>Response to one spike</h3>
          <canvas ref={kernel} class="plot kernel" role="img" aria-label="The calcium kernel" />
        </section>
        <section class="box">
          <h3>Rates</h3>
          <dl class="facts">
            <div class="fact">
              <dt>Events per cell and minute</dt>
              <dd>{state.activity()?.bursts_per_cell_min.toFixed(1) ?? "–"}</dd>
            </div>
            <div class="fact">
              <dt>Spikes per cell and minute</dt>
              <dd>{state.activity()?.spikes_per_cell_min.toFixed(0) ?? "–"}</dd>
            </div>
            <div class="fact">
              <dt>Cells</dt>
              <dd>{state.activity()?.n_cells.toLocaleString("en") ?? "–"}</dd>
            </div>
            <div class="fact" title="Time from the change to these traces, in the engine">
              <dt>Engine</dt>
              <dd>{state.activity()?.engine_ms.toFixed(0) ?? "–"} ms</dd>
            </div>
          </dl>
          <p class="hint">An event begins with a spike after half a second without one.</p>
        </section>
      </div>
    </section>
  );
}
