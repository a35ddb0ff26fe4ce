//! HTTP/1.1 requests on connections that stay open.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use super::pace::Queue;
use crate::bench::meter::Meter;

const BUFFER: usize = 256 * 1024;

/// Sends `rate` requests a second for `path` over `connections`.
pub fn start(meter: &Rc<Meter>, addr: SocketAddr, path: &str, connections: usize, rate: f64) {
    let request: Rc<[u8]> = format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n")
        .into_bytes()
        .into();
    for queue in super::paced(meter, connections, rate) {
        super::spawn(meter, ask(addr, request.clone(), queue, meter.clone()));
    }
}

async fn ask(
    addr: SocketAddr,
    request: Rc<[u8]>,
    queue: Rc<Queue>,
    meter: Rc<Meter>,
) -> io::Result<()> {
    let mut stream = super::connect(addr).await?;
    let mut buf = vec![0; BUFFER];
    loop {
        let due = queue.next().await;
        stream.write_all(&request).await?;
        meter.bytes(read_response(&mut stream, &mut buf).await?);
        meter.done(due);
    }
}

/// Asks on new connections until the answer is this number.
pub async fn wait_for_generation(addr: SocketAddr, generation: usize) -> Result<(), String> {
    let limit = Instant::now() + Duration::from_secs(10);
    while Instant::now() < limit {
        if answer(addr)
            .await
            .is_ok_and(|answer| answer == generation.to_string())
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Err(format!("reload {generation} did not happen"))
}

async fn answer(addr: SocketAddr) -> io::Result<String> {
    let mut stream = super::connect(addr).await?;
    stream
        .write_all(b"GET /generation HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        .await?;
    let mut all = String::new();
    stream.read_to_string(&mut all).await?;
    Ok(all.rsplit("\r\n").next().unwrap_or_default().to_owned())
}

/// Reads one response and says how long it was.
pub async fn read_response(
    stream: &mut (impl AsyncRead + Unpin),
    buf: &mut [u8],
) -> io::Result<usize> {
    let mut filled = 0;
    let total = loop {
        filled += read_some(stream, &mut buf[filled..]).await?;
        if let Some(total) = response_len(&buf[..filled])? {
            break total;
        }
    };
    while filled < total {
        filled += read_some(stream, buf).await?;
    }
    match filled == total {
        true => Ok(total),
        false => Err(io::Error::other("more than one response")),
    }
}

async fn read_some(stream: &mut (impl AsyncRead + Unpin), buf: &mut [u8]) -> io::Result<usize> {
    match stream.read(buf).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        n => Ok(n),
    }
}

/// The length of head and body, once the head is there.
fn response_len(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(head) = super::tunnel::head_len(bytes) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes[..head]);
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let wanted = name.eq_ignore_ascii_case("content-length");
        wanted.then(|| value.trim().parse::<usize>().ok())?
    });
    match (text.starts_with("HTTP/1.1 200"), length) {
        (true, Some(length)) => Ok(Some(head + length)),
        _ => Err(io::Error::other(format!(
            "not the response expected: {}",
            text.lines().next().unwrap_or_default()
        ))),
    }
}
