//! Machines that only a WebSocket reaches: a real websockify's, QEMU's own, another Portway's.

use std::process::Command;

use testkit::desktop::{Access, Desktop, Place, QemuVnc, qemu_with};
use testkit::ports::free_port;
use testkit::tls::Certs;
use testkit::{Process, Scratch, Server, Setup, WebSocket, wait_true};

use super::{CONF, enter};
use crate::support::portway;

fn desktop() -> (Desktop, u16) {
    let port = free_port();
    let place = Place {
        host: None,
        address: "127.0.0.1",
        port,
    };
    (Desktop::tigervnc(place, Access::Open), port)
}

/// Debian's websockify.
fn websockify(arguments: &[&str]) -> (Process, Scratch, u16) {
    let (scratch, port) = (Scratch::new("websockify"), free_port());
    let mut command = Command::new("websockify");
    command.arg(format!("127.0.0.1:{port}")).args(arguments);
    let process = Process::spawn(&mut command, &scratch.path().join("log"));
    wait_true("websockify", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    (process, scratch, port)
}

fn gateway(inside: &str) -> Server {
    Setup::new(CONF).with("INSIDE", inside).start(&portway())
}

fn told(server: &Server, path: &str) -> String {
    let mut socket = WebSocket::open(server.addr(), path, "");
    socket.recv_bytes(12);
    socket.send_binary(b"RFB 003.008\n");
    assert_eq!(socket.recv_bytes(1), [0], "a refusal");
    let len = socket.recv_bytes(4);
    String::from_utf8(socket.recv_bytes(len[3].into())).expect("ASCII")
}

#[test]
fn a_desktop_behind_websockify_and_its_token_are_reached() {
    let (desktop, vnc) = desktop();
    desktop.fill("#ff0000");
    let tokens = Scratch::new("tokens");
    let file = tokens.write(
        "list",
        format!("far-secret: 127.0.0.1:{vnc}\nclosed: 127.0.0.1:1\n"),
    );
    let file = file.display().to_string();
    let (_websockify, _log, port) =
        websockify(&["--token-plugin", "TokenFile", "--token-source", &file]);
    let inside = format!(
        "location / {{ vnc_pass ws://127.0.0.1:{port}/websockify?token=far-secret; }}
         location /by/ {{ set $far $arg_far; vnc_pass ws://127.0.0.1:{port}/?token=$far; }}
         location /plain/ {{ vnc_pass 127.0.0.1:{port}; }}"
    );
    let server = gateway(&inside);
    let mut socket = WebSocket::open(server.addr(), "/", "");
    enter(&mut socket);
    // A pixel: raw, 24 bits deep.
    socket.send_binary(&[2, 0, 0, 1, 0, 0, 0, 0]);
    socket.send_binary(&[3, 0, 0, 9, 0, 9, 0, 1, 0, 1]);
    assert_eq!(socket.recv_bytes(20)[16..19], [0, 0, 255]);
    socket.send_close(1000, "");
    socket.recv_close();
    enter(&mut WebSocket::open(
        server.addr(),
        "/by/?far=far-secret",
        "",
    ));
    let far_failed = "The gateway in front of the machine could not reach it.";
    assert_eq!(told(&server, "/by/?far=unknown"), far_failed);
    server.wait_error_log("it closed without an answer");
    assert_eq!(told(&server, "/by/?far=closed"), far_failed);
    server.wait_error_log("the far gateway closed: 1011");
    assert_eq!(
        told(&server, "/plain/"),
        "What answered is not a VNC server."
    );
    let session = server.wait_error_log("ended: reason=viewer-closed");
    assert!(session.contains("websockify?***"), "{session}");
    let logs = server.error_log() + &server.files().read("access.log");
    assert!(!logs.contains("token=far-secret"), "{logs}");
}

#[test]
fn a_websocket_over_tls_is_verified_like_a_machine() {
    let (_desktop, vnc) = desktop();
    let certs = Certs::default().self_signed_rsa("far");
    let file = |name: &str| certs.file(name).display().to_string();
    let target = format!("127.0.0.1:{vnc}");
    let (_websockify, _log, port) = websockify(&[
        "--cert",
        &file("far.crt"),
        "--key",
        &file("far.key"),
        "--ssl-only",
        &target,
    ]);
    let inside = format!(
        "location / {{ vnc_pass wss://127.0.0.1:{port}/;
            vnc_ssl_trusted_certificate {}; vnc_ssl_name far; }}
         location /unknown/ {{ vnc_pass wss://127.0.0.1:{port}/; }}
         location /off/ {{ vnc_pass wss://127.0.0.1:{port}/; vnc_tls off; }}",
        file("far.crt")
    );
    let server = gateway(&inside);
    enter(&mut WebSocket::open(server.addr(), "/", ""));
    let untrusted = "The desktop's certificate is not trusted here.";
    assert_eq!(told(&server, "/unknown/"), untrusted);
    server.wait_error_log("vnc_ssl_fingerprint sha256:");
    told(&server, "/off/");
    server.wait_error_log("\"wss\" needs TLS, and \"vnc_tls\" is off");
}

#[test]
fn qemu_s_own_websocket_is_a_machine() {
    let (port, websocket) = (free_port().max(5900), free_port());
    let how = QemuVnc {
        websocket: Some(websocket),
        ..QemuVnc::default()
    };
    let _qemu = qemu_with("127.0.0.1", port, how);
    let server = gateway(&format!(
        "location / {{ vnc_pass ws://127.0.0.1:{websocket}/; }}"
    ));
    enter(&mut WebSocket::open(server.addr(), "/", ""));
}

/// What the far one says stays the truth here.
#[test]
fn another_portway_s_refusals_are_told() {
    let (_desktop, vnc) = desktop();
    let far = Setup::new(CONF)
        .with(
            "INSIDE",
            "location / { vnc_token_source file %DIR%/tokens; }",
        )
        .file("tokens", format!("known: 127.0.0.1:{vnc}\n"))
        .start(&portway());
    let inside = format!(
        "location / {{ vnc_pass ws://{}/?token=$arg_far; }}",
        far.addr()
    );
    let server = gateway(&inside);
    enter(&mut WebSocket::open(server.addr(), "/?far=known", ""));
    assert_eq!(
        told(&server, "/?far=other"),
        "The desktop refused: This link is not valid or has expired."
    );
}
