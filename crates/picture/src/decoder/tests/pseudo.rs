//! Messages and rectangles that paint nothing: sizes, cursors, names, and what is skipped.

use super::encodings::*;
use super::*;

#[test]
fn other_messages_are_skipped_whole() {
    let messages: [&[u8]; 10] = [
        &[2],
        &[3, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0],
        &[3, 0, 0, 0, 0xff, 0xff, 0xff, 0xfc, 1, 2, 3, 4],
        &[150],
        &[248, 0, 0, 0, 0x80, 0, 0, 0, 2, 9, 9],
        &[250, 0, 1, 1],
        &[253, 0x80, 0, 2, 9, 9],
        &[253, 0, 2, 0, 9, 9],
        &[255, 1, 0, 1],
        &[255, 1, 0, 2, 0, 0, 0, 3, 9, 9, 9],
    ];
    let bytes = [
        &messages.concat()[..],
        &update(&[(rect(0, 0, 1, 1), RAW, &G4)]),
    ]
    .concat();
    for step in [1, 5, bytes.len()] {
        let mut decoder = decoder(1, 1);
        bytes
            .chunks(step)
            .for_each(|piece| decoder.handle(piece).unwrap());
        assert_eq!(decoder.screen().pixels(), [GREEN]);
        assert!(decoder.is_at_boundary());
    }
}

#[test]
fn rectangles_without_pixels_are_skipped_whole() {
    let nothing = rect(0, 0, 0, 0);
    let mut decoder = decoder(1, 1);
    let bytes = update(&[
        (nothing, QEMU_KEY, &[]),
        (nothing, QEMU_AUDIO, &[]),
        (nothing, EXTENDED_MOUSE, &[]),
        (rect(1, 0, 0, 0), POINTER_CHANGE, &[]),
        (nothing, LED_STATE, &[7]),
        (nothing, VMWARE_CURSOR_STATE, &[0, 1]),
        (nothing, VMWARE_LED_STATE, &[0, 0, 0, 1]),
        (nothing, DESKTOP_NAME, &[0, 0, 0, 2, b'h', b'i']),
        (rect(5, 6, 0, 0), POINTER_POSITION, &[]),
        (rect(0, 0, 1, 1), RAW, &G4),
    ]);
    decoder.handle(&bytes).unwrap();
    assert_eq!(decoder.screen().pixels(), [GREEN]);
    assert_eq!(
        (decoder.name(), decoder.pointer()),
        (&b"hi"[..], Some((5, 6)))
    );
    assert_eq!(decoder.updates(), 1);
}

#[test]
fn an_update_may_end_with_a_last_rectangle() {
    let mut bytes = update(&[
        (rect(0, 0, 1, 1), RAW, &G4),
        (rect(0, 0, 0, 0), LAST_RECT, &[]),
    ]);
    bytes[2..4].fill(0xff);
    let mut decoder = decoder(1, 1);
    decoder.handle(&bytes).unwrap();
    assert!(decoder.is_at_boundary());
    assert_eq!(decoder.updates(), 1);
}

#[test]
fn a_new_size_keeps_what_both_have() {
    let mut decoder = decoder(2, 2);
    let bytes = update(&[
        (rect(0, 0, 2, 2), RAW, &[R4, G4, B4, R4].concat()),
        (rect(0, 0, 3, 1), DESKTOP_SIZE, &[]),
    ]);
    decoder.handle(&bytes).unwrap();
    assert_eq!(decoder.screen().pixels(), [RED, GREEN, BLACK]);
    let screen = [0; 16];
    let bytes = update(&[
        (
            rect(0, 0, 1, 2),
            EXTENDED_DESKTOP_SIZE,
            &[&[1, 0, 0, 0][..], &screen].concat(),
        ),
        // A wish of ours that was refused.
        (rect(1, 1, 9, 9), EXTENDED_DESKTOP_SIZE, &[0, 0, 0, 0]),
    ]);
    decoder.handle(&bytes).unwrap();
    assert_eq!(
        (decoder.screen().width(), decoder.screen().height()),
        (1, 2)
    );
}

#[test]
fn sizes_over_the_limit_are_errors() {
    let limits = Limits {
        side_max: 100,
        pixels_max: 1000,
    };
    let new = |width, height| Decoder::new(width, height, PixelFormat::RGBX, limits);
    let too_large = |width, height| Error::ScreenTooLarge { width, height };
    assert_eq!(new(101, 1).unwrap_err(), too_large(101, 1));
    assert_eq!(new(50, 50).unwrap_err(), too_large(50, 50));
    let mut decoder = new(10, 10).unwrap();
    let resize = update(&[(rect(0, 0, 32, 32), DESKTOP_SIZE, &[])]);
    assert_eq!(decoder.handle(&resize), Err(too_large(32, 32)));
    let huge = rect(0, 0, u16::MAX, u16::MAX);
    let mut decoder = super::decoder(1, 1);
    let cursor = decoder.handle(&update(&[(huge, CURSOR, &[])]));
    assert_eq!(cursor, Err(Error::CursorTooLarge(u16::MAX, u16::MAX)));
    let mut decoder = super::decoder(1, 1);
    let name = decoder.handle(&update(&[(rect(0, 0, 0, 0), DESKTOP_NAME, &[0xff; 4])]));
    assert_eq!(name, Err(Error::TextTooLong(u32::MAX)));
}

/// The cursor that a rectangle of 2 by 1 with its hotspot at 1, 0 makes.
fn cursor(encoding: i32, body: &[u8]) -> Vec<Pixel> {
    let mut decoder = decoder(4, 4);
    let bytes = update(&[(rect(1, 0, 2, 1), encoding, body)]);
    bytes
        .iter()
        .for_each(|byte| decoder.handle(&[*byte]).unwrap());
    let cursor = decoder.cursor().unwrap();
    assert_eq!(
        (cursor.width, cursor.height, cursor.hotspot),
        (2, 1, (1, 0))
    );
    assert!(
        decoder
            .screen()
            .pixels()
            .iter()
            .all(|pixel| *pixel == BLACK)
    );
    cursor.pixels.clone()
}

#[test]
fn cursors_are_kept_apart_from_the_screen() {
    let body = [&R4[..], &G4, &[0b1000_0000]].concat();
    assert_eq!(cursor(CURSOR, &body), [RED, [0; 4]]);
    let body = [&R3[..], &B3, &[0b1000_0000, 0b1100_0000]].concat();
    assert_eq!(cursor(X_CURSOR, &body), [RED, BLUE]);
    let body = [&[0, 0, 0, 0][..], &[64, 0, 0, 128], &[0; 4]].concat();
    assert_eq!(cursor(CURSOR_WITH_ALPHA, &body), [[127, 0, 0, 128], [0; 4]]);
    let body = [&[1, 0][..], &[9, 8, 7, 6], &[0; 4]].concat();
    assert_eq!(cursor(VMWARE_CURSOR, &body), [[9, 8, 7, 6], [0; 4]]);
    let body = [&[0, 0][..], &[0; 4], &[255; 4], &R4, &[0; 4]].concat();
    assert_eq!(cursor(VMWARE_CURSOR, &body), [RED, [0; 4]]);
}

#[test]
fn a_cursor_is_drawn_with_its_hotspot_where_the_pointer_is() {
    let mut decoder = decoder(2, 2);
    let body = [&R4[..], &G4, &[0b1100_0000]].concat();
    decoder
        .handle(&update(&[(rect(1, 0, 2, 1), CURSOR, &body)]))
        .unwrap();
    let mut screen = decoder.screen().clone();
    let cursor = decoder.cursor().unwrap();
    cursor.draw(&mut screen, 0, 1);
    assert_eq!(
        screen.pixels(),
        [BLACK, BLACK, GREEN, BLACK],
        "partly outside"
    );
    cursor.draw(&mut screen, u16::MAX, u16::MAX);
    assert_eq!(
        screen.pixels(),
        [BLACK, BLACK, GREEN, BLACK],
        "wholly outside"
    );
}
