//! What one session may do and how long it may wait.

mod permissions;
mod strictest;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use net::Resolver;
use net::log::ErrorLog;
use proto::rfb::Rules;

use crate::{Fence, LoginLimit, Password, TapSource, Tls};
pub(crate) use permissions::Terms;
pub use permissions::{Allowed, Permissions};

/// A session's policy as it starts. What of it can change later is in
/// [`Sessions::set_policy`](crate::Sessions::set_policy).
#[derive(Debug, Clone)]
pub struct Policy {
    /// The viewer may only watch; enforced here, not in the page.
    pub view_only: bool,
    /// The viewer's clipboard may reach the machine.
    pub clipboard_in: bool,
    /// The machine's clipboard may reach the viewer.
    pub clipboard_out: bool,
    /// Longer clipboards pass neither way; `None` is a mebibyte where streams are read anyway.
    pub clipboard_bytes_max: Option<u32>,
    /// The viewer may change the screen's size.
    pub resize: bool,
    /// The viewer may shut down and reset the machine.
    pub power: bool,
    /// The best JPEG quality that the viewer may ask for, 0 to 9.
    pub quality_max: u8,
    /// Who gets what the viewer is shown.
    pub taps: Vec<Arc<dyn TapSource>>,
    /// The password that the gateway shows to the server, so that the viewer needs none.
    pub password: Option<Password>,
    /// The user name that goes with it, for servers that want one.
    pub user: Option<String>,
    /// That password may go to the server in the clear, where it knows nothing better.
    pub plain_login: bool,
    /// TLS towards the server; `None` is never.
    pub tls: Option<Tls>,
    /// How many wrong passwords a person may type; `None` is any number.
    pub login_limit: Option<LoginLimit>,
    /// Takes the place of the name that the server gives its desktop, which commonly tells the
    /// machine's and its user's.
    pub title: Option<String>,
    /// How often the browser is pinged; one that does not answer is gone within two periods.
    /// Zero: never.
    pub ping: Duration,
    /// Ends a session without keys or pointer for so long.
    pub idle: Option<Duration>,
    /// Ends a session that is so old, from its upgrade on.
    pub session_max: Option<Duration>,
    /// Ends a session at this time of day, also if the host slept until then.
    pub until: Option<SystemTime>,
    /// Who knows the machine's name; otherwise the system does.
    pub names: Option<Names>,
    /// Which addresses may be reached; `None` is every one.
    pub fence: Option<Fence>,
    /// How long connecting to the machine may take, all of its addresses together.
    pub connect_timeout: Duration,
    /// How long the machine may take nothing of the input that waits for it.
    pub send_timeout: Duration,
    /// How long the machine may take for each step of the handshake.
    pub handshake_timeout: Duration,
    /// How long a person may take to log in.
    pub login_timeout: Duration,
}

/// A resolver of the configuration, and where it tells what goes wrong.
#[derive(Debug, Clone)]
pub struct Names {
    /// The name servers.
    pub resolver: Arc<Resolver>,
    /// The error log.
    pub log: ErrorLog,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            view_only: false,
            clipboard_in: true,
            clipboard_out: true,
            clipboard_bytes_max: None,
            resize: true,
            power: true,
            quality_max: 9,
            taps: Vec::new(),
            password: None,
            user: None,
            plain_login: false,
            tls: None,
            login_limit: Some(LoginLimit::default()),
            title: None,
            ping: Duration::from_secs(20),
            idle: None,
            session_max: None,
            until: None,
            names: None,
            fence: None,
            connect_timeout: Duration::from_secs(10),
            send_timeout: Duration::from_secs(60),
            handshake_timeout: Duration::from_secs(10),
            login_timeout: Duration::from_secs(300),
        }
    }
}

/// How much of a session the gateway reads: what its policy needs, and no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// The viewer's bytes are noted as they pass.
    Observe,
    /// The viewer's messages are written anew.
    Enforce,
    /// The server's messages are followed as well.
    BothSides,
}

impl Policy {
    /// The same machine in the same way, but nothing is done there and nothing ends it by itself.
    #[must_use]
    pub fn for_watching(self) -> Self {
        Self {
            view_only: true,
            clipboard_in: false,
            resize: false,
            power: false,
            idle: None,
            session_max: None,
            until: None,
            taps: Vec::default(),
            ..self
        }
    }

    /// Whether a machine is entered in the same way: with the same password and user, and with TLS
    /// that is set up in the same words. A certificate that was renewed where it stands is no
    /// other way.
    pub fn enters_as(&self, other: &Self) -> bool {
        let is_same_tls = match (&self.tls, &other.tls) {
            (None, None) => true,
            (Some(one), Some(other)) => one.is_set_up_as(other),
            _ => false,
        };
        is_same_tls && self.password == other.password && self.user == other.user
    }

    /// Whether what the viewer is shown is kept, which the person is told.
    pub fn is_recorded(&self) -> bool {
        self.taps.iter().any(|tap| tap.is_recording())
    }

    /// What the viewer may do.
    pub fn permissions(&self) -> Permissions {
        Permissions {
            view_only: self.view_only,
            clipboard_in: self.clipboard_in,
            clipboard_out: self.clipboard_out,
            clipboard_bytes_max: self.clipboard_bytes_max,
            resize: self.resize,
            power: self.power,
            quality_max: self.quality_max,
        }
    }

    /// What the person should know of it.
    pub fn allowed(&self) -> Allowed {
        self.permissions().allowed()
    }

    /// What holds for a session that runs.
    pub(crate) fn terms(&self) -> Terms {
        Terms {
            permissions: self.permissions(),
            controls: true,
            idle: self.idle,
            session_max: self.session_max,
            until: self.until,
        }
    }

    /// How much the session costs.
    pub(crate) fn level(&self) -> Level {
        let permissions = self.permissions();
        if !self.taps.is_empty() || permissions.concern_the_server() {
            Level::BothSides
        } else if permissions.restrict() {
            Level::Enforce
        } else {
            Level::Observe
        }
    }

    /// What must be enforced on the viewer's stream; `None` when it only needs to be observed.
    pub(crate) fn rules(&self) -> Option<Rules> {
        let level = self.level();
        let rules = Rules {
            desktop_name: self.title.is_none(),
            both_sides: level == Level::BothSides,
            ..self.terms().rules()
        };
        (level > Level::Observe).then_some(rules)
    }
}
