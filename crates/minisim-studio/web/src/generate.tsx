// Writing recordings, and taking the configuration elsewhere.

import { For, Show, createSignal } from "solid-js";
import { Field, GroupPanel } from "./controls";
import { state } from "./state";
import type { JobFacts } from "./messages";
import type { Dict } from "./types";

function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let k = 0;
  while (bytes >= 1000 && k < units.length - 1) [bytes, k] = [bytes / 1000, k + 1];
  return `${bytes.toPrecision(bytes < 10 ? 2 : 3)} ${units[k]}`;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(seconds, 0).toFixed(seconds < 10 ? 1 : 0)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

const [name, setName] = createSignal("recording");
const [folder, setFolder] = createSignal("");
const [format, setFormat] = createSignal("zarr");
const [overwrite, setOverwrite] = createSignal(false);
/** Name and ending of what will be written. */
const file = () => `${name().trim() || "recording"}.${state.hello()?.formats.find((f) => f.name === format())?.suffix ?? format()}`;

export function GenerateControls() {
  const schema = () => state.schema().properties ?? {};
  const groups = () => state.allGroups().filter((g) => g.panel === "generate");
  return (
    <>
      <For each={groups()}>
        {(group) => (
          <GroupPanel group={group}>
            <Show when={group === groups()[0]}>
              {/* Fields of the spec itself, which belong to no struct. */}
              <For each={Object.entries(schema()).filter(([, s]) => s.type === "integer")}>{([field, s]) => <Field path={[field]} name={field} schema={s} />}</For>
            </Show>
          </GroupPanel>
        )}
      </For>
      <details class="group" open>
        <summary>
          <h3>File</h3>
        </summary>
        <div class="body">
          <div class="row">
            <label for="name">Name</label>
            <input id="name" type="text" class="wide" value={name()} onInput={(e) => setName(e.currentTarget.value)} />
          </div>
          <div class="row">
            <label for="folder" title={`Below ${state.hello()?.folder}`}>
              Folder <span class="unit">in {state.hello()?.folder}</span>
            </label>
            <input id="folder" type="text" class="wide" placeholder="(the folder itself)" value={folder()} onInput={(e) => setFolder(e.currentTarget.value)} />
          </div>
          <div class="row">
            <label for="format">Format</label>
            <select id="format" value={format()} onChange={(e) => setFormat(e.currentTarget.value)}>
              <For each={state.hello()?.formats ?? []}>{(f) => <option value={f.name}>{f.name} — {f.about}</option>}</For>
            </select>
          </div>
          <div class="row">
            <label for="overwrite">Replace an existing one</label>
            <input id="overwrite" class="switch" type="checkbox" role="switch" checked={overwrite()} onChange={(e) => setOverwrite(e.currentTarget.checked)} />
          </div>
        </div>
      </details>
    </>
  );
}

function download(text: string, file: string) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  [link.href, link.download] = [url, file];
  link.click();
  URL.revokeObjectURL(url);
}

async function copy(text: string, what: string) {
  try {
    await navigator.clipboard.writeText(text);
    state.setMessage(`${what} copied.`);
  } catch {
    state.setMessage(`The browser does not let the page copy; here it is: ${text}`);
  }
}

/** Reads a spec file, or the spec.json of a recording. */
async function open(input: HTMLInputElement) {
  const file = input.files?.[0];
  input.value = "";
  if (!file) return;
  try {
    const spec = JSON.parse(await file.text()) as Dict;
    if (!Array.isArray(spec.steps)) throw new Error("it has no list of steps");
    state.change(spec);
    state.setMessage(`${file.name} opened.`);
  } catch (why) {
    state.setMessage(`${file.name} is no spec: ${why instanceof Error ? why.message : why}`);
  }
}

function JobRow(props: { job: JobFacts }) {
  const j = () => props.job;
  const running = () => {
    const job = j();
    return job.state === "running" ? job : undefined;
  };
  const failed = () => {
    const job = j();
    return job.state === "failed" ? job : undefined;
  };
  const result = () => {
    const job = j();
    return job.state === "done" ? job.result : undefined;
  };
  return (
    <li class="job" data-state={j().state}>
      <header>
        <strong>{j().path}</strong>
        <span class="spring" />
        <Show when={j().state === "waiting" || j().state === "running"} fallback={<span class="tag">{j().state}</span>}>
          <button type="button" class="quiet" onClick={() => state.engine.ask({ type: "cancel", job: j().id })}>
            Cancel
          </button>
        </Show>
      </header>
      <Show when={j().state === "waiting"}>
        <p class="hint">waits for the one before</p>
      </Show>
      <Show when={running()}>
        {(r) => (
          <>
            <Show when={r().phase === "frames"} fallback={<progress aria-label="Progress" />}>
              <progress max="100" value={r().n_frames > 0 ? (100 * r().done) / r().n_frames : 0} aria-label="Progress" />
            </Show>
            <p class="hint">
              <Show when={r().phase === "frames"} fallback={r().phase === "building" ? "building cells, traces and fields" : "writing the ground truth"}>
                {r().done.toLocaleString("en")} of {r().n_frames.toLocaleString("en")} frames · {Math.round(r().frames_per_s)} frames/s
                <Show when={r().left_s !== null}> · {duration(r().left_s!)} left</Show>
              </Show>
            </p>
          </>
        )}
      </Show>
      <Show when={failed()}>{(f) => <p class="finding">{f().message}</p>}</Show>
      <Show when={j().state === "cancelled"}>
        <p class="hint">Nothing was left behind.</p>
      </Show>
      <Show when={result()}>
        {(r) => (
          <>
            <p>
              {size(r().bytes)} in {duration(r().seconds)} · {r().n_cells.toLocaleString("en")} cells, {r().n_detectable.toLocaleString("en")} detectable
            </p>
            <div class="code">
              <code>{r().python}</code>
              <button type="button" class="quiet" onClick={() => copy(r().python, "The line")}>
                Copy
              </button>
            </div>
          </>
        )}
      </Show>
    </li>
  );
}

export function GenerateView() {
  const cost = () => state.cost();
  const bad = () => state.findings().length > 0;
  const pretty = () => JSON.stringify(state.spec(), null, 2);
  const python = () =>
    `import minisim\n\nspec = minisim.Spec.model_validate_json(r"""\n${pretty()}\n""")\nrecording = minisim.simulate(spec)\nrecording.save("${name()}.zarr")\n`;
  const tooLarge = () => {
    const memory = state.hello()?.memory_bytes;
    return memory && cost() && cost()!.memory_bytes > memory;
  };
  return (
    <section class="generate" aria-label="Generate">
      <div class="box estimate">
        <dl class="facts">
          <div class="fact">
            <dt>Frames</dt>
            <dd>{cost()?.n_frames.toLocaleString("en") ?? "–"}</dd>
          </div>
          <div class="fact">
            <dt>On disk, at most</dt>
            <dd>{cost() ? size(cost()!.bytes_by_format[format()] ?? 0) : "–"}</dd>
          </div>
          <div class="fact">
            <dt>Memory while writing</dt>
            <dd>{cost() ? size(cost()!.memory_bytes) : "–"}</dd>
          </div>
          <div class="fact">
            <dt>As an array in memory</dt>
            <dd>{cost() ? size(cost()!.movie_bytes) : "–"}</dd>
          </div>
        </dl>
        <Show when={tooLarge()}>
          <p class="warning">This needs more memory than is free ({size(state.hello()!.memory_bytes!)}).</p>
        </Show>
        <button
          type="button"
          class="primary"
          disabled={bad() || !state.connected()}
          onClick={() =>
            state.engine.ask({
              type: "generate",
              spec: state.spec(),
              order: { folder: folder().trim(), name: name().trim(), format: format(), overwrite: overwrite() },
            })
          }
        >
          Generate {file()}
        </button>
        <Show when={bad()}>
          <p class="finding">{state.findings()[0]!.message}</p>
        </Show>
      </div>
      <div class="box formats">
        <h3>On disk, at most, by format</h3>
        <table>
          <tbody>
            <For each={state.hello()?.formats ?? []}>
              {(f) => (
                <tr aria-current={f.name === format() ? "true" : undefined}>
                  <th scope="row">
                    <button type="button" class="quiet" onClick={() => setFormat(f.name)}>
                      {f.name}
                    </button>
                  </th>
                  <td class="hint">{f.about}</td>
                  <td>{cost() ? size(cost()!.bytes_by_format[f.name] ?? 0) : "–"}</td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
      </div>
      <div class="box">
        <h3>Recordings</h3>
        <Show when={state.jobs().length > 0} fallback={<p class="hint">None yet. What you see in the picture is what is written.</p>}>
          <ul class="jobs">
            <For each={[...state.jobs()].reverse()}>{(job) => <JobRow job={job} />}</For>
          </ul>
          <Show when={state.jobs().some((j) => j.state !== "running" && j.state !== "waiting")}>
            <button type="button" class="quiet" onClick={() => state.engine.ask({ type: "tidy" })}>
              Clear finished ones from this list
            </button>
          </Show>
        </Show>
      </div>
      <div class="box">
        <h3>Take the configuration with you</h3>
        <div class="buttons">
          <button type="button" onClick={() => download(pretty(), `${name()}.spec.json`)}>
            Download spec
          </button>
          <button type="button" onClick={() => copy(python(), "Python")}>
            Copy as Python
          </button>
          <button type="button" onClick={() => copy(`minisim simulate ${name()}.spec.json -o ${file()}`, "Command")}>
            Copy as command
          </button>
          <button type="button" onClick={() => copy(location.href.replace(/token=[^&#]*/, "token="), "Link")}>
            Copy link
          </button>
          <label class="button">
            Open a spec…
            <input type="file" accept=".json,application/json" class="visually-hidden" onChange={(e) => open(e.currentTarget)} />
          </label>
        </div>
        <p class="hint">A recording's spec is in its folder as spec.json. The address bar holds the setting, too: a bookmark brings it back.</p>
      </div>
    </section>
  );
}
