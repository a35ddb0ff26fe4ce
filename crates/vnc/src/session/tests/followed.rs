//! Sessions whose server's side is read: what passes, and who taps it.

use std::sync::Arc;

use super::*;
use crate::{Piece, Pointer, Taken, Tap, TapSource, TapStart};

pub(super) const REQUEST: [u8; 10] = [3, 0, 0, 0, 0, 0, 3, 32, 2, 88];
/// A raw rectangle of two pixels.
pub(super) const PICTURE: [u8; 24] = [
    0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8,
];
const CUT_TEXT: [u8; 10] = [3, 0, 0, 0, 0, 0, 0, 2, b'h', b'i'];
const BELL: [u8; 1] = [2];

#[test]
fn the_machines_clipboard_does_not_reach_a_viewer_that_may_not_have_it() {
    let (server, told, say) = scripted_server();
    let policy = Policy {
        clipboard_out: false,
        ..policy()
    };
    let gateway = Gateway::start(target(server.addr()), policy);
    let mut viewer = enter(&gateway, "desk");
    viewer.send_binary(&REQUEST);
    receive(&told, 10);
    let (first, second) = PICTURE.split_at(9);
    for bytes in [
        &BELL[..],
        &CUT_TEXT,
        first,
        second,
        &CUT_TEXT[..5],
        &CUT_TEXT[5..],
        &BELL,
    ] {
        say.send(bytes.to_vec()).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    let expected = [&BELL[..], &PICTURE, &BELL].concat();
    assert_eq!(viewer.recv_bytes(expected.len()), expected);
    let [session] = gateway.sessions.list().try_into().unwrap();
    assert_eq!(
        (session.level, session.bytes_out),
        (2, expected.len() as u64)
    );
}

#[test]
fn a_clipboard_over_the_limit_passes_neither_way() {
    let (server, told, say) = scripted_server();
    let policy = Policy {
        clipboard_bytes_max: Some(1),
        ..policy()
    };
    let gateway = Gateway::start(target(server.addr()), policy);
    let mut viewer = enter(&gateway, "desk");
    let sent = [&[6, 0, 0, 0, 0, 0, 0, 2, b'h', b'i'][..], &REQUEST].concat();
    viewer.send_binary(&sent);
    assert_eq!(receive(&told, 10), REQUEST);
    say.send([&CUT_TEXT[..], &BELL].concat()).unwrap();
    assert_eq!(viewer.recv_bytes(1), BELL);
}

#[test]
fn a_viewer_that_may_not_resize_is_told_so() {
    let (server, told, say) = scripted_server();
    let policy = Policy {
        resize: false,
        clipboard_out: false,
        ..policy()
    };
    let gateway = Gateway::start(target(server.addr()), policy);
    let mut viewer = enter(&gateway, "desk");
    viewer.send_binary(&REQUEST);
    receive(&told, 10);
    say.send(BELL.to_vec()).unwrap();
    viewer.recv_bytes(1);
    let wish = [&[251, 0, 4, 0, 3, 0, 1, 0][..], &[0; 16]].concat();
    viewer.send_binary(&wish);
    let refusal = viewer.recv_bytes(16 + 4 + 16);
    assert_eq!(
        refusal[4..16],
        [0, 1, 0, 1, 3, 32, 2, 88, 0xff, 0xff, 0xfe, 0xcc]
    );
    viewer.send_binary(&REQUEST);
    assert_eq!(receive(&told, 10), REQUEST, "the machine learned nothing");
}

#[test]
fn a_server_that_cannot_be_followed_ends_the_session() {
    let (server, told, say) = scripted_server();
    let policy = Policy {
        clipboard_out: false,
        ..policy()
    };
    let gateway = Gateway::start(target(server.addr()), policy);
    let mut viewer = enter(&gateway, "desk");
    viewer.send_binary(&REQUEST);
    receive(&told, 10);
    say.send(vec![99]).unwrap();
    closed(&mut viewer, &Refusal::NotFollowed);
    let end = gateway.end();
    assert_eq!(end.reason, EndReason::Refused(Refusal::NotFollowed));
    assert!(end.detail.contains("unknown message type 99"), "{end}");
}

/// What a tap was given.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Given {
    Start {
        size: (u16, u16),
        format: u8,
        name: Vec<u8>,
    },
    Bytes(u8, Vec<u8>),
    Pointer(Pointer),
    End(String),
}

/// A tap that gives what it gets to the test.
#[derive(Debug, Clone)]
struct Listener {
    tell: mpsc::Sender<Given>,
    answer: Taken,
    refresh: Option<Duration>,
    /// Of the message that is arriving.
    partly: Vec<u8>,
}

impl TapSource for Mutex<Listener> {
    fn open(&self, start: &TapStart<'_>) -> Result<Box<dyn Tap>, Taken> {
        let listener = self.lock().unwrap().clone();
        let given = Given::Start {
            size: (start.width, start.height),
            format: start.pixel_format[0],
            name: start.name.to_vec(),
        };
        listener.tell.send(given).unwrap();
        Ok(Box::new(listener))
    }
}

impl Tap for Listener {
    fn message(&mut self, _at: Duration, piece: Piece<'_>) -> Taken {
        assert_eq!(piece.begins, self.partly.is_empty());
        self.partly.extend_from_slice(piece.bytes);
        if piece.ends {
            let whole = std::mem::take(&mut self.partly);
            let _ = self.tell.send(Given::Bytes(piece.kind, whole));
        }
        self.answer.clone()
    }

    fn pointer(&mut self, _at: Duration, pointer: Pointer) -> Taken {
        let _ = self.tell.send(Given::Pointer(pointer));
        Taken::Yes
    }

    fn refresh_every(&self) -> Option<Duration> {
        self.refresh
    }

    fn end(self: Box<Self>, _at: Duration, reason: &str) {
        let _ = self.tell.send(Given::End(reason.to_owned()));
    }
}

fn tapped(answer: Taken, refresh: Option<Duration>) -> (Policy, mpsc::Receiver<Given>) {
    let (tell, given) = mpsc::channel();
    let listener = Listener {
        tell,
        answer,
        refresh,
        partly: Vec::new(),
    };
    let policy = Policy {
        clipboard_out: false,
        taps: vec![Arc::new(Mutex::new(listener))],
        ..policy()
    };
    (policy, given)
}

#[test]
fn a_tap_gets_what_the_viewer_gets_from_its_first_request_on() {
    let (policy, given) = tapped(Taken::Yes, None);
    let (server, told, say) = scripted_server();
    let gateway = Gateway::start(target(server.addr()), policy);
    let mut viewer = enter(&gateway, "desk");
    let format = [16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0];
    viewer.send_binary(&[&[0, 0, 0, 0][..], &format].concat());
    receive(&told, 20);
    // What a server tells before is not for the tap, nor is the rest of it.
    let early = [0, 0, 0, 1, 0, 0, 0, 0, 3, 32, 2, 88, 0xff, 0xff, 0xff, 0x21];
    say.send(early[..5].to_vec()).unwrap();
    viewer.recv_bytes(4);
    viewer.send_binary(&REQUEST);
    receive(&told, 10);
    say.send(early[5..].to_vec()).unwrap();
    viewer.recv_bytes(12);
    let picture = [&PICTURE[..16], &[7; 4]].concat();
    let (first, second) = picture.split_at(18);
    for bytes in [first, &[second, &CUT_TEXT[..], &BELL].concat()] {
        say.send(bytes.to_vec()).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    viewer.recv_bytes(picture.len() + 1);
    viewer.send_binary(&[5, 1, 0, 10, 0, 20]);
    receive(&told, 6);
    viewer.send_close(1000, "");
    let expected = [
        Given::Start {
            size: (800, 600),
            format: 16,
            name: b"desk".to_vec(),
        },
        Given::Bytes(0, picture),
        Given::Bytes(2, BELL.to_vec()),
        Given::Pointer(Pointer {
            x: 10,
            y: 20,
            buttons: 1,
        }),
        Given::End("viewer-closed".into()),
    ];
    for expected in expected {
        assert_eq!(given.recv_timeout(testkit::DEADLINE), Ok(expected));
    }
}

#[test]
fn a_tap_may_stop_and_may_end_the_session() {
    for (answer, ends) in [
        (Taken::Stop("enough".into()), false),
        (Taken::EndSession("the disk is full".into()), true),
    ] {
        let (policy, given) = tapped(answer, None);
        let (server, told, say) = scripted_server();
        let gateway = Gateway::start(target(server.addr()), policy);
        let mut viewer = enter(&gateway, "desk");
        viewer.send_binary(&REQUEST);
        receive(&told, 10);
        say.send(BELL.to_vec()).unwrap();
        if ends {
            closed(&mut viewer, &Refusal::NotRecorded);
            let end = gateway.end();
            assert_eq!(end.reason, EndReason::Refused(Refusal::NotRecorded));
            assert!(end.detail.contains("the disk is full"), "{end}");
        } else {
            say.send(BELL.to_vec()).unwrap();
            assert_eq!(viewer.recv_bytes(2), [2, 2]);
            viewer.send_close(1000, "");
            let end = gateway.end();
            assert!(
                end.detail.contains("not tapped to the end: enough"),
                "{end}"
            );
        }
        let given: Vec<_> = given.iter().collect();
        assert_eq!(given.len(), 2, "start and one message: {given:?}");
    }
}

/// A recording that cannot begin.
#[derive(Debug)]
struct Broken;

impl TapSource for Broken {
    fn open(&self, _start: &TapStart<'_>) -> Result<Box<dyn Tap>, Taken> {
        Err(Taken::EndSession("no disk".into()))
    }
}

#[test]
fn no_key_reaches_the_machine_without_the_recording_that_must_be() {
    let policy = Policy {
        taps: vec![Arc::new(Broken)],
        ..policy()
    };
    let (server, told, _say) = scripted_server();
    let gateway = Gateway::start(target(server.addr()), policy);
    let mut viewer = enter(&gateway, "desk");
    viewer.send_binary(&[&KEY_DOWN[..], &REQUEST, &KEY_DOWN].concat());
    closed(&mut viewer, &Refusal::NotRecorded);
    gateway.end();
    // Letting go of what was never pressed does nothing.
    let got: Vec<u8> = told.iter().take(8).collect();
    assert!(got.is_empty() || got == KEY_UP, "{got:?}");
}

#[test]
fn the_whole_screen_is_asked_for_as_often_as_a_tap_wants_it() {
    let (policy, _given) = tapped(Taken::Yes, Some(Duration::from_millis(50)));
    let (server, told, say) = scripted_server();
    let gateway = Gateway::start(target(server.addr()), policy);
    let mut viewer = enter(&gateway, "desk");
    viewer.send_binary(&[3, 1, 0, 0, 0, 0, 0, 1, 0, 1]);
    receive(&told, 10);
    assert_eq!(receive(&told, 20), [REQUEST, REQUEST].concat());
    // It has the size that the screen has by now.
    let resized = [0, 0, 0, 1, 0, 0, 0, 0, 4, 0, 3, 0, 0xff, 0xff, 0xff, 0x21];
    say.send(resized.to_vec()).unwrap();
    viewer.recv_bytes(16);
    let wanted = [3, 0, 0, 0, 0, 0, 4, 0, 3, 0];
    testkit::wait_true("the new size is asked for", || receive(&told, 10) == wanted);
    // Inside a text that is being sent, it waits.
    viewer.send_binary(&[6, 0, 0, 0, 0, 0, 0, 4, 7, 7]);
    testkit::wait_true("the text began", || {
        receive(&told, 10) == [6, 0, 0, 0, 0, 0, 0, 4, 7, 7]
    });
    std::thread::sleep(Duration::from_millis(120));
    viewer.send_binary(&[7, 7]);
    assert_eq!(receive(&told, 2), [7, 7]);
    assert_eq!(receive(&told, 10), wanted);
}
