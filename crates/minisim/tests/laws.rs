//! Laws that hold for every step, present and future: a recording is a function of time, and effects are separate.

mod common;

use std::collections::BTreeSet;

use minisim::{
    GroundTruth, MemorySink, Options, Scene,
    footprint::Patch,
    plan::{Component, Course, Field, Op, Reached, Spread},
    recording::{Pixels, Recording},
    render,
    render::Renderer,
    simulate, simulate_into,
    spec::{Format, Spec},
    steps::{AnyStep, Domain, KINDS, all_declared},
    truth::{Dim, TruthData},
};
use proptest::{prelude::*, test_runner::RngSeed};
use serde_json::json;

/// The sensor with every imperfection that it may have, each strong enough to be seen on a small field.
fn imperfect(mut sensor: serde_json::Value) -> serde_json::Value {
    let added = json!({
        "adc_bits": 14, "analog_gain": 2.0, "black_level_adu": 40.0, "full_well_e": 900.0, "linearity_error_percent": 0.25,
        "dark_current_e_per_s": 50.0, "temperature_c": 33.0, "dsnu_pixel_e": 3.0, "dsnu_column_e": 1.0, "dsnu_row_e": 2.0,
        "prnu_pixel_percent": 2.0, "prnu_smooth_percent": 3.0, "hot_pixel_share": 0.02, "dead_pixel_share": 0.01,
        "row_noise_e": 1.5, "column_noise_e": 2.5,
    });
    let (sensor_fields, added) = (sensor.as_object_mut().expect("an object"), added.as_object().expect("an object"));
    sensor_fields.extend(added.clone());
    sensor
}

/// The examples of all steps on a field that is small enough to be quick. There is no list of steps here: a new one is in every law.
fn full() -> Spec {
    let mut spec = json!({
        "acquisition": {
            "fps": 20.0, "duration_s": 1.5,
            "image_sensor": imperfect(json!({ "n_px_height": 44, "n_px_width": 53, "pixel_pitch_um": 16.0 })),
        },
        "seed": 11, "steps": [],
    });
    spec["steps"] = json!(AnyStep::all_examples());
    common::spec(&spec)
}

fn set(spec: &Spec, path: &str, value: &str) -> Spec {
    spec.set(path, value).unwrap_or_else(|e| panic!("{e}")).spec
}

fn without(spec: &Spec, kind: &str) -> Spec {
    spec.without_step(kind).unwrap_or_else(|e| panic!("{e}")).spec
}

fn bytes(pixels: &Pixels) -> Vec<u8> {
    match pixels {
        Pixels::U8(v) => v.clone(),
        Pixels::U16(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Pixels::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Pixels::F64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

fn with_threads<T: Send>(n: usize, f: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(n).build().expect("a pool").install(f)
}

/// The kinds of the steps that move the tissue, and so ask for a margin.
fn moving() -> Vec<&'static str> {
    AnyStep::all_examples().iter().filter(|step| step.margin().is_some()).map(AnyStep::kind).collect()
}

/// Without this, the laws would hold of a step because it does nothing.
#[test]
fn every_example_is_no_default_and_is_seen() {
    let whole = full();
    let film = |spec: &Spec| bytes(&simulate(spec).expect("valid").observed.pixels);
    let seen = film(&whole);
    for (example, default) in whole.steps.iter().zip(AnyStep::all_defaults()) {
        let kind = example.kind();
        let fields =
            serde_json::to_value(&default).expect("a step is JSON").as_object().map_or(0, serde_json::Map::len);
        assert!(fields == 1 || *example != default, "{kind}: the example is the default");
        let less = without(&whole, kind);
        // Without its cells, their activity or their light a film shows less, without a camera no counts, and so on.
        assert!(
            film(&less) != seen,
            "{kind}: the film is the same without it; its example must have an effect that is seen"
        );
        for declared in example.records() {
            let there = Scene::new(&whole).expect("valid").ground_truth(None);
            let array = there.array(declared.name).unwrap_or_else(|| panic!("{kind} records no {}", declared.name));
            assert!(array.data.to_f64().iter().any(|v| *v != 0.0), "{kind}: {} holds nothing but zeros", declared.name);
        }
    }
}

#[test]
fn any_split_and_any_thread_count_give_the_same_bytes() {
    let spec = full();
    let one = with_threads(1, || simulate(&spec).expect("valid"));
    let two = with_threads(2, || simulate(&spec).expect("valid"));
    let five = with_threads(5, || simulate(&spec).expect("valid"));
    assert!(one == two && one == five);
    let scene = Scene::new(&spec).expect("valid");
    let n = scene.n_frames;
    let all = render(&scene, 0..n, None).expect("stages exist");
    assert_eq!(bytes(&all.clone().converted(one.observed.pixels.sample())), bytes(&one.observed.pixels));
    for (i, stage) in scene.plan.stages.iter().map(|s| s.name).enumerate() {
        let all = bytes(&render(&scene, 0..n, Some(stage)).expect("stages exist"));
        // A canvas is worked on in several bands of rows, and a long pass in several groups of frames.
        let pass = Renderer::new(&scene, i + 1, false).pass(0..n);
        assert_eq!(bytes(&pass[0]), all, "{stage} in one pass");
        for cut in [1, 7, 8, 13, n - 1] {
            let mut parts = bytes(&render(&scene, 0..cut, Some(stage)).expect("stages exist"));
            parts.extend(bytes(&render(&scene, cut..n, Some(stage)).expect("stages exist")));
            assert_eq!(parts, all, "{stage} cut at {cut}");
        }
        let single = bytes(&render(&scene, n - 2..n - 1, Some(stage)).expect("stages exist"));
        let len = single.len();
        assert_eq!(single, all[(n - 2) * len..(n - 1) * len], "{stage}: one frame alone");
    }
}

#[test]
fn longer_is_a_continuation() {
    let short = simulate(&full()).expect("valid");
    let spec = set(&full(), "acquisition.duration_s", "4.0");
    let long = simulate(&spec).expect("valid");
    let n = short.observed.pixels.len();
    assert_eq!(short.observed.pixels.to_f32(0..n), long.observed.pixels.to_f32(0..n));
    // Beyond the calibration window too.
    let scene = Scene::new(&set(&full(), "acquisition.duration_s", "75.0")).expect("valid");
    let first = render(&scene, 0..short.observed.shape[0], None).expect("stages exist");
    assert_eq!(first.to_f32(0..n), short.observed.pixels.to_f32(0..n));
    let (a, b) = (&short.ground_truth, &long.ground_truth);
    assert_eq!(a.focal_depth_um, b.focal_depth_um);
    for array in &a.arrays {
        let other = b.array(array.declared.name).expect("same steps");
        let frames = array.declared.dims.iter().position(|d| *d == Dim::Frame);
        match (array.declared.name, frames) {
            // These summarise the whole recording.
            ("detectable" | "peak_snr" | "in_focus_fraction", _) => {}
            // The longer one has lost more.
            (name, None) if array.declared.dims == [Dim::Lost] => {
                assert_eq!(array.data.to_f64(), other.data.to_f64()[..array.data.len()], "{name}");
            }
            (_, None) => assert_eq!(array.data.to_f64(), other.data.to_f64(), "{}", array.declared.name),
            (name, Some(axis)) => {
                let after: usize = array.shape[axis + 1..].iter().product();
                let (n, m) = (array.shape[axis] * after, other.shape[axis] * after);
                let (x, y) = (array.data.to_f64(), other.data.to_f64());
                for (short, long) in x.chunks_exact(n).zip(y.chunks_exact(m)) {
                    assert_eq!(short, &long[..n], "{name}");
                }
            }
        }
    }
}

/// The film without faults, and what the truth says of each stored frame, are all that is needed for the film with them.
#[test]
fn stored_frames_are_made_from_the_film_without_faults() {
    // Counts of 8 and 16 bits and in a float, and light.
    for (bits, adc_bits, kinds) in
        [("8", "14", &[][..]), ("12", "14", &[]), ("18", "18", &[]), ("8", "14", &["sensor"])]
    {
        let spec = set(&full(), "acquisition.image_sensor.adc_bits", adc_bits);
        let spec = set(&spec, "acquisition.image_sensor.bit_depth", bits);
        let spec = kinds.iter().fold(spec, |spec, kind| without(&spec, kind));
        let max = (kinds.is_empty()).then(|| spec.acquisition.image_sensor.max_count() as f32);
        let (faulty, whole) =
            (simulate(&spec).expect("valid"), simulate(&without(&spec, "acquisition_faults")).expect("valid"));
        let truth = |name: &str| faulty.ground_truth.array(name).expect("recorded").data.to_f64();
        let [exposures, faults, rows, shifts, factors] =
            ["exposure_index", "fault", "fault_rows", "fault_shift_px", "brightness_factor"].map(truth);
        let ([n, _, width], exposed) = (faulty.observed.shape, whole.observed.shape[0]);
        assert_eq!(n + truth("lost_exposures").len(), exposed);
        assert!(n < exposed && (0..5).all(|kind| faults.contains(&f64::from(kind))), "every kind of fault");
        for frame in 0..n {
            let exposure = exposures[frame] as usize;
            let mut made = whole.observed.frame(exposure);
            let damaged = rows[2 * frame] as usize * width..rows[2 * frame + 1] as usize * width;
            match faults[frame] as u32 {
                0 | 1 => {}
                2 => made[damaged.clone()].copy_from_slice(&whole.observed.frame(exposure - 1)[damaged]),
                3 => made[damaged].chunks_exact_mut(width).for_each(|row| row.rotate_right(shifts[frame] as usize)),
                _ => made[damaged].fill(0.0),
            }
            let factor = factors[frame] as f32;
            made.iter_mut().filter(|_| factor != 1.0).for_each(|v| {
                *v = max.map_or(*v * factor, |max| (*v * factor + 0.5).floor().min(max));
            });
            assert!(made == faulty.observed.frame(frame), "frame {frame} of {bits} bits");
        }
        // The truth of a stored frame is that of the exposure that it shows.
        let [stored, all] = [&faulty, &whole].map(|r| r.ground_truth.array("C").expect("active").data.to_f64());
        for (stored, all) in stored.chunks_exact(n).zip(all.chunks_exact(exposed)) {
            assert!(stored.iter().zip(&exposures).all(|(c, exposure)| *c == all[*exposure as usize]));
        }
        assert!(truth("daq_frame").windows(2).all(|w| w[0] < w[1]));
    }
}

/// The spec without what moves the tissue.
fn still(spec: &Spec) -> Spec {
    moving().iter().fold(spec.clone(), |spec, kind| without(&spec, kind))
}

/// Activity is held up to the calibration window of 60 s and reached from checkpoints in longer recordings.
#[test]
fn traces_from_checkpoints_are_those_that_are_held() {
    let held = Scene::new(&set(&full(), "acquisition.duration_s", "60.0")).expect("valid");
    let reached = Scene::new(&set(&full(), "acquisition.duration_s", "64.0")).expect("valid");
    // The last block first, and across the border between two blocks.
    let n = held.n_frames;
    for frames in [n - 10..n, 507..523, 0..9] {
        let film = render(&reached, frames.clone(), None).expect("stages exist");
        assert!(bytes(&film) == bytes(&render(&held, frames.clone(), None).expect("stages exist")), "{frames:?}");
    }
    let (a, b) = (held.recorded(), reached.recorded());
    let (n, m) = (held.n_frames, reached.n_frames);
    for name in ["C", "S", "bleaching"] {
        let [x, y] = [a, b].map(|truth| truth.array(name).expect("its step ran").data.to_f64());
        for (held, reached) in x.chunks_exact(n).zip(y.chunks_exact(m)) {
            assert!(held == &reached[..n], "{name}");
        }
    }
    // Cell by cell and frame by frame as well as all together.
    let (c, intact) = (b.array("C").expect("active"), b.array("bleaching").expect("bleaching"));
    for unit in [0, b.n_units() - 1] {
        assert_eq!(b.trace(unit).as_ref(), &b.c()[c.row(unit)]);
        assert_eq!(b.spikes(unit).as_ref(), &b.s()[c.row(unit)]);
    }
    let fresh = reached.ground_truth(None);
    let TruthData::F64(values) = &fresh.array("bleaching").expect("bleaching").data else { panic!("real numbers") };
    let all = intact.data.to_f64();
    for range in [0..3, m - 2..m + 2, 700..701, 2 * m + 300..5 * m - 7] {
        assert_eq!(values.range(range.clone()).as_ref(), &all[range]);
    }
}

/// What stage number `i` adds to the plan, as it acts on the field of view: canvas maps and footprints are cropped to it.
fn asked_in_fov(scene: &Scene, i: usize) -> String {
    let (canvas, plan) = (scene.canvas, &scene.plan);
    let before = i.checked_sub(1).map_or(Reached::default(), |before| plan.stages[before].reached);
    let now = plan.stages[i].reached;
    let mut text = String::new();
    if now.cells && !before.cells {
        let cells = plan.cells.as_ref().expect("reached");
        for (unit, patch) in cells.patches.iter().enumerate() {
            let m = canvas.margin as i32;
            let patch: Patch = patch.cropped(m, m, canvas.fov[0], canvas.fov[1]);
            text += &format!(
                "{patch:?} {:?}\n",
                (0..cells.brightness.n_frames()).map(|t| cells.brightness.at::<1>(t)[unit][0]).collect::<Vec<f32>>()
            );
        }
    }
    for op in &plan.tissue[before.tissue..now.tissue] {
        text += &op_text(op, |map| canvas.crop(map));
    }
    if now.motions > before.motions || now.in_scope && !before.in_scope {
        text += &format!("{:?}\n", plan.warp(now));
    }
    for op in &plan.scope[before.scope..now.scope] {
        text += &op_text(op, <[f32]>::to_vec);
    }
    if now.exposed && !before.exposed {
        text += &format!("{:?}\n", plan.camera);
    }
    if now.delivered && !before.delivered {
        text += &format!("{:?}\n", plan.delivery);
    }
    text
}

/// An operation with its maps as `cropped` shows them.
fn op_text<F: std::fmt::Debug>(op: &Op<F>, cropped: impl Fn(&[f32]) -> Vec<f32>) -> String {
    let component = |c: &Component<F>| {
        let map = match &c.spread {
            Spread::Even => None,
            Spread::Map(map) => Some(cropped(&map.data)),
        };
        let course: (&Course, _) = (&c.course, c.course.expected());
        format!("{map:?} {course:?}\n")
    };
    let field = |field: &Field<F>| field.components.iter().map(component).collect::<String>();
    match op {
        Op::Add(added) => format!("add {}", field(added)),
        Op::Multiply(factor, leg) => format!("multiply {leg:?} {}", field(factor)),
    }
}

#[test]
fn removing_a_step_changes_nothing_that_did_not_ask_for_it() {
    let spec = full();
    let whole = Scene::new(&spec).expect("valid");
    // Who depends on whom, as noted while building, including what comes through others.
    let mut depends: BTreeSet<(&str, &str)> = whole.couplings.clone();
    loop {
        let more: Vec<_> = depends
            .iter()
            .flat_map(|(a, b)| depends.iter().filter(move |(c, _)| c == b).map(move |(_, d)| (*a, *d)))
            .filter(|pair| !depends.contains(pair))
            .collect();
        if more.is_empty() {
            break;
        }
        depends.extend(more);
    }
    // The canvas is only as wide as the motion needs: who asks for it gets pixels added, not changed, so it is no coupling. The
    // cells are tested on their own below, as some of the margin come into view.
    let moving = moving();
    let come_into_view = |asker: &str, answerer: &str| moving.contains(&answerer) && asker == "composite";
    for kind in KINDS {
        let less = Scene::new(&without(&spec, kind)).expect("valid");
        for (i, stage) in less.plan.stages.iter().enumerate() {
            let asker = if stage.name == "cells_only" { "composite" } else { stage.name };
            if depends.contains(&(asker, *kind)) || come_into_view(asker, kind) {
                continue;
            }
            let same = whole.plan.stages.iter().position(|s| s.name == stage.name).expect("a step of both");
            // Where the motion is removed, the next step is the first that shows what the scope sees.
            let still = |text: String| text.replace("Still\n", "");
            let (before, after) = (still(asked_in_fov(&whole, same)), still(asked_in_fov(&less, i)));
            assert!(before == after, "removing {kind} changed {}", stage.name);
        }
    }
}

#[test]
fn motion_keeps_every_cell_of_the_field() {
    let spec = full();
    let moving = Scene::new(&spec).expect("valid").into_ground_truth(None);
    let still = Scene::new(&still(&spec)).expect("valid").into_ground_truth(None);
    assert!(still.n_units() > 5 && moving.n_units() > still.n_units());
    assert_eq!(moving.focal_depth_um, still.focal_depth_um);
    let n = still.n_units();
    for b in &still.arrays {
        let name = b.declared.name;
        // A cell at the border is cut by a still canvas, and its light with it.
        if ["vessel_overlap_fraction", "peak_snr", "detectable"].contains(&name) {
            continue;
        }
        let a = moving.array(name).unwrap_or_else(|| panic!("{name} is gone"));
        // The cells of the field come first, those of the margin after them.
        assert_eq!(a.data.to_f64()[..b.data.len()], b.data.to_f64(), "{name}");
    }
    let (a, b) = (moving.observed_footprints(), still.observed_footprints());
    let mut whole = 0;
    for i in 0..n {
        assert_eq!(
            moving.planted.dense_in_fov(&moving.planted.patches[i]),
            still.planted.dense_in_fov(&still.planted.patches[i])
        );
        // A cell at the border is cut by a still canvas, so less of its light is spread; all others look the same.
        let p = &still.planted.patches[i];
        let [h, w] = still.planted.fov_shape.map(|n| n as i32);
        if p.row > 0 && p.col > 0 && p.row + (p.height as i32) < h && p.col + (p.width as i32) < w {
            whole += 1;
            assert_eq!(a.dense_in_fov(&a.patches[i]), b.dense_in_fov(&b.patches[i]));
        }
    }
    assert!(whole > 0);
}

#[test]
fn more_is_a_superset() {
    let sparse = Scene::new(&still(&full())).expect("valid").into_ground_truth(None);
    let dense = set(&still(&full()), "steps.place_neurons.density_per_mm3", "120000");
    let dense = Scene::new(&dense).expect("valid").into_ground_truth(None);
    assert!(dense.n_units() > sparse.n_units() + 5);
    // What is known of a cell by itself; where the focus goes, and so what is seen of it, is for all cells to say.
    let focused = [
        "observed_sigma_px",
        "observed_gain",
        "in_focus",
        "in_focus_fraction",
        "detectable",
        "peak_snr",
        "vessel_overlap_fraction",
    ];
    let alone = sparse.arrays.iter().filter(|a| a.declared.dims.first() == Some(&Dim::Unit));
    for b in alone.filter(|a| !focused.contains(&a.declared.name)) {
        let name = b.declared.name;
        let a = dense.array(name).expect("there");
        assert_eq!(a.data.to_f64()[..b.data.len()], b.data.to_f64(), "{name}");
    }
    assert_eq!(dense.planted.patches[..sparse.n_units()], sparse.planted.patches);
}

#[test]
fn until_truncates_the_light_not_the_answers() {
    let spec = full();
    let whole = simulate(&spec).expect("valid");
    let until = |stage: &str| -> Recording {
        let options = Options { until: Some(stage), ..Options::default() };
        simulate_into(&spec, MemorySink::default(), options).expect("valid").output
    };
    for step in &spec.steps {
        for name in [step.kind(), step.stage()] {
            let part = until(name);
            assert_eq!(part.ground_truth.n_units(), whole.ground_truth.n_units(), "{name}");
            if let Some(focal) = part.ground_truth.focal_depth_um {
                assert_eq!(Some(focal), whole.ground_truth.focal_depth_um);
            }
            let n_frames = match step.domain() {
                Domain::Cell => 0,
                // What is not delivered yet has a frame for each exposure.
                Domain::Tissue | Domain::Motion | Domain::Scope => spec.acquisition.n_frames(),
                Domain::Delivery => whole.observed.shape[0],
            };
            assert_eq!(part.observed.shape[0], n_frames, "{name}");
            if n_frames > 0 {
                let frames = part.ground_truth.array("C").map(|c| c.shape[1]);
                assert_eq!(frames, Some(n_frames), "{name}");
            }
        }
    }
    let last = spec.steps.last().expect("there are steps");
    assert_eq!(until(last.kind()), whole);
    // Arrays of later steps are absent, unless every recording has them.
    for (last, step) in spec.steps.iter().enumerate() {
        let early = until(step.kind()).ground_truth;
        for (i, other) in spec.steps.iter().enumerate() {
            for declared in other.records() {
                let there = i <= last || declared.absent().is_some();
                assert_eq!(early.array(declared.name).is_some(), there, "{} until {}", declared.name, step.kind());
            }
        }
    }
    let options = Options { until: Some("teleport"), ..Options::default() };
    let error = simulate_into(&spec, MemorySink::default(), options).expect_err("no such stage").to_string();
    assert!(error.contains("teleport") && error.contains("cells_only"), "{error}");
}

#[test]
fn snapshots_are_the_stages() {
    let spec = set(&full(), "output.save_intermediates", "true");
    let recording = simulate(&spec).expect("valid");
    let scene = Scene::new(&spec).expect("valid");
    let names: Vec<&str> = recording.snapshots.iter().map(|(n, _)| n.as_str()).collect();
    assert_eq!(names, scene.plan.stages.iter().map(|s| s.name).collect::<Vec<_>>());
    let observed = recording.observed.pixels.to_f32(0..recording.observed.pixels.len());
    let last = scene.plan.stages.last().expect("there are stages").name;
    assert_eq!(recording.stage(last).expect("kept").frame(3), recording.observed.frame(3));
    // Keeping snapshots does not change the film.
    let plain = simulate(&full()).expect("valid");
    assert_eq!(observed, plain.observed.pixels.to_f32(0..observed.len()));
    // Before the motion the canvas is kept, after it the field of view.
    assert!(recording.stage("composite").expect("kept").shape[1] > recording.observed.shape[1]);
    for name in scene.plan.stages.iter().map(|s| s.name) {
        let kept = recording.stage(name).expect("kept");
        if kept.shape != recording.observed.shape {
            continue;
        }
        let rendered = render(&scene, 5..6, Some(name)).expect("stages exist");
        assert_eq!(kept.frame(5), rendered.to_f32(0..rendered.len()), "{name}");
    }
}

#[test]
fn any_subset_of_steps_is_valid() {
    let steps = full().steps.clone();
    for mask in (0_u64..1 << KINDS.len()).step_by(((1 << KINDS.len()) / 110) | 1) {
        let some: Vec<AnyStep> =
            steps.iter().enumerate().filter(|(i, _)| mask >> i & 1 == 1).map(|(_, s)| s.clone()).collect();
        let mut spec = full();
        for kind in KINDS {
            if !some.iter().any(|s| s.kind() == *kind) {
                spec = without(&spec, kind);
            }
        }
        let spec = set(&spec, "acquisition.duration_s", "0.2");
        let recording = simulate(&spec).unwrap_or_else(|e| panic!("{mask:b}: {e}"));
        let finite = (0..recording.observed.pixels.len()).all(|i| recording.observed.pixels.get(i).is_finite());
        assert!(finite, "{mask:b}");
        assert_complete(&recording.ground_truth, &spec);
    }
}

fn assert_complete(truth: &GroundTruth, spec: &Spec) {
    let (n, t) = (truth.n_units(), Scene::new(spec).expect("valid").n_frames);
    for declared in all_declared().filter(|d| d.absent().is_some()) {
        assert!(truth.array(declared.name).is_some(), "{} is always there", declared.name);
    }
    for array in &truth.arrays {
        let name = array.declared.name;
        assert_eq!(array.shape.iter().product::<usize>(), array.data.len(), "{name}");
        assert_eq!(array.shape.len(), array.declared.dims.len(), "{name}");
        for (dim, length) in array.declared.dims.iter().zip(&array.shape) {
            let wanted = match dim {
                Dim::Unit => Some(n),
                Dim::Frame => Some(t),
                dim => dim.fixed(),
            };
            assert!(wanted.is_none_or(|wanted| wanted == *length), "{name}: {dim:?} of {length}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, rng_seed: RngSeed::Fixed(20), ..ProptestConfig::default() })]

    /// Random small specs: threads, chunking and duration change no bit, nothing panics, nothing is not a number.
    #[test]
    fn random_specs_are_functions_of_time(
        seed in any::<u64>(),
        size in (12_u32..50, 12_u32..50),
        pitch in 4.0_f64..30.0,
        na in 0.1_f64..0.6,
        fps in prop::sample::select(vec![3.0, 7.5, 20.0, 30.0]),
        motion in prop::sample::select(vec!["physical", "walk"]),
        morphology in prop::sample::select(vec!["soma", "cytosolic"]),
        curvature in prop::option::of(800.0_f64..4000.0),
        bits in 6_u32..13,
        plain in any::<bool>(),
        mask in any::<u64>(),
    ) {
        let steps: Vec<_> = AnyStep::all_examples().iter().enumerate().filter(|(i, _)| mask >> i & 1 == 0).map(|(_, step)| {
            let mut step = json!(step);
            // The steps with several ways to do what they do.
            match step["kind"].as_str() {
                Some("place_neurons") => step["morphology"] = json!(morphology),
                Some("brain_motion") => step["model"] = json!(motion),
                _ => {}
            }
            step
        }).collect();
        let sensor = json!({ "n_px_height": size.0, "n_px_width": size.1, "pixel_pitch_um": pitch, "bit_depth": bits });
        let spec = json!({
            "acquisition": {
                "fps": fps, "duration_s": 1.2,
                "optics": { "na": na, "field_curvature_radius_um": curvature },
                "image_sensor": if plain { sensor } else { imperfect(sensor) },
            },
            "seed": seed, "steps": steps,
        });
        // Tiny fields may be refused (a soma larger than the field); that is not this test's subject.
        let Ok(checked) = Spec::from_text(&spec.to_string(), Format::Json) else { return Ok(()) };
        let spec = checked.spec;
        let one = with_threads(1, || simulate(&spec)).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let two = with_threads(2, || simulate(&spec)).map_err(|e| TestCaseError::fail(e.to_string()))?;
        // NaN amplitudes of cells without activity are equal to themselves here.
        prop_assert_eq!(format!("{one:?}"), format!("{two:?}"));
        let longer = Scene::new(&set(&spec, "acquisition.duration_s", "2.9")).expect("valid");
        let n = one.observed.pixels.len();
        if longer.plan.stages.is_empty() {
            return Ok(());
        }
        let first = render(&longer, 0..one.observed.shape[0], None).expect("stages exist");
        prop_assert_eq!(first.to_f32(0..n), one.observed.pixels.to_f32(0..n));
        prop_assert!(one.observed.pixels.to_f32(0..n).iter().all(|v| v.is_finite()));
    }
}
