//! `ngx_http_upstream_sticky_module`: clients stay with the peer that they had.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use conf::{Arity, Directive, Item, value};
use script::VarId;

use super::Block;
use crate::module::{Cx, Done, Module, Set, UPSTREAM, doc};
use crate::request::Request;
use crate::zones::ZoneId;
use cookie::Cookie;
use sessions::Sessions;

pub mod cookie;
pub mod sessions;

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_upstream_sticky_module",
    directives: &[Directive::new(
        "sticky",
        UPSTREAM,
        Arity::AtLeast(2),
        Set::Group(sticky),
        doc(
            "sticky cookie name [expires=time] [domain=domain] [httponly] [secure] [samesite=strict|lax|none|$variable] [path=path] | route $variable … | learn create=$variable … lookup=$variable … zone=name:size [timeout=time] [header];",
            "",
            "Sends a client to the server that it had before.",
        ),
    )],
    variables: &[],
};

/// How clients stay with their peer.
#[derive(Debug, Clone)]
pub struct Sticky {
    /// Variables of which the first with a value names a peer, or a session.
    lookup: Vec<VarId>,
    how: How,
}

#[derive(Debug, Clone)]
enum How {
    /// A cookie of ours names the peer.
    Cookie(Cookie),
    /// The client names it.
    Route,
    /// A session names it, which the peer began.
    Learn(Learn),
}

#[derive(Debug, Clone)]
struct Learn {
    create: Vec<VarId>,
    zone: ZoneId<Sessions>,
    timeout: Duration,
    at_header: bool,
}

impl Sticky {
    /// The id of the peer that a request asks for.
    pub fn hint(&self, request: &Request) -> Option<Bytes> {
        let found = first_of(&self.lookup, request)?;
        match &self.how {
            How::Learn(learn) => {
                let sessions = request.config().zones.get(learn.zone).state();
                sessions.peer_of(&found, learn.timeout)
            }
            How::Cookie(_) | How::Route => Some(found),
        }
    }

    /// The cookie that tells a client of its peer.
    pub fn cookie(&self, request: &Request, peer: &[u8]) -> Option<Bytes> {
        match &self.how {
            How::Cookie(cookie) => Some(cookie.text(request, peer)),
            How::Route | How::Learn(_) => None,
        }
    }

    /// Learns from the head of an answer that is passed on (`header`).
    pub fn learn_at_header(&self, request: &Rc<Request>, peer: &Bytes) {
        if let How::Learn(learn) = &self.how
            && learn.at_header
        {
            self.learn(learn, request, peer);
        }
    }

    /// Learns from an answer that has come to its end.
    pub fn learn_at_end(&self, request: &Rc<Request>, peer: &Bytes) {
        if let How::Learn(learn) = &self.how
            && !learn.at_header
        {
            self.learn(learn, request, peer);
        }
    }

    fn learn(&self, learn: &Learn, request: &Request, peer: &Bytes) {
        let sessions = request.config().zones.get(learn.zone).state();
        if let Some(session) = first_of(&learn.create, request) {
            if !sessions.create(&session, peer, learn.timeout) {
                request.log(
                    net::log::Level::Warn,
                    format_args!("could not allocate a sticky session"),
                );
            }
        } else if let Some(session) = first_of(&self.lookup, request) {
            sessions.refresh(&session, peer, learn.timeout);
        }
    }
}

/// The first value that is not empty.
fn first_of(variables: &[VarId], request: &Request) -> Option<Bytes> {
    let mut values = variables
        .iter()
        .filter_map(|&id| request.variable_value(id));
    values.find(|value| !value.is_empty())
}

fn sticky(item: &Item, block: &mut Block, cx: &mut Cx<'_>) -> Done {
    if block.sticky.is_some() {
        return Err(item.error("\"sticky\" directive is duplicate"));
    }
    block.sticky = Some(match item.text(0)? {
        "cookie" => {
            let cookie = Cookie::parse(item, cx)?;
            let name = format!("cookie_{}", String::from_utf8_lossy(&cookie.name));
            Sticky {
                lookup: vec![cx.names.use_name(&name.to_ascii_lowercase())],
                how: How::Cookie(cookie),
            }
        }
        "route" => Sticky {
            lookup: routes(item, cx)?,
            how: How::Route,
        },
        "learn" => learn(item, block, cx)?,
        other => return Err(item.error(format!("unknown parameter \"{other}\""))),
    });
    Ok(())
}

fn routes(item: &Item, cx: &mut Cx<'_>) -> Result<Vec<VarId>, conf::Diagnostic> {
    (1..item.args.len())
        .map(|index| {
            Ok(cx
                .names
                .use_name(&crate::module::variable_name(item, index)?))
        })
        .collect()
}

/// `"sticky" directive …`, as nginx words what is wrong with a directive.
fn wrong(item: &Item, what: &str) -> conf::Diagnostic {
    item.error(format!("\"sticky\" directive {what}"))
}

fn learn(item: &Item, block: &Block, cx: &mut Cx<'_>) -> Result<Sticky, conf::Diagnostic> {
    let mut zone = None;
    let mut timeout = None;
    let (mut create, mut lookup) = (Vec::new(), Vec::new());
    let mut at_header = false;
    for word in &item.args[1..] {
        let text = word.display();
        match text.split_once('=') {
            Some(("zone", _)) if zone.is_some() => return Err(wrong(item, "duplicate zone")),
            Some(("zone", text)) => zone = Some(sessions_zone(item, text, block, cx)?),
            Some(("timeout", _)) if timeout.is_some() => {
                return Err(wrong(item, "duplicate timeout"));
            }
            Some(("timeout", text)) => {
                let time = value::time(text.as_bytes()).filter(|time| !time.is_zero());
                timeout = Some(time.ok_or_else(|| wrong(item, "invalid timeout"))?);
            }
            Some((name @ ("create" | "lookup"), text)) => {
                let missing = format!("missing variable in the \"{name}\" parameter");
                let variable = text.strip_prefix('$').filter(|text| !text.is_empty());
                let variable = variable.ok_or_else(|| wrong(item, &missing))?;
                let id = cx.names.use_name(&variable.to_ascii_lowercase());
                match name {
                    "create" => create.push(id),
                    _ => lookup.push(id),
                }
            }
            None if text == "header" => at_header = true,
            _ => return Err(item.error(format!("unknown parameter \"{text}\""))),
        }
    }
    let missing = |name: &str| wrong(item, &format!("\"{name}\" parameter is not specified"));
    if lookup.is_empty() {
        return Err(missing("lookup"));
    }
    if create.is_empty() {
        return Err(missing("create"));
    }
    Ok(Sticky {
        lookup,
        how: How::Learn(Learn {
            create,
            zone: zone.ok_or_else(|| missing("zone"))?,
            timeout: timeout.unwrap_or(Duration::from_secs(600)),
            at_header,
        }),
    })
}

/// Zones are at least eight pages, as nginx's allocator needs.
const BYTES_MIN: u64 = 8 * 4096;

fn sessions_zone(
    item: &Item,
    text: &str,
    block: &Block,
    cx: &mut Cx<'_>,
) -> Result<ZoneId<Sessions>, conf::Diagnostic> {
    let (name, size) = text
        .split_once(':')
        .ok_or_else(|| wrong(item, "zone size is not specified"))?;
    if name.is_empty() {
        return Err(wrong(item, "zone name is not specified"));
    }
    let bytes = value::size(size.as_bytes()).ok_or_else(|| wrong(item, "invalid zone size"))?;
    if bytes < BYTES_MIN {
        return Err(wrong(item, "zone is too small"));
    }
    let id = cx.zones.add(item, name, bytes)?;
    cx.zones.bind(id, block.name.clone()).map_err(|used| {
        let message = "is already used in upstream";
        item.error(format!("sticky zone \"{name}\" {message} \"{used}\""))
    })?;
    Ok(id)
}
