//! Many entries: the right one of thousands answers, in nginx's order, with its captures.

use std::fmt::Write as _;

use testkit::{Conn, Response, Server, Setup};

use crate::support::portway;

const COUNT: usize = 3_000;

fn start(inside: &str) -> Server {
    let conf = format!("events {{ }} http {{ {inside} }}");
    Setup::new(&conf).start(&portway())
}

fn ask(server: &Server, host: &str, path: &str) -> Response {
    let mut conn = Conn::open(server.addr());
    conn.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    conn.response()
}

#[test]
fn of_thousands_of_servers_the_named_one_answers() {
    let mut conf = String::from("server { listen 127.0.0.1:%PORT%; return 200 default; }");
    for n in 0..COUNT {
        let _ = write!(
            conf,
            "server {{ listen 127.0.0.1:%PORT%; server_name h{n}.example *.w{n}.example t{n}.*
            ~^(?<who>[a-z]+)\\.r{n}\\.example$; return 200 \"{n} $who\"; }}"
        );
    }
    let server = start(&conf);
    for (host, wanted) in [
        ("h0.example", "0 "),
        ("H2999.Example", "2999 "),
        ("a.b.w1234.example", "1234 "),
        ("t77.anything", "77 "),
        ("somebody.r2998.example", "2998 somebody"),
        ("some1.r2998.example", "default"),
        ("h3000.example", "default"),
    ] {
        assert_eq!(ask(&server, host, "/").text(), wanted, "{host}");
    }
}

#[test]
fn of_thousands_of_expressions_the_first_that_matches_wins() {
    let mut conf =
        String::from("server { listen 127.0.0.1:%PORT%; location / { return 200 none; }");
    for n in 0..COUNT {
        let _ = write!(
            conf,
            "location ~ ^/item{n}/(?<rest>.*)$ {{ return 200 \"{n} $rest $1\"; }}"
        );
    }
    // Behind all others: one without any text that it demands, and ones that come too late.
    conf += "location ~ ^/[0-9]+$ { return 200 number; }
        location ~* /ITEM7/ { return 200 late; }
        location ~* \\.(gif|png)$ { return 200 $1; }
        location ~ ^/item { return 200 other; }
        location ^~ /item5/x { return 200 prefix; } }";
    let server = start(&conf);
    for (path, wanted) in [
        ("/item2999/a/b", "2999 a/b a/b"),
        ("/item7/late", "7 late late"),
        ("/x/Item7/", "late"),
        ("/item5/xy", "prefix"),
        ("/item3000/", "other"),
        ("/123", "number"),
        ("/a.PNG", "PNG"),
        ("/a.PN", "none"),
    ] {
        assert_eq!(ask(&server, "h", path).text(), wanted, "{path}");
    }
}

#[test]
fn of_thousands_of_values_the_map_s_order_decides() {
    let mut conf = String::from("map $uri $value { default none;");
    for n in 0..COUNT {
        let _ = write!(
            conf,
            "/exact{n} e{n}; ~^/r{n}/(?<tail>.+) \"r{n} $tail $1\";"
        );
    }
    conf += "~/r1/ late; ~*^/R\\d+/$ \"no tail\"; }
        server { listen 127.0.0.1:%PORT%; return 200 $value; }";
    let server = start(&conf);
    for (path, wanted) in [
        ("/exact2999", "e2999"),
        ("/r2999/x", "r2999 x x"),
        ("/r1/x", "r1 x x"),
        ("/a/r1/x", "late"),
        ("/R12/", "no tail"),
        ("/r", "none"),
    ] {
        assert_eq!(ask(&server, "h", path).text(), wanted, "{path}");
    }
}
