//! Desktop sessions over raw WebSockets: what reaches the VNC server, and what does not.

use std::thread;
use std::time::{Duration, Instant};

use testkit::vnc::{Event, Look, Security, VncServer};
use testkit::ws::Message;
use testkit::{Server, Setup, Upstream, WebSocket, wait_true};

use crate::support::portway;
use crate::tunnels::resident_kib;

const CONF: &str = "events { worker_connections 1024; } http { server { listen 127.0.0.1:%PORT%;
    location / { vnc_pass %TARGET%; %INSIDE% } } }";

fn gateway(target: impl ToString, inside: &str) -> Server {
    Setup::new(CONF)
        .with("TARGET", target)
        .with("INSIDE", inside)
        .start(&portway())
}

fn open(server: &Server) -> WebSocket {
    WebSocket::open(
        server.addr(),
        "/websockify",
        "Sec-WebSocket-Protocol: binary\r\n",
    )
}

/// Shakes hands as a viewer of RFB 3.8 that takes security type None, up to `ServerInit`.
fn enter(socket: &mut WebSocket) {
    assert_eq!(socket.recv_bytes(12), b"RFB 003.008\n");
    socket.send_binary(b"RFB 003.008\n");
    assert_eq!(socket.recv_bytes(2), [1, 1]);
    socket.send_binary(&[1]);
    assert_eq!(socket.recv_bytes(4), [0; 4]);
    socket.send_binary(&[0]);
    let init = socket.recv_bytes(24);
    let name = u32::from_be_bytes([init[20], init[21], init[22], init[23]]) as usize;
    socket.recv_bytes(name);
}

const KEY_A: [u8; 8] = [4, 1, 0, 0, 0, 0, 0, 0x61];
const POINTER: [u8; 6] = [5, 1, 0, 30, 0, 20];
const REQUEST: [u8; 10] = [3, 0, 0, 0, 0, 0, 0, 64, 0, 48];

#[test]
fn a_viewer_is_let_in_shared_and_its_input_arrives() {
    let vnc = VncServer::start(Look::default());
    let server = gateway(vnc.addr(), "");
    let mut socket = open(&server);
    assert_eq!(
        socket.handshake.field("sec-websocket-protocol"),
        Some("binary")
    );
    enter(&mut socket);
    socket.send_binary(&KEY_A);
    socket.send_fragments(&[&POINTER[..1], &POINTER[1..3], b"", &POINTER[3..]]);
    socket.send_binary(&[&KEY_A[..], &REQUEST[..]].concat());
    vnc.wait_event(&Event::Key(1, 0x61));
    vnc.wait_event(&Event::Pointer(1, 30, 20));
    vnc.wait_event(&Event::UpdateRequest(0, [0, 0, 64, 48]));
    assert!(
        vnc.events().contains(&Event::Init(1)),
        "a session never takes the desktop for itself"
    );
    let picture = socket.recv_bytes(16 + 64 * 48 * 4);
    assert_eq!(picture[16..19], [0xe0, 0x80, 0x20]);
}

#[test]
fn pings_are_answered_and_a_close_is_returned() {
    let vnc = VncServer::start(Look::default());
    let server = gateway(vnc.addr(), "");
    let mut socket = open(&server);
    enter(&mut socket);
    socket.send_ping(b"are you there");
    assert_eq!(socket.recv(), Message::Pong(b"are you there".to_vec()));
    socket.send_close(1000, "");
    assert!(matches!(
        socket.recv(),
        Message::Close(Some((1000, _)) | None)
    ));
    assert_eq!(socket.conn().read_to_end(), b"");
}

/// RFC 6455 §5.1: a server closes on a frame that is not masked.
#[test]
fn frames_that_break_the_rules_end_the_session() {
    let vnc = VncServer::start(Look::default());
    let server = gateway(vnc.addr(), "");
    let frames: [&[u8]; 4] = [
        b"\x82\x01a",                 // not masked
        b"\xc2\x81\x00\x00\x00\x00a", // a reserved bit
        b"\x83\x81\x00\x00\x00\x00a", // a reserved opcode
        b"\x09\x81\x00\x00\x00\x00a", // a control frame in fragments
    ];
    for frame in frames {
        let mut socket = open(&server);
        enter(&mut socket);
        socket.conn().send(frame);
        let (code, _) = socket.recv_close().expect("a close with a code");
        assert_eq!(code, 1002, "after {frame:?}");
    }
}

/// Cross-site WebSocket hijacking: a page of another site cannot open a session.
#[test]
fn a_foreign_origin_is_refused() {
    let vnc = VncServer::start(Look::default());
    let server = gateway(vnc.addr(), "");
    let refused = WebSocket::try_open(server.addr(), "/", "Origin: http://evil.example\r\n");
    assert_eq!(refused.expect_err("another site").status, 403);
    assert_eq!(vnc.connections(), 0);
    let same = format!("Origin: http://{}\r\n", server.addr());
    enter(&mut WebSocket::open(server.addr(), "/", &same));
    let line = server.wait_error_log("evil.example");
    assert!(
        line.contains(&server.addr().to_string()),
        "both are named: {line}"
    );
}

#[test]
fn origins_can_be_listed() {
    let vnc = VncServer::start(Look::default());
    let server = gateway(vnc.addr(), "vnc_origin https://friend.example;");
    enter(&mut WebSocket::open(
        server.addr(),
        "/",
        "Origin: https://friend.example\r\n",
    ));
    let refused = WebSocket::try_open(server.addr(), "/", "Origin: https://other.example\r\n");
    assert_eq!(refused.expect_err("not listed").status, 403);
}

#[test]
fn view_only_is_enforced_at_the_protocol() {
    let vnc = VncServer::start(Look::default());
    let server = gateway(vnc.addr(), "vnc_view_only on;");
    let mut socket = open(&server);
    enter(&mut socket);
    socket.send_binary(&KEY_A);
    socket.send_binary(&POINTER);
    socket.send_binary(&[6, 0, 0, 0, 0, 0, 0, 3, b'c', b'u', b't']);
    // Hidden behind a message that passes, in pieces.
    socket.send_fragments(&[
        &REQUEST[..4],
        &[&REQUEST[4..], &KEY_A[..3]].concat(),
        &KEY_A[3..],
    ]);
    socket.recv_bytes(16 + 64 * 48 * 4);
    let input = |event: &Event| {
        matches!(
            event,
            Event::Key(..) | Event::Pointer(..) | Event::CutText(_)
        )
    };
    assert!(!vnc.events().iter().any(input), "{:?}", vnc.events());
}

#[test]
fn an_unknown_message_ends_a_session_whose_policy_is_enforced() {
    let vnc = VncServer::start(Look::default());
    let server = gateway(vnc.addr(), "vnc_view_only on;");
    let mut socket = open(&server);
    enter(&mut socket);
    socket.send_binary(&[211, 0, 0, 0]);
    assert!(socket.recv_close().is_some());
    assert!(!vnc.events().contains(&Event::Unknown(211)));
}

#[test]
fn a_refusal_reaches_the_viewer_as_rfb_and_as_a_close_code() {
    let security = Security::Refused("no more seats");
    let vnc = VncServer::start(Look {
        security,
        ..Look::default()
    });
    let server = gateway(vnc.addr(), "");
    let mut socket = open(&server);
    assert_eq!(socket.recv_bytes(12), b"RFB 003.008\n");
    socket.send_binary(b"RFB 003.008\n");
    let reason = refusal_of(&mut socket);
    assert!(reason.contains("no more seats"), "{reason}");
    assert!(socket.recv_close().is_some());
}

#[test]
fn a_machine_that_is_down_is_told_by_rfb_and_by_code() {
    let server = gateway("127.0.0.1:%PORT1%", "");
    let mut socket = open(&server);
    assert_eq!(socket.recv_bytes(12), b"RFB 003.008\n");
    socket.send_binary(b"RFB 003.008\n");
    let reason = refusal_of(&mut socket);
    assert!(
        reason.is_ascii() && !reason.contains("127.0.0.1"),
        "{reason}"
    );
    assert_eq!(socket.recv_close().map(|(code, _)| code), Some(4502));
}

/// Zero security types and a reason (RFC 6143 §7.1.2).
fn refusal_of(socket: &mut WebSocket) -> String {
    let head = socket.recv_bytes(5);
    assert_eq!(head[0], 0, "{head:?}");
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    String::from_utf8(socket.recv_bytes(length as usize)).expect("ASCII")
}

#[test]
fn tokens_choose_machines_and_are_read_again() {
    let [one, two] = ["one", "two"].map(|name| {
        VncServer::start(Look {
            name,
            ..Look::default()
        })
    });
    let conf = "events { } http { server { listen 127.0.0.1:%PORT%; location / {
        vnc_token_source file %DIR%/tokens; vnc_token $arg_token; } } }";
    let server = Setup::new(conf)
        .file("tokens", format!("a: {}\n", one.addr()))
        .start(&portway());
    enter(&mut WebSocket::open(
        server.addr(),
        "/websockify?token=a",
        "",
    ));
    assert_eq!((one.connections(), two.connections()), (1, 0));
    server
        .files()
        .write("tokens", format!("a: {}\nb: {}\n", two.addr(), one.addr()));
    wait_true("the new tokens", || {
        enter(&mut WebSocket::open(
            server.addr(),
            "/websockify?token=a",
            "",
        ));
        two.connections() > 0
    });
    let mut unknown = WebSocket::open(server.addr(), "/websockify?token=zzz", "");
    assert_eq!(unknown.recv_close().map(|(code, _)| code), Some(4401));
    let log = server.files().read("error.log");
    assert!(!log.contains("zzz"), "tokens are masked: {log}");
}

/// A desktop at full speed, a viewer that reads nothing: what the gateway holds stays bounded, and
/// another viewer's keys still arrive at once.
#[test]
fn a_stalled_viewer_costs_little_and_harms_nobody() {
    let flood = Upstream::serving(|peer| {
        peer.send(b"RFB 003.008\n");
        peer.read_exact(12);
        peer.send(&[1, 1]);
        peer.read_exact(1);
        peer.send(&[0; 4]);
        peer.read_exact(1);
        peer.send(&[
            0, 64, 0, 48, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0, 0, 0, 0, 0,
        ]);
        let update = [
            &[0, 0, 0, 1, 0, 0, 0, 0, 0, 64, 0, 48, 0, 0, 0, 0][..],
            &[7; 64 * 48 * 4],
        ]
        .concat();
        while peer.send(&update) {}
    });
    let vnc = VncServer::start(Look::default());
    let conf = "events { } http { server { listen 127.0.0.1:%PORT%;
        location /flood/ { vnc_pass %FLOOD%; } location / { vnc_pass %TARGET%; } } }";
    let setup = Setup::new(conf)
        .with("FLOOD", flood.addr())
        .with("TARGET", vnc.addr());
    let server = setup.start(&portway());
    let mut prompt = open(&server);
    enter(&mut prompt);
    let before = resident_kib(server.pid());
    let stalled: Vec<WebSocket> = (0..20)
        .map(|_| {
            let mut socket = WebSocket::open(server.addr(), "/flood/x", "");
            enter(&mut socket);
            socket
        })
        .collect();
    thread::sleep(Duration::from_secs(2));
    let grown = resident_kib(server.pid()).saturating_sub(before);
    assert!(grown < 20 * 256, "{grown} KiB for twenty stalled viewers");
    let asked = Instant::now();
    prompt.send_binary(&KEY_A);
    vnc.wait_event(&Event::Key(1, 0x61));
    assert!(
        asked.elapsed() < Duration::from_millis(200),
        "{:?}",
        asked.elapsed()
    );
    drop(stalled);
}

#[test]
fn the_page_locks_itself_down() {
    let server = gateway("127.0.0.1:1", "");
    for path in ["/", "/vnc.html", "/vnc_lite.html", "/vnc_auto.html"] {
        let response = testkit::http::get(server.addr(), path);
        assert_eq!(response.status, 200, "{path}");
        let policy = response
            .field("content-security-policy")
            .unwrap_or_default()
            .to_owned();
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert_eq!(
            response.field("x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
    }
}
