//! `stub_status` and the variables beside it.

use testkit::{Setup, wait_true};

use crate::support::portway;

const CONF: &str = "worker_processes 2; events { } http { access_log off; keepalive_timeout 60s;
    server { listen 127.0.0.1:%PORT%;
        location /status { stub_status; }
        location /variables { return 200 '$connections_active $connections_reading $connections_writing $connections_waiting'; }
    } }";

fn numbers(text: &str) -> Vec<u64> {
    let words = text.split(|ch: char| !ch.is_ascii_digit());
    words.filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn connections_are_counted_by_what_they_do() {
    let server = Setup::new(CONF).start(&portway());
    let mut conn = server.connect();
    let first = conn.get("/status", "");
    assert_eq!(first.field("content-type"), Some("text/plain"));
    let before = numbers(&first.text());
    let mut idle = server.connect();
    assert_eq!(idle.get("/variables", "").status, 200);
    let mut half = server.connect();
    half.send("GET /status HTT");
    wait_true("one answers, one waits and one sends", || {
        let text = conn.get("/variables", "").text();
        text == "3 1 1 1"
    });
    drop(half);
    wait_true("the half request is gone", || {
        conn.get("/variables", "").text() == "2 0 1 1"
    });
    let text = conn.get("/status", "").text();
    let after = numbers(&text);
    assert!(
        text.starts_with("Active connections: 2 \nserver accepts handled requests\n "),
        "{text}"
    );
    assert!(
        text.ends_with("Reading: 0 Writing: 1 Waiting: 1 \n"),
        "{text}"
    );
    assert_eq!(after[1] - before[1], 2, "accepted");
    assert_eq!(after[2] - before[2], 2, "handled");
    assert!(after[3] > before[3] + 3, "requests: {text}");
    let mut other = server.connect();
    other.send("POST /status HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(other.response().status, 405);
}
