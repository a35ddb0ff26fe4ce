//! The real binary, from outside: started with a configuration, spoken to over sockets.

mod differential;
mod e2e;
mod support;
