//! What a subcommand says when it is done: words for people, facts for programs, or nothing.

use serde_json::Value;

use crate::exit::{Failure, print};

/// The options of every subcommand that says what it did.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Talk {
    /// Say nothing but errors and warnings.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Print the facts as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

impl Talk {
    /// Whether there are words for people, such as a progress bar.
    pub(crate) fn is_for_people(self) -> bool {
        !self.quiet && !self.json
    }

    /// Prints the facts if they were asked for, else the words unless quiet was.
    pub(crate) fn say(self, words: impl FnOnce() -> String, facts: impl FnOnce() -> Value) -> Result<(), Failure> {
        self.text(words, facts).map_or(Ok(()), |text| print(&text))
    }

    /// The same on standard error, where standard output is taken.
    pub(crate) fn say_aside(self, words: impl FnOnce() -> String, facts: impl FnOnce() -> Value) {
        if let Some(text) = self.text(words, facts) {
            eprint!("{text}");
        }
    }

    fn text(self, words: impl FnOnce() -> String, facts: impl FnOnce() -> Value) -> Option<String> {
        if self.json { Some(format!("{:#}\n", facts())) } else { (!self.quiet).then(words) }
    }
}
