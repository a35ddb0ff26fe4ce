//! What audits and attackers' tools say: testssl.sh about the default TLS set-up, slowhttptest
//! about clients that take all the time in the world.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use testkit::http::get;
use testkit::process::{run, run_ok};
use testkit::{Process, Scratch, Setup};

use crate::support::portway;

/// testssl.sh asks about a minute long.
const AUDIT_LIMIT: Duration = Duration::from_secs(300);

#[test]
fn testssl_finds_nothing_above_low() {
    let files = Scratch::new("audit");
    let server = Setup::new(
        "events { } http { server { listen 127.0.0.1:%PORT% ssl;
        ssl_certificate c.pem; ssl_certificate_key k.pem; location / { return 200 safe; } } }",
    );
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt"]);
    openssl.args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "90"]);
    openssl.args(["-subj", "/CN=localhost", "-keyout"]);
    openssl.arg(server.path().join("k.pem")).arg("-out");
    run_ok(openssl.arg(server.path().join("c.pem")));
    let server = server.start(&portway());
    let report = files.path().join("report.csv");
    let mut testssl = Command::new("testssl");
    testssl.args(["--quiet", "--color", "0", "--warnings", "off", "--csvfile"]);
    testssl.arg(&report);
    // Protocols, ciphers, forward secrecy, the server's preferences, known attacks; what it says of
    // a certificate is its owner's affair.
    testssl.args(["-p", "-s", "-f", "-P", "-U"]);
    let output = run(testssl.arg(server.addr().to_string()), AUDIT_LIMIT);
    let report = files.read("report.csv");
    let lines = report.lines().filter(|line| line.starts_with('"'));
    let severity = |line: &str| line.split("\",\"").nth(3).unwrap_or_default().to_owned();
    let findings: Vec<_> = lines.skip(1).map(|line| (severity(line), line)).collect();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(findings.len() > 40, "it did not look: {said}");
    let grave: Vec<_> = findings
        .iter()
        .filter(|(severity, _)| ["MEDIUM", "HIGH", "CRITICAL"].contains(&&severity[..]))
        .collect();
    assert!(grave.is_empty(), "{grave:#?}");
}

/// So many of them at once; the server has room for half of them.
const SLOW_CLIENTS: &str = "600";

#[test]
fn clients_that_take_their_time_harm_nobody() {
    let setup = Setup::new(
        "worker_processes 1; events { worker_connections 4096; }
        http { client_header_timeout 3s; client_body_timeout 3s; send_timeout 3s;
        server { listen 127.0.0.1:%PORT%; location / { root %DIR%; } } }",
    );
    let setup = setup
        .file("big", vec![b'x'; 4 << 20])
        .file("small", "served");
    let server = setup.start(&portway());
    let url = |path: &str| format!("http://{}{path}", server.addr());
    for attack in [
        // Heads that never end, bodies that never end, answers that nobody reads.
        vec!["-H", "-i", "1", "-u"],
        vec!["-B", "-i", "1", "-s", "100000", "-u"],
        vec!["-X", "-w", "1", "-y", "10", "-n", "2", "-z", "16", "-u"],
    ] {
        let log = server.files().path().join("attack.log");
        let mut command = Command::new("slowhttptest");
        command.args(["-c", SLOW_CLIENTS, "-r", "300", "-l", "5", "-p", "2"]);
        command.args(&attack).arg(url("/big"));
        let mut attacker = Process::spawn(&mut command, &log);
        let began = Instant::now();
        let mut served = 0;
        while began.elapsed() < Duration::from_secs(4) {
            assert_eq!(get(server.addr(), "/small").text(), "served", "{attack:?}");
            served += 1;
        }
        // Each was answered within its deadline, and there was time for several.
        assert!(served > 1, "{served} requests beside {attack:?}");
        attacker
            .wait(Duration::from_secs(20))
            .expect("the attack ends");
    }
    assert!(
        !server.error_log().contains("[alert]"),
        "{}",
        server.error_log()
    );
}

#[test]
fn whoever_sends_too_long_a_head_gets_to_read_why() {
    let server = Setup::new("events { } http { server { listen 127.0.0.1:%PORT%; } }");
    let server = server.start(&portway());
    let long = "a".repeat(300_000);
    for (head, status) in [
        (format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n"), "414"),
        (
            format!("GET / HTTP/1.1\r\nHost: h\r\nX: {long}\r\n\r\n"),
            "400",
        ),
    ] {
        let mut client = TcpStream::connect(server.addr()).unwrap();
        client
            .write_all(head.as_bytes())
            .expect("all of it is taken");
        // A close with unread bytes behind it would be a reset, which takes the answer along.
        std::thread::sleep(Duration::from_millis(200));
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("no reset");
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.ends_with("</html>\r\n"), "{answer}");
    }
}

#[test]
fn the_log_says_what_is_wrong_with_a_head_and_what_it_asked_for() {
    let conf = "error_log %DIR%/error.log info; events { }
        http { server { listen 127.0.0.1:%PORT%; server_name desk.example; } }";
    let server = Setup::new(conf).start(&portway());
    let long = "y".repeat(9000);
    let cases = [
        (
            "GET /a HTTP/1.1\r\nHost: h\r\nBad Header: x\r\n\r\n",
            "client sent invalid header line: \"Bad\\x20...\" while reading client request headers, \
             client: 127.0.0.1, server: desk.example, request: \"GET /a HTTP/1.1\", host: \"h\"",
        ),
        (
            "GET /b HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "client sent duplicate header line: \"Content-Length: 2\", previous value: \
             \"Content-Length: 1\" while reading client request headers",
        ),
        (
            "GET /c HTTP/1.1\r\nHost: a/b\r\n\r\n",
            "client sent invalid host header while reading client request headers, client: \
             127.0.0.1, server: desk.example, request: \"GET /c HTTP/1.1\"",
        ),
        (
            "GET /d HTTP/1.1\r\n\r\n",
            "client sent HTTP/1.1 request without \"Host\" header while reading client request \
             headers, client: 127.0.0.1, server: desk.example, request: \"GET /d HTTP/1.1\"",
        ),
        (
            "get /e HTTP/1.1\r\n\r\n",
            "client sent invalid method while reading client request line, client: 127.0.0.1, \
             server: desk.example, request: \"get /e HTTP/1.1\"",
        ),
        (
            &format!("GET /f HTTP/1.1\r\nHost: h\r\nX: {long}\r\n\r\n"),
            &format!(
                "client sent too long header line: \"X: {}...\"",
                &long[..61]
            ),
        ),
        (
            "GET /g HTTP/1.1\r\nAuthorization: Basic secret\r\nAuthorization: Basic x\r\n\r\n",
            "duplicate header line: \"Authorization: ...\", previous value: \"Authorization: ...\"",
        ),
    ];
    for (head, line) in cases {
        let mut client = server.connect();
        client.send(head);
        assert_ne!(client.response().status, 200, "{head}");
        server.wait_error_log(line);
    }
    assert!(!server.error_log().contains("secret"));
}
