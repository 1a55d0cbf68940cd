//! What pipelines leave on disk is read: files that numpy, scipy, h5py and zarr wrote (`python/make_pipelines.py`).

use std::{
    fs,
    path::{Path, PathBuf},
};

use minisim_io::{EstimateFile, read_left};

const SHAPE: [usize; 3] = [3, 6, 8];
const FRAMES: usize = 5;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/pipelines").join(name)
}

/// The footprints that every file of these holds.
fn footprints() -> Vec<f64> {
    let mut all = vec![0.0; SHAPE.iter().product()];
    for k in 0..SHAPE[0] {
        for row in k..k + 2 {
            for col in 2 * k..2 * k + 3 {
                all[(k * SHAPE[1] + row) * SHAPE[2] + col] = 1.0 + (10 * k + row) as f64 + col as f64 / 10.0;
            }
        }
    }
    all
}

fn rows(of: fn(f64, f64) -> f64) -> Vec<f64> {
    (0..SHAPE[0]).flat_map(|k| (0..FRAMES).map(move |t| of(k as f64, t as f64))).collect()
}

fn close(found: &[f64], expected: &[f64]) -> bool {
    found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5)
}

#[derive(Debug, PartialEq, Clone, Copy)]
struct Has {
    activity: bool,
    shifts: bool,
}

fn check(name: &str, found: &EstimateFile, has: Has) {
    assert_eq!(found.footprints.shape, SHAPE, "{name}");
    assert!(close(&found.footprints.values, &footprints()), "{name}: {:?}", found.footprints.values);
    let traces = found.traces.as_ref().unwrap_or_else(|| panic!("{name}: no traces"));
    assert_eq!(traces.shape, [SHAPE[0], FRAMES], "{name}");
    assert!(close(&traces.values, &rows(|k, t| k + t / 10.0)), "{name}: {:?}", traces.values);
    let there = Has { activity: found.activity.is_some(), shifts: found.shifts.is_some() };
    assert_eq!(there, has, "{name}");
    if let Some(activity) = &found.activity {
        assert!(close(&activity.values, &rows(|k, t| 2.0 * k + t)), "{name}: {:?}", activity.values);
    }
    if let Some(shifts) = &found.shifts {
        let expected: Vec<f64> = (0..FRAMES).flat_map(|t| [t as f64, -(t as f64)]).collect();
        assert!(close(&shifts.values, &expected), "{name}: {:?}", shifts.values);
    }
}

#[test]
fn every_pipeline_is_read() {
    let all = Has { activity: true, shifts: true };
    for (name, has) in [
        ("suite2p", all),
        ("minian", all),
        ("caiman.hdf5", Has { shifts: false, ..all }),
        ("extract_v5.mat", Has { activity: false, shifts: false }),
        ("extract_v73.mat", Has { activity: false, shifts: false }),
        ("cnmfe_v5.mat", Has { shifts: false, ..all }),
        ("cnmfe_v73.mat", Has { shifts: false, ..all }),
    ] {
        let path = data(name);
        check(name, &read_left(&path).unwrap_or_else(|e| panic!("{name}: {e}")), has);
        // As a pipeline leaves it: in a folder, among other things.
        let out = tempfile::tempdir().expect("a folder");
        fs::write(out.path().join("notes.txt"), "…").expect("writable");
        if path.is_dir() {
            copy(&path, &out.path().join("deeper").join(name));
        } else {
            fs::copy(&path, out.path().join(name)).expect("copied");
        }
        check(name, &read_left(out.path()).unwrap_or_else(|e| panic!("{name} in a folder: {e}")), has);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("readable") {
        let path = entry.expect("readable").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, target).expect("copied");
        }
    }
}

#[test]
fn nothing_and_nonsense_are_refused_in_words() {
    let out = tempfile::tempdir().expect("a folder");
    let message = |path: &Path| read_left(path).expect_err("nothing to read").to_string();
    assert!(message(out.path()).contains("nothing") && message(out.path()).contains("estimate.npz"));
    fs::write(out.path().join("estimate.txt"), "1 2 3").expect("writable");
    assert!(message(out.path()).contains("estimate.txt"));
    fs::write(out.path().join("estimate.npz"), "no archive").expect("writable");
    assert!(message(out.path()).contains("no numpy archive"));
    assert!(message(&out.path().join("not/there")).contains("not/there"));
}

/// Files that end early, or with bytes that are others, are refused or read; nothing panics.
#[test]
fn damaged_files_do_no_harm() {
    let out = tempfile::tempdir().expect("a folder");
    for name in [
        "suite2p/plane0/stat.npy",
        "suite2p/plane0/ops.npy",
        "caiman.hdf5",
        "extract_v5.mat",
        "cnmfe_v5.mat",
        "cnmfe_v73.mat",
    ] {
        let folder = out.path().join(name.replace('/', "_"));
        let target = if name.starts_with("suite2p") {
            copy(&data("suite2p"), &folder);
            folder.join(name.trim_start_matches("suite2p/"))
        } else {
            fs::create_dir_all(&folder).expect("a folder");
            folder.join(name)
        };
        let bytes = fs::read(data(name)).expect("readable");
        let step = (bytes.len() / 40).max(1);
        for at in (0..bytes.len()).step_by(step) {
            fs::write(&target, &bytes[..at]).expect("writable");
            // What is cut off may be what nobody needs; then all the rest is there.
            if let Ok(found) = read_left(&folder) {
                assert!(
                    found == read_left(data(name.split('/').next().expect("a name"))).expect("readable"),
                    "{name} cut at {at}"
                );
            }
            let mut other = bytes.clone();
            other[at] ^= 0x55;
            fs::write(&target, &other).expect("writable");
            let _ = read_left(&folder);
        }
    }
}
