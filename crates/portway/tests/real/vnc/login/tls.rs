//! How TLS towards a VNC server is made: versions, ciphers, revoked certificates, and what a
//! reload that says other things means for sessions.

use std::path::PathBuf;

use testkit::ws::Message;

use super::*;

/// A file of the certificates' own tests: `server.crt` is of `www.example.com`, `root.crt` signed
/// it, and `root.crl` took it back.
fn data(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../x509/testdata", name]
        .iter()
        .collect()
}

/// TigerVNC that shows `server.crt`.
fn example() -> (Desktop, u16) {
    let port = free_port();
    let secure = Secure {
        types: "X509None",
        user: USER,
        password: PASSWORD,
        certificate: &data("server.crt"),
        key: &data("server.key"),
        failures: 5,
    };
    (Desktop::tigervnc(place(port), Access::Secure(secure)), port)
}

/// What says that `root.crt` is good.
fn trust_root() -> String {
    format!(
        "vnc_ssl_trusted_certificate {}; vnc_ssl_name www.example.com;",
        data("root.crt").display()
    )
}

#[test]
fn versions_and_ciphers_are_those_that_are_configured() {
    let certs = certs();
    // Its key is of RSA, so of TLS 1.2 it has no cipher with ECDSA.
    let (_desktop, port) = tigervnc("X509None", &certs, 5);
    let ecdsa = "vnc_ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256;";
    let rsa = "vnc_ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256;";
    for (inside, is_good) in [
        (ecdsa.to_owned(), true),
        (format!("vnc_ssl_protocols TLSv1.2; {rsa}"), true),
        (format!("vnc_ssl_protocols TLSv1.2; {ecdsa}"), false),
    ] {
        let server = gateway(port, &format!("{} {inside}", trust(&certs)), "");
        if is_good {
            enter(&mut WebSocket::open(server.addr(), "/", ""));
        } else {
            let sentence = "The encrypted connection to the desktop failed.";
            assert_eq!(told(&server), sentence, "{inside}");
        }
    }
}

#[test]
fn a_revoked_certificate_is_refused() {
    let (_desktop, port) = example();
    let with = |name: &str| format!("{} vnc_ssl_crl {};", trust_root(), data(name).display());
    let server = gateway(port, &with("root_clean.crl"), "");
    enter(&mut WebSocket::open(server.addr(), "/", ""));
    let server = gateway(port, &with("root.crl"), "");
    let sentence = "The desktop's certificate is not trusted here.";
    assert_eq!(told(&server), sentence);
    server.wait_error_log("(23:certificate revoked)");
    // One list for all, authorities of their own.
    let setup = Setup::new(&format!(
        "events {{ }} http {{ vnc_ssl_crl {}; server {{ listen 127.0.0.1:%PORT%;
            location / {{ vnc_pass 127.0.0.1:{port}; {} }} }} }}",
        data("root.crl").display(),
        trust_root()
    ));
    assert_eq!(told(&setup.start(&portway())), sentence);
}

/// A gateway whose configuration's `%TLS%` a reload can change.
struct Stage {
    text: String,
    server: Server,
}

impl Stage {
    fn start(port: u16, tls: &str, root: &[u8]) -> Self {
        let text = format!(
            "events {{ }} http {{ vnc_revoke_grace 0; server {{ listen 127.0.0.1:%PORT%;
                location / {{ vnc_pass 127.0.0.1:{port}; %TLS% }} }} }}"
        );
        let setup = Setup::new(&text.replace("%TLS%", tls));
        let server = setup.file("root.crt", root).start(&portway());
        Self { text, server }
    }

    fn open(&self) -> WebSocket {
        let mut socket = WebSocket::open(self.server.addr(), "/", "");
        enter(&mut socket);
        socket
    }

    fn reload(&self, tls: &str) {
        self.server.reload(&self.text.replace("%TLS%", tls));
    }
}

/// A pixel comes.
fn lives(socket: &mut WebSocket) {
    socket.send_binary(&[2, 0, 0, 1, 0, 0, 0, 0]);
    socket.send_binary(&[3, 0, 0, 9, 0, 9, 0, 1, 0, 1]);
    socket.recv_bytes(20);
}

/// It ends as for another address or password, so that the page comes back by itself.
fn ends_changed(socket: &mut WebSocket) {
    let close = loop {
        match socket.recv() {
            Message::Close(close) => break close,
            _ => continue,
        }
    };
    let (code, words) = close.expect("a code and its words");
    assert_eq!(code, 1012, "{words}");
    assert_eq!(
        words,
        "The desktop was set up anew; connecting again leads to it."
    );
    socket.send_close(code, "");
}

#[test]
fn a_reload_that_says_otherwise_about_tls_ends_sessions() {
    let (_desktop, port) = example();
    let root = std::fs::read(data("root.crt")).expect("test data");
    let first = "vnc_ssl_trusted_certificate root.crt; vnc_ssl_name www.example.com;";
    let stage = Stage::start(port, first, &root);
    let mut socket = stage.open();
    // The same words, in whichever order, and files that were renewed where they stand.
    let more = [&root[..], b"\n# another\n", &root[..]].concat();
    stage.server.files().write("root.crt", more);
    stage.reload("vnc_ssl_name www.example.com; vnc_ssl_trusted_certificate root.crt;");
    stage.reload(&format!("{first} vnc_ping 21s; vnc_ssl_ciphers DEFAULT;"));
    lives(&mut socket);
    assert!(!stage.server.error_log().contains("is to end"));
    let mut before = first.to_owned();
    for after in [
        format!("{first} vnc_tls required;"),
        format!("{first} vnc_ssl_protocols TLSv1.3;"),
        format!("{first} vnc_ssl_crl {};", data("root_clean.crl").display()),
        trust_root(),
        "vnc_ssl_verify off;".to_owned(),
        "vnc_ssl_verify off; vnc_ssl_name other;".to_owned(),
        "vnc_tls off;".to_owned(),
    ] {
        stage.reload(&before);
        let mut socket = stage.open();
        lives(&mut socket);
        stage.reload(&after);
        ends_changed(&mut socket);
        if !after.contains("vnc_tls off") {
            lives(&mut stage.open());
        }
        before = after;
    }
}
