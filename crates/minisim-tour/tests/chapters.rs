//! Chapters draw at every setting of their sliders, and their numbers obey the physics that they explain.

use minisim_tour::{CHAPTERS, Figure, Panel, chapter};

fn figure(name: &str, values: &[(&str, f64)]) -> Figure {
    let chapter = chapter(name).expect("a chapter");
    let mut knobs = chapter.start();
    for (label, value) in values {
        let at = chapter.knobs.iter().position(|k| k.label == *label).expect("a slider of that name");
        knobs[at] = *value;
    }
    chapter.figure(&knobs).expect("a figure")
}

fn number(figure: &Figure, label: &str) -> f64 {
    figure
        .quantities
        .iter()
        .find(|q| q.label == label)
        .unwrap_or_else(|| panic!("{label} in {:?}", figure.quantities))
        .value
}

#[test]
fn every_setting_of_every_slider_draws() {
    for chapter in CHAPTERS {
        let start = chapter.start();
        let mut settings = vec![start.clone()];
        for (i, knob) in chapter.knobs.iter().enumerate() {
            assert!(
                knob.min <= knob.start && knob.start <= knob.max && knob.step > 0.0,
                "{} {}",
                chapter.name,
                knob.label
            );
            for value in [knob.min, knob.max] {
                let mut setting = start.clone();
                setting[i] = value;
                settings.push(setting);
            }
        }
        for setting in settings {
            let figure = chapter.figure(&setting).unwrap_or_else(|e| panic!("{} at {setting:?}: {e}", chapter.name));
            assert!(figure.panels.len() >= 2 && figure.quantities.len() >= 3, "{}", chapter.name);
            for q in &figure.quantities {
                assert!(q.value.is_finite(), "{} at {setting:?}: {}", chapter.name, q.label);
            }
            for panel in &figure.panels {
                match panel {
                    Panel::Image(image) => {
                        assert_eq!(image.data.len(), image.shape[0] * image.shape[1]);
                        assert!(
                            image.high > image.low && image.data.iter().all(|v| v.is_finite()),
                            "{} {}",
                            chapter.name,
                            image.title
                        );
                    }
                    Panel::Plot(plot) => {
                        let points = || plot.series.iter().flat_map(|s| &s.points);
                        assert!(
                            points().count() > 1 && points().flatten().all(|v| v.is_finite()),
                            "{} {}",
                            chapter.name,
                            plot.title
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_no_number_stands_at_its_start() {
    for chapter in CHAPTERS {
        let odd = vec![f64::NAN; chapter.knobs.len()];
        assert_eq!(chapter.figure(&odd), chapter.figure(&[]), "{}", chapter.name);
    }
}

#[test]
fn a_thin_slab_is_all_in_focus() {
    let share = |um: f64| {
        number(&figure("sectioning", &[("Thickness of the labelled slab", um)]), "Light from cells out of focus")
    };
    assert!(share(10.0) < 10.0, "{}", share(10.0));
    assert!(share(200.0) > 60.0, "{}", share(200.0));
}

#[test]
fn depth_costs_light_by_the_attenuation_law() {
    let figure = figure("depth", &[("Depth of the deep cell", 200.0), ("Emission mean free path", 100.0)]);
    let [near, deep] = [100.0, 200.0].map(|z| number(&figure, &format!("Light that survives from {z:.0} µm")));
    // Excitation's own free path is 600 µm.
    let expected = (-100.0_f64 * (1.0 / 600.0 + 1.0 / 100.0)).exp();
    assert!((deep / near - expected).abs() < 1e-9, "{near} {deep}");
}

#[test]
fn corners_are_as_dark_as_both_edges_together() {
    let figure = figure("edges", &[("Illumination at the corner", 0.7), ("Vignette at the corner", 0.6)]);
    assert!((number(&figure, "Brightness at the corner") - 42.0).abs() < 0.5);
}

#[test]
fn a_warm_lamp_has_lost_its_share_and_whole_periods_leave_no_flicker() {
    let lamp = |hz: f64| {
        figure(
            "lamp",
            &[
                ("Lost by warming up", 10.0),
                ("Time of warming up", 10.0),
                ("Flicker frequency", hz),
                ("Frame rate", 20.0),
            ],
        )
    };
    let (left, alias) = ("Flicker that the exposures leave, amplitude", "It looks like");
    assert!((number(&lamp(100.0), "Power after five minutes, without the flicker") - 90.0).abs() < 1e-6);
    assert!(number(&lamp(100.0), left) < 1e-4);
    // 20 % of flicker through exposures of 4.85 periods, at 100 - 97 Hz.
    let x = std::f64::consts::PI * 97.0 / 20.0;
    assert!((number(&lamp(97.0), left) - 20.0 * (x.sin() / x).abs()).abs() < 1e-3);
    assert!((number(&lamp(97.0), alias) - 3.0).abs() < 1e-9);
}

#[test]
fn every_lost_frame_costs_its_time_for_good() {
    let cable = |lost: f64, burst: f64| {
        figure("cable", &[("Lost frames", lost), ("Length of a burst", burst), ("Torn frames", 5.0)])
    };
    let early = "Too early at the end by counting";
    let alike = "Correlation of the cell's trace with itself by counting";
    let whole = cable(0.0, 1.0);
    assert!(number(&whole, early) == 0.0 && (number(&whole, alike) - 1.0).abs() < 1e-9);
    for burst in [1.0, 5.0] {
        let some = cable(10.0, burst);
        let lost = number(&some, "Lost frames");
        // All frames but those lost after the last stored one are counted.
        assert!((60.0..200.0).contains(&lost) && number(&some, early) <= lost / 20.0 + 1e-9);
        assert!(number(&some, early) > (lost - 40.0) / 20.0 && number(&some, alike) < 0.95);
    }
    assert!((number(&whole, "Error of the time stamps, RMS") - 3.0).abs() < 0.4);
    assert!((20.0..110.0).contains(&number(&whole, "Torn frames")));
}

#[test]
fn blood_takes_light_in_proportion_and_the_heart_aliases() {
    let blood = |depth: f64, dilation: f64| {
        figure("blood", &[("Depth in the capillary bed", depth), ("Dilation of the vessels", dilation)])
    };
    let [none, one, two] =
        [0.0, 1.0, 2.0].map(|depth| number(&blood(depth, 0.0), "Brightness of the field, RMS change"));
    assert!(none == 0.0 && (0.3..2.0).contains(&one), "{none} {one}");
    assert!((two / one - 2.0).abs() < 1e-5, "{one} {two}");
    let vessels = blood(0.0, 4.0);
    assert!((2.5..5.5).contains(&number(&vessels, "Radius of the vessels, RMS change")));
    assert!(number(&vessels, "Light of the frame that is lost at the darkest moment") > 0.1);
    assert!((number(&vessels, "The heart looks like") - 9.0).abs() < 1e-9);
}

#[test]
fn a_pixel_is_measured_as_it_was_set() {
    let pixel = |well: f64, dsnu: f64, celsius: f64| {
        let knobs = [
            ("Full well", well),
            ("Offsets of pixels (DSNU)", dsnu),
            ("Response of pixels (PRNU)", 2.0),
            ("Temperature", celsius),
            ("Hot pixels", 0.0),
        ];
        figure("pixel", &knobs)
    };
    let [cold, warm] = [pixel(6000.0, 9.0, 25.0), pixel(6000.0, 9.0, 41.0)];
    for (label, expected, tolerance) in [
        ("Gain, measured", 0.4, 0.03),
        ("Dark noise, measured", 7.0, 0.05),
        ("Saturation, measured", 6000.0, 0.08),
        ("Dark current, measured", 20.0, 0.05),
        ("PRNU, measured", 2.0, 0.05),
        // Columns have a third of it.
        ("DSNU, measured", 9.0 * (10.0_f64 / 9.0).sqrt(), 0.05),
    ] {
        let found = number(&cold, label);
        assert!((found / expected - 1.0).abs() < tolerance, "{label}: {found}, not {expected}");
    }
    let dark = "Dark current, measured";
    assert!((number(&warm, dark) / number(&cold, dark) - 4.0).abs() < 0.2, "doubling every 8 °C");
    let small = pixel(2000.0, 9.0, 25.0);
    assert!(number(&small, "Dynamic range") < number(&cold, "Dynamic range") - 6.0);
}

#[test]
fn still_brains_do_not_blur() {
    let still = figure("motion", &[("Motion amplitude", 0.0)]);
    assert_eq!(number(&still, "Largest shift"), 0.0);
    assert!((number(&still, "Edge contrast that the average keeps") - 100.0).abs() < 1e-9);
    let moving = figure("motion", &[("Motion amplitude", 10.0)]);
    let rms = number(&moving, "Shift, RMS");
    assert!((3.0..10.0).contains(&rms), "{rms}");
    assert!(number(&moving, "Edge contrast that the average keeps") < 80.0);
}

#[test]
fn one_shift_leaves_what_differs_over_the_field() {
    let at = |deformation: f64, rotation: f64| {
        let figure = figure("bending", &[("Deformation", deformation), ("Rotation", rotation)]);
        (number(&figure, "Displacement, RMS over the field"), number(&figure, "What one shift leaves of it"))
    };
    let (little, much) = (at(0.1, 0.0), at(1.5, 0.0));
    assert!(little.1 <= little.0 && much.1 <= much.0, "{little:?} {much:?}");
    assert!(much.1 > 10.0 * little.1 && much.1 < 20.0 * little.1, "in proportion: {little:?} {much:?}");
    // A turn moves the edges and not the axis, so one shift undoes none of it.
    let turned = at(0.1, 1.5);
    assert!(turned.1 > 0.95 * turned.0 && turned.1 > 1.0, "{turned:?}");
}

#[test]
fn a_steady_cell_blinks_with_the_focus() {
    let still = figure("axial", &[("Stride", 0.0)]);
    assert_eq!(number(&still, "Largest shift"), 0.0);
    let at = |stride: f64, below: f64| {
        let figure = figure("axial", &[("Stride", stride), ("Depth of the cells below focus", below)]);
        (number(&figure, "The brightest pixel dims by up to"), number(&figure, "and brightens by up to"))
    };
    // Below the plane a stride brightens and dims, more so when it is larger; in the plane it can only dim.
    let (small, large) = (at(2.0, 20.0), at(6.0, 20.0));
    assert!(
        small.0 > 1.0 && small.1 > 1.0 && large.0 > 2.0 * small.0 && large.1 > 2.0 * small.1,
        "{small:?} {large:?}"
    );
    let (dims, brightens) = at(6.0, 0.0);
    assert!(dims < 0.5 * large.0 && brightens < 1.0, "{dims} {brightens}");
}

#[test]
fn four_times_the_light_is_twice_the_snr() {
    let snr = |photons: f64| {
        let figure = figure("sensor", &[("Photons per fluorescence unit", photons), ("Read noise", 0.0)]);
        number(&figure, "SNR of the marked cell's largest transient")
    };
    assert!((snr(1600.0) / snr(400.0) - 2.0).abs() < 1e-6);
}

#[test]
fn parts_of_the_light_make_the_whole() {
    let figure = figure("together", &[]);
    let parts = ["Light from cells in focus", "from cells out of focus", "from the neuropil", "stray light"];
    let sum: f64 = parts.iter().map(|p| number(&figure, p)).sum();
    assert!((sum - 100.0).abs() < 0.1, "{sum}");
}

#[test]
fn active_cells_bleach_faster_and_the_dark_brings_them_back() {
    let figure = |pause: f64| figure("bleaching", &[("Pause between sessions", pause), ("Turnover time", 5.0)]);
    let short = figure(0.0);
    assert!(
        number(&short, "Lost in the first session, busiest cell")
            > 1.2 * number(&short, "Lost in the first session, silent cell")
    );
    assert!(number(&short, "Of that loss, a pause brings back").abs() < 1e-9);
    let expected = 100.0 * (1.0 - (-2.0_f64).exp());
    assert!((number(&figure(10.0), "Of that loss, a pause brings back") - expected).abs() < 1e-6);
}

#[test]
fn background_shrinks_delta_f() {
    let shown = |stray: f64| figure("delta_f", &[("Stray light", stray)]);
    let (little, much) = (shown(0.0), shown(1.0));
    assert_eq!(number(&little, "Largest ΔF/F of the cell"), number(&much, "Largest ΔF/F of the cell"));
    assert!(number(&much, "Largest ΔF/F measured") < 0.8 * number(&little, "Largest ΔF/F measured"));
}

#[test]
fn neighbours_leak_into_the_mask_the_closer_the_more() {
    let of_b = |um: f64| {
        number(&figure("crosstalk", &[("Distance of the two cells", um)]), "Variance in the mask that is B's")
    };
    assert!(of_b(60.0) < 1.0 && of_b(8.0) > 5.0 + of_b(20.0), "{} {}", of_b(60.0), of_b(8.0));
}

#[test]
fn oracle_demixing_beats_the_region() {
    for density in [9000.0, 20000.0] {
        let figure = figure("roi", &[("Cell density", density)]);
        let (region, demixed) = (
            number(&figure, "Region's correlation with the true C"),
            number(&figure, "Demixed trace's correlation with the true C"),
        );
        assert!(demixed > region && demixed > 0.9, "{density}: {region} {demixed}");
    }
}

#[test]
fn a_crowd_costs_what_light_does_not_bring_back() {
    let at = |density: f64, photons: f64| {
        figure("best", &[("Density of cells", density), ("Photons per fluorescence unit", photons)])
    };
    let (sparse, crowded, bright) = (at(1000.0, 200.0), at(20_000.0, 200.0), at(20_000.0, 2000.0));
    let cost = |figure: &Figure| number(figure, "Errors made larger by neighbours, median");
    assert!(cost(&sparse) < 1.5 && cost(&crowded) > 1.5 * cost(&sparse), "{} {}", cost(&sparse), cost(&crowded));
    assert!((cost(&bright) / cost(&crowded) - 1.0).abs() < 0.3, "{} {}", cost(&bright), cost(&crowded));
    let share = |figure: &Figure| number(figure, "Cells that can be demixed") / number(figure, "Cells in all");
    assert!(share(&sparse) > share(&crowded) && share(&bright) > share(&crowded));
    let known = |figure: &Figure| number(figure, "Displacement known to, at best");
    assert!(known(&bright) < 0.6 * known(&crowded));
}
