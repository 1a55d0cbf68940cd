//! The Blosc 1 container around LZ4 blocks: what zarr-python writes by default, and reads everywhere.
//!
//! A 16-byte header (versions, flags, element size, sizes), the offsets of the blocks, then the blocks: each one or, for
//! split blocks, one stream an element byte, preceded by its compressed length. Source: the
//! c-blosc README_CHUNK_FORMAT.

use std::ops::Range;

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
/// LZ4 cannot shrink further than this, so a header that claims more is a lie.
const MAX_RATIO: usize = 260;

/// Most bytes that one container may hold.
pub(crate) const MAX_BYTES: usize = i32::MAX as usize - HEADER;

/// Compresses containers one after the other, in memory that it keeps.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    raw: Vec<u8>,
    shuffled: Vec<u8>,
    packed: Vec<u8>,
    /// A stream of zeros, and how many.
    zeros: Vec<u8>,
    n_zeros: usize,
}

/// Which bytes of elements are all 0, and so need not be written.
pub(crate) type ZeroPlanes = [bool; MAX_TYPESIZE];

/// The largest elements.
const MAX_TYPESIZE: usize = 8;

impl Packer {
    /// Compresses `n_bytes`, at most [`MAX_BYTES`], of elements of `typesize` bytes, with byte shuffle, into `out`. `fill` writes the
    /// bytes of a range of them; so they need never be in one place.
    pub(crate) fn compress(
        &mut self,
        n_bytes: usize,
        typesize: usize,
        out: &mut Aligned,
        mut fill: impl FnMut(Range<usize>, &mut [u8]),
    ) {
        let mut raw = std::mem::take(&mut self.raw);
        raw.resize(BLOCK.min(n_bytes), 0);
        self.compress_shuffled(n_bytes, typesize, out, |range, out| {
            if typesize == 1 {
                fill(range, out);
                return ZeroPlanes::default();
            }
            let raw = &mut raw[..range.len()];
            fill(range, raw);
            shuffle(raw, typesize, out)
        });
        self.raw = raw;
    }

    /// The same, where `fill` writes the bytes of a range shuffled: of all its elements the first bytes, then the second ones, and
    /// so on. It may leave planes that are 0 unwritten if it says so.
    pub(crate) fn compress_shuffled(
        &mut self,
        n_bytes: usize,
        typesize: usize,
        out: &mut Aligned,
        mut fill: impl FnMut(Range<usize>, &mut [u8]) -> ZeroPlanes,
    ) {
        let n_blocks = n_bytes.div_ceil(BLOCK);
        let largest = BLOCK.min(n_bytes);
        // At worst, every stream is a copy.
        let begin = out.clear(HEADER + n_bytes + 4 * n_blocks * (1 + MAX_SPLITS));
        let out = out.bytes();
        out.resize(begin + HEADER + 4 * n_blocks, 0);
        self.shuffled.resize(largest, 0);
        self.packed.resize(lz4_flex::block::get_maximum_output_size(largest), 0);
        for i in 0..n_blocks {
            let start = ((out.len() - begin) as u32).to_le_bytes();
            out[begin + HEADER + 4 * i..][..4].copy_from_slice(&start);
            let range = i * BLOCK..((i + 1) * BLOCK).min(n_bytes);
            let length = range.len();
            let zero = fill(range, &mut self.shuffled[..length]);
            let n_streams = streams(length, largest, typesize);
            let part_length = length / n_streams;
            if n_streams == 1 {
                // One stream of all planes.
                let planes = self.shuffled[..length].chunks_mut((length / typesize).max(1));
                planes.zip(zero).filter(|(_, zero)| *zero).for_each(|(plane, _)| plane.fill(0));
            }
            for (plane, zero) in zero.into_iter().take(n_streams).enumerate() {
                if n_streams > 1 && zero {
                    self.append_zeros(part_length, out);
                    continue;
                }
                let part = &self.shuffled[plane * part_length..(plane + 1) * part_length];
                append_stream(part, &mut self.packed, out);
            }
        }
        let mut flags = (LZ4 << 5) | if typesize > 1 { SHUFFLED } else { 0 };
        if out.len() - begin >= HEADER + n_bytes {
            out.truncate(begin + HEADER);
            for i in 0..n_blocks {
                let range = i * BLOCK..((i + 1) * BLOCK).min(n_bytes);
                let shuffled = &mut self.shuffled[..range.len()];
                let n = range.len() / typesize;
                let zero = fill(range, shuffled);
                for (plane, _) in zero.iter().enumerate().filter(|(_, zero)| **zero) {
                    shuffled[plane * n..(plane + 1) * n].fill(0);
                }
                let at = out.len();
                out.resize(at + shuffled.len(), 0);
                unshuffle(shuffled, typesize, &mut out[at..]);
            }
            flags |= COPIED;
        }
        let total = (out.len() - begin) as u32;
        let header = &mut out[begin..begin + HEADER];
        header[..4].copy_from_slice(&[2, 1, flags, typesize as u8]);
        header[4..8].copy_from_slice(&(n_bytes as u32).to_le_bytes());
        header[8..12].copy_from_slice(&(largest.max(1) as u32).to_le_bytes());
        header[12..16].copy_from_slice(&total.to_le_bytes());
    }

    /// The stream of `n` zeros. Counts held as floats have two bytes that are always 0.
    fn append_zeros(&mut self, n: usize, out: &mut Vec<u8>) {
        if self.n_zeros != n {
            self.zeros.clear();
            append_stream(&vec![0; n], &mut self.packed, &mut self.zeros);
            self.n_zeros = n;
        }
        out.extend_from_slice(&self.zeros);
    }
}

/// Appends the compressed stream of `part`, or a copy if that is not longer, and its length before it.
fn append_stream(part: &[u8], packed: &mut [u8], out: &mut Vec<u8>) {
    let stream = match shrinks(part, packed).then(|| lz4_flex::block::compress_into(part, packed)) {
        Some(Ok(n)) if n < part.len() => &packed[..n],
        _ => part,
    };
    out.extend_from_slice(&(stream.len() as u32).to_le_bytes());
    out.extend_from_slice(stream);
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

/// Whether there is something to gain by compressing: a look at a sample, since most bytes of a noisy film are noise.
fn shrinks(part: &[u8], scratch: &mut [u8]) -> bool {
    if part.len() < 8 * SAMPLE_BYTES {
        return true;
    }
    part.chunks(part.len() / 2).any(|half| {
        let sample = &half[..SAMPLE_BYTES.min(half.len())];
        lz4_flex::block::compress_into(sample, scratch).is_ok_and(|n| n < sample.len() * 31 / 32)
    })
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

/// Puts the first bytes of all elements first, then the second bytes, and so on; but for those that are all 0.
fn shuffle(raw: &[u8], typesize: usize, out: &mut [u8]) -> ZeroPlanes {
    let n = raw.len() / typesize;
    let mut zero = ZeroPlanes::default();
    if typesize == 4 {
        // The usual case, in a form that vectorises.
        let words: &[[u8; 4]] = raw.as_chunks().0;
        let any = words.iter().fold(0, |any, word| any | u32::from_le_bytes(*word));
        for byte in 0..4 {
            zero[byte] = any >> (8 * byte) & 0xff == 0;
            if !zero[byte] {
                let plane = &mut out[byte * n..(byte + 1) * n];
                plane.iter_mut().zip(words).for_each(|(o, word)| *o = (u32::from_le_bytes(*word) >> (8 * byte)) as u8);
            }
        }
    } else {
        for byte in 0..typesize.min(raw.len()) {
            let plane = &mut out[byte * n..(byte + 1) * n];
            plane.iter_mut().zip(raw[byte..].iter().step_by(typesize)).for_each(|(o, r)| *o = *r);
        }
    }
    out[n * typesize..].copy_from_slice(&raw[n * typesize..]);
    zero
}

fn unshuffle(shuffled: &[u8], typesize: usize, out: &mut [u8]) {
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
        Packer::default().compress(raw.len(), typesize, &mut out, |range, out| out.copy_from_slice(&raw[range]));
        out.get(0..out.len()).to_vec()
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
                let smooth: Vec<u8> = (0..n).map(|i| ((i / 97) % 5) as u8).collect();
                for raw in [noise(n), smooth, vec![0; n]] {
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
