//! Numbers that no other test has: TCP ports, X displays.
//!
//! Tests run in parallel, in one process or in many, so a number is reserved by a locked file for
//! the life of the process. Ports come from below the kernel's ephemeral range: an outgoing
//! connection can never be given one between its choice and its use.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;

const PORTS: Range<u16> = 11_000..31_000;
const DISPLAYS: Range<u16> = 200..4_000;

static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port on which nothing listens, on any address, and that stays this process's.
#[must_use]
pub fn free_port() -> u16 {
    reserve("port", PORTS, |port| {
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok()
    })
}

/// An X display number that no server uses, and that stays this process's.
#[must_use]
pub fn free_display() -> u16 {
    reserve("display", DISPLAYS, |number| {
        !Path::new(&format!("/tmp/.X{number}-lock")).exists()
            && !Path::new(&format!("/tmp/.X11-unix/X{number}")).exists()
    })
}

fn reserve(kind: &str, range: Range<u16>, free: impl Fn(u16) -> bool) -> u16 {
    let span = range.end - range.start;
    // Processes start at different places, so that they seldom try the same locks.
    let first = (std::process::id().wrapping_mul(97) % u32::from(span)) as u16;
    (0..span)
        .map(|step| range.start + (first + step) % span)
        .find(|&number| lock(&format!("{kind}-{number}")) && free(number))
        .unwrap_or_else(|| panic!("no free {kind} in {range:?}"))
}

/// Takes the lock `name` for the rest of this process's life; `false` when another one has it.
fn lock(name: &str) -> bool {
    let Ok(file) = open_lock(name) else {
        return false;
    };
    if file.try_lock().is_err() {
        return false;
    }
    HELD.lock()
        .expect("no test panics while it holds this")
        .push(file);
    true
}

/// Holds a machine-wide lock until dropped: for tests that must not run beside each other.
#[must_use]
pub fn exclusive(name: &str) -> File {
    let file = open_lock(name).expect("lock file opened");
    file.lock().expect("lock taken");
    file
}

fn open_lock(name: &str) -> std::io::Result<File> {
    let dir = std::env::temp_dir().join("portway-test-locks");
    fs::create_dir_all(&dir)?;
    File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(dir.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_reservations_never_give_the_same_number() {
        let ports: Vec<u16> = (0..50).map(|_| free_port()).collect();
        let mut unique = ports.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), ports.len());
        assert_ne!(free_display(), free_display());
    }
}
