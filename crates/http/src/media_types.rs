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
        Self::of(&["text/html"])
    }
}

impl MediaTypes {
    /// These, in lower case.
    pub fn of(names: &[&str]) -> Self {
        Self::These(names.iter().map(|name| name.as_bytes().into()).collect())
    }

    /// Reads the arguments of a directive, which may be given again at the same level; `text/html`
    /// is always among them.
    pub fn parse(item: &Item, before: Option<Self>, cx: &mut Cx<'_>) -> Self {
        let mut all = false;
        let mut list = match before.unwrap_or_default() {
            Self::All => return Self::All,
            Self::These(list) => list.to_vec(),
        };
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

/// A setter that reads a list of media types into a field of a module's draft.
macro_rules! store_types {
    ($module:ident . $field:ident) => {
        $crate::module::Set::Level(|item, level, cx| {
            let slot = &mut level.drafts.$module.$field;
            *slot = Some($crate::media_types::MediaTypes::parse(
                item,
                slot.take(),
                cx,
            ));
            Ok(())
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
        assert!(MediaTypes::default().have(Some(b"TEXT/HTML;charset=x")));
        assert!(!MediaTypes::default().have(Some(b"text/htmlx")));
        assert!(MediaTypes::All.have(None));
    }
}
