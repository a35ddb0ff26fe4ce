//! Reading the head of a request (`ngx_http_process_request_line`, `…_headers`).

use std::io;
use std::rc::Rc;

use bytes::Bytes;
use net::clock;
use net::log::Level;
use proto::h1::{
    FieldName, Framing, HeadBuffers, HeadError, HeadOptions, HeadRoom, Host, Method, Progress,
    RequestHead, RequestParser, Slashes, Version, normalize,
};

use super::refusal::Refusal;
use super::tls;
use crate::config::{Server, ServerId};
use crate::connection::Connection;
use crate::modules::server;
use crate::request::{Parts, Request};
use crate::server_names::NameMatch;

/// A request whose head was read, or one that is only fit to be refused with a status.
pub struct Incoming {
    /// The request.
    pub request: Rc<Request>,
    /// The status to refuse it with.
    pub refused: Option<u16>,
}

/// How much is read at a time.
const HEAD_READ: usize = 4096;

/// Reads the next head; `None` when the connection is over.
pub async fn read(conn: &Rc<Connection>) -> Option<Incoming> {
    let default_server = conn.default_server()?;
    let config = &conn.generation.config;
    let conf = &config.server(default_server).settings;
    let mut server = default_server;
    // What came with the header of a proxy in front, or with TLS, was not too early.
    let pipelined = conn.requests.get() > 0 && !conn.buf.borrow().is_empty();
    let buffers = conf.head_buffers();
    let mut room = HeadRoom::new(&buffers);
    let mut parser = RequestParser::new();
    let started = clock::now();
    loop {
        let (parsed, filled) = {
            let buf = conn.buf.borrow();
            let visible = room.visible(&buf);
            let parsed = parse(conn, &mut parser, visible, &mut server);
            (
                parsed.map_err(|error| Refusal::of_head(&error, visible)),
                visible.len(),
            )
        };
        let refused = match parsed {
            Ok(Progress::Done) => {
                let head = parser.take_head();
                return Some(finish(conn, head, default_server, pipelined));
            }
            Ok(progress) => match room.grow(&buffers, progress, filled) {
                Err(error) => {
                    let buf = conn.buf.borrow();
                    Some(Refusal::of_room(error, &progress, room.visible(&buf)))
                }
                // Pipelined bytes may be there already, hidden by the limit of before.
                Ok(()) if room.visible(&conn.buf.borrow()).len() > filled => None,
                Ok(()) => match more(conn, conf, started).await {
                    Ok(()) => None,
                    Err(refused) => Some(refused?),
                },
            },
            Err(refused) => Some(refused),
        };
        if let Some(refused) = refused {
            let head = parser.take_head();
            return Some(refuse(conn, head, default_server, &refused));
        }
    }
}

/// A request whose head is in the buffer of a connection that is only recalled; `None` if it would
/// not be a request any more.
pub fn recall(conn: &Rc<Connection>) -> Option<Rc<Request>> {
    let default_server = conn.addr_conf()?.default_server;
    let mut parser = RequestParser::new();
    let mut server = default_server;
    let parsed = {
        let buf = conn.buf.borrow();
        parse(conn, &mut parser, &buf, &mut server)
    };
    match parsed {
        Ok(Progress::Done) => {
            let head = parser.take_head();
            let incoming = finish(conn, head, default_server, false);
            // Whether its certificate is good enough is for whoever judges to ask.
            Some(incoming.request)
        }
        _ => None,
    }
}

/// Parses as far as the bytes go. From the host on, the server that it names says which header
/// lines are good.
fn parse(
    conn: &Connection,
    parser: &mut RequestParser,
    buf: &[u8],
    server: &mut ServerId,
) -> Result<Progress, HeadError> {
    let config = &conn.generation.config;
    let mut options = config.server(*server).settings.head_options();
    loop {
        match parser.parse(buf, &options)? {
            Progress::FirstLine | Progress::Host => {
                *server = named_server(conn, parser.head(), buf).unwrap_or(*server);
                options = config.server(*server).settings.head_options();
            }
            progress => return Ok(progress),
        }
    }
}

/// The server of the host in the target, or else of the `Host` field; a bad one names none.
fn named_server(conn: &Connection, head: &RequestHead, buf: &[u8]) -> Option<ServerId> {
    if conn.generation.config.servers.len() < 2 {
        return None;
    }
    let authority = head.authority.map(|span| span.of(buf));
    let text = authority.or_else(|| head.value(buf, FieldName::Host))?;
    let host = Host::parse(text)?;
    let name = Bytes::copy_from_slice(&host.name);
    let (server, _) = conn.addr_conf()?.names.find(&name)?;
    Some(server)
}

/// Reads more of the head; the error is what to answer, or none to answer nothing.
async fn more(
    conn: &Connection,
    conf: &server::Conf,
    started: std::time::Instant,
) -> Result<(), Option<Refusal>> {
    let left = conf
        .client_header_timeout
        .saturating_sub(clock::now() - started);
    let at_rest = conn.buf.borrow().is_empty();
    if !at_rest {
        conn.load.reads();
    }
    match conn.fill(HEAD_READ, left).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::TimedOut && !at_rest => {
            Err(Some(Refusal::timed_out()))
        }
        Err(error) => {
            if error.kind() == io::ErrorKind::TimedOut && conn.requests.get() == 0 {
                let line = "client timed out (110: Connection timed out) while waiting for request";
                conn.log(Level::Info, format_args!("{line}"));
            } else if !at_rest {
                conn.log(
                    Level::Info,
                    format_args!(
                        "client prematurely closed connection while reading client request headers"
                    ),
                );
            }
            Err(None)
        }
    }
}

/// Takes the head's bytes from the buffer and makes a request of it.
fn finish(
    conn: &Rc<Connection>,
    head: RequestHead,
    default_server: ServerId,
    pipelined: bool,
) -> Incoming {
    let buf = conn.buf.borrow_mut().split_to(head.end).freeze();
    let host = Host::of_request(&head, &buf);
    let framing = Framing::of_request(&head, &buf);
    let refused = match (&host, &framing) {
        (Err(error), _) => Some(Refusal::of_host(*error)),
        (_, Err(error)) => Some(Refusal::of_framing(*error)),
        _ => None,
    };
    let host = host.ok().flatten();
    let request_port = host.as_ref().and_then(|host| host.port);
    let host = host.map_or_else(Bytes::new, |host| match host.name {
        std::borrow::Cow::Borrowed(name) => buf.slice_ref(name),
        std::borrow::Cow::Owned(name) => name.into(),
    });
    let parts = Parts {
        framing: framing.unwrap_or(Framing::None),
        host,
        request_port,
        pipelined,
        ..Parts::of(buf, head, default_server)
    };
    let status = refused.as_ref().map(|refused| refused.status);
    let (request, status) = with_uri(conn, parts, status);
    if let Some(refused) = refused {
        request.log(Level::Info, format_args!("{}", refused.why));
    }
    Incoming {
        request,
        refused: status,
    }
}

/// A request that was not even a head: what of it could be read is kept for the log.
fn refuse(
    conn: &Rc<Connection>,
    head: RequestHead,
    default_server: ServerId,
    refused: &Refusal,
) -> Incoming {
    let buf = conn.buf.borrow_mut().split().freeze();
    // As nginx: the server that the host named, as far as it came, has the say.
    let server = named_server(conn, &head, &buf).unwrap_or(default_server);
    let host = Host::of_request(&head, &buf).ok().flatten();
    let host = host.map_or_else(Bytes::new, |host| Bytes::copy_from_slice(&host.name));
    let (target, line_is_good) = (head.target, head.end > 0);
    let parts = Parts {
        host,
        ..Parts::of(buf, head, server)
    };
    conn.requests.set(conn.requests.get() + 1);
    let request = Request::new(conn.clone(), conn.generation.clone(), parts);
    if line_is_good {
        // One that does not even have a path is refused already.
        let _ = set_uri(&request, target, slashes_of(conn, default_server));
    }
    request.log(Level::Info, format_args!("{}", refused.why));
    Incoming {
        request: Rc::new(request),
        refused: Some(refused.status),
    }
}

/// How paths are read. As nginx, which reads them before it knows the host.
fn slashes_of(conn: &Connection, default_server: ServerId) -> Slashes {
    let config = &conn.generation.config;
    match config.server(default_server).settings.merge_slashes {
        true => Slashes::Merge,
        false => Slashes::Keep,
    }
}

/// The status for a method that the server does not take.
fn refused_method(request: &Request) -> Option<u16> {
    let (message, status) = match request.head.method {
        Method::Trace => ("client sent TRACE method", 405),
        // Without `tunnel_pass` there is nothing that a CONNECT could reach.
        Method::Connect
            if request.version() != Version::HTTP_11 || !request.server().allows_connect =>
        {
            ("client sent CONNECT method", 405)
        }
        Method::Connect if !matches!(request.framing, Framing::None | Framing::Length(0)) => {
            ("client sent CONNECT request with body", 400)
        }
        _ => return None,
    };
    request.log(Level::Info, format_args!("{message}"));
    Some(status)
}

/// Chooses the server by the host and sets the path.
fn with_uri(
    conn: &Rc<Connection>,
    mut parts: Parts,
    mut refused: Option<u16>,
) -> (Rc<Request>, Option<u16>) {
    let default_server = parts.server;
    let found = conn
        .addr_conf()
        .and_then(|conf| conf.names.find(&parts.host));
    let misdirected = tls::is_misdirected(conn, &parts.host, asked_for(conn, &found));
    match &found {
        // As nginx: the server that the handshake named refuses what it is not.
        _ if misdirected => {}
        Some((id, _)) => parts.server = *id,
        // As nginx: a host that nobody has is the address's affair, whatever the handshake named.
        None => {
            let addr = conn.addr_conf();
            parts.server = addr.map_or(parts.server, |addr| addr.default_server);
        }
    }
    let slashes = slashes_of(conn, default_server);
    let target = parts.head.target;
    let ignored = (parts.head.ignored_lines, parts.head.last_ignored_line);
    conn.requests.set(conn.requests.get() + 1);
    let request = Rc::new(Request::new(conn.clone(), conn.generation.clone(), parts));
    if let Some((_, Some(NameMatch { names, captures }))) = found {
        use script::Context as _;
        request.set_named(names, &captures);
        request.set_captures(captures);
    }
    if ignored.0 > 0 {
        let line = String::from_utf8_lossy(ignored.1.of(&request.buf)).into_owned();
        request.log(
            Level::Info,
            format_args!(
                "client sent invalid header line: \"{line}\" while reading client request headers"
            ),
        );
    }
    if set_uri(&request, target, slashes).is_none() && refused.is_none() {
        request.log(
            Level::Info,
            format_args!("client sent invalid request while reading client request line"),
        );
        refused = Some(400);
    }
    let refused = refused
        .or_else(|| misdirected.then(|| refuse_misdirected(&request)))
        .or_else(|| tls::refusal(&request))
        .or_else(|| refused_method(&request));
    (request, refused)
}

/// The server that the host names, or else the address's own.
fn asked_for<'c, T>(conn: &'c Connection, found: &Option<(ServerId, T)>) -> &'c Server {
    let fallback = || conn.addr_conf().map(|addr| addr.default_server);
    let id = found.as_ref().map(|(id, _)| *id).or_else(fallback);
    conn.generation.config.server(id.unwrap_or(ServerId(0)))
}

fn refuse_misdirected(request: &Request) -> u16 {
    request.log(
        Level::Info,
        format_args!(
            "client attempted to request the server name different from the one that was \
             negotiated"
        ),
    );
    421
}

/// A request that has no head yet, for variables of the connection.
pub fn without_head(conn: &Rc<Connection>, server: ServerId) -> Request {
    let head = RequestParser::new().take_head();
    let parts = Parts::of(Bytes::new(), head, server);
    Request::new(conn.clone(), conn.generation.clone(), parts)
}

fn set_uri(request: &Request, target: proto::h1::Span, slashes: Slashes) -> Option<()> {
    let target = request.slice(target);
    let uri = normalize(&target, slashes).ok()?;
    let path = match uri.path {
        // An empty path became one that is not in the target.
        std::borrow::Cow::Borrowed(path) if !target.starts_with(b"/") => {
            Bytes::copy_from_slice(path)
        }
        std::borrow::Cow::Borrowed(path) => target.slice_ref(path),
        std::borrow::Cow::Owned(path) => path.into(),
    };
    let args = match uri.args {
        [] => Bytes::new(),
        args => target.slice_ref(args),
    };
    request.uri_is_quoted.set(uri.is_quoted || uri.has_plus);
    request.uri.replace(path);
    request.args.replace(args);
    Some(())
}

impl Parts {
    fn of(buf: Bytes, head: RequestHead, server: ServerId) -> Self {
        Self {
            buf,
            head,
            framing: Framing::None,
            host: Bytes::new(),
            request_port: None,
            started: clock::now(),
            started_wall: clock::wall(),
            server,
            pipelined: false,
        }
    }
}

impl server::Conf {
    fn head_buffers(&self) -> HeadBuffers {
        let (large_count, large_bytes) = self.large_client_header_buffers;
        HeadBuffers {
            first_bytes: self.client_header_buffer_size as usize,
            large_count: large_count as usize,
            large_bytes: large_bytes as usize,
        }
    }

    fn head_options(&self) -> HeadOptions {
        HeadOptions {
            underscores_in_headers: self.underscores_in_headers,
            ignore_invalid_headers: self.ignore_invalid_headers,
            fields_max: self.max_headers as usize,
        }
    }
}

/// Whether a request asks for an upgrade of its connection.
pub fn asks_for_upgrade(request: &Request) -> bool {
    request.head.fields.contains(FieldName::Upgrade)
}
