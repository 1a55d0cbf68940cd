"""The forward model's formulas, for use by themselves. The engine computes them."""

from __future__ import annotations

from typing import Any, Optional

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._models import Acquisition, IlluminationProfile, Vignette
from .footprint import Footprint

Floats = NDArray[np.float64]


def _vector(values: Any) -> Floats:
    return np.ascontiguousarray(values, dtype=np.float64)


def detection_snr(peak_dF: Any, baseline: Any, gain: Any, read_e: Any) -> Any:
    """Signal-to-noise ratio of a transient of height ``peak_dF`` over ``baseline`` (fluorescence units), with ``gain`` electrons
    per unit and ``read_e`` electrons of read noise. Numbers, or arrays of one shape."""
    values = np.broadcast_arrays(peak_dF, baseline, gain, read_e)
    if values[0].ndim == 0:
        return _core.detection_snr(*(float(v) for v in values))
    flat = [_core.detection_snr(*(float(v) for v in row)) for row in zip(*(v.ravel() for v in values))]
    return np.array(flat).reshape(values[0].shape)


def sample_field_at(field: Optional[Any], y_um: float, x_um: float, pixel_size_um: float) -> float:
    """A field's value at a place (µm from the optical axis), at the nearest pixel; 1 without a field."""
    if field is None:
        return 1.0
    field = np.ascontiguousarray(field, dtype=np.float32)
    row = (field.shape[0] - 1) / 2 + y_um / pixel_size_um
    col = (field.shape[1] - 1) / 2 + x_um / pixel_size_um
    return _core.sample_field(field, row, col)


def calcium_kernel(tau_rise_s: float, tau_decay_s: float, fps: float) -> Floats:
    """Calcium after one spike, peak 1, sampled at ``fps``."""
    return _core.calcium_kernel(tau_rise_s, tau_decay_s, fps)


def kernel_timing(tau_rise_s: float, tau_decay_s: float) -> tuple[float, float]:
    """Time to peak and full width at half maximum (s) of the calcium kernel."""
    return _core.kernel_timing(tau_rise_s, tau_decay_s)


def tau_from_kernel_timing(t_peak_s: float, fwhm_s: float) -> tuple[float, float]:
    """Rise and decay times (s) of the kernel with that time to peak and width."""
    return _core.tau_from_kernel_timing(t_peak_s, fwhm_s)


def spike_activity_params(activity: float) -> tuple[float, float, float, float]:
    """How a general activity, 0 (quiet) to 1 (lively), sets p_quiescent_to_active, p_active_to_quiescent, active_rate_hz and
    quiescent_rate_hz."""
    return _core.spike_activity_params(activity)


def bleaching_pool(emission: Any, q: float, tau_turn_frames: float, intensity: float, b0: float = 1.0) -> Floats:
    """Share of intact fluorophore at each frame of an emission course."""
    return _core.bleaching_pool(_vector(emission), q, tau_turn_frames, intensity, b0)


def bleaching_floor(q: float, intensity: float, emission: float, tau_turn: float) -> float:
    """Share of intact fluorophore that constant emission ends at."""
    return _core.bleaching_floor(q, intensity, emission, tau_turn)


def dark_recovery(b0: float, t: Any, tau_turn: float) -> Any:
    """Share of intact fluorophore after ``t`` in the dark."""
    values = _core.dark_recovery(b0, _vector(np.ravel(t)), tau_turn).reshape(np.shape(t))
    return values if np.ndim(t) else float(values)


def murray_children(r_parent: float, area_fraction: float) -> tuple[float, float]:
    """Radii of the two branches of a vessel by Murray's law."""
    return _core.murray_children(r_parent, area_fraction)


def vessels_to_mask(path_length_um: Any, opacity: float, absorption_per_um: float) -> Floats:
    """Share of light that passes a length of blood (µm)."""
    flat = _core.vessels_to_mask(_vector(np.ravel(path_length_um)), opacity, absorption_per_um)
    return flat.reshape(np.shape(path_length_um))


def radial_falloff(
    shape: tuple[int, int], center_px: tuple[float, float], falloff: float, exponent: float
) -> Floats:
    """A field that is 1 at its centre and ``falloff`` at its farthest corner."""
    return _core.radial_falloff(shape, center_px, falloff, exponent)


def falloff_center_px(
    shape: tuple[int, int], acq: Acquisition, center_offset_um: tuple[float, float]
) -> tuple[float, float]:
    """Where a field's centre lies (row, column) when it is off the axis by ``center_offset_um``."""
    return acq.um_to_index(center_offset_um[0], center_offset_um[1], shape)


def combined_falloff_field(
    acq: Acquisition,
    illumination_spec: Optional[IlluminationProfile],
    vignette_spec: Optional[Vignette],
) -> Optional[Floats]:
    """Illumination times vignette over the field of view; ``None`` without either."""
    shape = (acq.image_sensor.n_px_height, acq.image_sensor.n_px_width)
    fields = [
        radial_falloff(shape, falloff_center_px(shape, acq, step.center_offset_um), step.falloff, step.exponent)
        for step in (illumination_spec, vignette_spec)
        if step is not None
    ]
    return np.prod(fields, axis=0) if fields else None


def shift_and_crop(canvas: Any, shifts_px: Any, fov_shape: tuple[int, int]) -> NDArray[np.float32]:
    """Each image of (frame, height, width) moved by its (dy, dx) px, then cut to the centred field of view."""
    images = np.ascontiguousarray(canvas, dtype=np.float32)
    return _core.shift_and_crop(images, np.ascontiguousarray(shifts_px, dtype=np.float64), fov_shape)


def degrade_footprint(planted: Footprint, sigma_px: float, gain: float) -> Footprint:
    """A footprint as the sensor sees it: blurred by ``sigma_px`` and multiplied by ``gain``."""
    h, w = planted.canvas_shape
    parts = {
        "offsets": np.array([planted.offset], dtype=np.int32),
        "shapes": np.array([planted.patch.shape], dtype=np.int32),
        "data": np.ascontiguousarray(planted.patch, dtype=np.float32).ravel(),
        "canvas_shape": [h, w],
        "fov_offset": [0, 0],
        "fov_shape": [h, w],
        "focal_depth_um": None,
        "observed_sigma_px": np.array([float(sigma_px)]),
        "observed_gain": np.array([float(gain)]),
    }
    return Footprint.from_dense(_core.dense_footprints(parts, True)[0])
