//! Servers that only a WebSocket reaches, with a far gateway that is played by hand.

use testkit::upstream::Peer;

use super::*;

/// A far gateway that accepts the upgrade and then does what `then` says.
fn far_gateway(then: impl Fn(&mut Peer) + Send + Sync + 'static) -> Upstream {
    Upstream::serving(move |peer| {
        if let Some(head) = peer.read_head() {
            let accept = accept(&head);
            peer.send(accept.as_bytes());
            then(peer);
        }
    })
}

fn accept(head: &str) -> String {
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
    let key = field("Sec-WebSocket-Key: ").unwrap();
    assert_eq!(field("Sec-WebSocket-Protocol: "), Some("binary"), "{head}");
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: binary\r\n\r\n",
        proto::ws::accept_key(key.as_bytes())
    )
}

/// Unmasked, as a server sends.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    [&[first, payload.len() as u8], payload].concat()
}

fn send(peer: &mut Peer, payload: &[u8]) {
    peer.send(&frame(0x82, payload));
}

/// The next frame, which must be masked.
fn recv(peer: &mut Peer) -> Option<(u8, Vec<u8>)> {
    let head = peer.read_exact(2)?;
    assert_eq!(head[1] & 0x80, 0x80, "a client masks");
    let len = match head[1] & 0x7f {
        126 => u16::from_be_bytes(peer.read_exact(2)?.try_into().unwrap()).into(),
        len => usize::from(len),
    };
    let key = peer.read_exact(4)?;
    let mut payload = peer.read_exact(len)?;
    for (at, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[at % 4];
    }
    Some((head[0], payload))
}

/// RFB bytes, however they are framed.
fn recv_bytes(peer: &mut Peer, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < count {
        let (first, payload) = recv(peer).expect("a frame");
        assert_eq!(first, 0x82);
        bytes.extend(payload);
    }
    bytes
}

/// Up to the screen.
fn let_in(peer: &mut Peer) {
    send(peer, VERSION);
    assert_eq!(recv_bytes(peer, 12), VERSION);
    send(peer, &[1, 1]);
    recv_bytes(peer, 1);
    send(peer, &[0; 4]);
    assert_eq!(recv_bytes(peer, 1), [1], "always shared");
    send(peer, &init("desk"));
}

fn goal(far: &Upstream, path: &str) -> Result<Target, Refusal> {
    Ok(format!("ws://{}{path}", far.addr()).parse().unwrap())
}

#[test]
fn a_session_goes_through_a_far_gateway_both_ways() {
    let far = far_gateway(|peer| {
        let_in(peer);
        peer.send(&frame(0x89, b"alive?"));
        // One message in two frames with a ping between, in one segment.
        let pieces = [
            frame(0x02, b"screen-"),
            frame(0x89, b"2"),
            frame(0x80, b"bytes"),
            frame(0x8a, b"unasked"),
        ];
        peer.send(&pieces.concat());
        let mut seen = Vec::new();
        while seen.len() < 3 {
            seen.push(recv(peer).expect("a frame"));
        }
        let pongs = [(0x8a, b"alive?".to_vec()), (0x8a, b"2".to_vec())];
        assert_eq!(seen[..2], pongs);
        assert_eq!(seen[2], (0x82, KEY_DOWN.to_vec()));
        send(peer, b"key came");
        // Both the key's release and the good-bye come before the end.
        assert_eq!(recv(peer), Some((0x82, KEY_UP.to_vec())));
        let (first, payload) = recv(peer).expect("a close frame");
        assert_eq!((first, &payload[..]), (0x88, &1000_u16.to_be_bytes()[..]));
        assert_eq!(recv(peer), None);
    });
    let gateway = Gateway::start(goal(&far, "/websockify?token=far-secret"), policy());
    let mut viewer = enter(&gateway, "desk");
    assert_eq!(viewer.recv_bytes(12), b"screen-bytes");
    viewer.send_binary(&KEY_DOWN);
    assert_eq!(viewer.recv_bytes(8), b"key came");
    viewer.send_close(1000, "");
    gateway.end();
    let request = far.received(0);
    assert!(request.starts_with("GET /websockify?token=far-secret HTTP/1.1\r\n"));
    assert!(request.contains(&format!("Host: {}\r\n", far.addr())));
    assert!(!request.contains("Origin"), "{request}");
}

#[test]
fn a_large_input_is_split_into_frames_and_arrives_whole() {
    const TEXT: usize = 200_000;
    let far = far_gateway(|peer| {
        let_in(peer);
        let mut bytes = Vec::new();
        while bytes.len() < 8 + TEXT {
            let head = peer.read_exact(2).unwrap();
            let len = match head[1] & 0x7f {
                127 => u64::from_be_bytes(peer.read_exact(8).unwrap().try_into().unwrap()) as usize,
                126 => u16::from_be_bytes(peer.read_exact(2).unwrap().try_into().unwrap()).into(),
                len => usize::from(len),
            };
            let key = peer.read_exact(4).unwrap();
            let payload = peer.read_exact(len).unwrap();
            bytes.extend(
                payload
                    .iter()
                    .enumerate()
                    .map(|(at, byte)| byte ^ key[at % 4]),
            );
        }
        assert!(bytes[8..].iter().all(|byte| *byte == b'x'));
        send(peer, b"all came");
        peer.hold();
    });
    let gateway = Gateway::start(goal(&far, "/"), policy());
    let mut viewer = enter(&gateway, "desk");
    let mut cut_text = vec![6, 0, 0, 0];
    cut_text.extend_from_slice(&(TEXT as u32).to_be_bytes());
    cut_text.resize(8 + TEXT, b'x');
    viewer.send_binary(&cut_text);
    assert_eq!(viewer.recv_bytes(8), b"all came");
}

#[test]
fn bytes_behind_the_far_answer_are_not_lost() {
    let far = Upstream::serving(|peer| {
        let Some(head) = peer.read_head() else { return };
        let answer = [accept(&head).into_bytes(), frame(0x82, VERSION)].concat();
        peer.send(&answer);
        assert_eq!(recv_bytes(peer, 12), VERSION);
        send(peer, &[0, 0, 0, 0, 2, b'n', b'o']);
        peer.hold();
    });
    let gateway = Gateway::start(goal(&far, "/"), policy());
    refused(&mut gateway.viewer(), &Refusal::ServerRefused("no".into()));
}

#[test]
fn what_the_far_gateway_says_at_first_is_told_apart() {
    let cases: &[(&'static [u8], Refusal)] = &[
        (b"", Refusal::FarFailed),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", Refusal::FarRefused),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", Refusal::FarRefused),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", Refusal::FarFailed),
        (b"HTTP/1.1 200 OK\r\n\r\n", Refusal::NotVnc),
        (b"RFB 003.008\n", Refusal::NotVnc),
        (
            b"HTTP/1.1 101 Sure\r\nSec-WebSocket-Accept: abc\r\n\r\n",
            Refusal::NotVnc,
        ),
    ];
    for (answer, refusal) in cases {
        let far = Upstream::answering(answer);
        let gateway = Gateway::start(goal(&far, "/"), policy());
        refused(&mut gateway.viewer(), refusal);
        gateway.refused_with(refusal);
    }
    let silent = Upstream::serving(Peer::hold);
    let gateway = Gateway::start(goal(&silent, "/"), policy());
    refused(&mut gateway.viewer(), &Refusal::Timeout);
}

#[test]
fn the_far_gateways_close_codes_mean_something_here() {
    let cases = [
        (1011, Refusal::FarFailed),
        (4502, Refusal::FarFailed),
        (4401, Refusal::FarRefused),
        (4410, Refusal::Cut(String::new())),
        (1012, Refusal::Restart),
        (1000, Refusal::FarFailed),
    ];
    for (code, refusal) in cases {
        let far = far_gateway(move |peer| {
            let reason = [&u16::to_be_bytes(code)[..], b"its own words"].concat();
            peer.send(&frame(0x88, &reason));
            let (first, payload) = recv(peer).expect("an answer");
            assert_eq!((first, &payload[..2]), (0x88, &u16::to_be_bytes(code)[..]));
        });
        let gateway = Gateway::start(goal(&far, "/"), policy());
        refused(&mut gateway.viewer(), &refusal);
        let end = gateway.end();
        assert_eq!(end.reason, EndReason::Refused(refusal));
        assert!(end.detail.contains("its own words"), "{end}");
    }
    let far = far_gateway(|peer| {
        let_in(peer);
        peer.send(&frame(0x88, &4410_u16.to_be_bytes()));
        peer.hold();
    });
    let gateway = Gateway::start(goal(&far, "/"), policy());
    closed(&mut enter(&gateway, "desk"), &Refusal::Cut(String::new()));
}

#[test]
fn what_is_no_frame_of_a_server_ends_the_session() {
    let masked = [&[0x82, 0x81, 0, 0, 0, 0][..], b"x"].concat();
    for bad in [frame(0x81, b"text"), masked] {
        let far = far_gateway(move |peer| {
            let_in(peer);
            peer.send(&bad);
            peer.hold();
        });
        let gateway = Gateway::start(goal(&far, "/"), policy());
        closed(&mut enter(&gateway, "desk"), &Refusal::Lost);
    }
}
