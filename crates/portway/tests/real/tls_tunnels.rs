//! What goes on over TLS after a handshake of HTTP: desktops, WebSockets, and certificates that
//! are renewed meanwhile. The client is OpenSSL's.

use std::thread;

use testkit::vnc::{Look, VncServer};
use testkit::{Certs, Conn, Server, Setup, Upstream, WebSocket, wait_true};

use crate::support::portway;

const PAIR: &str = "ssl_certificate %CERTS%/live.crt; ssl_certificate_key %CERTS%/live.key;";

/// A server of this configuration, which has `%CERTS%` and `%UPSTREAM%`.
fn start(certs: &Certs, upstream: impl ToString, conf: &str) -> Server {
    Setup::new(&conf.replace("%PAIR%", PAIR))
        .with("CERTS", certs.dir().display())
        .with("UPSTREAM", upstream)
        .start(&portway())
}

/// Puts the certificate or key of `name` where the server has its own, as renewing tools do.
fn renew(certs: &Certs, name: &str, kind: &str) {
    let new = certs.file("new");
    std::fs::copy(certs.file(&format!("{name}.{kind}")), &new).expect("a new file");
    std::fs::rename(new, certs.file(&format!("live.{kind}"))).expect("a file replaced");
}

/// Switches to WebSocket and sends back the bytes that it gets, frames or not.
fn echo() -> Upstream {
    Upstream::serving(|peer| {
        if peer.read_head().is_none() {
            return;
        }
        peer.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        );
        while let Some(bytes) = peer.read_some() {
            if !peer.send(&bytes) {
                return;
            }
        }
    })
}

/// A tunnel to [`echo`] over TLS.
fn tunnel(certs: &Certs, server: &Server) -> Conn {
    let mut conn = Conn::open(certs.door(server.addr(), &[]));
    conn.send(
        "GET /echo HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    assert_eq!(conn.response().status, 101);
    conn
}

const TUNNEL: &str = "location /echo { proxy_pass http://%UPSTREAM%; proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }";

#[test]
fn a_tunnel_over_tls_carries_a_mebibyte_each_way() {
    let certs = Certs::default().self_signed("live");
    let upstream = echo();
    let conf = "events { } http { server { listen 127.0.0.1:%PORT% ssl; %PAIR% %TUNNEL% } }";
    let server = start(&certs, upstream.addr(), &conf.replace("%TUNNEL%", TUNNEL));
    let mut conn = tunnel(&certs, &server);
    let sent: Vec<u8> = (0..1 << 20).map(|number: u32| (number / 7) as u8).collect();
    let mut writer = Conn::over(conn.stream().try_clone().unwrap());
    let copy = sent.clone();
    let writing = thread::spawn(move || {
        writer.send(copy);
    });
    assert!(conn.read_exact(sent.len()) == sent, "other bytes came back");
    writing.join().unwrap();
}

#[test]
fn a_desktop_works_over_tls_and_only_for_whom_the_certificate_lets_in() {
    let certs = Certs::default()
        .self_signed("live")
        .self_signed("ca")
        .signed("client", "ca")
        .self_signed("stranger");
    let desktop = VncServer::start(Look::default());
    let server = start(
        &certs,
        desktop.addr(),
        "events { } http { %PAIR%
         server { listen 127.0.0.1:%PORT% ssl; location / { vnc_pass %UPSTREAM%; } }
         server { listen 127.0.0.1:%PORT1% ssl; location / { vnc_pass %UPSTREAM%; }
           ssl_client_certificate %CERTS%/ca.crt; ssl_verify_client on; } }",
    );
    let closed = server.addr_of("PORT1");
    let stranger = ["-cert", "stranger.crt", "-key", "stranger.key"];
    for arguments in [&[][..], &stranger] {
        let refused = WebSocket::try_open(certs.door(closed, arguments), "/websockify", "");
        assert_eq!(refused.unwrap_err().status, 400);
    }
    assert_eq!(desktop.connections(), 0);
    let client = ["-cert", "client.crt", "-key", "client.key"];
    let doors = [
        certs.door(server.addr(), &[]),
        certs.door(closed, &client),
        certs.door(closed, &[&client[..], &["-tls1_2"]].concat()),
    ];
    for door in doors {
        let mut socket = WebSocket::open(door, "/websockify", "");
        assert_eq!(socket.recv_bytes(12), b"RFB 003.008\n");
        socket.send_binary(b"RFB 003.008\n");
        assert_eq!(socket.recv_bytes(2), [1, 1]);
    }
    assert_eq!(desktop.connections(), 3);
}

#[test]
fn renewed_certificates_are_served_without_a_reload_and_nothing_else_is() {
    for master in ["on", "off"] {
        let certs = Certs::default().self_signed("a").self_signed("b");
        renew(&certs, "a", "crt");
        renew(&certs, "a", "key");
        let upstream = echo();
        let conf = "ssl_certificate_watch 50ms; %MASTER%
            events { } http { server { listen 127.0.0.1:%PORT% ssl; %PAIR% %TUNNEL%
              location / { return 200 'text: old'; } } }";
        let conf = conf
            .replace("%TUNNEL%", TUNNEL)
            .replace("%MASTER%", &format!("master_process {master};"));
        let server = start(&certs, upstream.addr(), &conf);
        let shows = |name: &str| {
            let request = "GET / HTTP/1.0\r\n\r\n";
            let shown = certs.s_client(server.addr(), &[], request);
            assert!(shown.contains("text: old"), "{shown}");
            shown.contains(&format!("subject=CN = {name}"))
                || shown.contains(&format!("subject=CN={name}"))
        };
        let mut conn = tunnel(&certs, &server);
        assert!(shows("a"));
        // Somebody is not done with this yet.
        let edited = server.files().read("nginx.conf");
        let edited = edited.replace("text: old", "text: new");
        server.files().write("nginx.conf", edited);

        renew(&certs, "b", "crt");
        server.wait_error_log("changed certificates are not taken yet: ");
        assert!(shows("a"));
        renew(&certs, "b", "key");
        wait_true("the renewed certificate is shown", || shows("b"));
        server.wait_error_log("live.key\" has changed and is in force now");
        let log = server.error_log();
        assert_eq!(log.matches("not taken yet").count(), 1, "{log}");
        assert!(!log.contains("reconfiguring"), "{log}");
        assert_eq!(conn.send("alive").read_exact(5), b"alive");
    }
}

#[test]
fn certificates_are_left_alone_when_nobody_shall_look() {
    let certs = Certs::default().self_signed("live").self_signed("b");
    let server = start(
        &certs,
        "",
        "ssl_certificate_watch off; events { } http {
         server { listen 127.0.0.1:%PORT% ssl; %PAIR% return 200 in; } }",
    );
    renew(&certs, "b", "crt");
    renew(&certs, "b", "key");
    // To prove absence.
    thread::sleep(std::time::Duration::from_millis(300));
    assert!(!server.error_log().contains("has changed"));
    let shown = certs.s_client(server.addr(), &[], "GET / HTTP/1.0\r\n\r\n");
    assert!(shown.contains("live"), "{shown}");
}
