//! What programs and pages are told of sessions: JSON.

use std::time::{Duration, SystemTime};

use net::TcpHealth;
use serde::{Serialize, Serializer};

use super::Session;
use crate::policy::Allowed;
use crate::{About, Role};

/// Who asks for the list, which the answer tells a page, so that it offers only what may be done.
#[derive(Debug, Clone, Serialize)]
pub struct Asking {
    /// What the person may do with sessions.
    pub role: Role,
    /// The person, when one has signed in.
    pub user: Option<String>,
    /// Whether the person came in by a form, and so can sign out.
    pub sign_out: bool,
}

/// Who is where.
#[derive(Serialize)]
pub(crate) struct Who<'a> {
    pub(crate) id: Option<String>,
    pub(crate) user: Option<&'a str>,
    pub(crate) role: Role,
    pub(crate) client: &'a str,
    pub(crate) desktop: &'a str,
    pub(crate) title: &'a str,
    pub(crate) target: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) guest_of: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) watches: Option<String>,
}

/// The list of sessions.
#[derive(Serialize)]
pub(super) struct List<'a> {
    #[serde(flatten)]
    pub(super) asking: &'a Asking,
    pub(super) sessions: Vec<View<'a>>,
}

/// A session as JSON shows it.
#[derive(Serialize)]
pub(crate) struct View<'a> {
    #[serde(flatten)]
    who: Who<'a>,
    started: u64,
    duration_s: u64,
    connected: bool,
    view_only: bool,
    controls: bool,
    recorded: bool,
    level: u8,
    bytes_down: u64,
    bytes_up: u64,
    frames_down: u64,
    messages_up: u64,
    last_input_s: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "millis")]
    rtt_ms: Option<Duration>,
    tcp: Tcp,
    policy: Allowed,
}

#[derive(Serialize)]
struct Tcp {
    viewer: Option<Leg>,
    server: Option<Leg>,
}

#[derive(Serialize)]
struct Leg {
    rtt_ms: f64,
    retransmits: u32,
}

impl Leg {
    fn of(health: TcpHealth) -> Self {
        Self {
            rtt_ms: to_millis(health.rtt),
            retransmits: health.retransmits,
        }
    }
}

impl<'a> Who<'a> {
    /// What is known before a session starts.
    pub(crate) fn of(about: &'a About) -> Self {
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

impl<'a> View<'a> {
    pub(crate) fn of(session: &'a Session) -> Self {
        let about = &session.about;
        Self {
            who: Who {
                id: Some(session.id.to_string()),
                desktop: about.known_as(),
                ..Who::of(about)
            },
            started: unix(session.start),
            duration_s: session.age.as_secs(),
            connected: session.connected,
            view_only: session.view_only,
            controls: session.controls,
            recorded: session.recorded,
            level: session.level,
            bytes_down: session.bytes_out,
            bytes_up: session.bytes_in,
            frames_down: session.frames_out,
            messages_up: session.messages_in,
            last_input_s: session.idle.map(|time| time.as_secs()),
            rtt_ms: session.rtt,
            tcp: Tcp {
                viewer: session.viewer_tcp.map(Leg::of),
                server: session.server_tcp.map(Leg::of),
            },
            policy: session.allowed,
        }
    }
}

/// Any of the values here as text: all of them are strings, numbers and lists.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Seconds since 1970.
pub fn unix(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

pub(crate) fn to_millis(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

fn millis<S: Serializer>(time: &Option<Duration>, out: S) -> Result<S::Ok, S::Error> {
    time.map(to_millis).serialize(out)
}
