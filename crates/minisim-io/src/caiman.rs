//! CaImAn's memory map: `NAME_d1_H_d2_W_d3_1_order_C_frames_T_.mmap`, the array (pixel, frame) of 32-bit floats.
//!
//! Pixels run down the columns first, as CaImAn folds them back with Fortran's order; the values of a pixel over time lie together.

use std::{
    fs,
    io::{BufWriter, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use minisim::{
    GroundTruth, Sink,
    recording::Pixels,
    sink::{Block, Header, SinkError},
};
use rayon::prelude::*;

use crate::{
    FileOptions, Written,
    atomic::Pending,
    error::IoError,
    film::{claim_spec, refuse_file, spec_beside},
};

/// Bytes of film that are turned at a time.
const BUFFER_BYTES: usize = 192 << 20;

/// Writes a memory map, and the spec beside it.
#[derive(Debug)]
pub(crate) struct CaimanSink {
    /// What was asked for; the real name holds the film's shape.
    asked: PathBuf,
    overwrite: bool,
    output: Option<(Pending, fs::File, PathBuf)>,
    header: Option<Header>,
    /// Frames that wait to be written together.
    waiting: Vec<f32>,
    written: usize,
}

impl CaimanSink {
    pub(crate) fn create(path: &Path, options: &FileOptions) -> Result<Self, IoError> {
        // Whether anything can be written here is known only by trying.
        drop(Pending::new(path)?);
        Ok(Self {
            asked: path.to_owned(),
            overwrite: options.overwrite,
            output: None,
            header: None,
            waiting: Vec::new(),
            written: 0,
        })
    }

    fn open(&mut self, header: &Header) -> Result<(), IoError> {
        claim_spec(&self.asked, &header.spec, self.overwrite)?;
        let track = &header.tracks[0];
        if header.n_frames == 0 {
            return Err(IoError::unsuitable(&self.asked, "there is no frame to write"));
        }
        let stem = self.asked.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (h, w, t) = (track.height, track.width, header.n_frames);
        let target = self.asked.with_file_name(format!("{stem}_d1_{h}_d2_{w}_d3_1_order_C_frames_{t}_.mmap"));
        refuse_file(&target, self.overwrite)?;
        let pending = Pending::new(&target)?;
        let file = fs::File::create_new(pending.path()).map_err(IoError::system("create", &target))?;
        file.set_len((h * w * t * 4) as u64).map_err(IoError::system("write", &target))?;
        self.output = Some((pending, file, target));
        self.header = Some(header.clone());
        Ok(())
    }

    fn take(&mut self, pixels: &Pixels, n: usize) -> Result<(), IoError> {
        let Some(header) = &self.header else { return Ok(()) };
        let size = header.tracks[0].height * header.tracks[0].width;
        let most = (BUFFER_BYTES / 4 / size).max(1);
        for i in 0..n {
            self.waiting.extend(pixels.to_f32(i * size..(i + 1) * size));
            if self.waiting.len() >= most * size {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), IoError> {
        let (Some(header), Some((_, file, target))) = (&self.header, &mut self.output) else { return Ok(()) };
        let [h, w] = [header.tracks[0].height, header.tracks[0].width];
        let (size, total) = (h * w, header.n_frames);
        let n = self.waiting.len() / size;
        if n == 0 {
            return Ok(());
        }
        let waiting = &self.waiting;
        // One column of the picture at a time: its pixels' values over time follow each other in the file.
        let turned: Vec<Vec<u8>> = (0..w)
            .into_par_iter()
            .map(|x| {
                (0..h).flat_map(|y| (0..n).flat_map(move |t| waiting[t * size + y * w + x].to_le_bytes())).collect()
            })
            .collect();
        let mut put = || {
            if n == total {
                let mut out = BufWriter::with_capacity(1 << 20, &*file);
                turned.iter().try_for_each(|column| out.write_all(column))?;
                return out.flush();
            }
            for (p, course) in turned.iter().flat_map(|column| column.chunks_exact(4 * n)).enumerate() {
                file.seek(SeekFrom::Start((4 * (p * total + self.written)) as u64))?;
                file.write_all(course)?;
            }
            Ok(())
        };
        put().map_err(IoError::system("write", target))?;
        self.written += n;
        self.waiting.clear();
        Ok(())
    }

    fn complete(mut self) -> Result<Written, IoError> {
        self.flush()?;
        let (Some((pending, file, target)), Some(header)) = (self.output, self.header) else {
            return Err(IoError::unsuitable(&self.asked, "no frame was delivered"));
        };
        if self.written != header.n_frames {
            let why = format!("{} of {} frames came", self.written, header.n_frames);
            return Err(IoError::unsuitable(&target, why));
        }
        file.sync_all().map_err(IoError::system("write", &target))?;
        let bytes = file.metadata().map_err(IoError::system("read", &target))?.len();
        let spec = spec_beside(&self.asked, &header.spec)?;
        pending.commit(self.overwrite)?;
        spec.commit(self.overwrite)?;
        Ok(Written { path: target, bytes })
    }
}

impl Sink for CaimanSink {
    type Output = Written;

    fn begin(&mut self, header: &Header) -> Result<(), SinkError> {
        Ok(self.open(header)?)
    }

    fn block(&mut self, block: &Block<'_>) -> Result<(), SinkError> {
        if block.track == 0 {
            self.take(block.pixels, block.n_frames)?;
        }
        Ok(())
    }

    fn finish(self, _: GroundTruth) -> Result<Written, SinkError> {
        Ok(self.complete()?)
    }
}
