//! Python environments with the programs that our files must be readable by.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Result, root, run};

/// Where programs keep what they cache: not all of them can do without, and a home may be read-only.
pub(crate) fn cache() -> PathBuf {
    root().join("target/python/cache")
}

/// A virtual environment under `target/`, with `packages` installed; the path of its Python.
pub(crate) fn environment(name: &str, packages: &[&str]) -> Result<PathBuf> {
    let dir = root().join("target/python").join(name);
    let python = dir.join("bin/python");
    let stamp = dir.join("installed");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(python);
    }
    crate::needs::venv()?;
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&dir))?;
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages))?;
    std::fs::write(stamp, wanted)?;
    Ok(python)
}

/// The published package with zarr-python 2 and OpenCV.
pub(crate) fn published_package() -> Result<PathBuf> {
    environment("published", &["minisim==1.0.3", "opencv-python-headless"])
}

/// The programs that our formats are for, as far as PyPI has them.
pub(crate) fn current_readers() -> Result<PathBuf> {
    environment(
        "readers",
        &[
            "zarr>=3",
            "xarray",
            "numpy",
            "scipy",
            "opencv-python-headless",
            "imageio-ffmpeg",
            "tifffile",
            "h5py",
            "pynwb",
            "nwbinspector",
            "roiextractors",
        ],
    )
}

/// minian, with an xarray that its zarr can work with. It asks for ffmpeg and ffprobe on the path.
pub(crate) fn minian() -> Result<PathBuf> {
    environment("minian", &["minian==2.0.2", "xarray==2024.7.0"])
}

/// neuroconv, which reads the Miniscope's folder.
pub(crate) fn neuroconv() -> Result<PathBuf> {
    environment("neuroconv", &["neuroconv[miniscope]", "zarr"])
}

/// What the tests of our Python package need, and the tools that build and check it.
pub(crate) fn package_tools() -> Result<PathBuf> {
    environment(
        "package",
        &[
            "maturin>=1.9,<2",
            "numpy",
            "pydantic",
            "pytest",
            "xarray",
            "pandas",
            "scipy",
            "zarr>=3",
            "h5py",
            "dask[array]",
            "distributed",
            "tqdm",
            "matplotlib",
            "ipywidgets",
            "pyarrow",
            "imageio-ffmpeg",
            "mypy",
            "mkdocs-material>=9,<10",
            "mkdocstrings[python]",
        ],
    )
}

/// Builds the wheel into `target/wheels`; its path.
pub(crate) fn wheel(python: &Path) -> Result<PathBuf> {
    let out = root().join("target/wheels");
    // Only one wheel must lie there.
    let _ = std::fs::remove_dir_all(&out);
    run(Command::new(python)
        .env("XDG_CACHE_HOME", cache())
        .env("MINISIM_REQUIRE_PAGE", "1")
        .args([
            "-m",
            "maturin",
            "build",
            "--quiet",
            "--release",
            "--manifest-path",
            "crates/minisim-py/Cargo.toml",
            "--out",
        ])
        .arg(&out))?;
    let found = std::fs::read_dir(&out)?.filter_map(|e| Some(e.ok()?.path()));
    found.into_iter().find(|p| p.extension().is_some_and(|e| e == "whl")).ok_or_else(|| "maturin built no wheel".into())
}
