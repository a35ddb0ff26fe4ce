//! The line of a file of users that let somebody in: kept as a keyed hash, so that it can be told
//! later whether the password is still the same, and not what it is.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::constant_time;
use aws_lc_rs::hmac;

use super::user_file;
use crate::request::Request;

/// A user's line of the file, when its password was right.
#[derive(Debug, Clone)]
pub struct Entry {
    /// That of this start of the program, which reloads keep.
    key: Arc<hmac::Key>,
    hash: Box<[u8]>,
}

/// What has become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Now {
    /// The same, or the file cannot be read.
    Same,
    /// Another password.
    Other,
    /// There is no such user.
    Gone,
}

impl Entry {
    /// Notes for a desktop that a user's line has let the request in.
    pub fn note(request: &Request, user: &[u8], stored: &[u8]) {
        let conf = request.conf();
        if conf.core.handler.is_of_desktops()
            && let Some(key) = &conf.auth_basic.program_key
        {
            let entry = Self {
                key: key.clone(),
                hash: hash(key, user, stored),
            };
            request.desktop.borrow_mut().get_or_insert_default().entry = Some(entry);
        }
    }

    fn is_of(&self, user: &[u8], stored: &[u8]) -> bool {
        let now = hash(&self.key, user, stored);
        constant_time::verify_slices_are_equal(&self.hash, &now).is_ok()
    }
}

/// What a file says now of a user whose line was `entry`, if that is known.
pub fn now(path: &Path, user: &[u8], entry: Option<&Entry>) -> Now {
    match user_file::find(path, user) {
        Ok(None) => Now::Gone,
        Ok(Some(stored)) if entry.is_some_and(|entry| !entry.is_of(user, &stored)) => Now::Other,
        Ok(Some(_)) | Err(_) => Now::Same,
    }
}

fn hash(key: &hmac::Key, user: &[u8], stored: &[u8]) -> Box<[u8]> {
    let mut context = hmac::Context::with_key(key);
    context.update(b"portway entry 1");
    for part in [user, stored] {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    context.sign().as_ref().into()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn another_password_is_told_from_the_same_and_from_none() {
        let name = format!("portway-entry-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let key = Arc::new(hmac::Key::new(hmac::HMAC_SHA256, b"a key"));
        let entry = Entry {
            hash: hash(&key, b"ann", b"{PLAIN}one"),
            key,
        };
        for (text, expected) in [
            ("bob:x\nann:{PLAIN}one\n", Now::Same),
            ("ann:{PLAIN}one:a comment\n", Now::Same),
            ("ann:{PLAIN}two\n", Now::Other),
            ("anna:{PLAIN}one\n", Now::Gone),
        ] {
            fs::write(&path, text).expect("file written");
            assert_eq!(now(&path, b"ann", Some(&entry)), expected, "{text}");
        }
        fs::write(&path, "ann:{PLAIN}two\n").expect("file written");
        assert_eq!(now(&path, b"ann", None), Now::Same, "not known what it was");
        fs::remove_file(&path).expect("file removed");
        assert_eq!(now(&path, b"ann", Some(&entry)), Now::Same, "not readable");
        let debug = format!("{entry:?}");
        assert!(!debug.contains("one"), "{debug}");
    }
}
