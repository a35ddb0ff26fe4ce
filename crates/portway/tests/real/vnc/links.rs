//! `vnc_links`: links by which guests watch one desktop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use testkit::upstream::Upstream;
use testkit::vnc::{Event, Look, VncServer};
use testkit::{Response, Server, Setup, WebSocket, wait_true};

use super::operator::{field, text};
use super::{CONF, KEY_A, enter, get, request};
use crate::support::portway;

const INSIDE: &str = "auth_basic Desktops; auth_basic_user_file users; vnc_links on max=2h;
    location /lab/ { vnc_pass %TARGET%; }
    location /other/ { vnc_pass %OTHER%; }
    location /look/ { vnc_pass %TARGET%; vnc_role view; }
    location /vm/ { vnc_token_source file %DIR%/tokens; }
    location /never/ { vnc_pass %TARGET%; vnc_links off; }
    location /inside/ { vnc_pass %TARGET%; vnc_links on access=login; }
    location /near/ { vnc_pass %TARGET%; allow 192.0.2.1; deny all; }
    location /files/ { alias %DIR%/; }";

/// `ann:a`
const ANN: &str = "Authorization: Basic YW5uOmE=\r\n";

fn start(vnc: &VncServer, other: &VncServer) -> Server {
    Setup::new(CONF)
        .with("INSIDE", INSIDE)
        .with("TARGET", vnc.addr())
        .with("OTHER", other.addr())
        .file("users", "ann:{PLAIN}a\n")
        .file("tokens", format!("secret-token: {}\n", vnc.addr()))
        .start(&portway())
}

fn post(server: &Server, path: &str, form: &str) -> Response {
    let mut conn = server.connect();
    let (addr, length) = (server.addr(), form.len());
    conn.send(format!(
        "POST {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{ANN}\
         Content-Length: {length}\r\n\r\n{form}"
    ));
    conn.response()
}

/// A link for the folder: its query and its name.
fn link(server: &Server, folder: &str) -> (String, String) {
    let made = post(server, &format!("{folder}api/links"), "minutes=60");
    let made = (made.status, made.text());
    assert_eq!(made.0, 200, "{}", made.1);
    let part = |name| field(&made.1, name).expect("a text");
    (part("url"), part("id"))
}

#[test]
fn a_guest_watches_one_desktop_and_nothing_else() {
    let [vnc, other] = [(); 2].map(|()| VncServer::start(Look::default()));
    let server = start(&vnc, &other);
    let (query, _) = link(&server, "/lab/");
    let told = get(&server, &format!("/lab/session{query}")).text();
    for part in [
        "\"status\":\"ok\"",
        "\"role\":\"view\"",
        "\"view_only\":true",
        "\"links\":false",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let page = get(&server, &format!("/lab/{query}"));
    assert_eq!(page.status, 200);
    let page = page.text();
    let file = page.split('"').find(|text| text.starts_with("assets/"));
    let file = file.expect("a file of the page");
    assert_eq!(get(&server, &format!("/lab/{file}")).status, 200);
    for closed in [
        "/lab/",
        "/lab/session",
        "/lab/assets/none.js",
        "/lab/?link=0",
        "/files/users",
    ] {
        assert_eq!(get(&server, closed).status, 401, "{closed}");
    }
    for folder in ["/other/", "/look/", "/never/", "/files/users"] {
        assert_eq!(
            get(&server, &format!("{folder}{query}")).status,
            401,
            "{folder}"
        );
    }
    let upgrade = WebSocket::try_open(server.addr(), &format!("/lab/{file}"), "");
    assert_eq!(upgrade.map(drop).map_err(|answer| answer.status), Err(401));
}

#[test]
fn a_guest_is_seen_listed_and_sent_away() {
    let [vnc, other] = [(); 2].map(|()| VncServer::start(Look::default()));
    let server = start(&vnc, &other);
    let (query, id) = link(&server, "/lab/");
    let fields = "Sec-WebSocket-Protocol: portway.v1\r\n";
    let mut guest = WebSocket::open(server.addr(), &format!("/lab/ws{query}"), fields);
    enter(&mut guest);
    let presence = text(&mut guest, "presence");
    assert!(presence.contains("\"user\":\"guest of ann\""), "{presence}");
    guest.send_binary(&KEY_A);
    let mut ann = WebSocket::open(server.addr(), "/lab/", ANN);
    enter(&mut ann);
    ann.send_binary(&[4, 1, 0, 0, 0, 0, 0, 0x62]);
    vnc.wait_event(&Event::Key(1, 0x62));
    assert!(
        !vnc.events().contains(&Event::Key(1, 0x61)),
        "guests only watch"
    );

    let listed = request(&server, "GET", "/lab/api/links", ANN).text();
    assert!(
        listed.contains(&format!("\"id\":\"{id}\"")) && listed.contains("\"uses\":1"),
        "{listed}"
    );
    let as_guest = request(&server, "GET", &format!("/lab/api/links{query}"), "");
    assert_eq!(as_guest.status, 403, "guests make no links");
    server.reload(&CONF.replace(
        "%INSIDE%",
        &format!("{INSIDE} location /new {{ return 204; }}"),
    ));
    wait_true("the new configuration", || {
        get(&server, "/new").status == 204
    });
    assert_eq!(
        get(&server, &format!("/lab/{query}")).status,
        200,
        "a reload keeps links"
    );
    let ended = post(&server, "/lab/api/links/revoke", &format!("id={id}"));
    assert!(ended.text().contains("\"cut\":1"));
    let words = "The link to this desktop was ended.".to_owned();
    assert_eq!(guest.recv_close(), Some((4410, words)));
    assert_eq!(get(&server, &format!("/lab/{query}")).status, 401);
    assert_eq!(
        post(&server, "/lab/api/links/revoke", &format!("id={id}")).status,
        404
    );
    let secret = query.trim_start_matches("?link=");
    let logs = server.error_log() + &server.files().read("access.log");
    let leaks = |line: &&str| line.contains(secret) && !line.contains("/files/");
    assert_eq!(logs.lines().find(leaks), None);
}

#[test]
fn a_link_leads_where_its_maker_was_led_by_a_token() {
    let [vnc, other] = [(); 2].map(|()| VncServer::start(Look::default()));
    let server = start(&vnc, &other);
    let made = post(&server, "/vm/api/links?token=secret-token", "minutes=5");
    let made = made.text();
    let query = field(&made, "url").expect("a link");
    assert!(!query.contains("token"), "{query}");
    let mut guest = WebSocket::open(server.addr(), &format!("/vm/ws{query}"), "");
    enter(&mut guest);
    let told = get(&server, &format!("/vm/session{query}")).text();
    assert!(!told.contains("secret"), "{told}");
    // When the token is gone, its links lead nowhere.
    server.files().write("tokens", "");
    wait_true("the token is gone", || {
        get(&server, &format!("/vm/session{query}"))
            .text()
            .contains("4401")
    });
    let logs = server.error_log() + &server.files().read("access.log");
    assert!(!logs.contains("secret-token"), "{logs}");
}

/// A guest who is on the way in when the link is ended does not get in.
#[test]
fn a_link_that_ends_while_a_session_opens_ends_that_session() {
    let vnc = VncServer::start(Look::default());
    let target = vnc.addr();
    let (asked, held) = (AtomicUsize::new(0), AtomicBool::new(true));
    let state = Arc::new((asked, held));
    let seen = state.clone();
    let service = Upstream::serving(move |peer| {
        peer.read_head();
        // The maker asks first, then the guest, who has to wait.
        if seen.0.fetch_add(1, Ordering::SeqCst) == 1 {
            while seen.1.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        peer.send(format!("HTTP/1.0 200 OK\r\n\r\n{target}").as_bytes());
    });
    let inside = format!(
        "auth_basic Desktops; auth_basic_user_file users; vnc_links on; vnc_allow 127.0.0.1;
         location /vm/ {{ vnc_token_source http http://{}/%s cache=off; }}",
        service.addr()
    );
    let server = Setup::new(CONF)
        .with("INSIDE", inside)
        .file("users", "ann:{PLAIN}a\n")
        .start(&portway());
    let made = post(&server, "/vm/api/links?token=t", "minutes=5").text();
    let [query, id] = ["url", "id"].map(|name| field(&made, name).expect("a text"));
    let addr = server.addr();
    let guest = std::thread::spawn(move || {
        let mut socket = WebSocket::open(addr, &format!("/vm/ws{query}"), "");
        socket.send_binary(b"RFB 003.008\n");
        socket.recv_close()
    });
    wait_true("the guest is on the way", || {
        state.0.load(Ordering::SeqCst) == 2
    });
    let form = format!("id={id}");
    let ended = post(&server, "/vm/api/links/revoke?token=t", &form).text();
    assert!(ended.contains("\"cut\":0"), "{ended}");
    state.1.store(false, Ordering::SeqCst);
    let close = guest.join().expect("no panic");
    let words = "The link to this desktop was ended.".to_owned();
    assert_eq!(close, Some((4410, words)));
}

#[test]
fn what_may_be_made_is_bounded_and_said() {
    let [vnc, other] = [(); 2].map(|()| VncServer::start(Look::default()));
    let server = start(&vnc, &other);
    for (path, form, status) in [
        ("/lab/api/links", "minutes=121", 400),
        ("/lab/api/links", "minutes=0", 400),
        ("/lab/api/links", "", 400),
        ("/look/api/links", "minutes=1", 403),
        ("/never/api/links", "minutes=1", 404),
        ("/lab/api/links/revoke", "id=none", 404),
    ] {
        let answer = post(&server, path, form);
        assert_eq!(answer.status, status, "{path} {form}: {}", answer.text());
        assert!(answer.text().starts_with("{\"error\":\""), "{path} {form}");
    }
    let (query, _) = link(&server, "/inside/");
    assert_eq!(get(&server, &format!("/inside/{query}")).status, 401);
    let behind = request(&server, "GET", &format!("/inside/session{query}"), ANN).text();
    assert!(behind.contains("\"role\":\"view\""), "{behind}");
    // Rules of addresses hold for guests.
    assert_eq!(get(&server, &format!("/near/{query}")).status, 403);
    for _ in 1..32 {
        link(&server, "/lab/");
    }
    assert_eq!(post(&server, "/lab/api/links", "minutes=1").status, 429);
}

/// On a wall and by its name, a desktop's own `access=login` holds, and so does its location's.
#[test]
fn links_of_named_desktops_are_as_strict_as_either_says() {
    const CONF: &str = "events { } http {
        vnc_desktop strict %TARGET% { vnc_links on access=login; }
        vnc_desktop loose %TARGET% { vnc_links on; }
        vnc_desktop plain %TARGET%;
        auth_basic Desktops; auth_basic_user_file users;
        server { listen 127.0.0.1:%PORT%;
            location /open/ { vnc_wall all; vnc_links on; }
            location /login/ { vnc_wall all; vnc_links on access=login; }
            location /silent/ { vnc_wall all; }
            location /name/ { vnc_pass strict; vnc_links on; }
            location /own/ { vnc_pass loose; }
            location /token/ { vnc_token_source file %DIR%/tokens; vnc_links on; } } }";
    let vnc = VncServer::start(Look::default());
    let server = Setup::new(CONF)
        .with("TARGET", vnc.addr())
        .file("users", "ann:{PLAIN}a\n")
        .file("tokens", "s: desktop=strict\nl: desktop=loose\n")
        .start(&portway());
    for (folder, is_open) in [
        ("/open/strict/", false),
        ("/open/loose/", true),
        ("/open/plain/", true),
        ("/login/strict/", false),
        ("/login/loose/", false),
        ("/silent/strict/", false),
        ("/silent/loose/", true),
        ("/name/", false),
        ("/own/", true),
    ] {
        let (query, _) = link(&server, folder);
        let told = get(&server, &format!("{folder}session{query}"));
        let expected = if is_open { 200 } else { 401 };
        assert_eq!(told.status, expected, "{folder}");
        let told = request(&server, "GET", &format!("{folder}session{query}"), ANN).text();
        assert!(told.contains("\"role\":\"view\""), "{folder}: {told}");
    }
    // A link opens one desktop, and not the wall.
    let (query, _) = link(&server, "/open/loose/");
    for path in ["/open/api/desktops", "/open/", "/open/strict/session"] {
        let status = get(&server, &format!("{path}{query}")).status;
        assert_eq!(status, 401, "{path}");
    }
    for (token, is_open) in [("s", false), ("l", true)] {
        let made = post(
            &server,
            &format!("/token/api/links?token={token}"),
            "minutes=5",
        )
        .text();
        let query = field(&made, "url").expect("a link");
        let told = get(&server, &format!("/token/session{query}")).text();
        assert_eq!(told.contains("\"role\":\"view\""), is_open, "{told}");
    }
}

/// The same folder of another server is another folder.
#[test]
fn a_link_holds_at_its_server_only() {
    const CONF: &str = "events { } http {
        auth_basic Desktops; auth_basic_user_file users; vnc_links on;
        server { listen 127.0.0.1:%PORT%; location /lab/ { vnc_pass %TARGET%; } }
        server { listen 127.0.0.1:%PORT%; server_name other; location /lab/ { vnc_pass %TARGET%; } } }";
    let vnc = VncServer::start(Look::default());
    let server = Setup::new(CONF)
        .with("TARGET", vnc.addr())
        .file("users", "ann:{PLAIN}a\n")
        .start(&portway());
    let (query, _) = link(&server, "/lab/");
    assert_eq!(get(&server, &format!("/lab/session{query}")).status, 200);
    let mut conn = server.connect();
    conn.send(format!(
        "GET /lab/session{query} HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n"
    ));
    assert_eq!(conn.response().status, 401);
}
