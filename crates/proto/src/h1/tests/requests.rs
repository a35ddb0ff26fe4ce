//! Request heads: what is read, what is refused, and with which status.

use super::*;

const NO_HEADER: &str = "client sent invalid header line";

#[test]
fn a_usual_head_is_taken_apart() {
    let data = b"GET /a?b HTTP/1.1\r\nHost: x:81\r\nX-Foo:  a b  \r\n\r\nbody";
    let head = parse(data).unwrap();
    assert_eq!(head.method, Method::Get);
    assert_eq!(head.line.of(data), b"GET /a?b HTTP/1.1");
    assert_eq!(head.target.of(data), b"/a?b");
    assert_eq!(head.protocol.of(data), b"HTTP/1.1");
    assert_eq!(head.version, Version::HTTP_11);
    assert_eq!(head.authority, None);
    assert_eq!(
        pairs(&head.fields, data),
        [("Host", "x:81"), ("X-Foo", "a b")]
    );
    assert_eq!(head.value(data, FieldName::Host), Some(b"x:81".as_slice()));
    assert_eq!(&data[head.end..], b"body");
}

#[test]
fn bare_line_feeds_and_empty_lines_before_are_accepted() {
    let data = b"\r\n\n\r\nGET / HTTP/1.0\nHost:x\n\n";
    let head = parse(data).unwrap();
    assert_eq!(pairs(&head.fields, data), [("Host", "x")]);
    assert_eq!(head.length(), data.len() - 5);
}

#[test]
fn http_09_has_no_fields() {
    for data in [
        b"GET /\r\nHost: x\r\n\r\n".as_slice(),
        b"GET /\nrest",
        b"GET /  \r\n",
    ] {
        let head = parse(data).unwrap();
        assert_eq!(head.version, Version::HTTP_09);
        assert!(head.fields.is_empty() && head.protocol.is_empty());
        assert_eq!(data[head.end - 1], b'\n');
        assert_eq!(head.target.of(data), b"/");
    }
    assert_eq!(parse(b"POST /\r\n"), Err(HeadError::InvalidMethodOfHttp09));
}

#[test]
fn every_known_method_is_known() {
    for name in "GET HEAD POST PUT DELETE OPTIONS PATCH TRACE MKCOL COPY MOVE PROPFIND PROPPATCH \
                 LOCK UNLOCK"
        .split(' ')
    {
        let head = parse(format!("{name} / HTTP/1.0\n\n").as_bytes()).unwrap();
        assert_eq!(head.method.as_str(), Some(name));
    }
    let data = b"FOO_-BAR / HTTP/1.0\n\n";
    let head = parse(data).unwrap();
    assert_eq!(
        (head.method, head.method_name.of(data)),
        (Method::Other, b"FOO_-BAR".as_slice())
    );
}

#[test]
fn an_absolute_target_gives_scheme_authority_and_path() {
    for (target, authority, path) in [
        ("http://a", "a", "/"),
        ("http://a/", "a", "/"),
        ("hTTp+-.1://a:80/b?c#d", "a:80", "/b?c#d"),
        ("http://a?b", "a", "?b"),
        ("http://a:?b", "a:", "?b"),
        ("http://[::1]:8/x", "[::1]:8", "/x"),
        ("http:///x", "", "/x"),
    ] {
        let data = format!("GET {target} HTTP/1.1\r\nHost: other\r\n\r\n");
        let head = parse(data.as_bytes()).unwrap();
        let text = |span: Span| String::from_utf8(span.of(data.as_bytes()).to_vec()).unwrap();
        assert_eq!(
            head.authority.map(text).as_deref(),
            Some(authority),
            "{target}"
        );
        assert_eq!(text(head.target), path, "{target}");
        assert!(target.starts_with(&text(head.scheme)) && !head.scheme.is_empty());
    }
}

#[test]
fn connect_takes_a_host_and_a_port_and_nothing_else() {
    let data = b"CONNECT a.b:443 HTTP/1.1\r\nHost: a.b\r\n\r\n";
    let head = parse(data).unwrap();
    assert_eq!(
        head.authority.map(|span| span.of(data)),
        Some(b"a.b:443".as_slice())
    );
    assert_eq!(
        (head.target.of(data), head.method),
        (b"/".as_slice(), Method::Connect)
    );
    for target in [
        "/",
        "a",
        "a:",
        "a:1/",
        "a:1?",
        "a:1#",
        "u@a:1",
        "http://a:1",
        "a:x",
        "[::1]",
        "a:1:2",
        "*",
    ] {
        let data = format!("CONNECT {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(
            parse(data.as_bytes()),
            Err(HeadError::InvalidRequest),
            "{target}"
        );
    }
    // An empty host passes the line and fails as a host.
    let data = b"CONNECT :443 HTTP/1.1\r\nHost: a\r\n\r\n";
    let head = parse(data).unwrap();
    assert_eq!(
        Host::of_request(&head, data),
        Err(HostError::InvalidAuthority)
    );
}

#[test]
fn request_lines_are_refused_with_their_status() {
    for (line, status) in [
        ("get / HTTP/1.1", 400),
        (" GET / HTTP/1.1", 400),
        ("GET\t/ HTTP/1.1", 400),
        ("GET\r\n", 400),
        ("G1T / HTTP/1.1", 400),
        ("\u{16}\u{3}\u{1}", 400),
        ("GET * HTTP/1.1", 400),
        ("GET /a b HTTP/1.1", 400),
        ("GET /\u{2} HTTP/1.1", 400),
        ("GET /\t HTTP/1.1", 400),
        ("GET /\u{7f} HTTP/1.1", 400),
        ("GET /\0 HTTP/1.1", 400),
        ("GET /\rX HTTP/1.1", 400),
        ("GET / HTTP/1.1\rX", 400),
        ("GET / HTTP/1.1 X", 400),
        ("GET / http/1.1", 400),
        ("GET / HTTP/", 400),
        ("GET / HTTP/.1", 400),
        ("GET / HTTP/1", 400),
        ("GET / HTTP/1.", 400),
        ("GET / HTTP/0.9", 400),
        ("GET / HTTP/01.1", 400),
        ("GET / HTTP/+1.1", 400),
        ("GET / HTTP/1.x", 400),
        ("GET / HTTP/1.1000", 400),
        ("GET / HTTP/2.0", 505),
        ("GET / HTTP/11.1", 505),
        ("GET http:/a HTTP/1.1", 400),
        ("GET http//a HTTP/1.1", 400),
        ("GET http://a_b/ HTTP/1.1", 400),
        ("GET http://u@a/ HTTP/1.1", 400),
        ("GET http://a:b/ HTTP/1.1", 400),
        ("GET http://[::1/ HTTP/1.1", 400),
        ("GET http://[::1]x/ HTTP/1.1", 400),
        ("GET http://a#b HTTP/1.1", 400),
    ] {
        let data = format!("{line}\r\nHost: a\r\n\r\n");
        let result = parse(data.as_bytes());
        assert_eq!(
            result.map_err(|error| error.status()),
            Err(status),
            "{line:?}"
        );
    }
}

#[test]
fn versions_are_numbers() {
    for (text, version) in [
        ("HTTP/1.0", 1000),
        ("HTTP/1.1  ", 1001),
        ("HTTP/1.2", 1002),
        ("HTTP/1.9", 1009),
        ("HTTP/1.001", 1001),
        ("HTTP/1.999", 1999),
    ] {
        let data = format!("GET / {text}\r\nHost: a\r\n\r\n");
        assert_eq!(
            parse(data.as_bytes()).unwrap().version,
            Version(version),
            "{text}"
        );
    }
    assert_eq!(Version::HTTP_11.to_string(), "HTTP/1.1");
}

#[test]
fn header_lines_are_refused_for_their_grammar() {
    for line in [
        "Foo : bar",
        "Foo\t: bar",
        " folded",
        "\tfolded",
        ": bar",
        "Foo: a\0b",
        "Foo:\0",
        "Foo: a \0",
        "F\0oo: a",
        "F\u{1}oo: a",
        "F\u{7f}oo: a",
        "Foo: a\rb",
        "Foo: a\r\rb",
        "Foo: a \rb",
        "Foo:\rb",
        "Foo\rb",
        "Foo bar",
        "\rFoo: bar",
    ] {
        let data = format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n");
        let error = parse(data.as_bytes()).unwrap_err();
        assert_eq!(
            (error.status(), error.to_string().as_str()),
            (400, NO_HEADER),
            "{line:?}"
        );
        let HeadError::InvalidHeader(refused) = error else {
            panic!("{error:?}")
        };
        assert_eq!(
            refused.span.start as usize,
            data.find(line).unwrap(),
            "{line:?}"
        );
        assert!((refused.span.end as usize) < data.len());
    }
}

#[test]
fn odd_but_harmless_header_lines_are_accepted() {
    let data =
        b"GET / HTTP/1.1\nHost: a\nNo-Colon\nEmpty:\nSpaces:   \r\nTab:\tx\t\nCr: x \r\r\n\n";
    let head = parse(data).unwrap();
    let expected = [
        ("Host", "a"),
        ("No-Colon", ""),
        ("Empty", ""),
        ("Spaces", ""),
        ("Tab", "\tx\t"),
        ("Cr", "x"),
    ];
    assert_eq!(pairs(&head.fields, data), expected);
}

#[test]
fn directives_decide_about_odd_names() {
    let data = b"GET / HTTP/1.0\r\nX_Foo: 1\r\nX{Foo: 2\r\nX-Foo: 3\r\n\r\n";
    let names = |underscores_in_headers, ignore_invalid_headers| {
        let options = HeadOptions {
            underscores_in_headers,
            ignore_invalid_headers,
            ..Default::default()
        };
        let head = parse_with(data, &options).unwrap();
        assert_eq!(head.ignored_lines + head.fields.len(), 3);
        head.fields
            .iter()
            .map(|field| data[field.name.end as usize + 2])
            .collect::<Vec<_>>()
    };
    assert_eq!(names(false, true), b"3");
    assert_eq!(names(true, true), b"13");
    assert_eq!(names(false, false), b"123");
    let head = parse(data).unwrap();
    assert_eq!(head.last_ignored_line.of(data), b"X{Foo: 2");
}

#[test]
fn fields_that_come_once_are_refused_twice() {
    for name in [
        "Host",
        "If-Modified-Since",
        "If-Unmodified-Since",
        "If-Match",
        "If-None-Match",
        "Content-Length",
        "Content-Range",
        "If-Range",
        "Transfer-Encoding",
        "Expect",
        "Authorization",
        "Proxy-Authorization",
    ] {
        let data = format!("GET / HTTP/1.0\n{name}: 1\n{}: 1\n\n", name.to_lowercase());
        let Err(HeadError::DuplicateHeader { first, second }) = parse(data.as_bytes()) else {
            panic!("{name}");
        };
        assert_eq!(first.name.of(data.as_bytes()), name.as_bytes());
        assert!(first.value.end < second.name.start);
    }
    let data = b"GET / HTTP/1.0\nCookie: 1\nCookie: 2\nX-Forwarded-For: 1\nX-Forwarded-For: 2\n\n";
    assert_eq!(
        parse(data).unwrap().fields.all(FieldName::Cookie).count(),
        2
    );
}

#[test]
fn the_number_of_fields_is_bounded() {
    let options = HeadOptions {
        fields_max: 2,
        ..Default::default()
    };
    let data = b"GET / HTTP/1.0\na:\n_:\n_:\nb:\n\n";
    assert_eq!(parse_with(data, &options).unwrap().fields.len(), 2);
    let error = parse_with(b"GET / HTTP/1.0\na:\nb:\nc:\n\n", &options).unwrap_err();
    assert_eq!((error, error.status()), (HeadError::TooManyHeaders, 494));
}

#[test]
fn progress_says_where_the_buffer_ends() {
    let data = b"\nGET / HTTP/1.1\nHost: a\nX: y\n\n";
    let mut parser = RequestParser::new();
    let mut seen = Vec::new();
    for end in 0..=data.len() {
        loop {
            let progress = parser.parse(&data[..end], &HeadOptions::default()).unwrap();
            if seen.last() != Some(&progress) {
                seen.push(progress);
            }
            if matches!(progress, Progress::More { .. } | Progress::Done) {
                break;
            }
        }
    }
    let more = |part, line_start| Progress::More { part, line_start };
    let expected = [
        more(Part::Nothing, 0),
        more(Part::Nothing, 1),
        more(Part::FirstLine, 1),
        Progress::FirstLine,
        more(Part::Fields, 16),
        Progress::Host,
        more(Part::Fields, 24),
        more(Part::Fields, 29),
        Progress::Done,
    ];
    assert_eq!(seen, expected);
}

#[test]
fn errors_are_told_before_the_line_ends() {
    let mut parser = RequestParser::new();
    let result = parser.parse(b"\x16\x03\x01", &HeadOptions::default());
    assert_eq!(result, Err(HeadError::InvalidMethod));
}

#[test]
fn what_came_of_a_refused_line_is_kept_for_the_log() {
    for (data, line) in [
        ("\r\nGET / HTTP/x\r\nHost: a\r\n", "GET / HTTP/x"),
        ("\u{16}\u{3}", "\u{16}\u{3}"),
        ("GET /abc", "GET /abc"),
        ("\r\n", ""),
    ] {
        let mut parser = RequestParser::new();
        while let Ok(Progress::FirstLine) = parser.parse(data.as_bytes(), &HeadOptions::default()) {
        }
        let head = parser.take_head();
        assert_eq!(head.line.of(data.as_bytes()), line.as_bytes(), "{data:?}");
        assert_eq!(head.version, Version::HTTP_10);
    }
}

#[test]
fn a_recycled_head_keeps_its_memory_and_nothing_else() {
    let mut parser = RequestParser::new();
    let options = HeadOptions::default();
    let first = b"GET http://a/b HTTP/1.1\nHost: a\nCookie: c\n\n";
    while parser.parse(first, &options).unwrap() != Progress::Done {}
    let head = parser.take_head();
    let memory = head.fields.as_slice().as_ptr();
    parser.recycle(head);
    let second = b"GET / HTTP/1.0\nX: y\n\n";
    while parser.parse(second, &options).unwrap() != Progress::Done {}
    assert_eq!(parser.head(), &parse(second).unwrap());
    assert_eq!(parser.head().fields.as_slice().as_ptr(), memory);
}

#[test]
fn persistence_follows_the_last_connection_field_that_says_something() {
    for (fields, expected) in [
        ("", Persistence::Default),
        ("Connection: upgrade\n", Persistence::Default),
        ("Connection: Close\n", Persistence::Close),
        ("Connection: te, keep-alive\n", Persistence::KeepAlive),
        ("Connection: close, keep-alive\n", Persistence::Close),
        (
            "Connection: close\nConnection: Keep-Alive\nConnection: te\n",
            Persistence::KeepAlive,
        ),
    ] {
        let data = format!("GET / HTTP/1.0\n{fields}\n");
        let head = parse(data.as_bytes()).unwrap();
        assert_eq!(head.persistence(data.as_bytes()), expected, "{fields:?}");
    }
}
