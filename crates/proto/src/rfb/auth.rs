//! VNC authentication (RFC 6143 §7.2.2) and the file format of `vncpasswd`.

use des::Des;
use des::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

/// The key under which `vncpasswd` stores a password: fixed and public, so this hides nothing.
const FILE_KEY: [u8; 8] = [23, 82, 107, 6, 35, 78, 88, 7];

/// The response to a server's challenge. Only the password's first 8 bytes count.
pub fn answer_challenge(password: &[u8], challenge: &[u8; 16]) -> [u8; 16] {
    let mut key = [0; 8];
    for (key, byte) in key.iter_mut().zip(password) {
        *key = *byte;
    }
    let cipher = cipher(key);
    let mut response = *challenge;
    for block in response.as_chunks_mut::<8>().0 {
        cipher.encrypt_block(block.into());
    }
    response
}

/// The password in the 8 bytes that `vncpasswd` writes.
pub fn reveal_password(mut stored: [u8; 8]) -> Vec<u8> {
    cipher(FILE_KEY).decrypt_block((&mut stored).into());
    stored.into_iter().take_while(|byte| *byte != 0).collect()
}

/// VNC's DES takes each byte of the key with its bits reversed.
fn cipher(key: [u8; 8]) -> Des {
    Des::new(&key.map(u8::reverse_bits).into())
}
