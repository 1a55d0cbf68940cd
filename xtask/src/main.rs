//! `cargo xtask`: what a person or CI runs to generate, check and measure the repository.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line program talks to its terminal")]

mod bench;
mod codegen;
mod cross;
mod messages;
mod models;
mod needs;
mod python;
mod test;
mod toy;
mod truth;

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const USAGE: &str = "\
usage: cargo xtask TASK

  test [--quick] [--slow]     format, lints, all tests, docs, and the files against other programs
                              --quick  without the other programs (no Python, Node or Chromium needed)
                              --slow   adds the wide statistical sweeps, ARM and Windows
  codegen [--check]           write the generated files (schema, Python models, reference pages, messages of the
                              studio's page), or fail if stale
  new-effect                  in a copy of the repository, add an effect as one file and one word, and test what follows from it
  web                         build the studio's page into crates/minisim-studio/web/dist, for cargo package
  wheel                       build the Python package into target/wheels
  bench [--peer] [--hour] [--seconds N]
                              tables of speed and memory; --peer adds the published Python package, --hour a film of an hour
  bench --effects [--seconds N]
                              only what the effects add to a film's processor time
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|a| a == flag);
    let value = |flag: &str| args.iter().position(|a| a == flag).and_then(|i| args.get(i + 1));
    let result = match args.first().map(String::as_str) {
        Some("test") => test::run(has("--quick"), has("--slow")),
        Some("codegen" | "schema") => codegen::run(has("--check")),
        Some("new-effect") => toy::run(),
        Some("wheel") => {
            python::package_tools().and_then(|tools| python::wheel(&tools)).map(|wheel| println!("{}", wheel.display()))
        }
        Some("web") => web(),
        // A measurement is no use in a build that is not optimised.
        Some("bench" | "in-memory") if cfg!(debug_assertions) => {
            let words: Vec<&str> = args.iter().map(String::as_str).collect();
            run(cargo(&["run", "--quiet", "--release", "--package", "xtask", "--"]).args(words))
        }
        Some("bench") => {
            let seconds = value("--seconds").map_or(Ok(60.0), |s| s.parse::<f64>());
            seconds.map_err(Into::into).and_then(|s| {
                if has("--effects") { bench::run_effects(s) } else { bench::run(has("--peer"), has("--hour"), s) }
            })
        }
        // What `bench` starts, to measure its memory.
        Some("in-memory") => {
            let seconds = args.get(1).map_or(Ok(60.0), |s| s.parse::<f64>());
            seconds.map_err(Into::into).and_then(bench::in_memory)
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Builds the studio's page where a packaged crate looks for it.
fn web() -> Result {
    let web = root().join("crates/minisim-studio/web");
    for args in [["ci", "--no-audit", "--no-fund"].as_slice(), &["run", "build"]] {
        run(Command::new("npm").arg("--prefix").arg(&web).args(args))?;
    }
    Ok(())
}

/// The repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// Runs a command in the repository's root, showing it first.
fn run(command: &mut Command) -> Result {
    let shown = show(command);
    let status = command.current_dir(root()).status().map_err(|e| format!("could not start {shown}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{shown} failed: {status}").into()) }
}

/// Prints a command as a shell has it.
fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let shown = words.map(std::ffi::OsStr::to_string_lossy).collect::<Vec<_>>().join(" ");
    println!("$ {shown}");
    shown
}

/// `cargo` with arguments.
fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    command
}
