"""Other programs' formats, from Python."""

import numpy as np
import pytest

import minisim
from minisim.testing import make_recording


@pytest.fixture(scope="module")
def recording():
    return make_recording(n_cells=4, n_px=64)


def test_export_convert_and_simulate_give_the_same_file(recording, tmp_path):
    recording.save(tmp_path / "a.zarr")
    for name in ("a.h5", "a.tif", "a.avi", "a.mkv", "a.nwb"):
        one = recording.export(tmp_path / "export" / name)
        (tmp_path / "convert").mkdir(exist_ok=True)
        two = minisim.convert(tmp_path / "a.zarr", tmp_path / "convert" / name)
        three = minisim.simulate_to(recording.spec, tmp_path / "simulate" / name)
        assert one.read_bytes() == two.read_bytes() == three.read_bytes(), name


def test_films_truth_and_refusals(recording, tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(recording.export(tmp_path / "a.h5")) as file:
        np.testing.assert_array_equal(file["data"][:], recording.observed)
    assert recording.write_video(tmp_path / "f.avi", codec="FFV1").stat().st_size > 0
    folder = recording.export(tmp_path / "session", format="daq", clip=10)
    assert (folder / "Miniscope" / "3.avi").is_file() and (folder / "ground_truth.zarr").is_dir()
    truth = minisim.Recording.load(folder / "ground_truth.zarr").ground_truth
    np.testing.assert_array_equal(truth.C, recording.ground_truth.C)
    with np.load(recording.export(tmp_path / "a.truth") / "traces.npz") as traces:
        np.testing.assert_array_equal(traces["C"], recording.ground_truth.C)
    assert recording.export(tmp_path / "a.mmap").name == "a_d1_64_d2_64_d3_1_order_C_frames_40_.mmap"
    with pytest.raises(ValueError, match="tiff"):
        recording.export(tmp_path / "b", format="mp5")
    with pytest.raises(ValueError, match="FFV1"):
        recording.export(tmp_path / "b.avi", codec="H264")
    with pytest.raises(FileExistsError):
        recording.export(tmp_path / "a.h5", overwrite=False)


def test_the_clean_twin(recording):
    twin = minisim.clean_twin(recording)
    assert twin == minisim.clean_twin(recording.spec)
    assert not {s.kind for s in twin.steps} & {"neuropil", "vasculature", "leakage", "sensor"}
    clean = minisim.simulate(twin)
    np.testing.assert_array_equal(clean.ground_truth.A_observed, recording.ground_truth.A_observed)
    assert clean.observed.shape == recording.observed.shape
