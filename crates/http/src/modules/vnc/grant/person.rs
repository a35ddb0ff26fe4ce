//! Who asks, and who is kept from coming back.

use vnc::{Holder, Refusal, Target};

use super::found::Found;
use crate::modules::vnc::links::Guest;
use crate::modules::vnc::lossy;
use crate::request::Request;

/// The person, when one has signed in: as `vnc_person` says, otherwise the user that authenticated.
pub fn user(request: &Request) -> Option<String> {
    let Some(person) = &request.conf().vnc.person else {
        return request.user.borrow().as_ref().map(|user| lossy(user));
    };
    Some(lossy(&request.eval(person))).filter(|person| !person.is_empty())
}

/// Who is kept from coming back once an operator has cut the session.
pub fn holder(request: &Request, token: &str, target: &Target) -> Option<Holder> {
    let sessions = &request.generation.thread.shared.sessions;
    sessions.holder(user(request).as_deref(), token, &target.identity())
}

/// By what somebody is kept from coming back: a guest as a guest, and not as the link's maker.
pub fn held_by<'a>(token: &'a str, guest: Option<&'a Guest>) -> &'a str {
    guest.map_or(token, Guest::id)
}

/// Refuses somebody whose session was cut a moment ago.
pub fn refuse_held(request: &Request, found: &Found, token: &str) -> Result<(), Refusal> {
    let sessions = &request.generation.thread.shared.sessions;
    let holder = holder(request, token, &found.target);
    match holder.is_some_and(|holder| sessions.is_held(holder)) {
        true => Err(Refusal::Cut(String::new())),
        false => Ok(()),
    }
}
