//! A sub-request whose body is wanted, as a source of chunks.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use net::log::Level;

use super::{broken, finish, is_broken, refuse_upgrade, settle_head};
use crate::filters;
use crate::handle::Outcome;
use crate::phases;
use crate::request::Request;
use crate::response::{Body, Chunk, Response, Source};

type Handler = Pin<Box<dyn Future<Output = Outcome>>>;

/// What becomes of the bytes of a sub-request that is not sent.
pub struct Collect {
    bytes: Vec<u8>,
    /// Gets them when the response is complete and no error.
    done: Box<dyn FnOnce(Bytes)>,
}

impl Collect {
    /// Gives them to `done`.
    pub fn new(done: impl FnOnce(Bytes) + 'static) -> Self {
        Self {
            bytes: Vec::new(),
            done: Box::new(done),
        }
    }
}

/// A sub-request that runs, and whose body is asked for chunk by chunk.
pub struct Subrequest {
    request: Rc<Request>,
    state: State,
    collect: Option<Collect>,
}

enum State {
    Asking(Handler),
    Sending(Body),
    Done,
}

impl Subrequest {
    /// One that begins with the first poll.
    pub fn new(request: Rc<Request>) -> Self {
        let handler = {
            let request = request.clone();
            Box::pin(async move { phases::respond(&request).await })
        };
        Self {
            request,
            state: State::Asking(handler),
            collect: None,
        }
    }

    /// One whose body is kept for somebody.
    pub fn in_memory(request: Rc<Request>, collect: Collect) -> Self {
        Self {
            collect: Some(collect),
            ..Self::new(request)
        }
    }

    /// Its next chunk; `None` is its end.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Chunk>>> {
        if self.collect.is_some() {
            ready!(self.poll_collect(cx))?;
            return Poll::Ready(Ok(None));
        }
        self.poll_chunk(cx)
    }

    /// Lets it go on while nobody takes its bytes: up to its head, and as far as its body buffers.
    pub fn poll_ahead(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.collect.is_some() {
            return match self.poll_collect(cx) {
                Poll::Ready(Err(error)) => Err(error),
                _ => Ok(()),
            };
        }
        if let Poll::Ready(result) = self.poll_head(cx) {
            result?;
        }
        if let State::Sending(Body::Source(source)) = &mut self.state {
            source.poll_ahead(cx);
        }
        Ok(())
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let State::Asking(handler) = &mut self.state else {
            return Poll::Ready(Ok(()));
        };
        match ready!(handler.as_mut().poll(cx)) {
            Outcome::Response(response) => self.begin(response)?,
            Outcome::Close(_) => {
                self.state = State::Done;
                return Poll::Ready(Err(broken()));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The head is there: filters, and what is checked before the first byte.
    fn begin(&mut self, mut response: Response) -> io::Result<()> {
        settle_head(&self.request, &mut response);
        if let Body::Upgrade(_) = response.body {
            refuse_upgrade(&self.request);
            self.state = State::Done;
            return Err(broken());
        }
        if let Some((text, _)) = self.request.take_stub() {
            let text: VecDeque<Chunk> = text.into_iter().map(Chunk::Memory).collect();
            response.body = match response.body {
                body if body.len() == Some(0) => Body::Chunks(text),
                Body::Source(source) => Body::Source(Box::new(OrElse { source, text })),
                body => body,
            };
        }
        filters::apply_nested(&self.request, &mut response);
        self.request.sent.replace(Some(response.head));
        if self.collect.is_some() {
            self.check_length()?;
        }
        self.state = State::Sending(response.body);
        Ok(())
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Chunk>>> {
        ready!(self.poll_head(cx))?;
        let State::Sending(body) = &mut self.state else {
            return Poll::Ready(Ok(None));
        };
        let next = match body {
            Body::Empty | Body::Upgrade(_) => None,
            Body::Chunks(chunks) => chunks.pop_front(),
            Body::Source(source) => match ready!(source.poll_next(cx)) {
                Ok(chunk) => chunk,
                // As nginx: what came of it is in the page, and the page goes on.
                Err(error) if !is_broken(&error) => None,
                Err(error) => return Poll::Ready(Err(error)),
            },
        };
        if next.is_none() {
            self.state = State::Done;
            finish(&self.request);
        }
        Poll::Ready(Ok(next))
    }

    fn poll_collect(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(chunk) = ready!(self.poll_chunk(cx))? {
            let limit = self.request.conf().core.subrequest_output_buffer_size;
            let Some(collect) = &mut self.collect else {
                return Poll::Ready(Ok(()));
            };
            if collect.bytes.len() as u64 + chunk.len() > limit {
                self.state = State::Done;
                return Poll::Ready(Err(self.too_big(None)));
            }
            match chunk {
                Chunk::Memory(bytes) => collect.bytes.extend_from_slice(&bytes),
                Chunk::File(slice) => collect.bytes.extend_from_slice(&slice.read()?),
                Chunk::Flush => {}
            }
        }
        if let Some(collect) = self.collect.take()
            && self.request.status.get() < 300
        {
            (collect.done)(collect.bytes.into());
        }
        Poll::Ready(Ok(()))
    }

    fn check_length(&self) -> io::Result<()> {
        let limit = self.request.conf().core.subrequest_output_buffer_size;
        let length = self.request.sent().content_length;
        match length {
            Some(length) if length > limit => Err(self.too_big(Some(length))),
            _ => Ok(()),
        }
    }

    fn too_big(&self, length: Option<u64>) -> io::Error {
        match length {
            Some(length) => self.request.log(
                Level::Error,
                format_args!("too big subrequest response: {length}"),
            ),
            None => self
                .request
                .log(Level::Error, format_args!("too big subrequest response")),
        }
        broken()
    }
}

/// A body, or another one if it has no bytes.
struct OrElse {
    source: Box<dyn Source>,
    text: VecDeque<Chunk>,
}

impl Source for OrElse {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Chunk>>> {
        let next = ready!(self.source.poll_next(cx))?;
        if next.as_ref().is_some_and(|chunk| !chunk.is_empty()) {
            self.text.clear();
        }
        Poll::Ready(Ok(next.or_else(|| self.text.pop_front())))
    }

    fn poll_ahead(&mut self, cx: &mut Context<'_>) {
        self.source.poll_ahead(cx);
    }
}
