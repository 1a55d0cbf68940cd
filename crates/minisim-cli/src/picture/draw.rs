//! Drawing primitives: a canvas with lines, text and images in scientific colours.

use std::sync::LazyLock;

use fontdue::{Font, FontSettings};
use tiny_skia::{FillRule, Paint, PathBuilder, Pixmap, PixmapPaint, Rect, Stroke, Transform};

use super::scale::{Window, resampled};

/// A colour, red-green-blue.
pub(super) type Rgb = [u8; 3];

pub(super) const INK: Rgb = [33, 37, 41];
pub(super) const FAINT_INK: Rgb = [110, 117, 125];
pub(super) const GRID: Rgb = [222, 226, 230];
pub(super) const PAPER: Rgb = [255, 255, 255];
pub(super) const BLACK: Rgb = [0, 0, 0];
// Okabe and Ito's palette: colour-blind eyes can distinguish them, too.
pub(super) const ORANGE: Rgb = [230, 159, 0];
pub(super) const SKY: Rgb = [86, 180, 233];
pub(super) const BLUE: Rgb = [0, 114, 178];
pub(super) const VERMILLION: Rgb = [213, 94, 0];

static REGULAR: LazyLock<Font> = LazyLock::new(|| font(include_bytes!("../../assets/inter/Inter-Regular.otf")));
static BOLD: LazyLock<Font> = LazyLock::new(|| font(include_bytes!("../../assets/inter/Inter-SemiBold.otf")));

fn font(bytes: &[u8]) -> Font {
    Font::from_bytes(bytes, FontSettings::default()).expect("the bundled font is valid")
}

/// Reads the letters, which are read once.
pub(super) fn read_fonts() {
    LazyLock::force(&REGULAR);
    LazyLock::force(&BOLD);
}

/// Where a text stands relative to its anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Center,
    Right,
}

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) w: f32,
    pub(super) h: f32,
}

impl Area {
    pub(super) fn new(x: f32, y: f32, w: f32, h: f32) -> Self {
        Self { x, y, w, h }
    }

    /// The area without a border.
    pub(super) fn inset(self, left: f32, top: f32, right: f32, bottom: f32) -> Self {
        Self::new(self.x + left, self.y + top, (self.w - left - right).max(1.0), (self.h - top - bottom).max(1.0))
    }

    /// The largest area of the aspect `w : h` inside, centred.
    pub(super) fn fit(self, w: f32, h: f32) -> Self {
        let scale = (self.w / w).min(self.h / h);
        let (w, h) = (w * scale, h * scale);
        Self::new(self.x + (self.w - w) / 2.0, self.y + (self.h - h) / 2.0, w, h)
    }
}

/// How values become colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colors {
    Grey,
    Viridis,
}

/// Viridis at even steps; in between it is interpolated.
const VIRIDIS: [Rgb; 9] = [
    [68, 1, 84],
    [71, 44, 122],
    [59, 81, 139],
    [44, 113, 142],
    [33, 144, 141],
    [39, 173, 129],
    [92, 200, 99],
    [170, 220, 50],
    [253, 231, 37],
];

impl Colors {
    pub(super) fn at(self, share: f32) -> Rgb {
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        match self {
            Self::Grey => [(share * 255.0).round() as u8; 3],
            Self::Viridis => {
                let at = share * 8.0;
                let low = (at as usize).min(7);
                let t = at - low as f32;
                std::array::from_fn(|i| {
                    (f32::from(VIRIDIS[low][i]) * (1.0 - t) + f32::from(VIRIDIS[low + 1][i]) * t).round() as u8
                })
            }
        }
    }
}

/// What is drawn on.
pub(super) struct Canvas {
    pixmap: Pixmap,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32) -> Option<Self> {
        let mut pixmap = Pixmap::new(width, height)?;
        pixmap.fill(tiny_skia::Color::WHITE);
        Some(Self { pixmap })
    }

    /// The picture as PNG, coded quickly: a sheet is made far more often than it is sent anywhere.
    pub(super) fn png(&self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.pixmap.width(), self.pixmap.height());
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        // Canvases are opaque, so their colours are as they were drawn.
        let rgb: Vec<u8> = self.pixmap.pixels().iter().flat_map(|p| [p.red(), p.green(), p.blue()]).collect();
        let written = encoder.write_header().and_then(|mut writer| {
            writer.write_image_data(&rgb)?;
            writer.finish()
        });
        written.map_err(|e| e.to_string())?;
        Ok(bytes)
    }

    pub(super) fn fill(&mut self, area: Area, color: Rgb) {
        if let Some(rect) = Rect::from_xywh(area.x, area.y, area.w, area.h) {
            self.pixmap.fill_rect(rect, &paint(color, 1.0), Transform::identity(), None);
        }
    }

    /// Darkens or tints what is there.
    pub(super) fn shade(&mut self, area: Area, color: Rgb, opacity: f32) {
        if let Some(rect) = Rect::from_xywh(area.x, area.y, area.w, area.h) {
            self.pixmap.fill_rect(rect, &paint(color, opacity), Transform::identity(), None);
        }
    }

    pub(super) fn frame(&mut self, area: Area, color: Rgb) {
        let (r, b) = (area.x + area.w, area.y + area.h);
        let corners = [[area.x, area.y], [r, area.y], [r, b], [area.x, b], [area.x, area.y]];
        self.polyline(&corners, color, 1.0);
    }

    pub(super) fn polyline(&mut self, points: &[[f32; 2]], color: Rgb, width: f32) {
        let mut path = PathBuilder::new();
        for (i, [x, y]) in points.iter().filter(|p| p.iter().all(|v| v.is_finite())).enumerate() {
            if i == 0 {
                path.move_to(*x, *y);
            } else {
                path.line_to(*x, *y);
            }
        }
        self.stroke(path, color, width, 1.0);
    }

    /// Separate straight pieces, in one stroke.
    pub(super) fn segments(&mut self, segments: &[[[f32; 2]; 2]], color: Rgb, width: f32, opacity: f32) {
        let mut path = PathBuilder::new();
        for [a, b] in segments {
            path.move_to(a[0], a[1]);
            path.line_to(b[0], b[1]);
        }
        self.stroke(path, color, width, opacity);
    }

    /// Lines through many points each, in one stroke; `closed` lines join their ends.
    pub(super) fn outlines(&mut self, lines: &[(Vec<[f32; 2]>, bool)], color: Rgb, width: f32, opacity: f32) {
        let mut path = PathBuilder::new();
        for (points, closed) in lines {
            for (i, [x, y]) in points.iter().enumerate() {
                if i == 0 { path.move_to(*x, *y) } else { path.line_to(*x, *y) }
            }
            if *closed && points.len() > 1 {
                path.close();
            }
        }
        self.stroke(path, color, width, opacity);
    }

    fn stroke(&mut self, path: PathBuilder, color: Rgb, width: f32, opacity: f32) {
        let stroke = Stroke {
            width,
            line_cap: tiny_skia::LineCap::Round,
            line_join: tiny_skia::LineJoin::Round,
            ..Stroke::default()
        };
        if let Some(path) = path.finish() {
            self.pixmap.stroke_path(&path, &paint(color, opacity), &stroke, Transform::identity(), None);
        }
    }

    /// Puts another canvas on this one.
    pub(super) fn paste(&mut self, other: &Self, x: f32, y: f32) {
        let (x, y) = (x.round() as i32, y.round() as i32);
        self.pixmap.draw_pixmap(x, y, other.pixmap.as_ref(), &PixmapPaint::default(), Transform::identity(), None);
    }

    pub(super) fn dot(&mut self, x: f32, y: f32, radius: f32, color: Rgb) {
        let mut path = PathBuilder::new();
        path.push_circle(x, y, radius);
        if let Some(path) = path.finish() {
            self.pixmap.fill_path(&path, &paint(color, 1.0), FillRule::Winding, Transform::identity(), None);
        }
    }

    /// Text with its baseline at `y`.
    pub(super) fn text(&mut self, text: &str, x: f32, y: f32, size: f32, color: Rgb, align: Align) {
        self.write(&REGULAR, text, x, y, size, color, align);
    }

    /// Bold text with its baseline at `y`.
    pub(super) fn bold(&mut self, text: &str, x: f32, y: f32, size: f32, color: Rgb, align: Align) {
        self.write(&BOLD, text, x, y, size, color, align);
    }

    /// Centred text with a thin rim, to be read on any ground.
    pub(super) fn haloed(&mut self, text: &str, x: f32, y: f32, size: f32, color: Rgb, rim: Rgb) {
        for (dx, dy) in
            [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (-1.0, -1.0), (1.0, 1.0), (-1.0, 1.0), (1.0, -1.0)]
        {
            self.write(&BOLD, text, x + dx, y + dy, size, rim, Align::Center);
        }
        self.write(&BOLD, text, x, y, size, color, Align::Center);
    }

    #[expect(clippy::too_many_arguments, reason = "a text has that many properties")]
    fn write(&mut self, font: &Font, text: &str, x: f32, y: f32, size: f32, color: Rgb, align: Align) {
        let width = advance(font, text, size);
        let mut pen = match align {
            Align::Left => x,
            Align::Center => x - width / 2.0,
            Align::Right => x - width,
        };
        let (w, h) = (self.pixmap.width() as i32, self.pixmap.height() as i32);
        for c in text.chars() {
            let (metrics, coverage) = font.rasterize(c, size);
            let left = pen.round() as i32 + metrics.xmin;
            let top = y.round() as i32 - metrics.ymin - metrics.height as i32;
            for (i, alpha) in coverage.iter().enumerate().filter(|(_, a)| **a > 0) {
                let (px, py) = (left + (i % metrics.width) as i32, top + (i / metrics.width) as i32);
                if (0..w).contains(&px) && (0..h).contains(&py) {
                    let at = (py * w + px) as usize * 4;
                    let data = &mut self.pixmap.data_mut()[at..at + 3];
                    for (d, c) in data.iter_mut().zip(color) {
                        let a = u32::from(*alpha);
                        *d = ((u32::from(*d) * (255 - a) + u32::from(c) * a) / 255) as u8;
                    }
                }
            }
            pen += metrics.advance_width;
        }
    }

    /// Fills `area` with an image of `shape` (height, width), values in `window` over the colours.
    pub(super) fn image(&mut self, values: &[f32], shape: [usize; 2], area: Area, window: Window, colors: Colors) {
        let (w, h) = (area.w.round().max(1.0) as usize, area.h.round().max(1.0) as usize);
        let Some(mut pixmap) = Pixmap::new(w as u32, h as u32) else { return };
        let shown = resampled(values, shape, [h, w], window.low as f32);
        for (pixel, value) in pixmap.data_mut().chunks_exact_mut(4).zip(shown) {
            let [r, g, b] = colors.at(window.share(f64::from(value)) as f32);
            pixel.copy_from_slice(&[r, g, b, 255]);
        }
        self.paste(&Self { pixmap }, area.x, area.y);
    }
}

/// Width of a text in pixels.
pub(super) fn text_width(text: &str, size: f32) -> f32 {
    advance(&REGULAR, text, size)
}

fn advance(font: &Font, text: &str, size: f32) -> f32 {
    text.chars().map(|c| font.metrics(c, size).advance_width).sum()
}

fn paint(color: Rgb, opacity: f32) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color_rgba8(color[0], color[1], color[2], (opacity * 255.0).round() as u8);
    paint.anti_alias = true;
    paint
}
