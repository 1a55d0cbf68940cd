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
    path::PathBuf,
    sync::mpsc,
};

use crate::error::IoError;

/// Bytes of a part.
const PART_BYTES: usize = 4 << 20;

/// Full parts that may wait for the disk. Frames come several at a time; whoever makes them should not wait.
const MOST_WAITING: usize = 4;

/// Places, each of many frames, that may wait for the disk.
const MOST_PLACES: usize = 2;

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

/// Bytes before the first that lies at a multiple of [`ALIGNMENT`] in memory.
fn to_aligned(bytes: &[u8]) -> usize {
    bytes.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT)
}

/// Bytes that lie at a multiple of [`ALIGNMENT`] in memory: `len` of those from `skip` on. There is memory up to the next multiple.
#[derive(Debug, Default)]
pub(crate) struct Aligned {
    bytes: Vec<u8>,
    skip: usize,
    len: usize,
}

impl Aligned {
    fn new(len: usize) -> Self {
        let mut new = Self::default();
        new.clear(len);
        new.set_len(len);
        new
    }

    /// Forgets its bytes and makes room for `most`, which hold anything. Call [`Self::set_len`] with the number written afterwards.
    pub(crate) fn clear(&mut self, most: usize) -> &mut [u8] {
        self.len = 0;
        if self.bytes.len() < self.skip + most.next_multiple_of(ALIGNMENT) {
            // Fresh memory of zeros, which takes no time before it is used; growing would write it.
            self.bytes = Vec::new();
            self.bytes = vec![0; most.next_multiple_of(ALIGNMENT) + ALIGNMENT];
            self.skip = to_aligned(&self.bytes);
        }
        &mut self.bytes[self.skip..][..most]
    }

    /// There are `len` of them now.
    pub(crate) fn set_len(&mut self, len: usize) {
        self.len = len;
    }

    pub(crate) fn get(&self, range: Range<usize>) -> &[u8] {
        &self.bytes[self.skip..][range]
    }

    fn get_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        &mut self.bytes[self.skip..][range]
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

/// What is to be written: all bytes, an aligned number of them, from `start` of the file on.
#[derive(Debug)]
struct Part {
    file: File,
    bytes: Aligned,
    /// How many of them.
    len: usize,
    start: u64,
    /// Where the file ends then, if this is known.
    end: Option<u64>,
}

/// A part that has been written.
#[derive(Debug)]
struct Sent {
    part: Part,
    /// Whether it bypassed the cache.
    direct: bool,
}

/// A thread that writes parts, in order. It ends when nobody can send it any, and after an error.
#[derive(Debug)]
struct Writer {
    parts: mpsc::Sender<Part>,
    sent: mpsc::Receiver<io::Result<Sent>>,
    n_waiting: usize,
}

impl Writer {
    /// The writer in `place`, which is started for the first part.
    fn started(place: &mut Option<Self>) -> io::Result<&mut Self> {
        match place {
            Some(writer) => Ok(writer),
            none => Ok(none.insert(Self::new()?)),
        }
    }

    fn new() -> io::Result<Self> {
        let (parts, to_write) = mpsc::channel::<Part>();
        let (done, sent) = mpsc::channel();
        let work = move || {
            let mut direct = true;
            for part in to_write {
                let written = write_part(&part, direct).map(|d| {
                    direct = d;
                    Sent { part, direct }
                });
                let failed = written.is_err();
                if done.send(written).is_err() || failed {
                    break;
                }
            }
        };
        std::thread::Builder::new().name("minisim-disk".into()).spawn(work)?;
        Ok(Self { parts, sent, n_waiting: 0 })
    }

    fn send(&mut self, part: Part) -> io::Result<()> {
        self.parts.send(part).map_err(|_| died())?;
        self.n_waiting += 1;
        Ok(())
    }

    /// A part that is written, if there is one, or if more than `most` are waiting.
    fn receive(&mut self, most: usize) -> io::Result<Option<Sent>> {
        if self.n_waiting == 0 {
            return Ok(None);
        }
        let sent = if self.n_waiting > most {
            self.sent.recv().map_err(|_| died())?
        } else {
            match self.sent.try_recv() {
                Ok(sent) => sent,
                Err(mpsc::TryRecvError::Empty) => return Ok(None),
                Err(mpsc::TryRecvError::Disconnected) => return Err(died()),
            }
        };
        self.n_waiting -= 1;
        sent.map(Some)
    }
}

fn died() -> io::Error {
    io::Error::other("the thread that writes has ended")
}

/// Writes a part, bypassing the cache if `direct` and possible. Returns whether it was.
fn write_part(part: &Part, direct: bool) -> io::Result<bool> {
    let file = &part.file;
    let write = || {
        let mut file = file;
        file.seek(SeekFrom::Start(part.start))?;
        file.write_all(part.bytes.get(0..part.len))
    };
    let mut direct = direct && system::set_direct(file, true);
    match write() {
        Ok(()) => (),
        // Some file systems refuse such a write, not the mode.
        Err(error) if direct && error.kind() == io::ErrorKind::InvalidInput => {
            system::set_direct(file, false);
            direct = false;
            write()?;
        }
        Err(error) => return Err(error),
    }
    if let Some(end) = part.end {
        file.set_len(end)?;
    }
    Ok(direct)
}

/// Many files that are written whole, on a thread of their own.
#[derive(Debug, Default)]
pub(crate) struct WholeFiles {
    writer: Option<Writer>,
    /// Those on their way to the disk.
    waiting: VecDeque<PathBuf>,
    trail: Trail,
    /// Memory of files that were written.
    spare: Vec<Aligned>,
}

impl WholeFiles {
    /// Memory to write a file's bytes into.
    pub(crate) fn buffer(&mut self) -> Aligned {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes memory back that [`Self::buffer`] gave.
    pub(crate) fn take_back(&mut self, bytes: Aligned) {
        self.spare.push(bytes);
    }

    /// Creates a file and sends all bytes there. An error may be that of a file sent before.
    pub(crate) fn write(&mut self, path: PathBuf, mut bytes: Aligned) -> Result<(), IoError> {
        self.settle(MOST_WAITING - 1)?;
        let file = File::create(&path).map_err(IoError::system("create", &path))?;
        let end = bytes.len();
        let len = end.next_multiple_of(ALIGNMENT);
        bytes.get_mut(end..len).fill(0);
        let part = Part { file, bytes, len, start: 0, end: Some(end as u64) };
        let sent = Writer::started(&mut self.writer).and_then(|writer| writer.send(part));
        sent.map_err(IoError::system("write", &path))?;
        self.waiting.push_back(path);
        Ok(())
    }

    /// Waits until all are written.
    pub(crate) fn finish(&mut self) -> Result<(), IoError> {
        self.settle(0)
    }

    fn settle(&mut self, most: usize) -> Result<(), IoError> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        while let Some(path) = self.waiting.front() {
            let Some(sent) = writer.receive(most).map_err(IoError::system("write", path))? else { break };
            self.waiting.pop_front();
            if !sent.direct {
                self.trail.add(sent.part.file, 0..sent.part.end.unwrap_or(0));
            }
            self.spare.push(sent.part.bytes);
        }
        Ok(())
    }
}

impl Drop for WholeFiles {
    /// Whoever gives the files up may remove them then.
    fn drop(&mut self) {
        let _ = self.settle(0);
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
    trail: Trail,
    /// Nothing else touches the file while parts are waiting.
    writer: Option<Writer>,
    /// Memory of parts that were written, and of places.
    spare: Vec<Aligned>,
    spare_places: Vec<Aligned>,
}

impl LongFile {
    /// Writes to a new file.
    pub(crate) fn new(file: File) -> Self {
        let (part, trail) = (Aligned::new(PART_BYTES), Trail::default());
        Self { file, at: 0, start: 0, part, len: 0, trail, writer: None, spare: Vec::new(), spare_places: Vec::new() }
    }

    fn end(&self) -> u64 {
        self.start + self.len as u64
    }

    /// Takes back parts that are written, and waits for those beyond the `most` that may remain.
    fn settle(&mut self, most: usize) -> io::Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        while let Some(Sent { part, direct }) = writer.receive(most)? {
            if !direct {
                self.trail.add(part.file, part.start..part.start + part.len as u64);
            }
            // Memory of places is of any size, that of parts of one.
            if part.bytes.len() == PART_BYTES { &mut self.spare } else { &mut self.spare_places }.push(part.bytes);
        }
        Ok(())
    }

    /// Sends the last part, `len` bytes of it, which must be an aligned number.
    fn spill(&mut self, len: usize, end: Option<u64>) -> io::Result<()> {
        self.settle(MOST_WAITING - 1)?;
        let next = self.spare.pop().unwrap_or_else(|| Aligned::new(PART_BYTES));
        let bytes = std::mem::replace(&mut self.part, next);
        let part = Part { file: self.file.try_clone()?, bytes, len, start: self.start, end };
        Writer::started(&mut self.writer)?.send(part)?;
        (self.start, self.len) = (self.start + len as u64, 0);
        Ok(())
    }

    /// Memory for `len` bytes that will be appended where the file's end is `end` then, and where in it they go: aligned as
    /// they will be in the file, so that they can go there from where they are.
    pub(crate) fn place(&mut self, end: u64, len: usize) -> io::Result<(Vec<u8>, usize)> {
        // What is written by now is used again before memory is taken.
        self.settle(MOST_WAITING)?;
        let before = (end % ALIGNMENT as u64) as usize;
        let mut place = self.spare_places.pop().unwrap_or_default();
        // Of one size wherever they begin, so that memory fits the next ones.
        place.clear(ALIGNMENT + len);
        Ok((place.bytes, place.skip + before))
    }

    /// Appends `len` bytes that lie from `first` on in memory that [`Self::place`] gave.
    pub(crate) fn append(&mut self, mut bytes: Vec<u8>, first: usize, len: usize) -> io::Result<()> {
        let skip = to_aligned(&bytes);
        let before = self.len % ALIGNMENT;
        if self.at != self.end() || first != skip + before {
            self.write_all(&bytes[first..first + len])?;
            self.spare_places.push(Aligned { bytes, skip, len });
            return Ok(());
        }
        // What is not aligned at the end goes with these bytes, as what is not aligned of these will with the next.
        let whole = self.len - before;
        bytes[skip..first].copy_from_slice(self.part.get(whole..self.len));
        if whole > 0 {
            self.spill(whole, None)?;
        }
        self.settle(MOST_PLACES - 1)?;
        let (end, whole) = (before + len, (before + len) / ALIGNMENT * ALIGNMENT);
        self.part.get_mut(0..end - whole).copy_from_slice(&bytes[skip + whole..skip + end]);
        let (file, start) = (self.file.try_clone()?, self.start);
        let bytes = Aligned { bytes, skip, len: end };
        let part = Part { file, bytes, len: whole, start, end: None };
        Writer::started(&mut self.writer)?.send(part)?;
        self.start += whole as u64;
        self.len = end - whole;
        self.at = self.end();
        Ok(())
    }

    /// Writes bytes that need not be aligned, at `at`.
    fn write_small(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.settle(0)?;
        system::set_direct(&self.file, false);
        self.file.seek(SeekFrom::Start(at))?;
        self.file.write_all(bytes)
    }

    /// Writes what is left and waits until all has reached the disk.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        // As a part like the others; what is too much is cut off again.
        self.spill(self.len.next_multiple_of(ALIGNMENT), Some(self.end()))?;
        self.settle(0)?;
        self.file.sync_all()
    }
}

impl Drop for LongFile {
    /// Whoever gives the file up may remove it then.
    fn drop(&mut self) {
        let _ = self.settle(0);
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
                self.spill(PART_BYTES, None)?;
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
