//! What is too old or too much goes.

use std::os::unix::fs::MetadataExt as _;

use super::*;

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

#[test]
fn one_that_cannot_be_removed_keeps_no_other_from_it() {
    let mut stage = Stage::new();
    let names: Vec<_> = (1..=3)
        .map(|id| stage.record(id, 1000 * id as u64).name)
        .collect();
    let folder = stage.folder();
    // What is to be a file cannot be removed as one.
    let obstacle = folder.path_of(&names[0], Part::Index);
    fs::create_dir(&obstacle).unwrap();
    let limits = Limits {
        keep: Some(Duration::from_secs(60)),
        bytes_max: None,
    };
    let pruned = folder.prune(&limits, 100_000).unwrap();
    assert_eq!((pruned.recordings, pruned.failures), (2, 1));
    let Some(FolderError::Io { path, .. }) = &pruned.failed else {
        panic!("{pruned:?}");
    };
    assert_eq!(*path, obstacle);
    assert!(pruned.bytes_left > 0);
    fs::remove_dir(obstacle).unwrap();
    let pruned = folder.prune(&limits, 100_000).unwrap();
    assert_eq!((pruned.recordings, pruned.bytes_left), (1, 0));
}

#[test]
fn one_that_is_being_written_stays_and_counts_among_the_others() {
    let mut stage = Stage::new();
    let old = stage.record(1, 1000);
    let mut running = stage.begin(Facts {
        id: Id(2),
        started_ms: 500_000,
        ..facts()
    });
    running
        .append(1000, &noise(9, 100_000), &mut stage.press)
        .unwrap();
    running.flush(&mut stage.press).unwrap();
    let folder = stage.folder();
    let left = |bytes_max| {
        let limits = Limits {
            keep: None,
            bytes_max: Some(bytes_max),
        };
        let pruned = folder.prune(&limits, 100_000).unwrap();
        let left = folder.recordings().unwrap();
        let left: Vec<_> = left.iter().map(|found| found.name.id.0).collect();
        (left, pruned.bytes_left)
    };
    // Both fit; without the one that runs, the finished one would fit twice.
    assert_eq!(left(200_000).0, [1, 2]);
    let (left_ids, bytes) = left(100_000);
    assert_eq!(
        left_ids,
        [2],
        "the finished one makes room, though it is the younger one"
    );
    assert!(bytes > 100_000, "what runs counts and stays: {bytes}");
    assert!(!folder.path_of(&old.name, Part::Data).exists());
    // However old it is: its writer still writes.
    let age = Limits {
        keep: Some(Duration::from_secs(1)),
        bytes_max: Some(0),
    };
    assert_eq!(folder.prune(&age, u64::MAX).unwrap().recordings, 0);
    running.append(2000, b"on", &mut stage.press).unwrap();
    running
        .finish(&end("idle", 3000), &mut stage.press)
        .unwrap();
    let found = folder.find(Id(2)).unwrap();
    assert!(matches!(verify(&folder, &found), Ok(Verdict::Whole { .. })));
    assert_eq!(folder.prune(&age, u64::MAX).unwrap().recordings, 1);
}
