//! Pictures of real VNC servers, encoding by encoding, beside what their screens really show.

mod client;
mod desktops;
mod qemu;
mod truth;
