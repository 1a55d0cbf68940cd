//! TIFF stacks: 8 or 16 bits a pixel for counts, 32-bit floats for intensities.
//!
//! Up to 4 GB a plain TIFF with ImageJ's description, which Fiji opens with frame rate and pixel size; beyond that BigTIFF with
//! OME's. Directories and pixels alternate and all have the same size, so the file is written from front to back. Sources:
//! TIFF 6.0 (1992); BigTIFF (2007); OME-TIFF.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use minisim::{
    GroundTruth,
    recording::{Pixels, SampleType},
    sink::Header,
};

use crate::{
    disk::LongFile,
    error::IoError,
    film::{FrontToBack, frame_bytes},
};

/// Bytes that offsets of a plain TIFF reach.
const PLAIN_BYTES: u64 = 0xffff_0000;

/// A TIFF stack; the spec lies beside it.
#[derive(Debug)]
pub(crate) struct TiffStack {
    out: LongFile,
    layout: Layout,
    page: usize,
}

/// Where things are in the file.
#[derive(Clone, Debug)]
struct Layout {
    big: bool,
    sample_bytes: usize,
    float: bool,
    width: usize,
    height: usize,
    n_pages: usize,
    description: String,
    pixels_per_um: f64,
}

impl FrontToBack for TiffStack {
    const SPEC_BESIDE: bool = true;

    fn begin(file: fs::File, header: &Header, path: &Path) -> Result<Self, IoError> {
        let track = &header.tracks[0];
        let (sample_bytes, float) = match track.rendered {
            SampleType::U8 => (1, false),
            SampleType::U16 => (2, false),
            SampleType::F32 | SampleType::F64 => (4, true),
        };
        let frame = (track.width * track.height * sample_bytes) as u64;
        let acquisition = &header.spec.acquisition;
        let pixel_um = acquisition.pixel_size_um();
        let mut layout = Layout {
            big: (frame + 512) * header.n_frames as u64 > PLAIN_BYTES,
            sample_bytes,
            float,
            width: track.width,
            height: track.height,
            n_pages: header.n_frames,
            description: String::new(),
            pixels_per_um: 1.0 / pixel_um,
        };
        layout.description = if layout.big {
            let kind = ["uint8", "uint16", "float"][if float { 2 } else { sample_bytes - 1 }];
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?><OME xmlns=\"http://www.openmicroscopy.org/Schemas/OME/2016-06\">\
                 <Image ID=\"Image:0\" Name=\"minisim\"><Pixels ID=\"Pixels:0\" DimensionOrder=\"XYZCT\" Type=\"{kind}\" \
                 BigEndian=\"false\" SizeX=\"{}\" SizeY=\"{}\" SizeZ=\"1\" SizeC=\"1\" SizeT=\"{}\" PhysicalSizeX=\"{pixel_um}\" \
                 PhysicalSizeY=\"{pixel_um}\" TimeIncrement=\"{}\" TimeIncrementUnit=\"s\"><Channel ID=\"Channel:0:0\" \
                 SamplesPerPixel=\"1\"/><TiffData/></Pixels></Image></OME>\0",
                track.width,
                track.height,
                header.n_frames,
                1.0 / acquisition.fps.get()
            )
        } else {
            format!(
                "ImageJ=1.53t\nimages={n}\nframes={n}\nunit=um\nfinterval={}\nfps={}\nloop=false\n\0",
                1.0 / acquisition.fps.get(),
                acquisition.fps.get(),
                n = header.n_frames,
            )
        };
        let mut out = LongFile::new(file);
        out.write_all(&layout.head()).map_err(IoError::system("write", path))?;
        Ok(Self { out, layout, page: 0 })
    }

    fn frame(&mut self, pixels: &Pixels, i: usize) -> io::Result<()> {
        self.out.write_all(&self.layout.directory(self.page))?;
        self.out.write_all(&frame_bytes(pixels, i, [self.layout.height, self.layout.width], false))?;
        self.out.write_all(&vec![0; self.layout.padding()])?;
        self.page += 1;
        Ok(())
    }

    fn end(self, _: &Header, _: &GroundTruth) -> io::Result<u64> {
        let bytes = self.layout.directory_at(self.page);
        self.out.finish()?;
        Ok(bytes)
    }
}

/// Entries of a directory: tag, type, count, value.
const SHORT: u16 = 3;
const LONG: u16 = 4;
const RATIONAL: u16 = 5;
const LONG8: u16 = 16;
const N_ENTRIES: usize = 15;

impl Layout {
    fn head(&self) -> Vec<u8> {
        let mut out = b"II".to_vec();
        if self.big {
            out.extend([43, 0, 8, 0, 0, 0]);
            out.extend(16_u64.to_le_bytes());
        } else {
            out.extend([42, 0]);
            out.extend(8_u32.to_le_bytes());
        }
        out
    }

    fn head_bytes(&self) -> u64 {
        if self.big { 16 } else { 8 }
    }

    /// Bytes of a directory with what its entries point at. Only the first page has the description.
    fn directory_bytes(&self, page: usize) -> u64 {
        let table = if self.big { 8 + 20 * N_ENTRIES + 8 } else { 2 + 12 * N_ENTRIES + 4 };
        let description = if page == 0 { self.description.len() } else { 8 };
        (table + 16 + description).next_multiple_of(16) as u64
    }

    fn frame_bytes(&self) -> u64 {
        (self.width * self.height * self.sample_bytes) as u64
    }

    /// Bytes after a page's pixels, so that the next directory is aligned.
    fn padding(&self) -> usize {
        (self.frame_bytes().next_multiple_of(16) - self.frame_bytes()) as usize
    }

    /// Where the directory of a page begins.
    fn directory_at(&self, page: usize) -> u64 {
        let later = self.directory_bytes(1) + self.frame_bytes() + self.padding() as u64;
        match page {
            0 => self.head_bytes(),
            _ => {
                let first = self.directory_bytes(0) + self.frame_bytes() + self.padding() as u64;
                self.head_bytes() + first + (page as u64 - 1) * later
            }
        }
    }

    fn directory(&self, page: usize) -> Vec<u8> {
        let at = self.directory_at(page);
        let table = if self.big { 8 + 20 * N_ENTRIES + 8 } else { 2 + 12 * N_ENTRIES + 4 } as u64;
        // After the table: the resolution, then the description.
        let resolution_at = at + table;
        let description_at = resolution_at + 16;
        let pixels_at = at + self.directory_bytes(page);
        let description: &[u8] = if page == 0 { self.description.as_bytes() } else { b"\0\0\0\0\0\0\0\0" };
        let offset = if self.big { LONG8 } else { LONG };
        let entries: [(u16, u16, u64, u64); N_ENTRIES] = [
            (254, LONG, 1, 0),
            (256, LONG, 1, self.width as u64),
            (257, LONG, 1, self.height as u64),
            (258, SHORT, 1, 8 * self.sample_bytes as u64),
            (259, SHORT, 1, 1),
            (262, SHORT, 1, 1),
            (270, 2, description.len() as u64, description_at),
            (273, offset, 1, pixels_at),
            (277, SHORT, 1, 1),
            (278, LONG, 1, self.height as u64),
            (279, LONG, 1, self.frame_bytes()),
            (282, RATIONAL, 1, resolution_at),
            (283, RATIONAL, 1, resolution_at),
            // The unit is in the description.
            (296, SHORT, 1, 1),
            (339, SHORT, 1, if self.float { 3 } else { 1 }),
        ];
        let mut out = Vec::new();
        let next = if page + 1 < self.n_pages { self.directory_at(page + 1) } else { 0 };
        if self.big {
            out.extend((N_ENTRIES as u64).to_le_bytes());
        } else {
            out.extend((N_ENTRIES as u16).to_le_bytes());
        }
        let resolution = [(self.pixels_per_um * 1e6).round() as u32, 1_000_000].map(u32::to_le_bytes).concat();
        for (tag, kind, count, value) in entries {
            out.extend(tag.to_le_bytes());
            out.extend(kind.to_le_bytes());
            if self.big {
                out.extend(count.to_le_bytes());
                if kind == RATIONAL || (tag == 270 && description.len() <= 8) {
                    // What fits stands in the entry itself.
                    out.extend(if kind == RATIONAL { resolution.clone() } else { description.to_vec() });
                } else {
                    out.extend(value.to_le_bytes());
                }
            } else {
                out.extend((count as u32).to_le_bytes());
                out.extend((value as u32).to_le_bytes());
            }
        }
        if self.big {
            out.extend(next.to_le_bytes());
        } else {
            out.extend((next as u32).to_le_bytes());
        }
        out.extend(&resolution);
        out.extend([0; 8]);
        out.extend(description);
        out.resize(self.directory_bytes(page) as usize, 0);
        out
    }
}
