//! `geo` from outside: what a differential test cannot ask of nginx.

use testkit::http::get;
use testkit::{Conn, Setup};

use crate::support::portway;

#[test]
fn a_client_on_a_unix_socket_has_the_last_address_of_all() {
    let setup = Setup::new(
        "events { } http { geo $geo { default other; 255.255.255.255 last; }
        geo $ranged { ranges; default other; 0.0.0.0-255.255.255.254 some; }
        server { listen 127.0.0.1:%PORT%; location / { proxy_pass http://unix:%DIR%/sock; } }
        server { listen unix:%DIR%/sock; location / { return 200 \"$geo $ranged\"; } } }",
    );
    let server = setup.start(&portway());
    assert_eq!(get(server.addr(), "/").text(), "last other");
}

#[test]
fn entries_come_from_files_and_change_with_a_reload() {
    let conf = "events { } http { geo $arg_ip $geo { include nets/*.conf; default other; }
        server { listen 127.0.0.1:%PORT%; location / { return 200 $geo; } } }";
    let setup = Setup::new(conf).file("nets/a.conf", "10.0.0.0/8 ten;");
    let server = setup
        .file("nets/b.conf", "10.1.0.0/16 inner;")
        .start(&portway());
    assert_eq!(get(server.addr(), "/?ip=10.1.2.3").text(), "inner");
    server.files().write("nets/b.conf", "10.1.0.0/16 changed;");
    server.reload(conf);
    testkit::wait_true("the new networks", || {
        get(server.addr(), "/?ip=10.1.2.3").text() == "changed"
    });
}

#[test]
fn a_volatile_geo_is_evaluated_again() {
    let setup = Setup::new(
        "events { } http { geo $ip $once { 10.0.0.1 a; 10.0.0.2 b; }
        geo $ip $anew { volatile; 10.0.0.1 a; 10.0.0.2 b; }
        server { listen 127.0.0.1:%PORT%; location / { set $ip 10.0.0.1; set $x $once$anew;
        set $ip 10.0.0.2; return 200 \"$x $once$anew\"; } } }",
    );
    assert_eq!(get(setup.start(&portway()).addr(), "/").text(), "aa ab");
}

#[test]
fn doubtful_networks_are_warned_of_and_wrong_ones_refused() {
    let told = |inside: &str| {
        let files = testkit::Scratch::new("geo");
        files.write(
            "nginx.conf",
            format!(
                "events {{ }} http {{ geo $g {{ {inside} }} server {{ listen 127.0.0.1:1; }} }}"
            ),
        );
        let prefix = format!("{}/", files.path().display());
        let output = portway().run(&["-t", "-p", &prefix, "-c", "nginx.conf", "-e", "stderr"]);
        (
            output.status.success(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    };
    let (good, said) = told("10.0.0.1/8 a; 10.0.0.0/8 b;");
    assert!(
        good && said.contains("low address bits of 10.0.0.1/8 are meaningless"),
        "{said}"
    );
    assert!(said.contains("duplicate network \"10.0.0.0/8\", value: \"b\", old value: \"a\""));
    let (good, said) = told("10.0.0.0/40 a; ranges;");
    assert!(
        !good && said.contains("invalid network \"10.0.0.0/40\" in "),
        "{said}"
    );
}

#[test]
fn split_clients_gives_every_value_its_share() {
    let setup = Setup::new(
        "events { } http { split_clients $arg_k $half { 50% a; * b; }
        server { listen 127.0.0.1:%PORT%; location / { return 200 $half; } } }",
    );
    let server = setup.start(&portway());
    let mut conn = Conn::open(server.addr());
    let mut share = |key: usize| conn.get(&format!("/?k={key}"), "").text() == "a";
    let count = (0..400).filter(|&key| share(key)).count();
    assert!((160..240).contains(&count), "{count} of 400");
}
