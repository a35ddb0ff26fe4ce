//! What a viewer's page is told before it connects.

use std::time::Duration;

use serde::Serialize;

use crate::policy::Allowed;
use crate::sessions::view::json;
use crate::{Policy, Refusal, Role};

/// A session as it would be.
#[derive(Debug)]
pub struct Forecast<'a> {
    /// The person, when one has signed in.
    pub user: Option<&'a str>,
    /// What the person is to the desktop.
    pub role: Role,
    /// Whether the person came in by the gateway's own form, and so may leave by it.
    pub sign_out: bool,
    /// What the session may do.
    pub policy: &'a Policy,
    /// How long links for guests may be open, if the person may make any.
    pub links: Option<Duration>,
    /// Whether a picture of the screen may be had.
    pub screenshot: bool,
}

/// The answer as JSON: that a session may be opened and how, or why not.
pub fn forecast(goal: Result<&Forecast<'_>, &Refusal>, title: Option<&str>) -> String {
    match goal {
        Ok(forecast) => json(&forecast.answer(title)),
        Err(refusal) => json(&Refused {
            status: "refused",
            code: refusal.close_code(),
            reason: &refusal.sentence(),
            by: match refusal {
                Refusal::InUse { by, .. } => by.as_deref(),
                _ => None,
            },
            title,
            take_over: matches!(
                refusal,
                Refusal::InUse {
                    may_take_over: true,
                    ..
                }
            ),
        }),
    }
}

#[derive(Serialize)]
struct Granted<'a> {
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    role: Role,
    view_only: bool,
    policy: Allowed,
    links: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    links_max_s: Option<u64>,
    sign_out: bool,
    recorded: bool,
    screenshot: bool,
    idle_timeout_s: Option<u64>,
    session_max_s: Option<u64>,
}

#[derive(Serialize)]
struct Refused<'a> {
    status: &'a str,
    code: u16,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    take_over: bool,
}

impl<'a> Forecast<'a> {
    /// How long a session may last that begins now.
    fn lasts(&self) -> Option<Duration> {
        let until = self.policy.until;
        let left = until.map(|at| at.duration_since(net::clock::wall()).unwrap_or_default());
        self.policy.session_max.into_iter().chain(left).min()
    }

    fn answer(&self, title: Option<&'a str>) -> Granted<'a> {
        let seconds = |time: Duration| time.as_secs();
        Granted {
            status: "ok",
            title,
            user: self.user,
            role: self.role,
            view_only: self.policy.view_only,
            policy: self.policy.allowed(),
            links: self.links.is_some(),
            links_max_s: self.links.map(seconds),
            sign_out: self.sign_out,
            recorded: self.policy.is_recorded(),
            screenshot: self.screenshot,
            idle_timeout_s: self.policy.idle.map(seconds),
            session_max_s: self.lasts().map(seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_tells_what_a_session_would() {
        let policy = Policy {
            view_only: true,
            idle: Some(Duration::from_secs(60)),
            ..Policy::default()
        };
        let ok = Forecast {
            user: Some("ann"),
            role: Role::View,
            sign_out: false,
            policy: &policy,
            links: Some(Duration::from_secs(3600)),
            screenshot: true,
        };
        assert_eq!(
            forecast(Ok(&ok), Some("Office")),
            "{\"status\":\"ok\",\"title\":\"Office\",\"user\":\"ann\",\"role\":\"view\",\
             \"view_only\":true,\"policy\":{\"clipboard_in\":true,\
             \"clipboard_out\":true,\"resize\":true,\"power\":true,\"quality_max\":9},\
             \"links\":true,\"links_max_s\":3600,\"sign_out\":false,\"recorded\":false,\"screenshot\":true,\
             \"idle_timeout_s\":60,\"session_max_s\":null}"
        );
        assert_eq!(
            forecast(Err(&Refusal::UnknownToken), None),
            "{\"status\":\"refused\",\"code\":4401,\
             \"reason\":\"This link is not valid or has expired.\"}"
        );
    }
}
