//! Cookies after a right password, and the form in place of the browser's dialog.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use testkit::vnc::{Look, VncServer};
use testkit::{Response, Server, Setup, WebSocket, wait_for, wait_true};

use super::{CONF, get, upgrade};
use crate::support::portway;

const ANN: &str = "Authorization: Basic YW5uOnB3\r\n";
/// ann's password is "pw", bob's is "other", which is stored as bcrypt does.
const USERS: &str = "ann:{PLAIN}pw\n\
                     bob:$2y$05$m53LZmfNWdj33VRhFrnl8uD7REqZCsituNO3uwEUUIQ7IqsYDnxXu\n";

/// Starts a gateway with `%VNC%` for a machine.
fn start(vnc: &VncServer, inside: &str) -> Server {
    Setup::new(CONF)
        .with("INSIDE", inside.replace("%VNC%", &vnc.addr().to_string()))
        .file("users", USERS)
        .file("others", "ann:{PLAIN}pw\n")
        .start(&portway())
}

const DESKTOPS: &str = "auth_basic Desktops; auth_basic_user_file %DIR%/users;
    location /vm/ { vnc_pass %VNC%; }
    location /sessions/ { vnc_status; }
    location /files/ { alias %DIR%/; }
    location /other/ { auth_basic Others; vnc_pass %VNC%; }
    location /same/ { auth_basic_user_file %DIR%/others; vnc_pass %VNC%; }
    location /off/ { auth_basic_cookie off; vnc_pass %VNC%; }
    location /on/ { auth_basic_cookie on; alias %DIR%/; }";

/// `Cookie` with what an answer sets.
fn cookie(answer: &Response) -> String {
    let set = answer.field("set-cookie").expect("a cookie is set");
    let pair = set.split(';').next().unwrap_or_default();
    format!("Cookie: a=b; {pair}\r\n")
}

#[test]
fn a_right_password_is_answered_with_a_cookie_that_opens_pages_and_sockets() {
    let vnc = VncServer::start(Look::default());
    let server = start(&vnc, DESKTOPS);
    let page = get(&server, "/vm/", ANN);
    assert_eq!(page.status, 200);
    let set = page.field("set-cookie").expect("a cookie").to_owned();
    for attribute in ["; HttpOnly", "; SameSite=Strict", "; Max-Age=43200"] {
        assert!(set.contains(attribute), "{set}");
    }
    assert!(!set.contains("Path") && !set.contains("Secure"), "{set}");
    let cookie = cookie(&page);
    for path in ["/vm/", "/sessions/", "/sessions/sessions.json"] {
        let answer = get(&server, path, &cookie);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.field("set-cookie"), None, "{path}");
    }
    let told = get(&server, "/vm/session", &cookie).text();
    assert!(told.contains("\"user\":\"ann\""), "{told}");
    assert_eq!(upgrade(&server, "/vm/websockify", ""), 401);
    let mut socket = WebSocket::open(server.addr(), "/vm/websockify", &cookie);
    socket.recv_bytes(12);
    wait_true("the session is ann's", || {
        let list = get(&server, "/sessions/sessions.json", &cookie).text();
        list.matches("\"user\":\"ann\"").count() >= 2
    });
    // Whoever sends both is not given another one.
    assert_eq!(
        get(&server, "/vm/", &format!("{ANN}{cookie}")).field("set-cookie"),
        None
    );
    // A file that proxies may keep has no cookie with it.
    let asset = page.text();
    let asset = asset.split('"').find(|text| text.starts_with("assets/"));
    let asset = get(&server, &format!("/vm/{}", asset.expect("a file")), ANN);
    assert_eq!((asset.status, asset.field("set-cookie")), (200, None));
    let log = server.files().read("access.log") + &server.error_log();
    assert!(!log.contains(cookie.trim_start_matches("Cookie: a=b; ").trim()));
}

#[test]
fn a_cookie_is_for_one_realm_one_file_and_one_password() {
    let vnc = VncServer::start(Look::default());
    let server = start(&vnc, DESKTOPS);
    let page = get(&server, "/vm/", ANN);
    let good = cookie(&page);
    for (path, status) in [
        ("/vm/", 200),
        ("/other/", 401),
        ("/same/", 401),
        ("/off/", 401),
        // Elsewhere only where it is asked for.
        ("/files/users", 401),
        ("/on/users", 200),
    ] {
        assert_eq!(get(&server, path, &good).status, status, "{path}");
    }
    for path in ["/off/", "/files/users"] {
        assert_eq!(get(&server, path, ANN).field("set-cookie"), None, "{path}");
    }
    assert!(get(&server, "/on/users", ANN).field("set-cookie").is_some());

    let value = good
        .trim_end()
        .rsplit('=')
        .next()
        .expect("a value")
        .to_owned();
    let parts: Vec<_> = value.split('.').collect();
    let [user, until, proof] = parts[..] else {
        panic!("{value}")
    };
    let later = until.parse::<u64>().expect("seconds") + 1;
    for wrong in [
        format!("Ym9i.{until}.{proof}"),
        format!("{user}.{later}.{proof}"),
        format!("{user}.{until}."),
        format!("{user}.{until}.{}A", &proof[..proof.len() - 1]),
        format!("{user}.{until}.{proof}.{proof}"),
        format!("{user}.1.{proof}"),
        String::new(),
    ] {
        let cookie = good.replace(&value, &wrong);
        let expected = if wrong == value { 200 } else { 401 };
        assert_eq!(get(&server, "/vm/", &cookie).status, expected, "{wrong}");
    }
    // A browser may send several of this name.
    let name = good.trim_start_matches("Cookie: a=b; ").split('=').next();
    let name = name.expect("a name");
    let several = format!("Cookie: {name}=old.1.x; {name}={value}\r\n");
    assert_eq!(get(&server, "/vm/", &several).status, 200);

    server
        .files()
        .write("users", USERS.replace("{PLAIN}pw", "{PLAIN}new"));
    assert_eq!(
        get(&server, "/vm/", &good).status,
        401,
        "the password changed"
    );
    server.files().write("users", USERS);
    assert_eq!(get(&server, "/vm/", &good).status, 200);
    server.files().write("users", "bob:{PLAIN}x\n");
    assert_eq!(get(&server, "/vm/", &good).status, 401, "the user is gone");
}

#[test]
fn cookies_outlive_reloads_and_workers_and_with_a_key_file_the_program() {
    let vnc = VncServer::start(Look::default());
    let server = start(&vnc, DESKTOPS);
    let good = cookie(&get(&server, "/vm/", ANN));
    let conf = server.files().read("nginx.conf");
    server.reload(&conf.replacen(
        "location /vm/",
        "location = /new { auth_basic off; return 204; } location /vm/",
        1,
    ));
    wait_true("the reload", || get(&server, "/new", "").status == 204);
    assert_eq!(get(&server, "/vm/", &good).status, 200);

    // A worker that died is replaced; the key is the master's.
    let inside = DESKTOPS.replace("%VNC%", &vnc.addr().to_string());
    let conf = CONF.replacen("events", "master_process on; events", 1);
    let server = Setup::new(&conf)
        .with("INSIDE", &inside)
        .file("users", USERS)
        .start(&portway());
    let good = cookie(&get(&server, "/vm/", ANN));
    let master = server.pid();
    let children = format!("/proc/{master}/task/{master}/children");
    let worker = || std::fs::read_to_string(&children).unwrap_or_default();
    let first = worker();
    let pid: i32 = first.trim().parse().expect("one worker");
    let pid = rustix::process::Pid::from_raw(pid).expect("a process");
    rustix::process::kill_process(pid, Signal::KILL).expect("it lives");
    wait_true("another worker", || {
        !worker().is_empty() && worker() != first
    });
    let status = wait_for("an answer", || {
        let mut conn = std::net::TcpStream::connect(server.addr()).ok()?;
        use std::io::{Read as _, Write as _};
        let head = format!("GET /vm/ HTTP/1.0\r\nHost: a\r\n{good}\r\n");
        conn.write_all(head.as_bytes()).ok()?;
        let mut answer = String::new();
        let _ = conn.read_to_string(&mut answer);
        answer.get(9..12).map(str::to_owned)
    });
    assert_eq!(status, "200");
}

#[test]
fn with_a_key_in_a_file_cookies_outlive_the_program() {
    let vnc = VncServer::start(Look::default());
    let key = testkit::Scratch::new("key");
    let file = key.write("key", "0123456789abcdef0123456789abcdef");
    let users = key.write("users", USERS);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("a mode");
    let inside = format!(
        "location / {{ auth_basic x; auth_basic_user_file {}; auth_basic_cookie_key {};
            vnc_pass {}; }}",
        users.display(),
        file.display(),
        vnc.addr()
    );
    let start = || Setup::new(CONF).with("INSIDE", &inside).start(&portway());
    let good = cookie(&get(&start(), "/", ANN));
    assert_eq!(get(&start(), "/", &good).status, 200);
    key.write("key", "another0123456789abcdef0123456789");
    assert_eq!(get(&start(), "/", &good).status, 401);

    for (mode, text, message) in [
        (0o644, "x".repeat(32), "the key is open to everybody"),
        (0o640, "x".repeat(31), "the key is shorter than 32 bytes"),
    ] {
        key.write("key", text);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("a mode");
        let conf = format!(
            "events {{ }} http {{ auth_basic_cookie_key {}; }}",
            file.display()
        );
        let conf = key.write("nginx.conf", conf);
        let output = portway().run(&["-t", "-c", &conf.display().to_string()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(message), "{said}");
    }
}

#[test]
fn a_cookie_ends_with_its_time() {
    let vnc = VncServer::start(Look::default());
    let inside = "location / { auth_basic x; auth_basic_user_file %DIR%/users;
        auth_basic_cookie auto 2s; vnc_pass %VNC%; }";
    let server = start(&vnc, inside);
    let good = cookie(&get(&server, "/", ANN));
    assert_eq!(get(&server, "/", &good).status, 200);
    let begin = Instant::now();
    wait_true("its end", || get(&server, "/", &good).status == 401);
    assert!(begin.elapsed() < Duration::from_secs(4));
}

const LOGIN: &str = "auth_basic Desktops; auth_basic_user_file %DIR%/users;
    vnc_login on attempts=3 time=1h;
    location /vm/ { vnc_pass %VNC%; }
    location /sessions/ { vnc_status; }
    location /files/ { alias %DIR%/; }
    location /denied/ { deny all; vnc_pass %VNC%; }";

const HTML: &str = "Accept: text/html,application/xhtml+xml\r\n";

fn post(server: &Server, path: &str, form: &str, fields: &str) -> Response {
    let mut conn = server.connect();
    let (addr, length) = (server.addr(), form.len());
    conn.send(format!(
        "POST {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\nContent-Length: {length}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n{fields}\r\n{form}"
    ));
    conn.response()
}

#[test]
fn a_form_stands_where_a_page_was_asked_for_and_lets_in() {
    let vnc = VncServer::start(Look::default());
    let server = start(&vnc, LOGIN);
    let page = get(&server, "/vm/?token=abc", HTML);
    assert_eq!(page.status, 401);
    assert!(
        page.text().contains("<title>Sign in</title>"),
        "{}",
        page.text()
    );
    assert_eq!(page.field("www-authenticate"), Some("Form"), "no dialog");
    assert_eq!(page.field("cache-control"), Some("no-store"));
    assert!(page.field("content-security-policy").is_some());
    assert_eq!(page.field("etag"), None);
    let text = page.text();
    let asset = text.split('"').find(|text| text.starts_with("assets/"));
    let asset = asset.expect("a file of the page");
    for folder in ["/vm/", "/vm/deep/", "/sessions/"] {
        assert_eq!(
            get(&server, &format!("{folder}{asset}"), "").status,
            200,
            "{folder}"
        );
    }
    let slash = get(&server, "/vm?token=abc", HTML);
    assert_eq!(slash.status, 301);
    // What is no page gets no page, and no dialog.
    for path in ["/vm/session", "/vm/", "/sessions/sessions.json"] {
        let answer = get(&server, path, "Accept: */*\r\n");
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.text(), "{\"error\":\"Sign in first.\"}");
        assert_eq!(answer.field("www-authenticate"), Some("Form"));
    }
    assert_eq!(upgrade(&server, "/vm/ws", ""), 401);
    // Files elsewhere are asked for with the dialog, as ever.
    let files = get(&server, "/files/users", HTML);
    assert_eq!(
        files.field("www-authenticate"),
        Some("Basic realm=\"Desktops\"")
    );
}

#[test]
fn who_signed_in_by_the_form_may_sign_out_by_it() {
    let vnc = VncServer::start(Look::default());
    let server = start(&vnc, LOGIN);
    let wrong = post(&server, "/vm/login", "user=ann&password=no", "");
    assert_eq!(wrong.status, 401);
    assert!(wrong.text().contains("\"error\""), "{}", wrong.text());
    assert_eq!(wrong.field("set-cookie"), None);
    let right = post(&server, "/vm/login", "user=ann&password=p%77", "");
    assert_eq!(right.status, 204);
    let cookie = cookie(&right);
    assert_eq!(
        get(&server, "/vm/?token=abc", &format!("{HTML}{cookie}")).status,
        200
    );
    assert_eq!(upgrade(&server, "/vm/ws", &cookie), 101);
    for path in ["/sessions/sessions.json", "/vm/session"] {
        let told = get(&server, path, &cookie).text();
        assert!(told.contains("\"sign_out\":true"), "{path}: {told}");
    }
    let by_password = get(&server, "/sessions/sessions.json", ANN).text();
    assert!(by_password.contains("\"sign_out\":false"), "{by_password}");

    let out = post(&server, "/vm/logout", "", &cookie);
    assert_eq!(out.status, 204);
    let taken: Vec<_> = out.all("set-cookie");
    assert!(
        taken.len() >= 2 && taken.iter().all(|set| set.contains("Max-Age=0")),
        "{taken:?}"
    );
    assert!(
        taken.iter().any(|set| set.contains("Path=/vm;")),
        "{taken:?}"
    );
    // bcrypt is computed elsewhere, and lets in all the same.
    assert_eq!(
        post(&server, "/vm/login", "user=bob&password=other", "").status,
        204
    );
}

#[test]
fn a_form_of_another_site_signs_nobody_in_or_out() {
    let vnc = VncServer::start(Look::default());
    let server = start(&vnc, LOGIN);
    let form = "user=ann&password=pw";
    for foreign in [
        "Origin: http://evil.example\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
    ] {
        for path in ["/vm/login", "/vm/logout"] {
            let answer = post(&server, path, form, foreign);
            assert_eq!(answer.status, 403, "{path} {foreign}");
            assert_eq!(answer.field("set-cookie"), None);
        }
    }
    assert_eq!(post(&server, "/denied/login", form, "").status, 403);
    let long = format!("{form}&x={}", "x".repeat(5000));
    assert_eq!(post(&server, "/vm/login", &long, "").status, 413);
    let same = format!("Origin: http://{}\r\n", server.addr());
    assert_eq!(post(&server, "/vm/login", form, &same).status, 204);
}

#[test]
fn there_are_only_so_many_attempts() {
    let vnc = VncServer::start(Look::default());
    let server = start(&vnc, LOGIN);
    for name in ["ann", "nobody"] {
        let form = format!("user={name}&password=no");
        let statuses: Vec<_> = (0..4)
            .map(|_| post(&server, "/vm/login", &form, "").status)
            .collect();
        assert_eq!(
            statuses,
            [401, 401, 401, 429],
            "{name}: who exists is not told"
        );
    }
    let right = post(&server, "/vm/login", "user=ann&password=pw", "");
    assert_eq!(right.status, 429, "not even with the right one");
    let wait: u64 = right
        .field("retry-after")
        .and_then(|wait| wait.parse().ok())
        .expect("seconds");
    assert!((3500..=3600).contains(&wait), "{wait}");
    assert!(right.text().contains("too many"), "{}", right.text());
    assert_eq!(
        post(&server, "/vm/login", "user=bob&password=other", "").status,
        204
    );
    server.wait_error_log("user \"ann\" has tried too often to sign in");
    assert!(!server.error_log().contains("password=no"));
}

/// ann with a wrong password, and bob with the right one.
const WRONG: &str = "Authorization: Basic YW5uOm5v\r\n";
const BOB: &str = "Authorization: Basic Ym9iOm90aGVy\r\n";

#[test]
fn passwords_in_a_field_count_like_those_of_the_form() {
    let vnc = VncServer::start(Look::default());
    let server = start(&vnc, LOGIN);
    assert_eq!(get(&server, "/vm/session", WRONG).status, 401);
    let form = "user=ann&password=no";
    assert_eq!(post(&server, "/vm/login", form, "").status, 401);
    assert_eq!(upgrade(&server, "/vm/ws", WRONG), 401);
    for fields in [WRONG, ANN] {
        let refused = get(&server, "/vm/session", fields);
        assert_eq!(refused.status, 429, "not even with the right one");
        let wait = refused.field("retry-after").map(str::parse::<u64>);
        let wait = wait.and_then(Result::ok).expect("seconds");
        assert!((3500..=3600).contains(&wait), "{wait}");
        assert!(refused.text().contains("too many"), "{}", refused.text());
        assert_eq!(upgrade(&server, "/vm/ws", fields), 429);
    }
    let right = "user=ann&password=pw";
    assert_eq!(post(&server, "/vm/login", right, "").status, 429);
    server.wait_error_log("user \"ann\" has tried too often to sign in");
    // Others have tries, and what is no place of desktops counts none.
    assert_eq!(get(&server, "/vm/session", BOB).status, 200);
    assert_eq!(get(&server, "/files/users", ANN).status, 200);
    assert_eq!(get(&server, "/files/users", WRONG).status, 401);
}

#[test]
fn many_requests_with_the_right_password_are_no_attempts() {
    let vnc = VncServer::start(Look::default());
    let server = start(&vnc, LOGIN);
    std::thread::scope(|scope| {
        let ask = || get(&server, "/vm/session", BOB).status;
        let asked: Vec<_> = (0..12).map(|_| scope.spawn(ask)).collect();
        for status in asked {
            assert_eq!(status.join().expect("no panic"), 200);
        }
    });
}

#[test]
fn an_old_password_keeps_nobody_out_whom_others_let_in() {
    let vnc = VncServer::start(Look::default());
    let inside = "satisfy any; deny all; auth_basic x; auth_basic_user_file %DIR%/users;
        vnc_login on attempts=2; auth_request /ask; location = /ask { allow all; return 204; }
        location / { vnc_pass %VNC%; }";
    let server = start(&vnc, inside);
    for _ in 0..5 {
        let answer = get(&server, "/session", WRONG);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.field("retry-after"), None);
    }
    let conf = server.files().read("nginx.conf");
    server.reload(&conf.replace("return 204", "return 403"));
    wait_true("the reload", || {
        get(&server, "/session", WRONG).status == 429
    });
}

#[test]
fn a_login_beside_other_ways_lets_those_in_as_well() {
    let vnc = VncServer::start(Look::default());
    let inside = "satisfy any; allow 127.0.0.1; deny all; auth_basic x;
        auth_basic_user_file %DIR%/users; vnc_login on; location / { vnc_pass %VNC%; }";
    let server = start(&vnc, inside);
    assert_eq!(get(&server, "/", HTML).status, 200);
    let inside = inside.replace("allow 127.0.0.1;", "");
    let server = start(&vnc, &inside);
    assert!(get(&server, "/", HTML).text().contains("Sign in"));
    assert_eq!(
        post(&server, "/login", "user=ann&password=pw", "").status,
        204
    );
}
