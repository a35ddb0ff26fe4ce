//! `ngx_http_access_module`: `allow` and `deny`.

use conf::{Arity, Diagnostic, Directive, Item};
use net::Addr;
use net::log::Level as LogLevel;

use crate::draft::Level;
use crate::module::{ANY, Cx, Done, LIMIT_EXCEPT, Module, Set, doc};
use crate::network::Network;
use crate::phases::Flow;
use crate::request::Request;
use crate::settings::settings;

settings! {
    /// The rules; the first that fits decides.
    rules: Vec<Rule> = Vec::new(), inherit;
}

impl Conf {
    /// Whether somebody may be kept out.
    pub fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    whom: Whom,
    allow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    All,
    Unix,
    Net(Network),
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_access_module",
    directives: &[
        Directive::new(
            "allow",
            ANY.or(LIMIT_EXCEPT),
            Arity::Exactly(1),
            Set::Level(rule),
            doc(
                "allow address | CIDR | unix: | all;",
                "",
                "Lets these clients in.",
            ),
        ),
        Directive::new(
            "deny",
            ANY.or(LIMIT_EXCEPT),
            Arity::Exactly(1),
            Set::Level(rule),
            doc(
                "deny address | CIDR | unix: | all;",
                "",
                "Keeps these clients out (403).",
            ),
        ),
    ],
    variables: &[],
};

fn rule(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let allow = item.name() == "allow";
    let whom = whom(item)?;
    if let Whom::Net(net) = whom
        && net.has_low_bits()
    {
        let word = item.arg(0)?;
        let message = format!("low address bits of {} are meaningless", word.display());
        cx.diagnostics.push(Diagnostic::warn(message).at(word.span));
    }
    level
        .drafts
        .access
        .rules
        .get_or_insert_default()
        .push(Rule { whom, allow });
    Ok(())
}

fn whom(item: &Item) -> Result<Whom, Diagnostic> {
    match item.text(0)? {
        "all" => Ok(Whom::All),
        "unix:" => Ok(Whom::Unix),
        text => Network::parse(text).map(Whom::Net).ok_or_else(|| {
            item.error(format!("invalid parameter \"{text}\""))
                .at(item.args[0].span)
        }),
    }
}

/// The handler of the access phase.
pub fn run(request: &Request) -> Flow {
    let rules = &request.conf().access.rules;
    let fits = |rule: &&Rule| match (rule.whom, request.client()) {
        (Whom::All, _) => true,
        (Whom::Unix, peer) => matches!(peer, Addr::Unix(_)),
        (Whom::Net(net), peer) => peer.ip().is_some_and(|addr| net.contains(addr.ip())),
    };
    match rules.iter().find(fits) {
        None => Flow::Next,
        Some(rule) if rule.allow => Flow::Allowed,
        Some(_) => {
            if request.conf().core.satisfy == crate::modules::core::Satisfy::All {
                request.log(LogLevel::Error, format_args!("access forbidden by rule"));
            }
            Flow::Status(403)
        }
    }
}
