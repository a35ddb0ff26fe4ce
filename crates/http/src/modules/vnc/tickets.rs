//! What tokens say of a request's session: their terms, and that some are for one use.

use net::clock;
use net::log::Level;
use vnc::{
    Asked, Bearer, Password, Policy, Refusal, Role, SpendError, Spending, Ticket, TokenSource,
};

use super::grant;
use crate::request::Request;

/// What the token of a request has to say beside where it leads.
#[derive(Debug)]
pub struct Terms {
    ticket: Ticket,
    /// What is used up, and for which source.
    use_of: Option<(String, String)>,
}

/// Asks the source about a token, and judges whether whoever comes may use it.
pub async fn find(
    request: &Request,
    source: &TokenSource,
    token: &[u8],
    asked: Asked,
) -> Result<Terms, Refusal> {
    // Tokens are text; what is not stands nowhere.
    let token = std::str::from_utf8(token).map_err(|_| Refusal::UnknownToken)?;
    let found = source.lookup(token, asked).await;
    let found = found.map_err(|error| {
        request.log(Level::Error, format_args!("{error}"));
        match error.is_of_token() {
            true => Refusal::UnknownToken,
            false => Refusal::Internal,
        }
    })?;
    let ticket = found.ok_or(Refusal::UnknownToken)?;
    let user = grant::user(request);
    let bearer = Bearer {
        user: user.as_deref(),
        address: request.client().ip().map(|addr| addr.ip()),
    };
    ticket.check(&bearer, clock::wall())?;
    let id = ticket.id.as_deref().unwrap_or(token);
    let use_of = ticket.once.then(|| (source.name(), id.to_owned()));
    let spent = &request.generation.thread.shared.spent_tokens;
    if asked == Asked::ToOpen
        && let Some((source, id)) = &use_of
        && spent.is_spent(source, id)
    {
        return Err(Refusal::UsedUp);
    }
    Ok(Terms { ticket, use_of })
}

impl Terms {
    /// What the source says.
    pub fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// Whether it opens one session only.
    pub fn is_once(&self) -> bool {
        self.use_of.is_some()
    }

    /// The most that its bearer is.
    pub fn limit_role(&self, role: Role) -> Role {
        self.ticket.role.map_or(role, |most| most.min(role))
    }

    /// Adds what the token says to a policy. The session ends with it.
    pub fn restrict(&self, policy: &mut Policy) {
        policy.until = policy.until.into_iter().chain(self.ticket.expires).min();
        if let Some(password) = &self.ticket.password {
            policy.password = Some(Password::clone(password));
        }
    }

    /// Uses the token, if it is for one use: of several who try at once, one succeeds.
    pub fn spend(&self, request: &Request) -> Result<Option<Spending>, Refusal> {
        let Some((source, id)) = &self.use_of else {
            return Ok(None);
        };
        let spent = &request.generation.thread.shared.spent_tokens;
        let spending = spent.spend(source, id, self.ticket.expires, clock::wall());
        spending.map(Some).map_err(|error| match error {
            SpendError::Spent => Refusal::UsedUp,
            SpendError::Full => {
                request.log(Level::Alert, format_args!("{error}"));
                Refusal::Busy
            }
        })
    }
}
