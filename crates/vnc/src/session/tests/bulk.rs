//! Screens that come faster than one read takes them.

use std::thread;

use super::*;

/// More than all buffers on the way hold together.
const SCREENS: usize = 24 * 1024 * 1024;

/// More than is ever copied at a time.
const SPLICED: usize = 256 * 1024;

/// Bytes that are nowhere the same as a little further on.
fn pattern(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..len).map(step).collect()
}

/// A server that sends all of it, and tells when it could.
fn flooding() -> (Upstream, mpsc::Receiver<()>) {
    let (tell, told) = mpsc::channel();
    let server = open_server(move |peer| {
        peer.send(&pattern(SCREENS));
        let _ = tell.send(());
        peer.hold();
    });
    (server, told)
}

#[test]
fn a_flood_arrives_whole_and_answers_stand_between_its_frames() {
    let (server, _told) = flooding();
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = enter(&gateway, "desk");
    let (mut got, mut longest, mut pongs) = (Vec::with_capacity(SCREENS), 0, 0);
    let mut pings = 0;
    while got.len() < SCREENS {
        if got.len() / (1024 * 1024) > pings {
            pings += 1;
            viewer.send_ping(&[pings as u8]);
        }
        match viewer.recv_frame() {
            (0x82, part) => {
                longest = longest.max(part.len());
                got.extend(part);
            }
            (0x8a, payload) => {
                pongs += 1;
                assert_eq!(payload, [pongs as u8]);
            }
            (other, _) => panic!("a frame of {other:#x}"),
        }
    }
    assert!(got == pattern(SCREENS), "nothing lost, nothing moved");
    assert!(longest > SPLICED, "the longest frame had {longest} bytes");
    while pongs < pings {
        pongs += usize::from(viewer.recv_frame().0 == 0x8a);
    }
}

#[test]
fn a_viewer_that_does_not_read_holds_the_server_up_and_is_told_the_end_behind_a_whole_frame() {
    let (server, told) = flooding();
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = enter(&gateway, "desk");
    let waited = told.recv_timeout(Duration::from_millis(300));
    assert!(
        waited.is_err(),
        "somebody took 24 MiB for a viewer that reads nothing"
    );
    let id = gateway.sessions.list()[0].id;
    let refusal = Refusal::Cut(String::new());
    assert!(gateway.sessions.cut(id, refusal.clone()));
    let reader = thread::spawn(move || viewer.recv_close());
    let expected = (refusal.close_code(), refusal.sentence().into_owned());
    assert_eq!(reader.join().unwrap(), Some(expected));
    gateway.refused_with(&refusal);
}
