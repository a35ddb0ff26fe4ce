//! Responses of OpenSSL's responder.

use super::*;
use crate::testing::{certificate, file};

fn response(name: &str) -> Response {
    Response::parse(&file(&format!("{name}.der"))).unwrap()
}

/// A moment at which a response's status holds.
fn time_of(response: &Response) -> Time {
    response.answers[0].this_update.unwrap()
}

#[test]
fn the_request_is_the_one_of_openssl() {
    let request = request(&certificate("client"), &certificate("root"));
    assert_eq!(request, file("request.der"));
}

#[test]
fn each_status_is_read() {
    let root = certificate("root");
    for (name, subject, status) in [
        ("ocsp_good", "client", Status::Good),
        ("ocsp_revoked", "direct", Status::Revoked),
        ("ocsp_unknown", "leaf", Status::Unknown),
    ] {
        let response = response(name);
        let when = time_of(&response);
        let single = response
            .status_of(&certificate(subject), &root, when)
            .unwrap();
        assert_eq!(single.status, status, "{name}");
        assert!(single.next_update.unwrap() > when);
        assert_eq!(response.verify(&root, &[], when), Ok(()), "{name}");
    }
}

#[test]
fn an_answer_is_about_one_certificate() {
    let response = response("ocsp_good");
    let root = certificate("root");
    let status = response.status_of(&certificate("server"), &root, time_of(&response));
    assert_eq!(status, Err(OcspError::StatusNotFound));
    let status = response.status_of(
        &certificate("client"),
        &certificate("middle"),
        time_of(&response),
    );
    assert_eq!(status, Err(OcspError::StatusNotFound));
}

#[test]
fn an_answer_holds_for_its_time() {
    let response = response("ocsp_good");
    let (client, root) = (certificate("client"), certificate("root"));
    let begin = time_of(&response);
    let end = response.answers[0].next_update.unwrap().unwrap();
    for (when, holds) in [
        (Time(begin.0 - 301), false),
        (Time(begin.0 - 300), true),
        (Time(end.0 + 300), true),
        (Time(end.0 + 301), false),
    ] {
        let status = response.status_of(&client, &root, when);
        assert_eq!(status.is_ok(), holds, "{when}");
    }
}

#[test]
fn a_delegate_of_the_issuer_may_sign() {
    let response = response("ocsp_delegated");
    let when = time_of(&response);
    assert_eq!(response.verify(&certificate("root"), &[], when), Ok(()));
    let middle = certificate("middle");
    let other = response.verify(&middle, &[], when);
    assert_eq!(other, Err(OcspError::UnauthorisedSigner));
    let late = Time(i64::MAX);
    let verdict = response.verify(&certificate("root"), &[], late);
    assert_eq!(verdict, Err(OcspError::UnauthorisedSigner));
}

#[test]
fn another_certificate_of_the_issuer_may_not() {
    let response = response("ocsp_by_leaf");
    let verdict = response.verify(&certificate("root"), &[], time_of(&response));
    assert_eq!(verdict, Err(OcspError::UnauthorisedSigner));
}

#[test]
fn a_changed_response_is_found() {
    let der = file("ocsp_good.der");
    let root = certificate("root");
    let when = time_of(&response("ocsp_good"));
    for at in 0..der.len() {
        let mut changed = der.clone();
        changed[at] ^= 1;
        let Ok(response) = Response::parse(&changed) else {
            continue;
        };
        let verified = response.verify(&root, &[], when).is_ok();
        // Only what is not signed may differ: the certificates that come with it.
        assert!(!verified || response.signed == self::response("ocsp_good").signed);
    }
}

#[test]
fn a_responder_without_answer_says_why() {
    let error = Response::parse(b"\x30\x03\x0a\x01\x03").unwrap_err();
    assert_eq!(
        error.to_string(),
        "OCSP response not successful (3: trylater)"
    );
    assert!(Response::parse(b"").is_err());
}
