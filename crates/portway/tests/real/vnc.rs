//! Locations of desktops: their pages, the handshake, tokens and passwords, the list of sessions.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rustix::process::Signal;
use testkit::vnc::{Event, Look, Security, VncServer};
use testkit::{Conn, Response, Server, Setup, WebSocket, wait_for, wait_true};

use crate::support::portway;

mod desktops;
mod far;
mod faults;
mod fences;
mod followed;
mod journal;
mod judged;
mod limits;
mod links;
mod login;
mod meanwhile;
mod operator;
mod pictures;
mod redis;
mod roles;
mod services;
mod status;
mod tickets;
mod watch;
mod websockify;

const CONF: &str = "events { } http {
    log_format vnc '$request|$status|$body_bytes_sent|$vnc_session|$vnc_target|$http_referer';
    access_log access.log vnc;
    server { listen 127.0.0.1:%PORT%; %INSIDE% } }";

fn gateway(inside: &str, target: impl ToString) -> Server {
    Setup::new(CONF)
        .with("INSIDE", inside)
        .with("TARGET", target)
        .start(&portway())
}

fn request(server: &Server, method: &str, path: &str, fields: &str) -> Response {
    let mut conn = server.connect();
    let addr = server.addr();
    conn.send(format!(
        "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{fields}\r\n"
    ));
    conn.response_to(method)
}

fn get(server: &Server, path: &str) -> Response {
    request(server, "GET", path, "")
}

/// Shakes hands as a viewer of RFB 3.8 that is offered type None, and gives the desktop's name.
pub fn enter(socket: &mut WebSocket) -> String {
    assert_eq!(socket.recv_bytes(12), b"RFB 003.008\n");
    socket.send_binary(b"RFB 003.008\n");
    assert_eq!(socket.recv_bytes(2), [1, 1]);
    socket.send_binary(&[1]);
    assert_eq!(socket.recv_bytes(4), [0; 4]);
    socket.send_binary(&[0]);
    let init = socket.recv_bytes(24);
    let length = u32::from_be_bytes([init[20], init[21], init[22], init[23]]) as usize;
    String::from_utf8(socket.recv_bytes(length)).expect("a name in UTF-8")
}

const KEY_A: [u8; 8] = [4, 1, 0, 0, 0, 0, 0, 0x61];

#[test]
fn the_viewer_is_served_below_any_path() {
    let inside = "location /lab/ { vnc_pass 127.0.0.1:1; }
        location ~ ^/vm/(?<vm>\\w+)/ { vnc_pass 127.0.0.1:1; }";
    let server = gateway(inside, "");
    let slash = get(&server, "/lab?token=a");
    assert_eq!(slash.status, 301);
    let location = slash.field("location").unwrap_or_default().to_owned();
    assert!(location.ends_with("/lab/?token=a"), "{location}");
    let page = get(&server, "/lab/").text();
    for path in [
        "/lab/vnc.html?autoconnect=1",
        "/lab/vnc_lite.html",
        "/vm/one/",
    ] {
        assert_eq!(get(&server, path).text(), page, "{path}");
    }
    let asset = page.split('"').find(|text| text.starts_with("assets/"));
    let asset = asset.expect("a link to a file of the page");
    for folder in ["/lab/", "/vm/one/"] {
        let file = get(&server, &format!("{folder}{asset}"));
        assert_eq!(file.status, 200, "{folder}{asset}");
        let keep = file.field("cache-control").unwrap_or_default();
        assert!(keep.contains("immutable"), "{keep}");
    }
    for path in [
        "/lab/status.html",
        "/lab/nothing",
        "/lab/assets/",
        "/lab/assets/../x",
    ] {
        assert_eq!(get(&server, path).status, 404, "{path}");
    }
    assert_eq!(
        request(&server, "POST", "/lab/", "Content-Length: 0\r\n").status,
        405
    );
}

#[test]
fn pages_are_sent_once_and_short() {
    let server = gateway("location / { vnc_pass 127.0.0.1:1; }", "");
    let plain = get(&server, "/");
    assert_eq!(plain.field("cache-control"), Some("no-cache"));
    assert_eq!(plain.field("vary"), Some("Accept-Encoding"));
    let short = request(&server, "GET", "/", "Accept-Encoding: gzip, br\r\n");
    assert_eq!(short.field("content-encoding"), Some("br"));
    assert!(short.body.len() < plain.body.len());
    let tags = [&plain, &short].map(|page| page.field("etag").unwrap_or_default().to_owned());
    assert_ne!(tags[0], tags[1], "each form has its own tag");
    let fields = format!("Accept-Encoding: br\r\nIf-None-Match: {}\r\n", tags[1]);
    assert_eq!(request(&server, "GET", "/", &fields).status, 304);
    let head = request(&server, "HEAD", "/", "");
    let length = head.field("content-length").map(str::to_owned);
    assert_eq!(length, Some(plain.body.len().to_string()));
    assert!(head.body.is_empty());
}

#[test]
fn the_viewer_may_ask_what_it_would_meet_without_a_visit_to_the_machine() {
    let vnc = VncServer::start(Look::default());
    let inside = "location /vm/ { vnc_token_source file %DIR%/tokens; vnc_title \"Büro <$arg_a>\";
        vnc_view_only $arg_watch; }";
    let server = Setup::new(CONF)
        .with("INSIDE", inside)
        .file("tokens", format!("known: {}\n", vnc.addr()))
        .start(&portway());
    let ask = |query: &str, fields: &str| {
        let fields = format!("Content-Length: 0\r\n{fields}");
        let answer = request(&server, "POST", &format!("/vm/session{query}"), &fields);
        assert_eq!(answer.field("cache-control"), Some("no-store"));
        answer.text()
    };
    let answer = ask("?token=known&a=1", "");
    for told in [
        "{\"status\":\"ok\",\"title\":\"Büro <1>\",",
        "\"role\":\"control\",\"view_only\":false,",
    ] {
        assert!(answer.contains(told), "{told} in {answer}");
    }
    assert_eq!(get(&server, "/vm/session?token=known&a=1").text(), answer);
    assert!(ask("?token=known&watch=yes", "").contains("\"view_only\":true"));
    assert!(ask("?token=other", "").contains("\"code\":4401"));
    assert!(ask("", "").contains("\"code\":4401"));
    let foreign = ask("?token=known", "Origin: http://evil.example\r\n");
    assert!(foreign.contains("\"code\":4403"), "{foreign}");
    assert_eq!(vnc.connections(), 0);
}

#[test]
fn an_upgrade_that_is_none_is_told_what_it_lacks() {
    let server = gateway("location / { vnc_pass 127.0.0.1:1; }", "");
    let refused = |from: &str, to: &str| {
        let whole = "GET /x HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: keep-alive, \
                     Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        assert!(whole.contains(from));
        let mut conn = server.connect();
        let answer = conn.send(whole.replacen(from, to, 1)).response();
        (answer.status, answer.text())
    };
    let whole = refused("GET", "GET");
    assert_eq!(whole.0, 101);
    for (from, to, word) in [
        ("GET", "POST", "GET"),
        ("HTTP/1.1", "HTTP/1.0", "HTTP/1.1"),
        ("keep-alive, Upgrade", "keep-alive", "Connection"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "short", "Sec-WebSocket-Key"),
        ("Host: a\r\n", "Host: a\r\nContent-Length: 3\r\n", "body"),
        (
            "Host: a\r\n",
            "Host: a\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
            "one key",
        ),
    ] {
        let (status, sentence) = refused(from, to);
        assert_eq!(status, 400, "{to}");
        assert!(sentence.contains(word), "{to}: {sentence}");
    }
    assert_eq!(refused("Version: 13", "Version: 8").0, 426);
}

#[test]
fn tokens_are_masked_wherever_a_request_is_logged() {
    let vnc = VncServer::start(Look::default());
    let inside = "location /vm/ { vnc_token_source dir %DIR%/tokens; }
        location ~ ^/of/(?<vm>[^/]+)/ { vnc_token_source name-dir %DIR%/names; vnc_token $vm; }";
    let target = vnc.addr();
    let setup = Setup::new(CONF).with("INSIDE", inside);
    std::fs::create_dir(setup.path().join("tokens")).expect("a folder");
    std::fs::create_dir(setup.path().join("names")).expect("a folder");
    let server = setup
        .file("tokens/a", format!("first-secret-token: {target}\n"))
        .file("names/second-secret", target.to_string())
        .start(&portway());
    let link = "/vm/vnc.html?path=websockify%3Ftoken%3Dfirst-secret-token";
    request(
        &server,
        "GET",
        link,
        &format!("Referer: http://x{link}\r\n"),
    );
    for path in [
        "/vm/ws?a=1&token=first-secret-token",
        "/of/second-%73ecret/ws",
    ] {
        let mut socket = WebSocket::open(server.addr(), path, "");
        enter(&mut socket);
        socket.send_close(1000, "");
        socket.recv_close();
    }
    let mut unknown = WebSocket::open(server.addr(), "/of/third-secret/ws", "");
    unknown.send_binary(b"RFB 003.008\n");
    assert_eq!(unknown.recv_close().map(|(code, _)| code), Some(4401));
    unknown.send_close(4401, "");
    server.wait_error_log("reason=unknown-token");
    let log = wait_for("all lines of the access log", || {
        let log = server.files().read("access.log");
        (log.lines().count() == 4).then_some(log)
    });
    let all = format!("{log}{}", server.error_log());
    for secret in ["secret-token", "secret", "%73ecret"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
    assert!(
        log.contains("GET /vm/ws?a=1&token=firs*** HTTP/1.1|101|"),
        "{log}"
    );
    let session = log
        .lines()
        .find(|line| line.contains("/vm/ws"))
        .unwrap_or_default();
    let fields: Vec<&str> = session.split('|').collect();
    assert_eq!(
        (fields[3].len(), fields[4]),
        (32, target.to_string().as_str()),
        "{session}"
    );
    assert!(
        server
            .error_log()
            .contains(&format!("desktop session {} to", fields[3]))
    );
}

/// Neither paths in messages nor sessions whose place is gone tell a token.
#[test]
fn tokens_are_masked_in_errors_and_after_a_reload() {
    let vnc = VncServer::start(Look::default());
    let inside = "location /vm/ { vnc_token_source file %DIR%/tokens; vnc_token $http_x_token; }
        location /named/ { vnc_token_source name-dir %DIR%/names; }
        location /unix/ { vnc_pass unix:%DIR%/$arg_token; vnc_log journal; }
        location /deep/ { vnc_pass $arg_token; }";
    let setup = Setup::new(CONF).with("INSIDE", inside);
    std::fs::create_dir(setup.path().join("names")).expect("a folder");
    let server = setup
        .file("tokens", format!("header-secret: {}\n", vnc.addr()))
        .file("names/named-secret", "no target at all")
        .start(&portway());
    for path in ["/named/ws?token=named-secret", "/unix/ws?token=unix-secret"] {
        let mut refused = WebSocket::open(server.addr(), path, "");
        refused.send_binary(b"RFB 003.008\n");
        refused.recv_close().expect("a close frame");
    }
    server.wait_error_log("bad line for a token in ");
    get(&server, "/deep/session?token=not-even-a-target");
    server.wait_error_log("no target in \"vnc_pass\"");
    let field = "X-Token: header-secret\r\n";
    let mut socket = WebSocket::open(server.addr(), "/vm/header-secret?token=other-secret", field);
    enter(&mut socket);
    server.reload(&CONF.replace("%INSIDE%", "location /vm/ { return 204; }"));
    server.wait_error_log("is to end in 10s: reason=removed");
    let log = server.error_log() + &server.files().read("journal");
    for secret in ["r-secret", "d-secret", "x-secret", "not-even-a-target"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}

/// What people and machines say is text in the log, and no line or command of its own.
#[test]
fn nothing_that_is_said_forges_a_line_of_the_log() {
    let vnc = VncServer::start(Look {
        name: "desk\n2026/01/01 00:00:00 [alert] forged\u{1b}[2J",
        ..Look::default()
    });
    let inside = "location / { vnc_pass %TARGET%; auth_basic x; auth_basic_user_file users; }
        location /sessions/ { vnc_status; auth_basic off; }";
    let server = Setup::new(CONF)
        .with("INSIDE", inside)
        .with("TARGET", vnc.addr())
        .file("users", "ann\u{9b}31m:{PLAIN}a\n")
        .start(&portway());
    // `eve\n[alert] forged:x` and `ann\u{9b}31m:a`
    let eve = "Authorization: Basic ZXZlClthbGVydF0gZm9yZ2VkOng=\r\n";
    let ann = "Authorization: Basic YW5uwpszMW06YQ==\r\n";
    assert_eq!(request(&server, "GET", "/", eve).status, 401);
    server.wait_error_log("user \"eve\\x0A[alert] forged\" was not found");
    let mut socket = WebSocket::open(server.addr(), "/", ann);
    enter(&mut socket);
    let cut = "POST /sessions/cut HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
    let mut conn = server.connect();
    conn.send(format!("{cut}X: \u{9b}31m\r\nContent-Length: 2\r\n\r\nid"));
    conn.response();
    let log = server.error_log();
    let is_line =
        |line: &str| line.as_bytes().get(4) == Some(&b'/') && !line.starts_with("2026/01");
    for line in log.lines() {
        assert!(
            is_line(line) && !line.contains(char::is_control),
            "{line:?}"
        );
    }
}

#[test]
fn a_stored_password_stays_on_the_gateway() {
    let challenge = *b"0123456789abcdef";
    let vnc = VncServer::start(Look {
        security: Security::Challenge {
            challenge,
            verdict: None,
        },
        name: "root@inside",
        ..Look::default()
    });
    let inside = "location / { vnc_pass %TARGET%; vnc_password_file secret; vnc_title Office; }";
    let setup = Setup::new(CONF)
        .with("INSIDE", inside)
        .with("TARGET", vnc.addr())
        .file("secret", "secret12\n");
    let secret = setup.path().join("secret");
    let set = |mode| {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(&secret, mode).expect("its own file");
    };
    set(0o600);
    let server = setup.start(&portway());
    let mut socket = WebSocket::open(server.addr(), "/", "");
    assert_eq!(enter(&mut socket), "Office");
    let answer = wait_for("the answer to the challenge", || {
        vnc.events().into_iter().find_map(|event| match event {
            Event::ChallengeResponse(response) => Some(response),
            _ => None,
        })
    });
    assert_eq!(answer, DES_OF_CHALLENGE);

    set(0o644);
    server.signal(Signal::HUP);
    let line = server.wait_error_log("the password file is open to everybody");
    assert!(line.contains("[emerg]"), "{line}");
}

/// What `openssl enc -des-ecb -nopad -K cea6c64ea62e8c4c` makes of the challenge; the key is the
/// password with the bits of each byte reversed.
const DES_OF_CHALLENGE: [u8; 16] = [
    0x5f, 0x15, 0xf4, 0xf0, 0xe1, 0x68, 0x4c, 0xdc, 0x26, 0x0e, 0xa9, 0x62, 0xab, 0x82, 0xfa, 0x3b,
];

#[test]
fn mistakes_are_found_before_anything_is_served() {
    for (inside, said) in [
        (
            "location / { vnc_pass 10.0.0.1; }",
            "no port in \"10.0.0.1\"",
        ),
        ("location / { vnc_pass a:0; }", "invalid port in \"a:0\""),
        (
            "location / { vnc_pass a:1; vnc_token_source file x; }",
            "exclude each other",
        ),
        (
            "location / { vnc_token_source file x; vnc_pass a:1; }",
            "exclude each other",
        ),
        (
            "location / { vnc_token_source csv x; }",
            "invalid value \"csv\"",
        ),
        (
            "location / { vnc_pass a:1; vnc_password_file none; }",
            "No such file",
        ),
        (
            "location / { vnc_pass a:1; vnc_quality_max 10; }",
            "invalid value \"10\"",
        ),
        (
            "location / { vnc_pass a:1; vnc_view_only maybe; }",
            "invalid value \"maybe\"",
        ),
        (
            "location / { vnc_pass a:1; vnc_role root; }",
            "invalid value \"root\"",
        ),
        (
            "location / { vnc_pass a:1; vnc_limit desktop=0; }",
            "invalid parameter \"desktop=0\"",
        ),
        (
            "location / { vnc_pass a:1; vnc_log $uri; }",
            "\"vnc_log\" takes no variables",
        ),
        ("vnc_pass a:1;", "not allowed here"),
        (
            "location / { vnc_pass $arg_host; }",
            "lets the browser choose any machine",
        ),
        (
            "location / { vnc_status; if ($uri) { return 200; } }",
            "\"vnc_status\" without access control",
        ),
    ] {
        let output = check(inside);
        assert!(output.contains(said), "{inside}: {output}");
    }
}

/// What a configuration with this inside is told by `-t`.
fn check(inside: &str) -> String {
    let setup = Setup::new("");
    let conf = format!(
        "events {{ }} http {{ access_log off; server {{ listen 127.0.0.1:0; {inside} }} }}"
    );
    let file = setup.path().join("check.conf");
    std::fs::write(&file, conf).expect("the test's own folder");
    let file = file.display().to_string();
    let output = portway().run(&["-t", "-e", "stderr", "-c", &file]);
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_target_is_the_browsers_choice_where_its_address_is() {
    // Where the address is fixed, only what is asked there is.
    for (pass, warns) in [
        ("wss://far/websockify?token=$arg_token", false),
        ("ws://far:6080?token=$arg_token", false),
        ("ws://$arg_host/websockify", true),
        ("ws://far$arg_rest/websockify", true),
        ("far:$arg_port", true),
        ("unix:/run/$arg_vm", true),
    ] {
        let output = check(&format!("location / {{ vnc_pass {pass}; }}"));
        let warned = output.contains("lets the browser choose any machine");
        assert_eq!(warned, warns, "{pass}: {output}");
    }
}

#[test]
fn sessions_live_through_a_reload_and_are_told_of_the_end() {
    let vnc = VncServer::start(Look::default());
    let server = gateway("location / { vnc_pass %TARGET%; }", vnc.addr());
    let mut socket = WebSocket::open(server.addr(), "/", "");
    enter(&mut socket);
    let inside = "location / { vnc_pass %TARGET%; } location /new { return 204; }";
    server.reload(&CONF.replace("%INSIDE%", inside));
    wait_true("the new configuration", || {
        get(&server, "/new").status == 204
    });
    socket.send_binary(&KEY_A);
    vnc.wait_event(&Event::Key(1, 0x61));
    server.wait_error_log("exited with code 0");
    server.signal(Signal::TERM);
    let (code, reason) = socket.recv_close().expect("a close frame with its reason");
    assert_eq!((code, reason.as_str()), (1012, "The gateway restarts."));
}

#[test]
fn a_graceful_end_waits_for_sessions() {
    let vnc = VncServer::start(Look::default());
    let mut server = gateway("location / { vnc_pass %TARGET%; }", vnc.addr());
    let mut socket = WebSocket::open(server.addr(), "/", "");
    enter(&mut socket);
    server.signal(Signal::QUIT);
    wait_true("nobody listens any more", || {
        std::net::TcpStream::connect(server.addr()).is_err()
    });
    socket.send_binary(&KEY_A);
    vnc.wait_event(&Event::Key(1, 0x61));
    socket.send_close(1000, "");
    socket.recv_close();
    assert!(server.wait_exit(Duration::from_secs(10)).success());
}

/// A desktop's endpoint beside a distribution's pages, as a migration begins.
#[test]
fn an_exact_location_is_an_endpoint_without_pages() {
    let vnc = VncServer::start(Look::default());
    let inside = "location / { root %DIR%; } location = /websockify { vnc_pass %TARGET%; }";
    let server = gateway(inside, vnc.addr());
    server.files().write("vnc.html", "their own");
    assert_eq!(get(&server, "/vnc.html").text(), "their own");
    enter(&mut WebSocket::open(server.addr(), "/websockify", ""));
}

/// Frames that come with the upgrade in one segment are not lost.
#[test]
fn bytes_behind_the_upgrade_belong_to_the_session() {
    let vnc = VncServer::start(Look::default());
    let server = gateway("location / { vnc_pass %TARGET%; }", vnc.addr());
    let mut conn = Conn::open(server.addr());
    let mut bytes = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        .to_vec();
    bytes.extend(b"\x82\x8c\0\0\0\0RFB 003.008\n");
    conn.send(bytes);
    conn.read_until(b"\r\n\r\n");
    assert_eq!(conn.read_exact(14), b"\x82\x0cRFB 003.008\n");
    assert_eq!(
        conn.read_exact(4),
        b"\x82\x02\x01\x01",
        "the version was taken"
    );
}
