//! What TLS the kernel can do, found out by trying: its version does not say it.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicU8, Ordering};

use super::keys::{Cipher, Key, Version};
use crate::sys;

/// What was found: a bit for each version and cipher, and [`RENEWS`].
static FOUND: AtomicU8 = AtomicU8::new(0);

/// Keys of TLS 1.3 can be renewed.
const RENEWS: u8 = 1 << 7;

/// What the kernel can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ability {
    bits: u8,
}

impl Ability {
    /// What was found last; nothing, before anybody tried.
    pub(in crate::tls) fn known() -> Self {
        Self {
            bits: FOUND.load(Ordering::Relaxed),
        }
    }

    pub(super) fn has(self, version: Version, cipher: Cipher) -> bool {
        self.bits & bit(version, cipher) != 0
    }

    /// Whether it can change to another key, as TLS 1.3 asks for (Linux 6.14).
    pub fn renews(self) -> bool {
        self.bits & RENEWS != 0
    }
}

fn bit(version: Version, cipher: Cipher) -> u8 {
    let row = match version {
        Version::Tls12 => 0,
        Version::Tls13 => 3,
    };
    let column = match cipher {
        Cipher::Aes128Gcm => 0,
        Cipher::Aes256Gcm => 1,
        Cipher::ChaCha20Poly1305 => 2,
    };
    1 << (row + column)
}

/// Finds out what the kernel can do, with connections to ourselves: for all threads of the process,
/// and for those that it becomes. With privileges it also makes the kernel load its module.
///
/// An error says that there is no TLS in the kernel, or that it could not be tried.
pub fn probe() -> io::Result<Ability> {
    let found = try_all();
    let bits = found.as_ref().map_or(0, |ability| ability.bits);
    FOUND.store(bits, Ordering::Relaxed);
    found
}

fn try_all() -> io::Result<Ability> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    // Without the module, this one fails, and nothing else is tried.
    sys::tls::attach(connect(&listener)?.as_fd())?;
    let mut bits = 0;
    for version in [Version::Tls12, Version::Tls13] {
        for cipher in Cipher::ALL {
            let socket = connect(&listener)?;
            sys::tls::attach(socket.as_fd())?;
            if set_some_key(&socket, version, cipher).is_err() {
                continue;
            }
            bits |= bit(version, cipher);
            if version == Version::Tls13 && set_some_key(&socket, version, cipher).is_ok() {
                bits |= RENEWS;
            }
        }
    }
    match bits {
        0 => Err(io::ErrorKind::Unsupported.into()),
        bits => Ok(Ability { bits }),
    }
}

fn connect(listener: &TcpListener) -> io::Result<TcpStream> {
    TcpStream::connect(listener.local_addr()?)
}

/// Sets a key with which nothing is ever sent.
fn set_some_key(socket: &TcpStream, version: Version, cipher: Cipher) -> io::Result<()> {
    let key = Key {
        version,
        cipher,
        key: &[0; 32][..cipher.key_len()],
        iv: &[0; 12],
        seq: 0,
    };
    sys::tls::set_sending_key(socket.as_fd(), &key.crypto_info())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_and_cipher_has_a_bit_of_its_own() {
        let mut all = RENEWS;
        for version in [Version::Tls12, Version::Tls13] {
            for cipher in Cipher::ALL {
                assert_eq!(all & bit(version, cipher), 0);
                all |= bit(version, cipher);
            }
        }
    }

    #[test]
    fn what_was_found_is_known_from_then_on() {
        let found = probe().ok();
        let known = Ability::known();
        assert_eq!(known.bits & !RENEWS != 0, found.is_some());
        assert_eq!(found.unwrap_or(known), known);
    }
}
