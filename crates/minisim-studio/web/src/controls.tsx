// Controls of any field, made from its schema.

import { isNarrow } from "./screen";
import { For, Index, Show, createEffect, createMemo, createSignal, createUniqueId, type JSX } from "solid-js";
import { get, initial, label, optional, place, type Group } from "./schema";
import { OFF, state } from "./state";
import type { Dict, Json, Path, Schema } from "./types";

export function digits(step: number): number {
  return Math.max(0, Math.min(6, Math.ceil(-Math.log10(step) - 1e-9)));
}

/** A number in few digits, never in a form that reads back as another. */
function text(value: number): string {
  return String(Number(value.toPrecision(10)));
}

interface FieldProps {
  path: Path;
  name: string;
  schema: Schema;
  disabled?: boolean;
}

/** The label, the unit, the control and what the engine has to say about the field. */
function Row(props: FieldProps & { for?: string; children: JSX.Element; extra?: JSX.Element }) {
  const finding = () => state.finding(props.path);
  const warning = () => state.warnings().find((w) => w.path === props.path.reduce<string>((t, k) => (typeof k === "number" ? `${t}[${k}]` : t ? `${t}.${k}` : k), ""));
  return (
    <div class="row" classList={{ wrong: !!finding(), off: props.disabled }} data-path={props.path.join(".")}>
      <label for={props.for} title={props.schema.description}>
        {label(props.name, props.schema)}
        <Show when={props.schema["x-unit"]}>
          <span class="unit"> {props.schema["x-unit"]}</span>
        </Show>
      </label>
      {props.extra}
      {props.children}
      <Show when={finding()}>
        {(f) => (
          <p class="finding" role="alert">
            {f().rule}
            <Show when={f().remedy}> — {f().remedy}</Show>
          </p>
        )}
      </Show>
      <Show when={warning()}>{(w) => <p class="warning">{w().rule}</p>}</Show>
    </div>
  );
}

/** A slider with a number beside it, which may go beyond the slider. */
export function NumberControl(props: {
  id: string;
  value: number;
  schema: Schema;
  disabled?: boolean;
  label: string;
  set: (value: number) => void;
}) {
  const hint = () => props.schema["x-ui"] ?? {};
  const whole = () => props.schema.type === "integer";
  const step = () => hint().step ?? (whole() ? 1 : 0.01);
  let slider: HTMLInputElement | undefined;
  // A slider cuts its value to its bounds; when these change, too, it gets the value again.
  createEffect(() => {
    hint();
    if (slider) slider.value = String(props.value);
  });
  /** What is being typed; answers of the engine do not disturb it. */
  const [draft, setDraft] = createSignal<string>();
  const take = (input: HTMLInputElement) => {
    const typed = input.value;
    const value = Number(typed);
    setDraft(undefined);
    if (typed.trim() !== "" && Number.isFinite(value)) props.set(whole() ? Math.round(value) : value);
    input.value = text(props.value);
  };
  return (
    <div class="number" classList={{ typed: hint().min === undefined }}>
      <Show when={hint().min !== undefined}>
        <input
          ref={slider}
          type="range"
          id={props.id}
          aria-label={props.label}
          min={hint().min}
          max={hint().max}
          step={step()}
          value={props.value}
          disabled={props.disabled}
          style={{ "--at": `${(100 * (Math.min(Math.max(props.value, hint().min!), hint().max!) - hint().min!)) / (hint().max! - hint().min!)}%` }}
          onInput={(e) => props.set(Number(Number(e.currentTarget.value).toFixed(digits(step()))))}
        />
      </Show>
      <input
        type="text"
        inputmode="decimal"
        aria-label={`${props.label}, value`}
        id={hint().min === undefined ? props.id : undefined}
        value={draft() ?? text(props.value)}
        disabled={props.disabled}
        onInput={(e) => setDraft(e.currentTarget.value)}
        onChange={(e) => take(e.currentTarget)}
        onBlur={() => setDraft(undefined)}
      />
    </div>
  );
}

/** The control of a field. */
export function Field(props: FieldProps) {
  const id = createUniqueId();
  const schema = createMemo(() => state.resolve()(props.schema));
  const value = () => state.value(props.path);
  const set = (value: Json) => state.assign(props.path, value);
  const alternative = createMemo(() => optional(schema()));
  const isPair = () => schema().type === "array" && schema().maxItems === 2 && schema().minItems === 2;
  const name = () => label(props.name, schema());

  const number = (inner: Schema, disabled?: boolean) => (
    <NumberControl id={id} label={name()} value={value() as number} schema={inner} disabled={props.disabled || disabled} set={set} />
  );

  return (
    <Show
      when={alternative()}
      fallback={
        <Show
          when={schema().type === "number" || schema().type === "integer"}
          fallback={
            <Show
              when={schema().type === "boolean"}
              fallback={
                <Show
                  when={schema().enum}
                  fallback={
                    <Show
                      when={isPair() && Array.isArray(value())}
                      fallback={<Other {...props} schema={schema()} value={value()} />}
                    >
                      <Row {...props} schema={schema()}>
                        <Index each={value() as number[]}>
                          {(v, i) => (
                            <NumberControl
                              id={`${id}-${i}`}
                              label={`${name()} ${i + 1}`}
                              value={v()}
                              schema={{ ...schema().items, "x-ui": schema()["x-ui"] }}
                              disabled={props.disabled}
                              set={(n) => set((value() as number[]).map((old, k) => (k === i ? n : old)))}
                            />
                          )}
                        </Index>
                      </Row>
                    </Show>
                  }
                >
                  {(choices) => (
                    <Row {...props} schema={schema()}>
                      <div class="choices" role="radiogroup" aria-label={name()}>
                        <For each={choices() as string[]}>
                          {(choice) => (
                            <button
                              type="button"
                              role="radio"
                              aria-checked={value() === choice}
                              disabled={props.disabled}
                              onClick={() => set(choice)}
                            >
                              {choice.replace(/_/g, " ")}
                            </button>
                          )}
                        </For>
                      </div>
                    </Row>
                  )}
                </Show>
              }
            >
              <Row {...props} schema={schema()} for={id}>
                <input class="switch" type="checkbox" role="switch" id={id} checked={value() === true} disabled={props.disabled} onChange={(e) => set(e.currentTarget.checked)} />
              </Row>
            </Show>
          }
        >
          <Row {...props} schema={schema()} for={id}>
            {number(schema())}
          </Row>
        </Show>
      }
    >
      {(a) => {
        const isNumber = () => a().inner.type === "number" || a().inner.type === "integer";
        const isOff = () => value() === a().off;
        const start = () => a().inner["x-ui"]?.start ?? a().inner.minimum ?? (a().inner.exclusiveMinimum ?? 0) + 1;
        return (
          <Show when={isNumber()} fallback={<Other {...props} schema={a().inner} value={value()} />}>
            <Row
              {...props}
              schema={a().inner}
              for={id}
              extra={
                <label class="option">
                  <input type="checkbox" checked={isOff()} disabled={props.disabled} onChange={(e) => set(e.currentTarget.checked ? a().off : start())} />
                  {a().off === null ? "none" : String(a().off)}
                </label>
              }
            >
              <Show when={!isOff()}>{number(a().inner)}</Show>
            </Row>
          </Show>
        );
      }}
    </Show>
  );
}

/** A field that has no control of its own: what it holds, in words. */
function Other(props: FieldProps & { value: Json | undefined }) {
  const words = () => {
    const v = props.value;
    if (v === null || v === undefined) return "none";
    return Array.isArray(v) ? `${v.length} given` : JSON.stringify(v);
  };
  return (
    <Row {...props}>
      <output class="other">{words()}</output>
    </Row>
  );
}

/** Lists of structs become cards; everything else a field. */
export function Fields(props: { def: Schema; at: Path; disabled?: boolean; skip?: string[] }) {
  const entries = createMemo(() =>
    Object.entries(props.def.properties ?? {}).filter(([name, schema]) => {
      const full = state.resolve()(schema);
      return schema.const === undefined && !full.properties && !schema["x-ui"]?.group && !props.skip?.includes(name);
    }),
  );
  const listOf = (schema: Schema): Schema | undefined => {
    const items = schema.items ?? optional(schema)?.inner.items;
    const full = items && state.resolve()(items);
    return full?.properties ? full : undefined;
  };
  const lists = () => entries().filter(([, schema]) => listOf(schema));
  const first = () => entries().filter(([, s]) => !listOf(s) && (s["x-ui"]?.min !== undefined || s["x-ui"]?.prominent));
  const more = () => entries().filter(([, s]) => !listOf(s) && s["x-ui"]?.min === undefined && !s["x-ui"]?.prominent);
  // Where a list is given, its entries say what the struct's own fields would have said.
  const replaced = () => lists().some(([name, schema]) => optional(schema) && Array.isArray(state.value([...props.at, name])));
  return (
    <>
      <Show when={!replaced()}>
        <For each={first()}>{([name, schema]) => <Field path={[...props.at, name]} name={name} schema={schema} disabled={props.disabled} />}</For>
        <Show when={more().length > 0}>
          <details class="more">
            <summary>More</summary>
            <For each={more()}>{([name, schema]) => <Field path={[...props.at, name]} name={name} schema={schema} disabled={props.disabled} />}</For>
          </details>
        </Show>
      </Show>
      <For each={lists()}>
        {([name, schema]) => <Cards path={[...props.at, name]} name={name} schema={schema} item={listOf(schema)!} at={props.at} def={props.def} disabled={props.disabled} />}
      </For>
    </>
  );
}

/** The entries of a list, each a card; more can be added. */
function Cards(props: { path: Path; name: string; schema: Schema; item: Schema; at: Path; def: Schema; disabled?: boolean }) {
  const list = () => (state.value(props.path) ?? []) as Dict[];
  const word = () => label(props.name, props.schema).toLowerCase().replace(/ies$/, "y").replace(/s$/, "");
  const add = () => {
    const own = (state.value(props.at) ?? {}) as Dict;
    const fields = Object.keys(props.item.properties ?? {});
    const fresh = initial(props.item, state.resolve()) as Dict;
    if (optional(props.schema) && list().length === 0) {
      // The struct's own fields become the first entry and go back to their defaults.
      const moved: Dict = {};
      let rest = { ...own };
      for (const field of fields) {
        moved[field] = own[field] ?? fresh[field]!;
        rest = { ...rest, [field]: initial(props.def.properties![field]!, state.resolve()) };
      }
      rest[props.name] = [moved, fresh];
      state.assign(props.at, rest);
    } else {
      state.assign(props.path, [...list(), list().at(-1) ?? fresh]);
    }
  };
  const remove = (i: number) => {
    const rest = list().filter((_, k) => k !== i);
    state.assign(props.path, rest.length === 0 && optional(props.schema) ? null : rest);
  };
  return (
    <div class="cards">
      <Index each={list()}>
        {(_, i) => (
          <section class="card">
            <header>
              <h4>
                {word()} {i + 1}
              </h4>
              <button type="button" class="quiet" disabled={props.disabled} onClick={() => remove(i)} aria-label={`Remove ${word()} ${i + 1}`}>
                Remove
              </button>
            </header>
            <Fields def={props.item} at={[...props.path, i]} disabled={props.disabled} />
          </section>
        )}
      </Index>
      <button type="button" class="quiet add" disabled={props.disabled} onClick={add}>
        + Add {word()}
      </button>
    </div>
  );
}

/** Whether a group's step acts. */
export function isOn(group: Group): boolean {
  const at = place(group, state.spec());
  if (!at) return false;
  const field = group.def["x-ui"]?.switch;
  return !field || get(state.spec(), [...at, field]) === true;
}

function toggle(group: Group, yes: boolean) {
  const spec = state.spec();
  const steps = spec.steps as Dict[];
  const { switch: field, list } = group.def["x-ui"] ?? {};
  const kind = group.kind!;
  if (!yes) {
    const old = steps.find((s) => s.kind === kind);
    if (old) state.removed.set(kind, old);
    return state.change({ ...spec, steps: steps.filter((s) => s.kind !== kind) });
  }
  const present = steps.find((s) => s.kind === kind) ?? state.removed.get(kind);
  const step: Dict = { ...(present ?? (initial(group.def, state.resolve()) as Dict)) };
  if (field) step[field] = true;
  if (list && (step[list] as Json[]).length === 0) {
    step[list] = [initial(group.def.properties![list]!.items!, state.resolve())];
  }
  state.change({ ...spec, steps: [...steps.filter((s) => s.kind !== kind), step] });
}

/** A group: its title, its switch, its controls. */
export function GroupPanel(props: { group: Group; fixed?: boolean; children?: JSX.Element }) {
  const on = () => !props.group.kind || isOn(props.group);
  const at = (): Path => state.at(props.group) ?? [OFF, props.group.kind!];
  const id = createUniqueId();
  const skip = () => [props.group.def["x-ui"]?.switch ?? ""];
  return (
    <details class="group" open={!isNarrow() && (props.group.panel !== "anatomy" || props.group.order < 5)} classList={{ off: !on() }} data-group={props.group.name}>
      <summary title={props.group.help}>
        <h3 id={id}>{props.group.title}</h3>
        <Show when={props.group.kind && !props.fixed}>
          <input
            class="switch"
            type="checkbox"
            role="switch"
            aria-labelledby={id}
            checked={on()}
            onClick={(e) => e.stopPropagation()}
            onChange={(e) => toggle(props.group, e.currentTarget.checked)}
          />
        </Show>
      </summary>
      <div class="body">
        {props.children}
        <For each={props.group.guests}>{([path, schema]) => <Field path={path} name={String(path.at(-1))} schema={schema} />}</For>
        <Fields def={props.group.def} at={at()} disabled={!on()} skip={skip()} />
      </div>
    </details>
  );
}
