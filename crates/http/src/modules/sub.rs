//! `ngx_http_sub_module`: texts in a response are replaced by others.

use std::rc::Rc;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use conf::{Arity, Directive, Item};
use script::Template;

use crate::draft::Level;
use crate::filters::BodyFilter;
use crate::filters::portions::Transforming;
use crate::media_types::{MediaTypes, store_types};
use crate::module::{ANY, Cx, Done, Module, Set, doc, store};
use crate::request::Request;
use crate::response::{Head, Response};
use crate::settings::settings;

mod replace;

use replace::{Patterns, Replace};

/// Patterns of one level.
const PAIRS_MAX: usize = 255;

settings! {
    /// What is replaced by what.
    pairs: Arc<Pairs> = Arc::default(), inherit;
    /// Whether each is replaced only once.
    once: bool = true, inherit;
    /// Whether `Last-Modified` stays.
    last_modified: bool = false, inherit;
    /// In which media types.
    types: MediaTypes = MediaTypes::default(), inherit;
}

/// The `sub_filter` lines of a level.
#[derive(Debug, Default)]
pub struct Pairs {
    list: Vec<Pair>,
    /// What is looked for, if no variable has a part in it; made with the first response.
    fixed: OnceLock<Arc<Patterns>>,
}

#[derive(Debug)]
struct Pair {
    /// In lower case as far as it is known.
    pattern: Template,
    value: Template,
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_sub_module",
    directives: DIRECTIVES,
    variables: &[],
};

#[rustfmt::skip]
const DIRECTIVES: &[Directive<Set>] = &[
    Directive::new("sub_filter", ANY, Arity::Exactly(2), Set::Level(sub_filter),
        doc("sub_filter string replacement;", "", "Replaces a text in responses, whatever its case. Several lines are several texts.")),
    Directive::new("sub_filter_once", ANY, Arity::Flag, store!(flag sub.once),
        doc("sub_filter_once on | off;", "sub_filter_once on;", "Whether each text is replaced only where it is found first.")),
    Directive::new("sub_filter_types", ANY, Arity::AtLeast(1), store_types!(sub.types),
        doc("sub_filter_types type …;", "sub_filter_types text/html;", "Media types beside text/html in which texts are replaced; * is all.")),
    Directive::new("sub_filter_last_modified", ANY, Arity::Flag, store!(flag sub.last_modified),
        doc("sub_filter_last_modified on | off;", "sub_filter_last_modified off;", "Whether Last-Modified and a weak ETag stay in responses in which texts are replaced.")),
];

fn sub_filter(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let pattern = item.arg(0)?;
    if pattern.text.is_empty() {
        return Err(item.error("empty search pattern"));
    }
    let pattern = cx.template_of(item, &pattern.text.to_ascii_lowercase())?;
    let value = cx.template(item, 1)?;
    // Several lines of one level are one list; nobody else has it while the level is read.
    let pairs = level.drafts.sub.pairs.get_or_insert_default();
    let pairs = Arc::get_mut(pairs).ok_or_else(|| item.duplicate())?;
    if pairs.list.len() == PAIRS_MAX {
        return Err(item.error("number of search patterns exceeds 255"));
    }
    pairs.list.push(Pair { pattern, value });
    Ok(())
}

/// The header filter.
pub fn filter(
    request: &Rc<Request>,
    response: &mut Response,
    body_filters: &mut Vec<Box<dyn BodyFilter>>,
) {
    let conf = &request.conf().sub;
    let head = &mut response.head;
    if conf.pairs.list.is_empty()
        || head.content_length == Some(0)
        || !conf.types.have(head.content_type.as_deref())
    {
        return;
    }
    let Some(patterns) = conf.pairs.patterns(request) else {
        return;
    };
    become_another(head, conf.last_modified);
    let (pairs, request) = (conf.pairs.clone(), request.clone());
    let value = move |pair: usize| request.eval(&pairs.list[pair].value);
    body_filters.push(Box::new(Transforming::new(Replace::new(
        patterns,
        conf.once,
        Box::new(value),
    ))));
}

fn become_another(head: &mut Head, keeps_time: bool) {
    head.content_length = None;
    if keeps_time {
        head.weaken_etag();
    } else {
        head.last_modified = None;
        head.last_modified_text = None;
        head.remove(proto::h1::FieldName::ETag);
    }
}

impl Pairs {
    /// What is looked for in a response to this request; `None` is nothing.
    fn patterns(&self, request: &Request) -> Option<Arc<Patterns>> {
        let fixed = || {
            self.list
                .iter()
                .all(|pair| pair.pattern.as_constant().is_some())
        };
        if let Some(patterns) = self.fixed.get() {
            return Some(patterns.clone());
        }
        let texts = self.list.iter().enumerate().map(|(pair, it)| {
            let text: Bytes = request.eval(&it.pattern).to_ascii_lowercase().into();
            (pair, text)
        });
        let patterns = Patterns::new(texts.filter(|(_, text)| !text.is_empty()))?;
        let patterns = Arc::new(patterns);
        if fixed() {
            return Some(self.fixed.get_or_init(|| patterns).clone());
        }
        Some(patterns)
    }
}
