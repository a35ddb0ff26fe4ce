//! The built-in desktop: a small RFB server that is worth looking at.

#![forbid(unsafe_code)]
