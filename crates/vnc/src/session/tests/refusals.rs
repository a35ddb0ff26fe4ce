//! Every way not to get a session, and what the viewer is told.

use std::net::TcpListener;
use std::os::fd::AsFd;

use testkit::vnc::{Look, Security, VncServer};

use super::*;

fn refused_by(goal: Result<Target, Refusal>, refusal: &Refusal) -> String {
    let gateway = Gateway::start(goal, policy());
    refused(&mut gateway.viewer(), refusal);
    let end = gateway.end();
    assert_eq!(end.reason, EndReason::Refused(refusal.clone()), "{end}");
    assert_eq!(end.connected_after, None);
    end.detail
}

fn peer_that_says(bytes: &'static [u8]) -> Upstream {
    Upstream::serving(move |peer| assert!(peer.send(bytes)))
}

#[test]
fn a_goal_that_is_none_is_told_with_its_code() {
    for refusal in [
        Refusal::UnknownToken,
        Refusal::NoRole,
        Refusal::UnknownDesktop,
    ] {
        refused_by(Err(refusal.clone()), &refusal);
    }
}

#[test]
fn an_old_viewer_is_told_in_its_own_encoding() {
    let gateway = Gateway::start(Err(Refusal::UnknownToken), policy());
    let mut viewer = gateway.viewer();
    viewer.recv_bytes(12);
    viewer.send_binary(b"RFB 003.003\n");
    let told = [vec![0; 4], reason(&Refusal::UnknownToken.sentence())].concat();
    assert_eq!(viewer.recv_bytes(told.len()), told);
    closed(&mut viewer, &Refusal::UnknownToken);
    gateway.refused_with(&Refusal::UnknownToken);
}

#[test]
fn a_machine_on_which_nothing_listens_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let detail = refused_by(target(addr), &Refusal::ConnectionRefused);
    assert!(detail.contains(&addr.to_string()), "{detail}");
    let absent = Ok("unix:/nonexistent/portway.sock".parse().unwrap());
    refused_by(absent, &Refusal::ConnectionRefused);
}

#[test]
fn a_name_that_does_not_resolve_is_told_apart() {
    // A label of 64 characters cannot be asked for, so that no network is needed.
    let name = format!("{}.test:5900", "x".repeat(64));
    refused_by(Ok(name.parse().unwrap()), &Refusal::NameNotFound);
}

#[test]
fn a_machine_that_does_not_answer_in_time_is_told_apart() {
    // A full backlog swallows connections as a machine behind a firewall does.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    rustix::net::listen(listener.as_fd(), 0).unwrap();
    let addr = listener.local_addr().unwrap();
    let _waiting = std::net::TcpStream::connect(addr).unwrap();
    refused_by(target(addr), &Refusal::Timeout);
}

#[test]
fn what_is_no_vnc_server_is_told_apart() {
    for banner in [
        &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
        b"HTTP/1.1 400 Bad Request\r\n",
        b"RFB 003.0",
    ] {
        refused_by(target(peer_that_says(banner).addr()), &Refusal::NotVnc);
    }
    let detail = refused_by(target(peer_that_says(b"").addr()), &Refusal::NotVnc);
    assert!(detail.contains("closed"), "{detail}");
    let silent = Upstream::serving(|peer| drop(peer.read_exact(1)));
    let detail = refused_by(target(silent.addr()), &Refusal::NotVnc);
    assert!(detail.contains("in time"), "{detail}");
}

#[test]
fn the_servers_own_refusal_is_passed_on_as_plain_text() {
    let security = Security::Refused("Too many\n authentication \x1b[1mfailures");
    let server = VncServer::start(Look {
        security,
        ..Look::default()
    });
    let words = "Too many authentication [1mfailures".to_owned();
    refused_by(target(server.addr()), &Refusal::ServerRefused(words));
}

#[test]
fn a_server_that_stalls_after_its_version_is_too_slow() {
    let server = Upstream::serving(|peer| {
        peer.send(VERSION);
        while peer.read_exact(1).is_some() {}
    });
    refused_by(target(server.addr()), &Refusal::Timeout);
}

#[test]
fn a_server_with_only_unknown_logins_is_refused_where_something_must_be_enforced() {
    let server = Upstream::serving(|peer| {
        peer.send(VERSION);
        peer.send(&[2, 6, 30]);
        while peer.read_exact(1).is_some() {}
    });
    let policy = Policy {
        view_only: true,
        ..policy()
    };
    let gateway = Gateway::start(target(server.addr()), policy);
    refused(&mut gateway.viewer(), &Refusal::UnsupportedSecurity);
    let end = gateway.end();
    assert!(end.detail.contains("[6, 30]"), "{end}");
}

#[test]
fn every_sentence_fits_a_close_frame_and_is_ascii() {
    let words = "w".repeat(96);
    let all = [
        Refusal::UnknownToken,
        Refusal::UnknownDesktop,
        Refusal::NoRole,
        Refusal::Busy,
        Refusal::NameNotFound,
        Refusal::HostDown,
        Refusal::ConnectionRefused,
        Refusal::Timeout,
        Refusal::NotVnc,
        Refusal::ServerRefused(words),
        Refusal::ServerRefused(String::new()),
        Refusal::WrongPassword,
        Refusal::StoredPassword,
        Refusal::StoredPasswordRests(Duration::from_secs(900)),
        Refusal::NoStoredPassword,
        Refusal::TooManyFailures(Duration::from_secs(900)),
        Refusal::NoEncryption,
        Refusal::UntrustedCertificate,
        Refusal::TlsFailed,
        Refusal::FarRefused,
        Refusal::FarFailed,
        Refusal::UnsupportedSecurity,
        Refusal::LoginTimeout,
        Refusal::Lost,
        Refusal::ServerClosed,
        Refusal::Cut(String::new()),
        Refusal::Removed,
        Refusal::Moved,
        Refusal::PasswordChanged,
        Refusal::Idle,
        Refusal::TimeOver,
        Refusal::Violation,
        Refusal::BadFrames(1002),
        Refusal::Restart,
        Refusal::Internal,
    ];
    for refusal in all {
        let sentence = refusal.sentence();
        assert!(sentence.len() <= 123 && sentence.is_ascii(), "{sentence}");
        assert!(
            proto::ws::may_be_received(refusal.close_code()),
            "{refusal:?}"
        );
    }
}
