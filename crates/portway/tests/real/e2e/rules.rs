//! Rules that change while somebody works: the page says so, and the session goes on.

use testkit::browser::Browser;
use testkit::desktop::{Access, Desktop};
use testkit::{Server, Setup, wait_true};

use super::page::Viewer;
use super::pages::url;
use super::stage::{browser, picture, tigervnc};
use crate::support::portway;

const CONF: &str = "user root; events { } http { access_log off;
    vnc_desktop office %TARGET% { vnc_title Office; }
    server { listen 127.0.0.1:%PORT%;
        location /desktops/ { vnc_wall all; vnc_role %ROLE%; %RECORD% } } }";

/// The configuration with a role, and with more to say.
fn conf(target: &str, role: &str, record: &str) -> String {
    CONF.replace("%TARGET%", target)
        .replace("%ROLE%", role)
        .replace("%RECORD%", record)
}

/// Counts from now on how often the picture was gone.
fn watch_picture(browser: &mut Browser) {
    browser.evaluate(
        "window.lost = 0, new MutationObserver(() => { \
        if (!document.querySelector('canvas')) window.lost += 1; \
        }).observe(document.body, { childList: true, subtree: true })",
    );
}

/// A click arrives: the desktop's pointer goes where it was made.
fn assert_clicks_arrive(browser: &mut Browser, desktop: &Desktop, x: u32, y: u32) {
    wait_true("the pointer", || {
        browser.click(x, y);
        let at = desktop.pointer();
        at.0.abs_diff(x) <= 1 && at.1.abs_diff(y) <= 1
    });
}

#[test]
fn a_role_that_changes_is_told_on_the_page_and_the_session_goes_on() {
    let (desktop, target) = tigervnc(Access::Open);
    desktop.fill("#ff0000");
    let server = Setup::new(&conf(&target, "control", "")).start(&portway());
    let mut browser = browser();
    browser.open(&url(&server, "desktops/office/"));
    browser.wait_pixel(700, 500, [255, 0, 0]);
    assert_clicks_arrive(&mut browser, &desktop, 400, 300);
    watch_picture(&mut browser);

    server.reload(&conf(&target, "view", ""));
    browser.wait_told("You can now only watch.");
    browser.screenshot(&picture("only-watch.png"));
    browser.wait("document.querySelector(\".tools [aria-label='Keys']\").hidden");
    let before = desktop.pointer();
    browser.click(100, 100);
    browser.click(200, 200);
    desktop.fill("#00ff00");
    browser.wait_pixel(700, 500, [0, 255, 0]);
    assert_eq!(desktop.pointer(), before);

    server.reload(&conf(&target, "control", ""));
    browser.wait_told("You have control.");
    assert_clicks_arrive(&mut browser, &desktop, 300, 200);
    assert_eq!(browser.evaluate("lost"), "0", "the session was made anew");
    Viewer::disconnect(&mut browser);
}

#[test]
fn whoever_is_recorded_is_told_and_so_is_whoever_looks_at_the_wall() {
    let (desktop, target) = tigervnc(Access::Open);
    desktop.fill("#ff0000");
    let folder = testkit::Scratch::new("kept");
    let record = format!("vnc_record {};", folder.path().display());
    let server: Server = Setup::new(&conf(&target, "control", &record)).start(&portway());
    let (mut person, mut other) = (browser(), browser());
    person.open(&url(&server, "desktops/office/"));
    person.wait_pixel(700, 500, [255, 0, 0]);
    person.wait_told("This session is recorded.");
    Viewer::open_panel(&mut person, "About this connection");
    person.wait("/Recorded\\s+Yes/.test(document.querySelector('.sheet').innerText)");
    person.screenshot(&picture("recorded.png"));

    other.open(&url(&server, "desktops/"));
    let mark = "document.querySelector('.tiles .filmed')";
    other.wait(&format!("{mark} !== null && !{mark}.hidden"));
    other.assert_accessible();
    other.screenshot(&picture("wall-recorded.png"));
    Viewer::disconnect(&mut person);
    other.wait(&format!("{mark}.hidden"));
}
