//! `vnc_role`: who may come, and whether more than watch.

use testkit::vnc::{Event, Look, VncServer};
use testkit::{Setup, WebSocket};

use super::{KEY_A, enter, get};
use crate::support::portway;

const CONF: &str = "events { } http {
    map $arg_who $role { ann control; bob view; eve nonsense; }
    server { listen 127.0.0.1:%PORT%; location / { vnc_pass %TARGET%; vnc_role $role; } } }";

#[test]
fn a_role_says_who_may_come_and_who_may_more_than_watch() {
    let vnc = VncServer::start(Look::default());
    let setup = Setup::new(CONF).with("TARGET", vnc.addr());
    let server = setup.start(&portway());
    let forecast = |who: &str| get(&server, &format!("/session?who={who}")).text();
    assert!(forecast("ann").contains("\"role\":\"control\",\"view_only\":false"));
    assert!(forecast("bob").contains("\"role\":\"view\",\"view_only\":true"));
    for nobody in ["eve", "mallory"] {
        let told = forecast(nobody);
        assert!(told.contains("\"code\":4403"), "{nobody}: {told}");
    }
    server.wait_error_log("\"vnc_role\" is \"nonsense\", which counts as none");
    let mut refused = WebSocket::open(server.addr(), "/?who=mallory", "");
    refused.recv_bytes(12);
    refused.send_binary(b"RFB 003.008\n");
    let (code, reason) = refused.recv_close().expect("a close frame with its reason");
    assert_eq!(
        (code, reason.as_str()),
        (4403, "You have no access to this desktop.")
    );
    assert_eq!(vnc.connections(), 0);

    let mut bob = WebSocket::open(server.addr(), "/?who=bob", "");
    enter(&mut bob);
    bob.send_binary(&KEY_A);
    let mut ann = WebSocket::open(server.addr(), "/?who=ann", "");
    enter(&mut ann);
    let key_b = [4, 1, 0, 0, 0, 0, 0, 0x62];
    ann.send_binary(&key_b);
    vnc.wait_event(&Event::Key(1, 0x62));
    assert!(!vnc.events().contains(&Event::Key(1, 0x61)));
}
