//! Programs that a test starts, and ends by their id.

use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::wait::poll_for;

const GRACE: Duration = Duration::from_secs(3);

/// A program that runs until this value is dropped.
///
/// It leads a process group of its own, so that what it started goes with it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with its output in the file `log`.
    #[must_use]
    pub fn spawn(command: &mut Command, log: &Path) -> Self {
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("log file opened");
        let err = out.try_clone().expect("descriptor duplicated");
        command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Self {
            child,
            log: log.to_owned(),
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far, both streams together.
    #[must_use]
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Whether it still runs.
    pub fn running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Its exit status, once it has ended; `None` when `limit` passes first.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        poll_for(limit, || self.child.try_wait().ok().flatten())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        signal_pid(self.pid(), signal);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.running() {
            self.signal(Signal::TERM);
            self.wait(GRACE);
        }
        // The leader may be gone while something it started still runs.
        if let Some(group) = pid_of(self.child.id()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Sends `signal` to the process `pid`; one that is already gone is no error.
pub fn signal_pid(pid: u32, signal: Signal) {
    if let Some(pid) = pid_of(pid) {
        let _ = kill_process(pid, signal);
    }
}

fn pid_of(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

/// Runs `command` to its end.
///
/// # Panics
/// When it cannot start or has not ended after `limit`.
pub fn run(command: &mut Command, limit: Duration) -> Output {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let Some(status) = poll_for(limit, || child.try_wait().ok().flatten()) else {
        let _ = child.kill();
        let _ = child.wait();
        panic!("{command:?} still ran after {limit:?}");
    };
    Output {
        status,
        stdout: finish(stdout),
        stderr: finish(stderr),
    }
}

type Collector = std::thread::JoinHandle<Vec<u8>>;

fn collect(stream: Option<impl Read + Send + 'static>) -> Collector {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.read_to_end(&mut bytes);
        }
        bytes
    })
}

fn finish(collector: Collector) -> Vec<u8> {
    collector.join().unwrap_or_default()
}

/// Runs `command` to its end and returns what it printed.
///
/// # Panics
/// When it fails; the message holds both of its streams.
pub fn run_ok(command: &mut Command) -> String {
    let output = run(command, Duration::from_secs(30));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{stdout}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    stdout
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scratch;

    #[test]
    fn a_dropped_process_takes_its_children_with_it() {
        let scratch = Scratch::new("process");
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 1000 & echo $!; wait"]);
        let process = Process::spawn(&mut shell, &scratch.path().join("log"));
        let child = crate::wait_for("the child's id", || {
            process
                .output()
                .trim()
                .parse::<u32>()
                .ok()
                .filter(|_| process.output().contains('\n'))
        });
        let proc_dir = PathBuf::from(format!("/proc/{child}"));
        assert!(proc_dir.exists());
        drop(process);
        crate::wait_true("the child's end", || {
            state_of(&proc_dir).is_none_or(|s| s == 'Z')
        });
    }

    fn state_of(proc_dir: &Path) -> Option<char> {
        let stat = std::fs::read_to_string(proc_dir.join("stat")).ok()?;
        stat.rsplit(") ").next()?.chars().next()
    }

    #[test]
    fn run_gives_back_status_and_both_streams() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "echo out; echo err >&2; exit 3"]);
        let output = run(&mut shell, Duration::from_secs(5));
        assert_eq!(output.status.code(), Some(3));
        assert_eq!(
            (&output.stdout[..], &output.stderr[..]),
            (&b"out\n"[..], &b"err\n"[..])
        );
    }
}
