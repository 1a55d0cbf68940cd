//! The door that all servers here share: the loopback interface only, a token that nobody can guess, and no foreign pages.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use crate::StartError;

/// What a request's address says.
#[derive(Deserialize)]
pub(crate) struct Access {
    #[serde(default)]
    token: String,
}

/// Whether a request must say which page it comes from. Browsers say so whenever a script asks.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Origin {
    /// Only our own page may ask.
    Required,
    /// Programs, which have no page, may ask, too.
    IfAny,
}

/// Where requests come in, and what opens it.
#[derive(Debug)]
pub(crate) struct Door {
    token: String,
    port: u16,
}

impl Door {
    /// Opens a port of the loopback interface; any free one if 0.
    pub(crate) fn open(port: u16) -> Result<(Self, TcpListener), StartError> {
        let refused = |source| StartError::Port { port, source };
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let port = listener.local_addr().map_err(refused)?.port();
        Ok((Self { token: token(), port }, listener))
    }

    /// The address of a page, with the token that opens it.
    pub(crate) fn address(&self, page: &str) -> String {
        format!("http://127.0.0.1:{}/{page}?token={}", self.port, self.token)
    }

    /// Lets a request in, or says why not.
    #[expect(clippy::result_large_err, reason = "the refusal is what is sent")]
    pub(crate) fn check(&self, access: &Access, headers: &HeaderMap, origin: Origin) -> Result<(), Response> {
        if !same(access.token.as_bytes(), self.token.as_bytes()) {
            let why = "the token is wrong; open the address that minisim printed";
            return Err((StatusCode::FORBIDDEN, why).into_response());
        }
        let hosts = ["127.0.0.1", "localhost", "[::1]"].map(|host| format!("{host}:{}", self.port));
        let ours = |host: &str| hosts.iter().any(|h| h == host);
        let named = |name| headers.get(name).map(|v| v.to_str().unwrap_or_default());
        let from_here = named(header::HOST).is_some_and(ours)
            && match named(header::ORIGIN) {
                Some(page) => page.strip_prefix("http://").is_some_and(ours),
                None => origin == Origin::IfAny,
            };
        if from_here {
            Ok(())
        } else {
            Err((StatusCode::FORBIDDEN, "only minisim's own page may connect").into_response())
        }
    }
}

/// What serves a port.
pub(crate) fn runtime(port: u16) -> Result<tokio::runtime::Runtime, StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|source| StartError::Port { port, source })
}

/// Compares without telling by its time how much is right.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |d, (x, y)| d | (x ^ y)) == 0
}

/// A number that nobody can guess, as text.
fn token() -> String {
    use std::hash::{BuildHasher, RandomState};
    // The standard library seeds each hasher from the system's randomness.
    (0..2).map(|i| format!("{:016x}", RandomState::new().hash_one(i))).collect()
}
