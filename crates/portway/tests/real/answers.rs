//! Long answers of an upstream: whole, at the client's pace, and what becomes of those that break
//! off.

use std::sync::mpsc;
use std::time::Duration;

use testkit::{Server, Setup, Upstream};

use crate::support::portway;

/// More than the buffers of all sockets on the way hold.
const LEN: usize = 24 * 1024 * 1024;

const CONF: &str = r#"
worker_processes 1; events { }
http {
    log_format counted "$uri $status $body_bytes_sent $upstream_response_length $upstream_bytes_received";
    upstream back { server %UPSTREAM%; keepalive 4; }
    server {
        listen 127.0.0.1:%PORT%;
        access_log %DIR%/access.log counted;
        proxy_http_version 1.1; proxy_set_header Connection "";
        proxy_temp_path %DIR%/temp;
        proxy_read_timeout 2s;
        location / { proxy_pass http://back; }
        location /direct { proxy_pass http://back; proxy_buffering off; }
    }
}"#;

/// Bytes that are nowhere the same as a little further on.
fn pattern() -> Vec<u8> {
    let mut bytes = vec![0; LEN];
    for (i, word) in bytes.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        *word = (i as u32).wrapping_mul(2_654_435_761).to_be_bytes();
    }
    bytes
}

/// An upstream that answers with all of it, half of it and an end, or half of it and silence. It
/// tells when all was taken from it.
fn start() -> (Server, Upstream, mpsc::Receiver<()>) {
    let (tell, told) = mpsc::channel();
    let body = pattern();
    let upstream = Upstream::serving(move |peer| {
        while let Some(head) = peer.read_head() {
            let part = match head.contains("/half") || head.contains("/silent") {
                true => &body[..LEN / 2],
                false => &body[..],
            };
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LEN}\r\n\r\n").as_bytes());
            peer.send(part);
            let _ = tell.send(());
            if head.contains("/half") {
                return;
            }
        }
    });
    let setup = Setup::new(CONF).with("UPSTREAM", upstream.addr());
    (setup.start(&portway()), upstream, told)
}

fn wait_logged(server: &Server, line: &str) {
    testkit::wait_true("the access log to tell it", || {
        server.files().read("access.log").contains(line)
    });
}

#[test]
fn they_arrive_whole_and_both_connections_serve_again() {
    let (server, upstream, _told) = start();
    let mut conn = server.connect();
    for path in ["/a", "/direct/a", "/b"] {
        let response = conn.get(path, "");
        assert!(response.body == pattern(), "{path}: changed on its way");
    }
    assert_eq!(upstream.connections(), 1);
    wait_logged(&server, &format!("/b 200 {LEN} {LEN} "));
}

#[test]
fn a_client_that_does_not_read_costs_the_upstream_nothing() {
    let (server, _upstream, told) = start();
    let mut conn = server.connect();
    conn.send("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
    told.recv_timeout(testkit::DEADLINE)
        .expect("all of it is taken, the rest into a file");
    assert!(conn.response().body == pattern(), "changed on its way");
}

#[test]
fn without_buffering_the_upstream_waits_for_the_client() {
    let (server, _upstream, told) = start();
    let mut conn = server.connect();
    conn.send("GET /direct/a HTTP/1.1\r\nHost: h\r\n\r\n");
    // Longer than the read timeout: the silence is the client's.
    assert!(told.recv_timeout(Duration::from_secs(3)).is_err());
    assert!(conn.response().body == pattern(), "changed on its way");
}

#[test]
fn one_that_breaks_off_breaks_off_for_the_client() {
    let (server, _upstream, _told) = start();
    for (path, why) in [
        ("/half", "prematurely closed connection while reading"),
        ("/silent", "upstream timed out"),
    ] {
        let mut conn = server.connect();
        conn.send(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n"));
        conn.read_until(b"\r\n\r\n");
        let got = conn.read_to_end();
        assert!(got == pattern()[..LEN / 2], "{path}: {} bytes", got.len());
        server.wait_error_log(why);
        wait_logged(&server, &format!("{path} 200 {} {} ", LEN / 2, LEN / 2));
    }
}

#[test]
fn one_whose_end_cannot_be_told_is_another_peers_to_give() {
    let lengths = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nno";
    let faulty = Upstream::answering(lengths.as_bytes());
    let sound = Upstream::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes");
    let conf = r#"events { } http {
        log_format tried "$uri $upstream_status";
        upstream back { server %FAULTY%; server %SOUND% backup; }
        server {
            listen 127.0.0.1:%PORT%; access_log %DIR%/access.log tried;
            location / { proxy_pass http://back; proxy_next_upstream invalid_header; }
            location /once { proxy_pass http://%FAULTY%; }
        } }"#;
    let setup = Setup::new(conf).with("FAULTY", faulty.addr());
    let server = setup.with("SOUND", sound.addr()).start(&portway());
    assert_eq!(server.connect().get("/", "").text(), "yes");
    wait_logged(&server, "/ 502, 200\n");
    assert_eq!(server.connect().get("/once", "").status, 502);
    server.wait_error_log("while reading response header from upstream");
}
