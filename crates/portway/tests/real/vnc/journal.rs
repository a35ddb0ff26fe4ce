//! The journal of sessions, and what the access log says of them.

use testkit::vnc::{Event, Look, VncServer};
use testkit::{Server, Setup, WebSocket, wait_for, wait_true};

use super::operator::{field, post, text, viewer};
use super::{CONF, KEY_A, enter, get};
use crate::support::portway;

const INSIDE: &str = "vnc_log journal; access_log access.log late;
    location / { vnc_pass %TARGET%; vnc_title Lab; }
    location /vm/ { vnc_token_source file %DIR%/tokens; vnc_log other; }
    location /quiet/ { vnc_pass %TARGET%; vnc_log off; }
    location /sessions/ { vnc_status; }";

/// A gateway with journals, and its configuration.
fn start(vnc: &VncServer) -> (Server, String) {
    let conf = CONF.replace("%INSIDE%", INSIDE).replace(
        "access_log access.log vnc;",
        "log_format late '$uri|$vnc_reason|$vnc_bytes_received|$vnc_bytes_sent|$vnc_rtt';",
    );
    let server = Setup::new(&conf)
        .with("TARGET", vnc.addr())
        .file("tokens", format!("secret-token: {}\n", vnc.addr()))
        .start(&portway());
    (server, conf)
}

/// The records of a journal, once there are so many.
fn journal(server: &Server, name: &str, count: usize) -> Vec<String> {
    wait_for("records of the journal", || {
        let text = server.files().read(name);
        let records: Vec<String> = text.lines().map(str::to_owned).collect();
        (records.len() == count).then_some(records)
    })
}

#[test]
fn a_journal_has_the_start_and_the_end_of_every_session() {
    let vnc = VncServer::start(Look::default());
    let (server, conf) = start(&vnc);
    enter(&mut WebSocket::open(server.addr(), "/quiet/", ""));
    let (mut socket, id) = viewer(&server);
    socket.send_binary(&KEY_A);
    vnc.wait_event(&Event::Key(1, 0x61));
    let [start] = journal(&server, "journal", 1)
        .try_into()
        .expect("one record");
    for part in [
        "{\"event\":\"start\",\"time\":\"20",
        &format!("\"id\":\"{id}\""),
        "\"client\":\"127.0.0.1\"",
        "\"role\":\"control\"",
        &format!("\"target\":\"{}\"", vnc.addr()),
    ] {
        assert!(start.contains(part), "{part} in {start}");
    }
    // A journal that was moved away is begun anew, also by those who are there already.
    for name in ["journal", "access.log"] {
        let path = server.files().path().join(name);
        std::fs::rename(&path, path.with_extension("1")).expect("a rename");
    }
    server.reload(&conf.replace(
        "location /quiet/",
        "location /new { return 204; } location /quiet/",
    ));
    wait_true("the new configuration", || {
        get(&server, "/new").status == 204
    });
    server.signal(rustix::process::Signal::USR1);
    // The files are there before the worker writes to them.
    wait_true("new logs that are written to", || {
        get(&server, "/new");
        !server.files().read("access.log").is_empty()
    });
    let form = format!("id={id}&message=noon");
    assert_eq!(post(&server, "/sessions/cut", &form).status, 200);
    assert_eq!(socket.recv_close().map(|(code, _)| code), Some(4410));
    socket.send_close(4410, "");
    let [end] = journal(&server, "journal", 1)
        .try_into()
        .expect("one record");
    for part in [
        "{\"event\":\"end\",",
        &format!("\"id\":\"{id}\""),
        "\"reason\":\"cut\",\"words\":\"noon\"",
        "\"cut_by\":\"an operator\"",
        "\"bytes_up\":8,",
    ] {
        assert!(end.contains(part), "{part} in {end}");
    }
    wait_for("the line of the access log", || {
        let log = server.files().read("access.log");
        let line = log.lines().find(|line| line.starts_with("/|"))?.to_owned();
        assert!(line.starts_with("/|cut|8|0|"), "{line}");
        Some(())
    });
}

/// What is said of each thing that is done there.
const DEEDS: [&[&str]; 7] = [
    &["\"event\":\"start\""],
    &[
        "\"event\":\"message\"",
        "\"by\":\"ann\",\"text\":\"tea \\\"soon\\\"\",\"shown\":true",
    ],
    &["\"event\":\"message\"", "\"text\":\"noon\""],
    &[
        "\"event\":\"control\"",
        "\"what\":\"take\",\"by\":\"ann\"",
        "\"controller\":\"",
    ],
    &[
        "\"event\":\"control\"",
        "\"what\":\"release\",\"controller\":null",
    ],
    &["\"event\":\"link-made\"", "\"expires\":"],
    &["\"event\":\"link-ended\"", "\"cut\":0"],
];

/// What people do to a session stands between its start and its end.
#[test]
fn a_journal_has_words_control_and_links() {
    let vnc = VncServer::start(Look::default());
    let inside = "vnc_log journal; vnc_links on;
        location / { vnc_pass %TARGET%; vnc_title Lab; auth_basic x; auth_basic_user_file users; }
        location /sessions/ { vnc_status; auth_basic x; auth_basic_user_file users; }";
    let server = Setup::new(CONF)
        .with("INSIDE", inside)
        .with("TARGET", vnc.addr())
        .file("users", "ann:{PLAIN}a\n")
        .start(&portway());
    // `ann:a`
    let ann = "Authorization: Basic YW5uOmE=\r\n";
    let fields = format!("Sec-WebSocket-Protocol: portway.v1\r\n{ann}");
    let mut socket = WebSocket::open(server.addr(), "/", &fields);
    enter(&mut socket);
    let id = field(&text(&mut socket, "presence"), "you").expect("its own name");
    let post = |path: &str, form: &str| {
        let mut conn = server.connect();
        let (addr, length) = (server.addr(), form.len());
        conn.send(format!(
            "POST {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{ann}\
             Content-Length: {length}\r\n\r\n{form}"
        ));
        let answer = conn.response();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.text()
    };
    post("/sessions/message", &format!("id={id}&text=tea+%22soon%22"));
    post("/sessions/message", "all=1&text=noon");
    post("/sessions/control", &format!("id={id}&do=take"));
    socket.send_text("{\"type\":\"control\",\"do\":\"release\"}");
    wait_true("control is released", || {
        server
            .files()
            .read("journal")
            .contains("\"what\":\"release\"")
    });
    let made = post("/api/links", "minutes=5");
    let link = field(&made, "id").expect("a name");
    post("/api/links/revoke", &format!("id={link}"));
    let records = journal(&server, "journal", 7);
    for (at, (record, parts)) in records.iter().zip(DEEDS).enumerate() {
        let name = if at < 5 { &id } else { &link };
        let who = ["\"user\":\"ann\"", "\"title\":\"Lab\"", name];
        for part in parts.iter().copied().chain(who) {
            assert!(record.contains(part), "{part} in {record}");
        }
    }
    let secret = field(&made, "url").expect("a link");
    let secret = secret.trim_start_matches("?link=");
    assert!(!records.concat().contains(secret), "it opens nothing");
}

#[test]
fn a_refused_session_is_in_the_journal_of_its_location_only() {
    let vnc = VncServer::start(Look::default());
    let (server, _) = start(&vnc);
    let mut refused = WebSocket::open(server.addr(), "/vm/?token=another-token", "");
    refused.send_binary(b"RFB 003.008\n");
    refused.recv_close();
    let [record] = journal(&server, "other", 1).try_into().expect("one record");
    assert!(
        record.contains("\"event\":\"refused\"") && record.contains("\"anot***\""),
        "{record}"
    );
    assert!(!record.contains("another-token"), "{record}");
    assert_eq!(server.files().read("journal"), "", "it is in no other");
}
