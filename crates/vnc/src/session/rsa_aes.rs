//! Logging in by RSA-AES (security types 5, 6, 129, 130) with what is stored: RealVNC's own, and
//! TigerVNC's `RA2`, `RA2ne`, `RA2_256`, `RA2ne_256`.
//!
//! The server proves that it has the key of its public key, which has no certificate: so it is
//! trusted by its fingerprint, or not at all.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{
    KeyPair, KeySize, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey, PublicKeyComponents,
};
use aws_lc_rs::signature::KeyPair as _;
use proto::rfb::rsa_aes::{self, PublicKey, Wanted};
use proto::rfb::security;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;
use x509::der::{Reader, SEQUENCE};

use super::ending::Failure;
use super::seal::{Seal, Seals};
use super::server::Server;
use crate::tls::judge_key;
use crate::{Fingerprint, Policy, Refusal};

/// The key that the gateway shows. Servers ask nothing of it, so it is one for the life of the
/// process: making it takes longer than a session may hold up others.
static OWN_KEY: OnceCell<OwnKey> = OnceCell::const_new();

struct OwnKey {
    public: PublicKey,
    private: Pkcs1PrivateDecryptingKey,
}

/// Which of the types.
#[derive(Debug, Clone, Copy)]
struct Kind {
    /// SHA-256 and AES-256 in place of SHA-1 and AES-128.
    is_256: bool,
    /// What comes behind the login is sealed too.
    seals_all: bool,
}

impl Kind {
    fn of(security_type: u8) -> Self {
        Self {
            is_256: matches!(security_type, security::RA2_256 | security::RA2NE_256),
            seals_all: matches!(security_type, security::RA2 | security::RA2_256),
        }
    }

    /// A random number, of which each side makes one: as long as the keys that both make.
    fn random(self) -> Result<Vec<u8>, Failure> {
        let len = if self.is_256 { 32 } else { 16 };
        let mut bytes = random::<32>()?.to_vec();
        bytes.truncate(len);
        Ok(bytes)
    }

    fn hash(self, parts: [&[u8]; 2]) -> Vec<u8> {
        let [one, other] = parts;
        match self.is_256 {
            true => Sha256::new_with_prefix(one)
                .chain_update(other)
                .finalize()
                .to_vec(),
            false => Sha1::new_with_prefix(one)
                .chain_update(other)
                .finalize()
                .to_vec(),
        }
    }

    /// What seals what `sender` sends to `receiver`, by the random numbers of both.
    fn seal(self, receiver: &[u8], sender: &[u8]) -> Option<Seal> {
        let key = self.hash([receiver, sender]);
        match self.is_256 {
            true => key.first_chunk().map(Seal::aes_256),
            false => key.first_chunk().map(Seal::aes_128),
        }
    }
}

/// Carries the exchange to its end, once the type was chosen: what the server says next is its
/// verdict.
pub(super) async fn log_in(
    mut server: Server,
    security_type: u8,
    policy: &Policy,
) -> Result<Server, Failure> {
    let kind = Kind::of(security_type);
    server.flush().await?;
    let theirs = server.take(PublicKey::parse).await?;
    let encrypting = trusted(&theirs, policy)?;
    let own = own_key().await?;

    let random = kind.random()?;
    let mut encrypted = vec![0; theirs.encrypted_len()];
    let encrypted = encrypting.encrypt(&random, &mut encrypted);
    let encrypted = encrypted.map_err(|_| not_as_said("its public key encrypts nothing"))?;
    server.outbox.extend_from_slice(&own.public.encode());
    rsa_aes::write_encrypted(encrypted, &mut server.outbox);
    server.flush().await?;
    let encrypted = server
        .take(|input| own.public.parse_encrypted(input))
        .await?;
    let their_random = own.decrypt(&encrypted, kind)?;

    let seals = Option::zip(
        kind.seal(&their_random, &random),
        kind.seal(&random, &their_random),
    );
    let (out, back) = seals.ok_or_else(|| internal("the digests are too short"))?;
    let mut seals = Seals { out, back };
    let keys = [theirs.encode(), own.public.encode()];
    let [server_key, own_key] = [&keys[0][..], &keys[1][..]];
    let proof = server.take_sealed(&mut seals).await?;
    verify_slices_are_equal(&proof, &kind.hash([server_key, own_key]))
        .map_err(|_| not_as_said("its hash of both keys is wrong"))?;
    server
        .send_sealed(&kind.hash([own_key, server_key]), &mut seals)
        .await?;
    let wanted = server.take_sealed(&mut seals).await?;
    let wanted = Wanted::parse(&wanted).map_err(|error| not_as_said(&error.to_string()))?;
    server
        .send_sealed(&credentials(wanted, policy)?, &mut seals)
        .await?;
    server.handshake.exchanged();
    Ok(match kind.seals_all {
        true => server.sealed(seals),
        false => server,
    })
}

fn credentials(wanted: Wanted, policy: &Policy) -> Result<Vec<u8>, Failure> {
    let password = policy.password.as_ref();
    let password = password.map_or(&[][..], |password| password.bytes());
    let user = match (wanted, policy.user.as_deref()) {
        (Wanted::Password, _) => "",
        (Wanted::UserAndPassword, Some(user)) => user,
        (Wanted::UserAndPassword, None) => {
            let detail = "the server wants a user: set \"vnc_user\"";
            return Err(Failure::told(Refusal::UnsupportedSecurity, detail));
        }
    };
    rsa_aes::credentials(user.as_bytes(), password).ok_or_else(|| {
        let detail = "the user's name or password is too long for RSA-AES";
        Failure::told(Refusal::UnsupportedSecurity, detail)
    })
}

/// The server's key to encrypt with, if it is known to be good.
fn trusted(key: &PublicKey, policy: &Policy) -> Result<Pkcs1PublicEncryptingKey, Failure> {
    let components = PublicKeyComponents {
        n: key.modulus(),
        e: key.exponent(),
    };
    let of_no_use = || not_as_said("its public key is none that can be used");
    let der = components.as_der().map_err(|_| of_no_use())?;
    judge_key(policy.tls.as_ref(), Fingerprint::of(der.as_ref()))?;
    // Numbers are checked when they are read, and not when they are put together.
    let key = PublicEncryptingKey::from_der(der.as_ref()).map_err(|_| of_no_use())?;
    Pkcs1PublicEncryptingKey::new(key).map_err(|_| of_no_use())
}

impl OwnKey {
    fn make() -> Option<Self> {
        let pair = KeyPair::generate(KeySize::Rsa2048).ok()?;
        let public = public_of(&pair)?;
        let der = pair.as_der().ok()?;
        let private = PrivateDecryptingKey::from_pkcs8(der.as_ref()).ok()?;
        let private = Pkcs1PrivateDecryptingKey::new(private).ok()?;
        Some(Self { public, private })
    }

    /// The server's random number. One that cannot be read is as good as another one: the seals
    /// will not fit, and nobody learns which of both was wrong.
    fn decrypt(&self, encrypted: &[u8], kind: Kind) -> Result<Vec<u8>, Failure> {
        let instead = kind.random()?;
        let mut content = vec![0; self.public.encrypted_len()];
        let content = self.private.decrypt(encrypted, &mut content);
        Ok(match content {
            Ok(content) if content.len() == instead.len() => content.to_vec(),
            _ => instead,
        })
    }
}

/// A pair's public key: RFC 8017 has it as a sequence of both numbers.
pub(super) fn public_of(pair: &KeyPair) -> Option<PublicKey> {
    let mut numbers = Reader::new(pair.public_key().as_ref())
        .inside(SEQUENCE)
        .ok()?;
    let (modulus, exponent) = (numbers.integer().ok()?, numbers.integer().ok()?);
    Some(PublicKey::new(modulus, exponent))
}

async fn own_key() -> Result<&'static OwnKey, Failure> {
    let make = || async {
        let made = tokio::task::spawn_blocking(OwnKey::make).await;
        made.ok()
            .flatten()
            .ok_or_else(|| internal("no RSA key could be made"))
    };
    OWN_KEY.get_or_try_init(make).await
}

pub(super) fn random<const LEN: usize>() -> Result<[u8; LEN], Failure> {
    let mut bytes = [0; LEN];
    let filled = aws_lc_rs::rand::fill(&mut bytes);
    filled.map_err(|_| internal("no random bytes"))?;
    Ok(bytes)
}

fn internal(what: &str) -> Failure {
    Failure::told(Refusal::Internal, what)
}

/// The server breaks its own protocol, or somebody in between does.
fn not_as_said(what: &str) -> Failure {
    Failure::told(
        Refusal::TlsFailed,
        format!("RSA-AES with the server: {what}"),
    )
}
