//! The directives and variables of `limit_req`.

use conf::{Arity, Diagnostic, Directive, Item, Word, value};

use super::{Limit, Rate, Rates};
use crate::draft::{Draft, Level};
use crate::module::{
    ANY, Cx, Done, HTTP, Module, Set, doc, refusal_log_level, refusal_status, store,
};
use crate::variable::builtin;
use crate::zones::key::Key;
use crate::zones::{NameAndSize, lacks_zone};

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_limit_req_module",
    directives: &[
        Directive::new(
            "limit_req_zone",
            HTTP,
            Arity::Exactly(3),
            Set::Main(zone),
            doc(
                "limit_req_zone key zone=name:size rate=rate;",
                "",
                "A zone that counts requests by key; the rate is in r/s or r/m.",
            ),
        ),
        Directive::new(
            "limit_req",
            ANY,
            Arity::Between(1, 3),
            Set::Level(limit),
            doc(
                "limit_req zone=name [burst=number] [nodelay | delay=number];",
                "",
                "Limits the rate of requests; those over it wait, and those over the burst are refused.",
            ),
        ),
        Directive::new(
            "limit_req_log_level",
            ANY,
            Arity::Exactly(1),
            Set::Level(|item, level, _| {
                let value = refusal_log_level(item)?;
                item.once(&mut level.drafts.limit_req.log_level, value)
            }),
            doc(
                "limit_req_log_level info | notice | warn | error;",
                "limit_req_log_level error;",
                "How grave a refusal is in the log; a delay is one level less.",
            ),
        ),
        Directive::new(
            "limit_req_status",
            ANY,
            Arity::Exactly(1),
            Set::Level(|item, level, _| {
                let value = refusal_status(item)?;
                item.once(&mut level.drafts.limit_req.status, value)
            }),
            doc(
                "limit_req_status code;",
                "limit_req_status 503;",
                "The status of refused requests, 400 to 599.",
            ),
        ),
        Directive::new(
            "limit_req_dry_run",
            ANY,
            Arity::Flag,
            store!(flag limit_req.dry_run),
            doc(
                "limit_req_dry_run on | off;",
                "limit_req_dry_run off;",
                "Counts and logs, but neither delays nor refuses.",
            ),
        ),
    ],
    variables: &[builtin(
        "limit_req_status",
        |request, out| match request.main().limit_req_status.get() {
            Some(status) => {
                out.extend_from_slice(status.text().as_bytes());
                true
            }
            None => false,
        },
        "What limit_req did: PASSED, DELAYED, REJECTED, DELAYED_DRY_RUN or REJECTED_DRY_RUN.",
    )],
};

fn zone(item: &Item, _draft: &mut Draft, cx: &mut Cx<'_>) -> Done {
    let key = Key::first(item, cx)?;
    let mut given = None;
    let mut rate = 1000;
    for word in &item.args[1..] {
        let text = word.display();
        if text.starts_with("zone=") {
            given = Some(text);
        } else if let Some(value) = text.strip_prefix("rate=") {
            let invalid = || item.error(format!("invalid rate \"{text}\"")).at(word.span);
            rate = parse_rate(value).ok_or_else(invalid)?;
        } else {
            return Err(item.invalid_parameter(word));
        }
    }
    let zone = NameAndSize::required(item, given.as_deref())?;
    let id = cx.zones.add::<Rates>(item, zone.name, zone.bytes)?;
    let bound = cx.zones.bind(id, Rate { key, rate });
    bound.map_err(|before| before.key.already_bound(item, zone.name))
}

/// Thousandths of a request per second.
fn parse_rate(text: &str) -> Option<i64> {
    let (number, scale) = match (text.strip_suffix("r/s"), text.strip_suffix("r/m")) {
        (Some(number), _) => (number, 1),
        (_, Some(number)) => (number, 60),
        _ => (text, 1),
    };
    let rate = positive(number)?.checked_mul(1000)?;
    Some(rate / scale)
}

fn positive(text: &str) -> Option<i64> {
    let number = i64::try_from(value::number(text.as_bytes())?).ok()?;
    (number > 0).then_some(number)
}

fn limit(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let mut zone = None;
    let (mut burst, mut delay) = (0, 0);
    for word in &item.args {
        let text = word.display();
        if let Some(name) = text.strip_prefix("zone=") {
            zone = Some(cx.zones.add::<Rates>(item, name, 0)?);
        } else if let Some(value) = text.strip_prefix("burst=") {
            burst = requests(value).ok_or_else(|| invalid(item, word, "burst"))?;
        } else if let Some(value) = text.strip_prefix("delay=") {
            delay = requests(value).ok_or_else(|| invalid(item, word, "delay"))?;
        } else if *text == *"nodelay" {
            delay = i64::MAX;
        } else {
            return Err(item.invalid_parameter(word));
        }
    }
    let zone = zone.ok_or_else(|| lacks_zone(item))?;
    let limits = level.drafts.limit_req.limits.get_or_insert_default();
    if limits.iter().any(|limit| limit.zone == zone) {
        return Err(item.duplicate());
    }
    limits.push(Limit { zone, burst, delay });
    Ok(())
}

/// Requests, in thousandths.
fn requests(text: &str) -> Option<i64> {
    positive(text)?.checked_mul(1000)
}

fn invalid(item: &Item, word: &Word, what: &str) -> Diagnostic {
    item.error(format!("invalid {what} value \"{}\"", word.display()))
        .at(word.span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_by_the_second_or_the_minute() {
        assert_eq!(parse_rate("1r/s"), Some(1000));
        assert_eq!(parse_rate("1r/m"), Some(16));
        assert_eq!(parse_rate("5"), Some(5000));
        for bad in ["", "0r/s", "-1r/s", "r/s", "1r/h", "9223372036854775807"] {
            assert_eq!(parse_rate(bad), None, "{bad}");
        }
    }
}
