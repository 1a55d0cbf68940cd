"""minian loads our films and our truth: `check_minian.py FOLDER`, with a.zarr, daq/, c_*.avi and a.minian in it.

Needs ffmpeg and ffprobe on the path, as minian does.
"""

import sys
import warnings
from pathlib import Path

import numpy as np

warnings.simplefilter("ignore")
root = Path(sys.argv[1]).resolve()

import zarr  # noqa: E402
from minian.utilities import load_videos, open_minian  # noqa: E402

recording = zarr.open(str(root / "a.zarr"), mode="r")
film = recording["observed"][:].astype(int)
for folder, pattern in ((root / "daq/Miniscope", r"[0-9]+\.avi$"), (root, r"c_[0-9]+\.avi$")):
    np.testing.assert_array_equal(load_videos(str(folder), pattern=pattern).values, film)
truth = open_minian(str(root / "a.minian"))
assert truth.A.dims == ("unit_id", "height", "width") and truth.A.shape[1:] == film.shape[1:]
np.testing.assert_array_equal(truth.C.values, recording["ground_truth/C"][:])
np.testing.assert_array_equal(truth.S.values, recording["ground_truth/S"][:])
