//! A fake upstream: a TCP server that does to each connection what the test says.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::wait::{DEADLINE, wait_for};

/// A listening server on loopback whose connections each run a script.
#[derive(Debug)]
pub struct Upstream {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    closing: AtomicBool,
    /// Everything that each connection has received, in the order of acceptance.
    received: Mutex<Vec<Vec<u8>>>,
}

impl Upstream {
    /// Runs `script` for each connection, on a thread of its own.
    #[must_use]
    pub fn serving(script: impl Fn(&mut Peer) + Send + Sync + 'static) -> Self {
        Self::serving_on((Ipv4Addr::LOCALHOST, 0).into(), script)
    }

    /// As [`Upstream::serving`], at a given address.
    #[must_use]
    pub fn serving_on(
        addr: SocketAddr,
        script: impl Fn(&mut Peer) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(addr).expect("address is free");
        let addr = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let (theirs, script) = (Arc::clone(&shared), Arc::new(script));
        thread::spawn(move || accept_all(&listener, &theirs, &script));
        Self { addr, shared }
    }

    /// Reads each request's head, sends `bytes` and closes.
    #[must_use]
    pub fn answering(bytes: &'static [u8]) -> Self {
        Self::serving(move |peer| {
            if peer.read_head().is_some() {
                peer.send(bytes);
            }
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many connections it has accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared
            .received
            .lock()
            .expect("scripts do not hold it")
            .len()
    }

    /// What the connection number `index` has sent so far, as text.
    #[must_use]
    pub fn received(&self, index: usize) -> String {
        let received = self.shared.received.lock().expect("scripts do not hold it");
        received
            .get(index)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .unwrap_or_default()
    }

    /// Waits until connection `index` has sent something that contains `text`.
    #[track_caller]
    pub fn wait_received(&self, index: usize, text: &str) -> String {
        wait_for(&format!("{text:?} at the upstream"), || {
            Some(self.received(index)).filter(|all| all.contains(text))
        })
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        // Wakes the accepting thread, which then sees the flag.
        let _ = TcpStream::connect_timeout(&self.addr, Duration::from_secs(1));
    }
}

fn accept_all<S>(listener: &TcpListener, shared: &Arc<Shared>, script: &Arc<S>)
where
    S: Fn(&mut Peer) + Send + Sync + 'static,
{
    for stream in listener.incoming().flatten() {
        if shared.closing.load(Ordering::Relaxed) {
            return;
        }
        let index = {
            let mut received = shared.received.lock().expect("scripts do not hold it");
            received.push(Vec::new());
            received.len() - 1
        };
        stream
            .set_read_timeout(Some(DEADLINE))
            .expect("a live socket takes options");
        stream
            .set_nodelay(true)
            .expect("a live socket takes options");
        let mut peer = Peer {
            stream,
            shared: Arc::clone(shared),
            index,
            unread: Vec::new(),
        };
        let script = Arc::clone(script);
        thread::spawn(move || script(&mut peer));
    }
}

/// One accepted connection, in the hands of a script. It closes when the script ends.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    shared: Arc<Shared>,
    /// Which connection this is, counted from zero.
    pub index: usize,
    unread: Vec<u8>,
}

impl Peer {
    /// The socket underneath.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Reads up to the empty line; `None` when the connection ends first.
    pub fn read_head(&mut self) -> Option<String> {
        self.read_until(b"\r\n\r\n")
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Reads up to and including `mark`; `None` when the connection ends first.
    pub fn read_until(&mut self, mark: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self
                .unread
                .windows(mark.len())
                .position(|window| window == mark)
            {
                return Some(self.unread.drain(..at + mark.len()).collect());
            }
            self.fill()?;
        }
    }

    /// Reads exactly `count` bytes; `None` when the connection ends first.
    pub fn read_exact(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.unread.len() < count {
            self.fill()?;
        }
        Some(self.unread.drain(..count).collect())
    }

    /// Reads what comes next, at least a byte; `None` at the end.
    pub fn read_some(&mut self) -> Option<Vec<u8>> {
        if self.unread.is_empty() {
            self.fill()?;
        }
        Some(std::mem::take(&mut self.unread))
    }

    /// Sends these bytes; `false` when the other side is gone.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Ends the sending direction and goes on reading.
    pub fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Ends the connection with a reset instead of an orderly close.
    pub fn reset(&mut self) {
        let _ = rustix::net::sockopt::set_socket_linger(&self.stream, Some(Duration::ZERO));
    }

    /// Does nothing until the other side closes or the deadline passes.
    pub fn hold(&mut self) {
        while self.fill().is_some() {}
    }

    fn fill(&mut self) -> Option<()> {
        let mut buffer = [0; 65_536];
        let count = self
            .stream
            .read(&mut buffer)
            .ok()
            .filter(|&count| count > 0)?;
        self.unread.extend_from_slice(&buffer[..count]);
        let mut received = self.shared.received.lock().expect("scripts do not hold it");
        received[self.index].extend_from_slice(&buffer[..count]);
        Some(())
    }
}
