//! Streams whose rules change, and extensions that are agreed on the way.

use super::server_stream::{BOTH_SIDES, MAPPED, RGB888, feed, init, rect, sides, update};
use crate::rfb::{ClientStream, Confirmations, Rules, Violation};

const KEY_DOWN: [u8; 8] = [4, 1, 0, 0, 0, 0, 0, 0x61];
const KEY_UP: [u8; 8] = [4, 0, 0, 0, 0, 0, 0, 0x61];
const POINTER: [u8; 6] = [5, 0, 0, 10, 0, 20];
const EXTENDED_POINTER: [u8; 7] = [5, 0x81, 0, 10, 0, 20, 1];
const REQUEST: [u8; 10] = [3, 0, 0, 0, 0, 0, 3, 32, 2, 88];
const MOUSE: i32 = -316;
const CLIPBOARD: i32 = 0xC0A1_E5CE_u32 as i32;

fn encodings(list: &[i32]) -> Vec<u8> {
    let mut out = vec![2, 0];
    out.extend_from_slice(&(list.len() as u16).to_be_bytes());
    list.iter()
        .for_each(|encoding| out.extend_from_slice(&encoding.to_be_bytes()));
    out
}

fn enforce(client: &mut ClientStream, rules: &Rules, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    client.enforce(bytes, rules, &mut out).unwrap();
    out
}

#[test]
fn extended_pointer_events_pass_once_the_server_has_agreed() {
    let (mut client, mut server) = sides(RGB888, &BOTH_SIDES, &[MOUSE]);
    // Before, a set top bit is the eighth button, and what follows is another message.
    let mut early = client.clone();
    let smuggled = [&EXTENDED_POINTER[..], &KEY_DOWN].concat();
    let mut out = Vec::new();
    let ended = early.enforce(&smuggled, &BOTH_SIDES, &mut out);
    assert_eq!(ended, Err(Violation::UnknownType(1)));
    assert_eq!(out, [5, 1, 0, 10, 0, 20]);

    feed(
        &mut server,
        &BOTH_SIDES,
        &[&update(&[rect((0, 0), MOUSE, &[])])],
    );
    client.agree(&mut server).unwrap();
    let bytes = [&EXTENDED_POINTER[..], &POINTER, &KEY_DOWN].concat();
    assert_eq!(enforce(&mut client, &BOTH_SIDES, &bytes), bytes);
    assert_eq!(client.pointer(), (10, 20, 0));
    // Only the side button is down: it is released by a plain event.
    enforce(&mut client, &BOTH_SIDES, &[5, 0x80, 0, 10, 0, 20, 1]);
    let mut release = Vec::new();
    client.release_held(&mut release);
    assert_eq!(release, [&KEY_UP[..], &POINTER].concat());
}

#[test]
fn a_server_that_was_not_asked_cannot_agree() {
    let (mut client, mut server) = sides(RGB888, &BOTH_SIDES, &[7]);
    feed(
        &mut server,
        &BOTH_SIDES,
        &[&update(&[rect((0, 0), MOUSE, &[])])],
    );
    client.agree(&mut server).unwrap();
    let out = enforce(&mut client, &BOTH_SIDES, &EXTENDED_POINTER[..6]);
    assert_eq!(out, [5, 1, 0, 10, 0, 20]);
}

#[test]
fn what_changes_lengths_is_asked_for_for_ever() {
    // A server that forgets what it agreed to would read the seventh byte as a message.
    let (mut client, mut server) = sides(RGB888, &BOTH_SIDES, &[MOUSE, CLIPBOARD, 7]);
    let again = enforce(&mut client, &BOTH_SIDES, &encodings(&[5]));
    assert_eq!(again, encodings(&[5, MOUSE, CLIPBOARD]));
    let none = enforce(&mut client, &BOTH_SIDES, &encodings(&[]));
    assert_eq!(none, encodings(&[MOUSE, CLIPBOARD]));
    // Also when the viewer may do less by then.
    let watching = Rules {
        view_only: true,
        clipboard_out: false,
        ..BOTH_SIDES
    };
    let again = enforce(&mut client, &watching, &encodings(&[5, MOUSE]));
    assert_eq!(again, encodings(&[5, MOUSE, CLIPBOARD]));
    feed(
        &mut server,
        &BOTH_SIDES,
        &[&update(&[rect((0, 0), MOUSE, &[])])],
    );
    client.agree(&mut server).unwrap();
    let out = enforce(&mut client, &BOTH_SIDES, &EXTENDED_POINTER);
    assert_eq!(out, EXTENDED_POINTER);
}

#[test]
fn pictures_without_a_length_are_not_negotiated_where_both_sides_are_read() {
    let wishes = [50, 21, 0x4832_3634, 15, 8, 7, 16, -308, -316, CLIPBOARD];
    let (mut client, _) = sides(RGB888, &BOTH_SIDES, &[]);
    let kept = enforce(&mut client, &BOTH_SIDES, &encodings(&wishes));
    assert_eq!(kept, encodings(&[7, 16, -308, -316, CLIPBOARD]));
    // Whoever may not resize still asks for layouts, and is told so when it tries.
    let watching = Rules {
        view_only: true,
        ..BOTH_SIDES
    };
    let (mut client, _) = sides(RGB888, &watching, &[]);
    let kept = enforce(&mut client, &watching, &encodings(&wishes));
    assert_eq!(kept, encodings(&[7, 16, -308, CLIPBOARD]));
}

#[test]
fn an_observed_stream_can_be_enforced_from_its_next_message_on() {
    let before = [&encodings(&[7, -258])[..], &KEY_DOWN].concat();
    let after = [&KEY_UP[..], &POINTER, &[3, 1, 0, 0, 0, 0, 3, 32, 2, 88]].concat();
    for at in 0..before.len() {
        let mut client = ClientStream::default();
        client.observe(&before[..at]);
        let rest = [&before[at..], &after].concat();
        let own = client.rest_of_message(&rest);
        client.observe(&rest[..own]);
        assert!(client.may_enforce() && client.is_at_boundary());
        let passed = enforce(&mut client, &Rules::VIEW_ONLY, &rest[own..]);
        let boundary = [0, 12, before.len()]
            .into_iter()
            .find(|boundary| *boundary >= at)
            .unwrap();
        assert_eq!(own, boundary - at, "split at {at}");
        let expected = match boundary {
            0 => [&encodings(&[7])[..], &after[14..]].concat(),
            _ => after[14..].to_vec(),
        };
        assert_eq!(passed, expected, "split at {at}");
    }
}

#[test]
fn an_observed_stream_that_servers_may_read_in_two_ways_cannot_be_enforced() {
    let asked = encodings(&[MOUSE, CLIPBOARD]);
    let request = [6, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc, 2, 0, 0, 1];
    for (bytes, may_enforce) in [
        (&KEY_DOWN[..], true),
        (&POINTER, true),
        (&EXTENDED_POINTER, false),
        (&request, false),
        (&[7, 7], false),
    ] {
        let mut client = ClientStream::default();
        client.observe(&asked);
        client.observe(bytes);
        assert_eq!(client.may_enforce(), may_enforce, "{bytes:?}");
    }
}

#[test]
fn where_agreement_is_not_known_what_comes_out_has_one_meaning() {
    let mut client = ClientStream::default();
    client.observe(&encodings(&[MOUSE, CLIPBOARD]));
    assert!(client.may_enforce());
    // The viewer may well know that the server agreed; the server gets what any server reads.
    let request = [6, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc, 2, 0, 0, 1];
    let bytes = [&EXTENDED_POINTER[..], &request, &KEY_DOWN].concat();
    let out = enforce(&mut client, &Rules::CONTROL, &bytes);
    assert_eq!(out, [&[5, 1, 0, 10, 0, 20][..], &KEY_DOWN].concat());
}

#[test]
fn what_is_held_is_released_though_the_viewer_has_begun_another_message() {
    let mut client = ClientStream::default();
    let mut out = enforce(&mut client, &Rules::CONTROL, &KEY_DOWN);
    out.extend(enforce(&mut client, &Rules::CONTROL, &KEY_DOWN[..3]));
    assert_eq!(out, KEY_DOWN, "nothing of the second message was sent");
    client.release_held(&mut out);
    assert_eq!(out, [KEY_DOWN, KEY_UP].concat());
    // In the middle of a text that is being sent it must wait.
    out = enforce(&mut client, &Rules::CONTROL, &KEY_DOWN[3..]);
    out.extend(enforce(
        &mut client,
        &Rules::CONTROL,
        &[6, 0, 0, 0, 0, 0, 0, 2, b'a'],
    ));
    client.release_held(&mut out);
    assert!(!client.is_at_boundary() && !out.ends_with(&KEY_UP));
}

#[test]
fn nothing_acts_before_updates_are_asked_for_where_both_sides_are_read() {
    let asked = encodings(&[-258, -308, -309]);
    let text = [6, 0, 0, 0, 0, 0, 0, 2, b'h', b'i'];
    let acting = [
        &KEY_DOWN[..],
        &POINTER,
        &text,
        &[250, 0, 1, 2],
        &[251, 0, 0, 9, 0, 9, 0, 0],
        &[255, 0, 0, 1, 0, 0, 0, 0x61, 0, 0, 0, 0x1e],
    ]
    .concat();
    let request = [3, 1, 0, 0, 0, 0, 3, 32, 2, 88];
    let mut client = ClientStream::beside_server(&init(RGB888));
    let bytes = [&asked[..], &acting, &request, &acting].concat();
    let expected = [&asked[..], &request, &acting].concat();
    assert_eq!(enforce(&mut client, &BOTH_SIDES, &bytes), expected);
}

/// A viewer that asked for these extensions and for updates, and whose server is heard at first.
fn heard(asked: &[i32]) -> (ClientStream, Confirmations) {
    let init = init(RGB888);
    let mut client = ClientStream::beside_confirmations(&init);
    client.observe(&[&encodings(asked)[..], &REQUEST].concat());
    (client, Confirmations::new(&init))
}

/// The server can do notify, and text.
const CAPS: [u8; 16] = [3, 0, 0, 0, 0xff, 0xff, 0xff, 0xf8, 1, 0, 0, 1, 0, 0, 0, 0];

#[test]
fn what_a_server_confirms_at_first_is_learned_however_it_is_split() {
    let pixels = update(&[rect((2, 1), 0, &[7; 8]), rect((0, 0), MOUSE, &[])]);
    let bytes = [&CAPS[..], &update(&[rect((1, 1), 0, &[3; 4])]), &pixels].concat();
    for step in 1..=bytes.len() {
        let (mut client, mut server) = heard(&[MOUSE, CLIPBOARD]);
        let mut pieces = bytes.chunks(step);
        while let Some(piece) = pieces.next() {
            let learns = client.learn(&mut server, piece);
            assert_eq!(learns, pieces.len() > 0, "in pieces of {step}");
        }
        let request = [6, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc, 2, 0, 0, 1];
        let extended = [&EXTENDED_POINTER[..], &request].concat();
        client.observe(&extended);
        assert!(client.may_enforce(), "in pieces of {step}");
        assert_eq!(enforce(&mut client, &Rules::CONTROL, &extended), extended);
        // What the server has agreed to, it is asked for for ever.
        let again = enforce(&mut client, &Rules::VIEW_ONLY, &encodings(&[5]));
        assert_eq!(again, encodings(&[5, MOUSE, CLIPBOARD]));
    }
}

#[test]
fn what_no_server_can_be_heard_to_confirm_stays_ambiguous() {
    let confirmed = [&CAPS[..], &update(&[rect((0, 0), MOUSE, &[])])].concat();
    let late_format = [&[0, 0, 0, 0][..], &MAPPED].concat();
    type Case<'a> = (&'a [i32], &'a [u8], &'a [u8], &'a str);
    let cases: [Case<'_>; 5] = [
        (&[CLIPBOARD], &[], &confirmed, "not asked for"),
        (&[MOUSE, CLIPBOARD], &[], &CAPS, "not confirmed"),
        (
            &[MOUSE, CLIPBOARD],
            &late_format,
            &confirmed,
            "the format changed late",
        ),
        (
            &[MOUSE, CLIPBOARD],
            &encodings(&[7]),
            &confirmed,
            "not asked for any more",
        ),
        (&[MOUSE], &[], &[77], "the server is not understood"),
    ];
    for (asked, then, server_says, why) in cases {
        let (mut client, mut server) = heard(asked);
        client.observe(then);
        client.learn(&mut server, server_says);
        if !asked.contains(&MOUSE) {
            client.observe(&encodings(&[MOUSE, CLIPBOARD]));
        }
        client.observe(&EXTENDED_POINTER);
        assert!(!client.may_enforce(), "{why}");
    }
}

#[test]
fn a_server_is_not_heard_for_ever() {
    let (mut client, mut server) = heard(&[MOUSE, CLIPBOARD]);
    let idle = update(&[rect((1, 1), 0, &[3; 4])]);
    let heard = (0..100).take_while(|_| client.learn(&mut server, &idle));
    assert_eq!(heard.count(), 7);
    // From then on a viewer that is held to rules cannot agree to anything new.
    let (mut late, mut server) = self::heard(&[7]);
    while late.learn(&mut server, &idle) {}
    let kept = enforce(
        &mut late,
        &Rules::CONTROL,
        &encodings(&[7, MOUSE, CLIPBOARD]),
    );
    assert_eq!(kept, encodings(&[7]));
}

#[test]
fn a_viewer_that_is_held_to_rules_from_the_start_agrees_while_the_server_is_heard() {
    let init = init(RGB888);
    let mut client = ClientStream::beside_confirmations(&init);
    let mut server = Confirmations::new(&init);
    let asked = encodings(&[7, MOUSE, CLIPBOARD]);
    assert_eq!(enforce(&mut client, &Rules::CONTROL, &asked), asked);
    // Not yet confirmed: written so that every server reads the same.
    let plain = enforce(&mut client, &Rules::CONTROL, &EXTENDED_POINTER);
    assert_eq!(plain, [5, 1, 0, 10, 0, 20]);
    enforce(&mut client, &Rules::CONTROL, &REQUEST);
    client.learn(&mut server, &update(&[rect((0, 0), MOUSE, &[])]));
    let extended = enforce(&mut client, &Rules::CONTROL, &EXTENDED_POINTER);
    assert_eq!(extended, EXTENDED_POINTER);
}

#[test]
fn tight_is_not_agreed_while_its_pixels_have_no_certain_length() {
    // As a server has it by itself: 32 bits for 24 of colours, but not called 24 deep.
    let mut native = RGB888;
    native[1] = 32;
    let ask = |format: Option<[u8; 16]>| {
        let mut client = ClientStream::beside_server(&init(native));
        if let Some(format) = format {
            enforce(&mut client, &BOTH_SIDES, &[&[0; 4][..], &format].concat());
        }
        enforce(&mut client, &BOTH_SIDES, &encodings(&[7, -260, 16]))
    };
    assert_eq!(ask(None), encodings(&[16]));
    assert_eq!(ask(Some(RGB888)), encodings(&[7, -260, 16]));
    assert_eq!(
        ask(Some(native)),
        encodings(&[7, -260, 16]),
        "spelled on its way"
    );
}
