//! What files that hold a film alone have in common: levels of grey, the spec beside them, what may be replaced.

use std::{
    io,
    path::{Path, PathBuf},
};

use minisim::{Spec, sink::Header};

use crate::{atomic::Pending, codec::Grey, error::IoError};

/// Where the spec of a film is written.
pub(crate) fn spec_path(film: &Path) -> PathBuf {
    film.with_extension("spec.json")
}

/// Writes the spec for its place beside the film.
pub(crate) fn spec_beside(film: &Path, spec: &Spec) -> Result<Pending, IoError> {
    let pending = Pending::new(&spec_path(film))?;
    crate::atomic::write(pending.path(), spec.pretty_json().as_bytes())?;
    Ok(pending)
}

/// Refuses a file that exists: always without `overwrite`, and with it if it is no file.
pub(crate) fn refuse_file(path: &Path, overwrite: bool) -> Result<(), IoError> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    if !overwrite {
        return Err(IoError::Exists { path: path.to_owned() });
    }
    if path.is_file() { Ok(()) } else { Err(IoError::WouldDestroy { path: path.to_owned(), what: "a file" }) }
}

/// Refuses levels of grey that are none.
pub(crate) fn check_levels(path: &Path, vmin: f64, vmax: Option<f64>) -> Result<(), IoError> {
    match vmax {
        Some(vmax) if !(vmax.is_finite() && vmin.is_finite() && vmax > vmin) => {
            let why = format!("vmin {vmin} and vmax {vmax} must be finite, vmin below vmax");
            Err(IoError::unsuitable(path, why))
        }
        _ => Ok(()),
    }
}

/// How this film's intensities become grey levels.
pub(crate) fn grey_of(header: &Header, path: &Path, vmin: f64, vmax: Option<f64>) -> Result<Grey, IoError> {
    let Some(vmax) = vmax.or(header.max_count.map(|n| n as f64)) else {
        let why =
            "without a sensor step the film has no white level; give one with vmax (--vmax), or add a sensor step";
        return Err(IoError::unsuitable(path, why));
    };
    Ok(Grey::new(vmin, vmax, header.max_count))
}

/// An error while frames are coded: of a coder, or of where they go.
#[derive(Debug)]
pub(crate) enum Coding {
    Coder(io::Error),
    Output(IoError),
}

impl Coding {
    pub(crate) fn named(self, path: &Path) -> IoError {
        match self {
            Self::Coder(e) => IoError::system("write", path)(e),
            Self::Output(e) => e,
        }
    }
}

impl From<io::Error> for Coding {
    fn from(e: io::Error) -> Self {
        Self::Coder(e)
    }
}

impl From<IoError> for Coding {
    fn from(e: IoError) -> Self {
        Self::Output(e)
    }
}
