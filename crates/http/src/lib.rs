//! HTTP as nginx's http block means it: configuration, phases, filters, the one proxy path.

#![forbid(unsafe_code)]
