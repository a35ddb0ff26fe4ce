//! One side's rustls connection, and the loop that serves its wishes.

use std::io::IoSlice;

use rustls::CommonState;
use rustls::Error;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
    WriteTraffic,
};

use super::buffers::{RECORD_MAX, WRITE_MAX, with_gathered};
use super::facts::Facts;
use super::kernel::Kernel;
use super::outgoing::{Outgoing, Record};

/// What rustls adds to a record, at most: header, explicit nonce, content type, tag.
const RECORD_OVERHEAD: usize = 64;

/// A connection of either side.
pub(super) enum Session {
    Server(Box<UnbufferedServerConnection>),
    Client(Box<UnbufferedClientConnection>),
    /// A server's, that the kernel goes on with.
    Kernel(Box<Kernel>),
    /// The kernel should have gone on, and did not: there is no way back.
    Lost,
}

/// Where decrypted bytes go: into the reader's buffer, and what does not fit aside.
pub(super) struct Sink<'a> {
    pub buf: &'a mut [u8],
    /// `filled <= buf.len()`
    pub filled: usize,
    pub aside: &'a mut Vec<u8>,
}

impl Sink<'_> {
    pub fn put(&mut self, bytes: &[u8]) {
        let room = &mut self.buf[self.filled..];
        let (fits, rest) = bytes.split_at(bytes.len().min(room.len()));
        room[..fits.len()].copy_from_slice(fits);
        self.filled += fits.len();
        self.aside.extend_from_slice(rest);
    }
}

/// What one turn of rustls came to.
pub(super) enum Step {
    /// It goes on.
    More,
    /// A message of its own was added to what is to be sent.
    Said,
    /// It can go on once more bytes have arrived.
    Wait,
    /// The peer said that it is done.
    Closed,
}

/// What each side's connection has, so that one piece of code serves both.
trait Side {
    type Data;
    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Side for UnbufferedServerConnection {
    type Data = rustls::server::ServerConnectionData;
    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
}

impl Side for UnbufferedClientConnection {
    type Data = rustls::client::ClientConnectionData;
    fn process<'c, 'i>(
        &'c mut self,
        incoming: &'i mut [u8],
    ) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(incoming)
    }
}

impl Session {
    /// What rustls knows, as long as the connection is its own.
    pub fn common(&self) -> Option<&CommonState> {
        match self {
            Self::Server(server) => Some(server),
            Self::Client(client) => Some(client),
            Self::Kernel(_) | Self::Lost => None,
        }
    }

    /// What was agreed on.
    pub fn facts(&self) -> Option<Facts> {
        match self {
            Self::Kernel(kernel) => Some(kernel.facts().clone()),
            session => session.common().map(Facts::of),
        }
    }

    /// Whether the handshake is not over.
    pub fn is_handshaking(&self) -> bool {
        self.common().is_some_and(CommonState::is_handshaking)
    }

    /// One turn over `incoming`; says how many bytes of its front are used up.
    pub fn turn(
        &mut self,
        incoming: &mut [u8],
        sink: &mut Sink<'_>,
        outgoing: &mut Outgoing,
    ) -> (usize, Result<Step, Error>) {
        match self {
            Self::Server(server) => turn(&mut **server, incoming, sink, outgoing),
            Self::Client(client) => turn(&mut **client, incoming, sink, outgoing),
            Self::Kernel(kernel) => kernel.turn(incoming, sink),
            Self::Lost => (0, Err(lost())),
        }
    }

    /// Encrypts what `bufs` hold, up to [`WRITE_MAX`], into `out`. `kept` is the part of a record
    /// that has arrived.
    pub fn encrypt(
        &mut self,
        kept: &mut Vec<u8>,
        bufs: &[IoSlice<'_>],
        out: &mut Records<'_>,
    ) -> Result<(), Error> {
        self.with_writer(kept, |writer| out.put_all(writer, bufs))
    }

    /// Encrypts `close_notify`.
    pub fn say_goodbye(
        &mut self,
        kept: &mut Vec<u8>,
        outgoing: &mut Outgoing,
    ) -> Result<(), Error> {
        self.with_writer(kept, |writer| {
            let room = RECORD_OVERHEAD + 2;
            outgoing
                .push(room, |out| writer.close_notify(out))
                .map_err(encrypt_error)
        })
    }

    fn with_writer<T>(
        &mut self,
        kept: &mut Vec<u8>,
        f: impl FnOnce(&mut dyn Writer) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match self {
            Self::Server(server) => with_writer(&mut **server, kept, f),
            Self::Client(client) => with_writer(&mut **client, kept, f),
            // The kernel encrypts.
            Self::Kernel(_) | Self::Lost => Err(lost()),
        }
    }
}

fn turn<S: Side>(
    side: &mut S,
    incoming: &mut [u8],
    sink: &mut Sink<'_>,
    outgoing: &mut Outgoing,
) -> (usize, Result<Step, Error>) {
    let status = side.process(incoming);
    let mut discard = status.discard;
    let step = match status.state {
        Err(error) => Err(error),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
            match traffic.next_record() {
                None => break Ok(Step::More),
                Some(Err(error)) => break Err(error),
                Some(Ok(record)) => {
                    discard += record.discard;
                    sink.put(record.payload);
                }
            }
        },
        Ok(ConnectionState::EncodeTlsData(mut data)) => {
            let room = match data.encode(&mut []) {
                Err(EncodeError::InsufficientSize(InsufficientSizeError { required_size })) => {
                    required_size
                }
                _ => 0,
            };
            outgoing
                .push(room, |out| data.encode(out))
                .map(|()| Step::Said)
                .map_err(|error| Error::General(error.to_string()))
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            // It stands in `outgoing`, which is sent in order.
            data.done();
            Ok(Step::More)
        }
        Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Ok(Step::Closed),
        Ok(ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_)) => Ok(Step::Wait),
        Ok(_) => Err(Error::General("early data was not asked for".into())),
    };
    (discard, step)
}

/// `WriteTraffic` of either side.
trait Writer {
    fn encrypt(&mut self, plain: &[u8], out: &mut [u8]) -> Result<usize, EncryptError>;
    fn close_notify(&mut self, out: &mut [u8]) -> Result<usize, EncryptError>;
}

impl<Data> Writer for WriteTraffic<'_, Data> {
    fn encrypt(&mut self, plain: &[u8], out: &mut [u8]) -> Result<usize, EncryptError> {
        WriteTraffic::encrypt(self, plain, out)
    }
    fn close_notify(&mut self, out: &mut [u8]) -> Result<usize, EncryptError> {
        self.queue_close_notify(out)
    }
}

fn with_writer<S: Side, T>(
    side: &mut S,
    kept: &mut Vec<u8>,
    f: impl FnOnce(&mut dyn Writer) -> Result<T, Error>,
) -> Result<T, Error> {
    // That the peer has closed is said once before; nothing else can be pending, since all records
    // that have arrived whole are processed.
    for _ in 0..2 {
        let status = side.process(kept);
        let discard = status.discard;
        let closed = match status.state? {
            ConnectionState::WriteTraffic(mut writer) => {
                let result = f(&mut writer);
                kept.drain(..discard);
                return result;
            }
            ConnectionState::PeerClosed => true,
            _ => false,
        };
        kept.drain(..discard);
        if !closed {
            break;
        }
    }
    Err(Error::General("the connection is closed".into()))
}

fn lost() -> Error {
    Error::General("there is no TLS any more".into())
}

fn encrypt_error(error: EncryptError) -> Error {
    match error {
        EncryptError::EncryptExhausted => Error::EncryptError,
        EncryptError::InsufficientSize(_) => Error::General(error.to_string()),
    }
}

/// Records that were encrypted into the thread's buffer.
pub(super) struct Records<'a> {
    pub bytes: &'a mut Vec<u8>,
    /// `len <= bytes.len()`
    pub len: usize,
    pub records: Vec<Record>,
}

impl Records<'_> {
    /// Encrypts `bufs` up to [`WRITE_MAX`]. Small pieces share a record.
    fn put_all(&mut self, writer: &mut dyn Writer, bufs: &[IoSlice<'_>]) -> Result<(), Error> {
        let mut room = WRITE_MAX;
        with_gathered(|gathered| {
            let total: usize = bufs.iter().map(|buf| buf.len()).sum();
            let mut left = total.min(room);
            for buf in bufs {
                let mut buf: &[u8] = &buf[..buf.len().min(room)];
                room -= buf.len();
                while !buf.is_empty() {
                    let (piece, rest) = buf.split_at(buf.len().min(RECORD_MAX - gathered.len()));
                    buf = rest;
                    left -= piece.len();
                    if gathered.is_empty() && (piece.len() == RECORD_MAX || left == 0) {
                        self.put(writer, piece)?;
                        continue;
                    }
                    gathered.extend_from_slice(piece);
                    if gathered.len() == RECORD_MAX || left == 0 {
                        self.put(writer, gathered)?;
                        gathered.clear();
                    }
                }
            }
            Ok(())
        })
    }

    fn put(&mut self, writer: &mut dyn Writer, plain: &[u8]) -> Result<(), Error> {
        let mut room = plain.len() + RECORD_OVERHEAD;
        loop {
            if self.bytes.len() < self.len + room {
                self.bytes.resize(self.len + room, 0);
            }
            match writer.encrypt(plain, &mut self.bytes[self.len..]) {
                Ok(n) => {
                    self.len += n;
                    self.records.push(Record {
                        end: self.len,
                        carries: plain.len(),
                    });
                    return Ok(());
                }
                // Where records are kept short (`ssl_buffer_size`), there are several.
                Err(EncryptError::InsufficientSize(InsufficientSizeError { required_size }))
                    if required_size > room =>
                {
                    room = required_size;
                }
                Err(error) => return Err(encrypt_error(error)),
            }
        }
    }
}
