//! Choosing a server by the name that the client asks for (`ngx_http_find_virtual_server`).

use std::sync::Arc;

use bytes::Bytes;
use script::{Captures, FixedMap, Regex, RegexList, VarId};

use crate::config::ServerId;

/// The names of the servers of one address: exact ones, `*.head`, `tail.*`, expressions.
#[derive(Debug, Default)]
pub struct ServerNames {
    exact: FixedMap<ServerId>,
    heads: FixedMap<ServerId>,
    tails: FixedMap<ServerId>,
    regexes: RegexList<NameRegex>,
}

/// The variables of an expression's named groups, and whose name it is.
type NameRegex = (Box<[(VarId, usize)]>, ServerId);

/// The groups of the expression that fitted.
pub struct NameMatch<'n> {
    /// Groups to store in variables.
    pub names: &'n [(VarId, usize)],
    /// All groups.
    pub captures: Captures,
}

impl ServerNames {
    /// With room for so many exact names.
    pub fn with_capacity(names: usize) -> Self {
        Self {
            exact: FixedMap::with_capacity_and_hasher(names, Default::default()),
            ..Self::default()
        }
    }

    /// Adds a name; false if another server of this address has it, which then keeps it.
    pub fn add(&mut self, name: &str, id: ServerId) -> bool {
        let name = name.as_bytes();
        let (map, key) = match name {
            [b'*', b'.', host @ ..] => (&mut self.heads, host),
            [b'.', host @ ..] => {
                self.exact.entry(host.into()).or_insert(id);
                (&mut self.heads, host)
            }
            [host @ .., b'.', b'*'] => (&mut self.tails, host),
            _ => (&mut self.exact, name),
        };
        *map.entry(key.into()).or_insert(id) == id
    }

    /// Adds an expression.
    pub fn add_regex(&mut self, regex: Arc<Regex>, names: Vec<(VarId, usize)>, id: ServerId) {
        self.regexes.push(regex, (names.into(), id));
    }

    /// Makes look-ups fast, once all names are there.
    pub fn finish(&mut self) {
        self.regexes.finish();
    }

    /// The server of that name: an exact name, then the longest head, the longest tail, the first
    /// expression that fits.
    pub fn find(&self, host: &Bytes) -> Option<(ServerId, Option<NameMatch<'_>>)> {
        if let Some(&id) = self.exact.get(&host[..]) {
            return Some((id, None));
        }
        let dots = |at: &(usize, &u8)| *at.1 == b'.';
        if !self.heads.is_empty() {
            let mut ends = host.iter().enumerate().filter(dots);
            if let Some(&id) = ends.find_map(|(at, _)| self.heads.get(&host[at + 1..])) {
                return Some((id, None));
            }
        }
        if !self.tails.is_empty() {
            let mut ends = host.iter().enumerate().rev().filter(dots);
            if let Some(&id) = ends.find_map(|(at, _)| self.tails.get(&host[..at])) {
                return Some((id, None));
            }
        }
        let ((names, id), captures) = self.regexes.first_match(host)?;
        Some((*id, Some(NameMatch { names, captures })))
    }
}
