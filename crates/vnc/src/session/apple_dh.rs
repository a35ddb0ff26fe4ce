//! Logging in by Apple's Diffie-Hellman authentication (security type 30) with what is stored, as
//! macOS wants it of its users.
//!
//! Nobody who only listens learns the password. The server proves nothing, so whoever stands in
//! between learns it: hence only with an explicit yes.

use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt as _, KeyInit as _};
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use md5::{Digest as _, Md5};
use proto::rfb::apple_dh::{self, FIELD_LEN, Parameters};

use super::ending::Failure;
use super::rsa_aes::random;
use super::server::Server;
use crate::{Policy, Refusal};

/// Bytes of our secret exponent: twice what the digest behind it has.
const EXPONENT_LEN: usize = 32;

/// Carries the exchange to its end, once the type was chosen: what the server says next is its
/// verdict.
pub(super) async fn log_in(server: &mut Server, policy: &Policy) -> Result<(), Failure> {
    server.flush().await?;
    let parameters = server.take(Parameters::parse).await?;
    let password = policy.password.as_ref();
    let password = password.map_or(&[][..], |password| password.bytes());
    let user = policy.user.as_deref().unwrap_or_default().as_bytes();
    let login = apple_dh::credentials(user, password, random()?).ok_or_else(|| {
        let detail = "the user's name or password is too long for Apple's login";
        Failure::told(Refusal::UnsupportedSecurity, detail)
    })?;
    let reply = answer(&parameters, &random()?, login).ok_or_else(|| {
        let detail = "the server's Diffie-Hellman parameters are of no use";
        Failure::told(Refusal::UnsupportedSecurity, detail)
    })?;
    server.outbox.extend_from_slice(&reply);
    server.handshake.exchanged();
    Ok(())
}

/// What is sent; `None` if the parameters do not hide it.
fn answer(
    parameters: &Parameters,
    exponent: &[u8; EXPONENT_LEN],
    mut login: [u8; 2 * FIELD_LEN],
) -> Option<Vec<u8>> {
    let len = parameters.prime.len();
    let bits = u32::try_from(len * 8).ok()?;
    let number = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, bits).ok();
    let prime = number(&parameters.prime)?;
    let public = number(&parameters.public)?;
    let one = BoxedUint::one_with_precision(bits);
    // Values that leave nothing to guess: 0, 1 and what is -1.
    if public <= one || public >= prime.wrapping_sub(&one) {
        return None;
    }
    let modulus = BoxedMontyParams::new_vartime(Odd::new(prime).into_option()?);
    let exponent = BoxedUint::from_be_slice(exponent, 8 * EXPONENT_LEN as u32).ok()?;
    let power = |base: BoxedUint| {
        let power = BoxedMontyForm::new(base, &modulus)
            .pow(&exponent)
            .retrieve();
        // As long as the prime: limbs may be more.
        let bytes = power.to_be_bytes();
        bytes
            .get(bytes.len().checked_sub(len)?..)
            .map(<[u8]>::to_vec)
    };
    let own = power(number(&parameters.generator.to_be_bytes())?)?;
    let shared = power(public)?;
    let key: [u8; 16] = Md5::digest(&shared).into();
    let cipher = Aes128::new(&key.into());
    for block in login.as_chunks_mut::<16>().0 {
        cipher.encrypt_block(block.into());
    }
    Some([&login[..], &own].concat())
}

#[cfg(test)]
mod tests {
    use sha2::Sha256;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits = text.as_bytes().as_chunks::<2>().0.iter();
        let pairs = digits.map(|pair| std::str::from_utf8(pair).unwrap());
        pairs
            .map(|pair| u8::from_str_radix(pair, 16).unwrap())
            .collect()
    }

    /// As Python's numbers and OpenSSL's AES have it, for the prime of RFC 2409 §6.2, a server
    /// whose secret is 32 times 9, and one of 32 times 7 here.
    #[test]
    fn the_answer_is_what_others_compute() {
        let prime = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74\
            020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f1437\
            4fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed\
            ee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff";
        let public = "3d0550263234c19b0e718b411d3916738ff5fb8af44064d3bf1f8f637aa79991\
            54b6fba210223dddca886ebfb925a20bef613f91e0a603735819f462cd7aa066\
            137d708c012ab91f709cb55af49a0ce130e2d1c590ee3529a520e4477a9359b9\
            0ec90f04096f145ccd7d4b58ff7b88cc7ae0786657c01dcdd72fc3be6fb18441";
        let parameters = Parameters {
            generator: 2,
            prime: hex(prime),
            public: hex(public),
        };
        let login = apple_dh::credentials(b"ann", b"secret12", [0x11; 128]).unwrap();
        let reply = answer(&parameters, &[7; EXPONENT_LEN], login).unwrap();
        assert_eq!(reply.len(), 256);
        let digest: [u8; 32] = Sha256::digest(&reply).into();
        let expected = "0be3965d856ab557b8c581e22923fec8ce49f52b688ea4e7c708085d59b4bf45";
        assert_eq!(digest.to_vec(), hex(expected));
    }
}
