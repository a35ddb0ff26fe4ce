//! Directives of nginx that are not here yet: told apart from typing errors.

use conf::{Diagnostic, Item};

/// What their names begin with.
const BEGINNINGS: &[&str] = &[
    "add_before_body",
    "add_after_body",
    "addition_types",
    "ancient_browser",
    "auth_jwt",
    "auth_request",
    "autoindex",
    "charset",
    "create_full_put_path",
    "dav_",
    "fastcgi_",
    "geo",
    "grpc_",
    "gunzip",
    "http2",
    "http3",
    "hash",
    "image_filter",
    "ip_hash",
    "least_conn",
    "limit_conn",
    "limit_req",
    "memcached_",
    "min_delete_depth",
    "mirror",
    "modern_browser",
    "mp4",
    "override_charset",
    "perl",
    "proxy_cache",
    "proxy_no_cache",
    "quic_",
    "random",
    "random_index",
    "real_ip_",
    "referer_hash_",
    "scgi_",
    "secure_link",
    "set_real_ip_from",
    "slice",
    "source_charset",
    "split_clients",
    "ssi",
    "stub_status",
    "sub_filter",
    "userid",
    "uwsgi_",
    "valid_referers",
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
