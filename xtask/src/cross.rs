//! The machines that people have and CI has not: laptops with ARM processors, Windows.

use crate::{
    Result, cargo,
    needs::{self, ARM_TARGET, WINDOWS_TARGET},
    test::Tally,
};

/// Golden hashes and the agreement of all levels of vector instructions on 64-bit ARM, in an emulator.
pub(crate) fn arm(tally: &mut Tally) -> Result {
    needs::target(ARM_TARGET)?;
    needs::arm_tools()?;
    let test = |args: &[&str]| {
        let mut test = cargo(&["test", "--release", "--package", "minisim", "--target", ARM_TARGET]);
        test.args(args);
        test.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc");
        // Where Debian keeps the libraries of the other processor.
        test.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", "qemu-aarch64 -L /usr/aarch64-linux-gnu");
        test
    };
    let goldens = tally.count(&mut test(&["--test", "golden"]));
    // The unit tests that compare levels have the word in their names.
    goldens.and(tally.count(&mut test(&["--lib", "level"])))
}

/// Whether everything compiles for Windows.
pub(crate) fn windows(tally: &mut Tally) -> Result {
    needs::target(WINDOWS_TARGET)?;
    tally.check(&mut cargo(&["check", "--workspace", "--target", WINDOWS_TARGET, "--quiet"]))
}
