"""Simulate one-photon miniscope recordings with exact ground truth.

A `Spec` says what to simulate, `simulate` returns a `Recording`: the film, and everything that is true about
it. Start from `minisim.presets`, score an analysis with `minisim.testing`.

The names below are loaded when they are first used, so that ``import minisim`` costs next to nothing.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

from ._exports import MODELS

if TYPE_CHECKING:
    from ._bounds import Bounds as Bounds
    from ._core import DETECT_SNR_THRESHOLD as DETECT_SNR_THRESHOLD, __version__ as __version__
    from ._live import LiveFrame as LiveFrame, live as live
    from ._metrics import (
        ActivityScore as ActivityScore,
        EndpointError as EndpointError,
        Match as Match,
        activity_similarity as activity_similarity,
        axial_correlation as axial_correlation,
        endpoint_error as endpoint_error,
        field_pearson as field_pearson,
        footprint_mask as footprint_mask,
        footprint_roi_trace as footprint_roi_trace,
        global_shift_from_trajectories as global_shift_from_trajectories,
        hungarian_match as hungarian_match,
        shift_rmse as shift_rmse,
        trace_pearson as trace_pearson,
    )
    from ._models import *  # noqa: F403
    from ._models_ext import SpecWarning as SpecWarning
    from ._perf import PerfTracker as PerfTracker
    from ._recording import (
        GroundTruth as GroundTruth,
        Recording as Recording,
        RecordingFormatWarning as RecordingFormatWarning,
    )
    from ._simulate import (
        Scene as Scene,
        cache_dir as cache_dir,
        cache_path as cache_path,
        clean_twin as clean_twin,
        convert as convert,
        finalize as finalize,
        render as render,
        simulate as simulate,
        simulate_cached as simulate_cached,
        simulate_to as simulate_to,
        simulate_video as simulate_video,
    )
    from ._studio import Studio as Studio, studio as studio
    from ._sweep import SweptSpec as SweptSpec, sweep as sweep
    from .footprint import Footprint as Footprint, FootprintStack as FootprintStack
    from .presets import Region as Region, Scope as Scope, build_spec as build_spec
    from .steps import detection_snr as detection_snr, sample_field_at as sample_field_at

_WHERE = {
    "_bounds": ["Bounds"],
    "_core": ["DETECT_SNR_THRESHOLD", "__version__"],
    "_live": ["LiveFrame", "live"],
    "_metrics": [
        "ActivityScore",
        "EndpointError",
        "Match",
        "activity_similarity",
        "axial_correlation",
        "endpoint_error",
        "field_pearson",
        "footprint_mask",
        "footprint_roi_trace",
        "global_shift_from_trajectories",
        "hungarian_match",
        "shift_rmse",
        "trace_pearson",
    ],
    "_models": [*MODELS],
    "_models_ext": ["SpecWarning"],
    "_perf": ["PerfTracker"],
    "_recording": ["GroundTruth", "Recording", "RecordingFormatWarning"],
    "_simulate": [
        "Scene",
        "cache_dir",
        "cache_path",
        "clean_twin",
        "convert",
        "finalize",
        "render",
        "simulate",
        "simulate_cached",
        "simulate_to",
        "simulate_video",
    ],
    "_studio": ["Studio", "studio"],
    "_sweep": ["SweptSpec", "sweep"],
    "footprint": ["Footprint", "FootprintStack"],
    "presets": ["Region", "Scope", "build_spec"],
    "steps": ["detection_snr", "sample_field_at"],
}
_HOME = {name: module for module, names in _WHERE.items() for name in names}
_MODULES = {
    "benchmark",
    "cache",
    "dask",
    "footprint",
    "metrics",
    "perf",
    "pipelines",
    "presets",
    "recording",
    "scene",
    "spec",
    "steps",
    "testing",
    "video",
}
#: Modules of the same name as a function: ``minisim.simulate`` is the function, ``from minisim.simulate import simulate`` works.
_SHADOWED = {"simulate", "sweep"}

__all__ = sorted(name for name in _HOME if not name.startswith("_"))


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    elif name in _MODULES:
        value = importlib.import_module(f".{name}", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


class _Package(types.ModuleType):
    """Importing a module makes it an attribute of its package; a function of that name must stay what it was."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _SHADOWED and isinstance(value, types.ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES})
