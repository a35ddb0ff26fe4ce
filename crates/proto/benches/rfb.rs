//! Times the following of servers' streams: `cargo bench -p portway-proto --bench rfb`.
//!
//! A gibibyte that is merely carried costs about half a second of CPU; what is printed here comes
//! on top of that.

use std::hint::black_box;
use std::time::Instant;

use proto::rfb::{ClientStream, Rules, ServerFilter, ServerInit};

const FORMAT: [u8; 16] = [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0];
const RULES: Rules = Rules {
    clipboard_out: false,
    both_sides: true,
    ..Rules::CONTROL
};

/// Bytes of a read.
const READ: usize = 256 * 1024;
/// Bytes of a stream, over and over.
const STREAM: usize = 8 << 20;

fn main() {
    let tight = |len: usize| {
        let mut body = vec![0x00, 0x80 | (len & 0x7f) as u8, (len >> 7) as u8];
        body.extend(std::iter::repeat_n(7, len));
        rect(7, &body)
    };
    time("raw, 64 by 64", &rect(0, &[7; 64 * 64 * 4]));
    time("tight, 4000 bytes", &tight(4000));
    time("tight, 200 bytes", &tight(200));
    // Sixteen tiles of two colours and ten subrectangles.
    let tile = [&[8 | 4 | 2][..], &[7; 8], &[10], &[7; 20]].concat();
    time("hextile, 30 bytes a tile", &rect(5, &tile.repeat(16)));
}

/// A rectangle of 64 by 64.
fn rect(encoding: i32, body: &[u8]) -> Vec<u8> {
    let head = [0, 0, 0, 0, 0, 64, 0, 64];
    [&head[..], &encoding.to_be_bytes(), body].concat()
}

/// Follows updates of ten such rectangles each.
fn time(name: &str, rect: &[u8]) {
    let update = [&[0, 0, 0, 10][..], &rect.repeat(10)].concat();
    let stream = update.repeat(STREAM / update.len());
    let init = ServerInit {
        width: 800,
        height: 600,
        pixel_format: FORMAT,
        name: Vec::new(),
    };
    let (mut client, mut filter) = (ClientStream::beside_server(&init), ServerFilter::new(&init));
    let request = [3, 0, 0, 0, 0, 0, 3, 32, 2, 88];
    let begun = client.enforce(&request, &RULES, &mut Vec::new());
    assert!(begun.is_ok() && client.agree(&mut filter).is_ok());
    let (mut bytes, mut buf) = (0, Vec::with_capacity(READ * 2));
    let start = Instant::now();
    while start.elapsed().as_millis() < 500 {
        for read in stream.chunks(READ) {
            buf.extend_from_slice(read);
            let filtered = filter.filter(&mut buf, &RULES, |_, piece| {
                black_box(piece);
            });
            let used = filtered.map_or(0, |filtered| filtered.used);
            assert!(used > 0, "the stream can be followed");
            buf.drain(..used);
            bytes += read.len();
        }
    }
    let per_gib = start.elapsed().as_secs_f64() / bytes as f64 * (1u64 << 30) as f64;
    let copied = copying(&stream);
    println!("{name}: {:.3} s per GiB", (per_gib - copied).max(0.0));
}

/// What this measurement itself costs: seconds per GiB.
fn copying(stream: &[u8]) -> f64 {
    let (mut bytes, mut buf) = (0, Vec::with_capacity(READ * 2));
    let start = Instant::now();
    while start.elapsed().as_millis() < 200 {
        for read in stream.chunks(READ) {
            buf.extend_from_slice(read);
            black_box(&buf);
            buf.clear();
            bytes += read.len();
        }
    }
    start.elapsed().as_secs_f64() / bytes as f64 * (1u64 << 30) as f64
}
