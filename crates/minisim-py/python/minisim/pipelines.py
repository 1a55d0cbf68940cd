"""What analysis pipelines leave on disk, as an `Estimate` to score.

    from minisim.pipelines import read
    report = score(read("suite2p/plane0"), recording.ground_truth)
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
from numpy.typing import NDArray

from .testing import Estimate, PatchDisplacement

StrPath = Union[str, "PathLike[str]"]


def read(path: StrPath) -> Estimate:
    """Reads the output of suite2p, minian or CaImAn, whichever is there."""
    place = Path(path)
    if place.is_file() and place.suffix.lower() in (".hdf5", ".h5"):
        return read_caiman(place)
    if _suite2p_folder(place) is not None:
        return read_suite2p(place)
    if _minian_array(place, "A") is not None:
        return read_minian(place)
    raise ValueError(
        f"{place} holds none of: stat.npy (suite2p), A.zarr or a zarr group with A (minian), estimates in .hdf5 (CaImAn); "
        "give the folder or file that the pipeline wrote"
    )


def _suite2p_folder(path: Path) -> Optional[Path]:
    """The folder with stat.npy: the one given, or the first plane under it."""
    for place in (path, path / "plane0", path / "suite2p" / "plane0"):
        if (place / "stat.npy").is_file():
            return place
    return None


def read_suite2p(path: StrPath, *, cells_only: bool = True) -> Estimate:
    """Reads a suite2p folder: ``stat.npy``, ``F.npy``, ``Fneu.npy``, ``spks.npy``, ``ops.npy``, ``iscell.npy``.

    Footprints are the ROIs' weights (``lam``), traces are ``F`` less the neuropil around each ROI. ``cells_only`` leaves out what
    suite2p's classifier calls no cell. These files are Python pickles: read only what you trust.
    """
    folder = _suite2p_folder(Path(path))
    if folder is None:
        raise FileNotFoundError(f"{path} holds no stat.npy; give the folder plane0 that suite2p wrote")
    stat = np.load(folder / "stat.npy", allow_pickle=True)
    settings = _suite2p_settings(folder)
    height, width = int(settings["Ly"]), int(settings["Lx"])
    keep = np.ones(len(stat), dtype=bool)
    if cells_only and (folder / "iscell.npy").is_file():
        keep = np.load(folder / "iscell.npy", allow_pickle=True)[:, 0].astype(bool)
    A = np.zeros((int(keep.sum()), height, width), dtype=np.float32)
    for footprint, roi in zip(A, stat[keep]):
        np.add.at(footprint, (roi["ypix"], roi["xpix"]), roi["lam"])

    def rows(name: str) -> Optional[NDArray[Any]]:
        file = folder / name
        return np.load(file, allow_pickle=True)[keep] if file.is_file() else None

    traces, around = rows("F.npy"), rows("Fneu.npy")
    if traces is not None and around is not None:
        traces = traces - float(settings.get("neucoeff", 0.7)) * around
    shifts = None
    if settings.get("yoff") is not None:
        # yoff and xoff are what a frame is rolled back by (suite2p/registration: roll by -dy, -dx), so the content's
        # displacement; an Estimate takes the correction.
        shifts = -np.stack([settings["yoff"], settings["xoff"]], axis=1).astype(np.float64)
    displacement = None if settings.get("yoff1") is None else _suite2p_patches(settings)
    return Estimate(A=A, C=traces, S=rows("spks.npy"), shifts=shifts, displacement=displacement)


def _suite2p_settings(folder: Path) -> dict[str, Any]:
    """Sizes, coefficients and shifts, wherever this version of suite2p keeps them."""
    found: dict[str, Any] = {}
    for name in ("db.npy", "settings.npy", "reg_outputs.npy", "ops.npy"):
        if (folder / name).is_file():
            part = np.load(folder / name, allow_pickle=True).item()
            for key, value in part.items():
                if isinstance(value, dict):
                    found.update({k: v for k, v in value.items() if k in ("neucoeff", "neuropil_coefficient")})
                    if key == "registration" and "block_size" in value:
                        found["block_size"] = value["block_size"]
                else:
                    found[key] = value
    if "neuropil_coefficient" in found:
        found.setdefault("neucoeff", found["neuropil_coefficient"])
    if "Ly" not in found or "Lx" not in found:
        raise FileNotFoundError(f"{folder} does not say how large the frames are; it needs ops.npy with Ly and Lx")
    return found


def suite2p_displacement(path: StrPath, frames: Optional[slice] = None) -> NDArray[np.float64]:
    """The displacement field that suite2p's registration found, (frame, yx, height, width) in px: rigid shifts, and those of its
    blocks where it was non-rigid (``yoff1``, ``xoff1``, ``yblock``, ``xblock``, ``nblocks``), linear between the blocks' centres.
    Whole fields are large: choose ``frames``."""
    folder = _suite2p_folder(Path(path))
    if folder is None:
        raise FileNotFoundError(f"{path} holds no stat.npy; give the folder plane0 that suite2p wrote")
    settings = _suite2p_settings(folder)
    if settings.get("yoff") is None:
        raise ValueError(f"{folder} holds no yoff and xoff: suite2p did not register this recording")
    shape = int(settings["Ly"]), int(settings["Lx"])
    return _suite2p_patches(settings, frames if frames is not None else slice(None)).field(shape)


def _suite2p_patches(settings: dict[str, Any], frames: slice = slice(None)) -> PatchDisplacement:
    """The blocks' displacements with the rigid ones; one block where the registration was rigid."""
    rigid = np.stack([settings["yoff"], settings["xoff"]], axis=1).astype(np.float64)[frames]
    if settings.get("yoff1") is None:
        return PatchDisplacement(rigid[:, :, None, None], [0.0], [0.0])
    if settings.get("nblocks") is None:
        rows, cols = (_suite2p_blocks(int(settings[side]), int(n)) for side, n in zip(("Ly", "Lx"), settings["block_size"]))
        n_rows, n_cols = len(rows), len(cols)
    else:
        n_rows, n_cols = (int(n) for n in settings["nblocks"])
        # Blocks are counted along rows; each is [first, end).
        rows = [float(np.mean(settings["yblock"][i * n_cols])) - 0.5 for i in range(n_rows)]
        cols = [float(np.mean(settings["xblock"][j])) - 0.5 for j in range(n_cols)]
    local = np.stack([settings["yoff1"], settings["xoff1"]], axis=1).astype(np.float64)[frames]
    return PatchDisplacement(local.reshape(-1, 2, n_rows, n_cols) + rigid[:, :, None, None], rows, cols)


def _suite2p_blocks(length: int, block: int) -> list[float]:
    """The middles of the blocks along a side. suite2p 1.0 and later keep only the blocks' size; this is how they lay them out
    (suite2p/registration/nonrigid.py: make_blocks)."""
    count = 1 if block >= length else int(np.ceil(1.5 * length / block))
    block = min(block, length)
    return [int(first) + (block - 1) / 2 for first in np.linspace(0, length - block, count)]


def caiman_displacement(
    x_shifts_els: Any,
    y_shifts_els: Any,
    shape: tuple[int, int],
    *,
    strides: tuple[int, int],
    overlaps: tuple[int, int],
) -> NDArray[np.float64]:
    """`caiman_patches` for every pixel, (frame, yx, height, width) in px; linear between the patches' centres."""
    return caiman_patches(x_shifts_els, y_shifts_els, shape, strides=strides, overlaps=overlaps).field(shape)


def caiman_patches(
    x_shifts_els: Any,
    y_shifts_els: Any,
    shape: tuple[int, int],
    *,
    strides: tuple[int, int],
    overlaps: tuple[int, int],
) -> PatchDisplacement:
    """The displacement that CaImAn's piecewise-rigid ``MotionCorrect`` found: its ``x_shifts_els`` and ``y_shifts_els``, (frame, patch),
    for frames of ``shape`` (height, width) and the ``strides`` and ``overlaps`` that it was given. CaImAn's x are rows, and its
    shifts are corrections."""
    starts = []
    for length, stride, overlap in zip(shape, strides, overlaps):
        last = length - stride - overlap
        if stride < 1 or last < 0:
            raise ValueError(f"patches of {stride} + {overlap} px do not fit {length} px; give strides and overlaps as CaImAn had")
        starts.append([*range(0, last, stride), last])
    rows, cols = ([s + (a + b - 1) / 2 for s in first] for first, a, b in zip(starts, strides, overlaps))
    shifts = -np.stack([np.asarray(x_shifts_els, float), np.asarray(y_shifts_els, float)], axis=1)
    if shifts.ndim != 3 or shifts.shape[2] != len(rows) * len(cols):
        raise ValueError(
            f"shifts of shape {shifts.shape[:1] + shifts.shape[2:]} do not fit {len(rows)} × {len(cols)} patches: check strides and overlaps"
        )
    return PatchDisplacement(shifts.reshape(-1, 2, len(rows), len(cols)), rows, cols)


def read_caiman_motion(
    path: StrPath,
    shape: tuple[int, int],
    *,
    strides: Optional[tuple[int, int]] = None,
    overlaps: Optional[tuple[int, int]] = None,
) -> Union[NDArray[np.float64], PatchDisplacement]:
    """The motion of CaImAn's ``MotionCorrect`` from a numpy archive or an HDF5 file (as ``cnm.save(…)`` writes it, or your own) with its
    ``x_shifts_els`` and ``y_shifts_els``, or with ``shifts_rig``.

    The first two give the `PatchDisplacement` for ``Estimate(displacement=…)``, and need the ``strides`` and ``overlaps`` that CaImAn
    had; the last gives the correction (frame, 2) for ``Estimate(shifts=…)``. Frames are of ``shape`` (height, width).
    """
    place = Path(path)
    names = ("x_shifts_els", "y_shifts_els", "shifts_rig")
    if place.suffix.lower() in (".hdf5", ".h5"):
        try:
            import h5py  # type: ignore[import-untyped,unused-ignore]
        except ImportError as error:
            raise ImportError("reading CaImAn's output needs h5py: pip install h5py") from error
        with h5py.File(str(place), "r") as file:
            groups = [file, *(file[name] for name in ("estimates",) if name in file)]
            found = {name: group[name][:] for group in groups for name in names if name in group and group[name].shape}
    else:
        with np.load(place) as archive:
            found = {name: archive[name] for name in names if name in archive}
    if "x_shifts_els" in found and "y_shifts_els" in found:
        if strides is None or overlaps is None:
            raise ValueError(f"{place} holds shifts of patches; give strides=… and overlaps=… as CaImAn had them")
        return caiman_patches(found["x_shifts_els"], found["y_shifts_els"], shape, strides=strides, overlaps=overlaps)
    if "shifts_rig" in found:
        return np.asarray(found["shifts_rig"], float)
    raise ValueError(
        f"{place} holds neither x_shifts_els and y_shifts_els nor shifts_rig; save MotionCorrect's with "
        "numpy.savez(path, x_shifts_els=mc.x_shifts_els, y_shifts_els=mc.y_shifts_els)"
    )


def _minian_array(path: Path, name: str) -> Optional[Any]:
    """The zarr array ``name`` of a minian folder; ``None`` if it is not there."""
    for place in (path / f"{name}.zarr" / name, path / name / name, path / name):
        if (place / ".zarray").is_file() or (place / "zarr.json").is_file():
            try:
                import zarr
            except ImportError as error:
                raise ImportError("reading minian's output needs zarr: pip install zarr") from error
            array = zarr.open(str(place), mode="r")
            return array if hasattr(array, "shape") else None
    return None


def read_minian(path: StrPath) -> Estimate:
    """Reads a minian folder: ``A.zarr``, ``C.zarr``, ``S.zarr``, ``motion.zarr``, or one zarr group with these arrays."""
    place = Path(path)

    def ordered(name: str, dims: tuple[str, ...]) -> Optional[NDArray[Any]]:
        array = _minian_array(place, name)
        if array is None:
            return None
        values = np.asarray(array[:])
        # xarray notes the axes; without a note they are taken to be in minian's order.
        noted = list(array.attrs.get("_ARRAY_DIMENSIONS", dims))
        if sorted(noted) != sorted(dims):
            raise ValueError(f"{place}: {name} has the axes {noted}, minian's are {list(dims)}")
        return values.transpose([noted.index(dim) for dim in dims])

    A = ordered("A", ("unit_id", "height", "width"))
    if A is None:
        raise FileNotFoundError(f"{place} holds no A.zarr; give minian's output folder")
    # minian's motion is what it moves each frame by: a correction, as an Estimate takes it.
    shifts = ordered("motion", ("frame", "shift_dim"))
    traces, activity = (ordered(name, ("unit_id", "frame")) for name in ("C", "S"))
    return Estimate(A=A, C=traces, S=activity, shifts=shifts)


def read_caiman(path: StrPath) -> Estimate:
    """Reads what CaImAn's ``cnm.save(…)`` writes: footprints, traces and activity of the accepted components, or of all where
    none were chosen. Its motion is saved elsewhere: see `read_caiman_motion`."""
    try:
        import h5py  # type: ignore[import-untyped,unused-ignore]
    except ImportError as error:
        raise ImportError("reading CaImAn's output needs h5py: pip install h5py") from error
    with h5py.File(str(path), "r") as file:
        if "estimates" not in file or "A" not in file["estimates"]:
            raise ValueError(f"{path} holds no estimates/A; give the file that cnm.save(...) wrote")
        estimates = file["estimates"]
        dims = file["dims"] if "dims" in file else estimates["dims"]
        height, width = (int(n) for n in dims[:2])
        matrix = estimates["A"]
        # A sparse matrix by columns, (pixel, component), pixels counted down the columns of the image.
        data, indices, indptr = (matrix[name][:] for name in ("data", "indices", "indptr"))
        n = len(indptr) - 1
        A = np.zeros((n, height, width), dtype=np.float32)
        for k in range(n):
            pixels = indices[indptr[k] : indptr[k + 1]]
            A[k, pixels % height, pixels // height] = data[indptr[k] : indptr[k + 1]]

        def rows(name: str) -> Optional[NDArray[Any]]:
            found = estimates.get(name)
            return found[:] if found is not None and getattr(found, "ndim", 0) == 2 else None

        keep = slice(None)
        accepted = estimates.get("idx_components")
        if accepted is not None and getattr(accepted, "ndim", 0) == 1 and accepted.dtype.kind in "iu":
            keep = accepted[:]
        traces, activity = (None if values is None else values[keep] for values in (rows("C"), rows("S")))
    return Estimate(A=A[keep], C=traces, S=activity)
