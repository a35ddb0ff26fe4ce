//! Directives of nginx that are not here yet: told apart from typing errors.

use conf::{Diagnostic, Item};

/// What their names begin with.
const BEGINNINGS: &[&str] = &[
    "ancient_browser",
    "auth_jwt_",
    "create_full_put_path",
    "dav_",
    "fastcgi_",
    "geoip_",
    "grpc_",
    "http3",
    "image_filter",
    "memcached_",
    "min_delete_depth",
    "modern_browser",
    "mp4",
    "perl",
    "proxy_cache_",
    "proxy_no_cache",
    "quic_",
    "scgi_",
    "slice",
    "uwsgi_",
    "xml_entities",
    "xslt_",
];

/// Says of an unknown directive that it is one of nginx's, if so.
pub fn explain(error: Diagnostic, item: &Item) -> Diagnostic {
    let name = item.name();
    let is_unknown = error.message.starts_with("unknown directive");
    let is_missing = BEGINNINGS
        .iter()
        .any(|beginning| name.starts_with(beginning));
    match is_unknown && is_missing {
        true => error.help("nginx has it; Portway does not support it yet"),
        false => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::MODULES;

    #[test]
    fn nothing_that_is_here_is_called_missing_by_its_whole_name() {
        let names = || MODULES.iter().flat_map(|module| module.directives);
        for missing in BEGINNINGS {
            let here = names().any(|entry| entry.name == *missing);
            assert!(!here, "{missing} is here");
        }
    }
}
