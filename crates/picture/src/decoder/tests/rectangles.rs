//! Encodings that need no compressed stream.

use super::encodings::*;
use super::*;

#[test]
fn raw_is_pixels_row_by_row() {
    let body = [R4, G4, B4, R4].concat();
    assert_eq!(painted(2, 2, RAW, &body), [RED, GREEN, BLUE, RED]);
}

#[test]
fn copy_rect_moves_what_is_there_even_over_itself() {
    let mut decoder = decoder(3, 1);
    let bytes = update(&[
        (rect(0, 0, 3, 1), RAW, &[R4, G4, B4].concat()),
        (rect(1, 0, 2, 1), COPY_RECT, &[0, 0, 0, 0]),
    ]);
    decoder.handle(&bytes).unwrap();
    assert_eq!(decoder.screen().pixels(), [RED, RED, GREEN]);
    let down = update(&[(rect(0, 1, 1, 2), COPY_RECT, &[0, 0, 0, 0])]);
    let mut decoder = super::decoder(1, 3);
    let column = update(&[(rect(0, 0, 1, 3), RAW, &[R4, G4, B4].concat())]);
    decoder.handle(&[column, down].concat()).unwrap();
    assert_eq!(decoder.screen().pixels(), [RED, RED, GREEN]);
}

#[test]
fn rre_and_corre_are_rectangles_on_a_background() {
    let head = [&[0, 0, 0, 1][..], &R4, &G4].concat();
    let expected = [RED, RED, RED, RED, GREEN, GREEN];
    let rre = [&head[..], &[0, 1, 0, 1, 0, 2, 0, 1]].concat();
    assert_eq!(painted(3, 2, RRE, &rre), expected);
    let corre = [&head[..], &[1, 1, 2, 1]].concat();
    assert_eq!(painted(3, 2, CORRE, &corre), expected);
    let outside = [&head[..], &[1, 1, 2, 2]].concat();
    assert_eq!(error(CORRE, &outside), Error::Overrun("RRE"));
    let more_than_pixels = [&[0, 0, 0, 9][..], &R4].concat();
    let refused = Error::NoSuch {
        encoding: "RRE",
        what: "number of subrectangles",
        value: 9,
    };
    assert_eq!(error(RRE, &more_than_pixels), refused);
}

#[test]
fn hextile_keeps_its_colours_from_tile_to_tile() {
    // 17 x 1: a background with a foreground part, then a tile that only repeats the background.
    let first = [&[2 | 4 | 8][..], &R4, &G4, &[1, 0x20, 0x10]].concat();
    let mut expected = vec![RED; 17];
    expected[2..4].fill(GREEN);
    let body = [&first[..], &[0]].concat();
    assert_eq!(painted(17, 1, HEXTILE, &body), expected);
    // The second tile is raw, or has parts with colours of their own.
    let body = [&first[..], &[1], &B4].concat();
    expected[16] = BLUE;
    assert_eq!(painted(17, 1, HEXTILE, &body), expected);
    let body = [&first[..], &[8 | 16, 1], &B4, &[0, 0]].concat();
    assert_eq!(painted(17, 1, HEXTILE, &body), expected);
    let outside = [&[2 | 4 | 8][..], &R4, &G4, &[1, 0x30, 0x10]].concat();
    assert_eq!(error(HEXTILE, &outside), Error::Overrun("Hextile"));
}

#[test]
fn trle_tiles_are_raw_plain_packed_or_runs() {
    let tile = |form: u8, rest: &[&[u8]]| [&[form][..], &rest.concat()].concat();
    let check = |body: &[u8], expected: &[Pixel]| assert_eq!(painted(5, 1, TRLE, body), expected);
    let mixed = [RED, GREEN, BLUE, RED, RED];
    check(&tile(0, &[&R3, &G3, &B3, &R3, &R3]), &mixed);
    check(&tile(1, &[&B3]), &[BLUE; 5]);
    let two = [RED, GREEN, GREEN, RED, GREEN];
    check(&tile(2, &[&R3, &G3, &[0b0110_1000]]), &two);
    check(&tile(3, &[&R3, &G3, &B3, &[0b0001_1000, 0]]), &mixed);
    let five = tile(5, &[&R3, &G3, &B3, &R3, &R3, &[0x01, 0x23, 0x40]]);
    check(&five, &mixed);
    let runs = [&R3[..], &[0], &G3, &[0], &B3, &[0], &R3, &[1]];
    check(&tile(128, &runs), &mixed);
    let of_palette = tile(131, &[&R3, &G3, &B3, &[0, 1, 2, 0x80, 1]]);
    check(&of_palette, &mixed);
}

#[test]
fn trle_uses_the_last_palette_again() {
    let first = [&[2][..], &R3, &G3, &[0b0100_0000; 16], &[0; 16]].concat();
    let packed = [&first[..], &[127, 0b1000_0000]].concat();
    let pixels = painted(
        17,
        1,
        TRLE,
        &[&first[..5 + 4], &packed[first.len()..]].concat(),
    );
    assert_eq!((pixels[1], pixels[16]), (GREEN, GREEN));
    let runs = [&first[..5 + 4], &[129, 1]].concat();
    assert_eq!(painted(17, 1, TRLE, &runs)[16], GREEN);
}

#[test]
fn runs_of_trle_end_with_their_tile() {
    let long = [&[128][..], &R3, &[8]].concat();
    assert_eq!(error(TRLE, &long), Error::Overrun("a run of TRLE or ZRLE"));
    let longer = [&[128][..], &R3, &[255, 255]].concat();
    assert_eq!(
        error(TRLE, &longer),
        Error::Overrun("a run of TRLE or ZRLE")
    );
    let unknown = Error::NoSuch {
        encoding: "TRLE",
        what: "tile",
        value: 17,
    };
    assert_eq!(error(TRLE, &[17]), unknown);
}

#[test]
fn a_rectangle_outside_of_the_screen_is_an_error() {
    for (place, encoding, body) in [
        (rect(3, 0, 2, 1), RAW, &[][..]),
        (rect(0, 0, u16::MAX, u16::MAX), HEXTILE, &[]),
        (rect(0, u16::MAX, 1, 1), ZRLE, &[]),
    ] {
        let mut decoder = decoder(4, 2);
        let outcome = decoder.handle(&update(&[(place, encoding, body)]));
        assert_eq!(outcome, Err(Error::OutOfBounds(place)));
    }
    let from = rect(3, 0, 2, 1);
    let mut decoder = decoder(4, 2);
    let copy = update(&[(rect(0, 0, 2, 1), COPY_RECT, &[0, 3, 0, 0])]);
    assert_eq!(decoder.handle(&copy), Err(Error::OutOfBounds(from)));
}

#[test]
fn unknown_encodings_and_messages_are_errors() {
    for encoding in [3, 21, 50, -1000] {
        assert_eq!(error(encoding, &[]), Error::UnknownEncoding(encoding));
    }
    assert_eq!(decoder(1, 1).handle(&[9]), Err(Error::UnknownMessage(9)));
    let unknown = Err(Error::UnknownQemuMessage(7));
    assert_eq!(decoder(1, 1).handle(&[255, 7]), unknown);
}

#[test]
fn what_changed_is_known_by_tiles() {
    let mut decoder = decoder(200, 130);
    let everything = [
        rect(0, 0, 200, 64),
        rect(0, 64, 200, 64),
        rect(0, 128, 200, 2),
    ];
    assert_eq!(decoder.take_dirty(), everything);
    assert!(decoder.take_dirty().is_empty());
    let bytes = update(&[
        (rect(63, 10, 2, 1), RAW, &[R4, R4].concat()),
        (rect(199, 129, 1, 1), RAW, &R4),
    ]);
    decoder.handle(&bytes).unwrap();
    let changed = [rect(0, 0, 128, 64), rect(192, 128, 8, 2)];
    assert_eq!(decoder.take_dirty(), changed);
    assert!(decoder.screen().is_clean());
}
