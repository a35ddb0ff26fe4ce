//! The web pages that the binary carries: viewer, status, their scripts and styles.

#![forbid(unsafe_code)]
