// The studio in a real browser: node test/browser.mjs MINISIM [SCREENSHOTS | --latency]
//
// MINISIM is the command; screenshots of all panels go to the folder SCREENSHOTS; --latency only measures. The browser is $MINISIM_CHROMIUM, or one that
// is installed.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const onlyLatency = process.argv[3] === "--latency";
const [program, shots] = onlyLatency ? [process.argv[2]] : process.argv.slice(2);
const candidates = [process.env.MINISIM_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = candidates.find((path) => path && existsSync(path));
assert(program && executablePath, "usage: node test/browser.mjs MINISIM [SCREENSHOTS], with Chromium in $MINISIM_CHROMIUM");

const dir = mkdtempSync(join(tmpdir(), "minisim-studio-"));
const studio = spawn(program, ["studio", "--no-open", "--dir", dir], { stdio: ["ignore", "pipe", "inherit"] });
const url = await new Promise((found, lost) => {
  let text = "";
  studio.stdout.on("data", (data) => {
    text += data;
    const address = /http:\S+/.exec(text);
    if (address) found(address[0]);
  });
  studio.on("exit", () => lost(new Error(`the studio ended: ${text}`)));
});

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const complaints = [];
const outside = [];

async function open(options = {}) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, ...options });
  page.setDefaultTimeout(30_000);
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && !/getImageData/.test(message.text()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => !/^(http:\/\/127\.0\.0\.1|data:|blob:|ws:\/\/127)/.test(request.url()) && outside.push(request.url()));
  return page;
}

/** Waits until no picture is under way. */
async function settled(page) {
  await page.waitForFunction(() => document.querySelector(".fact dd") && !document.querySelector(".working") && !document.querySelector(".lost"));
}

const pixels = (page, canvas = "canvas.base") =>
  page.$eval(canvas, (c) => {
    const data = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
    let sum = 0;
    for (let i = 0; i < data.length; i++) sum = (sum * 31 + data[i]) % 4294967291;
    return sum;
  });
const fact = (page, name) => page.$eval(`.fact:has(dt:has-text("${name}")) dd`, (e) => e.textContent);
const row = (field) => `[data-path="${field}"]`;
const NA = "acquisition.optics.na";

async function type(page, field, value) {
  await page.fill(`${row(field)} input[type=text]`, String(value));
  await page.press(`${row(field)} input[type=text]`, "Enter");
}

const steps = {
  async "the page opens with a picture, and every control has a name"(page) {
    await page.goto(url);
    await settled(page);
    assert.match(await fact(page, "Field of view"), /1006 × 1006/);
    const nameless = await page.$$eval("input, select, button", (all) =>
      all.filter((e) => !(e.labels?.length || e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.textContent.trim())).length,
    );
    assert.equal(nameless, 0);
  },

  async "a slider changes the picture, and the address"(page) {
    const [before, address] = [await pixels(page), page.url()];
    await page.focus(`${row(NA)} input[type=range]`);
    for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowRight");
    await settled(page);
    await page.waitForFunction((old) => location.href !== old, address);
    assert.notEqual(await pixels(page), before);
    assert.equal(await page.inputValue(`${row(NA)} input[type=text]`), "0.35");
    await page.click("text=Undo");
    await settled(page);
    assert.equal(await page.inputValue(`${row(NA)} input[type=text]`), "0.3");
    assert.equal(await pixels(page), before, "undo brings the very picture back");
    await page.click("text=Redo");
    await settled(page);
    assert.equal(await page.inputValue(`${row(NA)} input[type=text]`), "0.35");
  },

  async "a number may go beyond its slider; an invalid one is explained beside it"(page) {
    await type(page, NA, 0.75);
    await settled(page);
    const before = await pixels(page);
    await type(page, NA, -1);
    await page.waitForSelector(`${row(NA)} .finding`);
    assert.match(await page.textContent(`${row(NA)} .finding`), /greater than 0|must be/);
    assert(await page.$(".pictures.dimmed"));
    assert.equal(await pixels(page), before, "the last valid picture stays");
    await type(page, NA, 0.3);
    await settled(page);
    assert.equal(await page.$(".pictures.dimmed"), null);
  },

  async "presets replace everything"(page) {
    const titles = await page.$$eval("select[aria-label=Preset] option", (all) => all.slice(1).map((o) => o.textContent));
    assert.equal(titles.length, 3);
    const seen = new Set();
    for (const [i] of titles.entries()) {
      await page.selectOption("select[aria-label=Preset]", String(i));
      await page.waitForTimeout(100);
      await settled(page);
      seen.add((await fact(page, "Expected neurons")) + (await fact(page, "Pixel")));
    }
    assert.equal(seen.size, 3);
    await page.selectOption("select[aria-label=Preset]", "0");
    await page.waitForTimeout(100);
    await settled(page);
  },

  async "a step that is off is greyed, and comes back as it was"(page) {
    const group = "[data-group=Neuropil]";
    await page.$eval(group, (e) => (e.open = true));
    const field = `${group} .row:has(label:text-matches("Amplitude")) input[type=text]`;
    const amplitude = await page.inputValue(field);
    const before = await pixels(page);
    await page.click(`${group} summary .switch`);
    await page.waitForSelector(`${group}.off`);
    await settled(page);
    assert.equal(await page.inputValue(field), amplitude);
    assert(await page.isDisabled(field));
    assert.notEqual(await pixels(page), before);
    await page.click(`${group} summary .switch`);
    await settled(page);
    assert.equal(await page.inputValue(field), amplitude);
    assert.equal(await pixels(page), before);
  },

  async "populations and vessel layers can be added"(page) {
    for (const group of ["PlaceNeurons", "Vasculature"]) {
      await page.$eval(`[data-group=${group}]`, (e) => (e.open = true));
      const before = await page.$$eval(`[data-group=${group}] .card`, (all) => all.length);
      await page.click(`[data-group=${group}] .add`);
      await page.waitForFunction(([g, n]) => document.querySelectorAll(`[data-group=${g}] .card`).length === n + 1, [group, before]);
      await settled(page);
      await page.click("text=Undo");
      await settled(page);
    }
  },

  async "stages, colours and overlays"(page) {
    const recording = await pixels(page);
    await page.selectOption(".stage-bar select >> nth=0", "cells_only");
    await page.waitForTimeout(100);
    await settled(page);
    assert.notEqual(await pixels(page), recording);
    await page.selectOption(".stage-bar select >> nth=0", "");
    await page.waitForTimeout(100);
    await settled(page);
    assert.equal(await pixels(page), recording);
    await page.selectOption("select[aria-label=Colours]", "viridis");
    assert.notEqual(await pixels(page), recording);
    await page.selectOption("select[aria-label=Colours]", "GCaMP");
    const bare = await pixels(page, "canvas.over");
    await page.check(".toggles label:has-text('Cells') input");
    await page.waitForTimeout(100);
    assert.notEqual(await pixels(page, "canvas.over"), bare);
  },

  async "a click on a cell tells all about it"(page) {
    const box = await (await page.$("canvas.over")).boundingBox();
    const at = await page.evaluate(() => [0.5, 0.5]);
    // Somewhere near the middle there is a cell.
    for (let i = 0; i < 40 && !(await page.$(".inspector")); i++) {
      await page.mouse.click(box.x + box.width * (at[0] + 0.008 * i), box.y + box.height * (at[1] + 0.003 * i));
      await page.waitForTimeout(60);
    }
    assert.match(await page.textContent(".inspector"), /(Detectable|Not detectable): its largest transient/);
    await page.click(".inspector >> text=Close");
    await page.check(".toggles label:has-text('Demixing') input");
    await page.waitForSelector("figcaption.legend");
    assert.match(await page.textContent("figcaption.legend"), /demixing SNR 0.*\d+ of \d+ cells reach 3/);
    await page.uncheck(".toggles label:has-text('Demixing') input");
    await page.uncheck(".toggles label:has-text('Cells') input");
  },

  async "the film plays and can be scrubbed"(page) {
    await page.click("text=Film");
    await page.waitForSelector(".scrub");
    await page.waitForTimeout(800);
    await page.$eval(".scrub", (e) => ((e.value = 3), e.dispatchEvent(new Event("input", { bubbles: true }))));
    await page.waitForTimeout(100);
    const third = await pixels(page);
    await page.$eval(".scrub", (e) => ((e.value = 30), e.dispatchEvent(new Event("input", { bubbles: true }))));
    for (let waited = 0; (await pixels(page)) === third; waited += 50) {
      assert(waited < 10_000, "frame 30 looks like frame 3");
      await page.waitForTimeout(50);
    }
    await page.click(".play");
    await page.waitForFunction(() => Number(document.querySelector(".scrub").value) !== 30);
    await page.click(".play");
    await page.click("text=Max projection");
    await settled(page);
  },

  async "any minute of the recording can be shown"(page) {
    const before = await pixels(page);
    const start = "input[aria-label='Start of what is shown (s)']";
    const length = await page.$eval(".recording", (e) => Number(e.max));
    assert(length > 0);
    await page.$eval(".recording", (e) => ((e.value = e.max), e.dispatchEvent(new Event("change", { bubbles: true }))));
    await page.waitForFunction((old) => Number(document.querySelector("input[aria-label='Start of what is shown (s)']").value) > old, 0.9 * length);
    await page.waitForTimeout(100);
    await settled(page);
    const end = await pixels(page);
    assert.notEqual(end, before);
    await page.fill(start, "1000000");
    await page.press(start, "Enter");
    await page.waitForTimeout(100);
    await settled(page);
    assert.equal(await pixels(page), end, "past the end the last frames are shown");
    await page.fill(start, "0");
    await page.press(start, "Enter");
    await page.waitForTimeout(100);
    await settled(page);
    assert.equal(await pixels(page), before);
  },

  async "time courses under the film seek, and arrows tell how the tissue is displaced"(page) {
    const groups = ["AxialMotion", "TissueDeformation", "Led", "Haemodynamics"];
    for (const group of groups) {
      await page.click(`[data-group=${group}] summary .switch`);
      await page.waitForTimeout(100);
      await settled(page);
    }
    for (const [label, unit] of [["Axial motion", "µm"], ["Rotation", "rad"], ["Lamp", ""], ["Blood", ""]]) {
      await page.waitForSelector(`.courses figure:has(strong:text-is("${label}"))`);
      assert.equal(await page.textContent(`.courses figure:has(strong:text-is("${label}")) figcaption span`), unit);
    }
    const depth = '.courses figure:has(strong:text-is("Axial motion"))';
    const without = await pixels(page, `${depth} canvas`);
    // A click shows the frame that it points at, beyond the labels at the left.
    const box = await (await page.$(`${depth} canvas`)).boundingBox();
    await page.mouse.click(box.x + 48 + 0.75 * (box.width - 50), box.y + 20);
    await page.waitForSelector(".scrub");
    const [frame, n] = await page.$eval(".scrub", (e) => [Number(e.value), Number(e.max) + 1]);
    assert(Math.abs(frame - 0.75 * n) <= 2, `frame ${frame} of ${n}`);
    assert.notEqual(await pixels(page, `${depth} canvas`), without, "the frame is marked");
    assert.match(await page.textContent(`${depth} figcaption span`), /^-?[\d.]+ µm$/);
    await page.focus(`${depth} canvas`);
    await page.keyboard.press("ArrowLeft");
    assert.equal(await page.$eval(".scrub", (e) => Number(e.value)), frame - 1);
    assert.equal(await page.getAttribute(`${depth} canvas`, "aria-valuenow"), String(frame - 1));

    const arrows = "select[aria-label='Arrows of the displacement']";
    const seen = [await pixels(page, "canvas.over")];
    for (const which of ["all", "beyond"]) {
      await page.selectOption(arrows, which);
      await page.waitForTimeout(100);
      seen.push(await pixels(page, "canvas.over"));
      await page.keyboard.press("Escape");
    }
    await page.focus(`${depth} canvas`);
    await page.keyboard.press("Home");
    await page.waitForTimeout(100);
    seen.push(await pixels(page, "canvas.over"));
    assert.equal(new Set(seen).size, 4, "arrows differ between settings, and move with the frame");
    await page.selectOption(arrows, "off");
    await page.click("text=Max projection");
    for (const _ of groups) {
      await page.click("text=Undo");
      await page.waitForTimeout(100);
      await settled(page);
    }
    await page.waitForFunction(() => !document.querySelector('.courses strong')?.textContent.includes("Axial"));
  },

  async "two settings side by side, and by wipe"(page) {
    await page.click("text=Pin A");
    await type(page, NA, 0.5);
    await settled(page);
    await page.waitForSelector(".pictures.beside");
    assert.equal((await page.$$(".pictures figure")).length, 2);
    await page.click("button:text-is('Wipe')");
    await page.waitForSelector("canvas.wipe");
    await page.click("text=Back to A");
    await settled(page);
    assert.equal(await page.inputValue(`${row(NA)} input[type=text]`), "0.3");
    await page.click("button:text-is('B only')");
  },

  async "neural activity"(page) {
    await page.click("#tab-activity");
    await page.waitForSelector(".plot.traces");
    await page.waitForTimeout(500);
    const before = await pixels(page, ".plot.traces");
    const rate = Number(await fact(page, "Spikes per cell and minute"));
    await page.click(".presets >> text=Active");
    await page.waitForFunction((old) => Number(document.querySelectorAll(".below dd")[1].textContent) > 1.5 * old, rate);
    assert.notEqual(await pixels(page, ".plot.traces"), before);
    const width = Number(await page.inputValue("#fwhm"));
    await page.fill("#fwhm", String(2 * width));
    await page.press("#fwhm", "Enter");
    await page.waitForFunction((w) => Math.abs(Number(document.querySelector("#fwhm").value) - 2 * w) < 0.02, width);
    await page.click("button[aria-label='Zoom in']");
    await page.click("[data-group=CellActivity] summary .switch");
    await page.waitForFunction(() => document.querySelectorAll(".below dd")[1].textContent === "0");
    await page.click("[data-group=CellActivity] summary .switch");
    await page.waitForFunction(() => Number(document.querySelectorAll(".below dd")[1].textContent) > 0);
  },

  async "a recording is written, and found again after a reload"(page) {
    await page.click("#tab-generate");
    await type(page, "acquisition.duration_s", 2);
    await page.fill("#name", "tuned");
    await page.waitForFunction(() => document.querySelector(".estimate dd").textContent === "40");
    await page.click("button.primary");
    await page.waitForSelector(".job[data-state=done]");
    assert.match(await page.textContent(".job"), /Recording\.load\(".*tuned\.zarr"\)/);
    assert(existsSync(join(dir, "tuned.zarr/spec.json")));
    await page.click("button.primary");
    await page.waitForSelector(".message:has-text('exists')");
    await page.waitForTimeout(500);
    await page.reload();
    await page.click("#tab-generate");
    await page.waitForSelector(".job[data-state=done]");
    assert.equal(await page.inputValue(`${row("acquisition.duration_s")} input[type=text]`), "2", "the link holds the setting");
  },

  async "a cancelled recording leaves nothing behind"(page) {
    await type(page, "acquisition.duration_s", 3000);
    await page.fill("#name", "long");
    await page.selectOption("#format", "avi");
    await page.waitForTimeout(300);
    await page.click("button.primary");
    await page.waitForSelector(".job[data-state=running]");
    await page.reload();
    await page.click("#tab-generate");
    await page.click(".job[data-state=running] >> text=Cancel");
    await page.waitForSelector(".job[data-state=cancelled]");
    assert.deepEqual(readdirSync(dir), ["tuned.zarr"]);
    await page.click("text=Clear finished");
    await page.waitForFunction(() => !document.querySelector(".job"));
  },

  async "what detectable means is said without a mouse"(page) {
    await page.click("#tab-anatomy");
    await page.focus('.fact:has(dt:has-text("Detectable")) summary');
    await page.keyboard.press("Enter");
    assert.match(await page.textContent('.fact:has(dt:has-text("Detectable")) [role="note"]'), /neighbours/);
    await page.keyboard.press("Enter");
  },
  async "on a phone the picture comes first, and nothing is wider than the screen"() {
    const phone = await open({ viewport: { width: 390, height: 844 } });
    await phone.goto(url);
    await settled(phone);
    const box = (selector) => phone.$eval(selector, (e) => e.getBoundingClientRect().toJSON());
    assert((await box("header.top")).height < 60, "the header takes more than a line");
    const [picture, sliders] = [await box(".viewer .frame"), await box(".controls")];
    assert(picture.top < sliders.top && picture.height > 200, `picture ${JSON.stringify(picture)}, sliders ${JSON.stringify(sliders)}`);
    assert.equal(await phone.$$eval("details.group[open]", (groups) => groups.length), 0);
    await phone.$eval(".facts-column", (e) => e.scrollIntoView());
    const top = (await box(".viewer .frame")).top;
    assert(top >= 0 && top < 200, "the picture stays in sight");
    for (const panel of ["anatomy", "activity", "generate", "tour"]) {
      await phone.click(`#tab-${panel}`);
      await phone.waitForTimeout(300);
      const [page, main, width] = await phone.evaluate(() => [document.documentElement.scrollWidth, document.querySelector("main").scrollWidth, innerWidth]);
      assert(page <= width && main <= width, `${panel} is ${Math.max(page, main)} px wide`);
    }
    await phone.close();
  },
  async "the tour: chapters, sliders and numbers"(page) {
    await page.click("#tab-tour");
    await page.waitForSelector(".panels canvas");
    const titles = await page.$$eval(".chapter", (all) => all.map((c) => c.textContent));
    assert(titles.length >= 11);
    const settledTour = () => page.waitForFunction(() => document.querySelector(".tour .panels figure") && !document.querySelector(".tour.waiting"));
    for (let i = 0; i < titles.length; i++) {
      await page.click(`.chapter >> nth=${i}`);
      await settledTour();
      assert((await page.$$(".panels figure")).length >= 2, titles[i]);
      assert((await page.$$(".numbers .fact")).length >= 3, titles[i]);
      for (const [slider, number] of await page.$$eval(".knobs .number", (all) => all.map((e) => [...e.querySelectorAll("input")].map((input) => Number(input.value))))) {
        assert(Math.abs(slider - number) < 1e-9, `${titles[i]}: a slider stands at ${slider}, not at ${number}`);
      }
    }
    await page.click(".chapter >> nth=0");
    await settledTour();
    const share = () => page.$eval(".numbers .fact:has(dt:text-matches('out of focus')) dd", (e) => Number.parseFloat(e.textContent));
    const before = await share();
    const slider = "[data-knob='Thickness of the labelled slab'] input[type=text]";
    await page.fill(slider, "10");
    await page.press(slider, "Enter");
    await page.waitForTimeout(50);
    await settledTour();
    assert((await share()) < before / 2, "a thin slab is in focus");
    await page.click("text=Next →");
    await settledTour();
    assert.match(await page.textContent(".tour h2"), /Depth/);
    await page.click(".question summary");
    assert(await page.isVisible(".question p"));
  },
};

/** The virtual Miniscope: its page shows a film that goes on. */
async function virtualScope() {
  const scope = spawn(program, ["stream", "--loop", "--json"], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const about = await new Promise((found, lost) => {
      let text = "";
      scope.stdout.on("data", (data) => {
        text += data;
        if (text.trimEnd().endsWith("}")) found(JSON.parse(text));
      });
      scope.on("exit", () => lost(new Error(`the virtual Miniscope ended: ${text}`)));
    });
    for (const colorScheme of ["light", "dark"]) {
      const page = await open({ colorScheme });
      // A film never ends to load.
      await page.goto(about.url, { waitUntil: "commit" });
      await page.waitForFunction(() => document.querySelector("img")?.naturalWidth > 0);
      assert.deepEqual(await page.$eval("img", (i) => [i.naturalHeight, i.naturalWidth]), [about.height, about.width]);
      const shown = () => page.locator("img").screenshot();
      const first = await shown();
      let later = await shown();
      for (let i = 0; i < 100 && later.equals(first); i++) {
        await page.waitForTimeout(50);
        later = await shown();
      }
      assert(!later.equals(first), "the film goes on");
      assert((await page.textContent("pre >> nth=1")).includes(about.frames_url));
      if (shots) {
        mkdirSync(shots, { recursive: true });
        await page.screenshot({ path: join(shots, `scope-${colorScheme}.png`) });
      }
      await page.close();
    }
  } finally {
    scope.kill();
  }
}

/** From a key press to the new picture, in both presets of the Miniscope V4 (ms). */
async function latency() {
  const page = await open();
  await page.goto(url.split("#")[0]);
  await settled(page);
  const result = {};
  for (const [preset, name] of [["0", "CA1"], ["1", "cortex L2/3"]]) {
    await page.selectOption("select[aria-label=Preset]", preset);
    await page.waitForTimeout(300);
    await settled(page);
    for (const field of [NA, "acquisition.image_sensor.read_noise_e", "acquisition.tissue.scatter_mfp_emission_um"]) {
      const times = [];
      for (let i = 0; i < 15; i++) {
        await page.focus(`${row(field)} input[type=range]`);
        await page.keyboard.press(i % 2 ? "ArrowLeft" : "ArrowRight");
        await page.waitForTimeout(30);
        await settled(page);
        times.push(Number.parseFloat(await page.textContent(".status")));
      }
      times.sort((a, b) => a - b);
      result[`${name}, ${field.split(".").at(-1)}`] = times[7];
    }
  }
  await page.click("#tab-activity");
  const engine = [];
  for (let i = 0; i < 15; i++) {
    await page.focus(".row:has-text('τ decay') input[type=range]");
    await page.keyboard.press(i % 2 ? "ArrowLeft" : "ArrowRight");
    await page.waitForTimeout(400);
    engine.push(Number.parseFloat(await fact(page, "Engine")));
  }
  result["activity panel, engine"] = engine.sort((a, b) => a - b)[7];
  await page.close();
  return result;
}

async function screenshots() {
  mkdirSync(shots, { recursive: true });
  for (const colorScheme of ["light", "dark"]) {
    for (const [width, height] of [[1280, 800], [1920, 1080], [1024, 768], [390, 844]]) {
      const page = await open({ colorScheme, viewport: { width, height } });
      await page.goto(url.split("#")[0]);
      await page.selectOption("select[aria-label=Preset]", "0");
      await page.waitForTimeout(500);
      await settled(page);
      await page.check(".toggles label:has-text('Cells') input");
      for (const panel of ["anatomy", "activity", "generate", "tour"]) {
        await page.click(`#tab-${panel}`);
        await page.waitForTimeout(700);
        if (panel === "tour") await page.waitForSelector(".tour:not(.waiting) .panels canvas");
        await page.screenshot({ path: join(shots, `${panel}-${colorScheme}-${width}.png`) });
      }
      await page.close();
    }
  }
}

let passed = 0;
let failed = 0;
try {
  const page = await open();
  for (const [name, step] of onlyLatency ? [] : Object.entries(steps)) {
    try {
      await step(page);
      passed += 1;
      console.log(`ok    ${name}`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL  ${name}\n      ${error.message}`);
      if (shots) {
        mkdirSync(shots, { recursive: true });
        await page.screenshot({ path: join(shots, `failed-${failed}.png`) });
      }
    }
  }
  await page.close();
  if (!onlyLatency) {
    try {
      await virtualScope();
      passed += 1;
      console.log("ok    the virtual Miniscope shows a film that goes on");
    } catch (error) {
      failed += 1;
      console.log(`FAIL  the virtual Miniscope shows a film that goes on\n      ${error.message}`);
    }
  }
  if (complaints.length > 0) {
    failed += 1;
    console.log(`FAIL  the console is silent\n      ${complaints.join("\n      ")}`);
  }
  if (outside.length > 0) {
    failed += 1;
    console.log(`FAIL  no request leaves the machine\n      ${outside.join("\n      ")}`);
  }
  if (shots) await screenshots();
  if (!onlyLatency) console.log(`${passed} passed, ${failed} failed`);
  console.log(`latency, median (ms): ${JSON.stringify(await latency())}`);
} finally {
  await browser.close();
  studio.kill();
  rmSync(dir, { recursive: true, force: true });
}
process.exit(failed > 0 ? 1 : 0);
