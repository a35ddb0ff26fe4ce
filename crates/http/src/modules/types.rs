//! `types` and `default_type`: the media type of a file by its extension.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use conf::{Arity, Diagnostic, Directive, Item};
use proto::h1::extension;

use crate::draft::Level;
use crate::module::{ANY, Cx, Done, Module, Set, doc};
use crate::request::Request;
use crate::settings::settings;

/// Media types by extension, in lower case.
type Types = HashMap<Box<[u8]>, Bytes>;

settings! {
    /// By extension.
    types: Arc<Types> = Arc::new(default_types()), inherit;
    /// For everything else; empty is none.
    default_type: Bytes = Bytes::from_static(b"text/plain"), inherit;
}

fn default_types() -> Types {
    let types: [(&[u8], &'static [u8]); 3] = [
        (b"html", b"text/html"),
        (b"gif", b"image/gif"),
        (b"jpg", b"image/jpeg"),
    ];
    types
        .into_iter()
        .map(|(name, value)| (name.into(), Bytes::from_static(value)))
        .collect()
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_core_module (types)",
    directives: &[
        Directive::block(
            "types",
            ANY,
            Arity::Exactly(0),
            Set::Level(types),
            doc(
                "types { type extension …; }",
                "types { text/html html; image/gif gif; image/jpeg jpg; }",
                "Media types by file extension.",
            ),
        ),
        Directive::new(
            "default_type",
            ANY,
            Arity::Exactly(1),
            Set::Level(|item, level, _| {
                let value = Bytes::copy_from_slice(&item.arg(0)?.text);
                item.once(&mut level.drafts.types.default_type, value)
            }),
            doc(
                "default_type type;",
                "default_type text/plain;",
                "The media type of everything without a known extension.",
            ),
        ),
    ],
    variables: &[],
};

fn types(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let table = level.drafts.types.types.get_or_insert_default();
    let table = Arc::make_mut(table);
    for entry in item.entries() {
        let value = Bytes::copy_from_slice(&entry.name.text);
        for word in &entry.args {
            let before = table.insert(word.text.to_ascii_lowercase().into(), value.clone());
            if let Some(before) = before.filter(|before| *before != value) {
                let (name, before) = (word.display(), String::from_utf8_lossy(&before));
                let message = format!(
                    "duplicate extension \"{name}\", content type: \"{}\", previous content type: \
                     \"{before}\"",
                    entry.name.display()
                );
                cx.diagnostics.push(Diagnostic::warn(message).at(word.span));
            }
        }
    }
    Ok(())
}

/// The media type of the request's path; empty is none.
pub fn content_type(request: &Request) -> Bytes {
    if let Some(named) = &*request.pending_type.borrow() {
        return Bytes::clone(named);
    }
    let conf = &request.conf().types;
    let uri = request.uri.borrow();
    let found = match extension(&uri) {
        [] => None,
        name if name.iter().any(u8::is_ascii_uppercase) => {
            conf.types.get(&name.to_ascii_lowercase()[..])
        }
        name => conf.types.get(name),
    };
    found.unwrap_or(&conf.default_type).clone()
}
