//! Messages of RSA-AES after its keys are known: AES in EAX mode, each with its length before it,
//! which the code behind it covers.

use std::fmt;
use std::io;

use aes::{Aes128, Aes256};
use eax::Eax;
use eax::aead::{AeadInOut as _, KeyInit as _};
use proto::rfb::rsa_aes::{self, HEADER_LEN, MAC_LEN};

/// Bytes of content that are sealed together; a message could carry eight times as much.
pub(super) const CONTENT_LEN_MAX: usize = 8192;

/// One direction.
pub(super) struct Seal {
    cipher: Cipher,
    /// Messages so far: each has its number for a nonce.
    count: u128,
}

enum Cipher {
    Aes128(Box<Eax<Aes128>>),
    Aes256(Box<Eax<Aes256>>),
}

/// Both directions.
#[derive(Debug)]
pub(super) struct Seals {
    /// For what is sent.
    pub(super) out: Seal,
    /// For what comes.
    pub(super) back: Seal,
}

impl Seal {
    pub(super) fn aes_128(key: &[u8; 16]) -> Self {
        Self {
            cipher: Cipher::Aes128(Box::new(Eax::new(key.into()))),
            count: 0,
        }
    }

    pub(super) fn aes_256(key: &[u8; 32]) -> Self {
        Self {
            cipher: Cipher::Aes256(Box::new(Eax::new(key.into()))),
            count: 0,
        }
    }

    /// Appends a message with `content`, of which there are at most [`CONTENT_LEN_MAX`] bytes.
    pub(super) fn seal(&mut self, content: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        debug_assert!(content.len() <= CONTENT_LEN_MAX);
        let header = (content.len() as u16).to_be_bytes();
        out.extend_from_slice(&header);
        let start = out.len();
        out.extend_from_slice(content);
        let nonce = self.nonce();
        let place = out.get_mut(start..).unwrap_or_default();
        let tag = match &self.cipher {
            Cipher::Aes128(eax) => eax.encrypt_inout_detached(&nonce.into(), &header, place.into()),
            Cipher::Aes256(eax) => eax.encrypt_inout_detached(&nonce.into(), &header, place.into()),
        };
        let tag = tag.map_err(|error| io::Error::other(error.to_string()))?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// Opens the message at the front of `input` where it lies: how long it is, and its content.
    /// `None` asks for more.
    pub(super) fn open<'i>(
        &mut self,
        input: &'i mut [u8],
    ) -> io::Result<Option<(usize, &'i mut [u8])>> {
        let Some(content) = rsa_aes::sealed(input) else {
            return Ok(None);
        };
        let len = content.end + MAC_LEN;
        let forged = || io::Error::new(io::ErrorKind::InvalidData, "a message was forged");
        let (header, rest) = input.split_at_mut(HEADER_LEN);
        let (place, rest) = rest.split_at_mut(content.len());
        let tag: [u8; MAC_LEN] = *rest.first_chunk().ok_or_else(forged)?;
        let nonce = self.nonce();
        let tag = tag.into();
        let opened = match &self.cipher {
            Cipher::Aes128(eax) => {
                eax.decrypt_inout_detached(&nonce.into(), header, (&mut *place).into(), &tag)
            }
            Cipher::Aes256(eax) => {
                eax.decrypt_inout_detached(&nonce.into(), header, (&mut *place).into(), &tag)
            }
        };
        opened.map_err(|_| forged())?;
        Ok(Some((len, place)))
    }

    fn nonce(&mut self) -> [u8; 16] {
        let nonce = self.count.to_le_bytes();
        self.count += 1;
        nonce
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_opened_in_their_order_and_only_whole() {
        let pairs = [
            (Seal::aes_128(&[7; 16]), Seal::aes_128(&[7; 16])),
            (Seal::aes_256(&[7; 32]), Seal::aes_256(&[7; 32])),
        ];
        for (mut here, mut there) in pairs {
            let mut wire = Vec::new();
            here.seal(b"one", &mut wire).unwrap();
            here.seal(b"", &mut wire).unwrap();
            here.seal(&[5; CONTENT_LEN_MAX], &mut wire).unwrap();
            for cut in 0..HEADER_LEN + 3 + MAC_LEN {
                assert!(there.open(&mut wire[..cut]).unwrap().is_none());
            }
            let (len, content) = there.open(&mut wire).unwrap().unwrap();
            assert_eq!((len, &*content), (21, &b"one"[..]));
            let (second, content) = there.open(&mut wire[len..]).unwrap().unwrap();
            assert!(content.is_empty());
            let rest = &mut wire[len + second..];
            rest[100] ^= 1;
            let error = there.open(rest).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn a_message_cannot_come_twice() {
        let (mut here, mut there) = (Seal::aes_128(&[1; 16]), Seal::aes_128(&[1; 16]));
        let mut wire = Vec::new();
        here.seal(b"once", &mut wire).unwrap();
        let mut again = wire.clone();
        assert!(there.open(&mut wire).unwrap().is_some());
        assert!(there.open(&mut again).is_err());
    }
}
