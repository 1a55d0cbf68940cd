//! The microscope, its camera, the tissue, and the clock: where µm and seconds become pixels and frames.

use super::{
    num::{Auto, Count, Fraction, NonNegative, Positive, PositiveFraction, Real},
    record::{choices, record},
};
use crate::{
    math,
    physics::{
        camera::{Response, dark_electrons},
        optics::OpticalModel,
    },
};

record! {
    /// The objective: what it resolves, how much light it collects, how its focal surface bends.
    pub struct Optics, panel("anatomy", "Optics", 0) {
        /// Numerical aperture. Sets resolution, depth of field and, squared, the collected light.
        na: Positive = 0.45, "", slider(0.1, 0.6, 0.01), label("NA");
        /// Magnification from object to sensor.
        magnification: Positive = 8.0, "", slider(1.0, 12.0, 0.1);
        /// Emission wavelength.
        emission_nm: Positive = 525.0, "nm", slider(480.0, 580.0, 1.0), label("Emission wavelength");
        /// Half depth counted as in focus; "auto" = 1.33 λ / NA².
        depth_of_field_um: Auto<Positive> => Auto::Auto, "µm";
        /// Petzval radius of the focal surface: off-axis points focus shallower. null = flat field; real miniscopes 2000 to 3000.
        field_curvature_radius_um: Option<Positive> => None, "µm",
            slider(500.0, 8000.0, 100.0), start(2500.0), label("Field curvature");
    }
}

choices! {
    /// How the converter's counts become counts of fewer bits.
    pub enum Companding {
        /// The lowest bits are dropped.
        Shift = "shift";
        /// By their square root, so that steps are as wide as the shot noise is.
        SquareRoot = "square_root";
    }
}

record! {
    /// The image sensor. Its imperfections are those of the standard EMVA 1288; all are off by default.
    pub struct ImageSensor, panel("anatomy", "Image sensor", 1) {
        /// Rows.
        n_px_height: Count = 256, "px", slider(64.0, 800.0, 8.0), label("Pixels, height");
        /// Columns.
        n_px_width: Count = 256, "px", slider(64.0, 800.0, 8.0), label("Pixels, width");
        /// Physical distance between pixels on the sensor.
        pixel_pitch_um: Positive = 3.0, "µm", slider(1.0, 8.0, 0.1);
        /// Electrons per photon.
        quantum_efficiency: PositiveFraction = 0.7, "e/photon", slider(0.3, 1.0, 0.05);
        /// Read noise (RMS).
        read_noise_e: NonNegative = 2.0, "e", slider(0.0, 10.0, 0.5);
        /// Counts per electron.
        gain_adu_per_e: Positive = 1.0, "counts/e", slider(0.1, 4.0, 0.1), label("Gain");
        /// Bits of a count: counts clip to 0 … 2^bits - 1.
        bit_depth: Count = 8, "bit", slider(8.0, 12.0, 1.0);
        /// Factor on the gain that the sensor's amplifier applies before conversion; the Miniscope V4 has 1, 2 and 3.5.
        analog_gain: Positive = 1.0, "", slider(1.0, 3.5, 0.5), since("0.2");
        /// Bits of the converter, whose counts the gain and the black level are given in; null = those of a count.
        adc_bits: Option<Count> => None, "bit", slider(8.0, 14.0, 1.0), start(10.0), label("Converter bits"), since("0.2");
        /// How the converter's counts become counts of fewer bits: "shift" drops the lowest ones, "square_root" keeps the range
        /// with steps as wide as the shot noise.
        companding: Companding => Companding::Shift, "", since("0.2");
        /// What the converter reads in the dark.
        black_level_adu: NonNegative = 0.0, "counts", slider(0.0, 100.0, 1.0), label("Black level"), since("0.2");
        /// Electrons that a pixel can hold; null = any number.
        full_well_e: Option<Positive> => None, "e", slider(1000.0, 30000.0, 500.0), start(10000.0), label("Full well"),
            since("0.2");
        /// How far the response bends away from a straight line: the mean deviation between 5 % and 95 % of saturation, as the standard
        /// measures it where pixels are full before the converter clips.
        linearity_error_percent: NonNegative = 0.0, "%", slider(0.0, 0.4, 0.05), label("Linearity error"), since("0.2");
        /// Dark current at 25 °C. It is collected for as long as a frame takes and doubles every 8 °C.
        dark_current_e_per_s: NonNegative = 0.0, "e/s", slider(0.0, 200.0, 1.0), label("Dark current"), since("0.2");
        /// Temperature of the sensor.
        temperature_c: Real = 25.0, "°C", slider(0.0, 60.0, 1.0), label("Temperature"), since("0.2");
        /// Fixed offsets of single pixels (RMS).
        dsnu_pixel_e: NonNegative = 0.0, "e", slider(0.0, 30.0, 0.5), label("DSNU of pixels"), since("0.2");
        /// Fixed offsets of whole columns (RMS).
        dsnu_column_e: NonNegative = 0.0, "e", slider(0.0, 30.0, 0.5), label("DSNU of columns"), since("0.2");
        /// Fixed offsets of whole rows (RMS).
        dsnu_row_e: NonNegative = 0.0, "e", slider(0.0, 30.0, 0.5), label("DSNU of rows"), since("0.2");
        /// Differences in response from pixel to pixel (RMS).
        prnu_pixel_percent: NonNegative = 0.0, "%", slider(0.0, 5.0, 0.1), label("PRNU of pixels"), since("0.2");
        /// Smooth differences in response across the sensor (RMS).
        prnu_smooth_percent: NonNegative = 0.0, "%", slider(0.0, 5.0, 0.1), label("PRNU, smooth"), since("0.2");
        /// Share of the pixels that are hot: they have a dark current of their own.
        hot_pixel_share: Fraction = 0.0, "", slider(0.0, 0.01, 0.0005), label("Hot pixels"), since("0.2");
        /// Dark current of a hot pixel at 25 °C: the median of a log-normal distribution.
        hot_pixel_e_per_s: Positive = 1000.0, "e/s", slider(100.0, 20000.0, 100.0), label("Strength of hot pixels"), since("0.2");
        /// Spread of the strength of hot pixels: standard deviation of its natural logarithm.
        hot_pixel_spread: NonNegative = 1.0, "", slider(0.0, 2.0, 0.1), since("0.2");
        /// Share of the pixels that are dead: they see no light.
        dead_pixel_share: Fraction = 0.0, "", slider(0.0, 0.01, 0.0005), label("Dead pixels"), since("0.2");
        /// Noise that all pixels of a row share in a frame (RMS).
        row_noise_e: NonNegative = 0.0, "e", slider(0.0, 10.0, 0.1), label("Row noise"), since("0.2");
        /// Noise that all pixels of a column share in a frame (RMS).
        column_noise_e: NonNegative = 0.0, "e", slider(0.0, 10.0, 0.1), label("Column noise"), since("0.2");
        /// Seed of what is fixed to the sensor: its offsets, responses and defects; null = the seed of the recording. With one, many
        /// recordings are taken with the same sensor.
        pattern_seed: Option<Count> => None, "", since("0.2");
    }
}

record! {
    /// The tissue between the cells and the lens.
    pub struct Tissue, panel("anatomy", "Tissue", 3) {
        /// Attenuation length of the excitation light on its diffuse way in (470 nm).
        scatter_mfp_excitation_um: Positive = 600.0, "µm",
            slider(100.0, 1000.0, 20.0), label("Excitation mean free path");
        /// Attenuation length of the image-forming emission light on its way out (525 nm).
        scatter_mfp_emission_um: Positive = 100.0, "µm", slider(30.0, 300.0, 5.0), label("Emission mean free path");
        /// Blur σ gained per µm of depth.
        scatter_blur_per_um: NonNegative = 0.05, "µm/µm", slider(0.0, 0.15, 0.005), label("Scatter blur");
    }
}

record! {
    /// How the recording is taken.
    pub struct Acquisition, panel("generate", "Recording", 15) {
        /// The objective.
        optics: Optics => Optics::default(), "";
        /// The image sensor.
        image_sensor: ImageSensor => ImageSensor::default(), "";
        /// The tissue.
        tissue: Tissue => Tissue::default(), "";
        /// Frames per second.
        fps: Positive = 20.0, "Hz", slider(1.0, 120.0, 1.0), label("Frames per second");
        /// Length of the recording.
        duration_s: Positive = 150.0, "s", slider(1.0, 7200.0, 1.0);
        /// Depth of the focal plane below the tissue surface; "auto" = where most cells are detectable.
        focal_depth_in_tissue_um: Auto<NonNegative> => Auto::Auto, "µm",
            slider(0.0, 400.0, 5.0), start(150.0), group("Optics"), label("Focal depth");
        /// Working distance of the scope, recorded for surgery planning; changes nothing in the image.
        front_working_distance_um: Option<Positive> => None, "µm", group("Optics"), label("Working distance");
    }
}

impl ImageSensor {
    /// Largest possible count, `2^bit_depth - 1`; `u64::MAX` from 64 bits on.
    #[must_use]
    pub fn max_count(&self) -> u64 {
        largest_count(self.bit_depth)
    }

    /// Largest count of the converter; see [`max_count`](Self::max_count).
    #[must_use]
    pub fn adc_max_count(&self) -> u64 {
        largest_count(self.adc_bits.unwrap_or(self.bit_depth))
    }

    /// Counts of the converter per electron, the amplifier included.
    #[must_use]
    pub fn adc_counts_per_e(&self) -> f64 {
        self.gain_adu_per_e.get() * self.analog_gain.get()
    }

    /// Electrons at which a pixel can read no more: its full well, or the end of the converter's range.
    #[must_use]
    pub fn saturation_e(&self) -> f64 {
        let range_adu = self.adc_max_count() as f64 - self.black_level_adu.get();
        let converter_e = range_adu / self.adc_counts_per_e();
        self.full_well_e.map_or(converter_e, |well| converter_e.min(well.get()))
    }

    /// What electrons read as: full well and linearity.
    #[must_use]
    pub fn response(&self) -> Response {
        match self.full_well_e {
            None => Response::straight(f64::INFINITY),
            Some(well) => {
                let error = self.linearity_error_percent.get() / 100.0;
                Response::with_linearity_error(well.get(), error, self.prnu())
            }
        }
    }

    /// How much the pixels differ in their response (share, RMS).
    #[must_use]
    pub fn prnu(&self) -> f64 {
        let [pixel, smooth] = [self.prnu_pixel_percent, self.prnu_smooth_percent].map(|percent| percent.get() / 100.0);
        math::hypot(pixel, smooth)
    }

    /// Electrons of dark current that a pixel without defects collects on average during an exposure.
    #[must_use]
    pub fn dark_e(&self, exposure_s: f64) -> f64 {
        dark_electrons(self.dark_current_e_per_s.get(), self.temperature_c.get(), exposure_s)
    }

    /// Noise of a pixel in the dark (e⁻ RMS), that of rows, columns and dark current included.
    #[must_use]
    pub fn dark_noise_e(&self, exposure_s: f64) -> f64 {
        let [read, row, column] = [self.read_noise_e, self.row_noise_e, self.column_noise_e].map(NonNegative::get);
        let added = row * row + column * column + self.dark_e(exposure_s);
        if added > 0.0 { (read * read + added).sqrt() } else { read }
    }

    /// Whether the sensor is an ideal one but for its read noise: none of the imperfections that the published package does not
    /// know.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let absent = [
            self.black_level_adu,
            self.linearity_error_percent,
            self.dark_current_e_per_s,
            self.dsnu_pixel_e,
            self.dsnu_column_e,
            self.dsnu_row_e,
            self.prnu_pixel_percent,
            self.prnu_smooth_percent,
            self.row_noise_e,
            self.column_noise_e,
        ];
        absent.iter().all(|value| value.get() == 0.0)
            && self.hot_pixel_share.get() == 0.0
            && self.dead_pixel_share.get() == 0.0
            && self.full_well_e.is_none()
            && self.adc_bits.is_none_or(|bits| bits == self.bit_depth)
    }
}

/// `2^bits - 1`; `u64::MAX` from 64 bits on.
fn largest_count(bits: Count) -> u64 {
    1_u64.checked_shl(bits.get()).map_or(u64::MAX, |n| n - 1)
}

impl Acquisition {
    /// Size of a pixel in the tissue (µm): pitch over magnification.
    #[must_use]
    pub fn pixel_size_um(&self) -> f64 {
        self.image_sensor.pixel_pitch_um.get() / self.optics.magnification.get()
    }

    /// Field of view (height, width) in px.
    #[must_use]
    pub fn fov_px(&self) -> [usize; 2] {
        [self.image_sensor.n_px_height.get() as usize, self.image_sensor.n_px_width.get() as usize]
    }

    /// Field of view (height, width) in µm.
    #[must_use]
    pub fn fov_um(&self) -> [f64; 2] {
        let pixel_um = self.pixel_size_um();
        self.fov_px().map(|n| n as f64 * pixel_um)
    }

    /// Frames of the recording, `duration_s * fps` rounded, ties to even. Saturates at `usize::MAX`.
    #[must_use]
    pub fn n_frames(&self) -> usize {
        self.n_frames_f64() as usize
    }

    /// Number of frames as a float, where no integer may hold it.
    #[must_use]
    pub(crate) fn n_frames_f64(&self) -> f64 {
        (self.duration_s.get() * self.fps.get()).round_ties_even()
    }

    /// A length in µm as px.
    #[must_use]
    pub fn um_to_px(&self, um: f64) -> f64 {
        um / self.pixel_size_um()
    }

    /// A time in seconds as frames.
    #[must_use]
    pub fn s_to_frame(&self, s: f64) -> f64 {
        s * self.fps.get()
    }

    /// Position (row, col) in px, on an array of `shape` (height, width) centred on the optical axis, of the place (y, x) µm.
    #[must_use]
    pub fn um_to_index(&self, y_um: f64, x_um: f64, shape: [usize; 2]) -> [f64; 2] {
        let pixel_um = self.pixel_size_um();
        [(shape[0] as f64 - 1.0) / 2.0 + y_um / pixel_um, (shape[1] as f64 - 1.0) / 2.0 + x_um / pixel_um]
    }
}

impl OpticalModel {
    /// The model of an acquisition.
    #[must_use]
    pub fn new(acquisition: &Acquisition) -> Self {
        let (optics, tissue) = (&acquisition.optics, &acquisition.tissue);
        let na = optics.na.get();
        let emission_um = optics.emission_nm.get() / 1000.0;
        Self {
            na,
            pixel_size_um: acquisition.pixel_size_um(),
            diffraction_sigma_um: 0.21 * emission_um / na,
            depth_of_field_um: match optics.depth_of_field_um {
                Auto::Auto => 1.33 * emission_um / (na * na),
                Auto::Value(v) => v.get(),
            },
            field_curvature_radius_um: optics.field_curvature_radius_um.map(|r| r.get()),
            scatter_mfp_um: 1.0
                / (1.0 / tissue.scatter_mfp_excitation_um.get() + 1.0 / tissue.scatter_mfp_emission_um.get()),
            scatter_blur_per_um: tissue.scatter_blur_per_um.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_and_frames() {
        let a = Acquisition::default();
        assert_eq!((a.pixel_size_um(), a.fov_um(), a.n_frames()), (0.375, [96.0, 96.0], 3000));
        assert_eq!(a.um_to_index(0.0, 0.375, [3, 4]), [1.0, 2.5]);
    }

    #[test]
    fn half_frames_round_to_even() {
        let frames = |s: f64| {
            Acquisition { fps: Positive::lit(1.0), duration_s: Positive::lit(s), ..Acquisition::default() }.n_frames()
        };
        assert_eq!([frames(0.5), frames(1.5), frames(2.5)], [0, 2, 2]);
        assert_eq!(frames(f64::MAX), usize::MAX);
    }

    #[test]
    fn the_largest_count_does_not_overflow() {
        let bits = |n| ImageSensor { bit_depth: Count::lit(n), ..ImageSensor::default() }.max_count();
        assert_eq!([bits(1), bits(8), bits(16), bits(63)], [1, 255, 65535, (1 << 63) - 1]);
        assert_eq!([bits(64), bits(u32::MAX)], [u64::MAX; 2]);
    }
}
