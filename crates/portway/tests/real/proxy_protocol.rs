//! `listen … proxy_protocol`.

use testkit::{Server, Setup};

use crate::support::portway;

const CONF: &str = "events { } http { access_log off; client_header_timeout 1s;
    server { listen 127.0.0.1:%PORT%; return 200 up; }
    server { listen 127.0.0.1:%PORT1% proxy_protocol;
        set_real_ip_from 127.0.0.1; real_ip_header proxy_protocol;
        return 200 '$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port $remote_addr $remote_port [$proxy_protocol_tlv_authority] [$proxy_protocol_tlv_0x05] [$proxy_protocol_tlv_ssl_verify]';
    } }";

const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

fn start() -> Server {
    Setup::new(CONF).start(&portway())
}

fn ask(server: &Server, parts: &[&[u8]]) -> String {
    let mut conn = testkit::Conn::open(server.addr_of("PORT1"));
    conn.send_split(parts);
    conn.response().text()
}

#[test]
fn a_line_before_the_request_names_the_client() {
    let server = start();
    let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n";
    let said = "192.0.2.1 1234 192.0.2.2 80 192.0.2.1 1234 [] [] []";
    assert_eq!(ask(&server, &[&[line, ASK].concat()]), said);
    assert_eq!(ask(&server, &[&line[..9], &line[9..], ASK]), said);
    let unknown = ask(&server, &[b"PROXY UNKNOWN\r\n", ASK]);
    assert!(unknown.starts_with("    127.0.0.1 "), "{unknown}");
}

#[test]
fn version_two_brings_values_too() {
    let server = start();
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x21".to_vec();
    header.extend([192, 0, 2, 1, 192, 0, 2, 2, 4, 210, 0, 80]);
    header.extend(b"\x02\0\x04name\x05\0\x03abc\x20\0\x05\x01\0\0\0\x07");
    let said = "192.0.2.1 1234 192.0.2.2 80 192.0.2.1 1234 [name] [abc] [7]";
    assert_eq!(ask(&server, &[&header, ASK]), said);
}

#[test]
fn what_is_no_header_ends_the_connection() {
    let server = start();
    let mut conn = testkit::Conn::open(server.addr_of("PORT1"));
    conn.send(ASK);
    assert_eq!(conn.read_to_end(), b"");
    server.wait_error_log(
        "broken header: \"GET / HTTP/1.1\" while reading PROXY protocol, client: 127.0.0.1",
    );
    let mut silent = testkit::Conn::open(server.addr_of("PORT1"));
    silent.send("PROXY ");
    assert_eq!(silent.read_to_end(), b"");
    server.wait_error_log("client timed out while reading PROXY protocol");
}
