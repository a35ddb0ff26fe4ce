//! `ngx_http_stub_status_module`: how many connections and requests there are.

use conf::{Arity, Directive};
use proto::h1::Method;

use super::core::Handler;
use crate::load::Totals;
use crate::module::{LOCATION, Module, SERVER, Set, doc};
use crate::phases::Flow;
use crate::request::Request;
use crate::response::Response;
use crate::variable::builtin;

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_stub_status_module",
    directives: &[Directive::new(
        "stub_status",
        SERVER.or(LOCATION),
        Arity::Between(0, 1),
        Set::Level(|_, level, _| {
            level.drafts.core.handler = Some(Handler::StubStatus);
            Ok(())
        }),
        doc(
            "stub_status;",
            "",
            "Answers with the numbers of connections and requests.",
        ),
    )],
    variables: &[
        builtin(
            "connections_active",
            |request, out| put(totals(request).active, out),
            "Connections there are.",
        ),
        builtin(
            "connections_reading",
            |request, out| put(totals(request).reading, out),
            "Connections whose request is being read.",
        ),
        builtin(
            "connections_writing",
            |request, out| put(totals(request).writing, out),
            "Connections whose request is being answered.",
        ),
        builtin(
            "connections_waiting",
            |request, out| put(totals(request).waiting(), out),
            "Connections without a request.",
        ),
    ],
};

fn totals(request: &Request) -> Totals {
    request.generation.thread.shared.totals()
}

fn put(number: usize, out: &mut Vec<u8>) -> bool {
    out.extend(number.to_string().bytes());
    true
}

/// The handler.
pub fn run(request: &Request) -> Flow {
    if !matches!(request.method.get(), Method::Get | Method::Head) {
        return Flow::Status(405);
    }
    let totals = totals(request);
    let Totals {
        active,
        reading,
        writing,
        accepted,
        handled,
        requests,
    } = totals;
    let waiting = totals.waiting();
    // The spaces at the ends of lines are nginx's.
    let text = format!(
        "Active connections: {active} \n\
         server accepts handled requests\n \
         {accepted} {handled} {requests} \n\
         Reading: {reading} Writing: {writing} Waiting: {waiting} \n"
    );
    Flow::Respond(Response::text(200, "text/plain", text))
}
