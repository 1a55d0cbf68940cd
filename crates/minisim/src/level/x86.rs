//! The levels of x86-64.

use std::arch::x86_64::*;

use super::{
    Kernel, assert_within,
    registers::{Floats, Instructions, compiled, features_detected, instruction, level},
};

level! {
    /// AVX2 with fused multiply-add: eight pixels.
    Avx2: (is_x86_feature_detected "avx2" "fma" "bmi1" "popcnt"), 8,
    // All bits of an answer are set, or none.
    Floats __m256, Words __m256i, Answers __m256i;

    fn splat(value: f32) -> __m256 { _mm256_set1_ps(value) }
    fn load(values: &[f32]) -> __m256 {
        let values = &values[..8];
        // SAFETY: eight values are read, as many as there are; they may begin anywhere.
        unsafe { _mm256_loadu_ps(values.as_ptr()) }
    }
    fn store(a: __m256, values: &mut [f32]) -> () {
        let values = &mut values[..8];
        // SAFETY: eight values are written, as many as there are; they may begin anywhere.
        unsafe { _mm256_storeu_ps(values.as_mut_ptr(), a) }
    }
    fn add(a: __m256, b: __m256) -> __m256 { _mm256_add_ps(a, b) }
    fn sub(a: __m256, b: __m256) -> __m256 { _mm256_sub_ps(a, b) }
    fn mul(a: __m256, b: __m256) -> __m256 { _mm256_mul_ps(a, b) }
    fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 { _mm256_fmadd_ps(a, b, c) }
    fn followed_by(a: __m256, b: __m256) -> __m256 {
        // The upper half of `a` and the lower one of `b`; then each half goes on one pixel.
        let middle = _mm256_permute2f128_ps::<0x21>(a, b);
        _mm256_castsi256_ps(_mm256_alignr_epi8::<4>(_mm256_castps_si256(middle), _mm256_castps_si256(a)))
    }
    // The machine's maximum and minimum yield their second operand where they cannot tell.
    fn at_least(a: __m256, b: __m256) -> __m256 { _mm256_max_ps(a, b) }
    fn at_most(a: __m256, b: __m256) -> __m256 { _mm256_min_ps(a, b) }
    fn less(a: __m256, b: __m256) -> __m256i { _mm256_castps_si256(_mm256_cmp_ps::<_CMP_LT_OQ>(a, b)) }
    fn truncated(a: __m256) -> __m256i { _mm256_cvttps_epi32(a) }
    fn select_floats(yes: __m256, mask: __m256i, no: __m256) -> __m256 {
        _mm256_blendv_ps(no, yes, _mm256_castsi256_ps(mask))
    }

    fn splat_word(value: u32) -> __m256i { _mm256_set1_epi32(value as i32) }
    fn load_words(words: &[u32]) -> __m256i {
        let words = &words[..8];
        // SAFETY: eight words are read, as many as there are; they may begin anywhere.
        unsafe { _mm256_loadu_si256(words.as_ptr().cast()) }
    }
    fn store_words(a: __m256i, words: &mut [u32]) -> () {
        let words = &mut words[..8];
        // SAFETY: eight words are written, as many as there are; they may begin anywhere.
        unsafe { _mm256_storeu_si256(words.as_mut_ptr().cast(), a) }
    }
    fn add_words(a: __m256i, b: __m256i) -> __m256i { _mm256_add_epi32(a, b) }
    fn and(a: __m256i, b: __m256i) -> __m256i { _mm256_and_si256(a, b) }
    fn or(a: __m256i, b: __m256i) -> __m256i { _mm256_or_si256(a, b) }
    fn xor(a: __m256i, b: __m256i) -> __m256i { _mm256_xor_si256(a, b) }
    fn shl<const N>(a: __m256i) -> __m256i { _mm256_sllv_epi32(a, _mm256_set1_epi32(N as i32)) }
    fn shr<const N>(a: __m256i) -> __m256i { _mm256_srlv_epi32(a, _mm256_set1_epi32(N as i32)) }
    fn greater(a: __m256i, b: __m256i) -> __m256i { _mm256_cmpgt_epi32(a, b) }
    fn select(yes: __m256i, mask: __m256i, no: __m256i) -> __m256i { _mm256_blendv_epi8(no, yes, mask) }
    fn count(a: __m256i, mask: __m256i, _one: __m256i) -> __m256i { _mm256_sub_epi32(a, mask) }
    fn to_floats(a: __m256i) -> __m256 { _mm256_cvtepi32_ps(a) }
    fn gather(a: __m256i, table: &[u32], mask: u32) -> __m256i {
        assert_within(table, mask);
        let index = _mm256_and_si256(a, _mm256_set1_epi32(mask as i32));
        // SAFETY: no index is beyond `mask`, which is inside the table and not negative as a signed number; words are four bytes
        // apart.
        unsafe { _mm256_i32gather_epi32::<4>(table.as_ptr().cast(), index) }
    }

    fn nowhere() -> __m256i { _mm256_setzero_si256() }
    fn either(a: __m256i, b: __m256i) -> __m256i { _mm256_or_si256(a, b) }
    fn any(a: __m256i) -> bool { _mm256_testz_si256(a, a) == 0 }
}

level! {
    /// AVX-512 as servers and newer laptops have it: sixteen pixels.
    Avx512: (is_x86_feature_detected "avx512f" "avx512bw" "avx512dq" "avx512vl" "bmi1" "popcnt"), 16,
    // An answer is a bit.
    Floats __m512, Words __m512i, Answers __mmask16;

    fn splat(value: f32) -> __m512 { _mm512_set1_ps(value) }
    fn load(values: &[f32]) -> __m512 {
        let values = &values[..16];
        // SAFETY: sixteen values are read, as many as there are; they may begin anywhere.
        unsafe { _mm512_loadu_ps(values.as_ptr()) }
    }
    fn store(a: __m512, values: &mut [f32]) -> () {
        let values = &mut values[..16];
        // SAFETY: sixteen values are written, as many as there are; they may begin anywhere.
        unsafe { _mm512_storeu_ps(values.as_mut_ptr(), a) }
    }
    fn add(a: __m512, b: __m512) -> __m512 { _mm512_add_ps(a, b) }
    fn sub(a: __m512, b: __m512) -> __m512 { _mm512_sub_ps(a, b) }
    fn mul(a: __m512, b: __m512) -> __m512 { _mm512_mul_ps(a, b) }
    fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 { _mm512_fmadd_ps(a, b, c) }
    fn followed_by(a: __m512, b: __m512) -> __m512 {
        _mm512_castsi512_ps(_mm512_alignr_epi32::<1>(_mm512_castps_si512(b), _mm512_castps_si512(a)))
    }
    // The machine's maximum and minimum yield their second operand where they cannot tell.
    fn at_least(a: __m512, b: __m512) -> __m512 { _mm512_max_ps(a, b) }
    fn at_most(a: __m512, b: __m512) -> __m512 { _mm512_min_ps(a, b) }
    fn less(a: __m512, b: __m512) -> __mmask16 { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b) }
    fn truncated(a: __m512) -> __m512i { _mm512_cvttps_epi32(a) }
    fn select_floats(yes: __m512, mask: __mmask16, no: __m512) -> __m512 { _mm512_mask_mov_ps(no, mask, yes) }

    fn splat_word(value: u32) -> __m512i { _mm512_set1_epi32(value as i32) }
    fn load_words(words: &[u32]) -> __m512i {
        let words = &words[..16];
        // SAFETY: sixteen words are read, as many as there are; they may begin anywhere.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }
    fn store_words(a: __m512i, words: &mut [u32]) -> () {
        let words = &mut words[..16];
        // SAFETY: sixteen words are written, as many as there are; they may begin anywhere.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), a) }
    }
    fn add_words(a: __m512i, b: __m512i) -> __m512i { _mm512_add_epi32(a, b) }
    fn and(a: __m512i, b: __m512i) -> __m512i { _mm512_and_si512(a, b) }
    fn or(a: __m512i, b: __m512i) -> __m512i { _mm512_or_si512(a, b) }
    fn xor(a: __m512i, b: __m512i) -> __m512i { _mm512_xor_si512(a, b) }
    fn shl<const N>(a: __m512i) -> __m512i { _mm512_sllv_epi32(a, _mm512_set1_epi32(N as i32)) }
    fn shr<const N>(a: __m512i) -> __m512i { _mm512_srlv_epi32(a, _mm512_set1_epi32(N as i32)) }
    fn greater(a: __m512i, b: __m512i) -> __mmask16 { _mm512_cmpgt_epi32_mask(a, b) }
    fn select(yes: __m512i, mask: __mmask16, no: __m512i) -> __m512i { _mm512_mask_mov_epi32(no, mask, yes) }
    fn count(a: __m512i, mask: __mmask16, one: __m512i) -> __m512i { _mm512_mask_add_epi32(a, mask, a, one) }
    fn to_floats(a: __m512i) -> __m512 { _mm512_cvtepi32_ps(a) }
    fn gather(a: __m512i, table: &[u32], mask: u32) -> __m512i {
        assert_within(table, mask);
        let index = _mm512_and_si512(a, _mm512_set1_epi32(mask as i32));
        // SAFETY: no index is beyond `mask`, which is inside the table and not negative as a signed number; words are four bytes
        // apart.
        unsafe { _mm512_i32gather_epi32::<4>(index, table.as_ptr().cast()) }
    }

    fn nowhere() -> __mmask16 { 0 }
    fn either(a: __mmask16, b: __mmask16) -> __mmask16 { a | b }
    fn any(a: __mmask16) -> bool { a != 0 }
}
