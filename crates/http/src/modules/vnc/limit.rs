//! `vnc_limit`: how many sessions there may be.

use conf::{Item, value};
use vnc::Limits;

use super::Conf;
use crate::draft::Level;
use crate::module::{Cx, Done};

impl Conf {
    /// What this level says of it.
    pub fn limits(&self) -> Limits {
        Limits {
            user: self.limit_user,
            desktop: self.limit_desktop,
            all: self.limit_all,
        }
    }
}

/// `vnc_limit`: each part is inherited by itself.
pub fn vnc_limit(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let drafts = &mut level.drafts.vnc;
    if item.args.len() == 1 && item.arg(0)?.text == b"off" {
        item.once(&mut drafts.limit_user, None)?;
        item.once(&mut drafts.limit_desktop, None)?;
        return item.once(&mut drafts.limit_all, None);
    }
    for word in &item.args {
        let mut halves = word.text.splitn(2, |&byte| byte == b'=');
        let field = match halves.next().unwrap_or_default() {
            b"user" => &mut drafts.limit_user,
            b"desktop" => &mut drafts.limit_desktop,
            b"all" => &mut drafts.limit_all,
            _ => return Err(item.invalid_parameter(word)),
        };
        let limit = match halves.next().unwrap_or_default() {
            b"off" => None,
            number => {
                let number = value::number(number).and_then(|number| u32::try_from(number).ok());
                let number = number.filter(|number| *number > 0);
                Some(number.ok_or_else(|| item.invalid_parameter(word))?)
            }
        };
        item.once(field, limit)?;
    }
    Ok(())
}
