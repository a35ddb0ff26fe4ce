//! The real binary, from outside: started with a configuration, spoken to over sockets.

mod connect;
mod differential;
mod e2e;
mod examples;
mod hardening;
mod operation;
mod process;
mod proxy_ssl;
mod resolver;
mod sessions;
mod support;
mod tunnels;
mod vnc;
