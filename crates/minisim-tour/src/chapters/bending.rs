//! The brain bends.

use minisim::spec::Report;
use serde_json::json;

use crate::{
    figure::{Chapter, Figure, Knob, Panel, Plot, Quantity, Series},
    film::{SceneFilm, field},
};

pub(super) const CHAPTER: Chapter = Chapter {
    name: "bending",
    title: "It bends",
    text: "Tissue is soft. A stride pulls one corner of the field farther than another, and the whole turns a little under the lens, so no \
           single shift brings all cells back. What one shift leaves must be undone piece by piece, with a shift of its own for each \
           patch of the field; a patch too small holds too few cells to be registered at all.",
    question: "How much of the motion can rigid registration not undo? Turn up the rotation and watch the field's edge.",
    answer: "All that differs from the field's mean shift. A turn by 1° moves a pixel 300 µm from the axis by 5 µm and the centre not at \
             all, so the edge suffers most; smoother deformation is closer to a shift, and less of it is left.",
    knobs: &[
        Knob { label: "Deformation", unit: "µm", min: 0.1, max: 2.0, step: 0.1, start: 1.5 },
        Knob { label: "Smoothness", unit: "µm", min: 120.0, max: 400.0, step: 10.0, start: 150.0 },
        Knob { label: "Rotation", unit: "°", min: 0.0, max: 1.5, step: 0.1, start: 0.3 },
    ],
    draw,
};

fn draw(knobs: &[f64]) -> Result<Figure, Report> {
    let &[amplitude, sigma, rotation] = knobs else { return Ok(Figure::empty()) };
    let sheet = [
        ("acquisition.focal_depth_in_tissue_um", json!(30.0)),
        ("steps.place_neurons.populations.0.depth_range_um", json!([24.0, 36.0])),
        ("steps.place_neurons.populations.0.density_per_mm3", json!(30000.0)),
    ];
    let still = SceneFilm::new(&field(&[], sheet.clone())?)?;
    let bends = [
        ("steps.tissue_deformation.amplitude_um", json!(amplitude)),
        ("steps.tissue_deformation.spatial_sigma_um", json!(sigma)),
        ("steps.tissue_deformation.rotation_deg", json!(rotation)),
        // As far as tissue of this smoothness can go without folding.
        ("steps.tissue_deformation.max_displacement_um", json!(0.2 * sigma)),
    ];
    let bent = SceneFilm::new(&field(&["tissue_deformation"], sheet.into_iter().chain(bends))?)?;
    let [h, w] = bent.shape();
    let um = bent.pixel_um();
    // Displacements of a frame: those down, then those to the right.
    let of = |t: usize| bent.truth.displacement(t).unwrap_or_else(|| vec![0.0; 2 * h * w]);
    let left_over = |d: &[f64]| {
        let squares: f64 = d
            .chunks_exact(h * w)
            .map(|axis| {
                let mean = axis.iter().sum::<f64>() / axis.len() as f64;
                axis.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / axis.len() as f64
            })
            .sum();
        um * squares.sqrt()
    };
    let rms = |d: &[f64]| um * (d.iter().map(|v| v * v).sum::<f64>() / (h * w) as f64).sqrt();
    let most =
        (0..bent.n_frames()).map(|t| (t, left_over(&of(t)))).max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(t, _)| t);
    let d = of(most);
    let largest = (0..h * w).map(|i| um * d[i].hypot(d[h * w + i])).fold(0.0, f64::max);
    let row = |axis: usize| -> Vec<[f64; 2]> {
        let at = axis * h * w + h / 2 * w;
        (0..w).map(|c| [(c as f64 - (w as f64 - 1.0) / 2.0) * um, um * d[at + c]]).collect()
    };
    let means = [0, 1].map(|axis| d[axis * h * w..(axis + 1) * h * w].iter().sum::<f64>() / (h * w) as f64);
    let off: Vec<f32> = (0..h * w).map(|i| (um * (d[i] - means[0]).hypot(d[h * w + i] - means[1])) as f32).collect();
    let farthest = off.iter().copied().fold(0.0, f32::max);
    let rest = still.image("At rest", still.frame(most, None));
    let left_image = bent.image(format!("Left by one shift; white: {farthest:.1} µm"), off).between(0.0, farthest);
    Ok(Figure {
        panels: vec![
            Panel::Image(rest),
            Panel::Image(left_image),
            Panel::Plot(Plot {
                title: "Displacement along the middle row in the frame that bends most".into(),
                x: "distance from the axis (µm)".into(),
                y: "displacement (µm)".into(),
                series: vec![Series::new("down", row(0)), Series::new("right", row(1))],
            }),
        ],
        quantities: vec![
            Quantity::new("Displacement, RMS over the field", rms(&d), 2, "µm"),
            Quantity::new("What one shift leaves of it", left_over(&d), 2, "µm"),
            Quantity::new("Largest displacement", largest, 2, "µm"),
        ],
        caption: "A field at rest, and how far its places still lie off in the frame in which it is bent and turned most, after the best shift \
                  of the whole picture.",
    })
}
