//! A recording's clean twin: the same cells without background, for work on denoising and background removal.

use serde_json::json;

use crate::{
    spec::{Report, Spec},
    steps::{Part, Sensor},
};

/// The spec without haze, vessels, stray light, noise and damaged frames; frames are lost and repeated as in the recording, so that
/// the two go together frame by frame. Everything else, every draw and the focus stay those of the recording:
/// `focal_depth_um` is what its ground truth says.
///
/// # Errors
/// Never for the truth of the same spec; a focal depth that is no depth is refused.
pub fn clean_twin(spec: &Spec, focal_depth_um: Option<f64>) -> Result<Spec, Report> {
    let mut twin = spec.clone();
    for step in spec.steps.iter().filter(|step| matches!(step.part(), Part::Background | Part::Noise)) {
        match step.undamaged() {
            None => twin = twin.without_step(step.kind())?.spec,
            // In place: both recordings have the same frames.
            Some(step) => {
                if let Some(place) = twin.steps.iter_mut().find(|other| other.kind() == step.kind()) {
                    *place = step;
                }
            }
        }
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
    fn the_twin_of_a_faulty_recording_has_its_frames() {
        let spec = preset("v4-cortex-l23").expect("a preset");
        let spec = spec.with_step("acquisition_faults").expect("a step").spec;
        let rates = [("lost_rate", 0.2), ("torn_rate", 0.3), ("broken_rate", 0.2), ("clip_step", 0.1)];
        let mut changes = vec![("acquisition.duration_s".to_owned(), json!(3.0))];
        changes.extend(rates.map(|(name, value)| (format!("steps.acquisition_faults.{name}"), json!(value))));
        let spec =
            spec.set_all(changes.iter().map(|(path, value)| (path.as_str(), value.clone()))).expect("valid").spec;
        let (all, clean) = (Scene::new(&spec).expect("small"), clean_twin(&spec, Some(150.0)).expect("valid"));
        let clean = Scene::new(&clean).expect("small");
        let delivered = |scene: &Scene| scene.plan.delivery.clone().expect("delivered");
        assert!(all.n_frames < 60 && !delivered(&all).faults.is_empty());
        assert_eq!(delivered(&all).exposures, delivered(&clean).exposures);
        assert!(delivered(&clean).faults.is_empty() && delivered(&clean).factors.iter().all(|f| *f == 1.0));
    }

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
