//! What a response passes on its way out: three explicit lists of header filters, each of which may
//! add a body filter. The order is nginx's: not_modified, headers, userid, gunzip, addition, sub,
//! charset, ssi; then, once over the whole, compression and ranges.
//!
//! The second list is the point where the bodies of sub-requests are put in. Filters of the
//! first list see one request's own bytes and ask [`Request::is_main`] where nginx treats a
//! sub-request differently; filters of the third never learn which request a chunk came from.

use std::io;
use std::rc::Rc;

use crate::modules::{addition, charset, gunzip, headers, ssi, sub, userid};
use crate::request::Request;
use crate::response::{Body, Chunk, Response};
use crate::subrequest::{Inserter, Nest, Piece, Pieces};

pub mod compress;
pub mod not_modified;
pub mod portions;
pub mod range;

/// A transform of a body: chunks in, chunks out, nothing awaited.
pub trait BodyFilter {
    /// Takes a chunk and gives what can go on.
    fn push(&mut self, chunk: Chunk) -> io::Result<Vec<Chunk>>;

    /// Gives more of what it has taken, if it kept some back because it was enough for once; `None`
    /// if it wants another chunk.
    fn more(&mut self) -> io::Result<Option<Vec<Chunk>>> {
        Ok(None)
    }

    /// Gives what was kept, at the end of the body.
    fn finish(&mut self) -> io::Result<Vec<Chunk>> {
        Ok(Vec::new())
    }

    /// Whether it looks at the bytes. A body of which nobody does that may stay in its file.
    fn reads(&self) -> bool {
        true
    }
}

/// A header filter.
type HeaderFilter = fn(&Rc<Request>, &mut Response, &mut Vec<Box<dyn BodyFilter>>);

/// What a response passes before other bodies are put into its own: the main one and that of every
/// sub-request, each over its own body.
const BEFORE_INSERTION: &[HeaderFilter] = &[
    not_modified::filter,
    headers::filter,
    userid::filter,
    gunzip::filter,
    sub::filter,
    charset::filter,
];

/// What puts other bodies into a body, behind the filters of its own bytes.
const INSERTION: &[HeaderFilter] = &[ssi::filter, addition::filter];

/// What the whole passes once, whatever it was put together from.
const AFTER_INSERTION: &[HeaderFilter] = &[compress::filter, range::filter];

/// Passes the response to a client's request through all of them. If one refuses it, `Err` is the
/// status to answer with instead.
pub fn apply(
    request: &Rc<Request>,
    response: &mut Response,
) -> Result<Vec<Box<dyn BodyFilter>>, u16> {
    let mut body_filters = Vec::new();
    for filter in [BEFORE_INSERTION, INSERTION, AFTER_INSERTION]
        .into_iter()
        .flatten()
    {
        filter(request, response, &mut body_filters);
        if let Some(status) = request.refused_by_filter.take() {
            return Err(status);
        }
    }
    response.body = in_portions(std::mem::take(&mut response.body), &body_filters);
    Ok(body_filters)
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
    let filters = std::mem::take(body_filters);
    let body = in_portions(std::mem::take(&mut response.body), &filters);
    response.body = Body::Source(Box::new(Nest::new(request, body, filters, inserter)));
}

/// A body as filters can take it: bit by bit if one of them looks at its bytes.
fn in_portions(body: Body, filters: &[Box<dyn BodyFilter>]) -> Body {
    match filters.iter().any(|filter| filter.reads()) {
        true => portions::Portions::of(body),
        false => body,
    }
}

/// Puts nothing in.
struct Nothing;

impl Inserter for Nothing {
    fn push(&mut self, chunk: Chunk, out: &mut Pieces) -> io::Result<()> {
        out.push_back(Piece::Chunk(chunk));
        Ok(())
    }
}
