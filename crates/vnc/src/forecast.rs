//! What a viewer's page is told before it connects.

use crate::json::Object;
use crate::{Policy, Refusal, Role};

/// A session as it would be.
#[derive(Debug)]
pub struct Forecast<'a> {
    /// The person, when one has signed in.
    pub user: Option<&'a str>,
    /// What the person is to the desktop.
    pub role: Role,
    /// What the session may do.
    pub policy: &'a Policy,
}

/// The answer as JSON: that a session may be opened and how, or why not.
pub fn forecast(goal: Result<&Forecast<'_>, &Refusal>, title: Option<&str>) -> String {
    let mut out = String::new();
    let mut object = Object::begin(&mut out);
    match goal {
        Ok(forecast) => forecast.write(&mut object),
        Err(refusal) => {
            object
                .text("status", "refused")
                .plain("code", refusal.close_code())
                .text("reason", &refusal.sentence());
        }
    }
    object.text_if("title", title).end();
    out
}

impl Forecast<'_> {
    fn write(&self, object: &mut Object<'_>) {
        let policy = self.policy;
        let mut allowed = String::new();
        let mut inner = Object::begin(&mut allowed);
        inner
            .plain("clipboard_in", policy.clipboard_in)
            .plain("resize", policy.resize)
            .plain("power", policy.power)
            .plain("quality_max", policy.quality_max)
            .end();
        let seconds = |time: Option<std::time::Duration>| {
            time.map_or_else(|| "null".to_owned(), |time| time.as_secs().to_string())
        };
        object
            .text("status", "ok")
            .text_if("user", self.user)
            .text("role", self.role.word())
            .plain("view_only", policy.view_only)
            .plain("policy", allowed)
            .plain("idle_timeout_s", seconds(policy.idle))
            .plain("session_max_s", seconds(policy.session_max));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_tells_what_a_session_would() {
        let policy = Policy {
            view_only: true,
            idle: Some(std::time::Duration::from_secs(60)),
            ..Policy::default()
        };
        let ok = Forecast {
            user: Some("ann"),
            role: Role::View,
            policy: &policy,
        };
        assert_eq!(
            forecast(Ok(&ok), Some("Office")),
            "{\"status\":\"ok\",\"user\":\"ann\",\"role\":\"view\",\"view_only\":true,\
             \"policy\":{\"clipboard_in\":true,\"resize\":true,\"power\":true,\"quality_max\":9},\
             \"idle_timeout_s\":60,\"session_max_s\":null,\"title\":\"Office\"}"
        );
        assert_eq!(
            forecast(Err(&Refusal::UnknownToken), None),
            "{\"status\":\"refused\",\"code\":4401,\
             \"reason\":\"This link is not valid or has expired.\"}"
        );
    }
}
