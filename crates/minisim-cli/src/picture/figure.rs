//! Figures of the tour and of reports: pictures and plots in a row, the numbers below.

use minisim_tour::{Figure, Image, Panel, Plot};

use super::{
    axes::{Axes, LABEL},
    draw::{Align, Area, BLUE, Canvas, Colors, FAINT_INK, GRID, INK, ORANGE, PAPER, Rgb, VERMILLION, text_width},
    scale::{Window, round_length, short},
};

const MARGIN: f32 = 36.0;
const GAP: f32 = 32.0;
/// Height of the panels, and side of the pictures.
const SIDE: f32 = 420.0;
/// Width of a plot.
const PLOT: f32 = 560.0;
const TITLE: f32 = 17.0;
const HEAD: f32 = 82.0;
/// Most pictures in a row.
const IN_A_ROW: usize = 4;
/// Green, the fourth of the palette.
const GREEN: Rgb = [0, 158, 115];
const SERIES: [Rgb; 4] = [BLUE, VERMILLION, GREEN, ORANGE];

/// Draws a figure as PNG.
pub(crate) fn draw(heading: &str, figure: &Figure) -> Result<Vec<u8>, String> {
    let rows: Vec<&[Panel]> = in_rows(&figure.panels);
    let width_of = |row: &[Panel]| -> f32 {
        let panels: f32 = row.iter().map(width).sum();
        panels + GAP * row.len().saturating_sub(1) as f32
    };
    let inner = rows.iter().map(|r| width_of(r)).fold(900.0, f32::max);
    let caption = wrapped(figure.caption, inner, 15.0);
    let columns = ((inner / 400.0) as usize).max(1);
    let number_rows = figure.quantities.len().div_ceil(columns);
    let caption_height = 22.0 * caption.len() as f32;
    let row_height = SIDE + 62.0;
    let height = HEAD + caption_height + rows.len() as f32 * row_height + 14.0 + 26.0 * number_rows as f32 + MARGIN;
    let mut canvas =
        Canvas::new((inner + 2.0 * MARGIN) as u32, height as u32).ok_or("the figure is too large for memory")?;
    canvas.bold(heading, MARGIN, 50.0, 26.0, INK, Align::Left);
    for (i, line) in caption.iter().enumerate() {
        canvas.text(line, MARGIN, 78.0 + 22.0 * i as f32, 15.0, FAINT_INK, Align::Left);
    }
    let mut top = HEAD + caption_height;
    for row in &rows {
        let mut left = MARGIN;
        for panel in *row {
            let area = Area::new(left, top, width(panel), SIDE + 26.0);
            match panel {
                Panel::Image(image) => picture(&mut canvas, image, area),
                Panel::Plot(p) => plot(&mut canvas, p, area),
            }
            left += width(panel) + GAP;
        }
        top += row_height;
    }
    let column = inner / columns as f32;
    for (i, quantity) in figure.quantities.iter().enumerate() {
        let (x, y) = (MARGIN + (i % columns) as f32 * column, top + 20.0 + 26.0 * (i / columns) as f32);
        let number = quantity.text();
        canvas.bold(&number, x, y, 15.5, INK, Align::Left);
        canvas.text(&quantity.label, x + text_width(&number, 15.5) * 1.07 + 9.0, y, 14.0, FAINT_INK, Align::Left);
    }
    canvas.png()
}

fn width(panel: &Panel) -> f32 {
    match panel {
        Panel::Image(image) => SIDE * image.shape[1] as f32 / image.shape[0].max(1) as f32,
        Panel::Plot(_) => PLOT,
    }
}

/// Panels in rows of a few, plots below the pictures where there are many.
fn in_rows(panels: &[Panel]) -> Vec<&[Panel]> {
    if panels.len() <= 3 {
        return vec![panels];
    }
    let pictures = panels.iter().take_while(|p| matches!(p, Panel::Image(_))).count();
    let (pictures, plots) = panels.split_at(pictures);
    pictures.chunks(IN_A_ROW).chain(plots.chunks(3)).collect()
}

fn title(canvas: &mut Canvas, area: Area, text: &str) -> Area {
    canvas.bold(text, area.x, area.y + 15.0, TITLE, INK, Align::Left);
    area.inset(0.0, 26.0, 0.0, 0.0)
}

fn picture(canvas: &mut Canvas, image: &Image, area: Area) {
    let area = title(canvas, area, &image.title);
    let window = Window { low: f64::from(image.low), high: f64::from(image.high) };
    canvas.image(&image.data, image.shape, area, window, Colors::Grey);
    let scale = area.w / image.shape[1].max(1) as f32;
    for mark in &image.marks {
        let (x, y) = (area.x + (mark.col as f32 + 0.5) * scale, area.y + (mark.row as f32 + 0.5) * scale);
        let r = mark.radius as f32 * scale;
        let circle = (0..48).map(|i| i as f32 / 48.0 * std::f32::consts::TAU);
        let points = circle.map(|a| [x + r * a.cos(), y + r * a.sin()]).collect();
        canvas.outlines(&[(points, true)], ORANGE, 2.0, 1.0);
    }
    // A scale bar of about a quarter of the width.
    let um = round_length(0.25 * image.shape[1] as f64 * image.pixel_um);
    let length = (um / image.pixel_um) as f32 * scale;
    let (x, y) = (area.x + area.w - 14.0 - length, area.y + area.h - 16.0);
    canvas.fill(Area::new(x, y, length, 4.0), PAPER);
    canvas.haloed(&format!("{} µm", short(um)), x + length / 2.0, y - 7.0, LABEL, PAPER, [0, 0, 0]);
}

fn plot(canvas: &mut Canvas, plot: &Plot, area: Area) {
    let area = title(canvas, area, &plot.title).inset(52.0, 24.0, 10.0, 46.0);
    let values = |axis: usize| plot.series.iter().flat_map(move |s| s.points.iter().map(move |p| f64::from(p[axis])));
    let x = Window::range(values(0));
    let y = Window::range(values(1));
    let pad = 0.06 * (y.high - y.low).max(1e-9 * y.high.abs().max(1e-9));
    // Shares and brightnesses start at zero when they come near it.
    let low = if y.low >= 0.0 && y.low < 0.35 * y.high { 0.0 } else { y.low - pad };
    let axes = Axes { area, x, y: Window { low, high: y.high + pad } };
    canvas.frame(area, GRID);
    axes.y_ticks(canvas, &plot.y);
    axes.x_ticks(canvas, &plot.x);
    for (series, color) in plot.series.iter().zip(SERIES.iter().cycle()) {
        let points: Vec<[f32; 2]> = series.points.iter().map(|p| axes.at(f64::from(p[0]), f64::from(p[1]))).collect();
        canvas.polyline(&points, *color, 1.6);
    }
    // The legend stands at the right, above the plot.
    let mut right = area.x + area.w;
    for (series, color) in plot.series.iter().zip(SERIES.iter().cycle()).collect::<Vec<_>>().into_iter().rev() {
        canvas.text(&series.label, right, area.y - 8.0, LABEL, INK, Align::Right);
        right -= text_width(&series.label, LABEL) + 6.0;
        canvas.segments(&[[[right - 18.0, area.y - 13.0], [right, area.y - 13.0]]], *color, 3.0, 1.0);
        right -= 30.0;
    }
}

/// A text in lines no wider than `width`.
fn wrapped(text: &str, width: f32, size: f32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if text_width(line, size) + text_width(word, size) + 5.0 <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
