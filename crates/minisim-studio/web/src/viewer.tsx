// The picture: projection or film, overlays, contrast, and a pinned copy beside it.

import { For, Show, batch, createEffect, createMemo, createSignal, on, onCleanup } from "solid-js";
import { drawArrows, enlargement, type Arrows } from "./arrows";
import { COLOUR_MAPS, SNR_BRIGHTEST, depthColour, snrColour } from "./colours";
import { Courses } from "./courses";
import { screen, watchSize } from "./screen";
import { state } from "./state";
import type { Cell } from "./messages";
import type { Projection } from "./types";

type Compare = "off" | "beside" | "wipe";

const [colours, setColours] = createSignal("GCaMP");
const [percentiles, setPercentiles] = createSignal<[number, number]>([2, 99.7]);
const [adc, setAdc] = createSignal(false);
const [overlays, setOverlays] = createSignal({ outlines: false, vessels: false, path: false });
const [arrows, setArrows] = createSignal<Arrows>("off");
/** Whether cells are coloured by how well the best method could tell them apart, not by their depth. */
const [demixing, setDemixing] = createSignal(false);
const [film, setFilm] = createSignal(false);
const [playing, setPlaying] = createSignal(false);
const [time, setTime] = createSignal(0);
const [compare, setCompare] = createSignal<Compare>("off");
const [wipe, setWipe] = createSignal(50);

/** Length of the recording (s). */
const length = () => {
  const p = state.projection();
  return p ? p.recording_frames / p.fps : 0;
};
/** The latest second that the picture can begin with. */
const latest = () => Math.max(length() - state.view().seconds, 0);

/** The second that the picture begins with. */
const from = () => Number(Math.min(state.view().from_s, latest()).toFixed(2));

/** Shows the film from a second of the recording on. */
function show(from_s: number) {
  const within = Math.min(Math.max(from_s, 0), latest());
  batch(() => {
    setTime(0);
    state.setView((v) => ({ ...v, from_s: within }));
  });
}

/** Shows one frame of the film. */
function seek(t: number) {
  batch(() => {
    setPlaying(false);
    setFilm(true);
    setTime(t);
  });
}

/** Values below which the given percentages of the pixels lie. */
function limits(data: Float32Array, [low, high]: [number, number]): [number, number] {
  const stride = Math.max(1, Math.floor(data.length / 40_000));
  const sample: number[] = [];
  for (let i = 0; i < data.length; i += stride) sample.push(data[i]!);
  sample.sort((a, b) => a - b);
  const at = (p: number) => sample[Math.round(Math.min(Math.max(p / 100, 0), 1) * (sample.length - 1))] ?? 0;
  return [at(low), at(high)];
}

function paint(canvas: HTMLCanvasElement, shape: [number, number], level: (i: number) => number, low: number, high: number) {
  const [h, w] = shape;
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  if (!context) return;
  const image = context.createImageData(w, h);
  const out = new Uint32Array(image.data.buffer);
  const table = COLOUR_MAPS[colours()]!;
  const scale = high > low ? 255 / (high - low) : 0;
  for (let i = 0; i < out.length; i++) {
    const v = (level(i) - low) * scale;
    out[i] = table[v <= 0 ? 0 : v >= 255 ? 255 : v | 0]!;
  }
  context.putImageData(image, 0, 0);
}

/** Black and white level of a projection's picture. */
function range(p: Projection): [number, number] {
  if (adc() && p.max_count !== null) return [0, p.max_count];
  const [low, high] = limits(p.data, percentiles());
  return high > low ? [low, high] : [low, low + 1];
}

/** Values whose colours make the legend, evenly along its logarithmic scale. */
const LEGEND = Array.from({ length: 12 }, (_, i) => Math.expm1((Math.log1p(SNR_BRIGHTEST) * i) / 11));

export function Viewer() {
  let base!: HTMLCanvasElement;
  let over!: HTMLCanvasElement;
  let pinnedCanvas: HTMLCanvasElement | undefined;
  const [hover, setHover] = createSignal<{ x: number; y: number; unit: number }>();
  const shape = () => state.projection()?.shape ?? ([1, 1] as [number, number]);

  createEffect(() => {
    const p = state.projection();
    if (!p) return;
    const [low, high] = range(p);
    if (film()) {
      state.frameCount();
      const frame = state.frames[Math.min(time(), p.n_frames - 1)];
      if (!frame) return;
      const back = (frame.high - frame.low) / 255;
      paint(base, frame.shape, (i) => frame.low + frame.data[i]! * back, low, high);
    } else {
      paint(base, p.shape, (i) => p.data[i]!, low, high);
    }
  });

  createEffect(() => {
    const pinned = state.pinned();
    if (!pinned || compare() === "off" || !pinnedCanvas) return;
    const p = pinned.projection;
    const [low, high] = range(p);
    paint(pinnedCanvas, p.shape, (i) => p.data[i]!, low, high);
  });

  // The bounds take a moment, so they come only if they are looked at.
  createEffect(on(demixing, (yes) => state.setView((v) => ({ ...v, bounds: yes })), { defer: true }));
  /** The bounds of the scene that is shown, once they have come. */
  const told = () => {
    const [b, s] = [state.bounds(), state.scene()];
    return demixing() && b && s && b.seq === s.seq ? b : undefined;
  };

  // Film on asks for frames; the projection alone does not.
  createEffect(on(film, (yes) => state.setView((v) => ({ ...v, frames: yes })), { defer: true }));

  let timer = 0;
  createEffect(() => {
    clearInterval(timer);
    const p = state.projection();
    if (!p || !playing()) return;
    timer = window.setInterval(() => setTime((t) => (t + 1) % p.n_frames), 1000 / p.fps);
  });
  onCleanup(() => clearInterval(timer));

  const enlarged = createMemo(() => {
    const d = state.scene()?.displacement;
    return d && arrows() !== "off" ? enlargement(d, arrows()) : undefined;
  });
  const drawOver = () => {
    const on = screen(over);
    const s = state.scene();
    const p = state.projection();
    if (!on || !s || !p) return;
    const { g, w } = on;
    const scale = w / shape()[1];
    const { outlines, vessels, path } = overlays();
    if (vessels && s.vessel_edge) {
      g.fillStyle = "rgb(255 92 92 / 0.8)";
      for (let i = 0; i < s.vessel_edge.length; i += 2) g.fillRect((s.vessel_edge[i + 1]!) * scale, (s.vessel_edge[i]!) * scale, Math.max(scale, 1), Math.max(scale, 1));
    }
    const depths = s.cells.map((c) => c.depth_um);
    const [low, high] = [Math.min(...depths), Math.max(...depths)];
    const ring = (c: Cell) => {
      g.beginPath();
      c.outline.forEach((r, d) => {
        const angle = (d / c.outline.length) * 2 * Math.PI;
        g.lineTo((c.col + 0.5 + (r / 10) * Math.cos(angle)) * scale, (c.row + 0.5 + (r / 10) * Math.sin(angle)) * scale);
      });
      g.closePath();
    };
    if (outlines) {
      const b = told();
      s.cells.forEach((c, unit) => {
        const snr = b?.demixing_snr[unit];
        g.lineWidth = c.in_focus ? 1.4 : 0.9;
        g.setLineDash((snr === undefined ? c.detectable : snr >= b!.snr_needed) ? [] : [2, 3]);
        g.strokeStyle = snr === undefined ? depthColour(c.depth_um, low, high) : snrColour(snr);
        ring(c);
        g.stroke();
      });
      g.setLineDash([]);
    }
    const marked = [state.selected(), hover()?.unit];
    for (const unit of marked) {
      const c = unit === undefined ? undefined : s.cells[unit];
      if (!c) continue;
      g.lineWidth = 2;
      g.strokeStyle = unit === state.selected() ? "#fff" : "rgb(255 255 255 / 0.7)";
      ring(c);
      g.stroke();
    }
    if (path && s.path_px) {
      const middle = [(s.fov_px[0] / 2) * scale, (s.fov_px[1] / 2) * scale] as const;
      // The path is small; shown eight times as large.
      const zoom = 8 * scale;
      g.strokeStyle = "#ffd166";
      g.lineWidth = 1.2;
      g.beginPath();
      for (let i = 0; i < s.path_px.length; i += 2) g.lineTo(middle[1] + s.path_px[i + 1]! * zoom, middle[0] + s.path_px[i]! * zoom);
      g.stroke();
      const t = Math.min(time(), s.path_px.length / 2 - 1);
      if (film() && t >= 0) {
        g.fillStyle = "#fff";
        g.beginPath();
        g.arc(middle[1] + s.path_px[2 * t + 1]! * zoom, middle[0] + s.path_px[2 * t]! * zoom, 3, 0, 7);
        g.fill();
      }
    }
    if (enlarged() && s.displacement) drawArrows(on, s.displacement, arrows(), enlarged()!, time(), scale, s.pixel_um);
    // A scale bar of a round length, about a sixth of the picture.
    const lengths = [10, 20, 50, 100, 200, 500, 1000, 2000];
    const wanted = (shape()[1] * s.pixel_um) / 6;
    const length = lengths.reduce((a, b) => (Math.abs(b - wanted) < Math.abs(a - wanted) ? b : a));
    const bar = (length / s.pixel_um) * scale;
    g.fillStyle = "#fff";
    g.shadowColor = "#000";
    g.shadowBlur = 3;
    g.fillRect(12, on.h - 16, bar, 3);
    g.font = "12px system-ui, sans-serif";
    g.fillText(`${length} µm`, 12, on.h - 22);
    g.shadowBlur = 0;
  };
  createEffect(drawOver);
  watchSize(() => over, drawOver);

  const nearest = (e: MouseEvent): number | undefined => {
    const s = state.scene();
    const box = over.getBoundingClientRect();
    if (!s || box.width === 0) return undefined;
    const scale = box.width / shape()[1];
    const [col, row] = [(e.clientX - box.left) / scale, (e.clientY - box.top) / scale];
    let best: number | undefined;
    let distance = Infinity;
    s.cells.forEach((c, unit) => {
      const d = Math.hypot(c.row - row, c.col - col);
      const reach = Math.max(4 / scale, Math.max(...c.outline) / 10);
      if (d < reach && d < distance) [best, distance] = [unit, d];
    });
    return best;
  };

  const hovered = createMemo(() => {
    const h = hover();
    const c = h && state.scene()?.cells[h.unit];
    return h && c ? { ...h, c } : undefined;
  });

  return (
    <section class="viewer" aria-label="Picture">
      <div class="stage-bar">
        <label>
          <span class="visually-hidden">Stage</span>
          <select
            value={state.view().stage ?? ""}
            title="What has happened to the light so far"
            onChange={(e) => state.setView((v) => ({ ...v, stage: e.currentTarget.value || null }))}
          >
            <option value="">The recording</option>
            <For each={state.scene()?.stages ?? []}>{(s) => <option value={s}>up to {s.replace(/_/g, " ")}</option>}</For>
          </select>
        </label>
        <div class="choices" role="radiogroup" aria-label="Projection or film">
          <button type="button" role="radio" aria-checked={!film()} onClick={() => (setFilm(false), setPlaying(false))}>
            Max projection
          </button>
          <button type="button" role="radio" aria-checked={film()} onClick={() => setFilm(true)}>
            Film
          </button>
        </div>
        <select aria-label="Colours" value={colours()} onChange={(e) => setColours(e.currentTarget.value)}>
          <For each={Object.keys(COLOUR_MAPS)}>{(name) => <option>{name}</option>}</For>
        </select>
        <fieldset class="toggles">
          <legend class="visually-hidden">Ground truth over the picture</legend>
          <For each={[["outlines", "Cells"], ["vessels", "Vessels"], ["path", "Motion"]] as const}>
            {([key, name]) => (
              <label>
                <input type="checkbox" checked={overlays()[key]} onChange={(e) => setOverlays((o) => ({ ...o, [key]: e.currentTarget.checked }))} />
                {name}
              </label>
            )}
          </For>
          <Show when={state.scene()?.displacement}>
            {(d) => (
              <select aria-label="Arrows of the displacement" title="How the tissue is displaced in the frame shown, enlarged" value={arrows()} onChange={(e) => setArrows(e.currentTarget.value as Arrows)}>
                <option value="off">No arrows</option>
                <option value="all">Displacement</option>
                <Show when={d().beyond_px}>
                  <option value="beyond">Bending only</option>
                </Show>
              </select>
            )}
          </Show>
          <label title="Colour the cells by what the best method could tell of each: its largest transient over the least error of its trace among its neighbours">
            <input
              type="checkbox"
              checked={demixing()}
              onChange={(e) => {
                setDemixing(e.currentTarget.checked);
                if (e.currentTarget.checked) setOverlays((o) => ({ ...o, outlines: true }));
              }}
            />
            Demixing SNR
          </label>
        </fieldset>
        <span class="spring" />
        <button type="button" class="quiet" disabled={!state.projection()} title="Keep this picture to compare with" onClick={() => (state.setPinned({ projection: state.projection()!, spec: state.spec() }), setCompare("beside"))}>
          Pin A
        </button>
        <Show when={state.pinned()}>
          <div class="choices" role="radiogroup" aria-label="Compare with the pinned picture">
            <For each={[["off", "B only"], ["beside", "A | B"], ["wipe", "Wipe"]] as const}>
              {([key, name]) => (
                <button type="button" role="radio" aria-checked={compare() === key} onClick={() => setCompare(key)}>
                  {name}
                </button>
              )}
            </For>
          </div>
          <button type="button" class="quiet" title="Go back to the pinned setting" onClick={() => state.change(state.pinned()!.spec)}>
            Back to A
          </button>
        </Show>
      </div>

      <div class="pictures" classList={{ beside: compare() === "beside" && !!state.pinned(), dimmed: state.findings().length > 0 }}>
        <Show when={state.pinned() && compare() === "beside"}>
          <figure>
            <div class="frame" style={{ "aspect-ratio": `${state.pinned()!.projection.shape[1]} / ${state.pinned()!.projection.shape[0]}` }}>
              <canvas ref={pinnedCanvas} aria-label="The pinned picture" />
            </div>
            <figcaption>A, pinned</figcaption>
          </figure>
        </Show>
        <figure>
          <div
            class="frame"
            style={{ "aspect-ratio": `${shape()[1]} / ${shape()[0]}` }}
            onMouseMove={(e) => {
              const unit = nearest(e);
              setHover(unit === undefined ? undefined : { x: e.offsetX, y: e.offsetY, unit });
            }}
            onMouseLeave={() => setHover(undefined)}
            onClick={(e) => state.select(nearest(e))}
          >
            <canvas ref={base} class="base" aria-label={film() ? "The film" : "Max projection of the film"} />
            <Show when={state.pinned() && compare() === "wipe"}>
              <canvas ref={pinnedCanvas} class="wipe" style={{ "clip-path": `inset(0 ${100 - wipe()}% 0 0)` }} aria-label="The pinned picture" />
            </Show>
            <canvas ref={over} class="over" aria-hidden="true" />
            <Show when={hovered()}>
              {(h) => (
                <div class="tip" style={{ left: `${h().x + 14}px`, top: `${h().y + 10}px` }}>
                  cell {h().unit} · {h().c.depth_um.toFixed(0)} µm deep
                  <Show when={h().c.snr !== null}> · SNR {h().c.snr!.toFixed(1)}</Show>
                  <br />
                  <Show when={told()?.demixing_snr[h().unit] !== undefined}>
                    demixing SNR {told()!.demixing_snr[h().unit]!.toFixed(1)}
                    <br />
                  </Show>
                  {h().c.detectable ? "detectable" : "not detectable"}, {h().c.in_focus ? "in focus" : "out of focus"}
                </div>
              )}
            </Show>
          </div>
          <Show when={told()}>
            {(b) => (
              <figcaption class="legend">
                demixing SNR 0
                <span class="ramp" style={{ background: `linear-gradient(90deg, ${LEGEND.map((snr) => snrColour(snr)).join(", ")})` }} />
                {SNR_BRIGHTEST} and more; {b().demixable} of {b().demixing_snr.length} cells reach {b().snr_needed}, the others are dashed
              </figcaption>
            )}
          </Show>
          <Show when={compare() === "beside" && state.pinned()}>
            <figcaption>B, now</figcaption>
          </Show>
        </figure>
      </div>

      <div class="under">
        <Show when={compare() === "wipe" && state.pinned()}>
          <label class="wide">
            A <input type="range" min="0" max="100" value={wipe()} onInput={(e) => setWipe(Number(e.currentTarget.value))} aria-label="Wipe" /> B
          </label>
        </Show>
        <Show when={film()}>
          <button type="button" onClick={() => setPlaying(!playing())} aria-label={playing() ? "Pause" : "Play"} class="play">
            {playing() ? "❚❚" : "▶"}
          </button>
          <input type="range" class="scrub" min="0" max={(state.projection()?.n_frames ?? 1) - 1} value={time()} aria-label="Frame" onInput={(e) => (setPlaying(false), setTime(Number(e.currentTarget.value)))} />
          <output>
            {(((state.projection()?.first_frame ?? 0) + time() + 1) / (state.projection()?.fps ?? 1)).toFixed(2)} s
          </output>
        </Show>
        <label title="Where in the recording the picture begins">
          from
          <Show when={latest() > 0}>
            <input type="range" class="recording" min="0" max={latest()} step="any" value={from()} aria-label="Where in the recording" onChange={(e) => show(Number(e.currentTarget.value))} />
          </Show>
          <input class="short" type="text" inputmode="decimal" aria-label="Start of what is shown (s)" value={from()} onChange={(e) => { const v = Number(e.currentTarget.value); if (v >= 0) show(v); e.currentTarget.value = String(from()); }} />s
        </label>
        <label title="How much of the recording the picture shows">
          for
          <input class="short" type="text" inputmode="decimal" aria-label="Length shown (s)" value={state.view().seconds} onChange={(e) => { const v = Number(e.currentTarget.value); if (v > 0 && v <= 60) state.setView((old) => ({ ...old, seconds: v })); else e.currentTarget.value = String(state.view().seconds); }} />s
        </label>
        <span class="spring" />
        <label>
          contrast
          <input class="short" type="text" inputmode="decimal" aria-label="Dark percentile" disabled={adc()} value={percentiles()[0]} onChange={(e) => setPercentiles(([, h]) => [Number(e.currentTarget.value) || 0, h])} />
          –
          <input class="short" type="text" inputmode="decimal" aria-label="Bright percentile" disabled={adc()} value={percentiles()[1]} onChange={(e) => setPercentiles(([l]) => [l, Number(e.currentTarget.value) || 100])} />%
        </label>
        <label title="Black is count 0, white the largest count">
          <input type="checkbox" checked={adc()} onChange={(e) => setAdc(e.currentTarget.checked)} /> true counts
        </label>
      </div>
      <Courses time={time()} film={film()} seek={seek} />
    </section>
  );
}

/** Space plays and pauses. */
export function togglePlay() {
  if (!film()) setFilm(true);
  setPlaying(!playing());
}
