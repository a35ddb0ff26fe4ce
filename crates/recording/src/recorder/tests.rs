//! The recorder's threads, with real files.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use testkit::{Scratch, wait_for, wait_true};

use super::*;
use crate::sidecar::tests::facts;
use crate::{Ending, Folder, Id, Position, State as Now, Verdict, verify};

type Told = Arc<Mutex<Vec<(Grade, String)>>>;

fn plan(folder: &Path, limits: Limits) -> (Plan, Told) {
    let told = Told::default();
    let record = Arc::clone(&told);
    let tell: Tell = Arc::new(move |grade, text: &str| {
        record.lock().unwrap().push((grade, text.to_owned()));
    });
    let folder = folder.to_owned();
    (
        Plan {
            folder,
            limits,
            tell,
        },
        told,
    )
}

fn errors(told: &Told) -> Vec<String> {
    let told = told.lock().unwrap();
    let errors = told.iter().filter(|(grade, _)| *grade == Grade::Error);
    errors.map(|(_, text)| text.clone()).collect()
}

fn screen() -> Screen {
    Screen {
        width: 8,
        height: 8,
        pixel_format: [0; 16],
        name: Vec::new(),
    }
}

/// Hands over what came at one time.
fn push(track: &Track, ms: u32, len: usize) -> Result<(), Trouble> {
    track.append(ms, &noise(ms, len))?;
    track.settle()?;
    track.point(Position {
        ms,
        x: 1,
        y: 2,
        buttons: 0,
    })
}

/// Bytes that do not compress.
fn noise(ms: u32, len: usize) -> Vec<u8> {
    let mut state = ms | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

#[test]
fn what_was_handed_over_is_on_disk_after_the_end() {
    let scratch = Scratch::new("recorder");
    let (plan, told) = plan(scratch.path(), Limits::default());
    let recorder = Recorder::default();
    let track = recorder
        .begin(plan, facts(), screen(), Waker::noop().clone())
        .unwrap();
    for ms in 1..=100 {
        push(&track, ms, 1000).unwrap();
    }
    track.end(200, Ending::Whole, "idle");
    assert!(recorder.shut_down(Duration::from_secs(10)));
    let folder = Folder::new(scratch.path());
    let found = folder.find(facts().id).unwrap();
    let Verdict::Whole { seal } = verify(&folder, &found).unwrap() else {
        panic!("not whole");
    };
    let outcome = folder.sidecar(&found.name).unwrap().outcome.unwrap();
    assert_eq!((outcome.duration_ms, outcome.positions), (200, 100));
    assert!(outcome.raw_bytes > 100_000);
    let told = told.lock().unwrap();
    assert!(
        told[0].1.starts_with("recording of session 0000"),
        "{told:?}"
    );
    let seal = crate::sidecar::hex(&seal);
    assert!(told[1].1.ends_with(&format!("reason=idle, seal={seal}")));
}

#[test]
fn every_byte_that_waited_is_given_back_however_the_pieces_are_cut() {
    let scratch = Scratch::new("recorder");
    let (plan, _) = plan(scratch.path(), Limits::default());
    let recorder = Recorder::default();
    let begun = recorder.begin(plan, facts(), screen(), Waker::noop().clone());
    let track = begun.unwrap();
    // Frames get full within blocks, which are open then.
    for ms in 1..=200 {
        track.append(ms, &noise(ms, 4099)).unwrap();
        track.append(ms, &noise(ms, 70_001)).unwrap();
        if ms % 7 == 0 {
            track.settle().unwrap();
        }
    }
    track.append(201, b"open").unwrap();
    assert_eq!(recorder.counts().open, 1);
    track.end(202, Ending::Whole, "idle");
    let totals = Arc::clone(&recorder.inner.totals);
    assert!(recorder.shut_down(Duration::from_secs(20)));
    assert_eq!(totals.waiting.load(Relaxed), 0);
    let counts = recorder.counts();
    assert_eq!((counts.open, counts.failed), (0, 0));
    let folder = Folder::new(scratch.path());
    let found = folder.find(facts().id).unwrap();
    let Ok(Verdict::Whole { .. }) = verify(&folder, &found) else {
        panic!("not whole");
    };
    let outcome = folder.sidecar(&found.name).unwrap().outcome.unwrap();
    assert!(counts.written > 0 && counts.written <= outcome.bytes);
    let mut reader = folder.read(&found).unwrap();
    let mut data = Vec::new();
    while let Some(frame) = reader.next_frame().unwrap() {
        for block in frame.blocks() {
            data.extend_from_slice(block.unwrap().data);
        }
    }
    let mut expected = Vec::new();
    screen().handshake(&mut expected);
    for ms in 1..=200 {
        expected.extend(noise(ms, 4099));
        expected.extend(noise(ms, 70_001));
    }
    expected.extend(b"open");
    assert!(data == expected, "other bytes than were handed over");
}

#[test]
fn what_a_session_sent_is_on_disk_after_a_while_though_it_is_little() {
    let scratch = Scratch::new("recorder");
    let (plan, _) = plan(scratch.path(), Limits::default());
    let recorder = Recorder::default();
    let track = recorder
        .begin(plan, facts(), screen(), Waker::noop().clone())
        .unwrap();
    push(&track, 70, 10).unwrap();
    let folder = Folder::new(scratch.path());
    wait_true("a frame of the little", || {
        let entry = folder
            .find(facts().id)
            .and_then(|found| folder.entry(&found));
        entry.is_ok_and(|entry| entry.duration_ms == 70 && entry.state == Now::Live)
    });
    drop(track);
    wait_true("the end of a track that was dropped", || {
        let entry = folder
            .find(facts().id)
            .and_then(|found| folder.entry(&found));
        entry.is_ok_and(|entry| entry.state == Now::CutShort)
    });
}

#[test]
fn a_folder_that_cannot_be_written_is_trouble() {
    let scratch = Scratch::new("recorder");
    let file = scratch.write("file", "");
    let (plan, told) = plan(&file, Limits::default());
    let recorder = Recorder::default();
    let track = recorder
        .begin(plan, facts(), screen(), Waker::noop().clone())
        .unwrap();
    let trouble = wait_for("trouble", || push(&track, 1, 1).err());
    assert!(trouble.0.contains(&file.display().to_string()), "{trouble}");
    assert_eq!(errors(&told), [trouble.0]);
}

#[test]
fn the_oldest_make_room_and_a_recording_alone_ends_at_the_limit() {
    let scratch = Scratch::new("recorder");
    let limits = Limits {
        keep: None,
        bytes_max: Some(3 << 20),
    };
    let (plan, told) = plan(scratch.path(), limits);
    let recorder = Recorder::default();
    let folder = Folder::new(scratch.path());
    let begin = |id: u128| {
        let facts = Facts {
            id: Id(id),
            started_ms: facts().started_ms + id as u64 * 1000,
            ..facts()
        };
        recorder
            .begin(plan.clone(), facts, screen(), Waker::noop().clone())
            .unwrap()
    };
    let first = begin(1);
    push(&first, 1, 2 << 20).unwrap();
    first.end(2, Ending::Whole, "idle");
    wait_true("the first one's end", || {
        folder.find(Id(1)).is_ok_and(|found| found.finished)
    });
    let second = begin(2);
    let mut ms = 0;
    let trouble = wait_for("the limit", || {
        ms += 1;
        push(&second, ms, 1 << 20).err()
    });
    assert!(
        trouble.0.ends_with("max_size=3145728 is reached"),
        "{trouble}"
    );
    assert_eq!(errors(&told), [trouble.0]);
    assert!(folder.find(Id(1)).is_err(), "the older one stays");
    let found = wait_for("the second one's end", || {
        folder.find(Id(2)).ok().filter(|found| found.finished)
    });
    assert!(matches!(
        verify(&folder, &found),
        Ok(Verdict::CutShort { seal: Some(_), .. })
    ));
}

#[test]
fn what_is_not_written_in_time_is_not_taken() {
    let (orders, never_read) = mpsc::channel();
    let totals = Arc::new(Totals::default());
    let shared = track::Shared::new(&totals, Waker::noop().clone());
    let track = Track::new(1, orders, Arc::new(shared));
    let mut taken = 0;
    while push(&track, 1, 1 << 20).is_ok() {
        taken += 1;
    }
    assert_eq!(taken, 31);
    // However much waits, the thread is told of each frame once.
    let full = never_read.try_iter().count();
    assert!((32 * 2..=32 * 4 + 1).contains(&full), "{full}");
    assert_eq!(totals.failed.load(Relaxed), 1);
    drop((track, never_read));
    let left = (totals.waiting.load(Relaxed), totals.open.load(Relaxed));
    assert_eq!(left, (0, 0), "nothing waits any more");
}

#[test]
fn folders_are_mended_and_aged() {
    let scratch = Scratch::new("recorder");
    let folder = Folder::new(scratch.path());
    let mut press = crate::Press::new().unwrap();
    let mut begin = |id: u128, started_ms: u64| {
        let facts = Facts {
            id: Id(id),
            started_ms,
            ..facts()
        };
        crate::Writer::create(folder.path(), facts, &screen(), &mut press).unwrap()
    };
    drop(begin(1, writing::seconds_now() * 1000));
    drop(begin(2, 1000));
    let limits = Limits {
        keep: Some(Duration::from_secs(60)),
        bytes_max: None,
    };
    let (plan, told) = plan(scratch.path(), limits);
    let recorder = Recorder::default();
    recorder.keep(vec![plan]);
    wait_true("the old one gone and the new one mended", || {
        let all = folder.recordings().unwrap();
        all.len() == 1 && all[0].finished && all[0].name.id == Id(1)
    });
    assert!(recorder.shut_down(Duration::from_secs(10)));
    assert_eq!(errors(&told), [""; 0]);
}

#[test]
fn a_recorder_that_has_nothing_to_do_starts_nothing() {
    let recorder = Recorder::default();
    recorder.keep(Vec::new());
    assert!(recorder.lock().is_none());
    assert!(recorder.shut_down(Duration::ZERO));
}
