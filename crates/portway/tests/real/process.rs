//! The processes: start, signals, reload, logs, and what the command line says.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::Signal;
use testkit::http::get;
use testkit::netns::Host;
use testkit::process::{run, signal_pid};
use testkit::{Conn, DEADLINE, Process, Scratch, Server, Setup, Upstream, wait_for, wait_true};

use crate::support::portway;

const CONF: &str =
    "user www-data; worker_processes 2; events { } http { access_log logs/access.log;
    server { listen 127.0.0.1:%PORT%; location / { return 200 %WORD%; }
    location /slow { proxy_pass http://%UPSTREAM%; } } }";

fn start() -> (Server, Upstream) {
    // Answers when it is told to, by a second connection.
    let upstream = Upstream::serving(|peer| {
        peer.read_head();
        std::thread::sleep(Duration::from_millis(700));
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
    });
    let setup = Setup::new(CONF)
        .with("WORD", "one")
        .with("UPSTREAM", upstream.addr());
    (setup.start(&portway()), upstream)
}

fn ask_slowly(server: &Server, upstream: &Upstream) -> Conn {
    let mut conn = server.connect();
    conn.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    upstream.wait_received(0, "GET /slow");
    conn
}

#[test]
fn quit_lets_requests_in_flight_finish() {
    let (mut server, upstream) = start();
    let mut conn = ask_slowly(&server, &upstream);
    server.signal(Signal::QUIT);
    let response = conn.response();
    assert_eq!(response.text(), "done");
    assert!(!response.keeps_alive(), "{}", response.head);
    assert!(server.wait_exit(DEADLINE).success());
    assert_eq!(
        server.files().read("server.pid"),
        "",
        "the pid file is gone"
    );
    assert!(std::net::TcpStream::connect(server.addr()).is_err());
}

#[test]
fn quit_closes_idle_connections_at_once() {
    let (server, _upstream) = start();
    let mut idle = server.connect();
    assert_eq!(idle.get("/", "").text(), "one");
    server.signal(Signal::QUIT);
    assert_eq!(idle.read_to_end(), b"");
}

#[test]
fn term_ends_everything_at_once() {
    let (mut server, upstream) = start();
    let mut conn = ask_slowly(&server, &upstream);
    server.signal(Signal::TERM);
    assert!(server.wait_exit(Duration::from_secs(5)).success());
    conn.try_response("GET")
        .expect_err("nobody answers any more");
}

#[test]
fn a_request_in_flight_finishes_on_the_old_file() {
    let (server, upstream) = start();
    let mut conn = ask_slowly(&server, &upstream);
    server.reload(&CONF.replace("%WORD%", "two").replace("/slow", "/gone"));
    wait_true("the new file", || get(server.addr(), "/").text() == "two");
    assert_eq!(conn.response().text(), "done");
}

#[test]
fn a_file_with_mistakes_changes_nothing_and_says_all_of_them() {
    let (server, _upstream) = start();
    server.reload("http { server { listn 1; location / { retrun 200; } } } events { }");
    server.wait_error_log("unknown directive \"listn\"");
    server.wait_error_log("unknown directive \"retrun\"");
    assert_eq!(get(server.addr(), "/").text(), "one");
    server.reload(&CONF.replace("%WORD%", "mended"));
    wait_true("the mended file", || {
        get(server.addr(), "/").text() == "mended"
    });
}

#[test]
fn a_worker_that_is_killed_is_back_at_once() {
    let (server, _upstream) = start();
    let worker = wait_for("a worker", || children_of(server.pid()).first().copied());
    signal_pid(worker, Signal::KILL);
    wait_true("another worker", || {
        children_of(server.pid())
            .first()
            .is_some_and(|&other| other != worker)
    });
    wait_true("answers again", || {
        std::net::TcpStream::connect(server.addr()).is_ok()
            && get(server.addr(), "/").text() == "one"
    });
    let line = server.wait_error_log("exited on signal 9");
    assert!(line.contains("[alert]"), "{line}");
}

fn children_of(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

#[test]
fn the_worker_has_dropped_its_privileges() {
    let (server, _upstream) = start();
    let worker = wait_for("a worker", || children_of(server.pid()).first().copied());
    let uids = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("Uid:"))
            .map(str::to_owned);
        line.unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(uids(server.pid()), ["0"; 4]);
    wait_true("the drop", || uids(worker) == ["33"; 4]);
}

#[test]
fn usr1_opens_the_logs_anew() {
    let (server, _upstream) = start();
    assert_eq!(get(server.addr(), "/before").text(), "one");
    let log = server.files().path().join("logs/access.log");
    wait_true("the first line", || {
        server.files().read("logs/access.log").contains("/before")
    });
    fs::set_permissions(
        log.parent().expect("a directory"),
        Permissions::from_mode(0o700),
    )
    .expect("mode set");
    fs::rename(&log, log.with_extension("old")).expect("renamed");
    server.signal(Signal::USR1);
    wait_true("the new file", || log.exists());
    assert_eq!(get(server.addr(), "/after").text(), "one");
    wait_true("the line after", || {
        server.files().read("logs/access.log").contains("/after")
    });
    assert!(!server.files().read("logs/access.old").contains("/after"));
}

#[test]
fn a_reload_reads_files_and_binds_ports_that_only_root_may() {
    let host = Host::new("ports");
    let files = Scratch::new("root");
    let conf = |port: u16, word: &str| {
        format!(
            "user www-data; daemon off; pid server.pid; error_log error.log; events {{ }}
             http {{ access_log off; include secret.conf; server {{ listen 127.0.0.1:{port};
             location / {{ return 200 $word; }} }} }} # {word}"
        )
    };
    let secret = |word: &str| {
        let path = files.write(
            "secret.conf",
            format!("map $uri $word {{ default {word}; }}"),
        );
        fs::set_permissions(path, Permissions::from_mode(0o600)).expect("mode set");
    };
    secret("first");
    files.write("nginx.conf", conf(80, "first"));
    let mut command = host.command(&portway().path().display().to_string());
    command
        .arg("-p")
        .arg(files.path())
        .args(["-c", "nginx.conf", "-e", "error.log"]);
    let server = Process::spawn(&mut command, &files.path().join("output"));
    wait_true("port 80", || fetch(&host, 80) == "first");
    secret("second");
    files.write("nginx.conf", conf(443, "second"));
    server.signal(Signal::HUP);
    wait_true("port 443", || fetch(&host, 443) == "second");
    wait_true("port 80 to close", || !host.reaches("127.0.0.1", 80));
}

fn fetch(host: &Host, port: u16) -> String {
    let mut curl = host.command("curl");
    curl.args(["-s", "-m", "5", &format!("http://127.0.0.1:{port}/")]);
    String::from_utf8_lossy(&run(&mut curl, DEADLINE).stdout).into_owned()
}

#[test]
fn the_file_is_tested_before_it_is_used() {
    let files = Scratch::new("conf");
    files.write(
        "good.conf",
        "events { } http { server { listen 127.0.0.1:1; } }",
    );
    files.write(
        "bad.conf",
        "events { }\nhttp {\n  server { prox_pass x; }\n}\n",
    );
    let good = with_prefix(&files, &["-t", "-c", "good.conf"]);
    assert!(good.status.success(), "{}", said(&good));
    assert!(
        said(&good).contains("good.conf syntax is ok"),
        "{}",
        said(&good)
    );
    assert!(
        said(&good).contains("good.conf test is successful"),
        "{}",
        said(&good)
    );
    let bad = with_prefix(&files, &["-t", "-c", "bad.conf"]);
    assert_eq!(bad.status.code(), Some(1));
    assert!(
        said(&bad).contains("unknown directive \"prox_pass\" in "),
        "{}",
        said(&bad)
    );
    assert!(said(&bad).contains("bad.conf:3"), "{}", said(&bad));
    assert!(
        said(&bad).contains("bad.conf test failed"),
        "{}",
        said(&bad)
    );
}

#[test]
fn the_whole_configuration_can_be_printed() {
    let files = Scratch::new("conf");
    files.write("one.conf", "events { } http { include two.conf; }");
    files.write("two.conf", "server { listen 127.0.0.1:1; } # from two\n");
    let printed = with_prefix(&files, &["-T", "-c", "one.conf"]);
    assert!(printed.status.success(), "{}", said(&printed));
    let out = String::from_utf8_lossy(&printed.stdout);
    assert!(
        out.contains("# configuration file") && out.contains("# from two"),
        "{out}"
    );
}

fn with_prefix(files: &Scratch, arguments: &[&str]) -> Output {
    let mut command = Command::new(portway().path());
    command
        .arg("-p")
        .arg(files.path())
        .args(["-e", "error.log", "-g", "pid test.pid;"]);
    run(command.args(arguments), DEADLINE)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn signals_can_be_sent_by_name() {
    let (mut server, _upstream) = start();
    let prefix = format!("{}/", server.files().path().display());
    let send = |signal: &str| {
        let arguments = ["-p", &prefix, "-c", "nginx.conf", "-e", "error.log", "-g"];
        let mut command = Command::new(portway().path());
        command
            .args(arguments)
            .args(["pid server.pid;", "-s", signal]);
        let output = run(&mut command, DEADLINE);
        assert!(output.status.success(), "{}", said(&output));
    };
    let conf = server.files().read("nginx.conf").replace("one", "two");
    server.files().write("nginx.conf", conf);
    send("reload");
    wait_true("the new file", || get(server.addr(), "/").text() == "two");
    send("quit");
    assert!(server.wait_exit(DEADLINE).success());
}

#[test]
fn debian_s_own_file_loads_as_it_is() {
    let host = Host::new("stock");
    let _server = crate::e2e::stage::StockServer::start(&host, "# nothing of our own\n");
    let mut curl = host.command("curl");
    curl.args([
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}",
        "http://127.0.0.1/",
    ]);
    wait_true("an answer from the stock site", || {
        let status = run(&mut curl, DEADLINE).stdout;
        status == b"200" || status == b"403" || status == b"404"
    });
}
