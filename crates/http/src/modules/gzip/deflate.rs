//! The body filter that compresses, and the source that feeds it a body in portions.

use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use flate2::{Compress, Compression, FlushCompress, Status};
use net::clock;
use tokio::task::coop;

use crate::filters::BodyFilter;
use crate::request::Request;
use crate::response::{Body, Chunk, Field, FileSlice, Source};

/// What is read of a file and compressed in one go, in bytes.
const PORTION: u64 = 32 * 1024;

/// What a portion costs of the 128 units that the runtime gives a task before others get their
/// turn: half a megabyte, a few milliseconds.
const PORTION_COST: usize = 8;

/// By how much the room for compressed data grows, in bytes.
const ROOM: usize = 4096;

/// The window of the format, as a power of two; the largest.
const WINDOW_BITS: u8 = 15;

/// Compresses what passes.
pub struct Gzip {
    request: Rc<Request>,
    deflater: Deflater,
}

impl Gzip {
    /// A filter of that level, 1 to 9.
    pub fn new(request: Rc<Request>, level: u32) -> Self {
        Self {
            request,
            deflater: Deflater {
                level,
                stream: None,
            },
        }
    }

    fn deflate(&mut self, input: &[u8], flush: FlushCompress, out: &mut Vec<u8>) -> io::Result<()> {
        self.deflater.deflate(input, flush, out)?;
        self.request.gzip_bytes.set(self.deflater.totals());
        Ok(())
    }
}

impl BodyFilter for Gzip {
    fn push(&mut self, chunk: Chunk) -> io::Result<Vec<Chunk>> {
        let mut out = Vec::new();
        match &chunk {
            Chunk::Memory(bytes) => self.deflate(bytes, FlushCompress::None, &mut out)?,
            Chunk::File(slice) => {
                let mut buf = vec![0; (slice.end - slice.start).min(PORTION) as usize];
                let mut at = slice.start;
                while at < slice.end {
                    let len = (slice.end - at).min(PORTION) as usize;
                    let n = rustix::io::pread(&slice.file, &mut buf[..len], at)?;
                    if n == 0 {
                        // Truncated while it was sent.
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    self.deflate(&buf[..n], FlushCompress::None, &mut out)?;
                    at += n as u64;
                }
            }
            Chunk::Flush => self.deflate(&[], FlushCompress::Sync, &mut out)?,
        }
        let mut chunks = Vec::with_capacity(2);
        if !out.is_empty() {
            chunks.push(Chunk::Memory(out.into()));
        }
        if let Chunk::Flush = chunk {
            chunks.push(chunk);
        }
        Ok(chunks)
    }

    fn finish(&mut self) -> io::Result<Vec<Chunk>> {
        let mut out = Vec::new();
        self.deflate(&[], FlushCompress::Finish, &mut out)?;
        Ok(vec![Chunk::Memory(out.into())])
    }
}

/// A gzip stream that takes its memory, a quarter of a megabyte, with its first byte.
pub(super) struct Deflater {
    pub(super) level: u32,
    pub(super) stream: Option<Compress>,
}

impl Deflater {
    /// Compresses all of the input; what is ready is appended.
    pub(super) fn deflate(
        &mut self,
        input: &[u8],
        flush: FlushCompress,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let level = Compression::new(self.level);
        let stream = self
            .stream
            .get_or_insert_with(|| Compress::new_gzip(level, WINDOW_BITS));
        let begin = stream.total_in();
        loop {
            out.reserve(ROOM);
            let consumed = (stream.total_in() - begin) as usize;
            let status = stream.compress_vec(&input[consumed..], out, flush)?;
            let consumed = (stream.total_in() - begin) as usize;
            // Room left over: everything that could be written was.
            let done = consumed == input.len() && out.len() < out.capacity();
            if status == Status::StreamEnd || done {
                return Ok(());
            }
        }
    }

    /// Bytes taken and bytes made.
    pub(super) fn totals(&self) -> (u64, u64) {
        self.stream
            .as_ref()
            .map_or((0, 0), |stream| (stream.total_in(), stream.total_out()))
    }
}

/// A body in portions, so that a long file, or what an upstream's answer has in one, is compressed
/// neither into memory nor without a pause.
pub struct Portions {
    waiting: VecDeque<Chunk>,
    /// Where more comes from.
    source: Option<Box<dyn Source>>,
}

impl Portions {
    /// The portions of a body, if it has any.
    pub fn of(body: Body) -> Body {
        let (waiting, source) = match body {
            Body::Chunks(chunks) => (chunks, None),
            Body::Source(source) => (VecDeque::new(), Some(source)),
            Body::Empty | Body::Upgrade(_) => return body,
        };
        Body::Source(Box::new(Self { waiting, source }))
    }

    fn next(&mut self) -> Option<Chunk> {
        let Some(Chunk::File(slice)) = self.waiting.front_mut() else {
            return self.waiting.pop_front();
        };
        let end = slice.end.min(slice.start + PORTION);
        let portion = Chunk::File(FileSlice {
            end,
            ..slice.clone()
        });
        slice.start = end;
        if slice.start == slice.end {
            self.waiting.pop_front();
        }
        Some(portion)
    }
}

impl Source for Portions {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Chunk>>> {
        if self.waiting.is_empty()
            && let Some(source) = &mut self.source
        {
            match ready!(source.poll_next(cx))? {
                Some(chunk) => self.waiting.push_back(chunk),
                None => return Poll::Ready(Ok(None)),
            }
        }
        for _ in 0..PORTION_COST {
            let Poll::Ready(turn) = coop::poll_proceed(cx) else {
                // A thread that always has something to do never parks, which is what else would
                // move its clock on.
                clock::refresh();
                return Poll::Pending;
            };
            turn.made_progress();
        }
        Poll::Ready(Ok(self.next()))
    }

    fn poll_ahead(&mut self, cx: &mut Context<'_>) {
        if let Some(source) = &mut self.source {
            source.poll_ahead(cx);
        }
    }

    fn trailers(&mut self) -> Vec<Field> {
        let trailers = self.source.as_mut().map(|source| source.trailers());
        trailers.unwrap_or_default()
    }
}
