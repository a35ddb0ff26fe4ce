//! Keys in the forms that OpenSSL writes.

use super::*;
use crate::testing::{certificate, file};

const NONE: &[&str] = &[];

#[test]
fn plain_keys_of_all_forms_are_read() {
    for (name, certificate_name, format) in [
        ("rsa", "rsa", KeyFormat::Pkcs8),
        ("rsa_pkcs1", "rsa", KeyFormat::Pkcs1),
        ("rsa_pkcs8", "rsa", KeyFormat::Pkcs8),
        ("self", "self", KeyFormat::Sec1),
        ("ec_pkcs8", "self", KeyFormat::Pkcs8),
        ("ec_with_parameters", "self", KeyFormat::Sec1),
        ("ed25519", "ed25519", KeyFormat::Pkcs8),
        ("p384", "p384", KeyFormat::Sec1),
    ] {
        let key = PrivateKey::from_pem(&file(&format!("{name}.key")), NONE).unwrap();
        assert_eq!(key.format(), format, "{name}");
        assert!(key.belongs_to(&certificate(certificate_name)), "{name}");
        for other in ["direct", "ed25519", "weak", "sha1"] {
            let belongs = key.belongs_to(&certificate(other));
            assert_eq!(belongs, other == certificate_name, "{name} {other}");
        }
    }
}

#[test]
fn encrypted_keys_are_read_with_one_of_the_passphrases() {
    for (name, certificate_name) in [
        ("ec_aes256", "self"),
        ("ec_aes128_sha1", "self"),
        ("ec_des3", "self"),
        ("ec_scrypt", "self"),
        ("ec_pbes1", "self"),
        ("ec_old_aes128", "self"),
        ("ec_old_aes192", "self"),
        ("ec_old_aes256", "self"),
        ("ec_old_des3", "self"),
        ("rsa_old_aes128", "rsa"),
        ("rsa_old_aes256", "rsa"),
        ("rsa_old_des3", "rsa"),
    ] {
        let text = file(&format!("{name}.key"));
        let key = PrivateKey::from_pem(&text, &["wrong", "", "secret"])
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(key.belongs_to(&certificate(certificate_name)), "{name}");
        let error = PrivateKey::from_pem(&text, &["wrong"]).unwrap_err();
        assert_eq!(error, KeyError::WrongPassphrase, "{name}");
        let error = PrivateKey::from_pem(&text, NONE).unwrap_err();
        assert_eq!(error, KeyError::NoPassphrase, "{name}");
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let error = |text: &[u8]| PrivateKey::from_pem(text, &["secret"]).unwrap_err();
    assert_eq!(error(&file("self.crt")), KeyError::Missing);
    assert_eq!(error(b""), KeyError::Missing);
    // pbeWithMD5AndDES-CBC, which OpenSSL 3 refuses too.
    let old = b"\x30\x13\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x05\x03\x30\x00\x04\x02ab";
    let old = error(pem::encode("ENCRYPTED PRIVATE KEY", old).as_bytes()).to_string();
    assert!(old.contains("1.2.840.113549.1.5.3"), "{old}");
    let dsa = pem::encode("DSA PRIVATE KEY", b"\x30\x00");
    assert_eq!(error(dsa.as_bytes()), KeyError::UnsupportedKind);
    let broken = pem::encode("PRIVATE KEY", b"\x30\x05\x02");
    assert_eq!(
        error(broken.as_bytes()),
        KeyError::Invalid(DerError::Truncated)
    );
    let cut = &file("self.key")[..100];
    assert!(matches!(error(cut), KeyError::Pem(_)));
}

#[test]
fn a_key_is_never_printed() {
    let key = PrivateKey::from_pem(&file("self.key"), NONE).unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey { format: Sec1, .. }");
}
