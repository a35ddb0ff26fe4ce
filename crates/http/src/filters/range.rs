//! `ngx_http_range_filter_module`: parts of a body (RFC 9110 §14), cut out without reading them.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use net::clock;
use proto::h1::{FieldName, Version, parse_http_date};

use crate::filters::BodyFilter;
use crate::request::Request;
use crate::response::{Body, Chunk, FileSlice, Head, Response};

/// `max_ranges` when nothing was said: as many as make sense for the length of the body.
const RANGES_UNLIMITED: u64 = u64::MAX;

/// What a part of a multipart body costs beside its bytes, at most about.
const PART_OVERHEAD: u64 = 256;

/// By how much a multipart body may be longer than the whole, if the number of parts is not
/// limited.
const EXCESS_MAX: u64 = 4096;

/// The header filter.
pub fn filter(
    request: &Rc<Request>,
    response: &mut Response,
    body_filters: &mut Vec<Box<dyn BodyFilter>>,
) {
    let head = &mut response.head;
    let max = request.conf().core.max_ranges;
    let Some(length) = head.content_length else {
        return;
    };
    if head.status != 200 || !head.allow_ranges || max == 0 || request.version() < Version::HTTP_10
    {
        return;
    }
    // A body that comes bit by bit is cut where the first range begins and ends, and only there.
    let max = if matches!(response.body, Body::Source(_)) {
        1
    } else {
        max
    };
    let asked = match wanted(request, head) {
        Some(text) => parse(text, length, max),
        None => Asked::Whole,
    };
    match asked {
        Asked::Whole => {
            head.remove(FieldName::AcceptRanges);
            head.push("Accept-Ranges", "bytes");
        }
        Asked::Parts(ranges) => match ranges.as_slice() {
            [range] => single(response, length, range.clone(), body_filters),
            ranges => multipart(response, length, ranges),
        },
        Asked::Impossible => refuse(request, response, length),
    }
}

/// The ranges asked for, if `If-Range` does not speak against them.
fn wanted<'a>(request: &'a Request, head: &Head) -> Option<&'a [u8]> {
    let range = request.header(FieldName::Range)?;
    let (unit, ranges) = range.split_at_checked(6)?;
    if !unit.eq_ignore_ascii_case(b"bytes=") || ranges.is_empty() {
        return None;
    }
    let etag = head.get(FieldName::ETag).map(|etag| &etag[..]);
    match request.header(FieldName::IfRange) {
        Some(condition) if !is_unchanged(condition, etag, head.last_modified) => None,
        _ => Some(ranges),
    }
}

/// `If-Range`: a tag that is the same byte for byte, or a date that is the same.
fn is_unchanged(condition: &[u8], etag: Option<&[u8]>, last_modified: Option<i64>) -> bool {
    match condition {
        [_, .., b'"'] => etag == Some(condition),
        date => last_modified.is_some_and(|modified| parse_http_date(date) == Some(modified)),
    }
}

/// What a `Range` field comes to.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// The whole body: there is nothing to cut, or it is not worth it.
    Whole,
    /// These parts, none empty, each within the body.
    Parts(Vec<Range<u64>>),
    /// Nothing that the body has (416).
    Impossible,
}

/// Reads what follows `bytes=`.
fn parse(text: &[u8], length: u64, max: u64) -> Asked {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    let mut total: u64 = 0;
    for part in text.split(|&byte| byte == b',') {
        let Some(range) = Spec::parse(part).map(|spec| spec.within(length)) else {
            return Asked::Impossible;
        };
        if range.is_empty() {
            if range.start == 0 {
                return Asked::Whole;
            }
            continue;
        }
        if ranges.len() as u64 == max {
            return Asked::Whole;
        }
        total = total.saturating_add(range.end - range.start);
        ranges.push(range);
    }
    match ranges.len() as u64 {
        0 => Asked::Impossible,
        1 => Asked::Parts(ranges),
        _ if total > length => Asked::Whole,
        count if max == RANGES_UNLIMITED && total + count * PART_OVERHEAD > length + EXCESS_MAX => {
            Asked::Whole
        }
        _ => Asked::Parts(ranges),
    }
}

/// One range as it is written.
enum Spec {
    /// `first-last`
    Between(u64, u64),
    /// `first-`
    From(u64),
    /// `-count`
    Last(u64),
}

impl Spec {
    fn parse(text: &[u8]) -> Option<Self> {
        let dash = text.iter().position(|&byte| byte == b'-')?;
        let (first, last) = (trim(&text[..dash]), trim(&text[dash + 1..]));
        match (first, last) {
            ([], last) => Some(Spec::Last(number(last)?)),
            (first, []) => Some(Spec::From(number(first)?)),
            (first, last) => Some(Spec::Between(number(first)?, number(last)?)),
        }
    }

    /// What it means for a body of that length; an empty range is none.
    fn within(self, length: u64) -> Range<u64> {
        match self {
            Spec::Between(first, last) => first..length.min(last.saturating_add(1)),
            Spec::From(first) => first..length,
            Spec::Last(count) => length.saturating_sub(count)..length,
        }
    }
}

fn trim(text: &[u8]) -> &[u8] {
    let start = text
        .iter()
        .position(|&byte| byte != b' ')
        .unwrap_or(text.len());
    let end = text
        .iter()
        .rposition(|&byte| byte != b' ')
        .map_or(start, |last| last + 1);
    &text[start..end]
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    let number = digits.iter().try_fold(0_u64, |number, &digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    });
    number.filter(|&number| number <= i64::MAX as u64)
}

fn single(
    response: &mut Response,
    length: u64,
    range: Range<u64>,
    body_filters: &mut Vec<Box<dyn BodyFilter>>,
) {
    let head = &mut response.head;
    make_partial(head);
    head.push(
        "Content-Range",
        format!("bytes {}-{}/{length}", range.start, range.end - 1),
    );
    head.content_length = Some(range.end - range.start);
    match &mut response.body {
        Body::Chunks(chunks) => *chunks = cut(chunks, &range).into(),
        Body::Source(_) => body_filters.push(Box::new(Cut { range, at: 0 })),
        Body::Empty | Body::Upgrade(_) => {}
    }
}

fn multipart(response: &mut Response, length: u64, ranges: &[Range<u64>]) {
    let boundary = boundary();
    let head = &mut response.head;
    make_partial(head);
    let content_type = head
        .content_type
        .replace(format!("multipart/byteranges; boundary={boundary}").into());
    let mut part_head = format!("\r\n--{boundary}\r\n").into_bytes();
    if let Some(content_type) = content_type.filter(|value| !value.is_empty()) {
        part_head.extend_from_slice(b"Content-Type: ");
        part_head.extend_from_slice(&content_type);
        part_head.extend_from_slice(b"\r\n");
    }
    let last = Chunk::Memory(format!("\r\n--{boundary}--\r\n").into());
    let mut parts: VecDeque<Chunk> = VecDeque::new();
    let mut total = last.len();
    for range in ranges {
        let mut text = part_head.clone();
        let (first, end) = (range.start, range.end - 1);
        text.extend(format!("Content-Range: bytes {first}-{end}/{length}\r\n\r\n").bytes());
        total += text.len() as u64 + range.end - range.start;
        parts.push_back(Chunk::Memory(text.into()));
        if let Body::Chunks(chunks) = &response.body {
            parts.extend(cut(chunks, range));
        }
    }
    parts.push_back(last);
    head.content_length = Some(total);
    if let Body::Chunks(chunks) = &mut response.body {
        *chunks = parts;
    }
}

fn make_partial(head: &mut Head) {
    head.status = 206;
    head.status_text = None;
    head.remove(FieldName::ContentRange);
    head.remove(FieldName::AcceptRanges);
}

/// 416, or its error page: it says how long the body is, and keeps the fields that were added so
/// far.
fn refuse(request: &Request, response: &mut Response, length: u64) {
    let mut head = std::mem::take(&mut response.head);
    head.forget_body();
    head.remove(FieldName::ContentRange);
    head.push("Content-Range", format!("bytes */{length}"));
    request.pending.replace(head.fields);
    request.refused_by_filter.set(Some(416));
}

/// Twenty digits, new for every response of this process.
fn boundary() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let count = NEXT.fetch_add(1, Ordering::Relaxed);
    let since_epoch = clock::wall().duration_since(UNIX_EPOCH).unwrap_or_default();
    let number = (since_epoch.as_nanos() as u64).wrapping_add(count.wrapping_mul(1_000_003));
    format!("{number:020}")
}

/// The chunks of a part of a body.
fn cut(chunks: &VecDeque<Chunk>, range: &Range<u64>) -> Vec<Chunk> {
    let mut cut = Cut {
        range: range.clone(),
        at: 0,
    };
    chunks
        .iter()
        .filter_map(|chunk| cut.take(chunk.clone()))
        .collect()
}

/// Lets a part of a body pass; as a body filter, when the body comes bit by bit.
struct Cut {
    range: Range<u64>,
    /// Bytes of the body seen so far.
    at: u64,
}

impl Cut {
    fn take(&mut self, chunk: Chunk) -> Option<Chunk> {
        let begin = self.at;
        self.at += chunk.len();
        if let Chunk::Flush = chunk {
            return (begin < self.range.end).then_some(chunk);
        }
        let start = self.range.start.max(begin);
        let end = self.range.end.min(self.at);
        (start < end).then(|| slice(chunk, start - begin..end - begin))
    }
}

impl BodyFilter for Cut {
    fn reads(&self) -> bool {
        false
    }

    fn push(&mut self, chunk: Chunk) -> io::Result<Vec<Chunk>> {
        Ok(self.take(chunk).into_iter().collect())
    }
}

/// A part of a chunk, within its length.
fn slice(chunk: Chunk, part: Range<u64>) -> Chunk {
    match chunk {
        Chunk::Memory(bytes) => Chunk::Memory(bytes.slice(part.start as usize..part.end as usize)),
        Chunk::File(file) => Chunk::File(FileSlice {
            start: file.start + part.start,
            end: file.start + part.end,
            file: file.file,
        }),
        Chunk::Flush => Chunk::Flush,
    }
}

#[cfg(test)]
mod tests;
