"""What scripts written for the published package rely on: modules, early checks, helpers, words of errors, and what is shown."""

import importlib
import pickle
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from pydantic import ValidationError

import minisim
from minisim import (
    BrainMotion,
    ImageSensor,
    NeuronPopulation,
    PlaceNeurons,
    Recording,
    Spec,
    VesselLayer,
    hungarian_match,
    simulate,
)
from minisim.footprint import Footprint, FootprintStack
from minisim.steps import bleaching_floor, calcium_kernel, dark_recovery
from minisim.testing import Estimate, make_recording, score

MODULES = {
    "cache": "cache_dir cache_path simulate_cached",
    "footprint": "Footprint FootprintStack",
    "metrics": "ActivityScore Match activity_similarity field_pearson footprint_mask footprint_roi_trace "
    "global_shift_from_trajectories hungarian_match shift_rmse trace_pearson",
    "perf": "PerfTracker measure",
    "presets": "Region Scope build_spec ca1 cortex_l23 generic_1p miniscope_v4",
    "recording": "Recording GroundTruth RecordingFormatWarning detection_snr sample_field_at",
    "scene": "Scene finalize render",
    "simulate": "simulate",
    "spec": "Acquisition AnyStep Bleaching BrainMotion CellActivity CellOptics Composite IlluminationProfile ImageSensor "
    "Leakage NeuronPopulation Neuropil Optics Output PlaceNeurons Sensor Spec SpecWarning Tissue Vasculature VesselLayer Vignette",
    "sweep": "SweptSpec sweep",
    "testing": "Estimate Report make_recording score",
    "video": "simulate_video",
}


def test_modules_hold_the_public_names():
    for module, names in MODULES.items():
        found = importlib.import_module(f"minisim.{module}")
        for name in names.split():
            value = getattr(found, name)
            assert getattr(minisim, name, value) is value, (module, name)


@pytest.mark.parametrize("first", ["import minisim.simulate, minisim.sweep", "from minisim import simulate, sweep", "pass"])
def test_functions_and_modules_of_one_name(first):
    script = f"""
import pickle
{first}
import minisim, minisim.simulate, minisim.sweep
from minisim.simulate import simulate
from minisim.sweep import SweptSpec, sweep
assert minisim.simulate is simulate and minisim.sweep is sweep and callable(minisim.simulate)
assert pickle.loads(pickle.dumps(minisim.simulate)) is simulate
"""
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: PlaceNeurons(populations=[]), "populations"),
        (lambda: PlaceNeurons(populations=[NeuronPopulation()], density_per_mm3=3.0), "density_per_mm3"),
        (lambda: BrainMotion(motion_amplitude_um=50, max_shift_um=3), "motion_amplitude_um"),
        (lambda: VesselLayer(min_radius_um=30, root_radius_um=20), "min_radius_um"),
        (lambda: NeuronPopulation(depth_range_um=(50, 10)), "depth_range_um"),
        (lambda: BrainMotion(trajectory_um=[(0.0, float("nan"))]), "trajectory_um"),
    ],
)
def test_a_step_is_checked_when_it_is_made(make, field):
    with pytest.raises(ValidationError, match=field):
        make()


def test_a_valid_step_is_made_without_a_word():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        BrainMotion(motion_amplitude_um=12)
        VesselLayer()
        PlaceNeurons(populations=[NeuronPopulation(depth_range_um=(10, 50))])


def test_photons_become_counts():
    rng = np.random.default_rng(1)
    sensor = ImageSensor(quantum_efficiency=0.5, read_noise_e=3.0, gain_adu_per_e=2.0, bit_depth=12)
    counts = sensor.photons_to_counts(np.full((200, 250), 200.0), rng)
    assert counts.shape == (200, 250) and counts.dtype == np.float64 and np.all(counts == np.floor(counts))
    # Floor takes half a count; the variance is that of 100 electrons and the noise, and of rounding.
    assert counts.mean() == pytest.approx(2 * 100 - 0.5, abs=0.5)
    assert counts.var() == pytest.approx(4 * (100 + 9) + 1 / 12, rel=0.05)
    extreme = sensor.photons_to_counts(np.array([-5.0, 1e9]), rng)
    assert extreme[0] < 30 and extreme[1] == 4095


def test_footprints_come_and_go():
    dense = np.zeros((6, 7))
    dense[2:4, 3:6] = [[1, 0, 2], [0, 3, 0]]
    one = Footprint.from_dense(dense)
    assert one.offset == (2, 3) and one.bbox == (2, 4, 3, 6) and np.array_equal(one.to_dense(), dense)
    assert np.array_equal(one.crop_to(3, 4, 2, 2).to_dense(), dense[3:5, 4:6])
    image = np.ones((6, 7))
    one.add_into(image)
    assert np.array_equal(image, dense + 1)
    film = np.zeros((3, 6, 7))
    one.add_into(film, np.array([1.0, 0.0, 2.0]))
    assert np.array_equal(film[2], 2 * dense) and not film[1].any()
    with pytest.raises(ValueError, match="shape"):
        one.add_into(np.zeros((2, 2)))
    assert Footprint.from_dense(np.zeros((3, 3))).is_empty
    stack = FootprintStack.from_dense(np.stack([dense, 2 * dense, 0 * dense]))
    assert isinstance(stack[1], Footprint) and len(stack[1:]) == 2 and len(stack[np.array([True, False, True])]) == 2
    assert np.array_equal(stack[[2, 0]].to_dense()[1], dense) and np.array_equal(stack[-2].to_dense(), 2 * dense)
    with pytest.raises(IndexError):
        stack[np.array([True])]


def test_helpers_at_their_limits():
    assert (bleaching_floor(1e-3, 1, 1, tau_turn=0), bleaching_floor(1e-3, 0, 1, tau_turn=0)) == (0.0, 1.0)
    for tau in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="tau_turn"):
            dark_recovery(0.5, 1.0, tau)
    with pytest.raises(ValueError, match="tau_rise_s"):
        calcium_kernel(0.5, 0.5, 20)


def test_negative_weights_are_no_light():
    A = make_recording(n_cells=3).ground_truth.A_observed
    for metric in ("cosine", "iou", "weighted_jaccard"):
        match = hungarian_match(np.where(A > 0, A, -5.0), A, metric=metric)
        assert [match.similarity_matrix[pair] for pair in match.pairing] == pytest.approx([1.0] * 3), metric


def test_all_energy_is_the_whole_support():
    wide = np.zeros((1, 4, 4))
    wide[0, :2] = 1e-18
    wide[0, 0, 0] = 1.0
    support = (wide > 0).astype(float)
    assert hungarian_match(wide, support, energy_frac=1.0).similarity_matrix[0, 0] == 1.0


def test_the_summary_names_its_numbers():
    recording = make_recording(n_cells=4)
    text = score(Estimate(A=recording.ground_truth.A_observed), recording.ground_truth).summary()
    assert re.search(r"recall=1\.00 precision=1\.00 f1=1\.00", text)
    assert "4 planted" in text and "detectable" in text


def test_usual_words_of_errors(tmp_path):
    spec = make_recording(n_cells=2).spec
    with pytest.raises(ValueError, match="until="):
        simulate(spec, until="nothing")
    with pytest.raises(ValidationError, match="unique"):
        Spec(steps=[BrainMotion(), BrainMotion()])
    with pytest.raises(ValidationError, match="FOV"):
        Spec(steps=[PlaceNeurons(soma_radius_um=5000)])
    path = tmp_path / "a.zarr"
    simulate(spec).save(path)
    text = (path / "spec.json").read_text()
    (path / "spec.json").write_text(text.replace('"seed": 0', '"seed": 1'))
    with pytest.warns(minisim.RecordingFormatWarning, match="hash mismatch"):
        Recording.load(path)
    for name in (".zattrs", ".zmetadata"):
        text = (path / name).read_text()
        (path / name).write_text(text.replace('"format_version": 2', '"format_version": 9').replace('"format_version":2', '"format_version":9'))
    with pytest.raises(Exception, match="format_version"):
        Recording.load(path)
    no_sensor = Spec(acquisition=spec.acquisition, steps=[step for step in spec.steps if step.kind != "sensor"])
    with pytest.raises(ValueError, match="vmax is required"):
        minisim.simulate_video(no_sensor, tmp_path / "a.avi")


def test_a_recording_is_shown_in_a_line_or_two():
    recording = make_recording(n_cells=3, extra_steps=[BrainMotion(motion_amplitude_um=4, max_shift_um=6)])
    for shown in (repr(recording), repr(recording.ground_truth)):
        assert len(shown) < 400 and "\n" not in shown and "array(" not in shown
    assert "3 cells" in repr(recording) and "128 × 128" in repr(recording)
    page = recording._repr_html_()
    assert "data:image/png;base64," in page and "shifts" in page and recording.spec.cache_key() in page
    assert re.search(r"brain motion</td><td[^>]*>99 % within [0-9.]+ µm<", page)
    assert "Displacement" in recording.ground_truth._repr_html_()
    assert pickle.loads(pickle.dumps(recording)).spec == recording.spec


def test_tables_for_other_libraries():
    recording = make_recording(n_cells=3, extra_steps=[BrainMotion(motion_amplitude_um=4, max_shift_um=6)])
    data = recording.to_xarray()
    assert data.observed.dims == ("frame", "height", "width") and data.C.dims == ("unit", "frame")
    assert float(data.time_s[1]) == 1 / 20 and float(data.x_um[0]) == pytest.approx(-63.5) and data.C.attrs["units"]
    assert data.sizes["unit"] == recording.ground_truth.n_units
    cells = recording.ground_truth.to_pandas()
    assert len(cells) == recording.ground_truth.n_units and cells.index.name == "unit"
    assert np.array_equal(cells["depth_um"], recording.ground_truth.depth_um)
    assert {"y_um", "x_um", "detectable", "peak_snr", "n_spikes"} <= set(cells.columns)
    assert cells["n_spikes"].sum() == recording.ground_truth.S.sum()
