//! The elementary functions that results may depend on.
//!
//! The standard library takes `exp`, `sin` and their like from the platform, and platforms differ in the last bit. These
//! come from the `libm` crate, which is plain Rust arithmetic: the same bits on every target. `sqrt`, `floor`, `ceil`,
//! `round` and `abs` are exact by IEEE 754, so the standard library's are used. Per-pixel loops have their own
//! polynomials (see [`crate::kernels`]).

/// e to the power `x`.
#[inline]
#[must_use]
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// `exp(x) - 1`, accurate near 0.
#[inline]
#[must_use]
pub fn exp_m1(x: f64) -> f64 {
    libm::expm1(x)
}

/// Natural logarithm of `x`; NaN below 0.
#[inline]
#[must_use]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// `ln(1 + x)`, accurate near 0.
#[inline]
#[must_use]
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// Logarithm of `x` to base 10; NaN below 0.
#[inline]
#[must_use]
pub fn log10(x: f64) -> f64 {
    libm::log10(x)
}

/// Sine of `x` (rad).
#[inline]
#[must_use]
pub fn sin(x: f64) -> f64 {
    libm::sin(x)
}

/// Cosine of `x` (rad).
#[inline]
#[must_use]
pub fn cos(x: f64) -> f64 {
    libm::cos(x)
}

/// Tangent of `x` (rad).
#[inline]
#[must_use]
pub fn tan(x: f64) -> f64 {
    libm::tan(x)
}

/// Inverse sine of `x` (rad, in [-π/2, π/2]); NaN outside [-1, 1].
#[inline]
#[must_use]
pub fn asin(x: f64) -> f64 {
    libm::asin(x)
}

/// Inverse cosine of `x` (rad, in [0, π]); NaN outside [-1, 1].
#[inline]
#[must_use]
pub fn acos(x: f64) -> f64 {
    libm::acos(x)
}

/// Inverse tangent of `x` (rad, in [-π/2, π/2]).
#[inline]
#[must_use]
pub fn atan(x: f64) -> f64 {
    libm::atan(x)
}

/// Angle of the point `(x, y)` from the x axis (rad, in [-π, π]).
#[inline]
#[must_use]
pub fn atan2(y: f64, x: f64) -> f64 {
    libm::atan2(y, x)
}

/// Hyperbolic tangent of `x`.
#[inline]
#[must_use]
pub fn tanh(x: f64) -> f64 {
    libm::tanh(x)
}

/// `x` to the power `y`.
#[inline]
#[must_use]
pub fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

/// Length of the hypotenuse over legs `x` and `y`, without overflow in between.
#[inline]
#[must_use]
pub fn hypot(x: f64, y: f64) -> f64 {
    libm::hypot(x, y)
}

/// Cube root of `x`.
#[inline]
#[must_use]
pub fn cbrt(x: f64) -> f64 {
    libm::cbrt(x)
}

/// Error function of `x`.
#[inline]
#[must_use]
pub fn erf(x: f64) -> f64 {
    libm::erf(x)
}

/// Complementary error function of `x`, `1 - erf(x)` without cancellation.
#[inline]
#[must_use]
pub fn erfc(x: f64) -> f64 {
    libm::erfc(x)
}

/// Natural logarithm of the gamma function at `x`.
#[inline]
#[must_use]
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// Smallest and largest of `values`, as `[min, max]`; `[0, 0]` when empty.
#[must_use]
pub fn range_of(values: &[f64]) -> [f64; 2] {
    let mut range = match values.first() {
        Some(v) => [*v, *v],
        None => return [0.0, 0.0],
    };
    for v in values {
        range = [range[0].min(*v), range[1].max(*v)];
    }
    range
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_bits_on_every_platform() {
        // Computed once; a platform library that slipped in would move a last bit somewhere.
        let sum_of = |f: fn(f64) -> f64| {
            (1..2000).fold(0_u64, |hash, i| {
                hash.rotate_left(5) ^ f(f64::from(i) * 0.00731 - 0.9973 * f64::from(i % 3)).to_bits()
            })
        };
        let hashes = [exp, exp_m1, sin, cos, tan, tanh, atan, cbrt, erf, erfc].map(sum_of);
        let expected = [
            0xcafe_9a75_95bd_468f,
            0x8ea5_118e_82c7_60b9,
            0x8066_3c90_f11a_a56f,
            0x44d5_c95c_817f_ce20,
            0x230a_d424_d534_6096,
            0xdb70_d6b5_744f_9555,
            0x071d_e1e8_598d_7ce7,
            0xbad5_3248_11a1_1f3e,
            0xbe66_834b_153b_5467,
            0x8b61_14db_3b33_867c,
        ];
        assert_eq!(hashes, expected, "{hashes:#x?}");
    }

    #[test]
    fn agrees_with_known_constants() {
        let close = |a: f64, b: f64| assert!((a - b).abs() <= 4.0 * f64::EPSILON * b.abs().max(1.0), "{a} is not {b}");
        close(exp(1.0), std::f64::consts::E);
        close(ln(2.0), std::f64::consts::LN_2);
        close(sin(std::f64::consts::FRAC_PI_6), 0.5);
        close(cos(std::f64::consts::FRAC_PI_3), 0.5);
        close(atan2(1.0, -1.0), 0.75 * std::f64::consts::PI);
        close(pow(2.0, 0.5), std::f64::consts::SQRT_2);
        close(hypot(3.0, 4.0), 5.0);
        close(cbrt(-27.0), -3.0);
        close(ln_gamma(5.0), ln(24.0));
        close(erf(0.3) + erfc(0.3), 1.0);
        close(ln_1p(exp_m1(1e-9)), 1e-9);
    }
}
