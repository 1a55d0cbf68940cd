//! Chunks on their way to their files.

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::blosc::Packer;
use crate::{
    atomic::write,
    disk::{Aligned, WholeFiles},
    error::IoError,
};

/// Packs chunks, side by side if asked to, and writes them behind its callers' backs, in memory that it keeps.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    /// Idle ones; as many as have ever worked at once.
    packers: Mutex<Vec<Packer>>,
    files: Mutex<WholeFiles>,
}

/// Fewer bytes are written at once, since a disk takes about as long for them as for so many.
const SMALL_BYTES: usize = 256 << 10;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Chunks {
    /// What `pack` packs.
    pub(crate) fn pack(&self, pack: impl FnOnce(&mut Packer, &mut Aligned)) -> Aligned {
        let mut packer = locked(&self.packers).pop().unwrap_or_default();
        let mut packed = locked(&self.files).buffer();
        pack(&mut packer, &mut packed);
        locked(&self.packers).push(packer);
        packed
    }

    /// Sends a packed chunk to its file. Returns bytes written. An error may be that of a chunk sent before.
    pub(crate) fn write(&self, path: PathBuf, packed: Aligned) -> Result<u64, IoError> {
        let length = packed.len();
        if length < SMALL_BYTES {
            write(&path, packed.get(0..length))?;
            locked(&self.files).take_back(packed);
        } else {
            locked(&self.files).write(path, packed)?;
        }
        Ok(length as u64)
    }

    /// Waits until all are written.
    pub(crate) fn finish(&self) -> Result<(), IoError> {
        locked(&self.files).finish()
    }
}
