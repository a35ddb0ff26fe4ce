//! TLS that the kernel goes on with: what is written to the socket becomes records there, so that
//! it can send files by itself.
//!
//! rustls shakes hands, and begins. When a file is to be sent that is worth it
//! (`State::hand_over`), the key of our direction goes to the kernel, and
//! rustls' connection goes. Records that arrive are taken apart by `Reader`, with the ciphers of
//! rustls.
//!
//! ```text
//! rustls ──(hand over)──▶ Kernel ──▶ (end)
//!    └───(the kernel refused the key)──▶ Lost
//! ```

mod keys;
mod probe;
mod reader;

use std::io::{self, IoSlice};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::task::{Context, Poll, ready};

use rustls::kernel::KernelConnection;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::{AlertDescription, CommonState, Error, ProtocolVersion, SupportedCipherSuite};

pub use probe::{Ability, probe};

use self::keys::{Cipher, Key, Version};
use self::reader::{Fault, Reader, Said};
use super::buffers::RECORD_MAX;
use super::facts::Facts;
use super::session::{Sink, Step};
use crate::socket::Socket;
use crate::sys;

/// A socket whose buffer is smaller than this is not handed over: while it is full, a record waits
/// in the kernel before it, and is lost if the socket is closed before there is room for it.
const SEND_BUFFER_MIN: usize = 40 * 1024;

/// Content types of records (RFC 8446 §5.1).
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;

/// `KeyUpdate` that wants no answer (RFC 8446 §4.6.3).
const KEY_UPDATE: [u8; 5] = [24, 0, 0, 1, 0];

/// A connection whose records the kernel makes.
pub(super) struct Kernel {
    keys: KernelConnection<ServerConnectionData>,
    facts: Facts,
    reader: Reader,
    /// So many more records may be made with the present key.
    records_left: u64,
    /// Records that are no data, to be sent before anything else is.
    owed: Vec<Owed>,
    /// The last write was not taken whole.
    is_blocked: bool,
    can_renew: bool,
}

/// A record that is no data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owed {
    /// What comes behind it has another key.
    KeyUpdate,
    Alert(AlertDescription),
}

impl Kernel {
    /// Whether the kernel can go on with a connection of this state on this socket.
    pub fn fits(common: &CommonState, socket: &Socket) -> bool {
        let fits = || {
            let version = Version::of(common.protocol_version()?)?;
            let cipher = cipher_of(common.negotiated_cipher_suite()?)?;
            Some(Ability::known().has(version, cipher))
        };
        fits() == Some(true)
            && rustix::net::sockopt::socket_send_buffer_size(socket)
                .is_ok_and(|size| size >= SEND_BUFFER_MIN)
            && sys::tls::attach(socket.as_fd()).is_ok()
    }

    /// Gives the key of our direction to the kernel, which [fits](Self::fits). After an error there
    /// is no TLS any more.
    pub fn take_over(server: UnbufferedServerConnection, socket: &Socket) -> Result<Self, Error> {
        let facts = Facts::of(&server);
        let (secrets, keys) = server.dangerous_into_kernel_connection()?;
        let suite = keys.negotiated_cipher_suite();
        let (seq, sending) = secrets.tx;
        let limit = confidentiality_limit(suite);
        set_key(socket.as_fd(), keys.protocol_version(), &sending, seq)?;
        let (seq_theirs, receiving) = secrets.rx;
        Ok(Self {
            reader: Reader::new(suite, receiving, seq_theirs)?,
            keys,
            facts,
            records_left: limit.saturating_sub(seq),
            owed: Vec::new(),
            is_blocked: false,
            can_renew: Ability::known().renews(),
        })
    }

    /// What is known of the connection.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// One turn over `incoming`, as of rustls.
    pub fn turn(
        &mut self,
        incoming: &mut [u8],
        sink: &mut Sink<'_>,
    ) -> (usize, Result<Step, Error>) {
        let fault = match self.reader.next(incoming) {
            Ok(None) => return (0, Ok(Step::Wait)),
            Ok(Some(record)) => {
                let len = record.len;
                let step = match record.said {
                    Said::Data(bytes) => {
                        sink.put(bytes);
                        Ok(Step::More)
                    }
                    Said::Nothing => Ok(Step::More),
                    Said::Closed => Ok(Step::Closed),
                    Said::KeyUpdate { wanted } => self.renew_theirs(wanted).map(|()| Step::More),
                };
                match step {
                    Ok(step) => return (len, Ok(step)),
                    Err(fault) => fault,
                }
            }
            Err(fault) => fault,
        };
        self.owed.extend(fault.alert.map(Owed::Alert));
        (0, Err(fault.error))
    }

    fn renew_theirs(&mut self, wanted: bool) -> Result<(), Fault> {
        let internal = |error| Fault::new(error, AlertDescription::InternalError);
        if wanted && !self.can_renew {
            let error = Error::General("the kernel cannot change its key".into());
            return Err(internal(error));
        }
        let (_, secrets) = self.keys.update_rx_secret().map_err(internal)?;
        self.reader.renew(secrets).map_err(internal)?;
        // Several requests are answered by one (RFC 8446 §4.6.3).
        if wanted && !self.owed.contains(&Owed::KeyUpdate) {
            self.owed.push(Owed::KeyUpdate);
        }
        Ok(())
    }

    /// Writes as much of `bufs` as the kernel takes by `call`, one of the socket's own.
    pub fn poll_write(
        &mut self,
        call: fn(&Socket, &mut Context<'_>, &[IoSlice<'_>]) -> Poll<io::Result<usize>>,
        socket: &Socket,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wanted = bufs.iter().map(|buf| buf.len()).sum();
        ready!(self.poll_ready(socket, cx, wanted))?;
        let written = call(socket, cx, bufs);
        self.note(wanted, &written);
        written
    }

    /// Runs a system call that sends `wanted` bytes.
    pub fn poll_send(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
        wanted: usize,
        call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_ready(socket, cx, wanted))?;
        let sent = socket.poll_send(cx, wanted, call);
        self.note(wanted, &sent);
        sent
    }

    /// Sees to it that `wanted` bytes may be sent with the present key.
    fn poll_ready(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
        wanted: usize,
    ) -> Poll<io::Result<()>> {
        if self.records_left < records(wanted) && !self.owed.contains(&Owed::KeyUpdate) {
            if !self.can_renew || self.keys.protocol_version() != ProtocolVersion::TLSv1_3 {
                let error = Error::EncryptError;
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
            }
            self.owed.push(Owed::KeyUpdate);
        }
        self.poll_flush(socket, cx)
    }

    fn note(&mut self, wanted: usize, written: &Poll<io::Result<usize>>) {
        let n = match written {
            Poll::Ready(Ok(n)) => *n,
            _ => 0,
        };
        self.is_blocked = n < wanted;
        self.records_left = self.records_left.saturating_sub(records(n));
    }

    /// Sends the records that are owed.
    pub fn poll_flush(&mut self, socket: &Socket, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(owed) = self.owed.first().copied() {
            let body = owed.body();
            let send = |socket: BorrowedFd<'_>| {
                let sent = sys::tls::send_record(socket, owed.content_type(), &body);
                sent.map_err(|error| errno(&error))
            };
            ready!(socket.poll_send(cx, body.len(), send))?;
            self.sent(owed, socket)?;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what can be sent at once of the records that are owed.
    pub fn try_flush(&mut self, socket: &Socket) {
        while let Some(owed) = self.owed.first().copied() {
            let sent = sys::tls::send_record(socket.as_fd(), owed.content_type(), &owed.body());
            // A failure shows again, and is reported, to whoever reads or writes.
            if sent.is_err() || self.sent(owed, socket).is_err() {
                return;
            }
        }
    }

    /// The first of the records that are owed was sent.
    fn sent(&mut self, owed: Owed, socket: &Socket) -> io::Result<()> {
        self.owed.remove(0);
        self.records_left = self.records_left.saturating_sub(1);
        if owed == Owed::KeyUpdate {
            let version = self.keys.protocol_version();
            let renewed = self.keys.update_tx_secret();
            renewed
                .and_then(|(seq, key)| set_key(socket.as_fd(), version, &key, seq))
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            self.records_left = confidentiality_limit(self.keys.negotiated_cipher_suite());
        }
        Ok(())
    }

    /// Adds `close_notify` to what is owed.
    pub fn say_goodbye(&mut self) {
        self.owed.push(Owed::Alert(AlertDescription::CloseNotify));
    }

    /// Ready once the socket can be closed: what the kernel holds above TCP has gone down, or can.
    pub fn poll_settled(&mut self, socket: &Socket, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_blocked {
            // Whoever wrote gave up.
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_flush(socket, cx))?;
        // Readiness that is remembered does not tell: the last write was taken whole, and still a
        // part of its last record may wait. There is room for all of it when there is enough for
        // the socket to be called writable.
        let has_room = |socket: BorrowedFd<'_>| {
            use rustix::event::{PollFd, PollFlags, poll};
            let mut fd = [PollFd::from_borrowed_fd(socket, PollFlags::OUT)];
            match poll(&mut fd, Some(&rustix::time::Timespec::default()))? {
                0 => Err(rustix::io::Errno::AGAIN),
                _ => Ok(1),
            }
        };
        socket.poll_send(cx, 1, has_room).map_ok(drop)
    }
}

impl Owed {
    fn content_type(self) -> u8 {
        match self {
            Self::KeyUpdate => HANDSHAKE,
            Self::Alert(_) => ALERT,
        }
    }

    fn body(self) -> Vec<u8> {
        const WARNING: u8 = 1;
        const FATAL: u8 = 2;
        match self {
            Self::KeyUpdate => KEY_UPDATE.to_vec(),
            Self::Alert(alert) => {
                let level = match alert {
                    AlertDescription::CloseNotify => WARNING,
                    _ => FATAL,
                };
                vec![level, alert.into()]
            }
        }
    }
}

/// How many records the kernel makes of a call that sends so many bytes, at most: one that was
/// begun before, full ones, and a last one.
fn records(bytes: usize) -> u64 {
    2 + (bytes / RECORD_MAX) as u64
}

fn cipher_of(suite: SupportedCipherSuite) -> Option<Cipher> {
    use rustls::CipherSuite as Suite;
    Some(match suite.suite() {
        Suite::TLS13_AES_128_GCM_SHA256
        | Suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        | Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => Cipher::Aes128Gcm,
        Suite::TLS13_AES_256_GCM_SHA384
        | Suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
        | Suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 => Cipher::Aes256Gcm,
        Suite::TLS13_CHACHA20_POLY1305_SHA256
        | Suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
        | Suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => Cipher::ChaCha20Poly1305,
        _ => return None,
    })
}

/// After so many records a key has to be changed (RFC 8446 §5.5).
fn confidentiality_limit(suite: SupportedCipherSuite) -> u64 {
    match suite {
        SupportedCipherSuite::Tls13(suite) => suite.common.confidentiality_limit,
        SupportedCipherSuite::Tls12(suite) => suite.common.confidentiality_limit,
    }
}

fn set_key(
    socket: BorrowedFd<'_>,
    version: ProtocolVersion,
    secrets: &rustls::ConnectionTrafficSecrets,
    seq: u64,
) -> Result<(), Error> {
    let key = Key::new(version, secrets, seq);
    let key = key.ok_or_else(|| Error::General("a key of an unknown kind".into()))?;
    sys::tls::set_sending_key(socket, &key.crypto_info())
        .map_err(|error| Error::General(format!("the kernel refused a key: {error}")))
}

fn errno(error: &io::Error) -> rustix::io::Errno {
    rustix::io::Errno::from_io_error(error).unwrap_or(rustix::io::Errno::IO)
}

#[cfg(test)]
mod tests;
