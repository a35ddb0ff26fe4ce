//! Tokens that a service over HTTP knows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use testkit::tls_upstream::TlsUpstream;
use testkit::upstream::Upstream;
use testkit::vnc::{Event, Look, VncServer};
use testkit::{Certs, Setup, WebSocket};

use super::tickets::{forecast, open};
use super::{CONF, KEY_A, enter, get};
use crate::support::portway;

/// A service that answers each request's path with what `answer` makes of it.
fn service(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> Upstream {
    Upstream::serving(move |peer| {
        let head = peer.read_head().unwrap_or_default();
        let path = head.split(' ').nth(1).unwrap_or_default();
        let (status, body) = answer(path);
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        peer.send(format!("{head}{body}").as_bytes());
    })
}

#[test]
fn a_service_is_asked_about_tokens() {
    let vnc = VncServer::start(Look::default());
    let target = vnc.addr();
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = asked.clone();
    let tokens = service(move |path| {
        seen.lock().expect("nobody panics").push(path.to_owned());
        let token = path
            .strip_prefix("/api/")
            .and_then(|p| p.strip_suffix("?v=1"));
        match token {
            Some("plain") => (200, format!("{target}\n")),
            Some("json") => {
                let (host, port) = (target.ip(), target.port());
                let answer = format!(
                    "{{\"host\":\"{host}\",\"port\":{port},\"title\":\"Of the service\",\
                     \"view_only\":true,\"expires\":\"2100-01-01\",\"extra\":null}}"
                );
                (200, answer)
            }
            Some("nonsense") => (200, "{\"host\":[]}".into()),
            Some("broken") => (500, "no".into()),
            Some("long") => (200, "x".repeat(100_000)),
            _ => (404, "no such token".into()),
        }
    });
    let url = format!("http://{}/api/%s?v=1", tokens.addr());
    let inside =
        format!("location / {{ vnc_allow 127.0.0.1; vnc_token_source http {url} timeout=2s; }}");
    let server = Setup::new(CONF).with("INSIDE", inside).start(&portway());

    assert!(forecast(&server, "plain").contains("\"status\":\"ok\""));
    let mut socket = open(&server, "plain");
    enter(&mut socket);
    let told = forecast(&server, "json");
    assert!(told.contains("\"view_only\":true"), "{told}");
    assert!(told.contains("\"title\":\"Of the service\""), "{told}");
    let count = |path: &str| {
        let asked = asked.lock().expect("nobody panics");
        asked.iter().filter(|one| *one == path).count()
    };
    assert_eq!(count("/api/plain?v=1"), 1, "what was said is remembered");

    for unknown in ["other", "..%2F..%2Fadmin%3F", ""] {
        assert!(
            forecast(&server, unknown).contains("\"code\":4401"),
            "{unknown}"
        );
    }
    assert_eq!(count("/api/..%2F..%2Fadmin%3F?v=1"), 1);
    for failing in ["nonsense", "broken", "long"] {
        assert!(
            forecast(&server, failing).contains("\"code\":1011"),
            "{failing}"
        );
    }
    server.wait_error_log("makes no sense: invalid value of \"host\"");
    server.wait_error_log("about a token failed: HTTP status 500");
    let log = server.error_log();
    assert!(
        !log.contains("nonsense") && !log.contains("broken"),
        "{log}"
    );
}

/// A service that knows its gateway no more answers like that to every question at once.
#[test]
fn a_service_that_forbids_lets_nobody_in_and_ends_no_session() {
    let vnc = VncServer::start(Look::default());
    let (target, forbids) = (vnc.addr().to_string(), Arc::new(AtomicBool::new(false)));
    let by = forbids.clone();
    let service = service(move |_| match by.load(Ordering::SeqCst) {
        true => (403, String::new()),
        false => (200, target.clone()),
    });
    let text = format!(
        "events {{ }} http {{ vnc_revoke_grace 0; server {{ listen 127.0.0.1:%PORT%; location / {{
             vnc_token_source http http://{}/%s; vnc_allow 127.0.0.1; }} }} }}",
        service.addr()
    );
    let server = Setup::new(&text).start(&portway());
    let mut socket = WebSocket::open(server.addr(), "/ws?token=a", "");
    enter(&mut socket);
    forbids.store(true, Ordering::SeqCst);
    let other = get(&server, "/session?token=b").text();
    assert!(other.contains("\"code\":4401"), "{other}");
    server.reload(&text);
    server.wait_error_log("could not be judged again");
    socket.send_binary(&KEY_A);
    vnc.wait_event(&Event::Key(1, 0x61));
}

#[test]
fn a_service_that_is_slow_or_gone_is_an_error_of_the_gateway() {
    let held = Arc::new(AtomicBool::new(true));
    let hold = held.clone();
    let slow = Upstream::serving(move |peer| {
        peer.read_head();
        while hold.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(10));
        }
    });
    let inside = format!(
        "location /slow/ {{ vnc_token_source http http://{}/%s timeout=300ms; }}
         location /gone/ {{ vnc_token_source http http://127.0.0.1:1/%s; }}",
        slow.addr()
    );
    let server = Setup::new(CONF).with("INSIDE", inside).start(&portway());
    for place in ["/slow/", "/gone/"] {
        let told = get(&server, &format!("{place}session?token=a")).text();
        assert!(told.contains("\"code\":1011"), "{place}: {told}");
    }
    held.store(false, Ordering::Relaxed);
}

#[test]
fn a_service_over_tls_must_be_who_it_says() {
    let vnc = VncServer::start(Look::default());
    let target = vnc.addr();
    let certs = Certs::default()
        .self_signed("localhost")
        .self_signed("other");
    let read = |name: &str| std::fs::read(certs.file(name)).expect("openssl made it");
    let tokens = TlsUpstream::serving(
        &read("localhost.crt"),
        &read("localhost.key"),
        move |peer| {
            peer.read_head();
            let body = target.to_string();
            let length = body.len();
            peer.send(
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes(),
            );
        },
    );
    let port = tokens.addr().port();
    let dir = certs.dir().display().to_string();
    let inside = format!(
        "vnc_allow 127.0.0.1; location /good/ {{ vnc_token_source http https://localhost:{port}/%s
             trusted={dir}/localhost.crt; }}
         location /other/ {{ vnc_token_source http https://localhost:{port}/%s
             trusted={dir}/other.crt; }}
         location /name/ {{ vnc_token_source http https://127.0.0.1:{port}/%s
             trusted={dir}/localhost.crt; }}"
    );
    let server = Setup::new(CONF).with("INSIDE", inside).start(&portway());
    let told = |place: &str| get(&server, &format!("{place}session?token=a")).text();
    assert!(told("/good/").contains("\"status\":\"ok\""));
    assert!(told("/other/").contains("\"code\":1011"));
    assert!(told("/name/").contains("\"code\":1011"));
    server.wait_error_log("the certificate of the server is not to be trusted");
    server.wait_error_log("it is not one of \"127.0.0.1\"");
}
