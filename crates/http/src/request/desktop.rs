//! The desktop that a request is for, as far as it is known before anything leads there.

use std::sync::Arc;

use super::Request;
use crate::modules::auth_basic::Entry;
use crate::modules::vnc::desktops;

/// A desktop and its session, as far as they are known, to variables above all.
#[derive(Debug, Clone, Default)]
pub struct Desktop {
    /// The session's name, once there is one.
    pub session: Option<vnc::SessionId>,
    /// Where the session goes, if it goes anywhere.
    pub target: Option<String>,
    /// The desktop's name, if it has one.
    pub name: Option<Arc<str>>,
    /// The group that is looked at, if it is in one.
    pub group: Option<Arc<str>>,
    /// Who asks, if that is known.
    pub user: Option<String>,
    /// What they are to the desktop, or to the page.
    pub role: Option<vnc::Role>,
    /// The line of a file of users that let them in, if one did.
    pub entry: Option<Entry>,
}

impl Request {
    /// Says which desktop `$vnc_desktop` and `$vnc_group` are of from now on; maps of them are
    /// evaluated anew.
    pub fn speak_of(&self, desktop: Option<&Arc<desktops::Desktop>>) {
        let name = desktop.map(|desktop| desktop.name.clone());
        let mut known = self.desktop.borrow_mut();
        if name.is_none() && known.as_ref().is_none_or(|known| known.name.is_none()) {
            return;
        }
        let known = known.get_or_insert_default();
        known.group = desktop.and_then(|desktop| desktop.conf.groups.first().cloned());
        known.name = name;
        self.config().variables.forget_rules(&self.slots);
    }

    /// Says which of the desktop's groups `$vnc_group` is from now on.
    pub fn speak_of_group(&self, group: &Arc<str>) {
        let mut known = self.desktop.borrow_mut();
        known.get_or_insert_default().group = Some(group.clone());
        self.config().variables.forget_rules(&self.slots);
    }
}
