"""Comparing an estimate with the truth, part by part; `minisim.testing.score` does it all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Optional, Union

import numpy as np
from numpy.typing import NDArray

from . import _core
from .footprint import Footprint, FootprintStack

Floats = NDArray[np.float64]
Pairing = Sequence[tuple[int, int]]
Shift = Union[tuple[float, float], str, None]


def _floats(value: Any, what: str, ndim: int) -> Floats:
    """Any array (numpy, xarray, a list) as float64 in C order."""
    array = np.ascontiguousarray(getattr(value, "values", value), dtype=np.float64)
    if array.ndim != ndim:
        raise ValueError(f"{what} must have {ndim} axes, not the shape {array.shape}")
    return array


def as_footprints(value: Any, what: str = "footprints", field_shape: Optional[tuple[int, int]] = None) -> Any:
    """Footprints for the engine: a dense (n, height, width) array, a scipy sparse (n, height*width) matrix, a
    `minisim.FootprintStack` or a list of `minisim.Footprint`. Sparse ones stay sparse; a matrix needs
    ``field_shape``."""
    if isinstance(value, _core.Footprints):
        return value
    if hasattr(value, "tocsr"):
        if field_shape is None:
            raise ValueError(f"{what}: a sparse matrix does not say how high and wide the field is; give field_shape=(height, width)")
        matrix = value.tocsr()
        if matrix.shape[1] != field_shape[0] * field_shape[1]:
            raise ValueError(f"{what}: {matrix.shape[1]} columns are not {field_shape[0]} × {field_shape[1]} pixels")
        parts = (matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data.astype(np.float64))
        return _core.Footprints.from_csr(field_shape, *parts)
    if isinstance(value, FootprintStack):
        return _from_patches(value.footprints, value.canvas_shape)
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], Footprint):
        return _from_patches(value, value[0].canvas_shape)
    return _core.Footprints.from_dense(_floats(value, what, 3))


def _from_patches(patches: Sequence[Footprint], canvas: tuple[int, int]) -> Any:
    indptr = [0]
    indices: list[NDArray[Any]] = []
    data: list[NDArray[Any]] = []
    for one in patches:
        rows, cols = np.nonzero(one.patch)
        indices.append((rows + one.offset[0]) * canvas[1] + cols + one.offset[1])
        data.append(one.patch[rows, cols])
        indptr.append(indptr[-1] + rows.size)
    return _core.Footprints.from_csr(
        canvas,
        np.array(indptr, dtype=np.int64),
        np.concatenate([np.zeros(0, dtype=np.int64), *indices]).astype(np.int64),
        np.concatenate([np.zeros(0), *data]).astype(np.float64),
    )


@dataclass(frozen=True, eq=False)
class Match:
    """Which estimate is which true cell."""

    similarity_matrix: Floats
    """Likeness of estimate i (row) and true cell j (column), 0 to 1."""
    pairing: tuple[tuple[int, int], ...]
    """Pairs (estimate, true cell) of the assignment with the largest total; pairs that are not alike at all are left out."""
    metric: str = "iou"
    """How likeness was measured."""
    shift: tuple[int, int] = (0, 0)
    """Pixels (dy, dx) that the estimates were moved by."""

    @property
    def iou_matrix(self) -> Floats:
        """The similarity matrix, by its older name."""
        return self.similarity_matrix

    @property
    def n_est(self) -> int:
        """Estimates."""
        return int(self.similarity_matrix.shape[0])

    @property
    def n_true(self) -> int:
        """True cells."""
        return int(self.similarity_matrix.shape[1])

    def matched_pairs(self, threshold: float = 0.5) -> list[tuple[int, int]]:
        """The pairs that are at least ``threshold`` alike."""
        return [pair for pair in self.pairing if self.similarity_matrix[pair] >= threshold]

    def recall(self, threshold: float = 0.5) -> float:
        """Share of the true cells that were found; 0 where there is none."""
        return len(self.matched_pairs(threshold)) / self.n_true if self.n_true else 0.0

    def precision(self, threshold: float = 0.5) -> float:
        """Share of the estimates that are true cells; 0 where there is none."""
        return len(self.matched_pairs(threshold)) / self.n_est if self.n_est else 0.0

    @property
    def mean_similarity(self) -> float:
        """Mean likeness of all pairs; 0 without any."""
        return float(np.mean([self.similarity_matrix[pair] for pair in self.pairing])) if self.pairing else 0.0

    @property
    def mean_iou(self) -> float:
        """The mean likeness, by its older name."""
        return self.mean_similarity

    @classmethod
    def _of(cls, parts: dict[str, Any]) -> Match:
        pairing = tuple((int(i), int(j)) for i, j in parts["pairing"])
        return cls(parts["similarity_matrix"], pairing, parts["metric"], tuple(parts["shift"]))


def hungarian_match(
    A_est: Any,
    A_true: Any,
    *,
    metric: str = "iou",
    energy_frac: float = 0.9,
    shift: Shift = None,
) -> Match:
    """Pairs estimated with true footprints so that their total likeness is largest.

    Footprints are (n, height, width) arrays, scipy sparse (n, height*width), or lists of patches; what is sparse stays so.
    ``metric`` is ``"iou"`` (of the smallest pixel sets that hold ``energy_frac`` of each footprint's sum), ``"cosine"`` or
    ``"weighted_jaccard"``. ``shift`` moves the estimates by (dy, dx) px first; ``"auto"`` finds the offset.
    """
    shape = _field_of(A_true) or _field_of(A_est)
    est, true = as_footprints(A_est, "A_est", shape), as_footprints(A_true, "A_true", shape)
    return Match._of(_core.hungarian_match(est, true, metric, float(energy_frac), shift))


def _field_of(value: Any) -> Optional[tuple[int, int]]:
    """(height, width) of dense footprints or a stack; ``None`` where the value does not say."""
    if isinstance(value, _core.Footprints):
        return value.field
    if isinstance(value, FootprintStack):
        return value.canvas_shape
    shape: Any = getattr(value, "shape", None)
    return (int(shape[1]), int(shape[2])) if shape is not None and len(shape) == 3 else None


def _pairs(pairing: Pairing) -> list[tuple[int, int]]:
    return [(int(i), int(j)) for i, j in pairing]


def trace_pearson(C_est: Any, C_true: Any, pairing: Pairing) -> Floats:
    """Correlation of the traces, (n, frame), of each pair; nan for a constant trace."""
    return np.array(_core.trace_pearson(_floats(C_est, "C_est", 2), _floats(C_true, "C_true", 2), _pairs(pairing)))


class ActivityScore(NamedTuple):
    """How well estimated activity follows the true spikes, for each pair."""

    correlation: Floats
    """Pearson's correlation; nan where one side is constant."""
    scale: Floats
    """The factor, at least 0, that brings the estimate (with an offset) closest to the truth."""
    variance_explained: Floats
    """Share of the truth's variance that the scaled estimate explains; nan for constant truth."""


def activity_similarity(S_est: Any, S_true: Any, pairing: Pairing) -> ActivityScore:
    """Compares activity, (n, frame), up to an unknown scale and without deciding what a spike is."""
    parts = _core.activity_similarity(_floats(S_est, "S_est", 2), _floats(S_true, "S_true", 2), _pairs(pairing))
    return ActivityScore(*(np.array(part) for part in parts))


def shift_rmse(shifts_est: Any, shifts_true: Any, *, correction: bool = False, align: bool = False) -> float:
    """Root mean square difference (px) of two paths, (frame, 2) as (dy, dx). ``correction``: the estimate is what was applied to
    undo the motion, so its sign is turned. ``align``: a constant offset does not count."""
    est, true = _floats(shifts_est, "shifts_est", 2), _floats(shifts_true, "shifts_true", 2)
    return _core.shift_rmse(est, true, correction, align)


@dataclass(frozen=True)
class EndpointError:
    """How far estimated displacements end from the true ones."""

    mean_px: float
    """Mean distance (px)."""
    p95_px: float
    """95th percentile (px)."""
    mean_um: float
    """Mean distance (µm)."""
    p95_um: float
    """95th percentile (µm)."""


def endpoint_error(est: Any, true: Any, *, pixel_um: float, align: bool = False) -> EndpointError:
    """Compares displacement fields, (frame, yx, height, width) in px, as `GroundTruth.displacement` and
    `minisim.pipelines.suite2p_displacement` give them. ``align``: a constant offset does not count."""
    a, b = _floats(est, "est", 4), _floats(true, "true", 4)
    if a.shape != b.shape or a.shape[1] != 2:
        raise ValueError(f"the fields have the shapes {a.shape} and {b.shape}; they must be (frame, yx, height, width)")
    n = len(a)
    return EndpointError(*_core.endpoint_error(a.reshape(n, -1), b.reshape(n, -1), pixel_um, align))


def axial_correlation(z_est: Any, axial_shift_um: Any) -> float:
    """Correlation of an estimated depth, one number a frame in any unit, with the truth's ``axial_shift_um``, without regard to
    sign and offset; nan where either never changes."""
    return _core.axial_correlation(_floats(z_est, "z_est", 1), _floats(axial_shift_um, "axial_shift_um", 1))


def global_shift_from_trajectories(shifts_est: Any, shifts_true: Any, *, correction: bool = True) -> tuple[int, int]:
    """The constant offset (dy, dx) between two paths in whole pixels: what moves footprints found in the estimate's frame of
    reference onto the true ones."""
    return _core.global_shift(_floats(shifts_est, "shifts_est", 2), _floats(shifts_true, "shifts_true", 2), correction)


def field_pearson(est: Any, true: Any) -> float:
    """Correlation of two fields of one shape, pixel by pixel; nan where one is constant."""
    a = np.asarray(getattr(est, "values", est), dtype=np.float64)
    b = np.asarray(getattr(true, "values", true), dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"the fields have the shapes {a.shape} and {b.shape}; they must be of one size")
    return _core.trace_pearson(a.reshape(1, -1), b.reshape(1, -1), [(0, 0)])[0]


def footprint_mask(a: Any, rel: float = 0.18) -> NDArray[np.bool_]:
    """The pixels of a footprint above the share ``rel`` of its peak."""
    a = np.asarray(getattr(a, "values", a))
    return a > rel * a.max() if a.size else np.zeros(a.shape, dtype=bool)


def footprint_roi_trace(movie: Any, a: Any, rel: float = 0.18) -> Floats:
    """Mean of a film (frame, height, width) over the pixels of a footprint above the share ``rel`` of its peak, for each frame; 0
    for a dark footprint."""
    movie = np.asarray(getattr(movie, "values", movie))
    mask = footprint_mask(a, rel)
    if movie.shape[1:] != mask.shape:
        raise ValueError(f"a footprint of shape {mask.shape} does not fit on a film of shape {movie.shape}")
    if not mask.any():
        return np.zeros(movie.shape[0])
    return np.asarray(movie[:, mask].mean(axis=1, dtype=np.float64))
