//! Going on from a state.

use super::encodings::*;
use super::*;

fn resumed(decoder: &Decoder) -> Decoder {
    Decoder::resume(&decoder.state().unwrap(), Limits::default()).unwrap()
}

#[test]
fn a_compressed_stream_goes_on_from_its_last_flush() {
    // The second rectangle consists of what the first one had, as far back as deflate looks.
    let mut noise = 1u32;
    let mut noisy = || {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 24) as u8
    };
    let first: Vec<u8> = std::iter::repeat_with(|| [noisy(), noisy(), noisy(), 0])
        .take(200 * 100)
        .flatten()
        .collect();
    let second = [&first[first.len() - 30_000..], &vec![0; 50_000]].concat();
    let mut stream = Stream::new();
    let bodies = [&first, &second].map(|data| stream.with_len(data));
    assert!(
        bodies[1].len() < 1000,
        "it repeats: {} bytes",
        bodies[1].len()
    );
    let all = rect(0, 0, 200, 100);
    let mut decoder = decoder(200, 100);
    decoder.handle(&update(&[(all, ZLIB, &bodies[0])])).unwrap();
    let mut twin = resumed(&decoder);
    assert_eq!(twin.screen().pixels(), decoder.screen().pixels());
    for decoder in [&mut decoder, &mut twin] {
        decoder.handle(&update(&[(all, ZLIB, &bodies[1])])).unwrap();
    }
    assert_eq!(twin.screen().pixels(), decoder.screen().pixels());
    assert_eq!(twin.updates(), 2);
    // And again, from a state of what was resumed.
    let body = stream.with_len(&first);
    let mut third = resumed(&twin);
    third.handle(&update(&[(all, ZLIB, &body)])).unwrap();
    decoder.handle(&update(&[(all, ZLIB, &body)])).unwrap();
    assert_eq!(third.screen().pixels(), decoder.screen().pixels());
}

#[test]
fn a_state_holds_everything_else() {
    let format = PixelFormat {
        true_colour: false,
        bits_per_pixel: 8,
        ..PixelFormat::RGBX
    };
    let mut decoder = Decoder::new(3, 2, format, Limits::default()).unwrap();
    decoder
        .handle(&[1, 0, 0, 1, 0, 1, 255, 0, 0, 0, 0, 0])
        .unwrap();
    let bytes = update(&[
        (rect(0, 0, 2, 1), RAW, &[1, 1]),
        (
            rect(1, 0, 2, 1),
            X_CURSOR,
            &[255, 0, 0, 0, 0, 255, 0x80, 0xc0],
        ),
        (rect(2, 1, 0, 0), POINTER_POSITION, &[]),
        (rect(0, 0, 0, 0), DESKTOP_NAME, &[0, 0, 0, 2, b'h', b'i']),
    ]);
    decoder.handle(&bytes).unwrap();
    let mut twin = resumed(&decoder);
    assert_eq!(
        twin.screen().pixels(),
        [RED, RED, BLACK, BLACK, BLACK, BLACK]
    );
    assert_eq!(
        (twin.cursor(), twin.pointer()),
        (decoder.cursor(), Some((2, 1)))
    );
    assert_eq!((twin.name(), twin.format()), (&b"hi"[..], &format));
    twin.handle(&update(&[(rect(2, 1, 1, 1), RAW, &[1])]))
        .unwrap();
    assert_eq!(twin.screen().pixel(2, 1), Some(RED), "the table is known");
}

#[test]
fn there_is_no_state_where_nobody_could_go_on() {
    let mut fresh = decoder(4, 2);
    fresh.handle(&[0, 0, 0]).unwrap();
    assert_eq!(fresh.state(), Err(StateError::NotAtBoundary));
    // A server that does not flush wholly: its next block begins within a byte.
    let pixels = [R4; 8].concat();
    let mut compress = Compress::new(Compression::default(), true);
    let mut piece = Vec::with_capacity(1000);
    let flush = FlushCompress::Partial;
    compress.compress_vec(&pixels, &mut piece, flush).unwrap();
    let body = [&(piece.len() as u32).to_be_bytes()[..], &piece].concat();
    let mut decoder = decoder(4, 2);
    decoder
        .handle(&update(&[(rect(0, 0, 4, 2), ZLIB, &body)]))
        .unwrap();
    assert_eq!(decoder.state(), Err(StateError::Unflushed));
    let error = decoder.handle(&[9]).unwrap_err();
    assert_eq!(decoder.state(), Err(StateError::Failed(error)));
}

#[test]
fn damaged_states_are_refused() {
    let limits = Limits::default();
    let state = decoder(4, 2).state().unwrap();
    assert!(Decoder::resume(&state, limits).is_ok());
    for len in 0..state.len() {
        let outcome = Decoder::resume(&state[..len], limits);
        assert_eq!(outcome.map(drop), Err(ResumeError::Damaged), "cut at {len}");
    }
    let small = Limits {
        side_max: 3,
        ..limits
    };
    let refused = Decoder::resume(&state, small).map(drop);
    assert!(matches!(
        refused,
        Err(ResumeError::Refused(Error::ScreenTooLarge { .. }))
    ));
    let mut huge = state.clone();
    huge[4..12].fill(0xff);
    assert_eq!(
        Decoder::resume(&huge, limits).map(drop),
        Err(ResumeError::Damaged)
    );
}
