//! Choosing a location by URI (`ngx_http_core_find_location`), at a cost that does not grow with
//! the number of locations: one hash look-up for each length that a prefix has, and of the
//! expressions only those that can match.

use std::sync::Arc;

use bytes::Bytes;
use script::{Captures, FixedMap, Regex, RegexList, VarId};

use crate::config::{Config, LocationId};

/// The locations inside a server or a location.
#[derive(Debug, Default)]
pub struct LocationTree {
    exact: FixedMap<LocationId>,
    prefixes: FixedMap<Prefix>,
    /// The lengths of all prefixes, the longest first.
    lengths: Vec<usize>,
    /// Names that end with a slash and answer a URI without it by a redirect.
    redirects: FixedMap<LocationId>,
    regexes: RegexList<RegexLocation>,
}

#[derive(Debug, Clone, Copy)]
struct Prefix {
    id: LocationId,
    /// `^~`
    final_: bool,
}

#[derive(Debug)]
struct RegexLocation {
    names: Box<[(VarId, usize)]>,
    id: LocationId,
}

/// What a URI leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The location.
    Location(LocationId),
    /// The location's name is the URI with a slash behind.
    AddSlash(LocationId),
}

/// What remains to be done for a location that an expression chose.
pub struct Match<'t> {
    /// Groups to store in variables.
    pub names: &'t [(VarId, usize)],
    /// All groups.
    pub captures: Captures,
}

impl LocationTree {
    /// Adds `location = name`; false if there is one already.
    pub fn add_exact(&mut self, name: &[u8], id: LocationId) -> bool {
        self.exact.insert(name.into(), id).is_none()
    }

    /// Adds `location name` or `location ^~ name`; false if there is one already.
    pub fn add_prefix(&mut self, name: &[u8], id: LocationId, final_: bool) -> bool {
        if let Err(at) = self
            .lengths
            .binary_search_by(|length| name.len().cmp(length))
        {
            self.lengths.insert(at, name.len());
        }
        self.prefixes
            .insert(name.into(), Prefix { id, final_ })
            .is_none()
    }

    /// Adds `location ~ expression`.
    pub fn add_regex(&mut self, regex: Regex, names: Vec<(VarId, usize)>, id: LocationId) {
        let names = names.into();
        self.regexes
            .push(Arc::new(regex), RegexLocation { names, id });
    }

    /// Makes look-ups fast, once all locations are there.
    pub fn finish(&mut self) {
        self.regexes.finish();
    }

    /// Lets a location whose name ends with a slash answer its name without the slash.
    pub fn add_redirect(&mut self, name: &[u8], id: LocationId) {
        if let [without @ .., b'/'] = name {
            self.redirects.insert(without.into(), id);
        }
    }

    /// Finds the location for `uri`, going into nested ones; `matched` learns of expressions.
    pub fn find(
        &self,
        config: &Config,
        uri: &Bytes,
        matched: &mut dyn FnMut(Match<'_>),
    ) -> Option<Found> {
        self.search(config, uri, matched).map(|(found, _)| found)
    }

    /// The location, and whether it is decided: then no outer expression is tried.
    fn search(
        &self,
        config: &Config,
        uri: &Bytes,
        matched: &mut dyn FnMut(Match<'_>),
    ) -> Option<(Found, bool)> {
        if let Some(&id) = self.exact.get(&uri[..]) {
            return Some((Found::Location(id), true));
        }
        if let Some(&id) = self.redirects.get(&uri[..])
            && !self.prefixes.contains_key(&uri[..])
        {
            return Some((Found::AddSlash(id), true));
        }
        let mut found = None;
        if let Some(prefix) = self.longest_prefix(uri) {
            let inner = search_inside(config, prefix.id, uri, matched);
            if let Some((_, true)) = inner {
                return inner;
            }
            found = Some(inner.unwrap_or((Found::Location(prefix.id), false)));
            if prefix.final_ {
                return found;
            }
        }
        self.search_regexes(config, uri, matched).or(found)
    }

    fn longest_prefix(&self, uri: &[u8]) -> Option<Prefix> {
        let mut fitting = self.lengths.iter().filter(|&&length| length <= uri.len());
        fitting.find_map(|&length| self.prefixes.get(&uri[..length]).copied())
    }

    fn search_regexes(
        &self,
        config: &Config,
        uri: &Bytes,
        matched: &mut dyn FnMut(Match<'_>),
    ) -> Option<(Found, bool)> {
        let (location, captures) = self.regexes.first_match(uri)?;
        matched(Match {
            names: &location.names,
            captures,
        });
        let inner = search_inside(config, location.id, uri, matched);
        let found = inner.map_or(Found::Location(location.id), |(found, _)| found);
        Some((found, true))
    }
}

/// As [`LocationTree::search`] among the locations inside of one, if there are any.
fn search_inside(
    config: &Config,
    id: LocationId,
    uri: &Bytes,
    matched: &mut dyn FnMut(Match<'_>),
) -> Option<(Found, bool)> {
    let tree = config.location(id).tree.as_ref()?;
    tree.search(config, uri, matched)
}
