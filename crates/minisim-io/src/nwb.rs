//! Neurodata Without Borders: the film as a one-photon series, the truth in a processing module that says it is the truth.
//!
//! Source: NWB schema 2.8.0. By that schema a frame is (width, height): columns come before rows.

use std::{fs, io, path::Path, sync::Arc};

use minisim::{
    GroundTruth,
    footprint::FootprintStack,
    recording::Pixels,
    sink::Header,
    truth::{Dim, TruthData},
};
use rayon::prelude::*;

use crate::{
    error::IoError,
    film::{FrontToBack, frame_bytes},
    hdf5::{Data, File, Node, Parts, Tree, Type, Value, film::pixel_type},
};

const PLANE: &str = "/general/optophysiology/imaging_plane";
const DEVICE: &str = "/general/devices/miniscope";
const MODULE: &str = "/processing/ground_truth";
/// A simulation has no date; every file says this one.
const DATE: &str = "2020-01-01T12:00:00+00:00";

/// An NWB file; the spec is in its notes.
#[derive(Debug)]
pub(crate) struct NwbFilm {
    file: File,
    kind: Type,
    shape: [usize; 2],
}

impl FrontToBack for NwbFilm {
    const SPEC_BESIDE: bool = false;

    fn begin(file: fs::File, header: &Header, path: &Path) -> Result<Self, IoError> {
        let kind = pixel_type(header, path)?;
        let file = File::new(file).map_err(IoError::system("write", path))?;
        Ok(Self { file, kind, shape: [header.tracks[0].height, header.tracks[0].width] })
    }

    fn frame(&mut self, pixels: &Pixels, i: usize) -> io::Result<()> {
        self.file.film(&frame_bytes(pixels, i, self.shape, true))
    }

    fn end(self, header: &Header, truth: &GroundTruth) -> io::Result<u64> {
        self.file.finish(&Document { header, key: header.spec.cache_key() }.tree(self.kind, truth))
    }
}

/// What the file says of one recording.
struct Document<'a> {
    header: &'a Header,
    key: String,
}

impl Document<'_> {
    /// An object of a type of the schema, with an identifier that the recording and the path fix.
    fn typed(&self, path: &str, kind: &str, namespace: &str) -> Node {
        Node::default()
            .with("namespace", Value::text(namespace))
            .with("neurodata_type", Value::text(kind))
            .with("object_id", Value::text(identifier(&self.key, path)))
    }

    fn core(&self, path: &str, kind: &str) -> Node {
        self.typed(path, kind, "core")
    }

    fn tree(&self, kind: Type, truth: &GroundTruth) -> Tree {
        let spec = &self.header.spec;
        let acquisition = &spec.acquisition;
        let track = &self.header.tracks[0];
        let fps = acquisition.fps.get();
        let mut tree = Tree::new(self.core("/", "NWBFile").with("nwb_version", Value::text("2.8.0")));
        for (path, value) in [
            ("/file_create_date", Value::texts(&[DATE])),
            ("/identifier", Value::text(identifier(&self.key, "file"))),
            ("/session_description", Value::text("A simulated one-photon recording whose ground truth is known.")),
            ("/session_start_time", Value::text(DATE)),
            ("/timestamps_reference_time", Value::text(DATE)),
        ] {
            tree.dataset(path, value, Node::default());
        }
        for path in [
            "/acquisition",
            "/analysis",
            "/general",
            "/general/devices",
            "/general/optophysiology",
            "/processing",
            "/stimulus",
            "/stimulus/presentation",
            "/stimulus/templates",
        ] {
            tree.group(path, Node::default());
        }
        let remark = format!("minisim {}; the spec is in notes", env!("CARGO_PKG_VERSION"));
        tree.dataset(
            "/general/source_script",
            Value::text(remark),
            Node::default().with("file_name", Value::text("minisim")),
        );
        tree.dataset("/general/notes", Value::text(spec.canonical_json()), Node::default());
        let subject = "/general/subject";
        tree.group(subject, self.core(subject, "Subject"));
        for (name, text) in [
            ("age", "P90D"),
            ("description", "Nobody: a simulation."),
            ("sex", "U"),
            ("species", "Mus musculus"),
            ("subject_id", "simulated"),
        ] {
            tree.dataset(&format!("{subject}/{name}"), Value::text(text), Node::default());
        }
        let device = self.core(DEVICE, "Device").with("description", Value::text("A simulated one-photon miniscope."));
        tree.group(DEVICE, device);
        tree.group(PLANE, self.core(PLANE, "ImagingPlane").link("device", DEVICE));
        let um = acquisition.pixel_size_um() * 1e-6;
        for (name, value) in [
            ("description", Value::text("The focal plane of the simulated microscope.")),
            ("excitation_lambda", Value::f64(470.0)),
            ("imaging_rate", Value::f64(fps)),
            ("indicator", Value::text("simulated GCaMP")),
            ("location", Value::text("simulated tissue")),
        ] {
            tree.dataset(&format!("{PLANE}/{name}"), value, Node::default());
        }
        let spacing = Value::reals(&[um, um], &[2]);
        tree.dataset(&format!("{PLANE}/grid_spacing"), spacing, Node::default().with("unit", Value::text("meters")));
        let channel = format!("{PLANE}/optical_channel");
        tree.group(&channel, self.core(&channel, "OpticalChannel"));
        for (name, value) in [
            ("description", Value::text("emission")),
            ("emission_lambda", Value::f64(acquisition.optics.emission_nm.get())),
        ] {
            tree.dataset(&format!("{channel}/{name}"), value, Node::default());
        }

        let series = "/acquisition/OnePhotonSeries";
        let about = self
            .core(series, "OnePhotonSeries")
            .with("description", Value::text("The film as the simulated sensor counts it; frame, width, height."))
            .with("comments", Value::text("no comments"))
            .link("imaging_plane", PLANE);
        tree.group(series, about);
        let shape = [self.header.n_frames, track.width, track.height].map(|n| n as u64).to_vec();
        tree.dataset(&format!("{series}/data"), Value { kind, shape, data: Data::Film }, measured("n.a."));
        let dimension = [track.width as i32, track.height as i32].map(i32::to_le_bytes).concat();
        tree.dataset(&format!("{series}/dimension"), Value::array(Type::I32, &[2], dimension), Node::default());
        tree.dataset(&format!("{series}/format"), Value::text("raw"), Node::default());
        let clock =
            Clock { fps, stamps_s: truth.f64s("timestamps_s").filter(|stamps| stamps.len() == self.header.n_frames) };
        clock.put(&mut tree, series);

        self.truth(&mut tree, truth, &clock);
        tree
    }

    fn truth(&self, tree: &mut Tree, truth: &GroundTruth, clock: &Clock<'_>) {
        let description = "The ground truth of the simulation: exact, not the result of an analysis.";
        tree.group(MODULE, self.core(MODULE, "ProcessingModule").with("description", Value::text(description)));
        let segmentation = format!("{MODULE}/ImageSegmentation");
        tree.group(&segmentation, self.core(&segmentation, "ImageSegmentation"));
        let observed = truth.observed_footprints();
        self.footprints(
            tree,
            &format!("{segmentation}/observed_footprints"),
            &observed,
            truth,
            "Footprints as the sensor sees them: blurred and dimmed by depth.",
        );
        self.footprints(
            tree,
            &format!("{segmentation}/planted_footprints"),
            &truth.planted,
            truth,
            "Sharp footprints, as they were planted.",
        );

        let (n, t) = (truth.n_units(), self.header.n_frames);
        let fluorescence = format!("{MODULE}/Fluorescence");
        tree.group(&fluorescence, self.core(&fluorescence, "Fluorescence"));
        for (name, about, unit) in [
            ("C", "Clean calcium traces of all cells.", "fluorescence units"),
            ("S", "Spikes of all cells in each frame.", "spikes"),
        ] {
            let Some(array) = truth.array(name).filter(|a| a.data.len() == n * t) else { continue };
            let series = format!("{fluorescence}/{name}");
            let node = self
                .core(&series, "RoiResponseSeries")
                .with("description", Value::text(about))
                .with("comments", Value::text("no comments"));
            tree.group(&series, node);
            tree.dataset(&format!("{series}/data"), frame_by_frame(&array.data, [n, t]), measured(unit));
            clock.put(tree, &series);
            let rois: Vec<u8> = (0..n as i64).flat_map(i64::to_le_bytes).collect();
            let path = format!("{series}/rois");
            let region = self
                .typed(&path, "DynamicTableRegion", "hdmf-common")
                .with("description", Value::text("all cells"))
                .with("table", Value::reference(&format!("{segmentation}/observed_footprints")));
            tree.dataset(&path, Value::array(Type::I64, &[n], rois), region);
        }
        if let Some(shifts) = truth.f64s("shifts") {
            let series = format!("{MODULE}/shifts");
            let node = self
                .core(&series, "TimeSeries")
                .with("description", Value::text("Displacement of the tissue in each frame: down, right (px)."))
                .with("comments", Value::text("no comments"));
            tree.group(&series, node);
            tree.dataset(&format!("{series}/data"), Value::reals(shifts, &[shifts.len() / 2, 2]), measured("pixels"));
            clock.put(tree, &series);
        }
    }

    /// A table of footprints, with everything that is one number a cell.
    fn footprints(&self, tree: &mut Tree, path: &str, stack: &FootprintStack, truth: &GroundTruth, about: &str) {
        let n = stack.len();
        let (mut pixels, mut ends) = (Vec::new(), Vec::new());
        let mut count = 0_u32;
        for patch in &stack.patches {
            let patch = stack.in_fov(patch);
            for r in 0..patch.height {
                for (c, weight) in patch.row_weights(r).iter().enumerate().filter(|(_, v)| **v != 0.0) {
                    pixels.extend((patch.col as u32 + c as u32).to_le_bytes());
                    pixels.extend((patch.row as u32 + r as u32).to_le_bytes());
                    pixels.extend(weight.to_le_bytes());
                    count += 1;
                }
            }
            ends.extend(count.to_le_bytes());
        }
        let mut columns: Vec<(&str, &str, Value)> =
            vec![("depth_um", "Depth below the tissue's surface (µm).", Value::reals(&truth.depth_um(), &[n]))];
        for array in truth.arrays.iter().filter(|a| a.declared.dims == [Dim::Unit]) {
            let value = match &array.data {
                TruthData::Bool(v) => Value::array(Type::Bool, &[n], v.iter().map(|f| u8::from(*f)).collect()),
                other => Value::reals(&other.to_f64(), &[n]),
            };
            columns.push((array.declared.name, array.declared.doc, value));
        }
        let names: Vec<&str> = std::iter::once("pixel_mask").chain(columns.iter().map(|c| c.0)).collect();
        let table = self
            .core(path, "PlaneSegmentation")
            .with("colnames", Value::texts(&names))
            .with("description", Value::text(about))
            .link("imaging_plane", PLANE);
        tree.group(path, table);
        let ids: Vec<u8> = (0..n as i64).flat_map(i64::to_le_bytes).collect();
        let id = format!("{path}/id");
        tree.dataset(&id, Value::array(Type::I64, &[n], ids), self.typed(&id, "ElementIdentifiers", "hdmf-common"));
        let column = |path: &str, kind: &str, about: &str| {
            self.typed(path, kind, "hdmf-common").with("description", Value::text(about))
        };
        let pixel = Type::Struct(vec![("x", Type::U32), ("y", Type::U32), ("weight", Type::F32)]);
        let mask = format!("{path}/pixel_mask");
        let node = column(&mask, "VectorData", "Pixels (x, y) of each cell in the field of view, and their weights.");
        tree.dataset(&mask, Value::array(pixel, &[count as usize], pixels), node);
        let index = format!("{path}/pixel_mask_index");
        let node =
            column(&index, "VectorIndex", "Where the pixels of each cell end.").with("target", Value::reference(&mask));
        tree.dataset(&index, Value::array(Type::U32, &[n], ends), node);
        for (name, about, value) in columns {
            let at = format!("{path}/{name}");
            tree.dataset(&at, value, column(&at, "VectorData", about));
        }
        tree.group(&format!("{path}/reference_images"), Node::default());
    }
}

/// Bytes of a part of an array that is computed while it is written, roughly.
const PART_BYTES: usize = 16 << 20;

/// Values `(unit, frame)` as a dataset `(frame, unit)` of real numbers.
fn frame_by_frame(data: &TruthData, [n_units, n_frames]: [usize; 2]) -> Value {
    let per_part = (PART_BYTES / (8 * n_units).max(1)).next_multiple_of(256);
    let data = data.clone();
    let part = move |i: usize| {
        let frames = i * per_part..((i + 1) * per_part).min(n_frames);
        let row = |unit: usize| data.range_f64(unit * n_frames + frames.start..unit * n_frames + frames.end);
        let rows: Vec<Vec<f64>> = (0..n_units).into_par_iter().map(row).collect();
        (0..frames.len()).flat_map(|f| rows.iter().flat_map(move |row| row[f].to_le_bytes())).collect()
    };
    let shape = vec![n_frames as u64, n_units as u64];
    let n_parts = if n_units == 0 { 0 } else { n_frames.div_ceil(per_part) };
    Value { kind: Type::F64, shape, data: Data::Parts(Parts { n_parts, part: Arc::new(part) }) }
}

/// Attributes of data that are measured in `unit`.
fn measured(unit: &str) -> Node {
    Node::default()
        .with("conversion", Value::f32(1.0))
        .with("offset", Value::f32(0.0))
        .with("resolution", Value::f32(-1.0))
        .with("unit", Value::text(unit))
}

/// When the frames of a series were taken.
struct Clock<'t> {
    fps: f64,
    /// Their time stamps (s), where frames were lost or stamped by a clock of its own.
    stamps_s: Option<&'t [f64]>,
}

impl Clock<'_> {
    /// Writes the time stamps of a series, or when it begins and its rate.
    fn put(&self, tree: &mut Tree, series: &str) {
        match self.stamps_s {
            Some(stamps) => {
                let once = Value::array(Type::I32, &[], 1_i32.to_le_bytes().to_vec());
                let node = Node::default().with("interval", once).with("unit", Value::text("seconds"));
                tree.dataset(&format!("{series}/timestamps"), Value::reals(stamps, &[stamps.len()]), node);
            }
            None => {
                let node =
                    Node::default().with("rate", Value::f32(self.fps as f32)).with("unit", Value::text("seconds"));
                tree.dataset(&format!("{series}/starting_time"), Value::f64(0.0), node);
            }
        }
    }
}

/// A name in the form of a UUID that depends on nothing but these texts (version 8: made by hand).
fn identifier(key: &str, path: &str) -> String {
    let hash = |seed: u64| {
        key.bytes().chain([0]).chain(path.bytes()).fold(0xcbf2_9ce4_8422_2325 ^ seed, |h, b| {
            // FNV-1a.
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        })
    };
    let (a, b) = (hash(0), hash(0x9e37_79b9_7f4a_7c15));
    format!(
        "{:08x}-{:04x}-8{:03x}-{:04x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xfff,
        0x8000 | (b >> 48 & 0x3fff),
        b & 0xffff_ffff_ffff
    )
}
