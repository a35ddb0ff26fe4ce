//! Putting one question to the name servers: by datagrams, by a connection where an answer was too
//! long, again after a while, one server after the other.
//!
//! ```text
//! send ──> await ──(truncated)──> ask over TCP ──> await
//!  ^         │  └──(all answered, or nobody waits)──> settle
//!  └─(5 s)───┘
//! ```

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use proto::dns::{self, Answer, Kind, Record, Transport};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::cache::{About, Answered, Key, Known};
use super::{Failure, Resolver, random};
use crate::log::{Errno, ErrorLog, Level};
use crate::{Addr, Deadline, clock};

/// After so long without an answer the next server is asked.
const RESEND_AFTER: Duration = Duration::from_secs(5);

/// The longest datagram that is read, in bytes.
const DATAGRAM_MAX: usize = 4096;

/// Asks until there is an answer or nobody waits for one.
pub async fn run(resolver: Arc<Resolver>, key: Key, log: ErrorLog) {
    let settles = Settles {
        resolver: &resolver,
        key: &key,
        answered: Err(Failure::SERVER),
    };
    match Query::new(&resolver, &key, &log) {
        Some(query) => query.run(settles).await,
        None => settles.with(Err(Failure::NOT_FOUND)),
    }
}

/// Tells everybody who waits how it ended, also if this task is ended before its work.
struct Settles<'q> {
    resolver: &'q Resolver,
    key: &'q Key,
    answered: Answered,
}

impl Settles<'_> {
    fn with(mut self, answered: Answered) {
        self.answered = answered;
    }
}

impl Drop for Settles<'_> {
    fn drop(&mut self) {
        let now = clock::now();
        self.resolver.lock().settle(self.key, &self.answered, now);
    }
}

/// One of the messages that a question takes: addresses take one for each family.
struct Ask {
    kind: Kind,
    id: u16,
    packet: Vec<u8>,
    over_tcp: bool,
    answered: bool,
}

/// The next message from a server.
type Message = Pin<Box<dyn Future<Output = io::Result<Vec<u8>>>>>;

/// A socket for datagrams of one server.
struct Datagrams {
    server: usize,
    socket: Rc<UdpSocket>,
    next: Message,
}

/// A question on its way.
struct Query<'q> {
    resolver: &'q Resolver,
    key: &'q Key,
    log: &'q ErrorLog,
    asks: Vec<Ask>,
    /// A socket for each server that was asked: late answers count, too.
    sockets: Vec<Datagrams>,
    connections: Vec<(usize, Message)>,
    records: Vec<Record>,
    ttl: u32,
    code: u8,
}

enum Event {
    Message(usize, Vec<u8>, Transport),
    /// The server does not take questions.
    Refused(usize),
    Resend,
}

impl<'q> Query<'q> {
    /// `None` for a name that cannot be asked for.
    fn new(resolver: &'q Resolver, key: &'q Key, log: &'q ErrorLog) -> Option<Self> {
        let settings = &resolver.settings;
        let kinds: &[(bool, Kind)] = match key.about {
            About::Addresses => &[(settings.ipv4, Kind::A), (settings.ipv6, Kind::Aaaa)],
            About::Service => &[(true, Kind::Srv)],
            About::Name => &[(true, Kind::Ptr)],
        };
        let ask = |kind: Kind| {
            let id = random();
            let packet = dns::question(id, &key.name, kind)?;
            Some(Ask {
                kind,
                id,
                packet,
                over_tcp: false,
                answered: false,
            })
        };
        let kinds = kinds.iter().filter(|(wanted, _)| *wanted);
        Some(Self {
            resolver,
            key,
            log,
            asks: kinds.map(|&(_, kind)| ask(kind)).collect::<Option<_>>()?,
            sockets: Vec::new(),
            connections: Vec::new(),
            records: Vec::new(),
            ttl: u32::MAX,
            code: 0,
        })
    }

    async fn run(mut self, settles: Settles<'_>) {
        let servers = self.resolver.settings.servers.len();
        if servers == 0 {
            return settles.with(Err(Failure::NOT_FOUND));
        }
        let mut server = self.resolver.lock().next_server(servers);
        if !self.send(server) {
            server = (server + 1) % servers;
            self.send(server);
        }
        let mut refusals = 0;
        let deadline = Deadline::after(RESEND_AFTER);
        loop {
            match poll_fn(|cx| self.poll_event(&deadline, cx)).await {
                Event::Message(from, message, transport) => {
                    self.handle(from, &message, transport);
                    if self.asks.iter().all(|ask| ask.answered) {
                        let answered = self.conclude();
                        return settles.with(answered);
                    }
                    continue;
                }
                // DIFFERS: nginx waits five seconds also for a server that refuses at once.
                Event::Refused(from) if from == server && refusals + 1 < servers => refusals += 1,
                Event::Refused(_) => continue,
                Event::Resend => refusals = 0,
            }
            if !self.resolver.lock().is_awaited(self.key) {
                return settles.with(Err(Failure::TimedOut));
            }
            server = (server + 1) % servers;
            self.send(server);
            deadline.set_after(RESEND_AFTER);
        }
    }

    /// Sends what has no answer yet; false if that cannot be done.
    fn send(&mut self, server: usize) -> bool {
        self.connections.clear();
        let mut sent = true;
        for index in 0..self.asks.len() {
            let ask = &self.asks[index];
            if ask.answered {
                continue;
            }
            if ask.over_tcp {
                self.connect(server, index);
            } else if let Err(error) = self.send_datagram(server, index) {
                self.complain(server, "send()", &error);
                self.sockets.retain(|socket| socket.server != server);
                sent = false;
            }
        }
        sent
    }

    fn send_datagram(&mut self, server: usize, ask: usize) -> io::Result<()> {
        let packet = &self.asks[ask].packet;
        let known = self.sockets.iter().find(|known| known.server == server);
        let socket = match known {
            Some(known) => known.socket.clone(),
            None => {
                let socket = Rc::new(connected(self.resolver.settings.servers[server])?);
                self.sockets.push(Datagrams {
                    server,
                    next: Box::pin(receive(socket.clone())),
                    socket: socket.clone(),
                });
                socket
            }
        };
        // A socket that is as good as new has room for a question.
        rustix::net::send(&*socket, packet, rustix::net::SendFlags::NOSIGNAL)?;
        Ok(())
    }

    fn connect(&mut self, server: usize, ask: usize) {
        let addr = self.resolver.settings.servers[server];
        let packet = self.asks[ask].packet.clone();
        let connection = Box::pin(ask_over_tcp(addr, packet));
        self.connections.push((server, connection));
    }

    fn poll_event(&mut self, deadline: &Deadline, cx: &mut Context<'_>) -> Poll<Event> {
        for index in 0..self.sockets.len() {
            let Datagrams {
                server,
                socket,
                next,
            } = &mut self.sockets[index];
            let server = *server;
            let Poll::Ready(result) = next.as_mut().poll(cx) else {
                continue;
            };
            *next = Box::pin(receive(socket.clone()));
            match result {
                Ok(message) => return Poll::Ready(Event::Message(server, message, Transport::Udp)),
                Err(error) => self.complain(server, "recv()", &error),
            }
            drop(self.sockets.remove(index));
            return Poll::Ready(Event::Refused(server));
        }
        for index in 0..self.connections.len() {
            let (server, connection) = &mut self.connections[index];
            let server = *server;
            let Poll::Ready(result) = connection.as_mut().poll(cx) else {
                continue;
            };
            drop(self.connections.remove(index));
            match result {
                Ok(message) => return Poll::Ready(Event::Message(server, message, Transport::Tcp)),
                Err(error) => self.complain(server, "asking over TCP", &error),
            }
            return Poll::Ready(Event::Refused(server));
        }
        deadline.poll_expired(cx).map(|()| Event::Resend)
    }

    /// Takes what a message says, if it is the answer to one of our questions.
    fn handle(&mut self, server: usize, message: &[u8], transport: Transport) {
        let answer = match dns::parse(message, transport) {
            Ok(answer) => answer,
            Err(invalid) => return self.log(format_args!("{invalid}")),
        };
        let ours = answer.name == *self.key.name;
        let asked = |ask: &Ask| ours && ask.kind == answer.kind && !ask.answered;
        let Some(index) = self.asks.iter().position(asked) else {
            return self.log(format_args!("unexpected DNS response for {}", answer.name));
        };
        let ask = &mut self.asks[index];
        if ask.id != answer.id {
            let (wrong, id) = (answer.id, ask.id);
            return self.log(format_args!(
                "wrong ident {wrong} in DNS response for {}, expect {id}",
                answer.name
            ));
        }
        if answer.truncated {
            if !std::mem::replace(&mut ask.over_tcp, true) {
                self.connect(server, index);
            }
            return;
        }
        ask.answered = true;
        self.take(answer);
    }

    fn take(&mut self, answer: Answer) {
        if let Some(kind) = answer.unexpected {
            self.log(format_args!("unexpected RR type {kind} in DNS response"));
        }
        if answer.code != 0 {
            self.code = answer.code;
        }
        self.ttl = self.ttl.min(answer.ttl.unwrap_or(u32::MAX));
        self.records.extend(answer.records);
    }

    /// What all answers together say. As nginx: an error of one family is an error of the name.
    fn conclude(&mut self) -> Answered {
        if self.code != 0 {
            return Err(Failure::Code(self.code));
        }
        let valid = self.resolver.settings.valid;
        let until = clock::now() + valid.unwrap_or(Duration::from_secs(self.ttl.into()));
        let (mut ips, mut servers, mut alias, mut own) = (Vec::new(), Vec::new(), None, None);
        for record in self.records.drain(..) {
            match record {
                Record::A(ip) => ips.push(IpAddr::V4(ip)),
                Record::Aaaa(ip) => ips.push(IpAddr::V6(ip)),
                Record::Srv(server) => servers.push(server),
                Record::Cname(name) => alias = Some(name),
                Record::Ptr(name) => own = own.or(Some(name)),
            }
        }
        // Whichever family answered first, that of IPv4 stands first.
        ips.sort_by_key(IpAddr::is_ipv6);
        servers.sort_by_key(|server| server.priority);
        if !ips.is_empty() {
            return Ok(Known::Addresses { ips, until });
        }
        if !servers.is_empty() {
            return Ok(Known::Service { servers, until });
        }
        if let Some(name) = own {
            return Ok(Known::Name { name, until });
        }
        match alias {
            Some(name) => Ok(Known::Alias { name, until }),
            None => Err(Failure::NOT_FOUND),
        }
    }

    fn complain(&self, server: usize, what: &str, error: &io::Error) {
        let server = self.resolver.settings.servers[server];
        self.log(format_args!(
            "{what} failed {} while resolving, resolver: {server}",
            Errno(error)
        ));
    }

    fn log(&self, message: std::fmt::Arguments<'_>) {
        self.log.log(Level::Error, None, message);
    }
}

/// A socket that takes datagrams from one server only, on a port that the kernel chooses.
fn connected(server: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = std::net::UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

/// The next datagram. That nobody listens at the server's port is an error of the socket, which
/// makes it anything but readable.
async fn receive(socket: Rc<UdpSocket>) -> io::Result<Vec<u8>> {
    loop {
        socket.ready(Interest::READABLE | Interest::ERROR).await?;
        if let Some(error) = socket.take_error()? {
            return Err(error);
        }
        let mut message = vec![0; DATAGRAM_MAX];
        match socket.try_recv(&mut message) {
            Ok(n) => {
                message.truncate(n);
                return Ok(message);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        // Readiness for an error is there until somebody looks.
        let _ = socket.try_io(Interest::ERROR, || -> io::Result<()> {
            Err(io::ErrorKind::WouldBlock.into())
        });
    }
}

/// Asks over a connection of its own; the wait for the answer is bounded by who polls.
async fn ask_over_tcp(server: SocketAddr, packet: Vec<u8>) -> io::Result<Vec<u8>> {
    let stream = crate::connect(&Addr::Ip(server), None, RESEND_AFTER).await?;
    // A question is as long as a name at most.
    let mut framed = (packet.len() as u16).to_be_bytes().to_vec();
    framed.extend(packet);
    stream.write_all(&framed).await?;
    let mut len = [0; 2];
    read_exact(&stream, &mut len).await?;
    let mut message = vec![0; u16::from_be_bytes(len).into()];
    read_exact(&stream, &mut message).await?;
    Ok(message)
}

async fn read_exact(stream: &crate::Stream, mut buf: &mut [u8]) -> io::Result<()> {
    while !buf.is_empty() {
        match stream.read(buf).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => buf = &mut buf[n..],
        }
    }
    Ok(())
}
