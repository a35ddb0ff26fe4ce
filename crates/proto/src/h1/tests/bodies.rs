//! Framing of bodies and the chunked coding: where request smuggling starts.

use super::*;

fn request_framing(version: &str, fields: &str) -> Result<Framing, u16> {
    let data = format!("POST / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
    let head = parse(data.as_bytes()).map_err(|error| error.status())?;
    Framing::of_request(&head, data.as_bytes()).map_err(FramingError::request_status)
}

#[test]
fn requests_are_framed_strictly() {
    for (fields, expected) in [
        ("", Ok(Framing::None)),
        ("Content-Length: 0\r\n", Ok(Framing::Length(0))),
        ("Content-Length:5\r\n", Ok(Framing::Length(5))),
        ("content-length:  0005  \r\n", Ok(Framing::Length(5))),
        (
            "Content-Length: 9223372036854775807\r\n",
            Ok(Framing::Length(i64::MAX as u64)),
        ),
        ("Content-Length: 9223372036854775808\r\n", Err(400)),
        ("Content-Length: 99999999999999999999\r\n", Err(400)),
        ("Content-Length:\r\n", Err(400)),
        ("Content-Length\r\n", Err(400)),
        ("Content-Length: +5\r\n", Err(400)),
        ("Content-Length: -5\r\n", Err(400)),
        ("Content-Length: 5_0\r\n", Err(400)),
        ("Content-Length: 0x5\r\n", Err(400)),
        ("Content-Length: 5 0\r\n", Err(400)),
        ("Content-Length: 5, 5\r\n", Err(400)),
        ("Content-Length: 5\t\r\n", Err(400)),
        ("Content-Length: \u{b}5\r\n", Err(400)),
        ("Content-Length: \u{665}\r\n", Err(400)),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", Err(400)),
        ("Content-Length : 5\r\n", Err(400)),
        (
            "Content-Length: 5\rTransfer-Encoding: chunked\r\n",
            Err(400),
        ),
        ("X: y\r\n Content-Length: 5\r\n", Err(400)),
        ("Content_Length: 5\r\n", Ok(Framing::None)),
        ("Transfer-Encoding: chunked\r\n", Ok(Framing::Chunked)),
        ("transfer-encoding:CHUNKED \r\n", Ok(Framing::Chunked)),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
            Err(400),
        ),
        (
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            Err(400),
        ),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            Err(400),
        ),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            Err(400),
        ),
        ("Transfer-Encoding: identity\r\n", Err(501)),
        ("Transfer-Encoding: gzip, chunked\r\n", Err(501)),
        ("Transfer-Encoding: chunked, identity\r\n", Err(501)),
        ("Transfer-Encoding: chunked,\r\n", Err(501)),
        ("Transfer-Encoding: \"chunked\"\r\n", Err(501)),
        ("Transfer-Encoding: xchunked\r\n", Err(501)),
        ("Transfer-Encoding: chunked;x\r\n", Err(501)),
        ("Transfer-Encoding:\tchunked\r\n", Err(501)),
        ("Transfer-Encoding: chunked\t\r\n", Err(501)),
        ("Transfer-Encoding: \u{b}chunked\r\n", Err(501)),
        ("Transfer-Encoding:\r\n", Err(501)),
        (
            "Transfer-Encoding: identity\r\nContent-Length: 5\r\n",
            Err(501),
        ),
    ] {
        assert_eq!(request_framing("1.1", fields), expected, "{fields:?}");
    }
    assert_eq!(
        request_framing("1.0", "Transfer-Encoding: chunked\r\n"),
        Err(400)
    );
    assert_eq!(
        request_framing("1.0", "Content-Length: 5\r\n"),
        Ok(Framing::Length(5))
    );
}

#[test]
fn responses_are_framed_by_fields_status_and_method() {
    let until_close = Ok(Framing::UntilClose);
    for (status_line, fields, method, expected) in [
        ("1.1 200", "", Method::Get, until_close),
        ("1.0 200", "", Method::Get, until_close),
        (
            "1.1 200",
            "Content-Length: 7\n",
            Method::Get,
            Ok(Framing::Length(7)),
        ),
        (
            "1.1 200",
            "Transfer-Encoding: chunked\n",
            Method::Get,
            Ok(Framing::Chunked),
        ),
        (
            "1.1 200",
            "Content-Length: 7\n",
            Method::Head,
            Ok(Framing::None),
        ),
        ("1.1 200", "", Method::Head, Ok(Framing::None)),
        (
            "1.1 204",
            "Content-Length: 7\n",
            Method::Get,
            Ok(Framing::None),
        ),
        (
            "1.1 304",
            "Transfer-Encoding: chunked\n",
            Method::Get,
            Ok(Framing::None),
        ),
        ("1.1 101", "", Method::Get, Ok(Framing::None)),
        (
            "1.1 204",
            "Content-Length: x\n",
            Method::Get,
            Err(FramingError::InvalidLength),
        ),
        (
            "1.1 200",
            "Content-Length: foo\n",
            Method::Head,
            Err(FramingError::InvalidLength),
        ),
        (
            "1.1 200",
            "Content-Length: 0\nContent-Length: 0\n",
            Method::Get,
            Err(FramingError::RepeatedLength),
        ),
        (
            "1.1 200",
            "Transfer-Encoding: foo\n",
            Method::Get,
            Err(FramingError::UnknownCoding),
        ),
        (
            "1.1 200",
            "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n",
            Method::Get,
            Err(FramingError::RepeatedCoding),
        ),
        (
            "1.1 200",
            "Content-Length: 0\nTransfer-Encoding: chunked\n",
            Method::Get,
            Err(FramingError::LengthAndCoding),
        ),
        (
            "1.1 200",
            "Transfer-Encoding: chunked\nContent-Length: 0\n",
            Method::Get,
            Err(FramingError::LengthAndCoding),
        ),
        (
            "1.0 200",
            "Transfer-Encoding: chunked\n",
            Method::Get,
            Err(FramingError::CodingInHttp10),
        ),
    ] {
        let data = format!("HTTP/{status_line} X\n{fields}\n");
        let head = parse_response(data.as_bytes()).unwrap();
        let framing = Framing::of_response(&head, data.as_bytes(), method);
        assert_eq!(framing, expected, "{data:?}");
    }
}

/// The payload and what follows the body; `None` if it is not complete.
type Body<'a> = Option<(Vec<u8>, &'a [u8])>;

fn decode(input: &[u8]) -> Result<Body<'_>, ChunkError> {
    let mut decoder = ChunkedDecoder::new(Trailers::Discard);
    let (mut payload, mut rest) = (Vec::new(), input);
    loop {
        let decoded = decoder.decode(rest)?;
        let (now, next) = rest.split_at(decoded.consumed);
        rest = next;
        match decoded.step {
            ChunkStep::Data(range) => payload.extend_from_slice(&now[range]),
            ChunkStep::Done => return Ok(Some((payload, rest))),
            ChunkStep::More => return Ok(None),
            ChunkStep::Trailers => panic!("trailers were to be discarded"),
        }
    }
}

#[test]
fn chunked_bodies_are_decoded() {
    for (input, payload, rest) in [
        ("0\r\n\r\n", "", ""),
        ("5\r\nhello\r\n0\r\n\r\nGET /", "hello", "GET /"),
        (
            "1\r\na\r\nA\r\n0123456789\r\n000\r\n\r\n",
            "a0123456789",
            "",
        ),
        ("3;a=b;c=\"d\"\r\nabc\r\n0;x\r\n\r\n", "abc", ""),
        ("3 \t;x\r\nabc\r\n0 \r\n\r\n", "abc", ""),
        ("3\r\n\r\n\n\r\n0\r\nA: b\r\nC: d\r\n\r\nx", "\r\n\n", "x"),
    ] {
        let decoded = decode(input.as_bytes()).unwrap();
        assert_eq!(
            decoded,
            Some((payload.as_bytes().to_vec(), rest.as_bytes())),
            "{input:?}"
        );
    }
}

#[test]
fn chunked_framing_is_strict() {
    for input in [
        "\r\n",
        "x\r\n",
        "+5\r\nhello\r\n",
        "-5\r\n",
        " 5\r\n",
        "0x5\r\nhello\r\n",
        "5_0\r\n",
        "5\nhello\r\n",
        "5;x\nhello\r\n",
        "5\rhello",
        "5\r\rhello",
        "5;x\rhello",
        "5\r\nhello\n0\r\n",
        "5\r\nhello!\r\n",
        "4\r\nhello\r\n",
        "5\r\nhello\rx",
        "5\r\nhello0\r\n",
        "5,6\r\n",
        "5\0\r\n",
        "0\n\r\n",
        "0\r\n\n",
        "0\r\n\rx",
        "0\r\nA: b\n\r\n",
        "0\r\nA: b\rc\r\n",
        "0\r\nA: b\r\n\n",
    ] {
        assert_eq!(
            decode(input.as_bytes()),
            Err(ChunkError::Invalid),
            "{input:?}"
        );
    }
}

#[test]
fn chunk_sizes_are_bounded() {
    assert_eq!(
        decode(b"8000000000000000\r\n"),
        Err(ChunkError::SizeOverflow)
    );
    assert_eq!(
        decode(b"7fffffffffffffff\r\n"),
        Err(ChunkError::SizeOverflow)
    );
    assert_eq!(
        decode(b"10000000000000005\r\nhello\r\n"),
        Err(ChunkError::SizeOverflow)
    );
    assert_eq!(decode(b"7ffffffffffffff\r\n"), Ok(None));
    assert_eq!(decode(b"00000000000000000000000000000001\r\n"), Ok(None));
}

#[test]
fn extensions_and_trailers_are_bounded() {
    let extension = |length| format!("1;{}\r\nx\r\n0\r\n\r\n", "y".repeat(length));
    assert!(matches!(
        decode(extension(EXTENSION_BYTES_MAX).as_bytes()),
        Ok(Some(_))
    ));
    let too_long = extension(EXTENSION_BYTES_MAX + 1);
    assert_eq!(
        decode(too_long.as_bytes()),
        Err(ChunkError::ExtensionTooLong)
    );
    let trailers = |lines| format!("0\r\n{}\r\n", "a\r\n".repeat(lines));
    assert!(matches!(decode(trailers(100).as_bytes()), Ok(Some(_))));
    let too_long = trailers(TRAILER_BYTES_MAX / 3 + 2);
    assert_eq!(
        decode(too_long.as_bytes()),
        Err(ChunkError::TrailersTooLong)
    );
}

#[test]
fn payload_is_handed_out_as_it_comes() {
    let mut decoder = ChunkedDecoder::new(Trailers::Discard);
    let step = |consumed, step| Ok(Decoded { consumed, step });
    assert_eq!(decoder.bytes_needed(), 5);
    assert_eq!(decoder.decode(b"a\r\n012"), step(6, ChunkStep::Data(3..6)));
    assert_eq!(decoder.bytes_needed(), 14);
    assert_eq!(decoder.decode(b""), step(0, ChunkStep::More));
    assert_eq!(
        decoder.decode(b"3456789\r\n0\r\n"),
        step(7, ChunkStep::Data(0..7))
    );
    assert_eq!(decoder.decode(b"\r\n0\r\n"), step(5, ChunkStep::More));
    assert_eq!(decoder.decode(b"\r\nrest"), step(2, ChunkStep::Done));
    assert_eq!(decoder.decode(b"rest"), step(0, ChunkStep::Done));
}

#[test]
fn kept_trailers_are_fields() {
    let mut decoder = ChunkedDecoder::new(Trailers::Keep);
    let data = b"1\r\nx\r\n0\r\nX-Sum: 1\r\nEtag:  2 \r\n\r\nrest";
    let first = decoder.decode(data).unwrap();
    let second = decoder.decode(&data[first.consumed..]).unwrap();
    assert_eq!(second.step, ChunkStep::Trailers);
    let section = &data[first.consumed + second.consumed..];
    let mut parser = TrailerParser::new();
    assert_eq!(parser.parse(&section[..5]), Ok(None));
    let length = parser.parse(section).unwrap().unwrap();
    assert_eq!(
        pairs(parser.fields(), section),
        [("X-Sum", "1"), ("Etag", "2")]
    );
    assert_eq!(&section[length..], b"rest");
    for bad in [
        "A: b\n\r\n",
        "A: b\r\n\n",
        "A : b\r\n\r\n",
        " A: b\r\n\r\n",
        "A: \0\r\n\r\n",
    ] {
        assert!(
            TrailerParser::new().parse(bad.as_bytes()).is_err(),
            "{bad:?}"
        );
    }
}

#[test]
fn chunk_headers_are_lower_case_hexadecimal() {
    for length in [1, 9, 10, 15, 16, 0xabc, 0x1000, u64::MAX] {
        assert_eq!(
            &*ChunkHeader::new(length),
            format!("{length:x}\r\n").as_bytes()
        );
    }
}
