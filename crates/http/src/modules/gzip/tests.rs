//! Which responses are compressed, what their heads become, and that the stream is what it says.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::task::{Context, Poll, ready};

use flate2::FlushCompress;
use flate2::read::{GzDecoder, MultiGzDecoder};

use super::deflate::{Deflater, Portions};
use super::*;
use crate::response::{Body, Chunk, FileSlice, Source};

fn html(length: u64) -> Head {
    Head {
        content_type: Some("text/html; charset=utf-8".into()),
        content_length: Some(length),
        ..Head::new(200)
    }
}

#[test]
fn status_length_and_encoding_decide() {
    let conf = Conf::default();
    assert!(conf.suits(&html(20)));
    assert!(!conf.suits(&html(19)));
    assert!(conf.suits(&Head {
        content_length: None,
        ..html(0)
    }));
    assert!(conf.suits(&Head {
        status: 404,
        ..html(20)
    }));
    assert!(!conf.suits(&Head {
        status: 206,
        ..html(20)
    }));
    let mut encoded = html(20);
    encoded.push("content-encoding", "br");
    assert!(!conf.suits(&encoded));
}

#[test]
fn types_are_compared_without_case_and_parameters() {
    let json = Types::AlsoThese([b"application/json"[..].into()].into());
    assert!(json.have(Some(b"Application/JSON ; x")));
    assert!(json.have(Some(b"text/html")));
    assert!(!json.have(Some(b"text/css")));
    assert!(!json.have(None));
    assert!(Types::Html.have(Some(b"TEXT/HTML;charset=x")));
    assert!(!Types::Html.have(Some(b"text/htmlx")));
    assert!(Types::All.have(None));
}

#[test]
fn a_strong_tag_becomes_weak_and_nonsense_goes() {
    let weakened = |value: &'static str| {
        let mut head = Head::new(200);
        head.push("ETag", value);
        weaken_etag(&mut head);
        head.get(FieldName::ETag).cloned()
    };
    assert_eq!(weakened("\"a\"").as_deref(), Some(&b"W/\"a\""[..]));
    assert_eq!(weakened("W/\"a\"").as_deref(), Some(&b"W/\"a\""[..]));
    assert_eq!(weakened("a"), None);
    assert_eq!(weakened(""), None);
}

#[test]
fn the_ratio_is_rounded_to_two_digits() {
    assert_eq!(format_ratio(2125, 1000).as_deref(), Some("2.13"));
    assert_eq!(format_ratio(2124, 1000).as_deref(), Some("2.12"));
    assert_eq!(format_ratio(1996, 1000).as_deref(), Some("2.00"));
    assert_eq!(format_ratio(1, 20).as_deref(), Some("0.05"));
    assert_eq!(format_ratio(0, 0), None);
}

/// Bytes that compress, but not to nothing.
fn text(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"abcdefgh"[(state >> 29) as usize]
    };
    (0..len).map(next).collect()
}

#[test]
fn a_stream_unpacks_to_what_went_in() {
    let text = text(300_000);
    let mut deflater = Deflater {
        level: 6,
        stream: None,
    };
    let mut out = Vec::new();
    for part in text.chunks(70_001) {
        deflater
            .deflate(part, FlushCompress::None, &mut out)
            .expect("compresses");
    }
    deflater
        .deflate(&[], FlushCompress::Finish, &mut out)
        .expect("compresses");
    assert_eq!(deflater.totals(), (300_000, out.len() as u64));
    assert!(out.len() < 150_000);
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(&out[..])
        .read_to_end(&mut unpacked)
        .expect("one whole stream");
    assert!(unpacked == text);
}

#[test]
fn what_was_flushed_can_be_read_before_the_end() {
    let mut deflater = Deflater {
        level: 1,
        stream: None,
    };
    let mut out = Vec::new();
    deflater
        .deflate(b"DA", FlushCompress::None, &mut out)
        .expect("compresses");
    deflater
        .deflate(&[], FlushCompress::Sync, &mut out)
        .expect("flushes");
    let mut seen = [0; 2];
    GzDecoder::new(&out[..])
        .read_exact(&mut seen)
        .expect("both bytes");
    assert_eq!(&seen, b"DA");
    // A second flush has nothing to do, and must not spin.
    deflater
        .deflate(&[], FlushCompress::Sync, &mut out)
        .expect("flushes");
    deflater
        .deflate(b"TA", FlushCompress::None, &mut out)
        .expect("compresses");
    deflater
        .deflate(&[], FlushCompress::Finish, &mut out)
        .expect("ends");
    let mut unpacked = String::new();
    GzDecoder::new(&out[..])
        .read_to_string(&mut unpacked)
        .expect("a whole stream");
    assert_eq!(unpacked, "DATA");
}

/// Gives everything, and says how many bytes that was and how often others had their turn.
fn drain(body: Body) -> (u64, u32) {
    let Body::Source(mut portions) = Portions::of(body) else {
        panic!("a source")
    };
    let (mut total, mut turns) = (0, 0);
    let drained = std::future::poll_fn(|cx| {
        turns += 1;
        loop {
            match ready!(portions.poll_next(cx)) {
                Ok(Some(chunk)) => {
                    assert!(chunk.len() <= 32 * 1024);
                    total += chunk.len();
                }
                Ok(None) => return Poll::Ready(()),
                Err(error) => panic!("{error}"),
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(drained);
    (total, turns)
}

/// More than a million bytes in memory and in a file.
fn million() -> VecDeque<Chunk> {
    let mut file = tempfile();
    file.write_all(&[b'x'; 1_200_000]).expect("writes");
    let file = FileSlice {
        file: Rc::new(file.into()),
        start: 1,
        end: 1_200_000,
    };
    [Chunk::Memory("y".into()), Chunk::File(file)].into()
}

struct Upstream(VecDeque<Chunk>);

impl Source for Upstream {
    fn poll_next(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<Option<Chunk>>> {
        Poll::Ready(Ok(self.0.pop_front()))
    }
}

#[test]
fn a_long_file_comes_in_portions_with_pauses() {
    assert_eq!(drain(Body::Chunks(million())), (1_200_000, 3));
    let upstream = Body::Source(Box::new(Upstream(million())));
    assert_eq!(drain(upstream), (1_200_000, 3));
}

/// An open file without a name.
fn tempfile() -> std::fs::File {
    let flags = rustix::fs::OFlags::TMPFILE | rustix::fs::OFlags::RDWR;
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::open(std::env::temp_dir(), flags, mode)
        .expect("a temporary file")
        .into()
}
