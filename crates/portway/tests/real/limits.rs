//! `limit_req` and `limit_conn`: who is refused, who waits, and what is remembered.

use std::time::{Duration, Instant};

use testkit::http::get;
use testkit::{Server, Setup, Upstream, wait_true};

use crate::support::portway;

fn conf(zones: &str, locations: &str) -> String {
    format!(
        "events {{ }} http {{ {zones} access_log off;
        server {{ listen 127.0.0.1:%PORT%;
            add_header X-Req $limit_req_status always;
            add_header X-Conn $limit_conn_status always;
            location = /generation {{ return 200 %GENERATION%; }}
            {locations} }} }}"
    )
    .replace("%GENERATION%", "0")
}

/// The preaccess phase is behind that of `return`, so answers come from files.
fn with_file(zones: &str, locations: &str) -> Server {
    Setup::new(&conf(zones, locations))
        .file("html/f", "file")
        .start(&portway())
}

const ZONES: &str = "limit_req_zone $arg_key zone=slow:64k rate=1r/m;
    limit_req_zone $arg_key zone=fast:64k rate=10r/s;
    limit_req_zone $arg_other zone=other:64k rate=1r/m;
    limit_conn_zone $arg_key zone=conn:64k;";

#[test]
fn requests_over_the_rate_are_refused_by_key() {
    let server = with_file(
        ZONES,
        "location / { root html; try_files /f =404; limit_req zone=slow; }
         location /too-many { root html; try_files /f =404; limit_req zone=slow;
             limit_req_status 429; limit_req_log_level warn; }",
    );
    let passed = get(server.addr(), "/?key=a");
    assert_eq!(
        (passed.status, passed.field("x-req")),
        (200, Some("PASSED"))
    );
    let refused = get(server.addr(), "/?key=a");
    assert_eq!(
        (refused.status, refused.field("x-req")),
        (503, Some("REJECTED"))
    );
    let log = server.wait_error_log("limiting requests, excess: ");
    assert!(
        log.contains(" by zone \"slow\", client: 127.0.0.1"),
        "{log}"
    );
    assert_eq!(get(server.addr(), "/too-many?key=a").status, 429);
    server.wait_error_log("[warn]");
    assert_eq!(get(server.addr(), "/?key=b").status, 200);
    let none = get(server.addr(), "/");
    assert_eq!((none.status, none.field("x-req")), (200, None));
}

#[test]
fn requests_within_the_burst_wait_for_their_turn() {
    let server = with_file(
        ZONES,
        "location / { root html; try_files /f =404; limit_req zone=fast burst=2; }
         location /now { root html; try_files /f =404; limit_req zone=fast burst=5 nodelay; }
         location /some { root html; try_files /f =404; limit_req zone=fast burst=5 delay=1; }",
    );
    let began = Instant::now();
    assert_eq!(get(server.addr(), "/?key=a").field("x-req"), Some("PASSED"));
    assert_eq!(
        get(server.addr(), "/?key=a").field("x-req"),
        Some("DELAYED")
    );
    assert!(began.elapsed() >= Duration::from_millis(90));
    let log = server.wait_error_log("delaying request, excess: ");
    assert!(
        log.contains("[warn]") && log.contains(", by zone \"fast\""),
        "{log}"
    );
    for _ in 0..3 {
        let answer = get(server.addr(), "/now?key=b");
        assert_eq!(answer.field("x-req"), Some("PASSED"));
    }
    let states: Vec<_> = (0..3)
        .map(|_| {
            get(server.addr(), "/some?key=c")
                .field("x-req")
                .map(str::to_owned)
        })
        .collect();
    let states: Vec<_> = states.iter().flatten().map(String::as_str).collect();
    assert_eq!(states, ["PASSED", "PASSED", "DELAYED"]);
}

#[test]
fn a_client_that_waits_and_goes_is_let_go() {
    let server = with_file(
        ZONES,
        "location / { root html; try_files /f =404; limit_req zone=slow burst=5; }",
    );
    assert_eq!(get(server.addr(), "/?key=a").status, 200);
    let mut waiting = server.connect();
    waiting.send("GET /?key=a HTTP/1.1\r\nHost: h\r\n\r\n");
    server.wait_error_log("delaying request");
    drop(waiting);
    server.wait_error_log("client prematurely closed connection");
}

#[test]
fn all_limits_of_a_level_hold_and_a_dry_run_only_tells() {
    let server = with_file(
        ZONES,
        "location / { root html; try_files /f =404; limit_req zone=other; limit_req zone=slow burst=9 nodelay; }
         location /dry { root html; try_files /f =404; limit_req zone=slow; limit_req_dry_run on; }",
    );
    assert_eq!(get(server.addr(), "/?key=a&other=x").status, 200);
    assert_eq!(get(server.addr(), "/?key=a&other=x").status, 503);
    server.wait_error_log("by zone \"other\"");
    assert_eq!(get(server.addr(), "/?key=a&other=y").status, 200);
    let dry = get(server.addr(), "/dry?key=a");
    assert_eq!(
        (dry.status, dry.field("x-req")),
        (200, Some("REJECTED_DRY_RUN"))
    );
    server.wait_error_log("limiting requests, dry run, excess: ");
}

/// Answers when its connection is told to end.
fn holding() -> Upstream {
    Upstream::serving(|peer| {
        let head = peer.read_head().unwrap_or_default();
        if head.contains("Upgrade: echo") {
            peer.send(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
            );
        }
        while peer.read_some().is_some() {}
    })
}

#[test]
fn a_tunnel_counts_as_a_connection_until_it_ends() {
    let upstream = holding();
    let server = Setup::new(&conf(
        ZONES,
        "location / { limit_conn conn 1; limit_conn_status 429; limit_conn_log_level notice;
             proxy_pass http://%UPSTREAM%; proxy_http_version 1.1;
             proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }
         location /dry { limit_conn conn 1; limit_conn_dry_run on; root html; try_files /f =404; }",
    ))
    .with("UPSTREAM", upstream.addr())
    .file("html/f", "file")
    .start(&portway());
    let mut tunnel = server.connect();
    tunnel.send("GET /?key=a HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    assert_eq!(tunnel.response().status, 101);
    let refused = get(server.addr(), "/?key=a");
    assert_eq!(
        (refused.status, refused.field("x-conn")),
        (429, Some("REJECTED"))
    );
    server.wait_error_log("limiting connections by zone \"conn\"");
    let dry = get(server.addr(), "/dry?key=a");
    assert_eq!(
        (dry.status, dry.field("x-conn")),
        (200, Some("REJECTED_DRY_RUN"))
    );
    server.wait_error_log("limiting connections, dry run, by zone \"conn\"");
    drop(tunnel);
    wait_true("the place of the tunnel is free", || {
        get(server.addr(), "/dry?key=a").field("x-conn") == Some("PASSED")
    });
}

#[test]
fn a_reload_keeps_what_was_counted_where_the_zone_is_the_same() {
    let zones = "limit_req_zone $arg_key zone=slow:64k rate=1r/m;";
    let location = "location / { root html; try_files /f =404; limit_req zone=slow; }";
    let server = with_file(zones, location);
    assert_eq!(get(server.addr(), "/?key=a").status, 200);
    let reloaded = |zones: &str, generation: &str| {
        conf(zones, location).replace("return 200 0", &format!("return 200 {generation}"))
    };
    let wait = |generation: &str| {
        wait_true("the new configuration serves", || {
            get(server.addr(), "/generation").text() == generation
        });
    };
    server.reload(&reloaded(zones, "1"));
    wait("1");
    assert_eq!(get(server.addr(), "/?key=a").status, 503);
    server.reload(&reloaded(&zones.replace("64k", "128k"), "2"));
    wait("2");
    assert_eq!(get(server.addr(), "/?key=a").status, 200);
    server.reload(&reloaded(
        "limit_req_zone $uri zone=slow:128k rate=1r/m;",
        "3",
    ));
    server.wait_error_log(
        "limit_req \"slow\" uses the \"$uri\" key while previously it used the \"$arg_key\" key",
    );
    assert_eq!(get(server.addr(), "/generation").text(), "2");
}

#[test]
fn a_limit_without_its_zone_is_no_configuration() {
    let refused = |conf: &str| {
        let scratch = testkit::Scratch::new("limits");
        let conf = format!("events {{ }} http {{ {conf} }}");
        let path = scratch.write("nginx.conf", conf);
        let prefix = scratch.path().display().to_string();
        let path = path.display().to_string();
        let output = portway().run(&["-t", "-p", &prefix, "-c", &path, "-e", "stderr"]);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for (conf, message) in [
        ("limit_req zone=a;", "zero size shared memory zone \"a\""),
        ("limit_conn a 1;", "zero size shared memory zone \"a\""),
        (
            "limit_req_zone $uri zone=a:64k rate=1r/s; limit_conn a 1;",
            "the shared memory zone \"a\" is already declared for a different use",
        ),
        (
            "limit_conn_zone $uri zone=a:64k; limit_conn_zone $host zone=a:64k;",
            "limit_conn_zone \"a\" is already bound to key \"$uri\"",
        ),
        ("limit_req_zone $uri zone=a:1k rate=1r/s;", "is too small"),
        (
            "limit_req_zone $uri zone=a:64k rate=x;",
            "invalid rate \"rate=x\"",
        ),
        (
            "limit_req burst=1;",
            "\"limit_req\" must have \"zone\" parameter",
        ),
        ("limit_conn a 0;", "invalid number of connections \"0\""),
    ] {
        let told = refused(conf);
        assert!(told.contains(message), "{conf}: {told}");
    }
}

#[test]
fn the_client_is_named_then_limited_and_only_then_asked_who_it_is() {
    let server = with_file(
        "limit_req_zone $remote_addr zone=req:64k rate=1r/m;
         limit_conn_zone $limit_req_status zone=conn:64k;",
        "location / { set_real_ip_from 127.0.0.1; limit_req zone=req burst=1 nodelay;
             limit_conn conn 1; deny all; }",
    );
    let ask = |client: &str| {
        let fields = format!("X-Real-IP: {client}\r\n");
        server.connect().get("/", &fields)
    };
    let answer = ask("192.0.2.1");
    assert_eq!(answer.status, 403, "access is asked last");
    assert_eq!(answer.field("x-req"), Some("PASSED"));
    assert_eq!(answer.field("x-conn"), Some("PASSED"), "it saw limit_req");
    assert_eq!(ask("192.0.2.1").status, 403);
    let refused = ask("192.0.2.1");
    assert_eq!((refused.status, refused.field("x-conn")), (503, None));
    assert_eq!(ask("192.0.2.2").status, 403, "another client");
}
