//! `minisim spec`: check, compare and print specs.

use std::path::PathBuf;

use minisim::spec::{self, Checked, Difference, Format, Report, Spec};
use serde_json::json;

use crate::{
    exit::{Failure, print},
    input,
    talk::Talk,
};

/// Subcommands of `minisim spec`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check a spec: all errors at once, each with line, column, rule and remedy; exit code 2 if there is one.
    #[command(after_help = "Examples:\n  minisim spec check mine.json\n  minisim spec check --published mine.json")]
    Check {
        /// The spec file.
        spec: PathBuf,
        /// Refuse, too, what the published Python package (minisim 1.0.3) does not know: each step, field and value by name.
        #[arg(long)]
        published: bool,
        #[command(flatten)]
        talk: Talk,
    },
    /// Print the cache key: 16 hex digits that name the recording.
    #[command(after_help = "Example:\n  minisim spec key mine.json")]
    Key {
        /// The spec file.
        spec: PathBuf,
    },
    /// Print the canonical form: every field, in order.
    #[command(after_help = "Example:\n  minisim spec show mine.toml > mine.json")]
    Show {
        /// The spec file.
        spec: PathBuf,
        /// On one line, exactly the text that the cache key is computed from.
        #[arg(long)]
        compact: bool,
    },
    /// Print the JSON schema of a spec: every field with its unit, bound, default and meaning.
    #[command(after_help = "Example:\n  minisim spec schema > spec.schema.json")]
    Schema,
    /// Print the fields in which two specs differ; exit code 1 if there is one.
    #[command(after_help = "Example:\n  minisim spec diff mine.json recording.zarr/spec.json")]
    Diff {
        /// One spec.
        left: PathBuf,
        /// The other.
        right: PathBuf,
        #[command(flatten)]
        talk: Talk,
    },
}

/// Runs the subcommand.
pub(crate) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Check { spec, published, talk } => check(spec, *published, *talk),
        Command::Key { spec } => print(&format!("{}\n", input::read_spec(spec)?.cache_key())),
        Command::Show { spec, compact } => {
            let spec = input::read_spec(spec)?;
            print(&format!("{}\n", if *compact { spec.canonical_json() } else { spec.pretty_json() }))
        }
        Command::Schema => print(&format!("{:#}\n", spec::schema())),
        Command::Diff { left, right, talk } => diff(&input::read_spec(left)?, &input::read_spec(right)?, *talk),
    }
}

fn check(path: &std::path::Path, published: bool, talk: Talk) -> Result<(), Failure> {
    let beyond = |spec: &Spec| if published { spec.beyond_published() } else { Vec::new() };
    if talk.json {
        let text = std::fs::read_to_string(path).map_err(|e| Failure::input(format!("{}: {e}", path.display())))?;
        let (errors, findings) = match Spec::from_text(&text, Format::from_path(path)) {
            Ok(Checked { spec, warnings }) => {
                let simulable = spec.cost().check_simulable(&spec).err();
                let errors = simulable.map_or_else(Vec::new, |r| r.findings).into_iter().chain(beyond(&spec));
                (errors.collect(), warnings)
            }
            Err(report) => (report.findings, Vec::new()),
        };
        let failed = !errors.is_empty();
        let list: Vec<_> = errors.iter().chain(&findings).map(minisim::spec::Finding::to_json).collect();
        print(&format!("{:#}\n", serde_json::json!({ "ok": !failed, "findings": list })))?;
        return if failed { Err(Failure::Input(format!("{} is not valid", path.display()))) } else { Ok(()) };
    }
    let checked = input::check_spec(path)?;
    input::print_warnings(&checked, path);
    checked.spec.cost().check_simulable(&checked.spec).map_err(|r| Failure::Input(input::located(&r, path)))?;
    let findings = beyond(&checked.spec);
    if !findings.is_empty() {
        return Err(Failure::Input(input::located(&Report { findings }, path)));
    }
    let n = checked.warnings.len();
    let warned = match n {
        0 => String::new(),
        1 => ", 1 warning".to_owned(),
        n => format!(", {n} warnings"),
    };
    let (key, cost) = (checked.spec.cache_key(), checked.spec.cost());
    let readable = if published { ", readable by the published package" } else { "" };
    if talk.quiet {
        Ok(())
    } else {
        print(&format!("{}: valid{warned}{readable}, cache key {key}\n{cost}", path.display()))
    }
}

fn diff(left: &Spec, right: &Spec, talk: Talk) -> Result<(), Failure> {
    let differences = spec::diff(left, right);
    let fact = |d: &Difference| json!({ "path": d.path, "left": d.left, "right": d.right });
    let facts = || differences.iter().map(fact).collect();
    if differences.is_empty() {
        return talk.say(|| "the specs are equal\n".to_owned(), facts);
    }
    let shown = |v: &Option<String>| v.clone().unwrap_or_else(|| "(absent)".to_owned());
    let lines: Vec<String> =
        differences.iter().map(|d| format!("{}: {} → {}\n", d.path, shown(&d.left), shown(&d.right))).collect();
    talk.say(|| lines.concat(), facts)?;
    Err(Failure::Run(format!("{} difference{}", lines.len(), if lines.len() == 1 { "" } else { "s" })))
}
