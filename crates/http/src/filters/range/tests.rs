//! Which ranges a field asks for, and what is cut out of a body.

use std::os::fd::OwnedFd;

use super::*;

fn parts(text: &str, length: u64) -> Asked {
    parse(text.as_bytes(), length, RANGES_UNLIMITED)
}

fn one(range: Range<u64>) -> Asked {
    Asked::Parts(vec![range])
}

fn some(ranges: &[Range<u64>]) -> Asked {
    Asked::Parts(ranges.to_vec())
}

#[test]
fn one_range_may_be_written_in_three_ways() {
    assert_eq!(parts("0-8", 1000), one(0..9));
    assert_eq!(parts("990-", 1000), one(990..1000));
    assert_eq!(parts("-10", 1000), one(990..1000));
    assert_eq!(parts(" 1 - 2 ", 1000), one(1..3));
    assert_eq!(parts("990-1990", 1000), one(990..1000));
    assert_eq!(parts("-5000", 1000), one(0..1000));
}

#[test]
fn what_the_body_does_not_have_or_nobody_can_read_is_impossible() {
    for text in [
        "1000-",
        "alpha",
        "10-alpha",
        "10",
        "10-11 12-",
        "5-2",
        "-",
        "",
        "--5",
        "1-2-3",
    ] {
        assert_eq!(parts(text, 1000), Asked::Impossible, "{text}");
    }
    assert_eq!(parts("99999999999999999999-", 1000), Asked::Impossible);
    assert_eq!(parts("9223372036854775808-", 1000), Asked::Impossible);
}

#[test]
fn an_empty_body_is_sent_whole() {
    assert_eq!(parts("0-", 0), Asked::Whole);
    assert_eq!(parts("-10", 0), Asked::Whole);
    assert_eq!(parts("1-", 0), Asked::Impossible);
}

#[test]
fn several_ranges_keep_their_order_and_those_out_of_reach_are_left_out() {
    let expected = some(&[0..10, 990..1000, 10..20]);
    assert_eq!(parts("0-9, -10, 100000-, 10-19", 1000), expected);
}

#[test]
fn ranges_that_together_exceed_the_body_are_not_served() {
    assert_eq!(parts("0-10001, 0-0", 1000), Asked::Whole);
    assert_eq!(parts(&vec!["0-0"; 100].join(","), 1000), Asked::Whole);
    assert_eq!(parse(b"0-9,-10,10-19", 1000, 2), Asked::Whole);
    assert_eq!(parse(b"0-9,-10,10000-", 1000, 2), some(&[0..10, 990..1000]));
    assert_eq!(parse(b"0-0,2-2", 1000, 1), Asked::Whole);
}

#[test]
fn if_range_wants_the_same_tag_or_the_same_date() {
    let date = b"Sun, 06 Nov 1994 08:49:37 GMT";
    assert!(is_unchanged(b"\"a\"", Some(b"\"a\""), None));
    assert!(!is_unchanged(b"\"a\"", Some(b"W/\"a\""), None));
    assert!(!is_unchanged(b"\"a\"", None, None));
    assert!(is_unchanged(date, None, Some(784_111_777)));
    assert!(!is_unchanged(date, None, Some(784_111_778)));
    assert!(!is_unchanged(date, None, None));
    assert!(!is_unchanged(b"wrong", None, Some(-1)));
}

fn file() -> Rc<OwnedFd> {
    Rc::new(std::fs::File::open("/dev/null").expect("a file").into())
}

/// The chunks as text: bytes, or the range of the file.
fn shown(chunks: &[Chunk]) -> Vec<String> {
    let shown = |chunk: &Chunk| match chunk {
        Chunk::Memory(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Chunk::File(slice) => format!("{}..{}", slice.start, slice.end),
        Chunk::Flush => "flush".into(),
    };
    chunks.iter().map(shown).collect()
}

#[test]
fn a_cut_goes_through_memory_and_files() {
    let body = VecDeque::from([
        Chunk::Memory("0123".into()),
        Chunk::File(FileSlice {
            file: file(),
            start: 100,
            end: 110,
        }),
        Chunk::Flush,
        Chunk::Memory("4567".into()),
    ]);
    assert_eq!(shown(&cut(&body, &(0..4))), ["0123"]);
    assert_eq!(shown(&cut(&body, &(3..5))), ["3", "100..101"]);
    assert_eq!(shown(&cut(&body, &(5..13))), ["101..109"]);
    assert_eq!(shown(&cut(&body, &(13..16))), ["109..110", "flush", "45"]);
    assert_eq!(shown(&cut(&body, &(17..18))), ["flush", "7"]);
}

#[test]
fn a_part_of_a_file_is_a_206_with_its_place() {
    let slice = FileSlice {
        file: file(),
        start: 0,
        end: 1000,
    };
    let head = Head {
        content_length: Some(1000),
        ..Head::new(200)
    };
    let mut response = Response {
        head: Box::new(head),
        body: Body::Chunks([Chunk::File(slice)].into()),
    };
    single(&mut response, 1000, 990..1000, &mut Vec::new());
    assert_eq!(
        (response.head.status, response.head.content_length),
        (206, Some(10))
    );
    let range = response.head.get(FieldName::ContentRange).expect("a field");
    assert_eq!(range, "bytes 990-999/1000");
    let Body::Chunks(chunks) = &response.body else {
        panic!("a body of chunks")
    };
    assert_eq!(shown(chunks.as_slices().0), ["990..1000"]);
}

#[test]
fn the_length_of_a_multipart_body_is_that_of_its_parts() {
    let head = Head {
        content_length: Some(10),
        content_type: Some("text/plain".into()),
        ..Head::new(200)
    };
    let mut response = Response {
        head: Box::new(head),
        body: Body::bytes("0123456789"),
    };
    multipart(&mut response, 10, &[0..2, 7..10]);
    assert_eq!(response.head.content_length, response.body.len());
    let content_type = response.head.content_type.as_deref().unwrap_or_default();
    let content_type = String::from_utf8_lossy(content_type).into_owned();
    let boundary = content_type
        .strip_prefix("multipart/byteranges; boundary=")
        .expect("a type");
    assert_eq!(boundary.len(), 20);
    let Body::Chunks(chunks) = &mut response.body else {
        panic!("a body of chunks")
    };
    let text = shown(chunks.make_contiguous()).concat();
    let expected = format!(
        "\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n01\
         \r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 7-9/10\r\n\r\n789\
         \r\n--{boundary}--\r\n"
    );
    assert_eq!(text, expected);
}

#[test]
fn boundaries_differ() {
    assert_ne!(boundary(), boundary());
}
