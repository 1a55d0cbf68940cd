//! `minisim studio`: tune a recording by eye in the browser.

use std::path::{Path, PathBuf};

use minisim::{Spec, presets::starting_points};
use minisim_io::Reader;
use minisim_studio::{Studio, StudioOptions};
use serde_json::json;

use crate::{exit::Failure, input, talk::Talk};

/// Arguments of `minisim studio`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The page is served to this machine only; the address holds a token that opens it. On another machine (a cluster, say)
forward the port: ssh -L 8642:127.0.0.1:8642 HOST, there minisim studio --port 8642 --no-open, and open the address here.

Examples:
  minisim studio                           start from a Miniscope V4 over CA1
  minisim studio mine.json --dir films     tune a spec, write recordings to films/
  minisim studio v4-ca1.zarr               start from a recording's spec
  minisim studio --tour                    learn what a recording is made of")]
pub(crate) struct Args {
    /// A spec (.json, .toml, .yaml) or a recording (.zarr) to start from.
    start: Option<PathBuf>,
    /// The folder that recordings are written to; the page writes nowhere else.
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// TCP port; any free one if 0.
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// Open the tour: what a recording is made of, effect by effect.
    #[arg(long)]
    tour: bool,
    /// Print the address, open no browser.
    #[arg(long)]
    no_open: bool,
    #[command(flatten)]
    talk: Talk,
}

/// Runs the subcommand.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let spec = match &args.start {
        Some(path) => read(path)?,
        None => {
            let mut points = starting_points().map_err(Failure::input)?;
            points.swap_remove(0).spec
        }
    };
    let options = StudioOptions { spec, dir: args.dir.clone(), port: args.port };
    let studio = Studio::start(options).map_err(Failure::run)?;
    let url = if args.tour { studio.tour_url() } else { studio.url() };
    args.talk.say(|| format!("the studio is open at {url}\nCtrl-C ends it\n"), || json!({ "url": url }))?;
    if !args.no_open && !open(&url) {
        eprintln!("no browser could be opened; open the address yourself");
    }
    // Ctrl-C ends the process; a recording that is being written leaves nothing behind.
    let _cancel = crate::interrupt::cancel_on_signal("the studio has stopped")?;
    studio.wait();
    Ok(())
}

fn read(path: &Path) -> Result<Spec, Failure> {
    if path.is_dir() {
        return Ok(Reader::open(path).map_err(Failure::input)?.spec().clone());
    }
    input::read_spec(path)
}

/// Opens an address in the user's browser; whether that worked.
fn open(url: &str) -> bool {
    let mut command = if cfg!(target_os = "macos") {
        std::process::Command::new("open")
    } else if cfg!(windows) {
        let mut command = std::process::Command::new("rundll32");
        command.arg("url.dll,FileProtocolHandler");
        command
    } else {
        std::process::Command::new("xdg-open")
    };
    let quiet = std::process::Stdio::null;
    command.arg(url).stdin(quiet()).stdout(quiet()).stderr(quiet()).status().is_ok_and(|s| s.success())
}
