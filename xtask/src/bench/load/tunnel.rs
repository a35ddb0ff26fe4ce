//! WebSockets through a proxy: small messages in an open loop, bulk, and silence.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::pace::Queue;
use crate::bench::meter::Meter;

/// The payload of a small message.
pub const MESSAGE_LEN: usize = 64;

/// A client's frame around a message: FIN and binary, masked with zeros so that the payload is its
/// own masked form.
fn message() -> Vec<u8> {
    let mut frame = vec![0x82, 0x80 | MESSAGE_LEN as u8, 0, 0, 0, 0];
    frame.extend([b'm'; MESSAGE_LEN]);
    frame
}

/// Sends `rate` messages a second over `tunnels` and reads each of them back.
pub fn start_echo(meter: &Rc<Meter>, addr: SocketAddr, tunnels: usize, rate: f64) {
    for queue in super::paced(meter, tunnels, rate) {
        super::spawn(meter, echo(addr, queue, meter.clone()));
    }
}

async fn echo(addr: SocketAddr, queue: Rc<Queue>, meter: Rc<Meter>) -> io::Result<()> {
    let mut stream = open(addr, "/echo", "").await?;
    loop {
        let due = queue.next().await;
        exchange(&mut stream).await?;
        meter.bytes(MESSAGE_LEN);
        meter.done(due);
    }
}

/// One message there and back.
pub async fn exchange(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(&message()).await?;
    let mut answer = [0; 2 + MESSAGE_LEN];
    stream.read_exact(&mut answer).await?;
    match answer[..3] == [0x82, MESSAGE_LEN as u8, b'm'] {
        true => Ok(()),
        false => Err(io::Error::other("another message came back")),
    }
}

/// Reads all that comes over `tunnels`, as fast as it comes.
pub fn start_bulk(meter: &Rc<Meter>, addr: SocketAddr, tunnels: usize) {
    for _ in 0..tunnels {
        let meter_here = meter.clone();
        super::spawn(meter, async move {
            let mut stream = open(addr, "/source", "").await?;
            drain(&mut stream, &meter_here).await
        });
    }
}

/// Reads and counts until the end, which is a failure.
pub async fn drain(stream: &mut TcpStream, meter: &Meter) -> io::Result<()> {
    let mut buf = vec![0; 256 * 1024];
    loop {
        match stream.read(&mut buf).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => meter.bytes(n),
        }
    }
}

/// Opens `count` tunnels that have carried one message each and then keep silent.
pub async fn open_idle(addr: SocketAddr, count: usize) -> io::Result<Vec<TcpStream>> {
    let mut open_tunnels = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = open(addr, "/echo", "").await?;
        exchange(&mut stream).await?;
        open_tunnels.push(stream);
    }
    Ok(open_tunnels)
}

/// Upgrades a new connection to WebSocket. `more` is further header lines.
pub async fn open(addr: SocketAddr, path: &str, more: &str) -> io::Result<TcpStream> {
    let mut stream = super::connect(addr).await?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: bench\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while head_len(&head).is_none() {
        // Byte by byte, so that nothing behind the head is taken.
        head.push(stream.read_u8().await?);
        if head.len() > 4096 {
            return Err(io::Error::other("an endless head"));
        }
    }
    match head.starts_with(b"HTTP/1.1 101") {
        true => Ok(stream),
        false => Err(io::Error::other(format!(
            "no tunnel: {}",
            String::from_utf8_lossy(&head)
                .lines()
                .next()
                .unwrap_or_default()
        ))),
    }
}

/// Where a head ends.
pub fn head_len(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    Some(end + 4)
}
