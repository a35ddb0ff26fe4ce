//! The built-in desktop: a small RFB server that is worth looking at.
//!
//! It shows a newcomer what Portway does without any other machine, and it is a VNC server to
//! test against. [`serve`] runs one; [`Desktop`] is a handle to look into it. [`faults`] holds
//! servers that misbehave.
//!
//! Four layers, each of which knows only those before it: `geom` and `paint` draw; `apps` and
//! `shell` are the desktop, driven by events and a clock that is passed in; `rfb` is the protocol,
//! bytes in and bytes out; `desktop`, `viewer` and `connection` bring it to sockets.

#![forbid(unsafe_code)]

mod apps;
mod connection;
mod desktop;
pub mod faults;
mod geom;
mod keysym;
mod paint;
mod rfb;
mod screen;
mod shell;
mod theme;
mod viewer;

pub use crate::desktop::{Desktop, Options};
pub use crate::geom::{Point, Rect};

/// Serves a new desktop to all who connect to `listener`, until dropped.
///
/// # Errors
/// When the listener breaks; what a single viewer does wrong only ends its own connection.
pub async fn serve(listener: tokio::net::TcpListener, options: Options) -> std::io::Result<()> {
    Desktop::new(options).serve(listener).await
}
