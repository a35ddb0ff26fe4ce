//! `ngx_http_upstream_zone_module`: groups whose state outlives a reload.
//!
//! All threads share the state of a group in any case. A zone lets it go on in the configuration
//! that follows, where name and size of the zone and name of the group agree.

use conf::{Arity, Directive, Item, value};

use super::Block;
use crate::module::{Cx, Done, Module, Set, UPSTREAM, doc};
use crate::zones::{BYTES_MIN, Kind};

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_upstream_zone_module",
    directives: &[Directive::new(
        "zone",
        UPSTREAM,
        Arity::Between(1, 2),
        Set::Group(zone),
        doc(
            "zone name [size];",
            "",
            "Keeps the state of the group over reloads; all threads share it in any case.",
        ),
    )],
    variables: &[],
};

/// What stands for the groups of a zone: that it is the same zone.
#[derive(Debug)]
pub struct Groups(#[expect(dead_code, reason = "so that each zone has an address")] u64);

impl Kind for Groups {
    type Conf = ();

    fn new(bytes: u64) -> Self {
        Self(bytes)
    }
}

fn zone(item: &Item, block: &mut Block, cx: &mut Cx<'_>) -> Done {
    let name = item.text(0)?;
    if name.is_empty() {
        return Err(item.error("invalid zone name \"\""));
    }
    let bytes = match item.args.get(1) {
        None => 0,
        Some(word) => value::size(&word.text)
            .ok_or_else(|| item.error(format!("invalid zone size \"{}\"", word.display())))?,
    };
    if item.args.len() > 1 && bytes < BYTES_MIN {
        return Err(item.error(format!("zone \"{name}\" is too small")));
    }
    block.zone = Some(cx.zones.add(item, name, bytes)?);
    Ok(())
}
