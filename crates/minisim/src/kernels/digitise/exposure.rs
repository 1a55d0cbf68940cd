//! What the pixels of a frame share: noise of whole rows and columns.

use super::{
    normal::normals,
    words::{GROUP, Group},
};
use crate::{
    level::{Loops, at_best_level},
    plan::PixelModel,
    rng::Key,
};

/// What is drawn once for a whole frame. Row r's number is the normal number r of the words at (frame, "row noise"), and so on.
#[derive(Clone, Debug)]
pub struct Exposure {
    pub(super) frame: u64,
    /// What each row and each column adds (counts of the converter); nothing for a plain sensor.
    pub(super) rows: Vec<f32>,
    pub(super) columns: Vec<f32>,
}

impl Exposure {
    /// The exposure of frame `frame` by a camera with the key `key`.
    pub(super) fn new(key: Key, pixels: Option<&PixelModel>, frame: u64) -> Self {
        let Some(pixels) = pixels else { return Self { frame, rows: Vec::new(), columns: Vec::new() } };
        let [height, width] = pixels.shape;
        Self {
            frame,
            rows: noise(key.derive("row noise"), frame, height, pixels.row_noise_adu),
            columns: noise(key.derive("column noise"), frame, width, pixels.column_noise_adu),
        }
    }

    /// The frame that it is of.
    #[must_use]
    pub fn frame(&self) -> u64 {
        self.frame
    }
}

/// `n` normal numbers of standard deviation `rms`.
fn noise(key: Key, frame: u64, n: usize, rms: f64) -> Vec<f32> {
    if rms == 0.0 {
        return vec![0.0; n];
    }
    let mut words = vec![0; n.next_multiple_of(GROUP)];
    key.fill_words(frame, 0, &mut words);
    let mut noise = vec![0.0; words.len()];
    at_best_level(Noise { words: &words, rms: rms as f32, out: &mut noise });
    noise.truncate(n);
    noise
}

struct Noise<'a> {
    words: &'a [u32],
    rms: f32,
    out: &'a mut [f32],
}

impl Loops for Noise<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (words, _) = self.words.as_chunks::<GROUP>();
        let (out, _) = self.out.as_chunks_mut::<GROUP>();
        for (words, out) in words.iter().zip(out) {
            let drawn = normals(&Group(*words));
            for i in 0..GROUP {
                out[i] = self.rms * drawn[i];
            }
        }
    }
}
