//! `map`: a value chosen by another value (`ngx_http_map_module`).

use std::sync::Arc;

use bytes::Bytes;
use conf::{Diagnostic, Item};

use crate::regex::Regex;
use crate::regex_list::RegexList;
use crate::table_hash::FixedMap;
use crate::template::Template;
use crate::variables::{Caching, Context, Names, Rule, VarId};

/// A compiled map. Exact and wildcard look-ups are hashes; expressions are tried in their order.
pub struct Map<C: ?Sized> {
    source: Template,
    hostnames: bool,
    caching: Caching,
    exact: FixedMap<Template>,
    /// `*.example.com`, kept as `example.com`.
    heads: FixedMap<Template>,
    /// `www.example.*`, kept as `www.example`.
    tails: FixedMap<Template>,
    expressions: RegexList<Expression>,
    default: Template,
    context: std::marker::PhantomData<fn(&C)>,
}

/// About how many entries are no expressions.
fn exact_entries(item: &Item) -> usize {
    let is_text = |entry: &&Item| !entry.name.text.starts_with(b"~");
    item.entries().iter().filter(is_text).count()
}

impl<C: Context + ?Sized> Rule<C> for Map<C> {
    fn value(&self, cx: &C) -> Bytes {
        let key = self.source.value(cx);
        self.choose(&key, cx).value(cx)
    }
}

struct Expression {
    names: Box<[(VarId, usize)]>,
    value: Template,
}

impl<C: Context + ?Sized> Map<C> {
    /// Compiles `map source $name { … }`; errors go to `errors`.
    pub fn compile(
        item: &Item,
        names: &mut Names<C>,
        errors: &mut Vec<Diagnostic>,
    ) -> Option<Self> {
        let source = item.arg(0).ok()?;
        let source = match Template::compile(&source.text, names) {
            Ok(source) => source,
            Err(message) => {
                errors.push(item.error(message));
                return None;
            }
        };
        let exact = exact_entries(item);
        let mut map = Self {
            source,
            hostnames: false,
            caching: Caching::Cached,
            exact: FixedMap::with_capacity_and_hasher(exact, Default::default()),
            heads: FixedMap::default(),
            tails: FixedMap::default(),
            expressions: RegexList::with_capacity(item.entries().len() - exact),
            default: Template::default(),
            context: std::marker::PhantomData,
        };
        let is = |entry: &Item, word: &[u8]| entry.args.is_empty() && entry.name.text == word;
        map.hostnames = item.entries().iter().any(|entry| is(entry, b"hostnames"));
        if item.entries().iter().any(|entry| is(entry, b"volatile")) {
            map.caching = Caching::Volatile;
        }
        let mut has_default = false;
        for entry in item.entries() {
            if is(entry, b"hostnames") || is(entry, b"volatile") {
                continue;
            }
            if let Err(error) = map.entry(entry, names, &mut has_default) {
                errors.push(error);
            }
        }
        map.expressions.finish();
        Some(map)
    }

    fn entry(
        &mut self,
        entry: &Item,
        names: &mut Names<C>,
        has_default: &mut bool,
    ) -> Result<(), Diagnostic> {
        let [value] = &entry.args[..] else {
            return Err(entry.error("invalid number of the map parameters"));
        };
        let value =
            Template::compile(&value.text, names).map_err(|message| entry.error(message))?;
        let key = &entry.name.text[..];
        if key == b"default" {
            if std::mem::replace(has_default, true) {
                return Err(entry.error("duplicate default map parameter"));
            }
            self.default = value;
            return Ok(());
        }
        if let Some(pattern) = key.strip_prefix(b"~") {
            return self.expression(entry, pattern, value, names);
        }
        let key = key.strip_prefix(b"\\").unwrap_or(key).to_ascii_lowercase();
        if self.hostnames && has_star_inside(&key) {
            let key = entry.name.display();
            return Err(entry.error(format!("invalid hostname or wildcard \"{key}\"")));
        }
        let place = match &key[..] {
            [b'*', b'.', host @ ..] if self.hostnames => self.heads.insert(host.into(), value),
            [b'.', host @ ..] if self.hostnames && !host.is_empty() => {
                let exact = self.exact.insert(host.into(), value.clone());
                exact.or(self.heads.insert(host.into(), value))
            }
            [host @ .., b'.', b'*'] if self.hostnames => self.tails.insert(host.into(), value),
            _ => self.exact.insert(key.into(), value),
        };
        match place {
            Some(_) => {
                let message = format!("conflicting parameter \"{}\"", entry.name.display());
                Err(entry.error(message))
            }
            None => Ok(()),
        }
    }

    fn expression(
        &mut self,
        entry: &Item,
        pattern: &[u8],
        value: Template,
        names: &mut Names<C>,
    ) -> Result<(), Diagnostic> {
        let (pattern, caseless) = match pattern.strip_prefix(b"*") {
            Some(pattern) => (pattern, true),
            None => (pattern, false),
        };
        let regex = Regex::new(pattern, caseless).map_err(|error| {
            entry.error(format!(
                "invalid regular expression \"{}\": {error}",
                entry.name.display()
            ))
        })?;
        let named = regex.names().iter().map(|(name, index)| {
            Ok((
                names.define(name).map_err(|message| entry.error(message))?,
                *index,
            ))
        });
        let named = named.collect::<Result<_, Diagnostic>>()?;
        let expression = Expression {
            names: named,
            value,
        };
        self.expressions.push(Arc::new(regex), expression);
        Ok(())
    }

    /// Whether a request evaluates it once.
    pub fn caching(&self) -> Caching {
        self.caching
    }

    fn choose(&self, key: &Bytes, cx: &C) -> &Template {
        if let Some(value) = self.look_up(key) {
            return value;
        }
        match self.expressions.first_match(key) {
            Some((expression, captures)) => {
                cx.set_named(&expression.names, &captures);
                cx.set_captures(captures);
                &expression.value
            }
            None => &self.default,
        }
    }

    fn look_up(&self, key: &[u8]) -> Option<&Template> {
        let mut key = key.to_ascii_lowercase();
        if self.hostnames && key.last() == Some(&b'.') {
            key.pop();
        }
        if let Some(value) = self.exact.get(&key[..]) {
            return Some(value);
        }
        if !self.hostnames {
            return None;
        }
        let dots = |key: &[u8]| -> Vec<usize> {
            key.iter()
                .enumerate()
                .filter(|(_, byte)| **byte == b'.')
                .map(|(at, _)| at)
                .collect()
        };
        let dots = dots(&key);
        // The longest name wins: heads from the left, then tails from the right.
        let head = dots.iter().find_map(|&at| self.heads.get(&key[at + 1..]));
        head.or_else(|| dots.iter().rev().find_map(|&at| self.tails.get(&key[..at])))
    }
}

/// Whether a star stands elsewhere than for the labels at one end.
fn has_star_inside(key: &[u8]) -> bool {
    let rest = key.strip_prefix(b"*.").or(key.strip_suffix(b".*"));
    rest.unwrap_or(key).contains(&b'*')
}
