//! Policies that change while a session runs.

use super::followed::{PICTURE, REQUEST};
use super::*;

const POINTER_DOWN: [u8; 6] = [5, 1, 0, 10, 0, 20];
const POINTER_UP: [u8; 6] = [5, 0, 0, 10, 0, 20];

fn watching() -> Policy {
    Policy {
        view_only: true,
        ..policy()
    }
}

/// The next text that tells the page what its person may do.
fn told_policy(viewer: &mut WebSocket) -> String {
    loop {
        match viewer.recv() {
            Message::Text(text) if text.contains("\"policy\"") => return text,
            Message::Text(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn only(gateway: &Gateway) -> SessionId {
    gateway.sessions.list()[0].id
}

#[test]
fn view_only_comes_and_goes_in_a_session_that_was_merely_observed() {
    let (server, told, _say) = scripted_server();
    let gateway = Gateway::speaking(target(server.addr()), policy(), Subprotocol::Portway);
    let mut viewer = enter(&gateway, "desk");
    viewer.send_binary(&[&KEY_DOWN[..], &POINTER_DOWN].concat());
    assert_eq!(receive(&told, 14), [&KEY_DOWN[..], &POINTER_DOWN].concat());
    assert!(gateway.sessions.set_policy(only(&gateway), &watching()));
    assert_eq!(receive(&told, 14), [&KEY_UP[..], &POINTER_UP].concat());
    assert_eq!(
        told_policy(&mut viewer),
        "{\"type\":\"policy\",\"view_only\":true,\"clipboard_in\":false,\
         \"clipboard_out\":true,\"resize\":false,\"power\":false,\"quality_max\":9}"
    );
    viewer.send_binary(&[&KEY_DOWN[..], &POINTER_DOWN, &REQUEST].concat());
    assert_eq!(receive(&told, 10), REQUEST, "input is dropped");
    let [session] = gateway.sessions.list().try_into().unwrap();
    assert!(session.view_only && !session.controls);

    assert!(gateway.sessions.set_policy(only(&gateway), &policy()));
    assert!(told_policy(&mut viewer).contains("\"view_only\":false"));
    viewer.send_binary(&KEY_DOWN);
    assert_eq!(receive(&told, 8), KEY_DOWN);
}

#[test]
fn a_message_that_is_under_way_passes_whole_before_the_rules_hold() {
    let (server, told, _say) = scripted_server();
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = enter(&gateway, "desk");
    viewer.send_binary(&[&KEY_DOWN[..], &KEY_DOWN[..3]].concat());
    assert_eq!(receive(&told, 11), [&KEY_DOWN[..], &KEY_DOWN[..3]].concat());
    assert!(gateway.sessions.set_policy(only(&gateway), &watching()));
    viewer.send_binary(&[&KEY_DOWN[3..], &POINTER_DOWN, &REQUEST].concat());
    let expected = [&KEY_DOWN[3..], &REQUEST, &KEY_UP].concat();
    assert_eq!(receive(&told, expected.len()), expected);
}

#[test]
fn whoever_is_not_in_control_may_only_watch_until_it_is_again() {
    let (server, told, say) = scripted_server();
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = enter(&gateway, "desk");
    // The extended mouse buttons stay agreed all the while.
    viewer.send_binary(&[&[2, 0, 0, 1, 0xff, 0xff, 0xfe, 0xc4][..], &REQUEST].concat());
    receive(&told, 18);
    let agreed = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xfe, 0xc4];
    say.send([&agreed[..], &PICTURE].concat()).unwrap();
    viewer.recv_bytes(16 + 24);
    viewer.send_binary(&[5, 0x81, 0, 10, 0, 20, 1]);
    assert_eq!(receive(&told, 7), [5, 0x81, 0, 10, 0, 20, 1]);
    let id = only(&gateway);
    let entry = gateway.sessions.entry(id).unwrap();
    entry.set_held(true);
    assert_eq!(receive(&told, 6), POINTER_UP);
    viewer.send_binary(&[&[5, 0x81, 0, 10, 0, 20, 1][..], &KEY_DOWN, &REQUEST].concat());
    assert_eq!(receive(&told, 10), REQUEST);
    assert!(!gateway.sessions.list()[0].controls);
    // What a reload says in between does not give it control.
    assert!(gateway.sessions.set_policy(
        id,
        &Policy {
            power: false,
            ..policy()
        }
    ));
    viewer.send_binary(&[&KEY_DOWN[..], &REQUEST].concat());
    assert_eq!(receive(&told, 10), REQUEST);
    entry.set_held(false);
    viewer.send_binary(&[5, 0x80, 0, 10, 0, 20, 2]);
    assert_eq!(receive(&told, 7), [5, 0x80, 0, 10, 0, 20, 2]);
}

#[test]
fn whoever_gets_control_gets_the_size_that_was_wished_for_meanwhile() {
    let (server, told, _say) = scripted_server();
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = enter(&gateway, "desk");
    let asked = [2, 0, 0, 1, 0xff, 0xff, 0xfe, 0xcc];
    viewer.send_binary(&[&asked[..], &REQUEST].concat());
    receive(&told, 18);
    let entry = gateway.sessions.entry(only(&gateway)).unwrap();
    entry.set_held(true);
    let wish = [&[251, 0, 4, 0, 3, 0, 1, 0][..], &[0; 16]].concat();
    viewer.send_binary(&[&wish[..], &REQUEST].concat());
    assert_eq!(receive(&told, 10), REQUEST);
    entry.set_held(false);
    assert_eq!(receive(&told, 24), wish, "the machine answers it now");
    viewer.send_binary(&REQUEST);
    assert_eq!(receive(&told, 10), REQUEST, "once");
}

#[test]
fn a_session_that_cannot_be_held_to_its_new_policy_ends_and_comes_back() {
    let no_clipboard = Policy {
        clipboard_out: false,
        ..policy()
    };
    let unknown = [7, 7, 7];
    // An extended clipboard message, which means something else to servers that do not know it.
    let ambiguous = [
        2, 0, 0, 1, 0xc0, 0xa1, 0xe5, 0xce, 6, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc, 2, 0, 0, 1,
    ];
    let cases: [(Policy, &[u8], Policy); 4] = [
        (policy(), &unknown, watching()),
        (policy(), &ambiguous, watching()),
        (policy(), &KEY_DOWN, no_clipboard.clone()),
        (watching(), &REQUEST, no_clipboard),
    ];
    for (before, sent, after) in cases {
        let (server, told, _say) = scripted_server();
        let gateway = Gateway::start(target(server.addr()), before);
        let mut viewer = enter(&gateway, "desk");
        viewer.send_binary(sent);
        receive(&told, sent.len());
        assert!(gateway.sessions.set_policy(only(&gateway), &after));
        closed(&mut viewer, &Refusal::PolicyChanged);
        gateway.refused_with(&Refusal::PolicyChanged);
    }
}

#[test]
fn a_policy_that_allows_all_changes_nothing_for_a_stream_that_was_lost() {
    let (server, told, _say) = scripted_server();
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = enter(&gateway, "desk");
    viewer.send_binary(&[7, 7, 7]);
    receive(&told, 3);
    let longer = Policy {
        idle: Some(Duration::from_secs(3600)),
        ..policy()
    };
    assert!(gateway.sessions.set_policy(only(&gateway), &longer));
    viewer.send_binary(&KEY_DOWN);
    assert_eq!(receive(&told, 8), KEY_DOWN);
}

#[test]
fn times_of_a_new_policy_count_from_now_on() {
    let (server, _told, _say) = scripted_server();
    let gateway = Gateway::start(target(server.addr()), policy());
    let mut viewer = enter(&gateway, "desk");
    let short = Policy {
        session_max: Some(Duration::from_millis(300)),
        ..policy()
    };
    assert!(gateway.sessions.set_policy(only(&gateway), &short));
    closed(&mut viewer, &Refusal::TimeOver);
    let unknown = SessionId::random().unwrap();
    assert!(!gateway.sessions.set_policy(unknown, &short));
}
