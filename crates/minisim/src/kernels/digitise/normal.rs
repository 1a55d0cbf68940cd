//! Normal numbers in single precision, in plain loops: Box and Muller's transform.

use super::words::{GROUP, STEP};

/// Number in (0, 1] of a word's upper 31 bits; the conversion from i32 is one that every machine has.
#[inline(always)]
fn open_unit(word: u32) -> f32 {
    ((word >> 1) as i32 as f32 + 0.5) * STEP
}

/// Natural logarithm of a normal number `x` in (0, 1], to 1 unit in the last place (Cephes' `logf` polynomial).
#[inline(always)]
fn ln_unit(x: f32) -> f32 {
    /// Bits of sqrt(1/2).
    const ROOT_HALF: i32 = 0x3f35_04f3;
    /// ln 2 in two parts, the larger exact in few bits.
    const LN_2_UPPER: f32 = 355.0 / 512.0;
    const LN_2_EXCESS: f32 = 2.121_944_4e-4;
    let bits = x.to_bits() as i32;
    let exponent = (bits - ROOT_HALF) >> 23;
    let f = f32::from_bits((bits - (exponent << 23)) as u32) - 1.0;
    let e = exponent as f32;
    let square = f * f;
    let mut p = 7.037_683_6e-2;
    p = p * f - 1.151_461e-1;
    p = p * f + 1.167_699_84e-1;
    p = p * f - 1.242_014_1e-1;
    p = p * f + 1.424_932_3e-1;
    p = p * f - 1.666_805_8e-1;
    p = p * f + 2.000_071_4e-1;
    p = p * f - 2.499_999_4e-1;
    p = p * f + 3.333_333e-1;
    f + ((p * f * square - e * LN_2_EXCESS) - 0.5 * square) + e * LN_2_UPPER
}

/// Cosine and sine of a word's share of the circle, to 1 unit in the last place (Cephes' `sinf` and `cosf` polynomials).
#[inline(always)]
fn cos_sin_of_turn(word: u32) -> [f32; 2] {
    // The top two bits choose the quarter, centred on an axis; the others the angle from that axis, within ±π/4.
    let x = ((word << 2) as i32 as f32) * (std::f32::consts::FRAC_PI_4 / 2_147_483_648.0);
    let z = x * x;
    let sin = ((-1.951_529_6e-4 * z + 8.332_161e-3) * z - 1.666_665_5e-1) * z * x + x;
    let cos = ((2.443_315_7e-5 * z - 1.388_731_6e-3) * z + 4.166_664_6e-2) * z * z - 0.5 * z + 1.0;
    let odd = word & 0x4000_0000 != 0;
    let [cos, sin] = if odd { [sin, cos] } else { [cos, sin] };
    let negative = 0x8000_0000;
    [
        f32::from_bits(cos.to_bits() ^ (word.wrapping_add(0x4000_0000) & negative)),
        f32::from_bits(sin.to_bits() ^ (word & negative)),
    ]
}

/// Standard normal numbers (Box and Muller): pixel i is paired with pixel i + 32.
#[inline(always)]
pub(super) fn normals(words: &[u32; GROUP]) -> [f32; GROUP] {
    let mut normals = [0.0; GROUP];
    for i in 0..GROUP / 2 {
        let radius = (-2.0 * ln_unit(open_unit(words[i]))).sqrt();
        let [cos, sin] = cos_sin_of_turn(words[i + GROUP / 2]);
        normals[i] = radius * cos;
        normals[i + GROUP / 2] = radius * sin;
    }
    normals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{math, rng::Key};

    #[test]
    fn normals_are_box_and_muller_in_single_precision() {
        let key = Key::new(1, "test", "normals");
        let mut largest = 0.0_f64;
        for i in 0..2000 {
            let mut words = [0; GROUP];
            key.fill_words(0, i * 16, &mut words);
            // The ends of the range too.
            let n = i as usize;
            if n < 8 {
                words[..4].copy_from_slice(&[0, u32::MAX, 1 << n, !0 >> n]);
                words[32..36].copy_from_slice(&[0, u32::MAX, 1 << (31 - n), 0x2000_0000 * n as u32]);
            }
            let made = normals(&words);
            for l in 0..32 {
                let u = (f64::from(words[l] >> 1) + 0.5) / 2_147_483_648.0;
                let radius = (-2.0 * math::ln(u)).sqrt();
                let turn = f64::from(words[l + 32]) / 4_294_967_296.0;
                // The lower 30 bits are signed: from their upper half on, the angle is behind its axis.
                let behind = if words[l + 32] & 0x2000_0000 == 0 { 0.0 } else { 0.25 };
                let angle = std::f64::consts::TAU * (turn - behind);
                for (made, exact) in [(made[l], radius * math::cos(angle)), (made[l + 32], radius * math::sin(angle))] {
                    // Near u = 1 single precision has steps of 2⁻²⁴, so of sqrt(2⁻²³) in the radius.
                    let tolerance = if radius < 0.02 { 5e-4 } else { 3e-7 / radius + 1e-6 };
                    assert!((f64::from(made) - exact).abs() < tolerance, "{made} is not {exact} at {:x?}", words[l]);
                    largest = largest.max(exact.abs());
                }
            }
        }
        assert!(largest > 6.6, "the tails reach {largest} only");
    }
}
