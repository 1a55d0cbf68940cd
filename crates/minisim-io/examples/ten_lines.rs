//! A recording in ten lines: CA1 through a Miniscope V4, its brain moving, for ten seconds.
//!
//!     cargo run --release -p minisim-io --example ten_lines
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use minisim::{presets::preset, simulate};
use minisim_io::{ZarrOptions, save};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spec = preset("v4-ca1")?.with_step("brain_motion")?.spec.set("acquisition.duration_s", "10")?.spec;
    let recording = simulate(&spec)?;
    let truth = &recording.ground_truth;
    let detectable = truth.detectable().iter().filter(|d| **d).count();
    println!("{} cells, {detectable} detectable; film of {:?}", truth.n_units(), recording.observed.shape);
    save(&recording, "ten_lines.zarr", ZarrOptions { overwrite: true })?;
    Ok(())
}
