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
