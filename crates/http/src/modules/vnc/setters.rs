//! The setters of desktops.

use std::sync::Arc;
use std::time::Duration;

use conf::{Contexts, Diagnostic, Item, value};
use net::Network;
use script::Template;
use script::template::Part;
use vnc::{Password, Reach, Rule, TokenSource};

use super::{Clipboard, Pass, Switch, sources};
use crate::draft::Level;
use crate::module::{Cx, Done, LOCATION, LOCATION_IF};
use crate::modules::core::Handler;
use crate::secret_file::{Kind, SecretFile};

/// Where a location becomes one of desktops.
pub const HERE: Contexts = LOCATION.or(LOCATION_IF);

/// `vnc_pass`
pub fn vnc_pass(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let drafts = &mut level.drafts.vnc;
    if drafts.source.is_some() || matches!(drafts.wall, Some(Some(_))) {
        return Err(one_way_only(item));
    }
    // Inside `if`, the location's own wall does not hold any more.
    drafts.wall = Some(None);
    let text = item.text(0)?;
    let pass = match text.contains('$') {
        true => {
            let template = cx.template(item, 0)?;
            warn_of_browsers_choice(item, &template, cx);
            Pass::Dynamic(template)
        }
        false => {
            let by_name = |error| Pass::Desktop {
                name: text.into(),
                error,
                span: item.args[0].span,
            };
            text.parse().map_or_else(by_name, Pass::Static)
        }
    };
    level.drafts.core.handler = Some(Handler::Vnc);
    item.once(&mut level.drafts.vnc.pass, Some(pass))
}

/// Two directives each say which machine it is.
pub fn one_way_only(item: &Item) -> Diagnostic {
    item.error(
        "\"vnc_pass\", \"vnc_token_source\" and \"vnc_wall\" exclude each other in one location",
    )
    .help("with a token source, the token says which machine it is; on a wall, the path")
}

/// Whoever can choose the target can reach every machine that this one can.
fn warn_of_browsers_choice(item: &Item, template: &Template, cx: &mut Cx<'_>) {
    const CHOSEN: [&str; 5] = ["arg_", "http_", "cookie_", "args", "query_string"];
    let mut before = Vec::new();
    for part in template.parts() {
        let id = match part {
            Part::Variable(id) => *id,
            Part::Text(text) => {
                before.extend_from_slice(text);
                continue;
            }
            _ => continue,
        };
        if is_behind_address(&before) {
            return;
        }
        let name = cx.names.name(id).to_owned();
        if CHOSEN.iter().any(|chosen| name.starts_with(chosen)) && name != "http_host" {
            let message = format!("\"vnc_pass\" with ${name} lets the browser choose any machine");
            let remedy = "look it up with \"map\" or \"vnc_token_source\"";
            cx.diagnostics
                .push(Diagnostic::warn(message).at(item.span()).help(remedy));
        }
    }
}

/// Whether what follows such a beginning of a target chooses no other machine: the path and query
/// of a far gateway.
fn is_behind_address(text: &[u8]) -> bool {
    let rest = text
        .strip_prefix(b"ws://")
        .or_else(|| text.strip_prefix(b"wss://"));
    rest.is_some_and(|rest| rest.iter().any(|byte| matches!(byte, b'/' | b'?')))
}

/// `vnc_token_source`
pub fn token_source(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let drafts = &level.drafts.vnc;
    if matches!(drafts.pass, Some(Some(_))) || matches!(drafts.wall, Some(Some(_))) {
        return Err(one_way_only(item));
    }
    let path = cx.bundle.conf_path(&item.arg(1)?.text);
    let source = match item.text(0)? {
        "file" => TokenSource::file(path),
        "dir" => TokenSource::dir(path),
        "name-dir" => TokenSource::name_dir(path),
        "http" => sources::http(item, cx)?,
        "jwt" => sources::jwt(item, cx)?,
        "redis" => sources::redis(item, cx)?,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    if item.args.len() > 2 && source.is_local() {
        return Err(item.invalid_parameter(&item.args[2]));
    }
    item.once(&mut level.drafts.vnc.source, Some(Arc::new(source)))?;
    // Inside `if`, what the location itself leads to does not hold any more.
    level.drafts.vnc.pass = Some(None);
    level.drafts.vnc.wall = Some(None);
    becomes_desktops(level, cx);
    Ok(())
}

/// `vnc_token`
pub fn vnc_token(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let token = cx.template(item, 0)?;
    item.once(&mut level.drafts.vnc.token, Some(token))?;
    becomes_desktops(level, cx);
    Ok(())
}

/// A location that says something about tokens is one of desktops, unless it says otherwise.
fn becomes_desktops(level: &mut Level, cx: &Cx<'_>) {
    if HERE.meets(cx.context) {
        level.drafts.core.handler.get_or_insert(Handler::Vnc);
    }
}

/// `vnc_password_file`
pub fn password_file(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    if item.arg(0)?.text == b"off" {
        return item.once(&mut level.drafts.vnc.password, None);
    }
    let kind = Kind {
        what: "password file",
        len_max: Password::FILE_LEN_MAX,
    };
    let file = SecretFile::open(item, 0, cx, kind)?;
    let password = Password::from_file(&file.text);
    let password = password.map_err(|error| file.wrong(item, error))?;
    item.once(&mut level.drafts.vnc.password, Some(password))
}

/// `vnc_view_only`
pub fn view_only(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let word = item.arg(0)?;
    let switch = match value::flag(&word.text) {
        Some(true) => Switch::On,
        Some(false) => Switch::Off,
        None if word.text.contains(&b'$') => Switch::If(cx.template(item, 0)?),
        None => return Err(item.invalid(word)),
    };
    item.once(&mut level.drafts.vnc.view_only, switch)
}

/// `vnc_clipboard`
pub fn clipboard(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let (inwards, outwards) = match item.text(0)? {
        "both" => (true, true),
        "in" => (true, false),
        "out" => (false, true),
        "off" => (false, false),
        _ => {
            let invalid = item.invalid(item.arg(0)?);
            return Err(invalid.help("\"both\", \"in\", \"out\" or \"off\""));
        }
    };
    let bytes_max = match item.args.get(1) {
        None => None,
        Some(word) => {
            let size = word.text.strip_prefix(b"max=").and_then(value::size);
            let size = size.and_then(|size| u32::try_from(size).ok());
            Some(size.ok_or_else(|| item.invalid_parameter(word))?)
        }
    };
    item.once(
        &mut level.drafts.vnc.clipboard,
        Clipboard {
            inwards,
            outwards,
            bytes_max,
        },
    )
}

/// `vnc_quality_max`
pub fn quality_max(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    match item.number(0)? {
        quality @ 0..=9 => item.once(&mut level.drafts.vnc.quality_max, quality as u8),
        _ => Err(item.invalid(item.arg(0)?)),
    }
}

/// A time; `None` for `off` and zero.
pub fn time_or_off(item: &Item) -> Result<Option<Duration>, Diagnostic> {
    match item.text(0)? {
        "off" => Ok(None),
        _ => item
            .time(0)
            .map(|time| Some(time).filter(|time| !time.is_zero())),
    }
}

/// `vnc_allow` and `vnc_deny`
pub fn reach(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let what = match item.text(0)? {
        "all" => Reach::All,
        "unix:" => Reach::Unix,
        text => {
            Reach::Net(Network::parse(text).ok_or_else(|| item.invalid_parameter(&item.args[0]))?)
        }
    };
    let allow = item.name() == "vnc_allow";
    let rules = level.drafts.vnc.reach.get_or_insert_default();
    rules.push(Rule { what, allow });
    Ok(())
}
