//! `minisim benchmark` as its users meet it, with pipelines that are shell scripts.
#![cfg(unix)]

use std::{
    fs,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_minisim"));
    command.current_dir(dir).arg("benchmark").args(args);
    command
}

fn run(dir: &Path, args: &[&str]) -> Output {
    command(dir, args).output().expect("the program starts")
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn done(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", err(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn refused(output: &Output, words: &[&str]) {
    assert_eq!(output.status.code(), Some(2), "{}", err(output));
    for word in words {
        assert!(err(output).contains(word), "{word:?} is not in: {}", err(output));
    }
}

/// An archive with one square footprint, written by hand.
fn estimate(path: &Path) {
    let head = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 256, 256), }";
    let head = format!("{head}{}\n", " ".repeat(64 - (10 + head.len() + 1) % 64));
    let mut array = b"\x93NUMPY\x01\x00".to_vec();
    array.extend((head.len() as u16).to_le_bytes());
    array.extend(head.into_bytes());
    array.extend((0..256 * 256).map(|i| u8::from((100..108).contains(&(i / 256)) && (100..108).contains(&(i % 256)))));
    let mut zip = zip::ZipWriter::new(fs::File::create(path).expect("writable"));
    let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("A.npy", stored).expect("writable");
    std::io::Write::write_all(&mut zip, &array).expect("writable");
    zip.finish().expect("writable");
}

const THREE: [&str; 6] = ["--only", "density-5000", "--only", "density-10000", "--only", "region-cortex"];

fn row(dir: &Path, pipeline: &str, recording: &str) -> Value {
    let path = dir.join("out/results").join(pipeline).join(format!("{recording}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

fn wait_for(what: &str, is: impl Fn() -> bool) {
    for _ in 0..12_000 {
        if is() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited in vain for {what}");
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).map_or(0, |t| t.lines().count())
}

/// Whether a process runs.
fn alive(pid: &str) -> bool {
    Command::new("kill").args(["-0", pid]).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

/// A pipeline that notes each call, hangs in its second while the file `slow` is there, and leaves an estimate.
fn toy(dir: &Path) -> [String; 6] {
    estimate(&dir.join("estimate.npz"));
    fs::write(dir.join("slow"), "").expect("writable");
    let here = dir.display();
    fs::write(
        dir.join("toy.sh"),
        format!(
            "echo \"$1\" >> {here}/calls\n\
             if [ -e {here}/slow ] && [ $(wc -l < {here}/calls) -ge 2 ]; then echo $$ > {here}/pid; sleep 600; fi\n\
             [ -s \"$1\" ] || exit 9\n\
             cp {here}/estimate.npz \"$2\"\n\
             echo '{{\"toy\": \"1.0\"}}' > \"$2/versions.json\"\n"
        ),
    )
    .expect("writable");
    ["run", "standard-1", "-o", "out", "--pipeline", "sh toy.sh {film} {out}"].map(ToOwned::to_owned)
}

fn start(dir: &Path, toy: &[String]) -> Child {
    let args: Vec<&str> = toy.iter().map(String::as_str).chain(THREE).collect();
    command(dir, &args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
}

#[test]
fn a_run_that_was_stopped_goes_on_where_it_was() {
    let dir = folder();
    let path = dir.path();
    let toy = toy(path);
    let calls = path.join("calls");
    for (turn, signal) in ["INT", "KILL"].into_iter().enumerate() {
        let mut child = start(path, &toy);
        wait_for("the second recording", || path.join("pid").exists());
        let worker = fs::read_to_string(path.join("pid")).expect("readable");
        assert!(alive(worker.trim()));
        Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().expect("kill");
        let status = child.wait().expect("it ends");
        if signal == "INT" {
            assert_eq!(status.code(), Some(130));
            wait_for("the pipeline's end", || !alive(worker.trim()));
        } else {
            // Nobody can end what a process leaves that was killed without warning.
            Command::new("kill").args(["-KILL", &format!("-{}", worker.trim())]).status().expect("kill");
        }
        fs::remove_file(path.join("pid")).expect("removable");
        // The first is done once, and what was broken off left no row.
        assert_eq!(lines(&calls), 2 + turn);
        let rows = fs::read_dir(path.join("out/results/toy")).expect("a folder");
        let rows: Vec<String> = rows.map(|e| e.expect("readable").file_name().to_string_lossy().into()).collect();
        assert_eq!(rows.iter().filter(|n| n.ends_with(".json")).count(), 1, "{rows:?}");
    }
    fs::remove_file(path.join("slow")).expect("removable");
    let first = fs::read(path.join("out/results/toy/region-cortex.json")).expect("the first one's row");
    let args: Vec<&str> = toy.iter().map(String::as_str).chain(THREE).collect();
    let again = run(path, &args);
    done(&again);
    assert!(err(&again).contains("1 of 3 recordings have been done before"), "{}", err(&again));
    // One that was done, two that were broken off, two that were missing.
    assert_eq!(lines(&calls), 5);
    assert_eq!(fs::read(path.join("out/results/toy/region-cortex.json")).expect("readable"), first);
    assert!(!path.join("out/work").exists(), "what killed runs left is gone");

    // A row that is not whole is done again, and only that.
    let broken = path.join("out/results/toy/density-5000.json");
    let whole = fs::read(&broken).expect("readable");
    fs::write(&broken, &whole[..whole.len() / 2]).expect("writable");
    done(&run(path, &args));
    assert_eq!(lines(&calls), 6);
    let row = row(path, "toy", "density-5000");
    assert_eq!((&row["status"], &row["figures"]["n_est"]), (&"ok".into(), &1.into()), "{row}");
    assert_eq!(row["versions"]["toy"], "1.0");
    assert!(row["peak_bytes"].as_f64().expect("known on Unix") > 1e5);
    assert!(
        row["cells"]["by"]["demixing SNR"]
            .as_array()
            .is_some_and(|v| v.len() == row["cells"]["unit"].as_array().map_or(0, Vec::len))
    );

    // The page holds all of it and fetches nothing.
    let page = fs::read_to_string(path.join("out/report.html")).expect("a page");
    for word in
        ["region-cortex", "ideal observer", "text/csv;charset=utf-8;base64,", "toy 1.0", "data:image/png;base64,"]
    {
        assert!(page.contains(word), "{word}");
    }
    assert!(!page.contains("<script"));
    let links = page.matches("http").count();
    assert_eq!(links, page.matches("http://www.w3.org/2000/svg").count(), "nothing is fetched");
    assert_eq!(lines(&path.join("out/results.csv")), 4);
    let table = done(&run(path, &["report", "out", "--json", "-o", "other.html"]));
    let table: Value = serde_json::from_str(&table).expect("JSON");
    assert_eq!(table["rows"].as_array().map(Vec::len), Some(3));
    assert_eq!(table["rows"][0]["recording"], "region-cortex");
    assert!(path.join("other.html").exists());

    // Another command of this name, another set in this folder.
    refused(
        &run(path, &["run", "standard-1", "-o", "out", "--name", "toy", "--pipeline", "true {film} {out}"]),
        &["another command", "--again"],
    );
    refused(&run(path, &["run", "hard-1", "-o", "out", "--pipeline", "true {film} {out}"]), &["standard-1", "-o"]);
}

#[test]
fn what_fails_is_a_row_that_says_so() {
    let dir = folder();
    let path = dir.path();
    let pipeline = |name: &str, text: &str, more: &[&str]| {
        let mut args =
            vec!["run", "standard-1", "--only", "density-5000", "-o", "out", "--name", name, "--pipeline", text];
        args.extend(more);
        done(&run(path, &args))
    };
    pipeline("fails", "sh -c 'echo oh no >&2; exit 3' x {film} {out}", &[]);
    pipeline("hangs", "sh -c 'sleep 600 & sleep 600' x {film} {out}", &["--time-limit", "0.5"]);
    pipeline("nonsense", "sh -c 'echo hello > $2/estimate.npz' x {film} {out}", &[]);
    pipeline("nothing", "true {film} {out}", &["--film-format", "avi"]);
    pipeline("absent", "no-such-program {film} {out}", &[]);
    for (name, status, why) in [
        ("fails", "failed", "exit status: 3"),
        ("hangs", "time_limit", "500 ms"),
        ("nonsense", "nonsense", "no numpy archive"),
        ("nothing", "nonsense", "holds nothing"),
        ("absent", "failed", "no-such-program"),
    ] {
        let row = row(path, name, "density-5000");
        assert_eq!(row["status"], status, "{name}");
        let words = row["why"].as_str().expect("words");
        assert!(words.contains(why) && !words.contains("/work/"), "{name}: {words}");
        assert!(row["figures"].is_null() && row["cells"]["found"].as_array().is_some_and(|f| !f.is_empty()));
    }
    let page = fs::read_to_string(path.join("out/report.html")).expect("a page");
    for word in ["What failed", "oh no", "took too long", "left nothing that can be scored"] {
        assert!(page.contains(word), "{word}");
    }
    // A failure is a result: it is not tried again unless that is asked for.
    let args = [
        "run",
        "standard-1",
        "--only",
        "density-5000",
        "-o",
        "out",
        "--name",
        "fails",
        "--pipeline",
        "sh -c 'echo oh no >&2; exit 3' x {film} {out}",
    ];
    let stamp = |_: ()| row(path, "fails", "density-5000")["wall_s"].as_f64();
    let before = stamp(());
    done(&run(path, &args));
    assert_eq!(stamp(()), before);
    done(&run(path, &[&args[..], &["--retry"]].concat()));
    assert_ne!(stamp(()), before);
}

#[test]
fn shards_share_a_set_and_words_are_checked_first() {
    let dir = folder();
    let path = dir.path();
    let nothing = ["run", "standard-1", "-o", "out", "--pipeline", "true {film} {out}"];
    for shard in ["1/2", "2/2"] {
        done(&run(path, &[&nothing[..], &THREE, &["--shard", shard, "--jobs", "2"]].concat()));
    }
    let names: Vec<String> = fs::read_dir(path.join("out/results/true"))
        .expect("a folder")
        .map(|e| e.expect("readable").file_name().to_string_lossy().into_owned())
        .filter(|n| n.ends_with(".json"))
        .collect();
    assert_eq!(names.len(), 3, "{names:?}");
    for (args, words) in [
        (&["run", "standard-1", "--pipeline", "python mine.py {out}"][..], &["{film}", "--pipeline"][..]),
        (&["run", "standard-1", "--pipeline", "python 'mine.py {film} {out}"], &["quotes"]),
        (&["run", "standard-2", "--pipeline", "a {film} {out}"], &["standard-2", "standard-1"]),
        (&["run", "standard-1", "--pipeline", "a {film} {out}", "--size", "huge"], &["huge", "small"]),
        (&["run", "standard-1", "--pipeline", "a {film} {out}", "--film-format", "nwb"], &["nwb", "tiff", "truth"]),
        (&["run", "standard-1", "--pipeline", "a {film} {out}", "--name", "../a"], &["--name"]),
        (&["run", "standard-1", "--pipeline", "a {film} {out}", "--jobs", "0"], &["--jobs"]),
        (&["run", "standard-1", "--pipeline", "a {film} {out}", "--shard", "3/2"], &["--shard"]),
        (&["run", "standard-1", "--pipeline", "a {film} {out}", "--only", "base-9"], &["base-9", "base-1"]),
        (&["report", "nowhere"], &["nowhere"]),
        (&["list", "standard-3"], &["standard-3"]),
    ] {
        refused(&run(path, args), words);
    }
    let list = done(&run(path, &["list", "standard-1", "--json"]));
    let list: Value = serde_json::from_str(&list).expect("JSON");
    assert_eq!(list.as_array().map(Vec::len), Some(24));
}
