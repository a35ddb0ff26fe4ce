//! Words for the pages of sessions.

use std::time::Duration;

use serde::Serialize;

use super::view;
use super::{Entry, SessionId, Sessions};
use crate::journal::message_record;

impl Sessions {
    /// Shows words in the page of a session: whether it is a page that can. `None` when there is
    /// no such session.
    pub fn say(&self, id: SessionId, from: &str, text: &str) -> Option<bool> {
        let entry = self.entry(id)?;
        Some(say_to(&entry, from, text))
    }

    /// Shows words in the pages of all sessions; says in how many.
    pub fn say_to_all(&self, from: &str, text: &str) -> usize {
        let entries: Vec<_> = self.lock().values().cloned().collect();
        let told = entries.iter().filter(|entry| say_to(entry, from, text));
        told.count()
    }

    /// Tells all pages that their sessions end for a restart, so soon.
    pub fn warn_of_restart(&self, left: Duration) -> usize {
        self.tell_all(&view::json(&Warning {
            kind: "warning",
            reason: "restart",
            seconds: left.as_secs(),
        }))
    }

    /// Tells the page of a session that it ends for this reason, so soon.
    pub fn warn(&self, id: SessionId, reason: &str, left: Duration) {
        let warning = Warning {
            kind: "warning",
            reason,
            seconds: left.as_secs(),
        };
        if let Some(entry) = self.entry(id) {
            entry.say(view::json(&warning));
        }
    }

    /// Tells the page of a session that the end which it was warned of does not come.
    pub fn warning_is_over(&self, id: SessionId, reason: &str) {
        let over = WarningOver {
            kind: "warning",
            reason,
            over: true,
        };
        if let Some(entry) = self.entry(id) {
            entry.say(view::json(&over));
        }
    }

    fn tell_all(&self, text: &str) -> usize {
        let entries: Vec<_> = self.lock().values().cloned().collect();
        let told = entries.iter().filter(|entry| entry.say(text.to_owned()));
        told.count()
    }
}

/// Shows words in the page of a session, and notes them.
fn say_to(entry: &Entry, from: &str, text: &str) -> bool {
    let shown = entry.say(message(from, text));
    let about = entry.about();
    about
        .notes
        .write(|| message_record(about, from, text, shown));
    shown
}

fn message(from: &str, text: &str) -> String {
    view::json(&Message {
        kind: "message",
        from,
        text,
    })
}

#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    from: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct Warning<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    reason: &'a str,
    seconds: u64,
}

#[derive(Serialize)]
struct WarningOver<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    reason: &'a str,
    over: bool,
}
