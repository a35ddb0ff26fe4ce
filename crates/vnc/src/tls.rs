//! TLS towards VNC servers (VeNCrypt) and far gateways (`wss`): when it is used, and whose
//! certificates are trusted.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use net::tls::client::{ClientSettings, Connector, Objection, fingerprint, judge_connection};
use net::tls::identity::Identity;
use net::tls::peers::Judge;
use net::{Deadline, Stream};
use sha2::{Digest as _, Sha256};

use crate::Refusal;
use crate::session::Failure;

/// TLS towards a machine, as it is configured.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Whether a server without it is good enough.
    pub need: TlsNeed,
    /// Versions and ciphers.
    pub settings: ClientSettings,
    /// The certificate that the gateway shows.
    pub identity: Option<Identity>,
    /// Whose certificates are good.
    pub trust: Trust,
    /// The name that the certificate must have, in place of the target's.
    pub name: Option<String>,
    /// What identity and authorities were read from.
    pub files: Vec<SourceFile>,
}

/// A file that something was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it is.
    pub path: Arc<str>,
    /// What was in it.
    pub text: Arc<[u8]>,
}

/// Whether a server without TLS is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsNeed {
    /// It is used where the server demands it, or where it is known whose certificate is good.
    Offered,
    /// Whoever has none is refused.
    Required,
}

/// Whose certificates are good.
#[derive(Debug, Clone)]
pub enum Trust {
    /// Nobody's: nothing was said about it.
    Nobody,
    /// Anybody's: encryption without knowing whom with.
    Anybody,
    /// Those that an authority signed, for the name.
    Signed(Arc<Judge>),
    /// These, whoever signed them and whatever is in them.
    Pinned(Vec<Fingerprint>),
}

/// SHA-256 of a certificate, or of a public key that has none (its `SubjectPublicKeyInfo`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// Why a text is no fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a fingerprint: \"sha256:\" and 64 hexadecimal digits, with or without colons")]
pub struct FingerprintError;

impl Tls {
    /// Whether the other one would do the same with the same certificates.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.is_set_up_as(other) && self.files == other.files
    }

    /// Whether the other one is configured in the same words: its files may have been renewed.
    pub(crate) fn is_set_up_as(&self, other: &Self) -> bool {
        let is_same_trust = match (&self.trust, &other.trust) {
            (Trust::Nobody, Trust::Nobody)
            | (Trust::Anybody, Trust::Anybody)
            | (Trust::Signed(_), Trust::Signed(_)) => true,
            (Trust::Pinned(one), Trust::Pinned(other)) => one == other,
            _ => false,
        };
        let [paths, others] = [self, other].map(|tls| tls.files.iter().map(|file| &file.path));
        is_same_trust
            && self.need == other.need
            && self.name == other.name
            && self.settings.versions == other.settings.versions
            && self.settings.ciphers == other.settings.ciphers
            && paths.eq(others)
    }

    /// Whether it is known what certificate is good.
    pub(crate) fn is_decided(&self) -> bool {
        !matches!(self.trust, Trust::Nobody)
    }

    /// Whether it may be known what public key without a certificate is good.
    pub(crate) fn knows_keys(&self) -> bool {
        matches!(self.trust, Trust::Anybody | Trust::Pinned(_))
    }

    /// Shakes hands with the machine called `host` and judges what it shows.
    pub(crate) async fn secure(
        &self,
        stream: &Stream,
        host: &str,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let host = self.name.as_deref().unwrap_or(host);
        let connector = Connector::new(&self.settings, self.identity.as_ref());
        let connector =
            connector.map_err(|error| Failure::told(Refusal::Internal, format!("TLS: {error}")))?;
        let shaken = connector.connect(stream, host, deadline).await;
        shaken.map_err(|failure| {
            let refusal = match failure {
                net::tls::Failure::TimedOut => Refusal::Timeout,
                _ => Refusal::TlsFailed,
            };
            Failure::told(refusal, format!("TLS with the server: {failure}"))
        })?;
        self.judge(stream, host)
            .map_err(|why| Failure::told(Refusal::UntrustedCertificate, why))
    }

    fn judge(&self, stream: &Stream, host: &str) -> Result<(), String> {
        let shown = fingerprint(stream).map(Fingerprint);
        let Some(shown) = shown else {
            return Err("the server has shown no certificate".to_owned());
        };
        let objection = match &self.trust {
            Trust::Anybody => return Ok(()),
            Trust::Pinned(pinned) if pinned.contains(&shown) => return Ok(()),
            Trust::Pinned(_) => {
                return Err(format!(
                    "the server's certificate is another one than \"vnc_ssl_fingerprint\" says; \
                     its fingerprint is {shown}"
                ));
            }
            Trust::Nobody => {
                return Err(format!(
                    "nothing says whether the server's certificate is good; compare its \
                     fingerprint and set \"vnc_ssl_fingerprint {shown};\", or set \
                     \"vnc_ssl_trusted_certificate\""
                ));
            }
            Trust::Signed(judge) => {
                match judge_connection(judge, stream, host, net::clock::wall()) {
                    Ok(()) => return Ok(()),
                    Err(objection) => objection,
                }
            }
        };
        let why = match objection {
            Objection::Chain(error) => format!("({}:{error})", error.code()),
            Objection::Host => {
                format!("it is not one of \"{host}\"; \"vnc_ssl_name\" can say its name")
            }
        };
        Err(format!(
            "server SSL certificate verify error: {why}; its fingerprint is {shown}"
        ))
    }
}

/// Whether a public key without a certificate, which a server has proved to have or will prove to
/// have, is known to be good.
pub(crate) fn judge_key(tls: Option<&Tls>, shown: Fingerprint) -> Result<(), Failure> {
    let why = match tls.map(|tls| &tls.trust) {
        Some(Trust::Anybody) => return Ok(()),
        Some(Trust::Pinned(pinned)) if pinned.contains(&shown) => return Ok(()),
        Some(Trust::Pinned(_)) => {
            "it is another one than \"vnc_ssl_fingerprint\" says; its fingerprint is "
        }
        _ => {
            "nothing says whether it is good; compare its fingerprint and set \
             \"vnc_ssl_fingerprint\" to "
        }
    };
    let detail = format!("the server's RSA key: {why}{shown}");
    Err(Failure::told(Refusal::UntrustedKey, detail))
}

impl Fingerprint {
    /// That of a certificate or a key in DER.
    pub(crate) fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        let digits: Vec<u8> = digits.bytes().filter(|byte| *byte != b':').collect();
        let (pairs, []) = digits.as_chunks::<2>() else {
            return Err(FingerprintError);
        };
        let byte = |pair: &[u8; 2]| {
            let pair = std::str::from_utf8(pair).ok()?;
            let is_hex = pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            u8::from_str_radix(pair, 16).ok().filter(|_| is_hex)
        };
        let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(FingerprintError)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_openssl_prints_it() {
        let colons = ["AB"; 32].join(":");
        let plain = "ab".repeat(32);
        let expected = Fingerprint([0xab; 32]);
        for text in [&colons, &plain, &format!("sha256:{plain}")] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        assert_eq!(expected.to_string(), format!("sha256:{plain}"));
        let (short, long) = ("ab".repeat(31), "ab".repeat(33));
        let signs = "+a".repeat(32);
        for text in ["", "sha256:", &short, &long, &signs, &plain[1..], "md5:ab"] {
            assert_eq!(text.parse::<Fingerprint>(), Err(FingerprintError), "{text}");
        }
    }
}
