//! What an operator sees of live sessions and does with them: details, words, control, metrics.

use testkit::vnc::{Event, Look, VncServer};
use testkit::ws::Message;
use testkit::{Response, Server, WebSocket, wait_for, wait_true};

use super::{KEY_A, enter, gateway, get};

const INSIDE: &str = "location / { vnc_pass %TARGET%; vnc_title Lab; }
    location /sessions/ { vnc_status; }
    location /look/ { vnc_status; vnc_role view; }
    location /help/ { vnc_status; vnc_role control; }
    location /closed/ { vnc_status; vnc_role none; }";

/// Posts a form.
pub(super) fn post(server: &Server, path: &str, form: &str) -> Response {
    let mut conn = server.connect();
    let addr = server.addr();
    let length = form.len();
    conn.send(format!(
        "POST {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{form}"
    ));
    conn.response()
}

/// A viewer with a page that understands texts, and its session's name.
pub(super) fn viewer(server: &Server) -> (WebSocket, String) {
    let fields = "Sec-WebSocket-Protocol: portway.v1, binary\r\n";
    let mut socket = WebSocket::open(server.addr(), "/", fields);
    enter(&mut socket);
    let presence = text(&mut socket, "presence");
    let id = field(&presence, "you").expect("its own name");
    (socket, id)
}

/// The next text of that type.
pub(super) fn text(socket: &mut WebSocket, kind: &str) -> String {
    loop {
        match socket.recv() {
            Message::Text(text) if field(&text, "type").as_deref() == Some(kind) => return text,
            Message::Text(_) | Message::Binary(_) => {}
            other => panic!("{other:?} in place of a text of type {kind}"),
        }
    }
}

/// The first value of that name, if it is a text.
pub(super) fn field(json: &str, name: &str) -> Option<String> {
    let rest = json.split_once(&format!("\"{name}\":\""))?.1;
    rest.split('"').next().map(str::to_owned)
}

pub(super) fn viewers(presence: &str) -> usize {
    presence.matches("\"since\"").count()
}

#[test]
fn a_session_tells_all_that_is_known_of_it() {
    let vnc = VncServer::start(Look::default());
    let server = gateway(INSIDE, vnc.addr());
    let (mut socket, id) = viewer(&server);
    socket.send_binary(&KEY_A);
    vnc.wait_event(&Event::Key(1, 0x61));
    let path = format!("/sessions/sessions/{id}.json");
    let told = get(&server, &path);
    assert_eq!(told.field("cache-control"), Some("no-store"));
    let told = told.text();
    for part in [
        "\"title\":\"Lab\"",
        "\"role\":\"control\"",
        "\"level\":0",
        "\"controls\":true",
        "\"last_input_s\":0",
        "\"messages_up\":1",
        "\"policy\":{\"clipboard_in\":true,",
        "\"tcp\":{\"viewer\":{\"rtt_ms\":",
        "\"server\":{\"rtt_ms\":",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    socket.send_close(1000, "");
    socket.recv_close();
    wait_true("it is over", || get(&server, &path).status == 404);
    let over = get(&server, &path).text();
    assert_eq!(over, "{\"error\":\"This session is over.\"}");
    assert_eq!(get(&server, "/sessions/sessions/x.json").status, 404);
}

#[test]
fn words_of_an_operator_are_shown_and_end_a_session() {
    let vnc = VncServer::start(Look::default());
    let server = gateway(INSIDE, vnc.addr());
    let (mut socket, id) = viewer(&server);
    let mut stock = WebSocket::open(server.addr(), "/", "");
    enter(&mut stock);
    let form = format!("id={id}&text=Lunch+at+noon%3A+%22soup%22");
    assert_eq!(post(&server, "/sessions/message", &form).status, 200);
    let message = text(&mut socket, "message");
    assert_eq!(
        message,
        "{\"type\":\"message\",\"from\":\"an operator\",\"text\":\"Lunch at noon: \\\"soup\\\"\"}"
    );
    let told = post(&server, "/sessions/message", "all=1&text=hello").text();
    assert!(told.contains("\"told\":1"), "stock pages show none: {told}");
    text(&mut socket, "message");
    let nothing = post(&server, "/sessions/message", &format!("id={id}"));
    assert_eq!(nothing.status, 400);
    let long = format!("id={id}&text={}", "a".repeat(1001));
    assert_eq!(post(&server, "/sessions/message", &long).status, 400);

    let form = format!("id={id}&message=%E4%BD%A0%E5%A5%BD");
    assert_eq!(post(&server, "/sessions/cut", &form).status, 200);
    assert_eq!(socket.recv_close(), Some((4410, "你好".to_owned())));
}

#[test]
fn a_role_decides_what_may_be_done_with_sessions() {
    let vnc = VncServer::start(Look::default());
    let server = gateway(INSIDE, vnc.addr());
    let (mut socket, id) = viewer(&server);
    let id = format!("id={id}");
    let words = format!("{id}&text=a");
    let take = format!("{id}&do=take");
    for (folder, list, message, control, cut) in [
        ("/closed", 403, 403, 403, 403),
        ("/look", 200, 403, 403, 403),
        ("/help", 200, 200, 403, 403),
        ("/sessions", 200, 200, 200, 200),
    ] {
        let got = get(&server, &format!("{folder}/sessions.json"));
        assert_eq!(got.status, list, "{folder}");
        for (what, form, expected) in [
            ("message", &words, message),
            ("control", &take, control),
            ("cut", &id, cut),
        ] {
            let got = post(&server, &format!("{folder}/{what}"), form);
            assert_eq!(got.status, expected, "{folder}/{what}: {}", got.text());
        }
    }
    let role = get(&server, "/look/sessions.json").text();
    assert!(role.starts_with("{\"role\":\"view\","), "{role}");
    assert_eq!(socket.recv_close().map(|(code, _)| code), Some(4410));
}

#[test]
fn those_at_one_desktop_see_each_other_through_a_reload() {
    let vnc = VncServer::start(Look::default());
    let server = gateway(INSIDE, vnc.addr());
    let (mut ann, ann_id) = viewer(&server);
    let (mut bob, bob_id) = viewer(&server);
    assert_eq!(viewers(&text(&mut ann, "presence")), 2);
    server.reload(&super::CONF.replace(
        "%INSIDE%",
        &format!("{INSIDE} location /new {{ return 204; }}"),
    ));
    wait_true("the new configuration", || {
        get(&server, "/new").status == 204
    });
    bob.send_text("{\"type\":\"control\",\"do\":\"take\"}");
    for socket in [&mut ann, &mut bob] {
        let presence = text(socket, "presence");
        assert_eq!(field(&presence, "controller"), Some(bob_id.clone()));
    }
    ann.send_text("{\"type\":\"control\",\"do\":\"take\"}");
    let refused = text(&mut ann, "control");
    assert_eq!(field(&refused, "state").as_deref(), Some("refused"));
    let order = |id: &str, what: &str| {
        post(&server, "/sessions/control", &format!("id={id}&do={what}")).status
    };
    assert_eq!(order(&ann_id, "take"), 200);
    let presence = text(&mut bob, "presence");
    assert_eq!(field(&presence, "controller"), Some(ann_id.clone()));
    assert_eq!(order(&ann_id, "rule"), 400);
    assert_eq!(order("1", "take"), 404);
    assert_eq!(order(&bob_id, "free"), 200);
    let presence = text(&mut bob, "presence");
    assert!(presence.contains("\"controller\":null"), "{presence}");
    drop(ann);
    let presence = text(&mut bob, "presence");
    assert_eq!(viewers(&presence), 1, "{presence}");
}

#[test]
fn who_loses_control_lets_go_of_keys_and_only_watches() {
    let vnc = VncServer::start(Look::default());
    let server = gateway(INSIDE, vnc.addr());
    let (mut ann, _) = viewer(&server);
    ann.send_binary(&KEY_A);
    vnc.wait_event(&Event::Key(1, 0x61));
    let (mut bob, bob_id) = viewer(&server);
    bob.send_text("{\"type\":\"control\",\"do\":\"take\"}");
    vnc.wait_event(&Event::Key(0, 0x61));
    let policy = text(&mut ann, "policy");
    assert!(policy.contains("\"view_only\":true"), "{policy}");
    let told = get(&server, "/sessions/sessions.json").text();
    assert_eq!(told.matches("\"controls\":true").count(), 1, "{told}");
    // Her keys go nowhere, and his do.
    let key = |sym: u8| [4, 1, 0, 0, 0, 0, 0, sym];
    ann.send_binary(&key(0x62));
    bob.send_binary(&key(0x63));
    vnc.wait_event(&Event::Key(1, 0x63));
    assert!(!vnc.events().contains(&Event::Key(1, 0x62)));
    let free = format!("id={bob_id}&do=free");
    assert_eq!(post(&server, "/sessions/control", &free).status, 200);
    let policy = text(&mut ann, "policy");
    assert!(policy.contains("\"view_only\":false"), "{policy}");
    ann.send_binary(&key(0x64));
    vnc.wait_event(&Event::Key(1, 0x64));
}

#[test]
fn metrics_count_what_was_and_what_is() {
    let vnc = VncServer::start(Look::default());
    let server = gateway(INSIDE, vnc.addr());
    let (mut socket, _) = viewer(&server);
    socket.send_binary(&KEY_A);
    vnc.wait_event(&Event::Key(1, 0x61));
    let metrics = get(&server, "/sessions/metrics");
    let kind = metrics.field("content-type").unwrap_or_default();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let metrics = metrics.text();
    for line in [
        "portway_vnc_sessions{state=\"connected\"} 1",
        "portway_vnc_sessions_started_total 1",
        "portway_vnc_bytes_total{direction=\"from_viewer\"} 8",
        "portway_vnc_input_delay_seconds_count 1",
        "portway_vnc_handshake_seconds_count 1",
    ] {
        assert!(metrics.lines().any(|is| is == line), "{line} in {metrics}");
    }
    socket.send_close(1000, "");
    socket.recv_close();
    let after = wait_for("the end is counted", || {
        let metrics = get(&server, "/sessions/metrics").text();
        let line = "portway_vnc_sessions_ended_total{reason=\"viewer-closed\"} 1";
        metrics.contains(line).then_some(metrics)
    });
    assert!(
        after.contains("portway_vnc_bytes_total{direction=\"from_viewer\"} 8\n"),
        "what was moved stays counted: {after}"
    );
}

#[test]
fn a_graceful_end_with_a_limit_is_told_before() {
    let vnc = VncServer::start(Look::default());
    let inside = "location / { vnc_pass %TARGET%; }";
    let server = testkit::Setup::new(&format!("worker_shutdown_timeout 3s; {}", super::CONF))
        .with("INSIDE", inside)
        .with("TARGET", vnc.addr())
        .start(&crate::support::portway());
    let (mut socket, _) = viewer(&server);
    server.signal(rustix::process::Signal::QUIT);
    let warning = text(&mut socket, "warning");
    assert_eq!(
        warning,
        "{\"type\":\"warning\",\"reason\":\"restart\",\"seconds\":3}"
    );
    assert_eq!(socket.recv_close().map(|(code, _)| code), Some(1012));
}
