//! The recording directory: what goes in comes out, and nothing else is believed.

mod common;
#[path = "../../minisim/tests/common/npz.rs"]
mod npz;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use common::{assert_same, empty_spec, recording, set, small_spec};
use minisim::{
    Options, RunError, simulate_into,
    sink::{Block, Header, Sink, SinkError},
};
use minisim_io::{IoError, Reader, Written, ZarrOptions, ZarrSink, load, save};

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("readable").path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a folder");
    entries.map(|e| e.expect("readable").file_name().to_string_lossy().into_owned()).collect()
}

fn create(path: &Path) -> ZarrSink {
    ZarrSink::create(path, ZarrOptions::default()).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn a_recording_knows_its_stage_and_its_largest_count() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let spec = small_spec();
    for (until, stage, max_count) in [
        (None, Some("sensor"), Some(255)),
        (Some("leakage"), Some("leakage"), None),
        (Some("composite"), Some("cells_only"), None),
        (Some("optics"), None, None),
    ] {
        let path = dir.path().join(format!("{}.zarr", until.unwrap_or("all")));
        simulate_into(&spec, create(&path), Options { until, ..Options::default() }).unwrap_or_else(|e| panic!("{e}"));
        let content = Reader::open(&path).and_then(|reader| reader.content()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((content.stage.as_deref(), content.max_count), (stage, max_count), "{until:?}");
    }
    // Where the directory does not say it, as the published package's, the film's looks decide.
    let path = dir.path().join("all.zarr/.zattrs");
    let attributes = fs::read_to_string(&path).expect("readable");
    let mut older: serde_json::Value = serde_json::from_str(&attributes).expect("JSON");
    older.as_object_mut().expect("an object").retain(|key, _| key != "stage" && key != "max_count");
    fs::write(&path, older.to_string()).expect("written");
    let reader = Reader::open(dir.path().join("all.zarr")).expect("a recording");
    assert_eq!(reader.content().expect("frames").max_count, Some(255));
    fs::write(&path, attributes.replace("\"stage\": \"sensor\"", "\"stage\": \"moon\"")).expect("written");
    let error = Reader::open(dir.path().join("all.zarr")).expect("a recording").content().expect_err("no stage");
    assert!(error.to_string().contains("moon"), "{error}");
}

#[test]
fn streamed_and_saved_recordings_load_as_they_were() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let kept =
        set(&small_spec(), "output.save_intermediates", "true").with_step("acquisition_faults").expect("a step").spec;
    let none_lost = set(&kept, "steps.acquisition_faults.lost_rate", "0");
    for (name, spec) in [
        ("faulty", set(&kept, "steps.acquisition_faults.lost_rate", "0.3")),
        ("none lost", none_lost),
        ("small", small_spec()),
        ("snapshots", set(&small_spec(), "output.save_intermediates", "true")),
        ("double", set(&small_spec(), "output.store_dtype", "\"float64\"")),
        ("bytes", set(&small_spec(), "output.store_dtype", "\"uint8\"")),
        ("words", set(&small_spec(), "output.store_dtype", "\"uint16\"")),
        ("empty", empty_spec()),
    ] {
        let original = recording(&spec);
        let (streamed, saved) = (dir.path().join(format!("{name}-1.zarr")), dir.path().join(format!("{name}-2.zarr")));
        simulate_into(&spec, create(&streamed), Options::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
        save(&original, &saved, ZarrOptions::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
        for path in [&streamed, &saved] {
            let loaded = load(path).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(loaded.warnings.is_empty(), "{name}: {:?}", loaded.warnings);
            assert_same(&loaded.recording, &original);
        }
        let content = |root: &Path| -> HashMap<PathBuf, Vec<u8>> {
            let relative = |f: &PathBuf| f.strip_prefix(root).expect("inside").to_owned();
            files(root).iter().map(|f| (relative(f), fs::read(f).expect("readable"))).collect()
        };
        assert!(content(&streamed) == content(&saved), "{name}: the files differ");
    }
    assert!(names(dir.path()).iter().all(|n| n.ends_with(".zarr")), "{:?}", names(dir.path()));
}

#[test]
fn frames_are_read_in_any_part() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    // Several chunks, the last of them short: a frame of 700 × 501 has 1.4 MB as float32.
    for dtype in ["float32", "float64"] {
        let path = dir.path().join(dtype).with_extension("zarr");
        let mut spec = set(&small_spec(), "output.store_dtype", &format!("{dtype:?}"));
        spec = set(&spec, "acquisition.image_sensor.n_px_height", "700");
        spec = set(&spec, "acquisition.image_sensor.n_px_width", "501");
        let original = recording(&spec);
        simulate_into(&spec, create(&path), Options::default()).expect("written");
        let reader = Reader::open(&path).expect("a recording");
        assert_eq!(reader.shape(), original.observed.shape);
        assert!(files(&path.join("observed")).len() > 4, "the film is cut into chunks");
        for range in [0..1, 3..4, 4..7, 0..23, 22..23, 21..99, 7..7, 50..60] {
            let part = reader.frames(range.clone()).expect("readable");
            for (i, t) in range.clone().take_while(|t| *t < 23).enumerate() {
                assert_eq!(part.frame(i), original.observed.frame(t), "{dtype}, {range:?}: frame {t}");
            }
        }
        assert!(
            reader
                .snapshot_frames("sensor", 0..1)
                .expect_err("none was kept")
                .to_string()
                .contains("save_intermediates")
        );
    }
}

#[test]
fn a_recording_of_the_published_package_loads_exactly() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let loaded = load(data.join("recording.zarr")).unwrap_or_else(|e| panic!("{e}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let truth = &loaded.recording.ground_truth;
    let mut expected = npz::npz(&data.join("recording_expected.npz"));
    let mut array = |name: &str| expected.remove(name).expect("test data").1;
    let movie = &loaded.recording.observed;
    assert_eq!((0..movie.pixels.len()).map(|i| movie.pixels.get(i)).collect::<Vec<_>>(), array("observed"));
    assert_eq!(truth.c(), array("C"));
    assert_eq!(truth.centers_um(), array("centers_um"));
    let dense = |stack: &minisim::footprint::FootprintStack| -> Vec<f64> {
        stack.patches.iter().flat_map(|p| stack.dense_in_fov(p)).map(f64::from).collect()
    };
    assert_eq!(dense(&truth.planted), array("A_planted"));
    let (got, want) = (dense(&truth.observed_footprints()), array("A_observed"));
    let peak = want.iter().copied().fold(0.0, f64::max);
    for (g, w) in got.iter().zip(&want) {
        assert!((g - w).abs() <= 1e-5 * peak, "{g} but published {w}");
    }
    assert_eq!(truth.focal_depth_um, Some(109.0));
    assert_eq!(loaded.recording.snapshots.len(), 8);
    for name in
        ["bleaching", "neuropil_spatial", "vasculature_mask", "vessel_overlap_fraction", "shifts", "observed_gain"]
    {
        assert!(truth.array(name).is_some(), "{name}");
    }
}

#[test]
fn an_existing_output_is_replaced_only_on_request_and_only_when_complete() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("film.zarr");
    let old = recording(&small_spec());
    save(&old, &path, ZarrOptions::default()).expect("written");
    let error = ZarrSink::create(&path, ZarrOptions::default()).expect_err("it exists");
    assert!(matches!(error, IoError::Exists { .. }) && error.to_string().contains("--force"), "{error}");

    let overwrite = ZarrOptions { overwrite: true };
    let new_spec = set(&small_spec(), "seed", "7");
    // A run that fails half way leaves the old recording.
    let sink = Failing { inner: ZarrSink::create(&path, overwrite).expect("allowed"), after: 1 };
    assert!(matches!(simulate_into(&new_spec, sink, Options::default()), Err(RunError::Sink(_))));
    assert_same(&load(&path).expect("still there").recording, &old);
    assert_eq!(names(dir.path()), ["film.zarr"]);

    simulate_into(&new_spec, ZarrSink::create(&path, overwrite).expect("allowed"), Options::default())
        .expect("written");
    assert_same(&load(&path).expect("replaced").recording, &recording(&new_spec));
    assert_eq!(names(dir.path()), ["film.zarr"]);

    // Something else is never replaced.
    for other in ["notes.zarr", "folder.zarr"] {
        let other = dir.path().join(other);
        if other.ends_with("notes.zarr") {
            fs::write(&other, "mine").expect("writable");
        } else {
            fs::create_dir(&other).expect("writable");
        }
        let error = ZarrSink::create(&other, overwrite).expect_err("not ours");
        assert!(matches!(error, IoError::WouldDestroy { .. }), "{error}");
    }
}

/// Passes blocks on, then fails.
struct Failing {
    inner: ZarrSink,
    after: usize,
}

impl Sink for Failing {
    type Output = Written;

    fn begin(&mut self, header: &Header) -> Result<(), SinkError> {
        self.inner.begin(header)
    }

    fn block(&mut self, block: &Block<'_>) -> Result<(), SinkError> {
        if self.after == 0 {
            return Err("the disk caught fire".into());
        }
        self.after -= 1;
        self.inner.block(block)
    }

    fn finish(self, truth: minisim::GroundTruth) -> Result<Written, SinkError> {
        self.inner.finish(truth)
    }
}

#[test]
fn an_unfinished_output_leaves_nothing() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let sink = Failing { inner: create(&dir.path().join("a.zarr")), after: 2 };
    let error = simulate_into(&small_spec(), sink, Options::default()).expect_err("it fails");
    assert!(error.to_string().contains("caught fire"), "{error}");
    drop(create(&dir.path().join("b.zarr")));
    let options = Options::default();
    options.cancel.cancel();
    let cancelled = simulate_into(&small_spec(), create(&dir.path().join("c.zarr")), options);
    assert!(matches!(cancelled, Err(RunError::Cancelled)));
    assert!(names(dir.path()).is_empty(), "{:?}", names(dir.path()));
    // What a killed process leaves is not taken for a recording.
    let half = dir.path().join("d.zarr.tmp-1-0-abc");
    fs::create_dir_all(half.join("observed")).expect("writable");
    assert!(matches!(load(&half), Err(IoError::NotARecording { .. })));
}

#[test]
fn outputs_that_cannot_be_written_say_so() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let error = ZarrSink::create(dir.path().join("missing/a.zarr"), ZarrOptions::default()).expect_err("no folder");
    assert!(error.to_string().contains("missing"), "{error}");
    fs::write(dir.path().join("file"), "").expect("writable");
    ZarrSink::create(dir.path().join("file/a.zarr"), ZarrOptions::default()).expect_err("a file is no folder");
}

#[test]
fn what_is_no_recording_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let missing = load(dir.path().join("nothing.zarr")).expect_err("missing").to_string();
    assert!(missing.contains("does not exist"), "{missing}");
    fs::write(dir.path().join("file"), "text").expect("writable");
    assert!(load(dir.path().join("file")).expect_err("a file").to_string().contains("file"));
    assert!(matches!(load(dir.path()), Err(IoError::NotARecording { .. })));
    // A zarr group of somebody else.
    fs::write(dir.path().join(".zgroup"), r#"{"zarr_format": 2}"#).expect("writable");
    fs::write(dir.path().join(".zattrs"), r#"{"title": "mine"}"#).expect("writable");
    assert!(load(dir.path()).expect_err("alien").to_string().contains("format_version"));
    fs::write(dir.path().join(".zattrs"), r#"{"format_version": 7}"#).expect("writable");
    assert!(matches!(load(dir.path()), Err(IoError::Version { .. })));
}

#[test]
fn a_changed_spec_is_a_warning() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("film.zarr");
    save(&recording(&small_spec()), &path, ZarrOptions::default()).expect("written");
    fs::write(path.join("spec.json"), set(&small_spec(), "seed", "99").pretty_json()).expect("writable");
    let loaded = load(&path).expect("still a recording");
    assert!(loaded.warnings.iter().any(|w| w.contains("cache key")), "{:?}", loaded.warnings);
}

#[test]
fn damage_is_always_an_error_or_harmless() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("film.zarr");
    let original = recording(&small_spec());
    save(&original, &path, ZarrOptions::default()).expect("written");
    // Files that only other programs need.
    let unused = |f: &Path| {
        let text = f.to_string_lossy();
        let own = ["/film.zarr/.zattrs", "/ground_truth/.zattrs", "/planted/.zattrs"];
        f.ends_with(".zmetadata")
            || f.ends_with(".zgroup")
            || (f.ends_with(".zattrs") && !own.iter().any(|o| text.ends_with(o)))
    };
    for file in files(&path) {
        let whole = fs::read(&file).expect("readable");
        let mut variants =
            vec![None, Some(Vec::new()), Some(b"garbage".to_vec()), Some(whole[..whole.len() / 2].to_vec())];
        for at in [0, 2, 4, 7, 8, 12, 20, whole.len() / 2, whole.len().saturating_sub(1)] {
            let mut bad = whole.clone();
            if let Some(byte) = bad.get_mut(at) {
                *byte ^= 0xff;
                variants.push(Some(bad));
            }
        }
        for (i, variant) in variants.iter().enumerate() {
            match variant {
                None => fs::remove_file(&file).expect("removable"),
                Some(bytes) => fs::write(&file, bytes).expect("writable"),
            }
            match load(&path) {
                Err(e) => assert!(!e.to_string().is_empty()),
                Ok(_) if i >= 4 || unused(&file) => {}
                // An array that may be absent is absent when its metadata is gone.
                Ok(_) if i == 0 && file.ends_with(".zarray") => {}
                Ok(_) => panic!("{} as variant {i} was believed", file.display()),
            }
        }
        fs::write(&file, &whole).expect("writable");
    }
    assert_same(&load(&path).expect("whole again").recording, &original);
}

#[test]
fn sizes_in_metadata_are_not_believed() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let path = dir.path().join("film.zarr");
    save(&recording(&small_spec()), &path, ZarrOptions::default()).expect("written");
    let meta = path.join("observed/.zarray");
    let text = fs::read_to_string(&meta).expect("readable");
    let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for shape in [
        serde_json::json!([1_u64 << 39, 1 << 10, 1 << 10]),
        serde_json::json!([1_000_000_000, 61, 67]),
        serde_json::json!([-1, 61, 67]),
        serde_json::json!([23, 61]),
        serde_json::json!("many"),
    ] {
        value["shape"] = shape.clone();
        fs::write(&meta, value.to_string()).expect("writable");
        assert!(load(&path).is_err(), "{shape} was believed");
    }
    value["shape"] = serde_json::json!([23, 61, 67]);
    value["chunks"] = serde_json::json!([1_u64 << 35, 61, 67]);
    fs::write(&meta, value.to_string()).expect("writable");
    assert!(load(&path).is_err());
}
