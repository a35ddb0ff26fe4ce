//! The journal of sessions, and what the access log says of them.

use testkit::vnc::{Event, Look, VncServer};
use testkit::{Server, Setup, WebSocket, wait_for, wait_true};

use super::operator::{post, viewer};
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
    let journal_path = server.files().path().join("journal");
    std::fs::rename(&journal_path, server.files().path().join("journal.1")).expect("a rename");
    server.reload(&conf.replace(
        "location /quiet/",
        "location /new { return 204; } location /quiet/",
    ));
    wait_true("the new configuration", || {
        get(&server, "/new").status == 204
    });
    server.signal(rustix::process::Signal::USR1);
    wait_true("a new journal", || journal_path.exists());
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
