//! `proxy_pass https://…` and `proxy_ssl_…`: whom the proxy speaks to, and whom not.

use std::fs;
use std::net::{Shutdown, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};

use testkit::http::get;
use testkit::{Conn, Server, Setup, TlsUpstream, Upstream, wait_true};

use crate::support::portway;

/// A file of the certificates that `x509/testdata/make.sh` makes.
fn data(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../x509/testdata/");
    fs::read(format!("{folder}{name}")).expect("a file of the test data")
}

/// A server at `www.example.com`.
fn example() -> TlsUpstream {
    TlsUpstream::answering(&data("server.crt"), &data("server.key"))
}

/// Starts a proxy with these locations, and files for them to name.
fn start(upstream: &TlsUpstream, locations: &str) -> Server {
    let conf = format!(
        "events {{ }} http {{ log_format up '$upstream_status $upstream_addr'; access_log up.log up;
        upstream group {{ server %UPSTREAM%; }}
        server {{ listen 127.0.0.1:%PORT%; {locations} }} }}"
    );
    let mut setup = Setup::new(&conf).with("UPSTREAM", upstream.addr());
    for name in [
        "root.crt",
        "root.crl",
        "root_clean.crl",
        "client.crt",
        "client.key",
        "self.crt",
        "ec_aes256.key",
        "ec_old_aes128.key",
    ] {
        setup = setup.file(name, data(name));
    }
    setup = setup.file("password", "wrong\nsecret\n").file("none", "");
    setup.start(&portway())
}

const VERIFY: &str = "proxy_ssl_verify on; proxy_ssl_trusted_certificate root.crt;
    proxy_ssl_name www.example.com;";

#[test]
fn requests_go_to_an_upstream_over_tls() {
    let upstream = example();
    let server = start(
        &upstream,
        "location / { proxy_pass https://%UPSTREAM%; }
         location /variable/ { set $to %UPSTREAM%; proxy_pass https://$to; }",
    );
    assert_eq!(get(server.addr(), "/").status, 200);
    assert_eq!(get(server.addr(), "/variable/").status, 200);
    let seen = upstream.seen();
    assert_eq!(seen.len(), 2);
    assert!(
        seen.iter()
            .all(|seen| seen.name.is_none() && seen.certificate.is_none())
    );
}

#[test]
fn the_name_is_sent_if_it_is_one() {
    let upstream = example();
    let server = start(
        &upstream,
        "proxy_ssl_server_name on;
         location / { proxy_pass https://%UPSTREAM%; }
         location /named/ { proxy_pass https://%UPSTREAM%; proxy_ssl_name $arg_name; }",
    );
    for path in [
        "/",
        "/named/?name=a.example.org:443",
        "/named/?name=[::1]:1",
        "/named/",
    ] {
        assert_eq!(get(server.addr(), path).status, 200, "{path}");
    }
    let names: Vec<_> = upstream.seen().into_iter().map(|seen| seen.name).collect();
    assert_eq!(names, [None, Some("a.example.org".to_owned()), None, None]);
}

#[test]
fn a_certificate_must_be_trusted_and_have_the_name() {
    let upstream = example();
    let locations = format!(
        "{VERIFY}
         location / {{ proxy_pass https://%UPSTREAM%; }}
         location /wild/ {{ proxy_pass https://%UPSTREAM%; proxy_ssl_name a.wild.example.com; }}
         location /other/ {{ proxy_pass https://%UPSTREAM%; proxy_ssl_name example.com; }}
         location /group/ {{ proxy_pass https://group; proxy_ssl_name $arg_name; }}
         location /self/ {{ proxy_pass https://%UPSTREAM%; proxy_ssl_trusted_certificate self.crt; }}
         location /off/ {{ proxy_pass https://%UPSTREAM%; proxy_ssl_verify off; }}"
    );
    let server = start(&upstream, &locations);
    for (path, status) in [
        ("/", 200),
        ("/wild/", 200),
        ("/other/", 502),
        ("/group/?name=www.example.com", 200),
        ("/group/?name=", 502),
        ("/self/", 502),
        ("/off/", 200),
    ] {
        assert_eq!(get(server.addr(), path).status, status, "{path}");
    }
    let log = server.error_log();
    for text in [
        "upstream SSL certificate does not match \"example.com\" while SSL handshaking to upstream",
        "upstream SSL certificate does not match \"\" while",
        "upstream SSL certificate verify error: (21:unable to verify the first certificate) while",
        "upstream: \"https://127.0.0.1",
    ] {
        assert!(log.contains(text), "{text}: {log}");
    }
}

#[test]
fn a_resumed_session_is_judged_too() {
    let upstream = example();
    let locations = format!(
        "{VERIFY} location / {{ proxy_pass https://%UPSTREAM%; proxy_ssl_name $arg_name; }}"
    );
    let server = start(&upstream, &locations);
    let good = "/?name=www.example.com";
    assert_eq!(get(server.addr(), good).status, 200);
    assert_eq!(get(server.addr(), good).status, 200);
    assert_eq!(get(server.addr(), "/?name=example.com").status, 502);
    wait_true("three handshakes", || upstream.seen().len() == 3);
    let resumed: Vec<_> = upstream.seen().iter().map(|seen| seen.resumed).collect();
    assert_eq!(resumed, [false, true, true]);
}

#[test]
fn sessions_are_not_resumed_if_that_is_off() {
    let upstream = example();
    let server = start(
        &upstream,
        "location / { proxy_pass https://%UPSTREAM%; proxy_ssl_session_reuse off; }",
    );
    for _ in 0..2 {
        assert_eq!(get(server.addr(), "/").status, 200);
    }
    assert!(upstream.seen().iter().all(|seen| !seen.resumed));
}

#[test]
fn a_revoked_certificate_is_refused() {
    let upstream = example();
    let locations = format!(
        "{VERIFY} proxy_ssl_verify_depth 1;
         location / {{ proxy_pass https://%UPSTREAM%; proxy_ssl_crl root.crl; }}
         location /clean/ {{ proxy_pass https://%UPSTREAM%; proxy_ssl_crl root_clean.crl; }}"
    );
    let server = start(&upstream, &locations);
    assert_eq!(get(server.addr(), "/clean/").status, 200);
    assert_eq!(get(server.addr(), "/").status, 502);
    server.wait_error_log("verify error: (23:certificate revoked)");
}

#[test]
fn a_certificate_of_ours_is_shown() {
    let upstream = example();
    let server = start(
        &upstream,
        "proxy_ssl_certificate client.crt; proxy_ssl_certificate_key client.key;
         proxy_ssl_password_file password; proxy_ssl_certificate_cache max=2 valid=10s;
         location / { proxy_pass https://%UPSTREAM%; }
         location /none/ { proxy_pass https://%UPSTREAM%; proxy_ssl_certificate ''; }
         location /encrypted/ { proxy_pass https://%UPSTREAM%;
             proxy_ssl_certificate self.crt; proxy_ssl_certificate_key ec_aes256.key; }
         location /variables/ { proxy_pass https://%UPSTREAM%;
             proxy_ssl_certificate $arg_c; proxy_ssl_certificate_key $arg_k; }
         location /half/ { proxy_pass https://%UPSTREAM%; proxy_ssl_certificate_key $arg_k; }
         location /fresh/ { proxy_pass https://%UPSTREAM%; proxy_ssl_certificate_cache off;
             proxy_ssl_certificate $arg_c; proxy_ssl_certificate_key $arg_k; }",
    );
    for (path, shown) in [
        ("/", Some("client.crt")),
        ("/none/", None),
        ("/encrypted/", Some("self.crt")),
        ("/variables/?c=client.crt&k=client.key", Some("client.crt")),
        (
            "/variables/?c=self.crt&k=ec_old_aes128.key",
            Some("self.crt"),
        ),
        ("/variables/?c=client.crt&k=client.key", Some("client.crt")),
        ("/variables/", None),
        ("/half/?k=client.key", Some("client.crt")),
        ("/fresh/?c=self.crt&k=ec_aes256.key", Some("self.crt")),
        ("/fresh/?c=client.crt&k=client.key", Some("client.crt")),
    ] {
        assert_eq!(get(server.addr(), path).status, 200, "{path}");
        let seen = upstream.seen().pop().unwrap().certificate;
        assert_eq!(seen, shown.map(der), "{path}");
    }
    for path in [
        "/variables/?c=client.crt&k=ec_aes256.key",
        "/variables/?c=none&k=none",
    ] {
        assert_eq!(get(server.addr(), path).status, 500, "{path}");
    }
    let log = server.error_log();
    assert!(log.contains("key values mismatch"), "{log}");
    assert!(log.contains("cannot load certificate \""), "{log}");
}

/// The bytes of a certificate of the test data.
fn der(name: &str) -> Vec<u8> {
    testkit::tls_upstream::certificate(&data(name))
}

#[test]
fn connections_are_kept_for_the_same_name_and_verification() {
    let upstream = example();
    let locations = "proxy_ssl_trusted_certificate root.crt; proxy_ssl_session_reuse off;
         location / { proxy_pass https://group; }
         location /name/ { proxy_pass https://group; proxy_ssl_server_name on;
             proxy_ssl_name $arg_name; }
         location /verify/ { proxy_pass https://group; proxy_ssl_verify on;
             proxy_ssl_name www.example.com; }";
    let server = start(&upstream, locations);
    let connection = |path: &str| {
        let response = get(server.addr(), path);
        assert_eq!(response.status, 200, "{path}");
        String::from_utf8_lossy(&response.body).trim().to_owned()
    };
    assert_eq!(connection("/"), connection("/"));
    let first = connection("/name/?name=a.example.org");
    assert_ne!(first, connection("/"));
    assert_ne!(first, connection("/name/?name=b.example.org"));
    assert_eq!(first, connection("/name/?name=a.example.org"));
    let verified = connection("/verify/");
    assert_ne!(verified, connection("/"));
    assert_eq!(verified, connection("/verify/"));
    assert_eq!(upstream.seen().len(), 4);
}

#[test]
fn a_peer_without_tls_is_a_failure_that_leads_to_the_next() {
    let plain = Upstream::serving(|peer| {
        if peer.read_some().is_some() {
            peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let silent = Upstream::serving(|peer| peer.hold());
    let upstream = example();
    let conf = "events { } http {
        upstream both { server %PLAIN%; server %TLS% backup; }
        upstream slow { server %SILENT%; server %TLS% backup; }
        proxy_connect_timeout 500ms;
        server { listen 127.0.0.1:%PORT%;
            location / { proxy_pass https://both; }
            location /slow/ { proxy_pass https://slow; }
            location /one/ { proxy_pass https://%PLAIN%; }
            location /slowest/ { proxy_pass https://%SILENT%; } } }";
    let server = Setup::new(conf)
        .with("PLAIN", plain.addr())
        .with("SILENT", silent.addr())
        .with("TLS", upstream.addr())
        .start(&portway());
    for (path, status) in [
        ("/", 200),
        ("/slow/", 200),
        ("/one/", 502),
        ("/slowest/", 504),
    ] {
        assert_eq!(get(server.addr(), path).status, status, "{path}");
    }
    let log = server.error_log();
    assert!(log.contains("SSL_do_handshake() failed (SSL: "), "{log}");
    let timed_out = "upstream timed out (110: Connection timed out) while SSL handshaking";
    assert!(log.contains(timed_out), "{log}");
}

#[test]
fn bodies_and_upgrades_pass_through_tls() {
    let echo = TlsUpstream::serving(&data("server.crt"), &data("server.key"), |peer| {
        let Some(head) = peer.read_head() else { return };
        if head.contains("Upgrade: echo") {
            peer.send(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
            );
            while let Some(bytes) = peer.read_some() {
                peer.send(&bytes);
            }
            return;
        }
        let mut body = Vec::new();
        while !body.ends_with(b"END") {
            let Some(bytes) = peer.read_some() else {
                return;
            };
            body.extend(bytes);
        }
        peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        peer.send(&body);
    });
    let server = start(
        &echo,
        "location / { proxy_pass https://%UPSTREAM%; proxy_http_version 1.1;
             proxy_request_buffering off; client_max_body_size 0;
             proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }",
    );
    let ask = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    let mut conn = Conn::open(server.addr());
    assert_eq!(conn.send(ask).response().status, 101);
    assert_eq!(conn.send("ping").read_exact(4), b"ping");
    assert_eq!(
        conn.send(vec![b'x'; 100_000]).read_exact(100_000),
        vec![b'x'; 100_000]
    );

    let body = [vec![b'y'; 300_000], b"END".to_vec()].concat();
    let mut conn = Conn::open(server.addr());
    conn.send(format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    conn.send(&body);
    let response = conn.response();
    assert_eq!(response.status, 200);
    assert_eq!(response.body, body);
}

#[test]
fn a_tunnel_may_have_tls_on_either_side() {
    // The client speaks plainly to one server, that one TLS to another, and that one plainly again.
    let echo = Upstream::serving(|peer| {
        if peer.read_head().is_none() {
            return;
        }
        peer.send(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
        );
        while let Some(bytes) = peer.read_some() {
            if !peer.send(&bytes) {
                return;
            }
        }
    });
    let conf = "events { } http {
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;
        server { listen 127.0.0.1:%PORT%;
            location / { proxy_pass https://127.0.0.1:%PORT1%; proxy_ssl_verify on;
                proxy_ssl_trusted_certificate root.crt; proxy_ssl_name www.example.com; } }
        server { listen 127.0.0.1:%PORT1% ssl;
            ssl_certificate server.crt; ssl_certificate_key server.key;
            location / { proxy_pass http://%UPSTREAM%; } } }";
    let mut setup = Setup::new(conf).with("UPSTREAM", echo.addr());
    for name in ["root.crt", "server.crt", "server.key"] {
        setup = setup.file(name, data(name));
    }
    let server = setup.start(&portway());
    let ask = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    let mut conn = Conn::open(server.addr());
    assert_eq!(conn.send(ask).response().status, 101);
    for size in [1, 70_000, 300_000] {
        let bytes: Vec<u8> = (0..size).map(|at| at as u8).collect();
        assert!(conn.send(&bytes).read_exact(size) == bytes, "{size}");
    }
    conn.stream().shutdown(Shutdown::Write).unwrap();
    assert!(conn.read_to_end().is_empty());
}

#[test]
fn a_unix_socket_may_have_tls_behind_it() {
    let upstream = example();
    let folder = testkit::Scratch::new("proxy_ssl_unix");
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    // Workers run as somebody else.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    let addr = upstream.addr();
    std::thread::spawn(move || {
        let (client, _) = listener.accept().unwrap();
        carry(client, TcpStream::connect(addr).unwrap());
    });
    let locations = format!(
        "{VERIFY} location / {{ proxy_pass https://unix:{}:/uri; }}",
        path.display()
    );
    let server = start(&upstream, &locations);
    assert_eq!(get(server.addr(), "/").status, 200);
}

/// Carries bytes both ways until both are done.
fn carry(client: UnixStream, server: TcpStream) {
    let copies = (client.try_clone(), server.try_clone());
    let (Ok(mut from), Ok(mut to)) = copies else {
        panic!("a socket cannot be copied");
    };
    let there = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let (mut from, mut to) = (server, client);
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
    there.join().expect("it copies only");
}

#[test]
fn names_and_redirects_know_the_scheme() {
    let upstream = TlsUpstream::serving(&data("server.crt"), &data("server.key"), |peer| {
        let Some(head) = peer.read_head() else { return };
        let host = head
            .lines()
            .find_map(|line| line.strip_prefix("Host: "))
            .unwrap();
        let answer = format!(
            "HTTP/1.1 302 Found\r\nLocation: https://group/b/x\r\nX-Host: {host}\r\n\
             Content-Length: 0\r\n\r\n"
        );
        peer.send(answer.as_bytes());
    });
    let server = start(
        &upstream,
        "location /a/ { proxy_pass https://group/b/; add_header X-Port $proxy_port; }",
    );
    let response = get(server.addr(), "/a/");
    let location = response.field("location").unwrap().to_owned();
    assert!(location.ends_with("/a/x"), "{location}");
    assert_eq!(response.field("x-host"), Some("group"));
    assert_eq!(response.field("x-port"), Some("443"));
}

#[test]
fn the_same_host_has_other_ports_over_tls() {
    // Neither group has a block, so each has the port of its scheme, where nobody listens.
    let upstream = example();
    let server = start(
        &upstream,
        "location /plain/ { proxy_pass http://127.0.0.9; proxy_connect_timeout 1s; }
         location / { proxy_pass https://127.0.0.9; proxy_connect_timeout 1s; }",
    );
    for path in ["/", "/plain/"] {
        assert_eq!(get(server.addr(), path).status, 502, "{path}");
    }
    let log = server.error_log();
    assert!(log.contains("upstream: \"https://127.0.0.9:443/"), "{log}");
    assert!(log.contains("upstream: \"http://127.0.0.9:80/"), "{log}");
}

#[test]
fn versions_and_ciphers_are_those_of_the_configuration() {
    let upstream = example();
    let server = start(
        &upstream,
        "location / { proxy_pass https://%UPSTREAM%; }
         location /old/ { proxy_pass https://%UPSTREAM%; proxy_ssl_protocols TLSv1.2;
             proxy_ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256; }",
    );
    assert_eq!(get(server.addr(), "/").status, 200);
    assert_eq!(get(server.addr(), "/old/").status, 200);
    let seen = upstream.seen();
    assert!(seen[0].protocol.contains("TLSv1_3"), "{seen:?}");
    let old = "Some(TLSv1_2) Some(TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)";
    assert_eq!(seen[1].protocol, old);
}

#[test]
fn a_chain_may_be_as_long_as_the_depth_says() {
    let chain = [data("leaf.crt"), data("middle.crt")].concat();
    let upstream = TlsUpstream::answering(&chain, &data("leaf.key"));
    let locations = "proxy_ssl_verify on; proxy_ssl_trusted_certificate root.crt;
         proxy_ssl_name leaf;
         location / { proxy_pass https://%UPSTREAM%; }
         location /short/ { proxy_pass https://%UPSTREAM%; proxy_ssl_verify_depth 0; }";
    let server = start(&upstream, locations);
    assert_eq!(get(server.addr(), "/").status, 200);
    assert_eq!(get(server.addr(), "/short/").status, 502);
}

#[test]
fn files_that_nobody_needs_may_be_missing() {
    let upstream = example();
    let server = start(
        &upstream,
        "proxy_ssl_trusted_certificate missing.crt; proxy_ssl_crl missing.crl;
         location / { proxy_pass https://%UPSTREAM%; }
         location /plain/ { proxy_ssl_certificate missing.crt; proxy_ssl_certificate_key x; }",
    );
    assert_eq!(get(server.addr(), "/").status, 200);
}

#[test]
fn errors_of_the_configuration_are_told() {
    let binary = portway();
    for (directives, text) in [
        (
            "proxy_ssl_verify on;",
            "no proxy_ssl_trusted_certificate for proxy_ssl_verify",
        ),
        (
            "proxy_ssl_certificate client.crt;",
            "no \"proxy_ssl_certificate_key\" is defined for certificate",
        ),
        (
            "proxy_ssl_certificate client.crt; proxy_ssl_certificate_key self.key;",
            "key values mismatch",
        ),
        (
            "proxy_ssl_certificate self.crt; proxy_ssl_certificate_key ec_aes256.key;",
            "there is no passphrase",
        ),
        (
            "proxy_ssl_trusted_certificate missing; proxy_ssl_verify on;",
            "cannot load certificate",
        ),
        (
            "proxy_ssl_protocols TLSv1;",
            "none of these versions of TLS is supported",
        ),
        (
            "proxy_ssl_conf_command Options KTLS;",
            "proxy_ssl_conf_command",
        ),
        (
            "proxy_ssl_ciphers AES128-SHA;",
            "no cipher of \"AES128-SHA\"",
        ),
    ] {
        let folder = testkit::Scratch::new("proxy_ssl");
        for name in ["client.crt", "self.crt", "self.key", "ec_aes256.key"] {
            folder.write(name, data(name));
        }
        let conf = format!(
            "error_log stderr; pid portway.pid; events {{ }} http {{ server {{ listen 127.0.0.1:8080;
            location / {{ proxy_pass https://127.0.0.1:1; {directives} }} }} }}"
        );
        let file = folder.write("nginx.conf", conf);
        let prefix = folder.path().to_str().unwrap();
        let output = binary.run(&["-t", "-p", prefix, "-c", file.to_str().unwrap()]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains(text), "{directives}: {told}");
    }
}

#[test]
fn servers_that_speak_tls_are_checked_over_tls() {
    let upstream = example();
    let locations = format!(
        "{VERIFY}
         location / {{ proxy_pass https://group; health_check interval=50ms mandatory; }}"
    );
    let server = start(&upstream, &locations);
    server.wait_error_log("peer is healthy");
    assert_eq!(get(server.addr(), "/").status, 200);
    let upstream = example();
    let locations = locations.replace("root.crt", "self.crt");
    let server = start(&upstream, &locations);
    server.wait_error_log("peer is unhealthy while connecting to upstream");
    assert_eq!(get(server.addr(), "/").status, 502);
}
