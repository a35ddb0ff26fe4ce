//! What a crash left is mended.

use super::*;

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
            duration_ms: 3000,
            reason: Some("cut-short".into()),
            torn: 0,
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
