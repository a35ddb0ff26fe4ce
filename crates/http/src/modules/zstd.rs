//! `ngx_http_zstd_filter_module`, as the known module of that name has it: Zstandard for responses.

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
    /// 1 is fast, 22 is small; negative ones are faster still.
    level: i32 = 1, inherit;
    /// Shorter responses are left alone, if their length is known; in bytes.
    min_length: u64 = 20, inherit;
    /// Which media types.
    types: MediaTypes = MediaTypes::default(), inherit;
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_zstd_filter_module",
    directives: DIRECTIVES,
    variables: &[builtin(
        "zstd_ratio",
        |request, out| compress::ratio(request, Coding::Zstd, out),
        "How much smaller Zstandard made the response: 2.50 is 40 % of its length.",
    )],
};

#[rustfmt::skip]
const DIRECTIVES: &[Directive<Set>] = &[
    Directive::new("zstd", ANY.or(LOCATION_IF), Arity::Flag, store!(flag zstd.enabled),
        doc("zstd on | off;", "zstd off;", "Whether responses are compressed with Zstandard for clients that can read that.")),
    Directive::new("zstd_comp_level", ANY, Arity::Exactly(1), Set::Level(comp_level),
        doc("zstd_comp_level level;", "zstd_comp_level 1;", "How hard compression tries, from 1 (fast) to 22 (small); negative levels are faster still.")),
    Directive::new("zstd_min_length", ANY, Arity::Exactly(1), store!(size zstd.min_length),
        doc("zstd_min_length length;", "zstd_min_length 20;", "Responses with a Content-Length below this are not compressed.")),
    Directive::new("zstd_types", ANY, Arity::AtLeast(1), store_types!(zstd.types),
        doc("zstd_types type …;", "zstd_types text/html;", "Media types that are compressed beside text/html; * is all.")),
    inert("zstd_buffers", ANY, Arity::Exactly(2), "zstd_buffers number size;", "compressed data is never buffered beyond what is being sent"),
];

fn comp_level(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let word = item.arg(0)?;
    let value = std::str::from_utf8(&word.text).ok();
    let value: Option<i32> = value.and_then(|text| text.parse().ok());
    let range = zstd::compression_level_range();
    let value = value
        .filter(|value| *value != 0 && range.contains(value))
        .ok_or_else(|| {
            let (low, high) = (range.start(), range.end());
            item.error(format!("value must be between {low} and {high}, and not 0"))
                .at(word.span)
        })?;
    item.once(&mut level.drafts.zstd.level, value)
}
