//! What the server sends after the handshake (RFC 6143 §7.6 to §7.8 and extensions).

use super::encoding;
use super::pixel::PixelFormat;
use crate::geom::Rect;
use crate::shell::Move;

/// Appends the `ServerInit` message.
pub(crate) fn put_server_init(size: (u16, u16), name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&size.0.to_be_bytes());
    out.extend_from_slice(&size.1.to_be_bytes());
    out.extend_from_slice(&PixelFormat::NATIVE.to_wire());
    put_string(name.as_bytes(), out);
}

/// Appends the start of a `FramebufferUpdate` of so many rectangles.
pub(crate) fn put_update_header(rects: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 0]);
    out.extend_from_slice(&rects.to_be_bytes());
}

/// Appends a rectangle's header: x, y, width, height and encoding.
pub(crate) fn put_rect_header(fields: [u16; 4], encoding: i32, out: &mut Vec<u8>) {
    for field in fields {
        out.extend_from_slice(&field.to_be_bytes());
    }
    out.extend_from_slice(&encoding.to_be_bytes());
}

/// Appends the header of a rectangle of pixels, which lies on the desktop.
pub(crate) fn put_pixels_header(area: Rect, encoding: i32, out: &mut Vec<u8>) {
    // The desktop is at most a few thousand pixels wide and high, so nothing is cut off.
    let fields = [area.x, area.y, area.w, area.h].map(|field| field as u16);
    put_rect_header(fields, encoding, out);
}

/// Appends a rectangle that the viewer copies from its own picture.
pub(crate) fn put_copy_rect(block: Move, out: &mut Vec<u8>) {
    put_pixels_header(block.target(), encoding::COPY_RECT, out);
    out.extend_from_slice(&(block.from.x as u16).to_be_bytes());
    out.extend_from_slice(&(block.from.y as u16).to_be_bytes());
}

/// Appends the rectangle that tells a new size to viewers of the plain extension.
pub(crate) fn put_desktop_size(size: (u16, u16), out: &mut Vec<u8>) {
    put_rect_header([0, 0, size.0, size.1], encoding::DESKTOP_SIZE, out);
}

/// Appends the rectangle that tells a size, or why it was not changed.
pub(crate) fn put_extended_desktop_size(
    size: (u16, u16),
    (reason, status): (u16, u16),
    out: &mut Vec<u8>,
) {
    let fields = [reason, status, size.0, size.1];
    put_rect_header(fields, encoding::EXTENDED_DESKTOP_SIZE, out);
    // One screen, number 0, at the origin, without flags.
    out.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    out.extend_from_slice(&size.0.to_be_bytes());
    out.extend_from_slice(&size.1.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
}

/// Appends the rectangle that tells the desktop's name.
pub(crate) fn put_desktop_name(name: &str, out: &mut Vec<u8>) {
    put_rect_header([0; 4], encoding::DESKTOP_NAME, out);
    put_string(name.as_bytes(), out);
}

/// Appends a `ServerCutText` in Latin-1; what that lacks becomes a question mark.
pub(crate) fn put_cut_text(text: &str, out: &mut Vec<u8>) {
    let latin: Vec<u8> = text
        .chars()
        .map(|letter| u8::try_from(letter).unwrap_or(b'?'))
        .collect();
    out.extend_from_slice(&[3, 0, 0, 0]);
    put_string(&latin, out);
}

/// Appends a `ServerCutText` that carries a message of the extended clipboard.
pub(crate) fn put_extended_cut_text(payload: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&[3, 0, 0, 0]);
    out.extend_from_slice(&(payload.len() as u32).wrapping_neg().to_be_bytes());
    out.extend_from_slice(payload);
}

fn put_string(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}
