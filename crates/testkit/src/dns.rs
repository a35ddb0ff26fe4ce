//! A fake name server on loopback, over datagrams and connections, that says what the test wrote.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::wait::DEADLINE;

/// One record of an answer.
#[derive(Debug, Clone)]
pub enum Record {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// Another name.
    Cname(String),
    /// A server of a service: priority, weight, port, name.
    Srv(u16, u16, u16, String),
}

/// What is said about a name.
#[derive(Debug, Clone)]
struct Says {
    records: Vec<Record>,
    ttl: u32,
    code: u8,
    silent: bool,
    truncated: bool,
}

/// A name server that runs until it is dropped. It knows no names at first.
#[derive(Debug)]
pub struct NameServer {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    closing: AtomicBool,
    zone: Mutex<HashMap<String, Says>>,
    asked: Mutex<Vec<String>>,
}

impl NameServer {
    /// Starts it.
    ///
    /// # Panics
    /// When no port can be had for both transports.
    #[must_use]
    pub fn start() -> Self {
        let (listener, socket) = (0..100)
            .find_map(|_| {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
                let socket = UdpSocket::bind(listener.local_addr().ok()?).ok()?;
                Some((listener, socket))
            })
            .expect("a port that is free for both");
        let addr = socket.local_addr().expect("a bound socket has an address");
        socket
            .set_read_timeout(Some(Duration::from_millis(100)))
            .expect("a live socket takes options");
        let shared = Arc::new(Shared::default());
        let (datagrams, connections) = (Arc::clone(&shared), Arc::clone(&shared));
        thread::spawn(move || datagrams.answer_datagrams(&socket));
        thread::spawn(move || connections.answer_connections(&listener));
        Self { addr, shared }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Says this about `name` from now on, good for `ttl` seconds.
    pub fn say(&self, name: &str, ttl: u32, records: &[Record]) {
        self.set(name, ttl, records, |_| {});
    }

    /// As [`say`](Self::say), but over connections only: datagrams are cut.
    pub fn say_at_length(&self, name: &str, ttl: u32, records: &[Record]) {
        self.set(name, ttl, records, |says| says.truncated = true);
    }

    /// Answers questions about `name` with this code.
    pub fn fail(&self, name: &str, code: u8) {
        self.set(name, 0, &[], |says| says.code = code);
    }

    /// Does not answer questions about `name`.
    pub fn ignore(&self, name: &str) {
        self.set(name, 0, &[], |says| says.silent = true);
    }

    /// How often it was asked about `name`.
    #[must_use]
    pub fn asked(&self, name: &str) -> usize {
        let asked = self.shared.asked.lock().expect("no thread panics with it");
        asked.iter().filter(|asked| *asked == name).count()
    }

    fn set(&self, name: &str, ttl: u32, records: &[Record], change: impl Fn(&mut Says)) {
        let mut says = Says {
            records: records.to_vec(),
            ttl,
            code: 0,
            silent: false,
            truncated: false,
        };
        change(&mut says);
        let mut zone = self.shared.zone.lock().expect("no thread panics with it");
        zone.insert(name.to_owned(), says);
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        // Wakes the accepting thread, which then sees the flag.
        let _ = TcpStream::connect_timeout(&self.addr, Duration::from_secs(1));
    }
}

impl Shared {
    fn answer_datagrams(&self, socket: &UdpSocket) {
        let mut buf = [0; 4096];
        while !self.closing.load(Ordering::Relaxed) {
            let Ok((n, from)) = socket.recv_from(&mut buf) else {
                continue;
            };
            if let Some(answer) = self.answer(&buf[..n], true) {
                let _ = socket.send_to(&answer, from);
            }
        }
    }

    fn answer_connections(&self, listener: &TcpListener) {
        for stream in listener.incoming().flatten() {
            if self.closing.load(Ordering::Relaxed) {
                return;
            }
            let _ = self.answer_one(stream);
        }
    }

    fn answer_one(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(DEADLINE))?;
        let mut len = [0; 2];
        stream.read_exact(&mut len)?;
        let mut question = vec![0; u16::from_be_bytes(len).into()];
        stream.read_exact(&mut question)?;
        if let Some(answer) = self.answer(&question, false) {
            stream.write_all(&(answer.len() as u16).to_be_bytes())?;
            stream.write_all(&answer)?;
        }
        Ok(())
    }

    fn answer(&self, question: &[u8], datagram: bool) -> Option<Vec<u8>> {
        let (name, kind, end) = read_question(question)?;
        let asked = self.asked.lock();
        asked.expect("no thread panics with it").push(name.clone());
        let zone = self.zone.lock().expect("no thread panics with it");
        let says = zone.get(&name).cloned().unwrap_or(Says {
            records: Vec::new(),
            ttl: 0,
            code: 3,
            silent: false,
            truncated: false,
        });
        if says.silent {
            return None;
        }
        let truncated = says.truncated && datagram;
        let fits = |record: &&Record| !truncated && fits(record, kind);
        let records: Vec<&Record> = says.records.iter().filter(fits).collect();
        let mut out = question[..end].to_vec();
        out[2] = 0x81 | if truncated { 2 } else { 0 };
        out[3] = 0x80 | says.code;
        out[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
        out[8..12].fill(0);
        for record in records {
            write_record(record, says.ttl, &mut out);
        }
        Some(out)
    }
}

const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;
const SRV: u16 = 33;

fn fits(record: &Record, kind: u16) -> bool {
    matches!(
        (record, kind),
        (Record::A(_), A)
            | (Record::Aaaa(_), AAAA)
            | (Record::Cname(_), _)
            | (Record::Srv(..), SRV)
    )
}

/// The name, the kind, and where the question ends.
fn read_question(question: &[u8]) -> Option<(String, u16, usize)> {
    let mut labels = Vec::new();
    let mut at = 12;
    loop {
        let len = usize::from(*question.get(at)?);
        at += 1;
        if len == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(question.get(at..at + len)?).into_owned());
        at += len;
    }
    let kind = question.get(at..at + 2)?;
    Some((
        labels.join("."),
        u16::from_be_bytes([kind[0], kind[1]]),
        at + 4,
    ))
}

fn write_record(record: &Record, ttl: u32, out: &mut Vec<u8>) {
    let (kind, data) = match record {
        Record::A(ip) => (A, ip.octets().to_vec()),
        Record::Aaaa(ip) => (AAAA, ip.octets().to_vec()),
        Record::Cname(name) => (CNAME, write_name(name)),
        Record::Srv(priority, weight, port, name) => {
            let mut data = Vec::new();
            for word in [priority, weight, port] {
                data.extend(word.to_be_bytes());
            }
            data.extend(write_name(name));
            (SRV, data)
        }
    };
    out.extend([0xc0, 12]);
    out.extend(kind.to_be_bytes());
    out.extend([0, 1]);
    out.extend(ttl.to_be_bytes());
    out.extend((data.len() as u16).to_be_bytes());
    out.extend(data);
}

fn write_name(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.') {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}
