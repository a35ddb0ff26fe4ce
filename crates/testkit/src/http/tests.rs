//! The client against scripted peers.

use std::time::Duration;

use super::*;
use crate::Upstream;

fn answer(bytes: &'static [u8]) -> Response {
    let upstream = Upstream::answering(bytes);
    get(upstream.addr(), "/")
}

#[test]
fn a_body_with_a_length_is_read_to_its_length() {
    let upstream = Upstream::serving(|peer| {
        peer.read_head();
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: 1\r\nx-a: 2\r\n\r\nok");
        peer.send(b"HTTP/1.1 204 No Content\r\n\r\n");
        peer.hold();
    });
    let mut conn = Conn::open(upstream.addr());
    let first = conn.get("/", "");
    assert_eq!((first.status, first.text().as_str()), (200, "ok"));
    assert_eq!(first.all("x-a"), ["1", "2"]);
    assert!(first.keeps_alive());
    assert_eq!(conn.response().status, 204);
    assert!(conn.silent_for(Duration::from_millis(50)));
}

#[test]
fn chunks_and_trailers_are_taken_apart() {
    let response = answer(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
          3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-End: yes\r\n\r\n",
    );
    assert_eq!(response.text(), "abcde");
    assert_eq!(response.chunks, [3, 2]);
    assert_eq!(response.trailers, [("X-End".to_owned(), "yes".to_owned())]);
}

#[test]
fn a_body_without_a_length_ends_with_the_connection() {
    let response = answer(b"HTTP/1.0 200 OK\r\n\r\nall of it");
    assert_eq!(response.text(), "all of it");
    assert!(!response.keeps_alive());
}

#[test]
fn an_answer_without_a_head_is_a_simple_response() {
    assert_eq!(answer(b"<html>").text(), "<html>");
}

#[test]
fn a_truncated_body_is_no_response() {
    let upstream = Upstream::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort");
    let mut conn = Conn::open(upstream.addr());
    conn.send("GET / HTTP/1.1\r\n\r\n");
    let error = conn
        .try_response("GET")
        .expect_err("five of nine bytes came");
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}
