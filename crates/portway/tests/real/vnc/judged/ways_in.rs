//! Sessions whose way in is another by now: their users, passwords and listeners.

use std::time::Duration;

use testkit::vnc::{Look, VncServer};
use testkit::{Setup, WebSocket, wait_for};

use super::{PAGE, REMOVED, Stage, assert_ends, told};
use crate::support::portway;
use crate::vnc::enter;

const MOVED: &str = "This desktop is reached at another address of the gateway now.";
const PASSWORD: &str = "Your password was changed; please sign in again.";

/// Of several ways in one is enough, also afterwards.
#[test]
fn a_session_goes_on_while_one_way_in_is_left() {
    let stage = Stage::start(
        "vnc_desktop lab %ONE%;",
        "satisfy any; deny all;
         location /d/ { auth_basic x; auth_basic_user_file users; vnc_wall all; }
         location /asked/ { auth_basic x; auth_basic_user_file others; auth_request /auth;
             vnc_wall all; }
         location = /auth { allow all; return 204; }",
    );
    let mut sockets = ["/d/lab/", "/asked/lab/"].map(|path| stage.open(path));
    // The address alone lets ann in, whose name is gone.
    stage.server.files().write("users", "bob:{PLAIN}secret\n");
    stage.reload("any; deny all", "any; allow 127.0.0.1; deny all");
    std::thread::sleep(Duration::from_millis(3500));
    for socket in &mut sockets {
        stage.assert_lives(socket);
    }
    let log = stage.server.error_log();
    assert!(!log.contains("is to end in 1s"), "{log}");
    // Who was let in by the answer of a service is not asked for a password afterwards.
    stage.reload("any; deny all", "any; deny  all");
    let [known, asked] = &mut sockets;
    assert_ends(known, 4410, REMOVED);
    stage.assert_lives(asked);
    stage.reload("auth_request /auth;", "");
    assert_ends(asked, 4410, REMOVED);
}

#[test]
fn a_user_who_is_gone_from_the_file_loses_the_session_without_a_reload() {
    let stage = Stage::start(
        "vnc_revoke_grace 3s; vnc_desktop lab %ONE%;",
        "location / { auth_basic x; auth_basic_user_file users; vnc_wall all; }
         location /any/ { satisfy any; deny all;
             auth_basic x; auth_basic_user_file users; vnc_wall all; }",
    );
    let mut sockets = ["/lab/", "/any/lab/"].map(|path| stage.open(path));
    let users = stage.server.files().path().join("users");
    let file = std::fs::read_to_string(&users).expect("its own file");
    // What cannot be read takes nobody's place away, nor does a change that is not ann's.
    std::fs::rename(&users, users.with_extension("away")).expect("its own file");
    std::thread::sleep(Duration::from_millis(2500));
    stage
        .server
        .files()
        .write("users", format!("{file}eve:{{PLAIN}}x\n"));
    std::thread::sleep(Duration::from_millis(2500));
    assert!(!stage.server.error_log().contains("is to end"));
    stage.server.files().write("users", "bob:{PLAIN}secret\n");
    for socket in &mut sockets {
        told(socket, "\"reason\":\"removed\",\"seconds\":3");
    }
    // Back in time.
    stage.server.files().write("users", &file);
    for socket in &mut sockets {
        told(socket, "\"reason\":\"removed\",\"over\":true");
        stage.assert_lives(socket);
    }
}

#[test]
fn another_password_ends_the_sessions_of_the_old_one() {
    let stage = Stage::start(
        "vnc_revoke_grace 3s; vnc_desktop lab %ONE%;",
        "location / { auth_basic x; auth_basic_user_file users; vnc_wall all; }",
    );
    let mut socket = stage.open("/lab/");
    // The same password behind another name, and with a comment, is the same.
    let users = |line: &str| {
        let text = format!("bob:{{PLAIN}}other\n{line}\n");
        stage.server.files().write("users", text);
    };
    users("ann:{PLAIN}secret:since Monday");
    std::thread::sleep(Duration::from_millis(2500));
    assert!(!stage.server.error_log().contains("is to end"));
    users("ann:{PLAIN}secret2");
    told(&mut socket, "\"reason\":\"password\",\"seconds\":3");
    // Back in time, and then for good.
    users("ann:{PLAIN}secret");
    told(&mut socket, "\"reason\":\"password\",\"over\":true");
    stage.assert_lives(&mut socket);
    users("ann:{PLAIN}secret2");
    told(&mut socket, "\"reason\":\"password\",\"seconds\":3");
    let close = socket.recv_close().expect("a close frame with its reason");
    assert_eq!(close, (4410, PASSWORD.to_owned()));
    socket.send_close(4410, "");
    stage
        .server
        .wait_error_log("ended: reason=password-changed");
    let log = stage.server.error_log();
    assert!(!log.contains("{PLAIN}"), "{log}");
}

#[test]
fn whose_server_listens_elsewhere_by_now_is_told_so() {
    let look = VncServer::start(Look::default());
    let text = "events { } http { vnc_revoke_grace 1s;
         server { listen 127.0.0.1:%PORT2%; server_name other; return 204; }
         server { listen 127.0.0.1:%PORT%; listen 127.0.0.1:%PORT2%; server_name desk; %IN% }
         server { listen 127.0.0.1:%PORT3%; server_name third; location / { vnc_pass %ONE%; } }
         }"
    .replace("%IN%", "location / { vnc_pass %ONE%; }")
    .replace("%ONE%", &look.addr().to_string());
    let server = Setup::new(&text).start(&portway());
    let open = |port: &str| {
        // The server before may still be there for a moment.
        let mut socket = wait_for("the desktop's server", || {
            WebSocket::try_open(server.addr_of(port), "http://desk/ws", PAGE).ok()
        });
        enter(&mut socket);
        socket
    };
    let ends = |port: &str, from: &str, to: &str, code, words| {
        let mut socket = open(port);
        assert!(text.contains(from), "{from}");
        server.reload(&text.replace(from, to));
        assert_ends(&mut socket, code, words);
        server.reload(&text);
    };
    // Nobody listens there any more; the server is still at the other address.
    ends("PORT", "listen 127.0.0.1:%PORT%; ", "", 1012, MOVED);
    // Somebody else does.
    ends(
        "PORT2",
        "%PORT%; listen 127.0.0.1:%PORT2%; server_name desk",
        "%PORT%; server_name desk",
        1012,
        MOVED,
    );
    // The desktop is nowhere in that server; the path leads to one in a server of another name.
    ends(
        "PORT2",
        "server_name desk; location / { vnc_pass",
        "server_name desk; location /x/ { vnc_pass",
        4410,
        REMOVED,
    );
}
