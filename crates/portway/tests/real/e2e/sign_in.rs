//! The form to sign in, in the place of the page that was asked for, and the way out again.

use testkit::Setup;
use testkit::browser::Browser;

use super::page::Viewer;
use super::pages::{assert_good_looking, demo_desktop, url};
use super::stage::browser;
use crate::support::portway;

const CONF: &str = r#"events { } http { access_log off;
    vnc_desktop office %DEMO% { vnc_title "Office"; }
    server { listen 127.0.0.1:%PORT%;
        location /desktops/ {
            auth_basic "Desktops"; auth_basic_user_file %DIR%/users; vnc_login on;
            vnc_wall all; vnc_revoke_grace 1s;
        } } }"#;

#[test]
fn a_person_signs_in_opens_a_desktop_and_signs_out() {
    let server = Setup::new(CONF)
        .with("DEMO", demo_desktop())
        .file("users", "ann:{PLAIN}secret\n")
        .start(&portway());
    let mut browser = browser();
    browser.open(&url(&server, "desktops/"));
    browser.wait_text("to the desktops of");
    assert_good_looking(&mut browser, "login");
    browser.fill("input[name=user]", "ann");
    browser.fill("input[name=password]", "wrong");
    browser.press("Enter");
    browser.wait_text("User name or password is wrong.");
    browser.assert_accessible();
    browser.fill("input[name=password]", "secret");
    browser.press("Enter");
    browser.wait_text("1 desktop");
    browser.wait("document.querySelector('.user')?.textContent === 'ann'");
    browser.click_on(".tiles a");
    Viewer::wait_connected(&mut browser);
    browser.open(&url(&server, "desktops/"));
    browser.click_on("text=Sign out");
    browser.wait_text("to the desktops of");
}

#[test]
fn whose_password_was_changed_reads_so_and_signs_in_with_the_new_one() {
    let server = Setup::new(CONF)
        .with("DEMO", demo_desktop())
        .file("users", "ann:{PLAIN}secret\n")
        .start(&portway());
    let mut browser = browser();
    let sign_in = |browser: &mut Browser, password| {
        browser.wait_text("to the desktops of");
        browser.fill("input[name=user]", "ann");
        browser.fill("input[name=password]", password);
        browser.press("Enter");
        Viewer::wait_connected(browser);
    };
    browser.open(&url(&server, "desktops/office/"));
    sign_in(&mut browser, "secret");
    server.files().write("users", "ann:{PLAIN}another\n");
    browser.wait_text("this session was opened with the old one");
    browser.assert_accessible();
    browser.click_on("role=button[name='Log in']");
    sign_in(&mut browser, "another");
}
