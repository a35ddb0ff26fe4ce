//! What a recording of a desktop session is on disk. Knows no socket and no session.

#![forbid(unsafe_code)]
