//! WebSocket framing against byte scripts, each also split at every byte.

use super::*;

/// What a script ends with: everything said, or the error.
type Seen = (Vec<String>, Option<Error>);

fn receive(mut receiver: Receiver, pieces: &[&[u8]]) -> Seen {
    let mut seen = Vec::new();
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut rest = piece.as_mut_slice();
        loop {
            match receiver.handle(&mut rest) {
                Ok(None) => break,
                Ok(Some(Event::Data {
                    text,
                    payload,
                    last,
                })) => {
                    let kind = if text { "text" } else { "binary" };
                    let end = if last { "." } else { "" };
                    seen.push(format!("{kind} {}{end}", String::from_utf8_lossy(payload)));
                }
                Ok(Some(Event::Ping(payload))) => seen.push(format!("ping {}", show(&payload))),
                Ok(Some(Event::Pong(payload))) => seen.push(format!("pong {}", show(&payload))),
                Ok(Some(Event::Close(close))) => {
                    seen.push(format!("close {:?} {}", close.code, close.reason));
                }
                Err(error) => return (seen, Some(error)),
            }
        }
    }
    (seen, None)
}

fn show(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).into_owned()
}

fn server() -> Receiver {
    Receiver::from_client(Limits::NONE)
}

fn client() -> Receiver {
    Receiver::from_server(Limits::NONE)
}

fn frame(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let header = FrameHeader {
        fin,
        opcode,
        mask: Some(key),
        len: payload.len() as u64,
    };
    let mut out = header.encode().to_vec();
    let start = out.len();
    out.extend_from_slice(payload);
    Mask::new(key).apply(&mut out[start..]);
    out
}

fn script(frames: &[(bool, Opcode, &[u8])]) -> Vec<u8> {
    frames
        .iter()
        .flat_map(|(fin, opcode, payload)| frame(*fin, *opcode, payload))
        .collect()
}

/// The outcome must not depend on where the bytes are split.
fn receive_split_anywhere(receiver: &Receiver, bytes: &[u8]) -> Option<Error> {
    let (_, whole) = receive(receiver.clone(), &[bytes]);
    for at in 0..bytes.len() {
        let (_, split) = receive(receiver.clone(), &[&bytes[..at], &bytes[at..]]);
        assert_eq!(whole, split, "split at {at}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(whole, receive(receiver.clone(), &single).1, "byte by byte");
    whole
}

#[test]
fn the_frames_of_rfc_6455_section_5_7_are_read() {
    let hello = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    assert_eq!(
        receive(client(), &[&hello]),
        (vec!["text Hello.".into()], None)
    );
    let masked = [
        0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    assert_eq!(
        receive(server(), &[&masked]),
        (vec!["text Hello.".into()], None)
    );
    let fragments = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];
    let seen = receive(client(), &[&fragments]);
    assert_eq!(seen, (vec!["text Hel".into(), "text lo.".into()], None));
    let pong = [
        0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    assert_eq!(
        receive(server(), &[&pong]),
        (vec!["pong Hello".into()], None)
    );
}

#[test]
fn a_control_frame_may_stand_inside_a_message() {
    let bytes = script(&[
        (false, Opcode::Binary, b"ab"),
        (true, Opcode::Ping, b"?"),
        (true, Opcode::Continuation, b"cd"),
        (true, Opcode::Close, b"\x03\xe8bye"),
    ]);
    let expected = ["binary ab", "ping ?", "binary cd.", "close Some(1000) bye"];
    assert_eq!(
        receive(server(), &[&bytes]),
        (expected.map(String::from).to_vec(), None)
    );
    assert_eq!(receive_split_anywhere(&server(), &bytes), None);
}

#[test]
fn every_break_of_the_rules_has_its_error_and_close_code() {
    let long = [b'x'; 126];
    let cases: &[(Vec<u8>, Error, u16)] = &[
        (vec![0x82, 0x00], Error::NotMasked, 1002),
        (vec![0xc2, 0x80, 0, 0, 0, 0], Error::ReservedBits, 1002),
        (vec![0x83, 0x80, 0, 0, 0, 0], Error::UnknownOpcode(3), 1002),
        (vec![0x8f, 0x80, 0, 0, 0, 0], Error::UnknownOpcode(15), 1002),
        (
            frame(false, Opcode::Ping, b""),
            Error::FragmentedControl,
            1002,
        ),
        (frame(true, Opcode::Ping, &long), Error::LongControl, 1002),
        (vec![0x82, 0xfe, 0, 125, 0, 0, 0, 0], Error::BadLength, 1002),
        (
            vec![0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0],
            Error::BadLength,
            1002,
        ),
        (
            vec![0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            Error::BadLength,
            1002,
        ),
        (
            frame(true, Opcode::Continuation, b""),
            Error::UnexpectedContinuation,
            1002,
        ),
        (
            script(&[(false, Opcode::Text, b"a"), (true, Opcode::Text, b"b")]),
            Error::InterleavedMessage,
            1002,
        ),
        (frame(true, Opcode::Text, b"\xc0\x80"), Error::NotUtf8, 1007),
        (
            frame(true, Opcode::Text, b"\xed\xa0\x80"),
            Error::NotUtf8,
            1007,
        ),
        (frame(true, Opcode::Text, b"caf\xc3"), Error::NotUtf8, 1007),
        (frame(true, Opcode::Close, b"x"), Error::BadClose, 1002),
        (
            frame(true, Opcode::Close, b"\x03\xed"),
            Error::BadClose,
            1002,
        ),
        (
            frame(true, Opcode::Close, b"\x03\xe8\xff"),
            Error::NotUtf8,
            1007,
        ),
    ];
    for (bytes, error, code) in cases {
        assert_eq!(
            receive_split_anywhere(&server(), bytes),
            Some(*error),
            "{bytes:x?}"
        );
        assert_eq!(error.close_code(), *code, "{error}");
    }
    assert_eq!(
        receive(client(), &[&[0x82, 0x80, 0, 0, 0, 0]]).1,
        Some(Error::Masked)
    );
}

#[test]
fn only_codes_that_may_be_sent_are_received() {
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
    ] {
        let close = frame(true, Opcode::Close, &u16::to_be_bytes(code));
        assert_eq!(
            receive(server(), &[&close]).1,
            Some(Error::BadClose),
            "{code}"
        );
    }
    for code in [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4502, 4999] {
        let close = frame(true, Opcode::Close, &u16::to_be_bytes(code));
        assert_eq!(receive(server(), &[&close]).1, None, "{code}");
    }
}

#[test]
fn limits_hold_for_frames_and_for_whole_messages() {
    let limits = Limits {
        frame_bytes_max: 4,
        message_bytes_max: 6,
    };
    let receiver = Receiver::from_client(limits);
    let big_frame = frame(true, Opcode::Binary, b"12345");
    assert_eq!(
        receive_split_anywhere(&receiver, &big_frame),
        Some(Error::FrameTooBig)
    );
    let message: &[(bool, Opcode, &[u8])] = &[
        (false, Opcode::Binary, b"1234"),
        (true, Opcode::Continuation, b"567"),
    ];
    assert_eq!(
        receive_split_anywhere(&receiver, &script(message)),
        Some(Error::MessageTooBig)
    );
    let fits: &[(bool, Opcode, &[u8])] = &[
        (false, Opcode::Binary, b"1234"),
        (true, Opcode::Continuation, b"56"),
    ];
    assert_eq!(receive_split_anywhere(&receiver, &script(fits)), None);
    // A length of almost 2^63 is refused before its payload comes, and cannot overflow the sum.
    let huge = FrameHeader {
        mask: Some([0; 4]),
        ..FrameHeader::binary(i64::MAX as u64)
    };
    assert_eq!(
        receive(receiver, &[&huge.encode()]).1,
        Some(Error::FrameTooBig)
    );
}

#[test]
fn text_may_be_split_inside_a_character() {
    let text = "h\u{e9}\u{20ac}\u{1f600}!".as_bytes();
    for at in 0..text.len() {
        let bytes = script(&[
            (false, Opcode::Text, &text[..at]),
            (true, Opcode::Ping, b""),
            (true, Opcode::Continuation, &text[at..]),
        ]);
        assert_eq!(receive_split_anywhere(&server(), &bytes), None, "at {at}");
    }
}

#[test]
fn masking_does_not_depend_on_the_pieces() {
    let plain: Vec<u8> = (0..=255).cycle().take(1000).collect();
    let key = [1, 2, 3, 4];
    let expected: Vec<u8> = plain
        .iter()
        .enumerate()
        .map(|(at, byte)| byte ^ key[at % 4])
        .collect();
    for step in [1, 2, 3, 5, 7, 8, 9, 31, 64, 1000] {
        let mut masked = plain.clone();
        let mut mask = Mask::new(key);
        masked.chunks_mut(step).for_each(|piece| mask.apply(piece));
        assert_eq!(masked, expected, "pieces of {step}");
    }
}

#[test]
fn headers_take_their_shortest_form_and_are_read_back() {
    let lens = [
        (0, 2),
        (125, 2),
        (126, 4),
        (65535, 4),
        (65536, 10),
        (i64::MAX as u64, 10),
    ];
    for (len, header_len) in lens {
        for mask in [None, Some([9, 8, 7, 6])] {
            let header = FrameHeader {
                mask,
                ..FrameHeader::binary(len)
            };
            let bytes = header.encode();
            assert_eq!(bytes.len(), header_len + if mask.is_some() { 4 } else { 0 });
            let mut parser = FrameParser::default();
            let read = parser.handle(&bytes).unwrap();
            assert_eq!(read, (bytes.len(), Some(Piece::Header(header))));
            assert_eq!(parser.is_at_boundary(), len == 0);
        }
    }
}

#[test]
fn a_close_reason_is_cut_at_a_character() {
    let mut out = Vec::new();
    let reason = "\u{20ac}".repeat(60);
    encode_close(Sender::Server, close::GOING_AWAY, &reason, &mut out);
    let cut = "\u{20ac}".repeat(41);
    assert_eq!(out.len(), 2 + 2 + cut.len());
    let expected = format!("close Some(1001) {cut}");
    assert_eq!(receive(client(), &[&out]), (vec![expected], None));
}

#[test]
fn the_handshake_of_rfc_6455_section_1_3_is_accepted() {
    let key = b"dGhlIHNhbXBsZSBub25jZQ==";
    assert!(is_valid_key(key));
    assert_eq!(accept_key(key), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    for bad in [
        &b""[..],
        b"dGhlIHNhbXBsZSBub25jZQ",
        b"dGhlIHNhbXBsZSBub25jZQ=*",
        b"AAAA",
    ] {
        assert!(!is_valid_key(bad), "{bad:?}");
    }
    assert!(is_valid_version(b"13"));
    assert!(!is_valid_version(b"8"));
}

#[test]
fn our_first_choice_of_the_offered_protocols_is_taken() {
    let ours = ["portway.v1", "binary"];
    let choose = |fields: &[&'static [u8]]| choose_subprotocol(fields.iter().copied(), &ours);
    assert_eq!(choose(&[b"binary, portway.v1"]), Some("portway.v1"));
    assert_eq!(choose(&[b"base64", b" binary"]), Some("binary"));
    assert_eq!(choose(&[b"base64,Binary"]), None);
    assert_eq!(choose(&[]), None);
}

#[test]
fn saved_fuzz_inputs_hold() {
    crate::run_saved_inputs("ws_receiver", fuzz::receiver);
}
