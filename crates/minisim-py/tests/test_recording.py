"""Recordings: made, kept, read back, stopped."""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import minisim
from minisim import GroundTruth, Output, PerfTracker, Recording, RecordingFormatWarning, Scene, Spec, simulate
from minisim.presets import build_spec, ca1, cortex_l23, generic_1p, miniscope_v4
from minisim.testing import make_recording


@pytest.fixture(scope="module")
def spec() -> Spec:
    return make_recording(
        n_px=64, soma_radius_um=3, duration_s=1, extra_steps=[minisim.BrainMotion(motion_amplitude_um=2), minisim.Neuropil()]
    ).spec


@pytest.fixture(scope="module")
def recording(spec) -> Recording:
    return simulate(spec)


def same(a: GroundTruth, b: GroundTruth) -> None:
    for name in GroundTruth.__dataclass_fields__:
        x, y = getattr(a, name), getattr(b, name)
        if name == "planted":
            for one, other in zip(x.to_arrays(), y.to_arrays()):
                np.testing.assert_array_equal(one, other)
        elif isinstance(x, np.ndarray):
            np.testing.assert_array_equal(x, y, err_msg=name)
        else:
            assert x == y, name


def test_shapes_and_types(recording):
    gt, (n, h, w) = recording.ground_truth, recording.observed.shape
    assert recording.observed.dtype == np.float32 and (h, w) == (64, 64)
    units = gt.n_units
    assert units == len(gt.planted) == 6
    for name, shape in {
        "C": (units, n),
        "S": (units, n),
        "centers_um": (units, 3),
        "A_planted": (units, h, w),
        "A_observed": (units, h, w),
        "observed_sigma_px": (units,),
        "depth_um": (units,),
        "shifts": (n, 2),
        "neuropil_spatial": (3, h, w),
        "neuropil_temporal": (3, n),
        "neuropil_population": (n,),
    }.items():
        value = getattr(gt, name)
        assert value.shape == shape and value.dtype == np.float64, name
    assert gt.detectable.dtype == bool and gt.in_focus.dtype == bool
    assert gt.vignette is None and gt.bleaching is None
    assert gt.A_observed is gt.A_observed, "memoised"
    assert recording.frame(3).shape == (h, w)
    assert recording.observed_movie.dims == ("frame", "height", "width")


def test_footprints_are_a_sequence(recording):
    planted = recording.ground_truth.planted
    one = planted[0]
    (r, c), (h, w) = one.offset, one.patch.shape
    np.testing.assert_array_equal(one.to_dense()[r : r + h, c : c + w], one.patch)
    assert len(planted[1:3]) == 2 and len(planted[[True] + [False] * 5]) == 1 and len(planted[[4, 2]]) == 2
    assert [f.offset for f in planted] == [f.offset for f in planted[:]]
    top, left = recording.ground_truth.fov_offset
    cropped = planted.crop(top, left, *recording.ground_truth.fov_shape).to_dense(np.float64)
    np.testing.assert_array_equal(cropped, recording.ground_truth.A_planted)
    again = minisim.FootprintStack.from_dense(planted.to_dense())
    np.testing.assert_array_equal(again.to_dense(), planted.to_dense())
    with pytest.raises(IndexError):
        planted[[True, False]]


def test_the_detectable_subset(recording):
    gt = recording.ground_truth
    keep = np.arange(6) % 2 == 0
    part = gt.subset(keep)
    assert part.n_units == 3 and part.C.shape[0] == 3
    np.testing.assert_array_equal(part.A_observed, gt.A_observed[keep])
    assert gt.detectable_subset().n_units == gt.detectable.sum()
    with pytest.raises(ValueError, match="mask"):
        gt.subset(keep[:2])


def test_saved_recordings_come_back(recording, tmp_path):
    path = tmp_path / "new" / "film.zarr"
    recording.save(path)
    back = Recording.load(path)
    np.testing.assert_array_equal(back.observed, recording.observed)
    assert back.spec == recording.spec
    same(back.ground_truth, recording.ground_truth)
    recording.save(path)
    with pytest.raises(FileExistsError):
        recording.save(path, overwrite=False)
    (tmp_path / "mine").mkdir()
    with pytest.raises(FileExistsError):
        recording.save(tmp_path / "mine")
    copy = pickle.loads(pickle.dumps(recording))
    np.testing.assert_array_equal(copy.observed, recording.observed)
    same(copy.ground_truth, recording.ground_truth)


def test_what_is_no_recording(recording, tmp_path):
    with pytest.raises(FileNotFoundError, match="none.zarr"):
        Recording.load(tmp_path / "none.zarr")
    with pytest.raises(ValueError, match="not a recording"):
        Recording.load(tmp_path)
    path = tmp_path / "film.zarr"
    recording.save(path)
    spec = json.loads((path / "spec.json").read_text())
    (path / "spec.json").write_text(json.dumps({**spec, "seed": 99}))
    with pytest.warns(RecordingFormatWarning, match="cache key"):
        Recording.load(path)
    attributes = json.loads((path / ".zattrs").read_text())
    (path / ".zattrs").write_text(json.dumps({**attributes, "format_version": 9}))
    with pytest.raises(ValueError, match="9"):
        Recording.load(path)


def test_stages(spec):
    kept = simulate(spec.model_copy(update={"output": Output(save_intermediates=True)}))
    assert list(kept.snapshots)[:2] == ["cells_only", "neuropil"]
    assert kept.stage("composite").shape == kept.stage("cells_only").shape
    np.testing.assert_array_equal(np.asarray(kept.stage("sensor")), kept.observed)
    with pytest.raises(KeyError, match="save_intermediates"):
        simulate(spec).stage("neuropil")
    clean = simulate(spec, until="brain_motion")
    np.testing.assert_array_equal(clean.observed, np.asarray(kept.stage("brain_motion")))
    with pytest.raises(ValueError, match="sensor"):
        simulate(spec, until="sensors")


def test_any_frame_without_those_before_it(spec, recording):
    scene = Scene(spec)
    assert scene.n_frames == len(recording.observed)
    np.testing.assert_array_equal(scene.render(7), recording.observed[7])
    np.testing.assert_array_equal(scene.render(-1), recording.observed[-1])
    np.testing.assert_array_equal(scene.render(slice(5, 9)), recording.observed[5:9])
    np.testing.assert_array_equal(minisim.render(spec, slice(18, None)), recording.observed[18:])
    early = simulate(spec, until="neuropil")
    np.testing.assert_array_equal(scene.render(slice(None), stage="neuropil"), early.observed)
    same(scene.ground_truth, recording.ground_truth)
    with pytest.raises(IndexError):
        scene.render(20)
    with pytest.raises(ValueError, match="stage"):
        scene.render(0, stage="nothing")


def test_films(spec, recording, tmp_path):
    path = recording.write_video(tmp_path / "a.avi", progress=False)
    again = minisim.simulate_video(spec, tmp_path / "b.avi", progress=False)
    assert path.read_bytes() == again.read_bytes()
    assert Spec.model_validate_json((tmp_path / "b.spec.json").read_text()) == spec
    clean = simulate(spec, until="brain_motion")
    with pytest.raises(ValueError, match="vmax"):
        clean.write_video(tmp_path / "c.avi")
    clean.write_video(tmp_path / "c.avi", vmax=float(clean.observed.max()))
    with pytest.raises(ValueError, match="codec"):
        recording.write_video(tmp_path / "d.avi", codec="H264")
    with pytest.raises(ValueError, match="avi"):
        minisim.simulate_video(spec, tmp_path / "d.mov")


def test_the_cache(spec, tmp_path, monkeypatch):
    monkeypatch.setenv("MINISIM_CACHE", str(tmp_path / "cache"))
    assert minisim.cache_path(spec) == tmp_path / "cache" / f"{spec.cache_key()}.zarr"
    first = minisim.simulate_cached(spec)
    stamp = (minisim.cache_path(spec) / ".zattrs").stat().st_mtime_ns
    second = minisim.simulate_cached(spec)
    assert (minisim.cache_path(spec) / ".zattrs").stat().st_mtime_ns == stamp
    np.testing.assert_array_equal(first.observed, second.observed)
    minisim.simulate_cached(spec, root=tmp_path / "other")
    assert minisim.cache_path(spec, tmp_path / "other").is_dir()


def test_progress_and_time(spec):
    calls: list[tuple[int, int]] = []
    perf = PerfTracker()
    simulate(spec, progress=lambda done, n: calls.append((done, n)), perf=perf)
    assert calls[0] == (0, 20) and calls[-1] == (20, 20)
    assert perf.total_seconds > 0 and "frames" in perf.summary()

    def stop(done: int, n: int) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        simulate(spec, progress=stop)


def test_other_threads_run_meanwhile():
    spec = build_spec(miniscope_v4(), ca1(), duration_s=10)
    ticks = 0
    stop = threading.Event()

    def count() -> None:
        nonlocal ticks
        while not stop.is_set():
            ticks += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    simulate(spec)
    stop.set()
    thread.join()
    assert ticks > 20


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_stops_and_leaves_nothing(tmp_path):
    code = (
        # A background job of a shell is started with Ctrl-C ignored, and so is what it starts.
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import minisim, sys; from minisim.presets import *\n"
        "spec = build_spec(miniscope_v4(), ca1(), duration_s=3000)\n"
        "print('go', flush=True)\n"
        "try:\n    minisim.simulate_video(spec, 'film.avi', progress=False)\n"
        "except KeyboardInterrupt:\n    print('stopped')\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None and run.stdout.readline() == "go\n"
    while not any(".tmp-" in name for name in os.listdir(tmp_path)):
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)
    assert run.communicate()[0] == "stopped\n"
    assert os.listdir(tmp_path) == []


def test_presets_are_the_engines(monkeypatch):
    from minisim import _core

    for name, scope, region in [
        ("v4-ca1", miniscope_v4(), ca1()),
        ("v4-cortex-l23", miniscope_v4(), cortex_l23()),
        ("generic-ca1", generic_1p(), ca1()),
        ("generic-cortex-l23", generic_1p(), cortex_l23()),
    ]:
        assert build_spec(scope, region).model_dump_json() == _core.preset_spec(name), name
    assert miniscope_v4().fov_um == pytest.approx((1006.3, 1006.3), abs=0.1)
    bare = build_spec(
        miniscope_v4(), ca1(), include_neuropil=False, include_vasculature=False, include_scope_fields=False, duration_s=1
    )
    assert [s.kind for s in bare.steps] == ["place_neurons", "cell_activity", "optics", "composite", "sensor"]
    dim = build_spec(miniscope_v4(), ca1(), extra_steps=[minisim.Sensor(photons_per_unit=1), minisim.BrainMotion()])
    assert [s.photons_per_unit for s in dim.steps if s.kind == "sensor"] == [1.0]


def test_the_command_is_the_engines(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "minisim._cli", "presets"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert "v4-ca1" in run.stdout
    wrong = subprocess.run([sys.executable, "-m", "minisim._cli", "info", "none.zarr"], capture_output=True, text=True)
    assert wrong.returncode == 1 and "none.zarr" in wrong.stderr


def test_a_sweep_leaves_a_parquet_table_too(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "sweep.toml").write_text(
        'preset = "v4-ca1"\n[set]\n"acquisition.duration_s" = 0.2\nacquisition.image_sensor.n_px_height = 64\n'
        "acquisition.image_sensor.n_px_width = 64\n[axes]\nseed = [1, 2]\n"
    )
    command = [sys.executable, "-m", "minisim._cli", "sweep", "run", "sweep.toml", "--out", "out", "-q"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    table = parquet.read_table(tmp_path / "out" / "results.parquet")
    assert table.column("seed").to_pylist() == [1, 2] and "n_detectable" in table.column_names


def test_a_recording_of_the_published_package():
    import pathlib

    data = pathlib.Path(__file__).parents[2] / "minisim-io" / "tests" / "data"
    back = Recording.load(data / "recording.zarr")
    expected = np.load(data / "recording_expected.npz")
    np.testing.assert_array_equal(back.observed, expected["observed"])
    gt = back.ground_truth
    for name in ("C", "centers_um"):
        np.testing.assert_array_equal(getattr(gt, name), expected[name])
    np.testing.assert_array_equal(gt.A_planted, expected["A_planted"])
    peak = expected["A_observed"].max()
    np.testing.assert_allclose(gt.A_observed, expected["A_observed"], atol=1e-5 * peak)
    assert len(back.snapshots) == 8 and gt.focal_depth_um == 109.0


def test_every_array_of_the_engine_is_an_attribute_with_its_meaning():
    from minisim import _core, _truth

    declared = {name: tuple(axes) for name, axes, _, _ in _core.declared_truth()}
    assert declared == _truth.ARRAYS
    fields = set(minisim.GroundTruth.__dataclass_fields__)
    assert declared.keys() <= fields


def test_an_array_that_the_package_does_not_know_is_not_dropped():
    recording = minisim.simulate(minisim.Spec(acquisition={"duration_s": 0.1}, steps=[minisim.PlaceNeurons()]))
    parts = {**recording.ground_truth._parts(), "pulsation": np.zeros(3)}
    with pytest.raises(RuntimeError, match="pulsation"):
        minisim.GroundTruth._of(parts)


def test_lost_frames_are_told(spec, tmp_path):
    faults = minisim.AcquisitionFaults(lost_rate=0.2, burst_frames=2, repeated_rate=0, torn_rate=0, broken_rate=0, jitter_ms=3)
    faulty = spec.model_copy(update={"steps": [*spec.steps, faults]})
    whole, some = simulate(spec), simulate(faulty)
    truth = some.ground_truth
    n = len(some.observed)
    shown = truth.exposure_index.astype(int)
    assert n < len(whole.observed) and truth.C.shape[1] == n == len(truth.timestamps_s)
    np.testing.assert_array_equal(some.observed, whole.observed[shown])
    np.testing.assert_array_equal(truth.C, whole.ground_truth.C[:, shown])
    assert sorted([*shown, *truth.lost_exposures.astype(int)]) == list(range(len(whole.observed)))
    scene = Scene(faulty)
    assert scene.n_frames == n and "acquisition_faults" in scene.stages
    np.testing.assert_array_equal(scene.render(slice(n - 1, n)), some.observed[n - 1 :])
    assert len(simulate(faulty, until="composite").observed) == len(whole.observed), "not delivered yet"
    np.testing.assert_array_equal(some.to_xarray().time_s.values, truth.timestamps_s)
    some.save(tmp_path / "some.zarr")
    same(Recording.load(tmp_path / "some.zarr").ground_truth, truth)


def test_bounds_are_there_if_asked_for(spec, recording, tmp_path):
    assert recording.ground_truth.demixing_snr is None
    asked = simulate(spec, bounds=True)
    held, computed, of_scene = asked.bounds(), recording.bounds(), Scene(spec).bounds()
    for name in minisim.Bounds.__dataclass_fields__:
        value = getattr(held, name)
        np.testing.assert_array_equal(value, getattr(computed, name), err_msg=name)
        np.testing.assert_array_equal(value, getattr(of_scene, name), err_msg=name)
        np.testing.assert_array_equal(value, getattr(asked.ground_truth, name), err_msg=name)
    n = asked.ground_truth.n_units
    assert held.trace_sd_bound.shape == (n,) and held.shift_sd_bound_px.shape == (2,)
    assert (held.trace_sd_bound > 0).all() and (held.crosstalk >= 1 - 1e-9).all()
    asked.save(tmp_path / "asked.zarr")
    np.testing.assert_array_equal(Recording.load(tmp_path / "asked.zarr").bounds().crosstalk, held.crosstalk)
    assert len(held.to_pandas()) == n
    without = spec.model_copy(update={"steps": [step for step in spec.steps if step.kind != "sensor"]})
    with pytest.raises(ValueError, match="sensor"):
        Scene(without).bounds()
