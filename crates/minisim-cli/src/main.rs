//! The `minisim` command.

fn main() -> std::process::ExitCode {
    minisim_cli::set_up_memory();
    minisim_cli::run(std::env::args_os()).into()
}
