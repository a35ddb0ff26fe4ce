//! The name that a request claims in `Authorization` before anybody has verified it.

use bytes::Bytes;

use super::Request;
use crate::modules::auth_basic;

/// What became of a name that nobody has verified, in a server with desktops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Claim {
    /// Nobody asked for it.
    #[default]
    Unasked,
    /// It was asked for and not told.
    Withheld,
    /// It was told, and may stand in variables.
    Told,
}

impl Request {
    /// The name in `Authorization` that nobody has verified.
    // DIFFERS: in a server with locations of desktops, $remote_user is nobody there and while
    // locations are still looked for, unless the user was verified: roles are given by this name.
    pub fn claimed_user(&self) -> Option<Bytes> {
        let user = auth_basic::user(self)?;
        let main = self.main();
        if !main.server().has_desktops {
            return Some(user);
        }
        let is_of_desktops = |request: &Request| request.conf().core.handler.is_of_desktops();
        if !main.is_placed.get() || is_of_desktops(main) || is_of_desktops(self) {
            if main.claim.get() == Claim::Unasked {
                main.claim.set(Claim::Withheld);
            }
            return None;
        }
        main.claim.set(Claim::Told);
        Some(user)
    }

    /// Whether variables may hold a name that was told and that nobody has verified.
    pub fn may_hold_claims(&self) -> bool {
        let main = self.main();
        main.claim.get() == Claim::Told && *main.user.borrow() != auth_basic::user(main)
    }
}
