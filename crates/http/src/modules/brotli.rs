//! `ngx_http_brotli_filter_module`, as Google's ngx_brotli has it: Brotli for responses.

use conf::{Arity, Directive, Item};

use crate::draft::Level;
use crate::filters::compress::{self, Coding};
use crate::media_types::{MediaTypes, store_types};
use crate::module::{ANY, Cx, Done, LOCATION_IF, Module, Set, doc, inert, store};
use crate::settings::settings;
use crate::variable::builtin;

settings! {
    /// Whether responses are compressed.
    enabled: bool = false, inherit;
    /// 0 is fast, 11 is small and very slow.
    level: u32 = 6, inherit;
    /// How far back repetitions are looked for, as a power of two.
    window_bits: u32 = 19, inherit;
    /// Shorter responses are left alone, if their length is known; in bytes.
    min_length: u64 = 20, inherit;
    /// Which media types.
    types: MediaTypes = MediaTypes::default(), inherit;
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_brotli_filter_module",
    directives: DIRECTIVES,
    variables: &[builtin(
        "brotli_ratio",
        |request, out| compress::ratio(request, Coding::Brotli, out),
        "How much smaller Brotli made the response: 2.50 is 40 % of its length.",
    )],
};

#[rustfmt::skip]
const DIRECTIVES: &[Directive<Set>] = &[
    Directive::new("brotli", ANY.or(LOCATION_IF), Arity::Flag, store!(flag brotli.enabled),
        doc("brotli on | off;", "brotli off;", "Whether responses are compressed with Brotli for clients that can read that.")),
    Directive::new("brotli_comp_level", ANY, Arity::Exactly(1), Set::Level(comp_level),
        doc("brotli_comp_level level;", "brotli_comp_level 6;", "How hard compression tries, from 0 (fast) to 11 (small, and too slow for more than small texts).")),
    Directive::new("brotli_min_length", ANY, Arity::Exactly(1), store!(size brotli.min_length),
        doc("brotli_min_length length;", "brotli_min_length 20;", "Responses with a Content-Length below this are not compressed.")),
    Directive::new("brotli_types", ANY, Arity::AtLeast(1), store_types!(brotli.types),
        doc("brotli_types type …;", "brotli_types text/html;", "Media types that are compressed beside text/html; * is all.")),
    Directive::new("brotli_window", ANY, Arity::Exactly(1), Set::Level(window),
        doc("brotli_window size;", "brotli_window 512k;", "How far back compression looks for repetitions: a power of two from 1k to 16m. A response takes a few times as much memory.")),
    inert("brotli_buffers", ANY, Arity::Exactly(2), "brotli_buffers number size;", "compressed data is never buffered beyond what is being sent"),
];

fn comp_level(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let value = item.number(0)?;
    if value > 11 {
        return Err(item
            .error("value must be between 0 and 11")
            .at(item.arg(0)?.span));
    }
    item.once(&mut level.drafts.brotli.level, value as u32)
}

fn window(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let size = item.size(0)?;
    let bits = (10..=24_u32).find(|bits| 1 << bits == size);
    let bits = bits.ok_or_else(|| {
        item.error("\"brotli_window\" directive must be 1k, 2k, 4k, 8k, 16k, 32k, 64k, 128k, 256k, 512k, 1m, 2m, 4m, 8m or 16m")
    })?;
    item.once(&mut level.drafts.brotli.window_bits, bits)
}
