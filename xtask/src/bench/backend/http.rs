//! HTTP responses of fixed lengths, and WebSockets that echo messages or stream.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::bench::load::tunnel::head_len;

/// The response bodies by their paths.
pub const BODIES: &[(&str, usize)] = &[("/100", 100), ("/16k", 16 << 10), ("/1m", 1 << 20)];

/// The payload of a frame of the stream.
const FRAME_LEN: usize = 64 * 1024;

pub async fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    let mut prepared: Option<(Vec<u8>, Vec<u8>)> = None;
    loop {
        let Some(end) = head_len(&head) else {
            if stream.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
            continue;
        };
        if let Some((_, response)) = prepared.as_ref().filter(|(asked, _)| *asked == head[..end]) {
            stream.write_all(response).await?;
            head.drain(..end);
            continue;
        }
        let asked: Vec<u8> = head.drain(..end).collect();
        match path(&asked) {
            "/echo" => return echo(stream).await,
            "/source" => return source(stream).await,
            path => prepared = Some((asked.clone(), response(path))),
        }
        if let Some((_, response)) = &prepared {
            stream.write_all(response).await?;
        }
    }
}

fn path(head: &[u8]) -> &str {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = std::str::from_utf8(line).unwrap_or_default();
    line.split(' ').nth(1).unwrap_or_default()
}

fn response(path: &str) -> Vec<u8> {
    let (status, len) = match BODIES.iter().find(|(known, _)| *known == path) {
        Some((_, len)) => ("200 OK", *len),
        None => ("404 Not Found", 0),
    };
    let mut response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/octet-stream\r\nContent-Length: {len}\r\n\r\n"
    )
    .into_bytes();
    response.resize(response.len() + len, b'x');
    response
}

async fn upgrade(stream: &mut TcpStream) -> io::Result<()> {
    stream
        .write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        )
        .await
}

/// Sends each message back, in a frame as a server's: without the mask, which is zero.
async fn echo(mut stream: TcpStream) -> io::Result<()> {
    upgrade(&mut stream).await?;
    let mut stream = BufReader::with_capacity(512, stream);
    let mut frame = Vec::new();
    loop {
        let first = match stream.read_u8().await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            first => first?,
        };
        let len = stream.read_u8().await? & 0x7f;
        if len > 125 {
            return Err(io::Error::other("a message too long to echo"));
        }
        frame.resize(4 + usize::from(len), 0);
        stream.read_exact(&mut frame).await?;
        // The last two bytes of the key become the header.
        let answer = &mut frame[2..];
        // A ping is answered with a pong, anything else with itself.
        answer[0] = if first == 0x89 { 0x8a } else { first };
        answer[1] = len;
        stream.write_all(answer).await?;
    }
}

/// Sends frames of [`FRAME_LEN`] for as long as they are taken.
async fn source(mut stream: TcpStream) -> io::Result<()> {
    upgrade(&mut stream).await?;
    let mut frame = vec![0x82, 127];
    frame.extend((FRAME_LEN as u64).to_be_bytes());
    frame.resize(frame.len() + FRAME_LEN, b's');
    loop {
        stream.write_all(&frame).await?;
    }
}
