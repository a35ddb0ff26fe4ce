//! The primary or the backup servers of a group: their order, and tables made of it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::member::Member;
use crate::wheel::Wheel;

/// Peers among which one is chosen.
#[derive(Debug, Default)]
pub(crate) struct Tier {
    /// Their slots, in the order of the configuration.
    pub(crate) order: Vec<u32>,
    /// The sum of the weights before each.
    starts: Vec<i64>,
    pub(crate) total_weight: i64,
    /// The first peer with each id.
    ids: HashMap<Bytes, u32>,
    /// The peers of each server, by its name.
    servers: HashMap<Arc<str>, Vec<u32>>,
    pub(crate) wheel: Wheel,
    /// Peers out of use for their failures, by when that ends.
    pub(crate) resting: BTreeSet<(Instant, u32)>,
}

impl Tier {
    /// Appends a peer; gives its place.
    pub(crate) fn push(&mut self, slot: u32, member: &Member) -> u32 {
        let at = self.order.len() as u32;
        self.order.push(slot);
        self.starts.push(self.total_weight);
        self.total_weight += member.weight;
        self.ids.entry(member.id.clone()).or_insert(at);
        self.servers
            .entry(member.server.clone())
            .or_default()
            .push(at);
        at
    }

    /// The peer at `weight` units from the beginning, if `weight < total_weight`.
    pub(crate) fn at_weight(&self, weight: i64) -> u32 {
        let above = self.starts.partition_point(|&start| start <= weight);
        above.saturating_sub(1) as u32
    }

    /// The first peer with that id.
    pub(crate) fn by_id(&self, id: &[u8]) -> Option<u32> {
        self.ids.get(id).copied()
    }

    /// The peers of a server.
    pub(crate) fn of_server(&self, server: &str) -> &[u32] {
        self.servers.get(server).map_or(&[], Vec::as_slice)
    }
}
