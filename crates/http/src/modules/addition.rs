//! `ngx_http_addition_filter_module`: what is put before and behind a body.

use std::io;
use std::rc::Rc;

use bytes::Bytes;
use conf::{Arity, Directive};

use crate::filters::{self, BodyFilter};
use crate::media_types::{MediaTypes, store_types};
use crate::module::{ANY, Module, Set, doc};
use crate::request::Request;
use crate::response::{Chunk, Response};
use crate::settings::settings;
use crate::subrequest::{Ask, Inserter, Piece, Pieces, Subrequest, broken};

settings! {
    /// What is put before; empty is nothing.
    before: Bytes = Bytes::new(), inherit;
    /// What is put behind; empty is nothing.
    after: Bytes = Bytes::new(), inherit;
    /// Bodies of which types.
    types: MediaTypes = MediaTypes::default(), inherit;
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_addition_module",
    directives: &[
        Directive::new(
            "add_before_body",
            ANY,
            Arity::Exactly(1),
            Set::Level(|item, level, _| {
                let uri = Bytes::copy_from_slice(&item.arg(0)?.text);
                item.once(&mut level.drafts.addition.before, uri)
            }),
            doc(
                "add_before_body uri;",
                "",
                "Puts the answer to a subrequest for this URI before the body.",
            ),
        ),
        Directive::new(
            "add_after_body",
            ANY,
            Arity::Exactly(1),
            Set::Level(|item, level, _| {
                let uri = Bytes::copy_from_slice(&item.arg(0)?.text);
                item.once(&mut level.drafts.addition.after, uri)
            }),
            doc(
                "add_after_body uri;",
                "",
                "Puts the answer to a subrequest for this URI behind the body.",
            ),
        ),
        Directive::new(
            "addition_types",
            ANY,
            Arity::AtLeast(1),
            store_types!(addition.types),
            doc(
                "addition_types type …;",
                "addition_types text/html;",
                "Media types that something is added to beside text/html; * is all.",
            ),
        ),
    ],
    variables: &[],
};

/// The header filter.
pub fn filter(
    request: &Rc<Request>,
    response: &mut Response,
    body_filters: &mut Vec<Box<dyn BodyFilter>>,
) {
    let conf = &request.conf().addition;
    if (conf.before.is_empty() && conf.after.is_empty())
        || response.head.status != 200
        || !request.is_main()
        || !conf.types.have(response.head.content_type.as_deref())
    {
        return;
    }
    response.head.forget_length();
    response.head.weaken_etag();
    let inserter = Box::new(Addition {
        request: request.clone(),
        before: conf.before.clone(),
        after: conf.after.clone(),
    });
    filters::insert(request, response, body_filters, inserter);
}

struct Addition {
    request: Rc<Request>,
    before: Bytes,
    after: Bytes,
}

impl Addition {
    fn add(&self, uri: &Bytes, out: &mut Pieces) -> io::Result<()> {
        if uri.is_empty() {
            return Ok(());
        }
        let ask = Ask::get(uri.clone(), Bytes::new());
        let sub = self.request.subrequest(ask).ok_or_else(broken)?;
        out.push_back(Piece::Subrequest(Subrequest::new(sub)));
        Ok(())
    }
}

impl Inserter for Addition {
    fn start(&mut self, out: &mut Pieces) -> io::Result<()> {
        self.add(&self.before, out)
    }

    fn push(&mut self, chunk: Chunk, out: &mut Pieces) -> io::Result<()> {
        out.push_back(Piece::Chunk(chunk));
        Ok(())
    }

    fn finish(&mut self, out: &mut Pieces) -> io::Result<()> {
        self.add(&self.after, out)
    }
}
