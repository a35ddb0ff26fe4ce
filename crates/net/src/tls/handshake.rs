//! Handshakes: a server's, whose configuration the client's first message decides, and a client's.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::{Acceptor, ClientHello, UnbufferedServerConnection};
use rustls::{AlertDescription, ClientConfig, Error, ServerConfig};

use super::Tls;
use super::buffers::{INCOMING_LEN, RECORD_MAX, with_incoming};
use super::session::Session;
use super::state::State;
use crate::{Deadline, Stream};

/// A refusal to shake hands, told to the client as an alert.
#[derive(Debug, Clone, Copy)]
pub struct Reject(pub AlertDescription);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The peer closed.
    #[error("peer closed connection in SSL handshake")]
    Closed,
    /// It took longer than it may.
    #[error("SSL handshake timed out")]
    TimedOut,
    /// The socket failed.
    #[error(transparent)]
    Socket(#[from] io::Error),
    /// A message broke a rule, or there is nothing that both sides know.
    #[error(transparent)]
    Tls(#[from] Error),
    /// The configuration refuses such a client.
    #[error("handshake rejected")]
    Rejected,
}

impl Stream {
    /// Shakes hands as a server; `read` is what was read of it already. `choose` sees the client's
    /// first message and gives the configuration that fits. Not cancel-safe: the connection is of
    /// no use afterwards.
    pub async fn accept_tls(
        &self,
        read: Vec<u8>,
        choose: impl FnOnce(&ClientHello<'_>) -> Result<Arc<ServerConfig>, Reject>,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let mut hello = Hello {
            bytes: read,
            ..Hello::default()
        };
        let config = loop {
            match hello.accept() {
                Ok(None) => self.until(deadline, |cx| hello.poll_fill(self, cx)).await?,
                Ok(Some(accepted)) => break choose(&accepted.client_hello()),
                Err((error, alert)) => {
                    let _ = self.socket().try_write(&alert);
                    return Err(error.into());
                }
            }
        };
        let config = match config {
            Ok(config) => config,
            Err(Reject(alert)) => {
                let _ = self.socket().try_write(&alert_record(alert));
                return Err(Failure::Rejected);
            }
        };
        let for_kernel = config.enable_secret_extraction;
        let session = UnbufferedServerConnection::new(config)?;
        let mut state = State::new(Session::Server(Box::new(session)), Vec::new());
        if for_kernel {
            state.offer_to_kernel();
        }
        state.handle_records(&mut hello.bytes, &mut []);
        drop(hello);
        self.shake_hands(state, deadline).await
    }

    /// Shakes hands as a client with `name`. Not cancel-safe.
    pub async fn connect_tls(
        &self,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let session = UnbufferedClientConnection::new(config, name)?;
        let mut state = State::new(Session::Client(Box::new(session)), Vec::new());
        state.handle_records(&mut [], &mut []);
        self.shake_hands(state, deadline).await
    }

    async fn shake_hands(&self, mut state: State, deadline: &Deadline) -> Result<(), Failure> {
        let result = self
            .until(deadline, |cx| poll_handshake(&mut state, self, cx))
            .await;
        if result.is_err() {
            state.try_send(self.socket());
            return result;
        }
        state.establish();
        if self.tls.set(Box::new(Tls::new(state))).is_err() {
            return Err(Error::General("there is TLS already".into()).into());
        }
        Ok(())
    }

    async fn until(
        &self,
        deadline: &Deadline,
        mut step: impl FnMut(&mut Context<'_>) -> Poll<Result<(), Failure>>,
    ) -> Result<(), Failure> {
        poll_fn(|cx| match step(cx) {
            Poll::Pending => deadline.poll_expired(cx).map(|()| Err(Failure::TimedOut)),
            done => done,
        })
        .await
    }
}

fn poll_handshake(
    state: &mut State,
    stream: &Stream,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Failure>> {
    loop {
        if let Some(end) = state.end() {
            let shaken = !state.session.is_handshaking();
            match end {
                Err(error) => return Poll::Ready(Err(error.into())),
                // A client may say all it has to say, and close, with its last message.
                Ok(()) if shaken => return Poll::Ready(Ok(())),
                Ok(()) => return Poll::Ready(Err(Failure::Closed)),
            }
        }
        ready!(state.poll_flush(stream.socket(), cx))?;
        if !state.session.is_handshaking() {
            return Poll::Ready(Ok(()));
        }
        ready!(state.poll_receive(stream.socket(), cx, &mut []));
    }
}

/// What has arrived of a client's first message.
#[derive(Default)]
struct Hello {
    acceptor: Acceptor,
    bytes: Vec<u8>,
    /// `fed <= bytes.len()`
    fed: usize,
}

impl Hello {
    /// The client's first message, if it is complete; otherwise the alert to send.
    fn accept(&mut self) -> Result<Option<rustls::server::Accepted>, (Error, Vec<u8>)> {
        loop {
            let mut rest = &self.bytes[self.fed..];
            if !rest.is_empty() {
                match self.acceptor.read_tls(&mut rest) {
                    Ok(n) => self.fed += n,
                    Err(error) => return Err((Error::General(error.to_string()), Vec::new())),
                }
            }
            match self.acceptor.accept() {
                Ok(None) if self.fed < self.bytes.len() => {}
                Ok(accepted) => return Ok(accepted),
                Err((error, mut alert)) => {
                    let mut bytes = Vec::new();
                    // A vector takes all.
                    let _ = alert.write_all(&mut bytes);
                    return Err((error, bytes));
                }
            }
        }
    }

    fn poll_fill(&mut self, stream: &Stream, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if self.bytes.len() > INCOMING_LEN - RECORD_MAX {
            let error = Error::General("a message is too long".into());
            return Poll::Ready(Err(error.into()));
        }
        with_incoming(|buf| {
            let read = stream.socket().poll_read(cx, &mut buf[..RECORD_MAX]);
            match ready!(read)? {
                0 => Poll::Ready(Err(Failure::Closed)),
                n => {
                    self.bytes.extend_from_slice(&buf[..n]);
                    Poll::Ready(Ok(()))
                }
            }
        })
    }
}

/// A fatal alert before there are keys.
fn alert_record(alert: AlertDescription) -> [u8; 7] {
    const FATAL: u8 = 2;
    [21, 3, 3, 0, 2, FATAL, u8::from(alert)]
}
