"""Other programs see lost frames where they are: `check_faults.py FOLDER PROGRAM…`, with faulty.zarr, whole.zarr (the film without
faults), daq/ and faulty.nwb in it; a program is roiextractors, pynwb, neuroconv or minian (which needs ffmpeg and ffprobe)."""

import csv
import sys
import warnings
from pathlib import Path

import numpy as np

warnings.simplefilter("ignore")
root = Path(sys.argv[1]).resolve()
programs = sys.argv[2:]
device = root / "daq/Miniscope"
# The folder holds whole milliseconds.
HALF_MS = 0.5e-3 + 1e-9

import zarr  # noqa: E402

recording = zarr.open(str(root / "faulty.zarr"), mode="r")
truth = recording["ground_truth"]
film = recording["observed"][:].astype(int)
times = truth["timestamps_s"][:]
numbers = truth["daq_frame"][:].astype(int)
n = len(film)
assert len(times) == n and (np.diff(times) > 0).all()

# The stored frames out of the film without faults.
whole = zarr.open(str(root / "whole.zarr"), mode="r")["observed"][:].astype(int)
exposures = truth["exposure_index"][:].astype(int)
made = whole[exposures]
rows, shifts = truth["fault_rows"][:].astype(int), truth["fault_shift_px"][:].astype(int)
kinds = truth["fault"][:].astype(int)
for frame in np.flatnonzero(kinds):
    here = slice(*rows[frame])
    if kinds[frame] == 2:
        made[frame, here] = whole[exposures[frame] - 1, here]
    elif kinds[frame] == 3:
        made[frame, here] = np.roll(made[frame, here], shifts[frame], axis=1)
    elif kinds[frame] == 4:
        made[frame, here] = 0
factors = truth["brightness_factor"][:].astype(np.float32)[:, None, None]
made = np.where(factors == 1, made, np.minimum(np.floor(made.astype(np.float32) * factors + np.float32(0.5)), 255)).astype(int)
np.testing.assert_array_equal(made, film)
lost = truth["lost_exposures"][:].astype(int)
assert len(lost) > 0 and sorted([*numbers, *lost]) == list(range(len(whole)))

with open(device / "timeStamps.csv") as file:
    lines = list(csv.DictReader(file))
assert [int(line["Frame Number"]) for line in lines] == list(range(n)), "frames are numbered without gaps"
assert [int(line["DAQ Frame Number"]) for line in lines] == list(numbers), "the box counts those that are lost"
stamps_ms = np.array([int(line["Time Stamp (ms)"]) for line in lines])
np.testing.assert_array_equal(stamps_ms, np.round(1e3 * times))
frame_ms = 1e3 * (times[-1] - times[0]) / (numbers[-1] - numbers[0])
gaps = np.diff(numbers)
np.testing.assert_allclose(np.diff(stamps_ms), gaps * frame_ms, atol=20)

if "roiextractors" in programs:
    from roiextractors import MiniscopeImagingExtractor

    extractor = MiniscopeImagingExtractor(folder_path=str(device))
    np.testing.assert_array_equal(extractor.get_series(), film)
    np.testing.assert_allclose(extractor.get_timestamps(), times, atol=HALF_MS)

if "pynwb" in programs:
    from nwbinspector import Importance, inspect_nwbfile
    from pynwb import NWBHDF5IO

    with NWBHDF5IO(str(root / "faulty.nwb"), "r") as io:
        file = io.read()
        series = file.acquisition["OnePhotonSeries"]
        assert series.rate is None and series.data.shape[0] == n
        np.testing.assert_array_equal(series.timestamps[:], times)
        module = file.processing["ground_truth"]
        for traces in module["Fluorescence"].roi_response_series.values():
            np.testing.assert_array_equal(traces.timestamps[:], times)
        np.testing.assert_array_equal(module["Fluorescence"]["C"].data[:].T, truth["C"][:])
    found = inspect_nwbfile(nwbfile_path=str(root / "faulty.nwb"))
    found = [message for message in found if message.importance.value >= Importance.CRITICAL.value]
    assert not found, found

if "neuroconv" in programs:
    from neuroconv.datainterfaces import MiniscopeImagingInterface

    interface = MiniscopeImagingInterface(folder_path=str(device))
    np.testing.assert_allclose(interface.get_timestamps(), times, atol=HALF_MS)

if "minian" in programs:
    import pandas
    from minian.utilities import load_videos

    loaded = load_videos(str(device), pattern=r"[0-9]+\.avi$")
    np.testing.assert_array_equal(loaded.values, film)
    # minian counts frames; the folder's own table says when each was.
    table = pandas.read_csv(device / "timeStamps.csv")
    frames = loaded.coords["frame"].values
    np.testing.assert_allclose(table["Time Stamp (ms)"].values[frames] / 1e3, times, atol=HALF_MS)
