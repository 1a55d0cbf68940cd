//! From cells on black to a full, noisy recording, one step at a time: what each step adds, and the truth that it records.
//!
//!     cargo run --release -p minisim-io --example ladder
//!
//! All rungs share one acquisition: a field of 200 µm at 1 µm/px (pixels of 8 µm behind a magnification of 8), 20 s at 20 fps.
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use minisim::{
    Options, Recording, Spec, simulate_into,
    spec::{Acquisition, ImageSensor, Optics},
    steps::{
        AnyStep, Bleaching, BrainMotion, CellActivity, CellOptics, Composite, IlluminationProfile, Leakage, Neuropil,
        PlaceNeurons, Sensor, Vignette,
    },
};
use minisim_io::{AviOptions, AviSink};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn acquisition() -> Result<Acquisition> {
    Ok(Acquisition {
        fps: 20.0.try_into()?,
        duration_s: 20.0.try_into()?,
        optics: Optics { magnification: 8.0.try_into()?, ..Optics::default() },
        image_sensor: ImageSensor {
            n_px_height: 200.try_into()?,
            n_px_width: 200.try_into()?,
            pixel_pitch_um: 8.0.try_into()?,
            ..ImageSensor::default()
        },
        ..Acquisition::default()
    })
}

fn simulate(steps: Vec<AnyStep>) -> Result<Recording> {
    let spec = Spec::builder().acquisition(acquisition()?).seed(1).steps(steps).build()?.spec;
    Ok(minisim::simulate(&spec)?)
}

fn main() -> Result<()> {
    let cells: Vec<AnyStep> = vec![PlaceNeurons::default().into(), CellActivity::default().into()];
    let with = |more: Vec<AnyStep>| [cells.clone(), more].concat();

    // 1. Cells on black: sharp discs that blink.
    let recording = simulate(with(vec![Composite::default().into()]))?;
    let truth = &recording.ground_truth;
    println!("1. minimal: {} cells, film {:?}, no noise", truth.n_units(), recording.observed.shape);
    println!("   first cell at (z, y, x) = {:.1?} µm", &truth.centers_um()[..3]);

    // 2. Optics: blur and dimming by depth. The focal plane is found, and each cell's blur recorded.
    let recording = simulate(with(vec![CellOptics::default().into(), Composite::default().into()]))?;
    let truth = &recording.ground_truth;
    let sigma = truth.f64s("observed_sigma_px").unwrap_or_default();
    let [least, most] = [f64::min, f64::max].map(|pick| sigma.iter().copied().reduce(pick).unwrap_or(f64::NAN));
    let in_focus = truth.in_focus().iter().filter(|f| **f).count();
    println!("2. optics: focus {:.1?} µm, {in_focus} in focus, blur {least:.2} to {most:.2} px", truth.focal_depth_um);

    // 3. The brain moves: real tissue comes into view from outside.
    let optics: Vec<AnyStep> = vec![CellOptics::default().into(), Composite::default().into()];
    let recording = simulate(with([optics.clone(), vec![BrainMotion::default().into()]].concat()))?;
    let shifts = recording.ground_truth.f64s("shifts").unwrap_or_default();
    let furthest = shifts.iter().fold(0.0_f64, |m, s| m.max(s.abs()));
    println!("3. motion: {} frames, up to {furthest:.1} px along an axis", shifts.len() / 2);

    // 4. Neuropil: the haze of everything that is not a cell.
    let haze: Vec<AnyStep> = vec![Neuropil::default().into()];
    let recording = simulate(with([optics.clone(), haze.clone()].concat()))?;
    println!("4. neuropil: components {:?}", recording.ground_truth.array("neuropil_spatial").map(|a| &a.shape));

    // 5. Fields of the scope, which do not move with the brain.
    let fields: Vec<AnyStep> =
        vec![IlluminationProfile::default().into(), Vignette::default().into(), Leakage::default().into()];
    let recording = simulate(with([optics.clone(), haze.clone(), fields.clone()].concat()))?;
    for name in ["illumination", "vignette", "leakage"] {
        let field = recording.ground_truth.f64s(name).unwrap_or_default();
        println!("5. {name}: {:.3} in the corner, {:.3} in the middle", field[0], field[100 * 200 + 100]);
    }

    // 6. The sensor: photons become noisy counts, and it is decided which cells can be detected.
    let full = Spec::builder()
        .acquisition(acquisition()?)
        .seed(1)
        .steps(cells.clone())
        .step(Bleaching::default())
        .steps(optics)
        .steps(haze)
        .step(BrainMotion::default())
        .steps(fields)
        .step(Sensor::default())
        .build()?
        .spec;
    let recording = minisim::simulate(&full)?;
    let detectable = recording.ground_truth.detectable_subset(false);
    println!("6. sensor: {} of {} cells detectable", detectable.n_units(), recording.ground_truth.n_units());
    // The same scene without the noise: the run stops before the sensor, focus and cells stay what they are.
    let clean =
        simulate_into(&full, minisim::MemorySink::default(), Options { until: Some("leakage"), ..Options::default() })?;
    println!("   brightest pixel before the sensor: {:.2} units", brightest(&clean.output));

    // Any rung can go straight to a film. Without a sensor it must be said what is white.
    let rung = full.without_step("sensor")?.spec;
    let options = AviOptions { vmax: Some(brightest(&clean.output)), overwrite: true, ..AviOptions::default() };
    let film = simulate_into(&rung, AviSink::create("ladder.avi", options)?, Options::default())?;
    println!("7. film: {} ({} bytes)", film.output.path.display(), film.output.bytes);
    Ok(())
}

fn brightest(recording: &Recording) -> f64 {
    let pixels = &recording.observed.pixels;
    (0..pixels.len()).map(|i| pixels.get(i)).fold(0.0, f64::max)
}
