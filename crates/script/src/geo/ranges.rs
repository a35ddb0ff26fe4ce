//! The ranges of `geo { ranges; }` while they are read.
//!
//! As ngx_http_geo: ranges are kept by blocks of 2¹⁶ addresses, and all rules about duplicates,
//! overlaps and deletion hold within a block.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::table::Stretch;

/// Ranges that do not overlap and stay within their blocks, by their first address.
#[derive(Debug, Default)]
pub(super) struct Ranges(BTreeMap<u32, (u32, u32)>);

/// What adding a range met.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// The same range; its old value.
    Duplicate(u32),
    /// A range that it neither is nor is inside of.
    Overlap(Ipv4Addr, Ipv4Addr),
}

impl Ranges {
    /// Adds a range: a part of an earlier one takes its place there. What came before an overlap
    /// stays added.
    pub(super) fn add(&mut self, first: u32, last: u32, value: u32) -> Vec<Met> {
        let mut met = Vec::new();
        for (first, last) in blocks(first, last) {
            let before = self.0.range(first & !0xffff..=last).next_back();
            match before.map(|(&start, &(end, old))| (start, end, old)) {
                Some((start, end, old)) if (start, end) == (first, last) => {
                    met.push(Met::Duplicate(old));
                }
                Some((_, end, _)) if first > end => {}
                Some((start, end, old)) if start <= first && last <= end => {
                    self.split(start, (end, old), first, last);
                }
                Some((start, end, _)) => {
                    met.push(Met::Overlap(start.into(), end.into()));
                    return met;
                }
                None => {}
            }
            self.0.insert(first, (last, value));
        }
        met
    }

    /// Removes a range; false if some of it was not there as such.
    pub(super) fn delete(&mut self, first: u32, last: u32) -> bool {
        let mut whole = true;
        for (first, last) in blocks(first, last) {
            match self.0.get(&first) {
                Some(&(end, _)) if end == last => {
                    self.0.remove(&first);
                }
                _ => whole = false,
            }
        }
        whole
    }

    /// All of them, in their order.
    pub(super) fn into_stretches(self) -> Vec<Stretch<u32>> {
        let stretch = |(first, (last, value))| Stretch { first, last, value };
        self.0.into_iter().map(stretch).collect()
    }

    /// Makes room for `first..=last` inside of the range `start..=end`.
    fn split(&mut self, start: u32, (end, old): (u32, u32), first: u32, last: u32) {
        if start < first {
            self.0.insert(start, (first - 1, old));
        }
        if last < end {
            self.0.insert(last + 1, (end, old));
        }
    }
}

/// The parts of a range by block.
fn blocks(first: u32, last: u32) -> impl Iterator<Item = (u32, u32)> {
    let parts = (first >> 16)..=(last >> 16);
    parts.map(move |block| {
        let start = block << 16;
        (start.max(first), (start | 0xffff).min(last))
    })
}
