//! The real binary, from outside: started with a configuration, spoken to over sockets.

mod differential;
mod e2e;
mod operation;
mod process;
mod sessions;
mod ssi;
mod subrequests;
mod support;
mod tunnels;
mod vnc;
