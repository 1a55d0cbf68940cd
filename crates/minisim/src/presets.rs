//! Ready-made specs: a scope, a brain region, and the two put together.

use crate::{
    spec::{
        Acquisition, Auto, Checked, Count, Finding, Fraction, FractionBelowOne, ImageSensor, NonNegative, Optics,
        Output, Positive, PositiveFraction, Real, Report, Spec, Tissue,
    },
    steps::{
        AcquisitionFaults, AnyStep, AxialMotion, Bleaching, BrainMotion, CellActivity, CellOptics, Composite,
        Haemodynamics, IlluminationProfile, Leakage, LeakageProfile, Led, Morphology, NeuronPopulation, Neuropil,
        PlaceNeurons, Sensor, TissueDeformation, Vasculature, VesselLayer, Vignette, cell_activity::Indicator,
    },
};

/// A microscope: what is fixed to the animal's head.
#[derive(Clone, Debug, PartialEq)]
pub struct Scope {
    /// The objective.
    pub optics: Optics,
    /// The image sensor.
    pub image_sensor: ImageSensor,
    /// How the LED lights the field; `None` = evenly.
    pub illumination: Option<IlluminationProfile>,
    /// How the lens darkens the edges; `None` = not at all.
    pub vignette: Option<Vignette>,
    /// Light that no cell emits; `None` = none.
    pub leakage: Option<Leakage>,
    /// Photons per fluorescence unit, pixel and frame.
    pub photons_per_unit: Positive,
    /// Depth of the focal plane (µm).
    pub focal_depth_in_tissue_um: Auto<NonNegative>,
    /// Working distance (µm), for surgery planning only.
    pub front_working_distance_um: Option<Positive>,
}

impl Scope {
    /// Size of a pixel in the tissue (µm).
    #[must_use]
    pub fn pixel_size_um(&self) -> f64 {
        self.acquisition().pixel_size_um()
    }

    /// Field of view (height, width) in µm.
    #[must_use]
    pub fn fov_um(&self) -> [f64; 2] {
        self.acquisition().fov_um()
    }

    fn acquisition(&self) -> Acquisition {
        Acquisition {
            optics: self.optics.clone(),
            image_sensor: self.image_sensor.clone(),
            focal_depth_in_tissue_um: self.focal_depth_in_tissue_um,
            front_working_distance_um: self.front_working_distance_um,
            ..Acquisition::default()
        }
    }
}

/// A brain region: what is under the scope.
#[derive(Clone, Debug, PartialEq)]
pub struct Region {
    /// The cells.
    pub population: NeuronPopulation,
    /// The tissue.
    pub tissue: Tissue,
    /// The glow between the cells; `None` = none.
    pub neuropil: Option<Neuropil>,
    /// The vessels; `None` = none.
    pub vasculature: Option<Vasculature>,
}

/// How a scope and a region are put together.
#[derive(Clone, Debug, PartialEq)]
pub struct PresetOptions {
    /// Length of the recording (s).
    pub duration_s: f64,
    /// Frames per second.
    pub fps: f64,
    /// Seed of all randomness.
    pub seed: u64,
    /// Cells instead of the region's own.
    pub populations: Option<Vec<NeuronPopulation>>,
    /// Activity instead of the default.
    pub activity: Option<CellActivity>,
    /// Sensor step instead of the scope's own.
    pub sensor: Option<Sensor>,
    /// More steps, such as `BrainMotion` or `Bleaching`.
    pub extra_steps: Vec<AnyStep>,
    /// Whether the region's neuropil is there.
    pub include_neuropil: bool,
    /// Whether the region's vessels are there.
    pub include_vasculature: bool,
    /// Whether the scope's illumination, vignette and leakage are there.
    pub include_scope_fields: bool,
    /// Keep the movie after every movie step.
    pub save_intermediates: bool,
}

impl Default for PresetOptions {
    fn default() -> Self {
        Self {
            duration_s: 150.0,
            fps: 20.0,
            seed: 0,
            populations: None,
            activity: None,
            sensor: None,
            extra_steps: Vec::new(),
            include_neuropil: true,
            include_vasculature: true,
            include_scope_fields: true,
            save_intermediates: false,
        }
    }
}

/// The UCLA Miniscope V4.
#[must_use]
pub fn miniscope_v4() -> Scope {
    Scope {
        optics: Optics {
            na: Positive::lit(0.3),
            magnification: Positive::lit(2.9),
            emission_nm: Positive::lit(525.0),
            field_curvature_radius_um: Some(Positive::lit(2500.0)),
            ..Optics::default()
        },
        image_sensor: ImageSensor {
            n_px_height: Count::lit(608),
            n_px_width: Count::lit(608),
            pixel_pitch_um: Positive::lit(4.8),
            bit_depth: Count::lit(8),
            ..ImageSensor::default()
        },
        illumination: Some(IlluminationProfile { falloff: Fraction::lit(0.7), ..IlluminationProfile::default() }),
        vignette: Some(Vignette { falloff: Fraction::lit(0.6), ..Vignette::default() }),
        leakage: Some(Leakage {
            profile: LeakageProfile::Gaussian,
            level: NonNegative::lit(0.08),
            ..Leakage::default()
        }),
        photons_per_unit: Positive::lit(600.0),
        focal_depth_in_tissue_um: Auto::Auto,
        front_working_distance_um: Some(Positive::lit(700.0)),
    }
}

/// The image sensor of the UCLA Miniscope V4, onsemi's PYTHON 480, with the imperfections of its pixel, at a gain of 3.5.
///
/// Not checked against the data sheets' tables (onsemi NOIP1SN0480A/D; NOIP1SN1300A/D for the pixel), which say more: values as remembered
/// from them. 10 bits, 0.096 counts per electron, full well 10 000 e⁻, temporal dark noise below 9 e⁻, quantum efficiency 56 %, response within
/// 10 counts of 525 (1.9 %) and offsets within 1 count (10 e⁻), both RMS, of which half are taken; a dark current of 5 e⁻/s at 25 °C.
/// The board drops the lowest two bits. Conventions: linearity, noise of rows and columns, hot pixels, black level, and a sensor that is
/// 15 °C warmer than the room.
#[must_use]
pub fn miniscope_v4_sensor() -> ImageSensor {
    ImageSensor {
        quantum_efficiency: PositiveFraction::lit(0.56),
        read_noise_e: NonNegative::lit(9.0),
        gain_adu_per_e: Positive::lit(0.096),
        analog_gain: Positive::lit(3.5),
        adc_bits: Some(Count::lit(10)),
        black_level_adu: NonNegative::lit(32.0),
        full_well_e: Some(Positive::lit(10_000.0)),
        linearity_error_percent: NonNegative::lit(0.3),
        dark_current_e_per_s: NonNegative::lit(5.0),
        temperature_c: Real::lit(40.0),
        dsnu_pixel_e: NonNegative::lit(5.0),
        dsnu_column_e: NonNegative::lit(2.0),
        dsnu_row_e: NonNegative::lit(1.0),
        prnu_pixel_percent: NonNegative::lit(1.0),
        prnu_smooth_percent: NonNegative::lit(0.5),
        hot_pixel_share: Fraction::lit(1e-4),
        row_noise_e: NonNegative::lit(1.0),
        column_noise_e: NonNegative::lit(0.5),
        ..miniscope_v4().image_sensor
    }
}

/// The UCLA Miniscope V4 with the imperfections of its image sensor, in light that fills about a third of the range of its counts.
#[must_use]
pub fn miniscope_v4_camera() -> Scope {
    Scope { image_sensor: miniscope_v4_sensor(), photons_per_unit: Positive::lit(2000.0), ..miniscope_v4() }
}

/// A one-photon microscope with the default optics and nothing fixed to it that shades or glows.
#[must_use]
pub fn generic_1p() -> Scope {
    Scope {
        optics: Optics::default(),
        image_sensor: ImageSensor::default(),
        illumination: None,
        vignette: None,
        leakage: None,
        photons_per_unit: Sensor::default().photons_per_unit,
        focal_depth_in_tissue_um: Auto::Auto,
        front_working_distance_um: None,
    }
}

/// The pyramidal layer of hippocampal CA1: dense, thin, deep.
#[must_use]
pub fn ca1() -> Region {
    Region {
        population: NeuronPopulation {
            density_per_mm3: Positive::lit(45000.0),
            soma_radius_um: Positive::lit(5.0),
            morphology: Morphology::Cytosolic,
            depth_range_um: [140.0, 160.0],
            ..NeuronPopulation::default()
        },
        tissue: Tissue::default(),
        neuropil: Some(Neuropil { amplitude: Positive::lit(0.4), ..Neuropil::default() }),
        vasculature: Some(vessels(VesselLayer {
            depth_um: NonNegative::lit(120.0),
            n_roots: Count::lit(3),
            root_radius_um: Positive::lit(14.0),
            opacity: PositiveFraction::lit(0.65),
            ..VesselLayer::default()
        })),
    }
}

/// Layer 2/3 of the cortex: sparse, thick, below the pial vessels.
#[must_use]
pub fn cortex_l23() -> Region {
    Region {
        population: NeuronPopulation {
            density_per_mm3: Positive::lit(8000.0),
            soma_radius_um: Positive::lit(6.0),
            morphology: Morphology::Cytosolic,
            depth_range_um: [100.0, 200.0],
            ..NeuronPopulation::default()
        },
        tissue: Tissue::default(),
        neuropil: Some(Neuropil { amplitude: Positive::lit(0.6), ..Neuropil::default() }),
        vasculature: Some(vessels(VesselLayer {
            depth_um: NonNegative::lit(80.0),
            n_roots: Count::lit(2),
            root_radius_um: Positive::lit(25.0),
            opacity: PositiveFraction::lit(0.9),
            branch_prob: FractionBelowOne::lit(0.15),
            tortuosity_deg: NonNegative::lit(5.0),
            ..VesselLayer::default()
        })),
    }
}

fn vessels(layer: VesselLayer) -> Vasculature {
    Vasculature { enabled: true, layers: vec![layer] }
}

/// The spec of a scope over a region.
///
/// # Errors
/// When a number of the options is out of bounds, an extra step is there already, or the parts do not fit together.
pub fn build_spec(scope: &Scope, region: &Region, options: PresetOptions) -> Result<Checked, Report> {
    let place = PlaceNeurons {
        populations: Some(options.populations.unwrap_or_else(|| vec![region.population.clone()])),
        ..PlaceNeurons::default()
    };
    let sensor = options.sensor.unwrap_or(Sensor { photons_per_unit: scope.photons_per_unit });
    let mut steps: Vec<AnyStep> = vec![
        place.into(),
        options.activity.unwrap_or_default().into(),
        CellOptics::default().into(),
        Composite::default().into(),
        sensor.into(),
    ];
    if options.include_neuropil {
        steps.extend(region.neuropil.clone().map(AnyStep::from));
    }
    if options.include_vasculature {
        steps.extend(region.vasculature.clone().map(AnyStep::from));
    }
    if options.include_scope_fields {
        steps.extend(scope.illumination.clone().map(AnyStep::from));
        steps.extend(scope.vignette.clone().map(AnyStep::from));
        steps.extend(scope.leakage.clone().map(AnyStep::from));
    }
    steps.extend(options.extra_steps);
    let number = |name: &str, value: f64| {
        Positive::new(value).map_err(|e| {
            Report::from(Finding::error(name, value.to_string(), format!("must be {}", e.rule), "change the number"))
        })
    };
    let acquisition = Acquisition {
        tissue: region.tissue.clone(),
        fps: number("fps", options.fps)?,
        duration_s: number("duration_s", options.duration_s)?,
        ..scope.acquisition()
    };
    let output = Output { save_intermediates: options.save_intermediates, ..Output::default() };
    Spec::new(acquisition, options.seed, steps, output)
}

/// A named preset.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// One line for people.
    pub description: &'static str,
    scope: fn() -> Scope,
    region: fn() -> Region,
    options: fn() -> PresetOptions,
}

/// What a freely moving mouse and a lamp that is switched on at the start add, each at its usual strength: motion along all axes,
/// deformation, blood, bleaching, a warming lamp, GCaMP6f and cells that fire together, frames lost in the cable.
///
/// The focus stays where most cells can be detected, as a user would set it by eye. Behind the V4's curved field that is deeper on the axis
/// than the middle of a thin layer, because the layer is in focus along a ring; no plane has more than a quarter of the cells of CA1 in
/// focus. Bursts have 8 spikes in the mean, 1 spike a second and cell in all: the 25 of the linear indicator would hold GCaMP6f at its
/// saturation for a second and more.
fn freely_moving() -> PresetOptions {
    let activity = CellActivity {
        active_rate_hz: Positive::lit(50.0),
        quiescent_rate_hz: NonNegative::lit(0.3),
        indicator: Indicator::Gcamp6f,
        kinetics_cv: Fraction::lit(0.2),
        synchrony: Fraction::lit(0.2),
        ..CellActivity::default()
    };
    // A driver that is dimmed by pulses beats slowly with the frames; the mains' 100 Hz would be averaged away.
    let lamp = Led {
        flicker_depth: Fraction::lit(0.005),
        flicker_hz: Positive::lit(1.3),
        noise_rms: NonNegative::lit(0.002),
        ..Led::default()
    };
    PresetOptions {
        activity: Some(activity),
        extra_steps: vec![
            Bleaching::default().into(),
            AxialMotion::default().into(),
            Haemodynamics::default().into(),
            BrainMotion::default().into(),
            TissueDeformation::default().into(),
            lamp.into(),
            AcquisitionFaults::default().into(),
        ],
        ..PresetOptions::default()
    }
}

/// The named presets.
pub const PRESETS: &[Preset] = &[
    Preset {
        name: "v4-ca1",
        description: "UCLA Miniscope V4 over hippocampal CA1: a dense, thin layer, 140 to 160 µm deep",
        scope: miniscope_v4,
        region: ca1,
        options: PresetOptions::default,
    },
    Preset {
        name: "v4-cortex-l23",
        description: "UCLA Miniscope V4 over cortical layer 2/3: sparse cells, 100 to 200 µm deep, large vessels",
        scope: miniscope_v4,
        region: cortex_l23,
        options: PresetOptions::default,
    },
    Preset {
        name: "generic-ca1",
        description: "a plain one-photon microscope over hippocampal CA1: small field, even light",
        scope: generic_1p,
        region: ca1,
        options: PresetOptions::default,
    },
    Preset {
        name: "generic-cortex-l23",
        description: "a plain one-photon microscope over cortical layer 2/3: small field, even light",
        scope: generic_1p,
        region: cortex_l23,
        options: PresetOptions::default,
    },
    Preset {
        name: "v4-ca1-camera",
        description: "v4-ca1 with the V4's image sensor as its data sheet has it: full well, offsets, dark current, hot pixels, 10 bits",
        scope: miniscope_v4_camera,
        region: ca1,
        options: PresetOptions::default,
    },
    Preset {
        name: "v4-cortex-l23-camera",
        description: "v4-cortex-l23 with the V4's image sensor as its data sheet has it",
        scope: miniscope_v4_camera,
        region: cortex_l23,
        options: PresetOptions::default,
    },
    Preset {
        name: "v4-ca1-freely-moving",
        description: "v4-ca1 as hard as a real film: motion in all directions, deformation, blood, bleaching, a lamp that warms up, lost frames, its real camera",
        scope: miniscope_v4_camera,
        region: ca1,
        options: freely_moving,
    },
    Preset {
        name: "v4-cortex-l23-freely-moving",
        description: "v4-cortex-l23 as hard as a real film, with the effects of v4-ca1-freely-moving",
        scope: miniscope_v4_camera,
        region: cortex_l23,
        options: freely_moving,
    },
];

/// The spec of the preset `name`.
///
/// # Errors
/// When there is no such preset; the message lists them.
pub fn preset(name: &str) -> Result<Spec, Report> {
    let Some(preset) = PRESETS.iter().find(|p| p.name == name) else {
        let names: Vec<&str> = PRESETS.iter().map(|p| p.name).collect();
        let remedy = crate::spec::record::unknown_name_remedy(name, &names, "presets");
        return Err(Finding::error("preset", format!("{name:?}"), "is no preset", remedy).into());
    };
    build_spec(&(preset.scope)(), &(preset.region)(), (preset.options)()).map(|checked| checked.spec)
}

/// A starting point for tuning by eye: all effects that a page offers are there, the brain moves gently.
#[derive(Clone, Debug)]
pub struct StartingPoint {
    /// A title for people.
    pub title: &'static str,
    /// The preset that it comes from, if it is one with motion added.
    pub preset: Option<&'static str>,
    /// Its spec.
    pub spec: Spec,
}

/// Starting points for tuning a recording by eye.
///
/// # Errors
/// Never, unless a preset here is wrong.
pub fn starting_points() -> Result<Vec<StartingPoint>, Report> {
    let moving = |spec: &Spec| {
        let spec = spec.with_step("brain_motion")?.spec;
        spec.set_all([
            ("steps.brain_motion.motion_amplitude_um", 5.0.into()),
            ("steps.brain_motion.max_shift_um", 10.0.into()),
        ])
    };
    let mut generic = Spec::new(Acquisition::default(), 0, Vec::new(), Output::default())?.spec;
    for kind in ["place_neurons", "cell_activity", "optics", "composite", "neuropil", "illumination_profile"] {
        generic = generic.with_step(kind)?.spec;
    }
    for kind in ["vignette", "leakage", "sensor"] {
        generic = generic.with_step(kind)?.spec;
    }
    let generic = generic.set_all([
        ("steps.sensor.photons_per_unit", 600.0.into()),
        ("steps.vignette.falloff", 0.5.into()),
        ("steps.leakage.level", 0.1.into()),
    ])?;
    let of_preset = |title, name| -> Result<StartingPoint, Report> {
        Ok(StartingPoint { title, preset: Some(name), spec: moving(&preset(name)?)?.spec })
    };
    Ok(vec![
        of_preset("Miniscope V4 — CA1", "v4-ca1")?,
        of_preset("Miniscope V4 — cortex L2/3", "v4-cortex-l23")?,
        StartingPoint { title: "Generic 1p scope", preset: None, spec: moving(&generic.spec)?.spec },
    ])
}

/// A level of neural activity: a name and values of fields of `cell_activity`.
pub type ActivityLevel = (&'static str, &'static [(&'static str, f64)]);

/// Levels of neural activity, from sparse to dense.
pub const ACTIVITY_LEVELS: &[ActivityLevel] = &[
    (
        "Quiet",
        &[
            ("p_quiescent_to_active", 0.002),
            ("p_active_to_quiescent", 0.4),
            ("active_rate_hz", 80.0),
            ("quiescent_rate_hz", 0.2),
            ("tau_decay_s", 0.6),
        ],
    ),
    (
        "Moderate",
        &[
            ("p_quiescent_to_active", 0.005),
            ("p_active_to_quiescent", 0.3),
            ("active_rate_hz", 150.0),
            ("quiescent_rate_hz", 0.6),
            ("tau_decay_s", 0.5),
        ],
    ),
    (
        "Active",
        &[
            ("p_quiescent_to_active", 0.012),
            ("p_active_to_quiescent", 0.2),
            ("active_rate_hz", 250.0),
            ("quiescent_rate_hz", 1.0),
            ("tau_decay_s", 0.45),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_valid_and_quiet() {
        for p in PRESETS {
            assert_eq!(preset(p.name).map(|spec| spec.seed), Ok(0));
            let checked = build_spec(&(p.scope)(), &(p.region)(), (p.options)());
            assert_eq!(checked.map(|c| c.warnings), Ok(vec![]), "{}", p.name);
        }
    }

    #[test]
    fn unknown_presets_and_bad_options_are_refused() {
        let message = preset("v4-ca3").map_err(|e| e.to_string());
        assert!(message.is_err_and(|m| m.contains("v4-ca1") && m.contains("generic-cortex-l23")));
        let bad = PresetOptions { fps: f64::NAN, ..PresetOptions::default() };
        assert!(build_spec(&generic_1p(), &ca1(), bad).is_err());
    }

    #[test]
    fn starting_points_and_activity_levels_are_valid() {
        for point in starting_points().expect("valid") {
            for (name, values) in ACTIVITY_LEVELS {
                let changes: Vec<(String, serde_json::Value)> =
                    values.iter().map(|(f, v)| (format!("steps.cell_activity.{f}"), (*v).into())).collect();
                let changed = point.spec.set_all(changes.iter().map(|(f, v)| (f.as_str(), v.clone())));
                assert!(changed.is_ok(), "{} {name}", point.title);
            }
        }
    }

    #[test]
    fn a_v4_camera_fills_its_range_and_the_published_scopes_stay_plain() {
        let sensor = miniscope_v4_sensor();
        // Ten bits of 0.336 counts per electron end before the well is full.
        assert!((sensor.saturation_e() - (1023.0 - 32.0) / 0.336).abs() < 1e-9 && !sensor.is_plain());
        assert_eq!((sensor.max_count(), sensor.adc_max_count()), (255, 1023));
        assert!(miniscope_v4().image_sensor.is_plain() && generic_1p().image_sensor.is_plain());
    }

    #[test]
    fn a_v4_pixel() {
        assert!((miniscope_v4().pixel_size_um() - 4.8 / 2.9).abs() < 1e-12);
        assert!((miniscope_v4().fov_um()[0] - 1_006.344_827_586_2).abs() < 1e-6);
    }
}
