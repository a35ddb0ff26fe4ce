//! Named zones: state that all threads share and that outlives a configuration
//! (`ngx_shared_memory_add`, `ngx_init_zone_pool`).
//!
//! While a configuration is compiled, directives declare zones by name, kind and size and get a
//! typed id. The compiled [`Zones`] are part of the configuration. Their state is made when it is
//! first asked for, so that a configuration that is only tested makes none; at a reload it is taken
//! over from the zone of the same name, kind and size ([`Zones::take_over`]).
//!
//! A new kind is a line in the list at the end of this file, and a [`Kind`] for its state.

pub mod key;
pub mod lru;
pub mod shards;

use std::fmt;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use conf::{Diagnostic, Item, Span, value};

/// The state of one kind of zone. It locks for itself (see [`shards::Shards`]), never across an
/// await.
pub trait Kind: fmt::Debug + Send + Sync + Sized + 'static {
    /// What the configuration says of the zone beside name and size. It belongs to one
    /// configuration; the state does not.
    type Conf: fmt::Debug + Default + Send + Sync;

    /// Fresh state of about so many bytes, by nginx's reckoning.
    fn new(bytes: u64) -> Self;

    /// Why state that was made under `old` cannot serve `new`: nginx's message, which ends the
    /// reload.
    fn conflict(name: &str, old: &Self::Conf, new: &Self::Conf) -> Option<String> {
        let _ = (name, old, new);
        None
    }
}

/// A kind that has its place among the [`Zones`].
pub trait Listed: Kind {
    /// Its name in the list of kinds.
    const TAG: &'static str;
    /// The zones of this kind.
    fn zones(all: &Zones) -> &[Zone<Self>];
    /// The same, while compiling.
    fn zones_mut(all: &mut Zones) -> &mut Vec<Zone<Self>>;
}

/// A zone of one kind, in one configuration.
pub struct ZoneId<T> {
    index: u32,
    kind: PhantomData<fn() -> T>,
}

impl<T> ZoneId<T> {
    fn new(index: usize) -> Self {
        Self {
            index: index as u32,
            kind: PhantomData,
        }
    }
}

// Derived, these would ask the same of the kind.
impl<T> Clone for ZoneId<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ZoneId<T> {}

impl<T> PartialEq for ZoneId<T> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
    }
}

impl<T> Eq for ZoneId<T> {}

impl<T> fmt::Debug for ZoneId<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ZoneId({})", self.index)
    }
}

/// A zone: what one configuration says of it, and the state behind its name.
#[derive(Debug)]
pub struct Zone<T: Kind> {
    name: Box<str>,
    bytes: u64,
    conf: T::Conf,
    bound: bool,
    first_named: Span,
    state: OnceLock<Arc<T>>,
}

impl<T: Kind> Zone<T> {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What this configuration says of it.
    pub fn conf(&self) -> &T::Conf {
        &self.conf
    }

    /// The state that all threads share.
    pub fn state(&self) -> &Arc<T> {
        self.state.get_or_init(|| Arc::new(T::new(self.bytes)))
    }

    /// Whether the state of the older zone can become that of this one.
    fn continues(&self, old: &Self) -> bool {
        self.name == old.name && self.bytes == old.bytes
    }
}

/// `name:size`, as directives give a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameAndSize<'a> {
    /// The name.
    pub name: &'a str,
    /// Bytes; 0 if the size is given elsewhere.
    pub bytes: u64,
}

/// Zones are at least eight pages, as nginx's allocator needs.
pub const BYTES_MIN: u64 = 8 * 4096;

impl<'a> NameAndSize<'a> {
    /// Reads what stands behind `zone=` in a line of which `parameter` is the whole word; `None`
    /// is a line without it.
    pub fn required(item: &Item, parameter: Option<&'a str>) -> Result<Self, Diagnostic> {
        let text = parameter.and_then(|parameter| parameter.strip_prefix("zone="));
        if let (Some(parameter), Some(text)) = (parameter, text) {
            let zone = Self::parse(item, parameter, text)?;
            if !zone.name.is_empty() {
                return Ok(zone);
            }
        }
        Err(lacks_zone(item))
    }

    /// Reads the text behind `zone=` in `parameter`, with nginx's messages.
    pub fn parse(item: &Item, parameter: &str, text: &'a str) -> Result<Self, Diagnostic> {
        let invalid = || item.error(format!("invalid zone size \"{parameter}\""));
        let (name, size) = text.split_once(':').ok_or_else(invalid)?;
        let bytes = value::size(size.as_bytes()).ok_or_else(invalid)?;
        match bytes < BYTES_MIN {
            true => Err(item.error(format!("zone \"{parameter}\" is too small"))),
            false => Ok(Self { name, bytes }),
        }
    }
}

/// `"x" must have "zone" parameter`
pub fn lacks_zone(item: &Item) -> Diagnostic {
    item.error(format!("\"{}\" must have \"zone\" parameter", item.name()))
}

impl Zones {
    /// The zone of that name, which is made if there is none yet. `bytes` is 0 where a directive
    /// only names a zone that another one gives its size.
    pub fn add<T: Listed>(
        &mut self,
        item: &Item,
        name: &str,
        bytes: u64,
    ) -> Result<ZoneId<T>, Diagnostic> {
        match self.tag_of(name) {
            None => {
                let zones = T::zones_mut(self);
                zones.push(Zone {
                    name: name.into(),
                    bytes,
                    conf: T::Conf::default(),
                    bound: false,
                    first_named: item.span(),
                    state: OnceLock::new(),
                });
                return Ok(ZoneId::new(zones.len() - 1));
            }
            Some(tag) if tag == T::TAG => {}
            Some(_) => {
                return Err(item.error(format!(
                    "the shared memory zone \"{name}\" is already declared for a different use"
                )));
            }
        }
        let mut zones = T::zones_mut(self).iter_mut().enumerate();
        let found = zones.find(|(_, zone)| *zone.name == *name);
        let Some((at, zone)) = found else {
            return Err(item.error(format!("zero size shared memory zone \"{name}\"")));
        };
        if zone.bytes == 0 {
            zone.bytes = bytes;
        }
        if bytes != 0 && bytes != zone.bytes {
            let declared = zone.bytes;
            return Err(item.error(format!(
                "the size {bytes} of shared memory zone \"{name}\" conflicts with already declared size {declared}"
            )));
        }
        Ok(ZoneId::new(at))
    }

    /// Says what the configuration says of a zone; if that was said before, the error is what.
    pub fn bind<T: Listed>(&mut self, id: ZoneId<T>, conf: T::Conf) -> Result<(), &T::Conf> {
        let zone = &mut T::zones_mut(self)[id.index as usize];
        if zone.bound {
            return Err(&zone.conf);
        }
        zone.conf = conf;
        zone.bound = true;
        Ok(())
    }

    /// A zone of this configuration.
    pub fn get<T: Listed>(&self, id: ZoneId<T>) -> &Zone<T> {
        &T::zones(self)[id.index as usize]
    }
}

fn without_size<T: Kind>(zones: &[Zone<T>]) -> impl Iterator<Item = Diagnostic> {
    zones.iter().filter(|zone| zone.bytes == 0).map(|zone| {
        let name = zone.name();
        Diagnostic::emerg(format!("zero size shared memory zone \"{name}\""))
            .at(zone.first_named)
            .help("give the zone its size where it is declared")
    })
}

/// Pairs each zone with the one before it whose state it goes on with.
fn continued<'a, T: Kind>(
    zones: &'a [Zone<T>],
    old: &'a [Zone<T>],
) -> impl Iterator<Item = (&'a Zone<T>, &'a Zone<T>)> {
    zones.iter().filter_map(|zone| {
        let before = old.iter().find(|old| zone.continues(old))?;
        Some((zone, before))
    })
}

fn take_over<T: Kind>(zones: &[Zone<T>], old: &[Zone<T>]) {
    for (zone, before) in continued(zones, old) {
        // Set already only if requests were served, and then it is too late.
        let _ = zone.state.set(before.state().clone());
    }
}

fn conflict<T: Kind>(zones: &[Zone<T>], old: &[Zone<T>]) -> Option<String> {
    continued(zones, old)
        .find_map(|(zone, before)| T::conflict(&zone.name, &before.conf, &zone.conf))
}

/// Declares [`Zones`] from the kinds.
macro_rules! kinds {
    ($( $(#[$attr:meta])* $kind:ident: $state:ty ),* $(,)?) => {
        /// The zones of a configuration.
        #[derive(Debug, Default)]
        pub struct Zones {
            $( $(#[$attr])* $kind: Vec<Zone<$state>>, )*
        }

        impl Zones {
            /// The kind of the zone of that name.
            fn tag_of(&self, name: &str) -> Option<&'static str> {
                $( $(#[$attr])* {
                    if self.$kind.iter().any(|zone| *zone.name == *name) {
                        return Some(stringify!($kind));
                    }
                } )*
                None
            }

            /// What is wrong once everything was read: zones that were named and never declared.
            pub fn finish(&self) -> Vec<Diagnostic> {
                let mut errors = Vec::new();
                $( $(#[$attr])* { errors.extend(without_size(&self.$kind)); } )*
                errors
            }

            /// Goes on with the state of an older configuration, where name, kind and size agree.
            /// Called once, before the first request.
            pub fn take_over(&self, old: &Zones) {
                $( $(#[$attr])* { take_over(&self.$kind, &old.$kind); } )*
            }

            /// Why the state of an older configuration cannot be gone on with.
            pub fn conflict(&self, old: &Zones) -> Option<String> {
                $( $(#[$attr])* {
                    if let Some(message) = conflict(&self.$kind, &old.$kind) {
                        return Some(message);
                    }
                } )*
                None
            }
        }

        $( $(#[$attr])* impl Listed for $state {
            const TAG: &'static str = stringify!($kind);

            fn zones(all: &Zones) -> &[Zone<Self>] {
                &all.$kind
            }

            fn zones_mut(all: &mut Zones) -> &mut Vec<Zone<Self>> {
                &mut all.$kind
            }
        } )*
    };
}

kinds! {
    limit_req: crate::modules::limit_req::Rates,
    limit_conn: crate::modules::limit_conn::Counts,
    upstream: crate::modules::upstream::zone::Groups,
    sticky: crate::modules::upstream::sticky::sessions::Sessions,
    #[cfg(test)]
    sample: tests::Sample,
    #[cfg(test)]
    other: tests::Other,
}

#[cfg(test)]
mod tests;
