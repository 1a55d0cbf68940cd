// Beside the picture: numbers, the side view, the histogram, the cell under inspection.

import { Show, createEffect, type JSX } from "solid-js";
import { depthColour } from "./colours";
import { state } from "./state";
import { drawTraces } from "./traces";
import { css, screen, watchSize } from "./screen";

/** Most dots in the side view. */
const MAX_DOTS = 1500;

function Fact(props: { name: string; title?: string; about?: string; children: JSX.Element }) {
  return (
    <div class="fact" title={props.title}>
      <dt>
        {props.name}
        <Show when={props.about}>
          {/* Opens by click, touch and keyboard; a title alone would need a mouse. */}
          <details class="about">
            <summary aria-label={`What "${props.name.toLowerCase()}" means`} title={props.about}>
              ?
            </summary>
            <p role="note">{props.about}</p>
          </details>
        </Show>
      </dt>
      <dd>{props.children}</dd>
    </div>
  );
}

export function Readouts() {
  const number = (v: number) => Math.round(v).toLocaleString("en");
  return (
    <section class="box" aria-label="Readouts">
      <Show when={state.scene()} fallback={<p class="hint">Building the scene…</p>}>
        {(s) => (
          <dl class="facts">
            <Fact name="Field of view">
              {s().fov_um[0].toFixed(0)} × {s().fov_um[1].toFixed(0)} µm
            </Fact>
            <Fact name="Pixel">{s().pixel_um.toFixed(2)} µm</Fact>
            <Fact name="Expected neurons" title="Density × area × thickness">
              {number(s().expected_cells)}
            </Fact>
            <Fact name="Cells placed" title="Cells whose footprint reaches the field of view">
              {number(s().placed)}
            </Fact>
            <Fact name="Detectable" about={`Over the first minute. ${state.hello()?.detectable_means ?? ""}`}>
              {number(s().detectable)}
            </Fact>
            <Fact name="In focus" title={`Within ± ${s().depth_of_field_um.toFixed(1)} µm of the focal surface`}>
              {number(s().in_focus)}
            </Fact>
            <Fact name="Focus">{s().focal_depth_um === null ? "–" : `${s().focal_depth_um!.toFixed(1)} µm deep`}</Fact>
            <Fact name="Saturated pixels">
              {state.projection()?.saturated === null || state.projection() === undefined ? "–" : `${(100 * state.projection()!.saturated!).toPrecision(2)} %`}
            </Fact>
            <Fact name="Engine" title={`New picture ${state.latency()?.toFixed(0) ?? "–"} ms after the change, ${state.projection()?.engine_ms.toFixed(0) ?? "–"} ms of them in the engine`}>
              {number(state.projection()?.frames_per_s ?? 0)} frames/s
            </Fact>
          </dl>
        )}
      </Show>
      <Show when={(state.scene()?.warnings.length ?? 0) > 0}>
        <p class="warning">{state.scene()!.warnings.map((w) => w.message).join(" ")}</p>
      </Show>
    </section>
  );
}

export function SideView() {
  let canvas!: HTMLCanvasElement;
  const draw = () => {
    const s = state.scene();
    const on = s && screen(canvas);
    if (!s || !on) return;
    const { g, w, h } = on;
    const [left, right, top, bottom] = [48, 8, 10, 24];
    const depths = s.cells.map((c) => c.depth_um);
    const deepest = Math.max(50, ...s.bands_um.flat(), ...depths.slice(0, 5000), (s.focal_depth_um ?? 0) + s.depth_of_field_um, ...s.vessels_um.map((v) => v[0])) * 1.08;
    const half = s.fov_um[1] / 2;
    const x = (um: number) => left + ((um + half) / (2 * half)) * (w - left - right);
    const y = (um: number) => top + (um / deepest) * (h - top - bottom);
    g.font = "11px system-ui, sans-serif";
    g.fillStyle = css("--faint");
    g.textAlign = "right";
    g.textBaseline = "middle";
    const step = [10, 20, 25, 50, 100, 200].find((v) => deepest / v <= 5) ?? 400;
    for (let d = 0; d <= deepest; d += step) {
      g.fillText(String(d), left - 6, y(d));
      g.fillRect(left - 3, y(d), 3, 1);
    }
    g.save();
    g.translate(9, (top + h - bottom) / 2);
    g.rotate(-Math.PI / 2);
    g.textAlign = "center";
    g.fillText("depth (µm)", 0, 0);
    g.restore();
    g.textAlign = "center";
    g.fillText(`${(2 * half).toFixed(0)} µm across`, (left + w - right) / 2, h - 8);
    // Cell bands.
    g.fillStyle = css("--band");
    for (const [from, to] of s.bands_um) g.fillRect(left, y(from), w - left - right, Math.max(y(to) - y(from), 2));
    // Depth of field around the focal surface.
    if (s.focal_curve) {
      g.fillStyle = css("--focus-soft");
      g.beginPath();
      for (const [um, d] of s.focal_curve) g.lineTo(x(um), y(Math.max(d - s.depth_of_field_um, 0)));
      for (const [um, d] of [...s.focal_curve].reverse()) g.lineTo(x(um), y(d + s.depth_of_field_um));
      g.fill();
      g.strokeStyle = css("--focus");
      g.lineWidth = 1.6;
      g.beginPath();
      for (const [um, d] of s.focal_curve) g.lineTo(x(um), y(d));
      g.stroke();
    }
    const every = Math.ceil(s.cells.length / MAX_DOTS);
    const [low, high] = [Math.min(...depths), Math.max(...depths)];
    const middle = (s.fov_px[1] - 1) / 2;
    s.cells.forEach((c, i) => {
      if (i % every !== 0 && i !== state.selected()) return;
      g.globalAlpha = c.detectable ? 1 : 0.35;
      g.fillStyle = depthColour(c.depth_um, low, high);
      g.beginPath();
      g.arc(x((c.col - middle) * s.pixel_um), y(c.depth_um), i === state.selected() ? 4 : 1.7, 0, 7);
      g.fill();
    });
    g.globalAlpha = 1;
    g.setLineDash([5, 4]);
    g.strokeStyle = css("--vessel");
    for (const [d, radius] of s.vessels_um) {
      g.lineWidth = Math.min(Math.max(radius / 8, 1), 4);
      g.beginPath();
      g.moveTo(left, y(d));
      g.lineTo(w - right, y(d));
      g.stroke();
    }
    g.setLineDash([]);
    g.strokeStyle = css("--text");
    g.lineWidth = 1.2;
    g.beginPath();
    g.moveTo(left, y(0));
    g.lineTo(w - right, y(0));
    g.stroke();
  };
  createEffect(draw);
  watchSize(() => canvas, draw);
  return (
    <section class="box" aria-label="Side view">
      <h3>Side view</h3>
      <canvas ref={canvas} class="plot side" role="img" aria-label="Depth of cells, focal surface, depth of field and vessels against their lateral position" />
      <p class="legend">
        <i style={{ background: "var(--focus)" }} /> focal surface, ± depth of field <i class="cell-band" /> cell band
        <Show when={(state.scene()?.vessels_um.length ?? 0) > 0}>
          <i style={{ background: "var(--vessel)" }} /> vessels
        </Show>
      </p>
    </section>
  );
}

export function HistogramBox() {
  let canvas!: HTMLCanvasElement;
  const draw = () => {
    const histogram = state.projection()?.histogram;
    const on = histogram && screen(canvas);
    if (!histogram || !on) return;
    const { g, w, h } = on;
    const most = Math.log1p(Math.max(...histogram.bins));
    const width = w / histogram.bins.length;
    g.fillStyle = css("--accent");
    histogram.bins.forEach((n, i) => {
      const height = (Math.log1p(n) / most) * (h - 18);
      g.fillRect(i * width, h - 16 - height, Math.max(width - 0.5, 0.5), height);
    });
    g.fillStyle = css("--faint");
    g.font = "11px system-ui, sans-serif";
    g.textBaseline = "bottom";
    g.fillText(histogram.low.toPrecision(3).replace(/\.?0+$/, "") || "0", 0, h);
    g.textAlign = "right";
    g.fillText(String(Number(histogram.high.toPrecision(4))), w, h);
  };
  createEffect(draw);
  watchSize(() => canvas, draw);
  return (
    <section class="box" aria-label="Histogram">
      <h3>
        Histogram <span class="unit">{state.projection()?.max_count === null ? "fluorescence units" : "counts"} of the first frame, log scale</span>
      </h3>
      <canvas ref={canvas} class="plot histogram" role="img" aria-label="Histogram of the first frame" />
    </section>
  );
}

export function Inspector() {
  let canvas!: HTMLCanvasElement;
  const draw = () => {
    const c = state.cell();
    const on = c && screen(canvas);
    if (c && on) drawTraces(on, [c], c.fps, [0, c.c.length / c.fps], false);
  };
  createEffect(draw);
  return (
    <Show when={state.selected() !== undefined && state.cell()}>
      {(c) => (
        <section class="box inspector" aria-label="Selected cell" aria-live="polite">
          <header>
            <h3>Cell {c().unit}</h3>
            <button type="button" class="quiet" onClick={() => state.select(undefined)}>
              Close
            </button>
          </header>
          <canvas ref={(el) => ((canvas = el), requestAnimationFrame(draw))} class="plot cell" role="img" aria-label="Calcium trace and spikes of the cell over the first minute" />
          <dl class="facts">
            <Fact name="Depth">{c().depth_um.toFixed(1)} µm</Fact>
            <Fact name="Blur σ">{c().sigma_px === null ? "–" : `${c().sigma_px!.toFixed(2)} px`}</Fact>
            <Fact name="SNR">{c().snr === null ? "–" : c().snr!.toFixed(1)}</Fact>
            <Fact name="Spikes">{c().spikes.reduce((n, s) => n + s[1], 0)}</Fact>
            <Fact name="Light lost to vessels">{c().vessel_share === null ? "–" : `${(100 * c().vessel_share!).toFixed(0)} %`}</Fact>
            <Fact name="Brightness">{c().amplitude === null ? "–" : c().amplitude!.toFixed(2)}</Fact>
          </dl>
          <p>{c().why}</p>
        </section>
      )}
    </Show>
  );
}
