//! What a response passes on its way out: an explicit list of header filters, each of which may add
//! a body filter. The order is nginx's: conditions, added headers, what changes the text,
//! compression, ranges.

use std::io;
use std::rc::Rc;

use crate::modules::{charset, gunzip, headers, sub, userid};
use crate::request::Request;
use crate::response::{Chunk, Response};

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

/// All header filters in the order in which a response passes them.
const HEADER_FILTERS: &[HeaderFilter] = &[
    not_modified::filter,
    headers::filter,
    userid::filter,
    gunzip::filter,
    sub::filter,
    charset::filter,
    compress::filter,
    range::filter,
];

/// Passes a response through all of them. If one refuses it, `Err` is the status to answer with
/// instead.
pub fn apply(
    request: &Rc<Request>,
    response: &mut Response,
) -> Result<Vec<Box<dyn BodyFilter>>, u16> {
    let mut body_filters = Vec::new();
    for filter in HEADER_FILTERS {
        filter(request, response, &mut body_filters);
        if let Some(status) = request.refused_by_filter.take() {
            return Err(status);
        }
    }
    if body_filters.iter().any(|filter| filter.reads()) {
        response.body = portions::Portions::of(std::mem::take(&mut response.body));
    }
    Ok(body_filters)
}
