//! What the load counts while a measurement is open.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use super::process::{Server, Usage};

/// Time for connections to be made and caches to fill before a measurement opens.
const WARM_UP: Duration = Duration::from_millis(400);

/// Counts what is done; shared by all connections of a load.
#[derive(Debug, Default)]
pub struct Meter {
    done: Cell<u64>,
    bytes: Cell<u64>,
    open: Cell<bool>,
    waits: RefCell<Vec<Duration>>,
    failure: RefCell<Option<String>>,
}

/// What happened while a measurement was open.
#[derive(Debug, Default)]
pub struct Window {
    /// Requests, messages or updates.
    pub done: u64,
    /// Bytes that reached the client.
    pub bytes: u64,
    /// CPU time of the servers.
    pub cpu: Duration,
    /// Sorted times from when something was due until it was done.
    waits: Vec<Duration>,
}

impl Meter {
    /// Something was done that was `due` then.
    pub fn done(&self, due: Instant) {
        self.done.set(self.done.get() + 1);
        self.waited(due.elapsed());
    }

    /// Notes a wait that was measured elsewhere.
    pub fn waited(&self, wait: Duration) {
        if self.open.get() {
            self.waits.borrow_mut().push(wait);
        }
    }

    /// Something was done that nobody waited for.
    pub fn count(&self, n: u64) {
        self.done.set(self.done.get() + n);
    }

    /// Bytes arrived.
    pub fn bytes(&self, n: usize) {
        self.bytes.set(self.bytes.get() + n as u64);
    }

    /// A connection failed, which a sound measurement has none of.
    pub fn failed(&self, what: String) {
        self.failure.borrow_mut().get_or_insert(what);
    }

    /// Opens, waits, closes.
    pub async fn measure(&self, servers: &[Server], time: Duration) -> Result<Window, String> {
        tokio::time::sleep(WARM_UP).await;
        let (done, bytes, cpu) = (self.done.get(), self.bytes.get(), usage(servers).cpu);
        self.open.set(true);
        tokio::time::sleep(time).await;
        self.open.set(false);
        let mut window = Window {
            done: self.done.get() - done,
            bytes: self.bytes.get() - bytes,
            cpu: usage(servers).cpu.saturating_sub(cpu),
            waits: self.waits.take(),
        };
        window.waits.sort_unstable();
        match self.failure.take() {
            Some(failure) => Err(failure),
            None if window.done == 0 && window.bytes == 0 => Err("nothing was carried".to_owned()),
            None => Ok(window),
        }
    }
}

impl Window {
    /// Microseconds of CPU time for each thing done.
    pub fn cpu_per_done(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.done.max(1) as f64
    }

    /// Seconds of CPU time for each gigabyte that reached the client.
    pub fn cpu_per_gigabyte(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e9 / self.bytes.max(1) as f64
    }

    /// The wait, in microseconds, that 99 of 100 do not exceed.
    pub fn p99(&self) -> f64 {
        let at = (self.waits.len() * 99 / 100).min(self.waits.len().saturating_sub(1));
        self.waits
            .get(at)
            .map_or(0.0, |wait| wait.as_secs_f64() * 1e6)
    }
}

/// What all servers of a contender have used together.
pub fn usage(servers: &[Server]) -> Usage {
    let mut total = Usage::default();
    for server in servers {
        let usage = server.usage();
        total.cpu += usage.cpu;
        total.memory += usage.memory;
    }
    total
}
