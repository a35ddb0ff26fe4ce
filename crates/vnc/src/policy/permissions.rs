//! What a viewer may do, which can become less or more while a session runs.

use std::time::{Duration, SystemTime};

use proto::rfb::Rules;
use serde::Serialize;

use crate::sessions::view::json;

/// Bytes of a clipboard that pass where the policy names no limit.
const CLIPBOARD_BYTES_MAX: u32 = 1 << 20;

/// What of a policy a person should know, besides whether there is only watching.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Allowed {
    /// The viewer's clipboard may reach the machine.
    pub clipboard_in: bool,
    /// The machine's clipboard may reach the viewer.
    pub clipboard_out: bool,
    /// The viewer may change the screen's size.
    pub resize: bool,
    /// The viewer may shut down and reset the machine.
    pub power: bool,
    /// The best JPEG quality that the viewer may ask for.
    pub quality_max: u8,
}

/// What a viewer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions {
    /// Only watch; whatever else is said about keys, clipboard, size and power does not count.
    pub view_only: bool,
    /// The viewer's clipboard may reach the machine.
    pub clipboard_in: bool,
    /// The machine's clipboard may reach the viewer.
    pub clipboard_out: bool,
    /// Longer clipboards pass neither way.
    pub clipboard_bytes_max: Option<u32>,
    /// The viewer may change the screen's size.
    pub resize: bool,
    /// The viewer may shut down and reset the machine.
    pub power: bool,
    /// The best JPEG quality that the viewer may ask for, 0 to 9.
    pub quality_max: u8,
}

impl Permissions {
    /// What the person should know.
    pub(crate) fn allowed(&self) -> Allowed {
        Allowed {
            clipboard_in: self.clipboard_in,
            clipboard_out: self.clipboard_out,
            resize: self.resize,
            power: self.power,
            quality_max: self.quality_max,
        }
    }

    /// Whether the viewer's stream has to be enforced.
    pub(crate) fn restrict(&self) -> bool {
        self.view_only
            || !self.clipboard_in
            || !self.resize
            || !self.power
            || self.quality_max < 9
            || self.concern_the_server()
    }

    /// Whether the server's stream has to be followed.
    pub(crate) fn concern_the_server(&self) -> bool {
        !self.clipboard_out || self.clipboard_bytes_max.is_some()
    }
}

/// What holds for a session that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(crate) permissions: Permissions,
    /// Nobody else has taken control.
    pub(crate) controls: bool,
    /// Ends the session without keys or pointer for so long.
    pub(crate) idle: Option<Duration>,
    /// Ends the session when it is so old.
    pub(crate) session_max: Option<Duration>,
    /// Ends the session at this time of day.
    pub(crate) until: Option<SystemTime>,
}

impl Terms {
    /// Whether the viewer's stream has to be enforced.
    pub(crate) fn restrict(&self) -> bool {
        !self.controls || self.permissions.restrict()
    }

    /// What is enforced; how the session was opened is for the caller to add.
    pub(crate) fn rules(&self) -> Rules {
        let may = &self.permissions;
        Rules {
            view_only: may.view_only,
            hands_off: !self.controls,
            clipboard_in: may.clipboard_in,
            clipboard_out: may.clipboard_out,
            clipboard_bytes_max: may.clipboard_bytes_max.unwrap_or(CLIPBOARD_BYTES_MAX),
            resize: may.resize,
            power: may.power,
            quality_max: may.quality_max,
            ..Rules::CONTROL
        }
    }

    /// What a page of ours is told, as a text frame.
    pub(crate) fn to_json(self) -> String {
        let may = self.permissions.allowed();
        let acts = self.controls && !self.permissions.view_only;
        json(&Changed {
            kind: "policy",
            view_only: !acts,
            may: Allowed {
                clipboard_in: acts && may.clipboard_in,
                resize: acts && may.resize,
                power: acts && may.power,
                ..may
            },
        })
    }
}

#[derive(Serialize)]
struct Changed {
    #[serde(rename = "type")]
    kind: &'static str,
    view_only: bool,
    #[serde(flatten)]
    may: Allowed,
}
