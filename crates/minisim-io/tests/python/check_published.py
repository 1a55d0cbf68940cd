"""The published package reads a recording: check_published.py RECORDING EXPECTED. A warning on the way is an error."""

import json
import pathlib
import sys
import warnings

import numpy as np

import minisim

with warnings.catch_warnings():
    warnings.simplefilter("error")
    recording = minisim.Recording.load(sys.argv[1])
expected = json.loads(pathlib.Path(sys.argv[2]).read_text())
truth = recording.ground_truth
folder = pathlib.Path(sys.argv[2]).parent


def raw(name, dtype):
    return np.fromfile(folder / f"{name}.bin", dtype=dtype).reshape(expected["shapes"][name])


def close(name, got, want, share):
    got, want = np.asarray(got, dtype="f8"), np.asarray(want, dtype="f8")
    assert got.shape == want.shape, f"{name}: shape {got.shape}, ours {want.shape}"
    worst = np.abs(got - want).max(initial=0.0)
    assert worst <= share * max(np.abs(want).max(initial=0.0), 1e-300), f"{name}: differs by {worst}"


close("observed", np.asarray(recording.observed), raw("observed", "f4"), 0)
close("C", truth.C, raw("C", "f8"), 0)
close("A_observed", np.asarray(truth.A_observed), raw("A_observed", "f4"), 1e-5)
close("A_planted", np.asarray(truth.A_planted), raw("A_planted", "f4"), 0)
close("shifts", truth.shifts, raw("shifts", "f8"), 0)
close("bleaching", truth.bleaching, raw("bleaching", "f8"), 0)
assert int(np.sum(truth.detectable)) == expected["n_detectable"]
assert truth.focal_depth_um == expected["focal_depth_um"]
assert recording.spec.cache_key() == expected["cache_key"], "the cache keys differ"
assert sorted(recording.snapshots) == expected["snapshots"]
