//! What the client speaks: HTTP/1 today, with room beside it for HTTP/2 and HTTP/3.

pub mod head;
pub mod output;
mod pace;
mod refusal;
pub mod tls;
pub mod write_head;
