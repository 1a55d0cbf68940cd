# Written by `cargo xtask codegen` from the Rust types: do not edit. Methods and cross-field rules are in `_models_ext.py`.
"""The spec: every field with its unit, bound, default and meaning."""

from __future__ import annotations

from typing import Annotated, Literal, Optional, Union

from pydantic import Field

from . import _models_ext as _ext


class Optics(_ext.OpticsExt):
    """The objective: what it resolves, how much light it collects, how its focal surface bends.

    Fields:
        na: Numerical aperture. Sets resolution, depth of field and, squared, the collected light. Default 0.45.
        magnification: Magnification from object to sensor. Default 8.0.
        emission_nm [nm]: Emission wavelength. Default 525.0.
        depth_of_field_um [µm]: Half depth counted as in focus; "auto" = 1.33 λ / NA². Default "auto".
        field_curvature_radius_um [µm]: Petzval radius of the focal surface: off-axis points focus shallower. null = flat field; real miniscopes 2000 to 3000. Default None.

    """

    na: float = Field(
        default=0.45,
        gt=0,
        allow_inf_nan=False,
        description="Numerical aperture. Sets resolution, depth of field and, squared, the collected light.",
    )

    magnification: float = Field(
        default=8.0,
        gt=0,
        allow_inf_nan=False,
        description="Magnification from object to sensor.",
    )

    emission_nm: float = Field(
        default=525.0,
        gt=0,
        allow_inf_nan=False,
        description="Emission wavelength. [nm]",
        json_schema_extra={"unit": "nm"},
    )

    depth_of_field_um: Union[Literal["auto"], Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default="auto",
        description="Half depth counted as in focus; \"auto\" = 1.33 λ / NA². [µm]",
        json_schema_extra={"unit": "µm"},
    )

    field_curvature_radius_um: Optional[Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default=None,
        description="Petzval radius of the focal surface: off-axis points focus shallower. null = flat field; real miniscopes 2000 to 3000. [µm]",
        json_schema_extra={"unit": "µm"},
    )


class ImageSensor(_ext.NewFields, _ext.ImageSensorExt):
    """The image sensor. Its imperfections are those of the standard EMVA 1288; all are off by default.

    Fields:
        n_px_height [px]: Rows. Default 256.
        n_px_width [px]: Columns. Default 256.
        pixel_pitch_um [µm]: Physical distance between pixels on the sensor. Default 3.0.
        quantum_efficiency [e/photon]: Electrons per photon. Default 0.7.
        read_noise_e [e]: Read noise (RMS). Default 2.0.
        gain_adu_per_e [counts/e]: Counts per electron. Default 1.0.
        bit_depth [bit]: Bits of a count: counts clip to 0 … 2^bits - 1. Default 8.
        analog_gain: Factor on the gain that the sensor's amplifier applies before conversion; the Miniscope V4 has 1, 2 and 3.5. Default 1.0.
        adc_bits [bit]: Bits of the converter, whose counts the gain and the black level are given in; null = those of a count. Default None.
        companding: How the converter's counts become counts of fewer bits: "shift" drops the lowest ones, "square_root" keeps the range with steps as wide as the shot noise. Default "shift".
        black_level_adu [counts]: What the converter reads in the dark. Default 0.0.
        full_well_e [e]: Electrons that a pixel can hold; null = any number. Default None.
        linearity_error_percent [%]: How far the response bends away from a straight line: the mean deviation between 5 % and 95 % of saturation, as the standard measures it where pixels are full before the converter clips. Default 0.0.
        dark_current_e_per_s [e/s]: Dark current at 25 °C. It is collected for as long as a frame takes and doubles every 8 °C. Default 0.0.
        temperature_c [°C]: Temperature of the sensor. Default 25.0.
        dsnu_pixel_e [e]: Fixed offsets of single pixels (RMS). Default 0.0.
        dsnu_column_e [e]: Fixed offsets of whole columns (RMS). Default 0.0.
        dsnu_row_e [e]: Fixed offsets of whole rows (RMS). Default 0.0.
        prnu_pixel_percent [%]: Differences in response from pixel to pixel (RMS). Default 0.0.
        prnu_smooth_percent [%]: Smooth differences in response across the sensor (RMS). Default 0.0.
        hot_pixel_share: Share of the pixels that are hot: they have a dark current of their own. Default 0.0.
        hot_pixel_e_per_s [e/s]: Dark current of a hot pixel at 25 °C: the median of a log-normal distribution. Default 1000.0.
        hot_pixel_spread: Spread of the strength of hot pixels: standard deviation of its natural logarithm. Default 1.0.
        dead_pixel_share: Share of the pixels that are dead: they see no light. Default 0.0.
        row_noise_e [e]: Noise that all pixels of a row share in a frame (RMS). Default 0.0.
        column_noise_e [e]: Noise that all pixels of a column share in a frame (RMS). Default 0.0.
        pattern_seed: Seed of what is fixed to the sensor: its offsets, responses and defects; null = the seed of the recording. With one, many recordings are taken with the same sensor. Default None.

    """

    n_px_height: int = Field(
        default=256,
        ge=1,
        le=4294967295,
        description="Rows. [px]",
        json_schema_extra={"unit": "px"},
    )

    n_px_width: int = Field(
        default=256,
        ge=1,
        le=4294967295,
        description="Columns. [px]",
        json_schema_extra={"unit": "px"},
    )

    pixel_pitch_um: float = Field(
        default=3.0,
        gt=0,
        allow_inf_nan=False,
        description="Physical distance between pixels on the sensor. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    quantum_efficiency: float = Field(
        default=0.7,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Electrons per photon. [e/photon]",
        json_schema_extra={"unit": "e/photon"},
    )

    read_noise_e: float = Field(
        default=2.0,
        ge=0,
        allow_inf_nan=False,
        description="Read noise (RMS). [e]",
        json_schema_extra={"unit": "e"},
    )

    gain_adu_per_e: float = Field(
        default=1.0,
        gt=0,
        allow_inf_nan=False,
        description="Counts per electron. [counts/e]",
        json_schema_extra={"unit": "counts/e"},
    )

    bit_depth: int = Field(
        default=8,
        ge=1,
        le=4294967295,
        description="Bits of a count: counts clip to 0 … 2^bits - 1. [bit]",
        json_schema_extra={"unit": "bit"},
    )

    analog_gain: float = Field(
        default=1.0,
        gt=0,
        allow_inf_nan=False,
        description="Factor on the gain that the sensor's amplifier applies before conversion; the Miniscope V4 has 1, 2 and 3.5.",
        json_schema_extra={"since": "0.2"},
    )

    adc_bits: Optional[Annotated[int, Field(ge=1, le=4294967295)]] = Field(
        default=None,
        description="Bits of the converter, whose counts the gain and the black level are given in; null = those of a count. [bit]",
        json_schema_extra={"unit": "bit", "since": "0.2"},
    )

    companding: Literal["shift", "square_root"] = Field(
        default="shift",
        description="How the converter's counts become counts of fewer bits: \"shift\" drops the lowest ones, \"square_root\" keeps the range with steps as wide as the shot noise.",
        json_schema_extra={"since": "0.2"},
    )

    black_level_adu: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="What the converter reads in the dark. [counts]",
        json_schema_extra={"unit": "counts", "since": "0.2"},
    )

    full_well_e: Optional[Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default=None,
        description="Electrons that a pixel can hold; null = any number. [e]",
        json_schema_extra={"unit": "e", "since": "0.2"},
    )

    linearity_error_percent: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="How far the response bends away from a straight line: the mean deviation between 5 % and 95 % of saturation, as the standard measures it where pixels are full before the converter clips. [%]",
        json_schema_extra={"unit": "%", "since": "0.2"},
    )

    dark_current_e_per_s: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Dark current at 25 °C. It is collected for as long as a frame takes and doubles every 8 °C. [e/s]",
        json_schema_extra={"unit": "e/s", "since": "0.2"},
    )

    temperature_c: float = Field(
        default=25.0,
        allow_inf_nan=False,
        description="Temperature of the sensor. [°C]",
        json_schema_extra={"unit": "°C", "since": "0.2"},
    )

    dsnu_pixel_e: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Fixed offsets of single pixels (RMS). [e]",
        json_schema_extra={"unit": "e", "since": "0.2"},
    )

    dsnu_column_e: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Fixed offsets of whole columns (RMS). [e]",
        json_schema_extra={"unit": "e", "since": "0.2"},
    )

    dsnu_row_e: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Fixed offsets of whole rows (RMS). [e]",
        json_schema_extra={"unit": "e", "since": "0.2"},
    )

    prnu_pixel_percent: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Differences in response from pixel to pixel (RMS). [%]",
        json_schema_extra={"unit": "%", "since": "0.2"},
    )

    prnu_smooth_percent: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Smooth differences in response across the sensor (RMS). [%]",
        json_schema_extra={"unit": "%", "since": "0.2"},
    )

    hot_pixel_share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the pixels that are hot: they have a dark current of their own.",
        json_schema_extra={"since": "0.2"},
    )

    hot_pixel_e_per_s: float = Field(
        default=1000.0,
        gt=0,
        allow_inf_nan=False,
        description="Dark current of a hot pixel at 25 °C: the median of a log-normal distribution. [e/s]",
        json_schema_extra={"unit": "e/s", "since": "0.2"},
    )

    hot_pixel_spread: float = Field(
        default=1.0,
        ge=0,
        allow_inf_nan=False,
        description="Spread of the strength of hot pixels: standard deviation of its natural logarithm.",
        json_schema_extra={"since": "0.2"},
    )

    dead_pixel_share: float = Field(
        default=0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the pixels that are dead: they see no light.",
        json_schema_extra={"since": "0.2"},
    )

    row_noise_e: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Noise that all pixels of a row share in a frame (RMS). [e]",
        json_schema_extra={"unit": "e", "since": "0.2"},
    )

    column_noise_e: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Noise that all pixels of a column share in a frame (RMS). [e]",
        json_schema_extra={"unit": "e", "since": "0.2"},
    )

    pattern_seed: Optional[Annotated[int, Field(ge=1, le=4294967295)]] = Field(
        default=None,
        description="Seed of what is fixed to the sensor: its offsets, responses and defects; null = the seed of the recording. With one, many recordings are taken with the same sensor.",
        json_schema_extra={"since": "0.2"},
    )


class Tissue(_ext.TissueExt):
    """The tissue between the cells and the lens.

    Fields:
        scatter_mfp_excitation_um [µm]: Attenuation length of the excitation light on its diffuse way in (470 nm). Default 600.0.
        scatter_mfp_emission_um [µm]: Attenuation length of the image-forming emission light on its way out (525 nm). Default 100.0.
        scatter_blur_per_um [µm/µm]: Blur σ gained per µm of depth. Default 0.05.

    """

    scatter_mfp_excitation_um: float = Field(
        default=600.0,
        gt=0,
        allow_inf_nan=False,
        description="Attenuation length of the excitation light on its diffuse way in (470 nm). [µm]",
        json_schema_extra={"unit": "µm"},
    )

    scatter_mfp_emission_um: float = Field(
        default=100.0,
        gt=0,
        allow_inf_nan=False,
        description="Attenuation length of the image-forming emission light on its way out (525 nm). [µm]",
        json_schema_extra={"unit": "µm"},
    )

    scatter_blur_per_um: float = Field(
        default=0.05,
        ge=0,
        allow_inf_nan=False,
        description="Blur σ gained per µm of depth. [µm/µm]",
        json_schema_extra={"unit": "µm/µm"},
    )


class NeuronPopulation(_ext.PartBase):
    """Cells of one kind: how dense, how large, how deep.

    Fields:
        density_per_mm3 [1/mm³]: Cells per mm³ of tissue. Default 25000.0.
        soma_radius_um [µm]: Radius of the cell body. Default 7.0.
        irregularity: How much the outline wobbles, as a share of the radius; 0 = a disk. Default 0.3.
        morphology: "soma" = body only, "cytosolic" = with proximal dendrites. Default "soma".
        dendrite_length_um [µm]: Nominal reach of a dendrite (cytosolic). Default 24.0.
        dendrite_width_um [µm]: Diameter of a dendrite at its base (cytosolic); it tapers to a thread. Default 3.0.
        depth_range_um [µm]: Smallest and largest depth of a centre below the tissue surface. Default (0.0, 200.0,).
        min_distance_um [µm]: Smallest distance between two centres of the population; 0 = none. Default 0.0.
        positions_um [µm]: Explicit centres (z, y, x); density, depth range and distance are then ignored. Default None.

    """

    density_per_mm3: float = Field(
        default=25000.0,
        gt=0,
        allow_inf_nan=False,
        description="Cells per mm³ of tissue. [1/mm³]",
        json_schema_extra={"unit": "1/mm³"},
    )

    soma_radius_um: float = Field(
        default=7.0,
        gt=0,
        allow_inf_nan=False,
        description="Radius of the cell body. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    irregularity: float = Field(
        default=0.3,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="How much the outline wobbles, as a share of the radius; 0 = a disk.",
    )

    morphology: Literal["soma", "cytosolic"] = Field(
        default="soma",
        description="\"soma\" = body only, \"cytosolic\" = with proximal dendrites.",
    )

    dendrite_length_um: float = Field(
        default=24.0,
        gt=0,
        allow_inf_nan=False,
        description="Nominal reach of a dendrite (cytosolic). [µm]",
        json_schema_extra={"unit": "µm"},
    )

    dendrite_width_um: float = Field(
        default=3.0,
        gt=0,
        allow_inf_nan=False,
        description="Diameter of a dendrite at its base (cytosolic); it tapers to a thread. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    depth_range_um: tuple[float, float] = Field(
        default=(0.0, 200.0,),
        description="Smallest and largest depth of a centre below the tissue surface. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    min_distance_um: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Smallest distance between two centres of the population; 0 = none. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    positions_um: Optional[list[tuple[float, float, float]]] = Field(
        default=None,
        description="Explicit centres (z, y, x); density, depth range and distance are then ignored. [µm]",
        json_schema_extra={"unit": "µm"},
    )


class CellActivity(_ext.NewFields, _ext.StepBase):
    """Makes the cells fire and glow.

    Fields:
        spike_sim_hz [Hz]: Rate of the fine grid that spikes are drawn on; rounded to whole bins per frame. Default 300.0.
        p_quiescent_to_active [1/frame]: Chance per frame that a quiescent cell starts a burst. Default 0.005.
        p_active_to_quiescent [1/frame]: Chance per frame that a burst ends. Default 0.3.
        active_rate_hz [Hz]: Firing rate inside a burst. Default 150.0.
        quiescent_rate_hz [Hz]: Firing rate outside bursts. Default 0.6.
        tau_rise_s [s]: Rise time constant of the response to a spike. Default 0.05.
        tau_decay_s [s]: Decay time constant of the response to a spike. Default 0.5.
        brightness_cv: Coefficient of variation of the cells' brightness (log-normal, mean 1). Default 0.3.
        f0 [fluorescence units]: Fluorescence of a cell at rest; a single spike peaks at 1. Default 1.0.
        trace_noise [fluorescence units]: Standard deviation of noise added to the traces; off unless asked for. Default 0.0.
        indicator: "linear" = proportional to calcium, with the time constants given here; a named indicator brings its own, and saturates. Default "linear".
        kinetics_cv: Coefficient of variation of the cells' time constants (log-normal, mean 1). Default 0.0.
        synchrony: Share of cells that belong to an assembly, whose members fire together now and then. Default 0.0.
        n_assemblies: Number of assemblies. Default 4.
        assembly_rate_hz [Hz]: How often each assembly is active. Default 0.05.
        assembly_jitter_s [s]: Standard deviation of a member's delay in an event. Default 0.05.

    """

    kind: Literal["cell_activity"] = "cell_activity"

    spike_sim_hz: float = Field(
        default=300.0,
        gt=0,
        allow_inf_nan=False,
        description="Rate of the fine grid that spikes are drawn on; rounded to whole bins per frame. [Hz]",
        json_schema_extra={"unit": "Hz"},
    )

    p_quiescent_to_active: float = Field(
        default=0.005,
        gt=0,
        allow_inf_nan=False,
        description="Chance per frame that a quiescent cell starts a burst. [1/frame]",
        json_schema_extra={"unit": "1/frame"},
    )

    p_active_to_quiescent: float = Field(
        default=0.3,
        gt=0,
        allow_inf_nan=False,
        description="Chance per frame that a burst ends. [1/frame]",
        json_schema_extra={"unit": "1/frame"},
    )

    active_rate_hz: float = Field(
        default=150.0,
        gt=0,
        allow_inf_nan=False,
        description="Firing rate inside a burst. [Hz]",
        json_schema_extra={"unit": "Hz"},
    )

    quiescent_rate_hz: float = Field(
        default=0.6,
        ge=0,
        allow_inf_nan=False,
        description="Firing rate outside bursts. [Hz]",
        json_schema_extra={"unit": "Hz"},
    )

    tau_rise_s: float = Field(
        default=0.05,
        gt=0,
        allow_inf_nan=False,
        description="Rise time constant of the response to a spike. [s]",
        json_schema_extra={"unit": "s"},
    )

    tau_decay_s: float = Field(
        default=0.5,
        gt=0,
        allow_inf_nan=False,
        description="Decay time constant of the response to a spike. [s]",
        json_schema_extra={"unit": "s"},
    )

    brightness_cv: float = Field(
        default=0.3,
        ge=0,
        allow_inf_nan=False,
        description="Coefficient of variation of the cells' brightness (log-normal, mean 1).",
    )

    f0: float = Field(
        default=1.0,
        ge=0,
        allow_inf_nan=False,
        description="Fluorescence of a cell at rest; a single spike peaks at 1. [fluorescence units]",
        json_schema_extra={"unit": "fluorescence units"},
    )

    trace_noise: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Standard deviation of noise added to the traces; off unless asked for. [fluorescence units]",
        json_schema_extra={"unit": "fluorescence units"},
    )

    indicator: Literal["linear", "GCaMP6f", "GCaMP6s", "jGCaMP7f", "jGCaMP8f", "jGCaMP8m", "jGCaMP8s"] = Field(
        default="linear",
        description="\"linear\" = proportional to calcium, with the time constants given here; a named indicator brings its own, and saturates.",
        json_schema_extra={"since": "0.2"},
    )

    kinetics_cv: float = Field(
        default=0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Coefficient of variation of the cells' time constants (log-normal, mean 1).",
        json_schema_extra={"since": "0.2"},
    )

    synchrony: float = Field(
        default=0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of cells that belong to an assembly, whose members fire together now and then.",
        json_schema_extra={"since": "0.2"},
    )

    n_assemblies: int = Field(
        default=4,
        ge=1,
        le=4294967295,
        description="Number of assemblies.",
        json_schema_extra={"since": "0.2"},
    )

    assembly_rate_hz: float = Field(
        default=0.05,
        ge=0,
        allow_inf_nan=False,
        description="How often each assembly is active. [Hz]",
        json_schema_extra={"unit": "Hz", "since": "0.2"},
    )

    assembly_jitter_s: float = Field(
        default=0.05,
        ge=0,
        allow_inf_nan=False,
        description="Standard deviation of a member's delay in an event. [s]",
        json_schema_extra={"unit": "s", "since": "0.2"},
    )


class Bleaching(_ext.StepBase):
    """Bleaches the cells' indicator.

    Fields:
        bleach_susceptibility [1/s]: Bleaching rate per unit of emitted fluorescence. Default 6.3e-6.
        turnover_tau_s [s]: Time constant with which the cell replaces bleached indicator. Default 20000.0.
        excitation_intensity: Excitation power relative to the calibration. Default 1.0.

    """

    kind: Literal["bleaching"] = "bleaching"

    bleach_susceptibility: float = Field(
        default=6.3e-6,
        ge=0,
        allow_inf_nan=False,
        description="Bleaching rate per unit of emitted fluorescence. [1/s]",
        json_schema_extra={"unit": "1/s"},
    )

    turnover_tau_s: float = Field(
        default=20000.0,
        gt=0,
        allow_inf_nan=False,
        description="Time constant with which the cell replaces bleached indicator. [s]",
        json_schema_extra={"unit": "s"},
    )

    excitation_intensity: float = Field(
        default=1.0,
        ge=0,
        allow_inf_nan=False,
        description="Excitation power relative to the calibration.",
    )


class CellOptics(_ext.StepBase):
    """Blurs and dims each cell by its depth and focus. Its numbers are those of the acquisition."""

    kind: Literal["optics"] = "optics"


class FieldAberration(_ext.StepBase):
    """Smears cells off the optical axis, more along the radius than across it.

    Fields:
        radial_sigma_um [µm]: σ along the radius at the edge. Default 6.0.
        tangential_sigma_um [µm]: σ across the radius at the edge. Default 3.0.
        exponent: How abruptly it grows: 1 = coma, 2 = astigmatism. Default 2.0.
        edge_um [µm]: Distance of the edge from the optical axis; null = half the shorter side of the field of view. Default None.

    """

    kind: Literal["field_aberration"] = "field_aberration"

    radial_sigma_um: float = Field(
        default=6.0,
        ge=0,
        allow_inf_nan=False,
        description="σ along the radius at the edge. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    tangential_sigma_um: float = Field(
        default=3.0,
        ge=0,
        allow_inf_nan=False,
        description="σ across the radius at the edge. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    exponent: float = Field(
        default=2.0,
        gt=0,
        allow_inf_nan=False,
        description="How abruptly it grows: 1 = coma, 2 = astigmatism.",
    )

    edge_um: Optional[Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default=None,
        description="Distance of the edge from the optical axis; null = half the shorter side of the field of view. [µm]",
        json_schema_extra={"unit": "µm"},
    )


class AxialMotion(_ext.StepBase):
    """Moves the brain along the optical axis, into and out of focus.

    Fields:
        trajectory_um [µm]: Explicit shift of the focal surface into the tissue, frame by frame; overrides the model. Default None.
        stride_um [µm]: 99th percentile of the motion with the stride. Default 2.0.
        phase_lag_deg [deg]: How far the axial stride lags behind the drive of the lateral one. Default 90.0.
        breathing_um [µm]: 99th percentile of the motion with the breath. Default 0.5.
        drift_um [µm]: Standard deviation of the slow drift, once it has had time. Default 2.0.
        drift_tau_s [s]: Time constant of the slow drift. Default 300.0.
        linear_um_per_min [µm/min]: Steady drift into the tissue, as of a scope that warms up. Default 0.0.

    """

    kind: Literal["axial_motion"] = "axial_motion"

    trajectory_um: Optional[list[float]] = Field(
        default=None,
        description="Explicit shift of the focal surface into the tissue, frame by frame; overrides the model. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    stride_um: float = Field(
        default=2.0,
        ge=0,
        allow_inf_nan=False,
        description="99th percentile of the motion with the stride. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    phase_lag_deg: float = Field(
        default=90.0,
        allow_inf_nan=False,
        description="How far the axial stride lags behind the drive of the lateral one. [deg]",
        json_schema_extra={"unit": "deg"},
    )

    breathing_um: float = Field(
        default=0.5,
        ge=0,
        allow_inf_nan=False,
        description="99th percentile of the motion with the breath. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    drift_um: float = Field(
        default=2.0,
        ge=0,
        allow_inf_nan=False,
        description="Standard deviation of the slow drift, once it has had time. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    drift_tau_s: float = Field(
        default=300.0,
        gt=0,
        allow_inf_nan=False,
        description="Time constant of the slow drift. [s]",
        json_schema_extra={"unit": "s"},
    )

    linear_um_per_min: float = Field(
        default=0.0,
        allow_inf_nan=False,
        description="Steady drift into the tissue, as of a scope that warms up. [µm/min]",
        json_schema_extra={"unit": "µm/min"},
    )


class Composite(_ext.StepBase):
    """Adds the cells' light to the movie."""

    kind: Literal["composite"] = "composite"


class Neuropil(_ext.StepBase):
    """Adds a smooth, slow background glow.

    Fields:
        spatial_sigma_um [µm]: Low-pass σ of the maps: the size of the blobs. Default 40.0.
        temporal_tau_s [s]: Time constant of the glow's own fluctuation. Default 10.0.
        population_tau_s [s]: Time constant with which the glow follows the cells. Default 1.5.
        amplitude [fluorescence units]: Brightness. Default 0.5.
        n_components: Number of maps, each with its own time course. Default 3.
        population_coupling: Share of the time course that follows the cells' summed activity. Default 0.7.

    """

    kind: Literal["neuropil"] = "neuropil"

    spatial_sigma_um: float = Field(
        default=40.0,
        gt=0,
        allow_inf_nan=False,
        description="Low-pass σ of the maps: the size of the blobs. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    temporal_tau_s: float = Field(
        default=10.0,
        gt=0,
        allow_inf_nan=False,
        description="Time constant of the glow's own fluctuation. [s]",
        json_schema_extra={"unit": "s"},
    )

    population_tau_s: float = Field(
        default=1.5,
        gt=0,
        allow_inf_nan=False,
        description="Time constant with which the glow follows the cells. [s]",
        json_schema_extra={"unit": "s"},
    )

    amplitude: float = Field(
        default=0.5,
        gt=0,
        allow_inf_nan=False,
        description="Brightness. [fluorescence units]",
        json_schema_extra={"unit": "fluorescence units"},
    )

    n_components: int = Field(
        default=3,
        ge=1,
        le=4294967295,
        description="Number of maps, each with its own time course.",
    )

    population_coupling: float = Field(
        default=0.7,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the time course that follows the cells' summed activity.",
    )


class VesselLayer(_ext.PartBase):
    """One sheet of vessels at one depth.

    Fields:
        depth_um [µm]: Depth below the tissue surface. Default 30.0.
        n_roots: Vessels that enter the field. Default 4.
        root_radius_um [µm]: Radius of an entering vessel. Default 22.0.
        min_radius_um [µm]: Radius at which a branch ends. Default 2.0.
        opacity: Largest share of light that a vessel takes. Default 0.85.
        absorption_per_um [1/µm]: Absorption of blood per µm of path. Default 0.04.
        branch_prob: Chance per step that a branch splits. Default 0.2.
        tortuosity_deg [deg]: Standard deviation of the heading's drift per step. Default 8.0.
        branch_angle_deg [deg]: Angle between the children of a branch point. Default 30.0.
        branch_area_main: Share of the blood flow that the larger child keeps. Default 0.7.
        step_per_radius: Length of a step in radii. Default 1.5.

    """

    depth_um: float = Field(
        default=30.0,
        ge=0,
        allow_inf_nan=False,
        description="Depth below the tissue surface. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    n_roots: int = Field(
        default=4,
        ge=1,
        le=4294967295,
        description="Vessels that enter the field.",
    )

    root_radius_um: float = Field(
        default=22.0,
        gt=0,
        allow_inf_nan=False,
        description="Radius of an entering vessel. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    min_radius_um: float = Field(
        default=2.0,
        gt=0,
        allow_inf_nan=False,
        description="Radius at which a branch ends. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    opacity: float = Field(
        default=0.85,
        gt=0,
        le=1,
        allow_inf_nan=False,
        description="Largest share of light that a vessel takes.",
    )

    absorption_per_um: float = Field(
        default=0.04,
        gt=0,
        allow_inf_nan=False,
        description="Absorption of blood per µm of path. [1/µm]",
        json_schema_extra={"unit": "1/µm"},
    )

    branch_prob: float = Field(
        default=0.2,
        ge=0,
        lt=1,
        allow_inf_nan=False,
        description="Chance per step that a branch splits.",
    )

    tortuosity_deg: float = Field(
        default=8.0,
        ge=0,
        allow_inf_nan=False,
        description="Standard deviation of the heading's drift per step. [deg]",
        json_schema_extra={"unit": "deg"},
    )

    branch_angle_deg: float = Field(
        default=30.0,
        ge=0,
        allow_inf_nan=False,
        description="Angle between the children of a branch point. [deg]",
        json_schema_extra={"unit": "deg"},
    )

    branch_area_main: float = Field(
        default=0.7,
        gt=0.5,
        lt=1,
        allow_inf_nan=False,
        description="Share of the blood flow that the larger child keeps.",
    )

    step_per_radius: float = Field(
        default=1.5,
        gt=0,
        allow_inf_nan=False,
        description="Length of a step in radii.",
    )


class Haemodynamics(_ext.StepBase):
    """Lets blood fill and empty the tissue.

    Fields:
        depth_rms: Share of light that the blood of the capillary bed takes and gives back, RMS over the field of view and over time. Default 0.01.
        dilation_rms: Change of the vessels' radius relative to its mean, RMS over time. Default 0.04.
        bed_sigma_um [µm]: Low-pass σ of the capillary bed: the size of its denser and sparser patches. Default 60.0.
        vasomotion: Weight of vasomotion among the causes. Default 1.0.
        heartbeat: Weight of the heartbeat, before exposures average it. Default 0.4.
        activity: Weight of the response to the cells' activity. Default 0.8.
        running: Weight of the response to running. Default 0.4.
        vasomotion_hz [Hz]: Centre of vasomotion's band. Default 0.1.
        heartbeat_hz [Hz]: Mean heart rate. Default 11.0.
        response_peak_s [s]: Time after which the blood's response to activity and running is largest. Default 1.5.

    """

    kind: Literal["haemodynamics"] = "haemodynamics"

    depth_rms: float = Field(
        default=0.01,
        ge=0,
        allow_inf_nan=False,
        description="Share of light that the blood of the capillary bed takes and gives back, RMS over the field of view and over time.",
    )

    dilation_rms: float = Field(
        default=0.04,
        ge=0,
        allow_inf_nan=False,
        description="Change of the vessels' radius relative to its mean, RMS over time.",
    )

    bed_sigma_um: float = Field(
        default=60.0,
        gt=0,
        allow_inf_nan=False,
        description="Low-pass σ of the capillary bed: the size of its denser and sparser patches. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    vasomotion: float = Field(
        default=1.0,
        ge=0,
        allow_inf_nan=False,
        description="Weight of vasomotion among the causes.",
    )

    heartbeat: float = Field(
        default=0.4,
        ge=0,
        allow_inf_nan=False,
        description="Weight of the heartbeat, before exposures average it.",
    )

    activity: float = Field(
        default=0.8,
        ge=0,
        allow_inf_nan=False,
        description="Weight of the response to the cells' activity.",
    )

    running: float = Field(
        default=0.4,
        ge=0,
        allow_inf_nan=False,
        description="Weight of the response to running.",
    )

    vasomotion_hz: float = Field(
        default=0.1,
        gt=0,
        allow_inf_nan=False,
        description="Centre of vasomotion's band. [Hz]",
        json_schema_extra={"unit": "Hz"},
    )

    heartbeat_hz: float = Field(
        default=11.0,
        gt=0,
        allow_inf_nan=False,
        description="Mean heart rate. [Hz]",
        json_schema_extra={"unit": "Hz"},
    )

    response_peak_s: float = Field(
        default=1.5,
        gt=0,
        allow_inf_nan=False,
        description="Time after which the blood's response to activity and running is largest. [s]",
        json_schema_extra={"unit": "s"},
    )


class BrainMotion(_ext.StepBase):
    """Moves the brain under the scope.

    Fields:
        model: "physical" = a driven damped oscillator, "walk" = a random walk. Default "physical".
        trajectory_um [µm]: Explicit displacement (dy, dx) of every frame; overrides the model. Default None.
        max_shift_um [µm]: Largest displacement of the models. Default 15.0.
        locomotion_freq_hz [Hz]: Stride frequency (physical). Default 7.0.
        motion_amplitude_um [µm]: 99th percentile of the displacement (physical). Default 10.0.
        locomotion_axis: Axis of the stride (physical). Default "y".
        resonance_freq_hz [Hz]: Resonance frequency of the brain in the skull (physical). Default 6.0.
        damping_ratio: Damping ratio of that resonance (physical). Default 0.5.
        locomotion_fraction: Share of the motion that is stride; the rest is sloshing (physical). Default 0.25.
        walk_step_um [µm]: Standard deviation of a step per axis and frame (walk). Default 0.3.

    """

    kind: Literal["brain_motion"] = "brain_motion"

    model: Literal["physical", "walk"] = Field(
        default="physical",
        description="\"physical\" = a driven damped oscillator, \"walk\" = a random walk.",
    )

    trajectory_um: Optional[list[tuple[float, float]]] = Field(
        default=None,
        description="Explicit displacement (dy, dx) of every frame; overrides the model. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    max_shift_um: float = Field(
        default=15.0,
        gt=0,
        allow_inf_nan=False,
        description="Largest displacement of the models. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    locomotion_freq_hz: float = Field(
        default=7.0,
        gt=0,
        allow_inf_nan=False,
        description="Stride frequency (physical). [Hz]",
        json_schema_extra={"unit": "Hz"},
    )

    motion_amplitude_um: float = Field(
        default=10.0,
        gt=0,
        allow_inf_nan=False,
        description="99th percentile of the displacement (physical). [µm]",
        json_schema_extra={"unit": "µm"},
    )

    locomotion_axis: Literal["y", "x"] = Field(
        default="y",
        description="Axis of the stride (physical).",
    )

    resonance_freq_hz: float = Field(
        default=6.0,
        gt=0,
        allow_inf_nan=False,
        description="Resonance frequency of the brain in the skull (physical). [Hz]",
        json_schema_extra={"unit": "Hz"},
    )

    damping_ratio: float = Field(
        default=0.5,
        gt=0,
        allow_inf_nan=False,
        description="Damping ratio of that resonance (physical).",
    )

    locomotion_fraction: float = Field(
        default=0.25,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the motion that is stride; the rest is sloshing (physical).",
    )

    walk_step_um: float = Field(
        default=0.3,
        ge=0,
        allow_inf_nan=False,
        description="Standard deviation of a step per axis and frame (walk). [µm]",
        json_schema_extra={"unit": "µm"},
    )


class TissueDeformation(_ext.StepBase):
    """Deforms and turns the brain under the scope.

    Fields:
        amplitude_um [µm]: RMS displacement by deformation. Default 1.5.
        spatial_sigma_um [µm]: How smooth the deformation is: σ of its fields. Default 150.0.
        n_modes: Number of displacement fields, each with its own time course. Default 4.
        rotation_deg [°]: 99th percentile of the angle that the brain is turned by about the optical axis. Default 0.3.
        locomotion_fraction: Share of the time courses that is stride; the rest is red noise. Default 0.25.
        tau_s [s]: Time constant of the red noise. Default 1.0.
        max_displacement_um [µm]: Largest displacement of any pixel by deformation and rotation, which the canvas has room for. Default 15.0.

    """

    kind: Literal["tissue_deformation"] = "tissue_deformation"

    amplitude_um: float = Field(
        default=1.5,
        gt=0,
        allow_inf_nan=False,
        description="RMS displacement by deformation. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    spatial_sigma_um: float = Field(
        default=150.0,
        gt=0,
        allow_inf_nan=False,
        description="How smooth the deformation is: σ of its fields. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    n_modes: int = Field(
        default=4,
        ge=1,
        le=4294967295,
        description="Number of displacement fields, each with its own time course.",
    )

    rotation_deg: float = Field(
        default=0.3,
        ge=0,
        allow_inf_nan=False,
        description="99th percentile of the angle that the brain is turned by about the optical axis. [°]",
        json_schema_extra={"unit": "°"},
    )

    locomotion_fraction: float = Field(
        default=0.25,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of the time courses that is stride; the rest is red noise.",
    )

    tau_s: float = Field(
        default=1.0,
        gt=0,
        allow_inf_nan=False,
        description="Time constant of the red noise. [s]",
        json_schema_extra={"unit": "s"},
    )

    max_displacement_um: float = Field(
        default=15.0,
        gt=0,
        allow_inf_nan=False,
        description="Largest displacement of any pixel by deformation and rotation, which the canvas has room for. [µm]",
        json_schema_extra={"unit": "µm"},
    )


class IlluminationProfile(_ext.StepBase):
    """Dims the excitation towards the edges.

    Fields:
        falloff: Excitation at the farthest corner, relative to the centre; 1 = even. Default 0.7.
        exponent: How abruptly it falls: 2 = parabola. Default 2.0.
        center_offset_um [µm]: Centre of the light (y, x) from the optical axis. Default (0.0, 0.0,).

    """

    kind: Literal["illumination_profile"] = "illumination_profile"

    falloff: float = Field(
        default=0.7,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Excitation at the farthest corner, relative to the centre; 1 = even.",
    )

    exponent: float = Field(
        default=2.0,
        gt=0,
        allow_inf_nan=False,
        description="How abruptly it falls: 2 = parabola.",
    )

    center_offset_um: tuple[float, float] = Field(
        default=(0.0, 0.0,),
        description="Centre of the light (y, x) from the optical axis. [µm]",
        json_schema_extra={"unit": "µm"},
    )


class Vignette(_ext.StepBase):
    """Dims the collected light towards the edges.

    Fields:
        falloff: Collected light at the farthest corner, relative to the centre; 1 = even. Default 0.5.
        exponent: How abruptly it falls: 2 = parabola. Default 2.0.
        center_offset_um [µm]: Centre of the lens (y, x) from the optical axis. Default (0.0, 0.0,).

    """

    kind: Literal["vignette"] = "vignette"

    falloff: float = Field(
        default=0.5,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Collected light at the farthest corner, relative to the centre; 1 = even.",
    )

    exponent: float = Field(
        default=2.0,
        gt=0,
        allow_inf_nan=False,
        description="How abruptly it falls: 2 = parabola.",
    )

    center_offset_um: tuple[float, float] = Field(
        default=(0.0, 0.0,),
        description="Centre of the lens (y, x) from the optical axis. [µm]",
        json_schema_extra={"unit": "µm"},
    )


class RelayEdge(_ext.StepBase):
    """Cuts the image at the rim of a relay lens.

    Fields:
        radius_um [µm]: Radius of the lens; null = nine tenths of half the shorter side of the field of view. Default None.
        outside: Share of light that is left beyond the rim. Default 0.0.
        width_um [µm]: Width of the rim. Default 5.0.
        center_offset_um [µm]: Centre of the lens (y, x) from the optical axis. Default (0.0, 0.0,).

    """

    kind: Literal["relay_edge"] = "relay_edge"

    radius_um: Optional[Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default=None,
        description="Radius of the lens; null = nine tenths of half the shorter side of the field of view. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    outside: float = Field(
        default=0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of light that is left beyond the rim.",
    )

    width_um: float = Field(
        default=5.0,
        ge=0,
        allow_inf_nan=False,
        description="Width of the rim. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    center_offset_um: tuple[float, float] = Field(
        default=(0.0, 0.0,),
        description="Centre of the lens (y, x) from the optical axis. [µm]",
        json_schema_extra={"unit": "µm"},
    )


class Leakage(_ext.StepBase):
    """Adds a constant glow of the scope itself.

    Fields:
        profile: "uniform" = everywhere alike, "gaussian" = brightest in the centre. Default "gaussian".
        level [fluorescence units]: Brightness at the centre. Default 0.1.
        sigma_um [µm]: Width of the Gaussian; null = a quarter of the smaller side of the field of view. Default None.

    """

    kind: Literal["leakage"] = "leakage"

    profile: Literal["uniform", "gaussian"] = Field(
        default="gaussian",
        description="\"uniform\" = everywhere alike, \"gaussian\" = brightest in the centre.",
    )

    level: float = Field(
        default=0.1,
        ge=0,
        allow_inf_nan=False,
        description="Brightness at the centre. [fluorescence units]",
        json_schema_extra={"unit": "fluorescence units"},
    )

    sigma_um: Optional[Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default=None,
        description="Width of the Gaussian; null = a quarter of the smaller side of the field of view. [µm]",
        json_schema_extra={"unit": "µm"},
    )


class Led(_ext.StepBase):
    """Lets the power of the LED vary.

    Fields:
        warm_up_loss: Share of the power that is lost by warming up. Default 0.03.
        warm_up_tau_s [s]: Time constant of warming up. Default 120.0.
        flicker_depth: Flicker: amplitude relative to the mean power. Default 0.0.
        flicker_hz [Hz]: Flicker: frequency; averaged over the exposure. Default 100.0.
        noise_rms: Standard deviation of the power from frame to frame, relative to the mean power. Default 0.0.
        power_steps: Switched power: (time in s, factor from then on), in ascending order of time; 1 before the first.

    """

    kind: Literal["led"] = "led"

    warm_up_loss: float = Field(
        default=0.03,
        ge=0,
        lt=1,
        allow_inf_nan=False,
        description="Share of the power that is lost by warming up.",
    )

    warm_up_tau_s: float = Field(
        default=120.0,
        gt=0,
        allow_inf_nan=False,
        description="Time constant of warming up. [s]",
        json_schema_extra={"unit": "s"},
    )

    flicker_depth: float = Field(
        default=0.0,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Flicker: amplitude relative to the mean power.",
    )

    flicker_hz: float = Field(
        default=100.0,
        gt=0,
        allow_inf_nan=False,
        description="Flicker: frequency; averaged over the exposure. [Hz]",
        json_schema_extra={"unit": "Hz"},
    )

    noise_rms: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Standard deviation of the power from frame to frame, relative to the mean power.",
    )

    power_steps: list[tuple[float, float]] = Field(
        default_factory=list,
        description="Switched power: (time in s, factor from then on), in ascending order of time; 1 before the first.",
    )


class Sensor(_ext.StepBase):
    """Turns light into counts. The sensor's own numbers are those of the acquisition.

    Fields:
        photons_per_unit [photons]: Photons per fluorescence unit, pixel and frame: exposure and excitation power in one number. Default 100.0.

    """

    kind: Literal["sensor"] = "sensor"

    photons_per_unit: float = Field(
        default=100.0,
        gt=0,
        allow_inf_nan=False,
        description="Photons per fluorescence unit, pixel and frame: exposure and excitation power in one number. [photons]",
        json_schema_extra={"unit": "photons"},
    )


class AcquisitionFaults(_ext.StepBase):
    """Loses, repeats and damages frames on their way to the disk, and stamps them with the recording computer's clock.

    Fields:
        lost_rate: Share of exposures of which no frame is stored. Default 0.003.
        burst_frames [frame]: Mean length of a run of lost frames. Default 1.3.
        repeated_rate: Share of stored frames that show again what the frame before showed. Default 0.0005.
        torn_rate: Share of stored frames whose lower rows are of the exposure before. Default 0.0005.
        broken_rate: Share of stored frames with a block of rows that is displaced or zero. Default 0.0002.
        broken_rows [px]: Most rows of a broken block. Default 32.
        clip_frames [frame]: Stored frames of a clip. Default 1000.
        clip_step: Standard deviation of the logarithm of a clip's brightness; the first clip keeps its own. Default 0.0.
        jitter_ms [ms]: Standard deviation of a time stamp. Default 1.0.
        clock_drift_ppm [ppm]: How much faster than the camera's the recording computer's clock runs. Default 20.0.

    """

    kind: Literal["acquisition_faults"] = "acquisition_faults"

    lost_rate: float = Field(
        default=0.003,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of exposures of which no frame is stored.",
    )

    burst_frames: float = Field(
        default=1.3,
        gt=0,
        allow_inf_nan=False,
        description="Mean length of a run of lost frames. [frame]",
        json_schema_extra={"unit": "frame"},
    )

    repeated_rate: float = Field(
        default=0.0005,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of stored frames that show again what the frame before showed.",
    )

    torn_rate: float = Field(
        default=0.0005,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of stored frames whose lower rows are of the exposure before.",
    )

    broken_rate: float = Field(
        default=0.0002,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share of stored frames with a block of rows that is displaced or zero.",
    )

    broken_rows: int = Field(
        default=32,
        ge=1,
        le=4294967295,
        description="Most rows of a broken block. [px]",
        json_schema_extra={"unit": "px"},
    )

    clip_frames: int = Field(
        default=1000,
        ge=1,
        le=4294967295,
        description="Stored frames of a clip. [frame]",
        json_schema_extra={"unit": "frame"},
    )

    clip_step: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Standard deviation of the logarithm of a clip's brightness; the first clip keeps its own.",
    )

    jitter_ms: float = Field(
        default=1.0,
        ge=0,
        allow_inf_nan=False,
        description="Standard deviation of a time stamp. [ms]",
        json_schema_extra={"unit": "ms"},
    )

    clock_drift_ppm: float = Field(
        default=20.0,
        allow_inf_nan=False,
        description="How much faster than the camera's the recording computer's clock runs. [ppm]",
        json_schema_extra={"unit": "ppm"},
    )


class Output(_ext.Base):
    """What is stored.

    Fields:
        save_intermediates: Keep the movie after every movie step. Default False.
        store_dtype: The container of the stored counts; never a rescaling. Whole-number types need a sensor step and must hold its bits. Default "float32".

    """

    save_intermediates: bool = Field(
        default=False,
        description="Keep the movie after every movie step.",
    )

    store_dtype: Literal["float32", "float64", "uint8", "uint16"] = Field(
        default="float32",
        description="The container of the stored counts; never a rescaling. Whole-number types need a sensor step and must hold its bits.",
    )


class Acquisition(_ext.AcquisitionExt):
    """How the recording is taken.

    Fields:
        optics: The objective.
        image_sensor: The image sensor.
        tissue: The tissue.
        fps [Hz]: Frames per second. Default 20.0.
        duration_s [s]: Length of the recording. Default 150.0.
        focal_depth_in_tissue_um [µm]: Depth of the focal plane below the tissue surface; "auto" = where most cells are detectable. Default "auto".
        front_working_distance_um [µm]: Working distance of the scope, recorded for surgery planning; changes nothing in the image. Default None.

    """

    optics: Optics = Field(
        default_factory=Optics,
        description="The objective.",
    )

    image_sensor: ImageSensor = Field(
        default_factory=ImageSensor,
        description="The image sensor.",
    )

    tissue: Tissue = Field(
        default_factory=Tissue,
        description="The tissue.",
    )

    fps: float = Field(
        default=20.0,
        gt=0,
        allow_inf_nan=False,
        description="Frames per second. [Hz]",
        json_schema_extra={"unit": "Hz"},
    )

    duration_s: float = Field(
        default=150.0,
        gt=0,
        allow_inf_nan=False,
        description="Length of the recording. [s]",
        json_schema_extra={"unit": "s"},
    )

    focal_depth_in_tissue_um: Union[Literal["auto"], Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field(
        default="auto",
        description="Depth of the focal plane below the tissue surface; \"auto\" = where most cells are detectable. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    front_working_distance_um: Optional[Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default=None,
        description="Working distance of the scope, recorded for surgery planning; changes nothing in the image. [µm]",
        json_schema_extra={"unit": "µm"},
    )


class PlaceNeurons(_ext.PlaceNeuronsExt):
    """Places cells: one population described by the fields here, or several in `populations`.

    Fields:
        density_per_mm3 [1/mm³]: Cells per mm³ of tissue. Default 25000.0.
        soma_radius_um [µm]: Radius of the cell body. Default 7.0.
        irregularity: How much the outline wobbles, as a share of the radius; 0 = a disk. Default 0.3.
        morphology: "soma" = body only, "cytosolic" = with proximal dendrites. Default "soma".
        dendrite_length_um [µm]: Nominal reach of a dendrite (cytosolic). Default 24.0.
        dendrite_width_um [µm]: Diameter of a dendrite at its base (cytosolic); it tapers to a thread. Default 3.0.
        depth_range_um [µm]: Smallest and largest depth of a centre below the tissue surface. Default (0.0, 200.0,).
        min_distance_um [µm]: Smallest distance between two centres of the population; 0 = none. Default 0.0.
        positions_um [µm]: Explicit centres (z, y, x); density, depth range and distance are then ignored. Default None.
        populations: Several populations, instead of the one described by the other fields. Default None.

    """

    density_per_mm3: float = Field(
        default=25000.0,
        gt=0,
        allow_inf_nan=False,
        description="Cells per mm³ of tissue. [1/mm³]",
        json_schema_extra={"unit": "1/mm³"},
    )

    soma_radius_um: float = Field(
        default=7.0,
        gt=0,
        allow_inf_nan=False,
        description="Radius of the cell body. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    irregularity: float = Field(
        default=0.3,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="How much the outline wobbles, as a share of the radius; 0 = a disk.",
    )

    morphology: Literal["soma", "cytosolic"] = Field(
        default="soma",
        description="\"soma\" = body only, \"cytosolic\" = with proximal dendrites.",
    )

    dendrite_length_um: float = Field(
        default=24.0,
        gt=0,
        allow_inf_nan=False,
        description="Nominal reach of a dendrite (cytosolic). [µm]",
        json_schema_extra={"unit": "µm"},
    )

    dendrite_width_um: float = Field(
        default=3.0,
        gt=0,
        allow_inf_nan=False,
        description="Diameter of a dendrite at its base (cytosolic); it tapers to a thread. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    depth_range_um: tuple[float, float] = Field(
        default=(0.0, 200.0,),
        description="Smallest and largest depth of a centre below the tissue surface. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    min_distance_um: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="Smallest distance between two centres of the population; 0 = none. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    positions_um: Optional[list[tuple[float, float, float]]] = Field(
        default=None,
        description="Explicit centres (z, y, x); density, depth range and distance are then ignored. [µm]",
        json_schema_extra={"unit": "µm"},
    )

    kind: Literal["place_neurons"] = "place_neurons"

    populations: Optional[list[NeuronPopulation]] = Field(
        default=None,
        description="Several populations, instead of the one described by the other fields.",
    )


class Vasculature(_ext.StepBase):
    """Casts the shadows of blood vessels.

    Fields:
        enabled: Whether the vessels are there. Default False.
        layers: The sheets of vessels; an empty list = none.

    """

    kind: Literal["vasculature"] = "vasculature"

    enabled: bool = Field(
        default=False,
        description="Whether the vessels are there.",
    )

    layers: list[VesselLayer] = Field(
        default_factory=list,
        description="The sheets of vessels; an empty list = none.",
    )


AnyStep = Annotated[
    Union[
        PlaceNeurons,
        CellActivity,
        Bleaching,
        CellOptics,
        FieldAberration,
        AxialMotion,
        Composite,
        Neuropil,
        Vasculature,
        Haemodynamics,
        BrainMotion,
        TissueDeformation,
        IlluminationProfile,
        Vignette,
        RelayEdge,
        Leakage,
        Led,
        Sensor,
        AcquisitionFaults,
    ],
    Field(discriminator="kind"),
]

#: Kinds of step, in the order of light.
KINDS: tuple[str, ...] = ("place_neurons", "cell_activity", "bleaching", "optics", "field_aberration", "axial_motion", "composite", "neuropil", "vasculature", "haemodynamics", "brain_motion", "tissue_deformation", "illumination_profile", "vignette", "relay_edge", "leakage", "led", "sensor", "acquisition_faults",)


class Spec(_ext.SpecExt):
    """A recording to simulate: how it is taken, from which seed, with which effects.

    Fields:
        acquisition: How the recording is taken.
        seed: Seed of all randomness. Default 42.
        steps: The effects. They act in the order of the forward chain, whatever the order of the list; each kind at most once; an effect that is not listed is absent.
        output: What is stored.

    """

    acquisition: Acquisition = Field(
        default_factory=Acquisition,
        description="How the recording is taken.",
    )

    seed: int = Field(
        default=42,
        ge=0,
        le=18446744073709551615,
        description="Seed of all randomness.",
    )

    steps: list[AnyStep] = Field(
        description="The effects. They act in the order of the forward chain, whatever the order of the list; each kind at most once; an effect that is not listed is absent.",
    )

    output: Output = Field(
        default_factory=Output,
        description="What is stored.",
    )


__all__ = [
    "Acquisition",
    "AcquisitionFaults",
    "AnyStep",
    "AxialMotion",
    "Bleaching",
    "BrainMotion",
    "CellActivity",
    "CellOptics",
    "Composite",
    "FieldAberration",
    "Haemodynamics",
    "IlluminationProfile",
    "ImageSensor",
    "Leakage",
    "Led",
    "NeuronPopulation",
    "Neuropil",
    "Optics",
    "Output",
    "PlaceNeurons",
    "RelayEdge",
    "Sensor",
    "Spec",
    "Tissue",
    "TissueDeformation",
    "Vasculature",
    "VesselLayer",
    "Vignette",
]
