//! The gateway under test: an upgrade by hand, then the session on a runtime of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use super::*;

/// A gateway for one connection.
pub(super) struct Gateway {
    addr: SocketAddr,
    pub(super) sessions: Sessions,
    end: mpsc::Receiver<SessionEnd>,
}

impl Gateway {
    pub(super) fn start(goal: Result<Target, Refusal>, policy: Policy) -> Self {
        Self::speaking(goal, policy, Subprotocol::Binary)
    }

    pub(super) fn speaking(
        goal: Result<Target, Refusal>,
        policy: Policy,
        protocol: Subprotocol,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let sessions = Sessions::new();
        let (tell, end) = mpsc::channel();
        let table = sessions.clone();
        thread::spawn(move || {
            let (mut socket, client) = listener.accept().unwrap();
            let early = upgrade(&mut socket);
            let about = About {
                client: client.to_string(),
                desktop: "lab".into(),
                ..About::default()
            };
            let ended = block_on(async move {
                let stream = net::Stream::new(socket.into()).unwrap();
                let browser = Browser {
                    stream,
                    early,
                    protocol,
                };
                run(browser, goal, policy, about, &table).await
            });
            let _ = tell.send(ended);
        });
        Self {
            addr,
            sessions,
            end,
        }
    }

    pub(super) fn viewer(&self) -> WebSocket {
        WebSocket::open(self.addr, "/websockify", "")
    }

    /// Waits for the session's end.
    #[track_caller]
    pub(super) fn end(&self) -> SessionEnd {
        let end = self
            .end
            .recv_timeout(testkit::DEADLINE)
            .expect("the session ends");
        assert!(self.sessions.is_empty(), "it left the table");
        end
    }

    #[track_caller]
    pub(super) fn refused_with(&self, refusal: &Refusal) {
        assert_eq!(self.end().reason, EndReason::Refused(refusal.clone()));
    }
}

/// Answers the upgrade; gives back what came behind the request.
fn upgrade(socket: &mut TcpStream) -> Vec<u8> {
    let mut head = Vec::new();
    let end = loop {
        let mut piece = [0; 4096];
        let n = socket.read(&mut piece).unwrap();
        head.extend_from_slice(&piece[..n]);
        if let Some(at) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let text = String::from_utf8(head[..end].to_vec()).unwrap();
    let field = text
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    let accept = proto::ws::accept_key(field.unwrap().as_bytes());
    let reply = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    socket.write_all(reply.as_bytes()).unwrap();
    head.split_off(end)
}

pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_unpark(net::clock::refresh)
        .build_local(tokio::runtime::LocalOptions::default())
        .unwrap();
    runtime.block_on(future)
}
