//! Mistakes about credentials and certificates, found before anything is served.

use super::*;

fn check(server: &str, inside: &str, secrets: &str, mode: u32) -> String {
    let certs = certs();
    let setup = Setup::new("").file("secrets", secrets);
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(setup.path().join("secrets"), mode).expect("the test's own file");
    let inside = inside.replace("%CERTS%", &certs.dir().display().to_string());
    let conf = format!(
        "events {{ }} http {{ access_log off; server {{ listen 127.0.0.1:0; {server}
            location / {{ vnc_pass a:1; {inside} }} }} }}"
    );
    let file = setup.path().join("check.conf");
    std::fs::write(&file, conf).expect("the test's own folder");
    let output = portway().run(&["-t", "-e", "stderr", "-c", &file.display().to_string()]);
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn each_mistake_is_said_with_its_remedy() {
    let cases = [
        ("vnc_tls maybe;", "invalid value \"maybe\""),
        ("vnc_login_limit 0;", "invalid value \"0\""),
        ("vnc_login_limit 3 wait=0;", "invalid parameter \"wait=0\""),
        ("vnc_login_limit off wait=1s;", "invalid parameter"),
        ("vnc_ssl_fingerprint abc;", "\"abc\" is not a fingerprint"),
        ("vnc_ssl_trusted_certificate none;", "No such file"),
        (
            "vnc_ssl_trusted_certificate secrets;",
            "no certificate in it",
        ),
        (
            "vnc_ssl_certificate %CERTS%/desk.crt;",
            "no \"vnc_ssl_certificate_key\" is defined",
        ),
        (
            "vnc_ssl_certificate_key %CERTS%/desk.key;",
            "no \"vnc_ssl_certificate\" is defined",
        ),
        (
            "vnc_ssl_certificate %CERTS%/desk.crt; vnc_ssl_certificate_key %CERTS%/other.key;",
            "key values mismatch",
        ),
        ("vnc_ssl_crl none;", "No such file"),
        ("vnc_ssl_crl secrets;", "cannot load CRL"),
        ("vnc_ssl_protocols TLSv1.4;", "invalid value \"TLSv1.4\""),
        ("vnc_ssl_protocols TLSv1;", "none of these versions"),
        ("vnc_ssl_ciphers \"a b;\";", "invalid value"),
        (
            "vnc_ssl_protocols TLSv1.2; vnc_ssl_ciphers NONE;",
            "\"vnc_ssl_ciphers\" has none for TLS 1.2",
        ),
        ("vnc_probe on;", "invalid value \"on\""),
        ("vnc_probe auth interval=0;", "invalid parameter"),
        ("vnc_probe off interval=1s;", "invalid parameter"),
        ("vnc_send_timeout soon;", "invalid value \"soon\""),
        ("vnc_credentials_file none;", "No such file"),
        (
            "vnc_credentials_file secrets;",
            "something else than \"user=\" and \"password=\" in line 1",
        ),
    ];
    for (inside, said) in cases {
        let output = check("", inside, "a:1 secret\n", 0o600);
        assert!(output.contains(said), "{inside}: {output}");
        assert!(!output.contains("a:1 secret"), "{output}");
    }
}

#[test]
fn a_secret_that_everybody_may_read_or_replace_is_none() {
    let directives = [
        ("vnc_credentials_file", "the file of credentials"),
        ("vnc_password_file", "the password file"),
        ("auth_basic_cookie_key", "the key"),
    ];
    for (directive, what) in directives {
        let inside = format!("{directive} secrets;");
        for mode in [0o644, 0o604, 0o602] {
            let output = check("", &inside, &"# x".repeat(20), mode);
            let said = format!("{what} is open to everybody (mode {mode:03o})");
            assert!(output.contains(&said), "{output}");
            assert!(output.contains("/secrets\": the"), "{output}");
            assert!(output.contains("check.conf:2"), "{output}");
        }
        let output = check("", &inside, &"# x".repeat(20), 0o660);
        assert!(!output.contains("open to everybody"), "{output}");
        let long = check("", &inside, &"# x\n".repeat(5 << 20), 0o600);
        assert!(long.contains(&format!("{what} is too long")), "{long}");
        let none = check("", &format!("{directive} none;"), "", 0o600);
        assert!(none.contains("none\" failed (2: No such file"), "{none}");
    }
}

#[test]
fn credentials_for_whoever_comes_are_warned_about() {
    let warning = "stored credentials without access control";
    let certs = "vnc_ssl_certificate %CERTS%/desk.crt; \
                 vnc_ssl_certificate_key %CERTS%/desk.key;";
    let secrets = "vnc_credentials_file secrets;";
    for inside in [secrets, certs, "vnc_password_file secrets;"] {
        let output = check("", inside, "a:1 password=x\n", 0o600);
        assert!(output.contains(warning), "{inside}: {output}");
        let guarded = format!("{inside} allow 10.0.0.0/8; deny all;");
        let output = check("", &guarded, "a:1 password=x\n", 0o600);
        assert!(!output.contains(warning), "{inside}: {output}");
    }
    for guard in ["auth_request /x;", "vnc_role $role;"] {
        let inside = format!("set $role view; {secrets} {guard}");
        let output = check("", &inside, "", 0o600);
        assert!(!output.contains(warning), "{guard}: {output}");
    }
}

#[test]
fn a_probe_that_asks_no_machine_is_warned_about() {
    let warning = "\"vnc_probe auth\" asks no machine";
    let output = check("", "vnc_probe auth;", "", 0o600);
    assert!(output.contains(warning), "{output}");
    for inside in [
        "vnc_probe auth; vnc_password_file secrets;",
        "vnc_probe auth; vnc_credentials_file secrets;",
        "vnc_probe off;",
    ] {
        let output = check("", inside, "a:1 password=x\n", 0o600);
        assert!(!output.contains(warning), "{inside}: {output}");
    }
}
