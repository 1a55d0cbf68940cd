// From the schema to groups of controls. No field or step is named here.

import type { Dict, Json, Path, Schema } from "./types";

/** A group of controls: a struct of the acquisition, or a step. */
export interface Group {
  name: string;
  title: string;
  help: string;
  panel: string;
  order: number;
  def: Schema;
  /** The step's kind, if it is one. */
  kind?: string;
  /** Where the struct is, for those that are no step. */
  at?: Path;
  /** Fields shown here that live elsewhere: path and schema. */
  guests: [Path, Schema][];
}

export type Resolve = (schema: Schema) => Schema;

/** Follows references; what stands beside a reference wins. */
export function resolver(root: Schema): Resolve {
  const resolve: Resolve = (schema) => {
    if (!schema.$ref) return schema;
    const target = root.$defs?.[schema.$ref.split("/").pop() ?? ""] ?? {};
    const { $ref: _, ...own } = schema;
    return { ...resolve(target), ...own };
  };
  return resolve;
}

export function groups(root: Schema): Group[] {
  const resolve = resolver(root);
  const found: Group[] = [];
  const guests: [string, Path, Schema][] = [];
  const add = (ref: Schema, at?: Path) => {
    const name = ref.$ref?.split("/").pop() ?? "";
    const def = resolve({ $ref: ref.$ref });
    const hint = def["x-ui"] ?? {};
    const kind = def.properties?.kind?.const;
    found.push({
      name,
      title: hint.title ?? name,
      help: def.description ?? "",
      panel: hint.panel ?? "anatomy",
      order: hint.order ?? 1000,
      def,
      kind: typeof kind === "string" ? kind : undefined,
      at,
      guests: [],
    });
    for (const [field, schema] of Object.entries(def.properties ?? {})) {
      if (!at) continue;
      if (schema.$ref && resolve(schema).properties) add(schema, [...at, field]);
      const host = schema["x-ui"]?.group;
      if (host) guests.push([host, [...at, field], schema]);
    }
  };
  for (const [field, schema] of Object.entries(root.properties ?? {})) {
    if (schema.$ref && resolve(schema).properties) add(schema, [field]);
  }
  for (const step of root.properties?.steps?.items?.oneOf ?? []) add(step);
  for (const [host, path, schema] of guests) {
    found.find((g) => g.name === host)?.guests.push([path, schema]);
  }
  return found.sort((a, b) => a.order - b.order);
}

/** Where a group's struct is in this spec; undefined if the step is absent. */
export function place(group: Group, spec: Dict): Path | undefined {
  if (group.at) return group.at;
  const steps = spec.steps as Dict[];
  const index = steps.findIndex((s) => s.kind === group.kind);
  return index < 0 ? undefined : ["steps", index];
}

export function get(spec: Json, path: Path): Json | undefined {
  let value: Json | undefined = spec;
  for (const key of path) {
    if (value === null || typeof value !== "object") return undefined;
    value = (value as Record<string | number, Json>)[key];
  }
  return value;
}

/** A copy of the spec with another value at `path`. */
export function set(spec: Dict, path: Path, value: Json): Dict {
  const [key, ...rest] = path;
  if (key === undefined) return value as Dict;
  const copy = (Array.isArray(spec) ? [...spec] : { ...spec }) as Dict;
  const inner = (copy as Record<string | number, Json>)[key] as Dict;
  (copy as Record<string | number, Json>)[key] = rest.length === 0 ? value : set(inner ?? {}, rest, value);
  return copy;
}

/** As the engine writes it: `steps[0].populations[1].soma_radius_um`. */
export function pathText(path: Path): string {
  return path.reduce<string>((text, key) => (typeof key === "number" ? `${text}[${key}]` : text ? `${text}.${key}` : key), "");
}

/** A field's name for people. */
export function label(field: string, schema: Schema): string {
  const given = schema["x-ui"]?.label;
  if (given) return given;
  // The unit stands beside the value.
  const name = (schema["x-unit"] ? field.replace(/(_per)?_(um|nm|hz|s|e|deg|mm3)$/, "") : field).replace(/_/g, " ");
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** Alternatives of a field: the value that switches it off (null, "auto") and the schema of what it is otherwise. */
export function optional(schema: Schema): { off: Json; inner: Schema } | undefined {
  const off = schema.anyOf?.find((s) => s.const !== undefined || s.type === "null");
  const inner = schema.anyOf?.find((s) => s !== off);
  if (!off || !inner) return undefined;
  const { anyOf: _, ...own } = schema;
  return { off: off.const ?? null, inner: { ...own, ...inner } };
}

/** The value a new entry of this type starts with. */
export function initial(schema: Schema, resolve: Resolve): Json {
  const full = resolve(schema);
  if (full.default !== undefined) return structuredClone(full.default);
  if (full.const !== undefined) return full.const;
  if (full.properties) {
    const value: Dict = {};
    for (const [field, inner] of Object.entries(full.properties)) value[field] = initial(inner, resolve);
    return value;
  }
  return full.type === "array" ? [] : null;
}
