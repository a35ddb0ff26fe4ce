//! Logging in to real VNC servers: every security type, with what is stored and by the person.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::process::Signal;
use testkit::desktop::{
    Access, Desktop, Place, QemuVnc, Secure, answer_challenge, qemu_with, tightvnc,
};
use testkit::ports::free_port;
use testkit::tls::Certs;
use testkit::{Server, Setup, WebSocket, wait_true};

use super::{CONF, enter};
use crate::support::portway;

mod limits;
mod mistakes;
mod probe;
mod tls;

const USER: &str = "ann";
/// Longer than VNC authentication looks at.
const PASSWORD: &str = "secret12-and-more";
const EIGHT: &str = "secret12";

/// Certificates `desk` and `other` that sign themselves.
fn certs() -> Certs {
    Certs::default()
        .self_signed_rsa("desk")
        .self_signed("other")
}

fn place(port: u16) -> Place<'static> {
    Place {
        host: None,
        address: "127.0.0.1",
        port,
    }
}

/// TigerVNC with these security types; the port.
fn tigervnc(types: &str, certs: &Certs, failures: u32) -> (Desktop, u16) {
    let port = free_port();
    let (certificate, key) = (certs.file("desk.crt"), certs.file("desk.key"));
    let secure = Secure {
        types,
        user: USER,
        password: PASSWORD,
        certificate: &certificate,
        key: &key,
        failures,
    };
    (Desktop::tigervnc(place(port), Access::Secure(secure)), port)
}

/// A gateway to a machine on this port; `inside` stands in its location.
fn gateway(port: u16, inside: &str, secrets: &str) -> Server {
    let setup = Setup::new(CONF)
        .with(
            "INSIDE",
            format!("location / {{ vnc_pass 127.0.0.1:{port}; {inside} }}"),
        )
        .file("secrets", secrets);
    protect(&setup.path().join("secrets"));
    setup.start(&portway())
}

fn protect(path: &Path) {
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, mode).expect("the test's own file");
}

fn stored(port: u16) -> String {
    format!("127.0.0.1:{port} user={USER} password={PASSWORD}\n")
}

/// What says that `desk` is good.
fn trust(certs: &Certs) -> String {
    format!(
        "vnc_ssl_trusted_certificate {}; vnc_ssl_name desk;",
        certs.file("desk.crt").display()
    )
}

/// A viewer that has named its version, and what it is offered.
fn offered(server: &Server) -> (WebSocket, Vec<u8>) {
    let mut socket = WebSocket::open(server.addr(), "/", "");
    assert_eq!(socket.recv_bytes(12), b"RFB 003.008\n");
    socket.send_binary(b"RFB 003.008\n");
    let count = socket.recv_bytes(1)[0];
    let types = socket.recv_bytes(count.into());
    (socket, types)
}

/// What a viewer is told that is offered nothing.
fn told(server: &Server) -> String {
    let (mut socket, types) = offered(server);
    assert!(types.is_empty(), "{types:?} instead of a refusal");
    reason(&mut socket)
}

fn reason(socket: &mut WebSocket) -> String {
    let len = socket.recv_bytes(4);
    let len = u32::from_be_bytes([len[0], len[1], len[2], len[3]]);
    String::from_utf8(socket.recv_bytes(len as usize)).expect("ASCII")
}

/// Answers with VNC authentication; `None` when the viewer is let in, else why not.
fn with_password(socket: &mut WebSocket, password: &str) -> Option<String> {
    socket.send_binary(&[2]);
    let challenge = socket.recv_bytes(16);
    socket.send_binary(&answer_challenge(password, &challenge));
    verdict(socket)
}

/// Answers with user and password, in the one way that noVNC knows.
fn with_user(socket: &mut WebSocket, user: &str, password: &str) -> Option<String> {
    socket.send_binary(&[19]);
    assert_eq!(socket.recv_bytes(2), [0, 2]);
    socket.send_binary(&[0, 2]);
    assert_eq!(socket.recv_bytes(6), [0, 1, 0, 0, 1, 0]);
    socket.send_binary(&[0, 0, 1, 0]);
    let lengths = [user.len() as u32, password.len() as u32].map(u32::to_be_bytes);
    let login = [&lengths.concat()[..], user.as_bytes(), password.as_bytes()].concat();
    socket.send_binary(&login);
    verdict(socket)
}

fn verdict(socket: &mut WebSocket) -> Option<String> {
    match socket.recv_bytes(4)[..] {
        [0, 0, 0, 0] => None,
        _ => Some(reason(socket)),
    }
}

/// That the screen is shown.
fn shown(socket: &mut WebSocket) {
    socket.send_binary(&[0]);
    let init = socket.recv_bytes(24);
    assert_ne!(init[..4], [0; 4]);
}

#[test]
fn what_is_stored_opens_every_type_of_tigervnc_without_a_question() {
    let certs = certs();
    for types in [
        "None",
        "VncAuth",
        "Plain",
        "X509None",
        "X509Vnc",
        "X509Plain",
        "TLSVnc,VncAuth",
    ] {
        let (_desktop, port) = tigervnc(types, &certs, 5);
        let inside = format!(
            "vnc_credentials_file secrets; vnc_plain_login on; {}",
            trust(&certs)
        );
        let server = gateway(port, &inside, &stored(port));
        for _ in 0..2 {
            enter(&mut WebSocket::open(server.addr(), "/", ""));
        }
    }
}

#[test]
fn the_person_is_asked_what_each_type_of_tigervnc_asks() {
    let certs = certs();
    for types in ["X509None", "X509Vnc", "X509Plain", "Plain", "VncAuth"] {
        let (_desktop, port) = tigervnc(types, &certs, 5);
        let server = gateway(port, &trust(&certs), "");
        let (mut socket, offer) = offered(&server);
        let let_in = match types {
            "X509None" => {
                assert_eq!(offer, [1], "{types}");
                socket.send_binary(&[1]);
                verdict(&mut socket)
            }
            "X509Plain" | "Plain" => {
                assert_eq!(offer, [19], "{types}");
                with_user(&mut socket, USER, PASSWORD)
            }
            _ => {
                assert_eq!(offer, [2], "{types}");
                with_password(&mut socket, EIGHT)
            }
        };
        assert_eq!(let_in, None, "{types}");
        shown(&mut socket);
        let (mut socket, _) = offered(&server);
        let wrong = match types {
            "X509None" => continue,
            "X509Plain" | "Plain" => with_user(&mut socket, USER, "wrong"),
            _ => with_password(&mut socket, "wrong"),
        };
        let sentence = "The password was not accepted; authentication failed.";
        assert_eq!(wrong.as_deref(), Some(sentence), "{types}");
        server.wait_error_log("reason=wrong-password");
    }
}

#[test]
fn anonymous_tls_is_refused_in_words_that_help() {
    let certs = certs();
    let (_desktop, port) = tigervnc("TLSVnc,TLSPlain", &certs, 5);
    let server = gateway(port, &trust(&certs), "");
    let sentence = "The desktop asks for a login that is not supported here.";
    assert_eq!(told(&server), sentence);
    let line = server.wait_error_log("TLSVnc (258)");
    assert!(line.contains("set X509Vnc or X509Plain"), "{line}");
}

/// What the log says to do is what helps.
#[test]
fn an_unknown_certificate_is_named_and_can_be_pinned() {
    let certs = certs();
    let (_desktop, port) = tigervnc("X509None", &certs, 5);
    let server = gateway(port, "", "");
    let sentence = "The desktop's certificate is not trusted here.";
    assert_eq!(told(&server), sentence);
    let line = server.wait_error_log("vnc_ssl_fingerprint sha256:");
    let digits = line.split("vnc_ssl_fingerprint ").nth(1);
    let fingerprint = digits.and_then(|rest| rest.split(';').next()).expect("it");

    let refused = |inside: &str, why: &str| {
        let server = gateway(port, inside, "");
        assert_eq!(told(&server), sentence, "{inside}");
        server.wait_error_log(why)
    };
    let other = certs.file("other.crt").display().to_string();
    let desk = certs.file("desk.crt").display().to_string();
    refused(
        &format!("vnc_ssl_trusted_certificate {other};"),
        "server SSL certificate verify error: (18:",
    );
    refused(
        &format!("vnc_ssl_trusted_certificate {desk};"),
        "it is not one of \"127.0.0.1\"; \"vnc_ssl_name\"",
    );
    refused(
        &format!("vnc_ssl_fingerprint sha256:{};", "ab".repeat(32)),
        "another one than \"vnc_ssl_fingerprint\" says",
    );
    for inside in [
        &format!("vnc_ssl_fingerprint {fingerprint};")[..],
        "vnc_ssl_verify off;",
        &trust(&certs),
        // One of several, by a variable.
        &format!(
            "set $pins \"sha256:{} {fingerprint}\"; vnc_ssl_fingerprint $pins;",
            "ab".repeat(32)
        ),
    ] {
        let server = gateway(port, inside, "");
        enter(&mut WebSocket::open(server.addr(), "/", ""));
    }
    // A pin is for one certificate, and so is no mistake in it a way around.
    let server = gateway(port, "set $pin x; vnc_ssl_fingerprint $pin;", "");
    assert_eq!(told(&server), "The gateway failed; its log says more.");
    server.wait_error_log("\"x\" is not a fingerprint");
}

#[test]
fn a_server_without_tls_is_refused_where_tls_is_required() {
    let certs = certs();
    let (_desktop, port) = tigervnc("VncAuth", &certs, 5);
    for stored in ["", "vnc_credentials_file secrets;"] {
        let inside = format!("vnc_tls required; {} {stored}", trust(&certs));
        let server = gateway(port, &inside, &self::stored(port));
        assert_eq!(
            told(&server),
            "The desktop does not offer the encryption that is required."
        );
        server.wait_error_log("reason=no-encryption");
    }
}

#[test]
fn without_a_yes_a_stored_password_never_goes_in_the_clear() {
    let certs = certs();
    let (_desktop, port) = tigervnc("Plain", &certs, 5);
    let server = gateway(port, "vnc_credentials_file secrets;", &stored(port));
    told(&server);
    server.wait_error_log("\"vnc_plain_login on\"");
    let (_desktop, port) = tigervnc("X509Plain", &certs, 5);
    let inside = format!(
        "vnc_credentials_file secrets; vnc_tls off; {}",
        trust(&certs)
    );
    let server = gateway(port, &inside, &stored(port));
    told(&server);
    server.wait_error_log("\"vnc_tls\" is off");
}

/// Desktops, tokens and `vnc_user` beside the address of a line.
#[test]
fn a_line_is_for_a_desktop_an_address_or_a_token() {
    let certs = certs();
    let (_desktop, port) = tigervnc("X509Plain", &certs, 5);
    let setup = Setup::new(
        "events { } http { vnc_credentials_file secrets; %TRUST%
            vnc_desktop office 127.0.0.1:%TARGET% { }
            server { listen 127.0.0.1:%PORT%;
                location /office/ { vnc_pass office; allow all; }
                location /named/ { vnc_pass 127.0.0.1:%TARGET%; vnc_user $arg_user; allow all; }
                location /vm/ { vnc_token_source file tokens; } } }",
    )
    .with("TARGET", port)
    .with("TRUST", trust(&certs))
    .file("tokens", format!("t1: 127.0.0.1:{port}\n"))
    .file(
        "secrets",
        format!(
            "desktop:office user={USER} password={PASSWORD}\n\
             token:t1 user={USER} password={PASSWORD}\n\
             127.0.0.1:{port} password={PASSWORD}\n"
        ),
    );
    protect(&setup.path().join("secrets"));
    let server = setup.start(&portway());
    for path in ["/office/", "/vm/?token=t1", "/named/?user=ann"] {
        enter(&mut WebSocket::open(server.addr(), path, ""));
    }
    assert!(!server.error_log().contains(PASSWORD));
}

/// Certificates of an authority, a machine and the gateway, and how the gateway trusts them.
fn trusted() -> (Certs, String) {
    let certs = Certs::default()
        .self_signed("ca")
        .signed("server", "ca")
        .signed("gateway", "ca");
    let authority = certs.file("ca.crt");
    let trust = format!(
        "vnc_ssl_trusted_certificate {}; vnc_ssl_name server;",
        authority.display()
    );
    (certs, trust)
}

#[test]
fn qemu_is_entered_over_its_tls() {
    let (certs, trust) = trusted();
    let port = free_port().max(5900);
    let how = QemuVnc {
        password: Some(EIGHT),
        certs: Some(&certs),
        ..QemuVnc::default()
    };
    let _qemu = qemu_with("127.0.0.1", port, how);
    let server = gateway(port, &trust, "");
    let (mut socket, offer) = offered(&server);
    assert_eq!(offer, [2]);
    assert_eq!(with_password(&mut socket, EIGHT), None);
    shown(&mut socket);
    let inside = format!("vnc_credentials_file secrets; {trust}");
    let server = gateway(port, &inside, &stored(port));
    enter(&mut WebSocket::open(server.addr(), "/", ""));
}

#[test]
fn a_machine_that_asks_for_a_certificate_is_shown_one() {
    let (certs, trust) = trusted();
    let port = free_port().max(5900);
    let how = QemuVnc {
        certs: Some(&certs),
        asks_for_certificate: true,
        ..QemuVnc::default()
    };
    let _qemu = qemu_with("127.0.0.1", port, how);
    let own = format!(
        "vnc_ssl_certificate {}; vnc_ssl_certificate_key {};",
        certs.file("gateway.crt").display(),
        certs.file("gateway.key").display()
    );
    let server = gateway(port, &format!("{trust} {own}"), "");
    enter(&mut WebSocket::open(server.addr(), "/", ""));
    let server = gateway(port, &trust, "");
    assert_eq!(
        told(&server),
        "The encrypted connection to the desktop failed."
    );
    server.wait_error_log("\"vnc_ssl_certificate\"");
}

#[test]
fn tightvnc_is_entered_by_its_plain_old_password() {
    let port = free_port();
    let _server = tightvnc(place(port), EIGHT);
    let server = gateway(port, "vnc_credentials_file secrets;", &stored(port));
    enter(&mut WebSocket::open(server.addr(), "/", ""));
    let server = gateway(port, "", "");
    let (mut socket, offer) = offered(&server);
    assert_eq!(offer, [2], "not its own type, in which nobody can see");
    assert!(with_password(&mut socket, "wrong").is_some());
    let (mut socket, _) = offered(&server);
    assert_eq!(with_password(&mut socket, EIGHT), None);
    shown(&mut socket);
}

#[test]
fn a_server_of_rfb_3_3_is_entered() {
    let port = free_port();
    let arguments = ["-rfbversion", "3.3", "-passwd", EIGHT];
    let _desktop = Desktop::x11vnc_with(place(port), &arguments);
    let server = gateway(port, "vnc_credentials_file secrets;", &stored(port));
    enter(&mut WebSocket::open(server.addr(), "/", ""));
    let server = gateway(port, "", "");
    let (mut socket, offer) = offered(&server);
    assert_eq!(offer, [2]);
    assert_eq!(with_password(&mut socket, EIGHT), None);
    shown(&mut socket);
    // And a viewer of 3.3: it is told what it has to do.
    let mut old = WebSocket::open(server.addr(), "/", "");
    old.recv_bytes(12);
    old.send_binary(b"RFB 003.003\n");
    assert_eq!(old.recv_bytes(4), [0, 0, 0, 2]);
    let challenge = old.recv_bytes(16);
    old.send_binary(&answer_challenge(EIGHT, &challenge));
    assert_eq!(verdict(&mut old), None);
    shown(&mut old);
}
