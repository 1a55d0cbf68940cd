//! LZ4 blocks of bytes that mostly repeat the byte before, such as the exponents of a film's pixels.
//!
//! A search for repetitions anywhere before, as LZ4 compressors do, takes a quarter of the time that rendering such a film takes. Here
//! only runs of one byte that are long enough become matches; they are found 64 bytes at a time. Source of the format: LZ4's
//! lz4_Block_format.md.

use minisim::{Loops, at_best_level};

/// Bytes that one mask describes, one bit each.
const GROUP: usize = 64;
/// Bytes that are compared with those before at once; they fit into a core's first-level cache.
const PIECE: usize = 2048;
/// Bytes at the end of a block that are no part of a match.
const TAIL: usize = 12;
/// Lengths from which on one further byte is needed, and from which on three are.
const SHORT: usize = 15;
const LONG: usize = SHORT + 2 * 255;
/// What a match adds to its length, the shortest one being this long.
const MIN_MATCH: usize = 4;
/// Literals that are copied at once, whether needed or not.
const AT_ONCE: usize = 64;
/// Bounds of runs that are noted at once, whether there are so many in a group or not.
const BOUNDS: usize = 4;

/// How many of `bytes` repeat the byte before.
pub(crate) fn n_repeated(bytes: &[u8]) -> usize {
    let after = bytes.get(1..).unwrap_or_default();
    let of_group = |(after, before): (&[u8], &[u8])| {
        usize::from(after.iter().zip(before).fold(0_u8, |n, (after, before)| n + u8::from(after == before)))
    };
    after.chunks(GROUP).zip(bytes.chunks(GROUP)).map(of_group).sum()
}

/// Finds runs, in memory that it keeps.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// A bit a byte, from the second on: whether it repeats the one before, whether six do so from there on, and whether it is one of six.
    repeated: Vec<u8>,
    six: Vec<u64>,
    masks: Vec<u64>,
    /// Where runs begin and end, by turns.
    bounds: Vec<u32>,
}

impl Runs {
    /// Writes the block of `bytes` into `out`, which must be as long as LZ4's longest block of so many; its length.
    pub(crate) fn pack(&mut self, bytes: &[u8], out: &mut [u8]) -> usize {
        // One group more, where the last run ends, and what surrounds them.
        let n_groups = bytes.len() / GROUP + 1;
        self.repeated.resize((n_groups + 1) * GROUP / 8, 0);
        self.six.resize(n_groups + 1, 0);
        self.masks.resize(n_groups, 0);
        self.bounds.resize(bytes.len() + BOUNDS, 0);
        at_best_level(Packing { bytes, runs: self, out })
    }
}

struct Packing<'a> {
    bytes: &'a [u8],
    runs: &'a mut Runs,
    out: &'a mut [u8],
}

impl Loops for Packing<'_> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let Self { bytes, runs, out } = self;
        repeated(bytes, &mut runs.repeated);
        in_long_runs(&runs.repeated, &mut runs.six, &mut runs.masks);
        let n_bounds = bounds_of(&runs.masks, &mut runs.bounds);
        let (mut anchor, mut end) = (0, 0);
        for [from, to] in runs.bounds[..n_bounds].as_chunks().0 {
            let (from, to) = (*from as usize, *to as usize);
            let (literals, rest) = (from - anchor, to - from - MIN_MATCH);
            let token = (literals.min(SHORT) << 4 | rest.min(SHORT)) as u8;
            if literals < AT_ONCE && rest < LONG && anchor + AT_ONCE <= bytes.len() {
                // Nothing to be guessed: what is not needed is overwritten.
                out[end..end + 2].copy_from_slice(&[token, literals.wrapping_sub(SHORT) as u8]);
                end += 1 + usize::from(literals >= SHORT);
                out[end..end + AT_ONCE].copy_from_slice(&bytes[anchor..anchor + AT_ONCE]);
                end += literals;
                let more = rest.wrapping_sub(SHORT);
                out[end..end + 4].copy_from_slice(&[1, 0, more.min(255) as u8, more.wrapping_sub(255) as u8]);
                end += 2 + usize::from(rest >= SHORT) + usize::from(rest >= SHORT + 255);
            } else {
                out[end] = token;
                end = put_literals(&bytes[anchor..from], out, end + 1);
                out[end..end + 2].copy_from_slice(&[1, 0]);
                end = put_rest(rest, out, end + 2);
            }
            anchor = to;
        }
        out[end] = ((bytes.len() - anchor).min(SHORT) << 4) as u8;
        put_literals(&bytes[anchor..], out, end + 1)
    }
}

/// Fills bits with which bytes, from the second on, repeat the byte before. In the end there are none.
#[inline(always)]
fn repeated(bytes: &[u8], bits: &mut [u8]) {
    let whole = bytes.len().saturating_sub(1 + TAIL) / GROUP * GROUP;
    let (bits, end) = bits.split_at_mut(whole / 8);
    end.fill(0);
    let (before, after) = (&bytes[..whole], bytes.get(1..=whole).unwrap_or_default());
    let mut same = [0; PIECE];
    for ((bits, after), before) in bits.chunks_mut(PIECE / 8).zip(after.chunks(PIECE)).zip(before.chunks(PIECE)) {
        for ((same, after), before) in same.iter_mut().zip(after).zip(before) {
            *same = u8::from(after == before);
        }
        for (bits, same) in bits.iter_mut().zip(same[..after.len()].as_chunks().0) {
            // The lowest bits of eight bytes move next to each other.
            let one = u64::from_le_bytes(*same);
            let two = one | one >> 7;
            let four = two | two >> 14;
            *bits = (four | four >> 28) as u8;
        }
    }
}

/// Fills masks with which bytes are among six or more on end that repeat the one before, if bits tell which repeat it.
#[inline(always)]
fn in_long_runs(repeated: &[u8], six: &mut [u64], masks: &mut [u64]) {
    let groups: &[[u8; 8]] = repeated.as_chunks().0;
    // Where six begin; in the group before the first, nowhere.
    six[0] = 0;
    for ((six, group), next) in six[1..].iter_mut().zip(groups).zip(&groups[1..]) {
        let (low, high) = (u64::from_le_bytes(*group), u64::from_le_bytes(*next));
        let ahead = |[low, high]: [u64; 2], by: u32| low >> by | high << (64 - by);
        let two = [low & ahead([low, high], 1), high & high >> 1];
        *six = two[0] & ahead(two, 2) & ahead(two, 4);
    }
    // All six of each.
    for ((mask, low), high) in masks.iter_mut().zip(&*six).zip(&six[1..]) {
        let behind = |[low, high]: [u64; 2], by: u32| high << by | low >> (64 - by);
        let two = [low | low << 1, high | behind([*low, *high], 1)];
        *mask = two[1] | behind(two, 2) | behind(two, 4);
    }
}

/// Notes where runs in masks begin and end; how many bounds there are.
#[inline(always)]
fn bounds_of(masks: &[u64], bounds: &mut [u32]) -> usize {
    let (mut n, mut inside) = (0, 0);
    for (group, mask) in masks.iter().enumerate() {
        let mut changes = mask ^ (mask << 1 | inside);
        inside = mask >> 63;
        let first = (1 + group * GROUP) as u32;
        let count = changes.count_ones() as usize;
        for bound in &mut bounds[n..n + BOUNDS] {
            *bound = first.wrapping_add(changes.trailing_zeros());
            changes &= changes.wrapping_sub(1);
        }
        let mut more = n + BOUNDS;
        while changes != 0 {
            bounds[more] = first + changes.trailing_zeros();
            changes &= changes - 1;
            more += 1;
        }
        n += count;
    }
    n
}

/// Appends what a token does not tell of the number of literals, and these; where they end.
fn put_literals(literals: &[u8], out: &mut [u8], end: usize) -> usize {
    let end = put_rest(literals.len(), out, end);
    out[end..end + literals.len()].copy_from_slice(literals);
    end + literals.len()
}

/// Appends what a token does not tell of a length.
fn put_rest(length: usize, out: &mut [u8], mut end: usize) -> usize {
    if let Some(mut rest) = length.checked_sub(SHORT) {
        while rest >= 255 {
            out[end] = 255;
            (end, rest) = (end + 1, rest - 255);
        }
        out[end] = rest as u8;
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use lz4_flex::block::{decompress, get_maximum_output_size};

    use super::*;

    #[test]
    fn runs_come_back_whatever_their_lengths() {
        let mut x = 1_u64;
        let mut random = |below: usize| {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (x >> 33) as usize % below
        };
        let mut runs = Runs::default();
        for case in 0..3000 {
            let n = random(if case % 50 == 0 { 70_000 } else { 400 });
            let longest = [2, 5, 6, 7, 8, 20, 70, 300, 2000][case % 9];
            let mut bytes = Vec::with_capacity(n);
            while bytes.len() < n {
                let length = (1 + random(longest)).min(n - bytes.len());
                bytes.resize(bytes.len() + length, random(3) as u8);
            }
            let mut out = vec![0; get_maximum_output_size(n)];
            let length = runs.pack(&bytes, &mut out);
            if case % 100 == 0 {
                minisim::at_every_level(|level| {
                    let mut again = vec![0; out.len()];
                    let n = runs.pack(&bytes, &mut again);
                    assert_eq!(again[..n], out[..length], "case {case} at {level}");
                });
            }
            assert_eq!(decompress(&out[..length], n).expect("a block"), bytes, "case {case}");
            let repeated = n_repeated(&bytes);
            assert!(
                repeated < n * 99 / 100 || n < 1000 || length < n / 10,
                "case {case}: {n} bytes, {repeated} repeated, {length}"
            );
        }
    }
}
