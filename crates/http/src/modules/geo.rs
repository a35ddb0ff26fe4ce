//! `ngx_http_geo_module`.

use conf::{Arity, Directive, Item};
use script::Geo;

use crate::draft::Draft;
use crate::module::{Cx, Done, HTTP, Module, Set, doc, variable_name};

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_geo_module",
    directives: &[Directive::block(
        "geo",
        HTTP,
        Arity::Between(1, 2),
        Set::Main(geo),
        doc(
            "geo [$address] $variable { … }",
            "",
            "A variable whose value is chosen by the client's address, or another: by the smallest \
             network around it, or with `ranges` by ranges of addresses.",
        ),
    )],
    variables: &[],
};

// DIFFERS: there are no binary bases (FILE.bin beside a large included file); ranges load fast
// enough as text, and a stale base cannot win over the text.
fn geo(item: &Item, _draft: &mut Draft, cx: &mut Cx<'_>) -> Done {
    let (source, name) = match item.args.len() {
        1 => (None, variable_name(item, 0)?),
        _ => {
            let source = variable_name(item, 0)?;
            (Some(cx.names.use_name(&source)), variable_name(item, 1)?)
        }
    };
    let geo = Geo::compile(item, source, &mut cx.diagnostics);
    let caching = geo.caching();
    cx.names
        .define_rule(&name, Box::new(geo), caching)
        .map_err(|message| item.error(message))?;
    Ok(())
}
