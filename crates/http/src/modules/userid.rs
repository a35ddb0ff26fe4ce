//! `ngx_http_userid_module`: a cookie that knows a browser again.

use std::time::Duration;

use bytes::Bytes;
use conf::{Arity, Directive, Item, value};
use script::{Builtin, Template};

use crate::draft::Level;
use crate::module::{ANY, Cx, Done, Module, Set, doc, store};
use crate::request::Request;
use crate::settings::settings;
use crate::variable::{builtin, settable};

mod cookie;

pub use cookie::{UserId, filter};

settings! {
    /// Whether cookies are set, or only read for logs.
    mode: Mode = Mode::Off, inherit;
    /// `$uid_reset`, compiled where the cookie is set.
    reset: Template = Template::default(), inherit;
    /// The cookie's name.
    name: Bytes = Bytes::from_static(b"uid"), inherit;
    /// Its `domain` attribute; empty is none.
    domain: Bytes = Bytes::new(), inherit;
    /// Its `path` attribute.
    path: Bytes = Bytes::from_static(b"/"), inherit;
    /// How long the browser keeps it.
    expires: Expires = Expires::Session, inherit;
    /// Its other attributes, as they are written behind it.
    flags: Bytes = Bytes::new(), inherit;
    /// The `P3P` field sent with it; empty is none.
    p3p: Bytes = Bytes::new(), inherit;
    /// The first number of new cookies; `None` is the server's address.
    service: Option<u32> = None, inherit;
    /// The character that marks cookies whose attributes are up to date.
    mark: Option<u8> = None, inherit;
}

/// `userid`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing is done.
    Off,
    /// Cookies are read.
    Log,
    /// Cookies of the first kind are set.
    V1,
    /// Cookies are set.
    On,
}

/// `userid_expires`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expires {
    /// With the browser's session.
    Session,
    /// As late as possible.
    Max,
    /// After this time.
    After(Duration),
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_userid_module",
    directives: DIRECTIVES,
    variables: VARIABLES,
};

#[rustfmt::skip]
const DIRECTIVES: &[Directive<Set>] = &[
    Directive::new("userid", ANY, Arity::Exactly(1), Set::Level(userid),
        doc("userid on | v1 | log | off;", "userid off;", "Whether browsers get a cookie that they are known by, or whether only cookies that come are logged.")),
    Directive::new("userid_name", ANY, Arity::Exactly(1), store!(word userid.name),
        doc("userid_name name;", "userid_name uid;", "The name of the cookie.")),
    Directive::new("userid_domain", ANY, Arity::Exactly(1), Set::Level(domain),
        doc("userid_domain name | none;", "userid_domain none;", "The domain that the cookie is for.")),
    Directive::new("userid_path", ANY, Arity::Exactly(1), store!(word userid.path),
        doc("userid_path path;", "userid_path /;", "The path that the cookie is for.")),
    Directive::new("userid_expires", ANY, Arity::Exactly(1), Set::Level(expires),
        doc("userid_expires time | max | off;", "userid_expires off;", "How long a browser keeps the cookie; off is until it is closed.")),
    Directive::new("userid_flags", ANY, Arity::Between(1, 3), Set::Level(flags),
        doc("userid_flags off | flag …;", "userid_flags off;", "Attributes of the cookie: secure, httponly, samesite=strict, samesite=lax, samesite=none.")),
    Directive::new("userid_p3p", ANY, Arity::Exactly(1), Set::Level(p3p),
        doc("userid_p3p string | none;", "userid_p3p none;", "The value of a P3P field that is sent with the cookie.")),
    Directive::new("userid_service", ANY, Arity::Exactly(1), Set::Level(service),
        doc("userid_service number;", "", "The number of the server that issues the cookie; otherwise the last part of its address.")),
    Directive::new("userid_mark", ANY, Arity::Exactly(1), Set::Level(mark),
        doc("userid_mark letter | digit | = | off;", "userid_mark off;", "Marks cookies; one without the mark is sent again with the attributes of today.")),
];

const VARIABLES: &[Builtin<Request>] = &[
    builtin(
        "uid_got",
        got,
        "The cookie that a browser is known by, as it came.",
    ),
    builtin(
        "uid_set",
        set,
        "The cookie that a browser is known by, as it was sent.",
    ),
    settable(
        "uid_reset",
        |request, out| {
            request.user_id.append_reset(out);
            true
        },
        |request, value| request.user_id.set_reset(value),
        "If it is neither empty nor 0, the browser gets a new cookie; log also tells the error log.",
    ),
];

fn userid(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let mode = match item.text(0)? {
        "off" => Mode::Off,
        "log" => Mode::Log,
        "v1" => Mode::V1,
        "on" => Mode::On,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.userid.mode, mode)?;
    level.drafts.userid.reset = Some(cx.template_of(item, b"$uid_reset")?);
    Ok(())
}

fn unless_none(item: &Item) -> Result<Bytes, conf::Diagnostic> {
    let text = &item.arg(0)?.text;
    Ok(match &text[..] {
        b"none" => Bytes::new(),
        _ => Bytes::copy_from_slice(text),
    })
}

fn domain(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    item.once(&mut level.drafts.userid.domain, unless_none(item)?)
}

fn p3p(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    item.once(&mut level.drafts.userid.p3p, unless_none(item)?)
}

fn expires(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let word = item.arg(0)?;
    let expires = match &word.text[..] {
        b"max" => Expires::Max,
        b"off" => Expires::Session,
        text => match value::time(text) {
            Some(Duration::ZERO) => Expires::Session,
            Some(time) => Expires::After(time),
            None => return Err(item.invalid(word)),
        },
    };
    item.once(&mut level.drafts.userid.expires, expires)
}

fn flags(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    const KNOWN: [&[u8]; 5] = [
        b"secure",
        b"httponly",
        b"samesite=strict",
        b"samesite=lax",
        b"samesite=none",
    ];
    let mut given = [false; KNOWN.len()];
    for word in &item.args {
        if word.text.eq_ignore_ascii_case(b"off") {
            continue;
        }
        let known = KNOWN
            .iter()
            .position(|known| word.text.eq_ignore_ascii_case(known));
        let index = known.ok_or_else(|| item.invalid(word))?;
        if std::mem::replace(&mut given[index], true) {
            let message = format!("duplicate value \"{}\"", word.display());
            let warning = conf::Diagnostic::warn(message).at(word.span);
            cx.diagnostics.push(warning);
        }
    }
    let given = KNOWN.iter().zip(given).filter(|(_, given)| *given);
    let text: Vec<u8> = given
        .flat_map(|(flag, _)| [b"; ", *flag].concat())
        .collect();
    item.once(&mut level.drafts.userid.flags, text.into())
}

fn service(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    // As nginx: what does not fit is cut.
    let service = item.number(0)? as u32;
    item.once(&mut level.drafts.userid.service, Some(service))
}

fn mark(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let mark = match &item.arg(0)?.text[..] {
        b"off" => None,
        [mark] if mark.is_ascii_alphanumeric() || *mark == b'=' => Some(*mark),
        _ => {
            let message = "\"userid_mark\" directive value must be \"off\" or a single letter, digit or \"=\"";
            return Err(item.error(message));
        }
    };
    item.once(&mut level.drafts.userid.mark, mark)
}

fn got(request: &Request, out: &mut Vec<u8>) -> bool {
    let request = request.main();
    let conf = &request.conf().userid;
    if conf.mode == Mode::Off {
        return false;
    }
    cookie::append_got(request, conf, out)
}

fn set(request: &Request, out: &mut Vec<u8>) -> bool {
    let request = request.main();
    let conf = &request.conf().userid;
    if matches!(conf.mode, Mode::Off | Mode::Log) {
        return false;
    }
    cookie::append_set(request, conf, out)
}
