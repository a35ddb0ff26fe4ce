//! `ngx_http_charset_module`: names the charset of texts, and turns one into another.

use std::rc::Rc;

use bytes::Bytes;
use conf::{Arity, Directive, Item};
use net::log::Level as LogLevel;
use script::Template;

use crate::draft::Level;
use crate::filters::BodyFilter;
use crate::filters::portions::Transforming;
use crate::media_types::{MediaTypes, store_types};
use crate::module::{ANY, Cx, Done, HTTP, LOCATION_IF, Module, Set, doc, store};
use crate::request::Request;
use crate::response::{Head, Response};
use crate::settings::settings;

mod recode;
mod tables;

pub use tables::Charsets;

settings! {
    /// The charset that responses are sent in.
    charset: Charset = Charset::Off, inherit;
    /// The charset that they are in, unless they say so themselves.
    source: Charset = Charset::Off, inherit;
    /// Whether what a response says itself is recoded too.
    overrides: bool = false, inherit;
    /// Which media types.
    types: MediaTypes = default_types(), inherit;
}

fn default_types() -> MediaTypes {
    MediaTypes::of(&[
        "text/html",
        "text/xml",
        "text/plain",
        "text/vnd.wap.wml",
        "application/javascript",
        "application/rss+xml",
    ])
}

/// `charset` and `source_charset`
#[derive(Debug, Clone)]
pub enum Charset {
    /// None.
    Off,
    /// This one.
    Named(Bytes),
    /// The one that a variable names.
    Variable(Template),
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_charset_module",
    directives: DIRECTIVES,
    variables: &[],
};

#[rustfmt::skip]
const DIRECTIVES: &[Directive<Set>] = &[
    Directive::new("charset", ANY.or(LOCATION_IF), Arity::Exactly(1), Set::Level(charset),
        doc("charset charset | off;", "charset off;", "Adds the charset to Content-Type; if source_charset is another one, the response is recoded.")),
    Directive::new("source_charset", ANY.or(LOCATION_IF), Arity::Exactly(1), Set::Level(charset),
        doc("source_charset charset;", "", "The charset that responses are in, unless they say so themselves.")),
    Directive::new("override_charset", ANY.or(LOCATION_IF), Arity::Flag, store!(flag charset.overrides),
        doc("override_charset on | off;", "override_charset off;", "Whether responses that name their charset themselves are recoded.")),
    Directive::new("charset_types", ANY, Arity::AtLeast(1), store_types!(charset.types),
        doc("charset_types type …;", "charset_types text/html text/xml text/plain text/vnd.wap.wml application/javascript application/rss+xml;", "Media types beside text/html that have a charset; * is all.")),
    Directive::block("charset_map", HTTP, Arity::Exactly(2), Set::Main(|item, _, cx| tables::charset_map(item, cx)),
        doc("charset_map charset1 charset2 { code1 code2; … }", "", "A table from one charset to another and back; for utf-8, which comes second, the codes are its bytes.")),
];

fn charset(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let word = item.arg(0)?;
    let is_source = item.name() == "source_charset";
    let value = match &word.text[..] {
        b"off" if !is_source => Charset::Off,
        [b'$', ..] => Charset::Variable(cx.template(item, 0)?),
        name => {
            cx.charsets.add(name);
            Charset::Named(Bytes::copy_from_slice(name))
        }
    };
    let draft = &mut level.drafts.charset;
    let slot = match is_source {
        true => &mut draft.source,
        false => &mut draft.charset,
    };
    item.once(slot, value)
}

impl Conf {
    /// Two charsets that are named here and need a table.
    pub(crate) fn needs_table(&self) -> Option<(&[u8], &[u8])> {
        match (&self.source, &self.charset) {
            (Charset::Named(from), Charset::Named(to)) if !from.eq_ignore_ascii_case(to) => {
                Some((from, to))
            }
            _ => None,
        }
    }
}

impl Charset {
    fn name(&self, request: &Request) -> Option<Bytes> {
        match self {
            Charset::Off => None,
            Charset::Named(name) => Some(name.clone()),
            Charset::Variable(template) => Some(request.eval(template)),
        }
    }
}

/// The header filter.
pub fn filter(
    request: &Rc<Request>,
    response: &mut Response,
    body_filters: &mut Vec<Box<dyn BodyFilter>>,
) {
    let conf = &request.conf().charset;
    let head = &mut response.head;
    let to = match request.is_main() {
        true if matches!(conf.charset, Charset::Off) && head.override_charset.is_none() => None,
        true => wanted(request, conf, head),
        // What is put into another response is put there in its charset.
        false => Declared::of(&request.main().sent()).charset,
    };
    let Some(to) = to else {
        return;
    };
    let declared = Declared::of(head);
    let from = declared
        .charset
        .clone()
        .or_else(|| conf.source.name(request));
    let Some(from) = from else {
        return declared.name(head, &to);
    };
    if from.eq_ignore_ascii_case(&to) {
        return declared.replace(head, &to);
    }
    if has_encoding(head) {
        return;
    }
    let charsets = &request.config().charsets;
    let Some(table) = charsets.table(&from, &to) else {
        let (from, to) = (String::from_utf8_lossy(&from), String::from_utf8_lossy(&to));
        request.log(
            LogLevel::Error,
            format_args!("no \"charset_map\" between the charsets \"{from}\" and \"{to}\""),
        );
        return;
    };
    declared.replace(head, &to);
    if table.changes_length() {
        head.content_length = None;
    }
    body_filters.push(Box::new(Transforming::new(recode::Recode::new(table))));
}

fn has_encoding(head: &Head) -> bool {
    let encoding = head.get(proto::h1::FieldName::ContentEncoding);
    encoding.is_some_and(|encoding| !encoding.is_empty())
}

/// The charset that a response is to be sent in, if it is anybody's business.
fn wanted(request: &Request, conf: &Conf, head: &Head) -> Option<Bytes> {
    let content_type = head
        .content_type
        .as_deref()
        .filter(|name| !name.is_empty())?;
    if let Some(name) = head
        .override_charset
        .as_ref()
        .filter(|name| !name.is_empty())
    {
        if request.config().charsets.knows(name) {
            return Some(name.clone());
        }
        let name = String::from_utf8_lossy(name);
        request.log(
            LogLevel::Error,
            format_args!("unknown charset \"{name}\" to override"),
        );
        return None;
    }
    let is_ours = match Declared::of(head).charset {
        Some(_) => conf.overrides,
        None => conf.types.have(Some(content_type)),
    };
    // Without a name there is nothing to say.
    conf.charset
        .name(request)
        .filter(|name| is_ours && !name.is_empty())
}

/// A media type as it was given: the type, and the charset behind it.
struct Declared {
    bare: Bytes,
    charset: Option<Bytes>,
}

impl Declared {
    fn of(head: &Head) -> Self {
        let text = head.content_type.clone().unwrap_or_default();
        let found = text
            .iter()
            .enumerate()
            .filter(|&(_, &byte)| byte == b';')
            .find_map(|(at, _)| Some((at, charset_parameter(&text[at + 1..])?)));
        match found {
            Some((at, charset)) => Self {
                charset: Some(text.slice_ref(charset)).filter(|charset| !charset.is_empty()),
                bare: text.slice(..at),
            },
            None => Self {
                bare: text,
                charset: None,
            },
        }
    }

    /// Adds a charset to a type that has none.
    fn name(&self, head: &mut Head, charset: &Bytes) {
        if self.charset.is_none() {
            self.replace(head, charset);
        }
    }

    /// Sets the charset.
    fn replace(&self, head: &mut Head, charset: &Bytes) {
        // As nginx, the page of a redirect has none: old browsers took it for that of the next.
        let text = match head.status {
            301 | 302 => self.bare.clone(),
            _ => [&self.bare[..], b"; charset=", charset].concat().into(),
        };
        head.content_type = Some(text);
    }
}

/// The value of `charset=`, if the text begins with it.
fn charset_parameter(text: &[u8]) -> Option<&[u8]> {
    let text = text.trim_ascii_start();
    let (name, value) = text.split_at_checked(8)?;
    let value = name.eq_ignore_ascii_case(b"charset=").then_some(value)?;
    let value = value.trim_ascii();
    let unquoted = value.strip_prefix(b"\"").unwrap_or(value);
    Some(unquoted.strip_suffix(b"\"").unwrap_or(unquoted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(text: &'static str) -> (Bytes, Option<Bytes>) {
        let head = Head {
            content_type: Some(text.into()),
            ..Head::new(200)
        };
        let declared = Declared::of(&head);
        (declared.bare, declared.charset)
    }

    #[test]
    fn the_charset_of_a_type_is_found() {
        let html = Bytes::from("text/html");
        assert_eq!(declared("text/html"), (html.clone(), None));
        assert_eq!(
            declared("text/html; Charset=\"koi8-r\""),
            (html.clone(), Some("koi8-r".into()))
        );
        assert_eq!(
            declared("text/html; a=b; charset=utf-8"),
            ("text/html; a=b".into(), Some("utf-8".into()))
        );
        assert_eq!(declared("text/html; charset="), (html, None));
    }

    #[test]
    fn the_page_of_a_redirect_names_no_charset() {
        let mut head = Head {
            content_type: Some("text/html".into()),
            ..Head::new(302)
        };
        Declared::of(&head).name(&mut head, &"utf-8".into());
        assert_eq!(head.content_type.as_deref(), Some(&b"text/html"[..]));
        head.status = 303;
        Declared::of(&head).name(&mut head, &"utf-8".into());
        assert_eq!(
            head.content_type.as_deref(),
            Some(&b"text/html; charset=utf-8"[..])
        );
    }
}
