//! Writing long files past the page cache.
//!
//! A film is larger than any cache and is not read while it is written. Left to the system, its pages pile up until they push
//! out what other programs use, and each of them is a fresh page, which costs several times the copy into it. So a long file
//! goes to the disk in large aligned parts, without the cache where the system can do that; where it cannot, each part leaves
//! the cache as soon as it is on the disk.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Seek, SeekFrom, Write},
    ops::Range,
    sync::mpsc,
};

/// Bytes of a part.
const PART_BYTES: usize = 4 << 20;

/// Full parts that may wait for the disk. Frames come several at a time; whoever makes them should not wait.
const MOST_WAITING: usize = 4;

/// Alignment of parts in memory and in files; a multiple of every disk's sector.
const ALIGNMENT: usize = 4096;

/// Bytes written last that may still be in memory. What is older has usually reached the disk.
const RECENT_BYTES: u64 = 64 << 20;

/// What was written last through the cache, on its way to the disk. Each part is handed to the disk at once and leaves memory
/// when it is there; nobody waits for it.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    recent: VecDeque<(File, Range<u64>)>,
    bytes: u64,
}

impl Trail {
    /// Takes note that these bytes of a file were written and will not be needed soon.
    pub(crate) fn add(&mut self, file: File, range: Range<u64>) {
        system::send_and_forget(&file, &range);
        self.bytes += range.end - range.start;
        self.recent.push_back((file, range));
        while self.bytes > RECENT_BYTES
            && let Some((file, range)) = self.recent.pop_front()
        {
            self.bytes -= range.end - range.start;
            system::send_and_forget(&file, &range);
        }
    }
}

/// Bytes that lie at a multiple of [`ALIGNMENT`] in memory.
#[derive(Debug)]
struct Aligned {
    bytes: Vec<u8>,
    skip: usize,
}

impl Aligned {
    fn new(len: usize) -> Self {
        let bytes = vec![0; len + ALIGNMENT];
        let skip = bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { bytes, skip }
    }

    fn get(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[self.skip..][range]
    }

    fn get_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        &mut self.bytes[self.skip..][range]
    }
}

/// A long file that is written from front to back, with a look back now and then. It keeps its last part in memory, so it needs
/// no other buffer; full ones go to the disk on a thread of its own while the next is filled.
#[derive(Debug)]
pub(crate) struct LongFile {
    file: File,
    /// Where the next byte goes.
    at: u64,
    /// The last part: where it begins in the file, its bytes, and how many there are.
    start: u64,
    part: Aligned,
    len: usize,
    /// Whether parts bypass the cache.
    direct: bool,
    trail: Trail,
    /// Parts on their way to the disk. Nothing else touches the file meanwhile.
    writer: Option<Writer>,
    n_waiting: usize,
    /// Memory of parts that were written.
    spare: Vec<Aligned>,
}

/// The thread that writes parts. It ends when nobody can send it any.
#[derive(Debug)]
struct Writer {
    parts: mpsc::Sender<(Aligned, Range<u64>)>,
    sent: mpsc::Receiver<io::Result<Sent>>,
}

/// A part that has been written.
#[derive(Debug)]
struct Sent {
    part: Aligned,
    range: Range<u64>,
    direct: bool,
}

impl Writer {
    fn new(file: File, mut direct: bool) -> io::Result<Self> {
        let (parts, to_write) = mpsc::channel::<(Aligned, Range<u64>)>();
        let (done, sent) = mpsc::channel();
        let work = move || {
            for (part, range) in to_write {
                let written = write_part(&file, &part, &range, direct).map(|d| {
                    direct = d;
                    Sent { part, range, direct }
                });
                // After an error nothing may follow.
                let failed = written.is_err();
                if done.send(written).is_err() || failed {
                    break;
                }
            }
        };
        std::thread::Builder::new().name("minisim-disk".into()).spawn(work)?;
        Ok(Self { parts, sent })
    }
}

fn died() -> io::Error {
    io::Error::other("the thread that writes has ended")
}

impl LongFile {
    /// Writes to a new file.
    pub(crate) fn new(file: File) -> Self {
        let (part, trail) = (Aligned::new(PART_BYTES), Trail::default());
        Self { file, at: 0, start: 0, part, len: 0, direct: true, trail, writer: None, n_waiting: 0, spare: vec![] }
    }

    fn end(&self) -> u64 {
        self.start + self.len as u64
    }

    /// Takes back parts that are written, and waits for those beyond the `most` that may remain.
    fn settle(&mut self, most: usize) -> io::Result<()> {
        while let (Some(writer), 1..) = (&self.writer, self.n_waiting) {
            let sent = if self.n_waiting > most {
                writer.sent.recv().map_err(|_| died())??
            } else {
                match writer.sent.try_recv() {
                    Ok(sent) => sent?,
                    Err(mpsc::TryRecvError::Empty) => break,
                    Err(mpsc::TryRecvError::Disconnected) => return Err(died()),
                }
            };
            self.n_waiting -= 1;
            self.direct = sent.direct;
            if !sent.direct {
                self.trail.add(self.file.try_clone()?, sent.range);
            }
            self.spare.push(sent.part);
        }
        Ok(())
    }

    /// Sends the last part, which is full.
    fn spill(&mut self) -> io::Result<()> {
        self.settle(MOST_WAITING - 1)?;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => none.insert(Writer::new(self.file.try_clone()?, self.direct)?),
        };
        let next = self.spare.pop().unwrap_or_else(|| Aligned::new(PART_BYTES));
        let range = self.start..self.start + self.len as u64;
        writer.parts.send((std::mem::replace(&mut self.part, next), range.clone())).map_err(|_| died())?;
        self.n_waiting += 1;
        (self.start, self.len) = (range.end, 0);
        Ok(())
    }

    /// Writes bytes that need not be aligned, at `at`.
    fn write_small(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.settle(0)?;
        if self.direct {
            system::set_direct(&self.file, false);
        }
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(bytes)
    }

    /// Writes what is left and waits until all has reached the disk.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let end = self.end();
        // As a part like the others; what is too much is cut off again.
        self.len = self.len.next_multiple_of(ALIGNMENT);
        self.spill()?;
        self.settle(0)?;
        self.file.set_len(end)?;
        self.file.sync_all()
    }
}

impl Drop for LongFile {
    /// Whoever gives the file up may remove it then.
    fn drop(&mut self) {
        let _ = self.settle(0);
    }
}

/// Writes a part, of aligned length, bypassing the cache if `direct` and possible. Returns whether it was.
fn write_part(file: &File, part: &Aligned, range: &Range<u64>, direct: bool) -> io::Result<bool> {
    let len = (range.end - range.start) as usize;
    let write = || {
        let mut file = file;
        file.seek(SeekFrom::Start(range.start))?;
        file.write_all(part.get(0..len))
    };
    if !direct || !system::set_direct(file, true) {
        return write().map(|()| false);
    }
    match write() {
        Ok(()) => Ok(true),
        // Some file systems refuse such a write, not the mode.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
            system::set_direct(file, false);
            write().map(|()| false)
        }
        Err(error) => Err(error),
    }
}

impl Write for LongFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = if self.at < self.start {
            // A look back.
            let n = bytes.len().min((self.start - self.at) as usize);
            self.write_small(self.at, &bytes[..n])?;
            n
        } else {
            if self.len == PART_BYTES && self.at == self.end() {
                self.spill()?;
            }
            let from = (self.at - self.start) as usize;
            let n = bytes.len().min(PART_BYTES.saturating_sub(from));
            self.part.get_mut(from..from + n).copy_from_slice(&bytes[..n]);
            self.len = self.len.max(from + n);
            n
        };
        self.at += n as u64;
        Ok(n)
    }

    /// Parts are written when they are full and in the end.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for LongFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.end().checked_add_signed(by),
        };
        match target.filter(|at| *at <= self.end()) {
            Some(at) => self.at = at,
            None => return Err(io::Error::new(io::ErrorKind::InvalidInput, "seek beyond the file")),
        }
        Ok(self.at)
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::{fs::File, num::NonZeroU64, ops::Range};

    use rustix::fs::{Advice, OFlags, fadvise, fcntl_getfl, fcntl_setfl};

    /// Lets writes to a file bypass the cache, or not. Says whether that is so now.
    pub(super) fn set_direct(file: &File, direct: bool) -> bool {
        let Ok(flags) = fcntl_getfl(file) else { return false };
        if flags.contains(OFlags::DIRECT) == direct {
            return true;
        }
        let flags = if direct { flags | OFlags::DIRECT } else { flags.difference(OFlags::DIRECT) };
        fcntl_setfl(file, flags).is_ok()
    }

    /// Starts to write what of these bytes is not on the disk, and drops from memory what is. Advice only, so that a refusal
    /// is no error.
    pub(super) fn send_and_forget(file: &File, range: &Range<u64>) {
        let length = NonZeroU64::new(range.end - range.start);
        let _ = fadvise(file, range.start, length, Advice::DontNeed);
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::{fs::File, ops::Range};

    pub(super) fn set_direct(_: &File, _: bool) -> bool {
        false
    }

    pub(super) fn send_and_forget(_: &File, _: &Range<u64>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_what_was_written_wherever_it_was_written() {
        // Frames that cross parts, and corrections in parts that are on the disk, in the last one, and across both.
        let path = tempfile::tempdir().expect("a folder").keep().join("long");
        let mut file = LongFile::new(File::create(&path).expect("creates"));
        let mut expected = Vec::new();
        for i in 0..70_u32 {
            let bytes: Vec<u8> =
                (0..370_001_u32).map(|k| (k.wrapping_mul(2_654_435_761) >> 24) as u8 ^ i as u8).collect();
            file.write_all(&bytes).expect("writes");
            expected.extend(bytes);
            if i % 10 == 9 {
                let start = file.start as usize;
                for at in [4, start.saturating_sub(3), start + 1, expected.len() - 2] {
                    let n = (expected.len() - at).min(8);
                    file.seek(SeekFrom::Start(at as u64)).expect("seeks");
                    file.write_all(&[i as u8; 8][..n]).expect("writes");
                    expected[at..at + n].fill(i as u8);
                }
                assert_eq!(file.seek(SeekFrom::End(0)).expect("seeks"), expected.len() as u64);
            }
        }
        assert!(file.start >= 3 * PART_BYTES as u64);
        assert!(file.seek(SeekFrom::End(1)).is_err());
        file.finish().expect("finishes");
        assert!(std::fs::read(&path).expect("reads") == expected);
        std::fs::remove_dir_all(path.parent().expect("a folder")).expect("removes");
    }
}
