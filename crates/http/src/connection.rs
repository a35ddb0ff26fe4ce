//! A client's connection over HTTP/1: read a head, have it answered, go on or end.
//!
//! ```text
//! (PROXY header) ──▶ AwaitHead
//!
//! AwaitHead ──▶ Handle ──▶ (keep-alive) AwaitHead
//!     │           ├──▶ Linger ──▶ (end)
//!     └──▶ (end)  └──▶ Tunnel: a task of its own
//! ```

use std::cell::{Cell, OnceCell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use net::log::{ErrorLog, Level};
use net::{Addr, Deadline, Stream, clock};
use proto::proxy_protocol::Header;

use crate::config::{AddrConf, ServerId};
use crate::downstream::head;
use crate::downstream::tls::{self, ClientTls, TlsMemory};
use crate::handle::After;
use crate::load::Load;
use crate::modules::proxy_protocol;
use crate::room;
use crate::thread::{Generation, Listed};

/// A connection from a client.
pub struct Connection {
    /// Its number, counted by the worker.
    pub id: u64,
    /// The socket.
    pub stream: Stream,
    /// The client.
    pub peer: Addr,
    local: OnceCell<Addr>,
    /// What the proxy in front said of the client, if one did.
    pub proxied: OnceCell<Box<Header>>,
    /// The configuration that it was accepted under.
    pub generation: Rc<Generation>,
    /// Index of its listening socket in the configuration.
    pub listener: usize,
    /// Bytes read and not used yet.
    pub buf: RefCell<BytesMut>,
    /// What it waits for, one wait at a time: heads, bodies, rest, sending. Moving one deadline is
    /// a store; making new ones is not.
    pub deadline: Deadline,
    /// When it was accepted.
    pub opened: Instant,
    /// Requests so far, the current one included.
    pub requests: Cell<u64>,
    /// Its place in the count of connections.
    pub load: Load,
    /// Its TLS, from the client's first message on.
    pub tls: OnceCell<Box<ClientTls>>,
    /// Whether it is in the clear where TLS is wanted.
    pub lacks_tls: Cell<bool>,
    /// Whether its task is woken when the generation closes.
    hears_of_closing: Cell<bool>,
    _listed: Listed,
}

impl Connection {
    /// Whether something may have come that nobody has read.
    pub async fn may_read(&self) -> bool {
        poll_fn(|cx| Poll::Ready(self.stream.poll_read_ready(cx).is_ready())).await
    }

    /// An accepted connection.
    pub fn new(
        id: u64,
        stream: Stream,
        peer: Addr,
        generation: Rc<Generation>,
        listener: usize,
        load: Load,
    ) -> Self {
        let listed = Listed {
            generation: generation.clone(),
            id,
        };
        Self {
            id,
            stream,
            peer,
            local: OnceCell::new(),
            proxied: OnceCell::new(),
            generation,
            listener,
            buf: RefCell::default(),
            deadline: Deadline::unset(),
            opened: clock::now(),
            requests: Cell::new(0),
            load,
            tls: OnceCell::new(),
            lacks_tls: Cell::new(false),
            hears_of_closing: Cell::new(false),
            _listed: listed,
        }
    }

    /// A connection as it was when a tunnel took it over, under the configuration of now and
    /// without a client: for what has to be decided once more. Its TLS is for
    /// [`tls::recall`] to add.
    pub fn recalled(
        memory: &Memory,
        generation: Rc<Generation>,
        listener: usize,
    ) -> io::Result<Self> {
        let load = generation.thread.uncounted_load();
        let stream = Stream::new(dead_socket()?)?;
        let mut conn = Self::new(
            memory.id,
            stream,
            memory.peer.clone(),
            generation,
            listener,
            load,
        );
        conn.local = OnceCell::from(memory.local.clone());
        if let Some(header) = &memory.proxied {
            conn.proxied = OnceCell::from(header.clone());
        }
        conn.buf.borrow_mut().extend_from_slice(&memory.head);
        Ok(conn)
    }

    /// Whether it is TLS, or was when it had a client.
    pub fn is_tls(&self) -> bool {
        self.stream.is_tls() || (self.tls.get().is_some() && !self.lacks_tls.get())
    }

    /// Our end of it.
    pub fn local(&self) -> &Addr {
        self.local.get_or_init(|| {
            let listen = &self.listener_conf().listen.addr;
            self.stream.local_addr().unwrap_or_else(|_| listen.clone())
        })
    }

    /// The listening socket that it came through.
    pub fn listener_conf(&self) -> &crate::config::ListenerConf {
        &self.generation.config.listeners[self.listener]
    }

    /// The servers that it may ask for.
    pub fn addr_conf(&self) -> Option<&AddrConf> {
        self.listener_conf()
            .addr_conf(|| Some(self.local().clone()))
    }

    /// The server that answers where a request names none: the one that the handshake chose, or
    /// that of the address.
    pub fn default_server(&self) -> Option<ServerId> {
        match self.tls.get() {
            Some(tls) => Some(tls.server),
            None => self.addr_conf().map(|conf| conf.default_server),
        }
    }

    /// The client's address without its port, as logs show it.
    pub fn client_text(&self) -> String {
        text_of(&self.peer)
    }

    /// Reads more into the buffer, at most `more` bytes, within `timeout`. An end is
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof). Cancel-safe.
    pub async fn fill(&self, more: usize, timeout: Duration) -> io::Result<usize> {
        let deadline = &self.deadline;
        deadline.clear();
        poll_fn(|cx| {
            let mut buf = self.buf.borrow_mut();
            match poll_fill(&self.stream, &mut buf, more, cx) {
                Poll::Ready(result) => Poll::Ready(result),
                Poll::Pending => {
                    if !deadline.is_set() {
                        deadline.set_after(timeout);
                    }
                    deadline
                        .poll_expired(cx)
                        .map(|()| Err(io::ErrorKind::TimedOut.into()))
                }
            }
        })
        .await
    }

    /// Sends what is no response, within `timeout`: an interim answer, the head of a tunnel. Where
    /// it fails or is dropped half way, the connection is cut: what came next would be taken for
    /// the rest of it.
    pub async fn interject(&self, bytes: &[u8], timeout: Duration) -> io::Result<()> {
        let mut cut = CutUnlessSent {
            stream: &self.stream,
            sent: false,
        };
        let deadline = Deadline::after(timeout);
        let result = tokio::select! {
            biased;
            result = self.stream.write_all(bytes) => result,
            () = deadline.expired() => Err(io::ErrorKind::TimedOut.into()),
        };
        cut.sent = result.is_ok();
        result
    }

    /// Gives the memory of an empty buffer back: a connection at rest owns none.
    fn release_buffer(&self) {
        let mut buf = self.buf.borrow_mut();
        if buf.is_empty() {
            *buf = BytesMut::new();
        }
    }

    /// The error log of the connection's default server.
    pub fn error_log(&self) -> Option<&ErrorLog> {
        let config = &self.generation.config;
        let level = config.server(self.default_server()?).level;
        Some(config.location(level).settings.core.error_logs.log())
    }

    /// Writes to the error log of the connection's default server.
    pub fn log(&self, level: Level, message: std::fmt::Arguments<'_>) {
        let Some(log) = self.error_log() else { return };
        if log.admits(level) {
            let client = self.client_text();
            let local = self.local();
            log.log(
                level,
                Some(self.id),
                format_args!("{message}, client: {client}, server: {local}"),
            );
        }
    }
}

/// What is kept of a connection whose request became a session, to decide about it once more.
pub struct Memory {
    /// Its number.
    pub id: u64,
    /// The head of the request, without passwords.
    pub head: Box<[u8]>,
    /// The client.
    pub peer: Addr,
    /// Our end.
    pub local: Addr,
    /// The address of the listening socket.
    pub listen: Addr,
    /// What the proxy in front said of the client.
    pub proxied: Option<Box<Header>>,
    /// Its TLS.
    pub tls: Option<Box<TlsMemory>>,
}

/// A socket that leads nowhere.
fn dead_socket() -> io::Result<std::os::fd::OwnedFd> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    Ok(socket)
}

/// Cuts a connection unless all was sent.
struct CutUnlessSent<'c> {
    stream: &'c Stream,
    sent: bool,
}

impl Drop for CutUnlessSent<'_> {
    fn drop(&mut self) {
        if !self.sent {
            self.stream.cut();
        }
    }
}

/// An address without its port, as logs show it.
pub fn text_of(addr: &Addr) -> String {
    match addr {
        Addr::Ip(addr) => addr.ip().to_string(),
        Addr::Unix(_) => "unix:".to_owned(),
    }
}

/// Reads into the end of `buf`.
pub fn poll_fill(
    stream: &Stream,
    buf: &mut BytesMut,
    more: usize,
    cx: &mut std::task::Context<'_>,
) -> Poll<io::Result<usize>> {
    // Through the thread's scratch: what is kept is no longer than what came.
    net::with_scratch(|scratch| {
        let room = more.min(scratch.len());
        let n = std::task::ready!(stream.poll_read(cx, &mut scratch[..room]))?;
        if n == 0 {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        buf.extend_from_slice(&scratch[..n]);
        Poll::Ready(Ok(n))
    })
}

/// Serves a connection to its end.
pub async fn serve(conn: Rc<Connection>) {
    if !begin(&conn).await {
        return;
    }
    loop {
        let Some(request) = head::read(&conn).await else {
            break;
        };
        // In a room of its own: what waits between requests stays small.
        let after = room::handle(request).await;
        match after {
            After::KeepAlive(how_long) => {
                if !rest(&conn, how_long).await {
                    break;
                }
            }
            After::Close => break,
            After::Linger(linger) => {
                drain(&conn, linger).await;
                break;
            }
            After::Tunnel(start) => {
                let Some(conn) = Rc::into_inner(conn) else {
                    return;
                };
                start(conn);
                return;
            }
        }
    }
    if let Some(server) = conn.default_server() {
        let config = &conn.generation.config;
        let level = config.server(server).level;
        let core = &config.location(level).settings.core;
        conn.stream.settle(core.send_timeout).await;
    }
}

/// What comes before the first request, each only where the listener asks for it: the header of a
/// proxy in front, then TLS. What was read too far stays in `conn.buf`. False if it came to
/// nothing.
async fn begin(conn: &Rc<Connection>) -> bool {
    let Some(addr_conf) = conn.addr_conf() else {
        return false;
    };
    if addr_conf.proxy_protocol && !Box::pin(proxy_protocol::receive(conn)).await {
        return false;
    }
    !addr_conf.ssl || Box::pin(tls::begin(conn)).await
}

/// How long a connection waits for its next request.
#[derive(Debug, Clone, Copy)]
pub struct Rest {
    /// In all.
    pub timeout: Duration,
    /// So long even when it should close (`keepalive_min_timeout`): a client that sends a request
    /// at the moment of a reload is not cut.
    pub min: Duration,
}

/// Waits for the next request; false if none comes.
async fn rest(conn: &Connection, Rest { timeout, min }: Rest) -> bool {
    if !conn.buf.borrow().is_empty() {
        return true;
    }
    conn.release_buffer();
    conn.load.waits();
    let min = min.min(timeout);
    if !min.is_zero() {
        conn.deadline.set_after(min);
        tokio::select! {
            biased;
            ready = poll_fn(|cx| conn.stream.poll_read_ready(cx)) => return ready.is_ok(),
            () = conn.deadline.expired() => {}
        }
    }
    conn.deadline.set_after(timeout - min);
    poll_fn(|cx| {
        if let Poll::Ready(ready) = conn.stream.poll_read_ready(cx) {
            return Poll::Ready(ready.is_ok());
        }
        if conn.generation.is_closing() {
            return Poll::Ready(false);
        }
        // Once for all rests: it is always the same task that waits.
        if !conn.hears_of_closing.replace(true) {
            conn.generation.wake_when_closing(conn.id, cx.waker());
        }
        conn.deadline.poll_expired(cx).map(|()| false)
    })
    .await
}

/// How long a connection is read from after its last response, so that the client sees the response
/// and not a reset (`ngx_http_lingering_close_handler`).
#[derive(Debug, Clone, Copy)]
pub struct Linger {
    /// In all.
    pub time: Duration,
    /// For each read.
    pub timeout: Duration,
}

async fn drain(conn: &Connection, linger: Linger) {
    if conn.stream.shutdown_write().is_err() {
        return;
    }
    let until = clock::now() + linger.time;
    loop {
        conn.buf.borrow_mut().clear();
        let left = until.saturating_duration_since(clock::now());
        if left.is_zero() || conn.fill(4096, linger.timeout.min(left)).await.is_err() {
            return;
        }
    }
}
