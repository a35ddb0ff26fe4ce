//! The configuration language of nginx: text to syntax tree, diagnostics, values, directive tables.

#![forbid(unsafe_code)]
