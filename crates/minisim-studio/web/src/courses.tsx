// Under the film: what changes over time for all cells alike, with the frame shown marked. A click shows that frame.

import { For, Show, createEffect } from "solid-js";
import { css, isNarrow, screen, watchSize } from "./screen";
import { state } from "./state";
import type { CourseFacts } from "./messages";

/** Room for the labels of an axis (px). */
const LEFT = 48;
const BOTTOM = 15;
const COLOURS = ["--series-1", "--series-2", "--series-3", "--series-4"];

interface Shown {
  /** The frame shown, as numbered in the film shown. */
  time: number;
  /** Whether single frames are shown. */
  film: boolean;
  seek: (time: number) => void;
}

/** A number in some digits. */
const short = (v: number, digits = 3) => (v === 0 ? "0" : String(Number(v.toPrecision(digits))));

function Plot(props: { course: CourseFacts } & Shown) {
  let canvas!: HTMLCanvasElement;
  const frames = () => props.course.curves[0]?.length ?? 0;
  const time = () => Math.min(props.time, frames() - 1);
  const second = (t: number) => ((state.projection()?.first_frame ?? 0) + t) / (state.projection()?.fps ?? 1);
  const value = () => (props.course.curves.length === 1 ? `${short(props.course.curves[0]![time()]!, 4)} ${props.course.unit}`.trim() : "");

  const draw = () => {
    const on = screen(canvas);
    if (!on || frames() === 0) return;
    const { g, w, h } = on;
    const [low, high] = props.course.curves.reduce(([a, b], curve) => curve.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [a, b]), [Infinity, -Infinity]);
    const foot = h - BOTTOM;
    // A value lasts as long as its frame.
    const x = (t: number) => LEFT + ((t + 0.5) / frames()) * (w - LEFT - 2);
    const y = (v: number) => foot - 3 - (high > low ? (v - low) / (high - low) : 0.5) * (foot - 8);
    g.fillStyle = css("--line");
    g.fillRect(LEFT, 2, 1, foot - 2);
    g.fillRect(LEFT, foot, w - LEFT, 1);
    g.font = "10.5px system-ui, sans-serif";
    g.fillStyle = css("--faint");
    g.textAlign = "right";
    g.textBaseline = "top";
    g.fillText(short(high), LEFT - 4, 1);
    g.textBaseline = "bottom";
    if (high > low) g.fillText(short(low), LEFT - 4, foot + 1);
    g.textBaseline = "top";
    g.fillText(`${short(second(frames()))} s`, w - 1, foot + 3);
    g.textAlign = "left";
    g.fillText(short(second(0)), LEFT, foot + 3);
    g.lineJoin = "round";
    g.lineWidth = 1.3;
    props.course.curves.forEach((curve, i) => {
      g.strokeStyle = css(COLOURS[i % COLOURS.length]!);
      g.beginPath();
      curve.forEach((v, t) => g.lineTo(x(t), y(v)));
      g.stroke();
    });
    if (!props.film) return;
    g.fillStyle = css("--text");
    g.fillRect(x(time()) - 0.75, 0, 1.5, foot);
    if (props.course.curves.length === 1) {
      g.beginPath();
      g.arc(x(time()), y(props.course.curves[0]![time()]!), 3, 0, 7);
      g.fill();
    }
  };
  createEffect(draw);
  watchSize(() => canvas, draw);

  const to = (t: number) => props.seek(Math.min(Math.max(t, 0), frames() - 1));
  const point = (e: PointerEvent) => {
    const box = canvas.getBoundingClientRect();
    to(Math.floor(((e.clientX - box.left - LEFT) / (box.width - LEFT - 2)) * frames()));
  };
  const key = (e: KeyboardEvent) => {
    const target: Record<string, number> = {
      ArrowLeft: time() - 1, ArrowDown: time() - 1, ArrowRight: time() + 1, ArrowUp: time() + 1,
      PageDown: time() - 10, PageUp: time() + 10, Home: 0, End: frames() - 1,
    };
    if (!(e.key in target)) return;
    e.preventDefault();
    to(target[e.key]!);
  };
  return (
    <figure title={props.course.about}>
      <figcaption>
        <strong>{props.course.label}</strong> <span>{props.film && value() ? value() : props.course.unit}</span>
      </figcaption>
      <canvas
        ref={canvas}
        class="plot course"
        role="slider"
        tabindex="0"
        aria-label={`Frame shown, over ${props.course.label.toLowerCase()}`}
        aria-valuemin="0"
        aria-valuemax={frames() - 1}
        aria-valuenow={time()}
        aria-valuetext={`${second(time()).toFixed(2)} s ${value()}`.trim()}
        onKeyDown={key}
        onPointerDown={(e) => (canvas.setPointerCapture(e.pointerId), point(e))}
        onPointerMove={(e) => e.buttons === 1 && point(e)}
      />
    </figure>
  );
}

export function Courses(props: Shown) {
  const courses = () => state.scene()?.courses ?? [];
  return (
    <Show when={courses().length > 0}>
      <details class="over-time" open={!isNarrow()}>
        <summary>
          Over time <span class="hint">click or arrow keys show a frame</span>
        </summary>
        <div class="courses">
          <For each={courses()}>{(course) => <Plot course={course} time={props.time} film={props.film} seek={props.seek} />}</For>
        </div>
      </details>
    </Show>
  );
}
