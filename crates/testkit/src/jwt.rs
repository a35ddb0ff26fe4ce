//! Signed tokens, made with Debian's `openssl`.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The secret in base64url, as a file of keys holds it.
pub const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";

/// The same in hexadecimal.
const SECRET_HEX: &str = "3031323334353637383961626364656630313233343536373839616263646566";

/// A token of claims, signed with [`SECRET`] by HS256.
///
/// # Panics
/// When `openssl` cannot be run.
#[must_use]
pub fn signed(claims: &str) -> String {
    signed_as(r#"{"alg":"HS256","kid":"test"}"#, claims)
}

/// The same with a header of the test's choice.
///
/// # Panics
/// When `openssl` cannot be run.
#[must_use]
pub fn signed_as(header: &str, claims: &str) -> String {
    let text = format!(
        "{}.{}",
        base64url(header.as_bytes()),
        base64url(claims.as_bytes())
    );
    let key = format!("hexkey:{SECRET_HEX}");
    let arguments = [
        "dgst", "-sha256", "-mac", "HMAC", "-macopt", &key, "-binary",
    ];
    let mut openssl = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl can be run");
    let mut input = openssl.stdin.take().expect("it is piped");
    input.write_all(text.as_bytes()).expect("openssl reads");
    drop(input);
    let output = openssl.wait_with_output().expect("openssl ends");
    assert!(output.status.success());
    format!("{text}.{}", base64url(&output.stdout))
}

/// Seconds since 1970, so much later than now.
///
/// # Panics
/// Before 1970.
#[must_use]
pub fn seconds_in(later: Duration) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    (now.expect("it is after 1970") + later).as_secs()
}

/// Bytes in base64 for URLs, without padding.
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let mut bits = [0; 3];
        bits[..group.len()].copy_from_slice(group);
        let number = u32::from_be_bytes([0, bits[0], bits[1], bits[2]]);
        for at in 0..=group.len() {
            let index = number >> (18 - 6 * at) & 63;
            out.push(char::from(LETTERS[index as usize]));
        }
    }
    out
}
