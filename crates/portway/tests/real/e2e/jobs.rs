//! The commands that need no file, as a person runs them: the demo, one machine, one web server.

use testkit::browser::Browser;
use testkit::desktop::{Access, Desktop, Place};
use testkit::netns::Host;
use testkit::ports::free_port;
use testkit::{Process, Scratch, Upstream, WebSocket, wait_for, wait_true};

use super::stage::{assert_input_arrives, assert_written, browser, browser_on, picture};
use crate::support::portway;

/// Runs the binary with these words on a host, and waits until it has told an address.
fn run_on(host: &Host, files: &Scratch, words: &[&str]) -> (Process, String) {
    let mut command = host.command(&portway().path().display().to_string());
    let mut process = Process::spawn(command.args(words), &files.path().join("output"));
    let address = wait_for("the address", || {
        assert!(process.running(), "it ended:\n{}", process.output());
        let output = process.output();
        let start = output.rfind("http://127.0.0.1:")?;
        output[start..].split_whitespace().next().map(str::to_owned)
    });
    (process, address)
}

/// How many colours the picture has, of every seventh pixel.
const COLOURS: &str = "(() => { const c = document.querySelector('canvas'); \
    const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; const s = new Set(); \
    for (let i = 0; i < d.length; i += 28) s.add(d[i] << 16 | d[i + 1] << 8 | d[i + 2]); \
    return s.size; })()";

/// A number that changes when the picture does.
const SUM: &str = "(() => { const c = document.querySelector('canvas'); \
    const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let s = 0; \
    for (let i = 0; i < d.length; i += 4) s = (s * 31 + d[i] + d[i + 1] * 3 + d[i + 2] * 7) | 0; \
    return s; })()";

#[test]
fn without_arguments_there_is_a_desktop_that_lives() {
    let (host, files) = (Host::new("demo"), Scratch::new("demo"));
    let (process, address) = run_on(&host, &files, &[]);
    assert!(
        process.output().contains("portway vnc HOST:PORT"),
        "{}",
        process.output()
    );
    let mut browser = browser_on(&host);
    browser.open(&address);
    browser.wait(&format!(
        "document.querySelector('canvas')?.width >= 640 && {COLOURS} > 100"
    ));
    let first = browser.evaluate(SUM);
    browser.wait(&format!("{SUM} !== {first}"));
    let shot = picture("demo.png");
    browser.screenshot(&shot);
    assert_written(&shot);
    assert_only_loopback(&host, &address);
}

/// The demo is nobody's business on the network.
fn assert_only_loopback(host: &Host, address: &str) {
    let port = address
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok());
    let neighbour = Host::new("neighbour");
    testkit::netns::connect((host, "10.98.0.1/24"), (&neighbour, "10.98.0.2/24"));
    wait_true("the cable", || reaches_by_ping(&neighbour));
    assert!(!neighbour.reaches("10.98.0.1", port.expect("a port")));
}

fn reaches_by_ping(host: &Host) -> bool {
    // A refused connection is an answer too: the other side is there.
    let mut curl = host.command("curl");
    curl.args(["-s", "-m", "2", "http://10.98.0.1:9/"]);
    testkit::process::run(&mut curl, testkit::DEADLINE)
        .status
        .code()
        == Some(7)
}

#[test]
fn one_machine_needs_one_line() {
    let port = free_port();
    let desktop = Desktop::tigervnc(
        Place {
            host: None,
            address: "127.0.0.1",
            port,
        },
        Access::Open,
    );
    desktop.fill("#008080");
    let (target, listen) = (
        format!("127.0.0.1:{port}"),
        format!("127.0.0.1:{}", free_port()),
    );
    let files = Scratch::new("vnc");
    let mut command = std::process::Command::new(portway().path());
    command.args(["vnc", &target, "--listen", &listen]);
    let _process = Process::spawn(&mut command, &files.path().join("output"));
    let mut browser: Browser = browser();
    wait_true("the listener", || {
        std::net::TcpStream::connect(&listen).is_ok()
    });
    browser.open(&format!("http://{listen}/"));
    browser.wait_pixel(700, 500, [0, 128, 128]);
    assert_input_arrives(&mut browser, &desktop, "one line");
}

#[test]
fn one_web_server_needs_one_line_and_its_websockets_work() {
    let upstream = Upstream::serving(|peer| {
        peer.read_head();
        peer.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x82\x02hi",
        );
        peer.hold();
    });
    let (url, listen) = (
        format!("http://{}", upstream.addr()),
        format!("127.0.0.1:{}", free_port()),
    );
    let files = Scratch::new("proxy");
    let mut command = std::process::Command::new(portway().path());
    command.args(["proxy", &url, "--listen", &listen]);
    let _process = Process::spawn(&mut command, &files.path().join("output"));
    wait_true("the listener", || {
        std::net::TcpStream::connect(&listen).is_ok()
    });
    let mut socket = WebSocket::open(listen.parse().expect("an address"), "/", "");
    assert_eq!(socket.recv_bytes(2), b"hi");
}
