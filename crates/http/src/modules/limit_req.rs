//! `ngx_http_limit_req_module`: how many requests a key may make in a time.

mod directives;
mod rates;

use std::fmt;
use std::time::Duration;

use net::clock;
use net::log::Level as LogLevel;

pub use directives::MODULE;
pub use rates::Rates;

use crate::phases::Flow;
use crate::request::Request;
use crate::settings::settings;
use crate::zones::key::Key;
use crate::zones::{Kind, ZoneId};

settings! {
    /// The limits; a request must keep all of them.
    limits: Vec<Limit> = Vec::new(), inherit;
    /// How grave it is to be refused; to be delayed is one less.
    log_level: LogLevel = LogLevel::Error, inherit;
    /// The status of a refused request.
    status: u16 = 503, inherit;
    /// Whether it is only said what would be done.
    dry_run: bool = false, inherit;
}

/// One limit of a level.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    zone: ZoneId<Rates>,
    /// Thousandths of a request over the rate that are still let through.
    burst: i64,
    /// Thousandths of a request over the rate from which on they are delayed.
    delay: i64,
}

/// What the configuration says of a zone.
#[derive(Debug, Default)]
pub struct Rate {
    key: Key,
    /// Thousandths of a request per second.
    rate: i64,
}

impl Kind for Rates {
    type Conf = Rate;

    fn new(bytes: u64) -> Self {
        Rates::new(bytes)
    }

    fn conflict(name: &str, old: &Rate, new: &Rate) -> Option<String> {
        new.key.conflict(&old.key, "limit_req", name)
    }
}

/// What was done with a request, for `$limit_req_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Within the limits.
    Passed,
    /// Made to wait.
    Delayed,
    /// Refused.
    Rejected,
    /// It would have waited.
    DelayedDryRun,
    /// It would have been refused.
    RejectedDryRun,
}

impl Status {
    fn text(self) -> &'static str {
        match self {
            Status::Passed => "PASSED",
            Status::Delayed => "DELAYED",
            Status::Rejected => "REJECTED",
            Status::DelayedDryRun => "DELAYED_DRY_RUN",
            Status::RejectedDryRun => "REJECTED_DRY_RUN",
        }
    }
}

/// A key longer than this is not looked at.
const KEY_MAX: usize = 65535;

/// What the limits come to.
enum Verdict {
    /// No limit has a key for it.
    Unlimited,
    Passed,
    Delayed(Duration, Excess, ZoneId<Rates>),
    /// Too many, or no room in the zone to count them: then there is nothing to tell.
    Rejected(Option<Excess>, ZoneId<Rates>),
}

/// Thousandths of requests over the rate.
#[derive(Debug, Clone, Copy)]
struct Excess(i64);

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// The handler of the preaccess phase. Cancel-safe: what it waits for is only time.
pub async fn run(request: &Request) -> Flow {
    let conf = &request.conf().limit_req;
    if conf.limits.is_empty() || request.main().limit_req_status.get().is_some() {
        return Flow::Next;
    }
    let name = |zone| request.config().zones.get(zone).name();
    let dry_run = if conf.dry_run { ", dry run" } else { "" };
    let (status, wait) = match judge(request, &conf.limits) {
        Verdict::Unlimited => return Flow::Next,
        Verdict::Passed => (Status::Passed, None),
        Verdict::Rejected(excess, zone) => {
            if let Some(excess) = excess {
                request.log(
                    conf.log_level,
                    format_args!(
                        "limiting requests{dry_run}, excess: {excess} by zone \"{}\"",
                        name(zone)
                    ),
                );
            }
            match conf.dry_run {
                true => (Status::RejectedDryRun, None),
                false => (Status::Rejected, None),
            }
        }
        Verdict::Delayed(wait, excess, zone) => {
            request.log(
                less_grave(conf.log_level),
                format_args!(
                    "delaying request{dry_run}, excess: {excess}, by zone \"{}\"",
                    name(zone)
                ),
            );
            match conf.dry_run {
                true => (Status::DelayedDryRun, None),
                false => (Status::Delayed, Some(wait)),
            }
        }
    };
    request.main().limit_req_status.set(Some(status));
    if let Some(wait) = wait {
        net::timer::sleep(wait).await;
    }
    match status {
        Status::Rejected => Flow::Status(conf.status),
        _ => Flow::Next,
    }
}

/// Counts a request in all of its zones, or in none if one of them refuses it.
fn judge(request: &Request, limits: &[Limit]) -> Verdict {
    let now = clock::now();
    let zones = &request.config().zones;
    let delay = |limit: &Limit, excess| {
        let wait = limit.delay_of(excess, zones.get(limit.zone).conf().rate);
        (wait, excess, limit.zone)
    };
    let mut looked_at = Vec::with_capacity(limits.len());
    let mut longest = None;
    for (index, limit) in limits.iter().enumerate() {
        let zone = zones.get(limit.zone);
        let Some(key) = zone.conf().key.of(request, KEY_MAX) else {
            continue;
        };
        let rate = zone.conf().rate;
        // Once the last one agrees, all have: it counts at once, the others are counted then.
        let is_last = index == limits.len() - 1;
        let found = match is_last {
            true => zone.state().count(&key, rate, limit.burst, now),
            false => zone.state().look(&key, rate, limit.burst, now),
        };
        match found {
            Ok(excess) if is_last => longest = Some(delay(limit, excess)),
            Ok(_) => looked_at.push((limit, key)),
            Err(refusal) => return rejected(request, limit.zone, refusal),
        }
    }
    if longest.is_none() && looked_at.is_empty() {
        return Verdict::Unlimited;
    }
    for (limit, key) in looked_at.into_iter().rev() {
        let zone = zones.get(limit.zone);
        let excess = zone.state().recount(&key, zone.conf().rate, now);
        let found = delay(limit, excess);
        if longest.is_none_or(|(longest, ..)| found.0 > longest) {
            longest = Some(found);
        }
    }
    match longest {
        Some((wait, excess, zone)) if !wait.is_zero() => {
            Verdict::Delayed(wait, Excess(excess), zone)
        }
        _ => Verdict::Passed,
    }
}

fn rejected(request: &Request, zone: ZoneId<Rates>, refusal: rates::Refusal) -> Verdict {
    match refusal {
        rates::Refusal::Busy(over) => Verdict::Rejected(Some(Excess(over)), zone),
        rates::Refusal::Full => {
            let name = request.config().zones.get(zone).name();
            request.log(
                LogLevel::Alert,
                format_args!("could not allocate node in limit_req zone \"{name}\""),
            );
            Verdict::Rejected(None, zone)
        }
    }
}

impl Limit {
    /// How long a request waits that is so much over the rate.
    fn delay_of(&self, excess: i64, rate: i64) -> Duration {
        let over = excess.saturating_sub(self.delay).max(0);
        let wait = over.saturating_mul(1000) / rate.max(1);
        Duration::from_millis(wait as u64)
    }
}

/// The next level below.
fn less_grave(level: LogLevel) -> LogLevel {
    match level {
        LogLevel::Error => LogLevel::Warn,
        LogLevel::Warn => LogLevel::Notice,
        _ => LogLevel::Info,
    }
}
