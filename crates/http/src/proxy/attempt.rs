//! What is known of one peer that was asked: the source of `$upstream_…`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::upstream::Member;
use bytes::Bytes;
use net::clock;

use super::target::{Target, Work};

/// Who is asked.
#[derive(Debug, Clone)]
pub enum Whom {
    /// A peer.
    Peer(Arc<Member>),
    /// A group of which no peer was left.
    Group(Box<str>),
}

/// One attempt.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Who was asked.
    whom: Whom,
    /// What its URL begins with, for the error log: a scheme, or nothing for a tunnel.
    pub scheme: &'static str,
    /// What its URL ends with.
    pub uri: Bytes,
    /// The status of its answer (`$upstream_status`).
    pub status: Option<u16>,
    /// When it began.
    pub started: Instant,
    /// How long connecting took (`$upstream_connect_time`).
    pub connect_time: Option<Duration>,
    /// How long the head took (`$upstream_header_time`).
    pub header_time: Option<Duration>,
    /// How long all of it took (`$upstream_response_time`); `None` while it goes on.
    pub response_time: Option<Duration>,
    /// Bytes of the body received, with what frames it (`$upstream_response_length`).
    pub response_length: u64,
    /// Bytes received (`$upstream_bytes_received`).
    pub bytes_received: u64,
    /// Bytes sent (`$upstream_bytes_sent`).
    pub bytes_sent: u64,
    /// Whether anything of the request was sent.
    pub request_sent: bool,
    /// Whether it is the first one behind an internal redirect.
    pub redirected: bool,
    /// Whether the connection had been kept from an earlier request.
    pub reused: bool,
}

impl Attempt {
    /// An attempt that begins now.
    pub fn new(whom: Whom, target: &Target) -> Self {
        let scheme = match target.work {
            Work::Request => target.scheme.prefix(),
            Work::Tunnel => "",
        };
        Self {
            whom,
            scheme,
            uri: target.uri.clone(),
            status: None,
            started: clock::now(),
            connect_time: None,
            header_time: None,
            response_time: None,
            response_length: 0,
            bytes_received: 0,
            bytes_sent: 0,
            request_sent: false,
            redirected: false,
            reused: false,
        }
    }

    /// An attempt that could not even begin.
    pub fn failed(group: &str, target: &Target, status: u16) -> Self {
        let mut attempt = Self::new(Whom::Group(group.into()), target);
        attempt.status = Some(status);
        attempt.response_time = Some(Duration::ZERO);
        attempt
    }

    /// The peer's name, or that of the group (`$upstream_addr`).
    pub fn peer(&self) -> &str {
        match &self.whom {
            Whom::Peer(member) => &member.peer.name,
            Whom::Group(name) => name,
        }
    }

    /// Time since it began.
    pub fn elapsed(&self) -> Duration {
        clock::now() - self.started
    }
}
