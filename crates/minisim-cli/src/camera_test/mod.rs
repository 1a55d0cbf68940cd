//! `minisim camera-test`: the camera as its standard measures it.

mod html;

use std::path::{Path, PathBuf};

use minisim::{
    Spec,
    emva::{CameraTest, Procedure, Settings, Spectrogram, measure},
};
use minisim_tour::{Figure, Panel, Plot, Quantity, Series};
use serde_json::{Value, json};

use crate::{assemble::SpecArgs, exit::Failure, interrupt, picture::figure, talk::Talk, text};

/// Arguments of `minisim camera-test`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  minisim camera-test mine.json
  minisim camera-test --preset v4-ca1 --set acquisition.image_sensor.full_well_e=9000 -o report.html
  minisim camera-test mine.json -o report.png --json > camera.json

Simulated exposures of the sensor to even light are measured as EMVA 1288 (Release 4.0 Linear) asks: the photon transfer
curve, linearity, dark current, DSNU and PRNU with their spectrograms. Everything is estimated from the counts alone; what
the spec sets stands beside it.")]
pub(crate) struct Args {
    #[command(flatten)]
    spec: SpecArgs,
    /// A report to write: .html (plots, to read or print) or .png.
    #[arg(short, long, value_name = "REPORT")]
    output: Option<PathBuf>,
    /// Replace an existing report.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    talk: Talk,
}

/// A number of the report.
pub(super) struct Row {
    /// Its name for programs.
    key: &'static str,
    label: &'static str,
    unit: &'static str,
    measured: f64,
    set: f64,
    /// Digits after the point.
    digits: usize,
}

impl Row {
    fn number(&self, value: f64) -> String {
        if value.is_finite() { format!("{value:.*}", self.digits) } else { "–".to_owned() }
    }

    /// How far the measured number is off, in per cent of what was set.
    fn deviation(&self) -> String {
        let percent = 100.0 * (self.measured / self.set - 1.0);
        if !percent.is_finite() {
            return "–".to_owned();
        }
        format!("{}{:.2} %", if percent < 0.0 { "−" } else { "+" }, percent.abs())
    }
}

/// Runs the subcommand.
pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let (spec, name) = args.spec.assemble()?;
    let is_html = args.output.as_deref().map(is_html).transpose()?;
    if let Some(path) = args.output.as_ref().filter(|path| path.exists() && !args.force) {
        return Err(Failure::Input(format!("{} exists; --force replaces it, -o writes elsewhere", path.display())));
    }
    spec.cost().check_simulable(&spec).map_err(Failure::input)?;
    let _cancel = interrupt::cancel_on_signal(interrupt::NOTHING_WRITTEN)?;
    let procedure = Procedure::default();
    let test = measure(&spec, &procedure).map_err(Failure::input)?;
    let rows = rows(&test, &Settings::of(&spec));
    let notes = notes(&test);
    notes.iter().for_each(|note| eprintln!("warning: {note}"));
    if let (Some(path), Some(is_html)) = (&args.output, is_html) {
        let heading = format!("Camera test: {name}");
        let plots = plots(&test);
        let bytes = if is_html {
            html::page(&heading, &about(&spec, &procedure), &notes, &rows, &plots).into_bytes()
        } else {
            let quantity = |row: &Row| Quantity {
                label: format!("{}; set: {}", row.label, row.number(row.set)),
                value: row.measured,
                digits: row.digits,
                unit: row.unit,
            };
            let figure = Figure {
                panels: plots.into_iter().map(Panel::Plot).collect(),
                quantities: rows.iter().map(quantity).collect(),
                caption: "What EMVA 1288 (Release 4.0 Linear) finds on simulated exposures of this sensor to even light.",
            };
            figure::draw(&heading, &figure).map_err(Failure::Run)?
        };
        minisim_io::write_file(path, &bytes, args.force).map_err(Failure::run)?;
    }
    let words = || {
        let line = |row: &Row| {
            let unit = if row.unit.is_empty() { String::new() } else { format!(" {}", row.unit) };
            let (measured, set, off) = (row.number(row.measured), row.number(row.set), row.deviation());
            (row.label.to_owned(), format!("{measured}{unit}; set {set} ({off})"))
        };
        let lines: Vec<(String, String)> = rows.iter().map(line).collect();
        let report = args.output.as_ref().map_or(String::new(), |path| format!("{}\n", path.display()));
        format!("{name}\n{}{report}", text::table(&lines))
    };
    args.talk.say(words, || as_json(&test, &rows))
}

/// Whether a report is a page; else it is a picture.
fn is_html(path: &Path) -> Result<bool, Failure> {
    match path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase).as_deref() {
        Some("html" | "htm") => Ok(true),
        Some("png") => Ok(false),
        _ => Err(Failure::Input(format!("output {}: its name must end in .html or .png", path.display()))),
    }
}

fn about(spec: &Spec, procedure: &Procedure) -> String {
    let sensor = &spec.acquisition.image_sensor;
    format!(
        "EMVA 1288 Release 4.0 Linear on simulated exposures: {} × {} px, {} bits; {} levels of light, {} dark exposure times, stacks \
         of {} images; exposure {:.2} ms, sensor at {} °C. Defects are not left out.",
        sensor.n_px_height.get(),
        sensor.n_px_width.get(),
        sensor.bit_depth.get(),
        procedure.n_light,
        procedure.n_dark,
        procedure.n_stack,
        1e3 / spec.acquisition.fps.get(),
        sensor.temperature_c.get(),
    )
}

/// What keeps numbers from being right.
fn notes(test: &CameraTest) -> Vec<String> {
    let mut notes = Vec::new();
    if test.rounding_hides_noise {
        notes.push(
            "the steps of the counts are too wide for the dark noise: σ_d is an upper limit (a larger gain_adu_per_e or bit_depth \
             resolves it)"
                .to_owned(),
        );
    }
    if test.underflow >= 0.005 {
        notes.push(format!(
            "{:.1} % of the dark counts are 0, so σ_d, DSNU and dark current are too small; a larger black_level_adu keeps all",
            100.0 * test.underflow
        ));
    }
    notes
}

/// The report's numbers, in the standard's order.
fn rows(test: &CameraTest, set: &Settings) -> Vec<Row> {
    let row = |key, label, unit, digits, measured, set| Row { key, label, unit, measured, set, digits };
    let db = |ratio: f64| 20.0 * ratio.log10();
    let nonuniformity = test.dsnu_e;
    let response = test.prnu;
    let part = f64::NAN;
    vec![
        row("gain_adu_per_e", "gain K", "counts/e⁻", 4, test.gain_adu_per_e, set.gain_adu_per_e),
        row("quantum_efficiency", "quantum efficiency η", "", 3, test.quantum_efficiency, set.quantum_efficiency),
        row("dark_noise_e", "dark noise σ_d", "e⁻", 2, test.dark_noise_e, set.dark_noise_e),
        row("threshold_e", "threshold (SNR = 1)", "e⁻", 2, test.threshold_e, set.threshold_e),
        row("saturation_e", "full well μ_e.sat", "e⁻", 0, test.saturation_e, set.saturation_e),
        row("snr_max_db", "SNR_max", "dB", 2, db(test.snr_max), db(set.snr_max)),
        row("dynamic_range_db", "dynamic range", "dB", 2, db(test.dynamic_range), db(set.dynamic_range)),
        row("dark_current_e_per_s", "dark current", "e⁻/s", 2, test.dark_current_e_per_s, set.dark_current_e_per_s),
        row("dsnu_e", "DSNU1288", "e⁻", 3, nonuniformity.total, set.dsnu_e),
        row("dsnu_row_e", "DSNU of rows", "e⁻", 3, nonuniformity.row, part),
        row("dsnu_column_e", "DSNU of columns", "e⁻", 3, nonuniformity.column, part),
        row("dsnu_pixel_e", "DSNU of pixels", "e⁻", 3, nonuniformity.pixel, part),
        row("prnu_percent", "PRNU1288", "%", 3, 100.0 * response.total, 100.0 * set.prnu),
        row("prnu_row_percent", "PRNU of rows", "%", 3, 100.0 * response.row, part),
        row("prnu_column_percent", "PRNU of columns", "%", 3, 100.0 * response.column, part),
        row("prnu_pixel_percent", "PRNU of pixels", "%", 3, 100.0 * response.pixel, part),
        row(
            "linearity_error_percent",
            "linearity error",
            "%",
            3,
            100.0 * test.linearity.error,
            100.0 * set.linearity_error,
        ),
    ]
}

fn series(label: &str, points: impl IntoIterator<Item = [f64; 2]>) -> Series {
    Series { label: label.to_owned(), points: points.into_iter().map(|p| p.map(|v| v as f32)).collect() }
}

fn plot(title: &str, x: &str, y: &str, series: Vec<Series>) -> Plot {
    Plot { title: title.to_owned(), x: x.to_owned(), y: y.to_owned(), series }
}

/// The standard's curves.
fn plots(test: &CameraTest) -> Vec<Plot> {
    let k = test.gain_adu_per_e;
    let dark = test.transfer[0];
    let signal = |i: usize| test.transfer[i].mean_adu - dark.mean_adu;
    let (all, lit) = (0..test.transfer.len(), 1..=test.saturated_at);
    let saturated = signal(test.saturated_at);
    let transfer = plot(
        "Photon transfer",
        "mean above the dark (counts)",
        "variance (counts²)",
        vec![
            series("measured", all.clone().map(|i| [signal(i), test.transfer[i].variance_adu2])),
            series("slope K", [0.0, saturated].map(|s| [s, dark.variance_adu2 + k * s])),
        ],
    );
    let line = |photons: f64| test.linearity.offset + test.linearity.slope * photons;
    let response = plot(
        "Response",
        "photons per pixel",
        "mean above the dark (counts)",
        vec![
            series("measured", all.clone().map(|i| [test.transfer[i].photons, signal(i)])),
            series("straight", [0.0, test.saturation_photons].map(|p| [p, line(p)])),
        ],
    );
    let judged = lit.clone().filter(|i| (0.05..=0.95).contains(&(signal(*i) / saturated)));
    let deviation = plot(
        "Linearity",
        "photons per pixel",
        "deviation from a straight line (%)",
        vec![series("measured", judged.map(|i| [test.transfer[i].photons, 100.0 * test.linearity.deviation[i]]))],
    );
    let electrons = |i: usize| test.quantum_efficiency * test.transfer[i].photons;
    let db = |ratio: f64| 20.0 * ratio.log10();
    let dark_e2 = (test.dark_noise_adu / k).powi(2);
    let snr = test.snr();
    let ratio = plot(
        "Signal to noise",
        "electrons (log₁₀)",
        "SNR (dB)",
        vec![
            series("measured", lit.clone().map(|i| [electrons(i).log10(), db(snr[i])])),
            series(
                "by K and σ_d",
                lit.clone().map(|i| [electrons(i).log10(), db(electrons(i) / (electrons(i) + dark_e2).sqrt())]),
            ),
            series("shot noise", lit.map(|i| [electrons(i).log10(), db(electrons(i).sqrt())])),
        ],
    );
    let dark_series = plot(
        "Dark current",
        "exposure time (s)",
        "mean in the dark (counts)",
        vec![series("measured", test.dark.iter().map(|p| [p.exposure_s, p.mean_adu]))],
    );
    let spectrum = |title: &str, y: &str, of: &Spectrogram, total: f64, factor: f64| {
        let curve = |label: &str, power: &[f64]| {
            let frequency = |i: usize| 0.5 * (i + 1) as f64 / power.len() as f64;
            series(label, power.iter().enumerate().map(|(i, p)| [frequency(i), factor * p.sqrt()]))
        };
        let curves = vec![
            curve("along rows", &of.horizontal),
            curve("along columns", &of.vertical),
            series("if white", [0.0, 0.5].map(|f| [f, factor * total])),
        ];
        plot(title, "spatial frequency (cycles/px)", y, curves)
    };
    vec![
        transfer,
        response,
        deviation,
        ratio,
        spectrum("DSNU spectrogram", "amplitude (e⁻)", &test.dsnu_spectrogram_e2, test.dsnu_e.total, 1.0),
        spectrum("PRNU spectrogram", "amplitude (%)", &test.prnu_spectrogram, test.prnu.total, 100.0),
        dark_series,
    ]
}

fn as_json(test: &CameraTest, rows: &[Row]) -> Value {
    // JSON has no NaN: what was not set is null.
    let numbers = |of: &dyn Fn(&Row) -> f64| {
        rows.iter().map(|row| (row.key.to_owned(), of(row).into())).collect::<serde_json::Map<String, Value>>()
    };
    let transfer: Vec<Value> = test
        .transfer
        .iter()
        .zip(&test.linearity.deviation)
        .map(|(p, deviation)| {
            json!({
                "photons": p.photons,
                "mean_adu": p.mean_adu,
                "variance_adu2": p.variance_adu2,
                "deviation": deviation,
            })
        })
        .collect();
    let dark: Vec<Value> = test
        .dark
        .iter()
        .map(|p| json!({ "exposure_s": p.exposure_s, "mean_adu": p.mean_adu, "variance_adu2": p.variance_adu2 }))
        .collect();
    let spectrogram = |s: &Spectrogram| json!({ "horizontal": s.horizontal, "vertical": s.vertical });
    json!({
        "measured": numbers(&|row| row.measured),
        "set": numbers(&|row| row.set),
        "rounding_hides_noise": test.rounding_hides_noise,
        "underflow": test.underflow,
        "photon_transfer": transfer,
        "saturated_at": test.saturated_at,
        "dark": dark,
        "dsnu_spectrogram_e2": spectrogram(&test.dsnu_spectrogram_e2),
        "prnu_spectrogram": spectrogram(&test.prnu_spectrogram),
    })
}
