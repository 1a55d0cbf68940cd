//! Reading specs: every finding at once, each at its place, in three languages; no text brings the reader down.

use minisim::spec::{Checked, Format, Report, Severity, Spec};

fn report(text: &str) -> Report {
    Spec::from_json(text).expect_err(text)
}

/// `line:column path` of every finding.
fn places(report: &Report) -> Vec<String> {
    let place = |n: Option<u32>| n.map_or("-".to_owned(), |n| n.to_string());
    report.findings.iter().map(|f| format!("{}:{} {}", place(f.line), place(f.column), f.path)).collect()
}

#[test]
fn all_findings_at_once_each_at_its_place() {
    let text = r#"{
  "acquisition": { "fps": 0, "optics": { "na": "0.3", "nah": 1 } },
  "seed": 1.5,
  "steps": [
    { "kind": "vignette", "falloff": 1.5 },
    { "kind": "brain_motoin" },
    { "kind": "cell_activity", "tau_rise_s": 2 },
    { "kind": "vignette", "fallof": 0.1 },
    { "falloff": 0.1 },
    17
  ],
  "output": { "store_dtype": "float16" },
  "sede": 3
}"#;
    let report = report(text);
    assert_eq!(
        places(&report),
        [
            "2:27 acquisition.fps",
            "2:48 acquisition.optics.na",
            "2:55 acquisition.optics.nah",
            "3:11 seed",
            "5:38 steps[0].falloff",
            "6:15 steps[1].kind",
            "7:46 steps[2].tau_rise_s",
            "8:15 steps[3].kind",
            "8:27 steps[3].fallof",
            "9:5 steps[4]",
            "10:5 steps[5]",
            "12:30 output.store_dtype",
            "13:3 sede",
        ],
        "{report}"
    );
    for (i, part) in [
        "acquisition.fps = 0: must be greater than 0",
        "remove the quotes",
        "did you mean \"na\"?",
        "whole number",
        "between 0 and 1",
        "did you mean \"brain_motion\"? the kinds are place_neurons",
        "must be less than tau_decay_s (0.5 s)",
        "steps[0] is vignette too",
        "did you mean \"falloff\"?",
        "add \"kind\"",
        "must be an object",
        "\"uint8\"",
        "did you mean \"seed\"?",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(report.findings[i].to_string().contains(part), "{part}: {}", report.findings[i]);
        assert_eq!(report.findings[i].severity, Severity::Error);
    }
}

#[test]
fn the_same_spec_in_three_languages() {
    let json = r#"{"acquisition":{"fps":10,"focal_depth_in_tissue_um":"auto","optics":{"na":0.3}},"seed":7,
        "steps":[{"kind":"sensor"},{"kind":"brain_motion","locomotion_axis":"y","trajectory_um":null},
                 {"kind":"bleaching","bleach_susceptibility":6.3e-6}]}"#;
    let toml = r#"
        seed = 7
        [acquisition]
        fps = 10
        focal_depth_in_tissue_um = "auto"
        optics.na = 0.3
        [[steps]]
        kind = "sensor"
        [[steps]]
        kind = "brain_motion"
        locomotion_axis = "y"
        [[steps]]
        kind = "bleaching"
        bleach_susceptibility = 6.3e-6
    "#;
    let yaml = "
seed: 7
acquisition: {fps: 10, focal_depth_in_tissue_um: auto, optics: {na: 0.3}}
steps:
  - kind: sensor
  - kind: brain_motion
    locomotion_axis: y
    trajectory_um: ~
  - kind: bleaching
    bleach_susceptibility: 6.3e-6
";
    let spec = |result: Result<Checked, Report>| result.expect("valid").spec;
    let expected = spec(Spec::from_json(json));
    assert_eq!(spec(Spec::from_toml(toml)), expected);
    assert_eq!(spec(Spec::from_yaml(yaml)), expected);
    // JSON is YAML too.
    assert_eq!(spec(Spec::from_yaml(&expected.canonical_json())), expected);
    assert_eq!(spec(Spec::from_yaml(&expected.pretty_json())), expected);
}

#[test]
fn places_in_toml_and_yaml() {
    let toml =
        "seed = 1\n\n[acquisition]\nfps = -1\n\n[[steps]]\nkind = \"vignette\"\nfalof = 2\nexponent = 1979-05-27\n";
    let found = places(&Spec::from_toml(toml).expect_err("wrong"));
    assert_eq!(found, ["4:7 acquisition.fps", "8:1 steps[0].falof", "9:12 steps[0].exponent"]);
    let yaml = "seed: 1\nacquisition:\n  fps: -1\nsteps:\n- kind: vignette\n  falof: 2\n  exponent: .nan\n";
    let found = places(&Spec::from_yaml(yaml).expect_err("wrong"));
    assert_eq!(found, ["3:8 acquisition.fps", "6:3 steps[0].falof", "7:13 steps[0].exponent"]);
}

#[test]
fn broken_syntax_points_to_the_line() {
    for (text, format, line) in [
        ("{\n  \"seed\": 1,\n}", Format::Json, 3),
        ("{\n  \"seed\": 01\n}", Format::Json, 2),
        ("{\n  // no comments\n}", Format::Json, 2),
        ("{\"steps\": [NaN]}", Format::Json, 1),
        ("{\"a\": \"\\ud800\"}", Format::Json, 1),
        ("", Format::Json, 1),
        ("seed = 1\nseed = 2\n", Format::Toml, 2),
        ("seed = 1\nfps = = 2\n", Format::Toml, 2),
        ("seed: 1\n  x: [\n", Format::Yaml, 2),
        ("a: &x 1\nb: *x\n", Format::Yaml, 2),
        ("steps: !!seq []\n", Format::Yaml, 1),
        ("--- 1\n--- 2\n", Format::Yaml, 2),
    ] {
        let report = Spec::from_text(text, format).expect_err(text);
        let first = &report.findings[0];
        assert!(first.line.is_some_and(|l| l >= line) && !first.rule.is_empty(), "{text:?}: {first:?}");
    }
}

#[test]
fn duplicate_keys_are_refused() {
    let found = places(&report("{\"steps\": [],\n \"seed\": 1,\n \"seed\": 2}"));
    assert_eq!(found, ["3:2 seed"]);
    let found = places(&report("{\"steps\": [{\"kind\": \"vignette\",\n \"falloff\": 0.1, \"falloff\": 0.2}]}"));
    assert_eq!(found, ["2:18 steps[0].falloff"]);
    let found = places(&Spec::from_yaml("steps: []\nseed: 1\nseed: 2\n").expect_err("twice"));
    assert_eq!(found, ["3:1 seed"]);
}

#[test]
fn numbers_are_numbers() {
    let fps = |value: &str| Spec::from_json(&format!("{{\"steps\": [], \"acquisition\": {{\"fps\": {value}}}}}"));
    for good in ["20", "20.0", "2e1"] {
        assert_eq!(fps(good).map(|c| c.spec.acquisition.fps.get()), Ok(20.0));
    }
    for bad in ["\"20\"", "true", "null", "[20]", "{}", "1e400", "-1", "0", "-0.0"] {
        assert!(fps(bad).is_err(), "{bad}");
    }
    let px = |value: &str| {
        let text = format!("{{\"steps\": [], \"acquisition\": {{\"image_sensor\": {{\"n_px_width\": {value}}}}}}}");
        Spec::from_json(&text).map(|c| c.spec.acquisition.image_sensor.n_px_width.get())
    };
    assert_eq!((px("64"), px("64.0"), px("4294967295")), (Ok(64), Ok(64), Ok(u32::MAX)));
    for bad in ["64.5", "0", "-1", "4294967296", "1e30", "\"64\"", "false"] {
        assert!(px(bad).is_err(), "{bad}");
    }
    let seed = |value: &str| Spec::from_json(&format!("{{\"steps\": [], \"seed\": {value}}}")).map(|c| c.spec.seed);
    assert_eq!((seed("18446744073709551615"), seed("3.0")), (Ok(u64::MAX), Ok(3)));
    for bad in ["18446744073709551616", "-1", "1.5", "1e300", "\"1\"", "null", "true"] {
        assert!(seed(bad).is_err(), "{bad}");
    }
}

#[test]
fn steps_are_required_and_the_rest_is_not() {
    assert_eq!(places(&report("{}")), ["1:1 steps"]);
    assert!(report("[]").to_string().contains("must be an object"));
    let spec = Spec::from_json("{\"steps\": []}").expect("valid").spec;
    assert_eq!((spec.seed, spec.steps.len()), (42, 0));
}

/// Not a test of speed: quadratic or deeply recursive reading would take minutes or overflow the stack.
#[test]
fn absurd_texts_are_refused_in_no_time() {
    let n = 300_000;
    let deep = [("[", "]"), ("{\"a\":", "}"), ("{\"steps\":[", "]}")];
    for (open, close) in deep {
        let text = format!("{}1{}", open.repeat(n), close.repeat(n));
        assert!(Spec::from_json(&text).is_err());
        assert!(Spec::from_json(&open.repeat(n)).is_err());
    }
    for text in ["[".repeat(n), "{a: ".repeat(n), "- ".repeat(n), format!("a: {}", "[".repeat(n))] {
        assert!(Spec::from_yaml(&text).is_err());
    }
    for text in [format!("a = {}", "[".repeat(n)), format!("a = {}", "{a=".repeat(n)), "a.".repeat(n) + "a = 1"] {
        assert!(Spec::from_toml(&text).is_err());
    }
    let keys: Vec<String> = (0..n).map(|i| format!("\"k{i}\": 0")).collect();
    assert!(Spec::from_json(&format!("{{{}}}", keys.join(","))).is_err());
    let same = vec!["\"k\": 0"; n].join(",");
    assert!(Spec::from_json(&format!("{{{same}}}")).is_err());
    let mut steps = vec!["{\"kind\":\"vignette\"}"; n];
    steps.extend(vec!["{\"kind\":\"sensor\"}"; n]);
    assert!(Spec::from_json(&format!("{{\"steps\":[{}]}}", steps.join(","))).is_err());
    let wrong = vec!["[\"a\",2]"; n].join(",");
    let report = report(&format!("{{\"steps\":[{{\"kind\":\"brain_motion\",\"trajectory_um\":[{wrong}]}}]}}"));
    assert!(report.findings.len() <= 200);
    // A good long trajectory is read.
    let good = vec!["[1.5,-2]"; n].join(",");
    let acquisition = format!("{{\"fps\":10,\"duration_s\":{}}}", n / 10);
    let text = format!(
        "{{\"acquisition\":{acquisition},\"steps\":[{{\"kind\":\"brain_motion\",\"trajectory_um\":[{good}]}}]}}"
    );
    assert!(Spec::from_json(&text).is_ok());
}

/// Any beginning of a valid text, and any text with one byte changed, is read or refused, never more.
#[test]
fn damaged_texts_do_not_panic() {
    let spec =
        Spec::from_json("{\"steps\": [{\"kind\": \"place_neurons\"}, {\"kind\": \"leakage\"}]}").expect("valid").spec;
    let json = spec.pretty_json();
    for cut in 0..json.len() {
        assert!(Spec::from_json(&json[..cut]).is_err());
        let _ = Spec::from_yaml(&json[..cut]);
        let _ = Spec::from_toml(&json[..cut]);
        for byte in [b'"', b'}', b'[', b',', b'0', b'\\', b'\n', b'#', b'&', b'-'] {
            let mut damaged = json.clone().into_bytes();
            damaged[cut] = byte;
            let damaged = String::from_utf8(damaged).expect("ASCII");
            let _ = Spec::from_json(&damaged);
            if cut % 7 == 0 {
                let _ = Spec::from_yaml(&damaged);
            }
        }
    }
}
