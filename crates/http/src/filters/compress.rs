//! Compression: one filter for all codings, which chooses the one that the client likes best among
//! those that the location has on, and one seam ([`Coder`]) that the encoders stand behind.

use std::io;
use std::rc::Rc;

use bytes::Bytes;
use proto::h1::FieldName;

use crate::filters::BodyFilter;
use crate::filters::portions::{Transform, Transforming};
use crate::media_types::MediaTypes;
use crate::modules::{Settings, gzip};
use crate::request::Request;
use crate::response::{Chunk, Field, Head, Response};

mod brotli;
mod deflate;
mod zstd;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// `br`
    Brotli,
    /// `zstd`
    Zstd,
    /// `gzip`
    Gzip,
}

/// All codings; of two that a client likes as much, the first one is taken.
pub const CODINGS: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

/// Bytes that a coding took and made for one response.
#[derive(Debug, Clone, Copy)]
pub struct Coded {
    /// Which one.
    pub coding: Coding,
    /// Bytes before.
    pub given: u64,
    /// Bytes after.
    pub made: u64,
}

/// An encoder. What it has ready is appended to `out`.
pub trait Coder {
    /// Takes all of the input.
    fn code(&mut self, input: &[u8], out: &mut Vec<u8>) -> io::Result<()>;

    /// Makes everything taken so far readable for the client.
    fn flush(&mut self, out: &mut Vec<u8>) -> io::Result<()>;

    /// Ends the stream.
    fn end(&mut self, out: &mut Vec<u8>) -> io::Result<()>;
}

impl Coding {
    /// Its name in `Accept-Encoding` and `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Zstd => "zstd",
            Coding::Gzip => "gzip",
        }
    }

    /// How much the client of a request wants it, in thousandths; 0 is not at all.
    pub fn weight(self, request: &Request) -> u16 {
        let accept = request.header(FieldName::AcceptEncoding);
        accept.map_or(0, |accept| weight(accept, self.name().as_bytes()))
    }

    /// Whether a location has it on for responses like this one.
    fn suits(self, conf: &Settings, head: &Head) -> bool {
        let (enabled, min_length, types): (bool, u64, &MediaTypes) = match self {
            Coding::Brotli => {
                let brotli = &conf.brotli;
                (brotli.enabled, brotli.min_length, &brotli.types)
            }
            Coding::Zstd => (conf.zstd.enabled, conf.zstd.min_length, &conf.zstd.types),
            Coding::Gzip => (conf.gzip.enabled, conf.gzip.min_length, &conf.gzip.types),
        };
        enabled
            && head
                .content_length
                .is_none_or(|length| length >= min_length)
            && types.have(head.content_type.as_deref())
    }

    fn coder(self, conf: &Settings, head: &Head) -> Box<dyn Coder> {
        match self {
            Coding::Brotli => {
                let bits = fitting(conf.brotli.window_bits, 10, 16, head.content_length);
                Box::new(brotli::Brotli::new(conf.brotli.level, bits))
            }
            Coding::Zstd => Box::new(zstd::Zstd::new(conf.zstd.level, head.content_length)),
            Coding::Gzip => {
                let bits = fitting(conf.gzip.window_bits.into(), 9, 262, head.content_length);
                Box::new(deflate::Gzip::new(conf.gzip.level as u32, bits as u8))
            }
        }
    }
}

/// The header filter.
pub fn filter(
    request: &Rc<Request>,
    response: &mut Response,
    body_filters: &mut Vec<Box<dyn BodyFilter>>,
) {
    let conf = request.conf();
    if (conf.gzip.enabled || conf.brotli.enabled || conf.zstd.enabled)
        && let Some(coding) = choose(request, &response.head)
    {
        let coder = coding.coder(conf, &response.head);
        become_coded(&mut response.head, coding);
        body_filters.push(Box::new(Transforming::new(Compressing {
            request: request.clone(),
            coder,
            coded: Coded {
                coding,
                given: 0,
                made: 0,
            },
        })));
    }
    if request.varies_by_encoding.get() && conf.gzip.vary {
        // As nginx, before all fields that are not its own.
        let field = Field {
            name: "Vary".into(),
            value: "Accept-Encoding".into(),
        };
        response.head.fields.insert(0, field);
    }
}

/// The coding that a response gets, if any.
// DIFFERS: ngx_brotli and the zstd module take theirs whenever it is accepted at all; here the
// client's weights decide, and only between equals the order of the list.
fn choose(request: &Request, head: &Head) -> Option<Coding> {
    if !is_codable(head) {
        return None;
    }
    let conf = request.conf();
    let mut best: Option<(u16, Coding)> = None;
    for coding in CODINGS {
        if !coding.suits(conf, head) {
            continue;
        }
        request.varies_by_encoding.set(true);
        let weight = coding.weight(request);
        let may = weight > best.map_or(0, |(best, _)| best)
            && (coding != Coding::Gzip || gzip::may_compress(request, head));
        if may {
            best = Some((weight, coding));
        }
    }
    best.map(|(_, coding)| coding)
}

/// Whether a response is of a kind that is compressed, and not compressed yet.
fn is_codable(head: &Head) -> bool {
    matches!(head.status, 200 | 403 | 404)
        && head
            .get(FieldName::ContentEncoding)
            .is_none_or(Bytes::is_empty)
}

fn become_coded(head: &mut Head, coding: Coding) {
    head.push("Content-Encoding", coding.name());
    head.forget_length();
    head.weaken_etag();
}

/// A window for a body of that length, as a power of two: a short body needs no large one, which
/// saves memory and not a byte of the result. A window has room for all but `overhead` bytes.
fn fitting(configured: u32, least: u32, overhead: u64, length: Option<u64>) -> u32 {
    let Some(length) = length else {
        return configured;
    };
    let mut bits = configured;
    while bits > least && length < (1 << (bits - 1)) - overhead {
        bits -= 1;
    }
    bits
}

/// The weight of a coding in `Accept-Encoding`, in thousandths; 0 if it is not named.
fn weight(accept: &[u8], name: &[u8]) -> u16 {
    let mut members = accept.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    let parameter = members.find_map(|member| {
        let mut parts = member.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let is_it = parts.next()?.eq_ignore_ascii_case(name);
        is_it.then(|| parts.next())
    });
    match parameter {
        None => 0,
        Some(None | Some([])) => 1000,
        Some(Some([b'q' | b'Q', b'=', weight @ ..])) => thousandths(weight).unwrap_or(0),
        Some(Some(_)) => 0,
    }
}

/// A weight (RFC 9110 §12.4.2).
fn thousandths(weight: &[u8]) -> Option<u16> {
    let (whole, fraction) = match weight {
        [whole] | [whole, b'.'] => (*whole, &[][..]),
        [whole, b'.', fraction @ ..] => (*whole, fraction),
        _ => return None,
    };
    if fraction.len() > 3 || !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |index: usize| {
        fraction
            .get(index)
            .map_or(0, |digit| u16::from(digit - b'0'))
    };
    let fraction = digit(0) * 100 + digit(1) * 10 + digit(2);
    match whole {
        b'0' => Some(fraction),
        b'1' if fraction == 0 => Some(1000),
        _ => None,
    }
}

/// Compresses what passes.
struct Compressing {
    request: Rc<Request>,
    coder: Box<dyn Coder>,
    coded: Coded,
}

impl Compressing {
    fn give(&mut self, made: Vec<u8>, out: &mut Vec<Chunk>) {
        self.coded.made += made.len() as u64;
        self.request.coded.set(Some(self.coded));
        if !made.is_empty() {
            out.push(Chunk::Memory(made.into()));
        }
    }
}

impl Transform for Compressing {
    fn feed(&mut self, input: &Bytes, out: &mut Vec<Chunk>) -> io::Result<usize> {
        let mut made = Vec::new();
        self.coder.code(input, &mut made)?;
        self.coded.given += input.len() as u64;
        self.give(made, out);
        Ok(input.len())
    }

    fn flush(&mut self, out: &mut Vec<Chunk>) -> io::Result<()> {
        let mut made = Vec::new();
        self.coder.flush(&mut made)?;
        self.give(made, out);
        Ok(())
    }

    fn end(&mut self, out: &mut Vec<Chunk>) -> io::Result<()> {
        let mut made = Vec::new();
        self.coder.end(&mut made)?;
        self.give(made, out);
        Ok(())
    }
}

/// `$gzip_ratio` and its like: how many times smaller, two digits behind the point.
pub fn ratio(request: &Request, coding: Coding, out: &mut Vec<u8>) -> bool {
    let coded = request.coded.get().filter(|coded| coded.coding == coding);
    let text = coded.and_then(|coded| format_ratio(coded.given, coded.made));
    out.extend(text.iter().flat_map(|text| text.bytes()));
    text.is_some()
}

/// Rounded; none before anything was compressed.
fn format_ratio(given: u64, made: u64) -> Option<String> {
    let thousandths = given.checked_mul(1000)?.checked_div(made)?;
    let hundredths = thousandths / 10 + u64::from(thousandths % 10 > 4);
    Some(format!("{}.{:02}", hundredths / 100, hundredths % 100))
}

#[cfg(test)]
mod tests;
