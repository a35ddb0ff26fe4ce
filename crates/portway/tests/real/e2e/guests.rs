//! People who look without touching: a guest by a link, an operator by the page of sessions.

use std::time::Duration;

use testkit::desktop::{Access, Desktop};
use testkit::wait::poll_for;
use testkit::{Server, Setup, wait_true};

use super::page::Viewer;
use super::pages::{in_people, url};
use super::stage::{browser, picture, tigervnc};
use crate::support::portway;

const CONF: &str = "events { } http { access_log off;
    vnc_desktop office %TARGET% { vnc_title Office; }
    server { listen 127.0.0.1:%PORT%;
        location /desktops/ { vnc_wall all; vnc_links on max=2h; }
        location /sessions/ { vnc_status; } } }";

/// A red desktop below a wall.
fn stage() -> (Desktop, Server) {
    let (desktop, target) = tigervnc(Access::Open);
    desktop.fill("#ff0000");
    let server = Setup::new(CONF).with("TARGET", target).start(&portway());
    (desktop, server)
}

/// Clicks in vain: the pointer stays, while the picture follows the desktop.
fn assert_only_watches(browser: &mut testkit::browser::Browser, desktop: &Desktop) {
    browser.wait_pixel(700, 500, [255, 0, 0]);
    let before = desktop.pointer();
    browser.click(100, 100);
    browser.click(300, 200);
    desktop.fill("#00ff00");
    browser.wait_pixel(700, 500, [0, 255, 0]);
    assert_eq!(desktop.pointer(), before);
    desktop.fill("#ff0000");
}

#[test]
fn a_link_made_on_the_page_lets_a_guest_watch_until_it_is_revoked() {
    let (desktop, server) = stage();
    let (mut owner, mut guest) = (browser(), browser());
    owner.open(&url(&server, "desktops/office/"));
    Viewer::wait_connected(&mut owner);
    Viewer::open_panel(&mut owner, "People");
    // What the gateway would refuse is not offered.
    assert_eq!(
        owner.wait(
            "[...document.querySelectorAll('.invite option')].map((one) => one.value).join()"
        ),
        "15,60"
    );
    owner.click_on(".invite button:text-is('Make a link')");
    let link = owner.wait("document.querySelector('.made:not([hidden]) input')?.value");
    owner.assert_accessible();
    owner.screenshot(&picture("link.png"));

    guest.open(&link);
    assert_only_watches(&mut guest, &desktop);
    guest.wait_told("Somebody else is here");
    in_people(&mut guest, "You can only watch here");
    guest.screenshot(&picture("guest.png"));
    // Whoever looks may not invite others.
    assert_eq!(
        guest.evaluate("document.querySelector('.sheet .invite').hidden"),
        "true"
    );
    owner.wait_told("is here now");

    // The list is fetched when the panel opens; taking back needs a second press.
    owner.press("Escape");
    owner.press("Escape");
    Viewer::open_panel(&mut owner, "People");
    owner.wait("document.querySelector('.links li')?.textContent.includes('opened once')");
    owner.click_on(".links button");
    owner.click_on(".links button.danger");
    owner.wait_text("whoever came by it is out");
    guest.wait_text("The link to this desktop was ended.");
    assert_eq!(
        guest.evaluate("document.querySelector('#screen canvas') === null"),
        "true",
        "whoever may not look any more does not see the last picture"
    );
    guest.assert_accessible();
    guest.open(&link);
    guest.wait_text("This link is not valid");
}

#[test]
fn a_guest_is_warned_before_the_link_s_time_is_over_and_then_out() {
    let (desktop, server) = stage();
    let (mut owner, mut guest) = (browser(), browser());
    owner.open(&url(&server, "desktops/office/"));
    Viewer::wait_connected(&mut owner);
    // The shortest time that there is; the page offers longer ones.
    let link = owner.evaluate(
        "fetch('api/links', { method: 'POST', body: new URLSearchParams({ minutes: 1 }) })
            .then((answer) => answer.json()).then(({ url }) => new URL(url, location.href).href)",
    );
    guest.open(&link);
    assert_only_watches(&mut guest, &desktop);
    let warned = "!document.querySelector('.warning').hidden";
    let limit = Duration::from_secs(60);
    let is_warned = || (guest.evaluate(warned) == "true").then_some(());
    assert!(poll_for(limit, is_warned).is_some(), "no warning came");
    guest.wait_text("The session's time is nearly over.");
    guest.screenshot(&picture("guest-warned.png"));
    guest.wait_text("The session's time is over.");
    assert_eq!(
        guest.evaluate("document.querySelector('#screen canvas') === null"),
        "true",
        "whoever may not look any more does not see the last picture"
    );
    guest.screenshot(&picture("guest-over.png"));
    guest.open(&link);
    guest.wait_text("This link is not valid");
}

#[test]
fn an_operator_watches_from_the_page_of_sessions_and_the_person_knows() {
    let (desktop, server) = stage();
    let (mut person, mut operator) = (browser(), browser());
    person.open(&url(&server, "desktops/office/"));
    person.wait_pixel(700, 500, [255, 0, 0]);
    operator.open(&url(&server, "sessions/"));
    operator.wait_text("1 session");
    let address = operator.follow("tbody .tool.watch");
    assert!(address.contains("/sessions/watch/"), "{address}");
    Viewer::wait_connected(&mut operator);
    assert_eq!(operator.evaluate("document.title"), "Office");
    assert_only_watches(&mut operator, &desktop);
    person.wait_told("is here now");
    // The person's own clicks still arrive.
    person.click(400, 300);
    wait_true("the pointer", || {
        let (x, y) = desktop.pointer();
        x.abs_diff(400) <= 1 && y.abs_diff(300) <= 1
    });
    Viewer::disconnect(&mut person);
    operator.wait_text("The session that was watched is over.");
}
