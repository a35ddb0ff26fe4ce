//! `ngx_http_auth_request_module`: whether a client may come is asked of a sub-request.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use conf::{Arity, Directive, Item};
use net::log::Level as LogLevel;
use proto::h1::FieldName;
use script::{Template, VarId};

use crate::draft::Level;
use crate::module::{ANY, Cx, Done, Module, Set, doc, variable_name};
use crate::phases::Flow;
use crate::request::Request;
use crate::response::Field;
use crate::settings::settings;
use crate::subrequest::{self, Ask};

settings! {
    /// What is asked; `None` lets everybody in.
    uri: Option<Bytes> = None, inherit;
    /// What is kept of the answer.
    variables: Arc<Vec<(VarId, Template)>> = Arc::default(), inherit;
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_auth_request_module",
    directives: &[
        Directive::new(
            "auth_request",
            ANY,
            Arity::Exactly(1),
            Set::Level(auth_request),
            doc(
                "auth_request uri | off;",
                "auth_request off;",
                "Asks this URI by a subrequest: 2xx lets the client in, 401 and 403 keep it out.",
            ),
        ),
        Directive::new(
            "auth_request_set",
            ANY,
            Arity::Exactly(2),
            Set::Level(auth_request_set),
            doc(
                "auth_request_set $variable value;",
                "",
                "Sets a variable once the subrequest is answered; the value may have its variables, such as $upstream_http_….",
            ),
        ),
    ],
    variables: &[],
};

fn auth_request(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let uri = match &item.arg(0)?.text[..] {
        b"off" => None,
        uri => Some(Bytes::copy_from_slice(uri)).filter(|uri| !uri.is_empty()),
    };
    item.once(&mut level.drafts.auth_request.uri, uri)
}

fn auth_request_set(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let name = variable_name(item, 0)?;
    let id = cx.define(item, &name)?;
    let value = cx.template(item, 1)?;
    let variables = level.drafts.auth_request.variables.get_or_insert_default();
    Arc::make_mut(variables).push((id, value));
    Ok(())
}

/// What was kept of an answer, by the names of the variables.
pub type Answers = Vec<(Box<str>, Bytes)>;

/// What was kept of the answer to a request's question.
pub fn answers(request: &Request) -> Answers {
    let conf = &request.conf().auth_request;
    if conf.uri.is_none() {
        return Answers::new();
    }
    let answer = |(id, _): &(VarId, Template)| {
        let name = request.config().variables.name(*id);
        Some((name.into(), request.variable_value(*id)?))
    };
    conf.variables.iter().filter_map(answer).collect()
}

/// Gives a request the answers that it had before a reload, without asking again; false if more
/// than those would be kept now, which cannot be known.
pub fn recall(request: &Request, answers: &Answers) -> bool {
    let conf = &request.conf().auth_request;
    if conf.uri.is_none() {
        return true;
    }
    let mut all = true;
    for (id, _) in conf.variables.iter() {
        let name = request.config().variables.name(*id);
        let answer = answers.iter().find(|(known, _)| **known == *name);
        match answer {
            Some((_, value)) => request.set_variable(*id, Some(value.clone())),
            None => all = false,
        }
    }
    all
}

/// Whether somebody else is asked where a request is.
pub fn asks(request: &Request) -> bool {
    request.conf().auth_request.uri.is_some()
}

/// The handler of the access phase.
pub async fn run(request: &Rc<Request>) -> Flow {
    match &request.conf().auth_request.uri {
        None => Flow::Next,
        // Boxed: a request that asks nobody is not made larger by it.
        Some(uri) => Box::pin(ask(request, uri.clone())).await,
    }
}

async fn ask(request: &Rc<Request>, uri: Bytes) -> Flow {
    let ask = Ask {
        shares_body: false,
        ..Ask::get(uri, Bytes::new())
    };
    let Some(sub) = request.subrequest(ask) else {
        return Flow::Status(500);
    };
    if !subrequest::ask(&sub).await {
        return Flow::Close;
    }
    let variables = request.conf().auth_request.variables.clone();
    for (id, value) in variables.iter() {
        let value = sub.eval(value);
        request.set_variable(*id, Some(value));
    }
    match sub.status.get() {
        200..=299 => Flow::Allowed,
        403 => Flow::Status(403),
        401 => {
            pass_challenge(request, &sub);
            Flow::Status(401)
        }
        status => {
            request.log(
                LogLevel::Error,
                format_args!("auth request unexpected status: {status}"),
            );
            Flow::Status(500)
        }
    }
}

/// What the answer asks the client for: as it would be sent, or as its upstream said it.
fn pass_challenge(request: &Request, sub: &Request) {
    let challenges = |fields: &[Field]| -> Vec<Field> {
        let is = |field: &&Field| field.is(FieldName::WwwAuthenticate);
        fields.iter().filter(is).cloned().collect()
    };
    let mut found = challenges(&sub.sent().fields);
    if found.is_empty() {
        found = challenges(&sub.upstream_fields());
    }
    request.pending.borrow_mut().append(&mut found);
}
