//! The contact sheet: which panels there are, and what each draws.

use minisim::{
    DETECT_SNR_THRESHOLD,
    effects::{TimeCourse, label, time_courses},
    footprint::OUTLINE_SHARE,
    steps::{AnyStep, Part},
    truth::Dim,
};

use super::{
    Bent, SheetFilm,
    axes::{Axes, LABEL},
    contour::{self, Line},
    draw::{
        self, Align, Area, BLACK, BLUE, Canvas, Colors, FAINT_INK, GRID, INK, ORANGE, PAPER, Rgb, SKY, VERMILLION,
        text_width,
    },
    scale::{Window, fixed, round_length, short, ticks},
};
use crate::text::sample;

const WIDTH: f32 = 1840.0;
const MARGIN: f32 = 36.0;
const GAP: f32 = 30.0;
/// Side of the two large images.
const IMAGE: f32 = 580.0;
const TITLE: f32 = 17.0;
/// Where the rows begin and end.
const HEAD: f32 = 96.0;
const TRACES_HEIGHT: f32 = 450.0;
const FIELDS_HEIGHT: f32 = 250.0;
const FIELDS_IN_A_ROW: usize = 6;
const FIELDS_GAP: f32 = 30.0;
const COURSES_HEIGHT: f32 = 200.0;
const MAX_TRACES: usize = 10;
/// Percentiles between which images are stretched.
const STRETCH: [f64; 2] = [0.5, 99.8];

/// Does beforehand what takes long and is the same for all sheets.
pub(super) fn prepare() {
    draw::read_fonts();
}

/// Draws the sheet as PNG.
pub(super) fn draw(film: &SheetFilm) -> Result<Vec<u8>, String> {
    let top = HEAD;
    let second = top + IMAGE + 92.0;
    let third = second + TRACES_HEIGHT + 62.0;
    let fields_shown = static_fields(film);
    let courses_shown = time_courses(&film.truth);
    // What the recording does not have gets no panel.
    let rows = fields_shown.len().div_ceil(FIELDS_IN_A_ROW) as f32;
    let fields_height = rows * FIELDS_HEIGHT + (rows - 1.0).max(0.0) * FIELDS_GAP;
    let fourth = if fields_shown.is_empty() { third } else { third + fields_height + 62.0 };
    let height = match (fields_shown.is_empty(), courses_shown.is_empty()) {
        (_, false) => fourth + COURSES_HEIGHT + MARGIN,
        (false, true) => third + fields_height + MARGIN,
        (true, true) => third - 20.0,
    };
    let mut canvas = Canvas::new(WIDTH as u32, height as u32).ok_or("the picture is too large for memory")?;
    let active = most_active(film);

    canvas.bold(&film.title, MARGIN, 46.0, 27.0, INK, Align::Left);
    canvas.text(&subtitle(film), MARGIN, 72.0, 15.0, FAINT_INK, Align::Left);

    frame(&mut canvas, film, Area::new(MARGIN, top, IMAGE, IMAGE));
    projection(&mut canvas, film, &active, Area::new(MARGIN + IMAGE + GAP, top, IMAGE, IMAGE));
    let right = MARGIN + 2.0 * (IMAGE + GAP);
    let column = WIDTH - MARGIN - right;
    facts(&mut canvas, film, Area::new(right, top, column, 300.0));
    histogram(&mut canvas, film, Area::new(right, top + 330.0, column, IMAGE - 330.0 + 30.0));

    // From the right: how the tissue moves, as far as it does; the traces take what is left.
    let path = path_um(film);
    let mut left = WIDTH - MARGIN + GAP;
    let mut place = |width: f32| {
        left -= width + GAP;
        Area::new(left, second, width, TRACES_HEIGHT)
    };
    if !path.is_empty() {
        motion(&mut canvas, film, &path, place(TRACES_HEIGHT + 60.0));
    }
    if let Some(bent) = &film.bent {
        deformation(&mut canvas, film, bent, place(TRACES_HEIGHT - 26.0));
    }
    traces(&mut canvas, film, &active, Area::new(MARGIN, second, left - GAP - MARGIN, TRACES_HEIGHT));
    fields(&mut canvas, film, &fields_shown, Area::new(MARGIN, third, WIDTH - 2.0 * MARGIN, fields_height));
    over_time(&mut canvas, film, &courses_shown, Area::new(MARGIN, fourth, WIDTH - 2.0 * MARGIN, COURSES_HEIGHT));
    canvas.png()
}

/// An image as a grey PNG of its own size, stretched between the usual percentiles.
pub(super) fn grey_png(values: &[f32], [height, width]: [usize; 2]) -> Result<Vec<u8>, String> {
    let mut canvas = Canvas::new(width as u32, height as u32).ok_or("the picture is too large for memory")?;
    let window = Window::percentiles(values, STRETCH[0], STRETCH[1]);
    canvas.image(values, [height, width], Area::new(0.0, 0.0, width as f32, height as f32), window, Colors::Grey);
    canvas.png()
}

fn subtitle(film: &SheetFilm) -> String {
    let a = &film.spec.acquisition;
    let [n_frames, height, width] = film.shape;
    let [fov_h, fov_w] = a.fov_um();
    format!(
        "{n_frames} frames of {height} × {width} px at {} fps, {} × {} µm ({} µm/px), seed {}, cache key {}",
        short(a.fps.get()),
        short(fov_h),
        short(fov_w),
        short(a.pixel_size_um()),
        film.spec.seed,
        film.spec.cache_key(),
    )
}

/// The title of a panel with a quieter remark behind it; what is left of the area.
fn panel(canvas: &mut Canvas, area: Area, title: &str, remark: &str) -> Area {
    canvas.bold(title, area.x, area.y + 15.0, TITLE, INK, Align::Left);
    canvas.text(remark, area.x + bold_width(title) + 10.0, area.y + 15.0, LABEL, FAINT_INK, Align::Left);
    area.inset(0.0, 26.0, 0.0, 0.0)
}

/// Roughly, and never too little: semi-bold letters are wider than regular ones.
fn bold_width(text: &str) -> f32 {
    text_width(text, TITLE) * 1.06
}

/// Says in a panel why it is empty.
fn empty(canvas: &mut Canvas, area: Area, why: &str) {
    canvas.frame(area, GRID);
    canvas.text(why, area.x + area.w / 2.0, area.y + area.h / 2.0, LABEL, FAINT_INK, Align::Center);
}

/// The place of an image of the film's shape, under the panel's title.
fn image_area(film: &SheetFilm, area: Area) -> Area {
    let [_, height, width] = film.shape;
    let fitted = area.fit(width as f32, height as f32);
    Area::new(area.x, area.y, fitted.w.round(), fitted.h.round())
}

fn unit(film: &SheetFilm) -> &'static str {
    if film.max_count.is_some() { "counts" } else { "fluorescence units" }
}

fn frame(canvas: &mut Canvas, film: &SheetFilm, area: Area) {
    let [_, height, width] = film.shape;
    let Some((t, pixels)) = &film.frame else {
        let area = panel(canvas, area, "Frame", "");
        return empty(canvas, area, "the run stopped before there was a film");
    };
    let window = Window::percentiles(pixels, STRETCH[0], STRETCH[1]);
    let time = *t as f64 / film.spec.acquisition.fps.get();
    let remark = format!("at {time:.2} s, {}", window_text(window, unit(film)));
    let area = panel(canvas, area, "Frame", &remark);
    let area = image_area(film, area);
    canvas.image(pixels, [height, width], area, window, Colors::Grey);
    scale_bar(canvas, film, area);
}

fn window_text(window: Window, unit: &str) -> String {
    format!("black {}, white {} {unit}", short(window.low), short(window.high))
}

/// A bar of a round length, with its length in µm.
fn scale_bar(canvas: &mut Canvas, film: &SheetFilm, area: Area) {
    let px_um = film.spec.acquisition.pixel_size_um();
    let screen_per_um = area.w / (film.shape[2] as f64 * px_um) as f32;
    let length_um = round_length(0.25 * film.shape[2] as f64 * px_um);
    let length = length_um as f32 * screen_per_um;
    let label = format!("{} µm", short(length_um));
    let (x, y) = (area.x + 14.0, area.y + area.h - 18.0);
    // Dark ground, so that the bar is seen on bright tissue too.
    let ground = length.max(text_width(&label, LABEL)) + 12.0;
    canvas.shade(Area::new(x - 6.0, y - 22.0, ground, 34.0), BLACK, 0.55);
    canvas.fill(Area::new(x, y, length, 5.0), PAPER);
    canvas.text(&label, x, y - 6.0, LABEL, PAPER, Align::Left);
}

/// The cells with the most spikes, detectable ones first, in falling order.
fn most_active(film: &SheetFilm) -> Vec<usize> {
    let truth = &film.truth;
    let spikes = &film.n_spikes;
    let detectable = |i: usize| truth.detectable().get(i).copied().unwrap_or(false);
    let mut order: Vec<usize> = (0..spikes.len()).filter(|i| spikes[*i] > 0).collect();
    order.sort_by_key(|&i| (!detectable(i), std::cmp::Reverse(spikes[i]), i));
    order.truncate(MAX_TRACES);
    order
}

fn projection(canvas: &mut Canvas, film: &SheetFilm, active: &[usize], area: Area) {
    let [_, height, width] = film.shape;
    let moved = match (film.truth.array("shifts"), &film.bent) {
        (None, _) => "",
        (Some(_), None) => ", motion undone",
        (Some(_), Some(_)) => ", rigid motion undone",
    };
    let remark = format!("of {} frames{moved}, with the true cells", film.n_seen);
    let area = panel(canvas, area, "Maximum projection", &remark);
    if film.n_seen == 0 {
        return empty(canvas, area, "the run stopped before there was a film");
    }
    let area = image_area(film, area);
    let window = Window::percentiles(&film.projection, STRETCH[0], STRETCH[1]);
    // Outlines reach beyond the field of view; a canvas of their own cuts them off there.
    let Some(mut inset) = Canvas::new(area.w as u32, area.h as u32) else { return };
    let whole = Area::new(0.0, 0.0, area.w, area.h);
    inset.image(&film.projection, [height, width], whole, window, Colors::Grey);
    let planted = &film.truth.planted;
    let zoom = area.w / width as f32;
    let [top, left] = planted.fov_offset.map(|o| o as f64);
    let to_screen = |[x, y]: [f64; 2]| [(x - left + 0.5) as f32 * zoom, (y - top + 0.5) as f32 * zoom];
    let is_detectable = |i: usize| film.truth.detectable().get(i).copied().unwrap_or(false);
    let mut counts = [0, 0];
    for (detectable, color, width, opacity) in [(false, SKY, 1.0, 0.55), (true, ORANGE, 1.5, 1.0)] {
        let mut lines = Vec::new();
        for (_, patch) in planted.patches.iter().enumerate().filter(|(i, _)| is_detectable(*i) == detectable) {
            counts[usize::from(detectable)] += 1;
            for Line { points, closed } in contour::outline(patch, OUTLINE_SHARE) {
                lines.push((points.into_iter().map(to_screen).collect(), closed));
            }
        }
        inset.outlines(&lines, color, width, opacity);
    }
    let centers = film.truth.centers_px(film.spec.acquisition.pixel_size_um());
    for i in active {
        let Some([r, c]) = centers.get(*i).copied() else { continue };
        let [x, y] = [(c + 0.5) as f32 * zoom, (r + 0.5) as f32 * zoom];
        // Inside the image, where there is room; not `clamp`, as a narrow image has none.
        let (x, y) = (x.min(whole.w - 12.0).max(12.0), (y + 4.0).min(whole.h - 4.0).max(14.0));
        inset.haloed(&i.to_string(), x, y, 12.0, PAPER, BLACK);
    }
    canvas.paste(&inset, area.x, area.y);
    let y = area.y + area.h + 20.0;
    let mut x = area.x;
    for (n, name, color) in [(counts[1], "detectable", ORANGE), (counts[0], "not detectable", SKY)] {
        canvas.segments(&[[[x, y - 5.0], [x + 18.0, y - 5.0]]], color, 2.5, 1.0);
        let label = format!("{n} {name}");
        canvas.text(&label, x + 25.0, y, LABEL, INK, Align::Left);
        x += 25.0 + text_width(&label, LABEL) + 24.0;
    }
    if !active.is_empty() {
        canvas.text("numbers: the traces below", area.x + area.w, y, LABEL, FAINT_INK, Align::Right);
    }
}

fn facts(canvas: &mut Canvas, film: &SheetFilm, area: Area) {
    let area = panel(canvas, area, "What is in it", "");
    let truth = &film.truth;
    let count = |flags: &[bool]| flags.iter().filter(|f| **f).count();
    let a = &film.spec.acquisition;
    let mut rows = vec![
        ("length", format!("{} s at {} fps", short(a.duration_s.get()), short(a.fps.get()))),
        ("cells", format!("{}, {} detectable", truth.n_units(), count(truth.detectable()))),
    ];
    if let Some(n) = truth.n_demixable() {
        rows.push(("at best", format!("{n} cells demixed (demixing SNR ≥ {DETECT_SNR_THRESHOLD})")));
    }
    let depths = truth.depth_um();
    if !depths.is_empty() {
        let range = Window::range(depths.iter().copied());
        rows.push(("depths", format!("{} to {} µm", short(range.low), short(range.high))));
    }
    if let Some(focal) = truth.focal_depth_um {
        rows.push(("focus", format!("{} µm deep, {} cells in focus", short(focal), count(truth.in_focus()))));
    }
    if let Some(max) = film.max_count {
        rows.push(("sensor", format!("{} bit, 0 to {max} counts", a.image_sensor.bit_depth)));
    }
    rows.push(("optics", format!("NA {}, ×{}", short(a.optics.na.get()), short(a.optics.magnification.get()))));
    rows.push(("stored as", sample(film.spec.output.store_dtype.into()).to_owned()));
    let kinds: Vec<&str> = film.spec.steps.iter().map(AnyStep::kind).collect();
    let mut y = area.y + 14.0;
    let value_x = area.x + 84.0;
    for (label, value) in &rows {
        canvas.text(label, area.x, y, LABEL, FAINT_INK, Align::Left);
        canvas.text(value, value_x, y, LABEL, INK, Align::Left);
        y += 23.0;
    }
    canvas.text("steps", area.x, y, LABEL, FAINT_INK, Align::Left);
    for line in wrapped(&kinds, area.w - 84.0) {
        canvas.text(&line, value_x, y, LABEL, INK, Align::Left);
        y += 19.0;
    }
}

/// Words joined by commas, in lines no wider than `width`.
fn wrapped(words: &[&str], width: f32) -> Vec<String> {
    let mut lines = vec![String::new()];
    for (i, word) in words.iter().enumerate() {
        let word = if i + 1 < words.len() { format!("{word}, ") } else { (*word).to_owned() };
        if let Some(line) = lines.last_mut() {
            if line.is_empty() || text_width(line, LABEL) + text_width(&word, LABEL) <= width {
                *line += &word;
            } else {
                lines.push(word);
            }
        }
    }
    lines
}

/// Numbers of pixels per bin of pixel values, on a logarithmic axis.
fn histogram(canvas: &mut Canvas, film: &SheetFilm, area: Area) {
    let area = panel(canvas, area, "Pixel values", "");
    let range = Window::range(film.values.iter().map(|v| f64::from(*v)));
    if film.values.is_empty() || (range.high <= range.low && film.max_count.is_none()) {
        let why = if film.values.is_empty() { "there is no film" } else { "all pixels are equal" };
        return empty(canvas, area, why);
    }
    let area = area.inset(44.0, 6.0, 6.0, 46.0);
    // Whole counts must not fall unevenly into bins.
    let (low, width, n) = match film.max_count {
        Some(max) => {
            // A deep sensor is often filled to a small part only.
            let shown = if range.high < max as f64 / 4.0 { (1.2 * range.high).max(15.0) } else { max as f64 };
            let width = ((shown + 1.0) / 256.0).ceil();
            (-0.5, width, ((shown + 1.0) / width).ceil() as usize)
        }
        None => (range.low, (range.high - range.low) / 160.0, 161),
    };
    let mut bins = vec![0_u64; n.max(1)];
    for v in film.values.iter().filter(|v| v.is_finite()) {
        let bin = ((f64::from(*v) - low) / width) as usize;
        bins[bin.min(n - 1)] += 1;
    }
    let total = film.values.len() as f64;
    let log = |n: u64| if n == 0 { f64::NEG_INFINITY } else { (n as f64 / total).log10() };
    let top = bins.iter().map(|n| log(*n)).fold(-1.0, f64::max).ceil().min(0.0);
    let axes = Axes {
        area,
        x: Window { low, high: low + width * n as f64 },
        y: Window { low: -(total.log10().ceil().min(6.0)), high: top },
    };
    for (i, count) in bins.iter().enumerate().filter(|(_, n)| **n > 0) {
        let from = axes.at(low + i as f64 * width, log(*count).max(axes.y.low));
        let to = axes.at(low + (i + 1) as f64 * width, axes.y.low);
        canvas.fill(Area::new(from[0], from[1], (to[0] - from[0]).max(1.0), (to[1] - from[1]).max(0.5)), BLUE);
    }
    axes.x_ticks(canvas, unit(film));
    for decade in (axes.y.low as i32)..=(axes.y.high as i32) {
        let [_, y] = axes.at(axes.x.low, f64::from(decade));
        let label = match decade {
            0 => "1".to_owned(),
            d => format!("10{}", super::scale::superscript(d)),
        };
        canvas.text(&label, area.x - 8.0, y + 5.0, LABEL, INK, Align::Right);
        canvas.segments(&[[[area.x - 4.0, y], [area.x, y]]], FAINT_INK, 1.0, 1.0);
    }
    if let Some(max) = film.max_count {
        let saturated = film.values.iter().filter(|v| f64::from(**v) >= max as f64).count() as f64 / total;
        let black = film.values.iter().filter(|v| **v <= 0.0).count() as f64 / total;
        let text =
            format!("share of pixels; {} % saturated, {} % black", short(100.0 * saturated), short(100.0 * black));
        canvas.text(&text, area.x + area.w, area.y - 17.0, LABEL, FAINT_INK, Align::Right);
    } else {
        canvas.text("share of pixels", area.x + area.w, area.y - 17.0, LABEL, FAINT_INK, Align::Right);
    }
}

fn traces(canvas: &mut Canvas, film: &SheetFilm, active: &[usize], area: Area) {
    let remark = if active.is_empty() { "" } else { "true calcium, each on its own scale; ticks are spikes" };
    let area = panel(canvas, area, "Most active cells", remark);
    let n_frames = film.truth.array("C").map_or(0, |c| c.shape[1]);
    if active.is_empty() {
        return empty(canvas, area, if film.truth.n_units() == 0 { "there are no cells" } else { "no cell spikes" });
    }
    let area = area.inset(48.0, 4.0, 8.0, 44.0);
    let fps = film.spec.acquisition.fps.get();
    let axes = Axes { area, x: Window { low: 0.0, high: n_frames as f64 / fps }, y: Window { low: 0.0, high: 1.0 } };
    let row = area.h / active.len().max(6) as f32;
    for (k, &i) in active.iter().enumerate() {
        let (c, s) = (film.truth.trace(i), film.truth.spikes(i));
        let range = Window::range(c.iter().copied());
        let (top, foot) = (area.y + k as f32 * row + 2.0, area.y + (k + 1) as f32 * row - 7.0);
        let x = |t: f64| axes.at(t / fps, 0.0)[0];
        let y = |v: f64| foot - range.share(v) as f32 * (foot - top);
        // Of many frames in a column, the lowest and the highest are drawn.
        let columns = (area.w as usize).max(1);
        let points: Vec<[f32; 2]> = if n_frames <= 2 * columns {
            c.iter().enumerate().map(|(t, v)| [x(t as f64 + 0.5), y(*v)]).collect()
        } else {
            (0..columns)
                .flat_map(|i| {
                    let (from, to) = (i * n_frames / columns, (i + 1) * n_frames / columns);
                    let range = Window::range(c[from..to].iter().copied());
                    [range.low, range.high].map(|v| [x((from + to) as f64 / 2.0), y(v)])
                })
                .collect()
        };
        let ticks: Vec<[[f32; 2]; 2]> = s
            .iter()
            .enumerate()
            .filter(|(_, n)| **n > 0)
            .map(|(t, n)| {
                [[x(t as f64 + 0.5), foot + 5.0], [x(t as f64 + 0.5), foot + 5.0 - 1.5 - 1.5 * (*n).min(2) as f32]]
            })
            .collect();
        canvas.segments(&ticks, VERMILLION, 1.2, 0.8);
        canvas.polyline(&points, INK, 1.4);
        canvas.text(&i.to_string(), area.x - 10.0, foot + 2.0, LABEL, INK, Align::Right);
    }
    axes.x_ticks(canvas, "time (s)");
}

/// The path of the brain, (x, y) in µm a frame; empty where it holds still.
fn path_um(film: &SheetFilm) -> Vec<[f64; 2]> {
    let px_um = film.spec.acquisition.pixel_size_um();
    film.truth.f64s("shifts").unwrap_or_default().chunks_exact(2).map(|s| [s[1] * px_um, s[0] * px_um]).collect()
}

fn motion(canvas: &mut Canvas, film: &SheetFilm, path: &[[f64; 2]], area: Area) {
    let px_um = film.spec.acquisition.pixel_size_um();
    let furthest = path.iter().map(|[x, y]| x.hypot(*y)).fold(0.0, f64::max);
    let remark = format!("up to {} µm from rest; dark first, light last", short(furthest));
    let area = panel(canvas, area, "Path of the brain", &remark);
    let area = area.inset(52.0, 4.0, 8.0, 44.0);
    let reach = (furthest * 1.08).max(px_um);
    let side = area.w.min(area.h);
    let area = Area::new(area.x, area.y, side, side);
    // Rows count downwards in the film, so they do here.
    let axes = Axes { area, x: Window { low: -reach, high: reach }, y: Window { low: -reach, high: reach } };
    let at = |[x, y]: [f64; 2]| axes.at(x, -y);
    canvas.segments(&[[at([-reach, 0.0]), at([reach, 0.0])], [at([0.0, -reach]), at([0.0, reach])]], GRID, 1.0, 1.0);
    // A long path is drawn in as many pieces as the eye can tell apart in colour.
    let stride = path.len().div_ceil(20_000).max(1);
    let kept: Vec<[f32; 2]> = path.iter().step_by(stride).map(|p| at(*p)).collect();
    let pieces = kept.len().clamp(1, 48);
    for k in 0..pieces {
        let (from, to) = (k * kept.len() / pieces, ((k + 1) * kept.len() / pieces + 1).min(kept.len()));
        let color: Rgb = Colors::Viridis.at((k as f32 + 0.5) / pieces as f32 * 0.9);
        canvas.polyline(&kept[from..to], color, 1.1);
    }
    canvas.dot(kept[0][0], kept[0][1], 4.0, Colors::Viridis.at(0.0));
    axes.x_ticks(canvas, "dx, to the right (µm)");
    // The vertical axis counts downwards, like rows.
    let (marks, decimals) = ticks(-reach, reach, 8);
    canvas.segments(&[[[area.x, area.y], [area.x, area.y + area.h]]], FAINT_INK, 1.0, 1.0);
    for mark in marks {
        let [_, y] = at([0.0, mark]);
        canvas.segments(&[[[area.x - 5.0, y], [area.x, y]]], FAINT_INK, 1.0, 1.0);
        canvas.text(&fixed(mark, decimals), area.x - 9.0, y + 5.0, LABEL, INK, Align::Right);
    }
    let note_x = area.x + side + 14.0;
    canvas.text("dy,", note_x, area.y + 14.0, LABEL, FAINT_INK, Align::Left);
    canvas.text("down", note_x, area.y + 32.0, LABEL, FAINT_INK, Align::Left);
}

/// How far an arrow that is as long as the distance between two of them may reach, as a share of that.
const LONGEST_ARROW: f32 = 1.2;

/// The frame that is deformed most, and arrows of how: from where the tissue lies at rest to where it is seen, enlarged.
fn deformation(canvas: &mut Canvas, film: &SheetFilm, bent: &Bent, area: Area) {
    let [_, height, width] = film.shape;
    let px_um = film.spec.acquisition.pixel_size_um();
    let time = bent.t as f64 / film.spec.acquisition.fps.get();
    let longest = bent.arrows.iter().map(|[_, [dy, dx]]| dy.hypot(*dx)).fold(0.0, f64::max);
    let remark = format!("at {time:.2} s, up to {} µm", short(longest * px_um));
    let area = panel(canvas, area, "Deformation", &remark);
    let place = image_area(film, Area::new(area.x, area.y, area.w, area.h - 24.0));
    let Some(mut inset) = Canvas::new(place.w as u32, place.h as u32) else { return };
    let whole = Area::new(0.0, 0.0, place.w, place.h);
    let window = Window::percentiles(&bent.pixels, STRETCH[0], STRETCH[1]);
    inset.image(&bent.pixels, [height, width], whole, window, Colors::Grey);
    inset.shade(whole, BLACK, 0.35);
    let zoom = place.w / width as f32;
    let room = LONGEST_ARROW * place.w.max(place.h) / super::ARROWS as f32;
    // A round factor, so that an eye can undo it.
    let times = if longest > 0.0 { round_length(f64::from(room / zoom) / longest).max(1.0) } else { 1.0 };
    let mut shafts = Vec::new();
    for [[y, x], [dy, dx]] in &bent.arrows {
        let from = [(*x + 0.5) as f32 * zoom, (*y + 0.5) as f32 * zoom];
        shafts.extend(arrow(from, [(times * dx) as f32 * zoom, (times * dy) as f32 * zoom]));
    }
    inset.segments(&shafts, BLACK, 4.0, 0.5);
    inset.segments(&shafts, ORANGE, 1.8, 1.0);
    canvas.paste(&inset, place.x, place.y);
    // The arrows' scale, below the picture.
    let um = round_length(longest * px_um).max(px_um * 0.01);
    let length = (um / px_um * times) as f32 * zoom;
    let y = place.y + place.h + 18.0;
    canvas.segments(&arrow([place.x + 2.0, y - 5.0], [length, 0.0]), ORANGE, 2.2, 1.0);
    let label = format!("{} µm, {} times as long as in the picture", short(um), short(times));
    canvas.text(&label, place.x + length + 14.0, y, LABEL, INK, Align::Left);
}

/// The strokes of an arrow.
fn arrow([x, y]: [f32; 2], [dx, dy]: [f32; 2]) -> Vec<[[f32; 2]; 2]> {
    let length = dx.hypot(dy);
    let end = [x + dx, y + dy];
    let mut strokes = vec![[[x, y], end]];
    if length > 3.0 {
        // Two barbs, at 30° to the shaft.
        let barb = (0.35 * length).min(7.0) / length;
        for side in [0.5_f32, -0.5] {
            let back = [0.866 * dx - side * dy, 0.866 * dy + side * dx];
            strokes.push([end, [end[0] - barb * back[0], end[1] - barb * back[1]]]);
        }
    }
    strokes
}

/// A field that does not change with time: its label, unit and values.
type StaticField<'a> = (String, &'static str, &'a [f64]);

fn is_map(dims: &[Dim]) -> bool {
    dims.ends_with(&[Dim::Height, Dim::Width])
}

/// Those that the recording has.
fn static_fields(film: &SheetFilm) -> Vec<StaticField<'_>> {
    let mut found = Vec::new();
    // The scope's own first, then what it looks at.
    let mut steps = AnyStep::all_defaults();
    steps.sort_by_key(|step| step.part() != Part::Instrument);
    for declared in steps.iter().flat_map(AnyStep::records).filter(|declared| is_map(declared.dims)) {
        let name = declared.name;
        let Some(array) = film.truth.array(name) else { continue };
        let Some(values) = film.truth.f64s(name) else { continue };
        let [.., height, width] = array.shape[..] else { continue };
        let label = label(declared, &steps, is_map);
        let label = match array.shape[..] {
            [n, _, _] => format!("{label}, 1 of {n}"),
            _ => label,
        };
        if let Some(first) = values.get(..height * width)
            && [height, width] == film.shape[1..]
        {
            found.push((label, array.declared.unit, first));
        }
    }
    found
}

/// Fields that do not change with time, each on its own scale.
fn fields(canvas: &mut Canvas, film: &SheetFilm, found: &[StaticField<'_>], area: Area) {
    let slot = (area.w + GAP) / FIELDS_IN_A_ROW as f32;
    let [_, height, width] = film.shape;
    for (k, (label, unit, values)) in found.iter().enumerate() {
        let (row, column) = (k / FIELDS_IN_A_ROW, k % FIELDS_IN_A_ROW);
        let at = [area.x + column as f32 * slot, area.y + row as f32 * (FIELDS_HEIGHT + FIELDS_GAP)];
        let place = Area::new(at[0], at[1], slot - GAP, FIELDS_HEIGHT);
        let place = panel(canvas, place, label, unit);
        let image = image_area(film, Area::new(place.x, place.y, place.w - 70.0, place.h));
        let window = Window::range(values.iter().copied());
        let pixels: Vec<f32> = values.iter().map(|v| *v as f32).collect();
        canvas.image(&pixels, [height, width], image, window, Colors::Viridis);
        let bar = Area::new(image.x + image.w + 10.0, image.y, 12.0, image.h);
        let ramp: Vec<f32> = (0..64).rev().map(|i| i as f32 / 63.0).collect();
        canvas.image(&ramp, [64, 1], bar, Window { low: 0.0, high: 1.0 }, Colors::Viridis);
        let x = bar.x + bar.w + 6.0;
        canvas.text(&short(window.high), x, bar.y + 11.0, LABEL, INK, Align::Left);
        if window.high > window.low {
            canvas.text(&short(window.low), x, bar.y + bar.h, LABEL, INK, Align::Left);
        }
    }
}

/// Time courses, each kind in a plot of its own.
fn over_time(canvas: &mut Canvas, film: &SheetFilm, found: &[TimeCourse<'_>], area: Area) {
    const COLORS: [Rgb; 5] = [BLUE, VERMILLION, ORANGE, SKY, INK];
    let slot = (area.w + GAP) / found.len().max(4) as f32;
    let fps = film.spec.acquisition.fps.get();
    for (k, TimeCourse { label, unit, curves: courses, .. }) in found.iter().enumerate() {
        let place = Area::new(area.x + k as f32 * slot, area.y, slot - GAP, area.h);
        let unit = if unit.is_empty() { "no unit" } else { unit };
        let place = panel(canvas, place, label, unit).inset(48.0, 4.0, 8.0, 44.0);
        let range = Window::range(courses.iter().flat_map(|course| course.iter().copied()));
        let room = (0.05 * (range.high - range.low)).max(1e-6 * range.high.abs()).max(1e-9);
        let n_frames = courses.first().map_or(0, |course| course.len());
        let x = Window { low: 0.0, high: n_frames as f64 / fps };
        let axes = Axes { area: place, x, y: Window { low: range.low - room, high: range.high + room } };
        axes.y_ticks(canvas, "");
        // Of many frames in a column, the lowest and the highest are drawn.
        let stretch = n_frames.div_ceil((place.w as usize).max(1)).max(1);
        for (course, color) in courses.iter().zip(COLORS.into_iter().cycle()) {
            let points = course.chunks(stretch).enumerate().flat_map(|(i, frames)| {
                let middle = (i * stretch) as f64 + frames.len() as f64 / 2.0;
                let range = Window::range(frames.iter().copied());
                let ends = if stretch == 1 { vec![range.low] } else { vec![range.low, range.high] };
                ends.into_iter().map(move |v| [middle / fps, v])
            });
            let points: Vec<[f32; 2]> = points.map(|[x, y]| axes.at(x, y)).collect();
            canvas.polyline(&points, color, 1.3);
        }
        axes.x_ticks(canvas, "time (s)");
    }
}
