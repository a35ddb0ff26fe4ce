//! What the unit tests share: the files of `testdata`, which its `make.sh` makes with OpenSSL.

use std::sync::Arc;

use crate::{Certificate, Crl, Time, pem};

/// 2026-11-24 16:53:27, for which the expectations were made.
pub(crate) const NOW: Time = Time(1_795_539_207);

/// The bytes of a file.
pub(crate) fn file(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/");
    std::fs::read(format!("{folder}{name}")).unwrap()
}

/// The certificate in `name.crt`.
pub(crate) fn certificate(name: &str) -> Arc<Certificate> {
    let text = file(&format!("{name}.crt"));
    let block = pem::blocks(&text).next().unwrap().unwrap();
    Arc::new(Certificate::parse_trusted(&block.content).unwrap())
}

/// The list in `name.crl`.
pub(crate) fn crl(name: &str) -> Arc<Crl> {
    let text = file(&format!("{name}.crl"));
    let block = pem::blocks(&text).next().unwrap().unwrap();
    assert!(block.is_crl());
    Arc::new(Crl::parse(&block.content).unwrap())
}
