//! The program as its users meet it: what it prints, what it writes, and how it ends.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A small field, so that a run takes a moment only.
const SMALL: [&str; 6] = [
    "--duration",
    "1",
    "--set",
    "acquisition.image_sensor.n_px_height=96",
    "--set",
    "acquisition.image_sensor.n_px_width=112",
];

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_minisim"));
    command.current_dir(dir);
    command
}

fn run(dir: &Path, args: &[&str]) -> Output {
    command(dir).args(args).output().expect("the program starts")
}

fn simulate(dir: &Path, args: &[&str]) -> Output {
    command(dir).arg("simulate").args(SMALL).args(args).output().expect("the program starts")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", err(output));
    out(output)
}

/// Asserts the exit code, and that standard error names each of `words`, and holds no trace of a panic.
fn refused(output: &Output, code: i32, words: &[&str]) {
    let text = err(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a folder");
    let mut names: Vec<String> = entries.map(|e| e.expect("readable").file_name().to_string_lossy().into()).collect();
    names.sort();
    names
}

fn content(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    fn walk(dir: &Path, root: &Path, all: &mut Vec<(PathBuf, Vec<u8>)>) {
        for entry in fs::read_dir(dir).expect("a folder") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                walk(&path, root, all);
            } else {
                all.push((path.strip_prefix(root).expect("inside").to_owned(), fs::read(&path).expect("readable")));
            }
        }
    }
    let mut all = Vec::new();
    walk(root, root, &mut all);
    all.sort();
    all
}

#[test]
fn a_bare_run_ends_with_a_recording_a_picture_and_what_to_do_next() {
    let dir = folder();
    let text = done(&simulate(dir.path(), &[]));
    assert_eq!(names(dir.path()), ["v4-ca1.png", "v4-ca1.zarr"]);
    for word in ["v4-ca1.zarr", "cells", "detectable", "focus", "size", "time", "next:"] {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
    assert!(fs::read(dir.path().join("v4-ca1.png")).expect("a picture").starts_with(b"\x89PNG"));
    let info: Value = serde_json::from_str(&done(&run(dir.path(), &["info", "v4-ca1.zarr", "--json"]))).expect("JSON");
    assert_eq!(info["observed"]["shape"], json!([20, 96, 112]));
    let table = done(&run(dir.path(), &["info", "v4-ca1.zarr"]));
    assert!(table.contains("detectable") && table.contains("neuropil_spatial"), "{table}");
    assert!(table.contains("32-bit floats, counts 0 to 255"), "{table}");
    // A real film moves; the preset itself holds still.
    assert_eq!(info["ground_truth"]["shifts"]["shape"], json!([20, 2]));
    // Again: nothing is replaced unasked.
    let before = content(dir.path());
    refused(&simulate(dir.path(), &[]), 2, &["exists", "--force"]);
    refused(&simulate(dir.path(), &["--no-picture"]), 1, &["exists", "--force"]);
    assert!(content(dir.path()) == before);
    done(&simulate(dir.path(), &["--force", "--seed", "5"]));
    assert!(content(dir.path()) != before);
}

#[test]
fn the_summary_as_json_agrees_with_the_recording() {
    let dir = folder();
    let output = simulate(dir.path(), &["--json", "--with", "brain_motion", "-o", "a.zarr"]);
    let summary: Value = serde_json::from_str(&done(&output)).expect("JSON");
    let info: Value = serde_json::from_str(&done(&run(dir.path(), &["info", "a.zarr", "--json"]))).expect("JSON");
    for key in ["n_cells", "n_detectable", "focal_depth_um", "spec_cache_key"] {
        assert_eq!(summary[key], info[key], "{key}");
    }
    assert_eq!(summary["n_frames"], 20);
    let on_disk: usize = content(&dir.path().join("a.zarr")).iter().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(summary["bytes"], json!(on_disk));
    assert!(info["ground_truth"]["shifts"]["shape"] == json!([20, 2]));
    let quiet = simulate(dir.path(), &["--quiet", "-o", "b.zarr"]);
    assert!(done(&quiet).is_empty() && quiet.stderr.is_empty());
}

#[test]
fn a_picture_drawn_while_the_film_is_written_is_the_one_drawn_from_the_recording() {
    let dir = folder();
    // More frames than are looked at, and one whose film stops before the motion.
    for (name, more) in [("a", &["--duration", "8"][..]), ("b", &["--until", "neuropil"])] {
        let zarr = format!("{name}.zarr");
        let mut args = vec!["simulate"];
        args.extend(SMALL);
        args.extend(more.iter().copied().chain(["--with", "bleaching", "-o", &zarr]));
        // The last of two durations would be an error.
        if more[0] == "--duration" {
            args.drain(1..3);
        }
        done(&run(dir.path(), &args));
        let again = dir.path().join("again.png");
        done(&run(dir.path(), &["picture", &zarr, "-o", "again.png", "--force", "--quiet"]));
        let drawn = fs::read(dir.path().join(format!("{name}.png"))).expect("a picture");
        assert!(drawn == fs::read(again).expect("a picture"), "{name}");
    }
}

#[test]
fn info_says_how_strong_each_effect_is() {
    let dir = folder();
    let spec = json!({
        "acquisition": {"fps": 20, "duration_s": 1, "image_sensor": {"n_px_height": 64, "n_px_width": 96, "pixel_pitch_um": 16}},
        "steps": [
            {"kind": "place_neurons"}, {"kind": "cell_activity"}, {"kind": "optics"},
            {"kind": "axial_motion", "trajectory_um": vec![-4.1; 20]}, {"kind": "composite"},
            {"kind": "haemodynamics"}, {"kind": "brain_motion", "trajectory_um": vec![[3.0, -4.0]; 20]},
            {"kind": "tissue_deformation"}, {"kind": "led", "warm_up_loss": 0, "power_steps": [[0, 0.8]]}, {"kind": "sensor"},
        ],
    });
    fs::write(dir.path().join("hard.json"), spec.to_string()).expect("writable");
    done(&run(dir.path(), &["simulate", "hard.json"]));
    assert!(fs::read(dir.path().join("hard.png")).expect("a picture").starts_with(b"\x89PNG"));
    let table = done(&run(dir.path(), &["info", "hard.zarr"]));
    let line = |label: &str| {
        let found = table.lines().find(|line| line.trim_start().starts_with(&format!("{label}  ")));
        found.unwrap_or_else(|| panic!("no {label} in: {table}")).trim_end().to_owned()
    };
    assert!(line("axial motion").ends_with("99 % within 4.1 µm"), "{table}");
    assert!(line("brain motion").ends_with("99 % within 5.0 µm"), "{table}");
    assert!(line("lamp").ends_with("power at most 80.0 %, at least 80.0 %"), "{table}");
    for (label, words) in [("blood", "share of light RMS"), ("tissue deformation", "turned by 99 % within")] {
        assert!(line(label).contains(words), "{table}");
    }
    let info: Value = serde_json::from_str(&done(&run(dir.path(), &["info", "hard.zarr", "--json"]))).expect("JSON");
    let effects = info["effects"].as_array().expect("effects");
    let steps: Vec<&str> = effects.iter().filter_map(|effect| effect["step"].as_str()).collect();
    assert_eq!(steps, ["axial_motion", "haemodynamics", "brain_motion", "tissue_deformation", "led"]);
    assert_eq!(effects[0]["quantities"][0]["unit"], "µm");
    assert!((effects[0]["quantities"][0]["value"].as_f64().expect("a number") - 4.1).abs() < 1e-9);
}

#[test]
fn every_subcommand_can_be_quiet_or_give_its_facts() {
    let dir = folder();
    done(&simulate(dir.path(), &["-o", "a.zarr", "--no-picture"]));
    let commands: [&[&str]; 6] = [
        &["info", "a.zarr"],
        &["picture", "a.zarr", "--force"],
        &["convert", "a.zarr", "-o", "a.tif", "--force"],
        &["anatomy", "edges", "-o", "figures", "--force"],
        &["presets"],
        &["spec", "diff", "a.zarr/spec.json", "a.zarr/spec.json"],
    ];
    for command in commands {
        let with = |flag: &str| done(&run(dir.path(), &[command, &[flag]].concat()));
        assert_eq!(with("-q"), "", "{command:?}");
        assert!(serde_json::from_str::<Value>(&with("--json")).is_ok(), "{command:?}");
    }
}

#[test]
fn a_path_that_leads_nowhere_is_refused_in_plain_words() {
    let dir = folder();
    let set = |path: &str, more: &[&str]| {
        let assignment = format!("{path}=3");
        simulate(dir.path(), &[&["--preset", "v4-ca1", "--set", &assignment][..], more].concat())
    };
    let absent = set("steps.brain_motion.amp", &[]);
    refused(
        &absent,
        2,
        &["steps.brain_motion.amp: this spec has no step \"brain_motion\"", "add the step brain_motion first"],
    );
    let mistyped = set("steps.brain_motion.amp", &["--with", "brain_motion"]);
    refused(&mistyped, 2, &["steps.brain_motion has no field \"amp\"", "did you mean \"motion_amplitude_um\"?"]);
    refused(
        &set("steps.brainmotion.x", &[]),
        2,
        &["\"brainmotion\" is no kind of step", "did you mean \"brain_motion\"?"],
    );
    refused(&set("acquisition.frames", &[]), 2, &["acquisition has no field \"frames\""]);
}

#[test]
fn threads_do_not_change_a_byte() {
    let dir = folder();
    for n in ["1", "2", "5"] {
        done(&simulate(dir.path(), &["--threads", n, "--no-picture", "-o", &format!("{n}.zarr")]));
    }
    let one = content(&dir.path().join("1.zarr"));
    assert!(one == content(&dir.path().join("2.zarr")) && one == content(&dir.path().join("5.zarr")));
}

#[test]
fn a_stage_in_between_and_a_film() {
    let dir = folder();
    done(&simulate(dir.path(), &["--until", "leakage", "-o", "clean.zarr"]));
    done(&simulate(dir.path(), &["--until", "cell_activity", "-o", "cells.zarr"]));
    assert!(done(&run(dir.path(), &["info", "cells.zarr"])).contains("0 frames"));
    let text = done(&simulate(dir.path(), &["-o", "film.avi"]));
    assert!(text.contains("Fiji") && text.contains("film.spec.json"), "{text}");
    assert!(fs::read(dir.path().join("film.avi")).expect("a film").starts_with(b"RIFF"));
    // The spec beside the film gives the same recording again.
    done(&run(dir.path(), &["simulate", "film.spec.json", "-o", "again.zarr"]));
    refused(&simulate(dir.path(), &["--without", "sensor", "-o", "no.avi"]), 1, &["vmax"]);
    done(&simulate(dir.path(), &["--without", "sensor", "--vmax", "2", "-o", "yes.avi"]));
    assert!(names(dir.path()).iter().all(|n| !n.contains(".tmp-")));
}

#[test]
fn wrong_command_lines_and_specs() {
    let dir = folder();
    let path = dir.path();
    for (args, words) in [
        (&["--preset", "v4-ca2"][..], &["v4-ca2", "did you mean \"v4-ca1\""][..]),
        (&["--without", "neuropill"], &["neuropill", "did you mean \"neuropil\""]),
        (&["--until", "sensors"], &["sensors", "stages"]),
        (&["--set", "acquisition.fps"], &["PATH=VALUE"]),
        (&["--set", "acquisition.optics.magnificaton=1"], &["magnificaton", "did you mean \"magnification\""]),
        (&["--set", "acquisition.optics.na=wide"], &["acquisition.optics.na", "wide"]),
        (&["--set", "acquisition.optics.na=NaN"], &["acquisition.optics.na", "NaN"]),
        (&["--set", "steps.place_neurons.populations.0.density_per_mm3=1e14"], &["density_per_mm3", "cells", "lower"]),
        (&["--duration", "inf"], &["--duration", "finite"]),
        (&["--threads", "0"], &["--threads"]),
        (&["-o", "film.tiv"], &["film.tiv", ".zarr", ".avi"]),
        (&["missing.json"], &["missing.json", "minisim presets"]),
    ] {
        // A flag that is given twice would be refused for that.
        let base: &[&str] = if args[0] == "--duration" { &[] } else { &SMALL };
        refused(&command(path).arg("simulate").args(base).args(args).output().expect("starts"), 2, words);
    }
    refused(&run(path, &["simulate", "--duration", "5e10"]), 2, &["1.000e12 frames", "shorten duration_s"]);
    refused(&run(path, &["simulate", "--duration", "1e8"]), 2, &["acquisition.duration_s", "memory", "shorten"]);
    refused(&simulate(path, &["-o", "no/folder/a.zarr"]), 1, &["no/folder", "create it"]);
    assert!(names(path).is_empty(), "{:?}", names(path));
}

#[test]
fn a_spec_is_checked_all_at_once() {
    let dir = folder();
    let path = dir.path();
    let bad = "{\n  \"acquisition\": {\"fsp\": 20, \"duration_s\": -1},\n  \"steps\": [{\"kind\": \"neuropill\"}]\n}";
    fs::write(path.join("bad.json"), bad).expect("writable");
    let output = run(path, &["spec", "check", "bad.json"]);
    refused(&output, 2, &["bad.json:2:19", "fsp", "bad.json:2:", "duration_s = -1", "bad.json:3:", "neuropill"]);
    let listed: Value = serde_json::from_str(&out(&run(path, &["spec", "check", "bad.json", "--json"]))).expect("JSON");
    assert_eq!(listed["ok"], false);
    assert_eq!(listed["findings"].as_array().expect("a list").len(), 3);
    for key in ["path", "line", "column", "rule", "remedy", "severity"] {
        assert!(!listed["findings"][0][key].is_null(), "{key}");
    }
    for (name, text, words) in [
        ("nan.json", "{\"acquisition\": {\"fps\": NaN}}", &["nan.json:1:25", "NaN"][..]),
        ("inf.json", "{\"acquisition\": {\"fps\": Infinity}}", &["inf.json:1:25", "Infinity"]),
        ("big.json", "{\"acquisition\": {\"fps\": 1e999}}", &["big.json:1:"]),
        ("cut.json", "{\"acquisition\": {\"fps\": 2", &["cut.json:1:"]),
        ("empty.json", "", &["empty.json:1:"]),
        ("bytes.json", "\u{0}\u{1}", &["bytes.json:1:"]),
        ("list.json", "[1, 2]", &["list.json:1:"]),
        ("type.json", "{\"seed\": \"one\"}", &["type.json:1:", "seed", "\"one\""]),
        ("bad.toml", "seed = \n", &["bad.toml:1:"]),
        ("bad.yaml", "seed: [1", &["bad.yaml:"]),
    ] {
        fs::write(path.join(name), text).expect("writable");
        refused(&run(path, &["spec", "check", name]), 2, words);
    }
    fs::write(path.join("latin.json"), b"{\"seed\": \"\xff\"}").expect("writable");
    refused(&run(path, &["spec", "check", "latin.json"]), 2, &["UTF-8"]);
    refused(&run(path, &["spec", "check", "."]), 2, &["directory"]);
}

#[test]
fn a_spec_says_whether_the_published_package_could_read_it() {
    let dir = folder();
    let path = dir.path();
    let spec = |dtype: &str| {
        let output = format!("{{\"store_dtype\": \"{dtype}\"}}");
        format!("{{\"steps\": [{{\"kind\": \"sensor\"}}], \"output\": {output}}}")
    };
    fs::write(path.join("old.json"), spec("float32")).expect("writable");
    fs::write(path.join("new.json"), spec("uint8")).expect("writable");
    assert!(
        done(&run(path, &["spec", "check", "--published", "old.json"])).contains("readable by the published package")
    );
    done(&run(path, &["spec", "check", "new.json"]));
    let words = ["output.store_dtype", "uint8", "0.1", "1.0.3", "choose another value"];
    refused(&run(path, &["spec", "check", "--published", "new.json"]), 2, &words);
    let output = run(path, &["spec", "check", "--published", "--json", "new.json"]);
    let listed: Value = serde_json::from_str(&out(&output)).expect("JSON");
    assert_eq!((output.status.code(), &listed["ok"]), (Some(2), &Value::Bool(false)));
    assert_eq!(listed["findings"][0]["path"], "output.store_dtype");
}

#[test]
fn specs_are_shown_named_and_compared() {
    let dir = folder();
    let path = dir.path();
    let preset = done(&run(path, &["presets", "v4-ca1"]));
    fs::write(path.join("a.json"), &preset).expect("writable");
    assert_eq!(done(&run(path, &["spec", "show", "a.json"])), preset);
    let compact = done(&run(path, &["spec", "show", "--compact", "a.json"]));
    assert_eq!(compact.lines().count(), 1);
    let key = done(&run(path, &["spec", "key", "a.json"]));
    assert!(key.trim().len() == 16 && key.trim().chars().all(|c| c.is_ascii_hexdigit()), "{key}");
    assert!(done(&run(path, &["spec", "check", "a.json"])).contains(key.trim()));
    // Written by hand in TOML: the same fields, the same key.
    fs::write(path.join("b.toml"), "seed = 7\nsteps = []\n[acquisition]\nfps = 20\n").expect("writable");
    fs::write(path.join("b.json"), "{\"seed\": 7, \"steps\": [], \"acquisition\": {\"fps\": 20.0}}").expect("writable");
    assert_eq!(done(&run(path, &["spec", "key", "b.toml"])), done(&run(path, &["spec", "key", "b.json"])));
    let same = run(path, &["spec", "diff", "b.toml", "b.json"]);
    assert!(done(&same).contains("equal"));
    fs::write(path.join("c.json"), preset.replace("\"seed\": 0", "\"seed\": 8")).expect("writable");
    let differs = run(path, &["spec", "diff", "a.json", "c.json"]);
    assert_eq!((differs.status.code(), out(&differs).trim()), (Some(1), "seed: 0 → 8"));
    let schema: Value = serde_json::from_str(&done(&run(path, &["spec", "schema"]))).expect("JSON");
    assert!(schema["$defs"].is_object() || schema["properties"].is_object());
    let piped =
        command(path).args(["spec", "key", "-"]).stdin(fs::File::open(path.join("a.json")).expect("open")).output();
    assert_eq!(done(&piped.expect("starts")), key);
    let list = done(&run(path, &["presets"]));
    for name in ["v4-ca1", "v4-cortex-l23", "generic-ca1", "generic-cortex-l23"] {
        assert!(list.contains(name));
        done(&run(path, &["presets", name]));
    }
}

#[test]
fn help_has_examples_and_shells_get_completions() {
    let dir = folder();
    let help = done(&run(dir.path(), &["--help"]));
    assert!(help.contains("Exit codes") && help.contains("130"), "{help}");
    for args in [
        &["simulate"][..],
        &["presets"],
        &["info"],
        &["picture"],
        &["completions"],
        &["spec", "check"],
        &["spec", "key"],
        &["spec", "show"],
        &["spec", "schema"],
        &["spec", "diff"],
        &["score"],
        &["sweep", "run"],
        &["sweep", "list"],
        &["benchmark", "list"],
        &["benchmark", "make"],
        &["benchmark", "run"],
        &["benchmark", "report"],
    ] {
        let text = done(&command(dir.path()).args(args).arg("--help").output().expect("starts"));
        assert!(text.contains("Example"), "{args:?}: {text}");
    }
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = done(&run(dir.path(), &["completions", shell]));
        assert!(script.contains("simulate") && script.contains("picture"), "{shell}");
    }
}

#[test]
fn pictures_of_poor_recordings() {
    let dir = folder();
    let path = dir.path();
    for (name, spec) in [
        ("nothing", json!({"steps": []})),
        ("cells", json!({"steps": [{"kind": "place_neurons"}]})),
        ("active", json!({"steps": [{"kind": "place_neurons"}, {"kind": "cell_activity"}]})),
        ("still", json!({"steps": [{"kind": "place_neurons"}, {"kind": "composite"}]})),
        ("dark", json!({"steps": [{"kind": "sensor"}]})),
        ("haze", json!({"steps": [{"kind": "composite"}, {"kind": "neuropil"}, {"kind": "brain_motion"}]})),
        (
            "narrow",
            json!({
                "acquisition": {"image_sensor": {"n_px_height": 16, "n_px_width": 700, "pixel_pitch_um": 8}},
                "steps": [{"kind": "place_neurons"}, {"kind": "cell_activity"}, {"kind": "composite"}, {"kind": "sensor"}],
            }),
        ),
        (
            "pixel",
            json!({
                "acquisition": {"image_sensor": {"n_px_height": 1, "n_px_width": 1, "pixel_pitch_um": 300}, "duration_s": 0.05},
                "steps": [{"kind": "place_neurons"}, {"kind": "cell_activity"}, {"kind": "composite"}, {"kind": "sensor"}],
            }),
        ),
    ] {
        let mut spec = spec;
        if spec["acquisition"]["duration_s"].is_null() {
            spec["acquisition"]["duration_s"] = json!(0.5);
        }
        fs::write(path.join(format!("{name}.json")), spec.to_string()).expect("writable");
        done(&run(path, &["picture", &format!("{name}.json"), "-o", &format!("{name}-spec.png")]));
        done(&run(path, &["simulate", &format!("{name}.json")]));
        let (a, b) = (path.join(format!("{name}-spec.png")), path.join(format!("{name}.png")));
        assert!(
            fs::metadata(a).expect("a picture").len() > 10_000 && fs::metadata(b).expect("a picture").len() > 10_000
        );
    }
    refused(&run(path, &["picture", "dark.zarr", "-o", "dark.jpg"]), 2, &[".png"]);
    refused(&run(path, &["picture", "dark.zarr"]), 1, &["dark.png", "exists"]);
    refused(&run(path, &["picture", "none.zarr"]), 1, &["none.zarr", "does not exist"]);
}

#[test]
fn damaged_and_alien_recordings() {
    let dir = folder();
    let path = dir.path();
    done(&simulate(path, &["-o", "a.zarr"]));
    fs::create_dir(path.join("alien.zarr")).expect("writable");
    fs::write(path.join("alien.zarr/.zgroup"), "{\"zarr_format\": 2}").expect("writable");
    fs::write(path.join("alien.zarr/.zattrs"), "{\"title\": \"mine\"}").expect("writable");
    refused(&run(path, &["info", "alien.zarr"]), 1, &["not a recording", "something else wrote it"]);
    refused(&simulate(path, &["--force", "-o", "alien.zarr"]), 1, &["alien.zarr"]);
    assert_eq!(names(&path.join("alien.zarr")), [".zattrs", ".zgroup"], "it is still there");
    let chunk = path.join("a.zarr/observed/0.0.0");
    let bytes = fs::read(&chunk).expect("readable");
    fs::write(&chunk, &bytes[..bytes.len() / 2]).expect("writable");
    refused(&run(path, &["picture", "a.zarr", "-o", "b.png"]), 1, &["observed/0.0.0"]);
    fs::remove_file(path.join("a.zarr/ground_truth/C/0.0")).expect("removable");
    refused(&run(path, &["info", "a.zarr"]), 1, &["ground_truth/C/0.0", "missing"]);
    fs::remove_file(path.join("a.zarr/.zattrs")).expect("removable");
    refused(&run(path, &["info", "a.zarr"]), 1, &["not a recording"]);
    assert!(!path.join("b.png").exists());
}

/// A numpy array file of 64-bit floats.
fn npy(shape: &[usize], values: &[f64]) -> Vec<u8> {
    let shape: Vec<String> = shape.iter().map(|n| format!("{n},")).collect();
    let mut head = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({}), }}", shape.concat());
    head += &" ".repeat(64 - (10 + head.len() + 1) % 64);
    head.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((head.len() as u16).to_le_bytes());
    bytes.extend(head.into_bytes());
    bytes.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    bytes
}

/// A numpy archive of arrays, without compression.
fn npz(path: &Path, arrays: &[(&str, Vec<usize>, Vec<f64>)]) {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(fs::File::create(path).expect("writable"));
    for (name, shape, values) in arrays {
        zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).expect("writable");
        zip.write_all(&npy(shape, values)).expect("writable");
    }
    zip.finish().expect("writable");
}

#[test]
fn an_estimate_is_scored() {
    let dir = folder();
    let path = dir.path();
    done(&simulate(path, &["--with", "bleaching"]));
    let loaded = minisim_io::load(path.join("v4-ca1.zarr")).expect("a recording").recording;
    let truth = loaded.ground_truth.detectable_subset(false);
    let n = truth.n_units();
    assert!(n > 2, "there are cells to find");
    let stack = truth.observed_footprints();
    let footprints: Vec<f64> = stack.patches.iter().flat_map(|p| stack.dense_in_fov(p)).map(f64::from).collect();
    let field = loaded.observed.shape[1] * loaded.observed.shape[2];
    let [_, h, w] = loaded.observed.shape;
    npz(&path.join("all.npz"), &[("A", vec![n, h, w], footprints.clone()), ("C", vec![n, 20], truth.c().to_vec())]);
    npz(&path.join("half.npz"), &[("footprints", vec![n / 2, h, w], footprints[..n / 2 * field].to_vec())]);
    let perfect: Value =
        serde_json::from_str(&done(&run(path, &["score", "all.npz", "v4-ca1.zarr", "--json"]))).expect("JSON");
    assert_eq!((perfect["recall"].as_f64(), perfect["precision"].as_f64()), (Some(1.0), Some(1.0)));
    assert_eq!(perfect["details"]["average_precision"], 1.0);
    assert!(perfect["trace_corr"].as_f64().expect("a number") > 0.999);
    let text = done(&run(path, &["score", "half.npz", "v4-ca1.zarr", "--html", "report.html"]));
    assert!(text.contains(&format!("{} of {n} found", n / 2)) && text.contains("recall by depth"), "{text}");
    let page = fs::read_to_string(path.join("report.html")).expect("a page");
    assert!(page.contains("<svg") && page.contains("data:image/png;base64,") && page.ends_with("</html>\n"));
    refused(&run(path, &["score", "half.npz", "v4-ca1.zarr", "--html", "report.html"]), 1, &["report.html", "--force"]);
    npz(&path.join("wide.npz"), &[("A", vec![1, 2, 3], vec![1.0; 6])]);
    npz(&path.join("nan.npz"), &[("A", vec![1, h, w], vec![f64::NAN; field])]);
    npz(&path.join("flat.npz"), &[("A", vec![6], vec![1.0; 6])]);
    npz(&path.join("none.npz"), &[("B", vec![1], vec![1.0])]);
    for (name, code, words) in [
        ("wide.npz", 2, &["wide.npz", "2 × 3 px", "96 × 112 px"][..]),
        ("nan.npz", 2, &["footprint 0 is NaN"]),
        ("flat.npz", 1, &["flat.npz", "3 axes"]),
        ("none.npz", 1, &["none.npz", "savez"]),
        ("v4-ca1.png", 1, &["no numpy archive"]),
        ("missing.npz", 1, &["missing.npz"]),
    ] {
        refused(&run(path, &["score", name, "v4-ca1.zarr"]), code, words);
    }
    refused(&run(path, &["score", "all.npz", "v4-ca1.zarr", "--metric", "dice"]), 2, &["dice", "cosine"]);
}

#[test]
fn motion_that_is_not_rigid_is_scored() {
    let dir = folder();
    let path = dir.path();
    let effects = ["--with", "brain_motion", "--with", "tissue_deformation", "--with", "axial_motion"];
    done(&simulate(path, &[&effects[..], &["-o", "hard.zarr"]].concat()));
    let truth = minisim_io::load(path.join("hard.zarr")).expect("a recording").recording.ground_truth;
    let stack = truth.observed_footprints();
    let footprints: Vec<f64> = stack.patches.iter().flat_map(|p| stack.dense_in_fov(p)).map(f64::from).collect();
    let (n, [h, w]) = (truth.n_units(), truth.planted.fov_shape);
    let a = ("A", vec![n, h, w], footprints);
    let whole: Vec<f64> = (0..20).flat_map(|t| truth.displacement(t).expect("a frame")).collect();
    let rows: Vec<f64> = (0..h / 8).map(|i| 8.0 * i as f64 + 4.0).collect();
    let cols: Vec<f64> = (0..w / 8).map(|i| 8.0 * i as f64 + 4.0).collect();
    let warp = truth.warp().expect("it moves");
    let patches: Vec<f64> =
        (0..20).flat_map(|t| warp.displacements_px([h, w], t, &rows, &cols).expect("a frame")).collect();
    let z: Vec<f64> = truth.f64s("axial_shift_um").expect("depth").iter().map(|um| -0.5 * um).collect();
    let displacement =
        |shape: [usize; 2], values: &[f64]| ("displacement", vec![20, 2, shape[0], shape[1]], values.to_vec());
    let shape = [rows.len(), cols.len()];
    let places = [("displacement_rows", vec![shape[0]], rows), ("displacement_cols", vec![shape[1]], cols)];
    npz(&path.join("whole.npz"), &[a.clone(), displacement([h, w], &whole), ("z", vec![20], z.clone())]);
    npz(
        &path.join("patches.npz"),
        &[a.clone(), displacement(shape, &patches), places[0].clone(), places[1].clone(), ("z", vec![20], z.clone())],
    );
    for (name, most) in [("whole.npz", 1e-9), ("patches.npz", 0.1)] {
        let found: Value =
            serde_json::from_str(&done(&run(path, &["score", name, "hard.zarr", "--json"]))).expect("JSON");
        let error = found["endpoint_mean_px"].as_f64().expect("a number");
        assert!(error <= most && found["endpoint_p95_px"].as_f64().expect("a number") >= error, "{name}: {found}");
        assert!((found["axial_corr"].as_f64().expect("a number") - 1.0).abs() < 1e-9);
        assert!(found["details"]["recall_by"]["share of frames in focus"].is_array());
    }
    let text = done(&run(path, &["score", "patches.npz", "hard.zarr", "--html", "motion.html"]));
    assert!(text.contains("endpoint error") && text.contains("motion in depth"), "{text}");
    let page = fs::read_to_string(path.join("motion.html")).expect("a page");
    assert!(page.contains("<h2>Motion</h2>") && page.contains("depth in focus"));
    npz(&path.join("where.npz"), &[a.clone(), displacement(shape, &patches)]);
    npz(&path.join("half.npz"), &[a.clone(), displacement(shape, &patches), places[0].clone()]);
    npz(
        &path.join("mixed.npz"),
        &[a.clone(), displacement(shape, &patches), ("displacement_rows", vec![1], vec![1.0]), places[1].clone()],
    );
    npz(&path.join("axes.npz"), &[a.clone(), ("displacement", vec![20, 1, h, w], whole[..20 * h * w].to_vec())]);
    npz(&path.join("short.npz"), &[a.clone(), ("displacement", vec![1, 2, h, w], whole[..2 * h * w].to_vec())]);
    npz(&path.join("z.npz"), &[a.clone(), ("z", vec![3], vec![1.0, 2.0, 3.0])]);
    npz(&path.join("nan.npz"), &[a, displacement([h, w], &vec![f64::NAN; whole.len()])]);
    for (name, code, words) in [
        ("where.npz", 1, &["where.npz", "12 × 14 patches for 96 × 112 px", "displacement_rows"][..]),
        ("half.npz", 1, &["add displacement_rows and displacement_cols"]),
        ("mixed.npz", 1, &["1 displacement_rows", "give the place"]),
        ("axes.npz", 1, &["[20, 1, 96, 112]", "(dy, dx) on the second axis"]),
        ("short.npz", 2, &["short.npz", "1 frames, the truth 20"]),
        ("z.npz", 2, &["3 frames, the truth 20", "one number a frame"]),
        ("nan.npz", 2, &["not finite"]),
    ] {
        refused(&run(path, &["score", name, "hard.zarr"]), code, words);
    }
}

#[test]
fn figures_stand_beside_the_best_that_is_possible() {
    let dir = folder();
    let path = dir.path();
    let text = done(&simulate(path, &["--bounds"]));
    assert!(text.contains("the best method could demix"), "{text}");
    let facts: Value = serde_json::from_str(&done(&run(path, &["info", "v4-ca1.zarr", "--json"]))).expect("JSON");
    let n_cells = facts["n_cells"].as_u64().expect("a number");
    assert!(facts["n_demixable"].as_u64().is_some_and(|n| n <= n_cells));
    assert_eq!(facts["ground_truth"]["demixing_snr"]["shape"], serde_json::json!([n_cells]));
    let text = done(&run(path, &["info", "v4-ca1.zarr"]));
    assert!(text.contains("at best") && text.contains("trace_sd_bound") && text.contains("motion known to"), "{text}");
    // An estimate with twice the least noise on each trace.
    let truth = minisim_io::load(path.join("v4-ca1.zarr")).expect("a recording").recording.ground_truth;
    let truth = truth.detectable_subset(false);
    let (stack, n) = (truth.observed_footprints(), truth.n_units());
    let [h, w] = stack.fov_shape;
    let footprints: Vec<f64> = stack.patches.iter().flat_map(|p| stack.dense_in_fov(p)).map(f64::from).collect();
    let sds = truth.f64s("trace_sd_bound").expect("bounds");
    let n_frames = truth.c().len() / n;
    let key = minisim::rng::Key::new(1, "test", "noise");
    let noisy = |(i, c): (usize, &f64)| c + 2.0 * sds[i / n_frames] * key.normal(0, i as u64);
    let traces = truth.c().iter().enumerate().map(noisy).collect();
    npz(&path.join("noisy.npz"), &[("A", vec![n, h, w], footprints), ("C", vec![n, n_frames], traces)]);
    let score: Value =
        serde_json::from_str(&done(&run(path, &["score", "noisy.npz", "v4-ca1.zarr", "--json"]))).expect("JSON");
    let ratio = score["bounds"]["trace_error_ratio"].as_f64().expect("a number");
    assert!((1.2..4.0).contains(&ratio), "{ratio} × the least error in {n_frames} frames");
    assert!(score["details"]["recall_by"]["demixing SNR"].is_array(), "{score}");
    let text = done(&run(path, &["score", "noisy.npz", "v4-ca1.zarr", "--html", "report.html"]));
    let page = fs::read_to_string(path.join("report.html")).expect("a page");
    for shown in [&text, &page] {
        assert!(shown.contains("the least possible") && shown.contains("demixing SNR") && shown.contains("at best"));
    }
    refused(
        &run(path, &["simulate", "--until", "leakage", "--bounds", "-o", "x.zarr"]),
        2,
        &["steps.sensor", "bounds"],
    );
    assert!(!path.join("x.zarr").exists());
}

#[test]
fn a_sweep_is_run_in_parts_and_resumed() {
    let dir = folder();
    let path = dir.path();
    let sweep = "preset = \"v4-ca1\"\n[set]\n\"acquisition.duration_s\" = 0.5\n\
                 acquisition.image_sensor.n_px_height = 64\nacquisition.image_sensor.n_px_width = 64\n\
                 [axes]\n\"steps.sensor.photons_per_unit\" = [100, 600]\nseed = [1, 2]\n";
    fs::write(path.join("sweep.toml"), sweep).expect("writable");
    let list = done(&run(path, &["sweep", "list", "sweep.toml"]));
    assert_eq!(list.lines().count(), 4);
    assert!(list.lines().next().expect("a point").ends_with("photons_per_unit=100  seed=1"), "{list}");
    done(&run(path, &["sweep", "run", "sweep.toml", "--out", "out", "--shard", "2/4"]));
    assert_eq!(names(&path.join("out")).iter().filter(|n| n.ends_with(".zarr")).count(), 1);
    let again = run(path, &["sweep", "run", "sweep.toml", "--out", "out", "--jobs", "2"]);
    done(&again);
    assert_eq!(err(&again).matches("was there").count(), 1, "{}", err(&again));
    let table = fs::read_to_string(path.join("out/results.csv")).expect("a table");
    assert_eq!(table.lines().count(), 5, "{table}");
    assert!(table.starts_with("steps.sensor.photons_per_unit,seed,cache_key,n_cells"), "{table}");
    // What was taken away is made again, the same; the others stay.
    let key = list.split_whitespace().next().expect("a key").to_owned();
    let stamps = content(&path.join("out"));
    fs::remove_dir_all(path.join(format!("out/{key}.zarr"))).expect("removable");
    let second = list.lines().nth(1).and_then(|l| l.split_whitespace().next()).expect("a key");
    fs::remove_file(path.join(format!("out/{second}.json"))).expect("removable");
    done(&run(path, &["sweep", "run", "sweep.toml", "--out", "out", "--quiet"]));
    assert!(content(&path.join("out")) == stamps);

    for (text, words) in [
        ("preset = \"v4-ca1\"\n[axes]\nsed = [1]", &["sed", "seed"][..]),
        ("preset = \"v4-ca1\"\n[axes]\nseed = 1", &["seed", "list"]),
        ("preset = \"v4-ca1\"\nspec = \"a.json\"", &["either"]),
        ("preset = \"v4-ca1\"\naxis = 1", &["axis", "axes"]),
        ("preset = ", &["bad.toml"]),
    ] {
        fs::write(path.join("bad.toml"), text).expect("writable");
        refused(&run(path, &["sweep", "run", "bad.toml", "--out", "bad"]), 2, words);
    }
    refused(&run(path, &["sweep", "run", "sweep.toml", "--out", "out", "--shard", "0/4"]), 2, &["--shard"]);
    // A failing analysis says which point and what.
    fs::write(path.join("scored.toml"), format!("{sweep}[score]\ncommand = [\"false\", \"{{recording}}\"]\n"))
        .expect("writable");
    refused(&run(path, &["sweep", "run", "scored.toml", "--out", "scored", "-q"]), 1, &["point", "false", "failed"]);
}

/// A long run; returns once it has begun to write.
fn long_run(dir: &Path, output: &str) -> std::process::Child {
    let mut child = command(dir)
        .args(["simulate", "--duration", "3000", "-o", output])
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let half = |name: &String| {
        let path = dir.join(name);
        let begun = ["observed/1.0.0", "Miniscope/0.avi", "A.zarr"].iter().any(|inner| path.join(inner).exists());
        // Folders of truth alone are filled at the end only.
        let empty = [".minian", ".truth"].iter().any(|ending| output.ends_with(ending));
        name.contains(".tmp-") && (path.is_file() || begun || empty)
    };
    while !names(dir).iter().any(half) {
        assert!(child.try_wait().expect("a child").is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}

#[cfg(unix)]
#[test]
fn a_stopped_run_leaves_nothing() {
    for output in ["a.zarr", "a.avi", "a.mkv", "a.tif", "a.h5", "a.nwb", "a.daq", "a.mmap", "a.minian", "a.truth"] {
        for signal in ["-INT", "-TERM"] {
            let dir = folder();
            let child = long_run(dir.path(), output);
            let killed = Command::new("kill").args([signal, &child.id().to_string()]).status().expect("kill");
            assert!(killed.success());
            let ended = child.wait_with_output().expect("a child");
            refused(&ended, 130, &["stopped"]);
            assert!(names(dir.path()).is_empty(), "{output} {signal}: {:?}", names(dir.path()));
        }
    }
}

#[cfg(unix)]
#[test]
fn what_a_killed_run_leaves_is_not_trusted() {
    let dir = folder();
    let mut child = long_run(dir.path(), "a.zarr");
    child.kill().expect("killable");
    child.wait().expect("a child");
    let left = names(dir.path());
    assert!(left.len() == 1 && left[0].starts_with("a.zarr.tmp-"), "{left:?}");
    refused(&run(dir.path(), &["info", &left[0]]), 1, &["never completed"]);
    done(&simulate(dir.path(), &["-o", "a.zarr"]));
    done(&run(dir.path(), &["info", "a.zarr"]));
}

/// The spec of `simulate(SMALL)`, with more fields changed.
fn small_spec(more: &[(&str, Value)]) -> minisim::Spec {
    let start = minisim::presets::starting_points().expect("presets").swap_remove(0).spec;
    let small = [
        ("acquisition.duration_s", json!(1.0)),
        ("acquisition.image_sensor.n_px_height", json!(96)),
        ("acquisition.image_sensor.n_px_width", json!(112)),
    ];
    start.set_all(small.into_iter().chain(more.iter().cloned())).expect("valid").spec
}

/// Standard output of a run into a pipe.
fn piped(dir: &Path, args: &[&str]) -> Vec<u8> {
    let output = simulate(dir, &[&["-o", "-", "--format"], args].concat());
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    output.stdout
}

/// The header of a YUV4MPEG2 film, and its frames one after the other.
fn y4m(film: &[u8], frame_bytes: usize) -> (String, Vec<u8>) {
    let end = film.iter().position(|b| *b == b'\n').expect("a header");
    let head = String::from_utf8(film[..end].to_vec()).expect("UTF-8");
    let mut frames = Vec::new();
    for frame in film[end + 1..].chunks(frame_bytes + 6) {
        frames.extend_from_slice(frame.strip_prefix(b"FRAME\n").expect("a frame"));
    }
    (head, frames)
}

#[test]
fn a_pipe_gets_the_film_and_nothing_else() {
    let dir = folder();
    let film = minisim::simulate(&small_spec(&[])).expect("simulated").observed;
    let counts: Vec<u8> = (0..film.pixels.len()).map(|i| film.pixels.get(i) as u8).collect();
    assert!(piped(dir.path(), &["raw"]) == counts);
    let (head, frames) = y4m(&piped(dir.path(), &["y4m"]), 96 * 112);
    assert_eq!(head, "YUV4MPEG2 W112 H96 F20:1 Ip A1:1 Cmono XCOLORRANGE=FULL");
    assert!(frames == counts);
    done(&simulate(dir.path(), &["-o", "film.avi"]));
    assert!(piped(dir.path(), &["avi"]) == fs::read(dir.path().join("film.avi")).expect("a film"));
    // A frame's time changes no byte of it.
    let faster = ["raw", "--fps", "40"];
    assert!(piped(dir.path(), &faster) == piped(dir.path(), &[&faster[..], &["--realtime"]].concat()));
    assert_eq!(names(dir.path()), ["film.avi", "film.spec.json"]);

    // Deeper counts, and light that nobody counted.
    let deep = ["--set", "acquisition.image_sensor.bit_depth=12", "--set", "output.store_dtype=uint16"];
    let film = minisim::simulate(&small_spec(&[("acquisition.image_sensor.bit_depth", json!(12))])).expect("simulated");
    let pixels = film.observed.pixels;
    let counts: Vec<u8> = (0..pixels.len()).flat_map(|i| (pixels.get(i) as u16).to_le_bytes()).collect();
    assert!(piped(dir.path(), &[&["raw"][..], &deep].concat()) == counts);
    let (head, frames) = y4m(&piped(dir.path(), &[&["y4m"][..], &deep].concat()), 2 * 96 * 112);
    assert!(head.contains(" Cmono12 ") && frames == counts, "{head}");
    let dark = ["--until", "leakage"];
    assert_eq!(piped(dir.path(), &[&["raw"][..], &dark].concat()).len(), 4 * 20 * 96 * 112);
    let grey = piped(dir.path(), &[&["y4m", "--vmax", "2"][..], &dark].concat());
    assert!(y4m(&grey, 96 * 112).0.contains(" Cmono "));
    let unlit = simulate(dir.path(), &[&["-o", "-", "--format", "y4m"][..], &dark].concat());
    refused(&unlit, 1, &["standard output", "--vmax"]);

    // What there is to say goes to standard error.
    let output = simulate(dir.path(), &["-o", "-", "--format", "raw", "--json"]);
    let facts: Value = serde_json::from_str(&err(&output)).expect("JSON");
    assert_eq!(output.stdout.len(), 20 * 96 * 112);
    assert_eq!([&facts["dtype"], &facts["height"], &facts["width"]], [&json!("|u1"), &json!(96), &json!(112)]);
    assert_eq!([&facts["n_frames"], &facts["bytes"]], [20, 20 * 96 * 112]);
    assert!(err(&simulate(dir.path(), &["-o", "-", "--format", "raw", "-q"])).is_empty());
}

#[test]
fn what_does_not_go_through_a_pipe_is_refused_in_words() {
    let dir = folder();
    for (args, words) in [
        (&["-o", "-"][..], &["--format", "raw", "y4m"][..]),
        (&["-o", "-", "--format", "zarr"], &["zarr", "standard output", "raw, y4m, avi"]),
        (&["-o", "-", "--format", "avi", "--codec", "FFV1"], &["header", "y4m"]),
        (&["-o", "-", "--format", "y4m", "--codec", "MJPG"], &["--codec", "avi"]),
        (&["-o", "-", "--format", "avi", "--clip", "5"], &["--clip"]),
        (&["-o", "-", "--format", "raw", "--vmax", "100"], &["vmax", "y4m"]),
        (&["-o", "-", "--format", "raw", "--pair", "background"], &["--pair"]),
        (&["-o", "-", "--format", "raw", "--bounds"], &["--bounds"]),
        (&["-o", "film.avi", "--realtime"], &["--realtime", "-o -"]),
        (&["-o", "film", "--format", "y4m"], &["y4m", "-o -"]),
    ] {
        refused(&simulate(dir.path(), args), 2, words);
    }
    done(&simulate(dir.path(), &["-o", "a.zarr", "--no-picture"]));
    refused(&run(dir.path(), &["convert", "a.zarr", "-o", "-"]), 2, &["name one with -o"]);
    assert_eq!(names(dir.path()), ["a.zarr"]);
}

#[test]
fn a_reader_that_leaves_ends_the_run_quietly() {
    use std::io::Read;
    for format in ["raw", "y4m", "avi"] {
        let dir = folder();
        let mut child = command(dir.path())
            .args(["simulate", "--duration", "600", "-o", "-", "--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut start = [0; 1000];
        child.stdout.take().expect("a pipe").read_exact(&mut start).expect("a thousand bytes");
        let output = child.wait_with_output().expect("a child");
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert!(output.stderr.is_empty(), "{}", err(&output));
        assert!(names(dir.path()).is_empty());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_is_shown_no_film() {
    let dir = folder();
    let line = format!("{} simulate --duration 1 -o - --format y4m", env!("CARGO_BIN_EXE_minisim"));
    // It gives the command a terminal of its own.
    let output = Command::new("script").args(["-qec", &line, "/dev/null"]).current_dir(dir.path()).output();
    let Ok(output) = output else { return skipped("a test of a terminal", "install util-linux (bsdutils)") };
    let text = out(&output);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("terminal") && text.contains("ffplay") && !text.contains("FRAME"), "{text}");
}

#[cfg(target_os = "linux")]
#[test]
fn ffmpeg_reads_a_pipe() {
    let Some(ffmpeg) = std::env::var_os("MINISIM_FFMPEG") else {
        return skipped("films read by ffmpeg from a pipe", "name an ffmpeg in MINISIM_FFMPEG");
    };
    let dir = folder();
    let deep = ["--set", "acquisition.image_sensor.bit_depth=12", "--set", "output.store_dtype=uint16"];
    for (format, more, pixels) in [("y4m", &[][..], "gray"), ("avi", &[][..], "gray"), ("y4m", &deep[..], "gray12le")] {
        let mut ours = command(dir.path())
            .arg("simulate")
            .args(SMALL)
            .args(["-q", "-o", "-", "--format", format])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let theirs = Command::new(&ffmpeg)
            .args(["-v", "error", "-i", "-", "-f", "rawvideo", "-pix_fmt", pixels, "-"])
            .stdin(ours.stdout.take().expect("a pipe"))
            .output()
            .expect("ffmpeg");
        assert!(ours.wait().expect("a child").success() && theirs.status.success(), "{}", err(&theirs));
        assert!(theirs.stderr.is_empty(), "{}", err(&theirs));
        assert!(theirs.stdout == piped(dir.path(), &[&["raw"][..], more].concat()), "{format} {pixels}");
    }
}

/// A spec of a camera with a few imperfections.
fn camera(dir: &Path) {
    let sensor = json!({
        "n_px_height": 120, "n_px_width": 160, "quantum_efficiency": 0.6, "read_noise_e": 7.0, "gain_adu_per_e": 0.4,
        "bit_depth": 12, "black_level_adu": 60.0, "full_well_e": 9000.0, "linearity_error_percent": 0.3,
        "dark_current_e_per_s": 30.0, "dsnu_pixel_e": 4.0, "prnu_pixel_percent": 1.0,
    });
    let spec = json!({
        "acquisition": { "fps": 20.0, "duration_s": 1.0, "image_sensor": sensor },
        "steps": [{ "kind": "sensor" }],
    });
    fs::write(dir.join("camera.json"), spec.to_string()).expect("written");
}

#[test]
fn a_camera_is_measured_and_reported() {
    let dir = folder();
    camera(dir.path());
    let test = |more: &[&str]| run(dir.path(), &[&["camera-test", "camera.json"], more].concat());
    let facts: Value = serde_json::from_str(&done(&test(&["--json", "-o", "report.html"]))).expect("JSON");
    let both = |name: &str| ["measured", "set"].map(|of| facts[of][name].as_f64().expect(name));
    for (name, set, share) in [
        ("gain_adu_per_e", 0.4, 0.02),
        ("quantum_efficiency", 0.6, 0.02),
        ("dark_noise_e", 7.0, 0.02),
        ("dark_current_e_per_s", 30.0, 0.02),
        ("dsnu_e", 4.0, 0.02),
        ("prnu_percent", 1.0, 0.02),
        ("linearity_error_percent", 0.3, 0.05),
        ("saturation_e", 9000.0, 0.05),
        ("snr_max_db", 39.54, 0.01),
        ("dynamic_range_db", 61.5, 0.02),
    ] {
        let [found, wanted] = both(name);
        assert!((wanted / set - 1.0).abs() < 0.005, "{name}: set {wanted}");
        assert!((found / wanted - 1.0).abs() < share, "{name}: {found}, {wanted}");
    }
    let words = done(&test(&["-o", "report.png"]));
    for word in ["gain K", "σ_d", "full well", "SNR_max", "dynamic range", "DSNU1288", "PRNU1288", "set 0.4000"] {
        assert!(words.contains(word), "{word}: {words}");
    }
    let page = fs::read_to_string(dir.path().join("report.html")).expect("a page");
    for word in ["Photon transfer", "Linearity", "DSNU spectrogram", "PRNU spectrogram", "prefers-color-scheme:dark"] {
        assert!(page.contains(word), "{word}");
    }
    assert!(!page.contains("<script") && !page.contains("http") && !page.contains("NaN"));
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    assert!(fs::read(dir.path().join("report.png")).expect("a picture").starts_with(b"\x89PNG"));

    refused(&test(&["-o", "report.html"]), 2, &["exists", "--force"]);
    refused(&test(&["-o", "report.pdf"]), 2, &[".html or .png"]);
    let root =
        ["--set", "acquisition.image_sensor.adc_bits=14", "--set", "acquisition.image_sensor.companding=square_root"];
    refused(&test(&root), 2, &["companding", "shift"]);
    // What the numbers cannot tell is said.
    let coarse = test(&[
        "--set",
        "acquisition.image_sensor.gain_adu_per_e=0.02",
        "--set",
        "acquisition.image_sensor.black_level_adu=0",
    ]);
    done(&coarse);
    assert!(err(&coarse).contains("upper limit") && err(&coarse).contains("black_level_adu"), "{}", err(&coarse));
}

/// Names a test that cannot run here, and its remedy, past the harness, which keeps what a passing test prints: `cargo xtask test`
/// counts these lines.
#[cfg(target_os = "linux")]
fn skipped(what: &str, remedy: &str) {
    let _ = std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("skipped: {what}; {remedy}\n"));
}

/// Runs a shell script as root of namespaces of its own, or as root; `None` where the system allows neither.
#[cfg(target_os = "linux")]
fn with_mounts(dir: &Path, script: &str) -> Option<Output> {
    let run = |flags: &[&str], script: &str| {
        let mut command = Command::new("unshare");
        command.args(flags).args(["--mount", "sh", "-c", script]).env("MINISIM", env!("CARGO_BIN_EXE_minisim"));
        command.current_dir(dir).output().ok()
    };
    let flags = [&[][..], &["--user", "--map-root-user"]];
    let works = |f: &&&[&str]| run(f, "mount -t tmpfs none .").is_some_and(|o| o.status.success());
    let flags = flags.iter().find(works)?;
    run(flags, script)
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_and_a_read_only_folder() {
    let dir = folder();
    for (output, size) in [
        ("a.zarr", "400k"),
        ("a.avi", "100k"),
        ("a.avi --codec FFV1 --clip 5", "60k"),
        ("a.mkv", "60k"),
        ("a.tif", "100k"),
        ("a.h5", "100k"),
        ("a.nwb", "100k"),
        ("a --format daq", "60k"),
        ("a.mmap", "100k"),
        ("a.minian", "100k"),
        ("a.truth", "20k"),
    ] {
        let script = format!(
            "mkdir -p disk && mount -t tmpfs -o size={size} none disk && cd disk && $MINISIM simulate {} -o {output}; \
             code=$?; ls -A . && exit $code",
            SMALL.join(" ")
        );
        let Some(ended) = with_mounts(dir.path(), &script) else {
            return skipped("full disks and read-only folders", "run the tests where `unshare --mount` may mount");
        };
        refused(&ended, 1, &["no space left", "free some"]);
        assert_eq!(out(&ended), "", "what is left on the disk");
    }
    let script = format!(
        "mkdir -p disk && mount -t tmpfs -o ro none disk && cd disk && $MINISIM simulate {} -o a.zarr",
        SMALL.join(" ")
    );
    let ended = with_mounts(dir.path(), &script).expect("it could mount before");
    refused(&ended, 1, &["a.zarr", "write elsewhere"]);
}

#[test]
fn the_anatomy_is_drawn_with_an_index() {
    let dir = folder();
    assert!(done(&run(dir.path(), &["anatomy", "--list"])).contains("motion"));
    let said = done(&run(dir.path(), &["anatomy", "edges", "bleaching", "-o", "figures"]));
    assert!(said.contains("index.html") && said.contains("next:"), "{said}");
    let folder = dir.path().join("figures");
    // A figure is named after its place among the chapters.
    let files: Vec<String> = fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .collect();
    let page = fs::read_to_string(folder.join("index.html")).expect("the index");
    for chapter in ["_edges.png", "_bleaching.png"] {
        let file = files.iter().find(|file| file.ends_with(chapter)).unwrap_or_else(|| panic!("{chapter}: {files:?}"));
        assert!(fs::read(folder.join(file)).expect("a picture").starts_with(b"\x89PNG"), "{file}");
        assert!(page.contains(file.as_str()), "{file}: {page}");
    }
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(page.contains("42 % of the centre"), "{page}");
    refused(&run(dir.path(), &["anatomy", "edges", "-o", "figures"]), 2, &["exists", "--force"]);
    done(&run(dir.path(), &["anatomy", "edges", "-o", "figures", "--force"]));
    refused(&run(dir.path(), &["anatomy", "edge", "-o", "other"]), 2, &["\"edge\"", "edges"]);
    assert!(!dir.path().join("other").exists());
}

#[test]
fn a_recording_is_converted() {
    let dir = folder();
    done(&simulate(dir.path(), &["-o", "a.zarr", "--no-picture"]));
    for output in ["a.avi", "a.tif", "a.h5", "a.nwb", "a.mkv", "a.truth", "a.minian", "session.daq"] {
        let said = done(&run(dir.path(), &["convert", "a.zarr", "-o", output]));
        assert!(said.contains("next:") && dir.path().join(output).exists(), "{output}: {said}");
        refused(&run(dir.path(), &["convert", "a.zarr", "-o", output]), 1, &["exists", "--force"]);
        done(&run(dir.path(), &["convert", "a.zarr", "-o", output, "--force"]));
    }
    // What a run writes and what is converted later are the same, byte for byte.
    for ending in ["avi", "tif", "h5", "mkv", "nwb"] {
        let read = |name: &str| fs::read(dir.path().join(format!("{name}.{ending}"))).expect("written");
        done(&simulate(dir.path(), &["-o", &format!("b.{ending}")]));
        assert!(read("a") == read("b"), "{ending}");
    }
    refused(&run(dir.path(), &["convert", "a.zarr", "-o", "a.mp5"]), 2, &[".tif", "--format"]);
    if !cfg!(feature = "mp4") {
        refused(&run(dir.path(), &["convert", "a.zarr", "-o", "a.mp4"]), 2, &["--features mp4"]);
    }
    refused(&run(dir.path(), &["convert", "a.zarr", "-o", "a", "--format", "mp5"]), 2, &["mp5", "tiff"]);
    refused(&run(dir.path(), &["convert", "a.zarr", "-o", "c.tif", "--codec", "FFV1"]), 2, &["--codec", "tiff"]);
    refused(&run(dir.path(), &["convert", "a.zarr", "-o", "c.avi", "--codec", "H264"]), 2, &["H264", "FFV1"]);
    refused(&run(dir.path(), &["convert", "nothing.zarr", "-o", "c.avi"]), 2, &["nothing.zarr"]);
}

#[test]
fn a_clean_twin_is_written_beside() {
    let dir = folder();
    let said = done(&simulate(dir.path(), &["-o", "a.zarr", "--no-picture", "--pair", "background"]));
    assert!(said.contains("a_clean.zarr"), "{said}");
    let kinds = |name: &str| {
        let text = fs::read_to_string(dir.path().join(name).join("spec.json")).expect("a spec");
        let spec: Value = serde_json::from_str(&text).expect("JSON");
        spec["steps"]
            .as_array()
            .expect("steps")
            .iter()
            .map(|s| s["kind"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(kinds("a.zarr").contains(&"neuropil".to_owned()));
    assert!(
        ["neuropil", "vasculature", "leakage", "sensor"]
            .iter()
            .all(|k| !kinds("a_clean.zarr").contains(&(*k).to_owned()))
    );
    let chunk = |name: &str, array: &str| {
        fs::read(dir.path().join(name).join("ground_truth").join(array).join("0.0")).expect("a chunk")
    };
    assert!(chunk("a.zarr", "C") == chunk("a_clean.zarr", "C"));
}
