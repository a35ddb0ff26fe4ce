//! Boundaries found however the bytes are split.

use super::*;

const COOKIE: Cookie = *b"our ping";

fn upwards() -> Frames {
    Frames::new(true, Some(1 << 20), COOKIE)
}

/// Passes `input` in steps and joins what came out.
fn pass_all(frames: &mut Frames, input: &[u8], step: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in input.chunks(step) {
        match frames.pass(chunk) {
            Passed::Unchanged => out.extend_from_slice(chunk),
            Passed::Changed(changed) => out.extend(changed),
        }
    }
    out
}

fn data(opcode: u8, len: usize) -> Vec<u8> {
    let mut out = vec![opcode];
    match len {
        0..126 => out.push(0x80 | len as u8),
        126..0x1_0000 => {
            out.push(0x80 | 126);
            out.extend((len as u16).to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend((len as u64).to_be_bytes());
        }
    }
    out.extend([9, 8, 7, 6]);
    out.extend((0..len).map(|at| at as u8));
    out
}

fn pong(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_control(
        Sender::Client([4, 3, 2, 1]),
        Opcode::Pong,
        payload,
        &mut out,
    );
    out
}

#[test]
fn a_whole_chunk_of_frames_is_not_copied() {
    let mut frames = upwards();
    let chunk = [data(0xc1, 5), data(0x02, 300), data(0x80, 0)].concat();
    assert_eq!(frames.pass(&chunk), Passed::Unchanged);
    assert_eq!(frames.opaque(), 0);
}

#[test]
fn frames_pass_unharmed_and_own_pongs_vanish_however_the_bytes_are_split() {
    let parts = [
        data(0x01, 125),
        pong(b"foreign!"),
        data(0x80, 126),
        pong(&[]),
        data(0x82, 70_000),
        data(0x88, 2),
    ];
    let expected = parts.concat();
    let input = parts.join(&pong(&COOKIE)[..]);
    for step in [1, 2, 3, 7, 13, 125, 4096, input.len()] {
        assert!(
            pass_all(&mut upwards(), &input, step) == expected,
            "step {step}"
        );
    }
}

#[test]
fn a_ping_goes_in_at_the_next_boundary_only() {
    let one = data(0x82, 1000);
    for cut in [0, 1, 6, 500, one.len() - 1, one.len()] {
        let mut frames = upwards();
        let mut out = pass_all(&mut frames, &one[..cut], 10_000);
        frames.request(Insert::Ping);
        let at_once = frames.take_insert();
        assert_eq!(at_once.is_some(), out.is_empty() || out.len() == one.len());
        out.extend(at_once.unwrap_or_default());
        out.extend(pass_all(&mut frames, &[&one[cut..], &one].concat(), 10_000));
        let ping = 2 + 4 + COOKIE.len();
        assert_eq!(out.len(), 2 * one.len() + ping, "cut at {cut}");
        let boundary = if out[0] == 0x89 { 0 } else { one.len() };
        assert_eq!(out[boundary], 0x89, "cut at {cut}");
        out.drain(boundary..boundary + ping);
        assert!(out == [one.clone(), one.clone()].concat(), "cut at {cut}");
    }
}

#[test]
fn nothing_follows_a_close_frame() {
    let mut frames = upwards();
    frames.request(Insert::Ping);
    frames.request(Insert::Close(1001));
    let close = frames.take_insert().expect("at a boundary");
    assert_eq!(close[0], 0x88);
    assert!(frames.is_closed());
    assert_eq!(frames.pass(&data(0x82, 10)), Passed::Changed(Vec::new()));
    frames.request(Insert::Ping);
    assert_eq!(frames.take_insert(), None);
}

#[test]
fn the_peers_own_close_frame_is_the_last() {
    let mut frames = upwards();
    assert_eq!(frames.pass(&data(0x88, 2)), Passed::Unchanged);
    frames.request(Insert::Ping);
    assert_eq!(frames.take_insert(), None);
    frames.request(Insert::Close(1001));
    assert_eq!(frames.take_insert(), Some(Vec::new()));
}

#[test]
fn limits_hold_for_single_frames_and_for_messages() {
    for (input, error) in [
        (data(0x82, 2 << 20), Error::MessageTooBig),
        (
            [data(0x02, 1 << 20), data(0x80, 1)].concat(),
            Error::MessageTooBig,
        ),
        (data(0x89, 126), Error::LongControl),
        (
            [&[0x82, 0xff][..], &u64::MAX.to_be_bytes(), &[0; 4]].concat(),
            Error::BadLength,
        ),
    ] {
        let mut frames = upwards();
        frames.pass(&input);
        assert_eq!(frames.violation(), Some(error));
    }
    let mut frames = upwards();
    frames.pass(&[data(0x02, 1 << 20), data(0x89, 5), data(0x80, 0)].concat());
    frames.pass(&data(0x82, 1 << 20));
    assert_eq!(frames.violation(), None);
}

#[test]
fn a_frame_cut_short_by_the_end_is_passed_on() {
    let mut frames = upwards();
    let start = &data(0x82, 300)[..3];
    assert_eq!(frames.pass(start), Passed::Changed(Vec::new()));
    assert_eq!(frames.finish(), start);
}
