//! What becomes of a request's body that a handler reads, and how files are sent.

use testkit::{Server, Setup, Upstream};

use crate::support::portway;

const CONF: &str = r#"
worker_processes 1; events { }
http { server {
    listen 127.0.0.1:%PORT%;
    client_body_temp_path %DIR%/bodies;
    location / { proxy_pass http://%UPSTREAM%; proxy_set_header X-File "[$request_body_file]"; proxy_set_header X-Body "[$request_body]"; }
    location /on { client_body_in_file_only on; proxy_pass http://%UPSTREAM%; proxy_set_header X-File "[$request_body_file]"; proxy_set_header X-Body "[$request_body]"; }
    location /clean { client_body_in_file_only clean; proxy_pass http://%UPSTREAM%; proxy_set_header X-File "[$request_body_file]"; proxy_set_header X-Body "[$request_body]"; }
    location /small { client_body_buffer_size 4; client_body_in_single_buffer on; proxy_pass http://%UPSTREAM%; proxy_set_header X-File "[$request_body_file]"; proxy_set_header X-Body "[$request_body]"; }
    location /file { alias %DIR%/file; sendfile on; sendfile_max_chunk 40k; output_buffers 2 32k; postpone_output 1460; }
    location /unlimited { alias %DIR%/file; sendfile on; sendfile_max_chunk 0; directio off; aio off; }
} }"#;

/// An upstream that answers with what it was told about the body, and whether the body's file is
/// there.
fn start() -> (Server, Upstream) {
    let upstream = Upstream::serving(|peer| {
        let head = peer.read_head().unwrap_or_default();
        let field = |name: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_default().trim().to_owned()
        };
        let (file, body) = (field("X-File:"), field("X-Body:"));
        let path = file.trim_matches(['[', ']']);
        let there = !path.is_empty() && std::path::Path::new(path).exists();
        let text = format!("{file} {body} {there}");
        let length = text.len();
        peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{text}").as_bytes());
    });
    let setup = Setup::new(CONF)
        .file("file", vec![b'x'; 1_000_000])
        .with("UPSTREAM", upstream.addr());
    (setup.start(&portway()), upstream)
}

/// The file that the body was in, and the rest of the answer.
fn post(server: &Server, path: &str, body: &str) -> (Option<String>, String) {
    let length = body.len();
    let mut conn = server.connect();
    conn.send(format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}"
    ));
    told(&mut conn)
}

/// The same with a body that is sent when it is asked for.
fn post_later(server: &Server, path: &str, body: &str) -> (Option<String>, String) {
    let length = body.len();
    let mut conn = server.connect();
    conn.send(format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    ));
    conn.read_until(b"100 Continue\r\n\r\n");
    conn.send(body);
    told(&mut conn)
}

fn told(conn: &mut testkit::Conn) -> (Option<String>, String) {
    let text = conn.response().text();
    let (file, rest) = text.split_once(' ').unwrap_or_default();
    let file = file.trim_matches(['[', ']']).to_owned();
    (Some(file).filter(|file| !file.is_empty()), rest.to_owned())
}

#[test]
fn a_body_is_in_memory_or_in_a_file_and_says_which() {
    let (server, _upstream) = start();
    assert_eq!(
        post(&server, "/", "1234567"),
        (None, "[1234567] false".to_owned())
    );
    assert_eq!(post(&server, "/", ""), (None, "[] false".to_owned()));
    let (file, rest) = post_later(&server, "/small", "1234567");
    assert_eq!(rest, "[] true");
    assert!(file.is_some_and(|file| file.contains("/bodies/")));
    // A buffer is a quarter longer where that saves the file.
    let (file, rest) = post_later(&server, "/small", "1234");
    assert_eq!((file, &*rest), (None, "[1234] false"));
    // What came with the head is in memory already.
    let (file, rest) = post(&server, "/small", "1234567");
    assert_eq!((file, &*rest), (None, "[1234567] false"));
}

#[test]
fn a_file_of_a_body_stays_or_goes_as_it_was_said() {
    let (server, _upstream) = start();
    let (file, rest) = post(&server, "/on", "1234567");
    assert_eq!(rest, "[] true");
    let kept = std::fs::read(file.expect("a file")).expect("it stays");
    assert_eq!(kept, b"1234567");
    let (file, rest) = post(&server, "/on", "");
    assert_eq!(rest, "[] true");
    assert_eq!(std::fs::read(file.expect("a file")).expect("it stays"), b"");
    let (file, rest) = post(&server, "/clean", "1234567");
    assert_eq!(rest, "[] true");
    let file = std::path::PathBuf::from(file.expect("a file"));
    testkit::wait_true("the file to go", || !file.exists());
}

#[test]
fn files_arrive_whole_whatever_one_call_sends() {
    let (server, _upstream) = start();
    for path in ["/file", "/unlimited"] {
        let response = server.connect().get(path, "");
        assert_eq!(response.body.len(), 1_000_000);
    }
}

#[test]
fn an_if_without_handler_after_one_with_has_nobody_to_ask() {
    // As nginx: the handler of the first stays, and where to is what the second one says.
    let (_server, upstream) = start();
    let conf = "events { } http { server { listen 127.0.0.1:%PORT%;
        location / { set $true 1;
            if ($true) { proxy_pass http://%UPSTREAM%; }
            if ($arg_more) { set $more 1; } } } }";
    let server = Setup::new(conf)
        .with("UPSTREAM", upstream.addr())
        .start(&portway());
    let status = |path: &str| testkit::http::get(server.addr(), path).status;
    assert_eq!((status("/"), status("/?more=1")), (200, 500));
}

/// What a client writes into the value of a field for the upstream stays one line of one field; a
/// value that comes to nothing is no field.
#[test]
fn evaluated_fields_are_one_line_or_none() {
    let upstream = Upstream::answering(b"HTTP/1.1 204 No Content\r\n\r\n");
    let setup = Setup::new(
        r#"events { } http { server { listen 127.0.0.1:%PORT%; location / {
            proxy_pass http://%UPSTREAM%/;
            proxy_set_header X-Path "<$uri>";
            proxy_set_header X-None $http_x_missing;
            proxy_set_header X-Constant same;
        } } }"#,
    );
    let server = setup.with("UPSTREAM", upstream.addr()).start(&portway());
    testkit::http::get(server.addr(), "/a%0d%0aX-Injected:%20b");
    let sent = upstream.wait_received(0, "\r\n\r\n");
    // The request line and Host stand before.
    let lines: Vec<_> = sent.lines().skip(2).take(2).collect();
    assert_eq!(
        lines,
        ["X-Path: </aX-Injected: b>", "X-Constant: same"],
        "{sent}"
    );
    assert!(!sent.contains("X-None"), "{sent}");
}
