//! Terms of tokens, and those that are signed.

use std::time::Duration;

use testkit::jwt::{SECRET, seconds_in, signed, signed_as};
use testkit::vnc::{Event, Look, VncServer};
use testkit::{Server, Setup, WebSocket, wait_true};

use super::{CONF, KEY_A, enter, get};
use crate::support::portway;

/// Starts a gateway whose tokens are these lines, with `%VNC%` for a machine.
fn with_tokens(vnc: &VncServer, lines: &str, more: &str) -> Server {
    let lines = lines.replace("%VNC%", &vnc.addr().to_string());
    let inside = format!("location / {{ vnc_token_source file %DIR%/tokens; {more} }}");
    let setup = Setup::new(CONF).with("INSIDE", inside);
    setup.file("tokens", lines).start(&portway())
}

pub fn forecast(server: &Server, token: &str) -> String {
    get(server, &format!("/session?token={token}")).text()
}

pub fn open(server: &Server, token: &str) -> WebSocket {
    WebSocket::open(server.addr(), &format!("/ws?token={token}"), "")
}

/// Opens a session that is refused, and gives the close code and the sentence.
fn refused(server: &Server, token: &str) -> (u16, String) {
    let mut socket = open(server, token);
    socket.recv_bytes(12);
    socket.send_binary(b"RFB 003.008\n");
    socket.recv_close().expect("a close frame with its reason")
}

#[test]
fn a_token_has_an_end_a_role_and_a_title_of_its_own() {
    let vnc = VncServer::start(Look::default());
    let lines = "past: %VNC% expires=2020-01-01\n\
                 watch: %VNC% role=view title=\"Room 7\"\n\
                 none: %VNC% role=none\n\
                 wrong: %VNC% expires=tomorrow\n";
    let server = with_tokens(&vnc, lines, "vnc_title Office;");
    assert!(forecast(&server, "past").contains("\"code\":4401"));
    assert_eq!(refused(&server, "past").0, 4401);
    assert_eq!(refused(&server, "none").0, 4403);
    let told = forecast(&server, "watch");
    assert!(
        told.contains("\"role\":\"view\",\"view_only\":true"),
        "{told}"
    );
    assert!(told.contains("\"title\":\"Room 7\""), "{told}");
    assert_eq!(refused(&server, "wrong").0, 1011);
    server.wait_error_log("invalid value of \"expires\"");
    assert_eq!(vnc.connections(), 0);

    let mut watcher = open(&server, "watch");
    assert_eq!(enter(&mut watcher), "Room 7");
    watcher.send_binary(&KEY_A);
    // An update is asked for behind the key, and comes.
    watcher.send_binary(&[3, 0, 0, 0, 0, 0, 0, 1, 0, 1]);
    vnc.wait_event(&Event::UpdateRequest(0, [0, 0, 1, 1]));
    assert!(!vnc.events().contains(&Event::Key(1, 0x61)));
}

#[test]
fn a_token_leads_to_a_desktop_by_its_name() {
    let vnc = VncServer::start(Look::default());
    let conf = CONF.replacen(
        "server {",
        "vnc_desktop office %VNC% { vnc_title \"The office\"; vnc_view_only on; } server {",
        1,
    );
    let server = Setup::new(&conf)
        .with("VNC", vnc.addr())
        .with(
            "INSIDE",
            "location / { vnc_token_source file %DIR%/tokens; }",
        )
        .file("tokens", "a: desktop=office\nb: desktop=attic\n")
        .start(&portway());
    let told = forecast(&server, "a");
    assert!(told.contains("\"title\":\"The office\""), "{told}");
    assert!(told.contains("\"view_only\":true"), "{told}");
    let mut socket = open(&server, "a");
    assert_eq!(enter(&mut socket), "The office");
    assert!(forecast(&server, "b").contains("\"code\":4404"));
    server.wait_error_log("no desktop \"attic\", to which a token leads");
}

#[test]
fn a_session_ends_with_its_token() {
    let vnc = VncServer::start(Look::default());
    let end = seconds_in(Duration::from_secs(3));
    let server = with_tokens(&vnc, &format!("soon: %VNC% expires={end}\n"), "");
    let told = forecast(&server, "soon");
    assert!(told.contains("\"session_max_s\":2") || told.contains("\"session_max_s\":1"));
    let mut socket = open(&server, "soon");
    enter(&mut socket);
    let (code, reason) = socket.recv_close().expect("a close frame");
    assert_eq!(
        (code, reason.as_str()),
        (4408, "The session's time is over.")
    );
    assert!(seconds_in(Duration::ZERO) + 1 >= end);
}

#[test]
fn a_token_for_one_use_opens_one_session_also_after_a_reload() {
    let vnc = VncServer::start(Look::default());
    let lines = "one: %VNC% once\ndown: 127.0.0.1:1 once\n";
    let server = with_tokens(&vnc, lines, "");
    // Asking uses nothing up.
    assert!(forecast(&server, "one").contains("\"status\":\"ok\""));
    let mut first = open(&server, "one");
    enter(&mut first);
    let sentence = "This link has been used; it was good for one time.";
    assert_eq!(refused(&server, "one"), (4401, sentence.to_owned()));
    drop(first);
    assert!(forecast(&server, "one").contains(sentence));
    let conf = server.files().read("nginx.conf");
    server.reload(&conf.replacen(
        "location /",
        "location = /new { return 204; } location /",
        1,
    ));
    wait_true("the reload", || get(&server, "/new").status == 204);
    assert_eq!(refused(&server, "one").0, 4401);
    // A session that did not come about uses nothing up either.
    for _ in 0..2 {
        assert_eq!(refused(&server, "down").0, 4502);
    }
}

/// A picture is no way around the one use: a small one, which pages ask for by themselves, is none
/// and uses nothing up; a screenshot is the use.
#[test]
fn a_token_for_one_use_shows_no_picture_besides() {
    let vnc = VncServer::start(Look::default());
    let lines = "one: %VNC% once\nmany: %VNC%\nshot: %VNC% once\nanns: %VNC% once user=ann\n";
    let server = with_tokens(
        &vnc,
        lines,
        "vnc_thumbnail connect; vnc_screenshot on; auth_basic $arg_realm; auth_basic_user_file users;",
    );
    server
        .files()
        .write("users", "ann:{PLAIN}pw\nbob:{PLAIN}pw\n");
    let status = |what: &str, token: &str| {
        let path = format!("/api/{what}?realm=off&token={token}");
        get(&server, &path).status
    };
    let told = |token: &str| get(&server, &format!("/session?realm=off&token={token}")).text();
    assert_eq!(status("thumbnail", "many"), 200);
    for _ in 0..2 {
        assert_eq!(status("thumbnail", "one"), 404);
    }
    assert_eq!(vnc.connections(), 1, "it was not even looked at");
    assert!(
        told("one").contains("\"screenshot\":false"),
        "no second use"
    );
    assert!(told("many").contains("\"screenshot\":true"));
    let mut socket = WebSocket::open(server.addr(), "/ws?realm=off&token=one", "");
    enter(&mut socket);
    for what in ["thumbnail", "screenshot"] {
        assert_eq!(status(what, "one"), 403, "{what}: it is used up");
    }
    assert_eq!(status("screenshot", "shot"), 200);
    assert_eq!(status("screenshot", "shot"), 403);
    assert!(told("shot").contains("it was good for one time"));
    // For one person and once: others neither get in nor use it up.
    let of = |name: &str| format!("Authorization: Basic {name}\r\n");
    let [ann, bob] = [of("YW5uOnB3"), of("Ym9iOnB3")];
    let screenshot = |fields: &str| {
        super::request(&server, "GET", "/api/screenshot?realm=x&token=anns", fields).status
    };
    for stranger in [&bob, &bob] {
        assert_eq!(screenshot(stranger), 403);
    }
    assert_eq!(status("screenshot", "anns"), 403, "nobody in particular");
    let mut socket = WebSocket::open(server.addr(), "/ws?realm=x&token=anns", &ann);
    enter(&mut socket);
    assert_eq!(screenshot(&ann), 403);
}

#[test]
fn a_token_for_one_use_is_won_by_one_of_many() {
    let vnc = VncServer::start(Look::default());
    let server = with_tokens(&vnc, "one: %VNC% once\n", "");
    let tries: Vec<_> = (0..12)
        .map(|_| {
            let addr = server.addr();
            std::thread::spawn(move || {
                let mut socket = WebSocket::open(addr, "/ws?token=one", "");
                socket.recv_bytes(12);
                socket.send_binary(b"RFB 003.008\n");
                // Number of security types: none for who is refused.
                socket.recv_bytes(1) == [1]
            })
        })
        .collect();
    let won = tries.into_iter().map(|one| one.join().expect("no panic"));
    assert_eq!(won.filter(|won| *won).count(), 1);
    assert_eq!(vnc.connections(), 1);
}

#[test]
fn a_token_is_bound_to_a_person_and_to_a_network() {
    let vnc = VncServer::start(Look::default());
    let lines = "anns: %VNC% user=ann\nhere: %VNC% address=127.0.0.0/8\n\
                 there: %VNC% address=10.0.0.0/8,2001:db8::/32\n";
    let inside = "location /anon/ { vnc_token_source file %DIR%/tokens; }
        location / { vnc_token_source file %DIR%/tokens;
            auth_basic x; auth_basic_user_file %DIR%/users; }
        set_real_ip_from 127.0.0.1; real_ip_header X-From;";
    let server = Setup::new(CONF)
        .with("INSIDE", inside)
        .file("tokens", lines.replace("%VNC%", &vnc.addr().to_string()))
        .file("users", "ann:{PLAIN}pw\nbob:{PLAIN}pw\n")
        .start(&portway());
    let ask = |path: &str, fields: &str| super::request(&server, "GET", path, fields).text();
    // ann:pw and bob:pw
    let ann = "Authorization: Basic YW5uOnB3\r\n";
    let bob = "Authorization: Basic Ym9iOnB3\r\n";
    let ours = "\"status\":\"ok\"";
    let theirs = "This link is for another person or another network.";
    for (path, fields, expected) in [
        ("/session?token=anns", ann, ours),
        ("/session?token=anns", bob, theirs),
        ("/anon/session?token=anns", "", theirs),
        // What is not checked there says nothing about who it is.
        ("/anon/session?token=anns", ann, theirs),
        ("/anon/session?token=here", "", ours),
        ("/anon/session?token=here", "X-From: 10.1.1.1\r\n", theirs),
        ("/anon/session?token=there", "X-From: 10.1.1.1\r\n", ours),
        ("/anon/session?token=there", "X-From: 2001:db8::7\r\n", ours),
        ("/anon/session?token=there", "", theirs),
    ] {
        let told = ask(path, fields);
        assert!(told.contains(expected), "{path} {fields}: {told}");
    }
}

#[test]
fn signed_tokens_say_themselves_where_they_lead() {
    let vnc = VncServer::start(Look::default());
    let (host, port) = (vnc.addr().ip(), vnc.addr().port());
    let later = seconds_in(Duration::from_secs(3600));
    let place = format!("\"host\":\"{host}\",\"port\":\"{port}\"");
    let inside = "location / { vnc_allow 127.0.0.1; vnc_token_source jwt %DIR%/keys; }
        location /strict/ { vnc_allow 127.0.0.1; vnc_token_source jwt %DIR%/keys aud=portway iss=lab once; }";
    let server = Setup::new(CONF)
        .with("INSIDE", inside)
        .file("keys", SECRET)
        .start(&portway());
    let good = signed(&format!("{{{place},\"exp\":{later},\"sub\":\"ann\"}}"));
    assert!(forecast(&server, &good).contains("\"status\":\"ok\""));
    let mut socket = open(&server, &good);
    enter(&mut socket);
    drop(socket);
    for (token, why) in [
        (signed(&format!("{{{place},\"exp\":1000}}")), "expired"),
        (signed(&format!("{{{place},\"nbf\":{later}}}")), "too early"),
        (
            signed_as("{\"alg\":\"none\"}", &format!("{{{place}}}")),
            "alg none",
        ),
        (format!("{good}A"), "signature"),
        (good.replace('.', ""), "no token"),
    ] {
        let told = forecast(&server, &token);
        assert!(told.contains("\"code\":4401"), "{why}: {told}");
    }
    let no_place = forecast(&server, &signed("{\"sub\":\"ann\"}"));
    assert!(no_place.contains("\"code\":1011"), "{no_place}");
    server.wait_error_log("its signature is wrong");

    let strict = |claims: &str| {
        let token = signed(&format!("{{{place},{claims}}}"));
        get(&server, &format!("/strict/session?token={token}")).text()
    };
    let whole = "\"aud\":[\"portway\"],\"iss\":\"lab\",\"jti\":\"1\"";
    assert!(strict(whole).contains("\"status\":\"ok\""));
    assert!(strict("\"iss\":\"lab\"").contains("\"code\":4401"));
    assert!(strict("\"aud\":\"portway\",\"iss\":\"x\"").contains("\"code\":4401"));
    // Used up is what "jti" names, in whatever token it stands.
    let token = signed(&format!("{{{place},{whole}}}"));
    let mut socket = WebSocket::open(server.addr(), &format!("/strict/ws?token={token}"), "");
    enter(&mut socket);
    drop(socket);
    assert!(strict(&format!("{whole},\"more\":1")).contains("it was good for one time"));
    assert!(strict(&whole.replace("\"1\"", "\"2\"")).contains("\"status\":\"ok\""));

    wait_true("both sessions are logged", || {
        server.files().read("access.log").contains("/strict/ws")
    });
    for log in [server.files().read("access.log"), server.error_log()] {
        let middle = good.split('.').nth(1).expect("three parts");
        assert!(!log.contains(middle), "{log}");
    }
}

/// As websockify's `JWTTokenApi` reads them: inside of an encrypted token is a signed one.
#[test]
fn a_signed_token_may_come_encrypted() {
    // The secret's, by python-jwcrypto; inside is a token for 10.0.0.7:5901.
    let tokens = include_str!("../../../../jwt/src/jwe/tokens.txt");
    let token = |kind: &str| {
        let line = tokens.lines().find(|line| line.starts_with(kind));
        let token = line.and_then(|line| line.rsplit(' ').next());
        token.expect("a token of that kind").to_owned()
    };
    let inside = "location / { vnc_token_source jwt %DIR%/secret; }
        location /rsa/ { vnc_token_source jwt %DIR%/key.pem; }";
    let server = Setup::new(CONF)
        .with("INSIDE", inside)
        .file("secret", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\n")
        .file("key.pem", include_str!("../../../../jwt/src/jwe/key.pem"))
        .start(&portway());
    let told = |path: &str, token: &str| {
        let answer = get(&server, &format!("{path}session?token={token}"));
        answer.text()
    };
    let (direct, rsa) = (token("dir A256GCM"), token("RSA-OAEP A256CBC-HS512"));
    assert!(told("/", &direct).contains("\"status\":\"ok\""));
    assert!(told("/rsa/", &rsa).contains("\"status\":\"ok\""));
    for (path, token) in [
        ("/", &rsa),
        ("/rsa/", &direct),
        ("/", &format!("{direct}AAAA")),
    ] {
        let told = told(path, token);
        assert!(told.contains("\"code\":4401"), "{path}: {told}");
    }
    server.wait_error_log("there is no key for it");
}

#[test]
fn keys_of_signed_tokens_change_without_a_reload() {
    let vnc = VncServer::start(Look::default());
    let claims = format!(
        "{{\"host\":\"{}\",\"port\":{}}}",
        vnc.addr().ip(),
        vnc.addr().port()
    );
    let conf = CONF.replacen("http {", "ssl_certificate_watch 100ms; http {", 1);
    let server = Setup::new(&conf)
        .with(
            "INSIDE",
            "location / { vnc_allow 127.0.0.1; vnc_token_source jwt %DIR%/keys; }",
        )
        .file(
            "keys",
            format!("{{\"kty\":\"oct\",\"k\":\"{}\"}}", "A".repeat(43)),
        )
        .start(&portway());
    let token = signed(&claims);
    assert!(forecast(&server, &token).contains("\"code\":4401"));
    server.files().write("keys", SECRET);
    wait_true("the new key counts", || {
        forecast(&server, &token).contains("\"status\":\"ok\"")
    });
}

#[test]
fn a_source_that_cannot_work_is_an_error_of_the_configuration() {
    for (line, message) in [
        ("http http://127.0.0.1/", "Write %s there"),
        ("http ftp://127.0.0.1/%s", "begins with http:// or https://"),
        ("http http://127.0.0.1/%s cache=x", "invalid parameter"),
        (
            "http http://127.0.0.1/%s trusted=x",
            "is for addresses that begin with https",
        ),
        ("jwt none", "open() \""),
        ("jwt short", "the secret is shorter than 32 bytes"),
        ("jwt keys audience=x", "invalid parameter"),
        ("file tokens once", "invalid parameter"),
    ] {
        let scratch = testkit::Scratch::new("sources");
        scratch.write("short", "c2hvcnQ");
        scratch.write("keys", SECRET);
        let conf = format!(
            "events {{ }} http {{ server {{ listen 127.0.0.1:1; location / {{\n\
             vnc_token_source {line}; }} }} }}"
        );
        let file = scratch.write("nginx.conf", conf);
        let output = portway().run(&["-t", "-c", &file.display().to_string()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{line}");
        assert!(said.contains(message), "{line}: {said}");
        assert!(said.contains("nginx.conf:2"), "{line}: {said}");
    }
}
