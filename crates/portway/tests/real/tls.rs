//! TLS of clients: certificates, names, sessions, and what a client's certificate decides.
//! The client is OpenSSL's.

use testkit::{Certs, Server, Setup, Upstream};

use crate::support::portway;

/// A server with these certificates, whose folder is `%CERTS%`.
fn start(certs: &Certs, http: &str) -> Server {
    let conf = format!("events {{}} http {{ {http} }}");
    Setup::new(&conf)
        .with("CERTS", certs.dir().display())
        .start(&portway())
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.0\r\nHost: a\r\n\r\n")
}

/// What comes behind the first empty line of an answer to a request over TLS.
fn body(certs: &Certs, server: &Server, arguments: &[&str], request: &str) -> String {
    let text = certs.talk(server.addr(), arguments, request);
    match text.split_once("\r\n\r\n") {
        Some((_, body)) => body.trim().to_owned(),
        None => text,
    }
}

const PAIR: &str = "ssl_certificate %CERTS%/a.crt; ssl_certificate_key %CERTS%/a.key;";

#[test]
fn a_page_is_served_over_both_versions_and_variables_name_them() {
    let certs = Certs::default().self_signed("a");
    let server = start(
        &certs,
        &format!(
            "server {{ listen 127.0.0.1:%PORT% ssl; {PAIR}
               location / {{ return 200 '$scheme $https $ssl_protocol $ssl_cipher $ssl_curve \
                 $ssl_sigalg $ssl_alpn_protocol $ssl_server_name $ssl_session_reused'; }} }}"
        ),
    );
    let arguments = ["-tls1_3", "-alpn", "http/1.1", "-servername", "A"];
    assert_eq!(
        body(&certs, &server, &arguments, &get("/")),
        "https on TLSv1.3 TLS_AES_256_GCM_SHA384 X25519 ecdsa_secp256r1_sha256 http/1.1 a ."
    );
    let arguments = ["-tls1_2", "-groups", "P-256", "-noservername"];
    assert_eq!(
        body(&certs, &server, &arguments, &get("/")),
        "https on TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 prime256v1 ecdsa_secp256r1_sha256   ."
    );
}

#[test]
fn ciphers_groups_and_versions_are_those_of_the_configuration() {
    let certs = Certs::default().self_signed("a").self_signed_rsa("r");
    let server = start(
        &certs,
        &format!(
            "server {{ listen 127.0.0.1:%PORT% ssl; {PAIR}
               ssl_certificate %CERTS%/r.crt; ssl_certificate_key %CERTS%/r.key;
               ssl_protocols TLSv1.2; ssl_prefer_server_ciphers on; ssl_buffer_size 4k;
               ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256;
               ssl_ecdh_curve secp384r1; ssl_dhparam %CERTS%/a.key;
               location / {{ return 200 '$ssl_protocol $ssl_cipher $ssl_curve'; }} }}"
        ),
    );
    assert_eq!(
        body(&certs, &server, &[], &get("/")),
        "TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 secp384r1"
    );
    let arguments = ["-sigalgs", "ECDSA+SHA256"];
    assert_eq!(
        body(&certs, &server, &arguments, &get("/")),
        "TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256 secp384r1"
    );
    let refused = certs.s_client(server.addr(), &["-tls1_3"], "");
    assert!(refused.contains("alert protocol version"), "{refused}");
}

#[test]
fn plain_http_is_told_that_the_port_is_for_tls() {
    let certs = Certs::default().self_signed("a");
    let server = start(
        &certs,
        &format!(
            "{PAIR} server {{ listen 127.0.0.1:%PORT% ssl; }}
             server {{ listen 127.0.0.1:%PORT1% ssl;
               error_page 497 = /plain; location /plain {{ return 200 'use TLS'; }} }}"
        ),
    );
    let response = server.connect().send(get("/")).response();
    assert_eq!(response.status, 400);
    let text = "The plain HTTP request was sent to HTTPS port";
    assert!(response.text().contains(text), "{}", response.text());
    let mut conn = testkit::Conn::open(server.addr_of("PORT1"));
    let response = conn.send(get("/")).response();
    assert_eq!((response.status, &response.text()[..]), (200, "use TLS"));
}

#[test]
fn the_name_in_the_handshake_chooses_the_certificate() {
    let certs = Certs::default().self_signed("a").self_signed("b");
    let server = start(
        &certs,
        "server { listen 127.0.0.1:%PORT% ssl default_server; ssl_reject_handshake on; }
         server { listen 127.0.0.1:%PORT% ssl; server_name a;
           ssl_certificate %CERTS%/a.crt; ssl_certificate_key %CERTS%/a.key; }
         server { listen 127.0.0.1:%PORT% ssl; server_name ~^b(?<n>\\d)$;
           ssl_certificate %CERTS%/b.crt; ssl_certificate_key %CERTS%/b.key;
           location / { return 200 'b$n'; } }",
    );
    let shown = certs.s_client(server.addr(), &["-servername", "a"], &get("/"));
    assert!(shown.contains("subject=CN = a") || shown.contains("subject=CN=a"));
    let request = "GET / HTTP/1.0\r\nHost: b7\r\n\r\n";
    let shown = certs.s_client(server.addr(), &["-servername", "b7"], request);
    assert!(shown.contains("subject=CN = b") || shown.contains("subject=CN=b"));
    assert!(shown.contains("b7"), "{shown}");
    for arguments in [&["-noservername"][..], &["-servername", "other"]] {
        let refused = certs.s_client(server.addr(), arguments, "");
        assert!(refused.contains("unrecognized name"), "{refused}");
    }
}

#[test]
fn a_client_without_a_good_certificate_reaches_no_handler() {
    let certs = Certs::default()
        .self_signed("a")
        .self_signed("ca")
        .signed("client", "ca")
        .self_signed("stranger");
    let server = start(
        &certs,
        &format!(
            "{PAIR} ssl_client_certificate %CERTS%/ca.crt;
             server {{ listen 127.0.0.1:%PORT% ssl; ssl_verify_client on;
               location / {{ return 200 'in: $ssl_client_verify $ssl_client_s_dn'; }} }}
             server {{ listen 127.0.0.1:%PORT1% ssl; ssl_verify_client optional_no_ca;
               location / {{ return 200 'in: $ssl_client_verify'; }} }}"
        ),
    );
    for version in ["-tls1_2", "-tls1_3"] {
        let answer = |arguments: &[&str]| {
            body(
                &certs,
                &server,
                &[&[version], arguments].concat(),
                &get("/"),
            )
        };
        assert_eq!(
            answer(&["-cert", "client.crt", "-key", "client.key"]),
            "in: SUCCESS CN=client"
        );
        let none = answer(&[]);
        assert!(none.contains("No required SSL certificate"), "{none}");
        let bad = answer(&["-cert", "stranger.crt", "-key", "stranger.key"]);
        assert!(bad.contains("The SSL certificate error"), "{bad}");
        assert!(!bad.contains("in:") && !none.contains("in:"));
    }
    let arguments = ["-cert", "stranger.crt", "-key", "stranger.key"];
    let optional = certs.talk(server.addr_of("PORT1"), &arguments, &get("/"));
    assert!(optional.contains("in: FAILED:self"), "{optional}");
    server.wait_error_log("client SSL certificate verify error: (18:");
    let asked = certs.s_client(server.addr(), &[], &get("/"));
    assert!(asked.contains("Acceptable client certificate CA names"));
}

#[test]
fn a_resumed_session_is_judged_again() {
    let certs = Certs::default()
        .self_signed("a")
        .self_signed("ca")
        .signed("client", "ca");
    let server = start(
        &certs,
        &format!(
            "{PAIR} ssl_client_certificate %CERTS%/ca.crt; ssl_session_cache shared:S:1m;
             server {{ listen 127.0.0.1:%PORT% ssl; ssl_verify_client on;
               location / {{ return 200 'in $ssl_session_reused $ssl_client_serial'; }} }}"
        ),
    );
    let client = ["-cert", "client.crt", "-key", "client.key"];
    for version in ["-tls1_2", "-tls1_3"] {
        let first = [&client[..], &[version, "-sess_out", "s.pem"]].concat();
        let again = [&client[..], &[version, "-sess_in", "s.pem"]].concat();
        let one = body(&certs, &server, &first, &get("/"));
        let two = body(&certs, &server, &again, &get("/"));
        assert!(one.starts_with("in . "), "{one}");
        assert_eq!(two, one.replace("in . ", "in r "), "{version}");
        // The session of a client that showed none is resumed as such, and refused as such.
        let first = body(&certs, &server, &[version, "-sess_out", "n.pem"], &get("/"));
        let again = body(&certs, &server, &[version, "-sess_in", "n.pem"], &get("/"));
        assert!(first.contains("No required SSL certificate"), "{first}");
        assert!(again.contains("No required SSL certificate"), "{again}");
    }
}

#[test]
fn sessions_are_kept_as_the_configuration_says_and_never_cross_certificates() {
    let certs = Certs::default().self_signed("a").self_signed("b");
    let server = start(
        &certs,
        "ssl_session_timeout 1m;
         server { listen 127.0.0.1:%PORT% ssl; ssl_session_cache shared:S:1m;
           ssl_certificate %CERTS%/a.crt; ssl_certificate_key %CERTS%/a.key;
           location / { return 200 '$ssl_session_reused'; } }
         server { listen 127.0.0.1:%PORT1% ssl; ssl_session_cache shared:S:1m;
           ssl_certificate %CERTS%/b.crt; ssl_certificate_key %CERTS%/b.key;
           location / { return 200 '$ssl_session_reused'; } }
         server { listen 127.0.0.1:%PORT2% ssl;
           ssl_session_tickets off; ssl_session_cache builtin:100;
           ssl_certificate %CERTS%/a.crt; ssl_certificate_key %CERTS%/a.key;
           location / { return 200 '$ssl_session_reused'; } }
         server { listen 127.0.0.1:%PORT3% ssl; ssl_session_tickets off; ssl_session_cache off;
           ssl_certificate %CERTS%/a.crt; ssl_certificate_key %CERTS%/a.key;
           location / { return 200 '$ssl_session_reused'; } }",
    );
    for version in ["-tls1_2", "-tls1_3"] {
        let reused = |from: &str, to: &str| {
            let ask = |port: &str, option: &str| {
                let arguments = [version, option, "s.pem"];
                let text = certs.talk(server.addr_of(port), &arguments, &get("/"));
                text.trim_end().ends_with('r')
            };
            assert!(!ask(from, "-sess_out"), "{version} {from}");
            ask(to, "-sess_in")
        };
        assert!(reused("PORT", "PORT"), "{version}");
        assert!(!reused("PORT", "PORT1"), "{version}: another certificate");
        assert!(reused("PORT2", "PORT2"), "{version}: kept here");
        assert!(!reused("PORT3", "PORT3"), "{version}: kept nowhere");
    }
}

#[test]
fn a_request_for_another_server_that_wants_certificates_is_misdirected() {
    let certs = Certs::default().self_signed("a").self_signed("ca");
    let server = start(
        &certs,
        &format!(
            "{PAIR} server {{ listen 127.0.0.1:%PORT% ssl; server_name open;
               error_page 421 @wrong;
               location @wrong {{ return 200 \"421 of $server_name\"; }}
               location / {{ return 200 open; }} }}
             server {{ listen 127.0.0.1:%PORT% ssl; server_name closed;
               ssl_verify_client optional; ssl_trusted_certificate %CERTS%/ca.crt;
               ssl_verify_depth 3; location / {{ return 200 closed; }} }}"
        ),
    );
    let closed = "GET / HTTP/1.0\r\nHost: closed\r\n\r\n";
    let misdirected = body(&certs, &server, &["-servername", "open"], closed);
    assert_eq!(misdirected, "421 of open");
    let direct = body(&certs, &server, &["-servername", "closed"], closed);
    assert_eq!(direct, "closed");
}

#[test]
fn a_certificate_that_one_server_trusts_opens_no_other() {
    let certs = Certs::default()
        .self_signed("a")
        .self_signed("one")
        .self_signed("two")
        .signed("client", "one")
        .signed("other", "two");
    let server = start(
        &certs,
        &format!(
            "{PAIR} ssl_verify_client on;
             server {{ listen 127.0.0.1:%PORT% ssl; server_name first;
               ssl_client_certificate %CERTS%/one.crt; location / {{ return 200 in-first; }} }}
             server {{ listen 127.0.0.1:%PORT% ssl; server_name same;
               ssl_client_certificate %CERTS%/one.crt; location / {{ return 200 in-same; }} }}
             server {{ listen 127.0.0.1:%PORT% ssl; server_name second;
               ssl_client_certificate %CERTS%/two.crt; location / {{ return 200 in-second; }} }}"
        ),
    );
    let asks = |host: &str| format!("GET / HTTP/1.0\r\nHost: {host}\r\n\r\n");
    let client = ["-cert", "client.crt", "-key", "client.key"];
    for name in [&["-noservername"][..], &["-servername", "nobody"]] {
        for version in ["-tls1_2", "-tls1_3"] {
            let arguments = [&client[..], name, &[version]].concat();
            let answer = |host| body(&certs, &server, &arguments, &asks(host));
            assert_eq!(answer("first"), "in-first");
            assert_eq!(answer("same"), "in-same");
            let refused = answer("second");
            assert!(refused.contains("The SSL certificate error"), "{refused}");
        }
    }
    let other = [
        "-cert",
        "other.crt",
        "-key",
        "other.key",
        "-servername",
        "second",
    ];
    let direct = body(&certs, &server, &other, &asks("second"));
    assert_eq!(direct, "in-second");
}

#[test]
fn a_host_that_nobody_has_is_the_default_servers_whatever_the_handshake_named() {
    let certs = Certs::default().self_signed("a");
    let server = start(
        &certs,
        &format!(
            "{PAIR} server {{ listen 127.0.0.1:%PORT% ssl; location / {{ return 200 default; }} }}
             server {{ listen 127.0.0.1:%PORT% ssl; server_name named;
               location / {{ return 200 named; }} }}"
        ),
    );
    let named = ["-servername", "named"];
    let answer = |request: &str| body(&certs, &server, &named, request);
    assert_eq!(answer("GET / HTTP/1.0\r\nHost: named\r\n\r\n"), "named");
    assert_eq!(answer("GET / HTTP/1.0\r\n\r\n"), "default");
    assert_eq!(answer("GET / HTTP/1.0\r\nHost: nobody\r\n\r\n"), "default");
}

#[test]
fn keys_may_be_encrypted_and_certificates_named_by_variables() {
    let certs = Certs::default().self_signed("a").self_signed("b");
    certs.openssl(&[
        "pkcs8",
        "-topk8",
        "-in",
        "a.key",
        "-out",
        "enc.key",
        "-passout",
        "pass:secret",
    ]);
    std::fs::write(certs.file("words"), "wrong\nsecret\n").expect("file written");
    // What variables name is read by the worker, as its user.
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(certs.file("b.key"), readable).expect("file written");
    let server = start(
        &certs,
        "ssl_password_file %CERTS%/words; ssl_certificate_cache max=4 inactive=1m;
         server { listen 127.0.0.1:%PORT% ssl;
           ssl_certificate %CERTS%/a.crt; ssl_certificate_key %CERTS%/enc.key; }
         server { listen 127.0.0.1:%PORT1% ssl;
           ssl_certificate %CERTS%/$ssl_server_name.crt;
           ssl_certificate_key %CERTS%/$ssl_server_name.key; }",
    );
    let shown = certs.s_client(server.addr(), &[], &get("/"));
    assert!(
        shown.contains("CN = a") || shown.contains("CN=a"),
        "{shown}"
    );
    for _ in 0..2 {
        let arguments = ["-servername", "b"];
        let shown = certs.s_client(server.addr_of("PORT1"), &arguments, &get("/"));
        assert!(
            shown.contains("CN = b") || shown.contains("CN=b"),
            "{shown}"
        );
    }
    let refused = certs.s_client(server.addr_of("PORT1"), &["-servername", "c"], "");
    assert!(refused.contains("internal error"), "{refused}");
    server.wait_error_log("cannot load certificate \"");
}

#[test]
fn a_key_of_another_certificate_is_found_before_anything_starts() {
    let certs = Certs::default().self_signed("a").self_signed("b");
    let conf = "events {} http { server { listen 127.0.0.1:1 ssl;
        ssl_certificate %CERTS%/a.crt;
        ssl_certificate_key %CERTS%/b.key; } }";
    let conf = conf.replace("%CERTS%", &certs.dir().display().to_string());
    let file = certs.file("nginx.conf");
    std::fs::write(&file, conf).expect("file written");
    let output = portway().run(&["-t", "-c", &file.display().to_string()]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("b.key\": key values mismatch"), "{said}");
    assert!(said.contains("nginx.conf:3"), "{said}");
}

#[test]
fn bulk_and_tunnels_pass_through_tls() {
    let certs = Certs::default().self_signed("a");
    let upstream = Upstream::serving(|peer| {
        if peer.read_head().is_none() {
            return;
        }
        peer.send(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
        let Some(bytes) = peer.read_some() else {
            return;
        };
        peer.send(&bytes);
        peer.send(&vec![b'x'; 300_000]);
        peer.send(b"end");
    });
    let conf = format!(
        "events {{}} http {{ {PAIR} server {{ listen 127.0.0.1:%PORT% ssl; root %DIR%;
           location /t {{ proxy_pass http://%UPSTREAM%; proxy_http_version 1.1;
             proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }} }} }}"
    );
    let server = Setup::new(&conf)
        .with("CERTS", certs.dir().display())
        .with("UPSTREAM", upstream.addr())
        .file("big", vec![b'y'; 1_000_000])
        .start(&portway());
    let big = body(&certs, &server, &[], &get("/big"));
    assert_eq!(big.len(), 1_000_000);
    let ask = "GET /t HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello";
    let tunnel = body(&certs, &server, &[], ask);
    assert!(tunnel.starts_with("hellox") && tunnel.ends_with("xend"));
    assert_eq!(tunnel.len(), 300_008);
}

#[test]
fn a_revoked_certificate_is_refused_and_a_trusted_one_may_sign_itself() {
    let certs = Certs::default()
        .self_signed("a")
        .self_signed("ca")
        .self_signed("own")
        .signed("good", "ca")
        .signed("bad", "ca");
    std::fs::write(
        certs.file("ca.conf"),
        "[ca]\ndefault_ca=x\n[x]\ndatabase=index\ndefault_md=sha256\ndefault_crl_days=3\n",
    )
    .expect("file written");
    std::fs::write(certs.file("index"), "").expect("file written");
    let ca = [
        "-config", "ca.conf", "-cert", "ca.crt", "-keyfile", "ca.key",
    ];
    certs.openssl(&[&["ca", "-revoke", "bad.crt"], &ca[..]].concat());
    certs.openssl(&[&["ca", "-gencrl", "-out", "ca.crl"], &ca[..]].concat());
    let server = start(
        &certs,
        &format!(
            "{PAIR} ssl_verify_client optional; ssl_client_certificate %CERTS%/ca.crt;
             server {{ listen 127.0.0.1:%PORT% ssl; ssl_crl %CERTS%/ca.crl;
               location / {{ return 200 $ssl_client_verify; }} }}
             server {{ listen 127.0.0.1:%PORT1% ssl; ssl_trusted_certificate %CERTS%/own.crt;
               location / {{ return 200 '$ssl_client_verify $ssl_client_sigalg'; }} }}"
        ),
    );
    let answer = |port: &str, name: &str| {
        let (file, key) = (format!("{name}.crt"), format!("{name}.key"));
        let arguments = ["-cert", &file, "-key", &key];
        certs.talk(server.addr_of(port), &arguments, &get("/"))
    };
    assert!(answer("PORT", "good").ends_with("SUCCESS"));
    assert!(answer("PORT", "bad").contains("The SSL certificate error"));
    server.wait_error_log("(23:certificate revoked)");
    let own = answer("PORT1", "own");
    assert!(own.ends_with("SUCCESS ecdsa_secp256r1_sha256"), "{own}");
    assert!(answer("PORT1", "good").contains("SUCCESS"));
}

/// Answers every OCSP request with the same response, which `openssl` made.
fn responder(certs: &Certs, name: &str) -> Upstream {
    let file = certs.file(name);
    Upstream::serving(move |peer| {
        if peer.read_head().is_none() {
            return;
        }
        let response = std::fs::read(&file).unwrap_or_default();
        peer.send(b"HTTP/1.0 200 OK\r\n\r\n");
        peer.send(&response);
    })
}

/// Has the authority sign what it says of a certificate.
fn sign_status(certs: &Certs, name: &str, index: &str) {
    std::fs::write(certs.file("index"), index).expect("the folder is ours");
    let file = format!("{name}.crt");
    certs.openssl(&[
        "ocsp",
        "-issuer",
        "ca.crt",
        "-cert",
        &file,
        "-reqout",
        "request.der",
        "-no_nonce",
    ]);
    certs.openssl(&[
        "ocsp",
        "-index",
        "index",
        "-CA",
        "ca.crt",
        "-rsigner",
        "ca.crt",
        "-rkey",
        "ca.key",
        "-reqin",
        "request.der",
        "-respout",
        "new.der",
        "-ndays",
        "1",
    ]);
    std::fs::rename(certs.file("new.der"), certs.file("status.der")).expect("it was made");
}

/// A line of an authority's index for certificate number 5.
fn index_line(state: &str, revoked: &str) -> String {
    format!("{state}\t301231235959Z\t{revoked}\t05\tunknown\t/CN=client\n")
}

#[test]
fn responders_are_asked_about_clients_and_our_own_certificate_is_stapled() {
    let certs = Certs::default().self_signed("ca").signed("client", "ca");
    certs.openssl(&[
        "x509",
        "-req",
        "-in",
        "client.csr",
        "-CA",
        "ca.crt",
        "-CAkey",
        "ca.key",
        "-set_serial",
        "5",
        "-days",
        "9",
        "-out",
        "client.crt",
    ]);
    sign_status(&certs, "client", &index_line("V", ""));
    let asked = responder(&certs, "status.der");
    let conf = "events {} http {
        ssl_certificate %CERTS%/client.crt; ssl_certificate_key %CERTS%/client.key;
        ssl_trusted_certificate %CERTS%/ca.crt;
        server { listen 127.0.0.1:%PORT% ssl; ssl_verify_client on; ssl_ocsp on;
          ssl_ocsp_responder http://%ASKED%/; location / { return 200 in; } }
        server { listen 127.0.0.1:%PORT1% ssl; ssl_verify_client on; ssl_ocsp leaf;
          ssl_ocsp_responder http://%ASKED%/; ssl_ocsp_cache shared:O:1m;
          location / { return 200 in; } }
        server { listen 127.0.0.1:%PORT2% ssl; ssl_stapling on; ssl_stapling_verify on;
          ssl_stapling_responder http://%ASKED%/x; }
        server { listen 127.0.0.1:%PORT3% ssl; ssl_stapling on;
          ssl_stapling_file %CERTS%/status.der; } }";
    let server = Setup::new(conf)
        .with("CERTS", certs.dir().display())
        .with("ASKED", asked.addr())
        .start(&portway());
    let client = ["-cert", "client.crt", "-key", "client.key"];
    let answer = |port: &str| certs.talk(server.addr_of(port), &client, &get("/"));
    assert!(answer("PORT").ends_with("in"));
    assert!(answer("PORT1").ends_with("in"));
    let stapled = |port: &str| {
        let shown = certs.s_client(server.addr_of(port), &["-status"], &get("/"));
        shown.contains("OCSP Response Status: successful")
    };
    assert!(stapled("PORT3"));
    testkit::wait_true("the response is stapled", || stapled("PORT2"));
    sign_status(&certs, "client", &index_line("R", "260101000000Z"));
    assert!(answer("PORT").contains("The SSL certificate error"));
    server.wait_error_log("client SSL certificate verify error: certificate revoked");
    assert!(answer("PORT1").ends_with("in"), "what was said holds");
    std::fs::remove_file(certs.file("status.der")).expect("file written");
    assert!(answer("PORT").contains("The SSL certificate error"));
    server.wait_error_log("certificate status request failed");
}

#[test]
fn a_named_cache_outlives_a_reload() {
    let certs = Certs::default().self_signed("a");
    let conf = |generation: u32| {
        format!(
            "events {{}} http {{ server {{ listen 127.0.0.1:%PORT% ssl; {PAIR}
               ssl_session_cache shared:S:1m; ssl_session_tickets off;
               location / {{ return 200 '{generation} $ssl_session_reused'; }} }} }}"
        )
    };
    let server = Setup::new(&conf(1))
        .with("CERTS", certs.dir().display())
        .start(&portway());
    let first = body(
        &certs,
        &server,
        &["-tls1_2", "-sess_out", "s.pem"],
        &get("/"),
    );
    assert_eq!(first, "1 .");
    server.reload(&conf(2));
    testkit::wait_true("the new configuration serves", || {
        body(&certs, &server, &["-tls1_2"], &get("/")) == "2 ."
    });
    let again = body(
        &certs,
        &server,
        &["-tls1_2", "-sess_in", "s.pem"],
        &get("/"),
    );
    assert_eq!(again, "2 r");
}
