"""Comparing an estimate with the truth, part by part."""

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

__all__ = [
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
]
