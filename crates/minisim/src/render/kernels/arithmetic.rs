//! Element-wise arithmetic on rows of pixels. Where lengths differ, the excess is left alone.

use crate::level::{Level, row_kernel};

row_kernel!(AddScaled(image: map; scale) |old: f32| old + scale * map);
row_kernel!(Add(image: map;) |old: f32| old + map);
row_kernel!(Multiply(image: map;) |old: f32| old * map);
row_kernel!(Between(out: a, b; part) |_| a + (b - a) * part);

/// `image += scale * map`.
#[inline]
pub fn add_scaled(image: &mut [f32], map: &[f32], scale: f32) {
    Level::best().run(AddScaled { image, map, scale });
}

/// `image += map`.
#[inline]
pub fn add(image: &mut [f32], map: &[f32]) {
    Level::best().run(Add { image, map });
}

/// `image *= map`.
#[inline]
pub fn multiply(image: &mut [f32], map: &[f32]) {
    Level::best().run(Multiply { image, map });
}

/// `out = a + (b - a) * part`.
#[inline]
pub fn between(out: &mut [f32], a: &[f32], b: &[f32], part: f32) {
    Level::best().run(Between { out, a, b, part });
}
