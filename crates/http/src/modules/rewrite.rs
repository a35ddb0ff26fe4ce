//! `ngx_http_rewrite_module`: `set`, `if`, `rewrite`, `return`, `break`.
//!
//! A level's operations run in their order. An `if` is an unnamed location: when its condition
//! holds, the request is in it, and the last one that holds stays.

use std::sync::Arc;

use bytes::Bytes;
use conf::{Arity, Directive, Item, value};
use net::log::Level as LogLevel;
use proto::h1::{Escape, Unescape, escape_into, unescape};
use script::template::Part;
use script::{Context as _, Template, VarId};

use crate::compile::{Place, walk};
use crate::config::LocationId;
use crate::draft::Level;
use crate::module::{
    Cx, Done, HTTP, IF, LOCATION, LOCATION_IF, Module, SERVER, SERVER_IF, Set, doc, variable_name,
};
use crate::modules::core::Handler;
use crate::modules::types;
use crate::phases::Flow;
use crate::redirect;
use crate::request::Request;
use crate::response::{Head, Response};
use crate::settings::LevelKind;

mod condition;

pub use condition::{Condition, FileTest, NamedRegex};

/// One operation.
#[derive(Debug, Clone)]
pub enum Op {
    /// `set $variable value`
    Set(VarId, Template),
    /// `if (condition) { … }`
    If(Condition, IfLevel),
    /// `rewrite regex replacement [flag]`
    Rewrite(Arc<Rewrite>),
    /// `return code [text]`
    Return(u16, Option<Template>),
    /// `break`
    Break,
}

/// The level of an `if`: its place among the inner levels until it is compiled.
#[derive(Debug, Clone, Copy)]
pub enum IfLevel {
    /// Index among the levels inside.
    Draft(usize),
    /// The compiled location.
    Location(LocationId),
}

/// A `rewrite`.
#[derive(Debug)]
pub struct Rewrite {
    regex: NamedRegex,
    replacement: Template,
    /// The original query follows that of the replacement.
    keeps_args: bool,
    then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Continue,
    Last,
    Break,
    Redirect(u16),
}

impl Op {
    /// The same with levels that are compiled.
    pub fn resolve(self, levels: &[LocationId]) -> Self {
        match self {
            Op::If(condition, IfLevel::Draft(index)) => {
                Op::If(condition, IfLevel::Location(levels[index]))
            }
            op => op,
        }
    }
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_rewrite_module",
    directives: &[
        Directive::new(
            "set",
            SERVER.or(LOCATION).or(IF),
            Arity::Exactly(2),
            Set::Level(set),
            doc("set $variable value;", "", "Sets a variable."),
        ),
        Directive::block(
            "if",
            SERVER.or(LOCATION),
            Arity::AtLeast(1),
            Set::Level(if_),
            doc(
                "if (condition) { … }",
                "",
                "What holds for requests that fulfil the condition.",
            ),
        ),
        Directive::new(
            "rewrite",
            SERVER.or(LOCATION).or(IF),
            Arity::Between(2, 3),
            Set::Level(rewrite),
            doc(
                "rewrite regex replacement [last | break | redirect | permanent];",
                "",
                "Replaces the URI if it matches, or redirects.",
            ),
        ),
        Directive::new(
            "return",
            SERVER.or(LOCATION).or(IF),
            Arity::Between(1, 2),
            Set::Level(return_),
            doc(
                "return code [text];  return [code] URL;",
                "",
                "Answers with a status, a text or a redirect. 444 closes without an answer.",
            ),
        ),
        Directive::new(
            "break",
            SERVER.or(LOCATION).or(IF),
            Arity::Exactly(0),
            Set::Level(|_, level, _| {
                level.ops.push(Op::Break);
                Ok(())
            }),
            doc("break;", "", "Ends the rewrite directives of this level."),
        ),
        Directive::inert(
            "rewrite_log",
            HTTP.or(SERVER).or(LOCATION).or(IF),
            Arity::Flag,
            Set::Nothing,
            doc(
                "rewrite_log on | off;",
                "rewrite_log off;",
                "Whether rewrites are logged.",
            ),
            "rewrites are not logged one by one",
        ),
        Directive::inert(
            "uninitialized_variable_warn",
            HTTP.or(SERVER).or(LOCATION).or(IF),
            Arity::Flag,
            Set::Nothing,
            doc(
                "uninitialized_variable_warn on | off;",
                "uninitialized_variable_warn on;",
                "Whether empty variables are logged.",
            ),
            "a variable that was never set is empty",
        ),
    ],
    variables: &[],
};

fn set(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let name = variable_name(item, 0)?;
    let id = cx.define(item, &name)?;
    let value = cx.template(item, 1)?;
    level.ops.push(Op::Set(id, value));
    Ok(())
}

fn if_(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let condition = condition::parse(item, cx)?;
    let context = if cx.context == SERVER {
        SERVER_IF
    } else {
        LOCATION_IF
    };
    let mut inner = Level {
        kind: LevelKind::Unnamed,
        by_regex: level.by_regex,
        name: level.name.clone(),
        span: item.span(),
        ..Level::default()
    };
    walk(item.entries(), context, &mut Place::Level(&mut inner), cx);
    level
        .ops
        .push(Op::If(condition, IfLevel::Draft(level.levels.len())));
    level.levels.push(inner);
    Ok(())
}

fn rewrite(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let (regex, names) = super::location::regex(item, &item.args[0].text, false, cx)?;
    let mut text = &item.args[1].text[..];
    let absolute: [&[u8]; 3] = [b"http://", b"https://", b"$scheme"];
    let redirects = absolute.iter().any(|prefix| text.starts_with(prefix));
    let mut then = if redirects {
        Then::Redirect(302)
    } else {
        Then::Continue
    };
    if let Some(flag) = item.args.get(2) {
        then = match &flag.text[..] {
            b"last" => Then::Last,
            b"break" => Then::Break,
            b"redirect" => Then::Redirect(302),
            b"permanent" => Then::Redirect(301),
            _ => return Err(item.invalid_parameter(flag)),
        };
    }
    let keeps_args = !text.ends_with(b"?");
    if !keeps_args {
        text = &text[..text.len() - 1];
    }
    let replacement = cx.template_of(item, text)?;
    let regex = NamedRegex { regex, names };
    level.ops.push(Op::Rewrite(Arc::new(Rewrite {
        regex,
        replacement,
        keeps_args,
        then,
    })));
    Ok(())
}

fn return_(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let first = item.arg(0)?;
    let absolute: [&[u8]; 3] = [b"http://", b"https://", b"$scheme"];
    if item.args.len() == 1 && absolute.iter().any(|prefix| first.text.starts_with(prefix)) {
        let target = cx.template(item, 0)?;
        level.ops.push(Op::Return(302, Some(target)));
        return Ok(());
    }
    let code = value::number(&first.text).filter(|&code| code <= 999);
    let invalid = || {
        item.error(format!("invalid return code \"{}\"", first.display()))
            .at(first.span)
    };
    let code = code.ok_or_else(invalid)? as u16;
    let text = match item.args.len() {
        2 => Some(cx.template(item, 1)?),
        _ => None,
    };
    level.ops.push(Op::Return(code, text));
    Ok(())
}

/// What the operations of a level come to.
#[derive(Debug)]
pub enum After {
    /// The next phase.
    Next,
    /// The URI changed: a location is looked for again.
    NewUri,
    /// An answer.
    Respond(Response),
    /// The answer for a status.
    Status(u16),
}

impl From<After> for Flow {
    fn from(after: After) -> Self {
        match after {
            After::Next | After::NewUri => Flow::Next,
            After::Respond(response) => Flow::Respond(response),
            After::Status(status) => Flow::Status(status),
        }
    }
}

/// How far a level's operations came.
enum Step {
    Next,
    /// No further operation runs; the phase ends.
    Stop,
    Done(After),
}

/// Runs the operations of the level that the request is in.
pub fn run(request: &Request) -> After {
    let ops = &request.location().ops;
    if ops.is_empty() {
        return After::Next;
    }
    let mut changed = false;
    match run_ops(request, ops, &mut changed) {
        Step::Done(after) => after,
        Step::Next | Step::Stop if changed => After::NewUri,
        Step::Next | Step::Stop => After::Next,
    }
}

fn run_ops(request: &Request, ops: &[Op], changed: &mut bool) -> Step {
    for op in ops {
        let step = match op {
            Op::Set(id, value) => {
                request.set_variable(*id, Some(request.eval(value)));
                Step::Next
            }
            Op::If(condition, IfLevel::Location(location)) => {
                if !condition.holds(request) {
                    continue;
                }
                let before = request.conf().core.handler;
                request.location.set(*location);
                if before == Handler::Proxy && request.conf().core.handler == Handler::Static {
                    request.handler_lost.set(true);
                }
                run_ops(request, &request.config().location(*location).ops, changed)
            }
            Op::If(_, IfLevel::Draft(_)) => Step::Next,
            Op::Rewrite(rewrite) => rewrite.run(request, changed),
            Op::Return(status, text) => Step::Done(answer(request, *status, text.as_ref())),
            Op::Break => {
                *changed = false;
                Step::Stop
            }
        };
        match step {
            Step::Next => {}
            done => return done,
        }
    }
    Step::Next
}

impl Rewrite {
    fn run(&self, request: &Request, changed: &mut bool) -> Step {
        if !self.regex.matches(request, &request.uri()) {
            return Step::Next;
        }
        let (mut out, args_at) = self.expand(request);
        if let Then::Redirect(status) = self.then {
            let mut location = unescape(&out, Unescape::Redirect).into_owned();
            let args = request.args();
            if self.keeps_args && !args.is_empty() {
                location.push(if args_at.is_some() { b'&' } else { b'?' });
                location.extend_from_slice(&args);
            }
            redirect::to(request, status, location.into());
            return Step::Done(After::Status(status));
        }
        request.internal.set(true);
        if let Some(at) = args_at {
            let mut args = out.split_off(at);
            out.pop();
            let original = request.args();
            if self.keeps_args && !original.is_empty() {
                args.push(b'&');
                args.extend_from_slice(&original);
            }
            request.args.replace(args.into());
        } else if !self.keeps_args {
            request.args.replace(Bytes::new());
        }
        if out.is_empty() {
            request.log(
                LogLevel::Error,
                format_args!("the rewritten URI has a zero length"),
            );
            return Step::Done(After::Status(500));
        }
        request.uri.replace(out.into());
        request.uri_is_original.set(false);
        *changed = self.then != Then::Break;
        request.valid_location.set(false);
        match self.then {
            Then::Continue => Step::Next,
            _ => Step::Stop,
        }
    }

    /// The replacement, and where its query begins. What the request's URI gives to a query or to a
    /// redirect is encoded again, as it was when it came.
    fn expand(&self, request: &Request) -> (Vec<u8>, Option<usize>) {
        let mut out = Vec::new();
        let mut args_at = None;
        let redirect = matches!(self.then, Then::Redirect(_));
        for part in self.replacement.parts() {
            match part {
                Part::Text(text) => {
                    if args_at.is_none()
                        && let Some(at) = memchr::memchr(b'?', text)
                    {
                        args_at = Some(out.len() + at + 1);
                    }
                    out.extend_from_slice(text);
                }
                Part::Variable(id) => {
                    request.variable(*id, &mut out);
                }
                Part::Capture(index) => {
                    let quote = request.uri_is_quoted.get() && (redirect || args_at.is_some());
                    let from = out.len();
                    request.capture(*index, &mut out);
                    if quote {
                        let value = out.split_off(from);
                        escape_into(&mut out, &value, Escape::Args);
                    }
                }
            }
        }
        (out, args_at)
    }
}

/// `return`
fn answer(request: &Request, status: u16, text: Option<&Template>) -> After {
    if status >= 400 && text.is_none() {
        return After::Status(status);
    }
    // As ngx_http_send_response: the text may name the status that it is sent with.
    let before = request.status.replace(status);
    let text = text.map(|text| request.eval(text)).unwrap_or_default();
    request.status.set(before);
    if matches!(status, 301..=303 | 307 | 308) {
        redirect::to(request, status, text);
        return After::Status(status);
    }
    let head = Head {
        content_type: Some(types::content_type(request)).filter(|value| !value.is_empty()),
        content_length: Some(text.len() as u64),
        ..Head::new(status)
    };
    let body = crate::response::Body::bytes(text);
    After::Respond(Response {
        head: head.into(),
        body,
    })
}
