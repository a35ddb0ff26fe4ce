//! Lines that distributions and certificate tools write, and lines with mistakes.

use std::path::PathBuf;

use conf::bundle::{Bundle, File};

/// The messages for a line in a server, or in `http`.
fn messages(line: &str) -> Vec<String> {
    let mut bundle = Bundle {
        conf_file: PathBuf::from("/conf/nginx.conf"),
        ..Bundle::default()
    };
    let mut add = |name: &str, text: &[u8]| {
        let file = File {
            text: text.into(),
            mode: 0o600,
        };
        bundle.files.insert(PathBuf::from(name), Ok(file));
    };
    let text = format!("http {{ server {{ {line} }} }}");
    add("/conf/nginx.conf", text.as_bytes());
    add(
        "/conf/cert.pem",
        b"x\n-----BEGIN CERTIFICATE-----\r\nAA==\n-----END CERTIFICATE-----\n",
    );
    add(
        "/etc/key.pem",
        b"-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----\n",
    );
    add("/conf/ticket", &[0; 80]);
    let missing = Err("2: No such file or directory".to_owned());
    bundle.files.insert("/conf/missing".into(), missing);
    let tree = conf::parse(&bundle);
    assert_eq!(tree.errors, [], "{line}");
    let (_, diagnostics) = crate::compile(&tree.items[0], &bundle, Vec::new());
    assert!(bundle.take_wants().is_empty(), "{line}");
    diagnostics
        .into_iter()
        .map(|diagnostic| diagnostic.message)
        .collect()
}

#[test]
fn what_distributions_write_loads() {
    for line in [
        "ssl_certificate $ssl_server_name.crt; ssl_certificate_key data:$arg_key;",
        "ssl_protocols TLSv1.2 TLSv1.3; ssl_prefer_server_ciphers off;",
        "ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:HIGH:!aNULL:@SECLEVEL=1;",
        "ssl_session_cache shared:le_nginx_SSL:10m; ssl_session_timeout 1440m;",
        "ssl_session_cache builtin:1000 shared:SSL:10m; ssl_session_tickets off;",
        "ssl_session_ticket_key ticket; ssl_buffer_size 4k;",
        "ssl_ecdh_curve X25519MLKEM768:x25519:prime256v1; ssl_reject_handshake on;",
        "ssl_stapling on; ssl_stapling_verify on; ssl_trusted_certificate cert.pem;",
        "ssl_client_certificate cert.pem; ssl_verify_client optional; ssl_verify_depth 2;",
        "ssl_ocsp off; ssl_ocsp_cache shared:o:1m; ssl_ocsp_responder http://127.0.0.1/;",
        "ssl_certificate_cache max=10 inactive=1m valid=1h;",
        "location / { proxy_ssl_server_name on; proxy_ssl_name $host; proxy_ssl_verify on;
           proxy_ssl_trusted_certificate cert.pem; proxy_ssl_certificate \"\"; }",
        "add_header X-Verify $ssl_client_verify; add_header X-Cipher $ssl_cipher;",
    ] {
        assert_eq!(messages(line), [""; 0], "{line}");
    }
}

#[test]
fn mistakes_are_told() {
    for (line, message) in [
        (
            "ssl_certificate missing;",
            "cannot load certificate \"/conf/missing\": open() failed (2: No such file or directory)",
        ),
        (
            "ssl_certificate cert.pem;",
            "no \"ssl_certificate_key\" is defined for certificate \"/conf/cert.pem\"",
        ),
        (
            "ssl_certificate data:x;",
            "cannot load certificate \"data:x\": there is none in the file",
        ),
        (
            "listen 443 ssl;",
            "no \"ssl_certificate\" is defined for the \"listen ... ssl\" directive",
        ),
        (
            "ssl_certificate $arg_c; ssl_certificate_key $arg_k; ssl_verify_client on;",
            "no ssl_client_certificate or ssl_trusted_certificate for ssl_verify_client",
        ),
        (
            "ssl_protocols SSLv3 TLSv1;",
            "none of these versions of TLS is supported",
        ),
        (
            "ssl_protocols TLSv1.1 TLSv1.2;",
            "TLSv1.1 is not supported and is left out",
        ),
        (
            "ssl_ecdh_curve secp521r1:X25519;",
            "some groups of \"secp521r1:X25519\" are not supported and are left out",
        ),
        (
            "ssl_early_data on;",
            "\"ssl_early_data\" has no effect: requests wait for the handshake, which is always right",
        ),
        (
            "ssl_conf_command Options KTLS,PrioritizeChaCha;",
            "\"ssl_conf_command\" is for OpenSSL, which is not here; \"PrioritizeChaCha\" is ignored",
        ),
        (
            "ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;",
            "\"ssl_conf_command\" is for OpenSSL, which is not here; it is ignored",
        ),
        (
            "ssl_certificate ticket;",
            "cannot load certificate \"ticket\": there is none in the file",
        ),
        (
            "ssl_certificate_key cert.pem;",
            "cannot load certificate key \"cert.pem\": there is none in the file",
        ),
        (
            "ssl_certificate_key engine:e:id;",
            "certificate key \"engine:e:id\" is in an engine, which is not supported",
        ),
        (
            "ssl_certificate_key $nothing;",
            "unknown \"nothing\" variable",
        ),
        (
            "ssl_protocols TLSv1.2 TLSv2;",
            "invalid value \"TLSv2\" in \"ssl_protocols\" directive",
        ),
    ] {
        assert_eq!(messages(line), [message], "{line}");
    }
}

#[test]
fn mistakes_in_values_are_told() {
    for (line, message) in [
        (
            "ssl_ecdh_curve X25519:X2;",
            "unknown curve \"X2\" in \"ssl_ecdh_curve\" directive",
        ),
        (
            "ssl_session_ticket_key cert.pem;",
            "\"cert.pem\" must be 48 or 80 bytes",
        ),
        (
            "ssl_session_cache shared:S;",
            "invalid session cache \"shared:S\"",
        ),
        (
            "ssl_session_cache shared:S:1k;",
            "session cache \"shared:S:1k\" is too small",
        ),
        ("ssl_ocsp_cache on;", "invalid OCSP cache \"on\""),
        (
            "ssl_verify_client maybe;",
            "invalid value \"maybe\" in \"ssl_verify_client\" directive",
        ),
        (
            "ssl_certificate_cache valid=1m;",
            "\"ssl_certificate_cache\" must have the \"max\" parameter",
        ),
        (
            "ssl_certificate_cache max=0;",
            "invalid parameter \"max=0\"",
        ),
        (
            "ssl_ciphers \"\";",
            "invalid value \"\" in \"ssl_ciphers\" directive",
        ),
        (
            "location / { ssl_protocols TLSv1.3; }",
            "\"ssl_protocols\" directive is not allowed here",
        ),
    ] {
        assert_eq!(messages(line), [message], "{line}");
    }
}
