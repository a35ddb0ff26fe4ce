//! TLS connections: handshakes that are paid for one by one, and bulk.
//!
//! The client offers what both programs do alike (TLS 1.3, X25519, AES-256-GCM), so that their
//! work is compared and not their taste.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, HandshakeKind, SignatureScheme};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::pace::Queue;
use crate::bench::meter::Meter;

/// Connections that may be under way at the same time.
const LANES: usize = 16;

const BUFFER: usize = 256 * 1024;

/// Opens `rate` connections a second, each for one request.
pub fn start_handshakes(
    meter: &Rc<Meter>,
    addr: SocketAddr,
    resumed: bool,
    rate: f64,
) -> Result<(), String> {
    for queue in super::paced(meter, LANES, rate) {
        // A cache for each lane: a ticket serves one connection.
        let connector = connector(resumed)?;
        let lane = handshakes(addr, connector, resumed, queue, meter.clone());
        super::spawn(meter, lane);
    }
    Ok(())
}

async fn handshakes(
    addr: SocketAddr,
    connector: TlsConnector,
    resumed: bool,
    queue: Rc<Queue>,
    meter: Rc<Meter>,
) -> io::Result<()> {
    let mut buf = vec![0; BUFFER];
    let mut first = true;
    loop {
        let due: Instant = queue.next().await;
        let mut stream = connect(addr, &connector).await?;
        ask(&mut stream, "/1k", &mut buf).await?;
        let kind = stream.get_ref().1.handshake_kind();
        let is_resumed = kind == Some(HandshakeKind::Resumed);
        if !first && is_resumed != resumed {
            return Err(io::Error::other(format!("a handshake was {kind:?}")));
        }
        first = false;
        stream.shutdown().await?;
        meter.done(due);
    }
}

/// Asks for a large file on each of `connections`, again and again.
pub fn start_bulk(meter: &Rc<Meter>, addr: SocketAddr, connections: usize) -> Result<(), String> {
    for _ in 0..connections {
        super::spawn(meter, bulk(addr, connector(false)?, meter.clone()));
    }
    Ok(())
}

async fn bulk(addr: SocketAddr, connector: TlsConnector, meter: Rc<Meter>) -> io::Result<()> {
    let mut stream = connect(addr, &connector).await?;
    let mut buf = vec![0; BUFFER];
    loop {
        meter.bytes(ask(&mut stream, "/1m", &mut buf).await?);
    }
}

async fn connect(addr: SocketAddr, connector: &TlsConnector) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from("bench.example").map_err(io::Error::other)?;
    connector.connect(name, super::connect(addr).await?).await
}

async fn ask(stream: &mut TlsStream<TcpStream>, path: &str, buf: &mut [u8]) -> io::Result<usize> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: bench.example\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    super::http::read_response(stream, buf).await
}

fn connector(resumed: bool) -> Result<TlsConnector, String> {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![kx_group::X25519];
    provider.cipher_suites = vec![cipher_suite::TLS13_AES_256_GCM_SHA384];
    let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| error.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth();
    config.resumption = match resumed {
        true => Resumption::store(Arc::new(ClientSessionMemoryCache::new(4))),
        false => Resumption::disabled(),
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

/// The server is ours and its certificate made for the occasion: verifying it would only slow the
/// load.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
