//! A virtual Miniscope: a recording's frames at their rate, as a film for browsers and as numbers for programs.
//!
//! A thread plays the film and knows nobody: what it shows goes into two short rings, one of pictures, one of raw frames, and each
//! connection takes from its ring as fast as its reader reads. A slow one finds that frames are gone, and goes on with the
//! oldest that is still there.

use std::{
    convert::Infallible,
    fmt,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::stream::unfold;
use minisim::{Cancel, RunError, Scene, Spec, spec::Report};
use minisim_io::{IoError, Lateness, Live, LiveFrame, LiveOptions, Next, Pictures, raw_bytes, raw_type};
use tokio::sync::{broadcast, oneshot, watch};

use crate::{
    StartError,
    access::{self, Access, Door, Origin},
};

/// Pictures that a slow browser may be behind: it shall show what happens now.
const PICTURES: usize = 2;
/// Most raw frames that a program may be behind before it misses some, and their most bytes.
const FRAMES: usize = 64;
const FRAMES_BYTES: usize = 64 << 20;
/// How long readers have for the last frames once the film is over.
const FAREWELL: Duration = Duration::from_secs(2);
/// How often the film's thread looks whether it shall end.
const PATIENCE: Duration = Duration::from_millis(20);
/// What stands between the pictures of a film.
const BOUNDARY: &str = "minisim-frame";
/// What begins the header of a raw frame.
const MAGIC: &[u8; 4] = b"MSF1";

/// How to start a virtual Miniscope.
#[derive(Clone, Debug)]
pub struct ScopeOptions {
    /// What it sees.
    pub spec: Spec,
    /// TCP port; any free one if 0.
    pub port: u16,
    /// Begin again after the last frame.
    pub repeat: bool,
    /// Intensity that pictures show as black.
    pub vmin: f64,
    /// Intensity that pictures show as white; the largest count of the sensor if `None`.
    pub vmax: Option<f64>,
    /// Quality of pictures, 1 to 100.
    pub quality: u8,
}

/// Why a virtual Miniscope cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScopeError {
    /// The port cannot be used.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The spec cannot be simulated.
    #[error("{0}")]
    Spec(#[from] Report),
    /// The spec makes no film.
    #[error(transparent)]
    Film(#[from] RunError),
    /// Its frames make no pictures.
    #[error(transparent)]
    Pictures(#[from] IoError),
}

/// What a virtual Miniscope has shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// Frames, whether or not somebody read them.
    pub n_frames: u64,
    /// How late they were.
    pub lateness: Lateness,
}

/// Frames on their way to readers; none once the film is over.
type Ring = Mutex<Option<broadcast::Sender<Bytes>>>;

/// What the film's threads and the connections share.
struct Shared {
    door: Door,
    page: String,
    pictures: Ring,
    frames: Ring,
    /// Hears of readers; the first one starts the film.
    readers: mpsc::Sender<()>,
}

/// A running virtual Miniscope. It ends when dropped.
pub struct VirtualScope {
    shared: Arc<Shared>,
    scene: Arc<Scene>,
    dtype: &'static str,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    cancel: Cancel,
    film: Option<JoinHandle<Played>>,
}

impl fmt::Debug for VirtualScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualScope").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl VirtualScope {
    /// Builds the scene and begins to serve. The film begins when the first reader connects.
    ///
    /// # Errors
    /// When the spec cannot be simulated on this machine, makes no film, or the port cannot be used.
    pub fn start(options: ScopeOptions) -> Result<Self, ScopeError> {
        let ScopeOptions { spec, port, repeat, vmin, vmax, quality } = options;
        if let Some(limit) = minisim_io::available_memory_bytes() {
            spec.cost().check(limit)?;
        }
        let scene = Arc::new(Scene::new(&spec)?);
        let pictures = Pictures::new(&scene, vmin, vmax, quality)?;
        let live = Live::start(Arc::clone(&scene), LiveOptions { realtime: true, repeat, ..LiveOptions::default() })?;
        let dtype = raw_type(live.sample());
        let (door, listener) = Door::open(port)?;
        let runtime = access::runtime(port)?;
        let page = page(&door, &scene, dtype, repeat);
        let frame_bytes = HEADER_BYTES + scene.canvas.fov.iter().product::<usize>() * live.sample().bytes();
        let ring = |n: usize| Mutex::new(Some(broadcast::channel(n).0));
        let (readers, first_reader) = mpsc::channel();
        let shared = Arc::new(Shared {
            door,
            page,
            pictures: ring(PICTURES),
            frames: ring((FRAMES_BYTES / frame_bytes).clamp(2, FRAMES)),
            readers,
        });
        let cancel = Cancel::new();
        let (over, ended) = watch::channel(false);
        let film = std::thread::spawn({
            let (shared, cancel) = (Arc::clone(&shared), cancel.clone());
            move || {
                let played = play(live, pictures, &shared, &first_reader, &cancel);
                over.send_replace(true);
                played
            }
        });
        let (stop, stopped) = oneshot::channel();
        let server = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || runtime.block_on(serve(listener, shared, stopped, ended))
        });
        Ok(Self { shared, scene, dtype, stop: Some(stop), server: Some(server), cancel, film: Some(film) })
    }

    /// The address of a page that shows the film and says how to connect, with the token that opens it.
    #[must_use]
    pub fn url(&self) -> String {
        self.shared.door.address("")
    }

    /// The address of the film: JPEG pictures, one replacing the other (`multipart/x-mixed-replace`).
    #[must_use]
    pub fn film_url(&self) -> String {
        self.shared.door.address(FILM)
    }

    /// The address of the raw frames. Each is a header of 32 bytes and the pixels, row after row, all numbers with the low byte
    /// first: `MSF1`; the pixels' type as numpy names it (4 bytes, filled up with zeros); height and width (32 bits each); the
    /// frame's number since the start (64 bits); its time since the recording's start (s, 64-bit float).
    #[must_use]
    pub fn frames_url(&self) -> String {
        self.shared.door.address(RAW)
    }

    /// Size of a frame: rows and columns (px).
    #[must_use]
    pub fn shape(&self) -> [usize; 2] {
        self.scene.canvas.fov
    }

    /// The type of a raw frame's pixels, as numpy names it.
    #[must_use]
    pub fn dtype(&self) -> &'static str {
        self.dtype
    }

    /// What was noticed while the scene was built.
    #[must_use]
    pub fn warnings(&self) -> &[minisim::Finding] {
        &self.scene.warnings
    }

    /// Serves until the film is over and its readers have had the last frames; what was shown.
    #[must_use]
    pub fn wait(mut self) -> Played {
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
        self.cancel.cancel();
        match self.film.take().map(JoinHandle::join) {
            Some(Ok(played)) => played,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Played::default(),
        }
    }
}

impl Drop for VirtualScope {
    fn drop(&mut self) {
        self.cancel.cancel();
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = self.film.take().map(JoinHandle::join);
        let _ = self.server.take().map(JoinHandle::join);
    }
}

/// Plays the film to the end, once there is a reader.
fn play(
    mut live: Live,
    pictures: Pictures,
    shared: &Arc<Shared>,
    first_reader: &mpsc::Receiver<()>,
    cancel: &Cancel,
) -> Played {
    let mut played = Played::default();
    let [height, width] = live.scene().canvas.fov;
    let mut started = false;
    // Pictures are made beside: while one is in the making, further frames get none.
    let (to_painter, waiting) = mpsc::sync_channel::<Arc<LiveFrame>>(1);
    let painter = std::thread::spawn({
        let shared = Arc::clone(shared);
        move || paint(pictures, &shared.pictures, &waiting)
    });
    while !cancel.is_cancelled() {
        if !started {
            started = first_reader.recv_timeout(PATIENCE).is_ok();
            continue;
        }
        let frame = match live.next(PATIENCE) {
            Next::Frame(frame) => Arc::new(frame),
            Next::NotYet => continue,
            Next::End => break,
        };
        played.n_frames += 1;
        if has_readers(&shared.pictures) {
            // The painter may be busy.
            let _ = to_painter.try_send(Arc::clone(&frame));
        }
        if has_readers(&shared.frames) {
            send(&shared.frames, raw_frame(&frame, [height, width]).into());
        }
    }
    drop(to_painter);
    let _ = painter.join();
    for ring in [&shared.pictures, &shared.frames] {
        lock(ring).take();
    }
    played.lateness = live.lateness().unwrap_or_default();
    played
}

/// Makes pictures of frames as they come.
fn paint(mut pictures: Pictures, ring: &Ring, frames: &mpsc::Receiver<Arc<LiveFrame>>) {
    for frame in frames {
        // The coder fails for no frame of the size that it was made for.
        let Ok(jpeg) = pictures.jpeg(&frame.pixels) else { continue };
        let head = format!(
            "Content-Type: image/jpeg\r\nContent-Length: {}\r\nX-Frame-Index: {}\r\nX-Frame-Time-S: {}\r\n\r\n",
            jpeg.len(),
            frame.index,
            frame.time_s
        );
        // With the next boundary, so that the browser knows at once that the picture is whole.
        send(ring, [head.as_bytes(), &jpeg, format!("\r\n--{BOUNDARY}\r\n").as_bytes()].concat().into());
    }
}

fn lock(ring: &Ring) -> std::sync::MutexGuard<'_, Option<broadcast::Sender<Bytes>>> {
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}

fn has_readers(ring: &Ring) -> bool {
    lock(ring).as_ref().is_some_and(|ring| ring.receiver_count() > 0)
}

fn send(ring: &Ring, bytes: Bytes) {
    if let Some(ring) = &*lock(ring) {
        // Fails when the last reader has just left.
        let _ = ring.send(bytes);
    }
}

/// Bytes of a raw frame before its pixels.
const HEADER_BYTES: usize = 32;

/// A frame for programs: see [`VirtualScope::frames_url`].
fn raw_frame(frame: &LiveFrame, [height, width]: [usize; 2]) -> Vec<u8> {
    let pixels = raw_bytes(&frame.pixels);
    let mut out = Vec::with_capacity(HEADER_BYTES + pixels.len());
    let mut dtype = [0; 4];
    let name = raw_type(frame.pixels.sample()).as_bytes();
    dtype[..name.len()].copy_from_slice(name);
    out.extend(MAGIC);
    out.extend(dtype);
    out.extend((height as u32).to_le_bytes());
    out.extend((width as u32).to_le_bytes());
    out.extend(frame.index.to_le_bytes());
    out.extend(frame.time_s.to_le_bytes());
    out.extend(pixels);
    out
}

const FILM: &str = "film.mjpeg";
const RAW: &str = "frames.raw";

async fn serve(
    listener: std::net::TcpListener,
    shared: Arc<Shared>,
    stopped: oneshot::Receiver<()>,
    mut ended: watch::Receiver<bool>,
) {
    let app = Router::new()
        .route("/", get(index))
        .route(&format!("/{FILM}"), get(film))
        .route(&format!("/{RAW}"), get(frames))
        .with_state(shared);
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut over = ended.clone();
    let graceful = async move {
        let _ = over.wait_for(|over| *over).await;
    };
    tokio::select! {
        _ = stopped => {}
        _ = axum::serve(listener, app).with_graceful_shutdown(graceful).into_future() => {}
        // Who does not read does not hold the end up.
        () = async {
            let _ = ended.wait_for(|over| *over).await;
            tokio::time::sleep(FAREWELL).await;
        } => {}
    }
}

async fn index(State(shared): State<Arc<Shared>>, Query(access): Query<Access>, headers: HeaderMap) -> Response {
    if let Err(refusal) = shared.door.check(&access, &headers, Origin::IfAny) {
        return refusal;
    }
    let about = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:"),
    ];
    (about, shared.page.clone()).into_response()
}

async fn film(State(shared): State<Arc<Shared>>, Query(access): Query<Access>, headers: HeaderMap) -> Response {
    let before = Bytes::from(format!("--{BOUNDARY}\r\n"));
    let kind = format!("multipart/x-mixed-replace; boundary={BOUNDARY}");
    follow(&shared, &shared.pictures, (&access, &headers), kind, Some(before))
}

async fn frames(State(shared): State<Arc<Shared>>, Query(access): Query<Access>, headers: HeaderMap) -> Response {
    follow(&shared, &shared.frames, (&access, &headers), "application/octet-stream".to_owned(), None)
}

/// All that comes through a ring from now on, as far as the reader keeps up.
fn follow(
    shared: &Shared,
    ring: &Ring,
    (access, headers): (&Access, &HeaderMap),
    kind: String,
    before: Option<Bytes>,
) -> Response {
    if let Err(refusal) = shared.door.check(access, headers, Origin::IfAny) {
        return refusal;
    }
    let Some(receiver) = lock(ring).as_ref().map(broadcast::Sender::subscribe) else {
        return (StatusCode::GONE, "the film is over; start the virtual Miniscope again").into_response();
    };
    // The film's thread may have ended in this moment.
    let _ = shared.readers.send(());
    let stream = unfold((before, receiver), |(before, mut receiver)| async move {
        if let Some(bytes) = before {
            return Some((Ok::<_, Infallible>(bytes), (None, receiver)));
        }
        loop {
            match receiver.recv().await {
                Ok(bytes) => return Some((Ok(bytes), (None, receiver))),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    });
    let about = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    (about, Body::from_stream(stream)).into_response()
}

/// The page that shows the film and says how to connect.
fn page(door: &Door, scene: &Scene, dtype: &str, repeat: bool) -> String {
    let a = &scene.spec.acquisition;
    let [height, width] = scene.canvas.fov;
    let [fov_h, fov_w] = a.fov_um();
    let length = format!("{} frames, {} s at {} fps", scene.n_frames, a.duration_s.get(), a.fps.get());
    let values = [
        ("HEIGHT", height.to_string()),
        ("WIDTH", width.to_string()),
        ("FIELD", format!("{fov_h:.0} × {fov_w:.0} µm")),
        ("LENGTH", format!("{length}, {}", if repeat { "again and again" } else { "once" })),
        ("DTYPE", dtype.replace('<', "&lt;")),
        ("FILM", door.address(FILM)),
        ("FRAMES", door.address(RAW)),
    ];
    values.iter().fold(include_str!("scope.html").to_owned(), |page, (name, value)| {
        page.replace(&format!("{{{{{name}}}}}"), value)
    })
}
