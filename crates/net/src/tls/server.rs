//! The configuration of one server's TLS.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use rustls::{Error, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion, version};

use super::ciphers;
use super::sessions::Sessions;

/// Versions of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Versions {
    /// TLS 1.2
    pub tls12: bool,
    /// TLS 1.3
    pub tls13: bool,
}

/// What a server's TLS is made of.
#[derive(Debug)]
pub struct ServerSettings {
    /// The versions.
    pub versions: Versions,
    /// The ciphers of TLS 1.2, in order.
    pub ciphers: Vec<SupportedCipherSuite>,
    /// The groups of key exchange, in order.
    pub groups: Vec<&'static dyn SupportedKxGroup>,
    /// Whether our order of ciphers counts, and not the client's.
    pub prefer_server_ciphers: bool,
    /// How much a record carries, at most; `None` is as much as there may be.
    pub record_bytes_max: Option<usize>,
    /// Whose certificate is shown.
    pub identities: Arc<dyn ResolvesServerCert>,
    /// Who asks clients for certificates, if anybody does.
    pub client_verifier: Option<Arc<dyn ClientCertVerifier>>,
    /// What is kept of sessions.
    pub sessions: Sessions,
    /// The protocols inside, in order.
    pub alpn: Vec<Vec<u8>>,
    /// Whether certificates may be sent compressed.
    pub compress_certificates: bool,
    /// Whether the kernel may go on with connections, where it can.
    pub kernel: bool,
}

/// The cryptography that all configurations stand on.
pub fn provider() -> CryptoProvider {
    aws_lc_rs::default_provider()
}

/// All groups that there are, in the order of preference.
pub fn groups() -> Vec<&'static dyn SupportedKxGroup> {
    use aws_lc_rs::kx_group::{SECP256R1, SECP384R1, X25519, X25519MLKEM768};
    vec![X25519MLKEM768, X25519, SECP256R1, SECP384R1]
}

/// The groups that a configuration names; what there is not here is left out.
pub fn groups_of(names: &str) -> Vec<&'static dyn SupportedKxGroup> {
    use super::names::group_number;
    if names == "auto" {
        return groups();
    }
    let known = aws_lc_rs::ALL_KX_GROUPS;
    let find = |name: &str| {
        let number = group_number(name)?;
        known
            .iter()
            .find(|group| u16::from(group.name()) == number)
            .copied()
    };
    names.split(':').filter_map(find).collect()
}

impl ServerSettings {
    /// Makes the configuration.
    pub fn build(self) -> Result<Arc<ServerConfig>, Error> {
        let mut suites = Vec::new();
        let mut versions: Vec<&SupportedProtocolVersion> = Vec::new();
        if self.versions.tls13 {
            suites.extend(ciphers::TLS13);
            versions.push(&version::TLS13);
        }
        if self.versions.tls12 && !self.ciphers.is_empty() {
            suites.extend(self.ciphers);
            versions.push(&version::TLS12);
        }
        let provider = CryptoProvider {
            cipher_suites: suites,
            kx_groups: self.groups,
            ..provider()
        };
        let builder = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&versions)?;
        let builder = match self.client_verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(self.identities);
        config.ignore_client_order = self.prefer_server_ciphers;
        // rustls counts the record's header.
        config.max_fragment_size = self.record_bytes_max.map(|bytes| bytes + 5);
        config.alpn_protocols = self.alpn;
        config.session_storage = self.sessions.storage();
        config.ticketer = self.sessions.ticketer();
        if !self.sessions.any() {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        if !self.compress_certificates {
            config.cert_compressors = Vec::new();
        }
        config.cert_decompressors = Vec::new();
        // It says, too, which connections the kernel may have.
        config.enable_secret_extraction = self.kernel;
        Ok(Arc::new(config))
    }
}
