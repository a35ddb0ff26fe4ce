//! Live sessions after a reload, or after a file of tokens has changed: each is judged again.

mod ways_in;

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use testkit::jwt::{SECRET, signed};
use testkit::vnc::{Event, Look, Security, VncServer};
use testkit::ws::Message;
use testkit::{Certs, Server, Setup, WebSocket, wait_true};

use super::{KEY_A, enter};
use crate::support::portway;

/// A page of Portway's, as somebody who may sign in.
const PAGE: &str = "Sec-WebSocket-Protocol: portway.v1\r\n\
    Authorization: Basic YW5uOnNlY3JldA==\r\nCookie: team=red\r\n";

/// Two machines and a gateway before them.
struct Stage {
    one: VncServer,
    two: VncServer,
    server: Server,
    text: String,
}

impl Stage {
    /// `%ONE%` and `%TWO%` in the configuration are the machines.
    fn start(http: &str, inside: &str) -> Self {
        let grace = match http.contains("vnc_revoke_grace") {
            true => "",
            false => "vnc_revoke_grace 1s;",
        };
        let text = format!(
            "events {{ }} http {{ {grace} {http}
             server {{ listen 127.0.0.1:%PORT%; {inside} }} }}"
        );
        let challenge = Security::Challenge {
            challenge: *b"0123456789abcdef",
            verdict: None,
        };
        let security = match text.contains("vnc_password_file") {
            true => challenge,
            false => Security::None,
        };
        let look = Look {
            security,
            ..Look::default()
        };
        let (one, two) = (VncServer::start(look), VncServer::start(look));
        let text = text
            .replace("%ONE%", &one.addr().to_string())
            .replace("%TWO%", &two.addr().to_string());
        let setup = Setup::new(&text)
            // The password is "secret" for both.
            .file("users", "ann:{PLAIN}secret\nbob:{PLAIN}secret\n")
            .file("others", "bob:{PLAIN}secret\n")
            .file("tokens", format!("t: {}\nu: {}\n", one.addr(), one.addr()))
            .file("keys", SECRET)
            .file("secret", "secret12\n")
            .file("secret2", "another\n");
        for name in ["secret", "secret2"] {
            let mode = std::fs::Permissions::from_mode(0o640);
            std::fs::set_permissions(setup.path().join(name), mode).expect("its own file");
        }
        let server = setup.start(&portway());
        Self {
            one,
            two,
            server,
            text,
        }
    }

    fn open(&self, path: &str) -> WebSocket {
        let mut socket = WebSocket::open(self.server.addr(), path, PAGE);
        enter(&mut socket);
        // A viewer first asks for a picture; where it is recorded, nothing counts before.
        socket.send_binary(&[3, 0, 0, 0, 0, 0, 0, 1, 0, 1]);
        socket
    }

    /// Reloads with `from` replaced by `to`.
    fn reload(&self, from: &str, to: &str) {
        let fill = |text: &str| {
            let text = text.replace("%ONE%", &self.one.addr().to_string());
            text.replace("%TWO%", &self.two.addr().to_string())
        };
        let (from, to) = (fill(from), fill(to));
        assert!(self.text.contains(&from), "{from} in {}", self.text);
        self.server.reload(&self.text.replace(&from, &to));
    }

    /// Its keys still reach the first machine.
    fn assert_lives(&self, socket: &mut WebSocket) {
        let before = self.one.events().len();
        socket.send_binary(&KEY_A);
        wait_true("a key arrives", || {
            let events = self.one.events();
            events[before..].contains(&Event::Key(1, 0x61))
        });
    }
}

/// The next text that contains `words`.
fn told(socket: &mut WebSocket, words: &str) -> String {
    loop {
        match socket.recv() {
            Message::Text(text) if text.contains(words) => return text,
            Message::Close(close) => panic!("{words:?} was awaited, not {close:?}"),
            _ => {}
        }
    }
}

/// The session is warned and, a second later, ended.
fn assert_ends(socket: &mut WebSocket, code: u16, words: &str) {
    let warning = told(socket, "\"warning\"");
    let reason = if code == 4410 { "removed" } else { "changed" };
    assert!(
        warning.contains(&format!("\"reason\":\"{reason}\",\"seconds\":1")),
        "{warning}"
    );
    let warned = Instant::now();
    let (told, reason) = socket.recv_close().expect("a close frame with its reason");
    assert_eq!((told, &reason[..]), (code, words));
    let after = warned.elapsed();
    assert!(after > Duration::from_millis(800), "{after:?}");
    socket.send_close(code, "");
}

const REMOVED: &str = "You have no access to this desktop any more.";
const CHANGED: &str = "The desktop was set up anew; connecting again leads to it.";

#[test]
fn a_session_that_a_reload_does_not_concern_is_untouched() {
    let stage = Stage::start(
        "map \"$remote_user:$vnc_group:$cookie_team\" $role { ann:lab:red control; default none; }
         vnc_desktop lab %ONE% { vnc_group lab; vnc_title Lab; } vnc_desktop other %TWO%;",
        "rewrite ^/old/(.*) /d/$1;
         auth_basic x; auth_basic_user_file users;
         location /d/ { vnc_wall all; vnc_role $role; }
         location /named/ { try_files /none @desk; } location @desk { vnc_pass lab; }",
    );
    let mut sockets = ["/d/lab/", "/old/lab/ws", "/named/x"].map(|path| stage.open(path));
    stage.reload("vnc_desktop other %TWO%;", "vnc_desktop more %TWO%;");
    std::thread::sleep(Duration::from_millis(1500));
    for socket in &mut sockets {
        stage.assert_lives(socket);
        socket.send_ping(b"?");
        loop {
            match socket.recv() {
                Message::Pong(_) => break,
                Message::Text(text) => assert!(!text.contains("\"warning\""), "{text}"),
                _ => {}
            }
        }
    }
    let log = stage.server.error_log();
    assert!(
        !log.contains("is to end") && !log.contains("judged"),
        "{log}"
    );
}

/// What stands before, what after, what the session is told: a code and words.
const ENDS: &[(&str, &str, &str, &str, u16, &str)] = &[
    (
        "vnc_desktop lab %ONE%;",
        "location / { vnc_wall all; }",
        "vnc_desktop lab ",
        "vnc_desktop other ",
        4410,
        REMOVED,
    ),
    (
        "vnc_desktop lab %ONE%;",
        "location / { vnc_wall all; }",
        "vnc_wall all",
        "return 204",
        4410,
        REMOVED,
    ),
    (
        "vnc_desktop lab %ONE%;",
        "location / { vnc_wall all; }",
        "vnc_desktop lab %ONE%",
        "vnc_desktop lab %TWO%",
        1012,
        CHANGED,
    ),
    (
        "vnc_desktop lab %ONE% { vnc_password_file secret; }",
        "location / { vnc_wall all; }",
        "vnc_password_file secret;",
        "vnc_password_file secret2;",
        1012,
        CHANGED,
    ),
    (
        "vnc_desktop lab %ONE% { vnc_group g; }",
        "location / { vnc_wall group=g; }",
        "vnc_group g",
        "vnc_group h",
        4410,
        REMOVED,
    ),
    (
        "map $cookie_team $role { red control; } vnc_desktop lab %ONE%;",
        "location / { vnc_wall all; vnc_role $role; }",
        "red control",
        "blue control",
        4410,
        REMOVED,
    ),
    // An expression where there was none: it sees the request as it was.
    (
        "map $remote_user $role { bob admin; } vnc_desktop lab %ONE%;",
        "auth_basic x; auth_basic_user_file users; location / { vnc_wall all; }",
        "vnc_wall all;",
        "vnc_wall all; vnc_role $role;",
        4410,
        REMOVED,
    ),
    (
        "vnc_desktop lab %ONE%;",
        "auth_basic x; auth_basic_user_file users; location / { vnc_wall all; }",
        "user_file users",
        "user_file others",
        4410,
        REMOVED,
    ),
    // One way in was enough, and it is gone.
    (
        "vnc_desktop lab %ONE%;",
        "satisfy any; deny all; auth_basic x; auth_basic_user_file users;
         location / { vnc_wall all; }",
        "user_file users",
        "user_file others",
        4410,
        REMOVED,
    ),
    (
        "vnc_desktop lab %ONE%;",
        "satisfy any; allow 127.0.0.1; deny all; auth_basic x; auth_basic_user_file users;
         location / { vnc_wall all; }",
        "allow 127.0.0.1;",
        "",
        4410,
        REMOVED,
    ),
    (
        "vnc_desktop lab %ONE%;",
        "location / { vnc_wall all; }",
        "vnc_wall all;",
        "vnc_wall all; deny 127.0.0.1;",
        4410,
        REMOVED,
    ),
    (
        "map $uri $target { ~lab %ONE%; }",
        "location / { vnc_pass $target; }",
        "~lab %ONE%",
        "~lab %TWO%",
        1012,
        CHANGED,
    ),
    // The page comes back by itself, and is recorded, or not, from then on.
    (
        "vnc_desktop lab %ONE%;",
        "location / { vnc_wall all; }",
        "vnc_wall all;",
        "vnc_wall all; vnc_record recordings;",
        1012,
        CHANGED,
    ),
    (
        "vnc_desktop lab %ONE%;",
        "location / { vnc_wall all; vnc_record recordings; }",
        "vnc_record recordings;",
        "",
        1012,
        CHANGED,
    ),
];

#[test]
fn a_session_ends_when_what_it_rests_on_is_gone() {
    std::thread::scope(|scope| {
        for (http, inside, from, to, code, words) in ENDS {
            scope.spawn(move || {
                let stage = Stage::start(http, inside);
                let mut socket = stage.open("/lab/");
                stage.assert_lives(&mut socket);
                stage.reload(from, to);
                assert_ends(&mut socket, *code, words);
                let word = if *code == 4410 { "removed" } else { "changed" };
                stage
                    .server
                    .wait_error_log(&format!("is to end in 1s: reason={word}"));
                let line = stage
                    .server
                    .wait_error_log(&format!("ended: reason={word}"));
                assert!(line.contains("[notice]"), "{line}");
            });
        }
    });
}

#[test]
fn what_is_taken_back_in_time_ends_nothing() {
    let stage = Stage::start(
        "vnc_revoke_grace 3s; vnc_desktop lab %ONE%;",
        "location / { vnc_wall all; }",
    );
    let mut socket = stage.open("/lab/");
    stage.reload("vnc_desktop lab ", "vnc_desktop other ");
    told(&mut socket, "\"reason\":\"removed\",\"seconds\":3");
    stage.reload("vnc_desktop lab ", "vnc_desktop lab ");
    told(&mut socket, "\"reason\":\"removed\",\"over\":true");
    std::thread::sleep(Duration::from_millis(3500));
    stage.assert_lives(&mut socket);
}

#[test]
fn a_token_that_is_gone_ends_its_session_without_a_reload() {
    let stage = Stage::start("", "location / { vnc_token_source file tokens; }");
    let mut gone = stage.open("/?token=t");
    let mut stays = stage.open("/?token=u");
    let (one, two) = (stage.one.addr(), stage.two.addr());
    stage.server.files().write("tokens", format!("u: {one}\n"));
    assert_ends(&mut gone, 4410, REMOVED);
    stage.assert_lives(&mut stays);
    stage.server.files().write("tokens", format!("u: {two}\n"));
    assert_ends(&mut stays, 1012, CHANGED);
}

#[test]
fn a_token_source_that_fails_ends_nothing() {
    let stage = Stage::start("", "location / { vnc_token_source file tokens; }");
    let mut socket = stage.open("/?token=t");
    let tokens = stage.server.files().path().join("tokens");
    std::fs::rename(&tokens, tokens.with_extension("away")).expect("its own file");
    // Neither the watch nor a reload.
    std::thread::sleep(Duration::from_millis(2500));
    stage.reload("vnc_token_source", "vnc_ping 21s; vnc_token_source");
    stage.server.wait_error_log("could not be judged again");
    std::thread::sleep(Duration::from_millis(1500));
    stage.assert_lives(&mut socket);
    std::fs::rename(tokens.with_extension("away"), &tokens).expect("its own file");
    stage.server.files().write("tokens", "");
    assert_ends(&mut socket, 4410, REMOVED);
}

#[test]
fn whoever_watches_somebody_must_still_be_allowed_to() {
    let stage = Stage::start(
        "map $cookie_team $role { red control; default view; }",
        "location / { vnc_pass %ONE%; } location /sessions/ { vnc_status; vnc_role $role; }",
    );
    let mut watched = stage.open("/");
    let list = super::get(&stage.server, "/sessions/sessions.json").text();
    let (_, id) = list.split_once("\"id\":\"").expect("a session");
    let (id, _) = id.split_once('"').expect("its name");
    let mut watch = stage.open(&format!("/sessions/watch/{id}/ws"));
    stage.reload("red control", "red  control");
    stage.assert_lives(&mut watched);
    stage.reload("red control", "blue control");
    assert_ends(&mut watch, 4410, REMOVED);
    stage.assert_lives(&mut watched);
}

#[test]
fn a_certificate_must_still_be_good_for_the_server_that_it_was_shown_to() {
    let vnc = VncServer::start(Look::default());
    let certs = Certs::default()
        .self_signed("ca")
        .self_signed("other")
        .self_signed("gateway")
        .signed("ann", "ca");
    let pair = "ssl_certificate %CERTS%/gateway.crt; ssl_certificate_key %CERTS%/gateway.key;";
    let first = "server { listen 127.0.0.1:%PORT1%; }";
    let text = format!(
        "events {{ }} http {{ vnc_revoke_grace 1s;
         map $ssl_client_s_dn $role {{ ~CN=ann control; default none; }}
         {first}
         server {{ listen 127.0.0.1:%PORT% ssl; {pair}
             ssl_client_certificate %CERTS%/ca.crt; ssl_verify_client on;
             location / {{ vnc_pass {}; vnc_role $role; }} }} }}",
        vnc.addr()
    );
    let fill = |text: &str| text.replace("%CERTS%", &certs.dir().display().to_string());
    let server = Setup::new(&fill(&text)).start(&portway());
    let ann = ["-cert", "ann.crt", "-key", "ann.key"];
    let mut socket = WebSocket::open(certs.door(server.addr(), &ann), "/ws", PAGE);
    enter(&mut socket);
    // Its server has another place in the configuration by now.
    let alone = text.replace(first, "");
    server.reload(&fill(&alone));
    let other = server.addr_of("PORT1");
    wait_true("the other server is gone", || {
        TcpStream::connect(other).is_err()
    });
    socket.send_binary(&KEY_A);
    vnc.wait_event(&Event::Key(1, 0x61));
    server.reload(&fill(
        &alone.replace("certificate %CERTS%/ca", "certificate %CERTS%/other"),
    ));
    assert_ends(&mut socket, 4410, REMOVED);
}

#[test]
fn another_policy_applies_to_sessions_that_run() {
    let stage = Stage::start(
        "map $cookie_team $role { red control; } vnc_desktop lab %ONE%;",
        "location / { vnc_wall all; vnc_role $role; }",
    );
    let mut socket = stage.open("/lab/");
    stage.assert_lives(&mut socket);
    stage.reload("red control", "red view");
    let policy = told(&mut socket, "\"policy\"");
    assert!(policy.contains("\"view_only\":true"), "{policy}");
    socket.send_binary(&[4, 1, 0, 0, 0, 0, 0, 0x62]);
    stage.server.wait_error_log("has another policy");
    stage.reload("red control", "red control");
    let policy = told(&mut socket, "\"policy\"");
    assert!(policy.contains("\"view_only\":false"), "{policy}");
    stage.assert_lives(&mut socket);
    let typed = stage.one.events();
    assert!(!typed.contains(&Event::Key(1, 0x62)), "it was only watched");
    assert!(!stage.server.error_log().contains("is to end"));
}

/// A token that was verified and what `auth_request` answered still count, and are not asked again.
#[test]
fn roles_of_tokens_and_answers_hold_over_a_reload() {
    let stage = Stage::start(
        "map $jwt_claim_team $role { red control; } map $answer $asked { /auth control; }",
        "location /jwt/ { vnc_pass %ONE%; vnc_role $role;
             auth_jwt x token=$arg_jwt; auth_jwt_key_file %DIR%/keys; }
         location /asked/ { vnc_pass %ONE%; vnc_role $asked;
             auth_request /auth; auth_request_set $answer $uri; }
         location = /auth { return 204; }",
    );
    let token = signed("{\"team\":\"red\"}");
    let mut sockets =
        [format!("/jwt/?jwt={token}"), "/asked/".to_owned()].map(|path| stage.open(&path));
    let more = "auth_request_set $answer $uri;";
    stage.reload("return 204", "return 403");
    std::thread::sleep(Duration::from_millis(1500));
    for socket in &mut sockets {
        stage.assert_lives(socket);
    }
    assert!(!stage.server.error_log().contains("is to end"));
    // What was not kept cannot be known.
    let to = format!("{more} auth_request_set $new $uri;");
    stage.reload(more, &to);
    stage
        .server
        .wait_error_log("could not be judged again: \"auth_request_set\"");
    stage.reload("red control", "blue control");
    let [jwt, asked] = &mut sockets;
    assert_ends(jwt, 4410, REMOVED);
    stage.assert_lives(asked);
    stage.reload("/auth control", "/no control");
    assert_ends(asked, 4410, REMOVED);
}
