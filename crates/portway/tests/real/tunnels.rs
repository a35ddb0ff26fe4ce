//! Tunnels through `proxy_pass`: bytes both ways, and who may open one.

use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use testkit::http::get;
use testkit::{Conn, DEADLINE, Server, Setup, Upstream, wait_true};

use crate::support::portway;

const IDIOM: &str = "events { worker_connections 2048; } http {
    map $http_upgrade $connection_upgrade { default upgrade; '' close; }
    server { listen 127.0.0.1:%PORT%;
        location = /generation { return 200 %GENERATION%; }
        location /short/ { proxy_read_timeout 1s; proxy_pass http://%UPSTREAM%; %UPGRADE% }
        location / { proxy_pass http://%UPSTREAM%; %UPGRADE% }
    } }";

const UPGRADE: &str = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;";

const ASK: &str = "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

fn start(upstream: &Upstream) -> Server {
    let conf = IDIOM
        .replace("%UPGRADE%", UPGRADE)
        .replace("%GENERATION%", "0");
    Setup::new(&conf)
        .with("UPSTREAM", upstream.addr())
        .start(&portway())
}

/// Switches protocols and sends back what it gets.
fn echo() -> Upstream {
    Upstream::serving(|peer| {
        if peer
            .read_head()
            .is_none_or(|head| !head.contains("Upgrade: echo"))
        {
            return;
        }
        peer.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
        );
        while let Some(bytes) = peer.read_some() {
            if !peer.send(&bytes) {
                return;
            }
        }
    })
}

fn open(server: &Server) -> Conn {
    let mut conn = server.connect();
    let response = conn.send(ASK).response();
    assert_eq!(response.status, 101, "{}", response.head);
    assert_eq!(response.field("upgrade"), Some("echo"));
    assert_eq!(response.field("connection"), Some("upgrade"));
    conn
}

#[test]
fn bytes_go_both_ways_once_the_upstream_has_switched() {
    let upstream = echo();
    let server = start(&upstream);
    let mut conn = open(&server);
    for part in ["a", "second", "\r\n\r\n", "GET / HTTP/1.1"] {
        assert_eq!(conn.send(part).read_exact(part.len()), part.as_bytes());
    }
}

#[test]
fn a_large_transfer_arrives_whole_while_it_is_sent() {
    let upstream = echo();
    let server = start(&upstream);
    let mut conn = open(&server);
    let sent: Vec<u8> = (0..8 << 20).map(|number: u32| (number / 7) as u8).collect();
    let mut writer = Conn::over(conn.stream().try_clone().expect("descriptor duplicated"));
    let copy = sent.clone();
    let writing = thread::spawn(move || {
        writer.send(copy);
    });
    assert!(
        conn.read_exact(sent.len()) == sent,
        "what came back is not what was sent"
    );
    writing.join().expect("the writer ends");
}

#[test]
fn what_the_client_sends_early_follows_the_switch() {
    let upstream = echo();
    let server = start(&upstream);
    let mut conn = server.connect();
    conn.send(format!("{ASK}early"));
    assert_eq!(conn.response().status, 101);
    assert_eq!(conn.read_exact(5), b"early");
}

/// RFC 9931 and CVE-2026-2833: what follows an upgrade that was not granted is no tunnel.
#[test]
fn what_the_client_sends_early_reaches_nobody_when_the_upstream_declines() {
    let upstream = Upstream::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno");
    let server = start(&upstream);
    let mut conn = server.connect();
    conn.send(format!("{ASK}GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_eq!(conn.response().text(), "no");
    assert!(!upstream.received(0).contains("smuggled"));
}

#[test]
fn a_switch_that_nobody_asked_for_makes_no_tunnel() {
    let upstream = Upstream::serving(|peer| {
        peer.read_head();
        peer.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n\
              unwanted",
        );
        peer.hold();
    });
    let server = start(&upstream);
    let mut conn = server.connect();
    conn.send("GET /short/ HTTP/1.1\r\nHost: h\r\n\r\nsmuggled");
    // As nginx: the head goes on, and nothing more until the upstream's time is over.
    assert_eq!(conn.response().status, 101);
    assert_eq!(conn.read_to_end(), b"");
    assert!(!upstream.received(0).contains("smuggled"));
}

#[test]
fn the_end_of_one_side_reaches_the_other() {
    let upstream = Upstream::serving(|peer| {
        peer.read_head();
        peer.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
        );
        peer.read_until(b"bye");
        peer.send(b"farewell");
    });
    let server = start(&upstream);
    let mut conn = open(&server);
    assert_eq!(conn.send("bye").read_to_end(), b"farewell");

    let upstream = echo();
    let server = start(&upstream);
    let conn = open(&server);
    conn.stream().shutdown(Shutdown::Both).expect("connected");
    let mut next = open(&server);
    assert_eq!(next.send("still").read_exact(5), b"still");
}

#[test]
fn a_silent_tunnel_of_the_idiom_ends_after_the_read_timeout() {
    let upstream = echo();
    let server = start(&upstream);
    let mut conn = server.connect();
    conn.send(ASK.replace("/echo", "/short/"));
    assert_eq!(conn.response().status, 101);
    for _ in 0..4 {
        thread::sleep(Duration::from_millis(400));
        assert_eq!(conn.send("x").read_exact(1), b"x");
    }
    assert_eq!(conn.read_to_end(), b"");
}

/// A smaller edition of the thousand reloads: none broken, memory flat, one process.
#[test]
fn tunnels_live_through_reloads_and_memory_stays_flat() {
    let upstream = echo();
    let server = start(&upstream);
    let mut tunnels: Vec<Conn> = (0..100).map(|_| open(&server)).collect();
    let mut sizes = Vec::new();
    for generation in 1..=60 {
        let conf = IDIOM.replace("%UPGRADE%", UPGRADE);
        server.reload(&conf.replace("%GENERATION%", &generation.to_string()));
        wait_true("the new generation", || {
            get(server.addr(), "/generation").text() == generation.to_string()
        });
        sizes.push(resident_kib(server.pid()));
    }
    for conn in &mut tunnels {
        assert_eq!(conn.send("alive").read_exact(5), b"alive");
    }
    let (early, late) = (sizes[9], sizes[59]);
    assert!(
        late < early + 2_048,
        "memory grew from {early} to {late} KiB in fifty reloads"
    );
}

/// What a server's processes hold in memory: its own and those it started.
pub fn resident_kib(pid: u32) -> u64 {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let children = children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok());
    std::iter::once(pid).chain(children).map(resident_of).sum()
}

fn resident_of(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.trim().split(' ').next()?.parse().ok())
        .unwrap_or(0)
}

/// `websocket on;` needs none of the idiom, and a live tunnel has no read timeout.
#[test]
fn websocket_on_does_what_the_idiom_does_and_keeps_silent_tunnels() {
    let upstream = echo_websocket();
    let conf = "events { } http { server { listen 127.0.0.1:%PORT%; location / {
        websocket on; websocket_ping 500ms; proxy_read_timeout 1s;
        proxy_pass http://%UPSTREAM%; } } }";
    let server = Setup::new(conf)
        .with("UPSTREAM", upstream.addr())
        .start(&portway());
    let mut socket = testkit::WebSocket::open(server.addr(), "/", "");
    let end = std::time::Instant::now() + Duration::from_secs(3);
    let mut pings = 0;
    while std::time::Instant::now() < end {
        if let testkit::ws::Message::Ping(payload) = socket.recv() {
            socket.send_pong(&payload);
            pings += 1;
        }
    }
    assert!((4..=8).contains(&pings), "{pings} pings in three seconds");
    socket.send_binary(b"still there");
    wait_true("the message at the upstream", || {
        upstream.received(0).len() > 100
    });
}

#[test]
fn a_dead_viewer_is_found_within_two_periods() {
    let upstream = echo_websocket();
    let conf = "events { } http { server { listen 127.0.0.1:%PORT%; location / {
        websocket on; websocket_ping 500ms; proxy_pass http://%UPSTREAM%; } } }";
    let server = Setup::new(conf)
        .with("UPSTREAM", upstream.addr())
        .start(&portway());
    let mut socket = testkit::WebSocket::open(server.addr(), "/", "");
    let started = std::time::Instant::now();
    // No pong is ever sent.
    socket.conn().set_deadline(DEADLINE);
    socket.conn().read_to_end();
    let took = started.elapsed();
    assert!(took < Duration::from_millis(1_900), "{took:?}");
}

/// Switches to WebSocket for the known key, answers pings, and reads on.
fn echo_websocket() -> Upstream {
    Upstream::serving(|peer| {
        peer.read_head();
        peer.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        );
        // Each comes alone and whole: a short frame with a mask, the answer without one.
        while let Some(frame) = peer.read_some() {
            if let [0x89, 0x88, mask @ .., _, _, _, _, _, _, _, _] = &frame[..] {
                let mut pong = vec![0x8a, 8];
                let payload = frame[6..].iter().zip(mask.iter().cycle());
                pong.extend(payload.map(|(byte, mask)| byte ^ mask));
                peer.send(&pong);
            }
        }
    })
}
