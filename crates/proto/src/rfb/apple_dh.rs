//! Apple's Diffie-Hellman authentication (rfbproto, security type 30): what both sides send.
//!
//! ```text
//! server: generator, prime, public value ─► client: encrypted user and password, public value
//!   ─► security result
//! ```

use super::HandshakeError;
use super::wire::read_u16;

/// The shortest prime, in bytes: what macOS has.
const PRIME_LEN_MIN: u16 = 128;

/// The longest. More would only keep the processor busy.
const PRIME_LEN_MAX: u16 = 512;

/// Bytes of user name and of password, each with a zero at its end.
pub const FIELD_LEN: usize = 64;

/// What a server begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// The generator.
    pub generator: u16,
    /// The prime, big-endian.
    pub prime: Vec<u8>,
    /// The server's public value, as long as the prime.
    pub public: Vec<u8>,
}

impl Parameters {
    /// Reads them; `None` asks for more.
    pub fn parse(input: &[u8]) -> Result<Option<(usize, Self)>, HandshakeError> {
        let lens = read_u16(input).zip(input.get(2..).and_then(read_u16));
        let Some((generator, len)) = lens else {
            return Ok(None);
        };
        if !(PRIME_LEN_MIN..=PRIME_LEN_MAX).contains(&len) {
            return Err(HandshakeError::KeyLength(u32::from(len) * 8));
        }
        let len = usize::from(len);
        let Some(numbers) = input.get(4..4 + 2 * len) else {
            return Ok(None);
        };
        let (prime, public) = numbers.split_at(len);
        let parameters = Self {
            generator,
            prime: prime.to_vec(),
            public: public.to_vec(),
        };
        Ok(Some((4 + 2 * len, parameters)))
    }
}

/// User name and password as they are encrypted, over `noise`, which stays behind their ends;
/// `None` if one is too long for this.
pub fn credentials(
    user: &[u8],
    password: &[u8],
    mut noise: [u8; 2 * FIELD_LEN],
) -> Option<[u8; 2 * FIELD_LEN]> {
    for (place, text) in noise.chunks_exact_mut(FIELD_LEN).zip([user, password]) {
        let (text_place, rest) = place.split_at_mut_checked(text.len())?;
        text_place.copy_from_slice(text);
        *rest.first_mut()? = 0;
    }
    Some(noise)
}
