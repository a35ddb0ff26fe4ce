//! `vnc_limit`: how many sessions there may be, and taking over a machine that is for one.

use testkit::vnc::{Event, Look, VncServer};
use testkit::{Setup, WebSocket, wait_for, wait_true};

use super::operator::{text, viewer};
use super::{CONF, KEY_A, enter, gateway, get, request};
use crate::support::portway;

const ONE: &str = "auth_basic Desktops; auth_basic_user_file users; vnc_limit desktop=1;
    location / { vnc_pass %TARGET%; }
    location /look/ { vnc_pass %TARGET%; vnc_role view; }
    location /free/ { auth_basic off; vnc_pass %TARGET%; vnc_limit desktop=off; }";

/// `ann:a` and `bob:b`.
const ANN: &str = "Authorization: Basic YW5uOmE=\r\n";
const BOB: &str = "Authorization: Basic Ym9iOmI=\r\n";

#[test]
fn a_machine_for_one_is_told_to_be_in_use_and_can_be_taken_over() {
    let vnc = VncServer::start(Look::default());
    let server = Setup::new(CONF)
        .with("INSIDE", ONE)
        .with("TARGET", vnc.addr())
        .file("users", "ann:{PLAIN}a\nbob:{PLAIN}b\n")
        .start(&portway());
    let fields = format!("{ANN}Sec-WebSocket-Protocol: portway.v1\r\n");
    let mut ann = WebSocket::open(server.addr(), "/", &fields);
    enter(&mut ann);
    ann.send_binary(&KEY_A);
    vnc.wait_event(&Event::Key(1, 0x61));

    let ask = |path: &str, fields: &str| request(&server, "GET", path, fields).text();
    let told = ask("/session", BOB);
    assert_eq!(
        told,
        "{\"status\":\"refused\",\"code\":4409,\"reason\":\"In use by ann.\",\
         \"by\":\"ann\",\"take_over\":true}"
    );
    let told = ask("/look/session?take_over=1", BOB);
    assert!(
        told.contains("4409") && !told.contains("take_over"),
        "{told}"
    );
    assert!(ask("/session?take_over=1", BOB).contains("\"status\":\"ok\""));
    assert!(ask("/look/session", ANN).contains("take_over"), "one's own");
    // A stock page reads it too.
    let mut stock = WebSocket::open(server.addr(), "/", BOB);
    assert_eq!(stock.recv_bytes(12), b"RFB 003.008\n");
    stock.send_binary(b"RFB 003.008\n");
    let reason = b"In use by ann.";
    assert_eq!(stock.recv_bytes(1 + 4 + reason.len())[5..], reason[..]);
    assert_eq!(stock.recv_close().map(|(code, _)| code), Some(4409));
    enter(&mut WebSocket::open(server.addr(), "/free/", ""));

    let mut bob = WebSocket::open(server.addr(), "/?take_over=1", BOB);
    let close = ann.recv_close();
    let words = "bob has taken over this desktop.".to_owned();
    assert_eq!(close, Some((4410, words)));
    ann.send_close(4410, "");
    enter(&mut bob);
    let events = wait_for("the new connection", || {
        let events = vnc.events();
        let inits = events
            .iter()
            .filter(|event| matches!(event, Event::Init(_)));
        (inits.count() == 3).then_some(events)
    });
    let at = |wanted: &Event| events.iter().rposition(|event| event == wanted);
    assert!(
        at(&Event::Key(0, 0x61)) < at(&Event::Init(1)),
        "the old one let go first: {events:?}"
    );
}

#[test]
fn limits_hold_exactly_however_many_come_at_once_and_through_a_reload() {
    let vnc = VncServer::start(Look::default());
    let inside = "vnc_limit all=3; location / { vnc_pass %TARGET%; vnc_limit user=1; }";
    let server = gateway(inside, vnc.addr());
    let addr = server.addr();
    let come = move || {
        let mut socket = WebSocket::open(addr, "/", "");
        socket.recv_bytes(12);
        socket.send_binary(b"RFB 003.008\n");
        let is_in = socket.recv_bytes(1) == [1];
        (socket, is_in)
    };
    let coming: Vec<_> = (0..12).map(|_| std::thread::spawn(come)).collect();
    let mut came: Vec<_> = coming
        .into_iter()
        .map(|viewer| viewer.join().expect("a viewer"))
        .filter(|(_, is_in)| *is_in)
        .collect();
    assert_eq!(came.len(), 3);
    let refused = "There are too many sessions at the moment.";
    assert!(get(&server, "/session").text().contains(refused));
    let inside = format!("{inside} location /new {{ return 204; }}");
    server.reload(&CONF.replace("%INSIDE%", &inside));
    wait_true("the new configuration", || {
        get(&server, "/new").status == 204
    });
    assert!(get(&server, "/session").text().contains(refused));
    came.pop();
    wait_true("a place is free", || {
        get(&server, "/session").text().contains("\"ok\"")
    });
}

#[test]
fn whoever_is_there_still_hears_of_those_who_come() {
    let vnc = VncServer::start(Look::default());
    let inside = "location / { vnc_pass %TARGET%; vnc_limit desktop=2; }";
    let server = gateway(inside, vnc.addr());
    let (mut one, _) = viewer(&server);
    let (_two, _) = viewer(&server);
    assert!(text(&mut one, "presence").contains("\"controller\":null"));
    let mut third = WebSocket::open(server.addr(), "/?take_over=1", "");
    third.recv_bytes(12);
    third.send_binary(b"RFB 003.008\n");
    let close = third.recv_close().map(|(code, _)| code);
    assert_eq!(close, Some(1013), "where two may be, nobody is taken over");
}
