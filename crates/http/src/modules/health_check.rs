//! `ngx_http_upstream_hc_module`: peers are asked now and then whether they are well.
//!
//! nginx sells this module; its directives are followed here. What is done is in `health.rs`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conf::{Arity, Diagnostic, Directive, Item, Word, value};
use upstream::health::Patience;

use crate::draft::{self, Level};
use crate::module::{Cx, Done, HTTP, LOCATION, MATCH, Module, Set, doc};
use crate::settings::settings;
use matching::Match;

pub mod matching;

settings! {
    /// How the peers of the location's group are checked.
    check: Option<Arc<Spec>> = None, local;
}

/// What a `health_check` line says.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Time between two checks of a peer.
    pub interval: Duration,
    /// At most so much more, by chance.
    pub jitter: Duration,
    /// How many checks in a row change a verdict.
    pub patience: Patience,
    /// What is asked for.
    pub uri: Bytes,
    /// The port that is asked, if it is not that of the peer.
    pub port: Option<u16>,
    /// The `match` block that an answer has to fit.
    pub match_name: Option<String>,
    /// A peer gets no request before it has passed.
    pub mandatory: bool,
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_upstream_hc_module",
    directives: &[
        Directive::new(
            "health_check",
            LOCATION,
            Arity::AtLeast(0),
            Set::Level(health_check),
            doc(
                "health_check [interval=time] [jitter=time] [fails=number] [passes=number] [uri=uri] [match=name] [port=number] [mandatory [persistent]];",
                "",
                "Asks the servers of the group that the location proxies to whether they are well.",
            ),
        ),
        Directive::block(
            "match",
            HTTP,
            Arity::Exactly(1),
            Set::Main(match_block),
            doc(
                "match name { … }",
                "",
                "What the answer to a health check has to be.",
            ),
        ),
        Directive::new(
            "status",
            MATCH,
            Arity::AtLeast(1),
            Set::Nothing,
            doc(
                "status [!] code | first-last …;",
                "",
                "The answer has (or has not) one of these statuses.",
            ),
        ),
        Directive::new(
            "header",
            MATCH,
            Arity::Between(1, 3),
            Set::Nothing,
            doc(
                "header [!] name | name = value | name != value | name ~ regex | name !~ regex;",
                "",
                "The answer has (or has not) such a header field.",
            ),
        ),
        Directive::new(
            "body",
            MATCH,
            Arity::Exactly(2),
            Set::Nothing,
            doc(
                "body ~ regex | !~ regex;",
                "",
                "The first 256 kilobytes of the answer's body match (or do not).",
            ),
        ),
    ],
    variables: &[],
};

impl Default for Spec {
    /// nginx's defaults.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            jitter: Duration::ZERO,
            patience: Patience {
                fails: 1,
                passes: 1,
            },
            uri: Bytes::from_static(b"/"),
            port: None,
            match_name: None,
            mandatory: false,
        }
    }
}

fn health_check(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let mut spec = Spec::default();
    let mut persistent = None;
    for word in &item.args {
        match &word.text[..] {
            b"mandatory" => spec.mandatory = true,
            b"persistent" => persistent = Some(word),
            _ => spec
                .parameter(word)
                .ok_or_else(|| item.invalid_parameter(word))?,
        }
    }
    // What is known of a peer is kept over a reload in any case.
    if let Some(word) = persistent.filter(|_| !spec.mandatory) {
        return Err(item
            .invalid_parameter(word)
            .help("\"persistent\" needs \"mandatory\""));
    }
    let slot = &mut level.drafts.health_check.check;
    item.once(slot, Some(Arc::new(spec)))
}

impl Spec {
    fn parameter(&mut self, word: &Word) -> Option<()> {
        let text = &word.text;
        let at = text.iter().position(|&byte| byte == b'=')?;
        let (name, text) = (&text[..at], &text[at + 1..]);
        let count = |text| value::number(text).and_then(|n| u32::try_from(n).ok());
        match name {
            b"interval" => self.interval = value::time(text).filter(|time| !time.is_zero())?,
            b"jitter" => self.jitter = value::time(text)?,
            b"fails" => self.patience.fails = count(text).filter(|&n| n > 0)?,
            b"passes" => self.patience.passes = count(text).filter(|&n| n > 0)?,
            b"uri" => {
                let plain = |byte: &u8| byte.is_ascii_graphic();
                let sound = text.starts_with(b"/") && text.iter().all(plain);
                self.uri = sound.then(|| Bytes::copy_from_slice(text))?;
            }
            b"port" => {
                let port = count(text).and_then(|port| u16::try_from(port).ok());
                self.port = Some(port.filter(|&port| port > 0)?);
            }
            // Each check has a connection of its own.
            b"keepalive_time" => {
                value::time(text)?;
            }
            b"match" => self.match_name = Some(String::from_utf8(text.to_vec()).ok()?),
            _ => return None,
        }
        Some(())
    }
}

fn match_block(item: &Item, draft: &mut draft::Draft, cx: &mut Cx<'_>) -> Done {
    let name = item.text(0)?.to_owned();
    if draft.matches.contains_key(&name) {
        return Err(item.error(format!("duplicate match \"{name}\"")));
    }
    let mut found = Match::default();
    for entry in item.entries() {
        if let Err(error) = inside(entry, &mut found) {
            cx.diagnostics.push(error);
        }
    }
    draft.matches.insert(name, Arc::new(found));
    Ok(())
}

fn inside(item: &Item, found: &mut Match) -> Result<(), Diagnostic> {
    conf::directive::find(MODULE.directives.iter(), item, MATCH)?;
    match item.name() {
        "status" => found.add_status(item),
        "header" => found.add_header(item),
        _ => found.set_body(item),
    }
}
