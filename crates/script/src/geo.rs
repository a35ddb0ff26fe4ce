//! `geo`: a value chosen by an address (`ngx_http_geo_module`, `ngx_stream_geo_module`).

use std::net::IpAddr;

use bytes::Bytes;
use conf::{Diagnostic, Item, Word};

use crate::network::{Forwarding, Network, forwarded, parse_ip, parse_ipv4};
use crate::table_hash::FixedMap;
use crate::variables::{Caching, Context, Rule, VarId};
use networks::Networks;
use ranges::{Met, Ranges};
use table::Table;

mod networks;
mod ranges;
mod table;

/// A compiled `geo`. A look-up costs a search among sorted numbers, however many networks nest.
pub struct Geo {
    /// The variable that holds the address; the client's own if there is none.
    source: Option<VarId>,
    proxies: Vec<Network>,
    forwarding: Forwarding,
    caching: Caching,
    v4: Table<u32>,
    v6: Table<u128>,
    /// Every value once; the first is the empty one.
    values: Vec<Bytes>,
}

impl Geo {
    /// Compiles `geo [$address] $name { … }`; errors and warnings go to `diagnostics`.
    pub fn compile(item: &Item, source: Option<VarId>, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let mut draft = Draft::new(item.entries().len(), diagnostics);
        for entry in item.entries() {
            if let Err(error) = draft.entry(entry) {
                draft.diagnostics.push(error);
            }
        }
        draft.finish(source)
    }

    /// Whether a request evaluates it once.
    pub fn caching(&self) -> Caching {
        self.caching
    }

    /// The address that decides; `None` if it is none, as that of a unix socket.
    fn address<C: Context + ?Sized>(&self, cx: &C) -> Option<IpAddr> {
        let from = match self.source {
            None => cx.client_ip()?,
            Some(id) => {
                let mut text = Vec::new();
                cx.variable(id, &mut text).then(|| parse_ip(&text))??
            }
        };
        if self.proxies.is_empty() {
            return Some(from);
        }
        let lines = cx.forwarded_for();
        Some(forwarded(from, &lines, &self.proxies, self.forwarding))
    }

    fn find(&self, address: Option<IpAddr>) -> &Bytes {
        let index = match address.map(|ip| ip.to_canonical()) {
            Some(IpAddr::V4(ip)) => self.v4.find(ip.to_bits()),
            Some(IpAddr::V6(ip)) => self.v6.find(ip.to_bits()),
            // As ngx_http_geo: what has no address counts as 255.255.255.255.
            None => self.v4.find(u32::MAX),
        };
        &self.values[index as usize]
    }
}

impl<C: Context + ?Sized> Rule<C> for Geo {
    fn value(&self, cx: &C) -> Bytes {
        self.find(self.address(cx)).clone()
    }
}

/// What was read so far.
struct Draft<'d> {
    diagnostics: &'d mut Vec<Diagnostic>,
    proxies: Vec<Network>,
    forwarding: Forwarding,
    caching: Caching,
    v4: Networks<u32>,
    v6: Networks<u128>,
    /// Whether any network was written, even if it was deleted.
    has_networks: bool,
    ranges: Option<Ranges>,
    /// The default of ranges; networks have one of no bits.
    default: Option<u32>,
    values: Vec<Bytes>,
    indexes: FixedMap<u32>,
}

impl<'d> Draft<'d> {
    fn new(entries: usize, diagnostics: &'d mut Vec<Diagnostic>) -> Self {
        Self {
            diagnostics,
            proxies: Vec::new(),
            forwarding: Forwarding::Once,
            caching: Caching::Cached,
            v4: Networks::with_capacity(entries),
            v6: Networks::with_capacity(0),
            has_networks: false,
            ranges: None,
            default: None,
            values: vec![Bytes::new()],
            indexes: FixedMap::from_iter([(Box::default(), 0)]),
        }
    }

    fn entry(&mut self, entry: &Item) -> Result<(), Diagnostic> {
        match (&entry.name.text[..], &entry.args[..]) {
            (b"ranges", []) => self.use_ranges(entry)?,
            (b"proxy_recursive", []) => self.forwarding = Forwarding::Recursive,
            (b"volatile", []) => self.caching = Caching::Volatile,
            (b"proxy", [network]) => {
                let network = self.network(entry, network)?;
                self.proxies.push(network);
            }
            (_, [value]) => match self.ranges.take() {
                Some(mut ranges) => {
                    let done = self.range(&mut ranges, entry, value);
                    self.ranges = Some(ranges);
                    done?;
                }
                None => self.networks(entry, value)?,
            },
            _ => return Err(entry.error("invalid number of the geo parameters")),
        }
        Ok(())
    }

    fn use_ranges(&mut self, entry: &Item) -> Result<(), Diagnostic> {
        if self.has_networks {
            let first = "the \"ranges\" directive must be the first directive inside \"geo\" block";
            return Err(entry.error(first));
        }
        self.ranges.get_or_insert_default();
        Ok(())
    }

    fn range(&mut self, ranges: &mut Ranges, entry: &Item, value: &Word) -> Result<(), Diagnostic> {
        match &entry.name.text[..] {
            b"default" => {
                let index = self.index(value);
                if let Some(old) = self.default.replace(index) {
                    let (new, old) = (value.display(), self.shown(old));
                    let message = format!(
                        "duplicate default geo range value: \"{new}\", old value: \"{old}\""
                    );
                    self.warn(entry, message);
                }
            }
            b"delete" => {
                let (first, last) = parse_range(entry, value)?;
                if !ranges.delete(first, last) {
                    let range = value.display();
                    self.warn(entry, format!("no address range \"{range}\" to delete"));
                }
            }
            _ => {
                let (first, last) = parse_range(entry, &entry.name)?;
                let index = self.index(value);
                for met in ranges.add(first, last, index) {
                    self.met(entry, value, &met)?;
                }
            }
        }
        Ok(())
    }

    fn met(&mut self, entry: &Item, value: &Word, met: &Met) -> Result<(), Diagnostic> {
        let range = entry.name.display();
        match met {
            Met::Duplicate(old) => {
                let (new, old) = (value.display(), self.shown(*old));
                let message =
                    format!("duplicate range \"{range}\", value: \"{new}\", old value: \"{old}\"");
                self.warn(entry, message);
                Ok(())
            }
            Met::Overlap(first, last) => {
                Err(entry.error(format!("range \"{range}\" overlaps \"{first}-{last}\"")))
            }
        }
    }

    fn networks(&mut self, entry: &Item, value: &Word) -> Result<(), Diagnostic> {
        self.has_networks = true;
        match &entry.name.text[..] {
            b"default" => {
                self.add(entry, value, Network::ALL_V4);
                self.add(entry, value, Network::ALL_V6);
            }
            b"delete" => {
                let network = self.network(entry, value)?;
                let known = match network.first() {
                    IpAddr::V4(first) => self.v4.remove(first.to_bits(), network.bits()),
                    IpAddr::V6(first) => self.v6.remove(first.to_bits(), network.bits()),
                };
                if !known {
                    let network = value.display();
                    self.warn(entry, format!("no network \"{network}\" to delete"));
                }
            }
            _ => {
                let network = self.network(entry, &entry.name)?;
                self.add(entry, value, network);
            }
        }
        Ok(())
    }

    fn add(&mut self, entry: &Item, value: &Word, network: Network) {
        let index = self.index(value);
        let bits = network.bits();
        let old = match network.first() {
            IpAddr::V4(first) => self.v4.insert(first.to_bits(), bits, index),
            IpAddr::V6(first) => self.v6.insert(first.to_bits(), bits, index),
        };
        if let Some(old) = old {
            let (network, new, old) = (entry.name.display(), value.display(), self.shown(old));
            let message =
                format!("duplicate network \"{network}\", value: \"{new}\", old value: \"{old}\"");
            self.warn(entry, message);
        }
    }

    fn network(&mut self, entry: &Item, word: &Word) -> Result<Network, Diagnostic> {
        let invalid = || {
            let message = format!("invalid network \"{}\"", word.display());
            entry.error(message).at(word.span)
        };
        let (network, low_bits) = Network::parse(&word.text).ok_or_else(invalid)?;
        if low_bits {
            let network = word.display();
            self.warn(
                entry,
                format!("low address bits of {network} are meaningless"),
            );
        }
        Ok(network)
    }

    fn index(&mut self, value: &Word) -> u32 {
        if let Some(&index) = self.indexes.get(&value.text[..]) {
            return index;
        }
        let index = self.values.len() as u32;
        self.values.push(Bytes::copy_from_slice(&value.text));
        self.indexes.insert(value.text[..].into(), index);
        index
    }

    fn shown(&self, index: u32) -> String {
        String::from_utf8_lossy(&self.values[index as usize]).into_owned()
    }

    fn warn(&mut self, entry: &Item, message: String) {
        self.diagnostics
            .push(Diagnostic::warn(message).at(entry.span()));
    }

    fn finish(self, source: Option<VarId>) -> Geo {
        let default = self.default.unwrap_or(0);
        let v4 = match self.ranges {
            Some(ranges) => ranges.into_stretches(),
            None => self.v4.into_stretches(),
        };
        Geo {
            source,
            proxies: self.proxies,
            forwarding: self.forwarding,
            caching: self.caching,
            v4: Table::new(v4, default),
            v6: Table::new(self.v6.into_stretches(), default),
            values: self.values,
        }
    }
}

/// Reads `first-last`.
fn parse_range(entry: &Item, word: &Word) -> Result<(u32, u32), Diagnostic> {
    let read = || {
        let dash = word.text.iter().position(|&byte| byte == b'-')?;
        let (first, last) = (&word.text[..dash], &word.text[dash + 1..]);
        let (first, last) = (parse_ipv4(first)?.to_bits(), parse_ipv4(last)?.to_bits());
        // As ngx_inet_addr, whose failure looks like 255.255.255.255.
        (first <= last && last != u32::MAX).then_some((first, last))
    };
    let message = || format!("invalid range \"{}\"", word.display());
    read().ok_or_else(|| entry.error(message()).at(word.span))
}

#[cfg(test)]
mod tests;
