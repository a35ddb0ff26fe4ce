//! What one session may do and how long it may wait.

use std::sync::Arc;
use std::time::Duration;

use net::Resolver;
use net::log::ErrorLog;
use proto::rfb::Rules;
use serde::Serialize;

use crate::{LoginLimit, Password, Tls};

/// A session's policy, fixed when it starts.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The viewer may only watch; enforced here, not in the page.
    pub view_only: bool,
    /// The viewer's clipboard may reach the machine.
    pub clipboard_in: bool,
    /// Longer cut texts do not pass when the stream is enforced.
    pub clipboard_bytes_max: u32,
    /// The viewer may change the screen's size.
    pub resize: bool,
    /// The viewer may shut down and reset the machine.
    pub power: bool,
    /// The best JPEG quality that the viewer may ask for, 0 to 9.
    pub quality_max: u8,
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
    /// Ends a session that is so old.
    pub session_max: Option<Duration>,
    /// Who knows the machine's name; otherwise the system does.
    pub names: Option<Names>,
    /// How long connecting to the machine may take, all of its addresses together.
    pub connect_timeout: Duration,
    /// How long the machine may take for each step of the handshake.
    pub handshake_timeout: Duration,
    /// How long a person may take to log in.
    pub login_timeout: Duration,
}

/// What of a policy the person should know, besides whether there is only watching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Allowed {
    /// The viewer's clipboard may reach the machine.
    pub clipboard_in: bool,
    /// The viewer may change the screen's size.
    pub resize: bool,
    /// The viewer may shut down and reset the machine.
    pub power: bool,
    /// The best JPEG quality that the viewer may ask for.
    pub quality_max: u8,
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
            clipboard_bytes_max: 1 << 20,
            resize: true,
            power: true,
            quality_max: 9,
            password: None,
            user: None,
            plain_login: false,
            tls: None,
            login_limit: Some(LoginLimit::default()),
            title: None,
            ping: Duration::from_secs(20),
            idle: None,
            session_max: None,
            names: None,
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            login_timeout: Duration::from_secs(300),
        }
    }
}

impl Policy {
    /// What the viewer may do.
    pub fn allowed(&self) -> Allowed {
        Allowed {
            clipboard_in: self.clipboard_in,
            resize: self.resize,
            power: self.power,
            quality_max: self.quality_max,
        }
    }

    /// How closely the session must be followed: 0 is observing, 1 is enforcing rules on what the
    /// viewer sends.
    pub fn level(&self) -> u8 {
        u8::from(self.rules().is_some())
    }

    /// What must be enforced on the viewer's stream; `None` when it only needs to be observed.
    pub(crate) fn rules(&self) -> Option<Rules> {
        let rules = Rules {
            view_only: self.view_only,
            clipboard_in: self.clipboard_in,
            clipboard_bytes_max: self.clipboard_bytes_max,
            resize: self.resize,
            power: self.power,
            quality_max: self.quality_max,
            desktop_name: self.title.is_none(),
        };
        let restricted = self.view_only
            || !self.clipboard_in
            || !self.resize
            || !self.power
            || self.quality_max < 9;
        restricted.then_some(rules)
    }
}
