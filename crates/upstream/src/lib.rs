//! Groups of peers, how one is chosen, and the connections that are kept to them.
//!
//! The state of a group is shared by all threads, so that round robin and `max_conns` are exact;
//! the connections that are kept alive belong to a thread.

#![forbid(unsafe_code)]

pub mod group;
pub mod keepalive;
pub mod server;

pub use group::{Group, Outcome, PeerId, Tried};
pub use keepalive::Pool;
pub use server::{Peer, Server};
