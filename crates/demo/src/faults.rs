//! Servers that misbehave, each in one way, to test what stands between them and a viewer.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What a server does wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Speaks RFB 3.8, offers no security type and gives this reason.
    Refuses(String),
    /// Sends its version and closes.
    ClosesAfterBanner,
    /// Accepts and closes without a byte.
    ClosesAtOnce,
    /// Answers with these bytes, then keeps the connection open.
    SpeaksGarbage(Vec<u8>),
    /// Accepts and says nothing.
    NeverAnswers,
    /// Offers VncAuth and rejects every password with this reason.
    RejectsPassword(String),
    /// Does the handshake, then sends updates as fast as they are taken, unasked.
    Floods {
        /// Width and height of the desktop, which each update fills.
        size: (u16, u16),
    },
    /// Does the handshake and then neither sends nor reads.
    StallsAfterInit,
    /// Does the handshake, sends one whole update, and closes the connection after this time.
    ClosesAfter(Duration),
}

/// Serves all who connect to `listener` with `fault`, until dropped.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(listener: TcpListener, fault: Fault) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        let fault = fault.clone();
        connections.spawn(async move { misbehave(stream, &fault).await });
        while connections.try_join_next().is_some() {}
    }
}

async fn misbehave(mut stream: TcpStream, fault: &Fault) -> io::Result<()> {
    match fault {
        Fault::Refuses(reason) => {
            banner(&mut stream).await?;
            stream.write_all(&[0]).await?;
            write_string(&mut stream, reason).await
        }
        Fault::ClosesAfterBanner => stream.write_all(BANNER).await,
        Fault::ClosesAtOnce => Ok(()),
        Fault::SpeaksGarbage(garbage) => {
            stream.write_all(garbage).await?;
            drain(&mut stream).await
        }
        Fault::NeverAnswers => drain(&mut stream).await,
        Fault::RejectsPassword(reason) => {
            banner(&mut stream).await?;
            stream.write_all(&[1, 2]).await?;
            stream.read_u8().await?;
            stream.write_all(&[0x5a; 16]).await?;
            stream.read_exact(&mut [0; 16]).await?;
            stream.write_all(&[0, 0, 0, 1]).await?;
            write_string(&mut stream, reason).await
        }
        Fault::Floods { size } => flood(stream, *size).await,
        Fault::StallsAfterInit => {
            start(&mut stream, (640, 480)).await?;
            std::future::pending().await
        }
        Fault::ClosesAfter(time) => {
            start(&mut stream, (64, 64)).await?;
            stream.write_all(&update((64, 64), 0)).await?;
            // What the viewer sends is read, so that the end is a plain close and not a reset.
            let _ = tokio::time::timeout(*time, drain(&mut stream)).await;
            Ok(())
        }
    }
}

async fn flood(mut stream: TcpStream, size: (u16, u16)) -> io::Result<()> {
    start(&mut stream, size).await?;
    let (mut reader, mut writer) = stream.split();
    let send = async {
        for shade in (0..=u8::MAX).cycle() {
            writer.write_all(&update(size, shade)).await?;
        }
        Ok(())
    };
    tokio::select! {
        ended = send => ended,
        ended = drain_half(&mut reader) => ended,
    }
}

/// The whole handshake with security type None.
async fn start(stream: &mut TcpStream, size: (u16, u16)) -> io::Result<()> {
    banner(stream).await?;
    stream.write_all(&[1, 1]).await?;
    stream.read_u8().await?;
    stream.write_all(&[0; 4]).await?;
    stream.read_u8().await?;
    let mut init = Vec::new();
    crate::rfb::server::put_server_init(size, "fault", &mut init);
    stream.write_all(&init).await
}

async fn banner(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(BANNER).await?;
    stream.read_exact(&mut [0; 12]).await?;
    Ok(())
}

async fn write_string(stream: &mut TcpStream, text: &str) -> io::Result<()> {
    stream.write_all(&(text.len() as u32).to_be_bytes()).await?;
    stream.write_all(text.as_bytes()).await
}

/// Reads until the viewer closes.
async fn drain(stream: &mut TcpStream) -> io::Result<()> {
    drain_half(&mut stream.split().0).await
}

async fn drain_half(reader: &mut tokio::net::tcp::ReadHalf<'_>) -> io::Result<()> {
    tokio::io::copy(reader, &mut tokio::io::sink()).await?;
    Ok(())
}

/// A raw update of the whole desktop in one shade of grey.
fn update((width, height): (u16, u16), shade: u8) -> Vec<u8> {
    let mut update = Vec::new();
    crate::rfb::server::put_update_header(1, &mut update);
    let fields = [0, 0, width, height];
    crate::rfb::server::put_rect_header(fields, crate::rfb::encoding::RAW, &mut update);
    let bytes = update.len() + 4 * usize::from(width) * usize::from(height);
    update.resize(bytes, shade);
    update
}

const BANNER: &[u8] = b"RFB 003.008\n";
