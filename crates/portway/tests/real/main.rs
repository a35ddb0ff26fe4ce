//! The real binary, from outside: started with a configuration, spoken to over sockets.

mod bodies;
mod connect;
mod differential;
mod e2e;
mod examples;
mod filters;
mod hardening;
mod open_files;
mod operation;
mod process;
mod resolver;
mod sessions;
mod support;
mod tunnels;
mod userid;
mod vnc;
