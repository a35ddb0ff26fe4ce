//! Groups of peers, how one is chosen, and the connections that are kept to them.

#![forbid(unsafe_code)]
