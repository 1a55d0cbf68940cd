//! Whole chains without a random draw against movies of the published package.

mod common;

use common::{assert_close, data, f64s, json, npz::npz, spec};
use minisim::{footprint::FootprintStack, simulate};

fn dense(stack: &FootprintStack) -> Vec<f64> {
    stack.patches.iter().flat_map(|p| stack.dense_in_fov(p)).map(f64::from).collect()
}

/// Within `share` of the published maximum, everywhere.
fn assert_within(what: &str, got: &[f64], want: &[f64], share: f64) {
    assert_eq!(got.len(), want.len(), "{what}: lengths");
    let peak = want.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let worst = got.iter().zip(want).map(|(g, w)| (g - w).abs()).fold(0.0, f64::max);
    assert!(worst <= share * peak, "{what}: off by {worst}, {} of the maximum", worst / peak);
}

#[test]
fn still_cells_and_given_trajectories() {
    let arrays = npz(&data("movies.npz"));
    for case in json("movies.json").as_array().expect("cases") {
        let name = case["arrays"].as_str().expect("a name");
        let recording = simulate(&spec(&case["spec"])).expect("published specs are valid");
        let truth = &recording.ground_truth;
        assert_eq!(truth.n_units() as u64, case["n_units"].as_u64().expect("a count"), "{name}");
        let moving = arrays.contains_key(&format!("{name}_shifts"));

        let movie: Vec<f64> = (0..recording.observed.pixels.len()).map(|i| recording.observed.pixels.get(i)).collect();
        // The published package shifts in fixed point.
        assert_within(name, &movie, &arrays[name].1, if moving { 2e-2 } else { 1e-4 });
        assert_within("A_planted", &dense(&truth.planted), &arrays[&format!("{name}_A_planted")].1, 1e-6);
        let observed = dense(&truth.observed_footprints());
        assert_within("A_observed", &observed, &arrays[&format!("{name}_A_observed")].1, 1e-5);
        assert_close("centers_um", truth.centers_um(), &f64s(&case["centers_um"]), 1e-6);
        let in_focus: Vec<bool> =
            case["in_focus"].as_array().expect("flags").iter().map(|v| v.as_bool().expect("a flag")).collect();
        assert_eq!(truth.in_focus(), in_focus);
        for key in ["observed_sigma_px", "observed_gain"] {
            match truth.f64s(key) {
                Some(got) => assert_close(key, got, &f64s(&case[key]), 1e-6),
                None => assert!(case[key].is_null(), "{name}: {key}"),
            }
        }
        match truth.focal_depth_um {
            Some(got) => assert_close("focal_depth_um", &[got], &f64s(&case["focal_depth_um"]), 1e-6),
            None => assert!(case["focal_depth_um"].is_null(), "{name}"),
        }
        for key in ["bleaching", "shifts"] {
            let want = arrays.get(&format!("{name}_{key}"));
            assert_eq!(truth.f64s(key).is_some(), want.is_some(), "{name}: {key}");
            if let (Some(got), Some((_, want))) = (truth.f64s(key), want) {
                assert_close(key, got, want, 1e-6);
            }
        }
    }
}
