//! `vnc_probe`: machines are asked before somebody comes in, and for the wall.

use testkit::vnc::{Event, Look, Security, VncServer};

use super::super::get;
use super::*;

const PROBING: &str = "vnc_probe auth interval=1s;";

fn asking(verdict: Option<&'static str>) -> VncServer {
    let security = Security::Challenge {
        challenge: *b"0123456789abcdef",
        verdict,
    };
    VncServer::start(Look {
        security,
        ..Look::default()
    })
}

fn start(http: &str, inside: &str) -> Server {
    let text =
        format!("events {{ }} http {{ {http} server {{ listen 127.0.0.1:%PORT%; {inside} }} }}");
    let setup = Setup::new(&text).file("secret", EIGHT);
    protect(&setup.path().join("secret"));
    setup.start(&portway())
}

/// A port that nobody listens on.
fn dead() -> std::net::SocketAddr {
    let socket = std::net::TcpListener::bind("127.0.0.1:0");
    let addr = socket.and_then(|socket| socket.local_addr());
    addr.expect("a port")
}

#[test]
fn whoever_asks_reads_why_not_before_anything_is_tried() {
    let (good, wrong) = (asking(None), asking(Some("Authentication failed")));
    let (good_addr, wrong_addr, dead) = (good.addr(), wrong.addr(), dead());
    let server = start(
        "vnc_password_file secret;",
        &format!(
            "{PROBING}
             location /good/ {{ vnc_pass {good_addr}; }}
             location /wrong/ {{ vnc_pass {wrong_addr}; }}
             location /dead/ {{ vnc_pass {dead}; }}
             location /typed/ {{ vnc_pass {wrong_addr}; vnc_password_file off; }}
             location /off/ {{ vnc_pass {dead}; vnc_probe off; }}"
        ),
    );
    let told = |path: &str| get(&server, &format!("{path}session")).text();
    for _ in 0..3 {
        assert!(told("/good/").contains("\"status\":\"ok\""));
    }
    assert_eq!(good.connections(), 1, "for all three");
    let refused = |path: &str, code: u16, reason: &str| {
        let said = told(path);
        let awaited = format!("{{\"status\":\"refused\",\"code\":{code},\"reason\":\"{reason}\"}}");
        assert_eq!(said, awaited, "{path}");
    };
    let stored = "The desktop does not accept the password stored for it.";
    refused("/wrong/", 1000, stored);
    let dead = "The machine is up, but its desktop does not run.";
    refused("/dead/", 4502, dead);
    server.wait_error_log("lets nobody in: reason=connection-refused");
    for path in ["/off/", "/typed/"] {
        assert!(told(path).contains("\"status\":\"ok\""), "{path}");
    }
    assert_eq!(wrong.connections(), 1, "nobody is asked without a password");
    // No screen was asked for, and a session comes in all the same.
    let has_init = || {
        let mut events = good.events().into_iter();
        events.any(|event| matches!(event, Event::Init(_)))
    };
    assert!(!has_init());
    enter(&mut WebSocket::open(server.addr(), "/good/", ""));
    assert!(has_init());
}

/// What the list says of a desktop.
fn state(server: &Server, name: &str) -> String {
    let list = get(server, "/wall/api/desktops").text();
    let at = list.find(&format!("{{\"name\":\"{name}\""));
    let rest = &list[at.expect("it is on the wall")..];
    let (state, _) = rest.split_once(",\"sessions\"").expect("its sessions");
    state[state.find("\"state\"").expect("its state")..].to_owned()
}

#[test]
fn the_wall_knows_how_machines_do_that_nobody_was_at() {
    let (good, typed, dead) = (asking(None), asking(None), dead());
    let server = start(
        &format!(
            "vnc_probe auth interval=2s; vnc_password_file secret;
             vnc_desktop good {}; vnc_desktop dead {dead};
             vnc_desktop typed {} {{ vnc_password_file off; }}
             vnc_desktop off {dead} {{ vnc_probe off; }}",
            good.addr(),
            typed.addr()
        ),
        "location /wall/ { vnc_wall all; }",
    );
    assert_eq!(good.connections(), 0, "while nobody looks");
    let known = |name: &str, said: &str| {
        wait_true(said, || state(&server, name) == said);
    };
    known("good", "\"state\":\"free\"");
    known(
        "dead",
        "\"state\":\"failed\",\"reason\":\"The machine is up, but its desktop does not run.\"",
    );
    let connections = good.connections();
    for _ in 0..5 {
        state(&server, "good");
    }
    assert_eq!(good.connections(), connections, "not within the interval");
    wait_true("it is asked again", || {
        state(&server, "good");
        good.connections() > connections
    });
    for name in ["typed", "off"] {
        assert_eq!(state(&server, name), "\"state\":\"unknown\"");
    }
    assert_eq!(typed.connections(), 0);
    // Where somebody is, it is not asked.
    let mut socket = WebSocket::open(server.addr(), "/wall/good/", "");
    enter(&mut socket);
    known("good", "\"state\":\"in-use\"");
    let connections = good.connections();
    std::thread::sleep(std::time::Duration::from_millis(2500));
    assert_eq!(state(&server, "good"), "\"state\":\"in-use\"");
    assert!(get(&server, "/wall/good/session").text().contains("\"ok\""));
    assert_eq!(good.connections(), connections);
}

/// It blocks whoever leaves in the middle of a login twice, and knows only one viewer.
#[test]
fn tigervnc_takes_being_asked_for_no_attack_and_keeps_its_viewer() {
    let certs = certs();
    for types in ["VncAuth", "X509Plain"] {
        let (_desktop, port) = tigervnc(types, &certs, 2);
        let trust = trust(&certs);
        let file = "vnc_credentials_file secrets;";
        let conf = "location /probed/ { vnc_pass 127.0.0.1:%TARGET%; vnc_probe auth interval=1ms; }
            location / { vnc_pass 127.0.0.1:%TARGET%; }";
        let setup = Setup::new(CONF)
            .with("INSIDE", format!("{file} {trust} {conf}"))
            .with("TARGET", port)
            .file("secrets", stored(port));
        protect(&setup.path().join("secrets"));
        let server = setup.start(&portway());
        for _ in 0..8 {
            let told = get(&server, "/probed/session").text();
            assert!(told.contains("\"status\":\"ok\""), "{types}: {told}");
        }
        enter(&mut WebSocket::open(server.addr(), "/", ""));
    }
}
