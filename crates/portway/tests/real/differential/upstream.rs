//! The upstream of the corpus: what it answers depends on the path alone.

use testkit::Upstream;
use testkit::upstream::Peer;

/// Starts it; connections are kept as long as the proxy wants.
pub fn start() -> Upstream {
    Upstream::serving(|peer| while serve(peer).is_some() {})
}

/// Reads a request and answers it; `None` when the connection is to end.
fn serve(peer: &mut Peer) -> Option<()> {
    let head = peer.read_head()?;
    let body = read_body(peer, &head)?;
    let mut words = head.split(' ');
    let is_head = words.next() == Some("HEAD");
    let path = words
        .next()
        .unwrap_or_default()
        .split(['?', '#'])
        .next()
        .unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let keep = answer(peer, name, &head, &body, is_head);
    (keep && !head.to_ascii_lowercase().contains("connection: close")).then_some(())
}

fn read_body(peer: &mut Peer, head: &str) -> Option<Vec<u8>> {
    let lower = head.to_ascii_lowercase();
    if lower.contains("transfer-encoding: chunked") {
        return read_chunks(peer);
    }
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    peer.read_exact(
        length
            .and_then(|digits| digits.trim().parse().ok())
            .unwrap_or(0),
    )
}

fn read_chunks(peer: &mut Peer) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = peer.read_until(b"\r\n")?;
        let digits = String::from_utf8_lossy(&line).trim().to_owned();
        let size = usize::from_str_radix(&digits, 16).ok()?;
        body.extend(peer.read_exact(size)?);
        peer.read_exact(2)?;
        if size == 0 {
            return Some(body);
        }
    }
}

/// Sends the answer that `name` stands for; whether the connection can go on.
fn answer(peer: &mut Peer, name: &str, head: &str, body: &[u8], is_head: bool) -> bool {
    if let Some(fixed) = fixed_answer(name) {
        let end = if is_head {
            head_length(fixed)
        } else {
            fixed.len()
        };
        return peer.send(&fixed[..end]) && !name.ends_with("-close");
    }
    if let Some(status) = name.strip_prefix("status-") {
        let line = format!("HTTP/1.1 {status} As Told\r\nContent-Length: 8\r\nX-Up: yes\r\n\r\n");
        return peer.send(line.as_bytes()) && (is_head || peer.send(b"as told\n"));
    }
    // Everything else shows what arrived.
    let mut shown = head.replace("\r\n", "\n").into_bytes();
    shown.extend_from_slice(body);
    let line = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", shown.len());
    peer.send(line.as_bytes()) && (is_head || peer.send(&shown))
}

fn head_length(answer: &[u8]) -> usize {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    end.map_or(answer.len(), |at| at + 4)
}

fn fixed_answer(name: &str) -> Option<&'static [u8]> {
    let answers: &[(&str, &[u8])] = &[
        ("chunked", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"),
        ("unframed-close", b"HTTP/1.1 200 OK\r\nX-Framing: none\r\n\r\nuntil the end"),
        ("old-close", b"HTTP/1.0 200 OK\r\n\r\nfrom 1.0"),
        ("short-close", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort"),
        ("empty-close", b""),
        ("garbage-close", b"this is not HTTP\r\n\r\n"),
        ("bad-status-close", b"HTTP/1.1 abc\r\n\r\n"),
        ("null-close", b"HTTP/1.1 200 OK\r\nX-Null: a\0b\r\nContent-Length: 0\r\n\r\n"),
        ("two-lengths-close", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        ("both-framings-close", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"),
        ("bad-chunk-close", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"),
        ("bare-lf", b"HTTP/1.1 200 OK\nX-Bare: lf\nContent-Length: 2\n\r\nok"),
        ("no-content", b"HTTP/1.1 204 No Content\r\nX-Up: yes\r\n\r\n"),
        ("not-modified", b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"),
        ("no-reason", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"),
        ("continue", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ("redirect", b"HTTP/1.1 302 Found\r\nLocation: http://backend.example/up/there\r\nContent-Length: 0\r\n\r\n"),
        ("redirect-path", b"HTTP/1.1 301 Moved\r\nLocation: /up/there?a=b\r\nContent-Length: 0\r\n\r\n"),
        ("refresh", b"HTTP/1.1 200 OK\r\nRefresh: 5; url=http://backend.example/up/x\r\nContent-Length: 0\r\n\r\n"),
        ("cookies", b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Domain=backend.example; Path=/up/; HttpOnly\r\nSet-Cookie: b=2; path=/\r\nContent-Length: 0\r\n\r\n"),
        ("many-fields", b"HTTP/1.1 200 OK\r\nServer: theirs\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nX-Pad: p\r\nX-Accel-Limit-Rate: 0\r\nX-Powered-By: them\r\nX-Two: 1\r\nX-Two: 2\r\nETag: \"e\"\r\nLast-Modified: Thu, 01 Jan 1970 00:00:01 GMT\r\nCache-Control: no-cache\r\nVary: Accept\r\nContent-Type: text/x-up\r\nConnection: X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: hop\r\nContent-Length: 2\r\n\r\nok"),
        ("accel", b"HTTP/1.1 200 OK\r\nX-Accel-Redirect: /internal/a.txt\r\nContent-Type: text/x-accel\r\nX-Kept: no\r\nSet-Cookie: kept=yes\r\nContent-Length: 4\r\n\r\nlost"),
        ("accel-named", b"HTTP/1.1 200 OK\r\nX-Accel-Redirect: @named\r\nContent-Length: 0\r\n\r\n"),
        ("accel-missing", b"HTTP/1.1 200 OK\r\nX-Accel-Redirect: /internal/none\r\nContent-Length: 0\r\n\r\n"),
        ("accel-expires", b"HTTP/1.1 200 OK\r\nX-Accel-Expires: 60\r\nX-Accel-Buffering: no\r\nContent-Length: 2\r\n\r\nok"),
        ("ranges", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"),
        ("underscore", b"HTTP/1.1 200 OK\r\nX_Under: 1\r\nContent-Length: 0\r\n\r\n"),
    ];
    answers
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, bytes)| *bytes)
}
