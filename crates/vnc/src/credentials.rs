//! `vnc_credentials_file`: passwords of many machines in one file.
//!
//! ```text
//! # whose                 what
//! desktop:office          password=secret12
//! 192.168.204.21:5901     user=ann password="two words"
//! token:8f14e45fceea      password=secret12
//! ```
//!
//! A line is for a desktop by its name, for whatever is at an address, or for what a token leads
//! to. Values with white space stand in double quotes, in which `\"` and `\\` are the characters
//! themselves.

use std::collections::HashMap;
use std::fmt;

use crate::{Password, Target};

/// What is stored for machines.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    by_desktop: HashMap<String, Credential>,
    by_token: HashMap<String, Credential>,
    by_target: HashMap<Target, Credential>,
}

/// What is stored for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The user name, if the server wants one.
    pub user: Option<String>,
    /// The password.
    pub password: Password,
}

/// Why a file cannot be used. Tells nothing of what is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// A line that says something else.
    #[error("{what} in line {line} of the file of credentials")]
    Line {
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl Credentials {
    /// Bytes of a file; whoever reads one sees to it.
    pub const FILE_LEN_MAX: usize = 16 << 20;

    /// Reads a file's content.
    pub fn from_file(content: &[u8]) -> Result<Self, CredentialsError> {
        let mut all = Self::default();
        for (at, line) in content.split(|byte| *byte == b'\n').enumerate() {
            let added = all.add(line);
            added.map_err(|what| CredentialsError::Line { line: at + 1, what })?;
        }
        Ok(all)
    }

    /// What is stored for a machine: for the token, otherwise for the desktop, otherwise for the
    /// address.
    pub fn find(&self, token: &str, desktop: Option<&str>, target: &Target) -> Option<&Credential> {
        let of_token = self.by_token.get(token);
        let of_desktop = || self.by_desktop.get(desktop?);
        of_token
            .or_else(of_desktop)
            .or_else(|| self.by_target.get(target))
    }

    fn add(&mut self, line: &[u8]) -> Result<(), &'static str> {
        let line = std::str::from_utf8(line).map_err(|_| "not UTF-8")?.trim();
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        let (key, fields) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let credential = parse_fields(fields)?;
        let known = match key.split_once(':') {
            Some(("desktop" | "token", "")) => return Err("a line for no name"),
            Some(("desktop", name)) => self.by_desktop.insert(name.to_owned(), credential),
            Some(("token", token)) => self.by_token.insert(token.to_owned(), credential),
            _ => {
                let target = key.parse();
                let target = target
                    .map_err(|_| "neither \"desktop:NAME\" nor \"token:TOKEN\" nor an address")?;
                self.by_target.insert(target, credential)
            }
        };
        match known {
            None => Ok(()),
            Some(_) => Err("the same again"),
        }
    }
}

fn parse_fields(mut rest: &str) -> Result<Credential, &'static str> {
    let (mut user, mut password) = (None, None);
    loop {
        rest = rest.trim_start();
        let Some((name, value)) = rest.split_once('=') else {
            break;
        };
        let place = match name {
            "user" => &mut user,
            "password" => &mut password,
            _ => return Err("something else than \"user=\" and \"password=\""),
        };
        let (value, behind) = parse_value(value)?;
        if place.replace(value).is_some() {
            return Err("a field twice");
        }
        rest = behind;
    }
    if !rest.is_empty() {
        return Err("something else than \"user=\" and \"password=\"");
    }
    match password {
        Some(password) if !password.is_empty() => Ok(Credential {
            user,
            password: Password::new(password.as_bytes()),
        }),
        _ => Err("no password"),
    }
}

/// A value, and what is behind it.
fn parse_value(text: &str) -> Result<(String, &str), &'static str> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return Ok((value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Ok((value, &quoted[at + 1..])),
            '\\' => match chars.next() {
                Some((_, escaped @ ('"' | '\\'))) => value.push(escaped),
                _ => return Err("a backslash before something else than \\ or \""),
            },
            char => value.push(char),
        }
    }
    Err("no quotation mark at the end of a value")
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Tokens are secrets, too.
        f.write_str("Credentials(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Credentials, CredentialsError> {
        Credentials::from_file(text.as_bytes())
    }

    fn target(text: &str) -> Target {
        text.parse().unwrap()
    }

    #[test]
    fn the_most_special_line_counts() {
        let all = read(
            "# comment\r\n\n  desktop:office  password=of-desktop \n\
             token:abc user=ann\tpassword=of-token\r\n\
             10.0.0.1:5900 password=\"of \\\"address\\\\\" user=\"b c\"\n\
             unix:/run/vm password=of-socket\nws://far/x?a=1 password=of-far",
        )
        .unwrap();
        let machine = target("10.0.0.1:5900");
        let find = |token, desktop, target: &Target| {
            let found = all.find(token, desktop, target)?;
            let password = String::from_utf8_lossy(found.password.bytes()).into_owned();
            Some((found.user.as_deref(), password))
        };
        let of_token = Some((Some("ann"), "of-token".to_owned()));
        assert_eq!(find("abc", Some("office"), &machine), of_token);
        let of_desktop = Some((None, "of-desktop".to_owned()));
        assert_eq!(find("x", Some("office"), &machine), of_desktop);
        let of_address = Some((Some("b c"), "of \"address\\".to_owned()));
        assert_eq!(find("", Some("other"), &machine), of_address);
        assert_eq!(find("", None, &target("10.0.0.1:5901")), None);
        assert!(find("", None, &target("unix:/run/vm")).is_some());
        assert!(find("", None, &target("ws://far/x?a=1")).is_some());
        assert!(find("", None, &target("ws://far/x?a=2")).is_none());
        // A token is not a desktop, and no address is either.
        assert_eq!(find("office", None, &target("a:1")), None);
    }

    #[test]
    fn a_wrong_line_is_named_and_never_shown() {
        let cases = [
            ("office password=secret", "neither"),
            ("token: password=secret", "a line for no name"),
            ("desktop: password=secret", "a line for no name"),
            ("\na:1 secret", "something else"),
            ("a:1", "no password"),
            ("a:1 user=ann", "no password"),
            ("a:1 password=", "no password"),
            ("a:1 password=secret x", "something else"),
            ("a:1 password=secret x=y", "something else"),
            ("a:1 password=secret password=secret", "a field twice"),
            ("a:1 password=\"secret", "no quotation mark"),
            ("a:1 password=\"sec\\ret\"", "a backslash"),
            ("a:1 password=secret\na:1 password=secret", "the same again"),
        ];
        for (text, what) in cases {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(what), "{text:?}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let second = read("# a\na:1 x").unwrap_err().to_string();
        assert!(second.contains("in line 2"), "{second}");
    }

    #[test]
    fn credentials_are_never_printed() {
        let all = read("token:abc password=secret").unwrap();
        assert_eq!(format!("{all:?}"), "Credentials(..)");
    }
}
