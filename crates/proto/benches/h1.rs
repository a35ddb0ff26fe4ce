//! Times the HTTP/1 codec: `cargo bench -p portway-proto --bench h1`.

use std::hint::black_box;
use std::time::Instant;

use proto::h1::{
    ChunkStep, ChunkedDecoder, Framing, HeadOptions, Host, Progress, RequestParser, ResponseParser,
    Slashes, Trailers, format_http_date, normalize,
};

const SHORT_REQUEST: &[u8] =
    b"GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n";

const BROWSER_REQUEST: &[u8] = b"GET /assets/app.5f1c2.js?v=20260401 HTTP/1.1\r\n\
    Host: www.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Referer: https://www.example.com/\r\n\
    Connection: keep-alive\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=1\r\n\
    Sec-Fetch-Site: same-origin\r\n\
    If-None-Match: \"5f1c2-3039\"\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nServer: x\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
    Content-Type: text/html\r\nContent-Length: 612\r\nConnection: keep-alive\r\n\
    Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nETag: \"abc-def\"\r\n\r\n";

const OPTIONS: HeadOptions = HeadOptions {
    underscores_in_headers: false,
    ignore_invalid_headers: true,
    fields_max: 1000,
};

fn main() {
    for (name, request) in [("short", SHORT_REQUEST), ("browser", BROWSER_REQUEST)] {
        let mut parser = RequestParser::new();
        time(&format!("request head, {name}"), request.len(), || {
            while parser.parse(black_box(request), &OPTIONS) != Ok(Progress::Done) {}
            let head = parser.take_head();
            parser.recycle(black_box(head));
        });
        time(
            &format!("request, {name}: head, framing, host, path"),
            request.len(),
            || {
                while parser.parse(black_box(request), &OPTIONS) != Ok(Progress::Done) {}
                let head = parser.take_head();
                let _ = black_box(Framing::of_request(&head, request));
                let _ = black_box(Host::of_request(&head, request));
                let _ = black_box(normalize(head.target.of(request), Slashes::Merge));
                parser.recycle(head);
            },
        );
    }
    let mut parser = ResponseParser::new();
    time("response head", RESPONSE.len(), || {
        while parser.parse(black_box(RESPONSE)) != Ok(Progress::Done) {}
        let head = parser.take_head();
        parser.recycle(black_box(head));
    });
    let body = [b"400\r\n", [b'x'; 1024].as_slice(), b"\r\n"]
        .concat()
        .repeat(100);
    time("chunked body, 100 chunks of 1 KiB", body.len(), || {
        let mut decoder = ChunkedDecoder::new(Trailers::Discard);
        let mut rest = black_box(body.as_slice());
        while let Ok(decoded) = decoder.decode(rest) {
            rest = rest.get(decoded.consumed..).unwrap_or_default();
            if decoded.step == ChunkStep::More {
                break;
            }
        }
    });
    time("date", 29, || {
        black_box(format_http_date(black_box(784_111_777)));
    });
}

/// Prints the best of many rounds: the one that was disturbed least.
fn time(name: &str, bytes: usize, mut once: impl FnMut()) {
    const ROUNDS: u32 = 30;
    const RUNS: u32 = 10_000;
    let round = |_| {
        let start = Instant::now();
        (0..RUNS).for_each(|_| once());
        start.elapsed() / RUNS
    };
    let best = (0..ROUNDS).map(round).min().unwrap_or_default();
    println!("{name:45} {bytes:7} bytes {:7} ns", best.as_nanos());
}
