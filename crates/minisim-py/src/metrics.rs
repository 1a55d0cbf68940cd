//! Scores: arrays in, numbers out.

use minisim::metrics::{self, Footprints, MetricError, PatchShifts, Rows, ScoreOptions, Shift, Similarity};
use numpy::{
    IntoPyArray, PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArray3, PyUntypedArrayMethods,
};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyDict};

use crate::recording::truth_from_py;

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyFootprints>()?;
    m.add_function(wrap_pyfunction!(hungarian_match, m)?)?;
    m.add_function(wrap_pyfunction!(trace_pearson, m)?)?;
    m.add_function(wrap_pyfunction!(activity_similarity, m)?)?;
    m.add_function(wrap_pyfunction!(shift_rmse, m)?)?;
    m.add_function(wrap_pyfunction!(global_shift, m)?)?;
    m.add_function(wrap_pyfunction!(endpoint_error, m)?)?;
    m.add_function(wrap_pyfunction!(axial_correlation, m)?)?;
    m.add_function(wrap_pyfunction!(patch_field, m)?)?;
    m.add_function(wrap_pyfunction!(score, m)?)
}

fn wrong(error: MetricError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

type Pairs = Vec<(usize, usize)>;
type Array1<'py> = PyReadonlyArray1<'py, f64>;
type Array2<'py> = PyReadonlyArray2<'py, f64>;

/// A set of footprints, lit pixels only.
#[pyclass(name = "Footprints", frozen)]
struct PyFootprints(Footprints);

#[pymethods]
impl PyFootprints {
    /// From a dense array (footprint, row, column) in C order.
    #[staticmethod]
    fn from_dense(values: PyReadonlyArray3<'_, f64>) -> PyResult<Self> {
        let shape = values.shape();
        let shape = [shape[0], shape[1], shape[2]];
        Footprints::from_dense(values.as_slice()?, shape).map(Self).map_err(wrong)
    }

    /// From compressed sparse rows over row × width + column.
    #[staticmethod]
    fn from_csr(
        field: [usize; 2],
        indptr: PyReadonlyArray1<'_, i64>,
        indices: PyReadonlyArray1<'_, i64>,
        data: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<Self> {
        let index = |a: PyReadonlyArray1<'_, i64>| -> PyResult<Vec<usize>> {
            let all = a.as_array().iter().map(|v| usize::try_from(*v)).collect::<Result<_, _>>();
            all.map_err(|_| PyValueError::new_err("the sparse footprints have a negative index"))
        };
        Footprints::from_csr(field, &index(indptr)?, &index(indices)?, data.as_slice()?).map(Self).map_err(wrong)
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// (height, width) of the field (px).
    #[getter]
    fn field(&self) -> (usize, usize) {
        (self.0.height, self.0.width)
    }
}

/// A shift as Python gives it: None, "auto", or (dy, dx).
#[derive(FromPyObject)]
enum ShiftArgument {
    By([f64; 2]),
    Named(String),
}

impl ShiftArgument {
    fn resolve(this: Option<Self>) -> PyResult<Shift> {
        match this {
            None => Ok(Shift::None),
            Some(Self::By(by)) => Ok(Shift::By(by)),
            Some(Self::Named(name)) if name == "auto" => Ok(Shift::Auto),
            Some(Self::Named(name)) => Err(PyValueError::new_err(format!(
                "shift mode {name:?} is not known; use \"auto\", a (dy, dx) pair of pixels, or None"
            ))),
        }
    }
}

fn match_to_py<'py>(py: Python<'py>, matching: metrics::Match) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    let shape = [matching.n_est, matching.n_true];
    out.set_item("similarity_matrix", matching.similarity.into_pyarray(py).reshape(shape)?)?;
    out.set_item("pairing", matching.pairing)?;
    out.set_item("metric", matching.metric.name())?;
    out.set_item("shift", (matching.shift[0], matching.shift[1]))?;
    Ok(out)
}

#[pyfunction]
#[pyo3(signature = (estimate, truth, metric, energy_frac, shift))]
fn hungarian_match<'py>(
    py: Python<'py>,
    estimate: &Bound<'py, PyFootprints>,
    truth: &Bound<'py, PyFootprints>,
    metric: &str,
    energy_frac: f64,
    shift: Option<ShiftArgument>,
) -> PyResult<Bound<'py, PyDict>> {
    let metric = Similarity::from_name(metric).map_err(wrong)?;
    let shift = ShiftArgument::resolve(shift)?;
    let (estimate, truth) = (&estimate.get().0, &truth.get().0);
    let matching =
        py.detach(|| metrics::hungarian_match(estimate, truth, metric, energy_frac, shift)).map_err(wrong)?;
    match_to_py(py, matching)
}

/// Rows of a C-ordered array.
fn rows<'a>(array: &'a Array2<'_>) -> PyResult<Rows<'a>> {
    Rows::new(array.as_slice()?, [array.shape()[0], array.shape()[1]]).map_err(wrong)
}

#[pyfunction]
fn trace_pearson(estimate: Array2<'_>, truth: Array2<'_>, pairing: Pairs) -> PyResult<Vec<f64>> {
    metrics::trace_pearson(&rows(&estimate)?, &rows(&truth)?, &pairing).map_err(wrong)
}

/// Correlation, scale and variance explained, one each a pair.
#[pyfunction]
fn activity_similarity(
    estimate: Array2<'_>,
    truth: Array2<'_>,
    pairing: Pairs,
) -> PyResult<(Vec<f64>, Vec<f64>, Vec<f64>)> {
    let s = metrics::activity_similarity(&rows(&estimate)?, &rows(&truth)?, &pairing).map_err(wrong)?;
    Ok((s.correlation, s.scale, s.variance_explained))
}

#[pyfunction]
fn shift_rmse(estimate: Array2<'_>, truth: Array2<'_>, correction: bool, align: bool) -> PyResult<f64> {
    metrics::shift_rmse(estimate.as_slice()?, truth.as_slice()?, correction, align).map_err(wrong)
}

#[pyfunction]
fn global_shift(estimate: Array2<'_>, truth: Array2<'_>, correction: bool) -> PyResult<(i64, i64)> {
    let [dy, dx] =
        metrics::global_shift_from_trajectories(estimate.as_slice()?, truth.as_slice()?, correction).map_err(wrong)?;
    Ok((dy, dx))
}

/// Mean and 95th percentile (px), then both in µm, of fields (frame, yx, height, width) as rows of a frame each.
#[pyfunction]
fn endpoint_error(
    estimate: Array2<'_>,
    truth: Array2<'_>,
    pixel_um: f64,
    align: bool,
) -> PyResult<(f64, f64, f64, f64)> {
    let n_px = truth.shape()[1] / 2;
    let e = metrics::endpoint_error(estimate.as_slice()?, truth.as_slice()?, n_px, pixel_um, align).map_err(wrong)?;
    Ok((e.mean_px, e.p95_px, e.mean_um, e.p95_um))
}

#[pyfunction]
fn axial_correlation(estimate: Array1<'_>, truth: Array1<'_>) -> PyResult<f64> {
    metrics::axial_correlation(estimate.as_slice()?, truth.as_slice()?).map_err(wrong)
}

/// The displacement of every pixel, flat, from patches' (rows_px, cols_px, shifts_px), whose shifts are (frame, yx, patch row, patch
/// column), flat.
#[pyfunction]
fn patch_field<'py>(
    py: Python<'py>,
    patches: (Array1<'py>, Array1<'py>, Array1<'py>),
    shape: [usize; 2],
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    Ok(patch_shifts(&patches)?.field(shape).map_err(wrong)?.into_pyarray(py))
}

/// Shifts of patches from (rows_px, cols_px, shifts_px).
fn patch_shifts<'a>((rows, cols, shifts): &'a (Array1<'_>, Array1<'_>, Array1<'_>)) -> PyResult<PatchShifts<'a>> {
    Ok(PatchShifts { rows_px: rows.as_slice()?, cols_px: cols.as_slice()?, shifts_px: shifts.as_slice()? })
}

/// The scorecard and its details, as a dictionary.
#[pyfunction]
#[pyo3(signature = (
    footprints, traces, activity, shifts, displacement, axial, truth, metric, threshold, restrict_to_detectable, footprint_shift
))]
#[expect(clippy::too_many_arguments, reason = "private; the package gives them names")]
fn score<'py>(
    py: Python<'py>,
    footprints: &Bound<'py, PyFootprints>,
    traces: Option<Array2<'py>>,
    activity: Option<Array2<'py>>,
    shifts: Option<Array2<'py>>,
    displacement: Option<(Array1<'py>, Array1<'py>, Array1<'py>)>,
    axial: Option<Array1<'py>>,
    truth: &Bound<'py, PyDict>,
    metric: &str,
    threshold: f64,
    restrict_to_detectable: bool,
    footprint_shift: Option<ShiftArgument>,
) -> PyResult<Bound<'py, PyDict>> {
    let truth = truth_from_py(truth)?;
    let options = ScoreOptions {
        match_metric: Similarity::from_name(metric).map_err(wrong)?,
        match_threshold: threshold,
        restrict_to_detectable,
        footprint_shift: ShiftArgument::resolve(footprint_shift)?,
    };
    let estimate = metrics::Estimate {
        footprints: footprints.get().0.clone(),
        traces: traces.as_ref().map(rows).transpose()?,
        activity: activity.as_ref().map(rows).transpose()?,
        shifts: shifts.as_ref().map(|s| s.as_slice()).transpose()?,
        displacement: displacement.as_ref().map(patch_shifts).transpose()?,
        axial: axial.as_ref().map(|z| z.as_slice()).transpose()?,
    };
    let s = py.detach(|| metrics::score(&estimate, &truth, &options)).map_err(wrong)?;
    let out = PyDict::new(py);
    for (name, n) in [
        ("n_true", s.n_true),
        ("n_est", s.n_est),
        ("n_matched", s.n_matched),
        ("n_requested", s.n_requested),
        ("n_detectable", s.n_detectable),
    ] {
        out.set_item(name, n)?;
    }
    for (name, v) in [
        ("recall", s.recall),
        ("precision", s.precision),
        ("f1", s.f1),
        ("mean_overlap", s.mean_overlap),
        ("trace_corr", s.trace_corr),
        ("activity_corr", s.activity_corr),
        ("activity_variance_explained", s.activity_variance_explained),
        ("activity_scale", s.activity_scale),
    ] {
        out.set_item(name, v)?;
    }
    out.set_item("shift_rmse", s.shift_rmse)?;
    out.set_item("endpoint_mean_px", s.endpoints.as_ref().map(|e| e.mean_px))?;
    out.set_item("endpoint_p95_px", s.endpoints.as_ref().map(|e| e.p95_px))?;
    out.set_item("axial_corr", s.axial_corr)?;
    out.set_item("match_metric", s.match_metric.name())?;
    out.set_item("footprint_shift", (s.footprint_shift[0], s.footprint_shift[1]))?;
    let bounds = s.bounds.map(|b| -> PyResult<_> {
        let bounds = PyDict::new(py);
        bounds.set_item("n_demixable", b.n_demixable)?;
        for (name, value) in [
            ("recall_demixable", b.recall_demixable),
            ("trace_error_ratio", b.trace_error_ratio),
            ("trace_corr_bound", b.trace_corr_bound),
            ("spike_amplitude_bound", b.spike_amplitude_bound),
            ("spike_time_sd_bound_s", b.spike_time_sd_bound_s),
            ("shift_rmse_bound", b.shift_rmse_bound),
        ] {
            bounds.set_item(name, value)?;
        }
        Ok(bounds)
    });
    let details = details_to_py(py, s.details)?;
    details.set_item("endpoint_by_frame_px", s.endpoints.map(|e| e.by_frame_px.into_pyarray(py)))?;
    details.set_item("bounds", bounds.transpose()?)?;
    details.set_item("true_units", s.true_units)?;
    details.set_item("match", match_to_py(py, s.matching)?)?;
    out.set_item("details", details)?;
    Ok(out)
}

fn threshold_score<'py>(py: Python<'py>, s: metrics::ThresholdScore) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("n_matched", s.n_matched)?;
    out.set_item("recall", s.recall)?;
    out.set_item("precision", s.precision)?;
    out.set_item("f1", s.f1)?;
    Ok(out)
}

fn details_to_py<'py>(py: Python<'py>, d: metrics::Details) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    let curve = PyDict::new(py);
    curve.set_item("threshold", d.precision_recall.threshold.into_pyarray(py))?;
    curve.set_item("precision", d.precision_recall.precision.into_pyarray(py))?;
    curve.set_item("recall", d.precision_recall.recall.into_pyarray(py))?;
    curve.set_item("average_precision", d.precision_recall.average_precision)?;
    out.set_item("precision_recall", curve)?;
    out.set_item("merges", d.merges_and_splits.merges)?;
    out.set_item("splits", d.merges_and_splits.splits)?;
    let events = d.events.map(|e| -> PyResult<_> {
        let events = PyDict::new(py);
        events.set_item("recall", e.recall)?;
        events.set_item("precision", e.precision)?;
        events.set_item("f1", e.f1)?;
        Ok(events)
    });
    out.set_item("events", events.transpose()?)?;
    let binned = PyDict::new(py);
    for (frames, corr) in d.binned_activity_corr {
        binned.set_item(frames, corr)?;
    }
    out.set_item("binned_activity_corr", binned)?;
    let recall_by = PyDict::new(py);
    for by in d.recall_by {
        let mut bins = Vec::new();
        for bin in by.bins {
            let one = PyDict::new(py);
            one.set_item("range", (bin.range[0], bin.range[1]))?;
            one.set_item("n_cells", bin.n_cells)?;
            one.set_item("recall", bin.recall)?;
            one.set_item("interval", (bin.interval[0], bin.interval[1]))?;
            bins.push(one);
        }
        recall_by.set_item(by.name, bins)?;
    }
    out.set_item("recall_by", recall_by)?;
    out.set_item("caiman", threshold_score(py, d.caiman)?)?;
    let neurofinder = threshold_score(py, d.neurofinder.found)?;
    neurofinder.set_item("inclusion", d.neurofinder.inclusion)?;
    neurofinder.set_item("exclusion", d.neurofinder.exclusion)?;
    out.set_item("neurofinder", neurofinder)?;
    out.set_item("trace_corr", d.trace_corr.into_pyarray(py))?;
    let gaps = d.gaps.map(|g| -> PyResult<_> {
        let gaps = PyDict::new(py);
        gaps.set_item("n_exposures", g.n_exposures)?;
        gaps.set_item("n_lost", g.n_lost)?;
        gaps.set_item("trace_corr_ignored", g.trace_corr_ignored)?;
        gaps.set_item("spike_error_ignored_s", g.spike_error_ignored_s)?;
        gaps.set_item("spike_error_s", g.spike_error_s)?;
        Ok(gaps)
    });
    out.set_item("gaps", gaps.transpose()?)?;
    Ok(out)
}
