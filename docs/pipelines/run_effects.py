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
import numpy as np

import minisim
from minisim.pipelines import read
from minisim.testing import Estimate, score

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
#: minian takes many times as long as suite2p, so it is given only a square of so many pixels in the middle of each film.
MIDDLE = 128
PIPELINES = {
    "suite2p, rigid": ("suite2p", "run_suite2p.py", []),
    "suite2p, non-rigid": ("suite2p", "run_suite2p.py", ["--nonrigid"]),
    "minian": ("minian", "run_minian.py", ["--middle", str(MIDDLE)]),
}
NAMES = "n_true n_est recall precision trace_corr activity_corr endpoint_mean_px endpoint_p95_px".split()


def square(shape):
    """The rows and columns of the middle."""
    return tuple(slice((side - MIDDLE) // 2, (side - MIDDLE) // 2 + MIDDLE) for side in shape)


def placed(found, shape):
    """An estimate of the middle as one of the whole field."""
    if found.A.shape[1:] == shape:
        return found
    whole = np.zeros((len(found.A), *shape), dtype=np.float32)
    whole[(slice(None), *square(shape))] = found.A
    return Estimate(A=whole, C=found.C, S=found.S, shifts=found.shifts, displacement=found.displacement)


def inside(footprints):
    """Which footprints have more than half of their weight in the middle."""
    rows, cols = square(footprints.shape[1:])
    return footprints[:, rows, cols].sum(axis=(1, 2)) > 0.5 * footprints.sum(axis=(1, 2))


def in_middle(found):
    """What an estimate found in the middle."""
    keep = inside(found.A)
    return Estimate(A=found.A[keep], C=found.C[keep], S=found.S[keep], shifts=found.shifts, displacement=found.displacement)


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
        status = subprocess.run([pythons[environment], HERE / script, film, out, *options], stdout=log, stderr=log).returncode
    seconds = time.monotonic() - started
    row = {"effect": effect, "pipeline": pipeline, "seconds": seconds}
    if status:
        # A pipeline that stops because it finds nothing is a result, too.
        errors = [line for line in (home / f"{out.name}.log").read_text().splitlines() if "Error: " in line]
        row["failed"] = errors[-1] if errors else f"exit status {status}"
        row_file.write_text(json.dumps(row, indent=1))
        return row
    truth = minisim.Recording.load(film).ground_truth
    middle = truth.subset(inside(truth.A_observed))
    found = placed(read(out), tuple(truth.fov_shape))
    found.save(home / f"{out.name}.npz")
    scores = {"middle": score(in_middle(found), middle, match_metric="cosine")}
    if environment != "minian":
        scores["whole"] = score(found, truth, match_metric="cosine")
    for part, report in scores.items():
        row[part] = {n: getattr(report, n) for n in NAMES} | {"recall_by": report.details["recall_by"]}
    row_file.write_text(json.dumps(row, indent=1))
    return row


def shown(row):
    """The score that the picture shows: of all that the pipeline was given."""
    return row["whole"] if "whole" in row else row["middle"]


def table(rows):
    """The numbers as a table of the page: the whole film, then its middle."""
    numbers = ["cells", "found", "recall", "precision", "traces, r"]
    head = ["film", "pipeline", *numbers, "motion error (px): mean, 95 %", *(f"middle: {n}" for n in numbers)]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        if "failed" in row:
            lines.append([row["effect"], row["pipeline"], f"stopped: `{row['failed']}`", *["–"] * (len(head) - 3)])
            continue
        parts = []
        for part in (row.get("whole"), row["middle"]):
            found = "–" if part is None else f"{part['n_true']} {part['n_est']}"
            rest = ["–"] * 3 if part is None else [f"{part[n]:.2f}" for n in ("recall", "precision", "trace_corr")]
            parts.append([*(found.split() * 2)[:2], *rest])
        motion = f"{shown(row)['endpoint_mean_px']:.2f}, {shown(row)['endpoint_p95_px']:.2f}"
        lines.append([row["effect"], row["pipeline"], *parts[0], motion, *parts[1]])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def picture(rows, path):
    """Recall, traces and motion error of each film, a dot a pipeline."""
    effects = list(dict.fromkeys(row["effect"] for row in rows))
    what = {"recall": "recall (cosine ≥ 0.5)", "trace_corr": "traces, median r", "endpoint_mean_px": "motion, endpoint error (px)"}
    fig, axes = plt.subplots(1, 3, figsize=(11, 3.8), sharey=True)
    for axis, (name, label) in zip(axes, what.items()):
        for k, (pipeline, color, marker) in enumerate(zip(PIPELINES, ("#0072b2", "#56b4e9", "#d55e00"), "osD")):
            stopped = [row for row in rows if row["pipeline"] == pipeline and "failed" in row]
            if name == "recall":
                at = [effects.index(row["effect"]) + 0.2 * (k - 1) for row in stopped]
                name_it = f"{pipeline}: stopped without a cell" if stopped else None
                axis.plot([0] * len(stopped), at, "x", color=color, label=name_it, zorder=3)
            mine = [row for row in rows if row["pipeline"] == pipeline and "failed" not in row]
            if not mine:
                continue
            places = [effects.index(row["effect"]) + 0.2 * (k - 1) for row in mine]
            part = "" if "whole" in mine[0] else f" (middle {MIDDLE} × {MIDDLE} px)"
            axis.plot([shown(row)[name] for row in mine], places, marker, color=color, label=pipeline + part, markersize=5)
            base = [shown(row)[name] for row in mine if row["effect"] == "base"]
            axis.vlines(base, -0.5, len(effects) - 0.5, color=color, linewidth=0.8, linestyle=":")
        axis.set(xlabel=label, xlim=(-0.02, 1.02) if name != "endpoint_mean_px" else (0, None))
        axis.grid(axis="y", color="0.92")
    axes[0].set(yticks=range(len(effects)), yticklabels=effects, ylim=(len(effects) - 0.5, -0.5))
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="upper center", ncols=3, fontsize=9, frameon=False)
    fig.tight_layout(rect=(0, 0, 1, 0.86))
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
