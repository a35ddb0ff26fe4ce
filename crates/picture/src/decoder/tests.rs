//! Byte vectors: what each message and encoding makes of a small screen.

mod formats;
mod pseudo;
mod rectangles;
mod states;
mod streams;

use flate2::{Compress, Compression, FlushCompress};

use super::*;
use crate::{Pixel, Rect};

const RED: Pixel = [255, 0, 0, 255];
const GREEN: Pixel = [0, 255, 0, 255];
const BLUE: Pixel = [0, 0, 255, 255];
const BLACK: Pixel = [0, 0, 0, 255];

/// The same in [`PixelFormat::RGBX`].
const R4: [u8; 4] = [255, 0, 0, 0];
const G4: [u8; 4] = [0, 255, 0, 0];
const B4: [u8; 4] = [0, 0, 255, 0];
const R3: [u8; 3] = [255, 0, 0];
const G3: [u8; 3] = [0, 255, 0];
const B3: [u8; 3] = [0, 0, 255];

fn decoder(width: u16, height: u16) -> Decoder {
    Decoder::new(width, height, PixelFormat::RGBX, Limits::default()).unwrap()
}

fn rect(x: u16, y: u16, width: u16, height: u16) -> Rect {
    Rect {
        x,
        y,
        width,
        height,
    }
}

/// An update of some rectangles.
fn update(rects: &[(Rect, i32, &[u8])]) -> Vec<u8> {
    let mut out = vec![0, 0, 0, rects.len() as u8];
    for (rect, encoding, body) in rects {
        for number in [rect.x, rect.y, rect.width, rect.height] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(&encoding.to_be_bytes());
        out.extend_from_slice(body);
    }
    out
}

/// The pixels that one rectangle makes of a black screen as large as it, whole and byte by byte.
fn painted(width: u16, height: u16, encoding: i32, body: &[u8]) -> Vec<Pixel> {
    let bytes = update(&[(rect(0, 0, width, height), encoding, body)]);
    let mut whole = decoder(width, height);
    whole.handle(&bytes).unwrap();
    assert!(whole.is_at_boundary(), "something is left over");
    assert_eq!(whole.updates(), 1);
    let mut split = decoder(width, height);
    for byte in &bytes {
        split.handle(&[*byte]).unwrap();
    }
    assert_eq!(
        split.screen(),
        whole.screen(),
        "a split changed the picture"
    );
    whole.screen().pixels().to_vec()
}

fn error(encoding: i32, body: &[u8]) -> Error {
    let mut decoder = decoder(4, 2);
    let bytes = update(&[(rect(0, 0, 4, 2), encoding, body)]);
    let error = decoder.handle(&bytes).unwrap_err();
    assert_eq!(decoder.handle(&[2]), Err(error.clone()), "it is told again");
    error
}

/// A server's compressed stream.
struct Stream(Compress);

impl Stream {
    fn new() -> Self {
        Self(Compress::new(Compression::default(), true))
    }

    /// The next piece, flushed as servers do.
    fn next(&mut self, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(data.len() + 64);
        let before = self.0.total_in();
        let flush = FlushCompress::Sync;
        self.0.compress_vec(data, &mut out, flush).unwrap();
        assert_eq!(self.0.total_in() - before, data.len() as u64);
        out
    }

    /// The next piece behind its length in four bytes.
    fn with_len(&mut self, data: &[u8]) -> Vec<u8> {
        let piece = self.next(data);
        [&(piece.len() as u32).to_be_bytes()[..], &piece].concat()
    }
}

#[test]
fn saved_fuzz_inputs_hold() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../fuzz/corpus/picture_decoder"
    );
    let mut ran = 0;
    for input in std::fs::read_dir(folder).unwrap() {
        crate::fuzz::decoder(&std::fs::read(input.unwrap().path()).unwrap());
        ran += 1;
    }
    assert!(ran > 0, "no inputs are saved");
}
