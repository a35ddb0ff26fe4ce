//! What a zone counts by: a value of each request, as its directive (`limit_req_zone`,
//! `limit_conn_zone`) names it.

use bytes::Bytes;
use conf::{Diagnostic, Item};
use net::log::Level;
use script::Template;

use crate::module::Cx;
use crate::request::Request;

/// The key of a zone.
#[derive(Debug, Default)]
pub struct Key {
    template: Template,
    /// As the configuration writes it.
    text: String,
}

impl Key {
    /// Reads the first argument of a directive.
    pub fn first(item: &Item, cx: &mut Cx<'_>) -> Result<Self, Diagnostic> {
        Ok(Self {
            template: cx.template(item, 0)?,
            text: item.arg(0)?.display(),
        })
    }

    /// The key of a request; `None` if there is none to count it by. One longer than `bytes_max` is
    /// not looked at, which the error log tells.
    pub fn of(&self, request: &Request, bytes_max: usize) -> Option<Bytes> {
        let key = request.eval(&self.template);
        if key.len() > bytes_max {
            let (text, key) = (&self.text, String::from_utf8_lossy(&key));
            request.log(
                Level::Error,
                format_args!(
                    "the value of the \"{text}\" key is more than {bytes_max} bytes: \"{key}\""
                ),
            );
            return None;
        }
        (!key.is_empty()).then_some(key)
    }

    /// Why `zone` cannot go on with state that was counted by the `old` key; `what` names the zone
    /// as nginx does.
    pub fn conflict(&self, old: &Self, what: &str, zone: &str) -> Option<String> {
        let (key, before) = (&self.text, &old.text);
        (key != before).then(|| {
            format!(
                "{what} \"{zone}\" uses the \"{key}\" key while previously it used the \"{before}\" key"
            )
        })
    }

    /// The error of a second directive for `zone`, which has this key already.
    pub fn already_bound(&self, item: &Item, zone: &str) -> Diagnostic {
        let (name, key) = (item.name(), &self.text);
        item.error(format!(
            "{name} \"{zone}\" is already bound to key \"{key}\""
        ))
    }
}
