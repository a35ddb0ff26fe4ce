//! Variables, complex values, maps and log formats, for any protocol that has variables.
//!
//! A protocol gives a [`Context`] (its request or session) and tables of built-in variables; this
//! crate compiles `text with $variables` against the [`Names`] of a configuration and evaluates it.
//! Nothing here allocates unless a value is asked for as a whole: values are appended to a buffer.

#![forbid(unsafe_code)]

pub mod format;
pub mod geo;
pub mod map;
pub mod network;
pub mod regex;
pub mod regex_list;
pub mod split;
pub mod table_hash;
pub mod template;
pub mod variables;

pub use format::{Escape, Format};
pub use geo::Geo;
pub use map::Map;
pub use regex::{Captures, Regex};
pub use regex_list::RegexList;
pub use split::SplitClients;
pub use table_hash::FixedMap;
pub use template::Template;
pub use variables::{Builtin, Caching, Context, Names, Rule, Slots, VarId, Variables};
