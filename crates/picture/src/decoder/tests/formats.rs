//! Pixel formats: how the same colours come in each.

use super::encodings::*;
use super::*;

fn format(bits: u8, depth: u8, big_endian: bool, max: [u16; 3], shift: [u8; 3]) -> PixelFormat {
    PixelFormat {
        bits_per_pixel: bits,
        depth,
        big_endian,
        true_colour: true,
        max,
        shift,
    }
}

fn painted_in(format: PixelFormat, encoding: i32, body: &[u8]) -> Vec<Pixel> {
    let mut decoder = Decoder::new(2, 1, format, Limits::default()).unwrap();
    decoder
        .handle(&update(&[(rect(0, 0, 2, 1), encoding, body)]))
        .unwrap();
    decoder.screen().pixels().to_vec()
}

#[test]
fn raw_pixels_of_every_size_and_order() {
    let rgb565 = |big| format(16, 16, big, [31, 63, 31], [11, 5, 0]);
    let rgb332 = format(8, 8, false, [7, 7, 3], [0, 3, 6]);
    let deep = format(32, 30, false, [1023; 3], [20, 10, 0]);
    for (format, body) in [
        (rgb565(true), &[0xf8, 0x00, 0x00, 0x1f][..]),
        (rgb565(false), &[0x00, 0xf8, 0x1f, 0x00]),
        (rgb332, &[0b0000_0111, 0b1100_0000]),
        (
            format(32, 24, true, [255; 3], [16, 8, 0]),
            &[0, 255, 0, 0, 0, 0, 0, 255],
        ),
        (
            format(32, 24, false, [255; 3], [24, 16, 8]),
            &[0, 0, 0, 255, 0, 255, 0, 0],
        ),
        (deep, &[0, 0, 0xf0, 0x3f, 0xff, 0x03, 0, 0]),
    ] {
        assert_eq!(painted_in(format, RAW, body), [RED, BLUE], "{format:?}");
        let again = PixelFormat::parse(&format.to_bytes());
        assert_eq!(again, Ok(format));
    }
    let half = painted_in(rgb332, RAW, &[0b1001_1100, 0]);
    assert_eq!(half[0], [146, 109, 170, 255], "4 of 7, 3 of 7, 2 of 3");
}

#[test]
fn compact_pixels_are_the_three_bytes_that_matter() {
    let low = [16, 8, 0];
    let high = [24, 16, 8];
    for (big, shift, body) in [
        (false, low, [0, 0, 255, 255, 0, 0]),
        (true, low, [255, 0, 0, 0, 0, 255]),
        (false, high, [0, 0, 255, 255, 0, 0]),
        (true, high, [255, 0, 0, 0, 0, 255]),
    ] {
        let format = format(32, 24, big, [255; 3], shift);
        let body = [&[0][..], &body].concat();
        assert_eq!(painted_in(format, TRLE, &body), [RED, BLUE], "{format:?}");
    }
    // Six bits each, in the high bytes.
    let odd = format(32, 18, false, [63; 3], [26, 20, 14]);
    let body = [&[0][..], &[0, 0, 0xfc], &[0xc0, 0x0f, 0]].concat();
    assert_eq!(painted_in(odd, TRLE, &body), [RED, BLUE]);
    // A depth of 32 needs all four, and so do colours in all of them.
    let deep = format(32, 32, false, [255; 3], [0, 8, 16]);
    assert_eq!(
        painted_in(deep, TRLE, &[&[0][..], &R4, &B4].concat()),
        [RED, BLUE]
    );
    let wide = format(32, 24, false, [255; 3], [24, 8, 0]);
    let body = [&[0][..], &[0, 0, 0, 255], &[255, 0, 0, 0]].concat();
    assert_eq!(painted_in(wide, TRLE, &body), [RED, BLUE]);
}

#[test]
fn tight_pixels_are_red_green_blue_whatever_the_order() {
    let bgrx = format(32, 24, true, [255; 3], [0, 8, 16]);
    let body = [&[0][..], &R3, &B3].concat();
    assert_eq!(painted_in(bgrx, TIGHT, &body), [RED, BLUE]);
    let rgb565 = format(16, 16, false, [31, 63, 31], [11, 5, 0]);
    assert_eq!(
        painted_in(rgb565, TIGHT, &[0, 0x00, 0xf8, 0x1f, 0x00]),
        [RED, BLUE]
    );
    let gradient = [0x40, 2, 0x00, 0xf8, 0x00, 0x08];
    assert_eq!(painted_in(rgb565, TIGHT, &gradient)[0], RED);
}

#[test]
fn indices_mean_what_the_table_says() {
    let mapped = PixelFormat {
        true_colour: false,
        ..format(8, 8, false, [0; 3], [0; 3])
    };
    let mut decoder = Decoder::new(2, 1, mapped, Limits::default()).unwrap();
    let table = [
        &[1, 0, 0, 5, 0, 2][..],
        &[255, 255, 0, 0, 0, 0],
        &[0, 0, 0, 0, 255, 255],
    ];
    decoder.handle(&table.concat()).unwrap();
    decoder
        .handle(&update(&[(rect(0, 0, 2, 1), RAW, &[5, 6])]))
        .unwrap();
    assert_eq!(decoder.screen().pixels(), [RED, BLUE]);
    decoder
        .handle(&update(&[(rect(0, 0, 2, 1), RAW, &[0, 255])]))
        .unwrap();
    assert_eq!(
        decoder.screen().pixels(),
        [BLACK, BLACK],
        "not in the table"
    );
    let gradient = update(&[(rect(0, 0, 2, 1), TIGHT, &[0x40, 2, 5, 6])]);
    assert!(
        decoder.handle(&gradient).is_err(),
        "indices have no gradient"
    );
}

#[test]
fn impossible_formats_are_errors() {
    let parse = |format: PixelFormat| PixelFormat::parse(&format.to_bytes());
    for format in [
        format(24, 24, false, [255; 3], [0, 8, 16]),
        format(32, 24, false, [255; 3], [0, 8, 32]),
        format(16, 16, false, [31, 0, 31], [0, 5, 10]),
    ] {
        assert!(
            matches!(parse(format), Err(Error::PixelFormat(_))),
            "{format:?}"
        );
    }
}
