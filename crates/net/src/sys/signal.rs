//! Signals as a file that can be waited for.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::check;

/// A signal that this program acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// `SIGHUP`: load the configuration again.
    Hup,
    /// `SIGINT`: stop now.
    Int,
    /// `SIGTERM`: stop now.
    Term,
    /// `SIGQUIT`: stop when what runs has ended.
    Quit,
    /// `SIGUSR1`: open the log files again.
    Usr1,
    /// `SIGUSR2`: replace the binary.
    Usr2,
    /// `SIGWINCH`: stop the worker gracefully, keep the master.
    Winch,
    /// `SIGCHLD`: a child ended.
    Chld,
}

impl Signal {
    const ALL: [(Signal, libc::c_int, &'static str); 8] = [
        (Signal::Hup, libc::SIGHUP, "SIGHUP"),
        (Signal::Int, libc::SIGINT, "SIGINT"),
        (Signal::Term, libc::SIGTERM, "SIGTERM"),
        (Signal::Quit, libc::SIGQUIT, "SIGQUIT"),
        (Signal::Usr1, libc::SIGUSR1, "SIGUSR1"),
        (Signal::Usr2, libc::SIGUSR2, "SIGUSR2"),
        (Signal::Winch, libc::SIGWINCH, "SIGWINCH"),
        (Signal::Chld, libc::SIGCHLD, "SIGCHLD"),
    ];

    fn entry(self) -> &'static (Signal, libc::c_int, &'static str) {
        &Self::ALL[self as usize]
    }

    /// The number that `kill` takes.
    pub fn number(self) -> i32 {
        self.entry().1
    }

    /// Its name, such as `SIGHUP`.
    pub fn name(self) -> &'static str {
        self.entry().2
    }

    /// Sends it to a process.
    pub fn send(self, pid: rustix::process::Pid) -> io::Result<()> {
        // SAFETY: no memory is involved.
        check(unsafe { libc::kill(pid.as_raw_nonzero().get(), self.number()) }).map(drop)
    }
}

/// One signal that arrived, and the process that sent it (0 if the kernel did).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    /// Which.
    pub signal: Signal,
    /// Who sent it.
    pub sender: u32,
}

/// The queue of signals of this process; readable when one has arrived.
#[derive(Debug)]
pub struct Signals {
    fd: OwnedFd,
}

impl Signals {
    /// Blocks the signals for this thread, and so for every thread that it starts later, and opens
    /// a queue of them.
    pub fn block() -> io::Result<Self> {
        let set = all();
        // SAFETY: `set` is initialised; nothing is asked for in return.
        let error = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        // SAFETY: `set` is initialised.
        let fd =
            check(unsafe { libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) })?;
        // SAFETY: the call above made the descriptor and nobody else knows it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd })
    }

    /// Takes the next signal that arrived, without waiting.
    pub fn next(&self) -> Option<Arrived> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the pointer and the size describe `info`.
        let n = unsafe { libc::read(self.fd.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        if usize::try_from(n) != Ok(size) {
            return None;
        }
        // SAFETY: `read` filled the whole structure, and any bytes are a value of it.
        let info = unsafe { info.assume_init() };
        let number = i32::try_from(info.ssi_signo).ok()?;
        let &(signal, ..) = Signal::ALL.iter().find(|entry| entry.1 == number)?;
        Some(Arrived {
            signal,
            sender: info.ssi_pid,
        })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The set of all signals that this program acts on.
fn all() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigemptyset` initialises the set that it is given.
    let mut set = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    };
    for (_, number, _) in Signal::ALL {
        // SAFETY: the set is initialised and the number is that of a signal.
        unsafe { libc::sigaddset(&mut set, number) };
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (index, (signal, ..)) in Signal::ALL.into_iter().enumerate() {
            assert_eq!(signal as usize, index);
        }
    }

    #[test]
    fn a_blocked_signal_arrives_in_the_queue_with_its_sender() {
        let signals = Signals::block().unwrap();
        assert_eq!(signals.next(), None);
        // SAFETY: no memory is involved; the signal is blocked for this thread.
        unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGWINCH) };
        let arrived = signals.next().unwrap();
        assert_eq!(arrived.signal, Signal::Winch);
        assert_eq!(arrived.sender, std::process::id());
    }
}
