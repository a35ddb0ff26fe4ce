//! Status lines, dates and the room of a head.

use super::*;

#[test]
fn status_lines_are_those_of_nginx() {
    assert_eq!(status_line(302), Some("302 Moved Temporarily"));
    assert_eq!(status_line(414), Some("414 Request-URI Too Large"));
    assert_eq!(status_line(504), Some("504 Gateway Time-out"));
    for code in [
        0, 199, 203, 205, 207, 300, 305, 306, 309, 417, 418, 426, 430, 444, 494, 506, 508,
    ] {
        assert_eq!(status_line(code), None, "{code}");
    }
    for code in 0..1000 {
        let line = status_line(code).unwrap_or("");
        assert!(
            line.is_empty() || line.starts_with(&format!("{code} ")),
            "{line}"
        );
    }
}

#[test]
fn dates_are_written_in_the_fixed_format() {
    for (time, text) in [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (2_147_483_647, "Tue, 19 Jan 2038 03:14:07 GMT"),
        (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        (-1, "Thu, 01 Jan 1970 00:00:00 GMT"),
    ] {
        assert_eq!(String::from_utf8_lossy(&format_http_date(time)), text);
    }
}

#[test]
fn dates_are_read_in_all_three_formats() {
    let time = Some(784_111_777);
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun,06 Nov 1994 08:49:37",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sun Nov 06 08:49:37 1994",
        "xyz, 06 Nov 1994 08:49:37 whatever",
    ] {
        assert_eq!(parse_http_date(text.as_bytes()), time, "{text}");
    }
    assert_eq!(
        parse_http_date(b"Mon, 01-Jan-69 00:00:00"),
        Some(3_124_224_000)
    );
    assert_eq!(parse_http_date(b"Thu, 31 Dec 1969 23:59:59 GMT"), Some(-1));
}

#[test]
fn impossible_dates_are_refused() {
    for text in [
        "",
        "0",
        "Sun,",
        "Sun, 06 Nov 1994 08:49:3",
        "Sun, 06 Nov 1994 24:00:00",
        "Sun, 06 Nov 1994 08:60:00",
        "Sun, 06 Nov 1994 08:49:60",
        "Sun, 31 Nov 1994 08:49:37",
        "Sun, 00 Nov 1994 08:49:37",
        "Sun, 29 Feb 1900 08:49:37",
        "Sun, 29 Feb 2001 08:49:37",
        "Sun, 6 Nov 1994 08:49:37",
        "Sun, 06 Xov 1994 08:49:37",
        "Sun, 06-Nov 1994 08:49:37",
        "Sun, +6 Nov 1994 08:49:37",
        "Sun Nov 06 08:49:37 94",
        "Sun Nov   6 08:49:37 1994",
    ] {
        assert_eq!(parse_http_date(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn every_day_is_read_as_it_was_written() {
    for day in 0..1_000_000 {
        let time = day * 86_400 + day % 86_400;
        assert_eq!(parse_http_date(&format_http_date(time)), Some(time));
    }
}

const BUFFERS: HeadBuffers = HeadBuffers {
    first_bytes: 128,
    large_count: 2,
    large_bytes: 256,
};

/// Reads a head under the limits, byte by byte.
fn read(data: &[u8]) -> Result<(), HeadTooLong> {
    let mut parser = RequestParser::new();
    let mut room = HeadRoom::new(&BUFFERS);
    loop {
        let visible = room.visible(data);
        match parser.parse(visible, &HeadOptions::default()).unwrap() {
            Progress::Done => return Ok(()),
            progress @ Progress::More { .. } => {
                assert!(visible.len() < data.len() && visible.len() == room.end());
                room.grow(&BUFFERS, progress, visible.len())?;
            }
            Progress::FirstLine | Progress::Host => {}
        }
    }
}

#[test]
fn a_line_may_fill_a_large_buffer_and_no_more() {
    let line = |length: usize| format!("GET /{} HTTP/1.0\n\n", "x".repeat(length - 15));
    assert_eq!(read(line(256).as_bytes()), Ok(()));
    assert_eq!(read(line(257).as_bytes()), Err(HeadTooLong::RequestLine));
    let field = |length: usize| format!("GET / HTTP/1.0\nX: {}\n\n", "x".repeat(length - 4));
    assert_eq!(read(field(255).as_bytes()), Ok(()));
    assert_eq!(read(field(257).as_bytes()), Err(HeadTooLong::HeaderLine));
    assert_eq!(HeadTooLong::HeaderLine.status(), 494);
    assert_eq!(HeadTooLong::RequestLine.status(), 414);
}

#[test]
fn the_number_of_large_buffers_is_bounded() {
    let fields = |count: usize| {
        format!(
            "GET / HTTP/1.0\n{}\n",
            format!("X: {}\n", "x".repeat(200)).repeat(count)
        )
    };
    assert_eq!(read(fields(2).as_bytes()), Ok(()));
    assert_eq!(read(fields(3).as_bytes()), Err(HeadTooLong::HeaderLine));
}

#[test]
fn empty_lines_before_a_request_cost_no_buffer() {
    let data = format!("{}GET / HTTP/1.0\n\n", "\r\n".repeat(1000));
    assert_eq!(read(data.as_bytes()), Ok(()));
}
