//! A recording directory with one file replaced by anything is read without a panic and without unbounded memory.
#![no_main]

use std::{path::PathBuf, sync::OnceLock};

use libfuzzer_sys::fuzz_target;
use minisim::{presets::preset, simulate_into};
use minisim_io::{Reader, ZarrOptions, ZarrSink};

/// A small saved recording and all its files.
fn sample() -> &'static (tempfile::TempDir, PathBuf, Vec<PathBuf>) {
    static SAMPLE: OnceLock<(tempfile::TempDir, PathBuf, Vec<PathBuf>)> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("sample.zarr");
        let mut spec = preset("v4-ca1").expect("a preset");
        for (field, value) in [
            ("acquisition.duration_s", "0.2"),
            ("acquisition.image_sensor.n_px_height", "40"),
            ("acquisition.image_sensor.n_px_width", "44"),
        ] {
            spec = spec.set(field, value).expect("a valid change").spec;
        }
        let sink = ZarrSink::create(&path, ZarrOptions::default()).expect("an output");
        simulate_into(&spec, sink, minisim::Options::default()).expect("a recording");
        let mut files = Vec::new();
        let mut waiting = vec![path.clone()];
        while let Some(next) = waiting.pop() {
            for entry in std::fs::read_dir(next).expect("readable") {
                let path = entry.expect("readable").path();
                if path.is_dir() { waiting.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        (dir, path, files)
    })
}

fuzz_target!(|data: &[u8]| {
    let (_, path, files) = sample();
    let Some((which, content)) = data.split_first() else { return };
    let file = &files[usize::from(*which) % files.len()];
    let kept = std::fs::read(file).expect("readable");
    std::fs::write(file, content).expect("writable");
    if let Ok(reader) = Reader::open(path) {
        let _ = reader.ground_truth();
        let _ = reader.frames(0..reader.n_frames().min(4));
    }
    let _ = minisim_io::load(path);
    std::fs::write(file, kept).expect("writable");
});
