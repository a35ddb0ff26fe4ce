//! How a peer is chosen.

/// A load balancing method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Smooth weighted round robin.
    #[default]
    RoundRobin,
    /// The peer with the fewest requests for its weight (`least_conn`).
    LeastConn,
    /// By the client's address (`ip_hash`).
    IpHash,
    /// By a key (`hash`).
    Hash,
    /// By a key, so that most keys stay where they are when servers come and go
    /// (`hash … consistent`).
    ConsistentHash,
    /// By chance (`random`).
    Random,
    /// The better of two by chance (`random two`).
    RandomTwo(Better),
    /// The peer that is expected to be done first (`least_time`).
    LeastTime(LeastTime),
}

/// What makes one of two peers the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Fewer requests for its weight.
    LeastConn,
    /// The earlier answer.
    LeastTime(Until),
}

/// What `least_time` goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeastTime {
    /// Up to where an answer is timed.
    pub until: Until,
    /// Whether requests that are not answered yet count (`inflight`).
    pub inflight: bool,
}

/// Up to where an answer is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Its head.
    Header,
    /// Its last byte.
    LastByte,
}

impl Method {
    /// Whether a key decides, which each request has to bring.
    pub fn needs_key(self) -> bool {
        matches!(self, Self::IpHash | Self::Hash | Self::ConsistentHash)
    }

    /// Whether current weights are kept in a wheel: wherever round robin can be what is left.
    pub(crate) fn has_wheel(self) -> bool {
        !matches!(self, Self::LeastTime(_))
    }

    /// Whether the wheel goes by load.
    pub(crate) fn by_load(self) -> bool {
        self == Self::LeastConn
    }

    /// What is timed, if anything is.
    pub(crate) fn times(self) -> Option<LeastTime> {
        match self {
            Self::LeastTime(times) => Some(times),
            Self::RandomTwo(Better::LeastTime(until)) => Some(LeastTime {
                until,
                inflight: false,
            }),
            _ => None,
        }
    }
}
