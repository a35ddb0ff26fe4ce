//! `set_real_ip_from` and what sees the address that a proxy names.

use testkit::{Server, Setup};

use crate::support::portway;

const CONF: &str = "events { } http { log_format who '$remote_addr';
    server { listen 127.0.0.1:%PORT%; access_log logs/access.log who;
        add_header X-Client $remote_addr:$remote_port always;
        add_header X-Peer $realip_remote_addr always;
        add_header X-Peer-Port $realip_remote_port always;
        set_real_ip_from 127.0.0.1;
        location / { return 204; }
        location /forwarded { real_ip_header X-Forwarded-For; root html; try_files /f =404; }
        location /recursive { real_ip_header X-Forwarded-For; real_ip_recursive on;
            set_real_ip_from 127.0.0.1; set_real_ip_from 10.0.0.0/8; root html; try_files /f =404; }
        location /any { real_ip_header X-Who; root html; try_files /f =404; }
        location /nobody { set_real_ip_from unix:; real_ip_header X-Who; root html; try_files /f =404; }
        location /by-name { set_real_ip_from localhost; real_ip_header X-Who; root html; try_files /f =404; }
        location /guarded { deny 192.0.2.9; allow all; root html; try_files /f =404; }
    } }";

fn start() -> Server {
    Setup::new(CONF).file("html/f", "file").start(&portway())
}

fn client(server: &Server, path: &str, fields: &str) -> String {
    let answer = server.connect().get(path, fields);
    assert_eq!(answer.field("x-peer"), Some("127.0.0.1"));
    assert!(answer.field("x-peer-port").is_some_and(|port| port != "0"));
    answer.field("x-client").unwrap_or_default().to_owned()
}

#[test]
fn what_a_trusted_proxy_says_becomes_the_client() {
    let server = start();
    let ask = |path: &str, fields: &str| client(&server, path, fields);
    assert_eq!(ask("/", "X-Real-IP: 192.0.2.1\r\n"), "192.0.2.1:");
    assert_eq!(ask("/", "X-Real-IP: 192.0.2.1:99\r\n"), "192.0.2.1:99");
    assert_eq!(ask("/", "X-Real-IP: [2001:db8::1]:5\r\n"), "2001:db8::1:5");
    assert!(ask("/", "X-Real-IP: nobody\r\n").starts_with("127.0.0.1:"));
    let two = "X-Forwarded-For: 192.0.2.1, 192.0.2.2\r\nX-Forwarded-For: 10.0.0.1\r\n";
    assert_eq!(ask("/forwarded", two), "10.0.0.1:");
    assert_eq!(ask("/recursive", two), "192.0.2.2:");
    assert_eq!(ask("/any", "x-who: 192.0.2.3\r\n"), "192.0.2.3:");
    assert_eq!(ask("/by-name", "X-Who: 192.0.2.3\r\n"), "192.0.2.3:");
    assert!(ask("/nobody", "X-Who: 192.0.2.3\r\n").starts_with("127.0.0.1:"));
}

#[test]
fn rules_and_logs_are_about_the_client_and_the_next_request_starts_again() {
    let server = start();
    let mut conn = server.connect();
    let denied = conn.get("/guarded", "X-Real-IP: 192.0.2.9\r\n");
    assert_eq!(denied.status, 403);
    server.wait_error_log("access forbidden by rule, client: 192.0.2.9,");
    let next = conn.get("/guarded", "");
    assert_eq!(next.status, 200);
    assert!(
        next.field("x-client")
            .is_some_and(|client| client.starts_with("127.0.0.1:"))
    );
    testkit::wait_true("both are in the log", || {
        server.files().read("logs/access.log") == "192.0.2.9\n127.0.0.1\n"
    });
}
