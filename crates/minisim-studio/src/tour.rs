//! The tour: chapters and their figures as messages.

use minisim_tour::{CHAPTERS, Chapter, Figure, Panel};
use serde_json::{Value as Json, json};

use crate::session::{Outgoing, binary};

/// All chapters, without their figures.
pub(crate) fn contents() -> Json {
    let knob = |k: &minisim_tour::Knob| json!({ "label": k.label, "unit": k.unit, "min": k.min, "max": k.max, "step": k.step, "start": k.start });
    let chapter = |c: &Chapter| {
        json!({
            "name": c.name,
            "title": c.title,
            "text": c.text,
            "question": c.question,
            "answer": c.answer,
            "knobs": c.knobs.iter().map(knob).collect::<Vec<Json>>(),
        })
    };
    CHAPTERS.iter().map(chapter).collect()
}

/// A chapter's figure; the pixels of its pictures follow the header one after the other.
pub(crate) fn message(seq: u64, chapter: &Chapter, figure: &Figure) -> Outgoing {
    let panel = |p: &Panel| match p {
        Panel::Image(image) => {
            let marks = image.marks.iter();
            let marks = marks.map(|m| json!({ "row": m.row, "col": m.col, "radius": m.radius, "label": m.label }));
            json!({
                "kind": "image",
                "title": image.title,
                "shape": image.shape,
                "low": image.low,
                "high": image.high,
                "pixel_um": image.pixel_um,
                "marks": marks.collect::<Vec<Json>>(),
            })
        }
        Panel::Plot(plot) => {
            let series = plot.series.iter().map(|s| json!({ "label": s.label, "points": s.points }));
            json!({
                "kind": "plot",
                "title": plot.title,
                "x": plot.x,
                "y": plot.y,
                "series": series.collect::<Vec<Json>>(),
            })
        }
    };
    let header = json!({
        "type": "tour",
        "seq": seq,
        "chapter": chapter.name,
        "caption": figure.caption,
        "panels": figure.panels.iter().map(panel).collect::<Vec<Json>>(),
        "quantities": figure.quantities.iter().map(|q| json!([q.label, q.text()])).collect::<Vec<Json>>(),
    });
    let pixels = figure.panels.iter().filter_map(|p| match p {
        Panel::Image(image) => Some(&image.data),
        Panel::Plot(_) => None,
    });
    binary(&header, pixels.flatten().flat_map(|v| v.to_le_bytes()))
}
