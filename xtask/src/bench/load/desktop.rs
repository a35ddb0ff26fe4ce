//! A remote desktop in a browser: RFB inside WebSocket, from the client's side.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::pace::Queue;
use crate::bench::backend::vnc::{Inputs, SERVER_INIT_LEN, UPDATE_HEAD_LEN};
use crate::bench::meter::Meter;

/// Opens a session up to the point where updates may come.
pub async fn open(addr: SocketAddr) -> io::Result<TcpStream> {
    // The origin of a page of the same host.
    let headers = "Sec-WebSocket-Protocol: binary\r\nOrigin: http://bench\r\n";
    let mut stream = super::tunnel::open(addr, "/websockify", headers).await?;
    read_payload(&mut stream, 12).await?;
    send(&mut stream, b"RFB 003.008\n").await?;
    read_payload(&mut stream, 2).await?;
    send(&mut stream, &[1]).await?;
    read_payload(&mut stream, 4).await?;
    send(&mut stream, &[1]).await?;
    read_payload(&mut stream, SERVER_INIT_LEN).await?;
    // SetEncodings: raw alone.
    send(&mut stream, &[2, 0, 0, 1, 0, 0, 0, 0]).await?;
    Ok(stream)
}

/// Asks for updates, which the source then sends without being asked again.
pub async fn ask(stream: &mut TcpStream) -> io::Result<()> {
    send(stream, &[3, 1, 0, 0, 0, 0, 4, 0, 3, 0]).await
}

/// Sessions that read updates as fast as they come.
pub fn start_updates(meter: &Rc<Meter>, addr: SocketAddr, sessions: usize) {
    for _ in 0..sessions {
        let meter_here = meter.clone();
        super::spawn(meter, async move {
            let mut stream = open(addr).await?;
            ask(&mut stream).await?;
            super::tunnel::drain(&mut stream, &meter_here).await
        });
    }
}

/// Sessions that read small updates and count them whole, whatever frames they came in.
pub fn start_small_updates(meter: &Rc<Meter>, addr: SocketAddr, sessions: usize, len: usize) {
    for _ in 0..sessions {
        let meter_here = meter.clone();
        super::spawn(meter, async move {
            let mut stream = tokio::io::BufReader::new(open(addr).await?);
            ask(stream.get_mut()).await?;
            let mut rest = 0;
            loop {
                let got = read_frame(&mut stream).await?;
                meter_here.bytes(got);
                rest += got;
                meter_here.count((rest / (UPDATE_HEAD_LEN + len)) as u64);
                rest %= UPDATE_HEAD_LEN + len;
            }
        });
    }
}

/// As [`start_updates`], pressing `rate` keys a second in all meanwhile.
pub fn start_input(meter: &Rc<Meter>, addr: SocketAddr, sessions: usize, rate: f64, keys: &Inputs) {
    for queue in super::paced(meter, sessions, rate) {
        let (meter_here, keys) = (meter.clone(), keys.clone());
        super::spawn(meter, async move {
            let mut stream = open(addr).await?;
            ask(&mut stream).await?;
            type_and_read(stream, queue, keys, meter_here).await
        });
    }
}

/// The same without a gateway: what the load and the source need by themselves.
pub fn start_direct_input(
    meter: &Rc<Meter>,
    addr: SocketAddr,
    sessions: usize,
    rate: f64,
    keys: &Inputs,
) {
    for queue in super::paced(meter, sessions, rate) {
        let (meter_here, keys) = (meter.clone(), keys.clone());
        super::spawn(meter, async move {
            let mut stream = super::connect(addr).await?;
            let hello = b"RFB 003.008\n\x01\x01\x03\x01\x00\x00\x00\x00\x04\x00\x03\x00";
            stream.write_all(hello).await?;
            let (mut read, mut write) = stream.into_split();
            let counted = meter_here.clone();
            super::spawn(&meter_here, async move {
                let mut buf = vec![0; 256 * 1024];
                loop {
                    counted.bytes(read.read(&mut buf).await?);
                }
            });
            loop {
                let key = keys.press(queue.next().await);
                write.write_all(&key_event(key)).await?;
            }
        });
    }
}

async fn type_and_read(
    stream: TcpStream,
    queue: Rc<Queue>,
    keys: Inputs,
    meter: Rc<Meter>,
) -> io::Result<()> {
    let (mut read, mut write) = stream.into_split();
    let counted = meter.clone();
    super::spawn(&meter, async move {
        let mut buf = vec![0; 256 * 1024];
        loop {
            match read.read(&mut buf).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                n => counted.bytes(n),
            }
        }
    });
    loop {
        let key = keys.press(queue.next().await);
        write.write_all(&frame(&key_event(key))).await?;
    }
}

fn key_event(key: u32) -> [u8; 8] {
    let [a, b, c, d] = key.to_be_bytes();
    [4, 1, 0, 0, a, b, c, d]
}

/// A client's frame, masked with zeros.
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x82, 0x80 | payload.len() as u8, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}

async fn send(stream: &mut TcpStream, payload: &[u8]) -> io::Result<()> {
    stream.write_all(&frame(payload)).await
}

/// Reads frames until they carried exactly `len` bytes.
async fn read_payload(stream: &mut TcpStream, len: usize) -> io::Result<()> {
    let mut got = 0;
    while got < len {
        got += read_frame(stream).await?;
    }
    match got == len {
        true => Ok(()),
        false => Err(io::Error::other(format!("{got} bytes instead of {len}"))),
    }
}

/// Reads a frame and says how much data it carried.
async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
    let first = stream.read_u8().await?;
    let len = match stream.read_u8().await? {
        126 => usize::from(stream.read_u16().await?),
        127 => stream.read_u64().await? as usize,
        short => usize::from(short),
    };
    if len > 1 << 24 {
        return Err(io::Error::other("a frame too long"));
    }
    let mut payload = vec![0; len];
    stream.read_exact(&mut payload).await?;
    match first & 0x0f {
        0..=2 => Ok(len),
        8 => Err(io::Error::other(format!("closed: {payload:?}"))),
        _ => Ok(0),
    }
}
