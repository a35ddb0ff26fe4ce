//! `vnc_role`: who may come, and whether more than watch.

use testkit::vnc::{Event, Look, VncServer};
use testkit::{Setup, WebSocket, wait_true};

use super::{KEY_A, enter, get, request};
use crate::support::portway;

const CONF: &str = "events { } http {
    map $arg_who $role { ann control; bob view; eve nonsense; }
    server { listen 127.0.0.1:%PORT%; location / { vnc_pass %TARGET%; vnc_role $role; } } }";

#[test]
fn a_role_says_who_may_come_and_who_may_more_than_watch() {
    let vnc = VncServer::start(Look::default());
    let setup = Setup::new(CONF).with("TARGET", vnc.addr());
    let server = setup.start(&portway());
    let forecast = |who: &str| get(&server, &format!("/session?who={who}")).text();
    assert!(forecast("ann").contains("\"role\":\"control\",\"view_only\":false"));
    assert!(forecast("bob").contains("\"role\":\"view\",\"view_only\":true"));
    for nobody in ["eve", "mallory"] {
        let told = forecast(nobody);
        assert!(told.contains("\"code\":4403"), "{nobody}: {told}");
    }
    server.wait_error_log("\"vnc_role\" is \"nonsense\", which counts as none");
    let mut refused = WebSocket::open(server.addr(), "/?who=mallory", "");
    refused.recv_bytes(12);
    refused.send_binary(b"RFB 003.008\n");
    let (code, reason) = refused.recv_close().expect("a close frame with its reason");
    assert_eq!(
        (code, reason.as_str()),
        (4403, "You have no access to this desktop.")
    );
    assert_eq!(vnc.connections(), 0);

    let mut bob = WebSocket::open(server.addr(), "/?who=bob", "");
    enter(&mut bob);
    bob.send_binary(&KEY_A);
    let mut ann = WebSocket::open(server.addr(), "/?who=ann", "");
    enter(&mut ann);
    let key_b = [4, 1, 0, 0, 0, 0, 0, 0x62];
    ann.send_binary(&key_b);
    vnc.wait_event(&Event::Key(1, 0x62));
    assert!(!vnc.events().contains(&Event::Key(1, 0x61)));
}

/// Where nobody verified it, the name of `Authorization: Basic` gives no role: not where an address
/// is enough, nor where a map saw it before.
#[test]
fn a_name_that_is_only_claimed_gives_no_role() {
    const CONF: &str = "events { } http {
        map $remote_user $role { ann control; }
        server { listen 127.0.0.1:%PORT%;
            if ($role = control) { set $x 1; }
            location /any/ { vnc_pass %TARGET%; vnc_role $role; satisfy any; allow all;
                auth_basic x; auth_basic_user_file users; }
            location /none/ { vnc_pass %TARGET%; vnc_role $role; }
            location /all/ { vnc_pass %TARGET%; vnc_role $role;
                auth_basic x; auth_basic_user_file users; } } }";
    let vnc = VncServer::start(Look::default());
    let setup = Setup::new(CONF).with("TARGET", vnc.addr());
    let server = setup.file("users", "ann:{PLAIN}a\n").start(&portway());
    // `ann:wrong` and `ann:a`
    let [wrong, right] = ["YW5uOndyb25n", "YW5uOmE="]
        .map(|credentials| format!("Authorization: Basic {credentials}\r\n"));
    for (path, fields) in [("any", &wrong), ("none", &wrong), ("none", &right)] {
        let told = request(&server, "GET", &format!("/{path}/session"), fields).text();
        assert!(told.contains("\"code\":4403"), "{path}: {told}");
    }
    let told = request(&server, "GET", "/all/session", &right).text();
    assert!(told.contains("\"role\":\"control\""), "{told}");
}

/// Nor where it was kept for later, by whatever: variables that are set before a location is found
/// or in another one, groups of expressions, answers of services.
#[test]
fn a_name_that_was_kept_before_it_was_verified_gives_no_role() {
    const CONF: &str = "events { } http {
        map $early $role { ann control; }
        map $remote_user $named { ~^(?<caught>.+)$ 1; }
        log_format who '$uri $remote_user $vnc_user $vnc_role'; access_log access.log who;
        server { listen 127.0.0.1:%PORT%;
            set $early $remote_user;
            if ($named) { set $x 1; }
            location /server/ { vnc_pass %TARGET%; vnc_role $role; }
            location /caught/ { vnc_pass %TARGET%; vnc_role $caught; }
            location /person/ { vnc_pass %TARGET%; vnc_person $early; vnc_role $role; }
            location /moved/ { set $early $remote_user; rewrite ^/moved/(.*) /server/$1 last; }
            location /asked/ { vnc_pass %TARGET%; vnc_role $role;
                auth_request /ask; auth_request_set $early $remote_user; }
            location = /ask { return 204; }
            location /led/ { auth_basic off; alias %DIR%/; error_page 404 = /server/session;
                add_header X-Named $remote_user always; try_files $remote_user =404; }
            location /all/ { vnc_pass %TARGET%; vnc_role $role; set $early '';
                auth_request /ask; auth_request_set $early $remote_user;
                auth_basic x; auth_basic_user_file users; }
            location /bound/ { vnc_token_source file %DIR%/tokens; vnc_person $early; }
            location /files/ { alias %DIR%/; add_header X-Named $remote_user; } } }";
    let vnc = VncServer::start(Look::default());
    let setup = Setup::new(CONF).with("TARGET", vnc.addr());
    let server = setup
        .file("users", "ann:{PLAIN}a\n")
        .file("tokens", format!("anns: {} user=ann\n", vnc.addr()))
        .start(&portway());
    // `ann:a`, and `control:x` for who is called as a role is.
    let ann = "Authorization: Basic YW5uOmE=\r\n";
    let control = "Authorization: Basic Y29udHJvbDp4\r\n";
    for (path, fields) in [
        ("/server/session", ann),
        ("/caught/session", control),
        ("/person/session", ann),
        ("/moved/session", ann),
        ("/asked/session", ann),
    ] {
        let told = request(&server, "GET", path, fields).text();
        assert!(told.contains("\"code\":4403"), "{path}: {told}");
    }
    let told = request(&server, "GET", "/bound/session?token=anns", ann).text();
    assert!(told.contains("for another person"), "{told}");
    // Where the name was told before an error page led to a desktop, no desktop is opened.
    let led = request(&server, "GET", "/led/none", ann);
    assert_eq!(led.status, 403, "{}", led.text());
    server.wait_error_log("without being verified, in a location that led to one of desktops");
    // Whom a password lets in, a service's answer may speak of; other places see names as ever.
    let told = request(&server, "GET", "/all/session", ann).text();
    assert!(told.contains("\"role\":\"control\""), "{told}");
    let file = request(&server, "GET", "/files/users", ann);
    assert_eq!(file.field("x-named"), Some("ann"));
    for line in [
        "/all/session ann ann control",
        "/server/session - - none",
        "/files/users ann - -",
    ] {
        wait_true(line, || {
            let log = server.files().read("access.log");
            log.lines().any(|one| one == line)
        });
    }
}
