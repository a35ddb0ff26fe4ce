//! The real binary, from outside: started with a configuration, spoken to over sockets.

mod differential;
mod e2e;
mod filters;
mod open_files;
mod operation;
mod process;
mod sessions;
mod support;
mod tunnels;
mod userid;
mod vnc;
