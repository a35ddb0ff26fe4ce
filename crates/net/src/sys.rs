//! The only `unsafe` of the project: system calls that no safe wrapper offers.
#![expect(
    unsafe_code,
    reason = "each block states the invariant that makes it sound"
)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use tokio::io::unix::AsyncFd;

pub mod process;
pub mod signal;
pub mod time;
pub(crate) mod tls;
pub mod user;

/// Registers a descriptor with the current runtime.
pub fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` names one descriptor for its whole life: `as_raw_fd` always gives the
    // same one, and it is closed only when the `AsyncFd` that owns it is dropped.
    Ok(unsafe { AsyncFd::register(fd) }?)
}

/// Lets the descriptor `target` name the open file of `source` from now on, in one step: a
/// concurrent `write` goes to the old file or to the new one, never to neither.
pub(crate) fn replace(source: BorrowedFd<'_>, target: &OwnedFd) -> io::Result<()> {
    // SAFETY: both descriptors are open for the length of the call. `target` stays open and owned
    // by its `OwnedFd`; only the file behind it changes, which nothing in this crate relies on.
    let result = unsafe { libc::dup3(source.as_raw_fd(), target.as_raw_fd(), libc::O_CLOEXEC) };
    check(result).map(drop)
}

/// Sets a TCP option for which rustix has no function.
pub(crate) fn set_tcp_option(fd: impl AsFd, option: i32, value: i32) -> io::Result<()> {
    set_option(fd.as_fd(), libc::IPPROTO_TCP, option, value)
}

/// Lets a socket be bound to an address that is not ours (`CAP_NET_RAW` is needed).
pub(crate) fn set_transparent(fd: impl AsFd, is_ipv6: bool) -> io::Result<()> {
    match is_ipv6 {
        true => set_option(fd.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_TRANSPARENT, 1),
        false => set_option(fd.as_fd(), libc::IPPROTO_IP, libc::IP_TRANSPARENT, 1),
    }
}

fn set_option(fd: BorrowedFd<'_>, level: i32, option: i32, value: i32) -> io::Result<()> {
    set_bytes(fd, level, option, &value.to_ne_bytes())
}

fn set_bytes(fd: BorrowedFd<'_>, level: i32, option: i32, value: &[u8]) -> io::Result<()> {
    let size = libc::socklen_t::try_from(value.len()).map_err(io::Error::other)?;
    // SAFETY: the pointer and the size describe `value`, which outlives the call.
    let result =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, option, value.as_ptr().cast(), size) };
    check(result).map(drop)
}

/// What the kernel knows of a TCP connection; an error for any other socket.
pub(crate) fn tcp_info(fd: BorrowedFd<'_>) -> io::Result<libc::tcp_info> {
    let mut info = std::mem::MaybeUninit::<libc::tcp_info>::zeroed();
    let mut size = size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: the pointer and the size describe `info`, which outlives the call; the kernel writes
    // at most `size` bytes.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut size,
        )
    };
    check(result)?;
    // SAFETY: all fields are integers, for which zeros are valid too where the kernel wrote less.
    Ok(unsafe { info.assume_init() })
}

/// The result of a system call that says -1 and sets `errno` when it fails.
fn check(result: i32) -> io::Result<i32> {
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}
