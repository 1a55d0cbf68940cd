//! Where a recording goes, and in which format: options that several subcommands have.

use std::{fs::File, io::IsTerminal, path::Path};

use minisim::Cancel;
use minisim_io::{Codec, FileOptions, Format, MJPG_QUALITY, PipeFormat, PipeOptions};

use crate::exit::Failure;

/// What stands for standard output where a path is asked for.
pub(crate) const STANDARD_OUTPUT: &str = "-";

/// Options of the output's format.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OutputArgs {
    /// The format, where the output's ending does not say it: zarr, avi, mkv, tiff, hdf5, nwb, daq, caiman, minian, numpy; raw,
    /// y4m or avi where the output is a pipe.
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// How a film is coded: Y800 or GREY (uncompressed), FFV1 (lossless), MJPG (small, not exact).
    #[arg(long, value_name = "CODEC")]
    codec: Option<String>,
    /// Quality of MJPG, 1 to 100.
    #[arg(long, value_name = "Q", default_value_t = MJPG_QUALITY, value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,
    /// Begin a new .avi after this many frames: film_0.avi, film_1.avi, …
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    clip: Option<u32>,
    /// Intensity shown as white in a film; needed without a sensor step.
    #[arg(long, value_name = "LEVEL", value_parser = finite)]
    vmax: Option<f64>,
    /// Intensity shown as black in a film.
    #[arg(long, value_name = "LEVEL", default_value_t = 0.0, value_parser = finite)]
    vmin: f64,
}

impl OutputArgs {
    /// The format of an output.
    pub(crate) fn format(&self, output: &Path) -> Result<Format, Failure> {
        if output == Path::new(STANDARD_OUTPUT) {
            return Err(Failure::Input(
                "a recording on disk becomes a file: name one with -o, e.g. -o film.avi; `minisim simulate -o -` writes to \
                 standard output"
                    .to_owned(),
            ));
        }
        if let Some(name @ ("raw" | "y4m")) = self.format.as_deref() {
            return Err(Failure::Input(format!(
                "--format {name} is for standard output: minisim simulate … -o - --format {name} | PROGRAM"
            )));
        }
        let found = match &self.format {
            Some(name) => Format::named(name),
            None => Format::of_path(output),
        };
        found.map_err(|e| Failure::Input(format!("output {}: {e}", output.display())))
    }

    /// How to write it.
    pub(crate) fn options(&self, format: Format, overwrite: bool) -> Result<FileOptions, Failure> {
        let codec = self.codec()?;
        let is_film = matches!(format, Format::Avi | Format::Mkv | Format::Daq);
        if codec.is_some() && !is_film {
            return Err(Failure::Input(format!("--codec is for films (avi, mkv, daq), not for {}", format.name())));
        }
        if self.clip.is_some() && !matches!(format, Format::Avi | Format::Daq) {
            return Err(Failure::Input(format!("--clip is for avi and daq, not for {}", format.name())));
        }
        let (vmin, vmax, clip) = (self.vmin, self.vmax, self.clip.map(|n| n as usize));
        Ok(FileOptions { format: Some(format), overwrite, codec, clip, fps: None, vmin, vmax })
    }

    /// How to write it to standard output.
    pub(crate) fn pipe(&self, realtime: bool, cancel: &Cancel) -> Result<PipeOptions, Failure> {
        let known = PipeFormat::NAMES.join(", ");
        let refused = |why: String| Err(Failure::Input(why));
        let Some(name) = &self.format else {
            return refused(format!("-o - needs --format, one of {known}; y4m is what ffmpeg and its like read"));
        };
        let Some(format) = PipeFormat::named(name) else {
            return refused(format!(
                "--format {name} does not go to standard output; choose one of {known}, or name a file"
            ));
        };
        if self.clip.is_some() {
            return refused("--clip cuts a film into files; standard output is one film, so leave it out".to_owned());
        }
        let codec = self.codec()?;
        if codec.is_some() && format != PipeFormat::Avi {
            return refused(format!("--codec is for avi, not for {name}"));
        }
        let (vmin, vmax) = (self.vmin, self.vmax);
        Ok(PipeOptions { format, codec: codec.unwrap_or_default(), vmin, vmax, realtime, cancel: cancel.clone() })
    }

    fn codec(&self) -> Result<Option<Codec>, Failure> {
        let Some(name) = &self.codec else { return Ok(None) };
        Codec::named(name, self.quality).map(Some).ok_or_else(|| {
            let known = Codec::NAMES.join(", ");
            Failure::Input(format!("--codec {name}: it must be one of {known}"))
        })
    }
}

/// Standard output for bytes: without a buffer that looks for lines, and not a terminal, which would show them as text.
pub(crate) fn standard_output() -> Result<File, Failure> {
    let out = std::io::stdout();
    if out.is_terminal() {
        return Err(Failure::Input(
            "standard output is a terminal, which cannot show a film; lead it into a program (minisim simulate -o - --format y4m \
             | ffplay -i -), or name a file (-o film.avi)"
                .to_owned(),
        ));
    }
    #[cfg(unix)]
    let handle = std::os::fd::AsFd::as_fd(&out).try_clone_to_owned();
    #[cfg(windows)]
    let handle = std::os::windows::io::AsHandle::as_handle(&out).try_clone_to_owned();
    let file = File::from(handle.map_err(|e| Failure::run(format!("could not write to standard output: {e}")))?);
    minisim_io::widen_pipe(&file);
    Ok(file)
}

/// A finite number.
pub(crate) fn finite(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err("it must be a finite number".to_owned()),
    }
}

/// What to do with a finished output.
pub(crate) fn next(format: Format, output: &Path, picture: Option<&Path>) -> String {
    let shown = output.display();
    match format {
        Format::Zarr => format!(
            "next: look at {}; `minisim info {shown}` lists what is inside;\n      in Python: minisim.Recording.load(\"{shown}\")\n",
            picture.unwrap_or(output).display(),
        ),
        Format::Daq => format!(
            "next: load it like any session of yours; the truth is in {}\n",
            output.join("ground_truth.zarr").display()
        ),
        Format::Nwb => "next: open it with pynwb; the truth is in processing/ground_truth\n".to_owned(),
        Format::Minian => format!("next: minian.utilities.open_minian(\"{shown}\")\n"),
        Format::Numpy => {
            format!("next: scipy.sparse.load_npz(\"{}\")\n", output.join("footprints_sparse.npz").display())
        }
        _ => format!(
            "next: open it in {}; the spec is beside it, `minisim simulate {} -o {}` adds the ground truth\n",
            match format {
                Format::Hdf5 => "suite2p or CaImAn",
                Format::Caiman => "CaImAn (caiman.load_memmap)",
                Format::Tiff => "Fiji, suite2p or CaImAn",
                _ => "Fiji or VLC",
            },
            spec_of(output).display(),
            output.with_extension("zarr").display()
        ),
    }
}

/// The spec beside a film; a memory map's name holds the film's shape as well.
fn spec_of(output: &Path) -> std::path::PathBuf {
    let name = output.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let stem = name.split("_d1_").next().unwrap_or(&name);
    output.with_file_name(format!("{stem}.spec.json"))
}
