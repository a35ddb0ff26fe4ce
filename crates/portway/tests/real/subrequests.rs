//! What stands on sub-requests: `auth_request`, `mirror`, `add_before_body`, and what else belongs
//! to them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use testkit::http::get;
use testkit::{Server, Setup, Upstream, wait_true};

use crate::support::portway;

fn start(server: &str, upstream: &Upstream) -> Server {
    let conf = format!(
        "events {{}} http {{ log_format path $uri; server {{ listen 127.0.0.1:%PORT%; root %DIR%/pages; {server} }} }}"
    );
    let setup = Setup::new(&conf)
        .with("UPSTREAM", upstream.addr())
        .file("pages/page.html", "page")
        .file("pages/before.html", "before ")
        .file("pages/after.html", " after")
        .file("proxy_temp/.keep", "")
        .file("store/.keep", "");
    for folder in ["proxy_temp", "store", ""] {
        // A worker may run as somebody else.
        let all = fs::Permissions::from_mode(0o777);
        fs::set_permissions(setup.path().join(folder), all).expect("a folder of ours");
    }
    setup.start(&portway())
}

/// Answers with the status that the path ends with, fields to look at, and a body.
fn judge() -> Upstream {
    Upstream::serving(|peer| {
        while let Some(head) = peer.read_head() {
            let path = head.split(' ').nth(1).unwrap_or_default();
            let status = path.rsplit('/').next().unwrap_or_default();
            peer.send(
                format!(
                    "HTTP/1.1 {status} Said\r\nX-User: joe\r\nWWW-Authenticate: One\r\n\
                     WWW-Authenticate: Two\r\nContent-Length: 2\r\n\r\nno"
                )
                .as_bytes(),
            );
        }
    })
}

#[test]
fn an_answer_decides_who_comes_in() {
    let upstream = judge();
    let server = start(
        "location / { auth_request /auth$is_args; }
         location /ok/ { alias %DIR%/pages/; auth_request /auth/200; auth_request_set $user $upstream_http_x_user;
             add_header X-User $user; }
         location /ask/ { alias %DIR%/pages/; auth_request /auth/401; }
         location /no/ { alias %DIR%/pages/; auth_request /auth/403; }
         location /odd/ { alias %DIR%/pages/; auth_request /auth/302; }
         location /off/ { auth_request /auth/403; location /off/page.html { alias %DIR%/pages/page.html; auth_request off; } }
         location /auth/ { internal; proxy_pass http://%UPSTREAM%; }",
        &upstream,
    );
    let ok = get(server.addr(), "/ok/page.html");
    assert_eq!((ok.status, ok.text()), (200, "page".to_owned()));
    assert_eq!(ok.field("x-user"), Some("joe"));
    let ask = get(server.addr(), "/ask/page.html");
    assert_eq!(ask.status, 401);
    assert_eq!(ask.all("www-authenticate"), ["One", "Two"]);
    assert_eq!(get(server.addr(), "/no/page.html").status, 403);
    assert_eq!(get(server.addr(), "/odd/page.html").status, 500);
    assert_eq!(get(server.addr(), "/off/page.html").status, 200);
    assert_eq!(get(server.addr(), "/auth/200").status, 404);
    server.wait_error_log("auth request unexpected status: 302");
}

#[test]
fn whoever_is_asked_is_a_get_without_a_body_and_the_body_comes_after() {
    let upstream = Upstream::serving(|peer| {
        while let Some(head) = peer.read_head() {
            let length = head.to_lowercase().contains("content-length: 4");
            let body = if length { peer.read_exact(4) } else { None };
            let line = head.lines().next().unwrap_or_default();
            let text = format!("{line} {}", body.is_some());
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}",
                text.len()
            );
            peer.send(answer.as_bytes());
        }
    });
    let server = start(
        "location / { auth_request /auth; proxy_pass http://%UPSTREAM%; }
         location = /auth { internal; proxy_pass http://%UPSTREAM%/auth; }",
        &upstream,
    );
    let mut conn = server.connect();
    conn.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
    assert_eq!(conn.response().text(), "POST /x HTTP/1.1 true");
    assert!(upstream.received(0).starts_with("GET /auth HTTP/1.1\r\n"));
}

#[test]
fn one_of_several_is_enough_if_the_location_says_so() {
    let upstream = judge();
    let server = start(
        "location /in/ { alias %DIR%/pages/; satisfy any; deny all; auth_request /auth/204; }
         location /out/ { alias %DIR%/pages/; satisfy any; deny all; auth_request /auth/401; }
         location /basic/ { alias %DIR%/pages/; satisfy any; auth_basic x; auth_basic_user_file %DIR%/none;
             auth_request /yes; }
         location = /yes { return 204; }
         location /auth/ { internal; proxy_pass http://%UPSTREAM%; }",
        &upstream,
    );
    assert_eq!(get(server.addr(), "/in/page.html").status, 200);
    assert_eq!(get(server.addr(), "/out/page.html").status, 401);
    let basic = get(server.addr(), "/basic/page.html");
    assert_eq!(basic.status, 200);
    assert_eq!(basic.field("www-authenticate"), None);
}

#[test]
fn a_refusal_within_closes_the_connection_if_that_is_what_it_says() {
    let upstream = judge();
    let server = start(
        "location / { auth_request /gone; } location = /gone { return 444; }",
        &upstream,
    );
    let mut conn = server.connect();
    conn.send("GET /page.html HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(conn.read_to_end(), b"");
}

#[test]
fn a_copy_has_method_query_and_body_and_does_not_delay_the_answer() {
    let upstream = Upstream::serving(|peer| {
        if peer.read_head().is_some() {
            peer.read_exact(4);
            peer.hold();
        }
    });
    let server = start(
        "location / { mirror /copy; error_page 405 =200 @page; }
         location @page { return 200 answered; }
         location /off/ { mirror /copy; mirror_request_body off; return 200 x;
             location /off/none { mirror off; return 200 none; } }
         location = /copy { internal; proxy_pass http://%UPSTREAM%/copied$is_args$args; }",
        &upstream,
    );
    let mut conn = server.connect();
    conn.send("POST /page.html?q=1 HTTP/1.0\r\nContent-Length: 4\r\n\r\nbody");
    conn.set_deadline(Duration::from_secs(5));
    let answer = conn.response();
    assert_eq!(answer.text(), "answered");
    assert_eq!(conn.read_to_end(), b"");
    let copied = upstream.wait_received(0, "body");
    assert!(
        copied.starts_with("POST /copied?q=1 HTTP/1.1\r\n"),
        "{copied}"
    );
}

#[test]
fn copies_are_logged_if_the_location_says_so() {
    let upstream = judge();
    let server = start(
        "location / { mirror /one; mirror /two; }
         location = /one { log_subrequest on; access_log %DIR%/copies.log path; return 204; }
         location = /two { log_subrequest on; access_log %DIR%/copies.log path; return 204; }",
        &upstream,
    );
    assert_eq!(get(server.addr(), "/page.html").text(), "page");
    wait_true("both copies are logged", || {
        server.files().read("copies.log") == "/one\n/two\n"
    });
}

#[test]
fn something_is_put_before_and_behind_bodies_of_its_types() {
    let upstream = judge();
    let server = start(
        "types { text/html html; text/css css; }
         location / { add_before_body /before.html; add_after_body /after.html; }
         location = /before.html { } location = /after.html { }
         location /css/ { types { text/css html; } alias %DIR%/pages/; add_after_body /after.html; addition_types text/css; }
         location /other/ { types { text/css html; } alias %DIR%/pages/; add_after_body /after.html; }",
        &upstream,
    );
    let page = get(server.addr(), "/page.html");
    assert_eq!(page.text(), "before page after");
    assert_eq!(page.field("content-length"), None);
    assert_eq!(get(server.addr(), "/css/page.html").text(), "page after");
    assert_eq!(get(server.addr(), "/other/page.html").text(), "page");
    assert!(!get(server.addr(), "/none").text().contains("before"));
}

#[test]
fn an_upgrade_within_a_page_is_an_error() {
    let upstream = Upstream::serving(|peer| {
        if peer.read_head().is_some() {
            peer.send(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
            peer.hold();
        }
    });
    let server = start(
        "location / { add_after_body /up; } location = /up { proxy_pass http://%UPSTREAM%;
            proxy_set_header Upgrade x; proxy_set_header Connection upgrade; }",
        &upstream,
    );
    let mut conn = server.connect();
    conn.send("GET /page.html HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
    let sent = conn.read_to_end();
    assert!(!sent.ends_with(b"0\r\n\r\n"));
    server.wait_error_log("connection upgrade in subrequest");
}

#[test]
fn old_explorers_are_redirected_by_a_page() {
    let upstream = judge();
    let server = start(
        "location / { msie_refresh on; return 302 /a\"b; }",
        &upstream,
    );
    let mut conn = server.connect();
    let page = conn.get("/", "User-Agent: Mozilla/4.0 (compatible; MSIE 6.0)\r\n");
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("content=\"0; URL=/a%22b\""),
        "{}",
        page.text()
    );
    assert_eq!(get(server.addr(), "/").status, 302);
}

#[test]
fn an_answer_is_stored_when_it_is_complete() {
    let upstream = Upstream::answering(
        b"HTTP/1.1 200 OK\r\nLast-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\nContent-Length: 4\r\n\r\nkept",
    );
    let server = start(
        "location /on/ { root %DIR%/store; proxy_store on; proxy_store_access user:rw group:rw all:r;
             proxy_pass http://%UPSTREAM%; }
         location /named/ { proxy_store %DIR%/store/named; proxy_pass http://%UPSTREAM%; }
         location /off/ { root %DIR%/store; proxy_store off; proxy_pass http://%UPSTREAM%; }",
        &upstream,
    );
    for path in ["/on/deep/file", "/named/x", "/off/file"] {
        assert_eq!(get(server.addr(), path).text(), "kept");
    }
    wait_true("both are stored", || {
        let folder = server.files().path().join("store");
        folder.join("on/deep/file").exists() && folder.join("named").exists()
    });
    let stored = server.files().path().join("store/on/deep/file");
    assert_eq!(fs::read(&stored).expect("a file"), b"kept");
    let about = fs::metadata(&stored).expect("a file");
    let modified = about.modified().expect("a time");
    let since = modified.duration_since(std::time::UNIX_EPOCH);
    assert_eq!(since.expect("after 1970").as_secs(), 1_700_000_000);
    assert_eq!(about.permissions().mode() & 0o777, 0o664);
    assert!(!server.files().path().join("store/off/file").exists());
}

#[test]
fn hints_go_ahead_of_the_answer_where_they_are_wanted() {
    let upstream = Upstream::answering(
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nX-Accel-Buffering: no\r\n\r\n\
          HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    );
    let server = start(
        "location / { early_hints $http_want; proxy_pass http://%UPSTREAM%; }",
        &upstream,
    );
    let mut conn = server.connect();
    conn.send("GET / HTTP/1.1\r\nHost: h\r\nWant: 1\r\nConnection: close\r\n\r\n");
    let sent = String::from_utf8(conn.read_to_end()).expect("text");
    assert!(
        sent.starts_with("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\n"),
        "{sent}"
    );
    let mut conn = server.connect();
    conn.send("GET / HTTP/1.1\r\nHost: h\r\nWant: 0\r\nConnection: close\r\n\r\n");
    let sent = String::from_utf8(conn.read_to_end()).expect("text");
    assert!(sent.starts_with("HTTP/1.1 200 OK\r\n"), "{sent}");
}

#[test]
fn a_client_that_does_not_take_its_hints_gets_nothing_behind_a_part_of_them() {
    let upstream = Upstream::serving(|peer| {
        let hint = format!(
            "HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n",
            "x".repeat(60_000)
        );
        if peer.read_head().is_some() {
            for _ in 0..250 {
                peer.send(hint.as_bytes());
            }
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            peer.hold();
        }
    });
    let certs = testkit::Certs::default().self_signed("a");
    let server = format!(
        "listen 127.0.0.1:%PORT1% ssl; ssl_certificate {dir}/a.crt; ssl_certificate_key {dir}/a.key;
         location / {{ early_hints 1; send_timeout 300ms; error_log %DIR%/hints.log info;
           proxy_buffer_size 32m; proxy_buffers 8 32m; proxy_busy_buffers_size 64m;
           proxy_pass http://%UPSTREAM%; }}",
        dir = certs.dir().display()
    );
    let server = start(&server, &upstream);
    let mut conn = server.connect();
    conn.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let told = || {
        let log = server.files().path().join("hints.log");
        let log = fs::read_to_string(log).unwrap_or_default();
        log.matches("client timed out while taking early hints")
            .count()
    };
    wait_true("the hints are given up", || told() == 1);
    let sent = conn.read_to_end();
    assert!(sent.starts_with(b"HTTP/1.1 103 ") && sent.len() < 60_000 * 250);
    let answer = b"HTTP/1.1 200";
    assert!(!sent.windows(answer.len()).any(|window| window == answer));
    // The same within TLS, whose records must not be mixed up.
    let addr = server.addr_of("PORT1").to_string();
    let mut client = std::process::Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &addr])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("openssl");
    let input = client.stdin.as_mut().expect("an input");
    std::io::Write::write_all(input, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").expect("sent");
    wait_true("the hints are given up", || told() == 2);
    let sent = client.wait_with_output().expect("an end").stdout;
    assert!(sent.starts_with(b"HTTP/1.1 103 "));
    assert!(!sent.windows(answer.len()).any(|window| window == answer));
    assert!(!server.error_log().contains("panic"));
}

#[test]
fn an_upstream_is_read_no_faster_than_it_may_be() {
    let upstream = Upstream::serving(|peer| {
        if peer.read_head().is_some() {
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n");
            // What comes with the head is there at once.
            std::thread::sleep(Duration::from_millis(200));
            peer.send(b"01234567");
        }
    });
    let server = start(
        "location / { proxy_limit_rate 4; proxy_pass http://%UPSTREAM%; }",
        &upstream,
    );
    let begun = Instant::now();
    let mut conn = server.connect();
    conn.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    conn.read_until(b"\r\n\r\n0123");
    let text = conn.read_exact(4);
    assert_eq!(text, b"4567");
    assert!(begun.elapsed() > Duration::from_millis(900));
}

#[test]
fn a_page_is_counted_once_with_all_that_is_in_it() {
    let upstream = judge();
    let conf = "events {} http { limit_req_zone $remote_addr zone=r:1m rate=1r/m;
        limit_conn_zone $remote_addr zone=c:1m;
        server { listen 127.0.0.1:%PORT%; root %DIR%/pages; limit_req zone=r; limit_conn c 1;
            location / { add_before_body /before.html; add_after_body /after.html; }
            location = /before.html { } location = /after.html { } } }";
    let server = Setup::new(conf)
        .with("UPSTREAM", upstream.addr())
        .file("pages/page.html", "page")
        .file("pages/before.html", "before ")
        .file("pages/after.html", " after")
        .start(&portway());
    assert_eq!(get(server.addr(), "/page.html").text(), "before page after");
    assert_eq!(get(server.addr(), "/page.html").status, 503);
}

#[test]
fn parts_of_a_request_have_its_number_and_its_variables() {
    let upstream = judge();
    let server = start(
        "location / { set $mark main; add_before_body /id; default_type text/html; return 200 \"|$request_id $mark\"; }
         location = /id { default_type text/html; return 200 \"$request_id $mark\"; }",
        &upstream,
    );
    let text = get(server.addr(), "/").text();
    let (before, own) = text.split_once('|').expect("two parts");
    assert_eq!(before, own);
    assert!(own.ends_with(" main"), "{own}");
}

#[test]
fn the_error_log_names_the_part_of_a_request() {
    let upstream = judge();
    let server = start(
        "location / { add_after_body /missing.html; } location = /missing.html { }",
        &upstream,
    );
    assert!(get(server.addr(), "/page.html").text().contains("404"));
    server.wait_error_log("request: \"GET /page.html HTTP/1.1\", subrequest: \"/missing.html\"");
}
