//! Token sources against real files.

use std::fs;

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("portway-tokens-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn target(source: &TokenSource, token: &str) -> Option<String> {
    source
        .lookup(token)
        .unwrap()
        .map(|target| target.to_string())
}

/// Long enough for a file's time to differ and to be trusted.
fn settle() {
    std::thread::sleep(Duration::from_millis(80));
}

#[test]
fn lines_are_read_as_websockify_reads_them() {
    let folder = Folder::new("lines");
    let path = folder.write(
        "tokens",
        "# comment: 1.1.1.1:1\n\n  a: 10.0.0.1:5901  \nb:\t[::1]:5902\nc: unix_socket:/run/c\r\n\
         d:10.0.0.4:5904\ne: f: 10.0.0.5:1\nwith:colon: 10.0.0.6:5906\na: 10.0.0.9:5909\n\
         bad: 10.0.0.7\n",
    );
    let source = TokenSource::file(path);
    assert_eq!(
        target(&source, "a"),
        Some("10.0.0.9:5909".into()),
        "the last line counts"
    );
    assert_eq!(target(&source, "b"), Some("[::1]:5902".into()));
    assert_eq!(target(&source, "c"), Some("unix:/run/c".into()));
    assert_eq!(target(&source, "with:colon"), Some("10.0.0.6:5906".into()));
    for absent in ["d", "e", "f", "# comment", "comment", "", "A", "10.0.0.1"] {
        assert_eq!(target(&source, absent), None, "{absent:?}");
    }
    assert!(matches!(
        source.lookup("bad"),
        Err(TokenError::BadTarget { .. })
    ));
}

#[test]
fn a_changed_file_is_read_again_at_the_next_lookup() {
    let folder = Folder::new("change");
    let path = folder.write("tokens", "vm: 10.0.0.1:5901\n");
    let source = TokenSource::file(&path);
    for round in 1..=9 {
        let expected = format!("10.0.0.{round}:5901");
        folder.write("tokens", &format!("vm: {expected}\n"));
        assert_eq!(
            target(&source, "vm"),
            Some(expected),
            "written at once, same size"
        );
    }
    settle();
    assert_eq!(target(&source, "vm"), Some("10.0.0.9:5901".into()));
    fs::rename(folder.write("new", "other: 10.0.0.2:5902\n"), &path).unwrap();
    assert_eq!(target(&source, "vm"), None);
    assert_eq!(target(&source, "other"), Some("10.0.0.2:5902".into()));
}

#[test]
fn a_directory_of_files_is_followed_as_files_come_change_and_go() {
    let folder = Folder::new("dir");
    folder.write("a", "one: 10.0.0.1:1\nboth: 10.0.0.1:1\n");
    folder.write("b", "two: 10.0.0.2:2\nboth: 10.0.0.2:2\n");
    fs::create_dir(folder.0.join("c")).unwrap();
    settle();
    let source = TokenSource::file_or_dir(&folder.0);
    assert_eq!(target(&source, "one"), Some("10.0.0.1:1".into()));
    assert_eq!(target(&source, "both"), Some("10.0.0.2:2".into()));
    folder.write("b", "two: 10.0.0.3:3\n");
    settle();
    assert_eq!(target(&source, "two"), Some("10.0.0.3:3".into()));
    assert_eq!(target(&source, "both"), Some("10.0.0.1:1".into()));
    fs::remove_file(folder.0.join("a")).unwrap();
    assert_eq!(target(&source, "one"), None);
    folder.write("d", "one: 10.0.0.4:4\n");
    assert_eq!(target(&source, "one"), Some("10.0.0.4:4".into()));
}

#[test]
fn a_token_added_to_a_known_file_is_found() {
    let folder = Folder::new("added");
    folder.write("a", "one: 10.0.0.1:1\n");
    settle();
    let source = TokenSource::dir(&folder.0);
    assert_eq!(target(&source, "new"), None);
    folder.write("a", "one: 10.0.0.1:1\nnew: 10.0.0.2:2\n");
    std::thread::sleep(RESCAN_INTERVAL);
    assert_eq!(target(&source, "new"), Some("10.0.0.2:2".into()));
}

#[test]
fn a_files_name_is_its_token_and_cannot_leave_the_directory() {
    let folder = Folder::new("names");
    folder.write("outside", "10.9.9.9:9\n");
    let dir = folder.0.join("tokens");
    fs::create_dir_all(dir.join("sub")).unwrap();
    fs::write(dir.join("vm1"), "10.0.0.1:5901\n").unwrap();
    fs::write(dir.join("bad"), "nothing\n").unwrap();
    let source = TokenSource::name_dir(&dir);
    assert_eq!(target(&source, "vm1"), Some("10.0.0.1:5901".into()));
    let outside = folder.0.join("outside").to_string_lossy().into_owned();
    let long = "x".repeat(300);
    for absent in [
        "../outside",
        "sub/../vm1",
        ".",
        "..",
        "",
        "sub",
        "vm1\0",
        &outside,
        &long,
    ] {
        assert_eq!(target(&source, absent), None, "{absent:?}");
    }
    assert!(matches!(
        source.lookup("bad"),
        Err(TokenError::BadTarget { .. })
    ));
}

#[test]
fn a_missing_source_is_an_error_and_not_an_unknown_token() {
    let folder = Folder::new("missing");
    let absent = folder.0.join("absent");
    for source in [
        TokenSource::file(&absent),
        TokenSource::dir(&absent),
        TokenSource::name_dir(&absent),
    ] {
        assert!(
            matches!(source.lookup("vm"), Err(TokenError::Unreadable { .. })),
            "{source:?}"
        );
    }
}

#[test]
fn a_masked_token_cannot_be_used() {
    assert_eq!(mask_token("short"), "***");
    assert_eq!(mask_token("8f14e45fceea167a"), "8f14***");
    assert_eq!(mask_token("\n\u{1b}[31mevil-token"), "??[3***");
}
