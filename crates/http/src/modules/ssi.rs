//! `ngx_http_ssi_filter_module`: commands in pages, which the server follows while it sends them.
//!
//! `proto::ssi` finds the commands, `commands.rs` does what they say, `evaluate.rs` knows the texts
//! and expressions in them.

use std::collections::HashMap;
use std::ffi::CString;
use std::rc::Rc;

use bytes::Bytes;
use conf::{Arity, Directive};
use net::log::time;
use script::Captures;

use crate::filters::{self, BodyFilter};
use crate::media_types::{MediaTypes, store_types};
use crate::module::{ANY, LOCATION_IF, Module, Set, doc, store};
use crate::request::Request;
use crate::response::Response;
use crate::settings::settings;
use crate::variable::builtin;

mod commands;
mod evaluate;

settings! {
    /// Whether pages are looked through.
    enabled: bool = false, inherit;
    /// Whether nothing is shown in place of a command that fails.
    silent_errors: bool = false, inherit;
    /// Whether a page keeps the time of its file.
    last_modified: bool = false, inherit;
    /// The longest value of a command's parameter, in bytes.
    value_length: u64 = 255, inherit;
    /// Pages of which types.
    types: MediaTypes = MediaTypes::default(), inherit;
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_ssi_module",
    directives: DIRECTIVES,
    variables: &[
        builtin(
            "date_local",
            |r, out| date(r, false, out),
            "The local time, in the format that a page's config command set.",
        ),
        builtin(
            "date_gmt",
            |r, out| date(r, true, out),
            "The time in Greenwich, in the format that a page's config command set.",
        ),
    ],
};

#[rustfmt::skip]
const DIRECTIVES: &[Directive<Set>] = &[
    Directive::new("ssi", ANY.or(LOCATION_IF), Arity::Flag, store!(flag ssi.enabled),
        doc("ssi on | off;", "ssi off;", "Whether SSI commands in responses are followed.")),
    Directive::new("ssi_silent_errors", ANY, Arity::Flag, store!(flag ssi.silent_errors),
        doc("ssi_silent_errors on | off;", "ssi_silent_errors off;", "Whether nothing is shown in place of an SSI command that fails.")),
    Directive::new("ssi_last_modified", ANY, Arity::Flag, store!(flag ssi.last_modified),
        doc("ssi_last_modified on | off;", "ssi_last_modified off;", "Whether Last-Modified is kept although the page is put together anew.")),
    Directive::new("ssi_value_length", ANY, Arity::Exactly(1), store!(size ssi.value_length),
        doc("ssi_value_length length;", "ssi_value_length 256;", "The longest value of a parameter of an SSI command.")),
    Directive::new("ssi_types", ANY, Arity::AtLeast(1), store_types!(ssi.types),
        doc("ssi_types type …;", "ssi_types text/html;", "Media types in which SSI commands are followed beside text/html; * is all.")),
    Directive::inert("ssi_min_file_chunk", ANY, Arity::Exactly(1), Set::Nothing,
        doc("ssi_min_file_chunk size;", "ssi_min_file_chunk 1k;", "No effect."),
        "what was read to be looked through is sent from memory"),
    Directive::inert("ssi_ignore_recycled_buffers", ANY, Arity::Flag, Set::Nothing,
        doc("ssi_ignore_recycled_buffers on | off;", "ssi_ignore_recycled_buffers off;", "No effect."),
        "buffers are not recycled"),
];

/// Blocks of a page, and variables of all pages of one client's request, are so many at most.
const KEPT_MAX: usize = 10_000;

/// What commands left behind. Variables, groups and blocks are those of the main request, shared by
/// all pages of it; the format of times is each page's own.
#[derive(Default)]
pub struct State {
    time_format: Option<CString>,
    variables: HashMap<String, Bytes>,
    captures: Captures,
    /// By name, in order; several may have the same, and the first is found.
    blocks: Vec<(Bytes, Vec<Bytes>)>,
}

impl State {
    /// Calls `f` with what is shared by all pages of the request.
    fn of_main<T>(request: &Request, f: impl FnOnce(&mut State) -> T) -> T {
        f(request.main().ssi.borrow_mut().get_or_insert_default())
    }

    fn set(&mut self, name: String, value: Bytes) {
        if self.variables.len() < KEPT_MAX || self.variables.contains_key(&name) {
            self.variables.insert(name, value);
        }
    }
}

/// The header filter.
pub fn filter(
    request: &Rc<Request>,
    response: &mut Response,
    body_filters: &mut Vec<Box<dyn BodyFilter>>,
) {
    let conf = &request.conf().ssi;
    let head = &mut response.head;
    if !conf.enabled
        || head.content_length == Some(0)
        || !conf.types.have(head.content_type.as_deref())
    {
        return;
    }
    if request.is_main() {
        match conf.last_modified {
            true => head.weaken_etag(),
            false => head.forget_validators(),
        }
        head.forget_length();
    }
    let inserter = Box::new(commands::Page::new(request, head.content_type.clone()));
    filters::insert(request, response, body_filters, inserter);
}

fn date(request: &Request, gmt: bool, out: &mut Vec<u8>) -> bool {
    let state = request.ssi.borrow();
    let format = state
        .as_ref()
        .and_then(|state| state.time_format.as_deref());
    let text = match format {
        Some(format) if format == c"%s" => {
            let now = time::seconds(net::clock::wall());
            Some(now.to_string().into_bytes())
        }
        Some(format) => time::format(format, gmt),
        None => time::format(c"%A, %d-%b-%Y %H:%M:%S %Z", gmt),
    };
    text.is_some_and(|text| {
        out.extend_from_slice(&text);
        true
    })
}
