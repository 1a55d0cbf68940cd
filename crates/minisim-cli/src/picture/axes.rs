//! Axes of plots.

use super::{
    draw::{Align, Area, Canvas, FAINT_INK, GRID, INK},
    scale::{Window, fixed, ticks},
};

/// Size of the labels.
pub(super) const LABEL: f32 = 13.5;

/// Axes of a plot: a map from data to the screen and labelled ticks.
pub(super) struct Axes {
    pub(super) area: Area,
    pub(super) x: Window,
    pub(super) y: Window,
}

impl Axes {
    pub(super) fn at(&self, x: f64, y: f64) -> [f32; 2] {
        let share = |w: Window, v: f64| if w.high > w.low { (v - w.low) / (w.high - w.low) } else { 0.5 };
        [
            self.area.x + share(self.x, x) as f32 * self.area.w,
            self.area.y + self.area.h * (1.0 - share(self.y, y) as f32),
        ]
    }

    pub(super) fn x_ticks(&self, canvas: &mut Canvas, label: &str) {
        let bottom = self.area.y + self.area.h;
        canvas.segments(&[[[self.area.x, bottom], [self.area.x + self.area.w, bottom]]], FAINT_INK, 1.0, 1.0);
        let (marks, decimals) = ticks(self.x.low, self.x.high, (self.area.w / 75.0) as usize);
        for mark in marks {
            let [x, _] = self.at(mark, self.y.low);
            canvas.segments(&[[[x, bottom], [x, bottom + 5.0]]], FAINT_INK, 1.0, 1.0);
            canvas.text(&fixed(mark, decimals), x, bottom + 20.0, LABEL, INK, Align::Center);
        }
        let middle = self.area.x + self.area.w / 2.0;
        canvas.text(label, middle, bottom + 40.0, LABEL, FAINT_INK, Align::Center);
    }

    /// Ticks on the left, with faint lines across, and what runs up above them.
    pub(super) fn y_ticks(&self, canvas: &mut Canvas, label: &str) {
        let (marks, decimals) = ticks(self.y.low, self.y.high, (self.area.h / 36.0) as usize);
        for mark in marks {
            let [_, y] = self.at(self.x.low, mark);
            canvas.segments(&[[[self.area.x, y], [self.area.x + self.area.w, y]]], GRID, 1.0, 1.0);
            canvas.text(&fixed(mark, decimals), self.area.x - 8.0, y + 5.0, LABEL, INK, Align::Right);
        }
        canvas.text(label, self.area.x, self.area.y - 8.0, LABEL, FAINT_INK, Align::Left);
    }
}
