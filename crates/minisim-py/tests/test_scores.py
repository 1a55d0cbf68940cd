"""Scores: the published numbers through Python, from any kind of array; and the test kit."""

import math
import pickle

import numpy as np
import pytest

import minisim
from minisim import hungarian_match
from minisim.testing import Estimate, make_recording, score


def close(got, want):
    np.testing.assert_allclose(np.array(got, dtype=float), np.array(want, dtype=float), rtol=1e-6, atol=1e-6, equal_nan=True)


def test_published_scores(score_cases, score_arrays):
    arrays = score_arrays
    for case in score_cases:
        name = f"est{case['k']}"
        for key, want in case.items():
            if "/" not in key:
                continue
            metric, shift = key.split("/")
            shift = {"None": None, "auto": "auto"}.get(shift, shift)
            if shift not in (None, "auto"):
                shift = tuple(float(v) for v in shift.strip("()").split(","))
            match = hungarian_match(arrays[f"{name}_A"], arrays["A_observed"], metric=metric, shift=shift)
            assert [list(p) for p in match.pairing] == want["pairing"] and list(match.shift) == want["shift"]
            close([match.recall(), match.precision(), match.mean_iou], [want["recall"], want["precision"], want["mean"]])
        pairing = case["iou/None"]["pairing"]
        close(minisim.trace_pearson(arrays[f"{name}_C"], arrays["C"], pairing), case["trace_pearson"])
        activity = minisim.activity_similarity(arrays[f"{name}_S"], arrays["S"], pairing)
        for part in ("correlation", "scale", "variance_explained"):
            close(getattr(activity, part), case["activity"][part])
        shifts = arrays[f"{name}_shifts"], arrays["shifts"]
        close([minisim.shift_rmse(*shifts, correction=True, align=a) for a in (False, True)], case["shift_rmse"])
        assert list(minisim.global_shift_from_trajectories(*shifts)) == case["global_shift"]


def test_published_scorecards(score_cases, score_arrays):
    arrays = score_arrays
    n, height, width = arrays["A_observed"].shape
    planted = minisim.FootprintStack.from_dense(arrays["A_observed"])
    # The footprints that the sensor sees are given as they are: no blur, no dimming.
    truth = minisim.GroundTruth(
        planted=planted,
        fov_offset=(0, 0),
        fov_shape=(height, width),
        C=arrays["C"],
        S=arrays["S"],
        centers_um=np.zeros((n, 3)),
        amplitude_per_cell=np.ones(n),
        in_focus=np.ones(n, bool),
        detectable=arrays["detectable"],
        shifts=arrays["shifts"],
    )
    for case in score_cases:
        parts = {p: arrays[f"est{case['k']}_{p}"] for p in ("A", "C", "S", "shifts")}
        report = score(Estimate(**parts), truth)
        for key, want in case["score"].items():
            got = getattr(report, key)
            if key == "footprint_shift":
                assert list(got) == want
            else:
                assert got == pytest.approx(want, rel=2e-6, abs=1e-6), (case["k"], key)


def test_any_kind_of_footprints(score_arrays):
    sparse = pytest.importorskip("scipy.sparse")
    xarray = pytest.importorskip("xarray")
    est, true = score_arrays["est2_A"], score_arrays["A_observed"]
    want = hungarian_match(est, true)
    stack = minisim.FootprintStack.from_dense(true)
    for a, b in [
        (sparse.csr_matrix(est.reshape(len(est), -1)), true),
        (sparse.csc_array(est.reshape(len(est), -1)), stack),
        (xarray.DataArray(est, dims=("unit_id", "height", "width")), list(stack)),
        (est.tolist(), true.astype(np.float32)),
    ]:
        got = hungarian_match(a, b)
        assert got.pairing == want.pairing
        np.testing.assert_allclose(got.similarity_matrix, want.similarity_matrix, atol=1e-6)
    with pytest.raises(ValueError, match="field_shape"):
        hungarian_match(sparse.csr_matrix(est.reshape(len(est), -1)), sparse.csr_matrix(true.reshape(len(true), -1)))


def test_a_thousand_cells_stay_sparse():
    sparse = pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(0)
    n, side = 1000, 608
    rows, cols, data = [], [], []
    for i, (y, x) in enumerate(rng.integers(8, side - 8, size=(n, 2))):
        block = np.arange(-6, 7)
        pixels = ((y + block)[:, None] * side + x + block).ravel()
        rows.append(np.full(pixels.size, i))
        cols.append(pixels)
        data.append(rng.random(pixels.size))
    true = sparse.csr_matrix((np.concatenate(data), (np.concatenate(rows), np.concatenate(cols))), shape=(n, side * side))
    order = rng.permutation(n)
    stack = minisim.FootprintStack.from_footprints(
        [
            minisim.Footprint((int(p[0] // side), int(p[0] % side)), true[i].data.reshape(13, 13).astype(np.float32), (side, side))
            for i in range(n)
            for p in [true[i].indices]
        ],
        (side, side),
    )
    match = hungarian_match(true[order], stack)
    assert [order[i] for i, _ in match.pairing] == [j for _, j in match.pairing]
    assert match.recall() == 1.0


def test_wrong_arrays_say_what_is_wrong(score_arrays):
    est, true = score_arrays["est0_A"], score_arrays["A_observed"]
    with pytest.raises(ValueError, match="3 axes"):
        hungarian_match(est[0], true)
    with pytest.raises(ValueError, match="field of"):
        hungarian_match(est[:, :10], true)
    with pytest.raises(ValueError, match=r"footprint 2 is NaN at pixel \(3, 4\)"):
        bad = est.copy()
        bad[2, 3, 4] = np.nan
        hungarian_match(bad, true)
    with pytest.raises(ValueError, match="metric"):
        hungarian_match(est, true, metric="dice")
    with pytest.raises(ValueError, match="energy_frac"):
        hungarian_match(est, true, energy_frac=0)
    with pytest.raises(ValueError, match="auto"):
        hungarian_match(est, true, shift="best")
    with pytest.raises(ValueError, match="frames"):
        minisim.trace_pearson(score_arrays["C"][:, :5], score_arrays["C"], [(0, 0)])
    with pytest.raises(ValueError, match="frames"):
        minisim.shift_rmse(score_arrays["shifts"][:5], score_arrays["shifts"])
    empty = hungarian_match(est[:0], true)
    assert (empty.recall(), empty.precision(), empty.mean_iou, empty.pairing) == (0.0, 0.0, 0.0, ())
    with pytest.raises(TypeError, match="footprints"):
        Estimate()
    with pytest.raises(TypeError, match="not both"):
        Estimate(A=est, footprints=est)


def test_the_test_kit():
    rec = make_recording(n_cells=7, motion=True, n_px=220)
    gt = rec.ground_truth
    assert gt.n_units == 7 and gt.detectable.all() and gt.shifts is not None
    np.testing.assert_array_equal(rec.observed, make_recording(n_cells=7, motion=True, n_px=220).observed)
    perfect = score(Estimate(footprints=gt.A_observed, traces=gt.C, activity=gt.S, shifts=-gt.shifts), gt)
    assert (perfect.recall, perfect.precision, perfect.f1, perfect.shift_rmse) == (1.0, 1.0, 1.0, 0.0)
    assert perfect.details["precision_recall"]["average_precision"] == 1.0
    assert perfect.details["merges"] == perfect.details["splits"] == 0
    assert perfect.details["caiman"]["f1"] == perfect.details["neurofinder"]["f1"] == 1.0
    assert perfect.details["events"]["f1"] > 0.9
    half = score(Estimate(A=gt.A_observed[:3]), gt)
    assert half.recall == pytest.approx(3 / 7) and half.precision == 1.0 and math.isnan(half.trace_corr)
    moved = score(Estimate(A=np.roll(gt.A_observed, (2, 1), (1, 2))), gt)
    assert moved.footprint_shift == (-2, -1) and moved.recall == 1.0
    assert "recall=0.43" in half.summary()
    # nan is not equal to itself.
    assert repr(pickle.loads(pickle.dumps(half))) == repr(half)
    with pytest.raises(ValueError, match="footprints but"):
        score(Estimate(A=gt.A_observed, C=gt.C[:2]), gt)


def test_masks_and_plain_traces():
    np.testing.assert_array_equal(minisim.footprint_mask([[1.0, 0.18, 0.5]]), [[True, False, True]])
    film = np.arange(12.0).reshape(2, 2, 3)
    trace = minisim.footprint_roi_trace(film, np.array([[0, 0.5, 1], [0, 0, 0]]))
    np.testing.assert_array_equal(trace, [1.5, 7.5])
    np.testing.assert_array_equal(minisim.footprint_roi_trace(film, np.zeros((2, 3))), [0, 0])
    assert minisim.field_pearson(film[0], 2 * film[0] + 1) == pytest.approx(1.0)
    assert math.isnan(minisim.field_pearson(np.ones((2, 3)), film[0]))


def test_sweeps():
    base = make_recording(n_px=64, soma_radius_um=3, duration_s=0.5).spec
    points = list(minisim.sweep(base, {"seed": [1, 2], "acquisition.optics.na": [0.3, np.float64(0.4)]}))
    assert [(p.seed, p.acquisition.optics.na) for p in points] == [(1, 0.3), (1, 0.4), (2, 0.3), (2, 0.4)]
    assert points[1].axes == {"seed": 1, "acquisition.optics.na": 0.4}
    assert "axes" not in points[0].model_dump_json() and len({p.cache_key() for p in points}) == 4
    assert list(minisim.sweep(base, {}))[0].cache_key() == base.cache_key()
    assert minisim.simulate(points[0]).observed.shape == (10, 64, 64)
    for path, words in {
        "acquisition.optics.nna": "nna",
        "steps.neuropil.amplitude": "neuropil",
        "seed.x": "seed",
        "steps.sensor": "field",
    }.items():
        with pytest.raises(ValueError, match=words):
            next(minisim.sweep(base, {path: [1]}))
    with pytest.raises(ValueError, match="greater than 0"):
        list(minisim.sweep(base, {"acquisition.optics.na": [-1]}))


def test_the_fixture(minisim_recording):
    first = minisim_recording(n_cells=4, n_px=80)
    assert first.ground_truth.n_units == 4
    assert minisim_recording(n_px=80, n_cells=4) is first


def test_formulas():
    from minisim import steps

    # Numbers of the published package.
    assert steps.kernel_timing(0.05, 0.5) == pytest.approx((0.12792139405522476, 0.501772135922648))
    assert steps.spike_activity_params(0.5) == pytest.approx((0.005, 0.3, 150.0, 0.6))
    close(steps.calcium_kernel(0.05, 0.5, 20)[:3], [0.0, 0.77703874, 0.98895031])
    assert steps.bleaching_floor(0.1, 1.0, 1.0, 100.0) == pytest.approx(0.09090909090909091)
    close(steps.bleaching_pool(np.ones(4), 0.1, 100.0, 1.0), [1.0, 0.90530376, 0.82047163, 0.74447612])
    close(steps.dark_recovery(0.5, np.arange(3.0), 10.0), [0.5, 0.54758129, 0.59063462])
    assert steps.murray_children(10.0, 0.5) == pytest.approx((7.937005259840998, 7.937005259840998))
    close(steps.radial_falloff((3, 3), (1, 1), 0.5, 2.0), [[0.5, 0.75, 0.5], [0.75, 1, 0.75], [0.5, 0.75, 0.5]])
    close(steps.vessels_to_mask(np.arange(3.0), 0.5, 0.1), [1.0, 0.95241871, 0.90936538])
    assert minisim.detection_snr(1.0, 2.0, 100.0, 2.0) == pytest.approx(7.001400420140048)
    assert minisim.sample_field_at(np.arange(12.0).reshape(3, 4), 1, 1, 1.0) == 10.0
    assert minisim.sample_field_at(None, 0, 0, 1.0) == 1.0
    acq = minisim.Acquisition()
    assert steps.combined_falloff_field(acq, None, None) is None
    assert steps.combined_falloff_field(acq, minisim.IlluminationProfile(), minisim.Vignette()).shape == (256, 256)
    moved = steps.shift_and_crop(np.eye(6)[None], [[1, 0]], (4, 4))
    np.testing.assert_array_equal(moved[0], np.eye(6)[0:4, 1:5])
    spot = minisim.Footprint((20, 20), np.ones((1, 1), np.float32), (41, 41))
    seen = steps.degrade_footprint(spot, 2.0, 0.5)
    assert seen.patch.sum() == pytest.approx(0.5, rel=1e-5)


def test_ignored_gaps_have_a_price():
    faults = minisim.AcquisitionFaults(lost_rate=0.1, burst_frames=4, jitter_ms=3)
    recording = make_recording(n_px=64, soma_radius_um=3, duration_s=60, extra_steps=[faults])
    truth = recording.ground_truth
    report = score(Estimate(A=truth.A_observed, C=truth.C, S=truth.S), truth)
    gaps = report.details["gaps"]
    assert report.trace_corr > 0.999 and gaps["trace_corr_ignored"] < 0.8
    assert gaps["n_lost"] == len(truth.lost_exposures) and gaps["n_exposures"] == gaps["n_lost"] + truth.C.shape[1]
    assert gaps["spike_error_s"] < 5e-3 < 0.1 < gaps["spike_error_ignored_s"]
    assert "gaps: " in report.summary()
    # An estimate over all exposures, as of somebody who has filled the gaps.
    filled = np.zeros((truth.n_units, gaps["n_exposures"]))
    filled[:, truth.daq_frame.astype(int)] = truth.C
    assert score(Estimate(A=truth.A_observed, C=filled), truth).trace_corr > 0.999
    plain = make_recording(n_px=64, soma_radius_um=3, duration_s=2).ground_truth
    assert score(Estimate(A=plain.A_observed), plain, restrict_to_detectable=False).details["gaps"] is None
