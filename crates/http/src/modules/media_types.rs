//! Lists of media types, as `gzip_types`, `sub_filter_types` and their like have them.

use std::sync::Arc;

use conf::{Diagnostic, Item};

use crate::module::Cx;

/// The media types that a filter works on.
#[derive(Debug, Clone)]
pub enum MediaTypes {
    /// These, in lower case.
    These(Arc<[Box<[u8]>]>),
    /// All, also what has no type.
    All,
}

impl MediaTypes {
    /// These, in lower case.
    pub fn of(names: &[&str]) -> Self {
        MediaTypes::These(names.iter().map(|name| name.as_bytes().into()).collect())
    }

    /// HTML alone: what most filters begin with.
    pub fn html() -> Self {
        Self::of(&["text/html"])
    }

    /// Reads the arguments of a directive; HTML is always among them.
    pub fn read(item: &Item, cx: &mut Cx<'_>) -> Self {
        let mut all = false;
        let mut list: Vec<Box<[u8]>> = vec![b"text/html"[..].into()];
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
            true => MediaTypes::All,
            false => MediaTypes::These(list.into()),
        }
    }

    /// Whether the type of a response is among them; its parameters do not count.
    pub fn have(&self, content_type: Option<&[u8]>) -> bool {
        let MediaTypes::These(names) = self else {
            return true;
        };
        content_type.is_some_and(|content_type| {
            let end = memchr::memchr(b';', content_type).unwrap_or(content_type.len());
            let name = content_type[..end].trim_ascii();
            names.iter().any(|other| name.eq_ignore_ascii_case(other))
        })
    }
}

/// A setter that reads a list of media types into a field of a module's draft, once.
macro_rules! store_types {
    ($module:ident . $field:ident) => {
        $crate::module::Set::Level(|item, level, cx| {
            let value = $crate::modules::media_types::MediaTypes::read(item, cx);
            item.once(&mut level.drafts.$module.$field, value)
        })
    };
}

pub(crate) use store_types;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_compared_without_case_and_parameters() {
        let json = MediaTypes::of(&["text/html", "application/json"]);
        assert!(json.have(Some(b"Application/JSON ; x")));
        assert!(json.have(Some(b"text/html")));
        assert!(!json.have(Some(b"text/css")));
        assert!(!json.have(None));
        assert!(MediaTypes::html().have(Some(b"TEXT/HTML;charset=x")));
        assert!(!MediaTypes::html().have(Some(b"text/htmlx")));
        assert!(MediaTypes::All.have(None));
    }
}
