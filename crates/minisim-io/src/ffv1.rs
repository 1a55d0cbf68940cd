//! FFV1: lossless video, what the Miniscope's recording software writes.
//!
//! Version 3, every frame a key frame of one slice, 8-bit grey, range coder. Source: RFC 9043 (2021).

/// Contexts of the first plane: three differences of eleven levels each, signs folded.
const CONTEXTS: usize = (11 * 11 * 11_usize).div_ceil(2);
/// States of one symbol.
const STATES: usize = 32;
/// Absolute differences at which the next level of a context begins.
const LEVELS: [u8; 5] = [1, 3, 6, 12, 24];

/// What a decoder must know before the first frame: the configuration record.
pub(crate) fn configuration() -> Vec<u8> {
    let mut coder = RangeCoder::new();
    let mut states = [128; STATES];
    let mut put = |coder: &mut RangeCoder, v: i32| coder.symbol(&mut states, v, false);
    put(&mut coder, 3); // version
    put(&mut coder, 4); // micro version
    put(&mut coder, 1); // range coder with the usual state transitions
    put(&mut coder, 0); // luminance and chrominance
    put(&mut coder, 8); // bits a sample
    coder.bit(&mut states[0], false); // no chrominance
    let mut put = |coder: &mut RangeCoder, v: i32| coder.symbol(&mut states, v, false);
    put(&mut coder, 0); // its subsampling, if there were any
    put(&mut coder, 0);
    coder.bit(&mut states[0], false); // no transparency
    let mut put = |coder: &mut RangeCoder, v: i32| coder.symbol(&mut states, v, false);
    put(&mut coder, 0); // one slice across
    put(&mut coder, 0); // and one down
    put(&mut coder, 1); // one set of quantisation tables
    for table in 0..5 {
        // Run lengths of equal levels; the last two differences are not looked at.
        let mut states = [128; STATES];
        let begins: &[u8] = if table < 3 { &LEVELS } else { &[] };
        let mut last = 0;
        for begin in begins {
            coder.symbol(&mut states, i32::from(*begin) - last - 1, false);
            last = i32::from(*begin);
        }
        coder.symbol(&mut states, 128 - last - 1, false);
    }
    coder.bit(&mut states[0], false); // contexts start in the usual state
    let mut put = |coder: &mut RangeCoder, v: i32| coder.symbol(&mut states, v, false);
    put(&mut coder, 1); // slices have checksums
    put(&mut coder, 1); // all frames are key frames
    let mut out = coder.finish(false);
    let crc = crc(&out);
    out.extend(crc.to_be_bytes());
    out
}

/// Encodes frames of one size.
#[derive(Debug)]
pub(crate) struct Encoder {
    width: usize,
    height: usize,
    levels: [i32; 256],
}

impl Encoder {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let levels = std::array::from_fn(|i| {
            // The difference as a signed byte.
            let difference = i32::from(i as u8 as i8);
            let level = LEVELS.iter().filter(|l| difference.unsigned_abs() >= u32::from(**l)).count() as i32;
            // −128 counts as −127, as the standard's tables have it.
            if difference < 0 { -level } else { level }
        });
        Self { width, height, levels }
    }

    /// One frame of `height * width` grey levels.
    pub(crate) fn frame(&self, grey: &[u8]) -> Vec<u8> {
        let mut coder = RangeCoder::new();
        coder.bit(&mut 128, true); // a key frame
        let mut states = [128; STATES];
        // The slice: first column, first row, width, height in slices; the tables of both planes that version 3 counts; picture
        // structure and pixel aspect unknown.
        for value in [0, 0, 0, 0, 0, 0, 3, 0, 0] {
            coder.symbol(&mut states, value, false);
        }
        let mut contexts = vec![[128_u8; STATES]; CONTEXTS];
        let w = self.width;
        // Two rows with a border on either side: [0] and [w + 1] stand outside.
        let mut above = vec![0_u8; w + 2];
        let mut row = vec![0_u8; w + 2];
        for line in grey.chunks_exact(w).take(self.height) {
            row[1..=w].copy_from_slice(line);
            // Left of a row stands what is above its first pixel; right of it its last one again.
            row[0] = above[1];
            above[w + 1] = above[w];
            for x in 1..=w {
                let (left, top, corner, right) = (row[x - 1], above[x], above[x - 1], above[x + 1]);
                let level = |a: u8, b: u8| self.levels[usize::from(a.wrapping_sub(b))];
                let context = level(left, corner) + 11 * level(corner, top) + 121 * level(top, right);
                let gradient = i32::from(left) + i32::from(top) - i32::from(corner);
                let predicted = median(i32::from(left), i32::from(top), gradient);
                let difference = i32::from(row[x]) - predicted;
                let (context, difference) = if context < 0 { (-context, -difference) } else { (context, difference) };
                coder.symbol(&mut contexts[context as usize], i32::from(difference as i8), true);
            }
            std::mem::swap(&mut above, &mut row);
        }
        let mut out = coder.finish(true);
        let size = out.len() as u32;
        out.extend(&size.to_be_bytes()[1..]);
        out.push(0); // no error
        let crc = crc(&out);
        out.extend(crc.to_be_bytes());
        out
    }
}

fn median(a: i32, b: i32, c: i32) -> i32 {
    a.max(b).min(a.min(b).max(c))
}

/// CRC-32 of IEEE 802.3, most significant bit first, without inversion.
fn crc(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        while i < 256 {
            let mut value = (i as u32) << 24;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 0x8000_0000 == 0 { value << 1 } else { (value << 1) ^ 0x04c1_1db7 };
                bit += 1;
            }
            table[i] = value;
            i += 1;
        }
        table
    };
    bytes.iter().fold(0, |crc, byte| (crc << 8) ^ TABLE[usize::from((crc >> 24) as u8 ^ *byte)])
}

/// Next states after a one; after a zero they are the mirror image.
static AFTER_ONE: [u8; 256] = transitions();

/// The usual transitions of RFC 9043, by the rule that makes them: the chance of a one moves by a twentieth.
const fn transitions() -> [u8; 256] {
    const ONE: i64 = 1 << 32;
    const FACTOR: i64 = ONE / 20;
    const MOST: i64 = 256 - 8;
    let mut next = [0_u8; 256];
    let mut last = 0;
    let mut p = ONE / 2;
    let mut i = 0;
    while i < 128 {
        let mut state = (256 * p + ONE / 2) >> 32;
        if state <= last {
            state = last + 1;
        }
        if last != 0 && last < 256 && state <= MOST {
            next[last as usize] = state as u8;
        }
        p += ((ONE - p) * FACTOR + ONE / 2) >> 32;
        last = state;
        i += 1;
    }
    let mut i = 256 - MOST;
    while i <= MOST {
        if next[i as usize] == 0 {
            let mut p = (i * ONE + 128) >> 8;
            p += ((ONE - p) * FACTOR + ONE / 2) >> 32;
            let mut state = (256 * p + ONE / 2) >> 32;
            if state <= i {
                state = i + 1;
            }
            if state > MOST {
                state = MOST;
            }
            next[i as usize] = state as u8;
        }
        i += 1;
    }
    next
}

/// The binary range coder of RFC 9043, section 3.8.1.
#[derive(Debug)]
struct RangeCoder {
    low: u32,
    range: u32,
    /// A byte that a carry may still raise, and how many 0xFF follow it.
    pending: Option<u8>,
    full: usize,
    out: Vec<u8>,
}

impl RangeCoder {
    fn new() -> Self {
        Self { low: 0, range: 0xff00, pending: None, full: 0, out: Vec::new() }
    }

    #[inline]
    fn bit(&mut self, state: &mut u8, bit: bool) {
        let one = (self.range * u32::from(*state)) >> 8;
        if bit {
            self.low += self.range - one;
            self.range = one;
            *state = AFTER_ONE[usize::from(*state)];
        } else {
            self.range -= one;
            *state = (256 - u16::from(AFTER_ONE[256 - usize::from(*state)])) as u8;
        }
        while self.range < 0x100 {
            self.shift();
        }
    }

    fn shift(&mut self) {
        match self.pending {
            None => self.pending = Some((self.low >> 8) as u8),
            Some(byte) if self.low <= 0xff00 => {
                self.out.push(byte);
                self.out.resize(self.out.len() + self.full, 0xff);
                self.full = 0;
                self.pending = Some((self.low >> 8) as u8);
            }
            Some(byte) if self.low >= 0x1_0000 => {
                self.out.push(byte.wrapping_add(1));
                self.out.resize(self.out.len() + self.full, 0);
                self.full = 0;
                self.pending = Some((self.low >> 8) as u8);
            }
            Some(_) => self.full += 1,
        }
        self.low = (self.low & 0xff) << 8;
        self.range <<= 8;
    }

    /// A whole number: its exponent in unary, its digits, its sign.
    #[inline]
    fn symbol(&mut self, states: &mut [u8; STATES], value: i32, signed: bool) {
        self.bit(&mut states[0], value == 0);
        if value == 0 {
            return;
        }
        let size = value.unsigned_abs();
        let exponent = size.ilog2() as usize;
        for i in 0..exponent {
            self.bit(&mut states[1 + i.min(9)], true);
        }
        self.bit(&mut states[1 + exponent.min(9)], false);
        for i in (0..exponent).rev() {
            self.bit(&mut states[22 + i.min(9)], size >> i & 1 == 1);
        }
        if signed {
            self.bit(&mut states[11 + exponent.min(10)], value < 0);
        }
    }

    /// Writes out what is left; with the closing bit that slices have.
    fn finish(mut self, slice: bool) -> Vec<u8> {
        if slice {
            self.bit(&mut 129, false);
        }
        self.range = 0xff;
        self.low += 0xff;
        while self.range < 0x100 {
            self.shift();
        }
        self.range = 0xff;
        while self.range < 0x100 {
            self.shift();
        }
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transitions_are_those_of_the_standard() {
        // RFC 9043, section 3.8.1.5: the first entries that are not zero, and some of the others.
        assert_eq!(AFTER_ONE[..8], [0; 8]);
        assert_eq!(AFTER_ONE[8..24], [20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35]);
        assert_eq!(AFTER_ONE[128], 134);
        assert_eq!((AFTER_ONE[247], AFTER_ONE[248]), (248, 248));
    }

    #[test]
    fn checksums_close_to_zero() {
        let mut bytes = b"minisim".to_vec();
        let sum = crc(&bytes);
        bytes.extend(sum.to_be_bytes());
        assert_eq!(crc(&bytes), 0);
        assert_eq!(crc(&configuration()), 0);
    }
}
