//! Making processes and giving up privileges.

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, WaitOptions};

use super::check;
use super::user::User;

/// Which side of a fork this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// The process that called; the child has this pid.
    Parent(Pid),
    /// The new process.
    Child,
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// This signal killed it; `true` if it left a core.
    Signal(i32, bool),
}

/// Copies this process. Refused in a process with more than one thread: the copy would have only
/// the calling one, and any lock that another thread holds would stay locked in it for ever.
pub fn fork() -> io::Result<Fork> {
    if !single_threaded() {
        return Err(io::Error::other(
            "a process with several threads does not fork",
        ));
    }
    // SAFETY: with one thread there is no lock held by another, so the child may run any code.
    let pid = unsafe { libc::fork() };
    check(pid)?;
    crate::log::forget_ids();
    Ok(match Pid::from_raw(pid) {
        Some(pid) => Fork::Parent(pid),
        None => Fork::Child,
    })
}

/// Whether the calling thread is the only one of the process.
fn single_threaded() -> bool {
    // A thread that was joined may be in the list for a moment longer.
    (0..100).any(|_| {
        let alone = threads_counted();
        if !alone {
            std::thread::sleep(Duration::from_millis(1));
        }
        alone
    })
}

fn threads_counted() -> bool {
    match std::fs::read_dir("/proc/self/task") {
        Ok(tasks) => tasks.count() == 1,
        Err(_) => {
            // SAFETY: no memory is involved. With this flag the call changes nothing in a process
            // with one thread and fails in any other (unshare(2)).
            let result = unsafe { libc::unshare(libc::CLONE_THREAD) };
            result == 0
        }
    }
}

/// Leaves the terminal and the caller: this process goes on as a child that leads a new session,
/// with standard input and output on `/dev/null`. The process that was called exits when the child
/// says that it is [ready](Ready::done), with 0, or has ended without, with 1.
pub fn daemonise() -> io::Result<Ready> {
    let (wait, ready) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    if let Fork::Parent(_) = fork()? {
        drop(ready);
        let mut byte = [0];
        let read = rustix::io::retry_on_intr(|| rustix::io::read(&wait, &mut byte));
        std::process::exit(i32::from(read != Ok(1)));
    }
    rustix::process::setsid()?;
    let null = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(Ready { pipe: ready })
}

/// A word that the child of [`daemonise`] owes to the process that was called.
#[derive(Debug)]
pub struct Ready {
    pipe: OwnedFd,
}

impl Ready {
    /// Lets the process that was called exit with 0.
    pub fn done(self) {
        // If it is gone nobody waits.
        let _ = rustix::io::write(&self.pipe, &[0]);
    }
}

/// Removes every variable of the environment that is not named, and sets those that have a value.
/// Refused in a process with more than one thread, where another could be reading it.
pub fn limit_environment(keep: &[(String, Option<String>)]) -> io::Result<()> {
    if !single_threaded() {
        return Err(io::Error::other(
            "a process with several threads keeps its environment",
        ));
    }
    let named = |name: &OsString| keep.iter().any(|(kept, _)| name == kept.as_str());
    let gone: Vec<_> = std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| !named(name))
        .collect();
    for name in gone {
        // SAFETY: this is the only thread.
        unsafe { std::env::remove_var(name) };
    }
    for (name, value) in keep {
        if let Some(value) = value {
            // SAFETY: this is the only thread.
            unsafe { std::env::set_var(name, value) };
        }
    }
    Ok(())
}

/// Collects one child that ended, if there is one.
pub fn reap() -> Option<(Pid, Exit)> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                if let Some(exit) = exit_of(status) {
                    return Some((pid, exit));
                }
            }
            Err(rustix::io::Errno::INTR) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}

fn exit_of(status: rustix::process::WaitStatus) -> Option<Exit> {
    if let Some(code) = status.exit_status() {
        return Some(Exit::Code(code));
    }
    let signal = status.terminating_signal()?;
    Some(Exit::Signal(signal, libc::WCOREDUMP(status.as_raw())))
}

/// Becomes `user` for good: group, supplementary groups, user. There is no way back, and failing
/// half way is an error that the caller must not survive.
pub fn become_user(user: &User) -> io::Result<()> {
    let name = CString::new(user.name.as_str())?;
    // The libc functions, unlike the system calls, change every thread of the process.
    // SAFETY: no memory is involved.
    check(unsafe { libc::setgid(user.gid) })?;
    // SAFETY: `name` is a string that ends in NUL and outlives the call.
    check(unsafe { libc::initgroups(name.as_ptr(), user.gid) })?;
    // SAFETY: no memory is involved.
    check(unsafe { libc::setuid(user.uid) })?;
    Ok(())
}

/// As [`become_user`], and keeps the one power that `IP_TRANSPARENT` needs, for this thread and
/// those that it starts.
pub fn become_user_with_raw_sockets(user: &User) -> io::Result<()> {
    use rustix::thread::{CapabilitySet, CapabilitySets};
    rustix::thread::set_keep_capabilities(true)?;
    become_user(user)?;
    rustix::thread::set_keep_capabilities(false)?;
    let kept = CapabilitySets {
        effective: CapabilitySet::NET_RAW,
        permitted: CapabilitySet::NET_RAW,
        inheritable: CapabilitySet::empty(),
    };
    Ok(rustix::thread::set_capabilities(None, kept)?)
}

/// Whether this process has the powers of root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Sets both limits of open files.
pub fn limit_open_files(count: u64) -> io::Result<()> {
    limit(Resource::Nofile, count)
}

/// Sets both limits of the size of a core file.
pub fn limit_core(bytes: u64) -> io::Result<()> {
    limit(Resource::Core, bytes)
}

fn limit(resource: Resource, value: u64) -> io::Result<()> {
    let limit = Rlimit {
        current: Some(value),
        maximum: Some(value),
    };
    Ok(rustix::process::setrlimit(resource, limit)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_threads_does_not_fork_and_keeps_its_environment() {
        let (stop, wait) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || wait.recv());
        assert!(fork().is_err());
        assert!(limit_environment(&[]).is_err());
        drop(stop);
        let _ = other.join();
    }

    #[test]
    fn becoming_a_user_whose_name_holds_a_nul_is_an_error() {
        let user = User {
            name: "a\0b".into(),
            uid: 1,
            gid: 1,
        };
        assert!(become_user(&user).is_err());
    }
}
