//! TLS of clients: the handshake, the choice of a server by the name in it, and what a request may
//! not do because of it (`ngx_http_ssl_handshake`, `ngx_http_ssl_servername`,
//! `ngx_http_process_request`).

use std::cell::{Cell, OnceCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, ready};

use bytes::Bytes;
use net::clock;
use net::log::{ErrorLog, Level};
use net::tls::peers::{ClientAuth, Reason, read_chain};
use net::tls::{
    AlertDescription, CipherSuite, ClientHello, Failure, NamedGroup, Reject, ServerConfig,
    SignatureScheme,
};
use proto::h1::Host;
use x509::ocsp::Status;
use x509::{Certificate, Purpose};

use super::head;
use crate::config::{Server, ServerId};
use crate::connection::Connection;
use crate::modules::ssl::{ClientOcsp, Identify, ServerTls, VerifyClient};
use crate::request::Request;

/// What is known of the TLS of a client's connection, besides what the stream knows.
pub struct ClientTls {
    /// The server that the name in the handshake chose, or else the default one.
    pub server: ServerId,
    /// The name, if a server has it.
    pub chosen_by: Option<Bytes>,
    /// The name that the client asked for.
    pub name: Option<Bytes>,
    /// What the client offered.
    pub offered: Offered,
    /// What its certificate is worth.
    auth: Cell<ClientAuth>,
    chain: OnceCell<Vec<Arc<Certificate>>>,
}

/// The TLS of a connection as it is remembered, without anything of the configuration of then.
pub struct TlsMemory {
    name: Option<Bytes>,
    /// The client's certificates; unset if none were asked for.
    chain: OnceCell<Vec<Arc<Certificate>>>,
}

/// What a client offered.
#[derive(Debug, Default)]
pub struct Offered {
    /// Ciphers.
    pub ciphers: Box<[CipherSuite]>,
    /// Groups of key exchange.
    pub groups: Box<[NamedGroup]>,
    /// Algorithms of signatures.
    pub signatures: Box<[SignatureScheme]>,
}

impl ClientTls {
    /// What the client's certificate is worth.
    pub fn auth(&self) -> ClientAuth {
        self.auth.get()
    }

    /// What is remembered of a connection that may have to be judged again.
    pub fn memory(&self) -> TlsMemory {
        TlsMemory {
            name: self.name.clone(),
            chain: self.chain.clone(),
        }
    }

    /// The client's certificate, and those that it sent along.
    pub fn chain(&self) -> &[Arc<Certificate>] {
        self.chain.get().map_or(&[], |chain| chain)
    }
}

/// Shakes hands if the address wants TLS; false if the connection is over.
pub async fn begin(conn: &Rc<Connection>) -> bool {
    let Some(addr) = conn.addr_conf() else {
        return false;
    };
    if !addr.ssl {
        return true;
    }
    let server = conn.generation.config.server(addr.default_server);
    conn.deadline
        .set_after(server.settings.client_header_timeout);
    let failure = match speaks_tls(conn).await {
        Ok(true) => match shake_hands(conn).await {
            Ok(()) => {
                judge(conn).await;
                return true;
            }
            Err(failure) => failure,
        },
        Ok(false) => {
            conn.lacks_tls.set(true);
            return true;
        }
        Err(failure) => failure,
    };
    log(conn, &failure);
    false
}

/// What a record of a handshake begins with.
const HANDSHAKE: u8 = 22;

/// Whether the first byte is one of TLS.
async fn speaks_tls(conn: &Connection) -> Result<bool, Failure> {
    // As nginx, what may be a greeting of SSLv2 is left to the handshake to refuse.
    let fits = |first: u8| first == HANDSHAKE || first >= 0x80;
    if let Some(first) = conn.buf.borrow().first() {
        return Ok(fits(*first));
    }
    poll_fn(|cx| {
        let mut first = [0];
        match conn.stream.poll_peek(cx, &mut first)? {
            Poll::Ready(0) => Poll::Ready(Err(Failure::Closed)),
            Poll::Ready(_) => Poll::Ready(Ok(fits(first[0]))),
            Poll::Pending => {
                ready!(conn.deadline.poll_expired(cx));
                Poll::Ready(Err(Failure::TimedOut))
            }
        }
    })
    .await
}

async fn shake_hands(conn: &Rc<Connection>) -> Result<(), Failure> {
    let choose = |hello: &ClientHello<'_>| choose(conn, hello);
    let read = conn.buf.take().into();
    conn.stream.accept_tls(read, choose, &conn.deadline).await
}

/// Chooses the server by the name that the client asks for.
fn choose(conn: &Rc<Connection>, hello: &ClientHello<'_>) -> Result<Arc<ServerConfig>, Reject> {
    let internal = Reject(AlertDescription::InternalError);
    let name = hello
        .server_name()
        .map(|name| Bytes::from(name.to_ascii_lowercase()));
    let offered = Offered {
        ciphers: hello.cipher_suites().into(),
        groups: hello.named_groups().unwrap_or_default().into(),
        signatures: hello.signature_schemes().into(),
    };
    let tls = of_name(conn, name, offered).ok_or(internal)?;
    let id = tls.server;
    let server = conn.generation.config.server(id);
    // A handshake happens once.
    let _ = conn.tls.set(Box::new(tls));
    if server.ssl.reject_handshake {
        return Err(Reject(AlertDescription::UnrecognisedName));
    }
    let tls = tls_of(conn).ok_or(internal)?;
    refresh_staples(conn, tls);
    match &tls.identify {
        Identify::Fixed => Ok(tls.config.clone()),
        Identify::Scripted(scripted) => {
            let request = head::without_head(conn, id);
            scripted.config(&tls.config, &request).map_err(|error| {
                conn.log(Level::Error, format_args!("{error}"));
                internal
            })
        }
    }
}

/// The TLS of a client that asked for a name, which chooses the server.
fn of_name(conn: &Connection, name: Option<Bytes>, offered: Offered) -> Option<ClientTls> {
    let addr = conn.addr_conf()?;
    let valid = name
        .as_ref()
        .and_then(|name| Host::parse(name))
        .map(|host| Bytes::copy_from_slice(&host.name));
    let found = valid.and_then(|host| {
        let (server, _) = addr.names.find(&host)?;
        Some((server, host))
    });
    let (server, chosen_by) = match found {
        Some((server, host)) => (server, Some(host)),
        None => (addr.default_server, None),
    };
    Some(ClientTls {
        server,
        chosen_by,
        name,
        offered,
        auth: Cell::new(ClientAuth::None),
        chain: OnceCell::new(),
    })
}

/// Gives a connection that is only remembered its TLS under the configuration of now, and judges
/// the client's certificate by that. False if it cannot be said what that is worth.
pub async fn recall(conn: &Connection, memory: &TlsMemory) -> bool {
    let Some(tls) = of_name(conn, memory.name.clone(), Offered::default()) else {
        return true;
    };
    let tls = conn.tls.get_or_init(|| Box::new(tls));
    let judged_by = tls_of(conn).filter(|server| server.judge.is_some());
    let (Some(server), Some(chain)) = (judged_by, memory.chain.get()) else {
        return true;
    };
    let auth = worth(conn, server, chain).await;
    tls.auth.set(auth);
    let _ = tls.chain.set(chain.clone());
    auth != ClientAuth::Failed(Reason::Status(STATUS_UNASKED))
}

/// The TLS that a connection has: its server's, or else that of the address's default server.
fn tls_of(conn: &Connection) -> Option<&ServerTls> {
    let config = &conn.generation.config;
    let of = |id: ServerId| config.server(id).tls.as_deref();
    of(conn.default_server()?).or_else(|| of(conn.addr_conf()?.default_server))
}

/// Judges the client's certificate, whether it was shown now or when the session began.
async fn judge(conn: &Connection) {
    let Some(tls) = conn.tls.get() else { return };
    let Some(server) = tls_of(conn).filter(|server| server.judge.is_some()) else {
        return;
    };
    let shown = conn
        .stream
        .with_tls(|state| state.peer_certificates().map(read_chain));
    let chain = match shown.flatten() {
        None => return,
        // The handshake refused what cannot be read.
        Some(chain) => chain.unwrap_or_default(),
    };
    tls.auth.set(worth(conn, server, &chain).await);
    let _ = tls.chain.set(chain);
}

/// What a client's certificate is worth to a server.
async fn worth(conn: &Connection, server: &ServerTls, chain: &[Arc<Certificate>]) -> ClientAuth {
    let Some(judge) = &server.judge else {
        return ClientAuth::None;
    };
    let judgement = judge.judge(chain, Purpose::Client, clock::wall());
    let mut verdict = judgement.result().map_err(Reason::Chain);
    if let Some(ocsp) = &server.ocsp
        && verdict.is_ok()
        && let Some(log) = conn.error_log()
    {
        verdict = check_status(ocsp, &judgement.path, log).await;
    }
    match verdict {
        Ok(()) => ClientAuth::Ok,
        Err(reason) => ClientAuth::Failed(reason),
    }
}

/// Nobody could be asked whether a certificate is revoked.
const STATUS_UNASKED: &str = "certificate status request failed";

/// Asks whether certificates of a good chain are revoked.
async fn check_status(
    ocsp: &ClientOcsp,
    path: &[Arc<Certificate>],
    log: &ErrorLog,
) -> Result<(), Reason> {
    let links = path
        .windows(2)
        .take(if ocsp.leaf_only { 1 } else { path.len() });
    for link in links {
        let [certificate, issuer] = link else {
            continue;
        };
        let status = ocsp.asker.status(certificate, issuer, path, log).await;
        match status {
            Some(Status::Good) => {}
            Some(Status::Revoked) => return Err(Reason::Status("certificate revoked")),
            Some(Status::Unknown) => return Err(Reason::Status("certificate status unknown")),
            None => return Err(Reason::Status(STATUS_UNASKED)),
        }
    }
    Ok(())
}

/// Asks for OCSP responses that are missing or old; this handshake does not wait for them.
fn refresh_staples(conn: &Connection, tls: &ServerTls) {
    for staple in tls.staples.iter().filter(|staple| staple.is_due()) {
        let (staple, log) = (staple.clone(), conn.error_log().cloned());
        tokio::task::spawn_local(async move {
            staple.refresh(&log.unwrap_or_default()).await;
        });
    }
}

fn log(conn: &Connection, failure: &Failure) {
    let doing = "while SSL handshaking";
    match failure {
        Failure::Closed => conn.log(
            Level::Info,
            format_args!("client closed connection {doing}"),
        ),
        Failure::TimedOut => conn.log(Level::Info, format_args!("client timed out {doing}")),
        failure => conn.log(
            Level::Info,
            format_args!("SSL_do_handshake() failed (SSL: {failure}) {doing}"),
        ),
    }
}

/// The status for a request that may not be answered because of TLS: it came in the clear, or with
/// a certificate that is not good enough for the server that it asks for. Every request passes
/// here before any handler.
pub fn refusal(request: &Request) -> Option<u16> {
    let conn = &request.conn;
    if conn.lacks_tls.get() {
        request.log(
            Level::Info,
            format_args!("client sent plain HTTP request to HTTPS port"),
        );
        return Some(497);
    }
    let tls = conn.tls.get()?;
    let verify = request.server().ssl.verify_client;
    if verify == VerifyClient::Off {
        return None;
    }
    match auth_for(request, tls) {
        ClientAuth::Ok => None,
        ClientAuth::None if verify == VerifyClient::On => {
            request.log(
                Level::Info,
                format_args!("client sent no required SSL certificate"),
            );
            Some(496)
        }
        ClientAuth::None => None,
        ClientAuth::Failed(reason)
            if verify == VerifyClient::OptionalNoCa && reason.is_missing_trust() =>
        {
            None
        }
        ClientAuth::Failed(reason) => {
            let what = "client SSL certificate verify error:";
            match reason {
                Reason::Chain(error) => request.log(
                    Level::Info,
                    format_args!("{what} ({}:{error})", error.code()),
                ),
                Reason::Status(text) => request.log(Level::Info, format_args!("{what} {text}")),
            }
            Some(495)
        }
    }
}

/// What the client's certificate is worth to the server that a request is for. The handshake was
/// that of the address's default server where the client named none; what is good enough for that
/// one says nothing about others.
///
/// DIFFERS: nginx lets the verdict of the handshake's server count for all servers of the address.
fn auth_for(request: &Request, tls: &ClientTls) -> ClientAuth {
    let made = tls.auth();
    let (Some(shook), Some(asked)) = (tls_of(&request.conn), request.server().tls.as_deref())
    else {
        return made;
    };
    let Some(judge) = asked.judge.as_ref().filter(|_| made == ClientAuth::Ok) else {
        return made;
    };
    if std::ptr::eq(shook, asked) {
        return made;
    }
    let judgement = judge.judge(tls.chain(), Purpose::Client, clock::wall());
    match judgement.result() {
        Ok(()) if asked.ocsp.is_some() && shook.ocsp.is_none() => {
            ClientAuth::Failed(Reason::Status("certificate status was not requested"))
        }
        Ok(()) => made,
        Err(error) => ClientAuth::Failed(Reason::Chain(error)),
    }
}

/// Whether a request asks for another server than the one that was negotiated, which wants to see
/// certificates that it has not seen.
pub fn is_misdirected(conn: &Connection, host: &[u8], server: &Server) -> bool {
    let chosen_by = conn.tls.get().and_then(|tls| tls.chosen_by.as_ref());
    chosen_by.is_some_and(|name| name[..] != *host) && server.ssl.verify_client != VerifyClient::Off
}
