//! Protocol logic without input or output: HTTP/1, WebSocket, RFB.

#![forbid(unsafe_code)]

pub mod h1;
