//! A phone: each page fits its width, and the desktop is worked on with fingers.

use testkit::browser::Browser;
use testkit::vnc::{Event, Look, VncServer};
use testkit::{Setup, wait_true};

use super::page::Viewer;
use super::pages::url;
use super::stage::picture;
use crate::support::{portway, repository};

const CONF: &str = "user root; events { } http { access_log off;
    vnc_desktop office %TARGET% { vnc_title Office; vnc_group staff; }
    server { listen 127.0.0.1:%PORT%;
        location /desktops/ { vnc_wall all; vnc_links on; vnc_record %DIR%/kept; }
        location /sessions/ { vnc_status; }
        location /recordings/ { vnc_recordings %DIR%/kept; }
        location /door/ {
            auth_basic Desktops; auth_basic_user_file %DIR%/users; vnc_login on; vnc_wall all;
        } } }";

const SCREEN: (u16, u16) = (800, 600);

/// Buttons of a PointerEvent (RFC 6143 §7.5.5).
const LEFT: u8 = 1;
const WHEEL_DOWN: u8 = 16;

/// Nothing of the page is beyond its right edge, and no button is too small for a finger.
fn assert_fits(browser: &mut Browser, name: &str) {
    // Waits until nothing moves, so that what follows measures what is there to stay.
    browser.assert_accessible();
    let wide = browser.evaluate("document.documentElement.scrollWidth - innerWidth");
    assert_eq!(wide, "0", "{name} is wider than the screen");
    let small = browser.evaluate(
        "[...document.querySelectorAll('button, a, select, input')]
            .filter((one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
            .map((one) => [one, one.getBoundingClientRect()])
            .filter(([one, { width, height }]) => width > 1 && (width < 24 || height < 24))
            .filter(([one]) => one.type !== 'radio' && one.type !== 'checkbox')
            .map(([one]) => one.outerHTML).join('\\n')",
    );
    assert_eq!(small, "", "{name} has buttons that no finger hits");
    browser.screenshot(&picture(&format!("phone-{name}.png")));
}

fn pointer_events(vnc: &VncServer) -> Vec<(u8, u16, u16)> {
    let pointer = |event| match event {
        Event::Pointer(buttons, x, y) => Some((buttons, x, y)),
        _ => None,
    };
    vnc.events().into_iter().filter_map(pointer).collect()
}

#[test]
fn every_page_fits_a_phone_and_a_desktop_is_used_with_fingers() {
    let vnc = VncServer::start(Look {
        size: SCREEN,
        ..Look::default()
    });
    let server = Setup::new(CONF)
        .with("TARGET", vnc.addr())
        .file("users", "ann:{PLAIN}secret\n")
        .start(&portway());
    let mut phone = Browser::start_phone(&repository());
    phone.open(&url(&server, "door/"));
    phone.wait_text("to the desktops of");
    assert_fits(&mut phone, "sign-in");
    phone.open(&url(&server, "desktops/"));
    phone.wait_text("1 desktop");
    assert_fits(&mut phone, "wall");
    phone.tap_on(".tiles a");
    Viewer::wait_connected(&mut phone);
    phone.wait("document.querySelector('.stage').hidden");
    assert_fits(&mut phone, "viewer");

    the_handle_opens_the_bar(&mut phone);
    taps_are_clicks(&mut phone, &vnc);
    two_fingers_scroll(&mut phone, &vnc);
    the_keyboard_s_button_types(&mut phone, &vnc);

    for panel in ["Keys", "Picture and settings", "People", "About"] {
        open_panel(&mut phone, panel);
        assert_fits(
            &mut phone,
            &format!("viewer-{}", panel.to_lowercase().replace(' ', "-")),
        );
        phone.tap_on(".sheet header button");
    }
    let mut operator = Browser::start_phone(&repository());
    operator.open(&url(&server, "sessions/"));
    operator.wait_text("1 session");
    assert_fits(&mut operator, "sessions");
    operator.tap_on(".name-button");
    operator.wait("document.querySelector('dialog.side')?.textContent.includes('Round trip')");
    assert_fits(&mut operator, "session");
    operator.open(&url(&server, "recordings/"));
    // One that came back on its way has more than one.
    operator.wait("/[1-9] recordings?/.test(document.body.innerText)");
    assert_fits(&mut operator, "recordings");
    operator.tap_on(".name-button");
    operator.wait("document.querySelector('.player')");
    assert_fits(&mut operator, "player");
}

/// A note is read and the desktop is seen, on a phone that lies on its side as on one that stands.
#[test]
fn notes_leave_a_phone_room_for_the_desktop() {
    let vnc = VncServer::start(Look {
        size: SCREEN,
        ..Look::default()
    });
    let server = Setup::new(CONF)
        .with("TARGET", vnc.addr())
        .file("users", "")
        .start(&portway());
    let mut phone = Browser::start_phone(&repository());
    let link = "desktops/office/?password=x&host=elsewhere.test&path=/else/where";
    let shown = "[...document.querySelectorAll('.note')].filter((one) => one.checkVisibility())";
    for (name, width, height) in [("standing", 390, 844), ("lying", 844, 390)] {
        phone.resize(width, height);
        phone.open(&url(&server, link));
        Viewer::wait_connected(&mut phone);
        phone.wait("told.length >= 3");
        phone.wait(&format!("{shown}.length === 1"));
        let room = phone.evaluate(&format!(
            "{shown}.every((one) => {{
                const {{ top, bottom, width, height }} = one.getBoundingClientRect();
                return top >= 0 && bottom <= innerHeight
                    && width * height < 0.25 * innerWidth * innerHeight;
            }})"
        ));
        assert_eq!(room, "true", "{name}");
        phone.screenshot(&picture(&format!("phone-notes-{name}.png")));
        // Each that is closed shows the one before.
        for left in [2, 1, 0] {
            phone.tap_on(".note:last-child > button");
            phone.wait(&format!(
                "document.querySelectorAll('.note > button').length <= {left}"
            ));
        }
    }
}

#[test]
fn signing_in_fits_a_phone_that_lies_on_its_side() {
    let server = Setup::new(CONF)
        .with("TARGET", "127.0.0.1:1")
        .file("users", "")
        .start(&portway());
    let mut phone = Browser::start_phone(&repository());
    phone.resize(844, 390);
    phone.open(&url(&server, "door/"));
    phone.wait_text("to the desktops of");
    phone.screenshot(&picture("phone-sign-in-lying.png"));
    let button = "document.querySelector('button[type=submit]').getBoundingClientRect().bottom";
    assert_eq!(phone.evaluate(&format!("{button} <= innerHeight")), "true");
}

/// That the bar is open, which hides by itself after a moment: opens it again.
const BAR_IS_OPEN: &str = "(() => {
    const bar = document.querySelector('.bar');
    if (!bar.classList.contains('open')) bar.querySelector('.handle').click();
    return bar.classList.contains('open');
})()";

/// Taps a button of the bar.
fn tap_tool(phone: &mut Browser, name: &str) {
    let button = format!(".tools button[aria-label^='{name}']");
    phone.click_when(BAR_IS_OPEN, &button);
}

fn open_panel(phone: &mut Browser, name: &str) {
    tap_tool(phone, name);
    phone.wait("document.querySelector('.sheet:not([hidden])')");
}

/// The handle brings the bar back.
fn the_handle_opens_the_bar(phone: &mut Browser) {
    let open = "document.querySelector('.bar').classList.contains('open')";
    phone.wait(&format!("!{open}"));
    phone.tap_on(".bar .handle");
    phone.wait(open);
}

/// One finger clicks where it is; gestures are tried again where the machine was slow in between.
fn taps_are_clicks(phone: &mut Browser, vnc: &VncServer) {
    let near = |at: u16, meant: u16| at.abs_diff(meant) <= 3;
    wait_true("a click", || {
        phone.tap(400, 300);
        pointer_events(vnc)
            .iter()
            .any(|&(buttons, x, y)| buttons == LEFT && near(x, 400) && near(y, 300))
    });
}

fn two_fingers_scroll(phone: &mut Browser, vnc: &VncServer) {
    wait_true("the wheel", || {
        phone.drag_two_fingers(200, 200, -200);
        pointer_events(vnc)
            .iter()
            .any(|event| event.0 == WHEEL_DOWN)
    });
}

/// The on-screen keyboard is the device's; what it writes becomes keys.
fn the_keyboard_s_button_types(phone: &mut Browser, vnc: &VncServer) {
    let name = "On-screen keyboard";
    tap_tool(phone, name);
    phone.wait("document.activeElement === document.querySelector('.touch-field')");
    assert_eq!(
        phone.evaluate(&format!(
            "document.querySelector(\"[aria-label='{name}'][aria-pressed]\").ariaPressed"
        )),
        "true"
    );
    phone.type_text("hé");
    vnc.wait_event(&Event::Key(1, u32::from(b'h')));
    vnc.wait_event(&Event::Key(1, 0xe9));
    phone.press("Backspace");
    vnc.wait_event(&Event::Key(1, 0xff08));
    phone.screenshot(&picture("phone-keyboard.png"));
    tap_tool(phone, name);
    phone.wait("document.activeElement !== document.querySelector('.touch-field')");
}
