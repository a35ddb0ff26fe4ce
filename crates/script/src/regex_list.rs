//! Many expressions of which the first that matches counts: regex locations, server names, `map`.
//!
//! Trying them one after another costs as much as there are. Most demand some text, such as
//! `/shop/` in `^/shop/(\d+)$`, and cannot match a subject without it. An index over these texts
//! gives the few expressions that can; only those, and the ones that demand nothing, are tried, in
//! their order. So the answer is that of trying all.

use std::sync::Arc;

use bytes::Bytes;

use crate::regex::{Captures, Regex};
use index::Index;

mod index;
mod literals;

/// From how many expressions on that demand something an index is worth its look-up.
const INDEXED_MIN: usize = 4;

/// Expressions in the order in which they are tried, each with what it stands for.
#[derive(Debug)]
pub struct RegexList<T> {
    entries: Vec<(Arc<Regex>, T)>,
    filter: Option<Filter>,
}

/// Which expressions need to be tried.
#[derive(Debug)]
struct Filter {
    index: Index,
    /// Those that demand nothing, in rising order.
    always: Vec<u32>,
}

impl<T> Default for RegexList<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            filter: None,
        }
    }
}

impl<T> RegexList<T> {
    /// With room for so many.
    pub fn with_capacity(expressions: usize) -> Self {
        Self {
            entries: Vec::with_capacity(expressions),
            filter: None,
        }
    }

    /// Adds an expression behind the others.
    pub fn push(&mut self, regex: Arc<Regex>, value: T) {
        self.entries.push((regex, value));
        self.filter = None;
    }

    /// Makes the index, once all expressions are there.
    pub fn finish(&mut self) {
        if self.entries.len() < INDEXED_MIN {
            return;
        }
        let (mut demands, mut always) = (Vec::new(), Vec::new());
        for (number, (regex, _)) in self.entries.iter().enumerate() {
            match literals::demanded(regex.as_str()) {
                Some(texts) => demands.extend(texts.into_iter().map(|text| (number as u32, text))),
                None => always.push(number as u32),
            }
        }
        if self.entries.len() - always.len() >= INDEXED_MIN {
            let index = Index::new(demands);
            self.filter = Some(Filter { index, always });
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The first expression that matches. A match that runs into its limits counts as none, as
    /// nginx treats an error.
    pub fn first_match(&self, subject: &Bytes) -> Option<(&T, Captures)> {
        let mut hits = Vec::new();
        if let Some(filter) = &self.filter
            && filter.index.find(subject, self.entries.len(), &mut hits)
        {
            return self.first_of(merged(&filter.always, &hits), subject);
        }
        self.first_of(0..self.entries.len() as u32, subject)
    }

    fn first_of(
        &self,
        mut numbers: impl Iterator<Item = u32>,
        subject: &Bytes,
    ) -> Option<(&T, Captures)> {
        numbers.find_map(|number| {
            let (regex, value) = self.entries.get(number as usize)?;
            let captures = regex.captures(subject).ok()??;
            Some((value, captures))
        })
    }
}

/// Two rising lists without a number in common as one.
fn merged<'l>(one: &'l [u32], other: &'l [u32]) -> impl Iterator<Item = u32> + 'l {
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(a), Some(b)) if a > b => other.next().copied(),
        (Some(_), _) => one.next().copied(),
        (None, _) => other.next().copied(),
    })
}

#[cfg(test)]
mod tests;
