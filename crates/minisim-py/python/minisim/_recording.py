"""A recording: the film and everything that is true about it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

import numpy as np
from numpy.typing import NDArray

from . import _core, _show
from ._bounds import BOUNDS, Bounds
from ._models import Spec
from ._models_ext import SpecWarning
from ._truth import ABSENT, ARRAYS, Flags as Flags, Floats as Floats, TruthArrays
from .footprint import FootprintStack

if TYPE_CHECKING:
    from pandas import DataFrame  # type: ignore[import-untyped,unused-ignore]
    from xarray import DataArray, Dataset

StrPath = Union[str, "PathLike[str]"]

class RecordingFormatWarning(UserWarning):
    """A recording was read, but something about it is odd."""


@dataclass(frozen=True, eq=False, repr=False)
class GroundTruth(TruthArrays):
    """Everything that is exactly known about a recording. Arrays whose step did not run are ``None``."""

    @property
    def n_units(self) -> int:
        """Number of cells."""
        return len(self.planted)

    @property
    def depth_um(self) -> Floats:
        """Depth of each cell below the surface (µm)."""
        return self.centers_um[:, 0]

    @cached_property
    def A_planted(self) -> Floats:
        """Sharp footprints on the field of view, dense: (unit, height, width)."""
        return _core.dense_footprints(self._parts(), False)

    @cached_property
    def A_observed(self) -> Floats:
        """Footprints as the sensor sees them, dense: (unit, height, width)."""
        return _core.dense_footprints(self._parts(), True)

    def displacement(self, frame: int) -> Floats:
        """How far what each pixel of the field of view shows in a frame is from where it lies at rest: (dy, dx) px as
        (yx, height, width), rigid motion, rotation and deformation together. Pixel ``p`` shows the tissue at
        ``p - displacement(p)``. Zeros where nothing moves; ``IndexError`` for a frame that the recording does not have."""
        return _core.displacement(self._parts(), frame)

    def __repr__(self) -> str:
        return _show.truth_text(self)

    def _repr_html_(self) -> str:
        return _show.truth_html(self)

    def to_pandas(self) -> DataFrame:
        """A table of the cells: one row each, with all that is one number a cell, their places, and their spikes in all."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas needs pandas: pip install pandas") from error
        columns: dict[str, Any] = {
            "depth_um": self.centers_um[:, 0],
            "y_um": self.centers_um[:, 1],
            "x_um": self.centers_um[:, 2],
        }
        for name, dims, _, _ in _core.declared_truth():
            value = getattr(self, name, None)
            if dims == ["unit"] and value is not None:
                columns[name] = value
        columns["n_spikes"] = self.S.sum(axis=1).astype(np.int64)
        return pandas.DataFrame(columns, index=pandas.RangeIndex(self.n_units, name="unit"))

    def detectable_subset(self, *, require_in_focus: bool = False) -> GroundTruth:
        """The truth of the detectable cells: what an analysis can be asked to find."""
        keep = self.detectable & self.in_focus if require_in_focus else self.detectable
        return self.subset(keep)

    def subset(self, keep: Flags) -> GroundTruth:
        """The truth of the cells whose flag is set."""
        keep = np.asarray(keep, dtype=bool)
        if keep.shape != (self.n_units,):
            raise ValueError(f"a mask of shape {keep.shape} does not fit {self.n_units} cells")
        values: dict[str, Any] = {name: getattr(self, name) for name in ARRAYS}
        for name, axes in ARRAYS.items():
            if axes[0] == "unit" and values[name] is not None:
                values[name] = values[name][keep]
        return GroundTruth(
            planted=self.planted[keep],
            fov_offset=self.fov_offset,
            fov_shape=self.fov_shape,
            focal_depth_um=self.focal_depth_um,
            **values,
        )

    def _parts(self) -> dict[str, Any]:
        """What the engine takes."""
        offsets, shapes, data = self.planted.to_arrays()
        parts: dict[str, Any] = {
            "offsets": offsets,
            "shapes": shapes,
            "data": data,
            "canvas_shape": list(self.planted.canvas_shape),
            "fov_offset": list(self.fov_offset),
            "fov_shape": list(self.fov_shape),
            "focal_depth_um": self.focal_depth_um,
        }
        for name in ARRAYS:
            value = getattr(self, name)
            if value is not None:
                flags = isinstance(ABSENT.get(name), bool)
                parts[name] = np.ascontiguousarray(value, dtype=bool if flags else np.float64)
        return parts

    @classmethod
    def _of(cls, parts: dict[str, Any]) -> GroundTruth:
        canvas = tuple(parts["canvas_shape"])
        planted = FootprintStack.from_arrays(parts["offsets"], parts["shapes"], parts["data"], canvas)
        places = {"offsets", "shapes", "data", "canvas_shape", "fov_offset", "fov_shape", "focal_depth_um"}
        if unknown := sorted(parts.keys() - ARRAYS.keys() - places):
            raise RuntimeError(
                f"the engine's ground truth holds {', '.join(unknown)}, which this package does not know: "
                "its parts are of different versions; install minisim again"
            )
        values: dict[str, Any] = {name: parts.get(name) for name in ARRAYS}
        n = len(planted)
        # A truth without activity has no frames; its arrays are there all the same.
        lengths = {"unit": n, "zyx": 3, "yx": 2}
        for name, value in ABSENT.items():
            if values[name] is None:
                values[name] = np.full([lengths.get(axis, 0) for axis in ARRAYS[name]], value)
        return cls(
            planted=planted,
            fov_offset=tuple(parts["fov_offset"]),
            fov_shape=tuple(parts["fov_shape"]),
            focal_depth_um=parts["focal_depth_um"],
            **values,
        )


def _labelled(movie: NDArray[Any]) -> Any:
    """As an xarray DataArray where xarray is installed, else as it is."""
    try:
        import xarray
    except ImportError:
        return movie
    return xarray.DataArray(movie, dims=("frame", "height", "width"), name="movie")


@dataclass(frozen=True, eq=False, repr=False)
class Recording:
    """A film and its truth."""

    spec: Spec
    """What was simulated."""
    observed: NDArray[Any]
    """The film, (frame, height, width)."""
    ground_truth: GroundTruth
    """What is true about it."""
    snapshots: dict[str, Any] = field(default_factory=dict)
    """The film after each stage, by name, where ``Output.save_intermediates`` asked for it (xarray where installed)."""
    observed_stage: Optional[str] = None
    """The stage that the film was taken after; None where that is not known (a film put together by hand)."""
    max_count: Optional[int] = None
    """Largest possible count of the film; None for intensities, and where ``observed_stage`` is None."""

    @property
    def observed_movie(self) -> DataArray:
        """The film as an xarray DataArray."""
        try:
            import xarray
        except ImportError as error:
            raise ImportError("observed_movie needs xarray: pip install xarray (or use .observed)") from error
        return xarray.DataArray(self.observed, dims=("frame", "height", "width"), name="movie")

    def __repr__(self) -> str:
        return _show.recording_text(self)

    def _repr_html_(self) -> str:
        return _show.recording_html(self)

    def to_xarray(self) -> Dataset:
        """The film and its truth as an xarray Dataset: ``time_s`` (time stamps where the acquisition has faults) along frames, ``y_um`` and ``x_um`` (from the optical axis) along
        rows and columns, ``depth_um`` along cells; each array with its ``units`` and meaning."""
        try:
            import xarray
        except ImportError as error:
            raise ImportError("to_xarray needs xarray: pip install xarray (or use .observed and .ground_truth)") from error
        acquisition, truth = self.spec.acquisition, self.ground_truth
        pixel_um = acquisition.pixel_size_um
        n, height, width = self.observed.shape
        n_frames = max(n, truth.C.shape[1])

        def centred(count: int) -> Floats:
            return np.asarray((np.arange(count) - (count - 1) / 2) * pixel_um, dtype=np.float64)

        film = ("frame", "height", "width") if n == n_frames else ("observed_frame", "height", "width")
        variables: dict[str, Any] = {"observed": (film, self.observed, {"long_name": "the film"})}
        for name, dims, unit, doc in _core.declared_truth():
            value = getattr(truth, name, None)
            if value is not None and name != "centers_um":
                variables[name] = (dims, value, {"units": unit, "long_name": doc})
        stamps = truth.timestamps_s
        coordinates = {
            "time_s": ("frame", np.arange(n_frames) / acquisition.fps if stamps is None else stamps, {"units": "s"}),
            "y_um": ("height", centred(height), {"units": "µm"}),
            "x_um": ("width", centred(width), {"units": "µm"}),
            "depth_um": ("unit", truth.depth_um, {"units": "µm"}),
            "center_y_um": ("unit", truth.centers_um[:, 1], {"units": "µm"}),
            "center_x_um": ("unit", truth.centers_um[:, 2], {"units": "µm"}),
        }
        attributes = {"spec": self.spec._text(), "spec_cache_key": self.spec.cache_key(), "pixel_size_um": pixel_um}
        return xarray.Dataset(variables, coordinates, attributes)

    def bounds(self) -> Bounds:
        """What an ideal observer could make of the film: from the ground truth if it was asked for there, else computed from the
        spec. ``ValueError`` where there is no sensor, so that no noise sets bounds."""
        held = {name: getattr(self.ground_truth, name) for name in BOUNDS}
        if all(values is not None for values in held.values()):
            return Bounds(**held)
        return Bounds(**_core.Scene(self.spec._text()).bounds())

    def frame(self, t: int) -> NDArray[Any]:
        """Frame ``t`` of the film, (height, width)."""
        image: NDArray[Any] = self.observed[t]
        return image

    def stage(self, name: str) -> Any:
        """The film after stage ``name`` (or the step of that kind)."""
        wanted = {"composite": "cells_only"}.get(name, name)
        if wanted in self.snapshots:
            return self.snapshots[wanted]
        kept = ", ".join(self.snapshots) or "none"
        raise KeyError(
            f"no film of stage {name!r} was kept (kept: {kept}); simulate with Output(save_intermediates=True), "
            f"or use minisim.render(spec, stage={name!r})"
        )

    def to_dask(self, *, stage: Optional[str] = None, chunk_frames: int = 64) -> Any:
        """The film (after ``stage``) as a dask array whose frames are rendered again from the spec where and when they are needed:
        nothing of this recording is sent to the workers."""
        from .dask import to_dask

        return to_dask(self.spec, stage=stage, chunk_frames=chunk_frames)

    def save(self, path: StrPath, *, overwrite: bool = True) -> None:
        """Writes the recording directory ``path`` (zarr). What is there is replaced only once the new one is complete, and only
        if it is a recording."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        _core.save(self._parts(), str(target), overwrite)

    @classmethod
    def load(cls, path: StrPath) -> Recording:
        """Reads a recording directory, ours or the published package's."""
        parts, notes = _core.load(str(path))
        for note in notes:
            warnings.warn(note, RecordingFormatWarning, stacklevel=2)
        return cls._of(parts)

    def write_video(
        self,
        path: StrPath,
        *,
        fps: Optional[float] = None,
        vmin: float = 0.0,
        vmax: Optional[float] = None,
        codec: str = "Y800",
        progress: bool = True,
    ) -> Path:
        """Writes the film as 8-bit grey AVI, ``vmin`` black and ``vmax`` white (the sensor's largest count if not given), and the
        spec beside it. ``codec`` is ``"Y800"`` or ``"GREY"`` (uncompressed), ``"FFV1"`` (lossless) or ``"MJPG"`` (small, not
        exact). Returns the path."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        options = file_options(format="avi", codec=codec, fps=fps, vmin=vmin, vmax=vmax)
        _core.write_film(np.ascontiguousarray(self.observed), self.spec._text(), str(target), options)
        return target

    def export(
        self,
        path: StrPath,
        *,
        format: Optional[str] = None,
        codec: Optional[str] = None,
        clip: Optional[int] = None,
        fps: Optional[float] = None,
        vmin: float = 0.0,
        vmax: Optional[float] = None,
        overwrite: bool = True,
    ) -> Path:
        """Writes the recording for another program: ``.tif``, ``.h5``, ``.nwb``, ``.avi``, ``.mkv``, ``.mmap`` (CaImAn), ``.daq`` (the
        Miniscope's own folder), ``.minian``, ``.truth`` (npz and csv), or ``format`` by name. Returns where it is."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        options = file_options(
            format=format, codec=codec, clip=clip, fps=fps, vmin=vmin, vmax=vmax, overwrite=overwrite
        )
        return _core.export(self._parts(), str(target), options)

    def _parts(self) -> dict[str, Any]:
        known = {} if self.observed_stage is None else {"stage": self.observed_stage, "max_count": self.max_count}
        return {
            **known,
            "spec": self.spec._text(),
            "observed": np.ascontiguousarray(self.observed),
            "snapshots": {name: np.ascontiguousarray(movie) for name, movie in self.snapshots.items()},
            "truth": self.ground_truth._parts(),
        }

    @classmethod
    def _of(cls, parts: dict[str, Any], spec: Optional[Spec] = None) -> Recording:
        if spec is None:
            with warnings.catch_warnings():
                # Whoever made the recording has seen them.
                warnings.simplefilter("ignore", SpecWarning)
                spec = Spec.model_validate_json(parts["spec"])
        return cls(
            spec=spec,
            observed=parts["observed"],
            ground_truth=GroundTruth._of(parts["truth"]),
            snapshots={name: _labelled(movie) for name, movie in parts["snapshots"].items()},
            observed_stage=parts["stage"],
            max_count=parts["max_count"],
        )


def file_options(**given: Any) -> dict[str, Any]:
    """How to write a file: what is not given is left to the format."""
    usual: dict[str, Any] = {"format": None, "codec": None, "quality": 90, "clip": None, "fps": None, "vmin": 0.0, "vmax": None}
    return {**usual, "overwrite": True, **given}


#: Called with the frames done and the frames there are.
Progress = Callable[[int, int], Any]
