//! The virtual Miniscope, over real sockets: who may read, what they get, and that no reader holds up another.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use minisim::{Scene, Spec, presets::preset, render};
use minisim_studio::{ScopeOptions, VirtualScope};

fn spec(side: u64, n_frames: u64, fps: f64) -> Spec {
    let fields = [
        ("acquisition.image_sensor.n_px_height", side.into()),
        ("acquisition.image_sensor.n_px_width", (side + 8).into()),
        ("acquisition.fps", fps.into()),
        ("acquisition.duration_s", (n_frames as f64 / fps).into()),
    ];
    preset("v4-ca1").expect("a preset").set_all(fields).expect("valid").spec
}

fn options(spec: &Spec) -> ScopeOptions {
    ScopeOptions { spec: spec.clone(), port: 0, repeat: false, vmin: 0.0, vmax: None, quality: 80 }
}

fn start(spec: &Spec) -> VirtualScope {
    VirtualScope::start(options(spec)).expect("started")
}

/// Asks for a page as a plain program does; the socket after the request was sent.
fn ask(url: &str, more: &str) -> TcpStream {
    let (host, path) = url.strip_prefix("http://").and_then(|u| u.split_once('/')).expect("an address");
    let mut socket = TcpStream::connect(host).expect("connected");
    let host = if more.contains("Host:") { String::new() } else { format!("Host: {host}\r\n") };
    // In this version an answer without a length ends with the connection, and is not cut into chunks.
    write!(socket, "GET /{path} HTTP/1.0\r\n{host}{more}\r\n").expect("sent");
    socket
}

/// The answer's first line and its headers.
fn headers(socket: &mut impl BufRead) -> String {
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") {
        assert!(socket.read_line(&mut text).expect("a line") > 0, "{text}");
    }
    text
}

fn follow(url: &str) -> BufReader<TcpStream> {
    let mut socket = BufReader::new(ask(url, ""));
    let head = headers(&mut socket);
    assert!(head.starts_with("HTTP/1.0 200"), "{head}");
    socket
}

/// The next raw frame: its number, its time, its pixels; none at the end.
fn frame(socket: &mut impl Read, spec: &Spec) -> Option<(u64, f64, Vec<u8>)> {
    let mut header = [0; 32];
    match socket.read(&mut header[..1]).expect("readable") {
        0 => return None,
        _ => socket.read_exact(&mut header[1..]).expect("a whole header"),
    }
    let four = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes")) as usize;
    let eight: [[u8; 8]; 2] = [16, 24].map(|at| header[at..at + 8].try_into().expect("eight bytes"));
    assert_eq!(&header[..8], b"MSF1|u1\0");
    assert_eq!([four(8), four(12)], spec.acquisition.fov_px());
    let mut pixels = vec![0; four(8) * four(12)];
    socket.read_exact(&mut pixels).expect("a whole frame");
    Some((u64::from_le_bytes(eight[0]), f64::from_le_bytes(eight[1]), pixels))
}

#[test]
fn only_who_has_the_token_may_look() {
    let scope = start(&spec(40, 1000, 20.0));
    let answer = |url: &str, more: &str| {
        let head = headers(&mut BufReader::new(ask(url, more)));
        head.split(' ').nth(1).expect("a status").to_owned()
    };
    let port = scope.url().split(['/', ':', '?']).nth(4).expect("a port").to_owned();
    for url in [scope.url(), scope.film_url(), scope.frames_url()] {
        assert!(url.starts_with("http://127.0.0.1:"));
        let (bare, _) = url.split_once('?').expect("a token");
        assert_eq!(answer(bare, ""), "403");
        assert_eq!(answer(&format!("{bare}?token=0123"), ""), "403");
        // A foreign page, and a foreign name for this machine.
        assert_eq!(answer(&url, "Origin: http://evil.example\r\n"), "403");
        assert_eq!(answer(&url, "Host: evil.example\r\n"), "403");
        assert_eq!(answer(&url, "Host: localhost:1\r\n"), "403");
        assert_eq!(answer(&url, &format!("Host: localhost:{port}\r\nOrigin: http://localhost:{port}\r\n")), "200");
        assert_eq!(answer(&url, ""), "200");
    }
    let mut page = String::new();
    BufReader::new(ask(&scope.url(), "")).read_to_string(&mut page).expect("a page");
    for wanted in [scope.film_url(), scope.frames_url(), "40 × 48 px".into(), "1000 frames, 50 s at 20 fps".into()] {
        assert!(page.contains(&wanted), "{wanted}");
    }
    assert!(!page.contains("{{"), "{page}");
    assert_eq!(answer(&scope.url().replace("/?", "/elsewhere?"), ""), "404");
}

#[test]
fn the_first_reader_gets_every_frame_and_the_server_ends_with_the_film() {
    let spec = spec(40, 60, 200.0);
    let film = render(&Scene::new(&spec).expect("a scene"), 0..60, None).expect("frames");
    let scope = start(&spec);
    let mut reader = follow(&scope.frames_url());
    for t in 0..60_u64 {
        let (index, time_s, pixels) = frame(&mut reader, &spec).expect("a frame");
        assert_eq!((index, time_s), (t, t as f64 / 200.0));
        assert!(pixels.iter().enumerate().all(|(i, p)| f64::from(*p) == film.get(pixels.len() * t as usize + i)));
    }
    assert_eq!(frame(&mut reader, &spec), None);
    assert_eq!(scope.wait().n_frames, 60);
}

#[test]
fn a_browser_gets_pictures() {
    let spec = spec(40, 60, 100.0);
    let scope = start(&spec);
    let mut socket = BufReader::new(ask(&scope.film_url(), ""));
    let head = headers(&mut socket);
    let (_, boundary) = head.split_once("multipart/x-mixed-replace; boundary=").expect("a film");
    let boundary = format!("--{}\r\n", boundary.split("\r\n").next().expect("a line"));
    let mut pictures: Vec<u64> = Vec::new();
    let mut line = String::new();
    socket.read_line(&mut line).expect("a line");
    assert_eq!(line, boundary);
    loop {
        let mut part = String::new();
        while !part.ends_with("\r\n\r\n") && socket.read_line(&mut part).expect("a line") > 0 {}
        if part.is_empty() {
            break;
        }
        let value = |name: &str| {
            let (_, rest) = part.split_once(&format!("{name}: ")).expect("a header");
            rest.split("\r\n").next().expect("a value").to_owned()
        };
        assert_eq!(value("Content-Type"), "image/jpeg");
        let mut jpeg = vec![0; value("Content-Length").parse().expect("a length")];
        socket.read_exact(&mut jpeg).expect("a picture");
        assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]));
        pictures.push(value("X-Frame-Index").parse().expect("a number"));
        let mut end = vec![0; 2 + boundary.len()];
        socket.read_exact(&mut end).expect("a boundary");
        assert!(end.starts_with(b"\r\n--"));
    }
    // A busy machine may leave pictures out, but shows none twice or out of turn.
    assert!(
        !pictures.is_empty() && pictures.is_sorted_by(|a, b| a < b) && pictures.iter().all(|i| *i < 60),
        "{pictures:?}"
    );
}

#[test]
fn who_reads_slowly_or_leaves_stops_nobody() {
    // Far more than sockets hold.
    let spec = spec(520, 200, 100.0);
    let scope = start(&spec);
    let mut reader = follow(&scope.frames_url());
    let (mut slow, stuck, leaving) =
        (follow(&scope.frames_url()), follow(&scope.film_url()), follow(&scope.frames_url()));
    let mut seen = Vec::new();
    let mut leaving = Some(leaving);
    while let Some((index, ..)) = frame(&mut reader, &spec) {
        seen.push(index);
        if index > 5 {
            drop(leaving.take());
        }
        // The slow one begins to read when the film has gone on without it.
        if index == 190 {
            let mut missed = 0;
            let mut last = None;
            while let Some((index, _, pixels)) = frame(&mut slow, &spec) {
                assert_eq!(pixels.len(), 520 * 528);
                assert!(last.is_none_or(|last| index > last));
                missed += last.map_or(0, |last| index - last - 1);
                last = Some(index);
                if index >= 185 {
                    break;
                }
            }
            assert!(missed > 0, "it kept up without reading");
        }
    }
    assert_eq!((seen.first(), seen.last()), (Some(&0), Some(&199)));
    assert_eq!(scope.wait().n_frames, 200);
    drop(stuck);
}

#[test]
fn the_film_is_repeated_until_the_scope_is_dropped() {
    let small = spec(40, 10, 50.0);
    let scope = VirtualScope::start(ScopeOptions { repeat: true, ..options(&small) }).expect("started");
    let mut reader = follow(&scope.frames_url());
    let frames: Vec<_> = (0..35).map(|_| frame(&mut reader, &small).expect("a frame")).collect();
    assert!(frames.iter().zip(0..).all(|(f, i)| f.0 == i));
    assert!((10..35).all(|i| frames[i].2 == frames[i - 10].2));
    drop(scope);
    while frame(&mut reader, &small).is_some() {}
}

#[test]
fn what_cannot_be_served_is_refused() {
    let why = |options: ScopeOptions| VirtualScope::start(options).expect_err("refused").to_string();
    let good = spec(40, 10, 20.0);
    let dark = good.without_step("sensor").expect("valid").spec;
    assert!(why(options(&dark)).contains("--vmax"));
    assert!(VirtualScope::start(ScopeOptions { vmax: Some(2.0), ..options(&dark) }).is_ok());
    let cells = Spec::from_json("{\"steps\": [{\"kind\": \"place_neurons\"}]}").expect("valid").spec;
    assert!(why(ScopeOptions { vmax: Some(2.0), ..options(&cells) }).contains("composite"));
    let first = start(&good);
    let port: u16 = first.url().split(['/', ':', '?']).nth(4).and_then(|p| p.parse().ok()).expect("a port");
    assert!(why(ScopeOptions { port, ..options(&good) }).contains("--port"));
}
