//! Desktops: a WebSocket on one side, an RFB server on the other, a policy between them.

#![forbid(unsafe_code)]
