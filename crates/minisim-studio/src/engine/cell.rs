//! The inspector: everything about one cell.

use minisim::{GroundTruth, Scene};

use crate::messages::{Answer, CellFacts, Complaint, Trace};

/// Everything about a cell of the scene that is shown, if there is one.
pub(super) fn facts(scene: Option<&Scene>, unit: usize) -> Answer {
    let Some(scene) = scene.filter(|s| unit < s.recorded().n_units()) else {
        return Answer::Error(Complaint { message: format!("there is no cell {unit} in the picture") });
    };
    let truth = scene.recorded();
    let of = |name: &str| truth.f64s(name).and_then(|v| v.get(unit).copied());
    let detectable = truth.detectable().get(unit).copied().unwrap_or_default();
    let in_focus = truth.in_focus().get(unit).copied().unwrap_or(true);
    Answer::Cell(CellFacts {
        trace: Trace::new(unit, &truth.trace(unit), &truth.spikes(unit)),
        depth_um: truth.centers_um().get(3 * unit).copied().unwrap_or_default(),
        sigma_px: of("observed_sigma_px"),
        gain: of("observed_gain"),
        snr: of("peak_snr"),
        snr_needed: minisim::DETECT_SNR_THRESHOLD,
        vessel_share: of("vessel_overlap_fraction"),
        amplitude: of("amplitude_per_cell"),
        detectable,
        in_focus,
        why: why(truth, unit, detectable, in_focus),
        fps: scene.spec.acquisition.fps.get(),
    })
}

/// Why a cell is, or is not, detectable; in words.
fn why(truth: &GroundTruth, unit: usize, detectable: bool, in_focus: bool) -> String {
    let of = |name: &str| truth.f64s(name).and_then(|v| v.get(unit).copied());
    let needed = minisim::DETECT_SNR_THRESHOLD;
    if truth.array("S").is_none() {
        return "There is no neural activity, so nothing of it can be detected.".to_owned();
    }
    let Some(snr) = of("peak_snr") else {
        return if in_focus {
            "Without a sensor there is no noise; it is in focus."
        } else {
            "Without a sensor there is no noise; it is out of focus."
        }
        .to_owned();
    };
    let mut text = if detectable {
        format!(
            "Detectable: its largest transient is {snr:.1} × the noise of its brightest pixel, {needed:.0} are needed."
        )
    } else {
        format!(
            "Not detectable: its largest transient is {snr:.1} × the noise of its brightest pixel, {needed:.0} are needed."
        )
    };
    if !detectable {
        let mut reasons = Vec::new();
        if !in_focus {
            let depth = truth.centers_um().get(3 * unit).copied().unwrap_or_default();
            let off = (depth - truth.focal_depth_um.unwrap_or(depth)).abs();
            reasons.push(format!("it lies {off:.0} µm from the focal plane, which spreads its light"));
        }
        if let Some(share) = of("vessel_overlap_fraction").filter(|v| *v > 0.2) {
            reasons.push(format!("vessels take {:.0} % of its light", share * 100.0));
        }
        if truth.spikes(unit).iter().sum::<u32>() < 3 {
            reasons.push("it hardly fires in the first minute".to_owned());
        }
        if !reasons.is_empty() {
            text += &format!(" {}.", capital(&reasons.join("; ")));
        }
    }
    text
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
