//! Whole sessions over real sockets: a raw WebSocket client, a scripted server.

mod bulk;
mod changes;
mod exchanges;
mod far;
mod followed;
mod gateway;
mod live;
mod login;
mod machine;
mod refusals;
mod timing;

use std::net::SocketAddr;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use testkit::ws::Message;
use testkit::{Upstream, WebSocket};

use super::*;
use gateway::Gateway;

const VERSION: &[u8] = b"RFB 003.008\n";
const KEY_DOWN: [u8; 8] = [4, 1, 0, 0, 0, 0, 0, 0x61];
const KEY_UP: [u8; 8] = [4, 0, 0, 0, 0, 0, 0, 0x61];

/// Times short enough for a test.
fn policy() -> Policy {
    Policy {
        ping: Duration::ZERO,
        handshake_timeout: Duration::from_millis(500),
        connect_timeout: Duration::from_millis(500),
        ..Policy::default()
    }
}

fn target(addr: SocketAddr) -> Result<Target, Refusal> {
    Ok(addr.to_string().parse().unwrap())
}

fn reason(text: &str) -> Vec<u8> {
    [&(text.len() as u32).to_be_bytes()[..], text.as_bytes()].concat()
}

fn init(name: &str) -> Vec<u8> {
    let mut out = vec![
        3, 32, 2, 88, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0,
    ];
    out.extend_from_slice(&reason(name));
    out
}

/// A server without a password that then does what `then` says.
fn open_server(then: impl Fn(&mut testkit::upstream::Peer) + Send + Sync + 'static) -> Upstream {
    Upstream::serving(move |peer| {
        peer.send(VERSION);
        peer.read_exact(12);
        peer.send(&[1, 1]);
        peer.read_exact(1);
        peer.send(&[0; 4]);
        assert_eq!(peer.read_exact(1), Some(vec![1]), "always shared");
        peer.send(&init("desk"));
        then(peer);
    })
}

/// A viewer that has come as far as the screen, which is named `name`.
fn enter(gateway: &Gateway, name: &str) -> WebSocket {
    let mut viewer = gateway.viewer();
    assert_eq!(viewer.recv_bytes(12), VERSION);
    viewer.send_binary(VERSION);
    assert_eq!(viewer.recv_bytes(2), [1, 1]);
    viewer.send_binary(&[1]);
    assert_eq!(viewer.recv_bytes(4), [0; 4]);
    viewer.send_binary(&[0]);
    let screen = init(name);
    assert_eq!(viewer.recv_bytes(screen.len()), screen);
    viewer
}

/// A server that tells what it receives after the handshake, and sends what the test says.
fn scripted_server() -> (Upstream, mpsc::Receiver<u8>, mpsc::Sender<Vec<u8>>) {
    let (tell, told) = mpsc::channel();
    let (say, script) = mpsc::channel::<Vec<u8>>();
    let script = Mutex::new(Some(script));
    let server = open_server(move |peer| {
        let mut back = peer.stream().try_clone().unwrap();
        let tell = tell.clone();
        std::thread::spawn(move || {
            let mut byte = [0];
            while std::io::Read::read_exact(&mut back, &mut byte).is_ok() {
                let _ = tell.send(byte[0]);
            }
        });
        let script = script.lock().unwrap().take().unwrap();
        for bytes in script {
            peer.send(&bytes);
        }
    });
    (server, told, say)
}

#[track_caller]
fn receive(told: &mpsc::Receiver<u8>, count: usize) -> Vec<u8> {
    (0..count)
        .map(|_| told.recv_timeout(testkit::DEADLINE).expect("bytes arrive"))
        .collect()
}

/// What a 3.8 viewer is told when nothing can be offered.
fn refused(viewer: &mut WebSocket, refusal: &Refusal) {
    let sentence = refusal.sentence();
    assert_eq!(viewer.recv_bytes(12), VERSION);
    viewer.send_binary(VERSION);
    let told = [vec![0], reason(&sentence)].concat();
    assert_eq!(viewer.recv_bytes(told.len()), told);
    closed(viewer, refusal);
}

fn closed(viewer: &mut WebSocket, refusal: &Refusal) {
    let expected = (refusal.close_code(), refusal.sentence().into_owned());
    assert_eq!(viewer.recv_close(), Some(expected));
    viewer.send_close(refusal.close_code(), "");
}
