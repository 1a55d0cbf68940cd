//! HTTP and WebSockets: who may speak, and in which form.

use std::{net::TcpListener, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{
        Path, Query, State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    Shared,
    access::{Access, Origin},
    page,
    session::{Outgoing, Session},
};

/// Largest message a page may send; a spec with an explicit path of an hour has about 4 MB.
const MAX_MESSAGE_BYTES: usize = 16 << 20;
/// Messages to a page that may wait. Pictures wait in the session, where newer ones replace them.
const WAITING: usize = 4;

pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>, stopped: oneshot::Receiver<()>) {
    let app = Router::new()
        .route("/", get(|| async { file("index.html") }))
        .route("/ws", get(connect))
        .route("/{*file}", get(|Path(name): Path<String>| async move { file(&name) }))
        .with_state(shared);
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    tokio::select! {
        // Open pages do not hold the end up.
        _ = stopped => {}
        _ = axum::serve(listener, app).into_future() => {}
    }
}

fn file(name: &str) -> Response {
    let Some((kind, bytes)) = page::file(name) else { return StatusCode::NOT_FOUND.into_response() };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // Nothing is loaded from elsewhere, and nothing is sent there.
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self' ws:",
        ),
    ];
    (headers, Bytes::from_static(bytes)).into_response()
}

async fn connect(
    State(shared): State<Arc<Shared>>,
    Query(access): Query<Access>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if let Err(refusal) = shared.door.check(&access, &headers, Origin::Required) {
        return refusal;
    }
    upgrade
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .on_upgrade(move |socket| speak(socket, shared))
}

async fn speak(mut socket: WebSocket, shared: Arc<Shared>) {
    let (to_page, mut outgoing) = mpsc::channel::<Outgoing>(WAITING);
    let mut jobs = shared.jobs.watch();
    let session = Session::start(Arc::clone(&shared), to_page);
    loop {
        let sent = tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => match session.receive(text.as_str()) {
                    Ok(()) => Ok(()),
                    Err(complaint) => socket.send(Message::Text(complaint.into())).await,
                },
                Some(Ok(Message::Binary(_))) => {
                    socket.send(Message::Text(crate::session::complaint("binary messages are not understood").into())).await
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
            },
            message = outgoing.recv() => match message {
                Some(Outgoing::Text(text)) => socket.send(Message::Text(text.into())).await,
                Some(Outgoing::Binary(bytes)) => socket.send(Message::Binary(bytes.into())).await,
                None => break,
            },
            changed = jobs.changed() => match changed {
                Ok(()) => {
                    let list = jobs.borrow_and_update().clone();
                    socket.send(Message::Text(list.into())).await
                }
                Err(_) => break,
            },
        };
        if sent.is_err() {
            break;
        }
    }
    // The session ends with its page; recordings that it ordered go on.
    drop(session);
}
