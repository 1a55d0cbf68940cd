//! A film as one dataset `/data` (frame, height, width), which suite2p and CaImAn read.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use minisim::{
    GroundTruth, Sink,
    recording::{Pixels, SampleType},
    sink::{Block, Header, SinkError},
};

use super::{Data, File, Node, Tree, Type, Value};
use crate::{
    FileOptions, Written,
    atomic::Pending,
    error::IoError,
    film::{claim_spec, refuse_file, spec_beside},
};

/// How a film's pixels are held: bytes, signed words (suite2p halves unsigned ones), or floats for what are no counts.
pub(crate) fn pixel_type(header: &Header, path: &Path) -> Result<Type, IoError> {
    match (header.tracks[0].rendered, header.max_count) {
        (SampleType::U8, _) => Ok(Type::U8),
        (SampleType::U16, Some(max)) if max <= i16::MAX as u64 => Ok(Type::I16),
        (SampleType::U16, _) => {
            let why = "counts of 16 bits do not fit into signed words; use a bit_depth of at most 15, or write a .tif";
            Err(IoError::unsuitable(path, why))
        }
        _ => Ok(Type::F32),
    }
}

/// Bytes of frame `i` of a block. With `turned`, columns before rows.
pub(crate) fn frame_bytes(pixels: &Pixels, i: usize, [h, w]: [usize; 2], turned: bool) -> Vec<u8> {
    let size = h * w;
    let range = i * size..(i + 1) * size;
    fn turn<T: Copy>(v: &[T], [h, w]: [usize; 2]) -> Vec<T> {
        (0..w).flat_map(|x| (0..h).map(move |y| v[y * w + x])).collect()
    }
    match pixels {
        Pixels::U8(v) if turned => turn(&v[range], [h, w]),
        Pixels::U8(v) => v[range].to_vec(),
        // Below 2¹⁵ both signs have the same bytes.
        Pixels::U16(v) if turned => turn(&v[range], [h, w]).iter().flat_map(|x| x.to_le_bytes()).collect(),
        Pixels::U16(v) => v[range].iter().flat_map(|x| x.to_le_bytes()).collect(),
        other if turned => turn(&other.to_f32(range), [h, w]).iter().flat_map(|x| x.to_le_bytes()).collect(),
        other => other.to_f32(range).iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

/// Writes `/data`, and the spec beside it.
#[derive(Debug)]
pub(crate) struct Hdf5Sink {
    target: PathBuf,
    overwrite: bool,
    pending: Pending,
    file: Option<File>,
    header: Option<Header>,
    kind: Type,
    taken: usize,
}

impl Hdf5Sink {
    pub(crate) fn create(path: &Path, options: &FileOptions) -> Result<Self, IoError> {
        refuse_file(path, options.overwrite)?;
        let pending = Pending::new(path)?;
        fs::File::create_new(pending.path()).map_err(IoError::system("create", path))?;
        Ok(Self {
            target: path.to_owned(),
            overwrite: options.overwrite,
            pending,
            file: None,
            header: None,
            kind: Type::U8,
            taken: 0,
        })
    }

    fn open(&mut self, header: &Header) -> Result<(), IoError> {
        claim_spec(&self.target, &header.spec, self.overwrite)?;
        if header.n_frames == 0 {
            return Err(IoError::unsuitable(&self.target, "there is no frame to write"));
        }
        self.kind = pixel_type(header, &self.target)?;
        let file = fs::File::create(self.pending.path()).map_err(IoError::system("create", &self.target))?;
        self.file = Some(File::new(file).map_err(IoError::system("write", &self.target))?);
        self.header = Some(header.clone());
        Ok(())
    }

    fn take(&mut self, pixels: &Pixels, n: usize) -> io::Result<()> {
        let (Some(file), Some(header)) = (&mut self.file, &self.header) else { return Ok(()) };
        let shape = [header.tracks[0].height, header.tracks[0].width];
        for i in 0..n {
            match pixels {
                Pixels::U8(v) => file.film(&v[i * shape[0] * shape[1]..(i + 1) * shape[0] * shape[1]])?,
                other => file.film(&frame_bytes(other, i, shape, false))?,
            }
            self.taken += 1;
        }
        Ok(())
    }

    fn complete(self) -> Result<Written, IoError> {
        let (Some(file), Some(header)) = (self.file, self.header) else {
            return Err(IoError::unsuitable(&self.target, "no frame was delivered"));
        };
        if self.taken != header.n_frames {
            let why = format!("{} of {} frames came", self.taken, header.n_frames);
            return Err(IoError::unsuitable(&self.target, why));
        }
        let acquisition = &header.spec.acquisition;
        let mut tree = Tree::new(Node::default());
        let shape = [header.n_frames, header.tracks[0].height, header.tracks[0].width];
        let value = Value { kind: self.kind, shape: shape.map(|n| n as u64).to_vec(), data: Data::Film };
        let about = Node::default()
            .with("frame_rate_hz", Value::f64(acquisition.fps.get()))
            .with("pixel_size_um", Value::f64(acquisition.pixel_size_um()))
            .with("spec", Value::text(header.spec.canonical_json()));
        tree.dataset("/data", value, about);
        let bytes = file.finish(&tree).map_err(IoError::system("write", &self.target))?;
        let spec = spec_beside(&self.target, &header.spec)?;
        self.pending.commit(self.overwrite)?;
        spec.commit(self.overwrite)?;
        Ok(Written { path: self.target, bytes })
    }
}

impl Sink for Hdf5Sink {
    type Output = Written;

    fn begin(&mut self, header: &Header) -> Result<(), SinkError> {
        Ok(self.open(header)?)
    }

    fn block(&mut self, block: &Block<'_>) -> Result<(), SinkError> {
        if block.track == 0 {
            self.take(block.pixels, block.n_frames).map_err(IoError::system("write", &self.target))?;
        }
        Ok(())
    }

    fn finish(self, _: GroundTruth) -> Result<Written, SinkError> {
        Ok(self.complete()?)
    }
}
