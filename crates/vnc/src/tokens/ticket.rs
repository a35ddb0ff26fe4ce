//! What a source says of a token: where it leads, and under which terms.

use std::net::IpAddr;
use std::time::SystemTime;

use net::Network;
use serde_json::{Map, Value};

use super::instant;
use super::words::words;
use crate::{Password, Refusal, Role, Target, TargetError};

/// Where a token leads, and what it allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Where it leads.
    pub place: Place,
    /// When it ends to hold; a session ends then too.
    pub expires: Option<SystemTime>,
    /// Whether it opens one session and no more.
    pub once: bool,
    /// For whom it is; empty is for whoever has it.
    pub users: Vec<String>,
    /// From where it may be used; empty is from everywhere.
    pub addresses: Vec<Network>,
    /// The most that its bearer may be to the desktop.
    pub role: Option<Role>,
    /// The desktop's name.
    pub title: Option<String>,
    /// What the machine asks for.
    pub password: Option<Password>,
    /// Who it was made for, as the source says: a name for logs, which proves nothing.
    pub subject: Option<String>,
    /// What is used up, if it is for one use and not the token itself.
    pub id: Option<String>,
}

/// Where a token leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// To a machine.
    Target(Target),
    /// To a desktop of the configuration.
    Desktop(String),
}

/// Why what stands for a token cannot be used. Whoever wrote it is told; the token opens nothing,
/// since what cannot be read might have been a restriction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// No address, or a bad one.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// A term that is not known.
    #[error("unknown option \"{0}\"")]
    Unknown(String),
    /// A term whose value is none.
    #[error("invalid value of \"{0}\"")]
    Value(&'static str),
    /// A quote that is not closed.
    #[error("a quote is not closed")]
    Quote,
    /// JSON of another form.
    #[error("neither \"host\" nor \"desktop\" in it")]
    NoPlace,
}

/// Who comes with a token.
#[derive(Debug, Clone, Copy)]
pub struct Bearer<'a> {
    /// The person, when one has signed in.
    pub user: Option<&'a str>,
    /// The client's address, when it has one.
    pub address: Option<IpAddr>,
}

impl Ticket {
    fn to(place: Place) -> Self {
        Self {
            place,
            expires: None,
            once: false,
            users: Vec::new(),
            addresses: Vec::new(),
            role: None,
            title: None,
            password: None,
            subject: None,
            id: None,
        }
    }

    /// Reads `host:port`, or another address, and options behind it:
    /// `expires=TIME once user=NAME,… address=NET,… role=ROLE view_only title="…"`. In place of the
    /// address may stand `desktop=NAME`.
    pub fn parse(text: &str) -> Result<Self, TicketError> {
        let text = text.trim();
        let (target, options) = split(text);
        let words = words(options).ok_or(TicketError::Quote)?;
        let mut options = Vec::new();
        let mut desktop = None;
        for word in &words {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (&word[..], None),
            };
            match (name, value) {
                ("desktop", Some(value)) if target.is_empty() => desktop = Some(value),
                option => options.push(option),
            }
        }
        let mut ticket = Self::to(match desktop {
            Some(name) => Place::Desktop(name.to_owned()),
            None => Place::Target(target.parse()?),
        });
        for (name, value) in options {
            ticket.set(name, value)?;
        }
        Ok(ticket)
    }

    fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), TicketError> {
        let wrong = TicketError::Value;
        match (name, value) {
            ("once", None) => self.once = true,
            ("view_only", None) => self.restrict(Role::View),
            ("expires", Some(value)) => {
                self.expires = Some(instant::parse(value).ok_or(wrong("expires"))?);
            }
            ("user", Some(value)) => {
                self.users = list(value).map(str::to_owned).collect();
                bound(self.users.len(), "user")?;
            }
            ("address", Some(value)) => {
                let networks = list(value).map(Network::parse);
                let networks: Option<Vec<_>> = networks.collect();
                self.addresses = networks.ok_or(wrong("address"))?;
                bound(self.addresses.len(), "address")?;
            }
            ("role", Some(value)) => self.restrict(value.parse().map_err(|_| wrong("role"))?),
            ("title", Some(value)) => self.title = Some(value.to_owned()),
            (name, _) => return Err(TicketError::Unknown(name.to_owned())),
        }
        Ok(())
    }

    /// Of several roles the least counts.
    fn restrict(&mut self, role: Role) {
        self.role = Some(self.role.map_or(role, |other| other.min(role)));
    }

    /// Reads the answer of a source, or the claims of a token: `{"host", "port"}` or
    /// `{"desktop"}`, and the options by the same names. What else is there is not ours; of ours,
    /// nothing may be wrong.
    pub fn from_json(object: &Map<String, Value>) -> Result<Self, TicketError> {
        let mut ticket = Self::to(place(object)?);
        for (name, value) in object.iter().filter(|(_, value)| !value.is_null()) {
            ticket.set_json(name, value)?;
        }
        Ok(ticket)
    }

    fn set_json(&mut self, name: &str, value: &Value) -> Result<(), TicketError> {
        match name {
            "expires" => {
                let time = match value {
                    Value::String(text) => instant::parse(text),
                    Value::Number(seconds) => seconds.as_f64().and_then(|seconds| {
                        let since = std::time::Duration::try_from_secs_f64(seconds).ok()?;
                        SystemTime::UNIX_EPOCH.checked_add(since)
                    }),
                    _ => None,
                };
                self.expires = Some(time.ok_or(TicketError::Value("expires"))?);
            }
            "once" if flag(value, "once")? => self.once = true,
            "view_only" if flag(value, "view_only")? => self.restrict(Role::View),
            "once" | "view_only" => {}
            "user" => return self.set("user", Some(&joined(value, "user")?)),
            "address" => return self.set("address", Some(&joined(value, "address")?)),
            "role" => return self.set("role", Some(text(value, "role")?)),
            "title" => self.title = Some(text(value, "title")?.to_owned()),
            _ => {}
        }
        Ok(())
    }

    /// Takes the password that a source tells. Not for what browsers bring, who could read it.
    pub(super) fn take_password(&mut self, object: &Map<String, Value>) -> Result<(), TicketError> {
        if let Some(value) = object.get("password").filter(|value| !value.is_null()) {
            let password = text(value, "password")?;
            self.password = Some(Password::new(password.as_bytes()));
        }
        Ok(())
    }

    /// Whether whoever comes may use it now.
    pub fn check(&self, bearer: &Bearer<'_>, now: SystemTime) -> Result<(), Refusal> {
        if self.expires.is_some_and(|end| end <= now) {
            return Err(Refusal::UnknownToken);
        }
        let is_theirs = self.users.is_empty()
            || bearer
                .user
                .is_some_and(|user| self.users.iter().any(|one| one == user));
        let is_here = self.addresses.is_empty()
            || bearer
                .address
                .is_some_and(|ip| self.addresses.iter().any(|net| net.contains(ip)));
        match is_theirs && is_here {
            true => Ok(()),
            false => Err(Refusal::NotYours),
        }
    }
}

/// A list of whom it is for is never empty, since that would be everybody.
fn bound(count: usize, name: &'static str) -> Result<(), TicketError> {
    match count {
        1..=LIST_MAX => Ok(()),
        _ => Err(TicketError::Value(name)),
    }
}

/// Persons and networks of one token.
const LIST_MAX: usize = 256;

/// Divides the address from the options. Only a unix socket's path may hold spaces.
fn split(text: &str) -> (&str, &str) {
    let is_path = text.starts_with("unix:") || text.starts_with("unix_socket:");
    let ends = |at: &usize| match is_path {
        true => is_option(text[*at..].trim_start()),
        false => true,
    };
    if is_option(text) {
        return ("", text);
    }
    let spaces = text.char_indices().filter(|(_, char)| char.is_whitespace());
    let at = spaces.map(|(at, _)| at).find(ends).unwrap_or(text.len());
    text.split_at(at)
}

/// Whether a text begins with an option.
fn is_option(text: &str) -> bool {
    const WITH_VALUE: [&str; 6] = [
        "expires=", "user=", "address=", "role=", "title=", "desktop=",
    ];
    let word = text.split(char::is_whitespace).next().unwrap_or_default();
    matches!(word, "once" | "view_only") || WITH_VALUE.iter().any(|name| word.starts_with(name))
}

fn list(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|one| !one.is_empty())
}

/// As websockify reads it: `host` and `port`, the port as a number or a text; or all in `host`.
fn place(object: &Map<String, Value>) -> Result<Place, TicketError> {
    if let Some(name) = object.get("desktop").filter(|name| !name.is_null()) {
        return Ok(Place::Desktop(text(name, "desktop")?.to_owned()));
    }
    let host = object.get("host").ok_or(TicketError::NoPlace)?;
    let host = text(host, "host")?;
    let port = match object.get("port") {
        None | Some(Value::Null) => return Ok(Place::Target(host.parse()?)),
        Some(Value::Number(port)) => port.to_string(),
        Some(port) => text(port, "port")?.to_owned(),
    };
    let is_bare_v6 = host.contains(':') && !host.starts_with('[');
    let target = match is_bare_v6 {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    Ok(Place::Target(target.parse()?))
}

fn text<'v>(value: &'v Value, name: &'static str) -> Result<&'v str, TicketError> {
    value.as_str().ok_or(TicketError::Value(name))
}

fn flag(value: &Value, name: &'static str) -> Result<bool, TicketError> {
    value.as_bool().ok_or(TicketError::Value(name))
}

/// One text, or several in an array, as a list with commas.
fn joined(value: &Value, name: &'static str) -> Result<String, TicketError> {
    let Value::Array(all) = value else {
        return text(value, name).map(str::to_owned);
    };
    let all: Result<Vec<_>, _> = all.iter().map(|one| text(one, name)).collect();
    Ok(all?.join(","))
}
