//! `ngx_http_gunzip_module`: responses that are compressed already are unpacked for clients that
//! cannot read that.

use std::io;
use std::rc::Rc;

use bytes::Bytes;
use conf::{Arity, Directive};
use flate2::{Decompress, FlushDecompress, Status};
use net::log::Level;
use proto::h1::FieldName;

use crate::filters::BodyFilter;
use crate::filters::portions::{Transform, Transforming};
use crate::module::{ANY, Module, doc, inert, store};
use crate::modules::gzip;
use crate::request::Request;
use crate::response::{Chunk, Response};
use crate::settings::settings;

settings! {
    /// Whether responses are unpacked.
    enabled: bool = false, inherit;
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_gunzip_module",
    directives: &[
        Directive::new(
            "gunzip",
            ANY,
            Arity::Flag,
            store!(flag gunzip.enabled),
            doc(
                "gunzip on | off;",
                "gunzip off;",
                "Whether responses with Content-Encoding: gzip are unpacked for clients that cannot read them.",
            ),
        ),
        inert(
            "gunzip_buffers",
            ANY,
            Arity::Exactly(2),
            "gunzip_buffers number size;",
            "what is unpacked is sent before more is",
        ),
    ],
    variables: &[],
};

/// So much is unpacked before the client takes some of it: a small file may unpack to gigabytes.
const ENOUGH: usize = 64 * 1024;

/// What is unpacked in one go, in bytes.
const PIECE: usize = 16 * 1024;

/// The window of the format, as a power of two; the largest.
const WINDOW_BITS: u8 = 15;

/// The header filter.
pub fn filter(
    request: &Rc<Request>,
    response: &mut Response,
    body_filters: &mut Vec<Box<dyn BodyFilter>>,
) {
    if !request.conf().gunzip.enabled {
        return;
    }
    let head = &mut response.head;
    let encoding = head.get(FieldName::ContentEncoding);
    if !encoding.is_some_and(|encoding| encoding.eq_ignore_ascii_case(b"gzip")) {
        return;
    }
    request.varies_by_encoding.set(true);
    if gzip::may_compress(request, head) {
        return;
    }
    head.remove(FieldName::ContentEncoding);
    head.forget_length();
    head.weaken_etag();
    body_filters.push(Box::new(Transforming::new(Gunzip {
        request: Some(request.clone()),
        state: State::Begin,
    })));
}

/// Unpacks what passes: one gzip member after another.
struct Gunzip {
    /// Whose error log is told; none in tests.
    request: Option<Rc<Request>>,
    state: State,
}

enum State {
    /// Nothing came so far.
    Begin,
    /// Within a member.
    Member(Box<Decompress>),
    /// Behind a member.
    Between,
}

impl Gunzip {
    fn member(&mut self) -> &mut Decompress {
        if !matches!(self.state, State::Member(_)) {
            self.state = State::Member(Box::new(Decompress::new_gzip(WINDOW_BITS)));
        }
        match &mut self.state {
            State::Member(member) => member,
            State::Begin | State::Between => unreachable!("a member was begun"),
        }
    }

    /// One step: how much was taken, and what came of it.
    fn step(&mut self, input: &[u8], piece: &mut Vec<u8>) -> io::Result<usize> {
        let member = self.member();
        let begin = member.total_in();
        let status = member.decompress_vec(input, piece, FlushDecompress::None);
        let taken = (member.total_in() - begin) as usize;
        match status {
            Ok(Status::StreamEnd) => self.state = State::Between,
            Ok(Status::Ok | Status::BufError) if taken > 0 || !piece.is_empty() => {}
            Ok(Status::Ok | Status::BufError) if input.is_empty() => {}
            Ok(_) => return Err(self.failed("inflate() stands still")),
            Err(error) => return Err(self.failed(&format!("inflate() failed: {error}"))),
        }
        Ok(taken)
    }

    fn failed(&self, message: &str) -> io::Error {
        if let Some(request) = &self.request {
            request.log(Level::Error, format_args!("{message}"));
        }
        io::ErrorKind::InvalidData.into()
    }
}

impl Transform for Gunzip {
    fn feed(&mut self, input: &Bytes, out: &mut Vec<Chunk>) -> io::Result<usize> {
        let (mut taken, mut made) = (0, 0);
        loop {
            let mut piece = Vec::with_capacity(PIECE);
            taken += self.step(&input[taken..], &mut piece)?;
            let full = piece.len() == piece.capacity();
            made += piece.len();
            if !piece.is_empty() {
                // A client that reads slowly would have many of them wait, each with its room.
                piece.shrink_to_fit();
                out.push(Chunk::Memory(piece.into()));
            }
            match taken < input.len() {
                true if made >= ENOUGH => return Ok(taken),
                true => {}
                // What the decoder holds back without input is at most its window.
                false if full && matches!(self.state, State::Member(_)) => {}
                false => return Ok(taken),
            }
        }
    }

    fn end(&mut self, _out: &mut Vec<Chunk>) -> io::Result<()> {
        match self.state {
            State::Member(_) => Err(self.failed("a compressed response ends too early")),
            State::Begin | State::Between => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text).expect("compresses");
        gzip.finish().expect("compresses")
    }

    fn filter() -> Transforming<Gunzip> {
        Transforming::new(Gunzip {
            request: None,
            state: State::Begin,
        })
    }

    fn text(chunks: &[Chunk]) -> Vec<u8> {
        let bytes = chunks.iter().map(|chunk| match chunk {
            Chunk::Memory(bytes) => bytes.clone(),
            _ => Bytes::new(),
        });
        bytes.collect::<Vec<_>>().concat()
    }

    #[test]
    fn members_unpack_one_after_another_whatever_the_pieces() {
        let packed = [gzip(b"one "), gzip(b"two")].concat();
        for size in [1, 7, packed.len()] {
            let mut filter = filter();
            let mut unpacked = Vec::new();
            for piece in packed.chunks(size) {
                let piece = Chunk::Memory(Bytes::copy_from_slice(piece));
                unpacked.extend(text(&filter.push(piece).expect("unpacks")));
            }
            filter.finish().expect("ends");
            assert_eq!(unpacked, b"one two", "{size}");
        }
    }

    #[test]
    fn what_unpacks_to_much_comes_bit_by_bit() {
        let packed = gzip(&vec![b'x'; 10_000_000]);
        let mut filter = filter();
        let first = filter.push(Chunk::Memory(packed.into())).expect("unpacks");
        let mut total = text(&first).len();
        assert!(total < ENOUGH + PIECE, "{total}");
        while let Some(chunks) = filter.more().expect("unpacks") {
            let len = text(&chunks).len();
            assert!(len <= ENOUGH + 3 * PIECE, "{len}");
            total += len;
        }
        assert_eq!(total, 10_000_000);
    }

    #[test]
    fn nonsense_and_a_cut_end_are_errors() {
        let mut packed = gzip(b"text");
        packed.truncate(packed.len() - 1);
        let mut cut = filter();
        cut.push(Chunk::Memory(packed.into())).expect("unpacks");
        assert!(cut.finish().is_err());
        let nonsense = Chunk::Memory("no gzip at all".into());
        assert!(filter().push(nonsense).is_err());
        assert!(filter().finish().is_ok());
    }
}
