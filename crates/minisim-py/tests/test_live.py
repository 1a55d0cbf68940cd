"""Frames one after the other, and films through pipes."""

import pathlib
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

import minisim
from minisim import LiveFrame, Scene, Spec, live, simulate
from minisim.presets import build_spec, ca1, miniscope_v4


TASKS = pathlib.Path("/proc/self/task")


def changed(spec, **acquisition):
    """The spec with other fields of its acquisition."""
    parts = spec.model_dump()
    parts["acquisition"] |= acquisition
    return Spec.model_validate(parts)


@pytest.fixture(scope="module")
def spec():
    spec = build_spec(miniscope_v4(), ca1(), duration_s=4)
    return changed(spec, image_sensor=spec.acquisition.image_sensor.model_dump() | {"n_px_height": 40, "n_px_width": 48})


def test_frames_are_the_recordings(spec):
    recording = simulate(spec)
    frames = list(live(spec))
    assert [f.index for f in frames] == list(range(80))
    np.testing.assert_allclose([f.time_s for f in frames], np.arange(80) / 20)
    assert frames[0].image.dtype == recording.observed.dtype
    np.testing.assert_array_equal(np.stack([f.image for f in frames]), recording.observed)
    image, index, time_s = next(live(spec, stage="leakage"))
    np.testing.assert_array_equal(image, Scene(spec).render(0, stage="leakage"))
    assert (index, time_s) == (0, 0.0)


def test_a_film_is_repeated(spec):
    seen = []
    for frame in live(changed(spec, duration_s=0.15), loop=True):
        seen.append(frame)
        if len(seen) == 10:
            break
    assert [f.index for f in seen] == list(range(10))
    np.testing.assert_array_equal(seen[0].image, seen[9].image)
    assert seen[9].time_s == pytest.approx(9 / 20)


@pytest.mark.skipif(not TASKS.exists(), reason="threads are counted where Linux lists them")
def test_leaving_the_loop_frees_all(spec):
    for _ in live(spec):  # The engine's own threads start with the first one.
        break
    before = len(list(TASKS.iterdir()))
    for _ in range(20):
        for frame in live(spec, realtime=True, loop=True):
            assert isinstance(frame, LiveFrame)
            break
    assert len(list(TASKS.iterdir())) <= before


def test_python_goes_on_while_a_frame_is_awaited(spec):
    frames = live(changed(spec, fps=2.0, duration_s=1.0), realtime=True)
    next(frames)
    count, over = [0], threading.Event()

    def work():
        while not over.wait(0.001):
            count[0] += 1

    worker = threading.Thread(target=work)
    worker.start()
    before = count[0]
    next(frames)
    after = count[0]
    over.set()
    worker.join()
    assert after > before


def test_what_cannot_be_played_is_refused_at_once(spec):
    with pytest.raises(ValueError, match="sunshine"):
        live(spec, stage="sunshine")
    with pytest.raises(ValueError, match="composite"):
        live(Spec(steps=[minisim.PlaceNeurons()]))


def test_a_pipe_into_python(spec):
    command = [sys.executable, "-m", "minisim._cli", "simulate", "-", "-o", "-", "--format", "raw", "--quiet"]
    done = subprocess.run(command, input=spec.model_dump_json().encode(), capture_output=True, check=True)
    film = np.frombuffer(done.stdout, np.uint8).reshape(80, 40, 48)
    np.testing.assert_array_equal(film, simulate(spec).observed)
    assert done.stderr == b""
