//! Bodies of the fuzz targets; the tests run them over saved and mutated inputs.
//!
//! Each takes any bytes and panics if a rule that holds for all inputs is broken.

use std::sync::Arc;

use crate::chain::{self, Purpose, Rules, SECURITY_LEVEL, TrustStore};
use crate::ocsp::{self, Response};
use crate::{Certificate, Crl, CrlStore, KeyFormat, PrivateKey, Time, pem};

/// Everything that is read from DER.
pub fn der(data: &[u8]) {
    if let Ok(certificate) = Certificate::parse(data) {
        assert_eq!(certificate.der(), data);
        check_certificate(certificate);
    }
    if let Ok(certificate) = Certificate::parse_trusted(data) {
        assert!(data.starts_with(certificate.der()));
    }
    if let Ok(crl) = Crl::parse(data) {
        assert_eq!(crl.der(), data);
        crl.revokes(b"\x01");
    }
    if let Ok(response) = Response::parse(data) {
        let _ = format!("{response:?}");
    }
    for format in [KeyFormat::Pkcs8, KeyFormat::Pkcs1, KeyFormat::Sec1] {
        if let Ok(key) = PrivateKey::from_der(format, data.to_vec()) {
            assert_eq!(key.der(), data);
        }
    }
}

/// PEM files. Keys are not decrypted with costs that the input chooses, so that a target ends.
pub fn pem(data: &[u8]) {
    for block in pem::blocks(data).flatten() {
        let written = pem::encode(&block.label, &block.content);
        let again = pem::blocks(written.as_bytes()).next();
        assert!(again.is_some_and(|again| again.is_ok_and(|again| again.content == block.content)));
        der(&block.content);
        if block.label != "ENCRYPTED PRIVATE KEY" {
            let _ = PrivateKey::from_pem(data, &["secret"]);
        }
    }
}

fn check_certificate(certificate: Certificate) {
    let certificate = Arc::new(certificate);
    for name in [certificate.subject(), certificate.issuer()] {
        assert!(name.matches(name));
        assert!(name.rfc2253().is_ascii() && name.oneline().is_ascii());
    }
    assert!(certificate.serial_hex().len() >= 2);
    let is_self_signed = certificate.may_have_issued(&certificate);
    assert_eq!(certificate.is_self_signed(), is_self_signed);
    certificate.matches_host(b"www.example.com");
    let request = ocsp::request(&certificate, &certificate);
    assert!(crate::der::whole(&request, crate::der::SEQUENCE).is_ok());

    let mut trusted = TrustStore::new();
    trusted.add(Arc::clone(&certificate));
    let nothing = TrustStore::new();
    let crls = CrlStore::new();
    for (trusted, crls) in [(&trusted, None), (&nothing, Some(&crls))] {
        let rules = Rules {
            trusted,
            crls,
            when: Time(1_795_539_207),
            purpose: Purpose::Server,
            depth: 1,
            partial_chain: false,
            security_level: SECURITY_LEVEL,
        };
        let chain = [Arc::clone(&certificate), Arc::clone(&certificate)];
        let judgement = chain::verify(&chain, &rules);
        assert!(
            crls.is_none() || judgement.result().is_err(),
            "nothing is trusted"
        );
        assert!(!judgement.path.is_empty() && judgement.path.len() <= chain::PATH_MAX + 2);
    }
}

#[cfg(test)]
mod tests {
    /// Runs a target over its saved inputs and over mutations of them; the same each time.
    fn run(target: &str, body: fn(&[u8])) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/");
        let mut paths: Vec<_> = std::fs::read_dir(format!("{folder}{target}"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.sort();
        assert!(!paths.is_empty());
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = |limit: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % limit as u64) as usize
        };
        for path in paths {
            let input = std::fs::read(path).unwrap();
            body(&input);
            for _ in 0..300 {
                let mut data = input.clone();
                for _ in 0..=below(3) {
                    let at = below(data.len());
                    match below(3) {
                        0 => data[at] = below(256) as u8,
                        1 => data[at] ^= 1 << below(8),
                        _ => data.truncate(at.max(1)),
                    }
                }
                body(&data);
            }
        }
    }

    #[test]
    fn der_is_read_or_refused() {
        run("x509_der", super::der);
    }

    #[test]
    fn pem_is_read_or_refused() {
        run("x509_pem", super::pem);
    }
}
