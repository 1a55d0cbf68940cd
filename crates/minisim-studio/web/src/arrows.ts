// How the tissue is displaced, as arrows over the picture: from where it lies at rest to where it is seen, enlarged.

import type { DisplacementFacts } from "./messages";

/** Which displacement is shown: none, all of it, or what differs from place to place. */
export type Arrows = "off" | "all" | "beyond";

const COLOUR = "#ffd166";
/** Factors by which arrows are enlarged, and lengths of the one that tells the scale (µm). */
const ROUND = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];
const atMost = (limit: number) => ROUND.findLast((v) => v <= limit) ?? ROUND[0]!;

/** The displacement (down, right) of place `i` in frame `t` (px). */
function displaced(d: DisplacementFacts, which: Arrows, t: number, i: number): [number, number] {
  const [down, right] = which === "all" ? [d.whole_px[2 * t]!, d.whole_px[2 * t + 1]!] : [0, 0];
  const at = 2 * (t * (d.at_px.length / 2) + i);
  return [down + (d.beyond_px?.[at] ?? 0), right + (d.beyond_px?.[at + 1] ?? 0)];
}

/** By how much arrows are enlarged, and the longest displacement of the film shown (px). */
export interface Enlargement {
  times: number;
  longest: number;
}

/** Such that the longest arrow reaches about to the next one. */
export function enlargement(d: DisplacementFacts, which: Arrows): Enlargement {
  const places = d.at_px.length / 2;
  let longest = 0;
  for (let t = 0; t < d.whole_px.length / 2; t++) {
    for (let i = 0; i < places; i++) longest = Math.max(longest, Math.hypot(...displaced(d, which, t, i)));
  }
  const spacing = places > 1 ? Math.hypot(d.at_px[2]! - d.at_px[0]!, d.at_px[3]! - d.at_px[1]!) : 50;
  return { times: longest > 0 ? Math.max(atMost((1.2 * spacing) / longest), 1) : 1, longest };
}

function arrow(g: CanvasRenderingContext2D, x: number, y: number, dx: number, dy: number) {
  const length = Math.hypot(dx, dy);
  g.moveTo(x, y);
  g.lineTo(x + dx, y + dy);
  if (length < 3) return;
  const barb = Math.min(0.35 * length, 7) / length;
  for (const side of [0.5, -0.5]) {
    g.moveTo(x + dx, y + dy);
    g.lineTo(x + dx - barb * (0.866 * dx - side * dy), y + dy - barb * (0.866 * dy + side * dx));
  }
}

/** Draws the arrows of frame `t`, and one that tells their scale at the lower right. `scale` is screen pixels a pixel. */
export function drawArrows(
  { g, w, h }: { g: CanvasRenderingContext2D; w: number; h: number },
  d: DisplacementFacts,
  which: Arrows,
  { times, longest }: Enlargement,
  t: number,
  scale: number,
  pixel_um: number,
) {
  const frame = Math.min(t, d.whole_px.length / 2 - 1);
  const um = atMost(longest * pixel_um);
  const bar = (um / pixel_um) * times * scale;
  const text = `${um} µm, drawn ×${times}`;
  g.font = "12px system-ui, sans-serif";
  g.lineCap = "round";
  for (const [colour, width] of [["rgb(0 0 0 / 0.7)", 3.6], [COLOUR, 1.6]] as const) {
    g.strokeStyle = colour;
    g.lineWidth = width;
    g.beginPath();
    for (let i = 0; i < d.at_px.length / 2; i++) {
      const [down, right] = displaced(d, which, frame, i);
      arrow(g, (d.at_px[2 * i + 1]! + 0.5) * scale, (d.at_px[2 * i]! + 0.5) * scale, right * times * scale, down * times * scale);
    }
    g.stroke();
  }
  // Arrows below must not be taken for the one that tells the scale.
  const wide = Math.max(g.measureText(text).width, bar) + 12;
  g.fillStyle = "rgb(0 0 0 / 0.75)";
  g.fillRect(w - 6 - wide, h - 38, wide, 34);
  g.strokeStyle = COLOUR;
  g.beginPath();
  arrow(g, w - 12 - bar, h - 13, bar, 0);
  g.stroke();
  g.textAlign = "right";
  g.fillStyle = COLOUR;
  g.fillText(text, w - 12, h - 22);
  g.textAlign = "left";
}
