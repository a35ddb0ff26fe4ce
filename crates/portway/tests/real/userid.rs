//! The cookie that browsers are known by.

use testkit::{Server, Setup};

use crate::support::portway;

const CONF: &str = r#"
worker_processes 1; events { }
http {
    log_format uid "$uri got=$uid_got set=$uid_set";
    access_log %DIR%/uid.log uid;
    map $arg_reset $uid_reset { default $arg_reset; }
    server {
        listen 127.0.0.1:%PORT%;
        userid on;
        location / { return 200; }
        location /all {
            userid_name who; userid_domain example.com; userid_path /all; userid_expires max;
            userid_flags secure httponly samesite=lax; userid_p3p "policyref=x"; userid_service 258;
            userid_mark Z;
            return 200;
        }
        location /v1 { userid v1; userid_expires 1d; return 200; }
        location /log { userid log; return 200; }
        location /off { userid off; return 200; }
    }
}"#;

fn start() -> Server {
    Setup::new(CONF).start(&portway())
}

fn cookie(server: &Server, path: &str, fields: &str) -> Option<String> {
    let response = server.connect().get(path, fields);
    response.field("Set-Cookie").map(str::to_owned)
}

/// The cookie without its attributes.
fn value(cookie: &str) -> &str {
    cookie.split(';').next().unwrap_or_default()
}

#[test]
fn a_browser_gets_a_cookie_once() {
    let server = start();
    let first = cookie(&server, "/", "").expect("a cookie");
    assert!(
        first.starts_with("uid=") && first.ends_with("==; path=/"),
        "{first}"
    );
    let second = cookie(&server, "/", "").expect("a cookie");
    assert_ne!(first, second);
    let fields = format!("Cookie: a=b; {}\r\n", value(&first));
    assert_eq!(cookie(&server, "/", &fields), None);
    assert_eq!(cookie(&server, "/off", ""), None);
    assert_eq!(cookie(&server, "/log", ""), None);
    server.connect().get("/log", &fields);
    let log = testkit::wait_for("the log", || {
        let log = server.files().read("uid.log");
        log.contains("/log got=uid=").then_some(log)
    });
    let line = |beginning: &str| {
        let line = log.lines().find(|line| line.starts_with(beginning));
        line.unwrap_or_else(|| panic!("{beginning}: {log}"))
            .to_owned()
    };
    let sent = line("/ got=- set=uid=0100007F").replace("/ got=- set=", "");
    assert_eq!(line("/log got=uid="), format!("/log got={sent} set=-"));
}

#[test]
fn a_cookie_has_what_was_said_about_it() {
    let server = start();
    let response = server.connect().get("/all", "");
    let sent = response.field("Set-Cookie").expect("a cookie");
    assert!(
        sent.starts_with("who=AQIAAA") || sent.starts_with("who=AAAB"),
        "{sent}"
    );
    let expected = "Z=; expires=Thu, 31-Dec-37 23:55:55 GMT; domain=example.com; path=/all; \
                    secure; httponly; samesite=lax";
    assert!(sent.ends_with(expected), "{sent}");
    assert_eq!(response.field("P3P"), Some("policyref=x"));
    // Without the mark it is sent again, with its value.
    let unmarked = value(sent).replace("Z=", "==");
    let again = cookie(&server, "/all", &format!("Cookie: {unmarked}\r\n"));
    assert_eq!(again.as_deref(), Some(sent));
    let marked = format!("Cookie: {}\r\n", value(sent));
    assert_eq!(cookie(&server, "/all", &marked), None);
    let v1 = cookie(&server, "/v1", "").expect("a cookie");
    assert!(
        v1.starts_with("uid=AAAAA") && v1.contains("; expires="),
        "{v1}"
    );
}

#[test]
fn a_cookie_can_be_reset_and_nonsense_is_told() {
    let server = start();
    let first = cookie(&server, "/", "").expect("a cookie");
    let fields = format!("Cookie: {}\r\n", value(&first));
    assert_eq!(cookie(&server, "/?reset=0", &fields), None);
    let new = cookie(&server, "/?reset=1", &fields).expect("another cookie");
    assert_ne!(new, first);
    assert!(cookie(&server, "/?reset=log", &fields).is_some());
    assert!(cookie(&server, "/", "Cookie: uid=short\r\n").is_some());
    let nonsense = "Cookie: uid=!!!!!!!!!!!!!!!!!!!!!!!!\r\n";
    assert!(cookie(&server, "/", nonsense).is_some());
    server.wait_error_log("client sent too short userid cookie \"uid=short\"");
    server.wait_error_log("client sent invalid userid cookie");
}
