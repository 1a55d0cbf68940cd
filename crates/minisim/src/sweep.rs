//! Many specs from one: the Cartesian product of what varies.

use serde_json::Value as Json;

use crate::spec::{Finding, Report, Spec};

/// Most points of a sweep.
const MAX_POINTS: usize = 1_000_000;

/// One thing that varies: a dotted path and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// As in [`Spec::set`]: `acquisition.optics.na`, `steps.place_neurons.density_per_mm3`, `seed`.
    pub path: String,
    /// The values it takes.
    pub values: Vec<Json>,
}

/// One combination of the axes' values.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The value of each axis, in the order of the axes.
    pub values: Vec<Json>,
    /// The spec with these values.
    pub spec: Spec,
}

/// All combinations, the last axis varying fastest. Every spec is checked before the first is used.
///
/// # Errors
/// When a path leads nowhere, an axis has no value, there are too many points, or a combination is not valid (naming it).
pub fn points(base: &Spec, axes: &[Axis]) -> Result<Vec<Point>, Report> {
    if let Some(axis) = axes.iter().find(|a| a.values.is_empty()) {
        let finding = Finding::error(&axis.path, "[]", "an axis needs at least one value", "list its values");
        return Err(Report::of(finding));
    }
    let count = axes.iter().try_fold(1_usize, |n, a| n.checked_mul(a.values.len())).filter(|n| *n <= MAX_POINTS);
    let Some(count) = count else {
        let rule = format!("a sweep has at most {MAX_POINTS} points");
        return Err(Report::of(Finding::error("axes", "too many combinations", rule, "shorten its axes")));
    };
    (0..count)
        .map(|index| {
            let mut rest = index;
            let mut values: Vec<Json> = axes
                .iter()
                .rev()
                .map(|axis| {
                    let value = axis.values[rest % axis.values.len()].clone();
                    rest /= axis.values.len();
                    value
                })
                .collect();
            values.reverse();
            let changes = axes.iter().zip(&values).map(|(axis, value)| (axis.path.as_str(), value.clone()));
            Ok(Point { spec: base.set_all(changes)?.spec, values })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::preset;
    use serde_json::json;

    #[test]
    fn the_last_axis_varies_fastest() {
        let axes = [
            Axis { path: "seed".into(), values: vec![json!(1), json!(2)] },
            Axis { path: "acquisition.optics.na".into(), values: vec![json!(0.2), json!(0.3), json!(0.4)] },
        ];
        let points = points(&preset("v4-ca1").expect("a preset"), &axes).expect("valid");
        let values: Vec<(u64, f64)> =
            points.iter().map(|p| (p.spec.seed, p.spec.acquisition.optics.na.get())).collect();
        assert_eq!(values, [(1, 0.2), (1, 0.3), (1, 0.4), (2, 0.2), (2, 0.3), (2, 0.4)]);
    }

    #[test]
    fn wrong_axes_say_why() {
        let base = preset("v4-ca1").expect("a preset");
        let fails = |path: &str, values: Vec<Json>| {
            points(&base, &[Axis { path: path.into(), values }]).expect_err("wrong").to_string()
        };
        assert!(fails("acquisition.optics.nna", vec![json!(1)]).contains("nna"));
        assert!(fails("seed", vec![]).contains("at least one value"));
        assert!(fails("acquisition.optics.na", vec![json!(-1)]).contains("greater than 0"));
        assert_eq!(points(&base, &[]).expect("one point").len(), 1);
    }
}
