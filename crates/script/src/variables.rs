//! The variables of a configuration: built-in ones, those that it sets, and those that rules make.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;

use bytes::Bytes;

use crate::regex::Captures;

/// A variable of one configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VarId(u32);

/// Where values come from: a request or a session.
pub trait Context {
    /// Appends a variable's value; `false` if it has none.
    fn variable(&self, id: VarId, out: &mut Vec<u8>) -> bool;

    /// Appends a group of the last match, if there is one.
    fn capture(&self, index: usize, out: &mut Vec<u8>);

    /// Replaces what the last match left behind.
    fn set_captures(&self, captures: Captures);

    /// Stores the named groups of a match in their variables.
    fn set_named(&self, names: &[(VarId, usize)], captures: &Captures);

    /// The client's address; none for a unix socket.
    fn client_ip(&self) -> Option<IpAddr>;

    /// The values of `X-Forwarded-For`, first line first; none in a protocol without fields.
    fn forwarded_for(&self) -> Vec<Bytes>;
}

/// How a variable's value follows from others: `map`, `geo`, `split_clients`.
pub trait Rule<C: ?Sized>: Send + Sync {
    /// The value.
    fn value(&self, cx: &C) -> Bytes;
}

/// Whether a request evaluates a rule once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    /// The first value stays.
    Cached,
    /// `volatile`: every use evaluates it anew.
    Volatile,
}

/// Reads a built-in variable: appends the value, `false` if it has none.
#[derive(Debug)]
pub enum Get<C: ?Sized> {
    /// A variable with one name.
    Plain(fn(&C, &mut Vec<u8>) -> bool),
    /// One of many with the same beginning; the text is what follows it.
    Prefix(fn(&C, &str, &mut Vec<u8>) -> bool),
}

impl<C: ?Sized> Clone for Get<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: ?Sized> Copy for Get<C> {}

/// A row of a protocol's table of variables.
#[derive(Debug)]
pub struct Builtin<C: ?Sized> {
    /// The name, or what all its names begin with.
    pub name: &'static str,
    /// Reads it.
    pub get: Get<C>,
    /// What `set` does with it; `None`: it cannot be changed.
    pub set: Option<fn(&C, &[u8])>,
    /// What it is, for the reference.
    pub doc: &'static str,
}

impl<C: ?Sized> Builtin<C> {
    /// Whether it stands for all names that begin so.
    pub fn is_prefix(&self) -> bool {
        matches!(self.get, Get::Prefix(_))
    }
}

enum Source<C: ?Sized> {
    /// Named somewhere, defined nowhere so far.
    Unknown,
    Builtin(Get<C>, Box<str>),
    /// Only what `set` or a named group stored.
    Stored,
    Rule(Box<dyn Rule<C>>),
}

struct Entry<C: ?Sized> {
    name: Box<str>,
    source: Source<C>,
    set: Option<fn(&C, &[u8])>,
    changeable: bool,
    /// Where the request keeps its value, if it keeps one.
    slot: Option<u32>,
    cached: bool,
}

/// The names seen while a configuration is compiled.
pub struct Names<C: ?Sized + 'static> {
    tables: Vec<&'static [Builtin<C>]>,
    by_name: HashMap<Box<str>, VarId>,
    entries: Vec<Entry<C>>,
    slots: u32,
}

/// The variables of a compiled configuration.
pub struct Variables<C: ?Sized + 'static> {
    entries: Box<[Entry<C>]>,
    slots: usize,
    /// The slots of rules whose first value stays.
    cached: Box<[u32]>,
    by_name: HashMap<Box<str>, VarId>,
    tables: Vec<&'static [Builtin<C>]>,
}

impl<C: ?Sized> Default for Variables<C> {
    fn default() -> Self {
        Self {
            entries: Box::default(),
            slots: 0,
            cached: Box::default(),
            by_name: HashMap::new(),
            tables: Vec::new(),
        }
    }
}

impl<C: ?Sized> std::fmt::Debug for Variables<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.entries.iter().map(|entry| &entry.name))
            .finish()
    }
}

impl<C: ?Sized> Names<C> {
    /// No names yet, over the protocol's tables.
    pub fn new(tables: Vec<&'static [Builtin<C>]>) -> Self {
        Self {
            tables,
            by_name: HashMap::new(),
            entries: Vec::new(),
            slots: 0,
        }
    }

    /// The variable of that name, which may be defined later.
    pub fn use_name(&mut self, name: &str) -> VarId {
        if let Some(&id) = self.by_name.get(name) {
            return id;
        }
        let builtin = self.builtin(name);
        let (source, set, changeable) = match builtin {
            Some((row, suffix)) => {
                let changeable = row.is_prefix() || row.set.is_some();
                (Source::Builtin(row.get, suffix.into()), row.set, changeable)
            }
            None => (Source::Unknown, None, true),
        };
        let id = VarId(self.entries.len() as u32);
        self.entries.push(Entry {
            name: name.into(),
            source,
            set,
            changeable,
            slot: None,
            cached: false,
        });
        self.by_name.insert(name.into(), id);
        id
    }

    /// A variable that the configuration itself sets: `set`, a named group, `auth_request_set`.
    pub fn define(&mut self, name: &str) -> Result<VarId, String> {
        let id = self.use_name(name);
        let entry = &mut self.entries[id.0 as usize];
        if !entry.changeable {
            return Err(format!("the duplicate \"{name}\" variable"));
        }
        if matches!(entry.source, Source::Unknown) {
            entry.source = Source::Stored;
        }
        if entry.set.is_none() && entry.slot.is_none() {
            entry.slot = Some(self.slots);
            self.slots += 1;
        }
        Ok(id)
    }

    /// A variable whose value follows from a rule.
    pub fn define_rule(
        &mut self,
        name: &str,
        rule: Box<dyn Rule<C>>,
        caching: Caching,
    ) -> Result<VarId, String> {
        let id = self.use_name(name);
        let entry = &mut self.entries[id.0 as usize];
        if matches!(entry.source, Source::Builtin(..)) && !entry.changeable {
            return Err(format!("the duplicate \"{name}\" variable"));
        }
        entry.source = Source::Rule(rule);
        entry.cached = caching == Caching::Cached;
        if entry.slot.is_none() {
            entry.slot = Some(self.slots);
            self.slots += 1;
        }
        Ok(id)
    }

    /// Ends compilation; the error names a variable that nothing defines.
    pub fn finish(self) -> Result<Variables<C>, String> {
        let unknown = |entry: &&Entry<C>| matches!(entry.source, Source::Unknown);
        if let Some(entry) = self.entries.iter().find(unknown) {
            return Err(format!("unknown \"{}\" variable", entry.name));
        }
        let cached = self.entries.iter().filter(|entry| entry.cached);
        Ok(Variables {
            cached: cached.filter_map(|entry| entry.slot).collect(),
            entries: self.entries.into(),
            slots: self.slots as usize,
            by_name: self.by_name,
            tables: self.tables,
        })
    }

    /// The name of a variable.
    pub fn name(&self, id: VarId) -> &str {
        &self.entries[id.0 as usize].name
    }

    /// The names that are used and not defined so far.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        let unknown = |entry: &&Entry<C>| matches!(entry.source, Source::Unknown);
        self.entries
            .iter()
            .filter(unknown)
            .map(|entry| &*entry.name)
    }

    fn builtin<'n>(&self, name: &'n str) -> Option<(&'static Builtin<C>, &'n str)> {
        builtin(&self.tables, name)
    }
}

/// The row for a name, and what of the name is behind the row's own.
fn builtin<'n, C: ?Sized>(
    tables: &[&'static [Builtin<C>]],
    name: &'n str,
) -> Option<(&'static Builtin<C>, &'n str)> {
    let rows = || tables.iter().flat_map(|table| table.iter());
    let exact = rows().find(|row| !row.is_prefix() && row.name == name);
    exact.map(|row| (row, "")).or_else(|| {
        let rows = rows().filter(|row| row.is_prefix());
        rows.filter_map(|row| Some((row, name.strip_prefix(row.name)?)))
            .find(|(_, suffix)| !suffix.is_empty())
    })
}

/// The values that one request keeps: of `set`, of named groups, of maps.
#[derive(Debug, Default)]
pub struct Slots(RefCell<Vec<Slot>>);

#[derive(Debug, Clone, Default)]
enum Slot {
    #[default]
    Unset,
    Value(Bytes),
    NotFound,
}

impl Slots {
    fn get(&self, slot: u32) -> Slot {
        self.0
            .borrow()
            .get(slot as usize)
            .cloned()
            .unwrap_or_default()
    }

    fn put(&self, slot: u32, slots: usize, value: Slot) {
        let mut values = self.0.borrow_mut();
        if values.is_empty() {
            values.resize(slots, Slot::Unset);
        }
        values[slot as usize] = value;
    }

    /// Takes over the values of another request: what an internal request of its own starts with.
    pub fn copy_from(&self, other: &Slots) {
        self.0.borrow_mut().clone_from(&other.0.borrow());
    }
}

impl<C: Context> Variables<C> {
    /// Appends the value of a variable; `false` if it has none.
    pub fn append(&self, id: VarId, cx: &C, slots: &Slots, out: &mut Vec<u8>) -> bool {
        let Some(entry) = self.entries.get(id.0 as usize) else {
            return false;
        };
        if let Some(slot) = entry.slot {
            match slots.get(slot) {
                Slot::Value(value) => {
                    out.extend_from_slice(&value);
                    return true;
                }
                Slot::NotFound => return false,
                Slot::Unset => {}
            }
        }
        match &entry.source {
            Source::Builtin(Get::Plain(get), _) => get(cx, out),
            Source::Builtin(Get::Prefix(get), suffix) => get(cx, suffix, out),
            Source::Rule(rule) => self.rule(entry, &**rule, cx, slots, out),
            // As ngx_http_rewrite_module: a variable that was never set is empty.
            Source::Stored | Source::Unknown => true,
        }
    }

    /// Appends the value of the variable of that name, which nothing in the configuration needs to
    /// have named: a page did. `false` if it has none, or there is none.
    pub fn append_named(&self, name: &str, cx: &C, slots: &Slots, out: &mut Vec<u8>) -> bool {
        if let Some(&id) = self.by_name.get(name) {
            return self.append(id, cx, slots, out);
        }
        match builtin(&self.tables, name) {
            Some((row, suffix)) => match row.get {
                Get::Plain(get) => get(cx, out),
                Get::Prefix(get) => get(cx, suffix, out),
            },
            None => false,
        }
    }

    fn rule(
        &self,
        entry: &Entry<C>,
        rule: &dyn Rule<C>,
        cx: &C,
        slots: &Slots,
        out: &mut Vec<u8>,
    ) -> bool {
        let value = rule.value(cx);
        out.extend_from_slice(&value);
        if let (true, Some(slot)) = (entry.cached, entry.slot) {
            slots.put(slot, self.slots, Slot::Value(value));
        }
        true
    }

    /// Forgets what rules came to: something that they may depend on is different now.
    pub fn forget_rules(&self, slots: &Slots) {
        let mut values = slots.0.borrow_mut();
        for &slot in &self.cached {
            if let Some(value) = values.get_mut(slot as usize) {
                *value = Slot::Unset;
            }
        }
    }

    /// Stores a value, as `set` does.
    pub fn set(&self, id: VarId, value: Option<Bytes>, cx: &C, slots: &Slots) {
        let Some(entry) = self.entries.get(id.0 as usize) else {
            return;
        };
        match (entry.set, entry.slot) {
            (Some(set), _) => set(cx, value.as_deref().unwrap_or_default()),
            (None, Some(slot)) => {
                let value = value.map_or(Slot::NotFound, Slot::Value);
                slots.put(slot, self.slots, value);
            }
            (None, None) => {}
        }
    }

    /// The name of a variable.
    pub fn name(&self, id: VarId) -> &str {
        self.entries
            .get(id.0 as usize)
            .map_or("", |entry| &entry.name)
    }
}
