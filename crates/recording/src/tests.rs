//! Recordings from the first byte to deletion.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::time::Duration;

use testkit::Scratch;

use crate::frame::HEAD_LEN;
use crate::sidecar::tests::facts;
use crate::{
    End, Ending, Facts, Folder, FolderError, Found, Id, Limits, Part, Position, Press, Screen,
    State, Verdict, Writer, fbs, verify,
};

fn screen() -> Screen {
    Screen {
        width: 64,
        height: 48,
        pixel_format: [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0],
        name: b"desk".to_vec(),
    }
}

fn end(reason: &str, ms: u32) -> End {
    End {
        ending: Ending::Whole,
        reason: reason.into(),
        ms,
    }
}

/// Bytes that do not compress, and differ with `seed`.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

struct Stage {
    scratch: Scratch,
    press: Press,
}

impl Stage {
    fn new() -> Self {
        Self {
            scratch: Scratch::new("recording"),
            press: Press::new().unwrap(),
        }
    }

    fn folder(&self) -> Folder {
        Folder::new(self.scratch.path().join("recordings"))
    }

    fn begin(&mut self, facts: Facts) -> Writer {
        let folder = self.folder();
        Writer::create(folder.path(), facts, &screen(), &mut self.press).unwrap()
    }

    /// A finished recording of three frames.
    fn record(&mut self, id: u128, started: u64) -> Found {
        let mut writer = self.begin(Facts {
            id: Id(id),
            started_ms: started * 1000,
            ..facts()
        });
        for ms in [1000, 2000] {
            let bytes = noise(u64::from(ms), 5000);
            writer.append(ms, &bytes, &mut self.press).unwrap();
            writer
                .point(Position {
                    ms,
                    x: 3,
                    y: 4,
                    buttons: 1,
                })
                .unwrap();
            writer.flush(&mut self.press).unwrap();
        }
        let name = writer.name();
        writer
            .finish(&end("idle", 60_000), &mut self.press)
            .unwrap();
        Found {
            name,
            finished: true,
        }
    }
}

/// The stream that a recording holds.
fn stream(folder: &Folder, found: &Found) -> Vec<u8> {
    let mut reader = folder.read(found).unwrap();
    let mut out = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        out.extend_from_slice(frame.raw);
    }
    out
}

#[test]
fn what_was_written_is_read_and_is_whole() {
    let mut stage = Stage::new();
    let found = stage.record(1, 1_795_851_763);
    let folder = stage.folder();
    let mut expected = fbs::MAGIC.to_vec();
    let mut handshake = Vec::new();
    screen().handshake(&mut handshake);
    fbs::push(0, &handshake, &mut expected);
    fbs::push(1000, &noise(1000, 5000), &mut expected);
    fbs::push(2000, &noise(2000, 5000), &mut expected);
    fbs::push_end(60_000, &mut expected);
    assert_eq!(stream(&folder, &found), expected);
    assert!(matches!(verify(&folder, &found), Ok(Verdict::Whole { .. })));
    assert_eq!(folder.find(Id(1)).unwrap(), found);
    let entry = folder.entry(&found).unwrap();
    assert_eq!((entry.state, entry.duration_ms), (State::Whole, 60_000));
    assert_eq!(entry.sidecar.facts.user.as_deref(), Some("ann"));
    let outcome = entry.sidecar.outcome.unwrap();
    assert_eq!((outcome.width, outcome.height), (64, 48));
    assert_eq!((outcome.frames, outcome.positions), (4, 2));
    assert_eq!(outcome.reason, "idle");
    let track = folder.pointer(&found.name).unwrap();
    assert_eq!((track.len(), track.find(1500).unwrap()), (18, 9));
}

#[test]
fn nobody_else_may_read_a_recording() {
    let mut stage = Stage::new();
    stage.record(1, 1000);
    let folder = stage.folder();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.path()), 0o700);
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(files.len(), 3, "data, pointer and sidecar");
    for file in files {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_stream_is_what_zstd_makes_of_the_file() {
    let mut stage = Stage::new();
    let found = stage.record(1, 1000);
    let folder = stage.folder();
    let file = fs::read(folder.path_of(&found.name, Part::Data)).unwrap();
    let plain = zstd::stream::decode_all(&file[..]).unwrap();
    assert_eq!(plain, stream(&folder, &found));
}

#[test]
fn full_frames_are_written_at_once_and_each_can_be_read_alone() {
    let mut stage = Stage::new();
    let mut writer = stage.begin(facts());
    let megabytes = noise(5, 3 << 20);
    writer.append(10, &megabytes, &mut stage.press).unwrap();
    assert!(writer.bytes() >= 3 << 20);
    writer.append(7000, b"late", &mut stage.press).unwrap();
    assert_eq!(writer.waiting_since(), Some(7000));
    writer.flush(&mut stage.press).unwrap();
    writer.append(8000, b"last", &mut stage.press).unwrap();
    let name = writer.name();
    writer.finish(&end("lost", 8001), &mut stage.press).unwrap();
    let folder = stage.folder();
    let found = folder.find(name.id).unwrap();
    let mut reader = folder.read(&found).unwrap();
    let place = reader.seek(7500).unwrap().unwrap();
    assert!(place.head.number >= 3);
    let frame = reader.next_frame().unwrap().unwrap();
    let blocks: Vec<_> = frame.blocks().map(Result::unwrap).collect();
    assert_eq!(blocks[0].data, b"last");
    assert!(blocks[1].data.is_empty());
    assert_eq!(reader.seek(9000).unwrap(), None);
}

#[test]
fn times_never_go_back() {
    let mut stage = Stage::new();
    let mut writer = stage.begin(facts());
    writer.append(500, b"a", &mut stage.press).unwrap();
    writer.append(400, b"b", &mut stage.press).unwrap();
    let sidecar = writer.finish(&end("idle", 300), &mut stage.press).unwrap();
    assert_eq!(sidecar.outcome.unwrap().duration_ms, 500);
}

#[test]
fn a_live_recording_can_be_read_but_not_deleted() {
    let mut stage = Stage::new();
    let mut writer = stage.begin(facts());
    writer.append(3000, b"now", &mut stage.press).unwrap();
    writer.flush(&mut stage.press).unwrap();
    let folder = stage.folder();
    let found = folder.find(facts().id).unwrap();
    assert!(!found.finished);
    let entry = folder.entry(&found).unwrap();
    assert_eq!((entry.state, entry.duration_ms), (State::Live, 3000));
    assert!(stream(&folder, &found).len() > 60);
    assert!(matches!(folder.delete(&found), Err(FolderError::Live(_))));
    assert_eq!(folder.recover().names, []);
    let limits = Limits {
        keep: Some(Duration::ZERO),
        bytes_max: Some(0),
    };
    assert_eq!(folder.prune(&limits, u64::MAX).unwrap().recordings, 0);
    drop(writer);
    assert_eq!(folder.entry(&found).unwrap().state, State::CutShort);
}

#[test]
fn what_a_crash_leaves_is_mended_up_to_the_last_frame() {
    let mut stage = Stage::new();
    let mut writer = stage.begin(facts());
    writer.append(3000, b"kept", &mut stage.press).unwrap();
    writer.flush(&mut stage.press).unwrap();
    writer.append(4000, b"lost", &mut stage.press).unwrap();
    let name = writer.name();
    drop(writer);
    let folder = stage.folder();
    let data = folder.path_of(&name, Part::LiveData);
    let whole = fs::read(&data).unwrap();
    fs::write(&data, [&whole[..], &whole[..100]].concat()).unwrap();
    fs::write(folder.path_of(&name, Part::Pointer), b"123456789torn").unwrap();
    let found = folder.find(name.id).unwrap();
    let verdict = verify(&folder, &found).unwrap();
    let expected = Verdict::Altered {
        what: format!("byte {}: a frame is missing before this one", whole.len()),
        good_ms: 3000,
    };
    assert_eq!(verdict, expected);

    assert_eq!(folder.recover().names, [name]);
    assert_eq!(folder.recover().names, []);
    let found = folder.find(name.id).unwrap();
    assert!(found.finished);
    assert_eq!(fs::read(folder.path_of(&name, Part::Data)).unwrap(), whole);
    let entry = folder.entry(&found).unwrap();
    assert_eq!((entry.state, entry.duration_ms), (State::CutShort, 3000));
    let outcome = entry.sidecar.outcome.unwrap();
    assert_eq!((outcome.width, outcome.positions), (64, 1));
    let verdict = verify(&folder, &found).unwrap();
    let seal = Some(outcome.seal());
    assert_eq!(
        verdict,
        Verdict::CutShort {
            seal,
            duration_ms: 3000
        }
    );
}

#[test]
fn a_crash_between_the_last_two_steps_loses_nothing() {
    let mut stage = Stage::new();
    let found = stage.record(1, 1000);
    let folder = stage.folder();
    let [live, data] = [Part::LiveData, Part::Data].map(|part| folder.path_of(&found.name, part));
    fs::rename(&data, &live).unwrap();
    assert_eq!(folder.recover().names, [found.name]);
    assert!(matches!(verify(&folder, &found), Ok(Verdict::Whole { .. })));
}

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
fn the_oldest_go_first_and_other_files_stay() {
    let mut stage = Stage::new();
    let day = 86_400;
    let names: Vec<_> = (0..4)
        .map(|at| stage.record(at, at as u64 * day + 60).name)
        .collect();
    let folder = stage.folder();
    let notes = folder.path().join("notes.txt");
    fs::write(&notes, "mine").unwrap();
    let left = |limits: Limits, now: u64| {
        folder.prune(&limits, now).unwrap();
        let left = folder.recordings().unwrap();
        left.into_iter().map(|found| found.name).collect::<Vec<_>>()
    };
    let newest_first: Vec<_> = names.iter().rev().copied().collect();
    assert_eq!(left(Limits::default(), 100 * day), newest_first);
    let two_days = Limits {
        keep: Some(Duration::from_secs(2 * day)),
        bytes_max: None,
    };
    // The first one ended, after a minute, exactly two days ago.
    assert_eq!(left(two_days, 2 * day + 120), newest_first);
    assert_eq!(left(two_days, 2 * day + 121), newest_first[..3]);
    let all: u64 = fs::read_dir(folder.path())
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().size())
        .sum();
    let less = Limits {
        keep: None,
        // Those of two; how long a sidecar is depends on the time.
        bytes_max: Some((all - 4) * 2 / 3 + 16),
    };
    assert_eq!(left(less, 0), newest_first[..2]);
    assert_eq!(
        left(
            Limits {
                bytes_max: Some(0),
                ..less
            },
            0
        ),
        []
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(notes.exists());
}

#[test]
fn a_recording_that_cannot_be_written_is_one_that_was_cut_short() {
    let mut stage = Stage::new();
    let mut writer = stage.begin(facts());
    writer.append(1000, b"kept", &mut stage.press).unwrap();
    writer.flush(&mut stage.press).unwrap();
    writer
        .append(2000, b"never written", &mut stage.press)
        .unwrap();
    let end = End {
        ending: Ending::CutShort,
        reason: "no space left".into(),
        ms: 2500,
    };
    let name = writer.name();
    writer.finish(&end, &mut stage.press).unwrap();
    let folder = stage.folder();
    let found = folder.find(name.id).unwrap();
    let entry = folder.entry(&found).unwrap();
    assert_eq!(entry.state, State::CutShort);
    assert!(matches!(
        verify(&folder, &found),
        Ok(Verdict::CutShort { seal: Some(_), .. })
    ));
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

#[test]
fn one_that_cannot_be_mended_keeps_no_other_from_it() {
    let mut stage = Stage::new();
    let mut names = Vec::new();
    for id in 1..=4 {
        let writer = stage.begin(Facts {
            id: Id(id),
            started_ms: id as u64 * 1000,
            ..facts()
        });
        names.push(writer.name());
    }
    let folder = stage.folder();
    fs::write(folder.path_of(&names[3], Part::Sidecar), "damaged").unwrap();
    // One that was begun when the disk was full, and one that is just being begun.
    for name in &names[1..3] {
        fs::remove_file(folder.path_of(name, Part::Sidecar)).unwrap();
        fs::write(folder.path_of(name, Part::LiveData), "").unwrap();
    }
    let [orphan, young] = [1, 2].map(|at| folder.path_of(&names[at], Part::LiveData));
    let file = fs::File::options().write(true).open(&orphan).unwrap();
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    file.set_modified(long_ago).unwrap();
    let recovered = folder.recover();
    assert_eq!(recovered.names, [names[0]]);
    assert!(matches!(
        recovered.failed,
        Some(FolderError::Sidecar { .. })
    ));
    assert!(!orphan.exists() && young.exists());
    // What cannot be mended gets old as everything does.
    let limits = Limits {
        keep: Some(Duration::from_secs(60)),
        bytes_max: None,
    };
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now().unwrap().as_secs();
    folder.prune(&limits, now).unwrap();
    assert_eq!(folder.recordings().unwrap().len(), 2, "they are young");
    folder.prune(&limits, now + 120).unwrap();
    assert_eq!(folder.recordings().unwrap(), []);
}

#[test]
fn what_cannot_be_begun_leaves_nothing() {
    let mut stage = Stage::new();
    let folder = stage.folder();
    fs::create_dir_all(folder.path()).unwrap();
    let name = facts().name();
    // Nothing can be written where a folder is.
    let obstacle = folder.path_of(&name, Part::NewSidecar);
    fs::create_dir(&obstacle).unwrap();
    let begun = Writer::create(folder.path(), facts(), &screen(), &mut stage.press);
    assert!(begun.is_err());
    fs::remove_dir(&obstacle).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    // What was there before stays.
    let found = stage.record(1, 1000);
    let facts = Facts {
        id: Id(1),
        started_ms: 1_000_000,
        ..facts()
    };
    assert!(Writer::create(folder.path(), facts, &screen(), &mut stage.press).is_err());
    assert!(matches!(verify(&folder, &found), Ok(Verdict::Whole { .. })));
}

#[test]
fn a_recording_from_the_future_is_not_too_old() {
    let mut stage = Stage::new();
    let found = stage.record(1, 1000);
    let folder = stage.folder();
    let limits = Limits {
        keep: Some(Duration::from_secs(10)),
        bytes_max: None,
    };
    // It lasted a minute and began, by this clock, less than that ago.
    for now in [500, 1011, 1030] {
        folder.prune(&limits, now).unwrap();
        assert_eq!(folder.recordings().unwrap(), [found], "{now}");
    }
}
