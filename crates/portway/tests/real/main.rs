//! The real binary, from outside: started with a configuration, spoken to over sockets.

mod process;
