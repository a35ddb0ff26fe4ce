//! What tests share: spawned servers, raw clients, fake peers, namespaces, desktops, a browser.
//!
//! Everything here blocks, runs on plain threads and fails by panicking with a sentence: a test
//! that cannot set itself up must not go on. Every wait has a deadline ([`wait_for`]); every
//! process, namespace and directory that a value stands for is gone when the value is dropped.

#![forbid(unsafe_code)]

pub mod browser;
pub mod desktop;
pub mod dns;
pub mod http;
pub mod jwt;
pub mod netns;
pub mod ports;
pub mod process;
pub mod scratch;
pub mod server;
pub mod tls;
mod tls_door;
pub mod tls_upstream;
pub mod upstream;
pub mod vnc;
pub mod wait;
pub mod ws;

pub use dns::NameServer;
pub use http::{Conn, Response};
pub use process::Process;
pub use scratch::Scratch;
pub use server::{Binary, Server, Setup};
pub use tls::Certs;
pub use tls_upstream::TlsUpstream;
pub use upstream::Upstream;
pub use wait::{DEADLINE, wait_for, wait_true};
pub use ws::WebSocket;
