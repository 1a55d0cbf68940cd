//! What is kept of a pipeline on a recording: one small file, whole or not there.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use minisim::{
    DETECT_SNR_THRESHOLD, GroundTruth,
    metrics::{Score, Similarity},
};
use minisim_io::Machine;
use serde::{Deserialize, Serialize};

use crate::exit::Failure;

/// Layout of the files; those of another one are not read.
const FORMAT: u32 = 1;

/// Footprints are alike by the cosine of their angle: it depends neither on the size of a pixel nor on how a pipeline cuts a
/// footprint off, as an overlap of areas does.
pub(super) const METRIC: Similarity = Similarity::Cosine;
/// Likeness from which a cell counts as found.
pub(super) const THRESHOLD: f64 = 0.5;

/// The property of cells that says how far they stand out for the ideal observer.
pub(super) const DEMIXING: &str = "demixing SNR";

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    /// It left an estimate.
    Ok,
    /// It could not be started, or ended with an error.
    Failed,
    /// It took longer than it may.
    TimeLimit,
    /// It left nothing that can be scored.
    Nonsense,
}

impl Status {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
            Self::TimeLimit => "time_limit",
            Self::Nonsense => "nonsense",
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Ok => "done",
            Self::Failed => "failed",
            Self::TimeLimit => "took too long",
            Self::Nonsense => "left nothing that can be scored",
        }
    }
}

/// A pipeline on a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) format: u32,
    pub(super) set: String,
    pub(super) size: String,
    pub(super) recording: String,
    pub(super) factor: String,
    pub(super) level: f64,
    pub(super) spec_cache_key: String,
    pub(super) pipeline: String,
    pub(super) command: String,
    pub(super) film_format: String,
    pub(super) time_limit_s: f64,
    pub(super) status: Status,
    /// What went wrong.
    pub(super) why: Option<String>,
    /// How long the command ran; all that follows up to the figures is `None` where it was not started or the system does not say.
    pub(super) wall_s: Option<f64>,
    pub(super) cpu_s: Option<f64>,
    /// Memory of the largest process.
    pub(super) peak_bytes: Option<u64>,
    pub(super) n_frames: usize,
    pub(super) minisim: String,
    /// What the pipeline says of itself in `versions.json`.
    pub(super) versions: BTreeMap<String, String>,
    pub(super) machine: Machine,
    /// Recordings that were worked on at the same time, at most.
    pub(super) jobs: usize,
    pub(super) finished_unix_s: u64,
    /// `None` unless the status is ok.
    pub(super) figures: Option<Figures>,
    /// What the best that there can be reaches.
    pub(super) ideal: Ideal,
    /// The cells that were asked for. There whatever the pipeline did: what it left nothing of, it did not find.
    pub(super) cells: Cells,
}

/// Numbers of one comparison; `None` for what the pipeline did not estimate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Figures {
    pub(super) n_est: usize,
    pub(super) n_found: usize,
    pub(super) recall: f64,
    pub(super) precision: f64,
    pub(super) f1: f64,
    pub(super) average_precision: f64,
    pub(super) mean_overlap: f64,
    pub(super) merges: usize,
    pub(super) splits: usize,
    /// Cells found by area, as CaImAn compares.
    pub(super) area_f1: f64,
    /// Cells found by their centres, as Neurofinder compares.
    pub(super) center_f1: f64,
    pub(super) trace_corr: Option<f64>,
    pub(super) activity_corr: Option<f64>,
    pub(super) spike_f1: Option<f64>,
    pub(super) motion_rmse_px: Option<f64>,
    pub(super) motion_rmse_um: Option<f64>,
    /// Mean endpoint error of a displacement that differs over the field of view.
    pub(super) displacement_error_um: Option<f64>,
    /// Correlation of the depth in focus, of either sign.
    pub(super) depth_corr: Option<f64>,
    pub(super) offset_px: [i64; 2],
}

/// What the ideal observer reaches on a recording; `None` where its bounds are not known.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Ideal {
    /// Median correlation of its traces with the true ones.
    pub(super) trace_corr: Option<f64>,
    /// RMS error of its motion.
    pub(super) motion_rmse_um: Option<f64>,
}

/// The cells asked for, one number each.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Cells {
    /// Which cell of the recording.
    pub(super) unit: Vec<usize>,
    pub(super) found: Vec<bool>,
    /// Correlation of the pair's traces; `None` for cells without a pair.
    pub(super) trace_corr: Vec<Option<f64>>,
    /// Properties, by name with unit.
    pub(super) by: BTreeMap<String, Vec<Option<f64>>>,
}

fn known(v: f64) -> Option<f64> {
    v.is_finite().then_some(v)
}

impl Figures {
    pub(super) fn of(score: &Score, pixel_um: f64) -> Self {
        let d = &score.details;
        Self {
            n_est: score.n_est,
            n_found: score.n_matched,
            recall: score.recall,
            precision: score.precision,
            f1: score.f1,
            average_precision: d.precision_recall.average_precision,
            mean_overlap: score.mean_overlap,
            merges: d.merges_and_splits.merges,
            splits: d.merges_and_splits.splits,
            area_f1: d.caiman.f1,
            center_f1: d.neurofinder.found.f1,
            trace_corr: known(score.trace_corr),
            activity_corr: known(score.activity_corr),
            spike_f1: d.events.map(|e| e.f1),
            motion_rmse_px: score.shift_rmse,
            motion_rmse_um: score.shift_rmse.map(|e| e * pixel_um),
            displacement_error_um: score.endpoints.as_ref().and_then(|e| known(e.mean_px * pixel_um)),
            depth_corr: score.axial_corr.and_then(known),
            offset_px: score.footprint_shift,
        }
    }
}

impl Ideal {
    pub(super) fn of(truth: &GroundTruth, pixel_um: f64) -> Self {
        let Some(ideal) = minisim::benchmark::ideal(&truth.subset(truth.detectable())) else { return Self::default() };
        let mut corr = ideal.trace_corr;
        corr.sort_by(f64::total_cmp);
        Self {
            trace_corr: corr.get(corr.len() / 2).copied().and_then(known),
            motion_rmse_um: known(ideal.motion_rmse_px * pixel_um),
        }
    }
}

impl Cells {
    /// The cells that can be asked for, none of them found.
    pub(super) fn asked(truth: &GroundTruth) -> Self {
        let keep = truth.detectable();
        let asked = truth.subset(keep);
        let unit: Vec<usize> = (0..keep.len()).filter(|i| keep[*i]).collect();
        let by = minisim::metrics::properties(&asked)
            .into_iter()
            .map(|(name, values)| (name.to_owned(), values.into_iter().map(known).collect()))
            .collect();
        Self { found: vec![false; unit.len()], trace_corr: vec![None; unit.len()], unit, by }
    }

    /// Which of them the ideal observer can tell from noise and neighbours; `None` where its bounds are not known.
    pub(super) fn separable(&self) -> Option<Vec<bool>> {
        let snr = self.by.get(DEMIXING)?;
        Some(snr.iter().map(|v| v.is_some_and(|v| v >= DETECT_SNR_THRESHOLD)).collect())
    }

    /// Notes which of them were found.
    pub(super) fn note(&mut self, score: &Score) {
        for (_, j) in score.matching.matched_pairs(THRESHOLD) {
            self.found[j] = true;
        }
        for ((_, j), r) in score.matching.pairing.iter().zip(&score.details.trace_corr) {
            self.trace_corr[*j] = known(*r);
        }
    }
}

/// Where the results of a pipeline lie.
#[derive(Clone, Debug)]
pub(super) struct Place {
    dir: PathBuf,
}

impl Place {
    pub(super) fn new(root: &Path, pipeline: &str) -> Self {
        Self { dir: root.join(RESULTS).join(pipeline) }
    }

    pub(super) fn row(&self, recording: &str) -> PathBuf {
        self.dir.join(format!("{recording}.json"))
    }

    /// What the command printed.
    pub(super) fn log(&self, recording: &str) -> PathBuf {
        self.dir.join(format!("{recording}.log"))
    }

    /// All that it left, where that is kept.
    pub(super) fn outputs(&self, recording: &str) -> PathBuf {
        self.dir.join(recording)
    }

    /// The film with the cells that are there and those that were found.
    pub(super) fn picture(&self, recording: &str) -> PathBuf {
        self.dir.join(format!("{recording}.svg"))
    }
}

/// Folder of the results in a benchmark's folder.
const RESULTS: &str = "results";

impl Row {
    /// The row in a file; `None` if there is none, or none that can be trusted.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let row: Self = serde_json::from_str(&fs::read_to_string(path).ok()?).ok()?;
        (row.format == FORMAT && row.cells.found.len() == row.cells.unit.len()).then_some(row)
    }

    pub(super) fn format() -> u32 {
        FORMAT
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string(self).map_err(Failure::run)?;
        minisim_io::write_file(path, text.as_bytes(), true).map_err(Failure::run)
    }
}

/// All rows of a benchmark's folder, by pipeline.
pub(super) fn read_all(root: &Path) -> Result<BTreeMap<String, Vec<Row>>, Failure> {
    let dir = root.join(RESULTS);
    let list = |dir: &Path| -> Result<Vec<PathBuf>, Failure> {
        let entries = fs::read_dir(dir).map_err(|e| {
            Failure::Input(format!(
                "{}: could not be read ({e}); give the folder of `minisim benchmark run`",
                dir.display()
            ))
        })?;
        let mut paths: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).collect();
        paths.sort();
        Ok(paths)
    };
    let mut found = BTreeMap::new();
    for pipeline in list(&dir)?.into_iter().filter(|p| p.is_dir()) {
        let name = pipeline.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let rows = list(&pipeline)?.into_iter().filter(|p| p.extension().is_some_and(|e| e == "json"));
        let rows: Vec<Row> = rows.filter_map(|p| Row::read(&p)).collect();
        if !rows.is_empty() {
            found.insert(name, rows);
        }
    }
    Ok(found)
}
