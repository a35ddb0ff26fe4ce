//! The journal: one line of JSON when a session starts, one when it is over, and one for a picture.

use std::time::{Duration, SystemTime};

use net::log::time;
use serde::Serialize;

use crate::policy::Allowed;
use crate::sessions::view::{json, to_millis};
use crate::{About, EndReason, Policy, Refusal, Role, SessionEnd, Shot};

/// The line for a session that starts now: it has leave to, and the machine is about to be reached.
pub fn start_record(about: &About, policy: &Policy) -> String {
    json(&Start {
        event: "start",
        time: now(),
        who: Who::of(about),
        view_only: policy.view_only,
        level: policy.level() as u8,
        policy: policy.allowed(),
    })
}

/// The line for a session that is over. One that had no leave has only this.
pub fn end_record(end: &SessionEnd) -> String {
    let last = &end.last;
    json(&End {
        event: match end.connected_after {
            Some(_) => "end",
            None => "refused",
        },
        time: now(),
        who: Who::of(&last.about),
        reason: end.reason.word(),
        words: match &end.reason {
            EndReason::Refused(refusal) => Some(refusal.sentence().into_owned()),
            _ => None,
        },
        detail: &end.detail,
        cut_by: end.cut_by.as_deref(),
        started: seconds(
            last.start
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default(),
        ),
        duration_s: seconds(end.duration),
        connected_after_s: end.connected_after.map(seconds),
        view_only: last.view_only,
        bytes_down: end.bytes_out,
        bytes_up: end.bytes_in,
        frames_down: last.frames_out,
        messages_up: last.messages_in,
        last_input_s: last.idle.map(seconds),
        rtt_ms: end.rtt.map(to_millis),
    })
}

/// The line for a picture that somebody saw, or why it was not shown.
pub fn screenshot_record(about: &About, outcome: Result<&Shot, &Refusal>) -> String {
    let screen = outcome.ok().map(|shot| &shot.screen);
    json(&Screenshot {
        event: "screenshot",
        time: now(),
        who: Who::of(about),
        width: screen.map(|screen| screen.width()),
        height: screen.map(|screen| screen.height()),
        reason: outcome.err().map(Refusal::word),
        words: outcome.err().map(|refusal| refusal.sentence().into_owned()),
    })
}

#[derive(Serialize)]
struct Screenshot<'a> {
    event: &'a str,
    time: String,
    #[serde(flatten)]
    who: Who<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<String>,
}

#[derive(Serialize)]
struct Start<'a> {
    event: &'a str,
    time: String,
    #[serde(flatten)]
    who: Who<'a>,
    view_only: bool,
    level: u8,
    policy: Allowed,
}

#[derive(Serialize)]
struct End<'a> {
    event: &'a str,
    time: String,
    #[serde(flatten)]
    who: Who<'a>,
    reason: &'a str,
    /// What the person was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<String>,
    /// What only the operator is told.
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut_by: Option<&'a str>,
    started: f64,
    duration_s: f64,
    connected_after_s: Option<f64>,
    view_only: bool,
    bytes_down: u64,
    bytes_up: u64,
    frames_down: u64,
    messages_up: u64,
    last_input_s: Option<f64>,
    rtt_ms: Option<f64>,
}

/// Who was where.
#[derive(Serialize)]
struct Who<'a> {
    id: Option<String>,
    user: Option<&'a str>,
    role: Role,
    client: &'a str,
    desktop: &'a str,
    title: &'a str,
    target: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guest_of: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    watches: Option<String>,
}

impl<'a> Who<'a> {
    fn of(about: &'a About) -> Self {
        Self {
            id: about.id.map(|id| id.to_string()),
            user: about.user.as_deref(),
            role: about.role,
            client: &about.client,
            desktop: &about.desktop,
            title: &about.title,
            target: &about.target,
            token: about.token.as_deref(),
            link: about.link.as_ref().map(|link| &*link.id),
            guest_of: about.link.as_ref().and_then(|link| link.by.as_deref()),
            watches: about.watches.map(|id| id.to_string()),
        }
    }
}

fn now() -> String {
    time::with(|times| times.iso8601().to_owned())
}

fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LinkUse, Refusal, SessionId, Sessions, Subprotocol};

    fn read(line: &str) -> serde_json::Value {
        assert!(!line.contains('\n'), "one line: {line}");
        serde_json::from_str(line).unwrap()
    }

    #[test]
    fn both_records_say_who_was_where() {
        let about = About {
            id: Some(SessionId(7)),
            user: Some("ann \"a\"\nb".into()),
            target: "lab:1".into(),
            token: Some("secr***".into()),
            link: Some(LinkUse {
                id: "l1".into(),
                by: Some("bob".into()),
            }),
            ..About::default()
        };
        let policy = Policy {
            view_only: true,
            ..Policy::default()
        };
        let start = read(&start_record(&about, &policy));
        let seat = Sessions::new().enter(about, None, &policy, Subprotocol::Binary);
        let last = seat.entry.snapshot();
        let mut end = SessionEnd {
            id: seat.id,
            reason: EndReason::Refused(Refusal::Cut("Noon.".into())),
            detail: "cut".into(),
            bytes_in: 5,
            bytes_out: 6,
            duration: Duration::from_millis(1500),
            connected_after: Some(Duration::from_millis(20)),
            rtt: None,
            cut_by: Some("root".into()),
            last: Box::new(last),
        };
        let ended = read(&end_record(&end));
        for record in [&start, &ended] {
            assert_eq!(record["user"], "ann \"a\"\nb");
            assert_eq!(record["id"], SessionId(7).to_string());
            assert_eq!(
                (&record["guest_of"], &record["link"]),
                (&"bob".into(), &"l1".into())
            );
            assert_eq!(
                (&record["token"], &record["view_only"]),
                (&"secr***".into(), &true.into())
            );
        }
        assert_eq!(
            (&start["event"], &start["level"]),
            (&"start".into(), &1.into())
        );
        assert_eq!(
            (&ended["event"], &ended["reason"]),
            (&"end".into(), &"cut".into())
        );
        assert_eq!(
            (&ended["cut_by"], &ended["words"]),
            (&"root".into(), &"Noon.".into())
        );
        assert_eq!(
            (&ended["bytes_up"], &ended["duration_s"]),
            (&5.into(), &1.5.into())
        );
        end.connected_after = None;
        assert_eq!(read(&end_record(&end))["event"], "refused");
    }
}
