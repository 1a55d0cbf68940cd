//! The whole test suite, as CI runs it.

use std::process::Command;

use crate::{Result, cargo, python, root};

/// Builds the Python package as users get it, installs it, and runs its tests and type checks.
fn package() -> Result {
    let python = python::package_tools()?;
    let wheel = python::wheel(&python)?;
    crate::run(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--force-reinstall"])
            .arg(wheel),
    )?;
    crate::run(Command::new(&python).args(["-m", "pytest", "-q", "crates/minisim-py"]))?;
    crate::run(Command::new(&python).args(["-m", "mypy", "--strict", "crates/minisim-py/python/minisim"]))?;
    crate::run(Command::new(&python).args(["-m", "mypy", "--strict", "crates/minisim-py/tests/typed_user.py"]))?;
    crate::run(Command::new(&python).args(["-m", "mypy.stubtest", "minisim._core"]))?;
    crate::run(Command::new(&python).args([
        "-m",
        "mkdocs",
        "build",
        "--quiet",
        "--strict",
        "--site-dir",
        "target/site",
    ]))
}

/// Checks the studio's page: its types, and in a real browser what it does.
fn page() -> Result {
    let web = root().join("crates/minisim-studio/web");
    crate::run(&mut cargo(&["build", "--release", "--package", "minisim-cli"]))?;
    crate::run(Command::new("npm").arg("--prefix").arg(&web).args(["run", "check", "--silent"]))?;
    let program = root().join("target/release/minisim");
    let pictures = root().join("target/studio");
    crate::run(Command::new("node").arg(web.join("test/browser.mjs")).arg(program).arg(pictures))
}

/// Runs everything; `quick` leaves out what needs Python, `slow` adds the wide sweeps.
pub(crate) fn run(quick: bool, slow: bool) -> Result {
    crate::run(&mut cargo(&["fmt", "--all", "--check"]))?;
    crate::codegen::run(true)?;
    crate::run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))?;
    let mut tests = cargo(&["test", "--workspace"]);
    if !quick {
        // The interoperability tests run when they find these.
        let published = python::published_package()?;
        let readers = python::current_readers()?;
        let ffmpeg = Command::new(&readers)
            .args(["-c", "import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe(), end='')"])
            .output()?;
        tests
            .env("MINISIM_PEER_PYTHON", published)
            .env("MINISIM_ZARR3_PYTHON", readers)
            .env("MINISIM_FFMPEG", String::from_utf8(ffmpeg.stdout)?);
    }
    crate::run(&mut tests)?;
    if slow {
        if !quick {
            let readers = python::current_readers()?;
            let mut films =
                cargo(&["test", "--release", "--package", "minisim-io", "--features", "mp4", "--test", "interop"]);
            films.env("MINISIM_ZARR3_PYTHON", readers);
            if Command::new("ffprobe").arg("-version").output().is_ok() {
                films.env("MINISIM_MINIAN_PYTHON", python::minian()?);
            }
            crate::run(&mut films)?;
        }
        crate::run(&mut cargo(&["test", "--workspace", "--release", "--", "--ignored"]))?;
    }
    if !quick {
        page()?;
        package()?;
    }
    crate::run(cargo(&["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    println!("all checks passed");
    Ok(())
}
