//! A server under measurement: started on its own CPU, accounted with all its descendants, and
//! ended by process id.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::CpuSet;

/// The kernel reports CPU time to user space in these, whatever its own clock is (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// Which CPU the servers have to themselves.
const SERVER_CPU: usize = 0;

/// A running server; it and all its descendants end when this is dropped.
pub struct Server {
    child: Child,
}

/// What a server has used until now.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// In user and kernel mode, ended descendants included.
    pub cpu: Duration,
    /// Resident memory, pages that processes share counted once.
    pub memory: u64,
}

struct Stat {
    parent: i32,
    /// Its own ticks, and those of children that ended.
    ticks: u32,
    children_ticks: u32,
}

impl Stat {
    /// The scheduler counts nanoseconds of each thread that lives; ticks would say nothing of a
    /// process that does a little.
    fn cpu(&self, pid: i32) -> Duration {
        let own = threads_cpu(pid).unwrap_or(TICK * self.ticks);
        own + TICK * self.children_ticks
    }
}

/// Keeps this thread, and what it starts from now on, off the servers' CPU.
pub fn move_to_load_cpus() -> io::Result<()> {
    let all = all_cpus();
    run_on((0..all).filter(|cpu| *cpu != SERVER_CPU || all == 1))
}

/// How many CPUs the machine gives us. Asked once, before any thread was moved: the system's answer
/// counts only those that the asking thread may run on.
fn all_cpus() -> usize {
    static ALL: OnceLock<usize> = OnceLock::new();
    *ALL.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

fn run_on(cpus: impl Iterator<Item = usize>) -> io::Result<()> {
    let mut set = CpuSet::new();
    cpus.for_each(|cpu| set.set(cpu));
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

impl Server {
    /// Starts `command` on the servers' CPU; what it prints goes to `log`.
    pub fn start(command: &mut Command, log: fs::File) -> io::Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        // A child inherits the CPUs of the thread that starts it.
        run_on(std::iter::once(SERVER_CPU))?;
        let child = command.spawn();
        move_to_load_cpus()?;
        Ok(Self { child: child? })
    }

    /// What it and its descendants have used.
    pub fn usage(&self) -> Usage {
        let stats = all_stats();
        let mut usage = Usage::default();
        for pid in self.tree(&stats) {
            usage.cpu += stats.get(&pid).map_or(Duration::ZERO, |stat| stat.cpu(pid));
            usage.memory += memory(pid);
        }
        usage
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal to the process that was started.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        let pid = Pid::from_raw(self.child.id() as i32).ok_or(io::ErrorKind::NotFound)?;
        Ok(kill_process(pid, signal)?)
    }

    fn tree(&self, stats: &HashMap<i32, Stat>) -> Vec<i32> {
        let mut tree = vec![self.child.id() as i32];
        let mut at = 0;
        while let Some(&parent) = tree.get(at) {
            at += 1;
            let children = stats.iter().filter(|(_, stat)| stat.parent == parent);
            tree.extend(children.map(|(pid, _)| *pid));
        }
        tree
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let tree = self.tree(&all_stats());
        // Gone already, which is what is wanted.
        let _ = self.signal(Signal::TERM);
        let limit = Instant::now() + Duration::from_secs(2);
        while self.is_running() && Instant::now() < limit {
            std::thread::sleep(Duration::from_millis(10));
        }
        let left = all_stats();
        for pid in tree.into_iter().filter(|pid| left.contains_key(pid)) {
            if let Some(pid) = Pid::from_raw(pid) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}

fn all_stats() -> HashMap<i32, Stat> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return HashMap::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, stat(pid)?)))
        .collect()
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses, which may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u32>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        ticks: number(11)? + number(12)?,
        children_ticks: number(13)? + number(14)?,
    })
}

/// The time that the scheduler gave to all threads of a process; `None` if the kernel keeps none.
fn threads_cpu(pid: i32) -> Option<Duration> {
    let mut total = Duration::ZERO;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        total += Duration::from_nanos(text.split(' ').next()?.parse().ok()?);
    }
    (!total.is_zero()).then_some(total)
}

fn memory(pid: i32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}
