//! The Blosc 1 container around LZ4 blocks: what zarr-python writes by default, and reads everywhere.
//!
//! A 16-byte header (versions, flags, element size, sizes), the offsets of the blocks, then the blocks: each one or, for
//! split blocks, one stream an element byte, preceded by its compressed length. Writing never splits. Source: the
//! c-blosc README_CHUNK_FORMAT.

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
/// LZ4 cannot shrink further than this, so a header that claims more is a lie.
const MAX_RATIO: usize = 260;

/// Most bytes that one container may hold.
pub(crate) const MAX_BYTES: usize = i32::MAX as usize - HEADER;

/// Compresses `raw`, at most [`MAX_BYTES`] bytes of elements of `typesize` bytes, with byte shuffle.
pub(crate) fn compress(raw: &[u8], typesize: usize) -> Vec<u8> {
    let n_blocks = raw.len().div_ceil(BLOCK);
    let starts = HEADER + 4 * n_blocks;
    let mut out = Vec::with_capacity(starts + raw.len() / 2);
    out.resize(starts, 0);
    let mut shuffled = vec![0; BLOCK.min(raw.len())];
    let mut packed = vec![0; lz4_flex::block::get_maximum_output_size(BLOCK.min(raw.len()))];
    for (i, block) in raw.chunks(BLOCK).enumerate() {
        let start = (out.len() as u32).to_le_bytes();
        out[HEADER + 4 * i..][..4].copy_from_slice(&start);
        let bytes = if typesize > 1 {
            shuffle(block, typesize, &mut shuffled[..block.len()]);
            &shuffled[..block.len()]
        } else {
            block
        };
        // A stream as long as its block is a plain copy.
        let stream = match lz4_flex::block::compress_into(bytes, &mut packed) {
            Ok(n) if n < block.len() => &packed[..n],
            _ => bytes,
        };
        out.extend_from_slice(&(stream.len() as u32).to_le_bytes());
        out.extend_from_slice(stream);
    }
    let shuffled = if typesize > 1 { SHUFFLED } else { 0 };
    let mut flags = shuffled | NOT_SPLIT | (LZ4 << 5);
    if out.len() >= HEADER + raw.len() {
        out.truncate(HEADER);
        out.extend_from_slice(raw);
        flags |= COPIED;
    }
    let total = out.len() as u32;
    out[..4].copy_from_slice(&[2, 1, flags, typesize as u8]);
    out[4..8].copy_from_slice(&(raw.len() as u32).to_le_bytes());
    out[8..12].copy_from_slice(&(BLOCK.min(raw.len()).max(1) as u32).to_le_bytes());
    out[12..16].copy_from_slice(&total.to_le_bytes());
    out
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
        let whole = block.len() == block_size;
        let split = flags & NOT_SPLIT == 0
            && whole
            && typesize <= MAX_SPLITS
            && block.len() / typesize >= MIN_SPLIT_BYTES
            && block.len() % typesize == 0;
        let streams = if split { typesize } else { 1 };
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

/// Puts the first bytes of all elements first, then the second bytes, and so on.
fn shuffle(raw: &[u8], typesize: usize, out: &mut [u8]) {
    let n = raw.len() / typesize;
    for byte in 0..typesize.min(raw.len()) {
        let plane = &mut out[byte * n..(byte + 1) * n];
        plane.iter_mut().zip(raw[byte..].iter().step_by(typesize)).for_each(|(o, r)| *o = *r);
    }
    out[n * typesize..].copy_from_slice(&raw[n * typesize..]);
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
