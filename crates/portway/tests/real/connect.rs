//! CONNECT: tunnels to where the client wants, or to where the configuration says.

use testkit::dns::Record;
use testkit::{Conn, NameServer, Server, Setup, Upstream, wait_true};

use crate::support::portway;

const CONF: &str = "events {} http {
    log_format connect '$status $upstream_addr $upstream_status $bytes_sent $body_bytes_sent '
        '$upstream_bytes_sent $upstream_bytes_received';
    access_log access.log connect;
    resolver %DNS%;
    resolver_timeout 1s;
    upstream group { server 127.0.0.9:1; server %UPSTREAM%; }
    server { listen 127.0.0.1:%PORT%;
        server_name localhost;
        tunnel_pass;
        location = /50x { return 200 sorry; }
        error_page 502 /50x;
    }
    server { listen 127.0.0.1:%PORT1%;
        location / {
            if ($request_method = CONNECT) { tunnel_pass group; }
            add_header X-Peer $upstream_addr;
            return 200 page;
        }
    }
    server { listen 127.0.0.1:%PORT2%; auth_basic realm; auth_basic_user_file users; tunnel_pass; }
    server { listen 127.0.0.1:%PORT3%; location / { return 200 page; } }
    server { listen 127.0.0.1:%PORT4%; tunnel_pass; tunnel_read_timeout 200ms; deny all; allow all;
        access_log off; location / { } }
    server { listen 127.0.0.1:%PORT5%; tunnel_pass; tunnel_read_timeout 200ms; allow all; }
}";

/// Sends back what it gets.
fn echo() -> Upstream {
    Upstream::serving(|peer| {
        while let Some(bytes) = peer.read_some() {
            if !peer.send(&bytes) {
                return;
            }
        }
    })
}

fn start(upstream: &Upstream, dns: &NameServer) -> Server {
    Setup::new(CONF)
        .with("UPSTREAM", upstream.addr())
        .with("DNS", dns.addr())
        .file("users", "u:{PLAIN}p\n")
        .start(&portway())
}

fn ask(conn: &mut Conn, target: &str, fields: &str) -> u16 {
    conn.send(format!(
        "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{fields}\r\n"
    ));
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(conn.read_exact(1));
    }
    let head = String::from_utf8_lossy(&head);
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no status in {head:?}"))
}

#[test]
fn a_client_gets_a_tunnel_to_where_it_wants() {
    let (upstream, dns) = (echo(), NameServer::start());
    let server = start(&upstream, &dns);
    let mut conn = server.connect();
    let target = upstream.addr().to_string();
    conn.send(format!(
        "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\nearly"
    ));
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(conn.read_exact(1));
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    let lower = text.to_lowercase();
    assert!(
        !lower.contains("transfer-encoding") && !lower.contains("content-length"),
        "{text}"
    );
    assert_eq!(conn.read_exact(5), b"early");
    assert_eq!(
        conn.send("GET / HTTP/1.1\r\n\r\n").read_exact(18),
        b"GET / HTTP/1.1\r\n\r\n"
    );
    drop(conn);
    let expected = format!("200 {target} - {} 23 23 23\n", head.len() + 23);
    wait_true("the line of the log", || {
        server.files().read("access.log").contains(&expected)
    });
}

#[test]
fn a_client_cannot_name_a_socket() {
    let (upstream, dns) = (echo(), NameServer::start());
    let server = start(&upstream, &dns);
    assert_eq!(ask(&mut server.connect(), "unix:80", ""), 403);
    server.wait_error_log("client named a socket");
}

#[test]
fn a_name_is_looked_up_and_a_failure_has_its_error_page() {
    let (upstream, dns) = (echo(), NameServer::start());
    let server = start(&upstream, &dns);
    dns.say(
        "up.test",
        60,
        &[
            Record::A([127, 0, 0, 9].into()),
            Record::A([127, 0, 0, 1].into()),
        ],
    );
    let mut conn = server.connect();
    let port = upstream.addr().port();
    assert_eq!(ask(&mut conn, &format!("up.test:{port}"), ""), 200);
    assert_eq!(conn.send("x").read_exact(1), b"x");
    let mut conn = server.connect();
    conn.send("CONNECT no.test:1 HTTP/1.1\r\nHost: no.test\r\n\r\n");
    let response = conn.response();
    assert_eq!((response.status, &response.text()[..]), (502, "sorry"));
    assert_eq!(response.field("connection"), Some("close"));
}

#[test]
fn a_group_answers_where_an_if_says_so_and_its_next_server_is_tried() {
    let (upstream, dns) = (echo(), NameServer::start());
    let server = start(&upstream, &dns);
    let mut conn = Conn::open(server.addr_of("PORT1"));
    conn.send("CONNECT any.where:1 HTTP/1.1\r\nHost: any.where\r\n\r\n");
    assert_eq!(
        ask(&mut Conn::open(server.addr_of("PORT1")), "any.where:1", ""),
        200
    );
    let mut conn = Conn::open(server.addr_of("PORT1"));
    conn.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(conn.response().text(), "page");
}

#[test]
fn a_user_names_itself_to_the_proxy_with_407() {
    let (upstream, dns) = (echo(), NameServer::start());
    let server = start(&upstream, &dns);
    let target = upstream.addr().to_string();
    let mut conn = Conn::open(server.addr_of("PORT2"));
    conn.send(format!("CONNECT {target} HTTP/1.1\r\nHost: h\r\n\r\n"));
    let response = conn.response();
    assert_eq!(response.status, 407);
    assert_eq!(
        response.field("proxy-authenticate"),
        Some("Basic realm=\"realm\"")
    );
    // dTpw is u:p.
    for (field, status) in [
        ("Authorization: Basic dTpw\r\n", 407),
        ("Proxy-Authorization: Basic dTpx\r\n", 407),
        ("Proxy-Authorization: Basic dTpw\r\n", 200),
    ] {
        let mut conn = Conn::open(server.addr_of("PORT2"));
        assert_eq!(ask(&mut conn, &target, field), status, "{field}");
    }
}

#[test]
fn what_is_no_connect_and_where_there_is_no_tunnel_is_refused() {
    let (upstream, dns) = (echo(), NameServer::start());
    let server = start(&upstream, &dns);
    let target = upstream.addr().to_string();
    let status = |port: &str, request: String| {
        let mut conn = Conn::open(server.addr_of(port));
        conn.send(request);
        conn.response().status
    };
    let connect = |target: &str, rest: &str| format!("CONNECT {target} {rest}\r\n\r\n");
    assert_eq!(
        status("PORT3", connect(&target, "HTTP/1.1\r\nHost: h")),
        405
    );
    assert_eq!(
        status("PORT", "GET / HTTP/1.1\r\nHost: h\r\n\r\n".into()),
        405
    );
    assert_eq!(status("PORT", connect(&target, "HTTP/1.0\r\nHost: h")), 405);
    let body = "HTTP/1.1\r\nHost: h\r\nContent-Length: 2";
    assert_eq!(status("PORT", connect(&target, body)), 400);
    for bad in [
        "/",
        "h",
        "h:",
        ":1",
        "h:x",
        "h:70000",
        "h:1/",
        "http://h:1",
        "u@h:1",
    ] {
        assert_eq!(
            status("PORT", connect(bad, "HTTP/1.1\r\nHost: h")),
            400,
            "{bad}"
        );
    }
    assert_eq!(
        status("PORT4", connect(&target, "HTTP/1.1\r\nHost: h")),
        403
    );
}

#[test]
fn a_silent_tunnel_ends() {
    let (upstream, dns) = (echo(), NameServer::start());
    let server = start(&upstream, &dns);
    let mut conn = Conn::open(server.addr_of("PORT5"));
    assert_eq!(ask(&mut conn, &upstream.addr().to_string(), ""), 200);
    server.wait_error_log("\"tunnel_read_timeout\" ended a silent tunnel");
}

#[test]
fn a_proxy_that_is_open_to_all_is_warned_about() {
    let said = |inside: &str| {
        let scratch = testkit::Scratch::new("open-proxy");
        let conf = format!("events {{}} http {{ server {{ {inside} }} }}");
        scratch.write("nginx.conf", conf);
        let prefix = format!("{}/", scratch.path().display());
        let output = portway().run(&["-t", "-p", &prefix, "-c", "nginx.conf", "-e", "stderr"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        text.matches("makes an open proxy").count()
    };
    assert_eq!(said("tunnel_pass;"), 1);
    assert_eq!(
        said("location / { if ($request_method = CONNECT) { tunnel_pass; } }"),
        1
    );
    assert_eq!(said("tunnel_pass; deny all;"), 0);
    assert_eq!(said("tunnel_pass 127.0.0.1:22;"), 0);
}

#[test]
fn failures_to_connect_lead_to_the_next_address_as_far_as_is_said() {
    let (upstream, dns) = (echo(), NameServer::start());
    let conf = "events {} http { resolver %DNS%; allow all;
        server { listen 127.0.0.1:%PORT%; tunnel_pass; tunnel_next_upstream error; }
        server { listen 127.0.0.1:%PORT1%; tunnel_pass; tunnel_next_upstream off; }
        server { listen 127.0.0.1:%PORT2%; tunnel_pass; tunnel_next_upstream timeout; }
        server { listen 127.0.0.1:%PORT3%; tunnel_pass; tunnel_next_upstream_tries 1; }
        server { listen 127.0.0.1:%PORT4%; tunnel_pass; tunnel_next_upstream_timeout 1m;
            tunnel_connect_timeout 5s; }
    }";
    let server = Setup::new(conf).with("DNS", dns.addr()).start(&portway());
    let port = upstream.addr().port();
    for (at, status) in [
        ("PORT", 200),
        ("PORT1", 502),
        ("PORT2", 502),
        ("PORT3", 502),
        ("PORT4", 200),
    ] {
        // A name of its own: the addresses of one that is known take turns.
        let name = format!("{at}.test").to_lowercase();
        let addrs = [
            Record::A([127, 0, 0, 9].into()),
            Record::A([127, 0, 0, 1].into()),
        ];
        dns.say(&name, 60, &addrs);
        let mut conn = Conn::open(server.addr_of(at));
        assert_eq!(
            ask(&mut conn, &format!("{name}:{port}"), ""),
            status,
            "{at}"
        );
    }
}

#[test]
fn a_tunnel_gets_no_connection_that_has_carried_requests() {
    let upstream = Upstream::serving(|peer| {
        while let Some(bytes) = peer.read_some() {
            let answer = match bytes.starts_with(b"GET ") {
                true => b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(),
                false => bytes,
            };
            if !peer.send(&answer) {
                return;
            }
        }
    });
    let conf = "events {} http { upstream u { server %UPSTREAM%; keepalive 4; }
        server { listen 127.0.0.1:%PORT%; tunnel_pass u;
            location /get { proxy_pass http://u; } } }";
    let server = Setup::new(conf)
        .with("UPSTREAM", upstream.addr())
        .start(&portway());
    for _ in 0..2 {
        assert_eq!(testkit::http::get(server.addr(), "/get").text(), "ok");
    }
    assert_eq!(upstream.connections(), 1, "requests share a connection");
    let mut conn = server.connect();
    assert_eq!(ask(&mut conn, "h:1", ""), 200);
    assert_eq!(conn.send("x").read_exact(1), b"x");
    assert_eq!(upstream.connections(), 2);
}

#[test]
fn a_tunnel_has_a_socket_of_its_own_kind() {
    let conf = "events {} http {
        tunnel_bind 127.0.0.5; tunnel_socket_keepalive on; tunnel_socket_rcvbuf 64k;
        tunnel_socket_sndbuf 64k; tunnel_send_timeout 5s; tunnel_buffer_size 8k; tunnel_send_lowat 0;
        server { listen 127.0.0.1:%PORT%; tunnel_pass; deny 192.0.2.1; }
        server { listen 127.0.0.1:%PORT1%; return 200 $remote_addr;
            proxy_socket_rcvbuf 64k; proxy_socket_sndbuf 64k; }
    }";
    let server = Server::start(&portway(), conf);
    let mut conn = server.connect();
    assert_eq!(
        ask(&mut conn, &server.addr_of("PORT1").to_string(), ""),
        200
    );
    conn.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(conn.response().text(), "127.0.0.5");
}

#[test]
fn an_address_that_is_not_ours_is_an_internal_error() {
    let upstream = echo();
    let conf = "events {} http { server { listen 127.0.0.1:%PORT%;
        location / { proxy_bind 192.0.2.1; proxy_pass http://%UPSTREAM%; }
        location /odd { proxy_bind $arg_a; proxy_pass http://127.0.0.1:1; } } }";
    let server = Setup::new(conf)
        .with("UPSTREAM", upstream.addr())
        .start(&portway());
    assert_eq!(testkit::http::get(server.addr(), "/").status, 500);
    server.wait_error_log("bind(192.0.2.1:0) failed (99: Cannot assign requested address)");
    assert_eq!(testkit::http::get(server.addr(), "/odd?a=x").status, 502);
    server.wait_error_log("invalid local address \"x\"");
}

#[test]
fn a_worker_that_binds_transparently_keeps_the_power_to_do_so() {
    if !rustix::process::geteuid().is_root() {
        // Nobody else has it to begin with.
        return;
    }
    let conf = "events {} http { server { listen 127.0.0.1:%PORT%;
        location / { return 200 $pid; }
        location /up { %BIND% proxy_pass http://127.0.0.1:%PORT%/; } } }";
    let powers = |bind: &str| {
        let server = Setup::new(conf).with("BIND", bind).start(&portway());
        let pid = testkit::http::get(server.addr(), "/up").text();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
        let line = status.lines().find(|line| line.starts_with("CapEff:"));
        line.expect("its powers").to_owned()
    };
    assert_eq!(
        powers("proxy_bind 127.0.0.3 transparent;"),
        "CapEff:\t0000000000002000"
    );
    assert_eq!(powers("proxy_bind 127.0.0.3;"), "CapEff:\t0000000000000000");
}
