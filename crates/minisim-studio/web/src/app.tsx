// The page: presets and panels on top, controls at the left, what they make at the right.

import { For, Match, Show, Switch, createSignal, onCleanup, onMount } from "solid-js";
import { ActivityControls, ActivityView } from "./activity";
import { GroupPanel } from "./controls";
import { GenerateControls, GenerateView } from "./generate";
import { HistogramBox, Inspector, Readouts, SideView } from "./side";
import { state } from "./state";
import { TourControls, TourView } from "./tour";
import { Viewer, togglePlay } from "./viewer";

/** Key, title, and a shorter title for phones. */
const PANELS = [
  ["anatomy", "Anatomy & scope", "Anatomy"],
  ["activity", "Neural activity", "Activity"],
  ["generate", "Generate", "Generate"],
  ["tour", "Tour", "Tour"],
] as const;

/** Steps without which there is nothing to show; they have no switch. */
function hasFields(properties: object | undefined): boolean {
  return Object.keys(properties ?? {}).some((name) => name !== "kind");
}

export function App() {
  const [theme, setTheme] = createSignal(localStorage.getItem("theme") ?? "");
  const panel = () => state.view().panel;
  const choose = (panel: string) => state.setView((v) => ({ ...v, panel }));

  const keys = (e: KeyboardEvent) => {
    const typing = e.target instanceof HTMLElement && e.target.matches("input[type=text], textarea, select");
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "z" && !typing) {
      e.preventDefault();
      if (e.shiftKey) state.redo();
      else state.undo();
    } else if (e.key === " " && e.target === document.body) {
      e.preventDefault();
      togglePlay();
    }
  };
  onMount(() => document.addEventListener("keydown", keys));
  onCleanup(() => document.removeEventListener("keydown", keys));

  const flip = () => {
    const dark = theme() === "dark" || (theme() === "" && matchMedia("(prefers-color-scheme: dark)").matches);
    const next = dark ? "light" : "dark";
    setTheme(next);
    localStorage.setItem("theme", next);
    document.documentElement.dataset.theme = next;
  };
  if (theme()) document.documentElement.dataset.theme = theme();

  return (
    <div class="page">
      <header class="top">
        <h1>
          <span class="logo" aria-hidden="true" />{" "}
          <span class="name">
            Minisim <small>studio</small>
          </span>
        </h1>
        <nav role="tablist" aria-label="Panels">
          <For each={PANELS}>
            {([key, title, short]) => (
              <button type="button" role="tab" id={`tab-${key}`} aria-selected={panel() === key} aria-controls="panel" onClick={() => choose(key)}>
                <span class="long">{title}</span>
                <span class="brief" aria-hidden="true">
                  {short}
                </span>
              </button>
            )}
          </For>
        </nav>
        <label class="presets-menu">
          <span class="visually-hidden">Preset</span>
          <select
            aria-label="Preset"
            onChange={(e) => {
              const preset = state.hello()?.presets[Number(e.currentTarget.value)];
              if (preset) state.change(preset.spec);
              e.currentTarget.value = "";
            }}
          >
            <option value="">Start from a preset…</option>
            <For each={state.hello()?.presets ?? []}>{(preset, i) => <option value={i()}>{preset.title}</option>}</For>
          </select>
        </label>
        <span class="spring" />
        <span class="status" role="status">
          <Switch fallback={<Show when={state.latency()}>{(ms) => <span class="hint">{ms().toFixed(0)} ms</span>}</Show>}>
            <Match when={!state.connected()}>
              <strong class="lost">The engine is away; is minisim studio still running?</strong>
            </Match>
            <Match when={state.findings().length > 0}>
              <strong class="lost">This setting cannot be simulated</strong>
            </Match>
            <Match when={state.busy()}>
              <span class="hint working">rendering</span>
            </Match>
          </Switch>
        </span>
        <button type="button" class="quiet" disabled={!state.canUndo()} onClick={state.undo} title="Undo (Ctrl+Z)" aria-label="Undo">
          <span class="long">Undo</span>
          <span class="brief">↶</span>
        </button>
        <button type="button" class="quiet" disabled={!state.canRedo()} onClick={state.redo} title="Redo (Ctrl+Shift+Z)" aria-label="Redo">
          <span class="long">Redo</span>
          <span class="brief">↷</span>
        </button>
        <button type="button" class="quiet" onClick={flip} title="Light or dark">
          ◐
        </button>
      </header>
      <Show when={state.message()}>
        <p class="message" role="status">
          {state.message()}
          <button type="button" class="quiet" onClick={() => state.setMessage("")} aria-label="Dismiss">
            ✕
          </button>
        </p>
      </Show>
      <main id="panel" role="tabpanel" aria-labelledby={`tab-${panel()}`} classList={{ three: panel() === "anatomy" }}>
        <aside class="controls" aria-label="Controls">
          <Show when={state.hello()} fallback={<p class="hint">Connecting to the engine…</p>}>
            {/* A finding about no control in sight is said here. */}
            <For each={state.findings()}>{(f) => <p class="finding" role="alert">{f.message}</p>}</For>
            <Switch>
              <Match when={panel() === "anatomy"}>
                <For each={state.allGroups().filter((g) => g.panel === "anatomy" && (!g.kind || hasFields(g.def.properties)))}>{(group) => <GroupPanel group={group} />}</For>
              </Match>
              <Match when={panel() === "activity"}>
                <ActivityControls />
              </Match>
              <Match when={panel() === "generate"}>
                <GenerateControls />
              </Match>
              <Match when={panel() === "tour"}>
                <TourControls />
              </Match>
            </Switch>
          </Show>
        </aside>
        <Switch>
          <Match when={panel() === "anatomy"}>
            <Viewer />
            <aside class="facts-column" aria-label="What it makes">
              <Readouts />
              <Inspector />
              <SideView />
              <HistogramBox />
            </aside>
          </Match>
          <Match when={panel() === "activity"}>
            <ActivityView />
          </Match>
          <Match when={panel() === "generate"}>
            <GenerateView />
          </Match>
          <Match when={panel() === "tour"}>
            <TourView />
          </Match>
        </Switch>
      </main>
    </div>
  );
}
