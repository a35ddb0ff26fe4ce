//! Encodings with compressed streams: Zlib, ZRLE, Tight.

use super::encodings::*;
use super::*;

#[test]
fn zlib_goes_on_where_the_last_rectangle_ended() {
    let mut stream = Stream::new();
    let first = stream.with_len(&[R4, G4].concat());
    let second = stream.with_len(&[G4, B4].concat());
    let mut decoder = decoder(2, 1);
    let all = rect(0, 0, 2, 1);
    decoder.handle(&update(&[(all, ZLIB, &first)])).unwrap();
    assert_eq!(decoder.screen().pixels(), [RED, GREEN]);
    decoder.handle(&update(&[(all, ZLIB, &second)])).unwrap();
    assert_eq!(decoder.screen().pixels(), [GREEN, BLUE]);
}

#[test]
fn zlib_of_a_large_screen_is_read_piece_by_piece() {
    let pixels: Vec<Pixel> = (0..300u32 * 400)
        .map(|at| [at as u8, (at >> 8) as u8, (at / 7) as u8, 255])
        .collect();
    let bytes: Vec<u8> = pixels
        .iter()
        .flat_map(|[r, g, b, _]| [*r, *g, *b, 0])
        .collect();
    let body = Stream::new().with_len(&bytes);
    let bytes = update(&[(rect(0, 0, 300, 400), ZLIB, &body)]);
    for step in [7, 1000, bytes.len()] {
        let mut decoder = decoder(300, 400);
        bytes
            .chunks(step)
            .for_each(|piece| decoder.handle(piece).unwrap());
        assert!(decoder.is_at_boundary());
        assert_eq!(decoder.screen().pixels(), pixels, "in pieces of {step}");
    }
}

#[test]
fn zrle_tiles_are_64_wide() {
    let tiles = [&[1][..], &R3, &[1], &G3].concat();
    let body = Stream::new().with_len(&tiles);
    let pixels = painted(65, 1, ZRLE, &body);
    assert_eq!((pixels[0], pixels[63], pixels[64]), (RED, RED, GREEN));
    for form in [127, 129] {
        let error = error(ZRLE, &Stream::new().with_len(&[form]));
        assert!(
            error.to_string().contains("ZRLE encoding has no tile"),
            "{error}"
        );
    }
}

#[test]
fn compressed_data_holds_exactly_its_rectangle() {
    let mut pixels = [R4; 8].concat();
    assert_eq!(
        error(ZLIB, &Stream::new().with_len(&pixels[1..])),
        Error::Short
    );
    pixels.push(0);
    assert_eq!(error(ZLIB, &Stream::new().with_len(&pixels)), Error::Long);
    let bomb = Stream::new().with_len(&vec![0; 50 << 20]);
    assert_eq!(error(ZLIB, &bomb), Error::Long);
}

#[test]
fn what_is_no_stream_is_damaged() {
    let damaged = |bytes: &[u8]| {
        let body = [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat();
        error(ZLIB, &body).to_string()
    };
    assert!(damaged(b"hello").contains("no zlib stream"));
    // A dictionary that nobody has.
    assert!(damaged(&[0x78, 0xbb, 0, 0, 0, 0]).contains("no zlib stream"));
    assert!(damaged(&[0x78, 0x9c, 0xff, 0xff, 0xff]).contains("damaged"));
    // A stream that has ended: one stored block that is the last, and then more.
    let ended = [0x78, 0x01, 1, 1, 0, 0xfe, 0xff, 7, 9, 9];
    assert!(damaged(&ended).contains("has ended"), "{}", damaged(&ended));
}

#[test]
fn tight_fills_with_three_bytes() {
    assert_eq!(
        painted(2, 1, TIGHT, &[&[0x80][..], &G3].concat()),
        [GREEN; 2]
    );
}

#[test]
fn tight_sends_little_as_it_is_and_more_compressed() {
    let few = [&[0x00][..], &R3, &G3, &B3].concat();
    assert_eq!(painted(3, 1, TIGHT, &few), [RED, GREEN, BLUE]);
    let piece = Stream::new().next(&[R3, G3, B3, R3].concat());
    let body = [&[0x20, piece.len() as u8][..], &piece].concat();
    assert_eq!(painted(4, 1, TIGHT, &body), [RED, GREEN, BLUE, RED]);
}

#[test]
fn tight_may_leave_much_uncompressed() {
    let colours = [R3, G3, B3, R3].concat();
    let body = [&[0xa0, 12][..], &colours].concat();
    assert_eq!(painted(4, 1, TIGHT, &body), [RED, GREEN, BLUE, RED]);
    let body = [&[0xe0, 0, 12][..], &colours].concat();
    assert_eq!(painted(4, 1, TIGHT, &body), [RED, GREEN, BLUE, RED]);
    let few = [&[0xa0][..], &R3, &G3].concat();
    assert_eq!(painted(2, 1, TIGHT, &few), [RED, GREEN]);
}

#[test]
fn tight_palettes_have_bits_or_bytes() {
    let two = [&[0x40, 1, 1][..], &R3, &B3, &[0b0100_0000, 0b1000_0000]].concat();
    let expected = [RED, BLUE, RED, BLUE, RED, RED];
    assert_eq!(painted(3, 2, TIGHT, &two), expected);
    let three = [&[0x40, 1, 2][..], &R3, &G3, &B3, &[2, 1, 0]].concat();
    assert_eq!(painted(3, 1, TIGHT, &three), [BLUE, GREEN, RED]);
    let piece = Stream::new().next(&[0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
    let head = [&[0x50, 1, 2][..], &R3, &G3, &B3, &[piece.len() as u8]].concat();
    let pixels = painted(12, 1, TIGHT, &[head, piece].concat());
    assert_eq!(pixels, [RED, GREEN, BLUE].repeat(4));
}

#[test]
fn tight_gradients_add_to_what_is_foreseen() {
    // 2 x 2: 10, +5 over the left; then +1 over the above; then as foreseen: above + left - corner.
    let body = [&[0x40, 2][..], &[10; 3], &[5; 3], &[1; 3], &[0; 3]].concat();
    let piece = Stream::new().next(&body[2..]);
    let body = [&[0x40, 2, piece.len() as u8][..], &piece].concat();
    let grey = |value: u8| [value, value, value, 255];
    let expected = [grey(10), grey(15), grey(11), grey(16)];
    assert_eq!(painted(2, 2, TIGHT, &body), expected);
}

#[test]
fn tight_streams_are_reset_when_asked() {
    let colours = [R3, G3, B3, R3].concat();
    let mut decoder = decoder(4, 1);
    for control in [0x00, 0x01] {
        let piece = Stream::new().next(&colours);
        let body = [&[control, piece.len() as u8][..], &piece].concat();
        let bytes = update(&[(rect(0, 0, 4, 1), TIGHT, &body)]);
        decoder.handle(&bytes).unwrap();
    }
    assert_eq!(decoder.screen().pixels(), [RED, GREEN, BLUE, RED]);
    let piece = Stream::new().next(&colours);
    let body = [&[0x00, piece.len() as u8][..], &piece].concat();
    let bytes = update(&[(rect(0, 0, 4, 1), TIGHT, &body)]);
    assert!(
        decoder.handle(&bytes).is_err(),
        "a new stream without a reset"
    );
}

#[test]
fn png_is_for_tight_png_only() {
    let screen = Framebuffer::from_pixels(3, 1, vec![RED, GREEN, BLUE]).unwrap();
    let png = crate::encode_png(&screen);
    let len = png.len();
    let head = [0xa0, len as u8 | 0x80, (len >> 7) as u8];
    let body = [&head[..], &png].concat();
    assert_eq!(painted(3, 1, TIGHT_PNG, &body), [RED, GREEN, BLUE]);
    // In Tight the same says that pixels are not compressed, and how many bytes they are.
    assert!(matches!(
        error(TIGHT, &body),
        Error::NoSuch { what: "length", .. }
    ));
    let wrong = error(TIGHT_PNG, &body).to_string();
    assert!(wrong.contains("its rectangle 4x2"), "{wrong}");
    let damaged = error(TIGHT_PNG, &[0xa0, 3, 1, 2, 3]);
    assert!(matches!(damaged, Error::Image { format: "PNG", .. }));
}

#[test]
fn jpeg_is_as_large_as_its_rectangle() {
    let body = |jpeg: &[u8]| {
        let len = jpeg.len();
        [&[0x90, len as u8 | 0x80, (len >> 7) as u8][..], jpeg].concat()
    };
    let jpeg = include_bytes!("red-8x8.jpg");
    for [r, g, b, _] in painted(8, 8, TIGHT, &body(jpeg)) {
        assert!(r > 250 && g < 5 && b < 5, "{r} {g} {b}");
    }
    let grey = include_bytes!("grey-8x8.jpg");
    for [r, g, b, _] in painted(8, 8, TIGHT, &body(grey)) {
        assert!(r == g && g == b && r.abs_diff(100) < 3, "{r} {g} {b}");
    }
    let is_refused = |error| matches!(error, Error::Image { format: "JPEG", .. });
    assert!(is_refused(error(TIGHT, &body(jpeg))), "it is larger");
    assert!(is_refused(error(TIGHT, &body(&jpeg[..jpeg.len() / 2]))));
    let mut decoder = decoder(9, 8);
    let bytes = update(&[(rect(0, 0, 9, 8), TIGHT, &body(jpeg))]);
    let smaller = decoder.handle(&bytes).unwrap_err();
    assert!(smaller.to_string().contains("8x8"), "{smaller}");
}
