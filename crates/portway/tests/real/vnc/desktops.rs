//! `vnc_desktop`, `vnc_wall` and the roles of each person at each desktop.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use testkit::vnc::{Event, Look, VncServer};
use testkit::{Server, Setup, WebSocket, wait_true};

use super::{KEY_A, enter, get, request};
use crate::support::portway;

/// A configuration with these lines in `http` and these in its server.
fn conf(http: &str, inside: &str) -> String {
    format!(
        "events {{ }} http {{ log_format d '$vnc_desktop|$vnc_group|$request';
         access_log access.log d; {http} server {{ listen 127.0.0.1:%PORT%; {inside} }} }}"
    )
}

/// What `-t` says of such a configuration.
fn check(http: &str, inside: &str) -> String {
    let setup = Setup::new("");
    let text = conf(http, inside).replace("%PORT%", "9");
    std::fs::write(setup.path().join("secret"), "secret12").expect("the test's own folder");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(setup.path().join("secret"), mode).expect("its own file");
    let file = setup.path().join("check.conf");
    std::fs::write(&file, text).expect("the test's own folder");
    let file = file.display().to_string();
    let output = portway().run(&["-t", "-e", "stderr", "-c", &file]);
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn refused(server: &Server, path: &str) -> (u16, String) {
    let mut socket = WebSocket::open(server.addr(), path, "");
    socket.recv_bytes(12);
    socket.send_binary(b"RFB 003.008\n");
    socket.recv_close().expect("a close frame with its reason")
}

fn list(server: &Server, path: &str) -> String {
    let answer = get(server, path);
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    assert_eq!(answer.field("content-type"), Some("application/json"));
    answer.text()
}

/// The names in a list, in its order.
fn names(list: &str) -> Vec<&str> {
    let after = list.split("{\"name\":\"").skip(1);
    after.filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn a_desktop_is_passed_to_by_its_name_wherever_it_stands() {
    let vnc = VncServer::start(Look::default());
    let text = conf(
        "map $arg_go $go { one lab; two nowhere; }",
        "location /lab/ { vnc_pass lab; } location /map/ { vnc_pass $go; }
         location /all/ { vnc_pass lab; vnc_title All; }
",
    );
    // The desktops stand behind the servers that name them.
    let text = text.replace("} }", "} include desktops.d/*.conf; }");
    let desktop = format!("vnc_desktop lab {} {{ include inner; }}", vnc.addr());
    let server = Setup::new(&text)
        .file("desktops.d/lab.conf", desktop)
        .file("inner", "vnc_group staff; vnc_title \"Lab of $vnc_group\";")
        .start(&portway());
    for path in ["/lab/", "/map/?go=one", "/all/"] {
        let name = enter(&mut WebSocket::open(server.addr(), path, ""));
        assert_eq!(name, "Lab of staff", "{path}");
    }
    for path in ["/map/?go=two", "/map/"] {
        assert_eq!(
            refused(&server, path),
            (4404, "There is no such desktop.".into())
        );
    }
    wait_true("the access log", || {
        server
            .files()
            .read("access.log")
            .contains("lab|staff|GET /map/?go=one")
    });
}

#[test]
fn the_stricter_of_desktop_location_and_role_counts() {
    let vnc = VncServer::start(Look::default());
    let http = format!(
        "map $arg_role $role {{ default $arg_role; }}
         vnc_desktop free {0};
         vnc_desktop watched {0} {{ vnc_view_only on; vnc_idle_timeout 60s; }}
         vnc_desktop limited {0} {{ vnc_role view; vnc_quality_max 4; vnc_resize off; }}",
        vnc.addr()
    );
    let inside = "location /a/ { vnc_wall all; vnc_role $role; vnc_quality_max 6; vnc_power off; }";
    let server = Setup::new(&conf(&http, inside)).start(&portway());
    let forecast =
        |name: &str, role: &str| get(&server, &format!("/a/{name}/session?role={role}")).text();
    let free = forecast("free", "admin");
    for told in [
        "\"role\":\"admin\",\"view_only\":false",
        "\"resize\":true,\"power\":false,\"quality_max\":6",
        "\"idle_timeout_s\":null",
        "\"title\":\"free\"",
    ] {
        assert!(free.contains(told), "{told} in {free}");
    }
    assert!(forecast("free", "view").contains("\"view_only\":true"));
    let watched = forecast("watched", "control");
    assert!(
        watched.contains("\"role\":\"control\",\"view_only\":true"),
        "{watched}"
    );
    assert!(watched.contains("\"idle_timeout_s\":60"), "{watched}");
    let limited = forecast("limited", "admin");
    assert!(
        limited.contains("\"role\":\"view\",\"view_only\":true"),
        "{limited}"
    );
    assert!(
        limited.contains("\"resize\":false,\"power\":false,\"quality_max\":4"),
        "{limited}"
    );

    let mut socket = WebSocket::open(server.addr(), "/a/limited/?role=admin", "");
    enter(&mut socket);
    socket.send_binary(&KEY_A);
    let mut other = WebSocket::open(server.addr(), "/a/free/?role=control", "");
    enter(&mut other);
    other.send_binary(&[4, 1, 0, 0, 0, 0, 0, 0x62]);
    vnc.wait_event(&Event::Key(1, 0x62));
    assert!(
        !vnc.events().contains(&Event::Key(1, 0x61)),
        "it may only be watched"
    );
}

#[test]
fn a_wall_shows_each_person_the_desktops_with_a_role() {
    let vnc = VncServer::start(Look::default());
    let http = format!(
        "map \"$arg_who:$vnc_group\" $role {{
             ann:staff control; ann:lab view; bob:lab admin; eve:lab nonsense; }}
         vnc_desktop office {0} {{ vnc_title \"The <office>\"; vnc_group staff; }}
         vnc_desktop lab1 {0} {{ vnc_group lab; }}
         vnc_desktop shared {0} {{ vnc_group lab staff; }}
         vnc_desktop alone {0};",
        vnc.addr()
    );
    let inside = "location /d/ { vnc_wall all; vnc_role $role; }
        location /lab/ { vnc_wall group=lab; }";
    let server = Setup::new(&conf(&http, inside)).start(&portway());

    let ann = list(&server, "/d/api/desktops?who=ann");
    assert_eq!(names(&ann), ["office", "lab1", "shared"]);
    for told in [
        "{\"name\":\"office\",\"title\":\"The <office>\",\"group\":\"staff\",\
         \"groups\":[\"staff\"],\"role\":\"control\",\"state\":\"unknown\",\"sessions\":[]",
        "\"groups\":[\"lab\"],\"role\":\"view\"",
        // The better of two groups counts.
        "\"groups\":[\"lab\",\"staff\"],\"role\":\"control\"",
    ] {
        assert!(ann.contains(told), "{told} in {ann}");
    }
    assert_eq!(
        names(&list(&server, "/d/api/desktops?who=bob")),
        ["lab1", "shared"]
    );
    assert!(names(&list(&server, "/d/api/desktops?who=eve")).is_empty());
    server.wait_error_log("\"vnc_role\" is \"nonsense\", which counts as none");
    // A wall of some groups shows its desktops in these only.
    let lab = list(&server, "/lab/api/desktops");
    assert_eq!(names(&lab), ["lab1", "shared"]);
    assert_eq!(lab.matches("\"groups\":[\"lab\"]").count(), 2, "{lab}");

    // What is not on the list says why when it is opened.
    assert_eq!(
        refused(&server, "/d/office/?who=bob"),
        (4403, "You have no access to this desktop.".into())
    );
    for path in ["/d/none/?who=ann", "/lab/office/"] {
        assert_eq!(
            refused(&server, path),
            (4404, "There is no such desktop.".into())
        );
    }
    assert!(
        get(&server, "/d/none/session")
            .text()
            .contains("\"code\":4404")
    );
    // What is not there has the viewer too, which says so.
    let viewer = get(&server, "/d/office/").text();
    assert_eq!(get(&server, "/d/none/").text(), viewer);
    assert_eq!(get(&server, "/d/none/none").status, 404);
    assert_eq!(
        request(&server, "POST", "/d/", "Content-Length: 0\r\n").status,
        405
    );
}

#[test]
fn each_desktop_of_a_wall_is_a_folder_with_viewer_and_session() {
    let vnc = VncServer::start(Look::default());
    let http = format!(
        "vnc_desktop lab {0}; vnc_desktop \"B\u{fc}ro 1 & 2?\" {0}; vnc_desktop 100% {0};",
        vnc.addr()
    );
    let server = Setup::new(&conf(&http, "location /d/ { vnc_wall all; }")).start(&portway());
    assert_eq!(get(&server, "/d").status, 301);
    let slash = get(&server, "/d/B%C3%BCro%201%20&%202%3F");
    assert_eq!(slash.status, 301);
    let to = slash.field("location").unwrap_or_default();
    assert!(to.ends_with("/d/B%C3%BCro%201%20&%202%3F/"), "{to}");
    for folder in ["/d/lab/", "/d/B%C3%BCro%201%20%26%202%3F/", "/d/100%25/"] {
        let page = get(&server, folder);
        assert_eq!(page.status, 200, "{folder}");
        let page = page.text();
        assert_eq!(get(&server, &format!("{folder}vnc.html")).text(), page);
        let asset = page.split('"').find(|text| text.starts_with("assets/"));
        let asset = asset.expect("a link to a file of the page");
        assert_eq!(get(&server, &format!("{folder}{asset}")).status, 200);
        let told = get(&server, &format!("{folder}session")).text();
        assert!(told.contains("\"status\":\"ok\""), "{told}");
        enter(&mut WebSocket::open(
            server.addr(),
            &format!("{folder}websockify"),
            "",
        ));
    }
    assert_eq!(get(&server, "/d/lab/nothing").status, 404);
}

#[test]
fn the_wall_tells_which_desktops_are_being_recorded() {
    let vnc = VncServer::start(Look::default());
    let http = format!("vnc_desktop lab {0}; vnc_desktop other {0};", vnc.addr());
    let inside = "location / { vnc_wall all; vnc_record %DIR%/kept if=$arg_keep; }";
    let text = format!("user root; {}", conf(&http, inside));
    let server = Setup::new(&text).start(&portway());
    let recorded = || {
        let list = list(&server, "/api/desktops");
        let told: Vec<bool> = list
            .split("\"recorded\":")
            .skip(1)
            .map(|rest| rest.starts_with("true"))
            .collect();
        assert_eq!(told.len(), 2, "{list}");
        told
    };
    let mut free = WebSocket::open(server.addr(), "/lab/", "");
    enter(&mut free);
    assert_eq!(recorded(), [false, false]);
    let mut kept = WebSocket::open(server.addr(), "/lab/?keep=1", "");
    enter(&mut kept);
    wait_true("it is recorded", || recorded() == [true, false]);
    kept.send_close(1000, "");
    kept.recv_close();
    wait_true("it is not recorded any more", || {
        recorded() == [false, false]
    });
}

/// The list asks no machine: it tells what sessions have met.
#[test]
fn the_state_on_the_wall_is_what_sessions_met() {
    let vnc = VncServer::start(Look::default());
    let dead = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
    let dead = dead.expect("a port that nobody listens on");
    let http = format!("vnc_desktop up {0}; vnc_desktop down {dead};", vnc.addr());
    let text = conf(&http, "location / { vnc_wall all; }");
    let server = Setup::new(&text).start(&portway());
    let state = |name: &str| {
        let list = list(&server, "/api/desktops");
        let at = list
            .find(&format!("{{\"name\":\"{name}\""))
            .expect("it is on the wall");
        let state = list[at..].split("\"state\":\"").nth(1).expect("a state");
        state.split('"').next().unwrap_or_default().to_owned()
    };
    assert_eq!(
        (state("up"), state("down")),
        ("unknown".into(), "unknown".into())
    );
    assert_eq!(vnc.connections(), 0);
    let mut socket = WebSocket::open(server.addr(), "/up/", "");
    enter(&mut socket);
    assert_eq!(state("up"), "in-use");
    let told = list(&server, "/api/desktops");
    assert!(
        told.contains("\"sessions\":[{\"user\":null,\"since\":"),
        "{told}"
    );
    socket.send_close(1000, "");
    socket.recv_close();
    wait_true("it is free again", || state("up") == "free");
    assert_eq!(refused(&server, "/down/").0, 4502);
    wait_true("it failed", || state("down") == "failed");

    // Another machine under the same name is not known yet; the others stay known.
    server.reload(&text.replace(&dead.to_string(), "127.0.0.1:1"));
    wait_true("it moved", || state("down") == "unknown");
    assert_eq!(state("up"), "free");
}

/// Lines in `http`, lines in a server, and what is said of them.
const MISTAKES: &[(&str, &str, &str)] = &[
    (
        "vnc_desktop a h:1; vnc_desktop a h:2;",
        "",
        "duplicate desktop \"a\"",
    ),
    (
        "vnc_desktop session h:1;",
        "",
        "it has a meaning on the wall",
    ),
    (
        "vnc_desktop websockify h:1;",
        "",
        "it has a meaning on the wall",
    ),
    (
        "vnc_desktop a/b h:1;",
        "",
        "'/' cannot stand in a desktop's name",
    ),
    ("vnc_desktop .. h:1;", "", "it cannot stand in a path"),
    ("vnc_desktop \"\" h:1;", "", "it cannot stand in a path"),
    ("vnc_desktop a:1 h:1;", "", "it is an address"),
    ("vnc_desktop a b;", "", "no port in \"b\""),
    (
        "vnc_desktop a h:1 { vnc_pass h:1; }",
        "",
        "\"vnc_pass\" directive is not allowed here",
    ),
    (
        "vnc_desktop a h:1 { gzip on; }",
        "",
        "\"gzip\" directive is not allowed here",
    ),
    (
        "vnc_group a;",
        "",
        "\"vnc_group\" directive is not allowed here",
    ),
    (
        "",
        "location / { vnc_pass a; }",
        "and no \"vnc_desktop\" has that name",
    ),
    (
        "",
        "location / { vnc_wall; }",
        "invalid number of arguments",
    ),
    (
        "",
        "location / { vnc_wall some; }",
        "invalid parameter \"some\"",
    ),
    (
        "",
        "location / { vnc_wall all group=a; }",
        "takes either \"all\" or groups",
    ),
    (
        "",
        "location / { vnc_wall all; vnc_pass h:1; }",
        "exclude each other",
    ),
    (
        "",
        "location / { vnc_pass h:1; vnc_wall all; }",
        "exclude each other",
    ),
    (
        "",
        "location ~ /x { vnc_wall all; }",
        "chosen by the beginning of the path",
    ),
    (
        "",
        "location = /x { vnc_wall all; }",
        "chosen by the beginning of the path",
    ),
    (
        "vnc_desktop a h:1 { vnc_password_file secret; }",
        "location / { vnc_wall all; }",
        "stored credentials without access control",
    ),
    (
        "vnc_desktop a h:1 { vnc_password_file secret; }",
        "location / { vnc_pass a; }",
        "stored credentials without access control",
    ),
];

#[test]
fn mistakes_with_desktops_are_found_before_anything_is_served() {
    for (http, inside, said) in MISTAKES {
        let output = check(http, inside);
        assert!(output.contains(said), "{http} {inside}: {output}");
    }
    let fine = check(
        "vnc_desktop a h:1 { vnc_group b; }",
        "location / { vnc_wall group=b; }",
    );
    assert!(fine.contains("is ok") && !fine.contains("[warn]"), "{fine}");
}

#[test]
fn ten_thousand_desktops_load_fast_and_are_listed() {
    const COUNT: usize = 10_000;
    let mut desktops = String::new();
    for at in 0..COUNT {
        let group = at % 50;
        writeln!(
            desktops,
            "vnc_desktop pc{at} 10.0.{}.{}:5900 {{ vnc_title \"PC {at}\"; vnc_group g{group}; }}",
            at / 250,
            at % 250
        )
        .expect("text");
    }
    let text = conf(
        "include desktops; map $vnc_group $role { g7 view; default none; }",
        "location /d/ { vnc_wall all; vnc_role $role; } location /all/ { vnc_wall all; }",
    );
    let begun = Instant::now();
    let server = Setup::new(&text)
        .file("desktops", desktops)
        .start(&portway());
    let took = begun.elapsed();
    // Twice: the master checks, the worker compiles. Unoptimised, on a busy machine.
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!(names(&list(&server, "/d/api/desktops")).len(), COUNT / 50);
    assert_eq!(names(&list(&server, "/all/api/desktops")).len(), COUNT);
    assert_eq!(get(&server, "/all/pc9999/").status, 200);
}
