//! The body of the fuzz target for the decoder; a unit test runs it on the saved inputs.

use crate::{Decoder, Encoder, Limits, PixelFormat};

/// A screen small enough to be looked at often.
const LIMITS: Limits = Limits {
    side_max: 512,
    pixels_max: 64 << 10,
};

/// Bytes: how to split, 16 of a pixel format, and what a server sends. A split changes nothing, a
/// state holds the picture, and what is told of it shows the same again. Where nothing is to be
/// split, the rest is a state.
pub fn decoder(data: &[u8]) {
    let Some(([step, format @ ..], data)) = data.split_first_chunk::<17>() else {
        return;
    };
    if *step == 0 {
        let _ = Decoder::read_state(data, LIMITS);
        return;
    }
    let Ok(format) = PixelFormat::parse(format) else {
        return;
    };
    let whole = decoded(format, data, data.len().max(1));
    let split = decoded(format, data, usize::from(*step));
    match (whole, split) {
        (Ok(whole), Ok(split)) => compare(whole, &split),
        (Err(()), Err(())) => {}
        _ => panic!("a split changed what is an error"),
    }
}

fn compare(mut whole: Decoder, split: &Decoder) {
    assert_eq!(
        whole.screen(),
        split.screen(),
        "a split changed the picture"
    );
    assert_eq!(whole.updates(), split.updates());
    assert_eq!(whole.is_at_boundary(), split.is_at_boundary());
    let mut retold = Vec::new();
    Encoder::new().update(&mut whole, &mut retold);
    let again = decoded(Encoder::FORMAT, &retold, retold.len().max(1));
    assert!(again.is_ok_and(|again| shows_the_same(&again, &whole)));
    if let Ok(state) = whole.state() {
        let resumed = Decoder::resume(&state, LIMITS);
        assert!(resumed.is_ok_and(|resumed| shows_the_same(&resumed, &whole)));
    }
}

fn shows_the_same(one: &Decoder, other: &Decoder) -> bool {
    one.screen().pixels() == other.screen().pixels() && one.cursor() == other.cursor()
}

fn decoded(format: PixelFormat, data: &[u8], step: usize) -> Result<Decoder, ()> {
    let mut decoder = Decoder::new(100, 70, format, LIMITS).map_err(drop)?;
    for piece in data.chunks(step) {
        decoder.handle(piece).map_err(drop)?;
    }
    Ok(decoder)
}
