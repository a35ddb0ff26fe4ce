//! What an RFB server sends, as pixels: a decoder, a framebuffer, and PNG. Knows no socket.

#![forbid(unsafe_code)]
