//! `vnc_status`: the list of live sessions, and a way to end one.

use testkit::vnc::{Look, VncServer};
use testkit::{Response, Server, Setup, WebSocket, wait_true};

use super::{CONF, enter, gateway, get, request};
use crate::support::portway;

const INSIDE: &str = "location / { vnc_pass %TARGET%; vnc_title Lab; }
    location /sessions/ { vnc_status; }";

fn cut(server: &Server, form: &str, fields: &str) -> Response {
    let mut conn = server.connect();
    let addr = server.addr();
    let length = form.len();
    conn.send(format!(
        "POST /sessions/cut HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n{fields}\r\n{form}"
    ));
    conn.response()
}

fn list(server: &Server) -> String {
    let answer = get(server, "/sessions/sessions.json");
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    assert_eq!(answer.field("content-type"), Some("application/json"));
    answer.text()
}

#[test]
fn a_live_session_is_listed_and_can_be_cut() {
    let vnc = VncServer::start(Look::default());
    let server = gateway(INSIDE, vnc.addr());
    let empty = "{\"role\":\"admin\",\"user\":null,\"sign_out\":false,\"sessions\":[]}";
    assert_eq!(list(&server), empty);
    let mut socket = WebSocket::open(server.addr(), "/", "");
    enter(&mut socket);
    let mut other = WebSocket::open(server.addr(), "/", "");
    enter(&mut other);
    let listed = list(&server);
    for field in [
        "\"client\":\"127.0.0.1\"",
        "\"desktop\":\"Lab\"",
        "\"connected\":true",
        "\"view_only\":false",
        "\"last_input_s\":null",
    ] {
        assert_eq!(listed.matches(field).count(), 2, "{field} in {listed}");
    }
    assert!(
        listed.contains(&format!("\"target\":\"{}\"", vnc.addr())),
        "{listed}"
    );
    let id = listed
        .split("\"id\":\"")
        .nth(1)
        .and_then(|rest| rest.get(..32));
    let id = id.expect("a name of 32 digits");
    assert_eq!(cut(&server, &format!("a=b&id={id}"), "").status, 200);
    let (code, reason) = socket.recv_close().expect("a close frame with its reason");
    assert_eq!(
        (code, reason.as_str()),
        (4410, "An operator ended the session.")
    );
    socket.send_close(code, "");
    wait_true("one session is left", || {
        list(&server).matches("\"id\"").count() == 1
    });
    other.send_ping(b"still here");
    other.recv();
    wait_true("a cut session is unknown", || {
        cut(&server, &format!("id={id}"), "").status == 404
    });
    let line = server.wait_error_log("reason=cut");
    assert!(line.contains("[notice]") && line.contains(id), "{line}");
}

/// Whoever was cut is told so at the next attempt, too: pages that drop close codes show it then.
#[test]
fn a_cut_session_s_token_is_held_for_a_while() {
    let vnc = VncServer::start(Look::default());
    let inside = "location /vm/ { vnc_token_source file %DIR%/tokens; vnc_cut_hold 1s; }
        location /sessions/ { vnc_status; }";
    let target = vnc.addr();
    let server = Setup::new(CONF)
        .with("INSIDE", inside)
        .file("tokens", format!("one: {target}\ntwo: {target}\n"))
        .start(&portway());
    let mut socket = WebSocket::open(server.addr(), "/vm/?token=one", "");
    enter(&mut socket);
    let listed = list(&server);
    let id = listed
        .split("\"id\":\"")
        .nth(1)
        .and_then(|rest| rest.get(..32));
    let form = format!("id={}", id.expect("a name of 32 digits"));
    assert_eq!(cut(&server, &form, "").status, 200);
    assert_eq!(socket.recv_close().map(|(code, _)| code), Some(4410));
    let forecast = |token: &str| get(&server, &format!("/vm/session?token={token}")).text();
    assert!(forecast("one").contains("\"code\":4410"));
    assert!(forecast("two").contains("\"status\":\"ok\""));
    let mut again = WebSocket::open(server.addr(), "/vm/?token=one", "");
    again.recv_bytes(12);
    again.send_binary(b"RFB 003.008\n");
    let (code, reason) = again.recv_close().expect("a close frame with its reason");
    assert_eq!(
        (code, reason.as_str()),
        (4410, "An operator ended the session.")
    );
    wait_true("the hold ends", || {
        forecast("one").contains("\"status\":\"ok\"")
    });
}

#[test]
fn only_a_form_of_the_same_site_cuts() {
    let vnc = VncServer::start(Look::default());
    let server = gateway(INSIDE, vnc.addr());
    let mut socket = WebSocket::open(server.addr(), "/", "");
    enter(&mut socket);
    let listed = list(&server);
    let id = listed
        .split("\"id\":\"")
        .nth(1)
        .and_then(|rest| rest.get(..32));
    let form = format!("id={}", id.expect("a name of 32 digits"));
    assert_eq!(
        cut(&server, &form, "Origin: http://evil.example\r\n").status,
        403
    );
    assert_eq!(
        cut(&server, &form, "Sec-Fetch-Site: cross-site\r\n").status,
        403
    );
    assert_eq!(
        cut(&server, &form, "Sec-Fetch-Site: same-site\r\n").status,
        403
    );
    assert_eq!(cut(&server, "id=no-name", "").status, 400);
    assert_eq!(cut(&server, "", "").status, 400);
    assert_eq!(
        cut(&server, &format!("{form}{}", "&".repeat(5000)), "").status,
        413
    );
    assert_eq!(get(&server, "/sessions/cut").status, 405);
    assert_eq!(list(&server).matches("\"id\"").count(), 1, "it lives");
    // Behind a proxy that changes the host, the browser still vouches for its page.
    let fields = "Origin: http://outside.example\r\nSec-Fetch-Site: same-origin\r\n";
    assert_eq!(cut(&server, &form, fields).status, 200);
}

#[test]
fn the_page_of_sessions_is_served_with_its_files_only() {
    let server = gateway("location /sessions/ { vnc_status; }", "");
    assert_eq!(get(&server, "/sessions").status, 301);
    let page = get(&server, "/sessions/");
    assert_eq!(page.status, 200);
    let page = page.text();
    let asset = page.split('"').find(|text| text.starts_with("assets/"));
    let asset = asset.expect("a link to a file of the page");
    assert_eq!(get(&server, &format!("/sessions/{asset}")).status, 200);
    assert_eq!(get(&server, "/sessions/vnc.html").status, 404);
    let posted = request(
        &server,
        "POST",
        "/sessions/sessions.json",
        "Content-Length: 0\r\n",
    );
    assert_eq!(posted.status, 405);
}
