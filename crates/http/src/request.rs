//! A request, from its head to its line in the log.
//!
//! One thread owns it; whatever changes while it is handled stands in cells, so that handlers,
//! variables and sub-requests can share it.

mod claim;
mod desktop;
mod log;
mod values;

use std::cell::{Cell, OnceCell, Ref, RefCell};
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use net::Addr;
use proto::h1::{FieldName, Framing, Method, RequestHead, ResponseHead, Span, Version};
use script::{Captures, Slots};
use tokio::task::JoinHandle;

pub use self::claim::Claim;
pub use self::desktop::Desktop;
use crate::config::{Config, Location, LocationId, Server, ServerId};
use crate::connection::{Connection, text_of};
use crate::filters::compress::Coded;
use crate::modules::userid::UserId;
use crate::modules::{Settings, limit_conn, limit_req};
use crate::proxy::attempt::Attempt;
use crate::request_body::RequestBody;
use crate::response::{Field, Head};
use crate::secrets::Secrets;
use crate::subrequest::{Held, Link};
use crate::thread::Generation;

/// How often an internal redirect or a rewrite may start the search for a location again.
const URI_CHANGES_MAX: u8 = 10;

/// A request.
pub struct Request {
    /// How it hangs together with the client's request, if it is not that itself.
    pub link: Option<Box<Link>>,
    /// What commands in pages left behind.
    pub ssi: RefCell<Option<Box<crate::modules::ssi::State>>>,
    /// Sub-requests that run beside it and that nobody waits for but the connection.
    pub background: RefCell<Vec<JoinHandle<()>>>,
    /// Sub-requests that were made for it, theirs included; counted in the main one.
    pub subrequests: Cell<u32>,
    /// The connection that it came on.
    pub conn: Rc<Connection>,
    /// The configuration that it is handled by, to its end.
    pub generation: Rc<Generation>,
    /// The bytes of its head; all spans point into them.
    pub buf: Bytes,
    /// Its head.
    pub head: RequestHead,
    /// How its body is delimited.
    pub framing: Framing,
    /// The host that the client asks for, in lower case; empty if it names none.
    pub host: Bytes,
    /// The port in the host, if one was named.
    pub request_port: Option<u16>,
    /// When its first byte was there.
    pub started: Instant,
    /// The same by the wall clock.
    pub started_wall: SystemTime,
    /// Whether it was there before the one before it was answered.
    pub pipelined: bool,
    /// The method: that of the head until an internal redirect makes it GET.
    pub method: Cell<Method>,
    /// The server that answers it.
    pub server: Cell<ServerId>,
    /// The location that it is in.
    pub location: Cell<LocationId>,
    /// The path, decoded and normalised.
    pub uri: RefCell<Bytes>,
    /// The query.
    pub args: RefCell<Bytes>,
    /// Whether the path is still the one of the request line.
    pub uri_is_original: Cell<bool>,
    /// Whether the path of the request line had encoded bytes or a plus sign: what is taken out of
    /// it is encoded again where it becomes part of a URI.
    pub uri_is_quoted: Cell<bool>,
    uri_changes: Cell<u8>,
    /// Whether an internal redirect brought it where it is.
    pub internal: Cell<bool>,
    /// Whether the connection stays open behind the response.
    pub keepalive: Cell<bool>,
    /// Values of variables that it keeps.
    pub slots: Held<Slots>,
    captures: RefCell<Option<Box<Captures>>>,
    /// Its body.
    pub body: Held<Box<RequestBody>>,
    /// The upstream peers that were tried.
    pub attempts: RefCell<Vec<Attempt>>,
    /// The head that was sent, or is about to be.
    pub sent: RefCell<Option<Box<Head>>>,
    /// The status of the response; 0 until there is one.
    pub status: Cell<u16>,
    /// Whether all of the response was handed to the connection (`$request_completion`).
    pub is_complete: Cell<bool>,
    /// The status that the response gets whatever its handler says; 0 if it gets that of the
    /// handler.
    pub error_status: Cell<u16>,
    /// Whether an `error_page` was shown already.
    pub in_error_page: Cell<bool>,
    /// Bytes per second, if `$limit_rate` or a header said so; 0 is no limit.
    pub limit_rate: Cell<Option<u64>>,
    /// Bytes sent for it: head and body.
    pub bytes_sent: Cell<u64>,
    /// Bytes of the head among them.
    pub head_bytes_sent: Cell<u64>,
    /// The status that a filter wants in place of the response that it was given.
    pub refused_by_filter: Cell<Option<u16>>,
    /// Whether the response depends on `Accept-Encoding`.
    pub varies_by_encoding: Cell<bool>,
    /// What compression did to the response.
    pub coded: Cell<Option<Coded>>,
    /// What the browser is known by.
    pub user_id: UserId,
    /// The user that authenticated.
    pub user: RefCell<Option<Bytes>>,
    /// What became of the name that it claims in `Authorization`.
    pub claim: Cell<Claim>,
    /// The signed token that let it in.
    pub jwt: RefCell<Option<Rc<jwt::Token>>>,
    /// What is done behind the response (`post_action`) is running.
    pub in_post_action: Cell<bool>,
    /// Fields that every response to this request gets, such as `WWW-Authenticate`.
    pub pending: RefCell<Vec<Field>>,
    /// The media type that an upstream named for a file of ours (`X-Accel-Redirect`).
    pub pending_type: RefCell<Option<Box<Bytes>>>,
    /// Where the response redirects to, until it is made.
    pub pending_location: RefCell<Option<Bytes>>,
    /// Whether the path follows an `alias` that an expression chose.
    pub add_uri_to_alias: Cell<bool>,
    /// Whether its location is found and nothing rewrites it any more, unless what answers leads it
    /// elsewhere.
    pub is_placed: Cell<bool>,
    /// Whether the path still begins with the location's name.
    pub valid_location: Cell<bool>,
    /// Whether an `if` said what answers, and the next one took its place and does not.
    pub handler_lost: Cell<bool>,
    /// Whether an error page took the place of what the body was for.
    pub drops_body: Cell<bool>,
    /// The head of the last upstream's answer, and its bytes.
    pub upstream_answer: RefCell<Option<(Rc<ResponseHead>, Bytes)>>,
    /// Its trailer fields.
    pub upstream_trailers: RefCell<Vec<Field>>,
    /// What of it no log may show.
    pub secrets: Held<RefCell<Secrets>>,
    /// Whom a trusted proxy named as the client.
    pub real_client: OnceCell<Box<Addr>>,
    /// What `limit_req` did with it.
    pub limit_req_status: Cell<Option<limit_req::Status>>,
    /// Its places in the counts of `limit_conn`.
    pub limit_conn: limit_conn::Held,
    /// The desktop that it is for.
    pub desktop: RefCell<Option<Box<Desktop>>>,
}

/// What a new request is made of.
pub struct Parts {
    /// The bytes of its head.
    pub buf: Bytes,
    /// Its head.
    pub head: RequestHead,
    /// How its body is delimited.
    pub framing: Framing,
    /// The host that the client asks for.
    pub host: Bytes,
    /// The port in the host.
    pub request_port: Option<u16>,
    /// When its first byte was there.
    pub started: Instant,
    /// The same by the wall clock.
    pub started_wall: SystemTime,
    /// The server that answers it.
    pub server: ServerId,
    /// Whether it was there before the one before it was answered.
    pub pipelined: bool,
}

// The allocator keeps blocks up to this size for their thread; what is rare stands in boxes.
const _: () = assert!(size_of::<Request>() + 2 * size_of::<usize>() <= 1032);

impl Request {
    /// A request at the beginning of its way.
    pub fn new(conn: Rc<Connection>, generation: Rc<Generation>, parts: Parts) -> Self {
        let location = generation.config.server(parts.server).level;
        Self {
            link: None,
            subrequests: Cell::new(0),
            ssi: RefCell::default(),
            background: RefCell::default(),
            method: Cell::new(parts.head.method),
            server: Cell::new(parts.server),
            location: Cell::new(location),
            uri: RefCell::default(),
            args: RefCell::default(),
            uri_is_original: Cell::new(true),
            uri_is_quoted: Cell::new(false),
            uri_changes: Cell::new(URI_CHANGES_MAX),
            internal: Cell::new(false),
            keepalive: Cell::new(false),
            slots: Held::Own(Slots::default()),
            captures: RefCell::default(),
            body: Held::Own(Box::new(RequestBody::new(parts.framing))),
            attempts: RefCell::default(),
            sent: RefCell::default(),
            status: Cell::new(0),
            is_complete: Cell::new(false),
            error_status: Cell::new(0),
            in_error_page: Cell::new(false),
            limit_rate: Cell::new(None),
            bytes_sent: Cell::new(0),
            head_bytes_sent: Cell::new(0),
            refused_by_filter: Cell::new(None),
            varies_by_encoding: Cell::new(false),
            coded: Cell::new(None),
            user_id: UserId::default(),
            user: RefCell::default(),
            claim: Cell::default(),
            jwt: RefCell::default(),
            in_post_action: Cell::new(false),
            pending: RefCell::default(),
            pending_type: RefCell::default(),
            pending_location: RefCell::default(),
            add_uri_to_alias: Cell::new(false),
            is_placed: Cell::new(false),
            valid_location: Cell::new(true),
            handler_lost: Cell::new(false),
            drops_body: Cell::new(false),
            upstream_answer: RefCell::default(),
            upstream_trailers: RefCell::default(),
            secrets: Held::Own(RefCell::default()),
            real_client: OnceCell::new(),
            limit_req_status: Cell::new(None),
            limit_conn: limit_conn::Held::default(),
            desktop: RefCell::default(),
            conn,
            generation,
            buf: parts.buf,
            head: parts.head,
            framing: parts.framing,
            host: parts.host,
            request_port: parts.request_port,
            started: parts.started,
            started_wall: parts.started_wall,
            pipelined: parts.pipelined,
        }
    }

    /// Whether it is the client's own, and not a sub-request.
    pub fn is_main(&self) -> bool {
        self.link.is_none()
    }

    /// The client's request: this one, or the one that it is a part of.
    pub fn main(&self) -> &Request {
        self.link.as_ref().map_or(self, |link| link.main())
    }

    /// Counts bytes that the client got before the response.
    pub fn count_interjected(&self, bytes: usize) {
        let sent = &self.main().bytes_sent;
        sent.set(sent.get() + bytes as u64);
    }

    /// Whether its request line was good; nothing is known from any other.
    pub fn has_line(&self) -> bool {
        self.main().head.end > 0
    }

    /// The client: the other end of the connection, or whom a trusted proxy named
    /// (`set_real_ip_from`).
    pub fn client(&self) -> &Addr {
        self.main()
            .real_client
            .get()
            .map_or(&self.conn.peer, |client| client)
    }

    /// The client's address without its port, as logs show it.
    pub fn client_text(&self) -> String {
        text_of(self.client())
    }

    /// The configuration that it is handled by.
    pub fn config(&self) -> &Config {
        &self.generation.config
    }

    /// The server that answers it.
    pub fn server(&self) -> &Server {
        self.config().server(self.server.get())
    }

    /// The location that it is in.
    pub fn location(&self) -> &Location {
        self.config().location(self.location.get())
    }

    /// What each module holds where it is.
    pub fn conf(&self) -> &Settings {
        &self.location().settings
    }

    /// The path.
    pub fn uri(&self) -> Bytes {
        self.uri.borrow().clone()
    }

    /// The query.
    pub fn args(&self) -> Bytes {
        self.args.borrow().clone()
    }

    /// The first request header field of that name.
    pub fn header(&self, name: FieldName) -> Option<&[u8]> {
        self.head.value(&self.buf, name)
    }

    /// The header fields of the last upstream's answer.
    pub fn upstream_fields(&self) -> Vec<Field> {
        let answer = self.upstream_answer.borrow();
        let Some((head, buf)) = &*answer else {
            return Vec::new();
        };
        let slice = |span: Span| buf.slice(span.start as usize..span.end as usize);
        let field = |field: &proto::h1::Field| Field {
            name: slice(field.name),
            value: slice(field.value),
        };
        head.fields.iter().map(field).collect()
    }

    /// A span of the head as shared bytes.
    pub fn slice(&self, span: Span) -> Bytes {
        self.buf.slice(span.start as usize..span.end as usize)
    }

    /// The head that was sent, or is about to be; an empty one before that.
    pub fn sent(&self) -> Ref<'_, Head> {
        static NONE: Head = Head::none();
        Ref::map(self.sent.borrow(), |sent| sent.as_deref().unwrap_or(&NONE))
    }

    /// The version that the client speaks.
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// Counts a change of the URI; false when there have been too many.
    pub fn change_uri(&self) -> bool {
        let left = self.uri_changes.get();
        self.uri_changes.set(left.saturating_sub(1));
        left > 0
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("uri", &self.uri.borrow())
            .finish_non_exhaustive()
    }
}
