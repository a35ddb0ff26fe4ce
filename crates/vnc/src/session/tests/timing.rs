//! Pings, idleness, age.

use std::time::Instant;

use super::*;

fn quiet_server() -> Upstream {
    open_server(|peer| while peer.read_exact(1).is_some() {})
}

fn pinging() -> Policy {
    Policy {
        ping: Duration::from_millis(100),
        ..policy()
    }
}

#[test]
fn a_viewer_that_answers_no_ping_is_gone_within_two_periods() {
    let server = quiet_server();
    let gateway = Gateway::start(target(server.addr()), pinging());
    let mut viewer = enter(&gateway, "desk");
    let start = Instant::now();
    assert!(matches!(viewer.recv(), Message::Ping(_)));
    assert_eq!(gateway.end().reason, EndReason::ViewerSilent);
    assert!(
        start.elapsed() >= Duration::from_millis(150),
        "not before a second period"
    );
}

#[test]
fn a_viewer_that_answers_stays_and_its_round_trip_is_known() {
    let server = quiet_server();
    let gateway = Gateway::start(target(server.addr()), pinging());
    let mut viewer = enter(&gateway, "desk");
    for _ in 0..5 {
        let Message::Ping(payload) = viewer.recv() else {
            panic!("only pings come")
        };
        viewer.send_pong(&payload);
    }
    testkit::wait_true("the round trip is known", || {
        gateway.sessions.list()[0].rtt.is_some()
    });
    let rtt = gateway.sessions.list()[0].rtt.unwrap();
    assert!(rtt < Duration::from_secs(2), "{rtt:?}");
}

#[test]
fn a_viewer_that_sends_input_needs_no_pongs() {
    let server = quiet_server();
    let gateway = Gateway::start(target(server.addr()), pinging());
    let mut viewer = enter(&gateway, "desk");
    let mut pings = 0;
    while pings < 4 {
        assert!(matches!(viewer.recv(), Message::Ping(_)));
        viewer.send_binary(&KEY_DOWN);
        pings += 1;
    }
}

#[test]
fn a_person_that_is_logging_in_is_pinged_too() {
    let server = Upstream::serving(|peer| {
        peer.send(VERSION);
        peer.send(&[1, 2]);
        while peer.read_exact(1).is_some() {}
    });
    let gateway = Gateway::start(target(server.addr()), pinging());
    let mut viewer = gateway.viewer();
    viewer.recv_bytes(12);
    viewer.send_binary(VERSION);
    assert_eq!(viewer.recv(), Message::Binary(vec![1, 2]));
    assert!(matches!(viewer.recv(), Message::Ping(_)));
}

#[test]
fn an_idle_session_ends_after_a_warning_that_our_page_can_show() {
    let server = quiet_server();
    let policy = Policy {
        idle: Some(Duration::from_millis(400)),
        ..policy()
    };
    let gateway = Gateway::speaking(target(server.addr()), policy, Subprotocol::Portway);
    let mut viewer = enter(&gateway, "desk");
    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(200));
    // Asking for pictures is not input.
    viewer.send_binary(&KEY_DOWN);
    let input = Instant::now();
    viewer.send_binary(&[3, 1, 0, 0, 0, 0, 3, 32, 2, 88]);
    let warning = "{\"type\":\"warning\",\"reason\":\"idle\",\"seconds\":0}";
    assert_eq!(text_after_presence(&mut viewer), warning);
    assert!(
        input.elapsed() >= Duration::from_millis(250),
        "input counts"
    );
    closed(&mut viewer, &Refusal::Idle);
    assert!(start.elapsed() >= Duration::from_millis(550));
    gateway.refused_with(&Refusal::Idle);
}

/// The next text, behind the news of who is there.
fn text_after_presence(viewer: &mut WebSocket) -> String {
    loop {
        match viewer.recv() {
            Message::Text(text) if text.contains("\"presence\"") => {}
            Message::Text(text) => return text,
            other => panic!("{other:?} in place of a text"),
        }
    }
}

#[test]
fn whoever_says_to_be_there_is_not_ended_and_the_machine_hears_nothing_of_it() {
    let (server, told) = live::recording_server();
    let policy = Policy {
        idle: Some(Duration::from_millis(600)),
        ..policy()
    };
    let gateway = Gateway::speaking(target(server.addr()), policy, Subprotocol::Portway);
    let mut viewer = enter(&gateway, "desk");
    let warning = "{\"type\":\"warning\",\"reason\":\"idle\",\"seconds\":0}";
    assert_eq!(text_after_presence(&mut viewer), warning);
    let here = Instant::now();
    viewer.send_text("{\"type\":\"here\"}");
    let over = "{\"type\":\"warning\",\"reason\":\"idle\",\"over\":true}";
    assert_eq!(text_after_presence(&mut viewer), over);
    assert_eq!(text_after_presence(&mut viewer), warning);
    closed(&mut viewer, &Refusal::Idle);
    assert!(here.elapsed() >= Duration::from_millis(550));
    assert!(told.try_recv().is_err());
}

#[test]
fn a_session_ends_at_its_age_however_busy() {
    let server = quiet_server();
    let policy = Policy {
        session_max: Some(Duration::from_millis(200)),
        ..policy()
    };
    let gateway = Gateway::start(target(server.addr()), policy);
    let mut viewer = enter(&gateway, "desk");
    viewer.send_binary(&KEY_DOWN);
    closed(&mut viewer, &Refusal::TimeOver);
    gateway.refused_with(&Refusal::TimeOver);
}

/// A server that shows its screen and then reads so much each time it is told to, and otherwise
/// nothing.
fn deaf_server() -> (Upstream, mpsc::Sender<usize>) {
    let (say, reads) = mpsc::channel();
    let reads = Mutex::new(Some(reads));
    let server = open_server(move |peer| {
        let reads = reads.lock().unwrap().take().unwrap();
        for count in reads {
            peer.read_exact(count);
        }
    });
    (server, say)
}

fn impatient(limit: Duration) -> Policy {
    Policy {
        send_timeout: limit,
        ..pinging()
    }
}

/// Presses keys for as long as somebody takes them, more than sockets hold.
fn press_keys(viewer: &mut WebSocket) {
    let keys = KEY_DOWN.repeat(8 << 10);
    let header = proto::ws::FrameHeader {
        mask: Some([0; 4]),
        ..proto::ws::FrameHeader::binary(keys.len() as u64)
    };
    let frame = [&header.encode()[..], &keys].concat();
    let mut socket = viewer.conn().stream().try_clone().unwrap();
    std::thread::spawn(move || while std::io::Write::write_all(&mut socket, &frame).is_ok() {});
}

#[test]
fn a_server_that_takes_no_input_ends_the_session_in_time() {
    let (server, _say) = deaf_server();
    let gateway = Gateway::start(target(server.addr()), impatient(Duration::from_millis(700)));
    let mut viewer = enter(&gateway, "desk");
    let start = Instant::now();
    press_keys(&mut viewer);
    let end = gateway.end();
    assert_eq!(end.reason, EndReason::Refused(Refusal::TakesNoInput));
    assert!(end.detail.contains("vnc_send_timeout"), "{}", end.detail);
    assert!(start.elapsed() >= Duration::from_millis(650));
}

#[test]
fn a_server_that_is_slow_but_reads_keeps_its_session() {
    let (server, say) = deaf_server();
    let gateway = Gateway::start(
        target(server.addr()),
        impatient(Duration::from_millis(1500)),
    );
    let mut viewer = enter(&gateway, "desk");
    let start = Instant::now();
    press_keys(&mut viewer);
    for _ in 0..10 {
        // Enough that there is room again at this end.
        say.send(4 << 20).unwrap();
        std::thread::sleep(Duration::from_millis(250));
    }
    assert_eq!(gateway.sessions.list().len(), 1, "it goes on");
    let end = gateway.end();
    assert_eq!(end.reason, EndReason::Refused(Refusal::TakesNoInput));
    assert!(start.elapsed() >= Duration::from_millis(3500));
}
