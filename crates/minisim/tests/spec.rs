//! Rules across fields, editing, comparing, costing: what a spec is worth before it is simulated.

use minisim::{
    presets::{PRESETS, preset},
    spec::{
        Acquisition, Auto, Checked, Count, Finding, Fraction, FractionBelowOne, MajorShare, NonNegative, Output,
        Positive, PositiveFraction, Report, Severity, Spec, StoreDtype, diff, limits,
    },
    steps::{
        AnyStep, Axis, BrainMotion, CellActivity, KINDS, Leakage, LeakageProfile, Morphology, MotionModel,
        NeuronPopulation, Neuropil, PlaceNeurons, Sensor, Vasculature, VesselLayer, Vignette,
    },
};

fn with(step: impl Into<AnyStep>) -> Result<Checked, Report> {
    Spec::builder().step(step).build()
}

fn only_error(result: Result<Checked, Report>) -> Finding {
    let report = result.expect_err("must be refused");
    assert_eq!(report.findings.len(), 1, "{report}");
    let finding = report.findings[0].clone();
    assert!(!finding.rule.is_empty() && !finding.remedy.is_empty() && !finding.value.is_empty(), "{finding:?}");
    finding
}

#[test]
fn each_rule_across_fields_names_its_field() {
    let positive = Positive::lit;
    let place = PlaceNeurons::default;
    let population = NeuronPopulation::default;
    let cases: Vec<(AnyStep, &str)> = vec![
        (PlaceNeurons { soma_radius_um: positive(48.1), ..place() }.into(), "soma_radius_um"),
        (PlaceNeurons { depth_range_um: [50.0, 10.0], ..place() }.into(), "depth_range_um"),
        (PlaceNeurons { depth_range_um: [-1.0, 10.0], ..place() }.into(), "depth_range_um"),
        (PlaceNeurons { depth_range_um: [f64::NAN, 10.0], ..place() }.into(), "depth_range_um"),
        (PlaceNeurons { positions_um: Some(vec![[1.0, f64::INFINITY, 0.0]]), ..place() }.into(), "positions_um[0]"),
        (PlaceNeurons { populations: Some(vec![]), ..place() }.into(), "populations"),
        (
            PlaceNeurons { irregularity: Fraction::lit(0.2), populations: Some(vec![population()]), ..place() }.into(),
            "populations",
        ),
        (
            PlaceNeurons {
                populations: Some(vec![
                    population(),
                    NeuronPopulation { soma_radius_um: positive(500.0), ..population() },
                ]),
                ..place()
            }
            .into(),
            "populations[1].soma_radius_um",
        ),
        (CellActivity { tau_rise_s: positive(0.5), ..Default::default() }.into(), "tau_rise_s"),
        (
            CellActivity { tau_rise_s: positive(0.01), tau_decay_s: positive(0.049), ..Default::default() }.into(),
            "tau_decay_s",
        ),
        (BrainMotion { motion_amplitude_um: positive(15.1), ..Default::default() }.into(), "motion_amplitude_um"),
        (BrainMotion { trajectory_um: Some(vec![[0.0; 2]; 2999]), ..Default::default() }.into(), "trajectory_um"),
        (
            Vasculature {
                layers: vec![
                    VesselLayer::default(),
                    VesselLayer { min_radius_um: positive(22.0), ..Default::default() },
                ],
                ..Default::default()
            }
            .into(),
            "layers[1].min_radius_um",
        ),
        (Vignette { center_offset_um: [0.0, f64::NAN], ..Default::default() }.into(), "center_offset_um"),
    ];
    for (step, field) in cases {
        let kind = step.kind();
        assert_eq!(only_error(with(step)).path, format!("steps[0].{field}"), "{kind}");
    }
}

#[test]
fn what_lies_exactly_on_a_rule_is_valid() {
    assert!(with(PlaceNeurons { soma_radius_um: Positive::lit(48.0), ..Default::default() }).is_ok());
    assert!(with(PlaceNeurons { depth_range_um: [0.0, 0.0], ..Default::default() }).is_ok());
    assert!(
        with(CellActivity { tau_rise_s: Positive::lit(0.01), tau_decay_s: Positive::lit(0.05), ..Default::default() })
            .is_ok()
    );
    assert!(with(BrainMotion { motion_amplitude_um: Positive::lit(15.0), ..Default::default() }).is_ok());
    assert!(with(BrainMotion { trajectory_um: Some(vec![[0.0; 2]; 3000]), ..Default::default() }).is_ok());
    let walk = BrainMotion { model: MotionModel::Walk, motion_amplitude_um: Positive::lit(99.0), ..Default::default() };
    assert!(with(walk).is_ok(), "the amplitude belongs to the physical model");
}

#[test]
fn a_kind_occurs_once_and_order_is_free() {
    let steps: Vec<AnyStep> = vec![Sensor::default().into(), Leakage::default().into(), Sensor::default().into()];
    let report = Spec::new(Acquisition::default(), 0, steps, Output::default()).expect_err("twice");
    assert_eq!(report.findings[0].path, "steps[2].kind");
    let mut backwards = AnyStep::all_defaults();
    backwards.reverse();
    let spec = Spec::new(Acquisition::default(), 0, backwards, Output::default()).expect("valid").spec;
    assert_eq!(spec.steps.iter().map(AnyStep::kind).collect::<Vec<_>>(), KINDS);
}

#[test]
fn warnings_say_what_is_doubtful() {
    let warned = |result: Result<Checked, Report>| {
        let warnings = result.expect("valid").warnings;
        assert!(warnings.iter().all(|w| w.severity == Severity::Warning && !w.remedy.is_empty()));
        warnings.into_iter().map(|w| w.path).collect::<Vec<_>>()
    };
    let focus = |depth, place: PlaceNeurons| warned(Spec::builder().focal_depth_um(depth).step(place).build());
    let outside = vec!["acquisition.focal_depth_in_tissue_um".to_owned()];
    assert_eq!(focus(200.0, PlaceNeurons::default()), Vec::<String>::new());
    assert_eq!(focus(200.1, PlaceNeurons::default()), outside);
    let range = |depth_range_um| NeuronPopulation { depth_range_um, ..Default::default() };
    let two =
        || PlaceNeurons { populations: Some(vec![range([10.0, 20.0]), range([50.0, 60.0])]), ..Default::default() };
    assert_eq!(focus(40.0, two()), Vec::<String>::new(), "the union reaches from 10 to 60");
    assert_eq!(focus(5.0, two()), outside);

    // 5 % of a field of 96 µm are 4.8 µm.
    let amplitude = |um| BrainMotion { motion_amplitude_um: Positive::lit(um), ..Default::default() };
    assert_eq!(warned(with(amplitude(4.8))), Vec::<String>::new());
    assert_eq!(warned(with(amplitude(4.9))), ["steps[0].motion_amplitude_um"]);
    let walk = |um| BrainMotion { model: MotionModel::Walk, max_shift_um: Positive::lit(um), ..Default::default() };
    assert_eq!(warned(with(walk(4.8))), Vec::<String>::new());
    assert_eq!(warned(with(walk(5.0))), ["steps[0].max_shift_um"]);
    let mut path = vec![[0.0; 2]; 3000];
    path[17] = [1.0, -5.0];
    assert_eq!(
        warned(with(BrainMotion { trajectory_um: Some(path), ..Default::default() })),
        ["steps[0].trajectory_um"]
    );

    let text = "{\"steps\": [\n{\"kind\": \"brain_motion\",\n \"motion_amplitude_um\": 9}]}";
    let warning = Spec::from_json(text).expect("valid").warnings.remove(0);
    assert_eq!((warning.line, warning.column), (Some(3), Some(25)));
}

#[test]
fn integer_containers_must_hold_the_counts() {
    let spec = |dtype, bits, sensor: bool| {
        let mut acquisition = Acquisition::default();
        acquisition.image_sensor.bit_depth = Count::lit(bits);
        let mut builder = Spec::builder().acquisition(acquisition).store_dtype(dtype);
        if sensor {
            builder = builder.step(Sensor::default());
        }
        builder.build()
    };
    for (dtype, bits) in [(StoreDtype::Uint8, 8), (StoreDtype::Uint16, 16)] {
        assert!(spec(dtype, bits, true).is_ok());
        assert_eq!(only_error(spec(dtype, bits + 1, true)).path, "output.store_dtype");
        assert_eq!(only_error(spec(dtype, bits, false)).path, "output.store_dtype");
    }
    assert!(spec(StoreDtype::Float32, 20, true).is_ok() && spec(StoreDtype::Float64, 20, false).is_ok());
}

#[test]
fn the_builder_reports_everything_at_build() {
    let report = Spec::builder()
        .fps(-1.0)
        .duration_s(f64::NAN)
        .field_px(0, 10)
        .focal_depth_um(-3.0)
        .step(CellActivity { tau_rise_s: Positive::lit(9.0), ..Default::default() })
        .build()
        .expect_err("wrong");
    let paths: Vec<&str> = report.findings.iter().map(|f| f.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "acquisition.fps",
            "acquisition.duration_s",
            "acquisition.image_sensor.n_px_height",
            "acquisition.focal_depth_in_tissue_um",
            "steps[0].tau_rise_s"
        ]
    );
    let spec = Spec::builder().step(Leakage::default()).step(Vignette::default()).build().expect("valid").spec;
    let again = spec.to_builder().without("leakage").build().expect("valid").spec;
    assert_eq!(again.steps.len(), 1);
    assert!(again.has("vignette") && again.step::<Leakage>().is_none() && again.step::<Vignette>().is_some());
}

#[test]
fn one_field_changes() {
    let spec = preset("v4-ca1").expect("a preset");
    for (path, value) in [
        ("acquisition.optics.na", "0.25"),
        ("acquisition.focal_depth_in_tissue_um", "150"),
        ("acquisition.focal_depth_in_tissue_um", "auto"),
        ("seed", "3"),
        ("output.store_dtype", "uint8"),
        ("output.save_intermediates", "true"),
        ("steps.leakage.profile", "uniform"),
        ("steps.place_neurons.populations.0.density_per_mm3", "1000"),
        ("steps.place_neurons.populations[0].depth_range_um", "[10, 20]"),
        ("steps.place_neurons.populations.0.depth_range_um.1", "161"),
        ("steps.vasculature.layers.0.opacity", "0.5"),
        ("steps[0].populations[0].irregularity", "0"),
        ("steps.optics", "{\"kind\": \"optics\"}"),
    ] {
        let changed = spec.set(path, value).unwrap_or_else(|e| panic!("{path}: {e}")).spec;
        let differences = diff(&spec, &changed);
        assert!(differences.len() <= 1, "{path}: {differences:?}");
        if let Some(difference) = differences.first() {
            let dotted = path.replace("steps[0]", "steps.place_neurons").replace('[', ".").replace(']', "");
            assert!(dotted.starts_with(&difference.path), "{path}: {difference:?}");
        }
    }
    assert_eq!(spec.set("acquisition.fps", "10").expect("valid").spec.acquisition.fps.get(), 10.0);
}

#[test]
fn wrong_paths_name_the_wrong_part() {
    let spec = preset("v4-ca1").expect("a preset");
    for (path, value, parts) in [
        ("acquisition.optic.na", "1", ["\"optic\"", "did you mean \"optics\"?"]),
        ("acquisition.optics.na.x", "1", ["\"x\"", "has no parts"]),
        ("steps.brain_motion.max_shift_um", "1", ["\"brain_motion\"", "add the step brain_motion first"]),
        ("steps.vignete.falloff", "1", ["\"vignete\"", "did you mean \"vignette\"?"]),
        ("steps.vignette.fallof", "1", ["\"fallof\"", "did you mean \"falloff\"?"]),
        ("steps.place_neurons.populations.7.irregularity", "1", ["\"7\"", "index from 0 to 0"]),
        ("vignette.falloff", "1", ["\"vignette\"", "steps.vignette"]),
        ("", "1", ["\"\"", "acquisition"]),
        ("acquisition..na", "1", ["\"\"", "optics"]),
        ("acquisition.fps", "fast", ["acquisition.fps = \"fast\"", "number"]),
        ("acquisition.fps", "-1", ["acquisition.fps = -1", "greater than 0"]),
        ("steps.vignette.falloff", "2", ["falloff = 2", "between 0 and 1"]),
        ("steps", "[]x", ["steps", "list"]),
    ] {
        let message = spec.set(path, value).expect_err(path).to_string();
        for part in parts {
            assert!(message.contains(part), "{path}: {part} in {message}");
        }
    }
}

#[test]
fn steps_come_and_go_by_kind_or_stage() {
    let mut spec = Spec::builder().build().expect("valid").spec;
    for kind in KINDS {
        spec = spec.with_step(kind).expect("a kind").spec;
        assert_eq!(spec.with_step(kind).expect("there already").spec, spec);
    }
    assert_eq!(spec.steps, AnyStep::all_defaults());
    let fewer = spec.without_step("cells_only").expect("a stage").spec;
    assert!(!fewer.has("composite") && fewer.steps.len() == KINDS.len() - 1);
    assert_eq!(fewer.without_step("composite").expect("gone already").spec, fewer);
    assert!(spec.with_step("neuropill").expect_err("unknown").to_string().contains("did you mean \"neuropil\"?"));
    assert!(spec.without_step("x").is_err());
}

#[test]
fn differences_are_listed_by_kind() {
    let left = preset("v4-ca1").expect("a preset");
    assert_eq!(diff(&left, &left), []);
    let right = left.without_step("neuropil").expect("valid").spec.with_step("bleaching").expect("valid").spec;
    let right =
        right.set("seed", "9").expect("valid").spec.set("steps.sensor.photons_per_unit", "1").expect("valid").spec;
    let found = diff(&left, &right);
    let paths: Vec<&str> = found.iter().map(|d| d.path.as_str()).collect();
    assert_eq!(paths, ["seed", "steps.bleaching", "steps.neuropil", "steps.sensor.photons_per_unit"]);
    assert_eq!((found[0].left.as_deref(), found[0].right.as_deref()), (Some("0"), Some("9")));
    assert!(found[1].left.is_none() && found[2].right.is_none());
    assert_eq!((found[3].left.as_deref(), found[3].right.as_deref()), (Some("600.0"), Some("1.0")));
}

#[test]
fn costs_are_what_the_formulas_say() {
    let spec = preset("v4-ca1").expect("a preset");
    let cost = spec.cost();
    // 45000 / mm³ × (608 × 4.8 / 2.9 µm)² × 20 µm.
    let side_mm = 608.0 * 4.8 / 2.9 / 1000.0;
    assert_eq!(cost.n_cells, (45000.0 * side_mm * side_mm * 0.02_f64).round());
    assert_eq!((cost.n_frames, cost.canvas_px, cost.fov_px), (3000.0, [608.0; 2], [608.0; 2]));
    assert_eq!(cost.movie_bytes, 3000.0 * 608.0 * 608.0 * 4.0);
    // A recording longer than a minute holds no array of cells × frames.
    let of = |duration_s: &str| spec.set("acquisition.duration_s", duration_s).expect("valid").spec.cost();
    let (minute, hours) = (of("60"), of("36000"));
    assert!(minute.trace_bytes > 12.0 * minute.n_cells * 1200.0, "{minute:?}");
    assert!(hours.memory_bytes < 3e8, "{hours:?}");
    let moving = spec.with_step("brain_motion").expect("valid").spec;
    let margin = (15.0_f64 / (4.8 / 2.9)).ceil() + 1.0;
    assert_eq!(moving.cost().canvas_px, [608.0 + 2.0 * margin; 2]);
    assert!(cost.check(cost.memory_bytes).is_ok());
    let message = cost.check(1e6).expect_err("too little").to_string();
    assert!(message.contains("608 × 608 px") && message.contains("1.0 MB"), "{message}");
    let fast = spec.set("acquisition.fps", "1000").expect("valid").spec;
    let fast = fast.set("acquisition.duration_s", "60").expect("valid").spec;
    let report = fast.cost().check(5e8).expect_err("a minute at a thousand frames a second is held");
    assert_eq!(report.findings[0].path, "acquisition.duration_s", "{report}");
    assert!(report.to_string().contains("911 cells × 60000 frames"), "{report}");
    for p in PRESETS {
        let spec = preset(p.name).expect("a preset");
        assert_eq!(spec.cost().check_simulable(&spec), Ok(()), "{}", p.name);
    }
}

#[test]
fn absurd_specs_are_refused_before_anything_is_allocated() {
    let base = preset("generic-ca1").expect("a preset").with_step("brain_motion").expect("valid").spec;
    for (path, value, at, part) in [
        ("acquisition.duration_s", "5e10", "acquisition.duration_s", "1.000e12 frames"),
        ("acquisition.duration_s", "1e308", "acquisition.duration_s", "frames"),
        ("acquisition.duration_s", "0.01", "acquisition.duration_s", "no frame"),
        ("acquisition.image_sensor.n_px_width", "4294967295", "acquisition.image_sensor.n_px_height", "pixels"),
        ("steps.brain_motion.max_shift_um", "1e9", "steps.brain_motion.max_shift_um", "pixels"),
        ("steps.brain_motion.max_shift_um", "1e308", "steps.brain_motion.max_shift_um", "pixels"),
        ("steps.place_neurons.populations.0.density_per_mm3", "1e13", "steps.place_neurons.density_per_mm3", "cells"),
        ("steps.place_neurons.populations.0.density_per_mm3", "1e308", "steps.place_neurons.density_per_mm3", "cells"),
        ("acquisition.image_sensor.bit_depth", "25", "acquisition.image_sensor.bit_depth", "24 bits"),
        ("steps.cell_activity.spike_sim_hz", "1e12", "steps.cell_activity.spike_sim_hz", "bins per frame"),
    ] {
        let spec = base.set(path, value).unwrap_or_else(|e| panic!("{path} = {value}: {e}")).spec;
        let report = spec.cost().check_simulable(&spec).expect_err(path);
        let finding = report.findings.iter().find(|f| f.path == at);
        assert!(
            finding.is_some_and(|f| f.message.contains(part) && !f.remedy.is_empty()),
            "{path} = {value}: {report}"
        );
        assert!(!spec.cost().to_string().is_empty());
    }
    const { assert!(limits::MAX_CELLS < 1e8) };
}

#[test]
fn cameras_that_cannot_be_are_refused_with_a_remedy() {
    let sensor = |fields: serde_json::Value| {
        let text = serde_json::json!({ "acquisition": { "image_sensor": fields }, "steps": [{ "kind": "sensor" }] });
        Spec::from_json(&text.to_string())
    };
    for (fields, field, part, remedy) in [
        (
            serde_json::json!({ "full_well_e": 30, "black_level_adu": 60 }),
            "full_well_e",
            "black level",
            "raise full_well_e",
        ),
        (serde_json::json!({ "black_level_adu": 255 }), "black_level_adu", "255", "lower the black level"),
        (
            serde_json::json!({ "hot_pixel_share": 0.7, "dead_pixel_share": 0.4 }),
            "hot_pixel_share",
            "more defect pixels than pixels",
            "lower one of the shares",
        ),
        (serde_json::json!({ "hot_pixel_share": 1.5 }), "hot_pixel_share", "between 0 and 1", "change"),
        (serde_json::json!({ "adc_bits": 7 }), "adc_bits", "fewer bits", "raise adc_bits"),
        (serde_json::json!({ "adc_bits": 30 }), "adc_bits", "at most 24", "lower adc_bits"),
        (
            serde_json::json!({ "linearity_error_percent": 0.2 }),
            "linearity_error_percent",
            "full well",
            "set full_well_e",
        ),
        (
            serde_json::json!({ "linearity_error_percent": 3.0, "full_well_e": 200.0 }),
            "linearity_error_percent",
            "must be at most 0.",
            "lower it",
        ),
        (serde_json::json!({ "temperature_c": 2000.0 }), "temperature_c", "between -100 and 150", "°C"),
        (serde_json::json!({ "prnu_pixel_percent": 80.0 }), "prnu_pixel_percent", "at most 33", "lower it"),
        (
            serde_json::json!({ "dark_current_e_per_s": 5000.0, "full_well_e": 200.0 }),
            "dark_current_e_per_s",
            "fills the full well",
            "temperature_c",
        ),
        (serde_json::json!({ "companding": "cube_root" }), "companding", "square_root", "mean"),
    ] {
        let report = sensor(fields.clone()).expect_err("cannot be");
        let path = format!("acquisition.image_sensor.{field}");
        let found = report.findings.iter().find(|f| f.path == path).unwrap_or_else(|| panic!("{fields}: {report}"));
        assert!(found.message.contains(part) && found.remedy.contains(remedy), "{fields}: {found:?}");
    }
    let warned = sensor(serde_json::json!({ "companding": "square_root" })).expect("valid").warnings;
    assert!(warned.iter().any(|w| w.path.ends_with("companding") && !w.remedy.is_empty()), "{warned:?}");
    // On the rules' edge.
    let edge = serde_json::json!({ "hot_pixel_share": 0.75, "dead_pixel_share": 0.25, "full_well_e": 60, "black_level_adu": 60 });
    assert!(sensor(edge).is_ok());
    let text = r#"{ "steps": [{ "kind": "field_aberration", "radial_sigma_um": 90.0 }] }"#;
    let report = Spec::from_json(text).expect_err("too wide").to_string();
    assert!(report.contains("radial_sigma_um") && report.contains("quarter"), "{report}");
}

#[test]
fn a_camera_that_is_plain_has_the_key_that_it_had() {
    let plain = Spec::from_json(r#"{ "steps": [{ "kind": "sensor" }] }"#).expect("valid").spec;
    let written = Spec::from_json(
        r#"{ "acquisition": { "image_sensor": { "black_level_adu": 0, "adc_bits": null, "companding": "shift" } },
             "steps": [{ "kind": "sensor" }] }"#,
    );
    assert_eq!(written.expect("valid").spec.cache_key(), plain.cache_key());
    let other = plain.set("acquisition.image_sensor.dsnu_row_e", "1").expect("valid").spec;
    assert_ne!(other.cache_key(), plain.cache_key());
}

/// A small generator of test numbers (SplitMix64); the simulator's own is not needed here.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Any finite number in reach of `new`, over many magnitudes.
    fn float(&mut self) -> f64 {
        let mantissa = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        let exponent = (self.next() % 25) as i32 - 12;
        format!("{mantissa}e{exponent}").parse().expect("a number")
    }

    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn positive(&mut self) -> Positive {
        Positive::new(self.float()).unwrap_or(Positive::lit(1.0))
    }

    fn non_negative(&mut self) -> NonNegative {
        NonNegative::new(self.float()).expect("not negative")
    }

    fn coin(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }

    fn population(&mut self) -> NeuronPopulation {
        let top = self.float();
        NeuronPopulation {
            density_per_mm3: self.positive(),
            soma_radius_um: Positive::lit(1e-3),
            irregularity: Fraction::new(self.share()).expect("a share"),
            morphology: if self.coin() { Morphology::Soma } else { Morphology::Cytosolic },
            depth_range_um: [top, top + self.float()],
            min_distance_um: self.non_negative(),
            positions_um: self.coin().then(|| vec![[self.float(), -self.float(), self.float()]]),
            ..NeuronPopulation::default()
        }
    }

    fn spec(&mut self) -> Spec {
        let mut acquisition = Acquisition { duration_s: self.positive(), ..Acquisition::default() };
        acquisition.optics.depth_of_field_um = if self.coin() { Auto::Auto } else { Auto::Value(self.positive()) };
        acquisition.optics.field_curvature_radius_um = self.coin().then(|| self.positive());
        acquisition.image_sensor.quantum_efficiency = PositiveFraction::new(1.0 - 0.9 * self.share()).expect("a share");
        acquisition.image_sensor.n_px_height = Count::try_from(1 + (self.next() as u32) / 2).expect("at least 1");
        acquisition.image_sensor.read_noise_e = self.non_negative();
        let populations = self.coin().then(|| vec![self.population(), self.population()]);
        let mut all: Vec<AnyStep> = vec![
            PlaceNeurons { populations, ..PlaceNeurons::default() }.into(),
            Neuropil { amplitude: self.positive(), ..Neuropil::default() }.into(),
            Vasculature {
                enabled: self.coin(),
                layers: vec![VesselLayer {
                    branch_prob: FractionBelowOne::new(0.99 * self.share()).expect("a share"),
                    branch_area_main: MajorShare::new(0.51 + 0.48 * self.share()).expect("a share"),
                    ..VesselLayer::default()
                }],
            }
            .into(),
            BrainMotion {
                model: MotionModel::Walk,
                locomotion_axis: if self.coin() { Axis::Y } else { Axis::X },
                max_shift_um: self.positive(),
                ..BrainMotion::default()
            }
            .into(),
            Leakage {
                profile: if self.coin() { LeakageProfile::Uniform } else { LeakageProfile::Gaussian },
                sigma_um: self.coin().then(|| self.positive()),
                ..Leakage::default()
            }
            .into(),
            Vignette { center_offset_um: [self.float(), -self.float()], ..Vignette::default() }.into(),
        ];
        all.retain(|_| self.coin());
        let rotate = self.next() as usize % all.len().max(1);
        all.rotate_left(rotate);
        let output = Output { save_intermediates: self.coin(), ..Output::default() };
        Spec::new(acquisition, self.next(), all, output).expect("valid by construction").spec
    }
}

#[test]
fn random_specs_survive_every_round_trip() {
    let mut numbers = Numbers(7);
    for i in 0..500 {
        let spec = numbers.spec();
        let read = |result: Result<Checked, Report>| result.unwrap_or_else(|e| panic!("{i}: {e}")).spec;
        let json = spec.canonical_json();
        assert_eq!(read(Spec::from_json(&json)), spec, "{i}");
        assert_eq!(read(Spec::from_json(&json)).canonical_json(), json, "{i}");
        assert_eq!(read(Spec::from_json(&spec.pretty_json())).cache_key(), spec.cache_key(), "{i}");
        assert_eq!(read(Spec::from_yaml(&json)), spec, "{i}");
        assert_eq!(read(spec.set("seed", &spec.seed.to_string())), spec, "{i}");
        assert_eq!(diff(&spec, &spec), [], "{i}");
        let _ = spec.cost().check_simulable(&spec);
    }
}
