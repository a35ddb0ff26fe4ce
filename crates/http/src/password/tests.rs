//! What crypt(3), openssl and htpasswd made of known passwords.

use super::*;

const LONG: &str =
    "a much longer password, well over 64 bytes, so that every branch of the loops is taken";

fn fits(stored: &str, password: impl AsRef<[u8]>) -> bool {
    verify(stored.as_bytes(), password.as_ref()).expect("a known kind")
}

#[test]
fn every_kind_knows_its_password_and_no_other() {
    for (stored, password) in [
        ("{PLAIN}password", "password"),
        ("{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "password"),
        ("{SSHA}yI6cZwQadOA1e+/f+T+H3eCQQhRzYWx0", "password"),
        ("$apr1$salt$Xxd1irWT9ycqoYxGFn4cb.", "password"),
        ("$apr1$12345678$.hRagY0cqlIQB2O06U5HD1", LONG),
        ("$1$salt$qJH7.N4xYta3aEG/dfqo/0", "password"),
        ("$1$$I2o9Z7NcvQAKp7wyCTlia0", "password"),
        ("$1$longsalt$fz05el41J86uatWCb5Lal.", LONG),
        ("sa3tHJ3/KuYvI", "password"),
        ("..U2c90Y1s2BM", "a much longer password than eight"),
        ("abmF1QH4PEr.E", ""),
        (
            "$5$saltstring$OH4IDuTlsuTYPdED1gsuiRMyTAwNlRWyA6Xr3I4/dQ5",
            "password",
        ),
        (
            "$6$rounds=1400$anotherlongsalts$PAZqpKUKGek9w8oPgIGPxV0Y72OmDpdCthOX9H9O.5R1UbUeZcZS09\
             hlVOfEnTt.66Pdgt7Jvf5Fcex6JIQox/",
            "password",
        ),
        (
            "$2b$05$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu",
            "password",
        ),
        (
            "$2a$05$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu",
            "password",
        ),
        (
            "$2y$05$abcdefghijklmnopqrstuuWG29KuyeAicPCJODk1zjyGvyQUU2awu",
            "password",
        ),
        (
            "$y$j75$WZaPV7LSUEKMo34.$Gpdq/y8cA8PpexB5szy/H6O9DE6K2nX9g//dT8TT4d5",
            "password",
        ),
        (
            "$y$j75$$MY7LY7iSiXDbIK//WLX8B9MRa5LUgGVUicMJCn3sKE1",
            "password",
        ),
    ] {
        assert!(fits(stored, password), "{stored}");
        assert!(!fits(stored, "Password"), "{stored}");
        assert!(!fits(stored, "x"), "{stored}");
    }
}

#[test]
fn passwords_are_bytes() {
    assert!(fits("/95mL3R53SS62", b"\xe4\xf6\xff"));
    let stored = "$5$rounds=1000$x$xj323RA.oK3UB4Hu9IMO9O6plDI.EgBiZnU/t6gTKPC";
    assert!(fits(stored, b"p\xe4ss"));
    assert!(!fits(stored, b"p\xc3\xa4ss"));
}

#[test]
fn traditional_passwords_end_after_eight_letters() {
    assert!(fits("sa3tHJ3/KuYvI", "password, and more"));
    assert!(!fits("sa3tHJ3/KuYvI", "passwor"));
}

#[test]
fn what_is_damaged_fits_nothing() {
    for stored in [
        "$1$",
        "$apr1$",
        "$5$",
        "$6$",
        "$6$rounds=",
        "$6$rounds=1000",
        "{SHA}Zm9vCg==",
        "{SSHA}Zm9vCg==",
        "{SHA}_____Mm5Pz8GgiULbPgzG37mj9g=",
        "{SSHA}_____wQadOA1e+/f+T+H3eCQQhRzYWx0",
        "{SHA}",
        "secret",
        "{SHA}yI6cZwQadOA1e+/f+T+H3eCQQhRzYWx0",
        "sa3tHJ3/KuYv",
        "sa",
    ] {
        for password in ["1", "", "password", stored] {
            assert!(!fits(stored, password), "{stored}");
        }
    }
}

#[test]
fn unknown_kinds_are_errors() {
    for stored in [
        "",
        "x",
        "{MD5}x",
        "$y$",
        "$y$j9T",
        "$y$x",
        "$y$jzT$saltsalt$x",
        "$y$j9T$x",
        "$2b$",
        "$2b$99$",
        "$2b$05$short",
        "*",
        "!a",
    ] {
        assert_eq!(
            verify(stored.as_bytes(), b"password"),
            Err(Error::UnknownKind),
            "{stored}"
        );
    }
}

#[test]
fn overlong_passwords_and_those_with_nul_fit_no_hash() {
    assert!(!fits("sa3tHJ3/KuYvI", b"password\0"));
    assert!(!fits("$1$salt$qJH7.N4xYta3aEG/dfqo/0", b"password\0"));
    let stored = [b"$6$x$".as_slice(), &[b'.'; 86]].concat();
    assert_eq!(verify(&stored, &[b'x'; 1 << 20]), Ok(false));
}

#[test]
fn comparing_is_about_all_bytes() {
    assert!(equal(b"", b""));
    assert!(equal(b"abc", b"abc"));
    assert!(!equal(b"abc", b"abd"));
    assert!(!equal(b"abc", b"ab"));
    assert!(!equal(b"", b"a"));
}
