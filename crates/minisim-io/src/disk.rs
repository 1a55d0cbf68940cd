//! Writing long files without filling the page cache.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Seek, SeekFrom, Write},
    ops::Range,
};

/// Bytes after which what was written is sent to the disk.
const WINDOW_BYTES: u64 = 8 << 20;

/// Bytes written last that may still be in memory. What is older has usually reached the disk.
const RECENT_BYTES: u64 = 64 << 20;

/// What was written last, on its way to the disk.
///
/// A film is larger than any cache and is not read while it is written. Left to the system, its pages pile up until they
/// push out what other programs use, and every one of them is a fresh page, which costs more than the copy into it. So each
/// part is handed to the disk at once and leaves memory when it is there; nobody waits for it.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    recent: VecDeque<(File, Range<u64>)>,
    bytes: u64,
}

impl Trail {
    /// Takes note that these bytes of a file were written and will not be needed soon.
    pub(crate) fn add(&mut self, file: File, range: Range<u64>) {
        send_and_forget(&file, &range);
        self.bytes += range.end - range.start;
        self.recent.push_back((file, range));
        while self.bytes > RECENT_BYTES
            && let Some((file, range)) = self.recent.pop_front()
        {
            self.bytes -= range.end - range.start;
            send_and_forget(&file, &range);
        }
    }
}

/// A long file with a [`Trail`].
#[derive(Debug)]
pub(crate) struct LongFile {
    file: File,
    /// Where the next byte goes.
    at: u64,
    /// All before this is on the trail.
    sent: u64,
    trail: Trail,
}

impl LongFile {
    pub(crate) fn new(file: File) -> Self {
        Self { file, at: 0, sent: 0, trail: Trail::default() }
    }

    /// Waits until all has reached the disk.
    pub(crate) fn finish(self) -> io::Result<()> {
        self.file.sync_all()
    }
}

impl Write for LongFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.at += n as u64;
        if self.at >= self.sent + WINDOW_BYTES {
            self.trail.add(self.file.try_clone()?, self.sent..self.at);
            self.sent = self.at;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for LongFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

/// Starts to write what of these bytes is not on the disk, and drops from memory what is. Advice only, so that a refusal is no
/// error.
#[cfg(target_os = "linux")]
fn send_and_forget(file: &File, range: &Range<u64>) {
    let length = std::num::NonZeroU64::new(range.end - range.start);
    let _ = rustix::fs::fadvise(file, range.start, length, rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn send_and_forget(_: &File, _: &Range<u64>) {}
