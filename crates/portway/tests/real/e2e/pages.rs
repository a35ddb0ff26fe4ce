//! The pages as people meet them: the wall, live sessions, and what the viewer says of other
//! people. Each is looked at by axe-core, and its picture goes into the documentation.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use testkit::browser::Browser;
use testkit::{Server, Setup};

use super::page::Viewer;
use super::stage::{browser, picture};
use crate::support::{portway, repository};

/// Sizes of a desktop's and of a phone's window.
const SIZES: [(&str, u32, u32); 2] = [("", 1280, 800), ("-phone", 390, 844)];

/// A desktop that looks like one: the built-in one of `portway demo`.
pub fn demo_desktop() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("nonblocking");
    let addr = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let _ = demo::serve(listener, demo::Options::default()).await;
        });
    });
    addr
}

const CONF: &str = r#"events { } http {
    access_log off;
    %INSIDE%
    vnc_desktop office    %DEMO%      { vnc_title "Office"; vnc_group staff; }
    vnc_desktop reception %DEMO%      { vnc_title "Reception"; vnc_group staff; }
    vnc_desktop archive   %DEMO%      { vnc_title "Archive"; vnc_group staff; vnc_view_only on; }
    vnc_desktop lab1      %DEMO%      { vnc_title "Laboratory 1"; vnc_group lab; }
    vnc_desktop lab2      %DEMO%      { vnc_title "Laboratory 2"; vnc_group lab; }
    vnc_desktop lab10     127.0.0.1:1 { vnc_title "Laboratory 10"; vnc_group lab; }
    vnc_desktop kiosk     %DEMO%      { vnc_title "Kiosk"; }
    server {
        listen 127.0.0.1:%PORT%;
        location /desktops/ { vnc_wall all; }
        location /sessions/ { vnc_status; }
        location /one/      { vnc_pass %DEMO%; vnc_title "Office"; }
    } }"#;

/// A gateway with some desktops; `inside` is what else holds for all of them.
fn gateway(inside: &str) -> Server {
    Setup::new(CONF)
        .with("DEMO", demo_desktop())
        .with("INSIDE", inside)
        .start(&portway())
}

pub fn url(server: &Server, path: &str) -> String {
    format!("http://{}/{path}", server.addr())
}

/// The pictures that the documentation shows.
const DOCUMENTED: [&str; 12] = [
    "login-phone.png",
    "login.png",
    "people.png",
    "player-phone.png",
    "player.png",
    "recordings.png",
    "status-details.png",
    "status-phone.png",
    "viewer-phone.png",
    "viewer.png",
    "wall-phone.png",
    "wall.png",
];

/// Where a picture goes: into the documentation when that is written anew, otherwise to those
/// that a person may look at.
pub fn doc_picture(name: &str) -> PathBuf {
    match std::env::var_os("UPDATE_DOCS") {
        Some(_) if DOCUMENTED.contains(&name) => repository().join("docs/images").join(name),
        _ => picture(name),
    }
}

/// Looks at the page in both themes and sizes; pictures of the dark one, with the size's name.
pub fn assert_good_looking(browser: &mut Browser, name: &str) {
    for (suffix, width, height) in SIZES {
        browser.resize(width, height);
        browser.prefer("light");
        browser.assert_accessible();
        browser.prefer("dark");
        browser.assert_accessible();
        browser.screenshot(&doc_picture(&format!("{name}{suffix}.png")));
    }
    let (_, width, height) = SIZES[0];
    browser.resize(width, height);
}

/// Opens a desktop and waits for its picture.
fn open(browser: &mut Browser, server: &Server, path: &str) {
    browser.open(&url(server, path));
    Viewer::wait_connected(browser);
}

#[test]
fn the_wall_is_searched_and_opened_with_the_keyboard() {
    let server = gateway("vnc_thumbnail connect;");
    let mut viewer = browser();
    open(&mut viewer, &server, "desktops/lab2/");
    let mut browser = browser();
    browser.open(&url(&server, "desktops/"));
    browser.wait_text("7 desktops, 1 in use");
    browser.wait("document.querySelectorAll('.picture img:not([hidden])').length >= 5");
    assert_good_looking(&mut browser, "wall");
    browser.press("/");
    browser.type_text("lab 1");
    browser.wait("document.querySelectorAll('.tiles a').length === 2");
    browser.press("ArrowDown");
    browser.press("ArrowRight");
    assert_eq!(
        browser.evaluate("document.activeElement.querySelector('h3').textContent"),
        "Laboratory 10"
    );
    browser.press("ArrowLeft");
    browser.press("Enter");
    browser.wait("location.pathname === '/desktops/lab1/'");
    Viewer::wait_connected(&mut browser);
    assert_eq!(browser.evaluate("document.title"), "Laboratory 1");
    Viewer::disconnect(&mut browser);
    browser.click_on("text=All desktops");
    browser.wait_text("7 desktops");
}

#[test]
fn an_operator_reads_writes_and_cuts_on_the_page_of_sessions() {
    let server = gateway("");
    let mut viewer = browser();
    open(&mut viewer, &server, "desktops/office/");
    let mut browser = browser();
    browser.open(&url(&server, "sessions/"));
    browser.wait_text("1 session");
    browser.wait("document.querySelector('td')?.textContent.includes('Office')");
    assert_good_looking(&mut browser, "status");
    browser.click_on(".name-button");
    browser.wait("document.querySelector('dialog.side')?.textContent.includes('Round trip')");
    browser.assert_accessible();
    browser.screenshot(&doc_picture("status-details.png"));
    browser.click_on("dialog.side >> role=button[name='Message']");
    browser.fill("dialog textarea", "Please save your work.");
    browser.assert_accessible();
    browser.click_on("dialog >> role=button[name='Send']");
    viewer.wait_text("Please save your work.");
    browser.press("Escape");
    browser.click_on("tbody .tool.cut");
    browser.fill("dialog textarea", "Maintenance until ten.");
    browser.click_on("dialog .danger");
    viewer.wait_text("Maintenance until ten.");
    viewer.wait_text("An operator said");
    browser.wait_text("Nobody is connected");
    browser.assert_accessible();
}

#[test]
fn people_at_a_desktop_see_each_other_and_hand_control_over() {
    let server = gateway("");
    let (mut first, mut second) = (browser(), browser());
    open(&mut first, &server, "desktops/office/");
    open(&mut second, &server, "desktops/office/");
    first.wait_told("is here now");
    second.wait_told("Somebody else is here");
    press_in_people(&mut first, "Take control");
    second.wait_told("has control now");
    in_people(&mut first, "Only you control");
    press_in_people(&mut second, "Ask for control");
    first.wait_text("asks for control");
    assert_good_looking(&mut first, "people");
    first.click_on(".note >> text=Give control");
    in_people(&mut second, "Only you control");
    first.wait_told("has control now");
    press_in_people(&mut second, "Let everybody control");
    in_people(&mut first, "Everybody here who may controls");
    let log = server.error_log();
    assert!(!log.contains("policy-changed"), "a session ended: {log}");
}

/// That the panel of the people says `text`; opens it where it is closed. It closes when a session
/// ends, and what it says follows the other people, so both are asked again and again.
fn people_say(text: &str) -> String {
    format!(
        "(() => {{
            const sheet = document.querySelector('.sheet');
            if (sheet.hidden) document.querySelector(\".tools [aria-label^='People']\").click();
            return sheet.textContent.includes({text:?});
        }})()"
    )
}

/// Waits until the panel of the people says `text`.
pub fn in_people(browser: &mut Browser, text: &str) {
    browser.wait(&people_say(text));
}

/// Presses the button of this name in the panel of the people.
pub fn press_in_people(browser: &mut Browser, name: &str) {
    browser.click_when(
        &people_say(name),
        &format!(".sheet button:text-is('{name}')"),
    );
}

#[test]
fn the_viewer_and_its_panels_are_accessible() {
    let server = gateway("");
    let mut browser = browser();
    open(&mut browser, &server, "one/");
    browser.wait("document.querySelector('.stage').hidden");
    assert_good_looking(&mut browser, "viewer");
    for panel in [
        "Clipboard",
        "Keys",
        "Picture and settings",
        "About this connection",
    ] {
        Viewer::open_panel(&mut browser, panel);
        browser.assert_accessible();
        browser.press("Escape");
        browser.press("Escape");
    }
    Viewer::disconnect(&mut browser);
    browser.wait_text("You are disconnected");
    assert_good_looking(&mut browser, "left");
}

#[test]
fn a_desktop_that_is_not_there_is_explained_in_the_person_s_language() {
    let server = gateway("");
    let mut browser = browser();
    browser.open(&url(&server, "desktops/nowhere/"));
    browser.wait_text("There is no such desktop");
    assert_good_looking(&mut browser, "no-desktop");
    browser.open(&url(&server, "desktops/nowhere/?lang=zh"));
    browser.wait_text("没有这个桌面");
    browser.open(&url(&server, "desktops/lab10/?lang=zh&reconnect=0"));
    browser.wait_text("机器已开机，但桌面服务没有运行。");
}

#[test]
fn a_desktop_for_one_can_be_taken_over() {
    let server = gateway("vnc_limit desktop=1;");
    let (mut first, mut second) = (browser(), browser());
    open(&mut first, &server, "desktops/office/");
    second.open(&url(&server, "desktops/office/"));
    second.wait_text("Somebody is using this desktop");
    assert_good_looking(&mut second, "in-use");
    second.click_on("text=Take over");
    Viewer::wait_connected(&mut second);
    first.wait_text("Somebody else has taken over this desktop");
    first.assert_accessible();
}

#[test]
fn somebody_who_does_nothing_is_warned_and_may_stay() {
    // The warning comes with a quarter of the time left.
    let server = gateway("vnc_idle_timeout 16s;");
    let mut browser = browser();
    open(&mut browser, &server, "one/");
    browser.click_on(".warning >> text=I'm still here");
    browser.wait("document.querySelector('.warning').hidden");
    // Warned anew instead of cut: the time began again with the press.
    browser.wait(
        "!document.querySelector('.warning').hidden && document.querySelector('.stage').hidden",
    );
    browser.screenshot(&doc_picture("warning.png"));
    browser.assert_accessible();
    browser.wait_text("nobody used it");
}
