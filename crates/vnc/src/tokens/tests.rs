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

fn lookup(source: &TokenSource, token: &str) -> Result<Option<Ticket>, TokenError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.unwrap();
    runtime.block_on(source.lookup(token, Asked::ToOpen))
}

fn target(source: &TokenSource, token: &str) -> Option<String> {
    match lookup(source, token).unwrap()?.place {
        Place::Target(target) => Some(target.to_string()),
        Place::Desktop(name) => Some(format!("desktop {name}")),
    }
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
        lookup(&source, "bad"),
        Err(TokenError::BadTicket { .. })
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
    let source = TokenSource::dir(&folder.0);
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
        lookup(&source, "bad"),
        Err(TokenError::BadTicket { .. })
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
            matches!(lookup(&source, "vm"), Err(TokenError::Unreadable { .. })),
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

fn folder_with(name: &str, lines: &str) -> (Folder, TokenSource) {
    let folder = Folder::new(name);
    let path = folder.write("tokens", lines);
    (folder, TokenSource::file(path))
}

#[test]
fn terms_stand_behind_the_address() {
    let (_folder, source) = folder_with(
        "terms",
        "a: 10.0.0.1:5901 expires=2026-12-01T08:00:00Z once user=ann,bob \
         address=10.0.0.0/8,::1 role=control view_only title=\"Lab: 1\"\n\
         b: desktop=office once\n\
         c: unix_socket:/run/a vm.sock once\n\
         d: ws.example:1 once # no comment\n",
    );
    let ticket = lookup(&source, "a").unwrap().unwrap();
    assert_eq!(
        ticket.place,
        Place::Target("10.0.0.1:5901".parse().unwrap())
    );
    let seconds = ticket
        .expires
        .unwrap()
        .duration_since(std::time::UNIX_EPOCH);
    assert_eq!(seconds.unwrap().as_secs(), 1_796_112_000);
    assert!(ticket.once);
    assert_eq!(ticket.users, ["ann", "bob"]);
    assert_eq!(ticket.role, Some(crate::Role::View), "the least counts");
    assert_eq!(ticket.title.as_deref(), Some("Lab: 1"));
    assert_eq!(target(&source, "b").as_deref(), Some("desktop office"));
    assert_eq!(target(&source, "c").as_deref(), Some("unix:/run/a vm.sock"));
    assert!(lookup(&source, "d").is_err());
}

#[test]
fn a_term_that_cannot_be_read_opens_nothing() {
    for terms in [
        "expires=soon",
        "expires=",
        "expires",
        "once=1",
        "user=",
        "user=,",
        "address=10.0.0.0/99",
        "address=lab",
        "role=owner",
        "titel=x",
        "title=\"x",
        "view-only",
        "5900",
    ] {
        let (_folder, source) = folder_with("wrong", &format!("vm: 10.0.0.1:5901 {terms}\n"));
        let found = lookup(&source, "vm");
        assert!(
            matches!(found, Err(TokenError::BadTicket { .. })),
            "{terms}"
        );
    }
}

#[test]
fn a_ticket_is_for_whom_it_says_and_when() {
    use std::time::SystemTime;

    use crate::Refusal;

    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
    let check = |terms: &str, user: Option<&str>, address: Option<&str>| {
        let ticket = Ticket::parse(&format!("lab:5900 {terms}")).unwrap();
        let address = address.map(|address| address.parse().unwrap());
        ticket.check(&Bearer { user, address }, now)
    };
    assert_eq!(check("", None, None), Ok(()));
    assert_eq!(check("expires=1001", None, None), Ok(()));
    assert_eq!(
        check("expires=1000", None, None),
        Err(Refusal::UnknownToken)
    );
    assert_eq!(check("user=ann", Some("ann"), None), Ok(()));
    assert_eq!(check("user=ann", Some("Ann"), None), Err(Refusal::NotYours));
    assert_eq!(check("user=ann", None, None), Err(Refusal::NotYours));
    let net = "address=10.0.0.0/8,192.168.7.7";
    assert_eq!(check(net, None, Some("10.9.9.9")), Ok(()));
    assert_eq!(check(net, None, Some("192.168.7.7")), Ok(()));
    for address in [Some("192.168.7.8"), Some("::1"), None] {
        assert_eq!(check(net, None, address), Err(Refusal::NotYours));
    }
}

#[test]
fn json_says_the_same_with_the_same_names() {
    let read = |json: &str| match serde_json::from_str(json).unwrap() {
        serde_json::Value::Object(object) => Ticket::from_json(&object),
        other => panic!("{other}"),
    };
    let ticket = read(
        r#"{"host":"10.0.0.1","port":"5901","expires":1000.5,"once":true,"user":["ann","bob"],
            "address":"10.0.0.0/8","view_only":true,"role":"admin","title":"Lab","password":"x"}"#,
    )
    .unwrap();
    assert!(ticket.once && ticket.expires.is_some());
    assert_eq!(ticket.users, ["ann", "bob"]);
    assert_eq!(ticket.role, Some(crate::Role::View));
    assert_eq!(
        ticket.password, None,
        "what a browser brings has no secrets"
    );
    for wrong in [
        r#"{"port":5900}"#,
        r#"{"host":1,"port":5900}"#,
        r#"{"host":"lab","port":[]}"#,
        r#"{"host":"lab","port":0}"#,
        r#"{"host":"lab:1","once":"yes"}"#,
        r#"{"host":"lab:1","view_only":1}"#,
        r#"{"host":"lab:1","expires":true}"#,
        r#"{"host":"lab:1","expires":-1}"#,
        r#"{"host":"lab:1","user":[]}"#,
        r#"{"host":"lab:1","user":[1]}"#,
        r#"{"host":"lab:1","address":{}}"#,
        r#"{"host":"lab:1","role":"owner"}"#,
        r#"{"host":"lab:1","title":1}"#,
        r#"{"desktop":1}"#,
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
    let absent = r#"{"host":"lab:1","once":false,"view_only":false,"user":null,"expires":null}"#;
    let plain = read(r#"{"host":"lab:1"}"#).unwrap();
    assert_eq!(read(absent), Ok(plain));
}
