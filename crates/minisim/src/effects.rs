//! What there is to show of a recording's effects: their time courses for plots, and how strong each is in words.
//!
//! Both follow from what the steps declare, so whoever shows them names no step.

use crate::{
    spec::Spec,
    steps::{self, AnyStep, Domain, Quantity},
    truth::{Declared, Dim, GroundTruth},
};

/// Something that changes over time for all cells alike.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeCourse<'a> {
    /// What it is, in a few words.
    pub label: String,
    /// Its unit; empty where it has none.
    pub unit: &'static str,
    /// A sentence about it.
    pub about: &'static str,
    /// One or several curves, of one value a frame each.
    pub curves: Vec<&'a [f64]>,
}

/// The time courses that a ground truth holds, in the order of light: arrays over frames alone, or over frames and parts of an
/// effect; not what became of frames after they were exposed, which is numbers and marks.
#[must_use]
pub fn time_courses(truth: &GroundTruth) -> Vec<TimeCourse<'_>> {
    let steps = AnyStep::all_defaults();
    steps::all_declared()
        .filter(|declared| is_shared_course(declared.dims) && !steps.iter().any(|step| delivers(step, declared)))
        .filter_map(|declared| truth.array(declared.name))
        .filter_map(|array| {
            let n_frames = array.shape.last().copied().filter(|n| *n > 0)?;
            let values = truth.f64s(array.declared.name)?;
            Some(TimeCourse {
                label: label(array.declared, &steps, is_shared_course),
                unit: array.declared.unit,
                about: array.declared.doc,
                curves: values.chunks_exact(n_frames).collect(),
            })
        })
        .collect()
}

fn delivers(step: &AnyStep, declared: &Declared) -> bool {
    step.domain() == Domain::Delivery && step.records().iter().any(|own| own.name == declared.name)
}

fn is_shared_course(dims: &[Dim]) -> bool {
    match dims {
        [Dim::Frame] => true,
        [first, Dim::Frame] => *first != Dim::Unit,
        _ => false,
    }
}

/// What to call an array of the truth: the title of its step where that records no other of the `kind`, else the words of the array's
/// name without its unit.
#[must_use]
pub fn label(declared: &Declared, steps: &[AnyStep], kind: fn(&[Dim]) -> bool) -> String {
    let name = declared.name;
    let step = steps.iter().find(|step| step.records().iter().any(|own| own.name == name));
    if let Some(step) = step
        && step.records().iter().filter(|own| kind(own.dims)).count() == 1
    {
        return step.title().to_owned();
    }
    let unit = format!("_{}", declared.unit.replace('µ', "u"));
    let words = name.strip_suffix(unit.as_str()).unwrap_or(name).replace('_', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// How strong an effect is in a recording.
#[derive(Clone, Debug, PartialEq)]
pub struct Strength {
    /// The step's name in specs.
    pub kind: &'static str,
    /// The step's title.
    pub title: &'static str,
    /// Numbers that tell it.
    pub quantities: Vec<Quantity>,
}

impl Strength {
    /// The numbers in words, such as `99 % within 4.1 µm, RMS 1.9 µm`.
    #[must_use]
    pub fn text(&self) -> String {
        self.quantities.iter().map(Quantity::text).collect::<Vec<_>>().join(", ")
    }
}

/// How strong the effects of a recording are, in the order of light; those that say nothing of it are left out.
#[must_use]
pub fn strengths(spec: &Spec, truth: &GroundTruth) -> Vec<Strength> {
    let of = |step: &AnyStep| Strength {
        kind: step.kind(),
        title: step.title(),
        quantities: step.strength(truth, &spec.acquisition),
    };
    spec.steps.iter().map(of).filter(|strength| !strength.quantities.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{Scene, spec::Format};

    fn made(steps: &[Value]) -> (Spec, GroundTruth) {
        let text = json!({
            "acquisition": {
                "fps": 20.0, "duration_s": 60.0,
                "image_sensor": { "n_px_height": 80, "n_px_width": 100, "pixel_pitch_um": 16.0 },
            },
            "seed": 3, "steps": steps,
        });
        let spec = Spec::from_text(&text.to_string(), Format::Json).unwrap_or_else(|e| panic!("{e}")).spec;
        let truth = Scene::new(&spec).unwrap_or_else(|e| panic!("{e}")).into_ground_truth(None);
        (spec, truth)
    }

    #[test]
    fn effects_are_as_strong_as_asked_for() {
        let (spec, truth) = made(&[
            json!({ "kind": "place_neurons" }),
            json!({ "kind": "cell_activity" }),
            json!({ "kind": "optics" }),
            json!({ "kind": "axial_motion", "stride_um": 4.0, "breathing_um": 0.0, "drift_um": 0.0 }),
            json!({ "kind": "composite" }),
            json!({ "kind": "haemodynamics", "depth_rms": 0.02 }),
            json!({ "kind": "brain_motion", "motion_amplitude_um": 8.0 }),
            json!({ "kind": "tissue_deformation", "amplitude_um": 1.5, "rotation_deg": 0.3 }),
            json!({ "kind": "led", "warm_up_loss": 0.1, "warm_up_tau_s": 5.0 }),
            json!({ "kind": "sensor" }),
        ]);
        let found = strengths(&spec, &truth);
        let number = |kind: &str, what: &str| {
            let of = found.iter().find(|s| s.kind == kind).unwrap_or_else(|| panic!("{kind} is missing"));
            let quantity = of.quantities.iter().find(|q| q.what == what);
            quantity.unwrap_or_else(|| panic!("{kind}: no {what} in {}", of.text())).value
        };
        assert!((number("axial_motion", "99 % within") / 4.0 - 1.0).abs() < 0.01);
        assert!((number("brain_motion", "99 % within") / 8.0 - 1.0).abs() < 0.01);
        assert!((number("tissue_deformation", "RMS") / 1.5 - 1.0).abs() < 0.3);
        assert!((number("tissue_deformation", "turned by 99 % within") - 0.3).abs() < 1e-6);
        assert!((number("led", "power at most") - 100.0).abs() < 0.2);
        assert!((number("led", "at least") - 90.0).abs() < 0.2);
        assert!((number("haemodynamics", "share of light RMS") / 2.0 - 1.0).abs() < 0.3);
        assert_eq!(found.len(), 5, "steps that say nothing are left out");
        let text = found.iter().find(|s| s.kind == "axial_motion").map(Strength::text);
        assert_eq!(text.as_deref(), Some("99 % within 4.0 µm"));
    }

    #[test]
    fn faults_are_as_frequent_as_asked_for() {
        let (spec, truth) =
            made(&[json!({ "kind": "acquisition_faults", "lost_rate": 0.1, "repeated_rate": 0.0, "torn_rate": 0.2 })]);
        let found = strengths(&spec, &truth);
        let numbers: Vec<f64> = found[0].quantities.iter().map(|quantity| quantity.value).collect();
        let lost = truth.array("lost_exposures").map_or(0, |lost| lost.data.len());
        assert!(lost > 60 && (numbers[0] - lost as f64 / 12.0).abs() < 1e-9, "{}", found[0].text());
        assert!((numbers[1] / 20.0 - 1.0).abs() < 0.3, "{}", found[0].text());
    }

    #[test]
    fn time_courses_have_titles_and_units() {
        let (_, truth) = made(&[
            json!({ "kind": "place_neurons" }),
            json!({ "kind": "cell_activity" }),
            json!({ "kind": "optics" }),
            json!({ "kind": "axial_motion" }),
            json!({ "kind": "composite" }),
            json!({ "kind": "haemodynamics" }),
            json!({ "kind": "tissue_deformation" }),
            json!({ "kind": "led" }),
            json!({ "kind": "acquisition_faults", "lost_rate": 0.0 }),
        ]);
        let found = time_courses(&truth);
        let about = |label: &str| {
            let course = found.iter().find(|c| c.label == label).unwrap_or_else(|| panic!("{label} is missing"));
            assert!(!course.about.is_empty() && course.curves.iter().all(|curve| curve.len() == 1200), "{label}");
            (course.unit, course.curves.len())
        };
        let labels: Vec<&str> = found.iter().map(|course| course.label.as_str()).collect();
        assert_eq!(labels, ["Axial motion", "Blood", "Deformation course", "Rotation", "Lamp"]);
        assert_eq!(about("Axial motion"), ("µm", 1));
        assert_eq!(about("Lamp"), ("", 1));
        assert_eq!(about("Rotation"), ("rad", 1));
        assert_eq!(about("Deformation course"), ("", 4));
        // Without motion of the brain there is no running.
        assert_eq!(about("Blood"), ("", 3));
    }
}
