//! Servers that ask who comes, in a distribution's page, which knows neither TLS nor close codes.

use testkit::browser::Browser;
use testkit::desktop::{Access, Desktop, Place, Secure, password_file};
use testkit::ports::free_port;
use testkit::tls::Certs;
use testkit::{Scratch, Server, Setup};

use super::page::StockPage;
use super::stage::{browser, page, picture};
use crate::support::portway;

const USER: &str = "ann";
const PASSWORD: &str = "secret12";

/// TigerVNC with these security types only, all red, and its port.
fn tigervnc(types: &str, certs: &Certs, failures: u32) -> (Desktop, u16) {
    let port = free_port();
    let place = Place {
        host: None,
        address: "127.0.0.1",
        port,
    };
    let (certificate, key) = (certs.file("desk.crt"), certs.file("desk.key"));
    let access = Access::Secure(Secure {
        types,
        user: USER,
        password: PASSWORD,
        certificate: &certificate,
        key: &key,
        failures,
    });
    let desktop = Desktop::tigervnc(place, access);
    desktop.fill("#ff0000");
    (desktop, port)
}

/// A distribution's page, and the desktop's endpoint beside it.
fn stock(port: u16, inside: &str) -> Server {
    let conf = "events { } http { include /etc/nginx/mime.types;
        server { listen 127.0.0.1:%PORT%;
        location / { root /usr/share/novnc; }
        location /websockify { vnc_pass 127.0.0.1:%TARGET%; %INSIDE% } } }";
    Setup::new(conf)
        .with("TARGET", port)
        .with("INSIDE", inside)
        .start(&portway())
}

fn trust(certs: &Certs) -> String {
    format!(
        "vnc_ssl_trusted_certificate {}; vnc_ssl_name desk;",
        certs.file("desk.crt").display()
    )
}

fn open(browser: &mut Browser, server: &Server) {
    browser.open(&page(server, "vnc.html?autoconnect=1"));
}

#[test]
fn a_server_with_nothing_but_tls_opens_in_a_distribution_s_page() {
    let certs = Certs::default().self_signed_rsa("desk");
    let mut browser = browser();
    for types in ["X509None", "X509Vnc", "X509Plain"] {
        let (_desktop, port) = tigervnc(types, &certs, 5);
        let server = stock(port, &trust(&certs));
        open(&mut browser, &server);
        match types {
            "X509None" => {}
            "X509Vnc" => StockPage::log_in(&mut browser, None, PASSWORD),
            _ => {
                browser.wait_text("Username:");
                browser.screenshot(&picture("stock-user-and-password.png"));
                StockPage::log_in(&mut browser, Some(USER), PASSWORD);
            }
        }
        // The line at the top still says that credentials are required.
        browser.wait_pixel(600, 400, [255, 0, 0]);
    }
}

#[test]
fn a_distribution_s_page_shows_why_nobody_comes_in() {
    let certs = Certs::default().self_signed_rsa("desk");
    let mut browser = browser();
    let (_desktop, port) = tigervnc("TLSVnc", &certs, 5);
    let server = stock(port, "");
    open(&mut browser, &server);
    StockPage::wait_status(&mut browser, "a login that is not supported here");

    let (_desktop, port) = tigervnc("X509Vnc", &certs, 5);
    let server = stock(port, "");
    open(&mut browser, &server);
    StockPage::wait_status(
        &mut browser,
        "The desktop's certificate is not trusted here.",
    );
    browser.screenshot(&picture("stock-untrusted.png"));

    let (_desktop, port) = tigervnc("VncAuth", &certs, 5);
    let server = stock(port, "vnc_tls required;");
    open(&mut browser, &server);
    StockPage::wait_status(
        &mut browser,
        "does not offer the encryption that is required",
    );
}

#[test]
fn a_distribution_s_page_shows_how_long_the_wait_is() {
    let certs = Certs::default().self_signed_rsa("desk");
    let mut browser = browser();
    let (_desktop, port) = tigervnc("X509Plain", &certs, 5);
    let server = stock(port, &trust(&certs));
    for _ in 0..3 {
        open(&mut browser, &server);
        StockPage::log_in(&mut browser, Some(USER), "wrong");
        StockPage::wait_status(&mut browser, "The password was not accepted");
    }
    open(&mut browser, &server);
    StockPage::wait_status(
        &mut browser,
        "Too many wrong passwords for this desktop. Try again in",
    );
    browser.screenshot(&picture("stock-too-many.png"));

    let (_desktop, port) = tigervnc("VncAuth", &certs, 5);
    let secrets = Scratch::new("secrets");
    let file = password_file(&secrets, "another");
    let server = stock(port, &format!("vnc_password_file {};", file.display()));
    open(&mut browser, &server);
    StockPage::wait_status(&mut browser, "does not accept the password stored for it.");
    open(&mut browser, &server);
    StockPage::wait_status(&mut browser, "It is tried again in");
}
