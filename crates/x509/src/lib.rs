//! Certificates (RFC 5280), revocation lists, OCSP (RFC 6960) and private keys: bytes in, verdicts
//! out. No sockets, no clock, no TLS.

#![forbid(unsafe_code)]
