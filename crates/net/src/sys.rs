//! The only `unsafe` of the project: system calls that no safe wrapper offers.
#![expect(
    unsafe_code,
    reason = "each block states the invariant that makes it sound"
)]

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

/// Registers a descriptor with the current runtime.
pub fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` names one open file for its whole life: `as_raw_fd` always gives the same
    // descriptor, and it is closed only when the `AsyncFd` that owns it is dropped.
    Ok(unsafe { AsyncFd::register(fd) }?)
}
