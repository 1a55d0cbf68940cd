//! A film as one dataset `/data` (frame, height, width), which suite2p and CaImAn read.

use std::{fs, io, path::Path};

use minisim::{
    GroundTruth,
    recording::{Pixels, SampleType},
    sink::Header,
};

use super::{Data, File, Node, Tree, Type, Value};
use crate::{
    error::IoError,
    film::{FrontToBack, frame_bytes},
};

/// How a film's pixels are held: bytes, signed words (suite2p halves unsigned ones), or floats for what are no counts.
pub(crate) fn pixel_type(header: &Header, path: &Path) -> Result<Type, IoError> {
    match (header.tracks[0].rendered, header.content.max_count) {
        (SampleType::U8, _) => Ok(Type::U8),
        (SampleType::U16, Some(max)) if max <= i16::MAX as u64 => Ok(Type::I16),
        (SampleType::U16, _) => {
            let why = "counts of 16 bits do not fit into signed words; use a bit_depth of at most 15, or write a .tif";
            Err(IoError::unsuitable(path, why))
        }
        _ => Ok(Type::F32),
    }
}

/// The dataset `/data`; the spec lies beside the file.
#[derive(Debug)]
pub(crate) struct Hdf5Film {
    file: File,
    kind: Type,
    shape: [usize; 2],
}

impl FrontToBack for Hdf5Film {
    const SPEC_BESIDE: bool = true;

    fn begin(file: fs::File, header: &Header, path: &Path) -> Result<Self, IoError> {
        let kind = pixel_type(header, path)?;
        let file = File::new(file).map_err(IoError::system("write", path))?;
        Ok(Self { file, kind, shape: [header.tracks[0].height, header.tracks[0].width] })
    }

    fn frame(&mut self, pixels: &Pixels, i: usize) -> io::Result<()> {
        self.file.film(&frame_bytes(pixels, i, self.shape, false))
    }

    fn end(self, header: &Header, _: &GroundTruth) -> io::Result<u64> {
        let acquisition = &header.spec.acquisition;
        let mut tree = Tree::new(Node::default());
        let shape = [header.n_frames, self.shape[0], self.shape[1]].map(|n| n as u64).to_vec();
        let about = Node::default()
            .with("frame_rate_hz", Value::f64(acquisition.fps.get()))
            .with("pixel_size_um", Value::f64(acquisition.pixel_size_um()))
            .with("spec", Value::text(header.spec.canonical_json()));
        tree.dataset("/data", Value { kind: self.kind, shape, data: Data::Film }, about);
        self.file.finish(&tree)
    }
}
