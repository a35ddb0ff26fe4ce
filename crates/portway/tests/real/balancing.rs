//! Load balancing: who gets a request, for how long it counts, and who is asked whether it is well.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use testkit::{Server, Setup, Upstream, wait_true};

use crate::support::portway;

/// An upstream that says its name; on `/hold` it begins an answer and does not end it, and on
/// `/health` it says whether it is well.
fn named(name: &'static str, well: &Arc<AtomicBool>) -> Upstream {
    let well = well.clone();
    Upstream::serving(move |peer| {
        while let Some(head) = peer.read_head() {
            if head.contains(" /hold") {
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1");
                peer.hold();
                return;
            }
            let status = match head.contains(" /health") && !well.load(Ordering::Relaxed) {
                true => "500 Sick",
                false => "200 OK",
            };
            let session = match head.contains(" /begin") {
                true => "Set-Cookie: session=s\r\n",
                false => "",
            };
            let text = format!("HTTP/1.1 {status}\r\n{session}Content-Length: 1\r\n\r\n{name}");
            peer.send(text.as_bytes());
        }
    })
}

struct Stage {
    server: Server,
    _upstreams: [Upstream; 3],
    /// Whether the first one is well.
    well: Arc<AtomicBool>,
    conf: String,
}

const FRAME: &str = "events { } worker_processes 2; http { access_log off; %HTTP%
    server { listen 127.0.0.1:%PORT%; add_header X-Up $upstream_addr always;
    location / { proxy_pass http://u; %LOCATION% } %SERVER% } }";

/// A configuration with these parts; `%A%`, `%B%`, `%C%` are the upstreams.
fn conf(http: &str, location: &str, server: &str) -> String {
    FRAME
        .replace("%HTTP%", http)
        .replace("%LOCATION%", location)
        .replace("%SERVER%", server)
}

fn start(http: &str, location: &str, server: &str) -> Stage {
    let well = Arc::new(AtomicBool::new(true));
    let always = Arc::new(AtomicBool::new(true));
    let upstreams = [named("a", &well), named("b", &always), named("c", &always)];
    let conf = conf(http, location, server);
    let setup = Setup::new(&conf)
        .with("A", upstreams[0].addr())
        .with("B", upstreams[1].addr())
        .with("C", upstreams[2].addr());
    Stage {
        server: setup.start(&portway()),
        _upstreams: upstreams,
        well,
        conf,
    }
}

/// A group of these directives.
fn group(inside: &str) -> Stage {
    start(&format!("upstream u {{ {inside} }}"), "", "")
}

impl Stage {
    fn ask(&self, path: &str) -> String {
        self.server.connect().get(path, "").text()
    }

    /// The answers to so many requests.
    fn asks(&self, path: &str, count: usize) -> String {
        (0..count).map(|_| self.ask(path)).collect()
    }

    /// Loads the configuration again, changed.
    fn reload(&self, from: &str, to: &str) {
        let mark = format!(
            "location /mark {{ return 200 {}; }} }} }}",
            self.server.pid()
        );
        let end = self.conf.rfind("} }").expect("the end of the frame");
        let conf = format!("{}{mark}", &self.conf[..end]).replace(from, to);
        self.server.reload(&conf);
        wait_true("the new configuration", || {
            self.ask("/mark") == self.server.pid().to_string()
        });
    }
}

#[test]
fn least_conn_goes_where_the_fewest_requests_are() {
    let stage = group("least_conn; server %A%; server %B%;");
    let mut held = stage.server.connect();
    held.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    held.read_until(b"\r\n\r\n1");
    assert_eq!(stage.asks("/", 4), "bbbb");
}

#[test]
fn least_time_goes_where_answers_come_soonest() {
    for method in [
        "header",
        "last_byte",
        "header inflight",
        "last_byte inflight",
    ] {
        let stage = group(&format!("least_time {method}; server %A%; server %B%;"));
        let answers = stage.asks("/", 6);
        assert_eq!(answers.len(), 6, "{method}: {answers}");
    }
}

#[test]
fn ip_hash_sends_a_client_to_one_server_that_is_not_down() {
    let stage = group("ip_hash; server %A%; server %B%; server %C%;");
    let one = stage.ask("/");
    assert_eq!(stage.asks("/", 5), one.repeat(5));
    let stage = group("ip_hash; server %A% down; server %B% down; server %C%;");
    assert_eq!(stage.asks("/", 3), "ccc");
}

#[test]
fn hash_sends_a_key_to_one_server() {
    for consistent in ["", "consistent"] {
        let stage = group(&format!(
            "hash $arg_k {consistent}; server %A%; server %B%; server %C%;"
        ));
        let mut seen = String::new();
        for key in 0..20 {
            let path = format!("/?k={key}");
            let one = stage.ask(&path);
            assert_eq!(stage.asks(&path, 2), one.repeat(2));
            seen.push_str(&one);
        }
        assert!("abc".chars().all(|name| seen.contains(name)), "{seen}");
        assert_eq!(stage.asks("/", 6), "abcabc", "without a key, round robin");
    }
}

#[test]
fn random_asks_every_server_now_and_then() {
    for how in ["", "two", "two least_conn", "two least_time=header"] {
        let stage = group(&format!("random {how}; server %A%; server %B%;"));
        wait_true("both servers", || {
            let seen = stage.asks("/", 8);
            seen.contains('a') && seen.contains('b')
        });
    }
}

#[test]
fn max_conns_counts_a_request_until_its_whole_answer_was_transferred() {
    let stage = group("server %A% max_conns=1; server %B% backup;");
    let mut held = stage.server.connect();
    held.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    held.read_until(b"\r\n\r\n1");
    assert_eq!(stage.asks("/", 3), "bbb");
    drop(held);
    wait_true("the first server", || stage.ask("/") == "a");
}

#[test]
fn a_cookie_brings_a_client_back() {
    let stage = group(
        "server %A%; server %B%; server %C%;
         sticky cookie srv expires=1h domain=.example.com path=/ httponly secure samesite=lax;",
    );
    let first = stage.server.connect().get("/", "");
    let cookie = first.field("set-cookie").expect("a cookie");
    let (pair, rest) = cookie.split_once(';').expect("attributes");
    assert_eq!(pair.len(), "srv=".len() + 32, "{cookie}");
    for part in [
        "; max-age=3600; domain=.example.com; httponly; secure; samesite=lax; path=/",
        " expires=",
        " GMT",
    ] {
        assert!(rest.contains(part.trim_start_matches(';')), "{cookie}");
    }
    for _ in 0..4 {
        let again = stage.server.connect();
        let mut again = again;
        let answer = again.get("/", &format!("Cookie: {pair}\r\n"));
        assert_eq!(answer.text(), first.text());
    }
}

#[test]
fn a_route_names_the_server_that_a_client_gets_also_while_it_drains() {
    let stage = group(
        "server %A% route=a; server %B% route=b; server %C% route=c drain;
         sticky route $arg_none $arg_r;",
    );
    assert_eq!(stage.asks("/?r=b", 3), "bbb");
    assert_eq!(stage.asks("/?r=c", 3), "ccc");
    assert!(!stage.asks("/", 6).contains('c'));
}

#[test]
fn a_session_that_a_server_began_stays_there() {
    for header in ["", "header"] {
        let stage = group(&format!(
            "server %A%; server %B%; server %C%; sticky learn create=$upstream_cookie_session
             lookup=$cookie_session zone=sessions:1m timeout=1h {header};"
        ));
        assert_eq!(stage.ask("/"), "a");
        let first = stage.ask("/begin");
        for _ in 0..4 {
            let answer = stage.server.connect().get("/", "Cookie: session=s\r\n");
            assert_eq!(answer.text(), first);
        }
    }
}

#[test]
fn the_state_of_a_group_in_a_zone_outlives_a_reload() {
    for (zone, left) in [("zone u 64k;", "bbb"), ("", "abb")] {
        let stage = start(
            &format!("upstream u {{ {zone} server %A% fail_timeout=1h; server %B%; }}"),
            "proxy_next_upstream http_500;",
            "",
        );
        stage.well.store(false, Ordering::Relaxed);
        assert_eq!(stage.ask("/health"), "b");
        stage.well.store(true, Ordering::Relaxed);
        assert_eq!(stage.asks("/", 2), "bb");
        stage.reload("nothing", "nothing");
        let now = stage.asks("/", 3);
        assert_eq!(now.contains('a'), left.contains('a'), "{zone} {now}");
    }
}

#[test]
fn a_server_that_is_to_be_drained_by_a_reload_keeps_its_known_clients() {
    let stage = group("zone u 64k; server %A% route=a; server %B% route=b; sticky route $arg_r;");
    assert_eq!(stage.asks("/?r=a", 2), "aa");
    stage.reload("route=a", "route=a drain");
    assert_eq!(stage.asks("/?r=a", 2), "aa");
    assert_eq!(stage.asks("/", 4), "bbbb");
}

#[test]
fn the_log_tells_groups_without_servers_and_redirects_apart() {
    let stage = start(
        "upstream u { server %A%; } upstream none { server %B% down; server %C% down; }",
        "",
        "location /none { proxy_pass http://none; error_page 502 = /after; }
         location /after { proxy_pass http://u; }",
    );
    let answer = stage.server.connect().get("/none", "");
    let addr = stage._upstreams[0].addr();
    assert_eq!(
        answer.field("x-up"),
        Some(format!("none : {addr}").as_str())
    );
}

#[test]
fn a_server_that_fails_its_checks_gets_no_request_until_it_passes_them() {
    let stage = start(
        "match well { status 200-299; status_is_checked; }
         upstream u { server %A%; server %B%; }"
            .replace("status_is_checked;", "header ! X-Sick; body ~ \"^[ab]$\";")
            .as_str(),
        "health_check interval=50ms jitter=10ms fails=2 passes=2 uri=/health match=well;",
        "",
    );
    assert_eq!(stage.asks("/", 4).len(), 4);
    stage.well.store(false, Ordering::Relaxed);
    stage
        .server
        .wait_error_log("peer is unhealthy while checking status code");
    assert_eq!(stage.asks("/", 4), "bbbb");
    stage.reload("nothing", "nothing");
    assert_eq!(stage.asks("/", 4), "bbbb", "the verdict outlives a reload");
    stage.well.store(true, Ordering::Relaxed);
    stage.server.wait_error_log("peer is healthy");
    wait_true("the server that is well again", || stage.ask("/") == "a");
}

#[test]
fn a_mandatory_check_comes_before_the_first_request() {
    let stage = start(
        "upstream u { zone u 64k; server %A%; server %B%; }",
        "health_check interval=50ms uri=/health mandatory persistent port=1;",
        "",
    );
    let answer = stage.server.connect().get("/", "");
    assert_eq!(answer.status, 502);
    stage
        .server
        .wait_error_log("peer is unhealthy while connecting");
    stage.reload(" port=1", "");
    wait_true("a server that passed", || stage.ask("/").len() == 1);
}

#[test]
fn mistakes_are_told_in_the_words_of_nginx() {
    let mistakes = [
        (
            "ip_hash; server 127.0.0.1 backup;",
            "balancing method does not support parameter \"backup\"",
        ),
        (
            "server 127.0.0.1; least_conn; random;",
            "load balancing method redefined",
        ),
        (
            "server 127.0.0.1; random three;",
            "invalid parameter \"three\"",
        ),
        (
            "server 127.0.0.1; hash $uri most;",
            "invalid parameter \"most\"",
        ),
        ("server 127.0.0.1 route=;", "route is empty"),
        ("server 127.0.0.1 backup;", "no servers in upstream \"u\""),
        (
            "server 127.0.0.1; keepalive 1; keepalive 2;",
            "\"keepalive\" directive is duplicate",
        ),
        ("server 127.0.0.1; zone z 1k;", "zone \"z\" is too small"),
        (
            "server 127.0.0.1; zone z;",
            "zero size shared memory zone \"z\"",
        ),
        (
            "server 127.0.0.1; sticky cookie s path=;",
            "no value for \"path\"",
        ),
        (
            "server 127.0.0.1; sticky cookie s samesite=some;",
            "invalid \"samesite\" parameter value",
        ),
        (
            "server 127.0.0.1; sticky learn zone=z:1m;",
            "\"lookup\" parameter is not specified",
        ),
        (
            "server 127.0.0.1; sticky other x;",
            "unknown parameter \"other\"",
        ),
    ];
    assert_mistakes(&mistakes);
}

#[test]
fn mistakes_about_groups_and_their_checks_are_told() {
    let mistakes = [
        (
            "server 127.0.0.1; } server { location / { proxy_pass http://U:8080; }",
            "upstream \"U\" may not have port 8080",
        ),
        (
            "server 127.0.0.1; } server { location / { health_check; return 200; }",
            "\"health_check\" needs a \"proxy_pass\"",
        ),
        (
            "server 127.0.0.1; } server { location / { proxy_pass http://u; health_check match=m; }",
            "match \"m\" is not found",
        ),
        (
            "server 127.0.0.1; } match m { status 20x; header a is b;",
            "invalid status \"20x\"",
        ),
    ];
    assert_mistakes(&mistakes);
}

/// What is inside of `upstream u { }`, and the message about it.
#[track_caller]
fn assert_mistakes(mistakes: &[(&str, &str)]) {
    for (inside, message) in mistakes {
        let conf = format!("events {{ }} http {{ upstream u {{ {inside} }} }}");
        let scratch = testkit::Scratch::new("balancing");
        scratch.write("nginx.conf", conf);
        let prefix = format!("{}/", scratch.path().display());
        let arguments = ["-t", "-p", &prefix, "-c", "nginx.conf", "-e", "stderr"];
        let said = portway().run(&arguments);
        let said = String::from_utf8_lossy(&said.stderr).into_owned();
        assert!(said.contains(message), "{inside}: {said}");
    }
}
