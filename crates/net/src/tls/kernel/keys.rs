//! Keys in the form that the kernel takes them (`linux/tls.h`).

use rustls::ConnectionTrafficSecrets;
use rustls::ProtocolVersion;
use zeroize::Zeroizing;

/// A structure of the kernel's that holds a key; it is wiped when it is dropped.
pub(super) type CryptoInfo = Zeroizing<Vec<u8>>;

/// A cipher that the kernel knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cipher {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
}

/// A key, with all that makes it fit for one direction.
pub(super) struct Key<'a> {
    pub version: Version,
    pub cipher: Cipher,
    pub key: &'a [u8],
    pub iv: &'a [u8; 12],
    /// The number of the next record.
    pub seq: u64,
}

/// A version of TLS that the kernel knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Tls12,
    Tls13,
}

impl Version {
    pub fn of(version: ProtocolVersion) -> Option<Self> {
        match version {
            ProtocolVersion::TLSv1_2 => Some(Self::Tls12),
            ProtocolVersion::TLSv1_3 => Some(Self::Tls13),
            _ => None,
        }
    }

    fn number(self) -> u16 {
        match self {
            Self::Tls12 => libc::TLS_1_2_VERSION,
            Self::Tls13 => libc::TLS_1_3_VERSION,
        }
    }
}

impl Cipher {
    pub const ALL: [Self; 3] = [Self::Aes128Gcm, Self::Aes256Gcm, Self::ChaCha20Poly1305];

    fn number(self) -> u16 {
        match self {
            Self::Aes128Gcm => libc::TLS_CIPHER_AES_GCM_128,
            Self::Aes256Gcm => libc::TLS_CIPHER_AES_GCM_256,
            Self::ChaCha20Poly1305 => libc::TLS_CIPHER_CHACHA20_POLY1305,
        }
    }

    pub fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm => 16,
            Self::Aes256Gcm | Self::ChaCha20Poly1305 => 32,
        }
    }
}

/// The longest of the structures: two numbers, the nonce in its parts, the key, the counter.
const LEN_MAX: usize = 2 + 2 + 12 + 32 + 8;

impl<'a> Key<'a> {
    /// What rustls gave away; none if it is of a kind that the kernel does not know.
    pub fn new(
        version: ProtocolVersion,
        secrets: &'a ConnectionTrafficSecrets,
        seq: u64,
    ) -> Option<Self> {
        let (cipher, key, iv) = match secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (Cipher::Aes128Gcm, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (Cipher::Aes256Gcm, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => {
                (Cipher::ChaCha20Poly1305, key, iv)
            }
            _ => return None,
        };
        Some(Self {
            version: Version::of(version)?,
            cipher,
            key: key.as_ref().get(..cipher.key_len())?,
            iv: iv.as_ref().try_into().ok()?,
            seq,
        })
    }

    /// `struct tls12_crypto_info_…`: version, cipher, nonce, key, salt, number of the next record.
    /// Those of AES-GCM have the nonce's first four bytes apart, as its salt.
    pub fn crypto_info(&self) -> CryptoInfo {
        // Growing would leave copies behind that nobody wipes.
        let mut info = Zeroizing::new(Vec::with_capacity(LEN_MAX));
        info.extend_from_slice(&self.version.number().to_ne_bytes());
        info.extend_from_slice(&self.cipher.number().to_ne_bytes());
        let [s0, s1, s2, s3, rest @ ..] = self.iv;
        match (self.cipher, self.version) {
            (Cipher::ChaCha20Poly1305, _) => {
                info.extend_from_slice(self.iv);
                info.extend_from_slice(self.key);
            }
            (Cipher::Aes128Gcm | Cipher::Aes256Gcm, version) => {
                match version {
                    Version::Tls12 => info.extend_from_slice(&explicit_nonce(*rest)),
                    Version::Tls13 => info.extend_from_slice(rest),
                }
                info.extend_from_slice(self.key);
                info.extend_from_slice(&[*s0, *s1, *s2, *s3]);
            }
        }
        info.extend_from_slice(&self.seq.to_be_bytes());
        debug_assert!(info.len() <= LEN_MAX);
        info
    }
}

/// Where the kernel begins to count the part of TLS 1.2's nonces that records carry (RFC 5288 §3).
///
/// No nonce may ever come twice. rustls has made its own from this start and the number of each
/// record, by exclusive or; the kernel counts upwards from what it is given. Before there are 2³²
/// records, which the limit of these ciphers does not allow, rustls' nonces all have the upper half
/// of this start: the kernel begins at the next one.
fn explicit_nonce(start: [u8; 8]) -> [u8; 8] {
    let upper = u64::from_be_bytes(start) >> 32;
    (upper.wrapping_add(1) << 32).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IV: [u8; 12] = [1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff, 9, 10, 11, 12];

    fn info(version: Version, cipher: Cipher) -> Vec<u8> {
        let key = Key {
            version,
            cipher,
            key: &[7; 32][..cipher.key_len()],
            iv: &IV,
            seq: 0x0102_0304_0506_0708,
        };
        key.crypto_info().to_vec()
    }

    fn joined(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    #[test]
    fn aes_of_tls_13_has_its_nonce_in_two_parts() {
        let seq = [1, 2, 3, 4, 5, 6, 7, 8];
        for (cipher, number, key) in [
            (Cipher::Aes128Gcm, 51u16, &[7u8; 16][..]),
            (Cipher::Aes256Gcm, 52, &[7; 32]),
        ] {
            let head = [0x0304u16.to_ne_bytes(), number.to_ne_bytes()].concat();
            let expected = joined(&[&head, &IV[4..], key, &IV[..4], &seq]);
            assert_eq!(info(Version::Tls13, cipher), expected);
        }
    }

    #[test]
    fn chacha_has_its_nonce_whole() {
        let seq = [1, 2, 3, 4, 5, 6, 7, 8];
        for (version, number) in [(Version::Tls12, 0x0303u16), (Version::Tls13, 0x0304)] {
            let head = [number.to_ne_bytes(), 54u16.to_ne_bytes()].concat();
            let expected = joined(&[&head, &IV, &[7; 32], &seq]);
            assert_eq!(info(version, Cipher::ChaCha20Poly1305), expected);
        }
    }

    #[test]
    fn the_structures_are_as_long_as_the_kernels() {
        for (cipher, len) in [
            (
                Cipher::Aes128Gcm,
                size_of::<libc::tls12_crypto_info_aes_gcm_128>(),
            ),
            (
                Cipher::Aes256Gcm,
                size_of::<libc::tls12_crypto_info_aes_gcm_256>(),
            ),
            (
                Cipher::ChaCha20Poly1305,
                size_of::<libc::tls12_crypto_info_chacha20_poly1305>(),
            ),
        ] {
            assert_eq!(info(Version::Tls12, cipher).len(), len);
            assert_eq!(info(Version::Tls13, cipher).len(), len);
        }
    }

    #[test]
    fn nonces_of_tls_12_never_meet_those_that_rustls_has_used() {
        for start in [0, 1, u64::MAX, 0xffff_ffff, 0x1234_5678_9abc_def0] {
            let first = u64::from_be_bytes(explicit_nonce(start.to_be_bytes()));
            let limit = 1 << 24;
            for seq in [0, 1, 2, 1000, limit - 1, limit] {
                let used = start ^ seq;
                assert!(used.wrapping_sub(first) > limit, "{start:x} {seq:x}");
            }
        }
        let info = info(Version::Tls12, Cipher::Aes128Gcm);
        assert_eq!(info[4..12], [0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
