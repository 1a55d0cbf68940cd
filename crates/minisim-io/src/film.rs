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

/// The spec for its place beside a film.
#[derive(Debug)]
pub(crate) struct SpecBeside(Option<Pending>);

/// Refuses a spec beside the film that is another one's and may not be replaced.
pub(crate) fn claim_spec(film: &Path, spec: &Spec, overwrite: bool) -> Result<(), IoError> {
    let path = spec_path(film);
    if is_there(&path, spec) { Ok(()) } else { refuse_file(&path, overwrite) }
}

/// Whether this very spec is there already: other formats of the same recording share it.
fn is_there(path: &Path, spec: &Spec) -> bool {
    std::fs::read(path).is_ok_and(|text| text == spec.pretty_json().as_bytes())
}

/// Writes the spec for its place beside the film.
pub(crate) fn spec_beside(film: &Path, spec: &Spec) -> Result<SpecBeside, IoError> {
    let path = spec_path(film);
    if is_there(&path, spec) {
        return Ok(SpecBeside(None));
    }
    let pending = Pending::new(&path)?;
    crate::atomic::write(pending.path(), spec.pretty_json().as_bytes())?;
    Ok(SpecBeside(Some(pending)))
}

impl SpecBeside {
    /// Puts it in its place.
    pub(crate) fn commit(self, overwrite: bool) -> Result<(), IoError> {
        self.0.map_or(Ok(()), |pending| pending.commit(overwrite))
    }
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
