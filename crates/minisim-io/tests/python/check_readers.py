"""zarr-python 3, xarray, OpenCV and ffmpeg read a recording and its film: check_readers.py RECORDING FILM EXPECTED FFMPEG."""

import json
import pathlib
import subprocess
import sys

import cv2
import numpy as np
import xarray
import zarr

recording, film, expected_path, ffmpeg = sys.argv[1:]
expected = json.loads(pathlib.Path(expected_path).read_text())
folder = pathlib.Path(expected_path).parent


def raw(name, dtype):
    return np.fromfile(folder / f"{name}.bin", dtype=dtype).reshape(expected["shapes"][name])


observed = raw("observed", "f4")
assert zarr.__version__.startswith("3."), zarr.__version__
group = zarr.open_group(recording, mode="r")
np.testing.assert_array_equal(group["observed"][:], observed)
np.testing.assert_array_equal(group["ground_truth/C"][:], raw("C", "f8"))
np.testing.assert_array_equal(group["ground_truth/shifts"][:], raw("shifts", "f8"))
assert group["ground_truth/detectable"][:].sum() == expected["n_detectable"]

movie = xarray.open_zarr(recording)["observed"]
assert movie.dims == ("frame", "height", "width"), movie.dims
np.testing.assert_array_equal(movie.values, observed)
traces = xarray.open_zarr(recording, group="ground_truth")["C"]
assert traces.dims == ("unit", "frame"), traces.dims

counts = observed.astype("u1")
video = cv2.VideoCapture(film)
assert abs(video.get(cv2.CAP_PROP_FPS) - expected["fps"]) < 1e-6
for t, frame in enumerate(counts):
    ok, image = video.read()
    assert ok, f"OpenCV ends at frame {t}"
    np.testing.assert_array_equal(image[:, :, 0], frame, err_msg=f"OpenCV, frame {t}")
assert not video.read()[0], "OpenCV finds more frames"

command = [ffmpeg, "-v", "error", "-i", film, "-f", "rawvideo", "-pix_fmt", "gray", "-"]
done = subprocess.run(command, capture_output=True, check=True)
assert not done.stderr, done.stderr.decode()
np.testing.assert_array_equal(np.frombuffer(done.stdout, "u1").reshape(counts.shape), counts, err_msg="ffmpeg")
