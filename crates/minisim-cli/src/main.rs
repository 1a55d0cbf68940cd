//! The `minisim` command.

fn main() -> std::process::ExitCode {
    minisim_cli::run(std::env::args_os()).into()
}
