//! Sessions with a screen: both directions, policy, cuts, ends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use testkit::vnc::{Event, Look, VncServer};

use super::*;
use crate::sessions::Entry;
use crate::sessions::control::Order;

/// A server that tells what it receives after the handshake.
pub(super) fn recording_server() -> (Upstream, mpsc::Receiver<u8>) {
    let (tell, told) = mpsc::channel();
    let server = open_server(move |peer| {
        while let Some(byte) = peer.read_exact(1) {
            let _ = tell.send(byte[0]);
        }
    });
    (server, told)
}

#[test]
fn pictures_and_keys_cross_and_the_end_says_how_much() {
    let server = VncServer::start(Look {
        size: (2, 1),
        ..Look::default()
    });
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = enter_fake(&gateway);
    viewer.send_binary(&[3, 0, 0, 0, 0, 0, 0, 2, 0, 1]);
    assert_eq!(viewer.recv_bytes(16 + 8)[16..20], [0xe0, 0x80, 0x20, 0]);
    viewer.send_fragments(&[&KEY_DOWN[..3], &KEY_DOWN[3..]]);
    server.wait_event(&Event::Key(1, 0x61));
    assert!(
        server.events().contains(&Event::Init(1)),
        "shared although the viewer said no"
    );
    let [session] = gateway.sessions.list().try_into().unwrap();
    assert!(session.connected && session.about.desktop == "lab");
    assert_eq!(
        (session.bytes_out, session.bytes_in, session.messages_in),
        (24, 18, 2)
    );
    viewer.send_close(1000, "bye");
    assert_eq!(viewer.recv_close(), Some((1000, String::new())));
    let end = gateway.end();
    assert_eq!(end.reason, EndReason::ViewerClosed(Some(1000)));
    assert_eq!(
        (end.bytes_in, end.bytes_out, end.id),
        (18, 24, Some(session.id))
    );
    assert!(end.connected_after.is_some());
    assert!(
        end.to_string()
            .starts_with("reason=viewer-closed in=18 out=24 time=0."),
        "{end}"
    );
}

fn enter_fake(gateway: &Gateway) -> WebSocket {
    let mut viewer = gateway.viewer();
    viewer.send_binary(VERSION);
    viewer.send_binary(&[1]);
    viewer.send_binary(&[0]);
    assert!(
        viewer
            .recv_bytes(12 + 2 + 4 + 24 + 12)
            .ends_with(b"fake desktop")
    );
    viewer
}

#[test]
fn a_title_takes_the_place_of_the_servers_name() {
    let (server, told) = recording_server();
    let policy = Policy {
        title: Some("Lab 1".into()),
        ..policy()
    };
    let gateway = Gateway::start(target(server.addr()), policy);
    let mut viewer = enter(&gateway, "Lab 1");
    // Nor is the server asked for its name later.
    viewer.send_binary(&[2, 0, 0, 1, 0xff, 0xff, 0xfe, 0xcd]);
    assert_eq!(receive(&told, 8), [2, 0, 0, 1, 0xff, 0xff, 0xfe, 0xa0]);
}

#[test]
fn what_came_with_the_upgrade_is_not_lost() {
    let (server, told) = recording_server();
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = gateway.viewer();
    // All at once: the gateway finds it in one read, far ahead of its turns.
    let script = [VERSION, &[1, 0], &KEY_DOWN].concat();
    viewer.send_binary(&script);
    assert_eq!(receive(&told, 8), KEY_DOWN);
}

#[test]
fn what_came_early_waits_until_it_is_known_who_controls() {
    let (server, told) = recording_server();
    let gateway = Gateway::start(target(server.addr()), policy());
    let other = gateway.sessions.enter(
        About::default(),
        target(server.addr()).ok(),
        &policy(),
        Subprotocol::Binary,
    );
    other.join();
    let ordered = gateway
        .sessions
        .order(other.entry.id(), Order::Take, "root");
    assert_eq!(ordered, Some(Ok(())));
    let mut viewer = gateway.viewer();
    let request = [3, 1, 0, 0, 0, 0, 3, 32, 2, 88];
    viewer.send_binary(&[VERSION, &[1, 0], &KEY_DOWN, &request].concat());
    assert_eq!(receive(&told, 10), request, "the keys are dropped");
}

#[test]
fn view_only_is_enforced_here() {
    let (server, told) = recording_server();
    let gateway = Gateway::start(
        target(server.addr()),
        Policy {
            view_only: true,
            ..policy()
        },
    );
    let mut viewer = enter(&gateway, "desk");
    let request = [3, 1, 0, 0, 0, 0, 3, 32, 2, 88];
    viewer.send_binary(&[&KEY_DOWN[..], &[5, 1, 0, 1, 0, 1], &request].concat());
    assert_eq!(receive(&told, 10), request);
    assert!(gateway.sessions.list()[0].view_only);
    viewer.send_binary(&[7]);
    closed(&mut viewer, &Refusal::Violation);
    let end = gateway.end();
    assert_eq!(end.reason, EndReason::Refused(Refusal::Violation));
    assert!(end.detail.contains("unknown message type 7"), "{end}");
}

#[test]
fn without_a_policy_even_unknown_messages_pass() {
    let (server, told) = recording_server();
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = enter(&gateway, "desk");
    let odd = [7, 99, 98, 97];
    viewer.send_binary(&odd);
    viewer.send_binary(&KEY_DOWN);
    assert_eq!(receive(&told, 12), [&odd[..], &KEY_DOWN].concat());
}

#[test]
fn a_cut_is_told_and_leaves_no_key_down() {
    let (server, told) = recording_server();
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = enter(&gateway, "desk");
    viewer.send_binary(&KEY_DOWN);
    assert_eq!(receive(&told, 8), KEY_DOWN);
    let id = gateway.sessions.list()[0].id;
    let why = Refusal::Cut("Maintenance at noon.".into());
    assert!(gateway.sessions.cut(id, why.clone()));
    closed(&mut viewer, &why);
    assert_eq!(receive(&told, 8), KEY_UP);
    gateway.refused_with(&why);
}

#[test]
fn a_cut_reaches_a_session_that_is_still_logging_in() {
    let (server, _told) = recording_server();
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = gateway.viewer();
    assert_eq!(viewer.recv_bytes(12), VERSION);
    testkit::wait_true("the session is listed", || gateway.sessions.len() == 1);
    assert_eq!(
        gateway.sessions.cut_matching(&Refusal::Restart, |_| true),
        1
    );
    viewer.send_binary(VERSION);
    let told = [vec![0], reason(&Refusal::Restart.sentence())].concat();
    let got = viewer.recv_bytes(1);
    // The offer may have gone out just before.
    if got == [0] {
        assert_eq!(viewer.recv_bytes(told.len() - 1), told[1..]);
    }
    assert_eq!(viewer.recv_close().unwrap().0, 1012);
}

#[test]
fn the_servers_end_comes_after_its_last_bytes() {
    let server = open_server(|peer| assert!(peer.send(&[2])));
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = enter(&gateway, "desk");
    assert_eq!(viewer.recv_bytes(1), [2]);
    closed(&mut viewer, &Refusal::ServerClosed);
    gateway.refused_with(&Refusal::ServerClosed);
}

#[test]
fn a_viewer_that_just_goes_is_noticed() {
    let (server, told) = recording_server();
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = enter(&gateway, "desk");
    viewer.send_binary(&KEY_DOWN);
    receive(&told, 8);
    drop(viewer);
    assert_eq!(gateway.end().reason, EndReason::ViewerGone);
    assert_eq!(receive(&told, 8), KEY_UP);
}

#[test]
fn pings_are_answered_between_frames() {
    let (server, _told) = recording_server();
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = enter(&gateway, "desk");
    viewer.send_ping(b"hello");
    assert_eq!(viewer.recv(), Message::Pong(b"hello".to_vec()));
}

#[test]
fn broken_framing_closes_with_its_code() {
    let cases: [(u8, &[u8], u16); 3] =
        [(0x81, b"text", 1003), (0xc2, b"", 1002), (0x83, b"", 1002)];
    for (first, payload, code) in cases {
        let (server, _told) = recording_server();
        let gateway = Gateway::start(target(server.addr()), policy());
        let mut viewer = enter(&gateway, "desk");
        viewer.send_frame(first, payload);
        closed(&mut viewer, &Refusal::BadFrames(code));
    }
}

#[test]
fn text_is_ignored_where_it_was_agreed() {
    let (server, told) = recording_server();
    let gateway = Gateway::speaking(target(server.addr()), policy(), Subprotocol::Portway);
    let mut viewer = enter(&gateway, "desk");
    viewer.send_text("{\"type\":\"hello\"}");
    viewer.send_binary(&KEY_DOWN);
    assert_eq!(receive(&told, 8), KEY_DOWN);
}

#[test]
fn a_viewer_that_takes_nothing_of_its_screen_does_not_hold_up_its_session() {
    let server = Upstream::serving(|peer| {
        peer.send(VERSION);
        peer.read_exact(12);
        peer.send(&[1, 1]);
        peer.read_exact(1);
        peer.send(&[0; 4]);
        peer.read_exact(1);
        peer.send(&init(&"n".repeat(4096)));
        while peer.read_exact(1).is_some() {}
    });
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    // Too little for a name of that length.
    rustix::net::sockopt::set_socket_send_buffer_size(&ours, 1).unwrap();
    let sessions = Sessions::new();
    let (table, goal) = (sessions.clone(), target(server.addr()));
    let session = std::thread::spawn(move || {
        let early = [VERSION, &[1], &[0]].map(|bytes| {
            let mut frame = vec![0x82, 0x80 | bytes.len() as u8, 0, 0, 0, 0];
            frame.extend_from_slice(bytes);
            frame
        });
        gateway::block_on(async move {
            let browser = Browser {
                stream: net::Stream::new(ours.into()).unwrap(),
                early: early.concat(),
                protocol: Subprotocol::Binary,
            };
            let pinging = Policy {
                ping: Duration::from_millis(500),
                ..policy()
            };
            run(browser, goal, pinging, About::default(), &table).await
        })
    });
    testkit::wait_true("it is found to be connected", || {
        sessions.list().iter().any(|session| session.connected)
    });
    let end = session.join().unwrap();
    assert_eq!(end.reason, EndReason::ViewerSilent, "as any that is silent");
    drop(theirs);
}

const FLOOD: usize = 48 << 20;

#[test]
fn a_viewer_that_does_not_read_stops_the_server_and_not_its_own_keys() {
    let sent = Arc::new(AtomicUsize::new(0));
    let progress = Arc::clone(&sent);
    let (tell, told) = mpsc::channel();
    let server = open_server(move |peer| {
        let mut back = peer.stream().try_clone().unwrap();
        let tell = tell.clone();
        std::thread::spawn(move || {
            let mut key = [0; 8];
            while std::io::Read::read_exact(&mut back, &mut key).is_ok() {
                let _ = tell.send(key);
            }
        });
        for at in 0..FLOOD / 65536 {
            peer.send(&[at as u8; 65536]);
            progress.fetch_add(65536, Ordering::Relaxed);
        }
    });
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = enter(&gateway, "desk");
    let mut seen = usize::MAX;
    testkit::wait_true("the server is stopped", || {
        let now = sent.load(Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(100));
        std::mem::replace(&mut seen, now) == now
    });
    // What the kernel's buffers on both legs hold, and one read of ours.
    assert!(
        seen < FLOOD / 2,
        "{seen} bytes were taken for a viewer that reads nothing"
    );
    viewer.send_binary(&KEY_DOWN);
    assert_eq!(told.recv_timeout(testkit::DEADLINE), Ok(KEY_DOWN));
    let got = viewer.recv_bytes(FLOOD);
    let whole = got
        .chunks(65536)
        .enumerate()
        .all(|(at, chunk)| chunk.iter().all(|b| *b == at as u8));
    assert!(whole && got.len() == FLOOD, "nothing was lost or reordered");
}

#[test]
fn a_session_at_rest_is_small() {
    let goal = || Err(Refusal::UnknownToken);
    let size = gateway::block_on(async {
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let stream = net::Stream::new(ours.into()).unwrap();
        let browser = Browser {
            stream,
            early: Vec::new(),
            protocol: Subprotocol::Binary,
        };
        let sessions = Sessions::new();
        size_of_val(&run(browser, goal(), policy(), About::default(), &sessions))
    });
    // The task, its line in the table with short texts, and the rules: all that a session owns.
    let entry = size_of::<Entry>() + 64;
    let size = size + size_of::<pump::Pump>();
    assert!(
        size + entry <= 2048,
        "{size} bytes of task and {entry} of entry"
    );
}
