//! How the command ends: what is printed, and with which exit code.

/// Why a subcommand did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The spec or the command line is wrong (exit code 2).
    Input(String),
    /// Something failed on the way (exit code 1).
    Run(String),
    /// The reader of our output went away; nothing to say.
    BrokenPipe,
    /// Stopped by the user (exit code 130); what there is to say.
    Interrupted(&'static str),
}

impl Failure {
    /// Anything that failed on the way.
    pub(crate) fn run(error: impl std::fmt::Display) -> Self {
        Self::Run(error.to_string())
    }

    /// Anything wrong with what the user gave.
    pub(crate) fn input(error: impl std::fmt::Display) -> Self {
        Self::Input(error.to_string())
    }

    /// Prints the failure and yields its exit code.
    pub(crate) fn report(self) -> u8 {
        match self {
            Self::Input(message) => {
                eprintln!("error: {message}");
                2
            }
            Self::Run(message) => {
                eprintln!("error: {message}");
                1
            }
            Self::BrokenPipe => 0,
            Self::Interrupted(farewell) => {
                eprintln!("{farewell}");
                130
            }
        }
    }
}

/// Prints to standard output; a reader that has gone (`| head`) ends the command quietly.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Err(Failure::BrokenPipe),
        other => other.map_err(Failure::run),
    }
}
