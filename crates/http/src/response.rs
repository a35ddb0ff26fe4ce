//! A response before it is sent: a head whose parts are known by name, and a body that is a list of
//! chunks or a source of them.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use net::splice::Pipe;
use proto::h1::FieldName;

use crate::connection::Connection;
use crate::request::Request;

/// One header field, in the case it is sent in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The name.
    pub name: Bytes,
    /// The value, free of CR, LF and NUL.
    pub value: Bytes,
}

/// The head of a response. Parts with a place of their own on the wire are fields here; all others
/// stand in `fields` in the order in which they are sent.
#[derive(Debug, Clone, Default)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// The upstream's status line behind the version, if it is passed on as it came.
    pub status_text: Option<Bytes>,
    /// `Server`, unless it is our own; empty is none.
    pub server: Option<Bytes>,
    /// `Date`, unless it is ours; empty is none.
    pub date: Option<Bytes>,
    /// `Content-Type` without the charset that we add.
    pub content_type: Option<Bytes>,
    /// The charset that an upstream wants the body to be sent in (`X-Accel-Charset`).
    pub override_charset: Option<Bytes>,
    /// `Content-Length`; without it the body is chunked or ends with the connection.
    pub content_length: Option<u64>,
    /// `Last-Modified` as seconds since 1970, for conditions; what is sent unless there is a text.
    pub last_modified: Option<i64>,
    /// `Last-Modified` as it is sent.
    pub last_modified_text: Option<Bytes>,
    /// `Location`.
    pub location: Option<Bytes>,
    /// All other fields.
    pub fields: Vec<Field>,
    /// Whether a part of the body may be asked for.
    pub allow_ranges: bool,
    /// Announced trailer fields, sent behind a chunked body.
    pub trailers: Vec<Field>,
}

impl Head {
    /// A head without anything.
    pub const fn none() -> Self {
        Self {
            status: 0,
            status_text: None,
            server: None,
            date: None,
            content_type: None,
            override_charset: None,
            content_length: None,
            last_modified: None,
            last_modified_text: None,
            location: None,
            fields: Vec::new(),
            allow_ranges: false,
            trailers: Vec::new(),
        }
    }

    /// A head with nothing but a status.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    /// Appends a field.
    pub fn push(&mut self, name: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.fields.push(Field {
            name: name.into(),
            value: value.into(),
        });
    }

    /// The first field of that name among `fields`.
    pub fn get(&self, name: FieldName) -> Option<&Bytes> {
        let is = |field: &&Field| field.is(name);
        self.fields.iter().find(is).map(|field| &field.value)
    }

    /// Removes all fields of that name.
    pub fn remove(&mut self, name: FieldName) {
        self.fields.retain(|field| !field.is(name));
    }

    /// Makes the head one of an empty or a different body: what described the old one is gone.
    pub fn forget_body(&mut self) {
        self.content_length = None;
        self.content_type = None;
        self.forget_validators();
        self.remove(FieldName::ContentEncoding);
    }

    /// The body gets a length that nobody knows, and no part of it may be asked for.
    pub fn forget_length(&mut self) {
        self.content_length = None;
        self.allow_ranges = false;
        self.remove(FieldName::AcceptRanges);
    }

    /// A changed body is not the same byte for byte: a strong tag becomes a weak one, and what is
    /// no tag goes (`ngx_http_weak_etag`).
    pub fn weaken_etag(&mut self) {
        let is_tag =
            |value: &[u8]| value.starts_with(b"W/") && value.len() > 2 || value.starts_with(b"\"");
        self.fields
            .retain(|field| !field.is(FieldName::ETag) || is_tag(&field.value));
        let mut fields = self.fields.iter_mut();
        if let Some(field) = fields.find(|field| field.is(FieldName::ETag))
            && field.value.starts_with(b"\"")
        {
            field.value = [b"W/", &field.value[..]].concat().into();
        }
    }

    /// Removes what identifies the body that is not sent as it was.
    pub fn forget_validators(&mut self) {
        self.last_modified = None;
        self.last_modified_text = None;
        self.allow_ranges = false;
        self.remove(FieldName::ETag);
        self.remove(FieldName::AcceptRanges);
    }
}

impl Field {
    /// Whether it has that name.
    pub fn is(&self, name: FieldName) -> bool {
        self.name.eq_ignore_ascii_case(name.as_str().as_bytes())
    }
}

/// What a body is made of.
#[derive(Debug, Clone)]
pub enum Chunk {
    /// Bytes.
    Memory(Bytes),
    /// A part of a file.
    File(FileSlice),
    /// What is before it goes to the client at once.
    Flush,
}

/// A range of a file, `start <= end`.
#[derive(Debug, Clone)]
pub struct FileSlice {
    /// The open file.
    pub file: Rc<OwnedFd>,
    /// Its first byte.
    pub start: u64,
    /// The byte after its last.
    pub end: u64,
}

impl FileSlice {
    /// Reads all of it. A file that was truncated meanwhile is an
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof).
    pub fn read(&self) -> io::Result<Bytes> {
        let len = usize::try_from(self.end - self.start).unwrap_or(usize::MAX);
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let at = self.start + bytes.len() as u64;
            let spare = rustix::buffer::spare_capacity(&mut bytes);
            if rustix::io::pread(&self.file, spare, at)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        bytes.truncate(len);
        Ok(bytes.into())
    }
}

impl Chunk {
    /// How many bytes it has.
    pub fn len(&self) -> u64 {
        match self {
            Chunk::Memory(bytes) => bytes.len() as u64,
            Chunk::File(slice) => slice.end - slice.start,
            Chunk::Flush => 0,
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Where the chunks of a body come from, when they come one after another.
pub trait Source {
    /// The next chunk; `None` is the end.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Chunk>>>;

    /// What comes next, in a pipe of the kernel: asked first where the client's connection is plain
    /// and nothing looks at the body on its way. `None` is not the end, but that
    /// [`poll_next`](Self::poll_next) is to be asked.
    fn poll_pipe(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<Option<Pipe>>> {
        Poll::Ready(Ok(None))
    }

    /// Called while the client takes nothing: a source that buffers reads on.
    fn poll_ahead(&mut self, _cx: &mut Context<'_>) {}

    /// Whether the little that is there may wait for what comes: asked when there is no chunk now.
    fn holds(&self) -> bool {
        false
    }

    /// Trailer fields, known once the end was given.
    fn trailers(&mut self) -> Vec<Field> {
        Vec::new()
    }
}

/// What takes over a connection once the head of a 101 was sent.
pub trait Takeover {
    /// Takes from the request what it needs and gives what runs on the bare connection. That holds
    /// neither the request nor its configuration: it may live for weeks.
    fn prepare(self: Box<Self>, request: &Rc<Request>) -> Box<dyn FnOnce(Connection)>;
}

/// A body.
#[derive(Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// All of it is known.
    Chunks(VecDeque<Chunk>),
    /// It comes bit by bit.
    Source(Box<dyn Source>),
    /// The connection becomes a tunnel.
    Upgrade(Box<dyn Takeover>),
}

impl Body {
    /// A body in memory.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Body::Chunks(VecDeque::from([Chunk::Memory(bytes.into())]))
    }

    /// Its length, if all of it is known.
    pub fn len(&self) -> Option<u64> {
        match self {
            Body::Empty => Some(0),
            Body::Chunks(chunks) => Some(chunks.iter().map(Chunk::len).sum()),
            Body::Source(_) | Body::Upgrade(_) => None,
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Body::Empty => "Empty",
            Body::Chunks(_) => "Chunks",
            Body::Source(_) => "Source",
            Body::Upgrade(_) => "Upgrade",
        })
    }
}

/// A whole response.
#[derive(Debug, Default)]
pub struct Response {
    /// Its head: in a box, as a response goes through many hands.
    pub head: Box<Head>,
    /// Its body.
    pub body: Body,
}

impl Response {
    /// A response without a body.
    pub fn empty(status: u16) -> Self {
        let head = Head {
            content_length: Some(0),
            ..Head::new(status)
        };
        Self {
            head: head.into(),
            body: Body::Empty,
        }
    }

    /// A response with a body in memory.
    pub fn text(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let head = Head {
            content_type: Some(Bytes::from_static(content_type.as_bytes())),
            content_length: Some(body.len() as u64),
            ..Head::new(status)
        };
        Self {
            head: head.into(),
            body: Body::bytes(body),
        }
    }
}
