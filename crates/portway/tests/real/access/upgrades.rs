//! `auth_request` and certificates of clients in front of desktops: page, question and socket.

use testkit::vnc::{Look, VncServer};
use testkit::{Certs, Conn, Setup, Upstream, WebSocket, wait_true};

use super::{CONF, get, upgrade};
use crate::support::portway;

#[test]
fn a_service_lets_people_in_and_says_who_they_are() {
    let vnc = VncServer::start(Look::default());
    let service = Upstream::serving(|peer| {
        let head = peer.read_head().unwrap_or_default();
        let answer = match head.contains("X-Ticket: of-ann") {
            true => "HTTP/1.1 204 Yes\r\nX-Who: ann\r\n\r\n",
            false => "HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: Ticket\r\n\r\n",
        };
        peer.send(answer.as_bytes());
    });
    let inside = format!(
        "location = /ask {{ internal; proxy_pass http://{}; proxy_pass_request_body off; }}
         location /vm/ {{ auth_request /ask; auth_request_set $who $upstream_http_x_who;
             vnc_person $who; vnc_pass {}; }}
         location /sessions/ {{ vnc_status; }}",
        service.addr(),
        vnc.addr()
    );
    let server = Setup::new(CONF).with("INSIDE", inside).start(&portway());
    let ann = "X-Ticket: of-ann\r\n";
    for path in ["/vm/", "/vm/session"] {
        assert_eq!(get(&server, path, "").status, 401, "{path}");
        assert_eq!(get(&server, path, ann).status, 200, "{path}");
    }
    let told = get(&server, "/vm/session", ann).text();
    assert!(told.contains("\"user\":\"ann\""), "{told}");
    assert_eq!(upgrade(&server, "/vm/ws", ""), 401);
    let mut socket = WebSocket::open(server.addr(), "/vm/ws", ann);
    socket.recv_bytes(12);
    wait_true("the session is ann's", || {
        let list = get(&server, "/sessions/sessions.json", "").text();
        list.contains("\"user\":\"ann\"")
    });
}

#[test]
fn a_certificate_lets_in_and_says_who_it_is() {
    let vnc = VncServer::start(Look::default());
    let certs = Certs::default()
        .self_signed("ca")
        .self_signed("gateway")
        .signed("ann", "ca");
    let conf = "events { } http { access_log off;
        map $ssl_client_s_dn $who { ~CN=(?<name>[^,]+) $name; }
        server { listen 127.0.0.1:%PORT% ssl;
            ssl_certificate %CERTS%/gateway.crt; ssl_certificate_key %CERTS%/gateway.key;
            ssl_client_certificate %CERTS%/ca.crt; ssl_verify_client on; vnc_person $who;
            location / { vnc_pass %VNC%; } location /sessions/ { vnc_status; } } }";
    let server = Setup::new(conf)
        .with("CERTS", certs.dir().display())
        .with("VNC", vnc.addr())
        .start(&portway());
    let ask = |arguments: &[&str], path: &str| {
        let door = certs.door(server.addr(), arguments);
        let mut conn = Conn::open(door);
        conn.send(format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        ));
        conn.response()
    };
    let ann = ["-cert", "ann.crt", "-key", "ann.key"];
    assert_eq!(ask(&[], "/").status, 400);
    assert_eq!(ask(&[], "/session").status, 400);
    assert_eq!(ask(&ann, "/").status, 200);
    let told = ask(&ann, "/session").text();
    assert!(told.contains("\"user\":\"ann\""), "{told}");
    let refused = WebSocket::try_open(certs.door(server.addr(), &[]), "/ws", "");
    assert_eq!(refused.err().map(|answer| answer.status), Some(400));
    let mut socket = WebSocket::open(certs.door(server.addr(), &ann), "/ws", "");
    socket.recv_bytes(12);
    let list = ask(&ann, "/sessions/sessions.json").text();
    assert!(list.contains("\"user\":\"ann\""), "{list}");
}

#[test]
fn tokens_stay_out_of_logs_whoever_answers() {
    let inside = "location /limited/ { deny all; vnc_pass 127.0.0.1:1; }
        location /asked/ { auth_basic x; auth_basic_user_file %DIR%/none; vnc_pass 127.0.0.1:1; }
        location /rewritten/ { return 403; vnc_pass 127.0.0.1:1; }
        location /of/ { rewrite ^/of/(\\w+)/(.*)$ /moved/$2?vm=$1; }
        location /moved/ { internal; deny all; vnc_token_source file %DIR%/none;
            vnc_token $arg_vm; }";
    let server = Setup::new(CONF).with("INSIDE", inside).start(&portway());
    let link = "?token=first-secret&password=second-secret&path=ws%3Ftoken%3Dthird-secret";
    for folder in ["/limited", "/limited/", "/asked/", "/rewritten/"] {
        let path = format!("{folder}{link}");
        let referer = format!("Referer: http://x{path}\r\n");
        let basic = "Authorization: Basic YW5uOnB3\r\n";
        get(&server, &path, &format!("{referer}{basic}"));
    }
    get(&server, "/of/fourthsecret/session", "");
    wait_true("all are logged", || {
        server.files().read("access.log").lines().count() == 5
    });
    for log in [server.files().read("access.log"), server.error_log()] {
        assert!(!log.contains("secret"), "{log}");
    }
    assert!(
        server.error_log().contains("token="),
        "{}",
        server.error_log()
    );
}
