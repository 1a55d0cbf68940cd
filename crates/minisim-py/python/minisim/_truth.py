# Written by `cargo xtask codegen` from the Rust types: do not edit. Methods are in `_recording.py`.
"""The arrays of a ground truth: what each holds, its axes and its unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union

import numpy as np
from numpy.typing import NDArray

from .footprint import FootprintStack

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, repr=False)
class TruthArrays:
    """What is exactly known about a recording, array by array. Arrays whose step did not run are ``None``."""

    planted: FootprintStack
    """Sharp footprints on the canvas (field of view and motion margin), peak 1."""
    fov_offset: tuple[int, int]
    """First row and column of the field of view on the canvas."""
    fov_shape: tuple[int, int]
    """(height, width) of the field of view (px)."""
    centers_um: Floats
    """Centre of each cell as (z, y, x): z below the tissue surface, y and x from the optical axis. Shape (unit, zyx), in µm."""
    C: Floats
    """Clean calcium trace of each cell, averaged over each exposure; no bleaching, no noise. Shape (unit, frame), in fluorescence units."""
    S: Floats
    """Spikes of each cell in each frame. Shape (unit, frame), in spikes."""
    amplitude_per_cell: Floats
    """Brightness of each cell, the factor on its baseline and transients. Shape (unit,)."""
    in_focus: Flags
    """Whether the cell lies within the depth of field of the focal surface at its place; true without an optics step. Shape (unit,)."""
    detectable: Flags
    """Whether the cell's largest transient stands at least DETECT_SNR_THRESHOLD times above the sensor's noise floor. Shape (unit,)."""
    focal_depth_um: Optional[float] = None
    """Depth of the focal plane (µm)."""
    tau_rise_s: Optional[Floats] = None
    """Rise time constant of each cell's calcium after a spike. Shape (unit,), in s. ``None`` without a step cell_activity."""
    tau_decay_s: Optional[Floats] = None
    """Decay time constant of each cell's calcium after a spike. Shape (unit,), in s. ``None`` without a step cell_activity."""
    assembly: Optional[Floats] = None
    """The assembly that each cell belongs to, from 1; 0 for none. Shape (unit,). ``None`` without a step cell_activity."""
    bleaching: Optional[Floats] = None
    """Share of each cell's indicator that is intact in each frame; 1 at the start. Shape (unit, frame). ``None`` without a step bleaching."""
    observed_sigma_px: Optional[Floats] = None
    """Standard deviation of the blur of each cell's footprint. Shape (unit,), in px. ``None`` without a step optics."""
    observed_gain: Optional[Floats] = None
    """Factor on each cell's blurred footprint: attenuation by the tissue times NA². Shape (unit,). ``None`` without a step optics."""
    aberration_radial_px: Optional[Floats] = None
    """σ of each cell's aberration along the radius from the optical axis. Shape (unit,), in px. ``None`` without a step field_aberration."""
    aberration_tangential_px: Optional[Floats] = None
    """σ of each cell's aberration across the radius. Shape (unit,), in px. ``None`` without a step field_aberration."""
    aberration_angle_rad: Optional[Floats] = None
    """Direction of the radius at each cell: 0 = along rows, to the right; π/2 = down. Shape (unit,), in rad. ``None`` without a step field_aberration."""
    axial_shift_um: Optional[Floats] = None
    """How much deeper than at rest the focal surface lies in the tissue in each frame. Shape (frame,), in µm. ``None`` without a step axial_motion."""
    in_focus_fraction: Optional[Floats] = None
    """Share of frames in which each cell lies within the depth of field. Shape (unit,). ``None`` without a step axial_motion."""
    neuropil_temporal: Optional[Floats] = None
    """Time course of each neuropil component. Shape (component, frame). ``None`` without a step neuropil."""
    neuropil_spatial: Optional[Floats] = None
    """Map of each neuropil component over the field of view at rest. Shape (component, height, width). ``None`` without a step neuropil."""
    neuropil_population: Optional[Floats] = None
    """The low-passed activity of the cells that the neuropil follows. Shape (frame,). ``None`` without a step neuropil."""
    vasculature_mask: Optional[Floats] = None
    """Share of light that the vessels let through, over the field of view at rest. Shape (height, width). ``None`` without a step vasculature."""
    vessel_overlap_fraction: Optional[Floats] = None
    """Share of each cell's light that the vessels take. Shape (unit,). ``None`` without a step vasculature."""
    blood_maps: Optional[Floats] = None
    """Share of light that blood takes per unit of each course, over the field of view at rest: vasomotion, heartbeat, activity, running, of those that are there. A frame's factor is 1 minus the sum of maps times courses. Shape (blood_component, height, width). ``None`` without a step haemodynamics."""
    blood_courses: Optional[Floats] = None
    """Course of each component of the blood; more than 0 is darker. Shape (blood_component, frame). ``None`` without a step haemodynamics."""
    vessel_dilation: Optional[Floats] = None
    """Change of the vessels' radius relative to its mean, per unit of each course; absent without vessels. Shape (blood_component,). ``None`` without a step haemodynamics."""
    shifts: Optional[Floats] = None
    """Displacement (dy, dx) of the tissue in each frame; a correction is its negative. Shape (frame, yx), in px. ``None`` without a step brain_motion."""
    deformation_modes: Optional[Floats] = None
    """Displacement fields (dy, dx) at the nodes of a grid; between nodes interpolated by Catmull and Rom's cubic. Shape (mode, yx, gridrow, gridcol), in px. ``None`` without a step tissue_deformation."""
    deformation_rows_px: Optional[Floats] = None
    """Row of the field of view that each row of the deformation's grid lies on. Shape (gridrow,), in px. ``None`` without a step tissue_deformation."""
    deformation_cols_px: Optional[Floats] = None
    """Column of the field of view that each column of the deformation's grid lies on. Shape (gridcol,), in px. ``None`` without a step tissue_deformation."""
    deformation_course: Optional[Floats] = None
    """Factor of each displacement field in each frame. Shape (mode, frame). ``None`` without a step tissue_deformation."""
    rotation_rad: Optional[Floats] = None
    """Angle that the tissue is turned by about the centre of the field of view; a positive one moves its right side down. Shape (frame,), in rad. ``None`` without a step tissue_deformation."""
    illumination: Optional[Floats] = None
    """Excitation at each pixel, relative to the brightest place. Shape (height, width). ``None`` without a step illumination_profile."""
    vignette: Optional[Floats] = None
    """Share of light that the lens passes to each pixel, relative to the best place. Shape (height, width). ``None`` without a step vignette."""
    relay_edge: Optional[Floats] = None
    """Share of light that the relay lens passes to each pixel. Shape (height, width). ``None`` without a step relay_edge."""
    leakage: Optional[Floats] = None
    """Light added to each pixel in every frame. Shape (height, width), in fluorescence units. ``None`` without a step leakage."""
    led_power: Optional[Floats] = None
    """Power of the LED in each frame, averaged over the exposure, relative to that when it is switched on. Shape (frame,). ``None`` without a step led."""
    prnu: Optional[Floats] = None
    """Response of each pixel relative to the mean one: a factor on its light, 0 where it is dead. Shape (height, width). ``None`` without a step sensor."""
    dsnu_e: Optional[Floats] = None
    """Offset of each pixel, the parts of its row and column included. Shape (height, width), in e. ``None`` without a step sensor."""
    dark_e: Optional[Floats] = None
    """Electrons of dark current that each pixel collects in a frame on average. Shape (height, width), in e. ``None`` without a step sensor."""
    defects: Optional[Floats] = None
    """Defect of each pixel: 0 = none, 1 = hot, 2 = dead. Shape (height, width). ``None`` without a step sensor."""
    exposure_index: Optional[Floats] = None
    """The exposure that each stored frame shows, counted from 0: its frame in the film without faults. Shape (frame,). ``None`` without a step acquisition_faults."""
    daq_frame: Optional[Floats] = None
    """Number that the acquisition box gives each stored frame: it counts exposures, so it jumps where frames are lost. Shape (frame,). ``None`` without a step acquisition_faults."""
    timestamps_s: Optional[Floats] = None
    """Time stamp of each stored frame, by the recording computer's clock. Shape (frame,), in s. ``None`` without a step acquisition_faults."""
    fault: Optional[Floats] = None
    """What is wrong with each stored frame: 0 nothing, 1 repeated, 2 torn, 3 a block of rows displaced, 4 a block of rows zero. Shape (frame,). ``None`` without a step acquisition_faults."""
    fault_rows: Optional[Floats] = None
    """The damaged rows of each stored frame: the first, and the one after the last; 0, 0 for none. Shape (frame, span), in px. ``None`` without a step acquisition_faults."""
    fault_shift_px: Optional[Floats] = None
    """Columns that the damaged rows of each stored frame are rolled to the right by. Shape (frame,), in px. ``None`` without a step acquisition_faults."""
    brightness_factor: Optional[Floats] = None
    """Factor on the values of each stored frame, that of its clip. Shape (frame,). ``None`` without a step acquisition_faults."""
    lost_exposures: Optional[Floats] = None
    """The exposures of which no frame is stored, counted from 0. Shape (lost,). ``None`` without a step acquisition_faults."""
    peak_snr: Optional[Floats] = None
    """Detection SNR of the cell's largest transient; absent without a sensor step. Shape (unit,). May be ``None``."""
    trace_sd_bound: Optional[Floats] = None
    """Least standard deviation that any estimate of the cell's trace from single frames can have, neighbours unknown. Shape (unit,), in fluorescence units. ``None`` unless bounds were asked for."""
    demixing_snr: Optional[Floats] = None
    """The cell's largest transient divided by trace_sd_bound. Shape (unit,). ``None`` unless bounds were asked for."""
    crosstalk: Optional[Floats] = None
    """How many times larger trace_sd_bound is than if the traces of all other cells were known; 1 for a cell that overlaps none. Shape (unit,). ``None`` unless bounds were asked for."""
    spike_amplitude_bound: Optional[Floats] = None
    """Least standard deviation of the size of a lone spike whose time is not known either. Shape (unit,), in spikes. ``None`` unless bounds were asked for."""
    spike_time_sd_bound_s: Optional[Floats] = None
    """Least standard deviation of the time of a lone spike whose size is not known either. Shape (unit,), in s. ``None`` unless bounds were asked for."""
    shift_sd_bound_px: Optional[Floats] = None
    """Least standard deviation of the brain's displacement in a frame if all else is known. Shape (yx,), in px. ``None`` unless bounds were asked for."""


#: The arrays and their axes.
ARRAYS: dict[str, tuple[str, ...]] = {
    "centers_um": ("unit", "zyx"),
    "C": ("unit", "frame"),
    "S": ("unit", "frame"),
    "amplitude_per_cell": ("unit",),
    "tau_rise_s": ("unit",),
    "tau_decay_s": ("unit",),
    "assembly": ("unit",),
    "bleaching": ("unit", "frame"),
    "observed_sigma_px": ("unit",),
    "observed_gain": ("unit",),
    "aberration_radial_px": ("unit",),
    "aberration_tangential_px": ("unit",),
    "aberration_angle_rad": ("unit",),
    "axial_shift_um": ("frame",),
    "in_focus_fraction": ("unit",),
    "neuropil_temporal": ("component", "frame"),
    "neuropil_spatial": ("component", "height", "width"),
    "neuropil_population": ("frame",),
    "vasculature_mask": ("height", "width"),
    "vessel_overlap_fraction": ("unit",),
    "blood_maps": ("blood_component", "height", "width"),
    "blood_courses": ("blood_component", "frame"),
    "vessel_dilation": ("blood_component",),
    "shifts": ("frame", "yx"),
    "deformation_modes": ("mode", "yx", "gridrow", "gridcol"),
    "deformation_rows_px": ("gridrow",),
    "deformation_cols_px": ("gridcol",),
    "deformation_course": ("mode", "frame"),
    "rotation_rad": ("frame",),
    "illumination": ("height", "width"),
    "vignette": ("height", "width"),
    "relay_edge": ("height", "width"),
    "leakage": ("height", "width"),
    "led_power": ("frame",),
    "prnu": ("height", "width"),
    "dsnu_e": ("height", "width"),
    "dark_e": ("height", "width"),
    "defects": ("height", "width"),
    "exposure_index": ("frame",),
    "daq_frame": ("frame",),
    "timestamps_s": ("frame",),
    "fault": ("frame",),
    "fault_rows": ("frame", "span"),
    "fault_shift_px": ("frame",),
    "brightness_factor": ("frame",),
    "lost_exposures": ("lost",),
    "in_focus": ("unit",),
    "detectable": ("unit",),
    "peak_snr": ("unit",),
    "trace_sd_bound": ("unit",),
    "demixing_snr": ("unit",),
    "crosstalk": ("unit",),
    "spike_amplitude_bound": ("unit",),
    "spike_time_sd_bound_s": ("unit",),
    "shift_sd_bound_px": ("yx",),
}

#: The value of the elements of arrays that every recording has, where no step recorded them.
ABSENT: dict[str, Union[bool, float]] = {
    "centers_um": 0.0,
    "C": 0.0,
    "S": 0.0,
    "amplitude_per_cell": float("nan"),
    "in_focus": True,
    "detectable": False,
}
