//! What is told shows the same again, and takes up little.

use super::*;
use crate::{Limits, Pixel};

fn decoder(width: u16, height: u16) -> Decoder {
    Decoder::new(width, height, Encoder::FORMAT, Limits::default()).unwrap()
}

/// A message of raw pixels, as many colours as asked for.
fn raw(x: u16, y: u16, width: u16, height: u16, colours: u32) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 1];
    let rect = Rect {
        x,
        y,
        width,
        height,
    };
    head(rect, encodings::RAW, &mut out);
    for at in 0..rect.area() as u32 {
        let colour = (at.wrapping_mul(2_654_435_761) >> 7) % colours;
        out.extend_from_slice(&colour.wrapping_mul(70_003).to_le_bytes()[..3]);
        out.push(0);
    }
    out
}

#[test]
fn tiles_of_every_form_are_told_as_they_are() {
    let mut original = decoder(200, 150);
    let mut encoder = Encoder::new();
    let mut viewer = decoder(200, 150);
    for colours in [1, 2, 3, 4, 5, 16, 17, 100_000] {
        original.handle(&raw(10, 20, 130, 100, colours)).unwrap();
        let mut told = Vec::new();
        encoder.update(&mut original, &mut told);
        viewer.handle(&told).unwrap();
        assert!(viewer.is_at_boundary());
        let screens = (viewer.screen().pixels(), original.screen().pixels());
        assert!(screens.0 == screens.1, "{colours} colours");
    }
    // Long runs of many colours.
    let mut runs = vec![0, 0, 0, 1];
    let rect = Rect {
        x: 0,
        y: 0,
        width: 64,
        height: 64,
    };
    head(rect, encodings::RRE, &mut runs);
    runs.extend_from_slice(&[0, 0, 0, 20, 9, 9, 9, 0]);
    for y in 0..20u8 {
        runs.extend_from_slice(&[y, 0, y, 0, 0, 0, 0, y * 3, 0, 64, 0, 2]);
    }
    original.handle(&runs).unwrap();
    let mut told = Vec::new();
    encoder.update(&mut original, &mut told);
    viewer.handle(&told).unwrap();
    assert!(viewer.screen().pixels() == original.screen().pixels());
    assert!(told.len() < 400, "{} bytes for twenty stripes", told.len());
}

#[test]
fn only_what_has_changed_is_told() {
    let mut original = decoder(1000, 800);
    let mut encoder = Encoder::new();
    let mut told = Vec::new();
    original.handle(&raw(0, 0, 1000, 800, 100_000)).unwrap();
    encoder.update(&mut original, &mut told);
    assert!(told.len() > 1_000_000, "noise does not become less");
    let mut more = Vec::new();
    encoder.update(&mut original, &mut more);
    assert_eq!(more, [], "nothing has changed");
    original.handle(&raw(500, 500, 4, 4, 1)).unwrap();
    encoder.update(&mut original, &mut more);
    assert!(more.len() < 20_000, "{} bytes for one tile", more.len());
}

#[test]
fn sizes_and_cursors_are_told() {
    let mut original = decoder(20, 10);
    let mut encoder = Encoder::new();
    let mut viewer = decoder(1, 1);
    let mut resize = vec![0, 0, 0, 1];
    let all = |width, height| Rect {
        x: 0,
        y: 0,
        width,
        height,
    };
    head(all(70, 90), encodings::DESKTOP_SIZE, &mut resize);
    let cursors = [[255, 0, 0, 255], [0; 4], [9, 9, 9, 128]];
    for (step, opacity) in [&cursors[..2], &cursors[1..]].into_iter().enumerate() {
        if step == 1 {
            original.handle(&resize).unwrap();
        }
        let mut cursor = vec![0, 0, 0, 1];
        head(all(2, 1), encodings::VMWARE_CURSOR, &mut cursor);
        cursor.extend_from_slice(&[1, 0]);
        cursor.extend_from_slice(opacity.as_flattened());
        original.handle(&cursor).unwrap();
        let mut told = Vec::new();
        encoder.update(&mut original, &mut told);
        viewer.handle(&told).unwrap();
        assert_eq!(viewer.cursor(), original.cursor());
        assert_eq!(viewer.cursor().unwrap().pixels, opacity as &[Pixel]);
        assert_eq!(viewer.screen().pixels(), original.screen().pixels());
    }
    assert_eq!(
        (viewer.screen().width(), viewer.screen().height()),
        (70, 90)
    );
}
