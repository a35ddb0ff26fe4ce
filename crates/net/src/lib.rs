//! Listening, connecting, waiting, carrying bytes: what every protocol here stands on.
//!
//! Everything here lives on one thread's `LocalRuntime`; nothing is shared between threads unless
//! its documentation says so.

pub mod addr;
pub mod channel;
pub mod clock;
pub mod connect;
pub mod fetch;
pub mod listen;
pub mod log;
pub mod network;
pub mod resolve;
pub mod scratch;
mod socket;
pub mod splice;
pub mod stream;
pub mod sys;
pub mod timer;
pub mod tls;
pub mod tunnel;

pub use addr::{Addr, PeerAddr};
pub use connect::{connect, connect_with};
pub use network::Network;
pub use resolve::Resolver;
pub use scratch::with_scratch;
pub use stream::{Stream, TcpEstimates, TcpHealth};
pub use timer::Deadline;
pub use tunnel::{Tunnel, TunnelTable};

#[cfg(test)]
mod testing;
