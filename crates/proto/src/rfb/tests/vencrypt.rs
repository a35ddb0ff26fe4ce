//! VeNCrypt with both sides: every subtype that is used, and what breaks its rules.

use crate::rfb::vencrypt::{self, Login};
use crate::rfb::*;

fn login() -> Login {
    Login {
        user: b"ann".to_vec(),
        password: b"secret12".to_vec(),
    }
}

/// `Login` on the wire.
const LOGIN: &[u8] = b"\0\0\0\x03\0\0\0\x08annsecret12";

/// Up to the subtypes: version, types, VeNCrypt's version, its ack.
const OFFER: &[u8] = b"RFB 003.008\n\x02\x13\x02\0\x02\0";

/// What we send until a subtype is chosen.
const ASKED: &[u8] = b"RFB 003.008\n\x13\0\x02";

/// Plays a server's script byte by byte and answers with the subtype; TLS stands at once.
fn connect(script: &[u8], subtype: u32) -> (Vec<u8>, Vec<ServerEvent>, Option<HandshakeError>) {
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
                Some(ServerEvent::Types(types)) => {
                    assert!(types.contains(&security::VENCRYPT));
                    handshake.choose(security::VENCRYPT, &mut out);
                }
                Some(ServerEvent::Subtypes(_)) => handshake.choose_subtype(subtype, &mut out),
                Some(ServerEvent::StartTls) => handshake.secured(),
                Some(ServerEvent::LoginWanted) => handshake.log_in(&login(), &mut out),
                Some(ServerEvent::Challenge(_)) => handshake.respond(&[9; 16], &mut out),
                None if taken == 0 => break,
                _ => {}
            }
            events.extend(event);
        }
    }
    (out, events, None)
}

fn subtypes(list: &[u32]) -> Vec<u8> {
    let words = list.iter().flat_map(|subtype| subtype.to_be_bytes());
    [list.len() as u8].into_iter().chain(words).collect()
}

#[test]
fn a_certified_login_is_told_apart_by_what_is_inside() {
    let asked = |subtype: u32, inside: &[u8]| [ASKED, &subtype.to_be_bytes(), inside].concat();
    let script = |subtype: u32, inside: &[u8]| {
        let offer = subtypes(&[258, subtype]);
        [OFFER, &offer, &[1], inside, &[0; 4]].concat()
    };
    for (subtype, inside, answer) in [
        (vencrypt::X509_NONE, &[][..], &[][..]),
        (vencrypt::X509_VNC, &[5; 16], &[9; 16]),
        (vencrypt::X509_PLAIN, &[], LOGIN),
    ] {
        let (out, events, error) = connect(&script(subtype, inside), subtype);
        assert_eq!(error, None, "{subtype}");
        assert_eq!(out, asked(subtype, answer), "{subtype}");
        assert_eq!(events[1], ServerEvent::Subtypes(vec![258, subtype]));
        assert_eq!(events[2], ServerEvent::StartTls);
        assert_eq!(events.last(), Some(&ServerEvent::Authenticated));
    }
}

#[test]
fn plain_has_no_word_before_the_login() {
    let script = [OFFER, &subtypes(&[256]), &[0; 4]].concat();
    let (out, events, error) = connect(&script, vencrypt::PLAIN);
    assert_eq!(out, [ASKED, &256_u32.to_be_bytes(), LOGIN].concat());
    assert_eq!(events[2], ServerEvent::LoginWanted);
    assert_eq!(
        (events.last(), error),
        (Some(&ServerEvent::Authenticated), None)
    );
}

#[test]
fn a_result_is_awaited_without_a_password_too_in_3_7() {
    let offer = [&OFFER[12..], &subtypes(&[260]), &[1, 0, 0, 0]].concat();
    let script = [b"RFB 003.007\n", &offer[..]].concat();
    let (_, events, _) = connect(&script, vencrypt::X509_NONE);
    assert_eq!(events.last(), Some(&ServerEvent::StartTls));
    let (_, events, _) = connect(&[&script[..], &[0]].concat(), vencrypt::X509_NONE);
    assert_eq!(events.last(), Some(&ServerEvent::Authenticated));
}

#[test]
fn a_failed_login_has_its_reason() {
    let failed = [&[0, 0, 0, 1, 0, 0, 0, 2][..], b"no"].concat();
    let script = [OFFER, &subtypes(&[262]), &[1], &failed].concat();
    let (_, events, _) = connect(&script, vencrypt::X509_PLAIN);
    let expected = ServerEvent::AuthFailed(Some(b"no".to_vec()));
    assert_eq!(events.last(), Some(&expected));
}

#[test]
fn a_server_that_breaks_the_negotiation_is_not_followed() {
    let begun = b"RFB 003.008\n\x01\x13";
    let list = subtypes(&[260]);
    let cases: &[(&[u8], HandshakeError)] = &[
        (&[0, 1], HandshakeError::UnsupportedVencrypt(0, 1)),
        (&[0, 2, 1], HandshakeError::VencryptRefused),
        (&[0, 2, 255], HandshakeError::VencryptRefused),
    ];
    for (inside, error) in cases {
        let (.., found) = connect(&[&begun[..], inside].concat(), 260);
        assert_eq!(found.as_ref(), Some(error));
    }
    let (.., found) = connect(&[OFFER, &list, &[0]].concat(), 260);
    assert_eq!(found, Some(HandshakeError::VencryptRefused));
    // A newer server speaks the older version too.
    let newer = [&begun[..], &[1, 0, 0], &list].concat();
    let (.., events, found) = connect(&newer, 260);
    assert_eq!(found, None);
    assert_eq!(events.last(), Some(&ServerEvent::Subtypes(vec![260])));
}

/// Whoever can write between gateway and server may not put words behind the last one in the clear.
#[test]
fn nothing_may_stand_before_tls() {
    let mut handshake = ClientHandshake::default();
    let mut out = Vec::new();
    let mut input = [OFFER, &subtypes(&[261])].concat();
    while let (taken @ 1.., event) = handshake.handle(&input, &mut out).unwrap() {
        input.drain(..taken);
        match event {
            Some(ServerEvent::Types(_)) => handshake.choose(security::VENCRYPT, &mut out),
            Some(ServerEvent::Subtypes(_)) => handshake.choose_subtype(261, &mut out),
            _ => {}
        }
    }
    let early = handshake.handle(&[1, 0, 0], &mut out);
    assert_eq!(early, Err(HandshakeError::OutOfTurn));
}

#[test]
fn a_viewer_logs_in_with_a_name() {
    for version in [b"RFB 003.008\n", b"RFB 003.007\n"] {
        let mut out = Vec::new();
        let mut handshake = ServerHandshake::start(&mut out);
        let script = [
            &version[..],
            &[19, 0, 2],
            &256_u32.to_be_bytes(),
            LOGIN,
            &[0],
        ]
        .concat();
        let (mut kept, mut events) = (Vec::new(), Vec::new());
        for byte in script {
            kept.push(byte);
            loop {
                let (taken, event) = handshake.handle(&kept, &mut out).unwrap();
                kept.drain(..taken);
                match &event {
                    Some(ViewerEvent::Version(_)) => {
                        assert_eq!(handshake.offer(&[19], &mut out), None);
                    }
                    Some(ViewerEvent::Login(_)) => handshake.accept(&mut out),
                    None if taken == 0 => break,
                    _ => {}
                }
                events.extend(event);
            }
        }
        assert_eq!(events[1], ViewerEvent::Chosen(19));
        assert_eq!(events[2], ViewerEvent::Login(login()));
        assert_eq!(events[3], ViewerEvent::ClientInit);
        let offer = [&[1, 19, 0, 2, 0][..], &subtypes(&[256]), &[0; 4]].concat();
        assert_eq!(out[12..], offer);
    }
}

#[test]
fn a_refused_login_is_told_when_it_is_there() {
    let mut out = Vec::new();
    let mut handshake = ServerHandshake::start(&mut out);
    handshake.handle(b"RFB 003.008\n", &mut out).unwrap();
    handshake.offer(&[19], &mut out);
    for (input, taken) in [(&[19][..], 1), (&[0, 2], 2), (&[0, 0, 1, 0], 4)] {
        assert_eq!(handshake.refuse("no", &mut out), RefusalSent::NotYet);
        assert_eq!(handshake.handle(input, &mut out).unwrap().0, taken);
    }
    assert_eq!(handshake.refuse("no", &mut out), RefusalSent::NotYet);
    let (taken, event) = handshake.handle(LOGIN, &mut out).unwrap();
    assert_eq!(
        (taken, event),
        (LOGIN.len(), Some(ViewerEvent::Login(login())))
    );
    out.clear();
    assert_eq!(handshake.refuse("no", &mut out), RefusalSent::WithReason);
    assert_eq!(out, [&[0, 0, 0, 1, 0, 0, 0, 2][..], b"no"].concat());
}

#[test]
fn a_viewer_that_breaks_the_negotiation_is_not_followed() {
    let after = |inputs: &[&[u8]]| {
        let mut out = Vec::new();
        let mut handshake = ServerHandshake::start(&mut out);
        handshake.handle(b"RFB 003.008\n", &mut out).unwrap();
        handshake.offer(&[19], &mut out);
        let results = inputs.iter().map(|input| handshake.handle(input, &mut out));
        results.last().unwrap()
    };
    let old = HandshakeError::UnsupportedVencrypt(0, 1);
    assert_eq!(after(&[&[19], &[0, 1]]), Err(old));
    let subtype = after(&[&[19], &[0, 2], &260_u32.to_be_bytes()]);
    assert_eq!(subtype, Err(HandshakeError::SubtypeNotOffered(260)));
    let plain = &256_u32.to_be_bytes();
    let long = [&u32::MAX.to_be_bytes()[..], &[0; 4]].concat();
    let long = after(&[&[19], &[0, 2], plain, &long]);
    assert_eq!(long, Err(HandshakeError::LoginTooLong(u32::MAX)));
}

#[test]
fn a_login_is_never_printed() {
    assert_eq!(format!("{:?}", login()), "Login(..)");
}
