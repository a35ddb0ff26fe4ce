//! What tests share: spawned servers, raw clients, fake peers.

#![forbid(unsafe_code)]
