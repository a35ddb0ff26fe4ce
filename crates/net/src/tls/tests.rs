//! Two ends of TLS over sockets: what a `Stream` promises, with TLS inside.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::AlwaysResolvesServerRawPublicKeys;
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, ClientConfig, DigitallySignedStruct, Error, ServerConfig};
use rustls::{SignatureScheme, version};

use super::{Failure, Reject};
use crate::testing::{run, tcp_pair};
use crate::{Deadline, Stream};

/// The peer's bare key, which needs no certificate, is taken as it is.
#[derive(Debug)]
struct AnyKey;

impl ServerCertVerifier for AnyKey {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.3 only".into()))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

pub(super) fn server() -> Arc<ServerConfig> {
    // An Ed25519 key in PKCS #8 is a constant head and 32 bytes of any value.
    let mut pkcs8 = vec![48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
    pkcs8.extend([7; 32]);
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(pkcs8));
    let key = aws_lc_rs::sign::any_supported_type(&key).unwrap();
    let public = CertificateDer::from(key.public_key().unwrap().to_vec());
    let certified = Arc::new(CertifiedKey::new(vec![public], key));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(AlwaysResolvesServerRawPublicKeys::new(certified)));
    Arc::new(config)
}

pub(super) fn client() -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&version::TLS13])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyKey))
        .with_no_client_auth();
    Arc::new(config)
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(10))
}

pub(super) fn name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// A client and a server that have shaken hands.
async fn pair() -> (Stream, Stream) {
    let (one, other) = tcp_pair();
    let (client, server) = (client(), server());
    let (near, far) = (soon(), soon());
    let (a, b) = tokio::join!(
        one.connect_tls(client, name(), &near),
        other.accept_tls(Vec::new(), |_| Ok(server), &far)
    );
    a.unwrap();
    b.unwrap();
    (one, other)
}

async fn read_to_end(stream: &Stream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buf = [0; 5000];
    loop {
        match stream.read(&mut buf).await.unwrap() {
            0 => return all,
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

#[test]
fn what_is_written_is_read_however_slowly_the_peer_takes_it() {
    run(async {
        let (client, server) = pair().await;
        assert!(client.as_plain().is_none());
        let sent: Vec<u8> = (0..3_000_000u32).map(|at| (at * 7 / 3) as u8).collect();
        let write = async {
            client.write_all(&sent).await.unwrap();
            client.shutdown_write().unwrap();
        };
        let ((), got) = tokio::join!(write, read_to_end(&server));
        assert!(got == sent);
    });
}

#[test]
fn pieces_of_a_vectored_write_share_a_record_and_keep_their_order() {
    run(async {
        let (client, server) = pair().await;
        let long = vec![b'x'; 40_000];
        let pieces: [&[u8]; 4] = [b"head", &long, b"", b"tail"];
        let slices = pieces.map(std::io::IoSlice::new);
        let n = poll_fn(|cx| server.poll_write_vectored(cx, &slices)).await;
        assert_eq!(n.unwrap(), 40_008);
        drop(server);
        assert_eq!(read_to_end(&client).await, pieces.concat());
    });
}

#[test]
fn a_session_ticket_is_nothing_that_an_idle_connection_says() {
    run(async {
        let (client, server) = pair().await;
        // The tickets are on their way; by the end of the wait they have arrived.
        let ready = poll_fn(|cx| client.poll_read_ready(cx));
        let waited = tokio::time::timeout(Duration::from_millis(50), ready).await;
        assert!(waited.is_err(), "tickets are not readable");
        assert!(poll_fn(|cx| Poll::Ready(client.poll_quiet(cx))).await);
        server.write_all(b"!").await.unwrap();
        poll_fn(|cx| client.poll_read_ready(cx)).await.unwrap();
        assert!(!poll_fn(|cx| Poll::Ready(client.poll_quiet(cx))).await);
        assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 1);
    });
}

#[test]
fn a_peer_that_closes_is_seen_while_nothing_is_read() {
    run(async {
        let (client, server) = pair().await;
        let hung_up = poll_fn(|cx| Poll::Ready(server.poll_hangup(cx).is_ready())).await;
        assert!(!hung_up);
        drop(client);
        poll_fn(|cx| server.poll_hangup(cx)).await;
        assert_eq!(server.read(&mut [0; 9]).await.unwrap(), 0);
    });
}

#[test]
fn the_end_of_one_direction_leaves_the_other() {
    run(async {
        let (client, server) = pair().await;
        client.shutdown_write().unwrap();
        assert_eq!(server.read(&mut [0; 9]).await.unwrap(), 0);
        server.write_all(b"still here").await.unwrap();
        drop(server);
        assert_eq!(read_to_end(&client).await, b"still here");
    });
}

#[test]
fn a_refused_client_is_told_why() {
    run(async {
        let (one, other) = tcp_pair();
        let (near, far) = (soon(), soon());
        let (a, b) = tokio::join!(
            one.connect_tls(client(), name(), &near),
            other.accept_tls(
                Vec::new(),
                |hello| {
                    assert_eq!(hello.server_name(), Some("localhost"));
                    Err(Reject(AlertDescription::UnrecognisedName))
                },
                &far
            )
        );
        let told = matches!(
            a,
            Err(Failure::Tls(Error::AlertReceived(
                AlertDescription::UnrecognisedName
            )))
        );
        assert!(told, "{a:?}");
        assert!(matches!(b, Err(Failure::Rejected)));
    });
}

#[test]
fn a_client_that_says_nothing_does_not_wait_for_ever() {
    run(async {
        let (_one, other) = tcp_pair();
        let deadline = Deadline::after(Duration::from_millis(20));
        let server = server();
        let failure = other
            .accept_tls(Vec::new(), |_| Ok(server), &deadline)
            .await;
        assert!(matches!(failure, Err(Failure::TimedOut)));
    });
}

#[test]
fn garbage_is_a_failure_and_no_more() {
    run(async {
        let (one, other) = tcp_pair();
        one.write_all(b"\x16\x03\x01\x00\x05hello").await.unwrap();
        let (far, server) = (soon(), server());
        let failure = other.accept_tls(Vec::new(), |_| Ok(server), &far).await;
        assert!(matches!(failure, Err(Failure::Tls(_))), "{failure:?}");
        assert!(!other.is_tls());
    });
}

#[test]
fn a_connection_at_rest_keeps_no_buffer() {
    run(async {
        let (client, server) = pair().await;
        client.write_all(&[1; 100_000]).await.unwrap();
        let mut got = 0;
        while got < 100_000 {
            got += server.read(&mut [0; 3000]).await.unwrap();
        }
        let tls = server.tls.get().unwrap();
        assert_eq!(tls.state.borrow().kept_bytes(), 0);
    });
}
