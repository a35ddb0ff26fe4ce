//! VncAuth (RFC 6143 §7.2.2): a challenge encrypted with the password.

use std::hash::{BuildHasher, Hasher, RandomState};

use des::cipher::{BlockEncrypt, KeyInit};

/// What the viewer has to encrypt.
pub(crate) type Challenge = [u8; 16];

/// A challenge that does not repeat.
pub(crate) fn challenge() -> Challenge {
    // The standard library seeds each state anew; that is unpredictable enough for a desktop
    // without secrets, and spares a dependency.
    let half = || RandomState::new().build_hasher().finish().to_be_bytes();
    let mut challenge = [0; 16];
    challenge[..8].copy_from_slice(&half());
    challenge[8..].copy_from_slice(&half());
    challenge
}

/// What a viewer that knows `password` answers.
pub(crate) fn response(challenge: &Challenge, password: &str) -> [u8; 16] {
    let mut key = [0u8; 8];
    for (byte, letter) in key.iter_mut().zip(password.bytes()) {
        // Only VNC uses the bits of each byte in reverse.
        *byte = letter.reverse_bits();
    }
    let cipher = des::Des::new(&key.into());
    let mut response = *challenge;
    for block in response.chunks_exact_mut(8) {
        cipher.encrypt_block(block.into());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_differ() {
        assert_ne!(challenge(), challenge());
    }

    #[test]
    fn only_eight_letters_of_the_password_count() {
        let challenge = [7; 16];
        assert_eq!(
            response(&challenge, "12345678"),
            response(&challenge, "12345678more")
        );
        assert_ne!(
            response(&challenge, "12345678"),
            response(&challenge, "1234567")
        );
    }
}
