//! Ctrl-C and termination signals: stop soon, leave nothing half written.

use std::time::Duration;

use minisim::Cancel;

use crate::exit::Failure;

/// What there is to say when a command stops that writes all or nothing.
pub(crate) const NOTHING_WRITTEN: &str = "stopped; nothing was written";

/// How long an orderly stop may take before unfinished files are removed and the process ends all the same.
const GRACE: Duration = Duration::from_millis(50);

/// A handle that Ctrl-C (or SIGTERM) cancels. Work that does not notice in time is cut off, after what it had begun to write
/// has been removed; then `farewell` is printed.
pub(crate) fn cancel_on_signal(farewell: &'static str) -> Result<Cancel, Failure> {
    cancel_on_signal_then(farewell, || {})
}

/// As [`cancel_on_signal`]; `last` is done before the process ends.
pub(crate) fn cancel_on_signal_then(
    farewell: &'static str,
    last: impl Fn() + Send + 'static,
) -> Result<Cancel, Failure> {
    let cancel = Cancel::new();
    let handle = cancel.clone();
    ctrlc::set_handler(move || {
        handle.cancel();
        std::thread::sleep(GRACE);
        last();
        minisim_io::remove_unfinished();
        eprintln!("{farewell}");
        std::process::exit(130);
    })
    .map_err(|e| Failure::run(format!("could not listen for Ctrl-C: {e}")))?;
    Ok(cancel)
}
