//! Bodies of the fuzz targets; the tests run them over saved and mutated inputs.
//!
//! Each takes any bytes and panics if a rule that holds for all inputs is broken: above all, that
//! it does not matter where the network cut the input.

use super::{
    ChunkError, ChunkStep, ChunkedDecoder, Escape, Field, Framing, HeadError, HeadOptions, Host,
    Method, Progress, RequestHead, RequestParser, ResponseError, ResponseHead, ResponseParser,
    Slashes, Span, TrailerParser, Trailers, Unescape, escape, format_http_date, normalize,
    parse_http_date, unescape,
};

/// Request heads, and what is read out of them.
pub fn request(data: &[u8]) {
    for options in [HeadOptions::default(), lenient()] {
        let whole = parse_request(data, &[data.len()], &options);
        for cut in cuts(data) {
            assert_eq!(parse_request(data, &cut, &options), whole, "cut at {cut:?}");
        }
        if let Some(Ok(head)) = whole {
            check_request(&head, data);
        }
    }
}

/// Response heads, and what is read out of them.
pub fn response(data: &[u8]) {
    let whole = parse_response(data, &[data.len()]);
    for cut in cuts(data) {
        assert_eq!(parse_response(data, &cut), whole, "cut at {cut:?}");
    }
    let Some(Ok(head)) = whole else { return };
    assert!(head.status <= 999 && head.end <= data.len());
    assert!(head.status_text.of(data).ends_with(head.reason.of(data)));
    check_fields(head.fields.as_slice(), data, head.end);
    head.closes(data);
    for method in [Method::Get, Method::Head] {
        let framing = Framing::of_response(&head, data, method);
        assert!(method == Method::Get || matches!(framing, Ok(Framing::None) | Err(_)));
    }
}

/// Chunked bodies, with and without their trailers.
pub fn chunked(data: &[u8]) {
    for trailers in [Trailers::Discard, Trailers::Keep] {
        let whole = decode(data, &[data.len()], trailers);
        for cut in cuts(data) {
            assert_eq!(decode(data, &cut, trailers), whole, "cut at {cut:?}");
        }
    }
    if let Ok((_, Some(consumed))) = decode(data, &[data.len()], Trailers::Discard) {
        check_bytes_needed(data, consumed);
    }
    let mut whole = TrailerParser::new();
    let length = whole.parse(data);
    for cut in 0..data.len() {
        let mut parser = TrailerParser::new();
        let first = parser.parse(data.get(..cut).unwrap_or_default());
        let length_of_parts = if first == Ok(None) {
            parser.parse(data)
        } else {
            first
        };
        assert_eq!(length_of_parts, length, "cut at {cut}");
        assert_eq!(parser.fields(), whole.fields(), "cut at {cut}");
    }
}

/// Targets, hosts, escapes and dates.
pub fn texts(data: &[u8]) {
    for slashes in [Slashes::Merge, Slashes::Keep] {
        check_normal(data, slashes);
    }
    if let Some(host) = Host::parse(data) {
        assert!(!host.name.is_empty() && !host.name.iter().any(u8::is_ascii_uppercase));
        assert_eq!(
            Host::parse(&host.name).map(|again| again.name),
            Some(host.name.clone())
        );
    }
    for what in [Escape::Uri, Escape::Args, Escape::UriComponent] {
        let escaped = escape(data, what);
        assert_eq!(unescape(&escaped, Unescape::All), data);
        assert!(!escaped.iter().any(|&byte| byte <= b' ' || byte >= 0x7f));
    }
    assert!(unescape(data, Unescape::Redirect).len() <= data.len());
    if let Some(time) = parse_http_date(data).filter(|&time| time >= 0) {
        assert_eq!(parse_http_date(&format_http_date(time)), Some(time));
    }
}

/// Ways to cut the input: in two at every place, and into single bytes.
fn cuts(data: &[u8]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let length = data.len();
    (0..length)
        .map(move |cut| vec![cut, length])
        .chain([(0..=length).collect()])
}

fn lenient() -> HeadOptions {
    HeadOptions {
        underscores_in_headers: true,
        ignore_invalid_headers: false,
        fields_max: 4,
    }
}

/// `None` if the head is not complete.
fn parse_request(
    data: &[u8],
    ends: &[usize],
    options: &HeadOptions,
) -> Option<Result<RequestHead, HeadError>> {
    let mut parser = RequestParser::new();
    for &end in ends {
        let buf = data.get(..end).unwrap_or(data);
        loop {
            match parser.parse(buf, options) {
                Ok(Progress::FirstLine | Progress::Host) => {}
                Ok(Progress::More { line_start, .. }) => {
                    assert!(line_start <= end);
                    check_spans(parser.head(), buf);
                    break;
                }
                Ok(Progress::Done) => return Some(Ok(parser.take_head())),
                Err(error) => {
                    check_spans(parser.head(), buf);
                    return Some(Err(error));
                }
            }
        }
    }
    None
}

/// Also the spans of a head that is not complete can be used.
fn check_spans(head: &RequestHead, buf: &[u8]) {
    let authority = head.authority.unwrap_or_default();
    let spans = [
        head.line,
        head.method_name,
        head.scheme,
        authority,
        head.target,
        head.protocol,
    ];
    for span in spans.into_iter().chain([head.last_ignored_line]) {
        assert!(span.start <= span.end && span.end as usize <= buf.len());
    }
    assert!(head.end <= buf.len());
}

fn check_request(head: &RequestHead, data: &[u8]) {
    assert!(head.end <= data.len());
    let line = head.line.of(data);
    assert!(line.starts_with(head.method_name.of(data)));
    assert!(line.ends_with(head.protocol.of(data)));
    assert!(!line.contains(&b'\n') && !line.contains(&b'\r'));
    assert!(matches!(head.target.of(data).first(), Some(b'/' | b'?')));
    check_fields(head.fields.as_slice(), data, head.end);
    head.persistence(data);
    let framing = Framing::of_request(head, data);
    assert!(framing != Ok(Framing::UntilClose));
    let host = Host::of_request(head, data);
    assert!(host.is_err() || head.authority.is_none() || host != Ok(None));
    for slashes in [Slashes::Merge, Slashes::Keep] {
        check_normal(head.target.of(data), slashes);
    }
}

fn check_fields(fields: &[Field], data: &[u8], end: usize) {
    let mut last = Span::default();
    for field in fields {
        assert!(last.end <= field.name.start && field.name.end <= field.value.start);
        assert!(field.value.end as usize <= end && !field.name.is_empty());
        let (name, value) = (field.name.of(data), field.value.of(data));
        assert!(
            !name
                .iter()
                .any(|&byte| byte <= b' ' || byte == b':' || byte == 0x7f)
        );
        assert!(!value.iter().any(|byte| b"\r\n\0".contains(byte)));
        assert!(!value.starts_with(b" ") && !value.ends_with(b" "));
        last = field.value;
    }
}

fn parse_response(data: &[u8], ends: &[usize]) -> Option<Result<ResponseHead, ResponseError>> {
    let mut parser = ResponseParser::new();
    for &end in ends {
        let buf = data.get(..end).unwrap_or(data);
        loop {
            match parser.parse(buf) {
                Ok(Progress::FirstLine | Progress::Host) => {}
                Ok(Progress::More { line_start, .. }) => {
                    assert!(line_start <= end);
                    break;
                }
                Ok(Progress::Done) => return Some(Ok(parser.take_head())),
                Err(error) => return Some(Err(error)),
            }
        }
    }
    None
}

/// The payload, and how many bytes the body took if it is complete.
type Body = (Vec<u8>, Option<usize>);

fn decode(data: &[u8], ends: &[usize], trailers: Trailers) -> Result<Body, ChunkError> {
    let mut decoder = ChunkedDecoder::new(trailers);
    let mut payload = Vec::new();
    let mut pos = 0;
    for &end in ends {
        loop {
            let input = data.get(pos..end).unwrap_or_default();
            let decoded = decoder.decode(input)?;
            assert!(decoded.consumed <= input.len());
            pos += decoded.consumed;
            match decoded.step {
                ChunkStep::Data(range) => {
                    assert!(!range.is_empty() && range.end == decoded.consumed);
                    payload.extend_from_slice(input.get(range).unwrap_or_default());
                }
                ChunkStep::Done | ChunkStep::Trailers => return Ok((payload, Some(pos))),
                ChunkStep::More => {
                    assert_eq!(decoded.consumed, input.len());
                    break;
                }
            }
        }
    }
    Ok((payload, None))
}

/// The hint never promises more than what comes.
fn check_bytes_needed(data: &[u8], body_bytes: usize) {
    let mut decoder = ChunkedDecoder::new(Trailers::Discard);
    for pos in 0..body_bytes {
        let left = (body_bytes - pos) as u64;
        assert!(decoder.bytes_needed() <= left, "at {pos}");
        let byte = data.get(pos..=pos).unwrap_or_default();
        assert!(decoder.decode(byte).is_ok());
    }
    assert!(decoder.bytes_needed() == 0 && decoder.is_done());
}

fn check_normal(target: &[u8], slashes: Slashes) {
    let Ok(uri) = normalize(target, slashes) else {
        return;
    };
    assert!(uri.path.starts_with(b"/") && !uri.path.contains(&0));
    assert!(!uri.args.contains(&b'#'));
    let mut segments = uri.path.split(|&byte| byte == b'/');
    assert!(!segments.any(|segment| segment == b"." || segment == b".."));
    if slashes == Slashes::Merge {
        assert!(!uri.path.windows(2).any(|pair| pair == b"//"));
    }
    let escaped = escape(&uri.path, Escape::Uri);
    assert_eq!(
        normalize(&escaped, slashes).map(|again| again.path),
        Ok(uri.path.clone())
    );
}
