//! Recordings from the first byte to deletion.

mod ageing;
mod mending;
mod verifying;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use testkit::Scratch;

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
