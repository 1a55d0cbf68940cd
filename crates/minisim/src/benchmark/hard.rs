//! `hard-1`: what makes real films hard, one effect at a time, usual and strong, and all together.

use super::{
    Change::{Set, Step},
    Level,
};

/// A sixth is bleached in the first minute of a cell that is always bright.
const BLEACHING: &str = r#"{"kind": "bleaching", "bleach_susceptibility": 0.003, "turnover_tau_s": 20000.0,
    "excitation_intensity": 1.0}"#;
const AXIAL: &str = r#"{"kind": "axial_motion", "stride_um": 2.0, "phase_lag_deg": 90.0, "breathing_um": 0.5, "drift_um": 2.0,
    "drift_tau_s": 300.0, "linear_um_per_min": 0.0}"#;
const AXIAL_STRONG: &str = r#"{"kind": "axial_motion", "stride_um": 6.0, "phase_lag_deg": 90.0, "breathing_um": 1.5,
    "drift_um": 6.0, "drift_tau_s": 300.0, "linear_um_per_min": 1.0}"#;
const DEFORMATION: &str = r#"{"kind": "tissue_deformation", "amplitude_um": 1.5, "spatial_sigma_um": 150.0, "n_modes": 4,
    "rotation_deg": 0.3, "locomotion_fraction": 0.25, "tau_s": 1.0, "max_displacement_um": 15.0}"#;
const DEFORMATION_STRONG: &str = r#"{"kind": "tissue_deformation", "amplitude_um": 4.0, "spatial_sigma_um": 150.0, "n_modes": 4,
    "rotation_deg": 1.0, "locomotion_fraction": 0.25, "tau_s": 1.0, "max_displacement_um": 30.0}"#;
const BLOOD: &str = r#"{"kind": "haemodynamics", "depth_rms": 0.01, "dilation_rms": 0.04, "bed_sigma_um": 60.0, "vasomotion": 1.0,
    "heartbeat": 0.4, "activity": 0.8, "running": 0.4, "vasomotion_hz": 0.1, "heartbeat_hz": 11.0, "response_peak_s": 1.5}"#;
const BLOOD_STRONG: &str = r#"{"kind": "haemodynamics", "depth_rms": 0.03, "dilation_rms": 0.08, "bed_sigma_um": 60.0,
    "vasomotion": 1.0, "heartbeat": 0.4, "activity": 0.8, "running": 0.4, "vasomotion_hz": 0.1, "heartbeat_hz": 11.0,
    "response_peak_s": 1.5}"#;
const LAMP: &str = r#"{"kind": "led", "warm_up_loss": 0.03, "warm_up_tau_s": 120.0, "flicker_depth": 0.005, "flicker_hz": 1.3,
    "noise_rms": 0.002, "power_steps": []}"#;
/// A lamp that flickers, and is turned down and up again.
const LAMP_STRONG: &str = r#"{"kind": "led", "warm_up_loss": 0.1, "warm_up_tau_s": 60.0, "flicker_depth": 0.02, "flicker_hz": 1.3,
    "noise_rms": 0.01, "power_steps": [[20.0, 0.8], [40.0, 1.0]]}"#;
const FAULTS: &str = r#"{"kind": "acquisition_faults", "lost_rate": 0.003, "burst_frames": 1.3, "repeated_rate": 0.0005,
    "torn_rate": 0.0005, "broken_rate": 0.0002, "broken_rows": 32, "clip_frames": 1000, "clip_step": 0.0, "jitter_ms": 1.0,
    "clock_drift_ppm": 20.0}"#;
/// A cable that is about to break.
const FAULTS_STRONG: &str = r#"{"kind": "acquisition_faults", "lost_rate": 0.03, "burst_frames": 4.0, "repeated_rate": 0.005,
    "torn_rate": 0.01, "broken_rate": 0.005, "broken_rows": 64, "clip_frames": 1000, "clip_step": 0.05, "jitter_ms": 5.0,
    "clock_drift_ppm": 100.0}"#;
/// A camera as the Miniscope V4's: a converter of 10 bits of which 8 are kept, with an offset; as many counts an electron as the
/// base has.
const CAMERA: &str = r#"{"n_px_height": 608, "n_px_width": 608, "pixel_pitch_um": 4.8, "quantum_efficiency": 0.7,
    "read_noise_e": 2.0, "gain_adu_per_e": 2.0, "bit_depth": 8, "analog_gain": 1.0, "adc_bits": 10, "companding": "shift",
    "black_level_adu": 20.0, "full_well_e": 10000.0, "linearity_error_percent": 0.1, "dark_current_e_per_s": 20.0,
    "temperature_c": 30.0, "dsnu_pixel_e": 2.0, "dsnu_column_e": 1.5, "dsnu_row_e": 0.5, "prnu_pixel_percent": 1.0,
    "prnu_smooth_percent": 1.0, "hot_pixel_share": 0.0005, "hot_pixel_e_per_s": 1000.0, "hot_pixel_spread": 1.0,
    "dead_pixel_share": 0.0001, "row_noise_e": 0.5, "column_noise_e": 0.3, "pattern_seed": 1}"#;
/// A worn one, and warm.
const CAMERA_STRONG: &str = r#"{"n_px_height": 608, "n_px_width": 608, "pixel_pitch_um": 4.8, "quantum_efficiency": 0.7,
    "read_noise_e": 4.0, "gain_adu_per_e": 2.0, "bit_depth": 8, "analog_gain": 1.0, "adc_bits": 10, "companding": "shift",
    "black_level_adu": 20.0, "full_well_e": 10000.0, "linearity_error_percent": 0.3, "dark_current_e_per_s": 60.0,
    "temperature_c": 40.0, "dsnu_pixel_e": 8.0, "dsnu_column_e": 6.0, "dsnu_row_e": 3.0, "prnu_pixel_percent": 3.0,
    "prnu_smooth_percent": 3.0, "hot_pixel_share": 0.003, "hot_pixel_e_per_s": 1000.0, "hot_pixel_spread": 1.5,
    "dead_pixel_share": 0.001, "row_noise_e": 2.0, "column_noise_e": 1.0, "pattern_seed": 1}"#;
const SENSOR: &str = "acquisition.image_sensor";
const INDICATOR: &str = "steps.cell_activity.indicator";
const KINETICS: &str = "steps.cell_activity.kinetics_cv";
const SYNCHRONY: &str = "steps.cell_activity.synchrony";

pub(super) const LEVELS: &[Level] = &[
    Level { name: "base", factor: "base", level: 1.0, changes: &[] },
    Level { name: "bleaching", factor: "bleaching", level: 1.0, changes: &[Step(BLEACHING)] },
    Level { name: "axial", factor: "axial motion", level: 1.0, changes: &[Step(AXIAL)] },
    Level { name: "axial-strong", factor: "axial motion", level: 2.0, changes: &[Step(AXIAL_STRONG)] },
    Level { name: "deformation", factor: "deformation", level: 1.0, changes: &[Step(DEFORMATION)] },
    Level { name: "deformation-strong", factor: "deformation", level: 2.0, changes: &[Step(DEFORMATION_STRONG)] },
    Level { name: "blood", factor: "blood", level: 1.0, changes: &[Step(BLOOD)] },
    Level { name: "blood-strong", factor: "blood", level: 2.0, changes: &[Step(BLOOD_STRONG)] },
    Level { name: "lamp", factor: "lamp", level: 1.0, changes: &[Step(LAMP)] },
    Level { name: "lamp-strong", factor: "lamp", level: 2.0, changes: &[Step(LAMP_STRONG)] },
    Level {
        name: "gcamp6f",
        factor: "indicator",
        level: 1.0,
        changes: &[Set(INDICATOR, "\"GCaMP6f\""), Set(KINETICS, "0.2")],
    },
    Level {
        name: "gcamp6s",
        factor: "indicator",
        level: 2.0,
        changes: &[Set(INDICATOR, "\"GCaMP6s\""), Set(KINETICS, "0.2")],
    },
    Level { name: "synchrony-0.3", factor: "synchrony", level: 0.3, changes: &[Set(SYNCHRONY, "0.3")] },
    Level { name: "synchrony-0.8", factor: "synchrony", level: 0.8, changes: &[Set(SYNCHRONY, "0.8")] },
    Level { name: "camera", factor: "camera", level: 1.0, changes: &[Set(SENSOR, CAMERA)] },
    Level { name: "camera-strong", factor: "camera", level: 2.0, changes: &[Set(SENSOR, CAMERA_STRONG)] },
    Level { name: "faults", factor: "faults", level: 1.0, changes: &[Step(FAULTS)] },
    Level { name: "faults-strong", factor: "faults", level: 2.0, changes: &[Step(FAULTS_STRONG)] },
    Level {
        name: "all",
        factor: "all",
        level: 1.0,
        changes: &[
            Step(BLEACHING),
            Step(AXIAL),
            Step(DEFORMATION),
            Step(BLOOD),
            Step(LAMP),
            Step(FAULTS),
            Set(SENSOR, CAMERA),
            Set(INDICATOR, "\"GCaMP6f\""),
            Set(KINETICS, "0.2"),
            Set(SYNCHRONY, "0.2"),
        ],
    },
    Level {
        name: "all-strong",
        factor: "all",
        level: 2.0,
        changes: &[
            Step(BLEACHING),
            Step(AXIAL_STRONG),
            Step(DEFORMATION_STRONG),
            Step(BLOOD_STRONG),
            Step(LAMP_STRONG),
            Step(FAULTS_STRONG),
            Set(SENSOR, CAMERA_STRONG),
            Set(INDICATOR, "\"GCaMP6f\""),
            Set(KINETICS, "0.2"),
            Set(SYNCHRONY, "0.2"),
        ],
    },
];
