//! Tokens that python-jwcrypto encrypted, which websockify reads them with, and what must not pass.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
use x509::pem;

use super::*;

/// Lines of algorithm, encryption and token. Inside is a token that the same key signed.
const TOKENS: &str = include_str!("tokens.txt");
const PRIVATE_KEY: &str = include_str!("key.pem");
const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";

fn tokens() -> impl Iterator<Item = (&'static str, &'static str)> {
    TOKENS.lines().map(|line| {
        let (kind, token) = line.rsplit_once(' ').unwrap();
        (kind, token)
    })
}

fn keys(text: &str) -> Keys {
    Keys::parse(text.as_bytes()).unwrap()
}

fn keys_for(kind: &str) -> Keys {
    match kind.starts_with("dir") {
        true => keys(SECRET),
        false => keys(PRIVATE_KEY),
    }
}

#[test]
fn what_others_encrypted_is_opened_and_then_verified() {
    let mut count = 0;
    for (kind, token) in tokens() {
        let keys = keys_for(kind);
        assert!(is_encrypted(token.as_bytes()));
        assert_eq!(keys.verify(token.as_bytes()), Err(JwtError::Encrypted));
        let inner = keys.open(token.as_bytes()).expect(kind);
        assert!(!is_encrypted(&inner));
        let read = keys.verify(&inner).expect(kind);
        assert_eq!(read.claims.text("host"), Some("10.0.0.7"), "{kind}");
        count += 1;
    }
    assert_eq!(count, 6);
}

#[test]
fn a_changed_token_is_not_opened() {
    for (kind, token) in tokens() {
        let keys = keys_for(kind);
        // A private key takes its time: some places stand for all.
        let step = if kind.starts_with("dir") { 1 } else { 97 };
        for at in (0..token.len()).step_by(step) {
            let mut changed = token.as_bytes().to_vec();
            changed[at] = match changed[at] {
                b'A' => b'B',
                _ => b'A',
            };
            // The last character of a part has bits that say nothing, and must be zero.
            assert!(keys.open(&changed).is_err(), "{kind}: byte {at}");
        }
        let cut = &token[..token.len() - 4];
        assert!(keys.open(cut.as_bytes()).is_err(), "{kind}: a short tag");
    }
}

#[test]
fn a_key_opens_only_what_is_for_it() {
    let other = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
    let public: PublicKeyX509Der<'_> = other.public_key().as_der().unwrap();
    let public = keys(&pem::encode("PUBLIC KEY", public.as_ref()));
    for (kind, token) in tokens() {
        let (mine, theirs) = match kind.starts_with("dir") {
            true => (SECRET.replace("MDEy", "MDEx"), PRIVATE_KEY),
            false => (PRIVATE_KEY.to_owned(), SECRET),
        };
        let no_key = Err(JwtError::NoKey);
        assert_eq!(keys(theirs).open(token.as_bytes()), no_key, "{kind}");
        assert_eq!(public.open(token.as_bytes()), no_key, "{kind}");
        if kind.starts_with("dir") {
            let opened = keys(&mine).open(token.as_bytes());
            assert_eq!(opened, Err(JwtError::Sealed), "{kind}");
        }
    }
    for (token, error) in [
        ("a.b.c", JwtError::Malformed),
        ("e30....", JwtError::Malformed),
        // {"alg":"RSA1_5","enc":"A256GCM"}
        (
            "eyJhbGciOiJSU0ExXzUiLCJlbmMiOiJBMjU2R0NNIn0....",
            JwtError::Algorithm,
        ),
        // {"alg":"dir","enc":"none"}
        (
            "eyJhbGciOiJkaXIiLCJlbmMiOiJub25lIn0....",
            JwtError::Algorithm,
        ),
        // {"alg":"dir","enc":"A256GCM","zip":"DEF"}
        (
            "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwiemlwIjoiREVGIn0....",
            JwtError::Critical,
        ),
        // {"alg":"dir","enc":"A256GCM"}
        (
            "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0....",
            JwtError::Sealed,
        ),
    ] {
        assert_eq!(keys(SECRET).open(token.as_bytes()), Err(error), "{token}");
    }
}

/// As OpenSSL wrote keys before its version 3.
#[test]
fn a_key_in_the_old_form_is_the_same_key() {
    let block = pem::blocks(PRIVATE_KEY.as_bytes()).next().unwrap().unwrap();
    // SEQUENCE, version, algorithm and the head of an OCTET STRING.
    let old = keys(&pem::encode("RSA PRIVATE KEY", &block.content[26..]));
    let (_, token) = tokens().last().unwrap();
    let inner = old.open(token.as_bytes()).unwrap();
    assert!(old.verify(&inner).is_ok());
}
