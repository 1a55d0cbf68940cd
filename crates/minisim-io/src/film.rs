//! What files that hold a film alone have in common: levels of grey, the spec beside them, what may be replaced.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use minisim::{
    GroundTruth, Sink, Spec,
    recording::Pixels,
    sink::{Block, Header, SinkError},
};

use crate::{FileOptions, Written, atomic::Pending, codec::Grey, error::IoError};

/// Where the spec of a film is written.
pub(crate) fn spec_path(film: &Path) -> PathBuf {
    film.with_extension("spec.json")
}

/// The spec for its place beside a film.
#[derive(Debug)]
pub(crate) struct SpecBeside(Option<Pending>);

/// Refuses a spec beside the film that is another one's and may not be replaced.
pub(crate) fn claim_spec(film: &Path, spec: &Spec, overwrite: bool) -> Result<(), IoError> {
    let path = spec_path(film);
    if is_there(&path, spec) { Ok(()) } else { refuse_file(&path, overwrite) }
}

/// Whether this very spec is there already: other formats of the same recording share it.
fn is_there(path: &Path, spec: &Spec) -> bool {
    std::fs::read(path).is_ok_and(|text| text == spec.pretty_json().as_bytes())
}

/// Writes the spec for its place beside the film.
pub(crate) fn spec_beside(film: &Path, spec: &Spec) -> Result<SpecBeside, IoError> {
    let path = spec_path(film);
    if is_there(&path, spec) {
        return Ok(SpecBeside(None));
    }
    let pending = Pending::new(&path)?;
    crate::atomic::write(pending.path(), spec.pretty_json().as_bytes())?;
    Ok(SpecBeside(Some(pending)))
}

impl SpecBeside {
    /// Puts it in its place.
    pub(crate) fn commit(self, overwrite: bool) -> Result<(), IoError> {
        self.0.map_or(Ok(()), |pending| pending.commit(overwrite))
    }
}

/// Refuses a file that exists: always without `overwrite`, and with it if it is no file.
pub(crate) fn refuse_file(path: &Path, overwrite: bool) -> Result<(), IoError> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    if !overwrite {
        return Err(IoError::Exists { path: path.to_owned() });
    }
    if path.is_file() { Ok(()) } else { Err(IoError::WouldDestroy { path: path.to_owned(), what: "a file" }) }
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

/// Refuses levels of grey that are none.
pub(crate) fn check_levels(path: &Path, vmin: f64, vmax: Option<f64>) -> Result<(), IoError> {
    match vmax {
        Some(vmax) if !(vmax.is_finite() && vmin.is_finite() && vmax > vmin) => {
            let why = format!("vmin {vmin} and vmax {vmax} must be finite, vmin below vmax");
            Err(IoError::unsuitable(path, why))
        }
        _ => Ok(()),
    }
}

/// How this film's intensities become grey levels.
pub(crate) fn grey_of(header: &Header, path: &Path, vmin: f64, vmax: Option<f64>) -> Result<Grey, IoError> {
    grey(header.content.max_count, path, vmin, vmax)
}

/// How intensities, or counts up to the largest, become grey levels.
pub(crate) fn grey(max_count: Option<u64>, path: &Path, vmin: f64, vmax: Option<f64>) -> Result<Grey, IoError> {
    let Some(vmax) = vmax.or(max_count.map(|n| n as f64)) else {
        let why = "without a sensor step the film has no white level, so vmax is required (--vmax LEVEL); or add a sensor step";
        return Err(IoError::unsuitable(path, why));
    };
    Ok(Grey::new(vmin, vmax, max_count))
}

/// An error while frames are coded: of a coder, or of where they go.
#[derive(Debug)]
pub(crate) enum Coding {
    Coder(io::Error),
    Output(IoError),
}

impl Coding {
    pub(crate) fn named(self, path: &Path) -> IoError {
        match self {
            Self::Coder(e) => IoError::system("write", path)(e),
            Self::Output(e) => e,
        }
    }
}

impl From<io::Error> for Coding {
    fn from(e: io::Error) -> Self {
        Self::Coder(e)
    }
}

impl From<IoError> for Coding {
    fn from(e: IoError) -> Self {
        Self::Output(e)
    }
}

/// A format of one file that is written from front to back.
pub(crate) trait FrontToBack: Send + Sized {
    /// Whether the spec is written beside the file; it is inside otherwise.
    const SPEC_BESIDE: bool;

    /// Writes what comes before the frames; `path` is for messages.
    fn begin(file: fs::File, header: &Header, path: &Path) -> Result<Self, IoError>;

    /// Writes frame `i` of a block.
    fn frame(&mut self, pixels: &Pixels, i: usize) -> io::Result<()>;

    /// Writes what comes after the frames; the size of the file.
    fn end(self, header: &Header, truth: &GroundTruth) -> io::Result<u64>;
}

/// The sink of such a format.
#[derive(Debug)]
pub(crate) struct OneFile<W> {
    target: PathBuf,
    overwrite: bool,
    pending: Pending,
    begun: Option<(Header, W)>,
    taken: usize,
}

impl<W: FrontToBack> OneFile<W> {
    pub(crate) fn create(path: &Path, options: &FileOptions) -> Result<Self, IoError> {
        refuse_file(path, options.overwrite)?;
        let pending = Pending::new(path)?;
        fs::File::create_new(pending.path()).map_err(IoError::system("create", path))?;
        Ok(Self { target: path.to_owned(), overwrite: options.overwrite, pending, begun: None, taken: 0 })
    }

    fn open(&mut self, header: &Header) -> Result<(), IoError> {
        if W::SPEC_BESIDE {
            claim_spec(&self.target, &header.spec, self.overwrite)?;
        }
        if header.n_frames == 0 {
            return Err(IoError::unsuitable(&self.target, "there is no frame to write"));
        }
        let file = fs::File::create(self.pending.path()).map_err(IoError::system("create", &self.target))?;
        self.begun = Some((header.clone(), W::begin(file, header, &self.target)?));
        Ok(())
    }

    fn complete(self, truth: &GroundTruth) -> Result<Written, IoError> {
        let Some((header, writer)) = self.begun else {
            return Err(IoError::unsuitable(&self.target, "no frame was delivered"));
        };
        if self.taken != header.n_frames {
            let why = format!("{} of {} frames came", self.taken, header.n_frames);
            return Err(IoError::unsuitable(&self.target, why));
        }
        let bytes = writer.end(&header, truth).map_err(IoError::system("write", &self.target))?;
        let spec = if W::SPEC_BESIDE { Some(spec_beside(&self.target, &header.spec)?) } else { None };
        self.pending.commit(self.overwrite)?;
        spec.map_or(Ok(()), |spec| spec.commit(self.overwrite))?;
        Ok(Written { path: self.target, bytes })
    }
}

impl<W: FrontToBack> Sink for OneFile<W> {
    type Output = Written;

    fn begin(&mut self, header: &Header) -> Result<(), SinkError> {
        Ok(self.open(header)?)
    }

    fn block(&mut self, block: &Block<'_>) -> Result<(), SinkError> {
        if let (0, Some((_, writer))) = (block.track, &mut self.begun) {
            for i in 0..block.n_frames {
                writer.frame(block.pixels, i).map_err(IoError::system("write", &self.target))?;
                self.taken += 1;
            }
        }
        Ok(())
    }

    fn finish(self, truth: GroundTruth) -> Result<Written, SinkError> {
        Ok(self.complete(&truth)?)
    }
}
