//! `ngx_http_try_files_module`.

use conf::{Arity, Directive, Item, value};
use script::Template;

use crate::draft::Level;
use crate::module::{Cx, Done, LOCATION, Module, SERVER, Set, doc};
use crate::modules::static_files::{self, Kind};
use crate::phases::Flow;
use crate::redirect::split_args;
use crate::request::Request;
use crate::settings::settings;

settings! {
    /// What is tried, and what if nothing is there.
    files: Option<TryFiles> = None, local;
}

/// A `try_files` line.
#[derive(Debug, Clone)]
pub struct TryFiles {
    candidates: Vec<(Template, Kind)>,
    fallback: Fallback,
}

#[derive(Debug, Clone)]
enum Fallback {
    Status(u16),
    Uri(Template),
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_try_files_module",
    directives: &[Directive::new(
        "try_files",
        SERVER.or(LOCATION),
        Arity::AtLeast(2),
        Set::Level(try_files),
        doc(
            "try_files file … uri;  try_files file … =code;",
            "",
            "The first of these files that exists answers; otherwise the last argument does.",
        ),
    )],
    variables: &[],
};

fn try_files(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let Some((last, files)) = item.args.split_last() else {
        return Err(item.duplicate());
    };
    let mut candidates = Vec::new();
    for word in files {
        let (text, kind) = match &word.text[..] {
            [folder @ .., b'/'] if !folder.is_empty() => (folder, Kind::Folder),
            file => (file, Kind::File),
        };
        candidates.push((cx.template_of(item, text)?, kind));
    }
    let fallback = match &last.text[..] {
        [b'=', code @ ..] => {
            let code = value::number(code).filter(|&code| code <= 999);
            let invalid = || item.error(format!("invalid code \"{}\"", last.display()));
            Fallback::Status(code.ok_or_else(invalid)? as u16)
        }
        text => Fallback::Uri(cx.template_of(item, text)?),
    };
    item.once(
        &mut level.drafts.try_files.files,
        Some(TryFiles {
            candidates,
            fallback,
        }),
    )
}

/// The handler of the phase before content.
pub fn run(request: &Request) -> Flow {
    let Some(files) = &request.conf().try_files.files else {
        return Flow::Next;
    };
    request.add_uri_to_alias.set(true);
    for (name, wanted) in &files.candidates {
        let name = request.eval(name);
        let Ok(kind) = static_files::look(request, &name) else {
            continue;
        };
        if kind != *wanted {
            continue;
        }
        // As nginx: the request goes on in this location, with the path that was found.
        request.uri.replace(name);
        request.uri_is_original.set(false);
        return Flow::Next;
    }
    request.add_uri_to_alias.set(false);
    match &files.fallback {
        Fallback::Status(status) => Flow::Status(*status),
        Fallback::Uri(uri) => {
            let target = request.eval(uri);
            if target.starts_with(b"@") {
                return Flow::Named(target);
            }
            let (uri, args) = split_args(&target);
            Flow::Redirect(uri, args)
        }
    }
}
