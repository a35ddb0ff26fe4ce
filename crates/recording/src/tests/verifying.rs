//! What was changed is noticed.

use super::*;
use crate::frame::HEAD_LEN;

#[test]
fn every_changed_byte_is_noticed() {
    let mut stage = Stage::new();
    let found = stage.record(1, 1000);
    let folder = stage.folder();
    for part in [Part::Data, Part::Pointer, Part::Sidecar] {
        let path = folder.path_of(&found.name, part);
        let good = fs::read(&path).unwrap();
        // The last byte of a sidecar is the end of its line.
        for at in (0..good.len() - 1).step_by(7) {
            let mut bad = good.clone();
            bad[at] ^= 0x01;
            fs::write(&path, &bad).unwrap();
            let verdict = verify(&folder, &found);
            assert!(
                matches!(verdict, Ok(Verdict::Altered { .. })),
                "{part:?}, byte {at}: {verdict:?}"
            );
        }
        fs::write(&path, &good).unwrap();
    }
    assert!(matches!(verify(&folder, &found), Ok(Verdict::Whole { .. })));
}

#[test]
fn what_was_cut_off_added_or_left_out_is_noticed() {
    let mut stage = Stage::new();
    let found = stage.record(1, 1000);
    let folder = stage.folder();
    let path = folder.path_of(&found.name, Part::Data);
    let good = fs::read(&path).unwrap();
    let mut ends = Vec::new();
    let mut reader = folder.read(&found).unwrap();
    while let Some(place) = reader.peek().unwrap() {
        reader.skip(&place);
        ends.push(reader.position() as usize);
    }
    let told = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        match verify(&folder, &found).unwrap() {
            Verdict::Altered { what, good_ms } => (what, good_ms),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        told(&good[..ends[2]]),
        ("frames at its end are missing".into(), 2000)
    );
    let (what, good_ms) = told(&good[..ends[2] + 10]);
    assert_eq!((good_ms, what.ends_with("a part of a frame")), (2000, true));
    let (what, good_ms) = told(&[&good[..ends[0]], &good[ends[1]..]].concat());
    assert_eq!((good_ms, what.contains("is missing")), (0, true), "{what}");
    let (what, _) = told(&[&good[..], b"x"].concat());
    assert!(what.ends_with("a part of a frame"), "{what}");
    fs::remove_file(folder.path_of(&found.name, Part::Pointer)).unwrap();
    let (what, _) = told(&good);
    assert!(what.starts_with("the pointer's track"), "{what}");
}

#[test]
fn a_sidecar_of_another_recording_does_not_fit() {
    let mut stage = Stage::new();
    let (one, two) = (stage.record(1, 1000), stage.record(2, 1000));
    let folder = stage.folder();
    let [from, to] = [two, one].map(|found| folder.path_of(&found.name, Part::Sidecar));
    fs::copy(from, to).unwrap();
    let Ok(Verdict::Altered { what, .. }) = verify(&folder, &one) else {
        panic!("not noticed");
    };
    assert_eq!(what, "the sidecar is one of another recording");
}

#[test]
fn a_frame_that_lies_about_its_length_is_damage_and_no_more() {
    let mut stage = Stage::new();
    let found = stage.record(1, 1000);
    let folder = stage.folder();
    let path = folder.path_of(&found.name, Part::Data);
    let mut bytes = fs::read(&path).unwrap();
    // The length of what it decompresses to, in the first frame's head.
    bytes[27] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let mut reader = folder.read(&found).unwrap();
    let error = reader.next_frame().unwrap_err().to_string();
    assert!(error.starts_with("byte 0: the frame"), "{error}");
    fs::write(&path, &bytes[..HEAD_LEN - 1]).unwrap();
    assert!(folder.read(&found).unwrap().next_frame().unwrap().is_none());
}
