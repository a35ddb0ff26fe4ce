//! By what a session's person came in, and whether that would still let them in.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;

use bytes::Bytes;
use vnc::{Refusal, Stamp};

use crate::modules::auth_basic::Entry;
use crate::modules::core::Satisfy;
use crate::modules::vnc::links;
use crate::modules::{access, auth_basic, auth_jwt, auth_request};
use crate::phases::Flow;
use crate::request::Request;

/// What is kept of a request's way through the access phase.
pub struct Came {
    /// The person, if they signed in here.
    pub user: Option<Bytes>,
    /// The token that was verified; it is not verified again.
    pub jwt: Option<Rc<jwt::Token>>,
    /// A link stood in place of signing in.
    by_link: bool,
    /// A password, or the cookie in its place, let them in.
    by_password: bool,
    /// `auth_request` let them in, which is not asked again.
    by_answer: bool,
    /// The line of the file of users that let them in.
    entry: Option<Entry>,
    /// Where the password was, as long as it counts.
    users: Cell<Option<Box<Users>>>,
}

/// A file of users, as it was when it last knew the person.
pub struct Users {
    path: PathBuf,
    stamp: Option<Stamp>,
}

impl Came {
    /// Of a request that was let in.
    pub fn of(request: &Request) -> Self {
        let user = request.user.borrow().clone();
        let jwt = request.jwt.borrow().clone();
        let by_link = links::opens(request);
        // Of several ways one was enough: the first that let in, and none behind it was asked.
        let any = request.conf().core.satisfy == Satisfy::Any;
        let is_asked = !by_link && auth_basic::asks(request);
        let by_password = is_asked && user.is_some() && !(any && jwt.is_some());
        let by_others =
            by_password || jwt.is_some() || matches!(access::run(request), Flow::Allowed);
        let entry = request.desktop.borrow();
        let entry = entry.as_ref().and_then(|known| known.entry.clone());
        let came = Self {
            by_answer: !by_link && auth_request::asks(request) && !(any && by_others),
            user,
            jwt,
            by_link,
            by_password,
            entry: entry.filter(|_| by_password),
            users: Cell::default(),
        };
        came.watch(came.users_of(request));
        came
    }

    /// What the person is told if they may not come in any more where a request like theirs leads,
    /// as far as addresses and files of users say it.
    pub fn objection(&self, request: &Request) -> Option<Refusal> {
        if self.would_again(request) {
            return None;
        }
        match self.user_now(request) == auth_basic::Now::Other {
            true => Some(Refusal::PasswordChanged),
            false => Some(Refusal::Removed),
        }
    }

    fn would_again(&self, request: &Request) -> bool {
        let any = request.conf().core.satisfy == Satisfy::Any;
        let by_address = access::run(request);
        let opens = links::opens(request);
        if self.by_link && !opens {
            // Nobody asked who this is, and now somebody would.
            return false;
        }
        if opens {
            return any || !matches!(by_address, Flow::Status(_));
        }
        match (any, by_address) {
            (true, Flow::Allowed) => true,
            (true, Flow::Next) if !is_anybody_asked(request) => true,
            (true, _) => self.has_a_way(request),
            (false, Flow::Status(_)) => false,
            (false, _) => self.has_all_ways(request),
        }
    }

    fn has_a_way(&self, request: &Request) -> bool {
        (self.by_password && auth_basic::asks(request) && self.is_known_to(request))
            || (self.jwt.is_some() && auth_jwt::asks(request))
            || (self.by_answer && auth_request::asks(request))
    }

    fn has_all_ways(&self, request: &Request) -> bool {
        let is_known = match &self.user {
            Some(_) => self.is_known_to(request),
            None => !auth_basic::asks(request),
        };
        is_known && (self.jwt.is_some() || !auth_jwt::asks(request))
    }

    fn is_known_to(&self, request: &Request) -> bool {
        self.user_now(request) == auth_basic::Now::Same
    }

    /// What the file of users says of the person where a request like theirs leads.
    fn user_now(&self, request: &Request) -> auth_basic::Now {
        let place = auth_basic::file_of_users(request).zip(self.user.as_ref());
        place.map_or(auth_basic::Now::Same, |(path, user)| {
            auth_basic::now(&path, user, self.entry.as_ref())
        })
    }

    /// Whether a file of users is looked at while the session lives.
    pub fn has_users(&self) -> bool {
        let users = self.users.take();
        let has_users = users.is_some();
        self.users.set(users);
        has_users
    }

    /// Whether the file of users, if it has changed, still has the person with the same password.
    /// One that has not is looked at again and again, until whoever judges says what follows.
    pub fn is_known(&self) -> bool {
        let Some(mut users) = self.users.take() else {
            return true;
        };
        let is_known = match (Stamp::of(&users.path), &self.user) {
            (Ok(now), Some(user)) if now.is_none() || now != users.stamp => {
                let entry = self.entry.as_ref();
                let is_same = auth_basic::now(&users.path, user, entry) == auth_basic::Now::Same;
                if is_same {
                    users.stamp = now;
                }
                is_same
            }
            _ => true,
        };
        self.users.set(Some(users));
        is_known
    }

    /// The file that a request like theirs leads to, as it is before anybody looks into it: a
    /// change meanwhile is seen by the next look.
    pub fn users_of(&self, request: &Request) -> Option<Box<Users>> {
        let path = self.by_password.then(|| auth_basic::file_of_users(request));
        path.flatten().map(|path| {
            let stamp = Stamp::of(&path).ok().flatten();
            Box::new(Users { path, stamp })
        })
    }

    /// Looks at that file from now on.
    pub fn watch(&self, users: Option<Box<Users>>) {
        self.users.set(users);
    }
}

/// Whether anybody but the address says who comes in.
fn is_anybody_asked(request: &Request) -> bool {
    auth_basic::asks(request) || auth_jwt::asks(request) || auth_request::asks(request)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn whoever_is_gone_is_so_until_somebody_has_judged() {
        let name = format!("portway-came-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, "ann:x\n").expect("file written");
        let stamp = Stamp::of(&path).expect("a stamp");
        let came = Came {
            user: Some(Bytes::from_static(b"ann")),
            jwt: None,
            by_link: false,
            by_password: true,
            by_answer: false,
            entry: None,
            users: Cell::default(),
        };
        came.watch(Some(Box::new(Users {
            path: path.clone(),
            stamp,
        })));
        assert!(came.is_known());
        fs::write(&path, "bob:x of another length\n").expect("file written");
        // The first verdict may come to nothing, such as that of an older configuration.
        assert!(!came.is_known() && !came.is_known());
        fs::write(&path, "ann:x\nbob:x\n").expect("file written");
        assert!(came.is_known());
        fs::remove_file(&path).expect("file removed");
    }
}
