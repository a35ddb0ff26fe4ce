//! HTTP as nginx's http block means it: configuration, phases, filters, the one proxy path.
//!
//! A configuration is compiled by [`compile()`] and served by a [`Thread`] for each core. A request
//! goes through `connection` → `downstream/head` → `handle` → `phases` → a content handler →
//! `filters` → `downstream/output`.

#![forbid(unsafe_code)]

mod compile;
mod compose;
pub mod config;
mod connection;
mod digits;
mod downstream;
mod draft;
pub mod error_log;
mod error_page;
mod filters;
mod handle;
mod health;
mod helpers;
mod load;
mod location_tree;
mod log_later;
pub mod logs;
mod media_types;
mod missing;
pub mod module;
pub mod modules;
mod open_files;
mod pages;
mod password;
mod phases;
mod proxy;
mod redirect;
mod request;
mod request_body;
mod response;
mod room;
mod secret_file;
mod secrets;
mod server_names;
mod settings;
mod subrequest;
mod temp_file;
mod thread;
mod variable;
pub mod zones;

pub use compile::compile;
pub use config::Config;
pub(crate) use net::network;
pub use pages::{Page, Pages};
pub use thread::{Shared, Thread};
