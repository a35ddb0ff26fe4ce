//! Both halves of the handshake, in all versions, and every way to be refused.

use crate::rfb::*;

fn init(name: &str) -> Vec<u8> {
    let mut out = vec![3, 32, 2, 88];
    out.extend_from_slice(&[32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);
    out.extend_from_slice(&(name.len() as u32).to_be_bytes());
    out.extend_from_slice(name.as_bytes());
    out
}

fn reason(text: &str) -> Vec<u8> {
    [&(text.len() as u32).to_be_bytes()[..], text.as_bytes()].concat()
}

/// Plays a server's script byte by byte; answers as a gateway that knows the password.
fn connect(script: &[u8]) -> (Vec<u8>, Vec<ServerEvent>, Option<HandshakeError>) {
    let mut handshake = ClientHandshake::default();
    let (mut out, mut events, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for byte in script {
        kept.push(*byte);
        loop {
            let (taken, event) = match handshake.handle(&kept, &mut out) {
                Ok(step) => step,
                Err(error) => return (out, events, Some(error)),
            };
            kept.drain(..taken);
            match &event {
                Some(ServerEvent::Types(types)) => handshake.choose(types[0], &mut out),
                Some(ServerEvent::Challenge(_)) => handshake.respond(&[9; 16], &mut out),
                Some(ServerEvent::Authenticated) => handshake.initialise(&mut out),
                None if taken == 0 => break,
                _ => {}
            }
            events.extend(event);
        }
    }
    (out, events, None)
}

fn screen() -> ServerEvent {
    ServerEvent::Init(ServerInit {
        width: 800,
        height: 600,
        pixel_format: init("")[4..20].try_into().unwrap(),
        name: b"desk".to_vec(),
    })
}

#[test]
fn a_3_8_server_without_a_password_lets_us_in() {
    let script = [b"RFB 003.008\n", &[1, 1][..], &[0; 4], &init("desk")].concat();
    let (out, events, error) = connect(&script);
    assert_eq!(out, [b"RFB 003.008\n", &[1, 1][..]].concat());
    let expected = [
        ServerEvent::Types(vec![1]),
        ServerEvent::Authenticated,
        screen(),
    ];
    assert_eq!((events.as_slice(), error), (&expected[..], None));
}

#[test]
fn a_3_7_server_gives_no_result_for_none() {
    let script = [b"RFB 003.007\n", &[1, 1][..], &init("desk")].concat();
    let (out, events, _) = connect(&script);
    assert_eq!(out, [b"RFB 003.007\n", &[1, 1][..]].concat());
    assert_eq!(events.last(), Some(&screen()));
}

#[test]
fn a_3_3_server_decides_for_vnc_auth() {
    let script = [
        b"RFB 003.003\n",
        &[0, 0, 0, 2][..],
        &[5; 16],
        &[0; 4],
        &init("desk"),
    ]
    .concat();
    let (out, events, _) = connect(&script);
    assert_eq!(out, [b"RFB 003.003\n", &[9; 16][..], &[1]].concat());
    assert_eq!(events[1], ServerEvent::Challenge([5; 16]));
    assert_eq!(events.last(), Some(&screen()));
}

#[test]
fn the_servers_refusal_is_read_in_each_encoding() {
    let no = reason("no");
    let refused = ServerEvent::Refused(b"no".to_vec());
    let failed = ServerEvent::AuthFailed(Some(b"no".to_vec()));
    let auth = [&[1, 2][..], &[5; 16], &[0, 0, 0, 1]].concat();
    let cases: &[(&[u8; 12], Vec<u8>, ServerEvent)] = &[
        (b"RFB 003.008\n", [&[0][..], &no].concat(), refused.clone()),
        (b"RFB 003.007\n", [&[0][..], &no].concat(), refused.clone()),
        (b"RFB 003.003\n", [&[0; 4][..], &no].concat(), refused),
        (b"RFB 003.008\n", [&auth[..], &no].concat(), failed),
        (
            b"RFB 003.007\n",
            auth.clone(),
            ServerEvent::AuthFailed(None),
        ),
    ];
    for (version, script, event) in cases {
        let (_, events, error) = connect(&[&version[..], script].concat());
        assert_eq!((events.last(), error), (Some(event), None), "{version:?}");
    }
}

#[test]
fn odd_versions_mean_what_their_servers_speak() {
    let cases = [
        ("003.003", "003.003"),
        ("003.005", "003.003"),
        ("003.006", "003.003"),
        ("003.016", "003.003"),
        ("003.007", "003.007"),
        ("003.008", "003.008"),
        ("003.889", "003.008"),
        ("004.000", "003.008"),
        ("004.001", "003.008"),
        ("005.000", "003.008"),
    ];
    for (server, answer) in cases {
        let (out, ..) = connect(format!("RFB {server}\n").as_bytes());
        assert_eq!(out, format!("RFB {answer}\n").as_bytes(), "{server}");
    }
}

#[test]
fn what_is_no_vnc_server_is_told_at_its_first_wrong_byte() {
    let error = |script: &[u8]| connect(script).2;
    assert!(matches!(error(b"SSH-"), Some(HandshakeError::NotRfb(_))));
    assert!(matches!(
        error(b"RFB 003.00x"),
        Some(HandshakeError::NotRfb(_))
    ));
    assert!(matches!(
        error(b"RFB 003.008\r"),
        Some(HandshakeError::NotRfb(_))
    ));
    assert_eq!(error(b"RFB 000.000\n"), Some(HandshakeError::Repeater));
    let old = HandshakeError::UnsupportedVersion("RFB 002.002".into());
    assert_eq!(error(b"RFB 002.002\n"), Some(old));
    let mut long = init("");
    long[20..].copy_from_slice(&u32::MAX.to_be_bytes());
    let script = [b"RFB 003.007\n", &[1, 1][..], &long].concat();
    assert_eq!(error(&script), Some(HandshakeError::NameTooLong(u32::MAX)));
}

/// A viewer's script and our answers, up to the screen.
fn serve(script: &[u8], types: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut handshake = ServerHandshake::start(&mut out);
    let mut kept = Vec::new();
    let mut has_screen = false;
    for byte in script {
        kept.push(*byte);
        let (taken, mut event) = handshake.handle(&kept, &mut out).unwrap();
        kept.drain(..taken);
        if let Some(ViewerEvent::Version(_)) = event {
            event = handshake.offer(types, &mut out);
        }
        match event {
            Some(ViewerEvent::Chosen(1)) => handshake.accept(&mut out),
            Some(ViewerEvent::Chosen(2)) => handshake.challenge(&[5; 16], &mut out),
            Some(ViewerEvent::Response(response)) => {
                assert_eq!(response, [9; 16]);
                handshake.accept(&mut out);
            }
            Some(ViewerEvent::ClientInit) => {
                let ServerEvent::Init(screen) = screen() else {
                    unreachable!()
                };
                handshake.init(&screen, &mut out);
                has_screen = true;
            }
            _ => {}
        }
    }
    assert!(kept.is_empty() && has_screen);
    out
}

#[test]
fn viewers_of_every_version_are_let_in() {
    let ours = &b"RFB 003.008\n"[..];
    let out = serve(&[b"RFB 003.008\n", &[1, 0][..]].concat(), &[1]);
    assert_eq!(out, [ours, &[1, 1], &[0; 4], &init("desk")].concat());
    let out = serve(&[b"RFB 003.007\n", &[1, 1][..]].concat(), &[1]);
    assert_eq!(out, [ours, &[1, 1], &init("desk")].concat());
    let out = serve(&[b"RFB 003.003\n", &[1][..]].concat(), &[30, 1]);
    assert_eq!(out, [ours, &[0, 0, 0, 1], &init("desk")].concat());
    let out = serve(
        &[b"RFB 003.008\n", &[2][..], &[9; 16], &[1]].concat(),
        &[2, 30],
    );
    assert_eq!(
        out,
        [ours, &[2, 2, 30], &[5; 16], &[0; 4], &init("desk")].concat()
    );
    let out = serve(&[b"RFB 003.003\n", &[9; 16][..], &[1]].concat(), &[2]);
    assert_eq!(
        out,
        [ours, &[0, 0, 0, 2], &[5; 16], &[0; 4], &init("desk")].concat()
    );
}

#[test]
fn a_refusal_takes_the_form_of_the_state_reached() {
    let refuse = |script: &[u8], offer: &[u8]| {
        let mut out = Vec::new();
        let mut handshake = ServerHandshake::start(&mut out);
        let mut rest = script;
        while let (taken @ 1.., event) = handshake.handle(rest, &mut out).unwrap() {
            rest = &rest[taken..];
            if matches!(event, Some(ViewerEvent::Version(_))) && !offer.is_empty() {
                handshake.offer(offer, &mut out);
            } else if event == Some(ViewerEvent::Chosen(2)) {
                handshake.challenge(&[5; 16], &mut out);
            }
        }
        out.clear();
        let sent = handshake.refuse("no", &mut out);
        (sent, out)
    };
    let no = reason("no");
    assert_eq!(refuse(b"RFB 003", &[]), (RefusalSent::NotYet, vec![]));
    let zero_types = [&[0][..], &no].concat();
    assert_eq!(
        refuse(b"RFB 003.008\n", &[]),
        (RefusalSent::WithReason, zero_types.clone())
    );
    assert_eq!(
        refuse(b"RFB 003.007\n", &[]),
        (RefusalSent::WithReason, zero_types)
    );
    let word = [&[0; 4][..], &no].concat();
    assert_eq!(
        refuse(b"RFB 003.003\n", &[]),
        (RefusalSent::WithReason, word)
    );
    assert_eq!(
        refuse(b"RFB 003.008\n", &[1]),
        (RefusalSent::NotYet, vec![])
    );
    let result = [&[0, 0, 0, 1][..], &no].concat();
    let chosen = b"RFB 003.008\n\x01";
    assert_eq!(
        refuse(chosen, &[1]),
        (RefusalSent::WithReason, result.clone())
    );
    let answered = [b"RFB 003.008\n\x02", &[9; 16][..]].concat();
    assert_eq!(refuse(&answered, &[2]), (RefusalSent::WithReason, result));
    let answered = [b"RFB 003.007\n\x02", &[9; 16][..]].concat();
    assert_eq!(
        refuse(&answered, &[2]),
        (RefusalSent::Bare, vec![0, 0, 0, 1])
    );
    assert_eq!(
        refuse(b"RFB 003.007\n\x01", &[1]),
        (RefusalSent::Impossible, vec![])
    );
}

#[test]
fn a_viewer_cannot_choose_what_was_not_offered() {
    let mut out = Vec::new();
    let mut handshake = ServerHandshake::start(&mut out);
    handshake.handle(b"RFB 003.008\n", &mut out).unwrap();
    handshake.offer(&[2], &mut out);
    let chosen = handshake.handle(&[1], &mut out);
    assert_eq!(chosen, Err(HandshakeError::NotOffered(1)));
}

/// Values made with OpenSSL: `openssl enc -des-ecb -nopad -K` with the bits of each byte of the
/// password reversed.
#[test]
fn vnc_authentication_is_des_with_reversed_bits() {
    let challenge: [u8; 16] = std::array::from_fn(|at| at as u8);
    let expected = RESPONSE_TO_SECRET12;
    assert_eq!(answer_challenge(b"secret12", &challenge), expected);
    assert_eq!(answer_challenge(b"secret12-and-more", &challenge), expected);
    assert_ne!(answer_challenge(b"secret1", &challenge), expected);
}

const RESPONSE_TO_SECRET12: [u8; 16] = [
    0xad, 0xcd, 0x99, 0x7f, 0x8e, 0x16, 0xfe, 0xe5, 0x75, 0xe9, 0x73, 0xf9, 0x3c, 0x2b, 0x62, 0xb4,
];

#[test]
fn the_file_of_vncpasswd_is_read() {
    assert_eq!(reveal_password(STORED_SECRET12), b"secret12");
    assert_eq!(reveal_password(STORED_ABCDEF), b"abcdef");
}

const STORED_SECRET12: [u8; 8] = [0x24, 0xb5, 0xae, 0x4c, 0xe1, 0x55, 0x03, 0xc6];
const STORED_ABCDEF: [u8; 8] = [0x41, 0x2e, 0xa2, 0xb7, 0xa7, 0x5d, 0xb6, 0xaa];

#[test]
fn a_strangers_text_becomes_one_line_of_ascii() {
    assert_eq!(
        ascii_sentence(b"Too many\r\n\x1b[31m failures\xff", 80),
        "Too many [31m failures"
    );
    assert_eq!(ascii_sentence(b"abcdef", 3), "abc");
}
