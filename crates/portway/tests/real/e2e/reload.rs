//! A reload in the middle of a session: the person at the browser notices nothing.

use testkit::desktop::Access;
use testkit::http::get;
use testkit::{Conn, wait_true};

use super::page::Viewer;
use super::stage::{GATEWAY, assert_input_arrives, browser, gateway, page, tigervnc};

#[test]
fn a_session_lives_through_a_reload_and_new_ones_follow_the_new_file() {
    let (desktop, target) = tigervnc(Access::Open);
    desktop.fill("#ff0000");
    let server = gateway(&target, "");
    let mut browser = browser();
    browser.open(&page(&server, ""));
    browser.wait_pixel(700, 500, [255, 0, 0]);
    browser.evaluate(
        "window.lost = 0, new MutationObserver(() => { \
        if (!document.querySelector('canvas')) window.lost += 1; \
        }).observe(document.body, { childList: true, subtree: true })",
    );

    let pid = server.pid();
    let marked = GATEWAY.replace(
        "location / {",
        "location = /new { return 200 new; } location / {",
    );
    server.reload(&marked);
    wait_true("the new configuration", || {
        get(server.addr(), "/new").text() == "new"
    });
    assert_eq!(server.pid(), pid);

    desktop.fill("#00ff00");
    browser.wait_pixel(700, 500, [0, 255, 0]);
    assert_input_arrives(&mut browser, &desktop, "after the reload");
    assert_eq!(browser.evaluate("window.lost"), "0");
    assert_eq!(
        sessions_logged(&server),
        0,
        "the session was cut and made anew"
    );
    Viewer::disconnect(&mut browser);
    wait_true("the session's line in the log", || {
        sessions_logged(&server) == 1
    });
}

/// How many WebSockets the access log has seen the end of.
fn sessions_logged(server: &testkit::Server) -> usize {
    let log = server.files().read("logs/access.log");
    log.lines().filter(|line| line.contains(" 101 ")).count()
}

#[test]
fn a_file_with_a_mistake_changes_nothing() {
    let (desktop, target) = tigervnc(Access::Open);
    desktop.fill("#ff0000");
    let server = gateway(&target, "");
    let mut browser = browser();
    browser.open(&page(&server, ""));
    browser.wait_pixel(700, 500, [255, 0, 0]);
    server.reload("events { } http { server { lissten 1; } }");
    server.wait_error_log("lissten");
    desktop.fill("#00ff00");
    browser.wait_pixel(700, 500, [0, 255, 0]);
    let mut conn = Conn::open(server.addr());
    assert_eq!(conn.get("/vnc.html", "").status, 200);
}
