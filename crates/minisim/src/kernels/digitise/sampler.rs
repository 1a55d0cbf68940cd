//! A camera at work: λ of each pixel in digits, a count of each, and what they read together.

use std::sync::Arc;

use super::{
    Count, DigitiseModel,
    exposure::Exposure,
    normal::normals,
    remainder::{Remainder, add_rare_remainder},
    tables::{Digits8, Digits12, Digits16, Units},
    words::{BLOCK, GROUP, Group, Stream, Streams},
};
use crate::{
    level::{Ints, Kernel, Level, Mask, Wide},
    physics::camera::Response,
    plan::{Camera, Conversion, PixelModel},
    rng::Key,
};

/// λ (e⁻) from which counts are drawn by rejection.
pub(super) const TABLE_LIMIT: f32 = 1_048_576.0;

impl DigitiseModel {
    /// λ beyond which a pixel reads `max_count` with a probability above 1 - 10⁻³⁰: even 12 standard deviations below the
    /// mean, of either noise, clip.
    fn saturation_e(&self) -> f32 {
        surely_above((f64::from(self.max_count) + 1.0) / self.gain_adu_per_e + 12.0 * self.read_noise_e.abs())
    }

    /// The same for a sensor whose pixels differ: they are full, or the converter clips.
    fn saturation_of(&self, pixels: &PixelModel) -> f32 {
        let least_offset_adu = pixels.offset_adu.iter().copied().fold(f32::INFINITY, f32::min);
        let noise_adu =
            (self.read_noise_e * self.gain_adu_per_e).abs() + pixels.row_noise_adu + pixels.column_noise_adu;
        let clip_adu = f64::from(pixels.adc_max) + 1.0 - f64::from(least_offset_adu) + 12.0 * noise_adu;
        // What a pixel holds may read as a little less, least when it is full.
        let least_read = 1.0 - pixels.response.bend * (Response::CURVE - 1.0);
        surely_above(pixels.response.full_well_e.min(clip_adu / (self.gain_adu_per_e * least_read)).max(0.0))
    }
}

/// λ whose Poisson counts exceed `electrons` with a probability above 1 - 10⁻³⁰.
fn surely_above(electrons: f64) -> f32 {
    let root = 6.0 + (36.0 + electrons).sqrt();
    let lambda = (root * root).ceil() as f32;
    // Not a number or infinite for a senseless gain; then nothing saturates.
    if lambda < f32::MAX { lambda } else { f32::MAX }
}

/// The arguments of [`Digitiser::digitise`].
struct Digitise<'a, T> {
    camera: &'a Digitiser,
    frame: u64,
    first_pixel: u64,
    intensity: &'a [f32],
    out: &'a mut [T],
}

impl<T: Count> Kernel for Digitise<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Wide>(self, token: V::Token) {
        self.camera.digitise_inline::<V, T>(token, self.frame, self.first_pixel, self.intensity, self.out);
    }
}

/// The arguments of [`Digitiser::expose`] for a sensor whose pixels differ.
struct Expose<'a, T> {
    camera: &'a Digitiser,
    pixels: &'a PixelModel,
    exposure: &'a Exposure,
    first_pixel: usize,
    intensity: &'a [f32],
    out: &'a mut [T],
}

impl<T: Count> Kernel for Expose<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Wide>(self, token: V::Token) {
        let Self { camera, pixels, exposure, first_pixel, intensity, out } = self;
        camera.expose_inline::<V, T>(token, pixels, exposure, first_pixel, intensity, out);
    }
}

/// The whole part of a number from 0 to 2³², in sums and comparisons alone: a conversion that is right for any number takes many
/// instructions.
#[inline(always)]
fn whole_part(x: f64) -> u32 {
    /// From here on, floats are whole numbers: their last bits count.
    const WHOLE: f64 = 4_503_599_627_370_496.0;
    let nearest = x + WHOLE;
    (nearest.to_bits() as u32).wrapping_sub(u32::from(nearest - WHOLE > x))
}

/// The number, but at least 0 and at most `most`.
#[inline(always)]
fn clipped(count: f64, most: f64) -> f64 {
    let count = if count > 0.0 { count } else { 0.0 };
    if count < most { count } else { most }
}

/// A camera: its model, its key and the tables prepared for them.
#[derive(Clone, Debug)]
pub struct Digitiser {
    model: DigitiseModel,
    key: Key,
    /// What makes the sensor differ from a plain one.
    pixels: Option<Arc<PixelModel>>,
    /// For λ from [`TABLE_LIMIT`] on.
    bright_key: Key,
    /// λ that intensities are lowered to, see [`DigitiseModel::saturation_e`].
    saturation_e: f32,
    /// Standard deviation (e⁻) of the read noise that the units' tables do not hold.
    noise_e: f32,
    /// If the gain is a power of two and tables hold all noise: whole electrons become counts when shifted by this.
    shift: Option<u32>,
    units: Units,
    /// Tables of higher digits, as far as λ can reach.
    digits8: Option<Digits8>,
    digits12: Option<Digits12>,
    digits16: Option<Digits16>,
}

impl Digitiser {
    /// Prepares the tables of a plain sensor: a few milliseconds and 0.3 MB for 8-bit sensors, 1.6 MB at most.
    #[must_use]
    pub fn new(model: DigitiseModel, key: Key) -> Self {
        Self::of(&Camera::plain(model, key))
    }

    /// Prepares the tables of a camera; see [`new`](Self::new).
    #[must_use]
    pub fn of(camera: &Camera) -> Self {
        let Camera { model, key, pixels } = camera.clone();
        let model = DigitiseModel { max_count: model.max_count.min(i32::MAX as u32), ..model };
        let saturation_e = pixels.as_ref().map_or_else(|| model.saturation_e(), |pixels| model.saturation_of(pixels));
        let largest = saturation_e.min(TABLE_LIMIT - 1.0) as u32;
        let read_noise_e = model.read_noise_e.abs();
        let halvings = (0..31).find(|n| model.gain_adu_per_e * f64::from(1_u32 << n) == 1.0);
        // Offsets are no whole electrons, so tables cannot hold the noise of a sensor whose pixels have some.
        let shift = halvings.filter(|_| pixels.is_none() && Units::hold(read_noise_e));
        let (in_tables_e, noise_e) = if shift.is_some() { (read_noise_e, 0.0) } else { (0.0, read_noise_e as f32) };
        Self {
            model,
            key,
            pixels,
            bright_key: key.derive("bright"),
            saturation_e,
            noise_e,
            shift,
            units: Units::new(largest, in_tables_e),
            digits8: (largest >= 1 << 8).then(|| Digits8::new(largest, 0.0)),
            digits12: (largest >= 1 << 12).then(|| Digits12::new(largest, 0.0)),
            digits16: (largest >= 1 << 16).then(|| Digits16::new(largest, 0.0)),
        }
    }

    /// The model it was made for.
    #[must_use]
    pub fn model(&self) -> &DigitiseModel {
        &self.model
    }

    /// The address of its draws.
    #[must_use]
    pub fn key(&self) -> Key {
        self.key
    }

    /// Digitises consecutive pixels of a frame: `out[i]` is the count of pixel `first_pixel + i` (row-major) of frame
    /// `frame` at `intensity[i]` (fluorescence units; NaN and negative ones are darkness).
    ///
    /// A count depends on the key, the frame, the pixel and its intensity alone. Pixels are worked on in groups of 64 from
    /// pixel 0 on, so cuts between groups cost nothing. If the slices differ in length, the excess is left alone.
    ///
    /// A sensor whose pixels differ has no pixels beyond its last one: what comes after it is left alone, too.
    pub fn digitise<T: Count>(&self, frame: u64, first_pixel: u64, intensity: &[f32], out: &mut [T]) {
        self.expose(&self.exposure(frame), first_pixel, intensity, out);
    }

    /// What the pixels of frame `frame` share, for [`expose`](Self::expose).
    #[must_use]
    pub fn exposure(&self, frame: u64) -> Exposure {
        Exposure::new(self.key, self.pixels.as_deref(), frame)
    }

    /// [`digitise`](Self::digitise) in several parts of a frame, without making what its pixels share again.
    pub fn expose<T: Count>(&self, exposure: &Exposure, first_pixel: u64, intensity: &[f32], out: &mut [T]) {
        self.expose_at(Level::best(), exposure, first_pixel, intensity, out);
    }

    fn expose_at<T: Count>(
        &self,
        level: Level,
        exposure: &Exposure,
        first_pixel: u64,
        intensity: &[f32],
        out: &mut [T],
    ) {
        match &self.pixels {
            None => level.run(Digitise { camera: self, frame: exposure.frame, first_pixel, intensity, out }),
            Some(pixels) => {
                let first_pixel = usize::try_from(first_pixel).unwrap_or(usize::MAX);
                level.run(Expose { camera: self, pixels, exposure, first_pixel, intensity, out });
            }
        }
    }

    /// Digitises consecutive pixels of a sensor whose pixels differ.
    #[inline(always)]
    fn expose_inline<V: Wide, T: Count>(
        &self,
        token: V::Token,
        pixels: &PixelModel,
        exposure: &Exposure,
        first_pixel: usize,
        intensity: &[f32],
        out: &mut [T],
    ) {
        let [_, width] = pixels.shape;
        let n = intensity.len().min(out.len()).min(pixels.offset_adu.len().saturating_sub(first_pixel));
        if n == 0 {
            return;
        }
        let (mut row, mut col) = (first_pixel / width, first_pixel % width);
        let (mut lambda, mut offset) = (Group([0.0; GROUP]), Group([0.0; GROUP]));
        let mut pixel = first_pixel;
        while pixel < first_pixel + n {
            let block_end = (pixel - pixel % BLOCK as usize + BLOCK as usize).min(first_pixel + n);
            let mut streams = Streams::<V>::new(token, self.key, exposure.frame, pixel as u64);
            while pixel < block_end {
                let lane = pixel % GROUP;
                let here = (GROUP - lane).min(block_end - pixel);
                let at = pixel - first_pixel;
                let per_unit = &pixels.electrons_per_unit[pixel..pixel + here];
                let dark = &pixels.dark_e[pixel..pixel + here];
                for (i, lambda) in lambda[lane..lane + here].iter_mut().enumerate() {
                    let light = intensity[at..at + here][i];
                    // Darkness if it is not a number.
                    let light = if light > 0.0 { light } else { 0.0 };
                    *lambda = light * per_unit[i] + dark[i];
                }
                // A group may lie on several rows.
                let mut done = 0;
                while done < here {
                    let run = (width - col).min(here - done);
                    let shared = &exposure.columns[col..col + run];
                    let fixed = &pixels.offset_adu[pixel + done..pixel + done + run];
                    let of_row = exposure.rows[row];
                    for (i, offset) in offset[lane + done..lane + done + run].iter_mut().enumerate() {
                        *offset = fixed[i] + (shared[i] + of_row);
                    }
                    done += run;
                    col += run;
                    if col == width {
                        (row, col) = (row + 1, 0);
                    }
                }
                let first = (pixel - lane) as u64;
                let (electrons, bright) = self.electrons(token, first, &lambda, 1.0, &mut streams);
                let normals = if self.noise_e == 0.0 { None } else { Some(normals(&streams.of(Stream::Noise, first))) };
                let counts = self.convert(pixels, &electrons, bright.as_ref(), normals.as_ref(), &offset);
                for (out, count) in out[at..at + here].iter_mut().zip(&counts[lane..]) {
                    *out = T::from_count(*count);
                }
                pixel += here;
            }
        }
    }

    /// Counts of electrons on a sensor whose pixels differ.
    #[inline(always)]
    fn convert(
        &self,
        pixels: &PixelModel,
        tabled: &[u32; GROUP],
        bright: Option<&[f64; GROUP]>,
        normals: Option<&[f32; GROUP]>,
        offset_adu: &[f32; GROUP],
    ) -> [u32; GROUP] {
        let mut read = self.as_numbers(tabled, bright);
        let Response { full_well_e, bend } = pixels.response;
        if full_well_e < f64::INFINITY {
            let [slope, curve] = [bend / full_well_e, Response::CURVE / full_well_e];
            for read in &mut read {
                let held = if *read < full_well_e { *read } else { full_well_e };
                *read = held * (1.0 + slope * held * (1.0 - curve * held));
            }
        }
        self.add_noise(&mut read, normals);
        let (gain, adc_max) = (self.model.gain_adu_per_e, f64::from(pixels.adc_max.min(i32::MAX as u32)));
        let mut counts = [0; GROUP];
        for i in 0..GROUP {
            counts[i] = whole_part(clipped(read[i] * gain + f64::from(offset_adu[i]), adc_max));
        }
        match pixels.conversion {
            Conversion::Shift(bits) => {
                for count in &mut counts {
                    *count >>= bits;
                }
            }
            Conversion::SquareRoot(scale) => {
                for count in &mut counts {
                    *count = whole_part(f64::from(*count as i32).sqrt() * scale + 0.5);
                }
            }
        }
        counts
    }

    #[inline(always)]
    fn digitise_inline<V: Wide, T: Count>(
        &self,
        token: V::Token,
        frame: u64,
        first_pixel: u64,
        intensity: &[f32],
        out: &mut [T],
    ) {
        let n = intensity.len().min(out.len());
        let (mut intensity, mut out) = (&intensity[..n], &mut out[..n]);
        let mut pixel = first_pixel;
        while !intensity.is_empty() {
            let n = intensity.len().min((BLOCK - pixel % BLOCK) as usize);
            self.block::<V, T>(token, frame, pixel, &intensity[..n], &mut out[..n]);
            (intensity, out) = (&intensity[n..], &mut out[n..]);
            pixel = pixel.wrapping_add(n as u64);
        }
    }

    /// Digitises pixels of one block.
    #[inline(always)]
    fn block<V: Wide, T: Count>(
        &self,
        token: V::Token,
        frame: u64,
        first_pixel: u64,
        mut intensity: &[f32],
        mut out: &mut [T],
    ) {
        let mut streams = Streams::<V>::new(token, self.key, frame, first_pixel);
        let lane = (first_pixel % GROUP as u64) as usize;
        let mut first = first_pixel - lane as u64;
        if lane > 0 {
            let n = intensity.len().min(GROUP - lane);
            self.part_of_group(token, first, lane, &intensity[..n], &mut out[..n], &mut streams);
            (intensity, out) = (&intensity[n..], &mut out[n..]);
            first = first.wrapping_add(GROUP as u64);
        }
        let (groups, rest) = intensity.as_chunks::<GROUP>();
        let (out_groups, out_rest) = out.as_chunks_mut::<GROUP>();
        for (intensity, out) in groups.iter().zip(out_groups) {
            let counts = self.group(token, first, intensity, &mut streams);
            for i in 0..GROUP {
                out[i] = T::from_count(counts[i]);
            }
            first = first.wrapping_add(GROUP as u64);
        }
        if !rest.is_empty() {
            self.part_of_group(token, first, 0, rest, out_rest, &mut streams);
        }
    }

    /// Digitises the pixels of a group from number `lane` on.
    #[inline(always)]
    fn part_of_group<V: Wide, T: Count>(
        &self,
        token: V::Token,
        first: u64,
        lane: usize,
        intensity: &[f32],
        out: &mut [T],
        streams: &mut Streams<V>,
    ) {
        let mut group = [0.0; GROUP];
        group[lane..lane + intensity.len()].copy_from_slice(intensity);
        let counts = self.group(token, first, &group, streams);
        for (out, count) in out.iter_mut().zip(&counts[lane..]) {
            *out = T::from_count(*count);
        }
    }

    /// The counts of the group of pixels that begins with `first`.
    #[inline(always)]
    fn group<V: Wide>(
        &self,
        token: V::Token,
        first: u64,
        intensity: &[f32; GROUP],
        streams: &mut Streams<V>,
    ) -> [u32; GROUP] {
        let scale = self.model.electrons_per_unit as f32;
        let (electrons, bright) = self.electrons(token, first, intensity, scale, streams);
        if let (Some(shift), None) = (self.shift, &bright) {
            let max_count = self.model.max_count as i32;
            let mut counts = [0; GROUP];
            for i in 0..GROUP {
                counts[i] = (electrons[i] as i32 >> shift).max(0).min(max_count) as u32;
            }
            return counts;
        }
        let normals = if self.noise_e == 0.0 { None } else { Some(normals(&streams.of(Stream::Noise, first))) };
        self.amplify(&electrons, bright.as_ref(), normals.as_ref())
    }

    /// The electrons of the group of pixels that begins with `first`, of means `intensity · scale`; and those of pixels whose means
    /// are beyond the tables, if there are any.
    #[inline(always)]
    fn electrons<V: Wide>(
        &self,
        token: V::Token,
        first: u64,
        intensity: &[f32; GROUP],
        scale: f32,
        streams: &mut Streams<V>,
    ) -> (Group<u32>, Option<[f64; GROUP]>) {
        let (mut scale, mut intensity) = (scale, intensity);
        let bright = if self.saturation_e < TABLE_LIMIT {
            None
        } else {
            self.take_bright(streams.frame, first, intensity, scale)
        };
        if let Some((lambda, _)) = &bright {
            (intensity, scale) = (lambda, 1.0);
        }
        let [remainder_words, unit_words] = streams.main.next::<V, 2>(token);
        let mut electrons = Group([0; GROUP]);
        let (mut more_digits, mut seldom) = (<V::Ints as Ints>::nowhere(token), <V::Ints as Ints>::nowhere(token));
        for at in (0..GROUP).step_by(V::LANES) {
            let (units, mean) = self.lambda::<V>(token, &intensity[at..], scale);
            more_digits = units.greater(Ints::splat(token, Units::ROWS - 1)).or(more_digits);
            let counts = self.units.draw::<V>(token, Ints::load(token, &unit_words[at..]), units);
            let remainder = Remainder::<V>::new(Ints::load(token, &remainder_words[at..]), mean);
            seldom = remainder.seldom().or(seldom);
            remainder.add(counts, streams.one).store(&mut electrons[at..]);
        }
        if seldom.any() {
            let (mut x, mut means) = (Group([0.0; GROUP]), Group([0.0; GROUP]));
            for at in (0..GROUP).step_by(V::LANES) {
                let (_, mean) = self.lambda::<V>(token, &intensity[at..], scale);
                Remainder::<V>::new(Ints::load(token, &remainder_words[at..]), mean).x.store(&mut x[at..]);
                mean.store(&mut means[at..]);
            }
            add_rare_remainder(&x, &means, &mut electrons);
        }
        if more_digits.any() {
            let mut whole = Group([0; GROUP]);
            for at in (0..GROUP).step_by(V::LANES) {
                let (units, _) = self.lambda::<V>(token, &intensity[at..], scale);
                units.store(&mut whole[at..]);
            }
            self.add_digits(token, first, &whole, &mut electrons, streams);
        }
        (electrons, bright.map(|(_, electrons)| electrons))
    }

    /// The integer part and the fraction of λ at the first intensities; λ beyond the tables was taken out before.
    #[inline(always)]
    fn lambda<V: Wide>(&self, token: V::Token, intensity: &[f32], scale: f32) -> (V::Ints, V) {
        let lambda = V::load(token, intensity).mul(V::splat(token, scale));
        // Darkness if it is not a number.
        let lambda = lambda.at_least(V::splat(token, 0.0)).at_most(V::splat(token, self.saturation_e));
        let units = lambda.truncated();
        (units, lambda.sub(units.to_floats()))
    }

    /// Adds the counts of the digits above the units.
    #[inline(always)]
    fn add_digits<V: Wide>(
        &self,
        token: V::Token,
        first: u64,
        whole: &[u32; GROUP],
        electrons: &mut [u32; GROUP],
        streams: &mut Streams<V>,
    ) {
        let mut bits = 0;
        for whole in whole {
            bits |= whole;
        }
        if let Some(tables) = &self.digits8 {
            tables.add::<V>(token, &streams.of(Stream::Digit8, first), whole, electrons);
        }
        if let Some(tables) = self.digits12.as_ref().filter(|_| bits >= 1 << 12) {
            tables.add::<V>(token, &streams.of(Stream::Digit12, first), whole, electrons);
        }
        if let Some(tables) = self.digits16.as_ref().filter(|_| bits >= 1 << 16) {
            tables.add::<V>(token, &streams.of(Stream::Digit16, first), whole, electrons);
        }
    }

    /// Counts of electrons, where a shift does not give them.
    #[inline(always)]
    fn amplify(
        &self,
        tabled: &[u32; GROUP],
        bright: Option<&[f64; GROUP]>,
        normals: Option<&[f32; GROUP]>,
    ) -> [u32; GROUP] {
        let mut electrons = self.as_numbers(tabled, bright);
        self.add_noise(&mut electrons, normals);
        let (gain, max_count) = (self.model.gain_adu_per_e, f64::from(self.model.max_count));
        let mut counts = [0; GROUP];
        for i in 0..GROUP {
            counts[i] = whole_part(clipped(electrons[i] * gain, max_count));
        }
        counts
    }

    /// Electrons as numbers that need not be whole, with those that the tables do not hold.
    #[inline(always)]
    fn as_numbers(&self, tabled: &[u32; GROUP], bright: Option<&[f64; GROUP]>) -> [f64; GROUP] {
        let mut electrons = [0.0; GROUP];
        for i in 0..GROUP {
            electrons[i] = f64::from(tabled[i] as i32);
        }
        if let Some(bright) = bright {
            for i in 0..GROUP {
                electrons[i] += bright[i];
            }
        }
        electrons
    }

    /// Adds the read noise that the tables do not hold.
    #[inline(always)]
    fn add_noise(&self, electrons: &mut [f64; GROUP], normals: Option<&[f32; GROUP]>) {
        if let Some(normals) = normals {
            for i in 0..GROUP {
                electrons[i] += f64::from(self.noise_e * normals[i]);
            }
        }
    }

    /// If there are pixels whose λ is beyond the tables: λ of all of them, 0 for those; and the electrons of those.
    #[inline(never)]
    fn take_bright(
        &self,
        frame: u64,
        first: u64,
        intensity: &[f32; GROUP],
        scale: f32,
    ) -> Option<([f32; GROUP], [f64; GROUP])> {
        let mut lambda = intensity.map(|intensity| intensity * scale);
        if !lambda.iter().any(|lambda| *lambda >= TABLE_LIMIT) {
            return None;
        }
        let mut electrons = [0.0; GROUP];
        for (i, lambda) in lambda.iter_mut().enumerate().filter(|(_, lambda)| **lambda >= TABLE_LIMIT) {
            let pixel = first.wrapping_add(i as u64);
            electrons[i] = self.bright_key.poisson(frame, pixel, f64::from(lambda.min(self.saturation_e))) as f64;
            *lambda = 0.0;
        }
        Some((lambda, electrons))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_parts_are_cut_as_floor_does() {
        let most = 2_147_483_647.0;
        for whole in [0.0, 1.0, 2.0, 3.0, 254.0, 255.0, 65_534.0, 16_777_215.0, most - 1.0, most] {
            for part in [0.0, f64::EPSILON, 0.25, 0.5, 0.75, 1.0 - f64::EPSILON] {
                let x: f64 = whole + part;
                assert_eq!(f64::from(whole_part(x)), x.floor(), "{x}");
            }
            if whole > 0.0 {
                assert_eq!(f64::from(whole_part(f64::next_down(whole))), whole - 1.0);
            }
        }
    }

    #[test]
    fn every_feature_level_gives_the_same_counts() {
        let models = [
            (1.0, 2.0, 1.0, 255),
            (1.0, 2.0, 0.25, 63),
            (33.0, 0.0, 0.3, 4095),
            (700.0, 5.5, 2.2, 65535),
            (3e5, 1.0, 1.0, (1 << 24) - 1),
        ];
        for (electrons_per_unit, read_noise_e, gain_adu_per_e, max_count) in models {
            let model = DigitiseModel { electrons_per_unit, read_noise_e, gain_adu_per_e, max_count };
            let camera = Digitiser::new(model, Key::new(9, "test", "levels"));
            let intensity: Vec<f32> = (0..20_011).map(|i| (i % 307) as f32 * (i % 11) as f32 * 0.1 - 2.0).collect();
            let counts = |level| {
                let mut counts = vec![0.0_f32; intensity.len()];
                camera.expose_at(level, &camera.exposure(3), 17, &intensity, &mut counts);
                counts
            };
            let baseline = counts(Level::Baseline);
            assert!(baseline.iter().any(|&c| c > 0.0));
            for level in Level::available() {
                assert_eq!(counts(level), baseline, "{level:?}, {model:?}");
            }
        }
    }
}
