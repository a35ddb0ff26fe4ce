//! The real binary, from outside: started with a configuration, spoken to over sockets.

mod balancing;
mod connect;
mod differential;
mod e2e;
mod examples;
mod folders;
mod geo;
mod hardening;
mod operation;
mod process;
mod resolver;
mod sessions;
mod ssi;
mod subrequests;
mod support;
mod tunnels;
mod vnc;
