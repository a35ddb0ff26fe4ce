//! The real binary, from outside: started with a configuration, spoken to over sockets.

mod differential;
mod e2e;
mod limits;
mod operation;
mod process;
mod proxy_protocol;
mod realip;
mod secure_links;
mod sessions;
mod stub_status;
mod support;
mod tunnels;
mod vnc;
