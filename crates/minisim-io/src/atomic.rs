//! Outputs that appear only once they are complete.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::error::IoError;

/// Outputs that are being written at this moment.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Removes what unfinished outputs of this process have written so far. For the moment before a process ends early; the
/// sinks must not be used afterwards.
pub fn remove_unfinished() {
    // Held to the end: whoever drops an output meanwhile waits here, so that the process does not end half way.
    let mut paths = unfinished();
    for path in std::mem::take(&mut *paths) {
        // Under another name first, so that a thread that still writes adds nothing while the directory is emptied.
        let gone = with_suffix(&path, "-removed");
        if fs::rename(&path, &gone).is_ok() {
            remove(&gone);
        }
    }
}

fn remove(path: &Path) {
    // Nothing can be done about a failure; a temporary that stays is never taken for an output.
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}

/// A temporary file or directory beside its final place; removed when dropped before [`Pending::commit`].
#[derive(Debug)]
pub(crate) struct Pending {
    target: PathBuf,
    temporary: PathBuf,
    committed: bool,
}

impl Pending {
    /// Chooses a temporary name for `target`, which does not come into being yet.
    pub(crate) fn new(target: &Path) -> Result<Self, IoError> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let Some(name) = target.file_name() else {
            return Err(IoError::unsuitable(target, "it has no file name; give a path that ends in one"));
        };
        // A bare name has the empty path as its parent.
        if let Some(folder) = target.parent().filter(|f| !f.as_os_str().is_empty())
            && !folder.is_dir()
        {
            return Err(IoError::NoFolder { path: target.to_owned(), folder: folder.to_owned() });
        }
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_nanos());
        let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
        let mut temporary = name.to_owned();
        temporary.push(format!(".tmp-{}-{unique}-{:x}", std::process::id(), clock & 0xffff_ffff));
        let pending = Self { target: target.to_owned(), temporary: target.with_file_name(temporary), committed: false };
        unfinished().insert(pending.temporary.clone());
        Ok(pending)
    }

    /// Where to write.
    pub(crate) fn path(&self) -> &Path {
        &self.temporary
    }

    /// Puts the finished output in its place. What is there already is replaced if `replace`, and only now.
    pub(crate) fn commit(mut self, replace: bool) -> Result<(), IoError> {
        let rename = |from: &Path, to: &Path| fs::rename(from, to).map_err(IoError::system("rename to", to));
        let occupied = self.target.symlink_metadata().is_ok();
        if occupied && !replace {
            return Err(IoError::Exists { path: self.target.clone() });
        }
        if occupied {
            // What is about to be removed must not be missed if the power fails now.
            sync(&self.temporary).map_err(IoError::system("write", &self.target))?;
        }
        // Held to the end, so that `remove_unfinished` comes before all of this or after it.
        let mut unfinished = unfinished();
        if occupied && self.target.is_dir() {
            // A directory cannot be renamed over another: the old one steps aside first, and back if that fails.
            let aside = with_suffix(&self.temporary, "-old");
            rename(&self.target, &aside)?;
            if let Err(error) = rename(&self.temporary, &self.target) {
                rename(&aside, &self.target)?;
                return Err(error);
            }
            remove(&aside);
        } else {
            rename(&self.temporary, &self.target)?;
        }
        unfinished.remove(&self.temporary);
        self.committed = true;
        Ok(())
    }
}

/// Waits until a file, or all files under a directory, have reached the disk.
fn sync(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        fs::read_dir(path)?.try_for_each(|entry| sync(&entry?.path()))
    } else {
        fs::File::open(path)?.sync_all()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.committed {
            remove(&self.temporary);
            unfinished().remove(&self.temporary);
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Writes a whole small file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), IoError> {
    fs::write(path, bytes).map_err(IoError::system("write", path))
}

/// Writes a whole file under a temporary name and renames it into its place.
///
/// # Errors
/// When `path` exists and `overwrite` is not set, or cannot be written.
pub fn write_file(path: impl AsRef<Path>, bytes: &[u8], overwrite: bool) -> Result<(), IoError> {
    let path = path.as_ref();
    if !overwrite && path.symlink_metadata().is_ok() {
        return Err(IoError::Exists { path: path.to_owned() });
    }
    if path.is_dir() {
        return Err(IoError::WouldDestroy { path: path.to_owned(), what: "a file" });
    }
    let pending = Pending::new(path)?;
    write(pending.path(), bytes)?;
    pending.commit(overwrite)
}
