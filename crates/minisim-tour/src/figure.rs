//! What a chapter consists of, and what its figure shows.

use minisim::spec::Report;

/// A slider.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Knob {
    /// Its name in words.
    pub label: &'static str,
    /// Unit; empty for pure numbers.
    pub unit: &'static str,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Step between values.
    pub step: f64,
    /// Value at the start.
    pub start: f64,
}

/// One effect, explained.
#[derive(Clone, Copy, Debug)]
pub struct Chapter {
    /// Short name, for addresses and file names.
    pub name: &'static str,
    /// Title.
    pub title: &'static str,
    /// Two or three sentences.
    pub text: &'static str,
    /// A question that the sliders answer.
    pub question: &'static str,
    /// The answer.
    pub answer: &'static str,
    /// The sliders that matter.
    pub knobs: &'static [Knob],
    pub(crate) draw: fn(&[f64]) -> Result<Figure, Report>,
}

impl Chapter {
    /// Where the sliders stand at the start.
    #[must_use]
    pub fn start(&self) -> Vec<f64> {
        self.knobs.iter().map(|k| k.start).collect()
    }

    /// The figure for these values of the sliders, one each. What is missing or no number stands at its start; the rest is
    /// kept within the slider's range.
    ///
    /// # Errors
    /// When the engine refuses the spec that the values lead to.
    pub fn figure(&self, values: &[f64]) -> Result<Figure, Report> {
        let value = |(i, k): (usize, &Knob)| match values.get(i) {
            Some(v) if v.is_finite() => v.clamp(k.min, k.max),
            _ => k.start,
        };
        let values: Vec<f64> = self.knobs.iter().enumerate().map(value).collect();
        (self.draw)(&values)
    }
}

/// What a chapter shows for one setting of its sliders.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// Pictures and plots, from left to right.
    pub panels: Vec<Panel>,
    /// The numbers behind them.
    pub quantities: Vec<Quantity>,
    /// What is seen, in a sentence or two.
    pub caption: &'static str,
}

impl Figure {
    /// Nothing to show.
    pub(crate) fn empty() -> Self {
        Self { panels: Vec::new(), quantities: Vec::new(), caption: "" }
    }
}

/// One picture or plot.
#[derive(Clone, Debug, PartialEq)]
pub enum Panel {
    /// A picture.
    Image(Image),
    /// Curves.
    Plot(Plot),
}

/// A picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Title.
    pub title: String,
    /// (height, width) px.
    pub shape: [usize; 2],
    /// Values, row-major.
    pub data: Vec<f32>,
    /// Value shown as black.
    pub low: f32,
    /// Value shown as white.
    pub high: f32,
    /// Size of a pixel (µm), for the scale bar.
    pub pixel_um: f64,
    /// Circles drawn over it.
    pub marks: Vec<Mark>,
}

impl Image {
    /// The picture with another black and white.
    pub(crate) fn between(self, low: f32, high: f32) -> Self {
        // However bright an even picture is, there must be something between black and white.
        Self { low, high: high.max(low + 1e-6_f32.max(1e-6 * low.abs())), ..self }
    }
}

/// A circle on a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Row of its centre (px).
    pub row: f64,
    /// Column of its centre (px).
    pub col: f64,
    /// Radius (px).
    pub radius: f64,
    /// What it marks; also the series of a plot with that label.
    pub label: String,
}

/// Curves over a common axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Title.
    pub title: String,
    /// What runs along, with its unit.
    pub x: String,
    /// What runs up, with its unit.
    pub y: String,
    /// The curves.
    pub series: Vec<Series>,
}

/// A curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name.
    pub label: String,
    /// Points (x, y); a NaN interrupts the curve.
    pub points: Vec<[f32; 2]>,
}

impl Series {
    pub(crate) fn new(label: impl Into<String>, points: impl IntoIterator<Item = [f64; 2]>) -> Self {
        Self { label: label.into(), points: points.into_iter().map(|p| p.map(|v| v as f32)).collect() }
    }
}

/// A number of the figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// What it is.
    pub label: String,
    /// The number.
    pub value: f64,
    /// Digits after the point that mean something.
    pub digits: usize,
    /// Unit; empty for pure numbers.
    pub unit: &'static str,
}

impl Quantity {
    pub(crate) fn new(label: impl Into<String>, value: f64, digits: usize, unit: &'static str) -> Self {
        Self { label: label.into(), value, digits, unit }
    }

    /// The number with its unit.
    #[must_use]
    pub fn text(&self) -> String {
        let number = format!("{:.*}", self.digits, self.value);
        // No "-0.0".
        let number = if number.trim_matches(['-', '0', '.']).is_empty() { number.replace('-', "") } else { number };
        if self.unit.is_empty() { number } else { format!("{number} {}", self.unit) }
    }
}
