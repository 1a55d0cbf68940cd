//! `standard-1`: each recording one factor away from the base. Three of the base, which differ by their seed, say how far apart
//! recordings are by chance.

use super::{
    Change::{Set, Without},
    Level,
};

const DENSITY: &str = "steps.place_neurons.populations.0.density_per_mm3";
const LIGHT: &str = "steps.sensor.photons_per_unit";
const AMPLITUDE: &str = "steps.brain_motion.motion_amplitude_um";
const MOST: &str = "steps.brain_motion.max_shift_um";
const HAZE: &str = "steps.neuropil.amplitude";

/// Cells of layer 2/3, as the preset `v4-cortex-l23` has them.
const CORTEX: &str = r#"[{"density_per_mm3": 8000.0, "soma_radius_um": 6.0, "irregularity": 0.3, "morphology": "cytosolic",
    "dendrite_length_um": 24.0, "dendrite_width_um": 3.0, "depth_range_um": [100.0, 200.0], "min_distance_um": 0.0,
    "positions_um": null}]"#;
/// Vessels of the cortex's surface.
const CORTEX_VESSELS: &str = r#"[{"depth_um": 80.0, "n_roots": 2, "root_radius_um": 25.0, "min_radius_um": 2.0, "opacity": 0.9,
    "absorption_per_um": 0.04, "branch_prob": 0.15, "tortuosity_deg": 5.0, "branch_angle_deg": 30.0, "branch_area_main": 0.7,
    "step_per_radius": 1.5}]"#;

pub(super) const LEVELS: &[Level] = &[
    Level { name: "base-1", factor: "base", level: 1.0, changes: &[] },
    Level { name: "base-2", factor: "base", level: 2.0, changes: &[Set("seed", "2")] },
    Level { name: "base-3", factor: "base", level: 3.0, changes: &[Set("seed", "3")] },
    // Sharper (NA 0.45, 0.96 µm a pixel), and nothing that shades or glows.
    Level {
        name: "scope-sharp",
        factor: "scope",
        level: 1.0,
        changes: &[
            Set("acquisition.optics.na", "0.45"),
            Set("acquisition.optics.magnification", "5.0"),
            Set("acquisition.optics.field_curvature_radius_um", "null"),
            Without("illumination_profile"),
            Without("vignette"),
            Without("leakage"),
        ],
    },
    // Twice the field on each side: 3.3 µm a pixel, as a film has that was binned 2 × 2.
    Level {
        name: "scope-wide",
        factor: "scope",
        level: 2.0,
        changes: &[Set("acquisition.optics.magnification", "1.45")],
    },
    Level {
        name: "region-cortex",
        factor: "region",
        level: 1.0,
        changes: &[
            Set("steps.place_neurons.populations", CORTEX),
            Set("steps.vasculature.layers", CORTEX_VESSELS),
            Set(HAZE, "0.6"),
        ],
    },
    Level { name: "density-5000", factor: "density", level: 5e3, changes: &[Set(DENSITY, "5000.0")] },
    Level { name: "density-10000", factor: "density", level: 1e4, changes: &[Set(DENSITY, "10000.0")] },
    Level { name: "density-20000", factor: "density", level: 2e4, changes: &[Set(DENSITY, "20000.0")] },
    Level { name: "density-70000", factor: "density", level: 7e4, changes: &[Set(DENSITY, "70000.0")] },
    Level { name: "density-100000", factor: "density", level: 1e5, changes: &[Set(DENSITY, "100000.0")] },
    Level { name: "light-40", factor: "light", level: 40.0, changes: &[Set(LIGHT, "40.0")] },
    Level { name: "light-80", factor: "light", level: 80.0, changes: &[Set(LIGHT, "80.0")] },
    Level { name: "light-160", factor: "light", level: 160.0, changes: &[Set(LIGHT, "160.0")] },
    Level { name: "light-320", factor: "light", level: 320.0, changes: &[Set(LIGHT, "320.0")] },
    Level { name: "light-1200", factor: "light", level: 1200.0, changes: &[Set(LIGHT, "1200.0")] },
    Level { name: "motion-0", factor: "motion", level: 0.0, changes: &[Without("brain_motion")] },
    Level { name: "motion-2.5", factor: "motion", level: 2.5, changes: &[Set(AMPLITUDE, "2.5"), Set(MOST, "5.0")] },
    Level { name: "motion-10", factor: "motion", level: 10.0, changes: &[Set(AMPLITUDE, "10.0"), Set(MOST, "20.0")] },
    Level { name: "motion-20", factor: "motion", level: 20.0, changes: &[Set(AMPLITUDE, "20.0"), Set(MOST, "40.0")] },
    Level { name: "haze-0", factor: "haze", level: 0.0, changes: &[Without("neuropil")] },
    Level { name: "haze-0.2", factor: "haze", level: 0.2, changes: &[Set(HAZE, "0.2")] },
    Level { name: "haze-0.8", factor: "haze", level: 0.8, changes: &[Set(HAZE, "0.8")] },
    Level { name: "haze-1.6", factor: "haze", level: 1.6, changes: &[Set(HAZE, "1.6")] },
];
