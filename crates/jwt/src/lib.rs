//! JSON Web Tokens (RFC 7519): keys and a token in, claims out. No sockets, no clock.
//!
//! [`Keys`] are read from a set in JSON (RFC 7517), from PEM, or are one secret. [`Keys::verify`]
//! says what a token claims, once a key that fits it has vouched for it; whether the claims hold at
//! this moment and for this reader is asked with [`Demands::check`].
//!
//! A token may come encrypted (RFC 7516): [`Keys::open`] opens it, and what is inside is verified.
//!
//! What a token says of its own algorithm never decides how a key is used: a key has a kind, and
//! only algorithms of that kind are tried with it (RFC 8725 §3.1). `none` is no algorithm.

#![forbid(unsafe_code)]

mod algorithm;
mod demands;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod jwe;
mod keys;
#[cfg(test)]
mod tests;
mod token;

pub use demands::Demands;
pub use jwe::is_encrypted;
pub use keys::{KeyError, Keys};
pub use token::{Claims, JwtError, Token};
