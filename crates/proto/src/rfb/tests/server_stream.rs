//! Servers' streams: where each message and rectangle ends, and what cannot be told.

use crate::rfb::{
    ClientStream, Framed, HEAD_LEN_MAX, Passed, Rules, ServerFilter, ServerInit, Violation,
};

/// 32 bits of which 24 are colours, as browsers have it.
pub(super) const RGB888: [u8; 16] = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
/// 16 bits.
const RGB565: [u8; 16] = [16, 16, 0, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0, 0, 0, 0];
/// 8 bits.
pub(super) const MAPPED: [u8; 16] = [8, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

pub(super) const BOTH_SIDES: Rules = Rules {
    both_sides: true,
    ..Rules::CONTROL
};

pub(super) fn init(pixel_format: [u8; 16]) -> ServerInit {
    ServerInit {
        width: 800,
        height: 600,
        pixel_format,
        name: b"desk".to_vec(),
    }
}

/// Both sides of a session whose viewer asked for these extensions and for updates.
pub(super) fn sides(
    pixel_format: [u8; 16],
    rules: &Rules,
    asked: &[i32],
) -> (ClientStream, ServerFilter) {
    let init = init(pixel_format);
    let (mut client, mut server) = (ClientStream::beside_server(&init), ServerFilter::new(&init));
    let mut bytes = vec![2, 0];
    bytes.extend_from_slice(&(asked.len() as u16).to_be_bytes());
    asked
        .iter()
        .for_each(|asked| bytes.extend_from_slice(&asked.to_be_bytes()));
    bytes.extend_from_slice(&[3, 0, 0, 0, 0, 0, 3, 32, 2, 88]);
    let mut out = Vec::new();
    client.enforce(&bytes, rules, &mut out).unwrap();
    client.agree(&mut server).unwrap();
    (client, server)
}

/// Feeds pieces as a session does; gives back what passed and how it was framed.
pub(super) fn feed(
    server: &mut ServerFilter,
    rules: &Rules,
    pieces: &[&[u8]],
) -> (Vec<u8>, Vec<(u8, usize)>, Option<Violation>) {
    let (mut passed, mut messages, mut carried) = (Vec::new(), Vec::new(), Vec::new());
    for piece in pieces {
        carried.extend_from_slice(piece);
        let note = |framed: Framed, bytes: &[u8]| {
            if framed.begins || messages.is_empty() {
                messages.push((framed.message.kind(), 0));
            }
            messages.last_mut().unwrap().1 += bytes.len();
        };
        match server.filter(&mut carried, rules, note) {
            Ok(filtered) => {
                match filtered.passed {
                    Passed::InPlace(n) => passed.extend_from_slice(&carried[..n]),
                    Passed::Apart(apart) => passed.extend_from_slice(&apart),
                }
                carried.drain(..filtered.used);
                assert!(carried.len() < HEAD_LEN_MAX);
            }
            Err(violation) => return (passed, messages, Some(violation)),
        }
    }
    (passed, messages, None)
}

/// How messages are framed; the same wherever they are split.
fn frames(format: [u8; 16], bytes: &[u8]) -> Result<Vec<(u8, usize)>, Violation> {
    let asked = [0xC0A1_E5CE_u32 as i32];
    let run = |pieces: &[&[u8]]| {
        let (_, mut server) = sides(format, &BOTH_SIDES, &asked);
        let (passed, messages, ended) = feed(&mut server, &BOTH_SIDES, pieces);
        match ended {
            Some(violation) => Err(violation),
            None => {
                assert!(bytes.starts_with(&passed));
                Ok(messages)
            }
        }
    };
    let whole = run(&[bytes]);
    for at in 0..bytes.len() {
        assert_eq!(run(&[&bytes[..at], &bytes[at..]]), whole, "split at {at}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(run(&single), whole, "byte by byte");
    whole
}

pub(super) fn rect(size: (u16, u16), encoding: i32, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 2];
    out.extend_from_slice(&size.0.to_be_bytes());
    out.extend_from_slice(&size.1.to_be_bytes());
    out.extend_from_slice(&encoding.to_be_bytes());
    out.extend_from_slice(body);
    out
}

pub(super) fn update(rects: &[Vec<u8>]) -> Vec<u8> {
    let head = [0, 0, (rects.len() >> 8) as u8, rects.len() as u8];
    [&head[..], &rects.concat()].concat()
}

/// A rectangle's update ends right after it, whatever its bytes are.
#[track_caller]
fn ends_with(format: [u8; 16], size: (u16, u16), encoding: i32, body: &[u8]) {
    let update = update(&[rect(size, encoding, body)]);
    let bytes = [&update[..], &[2]].concat();
    assert_eq!(
        frames(format, &bytes),
        Ok(vec![(0, update.len()), (2, 1)]),
        "encoding {encoding} at {size:?}"
    );
}

#[test]
fn every_message_ends_where_the_next_begins() {
    let messages: &[&[u8]] = &[
        &[0, 0, 0, 0],
        &[1, 0, 0, 7, 0, 2, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9],
        &[2],
        &[3, 0, 0, 0, 0, 0, 0, 2, 3, 3],
        &[3, 0, 0, 0, 0xff, 0xff, 0xff, 0xf8, 1, 0, 0, 1, 9, 9, 9, 9],
        &[150],
        &[248, 0, 0, 0, 0, 0, 0, 1, 3, 1, 1, 1],
        &[250, 0, 1, 2],
        &[253, 0x81, 0, 4, 0, 1, 0, 1],
        &[253, 0x01, 4, 0, 1, 0, 1, 0],
        &[255, 1, 0, 1],
        &[255, 1, 0, 2, 0, 0, 0, 3, 7, 7, 7],
        &[255, 1, 0, 0],
        &[3, 0, 0, 0, 0, 0, 0, 0],
    ];
    let expected: Vec<_> = messages
        .iter()
        .map(|message| (message[0], message.len()))
        .collect();
    assert_eq!(frames(RGB888, &messages.concat()), Ok(expected));
}

#[test]
fn plain_rectangles_have_the_length_of_their_pixels() {
    for (format, bytes) in [(RGB888, 4), (RGB565, 2), (MAPPED, 1)] {
        ends_with(format, (5, 3), 0, &[2; 15].repeat(bytes));
        ends_with(format, (0, 3), 0, &[]);
        ends_with(format, (5, 3), 1, &[2; 4]);
        // RRE and CoRRE: a background, then pixel and place of each subrectangle.
        let rre = [&[0, 0, 0, 2][..], &vec![2; bytes + 2 * (bytes + 8)]].concat();
        ends_with(format, (5, 3), 2, &rre);
        let corre = [&[0, 0, 0, 2][..], &vec![2; bytes + 2 * (bytes + 4)]].concat();
        ends_with(format, (5, 3), 4, &corre);
        let cursor = vec![2; 15 * bytes + 3];
        ends_with(format, (5, 3), -239, &cursor);
    }
}

#[test]
fn packed_rectangles_tell_their_length() {
    for encoding in [6, 16, 17, -307] {
        ends_with(RGB888, (500, 300), encoding, &[0, 0, 0, 3, 2, 2, 2]);
        ends_with(RGB888, (500, 300), encoding, &[0, 0, 0, 0]);
    }
}

#[test]
fn hextile_is_walked_tile_by_tile() {
    for (format, bytes) in [(RGB888, 4), (RGB565, 2), (MAPPED, 1)] {
        let pixel = vec![2; bytes];
        // 20 by 17: tiles of 16 by 16, 4 by 16, 16 by 1 and 4 by 1.
        let body = [
            vec![1],
            pixel.repeat(256),
            vec![2 | 4 | 8],
            pixel.repeat(2),
            vec![3, 2, 2, 2, 2, 2, 2],
            vec![8 | 16, 2],
            [pixel.clone(), vec![2, 2]].concat().repeat(2),
            vec![0],
        ]
        .concat();
        ends_with(format, (20, 17), 5, &body);
        // Without subrectangles their colours mean nothing; no subrectangles are possible.
        ends_with(format, (16, 16), 5, &[16]);
        ends_with(format, (16, 16), 5, &[8, 0]);
        ends_with(format, (16, 0), 5, &[]);
        ends_with(format, (0, 16), 5, &[]);
    }
    let wide = vec![0; 4096 * 4096];
    let bytes = update(&[rect((65535, 65535), 5, &wide)]);
    let (_, mut server) = sides(RGB888, &BOTH_SIDES, &[]);
    let (_, messages, ended) = feed(&mut server, &BOTH_SIDES, &[&bytes, &[2]]);
    assert_eq!(
        (messages.len(), ended),
        (2, None),
        "the edge of what can be"
    );
}

#[test]
fn tight_is_read_as_far_as_its_lengths() {
    for (format, pixel) in [(RGB888, 3), (RGB565, 2), (MAPPED, 1)] {
        // Filled; a JPEG with each form of length.
        ends_with(
            format,
            (300, 200),
            7,
            &[&[0x8f][..], &vec![2; pixel]].concat(),
        );
        ends_with(format, (300, 200), 7, &[0x90, 2, 2, 2]);
        let long = [&[0x90, 0x80, 0x01][..], &[2; 128]].concat();
        ends_with(format, (300, 200), 7, &long);
        let longer = [&[0x90, 0x80, 0x80, 0x01][..], &vec![2; 16384]].concat();
        let bytes = update(&[rect((300, 200), 7, &longer)]);
        let (_, mut server) = sides(format, &BOTH_SIDES, &[]);
        let (_, messages, _) = feed(&mut server, &BOTH_SIDES, &[&bytes, &[2]]);
        assert_eq!(messages, [(0, bytes.len()), (2, 1)]);
        // Copied: short enough to be as it is, or packed with its length.
        ends_with(
            format,
            (3, 1),
            7,
            &[&[0x00][..], &vec![2; 3 * pixel]].concat(),
        );
        ends_with(format, (40, 4), 7, &[0x20, 2, 2, 2]);
        // A gradient.
        ends_with(format, (40, 4), 7, &[0x40, 2, 2, 2, 2]);
        // Two colours: a bit each, 11 rows of one byte, then 12.
        let two = [&[0x40, 1, 1][..], &vec![2; 2 * pixel]].concat();
        ends_with(format, (8, 11), 7, &[&two[..], &[2; 11]].concat());
        ends_with(format, (8, 12), 7, &[&two[..], &[3, 2, 2, 2]].concat());
        // More colours: a byte each.
        let five = [&[0x70, 1, 4][..], &vec![2; 5 * pixel]].concat();
        ends_with(format, (4, 2), 7, &[&five[..], &[2; 8]].concat());
        ends_with(format, (4, 3), 7, &[&five[..], &[1, 2]].concat());
        let all = [&[0x40, 1, 255][..], &vec![2; 256 * pixel], &[1, 2]].concat();
        ends_with(format, (40, 4), 7, &all);
        // Without compression, as some servers send it.
        ends_with(format, (40, 4), 7, &[0xa0, 2, 2, 2]);
        ends_with(format, (40, 4), 7, &[0xe0, 0, 2, 2, 2]);
        // TightPNG.
        ends_with(format, (40, 4), -260, &[0xa0, 2, 2, 2]);
        ends_with(
            format,
            (40, 4),
            -260,
            &[&[0x80][..], &vec![2; pixel]].concat(),
        );
    }
    let unknown = |encoding, body: &[u8]| frames(RGB888, &update(&[rect((4, 4), encoding, body)]));
    assert_eq!(unknown(7, &[0xb0]), Err(Violation::UnknownTight(0xb0)));
    assert_eq!(unknown(-260, &[0x00]), Err(Violation::UnknownTight(0)));
    assert_eq!(unknown(7, &[0x40, 3]), Err(Violation::UnknownFilter(3)));
}

#[test]
fn what_is_no_picture_has_its_length_too() {
    ends_with(RGB888, (9, 3), -240, &[2; 6 + 2 * 6]);
    ends_with(RGB888, (0, 3), -240, &[]);
    for (format, bytes) in [(RGB888, 4), (RGB565, 2)] {
        let classic = [&[0, 0][..], &vec![2; 2 * 15 * bytes]].concat();
        ends_with(format, (5, 3), 0x574d_5664, &classic);
        let alpha = [&[1, 0][..], &[2; 60]].concat();
        ends_with(format, (5, 3), 0x574d_5664, &alpha);
    }
    for empty in [-223, -258, -259, -316] {
        ends_with(RGB888, (5, 3), empty, &[]);
    }
    ends_with(RGB888, (5, 3), -261, &[2]);
    ends_with(RGB888, (5, 3), -308, &[0, 0, 0, 0]);
    ends_with(
        RGB888,
        (5, 3),
        -308,
        &[&[3, 0, 0, 0][..], &[2; 48]].concat(),
    );
    let unknown = update(&[rect((5, 3), 0x574d_5664, &[2, 0])]);
    assert_eq!(frames(RGB888, &unknown), Err(Violation::UnknownCursor(2)));
}

#[test]
fn the_last_rectangle_ends_an_update_whatever_its_number() {
    let rects = [
        rect((1, 1), 0, &[2; 4]),
        rect((1, 1), 1, &[2; 4]),
        rect((0, 0), -224, &[]),
    ];
    let update = [&[0, 0, 0xff, 0xff][..], &rects.concat()].concat();
    let bytes = [&update[..], &[2]].concat();
    assert_eq!(frames(RGB888, &bytes), Ok(vec![(0, update.len()), (2, 1)]));
}

#[test]
fn what_cannot_be_followed_is_named() {
    for kind in [4, 5, 7, 11, 127, 151, 173, 249, 252, 254] {
        let ended = frames(RGB888, &[2, kind, 0, 0, 0]);
        assert_eq!(ended, Err(Violation::UnknownServerType(kind)));
    }
    // No length, or one that needs the data to be read.
    for encoding in [3, 8, 15, 21, 50, 0x4832_3634, -314, -257, 9999] {
        let ended = frames(RGB888, &update(&[rect((1, 1), encoding, &[])]));
        assert_eq!(ended, Err(Violation::UnknownEncoding(encoding)));
    }
    assert_eq!(
        frames(RGB888, &[255, 0]),
        Err(Violation::UnknownQemuType(0))
    );
    assert_eq!(
        frames(RGB888, &[255, 1, 0, 3]),
        Err(Violation::UnknownQemuType(1))
    );
}

#[test]
fn a_negative_cut_text_length_means_nothing_where_it_was_not_asked_for() {
    // To a viewer that reads it as a number without sign, everything that follows is text.
    let bytes = [3, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc, 0x10, 0, 0, 1, 2];
    let (_, mut server) = sides(RGB888, &BOTH_SIDES, &[7]);
    let (passed, _, ended) = feed(&mut server, &BOTH_SIDES, &[&bytes]);
    assert_eq!((passed, ended), (vec![], Some(Violation::NegativeCutText)));
    for len in [-1_i32, -3] {
        let bytes = [&[3, 0, 0, 0][..], &len.to_be_bytes(), &[0; 4]].concat();
        assert_eq!(
            frames(RGB888, &bytes),
            Err(Violation::ShortClipboard(len.unsigned_abs()))
        );
    }
}

#[test]
fn the_size_of_the_screen_is_known() {
    let (_, mut server) = sides(RGB888, &BOTH_SIDES, &[-308, -223]);
    assert_eq!(server.stream().size(), (800, 600));
    let resized = update(&[rect((1024, 768), -223, &[])]);
    feed(&mut server, &BOTH_SIDES, &[&resized]);
    assert_eq!(server.stream().size(), (1024, 768));
    let layout = [&[1, 0, 0, 0][..], &[2; 16]].concat();
    let laid_out = update(&[rect((640, 480), -308, &layout)]);
    feed(&mut server, &BOTH_SIDES, &[&laid_out]);
    assert_eq!(server.stream().size(), (640, 480));
    // A wish of this viewer that was not granted changes nothing.
    let mut refused = update(&[rect((9, 9), -308, &layout)]);
    refused[4..8].copy_from_slice(&[0, 1, 0, 2]);
    feed(&mut server, &BOTH_SIDES, &[&refused]);
    assert_eq!(server.stream().size(), (640, 480));
}

#[test]
fn a_wish_for_another_size_that_is_not_granted_is_answered_between_two_messages() {
    let rules = Rules {
        resize: false,
        ..BOTH_SIDES
    };
    let (mut client, mut server) = sides(RGB888, &rules, &[-308]);
    let screen = [0, 0, 0, 9, 0, 0, 0, 0, 3, 32, 2, 88, 0, 0, 0, 1];
    let layout = [&[1, 0, 0, 0][..], &screen].concat();
    let told = update(&[rect((800, 600), -308, &layout)]);
    let bytes = [&told[..], &[2]].concat();
    let wish = [&[251, 0, 4, 0, 3, 0, 1, 0][..], &[0; 16]].concat();
    let mut refusal = update(&[rect((800, 600), -308, &layout)]);
    refusal[4..8].copy_from_slice(&[0, 1, 0, 1]);

    // The server is in the middle of a message.
    let (first, second) = bytes.split_at(30);
    let begun = feed(&mut server, &rules, &[first]).0;
    let left = &first[begun.len()..];
    let mut out = Vec::new();
    client.enforce(&wish, &rules, &mut out).unwrap();
    assert!(out.is_empty(), "the machine does not learn of it");
    client.agree(&mut server).unwrap();
    assert!(!server.owes());
    let (passed, messages, _) = feed(&mut server, &rules, &[left, second]);
    let expected = [left, &second[..second.len() - 1], &refusal, &[2]].concat();
    assert_eq!(passed, expected);
    assert_eq!(messages[1..], [(0, refusal.len()), (2, 1)]);

    // The server is quiet.
    client.enforce(&wish, &rules, &mut out).unwrap();
    client.agree(&mut server).unwrap();
    assert!(server.owes());
    assert_eq!(feed(&mut server, &rules, &[&[]]).0, refusal);
    assert!(!server.owes());
}

#[test]
fn a_pixel_format_that_servers_read_in_different_ways_does_not_pass() {
    let set = |format: [u8; 16]| [&[0, 0, 0, 0][..], &format].concat();
    let with = |changes: &[(usize, u8)]| {
        let mut format = RGB888;
        changes.iter().for_each(|(at, value)| format[*at] = *value);
        format
    };
    let enforce = |format: [u8; 16]| {
        let mut client = ClientStream::beside_server(&init(RGB565));
        let mut out = Vec::new();
        let ended = client.enforce(&set(format), &BOTH_SIDES, &mut out).err();
        let request = [3, 1, 0, 0, 0, 0, 3, 32, 2, 88];
        if ended.is_none() {
            client.enforce(&request, &BOTH_SIDES, &mut out).unwrap();
            assert_eq!(out[20..], request);
            assert_eq!(client.format_of_updates().unwrap()[..], out[4..20]);
            out.truncate(20);
        }
        (out, ended)
    };
    let refused = (vec![], Some(Violation::AmbiguousPixelFormat));
    // QEMU would send bytes for pixels.
    assert_eq!(enforce(with(&[(3, 0)])), refused);
    assert_eq!(enforce(with(&[(0, 16), (1, 16), (3, 0)])), refused);
    assert_eq!(enforce(MAPPED), (set(MAPPED), None));
    // It would take the maximum for 255, and pack pixels in three bytes.
    for at in [5, 7, 9] {
        assert_eq!(enforce(with(&[(at, 0)])), refused);
    }
    // It packs them whatever the depth, others only where that is 24.
    for depth in [0, 8, 30, 32] {
        assert_eq!(enforce(with(&[(1, depth)])), (set(RGB888), None));
    }
    let deep = with(&[(1, 30), (4, 3), (6, 3), (8, 3)]);
    assert_eq!(enforce(deep), (set(deep), None));
    let big_endian = with(&[(2, 1)]);
    let odd_flags = with(&[(2, 0x80), (3, 255)]);
    assert_eq!(enforce(odd_flags), (set(big_endian), None));
}

#[test]
fn a_pixel_format_counts_only_before_updates_are_asked_for() {
    let format = |format: [u8; 16]| [&[0, 0, 0, 0][..], &format].concat();
    let request = [3, 1, 0, 0, 0, 0, 3, 32, 2, 88];
    let start = init(RGB565);
    let mut client = ClientStream::beside_server(&start);
    let mut server = ServerFilter::new(&start);
    let mut out = Vec::new();
    let before = [&format(MAPPED)[..], &format(RGB888), &request].concat();
    client.enforce(&before, &BOTH_SIDES, &mut out).unwrap();
    assert_eq!(out, before);
    client.agree(&mut server).unwrap();
    assert_eq!(client.format_of_updates(), Some(RGB888));
    let pixels = update(&[rect((2, 2), 0, &[2; 16])]);
    assert_eq!(
        feed(&mut server, &BOTH_SIDES, &[&pixels, &[2]]).1,
        [(0, pixels.len()), (2, 1)]
    );
    // The same again changes nothing.
    client
        .enforce(&format(RGB888), &BOTH_SIDES, &mut out)
        .unwrap();
    let late = client.enforce(&format(RGB565), &BOTH_SIDES, &mut out);
    assert_eq!(late, Err(Violation::LatePixelFormat));
}

#[test]
fn what_a_server_tells_before_updates_are_asked_for_is_followed_where_its_format_is_certain() {
    let start = init(RGB565);
    let encodings = [2, 0, 0, 0];
    let format = [&[0, 0, 0, 0][..], &RGB888].concat();
    // QEMU answers a choice of encodings with what it knows, and with its cursor.
    let acks = update(&[rect((0, 0), -258, &[]), rect((640, 480), -223, &[])]);
    let cursor = |bytes: usize| update(&[rect((5, 3), -239, &vec![2; 15 * bytes + 3])]);
    for (sent, bytes) in [
        ([&format[..], &encodings].concat(), 4),
        (encodings.to_vec(), 2),
    ] {
        let mut client = ClientStream::beside_server(&start);
        let mut server = ServerFilter::new(&start);
        client.enforce(&sent, &BOTH_SIDES, &mut Vec::new()).unwrap();
        client.agree(&mut server).unwrap();
        let (passed, _, ended) = feed(&mut server, &BOTH_SIDES, &[&acks]);
        assert_eq!((passed, ended), (acks.clone(), None));
        assert_eq!(server.stream().size(), (640, 480));
        let early = [&cursor(bytes)[..], &[2]].concat();
        let (_, messages, ended) = feed(&mut server, &BOTH_SIDES, &[&early]);
        assert_eq!(
            (messages, ended),
            (vec![(0, early.len() - 1), (2, 1)], None)
        );
    }
    // The cursor could have either format.
    let mut client = ClientStream::beside_server(&start);
    let late = [&encodings[..], &format].concat();
    let ended = client.enforce(&late, &BOTH_SIDES, &mut Vec::new());
    assert_eq!(ended, Err(Violation::LatePixelFormat));
    // The same again changes nothing.
    let mut client = ClientStream::beside_server(&start);
    let again = [&format[..], &encodings, &format].concat();
    client
        .enforce(&again, &BOTH_SIDES, &mut Vec::new())
        .unwrap();
}
