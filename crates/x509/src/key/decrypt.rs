//! Encrypted keys: PBES2 (RFC 8018) and the way of PKCS#12 in PKCS#8, and OpenSSL's own form in a
//! header of the block.

use aws_lc_rs::digest;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit};
use md5::Digest as _;

use super::KeyError;
use crate::der::{self, OCTET_STRING, OID, Reader, SEQUENCE};
use crate::oid;
use crate::pem::Block;

/// Decrypts an `EncryptedPrivateKeyInfo`.
pub(super) fn pkcs8(block: &Block, passphrase: &[u8]) -> Result<Vec<u8>, KeyError> {
    let content = block.content.as_slice();
    let mut algorithm = der::whole(content, SEQUENCE)?.reader().inside(SEQUENCE)?;
    let scheme = algorithm.expect(OID)?.value;
    if scheme == oid::PBE_SHA1_3DES {
        return pkcs12(&mut algorithm, content, passphrase);
    }
    if scheme != oid::PBES2 {
        return Err(KeyError::UnsupportedEncryption(oid::dotted(scheme)));
    }
    let info = pkcs8::EncryptedPrivateKeyInfoRef::try_from(content)
        .map_err(|_| KeyError::UnsupportedEncryption("unknown parameters of PBES2".to_owned()))?;
    let key = info.decrypt(passphrase);
    key.map(|key| key.as_bytes().to_vec())
        .map_err(|_| KeyError::WrongPassphrase)
}

/// Decrypts what is encrypted in the way of PKCS#12 (RFC 7292 appendix C), three keys of DES.
fn pkcs12(
    algorithm: &mut Reader<'_>,
    content: &[u8],
    passphrase: &[u8],
) -> Result<Vec<u8>, KeyError> {
    let mut parameters = algorithm.inside(SEQUENCE)?;
    let salt = parameters.expect(OCTET_STRING)?.value;
    let rounds = parameters.small_integer()?.min(ROUNDS_MAX);
    let mut info = der::whole(content, SEQUENCE)?.reader();
    info.expect(SEQUENCE)?;
    let encrypted = info.expect(OCTET_STRING)?.value;
    let key = pkcs12_derive(passphrase, salt, rounds, KEY, 24);
    let iv = pkcs12_derive(passphrase, salt, rounds, IV, 8);
    decrypt::<cbc::Decryptor<des::TdesEde3>>(&key, &iv, encrypted)
}

/// RFC 7292 appendix B.2, with SHA-1.
fn pkcs12_derive(passphrase: &[u8], salt: &[u8], rounds: u32, what: u8, bytes: usize) -> Vec<u8> {
    let sha1 = |bytes: &[u8]| digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes);
    let fill = |bytes: &[u8]| -> Vec<u8> {
        let length = bytes.len().div_ceil(BLOCK) * BLOCK;
        bytes.iter().copied().cycle().take(length).collect()
    };
    let text = String::from_utf8_lossy(passphrase);
    let units = text.encode_utf16().chain([0]);
    let password: Vec<u8> = units.flat_map(u16::to_be_bytes).collect();
    let mut input = [fill(salt), fill(&password)].concat();
    let mut out = Vec::new();
    while out.len() < bytes {
        let mut hash = sha1(&[&[what; BLOCK][..], &input].concat());
        for _ in 1..rounds {
            hash = sha1(hash.as_ref());
        }
        out.extend_from_slice(hash.as_ref());
        let addend: Vec<u8> = hash.as_ref().iter().copied().cycle().take(BLOCK).collect();
        for block in input.chunks_mut(BLOCK) {
            let mut carry = 1u16;
            for (byte, add) in block.iter_mut().zip(&addend).rev() {
                let sum = u16::from(*byte) + u16::from(*add) + carry;
                (*byte, carry) = (sum as u8, sum >> 8);
            }
        }
    }
    out.truncate(bytes);
    out
}

/// The block of SHA-1.
const BLOCK: usize = 64;
/// What is derived: a key.
const KEY: u8 = 1;
/// What is derived: an initialisation vector.
const IV: u8 = 2;
/// More rounds than anybody uses; they end with another key then.
const ROUNDS_MAX: u32 = 10_000_000;

/// Decrypts a block with the header `DEK-Info`.
pub(super) fn traditional(block: &Block, passphrase: &[u8]) -> Result<Vec<u8>, KeyError> {
    let info = block.header("DEK-Info").unwrap_or_default();
    let (cipher, iv) = info.split_once(',').unwrap_or((info, ""));
    let iv = hex(iv.trim()).ok_or(der::DerError::Value)?;
    let key = |bytes| derive(passphrase, &iv, bytes);
    let content = &block.content;
    match cipher.trim() {
        "AES-128-CBC" => decrypt::<cbc::Decryptor<aes::Aes128>>(&key(16), &iv, content),
        "AES-192-CBC" => decrypt::<cbc::Decryptor<aes::Aes192>>(&key(24), &iv, content),
        "AES-256-CBC" => decrypt::<cbc::Decryptor<aes::Aes256>>(&key(32), &iv, content),
        "DES-EDE3-CBC" => decrypt::<cbc::Decryptor<des::TdesEde3>>(&key(24), &iv, content),
        other => Err(KeyError::UnsupportedEncryption(other.to_owned())),
    }
}

fn decrypt<C: BlockModeDecrypt + KeyIvInit>(
    key: &[u8],
    iv: &[u8],
    content: &[u8],
) -> Result<Vec<u8>, KeyError> {
    let cipher = C::new_from_slices(key, iv).map_err(|_| der::DerError::Value)?;
    cipher
        .decrypt_padded_vec::<Pkcs7>(content)
        .map_err(|_| KeyError::WrongPassphrase)
}

/// OpenSSL's `EVP_BytesToKey` with MD5 and one round; the salt is the start of the vector.
fn derive(passphrase: &[u8], iv: &[u8], bytes: usize) -> Vec<u8> {
    let salt = iv.get(..8).unwrap_or(iv);
    let mut key = Vec::new();
    let mut block = Vec::new();
    while key.len() < bytes {
        let digest = md5::Md5::new()
            .chain_update(&block)
            .chain_update(passphrase)
            .chain_update(salt)
            .finalize();
        block = digest.to_vec();
        key.extend_from_slice(&block);
    }
    key.truncate(bytes);
    key
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some((digit(*high)? << 4 | digit(*low)?) as u8),
        _ => None,
    });
    pairs.collect()
}
