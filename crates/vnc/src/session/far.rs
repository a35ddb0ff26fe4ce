//! The opening handshake of a WebSocket towards a far gateway, as a client (RFC 6455 §4.1).

use net::{Deadline, Stream};
use proto::h1::{FieldName, Progress, ResponseHead, ResponseParser};
use proto::ws;

use super::ending::Failure;
use super::link::{FarSocket, Link};
use crate::target::FarGateway;
use crate::{Policy, Refusal};

/// The longest head of an answer.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How much is read at a time.
const READ_BYTES: usize = 4096;

/// Makes a WebSocket of a connection, within the time of a step of the handshake.
pub(super) async fn open(
    stream: Stream,
    far: &FarGateway,
    policy: &Policy,
) -> Result<Link, Failure> {
    let deadline = Deadline::after(policy.handshake_timeout);
    if far.secure {
        let Some(tls) = &policy.tls else {
            let off = "\"wss\" needs TLS, and \"vnc_tls\" is off";
            return Err(Failure::told(Refusal::Internal, off));
        };
        tls.secure(&stream, &far.host, &deadline).await?;
    }
    tokio::select! {
        early = shake_hands(&stream, far) => {
            Ok(Link::WebSocket(Box::new(FarSocket::new(stream, early?))))
        }
        () = deadline.expired() => {
            Err(Failure::told(Refusal::Timeout, "the far gateway's handshake stalled"))
        }
    }
}

/// Asks for the upgrade; gives back what came behind the answer.
async fn shake_hands(stream: &Stream, far: &FarGateway) -> Result<Vec<u8>, Failure> {
    let mut nonce = [0; 16];
    let random = rustix::rand::getrandom(&mut nonce, rustix::rand::GetRandomFlags::empty());
    random.map_err(|error| Failure::told(Refusal::Internal, format!("getrandom: {error}")))?;
    let key = ws::client_key(nonce);
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Protocol: {PROTOCOL}\r\n\r\n",
        far.path,
        far.authority()
    );
    let sent = stream.write_all(request.as_bytes()).await;
    sent.map_err(|error| broken_off(&format!("sending the upgrade: {error}")))?;
    let (mut buf, mut parser) = (Vec::new(), ResponseParser::new());
    loop {
        let mut piece = [0; READ_BYTES];
        let read = stream.read(&mut piece).await;
        let n = read.map_err(|error| broken_off(&format!("reading the answer: {error}")))?;
        if n == 0 {
            // websockify does so for a token that it does not know.
            return Err(broken_off("it closed without an answer"));
        }
        buf.extend_from_slice(piece.get(..n).unwrap_or_default());
        while let Some(progress) = parse(&mut parser, &buf)? {
            if progress == Progress::Done {
                check(parser.head(), &buf, &key)?;
                return Ok(buf.split_off(parser.head().end));
            }
        }
        if buf.len() > HEAD_BYTES_MAX {
            return Err(not_a_gateway("the head of its answer is too long"));
        }
    }
}

/// A step of the parser; `None` when it needs more.
fn parse(parser: &mut ResponseParser, buf: &[u8]) -> Result<Option<Progress>, Failure> {
    match parser.parse(buf) {
        Ok(Progress::More { .. }) => Ok(None),
        Ok(progress) => Ok(Some(progress)),
        Err(error) => Err(not_a_gateway(&error.to_string())),
    }
}

fn check(head: &ResponseHead, buf: &[u8], key: &str) -> Result<(), Failure> {
    if head.status != 101 {
        let refusal = match head.status {
            401 | 403 | 404 => Refusal::FarRefused,
            500..=599 => Refusal::FarFailed,
            _ => Refusal::NotVnc,
        };
        let detail = format!("the far gateway answered with status {}", head.status);
        return Err(Failure::told(refusal, detail));
    }
    let accept = head.value(buf, FieldName::SecWebSocketAccept);
    if accept != Some(ws::accept_key(key.as_bytes()).as_bytes()) {
        return Err(not_a_gateway("Sec-WebSocket-Accept is wrong"));
    }
    match head.value(buf, FieldName::SecWebSocketProtocol) {
        None => Ok(()),
        Some(protocol) if protocol == PROTOCOL.as_bytes() => Ok(()),
        Some(_) => Err(not_a_gateway(
            "it chose a sub-protocol that was not offered",
        )),
    }
}

fn broken_off(why: &str) -> Failure {
    Failure::told(Refusal::FarFailed, format!("the far gateway: {why}"))
}

fn not_a_gateway(why: &str) -> Failure {
    Failure::told(Refusal::NotVnc, format!("the far gateway: {why}"))
}

/// What every bridge to a VNC server understands.
const PROTOCOL: &str = "binary";
