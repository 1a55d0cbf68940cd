"""What each effect does to suite2p and minian: the same cells, one effect at a time.

    python run_effects.py FOLDER --suite2p PYTHON --minian PYTHON

in an environment with Minisim, zarr and matplotlib. PYTHON are those of environments with suite2p and minian, see `run_suite2p.py` and
`run_minian.py`. What is done already is not done again, so an interrupted run goes on; `scores.json`, `effects.md` and `effects.png`
in FOLDER hold what came out.
"""

import argparse
import json
import pathlib
import subprocess
import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

import minisim
from minisim.pipelines import read
from minisim.testing import score

HERE = pathlib.Path(__file__).parent
SIZE = ["--duration", "60"]
for side in ("height", "width"):
    SIZE += ["--set", f"acquisition.image_sensor.n_px_{side}=256"]
BASE = ["--preset", "v4-ca1", "--with", "brain_motion", "--with", "bleaching", *SIZE]
LAMP = {"flicker_depth": 0.005, "flicker_hz": 1.3, "noise_rms": 0.002}
#: What is added to the base, at the strength of the preset v4-ca1-freely-moving. Every film has the same seed, so the cells, their spikes,
#: the motion and the noise are the base's, as far as the effect leaves them.
EFFECTS = {
    "base": BASE,
    "axial_motion": [*BASE, "--with", "axial_motion"],
    "tissue_deformation": [*BASE, "--with", "tissue_deformation"],
    "haemodynamics": [*BASE, "--with", "haemodynamics"],
    "led": [*BASE, "--with", "led", *(word for k, v in LAMP.items() for word in ("--set", f"steps.led.{k}={v}"))],
    "GCaMP6f": [*BASE, "--set", "steps.cell_activity.indicator=GCaMP6f", "--set", "steps.cell_activity.kinetics_cv=0.2"],
    "synchrony": [*BASE, "--set", "steps.cell_activity.synchrony=0.2"],
    "everything": ["--preset", "v4-ca1-freely-moving", *SIZE],
}
PIPELINES = {
    "suite2p, rigid": ("suite2p", "run_suite2p.py", []),
    "suite2p, non-rigid": ("suite2p", "run_suite2p.py", ["--nonrigid"]),
    "minian": ("minian", "run_minian.py", []),
}


def one(effect, pipeline, folder, pythons):
    """Simulates, runs the pipeline and scores it, or reads what came out before."""
    environment, script, options = PIPELINES[pipeline]
    home = folder / effect
    home.mkdir(parents=True, exist_ok=True)
    film, out = home / "truth.zarr", home / pipeline.replace(", ", "_")
    row_file = home / f"{out.name}.json"
    if row_file.exists():
        return json.loads(row_file.read_text())
    if not film.exists():
        subprocess.run(["minisim", "simulate", *EFFECTS[effect], "-o", film, "-q"], check=True)
    started = time.monotonic()
    with open(home / f"{out.name}.log", "w") as log:
        subprocess.run([pythons[environment], HERE / script, film, out, *options], check=True, stdout=log, stderr=log)
    seconds = time.monotonic() - started
    found = read(out)
    found.save(home / f"{out.name}.npz")
    report = score(found, minisim.Recording.load(film).ground_truth, match_metric="cosine")
    names = "n_true n_est recall precision trace_corr activity_corr endpoint_mean_px endpoint_p95_px".split()
    row = {"effect": effect, "pipeline": pipeline, **{n: getattr(report, n) for n in names}}
    row |= {"shift_rmse_px": report.shift_rmse, "centres_recall": report.details["neurofinder"]["recall"], "seconds": seconds}
    row["recall_by_focus"] = report.details["recall_by"].get("share of frames in focus")
    row_file.write_text(json.dumps(row, indent=1))
    return row


def table(rows):
    """The numbers as a table of the page."""
    head = ["film", "pipeline", "cells asked for", "found", "recall", "precision", "traces, r", "motion error (px)"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        numbers = [f"{row[n]:.2f}" for n in ("recall", "precision", "trace_corr")]
        motion = f"{row['endpoint_mean_px']:.2f} (95 %: {row['endpoint_p95_px']:.2f})"
        lines.append([row["effect"], row["pipeline"], str(row["n_true"]), str(row["n_est"]), *numbers, motion])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def picture(rows, path):
    """Recall, traces and motion error of each film, a dot a pipeline."""
    effects = list(dict.fromkeys(row["effect"] for row in rows))
    what = {"recall": "recall (cosine ≥ 0.5)", "trace_corr": "traces, median r", "endpoint_mean_px": "motion, endpoint error (px)"}
    fig, axes = plt.subplots(1, 3, figsize=(11, 3.4), sharey=True)
    for axis, (name, label) in zip(axes, what.items()):
        for k, (pipeline, color, marker) in enumerate(zip(PIPELINES, ("#0072b2", "#56b4e9", "#d55e00"), "osD")):
            mine = [row for row in rows if row["pipeline"] == pipeline]
            places = [effects.index(row["effect"]) + 0.18 * (k - 1) for row in mine]
            values = [row[name] for row in mine]
            axis.plot(values, places, marker, color=color, label=pipeline, markersize=5)
            base = [row[name] for row in mine if row["effect"] == "base"]
            axis.vlines(base, -0.5, len(effects) - 0.5, color=color, linewidth=0.6, linestyle=":")
        axis.set(xlabel=label, xlim=(0, 1.02) if name != "endpoint_mean_px" else (0, None))
        axis.grid(axis="y", color="0.92")
    axes[0].set(yticks=range(len(effects)), yticklabels=effects, ylim=(len(effects) - 0.5, -0.5))
    fig.legend(*axes[0].get_legend_handles_labels(), loc="upper center", ncols=3, frameon=False)
    fig.tight_layout(rect=(0, 0, 1, 0.92))
    fig.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--suite2p", metavar="PYTHON", help="Python of an environment with suite2p; left out if not given")
    parser.add_argument("--minian", metavar="PYTHON", help="Python of an environment with minian; left out if not given")
    args = parser.parse_args()
    pythons = {name: path for name, path in (("suite2p", args.suite2p), ("minian", args.minian)) if path}
    pipelines = [name for name, (environment, *_) in PIPELINES.items() if environment in pythons]
    if not pipelines:
        parser.error("name at least one pipeline: --suite2p PYTHON or --minian PYTHON")
    rows = []
    for effect in EFFECTS:
        for pipeline in pipelines:
            rows.append(one(effect, pipeline, args.folder, pythons))
            print(table(rows[-1:]).splitlines()[-1], flush=True)
    (args.folder / "scores.json").write_text(json.dumps(rows, indent=1))
    (args.folder / "effects.md").write_text(table(rows))
    picture(rows, args.folder / "effects.png")


if __name__ == "__main__":
    main()
