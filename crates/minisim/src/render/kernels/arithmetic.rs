//! Element-wise arithmetic on rows of pixels.

/// `image += scale * map`.
#[inline]
pub fn add_scaled(image: &mut [f32], map: &[f32], scale: f32) {
    image.iter_mut().zip(map).for_each(|(a, b)| *a += scale * b);
}

/// `image += map`.
#[inline]
pub fn add(image: &mut [f32], map: &[f32]) {
    image.iter_mut().zip(map).for_each(|(a, b)| *a += b);
}

/// `image *= map`.
#[inline]
pub fn multiply(image: &mut [f32], map: &[f32]) {
    image.iter_mut().zip(map).for_each(|(a, b)| *a *= b);
}
