//! The real binary, from outside: started with a configuration, spoken to over sockets.

mod differential;
mod e2e;
mod folders;
mod geo;
mod growth;
mod operation;
mod process;
mod sessions;
mod support;
mod tunnels;
mod vnc;
