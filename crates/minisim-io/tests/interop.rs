//! Other programs read our files: each file is opened by the program that users open it with.
//!
//! `cargo xtask test` installs those programs and names them in the environment; without them these tests have nothing to
//! ask and pass.

mod common;

use std::{fs, path::Path, process::Command};

use common::set;
use minisim::{
    Options, Recording, Spec,
    presets::{PRESETS, preset},
    simulate, simulate_into,
};
use minisim_io::{AviOptions, AviSink, Codec, FileOptions, Format, Reader, ZarrOptions, ZarrSink, convert};
use serde_json::json;

/// A preset with every step, on a part of its field and for a few seconds.
fn case(name: &str) -> Spec {
    let mut spec = preset(name).expect("a preset");
    for step in ["brain_motion", "bleaching"] {
        spec = spec.with_step(step).expect("a step").spec;
    }
    // Just wide enough that the brain's motion is no reason for a warning; an odd width.
    let side_px = (210.0 / spec.acquisition.pixel_size_um()).ceil() as u32;
    for (path, value) in [
        ("acquisition.duration_s", "2".to_owned()),
        ("acquisition.image_sensor.n_px_height", side_px.to_string()),
        ("acquisition.image_sensor.n_px_width", ((side_px + 8) | 1).to_string()),
    ] {
        spec = set(&spec, path, &value);
    }
    spec
}

/// Writes the numbers that another program must find, each as raw little-endian bytes.
fn expectations(dir: &Path, recording: &Recording) {
    let truth = &recording.ground_truth;
    let (n, [t, h, w]) = (truth.n_units(), recording.observed.shape);
    let mut shapes = serde_json::Map::new();
    let mut put = |name: &str, shape: &[usize], bytes: Vec<u8>| {
        fs::write(dir.join(format!("{name}.bin")), bytes).expect("writable");
        shapes.insert(name.to_owned(), json!(shape));
    };
    let f64s = |v: &[f64]| v.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let stack = |s: &minisim::footprint::FootprintStack| {
        s.patches.iter().flat_map(|p| s.dense_in_fov(p)).flat_map(f32::to_le_bytes).collect::<Vec<u8>>()
    };
    let movie = &recording.observed.pixels;
    let counts: Vec<u8> = movie.to_f32(0..movie.len()).into_iter().flat_map(f32::to_le_bytes).collect();
    put("observed", &[t, h, w], counts);
    put("C", &[n, t], f64s(truth.c()));
    put("A_planted", &[n, h, w], stack(&truth.planted));
    put("A_observed", &[n, h, w], stack(&truth.observed_footprints()));
    put("shifts", &[t, 2], f64s(truth.f64s("shifts").expect("there is motion")));
    let bleaching = truth.array("bleaching").expect("there is bleaching");
    put("bleaching", &bleaching.shape, bleaching.data.to_f64().iter().flat_map(|x| x.to_le_bytes()).collect());
    let mut snapshots: Vec<&String> = recording.snapshots.iter().map(|(name, _)| name).collect();
    snapshots.sort();
    let expected = json!({
        "shapes": shapes,
        "n_detectable": truth.detectable().iter().filter(|d| **d).count(),
        "focal_depth_um": truth.focal_depth_um,
        "cache_key": recording.spec.cache_key(),
        "snapshots": snapshots,
        "fps": recording.spec.acquisition.fps.get(),
    });
    fs::write(dir.join("expected.json"), expected.to_string()).expect("writable");
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let text = [output.stdout, output.stderr].map(|o| String::from_utf8_lossy(&o).into_owned()).concat();
    assert!(output.status.success(), "{command:?}\n{text}");
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name)
}

#[test]
fn the_published_package_loads_every_preset_that_it_knows() {
    let Some(python) = std::env::var_os("MINISIM_PEER_PYTHON") else { return };
    let known = |name: &str| preset(name).expect("a preset").beyond_published().is_empty();
    assert_eq!(PRESETS.iter().filter(|preset| known(preset.name)).count(), 4);
    for (i, preset) in PRESETS.iter().filter(|preset| known(preset.name)).enumerate() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut spec = case(preset.name);
        if i == 0 {
            spec = set(&spec, "output.save_intermediates", "true");
        }
        let path = dir.path().join("recording.zarr");
        let sink = ZarrSink::create(&path, ZarrOptions::default()).expect("creatable");
        simulate_into(&spec, sink, Options::default()).unwrap_or_else(|e| panic!("{e}"));
        expectations(dir.path(), &simulate(&spec).expect("simulable"));
        let expected = dir.path().join("expected.json");
        run(Command::new(&python).arg(script("check_published.py")).arg(&path).arg(&expected));
    }
}

#[test]
fn zarr_xarray_opencv_and_ffmpeg_read_our_files() {
    let (Some(python), Some(ffmpeg)) = (std::env::var_os("MINISIM_ZARR3_PYTHON"), std::env::var_os("MINISIM_FFMPEG"))
    else {
        return;
    };
    let dir = tempfile::tempdir().expect("a temporary folder");
    // The film has several RIFF chunks.
    let spec = case("v4-ca1");
    let (recording, film) = (dir.path().join("recording.zarr"), dir.path().join("film.avi"));
    let sink = ZarrSink::create(&recording, ZarrOptions::default()).expect("creatable");
    simulate_into(&spec, sink, Options::default()).unwrap_or_else(|e| panic!("{e}"));
    let options = AviOptions { riff_bytes: 200_000, ..AviOptions::default() };
    simulate_into(&spec, AviSink::create(&film, options).expect("creatable"), Options::default()).expect("a film");
    expectations(dir.path(), &simulate(&spec).expect("simulable"));
    let expected = dir.path().join("expected.json");
    run(Command::new(&python).arg(script("check_readers.py")).args([&recording, &film, &expected]).arg(ffmpeg));
}

#[test]
fn every_format_is_read_by_the_program_it_is_for() {
    let Some(python) = std::env::var_os("MINISIM_ZARR3_PYTHON") else { return };
    let dir = tempfile::tempdir().expect("a temporary folder");
    // More frames than pixels a side: programs guess the axes by that.
    let spec = set(&case("v4-ca1"), "acquisition.duration_s", "8");
    let at = |name: &str| dir.path().join(name);
    let sink = ZarrSink::create(at("a.zarr"), ZarrOptions::default()).expect("creatable");
    simulate_into(&spec, sink, Options::default()).unwrap_or_else(|e| panic!("{e}"));
    let reader = Reader::open(at("a.zarr")).expect("a recording");
    let mjpg = Codec::Mjpg { quality: 90 };
    for (name, codec, clip) in [
        ("a.avi", None, None),
        ("g.avi", Some(Codec::Grey), None),
        ("f.avi", Some(Codec::Ffv1), None),
        ("m.avi", Some(mjpg), None),
        ("c.avi", Some(Codec::Ffv1), Some(25)),
        ("a.mkv", None, None),
        ("a.tif", None, None),
        ("a.h5", None, None),
        ("a.nwb", None, None),
        ("a.mmap", None, None),
        ("a.minian", None, None),
        ("a.truth", None, None),
        ("daq", None, Some(25)),
    ] {
        let format = (name == "daq").then_some(Format::Daq);
        let options = FileOptions { format, codec, clip, ..FileOptions::default() };
        convert(&reader, at(name), &options, &mut |_| true).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    run(Command::new(&python).arg(script("check_formats.py")).arg(dir.path()));
    // minian has an environment of its own.
    if let Some(minian) = std::env::var_os("MINISIM_MINIAN_PYTHON") {
        run(Command::new(minian).arg(script("check_minian.py")).arg(dir.path()));
    }
}

/// A film with 2 % of its frames lost in bursts, some torn, and time stamps that jitter: its gaps are where they were, for those who look.
#[test]
fn lost_frames_are_seen_by_the_programs_that_read_our_files() {
    let Some(python) = std::env::var_os("MINISIM_ZARR3_PYTHON") else { return };
    let dir = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| dir.path().join(name);
    let whole = set(&case("v4-ca1"), "acquisition.duration_s", "40");
    let mut faulty = whole.with_step("acquisition_faults").expect("a step").spec;
    for (field, value) in [
        ("lost_rate", "0.02"),
        ("burst_frames", "4"),
        ("torn_rate", "0.005"),
        ("broken_rate", "0.005"),
        ("repeated_rate", "0.005"),
        ("clip_frames", "200"),
        ("clip_step", "0.05"),
        ("jitter_ms", "3"),
    ] {
        faulty = set(&faulty, &format!("steps.acquisition_faults.{field}"), value);
    }
    for (name, spec) in [("whole.zarr", &whole), ("faulty.zarr", &faulty)] {
        let sink = ZarrSink::create(at(name), ZarrOptions::default()).expect("creatable");
        simulate_into(spec, sink, Options::default()).unwrap_or_else(|e| panic!("{e}"));
    }
    let reader = Reader::open(at("faulty.zarr")).expect("a recording");
    convert(&reader, at("faulty.nwb"), &FileOptions::default(), &mut |_| true).expect("written");
    // Straight from the simulation as well as from a recording.
    let options = FileOptions { format: Some(Format::Daq), clip: Some(200), ..FileOptions::default() };
    let sink = minisim_io::FileSink::create(at("daq"), &options).expect("creatable");
    simulate_into(&faulty, sink, Options::default()).unwrap_or_else(|e| panic!("{e}"));
    convert(&reader, at("again"), &options, &mut |_| true).expect("written");
    let stamps = |name: &str| fs::read(at(name).join("Miniscope/timeStamps.csv")).expect("written");
    assert_eq!(stamps("daq"), stamps("again"));
    let mut asked = vec![(python, ["roiextractors", "pynwb"].as_slice())];
    for (variable, program) in [("MINISIM_MINIAN_PYTHON", &["minian"]), ("MINISIM_NEUROCONV_PYTHON", &["neuroconv"])] {
        asked.extend(std::env::var_os(variable).map(|python| (python, program.as_slice())));
    }
    for (python, programs) in asked {
        run(Command::new(python).arg(script("check_faults.py")).arg(dir.path()).args(programs));
    }
}

/// OpenCV and ffmpeg play the film; being small is its virtue, not being exact.
#[cfg(feature = "mp4")]
#[test]
fn slides_show_mp4() {
    let Some(python) = std::env::var_os("MINISIM_ZARR3_PYTHON") else { return };
    let dir = tempfile::tempdir().expect("a temporary folder");
    let spec = case("v4-ca1");
    let at = |name: &str| dir.path().join(name);
    for name in ["a.mp4", "a.avi"] {
        let sink = minisim_io::FileSink::create(at(name), &FileOptions::default()).expect("creatable");
        simulate_into(&spec, sink, Options::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    run(Command::new(&python).arg(script("check_mp4.py")).args([at("a.mp4"), at("a.avi")]));
}
