//! The published Python package's verdict on 104 specs: canonical JSON, cache key, refusal, warning.

use minisim::{
    presets::{PresetOptions, build_spec, ca1, cortex_l23, generic_1p, miniscope_v4},
    spec::{Checked, Spec},
    steps::{Bleaching, BrainMotion, Vignette},
};
use serde_json::Value as Json;

fn cases() -> Vec<Json> {
    serde_json::from_str(include_str!("data/specs.json")).expect("the data are JSON")
}

#[test]
fn every_case_reads_as_in_the_published_package() {
    let cases = cases();
    assert_eq!(cases.len(), 104);
    let mut wrong = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let result = Spec::from_json(&case["input"].to_string());
        match (result, case["json"].as_str()) {
            (Ok(Checked { spec, warnings }), Some(json)) => {
                if spec.canonical_json() != json {
                    wrong.push(format!("{i}: canonical JSON\n  {}\n  {json}", spec.canonical_json()));
                }
                if Some(spec.cache_key().as_str()) != case["cache_key"].as_str() {
                    wrong.push(format!("{i}: cache key {}", spec.cache_key()));
                }
                if let Some(due) = case["warnings"].as_array()
                    && due.is_empty() != warnings.is_empty()
                {
                    wrong.push(format!("{i}: warnings {warnings:?}, due {}", due.len()));
                }
                // What was stored reads back as the same spec.
                assert_eq!(Spec::from_json(json).map(|c| c.spec), Ok(spec.clone()), "{i}");
                assert_eq!(Spec::from_json(&spec.pretty_json()).map(|c| c.spec), Ok(spec), "{i}");
            }
            (Err(report), None) => {
                for finding in &report.findings {
                    assert!(finding.line.is_some() && !finding.rule.is_empty(), "{i}: {finding:?}");
                }
            }
            (Ok(_), None) => wrong.push(format!("{i}: accepted")),
            (Err(report), Some(_)) => wrong.push(format!("{i}: refused\n{report}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_number_of_warnings_agrees() {
    for (i, case) in cases().iter().enumerate().filter(|(_, c)| c["json"].is_string()) {
        if let Some(due) = case["warnings"].as_array() {
            let checked = Spec::from_json(&case["input"].to_string()).expect("accepted");
            assert_eq!(checked.warnings.len(), due.len(), "{i}: {:?}", checked.warnings);
        }
    }
}

#[test]
fn presets_are_the_published_packages() {
    let cases = cases();
    let options: [PresetOptions; 5] = [
        PresetOptions::default(),
        PresetOptions { duration_s: 60.0, fps: 30.0, seed: 7, ..PresetOptions::default() },
        PresetOptions { include_neuropil: false, ..PresetOptions::default() },
        PresetOptions { include_vasculature: false, include_scope_fields: false, ..PresetOptions::default() },
        PresetOptions {
            extra_steps: vec![BrainMotion::default().into(), Bleaching::default().into()],
            ..PresetOptions::default()
        },
    ];
    let mut case = 60;
    for scope in [miniscope_v4(), generic_1p()] {
        for region in [ca1(), cortex_l23()] {
            for options in &options {
                let checked = build_spec(&scope, &region, options.clone()).expect("a preset is valid");
                assert_eq!(checked.spec.canonical_json(), cases[case]["json"].as_str().expect("accepted"), "{case}");
                assert_eq!(checked.spec.cache_key(), cases[case]["cache_key"].as_str().expect("accepted"), "{case}");
                case += 1;
            }
        }
    }
    assert_eq!(case, 80);
}

/// Floats as the published package writes them.
#[test]
fn floats_in_their_shortest_form() {
    let expected = [
        (1e16, "1e16"),
        (1e15, "1000000000000000.0"),
        (123_456_789_012_345_680.0, "1.2345678901234568e17"),
        (1e22, "1e22"),
        (1e-5, "0.00001"),
        (1e-4, "0.0001"),
        (1.5e-7, "1.5e-7"),
        (1e300, "1e300"),
        (5e-324, "5e-324"),
        (0.1, "0.1"),
        (-0.0, "-0.0"),
        (123_456_789.0, "123456789.0"),
        (9_007_199_254_740_992.0, "9007199254740992.0"),
    ];
    for (value, text) in expected {
        let vignette = Vignette { center_offset_um: [value, 0.0], ..Vignette::default() };
        let json = Spec::builder().step(vignette).build().expect("valid").spec.canonical_json();
        assert!(json.contains(&format!("\"center_offset_um\":[{text},0.0]")), "{value:?}: {json}");
    }
}
