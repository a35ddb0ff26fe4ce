//! What Prometheus is told: the text format 0.0.4, with labels whose values this program chooses.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Counts of a process since its start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    started: AtomicU64,
    ended: ByReason,
    refused: ByReason,
    /// Of sessions that are over; those that live have theirs themselves.
    over: Mutex<Moved>,
    handshake: Histogram,
    ping: Histogram,
    input: Histogram,
}

/// What sessions moved.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moved {
    /// Bytes from viewers.
    pub(crate) bytes_in: u64,
    /// Bytes towards viewers.
    pub(crate) bytes_out: u64,
    /// Readings of input that were written on in the same turn.
    pub(crate) inputs_at_once: u64,
}

impl Moved {
    pub(crate) fn add(&mut self, other: Self) {
        self.bytes_in += other.bytes_in;
        self.bytes_out += other.bytes_out;
        self.inputs_at_once += other.inputs_at_once;
    }
}

/// What is counted beside sessions.
#[derive(Debug, Clone, Copy, Default)]
pub struct Beside {
    /// Links for guests that are open.
    pub links: usize,
    /// What the recorder has counted.
    pub recordings: recording::Counts,
}

/// How many live sessions there are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Live {
    pub(crate) connecting: usize,
    pub(crate) connected: usize,
}

impl Metrics {
    /// An upgrade was accepted.
    pub(crate) fn started(&self) {
        self.started.fetch_add(1, Relaxed);
    }

    /// The screen was shown, so long after the upgrade.
    pub(crate) fn connected(&self, after: Duration) {
        self.handshake.observe(after);
    }

    /// A session with a screen is over, by that reason.
    pub(crate) fn ended(&self, reason: &'static str) {
        self.ended.count(reason);
    }

    /// A session is over before it had a screen.
    pub(crate) fn refused(&self, reason: &'static str) {
        self.refused.count(reason);
    }

    /// What a session moved that is over.
    pub(crate) fn moved(&self, moved: Moved) {
        let mut over = self.over.lock().unwrap_or_else(PoisonError::into_inner);
        over.add(moved);
    }

    /// A ping was answered.
    pub(crate) fn ping(&self, rtt: Duration) {
        self.ping.observe(rtt);
    }

    /// Input waited so long for the server to take it.
    pub(crate) fn input_waited(&self, time: Duration) {
        self.input.observe(time);
    }

    /// Everything as text; `alive` is what the live sessions have moved so far.
    pub(super) fn text(&self, live: Live, alive: Moved, beside: &Beside) -> String {
        let mut moved = *self.over.lock().unwrap_or_else(PoisonError::into_inner);
        moved.add(alive);
        let mut out = Text::default();
        out.head(
            "portway_vnc_sessions",
            "gauge",
            "Desktop sessions now, by whether their screen is shown yet.",
        );
        out.labelled(
            "portway_vnc_sessions",
            "state",
            "connecting",
            live.connecting,
        );
        out.labelled("portway_vnc_sessions", "state", "connected", live.connected);
        out.single(
            "portway_vnc_sessions_started_total",
            "counter",
            "Desktop sessions that were asked for.",
            self.started.load(Relaxed),
        );
        out.reasons(
            "portway_vnc_sessions_ended_total",
            "Desktop sessions that are over, by reason.",
            &self.ended,
        );
        out.reasons(
            "portway_vnc_sessions_refused_total",
            "Desktop sessions that ended before the screen was shown, by reason.",
            &self.refused,
        );
        out.head(
            "portway_vnc_bytes_total",
            "counter",
            "Bytes of RFB, by direction.",
        );
        out.labelled(
            "portway_vnc_bytes_total",
            "direction",
            "to_viewer",
            moved.bytes_out,
        );
        out.labelled(
            "portway_vnc_bytes_total",
            "direction",
            "from_viewer",
            moved.bytes_in,
        );
        out.histogram(
            "portway_vnc_handshake_seconds",
            "From the upgrade until the screen was shown, with the time that people took to log in.",
            &self.handshake,
            0,
        );
        out.histogram(
            "portway_vnc_ping_seconds",
            "From a ping to its answer by the browser.",
            &self.ping,
            0,
        );
        out.histogram(
            "portway_vnc_input_delay_seconds",
            "From reading input of a viewer until the VNC server took all of it; what it took at once counts as 0.",
            &self.input,
            moved.inputs_at_once,
        );
        out.beside(beside);
        out.0
    }
}

/// Counts by one of the words for why a session is over: as many as the program has.
#[derive(Debug, Default)]
struct ByReason(Mutex<BTreeMap<&'static str, u64>>);

impl ByReason {
    fn count(&self, reason: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(reason).or_default() += 1;
    }
}

/// Upper bounds of the buckets, in microseconds.
const BOUNDS: [u64; 12] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000,
];

/// How often something took how long.
#[derive(Debug, Default)]
struct Histogram {
    /// One for each bound, and one for what is beyond.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    sum_micros: AtomicU64,
}

impl Histogram {
    fn observe(&self, time: Duration) {
        let micros = time.as_micros() as u64;
        let at = BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(at) {
            bucket.fetch_add(1, Relaxed);
        }
        self.sum_micros.fetch_add(micros, Relaxed);
    }
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail, here and below.
        let _ = write!(
            self.0,
            "# HELP {name} {}\n# TYPE {name} {kind}\n",
            help.replace('\\', "\\\\").replace('\n', "\\n")
        );
    }

    fn single(&mut self, name: &str, kind: &str, help: &str, value: u64) {
        self.head(name, kind, help);
        let _ = writeln!(self.0, "{name} {value}");
    }

    fn labelled(&mut self, name: &str, label: &str, of: &str, value: impl Display) {
        let of = of
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _ = writeln!(self.0, "{name}{{{label}=\"{of}\"}} {value}");
    }

    fn beside(&mut self, beside: &Beside) {
        let Beside { links, recordings } = beside;
        self.single(
            "portway_vnc_links",
            "gauge",
            "Links for guests that are open.",
            *links as u64,
        );
        self.single(
            "portway_vnc_recordings",
            "gauge",
            "Sessions that are being recorded.",
            recordings.open as u64,
        );
        self.single(
            "portway_vnc_recorded_bytes_total",
            "counter",
            "Bytes that were written to recordings, compressed.",
            recordings.written,
        );
        self.single(
            "portway_vnc_recordings_failed_total",
            "counter",
            "Recordings that could not be begun, or ended before their session.",
            recordings.failed,
        );
    }

    fn reasons(&mut self, name: &str, help: &str, by: &ByReason) {
        self.head(name, "counter", help);
        let counts = by.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (reason, count) in &*counts {
            self.labelled(name, "reason", reason, count);
        }
    }

    /// `at_zero` are observations of nothing that were counted elsewhere.
    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram, at_zero: u64) {
        self.head(name, "histogram", help);
        let bounds = BOUNDS
            .iter()
            .map(|bound| (*bound as f64 / 1e6).to_string())
            .chain(["+Inf".to_owned()]);
        let bucket = format!("{name}_bucket");
        let mut count = at_zero;
        for (bound, observed) in bounds.zip(&histogram.buckets) {
            count += observed.load(Relaxed);
            self.labelled(&bucket, "le", &bound, count);
        }
        let sum = histogram.sum_micros.load(Relaxed) as f64 / 1e6;
        let _ = writeln!(self.0, "{name}_sum {sum}\n{name}_count {count}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_as_prometheus_reads_it() {
        let metrics = Metrics::default();
        metrics.started();
        metrics.connected(Duration::from_micros(1_000));
        metrics.connected(Duration::from_secs(11));
        metrics.ended("cut");
        metrics.ended("cut");
        metrics.refused("timeout");
        let moved = |bytes_in, inputs_at_once| Moved {
            bytes_in,
            inputs_at_once,
            bytes_out: 0,
        };
        metrics.moved(moved(5, 1));
        metrics.input_waited(Duration::from_millis(3));
        let live = Live {
            connecting: 1,
            connected: 2,
        };
        let beside = Beside {
            links: 3,
            recordings: recording::Counts {
                open: 4,
                written: 5,
                failed: 6,
            },
        };
        let text = metrics.text(live, moved(2, 2), &beside);
        for line in [
            "# TYPE portway_vnc_sessions gauge",
            "portway_vnc_sessions{state=\"connected\"} 2",
            "portway_vnc_sessions_started_total 1",
            "portway_vnc_sessions_ended_total{reason=\"cut\"} 2",
            "portway_vnc_sessions_refused_total{reason=\"timeout\"} 1",
            "portway_vnc_bytes_total{direction=\"from_viewer\"} 7",
            "portway_vnc_handshake_seconds_bucket{le=\"0.001\"} 1",
            "portway_vnc_handshake_seconds_bucket{le=\"10\"} 1",
            "portway_vnc_handshake_seconds_bucket{le=\"+Inf\"} 2",
            "portway_vnc_handshake_seconds_sum 11.001",
            "portway_vnc_handshake_seconds_count 2",
            "portway_vnc_input_delay_seconds_bucket{le=\"0.001\"} 3",
            "portway_vnc_input_delay_seconds_bucket{le=\"0.005\"} 4",
            "portway_vnc_input_delay_seconds_count 4",
            "portway_vnc_links 3",
            "portway_vnc_recordings 4",
            "portway_vnc_recorded_bytes_total 5",
            "portway_vnc_recordings_failed_total 6",
        ] {
            assert!(text.lines().any(|is| is == line), "{line} in\n{text}");
        }
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn labels_and_helps_are_escaped() {
        let mut text = Text::default();
        text.head("a", "gauge", "one\\two\nthree");
        text.labelled("a", "b", "\"\\\n", 1);
        let expected = "# HELP a one\\\\two\\nthree\n# TYPE a gauge\na{b=\"\\\"\\\\\\n\"} 1\n";
        assert_eq!(text.0, expected);
    }
}
