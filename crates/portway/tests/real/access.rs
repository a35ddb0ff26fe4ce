//! Who comes in: signed tokens, what services and certificates say, cookies after a password; in
//! front of pages, questions and WebSockets alike.

use std::time::Duration;

use testkit::{Response, Server, WebSocket};

mod jwt;
mod sign_in;
mod upgrades;

const CONF: &str = "events { } http {
    log_format all '$remote_addr|$remote_user|$request|$status|$args|$http_referer|$upstream_addr';
    access_log access.log all;
    server { listen 127.0.0.1:%PORT%; %INSIDE% } }";

/// Where tokens of the tests end.
const LATER: Duration = Duration::from_secs(3600);

fn request(server: &Server, method: &str, path: &str, fields: &str) -> Response {
    let mut conn = server.connect();
    let addr = server.addr();
    conn.send(format!(
        "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n{fields}\r\n"
    ));
    conn.response_to(method)
}

fn get(server: &Server, path: &str, fields: &str) -> Response {
    request(server, "GET", path, fields)
}

/// The status with which an upgrade is answered.
fn upgrade(server: &Server, path: &str, fields: &str) -> u16 {
    match WebSocket::try_open(server.addr(), path, fields) {
        Ok(_) => 101,
        Err(response) => response.status,
    }
}
