//! Names at run time in `proxy_pass` with variables.

use testkit::dns::Record;
use testkit::{Conn, NameServer, Response, Server, Setup, Upstream};

use crate::support::portway;

const CONF: &str = "events {} http {
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
    assert_eq!(ask(&server, "ONE.test").text(), "one");
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
