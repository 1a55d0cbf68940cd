//! The engine's formulas that users call by themselves.

use minisim::{
    kernels::shift,
    physics::{branching, detection, falloff, optics::OpticalModel},
    steps::{bleaching, cell_activity, vasculature},
};
use numpy::{
    IntoPyArray, PyArray1, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArray3, PyUntypedArrayMethods,
};
use pyo3::{exceptions::PyValueError, prelude::*};

use crate::spec;

pub(crate) fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyOpticalModel>()?;
    m.add_function(wrap_pyfunction!(detection_snr, m)?)?;
    m.add_function(wrap_pyfunction!(calcium_kernel, m)?)?;
    m.add_function(wrap_pyfunction!(kernel_timing, m)?)?;
    m.add_function(wrap_pyfunction!(tau_from_kernel_timing, m)?)?;
    m.add_function(wrap_pyfunction!(spike_activity_params, m)?)?;
    m.add_function(wrap_pyfunction!(bleaching_pool, m)?)?;
    m.add_function(wrap_pyfunction!(bleaching_floor, m)?)?;
    m.add_function(wrap_pyfunction!(expected_electrons, m)?)?;
    m.add_function(wrap_pyfunction!(counts_from_electrons, m)?)?;
    m.add_function(wrap_pyfunction!(dark_recovery, m)?)?;
    m.add_function(wrap_pyfunction!(murray_children, m)?)?;
    m.add_function(wrap_pyfunction!(vessels_to_mask, m)?)?;
    m.add_function(wrap_pyfunction!(radial_falloff, m)?)?;
    m.add_function(wrap_pyfunction!(sample_field, m)?)?;
    m.add_function(wrap_pyfunction!(shift_and_crop, m)?)
}

/// The optics of an acquisition, resolved; from a spec's text.
#[pyclass(name = "OpticalModel", frozen)]
struct PyOpticalModel(OpticalModel);

#[pymethods]
impl PyOpticalModel {
    #[new]
    fn new(text: &str) -> PyResult<Self> {
        Ok(Self(OpticalModel::new(&spec::read(text)?.acquisition)))
    }

    #[getter]
    fn diffraction_sigma_um(&self) -> f64 {
        self.0.diffraction_sigma_um
    }

    #[getter]
    fn depth_of_field_um(&self) -> f64 {
        self.0.depth_of_field_um
    }

    #[getter]
    fn scatter_mfp_um(&self) -> f64 {
        self.0.scatter_mfp_um
    }

    #[getter]
    fn collection_efficiency(&self) -> f64 {
        self.0.na * self.0.na
    }

    fn attenuation(&self, z_um: f64) -> f64 {
        self.0.attenuation(z_um)
    }

    fn scatter_sigma_um(&self, z_um: f64) -> f64 {
        self.0.scatter_blur_per_um * z_um
    }

    fn defocus_sigma_um(&self, z_um: f64, focal_um: f64) -> f64 {
        self.0.defocus_sigma_um(z_um, focal_um)
    }

    fn focal_shift_um(&self, r_um: f64) -> f64 {
        self.0.focal_shift_um(r_um)
    }

    /// Blur on the sensor (px) and peak brightness of a point.
    fn point_spread(&self, z_um: f64, focal_um: f64) -> (f64, f64) {
        let p = self.0.point_spread(z_um, focal_um);
        (p.sigma_px, p.peak_brightness)
    }
}

#[pyfunction]
fn detection_snr(peak_dff: f64, baseline: f64, gain_e: f64, read_noise_e: f64) -> f64 {
    detection::detection_snr(peak_dff, baseline, gain_e, read_noise_e)
}

#[pyfunction]
fn calcium_kernel(
    py: Python<'_>,
    tau_rise_s: f64,
    tau_decay_s: f64,
    rate_hz: f64,
) -> PyResult<Bound<'_, PyArray1<f64>>> {
    let times = [("tau_rise_s", tau_rise_s), ("tau_decay_s", tau_decay_s), ("fps", rate_hz)];
    if let Some((name, value)) = times.into_iter().find(|(_, v)| !(*v > 0.0 && v.is_finite())) {
        return Err(PyValueError::new_err(format!("{name} = {value}: must be finite and greater than 0")));
    }
    if tau_rise_s == tau_decay_s {
        return Err(PyValueError::new_err(format!(
            "tau_rise_s = tau_decay_s = {tau_rise_s}: the difference of two equal exponentials is no response; make the rise faster"
        )));
    }
    Ok(cell_activity::calcium_kernel(tau_rise_s, tau_decay_s, rate_hz).into_pyarray(py))
}

#[pyfunction]
fn kernel_timing(tau_rise_s: f64, tau_decay_s: f64) -> (f64, f64) {
    cell_activity::kernel_timing(tau_rise_s, tau_decay_s)
}

#[pyfunction]
fn tau_from_kernel_timing(t_peak_s: f64, fwhm_s: f64) -> (f64, f64) {
    cell_activity::tau_from_kernel_timing(t_peak_s, fwhm_s)
}

#[pyfunction]
fn spike_activity_params(activity: f64) -> (f64, f64, f64, f64) {
    cell_activity::spike_activity_params(activity).into()
}

#[pyfunction]
fn bleaching_pool<'py>(
    py: Python<'py>,
    emission: PyReadonlyArray1<'py, f64>,
    q: f64,
    tau_turn_frames: f64,
    intensity: f64,
    b0: f64,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    Ok(bleaching::bleaching_pool(emission.as_slice()?, q, tau_turn_frames, intensity, b0).into_pyarray(py))
}

#[pyfunction]
fn bleaching_floor(q: f64, intensity: f64, emission: f64, tau_turn: f64) -> f64 {
    bleaching::bleaching_floor(q, intensity, emission, tau_turn)
}

#[pyfunction]
fn dark_recovery<'py>(
    py: Python<'py>,
    b0: f64,
    t: PyReadonlyArray1<'py, f64>,
    tau_turn: f64,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    if tau_turn.is_nan() || tau_turn <= 0.0 {
        return Err(PyValueError::new_err(format!("tau_turn = {tau_turn}: a time constant must be greater than 0")));
    }
    let values: Vec<f64> = t.as_array().iter().map(|t| bleaching::dark_recovery(b0, *t, tau_turn)).collect();
    Ok(values.into_pyarray(py))
}

#[pyfunction]
fn expected_electrons<'py>(
    py: Python<'py>,
    photons: PyReadonlyArray1<'py, f64>,
    quantum_efficiency: f64,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let electrons = |p: &f64| detection::expected_electrons(*p, quantum_efficiency);
    Ok(photons.as_slice()?.iter().map(electrons).collect::<Vec<_>>().into_pyarray(py))
}

#[pyfunction]
fn counts_from_electrons<'py>(
    py: Python<'py>,
    electrons: PyReadonlyArray1<'py, f64>,
    gain_adu_per_e: f64,
    bit_depth: u32,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let counts = |e: &f64| detection::counts_from_electrons(*e, gain_adu_per_e, bit_depth);
    Ok(electrons.as_slice()?.iter().map(counts).collect::<Vec<_>>().into_pyarray(py))
}

#[pyfunction]
fn murray_children(r_parent: f64, area_fraction: f64) -> (f64, f64) {
    branching::murray_children(r_parent, area_fraction)
}

#[pyfunction]
fn vessels_to_mask<'py>(
    py: Python<'py>,
    path_length_um: PyReadonlyArray1<'py, f64>,
    opacity: f64,
    absorption_per_um: f64,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    Ok(vasculature::transmission(path_length_um.as_slice()?, opacity, absorption_per_um).into_pyarray(py))
}

#[pyfunction]
fn radial_falloff(
    py: Python<'_>,
    shape: [usize; 2],
    center_px: [f64; 2],
    falloff: f64,
    exponent: f64,
) -> PyResult<Bound<'_, PyAny>> {
    Ok(falloff::radial_falloff(shape, center_px, falloff, exponent).into_pyarray(py).reshape(shape)?.into_any())
}

/// A field between its pixels, at (row, column).
#[pyfunction]
fn sample_field(field: PyReadonlyArray2<'_, f32>, row: f64, col: f64) -> PyResult<f64> {
    let shape = [field.shape()[0], field.shape()[1]];
    Ok(detection::sample_field_at(field.as_slice()?, shape, row, col))
}

/// Each image of (frame, height, width) moved by its (dy, dx) and cut to `fov`.
#[pyfunction]
fn shift_and_crop<'py>(
    py: Python<'py>,
    canvas: PyReadonlyArray3<'py, f32>,
    shifts_px: PyReadonlyArray2<'py, f64>,
    fov: [usize; 2],
) -> PyResult<Bound<'py, PyAny>> {
    let shape = [canvas.shape()[1], canvas.shape()[2]];
    let n = canvas.shape()[0];
    if shifts_px.shape() != [n, 2] {
        return Err(PyValueError::new_err(format!(
            "{n} frames need shifts of shape ({n}, 2), not {:?}",
            shifts_px.shape()
        )));
    }
    if fov[0] > shape[0] || fov[1] > shape[1] {
        return Err(PyValueError::new_err(format!(
            "a field of view of {fov:?} px does not fit on a canvas of {shape:?} px"
        )));
    }
    let shifts = shifts_px.as_slice()?;
    let mut out = Vec::with_capacity(n * fov[0] * fov[1]);
    for (t, image) in canvas.as_slice()?.chunks_exact((shape[0] * shape[1]).max(1)).enumerate() {
        out.extend(shift::shift_and_crop(image, shape, fov, [shifts[2 * t], shifts[2 * t + 1]]));
    }
    Ok(out.into_pyarray(py).reshape([n, fov[0], fov[1]])?.into_any())
}
