//! `ngx_http_headers_filter_module`: `add_header`, `add_trailer`, `expires`.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use conf::{Arity, Diagnostic, Directive, Item, value};
use net::clock;
use net::log::time::seconds;
use proto::h1::{FieldName, format_http_date, parse_http_date};
use script::Template;

use crate::filters::BodyFilter;
use crate::module::{ANY, Cx, Done, LOCATION_IF, Module, Set, doc};
use crate::request::Request;
use crate::response::{Field, Head, Response};
use crate::settings::settings;

settings! {
    /// Fields to add.
    added: Additions = Additions::default(), merged;
    /// Trailer fields to add.
    added_trailers: Additions = Additions::default(), merged;
    /// `Expires` and `Cache-Control`.
    expires: Expires = Expires::Off, inherit;
}

/// Fields to add, and what of them inner levels take over.
#[derive(Debug, Clone, Default)]
pub struct Additions {
    fields: Vec<Added>,
    /// `add_header_inherit`, `add_trailer_inherit`; `None` is as the outer level has it.
    inherit: Option<Inherit>,
}

/// What a level takes over from the outer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inherit {
    /// The outer fields, unless it has some itself.
    On,
    /// Nothing.
    Off,
    /// The outer fields, behind its own.
    Merge,
}

impl Additions {
    /// What holds at a level with these, inside an outer one.
    fn within(mut self, outer: &Self) -> Self {
        self.inherit = self.inherit.or(outer.inherit);
        let takes = match self.inherit {
            Some(Inherit::Off) => false,
            Some(Inherit::Merge) => true,
            Some(Inherit::On) | None => self.fields.is_empty(),
        };
        if takes {
            self.fields.extend_from_slice(&outer.fields);
        }
        self
    }

    /// Whether a level inside that says nothing of its own has something else.
    fn changes_inside(&self) -> bool {
        self.inherit.is_some_and(|inherit| inherit == Inherit::Off) && !self.fields.is_empty()
    }

    /// Those for a response with this status.
    fn of_status(&self, status: u16) -> impl Iterator<Item = &Added> {
        self.fields
            .iter()
            .filter(move |added| added.applies(status))
    }
}

/// A field to add.
#[derive(Debug, Clone)]
pub struct Added {
    name: Bytes,
    value: Template,
    always: bool,
}

impl Added {
    fn applies(&self, status: u16) -> bool {
        self.always || is_usual(status)
    }
}

/// The statuses that fields are added to unless they are added always.
fn is_usual(status: u16) -> bool {
    matches!(status, 200 | 201 | 204 | 206 | 301..=304 | 307 | 308)
}

/// `expires`
#[derive(Debug, Clone)]
pub enum Expires {
    /// Nothing is added.
    Off,
    /// A fixed moment long ago.
    Epoch,
    /// A fixed moment far ahead.
    Max,
    /// So much from now; `true` is before now.
    Access(Duration, bool),
    /// So much from the last modification.
    Modified(Duration, bool),
    /// At this time of the day.
    Daily(Duration),
    /// What the value says at run time; `true` counts from the last modification.
    Dynamic(Template, bool),
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_headers_module",
    directives: &[
        Directive::new(
            "add_header",
            ANY.or(LOCATION_IF),
            Arity::Between(2, 3),
            Set::Level(|item, level, cx| {
                let added = added(item, cx)?;
                let additions = level.drafts.headers.added.get_or_insert_default();
                additions.fields.push(added);
                Ok(())
            }),
            doc(
                "add_header name value [always];",
                "",
                "Adds a field to responses with status 200, 201, 204, 206, 301, 302, 303, 304, 307 or 308; to all with always.",
            ),
        ),
        Directive::new(
            "add_trailer",
            ANY.or(LOCATION_IF),
            Arity::Between(2, 3),
            Set::Level(|item, level, cx| {
                let added = added(item, cx)?;
                let additions = level.drafts.headers.added_trailers.get_or_insert_default();
                additions.fields.push(added);
                Ok(())
            }),
            doc(
                "add_trailer name value [always];",
                "",
                "Adds a field behind a chunked body.",
            ),
        ),
        Directive::new(
            "add_header_inherit",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            Set::Level(|item, level, _| inherit(item, &mut level.drafts.headers.added)),
            doc(
                "add_header_inherit on | off | merge;",
                "add_header_inherit on;",
                "Whether a level takes over the fields of the outer one: if it has none of its own, never, or beside its own.",
            ),
        ),
        Directive::new(
            "add_trailer_inherit",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            Set::Level(|item, level, _| inherit(item, &mut level.drafts.headers.added_trailers)),
            doc(
                "add_trailer_inherit on | off | merge;",
                "add_trailer_inherit on;",
                "The same for the fields of add_trailer.",
            ),
        ),
        Directive::new(
            "expires",
            ANY.or(LOCATION_IF),
            Arity::Between(1, 2),
            Set::Level(|item, level, cx| {
                let value = expires(item, cx)?;
                item.once(&mut level.drafts.headers.expires, value)
            }),
            doc(
                "expires [modified] time | @time | epoch | max | off;",
                "expires off;",
                "Sets Expires and Cache-Control.",
            ),
        ),
    ],
    variables: &[],
};

fn added(item: &Item, cx: &mut Cx<'_>) -> Result<Added, Diagnostic> {
    let always = match item.args.get(2) {
        None => false,
        Some(word) if word.text == b"always" => true,
        Some(word) => return Err(item.invalid_parameter(word)),
    };
    let name = Bytes::copy_from_slice(&item.arg(0)?.text);
    Ok(Added {
        name,
        value: cx.template(item, 1)?,
        always,
    })
}

fn inherit(item: &Item, additions: &mut Option<Additions>) -> Done {
    let inherit = match &item.arg(0)?.text[..] {
        b"on" => Inherit::On,
        b"off" => Inherit::Off,
        b"merge" => Inherit::Merge,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut additions.get_or_insert_default().inherit, inherit)
}

fn expires(item: &Item, cx: &mut Cx<'_>) -> Result<Expires, Diagnostic> {
    let modified = match (item.args.len(), &item.arg(0)?.text[..]) {
        (2, b"modified") => true,
        (2, _) => return Err(item.invalid(item.arg(0)?)),
        _ => false,
    };
    let word = item.arg(usize::from(modified))?;
    if word.text.contains(&b'$') {
        return Ok(Expires::Dynamic(
            cx.template_of(item, &word.text)?,
            modified,
        ));
    }
    parse_expires(&word.text, modified).ok_or_else(|| item.invalid(word))
}

fn parse_expires(text: &[u8], modified: bool) -> Option<Expires> {
    if !modified {
        match text {
            b"off" => return Some(Expires::Off),
            b"epoch" => return Some(Expires::Epoch),
            b"max" => return Some(Expires::Max),
            [b'@', time @ ..] => {
                let time = value::time(time).filter(|time| time.as_secs() <= 24 * 3600)?;
                return Some(Expires::Daily(time));
            }
            _ => {}
        }
    }
    let (text, past) = match text {
        [b'-', text @ ..] => (text, true),
        [b'+', text @ ..] => (text, false),
        text => (text, false),
    };
    let time = value::time(text)?;
    Some(if modified {
        Expires::Modified(time, past)
    } else {
        Expires::Access(time, past)
    })
}

/// The header filter.
pub fn filter(
    request: &Rc<Request>,
    response: &mut Response,
    _body_filters: &mut Vec<Box<dyn BodyFilter>>,
) {
    let conf = &request.conf().headers;
    let nothing = conf.added.fields.is_empty() && matches!(conf.expires, Expires::Off);
    if nothing || !request.is_main() {
        return;
    }
    let head = &mut response.head;
    let status = head.status;
    if is_usual(status) {
        set_expires(request, &conf.expires, head);
    }
    if conf.added.of_status(status).next().is_none() {
        return;
    }
    // Their values may tell what the head says so far: `$status`, `$sent_http_…`.
    request.sent.replace(Some(std::mem::take(head)));
    for added in conf.added.of_status(status) {
        let value = request.eval(&added.value);
        if let Some(head) = &mut *request.sent.borrow_mut() {
            add(head, &added.name, value);
        }
    }
    *head = request.sent.take().unwrap_or_default();
}

/// Adds a field; those that a response has once are replaced.
fn add(head: &mut Head, name: &Bytes, value: Bytes) {
    match FieldName::from_bytes(name) {
        Some(FieldName::LastModified) => {
            head.last_modified = None;
            head.last_modified_text = None;
            if !value.is_empty() {
                head.last_modified = parse_http_date(&value);
                head.last_modified_text = Some(value);
            }
        }
        Some(FieldName::ETag) => {
            head.remove(FieldName::ETag);
            if !value.is_empty() {
                head.push(name.clone(), value);
            }
        }
        _ if value.is_empty() => {}
        _ => head.push(name.clone(), value),
    }
}

fn set_expires(request: &Request, expires: &Expires, head: &mut Box<Head>) {
    let now = seconds(clock::wall());
    let span = |time: &Duration, past: bool| {
        let seconds = time.as_secs() as i64;
        if past { -seconds } else { seconds }
    };
    let (at, age) = match expires {
        Expires::Off => return,
        Expires::Dynamic(template, modified) => {
            // The value may go by what the head says so far: `$sent_http_content_type`.
            request.sent.replace(Some(std::mem::take(head)));
            let text = request.eval(template);
            *head = request.sent.take().unwrap_or_default();
            match parse_expires(&text, *modified) {
                Some(Expires::Dynamic(..)) | None => return,
                Some(expires) => return set_expires(request, &expires, head),
            }
        }
        Expires::Epoch => {
            replace(
                head,
                "Thu, 01 Jan 1970 00:00:01 GMT".into(),
                "no-cache".into(),
            );
            return;
        }
        Expires::Max => {
            let age = "max-age=315360000".into();
            replace(head, "Thu, 31 Dec 2037 23:55:55 GMT".into(), age);
            return;
        }
        Expires::Daily(time) => {
            let day = 24 * 3600;
            let mut at = now - now.rem_euclid(day) + time.as_secs() as i64;
            if at <= now {
                at += day;
            }
            (at, at - now)
        }
        Expires::Access(time, past) => (now + span(time, *past), span(time, *past)),
        Expires::Modified(time, past) => match head.last_modified {
            Some(modified) => {
                let at = modified + span(time, *past);
                (at, at - now)
            }
            None => (now + span(time, *past), span(time, *past)),
        },
    };
    // As ngx_http_set_expires: a time that was written as past is one, whatever it leads to.
    let past = matches!(
        expires,
        Expires::Access(_, true) | Expires::Modified(_, true)
    );
    let control = match age {
        _ if past && age != 0 => "no-cache".to_owned(),
        ..0 => "no-cache".to_owned(),
        age => format!("max-age={age}"),
    };
    replace(
        head,
        Bytes::copy_from_slice(&format_http_date(at)),
        control.into(),
    );
}

fn replace(head: &mut Head, expires: Bytes, cache_control: Bytes) {
    head.remove(FieldName::Expires);
    head.remove(FieldName::CacheControl);
    head.push("Expires", expires);
    head.push("Cache-Control", cache_control);
}

impl Conf {
    /// The trailer fields of a response that is being sent.
    pub fn trailers(&self, request: &Request) -> Vec<Field> {
        let status = request.status.get();
        let mut all = Vec::new();
        for added in self.added_trailers.of_status(status) {
            let value = request.eval(&added.value);
            if !value.is_empty() {
                let field = Field {
                    name: added.name.clone(),
                    value,
                };
                // Later ones may name it: `$sent_trailer_…`.
                if let Some(sent) = &mut *request.sent.borrow_mut() {
                    sent.trailers.push(field.clone());
                }
                all.push(field);
            }
        }
        all
    }

    /// Whether a response with this status may get trailer fields, and so must be chunked.
    pub fn expects_trailers(&self, status: u16) -> bool {
        self.added_trailers.of_status(status).next().is_some()
    }
}
