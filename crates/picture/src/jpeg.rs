//! JPEG, of which Tight makes parts of the screen.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use crate::{Error, Pixel, Rect};

/// The pixels of a JPEG that must be as large as its rectangle.
pub(crate) fn decode(bytes: &[u8], rect: Rect) -> Result<Vec<Pixel>, Error> {
    let (width, height) = (usize::from(rect.width), usize::from(rect.height));
    let options = DecoderOptions::new_safe()
        .set_max_width(width)
        .set_max_height(height);
    let failed = |error: zune_jpeg::errors::DecodeErrors| broken(error.to_string());
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(failed)?;
    let info = decoder.info().ok_or_else(|| broken("no size".to_owned()))?;
    if (info.width.into(), info.height.into()) != (width, height) {
        return Err(broken(format!(
            "it has {}x{} pixels, its rectangle {width}x{height}",
            info.width, info.height
        )));
    }
    // Shades of grey are not made into colours there.
    let is_grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let wanted = if is_grey {
        ColorSpace::Luma
    } else {
        ColorSpace::RGB
    };
    decoder.set_options(options.jpeg_set_out_colorspace(wanted));
    let decoded = decoder.decode().map_err(failed)?;
    let pixels: Vec<Pixel> = match is_grey {
        true => decoded
            .iter()
            .map(|grey| [*grey, *grey, *grey, 255])
            .collect(),
        false => {
            let pixels = decoded.as_chunks::<3>().0.iter();
            pixels.map(|[r, g, b]| [*r, *g, *b, 255]).collect()
        }
    };
    match pixels.len() == rect.area() {
        true => Ok(pixels),
        false => Err(broken("pixels are missing".to_owned())),
    }
}

fn broken(reason: String) -> Error {
    Error::Image {
        format: "JPEG",
        reason,
    }
}
