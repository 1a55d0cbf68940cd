//! Speed and memory in one table, with the limits of the machine measured in the same run.
//!
//! The case is the one users know: Miniscope V4 over CA1, full 608 × 608 field, all twelve steps, 20 fps.

use std::{
    hint::black_box,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use minisim::{Scene, presets::preset, rng::Key, run::render_range, spec::Spec};

use crate::{Result, cargo, python, root};

/// One line of the table.
struct Row {
    case: String,
    ours: f64,
    unit: &'static str,
    peak_mb: Option<f64>,
    peer: Option<(f64, Option<f64>)>,
}

/// Measures and prints the table.
pub(crate) fn run(with_peer: bool, seconds: f64) -> Result {
    run_build()?;
    let spec = case(seconds)?;
    let dir = root().join("target/bench");
    std::fs::create_dir_all(&dir)?;
    let n_frames = spec.acquisition.n_frames() as f64;

    let copy_ns = copy_ns_per_byte();
    let word_ns = word_ns();
    let build = median(3, || black_box(Scene::new(&spec)).map(|_| ()).map_err(|e| e.to_string()))?;
    let scene = Scene::new(&spec)?;
    let n_render = scene.n_frames.min(240);
    let render = median(3, || black_box(render_range(&scene, 0..n_render)).map(|_| ()).map_err(|e| e.to_string()))?
        / n_render as f64;
    drop(scene);

    let peer = if with_peer { Some(measure_peer(&dir, seconds)?) } else { None };
    let of = |name: &str| peer.as_ref().and_then(|p| Some((p[name]["seconds"].as_f64()?, p[name]["peak_mb"].as_f64())));
    let per_frame = |v: Option<(f64, Option<f64>)>| v.map(|(s, m)| (s * 1e3 / n_frames, m));

    let avi = measure_run(&dir, "case.avi", seconds)?;
    let zarr = measure_run(&dir, "case.zarr", seconds)?;
    let long = measure_run(&dir, "long.zarr", 2.0 * seconds)?;
    let rows = [
        Row {
            case: "scene build".into(),
            ours: build * 1e3,
            unit: "ms",
            peak_mb: None,
            peer: of("build").map(|(s, m)| (s * 1e3, m)),
        },
        Row { case: "render, no output".into(), ours: render * 1e3, unit: "ms/frame", peak_mb: None, peer: None },
        Row {
            case: format!("AVI, {seconds} s of film"),
            ours: avi.0 * 1e3 / n_frames,
            unit: "ms/frame",
            peak_mb: Some(avi.1),
            peer: per_frame(of("avi")),
        },
        Row {
            case: format!("zarr with truth, {seconds} s"),
            ours: zarr.0 * 1e3 / n_frames,
            unit: "ms/frame",
            peak_mb: Some(zarr.1),
            peer: per_frame(of("zarr")),
        },
        Row {
            case: format!("zarr with truth, {} s", 2.0 * seconds),
            ours: long.0 * 1e3 / (2.0 * n_frames),
            unit: "ms/frame",
            peak_mb: Some(long.1),
            peer: None,
        },
    ];
    println!(
        "\nMiniscope V4 × CA1, 608 × 608 px, all twelve steps, 20 fps, {} threads\n",
        rayon::current_num_threads()
    );
    println!("| case | ours | peak memory | published package | its peak | ratio |");
    println!("|---|---|---|---|---|---|");
    for r in rows {
        let mb = |m: Option<f64>| m.map_or_else(|| "–".to_owned(), |m| format!("{m:.0} MB"));
        let (peer, peer_mb, ratio) = match r.peer {
            None => ("–".to_owned(), "–".to_owned(), "–".to_owned()),
            Some((t, m)) => (format!("{t:.1} {}", r.unit), mb(m), format!("{:.0}×", t / r.ours)),
        };
        println!("| {} | {:.2} {} | {} | {peer} | {peer_mb} | {ratio} |", r.case, r.ours, r.unit, mb(r.peak_mb));
    }
    let pixels = 608.0 * 608.0;
    println!(
        "\nlimits in the same run, one thread: copying a frame's counts once {:.3} ms, one random word a pixel {:.3} ms",
        copy_ns * pixels / 1e6,
        word_ns * pixels / 1e6
    );
    Ok(())
}

fn run_build() -> Result {
    crate::run(&mut cargo(&["build", "--release", "--package", "minisim-cli"]))
}

/// The benchmark's spec.
fn case(seconds: f64) -> Result<Spec> {
    let spec = preset("v4-ca1")?.with_step("brain_motion")?.spec.with_step("bleaching")?.spec;
    Ok(spec.set("acquisition.duration_s", &seconds.to_string())?.spec)
}

fn median(n: usize, mut work: impl FnMut() -> std::result::Result<(), String>) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..n {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[n / 2])
}

/// Seconds and peak memory (MB) of the command line program writing `name`.
fn measure_run(dir: &Path, name: &str, seconds: f64) -> Result<(f64, f64)> {
    let mut command = Command::new(root().join("target/release/minisim"));
    command
        .args(["simulate", "--preset", "v4-ca1", "--with", "brain_motion", "--with", "bleaching", "--force"])
        .args(["--no-picture", "--quiet", "--duration", &seconds.to_string(), "-o"])
        .arg(dir.join(name));
    measure(&mut command)
}

/// Runs a command; seconds and the largest resident memory seen (MB).
fn measure(command: &mut Command) -> Result<(f64, f64)> {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn()?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_kb = 0.0_f64;
    loop {
        if let Ok(status) = std::fs::read_to_string(&status_file)
            && let Some(line) = status.lines().find(|l| l.starts_with("VmHWM:"))
            && let Some(kb) = line.split_whitespace().nth(1).and_then(|v| v.parse::<f64>().ok())
        {
            peak_kb = peak_kb.max(kb);
        }
        if let Some(status) = child.try_wait()? {
            let seconds = start.elapsed().as_secs_f64();
            return if status.success() { Ok((seconds, peak_kb / 1e3)) } else { Err(format!("{status}").into()) };
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn measure_peer(dir: &Path, seconds: f64) -> Result<serde_json::Value> {
    let python = python::published_package()?;
    let script = root().join("xtask/src/bench_peer.py");
    let mut all = serde_json::Map::new();
    for case in ["build", "avi", "zarr"] {
        println!("measuring the published package: {case}");
        let report = dir.join("peer.json");
        let mut command = Command::new(&python);
        command.arg(&script).args([case, &seconds.to_string()]).arg(dir).arg(&report);
        let (_, peak_mb) = measure(&mut command)?;
        let mut value: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(report)?)?;
        value["peak_mb"] = peak_mb.into();
        all.insert(case.to_owned(), value);
    }
    Ok(all.into())
}

fn copy_ns_per_byte() -> f64 {
    let from = vec![1_u8; 608 * 608 * 64];
    let mut to = vec![0_u8; from.len()];
    let mut best = f64::INFINITY;
    for _ in 0..10 {
        let start = Instant::now();
        to.copy_from_slice(black_box(&from));
        black_box(&to);
        best = best.min(start.elapsed().as_secs_f64());
    }
    best * 1e9 / from.len() as f64
}

fn word_ns() -> f64 {
    let key = Key::new(1, "bench", "words");
    let mut words = vec![0_u32; 1 << 20];
    let mut best = f64::INFINITY;
    for round in 0..10 {
        let start = Instant::now();
        key.fill_words(round, 0, &mut words);
        black_box(&words);
        best = best.min(start.elapsed().as_secs_f64());
    }
    best * 1e9 / words.len() as f64
}
