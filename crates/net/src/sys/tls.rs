//! TLS that the kernel does: its keys, and records that carry something else than data.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use super::set_bytes;

/// The name of the protocol that stands on top of a TCP socket (`Documentation/networking/tls`).
const PROTOCOL: &[u8] = b"tls\0";

/// Room for a control message that carries one byte, aligned as its header must be.
type Control = [u64; 4];

/// Puts the kernel's TLS on top of a TCP connection, which passes bytes as they are until there is
/// a key. Fails with `ENOENT` where the kernel has none.
pub(crate) fn attach(socket: BorrowedFd<'_>) -> io::Result<()> {
    set_bytes(socket, libc::IPPROTO_TCP, libc::TCP_ULP, PROTOCOL)
}

/// Sets the key of what is sent; `key` is a structure of `linux/tls.h`. From then on all that is
/// written to the socket becomes records.
pub(crate) fn set_sending_key(socket: BorrowedFd<'_>, key: &[u8]) -> io::Result<()> {
    set_bytes(socket, libc::SOL_TLS, libc::TLS_TX, key)
}

/// Sends one record of another content type than data, behind all that was written before. Never
/// waits.
pub(crate) fn send_record(
    socket: BorrowedFd<'_>,
    content_type: u8,
    body: &[u8],
) -> io::Result<usize> {
    let mut control: Control = [0; 4];
    let mut piece = libc::iovec {
        iov_base: body.as_ptr().cast_mut().cast(),
        iov_len: body.len(),
    };
    // SAFETY: all fields are integers and pointers, for which zeros are valid.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut piece;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut control).cast();
    // SAFETY: computes a number from a number.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(1) } as _;
    debug_assert!(message.msg_controllen as usize <= size_of::<Control>());
    // SAFETY: `msg_control` points to `control`, which is aligned for a header, lives until the end
    // of this function, and is as long as `msg_controllen` says, which has room for a header and
    // one byte behind it: the header that `CMSG_FIRSTHDR` gives lies inside of it, and so does the
    // byte at `CMSG_DATA`.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_TLS;
        (*header).cmsg_type = libc::TLS_SET_RECORD_TYPE;
        (*header).cmsg_len = libc::CMSG_LEN(1) as _;
        libc::CMSG_DATA(header).write(content_type);
    }
    // SAFETY: `message` describes `piece` and `control`, which outlive the call; `piece` describes
    // `body`, which the kernel only reads.
    let sent = unsafe {
        libc::sendmsg(
            socket.as_raw_fd(),
            &raw const message,
            libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}
