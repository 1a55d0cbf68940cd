//! What a pixel of the camera does to light.

use minisim::{
    emva::{Procedure, measure},
    kernels::digitise::Digitiser,
    spec::Report,
    steps::Sensor,
};
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Image, Knob, Panel, Plot, Quantity, Series},
    film::field,
    linear::quantile,
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "pixel",
    title: "What a pixel is",
    text: "A pixel is a bucket for electrons. Some fall in without any light, more in the warmth; each bucket is a little larger or smaller \
           than its neighbour, and reads a little too high or too low; and when it is full, it is full. All of that stays from frame to \
           frame. Laboratories measure it with even light and with none: the variance of the counts grows with their mean, and the slope \
           is the gain.",
    question: "Warm the sensor from 25 to 41 °C. By how much does the dark current grow? Which pixels do you see first, and why does \
               subtracting a dark picture remove their glow but not their grain?",
    answer: "Four times: it doubles every 8 °C. The hot pixels show first. A dark picture holds the mean of what they add, but the \
             electrons come at random, so their shot noise stays.",
    knobs: &[
        Knob { label: "Full well", unit: "e⁻", min: 1000.0, max: 9000.0, step: 250.0, start: 6000.0 },
        Knob { label: "Read noise", unit: "e⁻", min: 2.0, max: 20.0, step: 1.0, start: 7.0 },
        Knob { label: "Offsets of pixels (DSNU)", unit: "e⁻", min: 0.0, max: 30.0, step: 1.0, start: 6.0 },
        Knob { label: "Response of pixels (PRNU)", unit: "%", min: 0.0, max: 5.0, step: 0.25, start: 1.0 },
        Knob { label: "Temperature", unit: "°C", min: 5.0, max: 65.0, step: 4.0, start: 25.0 },
        Knob { label: "Hot pixels", unit: "‰", min: 0.0, max: 20.0, step: 1.0, start: 4.0 },
    ],
    draw,
};

/// Pixels a side, and dark current at 25 °C (e⁻/s).
const SIDE_PX: u32 = 120;
const DARK_E_PER_S: f64 = 20.0;

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[well, read_noise, dsnu, prnu, celsius, hot] = knobs else { return Ok(Figure::empty()) };
    let sensor = |name: &str| format!("acquisition.image_sensor.{name}");
    let changes = [
        ("n_px_height", json!(SIDE_PX)),
        ("n_px_width", json!(SIDE_PX)),
        ("bit_depth", json!(12)),
        ("gain_adu_per_e", json!(0.4)),
        ("black_level_adu", json!(100.0)),
        ("full_well_e", json!(well)),
        ("read_noise_e", json!(read_noise)),
        ("dsnu_pixel_e", json!(dsnu)),
        ("dsnu_column_e", json!(dsnu / 3.0)),
        ("prnu_pixel_percent", json!(prnu)),
        ("dark_current_e_per_s", json!(DARK_E_PER_S)),
        ("temperature_c", json!(celsius)),
        ("hot_pixel_share", json!(hot / 1000.0)),
    ]
    .map(|(name, value)| (sensor(name), value));
    let spec = field(&["sensor"], changes.iter().map(|(path, value)| (path.as_str(), value.clone())))?;
    let test = measure(&spec, &Procedure { n_light: 40, n_dark: 6, n_stack: 30, min_pixels: 40_000 })?;

    let even = test.saturation_photons / 2.0;
    let step = Sensor { photons_per_unit: minisim::spec::Positive::lit(1.0) };
    let camera = Digitiser::of(&step.camera(&spec.acquisition, spec.seed));
    let image = |title: &str, photons: f64| {
        let n = (SIDE_PX * SIDE_PX) as usize;
        let mut data = vec![0.0_f32; n];
        camera.digitise(0, 0, &vec![photons as f32; n], &mut data);
        let [low, high] = [0.005, 0.995].map(|q| quantile(data.iter().map(|v| f64::from(*v)), q) as f32);
        let shape = [SIDE_PX as usize; 2];
        let pixel_um = spec.acquisition.pixel_size_um();
        Panel::Image(
            Image { title: title.into(), shape, data, low, high, pixel_um, marks: Vec::new() }.between(low, high),
        )
    };
    let dark = test.transfer[0];
    let measured = test.transfer.iter().map(|p| [p.mean_adu - dark.mean_adu, p.variance_adu2]);
    let line = test.transfer.iter().take_while(|p| p.photons <= test.saturation_photons).map(|p| {
        let mean = p.mean_adu - dark.mean_adu;
        [mean, dark.variance_adu2 + test.gain_adu_per_e * mean]
    });
    Ok(Figure {
        panels: vec![
            image("In the dark", 0.0),
            image("In even light, half the full well", even),
            Panel::Plot(Plot {
                title: "Photon transfer curve".into(),
                x: "mean above the dark (counts)".into(),
                y: "variance (counts²)".into(),
                series: vec![Series::new("measured", measured), Series::new("its slope: the gain", line)],
            }),
        ],
        quantities: vec![
            Quantity::new("Gain, measured", test.gain_adu_per_e, 3, "counts/e⁻"),
            Quantity::new("Dark noise, measured", test.dark_noise_e, 1, "e⁻"),
            Quantity::new("Saturation, measured", test.saturation_e, 0, "e⁻"),
            Quantity::new("Dynamic range", 20.0 * test.dynamic_range.log10(), 1, "dB"),
            Quantity::new("Largest signal-to-noise ratio", test.snr_max, 0, ""),
            Quantity::new("Dark current, measured", test.dark_current_e_per_s, 1, "e⁻/s"),
            Quantity::new("DSNU, measured", test.dsnu_e.total, 1, "e⁻"),
            Quantity::new("PRNU, measured", 100.0 * test.prnu.total, 2, "%"),
        ],
        caption: "One picture in the dark and one in even light, each from its darkest to its brightest, and the variance over the mean as \
                  a laboratory measures it: straight until the buckets are full.",
    })
}
