//! Small things in which answers and logs are those of nginx.

use testkit::{Server, Upstream, wait_for};

use crate::support::portway;

#[test]
fn built_in_pages_have_their_own_names_for_statuses() {
    let server = Server::start(
        &portway(),
        r#"
worker_processes 1; events { }
http { large_client_header_buffers 1 1k; client_header_buffer_size 1k; server {
    listen 127.0.0.1:%PORT%;
    location / { return 302 http://other.example/; }
    location /who { return 401; }
} }"#,
    );
    let found = server.connect().get("/", "").text();
    assert!(found.contains("<h1>302 Found</h1>"), "{found}");
    let who = server.connect().get("/who", "").text();
    assert!(who.contains("<title>401 Authorization Required<"), "{who}");
    let field = format!("X-Long: {}\r\n", "x".repeat(2000));
    let long = server.connect().get("/", &field).text();
    assert!(
        long.contains("<title>400 Request Header Or Cookie Too Large<")
            && long.contains("<h1>400 Bad Request</h1></center>\r\n<center>Request Header Or"),
        "{long}"
    );
}

#[test]
fn a_peer_s_server_and_date_are_shown_only_if_it_has_them() {
    let upstream = Upstream::serving(|peer| {
        let head = peer.read_head().unwrap_or_default();
        let fields = match head.contains("/with") {
            true => "Server: first\r\nServer: second\r\nAccept-Ranges: none\r\n",
            false => "",
        };
        peer.send(
            format!("HTTP/1.1 404 Told\r\n{fields}Transfer-Encoding: chunked\r\n\r\n").as_bytes(),
        );
        peer.send(b"3\r\nabc\r\n0\r\n\r\n");
    });
    let server = testkit::Setup::new(
        r#"
worker_processes 1; events { }
http {
    log_format length $upstream_response_length;
    access_log %DIR%/access.log length;
    server {
        listen 127.0.0.1:%PORT%;
        proxy_pass_header Server;
        proxy_pass_header Date;
        proxy_force_ranges on;
        location / { proxy_pass http://%UPSTREAM%; }
    }
}"#,
    )
    .with("UPSTREAM", upstream.addr())
    .start(&portway());
    let none = server.connect().get("/none", "");
    assert_eq!((none.field("Server"), none.field("Date")), (None, None));
    let with = server.connect().get("/with", "");
    assert_eq!(with.field("Server"), Some("first"));
    assert_eq!(with.field("Accept-Ranges"), None);
    // The length is that of what came, chunks and all.
    let log = server.files().path().join("access.log");
    wait_for("two lines", || {
        let log = std::fs::read_to_string(&log).ok()?;
        (log == "13\n13\n").then_some(())
    });
}

#[test]
fn wrong_values_are_refused_also_where_they_have_no_effect() {
    let test = |inside: &str| {
        let setup = testkit::Setup::new("");
        let conf = setup.path().join("tried.conf");
        let text = format!("events {{ }} http {{ {inside} }}");
        std::fs::write(&conf, text).expect("the file is written");
        let conf = conf.to_string_lossy();
        let output = portway().run(&["-t", "-c", &conf]);
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for wrong in [
        "limit_rate fast;",
        "limit_rate_after 10s;",
        "proxy_limit_rate -1;",
        "types_hash_max_size 1k;",
        "postpone_output on;",
        "proxy_cookie_flags a;",
        "root $document_root/x;",
        "server { location / { alias ${realpath_root}; } }",
    ] {
        let said = test(wrong);
        assert!(said.contains("[emerg]"), "{wrong}: {said}");
    }
    for right in [
        "gzip_types a/b; gzip_types c/d;",
        "addition_types a/b; addition_types *;",
        "limit_rate $arg_rate;",
        "directio off;",
        "proxy_cookie_flags a sometimes;",
    ] {
        let said = test(right);
        assert!(!said.contains("[emerg]"), "{right}: {said}");
    }
}
