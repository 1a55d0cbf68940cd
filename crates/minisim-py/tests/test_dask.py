"""Recordings and sweeps on dask."""

import numpy as np
import pytest

import minisim
from minisim.testing import make_recording

dask = pytest.importorskip("dask")
# distributed warns of its own threads and ports; that is not ours to fail on.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def spec() -> minisim.Spec:
    return make_recording(n_px=64, soma_radius_um=3, duration_s=1).spec


def detectable(recording: minisim.Recording) -> dict[str, int]:
    return {"n_detectable": int(recording.ground_truth.detectable.sum())}


def test_a_recording_as_a_lazy_array(spec):
    from minisim.dask import simulate_delayed, to_dask

    film = minisim.simulate(spec).observed
    lazy = to_dask(spec, chunk_frames=7)
    assert lazy.shape == film.shape and lazy.dtype == film.dtype and lazy.npartitions == 3
    np.testing.assert_array_equal(lazy.compute(), film)
    np.testing.assert_array_equal(lazy[13].compute(), film[13])
    np.testing.assert_array_equal(to_dask(spec, stage="cells_only").compute(), minisim.simulate(spec, until="composite").observed)
    recording = simulate_delayed(spec).compute()
    np.testing.assert_array_equal(recording.observed, film)
    np.testing.assert_allclose(recording.to_dask().mean(axis=0).compute(), film.mean(axis=0), rtol=1e-5)


def test_a_sweep_on_a_cluster(spec):
    distributed = pytest.importorskip("distributed")
    from minisim.dask import sweep_table

    axes = {"seed": [1, 2], "steps.sensor.photons_per_unit": [1.0, 40.0]}
    here = sweep_table(spec, axes, detectable)
    assert [row["seed"] for row in here] == [1, 1, 2, 2]
    assert here[0]["n_detectable"] < here[1]["n_detectable"] and len({row["cache_key"] for row in here}) == 4
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:
        with distributed.Client(cluster) as client:
            assert sweep_table(spec, axes, detectable, client) == here
