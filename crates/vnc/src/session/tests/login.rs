//! Logging in: with a stored password, by the viewer, and blindly.

use testkit::vnc::{Event, Look, Security, VncServer};

use super::*;
use crate::Password;

const CHALLENGE: [u8; 16] = *b"0123456789abcdef";

fn server_asking(verdict: Option<&'static str>) -> VncServer {
    let security = Security::Challenge {
        challenge: CHALLENGE,
        verdict,
    };
    VncServer::start(Look {
        security,
        ..Look::default()
    })
}

fn response(password: &[u8]) -> Vec<u8> {
    proto::rfb::answer_challenge(password, &CHALLENGE).to_vec()
}

fn with_password() -> Policy {
    Policy {
        password: Some(Password::new(b"secret12")),
        ..policy()
    }
}

#[test]
fn a_stored_password_lets_the_viewer_in_without_one() {
    let server = server_asking(None);
    let gateway = Gateway::start(target(server.addr()), with_password());
    let mut viewer = gateway.viewer();
    assert_eq!(viewer.recv_bytes(12), VERSION);
    viewer.send_binary(VERSION);
    assert_eq!(viewer.recv_bytes(2), [1, 1]);
    viewer.send_binary(&[1]);
    assert_eq!(viewer.recv_bytes(4), [0; 4]);
    viewer.send_binary(&[0]);
    assert!(viewer.recv_bytes(24 + 12).ends_with(b"fake desktop"));
    assert_eq!(
        server.events(),
        [
            Event::ChallengeResponse(response(b"secret12")),
            Event::Init(1)
        ]
    );
}

#[test]
fn a_stored_password_that_is_wrong_is_not_blamed_on_the_viewer() {
    let server = server_asking(Some("Authentication failed"));
    let gateway = Gateway::start(target(server.addr()), with_password());
    refused(&mut gateway.viewer(), &Refusal::StoredPassword);
    let end = gateway.end();
    assert!(end.detail.contains("Authentication failed"), "{end}");
}

/// A viewer that has been shown the server's challenge and answers it.
fn answering(gateway: &Gateway, password: &[u8]) -> WebSocket {
    let mut viewer = gateway.viewer();
    assert_eq!(viewer.recv_bytes(12), VERSION);
    viewer.send_binary(VERSION);
    assert_eq!(viewer.recv_bytes(2), [1, 2]);
    viewer.send_binary(&[2]);
    assert_eq!(viewer.recv_bytes(16), CHALLENGE);
    viewer.send_binary(&response(password));
    viewer
}

#[test]
fn without_a_stored_password_the_viewer_logs_in_itself() {
    let server = server_asking(None);
    let policy = Policy {
        view_only: true,
        title: Some("Lab 1".into()),
        ..policy()
    };
    let gateway = Gateway::start(target(server.addr()), policy);
    let mut viewer = answering(&gateway, b"own");
    assert_eq!(viewer.recv_bytes(4), [0; 4]);
    viewer.send_binary(&[0]);
    assert!(viewer.recv_bytes(24 + 5).ends_with(b"\0\0\0\x05Lab 1"));
    server.wait_event(&Event::ChallengeResponse(response(b"own")));
}

#[test]
fn a_wrong_password_is_told_as_a_security_result() {
    let server = server_asking(Some("Authentication failure"));
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = answering(&gateway, b"wrong");
    let sentence = Refusal::WrongPassword.sentence();
    let told = [vec![0, 0, 0, 1], reason(&sentence)].concat();
    assert_eq!(viewer.recv_bytes(told.len()), told);
    closed(&mut viewer, &Refusal::WrongPassword);
    gateway.refused_with(&Refusal::WrongPassword);
}

#[test]
fn a_lockout_is_not_taken_for_a_wrong_password() {
    let server = server_asking(Some("Too many authentication failures"));
    let gateway = Gateway::start(target(server.addr()), with_password());
    let words = "Too many authentication failures".to_owned();
    refused(&mut gateway.viewer(), &Refusal::ServerRefused(words));
}

#[test]
fn a_person_that_does_not_log_in_is_let_go() {
    let server = server_asking(None);
    let policy = Policy {
        login_timeout: Duration::from_millis(100),
        ..policy()
    };
    let gateway = Gateway::start(target(server.addr()), policy);
    let mut viewer = gateway.viewer();
    viewer.send_binary(VERSION);
    viewer.send_binary(&[2]);
    viewer.recv_bytes(12 + 2 + 16);
    assert!(
        viewer.conn().silent_for(Duration::from_millis(300)),
        "the person still types"
    );
    viewer.send_binary(&response(b"late"));
    let told = [vec![0, 0, 0, 1], reason(&Refusal::LoginTimeout.sentence())].concat();
    assert_eq!(viewer.recv_bytes(told.len()), told);
    closed(&mut viewer, &Refusal::LoginTimeout);
    gateway.refused_with(&Refusal::LoginTimeout);
}

#[test]
fn a_server_that_gives_up_while_the_person_types_ends_the_login() {
    let server = Upstream::serving(|peer| {
        peer.send(VERSION);
        peer.send(&[1, 2]);
        peer.read_exact(13);
        peer.send(&CHALLENGE);
    });
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = gateway.viewer();
    viewer.send_binary(VERSION);
    viewer.send_binary(&[2]);
    viewer.recv_bytes(12 + 2 + 16);
    viewer.send_binary(&response(b"late"));
    viewer.recv_bytes(4 + 4 + Refusal::Lost.sentence().len());
    closed(&mut viewer, &Refusal::Lost);
}

#[test]
fn a_login_that_is_not_understood_passes_where_nothing_is_enforced() {
    let server = Upstream::serving(|peer| {
        peer.send(VERSION);
        peer.read_exact(12);
        peer.send(&[2, 30, 6]);
        assert_eq!(peer.read_exact(1), Some(vec![6]));
        peer.send(b"public key");
        assert_eq!(peer.read_exact(5), Some(b"other".to_vec()));
        peer.send(b"more");
    });
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = gateway.viewer();
    viewer.send_binary(VERSION);
    assert_eq!(viewer.recv_bytes(12 + 3)[12..], [2, 30, 6]);
    viewer.send_binary(&[6]);
    assert_eq!(viewer.recv_bytes(10), b"public key");
    viewer.send_binary(b"other");
    assert_eq!(viewer.recv_bytes(4), b"more");
    closed(&mut viewer, &Refusal::ServerClosed);
    gateway.refused_with(&Refusal::ServerClosed);
}

#[test]
fn types_that_are_followed_are_offered_first() {
    let server = Upstream::serving(|peer| {
        peer.send(VERSION);
        peer.send(&[4, 16, 30, 19, 2]);
        while peer.read_exact(1).is_some() {}
    });
    for (view_only, offer) in [(false, &[2, 2, 30][..]), (true, &[1, 2])] {
        let gateway = Gateway::start(
            target(server.addr()),
            Policy {
                view_only,
                ..policy()
            },
        );
        let mut viewer = gateway.viewer();
        viewer.send_binary(VERSION);
        assert_eq!(&viewer.recv_bytes(12 + offer.len())[12..], offer);
    }
}

#[test]
fn a_choice_that_was_not_offered_ends_the_session() {
    let server = server_asking(None);
    let gateway = Gateway::start(target(server.addr()), with_password());
    let mut viewer = gateway.viewer();
    viewer.send_binary(VERSION);
    viewer.recv_bytes(14);
    viewer.send_binary(&[2]);
    closed(&mut viewer, &Refusal::Violation);
    gateway.refused_with(&Refusal::Violation);
}
