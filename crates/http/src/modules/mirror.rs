//! `ngx_http_mirror_module`: a copy of each request goes elsewhere, and its answer to nobody.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use conf::{Arity, Directive, Item};

use crate::draft::Level;
use crate::module::{ANY, Cx, Done, Module, Set, doc, store};
use crate::phases::Flow;
use crate::request::Request;
use crate::request_body::BodyError;
use crate::settings::settings;
use crate::subrequest::{self, Ask};

settings! {
    /// Where copies go.
    mirrors: Arc<Vec<Bytes>> = Arc::default(), inherit;
    /// Whether they have the body, which is read before for that.
    request_body: bool = true, inherit;
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_mirror_module",
    directives: &[
        Directive::new(
            "mirror",
            ANY,
            Arity::Exactly(1),
            Set::Level(mirror),
            doc(
                "mirror uri | off;",
                "mirror off;",
                "Sends a copy of each request to this URI; several are several copies.",
            ),
        ),
        Directive::new(
            "mirror_request_body",
            ANY,
            Arity::Flag,
            store!(flag mirror.request_body),
            doc(
                "mirror_request_body on | off;",
                "mirror_request_body on;",
                "Whether copies have the request body, which is read as a whole before.",
            ),
        ),
    ],
    variables: &[],
};

fn mirror(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let uri = &item.arg(0)?.text[..];
    let mirrors = &mut level.drafts.mirror.mirrors;
    let off = mirrors.as_ref().is_some_and(|list| list.is_empty());
    if off || (uri == b"off" && mirrors.is_some()) {
        return Err(item.duplicate());
    }
    let mirrors = Arc::make_mut(mirrors.get_or_insert_default());
    if uri != b"off" {
        mirrors.push(Bytes::copy_from_slice(uri));
    }
    Ok(())
}

/// The handler, before that of the content.
pub async fn run(request: &Rc<Request>) -> Flow {
    match request.conf().mirror.mirrors.is_empty() || !request.is_main() {
        true => Flow::Next,
        false => Box::pin(start(request)).await,
    }
}

async fn start(request: &Rc<Request>) -> Flow {
    let conf = request.conf().mirror.clone();
    if conf.request_body {
        match request.body.read(request).await {
            Ok(()) => {}
            Err(BodyError::Status(status)) => return Flow::Status(status),
            Err(BodyError::Gone) => return Flow::Close,
        }
    }
    for uri in conf.mirrors.iter() {
        let ask = Ask {
            method: request.method.get(),
            ..Ask::get(uri.clone(), request.args())
        };
        let Some(sub) = request.subrequest(ask) else {
            return Flow::Status(500);
        };
        let task = tokio::task::spawn_local(async move {
            subrequest::ask(&sub).await;
        });
        request.background.borrow_mut().push(task);
    }
    Flow::Next
}

/// Waits for the copies, as nginx before it uses the connection again.
pub async fn wait(request: &Request) {
    let tasks = request.background.take();
    for task in tasks {
        // One that was ended needs no waiting for.
        let _ = task.await;
    }
}

/// Ends the copies that are still under way.
pub async fn abort(request: &Request) {
    request
        .background
        .borrow()
        .iter()
        .for_each(tokio::task::JoinHandle::abort);
    wait(request).await;
}
