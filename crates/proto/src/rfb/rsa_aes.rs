//! RSA-AES (rfbproto), security types 5, 6, 129 and 130: what both sides send, as bytes. The
//! arithmetic is whoever's that has it.
//!
//! ```text
//! server: public key ─► client: public key, random for the server ─► server: random for the client
//!   ─► then sealed, each with its length and a code ─►
//! server: hash of both keys ─► client: the same the other way round ─► server: what it wants
//!   ─► client: user and password ─► security result, sealed (5, 129) or not (6, 130)
//! ```

use std::ops::Range;

use super::HandshakeError;
use super::wire::{read_u16, read_u32};

/// The shortest modulus: what RSA libraries still have.
const KEY_BITS_MIN: u32 = 2048;

/// The longest.
const KEY_BITS_MAX: u32 = 8192;

/// Bytes of the code behind a sealed message.
pub const MAC_LEN: usize = 16;

/// Bytes of a sealed message's length, which its code covers.
pub const HEADER_LEN: usize = 2;

/// The longest user name, and password, in bytes.
const FIELD_LEN_MAX: usize = 255;

/// A public key as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    bits: u32,
    /// As long as `bits` need; the exponent, too.
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// What a server wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A user name and a password.
    UserAndPassword,
    /// A password.
    Password,
}

impl PublicKey {
    /// A key of these numbers, big-endian.
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Self {
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        let unused = modulus.first().map_or(0, |byte| byte.leading_zeros());
        let bits = (modulus.len() as u32 * 8).saturating_sub(unused);
        let mut padded = vec![0; modulus.len().saturating_sub(exponent.len())];
        padded.extend_from_slice(exponent);
        Self {
            bits,
            modulus: modulus.to_vec(),
            exponent: padded,
        }
    }

    /// Reads a key; `None` asks for more.
    pub fn parse(input: &[u8]) -> Result<Option<(usize, Self)>, HandshakeError> {
        let Some(bits) = read_u32(input) else {
            return Ok(None);
        };
        if !(KEY_BITS_MIN..=KEY_BITS_MAX).contains(&bits) {
            return Err(HandshakeError::KeyLength(bits));
        }
        let len = bits.div_ceil(8) as usize;
        let Some(numbers) = input.get(4..4 + 2 * len) else {
            return Ok(None);
        };
        let (modulus, exponent) = numbers.split_at(len);
        let key = Self {
            bits,
            modulus: modulus.to_vec(),
            exponent: exponent.to_vec(),
        };
        Ok(Some((4 + 2 * len, key)))
    }

    /// As it is sent, and hashed.
    pub fn encode(&self) -> Vec<u8> {
        let bits = self.bits.to_be_bytes();
        [&bits[..], &self.modulus, &self.exponent].concat()
    }

    /// The modulus, without zeros before it.
    pub fn modulus(&self) -> &[u8] {
        without_zeros(&self.modulus)
    }

    /// The exponent, without zeros before it.
    pub fn exponent(&self) -> &[u8] {
        without_zeros(&self.exponent)
    }

    /// Bytes of what is encrypted with it.
    pub fn encrypted_len(&self) -> usize {
        self.modulus.len()
    }

    /// Reads what was encrypted with it; `None` asks for more.
    pub fn parse_encrypted(
        &self,
        input: &[u8],
    ) -> Result<Option<(usize, Vec<u8>)>, HandshakeError> {
        let Some(len) = read_u16(input) else {
            return Ok(None);
        };
        if usize::from(len) != self.encrypted_len() {
            return Err(HandshakeError::EncryptedLength(len));
        }
        let end = 2 + usize::from(len);
        let encrypted = input.get(2..end);
        Ok(encrypted.map(|encrypted| (end, encrypted.to_vec())))
    }
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// Appends what was encrypted.
pub fn write_encrypted(encrypted: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(encrypted.len() as u16).to_be_bytes());
    out.extend_from_slice(encrypted);
}

/// Where a sealed message at the front of `input` has its content; its header stands before that,
/// its code behind. `None` asks for more.
pub fn sealed(input: &[u8]) -> Option<Range<usize>> {
    let len = usize::from(read_u16(input)?);
    let content = HEADER_LEN..HEADER_LEN + len;
    (input.len() >= content.end + MAC_LEN).then_some(content)
}

impl Wanted {
    /// Reads the opened message that says it.
    pub fn parse(message: &[u8]) -> Result<Self, HandshakeError> {
        match message {
            [1] => Ok(Self::UserAndPassword),
            [2] => Ok(Self::Password),
            other => {
                let first = other.first().copied().unwrap_or_default();
                Err(HandshakeError::UnknownLogin(first))
            }
        }
    }
}

/// User name and password as they are sealed; `None` if one is too long for this.
pub fn credentials(user: &[u8], password: &[u8]) -> Option<Vec<u8>> {
    if user.len() > FIELD_LEN_MAX || password.len() > FIELD_LEN_MAX {
        return None;
    }
    let lens = [user.len() as u8, password.len() as u8];
    Some([&lens[..1], user, &lens[1..], password].concat())
}
