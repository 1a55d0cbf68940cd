//! AVI films: the counts exactly, whole chains of RIFF chunks, and the spec beside.

mod common;

use std::{fs, path::Path};

use common::{recording, set, small_spec};
use minisim::{Options, Spec, simulate_into};
use minisim_io::{AviOptions, AviSink, save_avi};

/// Frames found by walking the chunks, and how many RIFF chunks there are; checks sizes and both indices on the way.
fn parse(bytes: &[u8], frame_bytes: usize) -> (Vec<Vec<u8>>, usize) {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")) as usize;
    let mut frames = Vec::new();
    let mut places = Vec::new();
    let mut indexed = Vec::new();
    let (mut riffs, mut at) = (0, 0);
    while at < bytes.len() {
        assert_eq!(&bytes[at..at + 4], b"RIFF");
        let end = at + 8 + word(at + 4);
        assert_eq!(&bytes[at + 8..at + 12], if riffs == 0 { b"AVI " } else { b"AVIX" });
        riffs += 1;
        let mut chunk = at + 12;
        let mut movi = 0;
        while chunk < end {
            let (name, size) = (&bytes[chunk..chunk + 4], word(chunk + 4));
            if name == b"LIST" && &bytes[chunk + 8..chunk + 12] == b"movi" {
                movi = chunk;
                let mut frame = chunk + 12;
                while frame < chunk + 8 + size {
                    let size = word(frame + 4);
                    match &bytes[frame..frame + 4] {
                        b"00db" => {
                            assert_eq!(size, frame_bytes);
                            frames.push(bytes[frame + 8..frame + 8 + size].to_vec());
                            places.push(frame + 8);
                        }
                        b"ix00" => {
                            let base = word(frame + 20) + (word(frame + 24) << 32);
                            let n = word(frame + 12);
                            indexed.extend((0..n).map(|i| base + word(frame + 32 + 8 * i)));
                        }
                        other => panic!("{other:?}"),
                    }
                    frame += 8 + size + size % 2;
                }
                assert_eq!(frame, chunk + 8 + size);
            } else if name == b"idx1" {
                for (i, place) in places.iter().enumerate().take(size / 16) {
                    let entry = chunk + 8 + 16 * i;
                    assert_eq!(movi + 8 + word(entry + 8) + 8, *place, "legacy index");
                }
            }
            chunk += 8 + size + size % 2;
        }
        assert_eq!(chunk, end);
        at = end;
    }
    assert_eq!(indexed, places);
    let header = bytes.windows(4).position(|w| w == b"dmlh").expect("an OpenDML header");
    assert_eq!(word(header + 8), frames.len());
    (frames, riffs)
}

fn film(spec: &Spec, path: &Path, options: AviOptions) {
    let sink = AviSink::create(path, options).unwrap_or_else(|e| panic!("{e}"));
    simulate_into(spec, sink, Options::default()).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn a_film_holds_the_counts_exactly() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let original = recording(&small_spec());
    for (name, riff_bytes, riffs) in [("one", 1 << 30, 1), ("many", 20_000, 6)] {
        let path = dir.path().join(format!("{name}.avi"));
        film(&small_spec(), &path, AviOptions { riff_bytes, ..AviOptions::default() });
        let (frames, n) = parse(&fs::read(&path).expect("readable"), 61 * 67);
        assert!(n >= riffs, "{name}: {n} RIFF chunks");
        assert_eq!(frames.len(), 23);
        for (t, frame) in frames.iter().enumerate() {
            let frame: Vec<f32> = frame.iter().map(|v| f32::from(*v)).collect();
            assert_eq!(frame, original.observed.frame(t), "{name}: frame {t}");
        }
        let text = fs::read_to_string(dir.path().join(format!("{name}.spec.json"))).expect("the spec is beside it");
        assert_eq!(Spec::from_json(&text).expect("valid").spec, small_spec());
    }
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 4);
}

#[test]
fn a_film_is_the_same_file_from_memory_and_while_it_renders() {
    // An odd number of pixels, many passes, and lists that end within some of them.
    let spec = set(&small_spec(), "acquisition.duration_s", "15");
    let recording = recording(&spec);
    let dir = tempfile::tempdir().expect("a folder");
    for riff_bytes in [1 << 30, 500_000] {
        let options = AviOptions { riff_bytes, overwrite: true, ..AviOptions::default() };
        let (streamed, saved) = (dir.path().join("streamed.avi"), dir.path().join("saved.avi"));
        film(&spec, &streamed, options);
        save_avi(&spec, &recording.observed, &saved, options).expect("saves");
        assert!(fs::read(&streamed).expect("reads") == fs::read(&saved).expect("reads"), "lists of {riff_bytes}");
    }
}

#[test]
fn a_film_without_sensor_needs_a_white_level() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let spec = small_spec().without_step("sensor").expect("a step").spec;
    let path = dir.path().join("clean.avi");
    let sink = AviSink::create(&path, AviOptions::default()).expect("creatable");
    let error = simulate_into(&spec, sink, Options::default()).expect_err("no white level").to_string();
    assert!(error.contains("vmax"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 0);
    film(&spec, &path, AviOptions { vmax: Some(2.0), ..AviOptions::default() });
    let (frames, _) = parse(&fs::read(&path).expect("readable"), 61 * 67);
    let original = recording(&spec);
    for (level, value) in frames[3].iter().zip(original.observed.frame(3)) {
        assert_eq!(f64::from(*level), (f64::from(value) * 127.5).round_ties_even().clamp(0.0, 255.0));
    }
}

#[test]
fn deeper_counts_are_scaled_to_grey() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let spec = set(&small_spec(), "acquisition.image_sensor.bit_depth", "12");
    let path = dir.path().join("deep.avi");
    film(&spec, &path, AviOptions::default());
    let (frames, _) = parse(&fs::read(&path).expect("readable"), 61 * 67);
    let original = recording(&spec);
    for (level, count) in frames[5].iter().zip(original.observed.frame(5)) {
        assert_eq!(f64::from(*level), (f64::from(count) * 255.0 / 4095.0).round_ties_even());
    }
}

#[test]
fn existing_files_and_empty_films() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("film.avi");
    film(&small_spec(), &path, AviOptions::default());
    let before = fs::read(&path).expect("readable");
    assert!(AviSink::create(&path, AviOptions::default()).is_err());
    let sink = AviSink::create(&path, AviOptions { overwrite: true, ..AviOptions::default() }).expect("allowed");
    let options = Options { until: Some("optics"), ..Options::default() };
    let error = simulate_into(&small_spec(), sink, options).expect_err("no frame").to_string();
    assert!(error.contains("no frame"), "{error}");
    assert_eq!(fs::read(&path).expect("still there"), before);
    film(&set(&small_spec(), "seed", "5"), &path, AviOptions { overwrite: true, ..AviOptions::default() });
    assert_ne!(fs::read(&path).expect("replaced"), before);
    assert_eq!(fs::read_dir(dir.path()).expect("a folder").count(), 2);
    let bad = AviOptions { vmax: Some(f64::NAN), ..AviOptions::default() };
    assert!(AviSink::create(dir.path().join("nan.avi"), bad).is_err());
}
