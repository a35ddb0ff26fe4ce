//! `watch/ID/`: an operator looks at what somebody does, and does nothing.

use testkit::WebSocket;
use testkit::vnc::{Event, Look, VncServer};

use super::operator::{text, viewer};
use super::{KEY_A, enter, gateway, get};

#[test]
fn an_operator_watches_a_session_until_it_is_over() {
    let vnc = VncServer::start(Look::default());
    let inside = "location / { vnc_pass %TARGET%; vnc_title Lab; vnc_limit desktop=1; }
        location /sessions/ { vnc_status; vnc_role control; }
        location /look/ { vnc_status; vnc_role view; }";
    let server = gateway(inside, vnc.addr());
    let (mut ann, id) = viewer(&server);
    let folder = format!("/sessions/watch/{id}");
    assert_eq!(get(&server, &folder).status, 301);
    assert_eq!(
        get(&server, &format!("{folder}/")).text(),
        get(&server, "/").text()
    );
    let forecast = get(&server, &format!("{folder}/session")).text();
    for part in [
        "\"status\":\"ok\"",
        "\"title\":\"Lab\"",
        "\"view_only\":true",
    ] {
        assert!(forecast.contains(part), "{part} in {forecast}");
    }
    let no_role = get(&server, &format!("/look/watch/{id}/session")).text();
    assert!(no_role.contains("\"code\":4403"), "{no_role}");

    let mut watch = WebSocket::open(server.addr(), &format!("{folder}/ws"), "");
    assert_eq!(enter(&mut watch), "Lab");
    let presence = text(&mut ann, "presence");
    assert!(presence.contains("\"watching\":true"), "{presence}");
    assert!(
        get(&server, "/sessions/sessions.json")
            .text()
            .contains(&format!("\"watches\":\"{id}\""))
    );
    watch.send_binary(&KEY_A);
    ann.send_binary(&[4, 1, 0, 0, 0, 0, 0, 0x62]);
    vnc.wait_event(&Event::Key(1, 0x62));
    assert!(!vnc.events().contains(&Event::Key(1, 0x61)));

    ann.send_close(1000, "");
    ann.recv_close();
    let words = "The session that was watched is over.".to_owned();
    assert_eq!(watch.recv_close(), Some((4404, words.clone())));
    let over = get(&server, &format!("{folder}/session")).text();
    assert!(
        over.contains("\"code\":4404") && over.contains(&words),
        "{over}"
    );
    assert_eq!(get(&server, "/sessions/watch/nobody/").status, 404);
}
