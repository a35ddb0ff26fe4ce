//! The body of the fuzz target for the decoder; a unit test runs it on the saved inputs.

use crate::{Decoder, Framebuffer, Limits, PixelFormat};

/// A screen small enough to be looked at often.
const LIMITS: Limits = Limits {
    side_max: 512,
    pixels_max: 64 << 10,
};

/// Bytes: how to split, 16 of a pixel format, and what a server sends. A split changes nothing.
pub fn decoder(data: &[u8]) {
    let Some(([step, format @ ..], data)) = data.split_first_chunk::<17>() else {
        return;
    };
    let Ok(format) = PixelFormat::parse(format) else {
        return;
    };
    let whole = decoded(format, data, data.len().max(1));
    let split = decoded(format, data, usize::from(*step).max(1));
    assert_eq!(whole, split, "a split changed the picture");
}

fn decoded(format: PixelFormat, data: &[u8], step: usize) -> Result<(Framebuffer, u64, bool), ()> {
    let mut decoder = Decoder::new(100, 70, format, LIMITS).map_err(drop)?;
    for piece in data.chunks(step) {
        decoder.handle(piece).map_err(drop)?;
    }
    let screen = decoder.screen().clone();
    Ok((screen, decoder.updates(), decoder.is_at_boundary()))
}
