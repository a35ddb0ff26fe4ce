//! Runs the fuzz targets over saved inputs and their mutations.

use super::super::fuzz;

const REQUESTS: &[&[u8]] = &[
    b"GET /a/./b/../%41?x=y HTTP/1.1\r\nHost: a.b.:80\r\nConnection: close\r\n\r\nx",
    b"\r\nPOST http://[::1]:8/x%2e%2e//?q#f HTTP/1.0\nContent-Length: 5 \n\n",
    b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET /\r\n",
    b"PROPFIND http://a HTTP/1.1  \r\nHost: a\r\nX_Y: z\r\nX{: \r\r\nNo-Colon\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\nX: b\0c\n\n",
    b"GET / HTTP/1.1\nA:\nB:\nC:\nD:\nE:\n\n",
];

const RESPONSES: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
    b"HTTP/1.0 403.1 No\nHTTP/1.0 200 OK\nTransfer-Encoding: chunked\n\n",
    b"HTTP/12.34 304\r\n X: y\r\n\r\n",
    b"<html>",
];

const BODIES: &[&[u8]] = &[
    b"5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nA: b\r\n\r\nrest",
    b"0 \r\n\r\n",
    b"7fffffffffffffff\r\n",
    b"A: b\r\nC:\r\n\r\n",
];

const TEXTS: &[&[u8]] = &[
    b"/a/%2e%2e//b/./c%2F..?d%3F#e+",
    b"?a#b",
    b"a.b.:8080",
    b"[::FFFF:1.2.3.4]:1",
    b"Sun, 06 Nov 1994 08:49:37 GMT",
    b"Sunday, 06-Nov-94 08:49:37 GMT",
    b"Sun Nov  6 08:49:37 1994",
];

/// Bytes that mean something to one of the parsers.
const SPICE: &[u8] = b"\r\n\0 \t:;/?#%.[]_-+019afFxHT\x7f\xff";

/// Runs the target over each input and over `rounds` mutations of it; the same each time.
fn run(target: fn(&[u8]), inputs: &[&[u8]], rounds: usize) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for input in inputs {
        target(input);
        for _ in 0..rounds {
            let mut data = input.to_vec();
            for _ in 0..=random.below(3) {
                mutate(&mut data, &mut random);
            }
            target(&data);
        }
    }
}

fn mutate(data: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(data.len() + 1);
    let spice = SPICE[random.below(SPICE.len())];
    match random.below(4) {
        0 => data.insert(at, spice),
        1 if at < data.len() => data[at] = spice,
        2 if at < data.len() => drop(data.remove(at)),
        _ => data.truncate(at.max(1)),
    }
}

/// xorshift64
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

#[test]
fn requests_do_not_depend_on_how_they_are_cut() {
    run(fuzz::request, REQUESTS, 300);
}

#[test]
fn responses_do_not_depend_on_how_they_are_cut() {
    run(fuzz::response, RESPONSES, 300);
}

#[test]
fn chunked_bodies_do_not_depend_on_how_they_are_cut() {
    run(fuzz::chunked, BODIES, 500);
}

#[test]
fn texts_keep_their_rules() {
    run(fuzz::texts, TEXTS, 5000);
}
