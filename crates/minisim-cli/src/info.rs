//! `minisim info`: what is in a recording.

use std::path::PathBuf;

use minisim::{Bounds, effects, recording::Content, steps::Quantity};
use minisim_io::Reader;

use crate::{exit::Failure, talk::Talk, text};

/// Arguments of `minisim info`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  minisim info v4-ca1.zarr\n  minisim info v4-ca1.zarr --json")]
pub(crate) struct Args {
    /// The recording directory.
    recording: PathBuf,
    #[command(flatten)]
    talk: Talk,
}

/// Runs the subcommand.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let reader = Reader::open(&args.recording).map_err(Failure::run)?;
    reader.warnings().iter().for_each(|w| eprintln!("warning: {w}"));
    let truth = reader.ground_truth().map_err(Failure::run)?;
    let spec = reader.spec();
    let [n_frames, height, width] = reader.shape();
    let detectable = truth.detectable().iter().filter(|d| **d).count();
    let in_focus = truth.in_focus().iter().filter(|d| **d).count();
    let content = reader.content().map_err(Failure::run)?;
    let strengths = effects::strengths(spec, &truth);
    let facts = || {
        let arrays: serde_json::Map<_, _> = truth
            .arrays
            .iter()
            .map(|a| {
                let d = a.declared;
                let dims: Vec<_> = d.dims.iter().map(|d| d.name()).collect();
                let about = serde_json::json!({ "shape": a.shape, "dims": dims, "unit": d.unit, "doc": d.doc });
                (d.name.to_owned(), about)
            })
            .collect();
        serde_json::json!({
            "path": args.recording,
            "spec_cache_key": spec.cache_key(),
            "observed": { "shape": [n_frames, height, width], "sample": format!("{:?}", reader.sample()) },
            "stage": content.stage,
            "max_count": content.max_count,
            "fps": spec.acquisition.fps.get(),
            "pixel_size_um": spec.acquisition.pixel_size_um(),
            "steps": spec.steps.iter().map(|s| s.kind()).collect::<Vec<_>>(),
            "effects": strengths.iter().map(effect).collect::<Vec<_>>(),
            "n_cells": truth.n_units(),
            "n_detectable": detectable,
            "n_in_focus": in_focus,
            "n_demixable": truth.n_demixable(),
            "focal_depth_um": truth.focal_depth_um,
            "ground_truth": arrays,
            "snapshots": reader.snapshot_names(),
        })
    };
    if !args.talk.is_for_people() {
        return args.talk.say(String::new, facts);
    }
    let a = &spec.acquisition;
    let [fov_h, fov_w] = a.fov_um();
    let mut rows = vec![
        (
            "film".to_owned(),
            format!("{n_frames} frames of {height} × {width} px, stored as {}", stored(&reader, &content)),
        ),
        ("duration".to_owned(), format!("{} s at {} fps", a.duration_s.get(), a.fps.get())),
        ("field of view".to_owned(), format!("{fov_h:.0} × {fov_w:.0} µm, {:.3} µm/px", a.pixel_size_um())),
        ("steps".to_owned(), spec.steps.iter().map(|s| s.kind()).collect::<Vec<_>>().join(", ")),
        ("cells".to_owned(), format!("{}, {detectable} detectable, {in_focus} in focus", truth.n_units())),
    ];
    if let Some(bounds) = Bounds::of_truth(&truth) {
        rows.push(("at best".to_owned(), at_best(&bounds, truth.n_demixable().unwrap_or(0))));
    }
    if let Some(focal) = truth.focal_depth_um {
        rows.push(("focal depth".to_owned(), format!("{focal:.1} µm")));
    }
    rows.extend(strengths.iter().map(|strength| (strength.title.to_lowercase(), strength.text())));
    rows.push(("seed".to_owned(), spec.seed.to_string()));
    rows.push(("cache key".to_owned(), spec.cache_key()));
    if !reader.snapshot_names().is_empty() {
        rows.push(("snapshots".to_owned(), reader.snapshot_names().join(", ")));
    }
    let arrays: Vec<(String, String)> = truth
        .arrays
        .iter()
        .map(|array| {
            let d = array.declared;
            let dims: Vec<String> = d.dims.iter().zip(&array.shape).map(|(d, n)| format!("{} {n}", d.name())).collect();
            let unit = if d.unit.is_empty() { String::new() } else { format!(" [{}]", d.unit) };
            (d.name.to_owned(), format!("({}){unit}  {}", dims.join(", "), d.doc))
        })
        .collect();
    let words =
        || format!("{}\n{}ground truth\n{}", args.recording.display(), text::table(&rows), text::table(&arrays));
    args.talk.say(words, facts)
}

/// How strong an effect is, for programs.
fn effect(strength: &effects::Strength) -> serde_json::Value {
    let number = |q: &Quantity| serde_json::json!({ "what": q.what, "value": q.value, "unit": q.unit });
    let quantities: Vec<_> = strength.quantities.iter().map(number).collect();
    serde_json::json!({ "step": strength.kind, "title": strength.title, "text": strength.text(), "quantities": quantities })
}

/// What the best method could make of the film, in words.
fn at_best(bounds: &Bounds, n_demixable: usize) -> String {
    let mut out = format!("{n_demixable} cells demixed");
    let mut crosstalk: Vec<f64> = bounds.crosstalk.iter().copied().filter(|c| c.is_finite()).collect();
    crosstalk.sort_by(f64::total_cmp);
    if let Some(median) = crosstalk.get(crosstalk.len() / 2) {
        out += &format!(", neighbours make errors {median:.2} × larger (median)");
    }
    let [dy, dx] = bounds.shift_sd_bound_px;
    out + &format!(", motion known to {dy:.3} × {dx:.3} px")
}

/// What a pixel of the film is, in words.
fn stored(reader: &Reader, content: &Content) -> String {
    let holds = content.max_count.map_or("intensities".to_owned(), |max| format!("counts 0 to {max}"));
    format!("{}, {holds}", text::sample(reader.sample()))
}
