//! `minisim presets`: the ready-made combinations of a scope and a brain region.

use minisim::presets::{PRESETS, preset};

use serde_json::json;

use crate::{
    exit::{Failure, print},
    talk::Talk,
};

/// Arguments of `minisim presets`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  minisim presets\n  minisim presets v4-ca1 > mine.json")]
pub(crate) struct Args {
    /// Print this preset as a spec.
    name: Option<String>,
    #[command(flatten)]
    talk: Talk,
}

/// Lists the presets, or prints one.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match &args.name {
        Some(name) => print(&format!("{}\n", preset(name).map_err(Failure::input)?.pretty_json())),
        None => {
            let width = PRESETS.iter().map(|p| p.name.len()).max().unwrap_or(0);
            let lines: Vec<String> =
                PRESETS.iter().map(|p| format!("{:width$}  {}\n", p.name, p.description)).collect();
            let words = || {
                format!(
                    "{}\nprint one as a spec:  minisim presets {}\nsimulate one:         minisim simulate --preset {}\n",
                    lines.concat(),
                    PRESETS[0].name,
                    PRESETS[0].name
                )
            };
            let fact = |p: &minisim::presets::Preset| json!({ "name": p.name, "description": p.description });
            args.talk.say(words, || PRESETS.iter().map(fact).collect())
        }
    }
}
