//! What the cable, the driver and the recording computer do to frames.
//!
//! # What it models
//! Frames that are lost, one by one or in bursts; frames that are stored again in place of the next; torn frames, with rows of two
//! exposures; broken buffers; a step in brightness from one clip to the next; time stamps that jitter and drift.
//!
//! # Model
//! `duration_s * fps` exposures are made, as without this step. A chain of two states loses them: a share `lost_rate` in the long
//! run, in bursts of `burst_frames` on average whose lengths are geometric. The first exposure is always stored: a recording begins with
//! its first frame. So a recording has as many frames as exposures were made, less those lost: `duration_s` is how long the animal
//! was filmed.
//!
//! Of the stored frames, independently of each other,
//! - a share `repeated_rate` shows again what the frame before showed;
//! - a share `torn_rate` is torn: from a row on, which is uniform, it shows the exposure before its own;
//! - a share `broken_rate` has a broken block of 1 to `broken_rows` rows, which with equal chances is rolled to the right or zero.
//!
//! Frames are stored in clips of `clip_frames`; the values of all frames of a clip but the first are multiplied by
//! `exp(clip_step * N(0, 1))`, counts then rounded and clipped. The time stamp of exposure e is
//! `(1 + 1e-6 * clock_drift_ppm) * e / fps + jitter_ms * N(0, 1) / 1000`, and never before an earlier one or 0.
//!
//! Arrays of the truth over frames have a column for each stored frame, that of the exposure it shows. A stored frame is made from
//! the film without this step by the truth alone: frame `exposure_index`; where `fault` is 2, its rows `fault_rows` are those of the
//! frame before that; where 3, rolled to the right by `fault_shift_px`; where 4, zero; then all values are multiplied by
//! `brightness_factor`, rounded and clipped.
//!
//! # Sources
//! Lost frames: 39 of 11 455, mostly one and at most three at a time (minian, issue 102); one in 10 000 on a quiet computer, and
//! delays of up to 5 ms by USB, usually below 1 ms (Miniscope_DAQ_Software, issue 12). Drift: a quartz within 20 ppm. Shares of
//! repeated, torn and broken frames are conventions.
//!
//! # Leaves out
//! Delays of more than a frame, reconnection of the camera, lossy compression. Focus and detectability are those of all exposures.
//!
//! # Records
//! `exposure_index`, `daq_frame`, `timestamps_s`, `fault`, `fault_rows`, `fault_shift_px`, `brightness_factor`,
//! `lost_exposures`.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use super::{Domain, Part, Quantity, Step};
use crate::{
    building::Builder,
    math,
    plan::{Damage, Delivery, Fault},
    rng::Key,
    spec::{Acquisition, Checker, Count, Extent, Fraction, Needs, NonNegative, Positive, Real, record::record},
    truth::{Declared, Dim, GroundTruth, Stored, TruthData},
};

record! {
    /// Loses, repeats and damages frames on their way to the disk, and stamps them with the recording computer's clock.
    pub struct AcquisitionFaults: step, panel("anatomy", "Cable", 14), since("0.2") {
        /// Share of exposures of which no frame is stored.
        lost_rate: Fraction = 0.003, "", slider(0.0, 0.1, 0.001), label("Lost frames");
        /// Mean length of a run of lost frames.
        burst_frames: Positive = 1.3, "frame", slider(1.0, 30.0, 0.1), label("Length of a burst");
        /// Share of stored frames that show again what the frame before showed.
        repeated_rate: Fraction = 0.0005, "", slider(0.0, 0.1, 0.001), label("Repeated frames");
        /// Share of stored frames whose lower rows are of the exposure before.
        torn_rate: Fraction = 0.0005, "", slider(0.0, 0.1, 0.001), label("Torn frames");
        /// Share of stored frames with a block of rows that is displaced or zero.
        broken_rate: Fraction = 0.0002, "", slider(0.0, 0.1, 0.001), label("Broken frames");
        /// Most rows of a broken block.
        broken_rows: Count = 32, "px", slider(1.0, 200.0, 1.0), label("Rows of a broken block");
        /// Stored frames of a clip.
        clip_frames: Count = 1000, "frame";
        /// Standard deviation of the logarithm of a clip's brightness; the first clip keeps its own.
        clip_step: NonNegative = 0.0, "", slider(0.0, 0.2, 0.005), label("Brightness step of a clip");
        /// Standard deviation of a time stamp.
        jitter_ms: NonNegative = 1.0, "ms", slider(0.0, 20.0, 0.5), label("Jitter of time stamps");
        /// How much faster than the camera's the recording computer's clock runs.
        clock_drift_ppm: Real = 20.0, "ppm", slider(-200.0, 200.0, 5.0), label("Drift of the clock");
    }
}

/// Values of the array `fault`.
mod code {
    pub(super) const REPEATED: u32 = 1;
    pub(super) const TORN: u32 = 2;
    pub(super) const SHIFTED: u32 = 3;
    pub(super) const BLANK: u32 = 4;
}

const fn per_frame(name: &'static str, unit: &'static str, doc: &'static str) -> Declared {
    Declared { name, dims: &[Dim::Frame], unit, doc, stored: Stored::Extra }
}

impl Step for AcquisitionFaults {
    const KIND: &'static str = "acquisition_faults";
    const DOMAIN: Domain = Domain::Delivery;
    const PART: Part = Part::Noise;
    const RECORDS: &'static [Declared] = &[
        per_frame("exposure_index", "", "The exposure that each stored frame shows, counted from 0: its frame in the film without faults."),
        per_frame("daq_frame", "", "Number that the acquisition box gives each stored frame: it counts exposures, so it jumps where frames are lost."),
        per_frame("timestamps_s", "s", "Time stamp of each stored frame, by the recording computer's clock."),
        per_frame("fault", "", "What is wrong with each stored frame: 0 nothing, 1 repeated, 2 torn, 3 a block of rows displaced, 4 a block of rows zero."),
        Declared {
            name: "fault_rows",
            dims: &[Dim::Frame, Dim::Span],
            unit: "px",
            doc: "The damaged rows of each stored frame: the first, and the one after the last; 0, 0 for none.",
            stored: Stored::Extra,
        },
        per_frame("fault_shift_px", "px", "Columns that the damaged rows of each stored frame are rolled to the right by."),
        per_frame("brightness_factor", "", "Factor on the values of each stored frame, that of its clip."),
        Declared {
            name: "lost_exposures",
            dims: &[Dim::Lost],
            unit: "",
            doc: "The exposures of which no frame is stored, counted from 0.",
            stored: Stored::Extra,
        },
    ];

    fn example() -> Self {
        Self {
            lost_rate: Fraction::lit(0.15),
            burst_frames: Positive::lit(2.0),
            repeated_rate: Fraction::lit(0.1),
            torn_rate: Fraction::lit(0.2),
            broken_rate: Fraction::lit(0.3),
            broken_rows: Count::lit(9),
            clip_frames: Count::lit(7),
            clip_step: NonNegative::lit(0.1),
            ..Self::default()
        }
    }

    fn undamaged(&self) -> Option<Self> {
        let none = Fraction::lit(0.0);
        Some(Self { torn_rate: none, broken_rate: none, clip_step: NonNegative::lit(0.0), ..self.clone() })
    }

    fn cost(&self, extent: &Extent) -> Needs {
        // Two of the arrays are in the plan, too.
        Needs::course(extent.n_frames) * 8.0
    }

    fn check(&self, cx: &mut Checker<'_>) {
        let (lost, burst) = (self.lost_rate.get(), self.burst_frames.get());
        if burst < 1.0 {
            cx.error("burst_frames", format!("{burst:?}"), "a burst has at least one frame", "write 1 for frames that are lost one by one");
        } else if lost == 1.0 {
            cx.error("lost_rate", "1.0", "would leave no frame but the first", "write a share below 1");
        } else if self.loss() > 1.0 {
            let most = burst / (1.0 + burst);
            let rule = format!("is more than bursts of {burst} frames on average can lose with a frame between them, {most:.3}");
            cx.error("lost_rate", format!("{lost:?}"), rule, "lower it, or raise burst_frames");
        }
        let damaged = self.repeated_rate.get() + self.torn_rate.get() + self.broken_rate.get();
        if damaged > 1.0 {
            let rule = format!("repeated_rate, torn_rate and broken_rate add up to {damaged}; a frame has one fault at most");
            cx.error("repeated_rate", format!("{:?}", self.repeated_rate.get()), rule, "lower them to 1 in all");
        }
    }

    fn strength(&self, truth: &GroundTruth, _: &Acquisition) -> Vec<Quantity> {
        let (Some(lost), Some(faults)) = (truth.array("lost_exposures"), truth.array("fault")) else { return Vec::new() };
        let (n_lost, n) = (lost.data.len() as f64, faults.data.len() as f64);
        let damaged = faults.data.to_f64().iter().filter(|kind| **kind != 0.0).count() as f64;
        vec![
            Quantity { what: "lost", value: 100.0 * n_lost / (n_lost + n).max(1.0), unit: "%" },
            Quantity { what: "damaged or repeated", value: 100.0 * damaged / n.max(1.0), unit: "%" },
        ]
    }

    fn build(&self, scene: &mut Builder<'_>) {
        let [height, width] = scene.canvas().fov;
        let slots = self.stored(scene.key("lost"), scene.n_frames());
        let drawn = self.damage(scene.key("fault"), &slots, [height, width]);
        let exposures = Arc::new(drawn.exposures);
        let factors = self.factors(scene.key("clip"), slots.len());
        let timestamps_s = Arc::new(self.timestamps_s(scene.key("jitter"), &slots, scene.fps()));

        let n = slots.len();
        let counts = |values: Vec<u32>| TruthData::U32(values.into());
        let of_frames = |of: fn(&Fault) -> [u32; 2]| -> Vec<[u32; 2]> {
            (0..n).map(|frame| drawn.faults.get(&frame).map_or([0; 2], of)).collect()
        };
        let kinds = (0..n).map(|frame| match drawn.faults.get(&frame).map(|fault| fault.damage) {
            None if exposures[frame] != slots[frame] => code::REPEATED,
            None => 0,
            Some(Damage::Torn) => code::TORN,
            Some(Damage::Shifted(_)) => code::SHIFTED,
            Some(Damage::Blank) => code::BLANK,
        });
        let rows = of_frames(|fault| [fault.rows.start as u32, fault.rows.end as u32]);
        let shift = of_frames(|fault| match fault.damage {
            Damage::Shifted(columns) => [columns as u32, 0],
            Damage::Torn | Damage::Blank => [0; 2],
        });
        let mut next = 0;
        let lost: Vec<u32> = slots.iter().flat_map(|slot| std::mem::replace(&mut next, slot + 1)..*slot).collect();
        let lost: Vec<u32> = lost.into_iter().chain(next..scene.n_frames() as u32).collect();
        let shown: Vec<f64> = factors.iter().map(|f| f64::from(*f)).collect();
        for (name, shape, data) in [
            ("exposure_index", &[n][..], TruthData::U32(Arc::clone(&exposures).into())),
            ("timestamps_s", &[n], TruthData::F64(Arc::clone(&timestamps_s).into())),
            ("fault", &[n], counts(kinds.collect())),
            ("fault_rows", &[n, 2], counts(rows.into_iter().flatten().collect())),
            ("fault_shift_px", &[n], counts(shift.into_iter().map(|[columns, _]| columns).collect())),
            ("brightness_factor", &[n], TruthData::F64(shown.into())),
            ("lost_exposures", &[lost.len()], counts(lost)),
            ("daq_frame", &[n], counts(slots)),
        ] {
            scene.record(name, shape, data);
        }
        scene.push(Delivery { exposures, faults: drawn.faults, factors, timestamps_s });
    }
}

/// What stored frames show, and what is wrong with some of them.
struct Drawn {
    exposures: Vec<u32>,
    faults: BTreeMap<usize, Fault>,
}

impl AcquisitionFaults {
    /// Chance that a frame is lost after one that is not.
    fn loss(&self) -> f64 {
        let lost = self.lost_rate.get();
        lost / (self.burst_frames.get() * (1.0 - lost))
    }

    /// Those of `n` exposures of which a frame is stored. Each is drawn by itself, after those before.
    fn stored(&self, key: Key, n: usize) -> Vec<u32> {
        let (loss, end) = (self.loss(), 1.0 / self.burst_frames.get());
        let mut lost = false;
        let kept = |exposure: &u32| {
            let chance = if lost { 1.0 - end } else { loss };
            lost = *exposure > 0 && key.uniform(0, u64::from(*exposure)) < chance;
            !lost
        };
        (0..n as u32).filter(kept).collect()
    }

    /// What the stored frames show, which were made for the exposures `slots`.
    fn damage(&self, key: Key, slots: &[u32], [height, width]: [usize; 2]) -> Drawn {
        let repeated = self.repeated_rate.get();
        let torn = repeated + self.torn_rate.get();
        let broken = torn + self.broken_rate.get();
        let mut drawn = Drawn { exposures: Vec::with_capacity(slots.len()), faults: BTreeMap::new() };
        for (frame, slot) in slots.iter().enumerate() {
            // A number of 0 to n - 1.
            let draw = |purpose: u64, n: usize| (key.uniform(purpose, u64::from(*slot)) * n as f64) as usize;
            let which = key.uniform(0, u64::from(*slot));
            let before = drawn.exposures.last().copied();
            drawn.exposures.push(before.filter(|_| which < repeated).unwrap_or(*slot));
            let mut put = |rows: Range<usize>, damage| {
                drawn.faults.insert(frame, Fault { rows, damage });
            };
            if which < repeated {
            } else if which < torn {
                // Nothing came before the first exposure, and an image of one row cannot be torn.
                if *slot > 0 && height > 1 {
                    put(1 + draw(1, height - 1)..height, Damage::Torn);
                }
            } else if which < broken {
                let n_rows = 1 + draw(2, height.min(self.broken_rows.get() as usize));
                let first = draw(3, height - n_rows + 1);
                let blank = width == 1 || draw(4, 2) == 0;
                let damage = if blank { Damage::Blank } else { Damage::Shifted(1 + draw(5, width - 1)) };
                put(first..first + n_rows, damage);
            }
        }
        drawn
    }

    /// Factor on the values of each of `n` stored frames.
    fn factors(&self, key: Key, n: usize) -> Vec<f32> {
        let of_clip = |clip: usize| match clip {
            0 => 1.0,
            _ => math::exp(self.clip_step.get() * key.normal(0, clip as u64)) as f32,
        };
        let clip_frames = self.clip_frames.get() as usize;
        (0..n.div_ceil(clip_frames)).flat_map(|clip| std::iter::repeat_n(of_clip(clip), clip_frames)).take(n).collect()
    }

    /// Time stamps of the frames that were made for the exposures `slots` (s).
    fn timestamps_s(&self, key: Key, slots: &[u32], fps: f64) -> Vec<f64> {
        let rate = 1.0 + 1e-6 * self.clock_drift_ppm.get();
        let mut latest = 0.0_f64;
        let stamp = |slot: &u32| {
            let jitter_s = 1e-3 * self.jitter_ms.get() * key.normal(0, u64::from(*slot));
            latest = latest.max(rate * f64::from(*slot) / fps + jitter_s);
            latest
        };
        slots.iter().map(stamp).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Severity, check_part};
    use serde_json::{Value, json};

    fn key(purpose: &str) -> Key {
        Key::new(3, AcquisitionFaults::KIND, purpose)
    }

    fn faults(fields: &[(&str, f64)]) -> AcquisitionFaults {
        let mut step = json!({ "kind": "acquisition_faults" });
        fields.iter().for_each(|(name, value)| step[*name] = json!(value));
        let mut cx = crate::spec::record::Reader::default();
        let node = crate::spec::node::Node::from_json(&step);
        crate::spec::record::Field::read(&node, &mut cx).unwrap_or_else(|| panic!("{:?}", cx.findings))
    }

    /// Lengths of the runs of lost exposures.
    fn bursts(stored: &[u32]) -> Vec<f64> {
        stored.windows(2).map(|w| f64::from(w[1] - w[0] - 1)).filter(|n| *n > 0.0).collect()
    }

    #[test]
    fn frames_are_lost_at_their_rate_in_bursts_of_their_length() {
        let n = 400_000;
        for (rate, length) in [(0.02, 4.0), (0.003, 1.0), (0.3, 1.5)] {
            let stored = faults(&[("lost_rate", rate), ("burst_frames", length)]).stored(key("lost"), n);
            let bursts = bursts(&stored);
            let lost: f64 = bursts.iter().sum();
            let (share, mean) = (lost / n as f64, lost / bursts.len() as f64);
            // Five standard errors: a geometric length has a variance of L² - L, and bursts come about independently.
            let se = (bursts.len() as f64 * (2.0 * length * length - length)).sqrt() / n as f64;
            assert!((share - rate).abs() < 5.0 * se, "{share}, not {rate}");
            let se = ((length * length - length) / bursts.len() as f64).sqrt();
            assert!((mean - length).abs() <= 5.0 * se, "{mean}, not {length}");
        }
        assert_eq!(faults(&[("lost_rate", 0.9), ("burst_frames", 50.0)]).stored(key("lost"), 1), [0]);
    }

    #[test]
    fn each_kind_of_damage_has_its_share_and_lies_in_the_image() {
        let step = faults(&[("repeated_rate", 0.1), ("torn_rate", 0.2), ("broken_rate", 0.3), ("broken_rows", 5.0)]);
        let n = 100_000;
        let slots: Vec<u32> = (0..n).map(|e| 2 * e).collect();
        let Drawn { exposures, faults } = step.damage(key("fault"), &slots, [7, 9]);
        let near = |got: usize, share: f64| {
            let se = (share * (1.0 - share) / f64::from(n)).sqrt();
            assert!((got as f64 / f64::from(n) - share).abs() < 5.0 * se, "{got} of {n}, not {share}");
        };
        near(exposures.iter().zip(&slots).filter(|(e, s)| e != s).count(), 0.1);
        // A run of repeated frames shows one exposure throughout.
        let shown = exposures.windows(2).zip(&slots[1..]).all(|(w, slot)| w[1] == *slot || w[1] == w[0]);
        assert!(shown && exposures.windows(3).any(|w| w[0] == w[2]));
        let of = |kind: fn(&Damage) -> bool| faults.values().filter(|f| kind(&f.damage)).collect::<Vec<_>>();
        let (torn, shifted) = (of(|d| *d == Damage::Torn), of(|d| matches!(d, Damage::Shifted(_))));
        let blank = of(|d| *d == Damage::Blank);
        near(torn.len(), 0.2);
        near(shifted.len(), 0.15);
        near(blank.len(), 0.15);
        assert!(torn.iter().all(|f| f.rows.end == 7));
        assert_eq!((1..7).filter(|first| torn.iter().any(|f| f.rows.start == *first)).count(), 6);
        assert!(blank.iter().all(|f| f.rows.end <= 7 && (1..=5).contains(&f.rows.len())));
        let columns = |f: &&Fault| matches!(f.damage, Damage::Shifted(1..=8));
        assert!(shifted.iter().all(columns));
        // Images of a single pixel have blank blocks alone.
        let Drawn { faults, .. } = step.damage(key("fault"), &slots[..100], [1, 1]);
        assert!(!faults.is_empty() && faults.values().all(|f| f.damage == Damage::Blank));
    }

    #[test]
    fn time_stamps_jitter_drift_and_never_go_back() {
        let n = 100_000_u32;
        let slots: Vec<u32> = (0..n).collect();
        let step = faults(&[("jitter_ms", 3.0), ("clock_drift_ppm", 50.0)]);
        let stamps = step.timestamps_s(key("jitter"), &slots, 20.0);
        let errors = || stamps.iter().zip(&slots).map(|(stamp, e)| stamp - (1.0 + 50e-6) * f64::from(*e) / 20.0);
        let sd = (errors().map(|d| d * d).sum::<f64>() / f64::from(n)).sqrt();
        assert!((sd - 3e-3).abs() < 5.0 * 3e-3 / (2.0 * f64::from(n)).sqrt(), "{sd}");
        assert!(errors().any(|d| d < -6e-3) && stamps[0] >= 0.0);
        // Jitter beyond the interval between frames.
        let wild = faults(&[("jitter_ms", 100.0)]).timestamps_s(key("jitter"), &slots, 100.0);
        assert!(wild.is_sorted());
        assert_eq!(faults(&[("jitter_ms", 0.0), ("clock_drift_ppm", 0.0)]).timestamps_s(key("jitter"), &[0, 3], 4.0), [0.0, 0.75]);
    }

    #[test]
    fn clips_differ_in_brightness_and_the_first_has_its_own() {
        let step = faults(&[("clip_frames", 10.0), ("clip_step", 0.1)]);
        let factors = step.factors(key("clip"), 40_005);
        assert!(factors.len() == 40_005 && factors[..10] == [1.0; 10]);
        assert!(factors.chunks(10).all(|clip| clip.iter().all(|f| *f == clip[0])));
        let logs: Vec<f64> = factors.chunks(10).skip(1).map(|clip| f64::from(clip[0]).ln()).collect();
        let sd = (logs.iter().map(|l| l * l).sum::<f64>() / logs.len() as f64).sqrt();
        assert!((sd - 0.1).abs() < 5.0 * 0.1 / (2.0 * logs.len() as f64).sqrt(), "{sd}");
    }

    #[test]
    fn what_would_leave_no_frame_is_refused_with_a_remedy() {
        let refused = |fields: Value| {
            let mut step = fields;
            step["kind"] = json!("acquisition_faults");
            let found = check_part("AcquisitionFaults", &step);
            assert!(found.iter().all(|f| f.severity == Severity::Error && !f.remedy.is_empty()));
            found.iter().map(|f| format!("{}: {}", f.path, f.rule)).collect::<Vec<_>>()
        };
        assert_eq!(refused(json!({ "lost_rate": 0.5, "burst_frames": 1.0 })), Vec::<String>::new());
        for (fields, path, rule) in [
            (json!({ "lost_rate": 1.0 }), "lost_rate", "leave no frame"),
            (json!({ "lost_rate": 0.51, "burst_frames": 1.0 }), "lost_rate", "can lose"),
            (json!({ "burst_frames": 0.5 }), "burst_frames", "at least one"),
            (json!({ "torn_rate": 0.7, "broken_rate": 0.4 }), "repeated_rate", "add up to"),
            (json!({ "jitter_ms": -1.0 }), "jitter_ms", "at least 0"),
        ] {
            let found = refused(fields);
            assert!(found.len() == 1 && found[0].starts_with(path) && found[0].contains(rule), "{found:?}");
        }
    }
}
