//! Response heads of upstream servers.

use super::*;

#[test]
fn a_usual_head_is_taken_apart() {
    let data = b"HTTP/1.1 404 Not  Here\r\nContent-Length: 3\r\nX_Odd{: y\r\n\r\nabc";
    let head = parse_response(data).unwrap();
    assert_eq!((head.version, head.status), (Version::HTTP_11, 404));
    assert_eq!(head.status_text.of(data), b"404 Not  Here");
    assert_eq!(head.reason.of(data), b"Not  Here");
    assert_eq!(
        pairs(&head.fields, data),
        [("Content-Length", "3"), ("X_Odd{", "y")]
    );
    assert_eq!(&data[head.end..], b"abc");
}

#[test]
fn status_lines_are_read_as_nginx_does() {
    for (line, version, status, text, reason) in [
        ("HTTP/1.0 200", 1000, 200, "200", ""),
        ("HTTP/1.1 200 ", 1001, 200, "200 ", ""),
        ("HTTP/1.1   200 OK", 1001, 200, "200 OK", "OK"),
        ("HTTP/1.1 403.1 No", 1001, 403, "403.1 No", "1 No"),
        ("HTTP/2.0 999 \u{1}", 2000, 999, "999 \u{1}", "\u{1}"),
        ("HTTP/1.1 000 x", 1001, 0, "000 x", "x"),
        ("HTTP/123.456 200 OK", 123_456, 200, "200 OK", "OK"),
    ] {
        for end in ["\n", "\r\n"] {
            let data = format!("{line}{end}{end}");
            let head = parse_response(data.as_bytes()).unwrap();
            let read = (head.version.0, head.status);
            assert_eq!(read, (version, status), "{line:?}");
            assert_eq!(
                head.status_text.of(data.as_bytes()),
                text.as_bytes(),
                "{line:?}"
            );
            assert_eq!(
                head.reason.of(data.as_bytes()),
                reason.as_bytes(),
                "{line:?}"
            );
        }
    }
}

#[test]
fn anything_else_is_not_a_status_line() {
    for line in [
        "",
        "\nHTTP/1.1 200 OK",
        "hello",
        "HTTPS/1.1 200 OK",
        "http/1.1 200 OK",
        "HTTP/0.9 200 OK",
        "HTTP/1 200 OK",
        "HTTP/x.1 200 OK",
        "HTTP/1.x 200 OK",
        "HTTP/1.1\t200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 +20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 200\tOK",
        "HTTP/1.1 200 OK\rX",
        "HTTP/1.1 200 OK\r\rX",
        "HTTP/1000.1 200 OK",
    ] {
        let data = format!("{line}\r\n\r\n");
        assert_eq!(
            parse_response(data.as_bytes()),
            Err(ResponseError::NoStatusLine),
            "{line:?}"
        );
    }
}

#[test]
fn a_second_status_line_is_skipped() {
    let data = b"HTTP/1.1 200 OK\nHTTP/1.1 200 OK\nA: b\nHTTP/x: y\nHTTPS/: z\n\n";
    let head = parse_response(data).unwrap();
    assert_eq!(pairs(&head.fields, data), [("A", "b"), ("HTTPS/", "z")]);
}

#[test]
fn header_lines_are_refused_for_their_grammar() {
    for line in [
        "Foo : bar",
        " folded",
        ": x",
        "Foo: a\0b",
        "Foo: a\rb",
        "F\u{1}oo: a",
        "Foo bar",
    ] {
        let data = format!("HTTP/1.1 200 OK\nA: b\n{line}\n\n");
        let Err(ResponseError::InvalidHeader(refused)) = parse_response(data.as_bytes()) else {
            panic!("{line:?}");
        };
        assert_eq!(
            refused.span.start as usize,
            data.find(line).unwrap(),
            "{line:?}"
        );
    }
}

#[test]
fn an_interim_response_is_a_head_of_its_own() {
    let data = b"HTTP/1.1 103 Early Hints\nLink: a\n\nHTTP/1.1 200 OK\nServer: b\n\n";
    let mut parser = ResponseParser::new();
    while parser.parse(data).unwrap() != Progress::Done {}
    let hints = parser.take_head();
    assert_eq!((hints.status, hints.fields.len()), (103, 1));
    let rest = &data[hints.end..];
    parser.recycle(hints);
    while parser.parse(rest).unwrap() != Progress::Done {}
    assert_eq!(parser.head(), &parse_response(rest).unwrap());
}

#[test]
fn a_response_closes_by_its_version_or_its_field() {
    for (data, closes) in [
        ("HTTP/1.0 200 OK\n\n", true),
        ("HTTP/1.1 200 OK\n\n", false),
        ("HTTP/1.1 200 OK\nConnection: Close\n\n", true),
        (
            "HTTP/1.1 200 OK\nConnection: close\nConnection: keep-alive\n\n",
            true,
        ),
        ("HTTP/1.1 200 OK\nConnection: keep-alive\n\n", false),
    ] {
        let head = parse_response(data.as_bytes()).unwrap();
        assert_eq!(head.closes(data.as_bytes()), closes, "{data:?}");
    }
}
