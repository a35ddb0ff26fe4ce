//! Names at run time: in `proxy_pass` with variables, and behind `resolve` in an `upstream`.

use testkit::dns::Record;
use testkit::http::get;
use testkit::vnc::{Look, VncServer};
use testkit::{Conn, NameServer, Response, Server, Setup, Upstream, WebSocket, wait_true};

use crate::support::portway;

const CONF: &str = "worker_processes 3; events {} http {
    resolver %DNS%;
    resolver_timeout 1s;
    server { listen 127.0.0.1:%PORT%;
        location / { proxy_pass http://$host:%BACKEND%; add_header X-Addr $upstream_addr; }
        location /default { proxy_pass http://$host; }
    }
}";

fn start(dns: &NameServer, conf: &str) -> Server {
    let backend = Upstream::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
    let port = backend.addr().port();
    // It listens for as long as the process of the tests runs.
    std::mem::forget(backend);
    Setup::new(conf)
        .with("DNS", dns.addr())
        .with("BACKEND", port)
        .start(&portway())
}

fn ask(server: &Server, host: &str) -> Response {
    let mut conn = Conn::open(server.addr());
    conn.send(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    conn.response()
}

fn a(last: u8) -> Record {
    Record::A([127, 0, 0, last].into())
}

#[test]
fn a_name_is_looked_up_once_and_each_of_its_addresses_is_tried() {
    let dns = NameServer::start();
    let server = start(&dns, CONF);
    dns.say("one.test", 60, &[a(1)]);
    assert_eq!(ask(&server, "one.test").text(), "one");
    for _ in 0..20 {
        assert_eq!(ask(&server, "ONE.test").text(), "one");
    }
    assert_eq!(dns.asked("one.test"), 2, "one question for each family");
    // Nothing listens at 127.0.0.9: the next address answers.
    dns.say("many.test", 60, &[a(9), a(1)]);
    for _ in 0..4 {
        assert_eq!(ask(&server, "many.test").text(), "one");
    }
    dns.say("alias.test", 60, &[Record::Cname("one.test".into())]);
    assert_eq!(ask(&server, "alias.test").text(), "one");
    dns.say_at_length("long.test", 60, &[a(1)]);
    assert_eq!(ask(&server, "long.test").text(), "one");
}

#[test]
fn a_name_without_an_address_is_a_bad_gateway_and_the_log_says_why() {
    let dns = NameServer::start();
    let server = start(&dns, CONF);
    assert_eq!(ask(&server, "missing.test").status, 502);
    server.wait_error_log("missing.test could not be resolved (3: Host not found)");
    dns.fail("broken.test", 2);
    assert_eq!(ask(&server, "broken.test").status, 502);
    server.wait_error_log("broken.test could not be resolved (2: Server failure)");
    dns.ignore("silent.test");
    assert_eq!(ask(&server, "silent.test").status, 502);
    server.wait_error_log("silent.test could not be resolved (110: Operation timed out)");
    dns.say("broken.test", 60, &[a(1)]);
    assert_eq!(ask(&server, "broken.test").text(), "one");
}

#[test]
fn without_a_resolver_a_name_is_a_bad_gateway() {
    let conf = "events {} http { server { listen 127.0.0.1:%PORT%;
        location / { proxy_pass http://$host; } } }";
    let server = Server::start(&portway(), conf);
    assert_eq!(ask(&server, "one.test").status, 502);
    server.wait_error_log("no resolver defined to resolve one.test");
}

const GROUP: &str = "events {} http {
    resolver %DNS% ipv6=off;
    resolver_timeout 1s;
    upstream u { zone u 64k; server u.test:%BACKEND% resolve; }
    upstream s { zone s 64k; server s.test service=http resolve max_fails=0; }
    server { listen 127.0.0.1:%PORT%;
        location / { proxy_pass http://u; add_header X-Addr $upstream_addr always; }
        location /s { proxy_pass http://s; add_header X-Addr $upstream_addr always; }
    }
    server { listen 127.0.0.2:%BACKEND%; return 200 two; }
}";

#[test]
fn a_group_follows_the_name_of_its_server() {
    let dns = NameServer::start();
    dns.say("u.test", 1, &[a(1)]);
    let server = start(&dns, GROUP);
    wait_true("the first address", || {
        get(server.addr(), "/").text() == "one"
    });
    dns.say("u.test", 1, &[a(2)]);
    wait_true("the second address", || {
        get(server.addr(), "/").text() == "two"
    });
    dns.fail("u.test", 2);
    server.wait_error_log("u.test could not be resolved (2: Server failure)");
    assert_eq!(
        get(server.addr(), "/").text(),
        "two",
        "what was known stays"
    );
    server.reload(&format!("{GROUP} # again"));
    server.wait_error_log("old generation of worker process");
    assert_eq!(get(server.addr(), "/").text(), "two", "also over a reload");
    dns.fail("u.test", 3);
    wait_true("no address", || get(server.addr(), "/").status == 502);
}

#[test]
fn a_service_has_ports_and_backups_of_its_own() {
    let dns = NameServer::start();
    let server = start(&dns, GROUP);
    let backend = Upstream::answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nthree");
    let port = backend.addr().port();
    let srv = |priority, port| Record::Srv(priority, 1, port, "host.test".into());
    dns.say("host.test", 1, &[a(1)]);
    dns.say("_http._tcp.s.test", 1, &[srv(1, port)]);
    server.reload(&format!("{GROUP} # now"));
    wait_true("the service", || get(server.addr(), "/s").text() == "three");
    // Nobody listens at port 1; the server of the later priority answers instead.
    dns.say("_http._tcp.s.test", 1, &[srv(1, 1), srv(2, port)]);
    wait_true("its backup", || {
        let addrs = format!("127.0.0.1:1, 127.0.0.1:{port}");
        get(server.addr(), "/s").field("x-addr") == Some(&addrs)
    });
}

#[test]
fn resolve_needs_a_zone_and_a_resolver() {
    let says = |conf: &str| {
        let scratch = testkit::Scratch::new("resolve");
        scratch.write("nginx.conf", conf);
        let prefix = format!("{}/", scratch.path().display());
        let output = portway().run(&["-t", "-p", &prefix, "-c", "nginx.conf", "-e", "stderr"]);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let without = says("events {} http { upstream u { server a.test resolve; } }");
    let expected = "resolving names at run time requires upstream \"u\" to be in shared memory";
    assert!(without.contains(expected), "{without}");
    let without = says("events {} http { upstream u { zone u 64k; server a.test resolve; } }");
    let expected = "no resolver defined to resolve names at run time in upstream \"u\"";
    assert!(without.contains(expected), "{without}");
    for (parameters, expected) in [
        (
            "a.test service=http",
            "service upstream \"a.test\" requires \"resolve\" parameter",
        ),
        (
            "a.test:1 resolve service=http",
            "service upstream \"a.test:1\" may not have port",
        ),
        (
            "127.0.0.1 resolve service=http",
            "service upstream \"127.0.0.1\" requires domain name",
        ),
        ("a.test resolve service=", "service is empty"),
    ] {
        let conf = "events {} http { upstream u { zone u 64k; resolver 127.0.0.1; server %; } }";
        let said = says(&conf.replace('%', parameters));
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_desktop_that_a_request_names_is_looked_up_when_its_session_starts() {
    let (dns, desktop) = (NameServer::start(), VncServer::start(Look::default()));
    let conf = "events {} http { resolver %DNS%; server { listen 127.0.0.1:%PORT%;
        location /vm/ { vnc_pass $arg_name:%DESKTOP%; } } }";
    let server = Setup::new(conf)
        .with("DNS", dns.addr())
        .with("DESKTOP", desktop.addr().port())
        .start(&portway());
    dns.say("desk.test", 60, &[a(1)]);
    let mut socket = WebSocket::open(server.addr(), "/vm/ws?name=desk.test", "");
    assert_eq!(socket.recv_bytes(12), b"RFB 003.008\n");
    wait_true("a connection", || desktop.connections() == 1);
    let _other = WebSocket::open(server.addr(), "/vm/ws?name=none.test", "");
    server.wait_error_log("none.test could not be resolved (3: Host not found)");
}
