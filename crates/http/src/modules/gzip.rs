//! `ngx_http_gzip_filter_module`: responses are compressed while they are sent.

use std::sync::Arc;

use conf::{Arity, Directive, Item};
use proto::h1::Version;
use script::Regex;

use crate::draft::Level;
use crate::filters::compress::{self, Coding};
use crate::media_types::{MediaTypes, store_types};
use crate::module::{ANY, Cx, Done, LOCATION_IF, Module, Set, doc, inert, store};
use crate::request::Request;
use crate::settings::settings;
use crate::variable::builtin;

mod accept;

pub use accept::may_compress;

settings! {
    /// Whether responses are compressed.
    enabled: bool = false, inherit;
    /// 1 is fast, 9 is small.
    level: u64 = 1, inherit;
    /// Shorter responses are left alone, if their length is known; in bytes.
    min_length: u64 = 20, inherit;
    /// How far back repetitions are looked for, as a power of two.
    window_bits: u8 = 15, inherit;
    /// Which media types.
    types: MediaTypes = MediaTypes::default(), inherit;
    /// Which responses to requests that came through a proxy.
    proxied: Proxied = Proxied::OFF, inherit;
    /// The lowest version of a request.
    http_version: HttpVersion = HttpVersion::V11, inherit;
    /// Whether `Vary: Accept-Encoding` is sent.
    vary: bool = false, inherit;
    /// Browsers that are left alone.
    disable: Arc<Disable> = Arc::default(), inherit;
}

/// `gzip_http_version`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersion {
    /// 1.0
    V10,
    /// 1.1
    V11,
}

/// `gzip_proxied`: a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proxied(u16);

impl Proxied {
    const OFF: Self = Self(1);
    const EXPIRED: Self = Self(2);
    const NO_CACHE: Self = Self(4);
    const NO_STORE: Self = Self(8);
    const PRIVATE: Self = Self(16);
    const NO_LAST_MODIFIED: Self = Self(32);
    const NO_ETAG: Self = Self(64);
    const AUTH: Self = Self(128);
    const ANY: Self = Self(256);

    fn from_word(word: &[u8]) -> Option<Self> {
        Some(match word {
            b"off" => Self::OFF,
            b"expired" => Self::EXPIRED,
            b"no-cache" => Self::NO_CACHE,
            b"no-store" => Self::NO_STORE,
            b"private" => Self::PRIVATE,
            b"no_last_modified" => Self::NO_LAST_MODIFIED,
            b"no_etag" => Self::NO_ETAG,
            b"auth" => Self::AUTH,
            b"any" => Self::ANY,
            _ => return None,
        })
    }

    fn has(self, one: Self) -> bool {
        self.0 & one.0 != 0
    }
}

/// `gzip_disable`
#[derive(Debug, Default)]
pub struct Disable {
    /// Internet Explorer 4 to 6, but not 6 with its service pack 2.
    msie6: bool,
    /// What else `User-Agent` must not be.
    agents: Vec<Regex>,
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_gzip_filter_module",
    directives: DIRECTIVES,
    variables: &[builtin(
        "gzip_ratio",
        ratio,
        "How much smaller compression made the response: 2.50 is 40 % of its length.",
    )],
};

#[rustfmt::skip]
const DIRECTIVES: &[Directive<Set>] = &[
    Directive::new("gzip", ANY.or(LOCATION_IF), Arity::Flag, store!(flag gzip.enabled),
        doc("gzip on | off;", "gzip off;", "Whether responses are compressed for clients that can read that.")),
    Directive::new("gzip_comp_level", ANY, Arity::Exactly(1), Set::Level(comp_level),
        doc("gzip_comp_level level;", "gzip_comp_level 1;", "How hard compression tries, from 1 (fast) to 9 (small).")),
    Directive::new("gzip_min_length", ANY, Arity::Exactly(1), store!(size gzip.min_length),
        doc("gzip_min_length length;", "gzip_min_length 20;", "Responses with a Content-Length below this are not compressed.")),
    Directive::new("gzip_types", ANY, Arity::AtLeast(1), store_types!(gzip.types),
        doc("gzip_types type …;", "gzip_types text/html;", "Media types that are compressed beside text/html; * is all.")),
    Directive::new("gzip_proxied", ANY, Arity::AtLeast(1), Set::Level(proxied),
        doc("gzip_proxied off | expired | no-cache | no-store | private | no_last_modified | no_etag | auth | any …;", "gzip_proxied off;", "Which responses are compressed when the request has a Via field.")),
    Directive::new("gzip_http_version", ANY, Arity::Exactly(1), Set::Level(http_version),
        doc("gzip_http_version 1.0 | 1.1;", "gzip_http_version 1.1;", "The lowest version of requests whose responses are compressed.")),
    Directive::new("gzip_vary", ANY, Arity::Flag, store!(flag gzip.vary),
        doc("gzip_vary on | off;", "gzip_vary off;", "Whether responses that could be compressed have Vary: Accept-Encoding.")),
    Directive::new("gzip_disable", ANY, Arity::AtLeast(1), Set::Level(disable),
        doc("gzip_disable regex …;", "", "Responses to these browsers are not compressed; msie6 stands for old versions of Internet Explorer.")),
    inert("gzip_buffers", ANY, Arity::Exactly(2), "gzip_buffers number size;", "compressed data is never buffered beyond what is being sent"),
    Directive::new("gzip_window", ANY, Arity::Exactly(1), Set::Level(window),
        doc("gzip_window size;", "gzip_window 32k;", "How far back compression looks for repetitions: 512, 1k, 2k, 4k, 8k, 16k or 32k.")),
    inert("gzip_hash", ANY, Arity::Exactly(1), "gzip_hash size;", "the library chooses its tables"),
    inert("postpone_gzipping", ANY, Arity::Exactly(1), "postpone_gzipping size;", "memory is taken when the first byte is compressed"),
    inert("gzip_no_buffer", ANY, Arity::Flag, "gzip_no_buffer on | off;", "compressed data is never buffered beyond what is being sent"),
];

fn comp_level(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let value = item.number(0)?;
    if !(1..=9).contains(&value) {
        return Err(item
            .error("value must be between 1 and 9")
            .at(item.arg(0)?.span));
    }
    item.once(&mut level.drafts.gzip.level, value)
}

fn window(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let size = item.size(0)?;
    let bits = (9..=15_u8).find(|bits| 1 << bits == size);
    let bits = bits.ok_or_else(|| {
        item.error("\"gzip_window\" directive must be 512, 1k, 2k, 4k, 8k, 16k, or 32k")
    })?;
    item.once(&mut level.drafts.gzip.window_bits, bits)
}

fn proxied(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let mut value = Proxied(0);
    for word in &item.args {
        value.0 |= Proxied::from_word(&word.text)
            .ok_or_else(|| item.invalid(word))?
            .0;
    }
    item.once(&mut level.drafts.gzip.proxied, value)
}

fn http_version(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let value = match &item.arg(0)?.text[..] {
        b"1.0" => HttpVersion::V10,
        b"1.1" => HttpVersion::V11,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.gzip.http_version, value)
}

fn disable(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    // Several lines of one level are one list; nobody else has it while the level is read.
    let disable = level.drafts.gzip.disable.get_or_insert_default();
    let disable = Arc::get_mut(disable).ok_or_else(|| item.duplicate())?;
    for word in &item.args {
        if word.text == b"msie6" {
            disable.msie6 = true;
            continue;
        }
        let regex = Regex::new(&word.text, true);
        let regex = regex.map_err(|error| item.error(error.to_string()).at(word.span))?;
        disable.agents.push(regex);
    }
    Ok(())
}

/// `$gzip_ratio`
fn ratio(request: &Request, out: &mut Vec<u8>) -> bool {
    compress::ratio(request, Coding::Gzip, out)
}

impl HttpVersion {
    fn version(self) -> Version {
        match self {
            HttpVersion::V10 => Version::HTTP_10,
            HttpVersion::V11 => Version::HTTP_11,
        }
    }
}
