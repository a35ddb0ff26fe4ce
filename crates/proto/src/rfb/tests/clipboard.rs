//! The extended clipboard where both sides are read: what passes, and what is too much.

use std::io::Write;

use super::server_stream::{BOTH_SIDES, RGB888, feed, sides};
use crate::rfb::{ClientStream, Rules, ServerFilter, Violation};

const EXTENDED: i32 = 0xC0A1_E5CE_u32 as i32;
const TEXT: u32 = 1;
const CAPS: u32 = 1 << 24;
const REQUEST: u32 = 1 << 25;
const PEEK: u32 = 1 << 26;
const NOTIFY: u32 = 1 << 27;
const PROVIDE: u32 = 1 << 28;

fn message(kind: u8, flags: u32, body: &[u8]) -> Vec<u8> {
    let len = -(4 + body.len() as i32);
    [
        &[kind, 0, 0, 0][..],
        &len.to_be_bytes(),
        &flags.to_be_bytes(),
        body,
    ]
    .concat()
}

fn packed(formats: &[&[u8]]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    for format in formats {
        encoder
            .write_all(&(format.len() as u32).to_be_bytes())
            .unwrap();
        encoder.write_all(format).unwrap();
    }
    encoder.finish().unwrap()
}

fn caps(kind: u8) -> Vec<u8> {
    message(kind, CAPS | REQUEST | NOTIFY | PROVIDE | TEXT, &[0; 4])
}

/// Both sides, agreed.
fn agreed(rules: &Rules) -> (ClientStream, ServerFilter) {
    let (mut client, mut server) = sides(RGB888, rules, &[EXTENDED]);
    let (passed, _, ended) = feed(&mut server, rules, &[&caps(3)]);
    assert_eq!((passed, ended), (caps(3), None));
    client.agree(&mut server).unwrap();
    (client, server)
}

/// What passes of each kind of message: caps, request, peek, notify, provide, plain.
fn passing(rules: &Rules) -> [String; 2] {
    let text = packed(&[b"text\0"]);
    let messages = |kind| {
        [
            caps(kind),
            message(kind, REQUEST | TEXT, &[]),
            message(kind, PEEK, &[]),
            message(kind, NOTIFY | TEXT, &[]),
            message(kind, PROVIDE | TEXT, &text),
            [&[kind, 0, 0, 0, 0, 0, 0, 2][..], b"ab"].concat(),
        ]
    };
    let names = ["caps", "request", "peek", "notify", "provide", "plain"];
    let (mut client, mut server) = agreed(rules);
    let inwards = messages(6).map(|message| {
        let mut out = Vec::new();
        client.enforce(&message, rules, &mut out).unwrap();
        assert!(out.is_empty() || out == message);
        !out.is_empty()
    });
    let outwards = messages(3).map(|message| {
        let (passed, _, ended) = feed(&mut server, rules, &[&message[..9], &message[9..]]);
        assert!(ended.is_none() && (passed.is_empty() || passed == message));
        !passed.is_empty()
    });
    [inwards, outwards].map(|passed| {
        let passed = names.iter().zip(passed).filter(|(_, passes)| *passes);
        passed.map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
    })
}

#[test]
fn each_policy_lets_through_what_it_says() {
    let all = "caps request peek notify provide plain";
    let (asks, tells) = ("caps request peek", "caps notify provide plain");
    let only_in = Rules {
        clipboard_out: false,
        ..BOTH_SIDES
    };
    let only_out = Rules {
        clipboard_in: false,
        ..BOTH_SIDES
    };
    let watching = Rules {
        view_only: true,
        ..BOTH_SIDES
    };
    let hands_off = Rules {
        hands_off: true,
        ..BOTH_SIDES
    };
    assert_eq!(passing(&BOTH_SIDES), [all, all]);
    assert_eq!(passing(&only_in), [tells, asks]);
    assert_eq!(passing(&only_out), [asks, tells]);
    assert_eq!(passing(&watching), [asks, tells]);
    assert_eq!(passing(&hands_off), [asks, tells]);
}

#[test]
fn where_no_clipboard_may_pass_the_extended_one_is_not_asked_for() {
    let off = Rules {
        clipboard_in: false,
        clipboard_out: false,
        ..BOTH_SIDES
    };
    let (mut client, mut server) = sides(RGB888, &off, &[EXTENDED]);
    assert_eq!(
        feed(&mut server, &off, &[&caps(3)]).2,
        Some(Violation::NegativeCutText)
    );
    let sent = client.enforce(&caps(6), &off, &mut Vec::new());
    assert_eq!(sent, Err(Violation::NegativeCutText));
}

#[test]
fn a_viewer_may_not_use_it_before_the_server_has_agreed() {
    let (mut client, mut server) = sides(RGB888, &BOTH_SIDES, &[EXTENDED]);
    let mut early = client.clone();
    // To the server the length would be one of four billion, or none.
    let sent = early.enforce(&caps(6), &BOTH_SIDES, &mut Vec::new());
    assert_eq!(sent, Err(Violation::NegativeCutText));
    // Plain text of the server does not say that it knows more.
    feed(&mut server, &BOTH_SIDES, &[&[3, 0, 0, 0, 0, 0, 0, 0]]);
    client.agree(&mut server).unwrap();
    let sent = client.enforce(&caps(6), &BOTH_SIDES, &mut Vec::new());
    assert_eq!(sent, Err(Violation::NegativeCutText));
}

#[test]
fn a_clipboard_that_unpacks_to_too_much_is_left_out_both_ways() {
    let rules = Rules {
        clipboard_bytes_max: 1000,
        ..BOTH_SIDES
    };
    let bomb = packed(&[&vec![b'a'; 1 << 20]]);
    assert!(bomb.len() < 1100, "packed, it is short");
    // A length that lies, more formats than were named, half a text, no text, no zlib.
    let mut lie = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    lie.write_all(&[0xff, 0xff, 0xff, 0xff, b'a']).unwrap();
    let two = packed(&[b"a", b"b"]);
    let whole = packed(&[b"text"]);
    let half = &whole[..whole.len() / 2];
    let bad: [&[u8]; 6] = [&bomb, &lie.finish().unwrap(), &two, half, &[], b"no zlib"];
    let (mut client, mut server) = agreed(&rules);
    for packed in bad {
        let mut out = Vec::new();
        let sent = message(6, PROVIDE | TEXT, packed);
        client.enforce(&sent, &rules, &mut out).unwrap();
        assert!(out.is_empty());
        let told = message(3, PROVIDE | TEXT, packed);
        let (passed, messages, _) = feed(&mut server, &rules, &[&told, &[2]]);
        assert_eq!((passed, messages), (vec![2], vec![(2, 1)]));
    }
    // At the limit it passes, also when its end is not marked; and so does what comes after.
    let text = vec![b'a'; 1000];
    let fits = packed(&[&text]);
    let mut unfinished = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    unfinished.write_all(&1000_u32.to_be_bytes()).unwrap();
    unfinished.write_all(&text).unwrap();
    unfinished.flush().unwrap();
    for packed in [&fits, unfinished.get_ref()] {
        let told = message(3, PROVIDE | TEXT, packed);
        let bytes = [&told[..], &[2]].concat();
        assert_eq!(feed(&mut server, &rules, &[&bytes]).0, bytes);
    }
    let sent = message(6, PROVIDE | TEXT, &packed(&[b"", b""]));
    let mut out = Vec::new();
    client.enforce(&sent, &rules, &mut out).unwrap();
    assert!(out.is_empty());
    let sent = message(6, PROVIDE | TEXT | 2, &packed(&[b"", b""]));
    client.enforce(&sent, &rules, &mut out).unwrap();
    assert_eq!(out, sent);
}

#[test]
fn formats_that_are_too_much_together_are_left_out() {
    let rules = Rules {
        clipboard_bytes_max: 1000,
        ..BOTH_SIDES
    };
    let (mut client, mut server) = agreed(&rules);
    let full = vec![b'a'; 1000];
    for (formats, passes) in [
        (&[&full[..], &full][..], true),
        (&[&full, &full, b""], true),
        (&[&full, &full, b"a"], false),
        (&[&full[..]; 16], false),
    ] {
        let flags = PROVIDE | ((1 << formats.len()) - 1);
        let packed = packed(formats);
        let sent = message(6, flags, &packed);
        let mut out = Vec::new();
        client.enforce(&sent, &rules, &mut out).unwrap();
        assert_eq!(out == sent, passes);
        assert_eq!(out.is_empty(), !passes);
        let told = message(3, flags, &packed);
        let passed = feed(&mut server, &rules, &[&told]).0;
        assert_eq!(passed == told, passes);
    }
}

#[test]
fn a_plain_text_over_the_limit_is_left_out_both_ways() {
    let rules = Rules {
        clipboard_bytes_max: 4,
        ..BOTH_SIDES
    };
    let (_, mut server) = agreed(&rules);
    let long = [&[3, 0, 0, 0, 0, 0, 0, 5][..], b"12345"].concat();
    let short = [&[3, 0, 0, 0, 0, 0, 0, 4][..], b"1234"].concat();
    let bytes = [&long[..], &short, &[2]].concat();
    let (passed, messages, _) = feed(&mut server, &rules, &[&bytes]);
    assert_eq!(passed, [&short[..], &[2]].concat());
    assert_eq!(messages, [(3, 12), (2, 1)]);
}

#[test]
fn what_is_no_clipboard_may_not_be_long() {
    let (mut client, mut server) = agreed(&BOTH_SIDES);
    for flags in [CAPS | TEXT, REQUEST | TEXT, NOTIFY | TEXT, 0] {
        let long = message(6, flags, &[4; 100]);
        let mut out = Vec::new();
        client.enforce(&long, &BOTH_SIDES, &mut out).unwrap();
        assert!(out.is_empty());
        let long = message(3, flags, &[4; 100]);
        assert!(feed(&mut server, &BOTH_SIDES, &[&long]).0.is_empty());
    }
}
