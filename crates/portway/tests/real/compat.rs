//! Small things in which answers and logs are those of nginx.

use testkit::{Server, Upstream, wait_for};

use crate::support::portway;

#[test]
fn built_in_pages_have_their_own_names_for_statuses() {
    let server = Server::start(
        &portway(),
        r#"
worker_processes 1; events { }
http { large_client_header_buffers 1 1k; client_header_buffer_size 1k; server {
    listen 127.0.0.1:%PORT%;
    location / { return 302 http://other.example/; }
    location /who { return 401; }
} }"#,
    );
    let found = server.connect().get("/", "").text();
    assert!(found.contains("<h1>302 Found</h1>"), "{found}");
    let who = server.connect().get("/who", "").text();
    assert!(who.contains("<title>401 Authorization Required<"), "{who}");
    let field = format!("X-Long: {}\r\n", "x".repeat(2000));
    let long = server.connect().get("/", &field).text();
    assert!(
        long.contains("<title>400 Request Header Or Cookie Too Large<")
            && long.contains("<h1>400 Bad Request</h1></center>\r\n<center>Request Header Or"),
        "{long}"
    );
}

#[test]
fn a_peer_s_server_and_date_are_shown_only_if_it_has_them() {
    let upstream = Upstream::serving(|peer| {
        let head = peer.read_head().unwrap_or_default();
        let fields = match head.contains("/with") {
            true => "Server: first\r\nServer: second\r\nAccept-Ranges: none\r\n",
            false => "",
        };
        peer.send(
            format!("HTTP/1.1 404 Told\r\n{fields}Transfer-Encoding: chunked\r\n\r\n").as_bytes(),
        );
        peer.send(b"3\r\nabc\r\n0\r\n\r\n");
    });
    let server = testkit::Setup::new(
        r#"
worker_processes 1; events { }
http {
    log_format length $upstream_response_length;
    access_log %DIR%/access.log length;
    server {
        listen 127.0.0.1:%PORT%;
        proxy_pass_header Server;
        proxy_pass_header Date;
        proxy_force_ranges on;
        location / { proxy_pass http://%UPSTREAM%; }
    }
}"#,
    )
    .with("UPSTREAM", upstream.addr())
    .start(&portway());
    let none = server.connect().get("/none", "");
    assert_eq!((none.field("Server"), none.field("Date")), (None, None));
    let with = server.connect().get("/with", "");
    assert_eq!(with.field("Server"), Some("first"));
    assert_eq!(with.field("Accept-Ranges"), None);
    // The length is that of what came, chunks and all.
    let log = server.files().path().join("access.log");
    wait_for("two lines", || {
        let log = std::fs::read_to_string(&log).ok()?;
        (log == "13\n13\n").then_some(())
    });
}

#[test]
fn wrong_values_are_refused_also_where_they_have_no_effect() {
    let test = |inside: &str| {
        let setup = testkit::Setup::new("");
        let conf = setup.path().join("tried.conf");
        let text = format!("events {{ }} http {{ {inside} }}");
        std::fs::write(&conf, text).expect("the file is written");
        let conf = conf.to_string_lossy();
        let output = portway().run(&["-t", "-c", &conf]);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for wrong in [
        "limit_rate fast;",
        "limit_rate_after 10s;",
        "proxy_limit_rate -1;",
        "types_hash_max_size 1k;",
        "postpone_output on;",
        "proxy_cookie_flags a;",
        "root $document_root/x;",
        "server { location / { alias ${realpath_root}; } }",
    ] {
        let said = test(wrong);
        assert!(said.contains("[emerg]"), "{wrong}: {said}");
    }
    for right in [
        "gzip_types a/b; gzip_types c/d;",
        "addition_types a/b; addition_types *;",
        "limit_rate $arg_rate;",
        "directio off;",
        "proxy_cookie_flags a sometimes;",
    ] {
        let said = test(right);
        assert!(!said.contains("[emerg]"), "{right}: {said}");
    }
}

/// What is not taken in `http`, and the reason that is given.
const WRONG: &[(&str, &str)] = &[
    (
        "proxy_redirect off; proxy_redirect a b;",
        "\"proxy_redirect\" directive is duplicate",
    ),
    ("proxy_redirect a b; proxy_redirect off;", "is duplicate"),
    (
        "proxy_cookie_path off; proxy_cookie_path /a /b;",
        "is duplicate",
    ),
    (
        "proxy_cookie_flags off; proxy_cookie_flags a secure;",
        "is duplicate",
    ),
    (
        "disable_symlinks off from=/x;",
        "\"from=\" cannot be used with \"off\" parameter",
    ),
    ("disable_symlinks from=/x;", "must have \"off\", \"on\""),
    (
        "access_log $uri combined buffer=1k;",
        "cannot have variables in name",
    ),
    (
        "access_log syslog:server=127.0.0.1 combined buffer=1k;",
        "logs to syslog cannot be buffered",
    ),
    ("server { listen 99999; }", "invalid port"),
    (
        "server { listen 127.0.0.1:8000 backlog=0; }",
        "invalid parameter",
    ),
    (
        "server { server_name *.; }",
        "server name \"*.\" is invalid",
    ),
    (
        "server { server_name a*.com; } server { server_name b; }",
        "invalid server name or wildcard \"a*.com\"",
    ),
    (
        "map $host $x { hostnames; a* b; }",
        "invalid hostname or wildcard \"a*\"",
    ),
    (
        "map $host $x { hostnames; a.b 1; .a.b 2; }",
        "conflicting parameter",
    ),
    (
        "server { if ($uri=\"a\") { } }",
        "unknown \"uri=\"a\"\" variable",
    ),
    ("add_header_inherit maybe;", "invalid value \"maybe\""),
];

#[test]
fn rules_may_not_stand_beside_off() {
    let said = |inside: &str| {
        let setup = testkit::Setup::new("");
        let conf = setup.path().join("tried.conf");
        std::fs::write(&conf, format!("events {{ }} http {{ {inside} }}")).expect("written");
        let output = portway().run(&["-t", "-c", &conf.to_string_lossy()]);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for (wrong, reason) in WRONG {
        let said = said(wrong);
        assert!(
            said.contains("[emerg]") && said.contains(reason),
            "{wrong}: {said}"
        );
    }
    for right in [
        "disable_symlinks on from=;",
        "proxy_bind [::1];",
        "proxy_send_lowat 1k;",
        "add_header_inherit merge; add_trailer_inherit off;",
        "client_body_early_read $http_a 1;",
        "server { server_name www.*.com *.*.com a*.com; }",
    ] {
        let said = said(right);
        assert!(!said.contains("[emerg]"), "{right}: {said}");
    }
    for (warned, reason) in [
        ("types { a/b x; c/d x; }", "duplicate extension \"x\""),
        ("allow 10.0.0.1/8;", "low address bits of 10.0.0.1/8"),
    ] {
        let said = said(warned);
        assert!(
            said.contains("[warn]") && said.contains(reason),
            "{warned}: {said}"
        );
    }
    let odd = said("server { server_name a/b; }");
    assert!(
        odd.contains("[warn]") && odd.contains("suspicious symbols"),
        "{odd}"
    );
}

#[test]
fn a_bad_header_is_refused_by_the_server_that_the_host_named() {
    let server = Server::start(
        &portway(),
        r#"
worker_processes 1; events { }
http {
    log_format seen "$server_name $host $uri";
    access_log %DIR%/access.log seen;
    large_client_header_buffers 1 1k; client_header_buffer_size 1k;
    server { listen 127.0.0.1:%PORT%; server_name first; }
    server {
        listen 127.0.0.1:%PORT%; server_name second;
        error_page 400 494 @page;
        location @page { return 200 "page of $server_name"; }
    }
}"#,
    );
    let long = format!("X-Long: {}\r\n", "x".repeat(2000));
    for bad in ["X Bad: y\r\n", &long] {
        let mut conn = server.connect();
        let head = format!("GET /a%41 HTTP/1.1\r\nHost: second\r\n{bad}\r\n");
        conn.send(head.as_bytes());
        let answer = conn.response();
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (400, "page of second"),
            "{bad}"
        );
    }
    let log = server.files().path().join("access.log");
    wait_for("two lines", || {
        let log = std::fs::read_to_string(&log).ok()?;
        (log == "second second /aA\n".repeat(2)).then_some(())
    });
}

#[test]
fn what_a_peer_says_twice_counts_once_and_its_address_becomes_ours() {
    let upstream = Upstream::serving(|peer| {
        let head = peer.read_head().unwrap_or_default();
        let host = head.lines().find_map(|line| line.strip_prefix("Host: "));
        let host = host.unwrap_or_default();
        let answer = format!(
            "HTTP/1.1 302 Told\r\nLocation: http://{host}/there\r\nLocation: /second\r\n\
             Content-Type: text/first\r\nContent-Type: text/second\r\nETag: a\r\nETag: b\r\n\
             X-Twice: 1\r\nX-Twice: 2\r\nContent-Length: 0\r\n\r\n"
        );
        peer.send(answer.as_bytes());
    });
    let server = testkit::Setup::new(
        r#"
worker_processes 1; events { }
http { absolute_redirect off; server {
    listen 127.0.0.1:%PORT%;
    location /bare/ { proxy_pass http://%UPSTREAM%; }
    location /with/ { proxy_pass http://%UPSTREAM%/; }
} }"#,
    )
    .with("UPSTREAM", upstream.addr())
    .start(&portway());
    for (path, location) in [("/bare/x", "/there"), ("/with/x", "/with/there")] {
        let answer = server.connect().get(path, "");
        let all = |name: &str| {
            let fields = answer.fields.iter();
            let found = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        assert_eq!(all("Location"), [location], "{path}");
        assert_eq!(all("Content-Type"), ["text/first"]);
        assert_eq!(all("ETag"), ["a"]);
        assert_eq!(all("X-Twice"), ["1", "2"]);
    }
}

#[test]
fn the_host_goes_first_to_a_peer_and_http_1_0_says_nothing_of_the_connection() {
    let upstream = Upstream::serving(|peer| {
        let head = peer.read_head().unwrap_or_default();
        let head = head.replace("\r\n", "|");
        peer.send(format!("HTTP/1.0 200 OK\r\n\r\n{head}").as_bytes());
    });
    let server = testkit::Setup::new(
        r#"
worker_processes 1; events { }
http { server {
    listen 127.0.0.1:%PORT%;
    location / {
        proxy_http_version 1.0;
        proxy_set_header X-A a; proxy_set_header Host h;
        proxy_pass http://%UPSTREAM%;
    }
    location /none { proxy_set_header Host ""; proxy_pass http://%UPSTREAM%; }
} }"#,
    )
    .with("UPSTREAM", upstream.addr())
    .start(&portway());
    let seen = |path| server.connect().get(path, "").text();
    assert_eq!(seen("/a"), "GET /a HTTP/1.0|Host: h|X-A: a||");
    assert_eq!(seen("/none"), "GET /none HTTP/1.1||");
}

#[test]
fn inner_levels_take_over_fields_as_they_are_told() {
    let server = Server::start(
        &portway(),
        r#"
worker_processes 1; events { }
http { add_header X-Outer 1; server {
    listen 127.0.0.1:%PORT%;
    location /usual { add_header X-Own 1; return 200 x; }
    location /merge { add_header_inherit merge; add_header X-Own 1; return 200 x; }
    location /off { add_header_inherit off; return 200 x; }
    location /inside { add_header_inherit merge; add_header X-Own 1; location /inside/a { add_header X-In 1; return 200 x; } }
    location /trailer/ {
        add_trailer X-T outer; add_trailer_inherit merge;
        location /trailer/merge { add_trailer X-T own; alias %DIR%/a.txt; }
    }
} }"#,
    );
    server.files().write("a.txt", b"text");
    let has = |path: &str| {
        let answer = server.connect().get(path, "");
        ["X-Own", "X-Outer", "X-In"].map(|name| answer.field(name).is_some())
    };
    assert_eq!(has("/usual"), [true, false, false]);
    assert_eq!(has("/merge"), [true, true, false]);
    assert_eq!(has("/off"), [false, false, false]);
    assert_eq!(has("/inside/a"), [true, true, true]);
    let mut conn = server.connect();
    conn.send(b"GET /trailer/merge HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let all = String::from_utf8_lossy(&conn.read_to_end()).into_owned();
    assert!(
        all.ends_with("\r\n0\r\nX-T: own\r\nX-T: outer\r\n\r\n"),
        "{all}"
    );
}

#[test]
fn logs_are_off_and_lengths_are_of_what_was_read() {
    let upstream = Upstream::serving(|peer| {
        if let Some(head) = peer.read_head() {
            let chunked = head.contains("/chunked");
            peer.read_exact(if chunked { 4 } else { 0 });
            peer.send(b"HTTP/1.0 200 OK\r\n\r\nok");
        }
    });
    let server = testkit::Setup::new(
        r#"
worker_processes 1; events { }
http {
    log_format lengths "$uri $request_length $content_length";
    server {
        listen 127.0.0.1:%PORT%;
        access_log %DIR%/access.log lengths;
        location / { return 200 x; }
        location /read { proxy_pass http://%UPSTREAM%/chunked; }
        location /quiet { access_log off; access_log %DIR%/access.log lengths; return 200 x; }
        location /early { client_max_body_size 10; return 200 "[$request_body]"; }
    }
    server {
        listen 127.0.0.1:%PORT%; server_name early;
        client_body_early_read $arg_early;
        client_max_body_size 10;
        return 200 "[$request_body]";
    }
}"#,
    )
    .with("UPSTREAM", upstream.addr())
    .start(&portway());
    let ask = |path: &str, host: &str, body: &str| {
        let mut conn = server.connect();
        conn.send(format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n{body}").as_bytes());
        let answer = conn.response();
        (answer.status, answer.text())
    };
    let chunked = "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n";
    let plain = "Content-Length: 4\r\n\r\nabcd";
    for (path, body) in [
        ("/quiet", plain),
        ("/a", plain),
        ("/b", chunked),
        ("/read", chunked),
    ] {
        assert_eq!(ask(path, "a", body).0, 200, "{path}");
    }
    let log = server.files().path().join("access.log");
    wait_for("three lines", || {
        let log = std::fs::read_to_string(&log).ok()?;
        (log == "/a 48 4\n/b 57 0\n/read 74 4\n").then_some(())
    });
    assert_eq!(ask("/?early=1", "early", plain), (200, "[abcd]".into()));
    assert_eq!(ask("/?early=1", "early", chunked), (200, "[abcd]".into()));
    assert_eq!(ask("/?early=0", "early", plain), (200, "[]".into()));
    let long = "Content-Length: 11\r\n\r\nabcdefghijk";
    assert_eq!(ask("/?early=1", "early", long).0, 413);
}

#[test]
fn what_was_not_answered_is_not_complete_and_line_ends_alone_are_no_request() {
    let server = Server::start(
        &portway(),
        r#"
worker_processes 1; events { }
http {
    log_format end "$request|$status|$request_length|$request_completion|$request_method$uri";
    log_format sent "$bytes_sent";
    access_log %DIR%/access.log end;
    client_header_timeout 100ms;
    server {
        listen 127.0.0.1:%PORT%;
        location / { return 200 x; }
        location /sent { access_log %DIR%/sent.log sent; return 200 x; }
    }
    server { listen 127.0.0.1:%PORT%; server_name closed; return 444; }
}"#,
    );
    for sent in [
        "GET /a HTTP/1.0\r\n\r\n",
        "GET /b HTTP/1.0\r\nHost: closed\r\n\r\n",
        "GET /c HTTP/1.1\r\nHost: ",
        "GET /d e HTTP/1.1\r\n\r\n",
        "\r\n\r\n",
    ] {
        let mut conn = server.connect();
        conn.send(sent.as_bytes());
        conn.read_to_end();
    }
    let log = server.files().path().join("access.log");
    let lines = "GET /a HTTP/1.0|200|19|OK|GET/a\nGET /b HTTP/1.0|444|33||GET/b\n\
                 GET /c HTTP/1.1|408|17||GET/c\nGET /d e HTTP/1.1|400|0|OK|--\n|408|0||--\n";
    wait_for("four lines", || {
        let log = std::fs::read_to_string(&log).ok()?;
        (log == lines).then_some(())
    });
    let mut conn = server.connect();
    let head = "POST /sent HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n";
    conn.send(format!("{head}Expect: 100-continue\r\n\r\nx").as_bytes());
    let all = conn.read_to_end();
    assert!(all.starts_with(b"HTTP/1.1 100 Continue"));
    let log = server.files().path().join("sent.log");
    wait_for("what was sent", || {
        let log = std::fs::read_to_string(&log).ok()?;
        (log == format!("{}\n", all.len())).then_some(())
    });
    assert!(
        !server.error_log().contains("[alert]"),
        "{}",
        server.error_log()
    );
}

#[test]
fn the_log_names_the_index_that_is_missing_and_broken_bodies() {
    let server = Server::start(
        &portway(),
        r#"
worker_processes 1; events { }
http { server {
    listen 127.0.0.1:%PORT%; root %DIR%; index first.html last.html;
    client_max_body_size 3;
    location /r { return 200 x; }
    location /p { proxy_pass http://127.0.0.1:1; }
} }"#,
    );
    assert_eq!(server.connect().get("/none/", "").status, 404);
    for (path, body) in [("/r", "zz\r\n"), ("/p", "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n")] {
        let mut conn = server.connect();
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        conn.send(format!("{head}{body}").as_bytes());
        conn.response();
    }
    let log = server.files().path().join("error.log");
    wait_for("three lines", || {
        let log = std::fs::read_to_string(&log).ok()?;
        let all = [
            "/none/last.html\" is not found (2: No such file",
            "client sent invalid chunked body",
            "client intended to send too large chunked body: 0+4 bytes",
        ];
        all.iter()
            .all(|text| log.matches(text).count() == 1)
            .then_some(())
    });
}

#[test]
fn error_pages_that_are_proxied_take_the_body_along() {
    let upstream = Upstream::serving(|peer| {
        let head = peer.read_head().unwrap_or_default();
        let length = match head.contains("Content-Length: 3") {
            true => 3,
            false => 0,
        };
        let body = peer.read_exact(length).unwrap_or_default();
        let line = head.lines().next().unwrap_or_default();
        let body = String::from_utf8_lossy(&body).into_owned();
        peer.send(format!("HTTP/1.0 200 OK\r\n\r\n{line}|{body}").as_bytes());
    });
    let server = testkit::Setup::new(
        r#"
worker_processes 1; events { }
http { server {
    listen 127.0.0.1:%PORT%;
    error_page 418 = @other;
    location /named { return 418; }
    location /denied { deny all; error_page 403 = @other; }
    location /uri { error_page 418 = /plain; return 418; }
    location /long { client_max_body_size 2; error_page 413 = @other; }
    location /plain { proxy_pass http://%UPSTREAM%; }
    location @other { proxy_pass http://%UPSTREAM%; }
} }"#,
    )
    .with("UPSTREAM", upstream.addr())
    .start(&portway());
    for (path, seen) in [
        ("/named", "POST /named HTTP/1.1|xyz"),
        ("/denied", "POST /denied HTTP/1.1|xyz"),
        ("/uri", "GET /plain HTTP/1.1|xyz"),
        ("/long", "POST /long HTTP/1.1|"),
    ] {
        for body in [
            "Content-Length: 3\r\n\r\nxyz",
            "Transfer-Encoding: chunked\r\n\r\n3\r\nxyz\r\n0\r\n\r\n",
        ] {
            if path == "/long" && body.starts_with('T') {
                continue;
            }
            let mut conn = server.connect();
            conn.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\n{body}").as_bytes());
            assert_eq!(conn.response().text(), seen, "{path} {body}");
        }
    }
}

#[test]
fn no_root_is_the_prefix_and_no_port_is_empty() {
    let server = Server::start(
        &portway(),
        r#"
worker_processes 1; events { }
http { server {
    listen 127.0.0.1:%PORT%;
    location / { root ""; }
    location /empty/ { root $arg_none; }
    location /port { return 200 "[$request_port]"; }
    location /tcp { return 200 "$tcpinfo_rtt $tcpinfo_rttvar $tcpinfo_snd_cwnd $tcpinfo_rcv_space"; }
} }"#,
    );
    server.files().write("a.txt", "prefix");
    std::fs::create_dir(server.files().path().join("empty")).expect("folder made");
    server.files().write("empty/b.txt", "below it");
    let seen = |path| server.connect().get(path, "").text();
    assert_eq!(seen("/a.txt"), "prefix");
    assert_eq!(seen("/empty/b.txt"), "below it");
    assert_eq!(server.connect().get("/etc/hostname", "").status, 404);
    assert_eq!(seen("/port"), "[]");
    let tcp = seen("/tcp");
    let numbers: Vec<u32> = tcp
        .split(' ')
        .filter_map(|text| text.parse().ok())
        .collect();
    assert_eq!(numbers.len(), 4, "{tcp}");
    assert!(numbers[2] > 0 && numbers[3] > 0, "{tcp}");
}

#[test]
fn a_condition_that_fails_takes_the_groups_of_earlier_ones_away() {
    let server = Server::start(
        &portway(),
        r#"
worker_processes 1; events { }
http { server {
    listen 127.0.0.1:%PORT%;
    location ~ ^/a/(?<named>.*)$ {
        if ($arg_b ~ (.+)) { }
        return 200 "[$1][$named]";
    }
} }"#,
    );
    let seen = |path| server.connect().get(path, "").text();
    assert_eq!(seen("/a/x?b=y"), "[y][x]");
    assert_eq!(seen("/a/x"), "[][x]");
}
