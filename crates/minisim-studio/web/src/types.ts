// What the page makes of the engine's messages (`messages.ts`), and the parts of a JSON schema that it reads.

import type { Answer, FigureHeader, FigurePanel, FrameHeader, ImagePanel, ProjectionHeader, Request } from "./messages";

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

/** Headers with the pixels that follow them. */
export type Projection = ProjectionHeader & { data: Float32Array };
export type Frame = FrameHeader & { data: Uint8Array };
export type TourImage = ImagePanel & { kind: "image"; data: Float32Array };
export type TourPlot = Exclude<FigurePanel, { kind: "image" }>;
export type Figure = Omit<FigureHeader, "panels"> & { panels: (TourImage | TourPlot)[] };

/** What an engine tells the page: one function for each type of message. */
export type Events = { [A in Answer as A["type"]]: (answer: A) => void } & {
  projection(projection: Projection): void;
  frame(frame: Frame): void;
  tour(figure: Figure): void;
  /** The engine went away, or came back. */
  connected(yes: boolean): void;
};

/** Whoever simulates for the page: a server, or the page itself. */
export interface Engine {
  ask(request: Request): void;
}
