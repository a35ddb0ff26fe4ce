//! Pictures of desktops over HTTP.

use testkit::vnc::{Look, Security, VncServer};
use testkit::{Response, Server, Setup, WebSocket, wait_for};

use super::{CONF, enter, gateway, get, request};
use crate::support::portway;

/// A PNG's size, once it is sure that it is one.
fn size(answer: &Response) -> (u32, u32) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.field("content-type"), Some("image/png"));
    assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
    assert!(answer.body.starts_with(b"\x89PNG\r\n\x1a\n"));
    let number = |at: usize| {
        let bytes = answer.body[at..].first_chunk();
        bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes))
    };
    (number(16), number(20))
}

fn refused(answer: &Response, status: u16, sentence: &str) {
    assert_eq!(answer.status, status);
    assert_eq!(answer.field("content-type"), Some("application/json"));
    assert_eq!(answer.text(), format!("{{\"error\":\"{sentence}\"}}"));
}

#[test]
fn a_screenshot_is_a_png_of_the_screen_as_wide_as_asked_for() {
    let vnc = VncServer::start(Look::default());
    let inside = format!(
        "location /on/ {{ vnc_pass {0}; vnc_screenshot on; }} location /off/ {{ vnc_pass {0}; }}",
        vnc.addr()
    );
    let server = gateway(&inside, "");
    let answer = get(&server, "/on/api/screenshot");
    assert_eq!(size(&answer), (64, 48));
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    assert_eq!(size(&get(&server, "/on/api/screenshot?width=32")), (32, 24));
    assert_eq!(
        size(&get(&server, "/on/api/screenshot?width=900")),
        (64, 48)
    );
    let wrong = get(&server, "/on/api/screenshot?width=0");
    refused(&wrong, 400, "A width is a number of pixels.");
    assert!(vnc.connections() <= 3, "one for all of a second");
    let off = get(&server, "/off/api/screenshot");
    refused(&off, 404, "Screenshots of this desktop are switched off.");
    assert!(
        get(&server, "/on/session")
            .text()
            .contains("\"screenshot\":true")
    );
    assert!(
        get(&server, "/off/session")
            .text()
            .contains("\"screenshot\":false")
    );
}

#[test]
fn pages_of_other_sites_show_no_screenshots() {
    let vnc = VncServer::start(Look::default());
    let inside = format!(
        "vnc_screenshot on; location / {{ vnc_pass {0}; }}
        location /any/ {{ vnc_pass {0}; vnc_origin any; }}",
        vnc.addr()
    );
    let server = gateway(&inside, "");
    let image = "Accept: image/avif,image/webp,*/*\r\n";
    let ask = |path: &str, site: &str, accept: &str| {
        let fields = format!("Sec-Fetch-Site: {site}\r\n{accept}");
        request(&server, "GET", path, &fields).status
    };
    // Images have no Origin.
    for site in ["cross-site", "same-site"] {
        assert_eq!(ask("/api/screenshot", site, image), 403, "{site}");
    }
    assert_eq!(vnc.connections(), 0);
    assert_eq!(ask("/any/api/screenshot", "cross-site", image), 200);
    assert_eq!(ask("/api/screenshot", "same-origin", image), 200);
    let link = "Accept: text/html,image/webp,*/*\r\n";
    assert_eq!(ask("/api/screenshot", "cross-site", link), 200);
}

#[test]
fn a_screenshot_is_refused_as_a_session_is() {
    let vnc = VncServer::start(Look::default());
    let closed = VncServer::start(Look {
        security: Security::Challenge {
            challenge: [7; 16],
            verdict: None,
        },
        ..Look::default()
    });
    let inside = format!(
        "vnc_screenshot on; vnc_log journal; location / {{ vnc_pass {0}; vnc_role $arg_role; }}
        location /tokens/ {{ vnc_token_source file %DIR%/tokens; }}
        location /down/ {{ vnc_pass 127.0.0.1:1; }}
        location /closed/ {{ vnc_pass {1}; }}",
        vnc.addr(),
        closed.addr()
    );
    let server = Setup::new(CONF)
        .with("INSIDE", inside)
        .file("tokens", format!("known: {}\n", vnc.addr()))
        .start(&portway());
    let none = get(&server, "/api/screenshot?role=none");
    refused(&none, 403, "You have no access to this desktop.");
    assert_eq!(size(&get(&server, "/api/screenshot?role=view")), (64, 48));
    let unknown = get(&server, "/tokens/api/screenshot?token=other");
    refused(&unknown, 403, "This link is not valid or has expired.");
    assert_eq!(
        size(&get(&server, "/tokens/api/screenshot?token=known")),
        (64, 48)
    );
    let down = get(&server, "/down/api/screenshot");
    refused(
        &down,
        502,
        "The machine is up, but its desktop does not run.",
    );
    let asks = get(&server, "/closed/api/screenshot");
    refused(
        &asks,
        502,
        "The desktop wants a password, and none is stored for it.",
    );
    let foreign = "Origin: http://evil.example\r\n";
    let foreign = request(&server, "GET", "/api/screenshot?role=view", foreign);
    assert_eq!(foreign.status, 403);
    assert_eq!(
        request(&server, "POST", "/api/screenshot?role=view", "").status,
        405
    );

    assert_noted(&server);
}

/// The journal has every picture and every refusal of the test above.
fn assert_noted(server: &Server) {
    let journal = wait_for("records of the journal", || {
        let text = std::fs::read_to_string(server.files().path().join("journal")).ok()?;
        (text.lines().count() >= 6).then_some(text)
    });
    let seen = journal
        .lines()
        .filter(|line| line.contains("\"width\":64,\"height\":48"));
    assert_eq!(seen.count(), 2, "{journal}");
    for part in [
        "\"event\":\"screenshot\"",
        "\"reason\":\"no-role\"",
        "\"reason\":\"unknown-token\"",
        "\"reason\":\"connection-refused\"",
        "\"reason\":\"no-stored-password\"",
        "\"role\":\"view\"",
    ] {
        assert!(journal.contains(part), "{part} in {journal}");
    }
    assert!(
        !journal.contains("\"known\""),
        "tokens are masked: {journal}"
    );
}

#[test]
fn a_desktop_or_its_location_may_forbid_screenshots() {
    let vnc = VncServer::start(Look::default());
    let conf = CONF.replace(
        "server {",
        "vnc_desktop plain %TARGET%; vnc_desktop shown %TARGET% { vnc_screenshot on; }
        vnc_desktop hidden %TARGET% { vnc_screenshot off; }
        server {",
    );
    let inside = "location /says/ { vnc_wall all; vnc_screenshot on; }
        location /mute/ { vnc_wall all; } location /not/ { vnc_wall all; vnc_screenshot off; }";
    let server = Setup::new(&conf)
        .with("INSIDE", inside)
        .with("TARGET", vnc.addr())
        .start(&portway());
    for (path, status) in [
        ("/says/plain", 200),
        ("/says/shown", 200),
        ("/says/hidden", 404),
        ("/mute/plain", 404),
        ("/mute/shown", 200),
        ("/not/shown", 404),
    ] {
        let answer = get(&server, &format!("{path}/api/screenshot"));
        assert_eq!(answer.status, status, "{path}");
    }
}

const WALL: &str = "vnc_desktop office %TARGET%; server {";

fn wall(thumbnail: &str, vnc: &VncServer) -> Server {
    Setup::new(&CONF.replace("server {", WALL))
        .with(
            "INSIDE",
            format!("location /wall/ {{ vnc_wall all; {thumbnail} vnc_role $arg_role; }}"),
        )
        .with("TARGET", vnc.addr())
        .start(&portway())
}

#[test]
fn the_wall_shows_desktops_that_the_gateway_looks_at_itself() {
    let vnc = VncServer::start(Look {
        size: (960, 600),
        ..Look::default()
    });
    let server = wall("vnc_thumbnail connect interval=1h;", &vnc);
    let path = "/wall/office/api/thumbnail?role=view";
    let list = get(&server, "/wall/api/desktops?role=view").text();
    assert!(list.contains("\"thumbnail\":true"), "{list}");
    assert_eq!(vnc.connections(), 0, "nobody has looked at it yet");
    let answer = get(&server, path);
    assert_eq!(size(&answer), (480, 300));
    let since = answer.field("last-modified").expect("a time");
    let since = format!("If-Modified-Since: {since}\r\n");
    assert_eq!(request(&server, "GET", path, &since).status, 304);
    get(&server, path);
    assert_eq!(vnc.connections(), 1, "once an hour");
    let none = get(&server, "/wall/office/api/thumbnail?role=none");
    refused(&none, 403, "You have no access to this desktop.");
}

#[test]
fn the_wall_shows_desktops_while_somebody_is_there() {
    let vnc = VncServer::start(Look::default());
    let server = wall("vnc_thumbnail live;", &vnc);
    let path = "/wall/office/api/thumbnail?role=view";
    let nothing = get(&server, path);
    refused(&nothing, 404, "There is no picture of this desktop now.");
    let mut socket = WebSocket::open(server.addr(), "/wall/office/websockify?role=view", "");
    enter(&mut socket);
    socket.send_binary(&[3, 0, 0, 0, 0, 0, 0, 64, 0, 48]);
    let picture = wait_for("a picture", || {
        Some(get(&server, path)).filter(|answer| answer.status == 200)
    });
    assert_eq!(size(&picture), (64, 48));
    socket.send_close(1000, "");
    wait_for("the end of the picture", || {
        (get(&server, path).status == 404).then_some(())
    });
    assert_eq!(vnc.connections(), 1, "the person's");
}

#[test]
fn without_a_word_there_is_no_thumbnail() {
    let vnc = VncServer::start(Look::default());
    let server = wall("", &vnc);
    let nothing = get(&server, "/wall/office/api/thumbnail?role=view");
    refused(&nothing, 404, "There is no picture of this desktop now.");
    let list = get(&server, "/wall/api/desktops?role=view").text();
    assert!(list.contains("\"thumbnail\":false"), "{list}");
    assert_eq!(vnc.connections(), 0);
}
