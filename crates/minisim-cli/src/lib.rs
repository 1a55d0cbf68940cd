//! The `minisim` command: one file a subcommand. A library too, so that the Python package brings the same command.
#![expect(clippy::print_stderr, reason = "a command line program talks to its terminal")]

mod anatomy;
mod assemble;
mod benchmark;
mod camera_test;
mod completions;
mod convert;
mod exit;
mod info;
mod input;
mod interrupt;
mod output;
mod picture;
mod presets;
mod score;
mod simulate;
mod spec;
mod stream;
mod studio;
mod sweep;
mod talk;
mod text;

use clap::{Parser, Subcommand};

/// Simulate one-photon miniscope recordings with exact ground truth.
///
/// From neurons, optics, tissue, motion and a camera, minisim makes a film that looks like a real recording, together with
/// everything that is true about it: footprints, calcium traces, spikes, motion and optical fields.
#[derive(Debug, Parser)]
#[command(name = "minisim", version, max_term_width = 110, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  minisim simulate                                   a 30 s recording of CA1 through a Miniscope V4, and a picture of it
  minisim simulate --preset v4-cortex-l23 --duration 60 -o cortex.zarr
  minisim presets v4-ca1 > mine.json                 a spec to edit; then: minisim simulate mine.json
  minisim picture mine.zarr -o mine.png
  minisim stream --preset v4-ca1 --loop              a virtual Miniscope for a browser or an online analysis
  minisim studio                                     tune a recording by eye in the browser
  minisim studio --tour                              what a recording is made of, effect by effect

Exit codes:
  0  done    1  failed (a file, the disk, a size that does not fit)    2  the spec or the command line is wrong
  130  stopped with Ctrl-C; nothing half written is left behind";

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulate a recording and write it to disk.
    Simulate(Box<simulate::Args>),
    /// Check, compare and print specs.
    #[command(subcommand)]
    Spec(spec::Command),
    /// List the presets, or print one as a spec.
    Presets(presets::Args),
    /// Say what is in a recording.
    Info(info::Args),
    /// Draw a labelled contact sheet of a recording or a spec.
    Picture(picture::Args),
    /// Write a recording in another format.
    Convert(convert::Args),
    /// Compare what an analysis found with the truth.
    Score(score::Args),
    /// Measure the camera of a spec as the standard EMVA 1288 does, and compare with what was set.
    CameraTest(camera_test::Args),
    /// Simulate many recordings: every combination of what varies.
    #[command(subcommand)]
    Sweep(sweep::Command),
    /// Measure how good a pipeline is, on sets of recordings that never change.
    #[command(subcommand)]
    Benchmark(benchmark::Command),
    /// Serve a recording as a virtual Miniscope, at its frame rate, to browsers and programs.
    Stream(stream::Args),
    /// Tune a recording by eye in the browser, and write it to disk.
    Studio(studio::Args),
    /// Draw the anatomy of a recording, effect by effect, for slides and lectures.
    Anatomy(anatomy::Args),
    /// Print a completion script for your shell.
    Completions(completions::Args),
}

/// Runs the command with these arguments, the first being the program's name. Returns the exit code.
pub fn run<I, A>(args: I) -> u8
where
    I: IntoIterator<Item = A>,
    A: Into<std::ffi::OsString> + Clone,
{
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(message) => {
            // Help and version go to standard output and are no failure. Nothing can be done when printing fails.
            let _ = message.print();
            return u8::from(message.use_stderr()) * 2;
        }
    };
    let result = match cli.command {
        Command::Simulate(args) => simulate::run(&args),
        Command::Spec(command) => spec::run(&command),
        Command::Presets(args) => presets::run(&args),
        Command::Info(args) => info::run(&args),
        Command::Picture(args) => picture::run(&args),
        Command::Convert(args) => convert::run(&args),
        Command::Score(args) => score::run(&args),
        Command::CameraTest(args) => camera_test::run(&args),
        Command::Sweep(command) => sweep::run(&command),
        Command::Benchmark(command) => benchmark::run(&command),
        Command::Stream(args) => stream::run(&args),
        Command::Studio(args) => studio::run(&args),
        Command::Anatomy(args) => anatomy::run(&args),
        Command::Completions(args) => completions::run(&args),
    };
    match result {
        Ok(()) => 0,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    /// Subcommands that print what they are asked for and nothing about it.
    const PRINTERS: [&str; 4] = ["spec key", "spec show", "spec schema", "completions"];

    #[test]
    fn whatever_talks_can_be_quiet_and_gives_its_facts_as_json() {
        fn leaves(command: &clap::Command, path: &str, found: &mut Vec<(String, bool)>) {
            for sub in command.get_subcommands() {
                let path = format!("{path} {}", sub.get_name()).trim().to_owned();
                if sub.has_subcommands() {
                    leaves(sub, &path, found);
                } else {
                    let has = |name: &str| sub.get_arguments().any(|a| a.get_long() == Some(name));
                    found.push((path, has("quiet") && has("json")));
                }
            }
        }
        let mut found = Vec::new();
        leaves(&Cli::command(), "", &mut found);
        assert!(found.len() > PRINTERS.len());
        for (path, talks) in found {
            assert_eq!(talks, !PRINTERS.contains(&path.as_str()), "{path}");
        }
    }
}
