//! `ngx_http_limit_conn_module`: how many requests of a key may be under way at once.

mod counts;
mod directives;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use bytes::Bytes;
use net::log::Level as LogLevel;

pub use counts::Counts;
pub use directives::MODULE;

use crate::phases::Flow;
use crate::request::Request;
use crate::settings::settings;
use crate::zones::key::Key;
use crate::zones::{Kind, ZoneId};

settings! {
    /// The limits; a request must keep all of them.
    limits: Vec<Limit> = Vec::new(), inherit;
    /// How grave it is to be refused.
    log_level: LogLevel = LogLevel::Error, inherit;
    /// The status of a refused request.
    status: u16 = 503, inherit;
    /// Whether it is only said what would be done.
    dry_run: bool = false, inherit;
}

/// One limit of a level.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    zone: ZoneId<Counts>,
    /// So many at once.
    connections: u32,
}

impl Kind for Counts {
    type Conf = Key;

    fn new(bytes: u64) -> Self {
        Counts::new(bytes)
    }

    fn conflict(name: &str, old: &Key, new: &Key) -> Option<String> {
        new.conflict(old, "limit_conn_zone", name)
    }
}

/// What was done with a request, for `$limit_conn_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Within the limits.
    Passed,
    /// Refused.
    Rejected,
    /// It would have been refused.
    RejectedDryRun,
}

impl Status {
    fn text(self) -> &'static str {
        match self {
            Status::Passed => "PASSED",
            Status::Rejected => "REJECTED",
            Status::RejectedDryRun => "REJECTED_DRY_RUN",
        }
    }
}

/// A request's places in the counts, for as long as it lives, or the tunnel that it becomes.
#[derive(Debug, Default)]
pub struct Held {
    status: Cell<Option<Status>>,
    places: RefCell<Vec<Place>>,
}

impl Held {
    /// Takes the places from the request: a tunnel keeps them.
    pub fn take(&self) -> Vec<Place> {
        self.places.take()
    }
}

/// A place in the count of a key; dropping it gives it back.
#[derive(Debug)]
pub struct Place {
    counts: Arc<Counts>,
    key: Bytes,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.counts.leave(&self.key);
    }
}

/// A key longer than this is not looked at.
const KEY_MAX: usize = 255;

/// The handler of the preaccess phase.
pub fn run(request: &Request) -> Flow {
    let conf = &request.conf().limit_conn;
    let held = &request.main().limit_conn;
    if conf.limits.is_empty() || held.status.get().is_some() {
        return Flow::Next;
    }
    let mut places = Vec::with_capacity(conf.limits.len());
    for limit in &conf.limits {
        let zone = request.config().zones.get(limit.zone);
        let Some(key) = zone.conf().of(request, KEY_MAX) else {
            continue;
        };
        held.status.set(Some(Status::Passed));
        let counts = zone.state();
        match counts.enter(&key, limit.connections) {
            Ok(()) => places.push(Place {
                counts: counts.clone(),
                key,
            }),
            Err(refusal) => {
                if let counts::Refusal::Busy = refusal {
                    let dry_run = if conf.dry_run { ", dry run," } else { "" };
                    request.log(
                        conf.log_level,
                        format_args!("limiting connections{dry_run} by zone \"{}\"", zone.name()),
                    );
                }
                return refuse(conf, held);
            }
        }
    }
    held.places.borrow_mut().append(&mut places);
    Flow::Next
}

fn refuse(conf: &Conf, held: &Held) -> Flow {
    if conf.dry_run {
        held.status.set(Some(Status::RejectedDryRun));
        return Flow::Next;
    }
    held.status.set(Some(Status::Rejected));
    Flow::Status(conf.status)
}
