//! The directives and variables of `limit_conn`.

use conf::{Arity, Directive, Item, value};

use super::{Counts, Limit};
use crate::draft::{Draft, Level};
use crate::module::{
    ANY, Cx, Done, HTTP, Module, Set, doc, refusal_log_level, refusal_status, store,
};
use crate::variable::builtin;
use crate::zones::NameAndSize;
use crate::zones::key::Key;

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_limit_conn_module",
    directives: &[
        Directive::new(
            "limit_conn_zone",
            HTTP,
            Arity::Exactly(2),
            Set::Main(zone),
            doc(
                "limit_conn_zone key zone=name:size;",
                "",
                "A zone that counts by key the requests that are under way.",
            ),
        ),
        Directive::new(
            "limit_conn",
            ANY,
            Arity::Exactly(2),
            Set::Level(limit),
            doc(
                "limit_conn zone number;",
                "",
                "Refuses requests whose key has so many under way; a tunnel counts until it ends.",
            ),
        ),
        Directive::new(
            "limit_conn_log_level",
            ANY,
            Arity::Exactly(1),
            Set::Level(|item, level, _| {
                let value = refusal_log_level(item)?;
                item.once(&mut level.drafts.limit_conn.log_level, value)
            }),
            doc(
                "limit_conn_log_level info | notice | warn | error;",
                "limit_conn_log_level error;",
                "How grave a refusal is in the log.",
            ),
        ),
        Directive::new(
            "limit_conn_status",
            ANY,
            Arity::Exactly(1),
            Set::Level(|item, level, _| {
                let value = refusal_status(item)?;
                item.once(&mut level.drafts.limit_conn.status, value)
            }),
            doc(
                "limit_conn_status code;",
                "limit_conn_status 503;",
                "The status of refused requests, 400 to 599.",
            ),
        ),
        Directive::new(
            "limit_conn_dry_run",
            ANY,
            Arity::Flag,
            store!(flag limit_conn.dry_run),
            doc(
                "limit_conn_dry_run on | off;",
                "limit_conn_dry_run off;",
                "Counts and logs, but refuses nobody.",
            ),
        ),
    ],
    variables: &[builtin(
        "limit_conn_status",
        |request, out| match request.main().limit_conn.status.get() {
            Some(status) => {
                out.extend_from_slice(status.text().as_bytes());
                true
            }
            None => false,
        },
        "What limit_conn did: PASSED, REJECTED or REJECTED_DRY_RUN.",
    )],
};

fn zone(item: &Item, _draft: &mut Draft, cx: &mut Cx<'_>) -> Done {
    let key = Key::first(item, cx)?;
    let word = item.arg(1)?;
    let text = word.display();
    if !text.starts_with("zone=") {
        return Err(item.invalid_parameter(word));
    }
    let zone = NameAndSize::required(item, Some(&text))?;
    let id = cx.zones.add::<Counts>(item, zone.name, zone.bytes)?;
    let bound = cx.zones.bind(id, key);
    bound.map_err(|before| before.already_bound(item, zone.name))
}

fn limit(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let zone = cx.zones.add::<Counts>(item, item.text(0)?, 0)?;
    let limits = level.drafts.limit_conn.limits.get_or_insert_default();
    if limits.iter().any(|limit| limit.zone == zone) {
        return Err(item.duplicate());
    }
    let word = item.arg(1)?;
    let connections = match value::number(&word.text) {
        Some(number @ 1..=65535) => number as u32,
        Some(65536..) => return Err(item.error("connection limit must be less 65536")),
        _ => {
            let message = format!("invalid number of connections \"{}\"", word.display());
            return Err(item.error(message).at(word.span));
        }
    };
    limits.push(Limit { zone, connections });
    Ok(())
}
