"""For test suites: small recordings with exact truth, and a scorecard for what an analysis makes of them.

    rec = make_recording(n_cells=6, motion=True)
    A, C = my_pipeline(rec.observed)
    assert score(Estimate(A=A, C=C), rec.ground_truth).f1 > 0.8
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any, Literal, Optional, Union

import numpy as np

from . import _core
from ._metrics import Floats, Match, Shift, _field_of, _floats, as_footprints
from ._models import (
    Acquisition,
    AnyStep,
    BrainMotion,
    CellActivity,
    CellOptics,
    Composite,
    ImageSensor,
    NeuronPopulation,
    Optics,
    Output,
    PlaceNeurons,
    Sensor,
    Spec,
)
from ._recording import GroundTruth, Recording
from ._simulate import simulate

#: Pixel pitch of the test camera; its magnification makes the pixel size.
_PITCH_UM = 8.0
#: Share of the field that the grid of cells spans, and how far a cell strays from it in spacings.
_SPAN = 0.7
_JITTER = 0.15

_NOT_GIVEN: Any = object()


def make_recording(
    *,
    n_cells: int = 6,
    n_px: int = 128,
    pixel_size_um: float = 1.0,
    duration_s: float = 2.0,
    fps: float = 20.0,
    seed: int = 0,
    depth_um: float = 50.0,
    focal_depth_um: Union[float, Literal["auto"]] = "auto",
    soma_radius_um: float = 5.0,
    morphology: Literal["soma", "cytosolic"] = "soma",
    population: Optional[NeuronPopulation] = None,
    motion: bool = False,
    activity: Optional[CellActivity] = None,
    sensor: Optional[Sensor] = None,
    extra_steps: Sequence[AnyStep] = (),
    save_intermediates: bool = False,
) -> Recording:
    """A small, fast recording with exactly ``n_cells`` cells, the same for the same arguments.

    The cells stand on a jittered grid over the middle of a field of ``n_px`` × ``n_px`` pixels, all at ``depth_um``, lively and well
    lit. ``population`` places them as in tissue instead. ``motion`` adds a moving brain; ``extra_steps`` add anything else.
    """
    if population is None:
        if n_cells < 1:
            raise ValueError(f"n_cells = {n_cells} must be at least 1")
        population = NeuronPopulation(
            soma_radius_um=soma_radius_um,
            morphology=morphology,
            positions_um=_grid(n_cells, n_px * pixel_size_um, depth_um, seed),
        )
    steps: list[Any] = [
        PlaceNeurons(populations=[population]),
        activity if activity is not None else CellActivity(p_quiescent_to_active=0.05),
        CellOptics(),
        Composite(),
        sensor if sensor is not None else Sensor(photons_per_unit=40.0),
    ]
    if motion:
        steps.append(BrainMotion())
    replaced = {step.kind for step in extra_steps}
    spec = Spec(
        acquisition=Acquisition(
            optics=Optics(magnification=_PITCH_UM / pixel_size_um),
            image_sensor=ImageSensor(n_px_height=n_px, n_px_width=n_px, pixel_pitch_um=_PITCH_UM),
            fps=fps,
            duration_s=duration_s,
            focal_depth_in_tissue_um=focal_depth_um,
        ),
        seed=seed,
        steps=[step for step in steps if step.kind not in replaced] + list(extra_steps),
        output=Output(save_intermediates=save_intermediates),
    )
    return simulate(spec)


def _grid(n: int, side_um: float, depth_um: float, seed: int) -> list[tuple[float, float, float]]:
    """``n`` places (z, y, x) on the smallest grid, as square as can be, over the middle of the field."""
    cols = math.ceil(math.sqrt(n))
    rows = math.ceil(n / cols)
    span = _SPAN * side_um

    def centre(i: int, count: int) -> tuple[float, float]:
        spacing = span / (count - 1) if count > 1 else span
        return (-span / 2 + i * spacing if count > 1 else 0.0), spacing

    rng = np.random.default_rng(seed)
    places = []
    for i in range(n):
        (y, step_y), (x, step_x) = centre(i // cols, rows), centre(i % cols, cols)
        jitter = rng.uniform(-_JITTER, _JITTER, size=2)
        places.append((float(depth_um), float(y + jitter[0] * step_y), float(x + jitter[1] * step_x)))
    return places


class PatchDisplacement:
    """How far the content of a film is displaced, as piecewise-rigid registration finds it: ``PatchDisplacement(shifts, rows, cols)``.

    ``shifts``: displacement (dy, dx) of the content in px, rigid motion included, (frame, yx, patch row, patch column). ``rows`` and
    ``cols``: the rows and columns that the patches are centred on (px), rising. numpy, xarray or lists.
    """

    __slots__ = ("shifts_px", "rows_px", "cols_px")

    def __init__(self, shifts: Any, rows: Any, cols: Any) -> None:
        self.shifts_px = _floats(shifts, "shifts", 4)
        self.rows_px, self.cols_px = _floats(rows, "rows", 1), _floats(cols, "cols", 1)
        n = (2, len(self.rows_px), len(self.cols_px))
        if self.shifts_px.shape[1:] != n:
            raise ValueError(f"shifts has the shape {self.shifts_px.shape}; for these rows and columns give (frame, {n[0]}, {n[1]}, {n[2]})")

    def _parts(self) -> tuple[Floats, Floats, Floats]:
        return self.rows_px, self.cols_px, self.shifts_px.ravel()

    def field(self, shape: tuple[int, int]) -> Floats:
        """The displacement of every pixel, (frame, yx, height, width), linear between the middles of the patches."""
        return _core.patch_field(self._parts(), shape).reshape(len(self.shifts_px), 2, *shape)


class Estimate:
    """What an analysis found: ``Estimate(A=A, C=C, S=S, shifts=shifts)``; only the footprints are needed.

    ``A`` (or ``footprints``): (n, height, width) arrays, scipy sparse (n, height*width), or patches. ``C`` (``traces``) and ``S``
    (``activity``): (n, frame). ``shifts``: the motion *correction* of each frame, (frame, 2) as (dy, dx): the negative of the
    displacement. ``displacement``: motion that differs over the field of view, as `PatchDisplacement`, or of every pixel as
    (frame, yx, height, width). ``z``: the depth that is in focus in each frame, in any unit and of either sign. numpy or xarray.
    """

    __slots__ = ("A", "C", "S", "shifts", "displacement", "z")

    def __init__(
        self,
        A: Any = _NOT_GIVEN,
        C: Any = None,
        S: Any = None,
        shifts: Any = None,
        *,
        displacement: Any = None,
        z: Any = None,
        footprints: Any = _NOT_GIVEN,
        traces: Any = None,
        activity: Any = None,
    ) -> None:
        for long, short, one, other in (("traces", "C", traces, C), ("activity", "S", activity, S)):
            if one is not None and other is not None:
                raise TypeError(f"pass {long}= or {short}=, not both")
        if A is not _NOT_GIVEN and footprints is not _NOT_GIVEN:
            raise TypeError("pass footprints= or A=, not both")
        self.A = footprints if A is _NOT_GIVEN else A
        if self.A is _NOT_GIVEN:
            raise TypeError("an Estimate needs the footprints: pass A=... or footprints=...")
        self.C = traces if C is None else C
        self.S = activity if S is None else S
        self.shifts = shifts
        if displacement is not None and not isinstance(displacement, PatchDisplacement):
            field = _floats(displacement, "displacement", 4)
            displacement = PatchDisplacement(field, np.arange(field.shape[2]), np.arange(field.shape[3]))
        self.displacement: Optional[PatchDisplacement] = displacement
        self.z = z

    def save(self, path: Union[str, PathLike[str]]) -> None:
        """Writes a numpy archive (``.npz``) that ``minisim score`` reads."""
        A = self.A
        if hasattr(A, "toarray") or not hasattr(getattr(A, "values", A), "shape"):
            raise TypeError("only dense footprints, (n, height, width), can be saved; make an array of them first")
        parts = {"A": A, "C": self.C, "S": self.S, "shifts": self.shifts, "z": self.z}
        if self.displacement is not None:
            parts["displacement"] = self.displacement.shifts_px
            parts["displacement_rows"] = self.displacement.rows_px
            parts["displacement_cols"] = self.displacement.cols_px
        # What is read by columns, such as a transposed array, would be stored so.
        arrays: dict[str, Any] = {k: np.ascontiguousarray(getattr(v, "values", v)) for k, v in parts.items() if v is not None}
        np.savez_compressed(str(path), **arrays)

    @property
    def footprints(self) -> Any:
        """The footprints."""
        return self.A

    @property
    def traces(self) -> Any:
        """The traces."""
        return self.C

    @property
    def activity(self) -> Any:
        """The activity."""
        return self.S


@dataclass(frozen=True)
class Report:
    """The scorecard. What was not estimated is nan or ``None``."""

    n_true: int
    """True cells that were asked for."""
    n_est: int
    """Estimated cells."""
    n_matched: int
    """Pairs that are alike enough."""
    recall: float
    """Share of the true cells found."""
    precision: float
    """Share of the estimates that are true."""
    f1: float
    """Harmonic mean of the two."""
    mean_overlap: float
    """Mean likeness of all pairs."""
    trace_corr: float
    """Median correlation of the pairs' traces."""
    activity_corr: float
    """Median correlation of the pairs' activity."""
    activity_variance_explained: float
    """Median share of the true activity's variance that is explained."""
    activity_scale: float
    """Median factor from estimated to true activity."""
    shift_rmse: Optional[float]
    """RMS error of the motion (px) after a constant offset."""
    n_requested: int
    """Cells in the recording."""
    n_detectable: int
    """Of those, detectable ones."""
    endpoint_mean_px: Optional[float] = None
    """Mean error of the displacement (px) after a constant offset, over frames and the field of view: of the estimated field, or of
    the rigid motion where there is no field."""
    endpoint_p95_px: Optional[float] = None
    """95th percentile of that error (px)."""
    axial_corr: Optional[float] = None
    """Correlation of the estimated depth with ``axial_shift_um``, without regard to sign."""
    match_metric: str = "iou"
    """How likeness was measured."""
    footprint_shift: tuple[int, int] = (0, 0)
    """Pixels that the estimates were moved by."""
    details: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """Everything beyond the scorecard: the precision–recall curve and average precision, merges and splits, events, recall by
    depth, SNR, neighbours and vessels with 95 % intervals, CaImAn's and Neurofinder's scores, the match, and what it costs to ignore
    lost frames (``gaps``)."""

    def summary(self) -> str:
        """The scorecard in a few lines."""
        asked = "detectable" if self.n_true == self.n_detectable else "planted" if self.n_true == self.n_requested else "chosen"
        lines = [
            f"cells: recall={self.recall:.2f} precision={self.precision:.2f} f1={self.f1:.2f} "
            f"mean_overlap={self.mean_overlap:.2f} ({self.match_metric})",
            f"       {self.n_matched} of {self.n_true} {asked} cells found, {self.n_est} estimated; "
            f"{self.n_requested} planted, {self.n_detectable} detectable",
        ]
        if not math.isnan(self.trace_corr):
            lines.append(f"traces: trace_corr={self.trace_corr:.2f}")
        if not math.isnan(self.activity_corr):
            lines.append(
                f"activity: activity_corr={self.activity_corr:.2f} "
                f"activity_variance_explained={self.activity_variance_explained:.2f} activity_scale={self.activity_scale:.3g}"
            )
        if self.shift_rmse is not None:
            lines.append(f"motion: shift_rmse={self.shift_rmse:.2f} px")
        if self.endpoint_mean_px is not None:
            lines.append(f"displacement: endpoint_mean_px={self.endpoint_mean_px:.2f} endpoint_p95_px={self.endpoint_p95_px:.2f}")
        if self.axial_corr is not None:
            lines.append(f"depth: axial_corr={self.axial_corr:.2f}")
        gaps = self.details.get("gaps")
        if gaps is not None and gaps["n_lost"]:
            lines.append(
                f"gaps: {gaps['n_lost']} of {gaps['n_exposures']} exposures lost; ignored, trace_corr={gaps['trace_corr_ignored']:.2f} and "
                f"spikes are off by {1e3 * gaps['spike_error_ignored_s']:.1f} ms instead of {1e3 * gaps['spike_error_s']:.1f} ms"
            )
        return "\n".join(lines)


def score(
    estimate: Estimate,
    ground_truth: GroundTruth,
    *,
    match_metric: str = "iou",
    match_threshold: float = 0.5,
    restrict_to_detectable: bool = True,
    footprint_shift: Shift = "auto",
) -> Report:
    """Scores an estimate against the truth.

    Footprints are compared with those that the sensor sees (``A_observed``). Only detectable cells are asked for, unless
    ``restrict_to_detectable`` is False. Where frames were lost, traces, activity and shifts have a column for each stored frame, or one
    for each exposure, lost ones included; ``details["gaps"]`` says what it costs to ignore the gaps. ``footprint_shift`` undoes a constant offset: ``"auto"`` reads it off the motion where both
    sides have one and finds it in the footprints where not; (dy, dx) gives it; ``None`` leaves it.
    """
    field_shape = _field_of(estimate.A) or ground_truth.fov_shape
    footprints = as_footprints(estimate.A, "the estimated footprints", field_shape)
    traces, activity, shifts = (
        None if value is None else _floats(value, what, 2)
        for value, what in ((estimate.C, "traces"), (estimate.S, "activity"), (estimate.shifts, "shifts"))
    )
    parts = _core.score(
        footprints,
        traces,
        activity,
        shifts,
        None if estimate.displacement is None else estimate.displacement._parts(),
        None if estimate.z is None else _floats(estimate.z, "z", 1),
        ground_truth._parts(),
        match_metric,
        float(match_threshold),
        restrict_to_detectable,
        footprint_shift,
    )
    parts["details"]["match"] = Match._of(parts["details"]["match"])
    return Report(**parts)
