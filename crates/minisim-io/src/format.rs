//! The formats that a recording can be written in, and the one way to write any of them.
//!
//! Every format is a [`Sink`]: frames come in, a file or a folder comes out, complete or not at all. [`FileSink`] is any of
//! them, chosen by name or by the ending of the path.

use std::{ops::Range, path::Path};

use minisim::{
    GroundTruth, Recording, Sink, Spec,
    recording::{Content, Movie, Pixels, SampleType},
    sink::{Block, Header, Place, SinkError, Track},
};

use crate::{
    AviOptions, AviSink, Codec, Reader, Written, ZarrOptions, ZarrSink,
    caiman::CaimanSink,
    daq::DaqSink,
    error::IoError,
    film::OneFile,
    hdf5::film::Hdf5Film,
    mkv::MkvSink,
    nwb::NwbFilm,
    tiff::TiffStack,
    truth_files::{MinianSink, NumpySink},
};

/// A format that recordings are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// The recording with all its truth.
    Zarr,
    /// A film.
    Avi,
    /// A film, compressed without loss.
    Mkv,
    /// A small film for slides, not exact; in builds with the feature `mp4`.
    Mp4,
    /// A stack of pages with ImageJ's or OME's metadata.
    Tiff,
    /// One dataset `/data`.
    Hdf5,
    /// Neurodata Without Borders: the film and its truth.
    Nwb,
    /// What the Miniscope's acquisition software leaves on disk.
    Daq,
    /// CaImAn's memory-mapped array.
    Caiman,
    /// The truth in minian's arrays: A, C, S.
    Minian,
    /// The truth in numpy's files, and a table of the cells.
    Numpy,
}

/// What a format is called and known by.
struct Entry {
    format: Format,
    name: &'static str,
    /// Ending of its paths; several formats may share one, of which the first is meant.
    suffix: &'static str,
    about: &'static str,
}

const ENTRIES: &[Entry] = &[
    Entry { format: Format::Zarr, name: "zarr", suffix: "zarr", about: "the film with all ground truth" },
    Entry { format: Format::Avi, name: "avi", suffix: "avi", about: "AVI: the film, its spec beside it" },
    Entry { format: Format::Mkv, name: "mkv", suffix: "mkv", about: "Matroska: the film, lossless FFV1" },
    #[cfg(feature = "mp4")]
    Entry { format: Format::Mp4, name: "mp4", suffix: "mp4", about: "MP4 for slides: small, not exact" },
    Entry { format: Format::Tiff, name: "tiff", suffix: "tif", about: "TIFF stack for Fiji, suite2p, CaImAn" },
    Entry {
        format: Format::Hdf5,
        name: "hdf5",
        suffix: "h5",
        about: "HDF5, one dataset /data, for suite2p and CaImAn",
    },
    Entry {
        format: Format::Nwb,
        name: "nwb",
        suffix: "nwb",
        about: "NWB: the film, and its truth as a processing module",
    },
    Entry {
        format: Format::Daq,
        name: "daq",
        suffix: "daq",
        about: "the folder that the Miniscope's software records",
    },
    Entry { format: Format::Caiman, name: "caiman", suffix: "mmap", about: "CaImAn's memory map" },
    Entry {
        format: Format::Minian,
        name: "minian",
        suffix: "minian",
        about: "the truth as minian's arrays A, C, S (zarr)",
    },
    Entry { format: Format::Numpy, name: "numpy", suffix: "truth", about: "the truth as npz files, and cells.csv" },
];

impl Format {
    /// Every format, the usual one first.
    pub fn all() -> impl Iterator<Item = Self> {
        ENTRIES.iter().map(|e| e.format)
    }

    fn entry(self) -> &'static Entry {
        // Every format has an entry; a unit test counts them.
        ENTRIES.iter().find(|e| e.format == self).unwrap_or(&ENTRIES[0])
    }

    /// Its name, for options.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The ending of its paths, without the dot.
    #[must_use]
    pub fn suffix(self) -> &'static str {
        self.entry().suffix
    }

    /// What it is, in a few words.
    #[must_use]
    pub fn about(self) -> &'static str {
        self.entry().about
    }

    /// The most that a recording of the spec takes on the disk (bytes): what a format compresses gets smaller.
    #[must_use]
    pub fn most_bytes(self, spec: &Spec) -> f64 {
        let cost = spec.cost();
        let pixels = cost.n_frames * cost.fov_px[0] * cost.fov_px[1];
        let truth = cost.disk_bytes - cost.movie_bytes;
        // Deep counts take two bytes where the format has room for them; films for the eye are always grey of 8 bits.
        let counts = if spec.acquisition.image_sensor.bit_depth.get() > 8 { 2.0 } else { 1.0 };
        match self {
            Self::Zarr => cost.disk_bytes,
            Self::Avi | Self::Mkv | Self::Mp4 => pixels,
            Self::Tiff | Self::Hdf5 => counts * pixels,
            Self::Nwb => counts * pixels + truth,
            Self::Daq => pixels + truth,
            Self::Caiman => 4.0 * pixels,
            Self::Minian | Self::Numpy => truth,
        }
    }

    /// The format of this name.
    ///
    /// # Errors
    /// When there is none; the message lists all.
    pub fn named(name: &str) -> Result<Self, IoError> {
        let wanted = name.to_ascii_lowercase();
        ENTRIES.iter().find(|e| e.name == wanted || e.suffix == wanted).map(|e| e.format).ok_or_else(|| {
            let names: Vec<&str> = ENTRIES.iter().map(|e| e.name).collect();
            IoError::UnknownFormat { name: name.to_owned(), known: names.join(", ") }
        })
    }

    /// The format that a path's ending means.
    ///
    /// # Errors
    /// When its ending means none.
    pub fn of_path(path: &Path) -> Result<Self, IoError> {
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
        let meant = match ending.as_str() {
            "tiff" | "btf" => "tif",
            "hdf5" | "hdf" => "h5",
            other => other,
        };
        #[cfg(not(feature = "mp4"))]
        if meant == "mp4" {
            return Err(IoError::unsuitable(path, MP4_IS_MISSING));
        }
        ENTRIES.iter().find(|e| e.suffix == meant).map(|e| e.format).ok_or_else(|| {
            let endings: Vec<String> = ENTRIES.iter().map(|e| format!(".{}", e.suffix)).collect();
            let why = format!("its name must end in one of {}, or name the format (--format)", endings.join(", "));
            IoError::unsuitable(path, why)
        })
    }

    /// Whether it keeps the recording's whole truth.
    #[must_use]
    pub fn has_truth(self) -> bool {
        matches!(self, Self::Zarr | Self::Daq | Self::Nwb | Self::Minian | Self::Numpy)
    }
}

/// How to write a file, whatever its format; what a format has no use for is not looked at.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// The format; by the ending of the path if `None`.
    pub format: Option<Format>,
    /// Replace what is there, once the new one is complete.
    pub overwrite: bool,
    /// How a film codes its frames; the format's usual way if `None`.
    pub codec: Option<Codec>,
    /// Frames a file of an AVI film; the Miniscope's folder has 1000.
    pub clip: Option<usize>,
    /// Frames a second that a film says; the spec's if `None`.
    pub fps: Option<f64>,
    /// Intensity that a film shows as black.
    pub vmin: f64,
    /// Intensity that a film shows as white; the largest count of the sensor if `None`.
    pub vmax: Option<f64>,
}

impl Default for FileOptions {
    fn default() -> Self {
        Self { format: None, overwrite: false, codec: None, clip: None, fps: None, vmin: 0.0, vmax: None }
    }
}

/// Any format's sink.
pub struct FileSink(Box<dyn AnySink>);

impl std::fmt::Debug for FileSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FileSink")
    }
}

/// A sink whose type is not known.
trait AnySink: Send {
    fn begin(&mut self, header: &Header) -> Result<(), SinkError>;
    fn block(&mut self, block: &Block<'_>) -> Result<(), SinkError>;
    fn place(&mut self, frames: Range<usize>) -> Result<Option<Place>, SinkError>;
    fn placed(&mut self, frames: Range<usize>, place: Place) -> Result<(), SinkError>;
    fn finish(self: Box<Self>, truth: GroundTruth) -> Result<Written, SinkError>;
}

impl<S: Sink<Output = Written>> AnySink for S {
    fn begin(&mut self, header: &Header) -> Result<(), SinkError> {
        Sink::begin(self, header)
    }

    fn block(&mut self, block: &Block<'_>) -> Result<(), SinkError> {
        Sink::block(self, block)
    }

    fn place(&mut self, frames: Range<usize>) -> Result<Option<Place>, SinkError> {
        Sink::place(self, frames)
    }

    fn placed(&mut self, frames: Range<usize>, place: Place) -> Result<(), SinkError> {
        Sink::placed(self, frames, place)
    }

    fn finish(self: Box<Self>, truth: GroundTruth) -> Result<Written, SinkError> {
        Sink::finish(*self, truth)
    }
}

impl FileSink {
    /// A sink that will write `path`.
    ///
    /// # Errors
    /// When the format is not known, `path` exists and may not be replaced, or nothing can be written there.
    pub fn create(path: impl AsRef<Path>, options: &FileOptions) -> Result<Self, IoError> {
        let path = path.as_ref();
        let format = match options.format {
            Some(format) => format,
            None => Format::of_path(path)?,
        };
        let overwrite = options.overwrite;
        let sink: Box<dyn AnySink> = match format {
            Format::Zarr => Box::new(ZarrSink::create(path, ZarrOptions { overwrite })?),
            Format::Avi => {
                let &FileOptions { codec, clip, fps, vmin, vmax, .. } = options;
                let codec = codec.unwrap_or_default();
                let avi = AviOptions { overwrite, fps, vmin, vmax, codec, clip, ..AviOptions::default() };
                Box::new(AviSink::create(path, avi)?)
            }
            Format::Mkv => Box::new(MkvSink::create(path, options)?),
            #[cfg(feature = "mp4")]
            Format::Mp4 => Box::new(crate::mp4::Mp4Sink::create(path, options)?),
            #[cfg(not(feature = "mp4"))]
            Format::Mp4 => return Err(IoError::unsuitable(path, MP4_IS_MISSING)),
            Format::Tiff => Box::new(OneFile::<TiffStack>::create(path, options)?),
            Format::Hdf5 => Box::new(OneFile::<Hdf5Film>::create(path, options)?),
            Format::Nwb => Box::new(OneFile::<NwbFilm>::create(path, options)?),
            Format::Daq => Box::new(DaqSink::create(path, options)?),
            Format::Caiman => Box::new(CaimanSink::create(path, options)?),
            Format::Minian => Box::new(MinianSink::create(path, options)?),
            Format::Numpy => Box::new(NumpySink::create(path, options)?),
        };
        Ok(Self(sink))
    }
}

impl Sink for FileSink {
    type Output = Written;

    fn begin(&mut self, header: &Header) -> Result<(), SinkError> {
        self.0.begin(header)
    }

    fn block(&mut self, block: &Block<'_>) -> Result<(), SinkError> {
        self.0.block(block)
    }

    fn place(&mut self, frames: Range<usize>) -> Result<Option<Place>, SinkError> {
        self.0.place(frames)
    }

    fn placed(&mut self, frames: Range<usize>, place: Place) -> Result<(), SinkError> {
        self.0.placed(frames, place)
    }

    fn finish(self, truth: GroundTruth) -> Result<Written, SinkError> {
        self.0.finish(truth)
    }
}

/// Writes a recording that is in memory.
///
/// # Errors
/// When `path` exists and may not be replaced, cannot be written, or the format cannot hold the film.
pub fn export(recording: &Recording, path: impl AsRef<Path>, options: &FileOptions) -> Result<Written, IoError> {
    let path = path.as_ref();
    let format = match options.format {
        Some(format) => format,
        None => Format::of_path(path)?,
    };
    if format == Format::Zarr {
        return crate::zarr::save(recording, path, ZarrOptions { overwrite: options.overwrite });
    }
    let movie = &recording.observed;
    let header = announce(&recording.spec, movie.shape, movie.pixels.sample(), recording.content.clone());
    let mut sink = FileSink::create(path, options)?;
    let failed = |e: SinkError| into_io(e, path);
    Sink::begin(&mut sink, &header).map_err(failed)?;
    let pixels = movie.pixels.clone().converted(header.tracks[0].rendered);
    if movie.shape[0] > 0 {
        let block = Block { track: 0, first_frame: 0, n_frames: movie.shape[0], pixels: &pixels };
        Sink::block(&mut sink, &block).map_err(failed)?;
    }
    Sink::finish(sink, recording.ground_truth.clone()).map_err(failed)
}

/// The header for a sink that takes a film which is there already.
fn announce(spec: &Spec, [n_frames, height, width]: [usize; 3], stored: SampleType, content: Content) -> Header {
    let rendered = match content.max_count {
        Some(max) if max <= 255 => SampleType::U8,
        Some(max) if max <= 65535 => SampleType::U16,
        _ => SampleType::F32,
    };
    let tracks = vec![Track { stage: None, height, width, rendered }];
    Header { spec: spec.clone(), n_frames, tracks, stored, content }
}

fn into_io(e: SinkError, path: &Path) -> IoError {
    match e.downcast::<IoError>() {
        Ok(e) => *e,
        Err(other) => IoError::unsuitable(path, other.to_string()),
    }
}

/// What a build without MP4 says.
#[cfg(not(feature = "mp4"))]
const MP4_IS_MISSING: &str = "this build of minisim writes no MP4; build it with `--features mp4`, or write an .avi or .mkv and convert it with ffmpeg";

/// Frames read at a time.
const CONVERT_BYTES: usize = 32 << 20;

/// Writes a recording on disk in another format, a few frames at a time. `on_frames` hears how many are done; `false` stops it.
///
/// # Errors
/// When the recording cannot be read or the output not be written; nothing of it stays then. [`IoError::Stopped`] when
/// `on_frames` said so.
pub fn convert(
    from: &Reader,
    path: impl AsRef<Path>,
    options: &FileOptions,
    on_frames: &mut dyn FnMut(usize) -> bool,
) -> Result<Written, IoError> {
    let path = path.as_ref();
    let mut sink = FileSink::create(path, options)?;
    let [n_frames, height, width] = from.shape();
    let at_once = (CONVERT_BYTES / (height * width * from.sample().bytes()).max(1)).max(1);
    let first = from.frames(0..at_once.min(n_frames))?;
    let header = announce(from.spec(), from.shape(), from.sample(), from.content()?);
    let rendered = header.tracks[0].rendered;
    let digitised = header.content.max_count.is_some();
    let failed = |e: SinkError| into_io(e, path);
    Sink::begin(&mut sink, &header).map_err(failed)?;
    let mut done = 0;
    let mut movie = first;
    while done < n_frames {
        let n = movie.shape[0];
        if digitised && !movie.pixels.are_whole() {
            return Err(IoError::unsuitable(path, "the recording's film is partly counts and partly intensities"));
        }
        let pixels = movie.pixels.converted(rendered);
        let block = Block { track: 0, first_frame: done, n_frames: n, pixels: &pixels };
        Sink::block(&mut sink, &block).map_err(failed)?;
        done += n;
        if !on_frames(done) {
            return Err(IoError::Stopped { path: path.to_owned() });
        }
        if done < n_frames {
            movie = from.frames(done..(done + at_once).min(n_frames))?;
        } else {
            movie = Movie { shape: [0, height, width], pixels: Pixels::U8(Vec::new()) };
        }
    }
    Sink::finish(sink, from.ground_truth()?).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_name_and_its_ending() {
        for format in Format::all() {
            assert_eq!(Format::named(format.name()).ok(), Some(format));
            assert_eq!(Format::of_path(Path::new(&format!("x.{}", format.suffix()))).ok(), Some(format));
        }
        assert!(Format::named("mp5").is_err_and(|e| e.to_string().contains("tiff")));
        assert!(Format::of_path(Path::new("film")).is_err_and(|e| e.to_string().contains(".avi")));
    }
}
