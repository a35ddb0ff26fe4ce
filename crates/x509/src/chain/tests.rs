//! Chains, judged beside what OpenSSL says about them.

use super::*;
use crate::testing::{NOW, certificate, crl, file};

fn names(list: &str) -> Vec<&str> {
    list.split(',').filter(|name| *name != "-").collect()
}

fn store(list: &str) -> TrustStore {
    let mut store = TrustStore::new();
    for name in names(list) {
        store.add(certificate(name));
    }
    store
}

fn chain(list: &str) -> Vec<Arc<Certificate>> {
    names(list).into_iter().map(certificate).collect()
}

fn rules(trusted: &TrustStore) -> Rules<'_> {
    Rules {
        trusted,
        crls: None,
        when: NOW,
        purpose: Purpose::Client,
        depth: 1,
        partial_chain: false,
        security_level: SECURITY_LEVEL,
    }
}

/// The errors of a line of `verdicts.txt`, in its form.
fn judge(case: &str) -> String {
    let words: Vec<_> = case.split(' ').collect();
    let trusted = store(words[0]);
    let mut crls = CrlStore::new();
    for name in names(words[1]) {
        crls.add(crl(name));
    }
    let rules = Rules {
        crls: (words[1] != "-").then_some(&crls),
        purpose: match words[3] {
            "ssl_client" => Purpose::Client,
            _ => Purpose::Server,
        },
        depth: words[4].parse().unwrap(),
        security_level: words[5].parse().unwrap(),
        partial_chain: words.get(6) == Some(&"p"),
        ..rules(&trusted)
    };
    let judgement = verify(&chain(words[2]), &rules);
    let errors = judgement.errors.iter();
    errors
        .map(|(error, position)| format!(" {}@{position}", error.code()))
        .collect()
}

#[test]
fn verdicts_are_those_of_openssl() {
    let text = String::from_utf8(file("verdicts.txt")).unwrap();
    let mut wrong = Vec::new();
    for line in text.lines() {
        let (case, expected) = line.split_once(" =").unwrap();
        let errors = judge(case);
        if errors != expected {
            wrong.push(format!("{case}: expected{expected}, found{errors}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_last_error_counts() {
    let trusted = store("self");
    let judgement = verify(&chain("expired"), &rules(&trusted));
    assert_eq!(judgement.result(), Err(VerifyError::Expired));
    assert_eq!(
        judgement.error().unwrap().to_string(),
        "certificate has expired"
    );
    let judgement = verify(&chain("direct"), &rules(&trusted));
    let error = judgement.error().unwrap();
    assert_eq!(error.text(), "unable to verify the first certificate");
    assert!(error.is_missing_trust() && !VerifyError::Expired.is_missing_trust());
}

#[test]
fn the_path_leads_to_the_anchor() {
    let trusted = store("root");
    let judgement = verify(&chain("leaf,middle"), &rules(&trusted));
    assert_eq!(judgement.result(), Ok(()));
    let subjects: Vec<_> = judgement
        .path
        .iter()
        .map(|c| c.subject().rfc2253())
        .collect();
    assert_eq!(
        subjects[1..],
        ["CN=middle,O=Portway Test", "CN=root,O=Portway Test"]
    );
}

#[test]
fn a_forged_signature_is_found() {
    let real = certificate("direct");
    let mut der = real.der().to_vec();
    let at = der
        .windows(6)
        .position(|window| window == b"direct")
        .unwrap();
    der[at] = b'D';
    let forged = Arc::new(Certificate::parse(&der).unwrap());
    let trusted = store("root");
    let judgement = verify(&[forged], &rules(&trusted));
    assert_eq!(judgement.result(), Err(VerifyError::SignatureFailure));
}

#[test]
fn an_anchor_with_another_key_is_no_anchor() {
    // Same names as the trusted one, self-signed by its own key.
    let trusted = store("v1");
    let mut der = certificate("v1").der().to_vec();
    let last = der.len() - 1;
    der[last] ^= 1;
    let mimic = Arc::new(Certificate::parse(&der).unwrap());
    let rules = Rules {
        when: Time(NOW.0 + 86400),
        ..rules(&trusted)
    };
    assert_eq!(
        verify(&[mimic], &rules).result(),
        Err(VerifyError::SelfSigned)
    );
    assert_eq!(verify(&chain("v1"), &rules).result(), Ok(()));
}

#[test]
fn no_certificate_is_no_success() {
    let trusted = store("root");
    assert!(verify(&[], &rules(&trusted)).result().is_err());
}

#[test]
fn hosts_lie_in_subtrees_by_label() {
    use super::constraints::host_lies_in;
    assert!(host_lies_in(b"a.example.org", b"example.org"));
    assert!(host_lies_in(b"EXAMPLE.org", b"example.org"));
    assert!(host_lies_in(b"anything", b""));
    assert!(!host_lies_in(b"badexample.org", b"example.org"));
    assert!(!host_lies_in(b"org", b"example.org"));
    assert!(host_lies_in(b"a.example.org", b".example.org"));
    assert!(!host_lies_in(b"example.org", b".example.org"));
}
