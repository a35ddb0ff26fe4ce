//! RSA-AES and Apple's Diffie-Hellman authentication, as bytes.

use crate::rfb::rsa_aes::{self, PublicKey, Wanted};
use crate::rfb::{ClientHandshake, HandshakeError, ServerEvent, apple_dh, security};

fn key(bits: u32) -> Vec<u8> {
    let len = bits.div_ceil(8) as usize;
    let mut bytes = bits.to_be_bytes().to_vec();
    bytes.resize(4 + len, 0xc5);
    bytes.resize(4 + 2 * len - 3, 0);
    bytes.extend([1, 0, 1]);
    bytes
}

#[test]
fn a_public_key_is_read_whole_and_written_as_it_came() {
    let mut bytes = key(2048);
    for cut in 0..bytes.len() {
        assert_eq!(PublicKey::parse(&bytes[..cut]), Ok(None));
    }
    bytes.push(7);
    let (taken, parsed) = PublicKey::parse(&bytes).unwrap().unwrap();
    assert_eq!(taken, 4 + 512);
    assert_eq!(parsed.encode(), bytes[..taken]);
    assert_eq!(
        (parsed.modulus(), parsed.exponent()),
        (&[0xc5; 256][..], &[1, 0, 1][..])
    );
    assert_eq!(PublicKey::new(&[0xc5; 256], &[1, 0, 1]), parsed);
    let shorter = PublicKey::new(&[[0x1f].as_slice(), &[9; 256]].concat(), &[3]);
    assert_eq!(shorter.encode()[..4], 2053_u32.to_be_bytes());
    assert_eq!(shorter.encrypted_len(), 257);
}

#[test]
fn keys_have_bounds() {
    for bits in [0, 512, 2047, 8193, u32::MAX] {
        let refused = Err(HandshakeError::KeyLength(bits));
        assert_eq!(PublicKey::parse(&bits.to_be_bytes()), refused);
    }
    for len in [0_u16, 127, 513, u16::MAX] {
        let bytes = [&[0, 2][..], &len.to_be_bytes()].concat();
        let refused = Err(HandshakeError::KeyLength(u32::from(len) * 8));
        assert_eq!(apple_dh::Parameters::parse(&bytes), refused);
    }
}

#[test]
fn what_is_encrypted_is_as_long_as_its_key() {
    let ours = PublicKey::new(&[0xc5; 256], &[1, 0, 1]);
    let mut wire = Vec::new();
    rsa_aes::write_encrypted(&[8; 256], &mut wire);
    assert_eq!(ours.parse_encrypted(&wire[..257]), Ok(None));
    assert_eq!(ours.parse_encrypted(&wire), Ok(Some((258, vec![8; 256]))));
    let refused = Err(HandshakeError::EncryptedLength(257));
    assert_eq!(ours.parse_encrypted(&[1, 1, 9]), refused);
}

#[test]
fn a_sealed_message_is_one_once_its_code_is_there() {
    let message = [&[0, 3][..], &[1; 3], &[2; 16]].concat();
    for cut in 0..message.len() {
        assert_eq!(rsa_aes::sealed(&message[..cut]), None);
    }
    assert_eq!(rsa_aes::sealed(&message), Some(2..5));
    assert_eq!(rsa_aes::sealed(&[0; 18]), Some(2..2));
}

#[test]
fn logins_are_written_as_each_wants_them() {
    assert_eq!(Wanted::parse(&[1]), Ok(Wanted::UserAndPassword));
    assert_eq!(Wanted::parse(&[2]), Ok(Wanted::Password));
    for (wrong, first) in [(&[][..], 0), (&[3], 3), (&[1, 1], 1)] {
        assert_eq!(
            Wanted::parse(wrong),
            Err(HandshakeError::UnknownLogin(first))
        );
    }
    let login = rsa_aes::credentials(b"ann", b"secret").unwrap();
    assert_eq!(login, b"\x03ann\x06secret");
    assert_eq!(rsa_aes::credentials(b"", &[b'x'; 256]), None);
    let login = apple_dh::credentials(b"ann", b"", [0xee; 128]).unwrap();
    assert_eq!(login[..5], *b"ann\0\xee");
    assert_eq!(login[63..66], *b"\xee\0\xee");
    assert!(apple_dh::credentials(&[b'x'; 63], b"", [0; 128]).is_some());
    assert_eq!(apple_dh::credentials(b"", &[b'x'; 64], [0; 128]), None);
}

#[test]
fn an_exchange_that_is_made_elsewhere_is_left_alone_until_it_is_over() {
    let (mut handshake, mut out) = (ClientHandshake::default(), Vec::new());
    assert_eq!(handshake.handle(b"RFB 003.008\n", &mut out), Ok((12, None)));
    let offer = handshake.handle(&[1, security::RA2], &mut out);
    assert_eq!(
        offer,
        Ok((2, Some(ServerEvent::Types(vec![security::RA2]))))
    );
    handshake.choose_exchange(security::RA2, &mut out);
    assert!(out.ends_with(&[security::RA2]));
    assert_eq!(handshake.handle(&[0; 9], &mut out), Ok((0, None)));
    handshake.exchanged();
    let verdict = handshake.handle(&[0; 4], &mut out);
    assert_eq!(verdict, Ok((4, Some(ServerEvent::Authenticated))));
}
