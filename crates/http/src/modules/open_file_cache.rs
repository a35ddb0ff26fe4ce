//! `open_file_cache` and what belongs to it: descriptors and what is known of paths are kept.

use std::time::Duration;

use conf::{Arity, Directive};

use crate::module::{ANY, Module, Set, doc, inert, store};
use crate::open_files::CacheConf;
use crate::settings::settings;

settings! {
    /// The cache; none unless one is given.
    cache: Option<CacheConf> = None, inherit;
    /// How long what is known is taken for true.
    valid: Duration = Duration::from_secs(60), inherit;
    /// How often a file must have been asked for to stay open.
    min_uses: u64 = 1, inherit;
    /// Whether it is remembered, too, that there is no file.
    errors: bool = false, inherit;
}

/// The module; in nginx its directives are those of the core.
pub const MODULE: Module = Module {
    name: "ngx_http_core_module (open files)",
    directives: DIRECTIVES,
    variables: &[],
};

#[rustfmt::skip]
const DIRECTIVES: &[Directive<Set>] = &[
    Directive::new("open_file_cache", ANY, Arity::Between(1, 2),
        Set::Level(|item, level, _| {
            let cache = CacheConf::read(item, false)?;
            item.once(&mut level.drafts.open_file_cache.cache, cache)
        }),
        doc("open_file_cache off | max=N [inactive=time];", "open_file_cache off;", "Keeps so many files open, each until nobody asked for it for a time (60s unless it is given). Every thread has its own cache.")),
    Directive::new("open_file_cache_valid", ANY, Arity::Exactly(1), store!(time open_file_cache.valid),
        doc("open_file_cache_valid time;", "open_file_cache_valid 60s;", "How long a file of the cache is taken for unchanged.")),
    Directive::new("open_file_cache_min_uses", ANY, Arity::Exactly(1), store!(number open_file_cache.min_uses),
        doc("open_file_cache_min_uses number;", "open_file_cache_min_uses 1;", "How often a file must be asked for to stay open.")),
    Directive::new("open_file_cache_errors", ANY, Arity::Flag, store!(flag open_file_cache.errors),
        doc("open_file_cache_errors on | off;", "open_file_cache_errors off;", "Whether the cache also knows that there is no file.")),
    inert("open_file_cache_events", ANY, Arity::Flag, "open_file_cache_events on | off;", "has no effect on Linux"),
];

impl Conf {
    /// The cache with all that is said about it.
    pub fn complete(&self) -> Option<CacheConf> {
        self.cache.map(|cache| CacheConf {
            valid: self.valid,
            min_uses: self.min_uses,
            ..cache
        })
    }
}
