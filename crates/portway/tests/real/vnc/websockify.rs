//! Moving from websockify: its start line and its folder of tokens, then the table's translation
//! with the same folder and the same links.

use std::process::Command;

use testkit::ports::free_port;
use testkit::vnc::{Event, Look, VncServer};
use testkit::{Process, Scratch, Setup, WebSocket, wait_true};

use super::{KEY_A, enter, get};
use crate::support::portway;

/// What a link opens: noVNC puts its `path` behind the page's folder.
const LINK: &str = "/websockify?token=office";

#[test]
fn a_token_folder_and_its_links_move_as_they_are() {
    let (office, lab) = (
        VncServer::start(Look::default()),
        VncServer::start(Look::default()),
    );
    let folder = Scratch::new("tokens");
    folder.write(
        "tokens.d/all",
        format!(
            "# machines\noffice: {}\nlab: {}\n",
            office.addr(),
            lab.addr()
        ),
    );
    folder.write("web/vnc.html", "their viewer");
    let tokens = folder.path().join("tokens.d").display().to_string();

    let port = free_port();
    let mut command = Command::new("websockify");
    command.arg("--web").arg(folder.path().join("web"));
    command.args(["--token-plugin", "TokenFile", "--token-source", &tokens]);
    command.args(["--heartbeat", "30", &format!("127.0.0.1:{port}")]);
    let websockify = Process::spawn(&mut command, &folder.path().join("websockify.log"));
    let addr = ([127, 0, 0, 1], port).into();
    wait_true("websockify", || std::net::TcpStream::connect(addr).is_ok());
    let mut before = WebSocket::open(addr, LINK, "");
    enter(&mut before);
    before.send_binary(&KEY_A);
    office.wait_event(&Event::Key(1, 0x61));
    drop((before, websockify));

    let server = Setup::new(
        "events { } http { server { listen 127.0.0.1:%PORT%;
         location / { vnc_token_source dir %TOKENS%; vnc_ping 30s; } } }",
    )
    .with("TOKENS", tokens)
    .start(&portway());
    let mut after = WebSocket::open(server.addr(), LINK, "");
    enter(&mut after);
    let key_b = [4, 1, 0, 0, 0, 0, 0, 0x62];
    after.send_binary(&key_b);
    office.wait_event(&Event::Key(1, 0x62));
    assert_eq!(
        get(&server, "/vnc.html?path=websockify%3Ftoken%3Doffice").status,
        200
    );
    assert_eq!(lab.connections(), 0, "nobody asked for it");
}
