//! The tour: chapters and their figures as messages.

use minisim_tour::{CHAPTERS, Figure, Panel};

use crate::{
    messages::{
        Chapter, Circle, Curve, FigureHeader, FigurePanel, ImagePanel, Knob, NamedQuantity, PictureHeader, PlotPanel,
    },
    session::Outgoing,
};

/// All chapters, without their figures.
pub(crate) fn contents() -> Vec<Chapter> {
    let knob = |k: &minisim_tour::Knob| Knob {
        label: k.label.to_owned(),
        unit: k.unit.to_owned(),
        min: k.min,
        max: k.max,
        step: k.step,
        start: k.start,
    };
    let chapter = |c: &minisim_tour::Chapter| Chapter {
        name: c.name.to_owned(),
        title: c.title.to_owned(),
        text: c.text.to_owned(),
        question: c.question.to_owned(),
        answer: c.answer.to_owned(),
        knobs: c.knobs.iter().map(knob).collect(),
    };
    CHAPTERS.iter().map(chapter).collect()
}

/// A chapter's figure; the pixels of its pictures follow the header one after the other.
pub(crate) fn message(seq: u64, chapter: &minisim_tour::Chapter, figure: &Figure) -> Outgoing {
    let circle = |m: &minisim_tour::Mark| Circle { row: m.row, col: m.col, radius: m.radius, label: m.label.clone() };
    let curve = |s: &minisim_tour::Series| Curve { label: s.label.clone(), points: s.points.clone() };
    let panel = |p: &Panel| match p {
        Panel::Image(image) => FigurePanel::Image(ImagePanel {
            title: image.title.clone(),
            shape: image.shape,
            low: image.low,
            high: image.high,
            pixel_um: image.pixel_um,
            marks: image.marks.iter().map(circle).collect(),
        }),
        Panel::Plot(plot) => FigurePanel::Plot(PlotPanel {
            title: plot.title.clone(),
            x: plot.x.clone(),
            y: plot.y.clone(),
            series: plot.series.iter().map(curve).collect(),
        }),
    };
    let quantity = |q: &minisim_tour::Quantity| NamedQuantity { label: q.label.clone(), text: q.text() };
    let header = PictureHeader::Tour(FigureHeader {
        seq,
        chapter: chapter.name.to_owned(),
        caption: figure.caption.to_owned(),
        panels: figure.panels.iter().map(panel).collect(),
        quantities: figure.quantities.iter().map(quantity).collect(),
    });
    let pixels = figure.panels.iter().filter_map(|p| match p {
        Panel::Image(image) => Some(&image.data),
        Panel::Plot(_) => None,
    });
    Outgoing::picture(&header, pixels.flatten().flat_map(|v| v.to_le_bytes()))
}
