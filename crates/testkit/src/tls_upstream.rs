//! A fake upstream that speaks TLS, and tells what it saw of each handshake.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::crypto::{self, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, HandshakeKind, ServerConfig, ServerConnection,
    SignatureScheme, StreamOwned,
};

use crate::wait::DEADLINE;

/// A listening server on loopback that shakes hands and runs a script with each connection.
#[derive(Debug)]
pub struct TlsUpstream {
    addr: SocketAddr,
    closing: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// What was seen of a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The name that was sent.
    pub name: Option<String>,
    /// The certificate that was shown.
    pub certificate: Option<Vec<u8>>,
    /// Whether a session was resumed.
    pub resumed: bool,
    /// Version and cipher, as rustls calls them.
    pub protocol: String,
}

impl TlsUpstream {
    /// Shows a certificate (PEM) and runs `script` for each connection, on a thread of its own.
    #[must_use]
    pub fn serving(
        certificate: &[u8],
        key: &[u8],
        script: impl Fn(&mut TlsPeer) + Send + Sync + 'static,
    ) -> Self {
        let config = Arc::new(config(certificate, key));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("address is free");
        let addr = listener
            .local_addr()
            .expect("a bound socket has an address");
        let upstream = Self {
            addr,
            closing: Arc::default(),
            seen: Arc::default(),
        };
        let (closing, seen) = (upstream.closing.clone(), upstream.seen.clone());
        let script = Arc::new(script);
        thread::spawn(move || {
            for (index, stream) in listener.incoming().flatten().enumerate() {
                if closing.load(Ordering::Relaxed) {
                    return;
                }
                let (config, seen, script) = (config.clone(), seen.clone(), script.clone());
                thread::spawn(move || {
                    if let Some(mut peer) = accept(stream, config, &seen, index) {
                        script(&mut peer);
                        peer.stream.conn.send_close_notify();
                        let _ = peer.stream.flush();
                    }
                });
            }
        });
        upstream
    }

    /// Answers each request with the number of its connection, which it keeps open.
    #[must_use]
    pub fn answering(certificate: &[u8], key: &[u8]) -> Self {
        Self::serving(certificate, key, |peer| {
            while peer.read_head().is_some() {
                let index = peer.index;
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{index:2}");
                if !peer.send(answer.as_bytes()) {
                    return;
                }
            }
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What was seen of the handshakes that succeeded.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for TlsUpstream {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Relaxed);
        // Wakes the accepting thread, which then sees the flag.
        let _ = TcpStream::connect_timeout(&self.addr, Duration::from_secs(1));
    }
}

/// One connection after its handshake, in the hands of a script.
#[derive(Debug)]
pub struct TlsPeer {
    stream: StreamOwned<ServerConnection, TcpStream>,
    /// Which connection this is, counted from zero.
    pub index: usize,
    unread: Vec<u8>,
}

impl TlsPeer {
    /// Reads up to the empty line; `None` when the connection ends first.
    pub fn read_head(&mut self) -> Option<String> {
        loop {
            let end = self
                .unread
                .windows(4)
                .position(|window| window == b"\r\n\r\n");
            if let Some(at) = end {
                let head = self.unread.drain(..at + 4).collect::<Vec<u8>>();
                return Some(String::from_utf8_lossy(&head).into_owned());
            }
            let more = self.fill()?;
            self.unread.extend(more);
        }
    }

    /// Reads what comes next, at least a byte; `None` at the end.
    pub fn read_some(&mut self) -> Option<Vec<u8>> {
        match self.unread.is_empty() {
            true => self.fill(),
            false => Some(std::mem::take(&mut self.unread)),
        }
    }

    /// Sends these bytes; `false` when the other side is gone.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok() && self.stream.flush().is_ok()
    }

    fn fill(&mut self) -> Option<Vec<u8>> {
        let mut buf = [0; 4096];
        let count = self.stream.read(&mut buf).ok().filter(|&count| count > 0)?;
        Some(buf[..count].to_vec())
    }
}

fn accept(
    mut stream: TcpStream,
    config: Arc<ServerConfig>,
    seen: &Mutex<Vec<Seen>>,
    index: usize,
) -> Option<TlsPeer> {
    let options = stream.set_read_timeout(Some(DEADLINE));
    options.expect("a live socket takes options");
    stream
        .set_nodelay(true)
        .expect("a live socket takes options");
    let mut tls = ServerConnection::new(config).expect("a configuration that is complete");
    while tls.is_handshaking() {
        tls.complete_io(&mut stream).ok()?;
    }
    let shown = tls.peer_certificates().and_then(<[_]>::first);
    let handshake = Seen {
        name: tls.server_name().map(str::to_owned),
        certificate: shown.map(|certificate| certificate.to_vec()),
        resumed: tls.handshake_kind() == Some(HandshakeKind::Resumed),
        protocol: format!(
            "{:?} {:?}",
            tls.protocol_version(),
            tls.negotiated_cipher_suite().map(|suite| suite.suite())
        ),
    };
    seen.lock().expect("nobody panics with it").push(handshake);
    Some(TlsPeer {
        stream: StreamOwned::new(tls, stream),
        index,
        unread: Vec::new(),
    })
}

fn config(certificate: &[u8], key: &[u8]) -> ServerConfig {
    let chain = CertificateDer::pem_slice_iter(certificate).map(|c| c.expect("certificates"));
    let key = PrivateKeyDer::from_pem_slice(key).expect("a key in PEM");
    ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions that there are")
        .with_client_cert_verifier(Arc::new(AnyClient))
        .with_single_cert(chain.collect(), key)
        .expect("a key that belongs to the certificate")
}

/// The bytes of the first certificate of a text in PEM.
#[must_use]
pub fn certificate(text: &[u8]) -> Vec<u8> {
    let certificate = CertificateDer::from_pem_slice(text);
    certificate.expect("a certificate in PEM").to_vec()
}

/// Asks for a certificate, and takes any or none.
#[derive(Debug)]
struct AnyClient;

impl ClientCertVerifier for AnyClient {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        let known = aws_lc_rs::default_provider().signature_verification_algorithms;
        crypto::verify_tls12_signature(message, certificate, signed, &known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        let known = aws_lc_rs::default_provider().signature_verification_algorithms;
        crypto::verify_tls13_signature(message, certificate, signed, &known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = aws_lc_rs::default_provider().signature_verification_algorithms;
        known.supported_schemes()
    }
}
