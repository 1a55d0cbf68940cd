//! `minisim completions`: scripts that let a shell complete subcommands and options.

use clap::CommandFactory;

use crate::exit::{Failure, print};

/// Arguments of `minisim completions`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  minisim completions bash > ~/.local/share/bash-completion/completions/minisim\n  \
                        minisim completions zsh > ~/.zfunc/_minisim\n  \
                        minisim completions fish > ~/.config/fish/completions/minisim.fish"
)]
pub(crate) struct Args {
    /// The shell.
    shell: clap_complete::Shell,
}

/// Prints the script.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::Cli::command(), "minisim", &mut script);
    print(&String::from_utf8_lossy(&script))
}
