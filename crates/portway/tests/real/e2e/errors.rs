//! Each thing that can go wrong, as the person at the browser reads it.

use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::thread;

use testkit::browser::Browser;
use testkit::desktop::Access;
use testkit::netns::cut_cables;
use testkit::ports::free_port;
use testkit::process::run_ok;
use testkit::vnc::{Look, Security, VncServer};
use testkit::{Server, Setup, Upstream};

use super::page::{StockPage, Viewer};
use super::stage::{
    PROXY_OUTSIDE, StockServer, ThreeHosts, VNC_SERVER, browser, browser_on, gateway, page,
    picture, tigervnc,
};
use crate::support::portway;

/// Opens our page and waits until what it shows contains all the words at once, whatever their
/// case; returns what it shows then. The page tries again by itself, and shows them anew.
fn assert_shown(browser: &mut Browser, address: &str, words: &[&str]) -> String {
    browser.open(address);
    browser.wait(&format!(
        "{words:?}.every((word) => visibleText().toLowerCase().includes(word)) && visibleText()"
    ))
}

const DOWN: &str = "the machine does not answer";

#[test]
fn a_machine_where_nothing_listens_is_said_to_refuse() {
    let server = gateway(&format!("127.0.0.1:{}", free_port()), "");
    let mut browser = browser();
    let address = page(&server, "");
    let text = assert_shown(&mut browser, &address, &[DOWN, "its desktop does not run"]);
    browser.screenshot(&picture("error-refused.png"));
    // What is inside stays inside: the log names the machine, the page does not.
    assert!(!text.contains("127.0.0.1"), "{text}");
    server.wait_error_log("Connection refused");
}

#[test]
fn a_name_that_nobody_knows_is_said_to_be_unknown() {
    let resolver = nobody_knows();
    let conf = "events { } http { resolver %RESOLVER%; server { listen 127.0.0.1:%PORT%;
        location / { set $machine no-such-machine.example; vnc_pass $machine:5900; } } }";
    let server = Setup::new(conf)
        .with("RESOLVER", resolver)
        .start(&portway());
    let mut browser = browser();
    let address = page(&server, "");
    assert_shown(&mut browser, &address, &[DOWN, "name is not known"]);
    server.wait_error_log("no-such-machine.example");
}

/// A name server that answers every question with NXDOMAIN (RFC 1035 §4.1.1).
fn nobody_knows() -> String {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("address is free");
    let address = socket.local_addr().expect("a bound socket has an address");
    thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((length, client)) = socket.recv_from(&mut packet) {
            packet[2] |= 0x80;
            packet[3] = 0x83;
            let _ = socket.send_to(&packet[..length], client);
        }
    });
    address.to_string()
}

#[test]
fn something_that_is_no_vnc_server_is_said_to_be_none() {
    let ssh = Upstream::serving(|peer| {
        peer.send(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
        peer.hold();
    });
    let server = gateway(&ssh.addr().to_string(), "");
    let mut browser = browser();
    assert_shown(&mut browser, &page(&server, ""), &["not a vnc server"]);
}

#[test]
fn something_that_says_nothing_is_no_vnc_server_either() {
    let silent = Upstream::serving(|peer| peer.hold());
    let server = gateway(&silent.addr().to_string(), "");
    let mut browser = browser();
    assert_shown(&mut browser, &page(&server, ""), &["not a vnc server"]);
}

#[test]
fn the_server_s_own_refusal_is_shown_word_for_word() {
    let security = Security::Refused("Too many desktops are open today");
    let vnc = VncServer::start(Look {
        security,
        ..Look::default()
    });
    let server = gateway(&vnc.addr().to_string(), "");
    let mut browser = browser();
    browser.open(&page(&server, ""));
    browser.wait_text("Too many desktops are open today");
}

#[test]
fn a_wrong_password_is_said_to_be_wrong_and_may_be_typed_again() {
    let (desktop, target) = tigervnc(Access::Password("secret12"));
    desktop.fill("#ff0000");
    let server = gateway(&target, "");
    let mut browser = browser();
    browser.open(&page(&server, ""));
    Viewer::log_in(&mut browser, "wrong");
    browser.wait_text("not accepted");
    browser.click_on("role=button[name='Try again']");
    Viewer::log_in(&mut browser, "secret12");
    browser.wait_pixel(700, 500, [255, 0, 0]);
}

#[test]
fn a_desktop_that_ends_is_said_to_be_lost() {
    let (desktop, target) = tigervnc(Access::Open);
    desktop.fill("#ff0000");
    let server = gateway(&target, "");
    let mut browser = browser();
    browser.open(&page(&server, ""));
    browser.wait_pixel(700, 500, [255, 0, 0]);
    drop(desktop);
    browser.wait("/lost|ended|does not answer/.test(visibleText())");
    browser.screenshot(&picture("error-lost.png"));
}

/// Bytes that press the key `a`.
const KEY_A: [u8; 8] = [4, 1, 0, 0, 0, 0, 0, b'a'];

/// A VNC server of 64 by 48 pixels that shows nothing before a key is pressed.
fn sleeping() -> Upstream {
    let head = [
        0, 64, 0, 48, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0,
    ];
    let picture = [0, 0, 0, 1, 0, 0, 0, 0, 0, 64, 0, 48, 0, 0, 0, 0];
    Upstream::serving(move |peer| {
        peer.send(b"RFB 003.008\n");
        peer.read_exact(12);
        peer.send(&[1, 1]);
        peer.read_exact(1);
        peer.send(&[0; 4]);
        peer.read_exact(1);
        peer.send(&[&head[..], &[0, 0, 0, 4], b"dark"].concat());
        let mut seen = Vec::new();
        while !seen.windows(KEY_A.len()).any(|bytes| bytes == KEY_A) {
            let Some(more) = peer.read_some() else { return };
            seen.extend(more);
        }
        peer.send(&[&picture[..], &[0x40; 64 * 48 * 4]].concat());
        peer.hold();
    })
}

#[test]
fn a_machine_that_shows_nothing_yet_is_said_to_and_gets_the_keys_that_wake_it() {
    let machine = sleeping();
    let server = gateway(&machine.addr().to_string(), "");
    let mut browser = browser();
    browser.open(&page(&server, ""));
    browser.wait_text("Connected. Waiting for the first picture.");
    browser.wait_text("The machine may be asleep or locked");
    browser.assert_accessible();
    browser.screenshot(&picture("asleep.png"));
    browser.type_text("a");
    browser.wait("document.querySelector('.stage').hidden");
    browser.wait_pixel(32, 24, [0x40, 0x40, 0x40]);
}

#[test]
fn a_machine_that_is_off_is_said_not_to_answer() {
    let hosts = ThreeHosts::new();
    let conf = format!(
        "server {{ listen 8080;
            location /patient/ {{ vnc_pass {VNC_SERVER}:5900; }}
            location /hasty/ {{ vnc_pass {VNC_SERVER}:5900; vnc_connect_timeout 2s; }} }}"
    );
    let _server = StockServer::start(&hosts.proxy_server, &conf);
    // An address that nobody answers for: the kernel says so after its questions.
    cut_cables(&hosts.vnc_server);
    let mut browser = browser_on(&hosts.client);
    let address = |folder: &str| format!("http://{PROXY_OUTSIDE}:8080/{folder}/");
    assert_shown(&mut browser, &address("patient"), &[DOWN, "switched off"]);
    browser.screenshot(&picture("error-down.png"));
    // One whose packets vanish without a word.
    let inside = interface_of(&hosts);
    let neighbour = [
        "neigh",
        "replace",
        VNC_SERVER,
        "lladdr",
        "02:00:00:00:00:01",
        "dev",
        &inside,
    ];
    run_ok(hosts.proxy_server.command("ip").args(neighbour));
    let in_vain = [DOWN, "did not answer in time"];
    assert_shown(&mut browser, &address("hasty"), &in_vain);
}

/// The proxy's cable towards the VNC server.
fn interface_of(hosts: &ThreeHosts) -> String {
    let mut command: Command = hosts.proxy_server.command("ip");
    let routes = run_ok(command.args(["-brief", "address", "show", "to", "192.168.204.0/24"]));
    let name = routes.split(['@', ' ']).next().unwrap_or_default();
    assert!(!name.is_empty(), "{routes}");
    name.to_owned()
}

/// A distribution's page knows nothing of our close codes; it shows the reason that RFB carries.
#[test]
fn a_distribution_s_page_shows_the_reasons_too() {
    let server: Server = {
        let conf = "events { } http { include /etc/nginx/mime.types;
            server { listen 127.0.0.1:%PORT%;
            location / { root /usr/share/novnc; }
            location /websockify { vnc_pass 127.0.0.1:%PORT1%; } } }";
        Setup::new(conf).start(&portway())
    };
    let mut browser = browser();
    browser.open(&page(&server, "vnc.html?autoconnect=1"));
    StockPage::wait_status(&mut browser, "desktop does not run");
}
