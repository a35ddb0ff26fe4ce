//! What a service manager is told (`sd_notify(3)`): that everything listens, that a reload runs,
//! that this is the end. Nothing happens unless `NOTIFY_SOCKET` is set.

use std::os::unix::ffi::OsStrExt as _;

use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sendto, socket_with,
};

/// What there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Everything listens; also the end of a reload.
    Ready,
    /// A reload has begun.
    Reloading,
    /// The end has begun.
    Stopping,
}

/// Tells it. A manager that does not listen is no reason not to serve.
pub fn tell(news: News) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
        return;
    };
    let name = name.as_bytes();
    let address = match name.strip_prefix(b"@") {
        Some(name) => SocketAddrUnix::new_abstract_name(name),
        None => SocketAddrUnix::new(name),
    };
    let pid = std::process::id();
    let text = match news {
        News::Ready => format!("READY=1\nMAINPID={pid}\n"),
        News::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}\n", monotonic_microseconds()),
        News::Stopping => "STOPPING=1\n".to_owned(),
    };
    let kind = SocketType::DGRAM;
    let socket = socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None);
    if let (Ok(socket), Ok(address)) = (socket, address) {
        let _ = sendto(&socket, text.as_bytes(), SendFlags::NOSIGNAL, &address);
    }
}

fn monotonic_microseconds() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1000
}
