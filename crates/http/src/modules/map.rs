//! `ngx_http_map_module`.

use conf::{Arity, Directive, Item};
use script::Map;

use crate::draft::Draft;
use crate::module::{Cx, Done, HTTP, Module, Set, doc, inert, variable_name};

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_map_module",
    directives: &[
        Directive::block(
            "map",
            HTTP,
            Arity::Exactly(2),
            Set::Main(map),
            doc(
                "map string $variable { … }",
                "",
                "A variable whose value is chosen by another value: exactly, by host name, or by expression (~, ~*).",
            ),
        ),
        inert(
            "map_hash_max_size",
            HTTP,
            Arity::Exactly(1),
            "map_hash_max_size size;",
            "tables grow as they need",
        ),
        inert(
            "map_hash_bucket_size",
            HTTP,
            Arity::Exactly(1),
            "map_hash_bucket_size size;",
            "tables grow as they need",
        ),
    ],
    variables: &[],
};

fn map(item: &Item, _draft: &mut Draft, cx: &mut Cx<'_>) -> Done {
    let name = variable_name(item, 1)?;
    if let Some(map) = Map::compile(item, &mut cx.names, &mut cx.diagnostics) {
        let caching = map.caching();
        cx.names
            .define_rule(&name, Box::new(map), caching)
            .map_err(|message| item.error(message))?;
    }
    Ok(())
}
