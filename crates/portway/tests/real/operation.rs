//! What an operator does: stop, rotate logs, print and test a configuration, load a stock file.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::time::Duration;

use rustix::process::Signal;
use testkit::http::get;
use testkit::netns::Host;
use testkit::process::run;
use testkit::{Conn, DEADLINE, Scratch, Server, Setup, Upstream, wait_true};

use crate::e2e::stage::StockServer;
use crate::support::{portway, repository};

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
fn keepalive_min_timeout_gives_an_idle_connection_its_time_at_quit() {
    let conf = CONF.replace("location / {", "keepalive_min_timeout 500ms; location / {");
    let mut server = Setup::new(&conf)
        .with("WORD", "one")
        .with("UPSTREAM", "127.0.0.1:1")
        .start(&portway());
    let mut idle = server.connect();
    assert_eq!(idle.get("/", "").text(), "one");
    server.signal(Signal::QUIT);
    server.wait_error_log("gracefully shutting down");
    assert_eq!(idle.get("/", "").text(), "one", "it is still served");
    assert_eq!(idle.read_to_end(), b"", "and closed when its time is over");
    assert!(server.wait_exit(DEADLINE).success());
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
    // The file is there before the worker writes to it.
    wait_true("a line in the new file", || {
        get(server.addr(), "/meanwhile");
        !server.files().read("logs/access.log").is_empty()
    });
    assert_eq!(get(server.addr(), "/after").text(), "one");
    wait_true("the line after", || {
        server.files().read("logs/access.log").contains("/after")
    });
    assert!(!server.files().read("logs/access.old").contains("/after"));
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
fn the_stock_files_of_distributions_load_as_they_are() {
    for start in [StockServer::start, StockServer::start_rhel] {
        let host = Host::new("stock");
        let conf = "server { listen 8080; location / { return 200 added; } }\n";
        let server = start(&host, conf);
        assert_eq!(fetch(&host, "8080/"), "added");
        let status = fetch(&host, "80/ -o /dev/null -w %{http_code}");
        assert!(["200", "403", "404"].contains(&status.as_str()), "{status}");
        assert!(
            !server.error_log().contains("[emerg]"),
            "{}",
            server.error_log()
        );
    }
}

/// What curl says on that host; `words` are a port and path, and more switches.
fn fetch(host: &Host, words: &str) -> String {
    let mut curl = host.command("curl");
    curl.args(["-s", "-m", "5"])
        .args(format!("http://127.0.0.1:{words}").split(' '));
    String::from_utf8_lossy(&run(&mut curl, DEADLINE).stdout).into_owned()
}

#[test]
fn every_example_loads() {
    let directory = repository().join("examples");
    let entries = fs::read_dir(&directory)
        .expect("the examples are there")
        .flatten();
    let mut count = 0;
    for path in entries.map(|entry| entry.path()) {
        if path.extension().is_some_and(|end| end == "conf") {
            let files = Scratch::new("example");
            let path = path.display().to_string();
            // A pid file stands in some of them, so none is given.
            let mut command = Command::new(portway().path());
            command.arg("-t").arg("-p").arg(files.path());
            let tested = run(command.args(["-e", "error.log", "-c", &path]), DEADLINE);
            assert!(tested.status.success(), "{path}: {}", said(&tested));
            count += 1;
        }
    }
    assert!(count > 0, "no example in {}", directory.display());
}

#[test]
fn a_subcommand_says_which_file_it_stands_for_and_that_file_loads() {
    for words in [
        &["vnc", "192.168.204.10", "--listen", "127.0.0.1:1"][..],
        &["proxy", "http://127.0.0.1:9", "--listen", "127.0.0.1:1"],
        &["demo", "--listen", "127.0.0.1:1"],
    ] {
        let output = portway().run(&[words, &["--print-config"]].concat());
        assert!(output.status.success(), "{}", said(&output));
        let files = Scratch::new("job");
        files.write("job.conf", &output.stdout);
        let mut test = Command::new(portway().path());
        test.arg("-t")
            .arg("-p")
            .arg(files.path())
            .args(["-c", "job.conf"]);
        let tested = run(&mut test, DEADLINE);
        assert!(tested.status.success(), "{words:?}: {}", said(&tested));
    }
}

#[test]
fn a_test_tells_once_what_is_not_as_with_nginx_and_ends_with_nginx_s_lines() {
    let files = Scratch::new("conf");
    let good = "events { }\nhttp { msie_padding on;\nserver { listen 127.0.0.1:1;\n\
                location /a { aio on; } location /b { aio on; } } }";
    files.write("good.conf", good);
    let printed = with_prefix(&files, &["-t", "-c", "good.conf"]);
    let told = said(&printed);
    let lines: Vec<_> = told.lines().collect();
    let [padding, aio, ok, good] = lines[..] else {
        panic!("{told}");
    };
    assert!(
        padding.starts_with("portway: [notice] \"msie_padding\" has no effect: "),
        "{told}"
    );
    assert!(
        aio.contains("\"aio\" has no effect: ") && aio.ends_with("good.conf:4"),
        "{told}"
    );
    assert!(
        ok.ends_with("syntax is ok") && good.ends_with("test is successful"),
        "{told}"
    );
    let quiet = with_prefix(&files, &["-t", "-q", "-c", "good.conf"]);
    assert_eq!(said(&quiet), "");
    files.write(
        "bad.conf",
        "stream { } http { aio on; unheard_of; geoip_city a; } events { }",
    );
    let told = said(&with_prefix(&files, &["-t", "-c", "bad.conf"]));
    for wanted in [
        "\"stream\" is not supported: there is no",
        "unknown directive \"unheard_of\"",
        "unknown directive \"geoip_city\"",
        "[notice] \"aio\" has no effect",
    ] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
}
