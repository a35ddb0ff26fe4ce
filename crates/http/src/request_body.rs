//! The body of a request: read as a whole, passed on bit by bit, or thrown away
//! (`ngx_http_request_body.c`).

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;

use bytes::{Buf as _, Bytes, BytesMut};
use net::log::{Errno, Level};
use proto::h1::{ChunkStep, ChunkedDecoder, FieldName, Framing, Trailers, Version};

use crate::modules::core::BodyInFile;
use crate::request::Request;
use crate::response::{Chunk, FileSlice};
use crate::temp_file::TempFile;

/// The state of a body.
pub struct RequestBody {
    framing: Framing,
    decoder: RefCell<ChunkedDecoder>,
    /// Payload bytes taken from the connection.
    received: Cell<u64>,
    /// All bytes taken from it, with what frames them; not those that are thrown away.
    taken: Cell<u64>,
    complete: Cell<bool>,
    /// Whether its framing is broken, which is told once.
    broken: Cell<bool>,
    continue_sent: Cell<bool>,
    kept: RefCell<Kept>,
}

/// What was read and is kept for the handler.
#[derive(Default)]
struct Kept {
    memory: Vec<Bytes>,
    memory_len: usize,
    file: Option<TempFile>,
    read: bool,
}

/// Why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// The client is to be answered with this status.
    Status(u16),
    /// The client is gone.
    Gone,
}

impl RequestBody {
    /// A body that nothing of was read.
    pub fn new(framing: Framing) -> Self {
        Self {
            framing,
            decoder: RefCell::new(ChunkedDecoder::new(Trailers::Discard)),
            received: Cell::new(0),
            taken: Cell::new(0),
            complete: Cell::new(matches!(framing, Framing::None | Framing::Length(0))),
            broken: Cell::new(false),
            continue_sent: Cell::new(false),
            kept: RefCell::default(),
        }
    }

    /// Whether all of it was taken from the connection.
    pub fn is_complete(&self) -> bool {
        self.complete.get()
    }

    /// Payload bytes taken from the connection so far.
    pub fn received(&self) -> u64 {
        self.received.get()
    }

    /// Bytes of the connection that it took to read it, as `$request_length` counts them.
    pub fn taken(&self) -> u64 {
        self.taken.get()
    }

    /// The length that a request without `Content-Length` shows: what was read of a chunked body,
    /// once that is all; as nginx, one that was thrown away has none.
    pub fn shown_length(&self) -> Option<u64> {
        match (self.framing, self.taken.get()) {
            (Framing::Chunked, 0) => Some(0),
            (Framing::Chunked, _) if self.complete.get() => Some(self.received.get()),
            _ => None,
        }
    }

    /// Whether it was read as a whole and kept.
    pub fn was_read(&self) -> bool {
        self.kept.borrow().read
    }

    /// Its length as declared, or as known once it was read.
    pub fn length(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(length) => Some(length),
            _ if self.complete.get() => Some(self.received.get()),
            _ => None,
        }
    }

    /// What is kept of it, as chunks to send.
    pub fn chunks(&self) -> Vec<Chunk> {
        let kept = self.kept.borrow();
        let file = kept.file.as_ref().map(|file| {
            Chunk::File(FileSlice {
                file: file.fd(),
                start: 0,
                end: file.len(),
            })
        });
        file.into_iter()
            .chain(kept.memory.iter().cloned().map(Chunk::Memory))
            .collect()
    }

    /// All of it, if there is any and it is in memory (`$request_body`).
    pub fn in_memory(&self) -> Option<Vec<u8>> {
        let kept = self.kept.borrow();
        (!kept.memory.is_empty() && kept.file.is_none()).then(|| kept.memory.concat())
    }

    /// The file that holds it (`$request_body_file`).
    pub fn file_path(&self) -> Option<PathBuf> {
        self.kept
            .borrow()
            .file
            .as_ref()
            .map(|file| file.path().to_owned())
    }

    /// Takes the next bytes from the connection; `None` is the end. Chunks that arrived together
    /// are one piece, and the end that arrived with them is known.
    pub async fn next(&self, request: &Request) -> Result<Option<Bytes>, BodyError> {
        if self.complete.get() {
            return Ok(None);
        }
        self.send_continue(request).await?;
        loop {
            if let Some(first) = self.decode(request)? {
                let piece = self.join_available(request, first)?;
                self.count(request, piece.len() as u64)?;
                return Ok(Some(piece));
            }
            if self.complete.get() {
                return Ok(None);
            }
            let timeout = request.conf().core.client_body_timeout;
            request
                .conn
                .fill(BODY_READ, timeout)
                .await
                .map_err(|error| match error.kind() {
                    io::ErrorKind::TimedOut => BodyError::Status(408),
                    io::ErrorKind::UnexpectedEof => BodyError::Status(400),
                    _ => BodyError::Gone,
                })?;
        }
    }

    /// A piece and those that are here behind it.
    fn join_available(&self, request: &Request, first: Bytes) -> Result<Bytes, BodyError> {
        if self.framing != Framing::Chunked {
            return Ok(first);
        }
        let Some(second) = self.decode(request)? else {
            return Ok(first);
        };
        let mut joined = BytesMut::from(first);
        joined.extend_from_slice(&second);
        while !self.complete.get()
            && let Some(piece) = self.decode(request)?
        {
            joined.extend_from_slice(&piece);
        }
        Ok(joined.freeze())
    }

    /// What of the bytes already here belongs to the body.
    fn decode(&self, request: &Request) -> Result<Option<Bytes>, BodyError> {
        let before = request.conn.buf.borrow().len();
        let decoded = self.decode_here(request);
        let taken = before - request.conn.buf.borrow().len();
        self.taken.set(self.taken.get() + taken as u64);
        if decoded.is_err() && !self.broken.replace(true) {
            request.log(
                Level::Error,
                format_args!("client sent invalid chunked body"),
            );
        }
        decoded
    }

    fn decode_here(&self, request: &Request) -> Result<Option<Bytes>, BodyError> {
        let mut buf = request.conn.buf.borrow_mut();
        match self.framing {
            Framing::Length(length) => {
                let left = length - self.received.get();
                let take = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
                if take as u64 == left {
                    self.complete.set(true);
                }
                Ok((take > 0).then(|| buf.split_to(take).freeze()))
            }
            Framing::Chunked => {
                let mut decoder = self.decoder.borrow_mut();
                loop {
                    let decoded = decoder.decode(&buf).map_err(|_| BodyError::Status(400))?;
                    match decoded.step {
                        ChunkStep::Data(range) => {
                            buf.advance(range.start);
                            let data = buf.split_to(range.len()).freeze();
                            buf.advance(decoded.consumed - range.end);
                            return Ok(Some(data));
                        }
                        ChunkStep::Done => {
                            buf.advance(decoded.consumed);
                            self.complete.set(true);
                            return Ok(None);
                        }
                        ChunkStep::More | ChunkStep::Trailers => {
                            buf.advance(decoded.consumed);
                            if buf.is_empty() || decoded.consumed == 0 {
                                return Ok(None);
                            }
                        }
                    }
                }
            }
            Framing::None | Framing::UntilClose => {
                self.complete.set(true);
                Ok(None)
            }
        }
    }

    fn count(&self, request: &Request, bytes: u64) -> Result<(), BodyError> {
        let received = self.received.get() + bytes;
        self.received.set(received);
        let max = request.conf().core.client_max_body_size;
        if self.framing == Framing::Chunked && max != 0 && received > max {
            request.log(
                Level::Error,
                format_args!(
                    "client intended to send too large chunked body: {}+{bytes} bytes",
                    received - bytes
                ),
            );
            return Err(BodyError::Status(413));
        }
        Ok(())
    }

    /// Keeps what of it came together with the head; the rest is left to come.
    pub fn keep_available(&self, request: &Request) -> Result<(), BodyError> {
        while !self.complete.get() {
            let Some(piece) = self.decode(request)? else {
                break;
            };
            self.count(request, piece.len() as u64)?;
            let mut kept = self.kept.borrow_mut();
            kept.memory_len += piece.len();
            kept.memory.push(piece);
        }
        Ok(())
    }

    /// How much of it may stay in memory. As ngx_http_read_client_request_body: what came with the
    /// head does not count, and a rest a little longer than the buffer gets a longer buffer.
    fn memory_max(&self, request: &Request) -> u64 {
        let size = request.conf().core.client_body_buffer_size;
        let here = (self.kept.borrow().memory_len + request.conn.buf.borrow().len()) as u64;
        // With a head comes no more than its buffer holds, however much was read at once here.
        let here = here.min(request.server().settings.client_header_buffer_size);
        match self.framing {
            Framing::Length(length) => {
                let rest = length.saturating_sub(here);
                let fits = rest == 0 || rest < size.saturating_add(size / 4);
                if fits { length } else { size }
            }
            _ => size.saturating_add(here),
        }
    }

    /// Reads all of it and keeps it: in memory up to `client_body_buffer_size`, beyond in a file.
    pub async fn read(&self, request: &Request) -> Result<(), BodyError> {
        if self.kept.borrow().read {
            return Ok(());
        }
        let core = &request.conf().core;
        let in_file = core.client_body_in_file_only != BodyInFile::Off;
        let memory_max = self.memory_max(request);
        while let Some(piece) = self.next(request).await? {
            let mut kept = self.kept.borrow_mut();
            kept.memory_len += piece.len();
            kept.memory.push(piece);
            if in_file || kept.memory_len as u64 > memory_max {
                kept.spill(request)
                    .map_err(|error| not_kept(request, &error))?;
            }
        }
        let mut kept = self.kept.borrow_mut();
        kept.read = true;
        // As nginx: an empty body has its file, too; no body has none.
        if in_file && self.framing != Framing::None {
            kept.spill(request)
                .map_err(|error| not_kept(request, &error))?;
            if core.client_body_in_file_only == BodyInFile::On
                && let Some(file) = &mut kept.file
            {
                file.keep();
            }
        }
        Ok(())
    }

    /// Takes what is left of it from the connection and throws it away, as far as it comes within
    /// the time that a client is given to finish. True if the connection can be used again.
    pub async fn discard(&self, request: &Request) -> bool {
        let taken = self.taken.get();
        while !self.complete.get() {
            match self.next(request).await {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return false,
            }
        }
        self.taken.set(taken);
        true
    }

    /// Throws away what of the rest is already here; true if that was all of it.
    pub fn discard_available(&self, request: &Request) -> Result<bool, BodyError> {
        let taken = self.taken.get();
        while !self.complete.get() {
            let Some(piece) = self.decode(request)? else {
                break;
            };
            self.received.set(self.received.get() + piece.len() as u64);
        }
        self.taken.set(taken);
        Ok(self.complete.get())
    }

    /// From now on a client that waits for `100 Continue` gets none.
    pub fn suppress_continue(&self) {
        self.continue_sent.set(true);
    }

    /// `100 Continue`, once, to a client that waits for it.
    pub async fn send_continue(&self, request: &Request) -> Result<(), BodyError> {
        let expects = request.header(FieldName::Expect);
        let expects = expects.is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
        if !expects || request.version() < Version::HTTP_11 || self.continue_sent.replace(true) {
            return Ok(());
        }
        let timeout = request.conf().core.send_timeout;
        let sent = request.conn.interject(CONTINUE, timeout).await;
        if sent.is_ok() {
            request.count_interjected(CONTINUE.len());
        }
        sent.map_err(|_| BodyError::Gone)
    }
}

/// A body that no temporary file could be had for.
fn not_kept(request: &Request, error: &io::Error) -> BodyError {
    let folder = &request.conf().core.client_body_temp_path.folder;
    let (folder, error) = (request.config().prefix.join(folder), Errno(error));
    request.log(
        Level::Crit,
        format_args!(
            "no temporary file in \"{}\" for a client request body {error}",
            folder.display()
        ),
    );
    BodyError::Status(500)
}

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How much of a body is read from a connection at a time.
const BODY_READ: usize = 16 * 1024;

impl Kept {
    /// Moves what is in memory to the file.
    fn spill(&mut self, request: &Request) -> io::Result<()> {
        let core = &request.conf().core;
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let file = TempFile::create(&core.client_body_temp_path, &request.config().prefix)?;
                let level = match core.client_body_in_file_only {
                    BodyInFile::Off => Level::Warn,
                    // That is what was asked for.
                    _ => Level::Notice,
                };
                request.log(
                    level,
                    format_args!(
                        "a client request body is buffered to a temporary file {}",
                        file.path().display()
                    ),
                );
                none.insert(file)
            }
        };
        for piece in self.memory.drain(..) {
            file.write_all(&piece)?;
        }
        self.memory_len = 0;
        Ok(())
    }
}

/// Reads a whole file slice into memory: for values, not for the data path.
pub fn read_slice(fd: &Rc<OwnedFd>, start: u64, len: usize) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt as _;
    let file = File::from(fd.try_clone()?);
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, start)?;
    Ok(bytes)
}
