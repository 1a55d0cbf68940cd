//! A recording's clean twin: the same cells without background, for work on denoising and background removal.

use serde_json::json;

use crate::{
    spec::{Report, Spec},
    steps::{Part, Sensor},
};

/// The spec without haze, vessels, stray light and noise. Everything else, every draw and the focus stay those of the recording:
/// `focal_depth_um` is what its ground truth says.
///
/// # Errors
/// Never for the truth of the same spec; a focal depth that is no depth is refused.
pub fn clean_twin(spec: &Spec, focal_depth_um: Option<f64>) -> Result<Spec, Report> {
    let mut twin = spec.clone();
    for step in spec.steps.iter().filter(|step| matches!(step.part(), Part::Background | Part::Noise)) {
        twin = twin.without_step(step.kind())?.spec;
    }
    let mut changes = Vec::new();
    if let Some(depth) = focal_depth_um {
        // Without a sensor the focus would be sought elsewhere.
        changes.push(("acquisition.focal_depth_in_tissue_um", json!(depth)));
    }
    // Intensities are no whole numbers.
    changes.push(("output.store_dtype", json!("float32")));
    twin.set_all(changes).map(|checked| checked.spec)
}

/// The intensity that saturates the sensor: white for a film of the light; `None` without a sensor.
#[must_use]
pub fn white_level(spec: &Spec) -> Option<f64> {
    let sensor = spec.step::<Sensor>()?;
    let camera = &spec.acquisition.image_sensor;
    let electrons_per_unit = sensor.photons_per_unit.get() * camera.quantum_efficiency.get();
    let counts_per_unit = electrons_per_unit * camera.adc_counts_per_e();
    let white = (camera.adc_max_count() as f64 - camera.black_level_adu.get()) / counts_per_unit;
    Some(camera.full_well_e.map_or(white, |well| white.min(well.get() / electrons_per_unit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scene, presets::preset};

    #[test]
    fn the_twin_has_the_same_cells_traces_and_footprints() {
        let spec = preset("v4-cortex-l23").expect("a preset");
        let spec = spec.with_step("brain_motion").expect("a step").spec;
        let spec = spec
            .set_all([
                ("acquisition.duration_s", json!(3.0)),
                ("acquisition.image_sensor.n_px_height", json!(150)),
                ("acquisition.image_sensor.n_px_width", json!(140)),
            ])
            .expect("valid")
            .spec;
        let truth = Scene::new(&spec).expect("small").ground_truth(None);
        let twin = clean_twin(&spec, truth.focal_depth_um).expect("valid");
        let clean = Scene::new(&twin).expect("small").ground_truth(None);
        for name in ["C", "S", "centers_um", "observed_sigma_px", "observed_gain", "shifts"] {
            assert_eq!(truth.array(name), clean.array(name), "{name}");
        }
        assert_eq!(truth.planted, clean.planted);
        assert!(white_level(&spec).is_some_and(|w| w > 0.0) && white_level(&twin).is_none());
    }
}
