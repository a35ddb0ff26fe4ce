//! What is known of a session, before it starts and while it lives.

use std::fmt;
use std::time::{Duration, SystemTime};

use net::TcpHealth;

use super::{Holder, Limits};
use crate::journal::Notes;
use crate::policy::Allowed;
use crate::{Policy, Role, Target};

/// What is known of a session before it starts.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The name that it is to have; without one, a random one is made.
    pub id: Option<SessionId>,
    /// The browser's address, as the access log has it.
    pub client: String,
    /// The person, when one has signed in.
    pub user: Option<String>,
    /// What the person is to the desktop.
    pub role: Role,
    /// The link that led here, for a guest who watches.
    pub link: Option<LinkUse>,
    /// The session whose desktop an operator watches.
    pub watches: Option<SessionId>,
    /// The desktop's name, if it has one.
    pub desktop: String,
    /// The desktop's name for people, if it has one.
    pub title: String,
    /// Where the machine is, if it goes anywhere.
    pub target: String,
    /// The token that led here, masked ([`mask_token`](crate::mask_token)).
    pub token: Option<String>,
    /// How many sessions there may be.
    pub limits: Limits,
    /// Whoever is at a machine for one is to make room.
    pub take_over: bool,
    /// Who is refused for how long, once the session was cut.
    pub hold: Option<(Holder, Duration)>,
    /// Where it is written what people do to it.
    pub notes: Notes,
}

/// A link by which somebody came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkUse {
    /// Its name, which opens nothing.
    pub id: String,
    /// Who made it, if that is known.
    pub by: Option<String>,
}

impl About {
    /// Whom wrong passwords are counted for: the person, or else whoever is at the address.
    pub(crate) fn person(&self) -> &str {
        self.user.as_deref().unwrap_or(&self.client)
    }

    /// The desktop's name, or what it is called for people where it has none.
    pub fn known_as(&self) -> &str {
        match self.desktop.is_empty() {
            true => &self.title,
            false => &self.desktop,
        }
    }

    /// Who it is, as others are told.
    pub fn name(&self) -> Option<String> {
        match &self.link {
            None => self.user.clone(),
            Some(LinkUse { by: Some(by), .. }) => Some(format!("guest of {by}")),
            Some(_) => Some("guest".to_owned()),
        }
    }
}

/// A session's name: random, so that knowing one's own says nothing about others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SessionId(pub(crate) u128);

impl SessionId {
    /// A new one.
    pub fn random() -> std::io::Result<Self> {
        let mut bytes = [0; 16];
        let got = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
        // Up to 256 bytes come at once or not at all.
        debug_assert_eq!(got, bytes.len());
        Ok(Self(u128::from_ne_bytes(bytes)))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl From<SessionId> for recording::Id {
    /// A recording has its session's name.
    fn from(id: SessionId) -> Self {
        Self(id.0)
    }
}

impl std::str::FromStr for SessionId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

/// A live session as it was at the moment of asking.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Who and where to.
    pub about: About,
    /// When the browser's upgrade was accepted.
    pub start: SystemTime,
    /// The screen is shown; before that, the handshake.
    pub connected: bool,
    /// Somebody ended it, and its viewer is being told.
    pub ending: bool,
    /// The viewer may only watch, be it for good or because another one controls.
    pub view_only: bool,
    /// The viewer's keys reach the machine.
    pub controls: bool,
    /// How much of the session is read: 0 the viewer's stream in passing, 1 that stream enforced,
    /// 2 the server's as well.
    pub level: u8,
    /// What the viewer is shown is kept.
    pub recorded: bool,
    /// What the viewer may do at most.
    pub allowed: Allowed,
    /// Bytes of RFB towards the viewer.
    pub bytes_out: u64,
    /// Bytes of RFB from the viewer.
    pub bytes_in: u64,
    /// Frames towards the viewer.
    pub frames_out: u64,
    /// RFB messages of the viewer, as far as they could be followed.
    pub messages_in: u64,
    /// How long it has lasted.
    pub age: Duration,
    /// How long ago there was a key or the pointer; `None` if there never was.
    pub idle: Option<Duration>,
    /// The latest ping's time to the browser and back.
    pub rtt: Option<Duration>,
    /// The connection to the browser, as of the latest ping.
    pub viewer_tcp: Option<TcpHealth>,
    /// The connection to the machine, as of the latest ping.
    pub server_tcp: Option<TcpHealth>,
}

/// A session as somebody may watch it.
#[derive(Debug, Clone)]
pub struct Watch {
    /// The session.
    pub id: SessionId,
    /// Its machine.
    pub machine: Target,
    /// How the machine is reached, for watching only.
    pub policy: Policy,
    /// The desktop's name, if it has one.
    pub desktop: String,
    /// Its name for people.
    pub title: String,
}
