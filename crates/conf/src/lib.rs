//! The configuration language of nginx: text to syntax tree, diagnostics, values, directive tables.
//!
//! A configuration is read in two steps. [`parse`] turns the files of a [`Bundle`] into a tree of
//! [`Item`]s; the crates above compile the tree with their [`Directive`] tables. Neither step does
//! input or output: what is not in the bundle yet is noted as wanted, and the loader fetches it and
//! starts again (see [`Bundle`]).

#![forbid(unsafe_code)]

pub mod bundle;
pub mod diagnostic;
pub mod directive;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod lexer;
pub mod parser;
mod text;
pub mod value;

pub use bundle::Bundle;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use directive::{Arity, Contexts, Directive, Doc, Support};
pub use parser::{Item, Sources, Span, Tree, Word, parse};
pub use text::Text;
