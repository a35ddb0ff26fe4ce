//! PNG: what pictures are given out as, and what TightPNG makes parts of the screen of.

use std::io::Cursor;

use png::{BitDepth, ColorType, Compression, Decoder, Encoder, Filter, Limits, Transformations};

use crate::framebuffer::Framebuffer;
use crate::{Error, Pixel, Rect};

/// Memory that a picture from a server may take besides its pixels.
const DECODER_BYTES_MAX: usize = 1 << 20;

/// The screen as a PNG without opacity, compressed fast rather than small.
pub fn encode_png(screen: &Framebuffer) -> Vec<u8> {
    let mut out = Vec::new();
    if screen.pixels().is_empty() {
        return out;
    }
    let rgb: Vec<u8> = screen
        .pixels()
        .iter()
        .flat_map(|[r, g, b, _]| [*r, *g, *b])
        .collect();
    let mut encoder = Encoder::new(&mut out, screen.width().into(), screen.height().into());
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    encoder.set_filter(Filter::Up);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&rgb));
    // Memory takes everything, and the size fits the pixels.
    debug_assert!(written.is_ok(), "{written:?}");
    out
}

/// The pixels of a PNG that must be as large as its rectangle.
pub(crate) fn decode(bytes: &[u8], rect: Rect) -> Result<Vec<Pixel>, Error> {
    let failed = |error: png::DecodingError| broken(error.to_string());
    let limits = Limits {
        bytes: rect.area() * 8 + DECODER_BYTES_MAX,
    };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(failed)?;
    let size = (reader.info().width, reader.info().height);
    if size != (rect.width.into(), rect.height.into()) {
        let (width, height) = size;
        return Err(broken(format!(
            "it has {width}x{height} pixels, its rectangle {}x{}",
            rect.width, rect.height
        )));
    }
    let (color, _) = reader.output_color_type();
    let mut decoded = vec![0; rect.area() * color.samples()];
    reader.next_frame(&mut decoded).map_err(failed)?;
    let samples = decoded.chunks_exact(color.samples());
    Ok(samples.map(pixel).collect())
}

/// One pixel of grey or colours, with or without opacity, which a screen does not have.
fn pixel(samples: &[u8]) -> Pixel {
    match *samples {
        [grey] | [grey, _] => [grey, grey, grey, 255],
        [r, g, b, ..] => [r, g, b, 255],
        [] => [0, 0, 0, 255],
    }
}

fn broken(reason: String) -> Error {
    Error::Image {
        format: "PNG",
        reason,
    }
}
