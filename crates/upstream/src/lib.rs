//! Groups of peers, how one is chosen, and the connections that are kept to them.
//!
//! The state of a group is shared by all threads, so that round robin and `max_conns` are exact;
//! the connections that are kept alive belong to a thread.

#![forbid(unsafe_code)]

pub mod group;
pub mod health;
pub mod keepalive;
mod least_time;
mod member;
pub mod method;
pub mod resolve;
mod ring;
mod search;
mod select;
pub mod server;
mod state;
mod table;
mod tier;
mod wheel;

pub use group::{Group, Lease, Outcome, Watched};
pub use keepalive::Pool;
pub use least_time::Took;
pub use member::Member;
pub use method::Method;
pub use resolve::Resolving;
pub use search::Search;
pub use server::{Peer, Server};
