//! Indexes of recordings, made whole and in parts, and what is found by them.

use std::fs;

use testkit::Scratch;

use super::*;
use crate::sidecar::tests::facts;
use crate::{End, Ending, Excerpt, Position, Press, Screen, Writer, fbs};

const SIDE: u16 = 256;

/// A raw update of the whole screen that does not compress, different for each `seed`.
fn update(seed: u32) -> Vec<u8> {
    let [s0, s1] = SIDE.to_be_bytes();
    let mut bytes = vec![0, 0, 0, 1, 0, 0, 0, 0, s0, s1, s0, s1, 0, 0, 0, 0];
    let mut state = seed | 1;
    for _ in 0..usize::from(SIDE) * usize::from(SIDE) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        bytes.extend_from_slice(&[state as u8, (state >> 8) as u8, (state >> 16) as u8, 0]);
    }
    bytes
}

/// A recording of ten minutes with an update every ten seconds.
fn record(scratch: &Scratch) -> (Folder, Found) {
    let mut press = Press::new().unwrap();
    let screen = Screen {
        width: SIDE,
        height: SIDE,
        pixel_format: [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0],
        name: Vec::new(),
    };
    let mut writer = Writer::create(scratch.path(), facts(), &screen, &mut press).unwrap();
    for at in 1..=60 {
        let ms = at * 10_000;
        // In two pieces: a message may be cut where a batch was full.
        let bytes = update(at);
        let (one, two) = bytes.split_at(70_000);
        writer.append(ms, one, &mut press).unwrap();
        writer.append(ms, two, &mut press).unwrap();
        let (x, y, buttons) = (1, 2, 0);
        writer.point(Position { ms, x, y, buttons }).unwrap();
    }
    let end = End {
        ending: Ending::Whole,
        reason: "idle".into(),
        ms: 605_000,
    };
    writer.finish(&end, &mut press).unwrap();
    let folder = Folder::new(scratch.path());
    let found = folder.find(facts().id).unwrap();
    (folder, found)
}

fn make(folder: &Folder, found: &Found) -> Index {
    let mut indexer = Indexer::open(folder, found).unwrap();
    while !indexer.step().unwrap() {}
    Index::open(folder, &found.name).unwrap().unwrap()
}

/// The screen at a moment.
fn screen_at(mut replay: Replay, ms: u32) -> Vec<[u8; 4]> {
    replay.advance(ms, usize::MAX).unwrap();
    replay.screen().unwrap().pixels().to_vec()
}

#[test]
fn a_replay_begins_at_the_point_before_and_shows_the_same() {
    let scratch = Scratch::new("index");
    let (folder, found) = record(&scratch);
    assert!(Index::open(&folder, &found.name).unwrap().is_none());
    let index = make(&folder, &found);
    assert!(index.is_whole && index.points() >= 10, "{}", index.points());
    let times: Vec<u32> = index.points.iter().map(|point| point.mark.ms).collect();
    assert!(times.is_sorted(), "{times:?}");
    for ms in [0, 5_000, 100_000, 345_678, 600_000, 900_000] {
        let from_front = Replay::new(folder.read(&found).unwrap());
        let by_index = Index::replay(&folder, &found, ms).unwrap();
        assert!(by_index.ms() <= ms && (ms < 100_000 || by_index.ms() + 60_000 > ms.min(600_000)));
        assert_eq!(screen_at(by_index, ms), screen_at(from_front, ms), "{ms}");
    }
    let lively = index.activity().iter().filter(|&&value| value > 100);
    assert_eq!(lively.count(), 60);
    assert!(index.activity()[10] > 100);
    let sizes = [Size {
        ms: 0,
        width: SIDE,
        height: SIDE,
    }];
    assert_eq!(index.sizes(), sizes);
    assert!(folder.entry(&found).unwrap().seekable);
}

#[test]
fn an_index_that_was_interrupted_is_gone_on_with() {
    let scratch = Scratch::new("index");
    let (folder, found) = record(&scratch);
    let whole = make(&folder, &found);
    fs::remove_file(folder.path_of(&found.name, Part::Index)).unwrap();
    let mut indexer = Indexer::open(&folder, &found).unwrap();
    // A step may be short where the machine is slow.
    while indexer.ms() < 160_000 {
        assert!(!indexer.step().unwrap());
    }
    drop(indexer);
    // A crash may leave a part of a record.
    let path = folder.path_of(&found.name, Part::NewIndex);
    let begun = fs::read(&path).unwrap();
    fs::write(&path, [&begun[..], b"P\0\0\xff\xff torn"].concat()).unwrap();
    let resumed = Indexer::open(&folder, &found).unwrap();
    assert!(resumed.ms() > 20_000, "it begins at the front again");
    drop(resumed);
    let again = make(&folder, &found);
    assert_eq!(again.activity(), whole.activity());
    assert_eq!(again.sizes(), whole.sizes());
    let times =
        |index: &Index| -> Vec<u32> { index.points.iter().map(|point| point.mark.ms).collect() };
    assert_eq!(times(&again), times(&whole));
}

#[test]
fn a_damaged_index_makes_a_replay_slower_and_no_worse() {
    let scratch = Scratch::new("index");
    let (folder, found) = record(&scratch);
    make(&folder, &found);
    let path = folder.path_of(&found.name, Part::Index);
    let good = fs::read(&path).unwrap();
    let expected = screen_at(Replay::new(folder.read(&found).unwrap()), 500_000);
    for at in [0, 9, 20, good.len() / 2, good.len() - 3] {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        fs::write(&path, &bad).unwrap();
        let replay = Index::replay(&folder, &found, 500_000).unwrap();
        assert_eq!(screen_at(replay, 500_000), expected, "byte {at}");
    }
}

#[test]
fn an_excerpt_needs_nothing_of_what_was_before() {
    let scratch = Scratch::new("index");
    let (folder, found) = record(&scratch);
    make(&folder, &found);
    let replay = Index::replay(&folder, &found, 305_000).unwrap();
    let mut excerpt = Excerpt::new(replay, 305_000, "desk");
    let mut stream = Vec::new();
    while excerpt.piece(&mut stream).unwrap() {}
    let mut rest = &stream[..];
    fbs::take_magic(&mut rest).unwrap();
    let first = fbs::take(&mut rest).unwrap().unwrap();
    assert_eq!(
        (first.ms, &first.data[..12]),
        (305_000, &b"RFB 003.003\n"[..])
    );
    let format = picture::Encoder::FORMAT;
    let limits = picture::Limits::default();
    let mut decoder = picture::Decoder::new(SIDE, SIDE, format, limits).unwrap();
    let mut times = Vec::new();
    while let Some(block) = fbs::take(&mut rest).unwrap() {
        decoder.handle(block.data).unwrap();
        times.push(block.ms);
        if block.ms == 305_000 {
            continue;
        }
        let is_over = decoder.is_at_boundary() && block.ms < 605_000;
        if is_over && times.len().is_multiple_of(16) {
            let replay = Index::replay(&folder, &found, block.ms).unwrap();
            assert_eq!(
                decoder.screen().pixels(),
                screen_at(replay, block.ms),
                "{}",
                block.ms
            );
        }
    }
    assert_eq!(times.first(), Some(&305_000));
    assert_eq!(times.last(), Some(&605_000));
    assert!(times.is_sorted());
}

#[test]
fn what_paints_for_long_is_indexed_in_short_pieces() {
    let scratch = Scratch::new("index");
    let mut press = Press::new().unwrap();
    let screen = Screen {
        width: 1024,
        height: 1024,
        pixel_format: [32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0],
        name: Vec::new(),
    };
    let mut writer = Writer::create(scratch.path(), facts(), &screen, &mut press).unwrap();
    // RRE in which every twelve bytes paint 4 MiB.
    let parts = 8000_u32;
    let mut bytes = vec![0, 0, 0, 1, 0, 0, 0, 0, 4, 0, 4, 0, 0, 0, 0, 2];
    bytes.extend_from_slice(&parts.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    for _ in 0..parts {
        bytes.extend_from_slice(&[1, 2, 3, 0, 0, 0, 0, 0, 4, 0, 4, 0]);
    }
    writer.append(1000, &bytes, &mut press).unwrap();
    let end = End {
        ending: Ending::Whole,
        reason: "idle".into(),
        ms: 2000,
    };
    writer.finish(&end, &mut press).unwrap();
    let folder = Folder::new(scratch.path());
    let found = folder.find(facts().id).unwrap();
    let mut indexer = Indexer::open(&folder, &found).unwrap();
    assert!(!indexer.step().unwrap(), "all of it was done at once");
}
