//! A line of the access log that can only be finished later: what is known now is written down,
//! what is known only at the end of a tunnel has its place kept. So a tunnel that lives for a month
//! holds no request and no configuration.

use std::time::{Duration, Instant, SystemTime};

use net::clock;
use net::log::{Level, time};
use net::tunnel::Traffic;
use vnc::SessionEnd;

use crate::logs::ErrorLogs;
use crate::modules::limit_conn;
use crate::modules::log::{LateLine, write_down};
use crate::request::Request;
use crate::secrets::Secrets;

/// What is known only at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// `$bytes_sent`
    BytesSent,
    /// `$body_bytes_sent`
    BodyBytesSent,
    /// `$request_time`
    RequestTime,
    /// `$time_local`
    TimeLocal,
    /// `$time_iso8601`
    TimeIso8601,
    /// `$msec`
    Msec,
    /// `$upstream_response_time`
    UpstreamResponseTime,
    /// `$upstream_response_length`
    UpstreamResponseLength,
    /// `$upstream_bytes_received`
    UpstreamBytesReceived,
    /// `$upstream_bytes_sent`
    UpstreamBytesSent,
    /// `$vnc_reason`
    VncReason,
    /// `$vnc_bytes_sent`
    VncBytesSent,
    /// `$vnc_bytes_received`
    VncBytesReceived,
    /// `$vnc_rtt`
    VncRtt,
}

impl Late {
    /// The variable of that name, if it is one of these.
    pub fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "bytes_sent" => Late::BytesSent,
            "body_bytes_sent" => Late::BodyBytesSent,
            "request_time" => Late::RequestTime,
            "time_local" => Late::TimeLocal,
            "time_iso8601" => Late::TimeIso8601,
            "msec" => Late::Msec,
            "upstream_response_time" => Late::UpstreamResponseTime,
            "upstream_response_length" => Late::UpstreamResponseLength,
            "upstream_bytes_received" => Late::UpstreamBytesReceived,
            "upstream_bytes_sent" => Late::UpstreamBytesSent,
            "vnc_reason" => Late::VncReason,
            "vnc_bytes_sent" => Late::VncBytesSent,
            "vnc_bytes_received" => Late::VncBytesReceived,
            "vnc_rtt" => Late::VncRtt,
            _ => return None,
        })
    }
}

/// Everything that the end of a tunnel needs of its request: what the logs want to know, and the
/// places in the counts of `limit_conn`, which end with it.
pub struct LogLater {
    lines: Box<[LateLine]>,
    errors: std::sync::Arc<ErrorLogs>,
    error_tail: Box<str>,
    /// What messages must not show, if there is anything.
    secrets: Option<Box<Secrets>>,
    connection: u64,
    started: Instant,
    upstream_started: Instant,
    head_sent: u64,
    upstream_received: u64,
    upstream_sent: u64,
    _places: Vec<limit_conn::Place>,
}

impl LogLater {
    /// Writes down what is known now.
    pub fn new(request: &Request) -> Self {
        let attempts = request.attempts.borrow();
        let last = attempts.last();
        Self {
            lines: write_down(request),
            errors: request.conf().core.error_logs.clone(),
            error_tail: request.log_context().into(),
            secrets: secrets_of(request),
            connection: request.conn.id,
            started: request.started,
            upstream_started: last.map_or(request.started, |attempt| attempt.started),
            head_sent: request.head_bytes_sent.get(),
            upstream_received: last.map_or(0, |attempt| attempt.bytes_received),
            upstream_sent: last.map_or(0, |attempt| attempt.bytes_sent),
            _places: request.limit_conn.take(),
        }
    }

    /// Writes to the error log that the request had.
    pub fn error(&self, level: Level, message: &str) {
        let line = format_args!("{}{}", self.masked(message), self.error_tail);
        self.errors.log().log(level, Some(self.connection), line);
    }

    /// What is told of a tunnel or a session, without the secrets of its request.
    pub fn masked(&self, text: &str) -> String {
        let masked = self.secrets.as_ref().map(|secrets| {
            let shown = secrets.mask_uris(text.as_bytes());
            String::from_utf8_lossy(&shown).into_owned()
        });
        masked.unwrap_or_else(|| text.to_owned())
    }

    /// Finishes the lines of a tunnel.
    pub fn write(&self, traffic: &Traffic) {
        self.finish(|late| self.value(late, traffic));
    }

    /// Finishes the lines of a desktop session.
    pub fn write_session(&self, end: &SessionEnd) {
        let traffic = Traffic {
            from_downstream: end.bytes_in,
            to_upstream: end.bytes_in,
            from_upstream: end.bytes_out,
            to_downstream: end.bytes_out,
        };
        self.finish(|late| match late {
            Late::VncReason => end.reason.word().to_owned(),
            Late::VncBytesSent => end.bytes_out.to_string(),
            Late::VncBytesReceived => end.bytes_in.to_string(),
            Late::VncRtt => end.rtt.map_or_else(unknown, seconds),
            late => self.value(late, &traffic),
        });
    }

    fn finish(&self, mut value: impl FnMut(Late) -> String) {
        for line in &self.lines {
            if let Err(failure) = line.finish(&mut value) {
                self.error(Level::Error, &failure);
            }
        }
    }

    fn value(&self, late: Late, traffic: &Traffic) -> String {
        match late {
            Late::BytesSent => (self.head_sent + traffic.to_downstream).to_string(),
            Late::BodyBytesSent => traffic.to_downstream.to_string(),
            Late::RequestTime => seconds(clock::now() - self.started),
            Late::TimeLocal => time::with(|times| times.local().to_owned()),
            Late::TimeIso8601 => time::with(|times| times.iso8601().to_owned()),
            Late::Msec => msec(clock::wall()),
            Late::UpstreamResponseTime => seconds(clock::now() - self.upstream_started),
            Late::UpstreamResponseLength => traffic.from_upstream.to_string(),
            Late::UpstreamBytesReceived => {
                (self.upstream_received + traffic.from_upstream).to_string()
            }
            Late::UpstreamBytesSent => (self.upstream_sent + traffic.to_upstream).to_string(),
            Late::VncReason | Late::VncBytesSent | Late::VncBytesReceived | Late::VncRtt => {
                unknown()
            }
        }
    }
}

fn secrets_of(request: &Request) -> Option<Box<Secrets>> {
    let secrets = request.secrets.borrow();
    (!secrets.is_empty()).then(|| Box::new(secrets.clone()))
}

/// As a log shows a value that there is not.
fn unknown() -> String {
    "-".to_owned()
}

/// Seconds with milliseconds, as nginx writes times.
pub fn seconds(time: Duration) -> String {
    format!("{}.{:03}", time.as_secs(), time.subsec_millis())
}

/// Seconds since 1970 with milliseconds.
pub fn msec(time: SystemTime) -> String {
    seconds(
        time.duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default(),
    )
}
