//! What is read out of certificates that OpenSSL made.

use super::*;
use crate::extensions::BasicConstraints;
use crate::signature::{KeyKind, Scheme};
use crate::testing::{certificate, file};
use crate::{Digest, pem};

#[test]
fn serial_numbers_print_as_in_openssl() {
    for (value, text) in [
        (&b"\x01"[..], "01"),
        (b"\x00", "00"),
        (b"\x00\xff", "FF"),
        (b"\x12\x34\xab", "1234AB"),
        (b"\xff", "-01"),
        (b"\x80", "-80"),
        (b"\xff\x00", "-0100"),
    ] {
        assert_eq!(integer_hex(value), text);
    }
}

#[test]
fn a_certificate_tells_what_stands_in_it() {
    let leaf = certificate("leaf");
    assert_eq!(
        leaf.subject().rfc2253(),
        "CN=leaf,O=Portway \\\"Test\\\"\\, Inc.,C=DE"
    );
    assert_eq!(
        leaf.subject().oneline(),
        "/C=DE/O=Portway \"Test\", Inc./CN=leaf"
    );
    assert_eq!(leaf.issuer().rfc2253(), "CN=middle,O=Portway Test");
    assert_eq!((leaf.version(), leaf.key().kind()), (3, KeyKind::P256));
    assert_eq!(leaf.algorithm().scheme(), Scheme::Ecdsa(Digest::Sha256));
    let validity = leaf.validity();
    let print = |time: Option<Time>| time.unwrap().to_string();
    assert_eq!(print(validity.not_before), "Jan  1 00:00:00 2020 GMT");
    assert_eq!(print(validity.not_after), "Jan  1 00:00:00 2099 GMT");
    assert!(!leaf.is_self_issued() && !leaf.is_self_signed());
}

#[test]
fn extensions_are_read() {
    let root = certificate("root");
    let authority = BasicConstraints {
        ca: true,
        path_length: None,
    };
    assert_eq!(root.extensions().basic_constraints, Some(authority));
    assert!(root.is_self_signed());
    let server = certificate("server");
    let names: Vec<_> = server.dns_names().collect();
    assert_eq!(names, [&b"www.example.com"[..], b"*.wild.example.com"]);
    let addresses: Vec<_> = server.ip_addresses().map(|ip| ip.to_string()).collect();
    assert_eq!(addresses, ["192.0.2.1", "2001:db8::1"]);
    let client = certificate("client");
    assert_eq!(
        client.extensions().ocsp_urls,
        ["http://127.0.0.1:8080/ocsp"]
    );
    assert!(client.extensions().must_staple && !server.extensions().must_staple);
    assert!(certificate("critical").extensions().unknown_critical);
}

#[test]
fn a_version_1_certificate_has_no_extensions() {
    let v1 = certificate("v1");
    assert_eq!((v1.version(), v1.extensions()), (1, &Extensions::default()));
    assert!(v1.is_self_signed());
    assert_eq!(v1.verify_signature(v1.key()), Ok(()));
}

#[test]
fn names_are_printed_in_utf8_escapes() {
    let subject = certificate("utf8").subject().clone();
    assert_eq!(
        subject.rfc2253(),
        "emailAddress=a@b.c,CN=Z\\C3\\BCrich\\, \\+ \\\"x\\\""
    );
    assert_eq!(
        subject.oneline(),
        "/CN=Z\\xC3\\xBCrich, + \"x\"/emailAddress=a@b.c"
    );
}

#[test]
fn what_a_trusted_certificate_adds_is_read() {
    let trusted = certificate("trusted");
    let trust = trusted.trust().unwrap();
    assert_eq!(trust.rejected, [crate::oid::CLIENT_AUTH.into()]);
    assert_eq!(trust.trusted, Some(vec![crate::oid::SERVER_AUTH.into()]));
    assert_eq!(trusted, certificate("root"));
    let text = file("trusted.crt");
    let block = pem::blocks(&text).next().unwrap().unwrap();
    assert!(Certificate::parse(&block.content).is_err());
}

#[test]
fn signatures_of_all_kinds_verify() {
    for (subject, issuer) in [
        ("direct", "root"),
        ("sha1", "root"),
        ("by_rsa_sha256", "rsaca"),
        ("by_rsa_pss", "rsaca"),
        ("by_ed25519", "ed25519"),
    ] {
        let (subject, issuer) = (certificate(subject), certificate(issuer));
        assert_eq!(
            subject.verify_signature(issuer.key()),
            Ok(()),
            "{subject:?}"
        );
        let other = certificate("self");
        assert!(subject.verify_signature(other.key()).is_err());
    }
}

#[test]
fn no_cut_or_changed_certificate_panics() {
    let der = certificate("server").der().to_vec();
    for end in 0..der.len() {
        assert!(Certificate::parse(&der[..end]).is_err());
    }
    for at in 0..der.len() {
        for bit in 0..8 {
            let mut changed = der.clone();
            changed[at] ^= 1 << bit;
            if let Ok(certificate) = Certificate::parse(&changed) {
                assert!(certificate.verify_signature(certificate.key()).is_err());
            }
        }
    }
}
