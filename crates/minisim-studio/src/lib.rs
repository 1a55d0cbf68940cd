//! The studio: a page in the browser that tunes a recording by eye and writes it to disk.
//!
//! One process serves one person on this machine: the server listens on the loopback interface only, asks for a random token
//! and checks where requests come from (`access.rs`). Each open page has a session with an engine of its own (`session.rs`), which answers
//! the newest request and forgets the others; recordings are written by one queue for all pages (`jobs.rs`).
//!
//! A virtual Miniscope (`scope.rs`) enters by the same door: frames at their rate, for browsers and for programs.
//!
//! Messages are JSON texts; pictures are binary: a length, a JSON header, the pixels. `messages.rs` declares them all.

mod access;
mod engine;
mod jobs;
mod messages;
mod page;
mod scope;
mod server;
mod session;
mod tour;

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use minisim::Spec;

pub use scope::{Played, ScopeError, ScopeOptions, VirtualScope};

use access::Door;
use jobs::Jobs;

/// How to start a studio.
#[derive(Clone, Debug)]
pub struct StudioOptions {
    /// What the page shows first.
    pub spec: Spec,
    /// The folder that recordings are written to; nothing is written outside.
    pub dir: PathBuf,
    /// TCP port; any free one if 0.
    pub port: u16,
}

/// Why a studio cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// This build has no page.
    #[error(
        "this build of minisim has no page for the studio: install Node.js 20 or later (https://nodejs.org), then build again"
    )]
    NoPage,
    /// The folder cannot be used.
    #[error("the folder {dir} cannot be used: {source}; name one that exists with --dir", dir = .dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The port cannot be used.
    #[error("port {port} of this machine cannot be used: {source}; name another with --port, or 0 for any")]
    Port {
        /// The port.
        port: u16,
        /// The system's reason.
        source: io::Error,
    },
}

/// What all sessions share.
#[derive(Debug)]
struct Shared {
    door: Door,
    jobs: Jobs,
    /// The spec that a page shows first, then the last valid one of any page.
    spec: Mutex<Spec>,
}

/// A running studio. It ends when dropped.
#[derive(Debug)]
pub struct Studio {
    shared: Arc<Shared>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl Studio {
    /// Starts serving in the background.
    ///
    /// # Errors
    /// When this build has no page, or the folder or the port cannot be used.
    pub fn start(options: StudioOptions) -> Result<Self, StartError> {
        if !page::exists() {
            return Err(StartError::NoPage);
        }
        let StudioOptions { spec, dir, port } = options;
        let folder = |source| StartError::Folder { dir: dir.clone(), source };
        let root = dir.canonicalize().map_err(folder)?;
        if !root.is_dir() {
            return Err(folder(io::Error::from(io::ErrorKind::NotADirectory)));
        }
        let (door, listener) = Door::open(port)?;
        let runtime = access::runtime(port)?;
        let shared = Arc::new(Shared { door, jobs: Jobs::new(root), spec: Mutex::new(spec) });
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let server = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || runtime.block_on(server::serve(listener, shared, stopped))
        });
        Ok(Self { shared, stop: Some(stop), server: Some(server) })
    }

    /// The page's address, with the token that opens it.
    #[must_use]
    pub fn url(&self) -> String {
        self.shared.door.address("")
    }

    /// The address of the tour, a tab of the page.
    #[must_use]
    pub fn tour_url(&self) -> String {
        format!("{}&panel=tour", self.url())
    }

    /// The newest valid configuration of the page.
    #[must_use]
    pub fn spec(&self) -> Spec {
        self.shared.spec.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Recordings that are being written or wait for it.
    #[must_use]
    pub fn unfinished_jobs(&self) -> usize {
        self.shared.jobs.unfinished()
    }

    /// Serves until the process ends.
    pub fn wait(mut self) {
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        self.shared.jobs.close();
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}
