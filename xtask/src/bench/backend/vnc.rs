//! A VNC server without a screen: it sends updates of one size, and knows when keys were pressed.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

const NAME: &[u8] = b"bench";

/// Width, height, pixel format, and the name with its length.
pub const SERVER_INIT_LEN: usize = 2 + 2 + 16 + 4 + NAME.len();

/// The heads of an update and of its rectangle.
pub const UPDATE_HEAD_LEN: usize = 4 + 12;

/// What is sent once updates were asked for.
#[derive(Debug, Clone, Copy)]
pub enum Updates {
    None,
    /// 64 KiB of pixels each, as fast as they are taken.
    Bulk,
    /// 1 KiB of pixels each, so many a second.
    Small(f64),
}

/// Keys that were pressed, and how long each took to arrive.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    inner: Arc<Mutex<Presses>>,
}

#[derive(Debug, Default)]
struct Presses {
    next: u32,
    /// Those under way: number and when they were due.
    under_way: VecDeque<(u32, Instant)>,
    arrived: Vec<(Instant, Duration)>,
}

impl Inputs {
    /// The key to send for a press that was `due` then.
    pub fn press(&self, due: Instant) -> u32 {
        let mut presses = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        presses.next += 1;
        let key = presses.next;
        presses.under_way.push_back((key, due));
        key
    }

    fn arrive(&self, key: u32) {
        let now = Instant::now();
        let mut presses = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let at = presses.under_way.iter().position(|(sent, _)| *sent == key);
        if let Some((_, due)) = at.and_then(|at| presses.under_way.remove(at)) {
            presses.arrived.push((now, now - due));
        }
    }

    /// How long the presses took that arrived after `start`. One that has not arrived counts with
    /// the time that it has taken until now.
    pub fn waits_since(&self, start: Instant) -> Vec<Duration> {
        let presses = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let arrived = presses.arrived.iter().filter(|(at, _)| *at >= start);
        let late = presses.under_way.iter().map(|(_, due)| due.elapsed());
        arrived.map(|(_, wait)| *wait).chain(late).collect()
    }
}

pub async fn serve(stream: TcpStream, updates: Updates, inputs: Inputs) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::with_capacity(512, read);
    handshake(&mut read, &mut write).await?;
    let mut write = Some(write);
    loop {
        match read_message(&mut read).await? {
            Message::UpdateRequest => {
                if let Some(write) = write.take() {
                    tokio::spawn(send_updates(write, updates));
                }
            }
            Message::Key(key) => inputs.arrive(key),
            Message::Other => {}
        }
    }
}

async fn handshake(
    read: &mut BufReader<OwnedReadHalf>,
    write: &mut OwnedWriteHalf,
) -> io::Result<()> {
    write.write_all(b"RFB 003.008\n").await?;
    read.read_exact(&mut [0; 12]).await?;
    write.write_all(&[1, 1]).await?;
    read.read_u8().await?;
    write.write_all(&[0; 4]).await?;
    read.read_u8().await?;
    let mut init = vec![4, 0, 3, 0];
    init.extend([32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0]);
    init.extend((NAME.len() as u32).to_be_bytes());
    init.extend(NAME);
    debug_assert_eq!(init.len(), SERVER_INIT_LEN);
    write.write_all(&init).await
}

enum Message {
    UpdateRequest,
    Key(u32),
    Other,
}

async fn read_message(read: &mut BufReader<OwnedReadHalf>) -> io::Result<Message> {
    let skip = match read.read_u8().await? {
        0 => 19,
        2 => {
            read.read_u8().await?;
            4 * usize::from(read.read_u16().await?)
        }
        3 => {
            read.read_exact(&mut [0; 9]).await?;
            return Ok(Message::UpdateRequest);
        }
        4 => {
            read.read_exact(&mut [0; 3]).await?;
            return Ok(Message::Key(read.read_u32().await?));
        }
        5 => 5,
        other => return Err(io::Error::other(format!("message of type {other}"))),
    };
    read.read_exact(&mut vec![0; skip]).await?;
    Ok(Message::Other)
}

/// A raw rectangle of `side` times `side` pixels.
fn update(side: u16) -> Vec<u8> {
    let [high, low] = side.to_be_bytes();
    let mut update = vec![0, 0, 0, 1];
    update.extend([0, 0, 0, 0, high, low, high, low, 0, 0, 0, 0]);
    update.resize(
        UPDATE_HEAD_LEN + usize::from(side) * usize::from(side) * 4,
        0x55,
    );
    update
}

async fn send_updates(mut write: OwnedWriteHalf, updates: Updates) -> io::Result<()> {
    match updates {
        Updates::None => super::keep(write).await,
        Updates::Bulk => {
            let update = update(128);
            loop {
                write.write_all(&update).await?;
            }
        }
        Updates::Small(rate) => {
            let update = update(16);
            let mut ticks = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
            loop {
                ticks.tick().await;
                write.write_all(&update).await?;
            }
        }
    }
}
