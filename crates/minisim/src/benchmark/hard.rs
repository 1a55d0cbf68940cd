//! `hard-1`: what makes real films hard, one effect at a time, usual and strong, and all together.

use super::{
    Change::{Set, Step},
    Level,
};

const BLEACHING: &str = r#"{"kind": "bleaching"}"#;
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
            Set(INDICATOR, "\"GCaMP6f\""),
            Set(KINETICS, "0.2"),
            Set(SYNCHRONY, "0.2"),
        ],
    },
];
