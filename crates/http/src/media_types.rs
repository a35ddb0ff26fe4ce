//! The media types that a filter is for (`ngx_http_types_slot`).

use std::sync::Arc;

use conf::{Diagnostic, Item};

use crate::module::Cx;

/// A set of media types.
#[derive(Debug, Clone)]
pub enum MediaTypes {
    /// These, in lower case.
    These(Arc<[Box<[u8]>]>),
    /// All, also what has none.
    All,
}

impl Default for MediaTypes {
    fn default() -> Self {
        Self::These([Box::from(&b"text/html"[..])].into())
    }
}

impl MediaTypes {
    /// Reads the arguments of a directive; `text/html` is always among them.
    pub fn parse(item: &Item, cx: &mut Cx<'_>) -> Self {
        let mut all = false;
        let mut list: Vec<Box<[u8]>> = vec![Box::from(&b"text/html"[..])];
        for word in &item.args {
            let name: Box<[u8]> = word.text.to_ascii_lowercase().into();
            if &name[..] == b"*" {
                all = true;
            } else if list.contains(&name) {
                let message = format!("duplicate MIME type \"{}\"", word.display());
                cx.diagnostics.push(Diagnostic::warn(message).at(word.span));
            } else {
                list.push(name);
            }
        }
        match all {
            true => Self::All,
            false => Self::These(list.into()),
        }
    }

    /// Whether it has the type that a `Content-Type` names.
    pub fn have(&self, content_type: Option<&[u8]>) -> bool {
        let list = match self {
            Self::All => return true,
            Self::These(list) => list,
        };
        let Some(content_type) = content_type else {
            return false;
        };
        let end = memchr::memchr(b';', content_type).unwrap_or(content_type.len());
        let name = content_type[..end].trim_ascii();
        list.iter().any(|one| one.eq_ignore_ascii_case(name))
    }
}
