//! Viewers' streams: lengths, rules, and the ways to lead a parser astray.

use crate::rfb::{ClientStream, Counts, Rules, Violation};

const KEY_DOWN: [u8; 8] = [4, 1, 0, 0, 0, 0, 0, 0x61];
const POINTER: [u8; 6] = [5, 0b101, 0, 10, 0, 20];
const UPDATE: [u8; 10] = [3, 1, 0, 0, 0, 0, 3, 32, 2, 88];
const PIXEL_FORMAT: [u8; 20] = [
    0, 0, 0, 0, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0,
];

fn encodings(list: &[i32]) -> Vec<u8> {
    let mut out = vec![2, 0];
    out.extend_from_slice(&(list.len() as u16).to_be_bytes());
    list.iter()
        .for_each(|encoding| out.extend_from_slice(&encoding.to_be_bytes()));
    out
}

fn cut_text(len: i32, body: &[u8]) -> Vec<u8> {
    [&[6, 0, 0, 0], &len.to_be_bytes()[..], body].concat()
}

/// Enforces at every split and demands one outcome.
fn enforce(rules: &Rules, bytes: &[u8]) -> (Vec<u8>, Option<Violation>) {
    let run = |pieces: &[&[u8]]| {
        let mut stream = ClientStream::default();
        let mut out = Vec::new();
        let ended = pieces
            .iter()
            .find_map(|piece| stream.enforce(piece, rules, &mut out).err());
        (out, ended)
    };
    let whole = run(&[bytes]);
    for at in 0..bytes.len() {
        assert_eq!(run(&[&bytes[..at], &bytes[at..]]), whole, "split at {at}");
    }
    whole
}

fn observe(bytes: &[u8]) -> ClientStream {
    let mut stream = ClientStream::default();
    stream.observe(bytes);
    for at in 0..bytes.len() {
        let mut split = ClientStream::default();
        split.observe(&bytes[..at]);
        split.observe(&bytes[at..]);
        assert_eq!(split.counts(), stream.counts(), "split at {at}");
        assert_eq!(split.is_lost(), stream.is_lost(), "split at {at}");
    }
    stream
}

#[test]
fn observation_counts_messages_keys_and_pointers() {
    let bytes = [
        &PIXEL_FORMAT[..],
        &encodings(&[7, -258, -312, -313, -308, -309]),
        &UPDATE,
        &KEY_DOWN,
        &POINTER,
        &cut_text(3, b"abc"),
        &[150, 1, 0, 0, 0, 0, 0, 9, 0, 9],
        &[&[248, 0, 0, 0, 0, 0, 0, 1, 2][..], b"xy"].concat(),
        &[250, 0, 1, 2],
        &[&[251, 0, 0, 9, 0, 9, 1, 0][..], &[0; 16]].concat(),
        &[253, 0x81, 0, 2, 9, 9],
        &[255, 0, 0, 1, 0, 0, 0, 0x61, 0, 0, 0, 0x1e],
        &[255, 1, 0, 0],
        &[255, 1, 0, 2, 3, 2, 0, 0, 172, 68],
    ]
    .concat();
    let stream = observe(&bytes);
    assert!(!stream.is_lost() && stream.is_at_boundary());
    assert_eq!(
        stream.counts(),
        Counts {
            messages: 14,
            keys: 2,
            pointers: 1
        }
    );
}

#[test]
fn the_latest_wish_for_a_size_that_may_not_pass_waits_until_it_may() {
    let wish = |width: u8| [&[251, 0, 4, width, 3, 0, 1, 0][..], &[9; 16]].concat();
    let hands_off = Rules {
        hands_off: true,
        ..Rules::CONTROL
    };
    let no_resize = Rules {
        resize: false,
        ..Rules::CONTROL
    };
    let asked = encodings(&[0, -308]);
    let last = wish(2);
    for at in 0..last.len() {
        let mut stream = ClientStream::default();
        let mut out = Vec::new();
        let mut enforce = |stream: &mut ClientStream, bytes: &[u8]| {
            stream.enforce(bytes, &hands_off, &mut out).unwrap();
        };
        enforce(&mut stream, &[&asked[..], &wish(1), &last[..at]].concat());
        let mut early = Vec::new();
        stream.clone().grant_size(&Rules::CONTROL, &mut early);
        assert_eq!(early, wish(1), "a wish that is not whole does not count");
        enforce(&mut stream, &[&last[at..], &UPDATE].concat());
        assert_eq!(out, [&asked[..], &UPDATE].concat());
        let mut granted = Vec::new();
        stream.grant_size(&hands_off, &mut granted);
        stream.grant_size(&no_resize, &mut granted);
        assert!(granted.is_empty());
        stream.grant_size(&Rules::CONTROL, &mut granted);
        stream.grant_size(&Rules::CONTROL, &mut granted);
        assert_eq!(granted, last, "split at {at}");
    }
}

#[test]
fn a_wish_for_a_size_that_no_server_would_answer_does_not_wait() {
    let wish = |count: u8| {
        let head = [251, 0, 4, 0, 3, 0, count, 0];
        [&head[..], &vec![0; 16 * usize::from(count)]].concat()
    };
    let hands_off = Rules {
        hands_off: true,
        ..Rules::CONTROL
    };
    let asked = encodings(&[0, -308]);
    let too_many = [&asked[..], &wish(17)].concat();
    let once = [&asked[..], &wish(1)].concat();
    // The last one's viewer was allowed another in between.
    for (bytes, then) in [(too_many, vec![]), (wish(1), vec![]), (once, wish(2))] {
        let mut stream = ClientStream::default();
        let mut out = Vec::new();
        stream.enforce(&bytes, &hands_off, &mut out).unwrap();
        stream.enforce(&then, &Rules::CONTROL, &mut out).unwrap();
        let mut granted = Vec::new();
        stream.grant_size(&Rules::CONTROL, &mut granted);
        assert!(granted.is_empty());
    }
}

#[test]
fn an_unknown_type_ends_observation_and_nothing_else() {
    let stream = observe(&[&KEY_DOWN[..], &[7, 4, 4, 4], &KEY_DOWN].concat());
    assert!(stream.is_lost());
    assert_eq!(stream.counts().keys, 1);
}

#[test]
fn a_pointer_event_has_seven_bytes_only_when_that_was_asked_for() {
    let eighth_button = [5, 0x80, 0, 1, 0, 2];
    let plain = observe(&[&eighth_button[..], &KEY_DOWN].concat());
    assert_eq!(
        plain.counts(),
        Counts {
            messages: 2,
            keys: 1,
            pointers: 1
        }
    );
    let asked = [&encodings(&[-316])[..], &eighth_button, &[1], &KEY_DOWN].concat();
    assert_eq!(
        observe(&asked).counts(),
        Counts {
            messages: 3,
            keys: 1,
            pointers: 1
        }
    );
}

#[test]
fn enforcement_keeps_the_server_from_ever_seeing_seven_byte_pointer_events() {
    // Asked for and taken out: six bytes on both sides, whatever the top bit says.
    let bytes = [
        &encodings(&[0, -316])[..],
        &[5, 0x81, 0, 1, 0, 2],
        &KEY_DOWN,
    ]
    .concat();
    let expected = [&encodings(&[0])[..], &[5, 0x01, 0, 1, 0, 2], &KEY_DOWN].concat();
    assert_eq!(enforce(&Rules::CONTROL, &bytes), (expected, None));
    // The seventh byte of a page that goes on regardless is the next message's type.
    let smuggled = [
        &encodings(&[-316])[..],
        &[5, 0x81, 0, 1, 0, 2],
        &[1],
        &KEY_DOWN,
    ]
    .concat();
    let (out, ended) = enforce(&Rules::CONTROL, &smuggled);
    assert_eq!(ended, Some(Violation::UnknownType(1)));
    assert!(!out.windows(8).any(|window| window == KEY_DOWN));
}

#[test]
fn a_negative_cut_text_length_never_passes() {
    // A server that takes the length for 0 would see a key event; one that takes it for its
    // absolute value would not.
    for bytes in [
        cut_text(-8, &KEY_DOWN),
        [
            encodings(&[0xC0A1_E5CE_u32 as i32]),
            cut_text(-8, &KEY_DOWN),
        ]
        .concat(),
        cut_text(i32::MIN, &KEY_DOWN),
    ] {
        for rules in [Rules::CONTROL, Rules::VIEW_ONLY] {
            let (out, ended) = enforce(&rules, &bytes);
            assert_eq!(ended, Some(Violation::NegativeCutText));
            assert!(!out.contains(&6));
        }
        assert!(observe(&bytes).counts().keys <= 1);
    }
}

#[test]
fn an_extended_clipboard_message_is_followed_when_it_was_asked_for() {
    let asked = encodings(&[0xC0A1_E5CE_u32 as i32]);
    let bytes = [&asked[..], &cut_text(-8, &KEY_DOWN), &KEY_DOWN].concat();
    assert_eq!(
        observe(&bytes).counts(),
        Counts {
            messages: 3,
            keys: 1,
            pointers: 0
        }
    );
}

#[test]
fn view_only_drops_every_message_that_acts() {
    let acting = [
        &KEY_DOWN[..],
        &POINTER,
        &cut_text(8, &KEY_DOWN),
        &[250, 0, 1, 3],
        &[&[251, 0, 0, 9, 0, 9, 1, 0][..], &[4; 16]].concat(),
        &[255, 0, 0, 1, 0, 0, 0, 0x61, 0, 0, 0, 0x1e],
        &[253, 0x80, 0, 2, 4, 4],
    ]
    .concat();
    let bytes = [&PIXEL_FORMAT[..], &acting, &UPDATE].concat();
    let expected = [&PIXEL_FORMAT[..], &UPDATE].concat();
    assert_eq!(enforce(&Rules::VIEW_ONLY, &bytes), (expected, None));
    let wishes = [7, -308, -309, -258, -223, -239];
    let (out, _) = enforce(&Rules::VIEW_ONLY, &encodings(&wishes));
    assert_eq!(out, encodings(&[7, -223, -239]));
}

#[test]
fn only_encodings_that_are_tracked_are_negotiated() {
    let wishes = [
        1, 7, -260, 5, 2, 0, 50, -26, -254, -223, -224, -308, -309, -312, -313, -307,
    ];
    let stripped = [-305, -316, 0xC0A1_E5CE_u32 as i32, 9999, -1, -300];
    let all = [&wishes[..], &stripped].concat();
    assert_eq!(
        enforce(&Rules::CONTROL, &encodings(&all)),
        (encodings(&wishes), None)
    );
    assert_eq!(
        enforce(&Rules::CONTROL, &encodings(&[])),
        (encodings(&[]), None)
    );
}

#[test]
fn the_wish_for_the_desktops_name_can_be_taken_out_anywhere() {
    let wishes = [&encodings(&[7, -307, -308])[..], &KEY_DOWN].concat();
    let expected = [&encodings(&[7, -352, -308])[..], &KEY_DOWN].concat();
    for at in 0..wishes.len() {
        let mut stream = ClientStream::default();
        let mut passed = wishes.clone();
        let (first, second) = passed.split_at_mut(at);
        stream.observe_without_name(first);
        stream.observe_without_name(second);
        assert_eq!(passed, expected, "split at {at}");
    }
    let rules = Rules {
        desktop_name: false,
        ..Rules::CONTROL
    };
    assert_eq!(enforce(&rules, &encodings(&[7, -307])).0, encodings(&[7]));
}

#[test]
fn quality_is_clamped_in_all_its_spellings() {
    let rules = Rules {
        quality_max: 3,
        ..Rules::CONTROL
    };
    let (out, _) = enforce(&rules, &encodings(&[7, -23, -32, -412, -763, -256]));
    assert_eq!(out, encodings(&[7, -29, -32, -256]));
}

#[test]
fn a_message_of_an_extension_that_was_not_agreed_ends_the_session() {
    let cases: &[(&[u8], u8)] = &[
        (&[150, 1, 0, 0, 0, 0, 0, 9, 0, 9], 150),
        (&[248, 0, 0, 0, 0, 0, 0, 1, 0], 248),
        (&[250, 0, 1, 2], 250),
        (&[251, 0, 0, 9, 0, 9, 0, 0], 251),
        (&[255, 0, 0, 1, 0, 0, 0, 0x61, 0, 0, 0, 0x1e], 255),
        (&[255, 1, 0, 0], 255),
    ];
    for (bytes, kind) in cases {
        let ended = enforce(&Rules::CONTROL, bytes);
        assert_eq!(ended, (vec![], Some(Violation::NotNegotiated(*kind))));
    }
}

#[test]
fn unknown_and_vendor_types_end_the_session() {
    for kind in [
        1, 7, 8, 9, 10, 11, 12, 13, 14, 15, 20, 21, 80, 127, 128, 249, 252, 254,
    ] {
        let ended = enforce(&Rules::CONTROL, &[kind, 0, 0, 0]);
        assert_eq!(ended, (vec![], Some(Violation::UnknownType(kind))));
    }
    let ended = enforce(&Rules::CONTROL, &[255, 7]).1;
    assert_eq!(ended, Some(Violation::UnknownQemuType(7)));
    let ended = enforce(&Rules::CONTROL, &[255, 1, 1, 2]).1;
    assert_eq!(ended, Some(Violation::UnknownQemuType(1)));
}

#[test]
fn sizes_have_caps() {
    let many = encodings(&[0; 513]);
    assert_eq!(
        enforce(&Rules::CONTROL, &many[..8]).1,
        Some(Violation::TooManyEncodings(513))
    );
    let fence = [248, 0, 0, 0, 0, 0, 0, 1, 65];
    assert_eq!(
        enforce(&Rules::CONTROL, &fence).1,
        Some(Violation::LongFence(65))
    );
    let screens = [&encodings(&[-308])[..], &[251, 0, 0, 9, 0, 9, 17, 0]].concat();
    assert_eq!(
        enforce(&Rules::CONTROL, &screens).1,
        Some(Violation::TooManyScreens(17))
    );
    let mut format = PIXEL_FORMAT;
    format[4] = 24;
    assert_eq!(
        enforce(&Rules::CONTROL, &format).1,
        Some(Violation::BadPixelFormat(24))
    );
}

#[test]
fn a_cut_text_over_the_limit_is_left_out_and_the_next_message_passes() {
    let rules = Rules {
        clipboard_bytes_max: 4,
        ..Rules::CONTROL
    };
    let bytes = [
        cut_text(5, b"12345"),
        cut_text(4, b"1234"),
        KEY_DOWN.to_vec(),
    ]
    .concat();
    let expected = [cut_text(4, b"1234"), KEY_DOWN.to_vec()].concat();
    assert_eq!(enforce(&rules, &bytes), (expected, None));
    let one_way = Rules {
        clipboard_in: false,
        ..Rules::CONTROL
    };
    assert_eq!(enforce(&one_way, &bytes), (KEY_DOWN.to_vec(), None));
}

#[test]
fn padding_and_flags_are_written_anew() {
    let odd = [
        4, 7, 9, 9, 0, 0, 0, 0x61, 3, 5, 0, 0, 0, 0, 3, 32, 2, 88, 6, 1, 2, 3, 0, 0, 0, 0,
    ];
    let clean = [&KEY_DOWN[..], &UPDATE, &cut_text(0, b"")].concat();
    assert_eq!(enforce(&Rules::CONTROL, &odd), (clean, None));
}

#[test]
fn what_is_held_is_released() {
    let qemu = [255, 0, 0, 1, 0, 0, 0, 0x62, 0, 0, 0, 0x30];
    let key_up = [4, 0, 0, 0, 0, 0, 0, 0x63];
    let other_down = [4, 1, 0, 0, 0, 0, 0, 0x63];
    let mut stream = observe(&[&KEY_DOWN[..], &qemu, &other_down, &key_up, &POINTER].concat());
    let mut out = Vec::new();
    stream.release_held(&mut out);
    let qemu_up = [255, 0, 0, 0, 0, 0, 0, 0x62, 0, 0, 0, 0x30];
    let pointer_up = [5, 0, 0, 10, 0, 20];
    let expected = [&qemu_up[..], &[4, 0, 0, 0, 0, 0, 0, 0x61], &pointer_up].concat();
    assert_eq!(out, expected);
    stream.release_held(&mut out);
    assert_eq!(out, expected, "nothing is held any more");
}

#[test]
fn nothing_is_put_inside_a_message() {
    let mut stream = ClientStream::default();
    stream.observe(&[&KEY_DOWN[..], &KEY_DOWN[..3]].concat());
    let mut out = Vec::new();
    stream.release_held(&mut out);
    assert!(out.is_empty());
}

#[test]
fn a_key_that_could_not_be_released_is_not_pressed() {
    let key = |is_down: u8, key: u8| [4, is_down, 0, 0, 0, 0, 0, key];
    let pressed: Vec<u8> = (0..32).flat_map(|at| key(1, at)).collect();
    let bytes = [
        &pressed[..],
        &key(1, 32),
        &key(1, 31),
        &key(0, 0),
        &key(1, 33),
    ]
    .concat();
    let expected = [&pressed[..], &key(1, 31), &key(0, 0), &key(1, 33)].concat();
    assert_eq!(enforce(&Rules::CONTROL, &bytes), (expected, None));
}
