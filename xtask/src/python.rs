//! Python environments with the programs that our files must be readable by.

use std::{path::PathBuf, process::Command};

use crate::{Result, root, run};

/// A virtual environment under `target/`, with `packages` installed; the path of its Python.
pub(crate) fn environment(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let dir = root().join("target/python").join(name);
    let python = dir.join("bin/python");
    let stamp = dir.join("installed");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&dir))?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages))?;
    std::fs::write(stamp, wanted)?;
    Ok(python)
}

/// The published package with zarr-python 2 and OpenCV.
pub(crate) fn published_package() -> Result<PathBuf> {
    environment("published", &["minisim==1.0.3", "opencv-python-headless"])
}

/// zarr-python 3, xarray and ffmpeg.
pub(crate) fn current_readers() -> Result<PathBuf> {
    environment("readers", &["zarr>=3", "xarray", "numpy", "opencv-python-headless", "imageio-ffmpeg"])
}
