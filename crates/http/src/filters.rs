//! What a response passes on its way out: an explicit list of header filters, each of which may add
//! a body filter. The order is nginx's: conditions, added headers, compression, ranges.

use std::io;
use std::rc::Rc;

use crate::modules::{gzip, headers};
use crate::request::Request;
use crate::response::{Chunk, Response};

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

/// All header filters in the order in which a response passes them.
const HEADER_FILTERS: &[HeaderFilter] = &[
    not_modified::filter,
    headers::filter,
    gzip::filter,
    range::filter,
];

/// Passes a response through all of them.
pub fn apply(request: &Rc<Request>, response: &mut Response) -> Vec<Box<dyn BodyFilter>> {
    let mut body_filters = Vec::new();
    for filter in HEADER_FILTERS {
        filter(request, response, &mut body_filters);
    }
    body_filters
}
