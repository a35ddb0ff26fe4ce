//! The server's side of RFB (RFC 6143 and the extensions that viewers in the field use).

pub(crate) mod auth;
pub(crate) mod clipboard;
pub(crate) mod cursor;
pub(crate) mod handshake;
pub(crate) mod message;
pub(crate) mod pixel;
pub(crate) mod server;
pub(crate) mod tight;

/// Numbers of encodings and pseudo-encodings.
pub(crate) mod encoding {
    pub(crate) const RAW: i32 = 0;
    pub(crate) const COPY_RECT: i32 = 1;
    pub(crate) const TIGHT: i32 = 7;
    pub(crate) const DESKTOP_SIZE: i32 = -223;
    pub(crate) const CURSOR: i32 = -239;
    pub(crate) const QEMU_KEY: i32 = -258;
    pub(crate) const DESKTOP_NAME: i32 = -307;
    pub(crate) const EXTENDED_DESKTOP_SIZE: i32 = -308;
    pub(crate) const EXTENDED_CLIPBOARD: i32 = 0xc0a1_e5ce_u32 as i32;
    /// The pseudo-encodings that ask for compression levels 0 to 9.
    pub(crate) const COMPRESSION: std::ops::RangeInclusive<i32> = -256..=-247;
}

/// Why a connection to a viewer ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The connection broke or was closed.
    #[error("connection: {0}")]
    Io(#[from] std::io::Error),
    /// The viewer broke the protocol or asked for what is not offered.
    #[error("viewer: {0}")]
    Viewer(&'static str),
    /// The viewer did not prove that it knows the password.
    #[error("viewer: wrong password")]
    Password,
    /// The viewer took too long.
    #[error("viewer: no answer in time")]
    Timeout,
}
