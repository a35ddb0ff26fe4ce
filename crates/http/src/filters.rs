//! What a response passes on its way out: three explicit lists of header filters, each of which may
//! add a body filter. The order is nginx's: not_modified, headers, userid, gunzip, addition, sub,
//! charset, ssi; then, once over the whole, compression and ranges.
//!
//! The second list is the point where the bodies of sub-requests are put in. Filters of the
//! first list see one request's own bytes and ask [`Request::is_main`] where nginx treats a
//! sub-request differently; filters of the third never learn which request a chunk came from.

use std::io;
use std::rc::Rc;

use crate::modules::{addition, gzip, headers, ssi};
use crate::request::Request;
use crate::response::{Body, Chunk, Response};
use crate::subrequest::{Inserter, Nest, Piece, Pieces};

pub mod not_modified;
pub mod range;

/// A transform of a body: chunks in, chunks out, nothing awaited.
pub trait BodyFilter {
    /// Takes a chunk and gives what can go on.
    fn push(&mut self, chunk: Chunk) -> io::Result<Vec<Chunk>>;

    /// Gives what was kept, at the end of the body.
    fn finish(&mut self) -> io::Result<Vec<Chunk>> {
        Ok(Vec::new())
    }
}

/// A header filter.
type HeaderFilter = fn(&Rc<Request>, &mut Response, &mut Vec<Box<dyn BodyFilter>>);

/// What a response passes before other bodies are put into its own: the main one and that of every
/// sub-request, each over its own body.
const BEFORE_INSERTION: &[HeaderFilter] = &[not_modified::filter, headers::filter];

/// What puts other bodies into a body, behind the filters of its own bytes.
const INSERTION: &[HeaderFilter] = &[ssi::filter, addition::filter];

/// What the whole passes once, whatever it was put together from.
const AFTER_INSERTION: &[HeaderFilter] = &[gzip::filter, range::filter];

/// Passes the response to a client's request through all of them.
pub fn apply(request: &Rc<Request>, response: &mut Response) -> Vec<Box<dyn BodyFilter>> {
    let mut body_filters = Vec::new();
    for filter in [BEFORE_INSERTION, INSERTION, AFTER_INSERTION]
        .into_iter()
        .flatten()
    {
        filter(request, response, &mut body_filters);
    }
    body_filters
}

/// Passes the response to a sub-request through the first list, and makes its body one that gives
/// the filtered bytes.
pub fn apply_nested(request: &Rc<Request>, response: &mut Response) {
    let mut body_filters = Vec::new();
    for filter in [BEFORE_INSERTION, INSERTION].into_iter().flatten() {
        filter(request, response, &mut body_filters);
    }
    if !body_filters.is_empty() {
        insert(request, response, &mut body_filters, Box::new(Nothing));
    }
}

/// Makes a body one that others are put into, behind the filters that it passed so far.
pub fn insert(
    request: &Rc<Request>,
    response: &mut Response,
    body_filters: &mut Vec<Box<dyn BodyFilter>>,
    inserter: Box<dyn Inserter>,
) {
    let body = std::mem::take(&mut response.body);
    let filters = std::mem::take(body_filters);
    response.body = Body::Source(Box::new(Nest::new(request, body, filters, inserter)));
}

/// Puts nothing in.
struct Nothing;

impl Inserter for Nothing {
    fn push(&mut self, chunk: Chunk, out: &mut Pieces) -> io::Result<()> {
        out.push_back(Piece::Chunk(chunk));
        Ok(())
    }
}
