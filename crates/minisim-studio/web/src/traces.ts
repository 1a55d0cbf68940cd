// Stacked calcium traces with spike ticks.

import { css } from "./screen";
import type { Trace } from "./messages";

/** Draws traces one above the other over the time window (s); with numbers and a time axis if `axes`. */
export function drawTraces(
  { g, w, h }: { g: CanvasRenderingContext2D; w: number; h: number },
  traces: Trace[],
  fps: number,
  [from, to]: [number, number],
  axes: boolean,
) {
  const left = axes ? 44 : 2;
  const bottom = axes ? 24 : 14;
  const row = (h - bottom) / Math.max(traces.length, 1);
  const x = (s: number) => left + ((s - from) / (to - from)) * (w - left - 4);
  const first = Math.max(Math.floor(from * fps), 0);
  g.font = "11px system-ui, sans-serif";
  g.lineJoin = "round";
  traces.forEach((trace, i) => {
    const last = Math.min(Math.ceil(to * fps) + 1, trace.c.length);
    const [low, high] = trace.c.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [Infinity, -Infinity]);
    const base = (i + 1) * row - 9;
    const tall = Math.max(row - 14, 4);
    const y = (v: number) => base - (high > low ? (v - low) / (high - low) : 0) * tall;
    g.strokeStyle = css("--spike");
    g.lineWidth = 1;
    g.beginPath();
    for (const [frame, n] of trace.spikes) {
      if (frame < first || frame >= last) continue;
      const tick = Math.min(2 + n, 7);
      g.moveTo(x(frame / fps), base + 2);
      g.lineTo(x(frame / fps), base + 2 + tick);
    }
    g.stroke();
    g.strokeStyle = css("--accent");
    g.lineWidth = 1.3;
    g.beginPath();
    for (let f = first; f < last; f++) g.lineTo(x(f / fps), y(trace.c[f]!));
    g.stroke();
    if (axes) {
      g.fillStyle = css("--faint");
      g.textAlign = "right";
      g.textBaseline = "middle";
      g.fillText(String(trace.unit), left - 8, base - tall / 2);
    }
  });
  g.fillStyle = css("--faint");
  g.textBaseline = "bottom";
  g.textAlign = "center";
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20].find((v) => (to - from) / v <= 8) ?? 60;
  if (axes) {
    for (let s = Math.ceil(from / step) * step; s <= to; s += step) {
      g.fillText(`${Number(s.toFixed(2))} s`, Math.min(Math.max(x(s), left + 8), w - 14), h - 2);
      g.fillRect(x(s), h - bottom + 4, 1, 4);
    }
  } else {
    g.textAlign = "right";
    g.fillText(`${to.toFixed(0)} s`, w - 2, h);
  }
}
