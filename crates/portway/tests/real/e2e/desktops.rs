//! `vnc_pass` to the VNC servers that people have, from our page and from a distribution's.

use testkit::Setup;
use testkit::desktop::{Access, Desktop, Place, password_file, qemu};
use testkit::ports::free_port;

use super::page::{StockPage, Viewer};
use super::stage::{assert_input_arrives, browser, gateway, page, picture, tigervnc};
use crate::support::portway;

#[test]
fn tigervnc_without_a_password_opens_at_the_root() {
    let (desktop, target) = tigervnc(Access::Open);
    desktop.fill("#ff0000");
    let server = gateway(&target, "");
    let mut browser = browser();
    browser.open(&page(&server, ""));
    browser.wait_pixel(700, 500, [255, 0, 0]);
    assert_input_arrives(&mut browser, &desktop, "Hello, desktop!");
    Viewer::assert_clipboard(&mut browser, &desktop);
    browser.screenshot(&picture("viewer.png"));
}

#[test]
fn a_password_kept_by_the_gateway_is_not_asked_for() {
    let (desktop, target) = tigervnc(Access::Password("secret12"));
    desktop.fill("#00ff00");
    let file = password_file(desktop.files(), "secret12");
    let server = gateway(&target, &format!("vnc_password_file {};", file.display()));
    let mut browser = browser();
    browser.open(&page(&server, "vnc.html"));
    browser.wait_pixel(700, 500, [0, 255, 0]);
    assert_input_arrives(&mut browser, &desktop, "no password typed");
}

#[test]
fn a_password_may_be_typed_in_the_browser() {
    let (desktop, target) = tigervnc(Access::Password("secret12"));
    desktop.fill("#ff00ff");
    let server = gateway(&target, "");
    let mut browser = browser();
    browser.open(&page(&server, "vnc.html"));
    Viewer::log_in(&mut browser, "secret12");
    browser.wait_pixel(700, 500, [255, 0, 255]);
    assert_input_arrives(&mut browser, &desktop, "password typed");
}

#[test]
fn x11vnc_shows_its_screen_and_takes_input() {
    let port = free_port();
    let desktop = Desktop::x11vnc(Place {
        host: None,
        address: "127.0.0.1",
        port,
    });
    desktop.fill("#00ffff");
    let server = gateway(&format!("127.0.0.1:{port}"), "");
    let mut browser = browser();
    browser.open(&page(&server, ""));
    browser.wait_pixel(600, 460, [0, 255, 255]);
    assert_input_arrives(&mut browser, &desktop, "x11vnc types too");
}

#[test]
fn qemu_shows_the_screen_of_its_machine() {
    let port = free_port();
    let _machine = qemu("127.0.0.1", port);
    let server = gateway(&format!("127.0.0.1:{port}"), "");
    let mut browser = browser();
    browser.open(&page(&server, ""));
    Viewer::wait_connected(&mut browser);
    browser.wait("document.querySelector('canvas').width >= 640");
}

#[test]
fn a_distribution_s_novnc_page_works_against_the_endpoint() {
    let (desktop, target) = tigervnc(Access::Open);
    desktop.fill("#ff8000");
    let conf = "events { } http { include /etc/nginx/mime.types; server { listen 127.0.0.1:%PORT%;
        location / { root /usr/share/novnc; }
        location /websockify { vnc_pass %TARGET%; } } }";
    let server = Setup::new(conf).with("TARGET", target).start(&portway());
    let mut browser = browser();
    browser.open(&page(&server, "vnc.html?autoconnect=1"));
    StockPage::wait_connected(&mut browser);
    browser.wait_pixel(700, 500, [255, 128, 0]);
    assert_input_arrives(&mut browser, &desktop, "stock page");
    StockPage::assert_clipboard(&mut browser, &desktop);
}

#[test]
fn the_page_works_below_a_path_of_its_own() {
    let (desktop, target) = tigervnc(Access::Open);
    desktop.fill("#804020");
    let conf = "events { } http { server { listen 127.0.0.1:%PORT%;
        location /machines/one/ { vnc_pass %TARGET%; } } }";
    let server = Setup::new(conf).with("TARGET", target).start(&portway());
    let mut browser = browser();
    browser.open(&page(&server, "machines/one/"));
    browser.wait_pixel(700, 500, [128, 64, 32]);
}

#[test]
fn view_only_keeps_keys_and_clicks_from_the_desktop() {
    let (desktop, target) = tigervnc(Access::Open);
    desktop.fill("#ff0000");
    let server = gateway(&target, "vnc_view_only on;");
    let mut browser = browser();
    browser.open(&page(&server, ""));
    browser.wait_pixel(700, 500, [255, 0, 0]);
    let before = desktop.pointer();
    browser.click(100, 100);
    browser.click(300, 200);
    // The picture still follows, so the clicks have had their time.
    desktop.fill("#00ff00");
    browser.wait_pixel(700, 500, [0, 255, 0]);
    assert_eq!(desktop.pointer(), before);
}
