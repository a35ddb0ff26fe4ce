//! The real binary, from outside: started with a configuration, spoken to over sockets.

mod balancing;
mod bodies;
mod connect;
mod differential;
mod e2e;
mod examples;
mod filters;
mod folders;
mod geo;
mod hardening;
mod limits;
mod open_files;
mod operation;
mod process;
mod proxy_protocol;
mod realip;
mod resolver;
mod secure_links;
mod sessions;
mod ssi;
mod stub_status;
mod subrequests;
mod support;
mod tunnels;
mod userid;
mod vnc;
