//! How the frames of a film are coded: from intensities to grey levels to bytes.

use std::ops::Range;

use minisim::recording::Pixels;
use rayon::prelude::*;

use crate::ffv1;

/// How a film codes its frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Codec {
    /// Uncompressed 8-bit grey, under the name that most programs read.
    #[default]
    Y800,
    /// The same bytes under another name, which some programs want.
    Grey,
    /// Lossless compression; what the Miniscope's own software writes.
    Ffv1,
    /// Motion JPEG: small, and not exact.
    Mjpg {
        /// Quality, 1 to 100.
        quality: u8,
    },
}

/// Quality of Motion JPEG where none is given.
pub const MJPG_QUALITY: u8 = 90;

impl Codec {
    /// Names of the codecs.
    pub const NAMES: [&str; 4] = ["Y800", "GREY", "FFV1", "MJPG"];

    /// The codec of a name, in any case; Motion JPEG with this quality.
    #[must_use]
    pub fn named(name: &str, quality: u8) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "Y800" => Some(Self::Y800),
            "GREY" | "GRAY" => Some(Self::Grey),
            "FFV1" => Some(Self::Ffv1),
            "MJPG" | "MJPEG" => Some(Self::Mjpg { quality: quality.clamp(1, 100) }),
            _ => None,
        }
    }

    /// The four letters that files know it by.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Y800 => "Y800",
            Self::Grey => "GREY",
            Self::Ffv1 => "FFV1",
            Self::Mjpg { .. } => "MJPG",
        }
    }

    pub(crate) fn is_raw(self) -> bool {
        matches!(self, Self::Y800 | Self::Grey)
    }

    /// Bytes that decoders need besides the frames.
    pub(crate) fn configuration(self) -> Vec<u8> {
        if self == Self::Ffv1 { ffv1::configuration() } else { Vec::new() }
    }
}

/// Intensities to grey levels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grey {
    vmin: f64,
    scale: f64,
    /// 8-bit counts over their own range are the grey levels.
    identity: bool,
}

impl Grey {
    pub(crate) fn new(vmin: f64, vmax: f64, max_count: Option<u64>) -> Self {
        let identity = max_count == Some(255) && vmin == 0.0 && vmax == 255.0;
        Self { vmin, scale: 255.0 / (vmax - vmin), identity }
    }

    fn levels(&self, pixels: &Pixels, range: Range<usize>, out: &mut Vec<u8>) {
        out.clear();
        // Saturating conversion: below vmin black, above vmax white.
        out.extend(range.map(|i| ((pixels.get(i) - self.vmin) * self.scale).round_ties_even() as u8));
    }
}

/// Turns frames of one size into bytes.
#[derive(Debug)]
pub(crate) struct FrameCoder {
    grey: Grey,
    codec: Codec,
    width: usize,
    height: usize,
    ffv1: ffv1::Encoder,
    levels: Vec<u8>,
}

impl FrameCoder {
    pub(crate) fn new(grey: Grey, codec: Codec, width: usize, height: usize) -> Self {
        Self { grey, codec, width, height, ffv1: ffv1::Encoder::new(width, height), levels: Vec::new() }
    }

    /// Whether a frame's bytes are its counts, if these have 8 bits.
    pub(crate) fn is_identity(&self) -> bool {
        self.codec.is_raw() && self.grey.identity
    }

    /// Codes `n` frames and hands them on in order.
    pub(crate) fn code<E: From<std::io::Error>>(
        &mut self,
        pixels: &Pixels,
        n: usize,
        mut put: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let size = self.width * self.height;
        let range = |i: usize| i * size..(i + 1) * size;
        if self.codec.is_raw() {
            return (0..n).try_for_each(|i| self.frame(pixels, i, &mut put));
        }
        // Frames are coded side by side, a few at a time, so that memory stays flat.
        let at_once = 4 * rayon::current_num_threads();
        for first in (0..n).step_by(at_once) {
            let code = |i: usize| match pixels {
                Pixels::U8(counts) if self.grey.identity => self.compress(&counts[range(i)]),
                _ => {
                    let mut levels = Vec::new();
                    self.grey.levels(pixels, range(i), &mut levels);
                    self.compress(&levels)
                }
            };
            let coded: Result<Vec<Vec<u8>>, std::io::Error> =
                (first..(first + at_once).min(n)).into_par_iter().map(code).collect();
            for frame in coded? {
                put(&frame)?;
            }
        }
        Ok(())
    }

    /// Codes frame `i` of a block on this thread alone and hands it on.
    pub(crate) fn frame<T, E: From<std::io::Error>>(
        &mut self,
        pixels: &Pixels,
        i: usize,
        put: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<T, E> {
        let size = self.width * self.height;
        let range = i * size..(i + 1) * size;
        let levels = match pixels {
            Pixels::U8(counts) if self.grey.identity => &counts[range],
            _ => {
                self.grey.levels(pixels, range, &mut self.levels);
                self.levels.as_slice()
            }
        };
        if self.codec.is_raw() { put(levels) } else { put(&self.compress(levels)?) }
    }

    fn compress(&self, levels: &[u8]) -> std::io::Result<Vec<u8>> {
        match self.codec {
            Codec::Mjpg { quality } => {
                let mut out = Vec::new();
                let (w, h) = (self.width as u16, self.height as u16);
                jpeg_encoder::Encoder::new(&mut out, quality)
                    .encode(levels, w, h, jpeg_encoder::ColorType::Luma)
                    .map_err(std::io::Error::other)?;
                Ok(out)
            }
            _ => Ok(self.ffv1.frame(levels)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_levels_clip() {
        let mut out = Vec::new();
        Grey::new(1.0, 3.0, None).levels(&Pixels::F32(vec![0.0, 1.0, 2.0, 3.0, 9.0, f32::NAN]), 0..6, &mut out);
        assert_eq!(out, [0, 0, 128, 255, 255, 0]);
    }
}
