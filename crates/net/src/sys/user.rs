//! Users and groups by name.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::MaybeUninit;

/// Whom the worker runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its name, from which the supplementary groups follow.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
}

/// Longest entry of the user or group database that is read: a group may list many members.
const ENTRY_MAX: usize = 1 << 20;

/// Looks a user up by name; `None` if there is none. The group is the user's own.
pub fn user(name: &str) -> io::Result<Option<User>> {
    let c_name = CString::new(name)?;
    with_buffer(|buf| {
        let mut entry = MaybeUninit::<libc::passwd>::uninit();
        let mut found = std::ptr::null_mut();
        // SAFETY: all pointers are valid for the call, and `buf.len()` is the size of `buf`.
        let error = unsafe {
            libc::getpwnam_r(
                c_name.as_ptr(),
                entry.as_mut_ptr(),
                buf.as_mut_ptr().cast(),
                buf.len(),
                &mut found,
            )
        };
        // SAFETY: when not null, `found` points to `entry`, filled in by the call above.
        let entry = unsafe { found.as_ref() };
        Lookup::new(
            error,
            entry.map(|entry| User {
                name: name.to_owned(),
                uid: entry.pw_uid,
                gid: entry.pw_gid,
            }),
        )
    })
}

/// Looks a group's id up by name; `None` if there is none.
pub fn group(name: &str) -> io::Result<Option<u32>> {
    let c_name = CString::new(name)?;
    with_buffer(|buf| {
        let mut entry = MaybeUninit::<libc::group>::uninit();
        let mut found = std::ptr::null_mut();
        // SAFETY: all pointers are valid for the call, and `buf.len()` is the size of `buf`.
        let error = unsafe {
            libc::getgrnam_r(
                c_name.as_ptr(),
                entry.as_mut_ptr(),
                buf.as_mut_ptr().cast(),
                buf.len(),
                &mut found,
            )
        };
        // SAFETY: when not null, `found` points to `entry`, filled in by the call above.
        let entry = unsafe { found.as_ref() };
        Lookup::new(error, entry.map(|entry| entry.gr_gid))
    })
}

/// This machine's name as `uname` gives it, in lower case as nginx shows it.
pub fn host_name() -> String {
    let uname = rustix::system::uname();
    let name: &CStr = uname.nodename();
    name.to_string_lossy().to_ascii_lowercase()
}

enum Lookup<T> {
    Done(io::Result<Option<T>>),
    TooSmall,
}

impl<T> Lookup<T> {
    /// Judges a call: `error` is its result, `entry` what it found.
    fn new(error: i32, entry: Option<T>) -> Self {
        match error {
            libc::ERANGE => Lookup::TooSmall,
            // getpwnam_r(3): these, too, are how "no such name" is said.
            0 | libc::ENOENT | libc::ESRCH => Lookup::Done(Ok(entry)),
            error => Lookup::Done(Err(io::Error::from_raw_os_error(error))),
        }
    }
}

/// Calls `lookup` with a growing buffer until the entry fits.
fn with_buffer<T>(mut lookup: impl FnMut(&mut [u8]) -> Lookup<T>) -> io::Result<Option<T>> {
    let mut buf = vec![0; 1024];
    loop {
        match lookup(&mut buf) {
            Lookup::Done(result) => return result,
            Lookup::TooSmall if buf.len() < ENTRY_MAX => buf.resize(buf.len() * 4, 0),
            Lookup::TooSmall => return Err(io::Error::from_raw_os_error(libc::ERANGE)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_user_and_group_zero() {
        let root = user("root").unwrap().unwrap();
        assert_eq!((root.uid, root.gid), (0, 0));
        assert_eq!(group("root").unwrap(), Some(0));
    }

    #[test]
    fn a_name_that_nobody_has_is_none() {
        assert_eq!(user("no-such-user-here").unwrap(), None);
        assert_eq!(group("no-such-group-here").unwrap(), None);
    }
}
