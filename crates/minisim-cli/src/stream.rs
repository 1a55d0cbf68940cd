//! `minisim stream`: a virtual Miniscope.

use minisim_io::{Lateness, MJPG_QUALITY};
use minisim_studio::{Played, ScopeError, ScopeOptions, VirtualScope};
use serde_json::json;

use crate::{assemble::SpecArgs, exit::Failure, interrupt, output::finite, talk::Talk};

/// Arguments of `minisim stream`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minisim stream                                    30 s of v4-ca1 with brain motion, once
  minisim stream mine.json --port 8643 --loop       again and again, until Ctrl-C
  ffplay -f mpjpeg ADDRESS                          watch the film whose address is printed
  curl -s ADDRESS | ...                             the frames' own numbers, each behind a header of 32 bytes

The film begins when the first one connects. It is served to this machine only, and the addresses hold a token that opens
them; from another machine, forward the port: ssh -L 8643:127.0.0.1:8643 HOST. Who reads slowly misses frames and stops
nobody else.")]
pub(crate) struct Args {
    #[command(flatten)]
    spec: SpecArgs,
    /// TCP port; any free one if 0.
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// Begin again after the last frame.
    #[arg(long = "loop")]
    repeat: bool,
    /// Quality of the pictures for browsers, 1 to 100.
    #[arg(long, value_name = "Q", default_value_t = MJPG_QUALITY, value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,
    /// Intensity shown as white; needed without a sensor step.
    #[arg(long, value_name = "LEVEL", value_parser = finite)]
    vmax: Option<f64>,
    /// Intensity shown as black.
    #[arg(long, value_name = "LEVEL", default_value_t = 0.0, value_parser = finite)]
    vmin: f64,
    #[command(flatten)]
    talk: Talk,
}

/// Runs the subcommand.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let (spec, _) = args.spec.assemble()?;
    let fps = spec.acquisition.fps.get();
    let Args { port, repeat, quality, vmin, vmax, .. } = *args;
    let scope = VirtualScope::start(ScopeOptions { spec, port, repeat, vmin, vmax, quality }).map_err(|e| match e {
        ScopeError::Start(e) => Failure::run(e),
        e => Failure::input(e),
    })?;
    scope.warnings().iter().for_each(|w| eprintln!("warning: {w}"));
    let words = || {
        let films = format!("  film, for a browser or ffmpeg: {}\n", scope.film_url());
        let frames = format!("  frames, for a program:         {}\n", scope.frames_url());
        format!("the virtual Miniscope is at {}\n{films}{frames}Ctrl-C ends it\n", scope.url())
    };
    let [height, width] = scope.shape();
    let facts = || {
        json!({
            "url": scope.url(),
            "film_url": scope.film_url(),
            "frames_url": scope.frames_url(),
            "height": height,
            "width": width,
            "dtype": scope.dtype(),
            "fps": fps,
        })
    };
    args.talk.say(words, facts)?;
    // Ctrl-C ends the process.
    let _cancel = interrupt::cancel_on_signal("the virtual Miniscope has stopped")?;
    let Played { n_frames, lateness: Lateness { n_late, worst } } = scope.wait();
    if n_late > 0 {
        eprintln!(
            "warning: {n_late} of {n_frames} frames came more than a frame's time late, the worst by {:.0} ms: this machine is \
             slower than {fps} fps; a smaller field or fewer effects are faster",
            1e3 * worst.as_secs_f64()
        );
    }
    if args.talk.is_for_people() {
        eprintln!("the film is over: {n_frames} frames");
    }
    Ok(())
}
