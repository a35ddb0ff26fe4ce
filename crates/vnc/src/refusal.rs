//! What a person is told when there is no session, or no more.

use std::borrow::Cow;
use std::time::Duration;

use proto::ws::close;

/// Why a session was refused or ended by this side. Each has a sentence for the person, without
/// anything from inside the network, and a close code that says whether to come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The token is unknown or expired.
    UnknownToken,
    /// The token was for one use.
    UsedUp,
    /// The token is for another person, or for another network.
    NotYours,
    /// No such desktop.
    UnknownDesktop,
    /// The page that asks is of an address that may not.
    ForeignPage,
    /// The person has no role here.
    NoRole,
    /// Pictures of this desktop are not given out.
    NoScreenshots,
    /// Too many sessions.
    Busy,
    /// The machine is for one, and somebody is there.
    InUse {
        /// Who, if that is known.
        by: Option<String>,
        /// The person may be asked whether to take over.
        may_take_over: bool,
    },
    /// Somebody, if it is known who, has taken over the machine.
    TakenOver(Option<String>),
    /// The session that was watched is over.
    WatchedIsOver,
    /// The link by which a guest came was ended.
    LinkEnded,
    /// The machine's address is not among those that may be reached.
    Fenced,
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
    /// The same was found a short time ago, and is not tried again so long.
    StoredPasswordRests(Duration),
    /// The machine wants a password, and none is stored for the gateway's own use.
    NoStoredPassword,
    /// The person has typed too many wrong passwords, and waits so long.
    TooManyFailures(Duration),
    /// The server does not offer the encryption that the configuration asks for.
    NoEncryption,
    /// The server's certificate is not one that the configuration trusts.
    UntrustedCertificate,
    /// The server's public key, which has no certificate, is not one that the configuration trusts.
    UntrustedKey,
    /// TLS towards the server failed.
    TlsFailed,
    /// A far gateway refuses: it knows no such token or desktop, or not us.
    FarRefused,
    /// A far gateway could not reach the machine, or failed itself.
    FarFailed,
    /// The server asks for a login that cannot be passed on, or that the policy cannot follow.
    UnsupportedSecurity,
    /// The person did not log in, in time.
    LoginTimeout,
    /// The connection to the machine broke.
    Lost,
    /// The machine took nothing of what the viewer sent, for too long.
    TakesNoInput,
    /// The machine ended the session.
    ServerClosed,
    /// An operator ended the session; the words for the person, possibly none.
    Cut(String),
    /// The desktop, the token or the role is gone.
    Removed,
    /// The desktop is another machine now, or has another credential.
    Changed,
    /// The gateway's own address for the desktop is another.
    Moved,
    /// The person's password for the gateway is another.
    PasswordChanged,
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
    /// The sentence for the person: ASCII and short enough for a close frame, unless an operator
    /// chose the words.
    pub fn sentence(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::UnknownToken => "This link is not valid or has expired.",
            Self::UsedUp => "This link has been used; it was good for one time.",
            Self::NotYours => "This link is for another person or another network.",
            Self::UnknownDesktop => "There is no such desktop.",
            Self::ForeignPage => {
                "Pages of this address may not open desktops here (see vnc_origin)."
            }
            Self::NoRole => "You have no access to this desktop.",
            Self::NoScreenshots => "Screenshots of this desktop are switched off.",
            Self::Busy => "There are too many sessions at the moment.",
            Self::InUse { by: Some(by), .. } => return format!("In use by {by}.").into(),
            Self::InUse { by: None, .. } => "In use by somebody else.",
            Self::TakenOver(by) => return taken_over(by.as_deref()).into(),
            Self::WatchedIsOver => "The session that was watched is over.",
            Self::LinkEnded => "The link to this desktop was ended.",
            Self::Fenced => "This gateway may not connect to that machine.",
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
            Self::StoredPasswordRests(wait) => {
                return format!(
                    "The desktop does not accept the password stored for it. It is tried again \
                     in {}.",
                    in_words(*wait)
                )
                .into();
            }
            Self::NoStoredPassword => "The desktop wants a password, and none is stored for it.",
            Self::TooManyFailures(wait) => {
                let wait = in_words(*wait);
                let told =
                    format!("Too many wrong passwords for this desktop. Try again in {wait}.");
                return told.into();
            }
            Self::NoEncryption => "The desktop does not offer the encryption that is required.",
            Self::UntrustedCertificate => "The desktop's certificate is not trusted here.",
            Self::UntrustedKey => "The desktop's key is not trusted here.",
            Self::TlsFailed => "The encrypted connection to the desktop failed.",
            Self::FarRefused => "The gateway in front of the machine gives no access to it.",
            Self::FarFailed => "The gateway in front of the machine could not reach it.",
            Self::UnsupportedSecurity => "The desktop asks for a login that is not supported here.",
            Self::LoginTimeout => "Logging in took too long.",
            Self::Lost => "The connection to the machine was lost.",
            Self::TakesNoInput => "The machine took no input for too long; it may hang.",
            Self::ServerClosed => "The machine ended the session.",
            Self::Cut(words) if !words.is_empty() => return words.clone().into(),
            Self::Cut(_) => "An operator ended the session.",
            Self::Removed => "You have no access to this desktop any more.",
            Self::Changed => "The desktop was set up anew; connecting again leads to it.",
            Self::Moved => "This desktop is reached at another address of the gateway now.",
            Self::PasswordChanged => "Your password was changed; please sign in again.",
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

    /// The same for RFB, which promises no more than ASCII.
    pub(crate) fn ascii_sentence(&self) -> Cow<'static, str> {
        match self {
            Self::Cut(words) if !words.is_ascii() => Self::Cut(String::new()).sentence(),
            Self::InUse { by: Some(by), .. } if !by.is_ascii() => "In use by somebody else.".into(),
            Self::TakenOver(Some(by)) if !by.is_ascii() => Self::TakenOver(None).sentence(),
            _ => self.sentence(),
        }
    }

    /// The code of the close frame. 4401, 4403, 4404, 4408 and 4410 ask not to come back by
    /// oneself, 4502 and 1012 to try again. 1000 follows a refusal that RFB itself has told.
    pub fn close_code(&self) -> u16 {
        match self {
            Self::UnknownToken | Self::UsedUp => 4401,
            Self::NotYours
            | Self::NoRole
            | Self::NoScreenshots
            | Self::Fenced
            | Self::ForeignPage
            | Self::FarRefused => 4403,
            Self::UnknownDesktop | Self::WatchedIsOver => 4404,
            Self::Idle | Self::TimeOver | Self::LoginTimeout => 4408,
            Self::InUse { .. } => 4409,
            Self::Cut(_)
            | Self::Removed
            | Self::PasswordChanged
            | Self::TakenOver(_)
            | Self::LinkEnded
            | Self::NotRecorded => 4410,
            Self::NameNotFound
            | Self::HostDown
            | Self::ConnectionRefused
            | Self::Timeout
            | Self::NotVnc
            | Self::TlsFailed
            | Self::FarFailed
            | Self::Lost
            | Self::TakesNoInput
            | Self::ServerClosed => 4502,
            Self::ServerRefused(_)
            | Self::WrongPassword
            | Self::StoredPassword
            | Self::StoredPasswordRests(_)
            | Self::NoStoredPassword
            | Self::TooManyFailures(_)
            | Self::NoEncryption
            | Self::UntrustedCertificate
            | Self::UntrustedKey
            | Self::UnsupportedSecurity => close::NORMAL,
            Self::Violation => close::POLICY_VIOLATION,
            Self::BadFrames(code) => *code,
            Self::Restart | Self::Changed | Self::Moved | Self::PolicyChanged => {
                close::SERVICE_RESTART
            }
            Self::Busy => 1013,
            Self::Internal | Self::NotFollowed => close::INTERNAL_ERROR,
        }
    }

    /// What a page is warned of before a session ends for this: one word, which says whether
    /// coming back helps.
    pub fn warning(&self) -> &'static str {
        match self {
            Self::Changed | Self::Moved => "changed",
            Self::PasswordChanged => "password",
            _ => "removed",
        }
    }

    /// One word for logs and statistics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::UnknownToken => "unknown-token",
            Self::UsedUp => "used-up",
            Self::NotYours => "not-yours",
            Self::UnknownDesktop => "unknown-desktop",
            Self::ForeignPage => "foreign-page",
            Self::NoRole => "no-role",
            Self::NoScreenshots => "no-screenshots",
            Self::Busy => "busy",
            Self::InUse { .. } => "in-use",
            Self::TakenOver(_) => "taken-over",
            Self::WatchedIsOver => "watched-is-over",
            Self::LinkEnded => "link-ended",
            Self::Fenced => "fenced",
            Self::NameNotFound => "name-not-found",
            Self::HostDown => "host-down",
            Self::ConnectionRefused => "connection-refused",
            Self::Timeout => "timeout",
            Self::NotVnc => "not-vnc",
            Self::ServerRefused(_) => "server-refused",
            Self::WrongPassword => "wrong-password",
            Self::StoredPassword => "stored-password",
            Self::StoredPasswordRests(_) => "stored-password-rests",
            Self::NoStoredPassword => "no-stored-password",
            Self::TooManyFailures(_) => "too-many-failures",
            Self::NoEncryption => "no-encryption",
            Self::UntrustedCertificate => "untrusted-certificate",
            Self::UntrustedKey => "untrusted-key",
            Self::TlsFailed => "tls-failed",
            Self::FarRefused => "far-refused",
            Self::FarFailed => "far-failed",
            Self::UnsupportedSecurity => "unsupported-security",
            Self::LoginTimeout => "login-timeout",
            Self::Lost => "lost",
            Self::TakesNoInput => "takes-no-input",
            Self::ServerClosed => "server-closed",
            Self::Cut(_) => "cut",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Moved => "moved",
            Self::PasswordChanged => "password-changed",
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

/// A wait as people say it, never shorter than it is.
fn in_words(wait: Duration) -> String {
    let seconds = wait.as_millis().div_ceil(1000).max(1);
    match seconds {
        1 => "1 second".to_owned(),
        2..120 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}

fn taken_over(by: Option<&str>) -> String {
    let by = by.unwrap_or("Somebody else");
    format!("{by} has taken over this desktop.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_in_words() {
        let told = |millis| Refusal::TooManyFailures(Duration::from_millis(millis)).sentence();
        assert!(told(10).ends_with("Try again in 1 second."));
        assert!(told(29_001).ends_with("Try again in 30 seconds."));
        assert!(told(121_000).ends_with("Try again in 3 minutes."));
        let rests = Refusal::StoredPasswordRests(Duration::from_secs(900)).sentence();
        assert!(
            rests.len() <= 123,
            "{} bytes fit no close frame",
            rests.len()
        );
    }
}
