//! `ngx_http_index_module`: what answers for a folder.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use bytes::Bytes;
use conf::{Arity, Directive};
use script::Template;

use crate::module::{ANY, Module, Set, doc};
use crate::modules::static_files;
use crate::phases::Flow;
use crate::request::Request;
use crate::settings::settings;

settings! {
    /// Names that are tried in a folder.
    names: Vec<Template> = vec![Template::constant(Bytes::from_static(b"index.html"))], inherit;
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_index_module",
    directives: &[Directive::new(
        "index",
        ANY,
        Arity::AtLeast(1),
        Set::Level(|item, level, cx| {
            for index in 0..item.args.len() {
                if item.args[index].text.starts_with(b"/") && index + 1 != item.args.len() {
                    cx.diagnostics.push(
                        conf::Diagnostic::warn(
                            "only the last index in \"index\" directive should be absolute",
                        )
                        .at(item.args[index].span),
                    );
                }
                let name = cx.template(item, index)?;
                level.drafts.index.names.get_or_insert_default().push(name);
            }
            Ok(())
        }),
        doc(
            "index file …;",
            "index index.html;",
            "The files that answer for a folder; the first that exists.",
        ),
    )],
    variables: &[],
};

/// The handler: a path that ends with a slash leads to the first name that exists.
pub fn run(request: &Request) -> Flow {
    let uri = request.uri();
    if !uri.ends_with(b"/") {
        return Flow::Next;
    }
    if !static_files::method_is_allowed(request) {
        return Flow::Next;
    }
    let folder = static_files::path_of(request, &uri);
    let mut missed = None;
    for name in &request.conf().index.names {
        let name = request.eval(name);
        if name.starts_with(b"/") {
            return Flow::Redirect(name, request.args());
        }
        let path = [folder.as_os_str().as_bytes(), &name].concat();
        let path = Path::new(OsStr::from_bytes(&path));
        let target = || [&uri[..], &name[..]].concat();
        match static_files::look_at(request, path) {
            Ok(_) => return Flow::Redirect(target().into(), request.args()),
            Err(error) if static_files::not_there(&error) => missed = Some(path.to_owned()),
            Err(error) => return static_files::refuse(request, &target(), &error),
        }
    }
    match static_files::look(request, &uri) {
        Ok(_) => Flow::Next,
        Err(error) => match missed.filter(|_| static_files::not_there(&error)) {
            Some(path) => static_files::refuse_folder(request, &path, &error),
            None => static_files::refuse(request, &uri, &error),
        },
    }
}
