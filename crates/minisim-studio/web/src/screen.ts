// Drawing on canvases that follow the screen and the theme.

import { onCleanup, onMount } from "solid-js";

/** A colour of the theme. */
export function css(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Redraws when the element changes size. */
export function watchSize(element: () => Element | undefined, draw: () => void) {
  onMount(() => {
    const observer = new ResizeObserver(draw);
    const target = element();
    if (target) observer.observe(target);
    onCleanup(() => observer.disconnect());
  });
}

/** A canvas whose pixels are those of the screen; its context, cleared. */
export function screen(canvas: HTMLCanvasElement): { g: CanvasRenderingContext2D; w: number; h: number } | undefined {
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [canvas.clientWidth, canvas.clientHeight];
  const g = canvas.getContext("2d");
  if (!g || w === 0 || h === 0) return undefined;
  [canvas.width, canvas.height] = [Math.round(w * ratio), Math.round(h * ratio)];
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, w, h);
  return { g, w, h };
}

/** Whether the page is on a phone: the picture comes first there, and the sliders are folded. */
export const isNarrow = () => matchMedia("(max-width: 760px)").matches;
