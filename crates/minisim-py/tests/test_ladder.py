"""The ladder of examples, as the published guide prints it: every attribute has the shape that it says."""

import numpy as np
import pytest

from minisim import (
    Acquisition,
    Bleaching,
    BrainMotion,
    CellActivity,
    CellOptics,
    Composite,
    IlluminationProfile,
    ImageSensor,
    Leakage,
    Neuropil,
    Optics,
    PlaceNeurons,
    Sensor,
    Spec,
    Vignette,
    simulate,
)

FRAMES, SIDE = 400, 200

acq = Acquisition(
    fps=20.0,
    duration_s=20.0,
    optics=Optics(magnification=8.0),
    image_sensor=ImageSensor(n_px_height=200, n_px_width=200, pixel_pitch_um=8.0),
)


def run(*steps):
    rec = simulate(Spec(acquisition=acq, seed=1, steps=list(steps)))
    assert rec.observed.shape == (FRAMES, SIDE, SIDE)
    return rec, rec.ground_truth


def test_minimal():
    _, gt = run(PlaceNeurons(), CellActivity(), Composite())
    n = gt.n_units
    assert gt.centers_um.shape == (n, 3) and gt.A_planted.shape == (n, SIDE, SIDE)
    assert gt.C.shape == gt.S.shape == (n, FRAMES)


def test_optics():
    _, gt = run(PlaceNeurons(), CellActivity(), CellOptics(), Composite())
    n = gt.n_units
    assert isinstance(gt.focal_depth_um, float)
    assert gt.A_observed.shape == gt.A_planted.shape
    assert gt.observed_sigma_px.shape == gt.depth_um.shape == gt.in_focus.shape == (n,)


def test_brain_motion():
    _, gt = run(PlaceNeurons(), CellActivity(), CellOptics(), Composite(), BrainMotion())
    assert gt.shifts.shape == (FRAMES, 2)


def test_neuropil():
    _, gt = run(PlaceNeurons(), CellActivity(), CellOptics(), Composite(), Neuropil())
    assert gt.neuropil_spatial.shape == (3, SIDE, SIDE)
    assert gt.neuropil_temporal.shape == (3, FRAMES)
    assert gt.neuropil_population.shape == (FRAMES,)


def test_static_fields():
    _, gt = run(
        PlaceNeurons(), CellActivity(), CellOptics(), Composite(), Neuropil(), IlluminationProfile(), Vignette(), Leakage()
    )
    for field in (gt.illumination, gt.vignette, gt.leakage):
        assert field.shape == (SIDE, SIDE) and field[100, 100] > field[0, 0]


def test_full_recording(tmp_path):
    steps = [
        PlaceNeurons(),
        CellActivity(),
        Bleaching(),
        CellOptics(),
        Composite(),
        Neuropil(),
        BrainMotion(),
        IlluminationProfile(),
        Vignette(),
        Leakage(),
        Sensor(),
    ]
    rec, gt = run(*steps)
    assert gt.detectable.shape == (gt.n_units,) and gt.bleaching.shape == (gt.n_units, FRAMES)
    np.testing.assert_array_equal(rec.observed, np.round(rec.observed))
    assert rec.observed.min() >= 0 and rec.observed.max() <= 255
    # The noise-free half is focused on the same plane.
    clean = simulate(rec.spec, until="leakage")
    assert clean.ground_truth.focal_depth_um == gt.focal_depth_um
    rec.write_video(tmp_path / "recording.avi", vmax=float(rec.observed.max()), progress=False)
    with pytest.raises(ValueError, match="vmax"):
        clean.write_video(tmp_path / "clean.avi", progress=False)


def test_a_film_can_be_made_again_from_the_spec_beside_it(tmp_path, monkeypatch):
    from pathlib import Path

    from minisim import simulate_video

    monkeypatch.chdir(tmp_path)
    steps = [PlaceNeurons(), CellActivity(), CellOptics(), Composite(), Sensor()]
    spec = Spec(acquisition=acq.model_copy(update={"duration_s": 1.0}), steps=steps)
    simulate_video(spec, "recording.avi", progress=False)
    again = Spec.model_validate_json(Path("recording.spec.json").read_text())
    np.testing.assert_array_equal(simulate(again).observed, simulate(spec).observed)
