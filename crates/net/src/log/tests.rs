//! Log lines, levels and sinks, rotation, syslog.

use std::io::Read as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use super::*;

/// A folder of its own that goes when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("portway-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn file(folder: &Folder, name: &str) -> Arc<LogFile> {
    Arc::new(LogFile::open(&folder.0.join(name)).unwrap())
}

fn rest_of_line(line: &str) -> &str {
    let (time, rest) = line.split_at("YYYY/MM/DD HH:MM:SS ".len());
    assert_eq!(&time[4..5], "/");
    assert_eq!(&time[13..14], ":");
    rest
}

#[test]
fn a_line_has_time_level_ids_connection_and_message() {
    let folder = Folder::new("line");
    let log = ErrorLog::new(vec![(Level::Info, Sink::File(file(&folder, "a")))]);
    log.log(Level::Info, Some(7), format_args!("client sent {}", "x"));
    log.log(Level::Notice, None, format_args!("start"));
    log.log_bytes(Level::Error, None, b"\xff");
    let mut bytes = Vec::new();
    std::fs::File::open(folder.0.join("a"))
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    assert!(bytes.ends_with(b": \xff\n"));
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().map(rest_of_line).collect();
    let pid = std::process::id();
    assert!(
        lines[0].starts_with(&format!("[info] {pid}#")),
        "{}",
        lines[0]
    );
    assert!(lines[0].ends_with(": *7 client sent x"), "{}", lines[0]);
    assert!(lines[1].ends_with(": start"), "{}", lines[1]);
}

#[test]
fn every_sink_that_admits_a_level_gets_one_copy() {
    let folder = Folder::new("copies");
    let both = file(&folder, "both");
    let log = ErrorLog::new(vec![
        (Level::Warn, Sink::File(Arc::clone(&both))),
        (Level::Error, Sink::File(both)),
        (Level::Emerg, Sink::File(file(&folder, "emerg"))),
    ]);
    log.log(Level::Error, None, format_args!("twice"));
    log.log(Level::Warn, None, format_args!("once"));
    assert!(!log.admits(Level::Notice));
    log.log(Level::Notice, None, format_args!("never"));
    let text = folder.read("both");
    let count = |word| text.lines().filter(|line| line.ends_with(word)).count();
    assert_eq!((count("twice"), count("once"), count("never")), (2, 1, 0));
    assert_eq!(folder.read("emerg"), "");
}

#[test]
fn a_log_without_sinks_admits_nothing() {
    assert!(!ErrorLog::default().admits(Level::Emerg));
}

#[test]
fn no_message_can_begin_a_line_or_command_a_terminal() {
    let folder = Folder::new("controls");
    let log = ErrorLog::new(vec![(Level::Info, Sink::File(file(&folder, "a")))]);
    let forged = "ann\r\n2026/01/01 00:00:00 [notice] 1#1: all is well";
    log.log(Level::Info, None, format_args!("user {forged}"));
    log.log(
        Level::Info,
        None,
        format_args!("\u{1b}[2J\u{9b}31m\0\u{7f}\tBüro"),
    );
    // What is no UTF-8 stays.
    log.log_bytes(Level::Info, None, b"\xc2\x9b|\xc2|\x9b|\xc2");
    log.log(Level::Info, Some(3), format_args!("{:\n<3000}", "x"));
    let bytes = std::fs::read(folder.0.join("a")).unwrap();
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let mut ends = |end: &[u8]| {
        let line = lines.next().unwrap();
        assert!(line.ends_with(end), "{}", String::from_utf8_lossy(line));
        line.len()
    };
    ends(b": user ann\\x0D\\x0A2026/01/01 00:00:00 [notice] 1#1: all is well");
    ends(": \\x1B[2J\\xC2\\x9B31m\\x00\\x7F\\x09Büro".as_bytes());
    ends(b": \\xC2\\x9B|\xc2|\x9b|\xc2");
    assert!(ends(b"") < LINE_MAX);
    assert_eq!(lines.collect::<Vec<_>>(), [b""]);
}

#[test]
fn a_long_message_is_cut_at_the_length_of_a_line() {
    let folder = Folder::new("cut");
    let log = ErrorLog::new(vec![(Level::Info, Sink::File(file(&folder, "a")))]);
    log.log(Level::Info, None, format_args!("{:5000}|", "x"));
    log.log(Level::Info, None, format_args!("next"));
    let text = folder.read("a");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].len(), LINE_MAX - 1);
}

#[test]
fn after_a_rotation_writers_use_the_new_file_without_knowing() {
    let folder = Folder::new("rotate");
    let files = Files::default();
    let path = folder.0.join("a");
    let file = files.open(&path).unwrap();
    assert!(Arc::ptr_eq(&file, &files.open(&path).unwrap()));
    file.write(b"old\n");
    std::fs::rename(&path, folder.0.join("a.1")).unwrap();
    file.write(b"still old\n");
    assert!(files.reopen().is_empty());
    file.write(b"new\n");
    assert_eq!(folder.read("a.1"), "old\nstill old\n");
    assert_eq!(folder.read("a"), "new\n");
}

#[test]
fn a_file_that_cannot_be_opened_again_keeps_the_old_one() {
    let folder = Folder::new("keep");
    let sub = folder.0.join("sub");
    std::fs::create_dir(&sub).unwrap();
    let files = Files::default();
    let file = files.open(&sub.join("a")).unwrap();
    std::fs::rename(&sub, folder.0.join("gone")).unwrap();
    let failed = files.reopen();
    assert_eq!(failed[0].0, sub.join("a"));
    file.write(b"kept\n");
    assert_eq!(folder.read("gone/a"), "kept\n");
}

#[test]
fn an_adopted_descriptor_replaces_the_file_of_the_same_path() {
    let folder = Folder::new("adopt");
    let files = Files::default();
    let name = Path::new("/var/log/of-somebody-else");
    let open = |name: &str| std::fs::File::create(folder.0.join(name)).unwrap().into();
    let first = files.adopt(name, open("one")).unwrap();
    let second = files.adopt(name, open("two")).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    first.write(b"here\n");
    assert_eq!(
        (folder.read("one").as_str(), folder.read("two").as_str()),
        ("", "here\n")
    );
    files.close_unused();
    assert!(files.get(name).is_some());
    drop((first, second));
    files.close_unused();
    assert!(files.get(name).is_none());
}

#[test]
fn a_system_error_is_shown_as_number_and_name() {
    let error = io::Error::from_raw_os_error(98);
    assert_eq!(Errno(&error).to_string(), "(98: Address already in use)");
    let error = io::Error::other("odd");
    assert_eq!(Errno(&error).to_string(), "(odd)");
}

fn receive(socket: &UnixDatagram) -> String {
    let mut buf = [0; 4096];
    let n = socket.recv(&mut buf).unwrap();
    String::from_utf8_lossy(&buf[..n]).into_owned()
}

#[test]
fn a_syslog_server_gets_priority_time_host_and_tag_and_is_found_again() {
    let folder = Folder::new("syslog");
    let path = folder.0.join("socket");
    let spec = syslog::Spec::parse("server=unix:ignored,facility=user,severity=alert,tag=SEE_1");
    let server = Arc::new(Syslog::new(&spec.unwrap(), Addr::Unix(path.clone()), "box"));
    let log = ErrorLog::new(vec![
        (Level::Info, Sink::Syslog(Arc::clone(&server))),
        (Level::Info, Sink::File(file(&folder, "a"))),
    ]);

    log.log(Level::Error, None, format_args!("nobody listens"));
    log.log(Level::Error, None, format_args!("nobody listens yet"));
    assert!(
        folder
            .read("a")
            .contains("connect() failed (2: No such file or directory)")
    );

    let socket = UnixDatagram::bind(&path).unwrap();
    log.log(Level::Error, None, format_args!("hello"));
    let line = receive(&socket);
    assert!(line.starts_with("<11>"), "{line}");
    assert!(line.contains(" box SEE_1: "), "{line}");
    assert!(line.ends_with(": hello"), "{line}");
    server.send(b"GET /").unwrap();
    assert!(receive(&socket).starts_with("<9>"));

    drop(socket);
    std::fs::remove_file(&path).unwrap();
    log.log(Level::Error, None, format_args!("lost"));
    let socket = UnixDatagram::bind(&path).unwrap();
    log.log(Level::Error, None, format_args!("again"));
    assert!(receive(&socket).ends_with(": again"));
}

#[test]
fn syslog_parameters_are_checked_as_nginx_checks_them() {
    let spec = syslog::Spec::parse("server=127.0.0.1:1514,nohostname").unwrap();
    assert_eq!(spec.server, "127.0.0.1:1514");
    assert_eq!(
        (spec.facility, spec.severity, spec.host_name),
        (23, Level::Info, false)
    );
    assert_eq!(spec.tag, "nginx");
    for (text, error) in [
        ("facility=user", "no syslog server specified"),
        ("server=a,server=b", "duplicate syslog \"server\""),
        ("server=a,facility=x", "unknown syslog facility \"x\""),
        (
            "server=a,severity=warning",
            "unknown syslog severity \"warning\"",
        ),
        ("server=a,hostname", "unknown syslog parameter \"hostname\""),
        (
            "server=a,tag=a-b",
            "syslog \"tag\" only allows alphanumeric characters and underscore",
        ),
    ] {
        assert_eq!(syslog::Spec::parse(text).unwrap_err(), error);
    }
}
