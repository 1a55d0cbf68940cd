//! What an image sensor cannot be, whatever the steps.

use super::super::{Acquisition, Finding, limits};
use crate::{physics::camera::Response, spec::Companding};

/// Temperatures that a sensor may have (°C).
const TEMPERATURES_C: [f64; 2] = [-100.0, 150.0];

/// Largest RMS of the response of pixels (per cent): three standard deviations below the mean, a pixel still sees light.
const MAX_PRNU_PERCENT: f64 = 33.0;

/// Adds what is wrong with the image sensor, and what is doubtful.
pub(super) fn check(acquisition: &Acquisition, findings: &mut Vec<Finding>) {
    let sensor = &acquisition.image_sensor;
    let path = |field: &str| format!("acquisition.image_sensor.{field}");
    let mut refuse = |field: &str, value: String, rule: String, remedy: &str| {
        findings.push(Finding::error(path(field), value, rule, remedy));
    };
    let counts_per_e = sensor.adc_counts_per_e();
    let black = sensor.black_level_adu.get();

    if let Some(adc) = sensor.adc_bits {
        let (adc, bits) = (adc.get(), sensor.bit_depth.get());
        if adc < bits {
            let rule = format!("the converter has fewer bits than a count ({bits}, bit_depth)");
            refuse("adc_bits", adc.to_string(), rule, "raise adc_bits, lower bit_depth, or leave adc_bits out");
        } else if adc > limits::MAX_BIT_DEPTH {
            let rule = format!("a converter has at most {} bits here", limits::MAX_BIT_DEPTH);
            refuse("adc_bits", adc.to_string(), rule, "lower adc_bits; cameras have 8 to 16");
        }
    }
    if black >= sensor.adc_max_count() as f64 {
        let rule = format!("leaves no room below the converter's largest count, {}", sensor.adc_max_count());
        refuse("black_level_adu", format!("{black:?}"), rule, "lower the black level or raise adc_bits");
    }
    if let Some(well) = sensor.full_well_e {
        let well = well.get();
        if well * counts_per_e < black {
            let rule = format!(
                "makes {:.1} counts when full, which are fewer than the black level of {black:?}",
                well * counts_per_e
            );
            refuse("full_well_e", format!("{well:?}"), rule, "raise full_well_e or the gain, or lower black_level_adu");
        }
        let dark_e = sensor.dark_e(1.0 / acquisition.fps.get());
        if dark_e >= well {
            let rule =
                format!("fills the full well of {well:?} e within a frame, so that no light is seen ({dark_e:.0} e)");
            let value = format!("{:?}", sensor.dark_current_e_per_s.get());
            refuse("dark_current_e_per_s", value, rule, "lower it or temperature_c, or raise fps");
        }
    }
    let linearity = sensor.linearity_error_percent.get();
    if linearity > 0.0 {
        let most = sensor.full_well_e.map(|well| 100.0 * Response::max_linearity_error(well.get(), sensor.prnu()));
        match most {
            None => {
                let rule = "is measured up to the full well, and there is none".to_owned();
                refuse("linearity_error_percent", format!("{linearity:?}"), rule, "set full_well_e");
            }
            Some(most) if linearity > most => {
                let rule =
                    format!("must be at most {most:.2}: what bends more has its saturation far below the full well");
                refuse(
                    "linearity_error_percent",
                    format!("{linearity:?}"),
                    rule,
                    "lower it; cameras have about 0.1 to 0.4",
                );
            }
            Some(_) => {}
        }
    }
    let celsius = sensor.temperature_c.get();
    if !(TEMPERATURES_C[0]..=TEMPERATURES_C[1]).contains(&celsius) {
        let [low, high] = TEMPERATURES_C;
        let rule = format!("must be between {low:.0} and {high:.0}");
        refuse("temperature_c", format!("{celsius:?}"), rule, "give the temperature of the sensor in °C");
    }
    for (field, value) in [
        ("prnu_pixel_percent", sensor.prnu_pixel_percent.get()),
        ("prnu_smooth_percent", sensor.prnu_smooth_percent.get()),
    ] {
        if value > MAX_PRNU_PERCENT {
            let rule = format!("must be at most {MAX_PRNU_PERCENT:.0}: a pixel's response would be below zero");
            refuse(field, format!("{value:?}"), rule, "lower it; cameras have 0.2 to 3");
        }
    }
    let (hot, dead) = (sensor.hot_pixel_share.get(), sensor.dead_pixel_share.get());
    if hot + dead > 1.0 {
        let rule = format!("together with dead_pixel_share ({dead:?}) there are more defect pixels than pixels");
        refuse("hot_pixel_share", format!("{hot:?}"), rule, "lower one of the shares; cameras have below 0.001");
    }
    if sensor.companding == Companding::SquareRoot && sensor.adc_bits.is_none_or(|adc| adc == sensor.bit_depth) {
        let rule = "does nothing where the converter has no more bits than a count";
        let value = format!("{:?}", sensor.companding.name());
        findings.push(Finding::warning(path("companding"), value, rule, "set adc_bits above bit_depth"));
    }
}
