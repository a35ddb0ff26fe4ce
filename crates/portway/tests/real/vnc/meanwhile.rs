//! Sessions that are judged again while something else happens: another reload, a service of tokens
//! that does not answer, the end of the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use testkit::vnc::{Look, VncServer};
use testkit::ws::Message;
use testkit::{Server, Setup, Upstream, WebSocket, wait_true};

use super::{KEY_A, enter, get};
use crate::support::portway;

const PAGE: &str = "Sec-WebSocket-Protocol: portway.v1\r\n";

/// A service that knows every token, and answers when it may.
struct Service {
    upstream: Upstream,
    asked: Arc<AtomicUsize>,
    /// So many questions may be answered.
    answers: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

impl Service {
    fn start(target: std::net::SocketAddr, may_answer: usize) -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let answers = Arc::new(AtomicUsize::new(may_answer));
        let over = Arc::new(AtomicBool::new(false));
        let (count, may, ends) = (asked.clone(), answers.clone(), over.clone());
        let upstream = Upstream::serving(move |peer| {
            peer.read_head();
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            while may.load(Ordering::SeqCst) < number {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            let body = target.to_string();
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
            peer.send(format!("{head}{body}").as_bytes());
        });
        Self {
            upstream,
            asked,
            answers,
            over,
        }
    }

    fn wait_asked(&self, count: usize) {
        wait_true("the service is asked", || {
            self.asked.load(Ordering::SeqCst) >= count
        });
    }

    fn may_answer(&self, count: usize) {
        self.answers.store(count, Ordering::SeqCst);
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

/// Waits until `path` is answered with `status`, which a reload brought.
fn wait_status(server: &Server, path: &str, status: u16) {
    wait_true("the reload", || get(server, path).status == status);
}

/// The code of the close frame behind whatever else there is.
fn closed(socket: &mut WebSocket) -> u16 {
    socket.recv_close().map_or(0, |(code, _)| code)
}

#[test]
fn what_a_former_configuration_says_late_counts_no_more() {
    let vnc = VncServer::start(Look::default());
    let service = Service::start(vnc.addr(), 0);
    let text = format!(
        "events {{ }} http {{ vnc_revoke_grace 2s;
         server {{ listen 127.0.0.1:%PORT%; location = /number {{ return 201; }}
             location / {{ vnc_token_source http http://{}/%s timeout=30s; vnc_allow 127.0.0.1; }} }} }}",
        service.upstream.addr()
    );
    let server = Setup::new(&text).start(&portway());
    let addr = server.addr();
    let opening = std::thread::spawn(move || {
        let mut socket = WebSocket::open(addr, "/ws?token=t", PAGE);
        enter(&mut socket);
        socket
    });
    service.wait_asked(1);
    // It is granted by a configuration that was replaced meanwhile, and judged by the new one.
    let second = text.replace("return 201", "return 202");
    server.reload(&second);
    wait_status(&server, "/number", 202);
    service.may_answer(1);
    let mut socket = opening.join().expect("a session");
    service.wait_asked(2);
    // While that one waits for the service, a third one comes, which has no desktop.
    let third = second.replace("vnc_token_source", "return 203; vnc_token_source");
    server.reload(&third);
    server.wait_error_log("is to end in 2s: reason=removed");
    service.may_answer(usize::MAX);
    assert_eq!(closed(&mut socket), 4410);
    let log = server.error_log();
    assert!(!log.contains("may go on"), "{log}");
}

#[test]
fn a_service_that_does_not_answer_keeps_nobody_elses_session_alive() {
    let vnc = VncServer::start(Look::default());
    let others = 12;
    let service = Service::start(vnc.addr(), others);
    let text = format!(
        "events {{ }} http {{ vnc_revoke_grace 0;
         server {{ listen 127.0.0.1:%PORT%;
             location /lab/ {{ vnc_pass {}; }}
             location / {{ vnc_token_source http http://{}/%s timeout=10s; vnc_allow 127.0.0.1; }} }} }}",
        vnc.addr(),
        service.upstream.addr()
    );
    let server = Setup::new(&text).start(&portway());
    let open = |path: &str| {
        let mut socket = WebSocket::open(server.addr(), path, PAGE);
        enter(&mut socket);
        socket
    };
    let mut kept: Vec<_> = (0..others)
        .map(|number| open(&format!("/ws?token={number}")))
        .collect();
    let mut removed = open("/lab/ws");
    let start = Instant::now();
    server.reload(&text.replace("location /lab/", "location /lib/"));
    assert_eq!(closed(&mut removed), 4410);
    let took = start.elapsed();
    assert!(took < Duration::from_secs(8), "{took:?}");
    service.may_answer(usize::MAX);
    for socket in &mut kept {
        socket.send_ping(b"?");
        loop {
            match socket.recv() {
                Message::Pong(_) => break,
                Message::Close(close) => panic!("{close:?}"),
                _ => {}
            }
        }
    }
}

#[test]
fn a_token_that_is_gone_ends_its_session_also_while_the_process_comes_to_its_end() {
    let vnc = VncServer::start(Look::default());
    let text = "events { } http { vnc_revoke_grace 1s;
         server { listen 127.0.0.1:%PORT%; location / { vnc_token_source file %DIR%/tokens; } } }";
    let addr = vnc.addr();
    let server = Setup::new(text)
        .file("tokens", format!("t: {addr}\nu: {addr}\nv: {addr}\n"))
        .start(&portway());
    let mut sockets = ["t", "u", "v"].map(|token| {
        let mut socket = WebSocket::open(server.addr(), &format!("/ws?token={token}"), PAGE);
        enter(&mut socket);
        socket
    });
    server.signal(Signal::QUIT);
    server.wait_error_log("gracefully shutting down");
    let [gone, changed, stays] = &mut sockets;
    let tokens = format!("u: {addr} view_only\nv: {addr}\n");
    server.files().write("new", tokens);
    let file = |name: &str| server.files().path().join(name);
    std::fs::rename(file("new"), file("tokens")).expect("its own file");
    assert_eq!(closed(gone), 4410);
    assert_eq!(closed(changed), 1012, "its page comes back by itself");
    stays.send_binary(&KEY_A);
    vnc.wait_event(&testkit::vnc::Event::Key(1, 0x61));
}

#[test]
fn a_configuration_without_any_server_ends_sessions_in_good_order() {
    let vnc = VncServer::start(Look::default());
    let text = format!(
        "events {{ }} http {{ vnc_revoke_grace 1s;
         server {{ listen 127.0.0.1:%PORT%; location / {{ vnc_pass {}; }} }} }}",
        vnc.addr()
    );
    let server = Setup::new(&text).start(&portway());
    let mut sockets = ["/one", "/two"].map(|path| {
        let mut socket = WebSocket::open(server.addr(), path, PAGE);
        enter(&mut socket);
        socket
    });
    server.reload("events { } http { }");
    for socket in &mut sockets {
        assert_eq!(closed(socket), 4410);
    }
    let log = server.error_log();
    assert!(!log.contains("panicked"), "{log}");
}
