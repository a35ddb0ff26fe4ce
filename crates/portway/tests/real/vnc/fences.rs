//! `vnc_allow` and `vnc_deny`: where tokens and variables may lead.

use testkit::vnc::{Look, VncServer};
use testkit::{Server, Setup, Upstream, WebSocket};

use super::{enter, get};
use crate::support::portway;

const FENCED: &str = "This gateway may not connect to that machine.";

fn told(server: &Server, path: &str) -> (u16, String) {
    let mut socket = WebSocket::open(server.addr(), path, "");
    socket.recv_bytes(12);
    socket.send_binary(b"RFB 003.008\n");
    socket.recv_close().expect("a close frame with its reason")
}

#[test]
fn tokens_and_variables_lead_where_they_may() {
    let vnc = VncServer::start(Look::default());
    let port = vnc.addr().port();
    let inside = "location /files/ { vnc_token_source file tokens; }
        location /narrow/ { vnc_token_source file tokens; vnc_allow 10.0.0.0/8; vnc_deny all; }
        location /map/ { vnc_pass $target; vnc_deny 127.0.0.1; vnc_allow all; }
        location /spelt/ { vnc_pass %TARGET%; vnc_deny all; }
        location /word/ { vnc_pass $target; vnc_deny all; vnc_allow 127.0.0.1; }";
    let server = Setup::new(
        "events { } http { map $arg_to $target { here %TARGET%; meta 169.254.169.254:80; }
         server { listen 127.0.0.1:%PORT%; %INSIDE% } }",
    )
    .with("INSIDE", inside)
    .with("TARGET", vnc.addr())
    .file(
        "tokens",
        format!("t: 127.0.0.1:{port}\nmeta: 169.254.169.254:80\n"),
    )
    .start(&portway());
    for path in ["/files/?token=t", "/spelt/"] {
        enter(&mut WebSocket::open(server.addr(), path, ""));
    }
    for path in [
        "/files/?token=meta",
        "/narrow/?token=t",
        "/map/?to=here",
        "/map/?to=meta",
        "/word/?to=here",
    ] {
        assert_eq!(told(&server, path), (4403, FENCED.into()), "{path}");
    }
    let forecast = get(&server, "/narrow/session?token=t").text();
    assert!(
        forecast.contains("\"code\":4403") && !forecast.contains("127.0.0.1"),
        "{forecast}"
    );
    server.wait_error_log("169.254.169.254:80 may not be reached here (see \"vnc_allow\")");
}

/// A name leads nowhere that its address could not.
#[test]
fn the_address_that_a_name_has_is_what_counts() {
    let vnc = VncServer::start(Look::default());
    let port = vnc.addr().port();
    let inside =
        "location /a/ { vnc_token_source file tokens; vnc_deny 127.0.0.0/8; vnc_deny ::1; }
        location /b/ { vnc_token_source file tokens; }";
    let server = Setup::new("events { } http { server { listen 127.0.0.1:%PORT%; %INSIDE% } }")
        .with("INSIDE", inside)
        .file("tokens", format!("t: localhost:{port}\n"))
        .start(&portway());
    enter(&mut WebSocket::open(server.addr(), "/b/?token=t", ""));
    assert_eq!(told(&server, "/a/?token=t"), (4403, FENCED.into()));
    let line = server.wait_error_log("reason=fenced");
    assert!(line.contains("which may not be reached"), "{line}");
}

/// What a service says leads to this machine only where that was said to be right.
#[test]
fn a_service_leads_to_this_machine_only_by_an_explicit_word() {
    let vnc = VncServer::start(Look::default());
    let port = vnc.addr().port();
    let service = Upstream::serving(move |peer| {
        while peer.read_head().is_some() {
            let body = format!("{{\"host\":\"127.0.0.1\",\"port\":{port}}}");
            let length = body.len();
            peer.send(
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes(),
            );
        }
    });
    let asked = service.addr();
    let inside = format!(
        "location /no/ {{ vnc_token_source http http://{asked}/%s; vnc_allow all; }}
         location /yes/ {{ vnc_token_source http http://{asked}/%s; vnc_allow 127.0.0.1; }}"
    );
    let server = Setup::new("events { } http { server { listen 127.0.0.1:%PORT%; %INSIDE% } }")
        .with("INSIDE", inside)
        .start(&portway());
    assert_eq!(told(&server, "/no/?token=t"), (4403, FENCED.into()));
    enter(&mut WebSocket::open(server.addr(), "/yes/?token=t", ""));
}
