// The tour: one effect a chapter, with its sliders, its pictures and its numbers.

import { For, Index, Show, createEffect, createMemo, createSignal, on } from "solid-js";
import { COLOUR_MAPS } from "./colours";
import { NumberControl } from "./controls";
import { css, screen, watchSize } from "./screen";
import { state } from "./state";
import type { PlotPanel } from "./messages";
import type { Figure, TourImage } from "./types";

const chapters = () => state.hello()?.tour ?? [];
const [name, setName] = createSignal(new URLSearchParams(location.search).get("chapter") ?? "");
const chapter = createMemo(() => chapters().find((c) => c.name === name()) ?? chapters()[0]);
/** Positions of the sliders of each chapter that was touched. */
const [moved, setMoved] = createSignal<Record<string, number[]>>({});
const values = createMemo(() => {
  const c = chapter();
  return c ? (moved()[c.name] ?? c.knobs.map((k) => k.start)) : [];
});
/** The figure of the chapter in front; the last one stays until the next one comes. */
const figure = (): Figure | undefined => (state.figure()?.chapter === chapter()?.name ? state.figure() : undefined);
const [waiting, setWaiting] = createSignal(false);

let seq = 0;
let asked = false;

function ask() {
  if (asked) return;
  asked = true;
  setWaiting(true);
  queueMicrotask(() => {
    asked = false;
    const c = chapter();
    if (c) state.engine.ask({ type: "tour", seq: ++seq, chapter: c.name, values: values() });
  });
}

function go(step: number) {
  const at = chapters().findIndex((c) => c.name === chapter()?.name) + step;
  const next = chapters()[at];
  if (next) setName(next.name);
}

export function TourControls() {
  createEffect(on([chapter, values, state.connected], ask));
  createEffect(on(state.figure, (f) => f?.seq === seq && setWaiting(false)));
  const set = (i: number, value: number) => {
    const c = chapter();
    if (c) setMoved((all) => ({ ...all, [c.name]: values().map((v, k) => (k === i ? value : v)) }));
  };
  return (
    <>
      <nav class="chapters" aria-label="Chapters">
        <For each={chapters()}>
          {(c, i) => (
            <button type="button" class="chapter" aria-current={c.name === chapter()?.name ? "page" : undefined} onClick={() => setName(c.name)}>
              <span class="number-of">{i() + 1}</span> {c.title}
            </button>
          )}
        </For>
      </nav>
      <section class="group knobs" aria-label="Sliders of this chapter">
        <Index each={chapter()?.knobs ?? []}>
          {(knob, i) => (
            <div class="row" data-knob={knob().label}>
              <label for={`knob-${i}`}>
                {knob().label}
                <Show when={knob().unit}>
                  <span class="unit"> {knob().unit}</span>
                </Show>
              </label>
              <NumberControl
                id={`knob-${i}`}
                label={knob().label}
                value={values()[i] ?? knob().start}
                schema={{ type: "number", "x-ui": { min: knob().min, max: knob().max, step: knob().step } }}
                set={(value) => set(i, Math.min(Math.max(value, knob().min), knob().max))}
              />
            </div>
          )}
        </Index>
        <button type="button" class="quiet" onClick={() => setMoved(({ [chapter()?.name ?? ""]: _, ...others }) => others)}>
          Back to the start
        </button>
      </section>
    </>
  );
}

export function TourView() {
  const count = () => figure()?.panels.length ?? 0;
  return (
    <section class="tour" aria-label="Tour" classList={{ waiting: waiting() }}>
      <Show when={chapter()}>
        {(c) => (
          <>
            <header>
              <h2>{c().title}</h2>
              <p class="prose">{c().text}</p>
            </header>
            <div class="panels" classList={{ few: count() <= 3 }} style={{ "--n": count() }}>
              <Index each={figure()?.panels ?? []}>
                {(panel) => (
                  <Show when={panel().kind === "image" && (panel() as TourImage)} fallback={<PlotView plot={panel() as PlotPanel} />}>
                    {(image) => <ImageView image={image()} />}
                  </Show>
                )}
              </Index>
            </div>
            <p class="hint prose">{figure()?.caption}</p>
            <dl class="facts numbers">
              <For each={figure()?.quantities ?? []}>
                {({ label, text }) => (
                  <div class="fact">
                    <dt>{label}</dt>
                    <dd>{text}</dd>
                  </div>
                )}
              </For>
            </dl>
            <details class="question">
              <summary>{c().question}</summary>
              <p class="prose">{c().answer}</p>
            </details>
            <footer class="buttons">
              <button type="button" disabled={chapters()[0]?.name === c().name} onClick={() => go(-1)}>
                ← Before
              </button>
              <button type="button" class="primary" disabled={chapters().at(-1)?.name === c().name} onClick={() => go(1)}>
                Next →
              </button>
            </footer>
          </>
        )}
      </Show>
    </section>
  );
}

function ImageView(props: { image: TourImage }) {
  let canvas!: HTMLCanvasElement;
  const bar = () => {
    const quarter = (props.image.shape[1] * props.image.pixel_um) / 4;
    const power = 10 ** Math.floor(Math.log10(quarter));
    const um = ([5, 2, 1].find((k) => k * power <= quarter) ?? 1) * power;
    return { um, share: um / (props.image.shape[1] * props.image.pixel_um) };
  };
  createEffect(() => {
    const { shape, data, low, high } = props.image;
    const [h, w] = shape;
    [canvas.width, canvas.height] = [w, h];
    const g = canvas.getContext("2d")!;
    const picture = g.createImageData(w, h);
    const out = new Uint32Array(picture.data.buffer);
    const table = COLOUR_MAPS.GCaMP!;
    const scale = 255 / (high - low);
    for (let i = 0; i < out.length; i++) out[i] = table[Math.min(Math.max(Math.round((data[i]! - low) * scale), 0), 255)]!;
    g.putImageData(picture, 0, 0);
  });
  return (
    <figure>
      <figcaption>{props.image.title}</figcaption>
      <div class="picture">
        <canvas ref={canvas} role="img" aria-label={props.image.title} />
        <svg viewBox={`0 0 ${props.image.shape[1]} ${props.image.shape[0]}`} aria-hidden="true">
          <For each={props.image.marks}>
            {(m) => (
              <circle cx={m.col + 0.5} cy={m.row + 0.5} r={m.radius}>
                <title>{m.label}</title>
              </circle>
            )}
          </For>
        </svg>
        <span class="scale" style={{ width: `${100 * bar().share}%` }}>
          {bar().um} µm
        </span>
      </div>
    </figure>
  );
}

const SERIES = ["--series-1", "--series-2", "--series-3", "--series-4"];

/** Round numbers between two, about `n` of them. */
function ticks(low: number, high: number, n: number): number[] {
  const power = 10 ** Math.floor(Math.log10((high - low) / n));
  const step = ([1, 2, 5, 10].find((k) => (high - low) / (k * power) <= n) ?? 10) * power;
  const first = Math.ceil(low / step - 1e-6);
  return Array.from({ length: Math.max(Math.floor(high / step + 1e-6) - first + 1, 0) }, (_, i) => (first + i) * step);
}

function PlotView(props: { plot: PlotPanel }) {
  let canvas!: HTMLCanvasElement;
  const draw = () => {
    const { series, x: xLabel, y: yLabel } = props.plot;
    const on = screen(canvas);
    if (!on) return;
    const { g, w, h } = on;
    const range = (axis: 0 | 1) => {
      let [low, high] = [Infinity, -Infinity];
      for (const s of series) for (const p of s.points) [low, high] = [Math.min(low, p[axis]), Math.max(high, p[axis])];
      return [low, high] as [number, number];
    };
    const [x0, x1] = range(0);
    let [y0, y1] = range(1);
    if (!(x1 > x0) || !Number.isFinite(y0)) return;
    const pad = 0.06 * Math.max(y1 - y0, 1e-9 * Math.abs(y1) || 1e-9);
    y0 = y0 >= 0 && y0 < 0.35 * y1 ? 0 : y0 - pad;
    y1 += pad;
    const [left, right, top, bottom] = [46, 6, 22, 36];
    const x = (v: number) => left + ((v - x0) / (x1 - x0)) * (w - left - right);
    const y = (v: number) => h - bottom - ((v - y0) / (y1 - y0)) * (h - top - bottom);
    g.font = "11px system-ui, sans-serif";
    g.fillStyle = css("--faint");
    g.strokeStyle = css("--line");
    g.lineWidth = 1;
    const text = (v: number) => String(Number(v.toPrecision(6)));
    g.textAlign = "right";
    g.textBaseline = "middle";
    for (const v of ticks(y0, y1, 6)) {
      g.beginPath();
      g.moveTo(left, y(v));
      g.lineTo(w - right, y(v));
      g.stroke();
      g.fillText(text(v), left - 6, y(v));
    }
    g.textAlign = "center";
    g.textBaseline = "top";
    for (const v of ticks(x0, x1, 7)) g.fillText(text(v), x(v), h - bottom + 5);
    g.fillText(xLabel, (left + w - right) / 2, h - 14);
    g.textAlign = "left";
    g.fillText(yLabel, 0, 2);
    g.lineJoin = "round";
    g.lineWidth = 1.5;
    series.forEach((s, i) => {
      g.strokeStyle = css(SERIES[i % SERIES.length]!);
      g.beginPath();
      for (const [a, b] of s.points) g.lineTo(x(a), y(b));
      g.stroke();
    });
  };
  createEffect(draw);
  watchSize(() => canvas, draw);
  return (
    <figure class="curves">
      <figcaption>
        {props.plot.title}
        <span class="legend">
          <For each={props.plot.series}>
            {(s, i) => (
              <>
                <i style={{ background: `var(${SERIES[i() % SERIES.length]})` }} />
                {s.label}
              </>
            )}
          </For>
        </span>
      </figcaption>
      <canvas ref={canvas} class="plot" role="img" aria-label={`${props.plot.title}: ${props.plot.y} against ${props.plot.x}`} />
    </figure>
  );
}
