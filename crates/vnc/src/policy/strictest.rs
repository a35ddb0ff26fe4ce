//! Several policies as one: whatever all of them allow.

use std::sync::Arc;
use std::time::Duration;

use super::Policy;
use crate::LoginLimit;

impl Policy {
    /// The policy of a session that two places speak about, such as a location and a token: what
    /// may be done is what both allow, and of limits and times the smaller counts. Who taps the
    /// one also taps the other. What is no permission (credentials, title, resolver) comes from
    /// `self`, the more special of the two, and from `other` where `self` has none.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        // A password, its user and where it may go belong together.
        let (password, user, plain_login) = match self.password {
            Some(_) => (self.password, self.user, self.plain_login),
            None => (other.password, other.user, other.plain_login),
        };
        Self {
            view_only: self.view_only || other.view_only,
            clipboard_in: self.clipboard_in && other.clipboard_in,
            clipboard_out: self.clipboard_out && other.clipboard_out,
            clipboard_bytes_max: smaller(self.clipboard_bytes_max, other.clipboard_bytes_max),
            resize: self.resize && other.resize,
            power: self.power && other.power,
            quality_max: self.quality_max.min(other.quality_max),
            taps: {
                let mut taps = self.taps;
                for tap in other.taps {
                    if !taps.iter().any(|known| Arc::ptr_eq(known, &tap)) {
                        taps.push(tap);
                    }
                }
                taps
            },
            password,
            user,
            plain_login,
            tls: self.tls.or(other.tls),
            login_limit: stricter(self.login_limit, other.login_limit),
            title: self.title.or(other.title),
            ping: smaller(some(self.ping), some(other.ping)).unwrap_or_default(),
            idle: smaller(self.idle, other.idle),
            session_max: smaller(self.session_max, other.session_max),
            until: smaller(self.until, other.until),
            names: self.names.or(other.names),
            fence: self.fence.or(other.fence),
            connect_timeout: self.connect_timeout.min(other.connect_timeout),
            send_timeout: self.send_timeout.min(other.send_timeout),
            handshake_timeout: self.handshake_timeout.min(other.handshake_timeout),
            login_timeout: self.login_timeout.min(other.login_timeout),
        }
    }
}

/// The smaller of two limits, where `None` is no limit.
fn smaller<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The fewer failures, and the longer wait after them.
fn stricter(one: Option<LoginLimit>, other: Option<LoginLimit>) -> Option<LoginLimit> {
    match (one, other) {
        (Some(one), Some(other)) => Some(LoginLimit {
            failures: one.failures.min(other.failures),
            wait: one.wait.max(other.wait),
        }),
        (one, other) => one.or(other),
    }
}

/// A period, of which zero is none.
fn some(period: Duration) -> Option<Duration> {
    (!period.is_zero()).then_some(period)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::Password;
    use crate::policy::Level;

    #[test]
    fn what_both_allow_is_allowed_and_the_smaller_limit_counts() {
        let strict = Policy {
            view_only: true,
            clipboard_in: false,
            clipboard_out: false,
            clipboard_bytes_max: Some(10),
            resize: false,
            power: false,
            quality_max: 3,
            idle: Some(Duration::from_secs(5)),
            session_max: Some(Duration::from_secs(50)),
            until: Some(SystemTime::UNIX_EPOCH),
            ping: Duration::ZERO,
            connect_timeout: Duration::from_secs(1),
            ..Policy::default()
        };
        let loose = Policy {
            clipboard_bytes_max: Some(20),
            quality_max: 7,
            idle: Some(Duration::from_secs(9)),
            ..Policy::default()
        };
        for both in [
            strict.clone().strictest(loose.clone()),
            loose.strictest(strict.clone()),
        ] {
            assert_eq!(both.permissions(), strict.permissions());
            assert_eq!(
                (both.idle, both.session_max, both.until),
                (strict.idle, strict.session_max, strict.until)
            );
            assert_eq!(both.ping, Duration::from_secs(20), "no pings is no limit");
            assert_eq!(both.connect_timeout, Duration::from_secs(1));
        }
        let free = Policy::default().strictest(Policy::default());
        assert_eq!(free.permissions(), Policy::default().permissions());
        assert_eq!(free.level(), Level::Observe);
    }

    #[test]
    fn a_credential_and_a_title_come_from_the_more_special() {
        let password = |text: &str| Password::from_file(text.as_bytes()).ok();
        let token = Policy {
            password: password("token"),
            ..Policy::default()
        };
        let desktop = Policy {
            password: password("desktop"),
            title: Some("Office".into()),
            ..Policy::default()
        };
        let both = token.strictest(desktop);
        let expected = password("token").map(|password| password.bytes().to_vec());
        assert_eq!(
            both.password.map(|password| password.bytes().to_vec()),
            expected
        );
        assert_eq!(both.title.as_deref(), Some("Office"));
    }
}
