"""Small outputs in each pipeline's own form are read as they were."""

import json
import subprocess
import sys

import numpy as np
import pytest

import minisim
from minisim.pipelines import (
    caiman_displacement,
    caiman_patches,
    read,
    read_caiman,
    read_caiman_motion,
    read_minian,
    read_suite2p,
    suite2p_displacement,
)
from minisim.testing import Estimate, PatchDisplacement, make_recording, score

H, W, T = 9, 12, 20


@pytest.fixture
def parts():
    rng = np.random.default_rng(0)
    A = np.zeros((3, H, W), dtype=np.float32)
    for k, image in enumerate(A):
        image[2 * k : 2 * k + 3, 3 * k : 3 * k + 4] = rng.random((3, 4)) + 0.1
    return A, rng.random((3, T)), rng.random((3, T)), rng.normal(size=(T, 2))


def write_suite2p(folder, A, F, spks, displacement, iscell=None, **ops):
    folder.mkdir(parents=True)
    stat = [{"ypix": y, "xpix": x, "lam": a[y, x]} for a in A for y, x in [np.nonzero(a)]]
    np.save(folder / "stat.npy", np.array(stat, dtype=object))
    np.save(folder / "F.npy", F)
    np.save(folder / "spks.npy", spks)
    settings = {"Ly": A.shape[1], "Lx": A.shape[2], "yoff": displacement[:, 0], "xoff": displacement[:, 1], **ops}
    np.save(folder / "ops.npy", np.array(settings, dtype=object))
    if iscell is not None:
        np.save(folder / "iscell.npy", iscell)


def test_suite2p(parts, tmp_path):
    A, C, S, shifts = parts
    folder = tmp_path / "suite2p" / "plane0"
    write_suite2p(folder, A, C, S, -shifts, iscell=np.array([[1, 0.9], [0, 0.1], [1, 0.8]]), neucoeff=0.5)
    got = read(tmp_path)
    np.testing.assert_array_equal(got.A, A[[0, 2]])
    np.testing.assert_array_equal(got.C, C[[0, 2]])
    np.testing.assert_array_equal(got.S, S[[0, 2]])
    np.testing.assert_allclose(got.shifts, shifts)
    np.save(folder / "Fneu.npy", np.ones_like(C))
    everything = read_suite2p(folder, cells_only=False)
    np.testing.assert_allclose(everything.C, C - 0.5)
    assert len(everything.A) == 3


@pytest.mark.parametrize("folders", [True, False])
def test_minian(parts, tmp_path, folders):
    zarr = pytest.importorskip("zarr")
    A, C, S, shifts = parts
    for name, values, dims in [
        ("A", A.transpose(1, 2, 0), ["height", "width", "unit_id"]),
        ("C", C, ["unit_id", "frame"]),
        ("S", S.T, ["frame", "unit_id"]),
        ("motion", shifts, ["frame", "shift_dim"]),
    ]:
        root = zarr.open_group(str(tmp_path / f"{name}.zarr" if folders else tmp_path), mode="a", zarr_format=2)
        root.create_array(name, data=np.ascontiguousarray(values)).attrs["_ARRAY_DIMENSIONS"] = dims
    got = read(tmp_path)
    for name, want in zip(("A", "C", "S", "shifts"), parts):
        np.testing.assert_array_equal(getattr(got, name), want)
    assert read_minian(tmp_path).A.shape == A.shape


def test_caiman(parts, tmp_path):
    h5py = pytest.importorskip("h5py")
    sparse = pytest.importorskip("scipy.sparse")
    A, C, S, _ = parts
    matrix = sparse.csc_matrix(np.stack([a.ravel(order="F") for a in A], axis=1))
    path = tmp_path / "cnm.hdf5"
    with h5py.File(path, "w") as file:
        file["dims"] = np.array([H, W])
        for name in ("data", "indices", "indptr", "shape"):
            file[f"estimates/A/{name}"] = np.asarray(getattr(matrix, name))
        file["estimates/C"], file["estimates/S"] = C, S
        file["estimates/idx_components"] = np.array([2, 0])
    got = read(path)
    np.testing.assert_array_equal(got.A, A[[2, 0]])
    np.testing.assert_array_equal(got.C, C[[2, 0]])
    np.testing.assert_array_equal(got.S, S[[2, 0]])
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["data"] = C
    with pytest.raises(ValueError, match="cnm.save"):
        read_caiman(tmp_path / "other.h5")


def test_they_can_be_scored(tmp_path):
    rec = make_recording(motion=True, n_px=220)
    gt = rec.ground_truth
    write_suite2p(tmp_path / "plane0", gt.A_observed, gt.C, gt.S, gt.shifts)
    report = score(read(tmp_path), gt)
    assert report.f1 == 1.0 and report.shift_rmse == pytest.approx(0.0)


def test_what_is_no_output(tmp_path):
    with pytest.raises(ValueError, match="suite2p"):
        read(tmp_path)
    with pytest.raises(FileNotFoundError, match="stat.npy"):
        read_suite2p(tmp_path)
    with pytest.raises(FileNotFoundError, match="A.zarr"):
        read_minian(tmp_path)
    np.save(tmp_path / "stat.npy", np.array([], dtype=object))
    with pytest.raises(FileNotFoundError, match="Ly"):
        read_suite2p(tmp_path)


def ramp(rows, cols, frames):
    """Displacements that are linear in place, at given rows and columns, (frame, yx, row, column)."""
    y, x = np.meshgrid(rows, cols, indexing="ij")
    return np.stack([np.stack([t + 0.1 * y, -t - 0.05 * x]) for t in range(frames)])


def test_suite2p_non_rigid(parts, tmp_path):
    A, C, S, _ = parts
    H, W = A.shape[1:]
    ys, xs = [0, H // 3, H - H // 2], [0, W - W // 2]
    rows, cols = [y + (H // 2 - 1) / 2 for y in ys], [x + (W // 2 - 1) / 2 for x in xs]
    T = C.shape[1]
    true = ramp(rows, cols, T)
    rigid = np.round(true.mean(axis=(2, 3)))
    local = (true - rigid[:, :, None, None]).reshape(T, 2, -1)
    blocks = {
        "yblock": [[y, y + H // 2] for y in ys for _ in xs],
        "xblock": [[x, x + W // 2] for _ in ys for x in xs],
        "nblocks": [3, 2],
        "yoff1": local[:, 0],
        "xoff1": local[:, 1],
    }
    write_suite2p(tmp_path / "plane0", A, C, S, rigid, **blocks)
    field = suite2p_displacement(tmp_path, slice(0, 3))
    assert field.shape == (3, 2, H, W)
    inside = np.ix_(range(3), range(2), range(int(np.ceil(rows[0])), int(rows[-1]) + 1), range(int(np.ceil(cols[0])), int(cols[-1]) + 1))
    np.testing.assert_allclose(field[inside], ramp(range(H), range(W), 3)[inside], atol=1e-5)
    np.testing.assert_allclose(field[:, :, 0, 0], true[:3, :, 0, 0], atol=1e-5)
    got = read(tmp_path)
    np.testing.assert_allclose(got.displacement.shifts_px, true, atol=1e-5)
    np.testing.assert_allclose([*got.displacement.rows_px, *got.displacement.cols_px], [*rows, *cols])
    np.testing.assert_allclose(got.shifts, -rigid)


def test_suite2p_non_rigid_without_its_blocks(parts, tmp_path):
    """suite2p 1.1 leaves the size of the blocks, not where they lie."""
    A, C, S, _ = parts
    H, W = A.shape[1:]
    # ceil(1.5 · H / ⌈H / 2⌉) = 3 blocks along each side, the last one ending with the frame.
    block = [-(-H // 2), -(-W // 2)]
    rows, cols = ([int(k * (side - n) / 2) + (n - 1) / 2 for k in range(3)] for side, n in zip((H, W), block))
    T = C.shape[1]
    true = ramp(rows, cols, T)
    rigid = np.round(true.mean(axis=(2, 3)))
    local = (true - rigid[:, :, None, None]).reshape(T, 2, -1)
    settings = {"registration": {"block_size": block}, "detection": {"block_size": (8, 8)}}
    write_suite2p(tmp_path / "plane0", A, C, S, rigid, yoff1=local[:, 0], xoff1=local[:, 1], **settings)
    got = read(tmp_path)
    np.testing.assert_allclose([*got.displacement.rows_px, *got.displacement.cols_px], [*rows, *cols])
    np.testing.assert_allclose(got.displacement.shifts_px, true, atol=1e-5)


def test_caiman_displacement():
    shape, strides, overlaps = (40, 50), (12, 16), (6, 4)
    rows, cols = [s + 8.5 for s in (0, 12, 22)], [s + 9.5 for s in (0, 16, 30)]
    shifts = -ramp(rows, cols, 2).reshape(2, 2, 9)
    field = caiman_displacement(shifts[:, 0], shifts[:, 1], shape, strides=strides, overlaps=overlaps)
    np.testing.assert_allclose(field[:, :, 9:31, 10:40], ramp(range(40), range(50), 2)[:, :, 9:31, 10:40], atol=1e-12)
    with pytest.raises(ValueError, match="3 × 3 patches"):
        caiman_displacement(shifts[:, 0, :8], shifts[:, 1, :8], shape, strides=strides, overlaps=overlaps)
    error = minisim.endpoint_error(field, field + np.array([3.0, 4.0])[:, None, None], pixel_um=2.0)
    assert (error.mean_px, error.p95_um) == (pytest.approx(5.0), pytest.approx(10.0))
    assert minisim.endpoint_error(field + 1.0, field, pixel_um=2.0, align=True).mean_px == pytest.approx(0.0, abs=1e-9)
    assert minisim.axial_correlation([0.0, 1.0, 3.0], [1.0, -1.0, -5.0]) == pytest.approx(1.0)


def test_caiman_motion(tmp_path):
    h5py = pytest.importorskip("h5py")
    shape, grid = (40, 50), {"strides": (12, 16), "overlaps": (6, 4)}
    rows, cols = [s + 8.5 for s in (0, 12, 22)], [s + 9.5 for s in (0, 16, 30)]
    els = -ramp(rows, cols, 2).reshape(2, 2, 9)
    np.savez(tmp_path / "els.npz", x_shifts_els=els[:, 0], y_shifts_els=els[:, 1], shifts_rig=[[1.0, 2.0]] * 2)
    with h5py.File(tmp_path / "mc.h5", "w") as file:
        file["estimates/x_shifts_els"], file["estimates/y_shifts_els"] = els[:, 0], els[:, 1]
    want = caiman_patches(els[:, 0], els[:, 1], shape, **grid)
    for name in ("els.npz", "mc.h5"):
        got = read_caiman_motion(tmp_path / name, shape, **grid)
        np.testing.assert_array_equal(got.shifts_px, want.shifts_px)
        np.testing.assert_array_equal([*got.rows_px, *got.cols_px], [*rows, *cols])
    np.testing.assert_allclose(got.shifts_px, ramp(rows, cols, 2))
    with pytest.raises(ValueError, match="strides"):
        read_caiman_motion(tmp_path / "els.npz", shape)
    np.savez(tmp_path / "rig.npz", shifts_rig=[(1.0, -2.0), (0.5, 0.25)])
    np.testing.assert_array_equal(read_caiman_motion(tmp_path / "rig.npz", shape), [[1.0, -2.0], [0.5, 0.25]])
    np.savez(tmp_path / "none.npz", A=[1.0])
    with pytest.raises(ValueError, match=r"numpy\.savez"):
        read_caiman_motion(tmp_path / "none.npz", shape)


def test_motion_that_is_not_rigid_is_scored(tmp_path):
    motion = minisim.BrainMotion(motion_amplitude_um=4, max_shift_um=6)
    steps = [motion, minisim.TissueDeformation(spatial_sigma_um=80), minisim.AxialMotion()]
    rec = make_recording(n_px=160, extra_steps=steps)
    gt = rec.ground_truth
    whole = np.stack([gt.displacement(t) for t in range(len(rec.observed))])
    places = np.arange(4, 160, 8)
    patches = PatchDisplacement(whole[:, :, places][:, :, :, places], places, places)
    np.testing.assert_allclose(patches.field((160, 160))[:, :, 4:150, 4:150], whole[:, :, 4:150, 4:150], atol=0.1)
    A = gt.A_observed
    rigid = score(Estimate(A=A, shifts=-gt.shifts), gt)
    assert rigid.shift_rmse == pytest.approx(0.0, abs=1e-9) and rigid.endpoint_mean_px > 0.3 and rigid.axial_corr is None
    estimate = Estimate(A=A, shifts=-gt.shifts, displacement=patches, z=3 - gt.axial_shift_um)
    report = score(estimate, gt)
    assert report.endpoint_mean_px < 0.05 < rigid.endpoint_mean_px and report.endpoint_p95_px >= report.endpoint_mean_px
    assert report.axial_corr == pytest.approx(1.0) and "axial_corr=1.00" in report.summary()
    assert report.details["endpoint_by_frame_px"].shape == (len(whole),)
    assert "share of frames in focus" in report.details["recall_by"]
    assert score(Estimate(A=A, displacement=whole), gt).endpoint_mean_px == pytest.approx(0.0, abs=1e-9)

    rec.save(tmp_path / "truth.zarr")
    estimate.save(tmp_path / "estimate.npz")
    done = subprocess.run(
        [sys.executable, "-m", "minisim._cli", "score", tmp_path / "estimate.npz", tmp_path / "truth.zarr", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    for name in ("f1", "shift_rmse", "endpoint_mean_px", "endpoint_p95_px", "axial_corr"):
        assert told[name] == pytest.approx(getattr(report, name), abs=1e-6)
    for wrong, words in [
        (dict(displacement=whole[:3]), "3 frames"),
        (dict(z=gt.axial_shift_um[:3]), "3 frames"),
        (dict(displacement=whole[:, 0]), "4 axes"),
    ]:
        with pytest.raises(ValueError, match=words):
            score(Estimate(A=A, **wrong), gt)
    with pytest.raises(ValueError, match="rows and columns"):
        PatchDisplacement(whole, places, places)
    with pytest.raises(TypeError, match="dense"):
        Estimate(A=list(gt.planted)).save(tmp_path / "sparse.npz")
