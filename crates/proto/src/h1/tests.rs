//! Byte scripts and tables for the codec.

mod bodies;
mod fuzz_inputs;
mod requests;
mod responses;
mod small_change;
mod targets;

use super::*;

/// Parses a request head that is all there.
fn parse(data: &[u8]) -> Result<RequestHead, HeadError> {
    parse_with(data, &HeadOptions::default())
}

fn parse_with(data: &[u8], options: &HeadOptions) -> Result<RequestHead, HeadError> {
    let mut parser = RequestParser::new();
    loop {
        match parser.parse(data, options)? {
            Progress::Done => return Ok(parser.take_head()),
            Progress::More { .. } => panic!("not complete: {}", data.escape_ascii()),
            Progress::FirstLine | Progress::Host => {}
        }
    }
}

fn parse_response(data: &[u8]) -> Result<ResponseHead, ResponseError> {
    let mut parser = ResponseParser::new();
    loop {
        match parser.parse(data)? {
            Progress::Done => return Ok(parser.take_head()),
            Progress::More { .. } => panic!("not complete: {}", data.escape_ascii()),
            Progress::FirstLine | Progress::Host => {}
        }
    }
}

/// Names and values, for comparing.
fn pairs<'a>(fields: &Fields, buf: &'a [u8]) -> Vec<(&'a str, &'a str)> {
    let text = |span: Span| str::from_utf8(span.of(buf)).unwrap();
    fields
        .iter()
        .map(|field| (text(field.name), text(field.value)))
        .collect()
}
