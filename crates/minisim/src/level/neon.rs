//! The level of 64-bit ARM.

use std::arch::aarch64::*;

use super::{
    Kernel, assert_within,
    registers::{Floats, Instructions, compiled, features_detected, instruction, level},
};

level! {
    /// NEON: four pixels.
    Neon: (is_aarch64_feature_detected "neon"), 4,
    // All bits of an answer are set, or none.
    Floats float32x4_t, Words uint32x4_t, Answers uint32x4_t;

    fn splat(value: f32) -> float32x4_t { vdupq_n_f32(value) }
    fn load(values: &[f32]) -> float32x4_t {
        let values = &values[..4];
        // SAFETY: four values are read, as many as there are; they may begin anywhere.
        unsafe { vld1q_f32(values.as_ptr()) }
    }
    fn store(a: float32x4_t, values: &mut [f32]) -> () {
        let values = &mut values[..4];
        // SAFETY: four values are written, as many as there are; they may begin anywhere.
        unsafe { vst1q_f32(values.as_mut_ptr(), a) }
    }
    fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t { vaddq_f32(a, b) }
    fn sub(a: float32x4_t, b: float32x4_t) -> float32x4_t { vsubq_f32(a, b) }
    fn mul(a: float32x4_t, b: float32x4_t) -> float32x4_t { vmulq_f32(a, b) }
    fn mul_add(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t { vfmaq_f32(c, a, b) }
    fn followed_by(a: float32x4_t, b: float32x4_t) -> float32x4_t { vextq_f32::<1>(a, b) }
    // The machine's maximum and minimum pass on what is not a number.
    fn at_least(a: float32x4_t, b: float32x4_t) -> float32x4_t { vbslq_f32(vcgtq_f32(a, b), a, b) }
    fn at_most(a: float32x4_t, b: float32x4_t) -> float32x4_t { vbslq_f32(vcltq_f32(a, b), a, b) }
    fn less(a: float32x4_t, b: float32x4_t) -> uint32x4_t { vcltq_f32(a, b) }
    fn truncated(a: float32x4_t) -> uint32x4_t { vreinterpretq_u32_s32(vcvtq_s32_f32(a)) }
    fn select_floats(yes: float32x4_t, mask: uint32x4_t, no: float32x4_t) -> float32x4_t { vbslq_f32(mask, yes, no) }

    fn splat_word(value: u32) -> uint32x4_t { vdupq_n_u32(value) }
    fn load_words(words: &[u32]) -> uint32x4_t {
        let words = &words[..4];
        // SAFETY: four words are read, as many as there are; they may begin anywhere.
        unsafe { vld1q_u32(words.as_ptr()) }
    }
    fn store_words(a: uint32x4_t, words: &mut [u32]) -> () {
        let words = &mut words[..4];
        // SAFETY: four words are written, as many as there are; they may begin anywhere.
        unsafe { vst1q_u32(words.as_mut_ptr(), a) }
    }
    fn add_words(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t { vaddq_u32(a, b) }
    fn and(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t { vandq_u32(a, b) }
    fn or(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t { vorrq_u32(a, b) }
    fn xor(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t { veorq_u32(a, b) }
    fn shl<const N>(a: uint32x4_t) -> uint32x4_t { vshlq_u32(a, vdupq_n_s32(N as i32)) }
    // To the left by less than nothing is to the right.
    fn shr<const N>(a: uint32x4_t) -> uint32x4_t { vshlq_u32(a, vdupq_n_s32(-(N as i32))) }
    fn greater(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        vcgtq_s32(vreinterpretq_s32_u32(a), vreinterpretq_s32_u32(b))
    }
    fn select(yes: uint32x4_t, mask: uint32x4_t, no: uint32x4_t) -> uint32x4_t { vbslq_u32(mask, yes, no) }
    fn count(a: uint32x4_t, mask: uint32x4_t, _one: uint32x4_t) -> uint32x4_t { vsubq_u32(a, mask) }
    fn to_floats(a: uint32x4_t) -> float32x4_t { vcvtq_f32_s32(vreinterpretq_s32_u32(a)) }
    // There is no instruction for it.
    fn gather(a: uint32x4_t, table: &[u32], mask: u32) -> uint32x4_t {
        assert_within(table, mask);
        let index = vandq_u32(a, vdupq_n_u32(mask));
        let word = |index: u32| table[index as usize];
        let found = vdupq_n_u32(word(vgetq_lane_u32::<0>(index)));
        let found = vsetq_lane_u32::<1>(word(vgetq_lane_u32::<1>(index)), found);
        let found = vsetq_lane_u32::<2>(word(vgetq_lane_u32::<2>(index)), found);
        vsetq_lane_u32::<3>(word(vgetq_lane_u32::<3>(index)), found)
    }

    fn nowhere() -> uint32x4_t { vdupq_n_u32(0) }
    fn either(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t { vorrq_u32(a, b) }
    fn any(a: uint32x4_t) -> bool { vmaxvq_u32(a) != 0 }
}
