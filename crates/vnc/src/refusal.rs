//! What a person is told when there is no session, or no more.

use std::borrow::Cow;

use proto::ws::close;

use crate::json::Object;

/// Why a session was refused or ended by this side. Each has a sentence for the person, without
/// anything from inside the network, and a close code that says whether to come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The token is unknown, expired or used up.
    UnknownToken,
    /// No such desktop.
    UnknownDesktop,
    /// The page that asks is of an address that may not.
    ForeignPage,
    /// The person has no role here.
    NoRole,
    /// Too many sessions, or somebody else's.
    Busy,
    /// The machine's name does not resolve.
    NameNotFound,
    /// The machine, or the way to it, is down.
    HostDown,
    /// The machine runs, but nothing listens there.
    ConnectionRefused,
    /// The machine did not answer in time.
    Timeout,
    /// Something else than a VNC server answered, or nothing.
    NotVnc,
    /// The server wants no connection; its own words.
    ServerRefused(String),
    /// The person's password, or other credentials, were not accepted.
    WrongPassword,
    /// The server does not accept the password that is stored here.
    StoredPassword,
    /// The server asks for a login that cannot be passed on, or that the policy cannot follow.
    UnsupportedSecurity,
    /// The person did not log in, in time.
    LoginTimeout,
    /// The connection to the machine broke.
    Lost,
    /// The machine ended the session.
    ServerClosed,
    /// An operator ended the session; the words for the person, possibly none.
    Cut(String),
    /// The desktop, the token or the role is gone.
    Removed,
    /// What the viewer may do has changed, and the session cannot be held to that.
    PolicyChanged,
    /// The session must not go on without being recorded.
    NotRecorded,
    /// The server sent what cannot be followed, and the policy needs that it is.
    NotFollowed,
    /// No keys and no pointer for too long.
    Idle,
    /// The session's time is over.
    TimeOver,
    /// The viewer sent what it must not send.
    Violation,
    /// The viewer broke the WebSocket protocol; the close code that says how.
    BadFrames(u16),
    /// The gateway restarts.
    Restart,
    /// The gateway itself failed.
    Internal,
}

impl Refusal {
    /// The sentence for the person: ASCII, since RFB promises no more, and short enough for a
    /// close frame.
    pub fn sentence(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::UnknownToken => "This link is not valid or has expired.",
            Self::UnknownDesktop => "There is no such desktop.",
            Self::ForeignPage => {
                "Pages of this address may not open desktops here (see vnc_origin)."
            }
            Self::NoRole => "You have no access to this desktop.",
            Self::Busy => "There are too many sessions at the moment.",
            Self::NameNotFound => "The machine's name is not known on this network.",
            Self::HostDown => "The machine cannot be reached; it may be switched off.",
            Self::ConnectionRefused => "The machine is up, but its desktop does not run.",
            Self::Timeout => "The machine did not answer in time.",
            Self::NotVnc => "What answered is not a VNC server.",
            Self::ServerRefused(words) if !words.is_empty() => {
                return format!("The desktop refused: {words}").into();
            }
            Self::ServerRefused(_) => "The desktop refused the connection.",
            Self::WrongPassword => "The password was not accepted; authentication failed.",
            Self::StoredPassword => "The desktop does not accept the password stored for it.",
            Self::UnsupportedSecurity => "The desktop asks for a login that is not supported here.",
            Self::LoginTimeout => "Logging in took too long.",
            Self::Lost => "The connection to the machine was lost.",
            Self::ServerClosed => "The machine ended the session.",
            Self::Cut(words) if !words.is_empty() => return words.clone().into(),
            Self::Cut(_) => "An operator ended the session.",
            Self::Removed => "You have no access to this desktop any more.",
            Self::PolicyChanged => "What you may do here has changed; please connect again.",
            Self::NotRecorded => "The session ended because it could not be recorded.",
            Self::NotFollowed => "The desktop sent something that the gateway does not understand.",
            Self::Idle => "The session ended because nobody used it.",
            Self::TimeOver => "The session's time is over.",
            Self::Violation => "The viewer sent something that is not allowed here.",
            Self::BadFrames(_) => "The viewer broke the WebSocket protocol.",
            Self::Restart => "The gateway restarts.",
            Self::Internal => "The gateway failed; its log says more.",
        })
    }

    /// The code of the close frame. 4401, 4403, 4404, 4408 and 4410 ask not to come back by
    /// oneself, 4502 and 1012 to try again. 1000 follows a refusal that RFB itself has told.
    pub fn close_code(&self) -> u16 {
        match self {
            Self::UnknownToken => 4401,
            Self::NoRole | Self::ForeignPage => 4403,
            Self::UnknownDesktop => 4404,
            Self::Idle | Self::TimeOver | Self::LoginTimeout => 4408,
            Self::Cut(_) | Self::Removed | Self::NotRecorded => 4410,
            Self::NameNotFound
            | Self::HostDown
            | Self::ConnectionRefused
            | Self::Timeout
            | Self::NotVnc
            | Self::Lost
            | Self::ServerClosed => 4502,
            Self::ServerRefused(_)
            | Self::WrongPassword
            | Self::StoredPassword
            | Self::UnsupportedSecurity => close::NORMAL,
            Self::Violation => close::POLICY_VIOLATION,
            Self::BadFrames(code) => *code,
            Self::Restart | Self::PolicyChanged => close::SERVICE_RESTART,
            Self::Busy => 1013,
            Self::Internal | Self::NotFollowed => close::INTERNAL_ERROR,
        }
    }

    /// One word for logs and statistics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::UnknownToken => "unknown-token",
            Self::UnknownDesktop => "unknown-desktop",
            Self::ForeignPage => "foreign-page",
            Self::NoRole => "no-role",
            Self::Busy => "busy",
            Self::NameNotFound => "name-not-found",
            Self::HostDown => "host-down",
            Self::ConnectionRefused => "connection-refused",
            Self::Timeout => "timeout",
            Self::NotVnc => "not-vnc",
            Self::ServerRefused(_) => "server-refused",
            Self::WrongPassword => "wrong-password",
            Self::StoredPassword => "stored-password",
            Self::UnsupportedSecurity => "unsupported-security",
            Self::LoginTimeout => "login-timeout",
            Self::Lost => "lost",
            Self::ServerClosed => "server-closed",
            Self::Cut(_) => "cut",
            Self::Removed => "removed",
            Self::PolicyChanged => "policy-changed",
            Self::NotRecorded => "not-recorded",
            Self::NotFollowed => "not-followed",
            Self::Idle => "idle",
            Self::TimeOver => "time-over",
            Self::Violation => "violation",
            Self::BadFrames(_) => "bad-frames",
            Self::Restart => "restart",
            Self::Internal => "internal",
        }
    }
}

/// What the viewer's page is told before it connects, as JSON: that it may, or why not.
pub fn forecast(goal: Result<(), &Refusal>, title: Option<&str>, view_only: bool) -> String {
    let mut out = String::new();
    let mut object = Object::begin(&mut out);
    match goal {
        Ok(()) => object.text("status", "ok").plain("view_only", view_only),
        Err(refusal) => object
            .text("status", "refused")
            .plain("code", refusal.close_code())
            .text("reason", &refusal.sentence()),
    };
    object.text_if("title", title).end();
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_tells_what_a_session_would() {
        assert_eq!(
            forecast(Ok(()), Some("Office"), true),
            "{\"status\":\"ok\",\"view_only\":true,\"title\":\"Office\"}"
        );
        assert_eq!(
            forecast(Err(&Refusal::UnknownToken), None, false),
            "{\"status\":\"refused\",\"code\":4401,\
             \"reason\":\"This link is not valid or has expired.\"}"
        );
    }
}
