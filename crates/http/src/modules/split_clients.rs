//! `ngx_http_split_clients_module`.

use conf::{Arity, Directive, Item};
use script::{Caching, SplitClients};

use crate::draft::Draft;
use crate::module::{Cx, Done, HTTP, Module, Set, doc, variable_name};

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_split_clients_module",
    directives: &[Directive::block(
        "split_clients",
        HTTP,
        Arity::Exactly(2),
        Set::Main(split_clients),
        doc(
            "split_clients string $variable { … }",
            "",
            "A variable whose value is chosen by a hash of the string: each value gets its \
             percentage of strings, `*` the rest.",
        ),
    )],
    variables: &[],
};

fn split_clients(item: &Item, _draft: &mut Draft, cx: &mut Cx<'_>) -> Done {
    let name = variable_name(item, 1)?;
    let split = SplitClients::compile(item, &mut cx.names, &mut cx.diagnostics)?;
    cx.names
        .define_rule(&name, Box::new(split), Caching::Cached)
        .map_err(|message| item.error(message))?;
    Ok(())
}
