//! The whole test suite, as CI runs it: parts that run one after the other, each counted, none hidden by another's failure.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::{Result, cargo, cross, needs, python, root};

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: usize,
    failed: usize,
    /// What did not run, and what would make it run.
    skipped: Vec<(String, String)>,
    /// Names of the parts that failed.
    broken: Vec<&'static str>,
    /// What each part took.
    times: Vec<(&'static str, Duration)>,
}

/// One part of the suite.
struct Part {
    name: &'static str,
    /// What it needs besides the Rust toolchain.
    needs: &'static [needs::Need],
    run: fn(&mut Tally) -> Result,
}

const QUICK: &[Part] = &[
    Part { name: "format", needs: &[], run: |tally| tally.check(&mut cargo(&["fmt", "--all", "--check"])) },
    Part { name: "generated files", needs: &[], run: generated_files },
    Part { name: "lints", needs: &[], run: lints },
    Part { name: "a new effect is one file and one word", needs: &[], run: new_effect },
];

const RUST: Part = Part { name: "Rust tests", needs: &[], run: rust_tests };

const FULL: &[Part] = &[
    Part { name: "Rust tests, with the programs that read our files", needs: &[needs::PYTHON], run: rust_and_readers },
    Part { name: "a second build", needs: &[needs::NPM], run: second_build },
    Part { name: "the studio's page", needs: &[needs::NPM, needs::BROWSER], run: page },
    Part { name: "the Python package", needs: &[needs::PYTHON, needs::NPM], run: package },
];

const DOCS: Part = Part { name: "Rust documentation", needs: &[], run: docs };

const SLOW: &[Part] = &[
    Part { name: "films of every codec", needs: &[needs::PYTHON], run: slow_films },
    Part { name: "wide statistical sweeps", needs: &[], run: sweeps },
    Part { name: "Rust tests with overflow checks", needs: &[], run: checked_arithmetic },
    Part {
        name: "golden hashes on 64-bit ARM",
        needs: &[needs::ARM_STD, needs::ARM_LINKER, needs::ARM_EMULATOR],
        run: cross::arm,
    },
    Part { name: "a check for Windows", needs: &[needs::WINDOWS_STD], run: cross::windows },
];

/// Runs everything; `quick` leaves out what needs Python, Node and a browser, `slow` adds the wide sweeps.
pub(crate) fn run(quick: bool, slow: bool) -> Result {
    let mut parts: Vec<&Part> = QUICK.iter().collect();
    parts.extend(if quick { std::slice::from_ref(&RUST) } else { FULL });
    parts.push(&DOCS);
    if slow {
        parts.extend(SLOW.iter().filter(|part| !quick || part.needs.is_empty()));
    }
    let mut wanted: Vec<needs::Need> = Vec::new();
    for need in parts.iter().flat_map(|part| part.needs) {
        if !wanted.iter().any(|w| w.name == need.name) {
            wanted.push(*need);
        }
    }
    // Said before anything runs, so that nobody waits for what cannot be.
    let lacking = needs::announce(&wanted);
    let mut tally = Tally::default();
    for part in parts {
        let lacks: Vec<&needs::Need> =
            part.needs.iter().filter(|need| lacking.iter().any(|l| l.name == need.name)).collect();
        if let Some(need) = lacks.first() {
            tally.skipped.push((part.name.to_owned(), format!("needs {}: {}", need.name, need.remedy)));
            continue;
        }
        println!("\n== {}", part.name);
        let start = Instant::now();
        if let Err(error) = (part.run)(&mut tally) {
            println!("{}: {error}", part.name);
            tally.broken.push(part.name);
        }
        tally.times.push((part.name, start.elapsed()));
    }
    tally.close()
}

impl Tally {
    /// Runs a command that is one check.
    pub(crate) fn check(&mut self, command: &mut Command) -> Result {
        let result = crate::run(command);
        self.one(result.is_ok());
        result
    }

    /// Counts one check.
    fn one(&mut self, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }

    /// Runs tests, shows what they print, and counts what their closing lines say.
    pub(crate) fn count(&mut self, command: &mut Command) -> Result {
        crate::show(command);
        let before = self.failed;
        let mut child = command.current_dir(root()).stdout(Stdio::piped()).spawn()?;
        if let Some(out) = child.stdout.take() {
            for line in BufReader::new(out).lines() {
                let line = line?;
                println!("{line}");
                self.read(&line);
            }
        }
        let status = child.wait()?;
        if !status.success() && self.failed == before {
            // It did not come as far as to say what failed.
            self.failed += 1;
        }
        if status.success() { Ok(()) } else { Err(format!("ended with {status}").into()) }
    }

    /// Adds the numbers of a closing line of cargo's tests, pytest or the browser's test. A test that cannot run here prints
    /// `skipped: what; remedy`; it ends as one that passed does, and is not counted as one.
    fn read(&mut self, line: &str) {
        // The harness may have begun the line with the name of another test.
        if let Some((what, remedy)) = line.split_once("skipped: ").and_then(|(_, rest)| rest.split_once("; ")) {
            self.skipped.push((what.to_owned(), remedy.to_owned()));
            self.passed = self.passed.saturating_sub(1);
            return;
        }
        let closing = line.strip_prefix("test result: ").or_else(|| {
            let bare = line.trim_matches(|c: char| c == '=' || c == ' ');
            bare.starts_with(|c: char| c.is_ascii_digit()).then_some(bare)
        });
        let Some(closing) = closing else { return };
        let words: Vec<&str> = closing.split([' ', ',', ';', '.']).filter(|w| !w.is_empty()).collect();
        for pair in words.windows(2) {
            let Ok(n) = pair[0].parse::<usize>() else { continue };
            match pair[1] {
                "passed" => self.passed += n,
                "failed" | "error" | "errors" => self.failed += n,
                "skipped" if n > 0 => {
                    self.skipped.push((format!("{n} tests of pytest"), "pytest -rs names each reason".to_owned()));
                }
                _ => {}
            }
        }
    }

    /// Says how it went, last of all in one plain line.
    fn close(self) -> Result {
        println!();
        for (name, time) in &self.times {
            println!("{:>5} s  {name}", time.as_secs());
        }
        let whole: Duration = self.times.iter().map(|(_, time)| *time).sum();
        println!("{:>5} s  all together", whole.as_secs());
        for (what, remedy) in &self.skipped {
            println!("skipped: {what}; {remedy}");
        }
        for part in &self.broken {
            println!("failed: {part}");
        }
        println!("{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped.len());
        if self.failed > 0 || !self.broken.is_empty() {
            return Err("some checks failed".into());
        }
        // A person may lack a program; what checks each change may not.
        if std::env::var_os("CI").is_some() && !self.skipped.is_empty() {
            return Err("some checks were skipped, which CI must not".into());
        }
        Ok(())
    }
}

fn generated_files(tally: &mut Tally) -> Result {
    let result = crate::codegen::run(true);
    tally.one(result.is_ok());
    result
}

fn new_effect(tally: &mut Tally) -> Result {
    let result = crate::toy::run();
    tally.one(result.is_ok());
    result
}

// Everything is built in the release profile, which the command and the Python package are made in: a dependency is compiled
// once.
fn lints(tally: &mut Tally) -> Result {
    tally.check(&mut cargo(&["clippy", "--release", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
}

fn all_tests() -> Command {
    cargo(&["test", "--release", "--workspace", "--no-fail-fast"])
}

fn rust_tests(tally: &mut Tally) -> Result {
    tally.count(&mut all_tests())
}

/// The interoperability tests run when they find these programs.
fn rust_and_readers(tally: &mut Tally) -> Result {
    let published = python::published_package()?;
    let readers = python::current_readers()?;
    let ffmpeg = Command::new(&readers)
        .args(["-c", "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe(), end='')"])
        .output()?;
    tally.count(
        all_tests()
            .env("XDG_CACHE_HOME", python::cache())
            .env("MINISIM_PEER_PYTHON", published)
            .env("MINISIM_ZARR3_PYTHON", readers)
            .env("MINISIM_FFMPEG", String::from_utf8(ffmpeg.stdout)?),
    )
}

/// Builds all tests and the programs that they run, as `all_tests` does: other selections of packages ask other features of the
/// crates they share, and compile the engine anew.
fn build_all() -> Command {
    cargo(&["test", "--release", "--workspace", "--no-run", "--quiet"])
}

/// All is built twice: what did not change is not compiled again.
fn second_build(tally: &mut Tally) -> Result {
    crate::run(&mut build_all())?;
    let again = build_all().arg("--message-format=json").current_dir(root()).stderr(Stdio::inherit()).output()?;
    let stale: Vec<String> = String::from_utf8(again.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|unit| unit["fresh"] == false)
        .map(|unit| unit["package_id"].to_string())
        .collect();
    if stale.is_empty() && again.status.success() {
        tally.passed += 1;
        return Ok(());
    }
    tally.failed += 1;
    Err(format!("a second build, in which nothing had changed, compiled {}", stale.join(", ")).into())
}

/// Checks the studio's page: its types, and in a real browser what it does.
fn page(tally: &mut Tally) -> Result {
    let web = root().join("crates/minisim-studio/web");
    crate::run(&mut build_all())?;
    tally.check(Command::new("npm").arg("--prefix").arg(&web).args(["run", "check", "--silent"]))?;
    let program = root().join("target/release/minisim");
    let pictures = root().join("target/studio");
    let mut test = Command::new("node");
    test.arg(web.join("test/browser.mjs")).arg(program).arg(pictures);
    needs::browser()?.give(&mut test);
    tally.count(&mut test)
}

/// Builds the Python package as users get it, installs it, and runs its tests and type checks.
fn package(tally: &mut Tally) -> Result {
    let python = python::package_tools()?;
    let wheel = python::wheel(&python)?;
    crate::run(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--force-reinstall"])
            .arg(wheel),
    )?;
    let module = |args: &[&str]| {
        let mut command = Command::new(&python);
        command.arg("-m").args(args);
        command
    };
    let package: PathBuf = ["crates", "minisim-py", "python", "minisim"].iter().collect();
    let package = package.to_string_lossy().into_owned();
    let results = [
        tally.count(&mut module(&["pytest", "-q", "crates/minisim-py"])),
        tally.check(&mut module(&["mypy", "--strict", &package])),
        tally.check(&mut module(&["mypy", "--strict", "crates/minisim-py/tests/typed_user.py"])),
        tally.check(&mut module(&["mypy.stubtest", "minisim._core"])),
        tally.check(&mut module(&["mkdocs", "build", "--quiet", "--strict", "--site-dir", "target/site"])),
    ];
    results.into_iter().collect()
}

fn docs(tally: &mut Tally) -> Result {
    let mut doc = cargo(&["doc", "--release", "--workspace", "--no-deps", "--quiet"]);
    tally.check(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

fn slow_films(tally: &mut Tally) -> Result {
    let mut films = cargo(&["test", "--release", "--package", "minisim-io", "--features", "mp4", "--test", "interop"]);
    films.env("XDG_CACHE_HOME", python::cache()).env("MINISIM_ZARR3_PYTHON", python::current_readers()?);
    films.env("MINISIM_NEUROCONV_PYTHON", python::neuroconv()?);
    if Command::new("ffprobe").arg("-version").output().is_ok() {
        films.env("MINISIM_MINIAN_PYTHON", python::minian()?);
    } else {
        let remedy = "install ffmpeg, whose ffprobe minian calls".to_owned();
        tally.skipped.push(("films and truth loaded by minian".to_owned(), remedy));
    }
    tally.count(&mut films)
}

fn sweeps(tally: &mut Tally) -> Result {
    tally.count(&mut cargo(&["test", "--workspace", "--release", "--", "--ignored"]))
}

fn checked_arithmetic(tally: &mut Tally) -> Result {
    tally.count(&mut cargo(&["test", "--workspace", "--exclude", "minisim-py"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_counted() {
        let mut tally = Tally::default();
        for line in [
            "test result: ok. 57 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 4.16s",
            "test result: FAILED. 3 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            "1 failed, 12 passed, 2 skipped in 3.20s",
            "=================== 4 passed, 1 error in 0.10s ===================",
            "20 passed, 3 failed",
            "100 frames were passed on",
            "test a_name ... ok",
            "test another ... skipped: a full disk; allow user namespaces",
        ] {
            tally.read(line);
        }
        assert_eq!((tally.passed, tally.failed, tally.skipped.len()), (95, 6, 2));
    }
}
