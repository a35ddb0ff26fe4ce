//! By what a session's person came in, and whether that would still let them in.

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;

use bytes::Bytes;
use vnc::Stamp;

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
    /// Where the password was, as long as it counts.
    users: Cell<Option<Box<Users>>>,
}

/// A file of users, when it was last looked at.
struct Users {
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
        let came = Self {
            by_answer: !by_link && auth_request::asks(request) && !(any && by_others),
            user,
            jwt,
            by_link,
            by_password,
            users: Cell::default(),
        };
        came.watch_users(request);
        came
    }

    /// Whether the person may still come in where a request like theirs leads, as far as addresses
    /// and files of users say it.
    pub fn would_again(&self, request: &Request) -> bool {
        self.watch_users(request);
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
        let knows = |user| auth_basic::asks(request) && auth_basic::still_knows(request, user);
        let user = self.user.as_deref().filter(|_| self.by_password);
        user.is_some_and(knows)
            || (self.jwt.is_some() && auth_jwt::asks(request))
            || (self.by_answer && auth_request::asks(request))
    }

    fn has_all_ways(&self, request: &Request) -> bool {
        let user = self.user.as_deref();
        user.map_or(!auth_basic::asks(request), |user| {
            auth_basic::still_knows(request, user)
        }) && (self.jwt.is_some() || !auth_jwt::asks(request))
    }

    /// Whether a file of users is looked at while the session lives.
    pub fn has_users(&self) -> bool {
        let users = self.users.take();
        let has_users = users.is_some();
        self.users.set(users);
        has_users
    }

    /// Whether the file of users, if it has changed, still has the person. A file that cannot be
    /// read takes nobody's place away.
    pub fn is_known(&self) -> bool {
        let Some(mut users) = self.users.take() else {
            return true;
        };
        let is_known = match (Stamp::of(&users.path), &self.user) {
            (Ok(now), Some(user)) if now.is_none() || now != users.stamp => {
                users.stamp = now;
                auth_basic::has_user(&users.path, user)
            }
            _ => true,
        };
        self.users.set(Some(users));
        is_known
    }

    /// Looks from now on at the file that a request like theirs leads to.
    fn watch_users(&self, request: &Request) {
        let path = self.by_password.then(|| auth_basic::file_of_users(request));
        let users = path.flatten().map(|path| {
            // Before the file is read: a change meanwhile is seen by the next look.
            let stamp = Stamp::of(&path).ok().flatten();
            Box::new(Users { path, stamp })
        });
        self.users.set(users);
    }
}

/// Whether anybody but the address says who comes in.
fn is_anybody_asked(request: &Request) -> bool {
    auth_basic::asks(request) || auth_jwt::asks(request) || auth_request::asks(request)
}
