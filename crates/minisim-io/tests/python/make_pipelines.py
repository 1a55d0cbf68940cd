"""Writes tests/data/pipelines: three cells on 6 × 8 px over 5 frames, as each pipeline leaves its results on disk.

    python make_pipelines.py FOLDER        (numpy, scipy, h5py, zarr 2)

Cell k lights the rows k to k + 1 and the columns 2 k to 2 k + 2 with the weights 1 + 10 k + row + column / 10; C[k, t] = k + t / 10;
S[k, t] = 2 k + t; the motion correction of frame t is (t, -t).
"""

import pathlib
import sys

import h5py
import numpy as np
import scipy.io
import scipy.sparse
import zarr

N, HEIGHT, WIDTH, FRAMES = 3, 6, 8, 5
root = pathlib.Path(sys.argv[1])
A = np.zeros((N, HEIGHT, WIDTH))
for k in range(N):
    for row in range(k, k + 2):
        for col in range(2 * k, 2 * k + 3):
            A[k, row, col] = 1 + 10 * k + row + col / 10
C = np.arange(N)[:, None] + np.arange(FRAMES) / 10
S = 2.0 * np.arange(N)[:, None] + np.arange(FRAMES)
shifts = np.stack([np.arange(FRAMES), -np.arange(FRAMES)], axis=1).astype(float)
# Pixels counted down the columns, as MATLAB and CaImAn do.
pixels = scipy.sparse.csc_matrix(A.transpose(0, 2, 1).reshape(N, -1).T)


def suite2p() -> None:
    folder = root / "suite2p" / "plane0"
    folder.mkdir(parents=True, exist_ok=True)
    stat = []
    for k in range(N):
        row, col = np.nonzero(A[k])
        stat.append({"ypix": row.astype(np.int64), "xpix": col.astype(np.int32), "lam": A[k][row, col].astype("f4"), "med": [1, 2]})
    # The last is called no cell by the classifier.
    stat.append({"ypix": np.array([0]), "xpix": np.array([0]), "lam": np.array([1], "f4"), "overlap": np.array([True])})
    np.save(folder / "stat.npy", np.array(stat, dtype=object))
    np.save(folder / "iscell.npy", np.asfortranarray([[1.0, 0.9]] * N + [[0.0, 0.1]]))
    more = np.full((1, FRAMES), 9.0)
    np.save(folder / "F.npy", np.vstack([C + 0.5 * S, more]).astype("f4"))
    np.save(folder / "Fneu.npy", np.vstack([S, more]).astype("f4"))
    np.save(folder / "spks.npy", np.vstack([S, more]).astype("f4"))
    ops = {"Ly": HEIGHT, "Lx": np.int64(WIDTH), "neucoeff": 0.5, "save_path": pathlib.PurePosixPath("/tmp"), "fs": 20.0}
    ops.update(yoff=-shifts[:, 0].astype("i4"), xoff=-shifts[:, 1].astype("i4"), nonrigid=False, block_size=(128, 128))
    np.save(folder / "ops.npy", ops)


def minian() -> None:
    folder = root / "minian"
    for name, values, axes in (
        ("A", A.transpose(1, 2, 0), ["height", "width", "unit_id"]),
        ("C", C, ["unit_id", "frame"]),
        ("S", S, ["unit_id", "frame"]),
        ("motion", shifts, ["frame", "shift_dim"]),
    ):
        group = zarr.open_group(str(folder / f"{name}.zarr"), mode="w")
        array = group.array(name, np.ascontiguousarray(values), chunks=(2, *values.shape[1:]))
        array.attrs["_ARRAY_DIMENSIONS"] = axes


def caiman() -> None:
    with h5py.File(root / "caiman.hdf5", "w") as file:
        file["dims"] = np.array([HEIGHT, WIDTH])
        estimates = file.create_group("estimates")
        matrix = estimates.create_group("A")
        # A fourth component, which was not accepted.
        more = scipy.sparse.hstack([pixels, scipy.sparse.csc_matrix(np.ones((HEIGHT * WIDTH, 1)))]).tocsc()
        for name in ("data", "indices", "indptr"):
            matrix[name] = getattr(more, name)
        matrix["shape"] = np.array(more.shape)
        for name, values in (("C", C), ("S", S)):
            estimates[name] = np.vstack([values, np.zeros((1, FRAMES))])
        estimates["idx_components"] = np.array([0, 1, 2])
        estimates["R"] = "NoneType"


def extract() -> None:
    output = {"spatial_weights": A.transpose(1, 2, 0).astype("f4"), "temporal_weights": C.T, "info": {"version": "1"}}
    scipy.io.savemat(root / "extract_v5.mat", {"output": output, "config": {"a": 1}}, do_compression=True)
    with h5py.File(root / "extract_v73.mat", "w", userblock_size=512) as file:
        group = file.create_group("output")
        # HDF5's axes are MATLAB's in reverse.
        weights = A.transpose(1, 2, 0).T.astype("f4")
        group.create_dataset("spatial_weights", data=weights, chunks=(1, 4, 3), compression="gzip", shuffle=True)
        group.create_dataset("temporal_weights", data=C, chunks=(2, 5), compression="gzip")
        for name in ("spatial_weights", "temporal_weights"):
            group[name].attrs["MATLAB_class"] = np.bytes_("double")
    block = bytearray(512)
    block[:124] = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124)
    block[124:128] = b"\x00\x02IM"
    with open(root / "extract_v73.mat", "r+b") as file:
        file.write(block)


def cnmfe() -> None:
    results = {"A": pixels, "C": C, "S": scipy.sparse.csc_matrix(S), "options": {"d1": float(HEIGHT), "d2": float(WIDTH)}}
    scipy.io.savemat(root / "cnmfe_v5.mat", {"results": results, "note": "text"})
    with h5py.File(root / "cnmfe_v73.mat", "w", userblock_size=512) as file:
        sparse = file.create_group("A")
        sparse.attrs["MATLAB_sparse"] = np.uint64(HEIGHT * WIDTH)
        sparse["data"], sparse["ir"] = pixels.data, pixels.indices.astype(np.uint64)
        sparse["jc"] = pixels.indptr.astype(np.uint64)
        file["C"], file["S"] = C.T, S.T
        file["Cn"] = np.zeros((WIDTH, HEIGHT))


root.mkdir(parents=True, exist_ok=True)
for write in (suite2p, minian, caiman, extract, cnmfe):
    write()
