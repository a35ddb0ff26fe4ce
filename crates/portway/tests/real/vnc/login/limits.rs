//! Wrong passwords: people wait before a real TigerVNC would block the gateway.

use super::*;

/// TigerVNC's own limit, as it comes.
const BLOCKS_AFTER: u32 = 5;

#[test]
fn a_person_who_fails_waits_and_the_machine_stays_open_for_others() {
    let certs = certs();
    let (_desktop, port) = tigervnc("VncAuth", &certs, BLOCKS_AFTER);
    let inside = "auth_basic a; auth_basic_user_file people; vnc_login_limit 3 wait=60s;";
    let setup = Setup::new(CONF)
        .with(
            "INSIDE",
            format!("location / {{ vnc_pass 127.0.0.1:{port}; {inside} }}"),
        )
        .file("people", "ann:{PLAIN}a\nbob:{PLAIN}b\n");
    let server = setup.start(&portway());
    let open = |login: &str| {
        let fields = format!("Authorization: Basic {login}\r\n");
        let mut socket = WebSocket::open(server.addr(), "/", &fields);
        socket.recv_bytes(12);
        socket.send_binary(b"RFB 003.008\n");
        let count = socket.recv_bytes(1)[0];
        (socket, count)
    };
    // `ann:a` and `bob:b`.
    let (ann, bob) = ("YW5uOmE=", "Ym9iOmI=");
    for _ in 0..3 {
        let (mut socket, count) = open(ann);
        assert_eq!(socket.recv_bytes(count.into()), [2]);
        assert!(with_password(&mut socket, "wrong").is_some());
    }
    for _ in 0..10 {
        let (mut socket, count) = open(ann);
        assert_eq!(count, 0);
        let reason = reason(&mut socket);
        let start = "Too many wrong passwords for this desktop. Try again in ";
        assert!(reason.starts_with(start), "{reason}");
    }
    server.wait_error_log("reason=too-many-failures");
    let (mut socket, count) = open(bob);
    assert_eq!(socket.recv_bytes(count.into()), [2]);
    assert_eq!(with_password(&mut socket, EIGHT), None, "bob comes in");
    shown(&mut socket);
}

#[test]
fn a_wait_is_over_when_it_says_so() {
    let certs = certs();
    let (_desktop, port) = tigervnc("VncAuth", &certs, BLOCKS_AFTER);
    let server = gateway(port, "vnc_login_limit 1 wait=1s;", "");
    let (mut socket, _) = offered(&server);
    assert!(with_password(&mut socket, "wrong").is_some());
    assert!(told(&server).ends_with("Try again in 1 second."));
    wait_true("the wait's end", || {
        let (mut socket, types) = offered(&server);
        !types.is_empty() && with_password(&mut socket, EIGHT).is_none()
    });
}

#[test]
fn a_wrong_stored_password_never_locks_the_gateway_out() {
    let certs = certs();
    let (_desktop, port) = tigervnc("VncAuth", &certs, BLOCKS_AFTER);
    let wrong = format!("127.0.0.1:{port} password=wrong\n");
    let server = gateway(port, "vnc_credentials_file secrets;", &wrong);
    assert_eq!(
        told(&server),
        "The desktop does not accept the password stored for it."
    );
    for _ in 0..10 {
        let told = told(&server);
        assert!(told.contains("It is tried again in "), "{told}");
    }
    server.wait_error_log("reason=stored-password-rests");
    // The right one counts at once.
    server.files().write("secrets", stored(port));
    protect(&server.files().path().join("secrets"));
    server.signal(Signal::HUP);
    wait_true("the right password", || {
        let (mut socket, types) = offered(&server);
        types == [1] && {
            socket.send_binary(&[1]);
            verdict(&mut socket).is_none()
        }
    });
}
