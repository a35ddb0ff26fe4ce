//! Tokens of the RFCs' examples, of keys made here, and everything that must not pass.

use std::time::{Duration, SystemTime};

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self as lc, KeyPair as _};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use x509::pem;

use super::*;

/// RFC 7515 appendix A.1.
const HS_KEY: &str =
    "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
const HS_TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// RFC 7515 appendix A.3.
const ES_KEY: &str = r#"{"kty":"EC","crv":"P-256","kid":"one","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const ES_TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

fn keys(text: &str) -> Keys {
    Keys::parse(text.as_bytes()).unwrap()
}

fn unsigned(header: &str, claims: &str) -> String {
    format!("{}.{}", BASE64.encode(header), BASE64.encode(claims))
}

fn signed(header: &str, claims: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let text = unsigned(header, claims);
    let signature = sign(text.as_bytes());
    format!("{text}.{}", BASE64.encode(signature))
}

fn hs256(secret: &[u8], header: &str, claims: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    signed(header, claims, |text| {
        hmac::sign(&key, text).as_ref().to_vec()
    })
}

const SECRET: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

fn secret_file() -> String {
    format!("{}\n", BASE64.encode(SECRET))
}

#[test]
fn the_examples_of_the_rfc_are_believed() {
    for (key, token) in [(HS_KEY, HS_TOKEN), (ES_KEY, ES_TOKEN)] {
        let read = keys(key).verify(token.as_bytes()).unwrap();
        assert_eq!(read.claims.text("iss"), Some("joe"));
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_300_819_380);
        assert_eq!(read.claims.expires(), Some(then));
        let demands = Demands::default();
        assert_eq!(
            demands.check(&read.claims, then - Duration::from_secs(1)),
            Ok(())
        );
        assert_eq!(demands.check(&read.claims, then), Err(JwtError::Expired));
    }
}

#[test]
fn a_changed_token_is_not_believed() {
    let keys = keys(HS_KEY);
    for at in 0..HS_TOKEN.len() {
        let mut token = HS_TOKEN.as_bytes().to_vec();
        token[at] = match token[at] {
            b'A' => b'B',
            _ => b'A',
        };
        assert!(keys.verify(&token).is_err(), "byte {at}");
    }
    for end in 0..HS_TOKEN.len() {
        assert!(keys.verify(&HS_TOKEN.as_bytes()[..end]).is_err(), "{end}");
    }
}

#[test]
fn rsa_keys_verify_in_every_form_of_file() {
    let random = SystemRandom::new();
    let rsa = lc::RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let rsa_signs = |padding: &'static dyn lc::RsaEncoding, text: &[u8]| {
        let mut signature = vec![0; rsa.public_modulus_len()];
        rsa.sign(padding, &random, text, &mut signature).unwrap();
        signature
    };
    let spki: PublicKeyX509Der<'_> = rsa.public_key().as_der().unwrap();
    // SEQUENCE, INTEGER of 257 bytes of which the first is zero, INTEGER of 3 bytes.
    let der = rsa.public_key().as_ref();
    let (n, e) = (&der[9..265], &der[267..]);
    let rsa_files = [
        pem::encode("PUBLIC KEY", spki.as_ref()),
        pem::encode("RSA PUBLIC KEY", rsa.public_key().as_ref()),
        format!(
            "{{\"keys\":[{{\"kty\":\"RSA\",\"n\":\"{}\",\"e\":\"{}\"}}]}}",
            BASE64.encode(n),
            BASE64.encode(e)
        ),
    ];
    let paddings: [(&str, &'static dyn lc::RsaEncoding); 6] = [
        ("RS256", &lc::RSA_PKCS1_SHA256),
        ("RS384", &lc::RSA_PKCS1_SHA384),
        ("RS512", &lc::RSA_PKCS1_SHA512),
        ("PS256", &lc::RSA_PSS_SHA256),
        ("PS384", &lc::RSA_PSS_SHA384),
        ("PS512", &lc::RSA_PSS_SHA512),
    ];
    for file in &rsa_files {
        let keys = keys(file);
        for (name, padding) in paddings {
            let header = format!("{{\"alg\":\"{name}\"}}");
            let token = signed(&header, "{}", |text| rsa_signs(padding, text));
            assert!(keys.verify(token.as_bytes()).is_ok(), "{name} {file}");
        }
    }
}

#[test]
fn keys_on_curves_verify_in_every_form_of_file() {
    let random = SystemRandom::new();
    for (name, curve, algorithm) in [
        ("ES256", "P-256", &lc::ECDSA_P256_SHA256_FIXED_SIGNING),
        ("ES384", "P-384", &lc::ECDSA_P384_SHA384_FIXED_SIGNING),
        ("ES512", "P-521", &lc::ECDSA_P521_SHA512_FIXED_SIGNING),
    ] {
        let pair = lc::EcdsaKeyPair::generate(algorithm).unwrap();
        let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let point = &pair.public_key().as_ref()[1..];
        let (x, y) = point.split_at(point.len() / 2);
        let jwk = format!(
            "{{\"kty\":\"EC\",\"crv\":\"{curve}\",\"x\":\"{}\",\"y\":\"{}\"}}",
            BASE64.encode(x),
            BASE64.encode(y)
        );
        let header = format!("{{\"alg\":\"{name}\"}}");
        let token = signed(&header, "{}", |text| {
            pair.sign(&random, text).unwrap().as_ref().to_vec()
        });
        for file in [pem::encode("PUBLIC KEY", spki.as_ref()), jwk] {
            assert!(
                keys(&file).verify(token.as_bytes()).is_ok(),
                "{name} {file}"
            );
        }
    }

    let pair = lc::Ed25519KeyPair::generate().unwrap();
    let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let jwk = format!(
        "{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"{}\"}}",
        BASE64.encode(pair.public_key().as_ref())
    );
    let token = signed("{\"alg\":\"EdDSA\"}", "{}", |text| {
        pair.sign(text).as_ref().to_vec()
    });
    for file in [pem::encode("PUBLIC KEY", spki.as_ref()), jwk] {
        assert!(keys(&file).verify(token.as_bytes()).is_ok(), "{file}");
    }
}

#[test]
fn the_key_decides_about_the_algorithm_and_never_the_token() {
    let pair = lc::RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let spki: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    let file = pem::encode("PUBLIC KEY", spki.as_ref());
    let keys_of_rsa = keys(&file);
    // The public key as the secret of an HMAC: as PEM, as DER, as the bare key.
    for secret in [file.as_bytes(), spki.as_ref(), pair.public_key().as_ref()] {
        let token = hs256(secret, "{\"alg\":\"HS256\"}", "{}");
        assert_eq!(keys_of_rsa.verify(token.as_bytes()), Err(JwtError::NoKey));
    }
    for header in ["{\"alg\":\"none\"}", "{\"alg\":\"None\"}", "{\"alg\":\"\"}"] {
        let token = format!("{}.", unsigned(header, "{}"));
        let verified = keys_of_rsa.verify(token.as_bytes());
        assert_eq!(verified, Err(JwtError::Algorithm), "{header}");
        let verified = keys(HS_KEY).verify(token.as_bytes());
        assert_eq!(verified, Err(JwtError::Algorithm), "{header}");
    }
    // A key that says what it is for is for nothing else.
    let only = format!(
        "{{\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"{}\"}}",
        BASE64.encode(SECRET)
    );
    let token = hs256(SECRET, "{\"alg\":\"HS256\"}", "{}");
    assert_eq!(keys(&only).verify(token.as_bytes()), Err(JwtError::NoKey));
}

#[test]
fn keys_are_chosen_by_their_name() {
    let set = format!(
        "{{\"keys\":[{ES_KEY},{{\"kty\":\"oct\",\"kid\":\"two\",\"k\":\"{}\"}},\
         {{\"kty\":\"oct\",\"kid\":\"enc\",\"use\":\"enc\",\"k\":\"{HS_KEY}\"}},\
         {{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"\",\"y\":\"\"}}]}}",
        BASE64.encode(SECRET)
    );
    let set = keys(&set);
    let token = |id: &str| {
        let header = format!("{{\"alg\":\"HS256\"{id}}}");
        hs256(SECRET, &header, "{}")
    };
    assert!(set.verify(token("").as_bytes()).is_ok());
    assert!(set.verify(token(",\"kid\":\"two\"").as_bytes()).is_ok());
    let other = token(",\"kid\":\"one\"");
    assert_eq!(set.verify(other.as_bytes()), Err(JwtError::NoKey));
    assert!(set.verify(ES_TOKEN.as_bytes()).is_ok());
    // A key for encryption vouches for nothing.
    assert_eq!(set.verify(HS_TOKEN.as_bytes()), Err(JwtError::Signature));
}

#[test]
fn what_a_reader_demands_must_be_there() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
    let demands = Demands {
        audience: Some("portway".into()),
        issuer: Some("https://id.example".into()),
        leeway: Duration::from_secs(10),
    };
    let check = |claims: &str| {
        let token = hs256(SECRET, "{\"alg\":\"HS256\"}", claims);
        let token = keys(&secret_file()).verify(token.as_bytes()).unwrap();
        demands.check(&token.claims, now)
    };
    let whole = r#""aud":"portway","iss":"https://id.example""#;
    assert_eq!(check(&format!("{{{whole}}}")), Ok(()));
    let several = r#"{"aud":["other","portway"],"iss":"https://id.example"}"#;
    assert_eq!(check(several), Ok(()));
    for (claims, wrong) in [
        (r#"{"iss":"https://id.example"}"#, "aud"),
        (r#"{"aud":"portway2","iss":"https://id.example"}"#, "aud"),
        (r#"{"aud":7,"iss":"https://id.example"}"#, "aud"),
        (r#"{"aud":"portway"}"#, "iss"),
        (r#"{"aud":"portway","iss":["https://id.example"]}"#, "iss"),
    ] {
        assert_eq!(check(claims), Err(JwtError::Claim(wrong)), "{claims}");
    }
    for (time, expected) in [
        (r#""exp":990"#, Err(JwtError::Expired)),
        (r#""exp":990.5"#, Ok(())),
        (r#""exp":995"#, Ok(())),
        (r#""nbf":1010"#, Ok(())),
        (r#""nbf":1011"#, Err(JwtError::NotYet)),
        (r#""exp":"never""#, Err(JwtError::Claim("exp"))),
        (r#""exp":null"#, Err(JwtError::Claim("exp"))),
        (r#""exp":-1"#, Err(JwtError::Claim("exp"))),
        (r#""exp":1e300"#, Err(JwtError::Claim("exp"))),
        (r#""nbf":true"#, Err(JwtError::Claim("nbf"))),
    ] {
        assert_eq!(check(&format!("{{{whole},{time}}}")), expected, "{time}");
    }
}

#[test]
fn what_is_no_token_says_so() {
    let keys = keys(HS_KEY);
    let long = "a".repeat(20_000);
    for (token, error) in [
        ("", JwtError::Malformed),
        ("a.b", JwtError::Malformed),
        ("a.b.c.d", JwtError::Malformed),
        ("e30.e30.e30.e30.e30", JwtError::Encrypted),
        ("e30.e30.e30", JwtError::Malformed),
        ("W10.e30.e30", JwtError::Malformed),
        (&long, JwtError::TooLong),
    ] {
        assert_eq!(keys.verify(token.as_bytes()), Err(error), "{token}");
    }
    let critical = hs256(
        SECRET,
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        "{}",
    );
    assert_eq!(keys.verify(critical.as_bytes()), Err(JwtError::Critical));
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let deep = hs256(SECRET, r#"{"alg":"HS256"}"#, &deep);
    let verified = self::keys(&secret_file()).verify(deep.as_bytes());
    assert_eq!(verified, Err(JwtError::Malformed));
}

#[test]
fn files_without_keys_say_what_is_wrong() {
    for (text, error) in [
        ("", KeyError::ShortSecret),
        ("a secret with spaces", KeyError::Unknown),
        ("c2hvcnQ", KeyError::ShortSecret),
        ("{}", KeyError::NoSet),
        ("{\"keys\":{}}", KeyError::NoSet),
        ("{\"keys\":[]}", KeyError::Empty),
        ("{broken", KeyError::NoSet),
        (
            r#"{"keys":[{"kty":"oct","k":"c2hvcnQ"}]}"#,
            KeyError::InSet(1, "the secret is shorter than 32 bytes"),
        ),
        (
            r#"{"keys":[{"k":"c2hvcnQ"}]}"#,
            KeyError::InSet(1, "it has no \"kty\""),
        ),
        (
            r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
            KeyError::InSet(1, "its numbers are no point of the curve"),
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            KeyError::NoPublicKey,
        ),
    ] {
        assert_eq!(Keys::parse(text.as_bytes()).unwrap_err(), error, "{text}");
    }
}

#[test]
fn saved_and_mutated_inputs_break_no_rule() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/jwt");
    let mut inputs = 0;
    for entry in std::fs::read_dir(folder)
        .expect("the corpus is there")
        .flatten()
    {
        let input = std::fs::read(entry.path()).expect("it can be read");
        fuzz::jwt(&input);
        for at in (0..input.len()).step_by(7) {
            let mut changed = input.clone();
            changed[at] ^= 1 << (at % 8);
            fuzz::jwt(&changed);
            fuzz::jwt(&input[..at]);
        }
        inputs += 1;
    }
    assert!(inputs > 3, "{inputs}");
}
