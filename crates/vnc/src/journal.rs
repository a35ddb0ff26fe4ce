//! The journal: one line of JSON when a session starts, one when it is over, and one for each thing
//! that people do to it in between or beside it: pictures, messages, control, links.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use net::log::time;
use serde::Serialize;

use crate::policy::Allowed;
use crate::sessions::view::{Who, json, to_millis, unix};
use crate::{About, EndReason, GuestLink, Policy, Refusal, SessionEnd, SessionId, Shot};

/// Where it is written what happens while a session lives.
#[derive(Clone, Default)]
pub struct Notes(Option<Arc<Write>>);

/// Writes a line.
type Write = dyn Fn(&str) + Send + Sync;

impl Notes {
    /// With somebody who writes a line, from whatever thread.
    pub fn new(write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(write)))
    }

    /// Writes what `record` makes, if anybody wants it.
    pub(crate) fn write(&self, record: impl FnOnce() -> String) {
        if let Some(write) = &self.0 {
            write(&record());
        }
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Notes").field(&self.0.is_some()).finish()
    }
}

/// The line for a session that starts now: it has leave to, and the machine is about to be reached.
pub fn start_record(about: &About, policy: &Policy) -> String {
    let what = Start {
        view_only: policy.view_only,
        level: policy.level() as u8,
        policy: policy.allowed(),
    };
    line("start", Who::of(about), &what)
}

/// The line for a session that is over. One that had no leave has only this.
pub fn end_record(end: &SessionEnd) -> String {
    let last = &end.last;
    let what = End {
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
    };
    let event = match end.connected_after {
        Some(_) => "end",
        None => "refused",
    };
    line(event, Who::of(&last.about), &what)
}

/// The line for a picture that somebody saw, or why it was not shown.
pub fn screenshot_record(about: &About, outcome: Result<&Shot, &Refusal>) -> String {
    let screen = outcome.ok().map(|shot| &shot.screen);
    let what = Screenshot {
        width: screen.map(|screen| screen.width()),
        height: screen.map(|screen| screen.height()),
        reason: outcome.err().map(Refusal::word),
        words: outcome.err().map(|refusal| refusal.sentence().into_owned()),
    };
    line("screenshot", Who::of(about), &what)
}

/// The line for words of an operator to a session's person; whether its page could show them.
pub(crate) fn message_record(about: &About, from: &str, text: &str, shown: bool) -> String {
    let what = Message {
        by: from,
        text,
        shown,
    };
    line("message", Who::of(about), &what)
}

/// The line for a change of control over a desktop: what was done by a session or, if somebody is
/// named, about it by an operator, and who is the only one who controls from then on.
pub(crate) fn control_record(
    about: &About,
    what: &str,
    by: Option<&str>,
    controller: Option<SessionId>,
) -> String {
    let what = Control {
        what,
        by,
        controller: controller.map(|id| id.to_string()),
    };
    line("control", Who::of(about), &what)
}

/// What happened to a link for guests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkEvent {
    /// It was made.
    Made,
    /// It was ended, and so many sessions with it.
    Ended(usize),
}

/// The line for a link that somebody, whom `about` tells of, made or ended.
pub fn link_record(about: &About, id: &str, link: Option<&GuestLink>, event: LinkEvent) -> String {
    let what = Link {
        expires: link.map(|link| unix(link.terms.expires)),
        cut: match event {
            LinkEvent::Made => None,
            LinkEvent::Ended(cut) => Some(cut),
        },
    };
    let who = Who {
        link: Some(id),
        ..Who::of(about)
    };
    let event = match event {
        LinkEvent::Made => "link-made",
        LinkEvent::Ended(_) => "link-ended",
    };
    line(event, who, &what)
}

/// What every record has.
#[derive(Serialize)]
struct Record<'a, T> {
    event: &'a str,
    time: String,
    #[serde(flatten)]
    who: Who<'a>,
    #[serde(flatten)]
    what: &'a T,
}

#[derive(Serialize)]
struct Message<'a> {
    by: &'a str,
    text: &'a str,
    shown: bool,
}

#[derive(Serialize)]
struct Control<'a> {
    what: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    controller: Option<String>,
}

#[derive(Serialize)]
struct Link {
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<usize>,
}

#[derive(Serialize)]
struct Screenshot<'a> {
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
struct Start {
    view_only: bool,
    level: u8,
    policy: Allowed,
}

#[derive(Serialize)]
struct End<'a> {
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

/// A record on one line. JSON leaves some control characters as they are, which terminals obey.
fn line(event: &str, who: Who<'_>, what: &impl Serialize) -> String {
    let text = json(&Record {
        event,
        time: time::with(|times| times.iso8601().to_owned()),
        who,
        what,
    });
    if !text.contains(is_command) {
        return text;
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match is_command(char) {
            true => shown.push_str(&format!("\\u{:04x}", u32::from(char))),
            false => shown.push(char),
        }
    }
    shown
}

fn is_command(char: char) -> bool {
    matches!(char, '\u{7f}'..='\u{9f}')
}

fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LinkUse, Refusal, SessionId, Sessions, Subprotocol};

    fn read(line: &str) -> serde_json::Value {
        assert!(!line.contains(char::is_control), "one line: {line:?}");
        serde_json::from_str(line).unwrap()
    }

    #[test]
    fn both_records_say_who_was_where() {
        let about = About {
            id: Some(SessionId(7)),
            user: Some("ann \"a\"\nb\u{9b}31m".into()),
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
            assert_eq!(record["user"], "ann \"a\"\nb\u{9b}31m");
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
