//! Machines that prove who they are: by a key that the person approves, or a certificate that the
//! gateway judges.

use testkit::desktop::{Access, Desktop, Place, Secure};
use testkit::ports::free_port;
use testkit::process::run_ok;
use testkit::tls::Certs;
use testkit::{Scratch, Upstream};

use super::stage::{browser, gateway, page, picture};

/// The bytes of a public key as RSA-AES sends them (rfbproto, "RSA-AES Security Type"): the length
/// in bits, the modulus, the exponent. Nobody has the private half; it is never needed here.
fn public_key(seed: u8) -> Vec<u8> {
    let mut key = 1024_u32.to_be_bytes().to_vec();
    key.push(0xc0 | seed);
    key.extend(std::iter::repeat_n(0x5a ^ seed, 126));
    key.push(0x01);
    key.extend([0; 125]);
    key.extend([1, 0, 1]);
    key
}

/// A machine that offers RSA-AES without encryption (type 6) and shows this key. What the viewer
/// sends once it is approved is what the test awaits.
fn machine(key: Vec<u8>) -> Upstream {
    Upstream::serving(move |peer| {
        peer.send(b"RFB 003.008\n");
        peer.read_exact(12);
        peer.send(&[1, 6]);
        peer.read_exact(1);
        peer.send(&key);
        // The viewer's own key, which it sends only to a machine that the person trusts.
        if peer.read_exact(4).is_some() {
            peer.finish();
        }
    })
}

/// SHA-256 in pairs, as the page shows it.
fn fingerprint(key: &[u8]) -> String {
    let files = Scratch::new("key");
    let file = files.path().join("key");
    std::fs::write(&file, key).expect("the test's own folder");
    let sum = run_ok(std::process::Command::new("sha256sum").arg(file));
    let digits = sum.split(' ').next().unwrap_or_default();
    let pairs: Vec<&str> = (0..digits.len())
        .step_by(2)
        .map(|at| &digits[at..at + 2])
        .collect();
    pairs.join(":")
}

#[test]
fn a_machine_s_key_is_shown_approved_remembered_and_missed_when_it_changes() {
    let (first, second) = (public_key(1), public_key(2));
    let machine_one = machine(first.clone());
    let server = gateway(&machine_one.addr().to_string(), "");
    let address = page(&server, "?reconnect=0");
    let mut browser = browser();
    browser.open(&address);
    let text = browser.wait_text("Do you know this machine?");
    assert!(text.contains(&fingerprint(&first)), "{text}");
    browser.assert_accessible();
    browser.screenshot(&picture("identity.png"));
    browser.click_on("text=Cancel");
    browser.wait_text("You are disconnected");

    // Approved once, it is not asked about again.
    browser.open(&address);
    browser.click_on("text=It is the right one");
    machine_one.wait_received(1, "\0\0\u{8}\0");
    browser.open(&address);
    machine_one.wait_received(2, "\0\0\u{8}\0");

    // Another key at the same address is no matter of course.
    let machine_two = machine(second.clone());
    server.reload(
        &super::stage::GATEWAY
            .replace("%TARGET%", &machine_two.addr().to_string())
            .replace("%INSIDE%", ""),
    );
    testkit::wait_true("the other machine", || {
        browser.open(&address);
        browser.wait("document.querySelector('.card:not(.progress)')");
        browser
            .evaluate("visibleText()")
            .contains("This machine has changed its key")
    });
    let text = browser.evaluate("visibleText()");
    assert!(text.contains(&fingerprint(&second)), "{text}");
    browser.assert_accessible();
    browser.screenshot(&picture("identity-changed.png"));
}

#[test]
fn a_certificate_that_the_gateway_does_not_trust_is_told_in_words() {
    let certs = Certs::default().self_signed_rsa("desk");
    let port = free_port();
    let place = Place {
        host: None,
        address: "127.0.0.1",
        port,
    };
    let (certificate, key) = (certs.file("desk.crt"), certs.file("desk.key"));
    let access = Access::Secure(Secure {
        types: "X509None",
        user: "ann",
        password: "secret12",
        certificate: &certificate,
        key: &key,
        failures: 5,
    });
    let _desktop = Desktop::tigervnc(place, access);
    let server = gateway(&format!("127.0.0.1:{port}"), "");
    let mut browser = browser();
    browser.open(&page(&server, "?reconnect=0"));
    browser.wait_text("The desktop's certificate is not trusted here.");
    browser.screenshot(&picture("untrusted.png"));
    browser.open(&page(&server, "?reconnect=0&lang=zh"));
    browser.wait_text("证书");
}
