//! The Blosc 1 container around LZ4 blocks: what zarr-python writes by default, and reads everywhere.
//!
//! A 16-byte header (versions, flags, element size, sizes), the offsets of the blocks, then the blocks: each one or, for
//! split blocks, one stream an element byte, preceded by its compressed length. Source: the
//! c-blosc README_CHUNK_FORMAT.

use std::ops::Range;

use super::runs::{Runs, n_repeated};
use crate::disk::Aligned;

const HEADER: usize = 16;
const SHUFFLED: u8 = 0x1;
const COPIED: u8 = 0x2;
const BIT_SHUFFLED: u8 = 0x4;
const NOT_SPLIT: u8 = 0x10;
const LZ4: u8 = 1;
/// Bytes that are shuffled and compressed together: they fit into a core's second-level cache.
const BLOCK: usize = 256 << 10;
/// Streams of a split block, and the smallest part worth a stream.
const MAX_SPLITS: usize = 16;
const MIN_SPLIT_BYTES: usize = 128;
/// Bytes that are tried before a stream is compressed.
const SAMPLE_BYTES: usize = 2048;
/// Shorter streams are compressed without a look.
const LEAST_SAMPLED: usize = 8 * SAMPLE_BYTES;
/// Streams of runs are shorter than before by this factor, or compressed with a search.
const MIN_RUNS_RATIO: usize = 4;
/// LZ4 cannot shrink further than this, so a header that claims more is a lie.
const MAX_RATIO: usize = 260;

/// Most bytes that one container may hold.
pub(crate) const MAX_BYTES: usize = i32::MAX as usize - HEADER;

/// Which bytes of elements are 0 in all elements, and so need not be written.
pub(crate) type ZeroPlanes = [bool; MAX_TYPESIZE];

/// Memory for the planes of a block: of all its elements the first bytes, then the second ones, and so on. Those that are known to be
/// 0 are empty.
pub(crate) type Planes<'a> = [&'a mut [u8]; MAX_TYPESIZE];

/// The largest elements.
const MAX_TYPESIZE: usize = 8;

/// Compresses containers one after the other, in memory that it keeps.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    raw: Vec<u8>,
    /// A block that is one stream.
    block: Vec<u8>,
    compressor: Compressor,
    /// A stream of zeros, and how many.
    zeros: Vec<u8>,
    n_zeros: usize,
}

impl Packer {
    /// Compresses `n_bytes`, at most [`MAX_BYTES`], of elements of `typesize` bytes, with byte shuffle, into `out`: `elements`, as their
    /// owner numbers them, and zeros if these are fewer. `fill` writes the bytes of a range of them; so they need never be in one
    /// place.
    pub(crate) fn compress(
        &mut self,
        elements: Range<usize>,
        n_bytes: usize,
        typesize: usize,
        out: &mut Aligned,
        fill: impl Fn(Range<usize>, &mut [u8]),
    ) {
        let fill = |bytes: Range<usize>, out: &mut [u8]| {
            let held = held(&elements, typesize, &bytes);
            let (out, beyond) = out.split_at_mut(held.len() * typesize);
            fill(held, out);
            beyond.fill(0);
        };
        if typesize == 1 && self.copy_noise(n_bytes, out, &fill) {
            return;
        }
        let mut raw = std::mem::take(&mut self.raw);
        raw.resize(BLOCK.min(n_bytes), 0);
        self.compress_planes(n_bytes, typesize, ZeroPlanes::default(), out, |range, planes| {
            let raw = &mut raw[..range.len()];
            fill(range, raw);
            shuffle(raw, &mut planes[..typesize])
        });
        self.raw = raw;
    }

    /// Copies single bytes that are noise, as those of films are, to where they stay. Says whether they were; else there is nothing.
    fn copy_noise(&mut self, n_bytes: usize, out: &mut Aligned, fill: &impl Fn(Range<usize>, &mut [u8])) -> bool {
        let scratch = &mut self.compressor.packed;
        scratch.resize(lz4_flex::block::get_maximum_output_size(BLOCK), 0);
        let bytes = out.clear(HEADER + n_bytes);
        for start in (0..n_bytes).step_by(BLOCK) {
            let range = start..(start + BLOCK).min(n_bytes);
            let block = &mut bytes[HEADER..][range.clone()];
            fill(range, block);
            let rest = start > 0 && block.len() < LEAST_SAMPLED;
            if !rest && !matches!(outlook(block, scratch), Outlook::Noise) {
                return false;
            }
        }
        put_header(bytes, COPIED | LZ4 << 5, 1, n_bytes, HEADER + n_bytes);
        out.set_len(HEADER + n_bytes);
        true
    }

    /// Compresses bytes in planes, which `fill` writes for a range; planes that `zero` says are 0 are left out. `fill` returns which
    /// others are 0, and need not have written these.
    pub(crate) fn compress_planes(
        &mut self,
        n_bytes: usize,
        typesize: usize,
        zero: ZeroPlanes,
        out: &mut Aligned,
        mut fill: impl FnMut(Range<usize>, &mut Planes<'_>) -> ZeroPlanes,
    ) {
        let n_blocks = n_bytes.div_ceil(BLOCK);
        let largest = BLOCK.min(n_bytes);
        let block = |i: usize| i * BLOCK..((i + 1) * BLOCK).min(n_bytes);
        self.compressor.packed.resize(lz4_flex::block::get_maximum_output_size(largest), 0);
        // At worst, every stream is a copy.
        let bytes = out.clear(HEADER + n_bytes + 4 * n_blocks * (1 + MAX_SPLITS));
        let mut end = HEADER + 4 * n_blocks;
        for i in 0..n_blocks {
            put_word(bytes, HEADER + 4 * i, end);
            let range = block(i);
            end = if streams(range.len(), largest, typesize) > 1 {
                let n = range.len() / typesize;
                self.append_planes(n, typesize, zero, bytes, end, |planes| fill(range, planes))
            } else {
                let block = whole_block(&mut self.block, range, typesize, zero, &mut fill);
                match self.compressor.pack(block) {
                    Some(packed) => append(packed, bytes, end),
                    None => append(block, bytes, end),
                }
            };
        }
        let mut flags = (LZ4 << 5) | if typesize > 1 { SHUFFLED } else { 0 };
        if end >= HEADER + n_bytes {
            end = HEADER + n_bytes;
            let body = &mut bytes[HEADER..end];
            for i in 0..n_blocks {
                let planes = whole_block(&mut self.block, block(i), typesize, zero, &mut fill);
                unshuffle(planes, typesize, &mut body[block(i)]);
            }
            flags |= COPIED;
        }
        put_header(bytes, flags, typesize, n_bytes, end);
        out.set_len(end);
    }

    /// Appends a stream for each of a block's planes of `n` bytes at `end`; where they end. A plane that does not shrink is filled
    /// where it stays.
    fn append_planes(
        &mut self,
        n: usize,
        typesize: usize,
        zero: ZeroPlanes,
        out: &mut [u8],
        mut end: usize,
        fill: impl FnOnce(&mut Planes<'_>) -> ZeroPlanes,
    ) -> usize {
        if self.n_zeros != n {
            // Counts held as floats have two bytes that are always 0.
            let zeros = vec![0; n];
            self.zeros = self.compressor.pack(&zeros).unwrap_or(&zeros).to_vec();
            self.n_zeros = n;
        }
        // Where each plane is if none before it shrinks, but for those of zeros.
        let mut starts = [0; MAX_TYPESIZE];
        let mut planes = Planes::default();
        let mut start = end;
        let mut rest = &mut out[start..];
        for byte in 0..typesize {
            start += 4;
            starts[byte] = start;
            let length = if zero[byte] { self.zeros.len() } else { n };
            let (plane, after) = rest[4..].split_at_mut(length);
            if !zero[byte] {
                planes[byte] = plane;
            }
            (start, rest) = (start + length, after);
        }
        let found = fill(&mut planes);
        for byte in 0..typesize {
            let plane = starts[byte]..starts[byte] + n;
            end = if zero[byte] || found[byte] {
                append(&self.zeros, out, end)
            } else if let Some(packed) = self.compressor.pack(&out[plane.clone()]) {
                append(packed, out, end)
            } else {
                put_word(out, end, n);
                if end + 4 != plane.start {
                    out.copy_within(plane, end + 4);
                }
                end + 4 + n
            };
        }
        end
    }
}

/// The elements that a range of a container's bytes holds, where the container holds `elements`: fewer at their end.
pub(crate) fn held(elements: &Range<usize>, typesize: usize, bytes: &Range<usize>) -> Range<usize> {
    let at = |byte: usize| (elements.start + byte / typesize).min(elements.end);
    at(bytes.start)..at(bytes.end)
}

/// Fills a block that is one stream, its planes one after the other.
fn whole_block<'a>(
    block: &'a mut Vec<u8>,
    range: Range<usize>,
    typesize: usize,
    zero: ZeroPlanes,
    fill: &mut impl FnMut(Range<usize>, &mut Planes<'_>) -> ZeroPlanes,
) -> &'a [u8] {
    let length = range.len();
    let n = length / typesize;
    block.clear();
    block.resize(length, 0);
    let mut planes = Planes::default();
    for ((plane, slot), _) in block.chunks_mut(n.max(1)).zip(&mut planes).zip(zero).filter(|(_, zero)| !zero) {
        *slot = plane;
    }
    fill(range, &mut planes);
    block
}

/// Writes the header of a container of `length` bytes that holds `n_bytes`.
fn put_header(out: &mut [u8], flags: u8, typesize: usize, n_bytes: usize, length: usize) {
    out[..4].copy_from_slice(&[2, 1, flags, typesize as u8]);
    put_word(out, 4, n_bytes);
    put_word(out, 8, BLOCK.min(n_bytes).max(1));
    put_word(out, 12, length);
}

fn put_word(out: &mut [u8], at: usize, value: usize) {
    out[at..at + 4].copy_from_slice(&(value as u32).to_le_bytes());
}

/// Writes a stream and its length before it at `at`; where it ends.
fn append(stream: &[u8], out: &mut [u8], at: usize) -> usize {
    put_word(out, at, stream.len());
    out[at + 4..at + 4 + stream.len()].copy_from_slice(stream);
    at + 4 + stream.len()
}

/// Compresses streams, in memory that it keeps.
#[derive(Debug, Default)]
struct Compressor {
    runs: Runs,
    packed: Vec<u8>,
}

impl Compressor {
    /// `part` compressed, if that is shorter.
    fn pack(&mut self, part: &[u8]) -> Option<&[u8]> {
        let packed = &mut self.packed;
        let n = match outlook(part, packed) {
            Outlook::Noise => return None,
            Outlook::Runs => Some(self.runs.pack(part, packed)).filter(|n| *n < part.len() / MIN_RUNS_RATIO),
            Outlook::Unknown => None,
        };
        let n = n.or_else(|| lz4_flex::block::compress_into(part, packed).ok())?;
        (n < part.len()).then(|| &packed[..n])
    }
}

/// Streams in a block of `length` bytes, where full ones have `full`: one for each byte of an element, so that noise in one need
/// not be searched for patterns because of another; a short last block is one stream.
fn streams(length: usize, full: usize, typesize: usize) -> usize {
    let split = length == full
        && typesize <= MAX_SPLITS
        && length / typesize >= MIN_SPLIT_BYTES
        && length.is_multiple_of(typesize);
    if split { typesize } else { 1 }
}

/// Whether a stream is worth packing, judged from two places of it: most bytes of a noisy film are noise.
enum Outlook {
    Noise,
    Runs,
    Unknown,
}

fn outlook(part: &[u8], scratch: &mut [u8]) -> Outlook {
    if part.len() < LEAST_SAMPLED {
        return Outlook::Unknown;
    }
    let mut sample = [0; SAMPLE_BYTES];
    for (half, of) in sample.chunks_mut(SAMPLE_BYTES / 2).zip(part.chunks(part.len() / 2)) {
        half.copy_from_slice(&of[..half.len()]);
    }
    if n_repeated(&sample) > SAMPLE_BYTES * 3 / 4 {
        return Outlook::Runs;
    }
    let shrinks = lz4_flex::block::compress_into(&sample, scratch).is_ok_and(|n| n < SAMPLE_BYTES * 31 / 32);
    if shrinks { Outlook::Unknown } else { Outlook::Noise }
}

/// Decompresses a chunk that must hold `expected` bytes.
pub(crate) fn decompress(chunk: &[u8], expected: usize) -> Result<Vec<u8>, String> {
    let word = |at: usize| -> Result<usize, String> {
        let bytes = chunk.get(at..at + 4).ok_or("it ends early")?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize)
    };
    if chunk.len() < HEADER {
        return Err(format!("it has {} bytes, fewer than a Blosc header", chunk.len()));
    }
    let (flags, typesize) = (chunk[2], usize::from(chunk[3]).max(1));
    let (n_bytes, block_size, total) = (word(4)?, word(8)?, word(12)?);
    if n_bytes != expected {
        return Err(format!("it holds {n_bytes} bytes where {expected} are due"));
    }
    if total != chunk.len() {
        return Err(format!("it has {} bytes where its header says {total}", chunk.len()));
    }
    if flags & COPIED != 0 {
        let body = chunk.get(HEADER..HEADER + n_bytes).ok_or("it ends early")?;
        return Ok(body.to_vec());
    }
    if n_bytes == 0 {
        return Ok(Vec::new());
    }
    if flags >> 5 != LZ4 {
        let name = ["BloscLZ", "LZ4", "Snappy", "zlib", "Zstandard"].get(usize::from(flags >> 5)).unwrap_or(&"unknown");
        return Err(format!("it is compressed with {name}; only LZ4 is read"));
    }
    if flags & BIT_SHUFFLED != 0 {
        return Err("its bits are shuffled; only byte shuffle is read".to_owned());
    }
    if block_size == 0 || n_bytes / MAX_RATIO > chunk.len() {
        return Err("its header is wrong".to_owned());
    }
    let mut out = vec![0; n_bytes];
    let mut packed = vec![0; block_size.min(n_bytes)];
    for (i, block) in out.chunks_mut(block_size).enumerate() {
        let mut at = word(HEADER + 4 * i)?;
        let streams = if flags & NOT_SPLIT == 0 { streams(block.len(), block_size, typesize) } else { 1 };
        let bytes = &mut packed[..block.len()];
        for part in bytes.chunks_mut(block.len() / streams) {
            let length = word(at)?;
            let stream = chunk.get(at + 4..).and_then(|rest| rest.get(..length)).ok_or("it ends early")?;
            if length == part.len() {
                part.copy_from_slice(stream);
            } else {
                let n = lz4_flex::block::decompress_into(stream, part).map_err(|e| e.to_string())?;
                if n != part.len() {
                    return Err(format!("a block of {} bytes unpacks to {n}", part.len()));
                }
            }
            at += 4 + length;
        }
        if flags & SHUFFLED != 0 && typesize > 1 {
            unshuffle(bytes, typesize, block);
        } else {
            block.copy_from_slice(bytes);
        }
    }
    Ok(out)
}

/// Puts the first bytes of all elements into the first plane, the second ones into the second, and so on. Planes that are all 0 it
/// names, and need not write.
fn shuffle(raw: &[u8], planes: &mut [&mut [u8]]) -> ZeroPlanes {
    match planes.len() {
        2 => split(raw, planes, |word| u32::from(u16::from_le_bytes(word))),
        4 => split(raw, planes, u32::from_le_bytes),
        8 => {
            let words: &[[u8; 8]] = raw.as_chunks().0;
            let (groups, rest) = words.as_chunks::<8>();
            let mut any = 0;
            for (i, group) in groups.iter().enumerate() {
                let group = group.map(u64::from_le_bytes);
                any = group.iter().fold(any, |any, word| any | word);
                for (plane, bytes) in planes.iter_mut().zip(transposed(group)) {
                    plane[8 * i..8 * i + 8].copy_from_slice(&bytes.to_le_bytes());
                }
            }
            for (i, word) in rest.iter().enumerate() {
                any |= u64::from_le_bytes(*word);
                planes.iter_mut().zip(word).for_each(|(plane, byte)| plane[8 * groups.len() + i] = *byte);
            }
            any.to_le_bytes().map(|byte| byte == 0)
        }
        // Elements of any other size are single bytes.
        _ => {
            planes.iter_mut().for_each(|plane| plane.copy_from_slice(raw));
            ZeroPlanes::default()
        }
    }
}

/// Writes the planes of elements of `N` bytes but for those that are all 0, which it names.
fn split<const N: usize>(raw: &[u8], planes: &mut [&mut [u8]], number: impl Fn([u8; N]) -> u32) -> ZeroPlanes {
    let mut zero = ZeroPlanes::default();
    let words: &[[u8; N]] = raw.as_chunks().0;
    let any = words.iter().fold(0, |any, word| any | number(*word));
    for (byte, plane) in planes.iter_mut().enumerate() {
        zero[byte] = any >> (8 * byte) & 0xff == 0;
        if !zero[byte] {
            plane.iter_mut().zip(words).for_each(|(o, word)| *o = (number(*word) >> (8 * byte)) as u8);
        }
    }
    zero
}

/// The first bytes of eight words, the second ones, and so on: blocks of 4, 2 and 1 bytes change places across the diagonal.
#[inline(always)]
fn transposed(mut words: [u64; 8]) -> [u64; 8] {
    for (distance, low) in [(4, 0x0000_0000_ffff_ffff), (2, 0x0000_ffff_0000_ffff), (1, 0x00ff_00ff_00ff_00ff)] {
        let bits = 8 * distance;
        for i in (0..8).filter(|i| i & distance == 0) {
            let (a, b) = (words[i], words[i + distance]);
            let change = (a >> bits ^ b) & low;
            words[i] = a ^ change << bits;
            words[i + distance] = b ^ change;
        }
    }
    words
}

/// Puts the planes of bytes back into elements; those of the usual sizes are written whole, which vectorises.
fn unshuffle(shuffled: &[u8], typesize: usize, out: &mut [u8]) {
    fn whole<const N: usize>(shuffled: &[u8], out: &mut [u8]) {
        let n = out.len() / N;
        let planes: [&[u8]; N] = std::array::from_fn(|byte| &shuffled[byte * n..(byte + 1) * n]);
        let (elements, rest) = out.as_chunks_mut::<N>();
        for (i, element) in elements.iter_mut().enumerate() {
            *element = std::array::from_fn(|byte| planes[byte][i]);
        }
        rest.copy_from_slice(&shuffled[n * N..]);
    }
    match typesize {
        2 => whole::<2>(shuffled, out),
        4 => whole::<4>(shuffled, out),
        8 => whole::<8>(shuffled, out),
        _ => unshuffle_any(shuffled, typesize, out),
    }
}

/// Puts the planes of bytes of elements of any size back together.
fn unshuffle_any(shuffled: &[u8], typesize: usize, out: &mut [u8]) {
    let n = out.len() / typesize;
    for byte in 0..typesize.min(shuffled.len()) {
        let plane = &shuffled[byte * n..(byte + 1) * n];
        out[byte..].iter_mut().step_by(typesize).zip(plane).for_each(|(o, s)| *o = *s);
    }
    out[n * typesize..].copy_from_slice(&shuffled[n * typesize..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compress(raw: &[u8], typesize: usize) -> Vec<u8> {
        let mut out = Aligned::default();
        let fill = |range: Range<usize>, out: &mut [u8]| {
            out.copy_from_slice(&raw[range.start * typesize..range.end * typesize]);
        };
        Packer::default().compress(0..raw.len() / typesize, raw.len(), typesize, &mut out, fill);
        out.get(0..out.len()).to_vec()
    }

    #[test]
    fn elements_come_back_whole_whatever_their_size() {
        for n in [0, 1, 7, 8, 64, 1003] {
            let shuffled = noise(n);
            for typesize in [1, 2, 3, 4, 8, 16] {
                let (mut fast, mut plain) = (vec![0; n], vec![1; n]);
                unshuffle(&shuffled, typesize, &mut fast);
                unshuffle_any(&shuffled, typesize, &mut plain);
                assert_eq!(fast, plain, "{n} bytes in elements of {typesize}");
            }
        }
    }

    fn noise(n: usize) -> Vec<u8> {
        let mut x = 1_u64;
        (0..n)
            .map(|_| {
                x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (x >> 56) as u8
            })
            .collect()
    }

    #[test]
    fn what_goes_in_comes_out() {
        for n in [0, 1, 3, 15, 100, 4096, BLOCK - 1, BLOCK, BLOCK + 5, 3 * BLOCK + 17] {
            for typesize in [1, 2, 4, 8] {
                let n = n / typesize * typesize;
                let smooth: Vec<u8> = (0..n).map(|i| ((i / 97) % 5) as u8).collect();
                let half = [noise(n - n / 2), vec![0; n / 2]].concat();
                // Planes that shrink before one that does not.
                let by_turns = smooth.iter().zip(noise(n)).enumerate();
                let mixed = by_turns.map(|(i, (s, n))| if i % typesize + 1 == typesize { n } else { *s }).collect();
                for raw in [noise(n), smooth, vec![0; n], half, mixed] {
                    let packed = compress(&raw, typesize);
                    assert!(packed.len() <= n + HEADER);
                    assert_eq!(decompress(&packed, n).as_deref(), Ok(raw.as_slice()), "{n} bytes of {typesize}");
                }
            }
        }
    }

    #[test]
    fn damage_is_an_error_not_a_panic() {
        let raw: Vec<u8> = (0..50_000).map(|i| (i / 7) as u8).collect();
        let packed = compress(&raw, 4);
        for cut in 0..packed.len().min(400) {
            assert!(decompress(&packed[..cut], raw.len()).is_err());
        }
        for at in 0..packed.len() {
            let mut bad = packed.clone();
            bad[at] ^= 0x5a;
            let _ = decompress(&bad, raw.len());
        }
        assert!(decompress(&packed, raw.len() + 1).is_err());
    }
}
