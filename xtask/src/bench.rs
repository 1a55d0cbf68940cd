//! Speed and memory in one table, with the limits of the machine measured in the same run.
//!
//! The case is the one users know: Miniscope V4 over CA1, full 608 × 608 field, all twelve steps, 20 fps.

use std::{
    hint::black_box,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use minisim::{
    Scene,
    kernels::digitise::Digitiser,
    presets::preset,
    rng::Key,
    run::render_range,
    spec::{Positive, Spec},
    steps::Sensor,
};

use crate::{Result, cargo, python, root};

/// One line of the table.
struct Row {
    case: String,
    /// Time in `unit`.
    ours: f64,
    unit: &'static str,
    peak_mb: Option<f64>,
    peer: Option<(f64, Option<f64>)>,
}

impl Row {
    fn new(case: impl Into<String>, ours: f64, unit: &'static str) -> Self {
        Self { case: case.into(), ours, unit, peak_mb: None, peer: None }
    }

    fn peak(self, mb: f64) -> Self {
        Self { peak_mb: Some(mb), ..self }
    }

    fn peer(self, peer: Option<(f64, Option<f64>)>) -> Self {
        Self { peer, ..self }
    }
}

/// A film without its picture.
const ALONE: [&str; 1] = ["--no-picture"];

/// Films of each format that are compared with those of the other.
const TURNS: usize = 7;

/// Measures and prints the table.
///
/// With `hour`, a film sixty times as long is made too, which takes 27 GB of disk: its memory shows what grows with the duration.
pub(crate) fn run(with_peer: bool, hour: bool, seconds: f64) -> Result {
    run_build()?;
    let spec = case(seconds)?;
    let dir = root().join("target/bench");
    std::fs::create_dir_all(&dir)?;
    let n_frames = spec.acquisition.n_frames() as f64;

    let copy_ns = copy_ns_per_byte();
    let word_ns = word_ns();
    let build = median(3, || black_box(Scene::new(&spec)).map(|_| ()).map_err(|e| e.to_string()))?;
    let render_ms = |scene: &Scene, n: usize| -> Result<f64> {
        let start = Instant::now();
        black_box(render_range(scene, 0..n))?;
        Ok(start.elapsed().as_secs_f64() * 1e3 / n as f64)
    };
    // By turns, for other programs come and go.
    let scene = Scene::new(&spec)?;
    let n_rendered = scene.n_frames.min(600);
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let (mut renders, mut renders_one) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        renders.push(render_ms(&scene, n_rendered)?);
        renders_one.push(one_thread.install(|| render_ms(&scene, n_rendered).map_err(|e| e.to_string()))?);
    }
    drop(scene);
    let [render, render_one] = [renders, renders_one].map(|times| middle(times, f64::total_cmp));
    // The last frame of a long recording, which nobody asked for before.
    let far = {
        let scene = Scene::new(&case(100_000.0 / spec.acquisition.fps.get())?)?;
        let last = scene.n_frames - 1;
        let start = Instant::now();
        black_box(minisim::render(&scene, last..last + 1, None)?);
        start.elapsed().as_secs_f64()
    };
    let large = large_case()?;
    let large_build = median(1, || black_box(Scene::new(&large)).map(|_| ()).map_err(|e| e.to_string()))?;
    let large_scene = Scene::new(&large)?;
    let large_renders = (0..3).map(|_| render_ms(&large_scene, 16)).collect::<Result<_>>()?;
    let large_render = middle(large_renders, f64::total_cmp);
    let large_bounds = median(1, || black_box(large_scene.bounds()).map(|_| ()).map_err(|e| e.to_string()))?;
    drop(large_scene);

    let [plain_ns, imperfect_ns] = sensor_ns(&spec)?;

    let threads = rayon::current_num_threads();
    let (help_s, _) = best(10, || measure(Command::new(program()).arg("--help")))?;
    // Each film is new, and all are kept to the end: after hundreds of files were removed, a file system takes longer to make others
    // for a while.
    let mut n_films = 0;
    let mut film = |format: &str, seconds: f64, more: &[&str]| {
        n_films += 1;
        measure_run(&dir.join(format!("{n_films}.{format}")), seconds, more)
    };
    // By turns, for they are compared with each other.
    let (mut avis, mut zarrs, mut drawn) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        avis.push(film("avi", seconds, &ALONE)?);
        zarrs.push(film("zarr", seconds, &ALONE)?);
        drawn.push(film("zarr", seconds, &[])?);
    }
    let [(avi_s, avi_mb), (zarr_s, zarr_mb), (drawn_s, drawn_mb)] =
        [avis, zarrs, drawn].map(|runs| middle(runs, by_time));
    let (twice_s, twice_mb) = film("zarr", 2.0 * seconds, &ALONE)?;
    let (one_s, one_mb) = median_run(3, || film("avi", seconds, &["--threads", "1"]))?;
    let (memory_s, memory_mb) =
        median_run(3, || measure(Command::new(std::env::current_exe()?).args(["in-memory", &seconds.to_string()])))?;
    let (long_s, long_mb) = film("avi", 10.0 * seconds, &[])?;
    let sides = ["acquisition.image_sensor.n_px_height=128", "acquisition.image_sensor.n_px_width=128"];
    let (small_s, small_mb) = best(5, || film("zarr", 1.0, &["--no-picture", "--set", sides[0], "--set", sides[1]]))?;

    let hour = if hour { Some(film("avi", 60.0 * seconds, &ALONE)?) } else { None };

    // Last, for the system is busy for a while with the gigabytes that it gives back.
    let peer = if with_peer { Some(measure_peer(&dir, seconds)?) } else { None };
    std::fs::remove_dir_all(&dir)?;
    let of = |name: &str| peer.as_ref().and_then(|p| Some((p[name]["seconds"].as_f64()?, p[name]["peak_mb"].as_f64())));
    let per_frame = |v: Option<(f64, Option<f64>)>| v.map(|(s, m)| (s * 1e3 / n_frames, m));

    let frame_ms = |seconds: f64, frames: f64| seconds * 1e3 / frames;
    let mut rows = vec![
        Row::new("scene build", build * 1e3, "ms").peer(of("build").map(|(s, m)| (s * 1e3, m))),
        Row::new("render, no output", render, "ms/frame"),
        Row::new("the same on one thread", render_one, "ms/frame"),
        Row::new("frame 100 000, of a scene that stands", far * 1e3, "ms"),
        Row::new(format!("AVI, {seconds} s of film"), frame_ms(avi_s, n_frames), "ms/frame")
            .peak(avi_mb)
            .peer(per_frame(of("avi"))),
        Row::new("the same on one thread, and the disk's", frame_ms(one_s, n_frames), "ms/frame").peak(one_mb),
        Row::new(format!("AVI, {} s of film", 10.0 * seconds), frame_ms(long_s, 10.0 * n_frames), "ms/frame")
            .peak(long_mb),
        Row::new(format!("zarr with truth, {seconds} s"), frame_ms(zarr_s, n_frames), "ms/frame")
            .peak(zarr_mb)
            .peer(per_frame(of("zarr"))),
        Row::new(
            format!("its picture, {:.0} % of the run with it", 100.0 * (drawn_s - zarr_s) / drawn_s),
            (drawn_s - zarr_s) * 1e3,
            "ms",
        )
        .peak(drawn_mb),
        Row::new(format!("zarr with truth, {} s", 2.0 * seconds), frame_ms(twice_s, 2.0 * n_frames), "ms/frame")
            .peak(twice_mb),
        Row::new(format!("in memory, {seconds} s"), frame_ms(memory_s, n_frames), "ms/frame")
            .peak(memory_mb)
            .peer(per_frame(of("memory"))),
        Row::new("10 000 cells, 2048 × 2048, 16 bit: scene build", large_build * 1e3, "ms"),
        Row::new("10 000 cells, 2048 × 2048, 16 bit: render", large_render, "ms/frame"),
        Row::new("the sensor alone, one thread", plain_ns, "ns/pixel"),
        Row::new(
            format!("the same with every imperfection, {:.2} × the plain one", imperfect_ns / plain_ns),
            imperfect_ns,
            "ns/pixel",
        ),
        Row::new("10 000 cells, 2048 × 2048: bounds", large_bounds * 1e3, "ms"),
        Row::new("1 s of 128 × 128 to zarr, all told", small_s * 1e3, "ms").peak(small_mb),
        Row::new("minisim --help", help_s * 1e3, "ms"),
    ];
    rows.extend(hour.map(|(s, mb)| {
        let case = format!("AVI, {} s of film; {:.2} × the peak of {seconds} s", 60.0 * seconds, mb / avi_mb);
        Row::new(case, frame_ms(s, 60.0 * n_frames), "ms/frame").peak(mb)
    }));
    println!("\nMiniscope V4 × CA1, 608 × 608 px, all twelve steps, 20 fps, {threads} threads, {}\n", processor());
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
    println!("\nstudio, from a change to the new picture in the browser, whole field:");
    let web = root().join("crates/minisim-studio/web");
    let mut page = Command::new("node");
    page.arg("test/browser.mjs").arg(program()).arg("--latency").current_dir(web);
    if !page.status().is_ok_and(|s| s.success()) {
        println!("not measured: that takes Node.js and Chromium (or another path to it in MINISIM_CHROMIUM)");
    }
    let pixels = 608.0 * 608.0;
    println!(
        "\nlimits in the same run, one thread: copying a frame's counts once {:.3} ms, one random word a pixel {:.3} ms",
        copy_ns * pixels / 1e6,
        word_ns * pixels / 1e6
    );
    Ok(())
}

/// The processor's name.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|l| l.strip_prefix("model name")?.split_once(": "));
    name.map_or("unknown processor", |n| n.1).trim().to_owned()
}

fn program() -> std::path::PathBuf {
    root().join("target/release/minisim")
}

/// The quickest of `n` runs, with its memory: start-up is short, and whatever else the machine does only adds.
fn best(n: usize, mut work: impl FnMut() -> Result<(f64, f64)>) -> Result<(f64, f64)> {
    let mut best = work()?;
    for _ in 1..n {
        let now = work()?;
        best = if now.0 < best.0 { now } else { best };
    }
    Ok(best)
}

/// The run of middle length of `n`, with its memory.
fn median_run(n: usize, mut work: impl FnMut() -> Result<(f64, f64)>) -> Result<(f64, f64)> {
    let runs = (0..n).map(|_| work()).collect::<Result<_>>()?;
    Ok(middle(runs, by_time))
}

/// Orders runs by how long they took.
fn by_time(a: &(f64, f64), b: &(f64, f64)) -> std::cmp::Ordering {
    a.0.total_cmp(&b.0)
}

/// The middle one.
fn middle<T: Copy>(mut all: Vec<T>, order: impl Fn(&T, &T) -> std::cmp::Ordering) -> T {
    all.sort_by(order);
    all[all.len() / 2]
}

/// The benchmark's recording, made and kept in memory.
pub(crate) fn in_memory(seconds: f64) -> Result {
    black_box(minisim::simulate(&case(seconds)?)?);
    Ok(())
}

/// Ten thousand cells on a large sensor, behind optics with a flat field: over 3.4 mm a miniscope's would be curved out of
/// all focus.
fn large_case() -> Result<Spec> {
    let mut spec = case(3.0)?;
    for (path, value) in [
        ("acquisition.image_sensor.n_px_height", "2048"),
        ("acquisition.image_sensor.n_px_width", "2048"),
        ("acquisition.image_sensor.bit_depth", "16"),
        ("acquisition.optics.field_curvature_radius_um", "null"),
        ("steps.sensor.photons_per_unit", "20000"),
    ] {
        spec = spec.set(path, value)?.spec;
    }
    // The density that gives 10 000 cells in this field and layer.
    let fov_mm = spec.acquisition.fov_um().map(|um| um / 1e3);
    let density = 10_000.0 / (fov_mm[0] * fov_mm[1] * 0.02);
    Ok(spec.set("steps.place_neurons.populations[0].density_per_mm3", &density.to_string())?.spec)
}

/// Time a pixel of a plain sensor, and of the same one with all that a sensor may have, whose converter has two bits more.
fn sensor_ns(spec: &Spec) -> Result<[f64; 2]> {
    let mut imperfect = spec.set("acquisition.image_sensor.adc_bits", "10")?.spec;
    for (field, value) in [
        ("gain_adu_per_e", "4"),
        ("black_level_adu", "40"),
        ("full_well_e", "10000"),
        ("linearity_error_percent", "0.3"),
        ("dark_current_e_per_s", "20"),
        ("dsnu_pixel_e", "3"),
        ("dsnu_column_e", "1"),
        ("dsnu_row_e", "1"),
        ("prnu_pixel_percent", "1"),
        ("prnu_smooth_percent", "1"),
        ("hot_pixel_share", "0.001"),
        ("dead_pixel_share", "0.0001"),
        ("row_noise_e", "1"),
        ("column_noise_e", "1"),
    ] {
        imperfect = imperfect.set(&format!("acquisition.image_sensor.{field}"), value)?.spec;
    }
    let step = Sensor { photons_per_unit: Positive::lit(100.0) };
    let cameras = [spec, &imperfect].map(|spec| Digitiser::of(&step.camera(&spec.acquisition, spec.seed)));
    let n: usize = spec.acquisition.fov_px().iter().product();
    // From darkness to nearly saturation, in electrons.
    let light: Vec<f32> = (0..n).map(|i| (i % 3000) as f32 * 0.001).collect();
    let mut counts = vec![0_u8; n];
    // By turns, for other programs come and go.
    let mut times = [Vec::new(), Vec::new()];
    for frame in 0..400 {
        for (camera, times) in cameras.iter().zip(&mut times) {
            let start = Instant::now();
            camera.digitise(frame, 0, black_box(&light), black_box(&mut counts));
            times.push(start.elapsed().as_secs_f64() * 1e9 / n as f64);
        }
    }
    Ok(times.map(|times| middle(times, f64::total_cmp)))
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
    Ok(middle(times, f64::total_cmp))
}

/// Seconds and peak memory (MB) of the command line program writing a film.
fn measure_run(film: &Path, seconds: f64, more: &[&str]) -> Result<(f64, f64)> {
    let mut command = Command::new(program());
    command
        .args(["simulate", "--preset", "v4-ca1", "--with", "brain_motion", "--with", "bleaching", "--force"])
        .args(["--quiet", "--duration", &seconds.to_string(), "-o"])
        .arg(film)
        .args(more);
    measure(&mut command)
}

/// Runs a command; seconds and the largest resident memory seen (MB).
fn measure(command: &mut Command) -> Result<(f64, f64)> {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn()?;
    let status_file = format!("/proc/{}/status", child.id());
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Now and then: a look costs the command time, too.
        let watch = scope.spawn(|| {
            let mut peak_kb = 0.0_f64;
            while !ended.load(Ordering::Relaxed) {
                if let Ok(status) = std::fs::read_to_string(&status_file)
                    && let Some(line) = status.lines().find(|l| l.starts_with("VmHWM:"))
                    && let Some(kb) = line.split_whitespace().nth(1).and_then(|v| v.parse::<f64>().ok())
                {
                    peak_kb = peak_kb.max(kb);
                }
                std::thread::park_timeout(Duration::from_millis(10));
            }
            peak_kb
        });
        let status = child.wait();
        let seconds = start.elapsed().as_secs_f64();
        ended.store(true, Ordering::Relaxed);
        watch.thread().unpark();
        let peak_kb = watch.join().map_err(|_| "the watch on its memory died")?;
        let status = status?;
        if status.success() { Ok((seconds, peak_kb / 1e3)) } else { Err(format!("{status}").into()) }
    })
}

fn measure_peer(dir: &Path, seconds: f64) -> Result<serde_json::Value> {
    let python = python::published_package()?;
    let script = root().join("xtask/src/bench_peer.py");
    let mut all = serde_json::Map::new();
    for case in ["build", "avi", "zarr", "memory"] {
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
