//! What can go wrong with files, in words for the person who waits for them.

use std::{io, path::Path, path::PathBuf};

/// An error of reading or writing. Each says which path, what happened, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IoError {
    /// The disk is full.
    #[error("could not write {path}: no space left on the device; free some, or write elsewhere")]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// The rights to do it are missing.
    #[error("could not {action} {path}: permission denied; write elsewhere, or change the rights of its folder")]
    Permission {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// The folder to write into is not there.
    #[error("could not create {path}: {folder} is not a folder; create it, or write elsewhere")]
    NoFolder {
        /// The output.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
    },
    /// The operating system refused.
    #[error("could not {action} {path}: {source}")]
    System {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The output exists.
    #[error("{path} exists; remove it, ask for it to be replaced (--force), or write elsewhere")]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// Replacing the output would destroy something that is no output of ours.
    #[error("{path} exists and is not {what}, so it is not replaced; write elsewhere")]
    WouldDestroy {
        /// The output.
        path: PathBuf,
        /// What it would have to be.
        what: &'static str,
    },
    /// Not a recording.
    #[error("{path} is not a recording: {why}")]
    NotARecording {
        /// The path.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A recording in a version of the format that is not known here.
    #[error(
        "{path} has format_version {found}; this program reads format_version {expected}: update it, or write the recording again"
    )]
    Version {
        /// The recording.
        path: PathBuf,
        /// What it says.
        found: String,
        /// What is read.
        expected: u64,
    },
    /// A file of a recording is damaged.
    #[error("{path} is damaged: {why}; the recording must be made again (its spec.json says how)")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file uses a feature that is not supported.
    #[error("{path} cannot be read: {why}")]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it uses.
        why: String,
    },
    /// A format that is not known.
    #[error("format {name:?} is not known; choose one of {known}")]
    UnknownFormat {
        /// What was asked for.
        name: String,
        /// Names of all formats.
        known: String,
    },
    /// Writing was given up because its caller asked for it.
    #[error("{path} was not written: stopped")]
    Stopped {
        /// The output.
        path: PathBuf,
    },
    /// The output cannot hold what is to be written.
    #[error("could not write {path}: {why}")]
    Unsuitable {
        /// The output.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
    },
}

impl IoError {
    /// Wraps an error of the operating system.
    pub(crate) fn system(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::Permission { action, path },
            _ => Self::System { action, path, source },
        }
    }

    pub(crate) fn damaged(path: &Path, why: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), why: why.into() }
    }

    pub(crate) fn unsupported(path: &Path, why: impl Into<String>) -> Self {
        Self::Unsupported { path: path.to_owned(), why: why.into() }
    }

    pub(crate) fn unsuitable(path: &Path, why: impl Into<String>) -> Self {
        Self::Unsuitable { path: path.to_owned(), why: why.into() }
    }
}
