//! Which responses are compressed, what their heads become, and that the streams are what they say.

use std::io::Read as _;

use flate2::read::{GzDecoder, MultiGzDecoder};

use super::*;

#[test]
fn gzip_is_accepted_by_name_and_weight() {
    for accept in [
        "gzip",
        "GZIP",
        "gzip, deflate",
        "deflate,gzip",
        "deflate, gzip ;q=0.001",
        "gzip;q=1",
        "gzip; Q=1.000",
        "br, gzip;q=0.5, x",
        "gzip;q=1.",
        "gzip;",
        "gzip,gzip;q=0",
    ] {
        assert!(weight(accept.as_bytes(), b"gzip") > 0, "{accept}");
    }
    for accept in [
        "",
        "gz",
        "deflate",
        "*",
        "x-gzip",
        "gzipped",
        "gzip;q=0",
        "gzip;q=0.000",
        "gzip;q=2",
        "gzip;q=0.0001",
        "gzip;q=1.001",
        "gzip;q",
        "gzip;x=1",
        "gzip;q=",
        "gzip;q=0.x",
    ] {
        assert!(weight(accept.as_bytes(), b"gzip") == 0, "{accept}");
    }
}

#[test]
fn a_strong_tag_becomes_weak_and_nonsense_goes() {
    let weakened = |value: &'static str| {
        let mut head = Head::new(200);
        head.push("ETag", value);
        head.weaken_etag();
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

/// What comes of a text that is coded in parts, each flushed if that is wanted.
fn coded(coder: &mut dyn Coder, text: &[u8], flushes: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for part in text.chunks(70_001) {
        coder.code(part, &mut out).expect("codes");
        if flushes {
            coder.flush(&mut out).expect("flushes");
            // A second flush has nothing to do, and must not spin.
            coder.flush(&mut out).expect("flushes");
        }
    }
    coder.end(&mut out).expect("ends");
    out
}

fn unpack(coding: Coding, packed: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    match coding {
        Coding::Gzip => MultiGzDecoder::new(packed).read_to_end(&mut unpacked),
        Coding::Brotli => ::brotli::Decompressor::new(packed, 4096).read_to_end(&mut unpacked),
        Coding::Zstd => ::zstd::stream::read::Decoder::new(packed)
            .expect("a decoder")
            .read_to_end(&mut unpacked),
    }
    .expect("one whole stream");
    unpacked
}

#[test]
fn streams_unpack_to_what_went_in() {
    let text = text(300_000);
    for coding in CODINGS {
        for flushes in [false, true] {
            let mut coder = coding.coder(&Settings::default(), &Head::new(200));
            let packed = coded(&mut *coder, &text, flushes);
            assert!(packed.len() < 230_000, "{coding:?} {}", packed.len());
            assert!(unpack(coding, &packed) == text, "{coding:?}");
        }
        let mut coder = coding.coder(&Settings::default(), &Head::new(200));
        assert_eq!(unpack(coding, &coded(&mut *coder, b"", false)), b"");
        for length in [0, 1, 1000, 300_000] {
            let head = Head {
                content_length: Some(length),
                ..Head::new(200)
            };
            let mut coder = coding.coder(&Settings::default(), &head);
            let text = &text[..length as usize];
            assert!(
                unpack(coding, &coded(&mut *coder, text, false)) == text,
                "{coding:?}"
            );
        }
    }
}

#[test]
fn what_was_flushed_can_be_read_before_the_end() {
    for coding in CODINGS {
        let mut coder = coding.coder(&Settings::default(), &Head::new(200));
        let mut out = Vec::new();
        coder.code(b"DA", &mut out).expect("codes");
        coder.flush(&mut out).expect("flushes");
        let mut seen = [0; 2];
        let read = match coding {
            Coding::Gzip => GzDecoder::new(&out[..]).read_exact(&mut seen),
            Coding::Brotli => ::brotli::Decompressor::new(&out[..], 64).read_exact(&mut seen),
            Coding::Zstd => ::zstd::stream::read::Decoder::new(&out[..])
                .expect("a decoder")
                .read_exact(&mut seen),
        };
        read.expect("both bytes");
        assert_eq!(&seen, b"DA", "{coding:?}");
    }
}

#[test]
fn a_short_body_gets_a_small_window() {
    assert_eq!(fitting(15, 9, 262, None), 15);
    assert_eq!(fitting(15, 9, 262, Some(1 << 20)), 15);
    assert_eq!(fitting(15, 9, 262, Some(1000)), 11);
    assert_eq!(fitting(15, 9, 262, Some(0)), 9);
    assert_eq!(fitting(12, 9, 262, Some(1 << 20)), 12);
    assert_eq!(fitting(24, 10, 16, Some(2000)), 11);
}

#[test]
fn weights_are_compared_in_thousandths() {
    assert_eq!(weight(b"br;q=0.25, gzip", b"br"), 250);
    assert_eq!(weight(b"br;q=0.25, gzip", b"gzip"), 1000);
    assert_eq!(weight(b"br;q=1.5", b"br"), 0);
    assert_eq!(weight(b"gzip", b"zstd"), 0);
}
