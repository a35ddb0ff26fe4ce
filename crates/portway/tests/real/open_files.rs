//! Files that stay open: `open_file_cache` for those that are served, `open_log_file_cache` for
//! logs.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use testkit::{Server, Setup};

use crate::support::portway;

const CONF: &str = r#"
worker_processes 1; events { }
http {
    log_format path "$uri";
    server {
        listen 127.0.0.1:%PORT%;
        root %DIR%/html;
        access_log off;
        location /cached/ {
            alias %DIR%/html/;
            open_file_cache max=2 inactive=1m;
            open_file_cache_valid 1h;
            open_file_cache_errors on;
            open_file_cache_events on;
        }
        location /fresh/ {
            alias %DIR%/html/;
            open_file_cache max=10;
            open_file_cache_valid 0;
        }
        location /often/ {
            alias %DIR%/html/;
            open_file_cache max=10;
            open_file_cache_min_uses 2;
            open_file_cache_valid 1h;
        }
        location /log {
            access_log %DIR%/logs/$arg_log path;
            open_log_file_cache max=2 inactive=1m valid=1h min_uses=2;
            return 200;
        }
        location /plainlog { access_log %DIR%/logs/$arg_log path; return 200; }
        location /noroot { root %DIR%/missing; access_log %DIR%/logs/$arg_log path; return 200; }
    }
}"#;

fn start() -> Server {
    let setup = Setup::new(CONF)
        .file("html/a", "old a")
        .file("html/b", "old b")
        .file("html/c", "old c")
        .file("logs/keep", "");
    // The worker opens these logs, and it is not root.
    let logs = setup.path().join("logs");
    std::fs::set_permissions(logs, Permissions::from_mode(0o777)).expect("mode set");
    setup.start(&portway())
}

/// Puts a new file in the place of an old one.
fn replace(server: &Server, name: &str, content: &str) {
    server.files().write("new", content);
    let path = |name: &str| server.files().path().join(name);
    std::fs::rename(path("new"), path(&format!("html/{name}"))).expect("renamed");
}

#[test]
fn a_cached_file_is_taken_for_unchanged_while_it_is_valid() {
    let server = start();
    let get = |path: &str| server.connect().get(path, "").text();
    assert_eq!(get("/cached/a"), "old a");
    replace(&server, "a", "new a");
    assert_eq!(get("/cached/a"), "old a");
    // Two others push it out.
    assert_eq!(get("/cached/b"), "old b");
    assert_eq!(get("/cached/c"), "old c");
    assert_eq!(get("/cached/a"), "new a");
    assert_eq!(get("/fresh/c"), "old c");
    replace(&server, "c", "the new c");
    assert_eq!(get("/fresh/c"), "the new c");
}

#[test]
fn that_there_is_no_file_is_remembered_where_that_is_wanted() {
    let server = start();
    let status = |path: &str| server.connect().get(path, "").status;
    assert_eq!(status("/cached/d"), 404);
    assert_eq!(status("/often/d"), 404);
    replace(&server, "d", "d");
    assert_eq!(status("/cached/d"), 404);
    assert_eq!(status("/often/d"), 200);
}

#[test]
fn a_file_stays_open_when_it_was_asked_for_often_enough() {
    let server = start();
    let get = |path: &str| server.connect().get(path, "").text();
    assert_eq!(get("/often/a"), "old a");
    replace(&server, "a", "new a");
    assert_eq!(get("/often/a"), "new a");
    replace(&server, "a", "newer a");
    assert_eq!(get("/often/a"), "new a");
}

#[test]
fn a_log_stays_open_when_it_was_written_often_enough() {
    let server = start();
    let ask = |path: &str| assert_eq!(server.connect().get(path, "").status, 200);
    ask("/log?log=twice");
    ask("/log?log=twice");
    ask("/log?log=once");
    ask("/plainlog?log=plain");
    let path = |name: &str| server.files().path().join(name);
    let lines = |name: &str| {
        let text = std::fs::read_to_string(path(name)).unwrap_or_default();
        text.lines().count()
    };
    testkit::wait_true("the last line", || lines("logs/plain") == 1);
    std::fs::rename(path("logs"), path("moved")).expect("renamed");
    ask("/log?log=once");
    ask("/plainlog?log=plain");
    ask("/log?log=twice");
    testkit::wait_true("a line of the open log", || lines("moved/twice") == 3);
    assert_eq!((lines("moved/once"), lines("moved/plain")), (1, 1));
    server.wait_error_log("logs/plain\" failed");
}

#[test]
fn no_log_is_written_where_the_root_is_missing() {
    let server = start();
    assert_eq!(server.connect().get("/noroot?log=any", "").status, 200);
    server.wait_error_log("missing\" existence failed (2: No such file or directory)");
    assert!(!server.files().path().join("logs/any").exists());
}
