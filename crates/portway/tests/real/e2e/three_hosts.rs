//! The classic set-up: a VNC server, a proxy, and a client that reaches only the proxy.

use testkit::Process;
use testkit::desktop::{Access, Desktop, Place};

use super::page::{StockPage, Viewer};
use super::stage::{
    PROXY_OUTSIDE, StockServer, ThreeHosts, VNC_SERVER, assert_input_arrives, assert_written,
    browser_on, picture,
};

/// The file that people have, unchanged.
const CLASSIC: &str = r"
map $http_upgrade $connection_upgrade { default upgrade; '' close; }
server {
    listen 8080; # modify listening port
    server_name _;
    location / {
        proxy_pass http://192.168.204.10:6080/; # target WebSocket IP and port
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
    }
}
";

#[test]
fn websockify_and_novnc_work_through_the_classic_file() {
    let hosts = ThreeHosts::new();
    let place = Place {
        host: Some(&hosts.vnc_server),
        address: VNC_SERVER,
        port: 5900,
    };
    let desktop = Desktop::tigervnc(place, Access::Open);
    desktop.fill("#ff0000");
    let mut websockify = hosts.vnc_server.command("websockify");
    websockify.args([
        "--web=/usr/share/novnc",
        "192.168.204.10:6080",
        "192.168.204.10:5900",
    ]);
    let log = desktop.files().path().join("websockify.log");
    let _websockify = Process::spawn(&mut websockify, &log);
    hosts.assert_isolated(6080);
    hosts.assert_isolated(5900);

    let server = StockServer::start(&hosts.proxy_server, CLASSIC);
    let mut browser = browser_on(&hosts.client);
    browser.open(&format!(
        "http://{PROXY_OUTSIDE}:8080/vnc.html?autoconnect=1"
    ));
    StockPage::wait_connected(&mut browser);
    browser.wait_pixel(700, 500, [255, 0, 0]);
    assert_input_arrives(&mut browser, &desktop, "Through the proxy: 1 + 1 = 2");
    StockPage::assert_clipboard(&mut browser, &desktop);
    desktop.fill("#00ff00");
    browser.wait_pixel(700, 500, [0, 255, 0]);

    let shot = picture("three-hosts-classic.png");
    browser.screenshot(&shot);
    assert_written(&shot);
    assert!(
        !server.error_log().contains("[alert]"),
        "{}",
        server.error_log()
    );
}

#[test]
fn a_vnc_server_alone_is_enough_with_vnc_pass() {
    let hosts = ThreeHosts::new();
    let place = Place {
        host: Some(&hosts.vnc_server),
        address: VNC_SERVER,
        port: 5900,
    };
    let desktop = Desktop::tigervnc(place, Access::Open);
    desktop.fill("#0000ff");
    hosts.assert_isolated(5900);

    let conf = "server { listen 8080; location / { vnc_pass 192.168.204.10:5900; } }\n";
    let _server = StockServer::start(&hosts.proxy_server, conf);
    let mut browser = browser_on(&hosts.client);
    browser.open(&format!("http://{PROXY_OUTSIDE}:8080/vnc.html"));
    Viewer::wait_connected(&mut browser);
    browser.wait_pixel(700, 500, [0, 0, 255]);
    assert_input_arrives(&mut browser, &desktop, "Without websockify: 2 * 3 = 6");
    Viewer::assert_clipboard(&mut browser, &desktop);
    desktop.fill("#ffff00");
    browser.wait_pixel(700, 500, [255, 255, 0]);

    let shot = picture("three-hosts-vnc-pass.png");
    browser.screenshot(&shot);
    assert_written(&shot);
}
