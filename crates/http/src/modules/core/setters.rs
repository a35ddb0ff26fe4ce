//! What the directives of the core module do with their arguments.

use std::path::PathBuf;

use conf::{Item, value};
use script::Template;

use super::{
    BodyInFile, DisableSymlinks, ErrorPage, IfModifiedSince, KeepaliveDisable, LingeringClose,
    Root, Satisfy, ServerTokens, Symlinks,
};
use crate::draft::Level;
use crate::module::{Cx, Done};
use crate::temp_file::TempPath;

pub fn root(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    if level.drafts.core.root.is_some() {
        return Err(match &level.drafts.core.root {
            Some(Root::Alias(..)) => item.error(
                "\"root\" directive is duplicate, \"alias\" directive was specified earlier",
            ),
            _ => item.duplicate(),
        });
    }
    let path = path_template(item, cx)?;
    level.drafts.core.root = Some(Root::Root(path));
    Ok(())
}

pub fn alias(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    if level.drafts.core.root.is_some() {
        return Err(item.duplicate());
    }
    let path = path_template(item, cx)?;
    let strip = (!level.by_regex).then_some(level.name.len());
    level.drafts.core.root = Some(Root::Alias(path, strip));
    Ok(())
}

/// A path relative to the prefix, its trailing slash gone when it is `root`.
pub fn path_template(item: &Item, cx: &mut Cx<'_>) -> Result<Template, conf::Diagnostic> {
    let text = match &item.arg(0)?.text[..] {
        [text @ .., b'/'] if item.name() == "root" && !text.is_empty() => text,
        text => text,
    };
    refuse_itself(item, text)?;
    cx.template_of(item, text)
}

/// As ngx_http_core_root: a path is not made of what is made of it.
fn refuse_itself(item: &Item, text: &[u8]) -> Done {
    let has = |name: &str| memchr::memmem::find(text, name.as_bytes()).is_some();
    for (plain, braced) in [
        ("$document_root", "${document_root}"),
        ("$realpath_root", "${realpath_root}"),
    ] {
        if has(plain) || has(braced) {
            return Err(item.error(format!(
                "the {plain} variable cannot be used in the \"{}\" directive",
                item.name()
            )));
        }
    }
    Ok(())
}

pub fn error_page(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let Some((target, codes)) = item.args.split_last() else {
        return Err(item.duplicate());
    };
    let mut answer = None;
    let mut codes = codes;
    if let Some((last, rest)) = codes.split_last()
        && let [b'=', code @ ..] = &last.text[..]
    {
        let invalid = || {
            item.error(format!("invalid value \"{}\"", last.display()))
                .at(last.span)
        };
        answer = Some(match code {
            [] => 0,
            code => value::number(code)
                .and_then(|code| code.try_into().ok())
                .ok_or_else(invalid)?,
        });
        codes = rest;
    }
    let mut statuses = Vec::new();
    for word in codes {
        let status = value::number(&word.text).filter(|status| (300..=599).contains(status));
        let status = status.filter(|&status| status != 499);
        statuses.push(status.ok_or_else(|| {
            let message = match word.text == b"499" {
                true => format!(
                    "value \"{}\" must be between 300 and 599, and not 499",
                    word.display()
                ),
                false => format!("value \"{}\" must be between 300 and 599", word.display()),
            };
            item.error(message).at(word.span)
        })? as u16);
    }
    let target = cx.template_of(item, &target.text)?;
    let pages = level.drafts.core.error_pages.get_or_insert_default();
    pages.push(ErrorPage {
        statuses,
        answer,
        target,
    });
    Ok(())
}

pub fn error_log(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    // Several lines of one level are one log with several targets.
    let target = crate::error_log::parse(item, cx.bundle)?;
    let mut targets = std::mem::take(&mut level.error_logs);
    targets.push(target);
    level.drafts.core.error_logs = Some(cx.logs.errors(targets.clone()));
    level.error_logs = targets;
    Ok(())
}

pub fn satisfy(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let value = match item.text(0)? {
        "all" => Satisfy::All,
        "any" => Satisfy::Any,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.core.satisfy, value)
}

pub fn body_in_file(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let value = match item.text(0)? {
        "off" => BodyInFile::Off,
        "on" => BodyInFile::On,
        "clean" => BodyInFile::Clean,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.core.client_body_in_file_only, value)
}

pub fn body_temp_path(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let path = temp_path(item, cx)?;
    item.once(&mut level.drafts.core.client_body_temp_path, path)
}

/// Reads `…_temp_path`: a folder and up to three levels.
pub fn temp_path(item: &Item, cx: &Cx<'_>) -> Result<TempPath, conf::Diagnostic> {
    let folder: PathBuf = cx.bundle.prefix_path(&item.arg(0)?.text);
    let mut levels = Vec::new();
    for index in 1..item.args.len() {
        let digits = item.number(index)?;
        if !(1..=3).contains(&digits) {
            return Err(item.invalid(item.arg(index)?));
        }
        levels.push(digits as usize);
    }
    Ok(TempPath { folder, levels })
}

pub fn keepalive_timeout(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let timeout = item.time(0)?;
    item.once(&mut level.drafts.core.keepalive_timeout, timeout)?;
    let header = match item.args.len() {
        2 => Some(item.time(1)?).filter(|time| !time.is_zero()),
        _ => None,
    };
    level.drafts.core.keepalive_header = Some(header);
    Ok(())
}

pub fn keepalive_disable(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let mut value = KeepaliveDisable {
        msie6: false,
        safari: false,
    };
    for word in &item.args {
        match &word.text[..] {
            b"none" => {}
            b"msie6" => value.msie6 = true,
            b"safari" => value.safari = true,
            _ => return Err(item.invalid(word)),
        }
    }
    item.once(&mut level.drafts.core.keepalive_disable, value)
}

pub fn lingering_close(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let value = match item.text(0)? {
        "off" => LingeringClose::Off,
        "on" => LingeringClose::On,
        "always" => LingeringClose::Always,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.core.lingering_close, value)
}

pub fn server_tokens(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let value = match item.text(0)? {
        "off" => ServerTokens::Off,
        "on" => ServerTokens::On,
        "build" => ServerTokens::Build,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.core.server_tokens, value)
}

pub fn if_modified_since(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let value = match item.text(0)? {
        "off" => IfModifiedSince::Off,
        "exact" => IfModifiedSince::Exact,
        "before" => IfModifiedSince::Before,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.core.if_modified_since, value)
}

pub fn disable_symlinks(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let mut value = DisableSymlinks::default();
    let mut named = false;
    for word in &item.args {
        named |= !word.text.starts_with(b"from=");
        match &word.text[..] {
            b"off" if item.args.len() > 1 => {
                return Err(item.error("\"from=\" cannot be used with \"off\" parameter"));
            }
            b"off" => value.which = Symlinks::Off,
            b"on" => value.which = Symlinks::On,
            b"if_not_owner" => value.which = Symlinks::IfNotOwner,
            b"from=" => {}
            [b'f', b'r', b'o', b'm', b'=', part @ ..] => {
                value.from = Some(cx.template_of(item, part)?);
            }
            _ => return Err(item.invalid_parameter(word)),
        }
    }
    if !named {
        let message =
            "\"disable_symlinks\" must have \"off\", \"on\" or \"if_not_owner\" parameter";
        return Err(item.error(message));
    }
    item.once(&mut level.drafts.core.disable_symlinks, value)
}

pub fn post_action(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let value = match item.text(0)? {
        "off" => None,
        _ => Some(cx.template(item, 0)?),
    };
    item.once(&mut level.drafts.core.post_action, value)
}
