//! How a page shows the fields: ranges of sliders, and which belong together. Not rules: a spec may go beyond a slider.
//!
//! They are part of the schema (`x-ui`), so a page names no field of its own, and a new field shows up by itself: in its group's
//! "more" until it has a range here.

use serde_json::{Value as Json, json};

/// Range and step of a field's slider: struct, field, least, most, step.
#[rustfmt::skip]
const RANGES: &[(&str, &str, f64, f64, f64)] = &[
    ("Acquisition", "focal_depth_in_tissue_um", 0.0, 400.0, 5.0),
    ("Acquisition", "duration_s", 1.0, 7200.0, 1.0),
    ("Acquisition", "fps", 1.0, 120.0, 1.0),
    ("Optics", "na", 0.1, 0.6, 0.01),
    ("Optics", "magnification", 1.0, 12.0, 0.1),
    ("Optics", "emission_nm", 480.0, 580.0, 1.0),
    ("Optics", "field_curvature_radius_um", 500.0, 8000.0, 100.0),
    ("ImageSensor", "n_px_height", 64.0, 800.0, 8.0),
    ("ImageSensor", "n_px_width", 64.0, 800.0, 8.0),
    ("ImageSensor", "pixel_pitch_um", 1.0, 8.0, 0.1),
    ("ImageSensor", "quantum_efficiency", 0.3, 1.0, 0.05),
    ("ImageSensor", "read_noise_e", 0.0, 10.0, 0.5),
    ("ImageSensor", "gain_adu_per_e", 0.1, 4.0, 0.1),
    ("ImageSensor", "bit_depth", 8.0, 12.0, 1.0),
    ("Tissue", "scatter_mfp_emission_um", 30.0, 300.0, 5.0),
    ("Tissue", "scatter_mfp_excitation_um", 100.0, 1000.0, 20.0),
    ("Tissue", "scatter_blur_per_um", 0.0, 0.15, 0.005),
    ("PlaceNeurons", "density_per_mm3", 2000.0, 120_000.0, 1000.0),
    ("PlaceNeurons", "depth_range_um", 0.0, 400.0, 5.0),
    ("PlaceNeurons", "soma_radius_um", 2.0, 12.0, 0.5),
    ("PlaceNeurons", "irregularity", 0.0, 1.0, 0.05),
    ("PlaceNeurons", "dendrite_length_um", 5.0, 60.0, 1.0),
    ("PlaceNeurons", "dendrite_width_um", 1.0, 6.0, 0.5),
    ("PlaceNeurons", "min_distance_um", 0.0, 40.0, 1.0),
    ("NeuronPopulation", "density_per_mm3", 2000.0, 120_000.0, 1000.0),
    ("NeuronPopulation", "depth_range_um", 0.0, 400.0, 5.0),
    ("NeuronPopulation", "soma_radius_um", 2.0, 12.0, 0.5),
    ("NeuronPopulation", "irregularity", 0.0, 1.0, 0.05),
    ("NeuronPopulation", "dendrite_length_um", 5.0, 60.0, 1.0),
    ("NeuronPopulation", "dendrite_width_um", 1.0, 6.0, 0.5),
    ("NeuronPopulation", "min_distance_um", 0.0, 40.0, 1.0),
    ("CellActivity", "p_quiescent_to_active", 0.0005, 0.03, 0.0005),
    ("CellActivity", "p_active_to_quiescent", 0.05, 0.6, 0.01),
    ("CellActivity", "active_rate_hz", 20.0, 400.0, 5.0),
    ("CellActivity", "quiescent_rate_hz", 0.0, 3.0, 0.1),
    ("CellActivity", "tau_rise_s", 0.01, 0.3, 0.01),
    ("CellActivity", "tau_decay_s", 0.1, 2.0, 0.05),
    ("CellActivity", "brightness_cv", 0.0, 1.0, 0.05),
    ("CellActivity", "f0", 0.0, 3.0, 0.1),
    ("Bleaching", "bleach_susceptibility", 0.0, 0.05, 0.001),
    ("Bleaching", "turnover_tau_s", 60.0, 36_000.0, 60.0),
    ("Bleaching", "excitation_intensity", 0.0, 5.0, 0.1),
    ("Neuropil", "amplitude", 0.1, 3.0, 0.1),
    ("VesselLayer", "depth_um", 0.0, 200.0, 5.0),
    ("VesselLayer", "root_radius_um", 3.0, 40.0, 1.0),
    ("VesselLayer", "opacity", 0.1, 1.0, 0.05),
    ("VesselLayer", "n_roots", 1.0, 10.0, 1.0),
    ("VesselLayer", "branch_prob", 0.0, 0.5, 0.02),
    ("VesselLayer", "tortuosity_deg", 0.0, 25.0, 1.0),
    ("BrainMotion", "motion_amplitude_um", 0.5, 30.0, 0.5),
    ("BrainMotion", "max_shift_um", 1.0, 40.0, 1.0),
    ("BrainMotion", "locomotion_freq_hz", 1.0, 12.0, 0.5),
    ("IlluminationProfile", "falloff", 0.0, 1.0, 0.05),
    ("IlluminationProfile", "exponent", 0.5, 6.0, 0.5),
    ("Vignette", "falloff", 0.0, 1.0, 0.05),
    ("Vignette", "exponent", 0.5, 6.0, 0.5),
    ("Leakage", "level", 0.0, 1.0, 0.02),
    ("Sensor", "photons_per_unit", 10.0, 1000.0, 10.0),
];

/// What a field gets when it leaves "auto" or null.
const STARTS: &[(&str, &str, f64)] =
    &[("Acquisition", "focal_depth_in_tissue_um", 150.0), ("Optics", "field_curvature_radius_um", 2500.0)];

/// Fields that are shown with another group than that of their struct.
const GUESTS: &[(&str, &str, &str)] =
    &[("Acquisition", "focal_depth_in_tissue_um", "Optics"), ("Acquisition", "front_working_distance_um", "Optics")];

/// Names for people, where the field's own words are not the best.
const LABELS: &[(&str, &str, &str)] = &[
    ("Acquisition", "fps", "Frames per second"),
    ("Acquisition", "focal_depth_in_tissue_um", "Focal depth"),
    ("Acquisition", "front_working_distance_um", "Working distance"),
    ("Optics", "na", "NA"),
    ("Optics", "emission_nm", "Emission wavelength"),
    ("Optics", "field_curvature_radius_um", "Field curvature"),
    ("ImageSensor", "n_px_height", "Pixels, height"),
    ("ImageSensor", "n_px_width", "Pixels, width"),
    ("ImageSensor", "gain_adu_per_e", "Gain"),
    ("Tissue", "scatter_mfp_emission_um", "Emission mean free path"),
    ("Tissue", "scatter_mfp_excitation_um", "Excitation mean free path"),
    ("Tissue", "scatter_blur_per_um", "Scatter blur"),
    ("Sensor", "photons_per_unit", "Photons per unit"),
    ("CellActivity", "p_quiescent_to_active", "Burst onset p"),
    ("CellActivity", "p_active_to_quiescent", "Burst end p"),
    ("CellActivity", "active_rate_hz", "Rate in a burst"),
    ("CellActivity", "quiescent_rate_hz", "Baseline rate"),
    ("CellActivity", "tau_rise_s", "τ rise"),
    ("CellActivity", "tau_decay_s", "τ decay"),
    ("CellActivity", "brightness_cv", "Brightness spread"),
    ("CellActivity", "f0", "Baseline F₀"),
    ("VesselLayer", "root_radius_um", "Trunk radius"),
    ("VesselLayer", "n_roots", "Roots"),
    ("VesselLayer", "branch_prob", "Branchiness"),
    ("VesselLayer", "tortuosity_deg", "Waviness"),
    ("BrainMotion", "motion_amplitude_um", "Amplitude"),
    ("BrainMotion", "max_shift_um", "Max shift"),
    ("BrainMotion", "locomotion_freq_hz", "Stride"),
    ("BrainMotion", "locomotion_axis", "Axis"),
    ("IlluminationProfile", "falloff", "Edge"),
    ("IlluminationProfile", "exponent", "Rolloff"),
    ("Vignette", "falloff", "Edge"),
    ("Vignette", "exponent", "Rolloff"),
];

/// Fields without a range that belong among the first, not under "more".
const PROMINENT: &[(&str, &str)] = &[
    ("PlaceNeurons", "morphology"),
    ("NeuronPopulation", "morphology"),
    ("BrainMotion", "model"),
    ("BrainMotion", "locomotion_axis"),
    ("Leakage", "profile"),
];

/// The panel and the title of a group; in the order in which they are shown.
const GROUPS: &[(&str, &str, &str)] = &[
    ("Optics", "anatomy", "Optics"),
    ("ImageSensor", "anatomy", "Image sensor"),
    ("Sensor", "anatomy", "Exposure"),
    ("Tissue", "anatomy", "Tissue"),
    ("PlaceNeurons", "anatomy", "Cells"),
    ("CellOptics", "anatomy", "Blur by depth"),
    ("Neuropil", "anatomy", "Neuropil"),
    ("Vasculature", "anatomy", "Vasculature"),
    ("IlluminationProfile", "anatomy", "Illumination"),
    ("Vignette", "anatomy", "Vignette"),
    ("Leakage", "anatomy", "Leakage"),
    ("BrainMotion", "anatomy", "Brain motion"),
    ("Bleaching", "anatomy", "Bleaching"),
    ("Composite", "hidden", "Cells in the film"),
    ("CellActivity", "activity", "Neural activity"),
    ("Acquisition", "generate", "Recording"),
    ("Output", "generate", "Storage"),
];

/// Steps that are switched by a field of their own and that need an entry of a list to show anything.
const SWITCHES: &[(&str, &str, &str)] = &[("Vasculature", "enabled", "layers")];

/// Adds the hints to a schema's definitions.
pub(super) fn add(defs: &mut serde_json::Map<String, Json>) {
    for (order, (name, panel, title)) in GROUPS.iter().enumerate() {
        if let Some(def) = defs.get_mut(*name) {
            def["x-ui"] = json!({ "panel": panel, "title": title, "order": order });
        }
    }
    for (name, switch, list) in SWITCHES {
        if let Some(def) = defs.get_mut(*name) {
            def["x-ui"]["switch"] = json!(switch);
            def["x-ui"]["list"] = json!(list);
        }
    }
    let mut field = |name: &str, field: &str, hint: Json| {
        let Some(property) = defs.get_mut(name).and_then(|d| d["properties"].get_mut(field)) else { return };
        if property.get("x-ui").is_none() {
            property["x-ui"] = json!({});
        }
        if let (Some(to), Json::Object(hint)) = (property["x-ui"].as_object_mut(), hint) {
            to.extend(hint);
        }
    };
    for (name, f, min, max, step) in RANGES {
        field(name, f, json!({ "min": min, "max": max, "step": step }));
    }
    for (name, f, start) in STARTS {
        field(name, f, json!({ "start": start }));
    }
    for (name, f, group) in GUESTS {
        field(name, f, json!({ "group": group }));
    }
    for (name, f, label) in LABELS {
        field(name, f, json!({ "label": label }));
    }
    for (name, f) in PROMINENT {
        field(name, f, json!({ "prominent": true }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hint_is_of_a_field_and_every_group_has_one() {
        let schema = crate::spec::schema();
        let has = |name: &str, field: &str| schema["$defs"][name]["properties"].get(field).is_some();
        for (name, field, min, max, step) in RANGES {
            assert!(has(name, field), "{name}.{field}");
            assert!(min < max && *step > 0.0, "{name}.{field}");
        }
        let named = GUESTS.iter().chain(LABELS).map(|s| (s.0, s.1));
        for (name, field) in STARTS.iter().map(|s| (s.0, s.1)).chain(PROMINENT.iter().copied()).chain(named) {
            assert!(has(name, field), "{name}.{field}");
        }
        for (name, switch, list) in SWITCHES {
            assert!(has(name, switch) && has(name, list), "{name}");
        }
        for (name, def) in schema["$defs"].as_object().expect("definitions") {
            let nested = ["NeuronPopulation", "VesselLayer"].contains(&name.as_str());
            assert!(nested || def["x-ui"]["panel"].is_string(), "{name} is in no panel");
        }
    }
}
