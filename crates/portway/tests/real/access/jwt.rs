//! `auth_jwt`: signed tokens in front of files, proxies and desktops.

use testkit::jwt::{SECRET, base64url, seconds_in, signed, signed_as};
use testkit::vnc::{Look, VncServer};
use testkit::{Server, Setup, Upstream, WebSocket, wait_true};

use super::{CONF, LATER, get, request, upgrade};
use crate::support::portway;

fn start(inside: &str) -> Server {
    Setup::new(CONF)
        .with("INSIDE", inside)
        .file("keys", SECRET)
        .file("users", "ann:{PLAIN}pw\n")
        .start(&portway())
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

fn good(claims: &str) -> String {
    let end = seconds_in(LATER);
    signed(&format!("{{\"exp\":{end},{claims}}}"))
}

#[test]
fn a_signed_token_lets_in_and_says_who_it_is() {
    let inside = "auth_jwt \"the lab\"; auth_jwt_key_file %DIR%/keys;
        location = /who { return 200 \"$remote_user|$jwt_claim_sub|$jwt_claim_roles|$jwt_claim_n|$jwt_claim_x|$jwt_header_alg|$jwt_payload\"; }
        location /files/ { add_header X-Who $jwt_claim_sub; alias %DIR%/; }
        location /open { auth_jwt off; return 204; }";
    let server = start(inside);
    let token = good("\"sub\":\"ann\",\"roles\":[\"a\",\"b\"],\"n\":1.5");
    let answer = get(&server, "/files/users", &bearer(&token));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.field("x-who"), Some("ann"));
    assert_eq!(get(&server, "/open", "").status, 204);

    let none = get(&server, "/files/users", "");
    assert_eq!(none.status, 401);
    let asks = none.field("www-authenticate");
    assert_eq!(asks, Some("Bearer realm=\"the lab\""));
    let now = seconds_in(LATER);
    for (token, why) in [
        (signed("{\"exp\":1000,\"sub\":\"ann\"}"), "it has expired"),
        (signed(&format!("{{\"nbf\":{now}}}")), "it is not valid yet"),
        (format!("{token}AAAA"), "its signature is wrong"),
        (
            signed_as("{\"alg\":\"none\"}", "{}"),
            "its algorithm is not supported",
        ),
        (
            signed_as("{\"alg\":\"RS256\"}", "{}"),
            "there is no key for it",
        ),
        (
            signed_as("{\"alg\":\"HS256\",\"crit\":[\"x\"]}", "{}"),
            "it asks for extensions that are not known",
        ),
        ("e30.e30.e30.e30.e30".to_owned(), "it is encrypted"),
        ("nonsense".to_owned(), "it is no signed JWT"),
    ] {
        let answer = get(&server, "/files/users", &bearer(&token));
        assert_eq!(answer.status, 401, "{why}");
        let asks = answer
            .field("www-authenticate")
            .unwrap_or_default()
            .to_owned();
        assert!(asks.ends_with("error=\"invalid_token\""), "{asks}");
        server.wait_error_log(&format!("JWT refused: {why}"));
    }
    let basic = get(&server, "/files/users", "Authorization: Basic YW5uOnB3\r\n");
    assert_eq!(basic.status, 401);
    wait_true("the user is logged", || {
        server
            .files()
            .read("access.log")
            .contains("|ann|GET /files/users")
    });
    assert!(!server.error_log().contains(&token));
}

#[test]
fn claims_are_variables_of_what_is_passed_on() {
    let upstream = Upstream::answering(b"HTTP/1.1 204 No Content\r\n\r\n");
    let inside = format!(
        "location / {{ auth_jwt x token=$cookie_auth; auth_jwt_key_file %DIR%/keys;
            proxy_set_header X-All \"$jwt_claim_sub|$jwt_claim_roles|$jwt_claim_n|$jwt_claim_on|$jwt_claim_none|$jwt_header_alg|$jwt_header_kid|$jwt_payload\";
            proxy_pass http://{}; }}",
        upstream.addr()
    );
    let server = start(&inside);
    let claims = "{\"sub\":\"ann\",\"Roles\":[\"a\",2],\"n\":1.5,\"on\":true}";
    let cookie = format!("Cookie: a=b; auth={}\r\n", signed(claims));
    assert_eq!(get(&server, "/", &cookie).status, 204);
    let expected = format!("X-All: ann|a,2|1.5|true||HS256|test|{claims}\r\n");
    upstream.wait_received(0, &expected);
    assert_eq!(get(&server, "/", "Cookie: auth=\r\n").status, 401);
}

#[test]
fn more_may_be_required_of_a_token() {
    let inside = "location /a/ { auth_jwt x; auth_jwt_key_file %DIR%/keys; alias %DIR%/;
            auth_jwt_require $jwt_claim_admin; }
        location /b/ { auth_jwt x; auth_jwt_key_file %DIR%/keys; alias %DIR%/;
            auth_jwt_require $jwt_claim_sub $jwt_claim_admin error=403; }
        location /c/ { auth_jwt x; auth_jwt_leeway 2h; alias %DIR%/;
            auth_jwt_key_file %DIR%/other; auth_jwt_key_file %DIR%/keys; }";
    let setup = Setup::new(CONF).with("INSIDE", inside);
    let server = setup
        .file("keys", SECRET)
        .file("other", base64url(&[7; 32]))
        .start(&portway());
    let status = |path: &str, token: &str| get(&server, path, &bearer(token)).status;
    let admin = good("\"sub\":\"ann\",\"admin\":1");
    for path in ["/a/keys", "/b/keys", "/c/keys"] {
        assert_eq!(status(path, &admin), 200, "{path}");
    }
    let zero = good("\"sub\":\"ann\",\"admin\":0");
    assert_eq!(
        (status("/a/keys", &zero), status("/b/keys", &zero)),
        (401, 403)
    );
    assert_eq!(status("/a/keys", &good("\"sub\":\"ann\"")), 401);
    let late = signed(&format!("{{\"exp\":{}}}", seconds_in(LATER) - 3700));
    assert_eq!(
        (status("/a/keys", &late), status("/c/keys", &late)),
        (401, 200)
    );
}

#[test]
fn a_token_or_a_password_is_enough_where_any_is() {
    let inside = "location / { satisfy any; auth_basic pw; auth_basic_user_file %DIR%/users;
            auth_jwt jwt; auth_jwt_key_file %DIR%/keys; alias %DIR%/; }
        location /all/ { auth_jwt jwt token=$arg_jwt; auth_jwt_key_file %DIR%/keys; alias %DIR%/;
            auth_basic pw; auth_basic_user_file %DIR%/users; }";
    let server = start(inside);
    let token = good("\"sub\":\"bob\"");
    let ann = "Authorization: Basic YW5uOnB3\r\n";
    assert_eq!(get(&server, "/users", ann).status, 200);
    assert_eq!(get(&server, "/users", &bearer(&token)).status, 200);
    let none = get(&server, "/users", "");
    assert_eq!(none.status, 401);
    let asked = none.all("www-authenticate");
    assert_eq!(asked, ["Basic realm=\"pw\"", "Bearer realm=\"jwt\""]);

    let both = format!("/all/users?jwt={token}");
    assert_eq!(get(&server, &both, ann).status, 200);
    assert_eq!(get(&server, &both, "").status, 401);
    assert_eq!(get(&server, "/all/users", ann).status, 401);
    wait_true("the refusals are logged", || {
        let log = server.files().read("access.log");
        log.matches("/all/users").count() == 3
    });
    for log in [server.files().read("access.log"), server.error_log()] {
        let signature = token.rsplit('.').next().expect("three parts");
        assert!(!log.contains(signature), "{log}");
    }
}

#[test]
fn a_desktop_is_behind_a_token_with_its_page_its_questions_and_its_socket() {
    let vnc = VncServer::start(Look::default());
    let inside = format!(
        "location / {{ auth_jwt x token=$cookie_auth; auth_jwt_key_file %DIR%/keys;
            vnc_pass {}; }}
         location /sessions/ {{ vnc_status; }}",
        vnc.addr()
    );
    let server = start(&inside);
    let cookie = format!("Cookie: auth={}\r\n", good("\"sub\":\"ann\""));
    for path in ["/", "/vnc.html"] {
        assert_eq!(get(&server, path, "").status, 401, "{path}");
        assert_eq!(get(&server, path, &cookie).status, 200, "{path}");
    }
    assert_eq!(
        request(&server, "POST", "/session", "Content-Length: 0\r\n").status,
        401
    );
    let told = get(&server, "/session", &cookie).text();
    assert!(told.contains("\"user\":\"ann\""), "{told}");
    assert_eq!(upgrade(&server, "/websockify", ""), 401);
    assert_eq!(vnc.connections(), 0);
    let mut socket = WebSocket::open(server.addr(), "/websockify", &cookie);
    socket.recv_bytes(12);
    wait_true("the session is ann's", || {
        let list = get(&server, "/sessions/sessions.json", "").text();
        list.contains("\"user\":\"ann\"")
    });
}

#[test]
fn files_and_arguments_that_make_no_sense_are_errors() {
    for (lines, message) in [
        ("auth_jwt x; auth_jwt_key_file none;", "open() \""),
        (
            "auth_jwt x; auth_jwt_key_file short;",
            "shorter than 32 bytes",
        ),
        (
            "auth_jwt x token=cookie;",
            "invalid parameter \"token=cookie\"",
        ),
        ("auth_jwt x; auth_jwt_require error=403;", "names no value"),
        (
            "auth_jwt x; auth_jwt_require $jwt_claim_a error=500;",
            "invalid parameter",
        ),
    ] {
        let scratch = testkit::Scratch::new("jwt");
        scratch.write("short", "c2hvcnQ");
        let conf = format!("events {{ }} http {{ server {{ listen 127.0.0.1:1;\n{lines} }} }}");
        let file = scratch.write("nginx.conf", conf);
        let output = portway().run(&["-t", "-c", &file.display().to_string()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains(message),
            "{lines}: {said}"
        );
    }
}

#[test]
fn a_place_without_keys_is_warned_of() {
    let scratch = testkit::Scratch::new("jwt");
    let conf = "events { } http { server { listen 127.0.0.1:1; auth_jwt x; } }";
    let file = scratch.write("nginx.conf", conf);
    let output = portway().run(&["-t", "-c", &file.display().to_string()]);
    let said = String::from_utf8_lossy(&output.stderr);
    let warning = "\"auth_jwt\" without \"auth_jwt_key_file\" lets nobody in";
    assert!(output.status.success() && said.contains(warning), "{said}");
}
