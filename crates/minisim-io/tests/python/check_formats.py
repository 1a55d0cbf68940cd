"""Reads each file with the program it is for: `check_formats.py FOLDER`, where a.zarr and its conversions lie.

Films must equal a.zarr frame by frame, the truth number by number.
"""

import csv
import json
import sys
import warnings
from pathlib import Path

import numpy as np

warnings.simplefilter("ignore")
root = Path(sys.argv[1])

import zarr  # noqa: E402

recording = zarr.open(root / "a.zarr", mode="r")
film = recording["observed"][:].astype(np.int64)
n_frames, height, width = film.shape
C = recording["ground_truth/C"][:]
S = recording["ground_truth/S"][:]
n_cells = len(C)
failures = []


def check(name):
    def run(function):
        try:
            function()
            print("ok  ", name)
        except Exception as why:  # noqa: BLE001
            failures.append(name)
            print("FAIL", name, type(why).__name__, why)

    return run


def opencv(path):
    import cv2

    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        ok, frame = capture.read()
        if not ok:
            return np.array(frames)
        frames.append(frame[..., 0] if frame.ndim == 3 else frame)


def ffmpeg(path):
    import subprocess

    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "gray", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert not done.stderr, done.stderr.decode()
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width)


for file in ("a.avi", "g.avi", "f.avi", "a.mkv"):
    check(f"{file} in OpenCV")(lambda: np.testing.assert_array_equal(opencv(root / file), film))
    check(f"{file} in ffmpeg")(lambda: np.testing.assert_array_equal(ffmpeg(root / file), film))


@check("m.avi is close in OpenCV and ffmpeg")
def _():
    for read in (opencv, ffmpeg):
        frames = read(root / "m.avi").astype(int)
        assert frames.shape == film.shape and np.abs(frames - film).mean() < 6


@check("clips follow each other")
def _():
    clips = sorted(root.glob("c_*.avi"), key=lambda p: int(p.stem[2:]))
    assert [len(opencv(c)) for c in clips] == [25] * (n_frames // 25) + [n_frames % 25]
    np.testing.assert_array_equal(np.concatenate([opencv(c) for c in clips]), film)


@check("TIFF in tifffile, with ImageJ's metadata")
def _():
    import tifffile

    with tifffile.TiffFile(root / "a.tif") as tif:
        np.testing.assert_array_equal(tif.asarray(), film)
        assert tif.is_imagej and tif.imagej_metadata["frames"] == n_frames
        assert abs(tif.imagej_metadata["fps"] - 20) < 1e-9
        x = tif.pages[0].tags["XResolution"].value
        assert abs(x[0] / x[1] - 1 / (4.8 / 2.9)) < 1e-5


@check("HDF5 in h5py")
def _():
    import h5py

    with h5py.File(root / "a.h5") as file:
        assert list(file) == ["data"] and file["data"].dtype == np.uint8
        np.testing.assert_array_equal(file["data"][:], film)
        assert file["data"].attrs["frame_rate_hz"] == 20
        assert json.loads(file["data"].attrs["spec"])["seed"] is not None


@check("NWB in pynwb: film, footprints, traces, spikes, shifts; valid")
def _():
    import pynwb

    with pynwb.NWBHDF5IO(root / "a.nwb", "r") as io:
        nwb = io.read()
        np.testing.assert_array_equal(nwb.acquisition["OnePhotonSeries"].data[:].transpose(0, 2, 1), film)
        module = nwb.processing["ground_truth"]
        np.testing.assert_array_equal(module["Fluorescence"]["C"].data[:].T, C)
        np.testing.assert_array_equal(module["Fluorescence"]["S"].data[:].T, S)
        np.testing.assert_array_equal(module["shifts"].data[:], recording["ground_truth/shifts"][:])
        table = module["ImageSegmentation"]["planted_footprints"]
        assert len(table) == n_cells
        planted = recording["ground_truth/planted"]
        (top, left), (h, w) = planted["offsets"][0], planted["shapes"][0]
        offset = planted.attrs["fov_offset"]
        patch = np.zeros(planted.attrs["canvas_shape"])
        patch[top : top + h, left : left + w] = planted["data"][: h * w].reshape(h, w)
        patch = patch[offset[0] : offset[0] + height, offset[1] : offset[1] + width]
        mask = np.zeros((height, width))
        for x, y, weight in table["pixel_mask"][0]:
            mask[int(y), int(x)] = weight
        np.testing.assert_allclose(mask, patch, rtol=1e-6)
        assert table["detectable"].data[:].dtype == bool
        assert module["Fluorescence"]["C"].rois.table is module["ImageSegmentation"]["observed_footprints"]
        assert "truth" in module.description
    errors = pynwb.validate(path=str(root / "a.nwb"))
    errors = errors[0] if isinstance(errors, tuple) else errors
    assert not errors, errors


@check("NWB in nwbinspector: nothing critical")
def _():
    from nwbinspector import Importance, inspect_nwbfile

    found = list(inspect_nwbfile(nwbfile_path=str(root / "a.nwb"), importance_threshold=Importance.CRITICAL))
    assert not found, found


@check("CaImAn's memory map")
def _():
    # As caiman.load_memmap folds it back. (CaImAn itself is not on PyPI.)
    (path,) = root.glob("a_d1_*.mmap")
    part = path.stem.split("_")
    d1, d2, d3, t = (int(part[part.index(k) + 1]) for k in ("d1", "d2", "d3", "frames"))
    order = part[part.index("order") + 1]
    array = np.memmap(path, mode="r", shape=(d1 * d2 * d3, t), dtype=np.float32, order=order)
    np.testing.assert_array_equal(np.reshape(array.T, [t, d1, d2], order="F"), film)


@check("minian's arrays in xarray, as open_minian merges them")
def _():
    import xarray as xr

    parts = [xr.open_zarr(p) for p in sorted((root / "a.minian").glob("*.zarr"))]
    data = xr.merge(parts)
    assert data.A.dims == ("unit_id", "height", "width") and data.A.shape == (n_cells, height, width)
    np.testing.assert_array_equal(data.C.values, C)
    np.testing.assert_array_equal(data.S.values, S)
    assert data.C.dims == ("unit_id", "frame") and list(data.unit_id.values[:3]) == [0, 1, 2]


@check("truth files in numpy, scipy and csv")
def _():
    import scipy.sparse
    import xarray as xr

    A = scipy.sparse.load_npz(root / "a.truth/footprints_sparse.npz")
    dense = xr.open_zarr(root / "a.minian/A.zarr").A.values
    np.testing.assert_array_equal(A.toarray().reshape(dense.shape), dense)
    with np.load(root / "a.truth/traces.npz") as traces:
        np.testing.assert_array_equal(traces["C"], C)
    with np.load(root / "a.truth/cells.npz") as cells:
        np.testing.assert_array_equal(cells["detectable"], recording["ground_truth/detectable"][:])
        np.testing.assert_array_equal(cells["z_um"], recording["ground_truth/centers_um"][:, 0])
    with open(root / "a.truth/cells.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == n_cells and float(rows[3]["z_um"]) == recording["ground_truth/centers_um"][3, 0]


@check("the Miniscope's folder")
def _():
    folder = root / "daq"
    session = json.loads((folder / "metaData.json").read_text())
    assert session["miniscopes"] == ["Miniscope"] and session["recordingStartTime"]["msecSinceEpoch"] > 0
    device = json.loads((folder / "Miniscope/metaData.json").read_text())
    assert device["frameRate"] == "20.0FPS".replace(".0", "") and device["ROI"]["height"] == height
    assert device["compression"] == "FFV1" and device["deviceType"] == "Miniscope_V4_BNO"
    stamps = (folder / "Miniscope/timeStamps.csv").read_text().splitlines()
    assert stamps[0] == "Frame Number,Time Stamp (ms),Buffer Index,DAQ Frame Number" and len(stamps) == n_frames + 1
    assert stamps[3] == "2,100,0,2"
    assert (folder / "Miniscope/headOrientation.csv").read_text().startswith("Time Stamp (ms),qw,qx,qy,qz\n0,1,0,0,0\n")
    files = sorted((folder / "Miniscope").glob("*.avi"), key=lambda p: int(p.stem))
    frames = np.concatenate([opencv(f) for f in files])
    np.testing.assert_array_equal(frames, film)
    truth = zarr.open(folder / "ground_truth.zarr", mode="r")
    np.testing.assert_array_equal(truth["ground_truth/C"][:], C)
    # minian sorts what matches this, and asks ffprobe for the frames of each.
    import re

    assert all(re.search(r"[0-9]+\.avi$", f.name) for f in files)
    import cv2

    counts = [int(cv2.VideoCapture(str(f)).get(cv2.CAP_PROP_FRAME_COUNT)) for f in files]
    assert counts == [25] * (n_frames // 25) + [n_frames % 25]
    assert round(cv2.VideoCapture(str(files[0])).get(cv2.CAP_PROP_FPS)) == 60


@check("the Miniscope's folder in roiextractors")
def _():
    from roiextractors import MiniscopeImagingExtractor

    device = root / "daq/Miniscope"
    files = sorted(device.glob("*.avi"), key=lambda p: int(p.stem))
    extractor = MiniscopeImagingExtractor(
        file_paths=[str(f) for f in files],
        configuration_file_path=str(device / "metaData.json"),
        timestamps_path=str(device / "timeStamps.csv"),
    )
    np.testing.assert_array_equal(extractor.get_series(), film)
    assert abs(extractor.get_sampling_frequency() - 20) < 0.1, extractor.get_sampling_frequency()


sys.exit(1 if failures else 0)
