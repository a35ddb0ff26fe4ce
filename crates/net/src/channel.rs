//! Messages with descriptors between the master and its worker, over a pair of sockets.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

/// One end. Sending and receiving wait, but not longer than [`PATIENCE`].
#[derive(Debug)]
pub struct Channel {
    socket: OwnedFd,
}

/// What one call of [`Channel::send`] sent.
#[derive(Debug, Default)]
pub struct Message {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The descriptors, in order.
    pub fds: Vec<OwnedFd>,
}

/// The longest message.
pub const BYTES_MAX: usize = 1 << 30;

/// The most descriptors of a message.
pub const FDS_MAX: usize = 1 << 16;

/// The most descriptors that one datagram of the kernel carries (`SCM_MAX_FD` is 253).
const BATCH: usize = 250;

/// How long the other end may stall in the middle of a message.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Length of the head: bytes (8), descriptors (4).
const HEAD: usize = 12;

impl Channel {
    /// Two connected ends.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (a, b) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok((Self::new(a)?, Self::new(b)?))
    }

    fn new(socket: OwnedFd) -> io::Result<Self> {
        set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE))?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
        Ok(Self { socket })
    }

    /// Sends `bytes` and copies of `fds`.
    pub fn send(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let (length, count) = (bytes.len(), fds.len());
        if length > BYTES_MAX || count > FDS_MAX {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut head = [0; HEAD];
        head[..8].copy_from_slice(&(length as u64).to_be_bytes());
        head[8..].copy_from_slice(&(count as u32).to_be_bytes());
        self.write_all(&head)?;
        for batch in fds.chunks(BATCH) {
            self.send_fds(batch)?;
        }
        self.write_all(bytes)
    }

    /// The next message; `None` when the other end was closed between messages.
    pub fn receive(&self) -> io::Result<Option<Message>> {
        let mut head = [0; HEAD];
        if !self.read_exact(&mut head)? {
            return Ok(None);
        }
        let (length, count) = head.split_at(8);
        let length = u64::from_be_bytes(length.try_into().unwrap_or_default());
        let count = u32::from_be_bytes(count.try_into().unwrap_or_default());
        let (Ok(length), Ok(count)) = (usize::try_from(length), usize::try_from(count)) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        if length > BYTES_MAX || count > FDS_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut fds = Vec::with_capacity(count);
        while fds.len() < count {
            self.receive_fds(&mut fds)?;
        }
        let mut bytes = vec![0; length];
        if !self.read_exact(&mut bytes)? {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(Message { bytes, fds }))
    }

    /// Sends up to a batch of descriptors; they travel with a byte of their own.
    fn send_fds(&self, fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !ancillary.push(SendAncillaryMessage::ScmRights(fds)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let byte = [IoSlice::new(&[0])];
        rustix::io::retry_on_intr(|| {
            rustix::net::sendmsg(&self.socket, &byte, &mut ancillary, SendFlags::NOSIGNAL)
        })?;
        Ok(())
    }

    fn receive_fds(&self, fds: &mut Vec<OwnedFd>) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BATCH))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let (mut byte, before) = ([0], fds.len());
        rustix::io::retry_on_intr(|| {
            let mut byte = [IoSliceMut::new(&mut byte)];
            let flags = RecvFlags::CMSG_CLOEXEC;
            rustix::net::recvmsg(&self.socket, &mut byte, &mut ancillary, flags)
        })?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(received) = message {
                fds.extend(received);
            }
        }
        // Without descriptors the other end is gone, or this process has no room for them.
        match fds.len() {
            after if after == before => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let n = rustix::io::retry_on_intr(|| {
                rustix::net::send(&self.socket, bytes, SendFlags::NOSIGNAL)
            })?;
            bytes = bytes.get(n..).unwrap_or_default();
        }
        Ok(())
    }

    /// Fills `buf`; `false` if the other end was closed before the first byte.
    fn read_exact(&self, buf: &mut [u8]) -> io::Result<bool> {
        let (mut filled, wanted) = (0, buf.len());
        while filled < wanted {
            let rest = &mut buf[filled..];
            match rustix::io::retry_on_intr(|| {
                rustix::net::recv(&self.socket, &mut *rest, RecvFlags::empty())
            })? {
                (_, 0) if filled == 0 => return Ok(false),
                (_, 0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                (_, n) => filled += n,
            }
        }
        Ok(true)
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Seek as _, Write as _};

    #[test]
    fn messages_arrive_whole_and_in_order() {
        let (here, there) = Channel::pair().unwrap();
        let big: Vec<u8> = (0..3_000_000u32).map(|n| n as u8).collect();
        let expected = big.clone();
        let sender = std::thread::spawn(move || {
            here.send(b"", &[]).unwrap();
            here.send(&big, &[]).unwrap();
            here.send(b"last", &[]).unwrap();
        });
        assert_eq!(there.receive().unwrap().unwrap().bytes, b"");
        assert!(there.receive().unwrap().unwrap().bytes == expected);
        assert_eq!(there.receive().unwrap().unwrap().bytes, b"last");
        sender.join().unwrap();
        assert!(there.receive().unwrap().is_none());
    }

    #[test]
    fn many_descriptors_arrive_in_order_and_name_the_same_files() {
        let (here, there) = Channel::pair().unwrap();
        let name = std::env::temp_dir().join(format!("portway-fds-{}", std::process::id()));
        let open = || {
            let mut options = std::fs::OpenOptions::new();
            options
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(&name)
                .unwrap()
        };
        let files: Vec<_> = (0..600)
            .map(|index| {
                let _ = std::fs::remove_file(&name);
                let mut file = open();
                file.write_all(format!("{index}").as_bytes()).unwrap();
                file
            })
            .collect();
        let _ = std::fs::remove_file(&name);
        let sender = std::thread::spawn(move || {
            let fds: Vec<_> = files.iter().map(AsFd::as_fd).collect();
            here.send(b"files", &fds).unwrap();
        });
        let message = there.receive().unwrap().unwrap();
        sender.join().unwrap();
        assert_eq!(
            (message.bytes.as_slice(), message.fds.len()),
            (&b"files"[..], 600)
        );
        for (index, fd) in message.fds.into_iter().enumerate() {
            let (mut file, mut text) = (std::fs::File::from(fd), String::new());
            file.rewind().unwrap();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(text, index.to_string());
        }
    }

    #[test]
    fn a_message_cut_short_is_an_error_not_an_end() {
        let (here, there) = Channel::pair().unwrap();
        here.write_all(&[0; 5]).unwrap();
        drop(here);
        assert!(there.receive().is_err());
    }
}
