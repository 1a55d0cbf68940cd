//! The power of the LED over time.
//!
//! # What it models
//! A lamp that does not hold still: it dims while it warms up, flickers with its supply, is switched by the experimenter, and is
//! noisy. All light that it excites follows, and so does the excitation light that leaks onto the sensor.
//!
//! # Model
//! `movie *= p(t)`. Within an exposure, which lasts 1/fps, p is the mean of
//! `(1 - warm_up_loss * (1 - exp(-t / warm_up_tau_s))) * (1 + flicker_depth * sin(2π flicker_hz t + φ)) * s(t)`, with the two
//! first factors averaged by themselves, times `1 + noise_rms * n` with n ~ N(0, 1) drawn for each frame; never below 0. φ is drawn
//! once. `s` is 1 until the first of `power_steps` and the factor of the latest one after that. A flicker at frequency f therefore
//! keeps the share `sinc(f / fps)` of its depth and appears at its alias. Bleaching feels p; detectability and focus, which are
//! numbers of the whole recording, feel its mean over the first 60 s.
//!
//! # Sources
//! The power of a LED changes while it warms up, unless it is controlled: Mubaid et al., Histochem. Cell Biol. 151:357 (2019); Wagenaar,
//! PLoS ONE 7:e29822 (2012), who controls it. At constant current it falls as the junction warms; 3 % and 120 s are conventions. Lamps at
//! the mains flicker at 100 or 120 Hz (twice its frequency), drivers that are dimmed by pulses at the difference between the pulses' rate
//! and a multiple of the frame rate.
//!
//! # Leaves out
//! Change of colour with temperature, slow ageing, exposures shorter than a frame, rows that are exposed one after the other (which
//! turns flicker into stripes), and autofluorescence of the optics that does not come from the LED.
//!
//! # Records
//! `led_power`.

use std::{f64::consts::PI, sync::Arc};

use super::{Domain, Part, Quantity, Step};
use crate::{
    math,
    plan::{Course, Field, Leg, Op, Scope},
    rng::Key,
    building::Builder,
    spec::{Acquisition, Checker, Extent, Fraction, FractionBelowOne, Needs, NonNegative, Positive, record::record},
    truth::{Declared, Dim, GroundTruth, Stored, TruthData},
};

/// Share of the power below which an averaged flicker is not worth asking for.
const UNSEEN_FLICKER: f64 = 1e-4;

record! {
    /// Lets the power of the LED vary.
    pub struct Led: step, panel("anatomy", "Lamp", 13), since("0.2") {
        /// Share of the power that is lost by warming up.
        warm_up_loss: FractionBelowOne = 0.03, "", slider(0.0, 0.2, 0.005), label("Warm-up loss");
        /// Time constant of warming up.
        warm_up_tau_s: Positive = 120.0, "s", slider(5.0, 600.0, 5.0), label("Warm-up time");
        /// Flicker: amplitude relative to the mean power.
        flicker_depth: Fraction = 0.0, "", slider(0.0, 0.2, 0.005), label("Flicker depth");
        /// Flicker: frequency; averaged over the exposure.
        flicker_hz: Positive = 100.0, "Hz", slider(0.1, 130.0, 0.1), label("Flicker rate");
        /// Standard deviation of the power from frame to frame, relative to the mean power.
        noise_rms: NonNegative = 0.0, "", slider(0.0, 0.05, 0.001), label("Noise");
        /// Switched power: (time in s, factor from then on), in ascending order of time; 1 before the first.
        power_steps: Vec<[f64; 2]> => Vec::new(), "";
    }
}

impl Step for Led {
    const KIND: &'static str = "led";
    const DOMAIN: Domain = Domain::Scope;
    const PART: Part = Part::Instrument;
    const RECORDS: &'static [Declared] = &[Declared {
        name: "led_power",
        dims: &[Dim::Frame],
        unit: "",
        doc: "Power of the LED in each frame, averaged over the exposure, relative to that when it is switched on.",
        stored: Stored::Extra,
    }];

    fn example() -> Self {
        Self {
            warm_up_tau_s: Positive::lit(2.0),
            flicker_depth: Fraction::lit(0.2),
            flicker_hz: Positive::lit(3.0),
            noise_rms: NonNegative::lit(0.01),
            power_steps: vec![[0.52, 0.6], [0.77, 0.9]],
            ..Self::default()
        }
    }

    fn cost(&self, extent: &Extent) -> Needs {
        Needs::course(extent.n_frames)
    }

    fn check(&self, cx: &mut Checker<'_>) {
        for (i, step @ [time_s, factor]) in self.power_steps.iter().enumerate() {
            let field = format!("power_steps[{i}]");
            if !(time_s.is_finite() && factor.is_finite()) {
                cx.finite(&field, step);
            } else if *factor < 0.0 {
                let remedy = "write a factor of at least 0; 0 switches the LED off";
                cx.error(&field, format!("{step:?}"), "power cannot be negative", remedy);
            } else if *time_s < 0.0 {
                let remedy = "write a time of at least 0; a step at 0 holds from the first frame on";
                cx.error(&field, format!("{step:?}"), "is before the recording, which begins at 0 s", remedy);
            }
            if let Some([before_s, _]) = i.checked_sub(1).map(|before| self.power_steps[before])
                && *time_s <= before_s
            {
                let rule = format!("must come after the step before it ({before_s} s)");
                cx.error(&field, format!("{step:?}"), rule, "put the steps into ascending order of time, each time once");
            }
        }
        let Some(fps) = cx.acquisition().map(|a| a.fps.get()) else { return };
        let depth = self.flicker_depth.get();
        let seen = depth * sinc(self.flicker_hz.get() / fps).abs();
        if depth > 0.0 && seen < UNSEEN_FLICKER {
            cx.warn(
                "flicker_hz",
                format!("{:?}", self.flicker_hz.get()),
                format!("an exposure of 1/{fps} s averages this flicker away"),
                "choose a frequency that is no multiple of acquisition.fps if it should be seen",
            );
        }
    }

    fn strength(&self, truth: &GroundTruth, _: &Acquisition) -> Vec<Quantity> {
        let Some(power) = truth.f64s("led_power").filter(|power| !power.is_empty()) else { return Vec::new() };
        let [least, most] = [power.iter().copied().fold(f64::INFINITY, f64::min), power.iter().copied().fold(0.0, f64::max)];
        vec![
            Quantity { what: "power at most", value: 100.0 * most, unit: "%" },
            Quantity { what: "at least", value: 100.0 * least, unit: "%" },
        ]
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let (n_frames, n_window, fps) = (scene.n_frames(), scene.calibration_frames(), scene.fps());
        let phase = 2.0 * PI * scene.key("flicker").uniform(0, 0);
        let mut power = self.mean_power(phase, fps, n_frames.max(n_window));
        let expected = power[..n_window].iter().sum::<f64>() / n_window as f64;
        power.truncate(n_frames);
        self.add_noise(scene.key("noise"), &mut power);
        let factors: Vec<f32> = power.iter().map(|p| *p as f32).collect();
        // The truth holds what is rendered: pixels are single precision.
        let shown: Vec<f64> = factors.iter().map(|p| f64::from(*p)).collect();
        scene.record("led_power", &[n_frames], TruthData::F64(shown.into()));
        let course = Course::Varying { factors: Arc::new(factors), expected };
        scene.push(Op::Multiply(Field::<Scope>::even(course), Leg::Excitation));
    }
}

impl Led {
    /// Power in each of `n_frames` exposures of 1/`fps` s without its noise, relative to that when it is switched on. `phase_rad` is
    /// that of the flicker at 0 s.
    #[must_use]
    pub fn mean_power(&self, phase_rad: f64, fps: f64, n_frames: usize) -> Vec<f64> {
        let mut passed = 0;
        let exposure = |frame: usize| {
            let [start, end] = [frame, frame + 1].map(|f| f as f64 / fps);
            let part = |from: f64, to: f64, passed: usize| {
                let factor = passed.checked_sub(1).map_or(1.0, |last| self.power_steps[last][1]);
                let steady = self.warm_up(from, to) * self.flicker(phase_rad, from, to);
                (to - from) / (end - start) * factor * steady
            };
            let (mut from, mut power) = (start, 0.0);
            while let Some([time_s, _]) = self.power_steps.get(passed)
                && *time_s < end
            {
                if *time_s > from {
                    power += part(from, *time_s, passed);
                    from = *time_s;
                }
                passed += 1;
            }
            power + part(from, end, passed)
        };
        (0..n_frames).map(exposure).collect()
    }

    /// Mean of the warming up from one time to another (s).
    fn warm_up(&self, from: f64, to: f64) -> f64 {
        let (loss, tau) = (self.warm_up_loss.get(), self.warm_up_tau_s.get());
        let decay = -math::exp_m1((from - to) / tau) * tau / (to - from);
        1.0 - loss + loss * math::exp(-from / tau) * decay
    }

    /// Mean of the flicker from one time to another (s).
    fn flicker(&self, phase_rad: f64, from: f64, to: f64) -> f64 {
        let depth = self.flicker_depth.get();
        if depth == 0.0 {
            return 1.0;
        }
        let f = self.flicker_hz.get();
        1.0 + depth * sinc(f * (to - from)) * math::sin(PI * f * (from + to) + phase_rad)
    }

    fn add_noise(&self, key: Key, power: &mut [f64]) {
        let rms = self.noise_rms.get();
        if rms > 0.0 {
            power.iter_mut().enumerate().for_each(|(t, p)| *p *= (1.0 + rms * key.normal(0, t as u64)).max(0.0));
        }
    }
}

/// `sin(πx) / πx`: what averaging over x periods leaves of a sinusoid.
fn sinc(x: f64) -> f64 {
    let angle = PI * x;
    if angle.abs() < 1e-4 { 1.0 - angle * angle / 6.0 } else { math::sin(angle) / angle }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        recording::Pixels,
        render,
        scene::Scene,
        spec::{Format, Severity, Spec, check_part},
    };
    use serde_json::{Value, json};

    /// Bleaching cells under a leaking scope, with these steps besides.
    fn film(duration_s: f64, intensity: f64, led: Option<Value>) -> Scene {
        let mut steps = vec![
            json!({ "kind": "place_neurons", "density_per_mm3": 60000.0, "soma_radius_um": 5.0 }),
            json!({ "kind": "cell_activity" }),
            json!({ "kind": "bleaching", "bleach_susceptibility": 1e-3, "excitation_intensity": intensity }),
            json!({ "kind": "composite" }),
            json!({ "kind": "illumination_profile" }),
            json!({ "kind": "leakage" }),
        ];
        steps.extend(led);
        let spec = json!({
            "acquisition": { "fps": 20.0, "duration_s": duration_s,
                             "image_sensor": { "n_px_height": 20, "n_px_width": 24, "pixel_pitch_um": 16.0 } },
            "seed": 4, "steps": steps,
        });
        let spec = Spec::from_text(&spec.to_string(), Format::Json).unwrap_or_else(|e| panic!("{e}")).spec;
        Scene::new(&spec).unwrap_or_else(|e| panic!("{e}"))
    }

    fn light(scene: &Scene, stage: &str) -> Vec<f32> {
        match render(scene, 0..scene.n_frames, Some(stage)).expect("a stage of the scene") {
            Pixels::F32(light) => light,
            other => panic!("light before the camera is in single precision, not {other:?}"),
        }
    }

    #[test]
    fn the_film_follows_the_power_exactly() {
        let scene = film(1.5, 1.0, Some(json!(Led::example())));
        let power = scene.recorded().f64s("led_power").expect("recorded").to_vec();
        let (before, after) = (light(&scene, "leakage"), light(&scene, "led"));
        let size = before.len() / power.len();
        for (t, p) in power.iter().enumerate() {
            let here = t * size..(t + 1) * size;
            let brightness = |film: &[f32]| film[here.clone()].iter().map(|v| f64::from(*v)).sum::<f64>();
            assert!(brightness(&before) > 0.0 && (brightness(&after) / brightness(&before) - p).abs() < 1e-7);
            assert!(before[here.clone()].iter().zip(&after[here]).all(|(b, a)| *a == b * *p as f32), "frame {t}");
        }
        assert!(power.iter().any(|p| *p < 0.7) && power.iter().any(|p| *p > 1.1));
    }

    #[test]
    fn half_the_power_bleaches_as_half_the_intensity() {
        let even = json!({ "kind": "led", "warm_up_loss": 0.0, "power_steps": [[0.0, 0.5]] });
        let intact = |scene: &Scene| scene.recorded().array("bleaching").expect("recorded").data.to_f64();
        // Longer than a block of the timeline, which begins from a checkpoint.
        let (lamp, half, full) = (film(64.0, 1.0, Some(even)), film(64.0, 0.5, None), film(64.0, 1.0, None));
        assert_eq!(intact(&lamp), intact(&half));
        assert!(intact(&lamp).iter().zip(intact(&full)).all(|(half, full)| *half >= full));
        // From the moment on when it is switched off, the pools recover only.
        let off = film(64.0, 1.0, Some(json!({ "kind": "led", "warm_up_loss": 0.0, "power_steps": [[32.0, 0.0]] })));
        let (pools, lit) = (intact(&off), intact(&full));
        for (pool, lit) in pools.chunks_exact(off.n_frames).zip(lit.chunks_exact(off.n_frames)) {
            assert_eq!(pool[..640], lit[..640]);
            let grown = 1.0 - (1.0 - pool[640]) * math::exp(-(1270.0 / 20.0 - 32.0) / 20000.0);
            assert!((pool[1270] - grown).abs() < 1e-9 && pool[1270] > pool[640]);
        }
    }

    #[test]
    fn flicker_is_averaged_over_the_exposure() {
        for (hz, fps) in [(3.0, 20.0), (57.3, 20.0), (100.0, 30.0), (0.001, 20.0)] {
            let led = Led {
                warm_up_loss: FractionBelowOne::lit(0.0),
                flicker_depth: Fraction::lit(0.3),
                flicker_hz: Positive::new(hz).expect("positive"),
                ..Led::default()
            };
            let omega = 2.0 * PI * hz;
            for (t, p) in led.mean_power(0.4, fps, 50).into_iter().enumerate() {
                let [from, to] = [t, t + 1].map(|t| omega * t as f64 / fps + 0.4);
                let mean = 1.0 + 0.3 * (math::cos(from) - math::cos(to)) / (omega / fps);
                assert!((p - mean).abs() < 1e-9, "{hz} Hz, frame {t}: {p}, not {mean}");
            }
        }
        // Whole periods leave nothing.
        let mains = Led { warm_up_loss: FractionBelowOne::lit(0.0), flicker_depth: Fraction::lit(1.0), ..Led::default() };
        assert!(mains.mean_power(1.0, 20.0, 100).iter().all(|p| (p - 1.0).abs() < 1e-9));
    }

    #[test]
    fn warming_up_and_steps_in_closed_form() {
        let power = Led::default().mean_power(0.0, 20.0, 20 * 1200);
        let integral = power[..2400].iter().sum::<f64>() / 20.0;
        let expected = 0.97 * 120.0 + 0.03 * 120.0 * (1.0 - math::exp(-1.0));
        assert!((integral - expected).abs() < 1e-9, "{integral}, not {expected}");
        assert!((power[0] - 1.0).abs() < 1e-5 && (power[20 * 1200 - 1] - 0.97).abs() < 1e-5);
        // A step within an exposure counts for the rest of it, several of them each for their part.
        let led = Led {
            warm_up_loss: FractionBelowOne::lit(0.0),
            power_steps: vec![[0.25, 2.0], [0.5, 0.0], [1.5, 3.0]],
            ..Led::default()
        };
        assert_eq!(led.mean_power(0.0, 1.0, 4), [0.25 + 0.5, 1.5, 3.0, 3.0]);
    }

    #[test]
    fn noise_has_its_size_and_no_power_is_negative() {
        let led = Led { noise_rms: NonNegative::lit(0.02), ..Led::default() };
        let n = 20_000;
        let mut power = vec![1.0; n];
        led.add_noise(Key::new(1, Led::KIND, "noise"), &mut power);
        let mean = power.iter().sum::<f64>() / n as f64;
        let sd = (power.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
        // Standard errors: 0.02/√n and 0.02/√2n.
        assert!((mean - 1.0).abs() < 7e-4 && (sd - 0.02).abs() < 5e-4, "{mean} {sd}");
        Led { noise_rms: NonNegative::lit(3.0), ..led }.add_noise(Key::new(1, Led::KIND, "noise"), &mut power);
        assert!(power.iter().all(|p| *p >= 0.0) && power.contains(&0.0));
    }

    #[test]
    fn what_no_lamp_can_do_is_refused_with_a_remedy() {
        let refused = |fields: Value| {
            let mut step = fields;
            step["kind"] = json!("led");
            let found = check_part("Led", &step);
            assert!(found.iter().all(|f| f.severity == Severity::Error && !f.remedy.is_empty()));
            found.iter().map(|f| format!("{}: {}", f.path, f.rule)).collect::<Vec<_>>()
        };
        assert_eq!(refused(json!({ "power_steps": [[0.0, 0.5], [2.0, 1.0]] })), Vec::<String>::new());
        for (fields, path, rule) in [
            (json!({ "power_steps": [[1.0, -0.5]] }), "power_steps[0]", "negative"),
            (json!({ "power_steps": [[-1.0, 0.5]] }), "power_steps[0]", "before the recording"),
            (json!({ "power_steps": [[2.0, 0.5], [1.0, 1.0]] }), "power_steps[1]", "after the step before"),
            (json!({ "power_steps": [[2.0, 0.5], [2.0, 1.0]] }), "power_steps[1]", "after the step before"),
            (json!({ "flicker_depth": 1.2 }), "flicker_depth", "between 0 and 1"),
            (json!({ "warm_up_loss": 1.0 }), "warm_up_loss", "less than 1"),
        ] {
            let found = refused(fields);
            assert!(found.len() == 1 && found[0].starts_with(path) && found[0].contains(rule), "{found:?}");
        }
    }
}
